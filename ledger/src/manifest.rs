//! The lake's manifest: which Parquet files make up the lake, at every snapshot.
//!
//! A file is visible from the snapshot that added it to the one that removed it. So a statistic that
//! was frozen at snapshot N reads the same files next year: [`Ledger::forget_removed`] lets go only
//! what neither a stored issue's snapshot nor one from the horizon on sees. A file on disk that is not
//! listed here is an orphan of a killed process.

use std::ops::Range;

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{self, Expr};
use sea_orm::{Condition, QueryOrder, QuerySelect};

use crate::{Error, Ledger, Page, Result, bulk, counter, issue, member};

mod row {
    use sea_orm::entity::prelude::*;

    /// What a file of the lake holds.
    #[derive(
        Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, serde::Serialize,
    )]
    #[sea_orm(rs_type = "String", db_type = "Text")]
    #[serde(rename_all = "lowercase")]
    pub enum LakeFileKind {
        /// Events as Parquet.
        #[sea_orm(string_value = "part")]
        Part,
        /// A sorted run of identities, for deduplication.
        #[sea_orm(string_value = "ids")]
        Ids,
    }

    /// One file of the lake.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "lake_file")]
    pub struct Model {
        /// Path below the lake's root.
        #[sea_orm(primary_key, auto_increment = false)]
        pub path: String,
        /// What it holds.
        pub kind: LakeFileKind,
        /// UTC day of its events, days since 1970-01-01.
        pub day: i32,
        /// Feed, if all of it is of one.
        pub feed: Option<String>,
        /// Report, if all of it is of one.
        pub report_id: Option<String>,
        /// Generation of that report, or of the compaction.
        pub generation: i32,
        /// Rows in it.
        pub rows: i64,
        /// Its size.
        pub bytes: i64,
        /// Earliest `observed_at` in it, microseconds UTC.
        pub min_observed_at: Option<i64>,
        /// Latest `observed_at` in it, microseconds UTC.
        pub max_observed_at: Option<i64>,
        /// Version of the lake's schema it was written with.
        pub schema_version: i32,
        /// First snapshot that sees it.
        pub added: i64,
        /// First snapshot that no longer sees it.
        pub removed: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod snapshot {
    //! The table of snapshots; number 0, the empty lake, has no row.

    use sea_orm::entity::prelude::*;

    /// A state of the lake.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "snapshot")]
    pub struct Model {
        /// Its number, from 1.
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: i64,
        /// When it was committed, microseconds UTC.
        pub created_at: i64,
        /// What made it (`ingest`, `compaction` ...).
        pub reason: String,
        /// Reports that it ingested.
        pub reports: i32,
        /// Files it added.
        pub added: i32,
        /// Files it removed.
        pub removed: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::{LakeFileKind, Model as LakeFile};
pub use snapshot::Model as Snapshot;

/// A staged file, fsynced and ready to become visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLakeFile {
    /// Path below the lake's root.
    pub path: String,
    /// What it holds.
    pub kind: LakeFileKind,
    /// UTC day of its events, days since 1970-01-01.
    pub day: i32,
    /// Feed, if all of it is of one.
    pub feed: Option<String>,
    /// Report, if all of it is of one.
    pub report_id: Option<String>,
    /// Generation of that report, or of the compaction.
    pub generation: i32,
    /// Rows in it.
    pub rows: i64,
    /// Its size.
    pub bytes: i64,
    /// Earliest `observed_at` in it, microseconds UTC.
    pub min_observed_at: Option<i64>,
    /// Latest `observed_at` in it, microseconds UTC.
    pub max_observed_at: Option<i64>,
    /// Version of the lake's schema it was written with.
    pub schema_version: i32,
}

/// What the live parts of the lake amount to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct LakeTotals {
    /// Parts.
    pub files: i64,
    /// Events in them.
    pub rows: i64,
    /// Their size in bytes.
    pub bytes: i64,
    /// Earliest `observed_at`, microseconds UTC; `None` while there are no events.
    pub first_observed_at: Option<i64>,
    /// Latest `observed_at`, microseconds UTC.
    pub last_observed_at: Option<i64>,
}

/// Adds files under `snapshot`.
pub(crate) async fn add<C: ConnectionTrait>(
    db: &C,
    snapshot: i64,
    files: Vec<NewLakeFile>,
) -> Result<()> {
    for paths in files.chunks(bulk::LIST) {
        let taken = Entity::find()
            .filter(Column::Path.is_in(paths.iter().map(|file| file.path.as_str())))
            .one(db)
            .await?;
        if let Some(taken) = taken {
            return Err(Error::conflict(
                format!("lake file {}", taken.path),
                "is in the manifest already",
            ));
        }
    }
    let rows = files.into_iter().map(|file| {
        let size = file.path.len() + 128;
        let row = ActiveModel {
            path: Set(file.path),
            kind: Set(file.kind),
            day: Set(file.day),
            feed: Set(file.feed),
            report_id: Set(file.report_id),
            generation: Set(file.generation),
            rows: Set(file.rows),
            bytes: Set(file.bytes),
            min_observed_at: Set(file.min_observed_at),
            max_observed_at: Set(file.max_observed_at),
            schema_version: Set(file.schema_version),
            added: Set(snapshot),
            removed: Set(None),
        };
        (row, size)
    });
    bulk::insert(db, rows).await?;
    Ok(())
}

/// Removes live files under `snapshot`. One that is not live any more means that the caller decided
/// on an older manifest: nothing is changed then.
pub(crate) async fn remove<C: ConnectionTrait>(
    db: &C,
    snapshot: i64,
    paths: &[String],
) -> Result<()> {
    for paths in paths.chunks(bulk::LIST) {
        let listed = || Column::Path.is_in(paths.iter().map(String::as_str));
        let done = Entity::update_many()
            .col_expr(Column::Removed, Expr::value(snapshot))
            .filter(listed())
            .filter(Column::Removed.is_null())
            .exec(db)
            .await?;
        if done.rows_affected == paths.len() as u64 {
            continue;
        }
        let marked = Entity::find()
            .filter(listed())
            .filter(Column::Removed.eq(snapshot))
            .all(db)
            .await?;
        let stale = paths
            .iter()
            .find(|path| marked.iter().all(|file| file.path != **path));
        return Err(match stale {
            Some(path) => Error::conflict(
                format!("lake file {path}"),
                "is not in the current manifest: read it again and repeat",
            ),
            None => Error::conflict("lake files", "the same path is to be removed twice"),
        });
    }
    Ok(())
}

/// Live parts of a report of generations before `generation`.
pub(crate) async fn left_behind<C: ConnectionTrait>(
    db: &C,
    report: &str,
    generation: i32,
) -> Result<Option<LakeFile>> {
    let select = Entity::find()
        .filter(Column::ReportId.eq(report))
        .filter(Column::Kind.eq(LakeFileKind::Part))
        .filter(Column::Generation.lt(generation))
        .filter(Column::Removed.is_null());
    if let Some(own) = select.one(db).await? {
        return Ok(Some(own));
    }
    let shared = member::paths(db, &[report.to_owned()]).await?;
    Ok(live(db, &shared).await?.into_iter().next())
}

/// Those of `paths` that are live, by path.
pub(crate) async fn live<C: ConnectionTrait>(db: &C, paths: &[String]) -> Result<Vec<LakeFile>> {
    let mut files = Vec::new();
    for paths in paths.chunks(bulk::LIST) {
        let select = Entity::find()
            .filter(Column::Path.is_in(paths.iter().map(String::as_str)))
            .filter(Column::Removed.is_null())
            .order_by_asc(Column::Path);
        files.extend(select.all(db).await?);
    }
    Ok(files)
}

/// Puts `new` in the place of listed files at every snapshot that saw them: what a rule of retention
/// takes away is gone from the past as well. The new files of a pair see what the old one saw.
pub(crate) async fn replace_everywhere<C: ConnectionTrait>(
    db: &C,
    old: &[String],
    new: Vec<LakeFile>,
) -> Result<()> {
    for paths in old.chunks(bulk::LIST) {
        let done = Entity::delete_many()
            .filter(Column::Path.is_in(paths.iter().map(String::as_str)))
            .exec(db)
            .await?;
        if done.rows_affected != paths.len() as u64 {
            return Err(Error::conflict(
                "lake files",
                "the manifest changed meanwhile: read it again and repeat",
            ));
        }
    }
    member::forget(db, old).await?;
    let rows = new.into_iter().map(|file| {
        let size = file.path.len() + 128;
        (ActiveModel::from(file).reset_all(), size)
    });
    bulk::insert(db, rows).await?;
    Ok(())
}

/// Records a snapshot.
pub(crate) async fn record<C: ConnectionTrait>(db: &C, row: Snapshot) -> Result<()> {
    let row: snapshot::ActiveModel = row.into();
    snapshot::Entity::insert(row.reset_all())
        .exec_without_returning(db)
        .await?;
    Ok(())
}

impl Ledger {
    /// Number of the newest snapshot; 0 while the lake is empty.
    pub async fn current_snapshot(&self) -> Result<i64> {
        counter::value(self.reader(), counter::SNAPSHOT).await
    }

    /// The horizon: every snapshot from it on can be read; of older ones, those of stored issues.
    pub async fn oldest_snapshot(&self) -> Result<i64> {
        counter::value(self.reader(), counter::HORIZON).await
    }

    /// Snapshots, newest first.
    pub async fn snapshots(&self, page: Page) -> Result<Vec<Snapshot>> {
        let select = snapshot::Entity::find()
            .order_by_desc(snapshot::Column::Number)
            .offset(page.offset)
            .limit(page.limit);
        Ok(select.all(self.reader()).await?)
    }

    /// One snapshot; `None` for number 0 and for numbers that do not exist.
    pub async fn snapshot(&self, number: i64) -> Result<Option<Snapshot>> {
        Ok(snapshot::Entity::find_by_id(number)
            .one(self.reader())
            .await?)
    }

    /// Files that make up the lake at a snapshot (`None`: now), of one kind or both, with days in
    /// `days` or all; ordered by day and path.
    ///
    /// Whoever reads more than once, or stores what it read, asks for [`Ledger::current_snapshot`]
    /// first and passes that number: a snapshot never changes.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a snapshot that does not exist yet or whose files were let go.
    pub async fn live_files(
        &self,
        snapshot: Option<i64>,
        kind: Option<LakeFileKind>,
        days: Option<Range<i32>>,
    ) -> Result<Vec<LakeFile>> {
        let mut select = Entity::find()
            .order_by_asc(Column::Day)
            .order_by_asc(Column::Path);
        select = match snapshot {
            None => select.filter(Column::Removed.is_null()),
            Some(number) => select.filter(Column::Added.lte(number)).filter(
                Condition::any()
                    .add(Column::Removed.is_null())
                    .add(Column::Removed.gt(number)),
            ),
        };
        if let Some(kind) = kind {
            select = select.filter(Column::Kind.eq(kind));
        }
        if let Some(days) = days {
            select = select
                .filter(Column::Day.gte(days.start))
                .filter(Column::Day.lt(days.end));
        }
        let files = select.all(self.reader()).await?;
        if let Some(number) = snapshot {
            // Asked afterwards: had the snapshot been let go meanwhile, files would be missing.
            let newest = self.current_snapshot().await?;
            let kept = (self.oldest_snapshot().await?..=newest).contains(&number)
                || issue::pinned(self.reader()).await?.contains(&number);
            if !kept {
                return Err(Error::not_found("lake snapshot", number));
            }
        }
        Ok(files)
    }

    /// What the live parts amount to.
    pub async fn lake_totals(&self) -> Result<LakeTotals> {
        let sum = |column: Column| sea_query::ExprTrait::cast_as(column.sum(), "bigint");
        let select = Entity::find()
            .select_only()
            .column_as(Column::Path.count(), "files")
            .column_as(sum(Column::Rows), "rows")
            .column_as(sum(Column::Bytes), "bytes")
            .column_as(Column::MinObservedAt.min(), "first")
            .column_as(Column::MaxObservedAt.max(), "last")
            .filter(Column::Kind.eq(LakeFileKind::Part))
            .filter(Column::Removed.is_null());
        type Sums = (i64, Option<i64>, Option<i64>, Option<i64>, Option<i64>);
        let sums: Option<Sums> = select.into_tuple().one(self.reader()).await?;
        let (files, rows, bytes, first_observed_at, last_observed_at) = sums.unwrap_or_default();
        let (rows, bytes) = (rows.unwrap_or(0), bytes.unwrap_or(0));
        Ok(LakeTotals {
            files,
            rows,
            bytes,
            first_observed_at,
            last_observed_at,
        })
    }

    /// Live files that are all of one report, to be removed when it is reprocessed.
    pub async fn files_of_report(&self, report_id: &str) -> Result<Vec<LakeFile>> {
        let select = Entity::find()
            .filter(Column::ReportId.eq(report_id))
            .filter(Column::Removed.is_null())
            .order_by_asc(Column::Path);
        Ok(select.all(self.reader()).await?)
    }

    /// Whether the manifest knows a file, live or not; one that it does not know is an orphan.
    pub async fn knows_file(&self, path: &str) -> Result<bool> {
        Ok(Entity::find_by_id(path).count(self.reader()).await? > 0)
    }

    /// Every file that the manifest lists, live or kept for an older snapshot, with days before
    /// `before`; ordered by day and path.
    pub async fn listed_files(&self, before: i32) -> Result<Vec<LakeFile>> {
        let select = Entity::find()
            .filter(Column::Day.lt(before))
            .order_by_asc(Column::Day)
            .order_by_asc(Column::Path);
        Ok(select.all(self.reader()).await?)
    }

    /// Lets the snapshots before `keep_from` go and returns the files that nobody sees any more: a
    /// file stays while a snapshot from `keep_from` on sees it, or that of a stored issue. The caller
    /// deletes those returned from the lake afterwards; if it is killed in between they are orphans.
    pub async fn forget_removed(&self, keep_from: i64) -> Result<Vec<String>> {
        let tx = self.begin().await?;
        let newest = counter::value(&tx, counter::SNAPSHOT).await?;
        let horizon = counter::value(&tx, counter::HORIZON).await?;
        let keep_from = keep_from.clamp(horizon, newest.max(horizon));
        let pinned = issue::pinned(&tx).await?;
        let removed = Entity::find()
            .filter(Column::Removed.lte(keep_from))
            .order_by_asc(Column::Path)
            .all(&tx)
            .await?;
        let needed = |file: &LakeFile| {
            let seen = file.added..file.removed.unwrap_or(i64::MAX);
            pinned.range(seen).next().is_some()
        };
        let paths: Vec<String> = removed
            .into_iter()
            .filter(|file| !needed(file))
            .map(|file| file.path)
            .collect();
        for paths in paths.chunks(bulk::LIST) {
            Entity::delete_many()
                .filter(Column::Path.is_in(paths.iter().map(String::as_str)))
                .exec(&tx)
                .await?;
        }
        member::forget(&tx, &paths).await?;
        counter::set(&tx, counter::HORIZON, keep_from).await?;
        tx.commit().await?;
        Ok(paths)
    }
}
