//! Directives: the stored decision whom to ask for what, per incident and in order. Kept apart from
//! sending: a directive without a party is a queue ("no contact left"), not a lost incident.

use std::collections::BTreeSet;

use model::ids::{DirectiveId, IncidentId, OrganizationId};
use model::organization::Role;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect};
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::incident::{self, object};
use crate::retention::matter;
use crate::text::Text;
use crate::{Error, Ledger, Page, Result, bulk};

mod row {
    use model::ids::{DirectiveId, IncidentId, OrganizationId};
    use model::organization::Role;
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// How far a directive is.
    #[derive(
        Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, serde::Serialize,
    )]
    #[sea_orm(rs_type = "String", db_type = "Text")]
    #[serde(rename_all = "kebab-case")]
    pub enum DirectiveState {
        /// Decided; its turn has not come.
        #[sea_orm(string_value = "planned")]
        Planned,
        /// Its turn: a notice is to be written.
        #[sea_orm(string_value = "due")]
        Due,
        /// A notice is written and not out yet.
        #[sea_orm(string_value = "noticed")]
        Noticed,
        /// The party was asked.
        #[sea_orm(string_value = "asked")]
        Asked,
        /// The party answered.
        #[sea_orm(string_value = "answered")]
        Answered,
        /// The party says it acted.
        #[sea_orm(string_value = "acted")]
        Acted,
        /// The party does not act.
        #[sea_orm(string_value = "refused")]
        Refused,
        /// Nobody is known who could be asked.
        #[sea_orm(string_value = "no-contact")]
        NoContact,
        /// Over: the incident ended or moved on.
        #[sea_orm(string_value = "over")]
        Over,
    }

    /// A directive. Instants are microseconds UTC.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "directive")]
    pub struct Model {
        /// Its id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Text<DirectiveId>,
        /// The incident.
        pub incident_id: Text<IncidentId>,
        /// Its place in the order of parties, from 1; those of the same place are asked together.
        pub place: i32,
        /// In which role the party is asked.
        pub role: Text<Role>,
        /// The party; `None`: nobody is known.
        pub organization_id: Option<Text<OrganizationId>>,
        /// What is asked: the name of a sentence of the notice's templates.
        pub ask: String,
        /// Why this party: the row of the table and what it matched.
        pub reason: String,
        /// How far it is.
        pub state: DirectiveState,
        /// Time the party has, seconds; of working days so many of 24 hours, until its end is told by its calendar.
        pub target_secs: i64,
        /// The working days the party has, where its time is not told in hours.
        pub working_days: Option<i32>,
        /// When it was decided.
        pub decided_at: i64,
        /// When the party was asked.
        pub asked_at: Option<i64>,
        /// When its time is over.
        pub due_at: Option<i64>,
        /// When it was reminded.
        pub reminded_at: Option<i64>,
        /// When the next party was asked instead.
        pub escalated_at: Option<i64>,
        /// When it answered.
        pub answered_at: Option<i64>,
        /// When it acted, by its word.
        pub acted_at: Option<i64>,
        /// The party's own number for it.
        pub ticket: Option<String>,
        /// Since when its time stands still: the party disputes it, or an appeal about it is looked at.
        pub held_at: Option<i64>,
        /// Why it stands still, with commas between: [`Cause`](super::Cause)s that are not settled yet.
        pub held_for: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) use row::{ActiveModel, Column, Entity};

pub use row::{DirectiveState, Model as Directive};

/// How long a dispute or an appeal holds a directive's time at most, microseconds: three days. Then time goes on, whoever
/// is slow: what is disputed without an end would never come to the next party.
pub const HOLD_MOST: i64 = 72 * 3_600 * 1_000_000;

/// Why a directive's time stands still. Each is settled by itself: time goes on when none is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Whoever was asked disputes it.
    Dispute,
    /// An appeal about the incident is looked at; its number.
    Appeal(i64),
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Cause::Dispute => f.write_str("dispute"),
            Cause::Appeal(id) => write!(f, "appeal {id}"),
        }
    }
}

