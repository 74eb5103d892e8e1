//! First schema: reports, rejects, tallies, the lake's manifest, jobs, audit, infrastructure events,
//! reference tables, issues, history, settings. Documents and words are `text` (they are kept to the
//! byte and hashed), hashes `blob`, instants and counts `bigint`, days `integer`.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, boolean, integer, integer_null, text, text_null,
};

use super::{blob, blob_null, key, table};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in intake_tables()
            .into_iter()
            .chain(lake_tables())
            .chain(other_tables())
        {
            manager.create_table(table).await?;
        }
        for (name, unique, table, columns) in INDEXES {
            let mut index = Index::create();
            index.name(*name).table(*table);
            for column in *columns {
                index.col(*column);
            }
            if *unique {
                index.unique();
            }
            manager.create_index(index).await?;
        }
        let mut counters = Query::insert();
        counters.into_table("counter").columns(["name", "value"]);
        for name in ["snapshot", "horizon", "audit"] {
            counters.values_panic([name.into(), 0i64.into()]);
        }
        manager.execute(counters).await
    }
}

/// Name, unique, table, columns.
const INDEXES: &[(&str, bool, &str, &[&str])] = &[
    ("report_feed", false, "report", &["feed", "received_at"]),
    ("report_state", false, "report", &["state"]),
    ("report_blob", false, "report", &["blob"]),
    (
        "reject_report",
        false,
        "reject",
        &["report_id", "generation"],
    ),
    ("reject_feed", false, "reject", &["feed", "reason"]),
    ("tally_day", false, "tally", &["day", "feed"]),
    ("tally_report", false, "tally", &["report_id"]),
    ("lake_file_day", false, "lake_file", &["day", "kind"]),
    ("lake_file_removed", false, "lake_file", &["removed"]),
    ("lake_file_report", false, "lake_file", &["report_id"]),
    ("job_live", true, "job", &["live_key"]),
    ("job_due", false, "job", &["state", "run_at"]),
    ("audit_object", false, "audit", &["object"]),
    (
        "infrastructure_start",
        false,
        "infrastructure_event",
        &["start_at"],
    ),
    (
        "reference_name",
        false,
        "reference_table",
        &["kind", "name"],
    ),
    ("history_week", false, "history", &["series", "week_start"]),
];

/// The table's `report_id` is that of a report.
fn of_report(name: &'static str, mut table: TableCreateStatement) -> TableCreateStatement {
    let mut key = ForeignKey::create();
    key.from(name, "report_id").to("report", "id");
    table.foreign_key(&mut key).take()
}

fn intake_tables() -> Vec<TableCreateStatement> {
    let report = table(
        "report",
        [
            key("id"),
            text("feed"),
            text("kind"),
            text("origin"),
            blob("blob"),
            big_integer("bytes"),
            big_integer("received_at"),
            big_integer_null("snapshot_at"),
            text("state"),
            text_null("reason"),
            integer("generation"),
            text_null("format"),
            text_null("schema_version"),
            big_integer("rows"),
            big_integer("events"),
            big_integer("duplicates"),
            big_integer("rejects"),
            big_integer_null("ingested_at"),
            big_integer_null("lake_snapshot"),
        ],
    );
    let mut ingest = table(
        "ingest",
        [
            text("report_id"),
            integer("generation"),
            big_integer("lake_snapshot"),
            big_integer("committed_at"),
        ],
    );
    ingest.primary_key(Index::create().col("report_id").col("generation"));
    let reject = table(
        "reject",
        [
            big_pk_auto("id"),
            text("report_id"),
            text("feed"),
            integer("generation"),
            big_integer("line"),
            big_integer("offset"),
            text("reason"),
            text("message"),
            blob("raw"),
            big_integer("raw_len"),
            blob("raw_hash"),
            blob_null("edited"),
            text("state"),
            big_integer_null("changed_at"),
        ],
    );
    let tally = table(
        "tally",
        [
            big_pk_auto("id"),
            text("report_id"),
            text("feed"),
            integer("day"),
            text("observable"),
            text_null("tag"),
            big_integer("records"),
        ],
    );
    vec![
        report,
        of_report("ingest", ingest),
        of_report("reject", reject),
        of_report("tally", tally),
    ]
}

