//! Pushed reports: who may, how much, and what an acknowledgement is worth.

use std::io::Write;

use super::{Answer, SERVE, Serving, ask, feed, until, urls};
use crate::run::Bench;

const ROWS: &str = "http://a.example.com/1\nhttp://b.example.com/2\n";

/// A workspace with two feeds that are pushed.
fn pushed() -> Bench {
    let limits = "push_mb = 1\npushes_per_minute = 1000\n";
    let off = feed("off", "enabled = false");
    Bench::with(&format!(
        "{SERVE}{limits}{}{}{off}",
        feed("mail", ""),
        feed("other", "")
    ))
}

/// A token's head, made by the command.
fn token(bench: &Bench, name: &str, of: Option<&str>) -> String {
    let mut arguments = vec!["tokens", "add", name];
    arguments.extend(of.iter().flat_map(|feed| ["--feed", *feed]));
    let made = bench.run(&arguments).exits(0);
    format!("Authorization: Bearer {}", made.stdout.trim())
}

fn push(serving: &Serving, feed: &str, heads: &[&str], body: &[u8]) -> Answer {
    let path = format!("/api/v1/feeds/{feed}/reports");
    ask(serving.address, "POST", &path, heads, body).expect("it answers")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

#[test]
fn an_acknowledged_report_survives_a_kill_and_counts_once() {
    let bench = pushed();
    let token = token(&bench, "gateway", Some("mail"));
    let serving = Serving::start(&bench);
    let answer = push(&serving, "mail", &[&token], ROWS.as_bytes()).is(202);
    serving.kill();
    let report = answer.json()["report"].as_str().expect("an id").to_owned();
    assert!(
        answer.head.to_ascii_lowercase().contains("x-request-id: "),
        "{answer:?}"
    );

    let serving = Serving::start(&bench);
    until("the report", || urls(&bench, "mail").len() == 2);
    let again = push(&serving, "mail", &[&token], ROWS.as_bytes()).is(202);
    assert_eq!(again.body, answer.body, "the same bytes, the same answer");
    let zipped = push(
        &serving,
        "mail",
        &[&token, "Content-Encoding: gzip"],
        &gzip(ROWS.as_bytes()),
    );
    assert_eq!(zipped.is(202).json()["report"], report.as_str());
    let path = format!("/api/v1/feeds/mail/reports/{report}");
    let state = ask(serving.address, "GET", &path, &[&token], b"").expect("it answers");
    let state = state.is(200).json();
    assert_eq!(
        (&state["state"], &state["events"]),
        (&"ingested".into(), &2.into()),
        "{state}"
    );
    ask(serving.address, "GET", &path, &[], b"")
        .expect("it answers")
        .is(401);
    let status = bench.run(&["--json", "status"]).exits(0).json();
    assert_eq!(
        (&status["reports"], &status["events"]),
        (&1.into(), &2.into()),
        "{status}"
    );
}

#[test]
fn whoever_may_not_push_learns_nothing() {
    let bench = pushed();
    let serving = Serving::start(&bench);
    // Made while the process serves: it knows them at once.
    let own = token(&bench, "gateway", Some("mail"));
    let all = token(&bench, "partner", None);
    let refused = |feed: &str, heads: &[&str]| {
        let answer = push(&serving, feed, heads, ROWS.as_bytes());
        assert!(
            answer.head.contains("application/problem+json"),
            "{answer:?}"
        );
        assert_eq!(answer.json()["status"], answer.status, "{answer:?}");
        (answer.status, answer.body)
    };
    let none = refused("mail", &[]);
    assert_eq!(none.0, 401);
    assert_eq!(refused("nowhere", &[]), none);
    assert_eq!(refused("off", &[]), none);
    assert_eq!(refused("%ff", &[]), none);
    assert_eq!(refused("mail", &["Authorization: Bearer wf_0"]), none);
    assert_eq!(refused("mail", &["Authorization: Basic eDp5"]), none);
    let other = refused("other", &[&own]);
    assert_eq!(other.0, 403);
    assert_eq!(refused("nowhere", &[&own]), other);
    assert_eq!(refused("nowhere", &[&all]).0, 404);
    assert_eq!(refused("off", &[&all]).0, 404);
    push(&serving, "other", &[&all], ROWS.as_bytes()).is(202);
    bench.run(&["tokens", "revoke", "gateway"]).exits(0);
    assert_eq!(refused("mail", &[&own]), none);
    bench
        .run(&["tokens", "revoke", "gateway"])
        .exits(1)
        .says("not found");
    bench.run(&["tokens", "list"]).exits(0).prints("partner");
    let secret = all.rsplit(' ').next().expect("a token");
    let ledger = std::fs::read(bench.path().join("ledger.db")).expect("reads");
    let held = |bytes: &[u8]| {
        bytes
            .windows(secret.len())
            .any(|at| at == secret.as_bytes())
    };
    let log = std::fs::read(bench.path().join("ledger.db-wal")).unwrap_or_default();
    assert!(!held(&ledger) && !held(&log), "the token itself is stored");
    assert!(!serving.log().contains(secret));
}

#[test]
fn what_is_too_much_is_refused_and_leaves_nothing() {
    let bench = pushed();
    let token = token(&bench, "gateway", None);
    let serving = Serving::start(&bench);
    let large = "http://a.example.com/1\n".repeat(50_000);
    let kind = |answer: Answer| {
        answer.json()["type"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    // Announced, and come.
    let answer = push(&serving, "mail", &[&token], large.as_bytes()).is(413);
    assert_eq!(kind(answer), "urn:watchfire:problem:too-large");
    let chunks = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    let heads = [
        &token,
        "Transfer-Encoding: chunked",
        "Content-Length-Not: 0",
    ];
    let path = "/api/v1/feeds/mail/reports";
    if let Some(answer) = ask(serving.address, "POST", path, &heads, chunks.as_bytes()) {
        answer.is(413);
    }
    let zip = [&*token, "Content-Encoding: gzip"];
    let answer = push(&serving, "mail", &zip, &gzip(large.as_bytes())).is(413);
    assert_eq!(kind(answer), "urn:watchfire:problem:too-large");
    let bomb = gzip(&vec![b'\n'; 16 << 20]);
    assert!(bomb.len() < 1 << 20);
    push(&serving, "mail", &zip, &bomb).is(413);
    push(&serving, "mail", &zip, ROWS.as_bytes()).is(400);
    push(
        &serving,
        "mail",
        &[&token, "Content-Encoding: br"],
        ROWS.as_bytes(),
    )
    .is(415);
    push(&serving, "mail", &[&token], b"").is(400);
    let wrong = ask(serving.address, "GET", path, &[&token], b"").expect("it answers");
    wrong.is(405);
    let status = bench.run(&["--json", "status"]).exits(0).json();
    assert_eq!(status["reports"], 0, "{status}");
    // And it is as well as before.
    push(&serving, "mail", &[&token], ROWS.as_bytes()).is(202);
    until("the report", || urls(&bench, "mail").len() == 2);
    assert_eq!(
        serving.meter("watchfire_reports_total{feed=\"mail\"}"),
        Some(1.0)
    );
}

#[test]
fn a_token_that_pushes_too_often_has_to_wait() {
    let bench = pushed();
    let text = std::fs::read_to_string(bench.path().join("watchfire.toml")).expect("reads");
    bench.write(
        "watchfire.toml",
        text.replace("minute = 1000", "minute = 2"),
    );
    let token = token(&bench, "gateway", None);
    let serving = Serving::start(&bench);
    push(&serving, "mail", &[&token], ROWS.as_bytes()).is(202);
    push(&serving, "mail", &[&token], ROWS.as_bytes()).is(202);
    let answer = push(&serving, "mail", &[&token], ROWS.as_bytes()).is(429);
    assert!(
        answer.head.to_ascii_lowercase().contains("retry-after: "),
        "{answer:?}"
    );
}
