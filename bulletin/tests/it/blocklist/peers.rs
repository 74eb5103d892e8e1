//! Programs of others: `named-checkzone` and `stix2-validator` judge the files and refuse broken twins,
//! and a BIND on loopback blocks by the zone what it answers without it.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bulletin::blocklist::files;
use ledger::ListedKind;

use super::{entries, entry, file, head};

/// A program of one of several places, or a loud word that its test does not run.
fn program(name: &str) -> Option<PathBuf> {
    let peers = std::env::var_os("WATCHFIRE_PEERS").map(|folder| PathBuf::from(folder).join("bin"));
    let usual = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"].map(PathBuf::from);
    let mut places = peers.into_iter().chain(usual);
    let found = places
        .by_ref()
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        eprintln!("SKIPPED: {name} is not installed; see .ci/run and WATCHFIRE_PEERS");
    }
    found
}

fn zone_is_good(check: &Path, zone: &str) -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rpz.zone");
    std::fs::write(&path, zone).expect("it is written");
    let done = Command::new(check)
        .args(["-k", "ignore", "rpz.cert.example"])
        .arg(&path)
        .output()
        .expect("it runs");
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    done.status.success() && told.contains("OK")
}

#[test]
fn the_zone_loads_and_a_broken_one_does_not() {
    let Some(check) = program("named-checkzone") else {
        return;
    };
    // The longest name that is listed still loads below a zone's own.
    let label = "a".repeat(60);
    let long = format!("{label}.{label}.{label}.test");
    let mut all = entries();
    all.push(entry(ListedKind::Domain, &long));
    let longer = format!("{label}.{label}.{label}.{label}.test");
    all.push(entry(ListedKind::Domain, &longer));
    let zone = file(&files(&head(2_023_010_901), &all), "rpz.zone");
    assert!(zone.contains(&format!("\n{long} ")) && !zone.contains(&format!("\n{longer} ")));
    assert!(zone_is_good(&check, &zone), "{zone}");
    for (from, to) in [
        ("2023010901 900", "x 900"),
        ("\nbad.example IN CNAME .", "\nbad..example IN CNAME ."),
        ("\nbad.example IN CNAME .", "\nbad.example IN CNAME ."),
    ] {
        let broken = match from == to {
            // A second record beside a CNAME.
            true => format!("{zone}bad.example IN A 192.0.2.1\n"),
            false => zone.replacen(from, to, 1),
        };
        assert_ne!(broken, zone);
        assert!(!zone_is_good(&check, &broken), "{to}");
    }
}

#[test]
fn the_bundle_is_valid_and_a_broken_one_is_not() {
    let Some(validator) = program("stix2_validator") else {
        return;
    };
    let valid = |text: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("list.json");
        std::fs::write(&path, text).expect("it is written");
        let done = Command::new(&validator)
            .args(["--strict", "--version", "2.1"])
            .arg(&path)
            .output()
            .expect("it runs");
        let told = String::from_utf8_lossy(&done.stdout).into_owned();
        (done.status.success(), told)
    };
    let bundle = file(&files(&head(7), &entries()), "list.stix.json");
    let (good, told) = valid(&bundle);
    assert!(good, "{told}");
    for (from, to) in [
        ("\"pattern_type\": \"stix\"", "\"pattern_type\": 7"),
        (
            "[domain-name:value = 'bad.example']",
            "[domain-name:value = 'bad.example'",
        ),
        ("\"revoked\": true", "\"revoked\": \"perhaps\""),
    ] {
        let broken = bundle.replacen(from, to, 1);
        assert_ne!(broken, bundle, "{from}");
        assert!(!valid(&broken).0, "{to}");
    }
}

