//! A hostile HTTP server: slow, endless, lying, redirecting, bombing. Nothing of a broken transfer may
//! be delivered or left behind, and no secret may stand in an error.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use intake::collect::failure::Kind;
use intake::collect::state::FetchState;
use model::fetch::Secret;
use model::time::Timestamp;
use tokio::io::AsyncWriteExt;

use crate::bench::{Bench, NOW, content};
use crate::server::{HOST, Script, Server, answer, clients, entry};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Sends a head, then pieces with pauses, for ever or until the client hangs up.
fn drip(head: &'static str, piece: &'static [u8], pause: Duration) -> Script {
    Arc::new(move |_, _, mut stream| {
        Box::pin(async move {
            let _ = stream.write_all(head.as_bytes()).await;
            loop {
                if stream.write_all(piece).await.is_err() {
                    return;
                }
                tokio::time::sleep(pause).await;
            }
        })
    })
}

#[tokio::test]
async fn a_good_file_is_delivered_whole() {
    let bench = Bench::new();
    let server = Server::say(vec![answer("200 OK", "", b"a,b\n1,2\n")]).await;
    let fetched = bench
        .fetch(entry(server.url("/d/list.csv?q=1")), &FetchState::default())
        .await
        .unwrap();
    assert_eq!(content(&fetched), b"a,b\n1,2\n");
    let delivery = &fetched.deliveries[0];
    assert_eq!(delivery.origin, server.url("/d/list.csv"));
    assert_eq!(delivery.name, "list.csv");
    assert!(
        delivery.path.ends_with("spool/one/000000-list.csv"),
        "{delivery:?}"
    );
    assert!(!fetched.more && fetched.failures.is_empty());
    assert_eq!(
        fetched.state.not_before,
        Some(Timestamp(NOW.0 + 86_400_000_000))
    );
    assert!(
        server
            .request(0)
            .starts_with("GET /d/list.csv?q=1 HTTP/1.1\r\n")
    );
}

#[tokio::test]
async fn an_unchanged_file_is_not_fetched_again() {
    let bench = Bench::new();
    let headers = "ETag: \"v1\"\r\nLast-Modified: Mon, 09 Jan 2023 00:00:00 GMT\r\n";
    let server = Server::say(vec![
        answer("200 OK", headers, b"one"),
        b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n".to_vec(),
    ])
    .await;
    let fetch = entry(server.url("/list"));
    let first = bench
        .fetch(fetch.clone(), &FetchState::default())
        .await
        .unwrap();
    let second = bench.fetch(fetch.clone(), &first.state).await.unwrap();
    assert_eq!(second.deliveries, []);
    assert_eq!(second.state.etag, first.state.etag);
    let request = server.request(1).to_ascii_lowercase();
    assert!(request.contains("if-none-match: \"v1\"\r\n"), "{request}");
    assert!(
        request.contains("if-modified-since: mon, 09 jan 2023 00:00:00 gmt\r\n"),
        "{request}"
    );
    // Another place, if only by its query: what is known of the first says nothing of it.
    let mut other = fetch;
    other.url = server.url("/list?other");
    let failure = bench.fetch(other, &first.state).await.unwrap_err();
    assert!(
        !server
            .request(2)
            .to_ascii_lowercase()
            .contains("if-none-match")
    );
    assert_eq!(
        failure.kind,
        Kind::Refused,
        "304 without having asked: {failure}"
    );
}

#[tokio::test]
async fn a_short_body_is_not_delivered() {
    let short = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this".to_vec();
    let chunked =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nonly \r\n50\r\nthis".to_vec();
    for body in [short, chunked] {
        let bench = Bench::new();
        let server = Server::say(vec![body]).await;
        let failure = bench.fails(entry(server.url("/list"))).await;
        assert_eq!(failure.kind, Kind::Malformed, "{failure}");
        assert_eq!(server.count(), 3, "it is tried again");
    }
}

