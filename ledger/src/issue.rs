//! Issues: frozen bulletins and the values they print (DESIGN invariants 1 and 9).
//!
//! Every draft that differs from the one before is a new revision and none is ever changed; what
//! changes is only that one becomes approved. Next week's comparison reads the values from here, never
//! from a recount (DOMAIN rule 1.4b).

use std::collections::BTreeSet;

use sea_orm::entity::prelude::*;
use sea_orm::{FromQueryResult, QueryOrder, QuerySelect};
use serde_json::json;

use model::newsroom::Step;

use crate::edition::{self, EditionKey, Said};
use crate::{Error, Hash, Ledger, Page, Result};

mod row {
    use sea_orm::entity::prelude::*;

    use crate::Hash;

    /// Whether an issue was approved.
    #[derive(
        Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, serde::Serialize,
    )]
    #[sea_orm(rs_type = "String", db_type = "Text")]
    #[serde(rename_all = "lowercase")]
    pub enum IssueState {
        /// Made, not approved.
        #[sea_orm(string_value = "draft")]
        Draft,
        /// Approved by someone other than its author.
        #[sea_orm(string_value = "approved")]
        Approved,
    }

    /// A frozen issue.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "issue")]
    pub struct Model {
        /// Series it belongs to.
        #[sea_orm(primary_key, auto_increment = false)]
        pub series: String,
        /// Year of its number.
        #[sea_orm(primary_key, auto_increment = false)]
        pub year: i32,
        /// Number within the year.
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: i32,
        /// Counts the stored versions of the issue from 1.
        #[sea_orm(primary_key, auto_increment = false)]
        pub revision: i32,
        /// Whether it was approved.
        pub state: IssueState,
        /// Monday of its week, days since 1970-01-01.
        pub week_start: i32,
        /// Sunday of its week, days since 1970-01-01.
        pub week_end: i32,
        /// The lake's snapshot that its values were read from.
        pub lake_snapshot: i64,
        /// The instant that the ledger was read at, microseconds UTC.
        pub ledger_as_of: i64,
        /// When it was stored, microseconds UTC.
        pub created_at: i64,
        /// Who made it.
        pub author: String,
        /// What changed against the revision before; empty in the first.
        pub note: String,
        /// Its values, JSON text as frozen.
        pub statistics: String,
        /// The whole bulletin, JSON text as frozen.
        pub bulletin: String,
        /// What stood around the figures when it was composed (prose, errata, links), JSON text; empty where
        /// there was nothing.
        pub around: String,
        /// Hash of the frozen content.
        pub hash: Hash,
        /// Who approved it.
        pub approved_by: Option<String>,
        /// When, microseconds UTC.
        pub approved_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::ActiveModel;
pub(crate) use row::{Column, Entity};

pub use row::{IssueState, Model as Issue};

/// An issue without its content, for lists.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult, serde::Serialize)]
pub struct IssueHead {
    /// Series it belongs to.
    pub series: String,
    /// Year of its number.
    pub year: i32,
    /// Number within the year.
    pub number: i32,
    /// Counts the stored versions of the issue from 1.
    pub revision: i32,
    /// Whether it was approved.
    pub state: IssueState,
    /// Monday of its week, days since 1970-01-01.
    pub week_start: i32,
    /// Sunday of its week, days since 1970-01-01.
    pub week_end: i32,
    /// The lake's snapshot that its values were read from.
    pub lake_snapshot: i64,
    /// When it was stored, microseconds UTC.
    pub created_at: i64,
    /// Who made it.
    pub author: String,
    /// What changed against the revision before.
    pub note: String,
    /// Hash of the frozen content.
    pub hash: Hash,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// When, microseconds UTC.
    pub approved_at: Option<i64>,
}

/// A draft to be frozen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewIssue {
    /// Series it belongs to.
    pub series: String,
    /// Year of its number.
    pub year: i32,
    /// Number within the year.
    pub number: i32,
    /// Monday of its week, days since 1970-01-01.
    pub week_start: i32,
    /// Sunday of its week, days since 1970-01-01.
    pub week_end: i32,
    /// The lake's snapshot that its values were read from.
    pub lake_snapshot: i64,
    /// The instant that the ledger was read at, microseconds UTC.
    pub ledger_as_of: i64,
    /// Who made it.
    pub author: String,
    /// What changed against the revision before; a correction of an approved issue must say it.
    pub note: String,
    /// Its values, JSON text.
    pub statistics: String,
    /// The whole bulletin, JSON text.
    pub bulletin: String,
    /// What stood around the figures when it was composed, JSON text.
    pub around: String,
}

impl NewIssue {
    fn digest(&self) -> Hash {
        digest(
            [&self.series, &self.statistics, &self.bulletin],
            [self.year, self.number, self.week_start, self.week_end].map(i64::from),
            [self.lake_snapshot],
        )
    }
}

/// Hash of what an issue freezes. The instant of reading is not part of it: the same week made again
/// from the same records is the same issue.
fn digest<const T: usize>(texts: [&String; T], small: [i64; 4], large: [i64; 1]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"watchfire issue 1\0");
    for text in texts {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    for number in small.into_iter().chain(large) {
        hasher.update(&number.to_le_bytes());
    }
    hasher.finalize().into()
}

