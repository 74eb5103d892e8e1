//! A workspace for exercises, served: the phishing case is played to its end by what a duty officer does, and nothing
//! leaves the machine. And the judgment of others on the API: PyPI's `schemathesis` finds nothing.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Answer, Serving, ask, until};
use crate::run::Bench;

/// A new exercise.
pub fn exercise() -> Bench {
    let home = Bench::new();
    home.run(&["exercise", "new", "play"]).exits(0);
    home
}

/// The exercise's own folder, with nothing removed at its end but by `home`.
pub fn inside(home: &Bench) -> Bench {
    Bench::at(&home.path().join("play"))
}

/// A token's head, made by the command.
pub fn token(bench: &Bench, login: &str, rights: &str) -> String {
    let made = bench.run(&[
        "tokens", "api", "add", login, "test", "--may", rights, "--days", "2",
    ]);
    format!("Authorization: Bearer {}", made.exits(0).stdout.trim())
}

pub fn api(serving: &Serving, token: &str, (method, path): (&str, &str), body: &Value) -> Answer {
    let (text, kind) = (body.to_string(), "Content-Type: application/json");
    ask(
        serving.address,
        method,
        path,
        &[token, kind],
        text.as_bytes(),
    )
    .expect("it answers")
}

#[test]
fn the_phishing_case_is_played_to_its_end_and_nothing_leaves() {
    let home = exercise();
    let bench = inside(&home).set("WATCHFIRE_AS", "liu.yang");
    let officer = token(&bench, "liu.yang", "view,work");
    let serving = Serving::start(&bench);
    let begin = ("POST", "/api/v1/exercise/scenarios/phishing/begin");
    let begun = api(&serving, &officer, begin, &json!({})).is(201).json();
    let host = begun["hosts"][0].as_str().expect("a host").to_owned();
    let drill = format!("/api/v1/exercise/drills/{}", begun["id"]);
    let look = || {
        api(&serving, &officer, ("GET", &drill), &Value::Null)
            .is(200)
            .json()
    };
    let reached = |aim: usize| look()["aims"][aim]["reached_at"].is_string();
    // The mail arrives, and becomes an incident by the ordinary round.
    let mut number = String::new();
    until("the incident", || {
        let listed = bench.run(&["incidents", "list", "--json"]).exits(0).json();
        let found = listed.as_array().cloned().unwrap_or_default();
        let found = found.iter().find(|one| one["host"] == host.as_str());
        number = found.map_or_else(String::new, |one| one["number"].to_string());
        !number.is_empty()
    });
    assert!(!reached(0), "nobody has looked yet");
    bench
        .run(&[
            "incidents",
            "validate",
            &number,
            "--reason",
            "the page asks for card numbers",
        ])
        .exits(0);
    until("found true", || reached(0));
    until("a notice", || reached(1));
    // The first contact with a party waits for a lead.
    until("the notice is out", || {
        let held = bench.run(&["notices", "list", "--state", "held", "--json"]);
        let held = held.exits(0).json();
        for one in held.as_array().cloned().unwrap_or_default() {
            let number = one["number"].to_string();
            bench.run(&[
                "notices", "approve", &number, "--reason", "read", "--as", "chen.jie",
            ]);
        }
        reached(2)
    });
    let mut over = Value::Null;
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_secs(180) && !over["ended_at"].is_string() {
        std::thread::sleep(Duration::from_secs(1));
        over = look();
    }
    assert_eq!(over["score"], 100, "{over}\n{}", serving.log());
    serving.signal("TERM");
    assert_eq!(serving.end(), 0);
}

#[test]
fn others_find_nothing_in_the_api() {
    let peer = std::env::var_os("WATCHFIRE_PEERS")
        .map(|folder| PathBuf::from(folder).join("bin/schemathesis"))
        .filter(|peer| peer.is_file());
    let Some(peer) = peer else {
        eprintln!("SKIPPED: no schemathesis; see .ci/run and WATCHFIRE_PEERS");
        return;
    };
    let home = exercise();
    let bench = inside(&home);
    let token = token(&bench, "chen.jie", "view,work,lead");
    // What asks thousands of times shall be answered, not put off.
    let bench = bench.set("WATCHFIRE__SERVE__CALLS_PER_MINUTE", "1000000");
    let serving = Serving::start(&bench);
    let document = format!("http://{}/api/v1/openapi.json", serving.address);
    let judged = Command::new(peer)
        .current_dir(home.path())
        .args(["run", &document, "--header", &token])
        .args(["--header", "Sec-Fetch-Site: same-origin"])
        // Lines of changes do not end; reports of feeds are let in by tokens of another kind.
        .args(["--exclude-path-regex", "/feeds/.*/reports|/changes$"])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            "10",
        ])
        // A sound text may still name nothing, or a state may forbid it: 404, 409 and 422 are answers.
        .args(["--exclude-checks", "positive_data_acceptance"])
        .args(["--no-color", "--seed", "1"])
        .output()
        .expect("schemathesis runs");
    let told = String::from_utf8_lossy(&judged.stdout).into_owned();
    assert!(judged.status.success(), "{told}");
}
