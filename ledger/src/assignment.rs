//! Who works on an incident. A row of its own, not of the incident: taking up work is no change of what is known,
//! and must not get in the way of somebody who writes at the same moment.

use std::collections::BTreeMap;

use model::ids::IncidentId;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::incident::{Reach, load, object};
use crate::text::Text;
use crate::{Error, Ledger, Result, account, bulk};

mod row {
    use model::ids::IncidentId;
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// Who works on an incident.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "assignment")]
    pub struct Model {
        /// The incident.
        #[sea_orm(primary_key, auto_increment = false)]
        pub incident_id: Text<IncidentId>,
        /// Who.
        pub login: String,
        /// Since when, microseconds UTC.
        pub at: i64,
        /// Who said so.
        pub by: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::ActiveModel;
pub(crate) use row::{Column, Entity};

pub use row::Model as Assignment;

impl Ledger {
    /// Gives an incident to somebody, or to nobody. Audited; who had it before.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none within `reach`, [`Error::Conflict`] if there is no such active account,
    /// or its owner may not work on it.
    pub async fn assign_incident(
        &self,
        id: IncidentId,
        reach: &Reach,
        to: Option<&str>,
        actor: &str,
        now: i64,
    ) -> Result<Option<String>> {
        let tx = self.begin().await?;
        let incident = load(&tx, id, reach).await?;
        if let Some(login) = to {
            let account = account::row_of(&tx, login).await?;
            let refuse = |why: &str| Err(Error::conflict(format!("account {login}"), why));
            match account {
                Some(account) if !account.may(model::newsroom::Right::Work) => {
                    return refuse("may not work on incidents");
                }
                // Whoever belongs to another organization could not even see it.
                Some(account)
                    if account.organization.is_some() && account.organization != incident.owner =>
                {
                    return refuse("belongs to an organization that does not work this incident");
                }
                Some(_) => {}
                None => return refuse("is not known"),
            }
        }
        let before = Entity::find_by_id(Text(id))
            .one(&tx)
            .await?
            .map(|row| row.login);
        if before.as_deref() == to {
            return Ok(before);
        }
        match to {
            None => {
                Entity::delete_by_id(Text(id)).exec(&tx).await?;
            }
            Some(login) => {
                let row = ActiveModel {
                    incident_id: Set(Text(id)),
                    login: Set(login.to_owned()),
                    at: Set(now),
                    by: Set(actor.to_owned()),
                };
                let again = OnConflict::column(Column::IncidentId)
                    .update_columns([Column::Login, Column::At, Column::By])
                    .to_owned();
                Entity::insert(row)
                    .on_conflict(again)
                    .exec_without_returning(&tx)
                    .await?;
            }
        }
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "incident.assign".to_owned(),
            object: object(id),
            detail: json!({ "from": before, "to": to }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(before)
    }

    /// Who works on these incidents.
    pub async fn assignees(&self, ids: &[IncidentId]) -> Result<BTreeMap<IncidentId, String>> {
        let mut found = BTreeMap::new();
        for chunk in ids.chunks(bulk::LIST) {
            let rows = Entity::find()
                .filter(Column::IncidentId.is_in(chunk.iter().map(|id| Text(*id))))
                .all(self.reader())
                .await?;
            found.extend(rows.into_iter().map(|row| (row.incident_id.0, row.login)));
        }
        Ok(found)
    }
}
