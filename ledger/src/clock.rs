//! Statutory clocks: the time a law gives to report an incident. A clock counts calendar time and never
//! pauses. It ends when a named person says that the duty is done, or waives it, with a reason; the
//! machine cannot end one. Every change is audited.

use model::ids::IncidentId;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::incident::{Reach, load, object};
use crate::text::{Text, without_nul};
use crate::{Error, Ledger, Result};

mod row {
    use model::ids::IncidentId;
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// How a clock stands.
    #[derive(
        Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, serde::Serialize,
    )]
    #[sea_orm(rs_type = "String", db_type = "Text")]
    #[serde(rename_all = "lowercase")]
    pub enum ClockState {
        /// It counts.
        #[sea_orm(string_value = "running")]
        Running,
        /// The duty is done.
        #[sea_orm(string_value = "done")]
        Done,
        /// A person waived the duty.
        #[sea_orm(string_value = "waived")]
        Waived,
    }

    /// A clock. Instants are microseconds UTC.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "clock")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// The incident.
        pub incident_id: Text<IncidentId>,
        /// The law.
        pub law: String,
        /// The duty of that law.
        pub duty: String,
        /// How it stands.
        pub state: ClockState,
        /// Since when it counts.
        pub started_at: i64,
        /// Who started it.
        pub started_by: String,
        /// Why.
        pub reason: String,
        /// When its time is over.
        pub due_at: i64,
        /// The last threshold that was escalated: 0, 50, 80 or 100 percent.
        pub escalated: i32,
        /// When the duty was done or waived.
        pub ended_at: Option<i64>,
        /// Who said so.
        pub ended_by: Option<String>,
        /// Why.
        pub ended_reason: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::ActiveModel;
pub(crate) use row::{Column, Entity};

pub use row::{ClockState, Model as Clock};

/// The shares of its time at which a clock is escalated, percent.
pub const THRESHOLDS: [i32; 3] = [50, 80, 100];

/// A clock to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewClock {
    /// The incident.
    pub incident: IncidentId,
    /// The law.
    pub law: String,
    /// The duty.
    pub duty: String,
    /// Since when it counts, microseconds UTC; not after now.
    pub started_at: i64,
    /// When its time is over.
    pub due_at: i64,
    /// Why it starts.
    pub reason: String,
}

/// How a clock ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Done or waived.
    pub state: ClockState,
    /// When that was, microseconds UTC; not before it started, not after now.
    pub at: i64,
    /// Why.
    pub reason: String,
}

/// A clock that passed a threshold.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Escalation {
    /// The clock, as it is now.
    pub clock: Clock,
    /// The highest threshold it passed: 50, 80 or 100 percent.
    pub percent: i32,
}

impl Clock {
    /// Percent of its time that has gone by at an instant, rounded down; more than 100 when it is over.
    pub fn percent(&self, at: i64) -> i64 {
        let whole = i128::from(self.due_at) - i128::from(self.started_at);
        let gone = i128::from(at) - i128::from(self.started_at);
        i64::try_from(gone.max(0) * 100 / whole.max(1)).unwrap_or(i64::MAX)
    }

    /// Whether its duty was done, or is still open, after its time.
    pub fn is_late(&self, at: i64) -> bool {
        match self.state {
            ClockState::Waived => false,
            _ => self.ended_at.unwrap_or(at) > self.due_at,
        }
    }
}

/// Whether an actor is a person: not the system, not a rule.
pub fn is_person(actor: &str) -> bool {
    let machine = ["system", "rule:"]
        .iter()
        .any(|name| actor.starts_with(name));
    !actor.trim().is_empty() && !machine
}

fn person_and_reason(what: &str, reason: &str, actor: &str) -> Result<()> {
    if !is_person(actor) {
        let why = "is started, stopped and waived by a named person, not by the machine";
        return Err(Error::conflict(what, why));
    }
    if reason.trim().is_empty() {
        return Err(Error::conflict(what, "needs a reason: say why"));
    }
    Ok(())
}

impl Ledger {
    /// Starts clocks, all or nothing, and returns them. Audited for each incident.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the actor is no person, a reason is missing, one of this duty runs, it
    /// would start in the future or be over before it starts; [`Error::NotFound`] without the incident.
    pub async fn start_clocks(
        &self,
        all: Vec<NewClock>,
        actor: &str,
        now: i64,
    ) -> Result<Vec<Clock>> {
        let tx = self.begin().await?;
        let mut started = Vec::new();
        for new in all {
            let name = format!("clock {}/{}", new.law, new.duty);
            person_and_reason(&name, &new.reason, actor)?;
            if new.started_at > now || new.due_at <= new.started_at {
                let why = "starts not after now and is over after that";
                return Err(Error::conflict(name, why));
            }
            load(&tx, new.incident, &Reach::All).await?;
            let runs = Entity::find()
                .filter(Column::IncidentId.eq(Text(new.incident)))
                .filter(Column::Law.eq(new.law.as_str()))
                .filter(Column::Duty.eq(new.duty.as_str()))
                .filter(Column::State.eq(ClockState::Running))
                .one(&tx)
                .await?;
            if runs.is_some() {
                return Err(Error::conflict(name, "runs already for this incident"));
            }
            let row = ActiveModel {
                id: NotSet,
                incident_id: Set(Text(new.incident)),
                law: Set(new.law),
                duty: Set(new.duty),
                state: Set(ClockState::Running),
                started_at: Set(new.started_at),
                started_by: Set(actor.to_owned()),
                reason: Set(without_nul(&new.reason).into_owned()),
                due_at: Set(new.due_at),
                escalated: Set(0),
                ended_at: Set(None),
                ended_by: Set(None),
                ended_reason: Set(None),
            };
            let row = row.insert(&tx).await?;
            let record = NewAudit {
                actor: actor.to_owned(),
                action: "clock.start".to_owned(),
                object: object(new.incident),
                detail: json!({ "clock": row.id, "law": row.law, "duty": row.duty,
                    "started_at": row.started_at, "due_at": row.due_at, "reason": row.reason }),
            };
            audit::append(&tx, record, now).await?;
            started.push(row);
        }
        tx.commit().await?;
        Ok(started)
    }

