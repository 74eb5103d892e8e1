//! Promises: what somebody of the house said would be done by a time, and to whom, so that the next shift keeps it.

use model::ids::IncidentId;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::text::{Text, without_nul};
use crate::{Error, Ledger, Reach, Result};

mod row {
    use model::ids::IncidentId;
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// Something promised.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "promise")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// The incident it is about, where it is about one.
        pub incident_id: Option<Text<IncidentId>>,
        /// What was promised.
        pub what: String,
        /// To whom.
        pub to_whom: String,
        /// By when, microseconds UTC.
        pub due_at: i64,
        /// Who promised.
        pub made_by: String,
        /// When.
        pub made_at: i64,
        /// Who kept it, or said that it cannot be kept.
        pub done_by: Option<String>,
        /// When.
        pub done_at: Option<i64>,
        /// What came of it.
        pub outcome: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::Model as Promise;

/// A promise to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPromise {
    /// The incident it is about.
    pub incident: Option<IncidentId>,
    /// What.
    pub what: String,
    /// To whom.
    pub to_whom: String,
    /// By when, microseconds UTC.
    pub due_at: i64,
}

impl Ledger {
    /// Writes a promise down; of an incident within reach only. One without an incident is the centre's.
    ///
    /// # Errors
    /// [`Error::NotFound`] without the incident, [`Error::Conflict`] if a part is empty or the time is past.
    pub async fn promise(
        &self,
        new: NewPromise,
        reach: &Reach,
        by: &str,
        now: i64,
    ) -> Result<Promise> {
        let own = |text: &str| without_nul(text).trim().to_owned();
        let (what, to_whom) = (own(&new.what), own(&new.to_whom));
        if what.is_empty() || to_whom.is_empty() {
            return Err(Error::conflict("promise", "says what, and to whom"));
        }
        if new.due_at <= now {
            return Err(Error::conflict("promise", "must be due after now"));
        }
        match (&new.incident, reach) {
            (Some(id), reach) => drop(self.incident(*id, reach).await?),
            (None, Reach::All) => {}
            (None, _) => return Err(Error::conflict("promise", "names one of your incidents")),
        }
        let tx = self.begin().await?;
        let row = ActiveModel {
            id: NotSet,
            incident_id: Set(new.incident.map(Text)),
            what: Set(what),
            to_whom: Set(to_whom),
            due_at: Set(new.due_at),
            made_by: Set(by.to_owned()),
            made_at: Set(now),
            done_by: Set(None),
            done_at: Set(None),
            outcome: Set(None),
        };
        let row = row.insert(&tx).await?;
        told(&tx, by, "promise.make", &row, now).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Says what came of a promise.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if that was said already or nothing is said.
    pub async fn end_promise(
        &self,
        id: i64,
        outcome: &str,
        reach: &Reach,
        by: &str,
        now: i64,
    ) -> Result<Promise> {
        let outcome = without_nul(outcome).trim().to_owned();
        let found = Entity::find_by_id(id).one(self.reader()).await?;
        let found = found.ok_or_else(|| Error::not_found("promise", id.to_string()))?;
        if !self.within(&found, reach).await? {
            return Err(Error::not_found("promise", id.to_string()));
        }
        if outcome.is_empty() {
            return Err(Error::conflict(
                format!("promise {id}"),
                "ends with what came of it",
            ));
        }
        let tx = self.begin().await?;
        let row = Entity::find_by_id(id).one(&tx).await?;
        let mut row = row.ok_or_else(|| Error::not_found("promise", id.to_string()))?;
        if row.done_at.is_some() {
            return Err(Error::conflict(
                format!("promise {id}"),
                "was ended already",
            ));
        }
        row.done_by = Some(by.to_owned());
        row.done_at = Some(now);
        row.outcome = Some(outcome);
        Entity::update(ActiveModel::from(row.clone()).reset_all())
            .exec(&tx)
            .await?;
        told(&tx, by, "promise.end", &row, now).await?;
        tx.commit().await?;
        Ok(row)
    }

    async fn within(&self, row: &Promise, reach: &Reach) -> Result<bool> {
        match (reach, &row.incident_id) {
            (Reach::All, _) => Ok(true),
            (_, None) => Ok(false),
            (reach, Some(id)) => match self.incident(id.0, reach).await {
                Ok(_) => Ok(true),
                Err(Error::NotFound { .. }) => Ok(false),
                Err(error) => Err(error),
            },
        }
    }

    /// Promises that wait, by their time.
    pub async fn promises_open(&self, reach: &Reach) -> Result<Vec<Promise>> {
        let all = Entity::find()
            .filter(Column::DoneAt.is_null())
            .order_by_asc(Column::DueAt)
            .order_by_asc(Column::Id)
            .all(self.reader())
            .await?;
        let mut own = Vec::new();
        for row in all {
            if self.within(&row, reach).await? {
                own.push(row);
            }
        }
        Ok(own)
    }

    /// Promises about an incident, whoever keeps them.
    pub async fn promises_about(&self, incident: IncidentId) -> Result<Vec<Promise>> {
        let all = Entity::find()
            .filter(Column::IncidentId.eq(Text(incident)))
            .order_by_asc(Column::DueAt);
        Ok(all.all(self.reader()).await?)
    }
}

async fn told(
    tx: &sea_orm::DatabaseTransaction,
    by: &str,
    action: &str,
    row: &Promise,
    now: i64,
) -> Result<()> {
    let record = NewAudit {
        actor: by.to_owned(),
        action: action.to_owned(),
        object: match &row.incident_id {
            Some(id) => format!("incident {id}"),
            None => format!("promise {}", row.id),
        },
        detail: json!({ "promise": row.id, "what": row.what, "to": row.to_whom, "due": row.due_at, "outcome": row.outcome }),
    };
    audit::append(tx, record, now).await
}
