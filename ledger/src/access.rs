//! Sign-in: what proves a person, and the sessions that follow from it.
//!
//! A session is a random text that only the browser holds; stored is its BLAKE3 hash, which is enough
//! because the text is 256 random bits. A password is stored as its argon2id string, made and checked by
//! the console: the ledger draws no random number. Neither type can be serialized, so that no secret ends
//! in a log, an answer or the audit trail (MISP's CVE-2017-16946).

use model::newsroom::Right;
use sea_orm::ActiveValue::Set;
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use serde_json::json;

use crate::account::Actor;
use crate::audit::{self, NewAudit};
use crate::{Error, Hash, Ledger, Result};

/// What proves an account.
mod credential {
    use sea_orm::entity::prelude::*;

    /// The secret of an account.
    #[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "credential")]
    pub struct Model {
        /// Whose.
        #[sea_orm(primary_key, auto_increment = false)]
        pub login: String,
        /// The password's argon2id string.
        pub password: String,
        /// Whether the person must choose another one first.
        pub must_change: bool,
        /// Since when it holds, microseconds UTC.
        pub changed_at: i64,
    }

    impl std::fmt::Debug for Model {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "Credential({})", self.login)
        }
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod session {
    use sea_orm::entity::prelude::*;

    /// A browser that signed in.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "session")]
    pub struct Model {
        /// BLAKE3 of the text that the browser holds, hexadecimal.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        /// Who signed in.
        pub login: String,
        /// When, microseconds UTC.
        pub created_at: i64,
        /// When it was last used, to the minute.
        pub seen_at: i64,
        /// When it ends however much it is used.
        pub expires_at: i64,
        /// When it was ended.
        pub ended_at: Option<i64>,
        /// Address that it was begun from.
        pub source: String,
        /// What the browser calls itself.
        pub agent: String,
        /// By what: `password`, `password+totp`, `password+recovery`, `oidc`.
        pub how: String,
        /// What the person must do before anything else: `password` (choose another), `second-factor` (set
        /// one up).
        pub owes: Option<String>,
        /// When its person last showed a password or a code, microseconds UTC; a session begins with one.
        pub proved_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub use credential::Model as Credential;
pub use session::Model as SignedIn;

/// A session that begins.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// BLAKE3 of its text.
    pub hash: Hash,
    /// Who signs in.
    pub login: String,
    /// When it ends at the latest, microseconds UTC.
    pub expires_at: i64,
    /// Address that it is begun from.
    pub source: String,
    /// What the browser calls itself.
    pub agent: String,
    /// By what: `password`, `password+totp`, `oidc`.
    pub how: String,
}

/// A session in use is noted at most once a minute: reading pages shall not write.
const NOTED: i64 = 60_000_000;

impl Ledger {
    /// The secret of an account.
    pub async fn credential(&self, login: &str) -> Result<Option<Credential>> {
        let found = credential::Entity::find_by_id(login);
        Ok(found.one(self.reader()).await?)
    }

    /// Gives an account a password, and ends all its sessions: whoever knew the old one is out. `by` is
    /// the person, or an administrator.
    ///
    /// # Errors
    /// [`Error::NotFound`] without the account.
    pub async fn set_password(
        &self,
        by: &str,
        login: &str,
        (password, must_change): (&str, bool),
        now: i64,
    ) -> Result<()> {
        let tx = self.begin().await?;
        if crate::account::row_of(&tx, login).await?.is_none() {
            return Err(Error::not_found("account", login));
        }
        let row = credential::ActiveModel {
            login: Set(login.to_owned()),
            password: Set(password.to_owned()),
            must_change: Set(must_change),
            changed_at: Set(now),
        };
        let before = credential::Entity::find_by_id(login).one(&tx).await?;
        match before {
            None => credential::Entity::insert(row)
                .exec_without_returning(&tx)
                .await
                .map(drop)?,
            Some(_) => credential::Entity::update(row).exec(&tx).await.map(drop)?,
        }
        end_all(&tx, login, now).await?;
        let record = NewAudit {
            actor: by.to_owned(),
            action: "account.password".to_owned(),
            object: format!("account {login}"),
            detail: json!({ "must_change": must_change }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Begins a session; written into the audit trail.
    pub async fn begin_session(&self, new: NewSession, now: i64) -> Result<()> {
        self.begin_session_owing(new, None, now).await
    }

    /// As [`Ledger::begin_session`], with what the person must do first: `password`, `second-factor`.
    pub async fn begin_session_owing(
        &self,
        new: NewSession,
        owes: Option<&str>,
        now: i64,
    ) -> Result<()> {
        let tx = self.begin().await?;
        let record = NewAudit {
            actor: new.login.clone(),
            action: "session.begin".to_owned(),
            object: format!("account {}", new.login),
            detail: json!({ "source": new.source, "how": new.how, "owes": owes }),
        };
        let row = session::ActiveModel {
            id: Set(new.hash.to_string()),
            login: Set(new.login),
            created_at: Set(now),
            seen_at: Set(now),
            expires_at: Set(new.expires_at),
            ended_at: Set(None),
            source: Set(new.source),
            agent: Set(new.agent),
            how: Set(new.how),
            owes: Set(owes.map(str::to_owned)),
            proved_at: Set(Some(now)),
        };
        session::Entity::insert(row)
            .exec_without_returning(&tx)
            .await?;
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// A session in force whose text has this hash; it is noted that it was used. `idle`: microseconds
    /// after which one that is not used has ended.
    pub async fn session(&self, hash: Hash, idle: i64, now: i64) -> Result<Option<SignedIn>> {
        let found = session::Entity::find_by_id(hash.to_string())
            .one(self.reader())
            .await?;
        let live = |one: &SignedIn| {
            one.ended_at.is_none() && now < one.expires_at && now < one.seen_at.saturating_add(idle)
        };
        let Some(found) = found.filter(live) else {
            return Ok(None);
        };
        if now - found.seen_at > NOTED {
            session::Entity::update_many()
                .col_expr(session::Column::SeenAt, Expr::value(now))
                .filter(session::Column::Id.eq(hash.to_string()))
                .exec(self.writer()?)
                .await?;
        }
        Ok(Some(found))
    }

    /// The person of a session showed a password or a code again.
    pub async fn prove_session(&self, hash: Hash, now: i64) -> Result<()> {
        session::Entity::update_many()
            .col_expr(session::Column::ProvedAt, Expr::value(now))
            .filter(session::Column::Id.eq(hash.to_string()))
            .filter(session::Column::EndedAt.is_null())
            .exec(self.writer()?)
            .await?;
        Ok(())
    }

    /// Ends a session.
    pub async fn end_session(&self, hash: Hash, now: i64) -> Result<()> {
        session::Entity::update_many()
            .col_expr(session::Column::EndedAt, Expr::value(now))
            .filter(session::Column::Id.eq(hash.to_string()))
            .filter(session::Column::EndedAt.is_null())
            .exec(self.writer()?)
            .await?;
        Ok(())
    }

    /// Ends one session of an account, by its id; the person's own deed, or an administrator's.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the account has no such session in force.
    pub async fn end_session_of(&self, by: &str, login: &str, id: &str, now: i64) -> Result<()> {
        let tx = self.begin().await?;
        let done = session::Entity::update_many()
            .col_expr(session::Column::EndedAt, Expr::value(now))
            .filter(session::Column::Id.eq(id))
            .filter(session::Column::Login.eq(login))
            .filter(session::Column::EndedAt.is_null())
            .exec(&tx)
            .await?;
        if done.rows_affected == 0 {
            return Err(Error::not_found("session", id));
        }
        audit::append(&tx, ended(by, login, 1), now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whether an account has signed in from an address before.
    pub async fn signed_in_from(&self, login: &str, source: &str) -> Result<bool> {
        let found = session::Entity::find()
            .filter(session::Column::Login.eq(login))
            .filter(session::Column::Source.eq(source))
            .one(self.reader())
            .await?;
        Ok(found.is_some())
    }

    /// Ends all sessions of an account.
    pub async fn end_sessions(&self, by: &Actor, login: &str, now: i64) -> Result<u64> {
        by.must(Right::Administer)?;
        let tx = self.begin().await?;
        let ended = end_all(&tx, login, now).await?;
        audit::append(&tx, self::ended(by.login(), login, ended), now).await?;
        tx.commit().await?;
        Ok(ended)
    }

    /// Takes away all sessions but the one with this hash: the person changed what proves them, or asked for
    /// it.
    pub async fn end_other_sessions(&self, login: &str, kept: Hash, now: i64) -> Result<u64> {
        let tx = self.begin().await?;
        let done = session::Entity::update_many()
            .col_expr(session::Column::EndedAt, Expr::value(now))
            .filter(session::Column::Login.eq(login))
            .filter(session::Column::Id.ne(kept.to_string()))
            .filter(session::Column::EndedAt.is_null())
            .exec(&tx)
            .await?;
        audit::append(&tx, ended(login, login, done.rows_affected), now).await?;
        tx.commit().await?;
        Ok(done.rows_affected)
    }

    /// Sessions of an account that are not ended, the newest first.
    pub async fn sessions_of(&self, login: &str) -> Result<Vec<SignedIn>> {
        let all = session::Entity::find()
            .filter(session::Column::Login.eq(login))
            .filter(session::Column::EndedAt.is_null())
            .order_by_desc(session::Column::CreatedAt);
        Ok(all.all(self.reader()).await?)
    }
}

fn ended(by: &str, login: &str, sessions: u64) -> NewAudit {
    NewAudit {
        actor: by.to_owned(),
        action: "session.end".to_owned(),
        object: format!("account {login}"),
        detail: json!({ "sessions": sessions }),
    }
}

/// Ends what an account has under way: its sessions, and sign-ins that wait for a second factor.
async fn end_all(tx: &sea_orm::DatabaseTransaction, login: &str, now: i64) -> Result<u64> {
    crate::second_factor::end_halves(tx, login).await?;
    let done = session::Entity::update_many()
        .col_expr(session::Column::EndedAt, Expr::value(now))
        .filter(session::Column::Login.eq(login))
        .filter(session::Column::EndedAt.is_null())
        .exec(tx)
        .await?;
    Ok(done.rows_affected)
}
