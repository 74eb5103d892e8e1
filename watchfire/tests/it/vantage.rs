//! Looks from elsewhere: a vantage as a process of its own beside a workspace that asks it, and machines in its place
//! that lie, are somebody else, or must not be asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::ledger::{BlobStore, Evidence, Ledger, Reach, Verification};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::browser::name_server;
use crate::process::{PATIENCE, Process};
use crate::run::Bench;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// The host that is looked at; for the name server every name is this machine.
const HOST: &str = "login.example.test";

/// A site with one program to load, until it is taken away. Counts who came.
struct Site {
    at: SocketAddr,
    gone: Arc<AtomicBool>,
    came: Arc<AtomicUsize>,
}

impl Site {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let site = Site {
            at: listener.local_addr().expect("it is bound"),
            gone: Arc::default(),
            came: Arc::default(),
        };
        let (gone, came) = (Arc::clone(&site.gone), Arc::clone(&site.came));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut head = [0; 4096];
                let _ = stream.read(&mut head);
                came.fetch_add(1, Ordering::SeqCst);
                let there = head.starts_with(b"GET /a.zip ") && !gone.load(Ordering::SeqCst);
                let answer: &[u8] = match there {
                    true => b"HTTP/1.1 200 OK\r\nContent-Length: 26\r\nConnection: close\r\n\r\nPK\x03\x04a program to be loaded",
                    false => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                };
                let _ = stream.write_all(answer);
            }
        });
        site
    }
}

/// A workspace with one incident about a site, which may be asked of and looked at, and a vantage at an address.
struct Asking {
    bench: Bench,
    names: SocketAddr,
    vantage: String,
}

impl Asking {
    fn new(site: SocketAddr, vantage: SocketAddr) -> Self {
        let asking = Asking {
            bench: Bench::new(),
            names: name_server(),
            vantage: format!("http://{vantage}"),
        };
        asking.configure(SECRET);
        let yesterday = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24);
        let seen = yesterday.strftime("%Y-%m-%d %H:%M:%S");
        let bench = &asking.bench;
        let row = format!("seen,url\n{seen},http://{HOST}:{}/a.zip\n", site.port());
        bench.write("in/a.csv", row);
        bench.run(&["ingest"]).exits(0);
        bench.run(&["incidents", "triage"]).exits(0);
        bench
            .run(&["incidents", "validate", "1", "--reason", "looked at"])
            .exits(0);
        bench
            .run(&["notices", "arm", "--reason", "on duty"])
            .exits(0);
        asking
    }

    fn configure(&self, secret: &str) {
        let (names, vantage) = (self.names, &self.vantage);
        self.bench.write("west.secret", format!("{secret}\n"));
        self.bench.write(
            "watchfire.toml",
            format!(
                r#"
[workspace]
name = "asking"
zone = "UTC"

[response]
address = "duty@cert.example"
name_zh = "示例应急中心"
name_en = "Example CERT"
resolvers = ["{names}"]
probe_allow = ["{HOST}"]
verify_interval_secs = 1

[[vantage]]
name = "west"
url = "{vantage}"
secret_file = "west.secret"

[[feed]]
name = "programs"
provider = "Example"
format = "csv"
paths = ["in/*.csv"]
zone = "UTC"
classification = "malware-distribution"
licence = "CC0"
publishable = "counts"
[feed.columns]
seen = "observed_at"
url = "source_url"
"#
            ),
        );
    }

    /// Looks at the incident, due or not; looks from elsewhere, and vantages that gave none.
    #[track_caller]
    fn look(&self) -> (u64, u64, Value) {
        let told = self.bench.run(&["--json", "verify", "1"]).exits(0).json();
        let count = |key: &str| told[key].as_u64().expect("a count");
        (count("elsewhere"), count("unanswered"), told)
    }

    fn kept(&self) -> (Vec<Verification>, Vec<Evidence>) {
        let path = self.bench.path().join("ledger.db");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let ledger = Ledger::open_read_only(&path).await.expect("opens");
            let one = ledger.incident_numbered(1, &Reach::All).await;
            let id = one.expect("an incident").incident_id();
            let looks = ledger.verifications(id).await.expect("reads");
            (looks, ledger.evidence(id).await.expect("reads"))
        })
    }

    /// Looks that are stored: from where, by which probe, as whom, and what was found.
    fn looks(&self) -> Vec<(String, String, String, String)> {
        let (looks, _) = self.kept();
        looks
            .iter()
            .map(|look| {
                let (probe, client) = (look.probe.0.to_string(), look.client.0.to_string());
                (
                    look.vantage.clone(),
                    probe,
                    client,
                    look.finding.0.to_string(),
                )
            })
            .collect()
    }

    fn state(&self) -> String {
        let shown = self.bench.run(&["--json", "incidents", "show", "1"]);
        let shown = shown.exits(0).json();
        shown["incident"]["state"]
            .as_str()
            .expect("a state")
            .to_owned()
    }
}