#[tokio::test]
async fn of_a_long_body_only_what_was_announced_exists() {
    let bench = Bench::new();
    let long = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nthisHTTP/1.1 200 OK\r\n\r\n".to_vec();
    let server = Server::say(vec![long]).await;
    let fetched = bench
        .fetch(entry(server.url("/list")), &FetchState::default())
        .await
        .unwrap();
    assert_eq!(content(&fetched), b"this");
}

#[tokio::test]
async fn a_body_cut_once_comes_whole_the_second_time() {
    let bench = Bench::new();
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this".to_vec();
    let server = Server::say(vec![cut, answer("200 OK", "", b"whole")]).await;
    let fetched = bench
        .fetch(entry(server.url("/list")), &FetchState::default())
        .await
        .unwrap();
    assert_eq!(content(&fetched), b"whole");
    assert_eq!(bench.files().len(), 1);
}

#[tokio::test]
async fn an_endless_body_ends_at_the_limit() {
    let heads = [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n",
    ];
    for head in heads {
        let bench = Bench::new();
        let server = Server::play(drip(head, &[b'x'; 65536], Duration::ZERO)).await;
        let mut fetch = entry(server.url("/list"));
        fetch.max_bytes = 1 << 20;
        let failure = bench.fails(fetch).await;
        assert_eq!(failure.kind, Kind::Limit);
        assert!(failure.detail.contains("max_bytes"), "{failure}");
        assert_eq!(server.count(), 1, "too much stays too much");
    }
}

