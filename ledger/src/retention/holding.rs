//! Legal holds: placed with a reason by a named person, released once, never deleted.

use std::collections::BTreeMap;

use model::ids::{IncidentId, OrganizationId};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{QueryOrder, QuerySelect};
use serde_json::json;

use super::matter;
use crate::audit::{self, NewAudit};
use crate::text::Text;
use crate::{Error, Ledger, Result, report};

pub(super) mod hold {
    use model::ids::{IncidentId, OrganizationId};
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// A legal hold: what it covers is kept, whatever a rule says.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "hold")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// Of this feed only.
        pub feed: Option<String>,
        /// Of this report only.
        pub report_id: Option<String>,
        /// From this UTC day, days since 1970-01-01.
        pub from_day: Option<i32>,
        /// Up to and with this UTC day.
        pub to_day: Option<i32>,
        /// Of this incident, with all that joins it.
        pub incident_id: Option<Text<IncidentId>>,
        /// Of this party: of every incident that it is asked about or works.
        pub organization_id: Option<Text<OrganizationId>>,
        /// Why.
        pub reason: String,
        /// Who placed it.
        pub placed_by: String,
        /// When, microseconds UTC.
        pub placed_at: i64,
        /// Who released it.
        pub released_by: Option<String>,
        /// When, microseconds UTC.
        pub released_at: Option<i64>,
        /// Why it was released.
        pub release_reason: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub use hold::Model as Hold;

/// A hold to be placed. At least one of feed, report and period says what it covers, and all that are
/// given must fit; or it is of an incident, or of a party.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewHold {
    /// Of this feed.
    pub feed: Option<String>,
    /// Of this report.
    pub report_id: Option<String>,
    /// First and last UTC day, days since 1970-01-01.
    pub days: Option<(i32, i32)>,
    /// Of this incident.
    pub incident: Option<IncidentId>,
    /// Of this party.
    pub party: Option<OrganizationId>,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
}

/// What is held when a rule begins to look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    /// Holds in force.
    pub in_force: Vec<Hold>,
    /// Events that holds on incidents and parties keep, counted by the UTC day in which they lie.
    pub days: BTreeMap<i32, i64>,
}

impl Hold {
    /// Whether it is in force.
    pub fn is_active(&self) -> bool {
        self.released_at.is_none()
    }

    /// Whether it is of an incident or a party: what it covers is found by event, not by report and day.
    pub fn is_of_matter(&self) -> bool {
        self.incident_id.is_some() || self.organization_id.is_some()
    }

    /// Whether it covers something of a report on any of the days, as far as report and day tell.
    pub fn covers(&self, feed: &str, report: &str, mut days: impl Iterator<Item = i32>) -> bool {
        let of_day = |day: i32| {
            self.from_day.is_none_or(|from| from <= day) && self.to_day.is_none_or(|to| day <= to)
        };
        self.is_active()
            && !self.is_of_matter()
            && self.feed.as_deref().is_none_or(|own| own == feed)
            && self.report_id.as_deref().is_none_or(|own| own == report)
            && (self.from_day.is_none() && self.to_day.is_none() || days.any(of_day))
    }
}

/// The name of a hold in the audit trail.
pub(super) fn object(id: i64) -> String {
    format!("hold {id}")
}

/// Numbers of the holds in force.
pub(super) async fn active<C: ConnectionTrait>(db: &C) -> Result<Vec<i64>> {
    let select = hold::Entity::find()
        .select_only()
        .column(hold::Column::Id)
        .filter(hold::Column::ReleasedAt.is_null())
        .order_by_asc(hold::Column::Id);
    Ok(select.into_tuple().all(db).await?)
}

