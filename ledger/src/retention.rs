//! Retention: what a rule took away, and the legal holds that keep it from doing so.
//!
//! Rules stand in the configuration; here is what they did. An expiry names the rule, the report and
//! the day, so that a figure whose records are gone says so instead of failing. It takes records out of
//! every snapshot, also of those that frozen issues were made from: the issues keep their values, the
//! records behind them are gone.

use std::collections::BTreeSet;
use std::ops::Range;

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect, QueryTrait};
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::manifest::{LakeFile, Snapshot};
use crate::{
    Error, Hash, LakeMember, Ledger, Result, bulk, counter, manifest, member, message, reject,
    report, tally, verification,
};

mod expiry {
    use sea_orm::entity::prelude::*;

    /// What one rule took away of one report, events by day.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "expiry")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// Name of the rule.
        pub rule: String,
        /// `events`, `raw` or `rejects`.
        pub what: String,
        /// The report.
        pub report_id: String,
        /// Its feed.
        pub feed: String,
        /// UTC day of the events, days since 1970-01-01.
        pub day: Option<i32>,
        /// Events or rejects; 1 for the raw bytes of a report.
        pub count: i64,
        /// Bytes of the raw report; 0 otherwise.
        pub bytes: i64,
        /// The lake's snapshot from which on they are gone.
        pub lake_snapshot: i64,
        /// Who applied the rule.
        pub actor: String,
        /// When, microseconds UTC.
        pub expired_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod holding;
pub(crate) mod matter;

pub use expiry::Model as Expiry;
pub use holding::{Hold, Holds, NewHold};

/// What expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Retained {
    /// Events in the lake.
    Events,
    /// The bytes of a report as delivered.
    Raw,
    /// Rows that became no event.
    Rejects,
}

impl Retained {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Retained::Events => "events",
            Retained::Raw => "raw",
            Retained::Rejects => "rejects",
        }
    }
}

/// What a rule takes away of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewExpiry {
    /// Name of the rule.
    pub rule: String,
    /// The report.
    pub report_id: String,
    /// Its feed.
    pub feed: String,
    /// UTC day of the events; `None` for raw bytes and rejects.
    pub day: Option<i32>,
    /// Events, or 1 for raw bytes; counted by the ledger for rejects.
    pub count: i64,
    /// Bytes of the raw report.
    pub bytes: i64,
}

/// The change of the lake that goes with expired events.
#[derive(Clone, Debug, Default)]
pub struct Rewritten {
    /// Listed files that go, live or kept for an older snapshot.
    pub old: Vec<String>,
    /// What stands in their place, with the snapshots of the file it replaces.
    pub new: Vec<LakeFile>,
    /// Whose rows the new parts hold.
    pub members: Vec<LakeMember>,
}

/// Stores expiries with one audit row for each rule.
async fn record<C: ConnectionTrait>(
    db: &C,
    what: Retained,
    expired: Vec<NewExpiry>,
    snapshot: i64,
    actor: &str,
    now: i64,
) -> Result<()> {
    let rules: BTreeSet<&str> = expired.iter().map(|row| row.rule.as_str()).collect();
    for rule in rules {
        let rows = || expired.iter().filter(|row| row.rule == rule);
        let days: BTreeSet<i32> = rows().filter_map(|row| row.day).collect();
        let feeds: BTreeSet<&str> = rows().map(|row| row.feed.as_str()).collect();
        let reports: BTreeSet<&str> = rows().map(|row| row.report_id.as_str()).collect();
        let entry = NewAudit {
            actor: actor.to_owned(),
            action: "retention.expire".to_owned(),
            object: format!("retention {rule}"),
            detail: json!({
                "what": what.as_str(),
                "count": rows().map(|row| row.count).sum::<i64>(),
                "bytes": rows().map(|row| row.bytes).sum::<i64>(),
                "reports": reports.len(),
                "feeds": feeds,
                "days": days,
                "lake_snapshot": snapshot,
            }),
        };
        audit::append(db, entry, now).await?;
    }
    let rows = expired.into_iter().map(|row| {
        let row = expiry::ActiveModel {
            id: NotSet,
            rule: Set(row.rule),
            what: Set(what.as_str().to_owned()),
            report_id: Set(row.report_id),
            feed: Set(row.feed),
            day: Set(row.day),
            count: Set(row.count),
            bytes: Set(row.bytes),
            lake_snapshot: Set(snapshot),
            actor: Set(actor.to_owned()),
            expired_at: Set(now),
        };
        (row, 128)
    });
    bulk::insert(db, rows).await?;
    Ok(())
}

