//! A public node and the inside, as two processes on loopback: what is sent to the one arrives at the other once,
//! whatever is cut or killed on the way, and what lies on the node tells nothing of the inside.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use ::ledger::{Complaint, IncidentFilter, IncidentSort, Ledger, Page, Reach};
use bulletin::render::Rendition;

use crate::faults::Disk;
use crate::process::{PATIENCE, Process};
use crate::run::Bench;

/// Somebody's address that must never lie in clear on the node.
const REPORTER: &str = "zhang.san@reporter.example";
/// What the inside knows and the node must not.
const LEDGER_URL: &str = "postgres://watchfire:hunter2@ledger.inside.test/watchfire";

/// A public node's process.
pub(crate) struct Node {
    process: Process,
    pub(crate) outer: SocketAddr,
    pub(crate) inner: SocketAddr,
}

impl Node {
    pub(crate) fn start(bench: &Bench) -> Self {
        let mut process = Process::start(bench.command(&["serve", "--listen", "127.0.0.1:0"]));
        let (outer, inner) = process.told(|log| {
            let found = |before: &str| {
                let (_, rest) = log.split_once(before)?;
                rest.lines().next()?.trim().parse().ok()
            };
            Some((
                found("for the public on http://")?,
                found("inner door at http://")?,
            ))
        });
        Node {
            process,
            outer,
            inner,
        }
    }

    fn get(&self, path: &str) -> (u16, String) {
        ask(self.outer, "GET", path, &[], b"").expect("it answers")
    }

    /// Reports a page by the form; its receipt.
    fn report(&self, place: &str, file: Option<&[u8]>) -> String {
        let (status, head) = self.send(place, file);
        assert_eq!(status, 303, "{head}");
        let (_, rest) = head.split_once("/report/status/").expect("a receipt");
        rest[..22].to_owned()
    }

