//! The doors of the serving process: TLS of its own with a certificate that is changed under way, what the service
//! manager is told, the log as JSON, and the check of health. `openssl` makes certificates, `curl` reads them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::{PATIENCE, Process};
use crate::run::Bench;

struct Serving {
    process: Process,
    address: SocketAddr,
}

impl std::ops::Deref for Serving {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl Serving {
    fn start(bench: &Bench, variables: &[(&str, &str)]) -> Self {
        let mut command = bench.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.envs(variables.iter().copied());
        let mut process = Process::start(command);
        let address = process.told(|log| {
            log.lines().find_map(|line| {
                let rest = line.strip_prefix("serving ")?.split_once("://")?.1;
                rest.trim().parse().ok()
            })
        });
        Serving { process, address }
    }

    #[track_caller]
    fn logs(&self, text: &str) {
        let begun = Instant::now();
        while !self.log().contains(text) {
            assert!(begun.elapsed() < PATIENCE, "`{text}` is not in the log");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn there(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("SKIPPED: {program} is not installed");
    }
    found
}

/// A key and its certificate for a name.
fn certificate(folder: &Path, name: &str) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
        ])
        .args(["-nodes", "-days", "2", "-subj", &format!("/CN={name}")])
        .arg("-addext")
        .arg(format!("subjectAltName=DNS:{name}"))
        .arg("-keyout")
        .arg(folder.join("key.pem"))
        .arg("-out")
        .arg(folder.join("chain.pem"))
        .output()
        .expect("openssl runs");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}

/// Asks over TLS for a name, trusting one certificate; head and body.
fn curl(address: SocketAddr, name: &str, trusted: &Path, more: &[&str]) -> Result<String, String> {
    let done = Command::new("curl")
        .args([
            "-sS",
            "-i",
            "--max-time",
            "20",
            "--noproxy",
            "*",
            "--cacert",
        ])
        .arg(trusted)
        .args(["--resolve", &format!("{name}:{}:127.0.0.1", address.port())])
        .args(more)
        .arg(format!("https://{name}:{}/healthz", address.port()))
        .output()
        .expect("curl runs");
    match done.status.success() {
        true => Ok(String::from_utf8_lossy(&done.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&done.stderr).into_owned()),
    }
}

#[test]
fn tls_is_ours_and_certificates_change_under_way() {
    if !there("openssl") || !there("curl") {
        return;
    }
    let bench = Bench::with("[serve]\ntls_cert = \"chain.pem\"\ntls_key = \"key.pem\"\n");
    let cannot = bench.run(&["serve", "--listen", "127.0.0.1:0"]);
    cannot.exits(1).says("chain.pem");
    certificate(bench.path(), "one.example.test");
    let serving = Serving::start(&bench, &[]);
    let chain = bench.path().join("chain.pem");
    let answer = curl(serving.address, "one.example.test", &chain, &[]).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let lower = answer.to_lowercase();
    assert!(
        lower.contains("strict-transport-security: max-age=31536000"),
        "{answer}"
    );
    for (flag, good) in [("1.1", false), ("1.2", true), ("1.3", true)] {
        let version = [
            format!("--tlsv{flag}"),
            "--tls-max".to_owned(),
            flag.to_owned(),
        ];
        let version: Vec<&str> = version.iter().map(String::as_str).collect();
        let answer = curl(serving.address, "one.example.test", &chain, &version);
        assert_eq!(answer.is_ok(), good, "TLS {flag}: {answer:?}");
    }
    // Whoever speaks plainly gets nothing, and whoever says nothing keeps nobody else waiting.
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(serving.address).expect("a connection"));
    }
    let mut plain = TcpStream::connect(serving.address).expect("a connection");
    plain.set_read_timeout(Some(PATIENCE)).expect("a limit");
    plain
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("sent");
    let mut answer = Vec::new();
    // It may break off in the middle: that is an answer, too.
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
    curl(serving.address, "one.example.test", &chain, &[]).expect("it answers others");
    let listen = serving.address.to_string();
    bench
        .run(&["health", "--ready", "--listen", &listen])
        .exits(0)
        .prints("ok");

    // Another certificate, read on SIGHUP.
    let before = std::fs::read(&chain).expect("a certificate");
    bench.write("before.pem", before);
    certificate(bench.path(), "two.example.test");
    serving.signal("HUP");
    serving.logs("configuration read anew");
    curl(serving.address, "two.example.test", &chain, &[]).expect("the new one is shown");
    let old = curl(
        serving.address,
        "one.example.test",
        &bench.path().join("before.pem"),
        &[],
    );
    assert!(old.is_err(), "{old:?}");

    // One that cannot be used changes nothing.
    let good = std::fs::read(&chain).expect("a certificate");
    bench.write("after.pem", good);
    bench.write("chain.pem", "no certificate");
    serving.signal("HUP");
    serving.logs("configuration refused");
    curl(
        serving.address,
        "two.example.test",
        &bench.path().join("after.pem"),
        &[],
    )
    .expect("the old one stands");
}

#[test]
fn the_service_manager_hears_of_life_and_end() {
    let bench = Bench::with("");
    let path = bench.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a limit");
    let told = path.display().to_string();
    let serving = Serving::start(
        &bench,
        &[("NOTIFY_SOCKET", &told), ("WATCHDOG_USEC", "400000")],
    );
    let mut heard = String::new();
    let mut until = |text: &str| {
        let mut bytes = [0; 4096];
        while !heard.contains(text) {
            let read = socket
                .recv(&mut bytes)
                .unwrap_or_else(|error| panic!("{text}: {error}: {heard}"));
            heard.push_str(&String::from_utf8_lossy(&bytes[..read]));
            heard.push('\n');
        }
        heard.clear();
    };
    until("READY=1");
    until("WATCHDOG=1");
    until("WATCHDOG=1");
    serving.signal("HUP");
    until("RELOADING=1");
    until("READY=1");
    serving.signal("TERM");
    until("STOPPING=1");
}

#[test]
fn the_log_is_lines_of_json_where_that_is_asked_for() {
    let bench = Bench::with("");
    let serving = Serving::start(&bench, &[("WATCHFIRE_LOG_FORMAT", "json")]);
    let mut stream = TcpStream::connect(serving.address).expect("a connection");
    stream
        .write_all(b"GET /api/v1/\x1b[31mred HTTP/1.1\r\nHost: x\r\nX-Request-Id: ab-12\r\nConnection: close\r\n\r\nGET /api/v1/none HTTP/1.1\r\n\r\n")
        .expect("sent");
    let mut stream = TcpStream::connect(serving.address).expect("a connection");
    stream
        .write_all(b"GET /api/v1/none HTTP/1.1\r\nHost: x\r\nX-Request-Id: ab-12\r\nConnection: close\r\n\r\n")
        .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    serving.logs("ab-12");
    serving.signal("TERM");
    serving.logs("\"stopped\"");
    let log = serving.log();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .filter(|line| !line.starts_with("serving "))
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    assert!(
        lines
            .iter()
            .any(|line| line["request"] == "ab-12" && line["status"] == 404),
        "{log}"
    );
    assert!(
        lines
            .iter()
            .all(|line| line["time"].is_string() && line["level"].is_string()),
        "{log}"
    );
    bench
        .run(&["health", "--listen", &serving.address.to_string()])
        .exits(1);
}
