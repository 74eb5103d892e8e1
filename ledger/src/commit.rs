//! The commit: the one transaction by which a parsed report becomes part of the record
//! (DESIGN invariant 3). Before it the report's parts are orphans and its rejects invisible, after it
//! all of it is there; killed at any instruction in between, it is as before.
//!
//! It is idempotent by (report, generation): a caller that was killed after the commit and asks again
//! gets the snapshot that the first try made.

use std::collections::HashSet;
use std::time::Instant;

use model::reject::Reject;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;

use crate::manifest::{NewLakeFile, Snapshot};
use crate::profile::{self, NewProfile};
use crate::reject::RejectState;
use crate::report::{self, ReportState};
use crate::{
    Error, LakeMember, Ledger, NewJob, NewTally, Result, counter, job, manifest, member, reject,
    tally,
};

mod row {
    //! Which ingestion made which snapshot.

    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "ingest")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub report_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub generation: i32,
        pub lake_snapshot: i64,
        pub committed_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What a report amounts to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    /// Rows in it.
    pub rows: i64,
    /// Events in the lake from it.
    pub events: i64,
    /// Events that the lake had already.
    pub duplicates: i64,
    /// Rows that became no event.
    pub rejects: i64,
}

/// How an ingestion stands to those of the same report before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The report was read as a whole: earlier rejects and tallies give way, earlier parts must be
    /// among those removed.
    #[default]
    Whole,
    /// Some of its rejects were replayed: what it adds stands beside what is there.
    Addition,
}

/// One report's part of a commit.
#[derive(Clone, Debug, Default)]
pub struct IngestCommit {
    /// The report.
    pub report_id: String,
    /// [`crate::Report::next_generation`] of the row that was read when the ingestion began.
    pub generation: i32,
    /// How it stands to earlier ingestions.
    pub scope: Scope,
    /// Format it was read as; `None` keeps what is stored.
    pub format: Option<String>,
    /// Version of the format's schema; `None` keeps what is stored.
    pub schema_version: Option<String>,
    /// The time a list without dates stands for, microseconds UTC; `None` keeps what is stored.
    pub snapshot_at: Option<i64>,
    /// Totals of the report after this commit, earlier ingestions included.
    pub totals: Totals,
    /// Rejects that were not staged before. An addition cannot stage: it brings all of its own here.
    pub rejects: Vec<Reject>,
    /// Ids of stored rejects that this ingestion replayed.
    pub replayed: Vec<i64>,
    /// Counts by written date.
    pub tallies: Vec<NewTally>,
    /// What the report was like; an addition brings none.
    pub profile: Option<NewProfile>,
    /// Staged files that become visible. Files shared by a batch go with any of its reports.
    pub add: Vec<NewLakeFile>,
    /// Paths of live files that become invisible.
    pub remove: Vec<String>,
    /// Follow-up work.
    pub job: Option<NewJob>,
    /// Time of the commit, microseconds UTC.
    pub now: i64,
}

/// A change of the lake that ingests nothing: compaction, the splitting of a part.
#[derive(Clone, Debug)]
pub struct LakeCommit {
    /// What makes it, one word (`compaction`).
    pub reason: String,
    /// Staged files that become visible.
    pub add: Vec<NewLakeFile>,
    /// Whose rows the added parts hold, where those of several reports became one.
    pub members: Vec<LakeMember>,
    /// Paths of live files that become invisible.
    pub remove: Vec<String>,
    /// Follow-up work.
    pub job: Option<NewJob>,
    /// Time of the commit, microseconds UTC.
    pub now: i64,
}

/// The snapshot that an ingestion made, if it is committed.
async fn committed<C: ConnectionTrait>(db: &C, commit: &IngestCommit) -> Result<Option<i64>> {
    let row = row::Entity::find_by_id((commit.report_id.clone(), commit.generation))
        .one(db)
        .await?;
    Ok(row.map(|row| row.lake_snapshot))
}

