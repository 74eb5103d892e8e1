//! Late data: what a published figure would be if it were counted now, and what was decided about it.
//! Nothing here changes an issue; an accepted correction is the reason of a new revision.

use model::newsroom::{CorrectionState, Right};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use serde_json::json;

use super::{EditionKey, load};
use crate::audit::{self, NewAudit};
use crate::text::Text;
use crate::{Actor, Error, Ledger, Result};

mod row {
    use model::newsroom::CorrectionState;
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// A printed figure that would be another today.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "correction")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// Series.
        pub series: String,
        /// Year of the number.
        pub year: i32,
        /// Number within the year.
        pub number: i32,
        /// The revision that printed it.
        pub revision: i32,
        /// Key of the figure, as `M1`, `W2/share`.
        pub value: String,
        /// What was printed, exactly: `284132`, `17/2146`.
        pub printed: String,
        /// What it is now.
        pub counted: String,
        /// The lake's snapshot it was counted from now.
        pub lake_snapshot: i64,
        /// What differs, as far as is known.
        pub cause: String,
        /// When it was found, microseconds UTC.
        pub found_at: i64,
        /// What was decided.
        pub state: Text<CorrectionState>,
        /// By whom.
        pub decided_by: Option<String>,
        /// When.
        pub decided_at: Option<i64>,
        /// Why.
        pub note: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::Model as Correction;

/// A figure that would be another today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCorrection {
    /// Key of the figure.
    pub value: String,
    /// What was printed, exactly.
    pub printed: String,
    /// What it is now.
    pub counted: String,
}

fn of(key: &EditionKey) -> Select<Entity> {
    Entity::find()
        .filter(Column::Series.eq(&key.series))
        .filter(Column::Year.eq(key.year))
        .filter(Column::Number.eq(key.number))
}

impl Ledger {
    /// Replaces the open proposals about a revision by what was found now; decided ones stay, and one that
    /// was declined is not proposed again while it says the same. Returns the open ones.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the issue was not planned.
    pub async fn propose_corrections(
        &self,
        (key, revision): (&EditionKey, i32),
        (found, cause, lake_snapshot): (Vec<NewCorrection>, &str, i64),
        actor: &str,
        now: i64,
    ) -> Result<Vec<Correction>> {
        let tx = self.begin().await?;
        load(&tx, key).await?;
        let before = of(key)
            .filter(Column::Revision.eq(revision))
            .order_by_asc(Column::Id)
            .all(&tx)
            .await?;
        let says = |row: &Correction, new: &NewCorrection| {
            row.value == new.value && row.printed == new.printed && row.counted == new.counted
        };
        let stale = before.iter().filter(|row| {
            row.state.0 == CorrectionState::Open && !found.iter().any(|new| says(row, new))
        });
        for row in stale {
            Entity::delete_by_id(row.id).exec(&tx).await?;
        }
        let mut added = Vec::new();
        for new in found {
            if before.iter().any(|row| says(row, &new)) {
                continue;
            }
            added.push(
                json!({ "value": new.value, "printed": new.printed, "counted": new.counted }),
            );
            let row = ActiveModel {
                id: NotSet,
                series: Set(key.series.clone()),
                year: Set(key.year),
                number: Set(key.number),
                revision: Set(revision),
                value: Set(new.value),
                printed: Set(new.printed),
                counted: Set(new.counted),
                lake_snapshot: Set(lake_snapshot),
                cause: Set(cause.to_owned()),
                found_at: Set(now),
                state: Set(Text(CorrectionState::Open)),
                decided_by: Set(None),
                decided_at: Set(None),
                note: Set(String::new()),
            };
            Entity::insert(row).exec_without_returning(&tx).await?;
        }
        if !added.is_empty() {
            let entry = NewAudit {
                actor: actor.to_owned(),
                action: "correction.propose".to_owned(),
                object: format!("{} revision {revision}", key.object()),
                detail: json!({ "lake_snapshot": lake_snapshot, "figures": added }),
            };
            audit::append(&tx, entry, now).await?;
        }
        let open = of(key)
            .filter(Column::Revision.eq(revision))
            .filter(Column::State.eq(Text(CorrectionState::Open)))
            .order_by_asc(Column::Id)
            .all(&tx)
            .await?;
        tx.commit().await?;
        Ok(open)
    }

    /// Proposals about an issue, oldest first.
    pub async fn corrections(&self, key: &EditionKey) -> Result<Vec<Correction>> {
        Ok(of(key).order_by_asc(Column::Id).all(self.reader()).await?)
    }

    /// Decides every open proposal about an issue. Accepting them corrects nothing yet: the figures are
    /// frozen anew and a new revision goes through review and approval like the first.
    ///
    /// # Errors
    /// [`Error::Conflict`] without a reason or if none is open.
    pub async fn decide_corrections(
        &self,
        key: &EditionKey,
        accept: bool,
        by: &Actor,
        note: &str,
        now: i64,
    ) -> Result<Vec<Correction>> {
        by.must(Right::Edit)?;
        if note.trim().is_empty() {
            return key.refuse("a correction is decided with a reason only");
        }
        let tx = self.begin().await?;
        let open = of(key)
            .filter(Column::State.eq(Text(CorrectionState::Open)))
            .order_by_asc(Column::Id)
            .all(&tx)
            .await?;
        if open.is_empty() {
            return Err(Error::conflict(key.object(), "no correction is open"));
        }
        let state = match accept {
            true => CorrectionState::Accepted,
            false => CorrectionState::Declined,
        };
        let mut out = Vec::with_capacity(open.len());
        for row in open {
            let row = Correction {
                state: Text(state),
                decided_by: Some(by.login().to_owned()),
                decided_at: Some(now),
                note: note.to_owned(),
                ..row
            };
            Entity::update(ActiveModel::from(row.clone()).reset_all())
                .exec(&tx)
                .await?;
            out.push(row);
        }
        let figures: Vec<&str> = out.iter().map(|row| row.value.as_str()).collect();
        let entry = NewAudit {
            actor: by.login().to_owned(),
            action: "correction.decide".to_owned(),
            object: key.object(),
            detail: json!({ "state": state, "figures": figures, "note": note }),
        };
        audit::append(&tx, entry, now).await?;
        tx.commit().await?;
        Ok(out)
    }
}
