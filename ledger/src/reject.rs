//! Rejects: rows of a report that became no event, kept for people to see, edit and replay
//! (DESIGN invariant 6).
//!
//! Rejects are written with the generation of the ingestion that made them. Those of a generation
//! that is not committed yet are *staged*: stored, but invisible until [`Ledger::commit_ingest`]
//! raises the report to it. So a report with a million rejects needs no more memory than one with ten.

use model::reject::{REJECT_KEEP_BYTES, Reject as Rejected};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{JoinType, QueryOrder, QuerySelect, RelationTrait};

use crate::text::without_nul;
use crate::{Error, Hash, Ledger, Result, bulk, report};

mod row {
    use sea_orm::entity::prelude::*;

    use crate::Hash;
    use crate::report::row as report;

    /// What became of a reject.
    #[derive(
        Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, serde::Serialize,
    )]
    #[sea_orm(rs_type = "String", db_type = "Text")]
    #[serde(rename_all = "lowercase")]
    pub enum RejectState {
        /// Nobody dealt with it.
        #[sea_orm(string_value = "open")]
        Open,
        /// It was read on another try and its events are in the lake.
        #[sea_orm(string_value = "replayed")]
        Replayed,
        /// Someone decided that it is worth nothing.
        #[sea_orm(string_value = "dropped")]
        Dropped,
        /// Its report was reprocessed; kept because someone had worked on it.
        #[sea_orm(string_value = "superseded")]
        Superseded,
    }

    /// A stored reject.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "reject")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// Its report.
        pub report_id: String,
        /// The report's feed.
        pub feed: String,
        /// Generation of the ingestion that rejected it.
        pub generation: i32,
        /// Line on which it starts, from 1.
        pub line: i64,
        /// Byte offset in the report's decoded text.
        pub offset: i64,
        /// Stable label of the reason ([`model::reject::RejectReason::label`]).
        pub reason: String,
        /// What exactly, for a person.
        pub message: String,
        /// The first 64 KiB of the row, as they are.
        pub raw: Vec<u8>,
        /// Length of the whole row in bytes.
        pub raw_len: i64,
        /// Hash of the whole row.
        pub raw_hash: Hash,
        /// The row as someone corrected it, to be replayed instead of `raw`.
        pub edited: Option<Vec<u8>>,
        /// What became of it.
        pub state: RejectState,
        /// When it was last edited or marked, microseconds UTC.
        pub changed_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "report::Entity",
            from = "Column::ReportId",
            to = "report::Column::Id"
        )]
        Report,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity, Relation};

pub use row::{Model as Reject, RejectState};

impl Reject {
    /// The bytes to replay: the correction if there is one.
    pub fn text(&self) -> &[u8] {
        self.edited.as_deref().unwrap_or(&self.raw)
    }

    /// Whether `raw` is only the beginning of the row; the whole is in the report's blob.
    pub fn is_cut(&self) -> bool {
        self.raw_len > self.raw.len() as i64
    }
}

impl RejectState {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            RejectState::Open => "open",
            RejectState::Replayed => "replayed",
            RejectState::Dropped => "dropped",
            RejectState::Superseded => "superseded",
        }
    }
}

/// Which rejects to list. Everything that is `None` does not filter; superseded ones come only when
/// asked for by state.
#[derive(Clone, Debug, Default)]
pub struct RejectFilter {
    /// Of this feed.
    pub feed: Option<String>,
    /// Of this report.
    pub report: Option<String>,
    /// With this reason's label.
    pub reason: Option<String>,
    /// In this state.
    pub state: Option<RejectState>,
    /// After this id: the last one of the page before.
    pub after: Option<i64>,
}

