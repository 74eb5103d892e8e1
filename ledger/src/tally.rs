//! Tallies: how many records a report held per written date, before deduplication. They are the
//! control totals (`feeds tally`): what a feed says it sent, against which the lake can be checked.
//!
//! A row without a tag counts the records of its day and observable. Rows with a tag count those
//! records again by a property (severity, list, malware); one record may stand in several of them, so
//! the two sorts are never added up together.

use std::ops::Range;

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait;
use sea_orm::{QueryOrder, QuerySelect, QueryTrait};

use crate::text::without_nul;
use crate::{Ledger, Result, bulk, report};

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tally")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub report_id: String,
        pub feed: String,
        pub day: i32,
        pub observable: String,
        pub tag: Option<String>,
        pub records: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

/// A count to be stored with a report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NewTally {
    /// The date as the source wrote it, in the source's own zone: days since 1970-01-01.
    pub day: i32,
    /// Kind of observable (`url`, `ip`, `vulnerability` ...).
    pub observable: String,
    /// Property that is counted; `None` counts all records of the day and observable.
    pub tag: Option<String>,
    /// Records.
    pub records: i64,
}

/// What to group sums by; what is `false` is summed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TallyBy {
    /// By feed.
    pub feed: bool,
    /// By written date.
    pub day: bool,
    /// By kind of observable.
    pub observable: bool,
    /// By tag: then, and only then, the tagged rows are summed instead of the plain ones.
    pub tag: bool,
}

impl TallyBy {
    /// One sum per feed.
    pub const FEED: TallyBy = TallyBy {
        feed: true,
        day: false,
        observable: false,
        tag: false,
    };
    /// One sum per feed and observable.
    pub const OBSERVABLE: TallyBy = TallyBy {
        feed: true,
        day: false,
        observable: true,
        tag: false,
    };
    /// One sum per feed and tag.
    pub const TAG: TallyBy = TallyBy {
        feed: true,
        day: false,
        observable: false,
        tag: true,
    };
    /// One sum per feed and day.
    pub const DAY: TallyBy = TallyBy {
        feed: true,
        day: true,
        observable: false,
        tag: false,
    };
}

/// A sum; what it was not grouped by is `None`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TallySum {
    /// Feed.
    pub feed: Option<String>,
    /// Written date, days since 1970-01-01.
    pub day: Option<i32>,
    /// Kind of observable.
    pub observable: Option<String>,
    /// Tag.
    pub tag: Option<String>,
    /// Records.
    pub records: i64,
}

pub(crate) async fn insert<C: ConnectionTrait>(
    db: &C,
    report: &report::Report,
    tallies: Vec<NewTally>,
) -> Result<u64> {
    let rows = tallies.into_iter().map(|tally| {
        let row = ActiveModel {
            id: NotSet,
            report_id: Set(report.id.clone()),
            feed: Set(report.feed.clone()),
            day: Set(tally.day),
            observable: Set(tally.observable),
            tag: Set(tally.tag.map(|tag| without_nul(&tag).into_owned())),
            records: Set(tally.records),
        };
        (row, 64)
    });
    bulk::insert(db, rows).await
}

/// Written dates of a report.
pub(crate) async fn days<C: ConnectionTrait>(db: &C, report: &str) -> Result<Vec<i32>> {
    let select = Entity::find()
        .select_only()
        .column(Column::Day)
        .distinct()
        .filter(Column::ReportId.eq(report));
    Ok(select.into_tuple().all(db).await?)
}

/// Removes the tallies of a report, which is being ingested again as a whole.
pub(crate) async fn remove<C: ConnectionTrait>(db: &C, report: &str) -> Result<()> {
    Entity::delete_many()
        .filter(Column::ReportId.eq(report))
        .exec(db)
        .await?;
    Ok(())
}

impl Ledger {
    /// Written dates that a report speaks of, days since 1970-01-01.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn tallied_days(&self, report: &str) -> Result<Vec<i32>> {
        days(self.reader(), report).await
    }

    /// Records tallied for each report, by report.
    pub async fn tallied_by_report(&self) -> Result<Vec<(String, i64)>> {
        let select = Entity::find()
            .select_only()
            .column(Column::ReportId)
            .column_as(
                ExprTrait::cast_as(Column::Records.sum(), "bigint"),
                "records",
            )
            .filter(Column::Tag.is_null())
            .group_by(Column::ReportId)
            .order_by_asc(Column::ReportId);
        Ok(select.into_tuple().all(self.reader()).await?)
    }

    /// Sums of records whose written date lies in `days`, of one feed or of all, ordered by group.
    pub async fn tally(
        &self,
        days: Range<i32>,
        feed: Option<&str>,
        by: TallyBy,
    ) -> Result<Vec<TallySum>> {
        let groups = [
            (by.feed, Column::Feed),
            (by.day, Column::Day),
            (by.observable, Column::Observable),
            (by.tag, Column::Tag),
        ];
        let mut select = Entity::find()
            .select_only()
            .column_as(
                ExprTrait::cast_as(Column::Records.sum(), "bigint"),
                "records",
            )
            .filter(Column::Day.gte(days.start))
            .filter(Column::Day.lt(days.end))
            .filter(if by.tag {
                Column::Tag.is_not_null()
            } else {
                Column::Tag.is_null()
            });
        if let Some(feed) = feed {
            select = select.filter(Column::Feed.eq(feed));
        }
        for (_, column) in groups.into_iter().filter(|(wanted, _)| *wanted) {
            select = select.column(column).group_by(column).order_by_asc(column);
        }
        let db = self.reader();
        let rows = db.query_all(&select.into_query()).await?;
        let mut sums = Vec::with_capacity(rows.len());
        for row in rows {
            // Without a group the sum over nothing is one row of NULL.
            let Some(records) = row.try_get::<Option<i64>>("", "records")? else {
                continue;
            };
            let text = |wanted: bool, name: &str| -> Result<Option<String>> {
                Ok(if wanted {
                    Some(row.try_get("", name)?)
                } else {
                    None
                })
            };
            sums.push(TallySum {
                feed: text(by.feed, "feed")?,
                day: if by.day {
                    Some(row.try_get("", "day")?)
                } else {
                    None
                },
                observable: text(by.observable, "observable")?,
                tag: text(by.tag, "tag")?,
                records,
            });
        }
        Ok(sums)
    }
}
