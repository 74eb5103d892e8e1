//! Issue numbers. A series numbers its issues by its own scheme; the default is the ordinal of the
//! week's Sunday within its year, which is not the ISO week (DOMAIN rule 2).

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};

use crate::ids::BadId;
use crate::time::ReportingWeek;

/// Year and number of an edition, printed `2023-3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IssueNumber {
    /// The year the issue counts in.
    pub year: i16,
    /// Its number within that year, or the running number.
    pub number: u32,
}

impl fmt::Display for IssueNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.year, self.number)
    }
}

impl FromStr for IssueNumber {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = || BadId {
            text: text.to_owned(),
            what: "an issue number such as 2023-3",
        };
        let (year, number) = text.split_once('-').ok_or_else(bad)?;
        let issue = IssueNumber {
            year: year.parse().map_err(|_| bad())?,
            number: number.parse().map_err(|_| bad())?,
        };
        if issue.number == 0 || year.len() != 4 {
            Err(bad())
        } else {
            Ok(issue)
        }
    }
}

/// How a series counts its issues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "scheme")]
pub enum NumberingScheme {
    /// Ordinal, within its year, of the week's Sunday: `(day_of_year(Sunday) + 6) / 7` (DOMAIN rule 2).
    #[default]
    SundayOrdinal,
    /// ISO 8601 week and week-year.
    Iso,
    /// Counts on without regard to the year from a known first week, whose Monday and number are given.
    Running {
        /// Monday of the week that bears `first_number`.
        first_monday: Date,
        /// Number of that week.
        first_number: u32,
    },
    /// Numbers are given by hand when an issue is drafted; nothing can be computed from a date.
    Manual,
}

impl NumberingScheme {
    /// The number of the issue about `week`; `None` for the manual scheme and before a running
    /// series began.
    pub fn issue(self, week: ReportingWeek) -> Option<IssueNumber> {
        match self {
            NumberingScheme::SundayOrdinal => {
                let sunday = week.sunday();
                Some(IssueNumber {
                    year: sunday.year(),
                    // DOMAIN writes it (day + 6) / 7 in whole numbers: the same.
                    number: (sunday.day_of_year() as u32).div_ceil(7),
                })
            }
            NumberingScheme::Iso => {
                let iso = week.monday().iso_week_date();
                Some(IssueNumber {
                    year: iso.year(),
                    number: iso.week() as u32,
                })
            }
            NumberingScheme::Running {
                first_monday,
                first_number,
            } => {
                let first = ReportingWeek::containing(first_monday);
                let days = week
                    .monday()
                    .since((jiff::Unit::Day, first.monday()))
                    .ok()?
                    .get_days();
                let number = i64::from(first_number) + i64::from(days / 7);
                (days >= 0).then_some(IssueNumber {
                    year: week.sunday().year(),
                    number: u32::try_from(number).ok()?,
                })
            }
            NumberingScheme::Manual => None,
        }
    }

    /// The week an issue number stands for; `None` where the year has no such issue.
    pub fn week(self, issue: IssueNumber) -> Option<ReportingWeek> {
        let guess = match self {
            NumberingScheme::Manual => return None,
            NumberingScheme::Running {
                first_monday,
                first_number,
            } => {
                let weeks = i64::from(issue.number) - i64::from(first_number);
                ReportingWeek::containing(first_monday).plus(weeks)
            }
            NumberingScheme::SundayOrdinal | NumberingScheme::Iso => {
                if issue.number > 54 {
                    return None;
                }
                let start = jiff::civil::Date::new(issue.year, 1, 1).unwrap_or(date(1970, 1, 1));
                ReportingWeek::containing(start).plus(i64::from(issue.number) - 1)
            }
        };
        [-1, 0, 1]
            .into_iter()
            .map(|n| guess.plus(n))
            .find(|week| self.issue(*week) == Some(issue))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs printed in the bulletins themselves (DOMAIN section 2).
    #[test]
    fn printed_pairs() {
        let pairs = [
            ("2018-6", "2018-02-05", "2018-02-11"),
            ("2018-14", "2018-04-02", "2018-04-08"),
            ("2018-26", "2018-06-25", "2018-07-01"),
            ("2022-50", "2022-12-05", "2022-12-11"),
            ("2022-51", "2022-12-12", "2022-12-18"),
            ("2022-52", "2022-12-19", "2022-12-25"),
            ("2023-1", "2022-12-26", "2023-01-01"),
            ("2023-2", "2023-01-02", "2023-01-08"),
            ("2023-3", "2023-01-09", "2023-01-15"),
            ("2026-11", "2026-03-09", "2026-03-15"),
            ("2026-12", "2026-03-16", "2026-03-22"),
        ];
        for (issue, monday, sunday) in pairs {
            let week = ReportingWeek::containing(monday.parse().expect("a date"));
            assert_eq!(week.sunday(), sunday.parse().expect("a date"), "{issue}");
            let issue: IssueNumber = issue.parse().expect("an issue");
            assert_eq!(NumberingScheme::SundayOrdinal.issue(week), Some(issue));
            assert_eq!(NumberingScheme::SundayOrdinal.week(issue), Some(week));
        }
    }

    #[test]
    fn every_dated_week_of_the_history_starts_on_a_monday() {
        for monday in [
            "2010-05-10",
            "2013-07-01",
            "2013-08-12",
            "2014-02-03",
            "2014-07-21",
            "2014-09-08",
            "2014-11-17",
            "2014-11-24",
            "2015-03-16",
            "2015-04-27",
            "2015-09-14",
            "2015-09-21",
            "2016-01-04",
            "2016-02-22",
            "2016-03-14",
            "2016-04-11",
        ] {
            let monday: Date = monday.parse().expect("a date");
            assert_eq!(ReportingWeek::containing(monday).monday(), monday);
        }
    }

    #[test]
    fn years_with_53_sundays_have_53_issues() {
        for year in 2010..2040 {
            let last = (50..=54)
                .filter(|number| {
                    NumberingScheme::SundayOrdinal
                        .week(IssueNumber {
                            year,
                            number: *number,
                        })
                        .is_some()
                })
                .max();
            let expected = if [2012, 2017, 2023, 2028, 2034].contains(&year) {
                53
            } else {
                52
            };
            assert_eq!(last, Some(expected), "{year}");
        }
    }

    #[test]
    fn schemes_round_trip() {
        let schemes = [
            NumberingScheme::SundayOrdinal,
            NumberingScheme::Iso,
            NumberingScheme::Running {
                first_monday: date(2010, 1, 4),
                first_number: 1,
            },
        ];
        for scheme in schemes {
            for n in 0..1500 {
                let week = ReportingWeek::containing(date(2010, 1, 4)).plus(n);
                let issue = scheme.issue(week).expect("numbered");
                if scheme == schemes[2] {
                    assert_eq!(issue.number as i64, n + 1);
                }
                assert_eq!(scheme.week(issue), Some(week), "{scheme:?} {issue}");
            }
        }
        let cnnvd = IssueNumber {
            year: 2023,
            number: 16,
        };
        let week = ReportingWeek::containing(date(2023, 4, 17));
        assert_eq!(NumberingScheme::Iso.issue(week), Some(cnnvd));
    }
}
