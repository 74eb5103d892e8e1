//! IntelMQ's events: from Debian's Redis, and over TCP from a sender that speaks as IntelMQ's output
//! does.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use intake::collect::failure::Kind;
use intake::collect::fetch::left_over;
use intake::collect::state::FetchState;
use intake::collect::stream::{listen, receive};
use model::feed::Feed;
use model::fetch::{Fetch, Secret, Transport};
use tokio::sync::mpsc;

use crate::bench::{Bench, texts};
use crate::peers::{Peer, free_port, program};
use crate::server::{Server, clients, feed};

fn redis() -> Option<Peer> {
    let program = program("redis-server")?;
    let port = free_port();
    let words = port.to_string();
    let arguments = [
        "--port",
        &words,
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--requirepass",
        "pa55word-of-ours",
    ];
    Some(Peer::start(&program, port, &arguments, &[]))
}

fn queue(port: u16) -> Fetch {
    let mut fetch = Fetch::new(Transport::Redis, format!("redis://127.0.0.1:{port}/2"));
    fetch.password = Some(Secret::new("${PASSWORD}"));
    fetch
        .options
        .insert("key".to_owned(), "events-queue".to_owned());
    fetch.options.insert("batch".to_owned(), "300".to_owned());
    fetch
}

/// Another client of the same database.
fn say(port: u16, commands: &[String]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut text = "AUTH pa55word-of-ours\r\nSELECT 2\r\n".to_owned();
    for command in commands {
        text.push_str(command);
        text.push_str("\r\n");
    }
    text.push_str("QUIT\r\n");
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn push(port: u16, numbers: std::ops::Range<u32>) {
    let commands: Vec<String> = numbers
        .map(|n| format!("LPUSH events-queue '{{\"n\":{n}}}'"))
        .collect();
    say(port, &commands);
}

fn events(numbers: std::ops::Range<u32>) -> String {
    numbers.map(|n| format!("{{\"n\":{n}}}\n")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_gives_every_event_in_order_and_a_crash_loses_none() {
    let bench = Bench::new();
    let Some(peer) = redis() else { return };
    let fetch = queue(peer.port);
    push(peer.port, 0..1000);
    let first = bench.gets(&fetch, &FetchState::default()).await;
    assert_eq!(texts(&first), [events(0..300)]);
    assert!(first.more);
    // Killed before the state was stored: the same once more.
    let again = bench.gets(&fetch, &FetchState::default()).await;
    assert_eq!(texts(&again), [events(0..300)]);
    let second = bench.gets(&fetch, &again.state).await;
    assert_eq!(texts(&second), [events(300..600)]);
    // Killed again, with the state of the first batch.
    let second = bench.gets(&fetch, &again.state).await;
    assert_eq!(texts(&second), [events(300..600)]);
    let third = bench.gets(&fetch, &second.state).await;
    // All state lost.
    let lost = bench.gets(&fetch, &FetchState::default()).await;
    assert_eq!(
        (texts(&third), texts(&lost)),
        (vec![events(600..900)], vec![events(600..900)])
    );
    let mut state = lost.state;
    let mut rest = String::new();
    loop {
        let fetched = bench.gets(&fetch, &state).await;
        rest.push_str(&texts(&fetched).concat());
        state = fetched.state;
        if !fetched.more {
            break;
        }
    }
    assert_eq!(rest, events(900..1000));
    let quiet = bench.gets(&fetch, &state).await;
    assert_eq!(quiet.deliveries, []);
    let left = say(peer.port, &["KEYS *".to_owned()]);
    assert!(left.contains("*0\r\n"), "nothing stays in Redis: {left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_events_are_lines_and_a_byte_limit_ends_a_batch() {
    let bench = Bench::new();
    let Some(peer) = redis() else { return };
    let mut fetch = queue(peer.port);
    say(
        peer.port,
        &["LPUSH events-queue \"{\\n\\\"a\\\": 1\\r\\n}\"".to_owned()],
    );
    let fetched = bench.gets(&fetch, &FetchState::default()).await;
    assert_eq!(texts(&fetched), ["{ \"a\": 1  }\n"]);
    push(peer.port, 0..1000);
    fetch
        .options
        .insert("batch".to_owned(), "100000".to_owned());
    fetch.max_bytes = 1000;
    let fetched = bench.gets(&fetch, &fetched.state).await;
    assert_eq!(texts(&fetched), [events(0..256)]);
    assert!(fetched.more);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_refuses_the_wrong_password_and_what_is_no_redis_is_told() {
    let bench = Bench::new();
    let server = Server::say(vec![b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()]).await;
    let mut fetch = queue(server.port);
    fetch.timeout_secs = 5;
    assert_eq!(bench.fails(fetch).await.kind, Kind::Malformed);
    let Some(peer) = redis() else { return };
    let mut wrong = queue(peer.port);
    wrong.password = Some(Secret::new("${TOKEN}"));
    let failure = bench.fails(wrong).await;
    assert_eq!(failure.kind, Kind::Refused);
    assert!(
        failure.detail.contains("fetch.password") && !failure.detail.contains("of-ours"),
        "{failure}"
    );
    let mut wrong = queue(peer.port);
    wrong.password = None;
    assert_eq!(bench.fails(wrong).await.kind, Kind::Refused);
    say(peer.port, &["SET events-queue x".to_owned()]);
    assert_eq!(
        bench.fails(queue(peer.port)).await.kind,
        Kind::Refused,
        "a key that is no list"
    );
}

/// A receiving feed.
fn receiving(port: u16, batch: u32) -> Feed {
    let mut fetch = Fetch::new(Transport::Tcp, format!("tcp://127.0.0.1:{port}"));
    fetch.interval_secs = 1;
    fetch.options.insert("batch".to_owned(), batch.to_string());
    feed(fetch)
}

/// Sends an event as IntelMQ's output does; whether `Ok` came back in time.
fn send(stream: &mut TcpStream, event: &str) -> bool {
    let mut bytes = (event.len() as u32).to_be_bytes().to_vec();
    bytes.extend_from_slice(event.as_bytes());
    stream.write_all(&bytes).unwrap();
    let mut said = [0; 2];
    stream.read_exact(&mut said).is_ok() && &said == b"Ok"
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(2)))
        .unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn tcp_acknowledges_what_is_durable_and_waits_when_nobody_takes() {
    let bench = Bench::new();
    let feed = receiving(free_port(), 2);
    let clients = clients(bench.folder.path());
    let listener = listen(&clients, &feed).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, mut deliveries) = mpsc::channel(1);
    let spool = bench.spool();
    let task = {
        let (feed, spool) = (feed.clone(), spool.clone());
        tokio::spawn(async move { receive(&clients, &feed, listener, &spool, sender).await })
    };
    // Two deliveries of two events: one fills the channel, the other waits for room; then no `Ok`.
    let sent = tokio::task::spawn_blocking(move || {
        let mut stream = connect(port);
        (0..6)
            .take_while(|n| send(&mut stream, &format!("{{\"n\":{n}}}")))
            .count()
    });
    let sent = sent.await.unwrap();
    assert_eq!(sent, 4, "the sender waits");
    let mut found = String::new();
    for _ in 0..2 {
        let delivery = deliveries.recv().await.unwrap();
        assert!(
            delivery.origin.starts_with("tcp://127.0.0.1"),
            "{delivery:?}"
        );
        found.push_str(&std::fs::read_to_string(&delivery.path).unwrap());
        std::fs::remove_file(&delivery.path).unwrap();
    }
    assert_eq!(found, events(0..4));
    // The fifth had been sent; it comes when its time is up, though the batch is not full.
    let fifth = deliveries.recv().await.unwrap();
    assert_eq!(std::fs::read_to_string(&fifth.path).unwrap(), events(4..5));
    drop(deliveries);
    task.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tcp_events_that_were_acknowledged_survive_the_process() {
    let bench = Bench::new();
    let feed = receiving(free_port(), 100);
    let clients = clients(bench.folder.path());
    let listener = listen(&clients, &feed).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, _deliveries) = mpsc::channel(1);
    let spool = bench.spool();
    let task = {
        let (feed, spool) = (feed.clone(), spool.clone());
        tokio::spawn(async move { receive(&clients, &feed, listener, &spool, sender).await })
    };
    tokio::task::spawn_blocking(move || {
        let mut stream = connect(port);
        assert!(send(&mut stream, "{\"n\":0}"));
        assert!(send(&mut stream, "{\n\"n\":1}"));
        // Lies about lengths are hung up on, and spoil nothing.
        for lie in [0_u32, u32::MAX] {
            let mut liar = connect(port);
            liar.write_all(&lie.to_be_bytes()).unwrap();
            assert_eq!(liar.read(&mut [0]).unwrap(), 0);
        }
        let mut short = connect(port);
        short.write_all(&[0, 0, 0, 9, b'{']).unwrap();
    })
    .await
    .unwrap();
    task.abort();
    let _ = task.await;
    // Torn while it was written.
    let open = bench
        .files()
        .into_iter()
        .find(|name| name.ends_with(".open"))
        .unwrap();
    let path = spool.join("one").join(open);
    std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap()
        .write_all(b"{\"n\":")
        .unwrap();
    let found = left_over(&feed, &spool).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        std::fs::read_to_string(&found[0].path).unwrap(),
        "{\"n\":0}\n{ \"n\":1}\n"
    );
    // Of a feed that can be fetched again nothing is kept.
    let mut other = feed.clone();
    other.fetch = Some(Fetch::new(Transport::Http, "https://feeds.example.net/"));
    assert_eq!(left_over(&other, &spool).unwrap(), []);
    assert_eq!(bench.files(), Vec::<String>::new());
}