impl Ledger {
    /// Places a hold.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it covers nothing in particular, lacks a reason or a name, ends before
    /// it starts, or is of an incident or a party and of something else; [`Error::NotFound`] if it
    /// names a report, an incident or a party that there is not.
    pub async fn place_hold(&self, new: NewHold, now: i64) -> Result<Hold> {
        let refuse = |reason: &str| Err(Error::conflict("hold", reason));
        let of_rows = new.feed.is_some() || new.report_id.is_some() || new.days.is_some();
        let of_matters = [new.incident.is_some(), new.party.is_some()];
        match of_matters.into_iter().filter(|given| *given).count() {
            0 if !of_rows => {
                return refuse(
                    "covers neither a feed, a report, a period, an incident nor a party",
                );
            }
            1 if !of_rows => {}
            0 => {}
            _ => return refuse("is of one incident or one party and of nothing else"),
        }
        if new.reason.trim().is_empty() || new.by.trim().is_empty() {
            return refuse("needs a reason and the name of who places it");
        }
        if new.days.is_some_and(|(from, to)| to < from) {
            return refuse("ends before it starts");
        }
        let tx = self.begin().await?;
        if let Some(report) = &new.report_id {
            report::get(&tx, report).await?;
        }
        let matters = matter::to_cover(&tx, new.incident, new.party).await?;
        let row = hold::ActiveModel {
            id: NotSet,
            feed: Set(new.feed),
            report_id: Set(new.report_id),
            from_day: Set(new.days.map(|days| days.0)),
            to_day: Set(new.days.map(|days| days.1)),
            incident_id: Set(new.incident.map(Text)),
            organization_id: Set(new.party.map(Text)),
            reason: Set(new.reason),
            placed_by: Set(new.by),
            placed_at: Set(now),
            released_by: Set(None),
            released_at: Set(None),
            release_reason: Set(None),
        };
        let placed = row.insert(&tx).await?;
        if let Some(party) = new.party {
            matter::follow_party(&tx, placed.id, party).await?;
        }
        let covered = matter::cover(&tx, placed.id, &matters, now).await?;
        let entry = NewAudit {
            actor: placed.placed_by.clone(),
            action: "hold.add".to_owned(),
            object: object(placed.id),
            detail: json!({
                "feed": placed.feed, "report": placed.report_id,
                "from_day": placed.from_day, "to_day": placed.to_day,
                "incident": placed.incident_id, "party": placed.organization_id,
                "incidents": placed.is_of_matter().then_some(covered), "reason": placed.reason,
            }),
        };
        audit::append(&tx, entry, now).await?;
        tx.commit().await?;
        Ok(placed)
    }

    /// Releases a hold: from now on rules reach what it covered.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Conflict`] if it was released before or no reason is given.
    pub async fn release_hold(&self, id: i64, by: &str, reason: &str, now: i64) -> Result<()> {
        let tx = self.begin().await?;
        let held = hold::Entity::find_by_id(id).one(&tx).await?;
        let held = held.ok_or_else(|| Error::not_found("hold", id))?;
        if let Some(earlier) = held.released_by {
            let reason = format!("was released before, by {earlier}");
            return Err(Error::conflict(object(id), reason));
        }
        if reason.trim().is_empty() || by.trim().is_empty() {
            let reason = "its release needs a reason and a name";
            return Err(Error::conflict(object(id), reason));
        }
        hold::Entity::update_many()
            .col_expr(hold::Column::ReleasedBy, Expr::value(by))
            .col_expr(hold::Column::ReleasedAt, Expr::value(now))
            .col_expr(hold::Column::ReleaseReason, Expr::value(reason))
            .filter(hold::Column::Id.eq(id))
            .exec(&tx)
            .await?;
        matter::let_go(&tx, id).await?;
        let entry = NewAudit {
            actor: by.to_owned(),
            action: "hold.release".to_owned(),
            object: object(id),
            detail: json!({ "reason": reason }),
        };
        audit::append(&tx, entry, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Holds in force, or with `all` the released ones too; by number.
    pub async fn holds(&self, all: bool) -> Result<Vec<Hold>> {
        let mut select = hold::Entity::find().order_by_asc(hold::Column::Id);
        if !all {
            select = select.filter(hold::Column::ReleasedAt.is_null());
        }
        Ok(select.all(self.reader()).await?)
    }

    /// What is held now: read before a rule looks at anything, and compared by [`Ledger::expire`].
    pub async fn held(&self) -> Result<Holds> {
        Ok(Holds {
            in_force: self.holds(false).await?,
            days: matter::days(self.reader()).await?,
        })
    }
}
