//! The same matter, seen by several houses: a branch, the centre, a CERT abroad. Each goes on with its own incident
//! under its own number; they are linked, and one of them counts, so that a sum over the houses counts the matter once.
//!
//! A merge is for two incidents of ours of which one is enough; a link is for those that both go on, or that another
//! house has. A matter's rows lie in `same_matter`; whether an incident counts stands in its own row besides, where
//! every figure asks for it.

use std::collections::BTreeSet;

use model::ids::OrganizationId;

use super::*;
use crate::organization;

mod row {
    use model::ids::{IncidentId, OrganizationId};
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// A house's view of a matter. Instants are microseconds UTC.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "same_matter")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        #[serde(skip)]
        pub id: i64,
        /// What is the same for all views of the matter.
        #[serde(skip)]
        pub matter: String,
        /// The incident, if it is one of this ledger.
        pub incident_id: Option<Text<IncidentId>>,
        /// The house, if the matter is under a number of its own there.
        pub organization_id: Option<Text<OrganizationId>>,
        /// The number that it has there.
        pub number: Option<String>,
        /// Whether this view counts the matter.
        pub counts: bool,
        /// When it was linked.
        pub linked_at: i64,
        /// Who linked it.
        pub linked_by: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub use row::Model as SameMatter;

/// Characters of another house's number at most.
const LONGEST: usize = 100;
/// Views of one matter at most: every house of a country and some abroad.
const MOST: usize = 200;

/// Where a matter is seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// In an incident of this ledger, the centre's or a branch's.
    Here(IncidentId),
    /// In another house, under its own number.
    There {
        /// The house.
        organization: OrganizationId,
        /// Its number.
        number: String,
    },
}

impl SameMatter {
    /// Where this view is.
    pub fn seen(&self) -> Option<Seen> {
        match (self.incident_id, self.organization_id, &self.number) {
            (Some(id), _, _) => Some(Seen::Here(id.0)),
            (None, Some(organization), Some(number)) => Some(Seen::There {
                organization: organization.0,
                number: number.clone(),
            }),
            _ => None,
        }
    }
}

async fn rows_of<C: ConnectionTrait>(db: &C, id: IncidentId) -> Result<Vec<SameMatter>> {
    let own = row::Entity::find()
        .filter(row::Column::IncidentId.eq(Text(id)))
        .one(db)
        .await?;
    let Some(own) = own else {
        return Ok(Vec::new());
    };
    Ok(row::Entity::find()
        .filter(row::Column::Matter.eq(own.matter))
        .order_by_asc(row::Column::Id)
        .all(db)
        .await?)
}

/// The row of an incident among the views of its matter.
fn own(views: Vec<SameMatter>, id: IncidentId) -> Option<SameMatter> {
    let mut views = views.into_iter();
    views.find(|view| view.incident_id == Some(Text(id)))
}

/// Whether an incident counts from now on. Audited, with what else is known of the link.
async fn set_counts<C: ConnectionTrait>(
    db: &C,
    id: IncidentId,
    counts: bool,
    why: serde_json::Value,
    (actor, now): (&str, i64),
) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::CountsElsewhere, Expr::value(!counts))
        .col_expr(Column::ChangedAt, Expr::value(now))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.eq(Text(id)))
        .exec(db)
        .await?;
    let mut detail = why;
    detail["counts"] = json!(counts);
    let record = NewAudit {
        actor: actor.to_owned(),
        action: "incident.same".to_owned(),
        object: object(id),
        detail,
    };
    audit::append(db, record, now).await
}

/// One that is left alone is no matter of several any more, and counts itself.
async fn dissolve_if_alone<C: ConnectionTrait>(
    db: &C,
    rest: &[SameMatter],
    why: &serde_json::Value,
    by: (&str, i64),
) -> Result<()> {
    let [last] = rest else { return Ok(()) };
    row::Entity::delete_by_id(last.id).exec(db).await?;
    match last.incident_id {
        Some(id) if !last.counts => set_counts(db, id.0, true, why.clone(), by).await,
        _ => Ok(()),
    }
}

