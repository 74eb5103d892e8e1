//! TAXII 2.1 against PyPI `medallion`, and against servers that get it wrong.

use intake::collect::failure::Kind;
use intake::collect::state::FetchState;
use model::fetch::{Fetch, Secret, Transport};
use serde_json::{Value, json};

use crate::bench::{Bench, NOW, content, texts};
use crate::peers::{Peer, free_port, program};
use crate::server::{HOST, Server, answer, entry};

const COLLECTION: &str = "91a7b528-80eb-42ed-a74d-c6fbd5a26116";

fn indicator(number: usize) -> Value {
    json!({
        "type": "indicator", "spec_version": "2.1",
        "id": format!("indicator--00000000-0000-4000-8000-{number:012}"),
        "created": "2023-01-09T00:00:00.000Z", "modified": "2023-01-09T00:00:00.000Z",
        "pattern": format!("[url:value = 'http://{number}.example.com/']"),
        "pattern_type": "stix", "valid_from": "2023-01-09T00:00:00Z",
    })
}

/// A medallion with indicators, ten of them added at a time, and users.
fn medallion(folder: &std::path::Path, count: usize) -> Option<Peer> {
    let program = program("medallion")?;
    let objects: Vec<Value> = (0..count).map(indicator).collect();
    let manifest: Vec<Value> = (0..count)
        .map(|number| {
            json!({
                "id": indicator(number)["id"], "version": "2023-01-09T00:00:00.000Z",
                "date_added": format!("2023-01-09T00:00:{:02}.000000Z", number / 10),
                "media_type": "application/stix+json;version=2.1",
            })
        })
        .collect();
    let data = json!({
        "/discovery": { "title": "t", "default": "http://localhost/one/", "api_roots": ["http://localhost/one/"] },
        "one": {
            "information": { "title": "t", "versions": ["application/taxii+json;version=2.1"], "max_content_length": 9_765_625 },
            "status": [],
            "collections": [{
                "id": COLLECTION, "title": "c", "can_read": true, "can_write": true,
                "media_types": ["application/stix+json;version=2.1"],
                "objects": objects, "manifest": manifest,
            }],
        },
    });
    let file = folder.join("data.json");
    std::fs::write(&file, data.to_string()).unwrap();
    let config = json!({
        "backend": { "module": "medallion.backends.memory_backend", "module_class": "MemoryBackend", "filename": file },
        "users": { "reader": "pa55word-of-ours" },
        "taxii": { "max_page_size": 20 },
    });
    let path = folder.join("medallion.json");
    std::fs::write(&path, config.to_string()).unwrap();
    let port = free_port();
    let words = port.to_string();
    let arguments = [
        "--host",
        "127.0.0.1",
        "--port",
        &words,
        path.to_str().unwrap(),
    ];
    Some(Peer::start(&program, port, &arguments, &[]))
}

fn collection(port: u16) -> Fetch {
    let mut fetch = entry(format!(
        "http://{HOST}:{port}/one/collections/{COLLECTION}/"
    ));
    fetch.kind = Transport::Taxii;
    fetch.user = Some(Secret::new("reader"));
    fetch.password = Some(Secret::new("${PASSWORD}"));
    fetch
}

