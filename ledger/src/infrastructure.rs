//! Infrastructure events: failures and attacks that a person enters by hand and that outweigh volume
//! in the rating (DOMAIN rule 1.2). Every change is audited.

use std::ops::Range;

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{Condition, QueryOrder};
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::error::is_duplicate;
use crate::{Error, Ledger, Result};

mod row {
    use sea_orm::entity::prelude::*;

    /// Where an infrastructure event stands.
    #[derive(
        Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, serde::Serialize,
    )]
    #[sea_orm(rs_type = "String", db_type = "Text")]
    #[serde(rename_all = "lowercase")]
    pub enum InfrastructureState {
        /// It goes on.
        #[sea_orm(string_value = "ongoing")]
        Ongoing,
        /// It is over.
        #[sea_orm(string_value = "ended")]
        Ended,
        /// It was entered in error; it counts nowhere.
        #[sea_orm(string_value = "withdrawn")]
        Withdrawn,
    }

    /// An infrastructure event.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "infrastructure_event")]
    pub struct Model {
        /// Printed id, handed in by the caller.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        /// Name in Chinese.
        pub name_zh: String,
        /// Name in English.
        pub name_en: String,
        /// Place in Chinese.
        pub place_zh: String,
        /// Place in English.
        pub place_en: String,
        /// `nation`, or the GB/T 2260 code of a province.
        pub scope: String,
        /// 1 特别重大, 2 重大, 3 较大, 4 一般.
        pub level: i32,
        /// Start, microseconds UTC.
        pub start_at: i64,
        /// End, microseconds UTC; `None` while unknown.
        pub end_at: Option<i64>,
        /// Effect in Chinese.
        pub effect_zh: String,
        /// Effect in English.
        pub effect_en: String,
        /// Where it stands.
        pub state: InfrastructureState,
        /// When this row was last changed, microseconds UTC.
        pub changed_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::{InfrastructureState, Model as InfrastructureEvent};

impl InfrastructureState {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            InfrastructureState::Ongoing => "ongoing",
            InfrastructureState::Ended => "ended",
            InfrastructureState::Withdrawn => "withdrawn",
        }
    }
}

/// An event to be entered. It is ongoing unless it has an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewInfrastructureEvent {
    /// Printed id.
    pub id: String,
    /// Name in Chinese.
    pub name_zh: String,
    /// Name in English.
    pub name_en: String,
    /// Place in Chinese.
    pub place_zh: String,
    /// Place in English.
    pub place_en: String,
    /// `nation`, or the GB/T 2260 code of a province.
    pub scope: String,
    /// 1 特别重大, 2 重大, 3 较大, 4 一般.
    pub level: i32,
    /// Start, microseconds UTC.
    pub start_at: i64,
    /// End, microseconds UTC.
    pub end_at: Option<i64>,
    /// Effect in Chinese.
    pub effect_zh: String,
    /// Effect in English.
    pub effect_en: String,
}

fn object(id: &str) -> String {
    format!("infrastructure event {id}")
}

fn check_end(id: &str, start: i64, end: Option<i64>) -> Result<()> {
    match end {
        Some(end) if end < start => Err(Error::conflict(object(id), "ends before it starts")),
        _ => Ok(()),
    }
}

impl Ledger {
    /// Enters an event.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the id is taken, the level is not 1 to 4, or it ends before it starts.
    pub async fn add_infrastructure(
        &self,
        new: NewInfrastructureEvent,
        actor: &str,
        now: i64,
    ) -> Result<()> {
        if !(1..=4).contains(&new.level) {
            let reason = format!("level {} is not one of 1 to 4", new.level);
            return Err(Error::conflict(object(&new.id), reason));
        }
        check_end(&new.id, new.start_at, new.end_at)?;
        let state = match new.end_at {
            Some(_) => InfrastructureState::Ended,
            None => InfrastructureState::Ongoing,
        };
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "infrastructure.add".to_owned(),
            object: object(&new.id),
            detail: json!({
                "name_zh": new.name_zh, "name_en": new.name_en,
                "place_zh": new.place_zh, "place_en": new.place_en,
                "scope": new.scope, "level": new.level,
                "start_at": new.start_at, "end_at": new.end_at,
                "effect_zh": new.effect_zh, "effect_en": new.effect_en,
            }),
        };
        let id = new.id.clone();
        let row = ActiveModel {
            id: Set(new.id),
            name_zh: Set(new.name_zh),
            name_en: Set(new.name_en),
            place_zh: Set(new.place_zh),
            place_en: Set(new.place_en),
            scope: Set(new.scope),
            level: Set(new.level),
            start_at: Set(new.start_at),
            end_at: Set(new.end_at),
            effect_zh: Set(new.effect_zh),
            effect_en: Set(new.effect_en),
            state: Set(state),
            changed_at: Set(now),
        };
        let tx = self.begin().await?;
        match Entity::insert(row).exec_without_returning(&tx).await {
            Err(error) if is_duplicate(&error) => {
                return Err(Error::conflict(object(&id), "was entered before"));
            }
            other => other?,
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Ends an event, or withdraws it.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Conflict`] if it was withdrawn or would end before it starts.
    pub async fn close_infrastructure(
        &self,
        id: &str,
        end: Option<i64>,
        actor: &str,
        now: i64,
    ) -> Result<()> {
        let tx = self.begin().await?;
        let row = Entity::find_by_id(id).one(&tx).await?;
        let row = row.ok_or_else(|| Error::not_found("infrastructure event", id))?;
        if row.state == InfrastructureState::Withdrawn {
            return Err(Error::conflict(object(id), "was withdrawn"));
        }
        check_end(id, row.start_at, end)?;
        let (state, action) = match end {
            Some(_) => (InfrastructureState::Ended, "infrastructure.end"),
            None => (InfrastructureState::Withdrawn, "infrastructure.withdraw"),
        };
        let mut update = Entity::update_many()
            .col_expr(Column::State, Expr::value(state.as_str()))
            .col_expr(Column::ChangedAt, Expr::value(now));
        if let Some(end) = end {
            update = update.col_expr(Column::EndAt, Expr::value(end));
        }
        update.filter(Column::Id.eq(id)).exec(&tx).await?;
        let record = NewAudit {
            actor: actor.to_owned(),
            action: action.to_owned(),
            object: object(id),
            detail: json!({ "end_at": end, "before": row.state.as_str() }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// One event.
    pub async fn infrastructure_event(&self, id: &str) -> Result<Option<InfrastructureEvent>> {
        Ok(Entity::find_by_id(id).one(self.reader()).await?)
    }

    /// Events that touch the span `[start, end)` in microseconds UTC, or all, without the withdrawn;
    /// by start. One without an end touches everything after its start.
    pub async fn infrastructure(
        &self,
        span: Option<Range<i64>>,
    ) -> Result<Vec<InfrastructureEvent>> {
        let mut select = Entity::find()
            .filter(Column::State.ne(InfrastructureState::Withdrawn))
            .order_by_asc(Column::StartAt)
            .order_by_asc(Column::Id);
        if let Some(span) = span {
            select = select.filter(Column::StartAt.lt(span.end)).filter(
                Condition::any()
                    .add(Column::EndAt.is_null())
                    .add(Column::EndAt.gte(span.start)),
            );
        }
        Ok(select.all(self.reader()).await?)
    }
}
