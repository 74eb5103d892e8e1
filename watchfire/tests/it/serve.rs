//! The serving process from outside: real processes on free ports, providers on this machine.
//!
//! Here the harness and what the process does by itself; [`push`] is what others hand over, [`kill`]
//! what survives a SIGKILL, [`site`] what everybody reads.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::process::{PATIENCE, Process};
use crate::run::Bench;

mod desk;
pub mod exercise;
mod kill;
mod push;
pub mod scenarios;
mod site;
mod subscriptions;

/// Waits until something is so.
#[track_caller]
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < PATIENCE, "{what} did not come about");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A serving process.
pub struct Serving {
    process: Process,
    pub address: SocketAddr,
}

impl std::ops::Deref for Serving {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl Serving {
    /// Starts one on a free port and waits until it serves.
    pub fn start(bench: &Bench) -> Self {
        Serving::with(bench, &[])
    }

    /// The same with more arguments.
    pub fn with(bench: &Bench, more: &[&str]) -> Self {
        let arguments = [&["serve", "--listen", "127.0.0.1:0"], more].concat();
        let mut process = Process::start(bench.command(&arguments));
        let address = process.told(|log| {
            let (_, rest) = log.split_once(" on http://")?;
            rest[..rest.find('\n')?].parse().ok()
        });
        Serving { process, address }
    }

    /// Waits for its end; the exit code.
    #[track_caller]
    pub fn end(mut self) -> i32 {
        self.process.end()
    }

    /// Kills it at once.
    pub fn kill(mut self) {
        self.process.kill();
    }

    fn get(&self, path: &str) -> Answer {
        ask(self.address, "GET", path, &[], b"").expect("it answers")
    }

    /// The value of a meter's line.
    pub fn meter(&self, line: &str) -> Option<f64> {
        let text = self.get("/metrics").body;
        let mut lines = text.lines();
        lines.find_map(|found| found.strip_prefix(line)?.trim().parse().ok())
    }
}

/// An answer over HTTP.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A request on a connection of its own; `None` if it breaks off.
pub fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    heads: &[&str],
    body: &[u8],
) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    if !heads.iter().any(|head| head.starts_with("Content-Length")) {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    for line in heads {
        head.push_str(line);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    // A server that has refused the head does not read the body.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let body = &answer[end + 4..];
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let known = head.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length: ")?
            .parse()
            .ok()
    });
    let whole = known.is_none_or(|length: usize| length == body.len());
    (read.is_ok() || whole).then(|| Answer {
        status,
        head: head.to_owned(),
        // A file for print is no text; it is recognised by its beginning.
        body: String::from_utf8_lossy(body).into_owned(),
    })
}

/// A provider on this machine: gives what it is told to give, and counts who asks.
#[derive(Clone)]
struct Provider {
    pub address: SocketAddr,
    gives: Arc<Mutex<(u16, String)>>,
    asked: Arc<Mutex<usize>>,
}

impl Provider {
    fn new(status: u16, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let provider = Provider {
            address: listener.local_addr().expect("an address"),
            gives: Arc::new(Mutex::new((status, body.to_owned()))),
            asked: Arc::new(Mutex::new(0)),
        };
        let here = provider.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let here = here.clone();
                std::thread::spawn(move || here.answer(stream));
            }
        });
        provider
    }

    fn answer(&self, mut stream: TcpStream) {
        let mut asked = Vec::new();
        let mut byte = [0];
        while !asked.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n > 0) {
            asked.push(byte[0]);
        }
        *self.asked.lock().expect("nobody panics with it") += 1;
        let (status, body) = self.gives.lock().expect("nobody panics with it").clone();
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        // Whoever asked may be dead by now.
        let _ = stream.write_all(format!("{head}{body}").as_bytes());
    }

    fn gives(&self, status: u16, body: &str) {
        *self.gives.lock().expect("nobody panics with it") = (status, body.to_owned());
    }

    fn asked(&self) -> usize {
        *self.asked.lock().expect("nobody panics with it")
    }

    fn url(&self) -> String {
        format!("http://{}/list.txt", self.address)
    }
}

const SERVE: &str = "[serve]\nlook_secs = 1\ndrain_secs = 10\n";

