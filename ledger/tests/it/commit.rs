//! The commit: all or nothing, once.

use ledger::{
    IngestCommit, LakeCommit, LakeFileKind, NewJob, NewTally, RejectFilter, Scope, TallyBy, Totals,
};

use crate::{Backend, T0, archive, empty_commit, fresh, ids, new_report, on_both, part, reject};

on_both!(
    a_commit_does_all_of_it,
    committing_again_changes_nothing,
    concurrent_commits_of_the_same_report_make_one_snapshot,
    a_batch_is_one_snapshot,
    one_bad_report_undoes_the_batch,
    generations_follow_each_other,
    a_replay_adds_beside_what_is_there,
    compaction_on_an_old_manifest_is_refused,
    an_abandoned_commit_is_all_or_nothing,
);

fn full(report: &str, generation: i32) -> IngestCommit {
    IngestCommit {
        format: Some("csv".to_owned()),
        schema_version: Some("7".to_owned()),
        snapshot_at: Some(T0 - 1),
        totals: Totals {
            rows: 10,
            events: 6,
            duplicates: 3,
            rejects: 1,
        },
        rejects: vec![reject(4, b"bad line")],
        tallies: vec![
            NewTally {
                day: 19_366,
                observable: "url".to_owned(),
                tag: None,
                records: 9,
            },
            NewTally {
                day: 19_366,
                observable: "url".to_owned(),
                tag: Some("high".to_owned()),
                records: 4,
            },
        ],
        add: vec![
            part(report, generation, 19_366),
            part(report, generation, 19_367),
        ],
        job: Some(NewJob {
            kind: "triage".to_owned(),
            key: report.to_owned(),
            payload: "{}".to_owned(),
            run_at: 0,
        }),
        ..empty_commit(report, generation)
    }
}

async fn a_commit_does_all_of_it(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    archive(&ledger, "R-1", "feed").await;
    assert_eq!(ledger.commit_ingest(full("R-1", 1)).await.unwrap(), 1);
    let report = ledger.report("R-1").await.unwrap().unwrap();
    assert_eq!((report.generation, report.lake_snapshot), (1, Some(1)));
    assert_eq!(
        (
            report.rows,
            report.events,
            report.duplicates,
            report.rejects
        ),
        (10, 6, 3, 1)
    );
    assert_eq!(report.format.as_deref(), Some("csv"));
    assert_eq!(report.schema_version.as_deref(), Some("7"));
    assert_eq!(
        (report.snapshot_at, report.ingested_at),
        (Some(T0 - 1), Some(T0 + 1))
    );
    assert_eq!(
        ledger.rejects(&Default::default(), 10).await.unwrap().len(),
        1
    );
    let sums = ledger.tally(0..30_000, None, TallyBy::FEED).await.unwrap();
    assert_eq!((sums.len(), sums[0].records), (1, 9));
    let live = ledger
        .live_files(Some(1), Some(LakeFileKind::Part), None)
        .await
        .unwrap();
    assert_eq!(
        live.iter()
            .map(|file| (file.day, file.added))
            .collect::<Vec<_>>(),
        [(19_366, 1), (19_367, 1)]
    );
    let snapshot = ledger.snapshot(1).await.unwrap().unwrap();
    assert_eq!(
        (snapshot.reason.as_str(), snapshot.reports, snapshot.added),
        ("ingest", 1, 2)
    );
    let totals = ledger.lake_totals().await.unwrap();
    assert_eq!((totals.files, totals.rows, totals.bytes), (2, 10, 200));
    assert_eq!(totals.last_observed_at, Some(T0 + crate::SECOND));
    assert_eq!(ledger.job_counts().await.unwrap().queued, 1);
}

async fn committing_again_changes_nothing(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    archive(&ledger, "R-1", "feed").await;
    archive(&ledger, "R-2", "feed").await;
    assert_eq!(ledger.commit_ingest(full("R-1", 1)).await.unwrap(), 1);
    assert_eq!(ledger.commit_ingest(full("R-2", 1)).await.unwrap(), 2);
    let before = ledger.report("R-1").await.unwrap();
    let mut again = full("R-1", 1);
    again.totals.rows = 99;
    again.now += 1000;
    assert_eq!(ledger.commit_ingest(again).await.unwrap(), 1);
    assert_eq!(ledger.report("R-1").await.unwrap(), before);
    assert_eq!(ledger.current_snapshot().await.unwrap(), 2);
    assert_eq!(ledger.reject_count(&Default::default()).await.unwrap(), 2);
    assert_eq!(
        ledger.tally(0..30_000, None, TallyBy::TAG).await.unwrap()[0].records,
        8
    );
    assert_eq!(ledger.live_files(None, None, None).await.unwrap().len(), 4);
    assert_eq!(ledger.job_counts().await.unwrap().queued, 2);
}