/// A real vantage; where it listens.
fn vantage(bench: &Bench, names: SocketAddr, secret: &str) -> (Process, SocketAddr) {
    bench.write("vantage.secret", format!("{secret}\n"));
    let names = names.to_string();
    let arguments = [
        "vantage",
        "--listen",
        "127.0.0.1:0",
        "--secret",
        "vantage.secret",
        "--allow",
        HOST,
        "--resolver",
        &names,
    ];
    let mut process = Process::start(bench.command(&arguments));
    let at = process.told(|log| {
        let (_, rest) = log.split_once("vantage at http://")?;
        rest[..rest.find('\n')?].trim().parse().ok()
    });
    (process, at)
}

/// A request over a connection of its own: status and body.
fn ask(to: SocketAddr, line: &str, secret: Option<&str>, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(to).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let known = secret.map_or(String::new(), |secret| {
        format!("Authorization: Bearer {secret}\r\n")
    });
    let head = format!(
        "{line} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\nContent-Type: application/json\r\n{known}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status.expect("a status"), body.to_owned())
}

fn question(probe: &str, place: Value) -> String {
    json!({
        "version": 1,
        "probe": probe,
        "client": "victim",
        "place": place,
        "headers": [["user-agent", "one"]],
        "limits": { "redirects": 10, "body": 1000, "whole_ms": 10_000 },
    })
    .to_string()
}

#[test]
fn what_is_gone_from_here_and_from_elsewhere_is_concluded_by_both() {
    let site = Site::start();
    let elsewhere = Bench::new();
    let (process, at) = vantage(&elsewhere, name_server(), SECRET);
    let asking = Asking::new(site.at, at);
    asking
        .bench
        .run(&["doctor"])
        .prints("west answers: Watchfire");
    let (from_west, none, told) = asking.look();
    assert_eq!((from_west, none), (3, 0), "{told}");
    let looks = asking.looks();
    for vantage in ["local", "west"] {
        for (probe, client, finding) in [
            ("dns", "passive", "inconclusive"),
            ("http", "plain", "present"),
            ("http", "victim", "present"),
        ] {
            let wanted = [vantage, probe, client, finding].map(str::to_owned);
            let [vantage, probe, client, finding] = wanted;
            let wanted = (vantage, probe, client, finding);
            assert_eq!(
                looks.iter().filter(|look| **look == wanted).count(),
                1,
                "{wanted:?}: {looks:?}"
            );
        }
    }
    // Evidence is ours, and says from where it is.
    let (rows, evidence) = asking.kept();
    let instants: std::collections::BTreeSet<i64> = rows.iter().map(|row| row.at).collect();
    assert_eq!(instants.len(), 1, "the looks of a round are one instant");
    let archive = evidence
        .iter()
        .find(|one| one.source == "http from west" && one.name == "page.warc.gz")
        .expect("an archive");
    let blobs = BlobStore::new(asking.bench.path().join("blobs"));
    let packed = blobs.read(&archive.blob).expect("it is kept");
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(&packed[..])
        .read_to_end(&mut plain)
        .expect("it is gzip");
    let plain = String::from_utf8_lossy(&plain);
    for part in [
        "vantage: west\r\n",
        "GET /a.zip HTTP/1.1",
        "a program to be loaded",
    ] {
        assert!(plain.contains(part), "{part}: {plain}");
    }
    site.gone.store(true, Ordering::SeqCst);
    for round in 1..=3 {
        assert_ne!(asking.state(), "gone", "after {} rounds", round - 1);
        std::thread::sleep(Duration::from_millis(1_200));
        let (from_west, none, told) = asking.look();
        assert_eq!((from_west, none), (3, 0), "{told}");
    }
    assert_eq!(asking.state(), "gone");
    let gone = asking.looks().into_iter();
    let gone = gone.filter(|(vantage, _, _, finding)| vantage == "west" && finding == "gone");
    assert_eq!(gone.count(), 6);
    // Whoever looks after the vantage sees what it did, and no secret.
    let log = process.log();
    assert!(log.contains("looked") && !log.contains(SECRET), "{log}");
}

#[test]
fn a_vantage_answers_whoever_holds_its_secret_and_looks_at_nothing_inside() {
    let site = Site::start();
    let bench = Bench::new();
    let (mut process, at) = vantage(&bench, name_server(), SECRET);
    let url = |host: &str| json!({ "at": "page", "url": format!("http://{host}/a.zip") });
    let there = url(&format!("{HOST}:{}", site.at.port()));
    let right = question("http", there);
    for guess in [
        None,
        Some(""),
        Some("0123456789abcdef"),
        Some("0123456789abcdef0123456789abcdeF"),
    ] {
        assert_eq!(
            ask(at, "POST /v1/look", guess, &right),
            (401, String::new()),
            "{guess:?}"
        );
        assert_eq!(ask(at, "GET /v1/state", guess, "").0, 401);
        assert_eq!(ask(at, "GET /other", guess, "").0, 401);
    }
    assert_eq!(site.came.load(Ordering::SeqCst), 0);
    let (status, told) = ask(at, "POST /v1/look", Some(SECRET), &right);
    assert_eq!(status, 200, "{told}");
    assert_eq!(site.came.load(Ordering::SeqCst), 1);
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["seen"]["page"]["page"]["hops"][0]["status"], 200);
    assert!(told.get("finding").is_none() && !told.to_string().contains("present"));
    let inside = [
        url("169.254.169.254"),
        url("10.0.0.1"),
        url(&format!("127.0.0.1:{}", site.at.port())),
        url("[::1]"),
        url("[::ffff:10.0.0.1]"),
        // Another name for the same machine, and one that the name server leads inside.
        url(&format!("other.example.test:{}", site.at.port())),
    ];
    for place in inside {
        let (status, why) = ask(
            at,
            "POST /v1/look",
            Some(SECRET),
            &question("http", place.clone()),
        );
        assert_eq!(status, 403, "{place}: {why}");
        assert!(why.contains("allow_private"), "{why}");
    }
    let port = json!({ "at": "port", "host": "127.0.0.1", "port": site.at.port() });
    assert_eq!(
        ask(at, "POST /v1/look", Some(SECRET), &question("tcp", port)).0,
        403
    );
    assert_eq!(
        site.came.load(Ordering::SeqCst),
        1,
        "nobody else was sent there"
    );
    for wrong in [
        "{".to_owned(),
        right.replace("\"version\":1", "\"version\":2"),
        right.replace("user-agent", "cookie"),
        right.replace("/a.zip", "/?mail=alice@example.org"),
        right.replace("\"http\",", "\"person\","),
        right.replace("\"version\":1", "\"version\":1,\"finding\":\"gone\""),
    ] {
        let (status, why) = ask(at, "POST /v1/look", Some(SECRET), &wrong);
        let short: String = wrong.chars().take(80).collect();
        assert!((400..500).contains(&status), "{short}: {status} {why}");
    }
    process.signal("TERM");
    assert_eq!(process.end(), 0);
}

