//! A week's count divided by province, network, feed and more, with the events of each group.

use std::str::FromStr;
use std::sync::Arc;

use bulletin::statistics::breakdown::By;
use bulletin::statistics::cells::UNKNOWN;
use lake::search::{Key, Moment, Query, Span, Term, Value};
use model::bulletin::{Lang, Text};
use model::statistic::{Observed, Statistic, grouped};
use model::time::ReportingWeek;

use super::chart::{self, Picture};
use super::series::Series;
use super::{Words, division, failed};
use crate::Desk;
use crate::almanac::Names;
use crate::pages::events::labels;
use crate::refusal::Refusal;
use crate::words::fill;

/// Groups that a page lists.
const SHOWN: usize = 40;

/// A group as a page has it.
pub(super) struct Group {
    pub name: String,
    pub count: String,
    pub share: String,
    /// The events behind it.
    pub href: Option<String>,
}

/// A division as a page has it.
pub(super) struct Divided {
    pub title: String,
    pub picture: Option<Picture>,
    pub groups: Vec<Group>,
}

/// The groups of a division: name, count.
pub(super) async fn groups(
    desk: &Desk,
    statistic: &Statistic,
    week: ReportingWeek,
    by: By,
) -> Result<Option<(u64, Vec<(String, u64)>)>, Refusal> {
    let divisions = super::almanac(desk)?
        .divide(week, by)
        .await
        .map_err(failed)?;
    let found = divisions.iter().find(|one| one.statistic == statistic.id);
    Ok(found.map(|one| (one.total, one.groups.clone())))
}

/// Divides a week's count.
pub(super) async fn divided(
    desk: &Arc<Desk>,
    series: &Series,
    week: ReportingWeek,
    by: By,
    lang: Lang,
) -> Result<Option<Divided>, Refusal> {
    let w = Words::of(lang);
    let Some((total, groups)) = groups(desk, series.statistic, week, by).await? else {
        return Ok(None);
    };
    if groups.is_empty() {
        return Ok(None);
    }
    let names = match &desk.almanac {
        Some(almanac) => almanac.names().await.map_err(failed)?,
        None => Arc::default(),
    };
    let both: Vec<(Text, u64)> = groups
        .iter()
        .map(|(group, count)| {
            let name = |lang| label(group, by, &names, lang);
            (Text::new(name(Lang::Zh), name(Lang::En)), *count)
        })
        .collect();
    let title = first(&both, by, total);
    let subtitle = Text::new(
        format!(
            "{}，按{}，{}",
            series.name.zh,
            division(by, Words::of(Lang::Zh)),
            chart::days(week, Lang::Zh)
        ),
        format!(
            "{}, by {}, {}",
            series.name.en,
            division(by, Words::of(Lang::En)),
            chart::days(week, Lang::En)
        ),
    );
    let drawn = chart::ranked(series, "divided", &both, total, title, subtitle);
    let rows = groups
        .iter()
        .zip(&both)
        .take(SHOWN)
        .map(|((group, count), (name, _))| Group {
            name: name.get(lang).to_owned(),
            count: grouped(*count),
            share: chart::share(*count, total),
            href: events(series.statistic, week, Some((by, group))),
        });
    Ok(Some(Divided {
        title: fill(
            w.divide_week,
            &[("week", &chart::days(week, lang)), ("n", &grouped(total))],
        ),
        picture: drawn.map(|chart| chart::picture(&chart, lang)),
        groups: rows.collect(),
    }))
}

/// The finding of a division: which group is largest.
fn first(groups: &[(Text, u64)], by: By, total: u64) -> Text {
    let largest = groups.iter().max_by_key(|(_, count)| *count);
    let Some((name, count)) = largest else {
        return Text::default();
    };
    let share = chart::share(*count, total);
    match by {
        By::Day => Text::new(
            format!("{}最多，{}", name.zh, grouped(*count)),
            format!("Most on {}: {}", name.en, grouped(*count)),
        ),
        _ => Text::new(
            format!("{}居首，占{share}", name.zh),
            format!("{} leads with {share}", name.en),
        ),
    }
}

