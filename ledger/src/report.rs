//! Reports: one row per delivery, from archiving to ingestion. The bytes are a blob; the events it
//! gave are the lake's; this row says what it was, how far it came and what it amounted to.

use std::ops::Range;

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{self, Expr, OnConflict};
use sea_orm::{Condition, QueryOrder, QuerySelect};

use crate::text::without_nul;
use crate::{Error, Hash, Ledger, Page, Result};

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    use crate::Hash;

    /// What a delivery is; the kinds are counted apart.
    #[derive(
        Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, serde::Serialize,
    )]
    #[sea_orm(rs_type = "String", db_type = "Text")]
    #[serde(rename_all = "lowercase")]
    pub enum ReportKind {
        /// A feed's file.
        #[sea_orm(string_value = "feed")]
        Feed,
        /// A complaint by mail, form or API.
        #[sea_orm(string_value = "complaint")]
        Complaint,
    }

    /// How far a report came.
    #[derive(
        Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, serde::Serialize,
    )]
    #[sea_orm(rs_type = "String", db_type = "Text")]
    #[serde(rename_all = "lowercase")]
    pub enum ReportState {
        /// Its bytes are stored; nothing was read from it yet.
        #[sea_orm(string_value = "archived")]
        Archived,
        /// Its events are in the lake, its rejects and tallies here.
        #[sea_orm(string_value = "ingested")]
        Ingested,
        /// It could not be read as a whole; the reason says why. It stays archived for another try.
        #[sea_orm(string_value = "unreadable")]
        Unreadable,
    }

    /// One delivery.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "report")]
    pub struct Model {
        /// The printed [`model::ids::ReportId`].
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        /// Name of its feed.
        pub feed: String,
        /// What it is.
        pub kind: ReportKind,
        /// File name, address or subject it came by, for people.
        pub origin: String,
        /// Its bytes as delivered.
        pub blob: Hash,
        /// Their number.
        pub bytes: i64,
        /// When it was received, microseconds UTC.
        pub received_at: i64,
        /// The time a list without dates stands for, microseconds UTC.
        pub snapshot_at: Option<i64>,
        /// How far it came.
        pub state: ReportState,
        /// Why it is unreadable.
        pub reason: Option<String>,
        /// How often it was ingested: 0 never, 1 once, raised by each reprocessing.
        pub generation: i32,
        /// Format it was read as.
        pub format: Option<String>,
        /// Version of the format's schema it was read with.
        pub schema_version: Option<String>,
        /// Rows in it.
        pub rows: i64,
        /// Events in the lake from it.
        pub events: i64,
        /// Events that the lake had already.
        pub duplicates: i64,
        /// Rows that became no event.
        pub rejects: i64,
        /// When it was last ingested, microseconds UTC.
        pub ingested_at: Option<i64>,
        /// The lake's snapshot that its last ingestion made.
        pub lake_snapshot: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::{Model as Report, ReportKind, ReportState};

impl Report {
    /// The generation that the next ingestion of this report commits as.
    pub fn next_generation(&self) -> i32 {
        self.generation + 1
    }
}

impl ReportState {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            ReportState::Archived => "archived",
            ReportState::Ingested => "ingested",
            ReportState::Unreadable => "unreadable",
        }
    }
}

/// A delivery to be archived. Its blob must be stored before.
#[derive(Clone, Debug)]
pub struct NewReport {
    /// The printed [`model::ids::ReportId`].
    pub id: String,
    /// Name of its feed.
    pub feed: String,
    /// What it is.
    pub kind: ReportKind,
    /// File name, address or subject it came by.
    pub origin: String,
    /// Its bytes as delivered.
    pub blob: Hash,
    /// Their number.
    pub bytes: i64,
    /// When it was received, microseconds UTC.
    pub received_at: i64,
    /// The time a list without dates stands for, microseconds UTC.
    pub snapshot_at: Option<i64>,
}

