//! A figure against the weeks before: the same again, or far from all of them.

use model::bulletin::Text;
use model::statistic::{Presentation, Statistic, StatisticValue};

use super::{Desk, Report};
use crate::frozen::{FrozenWeek, Origin};
use crate::statistics;
use crate::statistics::compare::Side;

/// Below this, equal counts in different weeks say nothing.
const REPEATED_FROM: u64 = 10;
/// Fewer complete weeks than this are no range.
const RANGE_AT_LEAST: usize = 8;
/// Medians of absolute deviations, scaled to a standard deviation, that a figure may lie away.
const DEVIATIONS: f64 = 6.0;
/// A median absolute deviation times this estimates the standard deviation of normal data.
const TO_STANDARD: f64 = 1.4826;

/// Statistics that count: those with a change.
fn counted() -> impl Iterator<Item = &'static Statistic> {
    statistics::all()
        .into_iter()
        .filter(|statistic| statistic.compared)
}

fn count(value: Option<&StatisticValue>) -> Option<u64> {
    value?.measured.count().map(|counted| counted.count)
}

fn label(week: &FrozenWeek) -> String {
    format!("{} ({})", week.issue, week.week.monday())
}

/// Whether every count part and every division by sources is that of the other week too.
fn same_inside(a: &StatisticValue, b: &StatisticValue) -> bool {
    // With one source it says no more than the count.
    let known = a
        .measured
        .count()
        .is_some_and(|counted| counted.by_sources.len() > 1);
    known && a.measured == b.measured && a.parts == b.parts
}

/// It asks, and never blocks: two weeks can truly have the same count, and then there is nothing to put
/// right. A figure that was copied is not the frozen one, and that blocks.
pub(super) fn repeated(desk: &Desk<'_>, report: &mut Report<'_>) {
    for statistic in counted() {
        let Some(printed) = desk
            .bulletin()
            .value(statistic.id)
            .and_then(|value| value.value.as_ref())
        else {
            continue;
        };
        let model::bulletin::Exact::Count { count: now } = printed.exact else {
            continue;
        };
        if now < REPEATED_FROM {
            continue;
        }
        let own = desk.subject.frozen.value(statistic.id);
        let equal = desk.subject.past.iter().find(|past| {
            let value = past.value(statistic.id);
            // 万 figures of a back issue are known to a thousand only.
            let rounded = matches!(past.origin, Origin::Imported { .. })
                && statistic.print == Presentation::WanOneDecimal;
            !rounded
                && count(value) == Some(now)
                && value.map(|value| value.version) == own.map(|own| own.version)
        });
        let Some(equal) = equal else { continue };
        let whole = own
            .zip(equal.value(statistic.id))
            .is_some_and(|(own, then)| same_inside(own, then));
        let (zh, en) = match whole {
            true => (
                "，各来源的数也相同：可能是旧的报送又送了一次",
                ", and so is what each source brought: an old report may have come again",
            ),
            false => ("", ""),
        };
        report.add(
            statistic.id,
            Text::new(
                format!(
                    "{}为{now}，与第{}期的数相同{zh}",
                    statistic.name.zh,
                    label(equal)
                ),
                format!(
                    "{}: {now}, as in issue {}{en}",
                    statistic.name.en,
                    label(equal)
                ),
            ),
            Text::new(
                format!(
                    "核对记录（watchfire week {} --explain {}）后说明",
                    desk.subject.frozen.issue, statistic.id
                ),
                format!(
                    "look at the records (watchfire week {} --explain {}) and say so",
                    desk.subject.frozen.issue, statistic.id
                ),
            ),
        );
    }
}

fn median(sorted: &[u64]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        1 => sorted[middle] as f64,
        _ => (sorted[middle - 1] as f64 + sorted[middle] as f64) / 2.0,
    }
}

/// Whether a count lies outside what the earlier ones allow: a third of the least, three times the most, or
/// so many deviations from the median and beyond all of them.
fn is_outside(now: u64, sorted: &[u64]) -> bool {
    let (Some(least), Some(most)) = (sorted.first(), sorted.last()) else {
        return false;
    };
    if now * 3 < *least || now > most.saturating_mul(3) {
        return true;
    }
    let middle = median(sorted);
    let mut away: Vec<u64> = sorted
        .iter()
        .map(|count| (*count as f64 - middle).abs().round() as u64)
        .collect();
    away.sort_unstable();
    let spread = median(&away) * TO_STANDARD;
    let beyond = now < *least || now > *most;
    spread > 0.0 && beyond && (now as f64 - middle).abs() > DEVIATIONS * spread
}

pub(super) fn range(desk: &Desk<'_>, report: &mut Report<'_>) {
    for statistic in counted() {
        let frozen = desk.subject.frozen;
        let Some(now) = count(frozen.value(statistic.id)) else {
            continue;
        };
        let version = frozen.value(statistic.id).map(|value| value.version);
        let mut known: Vec<u64> = desk
            .subject
            .past
            .iter()
            .filter_map(|past| {
                let value = past.value(statistic.id)?;
                let (complete, expected) = Side {
                    value,
                    coverage: &past.coverage,
                }
                .completeness(None);
                (complete == expected && Some(value.version) == version)
                    .then(|| count(Some(value)))?
            })
            .collect();
        known.sort_unstable();
        let (Some(least), Some(most)) = (known.first().copied(), known.last().copied()) else {
            continue;
        };
        if known.len() < RANGE_AT_LEAST || now.max(most) < REPEATED_FROM || !is_outside(now, &known)
        {
            continue;
        }
        let (weeks, middle) = (known.len(), median(&known));
        report.add(
            statistic.id,
            Text::new(
                format!("{}为{now}，近{weeks}周为{least}至{most}，中位数{middle}", statistic.name.zh),
                format!("{}: {now}; {weeks} weeks before lie between {least} and {most}, median {middle}", statistic.name.en),
            ),
            Text::new(
                format!("用 watchfire bulletin explain-change {} {} 查明原因，并在文中说明", frozen.issue, statistic.id),
                format!("find out why (watchfire bulletin explain-change {} {}) and say so in the issue", frozen.issue, statistic.id),
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_robust() {
        let usual = [100, 102, 104, 105, 106, 108, 110, 112];
        assert!(is_outside(337, &usual) && is_outside(33, &usual) && is_outside(160, &usual));
        assert!(!is_outside(112, &usual) && !is_outside(125, &usual));
        // One wild week widens the range, not the deviation: what lies within it passes.
        let wild = [100, 102, 104, 105, 106, 108, 110, 900];
        assert!(!is_outside(600, &wild));
        assert!(!is_outside(5, &[5; 9]));
    }
}