#[tokio::test]
async fn silence_and_dripping_end() {
    let cases: [(&str, &[u8], u64); 3] = [
        ("", b"", 100),                            // never a head
        ("HTTP/1.1 200 OK\r\n\r\nx", b"", 10_000), // a byte, then silence
        ("HTTP/1.1 200 OK\r\n\r\n", b"x", 100),    // a byte now and then
    ];
    for (head, piece, pause) in cases {
        let bench = Bench::new();
        let server = Server::play(drip(head, piece, Duration::from_millis(pause))).await;
        let began = Instant::now();
        let failure = bench.fails(entry(server.url("/list"))).await;
        assert_eq!(failure.kind, Kind::Limit, "{failure}");
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn the_whole_transfer_has_a_time() {
    let bench = Bench::new();
    // Fast enough for the slowest rate, and endless.
    let script = drip(
        "HTTP/1.1 200 OK\r\n\r\n",
        &[b'x'; 1000],
        Duration::from_millis(50),
    );
    let server = Server::play(script).await;
    let mut fetch = entry(server.url("/list"));
    fetch.timeout_secs = 1;
    let failure = bench.fails(fetch).await;
    assert!(failure.detail.contains("timeout_secs"), "{failure}");
}

#[tokio::test]
async fn a_gzip_bomb_ends_at_the_limit_and_damage_is_seen() {
    let headers = "Content-Encoding: gzip\r\n";
    let good = gzip(b"a,b\n1,2\n");
    let bench = Bench::new();
    let server = Server::say(vec![answer("200 OK", headers, &good)]).await;
    let fetched = bench
        .fetch(entry(server.url("/list")), &FetchState::default())
        .await
        .unwrap();
    assert_eq!(content(&fetched), b"a,b\n1,2\n");

    let bomb = gzip(&vec![0; 8 << 20]);
    assert!(bomb.len() < 64 << 10);
    let bench = Bench::new();
    let server = Server::say(vec![answer("200 OK", headers, &bomb)]).await;
    let mut fetch = entry(server.url("/list"));
    fetch.max_bytes = 1 << 20;
    assert_eq!(bench.fails(fetch).await.kind, Kind::Limit);

    let mut wrong = good.clone();
    let at = wrong.len() - 6;
    wrong[at] ^= 1;
    for damaged in [
        wrong,
        good[..good.len() - 9].to_vec(),
        b"no gzip at all".to_vec(),
    ] {
        let bench = Bench::new();
        let server = Server::say(vec![answer("200 OK", headers, &damaged)]).await;
        let failure = bench.fails(entry(server.url("/list"))).await;
        assert_eq!(failure.kind, Kind::Malformed, "{failure}");
    }
    let bench = Bench::new();
    let server = Server::say(vec![answer("200 OK", "Content-Encoding: br\r\n", b"x")]).await;
    assert_eq!(
        bench.fails(entry(server.url("/list"))).await.kind,
        Kind::Refused
    );
}

#[tokio::test]
async fn an_archive_stays_an_archive() {
    let bench = Bench::new();
    let archive = gzip(b"a,b\n1,2\n");
    let server = Server::say(vec![answer(
        "200 OK",
        "Content-Type: application/gzip\r\n",
        &archive,
    )])
    .await;
    let fetched = bench
        .fetch(entry(server.url("/list.csv.gz")), &FetchState::default())
        .await
        .unwrap();
    assert_eq!(content(&fetched), archive);
}

#[tokio::test]
async fn inner_addresses_are_refused_at_every_turn() {
    let bench = Bench::new();
    let inner = Server::say(vec![answer("200 OK", "", b"inner secret")]).await;
    let port = inner.port;
    let targets = [
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://other.example.org:{port}/"),
        format!("http://six.example.org:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://0x7f.1:{port}/"),
        format!("http://[::1]:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("//127.0.0.1:{port}/"),
        format!("http://{HOST}@127.0.0.1:{port}/"),
        "http://10.0.0.1/".to_owned(),
        "http://inside.example.org/".to_owned(),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://metadata.example.org/".to_owned(),
        "http://100.64.0.1/".to_owned(),
        "http://0.0.0.0/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "gopher://127.0.0.1/".to_owned(),
    ];
    for target in targets {
        let redirect = answer("302 Found", &format!("Location: {target}\r\n"), b"");
        let server = Server::say(vec![redirect]).await;
        let failure = bench.fails(entry(server.url("/list"))).await;
        assert_eq!(failure.kind, Kind::Refused, "{target}: {failure}");
        assert_eq!(server.count(), 1, "{target}: a refusal is not tried again");
        if !target.starts_with("//") && target.starts_with("http") {
            // As an entry's own address it is refused as well.
            let failure = bench
                .fails(entry(target.replace(&format!("{HOST}@"), "")))
                .await;
            assert_eq!(failure.kind, Kind::Refused, "{target}: {failure}");
        }
    }
    assert_eq!(inner.count(), 0, "the inner server was never spoken to");
}

#[tokio::test]
async fn a_broken_policy_would_be_seen() {
    // The twin of the test above: what is allowed by name is reached by the same redirect.
    let bench = Bench::new();
    let inner = Server::say(vec![answer("200 OK", "", b"inner")]).await;
    let target = format!("http://other.example.org:{}/", inner.port);
    let server = Server::say(vec![answer(
        "302 Found",
        &format!("Location: {target}\r\n"),
        b"",
    )])
    .await;
    let mut fetch = entry(server.url("/list"));
    fetch.allow_private.push("other.example.org".to_owned());
    let fetched = bench.fetch(fetch, &FetchState::default()).await.unwrap();
    assert_eq!(content(&fetched), b"inner");
    assert_eq!(inner.count(), 1);
}

#[tokio::test]
async fn redirects_are_few_and_secrets_stay_with_their_host() {
    let bench = Bench::new();
    let server = Server::say(vec![answer("302 Found", "Location: /again\r\n", b"")]).await;
    let failure = bench.fails(entry(server.url("/list"))).await;
    assert_eq!(failure.kind, Kind::Limit);
    assert_eq!(server.count(), 6, "the first and five redirects");

    let stranger = Server::say(vec![answer("200 OK", "", b"file")]).await;
    let away = format!(
        "Location: http://mirror.example.org:{}/file\r\n",
        stranger.port
    );
    let server = Server::say(vec![
        answer("302 Found", "Location: /here\r\n", b""),
        answer("307 Temporary Redirect", &away, b""),
    ])
    .await;
    let mut fetch = entry(server.url("/list"));
    fetch.allow_private.push("mirror.example.org".to_owned());
    fetch.token = Some(Secret::new("${TOKEN}"));
    fetch
        .headers
        .insert("X-Key".to_owned(), Secret::new("${KEY}"));
    let fetched = bench.fetch(fetch, &FetchState::default()).await.unwrap();
    assert_eq!(content(&fetched), b"file");
    for own in [server.request(0), server.request(1)] {
        let own = own.to_ascii_lowercase();
        assert!(
            own.contains("authorization: bearer t0k3n-of-ours\r\n"),
            "{own}"
        );
        assert!(own.contains("x-key: k3y-of-ours\r\n"), "{own}");
    }
    let foreign = stranger.request(0).to_ascii_lowercase();
    assert!(
        !foreign.contains("authorization") && !foreign.contains("of-ours"),
        "{foreign}"
    );
}

#[tokio::test]
async fn errors_hold_no_secret() {
    let bench = Bench::new();
    let server = Server::say(vec![
        answer("403 Forbidden", "", b"key k3y-of-ours is unknown"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx".to_vec(),
    ])
    .await;
    let mut fetch = entry(server.url("/${KEY}/list?token=${TOKEN}"));
    fetch.user = Some(Secret::new("reader"));
    fetch.password = Some(Secret::new("${PASSWORD}"));
    for _ in 0..2 {
        let failure = bench.fails(fetch.clone()).await;
        for text in [failure.to_string(), format!("{failure:?}")] {
            assert!(!text.contains("of-ours"), "{text}");
        }
        assert!(failure.detail.contains("/${KEY}/list"), "{failure}");
    }
    assert_eq!(server.count(), 4, "403 is not tried again, the cut body is");
    assert!(
        server
            .request(0)
            .starts_with("GET /k3y-of-ours/list?token=t0k3n-of-ours ")
    );
    let basic = "authorization: basic cmvhzgvyonbhntv3b3jklw9mlw91cnm="; // reader:pa55word-of-ours
    assert!(server.request(0).to_ascii_lowercase().contains(basic));
    // Nor when there is nobody.
    fetch.url = fetch.url.replace(&server.port.to_string(), "1");
    let failure = bench.fails(fetch).await;
    assert_eq!(failure.kind, Kind::Unreachable);
    assert!(!failure.to_string().contains("of-ours"), "{failure}");
}

#[tokio::test]
async fn passing_errors_are_tried_again_and_others_are_not() {
    let ok = || answer("200 OK", "", b"good");
    let cases = [
        (
            vec![answer("500 Internal Server Error", "", b""), ok()],
            2,
            None,
        ),
        (
            vec![
                answer("503 Service Unavailable", "", b""),
                answer("502 Bad Gateway", "", b""),
                ok(),
            ],
            3,
            None,
        ),
        (vec![b"".to_vec(), ok()], 2, None),
        (
            vec![answer("500 Internal Server Error", "", b"")],
            3,
            Some(Kind::Status(500)),
        ),
        (
            vec![answer("404 Not Found", "", b""), ok()],
            1,
            Some(Kind::Status(404)),
        ),
        (
            vec![answer("206 Partial Content", "", b"x"), ok()],
            1,
            Some(Kind::Status(206)),
        ),
        (
            vec![b"no HTTP at all\r\n\r\n".to_vec()],
            3,
            Some(Kind::Unreachable),
        ),
    ];
    for (answers, asked, expected) in cases {
        let bench = Bench::new();
        let server = Server::say(answers).await;
        let fetched = bench
            .fetch(entry(server.url("/list")), &FetchState::default())
            .await;
        match (fetched, expected) {
            (Ok(fetched), None) => assert_eq!(content(&fetched), b"good"),
            (Err(failure), Some(kind)) => assert_eq!(failure.kind, kind, "{failure}"),
            (fetched, expected) => panic!("{fetched:?}, expected {expected:?}"),
        }
        assert_eq!(server.count(), asked);
    }
}

#[tokio::test]
async fn retry_after_is_honored() {
    let bench = Bench::new();
    let busy = |wait: &str| {
        answer(
            "429 Too Many Requests",
            &format!("Retry-After: {wait}\r\n"),
            b"",
        )
    };
    let server = Server::say(vec![busy("1"), answer("200 OK", "", b"good")]).await;
    let began = Instant::now();
    let fetched = bench
        .fetch(entry(server.url("/list")), &FetchState::default())
        .await
        .unwrap();
    assert_eq!(content(&fetched), b"good");
    assert!(
        began.elapsed() >= Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );

    // Longer than the fetch may take: the feed rests instead.
    let bench = Bench::new();
    let server = Server::say(vec![busy("3600")]).await;
    let failure = bench.fails(entry(server.url("/list"))).await;
    assert_eq!(server.count(), 1);
    assert_eq!(failure.retry_after, Some(Duration::from_secs(3600)));
    let clients = clients(Path::new("/"));
    let state =
        FetchState::default().failed(&failure, NOW, Duration::from_secs(86_400), &clients.random);
    assert_eq!(state.not_before, Some(Timestamp(NOW.0 + 3_600_000_000)));
}

#[tokio::test]
async fn a_header_bomb_is_an_error() {
    let many = (0..5000)
        .map(|n| format!("X-{n}: y\r\n"))
        .collect::<String>();
    let large = format!("X-Large: {}\r\n", "y".repeat(2 << 20));
    for headers in [many, large] {
        let bench = Bench::new();
        let server = Server::say(vec![answer("200 OK", &headers, b"x")]).await;
        let failure = bench.fails(entry(server.url("/list"))).await;
        assert_eq!(failure.kind, Kind::Unreachable, "{failure}");
    }
}

#[tokio::test]
async fn names_from_outside_stay_in_the_spool() {
    let bench = Bench::new();
    let cases = [
        ("attachment; filename=\"../../../evil.csv\"", "evil.csv"),
        (
            "attachment; filename=2023-01-09-scan_http.csv",
            "2023-01-09-scan_http.csv",
        ),
        ("attachment; filename=\"\"", "list"),
        ("attachment; filename=\"..\"", "list"),
    ];
    for (header, expected) in cases {
        let headers = format!("Content-Disposition: {header}\r\n");
        let server = Server::say(vec![answer("200 OK", &headers, b"x")]).await;
        let fetched = bench
            .fetch(entry(server.url("/a/list")), &FetchState::default())
            .await
            .unwrap();
        let delivery = &fetched.deliveries[0];
        assert_eq!(delivery.name, expected);
        assert_eq!(delivery.origin, server.url(&format!("/a/{expected}")));
        assert_eq!(delivery.path.parent(), Some(&*bench.spool().join("one")));
    }
}

#[tokio::test]
async fn a_proxy_is_asked_and_inner_literals_are_refused_before_it() {
    let bench = Bench::new();
    let proxy = Server::say(vec![answer("200 OK", "", b"by proxy")]).await;
    let mut fetch = entry("http://far.example.org/list".to_owned());
    fetch.allow_private.clear();
    fetch.proxy = Some(Secret::new(format!(
        "http://reader:${{PASSWORD}}@proxy.example.org:{}",
        proxy.port
    )));
    let fetched = bench
        .fetch(fetch.clone(), &FetchState::default())
        .await
        .unwrap();
    assert_eq!(content(&fetched), b"by proxy");
    let request = proxy.request(0);
    assert!(
        request.starts_with("GET http://far.example.org/list HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request
            .to_ascii_lowercase()
            .contains("proxy-authorization: basic "),
        "{request}"
    );
    for inner in [
        "http://127.0.0.1/",
        "http://169.254.169.254/",
        "http://localhost/",
        "http://a.localhost/",
    ] {
        fetch.url = inner.to_owned();
        let failure = bench
            .fetch(fetch.clone(), &FetchState::default())
            .await
            .unwrap_err();
        assert_eq!(failure.kind, Kind::Refused, "{inner}");
    }
    assert_eq!(proxy.count(), 1);
}