    /// Ends a clock for a person. Audited, with whether it was late.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Conflict`] if it has ended, the actor is no person, the reason
    /// is missing, or the instant lies before its start or after now.
    pub async fn end_clock(&self, id: i64, ending: Ending, actor: &str, now: i64) -> Result<Clock> {
        let name = format!("clock {id}");
        person_and_reason(&name, &ending.reason, actor)?;
        let tx = self.begin().await?;
        let mut row = Entity::find_by_id(id)
            .one(&tx)
            .await?
            .ok_or_else(|| Error::not_found("clock", id))?;
        if row.state != ClockState::Running || ending.state == ClockState::Running {
            return Err(Error::conflict(name, "has ended: start another"));
        }
        if ending.at < row.started_at || ending.at > now {
            let why = "ends after its start and not after now";
            return Err(Error::conflict(name, why));
        }
        row.state = ending.state;
        row.ended_at = Some(ending.at);
        row.ended_by = Some(actor.to_owned());
        row.ended_reason = Some(without_nul(&ending.reason).into_owned());
        // Of two that end it at once one finds it ended: the row is read and written in one transaction,
        // and the condition holds where the database lets both read.
        let done = Entity::update_many()
            .set(ActiveModel {
                state: Set(row.state),
                ended_at: Set(row.ended_at),
                ended_by: Set(row.ended_by.clone()),
                ended_reason: Set(row.ended_reason.clone()),
                ..Default::default()
            })
            .filter(Column::Id.eq(id))
            .filter(Column::State.eq(ClockState::Running))
            .exec(&tx)
            .await?;
        if done.rows_affected == 0 {
            return Err(Error::conflict(
                name,
                "was ended by somebody else meanwhile",
            ));
        }
        let record = NewAudit {
            actor: actor.to_owned(),
            action: match row.state {
                ClockState::Waived => "clock.waive".to_owned(),
                _ => "clock.stop".to_owned(),
            },
            object: object(row.incident_id.0),
            detail: json!({ "clock": id, "law": row.law, "duty": row.duty, "at": ending.at,
                "late": row.is_late(now), "reason": row.ended_reason }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Marks the running clocks that passed a threshold since it was last asked, the one due first at
    /// the head. Each threshold is returned once; of several passed meanwhile the highest. Audited.
    pub async fn escalate_clocks(&self, actor: &str, now: i64) -> Result<Vec<Escalation>> {
        let tx = self.begin().await?;
        let running = Entity::find()
            .filter(Column::State.eq(ClockState::Running))
            .filter(Column::Escalated.lt(100))
            .order_by_asc(Column::DueAt)
            .order_by_asc(Column::Id)
            .all(&tx)
            .await?;
        let mut all = Vec::new();
        for mut clock in running {
            let gone = clock.percent(now);
            let passed = THRESHOLDS.iter().rev().find(|one| gone >= i64::from(**one));
            let Some(percent) = passed.copied().filter(|one| *one > clock.escalated) else {
                continue;
            };
            // Only upward: two that look at once mark it once.
            let done = Entity::update_many()
                .set(ActiveModel {
                    escalated: Set(percent),
                    ..Default::default()
                })
                .filter(Column::Id.eq(clock.id))
                .filter(Column::Escalated.lt(percent))
                .filter(Column::State.eq(ClockState::Running))
                .exec(&tx)
                .await?;
            if done.rows_affected == 0 {
                continue;
            }
            clock.escalated = percent;
            let record = NewAudit {
                actor: actor.to_owned(),
                action: "clock.escalate".to_owned(),
                object: object(clock.incident_id.0),
                detail: json!({ "clock": clock.id, "law": clock.law, "duty": clock.duty,
                    "percent": percent, "due_at": clock.due_at }),
            };
            audit::append(&tx, record, now).await?;
            all.push(Escalation { clock, percent });
        }
        tx.commit().await?;
        Ok(all)
    }

    /// The clocks of an incident, in the order they were started.
    pub async fn clocks(&self, of: IncidentId) -> Result<Vec<Clock>> {
        Ok(Entity::find()
            .filter(Column::IncidentId.eq(Text(of)))
            .order_by_asc(Column::Id)
            .all(self.reader())
            .await?)
    }

    /// All clocks that run, the one due first at the head.
    pub async fn clocks_running(&self) -> Result<Vec<Clock>> {
        Ok(Entity::find()
            .filter(Column::State.eq(ClockState::Running))
            .order_by_asc(Column::DueAt)
            .order_by_asc(Column::Id)
            .all(self.reader())
            .await?)
    }
}
