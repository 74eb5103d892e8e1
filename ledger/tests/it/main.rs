//! The ledger's tests, each on a ledger of its own: once on SQLite in a temporary folder, once on a
//! database of a PostgreSQL server that the tests start ([`cluster`]).

#![allow(clippy::unwrap_used, missing_docs)]

mod audit;
mod blob;
mod campaign;
mod clock;
mod cluster;
mod commit;
mod dump;
mod duty;
mod edition;
mod fence;
mod flash;
mod handled;
mod issue;
mod job;
mod listing;
mod making;
mod manifest;
mod open;
mod outbox;
mod postgres;
mod profile;
mod queue;
mod reject;
mod report;
mod response;
mod retention;
mod search;
mod sign_in;
mod subscriber;
mod tables;
mod token;

use cluster::Cluster;
use ledger::{
    Hash, IngestCommit, LakeFileKind, Ledger, NewLakeFile, NewReport, ReportKind, Result,
};
use model::reject::{Reject, RejectReason};
use sea_orm::{ConnectionTrait, Database};
use tempfile::TempDir;

/// 2023-01-09T00:00:00Z.
const T0: i64 = 1_673_222_400_000_000;
const SECOND: i64 = 1_000_000;

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// Makes of each function two tests, one a database.
macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::Backend::Sqlite).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $test() {
                if crate::cluster::shared().is_some() {
                    super::$test(crate::Backend::Postgres).await;
                }
            })+
        }
    };
}
pub(crate) use on_both;

/// Where a test's ledger lies; what is there lives as long as this.
pub struct Home {
    folder: TempDir,
    server: Option<(&'static Cluster, String)>,
}

impl Home {
    /// A place with nothing in it.
    fn new(on: Backend) -> Home {
        let folder = tempfile::tempdir().unwrap();
        let server = match on {
            Backend::Sqlite => None,
            Backend::Postgres => {
                let cluster = cluster::shared().expect("the test runs only where there is one");
                Some((cluster, cluster.database()))
            }
        };
        Home { folder, server }
    }

    /// A folder, for what else the test needs.
    fn path(&self) -> &std::path::Path {
        self.folder.path()
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("ledger.db")
    }

    /// Opens the ledger once more, with connections of its own as another process would.
    async fn open(&self) -> Result<Ledger> {
        match &self.server {
            None => Ledger::open(&self.file()).await,
            Some((_, url)) => Ledger::connect(url).await,
        }
    }

    /// Opens it for reading.
    async fn open_read_only(&self) -> Result<Ledger> {
        match &self.server {
            None => Ledger::open_read_only(&self.file()).await,
            Some((_, url)) => Ledger::connect_read_only(url).await,
        }
    }

    /// Runs SQL behind the ledger's back.
    async fn meddle(&self, sql: &str) {
        let db = match &self.server {
            None => Database::connect(format!("sqlite://{}?mode=rwc", self.file().display())).await,
            Some((_, url)) => Database::connect(url).await,
        };
        let db = db.unwrap();
        db.execute_unprepared(sql).await.unwrap();
        db.close().await.unwrap();
    }

    /// Bytes as the database's dialect writes them.
    fn bytes(&self, hex: &str) -> String {
        match self.server {
            None => format!("x'{hex}'"),
            Some(_) => format!("'\\x{hex}'::bytea"),
        }
    }
}

/// A ledger of its own; what holds it lives as long as the returned guard.
async fn fresh(on: Backend) -> (Home, Ledger) {
    let home = Home::new(on);
    let ledger = home.open().await.unwrap();
    (home, ledger)
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