/// A BIND of our own; it ends with the test.
struct Bind {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Drop for Bind {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a name server answered: its code, and the addresses.
type Answer = (u8, Vec<[u8; 4]>);

fn ask(port: u16, name: &str) -> Option<Answer> {
    let socket = UdpSocket::bind("127.0.0.1:0").ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    let mut query = vec![0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        query.push(label.len() as u8);
        query.extend(label.as_bytes());
    }
    query.extend([0, 0, 1, 0, 1]);
    socket.send_to(&query, ("127.0.0.1", port)).ok()?;
    let mut answer = [0; 1500];
    let length = socket.recv(&mut answer).ok()?;
    let answer = answer.get(..length)?;
    let count = u16::from_be_bytes([*answer.get(6)?, *answer.get(7)?]);
    let mut at = query.len();
    let mut addresses = Vec::new();
    for _ in 0..count {
        // Names in answers are pointers here.
        let head = answer.get(at..at + 12)?;
        let (kind, size) = (head[3], usize::from(head[11]));
        if kind == 1 {
            addresses.push(answer.get(at + 12..at + 16)?.try_into().ok()?);
        }
        at += 12 + size;
    }
    Some((answer.get(3)? & 0x0f, addresses))
}

/// Starts BIND as a resolver whose only knowledge is a zone `example`, with a policy zone or without.
fn bind(program: &Path, policy: Option<&str>) -> Bind {
    let folder = tempfile::tempdir().expect("a folder");
    let port = UdpSocket::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .expect("a port is free")
        .port();
    let path = folder.path().display();
    let (response, zone) = match policy {
        None => (String::new(), String::new()),
        Some(text) => {
            std::fs::write(folder.path().join("rpz.zone"), text).expect("it is written");
            (
                "response-policy { zone \"rpz.cert.example\"; } qname-wait-recurse no;".to_owned(),
                format!(
                    "zone \"rpz.cert.example\" {{ type primary; file \"{path}/rpz.zone\"; allow-query {{ none; }}; }};\n"
                ),
            )
        }
    };
    let config = format!(
        "options {{ directory \"{path}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
           pid-file none; session-keyfile none; recursion yes; allow-recursion {{ 127.0.0.1; }};\n\
           dnssec-validation no; {response} }};\n\
         controls {{ }};\n\
         zone \".\" {{ type primary; file \"{path}/root.zone\"; }};\n\
         zone \"example\" {{ type primary; file \"{path}/example.zone\"; }};\n{zone}"
    );
    let soa =
        "$TTL 60\n@ SOA ns.example. hostmaster.example. 1 3600 600 86400 60\n@ NS ns.example.\n";
    let world = format!(
        "{soa}ns A 127.0.0.1\nbad A 192.0.2.1\nlogin.bad A 192.0.2.1\nalso-bad A 192.0.2.1\n\
         good A 192.0.2.2\nnotbad A 192.0.2.3\nnear A 192.0.2.66\nnet A 198.51.100.9\n"
    );
    std::fs::write(folder.path().join("named.conf"), config).expect("it is written");
    std::fs::write(folder.path().join("root.zone"), soa).expect("it is written");
    std::fs::write(folder.path().join("example.zone"), world).expect("it is written");
    let child = Command::new(program)
        .args(["-g", "-c"])
        .arg(folder.path().join("named.conf"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("named starts");
    let bind = Bind {
        child,
        port,
        _folder: folder,
    };
    // It listens before its zones are loaded.
    for _ in 0..100 {
        if ask(port, "good.example") == Some((0, vec![[192, 0, 2, 2]])) {
            return bind;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("named did not come up on port {port}");
}

#[test]
fn a_resolver_blocks_by_the_zone() {
    let Some(named) = program("named") else {
        return;
    };
    const NO_NAME: u8 = 3;
    let zone = file(&files(&head(2_023_010_901), &entries()), "rpz.zone");
    let names = [
        ("bad.example", NO_NAME),
        ("login.bad.example", NO_NAME),
        ("also-bad.example", NO_NAME),
        // By its address.
        ("near.example", NO_NAME),
        ("net.example", NO_NAME),
        // Not listed, and taken off.
        ("notbad.example", 0),
        ("good.example", 0),
    ];
    let open = bind(&named, None);
    for (name, _) in names {
        let (code, addresses) = ask(open.port, name).expect("an answer");
        assert_eq!((code, addresses.len()), (0, 1), "{name} without the zone");
    }
    let blocking = bind(&named, Some(&zone));
    for (name, expected) in names {
        let (code, _) = ask(blocking.port, name).expect("an answer");
        assert_eq!(code, expected, "{name}");
    }
}