impl Issue {
    /// The hash that its frozen content gives; differs from `hash` if someone changed the row.
    pub fn digest(&self) -> Hash {
        digest(
            [&self.series, &self.statistics, &self.bulletin],
            [self.year, self.number, self.week_start, self.week_end].map(i64::from),
            [self.lake_snapshot],
        )
    }
}

impl IssueHead {
    /// Series, number and revision for messages: `weekly 2023-3 revision 2`.
    pub fn label(&self) -> String {
        label(&self.series, self.year, self.number, self.revision)
    }
}

fn label(series: &str, year: i32, number: i32, revision: i32) -> String {
    format!("{series} {year}-{number} revision {revision}")
}

pub(crate) fn of_number(series: &str, year: i32, number: i32) -> Select<Entity> {
    Entity::find()
        .filter(Column::Series.eq(series))
        .filter(Column::Year.eq(year))
        .filter(Column::Number.eq(number))
}

fn heads(select: Select<Entity>) -> Select<Entity> {
    select.select_only().columns([
        Column::Series,
        Column::Year,
        Column::Number,
        Column::Revision,
        Column::State,
        Column::WeekStart,
        Column::WeekEnd,
        Column::LakeSnapshot,
        Column::CreatedAt,
        Column::Author,
        Column::Note,
        Column::Hash,
        Column::ApprovedBy,
        Column::ApprovedAt,
    ])
}

/// Snapshots of the lake that stored issues were made from.
pub(crate) async fn pinned<C: ConnectionTrait>(db: &C) -> Result<BTreeSet<i64>> {
    let select = Entity::find()
        .select_only()
        .column(Column::LakeSnapshot)
        .distinct();
    let snapshots: Vec<i64> = select.into_tuple().all(db).await?;
    Ok(snapshots.into_iter().collect())
}

impl Ledger {
    /// Freezes a draft and returns its row. The same content as the newest revision changes nothing
    /// and returns that revision.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the issue is approved and the note does not say what changed.
    pub async fn save_draft(&self, new: NewIssue, now: i64) -> Result<Issue> {
        let tx = self.begin().await?;
        let newest = of_number(&new.series, new.year, new.number)
            .order_by_desc(Column::Revision)
            .one(&tx)
            .await?;
        let hash = new.digest();
        let mut revision = 1;
        if let Some(newest) = newest {
            if newest.hash == hash {
                return Ok(newest);
            }
            let approved = of_number(&new.series, new.year, new.number)
                .filter(Column::State.eq(IssueState::Approved))
                .count(&tx)
                .await?;
            if approved > 0 && new.note.trim().is_empty() {
                let object = format!("issue {} {}-{}", new.series, new.year, new.number);
                let reason = "is approved: a correction must say what changed";
                return Err(Error::conflict(object, reason));
            }
            revision = newest.revision + 1;
        }
        let key = EditionKey {
            series: new.series.clone(),
            year: new.year,
            number: new.number,
        };
        let detail = json!({ "hash": hash, "lake_snapshot": new.lake_snapshot });
        let row = Issue {
            series: new.series,
            year: new.year,
            number: new.number,
            revision,
            state: IssueState::Draft,
            week_start: new.week_start,
            week_end: new.week_end,
            lake_snapshot: new.lake_snapshot,
            ledger_as_of: new.ledger_as_of,
            created_at: now,
            author: new.author,
            note: new.note,
            statistics: new.statistics,
            bulletin: new.bulletin,
            around: new.around,
            hash,
            approved_by: None,
            approved_at: None,
        };
        let insert: ActiveModel = row.clone().into();
        Entity::insert(insert.reset_all())
            .exec_without_returning(&tx)
            .await?;
        let said = Said {
            actor: &row.author,
            acting_for: None,
            reason: &row.note,
            detail,
        };
        edition::record(&tx, &key, (revision, Step::Draft), said, now).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// What a comparison reads: the public revision of an issue, before that the newest approved one, else
    /// its newest draft. A withdrawn issue is no baseline.
    pub async fn baseline(&self, series: &str, year: i32, number: i32) -> Result<Option<Issue>> {
        let baselines = self.baselines(series, i64::MAX).await?;
        match baselines.get(&(year, number)) {
            Some(revision) => self.issue(series, year, number, *revision).await,
            None => Ok(None),
        }
    }

    /// One revision of an issue.
    pub async fn issue(
        &self,
        series: &str,
        year: i32,
        number: i32,
        revision: i32,
    ) -> Result<Option<Issue>> {
        let select = of_number(series, year, number).filter(Column::Revision.eq(revision));
        Ok(select.one(self.reader()).await?)
    }

    /// Stored issues of one series or all, newest week first, newest revision first.
    pub async fn issues(&self, series: Option<&str>, page: Page) -> Result<Vec<IssueHead>> {
        let mut select = Entity::find();
        if let Some(series) = series {
            select = select.filter(Column::Series.eq(series));
        }
        let select = heads(select)
            .order_by_desc(Column::WeekStart)
            .order_by_asc(Column::Series)
            .order_by_desc(Column::Revision)
            .offset(page.offset)
            .limit(page.limit);
        Ok(select.into_model().all(self.reader()).await?)
    }
}
