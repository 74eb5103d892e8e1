//! Tokens: what another system shows when it hands a report over. Only the BLAKE3 hash of a token is
//! stored, which is enough because a token is 256 random bits: it cannot be guessed from its hash.
//! A revoked token stays as a row, so that the audit trail keeps something to point at.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;

use crate::audit::{self, NewAudit};
use crate::{Error, Hash, Ledger, Result};

mod row {
    use sea_orm::entity::prelude::*;

    use crate::Hash;

    /// A token, without the token.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "token")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// What it is called.
        pub name: String,
        /// The name while the token is not revoked: makes it unique so long.
        #[serde(skip)]
        pub live_name: Option<String>,
        /// BLAKE3 of the token's text.
        #[serde(skip)]
        pub hash: Hash,
        /// The one feed it is for; `None` for every feed.
        pub feed: Option<String>,
        /// When it was made, microseconds UTC.
        pub created_at: i64,
        /// When it was revoked, microseconds UTC.
        pub revoked_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::Model as Token;

/// A token to be stored.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What it is called.
    pub name: String,
    /// BLAKE3 of the token's text.
    pub hash: Hash,
    /// The one feed it is for; `None` for every feed.
    pub feed: Option<String>,
}

impl Ledger {
    /// Stores a token's hash, and the deed in the audit trail.
    ///
    /// # Errors
    /// [`Error::Conflict`] if a token of this name is in use.
    pub async fn add_token(&self, new: NewToken, actor: &str, now: i64) -> Result<i64> {
        let tx = self.begin().await?;
        let taken = Entity::find()
            .filter(Column::LiveName.eq(new.name.as_str()))
            .one(&tx)
            .await?;
        if taken.is_some() {
            let reason = "is in use: revoke it, or take another name";
            return Err(Error::conflict(format!("token {}", new.name), reason));
        }
        let audit = NewAudit {
            actor: actor.to_owned(),
            action: "token.add".to_owned(),
            object: format!("token {}", new.name),
            detail: serde_json::json!({ "feed": new.feed }),
        };
        let row = ActiveModel {
            id: NotSet,
            live_name: Set(Some(new.name.clone())),
            name: Set(new.name),
            hash: Set(new.hash),
            feed: Set(new.feed),
            created_at: Set(now),
            revoked_at: Set(None),
        };
        let stored = Entity::insert(row).exec(&tx).await?;
        audit::append(&tx, audit, now).await?;
        tx.commit().await?;
        Ok(stored.last_insert_id)
    }

    /// Makes a token void, and records the deed in the audit trail.
    ///
    /// # Errors
    /// [`Error::NotFound`] if no token of this name is in use.
    pub async fn revoke_token(&self, name: &str, actor: &str, now: i64) -> Result<()> {
        let tx = self.begin().await?;
        let done = Entity::update_many()
            .col_expr(Column::RevokedAt, Expr::value(now))
            .col_expr(Column::LiveName, Expr::value(None::<String>))
            .filter(Column::LiveName.eq(name))
            .exec(&tx)
            .await?;
        if done.rows_affected == 0 {
            return Err(Error::not_found("token", name));
        }
        let audit = NewAudit {
            actor: actor.to_owned(),
            action: "token.revoke".to_owned(),
            object: format!("token {name}"),
            detail: serde_json::json!({}),
        };
        audit::append(&tx, audit, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The token in use whose text has this hash.
    pub async fn token(&self, hash: Hash) -> Result<Option<Token>> {
        let found = Entity::find()
            .filter(Column::Hash.eq(hash))
            .filter(Column::RevokedAt.is_null())
            .one(self.reader())
            .await?;
        Ok(found)
    }

    /// All tokens, revoked ones too, in the order in which they were made.
    pub async fn tokens(&self) -> Result<Vec<Token>> {
        let all = Entity::find().order_by_asc(Column::Id);
        Ok(all.all(self.reader()).await?)
    }
}
