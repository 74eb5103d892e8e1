//! The workbench of incidents: who works on what, views that people keep, what was done to many at once, the words by
//! which incidents are found, and indexes that hold what lists ask for.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, boolean, integer, text, text_null,
};

use super::{NewIndex, create, key, table};
use crate::incident::index_words;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Two columns stood here; what else a list asks for is held beside them now, so that looking for few among many
/// reads no row in vain.
const REPLACED: [&str; 3] = ["incident_state", "incident_kind", "incident_province"];

const INDEXES: &[NewIndex] = &[
    ("assignment_login", false, "assignment", &["login"]),
    ("saved_view_owner", false, "saved_view", &["owner", "place"]),
    (
        "incident_scan",
        false,
        "incident",
        &[
            "number",
            "state",
            "kind",
            "severity",
            "province",
            "country",
            "opened_at",
            "owner",
            "flags",
            "border",
        ],
    ),
    (
        "incident_by_state",
        false,
        "incident",
        &[
            "state",
            "number",
            "kind",
            "severity",
            "province",
            "country",
            "opened_at",
            "owner",
        ],
    ),
    (
        "incident_by_kind",
        false,
        "incident",
        &[
            "kind",
            "number",
            "state",
            "severity",
            "province",
            "country",
            "opened_at",
            "owner",
        ],
    ),
    (
        "incident_by_province",
        false,
        "incident",
        &[
            "province",
            "number",
            "state",
            "kind",
            "severity",
            "country",
            "opened_at",
            "owner",
        ],
    ),
    (
        "incident_by_owner",
        false,
        "incident",
        &["owner", "number", "state", "kind"],
    ),
    (
        "incident_by_asn",
        false,
        "incident",
        &["asn", "number", "state", "kind"],
    ),
    ("incident_by_brand", false, "incident", &["brand", "number"]),
    ("incident_by_name", false, "incident", &["name", "number"]),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in REPLACED {
            let mut index = Index::drop();
            index.name(name).table("incident");
            manager.drop_index(index.to_owned()).await?;
        }
        let tables = vec![
            table(
                "assignment",
                [
                    key("incident_id"),
                    text("login"),
                    big_integer("at"),
                    text("by"),
                ],
            ),
            table(
                "saved_view",
                [
                    big_pk_auto("id"),
                    text("owner"),
                    text("name"),
                    text("query"),
                    text("columns"),
                    integer("place"),
                    big_integer("created_at"),
                ],
            ),
            table(
                "bulk_act",
                [
                    key("id"),
                    text("actor"),
                    text("act"),
                    text("detail"),
                    integer("total"),
                    integer("done"),
                    integer("failed"),
                    text("outcome"),
                    boolean("undoable"),
                    big_integer("begun_at"),
                    big_integer_null("ended_at"),
                    big_integer_null("undone_at"),
                    text_null("undone_by"),
                ],
            ),
            table(
                "incident_word",
                [ColumnDef::new("key")
                    .big_integer()
                    .not_null()
                    .primary_key()
                    .take()],
            ),
        ];
        create(manager, tables, INDEXES).await?;
        index_words(manager.get_connection())
            .await
            .map_err(|error| DbErr::Migration(error.to_string()))
    }
}
