//! Sources that are lists with a file an item: a MISP feed, written by PyPI `pymisp` where it is
//! installed, and Shadowserver's report API, played by a server of our own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use intake::collect::failure::Kind;
use intake::collect::state::FetchState;
use model::fetch::{Fetch, Secret, Transport};
use model::time::Timestamp;
use ring::hmac;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::bench::{Bench, NOW, names, texts};
use crate::peers::python;
use crate::server::{Server, answer, entry};

/// A server of a folder's files.
async fn folder(root: PathBuf) -> Server {
    Server::play(Arc::new(move |_, request, mut stream| {
        let root = root.clone();
        Box::pin(async move {
            let path = request
                .split(' ')
                .nth(1)
                .unwrap_or("/")
                .trim_start_matches('/')
                .to_owned();
            let said = match std::fs::read(root.join(path)) {
                Ok(bytes) => answer("200 OK", "", &bytes),
                Err(_) => answer("404 Not Found", "", b""),
            };
            let _ = stream.write_all(&said).await;
        })
    }))
    .await
}

fn misp(url: String) -> Fetch {
    let mut fetch = entry(url);
    fetch.kind = Transport::Misp;
    fetch
}

/// Writes a feed of three events, or changes the second of them.
const PYMISP: &str = r#"
import json, os, sys
from pymisp import MISPEvent
folder, change = sys.argv[1], sys.argv[2] == "change"
manifest = {}
for n in range(3):
    event = MISPEvent()
    event.from_dict(uuid=f"00000000-0000-4000-8000-00000000000{n}", info=f"event {n}", date="2023-01-09",
        timestamp=str(1673222400 + n + (100 if change and n == 1 else 0)), distribution=3, analysis=2, threat_level_id=2)
    event.add_attribute("url", f"http://{n}.example.com/" + ("changed" if change and n == 1 else ""))
    event.Orgc = __import__("pymisp").MISPOrganisation()
    event.Orgc.from_dict(name="Example", uuid="00000000-0000-4000-8000-0000000000aa", id="1")
    manifest.update(event.manifest)
    json.dump(event.to_feed(), open(os.path.join(folder, f"{event.uuid}.json"), "w"))
json.dump(manifest, open(os.path.join(folder, "manifest.json"), "w"))
"#;

#[tokio::test(flavor = "multi_thread")]
async fn events_of_pymisp_come_once_and_again_when_changed() {
    let bench = Bench::new();
    let root = tempfile::tempdir().unwrap();
    let path = root.path().to_str().unwrap();
    if !python("pymisp", PYMISP, &[path, "new"]) {
        return;
    }
    let server = folder(root.path().to_owned()).await;
    let fetch = misp(server.url("/"));
    let first = bench.gets(&fetch, &FetchState::default()).await;
    assert_eq!(first.deliveries.len(), 3);
    for (number, text) in texts(&first).iter().enumerate() {
        let event: Value = serde_json::from_str(text).unwrap();
        assert_eq!(event["Event"]["info"], format!("event {number}"));
    }
    let quiet = bench.gets(&fetch, &first.state).await;
    assert_eq!(quiet.deliveries, []);
    assert!(python("pymisp", PYMISP, &[path, "change"]));
    let changed = bench.gets(&fetch, &quiet.state).await;
    assert_eq!(
        names(&changed),
        ["00000000-0000-4000-8000-000000000001.json"]
    );
    assert!(texts(&changed)[0].contains("http://1.example.com/changed"));
}

#[tokio::test]
async fn a_manifest_cannot_lead_elsewhere_and_a_missing_event_holds_up_none() {
    let bench = Bench::new();
    let root = tempfile::tempdir().unwrap();
    let uuid = |n: u32| format!("00000000-0000-4000-8000-00000000000{n}");
    let meta = |timestamp: Value| json!({ "timestamp": timestamp, "info": "x" });
    let manifest = json!({
        uuid(1): meta(json!("3")), uuid(2): meta(json!(2)), uuid(3): meta(json!("1")),
        "../../../../etc/passwd": meta(json!("1")),
    });
    std::fs::write(root.path().join("manifest.json"), manifest.to_string()).unwrap();
    std::fs::write(root.path().join(format!("{}.json", uuid(1))), "one").unwrap();
    std::fs::write(root.path().join(format!("{}.json", uuid(2))), "two").unwrap();
    let server = folder(root.path().to_owned()).await;
    let mut fetch = misp(server.url(""));
    let fetched = bench
        .fetch(fetch.clone(), &FetchState::default())
        .await
        .unwrap();
    assert_eq!(texts(&fetched), ["two", "one"], "the oldest first");
    assert_eq!(fetched.failures.len(), 2, "{:?}", fetched.failures);
    assert_eq!(fetched.state.seen.len(), 2);
    assert!(
        !server
            .requests
            .lock()
            .unwrap()
            .iter()
            .any(|request| request.contains("passwd"))
    );

    // A batch of one goes on where it ended.
    std::fs::write(
        root.path().join("manifest.json"),
        json!({ uuid(1): meta(json!("3")), uuid(2): meta(json!(2)) }).to_string(),
    )
    .unwrap();
    fetch.options.insert("batch".to_owned(), "1".to_owned());
    let first = bench.gets(&fetch, &FetchState::default()).await;
    assert!(first.more && first.state.due(NOW));
    let second = bench.gets(&fetch, &first.state).await;
    assert_eq!(
        (texts(&first), texts(&second)),
        (vec!["two".to_owned()], vec!["one".to_owned()])
    );
    assert!(!second.more);

    std::fs::write(root.path().join("manifest.json"), "[]").unwrap();
    let failure = bench
        .fetch(fetch, &FetchState::default())
        .await
        .unwrap_err();
    assert_eq!(failure.kind, Kind::Malformed);
}

