//! Campaigns: incidents of one hand. A campaign is an object of its own, so that one decision and one
//! request a party stand for all of them, and so that figures can say how much of them is one campaign.
//! Its incidents stay incidents: each counts by itself. Every change is audited.

use std::collections::BTreeMap;

use model::ids::{CampaignId, IncidentId};
use model::incident::IncidentState;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{QueryOrder, QuerySelect};
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::incident::{self, Incident, Reach, load, object as incident_object};
use crate::text::{Text, without_nul};
use crate::{Error, Ledger, Result, bulk};

mod row {
    use model::ids::CampaignId;
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// A campaign. Instants are microseconds UTC.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "campaign")]
    pub struct Model {
        /// Its id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Text<CampaignId>,
        /// Its name; of the open ones no two have the same.
        pub name: String,
        /// What makes them one: kit, address, registrant, brand.
        pub reason: String,
        /// When it was opened.
        pub opened_at: i64,
        /// When it ended.
        pub closed_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::ActiveModel;
pub(crate) use row::{Column, Entity};

pub use row::Model as Campaign;

fn object(id: CampaignId) -> String {
    format!("campaign {id}")
}

impl Campaign {
    /// Its id.
    pub fn campaign_id(&self) -> CampaignId {
        self.id.0
    }
}

async fn load_open<C: ConnectionTrait>(db: &C, id: CampaignId) -> Result<Campaign> {
    let row = Entity::find_by_id(Text(id)).one(db).await?;
    let row = row.ok_or_else(|| Error::not_found("campaign", id))?;
    match row.closed_at {
        None => Ok(row),
        Some(_) => Err(Error::conflict(object(id), "has ended: open another")),
    }
}

/// Sets or takes away the campaign of incidents; those that have it already are passed over.
async fn assign<C: ConnectionTrait>(
    db: &C,
    incidents: &[IncidentId],
    from: Option<CampaignId>,
    to: Option<CampaignId>,
    (reason, actor, now): (&str, &str, i64),
) -> Result<u64> {
    let mut changed = 0;
    for id in incidents {
        let one: Incident = load(db, *id, &Reach::All).await?;
        if one.campaign_id == to.map(Text) {
            continue;
        }
        if one.state.0 == IncidentState::Merged {
            let why = "became part of another: name that one";
            return Err(Error::conflict(incident_object(*id), why));
        }
        if one.campaign_id != from.map(Text) {
            let why = match one.campaign_id {
                Some(other) => format!("belongs to campaign {other}: take it out there first"),
                None => "does not belong to this campaign".to_owned(),
            };
            return Err(Error::conflict(incident_object(*id), why));
        }
        incident::Entity::update_many()
            .col_expr(incident::Column::CampaignId, Expr::value(to.map(Text)))
            .col_expr(incident::Column::ChangedAt, Expr::value(now))
            .col_expr(
                incident::Column::Version,
                Expr::col(incident::Column::Version).add(1),
            )
            .filter(incident::Column::Id.eq(Text(*id)))
            .exec(db)
            .await?;
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "incident.campaign".to_owned(),
            object: incident_object(*id),
            detail: json!({ "from": from, "to": to, "reason": reason }),
        };
        audit::append(db, record, now).await?;
        changed += 1;
    }
    Ok(changed)
}

impl Ledger {
    /// How many of these incidents belong to each campaign that has any, the one with most first.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn campaigns_among(
        &self,
        incidents: &[IncidentId],
    ) -> Result<Vec<(CampaignId, u64)>> {
        let mut counted: BTreeMap<CampaignId, u64> = BTreeMap::new();
        for chunk in incidents.chunks(bulk::LIST) {
            let of: Vec<Text<CampaignId>> = incident::Entity::find()
                .select_only()
                .column(incident::Column::CampaignId)
                .filter(incident::Column::Id.is_in(chunk.iter().map(|id| Text(*id))))
                .filter(incident::Column::CampaignId.is_not_null())
                .into_tuple()
                .all(self.reader())
                .await?;
            for id in of {
                *counted.entry(id.0).or_default() += 1;
            }
        }
        let mut all: Vec<_> = counted.into_iter().collect();
        all.sort_by_key(|(id, count)| (std::cmp::Reverse(*count), *id));
        Ok(all)
    }

