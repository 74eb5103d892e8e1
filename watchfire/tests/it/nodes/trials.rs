//! What a cluster survives: nodes that die, that stand still for longer than their lease, a leader that dies, a server
//! that loses its power, calls that come twice. Many short trials in one long life: after all of them the cluster must
//! hold what one process would that nothing ever happened to.
//!
//! Ten trials usually; two hundred with `WATCHFIRE_LONG=1`.

use std::time::Duration;

use super::{FEEDS, Nodes, embedded, same};
use crate::cluster::Cluster;
use crate::serve::Serving;

/// What goes wrong in a trial.
#[derive(Clone, Copy, Debug)]
enum Fault {
    KillWorker,
    KillLeader,
    KillServer,
    Twice,
    Freeze,
}

const FAULTS: [Fault; 5] = [
    Fault::KillWorker,
    Fault::Freeze,
    Fault::KillServer,
    Fault::Twice,
    Fault::KillLeader,
];

/// A few bits at a time from a seed, so that a failure can be run again.
struct Draws(u64);

impl Draws {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % most
    }
}

#[test]
fn nothing_is_lost_and_nothing_doubled_whatever_dies() {
    let Some(server) = Cluster::start() else {
        return;
    };
    let server: &'static Cluster = Box::leak(Box::new(server));
    let long = std::env::var("WATCHFIRE_LONG").is_ok_and(|value| value == "1");
    let trials = if long { 200 } else { 10 };
    let rows = 400;
    let nodes = Nodes::new(server);
    let mut draws = Draws(7);
    let mut leaders = vec![nodes.start("scheduler"), nodes.start("scheduler")];
    let mut workers: Vec<Serving> = (0..2).map(|_| nodes.start("worker")).collect();
    for trial in 0..trials {
        nodes.deliver(trial, rows);
        // The files are seen after a second or two, and then taken in.
        std::thread::sleep(Duration::from_millis(1000 + draws.below(3000)));
        let fault = FAULTS[trial % FAULTS.len()];
        let at = draws.below(2) as usize;
        match fault {
            Fault::KillWorker => {
                workers.remove(at).kill();
                workers.push(nodes.start("worker"));
            }
            Fault::KillLeader => {
                leaders.remove(at).kill();
                leaders.push(nodes.start("scheduler"));
            }
            Fault::KillServer => {
                server.kill();
                std::thread::sleep(Duration::from_millis(draws.below(1500)));
                server.begin();
            }
            // The same calls once more, past every key, to whoever is free.
            Fault::Twice => {
                for feed in 0..FEEDS {
                    nodes.sql(&format!(
                        "SELECT watchfire_jobs.add_job('take-in', '{{\"key\": \"f{feed}\"}}')"
                    ));
                }
            }
            // Longer than the lease of four seconds: the others go on without it, and then it wakes up.
            Fault::Freeze => {
                workers[at].signal("STOP");
                std::thread::sleep(Duration::from_secs(7));
                workers[at].signal("CONT");
            }
        }
        if trial % 5 == 4 {
            nodes.ingested((trial + 1) * FEEDS);
        }
        eprintln!("trial {trial}: {fault:?}");
    }
    nodes.ingested(trials * FEEDS);
    let own = nodes.node();
    same(&own, &embedded(trials, rows));
    // What nodes had staged that lost their work is nobody's.
    own.run(&["lake", "compact"]).exits(0);
    own.run(&["lake", "check"]).exits(0);
    own.run(&["audit", "verify"]).exits(0);
}

/// The twin: without the fence the one that wakes up late would be believed.
#[test]
fn a_number_that_was_taken_since_commits_nothing() {
    let Some(server) = Cluster::start() else {
        return;
    };
    let server: &'static Cluster = Box::leak(Box::new(server));
    let nodes = Nodes::new(server);
    let scheduler = nodes.start("scheduler");
    // The number that a worker takes first for a feed is taken away as it takes it, as another node would:
    // by the database itself, for no test can be sure to come between a worker's first and last step.
    nodes.sql(
        "CREATE FUNCTION taken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         UPDATE fence SET number = number + 1 WHERE name = NEW.name; RETURN NULL; END $$",
    );
    nodes.sql(
        "CREATE TRIGGER taken AFTER INSERT ON fence FOR EACH ROW \
         WHEN (NEW.name LIKE 'feed %') EXECUTE FUNCTION taken()",
    );
    nodes.deliver(0, 2000);
    let worker = nodes.start("worker");
    nodes.ingested(FEEDS);
    let log = worker.log();
    for feed in 0..FEEDS {
        let refused = log.lines().any(|line| {
            line.contains("another node took it over") && line.contains(&format!("f{feed}"))
        });
        assert!(refused, "f{feed} was refused once:\n{log}");
    }
    same(&nodes.node(), &embedded(1, 2000));
    drop(scheduler);
}