/// A feed of phishing addresses.
fn feed(name: &str, more: &str) -> String {
    format!(
        "[[feed]]\nname = \"{name}\"\nprovider = \"Example\"\nformat = \"list\"\nzone = \"UTC\"\n\
         classification = \"phishing\"\nlicence = \"none\"\noptions = {{ kind = \"url\" }}\n{more}\n"
    )
}

/// One that is fetched every second.
fn fetched(name: &str, provider: &Provider) -> String {
    let fetch = format!(
        "[feed.fetch]\nurl = \"{}\"\ninterval_secs = 1\nallow_private = [\"127.0.0.1\"]",
        provider.url()
    );
    feed(name, &fetch)
}

/// The addresses that came from a feed, sorted.
fn urls(bench: &Bench, name: &str) -> Vec<String> {
    let sql = format!("select source_url from events where feed = '{name}'");
    let done = bench.run(&["--json", "query", &sql, "--limit", "100000"]);
    let url = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
        row["source_url"].as_str().expect("a text").to_owned()
    };
    let mut urls: Vec<String> = done.exits(0).stdout.lines().map(url).collect();
    urls.sort();
    urls
}

#[test]
fn feeds_are_asked_on_time_and_one_that_fails_rests_alone() {
    let good = Provider::new(200, "http://a.example.com/1\n");
    let bad = Provider::new(404, "");
    let bench = Bench::with(&format!(
        "{SERVE}{}{}",
        fetched("good", &good),
        fetched("bad", &bad)
    ));
    let serving = Serving::start(&bench);
    until("the first fetch", || {
        serving.meter("watchfire_events_total{feed=\"good\"}") == Some(1.0)
    });
    good.gives(200, "http://a.example.com/1\nhttp://b.example.com/2\n");
    until("the second", || {
        serving.meter("watchfire_events_total{feed=\"good\"}") == Some(2.0)
    });
    let asked = good.asked();
    until("more of them", || good.asked() >= asked + 3);
    assert_eq!(bad.asked(), 1, "it rests for half a minute at least");
    assert_eq!(
        serving.meter("watchfire_feed_failures_total{feed=\"bad\"}"),
        Some(1.0)
    );
    assert_eq!(
        urls(&bench, "good"),
        ["http://a.example.com/1", "http://b.example.com/2"]
    );

    let health = bench.run(&["--json", "feeds", "health"]).exits(4).json();
    assert_eq!(
        health[0]["findings"].as_array().map(Vec::len),
        Some(0),
        "{health}"
    );
    assert_eq!(health[0]["last_rows"], 2, "{health}");
    assert!(
        health[1]["error"]
            .as_str()
            .expect("a reason")
            .contains("404"),
        "{health}"
    );
    assert!(health[1]["resting_until"].is_string(), "{health}");

    // Told to, it asks before the rest is over; by another process, and only by this one.
    bad.gives(200, "http://c.example.com/3\n");
    bench.run(&["fetch", "bad"]).exits(0).says("asks it now");
    until("the fetch on demand", || !urls(&bench, "bad").is_empty());
    bench.run(&["feeds", "health"]).exits(0);
    bench
        .run(&["serve", "--listen", "127.0.0.1:0"])
        .exits(1)
        .says("its feeds are being asked by process");
    serving.signal("TERM");
    assert_eq!(serving.end(), 0);
}

#[test]
fn a_file_is_taken_in_when_it_no_longer_grows_and_commands_work_beside() {
    let bench = Bench::with(&format!(
        "{SERVE}{}",
        feed("drop", "paths = [\"in/*.txt\"]")
    ));
    let serving = Serving::start(&bench);
    std::fs::create_dir_all(bench.path().join("in")).expect("the folder can be made");
    let mut file = std::fs::File::create(bench.path().join("in/a.txt")).expect("a file");
    // It grows faster than the folder is looked at, and a line is never whole meanwhile.
    let begun = Instant::now();
    let mut lines = 0;
    while begun.elapsed() < Duration::from_secs(4) {
        write!(file, "http://h{lines}.example.com/").expect("it can be written");
        std::thread::sleep(Duration::from_millis(150));
        writeln!(file, "x").expect("it can be written");
        lines += 1;
        assert_eq!(
            serving.meter("watchfire_reports_total{feed=\"drop\"}"),
            None,
            "it was taken in while it grew"
        );
    }
    drop(file);
    until("the file", || urls(&bench, "drop").len() == lines);
    assert_eq!(
        serving.meter("watchfire_rejects_total{feed=\"drop\"}"),
        Some(0.0)
    );
    // A command that writes finds its turn, and doubles nothing.
    bench.run(&["ingest"]).exits(0);
    assert_eq!(urls(&bench, "drop").len(), lines);
    let reports = bench.run(&["--json", "status"]).exits(0).json();
    let collecting = reports["collecting"].as_str().expect("somebody is");
    assert!(collecting.contains("watchfire serve"), "{collecting}");
    assert_eq!(reports["reports"], 1, "{reports}");
}

