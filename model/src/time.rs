//! Time: instants in UTC, reporting weeks and the zone that only filters.

use std::fmt;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Names of the months in English, from January.
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Microseconds in a UTC day.
pub const MICROS_PER_DAY: i64 = 86_400_000_000;

/// An instant: microseconds since the Unix epoch, UTC.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The UTC day it lies in, in days since 1970-01-01: the lake's partition.
    pub fn day(self) -> Day {
        Day(self.0.div_euclid(MICROS_PER_DAY) as i32)
    }

    /// The same instant for calendar arithmetic, `None` outside years -9999 to 9999.
    pub fn to_jiff(self) -> Option<jiff::Timestamp> {
        jiff::Timestamp::from_microsecond(self.0).ok()
    }

    /// The date in `zone`.
    pub fn date_in(self, zone: &TimeZone) -> Option<Date> {
        Some(self.to_jiff()?.to_zoned_datetime(zone.clone()).date())
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(at: jiff::Timestamp) -> Self {
        Timestamp(at.as_microsecond())
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with `Z`, seconds unless there is a fraction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_jiff() {
            Some(at) => write!(f, "{at}"),
            None => write!(f, "{}us", self.0),
        }
    }
}

/// A calendar day as days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub i32);

impl Day {
    /// The day of a civil date.
    pub fn of(date: Date) -> Self {
        let epoch = jiff::civil::date(1970, 1, 1);
        let days = date
            .since((jiff::Unit::Day, epoch))
            .map(|span| span.get_days())
            .unwrap_or(0);
        Day(days)
    }

    /// As a civil date; days outside years -9999 to 9999 are clamped.
    pub fn date(self) -> Date {
        let span = jiff::Span::new().try_days(self.0).unwrap_or_default();
        jiff::civil::date(1970, 1, 1).saturating_add(span)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.date().fmt(f)
    }
}

/// Monday to Sunday in the reporting zone (DOMAIN section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReportingWeek {
    monday: Date,
}

impl ReportingWeek {
    /// The week in which `date` lies.
    pub fn containing(date: Date) -> Self {
        let back = i64::from(date.weekday().to_monday_zero_offset());
        ReportingWeek {
            monday: date.saturating_sub(jiff::Span::new().days(back)),
        }
    }

    /// Its Monday.
    pub fn monday(self) -> Date {
        self.monday
    }

    /// Its Sunday.
    pub fn sunday(self) -> Date {
        debug_assert_eq!(self.monday.weekday(), Weekday::Monday);
        self.monday.saturating_add(jiff::Span::new().days(6))
    }

    /// The week `n` weeks later (earlier when negative).
    pub fn plus(self, n: i64) -> Self {
        ReportingWeek {
            monday: self.monday.saturating_add(jiff::Span::new().weeks(n)),
        }
    }

    /// The week before.
    pub fn previous(self) -> Self {
        self.plus(-1)
    }

    /// Monday 00:00 to the next Monday 00:00 in `zone`, as instants: start inclusive, end exclusive.
    pub fn span(self, zone: &TimeZone) -> (Timestamp, Timestamp) {
        let at = |date: Date| {
            zone.to_ambiguous_zoned_datetime(date.at(0, 0, 0, 0))
                .compatible()
                .map(|zoned| Timestamp::from(zoned.timestamp()))
                .unwrap_or_default()
        };
        (at(self.monday), at(self.plus(1).monday))
    }

    /// Its seven days.
    pub fn days(self) -> impl Iterator<Item = Date> {
        (0..7).map(move |n| self.monday.saturating_add(jiff::Span::new().days(n)))
    }
}

impl fmt::Display for ReportingWeek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.monday(), self.sunday())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_week_is_monday_to_sunday_in_its_zone() {
        let week = ReportingWeek::containing(date(2023, 1, 15));
        assert_eq!(
            (week.monday(), week.sunday()),
            (date(2023, 1, 9), date(2023, 1, 15))
        );
        let zone = TimeZone::get("Asia/Shanghai").expect("the zone is known");
        let (start, end) = week.span(&zone);
        assert_eq!(start.to_string(), "2023-01-08T16:00:00Z");
        assert_eq!(end.0 - start.0, 7 * MICROS_PER_DAY);
    }

    #[test]
    fn days_round_trip() {
        for text in ["1970-01-01", "1969-12-31", "2023-01-15", "2099-12-31"] {
            let date: Date = text.parse().expect("a date");
            assert_eq!(Day::of(date).date(), date);
        }
        assert_eq!(Timestamp(-1).day(), Day(-1));
    }
}
