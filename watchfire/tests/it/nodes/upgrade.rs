//! A rolling upgrade: nodes go on beside a ledger that a later version has added to, and are not started anew on it.

use super::{FEEDS, Nodes, embedded, same};
use crate::cluster;

/// What a later version would do: add a table, columns with a default, and its mark.
const LATER: [&str; 4] = [
    "CREATE TABLE later_thing (id BIGINT PRIMARY KEY, word TEXT NOT NULL)",
    "ALTER TABLE report ADD COLUMN later_word TEXT NOT NULL DEFAULT 'none'",
    "ALTER TABLE lake_file ADD COLUMN later_number BIGINT NOT NULL DEFAULT 0",
    "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_later', 0)",
];

#[test]
fn nodes_go_on_beside_a_ledger_that_a_later_version_has_added_to() {
    let Some(server) = cluster::shared() else {
        return;
    };
    let nodes = Nodes::new(server);
    let _scheduler = nodes.start("scheduler");
    let _worker = nodes.start("worker");
    nodes.deliver(0, 200);
    nodes.ingested(FEEDS);
    let own = nodes.node();
    for step in LATER {
        nodes.sql(step);
    }
    // Who serves goes on with it: new reports, and none is lost.
    nodes.deliver(1, 200);
    nodes.ingested(2 * FEEDS);
    // Started anew it says which version the ledger wants, and changes nothing.
    for refused in [&["status"][..], &["serve", "--role", "worker"]] {
        let done = own.run(refused);
        assert_ne!(done.code, 0, "{refused:?}");
        done.says("m9999_later");
    }
    nodes.sql("DELETE FROM seaql_migrations WHERE version = 'm9999_later'");
    same(&own, &embedded(2, 200));
    own.run(&["audit", "verify"]).exits(0);
}
