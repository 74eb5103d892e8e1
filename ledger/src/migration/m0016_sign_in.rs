//! Sign-in: attempts that are counted, second factors, identities of other houses, tokens of the API.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, big_pk_auto, text, text_null};

use super::{blob, create, key, table};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut session = Table::alter();
        session.table("session").add_column(text_null("owes"));
        manager.alter_table(session).await?;
        let attempt = table(
            "sign_in_attempt",
            [
                key("id"),
                big_integer("failures"),
                big_integer("last_at"),
                big_integer("held_until"),
            ],
        );
        let half = table(
            "half_session",
            [
                key("id"),
                text("login"),
                text("how"),
                big_integer("created_at"),
                big_integer("expires_at"),
            ],
        );
        let factor = table(
            "second_factor",
            [
                key("login"),
                text("secret"),
                big_integer("created_at"),
                big_integer_null("confirmed_at"),
                big_integer("last_step"),
            ],
        );
        let recovery = table(
            "recovery_code",
            [
                big_pk_auto("id"),
                text("login"),
                blob("hash"),
                big_integer_null("used_at"),
            ],
        );
        let identity = table(
            "identity",
            [
                big_pk_auto("id"),
                text("issuer"),
                text("subject"),
                text("login"),
                big_integer("bound_at"),
            ],
        );
        let token = table(
            "api_token",
            [
                big_pk_auto("id"),
                text("login"),
                text("name"),
                blob("hash"),
                text("scopes"),
                big_integer("created_at"),
                text("created_by"),
                big_integer("expires_at"),
                big_integer_null("used_at"),
                big_integer_null("revoked_at"),
            ],
        );
        create(
            manager,
            vec![attempt, half, factor, recovery, identity, token],
            &[
                (
                    "idx_sign_in_attempt_last",
                    false,
                    "sign_in_attempt",
                    &["last_at"],
                ),
                ("idx_half_session_login", false, "half_session", &["login"]),
                (
                    "idx_recovery_code",
                    true,
                    "recovery_code",
                    &["login", "hash"],
                ),
                (
                    "idx_identity_subject",
                    true,
                    "identity",
                    &["issuer", "subject"],
                ),
                ("idx_identity_login", false, "identity", &["login"]),
                ("idx_api_token_hash", true, "api_token", &["hash"]),
                ("idx_api_token_login", false, "api_token", &["login"]),
            ],
        )
        .await
    }
}