impl Directive {
    fn causes(&self) -> impl Iterator<Item = &str> {
        self.held_for
            .as_deref()
            .unwrap_or_default()
            .split_terminator(',')
    }

    /// Whether its time stands still for this cause. What was held before causes were kept is held for any.
    pub fn is_held_for(&self, cause: Cause) -> bool {
        let cause = cause.to_string();
        self.held_at.is_some()
            && (self.held_for.is_none() || self.causes().any(|known| known == cause))
    }

    /// Lets its time stand still from now on; it stands already since the first cause.
    pub fn hold(&mut self, cause: Cause, now: i64) {
        if self.is_held_for(cause) {
            return;
        }
        self.held_at.get_or_insert(now);
        let cause = cause.to_string();
        let all: Vec<&str> = self.causes().chain([cause.as_str()]).collect();
        self.held_for = Some(all.join(","));
    }

    /// Settles a cause. Its time goes on if no other is left.
    pub fn settle(&mut self, cause: Cause, now: i64) {
        let cause = cause.to_string();
        let left: Vec<&str> = self.causes().filter(|known| *known != cause).collect();
        if left.is_empty() {
            self.release(now);
        } else {
            self.held_for = Some(left.join(","));
        }
    }

    /// Lets its time go on, whatever held it: its end moves by as long as it stood.
    pub fn release(&mut self, now: i64) {
        self.held_for = None;
        if let Some(at) = self.held_at.take() {
            let stood = (now - at).clamp(0, HOLD_MOST);
            self.due_at = self.due_at.map(|due| due.saturating_add(stood));
        }
    }

    /// Whether its end still is that of so many times 24 hours, though its time is told in working days.
    pub fn wants_calendar(&self) -> bool {
        let clock = |asked: i64| asked.saturating_add(self.target_secs.saturating_mul(1_000_000));
        self.working_days.is_some()
            && self.asked_at.is_some()
            && self.due_at == self.asked_at.map(clock)
    }

    /// Whether it was held as long as anything holds.
    pub fn is_held_out(&self, now: i64) -> bool {
        self.held_at
            .is_some_and(|at| now.saturating_sub(at) >= HOLD_MOST)
    }
}

/// Lets the time of an incident's open directives stand still for an appeal, or settles it, for all of them.
pub(crate) async fn stand<C: ConnectionTrait>(
    db: &C,
    incident: IncidentId,
    (still, appeal): (bool, i64),
    actor: &str,
    now: i64,
) -> Result<()> {
    let rows = Entity::find()
        .filter(Column::IncidentId.eq(Text(incident)))
        .order_by_asc(Column::Id)
        .all(db)
        .await?;
    let cause = Cause::Appeal(appeal);
    for row in rows {
        // What was held is let go whatever became of it; only what runs is held.
        let open = matches!(row.state, DirectiveState::Asked | DirectiveState::Answered);
        if still && !open || row.is_held_for(cause) == still {
            continue;
        }
        let what = json!({ "held": still, "because": cause.to_string() });
        let edit = |row: &mut Directive| match still {
            true => row.hold(cause, now),
            false => row.settle(cause, now),
        };
        edit_directive(db, row.id.0, what, edit, actor, now).await?;
    }
    Ok(())
}

/// A directive to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDirective {
    /// Its id, drawn by the caller.
    pub id: DirectiveId,
    /// The incident.
    pub incident: IncidentId,
    /// Its place in the order of parties, from 1.
    pub place: i32,
    /// In which role the party is asked.
    pub role: Role,
    /// The party; `None`: nobody is known.
    pub organization: Option<OrganizationId>,
    /// What is asked.
    pub ask: String,
    /// Why this party.
    pub reason: String,
    /// Time the party has, seconds.
    pub target_secs: i64,
    /// The working days it has, where its time is not told in hours.
    pub working_days: Option<i32>,
}

