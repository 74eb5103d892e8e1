//! Legal holds on an incident or a party, and which incidents each covers.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, text, text_null};

use super::{create, table};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["incident_id", "organization_id"] {
            let mut alter = Table::alter();
            alter.table("hold").add_column(text_null(column));
            manager.alter_table(alter).await?;
        }
        let mut covered = table(
            "hold_incident",
            [
                big_integer("hold_id"),
                text("incident_id"),
                big_integer("covered_at"),
            ],
        );
        covered.primary_key(Index::create().col("hold_id").col("incident_id"));
        let mut followed = table(
            "hold_party",
            [big_integer("hold_id"), text("organization_id")],
        );
        followed.primary_key(Index::create().col("hold_id").col("organization_id"));
        let by_incident = (
            "hold_incident_incident",
            false,
            "hold_incident",
            &["incident_id"][..],
        );
        // Asked of each raw report whose time is over.
        let evidence = ("evidence_blob", false, "evidence", &["blob"][..]);
        create(manager, vec![covered, followed], &[by_incident, evidence]).await
    }
}
