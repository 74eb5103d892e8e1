//! What was done to many incidents at once: how far it is, what became of each, and what undoing it takes. Each
//! incident is changed and audited by the function that changes one; this row only tells of them together.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;

use crate::{Error, Ledger, Result};

mod row {
    use sea_orm::entity::prelude::*;

    /// An act on many incidents. Instants are microseconds UTC.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "bulk_act")]
    pub struct Model {
        /// Its id, drawn by the caller; not to be guessed.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        /// Who.
        pub actor: String,
        /// What is done: `validate`, `close`, `assign` ...
        pub act: String,
        /// With what, JSON text.
        pub detail: String,
        /// Incidents.
        pub total: i32,
        /// Of these, done.
        pub done: i32,
        /// Of these, refused.
        pub failed: i32,
        /// What became of each, JSON text.
        pub outcome: String,
        /// Whether it can be taken back.
        pub undoable: bool,
        /// When it began.
        pub begun_at: i64,
        /// When it ended; `None`: it runs, or was broken off.
        pub ended_at: Option<i64>,
        /// When it was taken back.
        pub undone_at: Option<i64>,
        /// Who took it back.
        pub undone_by: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::Model as BulkAct;

impl Ledger {
    /// Notes that an act on many incidents begins.
    pub async fn begin_bulk(
        &self,
        id: &str,
        (act, detail, total): (&str, &serde_json::Value, usize),
        actor: &str,
        now: i64,
    ) -> Result<()> {
        let row = ActiveModel {
            id: Set(id.to_owned()),
            actor: Set(actor.to_owned()),
            act: Set(act.to_owned()),
            detail: Set(detail.to_string()),
            total: Set(i32::try_from(total).unwrap_or(i32::MAX)),
            done: Set(0),
            failed: Set(0),
            outcome: Set("[]".to_owned()),
            undoable: Set(false),
            begun_at: Set(now),
            ended_at: Set(None),
            undone_at: Set(None),
            undone_by: Set(None),
        };
        Entity::insert(row)
            .exec_without_returning(self.writer()?)
            .await?;
        Ok(())
    }

    /// Notes how far it is.
    pub async fn bulk_went(
        &self,
        id: &str,
        (done, failed): (usize, usize),
        outcome: &serde_json::Value,
        ended: Option<(i64, bool)>,
    ) -> Result<()> {
        let row = ActiveModel {
            id: Set(id.to_owned()),
            done: Set(i32::try_from(done).unwrap_or(i32::MAX)),
            failed: Set(i32::try_from(failed).unwrap_or(i32::MAX)),
            outcome: Set(outcome.to_string()),
            undoable: Set(ended.is_some_and(|(_, undoable)| undoable)),
            ended_at: Set(ended.map(|(at, _)| at)),
            ..Default::default()
        };
        Entity::update(row).exec(self.writer()?).await?;
        Ok(())
    }

    /// Claims the right to take an act back: true once.
    ///
    /// # Errors
    /// The database fails.
    pub async fn claim_undo(&self, id: &str, actor: &str, now: i64) -> Result<bool> {
        let done = Entity::update_many()
            .col_expr(Column::UndoneAt, Expr::value(now))
            .col_expr(Column::UndoneBy, Expr::value(actor))
            .filter(Column::Id.eq(id))
            .filter(Column::Undoable.eq(true))
            .filter(Column::UndoneAt.is_null())
            .exec(self.writer()?)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// An act on many incidents, of its actor alone.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the actor did no such thing.
    pub async fn bulk_act(&self, id: &str, actor: &str) -> Result<BulkAct> {
        Entity::find_by_id(id)
            .filter(Column::Actor.eq(actor))
            .one(self.reader())
            .await?
            .ok_or_else(|| Error::not_found("bulk act", id))
    }
}
