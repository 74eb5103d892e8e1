//! Public holidays of mainland China: a holiday week is unlike the weeks beside it, and like that of other years.
//!
//! Dates are those of the State Council's yearly notices on the arrangement of holidays (国务院办公厅关于部分节假日
//! 安排的通知), days off in one run. A year whose notice is not entered yet has the festival's own days only
//! (`arranged` is false): the table is data, one row a holiday.

use jiff::civil::{Date, date};
use model::bulletin::Text;
use model::time::ReportingWeek;

/// Which holiday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Festival {
    /// 元旦.
    NewYear,
    /// 春节: the first days of the lunar year.
    Spring,
    /// 清明节.
    Qingming,
    /// 劳动节.
    Labor,
    /// 端午节: the fifth day of the fifth lunar month.
    DragonBoat,
    /// 中秋节: the fifteenth day of the eighth lunar month.
    MidAutumn,
    /// 国庆节.
    National,
}

impl Festival {
    /// Printed name.
    pub fn name(self) -> Text {
        match self {
            Festival::NewYear => Text::new("元旦", "New Year's Day"),
            Festival::Spring => Text::new("春节", "Spring Festival"),
            Festival::Qingming => Text::new("清明节", "Qingming"),
            Festival::Labor => Text::new("劳动节", "Labor Day"),
            Festival::DragonBoat => Text::new("端午节", "Dragon Boat Festival"),
            Festival::MidAutumn => Text::new("中秋节", "Mid-Autumn Festival"),
            Festival::National => Text::new("国庆节", "National Day"),
        }
    }
}

/// A run of days off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holiday {
    /// Which.
    pub festival: Festival,
    /// Year that it belongs to.
    pub year: i16,
    /// First day off.
    pub first: Date,
    /// Last day off.
    pub last: Date,
    /// By the State Council's notice; else the festival's own days.
    pub arranged: bool,
}

const fn off(
    festival: Festival,
    year: i16,
    first: (i16, i8, i8),
    last: (i8, i8),
    arranged: bool,
) -> Holiday {
    Holiday {
        festival,
        year,
        first: date(first.0, first.1, first.2),
        last: date(year, last.0, last.1),
        arranged,
    }
}

/// The table, in order of days. Where two festivals fall into one run, each has its row.
pub const HOLIDAYS: &[Holiday] = &[
    off(Festival::NewYear, 2022, (2022, 1, 1), (1, 3), true),
    off(Festival::Spring, 2022, (2022, 1, 31), (2, 6), true),
    off(Festival::Qingming, 2022, (2022, 4, 3), (4, 5), true),
    off(Festival::Labor, 2022, (2022, 4, 30), (5, 4), true),
    off(Festival::DragonBoat, 2022, (2022, 6, 3), (6, 5), true),
    off(Festival::MidAutumn, 2022, (2022, 9, 10), (9, 12), true),
    off(Festival::National, 2022, (2022, 10, 1), (10, 7), true),
    off(Festival::NewYear, 2023, (2022, 12, 31), (1, 2), true),
    off(Festival::Spring, 2023, (2023, 1, 21), (1, 27), true),
    off(Festival::Qingming, 2023, (2023, 4, 5), (4, 5), true),
    off(Festival::Labor, 2023, (2023, 4, 29), (5, 3), true),
    off(Festival::DragonBoat, 2023, (2023, 6, 22), (6, 24), true),
    off(Festival::MidAutumn, 2023, (2023, 9, 29), (10, 6), true),
    off(Festival::National, 2023, (2023, 9, 29), (10, 6), true),
    off(Festival::NewYear, 2024, (2023, 12, 30), (1, 1), true),
    off(Festival::Spring, 2024, (2024, 2, 10), (2, 17), true),
    off(Festival::Qingming, 2024, (2024, 4, 4), (4, 6), true),
    off(Festival::Labor, 2024, (2024, 5, 1), (5, 5), true),
    off(Festival::DragonBoat, 2024, (2024, 6, 8), (6, 10), true),
    off(Festival::MidAutumn, 2024, (2024, 9, 15), (9, 17), true),
    off(Festival::National, 2024, (2024, 10, 1), (10, 7), true),
    off(Festival::NewYear, 2025, (2025, 1, 1), (1, 1), true),
    off(Festival::Spring, 2025, (2025, 1, 28), (2, 4), true),
    off(Festival::Qingming, 2025, (2025, 4, 4), (4, 6), true),
    off(Festival::Labor, 2025, (2025, 5, 1), (5, 5), true),
    off(Festival::DragonBoat, 2025, (2025, 5, 31), (6, 2), true),
    off(Festival::MidAutumn, 2025, (2025, 10, 1), (10, 8), true),
    off(Festival::National, 2025, (2025, 10, 1), (10, 8), true),
    off(Festival::NewYear, 2026, (2026, 1, 1), (1, 3), true),
    off(Festival::Spring, 2026, (2026, 2, 15), (2, 23), true),
    off(Festival::Qingming, 2026, (2026, 4, 4), (4, 6), true),
    off(Festival::Labor, 2026, (2026, 5, 1), (5, 5), true),
    off(Festival::DragonBoat, 2026, (2026, 6, 19), (6, 21), true),
    off(Festival::MidAutumn, 2026, (2026, 9, 25), (9, 27), true),
    off(Festival::National, 2026, (2026, 10, 1), (10, 7), true),
    off(Festival::NewYear, 2027, (2027, 1, 1), (1, 1), false),
    off(Festival::Spring, 2027, (2027, 2, 5), (2, 8), false),
    off(Festival::Qingming, 2027, (2027, 4, 5), (4, 5), false),
    off(Festival::Labor, 2027, (2027, 5, 1), (5, 2), false),
    off(Festival::DragonBoat, 2027, (2027, 6, 9), (6, 9), false),
    off(Festival::MidAutumn, 2027, (2027, 9, 15), (9, 15), false),
    off(Festival::National, 2027, (2027, 10, 1), (10, 3), false),
];

