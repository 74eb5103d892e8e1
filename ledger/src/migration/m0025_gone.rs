//! When incidents were found gone, in order: the overview's sums and a week's figures ask for a span of it.

use sea_orm_migration::prelude::*;

use super::create;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let gone = ("incident_gone", false, "incident", &["gone_at"][..]);
        create(manager, Vec::new(), &[gone]).await
    }
}
