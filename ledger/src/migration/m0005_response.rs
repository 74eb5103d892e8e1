//! Response: organizations and how they are reached, incidents and what joined them, what was decided,
//! sent, received and looked at. Words, ids and lists are `text`, instants `bigint` microseconds.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, boolean, integer, text, text_null,
};

use super::{blob, blob_null, key, table};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in party_tables()
            .into_iter()
            .chain(incident_tables())
            .chain(notice_tables())
            .chain(message_tables())
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
        for name in ["incident", "complaint", "notice"] {
            counters.values_panic([name.into(), 0i64.into()]);
        }
        manager.execute(counters).await
    }
}

/// Name, unique, table, columns.
const INDEXES: &[(&str, bool, &str, &[&str])] = &[
    (
        "contact_organization",
        false,
        "contact",
        &["organization_id"],
    ),
    (
        "responsibility_value",
        false,
        "responsibility",
        &["scope", "value"],
    ),
    (
        "responsibility_organization",
        false,
        "responsibility",
        &["organization_id"],
    ),
    ("incident_number", true, "incident", &["number"]),
    ("incident_key", false, "incident", &["key", "rule"]),
    ("incident_live", true, "incident", &["live_key"]),
    ("incident_state", false, "incident", &["state", "number"]),
    ("incident_kind", false, "incident", &["kind", "number"]),
    (
        "incident_province",
        false,
        "incident",
        &["province", "number"],
    ),
    ("incident_host", false, "incident", &["host"]),
    ("incident_ip", false, "incident", &["ip"]),
    ("incident_opened", false, "incident", &["opened_at"]),
    ("incident_counted", false, "incident", &["counted_at"]),
    ("incident_closed", false, "incident", &["closed_at"]),
    ("incident_campaign", false, "incident", &["campaign_id"]),
    (
        "incident_event_event",
        false,
        "incident_event",
        &["event_id"],
    ),
    (
        "incident_note_incident",
        false,
        "incident_note",
        &["incident_id"],
    ),
    ("clock_incident", false, "clock", &["incident_id"]),
    ("clock_due", false, "clock", &["state", "due_at"]),
    (
        "directive_incident",
        false,
        "directive",
        &["incident_id", "place"],
    ),
    ("directive_state", false, "directive", &["state", "due_at"]),
    (
        "directive_organization",
        false,
        "directive",
        &["organization_id", "state"],
    ),
    ("notice_number", true, "notice", &["number"]),
    ("notice_token", true, "notice", &["token"]),
    ("notice_message", true, "notice", &["message_id"]),
    (
        "notice_address",
        false,
        "notice",
        &["address", "created_at"],
    ),
    ("notice_state", false, "notice", &["state", "next_at"]),
    (
        "notice_directive_directive",
        false,
        "notice_directive",
        &["directive_id"],
    ),
    ("attempt_notice", false, "attempt", &["notice_id"]),
    ("message_state", false, "message", &["state", "received_at"]),
    ("message_incident", false, "message", &["incident_id"]),
    ("complaint_number", true, "complaint", &["number"]),
    ("complaint_receipt", true, "complaint", &["receipt"]),
    ("complaint_incident", false, "complaint", &["incident_id"]),
    (
        "verification_incident",
        false,
        "verification",
        &["incident_id", "at"],
    ),
    ("evidence_incident", false, "evidence", &["incident_id"]),
    (
        "registration_expires",
        false,
        "registration",
        &["expires_at"],
    ),
];

/// The table's `column` is the id of a row of `to`.
fn of(
    to: &'static str,
    column: &'static str,
    name: &'static str,
    mut table: TableCreateStatement,
) -> TableCreateStatement {
    let mut key = ForeignKey::create();
    key.from(name, column).to(to, "id");
    table.foreign_key(&mut key).take()
}

