//! Webhooks: really posted, signed, under one identity, and only where that is allowed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use model::time::Timestamp;
use outbound::Allowed;
use response::deliver::webhook::{Hooks, Key, Way, keys};
use response::deliver::{Outcome, Secret};
use rustls::RootCertStore;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const AT: Timestamp = Timestamp(1_673_222_400_000_000);

/// A receiver that answers one status after the other and keeps what it got.
async fn receiver(answers: &'static [u16]) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let got = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&got);
    tokio::spawn(async move {
        for status in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            while !bytes.ends_with(b"{\"a\":1}") {
                let mut buffer = [0; 4096];
                let read = stream.read(&mut buffer).await.unwrap();
                assert!(read > 0, "it ends too early");
                bytes.extend_from_slice(&buffer[..read]);
            }
            kept.lock().unwrap().push(String::from_utf8(bytes).unwrap());
            let answer = format!(
                "HTTP/1.1 {status} x\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (port, got)
}

fn hooks(allowed: &[&str], keys: BTreeMap<String, Vec<Key>>) -> Hooks {
    let allowed = Allowed::parse(allowed.iter().copied()).unwrap();
    let roots = RootCertStore::empty();
    Hooks::new(
        Way::new(outbound::system_lookup(), allowed, roots).unwrap(),
        keys,
    )
}

fn shared() -> BTreeMap<String, Vec<Key>> {
    keys(&format!(
        "# partners\n\n127.0.0.1 {SECRET}\nlocalhost {SECRET}\n"
    ))
    .unwrap()
}

fn head<'a>(request: &'a str, name: &str) -> &'a str {
    let line = request.lines().find_map(|line| {
        let (field, value) = line.split_once(": ")?;
        field.eq_ignore_ascii_case(name).then_some(value)
    });
    line.unwrap_or_else(|| panic!("no {name} in {request}"))
}

#[tokio::test]
async fn a_notice_is_posted_until_it_is_taken_under_one_identity() {
    let (port, got) = receiver(&[503, 302, 204]).await;
    let hooks = hooks(&["127.0.0.1"], shared());
    let url = format!("http://127.0.0.1:{port}/in");
    let id = "notice.1@cert.example";
    let post = async |secs: i64| {
        let at = Timestamp(AT.0 + secs * 1_000_000);
        hooks.post(&url, id, at, b"{\"a\":1}".to_vec()).await
    };
    assert!(matches!(post(0).await, Outcome::Later { .. }));
    // A redirect is followed nowhere.
    assert!(matches!(post(60).await, Outcome::Refused { .. }));
    assert!(matches!(post(120).await, Outcome::Sent { .. }));
    let got = got.lock().unwrap().clone();
    assert_eq!(got.len(), 3);
    let key = Key::read(&Secret::new(SECRET)).unwrap();
    for (n, request) in got.iter().enumerate() {
        assert_eq!(head(request, "webhook-id"), id);
        let at = Timestamp(AT.0 + n as i64 * 60_000_000);
        assert_eq!(
            head(request, "webhook-timestamp"),
            (at.0 / 1_000_000).to_string()
        );
        let signature = key.sign(id, at, b"{\"a\":1}");
        assert_eq!(head(request, "webhook-signature"), signature);
        assert_ne!(key.sign(id, at, b"{\"a\":2}"), signature);
    }
}

#[tokio::test]
async fn nothing_is_posted_where_that_is_not_allowed() {
    let (port, got) = receiver(&[204]).await;
    let body = || b"{\"a\":1}".to_vec();
    let refused = |outcome: Outcome, words: &str| {
        let told = outcome.reply().to_owned();
        assert!(matches!(outcome, Outcome::Refused { .. }), "{told}");
        assert!(told.contains(words), "{told}");
    };
    let closed = hooks(&[], shared());
    let plain = format!("http://127.0.0.1:{port}/");
    refused(closed.post(&plain, "a@b", AT, body()).await, "https");
    let tls = format!("https://127.0.0.1:{port}/");
    refused(closed.post(&tls, "a@b", AT, body()).await, "loopback");
    // By a name that leads there.
    let named = format!("https://localhost:{port}/");
    refused(closed.post(&named, "a@b", AT, body()).await, "loopback");
    refused(
        closed.post("ftp://example.com/", "a@b", AT, body()).await,
        "no address",
    );
    let open = hooks(&["127.0.0.1"], BTreeMap::new());
    let told = open.post(&plain, "a@b", AT, body()).await;
    assert!(
        matches!(&told, Outcome::Later { reply } if reply.contains("no secret")),
        "{told:?}"
    );
    assert!(got.lock().unwrap().is_empty());
    for wrong in ["one", "host whsec_AAAA", "host"] {
        let told = keys(wrong).unwrap_err();
        assert!(
            told.starts_with("line 1") && !told.contains("AAAA"),
            "{told}"
        );
    }
}
