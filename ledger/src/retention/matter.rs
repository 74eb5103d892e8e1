//! Holds on an incident or a party: which incidents they cover.
//!
//! That is written down, in the transaction that makes it so: when the hold is placed, when the party is
//! asked about another incident or gets one to work, when a held incident becomes part of another or is
//! split. Found anew by each rule, an incident that has changed hands since would be held no more. Which
//! *events* are held is asked when a rule looks: those that stand with the incidents then, whenever they
//! joined. `incident.legal_hold` says that a hold in force covers the row; only this file sets it.

use std::collections::{BTreeMap, BTreeSet};

use model::ids::{EventId, IncidentId, OrganizationId};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, Query, SelectStatement};
use sea_orm::{Condition, QueryOrder, QuerySelect, QueryTrait};
use serde_json::json;

use super::holding::{Hold, hold, object};
use crate::audit::{self, NewAudit};
use crate::incident::{self, joined};
use crate::text::Text;
use crate::{Error, Ledger, Result, bulk, directive, organization};

mod covered {
    use model::ids::IncidentId;
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// An incident that a hold covers.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "hold_incident")]
    pub struct Model {
        /// The hold.
        #[sea_orm(primary_key, auto_increment = false)]
        pub hold_id: i64,
        /// The incident.
        #[sea_orm(primary_key, auto_increment = false)]
        pub incident_id: Text<IncidentId>,
        /// Since when, microseconds UTC.
        pub covered_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod followed {
    use model::ids::OrganizationId;
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// A party whose incidents a hold covers: the one it was placed on, and whom that was merged into.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "hold_party")]
    pub struct Model {
        /// The hold.
        #[sea_orm(primary_key, auto_increment = false)]
        pub hold_id: i64,
        /// The party.
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization_id: Text<OrganizationId>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Numbers of the holds in force, as a subquery.
fn in_force() -> SelectStatement {
    hold::Entity::find()
        .select_only()
        .column(hold::Column::Id)
        .filter(hold::Column::ReleasedAt.is_null())
        .into_query()
}

/// Ids of the incidents that holds in force cover, as a subquery.
fn held() -> SelectStatement {
    Query::select()
        .column(covered::Column::IncidentId)
        .from(covered::Entity)
        .and_where(covered::Column::HoldId.in_subquery(in_force()))
        .to_owned()
}

/// These incidents with all that are one matter with them: their parts, and what they are part of.
async fn whole<C: ConnectionTrait>(
    db: &C,
    found: Vec<Text<IncidentId>>,
) -> Result<BTreeSet<IncidentId>> {
    let mut all = BTreeSet::new();
    let mut next: Vec<Text<IncidentId>> = found;
    while !next.is_empty() {
        next.retain(|id| all.insert(id.0));
        let mut beside = Vec::new();
        for chunk in next.chunks(bulk::LIST) {
            let ids = || chunk.iter().copied();
            let rows: Vec<(Text<IncidentId>, Option<Text<IncidentId>>)> = incident::Entity::find()
                .select_only()
                .column(incident::Column::Id)
                .column(incident::Column::MergedInto)
                .filter(
                    Condition::any()
                        .add(incident::Column::Id.is_in(ids()))
                        .add(incident::Column::MergedInto.is_in(ids())),
                )
                .filter(incident::Column::MergedInto.is_not_null())
                .into_tuple()
                .all(db)
                .await?;
            beside.extend(
                rows.into_iter()
                    .flat_map(|(id, into)| [Some(id), into])
                    .flatten(),
            );
        }
        next = beside;
        next.retain(|id| !all.contains(&id.0));
    }
    Ok(all)
}

/// The incidents that a hold on an incident or a party is to cover when it is placed.
///
/// # Errors
/// [`Error::NotFound`] if there is no such incident or party.
pub(super) async fn to_cover<C: ConnectionTrait>(
    db: &C,
    incident: Option<IncidentId>,
    party: Option<OrganizationId>,
) -> Result<BTreeSet<IncidentId>> {
    let mut found = Vec::new();
    if let Some(id) = incident {
        incident::load(db, id, &incident::Reach::All).await?;
        found.push(Text(id));
    }
    if let Some(id) = party {
        let known = organization::Entity::find_by_id(Text(id)).one(db).await?;
        known.ok_or_else(|| Error::not_found("organization", id))?;
        let asked = directive::Entity::find()
            .select_only()
            .column(directive::Column::IncidentId)
            .distinct()
            .filter(directive::Column::OrganizationId.eq(Text(id)))
            .into_tuple::<Text<IncidentId>>()
            .all(db)
            .await?;
        let worked = incident::Entity::find()
            .select_only()
            .column(incident::Column::Id)
            .filter(incident::Column::Owner.eq(id.to_string()))
            .into_tuple::<Text<IncidentId>>()
            .all(db)
            .await?;
        found.extend(asked.into_iter().chain(worked));
    }
    whole(db, found).await
}

/// Lets a hold follow a party.
pub(super) async fn follow_party<C: ConnectionTrait>(
    db: &C,
    hold: i64,
    party: OrganizationId,
) -> Result<()> {
    let known = followed::Entity::find_by_id((hold, Text(party)))
        .one(db)
        .await?;
    if known.is_none() {
        let row = followed::ActiveModel {
            hold_id: Set(hold),
            organization_id: Set(Text(party)),
        };
        followed::Entity::insert(row)
            .exec_without_returning(db)
            .await?;
    }
    Ok(())
}

/// Writes down that a hold covers these incidents; how many it did not before.
pub(super) async fn cover<C: ConnectionTrait>(
    db: &C,
    hold: i64,
    incidents: &BTreeSet<IncidentId>,
    now: i64,
) -> Result<u64> {
    let all: Vec<Text<IncidentId>> = incidents.iter().map(|id| Text(*id)).collect();
    let mut new = 0;
    for chunk in all.chunks(bulk::LIST) {
        let ids = || chunk.iter().copied();
        let known: Vec<Text<IncidentId>> = covered::Entity::find()
            .select_only()
            .column(covered::Column::IncidentId)
            .filter(covered::Column::HoldId.eq(hold))
            .filter(covered::Column::IncidentId.is_in(ids()))
            .into_tuple()
            .all(db)
            .await?;
        let rows = ids().filter(|id| !known.contains(id)).map(|id| {
            let row = covered::ActiveModel {
                hold_id: Set(hold),
                incident_id: Set(id),
                covered_at: Set(now),
            };
            (row, 64)
        });
        new += bulk::insert(db, rows).await?;
        incident::Entity::update_many()
            .col_expr(incident::Column::LegalHold, Expr::value(true))
            .filter(incident::Column::Id.is_in(ids()))
            .exec(db)
            .await?;
    }
    Ok(new)
}

/// Takes the mark off what a hold covered that is released by now, unless another still covers it.
pub(super) async fn let_go<C: ConnectionTrait>(db: &C, hold: i64) -> Result<()> {
    let own = Query::select()
        .column(covered::Column::IncidentId)
        .from(covered::Entity)
        .and_where(covered::Column::HoldId.eq(hold))
        .to_owned();
    incident::Entity::update_many()
        .col_expr(incident::Column::LegalHold, Expr::value(false))
        .filter(incident::Column::Id.in_subquery(own))
        .filter(incident::Column::Id.not_in_subquery(held()))
        .exec(db)
        .await?;
    Ok(())
}

/// Lets a hold cover more, audited if it does.
async fn extend<C: ConnectionTrait>(
    db: &C,
    hold: i64,
    incidents: BTreeSet<IncidentId>,
    why: &str,
    (actor, now): (&str, i64),
) -> Result<()> {
    let new = cover(db, hold, &incidents, now).await?;
    if new == 0 {
        return Ok(());
    }
    let entry = NewAudit {
        actor: actor.to_owned(),
        action: "hold.extend".to_owned(),
        object: object(hold),
        detail: json!({ "incidents": incidents, "because": why }),
    };
    audit::append(db, entry, now).await
}

/// Holds that cover one of these incidents cover all of them from now on: they became one matter, or were
/// one before a split. Whoever merges or splits calls this in its transaction.
pub(crate) async fn keep_together<C: ConnectionTrait>(
    db: &C,
    incidents: [IncidentId; 2],
    why: &str,
    (actor, now): (&str, i64),
) -> Result<()> {
    let holds: Vec<i64> = covered::Entity::find()
        .select_only()
        .column(covered::Column::HoldId)
        .distinct()
        .filter(covered::Column::HoldId.in_subquery(in_force()))
        .filter(covered::Column::IncidentId.is_in(incidents.map(Text)))
        .order_by_asc(covered::Column::HoldId)
        .into_tuple()
        .all(db)
        .await?;
    if holds.is_empty() {
        return Ok(());
    }
    let all = whole(db, incidents.map(Text).to_vec()).await?;
    for hold in holds {
        extend(db, hold, all.clone(), why, (actor, now)).await?;
    }
    Ok(())
}

/// Holds on these parties cover the incidents beside them from now on. Whoever asks a party, or gives it an
/// incident to work, calls this in its transaction.
pub(crate) async fn reach_party<C: ConnectionTrait>(
    db: &C,
    pairs: &[(IncidentId, OrganizationId)],
    why: &str,
    (actor, now): (&str, i64),
) -> Result<()> {
    let rows = followed::Entity::find()
        .filter(followed::Column::HoldId.in_subquery(in_force()))
        .order_by_asc(followed::Column::HoldId)
        .all(db)
        .await?;
    let mut reached: BTreeMap<i64, Vec<Text<IncidentId>>> = BTreeMap::new();
    for row in rows {
        let own = pairs
            .iter()
            .filter(|(_, party)| *party == row.organization_id.0);
        let own = own.map(|(incident, _)| Text(*incident));
        reached.entry(row.hold_id).or_default().extend(own);
    }
    for (hold, incidents) in reached {
        let incidents = whole(db, incidents).await?;
        extend(db, hold, incidents, why, (actor, now)).await?;
    }
    Ok(())
}

/// As [`reach_party`], for one incident and the text of its owner.
pub(crate) async fn reach_owner<C: ConnectionTrait>(
    db: &C,
    incident: IncidentId,
    owner: Option<&str>,
    by: (&str, i64),
) -> Result<()> {
    match owner.and_then(|owner| owner.parse().ok()) {
        Some(party) => reach_party(db, &[(incident, party)], "works it", by).await,
        None => Ok(()),
    }
}

/// Holds on a party that is merged into another follow that one too: what it will be asked about cannot be
/// told from what the held party would have been.
pub(crate) async fn merge_party<C: ConnectionTrait>(
    db: &C,
    from: OrganizationId,
    into: OrganizationId,
) -> Result<()> {
    let rows = followed::Entity::find()
        .filter(followed::Column::OrganizationId.eq(Text(from)))
        .filter(followed::Column::HoldId.in_subquery(in_force()))
        .all(db)
        .await?;
    for row in rows {
        follow_party(db, row.hold_id, into).await?;
    }
    Ok(())
}

/// How many events are held, by the UTC day in which they lie.
pub(super) async fn days<C: ConnectionTrait>(db: &C) -> Result<BTreeMap<i32, i64>> {
    let rows: Vec<(i32, i64)> = joined::Entity::find()
        .select_only()
        .column(joined::Column::Day)
        .column_as(joined::Column::EventId.count(), "n")
        .filter(joined::Column::IncidentId.in_subquery(held()))
        .group_by(joined::Column::Day)
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().collect())
}

impl Ledger {
    /// Events of a UTC day that holds on incidents and parties keep.
    pub async fn held_events(&self, day: i32) -> Result<BTreeSet<EventId>> {
        let rows: Vec<Vec<u8>> = joined::Entity::find()
            .select_only()
            .column(joined::Column::EventId)
            .filter(joined::Column::Day.eq(day))
            .filter(joined::Column::IncidentId.in_subquery(held()))
            .into_tuple()
            .all(self.reader())
            .await?;
        let ids = rows.into_iter().filter_map(|id| id.try_into().ok());
        Ok(ids.map(EventId).collect())
    }

    /// Holds in force that cover an incident, by number.
    pub async fn holds_on(&self, incident: IncidentId) -> Result<Vec<Hold>> {
        let own = Query::select()
            .column(covered::Column::HoldId)
            .from(covered::Entity)
            .and_where(covered::Column::IncidentId.eq(Text(incident)))
            .to_owned();
        Ok(hold::Entity::find()
            .filter(hold::Column::Id.in_subquery(own))
            .filter(hold::Column::ReleasedAt.is_null())
            .order_by_asc(hold::Column::Id)
            .all(self.reader())
            .await?)
    }

    /// How many incidents each hold covers, by its number.
    pub async fn covered_by_holds(&self) -> Result<BTreeMap<i64, i64>> {
        let rows: Vec<(i64, i64)> = covered::Entity::find()
            .select_only()
            .column(covered::Column::HoldId)
            .column_as(covered::Column::IncidentId.count(), "n")
            .group_by(covered::Column::HoldId)
            .into_tuple()
            .all(self.reader())
            .await?;
        Ok(rows.into_iter().collect())
    }
}
