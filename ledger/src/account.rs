//! Accounts: who works here, what they may do, and who may sign in whose place.
//!
//! An [`Actor`] is a login that was found to hold a right. The functions that change an issue take one,
//! and only [`Ledger::actor`] makes one: an act without the right cannot be written down.

use model::newsroom::{AccountRole, Right};
use model::worded::Word;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::{Error, Ledger, Result};

mod row {
    use sea_orm::entity::prelude::*;

    /// A person's account.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "account")]
    pub struct Model {
        /// What the person is called by the system.
        #[sea_orm(primary_key, auto_increment = false)]
        pub login: String,
        /// The person's name.
        pub name: String,
        /// Roles, their labels with commas between.
        pub roles: String,
        /// Whether it may act.
        pub active: bool,
        /// When it was made, microseconds UTC.
        pub created_at: i64,
        /// Who made it.
        pub created_by: String,
        /// The organization that it belongs to; `None` for the centre's own people.
        pub organization: Option<String>,
        /// Language of its pages, `zh` or `en`.
        pub lang: Option<String>,
        /// `light` or `dark`; `None` as the system has it.
        pub theme: Option<String>,
        /// Where mail for the person goes.
        pub email: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Deputies.
mod deputy {
    use sea_orm::entity::prelude::*;

    /// Somebody who may sign in an approver's place for some days.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "deputy")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// Whose place.
        pub approver: String,
        /// Who stands in.
        pub deputy: String,
        /// First day, days since 1970-01-01.
        pub first_day: i32,
        /// Last day.
        pub last_day: i32,
        /// Who said so.
        pub granted_by: String,
        /// When, microseconds UTC.
        pub granted_at: i64,
        /// When it ended early, microseconds UTC.
        pub revoked_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::ActiveModel;
pub(crate) use row::{Column, Entity};

pub use deputy::Model as Deputy;
pub use row::Model as Account;

impl Account {
    /// Its roles.
    pub fn roles(&self) -> Vec<AccountRole> {
        self.roles
            .split(',')
            .filter_map(|label| label.parse().ok())
            .collect()
    }

    /// Whether one of its roles carries the right.
    pub fn may(&self, right: Right) -> bool {
        self.active && self.roles().iter().any(|role| role.carries(right))
    }
}

/// A login that was found to hold a right; made by [`Ledger::actor`] only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    login: String,
    acting_for: Option<String>,
    right: Right,
}

impl Actor {
    /// The login.
    pub fn login(&self) -> &str {
        &self.login
    }

    /// The approver in whose place it acts.
    pub fn acting_for(&self) -> Option<&str> {
        self.acting_for.as_deref()
    }

