//! A cluster held against one process, from the first file to the printed bulletin: a scheduler, four workers and three
//! executors, the ledger on PostgreSQL, the lake and the archive in a store over S3; beside it one process with SQLite
//! and a folder. Events, tallies, statistics and the rendered files must be the same to the byte.
//!
//! Two things are made alike before figures are frozen, because they say when and in how many steps something was
//! stored, not what: both lakes get one more, empty snapshot of the same number and instant ([`level`]).

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use super::Nodes;
use crate::cluster;
use crate::engine::{Executor, TOKEN};
use crate::rederive;
use crate::run::{Bench, data, tree};
use crate::serve::Serving;
use crate::stores::{KINDS, Store};

/// Issues of the founding week that are drafted, so that the last has others to compare with.
const ISSUES: [&str; 5] = ["2022-51", "2022-52", "2023-1", "2023-2", "2023-3"];
/// Number and instant of the snapshot at which both lakes are read.
const LEVEL: (i64, i64) = (1_000_000, 1_700_000_000_000_000);

/// What it takes to bring a lake to [`LEVEL`].
fn level() -> [String; 2] {
    let (number, at) = LEVEL;
    [
        format!(
            "INSERT INTO snapshot (number, created_at, reason, reports, added, removed) \
             VALUES ({number}, {at}, 'level', 0, 0, 0)"
        ),
        format!("UPDATE counter SET value = {number} WHERE name = 'snapshot'"),
    ]
}

/// A cluster at work: the nodes, and whoever reads for them.
pub(super) struct Whole {
    pub nodes: Nodes,
    /// A node that serves nobody, for commands.
    pub own: Bench,
    pub executors: Vec<Executor>,
    _store: Store,
}

impl Whole {
    /// Executors first: the nodes are told where they are.
    pub fn new(nodes: Nodes) -> Option<Self> {
        let store = KINDS.into_iter().rev().find_map(Store::start)?;
        let mut nodes = nodes.over(&store.endpoint(), "alike");
        let executors: Vec<Executor> = (0..3)
            .map(|_| Executor::start(&nodes.node(), "127.0.0.1:0"))
            .collect();
        let urls: Vec<&str> = executors.iter().map(|one| one.address.as_str()).collect();
        nodes.set("WATCHFIRE__ENGINE__URL", &urls.join(","));
        nodes.set("WATCHFIRE__ENGINE__TOKEN", TOKEN);
        nodes.set("WATCHFIRE__ENGINE__MIN_ROWS", "1");
        let own = nodes.node().set("WATCHFIRE__SERVE__ROLE", "console");
        Some(Whole {
            nodes,
            own,
            executors,
            _store: store,
        })
    }

    /// Waits until as many reports as one process has are taken in, or cannot be.
    #[track_caller]
    pub fn settles(&self, reports: u64) {
        let begun = Instant::now();
        let (mut last, mut moved) = (String::new(), Instant::now());
        loop {
            let states = "SELECT state, count(*) FROM report GROUP BY state ORDER BY state";
            let states = self.nodes.sql(states);
            let open = "SELECT (SELECT count(*) FROM report WHERE state <> 'archived'), \
                        (SELECT count(*) FROM report WHERE state = 'archived'), \
                        (SELECT count(*) FROM job WHERE kind = 'take-in' AND state <> 'done')";
            let now = self.nodes.sql(open);
            if now == format!("{reports}|0|0") {
                eprintln!("taken in after {} s", begun.elapsed().as_secs());
                return;
            }
            if now != last {
                (last, moved) = (now, Instant::now());
            }
            assert!(
                moved.elapsed() < Duration::from_secs(300),
                "nothing moves, {reports} reports are awaited: {states}"
            );
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    pub fn level(&self) {
        for sql in level() {
            self.nodes.sql(&sql);
        }
    }
}

pub(super) fn level_embedded(bench: &Bench) {
    for sql in level() {
        rederive::sql(&bench.path().join("ledger.db"), &sql);
    }
}

/// Files of a folder by name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let listed = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let files = listed.flatten().filter(|entry| entry.path().is_file());
    files
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, std::fs::read(entry.path()).expect("it can be read"))
        })
        .collect()
}

/// Compares files to the byte, and says which differ.
#[track_caller]
pub(super) fn same_files(found: &Path, expected: &Path) -> usize {
    let (found, expected) = (files(found), files(expected));
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&expected));
    let differ: Vec<&String> = found
        .iter()
        .filter(|(name, bytes)| expected[*name] != **bytes)
        .map(|(name, _)| name)
        .collect();
    assert!(differ.is_empty(), "they differ: {differ:?}");
    found.len()
}

/// Compares answers of a command.
#[track_caller]
pub(super) fn same_answer(found: &Bench, expected: &Bench, arguments: &[&str]) -> String {
    let answer = expected.run(arguments).exits(0).stdout;
    let other = found.run(arguments).exits(0).stdout;
    if answer != other {
        let differ = answer.lines().zip(other.lines()).find(|(a, b)| a != b);
        panic!("{arguments:?} differs, first in {differ:?}");
    }
    assert!(!answer.is_empty(), "{arguments:?} answers nothing");
    answer
}

