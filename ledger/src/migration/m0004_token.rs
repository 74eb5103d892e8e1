//! Tokens by which other systems hand reports over.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, big_pk_auto, text, text_null};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table("token")
            .col(big_pk_auto("id"))
            .col(text("name"))
            .col(text_null("live_name"))
            .col(ColumnDef::new("hash").blob().not_null())
            .col(text_null("feed"))
            .col(big_integer("created_at"))
            .col(big_integer_null("revoked_at"));
        manager.create_table(table).await?;
        for (name, column) in [("token_hash", "hash"), ("token_live", "live_name")] {
            let mut index = Index::create();
            index.name(name).table("token").col(column).unique();
            manager.create_index(index).await?;
        }
        Ok(())
    }
}
