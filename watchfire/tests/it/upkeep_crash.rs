//! Killed at any write, fsync or unlink, a compaction leaves a lake that holds the same events and that
//! the next one puts in order; a disk that fails stops the process, and nothing acknowledged is lost.

use std::process::Stdio;

use crate::crash::{CALLS, CONFIGURATION, copy, strace_is_there};
use crate::run::Bench;

/// Pages seen on two days.
fn pages(from: u32, rows: u32) -> String {
    let mut text = String::from("date,URL,description\n");
    for n in from..from + rows {
        let (day, hour) = (10 + n % 2, 9 + n % 14);
        text.push_str(&format!(
            "2023/01/{day} {hour:02}:00:00,https://p{n}.example/login,Example Bank\n"
        ));
    }
    text
}

/// A workspace with several parts a day, a frozen issue, and files that nobody but it needs.
fn prepared() -> Bench {
    let bench = Bench::with(CONFIGURATION);
    bench.write("in/a.csv", pages(0, 60));
    bench.write("in/b.csv", pages(30, 60));
    bench.run(&["ingest"]).exits(0);
    bench.run(&["bulletin", "draft", "2023-3"]).exits(0);
    // The files are replaced, then those that replaced them.
    bench.run(&["ingest", "--again", "phish"]).exits(0);
    bench.run(&["ingest", "--again", "phish"]).exits(0);
    bench
}

/// Every event with its place; when its report was received differs from run to run.
fn events(bench: &Bench) -> String {
    let sql = "select event_id, report, line, \"offset\", length, observed_at, source_url from events order by event_id";
    let arguments = ["--json", "query", sql, "--limit", "100000"];
    bench.run(&arguments).exits(0).stdout
}

fn trial(from: &Bench) -> Bench {
    let trial = Bench::new();
    copy(from.path(), trial.path());
    trial
}

/// Runs a command with a fault injected; whether it ended well.
fn faulty(bench: &Bench, arguments: &[&str], inject: &str) -> bool {
    let mut command = std::process::Command::new("strace");
    command
        .args(["-f", "-qq", "-o", "/dev/null", "-e"])
        .arg(format!("trace={CALLS},unlinkat"))
        .args(["-e", inject]);
    let binary = bench.command(arguments);
    command
        .arg(binary.get_program())
        .args(binary.get_args())
        .current_dir(bench.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().expect("strace runs").success()
}

/// The lake is whole but for what nobody needs, holds what it held, and can be put in order.
fn check(bench: &Bench, expected: &str, what: &str) {
    let findings = bench.run(&["--json", "lake", "check", "--deep"]).json();
    let findings = findings.as_array().expect("a list").iter();
    let errors: Vec<_> = findings
        .filter(|finding| finding["grade"] == "error")
        .collect();
    assert!(errors.is_empty(), "after {what}: {errors:#?}");
    assert_eq!(events(bench), expected, "after {what}");
    bench.run(&["lake", "compact"]).exits(0);
    assert_eq!(events(bench), expected, "after {what}, compacted");
    let again = bench.run(&["--json", "lake", "compact"]).exits(0).json();
    let left = &again["vacuum"];
    assert!(
        left["removed"] == 0 && left["orphans"] == 0 && again["days"] == serde_json::json!([]),
        "after {what}: {again}"
    );
    bench.run(&["lake", "check"]).exits(0);
}

#[test]
fn a_compaction_killed_at_every_write_fsync_and_unlink() {
    if !strace_is_there() {
        return;
    }
    let from = prepared();
    let expected = events(&from);
    let (mut n, mut killed, mut spared) = (0, 0, 0);
    while spared < 2 {
        n += 1;
        let trial = trial(&from);
        let inject = format!("inject={CALLS},unlinkat:signal=SIGKILL:when={n}");
        if faulty(&trial, &["lake", "compact"], &inject) {
            spared += 1;
        } else {
            (killed, spared) = (killed + 1, 0);
        }
        check(&trial, &expected, &format!("a kill at call {n}"));
    }
    assert!(
        killed > 20,
        "only {killed} runs were killed: the trace does not see the writes"
    );
}

#[test]
fn a_disk_that_fails_stops_the_process_and_loses_nothing() {
    if !strace_is_there() {
        return;
    }
    let from = prepared();
    let expected = events(&from);
    let mut stopped = 0;
    for error in ["EIO", "ENOSPC"] {
        for n in [1, 2, 3, 5, 8] {
            let trial = trial(&from);
            let inject = format!("inject=fsync,fdatasync:error={error}:when={n}");
            stopped += u32::from(!faulty(&trial, &["lake", "compact"], &inject));
            check(
                &trial,
                &expected,
                &format!("{error} at fsync {n} of a compaction"),
            );

            // What is new when the disk fails is taken in by the next run, once.
            let trial = self::trial(&from);
            trial.write("in/d.csv", pages(200, 40));
            let whole = self::trial(&trial);
            whole.run(&["ingest"]).exits(0);
            stopped += u32::from(!faulty(&trial, &["ingest"], &inject));
            trial.run(&["ingest"]).exits(0);
            check(
                &trial,
                &events(&whole),
                &format!("{error} at fsync {n} of an ingestion"),
            );
        }
    }
    assert!(
        stopped > 10,
        "only {stopped} of 20 runs met the failing disk"
    );
}