    fn send(&self, place: &str, file: Option<&[u8]>) -> (u16, String) {
        let edge = "edge-5d1e";
        let mut body = Vec::new();
        let fields = [
            ("kind", "phishing"),
            ("place", place),
            ("address", REPORTER),
            ("homepage", ""),
        ];
        for (name, value) in fields {
            let part = format!(
                "--{edge}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
            body.extend_from_slice(part.as_bytes());
        }
        if let Some(bytes) = file {
            let part = format!(
                "--{edge}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.gif\"\r\n\r\n"
            );
            body.extend_from_slice(part.as_bytes());
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{edge}--\r\n").as_bytes());
        let kind = format!("Content-Type: multipart/form-data; boundary={edge}");
        let heads = [kind.as_str(), "Sec-Fetch-Site: same-origin"];
        let (status, text) = ask(self.outer, "POST", "/report", &heads, &body).expect("it answers");
        (status, text)
    }

    fn kill(mut self) {
        self.process.kill();
    }
}

/// A request over a connection of its own: status, and head with body.
fn ask(
    to: SocketAddr,
    method: &str,
    path: &str,
    heads: &[&str],
    body: &[u8],
) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(to).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\nAccept-Language: en\r\nContent-Length: {}\r\n",
        body.len()
    );
    for line in heads {
        head.push_str(line);
        head.push_str("\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1)?.parse().ok()?;
    Some((status, text))
}

/// Forwards connections to the inner door, and cuts each after so many bytes of answers; 0 cuts none.
fn cutting(to: SocketAddr) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("its address");
    let most = Arc::new(AtomicUsize::new(0));
    let limit = Arc::clone(&most);
    std::thread::spawn(move || {
        for from in listener.incoming().flatten() {
            let Ok(there) = TcpStream::connect(to) else {
                continue;
            };
            let limit = limit.load(Ordering::SeqCst);
            let (mut asks, mut to_node) = (
                from.try_clone().expect("a socket"),
                there.try_clone().expect("a socket"),
            );
            std::thread::spawn(move || {
                // Ends with either side.
                let _ = std::io::copy(&mut asks, &mut to_node);
                let _ = to_node.shutdown(std::net::Shutdown::Write);
            });
            std::thread::spawn(move || {
                let (mut answers, mut back) = (there, from);
                let most = if limit == 0 { u64::MAX } else { limit as u64 };
                let _ = std::io::copy(&mut Read::by_ref(&mut answers).take(most), &mut back);
                let _ = back.shutdown(std::net::Shutdown::Both);
                let _ = answers.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    (at, most)
}

/// A node and an inside that know each other's keys.
pub(crate) struct Pair {
    pub(crate) node: Bench,
    pub(crate) inside: Bench,
}

impl Pair {
    pub(crate) fn new(spool_mb: u32) -> Self {
        let inside = Bench::with("[workspace]\nname = \"inside\"\n");
        inside
            .run(&["outpost", "keys", "keys"])
            .exits(0)
            .prints("inside only");
        let node = Bench::with(&format!(
            "[workspace]\nname = \"dmz\"\n[serve]\nrole = \"public\"\n[public]\ninner = \"127.0.0.1:0\"\nspool_mb = {spool_mb}\n\
             secret = \"secret\"\nseal_key = \"seal.asc\"\n"
        ));
        for name in ["secret", "seal.asc"] {
            let bytes = std::fs::read(inside.path().join("keys").join(name)).expect("it was made");
            node.write(name, bytes);
        }
        Pair { node, inside }
    }

    /// Tells the inside where the node's inner door is.
    fn meet(&self, inner: SocketAddr) {
        let head = "[workspace]\nname = \"inside\"\n[response]\naddress = \"duty@cert.example\"\n\
                    name_zh = \"示例\"\nname_en = \"Example\"\n";
        let text = head.to_owned() + &Self::meeting(inner);
        self.inside.write("watchfire.toml", text);
    }

    /// The part of the inside's configuration that names the node's inner door.
    pub(crate) fn meeting(inner: SocketAddr) -> String {
        format!(
            "[public]\nsecret = \"keys/secret\"\nopen_key = \"keys/open.asc\"\n\
             nodes = [\"http://{inner}/\"]\nevery_secs = 1\n"
        )
    }

    pub(crate) fn exchange(&self) -> i32 {
        self.inside.run(&["outpost", "exchange"]).code
    }

    fn complaints(&self) -> Vec<Complaint> {
        let path = self.inside.path().join("ledger.db");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let ledger = Ledger::open_read_only(&path).await.expect("opens");
            let page = Page {
                offset: 0,
                limit: 1_000,
            };
            ledger.complaints(None, page).await.expect("reads")
        })
    }

    /// Opens an incident of each complaint, and closes nothing: the node must not learn of it.
    fn open_incidents(&self) -> Vec<String> {
        self.inside.run(&["respond", "--no-verify"]).exits(0);
        let path = self.inside.path().join("ledger.db");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let ledger = Ledger::open_read_only(&path).await.expect("opens");
            let page = Page {
                offset: 0,
                limit: 1_000,
            };
            let filter = IncidentFilter::default();
            let all = ledger.incidents(&filter, &Reach::All, IncidentSort::default(), page);
            let all = all.await.expect("reads");
            all.iter().map(|one| one.id.to_string()).collect()
        })
    }
}

fn receipts(all: &[Complaint]) -> BTreeSet<String> {
    all.iter().map(|one| one.receipt.clone()).collect()
}

/// A picture of one point.
const GIF: &[u8] =
    b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3b";

#[test]
fn what_is_sent_outside_arrives_inside_once_however_often_it_is_cut() {
    let pair = Pair::new(64);
    let node = Node::start(&pair.node);
    let (inner, most) = cutting(node.inner);
    pair.meet(inner);
    let mut sent = BTreeSet::new();
    for n in 0..5 {
        let file = (n % 2 == 0).then_some(GIF);
        sent.insert(node.report(&format!("https://login{n}.example.test/a"), file));
    }
    assert_eq!(sent.len(), 5);
    // The receipt is known before anybody inside has seen it.
    let first = sent.first().expect("five were sent").clone();
    let (status, page) = node.get(&format!("/report/status/{first}"));
    assert_eq!(status, 200, "{page}");
    assert_eq!(node.get("/report/status/WF-0000-0000-0000-0000").0, 404);
    // Cut in the head, in the midst of a parcel, and after it: nothing is lost, nothing is doubled.
    let mut cut = 0;
    for trial in 0..20_usize {
        most.store(30 + trial * 251 % 2_500, Ordering::SeqCst);
        cut += usize::from(pair.exchange() != 0);
    }
    assert!(cut >= 8, "only {cut} of 20 exchanges were cut");
    most.store(0, Ordering::SeqCst);
    for _ in 0..2 {
        assert_eq!(pair.exchange(), 0);
        let all = pair.complaints();
        assert_eq!(all.len(), 5);
        assert_eq!(receipts(&all), sent);
    }
    let spool = pair.node.path().join("public/spool");
    assert_eq!(std::fs::read_dir(spool).expect("a folder").count(), 0);
    let all = pair.complaints();
    assert!(
        all.iter()
            .all(|one| one.reporter.as_deref() == Some(REPORTER))
    );
    assert_eq!(node.get(&format!("/report/status/{first}")).0, 200);
    assert_eq!(node.get("/report/status/WF-0000-0000-0000-0000").0, 404);
}

#[test]
fn a_node_killed_after_its_answer_has_what_it_answered_for() {
    let pair = Pair::new(64);
    let mut sent = BTreeSet::new();
    for n in 0..5 {
        let node = Node::start(&pair.node);
        sent.insert(node.report(&format!("https://k{n}.example.test/"), Some(GIF)));
        node.kill();
    }
    let node = Node::start(&pair.node);
    for receipt in &sent {
        assert_eq!(
            node.get(&format!("/report/status/{receipt}")).0,
            200,
            "{receipt}"
        );
    }
    pair.meet(node.inner);
    assert_eq!(pair.exchange(), 0);
    assert_eq!(receipts(&pair.complaints()), sent);
}

#[test]
fn a_full_spool_says_so_and_keeps_nothing_of_it() {
    let pair = Pair::new(1);
    let node = Node::start(&pair.node);
    // A true picture with much behind it: as many bytes as it takes to fill a MiB.
    let mut large = GIF.to_vec();
    large.resize(400 << 10, 0);
    let mut kept = 0;
    let mut refused = None;
    for n in 0..8 {
        match node.send(&format!("https://f{n}.example.test/"), Some(&large)) {
            (303, _) => kept += 1,
            other => {
                refused = Some(other);
                break;
            }
        }
    }
    let (status, page) = refused.expect("it fills up");
    assert_eq!(status, 503, "{page}");
    assert!(page.contains("send it again in an hour"), "{page}");
    let spool = pair.node.path().join("public/spool");
    assert_eq!(std::fs::read_dir(spool).expect("a folder").count(), kept);
    pair.meet(node.inner);
    assert_eq!(pair.exchange(), 0);
    assert_eq!(pair.complaints().len(), kept);
    assert_eq!(
        node.send("https://f9.example.test/", None).0,
        303,
        "there is room again"
    );
}

/// Where one of these texts lies: in a file of a folder, in what a process was started with, or in an answer.
pub(crate) fn found(needles: &[String], hay: &[(String, Vec<u8>)]) -> Vec<String> {
    let holds = |bytes: &[u8], needle: &str| {
        !needle.is_empty()
            && bytes
                .windows(needle.len())
                .any(|window| window == needle.as_bytes())
    };
    let mut all = Vec::new();
    for (name, bytes) in hay {
        for needle in needles.iter().filter(|needle| holds(bytes, needle)) {
            all.push(format!("{needle} in {name}"));
        }
    }
    all
}

pub(crate) fn files_below(folder: &Path, into: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => files_below(&path, into),
            false => into.push((
                path.display().to_string(),
                std::fs::read(&path).expect("a file"),
            )),
        }
    }
}

