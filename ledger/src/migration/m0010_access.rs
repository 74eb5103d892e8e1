//! Sign-in: secrets of accounts, and sessions.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, boolean, text, text_null};

use super::{create, key, table};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One column a statement: SQLite takes no more.
        for column in [
            text_null("organization"),
            text_null("lang"),
            text_null("theme"),
            text_null("email"),
        ] {
            let mut account = Table::alter();
            account.table("account").add_column(column);
            manager.alter_table(account).await?;
        }
        let credential = table(
            "credential",
            [
                key("login"),
                text("password"),
                boolean("must_change"),
                big_integer("changed_at"),
            ],
        );
        let session = table(
            "session",
            [
                key("id"),
                text("login"),
                big_integer("created_at"),
                big_integer("seen_at"),
                big_integer("expires_at"),
                big_integer_null("ended_at"),
                text("source"),
                text("agent"),
                text("how"),
            ],
        );
        create(
            manager,
            vec![credential, session],
            &[("idx_session_login", false, "session", &["login"])],
        )
        .await
    }
}