/// What a merge makes of the links of both: the whole takes the part's place.
pub(super) async fn merged<C: ConnectionTrait>(
    db: &C,
    whole: &mut Incident,
    part: IncidentId,
    (actor, now): (&str, i64),
) -> Result<()> {
    let parts = rows_of(db, part).await?;
    let Some(place) = own(parts, part) else {
        return Ok(());
    };
    let wholes = rows_of(db, whole.id.0).await?;
    let views = wholes.len();
    let counts = match own(wholes, whole.id.0) {
        None => {
            row::Entity::update_many()
                .col_expr(row::Column::IncidentId, Expr::value(whole.id))
                .filter(row::Column::Id.eq(place.id))
                .exec(db)
                .await?;
            place.counts
        }
        Some(there) if there.matter == place.matter => {
            row::Entity::delete_by_id(place.id).exec(db).await?;
            let counts = there.counts || place.counts;
            row::Entity::update_many()
                .col_expr(row::Column::Counts, Expr::value(counts))
                .filter(row::Column::Id.eq(there.id))
                .exec(db)
                .await?;
            match views {
                // These two alone: what they are now is one incident and no link.
                2 => {
                    row::Entity::delete_by_id(there.id).exec(db).await?;
                    true
                }
                _ => counts,
            }
        }
        Some(_) => {
            return Err(Error::conflict(
                object(part),
                "both are linked with other views of their matters: link those first",
            ));
        }
    };
    if whole.counts_elsewhere == counts {
        whole.counts_elsewhere = !counts;
        let why = json!({ "reason": "its part was linked" });
        set_counts(db, whole.id.0, counts, why, (actor, now)).await?;
        whole.version += 1;
    }
    Ok(())
}

impl Ledger {
    /// Says that these are views of one matter, and which of them counts it. What was linked with one of them before
    /// comes along. Each incident's place in the figures follows at once; the figures of a week that is frozen stay.
    /// Audited for each incident. The number of views that the matter has now.
    ///
    /// # Errors
    /// [`Error::NotFound`] if an incident is not within `reach` or an organization not in the register;
    /// [`Error::Conflict`] if fewer than two are named, the one that counts is not among them, one is part of another
    /// incident, a number is empty or too long, there are too many, or no reason is given.
    pub async fn link_same(
        &self,
        (views, counting): (&[Seen], &Seen),
        reach: &Reach,
        reason: &str,
        actor: &str,
        now: i64,
    ) -> Result<usize> {
        let refuse = |why: &str| Err(Error::conflict("the same matter", why));
        let mut all: BTreeSet<Seen> = views.iter().cloned().collect();
        all.insert(counting.clone());
        if all.len() < 2 {
            return refuse("needs two views: an incident, and another or a house's number");
        }
        if reason.trim().is_empty() {
            return refuse("needs a reason: what shows that it is one matter");
        }
        let tx = self.begin().await?;
        let (mut old, mut incidents) = (Vec::<SameMatter>::new(), Vec::new());
        for seen in &all {
            match seen {
                Seen::Here(id) => {
                    let one = load(&tx, *id, reach).await?;
                    if one.state.0 == IncidentState::Merged {
                        return Err(Error::conflict(
                            format!("incident #{}", one.number),
                            "is part of another: link that one",
                        ));
                    }
                    incidents.push(*id);
                    let mut rows = rows_of(&tx, *id).await?;
                    rows.retain(|row| !old.contains(row));
                    old.append(&mut rows);
                }
                Seen::There {
                    organization,
                    number,
                } => {
                    let found = organization::Entity::find_by_id(Text(*organization));
                    if found.one(&tx).await?.is_none() {
                        return Err(Error::not_found("organization", *organization));
                    }
                    if number.trim().is_empty() || number.chars().count() > LONGEST {
                        return refuse("a house's number has 1 to 100 characters");
                    }
                }
            }
        }
        if incidents.is_empty() {
            return refuse("needs an incident of this ledger");
        }
        // Views that came along keep who linked them and when.
        let known: Vec<Seen> = old.iter().filter_map(SameMatter::seen).collect();
        all.extend(known.iter().cloned());
        if all.len() > MOST {
            return refuse("has more views than one matter can have");
        }
        let matter = old
            .first()
            .map_or_else(|| incidents[0].to_string(), |row| row.matter.clone());
        for view in &old {
            let counts = view.seen().as_ref() == Some(counting);
            row::Entity::update_many()
                .col_expr(row::Column::Matter, Expr::value(matter.as_str()))
                .col_expr(row::Column::Counts, Expr::value(counts))
                .filter(row::Column::Id.eq(view.id))
                .exec(&tx)
                .await?;
        }
        for seen in all.iter().filter(|seen| !known.contains(seen)) {
            let (incident, house, number) = match seen {
                Seen::Here(id) => (Some(Text(*id)), None, None),
                Seen::There {
                    organization,
                    number,
                } => (
                    None,
                    Some(Text(*organization)),
                    Some(without_nul(number.trim()).into_owned()),
                ),
            };
            let new = row::ActiveModel {
                id: NotSet,
                matter: Set(matter.clone()),
                incident_id: Set(incident),
                organization_id: Set(house),
                number: Set(number),
                counts: Set(seen == counting),
                linked_at: Set(now),
                linked_by: Set(actor.to_owned()),
            };
            row::Entity::insert(new).exec_without_returning(&tx).await?;
        }
        let why = json!({ "reason": reason, "matter": matter, "views": all.len() });
        for seen in &all {
            let Seen::Here(id) = seen else { continue };
            // Also of those that came along: nobody changes what is out of reach.
            let number = load(&tx, *id, reach).await?.number;
            set_counts(&tx, *id, seen == counting, why.clone(), (actor, now)).await?;
            wording::store(&tx, wording::keys(numbers(&all), number)).await?;
        }
        tx.commit().await?;
        Ok(all.len())
    }