/// What archiving did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// The stored row.
    pub report: Report,
    /// Whether it is new; otherwise these bytes of this feed were received before.
    pub inserted: bool,
}

/// Which reports to list. Everything that is `None` does not filter.
#[derive(Clone, Debug, Default)]
pub struct ReportFilter {
    /// Of this feed.
    pub feed: Option<String>,
    /// In this state.
    pub state: Option<ReportState>,
    /// Received in this span, microseconds UTC.
    pub received: Option<Range<i64>>,
}

/// What the reports of one feed amount to.
#[derive(Clone, Debug, PartialEq, Eq, Default, serde::Serialize)]
pub struct FeedTotals {
    /// Name of the feed.
    pub feed: String,
    /// Reports, in whatever state.
    pub reports: i64,
    /// Of them ingested.
    pub ingested: i64,
    /// Of them unreadable.
    pub unreadable: i64,
    /// Rows in the ingested ones.
    pub rows: i64,
    /// Events in the lake from them.
    pub events: i64,
    /// Events that the lake had already.
    pub duplicates: i64,
    /// Rows that became no event.
    pub rejects: i64,
    /// Newest receipt, microseconds UTC.
    pub last_received_at: i64,
}

impl ReportFilter {
    fn apply(&self, mut select: Select<Entity>) -> Select<Entity> {
        if let Some(feed) = &self.feed {
            select = select.filter(Column::Feed.eq(feed));
        }
        if let Some(state) = self.state {
            select = select.filter(Column::State.eq(state));
        }
        if let Some(received) = &self.received {
            select = select
                .filter(Column::ReceivedAt.gte(received.start))
                .filter(Column::ReceivedAt.lt(received.end));
        }
        select
    }
}

/// The report, or the error that names it.
pub(crate) async fn get<C: ConnectionTrait>(db: &C, id: &str) -> Result<Report> {
    Entity::find_by_id(id)
        .one(db)
        .await?
        .ok_or_else(|| Error::not_found("report", id))
}

impl Ledger {
    /// Stores the row of a delivery; one that is there already is returned unchanged.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the id is taken by other content.
    pub async fn archive_report(&self, new: NewReport) -> Result<Archived> {
        let mut done = self.archive_reports(vec![new]).await?;
        Ok(done.pop().expect("one row was given, so one came back"))
    }

