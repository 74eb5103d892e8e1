//! What a person enters by hand: a contact, what an organization answers for. What was entered is protected: an import
//! proposes changes to it and never makes them.

use ledger::organization::NewContact;
use ledger::{Contact, Organization};
use model::ids::ContactId;
use model::organization::{Channel, NoticeFormat, Rung, Scope};
use serde_json::json;

use super::{check, is_mailbox};
use crate::deliver::openpgp::Recipient;
use crate::{Desk, Error};

/// A key is warned of so long before it expires, microseconds.
pub const KEY_WARNED: i64 = 30 * 86_400_000_000;

/// What a person says of a contact; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContactWords {
    /// `zh` or `en`.
    pub language: Option<String>,
    /// The attachment it wants.
    pub format: Option<NoticeFormat>,
    /// Working hours, as `Mon-Fri 09:00-18:00`.
    pub hours: Option<String>,
    /// OpenPGP certificate, armored.
    pub pgp_key: Option<String>,
}

/// A change of a contact; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContactChange {
    /// What is said of it.
    pub words: ContactWords,
    /// Whether it asked not to be written to.
    pub opted_out: Option<bool>,
    /// Whether it is used; used again, it has full quality.
    pub used: Option<bool>,
    /// Its key is taken away.
    pub no_key: bool,
}

/// What was entered wrongly.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    /// A word: which, what is wrong with it, the remedy.
    #[error("{0} {1}: {2}")]
    Word(String, &'static str, &'static str),
    /// The key cannot be used.
    #[error("the OpenPGP certificate: {0}")]
    Key(String),
    /// It was entered rightly, and could not be stored.
    #[error(transparent)]
    Desk(#[from] Error),
}

impl From<ledger::Error> for Wrong {
    fn from(error: ledger::Error) -> Self {
        Wrong::Desk(error.into())
    }
}

/// Whether a text is days and times, as `Mon-Fri 09:00-18:00`.
fn are_hours(text: &str) -> bool {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let pair = |text: &str, fine: &dyn Fn(&str) -> bool| match text.split_once('-') {
        Some((from, to)) => fine(from) && fine(to),
        None => false,
    };
    let day = |text: &str| DAYS.contains(&text);
    let time = |text: &str| text.len() == 5 && text.parse::<jiff::civil::Time>().is_ok();
    match text.split_once(' ') {
        Some((days, times)) => (day(days) || pair(days, &day)) && pair(times, &time),
        None => false,
    }
}

impl Desk {
    /// Checks what is said of a contact; a key comes back with when it expires.
    fn checked(&self, words: ContactWords, owner: &str) -> Result<Checked, Wrong> {
        if let Some(other) = words
            .language
            .as_deref()
            .filter(|word| !matches!(*word, "zh" | "en"))
        {
            let (what, why) = (other.to_owned(), "is no language of notices");
            return Err(Wrong::Word(what, why, "zh or en"));
        }
        if let Some(other) = words.hours.as_deref().filter(|hours| !are_hours(hours)) {
            let (what, why) = (other.to_owned(), "are no hours");
            return Err(Wrong::Word(what, why, "Mon-Fri 09:00-18:00"));
        }
        let key = match words.pgp_key {
            None => None,
            Some(armored) => {
                let now = (self.clock)();
                let wrong = |error: &dyn std::fmt::Display| Wrong::Key(error.to_string());
                let key = Recipient::read(owner, &armored).map_err(|error| wrong(&error))?;
                // One that cannot encrypt now would hold every notice.
                key.usable(now).map_err(|error| wrong(&error))?;
                let expires = key.expires(now).map(|at| at.0);
                Some((armored, expires))
            }
        };
        Ok(Checked {
            language: words.language,
            format: words.format,
            hours: words.hours,
            key,
        })
    }

    /// Adds a contact that a person entered. Audited.
    ///
    /// # Errors
    /// What was entered wrongly; the ledger fails.
    pub async fn enter_contact(
        &self,
        of: &Organization,
        channel: Channel,
        address: &str,
        words: ContactWords,
        actor: &str,
    ) -> Result<ContactId, Wrong> {
        let address = address.trim();
        if channel == Channel::Mail && !is_mailbox(address) {
            let (what, why) = (address.to_owned(), "is no mail address");
            return Err(Wrong::Word(what, why, "--channel says what else it is"));
        }
        if address.is_empty() {
            return Err(Wrong::Word("address".to_owned(), "is empty", "write where"));
        }
        let checked = self.checked(words, &of.name_en)?;
        let now = (self.clock)();
        let new = NewContact {
            id: ContactId::draw(now, (self.random)()),
            channel,
            address: address.to_owned(),
            language: checked.language,
            format: checked.format,
            rung: Rung::Agreed,
            hours: checked.hours,
            pgp: checked.key,
        };
        let id = new.id;
        self.ledger
            .add_contact(of.organization_id(), new, "manual", actor, now.0)
            .await?;
        self.protect(of, actor).await?;
        Ok(id)
    }