fn party_tables() -> Vec<TableCreateStatement> {
    let organization = table(
        "organization",
        [
            key("id"),
            text("name_zh"),
            text("name_en"),
            text("roles"),
            text_null("country"),
            text_null("province"),
            text("zone"),
            text("language"),
            text("trust"),
            boolean("may_contact"),
            boolean("may_probe"),
            text_null("mark_reason"),
            big_integer("interval_secs"),
            text("source"),
            boolean("protected"),
            boolean("active"),
            big_integer("changed_at"),
            integer("version"),
        ],
    );
    let contact = table(
        "contact",
        [
            key("id"),
            text("organization_id"),
            text("channel"),
            text("address"),
            text_null("language"),
            text_null("format"),
            text("rung"),
            integer("quality"),
            text_null("hours"),
            text_null("pgp_key"),
            big_integer_null("pgp_expires_at"),
            boolean("opted_out"),
            text("source"),
            boolean("active"),
            big_integer("changed_at"),
        ],
    );
    let responsibility = table(
        "responsibility",
        [
            big_pk_auto("id"),
            text("organization_id"),
            text("scope"),
            text("value"),
            text("source"),
            boolean("active"),
        ],
    );
    let rule_trust = table(
        "rule_trust",
        [
            key("rule"),
            text("mode"),
            big_integer("approved"),
            big_integer("wrong"),
            text_null("first_vote"),
            text_null("second_vote"),
            big_integer("changed_at"),
        ],
    );
    vec![
        organization,
        of("organization", "organization_id", "contact", contact),
        of(
            "organization",
            "organization_id",
            "responsibility",
            responsibility,
        ),
        rule_trust,
    ]
}

fn incident_tables() -> Vec<TableCreateStatement> {
    let campaign = table(
        "campaign",
        [
            key("id"),
            text("name"),
            text("reason"),
            big_integer("opened_at"),
            big_integer_null("closed_at"),
        ],
    );
    let incident = table(
        "incident",
        [
            key("id"),
            big_integer("number"),
            text("kind"),
            text("state"),
            text("severity"),
            text("rule"),
            text("key"),
            text_null("live_key"),
            text("what"),
            text_null("url"),
            text_null("host"),
            text_null("ip"),
            big_integer_null("asn"),
            text_null("name"),
            text_null("brand"),
            text_null("country"),
            text_null("province"),
            text("territory"),
            text("border"),
            text("flags"),
            text_null("owner"),
            text("tlp"),
            text("origin"),
            text_null("external_number"),
            text_null("campaign_id"),
            text_null("merged_into"),
            text_null("resolution"),
            text_null("basis"),
            text_null("validated_by"),
            text_null("grade"),
            boolean("legal_hold"),
            big_integer("events"),
            big_integer("complaints"),
            big_integer("opened_at"),
            big_integer("first_seen_at"),
            big_integer("last_seen_at"),
            big_integer_null("validated_at"),
            big_integer_null("noticed_at"),
            big_integer_null("acknowledged_at"),
            big_integer_null("acted_at"),
            big_integer_null("last_up_at"),
            big_integer_null("gone_at"),
            big_integer_null("closed_at"),
            big_integer_null("counted_at"),
            big_integer("changed_at"),
            integer("version"),
        ],
    );
    let mut incident_event = table(
        "incident_event",
        [
            text("incident_id"),
            blob("event_id"),
            integer("day"),
            text("rule"),
            big_integer("joined_at"),
        ],
    );
    incident_event.primary_key(Index::create().col("incident_id").col("event_id"));
    let incident_note = table(
        "incident_note",
        [
            big_pk_auto("id"),
            text("incident_id"),
            big_integer("at"),
            text("actor"),
            text("body"),
        ],
    );
    let clock = table(
        "clock",
        [
            big_pk_auto("id"),
            text("incident_id"),
            text("law"),
            text("duty"),
            text("state"),
            big_integer("started_at"),
            text("started_by"),
            text("reason"),
            big_integer("due_at"),
            integer("escalated"),
            big_integer_null("ended_at"),
            text_null("ended_by"),
            text_null("ended_reason"),
        ],
    );
    let verification = table(
        "verification",
        [
            key("id"),
            text("incident_id"),
            big_integer("at"),
            text("probe"),
            text("client"),
            text("vantage"),
            text("finding"),
            text("reason"),
            text("detail"),
            blob_null("evidence"),
            text("actor"),
        ],
    );
    let evidence = table(
        "evidence",
        [
            key("id"),
            text("incident_id"),
            blob("blob"),
            text("name"),
            text("media_type"),
            big_integer("bytes"),
            text("source"),
            text("tlp"),
            big_integer("at"),
            text("actor"),
        ],
    );
    vec![
        campaign,
        incident,
        of("incident", "incident_id", "incident_event", incident_event),
        of("incident", "incident_id", "incident_note", incident_note),
        of("incident", "incident_id", "clock", clock),
        of("incident", "incident_id", "verification", verification),
        of("incident", "incident_id", "evidence", evidence),
    ]
}

