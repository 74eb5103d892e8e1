//! Attempts to sign in, counted before what was given is looked at: however many guesses come at once, each has
//! been counted before it is answered.
//!
//! Counted are the account and the address, both normalised, in the ledger and by the one clock that is handed in
//! (MISP's CVE-2020-8890 and its kin: locks passed by by letter case, by another method, by two clocks). An account
//! is counted whether it is there or not. Passwords, codes of a second factor and recovery codes share one count.
//!
//! Nobody is locked out for good: after some failures each further one makes the wait longer, up to a bound. An
//! address that the account signed in from before is counted apart: strangers who guess cannot keep the owner out
//! of where they usually work. After a day without failure nothing is held against anybody.

use std::net::IpAddr;

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::{Ledger, Result};

mod row {
    use sea_orm::entity::prelude::*;

    /// What is held against an account or an address.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sign_in_attempt")]
    pub struct Model {
        /// `account LOGIN`, `account LOGIN from ADDRESS` or `source ADDRESS`.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        /// Failures in a row.
        pub failures: i64,
        /// When the last one was, microseconds UTC.
        pub last_at: i64,
        /// Until when nothing more is looked at.
        pub held_until: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

const SECOND: i64 = 1_000_000;
/// After this time without a failure nothing is held against anybody.
const FORGOTTEN: i64 = 24 * 3_600 * SECOND;
/// Failures of an account, and of an address, that are followed by no wait.
const ACCOUNT: i64 = 5;
const SOURCE: i64 = 20;
/// The first wait; each further failure doubles it, up to the longest.
const FIRST: i64 = 30 * SECOND;
const LONGEST: i64 = 900 * SECOND;
/// Longest login; whatever is longer is nobody's.
const LOGIN: usize = 64;

/// Whether a sign-in may be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It was counted, and may be looked at.
    Open,
    /// Not now; in so many microseconds.
    Wait(i64),
}

/// A login as it is counted, and looked for: no spaces around it, small letters.
pub fn normal(login: &str) -> String {
    login.trim().to_lowercase().chars().take(LOGIN).collect()
}

/// An address as it is counted: of IPv6 the network of one site, within which anybody has addresses at will.
fn place(source: &str) -> Option<String> {
    match source.parse::<IpAddr>().ok()?.to_canonical() {
        IpAddr::V4(four) => Some(four.to_string()),
        IpAddr::V6(six) => {
            let [a, b, c, d, ..] = six.segments();
            Some(format!("{a:x}:{b:x}:{c:x}:{d:x}::/64"))
        }
    }
}

/// How long is waited after so many failures of which some are free.
fn wait(failures: i64, free: i64) -> i64 {
    match failures - free {
        over if over < 0 => 0,
        over => FIRST.saturating_mul(1 << over.min(10)).min(LONGEST),
    }
}

impl Ledger {
    /// Counts an attempt as failed, unless it must wait. What follows a good one is [`Ledger::sign_in_succeeded`].
    pub async fn try_sign_in(&self, login: &str, source: &str, now: i64) -> Result<Admission> {
        let login = normal(login);
        let from = place(source);
        let usual = match &from {
            Some(_) => self.signed_in_from(&login, source).await?,
            None => false,
        };
        let account = match (&from, usual) {
            (Some(from), true) => format!("account {login} from {from}"),
            _ => format!("account {login}"),
        };
        let mut keys = vec![(account, ACCOUNT)];
        keys.extend(from.map(|from| (format!("source {from}"), SOURCE)));
        let tx = self.begin().await?;
        Entity::delete_many()
            .filter(Column::LastAt.lt(now.saturating_sub(FORGOTTEN)))
            .exec(&tx)
            .await?;
        let mut held = 0;
        let mut counted = Vec::new();
        for (id, free) in keys {
            let before = Entity::find_by_id(&id).one(&tx).await?;
            held = held.max(before.as_ref().map_or(0, |before| before.held_until - now));
            let failures = before.as_ref().map_or(0, |before| before.failures) + 1;
            let row = ActiveModel {
                id: Set(id),
                failures: Set(failures),
                last_at: Set(now),
                held_until: Set(now + wait(failures, free)),
            };
            counted.push((row, before.is_some(), failures == free));
        }
        if held > 0 {
            return Ok(Admission::Wait(held));
        }
        let known = crate::account::row_of(&tx, &login).await?.is_some();
        for (row, there, first) in counted {
            let of_account = matches!(&row.id, Set(id) if id.starts_with("account "));
            match there {
                true => Entity::update(row).exec(&tx).await.map(drop)?,
                false => Entity::insert(row)
                    .exec_without_returning(&tx)
                    .await
                    .map(drop)?,
            }
            // Once, when waiting begins; of logins that nobody has the trail knows nothing, or strangers
            // would fill it.
            if first && of_account && known {
                let record = NewAudit {
                    actor: "system:sign-in".to_owned(),
                    action: "sign-in.held".to_owned(),
                    object: format!("account {login}"),
                    detail: json!({ "source": source, "failures": ACCOUNT }),
                };
                audit::append(&tx, record, now).await?;
            }
        }
        tx.commit().await?;
        Ok(Admission::Open)
    }

