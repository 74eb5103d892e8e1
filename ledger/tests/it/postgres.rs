//! What only a server can do: be away, refuse a password, be killed in the middle, sort by its locale.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ledger::{Ledger, NewAudit, NewJob, Page};
use serde_json::json;

use crate::cluster::{self, Cluster, GUARDED};
use crate::{T0, archive, empty_commit, new_report};

/// Every character that a URL gives a meaning, in hex.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn a_server_that_lets_nobody_in_is_named_without_its_password() {
    let Some(cluster) = cluster::shared() else {
        return;
    };
    let (user, password) = GUARDED;
    let database = cluster.database();
    let name = database.rsplit('/').next().unwrap();
    cluster.sql(name, &format!("GRANT CREATE ON SCHEMA public TO {user}"));
    let at = |password: &str, database: &str| {
        let password = encoded(password);
        format!(
            "postgres://{user}:{password}@{}/{database}",
            cluster.address()
        )
    };
    let ledger = Ledger::connect(&at(password, name)).await.unwrap();
    let place = format!("postgres://{user}@{}/{name}", cluster.address());
    assert_eq!(ledger.place(), place);

    for (url, says) in [
        (at("hunter2", name), "password authentication failed"),
        (at(password, "no_such"), "does not exist"),
        (
            "postgres://duty:hunter2@127.0.0.1:1/fire".to_owned(),
            "cannot be reached",
        ),
    ] {
        for refused in [
            Ledger::connect(&url).await,
            Ledger::connect_read_only(&url).await,
        ] {
            let refused = refused.unwrap_err();
            assert_eq!(refused.label(), "server");
            let message = refused.to_string();
            assert!(message.contains(says), "{message}");
            assert!(message.contains("127.0.0.1:"), "{message}");
            assert!(
                !message.contains("hunter2") && !message.contains(password),
                "{message}"
            );
        }
    }
}

#[tokio::test]
async fn a_database_in_another_encoding_or_set_to_read_only_is_refused() {
    let Some(cluster) = cluster::shared() else {
        return;
    };
    cluster.sql(
        "postgres",
        "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0",
    );
    let refused = Ledger::connect(&cluster.url("latin")).await.unwrap_err();
    assert!(refused.to_string().contains("LATIN1"), "{refused}");
    let url = cluster.database();
    let name = url.rsplit('/').next().unwrap();
    Ledger::connect(&url).await.unwrap();
    cluster.sql(
        "postgres",
        &format!("ALTER DATABASE {name} SET default_transaction_read_only = on"),
    );
    let refused = Ledger::connect(&url).await.unwrap_err();
    assert!(refused.to_string().contains("standby"), "{refused}");
    Ledger::connect_read_only(&url).await.unwrap();
}

/// A commit is durable before it is acknowledged, also where the database was set to the opposite.
#[tokio::test]
async fn a_database_that_acknowledges_early_is_overruled() {
    let Some(cluster) = cluster::shared() else {
        return;
    };
    let url = cluster.database();
    let name = url.rsplit('/').next().unwrap();
    let set = |value: &str| {
        let sql = format!("ALTER DATABASE {name} SET synchronous_commit = {value}");
        cluster.sql("postgres", &sql);
    };
    for (value, expected) in [("off", "on"), ("remote_apply", "remote_apply")] {
        set(value);
        let ledger = Ledger::connect(&url).await.unwrap();
        let found = ledger.durability().await.unwrap();
        let own = found.iter().find(|(name, _)| name == "synchronous_commit");
        assert_eq!(own.unwrap().1, expected);
    }
}

#[tokio::test]
async fn lists_sort_by_bytes_whatever_the_locale() {
    let Some(cluster) = cluster::shared() else {
        return;
    };
    // ICU sorts `a` before `B` and `é` before `z`.
    cluster.sql(
        "postgres",
        "CREATE DATABASE sorted LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C.UTF-8' TEMPLATE template0",
    );
    let url = cluster.url("sorted");
    let ledger = Ledger::connect(&url).await.unwrap();
    for name in ["é", "a", "B", "z"] {
        ledger.set_setting(name, &1).await.unwrap();
    }
    let stored = ledger.settings("").await.unwrap();
    let names: Vec<&str> = stored.iter().map(|row| row.key.as_str()).collect();
    assert_eq!(names, ["B", "a", "z", "é"]);
    let loose = cluster.sql(
        "sorted",
        "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public' \
         AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'",
    );
    assert_eq!(loose, "0");
    let natural = cluster.sql(
        "sorted",
        "SELECT string_agg(x, '' ORDER BY x) FROM (VALUES ('a'), ('B')) v(x)",
    );
    assert_eq!(natural, "aB", "the locale of the database is another");
}

