//! Who may what over all nodes: commands that change the whole, the switch that stops all sending, arming.

use std::time::{Duration, Instant};

use super::{FEEDS, Nodes, embedded, same};
use crate::cluster;
use crate::respond::{self, Post};
use crate::serve::until;

#[test]
fn a_command_that_changes_the_whole_keeps_nodes_out_meanwhile() {
    let Some(server) = cluster::shared() else {
        return;
    };
    let nodes = Nodes::new(server);
    let _scheduler = nodes.start("scheduler");
    let _worker = nodes.start("worker");
    let own = nodes.node();
    for round in 0..3 {
        nodes.deliver(round, 200);
        std::thread::sleep(Duration::from_millis(1500));
        own.run(&["lake", "compact"]).exits(0);
    }
    nodes.ingested(3 * FEEDS);
    own.run(&["lake", "compact"]).exits(0);
    own.run(&["lake", "check"]).exits(0);
    same(&own, &embedded(3, 200));
}

#[test]
fn what_was_given_up_is_listed_and_put_back_to_work() {
    let Some(server) = cluster::shared() else {
        return;
    };
    let nodes = Nodes::new(server);
    let own = nodes.node();
    own.run(&["status"]).exits(0);
    nodes.sql(
        "INSERT INTO job (kind, key, payload, state, again, run_at, attempts, last_error, created_at, finished_at) \
         VALUES ('take-in', 'f0', '{}', 'failed', false, 0, 9, 'broke', 0, 1)",
    );
    let listed = own
        .run(&["--json", "jobs", "list", "--state", "failed"])
        .exits(0)
        .json();
    let id = listed[0]["id"].to_string();
    own.run(&["jobs", "show", &id]).exits(0).prints("broke");
    own.run(&["doctor"])
        .prints("watchfire jobs list --state failed");
    own.run(&["jobs", "replay", &id])
        .exits(0)
        .says("is due again");
    own.run(&["jobs", "replay", &id])
        .exits(1)
        .says("was not given up");
    let _scheduler = nodes.start("scheduler");
    let _worker = nodes.start("worker");
    until("it is done", || {
        nodes.sql(&format!("SELECT state FROM job WHERE id = {id}")) == "done"
    });
}

#[test]
fn nodes_of_one_cluster_are_one_instance_and_a_copied_database_is_another() {
    let Some(server) = cluster::shared() else {
        return;
    };
    let nodes = Nodes::new(server);
    let (one, other) = (nodes.node(), nodes.node());
    let one = one.set("WATCHFIRE__SERVE__ROLE", "worker");
    let other = other.set("WATCHFIRE__SERVE__ROLE", "console");
    let armed = |bench: &crate::run::Bench| bench.run(&["--json", "notices", "status"]).stdout;
    one.run(&["notices", "arm", "--reason", "the test"])
        .exits(0);
    assert_eq!(
        armed(&one),
        armed(&other),
        "what one node armed the others are"
    );
    let copy = server.copy(nodes.url());
    let third = nodes
        .node()
        .set("WATCHFIRE__SERVE__ROLE", "worker")
        .set("WATCHFIRE__LEDGER__URL", &copy);
    assert_ne!(armed(&third), armed(&one), "a copy is armed by nobody");
}

/// Waits as long as a round may look at sites before the next one sends.
#[track_caller]
pub(super) fn until_late(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(
            begun.elapsed() < Duration::from_secs(180),
            "{what} did not come about"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    eprintln!("{what}: {} s", begun.elapsed().as_secs());
}

#[test]
fn the_switch_stops_every_node_and_no_notice_goes_out_twice() {
    let Some(server) = cluster::shared() else {
        return;
    };
    let post = Post::slow(Duration::from_millis(700));
    let nodes = Nodes::with(server, respond::configuration(post.at));
    let own = nodes.node().set("WATCHFIRE__SERVE__ROLE", "console");
    respond::prepare(&own);
    let _scheduler = nodes.start("scheduler");
    let mut workers = vec![nodes.start("worker"), nodes.start("worker")];
    let taken = || post.taken.lock().expect("nobody panics with it").len();
    until("some notices are out", || taken() >= 3);
    own.run(&["notices", "stop", "--reason", "wrong template"])
        .exits(0);
    std::thread::sleep(Duration::from_secs(5));
    let after = taken();
    assert!(after < 15, "{after} went out in spite of the switch");
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(taken(), after, "nothing leaves any node five seconds later");
    own.run(&["notices", "resume", "--reason", "mended"])
        .exits(0);
    // A node that sends dies, another that took over stands still for longer than its lease.
    until_late("it goes on", || taken() > after + 2);
    workers.remove(0).kill();
    workers.push(nodes.start("worker"));
    until_late("it goes on after a death", || taken() > after + 5);
    workers[0].signal("STOP");
    std::thread::sleep(Duration::from_secs(14));
    workers[0].signal("CONT");
    until_late("all are out", || post.ids().len() == 21);
    until_late("all are stored as sent", || {
        nodes.sql("SELECT count(*) FROM notice WHERE state <> 'sent'") == "0"
    });
    std::thread::sleep(Duration::from_secs(2));
    let ids = post.ids();
    let mails = taken();
    for (to, mut ids) in ids {
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 1, "{to} got mails under several names");
    }
    // Whoever was killed or stopped between the other side's word and ours leaves it open whether the mail came: at
    // most one each is sent again, under the same Message-ID (docs/cluster.md).
    assert!(mails <= 23, "{mails} mails for 21 notices");
}
