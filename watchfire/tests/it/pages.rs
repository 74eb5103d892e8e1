//! Every page of the table of routes, walked by people of each kind after every form was sent full of hostile texts: no
//! script of another's runs, no request leaves, no link is broken, texts stand where they were put letter by letter, and
//! axe finds nothing in either language, theme or width. The ground is a small exercise, and the
//! demo's country, with `WATCHFIRE_LONG=1`. A site that does all of it wrongly must always be found out.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use console::routes::Verb;
use serde_json::{Value, json};

use crate::browser::{Peers, peers};
use crate::run::Bench;
use crate::serve::Serving;
use crate::serve::exercise::{exercise, inside};
use crate::serve::scenarios::Room;

/// Pages that the walk need not come to, each with the reason.
const NOT_REACHED: [(&str, &str); 9] = [
    ("/console/alarm/{link}", "the link stands in a mail only"),
    (
        "/console/assets/{name}",
        "what pages load; no link leads there",
    ),
    (
        "/console/incidents/{number}/evidence/{id}",
        "nothing is looked at in an exercise",
    ),
    (
        "/console/incidents/{number}/evidence/{id}/preview",
        "nothing is looked at in an exercise",
    ),
    ("/console/sign-in/code", "needs a sign-in that is half done"),
    ("/console/sign-in/oidc", "needs another house's provider"),
    (
        "/console/sign-in/oidc/back",
        "needs another house's provider",
    ),
    ("/console/{*rest}", "is no page: whatever is not there"),
    ("/portal/{*rest}", "is no page: whatever is not there"),
];

/// Walks like this one walk them all: `li.na` holds every role of the house.
const PEOPLE: [&str; 4] = ["li.na", "wu.branch", "zhou.party", ""];

/// The pages of the table: whatever answers to GET outside of the API.
fn patterns() -> Vec<&'static str> {
    let mut all: Vec<&str> = console::routes::all()
        .filter(|route| route.verb == Verb::Get && !route.path.starts_with("/api/"))
        .map(|route| route.path)
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Walks; what the walk says.
fn walk(peers: &Peers, folder: &Path, plan: &Value) -> Value {
    let mut whole = json!({ "npm": peers.npm, "chromium": peers.chromium });
    if let (Some(whole), Some(plan)) = (whole.as_object_mut(), plan.as_object()) {
        whole.extend(plan.clone());
    }
    let file = folder.join("plan.json");
    std::fs::write(&file, whole.to_string()).expect("a file");
    let output = Command::new("node")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/walk.cjs"))
        .arg(&file)
        .stderr(Stdio::inherit())
        .output()
        .expect("node runs");
    let told: Value = serde_json::from_slice(&output.stdout).expect("it tells in JSON");
    eprintln!(
        "{} s: {}; slowest {}",
        told["seconds"], told["phases"], told["slowest"]
    );
    assert_eq!(told["done"], true, "{}", told["error"]);
    told
}

fn lines(value: &Value) -> Vec<&str> {
    let all = value.as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter_map(Value::as_str).collect()
}

/// Walks a workspace that is served; every fault fails, and so does what the process itself found broken on the way.
fn sound(peers: &Peers, folder: &Path, serving: &Serving, strings: bool) -> Value {
    let accounts = std::fs::read_to_string(folder.join("accounts.txt")).expect("the accounts");
    let password = accounts
        .lines()
        .next()
        .and_then(|line| line.rsplit_once(' '))
        .map(|(_, password)| password)
        .expect("a password");
    let people: Vec<Value> = PEOPLE
        .iter()
        .map(|login| json!({ "login": login, "password": password }))
        .collect();
    let plan = json!({
        "base": format!("http://127.0.0.1:{}", serving.address.port()),
        "people": people,
        "patterns": patterns(),
        "strings": strings,
        // What a list's boxes lead to.
        "seeds": ["/console/incidents/bulk?act=note&n=1"],
    });
    let told = walk(peers, folder, &plan);
    let faults = lines(&told["faults"]);
    assert!(faults.is_empty(), "{}", faults.join("\n  "));
    let log = serving.log();
    let broken: Vec<&str> = log.lines().filter(|line| line.contains("ERROR")).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    told
}

