//! Figures among themselves, against the frozen week, and wherever they are printed.

use std::collections::{BTreeMap, BTreeSet};

use model::bulletin::{Decimal, Exact, Lang, PublishedValue, Text};
use model::statistic::{self, Formula, PartRule, Presentation, Statistic};

use super::prints::{Form, fits};
use super::{Desk, Report, extract, fault, redraft};
use crate::statistics;

/// A whole and the parts that add up to it. A part that is not listed counts as none only where it is
/// marked so by its place after the bar: `V1/unrated` is not printed where every record has a level.
const SUMS: &[(&str, &[&str])] = &[
    ("M1", &["M2", "M3"]),
    ("V1", &["V2", "V3", "V4", "V1/unrated"]),
    (
        "I1",
        &[
            "I1/ended",
            "I1/acted",
            "I1/refused",
            "I1/no-response",
            "I1/moved",
            "I1/reopened",
        ],
    ),
];

/// Divisions whose members add up to their whole.
const DIVISIONS: &[&str] = &["W8", "W9", "V6", "I6"];

/// A part and the whole that it cannot exceed (DOMAIN section 1.4).
const PARTS: &[(&str, &str)] = &[
    ("M1/union", "M1"),
    ("M2", "M1"),
    ("M3", "M1"),
    ("M4/family", "M4"),
    ("H6", "H2"),
    ("W2", "W1"),
    ("W4", "W3"),
    ("W6", "W5"),
    ("V2", "V1"),
    ("V3", "V1"),
    ("V4", "V1"),
    ("V1/unrated", "V1"),
    ("I2", "I1"),
    ("I3", "I1"),
    ("I3/partners", "I3"),
    ("I3/registrar", "I3"),
    ("I3/overseas-cert", "I3"),
    ("I1/ended", "I1"),
    ("I1/acted", "I1"),
    ("I1/refused", "I1"),
    ("I1/no-response", "I1"),
    ("I1/moved", "I1"),
    ("I1/reopened", "I1"),
    ("I2/reporter", "I2"),
    ("I2/victim", "I2"),
    ("I2/hosting", "I2"),
    ("I2/registrar", "I2"),
    ("I2/party", "I2"),
    ("T1/open", "T1/n"),
];

/// A quotient and the counts that it is of: the part, the whole.
const QUOTIENTS: &[(&str, &str, &str)] = &[
    ("W2/share", "W2", "W1"),
    ("W4/share", "W4", "W3"),
    ("I2/share", "I2", "I1"),
];

pub(super) fn count(value: &PublishedValue) -> Option<u64> {
    match value.value.as_ref()?.exact {
        Exact::Count { count } => Some(count),
        _ => None,
    }
}

fn count_of(desk: &Desk<'_>, key: &str) -> Option<u64> {
    count(desk.bulletin().value(key)?)
}

/// The number that a text of Chinese print says, in base units: `28.4万` is 284 000.
fn printed_number(value: &PublishedValue) -> Option<u64> {
    let text = &value.value.as_ref()?.text.zh;
    match text.strip_suffix('万') {
        Some(wan) => {
            let (whole, tenth) = wan.split_once('.')?;
            Some(whole.parse::<u64>().ok()? * 10_000 + tenth.parse::<u64>().ok()? * 1_000)
        }
        None => text.parse().ok(),
    }
}

pub(super) fn sums(desk: &Desk<'_>, report: &mut Report<'_>) {
    for (whole, parts) in SUMS {
        let Some(value) = desk
            .bulletin()
            .value(whole)
            .filter(|value| value.value.is_some())
        else {
            continue;
        };
        let found: Vec<&PublishedValue> = parts
            .iter()
            .filter_map(|key| desk.bulletin().value(key))
            .collect();
        if found.iter().any(|part| part.value.is_none()) || found.len() + 1 < parts.len() {
            continue;
        }
        for number in [count, printed_number] {
            let (Some(all), Some(each)) = (
                number(value),
                found
                    .iter()
                    .map(|part| number(part))
                    .collect::<Option<Vec<u64>>>(),
            ) else {
                continue;
            };
            let sum: u64 = each.iter().sum();
            if sum != all {
                let terms: Vec<String> = found
                    .iter()
                    .zip(&each)
                    .map(|(part, count)| format!("{} {count}", part.key))
                    .collect();
                report.add(
                    *whole,
                    Text::new(
                        format!("{whole}为{all}，各部分之和为{sum}：{}", terms.join(" + ")),
                        format!(
                            "{whole} is {all}, its parts make {sum}: {}",
                            terms.join(" + ")
                        ),
                    ),
                    redraft(),
                );
                break;
            }
        }
    }
    for id in DIVISIONS {
        let members: Vec<(u64, u64)> = desk
            .bulletin()
            .values
            .iter()
            .filter(|value| value.statistic == *id && value.key != *id)
            .filter_map(|value| match value.value.as_ref()?.exact {
                Exact::Ratio {
                    numerator,
                    denominator,
                } => Some((numerator, denominator)),
                _ => None,
            })
            .collect();
        let Some((_, whole)) = members.first() else {
            continue;
        };
        let sum: u64 = members.iter().map(|(part, _)| part).sum();
        if sum != *whole || members.iter().any(|(_, other)| other != whole) {
            report.add(
                *id,
                Text::new(
                    format!("{id}各类之和为{sum}，总数为{whole}"),
                    format!("the members of {id} make {sum} of {whole}"),
                ),
                redraft(),
            );
        }
    }
}

