//! What each report was like, kept from one to the next, and what a person decided about a change.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_pk_auto, integer, text, text_null};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        for (name, table, columns) in [
            ("report_profile_feed", "report_profile", ["feed", "at"]),
            ("verdict_feed", "verdict", ["feed", "at"]),
        ] {
            let mut index = Index::create();
            index.name(name).table(table);
            for column in columns {
                index.col(column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn tables() -> Vec<TableCreateStatement> {
    let mut profile = Table::create();
    profile
        .table("report_profile")
        .col(text("report_id"))
        .col(integer("generation"))
        .col(big_integer("lake_snapshot"))
        .col(text("feed"))
        .col(text("kind"))
        .col(big_integer("at"))
        .col(text_null("list"))
        .col(big_integer("rows"))
        .col(big_integer("rejects"))
        .col(big_integer("damaged"))
        .col(text("json"))
        .primary_key(Index::create().col("report_id").col("generation"));
    let mut of_report = ForeignKey::create();
    of_report
        .from("report_profile", "report_id")
        .to("report", "id");
    profile.foreign_key(&mut of_report);
    let mut verdict = Table::create();
    verdict
        .table("verdict")
        .col(big_pk_auto("id"))
        .col(text("feed"))
        .col(text_null("kind"))
        .col(text("cause"))
        .col(text("decision"))
        .col(big_integer("at"))
        .col(text("reason"))
        .col(text("actor"))
        .col(big_integer("created_at"));
    vec![profile.take(), verdict.take()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_portable() {
        for table in tables() {
            let postgres = table.to_string(PostgresQueryBuilder);
            assert!(postgres.starts_with("CREATE TABLE"), "{postgres}");
            if table
                .to_string(SqliteQueryBuilder)
                .contains("AUTOINCREMENT")
            {
                assert!(
                    postgres.contains("bigserial") || postgres.contains("IDENTITY"),
                    "{postgres}"
                );
            }
        }
    }
}
