//! Every transport against every trick: what the client of one is proof against, the others must be
//! too. In detail the tricks are in `hostile.rs`; here a server plays each to TAXII, S3, MISP and
//! Shadowserver's API, and lies to Redis. Each fails in time, says why, and leaves nothing behind.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use intake::collect::failure::Kind;
use intake::collect::state::FetchState;
use model::fetch::{Fetch, Secret, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::bench::Bench;
use crate::server::{Script, Server, answer, entry};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Sends bytes, then others again and again with pauses, until the client hangs up.
fn endless(head: Vec<u8>, piece: &'static [u8], pause: Duration) -> Script {
    Arc::new(move |_, _, mut stream| {
        let head = head.clone();
        Box::pin(async move {
            let _ = stream.write_all(&head).await;
            while stream.write_all(piece).await.is_ok() {
                tokio::time::sleep(pause).await;
            }
        })
    })
}

fn say(bytes: Vec<u8>) -> Script {
    Arc::new(move |_, _, mut stream| {
        let bytes = bytes.clone();
        Box::pin(async move {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        })
    })
}

/// The tricks, and what each is told as.
fn tricks() -> Vec<(&'static str, Script, Kind)> {
    let head =
        |more: &str| format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{more}\r\n");
    static BOMB: std::sync::LazyLock<Vec<u8>> =
        std::sync::LazyLock::new(|| gzip(&vec![b' '; 2 << 20]));
    let redirect = |to: &str| say(answer("302 Found", &format!("Location: {to}\r\n"), b""));
    vec![
        (
            "a bomb",
            say(answer("200 OK", "Content-Encoding: gzip\r\n", &BOMB)),
            Kind::Limit,
        ),
        (
            "an endless body",
            endless(head("").into_bytes(), &[b' '; 65_536], Duration::ZERO),
            Kind::Limit,
        ),
        (
            "an endless body with a length",
            endless(
                head("Content-Length: 99999999999999\r\n").into_bytes(),
                &[b' '; 65_536],
                Duration::ZERO,
            ),
            Kind::Limit,
        ),
        (
            "silence",
            endless(Vec::new(), b"", Duration::from_millis(100)),
            Kind::Limit,
        ),
        (
            "a byte now and then",
            endless(head("").into_bytes(), b" ", Duration::from_millis(100)),
            Kind::Limit,
        ),
        (
            "a body shorter than its length",
            say(format!("{}[]", head("Content-Length: 100\r\n")).into_bytes()),
            Kind::Malformed,
        ),
        (
            "an inner address",
            redirect("http://10.0.0.1/"),
            Kind::Refused,
        ),
        (
            "the cloud's metadata",
            redirect("http://169.254.169.254/latest/meta-data/"),
            Kind::Refused,
        ),
        ("a file", redirect("file:///etc/passwd"), Kind::Refused),
    ]
}

fn asks(transport: Transport, server: &Server) -> Fetch {
    let path = match transport {
        Transport::Taxii => "/one/collections/a/",
        Transport::Misp => "/feed/",
        Transport::S3 => "/bucket",
        _ => "/api2/",
    };
    let mut fetch = entry(server.url(path));
    fetch.kind = transport;
    fetch.max_bytes = 1 << 20;
    if transport == Transport::Shadowserver {
        fetch.user = Some(Secret::new("${KEY}"));
        fetch.password = Some(Secret::new("${PASSWORD}"));
        let downloads = ("downloads".to_owned(), server.url("/dl/"));
        fetch.options.extend([downloads]);
    }
    fetch
}

#[tokio::test(flavor = "multi_thread")]
async fn no_transport_falls_for_a_trick() {
    let mut tasks = tokio::task::JoinSet::new();
    for transport in [
        Transport::Taxii,
        Transport::Misp,
        Transport::S3,
        Transport::Shadowserver,
    ] {
        for (name, script, kind) in tricks() {
            tasks.spawn(async move {
                let bench = Bench::new();
                let server = Server::play(script).await;
                let failure = bench.fails(asks(transport, &server)).await;
                assert!(!failure.to_string().contains("of-ours"), "{failure}");
                (failure.kind != kind).then(|| format!("{transport:?}, {name}: {failure:?}"))
            });
        }
    }
    let began = Instant::now();
    let wrong: Vec<String> = tasks.join_all().await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(
        began.elapsed() < Duration::from_secs(120),
        "none takes for ever"
    );
}

#[tokio::test]
async fn an_object_that_plays_a_trick_does_not_hold_up_the_others() {
    let listing = "<ListBucketResult><Contents><Key>a.csv</Key><ETag>1</ETag></Contents>\
        <Contents><Key>b.csv</Key><ETag>1</ETag></Contents></ListBucketResult>";
    let bomb = gzip(&vec![b'x'; 2 << 20]);
    for trick in [
        answer("200 OK", "Content-Encoding: gzip\r\n", &bomb),
        answer("302 Found", "Location: http://10.0.0.1/\r\n", b""),
    ] {
        let bench = Bench::new();
        let answers = vec![
            answer("200 OK", "", listing.as_bytes()),
            trick,
            answer("200 OK", "", b"good"),
        ];
        let server = Server::say(answers).await;
        let fetched = bench
            .fetch(asks(Transport::S3, &server), &FetchState::default())
            .await
            .unwrap();
        assert_eq!(crate::bench::texts(&fetched), ["good"]);
        assert_eq!(fetched.failures.len(), 1);
    }
}

/// What a false Redis says after each command, and goes on saying.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_lies_is_told_so() {
    let lies: [(&str, &'static [u8]); 7] = [
        ("a length beyond all memory", b"$99999999999999\r\n"),
        ("a negative length", b"$-7\r\n"),
        (
            "a length beyond the limit of the feed",
            b"$500000000\r\nxxxx",
        ),
        ("more members than there can be", b"*999999999999\r\n"),
        (
            "lists in lists",
            b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
        ),
        ("a line without end", &[b'+'; 65_536]),
        ("nothing", b""),
    ];
    for (name, lie) in lies {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut asked = [0; 4096];
                    while stream.read(&mut asked).await.is_ok_and(|read| read > 0) {
                        if stream.write_all(lie).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        let bench = Bench::new();
        let mut fetch = Fetch::new(Transport::Redis, format!("redis://127.0.0.1:{port}/2"));
        fetch.options.insert("key".to_owned(), "events".to_owned());
        fetch.max_bytes = 1 << 20;
        fetch.timeout_secs = 2;
        let began = Instant::now();
        let failure = bench.fails(fetch).await;
        assert!(
            matches!(failure.kind, Kind::Malformed | Kind::Limit | Kind::Refused),
            "{name}: {failure:?}"
        );
        assert!(began.elapsed() < Duration::from_secs(30), "{name}");
        task.abort();
    }
}
