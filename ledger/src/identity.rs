//! Identities that another house vouches for (OpenID Connect): an issuer's subject, bound to an account of ours.
//!
//! A subject is bound once. Who may claim an account is decided by whoever calls; here it is seen to that no
//! subject has two accounts and no account two subjects of one issuer.

use model::newsroom::{AccountRole, Right};
use model::worded::Word;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait;
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::{Error, Ledger, Result};

mod row {
    use sea_orm::entity::prelude::*;

    /// A subject of an issuer.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "identity")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// Who vouches.
        pub issuer: String,
        /// For whom.
        pub subject: String,
        /// The account that it is.
        pub login: String,
        /// Since when, microseconds UTC.
        pub bound_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::Model as Identity;

/// An identity that is to be bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewIdentity {
    /// Who vouches.
    pub issuer: String,
    /// For whom; never empty.
    pub subject: String,
    /// The account that it shall be.
    pub login: String,
}

impl Ledger {
    /// The identity of an issuer's subject.
    pub async fn identity(&self, issuer: &str, subject: &str) -> Result<Option<Identity>> {
        let found = Entity::find()
            .filter(Column::Issuer.eq(issuer))
            .filter(Column::Subject.eq(subject));
        Ok(found.one(self.reader()).await?)
    }

    /// The identities of an account.
    pub async fn identities_of(&self, login: &str) -> Result<Vec<Identity>> {
        let all = Entity::find()
            .filter(Column::Login.eq(login))
            .order_by_asc(Column::Id);
        Ok(all.all(self.reader()).await?)
    }

    /// Binds a subject to an account.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the subject is empty or bound, or the account has another subject of the issuer;
    /// [`Error::NotFound`] without the account.
    pub async fn bind_identity(&self, by: &str, new: NewIdentity, now: i64) -> Result<()> {
        let object = format!("account {}", new.login);
        if new.issuer.is_empty() || new.subject.trim().is_empty() {
            return Err(Error::conflict(
                object,
                "an identity without a subject is nobody's",
            ));
        }
        let tx = self.begin().await?;
        if crate::account::row_of(&tx, &new.login).await?.is_none() {
            return Err(Error::not_found("account", &new.login));
        }
        let taken = Entity::find()
            .filter(Column::Issuer.eq(&new.issuer))
            .filter(
                Column::Subject
                    .eq(&new.subject)
                    .or(Column::Login.eq(&new.login)),
            )
            .one(&tx)
            .await?;
        if taken.is_some() {
            let reason = "the subject has an account, or the account has another subject, already";
            return Err(Error::conflict(object, reason));
        }
        let record = NewAudit {
            actor: by.to_owned(),
            action: "identity.bind".to_owned(),
            object,
            detail: json!({ "issuer": new.issuer, "subject": new.subject }),
        };
        let row = ActiveModel {
            id: NotSet,
            issuer: Set(new.issuer),
            subject: Set(new.subject),
            login: Set(new.login),
            bound_at: Set(now),
        };
        Entity::insert(row).exec_without_returning(&tx).await?;
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Looses an identity from an account.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the account has none of this number.
    pub async fn loose_identity(&self, by: &str, login: &str, id: i64, now: i64) -> Result<()> {
        let tx = self.begin().await?;
        let done = Entity::delete_many()
            .filter(Column::Id.eq(id))
            .filter(Column::Login.eq(login))
            .exec(&tx)
            .await?;
        if done.rows_affected == 0 {
            return Err(Error::not_found("identity", id.to_string()));
        }
        let record = NewAudit {
            actor: by.to_owned(),
            action: "identity.loose".to_owned(),
            object: format!("account {login}"),
            detail: json!({ "identity": id }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Makes an account for somebody whom another house vouches for, where the configuration allows it.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the login is taken or is none, or a role would keep accounts.
    pub async fn open_account(
        &self,
        (login, name): (&str, &str),
        roles: &[AccountRole],
        now: i64,
    ) -> Result<()> {
        let refuse = |reason: &str| Err(Error::conflict(format!("account {login}"), reason));
        if roles.iter().any(|role| role.carries(Right::Administer)) {
            return refuse("an administrator is made by an administrator");
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        if login.is_empty() || login.len() > 64 || !login.chars().all(plain) {
            return refuse(
                "is no login: a to z, 0 to 9, dot, hyphen and underscore, at most 64 of them",
            );
        }
        let tx = self.begin().await?;
        if crate::account::row_of(&tx, login).await?.is_some() {
            return refuse("is there already");
        }
        let labels: Vec<&str> = roles.iter().map(|role| role.label()).collect();
        let record = NewAudit {
            actor: "system:oidc".to_owned(),
            action: "account.add".to_owned(),
            object: format!("account {login}"),
            detail: json!({ "name": name, "roles": labels, "active": true }),
        };
        crate::account::insert(&tx, (login, name), &labels.join(","), now).await?;
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(())
    }
}
