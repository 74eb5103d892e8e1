//! Longer periods than the week: month, quarter and year in the reporting zone.
//!
//! Weeks do not fill them: what a period counts is counted over its own days, never added up from weeks
//! (a host that was seen in four weeks of a month is one host).

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::bulletin::Text;
use crate::ids::BadId;
use crate::issue::IssueNumber;
use crate::time::{MONTHS, ReportingWeek, Timestamp};

/// How long a period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodKind {
    /// A calendar month.
    Month,
    /// Three months.
    Quarter,
    /// A calendar year.
    Year,
}

impl PeriodKind {
    /// All, the shortest first.
    pub const ALL: [PeriodKind; 3] = [PeriodKind::Month, PeriodKind::Quarter, PeriodKind::Year];

    /// Stable word, part of the series' name: `monthly`.
    pub fn series(self) -> &'static str {
        match self {
            PeriodKind::Month => "monthly",
            PeriodKind::Quarter => "quarterly",
            PeriodKind::Year => "annual",
        }
    }

    /// Stable word for one of them: `month`.
    pub fn as_str(self) -> &'static str {
        match self {
            PeriodKind::Month => "month",
            PeriodKind::Quarter => "quarter",
            PeriodKind::Year => "year",
        }
    }

    /// Months in one, and how many of them a year has.
    fn months(self) -> i8 {
        match self {
            PeriodKind::Month => 1,
            PeriodKind::Quarter => 3,
            PeriodKind::Year => 12,
        }
    }
}

/// A month, quarter or year of the reporting zone, printed `2026-10`; a year `2026`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReportingPeriod {
    kind: PeriodKind,
    year: i16,
    /// From 1; of a year 1.
    number: i8,
}

impl ReportingPeriod {
    /// The period of this number in a year; `None` where the year has none, or for years outside 1900
    /// to 9000.
    pub fn new(kind: PeriodKind, year: i16, number: u32) -> Option<Self> {
        let number = i8::try_from(number).ok()?;
        let in_year = 12 / kind.months();
        let known = (1900..=9000).contains(&year) && (1..=in_year).contains(&number);
        known.then_some(ReportingPeriod { kind, year, number })
    }

    /// The period in which a date lies.
    pub fn containing(kind: PeriodKind, at: Date) -> Self {
        ReportingPeriod {
            kind,
            year: at.year(),
            number: (at.month() - 1) / kind.months() + 1,
        }
    }

    /// Reads `2026-10` as a month or quarter, `2026` as a year.
    ///
    /// # Errors
    /// It is none of this kind.
    pub fn parse(kind: PeriodKind, text: &str) -> Result<Self, BadId> {
        let bad = || BadId {
            text: text.to_owned(),
            what: match kind {
                PeriodKind::Month => "a month such as 2026-10",
                PeriodKind::Quarter => "a quarter such as 2026-3",
                PeriodKind::Year => "a year such as 2026",
            },
        };
        let (year, number) = match (kind, text.split_once('-')) {
            (PeriodKind::Year, None) => (text, 1),
            (PeriodKind::Month | PeriodKind::Quarter, Some((year, number))) => {
                let number = number.trim_start_matches(['q', 'Q']);
                (year, u32::from_str(number).map_err(|_| bad())?)
            }
            _ => return Err(bad()),
        };
        let year = year.parse().map_err(|_| bad())?;
        ReportingPeriod::new(kind, year, number).ok_or_else(bad)
    }

    /// How long it is.
    pub fn kind(self) -> PeriodKind {
        self.kind
    }

    /// Its number as an edition of its series.
    pub fn issue(self) -> IssueNumber {
        IssueNumber {
            year: self.year,
            number: u32::from(self.number.unsigned_abs()),
        }
    }

    /// First day.
    pub fn first(self) -> Date {
        date(self.year, (self.number - 1) * self.kind.months() + 1, 1)
    }

    /// Last day.
    pub fn last(self) -> Date {
        let next = self.plus(1).first();
        next.saturating_sub(jiff::Span::new().days(1))
    }

    /// The period `n` later (earlier when negative).
    pub fn plus(self, n: i32) -> Self {
        let in_year = i32::from(12 / self.kind.months());
        let all = i32::from(self.year) * in_year + i32::from(self.number) - 1 + n;
        ReportingPeriod {
            kind: self.kind,
            year: i16::try_from(all.div_euclid(in_year)).unwrap_or(self.year),
            number: i8::try_from(all.rem_euclid(in_year) + 1).unwrap_or(self.number),
        }
    }

    /// The period before.
    pub fn previous(self) -> Self {
        self.plus(-1)
    }

