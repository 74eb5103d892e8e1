//! Block lists of our own as files: entries in, bytes out. What may stand on a list at all is asked of
//! the [`gate`]; who approved it and when it ends is the ledger's ([`ledger::listing`]).
//!
//! The files of a list lie beside the frozen issue and are no part of it: they change when an entry ends
//! or is taken off. One publication has one serial in all its files; the same entries at the same instant
//! under the same serial are the same bytes.
//!
//! (The block lists of others, which come in as feeds, are [`crate::lists`].)

mod files;
pub mod gate;
mod zone;

use jiff::civil::Date;
use ledger::ListedKind;
use model::time::Timestamp;

use crate::{Error, Result};

pub use files::{NAMES, files};

/// Days for which a value that was taken off is still named in `delisted.csv` and as a revoked indicator:
/// whoever fetches the lists once a quarter learns of it.
pub const TOLD_DAYS: i64 = 90;

/// An entry as it is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it names.
    pub kind: ListedKind,
    /// The value, as [`gate::Named::value`].
    pub value: String,
    /// RSIT entry.
    pub classification: String,
    /// The number under which it is handled, or the feed it comes from.
    pub source: String,
    /// The licence it may be passed on under.
    pub licence: String,
    /// When it was approved.
    pub since: Timestamp,
    /// When it was last changed.
    pub changed: Timestamp,
    /// When it ends by itself.
    pub expires: Timestamp,
    /// When it was taken off.
    pub off: Option<Timestamp>,
}

/// What stands above every file of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The list's name.
    pub list: String,
    /// Who publishes it.
    pub publisher: String,
    /// The licence of the list.
    pub licence: String,
    /// Where whoever is listed wrongly turns to.
    pub contact: String,
    /// The issue it was published with, as `2026-48`.
    pub issue: Option<String>,
    /// Serial of the publication.
    pub serial: u32,
    /// When it is made.
    pub made: Timestamp,
}

/// A file of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListFile {
    /// Its name.
    pub name: &'static str,
    /// Its media type.
    pub media: &'static str,
    /// How many entries it names.
    pub entries: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The serial after `last`: the day and two digits (as zones are numbered by convention), or one more
/// where that is not above the last.
pub fn serial(last: Option<u32>, day: Date) -> u32 {
    let year = u32::from(day.year().unsigned_abs());
    let (month, day) = (
        u32::from(day.month().unsigned_abs()),
        u32::from(day.day().unsigned_abs()),
    );
    let first = ((year * 100 + month) * 100 + day) * 100 + 1;
    last.map_or(first, |last| last.saturating_add(1).max(first))
}

/// What a publication loses against the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Entries of the last publication.
    pub before: u64,
    /// Of these, taken off by a person since: no loss, that is the wish.
    pub delisted: u64,
    /// Entries now.
    pub now: u64,
}

impl Change {
    /// Refuses a list that is empty or lost more than `percent` of what should still be on it: then a
    /// source failed, or somebody erred, and whoever blocks by the list would stand bare.
    ///
    /// # Errors
    /// [`Error::Blocklist`] with the numbers.
    pub fn check(self, list: &str, percent: u32) -> Result<()> {
        let Change {
            before,
            delisted,
            now,
        } = self;
        let due = before.saturating_sub(delisted);
        let refuse = |reason: String| {
            Err(Error::Blocklist {
                list: list.to_owned(),
                reason,
            })
        };
        if now == 0 && (before == 0 || due > 0) {
            return refuse(format!(
                "is empty (before {before}, taken off {delisted}): an empty list is not published"
            ));
        }
        let lost = due.saturating_sub(now);
        if lost * 100 > due * u64::from(percent) {
            return refuse(format!(
                "falls from {before} to {now} entries; {delisted} of them were taken off, {lost} more than {percent} % of {due} are missing"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_are_days_and_always_rise() {
        let day = jiff::civil::date(2026, 11, 28);
        assert_eq!(serial(None, day), 2_026_112_801);
        assert_eq!(serial(Some(2_026_112_801), day), 2_026_112_802);
        assert_eq!(serial(Some(2_026_112_899), day), 2_026_112_900);
        // More than a hundred a day run ahead of the calendar; the next day goes on from there.
        let next = jiff::civil::date(2026, 11, 29);
        assert_eq!(serial(Some(2_026_112_950), next), 2_026_112_951);
        assert_eq!(serial(Some(3_000_000_000), day), 3_000_000_001);
    }

    #[test]
    fn a_loss_is_published_only_where_a_person_wished_it() {
        let check = |before, delisted, now| {
            Change {
                before,
                delisted,
                now,
            }
            .check("phishing", 30)
        };
        assert!(check(0, 0, 3).is_ok(), "the first");
        assert!(check(10, 0, 7).is_ok(), "30 % exactly");
        assert!(check(10, 4, 5).is_ok());
        assert!(check(10, 10, 0).is_ok(), "all taken off");
        assert!(check(0, 0, 0).is_err(), "nothing at first");
        assert!(check(10, 9, 0).is_err());
        let told = check(10, 0, 6).unwrap_err().to_string();
        assert!(
            told.contains("from 10 to 6") && told.contains("30 %"),
            "{told}"
        );
    }
}
