//! Alarms: the rules are looked at ([`rules`]), what is found rings once a topic, and leaves by mail, webhook and a
//! gateway for short messages ([`ways`]). What nobody takes up climbs to the lead.
//!
//! All state is in the ledger: a killed process goes on where it was, and a second one rings nothing twice.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use ledger::{Alarm, Hash, Ledger};
use model::duty::{AlarmSeverity, DutyRole};
use model::time::Timestamp;

use crate::config::written::DutySection;

pub mod rules;
pub mod ways;

/// Links in mails show their alarm for a day.
pub const LINK: i64 = 24 * 3_600 * 1_000_000;
/// File in the workspace whose time says when the rules were last looked at.
pub const HEARTBEAT: &str = "heartbeat";

/// Text of the link to an alarm: only who knows the workspace's key can make it.
pub fn link(key: &[u8; 32], topic: &str, raised_at: i64) -> String {
    let mut text = b"watchfire alarm 1\0".to_vec();
    text.extend_from_slice(key);
    text.extend_from_slice(&raised_at.to_le_bytes());
    text.extend_from_slice(topic.as_bytes());
    Hash::of(&text).to_string()[..40].to_owned()
}

/// Hours in which only what is grave leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    from: Time,
    to: Time,
}

impl Quiet {
    /// Reads `22:00-07:00`; `None` for an empty text.
    ///
    /// # Errors
    /// The text is no span of two times of day.
    pub fn read(text: &str) -> Result<Option<Quiet>, String> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let wrong = || format!("`{text}` is no span of hours: write 22:00-07:00");
        let (from, to) = text.split_once('-').ok_or_else(wrong)?;
        let time = |text: &str| Time::strptime("%H:%M", text.trim()).map_err(|_| wrong());
        let quiet = Quiet {
            from: time(from)?,
            to: time(to)?,
        };
        match quiet.from == quiet.to {
            true => Err(wrong()),
            false => Ok(Some(quiet)),
        }
    }

    /// When the quiet that holds at an instant ends; `None` if none holds.
    pub fn ends(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let local = now.to_jiff()?.to_zoned_datetime(zone.clone());
        let time = local.time();
        let over_midnight = self.from > self.to;
        let within = match over_midnight {
            true => time >= self.from || time < self.to,
            false => time >= self.from && time < self.to,
        };
        if !within {
            return None;
        }
        let day = match over_midnight && time >= self.from {
            true => local.date().tomorrow().ok()?,
            false => local.date(),
        };
        let ends = day
            .to_datetime(self.to)
            .to_zoned_datetime(zone.clone())
            .ok()?;
        Some(Timestamp::from(ends.timestamp()))
    }
}

/// Whether an alarm leaves in quiet hours too.
pub fn loud(severity: AlarmSeverity) -> bool {
    severity >= AlarmSeverity::High
}

/// Mail addresses of whoever is to be told: those on duty, or the leads among them where it climbed; where nobody
/// with an address is there, those of the configuration.
///
/// # Errors
/// The ledger.
pub async fn addresses(
    ledger: &Ledger,
    duty: &DutySection,
    climbed: bool,
    now: i64,
) -> ledger::Result<Vec<String>> {
    let shifts = ledger.on_duty(now).await?;
    let accounts = ledger.accounts().await?;
    let wanted = |role: DutyRole| match climbed {
        true => role == DutyRole::Lead || role == DutyRole::Backup,
        false => role == DutyRole::Officer || role == DutyRole::Lead,
    };
    let mut found = Vec::new();
    for shift in shifts.iter().filter(|shift| wanted(shift.role.0)) {
        let account = accounts
            .iter()
            .find(|one| one.login == shift.login && one.active);
        let email = account.and_then(|one| one.email.clone());
        found.extend(email.filter(|email| !email.is_empty()));
    }
    let own = match climbed {
        true => &duty.lead_mail,
        false => &duty.mail,
    };
    // The lead of the house is told what nobody took up, whoever has the shift.
    if found.is_empty() || climbed {
        found.extend(own.iter().cloned());
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// What an alarm says in a mail or a short message.
pub fn words(alarm: &Alarm, chinese: bool) -> (&'static str, &str) {
    use model::worded::Word;
    match chinese {
        true => (alarm.severity.0.zh(), &alarm.what_zh),
        false => (alarm.severity.0.en(), &alarm.what_en),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_hours_hold_over_midnight_and_end_in_the_morning() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let at = |text: &str| Timestamp::from(text.parse::<jiff::Timestamp>().unwrap());
        let quiet = Quiet::read("22:00-07:00").unwrap().unwrap();
        let morning = Some(at("2026-11-29T07:00:00+08:00"));
        assert_eq!(quiet.ends(at("2026-11-28T22:00:00+08:00"), &zone), morning);
        assert_eq!(quiet.ends(at("2026-11-29T06:59:59+08:00"), &zone), morning);
        assert_eq!(quiet.ends(at("2026-11-29T07:00:00+08:00"), &zone), None);
        assert_eq!(quiet.ends(at("2026-11-28T21:59:00+08:00"), &zone), None);
        let noon = Quiet::read("12:00-13:30").unwrap().unwrap();
        assert!(noon.ends(at("2026-11-28T13:00:00+08:00"), &zone).is_some());
        assert!(noon.ends(at("2026-11-28T13:30:00+08:00"), &zone).is_none());
        assert_eq!(Quiet::read(" "), Ok(None));
        for wrong in ["22", "22:00-25:00", "07:00-07:00", "night"] {
            assert!(Quiet::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_link_is_its_alarms_own() {
        let key = [7; 32];
        let one = link(&key, "feed a", 1);
        assert_eq!(one.len(), 40);
        assert_eq!(one, link(&key, "feed a", 1));
        assert_ne!(one, link(&key, "feed a", 2));
        assert_ne!(one, link(&key, "feed b", 1));
        assert_ne!(one, link(&[8; 32], "feed a", 1));
    }
}
