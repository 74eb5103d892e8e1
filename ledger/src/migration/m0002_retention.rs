//! What parts made of many reports hold, legal holds, and what a rule of retention took away.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, integer_null, text, text_null,
};

use super::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        for (name, table, column) in [
            ("lake_member_report", "lake_member", "report_id"),
            ("expiry_report", "expiry", "report_id"),
            ("expiry_day", "expiry", "day"),
        ] {
            let mut index = Index::create();
            index.name(name).table(table).col(column);
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn tables() -> Vec<TableCreateStatement> {
    let mut member = table(
        "lake_member",
        [
            text("path"),
            text("report_id"),
            text("feed"),
            big_integer("rows"),
        ],
    );
    member.primary_key(Index::create().col("path").col("report_id"));
    let hold = table(
        "hold",
        [
            big_pk_auto("id"),
            text_null("feed"),
            text_null("report_id"),
            integer_null("from_day"),
            integer_null("to_day"),
            text("reason"),
            text("placed_by"),
            big_integer("placed_at"),
            text_null("released_by"),
            big_integer_null("released_at"),
            text_null("release_reason"),
        ],
    );
    let expiry = table(
        "expiry",
        [
            big_pk_auto("id"),
            text("rule"),
            text("what"),
            text("report_id"),
            text("feed"),
            integer_null("day"),
            big_integer("count"),
            big_integer("bytes"),
            big_integer("lake_snapshot"),
            text("actor"),
            big_integer("expired_at"),
        ],
    );
    vec![member, hold, expiry]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_portable() {
        for table in tables() {
            let postgres = table.to_string(PostgresQueryBuilder);
            let sqlite = table.to_string(SqliteQueryBuilder);
            if sqlite.contains("AUTOINCREMENT") {
                let counts = postgres.contains("bigserial") || postgres.contains("IDENTITY");
                assert!(counts, "{postgres}");
            }
        }
    }
}
