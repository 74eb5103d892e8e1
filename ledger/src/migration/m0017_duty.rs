//! The API's keys of repetition, webhooks out, and the duty desk: shifts, swaps, handovers, promises, alarms, drills.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, boolean, integer, integer_null, text, text_null,
};

use super::{blob_null, create, key, table};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// A number that the ledger gives.
fn number() -> ColumnDef {
    big_pk_auto("id")
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let once = table(
            "once",
            [
                key("key"),
                text("account"),
                text("request"),
                integer_null("status"),
                text_null("headers"),
                blob_null("body"),
                big_integer("begun_at"),
                big_integer("until"),
            ],
        );
        let hook = table(
            "hook",
            [
                number(),
                text("name"),
                text("url"),
                text("kinds"),
                text("secret"),
                text("created_by"),
                big_integer("created_at"),
                big_integer_null("ended_at"),
            ],
        );
        let call = table(
            "hook_call",
            [
                number(),
                big_integer("hook_id"),
                text("message"),
                text("kind"),
                text("body"),
                text("state"),
                integer("attempts"),
                text("reply"),
                big_integer("created_at"),
                big_integer_null("tried_at"),
            ],
        );
        let shift = table(
            "shift",
            [
                number(),
                text("login"),
                text("role"),
                big_integer("from_at"),
                big_integer("to_at"),
                text("created_by"),
                big_integer("created_at"),
                big_integer_null("removed_at"),
            ],
        );
        let swap = table(
            "shift_swap",
            [
                number(),
                big_integer("shift_id"),
                text("asked_by"),
                text("login"),
                text("reason"),
                text("state"),
                boolean("needs_lead"),
                big_integer("asked_at"),
                big_integer_null("answered_at"),
                text_null("decided_by"),
                big_integer_null("decided_at"),
            ],
        );
        let handover = table(
            "handover",
            [
                number(),
                text("giver"),
                text("taker"),
                text("facts"),
                text("remark"),
                text_null("answer"),
                big_integer("given_at"),
                big_integer_null("taken_at"),
            ],
        );
        let promise = table(
            "promise",
            [
                number(),
                text_null("incident_id"),
                text("what"),
                text("to_whom"),
                big_integer("due_at"),
                text("made_by"),
                big_integer("made_at"),
                text_null("done_by"),
                big_integer_null("done_at"),
                text_null("outcome"),
            ],
        );
        let alarm = table(
            "alarm",
            [
                number(),
                text("rule"),
                text("topic"),
                text_null("live_topic"),
                text("severity"),
                text("what_zh"),
                text("what_en"),
                text("href"),
                big_integer("raised_at"),
                big_integer("seen_at"),
                big_integer_null("told_at"),
                big_integer_null("climbed_at"),
                text_null("acknowledged_by"),
                big_integer_null("acknowledged_at"),
                text_null("remark"),
                big_integer_null("ended_at"),
                text("link"),
                big_integer("link_until"),
            ],
        );
        let telling = table(
            "alarm_telling",
            [
                number(),
                big_integer("alarm_id"),
                text("way"),
                text("target"),
                boolean("climbed"),
                text("state"),
                integer("attempts"),
                text("reply"),
                big_integer("created_at"),
                big_integer("next_at"),
                big_integer_null("sent_at"),
            ],
        );
        let drill = table(
            "drill",
            [
                number(),
                text("scenario"),
                text("login"),
                text("props"),
                big_integer("begun_at"),
                big_integer_null("ended_at"),
                integer("score"),
                integer("hints"),
                text("reached"),
            ],
        );
        create(
            manager,
            vec![
                once, hook, call, shift, swap, handover, promise, alarm, telling, drill,
            ],
            &[
                ("idx_once_until", false, "once", &["until"]),
                ("idx_hook_call_hook", false, "hook_call", &["hook_id"]),
                ("idx_shift_from", false, "shift", &["from_at"]),
                ("idx_swap_shift", false, "shift_swap", &["shift_id"]),
                ("idx_promise_due", false, "promise", &["due_at"]),
                ("uq_alarm_live", true, "alarm", &["live_topic"]),
                ("idx_alarm_raised", false, "alarm", &["raised_at"]),
                ("idx_telling_alarm", false, "alarm_telling", &["alarm_id"]),
            ],
        )
        .await
    }
}