impl Ledger {
    /// Stores decisions, all or nothing; those of place 1 are due at once. One audit row an incident.
    pub async fn decide(&self, all: Vec<NewDirective>, actor: &str, now: i64) -> Result<()> {
        let tx = self.begin().await?;
        let mut records = Vec::new();
        for of_one in all.chunk_by(|a, b| a.incident == b.incident) {
            let told: Vec<_> = of_one
                .iter()
                .map(|new| json!({ "place": new.place, "role": new.role, "organization": new.organization, "reason": new.reason }))
                .collect();
            records.push(NewAudit {
                actor: actor.to_owned(),
                action: "incident.route".to_owned(),
                object: object(of_one[0].incident),
                detail: json!({ "directives": told }),
            });
        }
        let asked: Vec<_> = all
            .iter()
            .filter_map(|new| Some((new.incident, new.organization?)))
            .collect();
        let rows = all.into_iter().map(|new| {
            let state = match (new.organization, new.place) {
                (None, _) => DirectiveState::NoContact,
                (Some(_), 1) => DirectiveState::Due,
                (Some(_), _) => DirectiveState::Planned,
            };
            let size = 200 + new.reason.len();
            let row = ActiveModel {
                id: Set(Text(new.id)),
                incident_id: Set(Text(new.incident)),
                place: Set(new.place),
                role: Set(Text(new.role)),
                organization_id: Set(new.organization.map(Text)),
                ask: Set(new.ask),
                reason: Set(new.reason),
                state: Set(state),
                target_secs: Set(new.target_secs),
                working_days: Set(new.working_days),
                decided_at: Set(now),
                asked_at: Set(None),
                due_at: Set(None),
                reminded_at: Set(None),
                escalated_at: Set(None),
                answered_at: Set(None),
                acted_at: Set(None),
                ticket: Set(None),
                held_at: Set(None),
                held_for: Set(None),
            };
            (row, size)
        });
        bulk::insert(&tx, rows).await?;
        audit::append_all(&tx, records, now).await?;
        matter::reach_party(&tx, &asked, "is asked", (actor, now)).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Directives in a state, the longest decided first.
    pub async fn directives_in(&self, state: DirectiveState, page: Page) -> Result<Vec<Directive>> {
        Ok(Entity::find()
            .filter(Column::State.eq(state))
            .order_by_asc(Column::DecidedAt)
            .order_by_asc(Column::Id)
            .offset(page.offset)
            .limit(page.limit)
            .all(self.reader())
            .await?)
    }

    /// Of these incidents, those that were decided about and did not end since: one that is back is
    /// decided about anew.
    pub async fn incidents_with_directives(
        &self,
        ids: &[IncidentId],
    ) -> Result<BTreeSet<IncidentId>> {
        let mut found = BTreeSet::new();
        for chunk in ids.chunks(bulk::LIST) {
            let rows: Vec<Text<IncidentId>> = Entity::find()
                .select_only()
                .column(Column::IncidentId)
                .distinct()
                .filter(Column::IncidentId.is_in(chunk.iter().map(|id| Text(*id))))
                .filter(Column::State.ne(DirectiveState::Over))
                .into_tuple()
                .all(self.writer()?)
                .await?;
            found.extend(rows.into_iter().map(|id| id.0));
        }
        Ok(found)
    }

    /// Directives that a party was asked by, of all parties or of one, with the instant at which a look first
    /// found the incident gone; by id.
    pub async fn directives_asked(
        &self,
        of: Option<OrganizationId>,
    ) -> Result<Vec<(Directive, Option<i64>)>> {
        let mut select = Entity::find()
            .filter(Column::AskedAt.is_not_null())
            .order_by_asc(Column::Id);
        if let Some(of) = of {
            select = select.filter(Column::OrganizationId.eq(Text(of)));
        }
        let rows = select.all(self.reader()).await?;
        self.with_gone(rows).await
    }

    /// Directives that were asked since an instant, a page of them in the order of their ids, with when their
    /// incidents were first found gone.
    pub async fn directives_asked_since(
        &self,
        since: i64,
        after: Option<DirectiveId>,
        most: u64,
    ) -> Result<Vec<(Directive, Option<i64>)>> {
        let mut select = Entity::find()
            .filter(Column::AskedAt.gte(since))
            .order_by_asc(Column::Id)
            .limit(most);
        if let Some(after) = after {
            select = select.filter(Column::Id.gt(Text(after)));
        }
        let rows = select.all(self.reader()).await?;
        self.with_gone(rows).await
    }

    async fn with_gone(&self, rows: Vec<Directive>) -> Result<Vec<(Directive, Option<i64>)>> {
        let mut gone = std::collections::HashMap::new();
        for some in rows.chunks(500) {
            let ids = some.iter().map(|row| row.incident_id);
            let found: Vec<(Text<IncidentId>, Option<i64>)> = incident::Entity::find()
                .select_only()
                .column(incident::Column::Id)
                .column(incident::Column::GoneAt)
                .filter(incident::Column::Id.is_in(ids))
                .into_tuple()
                .all(self.reader())
                .await?;
            gone.extend(found.into_iter().map(|(id, at)| (id.0, at)));
        }
        let with = |row: Directive| {
            let at = gone.get(&row.incident_id.0).copied().flatten();
            (row, at)
        };
        Ok(rows.into_iter().map(with).collect())
    }

    /// Directives whose time runs, the first over first.
    pub async fn directives_running(&self) -> Result<Vec<Directive>> {
        Ok(Entity::find()
            .filter(Column::State.is_in([DirectiveState::Asked, DirectiveState::Answered]))
            .order_by_asc(Column::DueAt)
            .order_by_asc(Column::Id)
            .all(self.reader())
            .await?)
    }

    /// A directive.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none.
    pub async fn directive(&self, id: DirectiveId) -> Result<Directive> {
        let found = Entity::find_by_id(Text(id)).one(self.reader()).await?;
        found.ok_or_else(|| Error::not_found("directive", id))
    }

    /// Directives of an incident, in order.
    pub async fn directives(&self, of: IncidentId) -> Result<Vec<Directive>> {
        Ok(Entity::find()
            .filter(Column::IncidentId.eq(Text(of)))
            .order_by_asc(Column::Place)
            .order_by_asc(Column::Id)
            .all(self.reader())
            .await?)
    }

    /// Changes a directive; `edit` gets the row and changes it. Audited with `what`.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none.
    pub async fn edit_directive(
        &self,
        id: DirectiveId,
        what: serde_json::Value,
        edit: impl FnOnce(&mut Directive) + Send,
        actor: &str,
        now: i64,
    ) -> Result<Directive> {
        let tx = self.begin().await?;
        let row = edit_directive(&tx, id, what, edit, actor, now).await?;
        tx.commit().await?;
        Ok(row)
    }
}

/// Changes a directive inside a transaction.
pub(crate) async fn edit_directive<C: ConnectionTrait>(
    db: &C,
    id: DirectiveId,
    what: serde_json::Value,
    edit: impl FnOnce(&mut Directive) + Send,
    actor: &str,
    now: i64,
) -> Result<Directive> {
    let mut row = Entity::find_by_id(Text(id))
        .one(db)
        .await?
        .ok_or_else(|| Error::not_found("directive", id))?;
    edit(&mut row);
    Entity::update(ActiveModel::from(row.clone()).reset_all())
        .exec(db)
        .await?;
    let record = NewAudit {
        actor: actor.to_owned(),
        action: "directive.edit".to_owned(),
        object: object(row.incident_id.0),
        detail: json!({ "directive": id, "what": what }),
    };
    audit::append(db, record, now).await?;
    Ok(row)
}
