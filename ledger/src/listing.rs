//! Block lists of our own: what may be blocked, by whose word and until when; and each publication.
//!
//! An entry is proposed by a person or by the machine, and approved by a named person alone, one by one.
//! It ends by itself when its days are over, or at once when somebody takes it off. While it is live its
//! list, kind and value are unique. A value that a person took off is not proposed again by the machine:
//! the mistake would come back with the next delivery. Every change has its row in the audit trail.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{Condition, QueryOrder, QuerySelect};
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::text::without_nul;
use crate::{Error, Hash, Ledger, Page, Result};

mod row {
    use sea_orm::entity::prelude::*;

    /// What an entry names.
    #[derive(
        Clone,
        Copy,
        Debug,
        PartialEq,
        Eq,
        PartialOrd,
        Ord,
        Hash,
        EnumIter,
        DeriveActiveEnum,
        serde::Serialize,
    )]
    #[sea_orm(rs_type = "String", db_type = "Text")]
    #[serde(rename_all = "lowercase")]
    pub enum ListedKind {
        /// A host name and every name below it.
        #[sea_orm(string_value = "domain")]
        Domain,
        /// One address of the web.
        #[sea_orm(string_value = "url")]
        Url,
        /// One internet address.
        #[sea_orm(string_value = "ip")]
        Ip,
        /// A prefix of addresses.
        #[sea_orm(string_value = "cidr")]
        Cidr,
    }

    /// How far an entry is.
    #[derive(
        Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, serde::Serialize,
    )]
    #[sea_orm(rs_type = "String", db_type = "Text")]
    #[serde(rename_all = "lowercase")]
    pub enum ListedState {
        /// Waits for a person.
        #[sea_orm(string_value = "proposed")]
        Proposed,
        /// A named person approved it.
        #[sea_orm(string_value = "approved")]
        Approved,
        /// Its days are over.
        #[sea_orm(string_value = "expired")]
        Expired,
        /// Somebody took it off, or refused it.
        #[sea_orm(string_value = "delisted")]
        Delisted,
    }

    /// An entry. Instants are microseconds UTC.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "listing")]
    pub struct Model {
        /// Its number.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// The list.
        pub list: String,
        /// What it names.
        pub kind: ListedKind,
        /// The name, address or prefix in the form it is published in.
        pub value: String,
        /// List, kind and value while it is live: makes them unique so long.
        #[serde(skip)]
        pub live_key: Option<String>,
        /// RSIT entry.
        pub classification: String,
        /// The incident it comes from.
        pub incident: Option<String>,
        /// The feed it comes from.
        pub feed: Option<String>,
        /// The licence it may be passed on under.
        pub licence: String,
        /// Why it names what it names, and who released it.
        pub grounds: String,
        /// How far it is.
        pub state: ListedState,
        /// When it was last found there.
        pub verified_at: i64,
        /// When it ends by itself.
        pub expires_at: i64,
        /// When it was proposed.
        pub proposed_at: i64,
        /// By whom.
        pub proposed_by: String,
        /// When it was approved.
        pub approved_at: Option<i64>,
        /// By whom.
        pub approved_by: Option<String>,
        /// What was looked at.
        pub approval: Option<String>,
        /// When it ended.
        pub ended_at: Option<i64>,
        /// By whom.
        pub ended_by: Option<String>,
        /// Why.
        pub ending: Option<String>,
        /// When this row was last changed.
        pub changed_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod publication {
    use sea_orm::entity::prelude::*;

    use crate::Hash;

    /// One publication of a list.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "list_publication")]
    pub struct Model {
        /// Its number.
        #[sea_orm(primary_key)]
        #[serde(skip)]
        pub id: i64,
        /// The list.
        pub list: String,
        /// Serial of its zone; it rises with every publication.
        pub serial: i64,
        /// When, microseconds UTC.
        pub at: i64,
        /// How many entries it has.
        pub entries: i64,
        /// BLAKE3 over its files.
        pub digest: Hash,
        /// The issue it was published with.
        pub issue: Option<String>,
        /// Why a great loss was accepted.
        pub accepted: Option<String>,
        /// By whom.
        pub actor: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub use publication::Model as Publication;
use row::{ActiveModel, Column, Entity};
pub use row::{ListedKind, ListedState, Model as Listed};

/// An entry to be proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewListed {
    /// The list.
    pub list: String,
    /// What it names.
    pub kind: ListedKind,
    /// The value in the form it is published in.
    pub value: String,
    /// RSIT entry.
    pub classification: String,
    /// The incident it comes from.
    pub incident: Option<String>,
    /// The feed it comes from.
    pub feed: Option<String>,
    /// The licence it may be passed on under.
    pub licence: String,
    /// Why it names what it names.
    pub grounds: String,
    /// When it was last found there, microseconds UTC.
    pub verified_at: i64,
    /// When it is to end by itself.
    pub expires_at: i64,
}

/// What became of proposals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Proposed {
    /// New ones, which wait for a person.
    pub proposed: u64,
    /// Live ones that were found there again later: their end moved.
    pub extended: u64,
    /// Live ones of which nothing new is known.
    pub known: u64,
    /// Values that a person took off; only a person proposes them again.
    pub barred: u64,
}

/// Which entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListingFilter {
    /// Of this list.
    pub list: Option<String>,
    /// In one of these states; empty: all.
    pub states: Vec<ListedState>,
    /// Of this value.
    pub value: Option<String>,
    /// Approved once, whatever became of them.
    pub approved: bool,
    /// Ended at or after this, microseconds UTC.
    pub ended_since: Option<i64>,
}