    /// Takes a view out of the matter of an incident within reach: it was another matter. An incident that is taken
    /// out counts itself again, and so does one that is left alone. Audited.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such incident within `reach`, [`Error::Conflict`] if the view does not
    /// belong to its matter, counts for the others, or no reason is given.
    pub async fn part_same(
        &self,
        incident: IncidentId,
        view: &Seen,
        reach: &Reach,
        reason: &str,
        actor: &str,
        now: i64,
    ) -> Result<()> {
        let tx = self.begin().await?;
        load(&tx, incident, reach).await?;
        let refuse = |why: &str| Err(Error::conflict(object(incident), why));
        if reason.trim().is_empty() {
            return refuse("needs a reason: what shows that it is another matter");
        }
        if let Seen::Here(id) = view {
            load(&tx, *id, reach).await?;
        }
        let mut rows = rows_of(&tx, incident).await?;
        let Some(at) = rows
            .iter()
            .position(|row| row.seen().as_ref() == Some(view))
        else {
            return refuse("is not linked with that view");
        };
        let out = rows.remove(at);
        if out.counts && rows.len() > 1 {
            return refuse("that view counts for the others: say first which of them does");
        }
        row::Entity::delete_by_id(out.id).exec(&tx).await?;
        let why = json!({ "reason": reason, "apart": true });
        if let Seen::Here(id) = view {
            set_counts(&tx, *id, true, why.clone(), (actor, now)).await?;
        }
        dissolve_if_alone(&tx, &rows, &why, (actor, now)).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The views of an incident's matter in the order in which they were linked; empty if it is linked with none.
    /// The caller loaded the incident within reach.
    pub async fn same_matter(&self, incident: IncidentId) -> Result<Vec<SameMatter>> {
        rows_of(self.reader(), incident).await
    }
}

/// The numbers that a matter has elsewhere: its incidents are found by them.
fn numbers(views: &BTreeSet<Seen>) -> impl Iterator<Item = &str> {
    views.iter().filter_map(|seen| match seen {
        Seen::There { number, .. } => Some(number.as_str()),
        Seen::Here(_) => None,
    })
}