impl RejectFilter {
    fn select(&self) -> Select<Entity> {
        let generation = Expr::col((Entity, Column::Generation));
        let reached = Expr::col((report::row::Entity, report::row::Column::Generation));
        let committed = ExprTrait::lte(generation, reached);
        let mut select = Entity::find()
            .join(JoinType::InnerJoin, Relation::Report.def())
            .filter(committed)
            .filter(match self.state {
                Some(state) => Column::State.eq(state),
                None => Column::State.ne(RejectState::Superseded),
            });
        if let Some(feed) = &self.feed {
            select = select.filter(Column::Feed.eq(feed));
        }
        if let Some(report) = &self.report {
            select = select.filter(Column::ReportId.eq(report));
        }
        if let Some(reason) = &self.reason {
            select = select.filter(Column::Reason.eq(reason));
        }
        if let Some(after) = self.after {
            select = select.filter(Column::Id.gt(after));
        }
        select
    }
}

/// Writes rejects of one report and generation; the raw text beyond the kept part is cut here at the latest.
pub(crate) async fn insert<C: ConnectionTrait>(
    db: &C,
    report: &report::Report,
    generation: i32,
    rejects: Vec<Rejected>,
) -> Result<u64> {
    let rows = rejects.into_iter().map(|mut reject| {
        reject.raw.truncate(REJECT_KEEP_BYTES);
        let size = reject.raw.len() + reject.message.len();
        let row = ActiveModel {
            id: NotSet,
            report_id: Set(report.id.clone()),
            feed: Set(report.feed.clone()),
            generation: Set(generation),
            line: Set(saturate(reject.line)),
            offset: Set(saturate(reject.offset)),
            reason: Set(reject.reason.label().to_owned()),
            message: Set(without_nul(&reject.message).into_owned()),
            raw: Set(reject.raw),
            raw_len: Set(saturate(reject.raw_len)),
            raw_hash: Set(Hash(reject.raw_hash)),
            edited: Set(None),
            state: Set(RejectState::Open),
            changed_at: Set(None),
        };
        (row, size)
    });
    bulk::insert(db, rows).await
}