fn lake_tables() -> Vec<TableCreateStatement> {
    let counter = table("counter", [key("name"), big_integer("value")]);
    let snapshot = table(
        "snapshot",
        [
            big_integer("number").primary_key().take(),
            big_integer("created_at"),
            text("reason"),
            integer("reports"),
            integer("added"),
            integer("removed"),
        ],
    );
    let lake_file = table(
        "lake_file",
        [
            key("path"),
            text("kind"),
            integer("day"),
            text_null("feed"),
            text_null("report_id"),
            integer("generation"),
            big_integer("rows"),
            big_integer("bytes"),
            big_integer_null("min_observed_at"),
            big_integer_null("max_observed_at"),
            integer("schema_version"),
            big_integer("added"),
            big_integer_null("removed"),
        ],
    );
    let job = table(
        "job",
        [
            big_pk_auto("id"),
            text("kind"),
            text("key"),
            text_null("live_key"),
            text("payload"),
            text("state"),
            boolean("again"),
            big_integer("run_at"),
            big_integer_null("lease_until"),
            text_null("leased_by"),
            integer("attempts"),
            text_null("last_error"),
            big_integer("created_at"),
            big_integer_null("finished_at"),
        ],
    );
    vec![counter, snapshot, lake_file, job]
}

fn other_tables() -> Vec<TableCreateStatement> {
    let audit = table(
        "audit",
        [
            big_integer("seq").primary_key().take(),
            big_integer("at"),
            text("actor"),
            text("action"),
            text("object"),
            text("detail"),
            blob("prev_hash"),
            blob("hash"),
        ],
    );
    let infrastructure = table(
        "infrastructure_event",
        [
            key("id"),
            text("name_zh"),
            text("name_en"),
            text("place_zh"),
            text("place_en"),
            text("scope"),
            integer("level"),
            big_integer("start_at"),
            big_integer_null("end_at"),
            text("effect_zh"),
            text("effect_en"),
            text("state"),
            big_integer("changed_at"),
        ],
    );
    let reference = table(
        "reference_table",
        [
            big_pk_auto("id"),
            text("kind"),
            text("name"),
            text("source_path"),
            blob("source_hash"),
            big_integer("imported_at"),
            big_integer("records"),
            blob("compiled"),
            big_integer("compiled_bytes"),
        ],
    );
    let mut issue = table(
        "issue",
        [
            text("series"),
            integer("year"),
            integer("number"),
            integer("revision"),
            text("state"),
            integer("week_start"),
            integer("week_end"),
            big_integer("lake_snapshot"),
            big_integer("ledger_as_of"),
            big_integer("created_at"),
            text("author"),
            text("note"),
            text("statistics"),
            text("bulletin"),
            blob("hash"),
            text_null("approved_by"),
            big_integer_null("approved_at"),
        ],
    );
    issue.primary_key(
        Index::create()
            .col("series")
            .col("year")
            .col("number")
            .col("revision"),
    );
    let history = table(
        "history",
        [
            key("id"),
            text("series"),
            integer("year"),
            integer_null("number"),
            integer_null("week_start"),
            integer_null("week_end"),
            text("kind"),
            text("figures"),
            text("note"),
            text("source"),
            big_integer("imported_at"),
        ],
    );
    let setting = table("setting", [key("key"), text("json")]);
    vec![audit, infrastructure, reference, issue, history, setting]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same definitions must do on PostgreSQL, where a bigint key counts by itself only as bigserial.
    #[test]
    fn tables_are_portable() {
        for table in intake_tables()
            .into_iter()
            .chain(lake_tables())
            .chain(other_tables())
        {
            let postgres = table.to_string(PostgresQueryBuilder);
            let sqlite = table.to_string(SqliteQueryBuilder);
            assert!(postgres.starts_with("CREATE TABLE"), "{postgres}");
            if sqlite.contains("AUTOINCREMENT") {
                assert!(
                    postgres.contains("bigserial") || postgres.contains("IDENTITY"),
                    "{postgres}"
                );
            }
            assert!(!postgres.contains("\" blob"), "{postgres}");
        }
    }
}
