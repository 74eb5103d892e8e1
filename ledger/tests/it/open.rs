//! Opening: creation, reopening, migration with a copy, refusal of what is newer or something else.

use ledger::{Error, Ledger};
use uuid::Uuid;

use crate::{Backend, Home, archive, fresh, new_report, on_both};

on_both!(
    what_was_written_is_there_after_reopening,
    the_instance_id_is_claimed_once,
    commits_are_synced,
    openers_of_a_new_place_do_not_collide,
    what_is_not_a_ledger_is_refused,
    what_a_key_forbids_is_refused,
    reading_only_refuses_every_change,
    a_newer_database_is_refused_by_name,
);

async fn what_was_written_is_there_after_reopening(on: Backend) {
    let (home, ledger) = fresh(on).await;
    archive(&ledger, "R-1", "feed").await;
    let clone = ledger.clone();
    drop(ledger);
    clone.close().await.unwrap();
    let ledger = home.open().await.unwrap();
    assert_eq!(ledger.report("R-1").await.unwrap().unwrap().feed, "feed");
    let files: Vec<_> = std::fs::read_dir(home.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert!(
        files
            .iter()
            .all(|name| !name.to_string_lossy().contains("bak")),
        "{files:?}"
    );
}

async fn the_instance_id_is_claimed_once(on: Backend) {
    let (home, ledger) = fresh(on).await;
    assert_eq!(ledger.instance_id().await.unwrap(), None);
    let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
    assert_eq!(ledger.claim_instance_id(first).await.unwrap(), first);
    assert_eq!(ledger.claim_instance_id(second).await.unwrap(), first);
    let other = home.open().await.unwrap();
    assert_eq!(other.instance_id().await.unwrap(), Some(first));
}

async fn commits_are_synced(on: Backend) {
    let (home, ledger) = fresh(on).await;
    archive(&ledger, "R-1", "feed").await;
    let expected: &[(&str, &str)] = match on {
        Backend::Sqlite => {
            let log = home.path().join("ledger.db-wal");
            assert!(log.exists(), "the write-ahead log is in use");
            &[
                ("journal_mode", "wal"),
                ("synchronous", "2"),
                ("foreign_keys", "1"),
                ("busy_timeout", "60000"),
            ]
        }
        Backend::Postgres => &[
            ("fsync", "on"),
            ("full_page_writes", "on"),
            ("synchronous_commit", "on"),
            ("server_encoding", "UTF8"),
        ],
    };
    // What the driver is told is what the connection has.
    let found = ledger.durability().await.unwrap();
    for (name, value) in expected {
        let own = found.iter().find(|(own, _)| own == name);
        assert_eq!(own.map(|own| own.1.as_str()), Some(*value), "{name}");
    }
}

async fn openers_of_a_new_place_do_not_collide(on: Backend) {
    let home = std::sync::Arc::new(Home::new(on));
    let tasks: Vec<_> = (0..4)
        .map(|n| {
            let home = std::sync::Arc::clone(&home);
            tokio::spawn(async move {
                let ledger = home.open().await.unwrap();
                let report = new_report(&format!("R-{n}"), "feed", n);
                ledger.archive_report(report).await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let ledger = home.open().await.unwrap();
    assert_eq!(ledger.report_count(&Default::default()).await.unwrap(), 4);
}

async fn reading_only_refuses_every_change(on: Backend) {
    let (home, ledger) = fresh(on).await;
    archive(&ledger, "R-1", "feed").await;
    let reader = home.open_read_only().await.unwrap();
    assert!(reader.report("R-1").await.unwrap().is_some());
    let refused = reader
        .archive_report(new_report("R-2", "feed", 0))
        .await
        .unwrap_err();
    assert_eq!(refused.label(), "read-only");
    let refused = reader.set_setting("key", &1).await.unwrap_err();
    assert!(matches!(&refused, Error::ReadOnly { place } if place == ledger.place()));
    // It sees what is committed later.
    archive(&ledger, "R-2", "feed").await;
    assert!(reader.report("R-2").await.unwrap().is_some());
}

async fn a_newer_database_is_refused_by_name(on: Backend) {
    let (home, ledger) = fresh(on).await;
    let place = ledger.place().to_owned();
    ledger.close().await.unwrap();
    home.meddle("INSERT INTO seaql_migrations VALUES ('m9999_future', 0)")
        .await;
    for refused in [home.open().await, home.open_read_only().await] {
        let refused = refused.unwrap_err();
        assert_eq!(refused.label(), "newer");
        let message = refused.to_string();
        assert!(
            message.contains(&place) && message.contains("m9999_future"),
            "{message}"
        );
    }
}

async fn what_is_not_a_ledger_is_refused(on: Backend) {
    // Another program's database, and those made with the same migration crate.
    let marks = "CREATE TABLE seaql_migrations (version varchar PRIMARY KEY, applied_at bigint)";
    for sql in [
        "CREATE TABLE recipe (name text)".to_owned(),
        marks.to_owned(),
        format!("{marks}; INSERT INTO seaql_migrations VALUES ('m2022_posts', 0)"),
    ] {
        let home = Home::new(on);
        home.meddle(&sql).await;
        for refused in [home.open().await, home.open_read_only().await] {
            assert_eq!(refused.unwrap_err().label(), "not-a-ledger", "{sql}");
        }
        // Left alone: what was there is all there is.
        home.meddle("CREATE TABLE report (id text)").await;
    }
    let home = Home::new(on);
    if on == Backend::Postgres {
        let empty = home.open_read_only().await.unwrap_err();
        assert!(matches!(empty, Error::Outdated { found: 0, .. }), "{empty}");
    }
}

/// The twins of what the ledger does: rows that contradict each other are refused by the database, not
/// only by the code in front of it.
async fn what_a_key_forbids_is_refused(on: Backend) {
    let (home, ledger) = fresh(on).await;
    archive(&ledger, "R-1", "feed").await;
    let tally = "INSERT INTO tally (report_id, feed, day, observable, records) VALUES";
    home.meddle(&format!("{tally} ('R-1', 'feed', 1, 'ip', 1)"))
        .await;
    let home = std::sync::Arc::new(home);
    for (sql, says) in [
        (
            format!("{tally} ('R-2', 'feed', 1, 'ip', 1)"),
            "foreign key",
        ),
        (
            "INSERT INTO counter (name, value) VALUES ('audit', 7)".to_owned(),
            "unique",
        ),
        (
            "INSERT INTO setting (key, json) VALUES ('x', NULL)".to_owned(),
            "null",
        ),
    ] {
        let home = std::sync::Arc::clone(&home);
        let refused = tokio::spawn(async move { home.meddle(&sql).await }).await;
        let panic = refused.unwrap_err().into_panic();
        let message = panic.downcast_ref::<String>().unwrap().to_lowercase();
        assert!(message.contains(says), "{message}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("notes.txt");
    let content = "not a database, only a long enough text ".repeat(100);
    std::fs::write(&text, &content).unwrap();
    assert_eq!(
        Ledger::open(&text).await.unwrap_err().label(),
        "not-a-ledger"
    );
    assert_eq!(std::fs::read_to_string(&text).unwrap(), content);
    let missing = dir.path().join("no/such/ledger.db");
    let refused = Ledger::open(&missing).await.unwrap_err();
    assert!(
        refused.to_string().contains("no/such/ledger.db"),
        "{refused}"
    );
    assert_eq!(
        Ledger::open_read_only(&missing).await.unwrap_err().label(),
        "io"
    );
}

#[tokio::test]
async fn odd_paths_are_taken_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let odd = dir.path().join("file: 100% 工作区?mode=ro#x");
    std::fs::create_dir(&odd).unwrap();
    let path = odd.join("ledger.db");
    let ledger = Ledger::open(&path).await.unwrap();
    assert_eq!(ledger.place(), path.display().to_string());
    assert!(path.exists());
}
