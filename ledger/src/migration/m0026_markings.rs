//! Whose information an incident is, until when it is under embargo, and who may get it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer_null, text, text_null};

use super::{create, table};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [text_null("originator"), big_integer_null("embargo_until")] {
            let mut alter = Table::alter();
            alter.table("incident").add_column(column);
            manager.alter_table(alter).await?;
        }
        let mut allowed = table(
            "incident_recipient",
            [text("incident_id"), text("organization_id")],
        );
        allowed.primary_key(Index::create().col("incident_id").col("organization_id"));
        // Asked by every page of the portal.
        let embargo = (
            "incident_embargo",
            false,
            "incident",
            &["embargo_until"][..],
        );
        create(manager, vec![allowed], &[embargo]).await
    }
}