/// Everything that somebody who took the node over can read: its folder, environment and memory, and every answer.
fn everything(pair: &Pair, node: &Node, receipt: &str) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    files_below(pair.node.path(), &mut all);
    for name in ["environ", "cmdline"] {
        let path = format!("/proc/{}/{name}", node.process.id());
        all.push((
            path.clone(),
            std::fs::read(path).expect("a process of ours"),
        ));
    }
    for path in [
        "/",
        "/report",
        "/report/status",
        "/appeal",
        "/appeal/status",
        "/console",
        "/console/incidents",
        "/portal",
        "/api/v1/incidents",
        "/healthz",
        "/readyz",
        "/metrics",
        "/watchfire.toml",
        "/nothing",
    ] {
        all.push((format!("GET {path}"), node.get(path).1.into_bytes()));
    }
    let status = node.get(&format!("/report/status/{receipt}")).1;
    // The page of a receipt shows the receipt that was asked for, and no more.
    all.push(("its status".to_owned(), status.into_bytes()));
    let secret = std::fs::read_to_string(pair.node.path().join("secret")).expect("a secret");
    let head = format!("Authorization: Bearer {}", secret.trim());
    for path in ["/inner/v1/state", "/metrics"] {
        let answer = ask(node.inner, "GET", path, &[&head], b"").expect("it answers");
        all.push((format!("inner {path}"), answer.1.into_bytes()));
    }
    all
}