fn notice_tables() -> Vec<TableCreateStatement> {
    let directive = table(
        "directive",
        [
            key("id"),
            text("incident_id"),
            integer("place"),
            text("role"),
            text_null("organization_id"),
            text("ask"),
            text("reason"),
            text("state"),
            big_integer("target_secs"),
            big_integer("decided_at"),
            big_integer_null("asked_at"),
            big_integer_null("due_at"),
            big_integer_null("reminded_at"),
            big_integer_null("escalated_at"),
            big_integer_null("answered_at"),
            big_integer_null("acted_at"),
            text_null("ticket"),
        ],
    );
    let notice = table(
        "notice",
        [
            key("id"),
            big_integer("number"),
            text("kind"),
            text("state"),
            text("organization_id"),
            text_null("contact_id"),
            text("channel"),
            text("address"),
            text_null("format"),
            text("language"),
            text("subject"),
            text("token"),
            text("message_id"),
            text("thread"),
            blob("body"),
            text_null("hold_reason"),
            text_null("approved_by"),
            big_integer_null("approved_at"),
            boolean("exercise"),
            integer("attempts"),
            big_integer("created_at"),
            big_integer_null("next_at"),
            big_integer_null("sent_at"),
            text_null("outcome"),
        ],
    );
    let mut notice_directive = table(
        "notice_directive",
        [text("notice_id"), text("directive_id"), text("incident_id")],
    );
    notice_directive.primary_key(Index::create().col("notice_id").col("directive_id"));
    let attempt = table(
        "attempt",
        [
            big_pk_auto("id"),
            text("notice_id"),
            big_integer("at"),
            text("outcome"),
            text("reply"),
        ],
    );
    vec![
        of("incident", "incident_id", "directive", directive),
        of("organization", "organization_id", "notice", notice),
        of("notice", "notice_id", "notice_directive", notice_directive),
        of("notice", "notice_id", "attempt", attempt),
    ]
}

fn message_tables() -> Vec<TableCreateStatement> {
    let message = table(
        "message",
        [
            key("id"),
            blob("blob"),
            text("origin"),
            text_null("message_id"),
            text("sender"),
            text("subject"),
            text("nature"),
            text("state"),
            text_null("reason"),
            text_null("proposal"),
            text_null("notice_id"),
            text_null("incident_id"),
            big_integer("received_at"),
            big_integer_null("handled_at"),
        ],
    );
    let complaint = table(
        "complaint",
        [
            key("id"),
            big_integer("number"),
            text("receipt"),
            text("via"),
            text_null("message"),
            text("kind"),
            text("what"),
            text("observables"),
            text("body"),
            text_null("reporter"),
            text_null("reporter_name"),
            text("state"),
            text_null("reason"),
            text_null("incident_id"),
            big_integer("received_at"),
            big_integer_null("receipt_at"),
            big_integer_null("outcome_at"),
        ],
    );
    // What was asked of registration data services, so that it is not asked again before it expires.
    let registration = table(
        "registration",
        [
            key("question"),
            text("state"),
            text("answer"),
            big_integer("asked_at"),
            big_integer("expires_at"),
        ],
    );
    vec![message, complaint, registration]
}
