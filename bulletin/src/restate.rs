//! A changed definition: the one before runs beside it, and the weeks before are counted again by it.
//!
//! A statistic's declaration names its predecessor ([`model::statistic::Predecessor`]). From the week in which the new
//! definition came in, each frozen week keeps the figure by both ([`former`]) for as long as the declaration says,
//! and the stored weeks before are counted again by the new one ([`Week::restated`]), so that changes, ranges and
//! lines compare like with like ([`past_as_now`]). What was printed is never touched: restated values stand in the
//! weeks that came after.
//!
//! A week is restated only from records that still say what was printed: where the definition before does not give
//! the frozen value any more (records expired, a feed is gone), the week stays as printed and the series breaks.

use std::borrow::Cow;

use jiff::civil::Date;
use model::statistic::{Statistic, StatisticValue};
use model::time::Timestamp;

use crate::Result;
use crate::frozen::{Former, FrozenWeek, Origin, Restated};
use crate::handling::Then;
use crate::statistics::compare::Side;
use crate::statistics::{self, EarlierNames, Inputs, Sources, WeekTally};
use crate::week::{HISTORY_WEEKS, Week};

/// Key of a figure by the definition before: `M1@v1`.
pub fn former_key(value: &StatisticValue) -> String {
    format!("{}@v{}", value.statistic, value.version)
}

/// The figures of a week by definitions that were just replaced, in the order of the tables.
pub fn former(
    declared: &[&'static Statistic],
    monday: Date,
    tally: &WeekTally,
    inputs: &Inputs<'_>,
) -> Vec<Former> {
    let now = statistics::at(declared, monday);
    let mut out = Vec::new();
    for (at, statistic) in now.iter().enumerate() {
        let Some(before) = statistic.beside(monday) else {
            continue;
        };
        let mut then = now.clone();
        then[at] = before.definition;
        let mut values = statistics::evaluate(&then, tally, inputs);
        let mut value = values.swap_remove(at);
        value.parts.clear();
        out.push(Former {
            since: before.since,
            until: before.until(),
            change: before.change.text(),
            value,
        });
    }
    out
}

/// The weeks before as this week compares with them: what was restated in the place of what was printed, which
/// moves to the figures by the definition before.
pub fn past_as_now<'a>(this: &FrozenWeek, past: &'a [FrozenWeek]) -> Cow<'a, [FrozenWeek]> {
    as_now(&this.restated, past)
}

/// The weeks before with these values in the place of what was printed.
pub(crate) fn as_now<'a>(restated: &[Restated], past: &'a [FrozenWeek]) -> Cow<'a, [FrozenWeek]> {
    if restated.is_empty() {
        return Cow::Borrowed(past);
    }
    let mut weeks = past.to_vec();
    for again in restated {
        let Some(week) = weeks.iter_mut().find(|week| week.week == again.week) else {
            continue;
        };
        let same = |value: &&mut StatisticValue| value.statistic == again.value.statistic;
        let Some(value) = week.values.iter_mut().find(same) else {
            continue;
        };
        let mut printed = std::mem::replace(value, again.value.clone());
        printed.parts.clear();
        let since = week.week.monday();
        week.former.push(Former {
            since,
            until: since,
            change: model::bulletin::Text::default(),
            value: printed,
        });
    }
    Cow::Owned(weeks)
}

