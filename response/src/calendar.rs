//! Working days by the country of a party: weekends, days off, and the weekend days that China works instead.
//!
//! A table with a source and a status for each country and year (`calendar.toml`), as tables of law are: what is not
//! confirmed ships inactive, and whoever asks is told so. Clocks of duty ([`crate::duty`]) never look here: they run
//! through holidays.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use model::newsroom::weekday;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The table that ships with the program.
pub const TABLE: &str = include_str!("calendar.toml");
/// Days after which a search for working days ends: no country rests so long.
const FAR: i32 = 4_000;

/// Whether a year's row is sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// By the notice that its source names.
    Confirmed,
    /// Not checked against a notice: inactive.
    Unconfirmed,
}

/// A year of a country.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Year {
    /// The year.
    pub year: i16,
    /// Whether it counts.
    pub status: Status,
    /// Where it is from.
    pub source: String,
    /// First and last day of each run of days off.
    pub off: Vec<[Date; 2]>,
    /// Days of a weekend that are worked.
    pub work: Vec<Date>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCountry {
    code: String,
    weekend: Vec<String>,
    #[serde(default)]
    year: Vec<Year>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    country: Vec<WrittenCountry>,
}

/// A country's calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Country {
    weekend: Vec<Weekday>,
    years: Vec<Year>,
}

/// The calendars of all countries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendars {
    countries: BTreeMap<String, Country>,
    /// Of a country without an entry.
    other: Country,
}

impl Country {
    /// Its years, in order.
    pub fn years(&self) -> &[Year] {
        &self.years
    }

    /// Whether a day is worked. Only confirmed rows speak; a run of days off may begin in the year before its own.
    pub fn works(&self, day: Date) -> bool {
        let sure = || {
            self.years
                .iter()
                .filter(|year| year.status == Status::Confirmed)
        };
        if sure().any(|year| year.work.contains(&day)) {
            return true;
        }
        let off = |year: &Year| {
            year.off
                .iter()
                .any(|[first, last]| (*first..=*last).contains(&day))
        };
        !self.weekend.contains(&day.weekday()) && !sure().any(off)
    }

    /// Whether a confirmed row speaks of the year of a day; else only weekends are known.
    pub fn knows(&self, day: Date) -> bool {
        let mut years = self.years.iter();
        years.any(|year| year.year == day.year() && year.status == Status::Confirmed)
    }
}

impl Calendars {
    /// Reads a table.
    ///
    /// # Errors
    /// What is wrong, and of which country and year.
    pub fn read(text: &str) -> Result<Self, String> {
        let written: Written = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut countries = BTreeMap::new();
        for one in written.country {
            let code = one.code.to_ascii_uppercase();
            let bad = |what: String| Err(format!("calendar of {code}: {what}"));
            let mut weekend = Vec::new();
            for day in &one.weekend {
                match weekday(day) {
                    Some(day) => weekend.push(day),
                    None => return bad(format!("`{day}` is no day of the week")),
                }
            }
            if weekend.len() == 7 {
                return bad("nobody works there".to_owned());
            }
            for year in &one.year {
                if year.source.trim().is_empty() {
                    return bad(format!("{} has no source", year.year));
                }
                if let Some([first, last]) = year.off.iter().find(|[first, last]| first > last) {
                    return bad(format!("{first} to {last} ends before it begins"));
                }
                let rests = |day: &Date| {
                    let off = year
                        .off
                        .iter()
                        .any(|[first, last]| (*first..=*last).contains(day));
                    !off && weekend.contains(&day.weekday())
                };
                if let Some(day) = year.work.iter().find(|day| !rests(day)) {
                    return bad(format!(
                        "{day} is worked instead, and is no day of a weekend"
                    ));
                }
            }
            let mut years = one.year;
            years.sort_by_key(|year| year.year);
            let country = Country { weekend, years };
            if countries.insert(code.clone(), country).is_some() {
                return bad("stands there twice".to_owned());
            }
        }
        Ok(Calendars {
            countries,
            other: Country {
                weekend: vec![Weekday::Saturday, Weekday::Sunday],
                years: Vec::new(),
            },
        })
    }