/// Days off of a holiday that lie in a week.
pub fn days_in(holiday: &Holiday, week: ReportingWeek) -> usize {
    week.days()
        .filter(|day| (holiday.first..=holiday.last).contains(day))
        .count()
}

/// The holiday that takes most days of a week; of equals the first.
pub fn of_week(week: ReportingWeek) -> Option<&'static Holiday> {
    HOLIDAYS
        .iter()
        .filter(|holiday| days_in(holiday, week) > 0)
        .max_by_key(|holiday| (days_in(holiday, week), std::cmp::Reverse(holiday.first)))
}

/// The week that holds most days off of a holiday; of equals the first.
fn anchor(holiday: &Holiday) -> ReportingWeek {
    let first = ReportingWeek::containing(holiday.first);
    // A run of days off touches three weeks at most.
    let weeks = [first, first.plus(1), first.plus(2)];
    weeks
        .into_iter()
        .rev()
        .max_by_key(|week| days_in(holiday, *week))
        .unwrap_or(first)
}

/// Weeks of other years that lie to the same festival as a week does, newest first: as many weeks from the
/// one that holds most of its days off. For lunar festivals that is the same lunar week.
pub fn same_weeks(week: ReportingWeek) -> Vec<ReportingWeek> {
    let Some(holiday) = of_week(week) else {
        return Vec::new();
    };
    let Some(after) = (-2..=2).find(|after| anchor(holiday).plus(*after) == week) else {
        return Vec::new();
    };
    let mut weeks: Vec<ReportingWeek> = HOLIDAYS
        .iter()
        .filter(|other| other.festival == holiday.festival && other.year < holiday.year)
        .map(|other| anchor(other).plus(after))
        .collect();
    weeks.reverse();
    weeks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_its_runs_are_short() {
        assert!(
            HOLIDAYS
                .windows(2)
                .all(|pair| pair[0].first <= pair[1].first)
        );
        for holiday in HOLIDAYS {
            assert!(holiday.first <= holiday.last, "{holiday:?}");
            let days = (holiday.last - holiday.first).get_days();
            assert!(days < 9, "{holiday:?}");
        }
    }

    #[test]
    fn lunar_weeks_are_beside_each_other() {
        let week = |year, month, day| ReportingWeek::containing(date(year, month, day));
        assert_eq!(
            of_week(week(2023, 1, 25)).map(|holiday| holiday.festival),
            Some(Festival::Spring)
        );
        assert_eq!(of_week(week(2023, 3, 8)), None);
        assert_eq!(
            same_weeks(week(2024, 2, 14)),
            [week(2023, 1, 25), week(2022, 2, 2)]
        );
        assert_eq!(
            same_weeks(week(2023, 1, 21)),
            [week(2022, 1, 25)],
            "the week before"
        );
        assert!(same_weeks(week(2022, 2, 1)).is_empty());
    }
}
