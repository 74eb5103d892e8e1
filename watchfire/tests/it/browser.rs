//! A week as five people live it, in Chromium: a complaint from the public, an incident, a notice through a real mail
//! server, an answer in the party's portal, looks that find the page gone, and the bulletin with both figures, signed by a
//! second person and read on the public site. Every page on the way is taken as a picture in both languages, both themes
//! and two widths, and judged by axe; a word on the browser's console or a request to elsewhere is a fault.
//!
//! The pictures are left in `target/pictures/week` to be looked at.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::run::Bench;
use crate::serve::Serving;

const PASSWORD: &str = "correct horse battery";

/// Says loudly that a peer is missing; in CI it must not be.
fn missing<T>(what: &str) -> Option<T> {
    assert!(
        std::env::var_os("WATCHFIRE_PEERS").is_none(),
        "{what} is missing; see .ci/run"
    );
    eprintln!(
        "SKIPPED: {what} is not installed; see .ci/run, WATCHFIRE_PEERS and WATCHFIRE_PEERS_NPM"
    );
    None
}

/// The programs of others: Python with aiosmtpd, npm's folder, Chromium.
pub struct Peers {
    pub python: PathBuf,
    pub npm: PathBuf,
    pub chromium: PathBuf,
}

pub fn peers() -> Option<Peers> {
    let Some(python) = std::env::var_os("WATCHFIRE_PEERS") else {
        return missing("aiosmtpd");
    };
    let python = Path::new(&python).join("bin/python");
    let npm = std::env::var_os("WATCHFIRE_PEERS_NPM").map(PathBuf::from);
    let npm = npm.filter(|npm| npm.join("node_modules/puppeteer-core").exists());
    let Some(npm) = npm else {
        return missing("puppeteer-core");
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let chromium = std::env::split_paths(&path)
        .map(|folder| folder.join("chromium"))
        .find(|file| file.exists());
    match chromium {
        Some(chromium) => Some(Peers {
            python,
            npm,
            chromium,
        }),
        None => missing("chromium"),
    }
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// aiosmtpd with a Maildir; where it listens.
fn mail_server(python: &Path, folder: &Path) -> (Running, SocketAddr) {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let at = free.local_addr().expect("it is bound");
    drop(free);
    let child = Command::new(python)
        .args(["-m", "aiosmtpd", "-n", "-l", &at.to_string()])
        .args(["-c", "aiosmtpd.handlers.Mailbox"])
        .arg(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("aiosmtpd runs");
    let begun = Instant::now();
    while std::net::TcpStream::connect(at).is_err() {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "aiosmtpd does not listen"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    (Running(child), at)
}

/// Mails in a Maildir, as text.
fn mails(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder.join("new"))
        .into_iter()
        .flatten()
        .flatten();
    entries
        .filter_map(|entry| std::fs::read_to_string(entry.path()).ok())
        .collect()
}

/// A name server that knows one thing: every name is this machine.
pub fn name_server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let at = socket.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((size, from)) = socket.recv_from(&mut buffer) {
            let asked = &buffer[..size];
            // One question follows the twelve bytes of the head: a name, a type, a class.
            let Some(end) = asked[12..].iter().position(|byte| *byte == 0) else {
                continue;
            };
            let question = &asked[12..(12 + end + 5).min(size)];
            let address = question[end + 1..].starts_with(&[0, 1]);
            let mut answer = asked[..2].to_vec();
            answer.extend([0x85, 0x80, 0, 1, 0, u8::from(address), 0, 0, 0, 0]);
            answer.extend(question);
            if address {
                answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
            }
            let _ = socket.send_to(&answer, from);
        }
    });
    at
}

/// The page that is complained about: there until it is taken away.
fn page(gone: &Arc<AtomicBool>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let at = listener.local_addr().expect("it is bound");
    let gone = Arc::clone(gone);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = [0; 2048];
            let _ = stream.read(&mut head);
            // Only this page: a server that has the same for every address has nothing.
            let other = !head.starts_with(b"GET /a ");
            let answer = match other || gone.load(Ordering::SeqCst) {
                true => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                    .to_owned(),
                false => {
                    let body = "<html><title>Example Bank</title><form><input type=password></form></html>";
                    format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                        body.len()
                    )
                }
            };
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    at
}

const PARTIES: &str = "\
name_en,name_zh,roles,country,province,zone,language,interval_hours,channel,address,format,rung,hours,scope,value
Example Registrar,示例注册商,registrar,,,UTC,en,0,mail,abuse@registrar.test,csv,agreed,,domain,example.test
";