#[test]
fn a_file_that_cannot_be_read_keeps_no_others_out() {
    let bench = Bench::with(&format!(
        "{SERVE}{}",
        feed("drop", "paths = [\"in/*.txt\"]")
    ));
    bench.write("in/b.txt", "http://b.example.com/\n");
    bench.write("in/c.txt", [0x1f, 0x8b, 0x08, 0x00]);
    bench.write("in/d.txt", "http://d.example.com/\n");
    let serving = Serving::start(&bench);
    until("the files", || urls(&bench, "drop").len() == 2);
    until("the broken one", || {
        serving.meter("watchfire_reports_unreadable_total{feed=\"drop\"}") == Some(1.0)
    });
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(
        serving.meter("watchfire_reports_total{feed=\"drop\"}"),
        Some(3.0),
        "each is taken in once, the broken one too"
    );
}

#[test]
fn events_of_a_stream_arrive_and_outlive_the_process() {
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port();
    let stream = format!(
        "[[feed]]\nname = \"stream\"\nprovider = \"Example\"\nformat = \"json\"\nzone = \"UTC\"\nlicence = \"none\"\n\
         classification = \"phishing\"\noptions = {{ layout = \"lines\" }}\n\
         columns = {{ 'source\\.url' = \"source_url\", 'time\\.source' = \"observed_at\" }}\n\
         [feed.fetch]\nkind = \"tcp\"\nurl = \"tcp://127.0.0.1:{port}\"\ninterval_secs = 2\n"
    );
    let bench = Bench::with(&format!("{SERVE}{stream}"));
    let serving = Serving::start(&bench);
    let mut sender = None;
    until("the port", || {
        sender = TcpStream::connect(("127.0.0.1", port)).ok();
        sender.is_some()
    });
    let mut sender = sender.expect("it is open");
    let mut send = |n: u32| {
        let event = format!(
            "{{\"source.url\": \"http://s{n}.example.com/\", \"time.source\": \"2026-01-0{}T00:00:00+00:00\"}}",
            1 + n % 9
        );
        let length = u32::try_from(event.len())
            .expect("it is short")
            .to_be_bytes();
        sender.write_all(&length).expect("it is sent");
        sender.write_all(event.as_bytes()).expect("it is sent");
        let mut ok = [0; 2];
        sender.read_exact(&mut ok).expect("it is acknowledged");
        assert_eq!(&ok, b"Ok");
    };
    (0..5).for_each(&mut send);
    until("the events", || urls(&bench, "stream").len() == 5);
    // Acknowledged and not yet taken in: the next process does it.
    (5..8).for_each(&mut send);
    serving.kill();
    let serving = Serving::start(&bench);
    until("the rest", || urls(&bench, "stream").len() == 8);
    serving.signal("INT");
    assert_eq!(serving.end(), 0);
}

#[test]
fn a_new_configuration_is_taken_and_a_wrong_one_refused() {
    let one = Provider::new(200, "http://a.example.com/1\n");
    let two = Provider::new(200, "http://b.example.com/2\n");
    let before = format!("{SERVE}{}", fetched("one", &one));
    let bench = Bench::with(&before);
    let serving = Serving::start(&bench);
    until("the first feed", || !urls(&bench, "one").is_empty());

    bench.write(
        "watchfire.toml",
        format!("{before}\n[[feed]]\nnmae = \"x\"\n"),
    );
    serving.signal("HUP");
    until("the refusal", || {
        serving
            .log()
            .contains("the old configuration stays in force")
    });
    assert!(serving.log().contains("nmae"), "the problem is named");
    let asked = one.asked();
    until("the old feed goes on", || one.asked() > asked);
    assert_eq!(
        serving.meter("watchfire_reloads_total{outcome=\"refused\"}"),
        Some(1.0)
    );

    bench.write(
        "watchfire.toml",
        format!("{before}{}", fetched("two", &two)),
    );
    serving.signal("HUP");
    until("the new feed", || !urls(&bench, "two").is_empty());
    // And one that is gone is not asked any more.
    bench.write("watchfire.toml", format!("{SERVE}{}", fetched("two", &two)));
    serving.signal("HUP");
    until("the change", || {
        serving.meter("watchfire_reloads_total{outcome=\"taken\"}") == Some(2.0)
    });
    std::thread::sleep(Duration::from_millis(500));
    let asked = (one.asked(), two.asked());
    until("the other goes on", || two.asked() > asked.1 + 2);
    assert_eq!(one.asked(), asked.0);
}