/// Identifiers of the objects in the pages.
fn ids(pages: &[String]) -> Vec<String> {
    let pages = pages
        .iter()
        .map(|page| serde_json::from_str::<Value>(page).unwrap());
    let ids = pages.flat_map(|page| page["objects"].as_array().unwrap().clone());
    ids.map(|object| object["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn medallion_gives_every_object_once_over_pages_and_batches() {
    let bench = Bench::new();
    let Some(peer) = medallion(bench.folder.path(), 95) else {
        return;
    };
    let mut fetch = collection(peer.port);
    // Pages of 20 end within the tens that were added in one instant; a batch ends after two.
    fetch.options.insert("batch".to_owned(), "2".to_owned());
    let mut state = FetchState::default();
    let mut found = Vec::new();
    let mut batches = 0;
    loop {
        let fetched = bench.gets(&fetch, &state).await;
        found.extend(ids(&texts(&fetched)));
        batches += 1;
        state = fetched.state;
        if !fetched.more {
            break;
        }
    }
    assert_eq!(batches, 3);
    let expected: Vec<String> = (0..95)
        .map(|n| indicator(n)["id"].as_str().unwrap().to_owned())
        .collect();
    found.sort();
    assert_eq!(found, expected);
    assert_eq!(
        state.added_after.as_deref(),
        Some("2023-01-09T00:00:09.000000Z")
    );
    assert_eq!(state.page, None);

    // Nothing new, then something new.
    let quiet = bench.gets(&fetch, &state).await;
    assert_eq!(quiet.deliveries, []);
    let added = json!({ "objects": [indicator(500), indicator(501)] });
    let posted = post(peer.port, &added.to_string());
    assert!(posted.starts_with("HTTP/1.1 202"), "{posted}");
    let fetched = bench.gets(&fetch, &quiet.state).await;
    assert_eq!(ids(&texts(&fetched)).len(), 2);
    let after = bench.gets(&fetch, &fetched.state).await;
    assert_eq!(after.deliveries, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn medallion_refuses_the_wrong_password_and_the_wrong_collection() {
    let bench = Bench::new();
    let Some(peer) = medallion(bench.folder.path(), 1) else {
        return;
    };
    let mut wrong = collection(peer.port);
    wrong.password = Some(Secret::new("${TOKEN}"));
    assert_eq!(bench.fails(wrong).await.kind, Kind::Status(401));
    let mut wrong = collection(peer.port);
    wrong.url = wrong.url.replace("91a7", "0000");
    assert_eq!(bench.fails(wrong).await.kind, Kind::Status(404));
}

/// Adds objects, as a producer does.
fn post(port: u16, body: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request = format!(
        "POST /one/collections/{COLLECTION}/objects/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: Basic cmVhZGVyOnBhNTV3b3JkLW9mLW91cnM=\r\nAccept: application/taxii+json;version=2.1\r\n\
         Content-Type: application/taxii+json;version=2.1\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn page(headers: &str, body: &Value) -> Vec<u8> {
    let headers = format!("Content-Type: application/taxii+json;version=2.1\r\n{headers}");
    answer("200 OK", &headers, body.to_string().as_bytes())
}

#[tokio::test]
async fn a_forgotten_page_begins_again_from_the_last_known_end() {
    let bench = Bench::new();
    let last = "X-TAXII-Date-Added-Last: 2023-01-09T00:00:01.000000Z\r\n";
    let server = Server::say(vec![
        page(last, &json!({ "more": true, "next": "n1", "objects": [1] })),
        answer("400 Bad Request", "", b""),
        page(last, &json!({ "objects": [2] })),
    ])
    .await;
    let mut fetch = entry(server.url("/c/"));
    fetch.kind = Transport::Taxii;
    fetch.options.insert("batch".to_owned(), "1".to_owned());
    let first = bench.gets(&fetch, &FetchState::default()).await;
    assert!(first.more);
    assert_eq!(
        (first.state.page.as_deref(), &first.state.added_after),
        (Some("n1"), &None)
    );
    let second = bench.gets(&fetch, &first.state).await;
    assert_eq!(content(&second), br#"{"objects":[2]}"#);
    assert_eq!(second.state.page, None);
    assert!(server.request(1).contains("next=n1"));
    assert!(!server.request(2).contains("next="));
    assert!(
        server
            .request(0)
            .to_ascii_lowercase()
            .contains("accept: application/taxii+json;version=2.1\r\n")
    );
}

#[tokio::test]
async fn servers_that_get_it_wrong_are_told_so() {
    let cases = [
        answer("200 OK", "Content-Type: application/json\r\n", b"{}"),
        page("", &json!({ "more": true, "objects": [] })),
        page("", &json!({ "more": true, "objects": [1] })),
        page("", &json!([])),
        page("", &json!({ "objects": {} })),
    ];
    for wrong in cases {
        let bench = Bench::new();
        let server = Server::say(vec![wrong.clone()]).await;
        let mut fetch = entry(server.url("/c/"));
        fetch.kind = Transport::Taxii;
        let result = bench.fetch(fetch, &FetchState::default()).await;
        let wrong = String::from_utf8_lossy(&wrong).into_owned();
        match result {
            Err(failure) => assert!(
                matches!(failure.kind, Kind::Refused | Kind::Malformed),
                "{wrong}"
            ),
            // What came before the fault is delivered, and the fault is told.
            Ok(fetched) => assert_eq!(fetched.failures.len(), 1, "{wrong}"),
        }
    }
    // The same page for ever.
    let bench = Bench::new();
    let server = Server::say(vec![page(
        "",
        &json!({ "more": true, "next": "n", "objects": [1] }),
    )])
    .await;
    let mut fetch = entry(server.url("/c/"));
    fetch.kind = Transport::Taxii;
    let fetched = bench.fetch(fetch, &FetchState::default()).await.unwrap();
    assert_eq!(
        (
            fetched.deliveries.len(),
            fetched.failures.len(),
            fetched.more
        ),
        (1, 1, false)
    );
    assert!(fetched.state.not_before > Some(NOW));
}
