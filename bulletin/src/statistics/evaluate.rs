//! From cells to values: the declared formulas, and *not available* wherever something is lacking.

use std::collections::BTreeMap;

use jiff::civil::Date;
use model::statistic::{
    Counted, Formula, Measured, Missing, Observed, PartValue, Quantity, Statistic, StatisticValue,
    Window,
};

use super::cells::{UNKNOWN, WeekTally};
use super::names::EarlierNames;
use super::supply::Sources;
use crate::handling::BEGUN;

/// Members of a family beyond so many are added up as `other`: all provinces are listed, but only
/// the commonest top-level domains.
const FAMILY_MEMBERS: usize = 40;
const COMMONEST_MEMBERS: usize = 10;

/// What the values of a week follow from, besides its tally.
pub struct Inputs<'a> {
    /// Monday of the week.
    pub monday: Date,
    /// Feeds: what they can supply and what arrived.
    pub sources: &'a Sources,
    /// Malware names of the weeks before.
    pub earlier: &'a EarlierNames,
    /// Finds the word of a level from the values it looks at.
    pub level: &'a dyn Fn(&[StatisticValue]) -> Option<String>,
}

/// The values of all statistics, in the order of the tables.
pub fn evaluate(
    statistics: &[&Statistic],
    tally: &WeekTally,
    inputs: &Inputs<'_>,
) -> Vec<StatisticValue> {
    let mut tally = tally.clone();
    tally.place_new_names(inputs.earlier);
    let mut values: Vec<StatisticValue> = Vec::with_capacity(statistics.len());
    for statistic in statistics {
        let value = match statistic.formula {
            Formula::Level { over } => level(statistic, over, &values, inputs),
            _ => value(statistic, &tally, inputs),
        };
        values.push(value);
    }
    values
}

fn available(quantity: Quantity) -> Measured {
    Measured::Available { quantity }
}

fn not_available(reason: Missing) -> Measured {
    Measured::NotAvailable { reason }
}

fn value(statistic: &Statistic, tally: &WeekTally, inputs: &Inputs<'_>) -> StatisticValue {
    let mut out = StatisticValue {
        statistic: statistic.id.to_owned(),
        version: statistic.version,
        measured: not_available(Missing::EmptyWhole),
        sources: Vec::new(),
        parts: Vec::new(),
    };
    let suppliers = |fields: &[&str]| match statistic.observed {
        // No feed brings it: it is there as soon as the ledger's week was placed.
        Observed::Handling if tally.cells.contains_key(BEGUN) => Ok(Vec::new()),
        Observed::Handling => Err(Missing::NotBegun),
        observed => inputs.sources.suppliers(observed, fields, inputs.monday),
    };
    let feeds = match suppliers(statistic.fields) {
        Ok(feeds) => feeds,
        Err(reason) => {
            out.measured = not_available(reason);
            return out;
        }
    };
    if let Window::WeekFirstSeen { .. } = statistic.window {
        let needed = super::malware::FIRST_SEEN_AT_LEAST;
        let weeks = feeds
            .iter()
            .map(|feed| inputs.earlier.weeks_of(feed))
            .max()
            .unwrap_or(0);
        if weeks < needed {
            out.measured = not_available(Missing::ShortHistory { weeks, needed });
            return out;
        }
    }
    out.measured = measure(statistic.formula, tally);
    out.sources = with_contributors(feeds, &out.measured);
    for rule in statistic.parts {
        let fields: Vec<&str> = statistic
            .fields
            .iter()
            .chain(rule.fields)
            .copied()
            .collect();
        let measured = match suppliers(&fields) {
            Ok(_) => measure(rule.formula, tally),
            Err(reason) => not_available(reason),
        };
        out.parts.push(PartValue {
            id: rule.id.to_owned(),
            measured,
        });
    }
    out.parts.extend(members(statistic.formula, tally));
    out
}

fn with_contributors(mut feeds: Vec<String>, measured: &Measured) -> Vec<String> {
    match measured.quantity() {
        Some(Quantity::Count(counted)) => feeds.extend(counted.feeds()),
        Some(Quantity::Ratio { denominator, .. }) => feeds.extend(denominator.feeds()),
        _ => {}
    }
    feeds.sort();
    feeds.dedup();
    feeds
}

fn ratio(numerator: Counted, denominator: Counted, of: Option<String>) -> Measured {
    if denominator.count == 0 {
        return not_available(Missing::EmptyWhole);
    }
    available(Quantity::Ratio {
        numerator,
        denominator,
        of,
    })
}

