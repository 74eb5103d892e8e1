//! Webhooks out: who wants to be told of changes, what was told, and what came of it.
//!
//! What is told is the audit trail: its numbers have no gaps and become visible in the order of commits, so that a
//! cursor misses nothing. A call is stored in the transaction that moves the cursor and asks for its job: told at
//! least once, never forgotten. The secret of a subscription cannot be serialized.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{QueryOrder, QuerySelect};
use serde_json::json;

use crate::account::Actor;
use crate::audit::{self, AuditEntry, NewAudit};
use crate::text::without_nul;
use crate::{Error, Ledger, NewJob, Page, Result, job, setting};

use model::newsroom::Right;

/// Kind of the jobs that call.
pub const HOOK_JOB: &str = "hook";
/// Where the cursor over the audit trail is kept.
const CURSOR: &str = "hooks.cursor";
/// Changes looked at together.
const STRIDE: u64 = 200;
/// Characters of a reply that are kept.
const REPLY: usize = 500;

mod row {
    use sea_orm::entity::prelude::*;

    /// Somebody who wants to be told.
    #[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "hook")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// What it is called.
        pub name: String,
        /// Where it is posted to.
        pub url: String,
        /// Kinds of changes, with commas between: `incident.close`, or with a dot at the end all that begin so.
        pub kinds: String,
        /// The shared secret, `whsec_...`.
        pub secret: String,
        /// Who made it.
        pub created_by: String,
        /// When, microseconds UTC.
        pub created_at: i64,
        /// When it was ended.
        pub ended_at: Option<i64>,
    }

    impl std::fmt::Debug for Model {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "Hook({} {})", self.id, self.name)
        }
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod call {
    use sea_orm::entity::prelude::*;

    /// How a call stands.
    #[derive(
        Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, serde::Serialize,
    )]
    #[sea_orm(rs_type = "String", db_type = "Text")]
    #[serde(rename_all = "lowercase")]
    pub enum CallState {
        /// Waits, or is tried again.
        #[sea_orm(string_value = "waiting")]
        Waiting,
        /// The other side took it.
        #[sea_orm(string_value = "sent")]
        Sent,
        /// Given up.
        #[sea_orm(string_value = "failed")]
        Failed,
    }

    /// One thing told to one of them.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "hook_call")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// To whom.
        pub hook_id: i64,
        /// Its `webhook-id`: the same on each try and on each replay.
        pub message: String,
        /// Kind of change.
        pub kind: String,
        /// What is posted.
        pub body: String,
        /// How it stands.
        pub state: CallState,
        /// How often it was tried.
        pub attempts: i32,
        /// What the other side said last.
        pub reply: String,
        /// When it was asked for, microseconds UTC.
        pub created_at: i64,
        /// When it was tried last.
        pub tried_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub use call::{CallState, Model as HookCall};
pub use row::Model as Hook;

impl Hook {
    /// Whether it wants changes of this kind.
    pub fn wants(&self, kind: &str) -> bool {
        self.kinds.split(',').any(|wanted| matches(wanted, kind))
    }
}

/// Whether a kind is meant: `incident.close` itself, `incident.` all that begin so, `*` every one.
pub fn matches(wanted: &str, kind: &str) -> bool {
    wanted == "*" || wanted == kind || (wanted.ends_with('.') && kind.starts_with(wanted))
}

/// Changes that no program outside is told of: who signs in, and what keeps the house safe.
pub fn is_inner(kind: &str) -> bool {
    [
        "session.", "account.", "token.", "deputy.", "hook.", "access.",
    ]
    .iter()
    .any(|own| kind.starts_with(own))
}

fn posted(entry: &AuditEntry) -> String {
    json!({
        "type": entry.action,
        "timestamp": jiff_text(entry.at),
        "data": { "seq": entry.seq, "object": entry.object, "by": entry.actor },
    })
    .to_string()
}

/// An instant as RFC 3339.
fn jiff_text(at: i64) -> String {
    model::time::Timestamp(at)
        .to_jiff()
        .map_or_else(String::new, |at| at.to_string())
}

impl Ledger {
    /// Rows of the audit trail after a place, oldest first.
    pub async fn audit_after(&self, seq: i64, limit: u64) -> Result<Vec<AuditEntry>> {
        Ok(audit::after(self.reader(), seq, limit).await?)
    }

