//! Subscribers of the mail edition, and each mail that was meant for one.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, integer, text, text_null,
};

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
    ("subscriber_live", true, "subscriber", &["live_email"]),
    ("subscriber_confirm", false, "subscriber", &["confirm_hash"]),
    ("subscriber_leave", false, "subscriber", &["leave_hash"]),
    (
        "edition_mail_once",
        true,
        "edition_mail",
        &["edition", "subscriber_id"],
    ),
    ("edition_mail_id", true, "edition_mail", &["message_id"]),
];

fn tables() -> Vec<TableCreateStatement> {
    vec![
        table(
            "subscriber",
            [
                big_pk_auto("id"),
                text("email"),
                text_null("live_email"),
                text("language"),
                text("state"),
                text("source"),
                blob("confirm_hash"),
                blob("leave_hash"),
                big_integer("asked_at"),
                big_integer_null("confirmed_at"),
                big_integer_null("left_at"),
                text_null("ending"),
                integer("hard_bounces"),
                big_integer_null("bounced_at"),
                text_null("bounce"),
                big_integer("changed_at"),
            ],
        ),
        table(
            "edition_mail",
            [
                big_pk_auto("id"),
                text("edition"),
                big_integer("subscriber_id"),
                text("message_id"),
                text("state"),
                integer("attempts"),
                big_integer("made_at"),
                big_integer("next_at"),
                big_integer_null("sent_at"),
                text("reply"),
            ],
        ),
    ]
}
