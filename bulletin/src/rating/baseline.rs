//! The arithmetic of both kinds of profile.
//!
//! Scores are computed in double precision and rounded to four decimals before they meet a cut, so
//! that the last bit of a logarithm, which may differ between machines, never decides a level.

use model::bulletin::{Decimal, Text};
use model::statistic::{Counted, Measured};

use super::profile::{Profile, ProfileKind};
use super::{
    GateWorking, IndicatorWorking, Infrastructure, Outcome, RatedWeek, Rating, Unassessed,
    Uncounted,
};
use crate::statistics::compare::Side;

const PLACES: u8 = 4;

/// Proposes a rating for `this` week from the weeks `before` (newest first) and the infrastructure
/// events of the week.
pub fn propose(
    profile: &Profile,
    this: RatedWeek<'_>,
    before: &[RatedWeek<'_>],
    events: &[Infrastructure],
) -> Rating {
    let mut rating = Rating {
        profile: profile.id.clone(),
        profile_version: profile.version,
        words: profile.words(),
        cuts: profile
            .levels
            .iter()
            .filter_map(|level| level.up_to)
            .filter_map(|cut| Decimal::round(cut, PLACES))
            .collect(),
        outcome: Outcome::NotAssessed {
            reason: Unassessed::Nothing,
        },
        score: None,
        by_score: None,
        indicators: Vec::new(),
        gates: Vec::new(),
    };
    let proposed = match profile.kind {
        ProfileKind::Baseline => baseline(profile, this, before, &mut rating),
        ProfileKind::Linear => linear(profile, this, &mut rating),
    };
    rating.by_score = rating.score.map(|score| profile.level_of(score.to_f64()));
    for gate in &profile.gates {
        let applied = events.iter().any(|event| event.grade == gate.event);
        rating.gates.push(GateWorking {
            name: Text::new(&*gate.zh, &*gate.en),
            cap: gate.cap,
            applied,
        });
    }
    let cap = rating
        .gates
        .iter()
        .filter(|gate| gate.applied)
        .map(|gate| gate.cap)
        .max()
        .unwrap_or(1);
    rating.outcome = match proposed {
        Ok(level) => Outcome::Assessed {
            level: level.max(cap),
        },
        Err(reason) => Outcome::NotAssessed { reason },
    };
    rating
}

/// What one indicator comes to, and what it would come to had the silent sources spoken.
struct Compared {
    working: IndicatorWorking,
    ln: Option<f64>,
    /// At worst; `None` where silence cannot matter because nothing was silent.
    ln_at_worst: Option<f64>,
    silent: Vec<String>,
}

fn baseline(
    profile: &Profile,
    this: RatedWeek<'_>,
    before: &[RatedWeek<'_>],
    rating: &mut Rating,
) -> Result<u8, Unassessed> {
    let rule = profile.baseline;
    let before = &before[..before.len().min(rule.weeks)];
    let compared: Vec<(f64, Compared)> = profile
        .indicators
        .iter()
        .map(|indicator| {
            (
                indicator.weight,
                compare(profile, &indicator.statistic, this, before),
            )
        })
        .collect();
    let all: f64 = compared.iter().map(|(weight, _)| weight).sum();
    let there: f64 = compared
        .iter()
        .filter(|(_, found)| found.ln.is_some())
        .map(|(weight, _)| weight)
        .sum();
    let mut score = 0.0;
    let mut silent: Vec<String> = Vec::new();
    let mut worst = (0.0, 0.0);
    for (weight, found) in compared {
        let mut working = found.working;
        if let Some(ln) = found.ln {
            let share = weight / there;
            score += share * ln;
            working.weight = Decimal::round(share, PLACES).unwrap_or_default();
            working.contribution = Decimal::round(share * ln, PLACES);
        }
        if let Some(ln) = found.ln_at_worst.or(found.ln) {
            worst.0 += weight * ln;
            worst.1 += weight;
        }
        silent.extend(found.silent);
        rating.indicators.push(working);
    }
    if there == 0.0 {
        return Err(match before.len() < rule.min_weeks {
            true => Unassessed::ShortBaseline {
                weeks: before.len(),
                needed: rule.min_weeks,
            },
            false => Unassessed::Nothing,
        });
    }
    let score = Decimal::round(score, PLACES).unwrap_or_default();
    rating.score = Some(score);
    // Weights are decimals: half of them is half, whatever the last bit says.
    let share = there / all + 1e-9;
    if share < rule.min_weight {
        let percent = |share: f64| (share * 100.0 + 1e-6).floor() as u32;
        return Err(Unassessed::LittleWeight {
            percent: percent(share),
            needed: percent(rule.min_weight),
        });
    }
    let level = profile.level_of(score.to_f64());
    silent.sort();
    silent.dedup();
    if !silent.is_empty() {
        let at_worst = Decimal::round(worst.0 / worst.1, PLACES).unwrap_or_default();
        let at_worst = profile.level_of(at_worst.to_f64());
        if at_worst > level {
            return Err(Unassessed::Silence {
                feeds: silent,
                at_best: level,
                at_worst,
            });
        }
    }
    Ok(level)
}

fn count_of<'a>(week: &RatedWeek<'a>, id: &str) -> Option<(&'a Counted, Side<'a>)> {
    let value = week.value(id)?;
    Some((
        value.measured.count()?,
        Side {
            value,
            coverage: week.coverage,
        },
    ))
}

fn compare(profile: &Profile, id: &str, this: RatedWeek<'_>, before: &[RatedWeek<'_>]) -> Compared {
    let rule = profile.baseline;
    let mut out = Compared {
        working: IndicatorWorking {
            statistic: id.to_owned(),
            this: None,
            median_doubled: None,
            weeks: 0,
            ln_ratio: None,
            weight: Decimal::ZERO,
            contribution: None,
            uncounted: None,
            over: None,
        },
        ln: None,
        ln_at_worst: None,
        silent: Vec::new(),
    };
    // Sources of last week that are not complete this week are silent, whether or not they are
    // still in the configuration; those that were taken out longer ago are simply gone.
    let last_sources = before
        .first()
        .and_then(|week| week.value(id))
        .map(|value| value.sources.clone())
        .unwrap_or_default();
    let now = count_of(&this, id);
    let mut sources = this
        .value(id)
        .map(|value| value.sources.clone())
        .unwrap_or_default();
    sources.extend(last_sources);
    sources.sort();
    sources.dedup();
    let complete_now = |feed: &String| now.is_some_and(|(_, side)| side.complete(feed));
    // A list that stands from an earlier week is not silent, but nor does it compare.
    out.silent = sources
        .iter()
        .filter(|feed| !now.is_some_and(|(_, side)| side.owes_nothing(feed)))
        .cloned()
        .collect();
    let full: Vec<u64> = before
        .iter()
        .filter_map(|week| count_of(week, id))
        .map(|(counted, _)| counted.count)
        .collect();
    out.ln_at_worst = at_worst(
        profile,
        id,
        now.map(|(counted, _)| counted),
        before,
        &full,
        &out.silent,
    );
    let Some((counted, _)) = now else {
        out.working.uncounted = Some(match this.value(id).map(|value| &value.measured) {
            Some(Measured::NotAvailable { reason }) => Uncounted::NotAvailable {
                reason: reason.clone(),
            },
            _ => Uncounted::NoCompleteSource,
        });
        return out;
    };
    // Compare over the sources that are complete now and were in enough weeks of the baseline.
    let usable: Vec<String> = sources
        .iter()
        .filter(|feed| complete_now(feed))
        .filter(|feed| {
            let weeks = before
                .iter()
                .filter_map(|week| count_of(week, id))
                .filter(|(_, side)| side.complete(feed));
            weeks.count() >= rule.min_weeks
        })
        .cloned()
        .collect();
    let imported = |counted: &Counted| counted.by_sources.is_empty() && counted.count > 0;
    let any_imported = imported(counted)
        || before
            .iter()
            .filter_map(|week| count_of(week, id))
            .any(|(counted, _)| imported(counted));
    let all = usable.len() == sources.len();
    let (this_count, weeks): (Option<u64>, Vec<u64>) =
        if any_imported && (all || sources.is_empty()) {
            // Back issues carry no sources: they are taken as printed, beside complete weeks only.
            (Some(counted.count), full)
        } else {
            let week_over = |week: &RatedWeek<'_>| {
                let (counted, side) = count_of(week, id)?;
                usable
                    .iter()
                    .all(|feed| side.complete(feed))
                    .then(|| counted.over(&usable))?
            };
            (
                counted.over(&usable).filter(|_| !usable.is_empty()),
                before.iter().filter_map(week_over).collect(),
            )
        };
    out.working.weeks = weeks.len();
    if !all && !usable.is_empty() {
        out.working.over = Some(usable);
    }
    let Some(this_count) = this_count else {
        let few = before.len() < rule.min_weeks;
        out.working.uncounted = Some(if few {
            Uncounted::FewWeeks {
                weeks: before.len(),
            }
        } else {
            Uncounted::NoCompleteSource
        });
        return out;
    };
    out.working.this = Some(this_count);
    if weeks.len() < rule.min_weeks {
        out.working.uncounted = Some(Uncounted::FewWeeks { weeks: weeks.len() });
        return out;
    }
    let doubled = median_doubled(weeks);
    let ln = ln_ratio(this_count as f64, doubled as f64 / 2.0, rule.zero);
    out.working.median_doubled = Some(doubled);
    out.working.ln_ratio = Decimal::round(ln, PLACES);
    out.ln = Some(ln);
    if let Some(worst) = out.ln_at_worst {
        out.ln_at_worst = Some(worst.max(ln));
    }
    out
}