/// Transactions take turns over processes: numbers come without gaps, each with its own row.
#[tokio::test]
async fn counters_are_right_over_several_connections() {
    let Some(cluster) = cluster::shared() else {
        return;
    };
    let url = cluster.database();
    let one = Ledger::connect(&url).await.unwrap();
    let two = Ledger::connect(&url).await.unwrap();
    for n in 0..40 {
        archive(&one, &format!("R-{n}"), "feed").await;
    }
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let ledger = if task % 2 == 0 {
                one.clone()
            } else {
                two.clone()
            };
            tokio::spawn(async move {
                let mut snapshots = Vec::new();
                for n in 0..5 {
                    let commit = empty_commit(&format!("R-{}", task * 5 + n), 1);
                    snapshots.push(ledger.commit_ingest(commit).await.unwrap());
                    let entry = NewAudit {
                        actor: format!("task {task}"),
                        action: "test.count".to_owned(),
                        object: format!("{n}"),
                        detail: json!({}),
                    };
                    ledger.append_audit(entry, T0).await.unwrap();
                }
                snapshots
            })
        })
        .collect();
    let mut snapshots = Vec::new();
    for task in tasks {
        snapshots.extend(task.await.unwrap());
    }
    snapshots.sort_unstable();
    assert_eq!(snapshots, (1..=40).collect::<Vec<i64>>());
    assert_eq!(one.current_snapshot().await.unwrap(), 40);
    assert_eq!(two.verify_audit().await.unwrap(), 40);
}

/// The server dies as in a power cut while eight tasks commit, twice. What was acknowledged is there,
/// once; what was not can be asked for again, and then is there once too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_loses_nothing_and_doubles_nothing() {
    const TASKS: usize = 8;
    const EACH: usize = 40;
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let url = cluster.database();
    let ledger = Ledger::connect(&url).await.unwrap();
    let acknowledged = Arc::new(std::sync::Mutex::new(Vec::new()));
    let interrupted = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let ledger = ledger.clone();
            let acknowledged = Arc::clone(&acknowledged);
            let interrupted = Arc::clone(&interrupted);
            tokio::spawn(async move {
                for n in 0..EACH {
                    let id = format!("R-{task}-{n}");
                    // As the pipeline does: ask again until it is acknowledged.
                    loop {
                        let done = async {
                            let new = new_report(&id, "feed", T0);
                            ledger.archive_report(new).await?;
                            let mut commit = empty_commit(&id, 1);
                            commit.job = Some(NewJob {
                                kind: "triage".to_owned(),
                                key: id.clone(),
                                payload: "{}".to_owned(),
                                run_at: 0,
                            });
                            ledger.commit_ingest(commit).await
                        };
                        match done.await {
                            Ok(snapshot) => {
                                let mut done = acknowledged.lock().unwrap();
                                done.push((id, snapshot));
                                break;
                            }
                            Err(error) => {
                                assert_eq!(error.label(), "connection-lost", "{error}");
                                assert!(!error.is_fatal());
                                interrupted.store(true, Ordering::Relaxed);
                                tokio::time::sleep(Duration::from_millis(20)).await;
                            }
                        }
                    }
                }
            })
        })
        .collect();
    for share in [TASKS * EACH / 4, TASKS * EACH / 2] {
        while acknowledged.lock().unwrap().len() < share {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let before = acknowledged.lock().unwrap().clone();
        tokio::task::block_in_place(|| {
            cluster.kill();
            cluster.begin();
        });
        // Looked at past the ledger, while the tasks go on.
        let database = url.rsplit('/').next().unwrap();
        let stored = cluster.sql(
            database,
            "SELECT report_id || ' ' || lake_snapshot FROM ingest",
        );
        let stored: BTreeSet<&str> = stored.lines().collect();
        for (id, snapshot) in before {
            assert!(
                stored.contains(format!("{id} {snapshot}").as_str()),
                "{id} is lost"
            );
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert!(
        interrupted.load(Ordering::Relaxed),
        "the server was killed in the middle"
    );
    let done = acknowledged.lock().unwrap().clone();
    assert_eq!(done.len(), TASKS * EACH);
    let numbers: BTreeSet<i64> = done.iter().map(|(_, snapshot)| *snapshot).collect();
    assert_eq!(
        numbers,
        (1..=(TASKS * EACH) as i64).collect(),
        "none is doubled or left out"
    );
    let stored = ledger.snapshots(Page::ALL).await.unwrap();
    assert_eq!(stored.len(), TASKS * EACH);
    assert_eq!(
        ledger.job_counts().await.unwrap().queued as usize,
        TASKS * EACH
    );
    for (id, snapshot) in done {
        let report = ledger.report(&id).await.unwrap().unwrap();
        assert_eq!(
            (report.generation, report.lake_snapshot),
            (1, Some(snapshot))
        );
    }
}
