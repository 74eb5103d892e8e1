//! One month, quarter or year counted from the same records by the same statistics as the weeks.
//!
//! Nothing is added up from weeks: distinct counts do not add (a host seen in four weeks is one host of the
//! month), and what does add (incidents handled, vulnerabilities recorded) is counted again as well, over
//! the period's own days. So a roll-up has a snapshot, a basis and a hash of its own, and compares only with
//! roll-ups of its kind.

use jiff::civil::Date;
use model::period::ReportingPeriod;
use model::statistic::{FeedCoverage, Statistic, StatisticValue};
use model::time::{MICROS_PER_DAY, ReportingWeek, Timestamp};
use serde::{Deserialize, Serialize};

use crate::frozen::{Basis, Beside};
use crate::rating::Infrastructure;
use crate::statistics::malware::FIRST_SEEN_WEEKS;
use crate::statistics::{self, EarlierNames, Inputs, Sources, Supply};
use crate::week::{self, Week};
use crate::{Error, Result};

/// Version of this shape.
pub const ROLLUP_FORMAT: u32 = 1;

/// The level of a weekly issue within the period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeekLevel {
    /// The week; its Sunday lies in the period.
    pub week: ReportingWeek,
    /// Its level, 1 (best) to 5, where it was assessed.
    pub level: Option<u8>,
}

/// A period's frozen values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenPeriod {
    /// [`ROLLUP_FORMAT`].
    pub rollup: u32,
    /// The series, as `weekly-monthly`.
    pub series: String,
    /// The period.
    pub period: ReportingPeriod,
    /// IANA name of the reporting zone.
    pub zone: String,
    /// The last day that was over when it was counted, where the period itself was not; `None`: it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_to: Option<Date>,
    /// What the values were computed from.
    pub basis: Basis,
    /// What arrived of each feed in the weeks that touch the period, by name.
    pub coverage: Vec<FeedCoverage>,
    /// What each feed can supply, by name.
    pub supplies: Vec<Supply>,
    /// Every statistic, in the order of the tables.
    pub values: Vec<StatisticValue>,
    /// Sizes that stand beside the figures, by name.
    pub beside: Vec<Beside>,
    /// Infrastructure events of the period, by start.
    pub infrastructure: Vec<Infrastructure>,
    /// Levels of the weekly issues whose Sunday lies in the period, in order.
    pub weeks: Vec<WeekLevel>,
}

/// What a frozen period carries besides what is read.
pub struct Freeze<'a> {
    /// The series.
    pub series: String,
    /// IANA name of the reporting zone.
    pub zone_name: &'a str,
    /// What arrived of each feed, one list for each week that touches the period.
    pub coverage: &'a [Vec<FeedCoverage>],
    /// What the feeds were last known to supply.
    pub known: &'a [Supply],
    /// Fingerprint of the reference tables in use.
    pub reference: &'a str,
    /// Schema versions of sources, as name and version.
    pub source_schemas: Vec<(String, String)>,
    /// Program version.
    pub program: &'a str,
    /// Levels of the weekly issues in it.
    pub weeks: Vec<WeekLevel>,
    /// The instant: days that are not over at it are not counted.
    pub now: Timestamp,
}

impl FrozenPeriod {
    /// The deterministic form.
    ///
    /// # Panics
    /// Never: the type holds only strings, numbers, lists and structs.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings, numbers, lists and structs are always JSON")
    }

    /// Reads the deterministic form back.
    ///
    /// # Errors
    /// [`Error::Frozen`] if it is damaged or of a later version.
    pub fn from_json(name: &str, text: &str) -> Result<Self> {
        let fail = |reason: String| Error::Frozen {
            name: name.to_owned(),
            reason,
        };
        let period: FrozenPeriod =
            serde_json::from_str(text).map_err(|error| fail(error.to_string()))?;
        if period.rollup != ROLLUP_FORMAT {
            let reason = format!("format {} is not {ROLLUP_FORMAT}", period.rollup);
            return Err(fail(reason));
        }
        Ok(period)
    }

    /// The value of a statistic.
    pub fn value(&self, id: &str) -> Option<&StatisticValue> {
        self.values.iter().find(|value| value.statistic == id)
    }

    /// Whether the period was over when it was counted.
    pub fn is_complete(&self) -> bool {
        self.counted_to.is_none()
    }
}

