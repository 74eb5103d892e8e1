//! A cluster from outside: nodes are processes with a folder each, on one PostgreSQL ledger, with the lake and the
//! archive in one place that all of them reach.
//!
//! Here the harness, and what a cluster gives where nothing goes wrong; [`alike`] holds it against one process from the
//! first file to the printed bulletin, [`response_alike`] further to the mail at the other end, [`render`] what a console
//! asks workers for and what all consoles then serve, [`trials`] is what it survives, [`rights`] who may what,
//! [`upgrade`] how versions follow each other.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::cluster::{self, Cluster};
use crate::run::Bench;
use crate::serve::{Serving, until};
use crate::stored;

mod alike;
mod canonical;
mod measure;
mod render;
mod response_alike;
mod rights;
mod trials;
mod upgrade;
mod wire;

/// Feeds of the test.
pub const FEEDS: usize = 20;

/// The configuration of every node, and of the one process that the cluster is compared with.
fn configuration() -> String {
    let mut text = "[workspace]\nzone = \"UTC\"\n[serve]\nlook_secs = 1\n".to_owned();
    for feed in 0..FEEDS {
        text += &format!(
            "[[feed]]\nname = \"f{feed}\"\nprovider = \"Example\"\nformat = \"csv\"\n\
             paths = [\"in/f{feed}/*.csv\"]\nzone = \"UTC\"\nclassification = \"phishing\"\nlicence = \"none\"\n\
             [feed.columns]\nseen = \"observed_at\"\nurl = \"source_url\"\nnote = \"description\"\n"
        );
    }
    text
}

/// A file of a feed: rows of its own, rows that earlier files of the feed had, and now and then one that is no event.
pub fn file(feed: usize, round: usize, rows: usize) -> String {
    let mut text = "seen,url,note\n".to_owned();
    for row in 0..rows {
        // A third was in the round before.
        let of = round - usize::from(row % 3 == 0 && round > 0);
        let day = 2 + (row + of) % 3;
        text += &format!(
            "2023-01-{day:02} 08:00:00,http://h{}.example/{feed}/{of}/{row},n\n",
            row % 50
        );
    }
    if round % 4 == 1 {
        text += "never,http://bad.example/,y\n";
    }
    text
}

/// The folders of a cluster, and its database.
pub struct Nodes {
    server: &'static Cluster,
    url: String,
    home: TempDir,
    configuration: String,
    made: std::cell::Cell<u32>,
    /// What all nodes have in their environment.
    variables: Vec<(String, String)>,
    /// The lake and the archive in a store, at this endpoint under this prefix; otherwise in shared folders.
    store: Option<(String, String)>,
}

impl Nodes {
    /// A new cluster without nodes.
    pub fn new(server: &'static Cluster) -> Nodes {
        Nodes::with(server, configuration())
    }

    /// One whose nodes have this configuration.
    pub fn with(server: &'static Cluster, configuration: String) -> Nodes {
        let home = tempfile::tempdir().expect("a folder");
        for shared in ["lake", "blobs", "in"] {
            std::fs::create_dir(home.path().join(shared)).expect("a folder can be made");
        }
        Nodes {
            server,
            url: server.database(),
            home,
            configuration,
            made: std::cell::Cell::new(0),
            variables: Vec::new(),
            store: None,
        }
    }

    /// The same with the lake and the archive in a store: nodes share no folder but that of the files that come in.
    pub fn over(mut self, endpoint: &str, prefix: &str) -> Nodes {
        self.store = Some((endpoint.to_owned(), prefix.to_owned()));
        self
    }

    /// Sets a variable for all nodes that are made from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// The ledger's address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What all nodes reach.
    pub fn shared(&self) -> &Path {
        self.home.path()
    }

