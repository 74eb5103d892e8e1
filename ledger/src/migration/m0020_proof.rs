//! Sign-in: when a session last showed whose it is.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer_null;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut session = Table::alter();
        session
            .table("session")
            .add_column(big_integer_null("proved_at"));
        manager.alter_table(session).await
    }
}