impl Week<'_> {
    /// Of the weeks before (newest first, at most a year of them) every figure whose definition is an older one than
    /// that of this week, counted again. What last week's issue restated is taken from there; the rest is read
    /// from the lake as it was when each week was frozen.
    ///
    /// # Errors
    /// The ledger or the lake fails.
    pub async fn restated(
        &self,
        declared: &[&'static Statistic],
        past: &[FrozenWeek],
    ) -> Result<Vec<Restated>> {
        let now = statistics::at(declared, self.week.monday());
        if now.iter().all(|statistic| statistic.before.is_none()) {
            return Ok(Vec::new());
        }
        let oldest = self.week.plus(-HISTORY_WEEKS);
        let known: &[Restated] = past.first().map_or(&[], |last| &last.restated);
        let mut out = Vec::new();
        for week in past.iter().filter(|week| week.week >= oldest) {
            let mut wanted: Vec<&'static Statistic> = Vec::new();
            for &statistic in &now {
                let printed = week.value(statistic.id).map(|value| value.version);
                if printed.is_none_or(|version| version >= statistic.version) {
                    continue;
                }
                let again = known.iter().find(|again| {
                    again.week == week.week
                        && again.value.statistic == statistic.id
                        && again.value.version == statistic.version
                });
                match again {
                    Some(again) => out.push(again.clone()),
                    // What last week could not restate is not tried again: its records do not come back.
                    None if tried(past.first(), statistic, week) => {}
                    None => wanted.push(statistic),
                }
            }
            if !wanted.is_empty() && week.origin == Origin::Counted {
                out.extend(self.again(declared, &wanted, week).await?);
            }
        }
        out.sort_by(|a, b| (a.week, &a.value.statistic).cmp(&(b.week, &b.value.statistic)));
        Ok(out)
    }

    /// Counts a stored week again as it was frozen, by the definitions of this week.
    async fn again(
        &self,
        declared: &[&'static Statistic],
        wanted: &[&'static Statistic],
        frozen: &FrozenWeek,
    ) -> Result<Vec<Restated>> {
        let Ok(as_of) = frozen.basis.ledger_as_of.parse::<jiff::Timestamp>() else {
            return Ok(Vec::new());
        };
        let as_of = Timestamp::from(as_of);
        let week = Week {
            week: frozen.week,
            snapshot: i64::try_from(frozen.basis.lake_snapshot).unwrap_or(self.snapshot),
            ..*self
        };
        let then = Then {
            frozen_at: as_of.0,
            as_of: as_of.0,
        };
        let span = frozen.week.span(self.zone);
        let (tally, _) = week.counted(span, Some(then)).await?;
        let earlier = if tally.names.is_empty() {
            EarlierNames::default()
        } else {
            week.earlier_names().await?
        };
        let monday = frozen.monday();
        let sources = Sources {
            coverage: frozen.coverage.clone(),
            supplies: frozen.supplies.clone(),
        };
        let inputs = Inputs {
            monday,
            sources: &sources,
            earlier: &earlier,
            level: &|_| None,
        };
        let counted = |statistics: &[&'static Statistic]| {
            statistics::evaluate(
                &statistics::at(statistics, self.week.monday()),
                &tally,
                &inputs,
            )
        };
        let as_printed = statistics::evaluate(&statistics::at(declared, monday), &tally, &inputs);
        let same = |id: &str| {
            let printed = frozen.value(id);
            let again = as_printed.iter().find(|value| value.statistic == id);
            printed.zip(again).is_some_and(|(printed, again)| {
                printed.version == again.version && printed.measured == again.measured
            })
        };
        let values = counted(declared).into_iter().filter(|value| {
            let id = value.statistic.as_str();
            wanted.iter().any(|statistic| statistic.id == id) && same(id)
        });
        Ok(values
            .map(|value| {
                let side = Side {
                    value: &value,
                    coverage: &frozen.coverage,
                };
                let (complete, expected) = side.completeness(None);
                Restated {
                    week: frozen.week,
                    complete: complete == expected,
                    value,
                }
            })
            .collect())
    }
}

/// Whether the newest week before was counted by this definition already and knew the other one.
fn tried(last: Option<&FrozenWeek>, statistic: &Statistic, week: &FrozenWeek) -> bool {
    last.is_some_and(|last| {
        let counted = last.value(statistic.id).map(|value| value.version);
        counted == Some(statistic.version) && week.week < last.week
    })
}
