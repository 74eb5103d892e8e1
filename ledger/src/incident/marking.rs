//! Marking: how far an incident may go, from when, whose information it is, and who may get it.
//!
//! Whoever works on an incident raises its marking. What lowers it is refused while the information is another's,
//! unless that one's consent is named; the consent stays in the trail. Whose it is, is said once by whoever works on
//! it, and changed by a lead. What was written and has not left is taken back where it may not leave any more, or
//! bears another TLP: it is written anew when it may.

use std::collections::{BTreeMap, BTreeSet};

use model::ids::OrganizationId;
use model::marking::{Marking, To};
use model::newsroom::Right;
use model::time::Timestamp;
use sea_orm::sea_query::OnConflict;

use super::*;
use crate::account::Actor;
use crate::{bulk, notice, organization};

mod row {
    use model::ids::{IncidentId, OrganizationId};
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// An organization that may get what an incident is about.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "incident_recipient")]
    pub struct Model {
        /// The incident.
        #[sea_orm(primary_key, auto_increment = false)]
        pub incident_id: Text<IncidentId>,
        /// The organization.
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization_id: Text<OrganizationId>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What is set of an incident's marking; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewMarking {
    /// How far it may be passed on.
    pub tlp: Option<Tlp>,
    /// When its embargo ends, microseconds UTC; `Some(None)`: it has none.
    pub embargo_until: Option<Option<i64>>,
    /// Whose information it is; `Some(None)`: this house's.
    pub originator: Option<Option<OrganizationId>>,
    /// Who may get it; empty: whoever its TLP lets.
    pub recipients: Option<BTreeSet<OrganizationId>>,
    /// Who of the originator agreed to what is lowered, and where that is written; empty: nobody did.
    pub consent: String,
    /// Why.
    pub reason: String,
    /// The version that whoever marks it had read; `None`: whatever it is.
    pub version: Option<i32>,
}

/// What marking did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// The incident as it is now.
    pub incident: Incident,
    /// Its marking now.
    pub marking: Marking,
    /// Numbers of notices that were written and will not leave; what they asked for is due again.
    pub taken_back: Vec<i64>,
}

impl NewMarking {
    /// The right that it takes: whose information an incident is, once that was said, is a lead's to change.
    pub fn right(&self, before: &Incident) -> Right {
        let originator = before.originator.map(|id| id.0);
        match self.originator {
            Some(other) if originator.is_some() && other != originator => Right::Lead,
            _ => Right::Work,
        }
    }
}

impl Incident {
    /// Its marking, with the recipients that are named for it.
    pub fn marking(&self, recipients: BTreeSet<OrganizationId>) -> Marking {
        Marking {
            tlp: self.tlp.0,
            originator: self.originator.map(|id| id.0),
            embargo_until: self.embargo_until.map(Timestamp),
            recipients,
        }
    }
}

/// The recipients that are named for incidents; one without any is not among them.
async fn recipients<C: ConnectionTrait>(
    db: &C,
    of: &[IncidentId],
) -> Result<BTreeMap<IncidentId, BTreeSet<OrganizationId>>> {
    let mut found: BTreeMap<IncidentId, BTreeSet<OrganizationId>> = BTreeMap::new();
    for chunk in of.chunks(bulk::LIST) {
        let rows = row::Entity::find()
            .filter(row::Column::IncidentId.is_in(chunk.iter().map(|id| Text(*id))))
            .all(db)
            .await?;
        for row in rows {
            let own = found.entry(row.incident_id.0).or_default();
            own.insert(row.organization_id.0);
        }
    }
    Ok(found)
}

/// The marking of an incident, inside a transaction.
pub(crate) async fn marking_of<C: ConnectionTrait>(db: &C, one: &Incident) -> Result<Marking> {
    let id = one.id.0;
    let named = recipients(db, &[id]).await?.remove(&id);
    Ok(one.marking(named.unwrap_or_default()))
}

/// Of the incidents of a condition those that may not leave to a party now. Only what bears more than a TLP is loaded.
pub(crate) async fn withheld<C: ConnectionTrait>(
    db: &C,
    among: Condition,
    party: OrganizationId,
    now: i64,
) -> Result<Vec<IncidentId>> {
    let named = row::Entity::find()
        .select_only()
        .column(row::Column::IncidentId)
        .into_query();
    let marked = Condition::any()
        .add(Column::EmbargoUntil.gt(now))
        .add(Column::Id.in_subquery(named));
    let rows = Entity::find().filter(among).filter(marked).all(db).await?;
    let ids: Vec<IncidentId> = rows.iter().map(Incident::incident_id).collect();
    let mut named = recipients(db, &ids).await?;
    let mut kept = Vec::new();
    for one in rows {
        let id = one.id.0;
        let marking = one.marking(named.remove(&id).unwrap_or_default());
        if marking.may_leave(To::Party(party), Timestamp(now)).is_err() {
            kept.push(id);
        }
    }
    Ok(kept)
}

