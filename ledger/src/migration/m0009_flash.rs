//! Flash alerts: a series with numbers of its own, approved by two people.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, integer, text, text_null};

use super::{blob, table};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [integer("year"), integer("number")];
        let texts = [
            "level",
            "title_zh",
            "title_en",
            "text_zh",
            "text_en",
            "affected_zh",
            "affected_en",
            "advice_zh",
            "advice_en",
            "links",
            "tlp",
            "state",
            "author",
        ];
        let mut flash = table("flash", columns);
        for name in texts {
            flash.col(text(name));
        }
        flash
            .col(big_integer("created_at"))
            .col(blob("hash"))
            .col(text_null("approved_by"))
            .col(big_integer_null("approved_at"))
            .col(text_null("published_by"))
            .col(big_integer_null("published_at"))
            .col(text_null("withdrawn_by"))
            .col(big_integer_null("withdrawn_at"))
            .col(text_null("withdrawn_why"))
            .primary_key(Index::create().col("year").col("number"));
        manager.create_table(flash).await
    }
}