    /// The same period a year before.
    pub fn year_before(self) -> Self {
        self.plus(-i32::from(12 / self.kind.months()))
    }

    /// Its first midnight to the first after it in `zone`, as instants: start inclusive, end exclusive.
    pub fn span(self, zone: &TimeZone) -> (Timestamp, Timestamp) {
        let at = |date: Date| {
            zone.to_ambiguous_zoned_datetime(date.at(0, 0, 0, 0))
                .compatible()
                .map(|zoned| Timestamp::from(zoned.timestamp()))
                .unwrap_or_default()
        };
        (at(self.first()), at(self.plus(1).first()))
    }

    /// The weeks that touch it, in order: those at its ends lie in it only in part.
    pub fn weeks(self) -> impl Iterator<Item = ReportingWeek> {
        let last = ReportingWeek::containing(self.last());
        let first = ReportingWeek::containing(self.first());
        (0..)
            .map(move |n| first.plus(n))
            .take_while(move |week| *week <= last)
    }

    /// As printed: `2026年10月`, `October 2026`; `2026年第3季度`, `third quarter of 2026`; `2026年`, `2026`.
    pub fn text(self) -> Text {
        const ORDINALS: [&str; 4] = ["First", "Second", "Third", "Fourth"];
        let (year, at) = (
            self.year,
            usize::from(self.number.unsigned_abs()).saturating_sub(1),
        );
        match self.kind {
            PeriodKind::Month => Text::new(
                format!("{year}年{}月", self.number),
                format!("{} {year}", MONTHS[at.min(11)]),
            ),
            PeriodKind::Quarter => Text::new(
                format!("{year}年第{}季度", self.number),
                format!("{} quarter of {year}", ORDINALS[at.min(3)]),
            ),
            PeriodKind::Year => Text::new(format!("{year}年"), year.to_string()),
        }
    }
}

impl fmt::Display for ReportingPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            PeriodKind::Month => write!(f, "{}-{:02}", self.year, self.number),
            PeriodKind::Quarter => write!(f, "{}-Q{}", self.year, self.number),
            PeriodKind::Year => write!(f, "{}", self.year),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn period(kind: PeriodKind, text: &str) -> ReportingPeriod {
        ReportingPeriod::parse(kind, text).expect("a period")
    }

    #[test]
    fn periods_have_their_days() {
        for (kind, text, first, last) in [
            (PeriodKind::Month, "2024-02", "2024-02-01", "2024-02-29"),
            (PeriodKind::Month, "2026-12", "2026-12-01", "2026-12-31"),
            (PeriodKind::Quarter, "2026-3", "2026-07-01", "2026-09-30"),
            (PeriodKind::Quarter, "2026-Q4", "2026-10-01", "2026-12-31"),
            (PeriodKind::Year, "2026", "2026-01-01", "2026-12-31"),
        ] {
            let period = period(kind, text);
            assert_eq!(period.first().to_string(), first);
            assert_eq!(period.last().to_string(), last);
        }
        for (kind, text) in [
            (PeriodKind::Month, "2026-13"),
            (PeriodKind::Month, "2026"),
            (PeriodKind::Quarter, "2026-5"),
            (PeriodKind::Year, "2026-1"),
            (PeriodKind::Year, "26"),
        ] {
            assert!(ReportingPeriod::parse(kind, text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_year_before_is_the_same_period() {
        assert_eq!(
            period(PeriodKind::Month, "2026-01").previous().to_string(),
            "2025-12"
        );
        assert_eq!(
            period(PeriodKind::Quarter, "2026-3")
                .year_before()
                .to_string(),
            "2025-Q3"
        );
        assert_eq!(
            period(PeriodKind::Year, "2026").year_before(),
            period(PeriodKind::Year, "2025")
        );
        let weeks: Vec<_> = period(PeriodKind::Month, "2026-10").weeks().collect();
        assert_eq!(weeks.len(), 5, "28 September to 1 November");
    }

    proptest! {
        /// Every day lies in exactly one period of each kind, and periods follow each other without gap.
        #[test]
        fn periods_tile_the_calendar(day in 0i32..60_000) {
            let at = crate::time::Day(day).date();
            for kind in PeriodKind::ALL {
                let here = ReportingPeriod::containing(kind, at);
                prop_assert!(here.first() <= at && at <= here.last());
                let zone = TimeZone::UTC;
                prop_assert_eq!(here.span(&zone).1, here.plus(1).span(&zone).0);
                prop_assert_eq!(here.plus(7).plus(-7), here);
                let issue = here.issue();
                prop_assert_eq!(ReportingPeriod::new(kind, issue.year, issue.number), Some(here));
            }
        }
    }
}
