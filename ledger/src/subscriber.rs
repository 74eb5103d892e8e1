//! Subscribers of the mail edition: asked, confirmed by themselves, gone or not reached any more; and one row
//! for each mail that was meant for one of them.
//!
//! An address gets one mail that asks whether it wants the edition, and nothing else before it said yes
//! (double opt-in). Who leaves is out at once. Only hashes of the tokens are stored, by which somebody
//! confirms or leaves. A mail's row is made before its first byte leaves and holds the identity it has
//! for ever: a process that is killed repeats it at most under that identity, and a second run sends
//! nothing again. Every change of a subscriber has its row in the audit trail, by number and without the
//! address.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{Condition, QueryOrder, QuerySelect};
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::error::is_duplicate;
use crate::text::without_nul;
use crate::{Error, Hash, Ledger, Page, Result};

mod row {
    use sea_orm::entity::prelude::*;

    use crate::Hash;

    /// How far a subscription is.
    #[derive(
        Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, serde::Serialize,
    )]
    #[sea_orm(rs_type = "String", db_type = "Text")]
    #[serde(rename_all = "lowercase")]
    pub enum SubscriberState {
        /// Has not said yes yet.
        #[sea_orm(string_value = "asked")]
        Asked,
        /// Said yes.
        #[sea_orm(string_value = "confirmed")]
        Confirmed,
        /// Does not want it any more.
        #[sea_orm(string_value = "left")]
        Left,
        /// Mail came back for good twice.
        #[sea_orm(string_value = "bouncing")]
        Bouncing,
    }

    /// A subscriber. Instants are microseconds UTC.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "subscriber")]
    pub struct Model {
        /// Its number.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// The address as it was given.
        pub email: String,
        /// The address in lower case until it leaves: makes it unique so long.
        #[serde(skip)]
        pub live_email: Option<String>,
        /// `zh` or `en`.
        pub language: String,
        /// How far it is.
        pub state: SubscriberState,
        /// Where it comes from: `person`, `import FILE`.
        pub source: String,
        /// BLAKE3 of the token that confirms.
        #[serde(skip)]
        pub confirm_hash: Hash,
        /// BLAKE3 of the token that leaves, and that bounces come back to.
        #[serde(skip)]
        pub leave_hash: Hash,
        /// When it was asked last.
        pub asked_at: i64,
        /// When it said yes.
        pub confirmed_at: Option<i64>,
        /// When it left.
        pub left_at: Option<i64>,
        /// How it left.
        pub ending: Option<String>,
        /// Mails that came back for good since it was last reached.
        pub hard_bounces: i32,
        /// When a mail last came back.
        pub bounced_at: Option<i64>,
        /// Why.
        pub bounce: Option<String>,
        /// When this row was last changed.
        pub changed_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod mail {
    use sea_orm::entity::prelude::*;

    /// How far a mail is.
    #[derive(
        Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, serde::Serialize,
    )]
    #[sea_orm(rs_type = "String", db_type = "Text")]
    #[serde(rename_all = "lowercase")]
    pub enum MailState {
        /// To be sent.
        #[sea_orm(string_value = "ready")]
        Ready,
        /// Its first byte may have left.
        #[sea_orm(string_value = "sending")]
        Sending,
        /// Taken by the server.
        #[sea_orm(string_value = "sent")]
        Sent,
        /// Not taken, or given up.
        #[sea_orm(string_value = "refused")]
        Refused,
    }

    /// A mail to a subscriber. Instants are microseconds UTC.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "edition_mail")]
    pub struct Model {
        /// Its number.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// What it carries: `weekly 2023-3 r1`, `weekly 2023-3 r1 recall`, `confirmation TIME`.
        pub edition: String,
        /// To whom.
        pub subscriber_id: i64,
        /// Its Message-ID, for ever.
        pub message_id: String,
        /// How far it is.
        pub state: MailState,
        /// How often it was tried.
        pub attempts: i32,
        /// When the row was made; the mail's Date.
        pub made_at: i64,
        /// When it may be tried next.
        pub next_at: i64,
        /// When it was taken.
        pub sent_at: Option<i64>,
        /// What the server said last.
        pub reply: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub use mail::{MailState, Model as EditionMail};
use row::{ActiveModel, Column, Entity};
pub use row::{Model as Subscriber, SubscriberState};

/// Mails that come back for good before a subscriber is not written to any more.
const HARD_MOST: i32 = 2;

/// An address that is to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSubscriber {
    /// The address.
    pub email: String,
    /// `zh` or `en`.
    pub language: String,
    /// Where it comes from.
    pub source: String,
    /// BLAKE3 of the token that confirms.
    pub confirm_hash: Hash,
    /// BLAKE3 of the token that leaves.
    pub leave_hash: Hash,
}

