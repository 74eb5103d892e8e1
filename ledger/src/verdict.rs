//! Verdicts: what a person decided about a change of a source. Every one is audited.
//!
//! A verdict settles the findings about a report of a feed. An accepted change is a
//! break: what came before no longer says what is usual, and the week of the break does not compare
//! with the one before it. A dismissed one is a fault of the delivery: it stays out of what is usual.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::{Ledger, Result};

mod row {
    use sea_orm::entity::prelude::*;

    /// What was decided.
    #[derive(
        Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, serde::Serialize,
    )]
    #[sea_orm(rs_type = "String", db_type = "Text")]
    #[serde(rename_all = "lowercase")]
    pub enum Decision {
        /// The source is so from now on.
        #[sea_orm(string_value = "accepted")]
        Accepted,
        /// The delivery was wrong.
        #[sea_orm(string_value = "dismissed")]
        Dismissed,
    }

    /// What a person decided about a change of a source.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "verdict")]
    pub struct Model {
        /// Its number.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// The feed.
        pub feed: String,
        /// Which of the feed's reports; `None`: all.
        pub kind: Option<String>,
        /// What changed: `drift` of its reports, or the `schema` they are read by.
        pub cause: String,
        /// The decision.
        pub decision: Decision,
        /// The instant it is about, microseconds UTC.
        pub at: i64,
        /// The person's reason.
        pub reason: String,
        /// The person.
        pub actor: String,
        /// When, microseconds UTC.
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::{Decision, Model as Verdict};

impl Verdict {
    /// Whether it is about reports of this kind.
    pub fn is_about(&self, kind: &str) -> bool {
        self.kind.as_deref().is_none_or(|own| own == kind)
    }

    /// Whether it settles the report of this kind and instant.
    pub fn settles(&self, kind: &str, at: i64) -> bool {
        self.at == at && self.is_about(kind)
    }
}

/// A verdict to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVerdict {
    /// The feed.
    pub feed: String,
    /// Which of the feed's reports; `None`: all.
    pub kind: Option<String>,
    /// `drift` or `schema`.
    pub cause: &'static str,
    /// The decision.
    pub decision: Decision,
    /// The instant it is about, microseconds UTC.
    pub at: i64,
    /// The person's reason.
    pub reason: String,
}

impl Ledger {
    /// Stores verdicts that were decided together, and one audit row about `object`.
    ///
    /// # Errors
    /// The ledger fails; nothing is changed then.
    pub async fn add_verdicts(
        &self,
        verdicts: Vec<NewVerdict>,
        (action, object): (&str, &str),
        detail: serde_json::Value,
        actor: &str,
        now: i64,
    ) -> Result<()> {
        let tx = self.begin().await?;
        let about: Vec<_> = verdicts
            .iter()
            .map(|new| json!({ "feed": new.feed, "kind": new.kind, "cause": new.cause, "at": new.at, "reason": new.reason }))
            .collect();
        for new in verdicts {
            let row = ActiveModel {
                id: NotSet,
                feed: Set(new.feed),
                kind: Set(new.kind),
                cause: Set(new.cause.to_owned()),
                decision: Set(new.decision),
                at: Set(new.at),
                reason: Set(new.reason),
                actor: Set(actor.to_owned()),
                created_at: Set(now),
            };
            Entity::insert(row).exec_without_returning(&tx).await?;
        }
        let record = NewAudit {
            actor: actor.to_owned(),
            action: action.to_owned(),
            object: object.to_owned(),
            detail: json!({ "verdicts": about, "detail": detail }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Verdicts on one feed or all, in the order they were made.
    pub async fn verdicts(&self, feed: Option<&str>) -> Result<Vec<Verdict>> {
        let mut select = Entity::find().order_by_asc(Column::Id);
        if let Some(feed) = feed {
            select = select.filter(Column::Feed.eq(feed));
        }
        Ok(select.all(self.reader()).await?)
    }
}
