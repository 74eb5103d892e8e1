//! Feeds that lie elsewhere: subscribed to from the catalogue, fetched, taken in once.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::run::Bench;

/// A server on this machine that gives one list to all who ask, and says how often it was asked.
fn serve(answers: usize) -> (String, std::thread::JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let thread = std::thread::spawn(move || {
        let mut fresh = 0;
        for stream in listener.incoming().take(answers) {
            let mut stream = stream.expect("a connection");
            let mut asked = Vec::new();
            let mut byte = [0];
            while !asked.ends_with(b"\r\n\r\n") && stream.read(&mut byte).expect("reads") > 0 {
                asked.push(byte[0]);
            }
            let body = "http://a.example.com/1\nhttp://b.example.net/2\nno address\n";
            let known = String::from_utf8_lossy(&asked).contains("\"v1\"");
            let answer = if known {
                "HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\nConnection: close\r\n\r\n".to_owned()
            } else {
                fresh += 1;
                format!(
                    "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                )
            };
            stream.write_all(answer.as_bytes()).expect("answers");
        }
        fresh
    });
    (format!("http://{address}/list.txt"), thread)
}

fn feed(url: &str, more: &str) -> String {
    format!(
        "[[feed]]\nname = \"urls\"\nprovider = \"Example\"\nformat = \"list\"\nzone = \"UTC\"\n\
         classification = \"phishing\"\nlicence = \"none\"\noptions = {{ kind = \"url\" }}\n\
         [feed.fetch]\nurl = \"{url}\"\ninterval_secs = 600\n{more}\n"
    )
}

#[test]
fn a_feed_is_fetched_once_and_taken_in() {
    let (url, server) = serve(2);
    let bench = Bench::with(&feed(&url, "allow_private = [\"127.0.0.1\"]"));
    let done = bench.run(&["--json", "fetch"]).exits(0).json();
    let taken = &done[0]["batches"][0]["feeds"][0];
    assert_eq!(
        (&taken["rows"], &taken["events"], &taken["rejects"]),
        (&3.into(), &2.into(), &1.into()),
        "{done}"
    );
    // Not due: nobody is asked. Named: asked, and nothing is new.
    bench.run(&["fetch"]).exits(0).says("not due");
    bench.run(&["fetch", "urls"]).exits(0).says("nothing new");
    assert_eq!(server.join().expect("the server ends"), 1);
    let left = std::fs::read_dir(bench.path().join("spool/urls")).expect("the spool");
    assert_eq!(left.count(), 0, "what is archived leaves the spool");
}

#[test]
fn an_address_that_is_not_public_is_refused_with_the_remedy() {
    let bench = Bench::with(&feed("http://127.0.0.1:9/list.txt", ""));
    bench.run(&["fetch"]).exits(4).says("allow_private");
    // It rests alone, and says so.
    bench.run(&["fetch"]).exits(0).says("not due");
}

#[test]
fn a_public_feed_is_subscribed_to_by_name() {
    let bench = Bench::with("# a comment that stays\n");
    bench
        .run(&["feeds", "catalogue", "--search", "tor"])
        .exits(0)
        .prints("tor-exits");
    bench
        .run(&["feeds", "add", "tor-exit"])
        .exits(1)
        .says("did you mean tor-exits?");
    bench.run(&["feeds", "add", "tor-exits"]).exits(0);
    bench.run(&["feeds", "add", "tor-exits"]).exits(1);
    bench.run(&["feeds", "disable", "tor-exits"]).exits(0);
    bench
        .run(&["feeds", "list"])
        .exits(0)
        .prints("tor-exits (disabled)");
    bench.run(&["feeds", "enable", "tor-exits"]).exits(0);
    let text = std::fs::read_to_string(bench.path().join("watchfire.toml")).expect("reads");
    assert!(text.starts_with("# a comment that stays"), "{text}");
    assert!(text.contains("enabled = true") && !text.contains("enabled = false"));
}
