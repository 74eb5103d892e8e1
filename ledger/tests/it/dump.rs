//! A ledger read at one moment and loaded elsewhere, on either database: the same to the byte.

use ledger::incident::{Join, Triage};
use ledger::{Error, Hash, Ledger, NewToken};
use model::newsroom::{AccountRole, Right};
use model::reject::{Reject, RejectReason};

use crate::making::new_incident;
use crate::{Backend, SECOND, T0, archive, cluster, empty_commit, fresh, on_both};

on_both!(
    a_dump_holds_every_row_and_loads_into_both_databases,
    what_is_not_whole_or_not_empty_is_refused,
    a_loaded_ledger_goes_on_counting,
);

/// Rows of many tables: text, numbers beyond 32 bits, bytes of every value, nothing at all.
async fn filled(ledger: &Ledger) {
    archive(ledger, "R-1", "a").await;
    let mut commit = empty_commit("R-1", 1);
    commit.rejects = vec![Reject {
        line: 7,
        offset: 1 << 40,
        reason: RejectReason::Syntax,
        message: "quotes \" and 汉字\nand lines".to_owned(),
        raw: (0..=255).collect(),
        raw_len: 256,
        raw_hash: [7; 32],
    }];
    commit.totals.rejects = 1;
    commit.totals.rows = 1;
    ledger.commit_ingest(commit).await.unwrap();
    let one = new_incident(1, "phishing-host", "login.example.test");
    let join = Join {
        incident: one.id,
        event: [9; 16],
        day: 19_366,
        observed_at: T0,
    };
    let found = Triage {
        opened: vec![one, new_incident(2, "phishing-host", "other.example.test")],
        joined: vec![join],
        mark: None,
    };
    ledger
        .commit_triage(found, "phishing-host", "ann", T0)
        .await
        .unwrap();
    let by = ledger.actor("ann", Right::Administer, 0).await.unwrap();
    let roles = [AccountRole::Administrator];
    ledger
        .set_account(&by, ("ann", "安", &roles, true), T0)
        .await
        .unwrap();
    token(ledger, "first").await.unwrap();
}

async fn token(ledger: &Ledger, name: &str) -> ledger::Result<i64> {
    let new = NewToken {
        name: name.to_owned(),
        hash: Hash::of(name.as_bytes()),
        feed: None,
    };
    ledger.add_token(new, "ann", T0 + SECOND).await
}

async fn dump(ledger: &Ledger) -> Vec<u8> {
    let mut out = Vec::new();
    ledger.dump(&mut out).await.unwrap();
    out
}

async fn a_dump_holds_every_row_and_loads_into_both_databases(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    filled(&ledger).await;
    let mut first = Vec::new();
    let dumped = ledger.dump(&mut first).await.unwrap();
    let text = String::from_utf8(first.clone()).unwrap();
    let rows = text.lines().filter(|line| line.starts_with('[')).count();
    assert_eq!(dumped.rows, rows as u64);
    for table in [
        "report",
        "reject",
        "incident",
        "incident_event",
        "audit",
        "account",
        "token",
    ] {
        let head = format!("{{\"table\":\"{table}\"");
        let after = text
            .split(&head)
            .nth(1)
            .unwrap_or_else(|| panic!("{table}"));
        let next = after.lines().nth(1).unwrap();
        assert!(next.starts_with('['), "{table} has no row: {next}");
    }
    let mut targets = vec![Backend::Sqlite];
    targets.extend(cluster::shared().map(|_| Backend::Postgres));
    for target in targets {
        let (_other, other) = fresh(target).await;
        let loaded = other.load(&mut first.as_slice()).await.unwrap();
        assert_eq!(loaded, dumped, "{on:?} to {target:?}");
        let again = dump(&other).await;
        assert!(again == first, "{on:?} to {target:?}: other bytes");
        assert!(other.verify_audit().await.unwrap() > 0);
    }
}

async fn what_is_not_whole_or_not_empty_is_refused(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    filled(&ledger).await;
    let whole = dump(&ledger).await;
    let (_other, other) = fresh(on).await;
    let before = dump(&other).await;
    let text = String::from_utf8(whole.clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let without = |at: usize| {
        let mut left = lines.clone();
        left.remove(at);
        left.join("\n")
    };
    let row = lines
        .iter()
        .rposition(|line| line.starts_with('['))
        .unwrap();
    let broken = [
        ("cut off", lines[..lines.len() - 1].join("\n")),
        ("a row less", without(row)),
        (
            "another version",
            text.replacen("\"watchfire_ledger\":", "\"watchfire_ledger\":9", 1),
        ),
        (
            "another table",
            text.replacen("\"table\":\"report\"", "\"table\":\"reports\"", 1),
        ),
        (
            "another column",
            text.replacen("[\"feed\",\"text\"]", "[\"feed\",\"blob\"]", 1),
        ),
        ("nothing", String::new()),
    ];
    for (what, dump) in broken {
        let refused = other.load(&mut dump.as_bytes()).await;
        assert!(
            matches!(refused, Err(Error::Conflict { .. })),
            "{what}: {refused:?}"
        );
    }
    assert!(
        dump(&other).await == before,
        "a refused load leaves nothing"
    );
    let used = ledger.load(&mut whole.as_slice()).await;
    assert!(matches!(used, Err(Error::Conflict { .. })), "{used:?}");
    assert!(dump(&ledger).await == whole, "and takes nothing");
}

async fn a_loaded_ledger_goes_on_counting(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    filled(&ledger).await;
    let last = token(&ledger, "second").await.unwrap();
    let whole = dump(&ledger).await;
    let (_other, other) = fresh(on).await;
    other.load(&mut whole.as_slice()).await.unwrap();
    assert_eq!(token(&other, "third").await.unwrap(), last + 1);
    archive(&other, "R-2", "a").await;
    other.commit_ingest(empty_commit("R-2", 1)).await.unwrap();
}