    /// Refuses an act that this actor was not asked about.
    pub(crate) fn must(&self, right: Right) -> Result<()> {
        if self.right == right {
            return Ok(());
        }
        let reason = format!("was let in to {}, not to {}", self.right.en(), right.en());
        Err(Error::conflict(format!("account {}", self.login), reason))
    }
}

/// Whoever works for another organization must not keep this house's accounts (OpenCTI's CVE-2026-44730).
const FOREIGN_ADMINISTRATOR: &str = "belongs to another organization, and an administrator is of the house: take away one of the two";

fn refused(login: &str, reason: String) -> Error {
    Error::conflict(format!("account {login}"), reason)
}

/// An account as a transaction sees it.
pub(crate) async fn row_of(
    tx: &sea_orm::DatabaseTransaction,
    login: &str,
) -> Result<Option<Account>> {
    Ok(Entity::find_by_id(login).one(tx).await?)
}

/// Puts an account of these roles (labels with commas between) there for somebody whom another house vouches for.
pub(crate) async fn insert(
    tx: &sea_orm::DatabaseTransaction,
    (login, name): (&str, &str),
    roles: &str,
    now: i64,
) -> Result<()> {
    let row = Account {
        login: login.to_owned(),
        name: name.to_owned(),
        roles: roles.to_owned(),
        active: true,
        created_at: now,
        created_by: "system:oidc".to_owned(),
        organization: None,
        lang: None,
        theme: None,
        email: None,
    };
    Entity::insert(ActiveModel::from(row).reset_all())
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

impl Ledger {
    /// A login with a right on a day (days since 1970-01-01 in the house's zone). While there is no account
    /// at all, every login holds every right: a house of one person need not keep accounts, and the rule
    /// that nobody approves what they wrote holds all the same. A deputy may approve within the days given.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the account is unknown, stands still, or lacks the right.
    pub async fn actor(&self, login: &str, right: Right, day: i32) -> Result<Actor> {
        let actor = |acting_for| Actor {
            login: login.to_owned(),
            acting_for,
            right,
        };
        if login.trim().is_empty() {
            return Err(refused(
                "(none)",
                "no name was given: say --as NAME".to_owned(),
            ));
        }
        let Some(account) = Entity::find_by_id(login).one(self.reader()).await? else {
            let any = Entity::find().one(self.reader()).await?.is_some();
            return match any {
                false => Ok(actor(None)),
                true => Err(refused(
                    login,
                    "is not known: see `watchfire users list`".to_owned(),
                )),
            };
        };
        if !account.active {
            return Err(refused(login, "is closed".to_owned()));
        }
        if account.may(right) {
            return Ok(actor(None));
        }
        if right == Right::Approve {
            let standing = deputy::Entity::find()
                .filter(deputy::Column::Deputy.eq(login))
                .filter(deputy::Column::RevokedAt.is_null())
                .filter(deputy::Column::FirstDay.lte(day))
                .filter(deputy::Column::LastDay.gte(day))
                .order_by_asc(deputy::Column::Id)
                .all(self.reader())
                .await?;
            for row in standing {
                let approver = Entity::find_by_id(&row.approver).one(self.reader()).await?;
                if approver.is_some_and(|approver| approver.may(Right::Approve)) {
                    return Ok(actor(Some(row.approver)));
                }
            }
        }
        let able: Vec<&str> = AccountRole::ALL
            .iter()
            .filter(|role| role.carries(right))
            .map(|role| role.label())
            .collect();
        let reason = format!(
            "may not {}: that needs the role {}",
            right.en(),
            able.join(" or ")
        );
        Err(refused(login, reason))
    }

    /// Makes or changes an account. The first one must be an administrator, or nobody could make a second.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it would leave no active administrator.
    pub async fn set_account(
        &self,
        by: &Actor,
        (login, name, roles, active): (&str, &str, &[AccountRole], bool),
        now: i64,
    ) -> Result<Account> {
        by.must(Right::Administer)?;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        if login.is_empty() || login.len() > 64 || !login.chars().all(plain) {
            let reason =
                "is no login: a to z, 0 to 9, dot, hyphen and underscore, at most 64 of them";
            return Err(refused(login, reason.to_owned()));
        }
        let tx = self.begin().await?;
        let before = Entity::find_by_id(login).one(&tx).await?;
        let labels: Vec<&str> = roles.iter().map(|role| role.label()).collect();
        let row = Account {
            login: login.to_owned(),
            name: name.to_owned(),
            roles: labels.join(","),
            active,
            created_at: before.as_ref().map_or(now, |before| before.created_at),
            created_by: before
                .as_ref()
                .map_or(by.login.clone(), |before| before.created_by.clone()),
            organization: before
                .as_ref()
                .and_then(|before| before.organization.clone()),
            lang: before.as_ref().and_then(|before| before.lang.clone()),
            theme: before.as_ref().and_then(|before| before.theme.clone()),
            email: before.as_ref().and_then(|before| before.email.clone()),
        };
        if row.organization.is_some() && roles.contains(&AccountRole::Administrator) {
            return Err(refused(login, FOREIGN_ADMINISTRATOR.to_owned()));
        }
        let others = Entity::find()
            .filter(Column::Login.ne(login))
            .all(&tx)
            .await?;
        let kept = others
            .iter()
            .chain([&row])
            .any(|account| account.may(Right::Administer));
        if !kept {
            let reason =
                "would leave no administrator: give one account the role administrator first";
            return Err(Error::conflict(format!("account {login}"), reason));
        }
        let record = NewAudit {
            actor: by.login.clone(),
            action: match before {
                None => "account.add",
                Some(_) => "account.change",
            }
            .to_owned(),
            object: format!("account {login}"),
            detail: json!({
                "name": name,
                "roles": labels,
                "active": active,
                "before": before.as_ref().map(|before| json!({
                    "name": before.name,
                    "roles": before.roles,
                    "active": before.active,
                })),
            }),
        };
        let insert = ActiveModel::from(row.clone()).reset_all();
        match before {
            None => Entity::insert(insert)
                .exec_without_returning(&tx)
                .await
                .map(drop)?,
            Some(_) => Entity::update(insert).exec(&tx).await.map(drop)?,
        }
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// An account by its login.
    pub async fn account(&self, login: &str) -> Result<Option<Account>> {
        Ok(Entity::find_by_id(login).one(self.reader()).await?)
    }

    /// Says which organization an account belongs to; `None`: the centre.
    ///
    /// # Errors
    /// [`Error::NotFound`] without the account.
    pub async fn set_account_organization(
        &self,
        by: &Actor,
        login: &str,
        organization: Option<&str>,
        now: i64,
    ) -> Result<()> {
        by.must(Right::Administer)?;
        let tx = self.begin().await?;
        let account = Entity::find_by_id(login).one(&tx).await?;
        let administers = |account: Account| account.roles().contains(&AccountRole::Administrator);
        if organization.is_some() && account.is_some_and(administers) {
            return Err(refused(login, FOREIGN_ADMINISTRATOR.to_owned()));
        }
        let done = Entity::update_many()
            .col_expr(
                Column::Organization,
                Expr::value(organization.map(str::to_owned)),
            )
            .filter(Column::Login.eq(login))
            .exec(&tx)
            .await?;
        if done.rows_affected == 0 {
            return Err(Error::not_found("account", login));
        }
        let record = NewAudit {
            actor: by.login.clone(),
            action: "account.organization".to_owned(),
            object: format!("account {login}"),
            detail: json!({ "organization": organization }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Keeps how a person likes the pages: language (`zh`, `en`) and theme (`light`, `dark`).
    pub async fn set_account_taste(
        &self,
        login: &str,
        lang: Option<&str>,
        theme: Option<&str>,
    ) -> Result<()> {
        Entity::update_many()
            .col_expr(Column::Lang, Expr::value(lang.map(str::to_owned)))
            .col_expr(Column::Theme, Expr::value(theme.map(str::to_owned)))
            .filter(Column::Login.eq(login))
            .exec(self.writer()?)
            .await?;
        Ok(())
    }

    /// Changes what a person says of themselves: name, and where their mail goes.
    ///
    /// # Errors
    /// [`Error::NotFound`] without the account.
    pub async fn set_account_profile(
        &self,
        login: &str,
        (name, email): (&str, Option<&str>),
        now: i64,
    ) -> Result<()> {
        let tx = self.begin().await?;
        let Some(before) = Entity::find_by_id(login).one(&tx).await? else {
            return Err(Error::not_found("account", login));
        };
        Entity::update_many()
            .col_expr(Column::Name, Expr::value(name))
            .col_expr(Column::Email, Expr::value(email.map(str::to_owned)))
            .filter(Column::Login.eq(login))
            .exec(&tx)
            .await?;
        let record = NewAudit {
            actor: login.to_owned(),
            action: "account.profile".to_owned(),
            object: format!("account {login}"),
            detail: json!({
                "before": { "name": before.name, "email": before.email },
                "after": { "name": name, "email": email },
            }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// All accounts, by login.
    pub async fn accounts(&self) -> Result<Vec<Account>> {
        let all = Entity::find().order_by_asc(Column::Login);
        Ok(all.all(self.reader()).await?)
    }

    /// Lets somebody sign in an approver's place from one day to another (days since 1970-01-01, both
    /// included).
    ///
    /// # Errors
    /// [`Error::NotFound`] without the accounts, [`Error::Conflict`] if the first does not approve or the
    /// days are turned around.
    pub async fn grant_deputy(
        &self,
        by: &Actor,
        (approver, stand_in): (&str, &str),
        (first_day, last_day): (i32, i32),
        now: i64,
    ) -> Result<i64> {
        by.must(Right::Administer)?;
        let tx = self.begin().await?;
        let account = async |login: &str| -> Result<Account> {
            let found = Entity::find_by_id(login).one(&tx).await?;
            found.ok_or_else(|| Error::not_found("account", login))
        };
        account(stand_in).await?;
        let refuse = |reason: &str| Err(refused(approver, reason.to_owned()));
        if !account(approver).await?.may(Right::Approve) {
            return refuse("does not approve: a deputy stands in for an approver");
        }
        if last_day < first_day {
            return refuse("the last day is before the first");
        }
        if approver == stand_in {
            return refuse("nobody stands in for themselves");
        }
        let row = deputy::ActiveModel {
            id: NotSet,
            approver: Set(approver.to_owned()),
            deputy: Set(stand_in.to_owned()),
            first_day: Set(first_day),
            last_day: Set(last_day),
            granted_by: Set(by.login.clone()),
            granted_at: Set(now),
            revoked_at: Set(None),
        };
        let stored = deputy::Entity::insert(row).exec(&tx).await?;
        let record = NewAudit {
            actor: by.login.clone(),
            action: "deputy.grant".to_owned(),
            object: format!("account {approver}"),
            detail: json!({ "deputy": stand_in, "first_day": first_day, "last_day": last_day }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(stored.last_insert_id)
    }

    /// Ends a deputy's time now.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none in force of this number.
    pub async fn revoke_deputy(&self, by: &Actor, id: i64, now: i64) -> Result<()> {
        by.must(Right::Administer)?;
        let tx = self.begin().await?;
        let done = deputy::Entity::update_many()
            .col_expr(deputy::Column::RevokedAt, Expr::value(now))
            .filter(deputy::Column::Id.eq(id))
            .filter(deputy::Column::RevokedAt.is_null())
            .exec(&tx)
            .await?;
        if done.rows_affected == 0 {
            return Err(Error::not_found("deputy", id.to_string()));
        }
        let record = NewAudit {
            actor: by.login.clone(),
            action: "deputy.revoke".to_owned(),
            object: format!("deputy {id}"),
            detail: json!({}),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// All deputies, newest first.
    pub async fn deputies(&self) -> Result<Vec<Deputy>> {
        let all = deputy::Entity::find().order_by_desc(deputy::Column::Id);
        Ok(all.all(self.reader()).await?)
    }
}
