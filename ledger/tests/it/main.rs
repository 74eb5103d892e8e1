//! The ledger's tests, on a database in a temporary folder.

#![allow(clippy::unwrap_used, missing_docs)]

mod audit;
mod blob;
mod commit;
mod issue;
mod job;
mod manifest;
mod open;
mod profile;
mod reject;
mod report;
mod retention;
mod tables;
mod token;

use ledger::{Hash, IngestCommit, LakeFileKind, Ledger, NewLakeFile, NewReport, ReportKind};
use model::reject::{Reject, RejectReason};
use tempfile::TempDir;

/// 2023-01-09T00:00:00Z.
const T0: i64 = 1_673_222_400_000_000;
const SECOND: i64 = 1_000_000;

/// A ledger of its own; the folder lives as long as the returned guard.
async fn fresh() -> (TempDir, Ledger) {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&dir.path().join("ledger.db")).await.unwrap();
    (dir, ledger)
}

fn new_report(id: &str, feed: &str, received_at: i64) -> NewReport {
    NewReport {
        id: id.to_owned(),
        feed: feed.to_owned(),
        kind: ReportKind::Feed,
        origin: format!("{id}.csv"),
        blob: Hash::of(id.as_bytes()),
        bytes: 10,
        received_at,
        snapshot_at: None,
    }
}

async fn archive(ledger: &Ledger, id: &str, feed: &str) {
    assert!(
        ledger
            .archive_report(new_report(id, feed, T0))
            .await
            .unwrap()
            .inserted
    );
}

fn part(report: &str, generation: i32, day: i32) -> NewLakeFile {
    NewLakeFile {
        path: format!("day={day}/{report}-g{generation}.parquet"),
        kind: LakeFileKind::Part,
        day,
        feed: Some("feed".to_owned()),
        report_id: Some(report.to_owned()),
        generation,
        rows: 5,
        bytes: 100,
        min_observed_at: Some(T0),
        max_observed_at: Some(T0 + SECOND),
        schema_version: 1,
    }
}

fn ids(day: i32, name: &str) -> NewLakeFile {
    NewLakeFile {
        path: format!("ids/day={day}/{name}.run"),
        kind: LakeFileKind::Ids,
        report_id: None,
        feed: None,
        ..part("", 1, day)
    }
}

fn reject(line: u64, raw: &[u8]) -> Reject {
    Reject::new(
        line,
        line * 10,
        RejectReason::BadTime,
        format!("line {line}"),
        raw,
    )
}

/// A commit of a report as a whole with nothing in it.
fn empty_commit(report: &str, generation: i32) -> IngestCommit {
    IngestCommit {
        report_id: report.to_owned(),
        generation,
        now: T0 + i64::from(generation),
        ..Default::default()
    }
}
