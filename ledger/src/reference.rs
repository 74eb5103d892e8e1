//! Reference tables that were imported: which file, when, what it hashed to, and the blob that holds
//! its compiled form. What the tables mean is the `reference` crate's business.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect};

use crate::{Hash, Ledger, Result};

mod row {
    use sea_orm::entity::prelude::*;

    use crate::Hash;

    /// One import.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "reference_table")]
    pub struct Model {
        /// Number given by the ledger; a later import has a higher one.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// Kind of table.
        pub kind: String,
        /// Its name within the kind.
        pub name: String,
        /// File or folder it was imported from.
        pub source_path: String,
        /// Hash of the source.
        pub source_hash: Hash,
        /// When, microseconds UTC.
        pub imported_at: i64,
        /// Records in it.
        pub records: i64,
        /// Blob of the compiled table.
        pub compiled: Hash,
        /// Size of that blob.
        pub compiled_bytes: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::Model as ReferenceTable;

/// An import to be recorded. Its blob must be stored before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReferenceTable {
    /// Kind of table.
    pub kind: String,
    /// Its name within the kind.
    pub name: String,
    /// File or folder it was imported from.
    pub source_path: String,
    /// Hash of the source.
    pub source_hash: Hash,
    /// When, microseconds UTC.
    pub imported_at: i64,
    /// Records in it.
    pub records: i64,
    /// Blob of the compiled table.
    pub compiled: Hash,
    /// Size of that blob.
    pub compiled_bytes: i64,
}

async fn latest<C: ConnectionTrait>(
    db: &C,
    kind: &str,
    name: &str,
) -> Result<Option<ReferenceTable>> {
    let select = Entity::find()
        .filter(Column::Kind.eq(kind))
        .filter(Column::Name.eq(name))
        .order_by_desc(Column::Id)
        .limit(1);
    Ok(select.one(db).await?)
}

impl Ledger {
    /// Records an import and returns its row. The same source compiled to the same table as the
    /// latest of its kind and name changes nothing.
    pub async fn add_reference(&self, new: NewReferenceTable) -> Result<ReferenceTable> {
        let tx = self.begin().await?;
        if let Some(same) = latest(&tx, &new.kind, &new.name).await?
            && same.source_hash == new.source_hash
            && same.compiled == new.compiled
        {
            return Ok(same);
        }
        let row = ActiveModel {
            id: NotSet,
            kind: Set(new.kind),
            name: Set(new.name),
            source_path: Set(new.source_path),
            source_hash: Set(new.source_hash),
            imported_at: Set(new.imported_at),
            records: Set(new.records),
            compiled: Set(new.compiled),
            compiled_bytes: Set(new.compiled_bytes),
        };
        let row = Entity::insert(row).exec_with_returning(&tx).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// The newest import of a table.
    pub async fn latest_reference(&self, kind: &str, name: &str) -> Result<Option<ReferenceTable>> {
        latest(self.reader(), kind, name).await
    }

    /// The newest import of every table, of one kind or all; by kind and name.
    pub async fn latest_references(&self, kind: Option<&str>) -> Result<Vec<ReferenceTable>> {
        let mut rows = self.references(kind).await?;
        // By kind and name, and within them oldest first: the last of each stays.
        rows.reverse();
        rows.dedup_by(|later, kept| later.kind == kept.kind && later.name == kept.name);
        rows.reverse();
        Ok(rows)
    }

    /// All imports, of one kind or all; by kind, name and age, oldest first.
    pub async fn references(&self, kind: Option<&str>) -> Result<Vec<ReferenceTable>> {
        let mut select = Entity::find()
            .order_by_asc(Column::Kind)
            .order_by_asc(Column::Name)
            .order_by_asc(Column::Id);
        if let Some(kind) = kind {
            select = select.filter(Column::Kind.eq(kind));
        }
        Ok(select.all(self.reader()).await?)
    }
}