#[test]
fn a_vantage_does_not_start_without_a_secret_or_in_clear() {
    let bench = Bench::new();
    bench
        .run(&["vantage"])
        .exits(2)
        .says("there is none")
        .says("WATCHFIRE_VANTAGE_SECRET");
    bench.write("short", "short\n");
    bench
        .run(&["vantage", "--secret", "short"])
        .exits(1)
        .says("short: the secret is shorter than 32");
    bench
        .run(&["vantage", "--secret", "nowhere"])
        .exits(1)
        .says("nowhere");
    bench.write("secret", SECRET);
    bench
        .run(&["vantage", "--secret", "secret", "--listen", "0.0.0.0:0"])
        .exits(2)
        .says("there is no TLS")
        .says("--tls-cert");
    bench
        .run(&["vantage", "--secret", "secret", "--allow", "a b"])
        .exits(3)
        .says("--allow");
    let set = bench.set("WATCHFIRE_VANTAGE_SECRET", SECRET);
    set.run(&["vantage", "--secret", "secret"])
        .exits(2)
        .says("there are two");
}

/// What stands in the place of a vantage and answers as a test says.
type Say = Box<dyn Fn(&Value) -> Vec<u8> + Send>;

struct Fake {
    at: SocketAddr,
    say: Arc<Mutex<Say>>,
    asked: Arc<AtomicUsize>,
}