/// A publication to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPublication {
    /// The list.
    pub list: String,
    /// Serial of its zone.
    pub serial: i64,
    /// How many entries it has.
    pub entries: u64,
    /// BLAKE3 over its files.
    pub digest: Hash,
    /// The issue it was published with.
    pub issue: Option<String>,
    /// Why a great loss was accepted.
    pub accepted: Option<String>,
}

impl Listed {
    fn object(id: i64) -> String {
        format!("listing {id}")
    }

    /// Whether it may be published at an instant: approved, and its days not over.
    pub fn stands(&self, now: i64) -> bool {
        self.state == ListedState::Approved && self.expires_at > now
    }
}

/// A person's login: not the machine, not a rule, not blank.
fn named(actor: &str) -> bool {
    !actor.trim().is_empty() && !actor.contains(':')
}

fn need_person(what: impl Into<String>, actor: &str) -> Result<()> {
    match named(actor) {
        true => Ok(()),
        false => Err(Error::conflict(
            what,
            format!("`{actor}` is no person: a named person approves and takes off"),
        )),
    }
}

fn need_reason(what: impl Into<String>, reason: &str) -> Result<()> {
    match reason.trim().is_empty() {
        false => Ok(()),
        true => Err(Error::conflict(what, "needs a reason: say why")),
    }
}

fn live_key(new: &NewListed) -> String {
    format!("{} {} {}", new.list, new.kind.to_value(), new.value)
}

fn record(id: i64, action: &str, actor: &str, row: &Listed, more: serde_json::Value) -> NewAudit {
    let mut detail = json!({ "list": row.list, "kind": row.kind, "value": row.value });
    if let (Some(all), serde_json::Value::Object(more)) = (detail.as_object_mut(), more) {
        all.extend(more);
    }
    NewAudit {
        actor: actor.to_owned(),
        action: action.to_owned(),
        object: Listed::object(id),
        detail,
    }
}

