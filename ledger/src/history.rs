//! History: figures of issues that were published before this system kept them, imported from a table
//! (`history import`). They stand beside our own frozen issues in charts and baselines and are never
//! mixed up with them: each row says where it comes from and how sure it is.

use std::ops::Range;

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{Condition, QueryOrder};
use serde_json::{Map, Value};

use crate::{Error, Ledger, Result};

mod row {
    use sea_orm::entity::prelude::*;

    /// How sure a row is.
    #[derive(
        Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, serde::Serialize,
    )]
    #[sea_orm(rs_type = "String", db_type = "Text")]
    #[serde(rename_all = "lowercase")]
    pub enum HistoryKind {
        /// Printed in the issue of that week.
        #[sea_orm(string_value = "published")]
        Published,
        /// Printed, but the week is not known.
        #[sea_orm(string_value = "undated")]
        Undated,
        /// Computed from a later issue's figure and printed change.
        #[sea_orm(string_value = "derived")]
        Derived,
    }

    /// A back issue's figures.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "history")]
    pub struct Model {
        /// Key made of series, number and kind; of a row without a number, of its content.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        /// Series it belongs to.
        pub series: String,
        /// Year of its number.
        pub year: i32,
        /// Number within the year.
        pub number: Option<i32>,
        /// Monday of its week, days since 1970-01-01.
        pub week_start: Option<i32>,
        /// Sunday of its week, days since 1970-01-01.
        pub week_end: Option<i32>,
        /// How sure it is.
        pub kind: HistoryKind,
        /// Figures by name: a JSON object as text.
        pub figures: String,
        /// Remark of whoever collected it.
        pub note: String,
        /// Where it was read.
        pub source: String,
        /// When it was imported, microseconds UTC.
        pub imported_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::{HistoryKind, Model as HistoryRow};

/// A back issue's figures to be imported.
#[derive(Clone, Debug, PartialEq)]
pub struct NewHistoryRow {
    /// Series it belongs to.
    pub series: String,
    /// Year of its number.
    pub year: i32,
    /// Number within the year; `None` where it is not known.
    pub number: Option<i32>,
    /// Monday of its week, days since 1970-01-01.
    pub week_start: Option<i32>,
    /// Sunday of its week, days since 1970-01-01.
    pub week_end: Option<i32>,
    /// How sure it is.
    pub kind: HistoryKind,
    /// Figures by name; a figure that the issue does not print is left out, not null.
    pub values: Map<String, Value>,
    /// Remark of whoever collected it.
    pub note: String,
    /// Where it was read.
    pub source: String,
}

impl HistoryKind {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            HistoryKind::Published => "published",
            HistoryKind::Undated => "undated",
            HistoryKind::Derived => "derived",
        }
    }
}

impl NewHistoryRow {
    fn key(&self) -> String {
        let kind = self.kind.as_str();
        match self.number {
            Some(number) => format!("{}/{}/{number}/{kind}", self.series, self.year),
            None => {
                let content = format!("{:?}\0{}\0{}", self.values, self.note, self.source);
                let hash = blake3::hash(content.as_bytes()).to_hex();
                format!("{}/{}/{}/{kind}", self.series, self.year, &hash[..16])
            }
        }
    }
}

impl HistoryRow {
    /// The figures by name.
    pub fn values(&self) -> Result<Map<String, Value>> {
        serde_json::from_str(&self.figures)
            .map_err(|error| Error::from(DbErr::Json(format!("history {}: {error}", self.id))))
    }
}

/// Rows a statement.
const ROWS: usize = 200;

impl Ledger {
    /// Imports rows in one transaction; a row with the same series, number and kind is replaced.
    pub async fn import_history(&self, rows: Vec<NewHistoryRow>, now: i64) -> Result<u64> {
        let tx = self.begin().await?;
        let mut count = 0;
        for rows in rows.chunks(ROWS) {
            let mut chunk: Vec<ActiveModel> = Vec::with_capacity(rows.len());
            for row in rows {
                let id = row.key();
                // PostgreSQL refuses a statement that upserts the same row twice.
                chunk.retain(|other| other.id.as_ref() != &id);
                chunk.push(ActiveModel {
                    id: Set(id),
                    series: Set(row.series.clone()),
                    year: Set(row.year),
                    number: Set(row.number),
                    week_start: Set(row.week_start),
                    week_end: Set(row.week_end),
                    kind: Set(row.kind),
                    figures: Set(Value::Object(row.values.clone()).to_string()),
                    note: Set(row.note.clone()),
                    source: Set(row.source.clone()),
                    imported_at: Set(now),
                });
            }
            let replace = OnConflict::column(Column::Id)
                .update_columns([
                    Column::WeekStart,
                    Column::WeekEnd,
                    Column::Figures,
                    Column::Note,
                    Column::Source,
                    Column::ImportedAt,
                ])
                .to_owned();
            count += chunk.len() as u64;
            Entity::insert_many(chunk)
                .on_conflict(replace)
                .exec_without_returning(&tx)
                .await?;
        }
        tx.commit().await?;
        Ok(count)
    }

    /// Rows of a series whose week starts in `days` (`None`: all, undated ones last), by week; for
    /// the same week published before derived.
    pub async fn history(&self, series: &str, days: Option<Range<i32>>) -> Result<Vec<HistoryRow>> {
        let mut select = Entity::find().filter(Column::Series.eq(series));
        if let Some(days) = days {
            let inside = Condition::all()
                .add(Column::WeekStart.gte(days.start))
                .add(Column::WeekStart.lt(days.end));
            select = select.filter(inside);
        }
        let mut rows = select.order_by_asc(Column::Id).all(self.reader()).await?;
        // Sorted here: the databases disagree on where NULL sorts.
        rows.sort_by_key(|row| {
            (
                row.week_start.unwrap_or(i32::MAX),
                row.year,
                row.kind == HistoryKind::Derived,
            )
        });
        Ok(rows)
    }
}
