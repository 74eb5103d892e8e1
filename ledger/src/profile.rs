//! Profiles: what each report was like, stored in the commit that made its events live. Lists are
//! followed and drift is found by them, so neither needs the reports' bytes again.
//!
//! What a profile says beyond its columns is JSON that intake writes and reads. A row stays when its
//! report is read again: a reader of an old lake snapshot gets the profile of that time.

use std::collections::BTreeMap;

use model::listing::Snapshot;
use model::time::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{Iterable, QueryOrder, QuerySelect};

use crate::{Decision, Ledger, Result, Totals, Verdict, report};

mod row {
    use sea_orm::entity::prelude::*;

    /// What a report was like.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "report_profile")]
    pub struct Model {
        /// The report.
        #[sea_orm(primary_key, auto_increment = false)]
        pub report_id: String,
        /// Its generation.
        #[sea_orm(primary_key, auto_increment = false)]
        pub generation: i32,
        /// The lake snapshot that it is part of.
        pub lake_snapshot: i64,
        /// Its feed.
        pub feed: String,
        /// Which of the feed's reports it is one of: report type or list; empty where they are alike.
        pub kind: String,
        /// The instant it stands for, microseconds UTC.
        pub at: i64,
        /// Name of the list that it is a whole snapshot of (empty where the feed is one list); `None`
        /// where its rows bear times of their own.
        pub list: Option<String>,
        /// Rows read, rejects included; replayed rejects are rows.
        pub rows: i64,
        /// Rows that became no event.
        pub rejects: i64,
        /// Of the rejects, those that say that a part of the delivery is damaged.
        pub damaged: i64,
        /// The rest.
        pub json: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::Model as ReportProfile;

impl ReportProfile {
    /// The report as a snapshot of a list, and the list's name, where it is one.
    pub fn snapshot(&self, verdicts: &[Verdict]) -> Option<(&str, Snapshot)> {
        let list = self.list.as_deref()?;
        // The last word counts.
        let decided = verdicts
            .iter()
            .rfind(|verdict| verdict.feed == self.feed && verdict.settles(&self.kind, self.at))
            .map(|verdict| verdict.decision);
        let snapshot = Snapshot {
            at: Timestamp(self.at),
            items: (self.rows - self.rejects).unsigned_abs(),
            rejects: self.rejects.unsigned_abs(),
            damaged: self.damaged > 0,
            accepted: decided == Some(Decision::Accepted),
            dismissed: decided == Some(Decision::Dismissed),
        };
        Some((list, snapshot))
    }
}

/// A profile to be stored with its report's commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewProfile {
    /// Which of the feed's reports it is one of.
    pub kind: String,
    /// The instant it stands for, microseconds UTC.
    pub at: i64,
    /// The list that it is a whole snapshot of.
    pub list: Option<String>,
    /// Rejects that say that a part of the delivery is damaged.
    pub damaged: i64,
    /// The rest, as JSON text.
    pub json: String,
}

pub(crate) async fn insert<C: ConnectionTrait>(
    db: &C,
    report: &report::Report,
    (generation, snapshot): (i32, i64),
    totals: Totals,
    new: NewProfile,
) -> Result<()> {
    let row = ActiveModel {
        report_id: Set(report.id.clone()),
        generation: Set(generation),
        lake_snapshot: Set(snapshot),
        feed: Set(report.feed.clone()),
        kind: Set(new.kind),
        at: Set(new.at),
        list: Set(new.list),
        rows: Set(totals.rows),
        rejects: Set(totals.rejects),
        damaged: Set(new.damaged),
        json: Set(new.json),
    };
    Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// Some of a report's rejects became rows.
pub(crate) async fn replayed<C: ConnectionTrait>(db: &C, id: &str, totals: Totals) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::Rows, Expr::value(totals.rows))
        .col_expr(Column::Rejects, Expr::value(totals.rejects))
        .filter(Column::ReportId.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

impl Ledger {
    /// Profiles of a feed's reports as a lake snapshot has them (`None`: now), by instant and report.
    pub async fn profiles(&self, feed: &str, snapshot: Option<i64>) -> Result<Vec<ReportProfile>> {
        self.newest_profiles(Entity::find(), feed, snapshot).await
    }

    /// The same without their JSON, which is most of them.
    pub async fn profile_heads(
        &self,
        feed: &str,
        snapshot: Option<i64>,
    ) -> Result<Vec<ReportProfile>> {
        let heads = Column::iter().filter(|column| !matches!(column, Column::Json));
        let select = Entity::find()
            .select_only()
            .columns(heads)
            .column_as(Expr::value(""), Column::Json);
        self.newest_profiles(select, feed, snapshot).await
    }

    /// Feed, instant and rows of every report that stands for an instant from `since` on (microseconds UTC), by feed
    /// and instant; of a report that was read again, its newest reading.
    pub async fn report_rows(&self, since: i64) -> Result<Vec<(String, i64, i64)>> {
        let rows: Vec<(String, i32, String, i64, i64)> = Entity::find()
            .select_only()
            .columns([
                Column::ReportId,
                Column::Generation,
                Column::Feed,
                Column::At,
                Column::Rows,
            ])
            .filter(Column::At.gte(since))
            .into_tuple()
            .all(self.reader())
            .await?;
        let mut newest: BTreeMap<String, (i32, String, i64, i64)> = BTreeMap::new();
        for (report, generation, feed, at, rows) in rows {
            let older = newest.get(&report).is_some_and(|one| one.0 > generation);
            if !older {
                newest.insert(report, (generation, feed, at, rows));
            }
        }
        let mut all: Vec<_> = newest
            .into_values()
            .map(|(_, feed, at, rows)| (feed, at, rows))
            .collect();
        all.sort_unstable();
        Ok(all)
    }

    async fn newest_profiles(
        &self,
        select: Select<Entity>,
        feed: &str,
        snapshot: Option<i64>,
    ) -> Result<Vec<ReportProfile>> {
        let mut select = select
            .filter(Column::Feed.eq(feed))
            .order_by_asc(Column::At)
            .order_by_asc(Column::ReportId)
            .order_by_asc(Column::Generation);
        if let Some(snapshot) = snapshot {
            select = select.filter(Column::LakeSnapshot.lte(snapshot));
        }
        let mut newest: BTreeMap<String, ReportProfile> = BTreeMap::new();
        for row in select.all(self.reader()).await? {
            let older = newest
                .get(&row.report_id)
                .is_some_and(|other| other.generation > row.generation);
            if !older {
                newest.insert(row.report_id.clone(), row);
            }
        }
        let mut rows: Vec<ReportProfile> = newest.into_values().collect();
        rows.sort_by(|a, b| (a.at, &a.report_id).cmp(&(b.at, &b.report_id)));
        Ok(rows)
    }
}
