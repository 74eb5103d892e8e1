//! Drills: a person plays a scenario in a workspace for exercises; what was set up for it, and how far they came.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::{Error, Ledger, Result};

mod row {
    use sea_orm::entity::prelude::*;

    /// A scenario that is or was played.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "drill")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// Name of the scenario.
        pub scenario: String,
        /// Who plays.
        pub login: String,
        /// What was set up for it, as JSON text: the ids that its goals look at.
        pub props: String,
        /// When it began, microseconds UTC.
        pub begun_at: i64,
        /// When it ended.
        pub ended_at: Option<i64>,
        /// Points.
        pub score: i32,
        /// Hints that were looked at.
        pub hints: i32,
        /// Goals that were reached and when, as JSON text.
        pub reached: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::Model as Drill;

impl Ledger {
    /// Begins a scenario.
    ///
    /// # Errors
    /// [`Error::Conflict`] if this person plays one already.
    pub async fn begin_drill(
        &self,
        (scenario, login): (&str, &str),
        props: &serde_json::Value,
        now: i64,
    ) -> Result<Drill> {
        let tx = self.begin().await?;
        let running = Entity::find()
            .filter(Column::Login.eq(login))
            .filter(Column::EndedAt.is_null())
            .one(&tx)
            .await?;
        if let Some(running) = running {
            let reason = format!("is played by {login}: end it first");
            return Err(Error::conflict(
                format!("scenario {}", running.scenario),
                reason,
            ));
        }
        let row = ActiveModel {
            id: NotSet,
            scenario: Set(scenario.to_owned()),
            login: Set(login.to_owned()),
            props: Set(props.to_string()),
            begun_at: Set(now),
            ended_at: Set(None),
            score: Set(0),
            hints: Set(0),
            reached: Set("{}".to_owned()),
        };
        let row = row.insert(&tx).await?;
        let record = NewAudit {
            actor: login.to_owned(),
            action: "drill.begin".to_owned(),
            object: format!("drill {}", row.id),
            detail: json!({ "scenario": scenario }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Keeps how far a drill came; with `ended`, that it is over.
    pub async fn mark_drill(
        &self,
        id: i64,
        reached: &serde_json::Value,
        score: i32,
        ended: Option<i64>,
    ) -> Result<()> {
        Entity::update_many()
            .col_expr(Column::Reached, Expr::value(reached.to_string()))
            .col_expr(Column::Score, Expr::value(score))
            .col_expr(Column::EndedAt, Expr::value(ended))
            .filter(Column::Id.eq(id))
            .filter(Column::EndedAt.is_null())
            .exec(self.writer()?)
            .await?;
        Ok(())
    }

    /// Notes that a hint was looked at.
    pub async fn hint_drill(&self, id: i64) -> Result<()> {
        Entity::update_many()
            .col_expr(Column::Hints, Expr::col(Column::Hints).add(1))
            .filter(Column::Id.eq(id))
            .filter(Column::EndedAt.is_null())
            .exec(self.writer()?)
            .await?;
        Ok(())
    }

    /// A drill.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn drill(&self, id: i64) -> Result<Drill> {
        let found = Entity::find_by_id(id).one(self.reader()).await?;
        found.ok_or_else(|| Error::not_found("drill", id.to_string()))
    }

    /// All drills, the newest first.
    pub async fn drills(&self) -> Result<Vec<Drill>> {
        let all = Entity::find().order_by_desc(Column::Id);
        Ok(all.all(self.reader()).await?)
    }
}