#[test]
fn a_node_that_is_taken_over_tells_nothing_of_the_inside() {
    let pair = Pair::new(64);
    let node = Node::start(&pair.node);
    pair.meet(node.inner);
    let receipt = node.report("https://victim-bank.example.test/login", Some(GIF));
    let waiting = node.report("https://second-bank.example.test/login", None);
    assert_eq!(pair.exchange(), 0);
    let incidents = pair.open_incidents();
    assert!(!incidents.is_empty(), "complaints open incidents");
    assert_eq!(pair.exchange(), 0);
    // One more that nobody fetched yet: it lies on the disk of the node.
    let unfetched = node.report("https://third-bank.example.test/login", None);
    let mut needles: Vec<String> = incidents;
    needles.extend([
        REPORTER.to_owned(),
        LEDGER_URL.to_owned(),
        "postgres://".to_owned(),
        "s3://".to_owned(),
        "victim-bank".to_owned(),
        "second-bank".to_owned(),
        "third-bank".to_owned(),
        waiting,
        unfetched,
        "PRIVATE KEY BLOCK".to_owned(),
        pair.inside.path().display().to_string(),
    ]);
    let all = everything(&pair, &node, &receipt);
    assert!(all.len() > 20, "the scan looks at little: {}", all.len());
    assert_eq!(found(&needles, &all), Vec::<String>::new());

    // The scan finds what it looks for: the same with a slip of each kind.
    pair.node
        .write("public/notes.txt", format!("see {}", needles[0]));
    pair.node.write("public/config.bak", LEDGER_URL);
    pair.node.write("public/spool/plain.asc", REPORTER);
    let slips = found(&needles, &everything(&pair, &node, &receipt));
    for name in ["notes.txt", "config.bak", "plain.asc"] {
        assert!(
            slips.iter().any(|slip| slip.contains(name)),
            "{name} is overlooked"
        );
    }
}

#[test]
fn a_node_does_not_begin_with_what_leads_inside() {
    let pair = Pair::new(64);
    let refuses = |bench: &Bench, says: &str| {
        let done = bench.run(&["serve", "--listen", "127.0.0.1:0"]);
        done.exits(3).says(says);
    };
    let written =
        std::fs::read_to_string(pair.node.path().join("watchfire.toml")).expect("it is there");
    pair.node.write(
        "watchfire.toml",
        format!("{written}[ledger]\nurl = \"{LEDGER_URL}\"\n"),
    );
    refuses(&pair.node, "ledger.url");
    pair.node.write(
        "watchfire.toml",
        written.replace("[public]", "[public]\nopen_key = \"open.asc\""),
    );
    refuses(&pair.node, "public.open_key");
    pair.node.write("watchfire.toml", &written);
    std::fs::create_dir(pair.node.path().join("lake")).expect("a folder");
    refuses(&pair.node, "lake");
    std::fs::remove_dir(pair.node.path().join("lake")).expect("it is empty");
    let with = Bench::at(pair.node.path()).set("WATCHFIRE_IMAP_PASSWORD", "x");
    refuses(&with, "WATCHFIRE_IMAP_PASSWORD");
    let open = written.replace("inner = \"127.0.0.1:0\"", "inner = \"0.0.0.0:0\"");
    pair.node.write("watchfire.toml", open);
    refuses(&pair.node, "public.inner");
}