async fn concurrent_commits_of_the_same_report_make_one_snapshot(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    archive(&ledger, "R-1", "feed").await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let ledger = ledger.clone();
            tokio::spawn(async move { ledger.commit_ingest(full("R-1", 1)).await.unwrap() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 1);
    }
    assert_eq!(ledger.current_snapshot().await.unwrap(), 1);
    assert_eq!(ledger.reject_count(&Default::default()).await.unwrap(), 1);
}

async fn a_batch_is_one_snapshot(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    let names: Vec<String> = (0..300).map(|n| format!("R-{n}")).collect();
    let new = names.iter().map(|id| new_report(id, "feed", T0)).collect();
    ledger.archive_reports(new).await.unwrap();
    let mut batch: Vec<IngestCommit> = names.iter().map(|id| full(id, 1)).collect();
    batch[0].add.push(ids(19_366, "shared"));
    assert_eq!(
        ledger.commit_ingests(batch.clone()).await.unwrap(),
        vec![1; 300]
    );
    let snapshot = ledger.snapshot(1).await.unwrap().unwrap();
    assert_eq!(
        (snapshot.reports, snapshot.added, snapshot.removed),
        (300, 601, 0)
    );
    assert_eq!(
        ledger.report_totals(&Default::default()).await.unwrap()[0].events,
        1800
    );
    // The same batch again, and a part of it.
    assert_eq!(
        ledger.commit_ingests(batch.clone()).await.unwrap(),
        vec![1; 300]
    );
    batch.truncate(2);
    assert_eq!(ledger.commit_ingests(batch.clone()).await.unwrap(), [1, 1]);
    // A mixture is refused.
    ledger
        .archive_report(new_report("R-new", "feed", T0))
        .await
        .unwrap();
    batch.push(full("R-new", 1));
    let refused = ledger.commit_ingests(batch).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("report R-0: was committed before"),
        "{refused}"
    );
    assert_eq!(ledger.current_snapshot().await.unwrap(), 1);
    assert!(ledger.commit_ingests(Vec::new()).await.unwrap().is_empty());
    let twice = vec![full("R-new", 1), full("R-new", 1)];
    assert_eq!(
        ledger.commit_ingests(twice).await.unwrap_err().label(),
        "conflict"
    );
}

