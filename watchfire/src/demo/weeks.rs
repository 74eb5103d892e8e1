//! The fourteen weeks: which days they are, and what happens in them.
//!
//! The story is data: seasons of the week, a holiday, a campaign, two days that a source missed, a
//! source that begins late, a report whose columns grow. Everything is counted in days and weeks from
//! the first Monday, so that the same story ends in whatever week it is asked to.

use jiff::civil::Date;
use model::time::{Day, ReportingWeek};

/// How many weeks the demo tells.
pub const WEEKS: usize = 14;
/// How many days.
pub const DAYS: usize = WEEKS * 7;
/// The last week: the one whose issue is rendered.
pub const LAST: usize = WEEKS - 1;
/// The reporting zone is UTC+8 all year round (Asia/Shanghai), in seconds.
const OFFSET: i64 = 8 * 3600;

/// The week of the holiday: six quiet days.
pub const HOLIDAY_WEEK: usize = 6;
/// Day on which the website report did not come: Thursday of the last week, as a UTC date.
pub const WEBSITE_OUTAGE: usize = LAST * 7 + 3;
/// Day whose collection of posts is an empty file: Wednesday four weeks before the end.
pub const POSTS_OUTAGE: usize = 9 * 7 + 2;
/// Week from which the reports carry a severity column.
pub const SEVERITY_FROM: usize = 8;
/// Week from which the second list of malware hosts is subscribed.
pub const SECOND_HOST_LIST_FROM: usize = 10;

/// General activity of each week, in thousandths.
const ACTIVITY: [u64; WEEKS] = [
    1000, 1034, 978, 1052, 1021, 957, 965, 930, 985, 1040, 1012, 968, 952, 1036,
];
/// Activity of each day from Monday, in thousandths.
const WEEKDAY: [u64; 7] = [1060, 1090, 1080, 1070, 1030, 870, 800];

/// Defaced sites, and those of governments among them.
pub const DEFACED: [(u64, u64); WEEKS] = [
    (702, 21),
    (688, 18),
    (715, 23),
    (731, 19),
    (694, 22),
    (670, 16),
    (455, 11),
    (640, 17),
    (668, 19),
    (655, 15),
    (649, 18),
    (661, 16),
    (692, 14),
    (641, 17),
];
/// Backdoored sites, and those of governments among them.
pub const BACKDOORED: [(u64, u64); WEEKS] = [
    (512, 12),
    (498, 10),
    (520, 13),
    (505, 9),
    (531, 11),
    (489, 10),
    (402, 7),
    (470, 9),
    (488, 8),
    (476, 10),
    (465, 7),
    (472, 8),
    (455, 6),
    (438, 9),
];
/// Recorded vulnerabilities: high, medium, low.
pub const VULNERABILITIES: [(u64, u64, u64); WEEKS] = [
    (82, 136, 30),
    (88, 141, 33),
    (84, 138, 33),
    (91, 146, 33),
    (97, 150, 34),
    (86, 141, 32),
    (55, 96, 20),
    (80, 132, 32),
    (92, 143, 33),
    (94, 147, 34),
    (87, 140, 32),
    (90, 143, 33),
    (88, 149, 35),
    (96, 142, 34),
];
/// Vulnerabilities added to the catalog of exploited ones.
pub const EXPLOITED: [u64; WEEKS] = [3, 1, 4, 2, 1, 5, 1, 3, 2, 4, 1, 3, 2, 4];
/// Phishing pages that imitate parcel services: the campaign nearly doubles them in the last week.
pub const PARCEL_PAGES: [u64; WEEKS] = [
    318, 325, 331, 340, 352, 347, 298, 344, 361, 377, 389, 401, 408, 763,
];
/// Pages of the other sectors in an ordinary week.
pub const OTHER_PAGES: [(&str, u64); 7] = [
    ("bank", 862),
    ("e-commerce", 588),
    ("government", 334),
    ("telecom", 246),
    ("games", 222),
    ("media", 74),
    ("transport", 41),
];
/// Sites that spread malware: domains, and addresses reached without one.
pub const HOSTING: [(u64, u64); WEEKS] = [
    (402, 58),
    (415, 61),
    (396, 55),
    (421, 66),
    (430, 63),
    (408, 57),
    (330, 42),
    (399, 60),
    (417, 64),
    (424, 59),
    (438, 68),
    (445, 71),
    (432, 66),
    (451, 74),
];

