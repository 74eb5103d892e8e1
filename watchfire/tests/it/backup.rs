//! Backups from outside: taken while the workspace is in use, killed in the middle, damaged, and restored on either
//! kind of ledger with the same figures.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::cluster;
use crate::run::{Bench, Done};

const FEED: &str = r#"
[workspace]
zone = "UTC"

[[feed]]
name = "urls"
provider = "Example"
format = "csv"
paths = ["in/*.csv"]
zone = "UTC"
classification = "phishing"
licence = "none"
[feed.columns]
seen = "observed_at"
url = "source_url"
"#;

fn rows(from: u32, to: u32) -> String {
    let mut text = "seen,url\n".to_owned();
    for n in from..to {
        let day = 2 + n % 7;
        text += &format!("2023-01-{day:02} 08:00:00,http://h{n}.example/{n}\n");
    }
    text
}

fn house() -> Bench {
    let bench = Bench::with(FEED);
    bench.write("in/a.csv", rows(0, 400) + "never,http://b.example/\n");
    bench.run(&["ingest"]).exits(0);
    bench
}

/// What a workspace holds: events, tallies, rejects.
fn outcome(bench: &Bench, workspace: &str) -> [String; 3] {
    crate::crash::outcome(&Bench::at(&bench.path().join(workspace)))
}

fn restore(bench: &Bench, backup: &str, to: &str, ledger: &[&str]) -> Done {
    let mut all = vec!["--json", "restore", backup, to];
    all.extend(ledger);
    bench.run(&all)
}

#[test]
fn a_backup_is_taken_again_verified_and_restored_with_the_same_figures() {
    let bench = house();
    let outside = tempfile::tempdir().expect("a folder");
    let backup = outside.path().join("backup");
    let backup = backup.to_str().expect("text");
    bench.run(&["backup", backup]).exits(0);
    bench.write("in/b.csv", rows(400, 500));
    bench.run(&["ingest"]).exits(0);
    let again = bench.run(&["--json", "backup", backup]).exits(0).json();
    let (copied, files) = (again["copied"].as_u64(), again["files"].as_u64());
    assert!(
        copied < files && copied > Some(0),
        "only what is new: {again}"
    );
    bench
        .run(&["restore", backup, "--verify"])
        .exits(0)
        .prints("whole");
    let before = outcome(&bench, ".");
    assert!(before[0].contains("h499.example"), "{}", before[0]);
    let to = outside.path().join("again");
    let to = to.to_str().expect("text");
    let restored = restore(&bench, backup, to, &[]).exits(0).json();
    assert!(restored["audit_rows"].as_u64().is_some());
    assert!(outcome(&bench, to) == before);
    let doctor = bench.run(&["--workspace", to, "doctor"]);
    assert!(
        doctor.stdout.contains("the chain holds"),
        "{}",
        doctor.stdout
    );
    // What was taken in is known there too.
    fs::create_dir_all(outside.path().join("again/in")).expect("a folder");
    fs::write(outside.path().join("again/in/a.csv"), rows(0, 400)).expect("a file");
    let summary = bench
        .run(&["--workspace", to, "--json", "ingest"])
        .exits(0)
        .json();
    assert!(outcome(&bench, to)[0] == before[0], "{summary}");
    restore(&bench, backup, to, &[])
        .exits(2)
        .says("is not empty");
}

