//! For what a directive's time stands still: a dispute and an appeal are settled each by itself.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::text_null;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut alter = Table::alter();
        alter.table("directive").add_column(text_null("held_for"));
        manager.alter_table(alter).await
    }
}