/// Shadowserver as its documentation describes it; reports by id.
async fn shadowserver(reports: BTreeMap<&'static str, &'static str>) -> Server {
    Server::play(Arc::new(move |_, request, mut stream| {
        let reports = reports.clone();
        Box::pin(async move {
            let (head, body) = request.split_once("\r\n\r\n").unwrap();
            let lower = head.to_ascii_lowercase();
            let said = if head.starts_with("POST /api2/reports/list ") {
                let key = hmac::Key::new(hmac::HMAC_SHA256, b"pa55word-of-ours");
                let tag = hmac::sign(&key, body.as_bytes());
                let expected: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
                let query: Value = serde_json::from_str(body).unwrap();
                if !lower.contains(&format!("hmac2: {expected}\r\n")) && !lower.ends_with(&format!("hmac2: {expected}")) {
                    answer("401 Unauthorized", "", b"")
                } else if query["apikey"] != "k3y-of-ours" {
                    answer("200 OK", "", br#"{"error":"unknown key k3y"}"#)
                } else {
                    let list: Vec<Value> = reports
                        .keys()
                        .map(|id| json!({ "id": id, "file": format!("2023-11-14-{id}-example.csv"), "type": id, "timestamp": "2023-11-14" }))
                        .collect();
                    answer("200 OK", "", Value::from(list).to_string().as_bytes())
                }
            } else {
                assert!(!lower.contains("authorization") && !lower.contains("of-ours"), "{head}");
                let id = head.split(' ').nth(1).unwrap_or("").trim_start_matches("/dl/");
                match reports.get(id) {
                    Some(text) => answer("200 OK", "", text.as_bytes()),
                    None => answer("404 Not Found", "", b""),
                }
            };
            let _ = stream.write_all(&said).await;
        })
    }))
    .await
}

fn reports(server: &Server) -> Fetch {
    let mut fetch = entry(server.url("/api2/"));
    fetch.kind = Transport::Shadowserver;
    fetch.user = Some(Secret::new("${KEY}"));
    fetch.password = Some(Secret::new("${PASSWORD}"));
    fetch
        .options
        .insert("downloads".to_owned(), server.url("/dl/"));
    fetch
}

#[tokio::test]
async fn shadowserver_reports_come_once_under_their_names() {
    let bench = Bench::new();
    let all = BTreeMap::from([
        ("scan_http", "a,b\n"),
        ("scan_ssl", "c,d\n"),
        ("device_id", "e\n"),
        ("empty", ""),
    ]);
    let server = shadowserver(all).await;
    let mut fetch = reports(&server);
    fetch
        .options
        .insert("types".to_owned(), "scan_http, scan_ssl,empty".to_owned());
    fetch
        .options
        .insert("reports".to_owned(), "example".to_owned());
    let first = bench
        .fetch(fetch.clone(), &FetchState::default())
        .await
        .unwrap();
    assert_eq!(
        names(&first),
        [
            "2023-11-14-scan_http-example.csv",
            "2023-11-14-scan_ssl-example.csv"
        ]
    );
    assert_eq!(texts(&first), ["a,b\n", "c,d\n"]);
    assert_eq!(
        first.failures.len(),
        1,
        "an empty report is tried again: {:?}",
        first.failures
    );
    assert_eq!(first.state.added_after, None, "the list is not done");
    let query: Value =
        serde_json::from_str(server.request(0).split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(query["date"], "2023-11-12:2023-11-14");
    assert_eq!(query["reports"], json!(["example"]));

    fetch
        .options
        .insert("types".to_owned(), "scan_http,scan_ssl".to_owned());
    let quiet = bench.gets(&fetch, &first.state).await;
    assert_eq!(quiet.deliveries, []);
    // After ten days without us the list reaches back to where we were.
    let later = Timestamp(NOW.0 + 10 * 86_400_000_000);
    bench.fetch_at(fetch, &quiet.state, later).await.unwrap();
    assert!(
        server
            .requests
            .lock()
            .unwrap()
            .last()
            .unwrap()
            .contains("2023-11-13:2023-11-24")
    );
}

#[tokio::test]
async fn shadowserver_refuses_the_wrong_secret_and_its_errors_hide_the_key() {
    let bench = Bench::new();
    let server = shadowserver(BTreeMap::new()).await;
    let mut wrong = reports(&server);
    wrong.password = Some(Secret::new("${TOKEN}"));
    assert_eq!(bench.fails(wrong).await.kind, Kind::Status(401));
    let mut wrong = reports(&server);
    wrong.user = Some(Secret::new("${TOKEN}"));
    let failure = bench.fails(wrong).await;
    assert_eq!(failure.kind, Kind::Refused);
    assert!(failure.detail.contains("unknown key"), "{failure}");
}
