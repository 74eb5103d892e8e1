//! When incidents were closed: a rush before the cut-off makes a week look better than its work was.

use ledger::{HandlingRow, Ledger};

use crate::Result;

/// Hours before the cut-off that are looked at.
pub const LATE_HOURS: u32 = 12;
/// A share of closings in these hours above this asks, in per cent.
pub const LATE_PERCENT: u64 = 30;
/// ... if it is this many times the usual share.
pub const TIMES_USUAL: u64 = 3;
/// Fewer late closings than this are no rush.
pub const LATE_AT_LEAST: u64 = 10;
/// Fewer earlier closings than this tell no usual share.
const USUAL_AT_LEAST: u64 = 50;
/// Earlier weeks that tell what is usual.
pub const USUAL_WEEKS: u32 = 8;

const HOUR: i64 = 3_600_000_000;
const WEEK: i64 = 7 * 24 * HOUR;

/// How the closings of a week lie before its cut-off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClosureProfile {
    /// Incidents of the week that were closed by the cut-off.
    pub closed: u64,
    /// Of these, in the last [`LATE_HOURS`].
    pub late: u64,
    /// Closed in the weeks before.
    pub usual_closed: u64,
    /// Of these, in the last hours before the same moment of their week.
    pub usual_late: u64,
    /// Closings by day before the cut-off: the last 24 hours first.
    pub by_day: [u64; 7],
}

impl ClosureProfile {
    /// Looks at handled incidents: those of the week before `cut_off` (microseconds UTC), and those of the
    /// weeks before it.
    pub fn of(rows: &[HandlingRow], earlier: &[HandlingRow], cut_off: i64) -> Self {
        let mut out = ClosureProfile::default();
        let late = |before: i64| before < i64::from(LATE_HOURS) * HOUR;
        for at in rows
            .iter()
            .filter_map(|row| row.closed_at)
            .filter(|at| *at < cut_off)
        {
            let before = cut_off - 1 - at;
            out.closed += 1;
            out.late += u64::from(late(before));
            let day = usize::try_from(before / (24 * HOUR)).unwrap_or(usize::MAX);
            if let Some(count) = out.by_day.get_mut(day) {
                *count += 1;
            }
        }
        for at in earlier
            .iter()
            .filter_map(|row| row.closed_at)
            .filter(|at| *at < cut_off)
        {
            out.usual_closed += 1;
            out.usual_late += u64::from(late((cut_off - 1 - at) % WEEK));
        }
        out
    }

    /// Reads the week that ends at `cut_off` and the [`USUAL_WEEKS`] before it.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn read(ledger: &Ledger, cut_off: i64) -> Result<Self> {
        let start = cut_off - WEEK;
        let rows = ledger.incidents_handled((start, cut_off)).await?;
        let earlier = ledger
            .incidents_handled((start - i64::from(USUAL_WEEKS) * WEEK, start))
            .await?;
        Ok(Self::of(&rows, &earlier, cut_off))
    }

    /// The usual late share in tenths of per cent: measured, or that of an even week.
    pub fn usual(&self) -> u64 {
        if self.usual_closed >= USUAL_AT_LEAST {
            self.usual_late * 1000 / self.usual_closed
        } else {
            u64::from(LATE_HOURS) * 1000 / (7 * 24)
        }
    }

    /// The late share in tenths of per cent.
    pub fn share(&self) -> u64 {
        (self.late * 1000).checked_div(self.closed).unwrap_or(0)
    }

    /// Whether it is a rush.
    pub fn is_rush(&self) -> bool {
        self.late >= LATE_AT_LEAST
            && self.share() > LATE_PERCENT * 10
            && self.share() > self.usual() * TIMES_USUAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rush_is_many_and_unusual() {
        let even = ClosureProfile {
            closed: 168,
            late: 12,
            ..ClosureProfile::default()
        };
        assert_eq!(
            (even.share(), even.usual(), even.is_rush()),
            (71, 71, false)
        );
        let rush = ClosureProfile {
            closed: 100,
            late: 40,
            ..even
        };
        assert!(rush.is_rush());
        let few = ClosureProfile {
            closed: 12,
            late: 9,
            ..even
        };
        assert!(!few.is_rush());
        let usual = ClosureProfile {
            usual_closed: 400,
            usual_late: 120,
            ..rush
        };
        assert!(
            !usual.is_rush(),
            "a desk that always closes on Sunday evening"
        );
    }
}