#[test]
fn a_site_grows_to_a_server_and_goes_back() {
    let Some(cluster) = cluster::shared() else {
        return;
    };
    let bench = house();
    let outside = tempfile::tempdir().expect("a folder");
    let path = |name: &str| outside.path().join(name).to_str().expect("text").to_owned();
    let before = outcome(&bench, ".");
    bench.run(&["backup", &path("one")]).exits(0);
    let url = cluster.database();
    let grown = restore(&bench, &path("one"), &path("big"), &["--ledger", &url]);
    let place = grown.exits(0).json()["ledger"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(place.starts_with("postgres://"), "{place}");
    assert!(outcome(&bench, &path("big")) == before);
    // It works on there.
    fs::create_dir_all(outside.path().join("big/in")).expect("a folder");
    fs::write(outside.path().join("big/in/b.csv"), rows(400, 500)).expect("a file");
    bench.run(&["--workspace", &path("big"), "ingest"]).exits(0);
    let after = outcome(&bench, &path("big"));
    assert!(after != before);
    bench
        .run(&["--workspace", &path("big"), "backup", &path("two")])
        .exits(0);
    restore(&bench, &path("two"), &path("small"), &["--ledger", "file"]).exits(0);
    assert!(outcome(&bench, &path("small")) == after);
    // A database that holds something is left alone.
    restore(&bench, &path("two"), &path("other"), &["--ledger", &url])
        .exits(1)
        .says("is in use");
}

#[test]
fn damage_is_found_before_anything_is_made() {
    let bench = house();
    let outside = tempfile::tempdir().expect("a folder");
    let backup = outside.path().join("backup");
    let text = backup.to_str().expect("text");
    bench.run(&["backup", text]).exits(0);
    let list: Value =
        serde_json::from_slice(&fs::read(backup.join("backup.json")).expect("a list"))
            .expect("JSON");
    let ledger = list["ledger"].as_str().expect("a name").to_owned();
    let part = list["files"]
        .as_object()
        .expect("files")
        .keys()
        .find(|name| name.ends_with(".parquet"))
        .expect("a part")
        .clone();
    for name in [ledger, part] {
        let path = backup.join(&name);
        let whole = fs::read(&path).expect("a file");
        let mut bent = whole.clone();
        let middle = bent.len() / 2;
        bent[middle] ^= 1;
        for damaged in [&bent[..], &whole[..middle]] {
            fs::write(&path, damaged).expect("a file");
            bench
                .run(&["restore", text, "--verify"])
                .exits(1)
                .says("is damaged");
            let to = outside.path().join("made");
            restore(&bench, text, to.to_str().expect("text"), &[]).exits(1);
            assert!(!to.exists(), "nothing is made of a damaged backup");
        }
        fs::write(&path, whole).expect("a file");
    }
    bench.run(&["restore", text, "--verify"]).exits(0);
    bench
        .run(&["backup", "."])
        .exits(2)
        .says("lies in the workspace itself");
}

#[test]
fn a_backup_that_is_killed_leaves_the_one_before() {
    let bench = house();
    let outside = tempfile::tempdir().expect("a folder");
    let backup = outside.path().join("backup");
    let backup = backup.to_str().expect("text");
    bench.run(&["backup", backup]).exits(0);
    for n in 0..8_u32 {
        bench.write(
            &format!("in/more-{n}.csv"),
            rows(1_000 + n * 100, 1_100 + n * 100),
        );
        bench.run(&["ingest"]).exits(0);
        let mut child = bench
            .command(&["backup", backup])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        std::thread::sleep(Duration::from_millis(u64::from(n) * 40));
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        bench.run(&["restore", backup, "--verify"]).exits(0);
    }
    let before = outcome(&bench, ".");
    bench.run(&["backup", backup]).exits(0);
    let to = outside.path().join("made");
    let to = to.to_str().expect("text");
    restore(&bench, backup, to, &[]).exits(0);
    assert!(outcome(&bench, to) == before);
}

#[test]
fn a_backup_beside_an_ingestion_is_one_moment_of_it() {
    const FILES: u32 = 40;
    const ROWS: u32 = 150;
    let bench = Bench::with(FEED);
    for n in 0..FILES {
        bench.write(&format!("in/{n:03}.csv"), rows(n * ROWS, (n + 1) * ROWS));
    }
    // The workspace is there before somebody copies it.
    bench.run(&["status"]);
    let outside = tempfile::tempdir().expect("a folder");
    let mut working = bench
        .command(&["ingest"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    let mut taken = Vec::new();
    loop {
        let ended = working.try_wait().expect("it is ours").is_some();
        let to = outside.path().join(format!("copy-{}", taken.len()));
        let to = to.to_str().expect("text").to_owned();
        bench.run(&["backup", &to]).exits(0);
        taken.push(to);
        if ended || taken.len() == 6 {
            break;
        }
    }
    assert!(working.wait().expect("it ends").success());
    let mut seen = Vec::new();
    for (at, copy) in taken.iter().enumerate() {
        let to = outside.path().join(format!("again-{at}"));
        let to = to.to_str().expect("text").to_owned();
        restore(&bench, copy, &to, &[]).exits(0);
        let again = Bench::at(std::path::Path::new(&to));
        again.run(&["lake", "check", "--deep"]).exits(0);
        let count = again.run(&["--json", "query", "select count(*) as n from events"]);
        let row: Value = serde_json::from_str(&count.exits(0).stdout).expect("a row");
        let events = row["n"].as_u64().expect("a number");
        assert_eq!(events % u64::from(ROWS), 0, "a part of a report: {events}");
        // What was left out then is taken in there, and nothing twice.
        fs::create_dir_all(again.path().join("in")).expect("a folder");
        for n in 0..FILES {
            again.write(&format!("in/{n:03}.csv"), rows(n * ROWS, (n + 1) * ROWS));
        }
        again.run(&["ingest"]).exits(0);
        assert_eq!(
            outcome(&bench, "."),
            outcome(&Bench::at(std::path::Path::new(&to)), ".")
        );
        seen.push(events);
    }
    assert!(seen.windows(2).all(|pair| pair[0] <= pair[1]), "{seen:?}");
}
