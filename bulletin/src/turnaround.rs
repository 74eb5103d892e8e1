//! How long it takes: time to takedown and to acknowledgement of a cohort, with what goes on counted as
//! not over (DOMAIN 5.3, issue 4.11).
//!
//! The median and the ninth decile are Kaplan and Meier's estimate: a case that goes on says only that
//! it took longer than it was watched. The share within a day is of the whole cohort: what goes on, or
//! cannot be told, is not within. Pure; the instant of looking is handed in, and nothing after it is
//! seen.

use model::listing::Survival;

const MICROS_PER_MINUTE: i64 = 60 * 1_000_000;
/// The span of the published share: 24 hours.
pub const DAY_MICROS: i64 = 24 * 60 * MICROS_PER_MINUTE;

/// One case of a cohort. Instants are microseconds UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// When its time began: the first report, or the first notice.
    pub began: i64,
    /// When it was over.
    pub ended: Option<i64>,
    /// Whether the last look could not tell.
    pub inconclusive: bool,
}

impl Case {
    /// When it was over, as it was known at an instant: whole microseconds since its beginning.
    fn took(&self, at: i64) -> Option<i64> {
        let ended = self.ended.filter(|ended| *ended <= at)?;
        Some(ended.saturating_sub(self.began).max(0))
    }
}

/// The times of a cohort as known at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turnaround {
    /// In minutes.
    times: Survival,
    /// Over within 24 hours.
    pub within_day: u64,
    /// Of those not over, the ones of which the last look could not tell.
    pub inconclusive: u64,
}

impl Turnaround {
    /// The cohort's times as known at `at`, microseconds UTC. Cases that began later are left out.
    pub fn of(cases: impl IntoIterator<Item = Case>, at: i64) -> Self {
        let mut all = Turnaround::default();
        for case in cases.into_iter().filter(|case| case.began <= at) {
            let took = case.took(at);
            let watched = took.unwrap_or_else(|| at.saturating_sub(case.began));
            let minutes = u32::try_from(watched / MICROS_PER_MINUTE).unwrap_or(u32::MAX);
            all.times.add(minutes, took.is_some());
            all.within_day += u64::from(took.is_some_and(|took| took <= DAY_MICROS));
            all.inconclusive += u64::from(took.is_none() && case.inconclusive);
        }
        all
    }

    /// Cases.
    pub fn n(&self) -> u64 {
        self.times.n()
    }

    /// Of these, cases that are not over.
    pub fn open(&self) -> u64 {
        self.times.going_on()
    }

    /// Whole minutes in which half of them were over; `None` while fewer are.
    pub fn median(&self) -> Option<u64> {
        self.times.quantile(500).map(u64::from)
    }

    /// Whole minutes in which nine of ten were over; `None` while fewer are.
    pub fn p90(&self) -> Option<u64> {
        self.times.quantile(900).map(u64::from)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: i64 = MICROS_PER_MINUTE;

    fn case(began: i64, ended: Option<i64>) -> Case {
        Case {
            began: began * MINUTE,
            ended: ended.map(|minute| minute * MINUTE),
            inconclusive: ended.is_none(),
        }
    }

    /// The product-limit estimate by its definition, each factor recounted over all cases.
    fn naive(cases: &[(i64, Option<i64>)], at: i64, left: f64) -> Option<u64> {
        let seen: Vec<(i64, bool)> = cases
            .iter()
            .filter(|(began, _)| *began <= at)
            .map(|(began, ended)| match ended.filter(|ended| *ended <= at) {
                Some(ended) => ((ended - began).max(0), true),
                None => (at - began, false),
            })
            .collect();
        let mut times: Vec<i64> = seen.iter().filter(|one| one.1).map(|one| one.0).collect();
        times.sort_unstable();
        times.dedup();
        let mut survivors = 1.0;
        for time in times {
            let at_risk = seen.iter().filter(|one| one.0 >= time).count();
            let over = seen.iter().filter(|one| one.0 == time && one.1).count();
            survivors *= 1.0 - over as f64 / at_risk as f64;
            if survivors <= left + 1e-9 {
                return Some(time as u64);
            }
        }
        None
    }

    #[test]
    fn what_goes_on_is_not_over_and_nothing_later_is_seen() {
        let cases = [
            case(0, Some(60)),
            case(0, Some(600)),
            case(100, Some(100 + 24 * 60)),
            case(0, Some(24 * 60 + 1)),
            case(0, None),
            case(9_000, Some(9_001)),
        ];
        let all = Turnaround::of(cases, 5_000 * MINUTE);
        assert_eq!((all.n(), all.open()), (5, 1));
        assert_eq!((all.within_day, all.inconclusive), (3, 1));
        assert_eq!((all.median(), all.p90()), (Some(1_440), None));
        // Looked at earlier, the later endings are not known.
        let early = Turnaround::of(cases, 700 * MINUTE);
        assert_eq!((early.n(), early.open(), early.within_day), (5, 3, 2));
        assert_eq!(early.median(), None);
        assert_eq!(Turnaround::of([], 0), Turnaround::default());
    }

    /// Leaving out what goes on would make a slow cohort look fast.
    #[test]
    fn open_cases_make_the_median_longer() {
        let mut cases = vec![case(0, Some(10)), case(0, Some(20)), case(0, Some(30))];
        let fast = Turnaround::of(cases.clone(), 10_000 * MINUTE);
        cases.extend([case(0, None), case(0, None)]);
        let true_one = Turnaround::of(cases, 10_000 * MINUTE);
        assert_eq!((fast.median(), true_one.median()), (Some(20), Some(30)));
    }

    proptest! {
        #[test]
        fn quantiles_are_those_of_a_naive_recount(
            cases in proptest::collection::vec((0i64..300, proptest::option::of(0i64..400)), 0..60),
            at in 0i64..500,
        ) {
            let cases: Vec<(i64, Option<i64>)> = cases
                .into_iter()
                .map(|(began, took)| (began, took.map(|took| began + took)))
                .collect();
            let all = Turnaround::of(cases.iter().map(|(began, ended)| case(*began, *ended)), at * MINUTE);
            prop_assert_eq!(all.median(), naive(&cases, at, 0.5));
            prop_assert_eq!(all.p90(), naive(&cases, at, 0.1));
            let known = cases.iter().filter(|(began, _)| *began <= at);
            prop_assert_eq!(all.n(), known.clone().count() as u64);
            let over = known.clone().filter(|(_, ended)| ended.is_some_and(|ended| ended <= at)).count() as u64;
            prop_assert_eq!(all.open(), all.n() - over);
            prop_assert!(all.within_day + all.inconclusive <= all.n());
        }

        /// Without anything that goes on it is the plain quantile of the sorted times.
        #[test]
        fn a_finished_cohort_has_its_plain_quantiles(mut took in proptest::collection::vec(0i64..5_000, 1..80)) {
            let all = Turnaround::of(took.iter().map(|took| case(0, Some(*took))), 10_000 * MINUTE);
            took.sort_unstable();
            let plain = |permille: usize| took[(took.len() * permille).div_ceil(1000) - 1] as u64;
            prop_assert_eq!(all.median(), Some(plain(500)));
            prop_assert_eq!(all.p90(), Some(plain(900)));
            let day = took.iter().filter(|took| **took <= 24 * 60).count() as u64;
            prop_assert_eq!(all.within_day, day);
        }
    }
}
