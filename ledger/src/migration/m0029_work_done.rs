//! How far work on an issue is and what it came to, in the row of its job; the newest such jobs are found by their kind.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::text_null;

use super::create;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [text_null("stage"), text_null("outcome")] {
            let mut alter = Table::alter();
            alter.table("job").add_column(column);
            manager.alter_table(alter).await?;
        }
        let kinds = ("job_kind", false, "job", &["kind", "id"][..]);
        create(manager, Vec::new(), &[kinds]).await
    }
}