pub(super) fn parts(desk: &Desk<'_>, report: &mut Report<'_>) {
    for (part, whole) in PARTS {
        let (Some(few), Some(all)) = (count_of(desk, part), count_of(desk, whole)) else {
            continue;
        };
        if few > all {
            report.add(
                *part,
                Text::new(
                    format!("部分{part}为{few}，大于整体{whole}的{all}"),
                    format!("the part {part} is {few}, more than its whole {whole} with {all}"),
                ),
                redraft(),
            );
        }
    }
    for value in &desk.bulletin().values {
        let Some(Exact::Ratio {
            numerator,
            denominator,
        }) = value.value.as_ref().map(|amount| &amount.exact)
        else {
            continue;
        };
        let is_share = value
            .value
            .as_ref()
            .is_some_and(|amount| amount.text.en.contains('%'));
        if is_share && numerator > denominator {
            report.add(
                value.key.as_str(),
                Text::new(
                    format!("占比{}为{numerator}/{denominator}，大于整体", value.key),
                    format!(
                        "the share {} is {numerator}/{denominator}, more than its whole",
                        value.key
                    ),
                ),
                redraft(),
            );
        }
    }
}

/// How a value is printed by its declaration.
fn presentation(key: &str) -> Option<Presentation> {
    let (id, part) = key
        .split_once('/')
        .map_or((key, None), |(id, part)| (id, Some(part)));
    let statistic = statistics::named(id)?;
    let Some(part) = part else {
        return Some(statistic.print);
    };
    Some(match statistic.parts.iter().find(|rule| rule.id == part) {
        Some(rule) => rule.print,
        None => match statistic.formula {
            Formula::Ranking { .. } => Presentation::WanOneDecimal,
            _ => Presentation::PercentOneDecimal,
        },
    })
}

pub(super) fn quotients(desk: &Desk<'_>, report: &mut Report<'_>) {
    for value in &desk.bulletin().values {
        let Some(amount) = &value.value else { continue };
        let Exact::Ratio {
            numerator,
            denominator,
        } = amount.exact
        else {
            continue;
        };
        let number = match presentation(&value.key) {
            Some(Presentation::PercentOneDecimal) => {
                Decimal::percent(i128::from(numerator), i128::from(denominator), 1)
            }
            Some(Presentation::AboutInteger) => {
                statistic::whole_quotient(numerator, denominator).map(Decimal::count)
            }
            Some(Presentation::HoursOneDecimal) => {
                Decimal::ratio(i128::from(numerator), i128::from(denominator), 1)
            }
            _ => continue,
        };
        let digits = number.map(|number| match presentation(&value.key) {
            Some(Presentation::AboutInteger) => number.fixed(0),
            _ => number.fixed(1),
        });
        let said: String = amount
            .text
            .zh
            .chars()
            .skip_while(|c| !c.is_ascii_digit())
            .take_while(|c| c.is_ascii_digit() || *c == '.')
            .collect();
        if number != amount.number || digits.as_deref() != Some(said.as_str()) {
            let right = digits.unwrap_or_default();
            report.add(
                value.key.as_str(),
                Text::new(
                    format!(
                        "{}印为{said}，{numerator}/{denominator}应为{right}",
                        value.key
                    ),
                    format!(
                        "{} prints {said}, {numerator}/{denominator} is {right}",
                        value.key
                    ),
                ),
                redraft(),
            );
        }
    }
    for (share, part, whole) in QUOTIENTS {
        let (Some(few), Some(all)) = (count_of(desk, part), count_of(desk, whole)) else {
            continue;
        };
        let exact = desk
            .bulletin()
            .value(share)
            .and_then(|value| value.value.as_ref())
            .map(|amount| &amount.exact);
        if let Some(Exact::Ratio {
            numerator,
            denominator,
        }) = exact
            && (*numerator, *denominator) != (few, all)
        {
            report.add(
                *share,
                Text::new(
                    format!("占比{share}取{numerator}/{denominator}，而{part}/{whole}为{few}/{all}"),
                    format!("the share {share} is of {numerator}/{denominator}, but {part}/{whole} is {few}/{all}"),
                ),
                redraft(),
            );
        }
    }
}