/// A workspace with a feed's last whole week, a register, and people.
fn house(mail: SocketAddr, names: SocketAddr) -> Bench {
    let bench = Bench::with(&format!(
        r#"
[workspace]
name = "week"
zone = "Asia/Shanghai"

[series]
organization_zh = "示例应急中心"
organization_en = "Example Center"
title_zh = "示例网络安全周报"
title_en = "Example Security Weekly"
# From the week's end on: in the small hours of a Monday the usual moment is still to come.
freeze = "monday 00:00"

[sign_in]
proof_minutes = 0

[response]
address = "duty@cert.example"
name_zh = "示例应急中心"
name_en = "Example Center"
smtp = "smtp://{mail}"
round_secs = 1
resolvers = ["{names}"]
probe_allow = ["127.0.0.1"]
verify_interval_secs = 1

[[feed]]
name = "lists"
provider = "Example"
format = "csv"
paths = ["in/*.csv"]
zone = "Asia/Shanghai"
classification = "malware-distribution"
licence = "CC0"
publishable = "counts"
[feed.columns]
seen = "observed_at"
url = "source_url"
"#
    ));
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").expect("a zone");
    let today = jiff::Timestamp::now().to_zoned_datetime(zone);
    let mut rows = "seen,url\n".to_owned();
    for ago in 1..=15_i64 {
        let day = today.date().saturating_sub(jiff::Span::new().days(ago));
        for n in 0..(10 + ago % 4) {
            rows += &format!("{day} 08:00:00,https://192.0.2.{n}/d{ago}\n");
        }
    }
    bench.write("in/a.csv", rows);
    bench.write("parties.csv", PARTIES);
    bench.run(&["ingest"]).exits(0);
    let import = [
        "orgs",
        "import",
        "parties.csv",
        "--source",
        "partners",
        "--apply",
    ];
    bench.run(&import).exits(0);
    for (login, roles) in [
        ("li", "administrator"),
        ("chen", "lead,approver"),
        ("wang", "editor"),
        ("liu", "analyst"),
        ("zhou", "party"),
    ] {
        bench
            .run(&["users", "add", login, "--role", roles, "--as", "li"])
            .exits(0);
        let mut child = bench
            .command(&["users", "password", login, "--stdin", "--as", "li"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let mut input = child.stdin.take().expect("it is piped");
        writeln!(input, "{PASSWORD}").expect("it reads");
        drop(input);
        assert!(child.wait().expect("it ends").success(), "{login}");
    }
    let orgs = bench.run(&["--json", "orgs", "list"]).exits(0).json();
    let id = orgs[0]["id"].as_str().expect("an id").to_owned();
    bench
        .run(&["users", "organization", "zhou", &id, "--as", "li"])
        .exits(0);
    bench
}

/// The number of the last whole week's issue.
fn last_issue(bench: &Bench) -> String {
    let week = bench.run(&["--json", "week", "last"]).exits(0).json();
    week["issue"].as_str().expect("an issue").to_owned()
}

#[test]
fn a_week_in_a_browser_from_a_complaint_to_the_published_issue() {
    let Some(peers) = peers() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let post = folder.path().join("post");
    let (_mail, mail_at) = mail_server(&peers.python, &post);
    let gone = Arc::new(AtomicBool::new(false));
    let page_at = page(&gone);
    let bench = house(mail_at, name_server());
    let issue = last_issue(&bench);
    let serving = Serving::start(&bench);
    let shots = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/pictures/week");
    // Of another run: nobody shall look at old pictures.
    let _ = std::fs::remove_dir_all(&shots);
    std::fs::create_dir_all(&shots).expect("a folder");
    let mark = folder.path().join("mark");
    let plan = json!({
        "base": format!("http://127.0.0.1:{}", serving.address.port()),
        "npm": peers.npm,
        "chromium": peers.chromium,
        "shots": shots,
        "password": PASSWORD,
        "url": format!("http://login.example.test:{}/a", page_at.port()),
        "issue": issue,
        "mark": mark,
    });
    let file = folder.path().join("plan.json");
    std::fs::write(&file, plan.to_string()).expect("a file");
    let mut child = Command::new("node")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/week.cjs"))
        .arg(&file)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("node runs");
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let _child = Running(child);
    let told = |word: &str| {
        let mut text = std::fs::read_to_string(&mark).unwrap_or_default();
        text += &format!("{word}\n");
        std::fs::write(&mark, text).expect("a file");
    };
    let wait = |what: &str, so: &mut dyn FnMut() -> bool| {
        let begun = Instant::now();
        while !so() {
            assert!(
                begun.elapsed() < Duration::from_secs(90),
                "{what} did not come about\n{}",
                serving.log()
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    let mut ended = None;
    for line in lines.map_while(Result::ok) {
        let line: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        match line["step"].as_str() {
            Some("dispatched") => {
                wait("the notice", &mut || {
                    mails(&post)
                        .iter()
                        .any(|mail| mail.contains("abuse@registrar.test"))
                });
                told("sent");
            }
            Some("acting") => {
                gone.store(true, Ordering::SeqCst);
                told("taken");
            }
            Some("answered") => {
                let list = [
                    "--json",
                    "incidents",
                    "list",
                    "--state",
                    "gone",
                    "--state",
                    "closed",
                ];
                wait("a verdict", &mut || {
                    let found = bench.run(&list).json();
                    found.as_array().is_some_and(|all| !all.is_empty())
                });
                told("gone");
            }
            Some("status") => {
                // The holder of a receipt may be the phisher: no party, no count, no time of a look.
                let text = line["text"].as_str().unwrap_or_default();
                for secret in ["Registrar", "registrar.test", "example.test", "AB-1", ":"] {
                    assert!(!text.contains(secret), "{secret}: {text}");
                }
            }
            _ => {}
        }
        if line["done"].is_boolean() {
            ended = Some(line);
        }
    }
    let ended = ended.expect("the browser said how it ended");
    assert_eq!(ended["done"], true, "{ended:#}\n{}", serving.log());
    assert_eq!(ended["faults"], json!([]), "{ended:#}");
    // What was published is what the ledger holds.
    bench.run(&["bulletin", "verify", &issue]).exits(0);
}