    /// The table that ships with the program.
    ///
    /// # Panics
    /// Never: a test reads it.
    pub fn built_in() -> &'static Calendars {
        static TABLE_READ: OnceLock<Calendars> = OnceLock::new();
        TABLE_READ.get_or_init(|| Calendars::read(TABLE).expect("the table that ships is sound"))
    }

    /// Countries with an entry.
    pub fn countries(&self) -> impl Iterator<Item = (&str, &Country)> {
        self.countries
            .iter()
            .map(|(code, country)| (code.as_str(), country))
    }

    /// The calendar of a country, by its two letters.
    pub fn of(&self, country: Option<&str>) -> &Country {
        let code = country.map(str::to_ascii_uppercase);
        code.and_then(|code| self.countries.get(&code))
            .unwrap_or(&self.other)
    }

    /// The instant after so many working days: the same time of the day, on the so-manieth working day after that of
    /// `from`, in the party's zone.
    pub fn after(
        &self,
        country: Option<&str>,
        zone: &str,
        from: Timestamp,
        days: u32,
    ) -> Timestamp {
        let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        let Some(at) = from.to_jiff().map(|at| at.to_zoned_datetime(zone.clone())) else {
            return from;
        };
        let calendar = self.of(country);
        let mut day = at.date();
        let mut left = days;
        for _ in 0..FAR {
            if left == 0 {
                break;
            }
            day = day.saturating_add(jiff::Span::new().days(1));
            left -= u32::from(calendar.works(day));
        }
        let end = zone.to_ambiguous_zoned_datetime(day.to_datetime(at.time()));
        end.compatible()
            .map_or(from, |end| Timestamp::from(end.timestamp()))
    }

    /// Whether it is a working day there.
    pub fn works_at(&self, country: Option<&str>, zone: &str, at: Timestamp) -> bool {
        let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        let day = at.to_jiff().map(|at| at.to_zoned_datetime(zone).date());
        day.is_none_or(|day| self.of(country).works(day))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn at(day: Date, hour: i8) -> Timestamp {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let zoned = day.at(hour, 0, 0, 0).to_zoned_datetime(zone).unwrap();
        Timestamp::from(zoned.timestamp())
    }

    #[test]
    fn the_table_is_sound_and_only_what_is_confirmed_counts() {
        let china = Calendars::built_in().of(Some("cn"));
        for year in china.years() {
            let days = |runs: &[[Date; 2]]| {
                runs.iter()
                    .map(|[a, b]| (*b - *a).get_days() + 1)
                    .sum::<i32>()
            };
            assert!(!year.source.is_empty());
            match year.status {
                // Eleven days by law until 2024, thirteen since: with the weekends around them never fewer.
                Status::Confirmed => assert!(
                    days(&year.off) >= 20 && year.work.len() >= 5,
                    "{}",
                    year.year
                ),
                Status::Unconfirmed => assert!(!china.knows(date(year.year, 6, 1))),
            }
        }
        // Spring Festival of 2026: the Saturday before is worked, the Monday after is not.
        assert!(china.works(date(2026, 2, 13)) && china.works(date(2026, 2, 14)));
        assert!(!china.works(date(2026, 2, 16)) && !china.works(date(2026, 2, 23)));
        assert!(china.works(date(2026, 2, 24)) && china.works(date(2026, 2, 28)));
        // The row of 2027 is not confirmed: New Year's Day, a Friday, is a day as any other.
        assert!(china.works(date(2027, 1, 1)) && !china.knows(date(2027, 1, 1)));
        let other = Calendars::built_in().of(Some("ZZ"));
        assert!(other.works(date(2026, 2, 16)) && !other.works(date(2026, 2, 14)));
    }

    #[test]
    fn working_days_step_over_holidays_and_use_the_days_worked_instead() {
        let all = Calendars::built_in();
        let after = |country, day, days| {
            let end = all.after(country, "Asia/Shanghai", at(day, 10), days);
            end.to_jiff().unwrap().to_zoned_datetime_in_shanghai()
        };
        // Thursday before the holiday: Friday, the worked Saturday, then the Tuesday after.
        assert_eq!(
            after(Some("CN"), date(2026, 2, 12), 3),
            date(2026, 2, 24).at(10, 0, 0, 0)
        );
        assert_eq!(
            after(None, date(2026, 2, 12), 3),
            date(2026, 2, 17).at(10, 0, 0, 0)
        );
        assert_eq!(
            after(Some("CN"), date(2026, 11, 2), 5),
            date(2026, 11, 9).at(10, 0, 0, 0)
        );
        // Asked on a Sunday: Monday is the first.
        assert_eq!(
            after(Some("CN"), date(2026, 11, 1), 1),
            date(2026, 11, 2).at(10, 0, 0, 0)
        );
        assert_eq!(
            after(Some("CN"), date(2026, 11, 2), 0),
            date(2026, 11, 2).at(10, 0, 0, 0)
        );
    }

    trait InShanghai {
        fn to_zoned_datetime_in_shanghai(self) -> jiff::civil::DateTime;
    }

    impl InShanghai for jiff::Timestamp {
        fn to_zoned_datetime_in_shanghai(self) -> jiff::civil::DateTime {
            self.to_zoned_datetime(TimeZone::get("Asia/Shanghai").unwrap())
                .datetime()
        }
    }

    #[test]
    fn a_table_that_cannot_be_is_refused() {
        let table = |weekend: &str, off: &str, work: &str, source: &str| {
            format!(
                "[[country]]\ncode = \"XX\"\nweekend = [{weekend}]\n[[country.year]]\nyear = 2026\nstatus = \"confirmed\"\nsource = \"{source}\"\noff = [{off}]\nwork = [{work}]\n"
            )
        };
        let sound = table("\"friday\", \"saturday\"", "", "\"2026-02-13\"", "law");
        let read = Calendars::read(&sound).unwrap();
        assert!(
            read.of(Some("XX")).works(date(2026, 2, 13))
                && read.of(Some("XX")).works(date(2026, 2, 15))
        );
        for (bad, why) in [
            (table("\"caturday\"", "", "", "law"), "no day of the week"),
            (
                table("\"sunday\"", "", "\"2026-02-16\"", "law"),
                "no day of a weekend",
            ),
            (
                table("\"sunday\"", "[\"2026-02-16\", \"2026-02-15\"]", "", "law"),
                "ends before",
            ),
            (table("\"sunday\"", "", "", " "), "no source"),
        ] {
            let told = Calendars::read(&bad).unwrap_err();
            assert!(told.contains(why), "{told}");
        }
    }
}
