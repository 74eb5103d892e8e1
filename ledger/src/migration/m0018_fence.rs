//! Fencing numbers: who took what last, so that whoever lost it cannot commit.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, text};

use super::{create, key, table};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let fence = table(
            "fence",
            [
                key("name"),
                big_integer("number"),
                text("holder"),
                big_integer("taken_at"),
            ],
        );
        create(manager, vec![fence], &[]).await
    }
}
