//! Notices: one message to one contact, with the bytes it went out as. The body is composed once and
//! kept by hash; a retry sends the same bytes under the same Message-ID for ever.
//!
//! A notice's state changes through [`Ledger::move_notice`] alone, by the model's table. What a sent
//! notice means for its directives and incidents is stored in the same transaction.

use std::collections::BTreeSet;

use model::ids::{ComplaintId, ContactId, DirectiveId, IncidentId, NoticeId, OrganizationId};
use model::incident::Step;
use model::notice::{NoticeKind, NoticeState};
use model::organization::{Channel, NoticeFormat};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{Condition, QueryOrder, QuerySelect};
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::directive::{self, Directive, DirectiveState};
use crate::incident::{self, NewStep, Reach};
use crate::organization::{Contact, edit_contact};
use crate::text::{Text, without_nul};
use crate::{Error, Hash, Ledger, Page, Result, bulk, counter};

mod row {
    use model::ids::{ContactId, NoticeId, OrganizationId};
    use model::notice::{NoticeKind, NoticeState};
    use model::organization::{Channel, NoticeFormat};
    use sea_orm::entity::prelude::*;

    use crate::Hash;
    use crate::text::Text;

    /// A notice. Instants are microseconds UTC.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "notice")]
    pub struct Model {
        /// Its id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Text<NoticeId>,
        /// Its number, for people.
        pub number: i64,
        /// Why it is written.
        pub kind: Text<NoticeKind>,
        /// How far it is.
        pub state: Text<NoticeState>,
        /// To whom.
        pub organization_id: Text<OrganizationId>,
        /// To which of its contacts.
        pub contact_id: Option<Text<ContactId>>,
        /// How.
        pub channel: Text<Channel>,
        /// Where, as it was when it was written.
        pub address: String,
        /// The machine-readable attachment.
        pub format: Option<Text<NoticeFormat>>,
        /// Its language.
        pub language: String,
        /// Its subject.
        pub subject: String,
        /// What ties an answer or a bounce to it.
        pub token: String,
        /// Its Message-ID, without angle brackets.
        pub message_id: String,
        /// Message-IDs it answers or follows, separated by blanks.
        pub thread: String,
        /// Its bytes.
        pub body: Hash,
        /// Why it waits for a person.
        pub hold_reason: Option<String>,
        /// Who let it go.
        pub approved_by: Option<String>,
        /// When.
        pub approved_at: Option<i64>,
        /// Whether it belongs to an exercise.
        pub exercise: bool,
        /// How often it was tried.
        pub attempts: i32,
        /// When it was written.
        pub created_at: i64,
        /// Not before this.
        pub next_at: Option<i64>,
        /// When the other side took it.
        pub sent_at: Option<i64>,
        /// What the other side said last.
        pub outcome: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod covers {
    use model::ids::{DirectiveId, IncidentId, NoticeId};
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// What a notice is about.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "notice_directive")]
    pub struct Model {
        /// The notice.
        #[sea_orm(primary_key, auto_increment = false)]
        pub notice_id: Text<NoticeId>,
        /// The directive it carries out.
        #[sea_orm(primary_key, auto_increment = false)]
        pub directive_id: Text<DirectiveId>,
        /// Its incident.
        pub incident_id: Text<IncidentId>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod attempt {
    use model::ids::NoticeId;
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// A try to deliver a notice.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "attempt")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// The notice.
        pub notice_id: Text<NoticeId>,
        /// When, microseconds UTC.
        pub at: i64,
        /// What came of it: a state.
        pub outcome: String,
        /// What the other side said.
        pub reply: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod marked;
mod outbox;

pub use attempt::Model as Attempt;
pub use covers::Model as NoticeDirective;
pub(crate) use marked::take_back;
pub use outbox::NoticeFilter;
use row::ActiveModel;
pub use row::Model as Notice;
pub(crate) use row::{Column, Entity};

/// A notice to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNotice {
    /// Its id, drawn by the caller.
    pub id: NoticeId,
    /// Why it is written.
    pub kind: NoticeKind,
    /// To whom.
    pub organization: OrganizationId,
    /// To which of its contacts.
    pub contact: Option<ContactId>,
    /// How.
    pub channel: Channel,
    /// Where.
    pub address: String,
    /// The machine-readable attachment.
    pub format: Option<NoticeFormat>,
    /// Its language.
    pub language: String,
    /// Its subject.
    pub subject: String,
    /// What ties an answer to it.
    pub token: String,
    /// Its Message-ID.
    pub message_id: String,
    /// Message-IDs it follows.
    pub thread: Vec<String>,
    /// Its bytes, kept already.
    pub body: Hash,
    /// Why it waits for a person; `None`: it may go out.
    pub hold_reason: Option<String>,
    /// Who let it go already: a rule that two people trust.
    pub approved_by: Option<String>,
    /// Whether it belongs to an exercise.
    pub exercise: bool,
    /// The directives it carries out, and their incidents.
    pub covers: Vec<(DirectiveId, IncidentId)>,
}

/// A change of a notice's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The state to take.
    pub to: NoticeState,
    /// What the other side said, or why.
    pub reply: String,
    /// When it is to be tried again, microseconds UTC.
    pub next_at: Option<i64>,
}

impl Notice {
    /// Its id.
    pub fn notice_id(&self) -> NoticeId {
        self.id.0
    }
}

fn object(id: NoticeId) -> String {
    format!("notice {id}")
}

async fn load<C: ConnectionTrait>(db: &C, id: NoticeId) -> Result<Notice> {
    Entity::find_by_id(Text(id))
        .one(db)
        .await?
        .ok_or_else(|| Error::not_found("notice", id))
}

/// Why a notice came back, as far as its contact is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The address takes nothing, for good.
    Gone,
    /// It did not take this, for now.
    Passing,
    /// Nobody asked it: our own mail server was not there, or did not let the mail out.
    Ours,
}

impl Ledger {
    /// Stores notices, all or nothing, and marks their directives as noticed; how many. One about something that may
    /// not leave to its party now, having been marked meanwhile, is not stored. Audited each.
    pub async fn write_notices(&self, all: Vec<NewNotice>, actor: &str, now: i64) -> Result<u64> {
        if all.is_empty() {
            return Ok(0);
        }
        let tx = self.begin().await?;
        let all = marked::leaving(&tx, all, now).await?;
        let count = all.len() as u64;
        if count > 0 {
            write(&tx, all, actor, now).await?;
        }
        tx.commit().await?;
        Ok(count)
    }