/// Stores a marking in the row and beside it.
async fn store<C: ConnectionTrait>(db: &C, row: &mut Incident, to: &Marking) -> Result<()> {
    row.tlp = Text(to.tlp);
    row.originator = to.originator.map(Text);
    row.embargo_until = to.embargo_until.map(|until| until.0);
    row::Entity::delete_many()
        .filter(row::Column::IncidentId.eq(row.id))
        .exec(db)
        .await?;
    let mut rows = Vec::with_capacity(to.recipients.len());
    for organization in &to.recipients {
        let named = row::ActiveModel {
            incident_id: Set(row.id),
            organization_id: Set(Text(*organization)),
        };
        rows.push((named, 80));
    }
    bulk::insert(db, rows).await?;
    Entity::update_many()
        .set(changed(row))
        .filter(Column::Id.eq(row.id))
        .exec(db)
        .await?;
    Ok(())
}

/// A marking as the trail keeps it.
fn told(marking: &Marking) -> serde_json::Value {
    json!({ "tlp": marking.tlp, "originator": marking.originator,
        "embargo_until": marking.embargo_until, "recipients": marking.recipients })
}

/// What changed, in words for the note: of what, and to what; organizations by their names.
fn line(before: &Marking, after: &Marking, names: &BTreeMap<OrganizationId, String>) -> String {
    let name = |id: &OrganizationId| names.get(id).cloned().unwrap_or_else(|| id.to_string());
    let mut lines = Vec::new();
    if before.tlp != after.tlp {
        lines.push(format!("TLP {} to {}", before.tlp, after.tlp));
    }
    if before.embargo_until != after.embargo_until {
        lines.push(match after.embargo_until {
            Some(until) => format!("embargo until {until}"),
            None => "no embargo".to_owned(),
        });
    }
    if before.originator != after.originator {
        lines.push(match after.originator {
            Some(id) => format!("information of {}", name(&id)),
            None => "information of this house".to_owned(),
        });
    }
    if before.recipients != after.recipients {
        let named: Vec<String> = after.recipients.iter().map(name).collect();
        lines.push(match named.is_empty() {
            true => "recipients: anyone its TLP lets".to_owned(),
            false => format!("recipients: {}", named.join(", ")),
        });
    }
    lines.join("; ")
}

/// The marking that a merge leaves: the stricter of both in everything.
pub(super) async fn join<C: ConnectionTrait>(
    db: &C,
    whole: &mut Incident,
    part: &Incident,
    (actor, now): (&str, i64),
) -> Result<()> {
    let (before, other) = (marking_of(db, whole).await?, marking_of(db, part).await?);
    let Some(joined) = before.joined(&other, Timestamp(now)) else {
        return Err(Error::conflict(
            object(part.id.0),
            "no marking is as strict as both: mark the one as the other is, then merge",
        ));
    };
    if joined == before {
        return Ok(());
    }
    store(db, whole, &joined).await?;
    let stale = before.tlp != joined.tlp;
    let back = notice::take_back(db, whole.id.0, (&joined, stale), (actor, now)).await?;
    let record = NewAudit {
        actor: actor.to_owned(),
        action: "incident.mark".to_owned(),
        object: object(whole.id.0),
        detail: json!({ "before": told(&before), "after": told(&joined), "lowered": [],
            "consent": null, "reason": "it is marked as its part was", "taken_back": back }),
    };
    audit::append(db, record, now).await
}

/// What is split off bears the marking of what it was part of.
pub(super) async fn inherit<C: ConnectionTrait>(
    db: &C,
    from: &Incident,
    to: IncidentId,
) -> Result<()> {
    let marking = marking_of(db, from).await?;
    if marking == Marking::of(marking.tlp) {
        return Ok(());
    }
    let mut row = load(db, to, &Reach::All).await?;
    store(db, &mut row, &marking).await
}

/// What one entry of a party became another's: the other is the originator, and named, where the one was.
pub(crate) async fn merge_party<C: ConnectionTrait>(
    db: &C,
    from: OrganizationId,
    into: OrganizationId,
) -> Result<()> {
    let named = row::Entity::find()
        .filter(row::Column::OrganizationId.eq(Text(from)))
        .all(db)
        .await?;
    for one in named {
        let again = row::ActiveModel {
            incident_id: Set(one.incident_id),
            organization_id: Set(Text(into)),
        };
        let both = [row::Column::IncidentId, row::Column::OrganizationId];
        let there = OnConflict::columns(both).do_nothing().to_owned();
        row::Entity::insert_many([again])
            .on_conflict(there)
            .exec_without_returning(db)
            .await?;
    }
    row::Entity::delete_many()
        .filter(row::Column::OrganizationId.eq(Text(from)))
        .exec(db)
        .await?;
    Entity::update_many()
        .col_expr(Column::Originator, Expr::value(Text(into)))
        .filter(Column::Originator.eq(Text(from)))
        .exec(db)
        .await?;
    Ok(())
}

