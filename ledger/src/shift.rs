//! The roster: who is on duty from when to when, and how shifts change hands.
//!
//! A swap is asked for, accepted by the other side, and approved by a lead where the two do not hold the same rights.
//! A shift that was taken off the roster stays as a row.

use model::duty::{DutyRole, SwapState};
use model::newsroom::Right;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use serde_json::json;

use crate::account::{self, Account, Actor};
use crate::audit::{self, NewAudit};
use crate::text::{Text, without_nul};
use crate::{Error, Ledger, Result};

mod row {
    use model::duty::DutyRole;
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// Somebody's shift.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "shift")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// Who.
        pub login: String,
        /// As what.
        pub role: Text<DutyRole>,
        /// From when, microseconds UTC.
        pub from_at: i64,
        /// To when.
        pub to_at: i64,
        /// Who wrote it into the roster.
        pub created_by: String,
        /// When.
        pub created_at: i64,
        /// When it was taken off.
        pub removed_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod swap {
    use model::duty::SwapState;
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// A shift that is to change hands.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "shift_swap")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// The shift.
        pub shift_id: i64,
        /// Whose it is.
        pub asked_by: String,
        /// Who is to take it.
        pub login: String,
        /// Why.
        pub reason: String,
        /// How it stands.
        pub state: Text<SwapState>,
        /// Whether a lead must approve, since the two hold different rights.
        pub needs_lead: bool,
        /// When it was asked for, microseconds UTC.
        pub asked_at: i64,
        /// When the other side answered.
        pub answered_at: Option<i64>,
        /// The lead who decided.
        pub decided_by: Option<String>,
        /// When.
        pub decided_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub use row::Model as Shift;
pub use swap::Model as Swap;

/// Longest shift: a day and a night.
const LONGEST: i64 = 24 * 3_600 * 1_000_000;

/// A shift to be written into the roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewShift {
    /// Who.
    pub login: String,
    /// As what.
    pub role: DutyRole,
    /// From when to when, microseconds UTC.
    pub span: (i64, i64),
}

fn object(id: i64) -> String {
    format!("shift {id}")
}

async fn person(tx: &sea_orm::DatabaseTransaction, login: &str) -> Result<Account> {
    let found = account::row_of(tx, login).await?;
    let own = found.filter(|one| one.active && one.organization.is_none());
    own.ok_or_else(|| Error::conflict(format!("account {login}"), "is nobody of the centre"))
}

/// Shifts of somebody that overlap a span.
async fn overlapping(
    tx: &sea_orm::DatabaseTransaction,
    login: &str,
    (from, to): (i64, i64),
) -> Result<bool> {
    let found = row::Entity::find()
        .filter(row::Column::Login.eq(login))
        .filter(row::Column::RemovedAt.is_null())
        .filter(row::Column::FromAt.lt(to))
        .filter(row::Column::ToAt.gt(from))
        .one(tx)
        .await?;
    Ok(found.is_some())
}

fn taken(login: &str) -> Error {
    Error::conflict(format!("account {login}"), "has another shift at that time")
}

impl Ledger {
    /// Writes shifts into the roster, all or none.
    ///
    /// # Errors
    /// [`Error::Conflict`] if a span is turned around or longer than a day, the person is none of the centre's or
    /// lacks what the role needs, or has another shift then.
    pub async fn add_shifts(&self, by: &Actor, all: &[NewShift], now: i64) -> Result<Vec<Shift>> {
        by.must(Right::Lead)?;
        let tx = self.begin().await?;
        let mut added = Vec::new();
        let mut records = Vec::new();
        for new in all {
            let (from, to) = new.span;
            if to <= from || to - from > LONGEST {
                let reason = "must end after it begins, and within a day";
                return Err(Error::conflict("shift", reason));
            }
            let person = person(&tx, &new.login).await?;
            if !person.may(new.role.needs()) {
                use model::worded::Word;
                let reason = format!("cannot be {}: the account lacks the right", new.role.en());
                return Err(Error::conflict(format!("account {}", new.login), reason));
            }
            if overlapping(&tx, &new.login, new.span).await? {
                return Err(taken(&new.login));
            }
            let row = row::ActiveModel {
                id: NotSet,
                login: Set(new.login.clone()),
                role: Set(Text(new.role)),
                from_at: Set(from),
                to_at: Set(to),
                created_by: Set(by.login().to_owned()),
                created_at: Set(now),
                removed_at: Set(None),
            };
            let row = row.insert(&tx).await?;
            records.push(NewAudit {
                actor: by.login().to_owned(),
                action: "shift.add".to_owned(),
                object: object(row.id),
                detail: json!({ "login": row.login, "role": row.role, "from": from, "to": to }),
            });
            added.push(row);
        }
        audit::append_all(&tx, records, now).await?;
        tx.commit().await?;
        Ok(added)
    }

