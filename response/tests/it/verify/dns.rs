//! Names, asked of a real server (BIND) and of one that says nothing.

use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use model::verification::{Client, Finding, ProbeKind};
use outbound::Allowed;
use response::verify::permit::Permit;
use response::verify::probe::{Clients, Clock, Limits, Prober, dns, resolver};
use response::verify::seen::{Resolved, Seen};
use rustls::RootCertStore;

use super::server::{NOW, Server, at, look, target};

/// BIND with one zone of our own and one that cannot be loaded; it ends with the test.
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

async fn bind() -> Option<Bind> {
    let program = ["/usr/sbin/named", "/usr/local/sbin/named"].map(PathBuf::from);
    let Some(program) = program.into_iter().find(|path| path.is_file()) else {
        eprintln!("SKIPPED: named is not installed; see .ci/run (Debian bind9)");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let port = {
        let free = UdpSocket::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let path = folder.path().display();
    let config = format!(
        "options {{ directory \"{path}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
           pid-file none; session-keyfile none; recursion no; dnssec-validation no; }};\n\
         controls {{ }};\n\
         zone \"phish.test\" {{ type primary; file \"{path}/good.zone\"; }};\n\
         zone \"broken.test\" {{ type primary; file \"{path}/broken.zone\"; }};\n"
    );
    let zone = "$TTL 60\n@ SOA ns1.names.test. hostmaster.names.test. 1 3600 600 86400 60\n@ NS ns1.names.test.\n\
        @ A 127.0.0.1\nalias CNAME @\ntext TXT \"no address\"\nsix AAAA 2001:db8::1\n";
    std::fs::write(folder.path().join("named.conf"), config).unwrap();
    std::fs::write(folder.path().join("good.zone"), zone).unwrap();
    std::fs::write(folder.path().join("broken.zone"), "this is no zone\n").unwrap();
    let child = Command::new(program)
        .args(["-g", "-c"])
        .arg(folder.path().join("named.conf"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let bind = Bind {
        child,
        port,
        _folder: folder,
    };
    // It listens before its zones are loaded.
    for _ in 0..100 {
        if !asked(at(port), "phish.test").await.data("A").is_empty() {
            return Some(bind);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("named did not come up on port {port}");
}

async fn asked(server: SocketAddr, name: &str) -> response::verify::seen::Names {
    let resolver = resolver(&[server], Duration::from_secs(2)).unwrap();
    dns::names(&resolver, name, &Clock::at(NOW)).await
}

#[tokio::test]
async fn what_a_server_says_is_told_apart() {
    let Some(bind) = bind().await else { return };
    let server = at(bind.port);
    let there = asked(server, "phish.test").await;
    assert_eq!(there.data("A"), ["127.0.0.1"]);
    assert_eq!(there.data("NS"), ["ns1.names.test."]);
    assert!(
        there.data("SOA")[0].starts_with("ns1.names.test."),
        "{there:?}"
    );
    assert_eq!(there.of("AAAA"), Some(&Resolved::NoData));
    let alias = asked(server, "alias.phish.test").await;
    assert_eq!(
        (alias.data("CNAME"), alias.data("A")),
        (vec!["phish.test."], vec!["127.0.0.1"])
    );
    assert_eq!(
        asked(server, "six.phish.test").await.data("AAAA"),
        ["2001:db8::1"]
    );
    let text = asked(server, "text.phish.test").await;
    assert_eq!(
        (text.of("A"), text.of("AAAA")),
        (Some(&Resolved::NoData), Some(&Resolved::NoData))
    );
    let none = asked(server, "none.phish.test").await;
    assert_eq!(none.answers, [("A".to_owned(), Resolved::NoName)]);
    let broken = asked(server, "www.broken.test").await;
    assert!(
        matches!(broken.of("A"), Some(Resolved::Failure { code }) if code.contains("Failure")),
        "{broken:?}"
    );
    let refused = asked(server, "elsewhere.test").await;
    assert!(
        matches!(refused.of("A"), Some(Resolved::Failure { .. })),
        "{refused:?}"
    );
    let bad = asked(server, &format!("{}.test", "a".repeat(64))).await;
    assert!(
        matches!(bad.of("A"), Some(Resolved::Failure { .. })),
        "{bad:?}"
    );
}

#[tokio::test]
async fn silence_is_no_answer() {
    let mute = UdpSocket::bind("127.0.0.1:0").unwrap();
    let silent = asked(mute.local_addr().unwrap(), "phish.test").await;
    assert!(
        matches!(silent.of("A"), Some(Resolved::Timeout { .. })),
        "{silent:?}"
    );
    assert!(resolver(&[], Duration::from_secs(1)).is_err());
}

#[tokio::test]
async fn a_whole_look_asks_names_before_pages_and_pages_by_the_same_servers() {
    let Some(bind) = bind().await else { return };
    let server = Server::start().await;
    let resolver = resolver(&[at(bind.port)], Duration::from_secs(1)).unwrap();
    let prober = Prober::new(
        resolver.lookup(),
        Allowed::parse(["phish.test", "alias.phish.test"]).unwrap(),
        RootCertStore::empty(),
        Clients::usual().unwrap(),
        Some(resolver),
        Limits::default(),
    );
    let looked = look(
        &prober,
        &target(server.url("/kit")),
        Permit::OneGet,
        Client::Victim,
    )
    .await;
    let found: Vec<_> = looked
        .iter()
        .map(|one| (one.probe, one.client, one.judged.finding))
        .collect();
    assert_eq!(
        found,
        [
            (ProbeKind::Dns, Client::Passive, Finding::Inconclusive),
            (ProbeKind::Http, Client::Victim, Finding::Present),
        ]
    );
    // Only what is passive where no more is permitted, or wanted.
    let passive = look(
        &prober,
        &target(server.url("/kit")),
        Permit::Passive,
        Client::Plain,
    )
    .await;
    assert!(matches!(passive[..], [ref one] if matches!(one.seen, Seen::Names(_))));
    let gone = target(
        format!("http://none.phish.test:{}/kit", server.port)
            .parse()
            .unwrap(),
    );
    let looked = look(&prober, &gone, Permit::OneGet, Client::Victim).await;
    assert_eq!(looked[0].judged.reason, "no-such-name");
    assert_eq!(looked[1].judged.finding, Finding::Inconclusive);
}
