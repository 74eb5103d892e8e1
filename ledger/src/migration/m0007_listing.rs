//! Block lists: what was proposed, approved and taken off again, and each publication with its serial.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, big_pk_auto, text, text_null};

use super::{NewIndex, blob, create, table};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create(manager, tables(), INDEXES).await
    }
}

const INDEXES: &[NewIndex] = &[
    ("listing_live", true, "listing", &["live_key"]),
    ("listing_state", false, "listing", &["list", "state"]),
    ("listing_value", false, "listing", &["kind", "value"]),
    (
        "publication_serial",
        true,
        "list_publication",
        &["list", "serial"],
    ),
];

fn tables() -> Vec<TableCreateStatement> {
    vec![
        table(
            "listing",
            [
                big_pk_auto("id"),
                text("list"),
                text("kind"),
                text("value"),
                text_null("live_key"),
                text("classification"),
                text_null("incident"),
                text_null("feed"),
                text("licence"),
                text("grounds"),
                text("state"),
                big_integer("verified_at"),
                big_integer("expires_at"),
                big_integer("proposed_at"),
                text("proposed_by"),
                big_integer_null("approved_at"),
                text_null("approved_by"),
                text_null("approval"),
                big_integer_null("ended_at"),
                text_null("ended_by"),
                text_null("ending"),
                big_integer("changed_at"),
            ],
        ),
        table(
            "list_publication",
            [
                big_pk_auto("id"),
                text("list"),
                big_integer("serial"),
                big_integer("at"),
                big_integer("entries"),
                blob("digest"),
                text_null("issue"),
                text_null("accepted"),
                text("actor"),
            ],
        ),
    ]
}
