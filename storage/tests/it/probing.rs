//! The probe: what a sound store can do, and what is said of one that is not.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{SystemTime, UNIX_EPOCH};

use storage::{Secret, Trouble};

use crate::shared::{Node, address};
use crate::stores::{KINDS, Kind, Store, free_port};

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_micros() as i64
}

#[test]
fn sound_stores_are_found_sound() {
    for kind in KINDS {
        let Some(store) = Store::start(kind) else {
            continue;
        };
        let node = Node::over(&address(&store.endpoint(), "a/b"), "a");
        let probed = node.files.probe(now()).unwrap();
        assert_eq!(probed.findings, [], "{kind:?}");
        assert!(probed.usable() && probed.metadata, "{kind:?} {probed:?}");
        let left = node.files.list(&node.path("probe")).unwrap();
        assert!(left.is_empty(), "{kind:?} {left:?}");
        // Our clock is an hour behind: told, and not fatal.
        let probed = node.files.probe(now() - 3_600_000_000).unwrap();
        assert_eq!(probed.findings[0].trouble, Trouble::Clock, "{probed:?}");
        assert!(
            probed.findings[0].what.contains("3600 s") || probed.findings[0].what.contains("359")
        );
        assert!(probed.usable());
    }
}

#[test]
fn each_trouble_is_named() {
    for kind in KINDS {
        let Some(store) = Store::start(kind) else {
            continue;
        };
        let mut place = address(&store.endpoint(), "p");
        place.bucket = "another".to_owned();
        assert_eq!(trouble(&place), Trouble::Bucket, "{kind:?}");
        if kind == Kind::S3sFs {
            let mut place = address(&store.endpoint(), "p");
            place.secret_key = Secret("wrong".to_owned());
            assert_eq!(trouble(&place), Trouble::Key);
            place.access_key = "NOBODY".to_owned();
            assert!(matches!(trouble(&place), Trouble::Key | Trouble::Right));
        }
    }
    let mut place = address(&format!("http://127.0.0.1:{}", free_port()), "p");
    place.patience = std::time::Duration::from_secs(1);
    assert_eq!(trouble(&place), Trouble::Unreachable);
    for (answer, expected) in [
        (
            "403 Forbidden\r\n<Error><Code>RequestTimeTooSkewed</Code></Error>",
            Trouble::Clock,
        ),
        (
            "403 Forbidden\r\n<Error><Code>AccessDenied</Code></Error>",
            Trouble::Right,
        ),
        (
            "403 Forbidden\r\n<Error><Code>InvalidAccessKeyId</Code></Error>",
            Trouble::Key,
        ),
        (
            "503 Service Unavailable\r\n<Error><Code>SlowDown</Code></Error>",
            Trouble::Failing,
        ),
        // Takes everything and gives nothing back.
        ("200 OK\r\n", Trouble::Other),
    ] {
        let mut place = address(&says(answer), "p");
        place.patience = std::time::Duration::from_secs(1);
        assert_eq!(trouble(&place), expected, "{answer}");
    }
}

/// The first fatal trouble of a store.
fn trouble(place: &storage::Address) -> Trouble {
    let node = Node::over(place, "a");
    let probed = node.files.probe(now()).unwrap();
    assert!(!probed.usable(), "{probed:?}");
    let finding = probed
        .findings
        .iter()
        .find(|finding| finding.fatal)
        .unwrap();
    assert!(!finding.remedy.is_empty());
    finding.trouble
}

/// A server with one answer for everything.
fn says(answer: &'static str) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let mut some = [0; 65_536];
                let _ = stream.read(&mut some);
                let (status, body) = answer.split_once("\r\n").unwrap();
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
            });
        }
    });
    format!("http://127.0.0.1:{port}")
}