    /// Changes a contact by a person's word. Audited with the reason. The contact, and whose it is.
    ///
    /// # Errors
    /// As [`Desk::enter_contact`].
    pub async fn change_contact(
        &self,
        id: ContactId,
        change: ContactChange,
        (reason, actor): (&str, &str),
    ) -> Result<(Contact, Organization), Wrong> {
        let now = (self.clock)().0;
        let checked = self.checked(change.words, &id.to_string())?;
        let ContactChange {
            opted_out,
            used,
            no_key,
            ..
        } = change;
        let what = json!({ "opted_out": opted_out, "used": used, "no_pgp_key": no_key,
            "new_pgp_key": checked.key.is_some(), "hours": checked.hours,
            "language": checked.language, "format": checked.format, "reason": reason });
        let edit = move |row: &mut Contact| {
            row.opted_out = opted_out.unwrap_or(row.opted_out);
            row.active = used.unwrap_or(row.active);
            if used == Some(true) {
                row.quality = 100;
            }
            if no_key {
                (row.pgp_key, row.pgp_expires_at) = (None, None);
            }
            if let Some((key, expires)) = checked.key {
                (row.pgp_key, row.pgp_expires_at) = (Some(key), expires);
            }
            row.hours = checked.hours.or(row.hours.take());
            row.language = checked.language.or(row.language.take());
            row.format = checked.format.map(ledger::Text).or(row.format);
        };
        let row = self.ledger.edit_contact(id, what, edit, actor, now).await?;
        let of = self.ledger.organization(row.organization_id.0).await?;
        self.protect(&of, actor).await?;
        Ok((row, of))
    }

    /// An organization answers for something, by a person's word. Audited.
    ///
    /// # Errors
    /// As [`Desk::enter_contact`].
    pub async fn enter_duty(
        &self,
        of: &Organization,
        scope: Scope,
        value: &str,
        actor: &str,
    ) -> Result<(), Wrong> {
        let object = format!("organization {}", of.name_en);
        let value = value.trim();
        if value.is_empty() {
            return Err(Wrong::Word("value".to_owned(), "is empty", "write what"));
        }
        let value = check(scope, value).map_err(|why| Error::refused(&object, why))?;
        let known = self.ledger.responsibilities(of.organization_id()).await?;
        let same =
            |one: &ledger::Responsibility| one.active && one.scope.0 == scope && one.value == value;
        if known.iter().any(same) {
            return Err(Error::refused(object, "answers for it already").into());
        }
        let now = (self.clock)().0;
        let all = vec![(of.organization_id(), scope, value)];
        self.ledger
            .add_responsibilities(all, "manual", actor, now)
            .await?;
        self.protect(of, actor).await
    }

    /// What a person entered is not changed by imports.
    async fn protect(&self, of: &Organization, actor: &str) -> Result<(), Wrong> {
        if of.protected {
            return Ok(());
        }
        let what = json!({ "protected": true });
        let change = |row: &mut Organization| row.protected = true;
        let id = of.organization_id();
        let now = (self.clock)().0;
        self.ledger
            .edit_organization(id, what, change, actor, now)
            .await?;
        Ok(())
    }
}

/// What of a contact is set, checked.
struct Checked {
    language: Option<String>,
    format: Option<NoticeFormat>,
    hours: Option<String>,
    key: Option<(String, Option<i64>)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_days_and_times() {
        for fine in [
            "Mon-Fri 09:00-18:00",
            "Sat 10:00-12:30",
            "Mon-Sun 00:00-23:59",
        ] {
            assert!(are_hours(fine), "{fine}");
        }
        for wrong in [
            "",
            "always",
            "Mon-Fri",
            "Mo-Fr 09:00-18:00",
            "Mon-Fri 9-18",
            "Mon-Fri 09:00",
        ] {
            assert!(!are_hours(wrong), "{wrong}");
        }
    }
}