/// Stores one report's part, except its files.
async fn store<C: ConnectionTrait>(db: &C, snapshot: i64, commit: &mut IngestCommit) -> Result<()> {
    let id = commit.report_id.as_str();
    let report = report::get(db, id).await?;
    let object = || format!("report {id}");
    if commit.generation != report.next_generation() {
        let reason = format!(
            "generation {} cannot be committed after {}: read the report again and repeat",
            commit.generation, report.generation
        );
        return Err(Error::conflict(object(), reason));
    }
    if commit.scope == Scope::Whole && report.generation > 0 {
        reject::supersede(db, id, commit.generation).await?;
        tally::remove(db, id).await?;
    }
    // An ingestion that was killed may have left staged rejects: they are not this one's.
    let held = commit.rejects.len() as i64;
    if commit.scope == Scope::Addition || commit.totals.rejects == held {
        reject::clear_staged(db, &report).await?;
    }
    reject::insert(
        db,
        &report,
        commit.generation,
        std::mem::take(&mut commit.rejects),
    )
    .await?;
    if commit.scope == Scope::Whole {
        // A row is an event or a stored reject: never only a number (DESIGN invariant 6).
        let stored = reject::count(db, id, commit.generation).await?;
        if stored != commit.totals.rejects.max(0) as u64 {
            let reason = format!(
                "{} rejects are counted but {stored} are stored",
                commit.totals.rejects
            );
            return Err(Error::conflict(object(), reason));
        }
    }
    reject::mark(db, &commit.replayed, RejectState::Replayed, commit.now).await?;
    tally::insert(db, &report, std::mem::take(&mut commit.tallies)).await?;
    match commit.profile.take() {
        Some(new) => {
            let place = (commit.generation, snapshot);
            profile::insert(db, &report, place, commit.totals, new).await?;
        }
        None if commit.scope == Scope::Addition => {
            profile::replayed(db, id, commit.totals).await?;
        }
        None => {}
    }

    use report::row::{Column, Entity};
    let totals = commit.totals;
    let mut update = Entity::update_many()
        .col_expr(Column::State, Expr::value(ReportState::Ingested.as_str()))
        .col_expr(Column::Reason, Expr::value(None::<String>))
        .col_expr(Column::Generation, Expr::value(commit.generation))
        .col_expr(Column::Rows, Expr::value(totals.rows))
        .col_expr(Column::Events, Expr::value(totals.events))
        .col_expr(Column::Duplicates, Expr::value(totals.duplicates))
        .col_expr(Column::Rejects, Expr::value(totals.rejects))
        .col_expr(Column::IngestedAt, Expr::value(commit.now))
        .col_expr(Column::LakeSnapshot, Expr::value(snapshot));
    if let Some(format) = &commit.format {
        update = update.col_expr(Column::Format, Expr::value(format.as_str()));
    }
    if let Some(version) = &commit.schema_version {
        update = update.col_expr(Column::SchemaVersion, Expr::value(version.as_str()));
    }
    if let Some(at) = commit.snapshot_at {
        update = update.col_expr(Column::SnapshotAt, Expr::value(at));
    }
    update.filter(Column::Id.eq(id)).exec(db).await?;

    let row = row::ActiveModel {
        report_id: Set(commit.report_id.clone()),
        generation: Set(commit.generation),
        lake_snapshot: Set(snapshot),
        committed_at: Set(commit.now),
    };
    row::Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

impl Ledger {
    /// Commits one ingested report; returns the lake's snapshot that it is part of.
    ///
    /// # Errors
    /// As [`Ledger::commit_ingests`].
    pub async fn commit_ingest(&self, commit: IngestCommit) -> Result<i64> {
        let snapshots = self.commit_ingests(vec![commit]).await?;
        Ok(snapshots
            .into_iter()
            .next()
            .expect("one report was given, so one snapshot came back"))
    }

    /// Commits several ingested reports in one transaction under one snapshot, and returns the
    /// snapshot of each in order. If all of them were committed before, their snapshots are returned
    /// and nothing is changed. An empty list does nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`] if only some of them were committed before (read the reports again, the
    /// batch's shared files may be wrong), if a generation is not the next one, if a file to remove
    /// is no longer live, if a whole report leaves earlier parts live, or if rejects are counted that
    /// are not stored. Nothing is changed then.
    pub async fn commit_ingests(&self, mut commits: Vec<IngestCommit>) -> Result<Vec<i64>> {
        if commits.is_empty() {
            return Ok(Vec::new());
        }
        let mut seen = HashSet::new();
        if let Some(twice) = commits
            .iter()
            .find(|commit| !seen.insert(commit.report_id.clone()))
        {
            return Err(Error::conflict(
                format!("report {}", twice.report_id),
                "is in the batch twice",
            ));
        }
        let tx = self.begin().await?;
        // First, because it makes concurrent commits wait: what is read below cannot change any more.
        let snapshot = counter::next(&tx, counter::SNAPSHOT).await?;
        let mut earlier = Vec::with_capacity(commits.len());
        for commit in &commits {
            earlier.push(committed(&tx, commit).await?);
        }
        if let Some(done) = earlier.iter().position(Option::is_some) {
            return earlier.into_iter().collect::<Option<Vec<i64>>>().ok_or_else(|| {
                let reason = "was committed before, others of its batch were not: read the reports again and repeat";
                Error::conflict(format!("report {}", commits[done].report_id), reason)
            });
        }
        let mut change = LakeCommit {
            reason: "ingest".to_owned(),
            add: Vec::new(),
            members: Vec::new(),
            remove: Vec::new(),
            job: None,
            now: i64::MIN,
        };
        for commit in &mut commits {
            store(&tx, snapshot, commit).await?;
            change.add.append(&mut commit.add);
            change.remove.append(&mut commit.remove);
            change.now = change.now.max(commit.now);
            if let Some(job) = commit.job.take() {
                job::enqueue(&tx, job, commit.now).await?;
            }
        }
        change_lake(&tx, snapshot, change, commits.len()).await?;
        for commit in commits
            .iter()
            .filter(|commit| commit.scope == Scope::Whole && commit.generation > 1)
        {
            let left = manifest::left_behind(&tx, &commit.report_id, commit.generation).await?;
            if let Some(left) = left {
                let reason = format!(
                    "is ingested as a whole but leaves {} in the lake",
                    left.path
                );
                return Err(Error::conflict(
                    format!("report {}", commit.report_id),
                    reason,
                ));
            }
        }
        // With `synchronous=FULL` a commit is one fsync of the log and little else.
        let begun = Instant::now();
        tx.commit().await?;
        metrics::histogram!("watchfire_fsync_seconds", "store" => "ledger")
            .record(begun.elapsed().as_secs_f64());
        Ok(vec![snapshot; commits.len()])
    }

    /// Commits a change of the lake that ingests nothing; returns its snapshot. Files to be removed
    /// that are no longer live mean that someone else was faster: read the manifest again.
    ///
    /// # Errors
    /// [`Error::Conflict`], nothing is changed then.
    pub async fn commit_lake(&self, mut change: LakeCommit) -> Result<i64> {
        let tx = self.begin().await?;
        let snapshot = counter::next(&tx, counter::SNAPSHOT).await?;
        if let Some(job) = change.job.take() {
            job::enqueue(&tx, job, change.now).await?;
        }
        change_lake(&tx, snapshot, change, 0).await?;
        tx.commit().await?;
        Ok(snapshot)
    }
}

async fn change_lake<C: ConnectionTrait>(
    db: &C,
    snapshot: i64,
    change: LakeCommit,
    reports: usize,
) -> Result<()> {
    let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    let row = Snapshot {
        number: snapshot,
        created_at: change.now,
        reason: change.reason,
        reports: count(reports),
        added: count(change.add.len()),
        removed: count(change.remove.len()),
    };
    manifest::record(db, row).await?;
    manifest::remove(db, snapshot, &change.remove).await?;
    manifest::add(db, snapshot, change.add).await?;
    member::insert(db, change.members).await
}
