//! Tokens of the API: what a program shows that acts in a person's name. Each belongs to an account, has a name,
//! may do a part of what the account may, and ends on a day. Only the BLAKE3 hash of its text is stored.
//!
//! Not the tokens of feeds ([`crate::token`]): those hand reports over and open nothing else.

use model::newsroom::Right;
use model::worded::Word;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::{Error, Hash, Ledger, Result};

mod row {
    use sea_orm::entity::prelude::*;

    use crate::Hash;

    /// A token of the API, without its text.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "api_token")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// In whose name it acts.
        pub login: String,
        /// What it is called.
        pub name: String,
        /// BLAKE3 of its text.
        #[serde(skip)]
        pub hash: Hash,
        /// Rights that it is limited to, their labels with commas between.
        pub scopes: String,
        /// When it was made, microseconds UTC.
        pub created_at: i64,
        /// Who made it.
        pub created_by: String,
        /// When it ends.
        pub expires_at: i64,
        /// When it was last used, to the minute.
        pub used_at: Option<i64>,
        /// When it was made void.
        pub revoked_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::Model as ApiToken;

impl ApiToken {
    /// Rights that it is limited to.
    pub fn scopes(&self) -> Vec<Right> {
        let labels = self.scopes.split(',');
        labels.filter_map(|label| label.parse().ok()).collect()
    }

    /// Whether it opens anything at an instant.
    pub fn is_live(&self, now: i64) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

/// A token that is to be stored.
#[derive(Clone, Debug)]
pub struct NewApiToken {
    /// In whose name it acts.
    pub login: String,
    /// What it is called.
    pub name: String,
    /// BLAKE3 of its text.
    pub hash: Hash,
    /// Rights that it is limited to; at least one.
    pub scopes: Vec<Right>,
    /// When it ends, microseconds UTC.
    pub expires_at: i64,
}

/// Longest life: a year.
pub const LONGEST: i64 = 366 * 86_400 * 1_000_000;
/// Tokens of one account that are in force at the same time.
const MOST: usize = 50;
/// A token in use is noted at most once a minute: reading shall not write.
const NOTED: i64 = 60_000_000;

impl Ledger {
    /// Stores a token's hash, and the deed in the audit trail.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the name is empty or in use, no right is named, one is not the account's, or the end is
    /// past or more than a year ahead; [`Error::NotFound`] without the account.
    pub async fn add_api_token(&self, by: &str, new: NewApiToken, now: i64) -> Result<i64> {
        let name = new.name.trim();
        let object = format!("token {name} of {}", new.login);
        let refuse = |reason: String| Err(Error::conflict(object.clone(), reason));
        if name.is_empty() || name.chars().count() > 64 || name.chars().any(char::is_control) {
            return refuse("a token has a name of 1 to 64 characters".to_owned());
        }
        if new.expires_at <= now || new.expires_at - now > LONGEST {
            return refuse("a token ends after today, and within a year".to_owned());
        }
        let tx = self.begin().await?;
        let Some(account) = crate::account::row_of(&tx, &new.login).await? else {
            return Err(Error::not_found("account", &new.login));
        };
        if new.scopes.is_empty() {
            return refuse("name at least one thing that it may do".to_owned());
        }
        if let Some(right) = new.scopes.iter().find(|right| !account.may(**right)) {
            return refuse(format!("the account itself may not {}", right.en()));
        }
        let live = Entity::find()
            .filter(Column::Login.eq(&new.login))
            .filter(Column::RevokedAt.is_null())
            .filter(Column::ExpiresAt.gt(now))
            .all(&tx)
            .await?;
        if live.iter().any(|one| one.name == name) {
            return refuse("the name is in use: revoke that one, or take another name".to_owned());
        }
        if live.len() >= MOST {
            return refuse(format!("the account has {MOST} already: revoke one first"));
        }
        let labels: Vec<&str> = new.scopes.iter().map(|right| right.label()).collect();
        let record = NewAudit {
            actor: by.to_owned(),
            action: "api-token.add".to_owned(),
            object,
            detail: json!({ "scopes": labels, "expires_at": new.expires_at }),
        };
        let row = ActiveModel {
            id: NotSet,
            name: Set(name.to_owned()),
            login: Set(new.login.clone()),
            hash: Set(new.hash),
            scopes: Set(labels.join(",")),
            created_at: Set(now),
            created_by: Set(by.to_owned()),
            expires_at: Set(new.expires_at),
            used_at: Set(None),
            revoked_at: Set(None),
        };
        let stored = Entity::insert(row).exec(&tx).await?;
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(stored.last_insert_id)
    }

    /// Makes a token void. `owner`: only if it is this account's.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none in force of this number, or it is somebody else's.
    pub async fn revoke_api_token(
        &self,
        by: &str,
        id: i64,
        owner: Option<&str>,
        now: i64,
    ) -> Result<()> {
        let tx = self.begin().await?;
        let found = Entity::find_by_id(id).one(&tx).await?;
        let found = found
            .filter(|one| one.revoked_at.is_none() && owner.is_none_or(|owner| owner == one.login));
        let Some(found) = found else {
            return Err(Error::not_found("token", id.to_string()));
        };
        Entity::update_many()
            .col_expr(Column::RevokedAt, Expr::value(now))
            .filter(Column::Id.eq(id))
            .exec(&tx)
            .await?;
        let record = NewAudit {
            actor: by.to_owned(),
            action: "api-token.revoke".to_owned(),
            object: format!("token {} of {}", found.name, found.login),
            detail: json!({ "token": id }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The token in force whose text has this hash; it is noted that it was used.
    pub async fn api_token(&self, hash: Hash, now: i64) -> Result<Option<ApiToken>> {
        let found = Entity::find().filter(Column::Hash.eq(hash));
        let found = found.one(self.reader()).await?;
        let Some(found) = found.filter(|one| one.is_live(now)) else {
            return Ok(None);
        };
        if found.used_at.is_none_or(|at| now - at > NOTED) {
            Entity::update_many()
                .col_expr(Column::UsedAt, Expr::value(now))
                .filter(Column::Id.eq(found.id))
                .exec(self.writer()?)
                .await?;
        }
        Ok(Some(found))
    }

    /// Tokens of one account, or of all, the newest first; void ones too.
    pub async fn api_tokens(&self, login: Option<&str>) -> Result<Vec<ApiToken>> {
        let mut all = Entity::find().order_by_desc(Column::Id);
        if let Some(login) = login {
            all = all.filter(Column::Login.eq(login));
        }
        Ok(all.all(self.reader()).await?)
    }
}