/// What every feed brought, told by all columns that say what and where.
pub(super) const EVENTS: &str = "select feed, class_type, count(*) n, count(distinct event_id) ids, min(event_id) a, \
    max(event_id) b, sum(line) lines, sum(\"offset\") places, count(distinct report) reports, \
    min(observed_at) first, max(observed_at) last, count(distinct source_url) urls, \
    count(distinct source_ip) ips, count(distinct province) provinces, sum(asn) asns \
    from events group by feed, class_type order by feed, class_type";

#[test]
fn the_founding_week_on_a_cluster_is_the_one_of_one_process() {
    let (Some(data), Some(server)) = (data(), cluster::shared()) else {
        return;
    };
    let configuration =
        std::fs::read_to_string(tree().join("examples/founding-week/watchfire.toml"))
            .expect("the example is there");
    let data = data.to_string_lossy().into_owned();
    let mut nodes = Nodes::with(server, configuration.clone());
    nodes.set("WATCHFIRE_DATA", &data);
    let Some(whole) = Whole::new(nodes) else {
        return;
    };
    // They begin while the one process works.
    let scheduler = whole.nodes.start("scheduler");
    let workers: Vec<Serving> = (0..4).map(|_| whole.nodes.start("worker")).collect();
    let one = Bench::with(&configuration).set("WATCHFIRE_DATA", &data);
    let begun = Instant::now();
    one.run(&["ingest"]).exits(0);
    eprintln!("one process takes in: {} s", begun.elapsed().as_secs());
    let status = one.run(&["status", "--json"]).exits(0).json();
    whole.settles(status["reports"].as_u64().expect("a number"));
    let feeds = [
        "jpcert",
        "tweetfeed",
        "c2-tracker",
        "threatfox-ips",
        "tor-exits",
        "cnvd",
    ];
    let took = |worker: &&Serving| {
        let meter = |feed| worker.meter(&format!("watchfire_reports_total{{feed=\"{feed}\"}}"));
        feeds.into_iter().filter_map(meter).sum::<f64>() > 0.0
    };
    assert!(
        workers.iter().filter(took).count() > 1,
        "several workers took feeds in"
    );

    let own = &whole.own;
    same_answer(own, &one, &["query", EVENTS, "--format", "csv"]);
    for by in ["observable", "tag"] {
        for issue in ISSUES {
            same_answer(own, &one, &["feeds", "tally", issue, "--by", by, "--json"]);
        }
    }
    let plan = own.run(&["query", &format!("explain {EVENTS}")]).exits(0);
    plan.prints("DistributedExec").prints("tasks=3");

    whole.level();
    level_embedded(&one);
    for issue in ISSUES {
        for bench in [own, &one] {
            bench.run(&["bulletin", "draft", issue]).exits(0);
        }
    }
    for issue in ["2023-2", "2023-3", "2023-4"] {
        same_answer(own, &one, &["week", issue, "--json"]);
    }
    for issue in ["2023-2", "2023-3"] {
        let forms = "html,json,csv,pdf";
        for bench in [own, &one] {
            bench
                .run(&["bulletin", "render", issue, "--format", forms])
                .exits(0);
        }
    }
    let drafts = |bench: &Bench| bench.path().join("drafts");
    let compared = same_files(&drafts(own), &drafts(&one));
    let names: Vec<String> = files(&drafts(own)).into_keys().collect();
    for ending in [
        ".json", ".zh.html", ".en.html", ".zh.csv", ".en.csv", ".zh.pdf", ".en.pdf",
    ] {
        assert!(
            names.iter().any(|name| name.ends_with(ending)),
            "no {ending}: {names:?}"
        );
    }
    eprintln!("{compared} files are the same");
    own.run(&["bulletin", "verify", "2023-3"]).exits(0);
    own.run(&["lake", "check"]).exits(0);
    for executor in &whole.executors {
        let log = executor.log();
        for errand in ["week-tally", "week-names"] {
            assert!(log.contains(errand), "an executor did no {errand}:\n{log}");
        }
    }
    // Without executors the cluster's figures are those too.
    drop(whole.executors);
    same_answer(own, &one, &["week", "2023-3", "--json"]);

    // The twin: a cluster that lost one part of one feed is told apart.
    whole.nodes.sql(
        "UPDATE lake_file SET removed = 1 WHERE path = (SELECT path FROM lake_file \
         WHERE kind = 'part' AND feed = 'jpcert' AND removed IS NULL ORDER BY rows DESC LIMIT 1)",
    );
    let short = own
        .run(&["query", EVENTS, "--format", "csv"])
        .exits(0)
        .stdout;
    assert_ne!(
        short,
        one.run(&["query", EVENTS, "--format", "csv"])
            .exits(0)
            .stdout
    );

    for node in workers.into_iter().chain([scheduler]) {
        node.signal("TERM");
        assert_eq!(node.end(), 0, "it drains");
    }
}