impl Ledger {
    /// Proposes entries, all in one transaction. A live one that was found there later is extended. One
    /// that a person took off is barred, unless a person proposes it `again`.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the machine proposes `again`.
    pub async fn propose_listings(
        &self,
        all: Vec<NewListed>,
        again: bool,
        actor: &str,
        now: i64,
    ) -> Result<Proposed> {
        if again {
            need_person("block list", actor)?;
        }
        let tx = self.begin().await?;
        let mut told = Proposed::default();
        for new in all {
            let key = live_key(&new);
            let live = Entity::find()
                .filter(Column::LiveKey.eq(key.as_str()))
                .one(&tx)
                .await?;
            if let Some(live) = live {
                if live.verified_at >= new.verified_at || live.expires_at >= new.expires_at {
                    told.known += 1;
                    continue;
                }
                extend(&tx, &live, new.verified_at, new.expires_at, actor, now).await?;
                told.extended += 1;
                continue;
            }
            if !again {
                let barred = Entity::find()
                    .filter(Column::Kind.eq(new.kind))
                    .filter(Column::Value.eq(new.value.as_str()))
                    .filter(Column::State.eq(ListedState::Delisted))
                    .count(&tx)
                    .await?;
                if barred > 0 {
                    told.barred += 1;
                    continue;
                }
            }
            let row = ActiveModel {
                id: NotSet,
                list: Set(new.list),
                kind: Set(new.kind),
                value: Set(without_nul(&new.value).into_owned()),
                live_key: Set(Some(key)),
                classification: Set(without_nul(&new.classification).into_owned()),
                incident: Set(new.incident),
                feed: Set(new.feed),
                licence: Set(without_nul(&new.licence).into_owned()),
                grounds: Set(without_nul(&new.grounds).into_owned()),
                state: Set(ListedState::Proposed),
                verified_at: Set(new.verified_at),
                expires_at: Set(new.expires_at),
                proposed_at: Set(now),
                proposed_by: Set(actor.to_owned()),
                approved_at: Set(None),
                approved_by: Set(None),
                approval: Set(None),
                ended_at: Set(None),
                ended_by: Set(None),
                ending: Set(None),
                changed_at: Set(now),
            };
            let row = row.insert(&tx).await?;
            let more = json!({ "incident": row.incident, "feed": row.feed,
                "licence": row.licence, "grounds": row.grounds, "expires_at": row.expires_at });
            audit::append(
                &tx,
                record(row.id, "listing.propose", actor, &row, more),
                now,
            )
            .await?;
            told.proposed += 1;
        }
        tx.commit().await?;
        Ok(told)
    }

    /// Approves one entry, by a named person.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if it does not wait, its days are over, `actor` is no
    /// person, or no reason is given.
    pub async fn approve_listing(
        &self,
        id: i64,
        reason: &str,
        actor: &str,
        now: i64,
    ) -> Result<Listed> {
        need_person(Listed::object(id), actor)?;
        need_reason(Listed::object(id), reason)?;
        let tx = self.begin().await?;
        let old = load(&tx, id).await?;
        if old.state != ListedState::Proposed {
            let reason = format!(
                "is {}: only a proposed one is approved",
                old.state.to_value()
            );
            return Err(Error::conflict(Listed::object(id), reason));
        }
        if old.expires_at <= now {
            let reason = "its days are over: verify it again and propose it anew";
            return Err(Error::conflict(Listed::object(id), reason));
        }
        Entity::update_many()
            .col_expr(Column::State, Expr::value(ListedState::Approved.to_value()))
            .col_expr(Column::ApprovedAt, Expr::value(now))
            .col_expr(Column::ApprovedBy, Expr::value(actor))
            .col_expr(Column::Approval, Expr::value(without_nul(reason).as_ref()))
            .col_expr(Column::ChangedAt, Expr::value(now))
            .filter(Column::Id.eq(id))
            .exec(&tx)
            .await?;
        let more = json!({ "reason": reason, "proposed_by": old.proposed_by });
        audit::append(&tx, record(id, "listing.approve", actor, &old, more), now).await?;
        let new = load(&tx, id).await?;
        tx.commit().await?;
        Ok(new)
    }

    /// Takes an entry off, and with it every live entry of the same value in any list; a proposed one is
    /// thereby refused. What was taken off, this one first.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if it has ended, `actor` is no person, or no reason is given.
    pub async fn delist(
        &self,
        id: i64,
        reason: &str,
        actor: &str,
        now: i64,
    ) -> Result<Vec<Listed>> {
        let tx = self.begin().await?;
        let off = take_off(&tx, id, reason, actor, now).await?;
        tx.commit().await?;
        Ok(off)
    }

