//! Killed at any instruction, a restart loses nothing and doubles nothing (DESIGN invariant 3).
//!
//! Each trial starts from the same prepared workspace, kills an ingestion of two reports somewhere,
//! runs it again to its end, and compares events, tallies and rejects with a run that was never
//! killed. The second report repeats half of the first, so that a lost or doubled identity shows.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::run::Bench;

pub const CONFIGURATION: &str = r#"
[workspace]
name = "crash"
zone = "Asia/Shanghai"

[[feed]]
name = "phish"
provider = "Example"
format = "jpcert"
zone = "Asia/Tokyo"
licence = "none"
paths = ["in/*.csv"]
"#;

/// System calls that change a file or make it durable.
pub const CALLS: &str = "write,pwrite64,writev,pwritev,fsync,fdatasync,rename,renameat,renameat2,ftruncate,unlink,mkdir,link";

pub fn report(from: u32, rows: u32) -> String {
    let mut text = String::from("date,URL,description\n");
    for n in from..from + rows {
        let (day, hour) = (1 + n % 5, n % 24);
        text.push_str(&format!(
            "2023/01/{day:02} {hour:02}:00:00,https://p{n}.example/login,Example Bank\n"
        ));
    }
    text.push_str("2023/13/45 00:00:00,https://bad.example/,Example Bank\nno url at all\n");
    text
}

/// A workspace with its ledger made and two reports waiting.
pub fn prepared() -> Bench {
    let bench = Bench::with(CONFIGURATION);
    bench.run(&["ingest"]).exits(0);
    bench.write("in/a.csv", report(0, 300));
    bench.write("in/b.csv", report(150, 300));
    bench
}

pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the folder can be made");
    for entry in std::fs::read_dir(from).expect("the folder can be read") {
        let entry = entry.expect("the folder can be read");
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target);
        } else {
            std::fs::copy(&source, &target).expect("the file can be copied");
        }
    }
}

/// Everything that must come out the same: events with their places, tallies, rejects.
pub fn outcome(bench: &Bench) -> [String; 3] {
    let events = "select event_id, feed, report, line, \"offset\", observed_at, source_url from events order by event_id";
    let rejects = bench.run(&["--json", "rejects", "list"]).exits(0).stdout;
    // Ids and times of receipt tell when, not what.
    let rejects = rejects
        .lines()
        .filter(|line| {
            !line.contains("\"id\"") && !line.contains("_at\"") && !line.contains("\"generation\"")
        })
        .collect::<Vec<_>>()
        .join("\n");
    [
        bench
            .run(&["--json", "query", events, "--limit", "100000"])
            .exits(0)
            .stdout,
        bench
            .run(&["--json", "feeds", "tally", "2023-1"])
            .exits(0)
            .stdout
            + &bench
                .run(&["--json", "feeds", "tally", "2023-2"])
                .exits(0)
                .stdout,
        rejects,
    ]
}

pub fn check(trial: &Bench, expected: &[String; 3], what: &str) {
    trial.run(&["ingest"]).exits(0);
    let found = outcome(trial);
    for (part, (found, expected)) in ["events", "tallies", "rejects"]
        .iter()
        .zip(found.iter().zip(expected))
    {
        assert_eq!(found, expected, "{part} differ after a kill {what}");
    }
}

pub fn reference(from: &Bench) -> ([String; 3], Duration) {
    let whole = Bench::new();
    copy(from.path(), whole.path());
    let begun = Instant::now();
    whole.run(&["ingest"]).exits(0);
    let took = begun.elapsed();
    let expected = outcome(&whole);
    assert_eq!(
        expected[0].matches("event_id").count(),
        450,
        "{}",
        expected[0]
    );
    (expected, took)
}

#[test]
fn thirty_kills_at_random_moments() {
    let from = prepared();
    let (expected, took) = reference(&from);
    // A fixed sequence of moments, so that a failure can be repeated; it covers start to end.
    for n in 0..30_u32 {
        let trial = Bench::new();
        copy(from.path(), trial.path());
        let moment = took.mul_f64(f64::from((n * 7 + 3) % 31) / 31.0);
        let mut child = trial
            .command(&["ingest"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        std::thread::sleep(moment);
        child.kill().expect("the process can be killed");
        child.wait().expect("the process ends");
        check(&trial, &expected, &format!("after {moment:?}"));
    }
}

/// Whether system calls can be traced. In CI they must be.
pub fn strace_is_there() -> bool {
    let strace = std::process::Command::new("strace")
        .arg("-V")
        .stdout(Stdio::null())
        .status();
    let there = strace.is_ok_and(|status| status.success());
    if !there {
        assert!(std::env::var("CI").is_err(), "strace is not installed");
        eprintln!("SKIPPED: strace is not installed");
    }
    there
}

#[test]
fn a_kill_at_every_write_fsync_and_rename() {
    if !strace_is_there() {
        return;
    }
    let from = prepared();
    let (expected, _) = reference(&from);
    // Runs to its end, or is killed at the n-th call of some thread; whether it ended well.
    let traced = |trial: &Bench, n: u32| {
        let mut command = std::process::Command::new("strace");
        command
            .args(["-f", "-qq", "-o", "/dev/null", "-e"])
            .arg(format!("trace={CALLS}"));
        command
            .arg("-e")
            .arg(format!("inject={CALLS}:signal=SIGKILL:when={n}"));
        let binary = trial.command(&["ingest"]);
        command
            .arg(binary.get_program())
            .args(binary.get_args())
            .current_dir(trial.path());
        let status = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("strace runs");
        status.success()
    };
    // Calls are counted by thread and threads share the work differently from run to run: go on
    // until no thread of several runs reaches the number.
    let (mut n, mut killed, mut spared) = (0, 0, 0);
    while spared < 3 {
        n += 1;
        let trial = Bench::new();
        copy(from.path(), trial.path());
        if traced(&trial, n) {
            spared += 1;
        } else {
            (killed, spared) = (killed + 1, 0);
        }
        check(&trial, &expected, &format!("at call {n}"));
    }
    assert!(
        killed > 30,
        "only {killed} runs were killed: the trace does not see the writes"
    );
}
