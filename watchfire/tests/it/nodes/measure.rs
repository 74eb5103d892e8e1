//! What a cluster costs beside one process: CPU time per million rows at one, two and four workers, and transactions of
//! the server per million events. A small load usually; a million rows, with the bounds of the issue, with
//! `WATCHFIRE_LONG=1`.

use std::time::Instant;

use super::{FEEDS, Nodes, configuration, deliver};
use crate::cluster;
use crate::run::Bench;
use crate::serve::{Serving, until};

/// CPU seconds that a process has used so far, its threads together.
fn cpu(serving: &Serving) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", serving.id())).expect("it lives");
    let fields = stat.rsplit(") ").next().expect("it has fields");
    let ticks: f64 = fields
        .split(' ')
        .skip(11)
        .take(2)
        .map(|field| field.parse::<f64>().expect("a number"))
        .sum();
    ticks / 100.0
}

/// One process that serves: its CPU time for all of it.
fn alone(rows: usize) -> f64 {
    let bench = Bench::with(&configuration());
    let serving = Serving::start(&bench);
    let before = cpu(&serving);
    (0..FEEDS).for_each(|feed| deliver(bench.path(), feed, 0, rows));
    let done = || {
        let text = bench.run(&["--json", "status"]).exits(0).json();
        text["events"].as_i64().unwrap_or(0) == (FEEDS * rows) as i64
    };
    until("all is taken in", done);
    let used = cpu(&serving) - before;
    serving.kill();
    used
}

#[test]
fn a_cluster_costs_what_one_process_costs() {
    let Some(server) = cluster::shared() else {
        return;
    };
    let long = std::env::var("WATCHFIRE_LONG").is_ok_and(|value| value == "1");
    let rows = if long { 50_000 } else { 2_000 };
    let millions = (FEEDS * rows) as f64 / 1e6;
    let embedded = alone(rows) / millions;
    eprintln!("one process: {embedded:.1} CPU s a million rows");
    for count in [1, 2, 4] {
        let nodes = Nodes::new(server);
        let scheduler = nodes.start("scheduler");
        let workers: Vec<Serving> = (0..count).map(|_| nodes.start("worker")).collect();
        let all = || workers.iter().map(cpu).sum::<f64>() + cpu(&scheduler);
        let transactions = || {
            let own = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()";
            nodes.sql(own).parse::<f64>().expect("a number")
        };
        let (before, counted, begun) = (all(), transactions(), Instant::now());
        nodes.deliver(0, rows);
        nodes.ingested(FEEDS);
        let secs = begun.elapsed().as_secs_f64();
        // The server's statistics come a second late.
        std::thread::sleep(std::time::Duration::from_secs(2));
        let used = (all() - before) / millions;
        let transactions = transactions() - counted;
        eprintln!(
            "{count} workers: {used:.1} CPU s a million rows, {:.0} transactions, {secs:.1} s",
            transactions / millions
        );
        if long {
            assert!(transactions / millions < 2_000.0);
            assert!(used < embedded * 1.15, "{used} against {embedded}");
        } else {
            // Per report and second, not per event. Some sixty a report are usual; connections tell of those of the
            // nodes' start up to ten seconds late, so there is room for them.
            assert!(
                transactions < 200.0 * FEEDS as f64 + 100.0 * secs,
                "{transactions} in {secs} s"
            );
        }
    }
}
