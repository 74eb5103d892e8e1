//! What a cluster survives: nodes that die, that stand still for longer than their lease, that are cut off from the
//! server, a leader that dies, a server that loses its power, a store that fails, calls that come twice. Many short
//! trials in one long life: after all of them the cluster must hold what one process would that nothing ever happened to.
//!
//! Ten trials usually; two hundred with `WATCHFIRE_LONG=1`, and then some cuts last half a minute.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::wire::{State, Wire};
use super::{FEEDS, Nodes, embedded, same};
use crate::cluster::Cluster;
use crate::faulty_store::{FAULTS as STORE_FAULTS, Proxy};
use crate::serve::{Serving, until};
use crate::stores::{KINDS, Store};

/// What goes wrong in a trial.
#[derive(Clone, Copy, Debug)]
enum Fault {
    KillWorker,
    KillLeader,
    KillServer,
    Twice,
    Freeze,
    /// The store answers 500 or 503, late, or not to the end.
    Store,
    /// A worker's way to the server is cut: what it says waits, or its connections break off.
    Silence,
    Cut,
}

const FAULTS: [Fault; 8] = [
    Fault::KillWorker,
    Fault::Store,
    Fault::Silence,
    Fault::Freeze,
    Fault::KillServer,
    Fault::Cut,
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

/// A worker, and its own wire to the server.
struct Worker {
    serving: Serving,
    wire: Wire,
}

impl Worker {
    fn start(nodes: &Nodes, server: &Cluster) -> Worker {
        let wire = Wire::to(server.address());
        let url = wire.instead_of(&server.address(), nodes.url());
        let node = nodes.node().set("WATCHFIRE__LEDGER__URL", &url);
        Worker {
            serving: Serving::with(&node, &["--role", "worker"]),
            wire,
        }
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
    // Where no store is installed the lake lies in a folder that all reach, and no store fails.
    let store = KINDS.into_iter().rev().find_map(Store::start);
    let proxy = store
        .as_ref()
        .map(|store| Proxy::before(store.port, STORE_FAULTS[0], 0, 7));
    let nodes = match &proxy {
        Some(proxy) => Nodes::new(server).over(&proxy.endpoint(), "trials"),
        None => Nodes::new(server),
    };
    let mut draws = Draws(7);
    let mut leaders = vec![nodes.start("scheduler"), nodes.start("scheduler")];
    let mut workers: Vec<Worker> = (0..2).map(|_| Worker::start(&nodes, server)).collect();
    for trial in 0..trials {
        let fault = FAULTS[trial % FAULTS.len()];
        let failing = proxy.as_ref().filter(|_| matches!(fault, Fault::Store));
        let met = || failing.map_or(0, |proxy| proxy.faulty.load(Ordering::Relaxed));
        let before = met();
        if let Some(proxy) = failing {
            proxy.turn(
                STORE_FAULTS[(trial / FAULTS.len()) % STORE_FAULTS.len()],
                50,
            );
        }
        nodes.deliver(trial, rows);
        // The files are seen after a second or two, and then taken in.
        std::thread::sleep(Duration::from_millis(1000 + draws.below(3000)));
        let at = draws.below(2) as usize;
        // Longer than the lease of four seconds; now and then longer than a lead without a word.
        let away = match long && draws.below(4) == 0 {
            true => Duration::from_secs(30),
            false => Duration::from_secs(7),
        };
        match fault {
            Fault::KillWorker => {
                workers.remove(at).serving.kill();
                workers.push(Worker::start(&nodes, server));
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
            // The others go on without it, and then it wakes up.
            Fault::Freeze => {
                workers[at].serving.signal("STOP");
                std::thread::sleep(away);
                workers[at].serving.signal("CONT");
            }
            Fault::Store => {
                if let Some(proxy) = failing {
                    until("the store failed some times", || met() >= before + 5);
                    proxy.turn(STORE_FAULTS[0], 0);
                }
            }
            // What it said meanwhile arrives late: a commit for work that others have begun anew.
            Fault::Silence => {
                workers[at].wire.turn(State::Silent);
                std::thread::sleep(away);
                workers[at].wire.turn(State::Whole);
            }
            Fault::Cut => {
                workers[at].wire.turn(State::Down);
                std::thread::sleep(away);
                workers[at].wire.turn(State::Whole);
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
    if let Some(proxy) = &proxy {
        let met = proxy.faulty.load(Ordering::Relaxed);
        eprintln!("{met} connections to the store failed");
    }
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