/// `li.na` holds every role of the house: one person walks all of it.
fn all_roles(bench: &Bench) {
    let roles = "administrator,lead,editor,analyst,approver";
    bench
        .run(&["users", "add", "li.na", "--role", roles, "--as", "li.na"])
        .exits(0);
}

const WITH_A_FILE: &str = "\
From: <cert@partner.example>\r\nTo: <incidents@cert.example>\r\nSubject: A list\r\n\
Message-ID: <list@partner.example>\r\nMIME-Version: 1.0\r\n\
Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n\
--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nDear colleagues,\r\n\r\nsee the file.\r\n\
--b\r\nContent-Type: text/csv; name=\"a.csv\"\r\nContent-Disposition: attachment; filename=\"a.csv\"\r\n\r\n\
ip,seen\r\n192.0.2.1,2026-11-01\r\n--b--\r\n";

/// Something of each kind, where the forms alone would make nothing: a matter of the party's and one of the branch's, an
/// alarm, a promise, a handover, a month that was counted.
fn furnish(bench: &Bench, room: &Room) {
    room.begin(&room.editor, "outage");
    let drill = room.begin(&room.officer, "infected-host");
    let number = drill.incidents()[0];
    drill.step(number, "validate", None);
    drill.promise();
    drill.hand_over();
    drill.released(1);
    drill.note(number);
    let one = room.get(&room.officer, &format!("incidents/{number}"));
    let party = one["parties"][0]["organization"].as_str().expect("a party");
    bench
        .run(&[
            "users",
            "organization",
            "zhou.party",
            party,
            "--as",
            "li.na",
        ])
        .exits(0);
    let other = room.begin(&room.lead, "wrong-takedown").incidents()[0];
    let accounts = bench.run(&["--json", "users", "list"]).exits(0).json();
    let branch = accounts["accounts"]
        .as_array()
        .and_then(|all| all.iter().find(|one| one["login"] == "wu.branch"))
        .and_then(|one| one["organization"].as_str())
        .expect("the branch has an organization")
        .to_owned();
    let body = json!({ "to": branch, "reason": "it lies in your province" });
    room.done(&room.lead, &format!("incidents/{other}/owner"), &body);
    let at =
        |hours: i64| (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours)).to_string();
    let shift = json!({ "login": "li.na", "role": "officer", "from": at(1), "to": at(9) });
    room.done(&room.lead, "duty/shifts", &json!({ "items": [shift] }));
    bench.write("with-a-file.eml", WITH_A_FILE);
    bench.run(&["inbox", "take", "with-a-file.eml"]).exits(0);
    let month = jiff::Timestamp::now().strftime("%Y-%m").to_string();
    let body = json!({ "kind": "month", "period": month });
    room.done(&room.editor, "bulletins/rollups", &body);
}

/// Whether there is time for it: every page in every look is minutes of a browser's work.
fn long() -> bool {
    let long = std::env::var("WATCHFIRE_LONG").is_ok_and(|value| value == "1");
    if !long {
        eprintln!("SKIPPED: every page is walked with WATCHFIRE_LONG=1 only");
    }
    long
}

#[test]
fn every_page_is_sound_with_hostile_texts_in_every_field() {
    if !long() {
        return;
    }
    let Some(peers) = peers() else {
        return;
    };
    let home = exercise();
    let bench = inside(&home).set("WATCHFIRE__RESPONSE__ROUND_SECS", "1");
    all_roles(&bench);
    let room = Room::open(&bench);
    furnish(&bench, &room);
    let told = sound(&peers, bench.path(), &room.serving, true);
    // Every page was seen, and what no link leads to says why.
    let visited: BTreeMap<String, u64> =
        serde_json::from_value(told["visited"].clone()).expect("counts");
    let reached = |pattern: &str| {
        visited.contains_key(pattern) || visited.contains_key(&format!("{pattern} >"))
    };
    let known = |pattern: &str| NOT_REACHED.iter().any(|(one, _)| *one == pattern);
    let missed: Vec<&str> = patterns()
        .into_iter()
        .filter(|pattern| !reached(pattern) && !known(pattern))
        .collect();
    assert!(missed.is_empty(), "no link leads to {missed:#?}");
    // The forms took the texts, and pages showed them: a walk that sent nothing would find nothing.
    let (stored, shown) = (lines(&told["stored"]), &told["verbatim"]);
    assert!(
        stored.len() >= 40,
        "{stored:#?}\nrefused: {:#?}",
        lines(&told["refused"])
    );
    let shown = shown.as_array().map_or(0, Vec::len);
    assert!(shown >= 15, "{shown} of {}", told["strings"]);
}

