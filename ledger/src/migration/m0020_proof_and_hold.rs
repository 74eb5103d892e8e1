//! When a session last showed whose it is, and since when a directive's time stands still.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer_null;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in [("session", "proved_at"), ("directive", "held_at")] {
            let mut alter = Table::alter();
            alter.table(table).add_column(big_integer_null(column));
            manager.alter_table(alter).await?;
        }
        Ok(())
    }
}