    /// A folder for one more node.
    pub fn node(&self) -> Bench {
        let number = self.made.get();
        self.made.set(number + 1);
        let folder: PathBuf = self.home.path().join(format!("node{number}"));
        std::fs::create_dir(&folder).expect("a folder can be made");
        let shared: &[&str] = match self.store {
            Some(_) => &["in"],
            None => &["lake", "blobs", "in"],
        };
        for shared in shared {
            let link =
                std::os::unix::fs::symlink(self.home.path().join(shared), folder.join(shared));
            link.expect("a link can be made");
        }
        let mut bench = Bench::at(&folder)
            .set("WATCHFIRE__LEDGER__URL", &self.url)
            .set("WATCHFIRE__SERVE__LEASE_SECS", "4")
            .set("WATCHFIRE__SERVE__DRAIN_SECS", "10");
        if let Some((endpoint, prefix)) = &self.store {
            bench = stored::over(bench, endpoint, prefix);
        }
        for (name, value) in &self.variables {
            bench = bench.set(name, value);
        }
        bench.write("watchfire.toml", &self.configuration);
        bench
    }

    /// A node that serves.
    pub fn start(&self, role: &str) -> Serving {
        Serving::with(&self.node(), &["--role", role])
    }

    /// Puts a round's files where the feeds look.
    pub fn deliver(&self, round: usize, rows: usize) {
        for feed in 0..FEEDS {
            deliver(self.shared(), feed, round, rows);
        }
    }

    /// SQL past everything of ours.
    pub fn sql(&self, sql: &str) -> String {
        let name = self
            .url
            .rsplit('/')
            .next()
            .expect("a URL ends with a database");
        self.server.sql(name, sql)
    }