    /// Stores a notice to a reporter and marks that the reporter was told: of the receipt of a complaint,
    /// or of its outcome. Audited.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such complaint.
    pub async fn tell_reporter(
        &self,
        new: NewNotice,
        complaint: ComplaintId,
        actor: &str,
        now: i64,
    ) -> Result<()> {
        let tx = self.begin().await?;
        let outcome = new.kind == NoticeKind::Outcome;
        write(&tx, vec![new], actor, now).await?;
        crate::complaint::told(&tx, complaint, outcome, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Lets a held notice go, or cancels it. Audited.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it is not held, or what it is about may not leave to its party now.
    pub async fn judge_notice(
        &self,
        id: NoticeId,
        approve: bool,
        reason: &str,
        actor: &str,
        now: i64,
    ) -> Result<Notice> {
        let tx = self.begin().await?;
        let mut notice = load(&tx, id).await?;
        let to = match (approve, notice.channel.0) {
            (false, _) => NoticeState::Cancelled,
            (true, Channel::Manual) => NoticeState::Task,
            (true, _) => NoticeState::Ready,
        };
        if notice.state.0 != NoticeState::Held {
            let reason = format!("is {}, not held", notice.state);
            return Err(Error::conflict(object(id), reason));
        }
        if approve {
            marked::leaves(&tx, &notice, now).await?;
        }
        notice.state = Text(to);
        if approve {
            notice.approved_by = Some(actor.to_owned());
            notice.approved_at = Some(now);
            notice.next_at = Some(now);
        }
        store(&tx, &notice).await?;
        if !approve {
            redo(&tx, id).await?;
        }
        let record = NewAudit {
            actor: actor.to_owned(),
            action: if approve {
                "notice.approve"
            } else {
                "notice.cancel"
            }
            .to_owned(),
            object: object(id),
            detail: json!({ "reason": reason }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(notice)
    }

    /// Takes a ready notice for sending, at most one process each; `None` if none is due. It is marked
    /// as being sent before the first byte leaves, so that a crash shows as "outcome unknown".
    pub async fn take_notice(&self, now: i64) -> Result<Option<Notice>> {
        let db = self.writer()?;
        loop {
            let due = Condition::all()
                .add(Column::State.eq(Text(NoticeState::Ready)))
                .add(Column::NextAt.lte(now));
            let Some(mut notice) = Entity::find()
                .filter(due)
                .order_by_asc(Column::NextAt)
                .order_by_asc(Column::Number)
                .limit(1)
                .one(db)
                .await?
            else {
                return Ok(None);
            };
            // In a transaction, which whoever lost the right to send cannot begin.
            let tx = self.begin().await?;
            let done = Entity::update_many()
                .col_expr(Column::State, Expr::value(Text(NoticeState::Sending)))
                .col_expr(Column::Attempts, Expr::value(notice.attempts + 1))
                .filter(Column::Id.eq(notice.id))
                .filter(Column::State.eq(Text(NoticeState::Ready)))
                .filter(Column::Attempts.eq(notice.attempts))
                .exec(&tx)
                .await?;
            tx.commit().await?;
            if done.rows_affected == 1 {
                notice.state = Text(NoticeState::Sending);
                notice.attempts += 1;
                return Ok(Some(notice));
            }
        }
    }

    /// Puts what a killed process left as being sent back to ready, under the same Message-ID; returns
    /// how many there were. To be called by the one process that sends, before it sends.
    pub async fn recover_notices(&self, now: i64) -> Result<u64> {
        let tx = self.begin().await?;
        let done = Entity::update_many()
            .col_expr(Column::State, Expr::value(Text(NoticeState::Ready)))
            .col_expr(Column::NextAt, Expr::value(now))
            .col_expr(Column::Outcome, Expr::value("unknown, retrying"))
            .filter(Column::State.eq(Text(NoticeState::Sending)))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected)
    }

    /// Moves a notice to another state, and with it its directives and incidents: sent asks the party
    /// and notifies the incident. Audited.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the state may not become the other.
    pub async fn move_notice(
        &self,
        id: NoticeId,
        to: Move,
        actor: &str,
        now: i64,
    ) -> Result<Notice> {
        let tx = self.begin().await?;
        let notice = moved(&tx, id, to, actor, now).await?;
        tx.commit().await?;
        Ok(notice)
    }

    /// A notice came back, or was given up: its contact counts for less (a hard failure ends its use, a
    /// passing one halves its quality, one of our own mail server says nothing of it), and its directives are due again, to the next contact. All or
    /// nothing, audited.
    ///
    /// # Errors
    /// As [`Ledger::move_notice`].
    pub async fn notice_came_back(
        &self,
        id: NoticeId,
        to: Move,
        fault: Fault,
        actor: &str,
        now: i64,
    ) -> Result<Notice> {
        let tx = self.begin().await?;
        let why = to.reply.clone();
        let notice = moved(&tx, id, to, actor, now).await?;
        if let Some(contact) = notice.contact_id {
            let hard = fault == Fault::Gone;
            let what = json!({ "bounced": why, "hard": hard, "notice": notice.number });
            let lower = |row: &mut Contact| row.quality = if hard { 0 } else { row.quality / 2 };
            if fault != Fault::Ours {
                edit_contact(&tx, contact.0, what, lower, actor, now).await?;
            }
        }
        if notice.kind.0.asks() {
            for covered in covered(&tx, id).await? {
                let what = json!({ "bounced": notice.number });
                let again = |row: &mut Directive| {
                    if matches!(row.state, DirectiveState::Noticed | DirectiveState::Asked) {
                        row.state = DirectiveState::Due;
                        // Asked, though in vain: the next notice is to another contact.
                        row.asked_at.get_or_insert(now);
                    }
                };
                let id = covered.directive_id.0;
                directive::edit_directive(&tx, id, what, again, actor, now).await?;
            }
        }
        tx.commit().await?;
        Ok(notice)
    }

    /// Notices in one of these states (all if empty), the newest first.
    pub async fn notices(&self, states: &[NoticeState], page: Page) -> Result<Vec<Notice>> {
        let mut select = Entity::find().order_by_desc(Column::Number);
        if !states.is_empty() {
            select = select.filter(Column::State.is_in(states.iter().map(|state| Text(*state))));
        }
        Ok(select
            .offset(page.offset)
            .limit(page.limit)
            .all(self.reader())
            .await?)
    }

    /// Notices per state.
    pub async fn notice_counts(&self) -> Result<Vec<(NoticeState, i64)>> {
        let rows: Vec<(Text<NoticeState>, i64)> = Entity::find()
            .select_only()
            .column(Column::State)
            .column_as(Column::Id.count(), "count")
            .group_by(Column::State)
            .into_tuple()
            .all(self.reader())
            .await?;
        Ok(rows
            .into_iter()
            .map(|(state, count)| (state.0, count))
            .collect())
    }

    /// A notice.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none.
    pub async fn notice(&self, id: NoticeId) -> Result<Notice> {
        load(self.reader(), id).await
    }

    /// A notice by its number.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none.
    pub async fn notice_numbered(&self, number: i64) -> Result<Notice> {
        Entity::find()
            .filter(Column::Number.eq(number))
            .one(self.reader())
            .await?
            .ok_or_else(|| Error::not_found("notice", number))
    }

    /// The notice that a token, or one of these Message-IDs, names.
    pub async fn notice_of(&self, token: Option<&str>, ids: &[&str]) -> Result<Option<Notice>> {
        let mut any = Condition::any().add(Column::MessageId.is_in(ids.iter().copied()));
        if let Some(token) = token {
            any = any.add(Column::Token.eq(token));
        }
        Ok(Entity::find().filter(any).one(self.reader()).await?)
    }

    /// What a notice is about.
    pub async fn notice_directives(&self, id: NoticeId) -> Result<Vec<NoticeDirective>> {
        Ok(covers::Entity::find()
            .filter(covers::Column::NoticeId.eq(Text(id)))
            .all(self.reader())
            .await?)
    }

    /// Notices about an incident, the oldest first.
    pub async fn notices_about(&self, incident: IncidentId) -> Result<Vec<Notice>> {
        let about = covers::Entity::find()
            .filter(covers::Column::IncidentId.eq(Text(incident)))
            .all(self.reader())
            .await?;
        let ids: BTreeSet<_> = about.into_iter().map(|row| row.notice_id).collect();
        Ok(Entity::find()
            .filter(Column::Id.is_in(ids))
            .order_by_asc(Column::Number)
            .all(self.reader())
            .await?)
    }

    /// Tries to deliver a notice, the oldest first.
    pub async fn attempts(&self, id: NoticeId) -> Result<Vec<Attempt>> {
        Ok(attempt::Entity::find()
            .filter(attempt::Column::NoticeId.eq(Text(id)))
            .order_by_asc(attempt::Column::Id)
            .all(self.reader())
            .await?)
    }

    /// Notices that went out, or are going out, since an instant: overall, and to one organization.
    pub async fn sent_since(&self, since: i64, to: Option<OrganizationId>) -> Result<u64> {
        let mut select = Entity::find().filter(
            Condition::any()
                .add(Column::SentAt.gte(since))
                .add(Column::State.eq(Text(NoticeState::Sending))),
        );
        if let Some(to) = to {
            select = select.filter(Column::OrganizationId.eq(Text(to)));
        }
        Ok(select.count(self.writer()?).await?)
    }

    /// Whether an organization ever got a notice.
    pub async fn ever_noticed(&self, organization: OrganizationId) -> Result<bool> {
        let found = Entity::find()
            .filter(Column::OrganizationId.eq(Text(organization)))
            .filter(Column::SentAt.is_not_null())
            .limit(1)
            .one(self.reader())
            .await?;
        Ok(found.is_some())
    }
}

/// The last notice about an incident that went to an organization.
pub(crate) async fn last_to<C: ConnectionTrait>(
    db: &C,
    organization: OrganizationId,
    incident: IncidentId,
) -> Result<Option<NoticeId>> {
    let about = covers::Entity::find()
        .filter(covers::Column::IncidentId.eq(Text(incident)))
        .all(db)
        .await?;
    let ids: BTreeSet<_> = about.into_iter().map(|row| row.notice_id).collect();
    let last = Entity::find()
        .filter(Column::Id.is_in(ids))
        .filter(Column::OrganizationId.eq(Text(organization)))
        .order_by_desc(Column::Number)
        .one(db)
        .await?;
    Ok(last.map(|row| row.id.0))
}

/// Stores notices inside a transaction.
async fn write<C: ConnectionTrait>(
    db: &C,
    all: Vec<NewNotice>,
    actor: &str,
    now: i64,
) -> Result<()> {
    let count = all.len() as i64;
    let first = counter::raise(db, counter::NOTICE, count).await? - count + 1;
    let (mut rows, mut covers, mut records) = (vec![], vec![], vec![]);
    let (mut asked, mut reminded) = (vec![], vec![]);
    for (number, new) in (first..).zip(all) {
        let state = match (&new.hold_reason, new.channel) {
            (Some(_), _) => NoticeState::Held,
            (None, Channel::Manual) => NoticeState::Task,
            (None, _) => NoticeState::Ready,
        };
        records.push(NewAudit {
            actor: actor.to_owned(),
            action: "notice.write".to_owned(),
            object: object(new.id),
            detail: json!({ "kind": new.kind, "state": state, "organization": new.organization,
                "channel": new.channel, "directives": new.covers.len(), "hold": new.hold_reason }),
        });
        for (directive_id, incident_id) in &new.covers {
            let row = covers::ActiveModel {
                notice_id: Set(Text(new.id)),
                directive_id: Set(Text(*directive_id)),
                incident_id: Set(Text(*incident_id)),
            };
            covers.push((row, 130));
            match new.kind {
                // Written once, however long it takes to go out: the next round writes no second.
                NoticeKind::Reminder => reminded.push(Text(*directive_id)),
                kind if kind.asks() => asked.push(Text(*directive_id)),
                _ => {}
            }
        }
        let approved_at = new.approved_by.as_ref().map(|_| now);
        let row = ActiveModel {
            id: Set(Text(new.id)),
            number: Set(number),
            kind: Set(Text(new.kind)),
            state: Set(Text(state)),
            organization_id: Set(Text(new.organization)),
            contact_id: Set(new.contact.map(Text)),
            channel: Set(Text(new.channel)),
            address: Set(new.address),
            format: Set(new.format.map(Text)),
            language: Set(new.language),
            subject: Set(new.subject),
            token: Set(new.token),
            message_id: Set(new.message_id),
            thread: Set(new.thread.join(" ")),
            body: Set(new.body),
            hold_reason: Set(new.hold_reason),
            approved_by: Set(new.approved_by),
            approved_at: Set(approved_at),
            exercise: Set(new.exercise),
            attempts: Set(0),
            created_at: Set(now),
            next_at: Set(Some(now)),
            sent_at: Set(None),
            outcome: Set(None),
        };
        rows.push((row, 500));
    }
    bulk::insert(db, rows).await?;
    bulk::insert(db, covers).await?;
    for chunk in reminded.chunks(bulk::LIST) {
        directive::Entity::update_many()
            .col_expr(directive::Column::RemindedAt, Expr::value(now))
            .filter(directive::Column::Id.is_in(chunk.iter().copied()))
            .exec(db)
            .await?;
    }
    for chunk in asked.chunks(bulk::LIST) {
        directive::Entity::update_many()
            .col_expr(directive::Column::State, Expr::value("noticed"))
            .filter(directive::Column::Id.is_in(chunk.iter().copied()))
            .filter(directive::Column::State.eq(DirectiveState::Due))
            .exec(db)
            .await?;
    }
    audit::append_all(db, records, now).await
}

/// What a notice is about, inside a transaction.
pub(crate) async fn covered<C: ConnectionTrait>(
    db: &C,
    id: NoticeId,
) -> Result<Vec<NoticeDirective>> {
    Ok(covers::Entity::find()
        .filter(covers::Column::NoticeId.eq(Text(id)))
        .all(db)
        .await?)
}

/// Moves a notice inside a transaction.
async fn moved<C: ConnectionTrait>(
    db: &C,
    id: NoticeId,
    to: Move,
    actor: &str,
    now: i64,
) -> Result<Notice> {
    let mut notice = load(db, id).await?;
    let from = notice.state.0;
    if !from.may_become(to.to) {
        let reason = format!("is {from} and cannot become {}", to.to);
        return Err(Error::conflict(object(id), reason));
    }
    notice.state = Text(to.to);
    notice.outcome = Some(without_nul(&to.reply).into_owned());
    notice.next_at = to.next_at;
    if to.to == NoticeState::Sent {
        notice.sent_at.get_or_insert(now);
    }
    store(db, &notice).await?;
    let row = attempt::ActiveModel {
        id: NotSet,
        notice_id: Set(Text(id)),
        at: Set(now),
        outcome: Set(to.to.to_string()),
        reply: Set(without_nul(&to.reply).into_owned()),
    };
    attempt::Entity::insert(row)
        .exec_without_returning(db)
        .await?;
    if to.to == NoticeState::Sent && notice.kind.0.asks() {
        asked(db, &notice, actor, now).await?;
    }
    // What an exercise sank was asked of nobody.
    if matches!(to.to, NoticeState::Cancelled | NoticeState::Exercise) {
        redo(db, id).await?;
    }
    let record = NewAudit {
        actor: actor.to_owned(),
        action: "notice.move".to_owned(),
        object: object(id),
        detail: json!({ "from": from, "to": to.to, "reply": to.reply }),
    };
    audit::append(db, record, now).await?;
    Ok(notice)
}

async fn store<C: ConnectionTrait>(db: &C, notice: &Notice) -> Result<()> {
    let row = ActiveModel {
        id: Set(notice.id),
        state: Set(notice.state),
        approved_by: Set(notice.approved_by.clone()),
        approved_at: Set(notice.approved_at),
        next_at: Set(notice.next_at),
        sent_at: Set(notice.sent_at),
        outcome: Set(notice.outcome.clone()),
        ..Default::default()
    };
    Entity::update(row).exec(db).await?;
    Ok(())
}

/// The directives of a notice that will not go out are due again.
async fn redo<C: ConnectionTrait>(db: &C, id: NoticeId) -> Result<()> {
    let about = covers::Entity::find()
        .filter(covers::Column::NoticeId.eq(Text(id)))
        .all(db)
        .await?;
    for chunk in about.chunks(bulk::LIST) {
        directive::Entity::update_many()
            .col_expr(directive::Column::State, Expr::value("due"))
            .filter(directive::Column::Id.is_in(chunk.iter().map(|row| row.directive_id)))
            .filter(directive::Column::State.eq(DirectiveState::Noticed))
            .exec(db)
            .await?;
    }
    Ok(())
}

/// What a notice that was taken means: its directives are asked, their time runs, their incidents are
/// notified.
async fn asked<C: ConnectionTrait>(db: &C, notice: &Notice, actor: &str, now: i64) -> Result<()> {
    let about = covers::Entity::find()
        .filter(covers::Column::NoticeId.eq(notice.id))
        .all(db)
        .await?;
    let basis = format!("notice #{}", notice.number);
    let mut incidents = BTreeSet::new();
    for covered in about {
        let Some(mut row) = directive::Entity::find_by_id(covered.directive_id)
            .one(db)
            .await?
        else {
            continue;
        };
        if matches!(row.state, DirectiveState::Due | DirectiveState::Noticed) {
            // Its time runs from the notice that was taken, not from one that came back.
            row.asked_at.get_or_insert(now);
            row.due_at = Some(now.saturating_add(row.target_secs.saturating_mul(1_000_000)));
            row.reminded_at = None;
            row.state = DirectiveState::Asked;
        } else if notice.kind.0 == NoticeKind::Reminder {
            row.reminded_at = Some(now);
        }
        directive::Entity::update(directive::ActiveModel::from(row).reset_all())
            .exec(db)
            .await?;
        incidents.insert(covered.incident_id.0);
    }
    for id in incidents {
        let live = incident::load(db, id, &Reach::All).await?.state.0.is_live();
        if live {
            let step = NewStep::new(Step::Notify, basis.clone(), now);
            incident::step(db, id, &Reach::All, &step, actor, now).await?;
        }
    }
    Ok(())
}