    /// [`Ledger::archive_report`] for many in one transaction, in order.
    pub async fn archive_reports(&self, new: Vec<NewReport>) -> Result<Vec<Archived>> {
        let tx = self.begin().await?;
        let mut done = Vec::with_capacity(new.len());
        for new in new {
            let (id, blob) = (new.id.clone(), new.blob);
            let row = ActiveModel {
                id: Set(new.id),
                feed: Set(new.feed),
                kind: Set(new.kind),
                origin: Set(without_nul(&new.origin).into_owned()),
                blob: Set(new.blob),
                bytes: Set(new.bytes),
                received_at: Set(new.received_at),
                snapshot_at: Set(new.snapshot_at),
                state: Set(ReportState::Archived),
                reason: Set(None),
                generation: Set(0),
                format: Set(None),
                schema_version: Set(None),
                rows: Set(0),
                events: Set(0),
                duplicates: Set(0),
                rejects: Set(0),
                ingested_at: Set(None),
                lake_snapshot: Set(None),
            };
            let inserted = Entity::insert(row)
                .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned())
                .exec_without_returning(&tx)
                .await?;
            let report = get(&tx, &id).await?;
            if report.blob != blob {
                return Err(Error::conflict(
                    format!("report {id}"),
                    "the id is taken by other content",
                ));
            }
            done.push(Archived {
                report,
                inserted: inserted > 0,
            });
        }
        tx.commit().await?;
        Ok(done)
    }

    /// Records that a report could not be read as a whole. An ingested report keeps its state: what
    /// an earlier reading gave stays valid.
    pub async fn mark_unreadable(
        &self,
        id: &str,
        format: Option<&str>,
        reason: &str,
    ) -> Result<()> {
        let tx = self.begin().await?;
        let report = get(&tx, id).await?;
        if report.state == ReportState::Ingested {
            return Err(Error::conflict(
                format!("report {id}"),
                "was ingested before and keeps its events",
            ));
        }
        Entity::update_many()
            .col_expr(Column::State, Expr::value(ReportState::Unreadable.as_str()))
            .col_expr(Column::Reason, Expr::value(without_nul(reason).as_ref()))
            .col_expr(Column::Format, Expr::value(format.map(str::to_owned)))
            .filter(Column::Id.eq(id))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// One report.
    pub async fn report(&self, id: &str) -> Result<Option<Report>> {
        Ok(Entity::find_by_id(id).one(self.reader()).await?)
    }

    /// Reports, oldest receipt first.
    pub async fn reports(&self, filter: &ReportFilter, page: Page) -> Result<Vec<Report>> {
        let select = filter
            .apply(Entity::find())
            .order_by_asc(Column::ReceivedAt)
            .order_by_asc(Column::Id)
            .offset(page.offset)
            .limit(page.limit);
        Ok(select.all(self.reader()).await?)
    }

    /// Reports of a feed, the newest receipt first, at most `limit`; `before` is the receipt and id of the last of
    /// the page before.
    pub async fn newest_reports(
        &self,
        feed: &str,
        before: Option<(i64, &str)>,
        limit: u64,
    ) -> Result<Vec<Report>> {
        let mut select = Entity::find()
            .filter(Column::Feed.eq(feed))
            .order_by_desc(Column::ReceivedAt)
            .order_by_desc(Column::Id)
            .limit(limit);
        if let Some((at, id)) = before {
            let same = Condition::all()
                .add(Column::ReceivedAt.eq(at))
                .add(Column::Id.lt(id));
            select = select.filter(Condition::any().add(Column::ReceivedAt.lt(at)).add(same));
        }
        Ok(select.all(self.reader()).await?)
    }

    /// How many reports the filter lets through.
    pub async fn report_count(&self, filter: &ReportFilter) -> Result<u64> {
        Ok(filter.apply(Entity::find()).count(self.reader()).await?)
    }

    /// Sums per feed, by feed name.
    pub async fn report_totals(&self, filter: &ReportFilter) -> Result<Vec<FeedTotals>> {
        let sum = |column: Column| sea_query::ExprTrait::cast_as(column.sum(), "bigint");
        let select = filter
            .apply(Entity::find())
            .select_only()
            .column(Column::Feed)
            .column(Column::State)
            .column_as(Column::Id.count(), "reports")
            .column_as(sum(Column::Rows), "rows")
            .column_as(sum(Column::Events), "events")
            .column_as(sum(Column::Duplicates), "duplicates")
            .column_as(sum(Column::Rejects), "rejects")
            .column_as(Column::ReceivedAt.max(), "last")
            .group_by(Column::Feed)
            .group_by(Column::State)
            .order_by_asc(Column::Feed);
        type Sums = (String, ReportState, i64, i64, i64, i64, i64, i64);
        let rows: Vec<Sums> = select.into_tuple().all(self.reader()).await?;
        let mut totals: Vec<FeedTotals> = Vec::new();
        for (feed, state, reports, rows, events, duplicates, rejects, last) in rows {
            if totals.last().is_none_or(|total| total.feed != feed) {
                totals.push(FeedTotals {
                    feed,
                    last_received_at: last,
                    ..Default::default()
                });
            }
            let total = totals.last_mut().expect("pushed above if it was empty");
            total.reports += reports;
            match state {
                ReportState::Archived => {}
                ReportState::Ingested => total.ingested += reports,
                ReportState::Unreadable => total.unreadable += reports,
            }
            total.rows += rows;
            total.events += events;
            total.duplicates += duplicates;
            total.rejects += rejects;
            total.last_received_at = total.last_received_at.max(last);
        }
        Ok(totals)
    }
}