    /// Makes a subscription; audited without its secret.
    ///
    /// # Errors
    /// [`Error::Conflict`] if a name or kind is missing.
    pub async fn add_hook(
        &self,
        by: &Actor,
        (name, url, kinds): (&str, &str, &[String]),
        secret: &str,
        now: i64,
    ) -> Result<Hook> {
        by.must(Right::Administer)?;
        let name = without_nul(name).trim().to_owned();
        if name.is_empty() || kinds.is_empty() {
            return Err(Error::conflict(
                "webhook",
                "needs a name and a kind of change",
            ));
        }
        let tx = self.begin().await?;
        if setting::read::<i64, _>(&tx, CURSOR).await?.is_none() {
            // The first subscription begins now, not with the history of the house.
            let last = audit::last(&tx).await?;
            setting::write(&tx, CURSOR, &last).await?;
        }
        let row = row::ActiveModel {
            id: NotSet,
            name: Set(name.clone()),
            url: Set(url.to_owned()),
            kinds: Set(kinds.join(",")),
            secret: Set(secret.to_owned()),
            created_by: Set(by.login().to_owned()),
            created_at: Set(now),
            ended_at: Set(None),
        };
        let row = row.insert(&tx).await?;
        let record = NewAudit {
            actor: by.login().to_owned(),
            action: "hook.add".to_owned(),
            object: format!("hook {}", row.id),
            detail: json!({ "name": name, "url": url, "kinds": kinds }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Ends a subscription: nothing more is told.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none in force.
    pub async fn end_hook(&self, by: &Actor, id: i64, now: i64) -> Result<()> {
        by.must(Right::Administer)?;
        let tx = self.begin().await?;
        let done = row::Entity::update_many()
            .col_expr(row::Column::EndedAt, Expr::value(now))
            .filter(row::Column::Id.eq(id))
            .filter(row::Column::EndedAt.is_null())
            .exec(&tx)
            .await?;
        if done.rows_affected == 0 {
            return Err(Error::not_found("webhook", id.to_string()));
        }
        let record = NewAudit {
            actor: by.login().to_owned(),
            action: "hook.end".to_owned(),
            object: format!("hook {id}"),
            detail: json!({}),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// All subscriptions, the newest first.
    pub async fn hooks(&self) -> Result<Vec<Hook>> {
        let all = row::Entity::find().order_by_desc(row::Column::Id);
        Ok(all.all(self.reader()).await?)
    }

    /// A subscription.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn hook(&self, id: i64) -> Result<Hook> {
        let found = row::Entity::find_by_id(id).one(self.reader()).await?;
        found.ok_or_else(|| Error::not_found("webhook", id.to_string()))
    }

    /// Looks at the changes since the last look and stores a call for whoever wants one, with its job; how many
    /// calls there are, and whether changes are left.
    pub async fn note_calls(&self, now: i64) -> Result<(u64, bool)> {
        let tx = self.begin().await?;
        let Some(cursor) = setting::read::<i64, _>(&tx, CURSOR).await? else {
            return Ok((0, false));
        };
        let entries = audit::after(&tx, cursor, STRIDE).await?;
        let Some(last) = entries.last().map(|entry| entry.seq) else {
            return Ok((0, false));
        };
        let live = row::Entity::find()
            .filter(row::Column::EndedAt.is_null())
            .order_by_asc(row::Column::Id)
            .all(&tx)
            .await?;
        let mut calls = 0;
        for entry in entries.iter().filter(|entry| !is_inner(&entry.action)) {
            for hook in live.iter().filter(|hook| hook.wants(&entry.action)) {
                let message = format!("msg_{}_{}", hook.id, entry.seq);
                store_call(&tx, hook.id, message, (&entry.action, posted(entry)), now).await?;
                calls += 1;
            }
        }
        setting::write(&tx, CURSOR, &last).await?;
        tx.commit().await?;
        Ok((calls, entries.len() as u64 == STRIDE))
    }

    /// A call by its number.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn hook_call(&self, id: i64) -> Result<HookCall> {
        let found = call::Entity::find_by_id(id).one(self.reader()).await?;
        found.ok_or_else(|| Error::not_found("webhook call", id.to_string()))
    }

    /// Calls of a subscription, the newest first; before the one of this number, where one is given.
    pub async fn hook_calls(
        &self,
        hook: i64,
        before: Option<i64>,
        page: Page,
    ) -> Result<Vec<HookCall>> {
        let mut select = call::Entity::find()
            .filter(call::Column::HookId.eq(hook))
            .order_by_desc(call::Column::Id)
            .offset(page.offset)
            .limit(page.limit);
        if let Some(before) = before {
            select = select.filter(call::Column::Id.lt(before));
        }
        Ok(select.all(self.reader()).await?)
    }

    /// Notes what came of a try.
    pub async fn hook_called(
        &self,
        id: i64,
        state: CallState,
        reply: &str,
        now: i64,
    ) -> Result<()> {
        let reply: String = without_nul(reply).chars().take(REPLY).collect();
        call::Entity::update_many()
            .col_expr(call::Column::State, Expr::value(state))
            .col_expr(call::Column::Reply, Expr::value(reply))
            .col_expr(call::Column::TriedAt, Expr::value(now))
            .col_expr(
                call::Column::Attempts,
                Expr::col(call::Column::Attempts).add(1),
            )
            .filter(call::Column::Id.eq(id))
            .exec(self.writer()?)
            .await?;
        Ok(())
    }

    /// Tells the same once more, under the same message id.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Conflict`] if its subscription ended.
    pub async fn replay_call(&self, by: &Actor, id: i64, now: i64) -> Result<()> {
        by.must(Right::Administer)?;
        let tx = self.begin().await?;
        let found = call::Entity::find_by_id(id).one(&tx).await?;
        let found = found.ok_or_else(|| Error::not_found("webhook call", id.to_string()))?;
        let hook = row::Entity::find_by_id(found.hook_id).one(&tx).await?;
        if hook.is_none_or(|hook| hook.ended_at.is_some()) {
            let reason = "its subscription ended: make a new one";
            return Err(Error::conflict(format!("webhook call {id}"), reason));
        }
        call::Entity::update_many()
            .col_expr(call::Column::State, Expr::value(CallState::Waiting))
            .filter(call::Column::Id.eq(id))
            .exec(&tx)
            .await?;
        ask(&tx, id, now).await?;
        let record = NewAudit {
            actor: by.login().to_owned(),
            action: "hook.replay".to_owned(),
            object: format!("hook {}", found.hook_id),
            detail: json!({ "call": id, "message": found.message }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Tells a subscription something that is no change, to see whether it is heard; the call's number.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn try_hook(&self, by: &Actor, id: i64, now: i64) -> Result<i64> {
        by.must(Right::Administer)?;
        self.hook(id).await?;
        let tx = self.begin().await?;
        let body = json!({
            "type": "watchfire.test",
            "timestamp": jiff_text(now),
            "data": { "hook": id, "by": by.login() },
        });
        let message = format!("msg_{id}_test_{now}");
        let call = store_call(&tx, id, message, ("watchfire.test", body.to_string()), now).await?;
        tx.commit().await?;
        Ok(call)
    }
}

async fn ask(tx: &sea_orm::DatabaseTransaction, call: i64, now: i64) -> Result<()> {
    let job = NewJob {
        kind: HOOK_JOB.to_owned(),
        key: call.to_string(),
        payload: "{}".to_owned(),
        run_at: 0,
    };
    job::enqueue(tx, job, now).await.map(drop)
}

async fn store_call(
    tx: &sea_orm::DatabaseTransaction,
    hook: i64,
    message: String,
    (kind, body): (&str, String),
    now: i64,
) -> Result<i64> {
    let row = call::ActiveModel {
        id: NotSet,
        hook_id: Set(hook),
        message: Set(message),
        kind: Set(kind.to_owned()),
        body: Set(body),
        state: Set(CallState::Waiting),
        attempts: Set(0),
        reply: Set(String::new()),
        created_at: Set(now),
        tried_at: Set(None),
    };
    let stored = call::Entity::insert(row).exec(tx).await?;
    ask(tx, stored.last_insert_id, now).await?;
    Ok(stored.last_insert_id)
}