    /// Takes a shift off the roster.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if it has begun: what was, stays written.
    pub async fn remove_shift(&self, by: &Actor, id: i64, now: i64) -> Result<()> {
        by.must(Right::Lead)?;
        let tx = self.begin().await?;
        let shift = shift_of(&tx, id).await?;
        if shift.from_at <= now {
            return Err(Error::conflict(
                object(id),
                "has begun: it stays in the roster",
            ));
        }
        row::Entity::update_many()
            .col_expr(row::Column::RemovedAt, Expr::value(now))
            .filter(row::Column::Id.eq(id))
            .exec(&tx)
            .await?;
        let record = NewAudit {
            actor: by.login().to_owned(),
            action: "shift.remove".to_owned(),
            object: object(id),
            detail: json!({ "login": shift.login }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Shifts that touch a span, by their beginning.
    pub async fn shifts(&self, (from, to): (i64, i64)) -> Result<Vec<Shift>> {
        let found = row::Entity::find()
            .filter(row::Column::RemovedAt.is_null())
            .filter(row::Column::FromAt.lt(to))
            .filter(row::Column::ToAt.gt(from))
            .order_by_asc(row::Column::FromAt)
            .order_by_asc(row::Column::Id);
        Ok(found.all(self.reader()).await?)
    }

    /// Who is on duty at an instant.
    pub async fn on_duty(&self, at: i64) -> Result<Vec<Shift>> {
        self.shifts((at, at + 1)).await
    }

    /// A shift of the roster.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn shift(&self, id: i64) -> Result<Shift> {
        let found = row::Entity::find_by_id(id).one(self.reader()).await?;
        let found = found.filter(|shift| shift.removed_at.is_none());
        found.ok_or_else(|| Error::not_found("shift", id.to_string()))
    }

    /// Asks somebody to take a shift of one's own.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if it is somebody else's, has begun, was asked about already, or the
    /// other side cannot take it.
    pub async fn ask_swap(
        &self,
        by: &Actor,
        (shift, login): (i64, &str),
        reason: &str,
        now: i64,
    ) -> Result<Swap> {
        by.must(Right::Work)?;
        let reason = without_nul(reason).trim().to_owned();
        let tx = self.begin().await?;
        let own = shift_of(&tx, shift).await?;
        let refuse = |why: &str| Err(Error::conflict(object(shift), why));
        if own.login != by.login() {
            return refuse("is somebody else's");
        }
        if own.from_at <= now {
            return refuse("has begun");
        }
        if login == by.login() {
            return refuse("is yours already");
        }
        if reason.is_empty() {
            return refuse("is swapped only for a reason");
        }
        let open = swap::Entity::find()
            .filter(swap::Column::ShiftId.eq(shift))
            .filter(swap::Column::State.is_in(OPEN.map(Text)))
            .one(&tx)
            .await?;
        if open.is_some() {
            return refuse("was asked about already: take that back first");
        }
        let (asker, taker) = (person(&tx, by.login()).await?, person(&tx, login).await?);
        if !taker.may(Right::Work) && !taker.may(Right::Lead) {
            return Err(Error::conflict(
                format!("account {login}"),
                "takes no shifts",
            ));
        }
        if overlapping(&tx, login, (own.from_at, own.to_at)).await? {
            return Err(taken(login));
        }
        let same = [Right::Work, Right::Lead]
            .into_iter()
            .all(|right| asker.may(right) == taker.may(right));
        let row = swap::ActiveModel {
            id: NotSet,
            shift_id: Set(shift),
            asked_by: Set(by.login().to_owned()),
            login: Set(login.to_owned()),
            reason: Set(reason.clone()),
            state: Set(Text(SwapState::Asked)),
            needs_lead: Set(!same),
            asked_at: Set(now),
            answered_at: Set(None),
            decided_by: Set(None),
            decided_at: Set(None),
        };
        let row = row.insert(&tx).await?;
        told(&tx, by.login(), "shift.ask", &row, now).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// The other side's answer.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not asked of this login; [`Error::Conflict`] if it was answered, or cannot be
    /// done any more.
    pub async fn answer_swap(&self, by: &str, id: i64, yes: bool, now: i64) -> Result<Swap> {
        let tx = self.begin().await?;
        let mut row = swap_of(&tx, id).await?;
        if row.login != by {
            return Err(Error::not_found("swap", id.to_string()));
        }
        if row.state.0 != SwapState::Asked {
            return Err(Error::conflict(
                format!("swap {id}"),
                "was answered already",
            ));
        }
        row.answered_at = Some(now);
        row.state = Text(match (yes, row.needs_lead) {
            (false, _) => SwapState::Declined,
            (true, true) => SwapState::Accepted,
            (true, false) => SwapState::Done,
        });
        if row.state.0 == SwapState::Done {
            hand(&tx, &row, now).await?;
        }
        store(&tx, &row).await?;
        told(&tx, by, "shift.answer", &row, now).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// A lead's word on a swap across roles.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if it does not wait for a lead, the lead is one of the two, or it
    /// cannot be done any more.
    pub async fn decide_swap(&self, by: &Actor, id: i64, yes: bool, now: i64) -> Result<Swap> {
        by.must(Right::Lead)?;
        let tx = self.begin().await?;
        let mut row = swap_of(&tx, id).await?;
        let refuse = |why: &str| Err(Error::conflict(format!("swap {id}"), why));
        if row.state.0 != SwapState::Accepted {
            return refuse("does not wait for a lead");
        }
        if [&row.asked_by, &row.login].contains(&&by.login().to_owned()) {
            return refuse("is one's own: another lead decides");
        }
        row.decided_by = Some(by.login().to_owned());
        row.decided_at = Some(now);
        row.state = Text(match yes {
            true => SwapState::Done,
            false => SwapState::Declined,
        });
        if yes {
            hand(&tx, &row, now).await?;
        }
        store(&tx, &row).await?;
        told(&tx, by.login(), "shift.decide", &row, now).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Takes a question back.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not one's own; [`Error::Conflict`] if it is over.
    pub async fn withdraw_swap(&self, by: &str, id: i64, now: i64) -> Result<Swap> {
        let tx = self.begin().await?;
        let mut row = swap_of(&tx, id).await?;
        if row.asked_by != by {
            return Err(Error::not_found("swap", id.to_string()));
        }
        if !OPEN.contains(&row.state.0) {
            return Err(Error::conflict(format!("swap {id}"), "is over"));
        }
        row.state = Text(SwapState::Withdrawn);
        store(&tx, &row).await?;
        told(&tx, by, "shift.withdraw", &row, now).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Swaps asked for since an instant, the newest first.
    pub async fn swaps(&self, since: i64) -> Result<Vec<Swap>> {
        let found = swap::Entity::find()
            .filter(swap::Column::AskedAt.gte(since))
            .order_by_desc(swap::Column::Id);
        Ok(found.all(self.reader()).await?)
    }
}

/// States in which a swap is not over.
const OPEN: [SwapState; 2] = [SwapState::Asked, SwapState::Accepted];

async fn shift_of(tx: &sea_orm::DatabaseTransaction, id: i64) -> Result<Shift> {
    let found = row::Entity::find_by_id(id).one(tx).await?;
    let found = found.filter(|shift| shift.removed_at.is_none());
    found.ok_or_else(|| Error::not_found("shift", id.to_string()))
}

async fn swap_of(tx: &sea_orm::DatabaseTransaction, id: i64) -> Result<Swap> {
    let found = swap::Entity::find_by_id(id).one(tx).await?;
    found.ok_or_else(|| Error::not_found("swap", id.to_string()))
}

/// Gives the shift over.
async fn hand(tx: &sea_orm::DatabaseTransaction, swap: &Swap, now: i64) -> Result<()> {
    let shift = shift_of(tx, swap.shift_id).await?;
    if shift.login != swap.asked_by || shift.from_at <= now {
        let reason = "cannot be swapped any more: it changed hands or has begun";
        return Err(Error::conflict(object(shift.id), reason));
    }
    if overlapping(tx, &swap.login, (shift.from_at, shift.to_at)).await? {
        return Err(taken(&swap.login));
    }
    row::Entity::update_many()
        .col_expr(row::Column::Login, Expr::value(swap.login.as_str()))
        .filter(row::Column::Id.eq(shift.id))
        .exec(tx)
        .await?;
    Ok(())
}

async fn store(tx: &sea_orm::DatabaseTransaction, row: &Swap) -> Result<()> {
    let changed = swap::ActiveModel::from(row.clone()).reset_all();
    swap::Entity::update(changed).exec(tx).await?;
    Ok(())
}

async fn told(
    tx: &sea_orm::DatabaseTransaction,
    actor: &str,
    action: &str,
    row: &Swap,
    now: i64,
) -> Result<()> {
    let record = NewAudit {
        actor: actor.to_owned(),
        action: action.to_owned(),
        object: object(row.shift_id),
        detail: json!({ "from": row.asked_by, "to": row.login, "state": row.state, "reason": row.reason }),
    };
    audit::append(tx, record, now).await
}