    /// Opens a campaign with incidents, all or nothing. Audited for it and for each.
    ///
    /// # Errors
    /// [`Error::Conflict`] if an open one has this name, the name or reason is empty, or an incident is
    /// merged or belongs to another campaign; [`Error::NotFound`] without an incident.
    pub async fn add_campaign(
        &self,
        id: CampaignId,
        name: &str,
        reason: &str,
        incidents: &[IncidentId],
        actor: &str,
        now: i64,
    ) -> Result<Campaign> {
        let name = without_nul(name.trim()).into_owned();
        if name.is_empty() || reason.trim().is_empty() {
            return Err(Error::conflict(object(id), "needs a name and a reason"));
        }
        let tx = self.begin().await?;
        let same = Entity::find()
            .filter(Column::Name.eq(name.as_str()))
            .filter(Column::ClosedAt.is_null());
        if same.one(&tx).await?.is_some() {
            let why = "an open one has this name: add to it";
            return Err(Error::conflict(format!("campaign {name}"), why));
        }
        let row = ActiveModel {
            id: Set(Text(id)),
            name: Set(name),
            reason: Set(without_nul(reason).into_owned()),
            opened_at: Set(now),
            closed_at: Set(None),
        };
        let campaign = row.insert(&tx).await?;
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "campaign.open".to_owned(),
            object: object(id),
            detail: json!({ "name": campaign.name, "reason": reason, "incidents": incidents.len() }),
        };
        audit::append(&tx, record, now).await?;
        assign(&tx, incidents, None, Some(id), (reason, actor, now)).await?;
        tx.commit().await?;
        Ok(campaign)
    }

    /// Puts incidents into an open campaign, all or nothing; how many were not in it. Audited each.
    ///
    /// # Errors
    /// As [`Ledger::add_campaign`], and if the campaign has ended.
    pub async fn join_campaign(
        &self,
        id: CampaignId,
        incidents: &[IncidentId],
        reason: &str,
        actor: &str,
        now: i64,
    ) -> Result<u64> {
        let tx = self.begin().await?;
        load_open(&tx, id).await?;
        let joined = assign(&tx, incidents, None, Some(id), (reason, actor, now)).await?;
        tx.commit().await?;
        Ok(joined)
    }

    /// Takes incidents out of a campaign, all or nothing; how many that were. Audited each.
    ///
    /// # Errors
    /// [`Error::Conflict`] if one belongs to another campaign.
    pub async fn leave_campaign(
        &self,
        id: CampaignId,
        incidents: &[IncidentId],
        reason: &str,
        actor: &str,
        now: i64,
    ) -> Result<u64> {
        let tx = self.begin().await?;
        load_open(&tx, id).await?;
        let left = assign(&tx, incidents, Some(id), None, (reason, actor, now)).await?;
        tx.commit().await?;
        Ok(left)
    }

    /// Ends a campaign; its incidents stay in it. Audited.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Conflict`] if it has ended.
    pub async fn close_campaign(
        &self,
        id: CampaignId,
        reason: &str,
        actor: &str,
        now: i64,
    ) -> Result<()> {
        let tx = self.begin().await?;
        load_open(&tx, id).await?;
        Entity::update_many()
            .col_expr(Column::ClosedAt, Expr::value(now))
            .filter(Column::Id.eq(Text(id)))
            .exec(&tx)
            .await?;
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "campaign.close".to_owned(),
            object: object(id),
            detail: json!({ "reason": reason }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// All campaigns, the newest first.
    pub async fn campaigns(&self) -> Result<Vec<Campaign>> {
        Ok(Entity::find()
            .order_by_desc(Column::OpenedAt)
            .order_by_desc(Column::Id)
            .all(self.reader())
            .await?)
    }

    /// A campaign.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none.
    pub async fn campaign(&self, id: CampaignId) -> Result<Campaign> {
        let row = Entity::find_by_id(Text(id)).one(self.reader()).await?;
        row.ok_or_else(|| Error::not_found("campaign", id))
    }
}