    /// Waits until so many reports are taken in.
    #[track_caller]
    pub fn ingested(&self, reports: usize) {
        let begun = Instant::now();
        loop {
            let found = self.sql("SELECT count(*) FROM report WHERE state = 'ingested'");
            if found == reports.to_string() {
                return;
            }
            // A process that is cut off in the middle of a transaction keeps the turn for two minutes at most.
            if begun.elapsed() > Duration::from_secs(300) {
                let jobs = self.sql("SELECT kind, key, state, attempts, leased_by, last_error FROM job WHERE state <> 'done'");
                let calls = self.sql(
                    "SELECT key, attempts, locked_by, last_error FROM watchfire_jobs._private_jobs",
                );
                panic!("{found} of {reports} reports were taken in\n{jobs}\n{calls}");
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// Puts one file where its feed looks; whole at once.
pub fn deliver(home: &Path, feed: usize, round: usize, rows: usize) {
    let folder = home.join(format!("in/f{feed}"));
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    let part = home.join(format!("in/{feed}-{round}.part"));
    std::fs::write(&part, file(feed, round, rows)).expect("a file can be written");
    std::fs::rename(&part, folder.join(format!("{round:04}.csv"))).expect("it can be renamed");
}

/// One process that takes the same in.
pub fn embedded(rounds: usize, rows: usize) -> Bench {
    let bench = Bench::with(&configuration());
    for round in 0..rounds {
        for feed in 0..FEEDS {
            deliver(bench.path(), feed, round, rows);
        }
    }
    bench.run(&["ingest"]).exits(0);
    bench
}

/// All that must come out the same: events with their places, tallies, rejects, and what reports came to.
pub fn outcome(bench: &Bench) -> [Value; 4] {
    let events = "select event_id, feed, report, line, \"offset\", observed_at, source_url from events order by event_id";
    let json = |arguments: &[&str]| bench.run(arguments).exits(0).json();
    let lines = |sql: &str| {
        let text = bench
            .run(&["--json", "query", sql, "--limit", "1000000"])
            .exits(0)
            .stdout;
        let rows = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line is a row"));
        Value::Array(rows.collect())
    };
    let sorted = |mut rows: Value, left: &[&str]| {
        let list = rows.as_array_mut().expect("a list");
        for row in list.iter_mut() {
            let row = row.as_object_mut().expect("an object");
            row.retain(|key, _| !key.ends_with("_at") && !left.contains(&key.as_str()));
        }
        list.sort_by_key(Value::to_string);
        rows
    };
    let rejects = json(&["--json", "rejects", "list", "--limit", "100000"]);
    let totals = "select feed, report, count(*) as n from events group by feed, report order by feed, report";
    [
        lines(events),
        json(&["--json", "feeds", "tally", "2023-1"]),
        sorted(rejects, &["id", "generation"]),
        lines(totals),
    ]
}

/// Compares a cluster with one process.
#[track_caller]
pub fn same(found: &Bench, expected: &Bench) {
    let (found, expected) = (outcome(found), outcome(expected));
    let parts = ["events", "tallies", "rejects", "totals"];
    for (part, (found, expected)) in parts.iter().zip(found.iter().zip(&expected)) {
        let count = |value: &Value| value.as_array().map_or(0, Vec::len);
        assert!(
            found == expected,
            "{part} differ: {} and {} rows",
            count(found),
            count(expected)
        );
    }
}

#[test]
fn four_workers_give_what_one_process_gives() {
    let Some(server) = cluster::shared() else {
        return;
    };
    let nodes = Nodes::new(server);
    let scheduler = nodes.start("scheduler");
    let workers: Vec<Serving> = (0..4).map(|_| nodes.start("worker")).collect();
    for round in 0..3 {
        nodes.deliver(round, 300);
    }
    nodes.ingested(3 * FEEDS);
    let own = nodes.node();
    same(&own, &embedded(3, 300));
    // More than one had work, and each feed was nobody's twice at a time.
    let took = |worker: &Serving| {
        worker
            .meter("watchfire_reports_total{feed=\"f0\"}")
            .is_some()
    };
    let rows: Vec<f64> = workers
        .iter()
        .map(|worker| {
            let feeds = (0..FEEDS).filter_map(|feed| {
                worker.meter(&format!("watchfire_reports_total{{feed=\"f{feed}\"}}"))
            });
            feeds.sum()
        })
        .collect();
    assert!(
        rows.iter().filter(|rows| **rows > 0.0).count() > 1,
        "{rows:?}"
    );
    assert!(workers.iter().any(took), "f0 was taken in by one of them");
    assert_eq!(scheduler.meter("watchfire_leads"), Some(1.0));
    // A node that answers no people answers no people.
    own.run(&["jobs", "list"]).exits(0);
    own.run(&["doctor"]);
    for worker in workers {
        worker.signal("TERM");
        assert_eq!(worker.end(), 0, "it drains");
    }
    scheduler.signal("TERM");
    assert_eq!(scheduler.end(), 0);
    assert_eq!(
        nodes.sql("SELECT count(*) FROM job WHERE state = 'leased'"),
        "0"
    );
}

#[test]
fn a_node_needs_a_ledger_that_nodes_share() {
    let bench = Bench::with("[workspace]\nzone = \"UTC\"\n");
    bench
        .run(&["serve", "--role", "worker"])
        .exits(3)
        .says("needs a ledger on PostgreSQL");
    bench
        .run(&["serve", "--role", "wroker"])
        .exits(3)
        .says("role `wroker` is none");
    bench.write("watchfire.toml", "[serve]\nrole = \"worker\"\n");
    bench.run(&["status"]).exits(3).says("set ledger.url");
}

#[test]
fn one_scheduler_leads_and_another_takes_over() {
    let Some(server) = cluster::shared() else {
        return;
    };
    let nodes = Nodes::new(server);
    let first = nodes.start("scheduler");
    until("the first leads", || {
        first.meter("watchfire_leads") == Some(1.0)
    });
    let second = nodes.start("scheduler,worker");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(second.meter("watchfire_leads"), Some(0.0), "one at a time");
    // Stopped, not dead: the server ends its silent session, and the other leads.
    first.signal("STOP");
    until("the second leads", || {
        second.meter("watchfire_leads") == Some(1.0)
    });
    first.signal("CONT");
    until("the first knows it", || {
        first.meter("watchfire_leads") == Some(0.0)
    });
    nodes.deliver(0, 20);
    nodes.ingested(FEEDS);
    // Done before yesterday: whoever leads forgets it, or the table of jobs grows for ever.
    let old = "INSERT INTO job (kind, key, payload, state, again, run_at, attempts, created_at, finished_at) \
               VALUES ('take-in', 'old', '{}', 'done', false, 0, 1, 0, 0)";
    nodes.sql(old);
    second.kill();
    until("the first leads again", || {
        first.meter("watchfire_leads") == Some(1.0)
    });
    until("old jobs are forgotten", || {
        nodes.sql("SELECT count(*) FROM job WHERE key = 'old'") == "0"
    });
    let young = nodes.sql("SELECT count(*) FROM job WHERE kind = 'take-in' AND state = 'done'");
    assert_ne!(young, "0", "those of today stay");
}
