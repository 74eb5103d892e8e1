//! Handovers: what one shift tells the next, as it stood when it was told, signed by both sides and kept for good.
//! There is no way to change or delete one; the audit trail holds the hash of what was signed.

use model::newsroom::Right;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect};
use serde_json::json;

use crate::account::{self, Actor};
use crate::audit::{self, NewAudit};
use crate::text::without_nul;
use crate::{Error, Hash, Ledger, Page, Result};

mod row {
    use sea_orm::entity::prelude::*;

    /// A handover.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "handover")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// Who hands over.
        pub giver: String,
        /// Who takes over.
        pub taker: String,
        /// What was open when it was handed over, as JSON text.
        pub facts: String,
        /// What the giver says beside it.
        pub remark: String,
        /// What the taker says.
        pub answer: Option<String>,
        /// When the giver signed, microseconds UTC.
        pub given_at: i64,
        /// When the taker signed.
        pub taken_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::Model as Handover;

impl Handover {
    /// Hash of what the giver signed.
    pub fn signed(&self) -> Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"watchfire handover 1\0");
        for text in [&self.giver, &self.taker, &self.facts, &self.remark] {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.update(&self.given_at.to_le_bytes());
        hasher.finalize().into()
    }
}

impl Ledger {
    /// Hands over to somebody: signed by the giver.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the taker is the giver, or cannot work on incidents.
    pub async fn give_handover(
        &self,
        by: &Actor,
        taker: &str,
        facts: &serde_json::Value,
        remark: &str,
        now: i64,
    ) -> Result<Handover> {
        by.must(Right::Work)?;
        if taker == by.login() {
            return Err(Error::conflict("handover", "is signed by two people"));
        }
        let tx = self.begin().await?;
        let found = account::row_of(&tx, taker).await?;
        if !found.is_some_and(|one| one.may(Right::Work) && one.organization.is_none()) {
            let reason = "cannot take over: it does not work on the centre's incidents";
            return Err(Error::conflict(format!("account {taker}"), reason));
        }
        let row = ActiveModel {
            id: NotSet,
            giver: Set(by.login().to_owned()),
            taker: Set(taker.to_owned()),
            facts: Set(facts.to_string()),
            remark: Set(without_nul(remark).trim().to_owned()),
            answer: Set(None),
            given_at: Set(now),
            taken_at: Set(None),
        };
        let row = row.insert(&tx).await?;
        told(&tx, by.login(), "handover.give", &row, now).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Takes over: signed by the taker.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not handed to this person; [`Error::Conflict`] if it was taken.
    pub async fn take_handover(
        &self,
        by: &Actor,
        id: i64,
        answer: &str,
        now: i64,
    ) -> Result<Handover> {
        by.must(Right::Work)?;
        let tx = self.begin().await?;
        let found = Entity::find_by_id(id).one(&tx).await?;
        let found = found.filter(|row| row.taker == by.login());
        let mut row = found.ok_or_else(|| Error::not_found("handover", id.to_string()))?;
        if row.taken_at.is_some() {
            return Err(Error::conflict(
                format!("handover {id}"),
                "was taken already",
            ));
        }
        let answer = without_nul(answer).trim().to_owned();
        row.answer = (!answer.is_empty()).then_some(answer);
        row.taken_at = Some(now);
        Entity::update(ActiveModel::from(row.clone()).reset_all())
            .exec(&tx)
            .await?;
        told(&tx, by.login(), "handover.take", &row, now).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// A handover.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn handover(&self, id: i64) -> Result<Handover> {
        let found = Entity::find_by_id(id).one(self.reader()).await?;
        found.ok_or_else(|| Error::not_found("handover", id.to_string()))
    }

    /// Handovers, the newest first; before the one of this number, where one is given.
    pub async fn handovers(&self, before: Option<i64>, page: Page) -> Result<Vec<Handover>> {
        let mut select = Entity::find()
            .order_by_desc(Column::Id)
            .offset(page.offset)
            .limit(page.limit);
        if let Some(before) = before {
            select = select.filter(Column::Id.lt(before));
        }
        Ok(select.all(self.reader()).await?)
    }
}

async fn told(
    tx: &sea_orm::DatabaseTransaction,
    by: &str,
    action: &str,
    row: &Handover,
    now: i64,
) -> Result<()> {
    let record = NewAudit {
        actor: by.to_owned(),
        action: action.to_owned(),
        object: format!("handover {}", row.id),
        detail: json!({ "giver": row.giver, "taker": row.taker, "signed": row.signed() }),
    };
    audit::append(tx, record, now).await
}
