//! What people outside see and send: files with complaints, appeals, what parties say in the portal, and the
//! changes to their contacts that wait for a lead.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, integer, text, text_null,
};

use super::{blob, blob_null, create, table};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One column a statement: SQLite takes no more.
        for column in [text_null("language"), big_integer_null("decided_at")] {
            let mut complaint = Table::alter();
            complaint.table("complaint").add_column(column);
            manager.alter_table(complaint).await?;
        }
        let submitted = table(
            "submitted_file",
            [
                big_pk_auto("id"),
                text_null("complaint_id"),
                big_integer_null("appeal_id"),
                integer("place"),
                blob("original"),
                big_integer("bytes"),
                text("kind"),
                blob_null("shown"),
                integer("width"),
                integer("height"),
                big_integer("at"),
            ],
        );
        let appeal = table(
            "appeal",
            [
                big_pk_auto("id"),
                text("receipt"),
                text("about"),
                text("object"),
                text("body"),
                text_null("name"),
                text_null("address"),
                text("language"),
                text("state"),
                big_integer_null("listing_id"),
                text_null("incident_id"),
                big_integer("received_at"),
                big_integer_null("decided_at"),
                text_null("decided_by"),
                text_null("decision"),
            ],
        );
        let post = table(
            "portal_post",
            [
                big_pk_auto("id"),
                text("organization_id"),
                text("incident_id"),
                big_integer("at"),
                text("actor"),
                text("kind"),
                text("ground"),
                text("body"),
                text_null("message_id"),
            ],
        );
        let change = table(
            "contact_change",
            [
                big_pk_auto("id"),
                text("organization_id"),
                text("change"),
                text("proposed_by"),
                big_integer("proposed_at"),
                text("state"),
                big_integer_null("decided_at"),
                text_null("decided_by"),
                text_null("decision"),
            ],
        );
        create(
            manager,
            vec![submitted, appeal, post, change],
            &[
                (
                    "submitted_file_complaint",
                    false,
                    "submitted_file",
                    &["complaint_id"],
                ),
                (
                    "submitted_file_appeal",
                    false,
                    "submitted_file",
                    &["appeal_id"],
                ),
                ("appeal_receipt", true, "appeal", &["receipt"]),
                ("appeal_state", false, "appeal", &["state", "id"]),
                (
                    "portal_post_of",
                    false,
                    "portal_post",
                    &["organization_id", "incident_id"],
                ),
                (
                    "portal_post_incident",
                    false,
                    "portal_post",
                    &["incident_id"],
                ),
                (
                    "contact_change_state",
                    false,
                    "contact_change",
                    &["state", "id"],
                ),
                (
                    "contact_change_of",
                    false,
                    "contact_change",
                    &["organization_id"],
                ),
                (
                    "complaint_reporter",
                    false,
                    "complaint",
                    &["reporter", "received_at"],
                ),
                ("complaint_received", false, "complaint", &["received_at"]),
            ],
        )
        .await
    }
}