fn saturate(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// How many rejects of exactly this generation are stored.
pub(crate) async fn count<C: ConnectionTrait>(
    db: &C,
    report: &str,
    generation: i32,
) -> Result<u64> {
    let select = Entity::find()
        .filter(Column::ReportId.eq(report))
        .filter(Column::Generation.eq(generation));
    Ok(select.count(db).await?)
}

/// Removes rejects of generations that are not committed; how many.
pub(crate) async fn clear_staged<C: ConnectionTrait>(
    db: &C,
    report: &report::Report,
) -> Result<u64> {
    let done = Entity::delete_many()
        .filter(Column::ReportId.eq(report.id.as_str()))
        .filter(Column::Generation.gt(report.generation))
        .exec(db)
        .await?;
    Ok(done.rows_affected)
}

/// Deletes the rejects of a report whose time is over; how many.
pub(crate) async fn expire<C: ConnectionTrait>(db: &C, report: &str) -> Result<u64> {
    let done = Entity::delete_many()
        .filter(Column::ReportId.eq(report))
        .exec(db)
        .await?;
    Ok(done.rows_affected)
}

/// Takes back the rejects of generations before `generation`: what nobody touched goes, what someone
/// worked on stays as superseded.
pub(crate) async fn supersede<C: ConnectionTrait>(
    db: &C,
    report: &str,
    generation: i32,
) -> Result<()> {
    Entity::delete_many()
        .filter(Column::ReportId.eq(report))
        .filter(Column::Generation.lt(generation))
        .filter(Column::ChangedAt.is_null())
        .exec(db)
        .await?;
    Entity::update_many()
        .col_expr(Column::State, Expr::value(RejectState::Superseded.as_str()))
        .filter(Column::ReportId.eq(report))
        .filter(Column::Generation.lt(generation))
        .exec(db)
        .await?;
    Ok(())
}

/// Marks rejects as replayed, all or nothing.
pub(crate) async fn mark<C: ConnectionTrait>(
    db: &C,
    ids: &[i64],
    state: RejectState,
    now: i64,
) -> Result<()> {
    for ids in ids.chunks(bulk::LIST) {
        let done = Entity::update_many()
            .col_expr(Column::State, Expr::value(state.as_str()))
            .col_expr(Column::ChangedAt, Expr::value(now))
            .filter(Column::Id.is_in(ids.iter().copied()))
            .exec(db)
            .await?;
        if done.rows_affected != ids.len() as u64 {
            let found: Vec<i64> = Entity::find()
                .select_only()
                .column(Column::Id)
                .filter(Column::Id.is_in(ids.iter().copied()))
                .into_tuple()
                .all(db)
                .await?;
            return Err(match ids.iter().find(|id| !found.contains(id)) {
                Some(missing) => Error::not_found("reject", missing),
                None => Error::conflict("rejects", "the same id is listed twice"),
            });
        }
    }
    Ok(())
}

impl Ledger {
    /// Stores a part of the rejects of an ingestion that is still running, so that they need not be
    /// held until its commit. Call [`Ledger::clear_staged_rejects`] before the first:
    /// an ingestion that was killed may have left some.
    ///
    /// # Errors
    /// [`Error::Conflict`] unless the generation is [`report::Report::next_generation`].
    pub async fn stage_rejects(
        &self,
        report_id: &str,
        generation: i32,
        rejects: Vec<Rejected>,
    ) -> Result<()> {
        let tx = self.begin().await?;
        let report = report::get(&tx, report_id).await?;
        if generation != report.next_generation() {
            let reason = format!("generation {generation} is not the one to come");
            return Err(Error::conflict(format!("report {report_id}"), reason));
        }
        insert(&tx, &report, generation, rejects).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Removes staged rejects that no commit has made visible; how many.
    pub async fn clear_staged_rejects(&self, report_id: &str) -> Result<u64> {
        let tx = self.begin().await?;
        let report = report::get(&tx, report_id).await?;
        let cleared = clear_staged(&tx, &report).await?;
        tx.commit().await?;
        Ok(cleared)
    }

    /// One reject.
    pub async fn reject(&self, id: i64) -> Result<Option<Reject>> {
        Ok(Entity::find_by_id(id).one(self.reader()).await?)
    }

    /// Rejects by id, at most `limit`; the next page starts after the last id.
    pub async fn rejects(&self, filter: &RejectFilter, limit: u64) -> Result<Vec<Reject>> {
        Ok(filter
            .select()
            .order_by_asc(Column::Id)
            .limit(limit)
            .all(self.reader())
            .await?)
    }

    /// How many rejects the filter lets through.
    pub async fn reject_count(&self, filter: &RejectFilter) -> Result<u64> {
        Ok(filter.select().count(self.reader()).await?)
    }

    /// Number of rejects per feed and reason that the filter lets through.
    pub async fn reject_reasons(
        &self,
        filter: &RejectFilter,
    ) -> Result<Vec<(String, String, i64)>> {
        let select = filter
            .select()
            .select_only()
            .column(Column::Feed)
            .column(Column::Reason)
            .column_as(Column::Id.count(), "rejects")
            .group_by(Column::Feed)
            .group_by(Column::Reason)
            .order_by_asc(Column::Feed)
            .order_by_asc(Column::Reason);
        Ok(select.into_tuple().all(self.reader()).await?)
    }

    /// Stores (or with `None` takes back) a corrected text for an open reject.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Conflict`] if it is no longer open.
    pub async fn edit_reject(&self, id: i64, edited: Option<Vec<u8>>, now: i64) -> Result<()> {
        let tx = self.begin().await?;
        let row = Entity::find_by_id(id)
            .one(&tx)
            .await?
            .ok_or_else(|| Error::not_found("reject", id))?;
        if row.state != RejectState::Open {
            let reason = format!("is {}, only an open one can be edited", row.state.as_str());
            return Err(Error::conflict(format!("reject {id}"), reason));
        }
        Entity::update_many()
            .col_expr(Column::Edited, Expr::value(edited))
            .col_expr(Column::ChangedAt, Expr::value(now))
            .filter(Column::Id.eq(id))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Marks rejects, all or none.
    pub async fn mark_rejects(&self, ids: &[i64], state: RejectState, now: i64) -> Result<()> {
        let tx = self.begin().await?;
        mark(&tx, ids, state, now).await?;
        tx.commit().await?;
        Ok(())
    }
}