    /// Ends every live entry whose days are over; which.
    pub async fn expire_listings(&self, actor: &str, now: i64) -> Result<Vec<Listed>> {
        let over = Condition::all()
            .add(Column::LiveKey.is_not_null())
            .add(Column::ExpiresAt.lte(now));
        // Most of the time there is none: no writer is kept waiting for that.
        let select = || Entity::find().filter(over.clone()).order_by_asc(Column::Id);
        if select().limit(1).one(self.reader()).await?.is_none() {
            return Ok(Vec::new());
        }
        let tx = self.begin().await?;
        let rows = select().all(&tx).await?;
        for row in &rows {
            end(
                &tx,
                row,
                ListedState::Expired,
                "its days are over",
                actor,
                now,
            )
            .await?;
        }
        tx.commit().await?;
        Ok(rows)
    }

    /// Moves the end of a live entry, because it was found there again.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if it has ended, or the look is not later than the last.
    pub async fn extend_listing(
        &self,
        id: i64,
        verified_at: i64,
        expires_at: i64,
        actor: &str,
        now: i64,
    ) -> Result<()> {
        let tx = self.begin().await?;
        let row = load(&tx, id).await?;
        if row.live_key.is_none() {
            let reason = format!("is {}: propose it anew", row.state.to_value());
            return Err(Error::conflict(Listed::object(id), reason));
        }
        if verified_at <= row.verified_at {
            let reason = "only a later verification moves its end";
            return Err(Error::conflict(Listed::object(id), reason));
        }
        extend(&tx, &row, verified_at, expires_at, actor, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Entries that a filter lets through, in order of list, kind and value.
    pub async fn listings(&self, filter: &ListingFilter, page: Page) -> Result<Vec<Listed>> {
        let mut all = Condition::all();
        if let Some(list) = &filter.list {
            all = all.add(Column::List.eq(list.as_str()));
        }
        if !filter.states.is_empty() {
            all = all.add(Column::State.is_in(filter.states.iter().copied()));
        }
        if let Some(value) = &filter.value {
            all = all.add(Column::Value.eq(value.as_str()));
        }
        if filter.approved {
            all = all.add(Column::ApprovedAt.is_not_null());
        }
        if let Some(since) = filter.ended_since {
            all = all.add(Column::EndedAt.gte(since));
        }
        Ok(Entity::find()
            .filter(all)
            .order_by_asc(Column::List)
            .order_by_asc(Column::Kind)
            .order_by_asc(Column::Value)
            .order_by_asc(Column::Id)
            .offset(page.offset)
            .limit(page.limit)
            .all(self.reader())
            .await?)
    }

    /// One entry.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn listing(&self, id: i64) -> Result<Listed> {
        load(self.reader(), id).await
    }

    /// The last publication of a list.
    pub async fn last_publication(&self, list: &str) -> Result<Option<Publication>> {
        Ok(publication::Entity::find()
            .filter(publication::Column::List.eq(list))
            .order_by_desc(publication::Column::Serial)
            .one(self.reader())
            .await?)
    }

    /// The last publication of each list that was ever published, by name.
    pub async fn published_lists(&self) -> Result<Vec<Publication>> {
        let all = publication::Entity::find()
            .order_by_asc(publication::Column::List)
            .order_by_desc(publication::Column::Serial)
            .all(self.reader())
            .await?;
        let mut last: Vec<Publication> = Vec::new();
        for one in all {
            if last.last().is_none_or(|before| before.list != one.list) {
                last.push(one);
            }
        }
        Ok(last)
    }

    /// Records a publication. Audited.
    ///
    /// # Errors
    /// [`Error::Conflict`] if its serial does not rise.
    pub async fn add_publication(
        &self,
        new: NewPublication,
        actor: &str,
        now: i64,
    ) -> Result<Publication> {
        let object = format!("block list {}", new.list);
        let tx = self.begin().await?;
        let last = publication::Entity::find()
            .filter(publication::Column::List.eq(new.list.as_str()))
            .order_by_desc(publication::Column::Serial)
            .one(&tx)
            .await?;
        if let Some(last) = last
            && last.serial >= new.serial
        {
            let reason = format!(
                "serial {} does not rise above {}: another process published it; try again",
                new.serial, last.serial
            );
            return Err(Error::conflict(object, reason));
        }
        let row = publication::ActiveModel {
            id: NotSet,
            list: Set(new.list),
            serial: Set(new.serial),
            at: Set(now),
            entries: Set(i64::try_from(new.entries).unwrap_or(i64::MAX)),
            digest: Set(new.digest),
            issue: Set(new.issue),
            accepted: Set(new.accepted),
            actor: Set(actor.to_owned()),
        };
        let row = row.insert(&tx).await?;
        let audit = NewAudit {
            actor: actor.to_owned(),
            action: "listing.publish".to_owned(),
            object,
            detail: json!({ "serial": row.serial, "entries": row.entries, "digest": row.digest,
                "issue": row.issue, "accepted": row.accepted }),
        };
        audit::append(&tx, audit, now).await?;
        tx.commit().await?;
        Ok(row)
    }
}

/// Takes an entry off, and with it every live entry of its value, inside a transaction.
pub(crate) async fn take_off(
    tx: &impl ConnectionTrait,
    id: i64,
    reason: &str,
    actor: &str,
    now: i64,
) -> Result<Vec<Listed>> {
    need_person(Listed::object(id), actor)?;
    need_reason(Listed::object(id), reason)?;
    let asked = load(tx, id).await?;
    if asked.live_key.is_none() {
        let reason = format!("is {} already", asked.state.to_value());
        return Err(Error::conflict(Listed::object(id), reason));
    }
    let mut same = Entity::find()
        .filter(Column::Kind.eq(asked.kind))
        .filter(Column::Value.eq(asked.value.as_str()))
        .filter(Column::LiveKey.is_not_null())
        .order_by_asc(Column::Id)
        .all(tx)
        .await?;
    same.sort_by_key(|row| row.id != id);
    let mut off = Vec::with_capacity(same.len());
    for row in same {
        end(tx, &row, ListedState::Delisted, reason, actor, now).await?;
        off.push(load(tx, row.id).await?);
    }
    Ok(off)
}

async fn load(db: &impl ConnectionTrait, id: i64) -> Result<Listed> {
    let found = Entity::find_by_id(id).one(db).await?;
    found.ok_or_else(|| Error::not_found("listing", id))
}

async fn extend(
    tx: &impl ConnectionTrait,
    row: &Listed,
    verified_at: i64,
    expires_at: i64,
    actor: &str,
    now: i64,
) -> Result<()> {
    let expires_at = expires_at.max(row.expires_at);
    Entity::update_many()
        .col_expr(Column::VerifiedAt, Expr::value(verified_at))
        .col_expr(Column::ExpiresAt, Expr::value(expires_at))
        .col_expr(Column::ChangedAt, Expr::value(now))
        .filter(Column::Id.eq(row.id))
        .exec(tx)
        .await?;
    let more =
        json!({ "verified_at": verified_at, "expires_at": expires_at, "before": row.expires_at });
    audit::append(tx, record(row.id, "listing.extend", actor, row, more), now).await?;
    Ok(())
}

async fn end(
    tx: &impl ConnectionTrait,
    row: &Listed,
    to: ListedState,
    reason: &str,
    actor: &str,
    now: i64,
) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::State, Expr::value(to.to_value()))
        .col_expr(Column::LiveKey, Expr::value(None::<String>))
        .col_expr(Column::EndedAt, Expr::value(now))
        .col_expr(Column::EndedBy, Expr::value(actor))
        .col_expr(Column::Ending, Expr::value(without_nul(reason).as_ref()))
        .col_expr(Column::ChangedAt, Expr::value(now))
        .filter(Column::Id.eq(row.id))
        .exec(tx)
        .await?;
    let action = match to {
        ListedState::Expired => "listing.expire",
        _ => "listing.delist",
    };
    let more = json!({ "reason": reason, "before": row.state });
    audit::append(tx, record(row.id, action, actor, row, more), now).await?;
    Ok(())
}
