//! The second factor of an account: a secret shared with an authenticator (TOTP, RFC 6238), recovery codes for the
//! day it is lost, and sign-ins that wait for one of both.
//!
//! A step of the clock is good once (RFC 6238 section 5.2). Recovery codes are random enough that their BLAKE3
//! hash can be stored, and each is good once. The secret must be there to make codes from; it comes sealed with a key
//! that the ledger does not hold (`console/src/seal.rs`). Types that hold it cannot be serialized.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{PaginatorTrait, QueryOrder};
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::{Error, Hash, Ledger, Result};

mod factor {
    use sea_orm::entity::prelude::*;

    /// A secret shared with an authenticator.
    #[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "second_factor")]
    pub struct Model {
        /// Whose.
        #[sea_orm(primary_key, auto_increment = false)]
        pub login: String,
        /// The secret, sealed; base32 in rows of before.
        pub secret: String,
        /// When it was made, microseconds UTC.
        pub created_at: i64,
        /// When a code of it was first shown to be right; before that it guards nothing.
        pub confirmed_at: Option<i64>,
        /// Number of the last step that was used.
        pub last_step: i64,
    }

    impl std::fmt::Debug for Model {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "SecondFactor({})", self.login)
        }
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod recovery {
    use sea_orm::entity::prelude::*;

    use crate::Hash;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "recovery_code")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub login: String,
        pub hash: Hash,
        pub used_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod half {
    use sea_orm::entity::prelude::*;

    /// A sign-in whose password was right and whose second factor is still to come.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "half_session")]
    pub struct Model {
        /// BLAKE3 of the text that the browser holds, hexadecimal.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        /// Who signs in.
        pub login: String,
        /// What was shown: `password`.
        pub how: String,
        /// When, microseconds UTC.
        pub created_at: i64,
        /// When it is void.
        pub expires_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub use factor::Model as SecondFactor;
pub use half::Model as HalfSession;

fn record(by: &str, action: &str, login: &str, detail: serde_json::Value) -> NewAudit {
    NewAudit {
        actor: by.to_owned(),
        action: action.to_owned(),
        object: format!("account {login}"),
        detail,
    }
}

/// Ends an account's sign-ins that wait for a second factor.
pub(crate) async fn end_halves(tx: &sea_orm::DatabaseTransaction, login: &str) -> Result<()> {
    half::Entity::delete_many()
        .filter(half::Column::Login.eq(login))
        .exec(tx)
        .await?;
    Ok(())
}

/// Puts these codes in the place of all that the account has.
async fn replace_codes(
    tx: &sea_orm::DatabaseTransaction,
    login: &str,
    codes: &[Hash],
) -> Result<()> {
    recovery::Entity::delete_many()
        .filter(recovery::Column::Login.eq(login))
        .exec(tx)
        .await?;
    let rows = codes.iter().map(|hash| recovery::ActiveModel {
        id: NotSet,
        login: Set(login.to_owned()),
        hash: Set(*hash),
        used_at: Set(None),
    });
    recovery::Entity::insert_many(rows)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

impl Ledger {
    /// The second factor of an account, confirmed or not.
    pub async fn second_factor(&self, login: &str) -> Result<Option<SecondFactor>> {
        Ok(factor::Entity::find_by_id(login).one(self.reader()).await?)
    }

    /// Every second factor, confirmed or not, by login.
    pub async fn all_second_factors(&self) -> Result<Vec<SecondFactor>> {
        let all = factor::Entity::find().order_by_asc(factor::Column::Login);
        Ok(all.all(self.reader()).await?)
    }

    /// Puts a text that is sealed otherwise in the place of one before; nothing if that is not there any more.
    pub async fn reseal_second_factor(
        &self,
        login: &str,
        before: &str,
        sealed: &str,
    ) -> Result<()> {
        factor::Entity::update_many()
            .col_expr(factor::Column::Secret, Expr::value(sealed))
            .filter(factor::Column::Login.eq(login))
            .filter(factor::Column::Secret.eq(before))
            .exec(self.writer()?)
            .await?;
        Ok(())
    }

    /// Logins with a confirmed second factor.
    pub async fn second_factors(&self) -> Result<Vec<String>> {
        let all = factor::Entity::find().filter(factor::Column::ConfirmedAt.is_not_null());
        let all = all.all(self.reader()).await?;
        Ok(all.into_iter().map(|one| one.login).collect())
    }

    /// Keeps a sealed secret that guards nothing until a code of it was shown.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the account has a confirmed one.
    pub async fn offer_second_factor(&self, login: &str, secret: &str, now: i64) -> Result<()> {
        let tx = self.begin().await?;
        let before = factor::Entity::find_by_id(login).one(&tx).await?;
        if before
            .as_ref()
            .is_some_and(|one| one.confirmed_at.is_some())
        {
            let reason = "has a second factor already: take it off first";
            return Err(Error::conflict(format!("account {login}"), reason));
        }
        let row = factor::ActiveModel {
            login: Set(login.to_owned()),
            secret: Set(secret.to_owned()),
            created_at: Set(now),
            confirmed_at: Set(None),
            last_step: Set(0),
        };
        match before {
            Some(_) => factor::Entity::update(row).exec(&tx).await.map(drop)?,
            None => factor::Entity::insert(row)
                .exec_without_returning(&tx)
                .await
                .map(drop)?,
        }
        tx.commit().await?;
        Ok(())
    }

    /// A code of the secret was shown, of this step: from now on it is asked for. The recovery codes are replaced.
    ///
    /// # Errors
    /// [`Error::NotFound`] if no secret waits for it.
    pub async fn confirm_second_factor(
        &self,
        login: &str,
        step: i64,
        codes: &[Hash],
        now: i64,
    ) -> Result<()> {
        let tx = self.begin().await?;
        let done = factor::Entity::update_many()
            .col_expr(factor::Column::ConfirmedAt, Expr::value(now))
            .col_expr(factor::Column::LastStep, Expr::value(step))
            .filter(factor::Column::Login.eq(login))
            .filter(factor::Column::ConfirmedAt.is_null())
            .exec(&tx)
            .await?;
        if done.rows_affected == 0 {
            return Err(Error::not_found("second factor", login));
        }
        replace_codes(&tx, login, codes).await?;
        let detail = json!({ "recovery_codes": codes.len() });
        audit::append(&tx, record(login, "second-factor.on", login, detail), now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Uses a step of the clock up. `false`: it, or a later one, was used before.
    pub async fn use_step(&self, login: &str, step: i64) -> Result<bool> {
        let done = factor::Entity::update_many()
            .col_expr(factor::Column::LastStep, Expr::value(step))
            .filter(factor::Column::Login.eq(login))
            .filter(factor::Column::ConfirmedAt.is_not_null())
            .filter(factor::Column::LastStep.lt(step))
            .exec(self.writer()?)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Uses a recovery code up. `false`: there is none of this hash, or it was used before.
    pub async fn use_recovery_code(&self, login: &str, code: Hash, now: i64) -> Result<bool> {
        let tx = self.begin().await?;
        let done = recovery::Entity::update_many()
            .col_expr(recovery::Column::UsedAt, Expr::value(now))
            .filter(recovery::Column::Login.eq(login))
            .filter(recovery::Column::Hash.eq(code))
            .filter(recovery::Column::UsedAt.is_null())
            .exec(&tx)
            .await?;
        if done.rows_affected == 0 {
            return Ok(false);
        }
        let detail = json!({});
        let record = record(login, "second-factor.recovery", login, detail);
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Recovery codes that are still good.
    pub async fn recovery_codes_left(&self, login: &str) -> Result<u64> {
        let left = recovery::Entity::find()
            .filter(recovery::Column::Login.eq(login))
            .filter(recovery::Column::UsedAt.is_null());
        Ok(left.count(self.reader()).await?)
    }

    /// Puts new recovery codes in the place of all old ones.
    ///
    /// # Errors
    /// [`Error::NotFound`] without a confirmed second factor.
    pub async fn renew_recovery_codes(&self, login: &str, codes: &[Hash], now: i64) -> Result<()> {
        let tx = self.begin().await?;
        let found = factor::Entity::find_by_id(login).one(&tx).await?;
        if found.is_none_or(|one| one.confirmed_at.is_none()) {
            return Err(Error::not_found("second factor", login));
        }
        replace_codes(&tx, login, codes).await?;
        let detail = json!({ "recovery_codes": codes.len() });
        audit::append(
            &tx,
            record(login, "second-factor.codes", login, detail),
            now,
        )
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes the second factor off an account, with its recovery codes. `by` is the person, or an administrator.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none.
    pub async fn drop_second_factor(&self, by: &str, login: &str, now: i64) -> Result<()> {
        let tx = self.begin().await?;
        let done = factor::Entity::delete_by_id(login).exec(&tx).await?;
        if done.rows_affected == 0 {
            return Err(Error::not_found("second factor", login));
        }
        recovery::Entity::delete_many()
            .filter(recovery::Column::Login.eq(login))
            .exec(&tx)
            .await?;
        end_halves(&tx, login).await?;
        let record = record(by, "second-factor.off", login, json!({}));
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Remembers that a password was right and a second factor is still to come.
    pub async fn begin_half_session(
        &self,
        hash: Hash,
        (login, how): (&str, &str),
        expires_at: i64,
        now: i64,
    ) -> Result<()> {
        let tx = self.begin().await?;
        half::Entity::delete_many()
            .filter(half::Column::ExpiresAt.lte(now))
            .exec(&tx)
            .await?;
        let row = half::ActiveModel {
            id: Set(hash.to_string()),
            login: Set(login.to_owned()),
            how: Set(how.to_owned()),
            created_at: Set(now),
            expires_at: Set(expires_at),
        };
        half::Entity::insert(row)
            .exec_without_returning(&tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// A sign-in that waits for its second factor.
    pub async fn half_session(&self, hash: Hash, now: i64) -> Result<Option<HalfSession>> {
        let found = half::Entity::find_by_id(hash.to_string())
            .one(self.reader())
            .await?;
        Ok(found.filter(|one| now < one.expires_at))
    }

    /// Ends it; whether it was there: two answers at once must not both be taken.
    pub async fn end_half_session(&self, hash: Hash) -> Result<bool> {
        let done = half::Entity::delete_by_id(hash.to_string())
            .exec(self.writer()?)
            .await?;
        Ok(done.rows_affected == 1)
    }
}