impl Fake {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let honest: Say = Box::new(|asked| answered(&seen(asked)));
        let fake = Fake {
            at: listener.local_addr().expect("it is bound"),
            say: Arc::new(Mutex::new(honest)),
            asked: Arc::default(),
        };
        let (say, asked) = (Arc::clone(&fake.say), Arc::clone(&fake.asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                asked.fetch_add(1, Ordering::SeqCst);
                if let Some(question) = heard(&stream) {
                    let answer = say.lock().expect("nobody panics with it")(&question);
                    // A huge answer is not read to its end.
                    let _ = (&stream).write_all(&answer);
                }
            }
        });
        fake
    }

    fn says(&self, say: impl Fn(&Value) -> Vec<u8> + Send + 'static) {
        *self.say.lock().expect("nobody panics with it") = Box::new(say);
    }
}

/// The JSON of a request.
fn heard(stream: &TcpStream) -> Option<Value> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(size) = lower.strip_prefix("content-length:") {
            length = size.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

fn answer(status: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(body);
    answer
}

fn answered(told: &Value) -> Vec<u8> {
    answer("200 OK", told.to_string().as_bytes())
}

/// What can have been seen by somebody to whom the page is gone.
fn seen(asked: &Value) -> Value {
    let seen = match asked["probe"].as_str() {
        Some("dns") => {
            let none = json!({ "result": "no-data" });
            let answers: Vec<Value> = ["A", "AAAA", "NS", "SOA"]
                .iter()
                .map(|kind| json!([kind, none]))
                .collect();
            json!({ "names": { "servers": ["192.0.2.53:53"], "answers": answers } })
        }
        _ => {
            let url = asked["place"]["url"].as_str().expect("an address");
            let port = url
                .split(':')
                .nth(2)
                .and_then(|rest| rest.split('/').next());
            let hop = json!({
                "after_us": 5,
                "url": url,
                "address": format!("1.1.1.1:{}", port.expect("a port")),
                "status": 404,
                "headers": [["server", STANDARD.encode("one")]],
                "body": STANDARD.encode("not here"),
                "cut": "whole",
                "tls": null,
            });
            json!({ "page": { "page": { "hops": [hop], "end": "answered" }, "missing": null } })
        }
    };
    json!({
        "version": 1,
        "probe": asked["probe"],
        "client": asked["client"],
        "seen": seen,
    })
}

/// A change of an honest answer about a page.
fn lie(asked: &Value, at: &str, value: Value) -> Vec<u8> {
    let mut told = seen(asked);
    match told.pointer_mut(at) {
        Some(there) => *there = value,
        None => told[at.trim_start_matches('/')] = value,
    }
    answered(&told)
}

#[test]
fn what_cannot_have_been_seen_is_no_look_and_concludes_nothing() {
    let site = Site::start();
    let fake = Fake::start();
    let asking = Asking::new(site.at, fake.at);
    let west = |asking: &Asking| {
        let looks = asking.looks().into_iter();
        looks.filter(|(vantage, ..)| vantage == "west").count()
    };
    const HOP: &str = "/seen/page/page/hops/0";
    type Lie = (&'static str, Say);
    let lies: Vec<Lie> = vec![
        (
            "garbage",
            Box::new(|_| answer("200 OK", b"gone, believe me")),
        ),
        (
            "half of it",
            Box::new(|asked| {
                let mut half = answered(&seen(asked));
                half.truncate(half.len() - 20);
                half
            }),
        ),
        (
            "a huge body",
            Box::new(|_| answer("200 OK", &vec![b' '; 20 << 20])),
        ),
        (
            "a huge page",
            Box::new(|asked| {
                let long = STANDARD.encode(vec![b'x'; (1 << 20) + 1]);
                lie(asked, &format!("{HOP}/body"), json!(long))
            }),
        ),
        (
            "a finding",
            Box::new(|asked| lie(asked, "/finding", json!("gone"))),
        ),
        (
            "a person's look",
            Box::new(|asked| lie(asked, "/probe", json!("person"))),
        ),
        (
            "another page",
            Box::new(|asked| lie(asked, &format!("{HOP}/url"), json!("http://1.1.1.1/"))),
        ),
        (
            "metadata",
            Box::new(|asked| {
                lie(
                    asked,
                    &format!("{HOP}/address"),
                    json!("169.254.169.254:80"),
                )
            }),
        ),
        (
            "no",
            Box::new(|_| answer("403 Forbidden", b"not from here")),
        ),
        (
            "busy",
            Box::new(|_| answer("503 Service Unavailable", b"later")),
        ),
        (
            "a way elsewhere",
            Box::new(|_| {
                b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec()
            }),
        ),
        (
            "another secret",
            Box::new(|_| answer("401 Unauthorized", b"")),
        ),
        ("nothing", Box::new(|_| Vec::new())),
    ];
    for (what, say) in lies {
        // Names are left out of it: what is said of a page is no answer about one.
        fake.says(move |asked| match asked["probe"].as_str() {
            Some("dns") => answer("403 Forbidden", b"no names"),
            _ => say(asked),
        });
        let told = asking.bench.run(&["--json", "verify", "1"]).exits(0);
        assert!(told.stderr.contains("west"), "{what}: {}", told.stderr);
        let told = told.json();
        assert_eq!(
            (&told["elsewhere"], &told["unanswered"]),
            (&json!(0), &json!(1)),
            "{what}"
        );
        assert_eq!(west(&asking), 0, "{what}");
    }
    // Nobody there is no look either; looks from here go on.
    let before = asking.looks().len();
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let away = Asking {
        vantage: format!("http://{}", nobody.expect("a port is free")),
        ..asking
    };
    away.configure(SECRET);
    let (elsewhere, unanswered, _) = away.look();
    assert_eq!((elsewhere, unanswered), (0, 1));
    assert!(away.looks().len() > before);
    // The twin: what can have been seen is a look, judged here; and since it is seen from here, nothing is gone.
    fake.says(|asked| answered(&seen(asked)));
    let asking = Asking {
        vantage: format!("http://{}", fake.at),
        ..away
    };
    asking.configure(SECRET);
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(1_200));
        let (elsewhere, unanswered, _) = asking.look();
        assert_eq!((elsewhere, unanswered), (3, 0));
    }
    let looks = asking.looks();
    let gone = |vantage: &str| {
        looks
            .iter()
            .filter(|(from, _, _, finding)| from == vantage && finding == "gone")
            .count()
    };
    assert_eq!((gone("west"), gone("local")), (8, 0), "{looks:#?}");
    assert_ne!(asking.state(), "gone");
}