impl Ledger {
    /// Records what expires, and in the same transaction takes events out of the manifest at every
    /// snapshot, or deletes rejects. `held` is what the caller has respected. Raw bytes are
    /// deleted by the caller afterwards ([`Ledger::raw_is_over`]). Returns the lake's snapshot.
    ///
    /// # Errors
    /// [`Error::Conflict`] if a hold was placed meanwhile, covers other events by now, or the manifest
    /// changed; nothing is changed.
    pub async fn expire(
        &self,
        what: Retained,
        mut expired: Vec<NewExpiry>,
        change: Rewritten,
        held: &Holds,
        actor: &str,
        now: i64,
    ) -> Result<i64> {
        let tx = self.begin().await?;
        let seen: BTreeSet<i64> = held.in_force.iter().map(|hold| hold.id).collect();
        if holding::active(&tx)
            .await?
            .iter()
            .any(|id| !seen.contains(id))
        {
            let reason = "a hold was placed meanwhile: preview the rules and apply them again";
            return Err(Error::conflict("retention", reason));
        }
        if matter::days(&tx).await? != held.days {
            let reason =
                "a hold covers other events by now: preview the rules and apply them again";
            return Err(Error::conflict("retention", reason));
        }
        let snapshot = if what == Retained::Events {
            let number = counter::next(&tx, counter::SNAPSHOT).await?;
            let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
            let row = Snapshot {
                number,
                created_at: now,
                reason: "retention".to_owned(),
                reports: 0,
                added: count(change.new.len()),
                removed: count(change.old.len()),
            };
            manifest::record(&tx, row).await?;
            manifest::replace_everywhere(&tx, &change.old, change.new).await?;
            member::insert(&tx, change.members).await?;
            number
        } else {
            counter::value(&tx, counter::SNAPSHOT).await?
        };
        if what == Retained::Rejects {
            for row in &mut expired {
                row.count = reject::expire(&tx, &row.report_id).await? as i64;
            }
        }
        record(&tx, what, expired, snapshot, actor, now).await?;
        tx.commit().await?;
        Ok(snapshot)
    }

    /// What expired, oldest first: of a report, of events on days in a span, or all.
    pub async fn expiries(
        &self,
        report: Option<&str>,
        days: Option<Range<i32>>,
    ) -> Result<Vec<Expiry>> {
        let mut select = expiry::Entity::find().order_by_asc(expiry::Column::Id);
        if let Some(report) = report {
            select = select.filter(expiry::Column::ReportId.eq(report));
        }
        if let Some(days) = days {
            select = select
                .filter(expiry::Column::Day.gte(days.start))
                .filter(expiry::Column::Day.lt(days.end));
        }
        Ok(select.all(self.reader()).await?)
    }

    /// UTC days and written dates that a report speaks of, as far as anything of it is stored.
    pub async fn days_of_report(&self, report: &str) -> Result<BTreeSet<i32>> {
        let db = self.reader();
        let shared = member::paths(db, &[report.to_owned()]).await?;
        let mut days: BTreeSet<i32> = manifest::live(db, &shared)
            .await?
            .into_iter()
            .chain(self.files_of_report(report).await?)
            .map(|file| file.day)
            .collect();
        days.extend(tally::days(db, report).await?);
        Ok(days)
    }

    /// Blobs of reports whose raw bytes expired, each once. Another report may have one still: ask
    /// [`Ledger::raw_is_over`].
    pub async fn expired_blobs(&self) -> Result<BTreeSet<Hash>> {
        let expired = expiry::Entity::find()
            .select_only()
            .column(expiry::Column::ReportId)
            .filter(expiry::Column::What.eq(Retained::Raw.as_str()))
            .into_query();
        let blobs: Vec<Hash> = report::row::Entity::find()
            .select_only()
            .column(report::row::Column::Blob)
            .filter(report::row::Column::Id.in_subquery(expired))
            .into_tuple()
            .all(self.reader())
            .await?;
        Ok(blobs.into_iter().collect())
    }

    /// Whether a blob's time is over: some report had it, that of each was expired, and no mail or
    /// evidence, which no rule reaches, has the same bytes.
    pub async fn raw_is_over(&self, blob: &Hash) -> Result<bool> {
        let reports: Vec<String> = report::row::Entity::find()
            .select_only()
            .column(report::row::Column::Id)
            .filter(report::row::Column::Blob.eq(*blob))
            .into_tuple()
            .all(self.reader())
            .await?;
        for report in &reports {
            let expired = expiry::Entity::find()
                .filter(expiry::Column::ReportId.eq(report))
                .filter(expiry::Column::What.eq(Retained::Raw.as_str()))
                .count(self.reader())
                .await?;
            if expired == 0 {
                return Ok(false);
            }
        }
        if reports.is_empty() {
            return Ok(false);
        }
        let db = self.reader();
        let elsewhere =
            message::has_blob(db, blob).await? || verification::has_blob(db, blob).await?;
        Ok(!elsewhere)
    }
}
