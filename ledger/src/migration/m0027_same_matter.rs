//! The same matter seen by several houses, and which of them counts it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_pk_auto, boolean, text, text_null};

use super::{create, table};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut alter = Table::alter();
        alter
            .table("incident")
            .add_column(boolean("counts_elsewhere").default(false));
        manager.alter_table(alter).await?;
        let same = table(
            "same_matter",
            [
                big_pk_auto("id"),
                text("matter"),
                text_null("incident_id"),
                text_null("organization_id"),
                text_null("number"),
                boolean("counts"),
                big_integer("linked_at"),
                text("linked_by"),
            ],
        );
        let indexes = [
            (
                "same_matter_incident",
                true,
                "same_matter",
                &["incident_id"][..],
            ),
            ("same_matter_matter", false, "same_matter", &["matter"][..]),
        ];
        create(manager, vec![same], &indexes).await
    }
}