#[test]
fn every_page_of_the_demo_is_sound() {
    if !long() {
        return;
    }
    let Some(peers) = peers() else {
        return;
    };
    let home = Bench::new();
    home.run(&["demo", "country"]).exits(0);
    let bench = Bench::at(&home.path().join("country"));
    all_roles(&bench);
    let serving = Serving::start(&bench);
    sound(&peers, bench.path(), &serving, false);
}

/// A site that does everything wrongly: it shows what was sent as it came, cuts it, asks others for pictures, leads
/// nowhere, and is pale and broad.
fn broken_site() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let at = listener.local_addr().expect("it is bound");
    let kept = Arc::new(Mutex::new(String::new()));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let kept = Arc::clone(&kept);
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                let mut block = [0; 4096];
                let whole = |bytes: &[u8]| {
                    let text = String::from_utf8_lossy(bytes).into_owned();
                    let (head, body) = text.split_once("\r\n\r\n")?;
                    let length = head.lines().find_map(|line| {
                        let line = line.to_ascii_lowercase();
                        line.strip_prefix("content-length:")?.trim().parse().ok()
                    });
                    (body.len() >= length.unwrap_or(0)).then(|| (head.to_owned(), body.to_owned()))
                };
                let (head, body) = loop {
                    match stream.read(&mut block) {
                        Ok(0) | Err(_) => return,
                        Ok(size) => bytes.extend_from_slice(&block[..size]),
                    }
                    if let Some(found) = whole(&bytes) {
                        break found;
                    }
                };
                let mut kept = kept.lock().expect("nobody panics with it");
                let answer = if head.starts_with("POST") {
                    let mut fields = url::form_urlencoded::parse(body.as_bytes());
                    *kept = fields
                        .next()
                        .map(|(_, text)| text.into_owned())
                        .unwrap_or_default();
                    "HTTP/1.1 303 See Other\r\nLocation: /\r\nContent-Length: 0\r\n".to_owned()
                } else if head.starts_with("GET / ")
                    || head.starts_with("GET /?")
                    || head.starts_with("GET /report")
                {
                    let page = format!(
                        "<!doctype html><html lang=en><title>a</title><main><h1>a</h1>\
                         <p style='color:#ccc;background:#fff'>pale</p><div style='width:2000px'>broad</div>\
                         <a href=/nothing/1>nowhere</a><img alt='' src=http://evil.example.test/a.png>\
                         <form method=post action=/><label>a <input name=a></label><button>send</button></form>\
                         <p>{}</p><p>{}</p></main>",
                        kept,
                        kept.replace('<', "")
                    );
                    format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
                        page.len()
                    )
                } else {
                    "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n".to_owned()
                };
                let answer = match answer.contains("\r\n\r\n") {
                    true => answer,
                    false => format!("{answer}Connection: close\r\n\r\n"),
                };
                // It may have gone away.
                let _ = stream.write_all(answer.as_bytes());
            });
        }
    });
    at
}

#[test]
fn a_site_that_does_it_wrongly_is_found_out() {
    let Some(peers) = peers() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let plan = json!({
        "base": format!("http://127.0.0.1:{}", broken_site().port()),
        "people": [{ "login": "" }],
        "patterns": ["/", "/report", "/nothing/{number}"],
        "strings": true,
    });
    let told = walk(&peers, folder.path(), &plan);
    let faults = lines(&told["faults"]);
    for wanted in [
        "ran: ",
        "elsewhere: ",
        "color-contrast",
        "wider than 390",
        "a link leads to 404",
        "not verbatim",
    ] {
        assert!(
            faults.iter().any(|fault| fault.contains(wanted)),
            "{wanted} was not found: {faults:#?}"
        );
    }
}
