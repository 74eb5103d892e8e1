//! The schema, as a list of forward steps. A step that was released is never edited: a change is a
//! new file and one more line here. There is no way back; the backup copy is.

mod m0001_spine;
mod m0002_retention;
mod m0003_lists;
mod m0004_token;
mod m0005_response;
mod m0006_newsroom;
mod m0007_listing;
mod m0008_subscriber;
mod m0009_flash;
mod m0010_access;
mod m0011_workbench;
mod m0015_portal;
mod m0016_sign_in;
mod m0017_duty;
mod m0018_fence;
mod m0020_proof_and_hold;
mod m0022_hold_causes;
mod m0023_working_days;
mod m0024_matters_held;
mod m0025_gone;
mod m0026_markings;
mod m0027_same_matter;
mod m0029_work_done;

use sea_orm_migration::prelude::{
    ColumnDef, DbErr, Index, SchemaManager, Table, TableCreateStatement,
};
use sea_orm_migration::schema::text;
use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// The steps in order.
pub(crate) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_spine::Migration),
            Box::new(m0002_retention::Migration),
            Box::new(m0003_lists::Migration),
            Box::new(m0004_token::Migration),
            Box::new(m0005_response::Migration),
            Box::new(m0006_newsroom::Migration),
            Box::new(m0007_listing::Migration),
            Box::new(m0008_subscriber::Migration),
            Box::new(m0009_flash::Migration),
            Box::new(m0010_access::Migration),
            Box::new(m0015_portal::Migration),
            Box::new(m0017_duty::Migration),
            Box::new(m0016_sign_in::Migration),
            Box::new(m0011_workbench::Migration),
            Box::new(m0018_fence::Migration),
            Box::new(m0020_proof_and_hold::Migration),
            Box::new(m0022_hold_causes::Migration),
            Box::new(m0023_working_days::Migration),
            Box::new(m0024_matters_held::Migration),
            Box::new(m0025_gone::Migration),
            Box::new(m0026_markings::Migration),
            Box::new(m0027_same_matter::Migration),
            Box::new(m0029_work_done::Migration),
        ]
    }
}

/// Bytes, always there.
fn blob(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).blob().not_null().take()
}

/// Bytes, perhaps not there.
fn blob_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).blob().null().take()
}

/// A text that is the table's key.
fn key(name: &'static str) -> ColumnDef {
    text(name).primary_key().take()
}

/// A table of these columns.
fn table(name: &'static str, columns: impl IntoIterator<Item = ColumnDef>) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name);
    for column in columns {
        table.col(column);
    }
    table
}

/// An index: name, whether it is unique, table, columns.
type NewIndex = (&'static str, bool, &'static str, &'static [&'static str]);

/// Makes tables and then their indexes.
async fn create(
    manager: &SchemaManager<'_>,
    tables: Vec<TableCreateStatement>,
    indexes: &[NewIndex],
) -> Result<(), DbErr> {
    for table in tables {
        manager.create_table(table).await?;
    }
    for (name, unique, table, columns) in indexes {
        let mut index = Index::create();
        index.name(*name).table(*table);
        for column in *columns {
            index.col(*column);
        }
        if *unique {
            index.unique();
        }
        manager.create_index(index).await?;
    }
    Ok(())
}