/// A group in words.
pub(super) fn label(group: &str, by: By, names: &Names, lang: Lang) -> String {
    if group == UNKNOWN {
        return Words::of(lang).unknown.to_owned();
    }
    match by {
        By::Province => match group.parse() {
            Ok(code) => labels::province(code, names, lang),
            Err(_) => group.to_owned(),
        },
        By::Sector => names
            .sectors
            .get(group)
            .map_or_else(|| group.to_owned(), |name| name.get(lang).to_owned()),
        By::Class => labels::class(group, lang).to_owned(),
        By::Day => jiff::civil::Date::from_str(group).map_or_else(
            |_| group.to_owned(),
            |day| match lang {
                Lang::Zh => day.strftime("%-m月%-d日").to_string(),
                Lang::En => day.strftime("%a %-d %b").to_string(),
            },
        ),
        _ => group.to_owned(),
    }
}

/// The address of the events that a statistic is counted from, of a group of them where one is named. What is
/// counted are keys (addresses, pages), so there may be more events than the figure says.
pub(super) fn events(
    statistic: &Statistic,
    week: ReportingWeek,
    group: Option<(By, &str)>,
) -> Option<String> {
    let mut query = Query {
        span: Some(Span::Between(
            Some(Moment::Day(week.monday())),
            Some(Moment::Day(week.sunday())),
        )),
        terms: Vec::new(),
    };
    let mut add = |key: Key, values: Vec<Value>| {
        query.add(Term {
            key,
            exclude: false,
            values,
        });
    };
    match statistic.observed {
        Observed::InfectedHost => {
            add(Key::Class, vec![Value::text("infected-system")]);
            add(Key::Territory, vec![Value::Number(1)]);
        }
        Observed::HostingSite => add(Key::Class, vec![Value::text("malware-distribution")]),
        Observed::Defacement => add(
            Key::Class,
            vec![Value::text("unauthorised-information-modification")],
        ),
        Observed::Backdoor => add(
            Key::Class,
            vec![
                Value::text("system-compromise"),
                Value::text("application-compromise"),
            ],
        ),
        Observed::PhishingPage => add(Key::Class, vec![Value::text("phishing")]),
        Observed::VulnerabilityRecord => add(Key::Vulnerability, vec![Value::Any]),
        Observed::MalwareName => add(Key::Malware, vec![Value::Any]),
        Observed::Listing | Observed::Handling => return None,
    }
    if let Some((by, group)) = group {
        let key = match by {
            By::Day => {
                let day = group.parse().ok().map(Moment::Day);
                query.span = Some(Span::Between(day, day));
                None
            }
            By::Province => Some((Key::Province, number(group))),
            By::Asn => Some((Key::Asn, number(group.trim_start_matches("AS")))),
            By::Country => Some((Key::Country, Value::text(group))),
            By::Malware => Some((Key::Malware, Value::text(group))),
            By::Feed => Some((Key::Feed, Value::text(group))),
            By::Tld => Some((Key::Tld, Value::text(group))),
            By::Brand => Some((Key::Brand, Value::text(group))),
            By::Sector => Some((Key::Sector, Value::text(group))),
            By::Class => Some((Key::Class, Value::text(group))),
        };
        if let Some((key, value)) = key {
            let value = if group == UNKNOWN { Value::None } else { value };
            query.terms.retain(|term| term.key != key);
            query.add(Term {
                key,
                exclude: false,
                values: vec![value],
            });
        }
    }
    let text: String = url::form_urlencoded::byte_serialize(query.to_string().as_bytes()).collect();
    Some(format!("/console/events?q={text}"))
}

fn number(text: &str) -> Value {
    text.parse().map_or(Value::None, Value::Number)
}