#[test]
fn a_node_is_looked_at_as_one_and_no_ledger_is_made() {
    let pair = Pair::new(64);
    let here = || {
        let entries = std::fs::read_dir(pair.node.path()).expect("a folder");
        entries
            .map(|entry| entry.expect("an entry").file_name())
            .collect::<BTreeSet<_>>()
    };
    let before = here();
    let doctor = || pair.node.run(&["doctor"]);
    doctor().exits(4).prints("nothing was left in");
    // Whatever else is asked of it is refused, and leaves nothing that would keep it from beginning.
    pair.node.run(&["status"]).exits(3).says("public node");
    pair.node.run(&["ingest"]).exits(3).says("public node");
    assert_eq!(here(), before);
    let node = Node::start(&pair.node);
    pair.meet(node.inner);
    node.report("https://login.example.test/a", None);
    doctor().prints("1 wait");
    let old = SystemTime::now() - Duration::from_secs(3600);
    let spool = pair.node.path().join("public/spool");
    for entry in std::fs::read_dir(&spool).expect("the spool") {
        let file = std::fs::File::options()
            .append(true)
            .open(entry.expect("an entry").path());
        file.and_then(|file| file.set_modified(old)).expect("sets");
    }
    doctor().exits(4).prints("the oldest for 60 minutes");
    assert_eq!(pair.exchange(), 0);
    doctor().prints("0 wait");
    // What leads inside is named here too.
    let with = Bench::at(pair.node.path()).set("WATCHFIRE_IMAP_PASSWORD", "x");
    with.run(&["doctor"])
        .exits(4)
        .prints("WATCHFIRE_IMAP_PASSWORD");
    pair.node.write("secret", "short");
    doctor().exits(4).prints("shorter than 32");
}

#[test]
fn the_inner_door_opens_to_the_secret_alone() {
    let pair = Pair::new(64);
    let node = Node::start(&pair.node);
    let receipt = node.report("https://a.example.test/", None);
    let asked = |method: &str, path: &str, heads: &[&str]| {
        ask(node.inner, method, path, heads, b"")
            .expect("it answers")
            .0
    };
    for path in [
        "/inner/v1/state",
        "/inner/v1/spool/x",
        "/metrics",
        "/",
        "/report",
    ] {
        for heads in [
            &[][..],
            &["Authorization: Bearer wrong"],
            &["Authorization: Basic eDp4"],
        ] {
            assert_eq!(asked("GET", path, heads), 401, "{path} {heads:?}");
        }
    }
    assert_eq!(asked("DELETE", "/inner/v1/spool/x", &[]), 401);
    // What the public is asked through leads to none of it.
    for path in ["/inner/v1/state", "/inner/v1/answers", "/metrics"] {
        assert_eq!(node.get(path).0, 404, "{path}");
    }
    // An inside with another secret learns that, and changes nothing.
    pair.meet(node.inner);
    pair.inside
        .write("keys/secret", "wf_0000000000000000000000000000000000000000");
    let done = pair.inside.run(&["outpost", "exchange"]);
    done.exits(1).says("does not know our secret");
    assert_eq!(node.get(&format!("/report/status/{receipt}")).0, 200);
}

