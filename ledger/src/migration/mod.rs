//! The schema, as a list of forward steps. A step that was released is never edited: a change is a
//! new file and one more line here. There is no way back; the backup copy is.

mod m0001_spine;
mod m0002_retention;
mod m0003_lists;
mod m0004_token;
mod m0005_response;

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
        ]
    }
}