#[test]
fn no_vantage_is_asked_by_an_instance_that_is_not_armed_or_was_stopped() {
    let site = Site::start();
    let fake = Fake::start();
    let asking = Asking::new(site.at, fake.at);
    let count = || fake.asked.load(Ordering::SeqCst);
    assert_eq!(asking.look().0, 3);
    assert_eq!(count(), 3);
    let bench = &asking.bench;
    bench
        .run(&["notices", "stop", "--reason", "wrong template"])
        .exits(0);
    let (from_west, none, told) = asking.look();
    assert_eq!((from_west, none, count()), (0, 0, 3), "{told}");
    assert!(
        told["looks"].as_u64() >= Some(3),
        "looks from here go on: {told}"
    );
    bench
        .run(&["notices", "resume", "--reason", "mended"])
        .exits(0);
    assert_eq!(asking.look().0, 3);
    bench
        .run(&["notices", "disarm", "--reason", "off duty"])
        .exits(0);
    assert_eq!((asking.look().0, count()), (0, 6));
}

#[test]
fn a_wrong_secret_gives_no_look_and_is_named() {
    let site = Site::start();
    let elsewhere = Bench::new();
    let (_process, at) = vantage(&elsewhere, name_server(), SECRET);
    let asking = Asking::new(site.at, at);
    asking.configure("another secret of thirty-two characters");
    let told = asking.bench.run(&["--json", "verify", "1"]).exits(0);
    assert!(
        told.stderr.contains("does not know our secret"),
        "{}",
        told.stderr
    );
    assert_eq!(told.json()["elsewhere"], 0);
    asking
        .bench
        .run(&["doctor"])
        .prints("west: it does not know our secret");
    // And the configuration says what is missing, by name.
    std::fs::remove_file(asking.bench.path().join("west.secret")).expect("it was there");
    asking
        .bench
        .run(&["config", "check"])
        .exits(3)
        .says("vantage west: secret_file");
}