#[test]
fn a_node_whose_disk_is_full_keeps_its_site_and_takes_nothing_it_cannot_keep() {
    let pair = Pair::new(64);
    let Some(disk) = Disk::mount(&pair.node.path().join("public"), "4m") else {
        return;
    };
    let node = Node::start(&pair.node);
    pair.meet(node.inner);
    let publish = |edition: &str, large: usize| {
        let page = |name: &str, bytes: Vec<u8>| Rendition {
            name: name.to_owned(),
            bytes,
        };
        let pages = [
            page("index.html", format!("edition {edition}").into_bytes()),
            page("404.html", b"lost".to_vec()),
            page("issues/large.pdf", edition.repeat(large).into_bytes()),
        ];
        let site = pair.inside.path().join("site");
        watchfire::site::publish(&site, &pages, &[], &|_| unreachable!("no assets"))
            .expect("published");
    };
    let public = pair.node.path().join("public");
    let whole = |edition: &str| {
        assert!(node.get("/").1.ends_with(&format!("edition {edition}")));
        let site = watchfire::site::verify(&public.join("site"));
        assert_eq!(site.expect("reads"), Vec::<String>::new(), "{edition}");
    };
    publish("one", 1 << 17);
    pair.inside.run(&["outpost", "exchange"]).exits(0);
    whole("one");
    let kept = node.report("https://kept.example.test/", None);
    let filler = disk.fill(64 << 10);
    let incoming = || {
        let names = std::fs::read_dir(public.join("incoming")).expect("a folder");
        let names = names.map(|entry| entry.expect("an entry").file_name());
        names.collect::<BTreeSet<_>>()
    };
    let mut brought = Vec::new();
    for edition in ["two", "two", "three"] {
        publish(edition, 1 << 18);
        let refused = pair.inside.run(&["outpost", "exchange"]);
        assert_ne!(refused.code, 0, "{}", refused.stdout);
        refused.says("has no room").says("public.folder");
        whole("one");
        brought.push(incoming());
    }
    // What fitted waits for the rest, and goes when another site is to come.
    assert_eq!(brought[0], brought[1]);
    assert!(brought[1].is_disjoint(&brought[2]), "{brought:?}");
    std::fs::remove_file(filler).expect("there is room");
    let filler = disk.fill(0);
    let (status, page) = node.send("https://lost.example.test/", Some(GIF));
    assert_eq!(status, 503, "{page}");
    std::fs::remove_file(filler).expect("there is room");
    pair.inside.run(&["outpost", "exchange"]).exits(0);
    whole("three");
    assert_eq!(receipts(&pair.complaints()), BTreeSet::from([kept]));
    for folder in ["incoming", "spool"] {
        let left = std::fs::read_dir(public.join(folder)).expect("a folder");
        assert_eq!(left.count(), 0, "{folder}");
    }
}

#[test]
fn the_site_appears_in_one_step_and_only_what_changed_is_brought() {
    let pair = Pair::new(64);
    let node = Node::start(&pair.node);
    pair.meet(node.inner);
    let publish = |edition: &str| {
        let page = |name: String, text: String| Rendition {
            name,
            bytes: text.into_bytes(),
        };
        let mut pages = vec![
            page("index.html".to_owned(), format!("edition {edition}")),
            page("404.html".to_owned(), "lost".to_owned()),
            page("same.html".to_owned(), "as ever".to_owned()),
        ];
        pages.extend((0..30).map(|n| page(format!("issues/{n}.html"), format!("{edition} {n}"))));
        let site = pair.inside.path().join("site");
        watchfire::site::publish(&site, &pages, &[], &|_| unreachable!("no assets"))
            .expect("published");
    };
    publish("one");
    assert_eq!(pair.exchange(), 0);
    assert!(node.get("/").1.ends_with("edition one"));
    assert_eq!(node.get("/nowhere.html").0, 404);
    let same =
        std::fs::metadata(pair.node.path().join("public/site/same.html")).expect("it is there");
    publish("two");
    // Readers ask all the while, and never see a part of it.
    let outer = node.outer;
    let done = Arc::new(AtomicUsize::new(0));
    let until = Arc::clone(&done);
    let reader = std::thread::spawn(move || {
        let mut seen = BTreeSet::new();
        while until.load(Ordering::SeqCst) == 0 {
            let home = ask(outer, "GET", "/", &[], b"").expect("it answers").1;
            let last = ask(outer, "GET", "/issues/29.html", &[], b"")
                .expect("it answers")
                .1;
            let word = |text: &str| {
                text.rsplit("\r\n\r\n")
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            };
            seen.insert((word(&home), word(&last)));
        }
        seen
    });
    assert_eq!(pair.exchange(), 0);
    done.store(1, Ordering::SeqCst);
    let seen = reader.join().expect("it reads");
    assert!(node.get("/").1.ends_with("edition two"));
    let whole = |home: &str, last: &str| (home.to_owned(), last.to_owned());
    let allowed = [
        whole("edition one", "one 29"),
        whole("edition two", "two 29"),
        // The change came between the two requests.
        whole("edition one", "two 29"),
    ];
    assert!(seen.iter().all(|pair| allowed.contains(pair)), "{seen:?}");
    let kept =
        std::fs::metadata(pair.node.path().join("public/site/same.html")).expect("it is there");
    assert_eq!(
        same.modified().ok(),
        kept.modified().ok(),
        "what did not change keeps its time"
    );
    assert_eq!(
        watchfire::site::verify(&pair.node.path().join("public/site")).expect("reads"),
        Vec::<String>::new()
    );
}