#[test]
fn every_line_of_the_metrics_is_one() {
    let provider = Provider::new(200, "http://a.example.com/1\nno address\n");
    let bench = Bench::with(&format!("{SERVE}{}", fetched("one", &provider)));
    let serving = Serving::start(&bench);
    until("the feed", || {
        serving.meter("watchfire_rejects_total{feed=\"one\"}") == Some(1.0)
    });
    serving.get("/healthz").is(200);
    serving.get("/readyz").is(200);
    serving.get("/nothing").is(404);
    until("the gauges", || {
        serving
            .meter("watchfire_feed_lag_seconds{feed=\"one\"}")
            .is_some_and(|lag| lag < 60.0)
    });
    let answer = serving.get("/metrics").is(200);
    assert!(
        answer.head.contains("text/plain; version=0.0.4"),
        "{answer:?}"
    );
    let known: Vec<&str> = console::meters::METERS
        .iter()
        .map(|meter| meter.0)
        .collect();
    let mut seen = std::collections::BTreeSet::new();
    for line in answer.body.lines().filter(|line| !line.is_empty()) {
        if let Some(comment) = line.strip_prefix("# ") {
            let sound = comment.starts_with("HELP ") || comment.starts_with("TYPE ");
            assert!(sound, "{line}");
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a series and a value");
        value
            .parse::<f64>()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        let name = series.split('{').next().expect("a name");
        if let Some(labels) = series
            .strip_prefix(name)
            .filter(|labels| !labels.is_empty())
        {
            assert!(labels.starts_with('{') && labels.ends_with("\"}"), "{line}");
        }
        let base = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end).filter(|base| known.contains(base)))
            .unwrap_or(name);
        assert!(known.contains(&base), "{line} is not among the meters");
        seen.insert(base.to_owned());
    }
    for name in [
        "watchfire_fsync_seconds",
        "watchfire_jobs",
        "watchfire_rows_total",
        "watchfire_duplicates_total",
        "watchfire_http_requests_total",
        "watchfire_reports_waiting",
    ] {
        assert!(seen.contains(name), "{name} is missing: {seen:?}");
    }
    let stores = ["blobs", "lake", "ledger"];
    for store in stores {
        let line = format!("watchfire_fsync_seconds_count{{store=\"{store}\"}}");
        assert!(
            serving.meter(&line).is_some_and(|count| count > 0.0),
            "{line}"
        );
    }
}

#[test]
fn a_feed_is_tried_and_nothing_is_stored() {
    let provider = Provider::new(
        200,
        "http://a.example.com/1\nno address\nhttp://b.example.com/2\n",
    );
    let bench = Bench::with(&format!(
        "{SERVE}{}{}",
        fetched("one", &provider),
        feed("drop", "paths = [\"in/*.txt\"]")
    ));
    bench.write("in/a.txt", "http://c.example.com/3\n");
    bench
        .run(&["feeds", "test", "one", "--limit", "1"])
        .exits(0)
        .prints("http://a.example.com/1")
        .says("no address")
        .says("2 events and 1 rejects");
    bench
        .run(&["feeds", "test", "drop"])
        .exits(0)
        .prints("http://c.example.com/3");
    provider.gives(404, "");
    bench.run(&["feeds", "test", "one"]).exits(1).says("404");
    let status = bench.run(&["--json", "status"]).exits(0).json();
    assert_eq!(status["reports"], 0, "{status}");
    bench
        .run(&["feeds", "health"])
        .exits(4)
        .prints("nothing came yet");
}