fn measure(formula: Formula, tally: &WeekTally) -> Measured {
    match formula {
        Formula::Count(cell) => available(Quantity::Count(tally.cell(cell))),
        Formula::Measure(cell) => match tally.cells.get(cell) {
            Some(measured) => available(Quantity::Count(measured.clone())),
            None => not_available(Missing::TooFew),
        },
        Formula::Sum(cells) => {
            let sum = cells
                .iter()
                .fold(Counted::default(), |sum, cell| sum.plus(&tally.cell(cell)));
            available(Quantity::Count(sum))
        }
        Formula::Ratio { part, whole } => ratio(tally.cell(part), tally.cell(whole), None),
        Formula::Commonest { family, whole } => {
            let known = tally
                .family(family)
                .into_iter()
                .find(|(name, _)| name != UNKNOWN);
            match known {
                Some((name, counted)) => ratio(counted, tally.cell(whole), Some(name)),
                None => not_available(Missing::EmptyWhole),
            }
        }
        Formula::Ranking { family, top } => {
            let known = tally
                .family(family)
                .into_iter()
                .filter(|(name, _)| name != UNKNOWN);
            available(Quantity::Rank {
                names: known.take(top).map(|(name, _)| name).collect(),
            })
        }
        Formula::Division { family, whole } => {
            if tally.cell(whole).count == 0 {
                return not_available(Missing::EmptyWhole);
            }
            available(Quantity::Rank {
                names: tally
                    .family(family)
                    .into_iter()
                    .map(|(name, _)| name)
                    .collect(),
            })
        }
        Formula::Level { .. } => not_available(Missing::EmptyWhole),
    }
}

/// The members of a family as parts: counts of a ranking, shares of a division.
fn members(formula: Formula, tally: &WeekTally) -> Vec<PartValue> {
    let (family, whole) = match formula {
        Formula::Commonest { family, whole } | Formula::Division { family, whole } => {
            (family, Some(whole))
        }
        Formula::Ranking { family, .. } => (family, None),
        _ => return Vec::new(),
    };
    let mut members = tally.family(family);
    let unknown = members.pop_if(|(name, _)| name == UNKNOWN);
    let listed = if matches!(formula, Formula::Commonest { .. }) {
        COMMONEST_MEMBERS
    } else {
        FAMILY_MEMBERS
    };
    let rest: Vec<(String, Counted)> = members.split_off(members.len().min(listed));
    if !rest.is_empty() {
        let sum = rest
            .iter()
            .fold(Counted::default(), |sum, (_, counted)| sum.plus(counted));
        members.push(("other".to_owned(), sum));
    }
    members.extend(unknown);
    let part = |(id, counted): (String, Counted)| PartValue {
        id,
        measured: match whole {
            Some(whole) => ratio(counted, tally.cell(whole), None),
            None => available(Quantity::Count(counted)),
        },
    };
    // Equal names may meet: a source's own word `other` and the rest.
    let mut merged: BTreeMap<String, usize> = BTreeMap::new();
    let mut out: Vec<(String, Counted)> = Vec::new();
    for (id, counted) in members {
        match merged.get(&id) {
            Some(at) => out[*at].1 = out[*at].1.plus(&counted),
            None => {
                merged.insert(id.clone(), out.len());
                out.push((id, counted));
            }
        }
    }
    out.into_iter().map(part).collect()
}

fn level(
    statistic: &Statistic,
    over: &[&str],
    values: &[StatisticValue],
    inputs: &Inputs<'_>,
) -> StatisticValue {
    let needed: Vec<&StatisticValue> = values
        .iter()
        .filter(|value| over.contains(&value.statistic.as_str()))
        .collect();
    let lacking: Vec<String> = needed
        .iter()
        .filter(|value| value.measured.quantity().is_none())
        .map(|value| value.statistic.clone())
        .collect();
    let word = if lacking.is_empty() {
        (inputs.level)(values)
    } else {
        None
    };
    let mut sources: Vec<String> = needed
        .iter()
        .flat_map(|value| value.sources.iter().cloned())
        .collect();
    sources.sort();
    sources.dedup();
    StatisticValue {
        statistic: statistic.id.to_owned(),
        version: statistic.version,
        measured: match word {
            Some(word) => available(Quantity::Word { word }),
            None => {
                let statistics = if lacking.is_empty() {
                    over.iter().map(|id| (*id).to_owned()).collect()
                } else {
                    lacking
                };
                not_available(Missing::DependsOn { statistics })
            }
        },
        sources,
        parts: Vec::new(),
    }
}