    /// Holds nothing more against the account here: it was its owner. What is held against the address stays, or
    /// whoever has an account could guess at others' between two sign-ins of their own.
    pub async fn sign_in_succeeded(&self, login: &str, source: &str) -> Result<()> {
        let login = normal(login);
        let mut ids = vec![format!("account {login}")];
        if let Some(from) = place(source) {
            ids.push(format!("account {login} from {from}"));
        }
        Entity::delete_many()
            .filter(Column::Id.is_in(ids))
            .exec(self.writer()?)
            .await?;
        Ok(())
    }

    /// An administrator takes away the waits of an account, wherever from.
    ///
    /// # Errors
    /// The actor was not let in to administer.
    pub async fn release_sign_in(&self, by: &crate::Actor, login: &str, now: i64) -> Result<()> {
        by.must(model::newsroom::Right::Administer)?;
        let login = normal(login);
        let stem = format!("account {login}");
        let tx = self.begin().await?;
        // LIKE only narrows down: what is wild in it, and its case rule, must not loose somebody else.
        let near = Entity::find()
            .filter(Column::Id.starts_with(&stem))
            .all(&tx)
            .await?;
        let apart = format!("{stem} from ");
        let own = near.into_iter().map(|row| row.id);
        let own: Vec<String> = own
            .filter(|id| *id == stem || id.starts_with(&apart))
            .collect();
        Entity::delete_many()
            .filter(Column::Id.is_in(own))
            .exec(&tx)
            .await?;
        let record = NewAudit {
            actor: by.login().to_owned(),
            action: "sign-in.release".to_owned(),
            object: format!("account {login}"),
            detail: json!({}),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Until when an account's sign-ins wait, wherever from; `None` if they do not.
    pub async fn sign_in_held(&self, login: &str, now: i64) -> Result<Option<i64>> {
        let found = Entity::find_by_id(format!("account {}", normal(login)));
        let found = found.one(self.reader()).await?;
        Ok(found.map(|row| row.held_until).filter(|until| *until > now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound() {
        let waits: Vec<i64> = (4..13).map(|failures| wait(failures, 5) / SECOND).collect();
        assert_eq!(waits, [0, 30, 60, 120, 240, 480, 900, 900, 900]);
        assert_eq!(wait(1_000_000, 5), LONGEST);
    }

    #[test]
    fn one_site_is_one_place_and_one_login_is_one_login() {
        assert_eq!(place("2001:db8:1:2::7"), place("2001:db8:1:2:ffff::1"));
        assert_ne!(place("2001:db8:1:2::7"), place("2001:db8:1:3::7"));
        assert_eq!(place("::ffff:192.0.2.7"), place("192.0.2.7"));
        assert_eq!(place(""), None);
        assert_eq!(normal("  Li.Na "), "li.na");
        assert_eq!(normal(&"x".repeat(500)).len(), 64);
    }
}