pub(super) fn frozen(desk: &Desk<'_>, report: &mut Report<'_>) {
    let bulletin = desk.bulletin();
    let mut listed: BTreeSet<&str> = BTreeSet::new();
    for value in &bulletin.values {
        listed.insert(&value.key);
        let Some(expected) = desk.expected.get(&value.key) else {
            report.add(
                value.key.as_str(),
                Text::new(
                    format!("冻结的一周中没有{}", value.key),
                    format!("the frozen week has no {}", value.key),
                ),
                fault(),
            );
            continue;
        };
        if value.value != expected.value || value.missing != expected.missing {
            let text = |value: &PublishedValue, lang: Lang| match (&value.value, &value.missing) {
                (Some(amount), _) => amount.text.get(lang).to_owned(),
                (None, Some(reason)) => reason.get(lang).to_owned(),
                (None, None) => "–".to_owned(),
            };
            report.add(
                value.key.as_str(),
                Text::new(
                    format!(
                        "{}印为“{}”，冻结的数为“{}”",
                        value.key,
                        text(value, Lang::Zh),
                        text(expected, Lang::Zh)
                    ),
                    format!(
                        "{} prints “{}”, the frozen figure is “{}”",
                        value.key,
                        text(value, Lang::En),
                        text(expected, Lang::En)
                    ),
                ),
                redraft(),
            );
        }
    }
    for statistic in statistics::all() {
        if desk.expected.get(statistic.id).is_some() && !listed.contains(statistic.id) {
            report.add(
                statistic.id,
                Text::new(
                    format!("冻结的{}没有列入本期", statistic.id),
                    format!("the frozen {} is not listed in the issue", statistic.id),
                ),
                fault(),
            );
        }
    }
}

/// What the shares of a statistic are taken of.
fn denominators(desk: &Desk<'_>, id: &str) -> Vec<u64> {
    let own = desk
        .bulletin()
        .values
        .iter()
        .filter(|value| value.statistic == id);
    own.filter_map(|value| match value.value.as_ref()?.exact {
        Exact::Ratio { denominator, .. } => Some(denominator),
        _ => None,
    })
    .collect()
}

pub(super) fn printed(desk: &Desk<'_>, report: &mut Report<'_>) {
    for print in &desk.prints {
        let Some(value) = desk.bulletin().value(&print.key) else {
            continue;
        };
        // A reference in prose that leads nowhere is told by its own rule.
        let wholes: Vec<u64> = match print.form {
            Form::Plotted => denominators(desk, &value.statistic),
            _ => Vec::new(),
        };
        if print.text.is_empty() || fits(print, value, &wholes) {
            continue;
        }
        let amount = value
            .value
            .as_ref()
            .map(|amount| amount.text.clone())
            .unwrap_or_default();
        report.add(
            print.place.as_str(),
            Text::new(
                format!(
                    "印为“{}”，指标{}为“{}”（{}）",
                    print.text,
                    print.key,
                    amount.zh,
                    print.lang.code()
                ),
                format!(
                    "prints “{}”, the figure {} is “{}” ({})",
                    print.text,
                    print.key,
                    amount.en,
                    print.lang.code()
                ),
            ),
            match print.form {
                Form::Plotted => Text::new(
                    "图改用冻结的数：重新起草本期",
                    "the chart must use the frozen figures: draft the issue again",
                ),
                _ => redraft(),
            },
        );
    }
}