/// The ratio had every silent source brought `silent_times` the most that it added in a week of the
/// baseline, over all sources. `None` if no source was silent.
fn at_worst(
    profile: &Profile,
    id: &str,
    now: Option<&Counted>,
    before: &[RatedWeek<'_>],
    full: &[u64],
    silent: &[String],
) -> Option<f64> {
    if silent.is_empty() || full.is_empty() {
        return None;
    }
    let without_silent = |counted: &Counted| {
        let others: Vec<String> = counted
            .feeds()
            .into_iter()
            .filter(|feed| !silent.contains(feed))
            .collect();
        counted.over(&others)
    };
    let added = before
        .iter()
        .filter_map(|week| count_of(week, id))
        .filter_map(|(counted, _)| Some(counted.count - without_silent(counted)?))
        .max()
        .unwrap_or(0);
    let seen = now.map_or(0, |counted| counted.count);
    let rest = now.and_then(without_silent).unwrap_or(seen);
    let worst = (rest as f64 + profile.baseline.silent_times * added as f64).max(seen as f64);
    Some(ln_ratio(
        worst,
        median_doubled(full.to_vec()) as f64 / 2.0,
        profile.baseline.zero,
    ))
}

fn median_doubled(mut counts: Vec<u64>) -> u64 {
    counts.sort_unstable();
    let middle = counts.len() / 2;
    match counts.len() {
        0 => 0,
        odd if odd % 2 == 1 => counts[middle] * 2,
        _ => counts[middle - 1] + counts[middle],
    }
}

fn ln_ratio(this: f64, median: f64, zero: f64) -> f64 {
    (this.max(zero) / median.max(zero)).ln()
}

fn linear(profile: &Profile, this: RatedWeek<'_>, rating: &mut Rating) -> Result<u8, Unassessed> {
    let mut score = 0.0;
    let mut lacking = false;
    for indicator in &profile.indicators {
        let measured = this
            .value(&indicator.statistic)
            .map(|value| &value.measured);
        let count = measured
            .and_then(Measured::count)
            .map(|counted| counted.count);
        let contribution = count
            .map(|count| indicator.weight * count as f64)
            .or(indicator
                .missing
                .map(|stand_in| indicator.weight * stand_in));
        lacking |= contribution.is_none();
        score += contribution.unwrap_or(0.0);
        rating.indicators.push(IndicatorWorking {
            statistic: indicator.statistic.clone(),
            this: count,
            median_doubled: None,
            weeks: 0,
            ln_ratio: None,
            weight: Decimal::round(indicator.weight, PLACES).unwrap_or_default(),
            contribution: contribution.and_then(|part| Decimal::round(part, PLACES)),
            uncounted: match (count, measured.and_then(Measured::missing)) {
                (None, Some(reason)) => Some(Uncounted::NotAvailable {
                    reason: reason.clone(),
                }),
                (None, None) => Some(Uncounted::NotAvailable {
                    reason: model::statistic::Missing::NotInSource,
                }),
                _ => None,
            },
            over: None,
        });
    }
    if lacking {
        return Err(Unassessed::Nothing);
    }
    let score = Decimal::round(score, PLACES).unwrap_or_default();
    rating.score = Some(score);
    Ok(profile.level_of(score.to_f64()))
}