async fn one_bad_report_undoes_the_batch(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    archive(&ledger, "R-1", "feed").await;
    let unknown = ledger
        .commit_ingests(vec![full("R-1", 1), full("R-2", 1)])
        .await
        .unwrap_err();
    assert_eq!(unknown.to_string(), "report R-2: not found");
    assert_eq!(ledger.report("R-1").await.unwrap().unwrap().generation, 0);
    assert_eq!(ledger.current_snapshot().await.unwrap(), 0);
    assert!(
        ledger
            .live_files(None, None, None)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(ledger.job_counts().await.unwrap().queued, 0);
    // The number was not used up.
    assert_eq!(ledger.commit_ingest(full("R-1", 1)).await.unwrap(), 1);
}

async fn generations_follow_each_other(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    archive(&ledger, "R-1", "feed").await;
    let early = ledger.commit_ingest(full("R-1", 2)).await.unwrap_err();
    assert!(
        early
            .to_string()
            .contains("generation 2 cannot be committed after 0"),
        "{early}"
    );
    ledger.commit_ingest(full("R-1", 1)).await.unwrap();

    let forgetful = ledger.commit_ingest(full("R-1", 2)).await.unwrap_err();
    assert!(
        forgetful
            .to_string()
            .contains("leaves day=19366/R-1-g1.parquet in the lake"),
        "{forgetful}"
    );
    let mut again = full("R-1", 2);
    let old = ledger.files_of_report("R-1").await.unwrap();
    again.remove = old.into_iter().map(|file| file.path).collect();
    again.tallies.truncate(1);
    again.tallies[0].records = 11;
    assert_eq!(ledger.commit_ingest(again).await.unwrap(), 2);
    // The old snapshot still reads the old files.
    let paths = async |snapshot| {
        let files = ledger
            .live_files(snapshot, None, Some(19_366..19_367))
            .await
            .unwrap();
        files.into_iter().map(|file| file.path).collect::<Vec<_>>()
    };
    assert_eq!(paths(Some(1)).await, ["day=19366/R-1-g1.parquet"]);
    assert_eq!(paths(Some(2)).await, ["day=19366/R-1-g2.parquet"]);
    assert_eq!(paths(None).await, ["day=19366/R-1-g2.parquet"]);
    assert!(paths(Some(0)).await.is_empty());
    // Tallies and rejects are those of the new reading.
    assert_eq!(
        ledger.tally(0..30_000, None, TallyBy::FEED).await.unwrap()[0].records,
        11
    );
    assert!(
        ledger
            .tally(0..30_000, None, TallyBy::TAG)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(ledger.reject_count(&Default::default()).await.unwrap(), 1);
    // The first generation is still known as committed.
    assert_eq!(ledger.commit_ingest(full("R-1", 1)).await.unwrap(), 1);
}

async fn a_replay_adds_beside_what_is_there(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    archive(&ledger, "R-1", "feed").await;
    ledger.commit_ingest(full("R-1", 1)).await.unwrap();
    let mut replay = full("R-1", 2);
    replay.scope = Scope::Addition;
    replay.rejects.clear();
    replay.tallies.truncate(1);
    replay.tallies[0].records = 1;
    replay.replayed = vec![ledger.rejects(&Default::default(), 1).await.unwrap()[0].id];
    replay.totals = Totals {
        rows: 10,
        events: 7,
        duplicates: 3,
        rejects: 0,
    };
    assert_eq!(ledger.commit_ingest(replay).await.unwrap(), 2);
    assert_eq!(ledger.live_files(None, None, None).await.unwrap().len(), 4);
    assert_eq!(
        ledger.tally(0..30_000, None, TallyBy::FEED).await.unwrap()[0].records,
        10
    );
    assert_eq!(ledger.report("R-1").await.unwrap().unwrap().events, 7);
}

async fn compaction_on_an_old_manifest_is_refused(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    archive(&ledger, "R-1", "feed").await;
    ledger.commit_ingest(full("R-1", 1)).await.unwrap();
    let change = |remove: &[&str], add: &str| LakeCommit {
        reason: "compaction".to_owned(),
        add: vec![ids(19_366, add)],
        remove: remove.iter().map(|path| (*path).to_owned()).collect(),
        members: Vec::new(),
        job: None,
        now: T0,
    };
    let (first, second) = ("day=19366/R-1-g1.parquet", "day=19367/R-1-g1.parquet");
    assert_eq!(ledger.commit_lake(change(&[first], "a")).await.unwrap(), 2);
    let stale = ledger
        .commit_lake(change(&[second, first], "b"))
        .await
        .unwrap_err();
    assert!(
        stale
            .to_string()
            .starts_with(&format!("lake file {first}: is not in the current")),
        "{stale}"
    );
    let twice = ledger
        .commit_lake(change(&[second, second], "b"))
        .await
        .unwrap_err();
    assert_eq!(
        twice.to_string(),
        "lake files: the same path is to be removed twice"
    );
    let taken = ledger.commit_lake(change(&[], "a")).await.unwrap_err();
    assert!(
        taken.to_string().contains("is in the manifest already"),
        "{taken}"
    );
    assert_eq!(ledger.current_snapshot().await.unwrap(), 2);
    assert_eq!(ledger.live_files(None, None, None).await.unwrap().len(), 2);
}

/// A commit that is given up at any point of waiting has happened as a whole or not at all, and the
/// connection it used is fit for the next.
async fn an_abandoned_commit_is_all_or_nothing(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    let mut expected = 0;
    for n in 0..60 {
        let id = format!("R-{n}");
        archive(&ledger, &id, "feed").await;
        let task = tokio::spawn({
            let (ledger, commit) = (ledger.clone(), full(&id, 1));
            async move { ledger.commit_ingest(commit).await }
        });
        for _ in 0..n {
            tokio::time::sleep(std::time::Duration::from_micros(20)).await;
        }
        task.abort();
        let _ = task.await;
        // The COMMIT may be on its way: the next transaction waits for its turn until that is over.
        ledger.clear_staged_rejects(&id).await.unwrap();
        let report = ledger.report(&id).await.unwrap().unwrap();
        let done = report.generation == 1;
        expected += i64::from(done);
        let of_report = RejectFilter {
            report: Some(id.clone()),
            ..Default::default()
        };
        let rejects = ledger.reject_count(&of_report).await.unwrap();
        let files = ledger.files_of_report(&id).await.unwrap().len();
        let snapshot = ledger.current_snapshot().await.unwrap();
        let found = (rejects, files, snapshot);
        assert_eq!(
            found,
            if done {
                (1, 2, expected)
            } else {
                (0, 0, expected)
            }
        );
        let again = ledger.commit_ingest(full(&id, 1)).await.unwrap();
        expected += i64::from(!done);
        assert_eq!(again, expected);
    }
    assert_eq!(ledger.lake_totals().await.unwrap().files, 120);
}