pub(super) fn outputs(desk: &Desk<'_>, report: &mut Report<'_>) {
    let bulletin = desk.bulletin();
    for output in desk.subject.outputs {
        let langs: &[Lang] = output
            .lang
            .as_ref()
            .map_or(&Lang::ALL, std::slice::from_ref);
        let printed = |value: &PublishedValue| -> Vec<String> {
            langs
                .iter()
                .map(|lang| {
                    let amount = value.value.as_ref();
                    amount
                        .map(|amount| amount.text.get(*lang).to_owned())
                        .unwrap_or_default()
                })
                .collect()
        };
        for value in &bulletin.values {
            let right = printed(value);
            let found = output.figures.get(&value.key);
            if found.is_none_or(|found| !right.contains(found)) {
                let found = found.map_or("–", String::as_str);
                report.add(
                    value.key.as_str(),
                    Text::new(
                        format!(
                            "{}中{}为“{found}”，本期为“{}”",
                            output.name(),
                            value.key,
                            right.join("/")
                        ),
                        format!(
                            "{} has “{found}” for {}, the issue “{}”",
                            output.name(),
                            value.key,
                            right.join("/")
                        ),
                    ),
                    Text::new("重新生成各版式", "render the issue again"),
                );
            }
        }
        let known: BTreeSet<&str> = bulletin
            .values
            .iter()
            .map(|value| value.key.as_str())
            .collect();
        for key in output
            .figures
            .keys()
            .filter(|key| !known.contains(key.as_str()))
        {
            report.add(
                key.as_str(),
                Text::new(
                    format!("{}列有本期没有的{key}", output.name()),
                    format!("{} lists {key}, which the issue has not", output.name()),
                ),
                Text::new("重新生成各版式", "render the issue again"),
            );
        }
        // The running text prints, as often, exactly what the issue does.
        let mut wanted: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
        for print in desk
            .prints
            .iter()
            .filter(|print| langs.contains(&print.lang))
        {
            wanted
                .entry((&print.key, extract::aspect(print.aspect)))
                .or_default()
                .insert(&print.text);
        }
        for (key, aspect, text) in &output.printed {
            let known = wanted.get(&(key.as_str(), aspect.as_str()));
            // A tile's unit stands outside its number.
            let same = known.is_some_and(|known| {
                known
                    .iter()
                    .any(|own| *own == text || own.starts_with(text.as_str()))
            });
            if !same {
                report.add(
                    key.as_str(),
                    Text::new(
                        format!("{}正文中{key}印为“{text}”，本期没有这样印", output.name()),
                        format!(
                            "{} prints “{text}” for {key}, the issue does not",
                            output.name()
                        ),
                    ),
                    Text::new("重新生成各版式", "render the issue again"),
                );
            }
        }
    }
}

pub(super) fn small_shares(desk: &Desk<'_>, report: &mut Report<'_>) {
    let mut told: BTreeSet<(String, u64)> = BTreeSet::new();
    let printed: BTreeSet<&str> = desk.prints.iter().map(|print| print.key.as_str()).collect();
    for value in &desk.bulletin().values {
        let Some(amount) = &value.value else { continue };
        let Exact::Ratio { denominator, .. } = amount.exact else {
            continue;
        };
        if denominator >= statistic::SMALL_BASE
            || !amount.text.en.contains('%')
            || !printed.contains(value.key.as_str())
            || !told.insert((value.statistic.clone(), denominator))
        {
            continue;
        }
        report.add(
            value.statistic.as_str(),
            Text::new(
                format!(
                    "{}的占比以{denominator}为总数，不足{}",
                    value.name.zh,
                    statistic::SMALL_BASE
                ),
                format!(
                    "{}: a share of {denominator}, fewer than {}",
                    value.name.en,
                    statistic::SMALL_BASE
                ),
            ),
            Text::new(
                "改印两个数，或说明保留的理由",
                "print both counts, or say why it stands",
            ),
        );
    }
}

/// The declared name and unit of a part.
pub(super) fn part_rule(statistic: &'static Statistic, part: &str) -> Option<&'static PartRule> {
    statistic.parts.iter().find(|rule| rule.id == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_name_declared_statistics() {
        let declared = |key: &str| {
            let (id, part) = key
                .split_once('/')
                .map_or((key, None), |(id, part)| (id, Some(part)));
            let statistic = statistics::named(id).unwrap_or_else(|| panic!("{key}"));
            assert!(
                part.is_none_or(|part| part_rule(statistic, part).is_some()),
                "{key}"
            );
        };
        for (whole, parts) in SUMS {
            declared(whole);
            parts.iter().for_each(|part| declared(part));
        }
        PARTS.iter().for_each(|(part, whole)| {
            declared(part);
            declared(whole);
        });
        QUOTIENTS.iter().for_each(|(share, part, whole)| {
            [share, part, whole].iter().for_each(|key| declared(key));
        });
        DIVISIONS.iter().for_each(|id| declared(id));
    }
}