impl Ledger {
    /// Changes the marking of an incident: in one transaction with what it takes back of the outbox. Audited with
    /// before and after, and noted.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such incident within `reach`, or an organization is not in the register;
    /// [`Error::Changed`] if it is not as it was read; [`Error::Conflict`] if the right is not the one that
    /// [`NewMarking::right`] names, nothing is changed or no reason given, it is part of another incident, an
    /// organization is not in use, an embargo is over already, or the marking of another's information is lowered
    /// without its consent.
    pub async fn mark_incident(
        &self,
        by: &Actor,
        (number, reach): (i64, &Reach),
        new: &NewMarking,
        now: i64,
    ) -> Result<Marked> {
        let refuse = |why: &str| Err(Error::conflict(format!("incident #{number}"), why));
        let tx = self.begin().await?;
        let id = numbered(&tx, number, reach).await?;
        let mut incident = load(&tx, id, reach).await?;
        match new.right(&incident) {
            // A lead works on incidents, too.
            Right::Work => by.must(Right::Work).or_else(|_| by.must(Right::Lead))?,
            other => by.must(other)?,
        }
        unchanged(&incident, new.version)?;
        if new.reason.trim().is_empty() {
            return refuse("needs a reason: say why");
        }
        if incident.state.0 == IncidentState::Merged {
            return refuse("became part of another: name that one");
        }
        let before = marking_of(&tx, &incident).await?;
        let after = Marking {
            tlp: new.tlp.unwrap_or(before.tlp),
            originator: new.originator.unwrap_or(before.originator),
            embargo_until: new
                .embargo_until
                .map_or(before.embargo_until, |until| until.map(Timestamp)),
            recipients: new
                .recipients
                .clone()
                .unwrap_or_else(|| before.recipients.clone()),
        };
        if after == before {
            return refuse("is marked so already");
        }
        let at = Timestamp(now);
        let sets = after.embargo_until != before.embargo_until && after.embargo_until.is_some();
        if sets && after.embargo(at).is_none() {
            return refuse("an embargo ends after now: one that is over holds nothing");
        }
        let mut named = after.recipients.clone();
        named.extend(after.originator);
        let mut names = BTreeMap::new();
        for organization in named {
            let known = before.recipients.contains(&organization)
                || before.originator == Some(organization);
            let found = organization::Entity::find_by_id(Text(organization));
            let found = match found.one(&tx).await? {
                Some(found) => found,
                None if known => continue,
                None => return Err(Error::not_found("organization", organization)),
            };
            names.insert(organization, found.name_en.clone());
            if !known && !found.active {
                let why = "is not in use: name the organization that took its place";
                return Err(Error::conflict(
                    format!("organization {}", found.name_en),
                    why,
                ));
            }
        }
        let lowered = before.lowered_by(&after, at);
        let foreign = before.originator.is_some() || after.originator.is_some();
        let consent = new.consent.trim();
        if foreign && !lowered.is_empty() && consent.is_empty() {
            return refuse(
                "is lowered with its originator's consent only: say who there agreed, and where that is written",
            );
        }
        incident.changed_at = now;
        incident.version += 1;
        store(&tx, &mut incident, &after).await?;
        let stale = before.tlp != after.tlp;
        let actor = (by.login(), now);
        let taken_back = notice::take_back(&tx, id, (&after, stale), actor).await?;
        let kept = (!consent.is_empty()).then(|| without_nul(consent).into_owned());
        let record = NewAudit {
            actor: by.login().to_owned(),
            action: "incident.mark".to_owned(),
            object: object(id),
            detail: json!({ "before": told(&before), "after": told(&after), "lowered": lowered,
                "consent": kept, "reason": new.reason, "taken_back": taken_back }),
        };
        audit::append(&tx, record, now).await?;
        let mut note = format!("marked: {}: {}", line(&before, &after, &names), new.reason);
        if let Some(consent) = kept {
            note.push_str(&format!(" (consent: {consent})"));
        }
        write_note(&tx, id, &note, by.login(), now).await?;
        tx.commit().await?;
        Ok(Marked {
            incident,
            marking: after,
            taken_back,
        })
    }

    /// The marking of an incident that the caller loaded.
    pub async fn marking(&self, incident: &Incident) -> Result<Marking> {
        marking_of(self.reader(), incident).await
    }

    /// The recipients that are named for incidents; one that has none is not among them.
    pub async fn allowed_recipients(
        &self,
        incidents: &[IncidentId],
    ) -> Result<BTreeMap<IncidentId, BTreeSet<OrganizationId>>> {
        recipients(self.reader(), incidents).await
    }

    /// Identities of the events of incidents that may not leave to a party now.
    pub async fn events_withheld(
        &self,
        party: OrganizationId,
        now: i64,
    ) -> Result<BTreeSet<Vec<u8>>> {
        let db = self.reader();
        let ids = withheld(db, Condition::all(), party, now).await?;
        let mut found = BTreeSet::new();
        for chunk in ids.chunks(bulk::LIST) {
            let events: Vec<Vec<u8>> = joined::Entity::find()
                .select_only()
                .column(joined::Column::EventId)
                .filter(joined::Column::IncidentId.is_in(chunk.iter().map(|id| Text(*id))))
                .into_tuple()
                .all(db)
                .await?;
            found.extend(events);
        }
        Ok(found)
    }
}