/// Feeds' coverage of several weeks as one: days add; a change in any week is a change.
pub fn together(weeks: &[Vec<FeedCoverage>], period: ReportingPeriod) -> Vec<FeedCoverage> {
    let mut all: Vec<FeedCoverage> = Vec::new();
    for one in weeks.iter().flatten() {
        let days = one.missing.iter().copied();
        let missing: Vec<Date> = days
            .filter(|day| *day >= period.first() && *day <= period.last())
            .collect();
        // Days that can be named are owed only within the period.
        let outside = (one.missing.len() - missing.len()) as u32;
        match all.iter_mut().find(|sum| sum.feed == one.feed) {
            None => all.push(FeedCoverage {
                expected_days: one.expected_days - outside.min(one.expected_days),
                missing,
                ..one.clone()
            }),
            Some(sum) => {
                sum.expected_days += one.expected_days - outside.min(one.expected_days);
                sum.seen_days += one.seen_days;
                sum.reports += one.reports;
                sum.changed |= one.changed;
                sum.standing &= one.standing;
                sum.missing.extend(missing);
            }
        }
    }
    all.sort_by(|a, b| a.feed.cmp(&b.feed));
    all
}

impl Week<'_> {
    /// Counts a period and freezes it; of the week only the handles, the zone and the snapshot are used.
    ///
    /// # Errors
    /// The ledger or the lake fails, or no day of the period is over.
    pub async fn freeze_period(
        &self,
        period: ReportingPeriod,
        with: Freeze<'_>,
    ) -> Result<FrozenPeriod> {
        let (start, end) = period.span(self.zone);
        let today = with.now.date_in(self.zone).unwrap_or(period.first());
        let over = today > period.last();
        let yesterday = today.saturating_sub(jiff::Span::new().days(1));
        if yesterday < period.first() {
            return Err(Error::Frozen {
                name: period.to_string(),
                reason: "no day of it is over yet".to_owned(),
            });
        }
        let counted_to = (!over).then_some(yesterday);
        let end = match counted_to {
            None => end,
            Some(_) => midnight(today, self),
        };
        let (tally, as_of) = self.counted((start, end), None).await?;
        let earlier = if tally.names.is_empty() {
            EarlierNames::default()
        } else {
            let back = |weeks: i64| Timestamp(start.0 - weeks * 7 * MICROS_PER_DAY);
            let starts: Vec<Timestamp> = (0..=i64::from(FIRST_SEEN_WEEKS)).map(back).collect();
            self.names_before(&starts).await?
        };
        let (infrastructure, _) = self.infrastructure_rows((start, end)).await?;
        let coverage = together(with.coverage, period);
        let first = period.first();
        let sources = Sources::of(self.feeds, &coverage, &tally, first, with.known);
        // The cuts of the level are of a week: a longer period has no word of that scale.
        let level = |_: &[StatisticValue]| None;
        let inputs = Inputs {
            monday: first,
            sources: &sources,
            earlier: &earlier,
            level: &level,
        };
        let declared: Vec<&Statistic> = statistics::at(&statistics::all(), period.last());
        let values = statistics::evaluate(&declared, &tally, &inputs);
        let mut source_schemas = with.source_schemas;
        source_schemas.sort();
        let mut basis = week::basis(source_schemas, with.reference, with.program);
        basis.lake_snapshot = self.snapshot.unsigned_abs();
        basis.ledger_as_of = Timestamp(as_of).to_string();
        Ok(FrozenPeriod {
            rollup: ROLLUP_FORMAT,
            series: with.series,
            period,
            zone: with.zone_name.to_owned(),
            counted_to,
            basis,
            coverage: sources.coverage,
            supplies: sources.supplies,
            values,
            beside: week::besides(&tally),
            infrastructure,
            weeks: with.weeks,
        })
    }
}

fn midnight(date: Date, week: &Week<'_>) -> Timestamp {
    week.zone
        .to_ambiguous_zoned_datetime(date.at(0, 0, 0, 0))
        .compatible()
        .map(|zoned| Timestamp::from(zoned.timestamp()))
        .unwrap_or_default()
}

impl Week<'_> {
    /// The values of a part of the week, from a first instant to an end, as the daily sheet prints them:
    /// preliminary, stored nowhere. What needs weeks to tell (names first seen) is not available.
    ///
    /// # Errors
    /// The ledger or the lake fails.
    pub async fn values_in(
        &self,
        span: (Timestamp, Timestamp),
        coverage: &[FeedCoverage],
        known: &[Supply],
    ) -> Result<Vec<StatisticValue>> {
        let (tally, _) = self.counted(span, None).await?;
        let monday = self.week.monday();
        let sources = Sources::of(self.feeds, coverage, &tally, monday, known);
        let inputs = Inputs {
            monday,
            sources: &sources,
            earlier: &EarlierNames::default(),
            level: &|_: &[StatisticValue]| None,
        };
        let declared = statistics::at(&statistics::all(), monday);
        Ok(statistics::evaluate(&declared, &tally, &inputs))
    }
}
