//! The newsroom: accounts and deputies, the life of an issue, its files, corrections.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, boolean, integer, integer_null, text, text_null,
};

use super::{blob, key, table};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        for (name, table) in [
            ("edition_step_issue", "edition_step"),
            ("edition_comment_issue", "edition_comment"),
            ("correction_issue", "correction"),
        ] {
            let mut index = Index::create();
            index.name(name).table(table);
            for column in ["series", "year", "number"] {
                index.col(column);
            }
            manager.create_index(index).await?;
        }
        let mut around = Table::alter();
        around.table("issue").add_column(text("around").default(""));
        manager.alter_table(around).await
    }
}

/// The three columns that name an issue.
fn issue() -> [ColumnDef; 3] {
    [text("series"), integer("year"), integer("number")]
}

fn tables() -> Vec<TableCreateStatement> {
    let account = table(
        "account",
        [
            key("login"),
            text("name"),
            text("roles"),
            boolean("active"),
            big_integer("created_at"),
            text("created_by"),
        ],
    );
    let deputy = table(
        "deputy",
        [
            big_pk_auto("id"),
            text("approver"),
            text("deputy"),
            integer("first_day"),
            integer("last_day"),
            text("granted_by"),
            big_integer("granted_at"),
            big_integer_null("revoked_at"),
        ],
    );
    let mut edition = table("edition", issue());
    for column in [
        integer("week_start"),
        integer("week_end"),
        big_integer("freeze_at"),
        big_integer("deadline_at"),
        text_null("statistics"),
        big_integer_null("lake_snapshot"),
        big_integer_null("ledger_as_of"),
        big_integer_null("frozen_at"),
        text("editorial"),
        text("digest"),
        integer_null("published_revision"),
        big_integer_null("first_published_at"),
        big_integer_null("published_at"),
        big_integer_null("withdrawn_at"),
        text("withdrawn_zh"),
        text("withdrawn_en"),
        big_integer_null("archived_at"),
    ] {
        edition.col(column);
    }
    edition.primary_key(Index::create().col("series").col("year").col("number"));
    let mut step = table("edition_step", [big_pk_auto("id")]);
    for column in issue().into_iter().chain([
        integer("revision"),
        text("step"),
        big_integer("at"),
        text("actor"),
        text_null("acting_for"),
        text("reason"),
        text("detail"),
    ]) {
        step.col(column);
    }
    let mut comment = table("edition_comment", [big_pk_auto("id")]);
    for column in issue().into_iter().chain([
        integer("revision"),
        text("place"),
        text("author"),
        text("text"),
        big_integer("at"),
        text_null("settled_by"),
        big_integer_null("settled_at"),
    ]) {
        comment.col(column);
    }
    let mut rendition = table("rendition", issue());
    for column in [
        integer("revision"),
        text("name"),
        blob("hash"),
        big_integer("size"),
    ] {
        rendition.col(column);
    }
    let mut unique = Index::create();
    for column in ["series", "year", "number", "revision", "name"] {
        unique.col(column);
    }
    rendition.primary_key(&mut unique);
    let mut correction = table("correction", [big_pk_auto("id")]);
    for column in issue().into_iter().chain([
        integer("revision"),
        text("value"),
        text("printed"),
        text("counted"),
        big_integer("lake_snapshot"),
        text("cause"),
        big_integer("found_at"),
        text("state"),
        text_null("decided_by"),
        big_integer_null("decided_at"),
        text("note"),
    ]) {
        correction.col(column);
    }
    vec![
        account, deputy, edition, step, comment, rendition, correction,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_portable() {
        for table in tables() {
            let postgres = table.to_string(PostgresQueryBuilder);
            assert!(postgres.starts_with("CREATE TABLE"), "{postgres}");
        }
    }
}
