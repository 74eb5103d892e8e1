//! Opening: creation, reopening, migration with a copy, refusal of what is newer or something else.

use ledger::{Error, Ledger};
use sea_orm::{ConnectionTrait, Database};
use uuid::Uuid;

use crate::{archive, fresh, new_report};

/// Runs SQL on the file behind the ledger's back.
async fn meddle(path: &std::path::Path, sql: &str) {
    let db = Database::connect(format!("sqlite://{}?mode=rwc", path.display()))
        .await
        .unwrap();
    db.execute_unprepared(sql).await.unwrap();
    db.close().await.unwrap();
}

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    let (dir, ledger) = fresh().await;
    archive(&ledger, "R-1", "feed").await;
    let clone = ledger.clone();
    drop(ledger);
    clone.close().await.unwrap();
    let ledger = Ledger::open(&dir.path().join("ledger.db")).await.unwrap();
    assert_eq!(ledger.report("R-1").await.unwrap().unwrap().feed, "feed");
    let files: Vec<_> = std::fs::read_dir(dir.path())
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

#[tokio::test]
async fn the_instance_id_is_claimed_once() {
    let (dir, ledger) = fresh().await;
    assert_eq!(ledger.instance_id().await.unwrap(), None);
    let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
    assert_eq!(ledger.claim_instance_id(first).await.unwrap(), first);
    assert_eq!(ledger.claim_instance_id(second).await.unwrap(), first);
    let other = Ledger::open(&dir.path().join("ledger.db")).await.unwrap();
    assert_eq!(other.instance_id().await.unwrap(), Some(first));
}

#[tokio::test]
async fn commits_sync_the_log_and_foreign_keys_hold() {
    let (dir, ledger) = fresh().await;
    archive(&ledger, "R-1", "feed").await;
    assert!(
        dir.path().join("ledger.db-wal").exists(),
        "the write-ahead log is in use"
    );
    // What the driver is told is what the connection has.
    for (pragma, value) in ledger.pragmas().await.unwrap() {
        let expected = match pragma.as_str() {
            "journal_mode" => "wal",
            "synchronous" => "2",
            "foreign_keys" => "1",
            "busy_timeout" => "60000",
            other => panic!("unexpected pragma {other}"),
        };
        assert_eq!(value, expected, "{pragma}");
    }
}

#[tokio::test]
async fn two_openers_of_a_new_file_do_not_collide() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    let tasks: Vec<_> = (0..4)
        .map(|n| {
            let path = path.clone();
            tokio::spawn(async move {
                let ledger = Ledger::open(&path).await.unwrap();
                ledger
                    .archive_report(new_report(&format!("R-{n}"), "feed", n))
                    .await
                    .unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let ledger = Ledger::open(&path).await.unwrap();
    assert_eq!(ledger.report_count(&Default::default()).await.unwrap(), 4);
}

#[tokio::test]
async fn reading_only_refuses_every_change() {
    let (dir, ledger) = fresh().await;
    archive(&ledger, "R-1", "feed").await;
    let path = dir.path().join("ledger.db");
    let reader = Ledger::open_read_only(&path).await.unwrap();
    assert!(reader.report("R-1").await.unwrap().is_some());
    let refused = reader
        .archive_report(new_report("R-2", "feed", 0))
        .await
        .unwrap_err();
    assert_eq!(refused.label(), "read-only");
    let refused = reader.set_setting("key", &1).await.unwrap_err();
    assert!(matches!(refused, Error::ReadOnly { path: named } if named == path));
    // It sees what is committed later.
    archive(&ledger, "R-2", "feed").await;
    assert!(reader.report("R-2").await.unwrap().is_some());
}

#[tokio::test]
async fn a_newer_database_is_refused_by_name() {
    let (dir, ledger) = fresh().await;
    ledger.close().await.unwrap();
    let path = dir.path().join("ledger.db");
    meddle(
        &path,
        "INSERT INTO seaql_migrations VALUES ('m9999_future', 0)",
    )
    .await;
    for refused in [
        Ledger::open(&path).await,
        Ledger::open_read_only(&path).await,
    ] {
        let refused = refused.unwrap_err();
        assert_eq!(refused.label(), "newer");
        let message = refused.to_string();
        assert!(
            message.contains("ledger.db") && message.contains("m9999_future"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn what_is_not_a_ledger_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other.db");
    meddle(&path, "CREATE TABLE recipe (name text)").await;
    assert_eq!(
        Ledger::open(&path).await.unwrap_err().label(),
        "not-a-ledger"
    );
    // Another program's database, made with the same migration crate.
    for marks in ["", "INSERT INTO seaql_migrations VALUES ('m2022_posts', 0)"] {
        let path = dir.path().join(format!("seaql-{}.db", marks.len()));
        let table =
            "CREATE TABLE seaql_migrations (version varchar PRIMARY KEY, applied_at bigint)";
        meddle(&path, &format!("{table}; {marks}")).await;
        assert_eq!(
            Ledger::open(&path).await.unwrap_err().label(),
            "not-a-ledger"
        );
    }
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
    assert_eq!(ledger.path(), path);
    assert!(path.exists());
}