/// The weeks by number, 0 to 13.
#[derive(Clone, Copy, Debug)]
pub struct Calendar {
    first: ReportingWeek,
}

impl Calendar {
    /// The calendar whose last week is `end`.
    pub fn ending(end: ReportingWeek) -> Self {
        Calendar {
            first: end.plus(-(LAST as i64)),
        }
    }

    /// Week number `week`.
    pub fn week(self, week: usize) -> ReportingWeek {
        self.first.plus(week as i64)
    }

    /// Day number `day` from the first Monday; negative before it.
    pub fn date(self, day: i64) -> Date {
        Day(Day::of(self.first.monday()).0 + day as i32).date()
    }

    /// The second since 1970 at which day number `day` begins in the reporting zone.
    pub fn local_midnight(self, day: i64) -> i64 {
        self.utc_midnight(day) - OFFSET
    }

    /// The second since 1970 at which the UTC date of that number begins.
    pub fn utc_midnight(self, day: i64) -> i64 {
        (i64::from(Day::of(self.first.monday()).0) + day) * 86_400
    }

    /// The number of the UTC date in which a second lies; -1 is the Sunday before the first Monday.
    pub fn utc_day(self, second: i64) -> i64 {
        second.div_euclid(86_400) - i64::from(Day::of(self.first.monday()).0)
    }

    /// The week in which a second lies in the reporting zone; `None` outside of the fourteen.
    pub fn week_of(self, second: i64) -> Option<usize> {
        let day = (second - self.local_midnight(0)).div_euclid(86_400);
        usize::try_from(day)
            .ok()
            .filter(|day| *day < DAYS)
            .map(|day| day / 7)
    }
}

/// Local clock of a second since 1970, as seconds since 1970 of a clock in UTC+8.
pub fn local(second: i64) -> i64 {
    second + OFFSET
}

/// Whether people are on holiday.
pub fn is_holiday(day: i64) -> bool {
    (HOLIDAY_WEEK as i64 * 7..HOLIDAY_WEEK as i64 * 7 + 6).contains(&day)
}

/// How busy a day is, in thousandths of an ordinary one. Days before the first are ordinary.
pub fn activity(day: i64) -> u64 {
    let weekday = WEEKDAY[day.rem_euclid(7) as usize];
    let week = usize::try_from(day)
        .ok()
        .and_then(|day| ACTIVITY.get(day / 7))
        .copied()
        .unwrap_or(1000);
    let holiday = if is_holiday(day) { 640 } else { 1000 };
    weekday * week / 1000 * holiday / 1000
}

/// A second of the day that people and machines are awake in: two in three between eight and midnight.
pub fn second_of_day(random: &mut super::random::Random) -> i64 {
    let second = match random.chance(660) {
        true => random.within(8 * 3600, 86_399),
        false => random.below(86_400),
    };
    second as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn days_and_weeks_fit() {
        let calendar = Calendar::ending(ReportingWeek::containing(date(2026, 11, 22)));
        assert_eq!(calendar.week(LAST).monday(), date(2026, 11, 16));
        assert_eq!(calendar.date(0), date(2026, 8, 17));
        assert_eq!(calendar.date(DAYS as i64 - 1), date(2026, 11, 22));
        assert_eq!(calendar.week_of(calendar.local_midnight(0)), Some(0));
        assert_eq!(calendar.week_of(calendar.local_midnight(0) - 1), None);
        assert_eq!(calendar.week_of(calendar.local_midnight(98) - 1), Some(13));
        assert_eq!(calendar.week_of(calendar.local_midnight(98)), None);
        assert_eq!(calendar.utc_day(calendar.local_midnight(0)), -1);
        assert_eq!(calendar.utc_day(calendar.local_midnight(98) - 1), 97);
    }

    #[test]
    fn the_campaign_is_the_one_told() {
        let rise = (PARCEL_PAGES[LAST] as f64 / PARCEL_PAGES[LAST - 1] as f64 - 1.0) * 100.0;
        assert_eq!(format!("{rise:.1}"), "87.0");
        assert!(activity(HOLIDAY_WEEK as i64 * 7) < 700);
    }
}