fn record(id: i64, action: &str, actor: &str, detail: serde_json::Value) -> NewAudit {
    NewAudit {
        actor: actor.to_owned(),
        action: action.to_owned(),
        object: format!("subscriber {id}"),
        detail,
    }
}

impl Ledger {
    /// Takes an address that is to be asked. One that is known and did not say yes is asked anew, with the
    /// new tokens; one that said yes stays as it is.
    pub async fn ask_subscriber(
        &self,
        new: NewSubscriber,
        actor: &str,
        now: i64,
    ) -> Result<Subscriber> {
        let tx = self.begin().await?;
        let live = new.email.to_lowercase();
        let known = Entity::find()
            .filter(Column::LiveEmail.eq(live.as_str()))
            .one(&tx)
            .await?;
        let id = match known {
            Some(known) if known.state == SubscriberState::Confirmed => return Ok(known),
            Some(known) => {
                let update = Entity::update_many()
                    .col_expr(
                        Column::State,
                        Expr::value(SubscriberState::Asked.to_value()),
                    )
                    .col_expr(Column::Language, Expr::value(new.language.as_str()))
                    .col_expr(
                        Column::ConfirmHash,
                        Expr::value(new.confirm_hash.as_bytes().to_vec()),
                    )
                    .col_expr(
                        Column::LeaveHash,
                        Expr::value(new.leave_hash.as_bytes().to_vec()),
                    )
                    .col_expr(Column::AskedAt, Expr::value(now))
                    .col_expr(Column::HardBounces, Expr::value(0))
                    .col_expr(Column::ChangedAt, Expr::value(now));
                update.filter(Column::Id.eq(known.id)).exec(&tx).await?;
                known.id
            }
            None => {
                let row = ActiveModel {
                    id: NotSet,
                    email: Set(without_nul(&new.email).into_owned()),
                    live_email: Set(Some(live)),
                    language: Set(new.language.clone()),
                    state: Set(SubscriberState::Asked),
                    source: Set(without_nul(&new.source).into_owned()),
                    confirm_hash: Set(new.confirm_hash),
                    leave_hash: Set(new.leave_hash),
                    asked_at: Set(now),
                    confirmed_at: Set(None),
                    left_at: Set(None),
                    ending: Set(None),
                    hard_bounces: Set(0),
                    bounced_at: Set(None),
                    bounce: Set(None),
                    changed_at: Set(now),
                };
                row.insert(&tx).await?.id
            }
        };
        let detail = json!({ "language": new.language, "source": new.source });
        audit::append(&tx, record(id, "subscriber.ask", actor, detail), now).await?;
        let row = load(&tx, id).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// The subscriber whose confirming token has this hash says yes. Saying it again changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if it left.
    pub async fn confirm_subscriber(
        &self,
        token: Hash,
        actor: &str,
        now: i64,
    ) -> Result<Subscriber> {
        let tx = self.begin().await?;
        let found = Entity::find()
            .filter(Column::ConfirmHash.eq(token))
            .order_by_desc(Column::Id)
            .one(&tx)
            .await?;
        let row = found.ok_or_else(|| Error::not_found("subscription", "of this token"))?;
        match row.state {
            SubscriberState::Confirmed => return Ok(row),
            SubscriberState::Left => {
                let reason = "has left: subscribe anew";
                return Err(Error::conflict(format!("subscriber {}", row.id), reason));
            }
            SubscriberState::Asked | SubscriberState::Bouncing => {}
        }
        Entity::update_many()
            .col_expr(
                Column::State,
                Expr::value(SubscriberState::Confirmed.to_value()),
            )
            .col_expr(Column::ConfirmedAt, Expr::value(now))
            .col_expr(Column::HardBounces, Expr::value(0))
            .col_expr(Column::ChangedAt, Expr::value(now))
            .filter(Column::Id.eq(row.id))
            .exec(&tx)
            .await?;
        let audit = record(row.id, "subscriber.confirm", actor, json!({}));
        audit::append(&tx, audit, now).await?;
        let row = load(&tx, row.id).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// A subscriber leaves. Leaving again changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn leave_subscriber(
        &self,
        id: i64,
        how: &str,
        actor: &str,
        now: i64,
    ) -> Result<Subscriber> {
        let tx = self.begin().await?;
        let row = load(&tx, id).await?;
        if row.state == SubscriberState::Left {
            return Ok(row);
        }
        Entity::update_many()
            .col_expr(Column::State, Expr::value(SubscriberState::Left.to_value()))
            .col_expr(Column::LiveEmail, Expr::value(None::<String>))
            .col_expr(Column::LeftAt, Expr::value(now))
            .col_expr(Column::Ending, Expr::value(without_nul(how).as_ref()))
            .col_expr(Column::ChangedAt, Expr::value(now))
            .filter(Column::Id.eq(id))
            .exec(&tx)
            .await?;
        let audit = record(id, "subscriber.leave", actor, json!({ "how": how }));
        audit::append(&tx, audit, now).await?;
        let row = load(&tx, id).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// A mail to a subscriber came back. For good for the second time: it is written to no more.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn subscriber_bounced(
        &self,
        id: i64,
        hard: bool,
        why: &str,
        actor: &str,
        now: i64,
    ) -> Result<Subscriber> {
        let tx = self.begin().await?;
        let row = load(&tx, id).await?;
        let hards = row.hard_bounces.saturating_add(i32::from(hard));
        let state = match row.state {
            SubscriberState::Asked | SubscriberState::Confirmed if hards >= HARD_MOST => {
                SubscriberState::Bouncing
            }
            state => state,
        };
        Entity::update_many()
            .col_expr(Column::State, Expr::value(state.to_value()))
            .col_expr(Column::HardBounces, Expr::value(hards))
            .col_expr(Column::BouncedAt, Expr::value(now))
            .col_expr(Column::Bounce, Expr::value(without_nul(why).as_ref()))
            .col_expr(Column::ChangedAt, Expr::value(now))
            .filter(Column::Id.eq(id))
            .exec(&tx)
            .await?;
        let detail = json!({ "hard": hard, "why": why, "state": state });
        audit::append(&tx, record(id, "subscriber.bounce", actor, detail), now).await?;
        let row = load(&tx, id).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// The subscriber whose leaving token has this hash, left ones among them.
    pub async fn subscriber_by_token(&self, token: Hash) -> Result<Option<Subscriber>> {
        Ok(Entity::find()
            .filter(Column::LeaveHash.eq(token))
            .order_by_desc(Column::Id)
            .one(self.reader())
            .await?)
    }

    /// The subscriber of an address, unless it left.
    pub async fn subscriber_of(&self, email: &str) -> Result<Option<Subscriber>> {
        Ok(Entity::find()
            .filter(Column::LiveEmail.eq(email.to_lowercase()))
            .one(self.reader())
            .await?)
    }

    /// Subscribers in one of these states (empty: all), by number.
    pub async fn subscribers(
        &self,
        states: &[SubscriberState],
        page: Page,
    ) -> Result<Vec<Subscriber>> {
        let mut all = Condition::all();
        if !states.is_empty() {
            all = all.add(Column::State.is_in(states.iter().copied()));
        }
        Ok(Entity::find()
            .filter(all)
            .order_by_asc(Column::Id)
            .offset(page.offset)
            .limit(page.limit)
            .all(self.reader())
            .await?)
    }

    /// The row of a mail to a subscriber: the one there is, else a new one under this identity.
    pub async fn edition_mail(
        &self,
        edition: &str,
        subscriber: i64,
        message_id: &str,
        now: i64,
    ) -> Result<EditionMail> {
        let tx = self.begin().await?;
        let find = || {
            mail::Entity::find()
                .filter(mail::Column::Edition.eq(edition))
                .filter(mail::Column::SubscriberId.eq(subscriber))
        };
        if let Some(known) = find().one(&tx).await? {
            return Ok(known);
        }
        let row = mail::ActiveModel {
            id: NotSet,
            edition: Set(edition.to_owned()),
            subscriber_id: Set(subscriber),
            message_id: Set(message_id.to_owned()),
            state: Set(MailState::Ready),
            attempts: Set(0),
            made_at: Set(now),
            next_at: Set(now),
            sent_at: Set(None),
            reply: Set(String::new()),
        };
        let row = match row.insert(&tx).await {
            Err(error) if is_duplicate(&error) => {
                let reason = format!("another mail has the identity {message_id}");
                return Err(Error::conflict(format!("edition {edition}"), reason));
            }
            other => other?,
        };
        tx.commit().await?;
        Ok(row)
    }

    /// Marks a mail as being sent, before its first byte leaves. `false`: it was taken before, refused, or
    /// its subscriber is not in one of these states any more.
    pub async fn take_edition_mail(
        &self,
        id: i64,
        states: &[SubscriberState],
        now: i64,
    ) -> Result<bool> {
        let tx = self.begin().await?;
        let found = mail::Entity::find_by_id(id).one(&tx).await?;
        let row = found.ok_or_else(|| Error::not_found("edition mail", id))?;
        let subscriber = load(&tx, row.subscriber_id).await?;
        let due = matches!(row.state, MailState::Ready | MailState::Sending) && row.next_at <= now;
        if !due || !states.contains(&subscriber.state) {
            return Ok(false);
        }
        mail::Entity::update_many()
            .col_expr(
                mail::Column::State,
                Expr::value(MailState::Sending.to_value()),
            )
            .col_expr(mail::Column::Attempts, Expr::value(row.attempts + 1))
            .filter(mail::Column::Id.eq(id))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Stores what came of sending a mail.
    pub async fn edition_mail_done(
        &self,
        id: i64,
        state: MailState,
        reply: &str,
        next_at: i64,
        now: i64,
    ) -> Result<()> {
        let mut update = mail::Entity::update_many()
            .col_expr(mail::Column::State, Expr::value(state.to_value()))
            .col_expr(
                mail::Column::Reply,
                Expr::value(without_nul(reply).as_ref()),
            )
            .col_expr(mail::Column::NextAt, Expr::value(next_at));
        if state == MailState::Sent {
            update = update.col_expr(mail::Column::SentAt, Expr::value(now));
        }
        update
            .filter(mail::Column::Id.eq(id))
            .exec(self.writer()?)
            .await?;
        Ok(())
    }

    /// The mails of an edition, by number.
    pub async fn edition_mails(&self, edition: &str) -> Result<Vec<EditionMail>> {
        Ok(mail::Entity::find()
            .filter(mail::Column::Edition.eq(edition))
            .order_by_asc(mail::Column::Id)
            .all(self.reader())
            .await?)
    }
}

async fn load(db: &impl ConnectionTrait, id: i64) -> Result<Subscriber> {
    let found = Entity::find_by_id(id).one(db).await?;
    found.ok_or_else(|| Error::not_found("subscriber", id))
}
