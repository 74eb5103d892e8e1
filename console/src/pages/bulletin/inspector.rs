//! Where a figure comes from: the number, the keys that were counted, one key, its events, the raw line of the feed.

use std::sync::LazyLock;

use bulletin::change::assets;
use bulletin::statistics;
use ledger::IssueHead;
use model::bulletin::{Bulletin, Exact, PublishedValue};
use model::statistic::{Formula, Statistic, Window};
use regex::Regex;

use super::paper::{self, Said};
use super::stand::Stand;
use super::{encode, newsroom, number_of};
use crate::Desk;
use crate::newsroom::{Asked, Behind};
use crate::pages::draw;
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::{fill, words};

/// Keys that a page lists.
pub(crate) const LISTED: usize = 8;

words! {
    Words {
        title: "数字从哪里来", "Where the number comes from";
        step: "上一个、下一个", "previous, next";
        previous: "上一个数字", "Previous number";
        next: "下一个数字", "Next number";
        statistic: "统计指标", "Statistic";
        version: "{id} {name}，定义第 {n} 版", "{id} {name}, definition version {n}";
        counts: "计数对象", "Counts";
        window: "时段", "Window";
        week: "本统计周", "the reporting week";
        weeks: "截至本周的 {n} 周", "the {n} weeks up to this one";
        first_seen: "本周首见，此前 {n} 周未见", "this week, not seen in the {n} weeks before";
        territory: "范围", "Territory";
        formula: "算法", "Formula";
        snapshot: "快照", "Snapshot";
        snapshot_is: "湖 {lake}，台账截至 {ledger}", "lake {lake}, ledger as of {ledger}";
        query: "查询", "Query";
        baseline: "上周 {value}，取自{state}的第 {issue} 期", "last week {value}, from the {state} issue {issue}";
        baseline_none: "上周没有可比的数字", "no figure of last week to compare with";
        public: "已发布", "published";
        stored: "已存", "stored";
        missing: "不可用：{why}", "not available: {why}";
        records_match: "记录 {n} 条，与所印数字一致", "{n} records, as printed";
        records_quotient: "记录 {part} 条，对 {whole} 条，与所印数字一致", "{part} records of {whole}, as printed";
        records_differ: "现有记录 {n} 条，与所印数字不一致", "{n} records stand there now, not as printed";
        records: "记录 {n} 条", "{n} records";
        differ_why: "快照之后有记录被合并、更正或按保留规则删除，或该数字按时点计量。所印数字以定稿为准。", "Records were merged, corrected or taken by a rule of retention after the freeze, or the figure was measured at an instant. The frozen figure holds.";
        key: "对象", "Key";
        feeds: "数据源", "Feeds";
        events: "事件", "Events";
        all: "下载 CSV", "Download CSV";
        more: "显示前 {n} 条", "the first {n} are shown";
        raw: "原始行，报送 {report}，第 {line} 行", "Raw line, report {report}, line {line}";
        received: "收于 {at}，数据源 {feed}，原件 BLAKE3 {hash}", "received {at}, feed {feed}, archive BLAKE3 {hash}";
        incident: "打开事件", "Open the incident";
        no_lines: "这个数字由其他数字推算，没有自己的记录。", "This figure follows from others and has no records of its own.";
        why_changed: "为什么变化", "Why it changed";
        none: "选一个数字", "Choose a number";
        none_text: "左侧每个数字都可以点开：定义、快照、被计数的记录，直到数据源的原始行。", "Every number on the left opens here: its definition, snapshot and counted records, down to the raw line of the feed.";
        figures: "全部数字", "All figures";
        value: "数值", "Value";
        change: "变化", "Change";
        path_records: "{n} 条记录", "{n} records";
        path_events: "{n} 条监测记录", "{n} events";
        path_raw: "原始行", "raw line";
    }
}

/// A row of the counted keys.
pub(crate) struct Row {
    pub(crate) key: String,
    pub(crate) feeds: String,
    pub(crate) events: usize,
    pub(crate) href: String,
    pub(crate) open: bool,
}

/// A raw line, defanged.
pub(crate) struct Line {
    pub(crate) head: String,
    pub(crate) text: String,
    pub(crate) foot: String,
}

/// A figure, opened.
pub(crate) struct Inspector {
    pub(crate) w: &'static Words,
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) amount: String,
    pub(crate) unit: String,
    pub(crate) change: Said,
    pub(crate) baseline: String,
    pub(crate) missing: String,
    pub(crate) remark: String,
    pub(crate) facts: Vec<(&'static str, String)>,
    pub(crate) query: String,
    pub(crate) records: String,
    /// `true`: as printed; `false`: not; `None`: nothing to compare.
    pub(crate) same: Option<bool>,
    pub(crate) rows: Vec<Row>,
    pub(crate) more: String,
    pub(crate) path: Vec<(String, String)>,
    pub(crate) raws: Vec<Line>,
    pub(crate) gone: Vec<String>,
    pub(crate) incident: Option<String>,
    pub(crate) csv: String,
    pub(crate) explain: String,
    pub(crate) previous: String,
    pub(crate) next: String,
    /// Why the records cannot be shown.
    pub(crate) trouble: String,
}

/// A line of the list of all figures.
pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) change: Said,
    pub(crate) href: String,
}

/// The cells that a figure follows from: above and below the line.
pub(crate) fn cells(statistic: &Statistic, key: &str) -> (Vec<String>, Option<String>) {
    let part = key.split_once('/').map(|(_, part)| part);
    let rule = part.and_then(|id| statistic.parts.iter().find(|rule| rule.id == id));
    let formula = rule.map_or(statistic.formula, |rule| rule.formula);
    match formula {
        Formula::Count(cell) => (vec![cell.to_owned()], None),
        Formula::Sum(cells) => (cells.iter().map(|cell| (*cell).to_owned()).collect(), None),
        Formula::Ratio { part, whole } => (vec![part.to_owned()], Some(whole.to_owned())),
        Formula::Division { family, whole } | Formula::Commonest { family, whole } => match part {
            // A member of the family, as one province of all.
            Some(member) if rule.is_none() => {
                (vec![format!("{family}/{member}")], Some(whole.to_owned()))
            }
            _ => (vec![format!("{family}/")], Some(whole.to_owned())),
        },
        Formula::Ranking { family, .. } => (vec![format!("{family}/")], None),
        Formula::Measure(_) | Formula::Level { .. } => (Vec::new(), None),
    }
}

/// Whether what was counted is what is printed, and how many records there are (above the line).
pub(crate) fn compared(
    value: &PublishedValue,
    statistic: &Statistic,
    behind: &Behind,
) -> (u64, u64, Option<bool>) {
    let (upper, lower) = cells(statistic, &value.key);
    let count = |wanted: &str| -> u64 {
        let of = behind.cells.iter().filter(|(cell, _)| {
            cell == wanted || (wanted.ends_with('/') && cell.starts_with(wanted))
        });
        of.map(|(_, count)| count).sum()
    };
    let above = upper.iter().map(|cell| count(cell)).sum();
    let below = lower.as_deref().map_or(0, count);
    let same = match value.value.as_ref().map(|amount| &amount.exact) {
        Some(Exact::Count { count }) if !upper.is_empty() => Some(*count == above),
        Some(Exact::Ratio {
            numerator,
            denominator,
        }) if lower.is_some() && upper.iter().all(|cell| !cell.ends_with('/')) => {
            Some((*numerator, *denominator) == (above, below))
        }
        _ => None,
    };
    (above, below, same)
}

/// Addresses and names in a raw line, so that none can be followed by accident.
pub(crate) fn defanged(line: &str) -> String {
    static HOSTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?i)\b(?:https?://[^\s,;|\x22'<>]+|\d{1,3}(?:\.\d{1,3}){3}|(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,24})\b").ok()
    });
    match &*HOSTS {
        Some(hosts) => hosts
            .replace_all(line, |found: &regex::Captures<'_>| draw::defang(&found[0]))
            .into_owned(),
        None => line.to_owned(),
    }
}

fn window(statistic: &Statistic, w: &Words) -> String {
    match statistic.window {
        Window::Week => w.week.to_owned(),
        Window::Weeks { weeks } => fill(w.weeks, &[("n", &weeks)]),
        Window::WeekFirstSeen { weeks } => fill(w.first_seen, &[("n", &weeks)]),
    }
}

/// Every figure of the issue that stands for itself.
pub(crate) fn all(b: &Bulletin, visitor: &Visitor, base: &str) -> Vec<Listed> {
    let lang = visitor.lang;
    let own = b
        .values
        .iter()
        .filter(|value| !value.key.contains(['/', '@']));
    own.map(|value| Listed {
        key: value.key.clone(),
        name: value.name.get(lang).to_owned(),
        value: value
            .value
            .as_ref()
            .map_or("–".to_owned(), |amount| amount.text.get(lang).to_owned()),
        change: paper::change(&value.change, lang),
        href: format!("{base}?figure={}#figure", encode(&value.key)),
    })
    .collect()
}

/// Last week's issue: its number, and whether it is public.
async fn last(desk: &Desk, stand: &Stand) -> Result<Option<(String, bool)>, Refusal> {
    let editions = desk.ledger.editions(&stand.key.series).await?;
    let before = editions
        .into_iter()
        .find(|edition| edition.week_start == stand.edition.week_start - 7);
    Ok(before.map(|edition| {
        let number = number_of(edition.year, edition.number).to_string();
        (number, edition.published_revision.is_some())
    }))
}

/// Opens a figure of a revision; `order` is the order in which figures are walked, `at` the key that is opened.
pub(crate) async fn open(
    desk: &Desk,
    visitor: &Visitor,
    stand: &Stand,
    (b, head): (&Bulletin, &IssueHead),
    (figure, at): (&str, &str),
    order: &[String],
) -> Result<Inspector, Refusal> {
    let lang = visitor.lang;
    let w = Words::of(lang);
    let value = b.value(figure).ok_or(Refusal::Absent)?;
    let statistic = statistics::named(&value.statistic).ok_or(Refusal::Absent)?;
    let base = format!("/console/bulletin/{}", stand.issue);
    let address = |key: &str| format!("{base}?figure={}#figure", encode(key));
    let place = order.iter().position(|known| known == figure);
    let previous = place
        .and_then(|at| at.checked_sub(1))
        .map(|at| address(&order[at]));
    let next = place
        .and_then(|at| order.get(at + 1))
        .map(|key| address(key));
    let said = |words: model::statistic::Words| words.text().get(lang).to_owned();
    let (upper, lower) = cells(statistic, figure);
    let asked = Asked {
        issue: stand.issue,
        revision: head.revision,
        statistic: statistic.id.to_owned(),
        cells: upper.clone(),
        most: LISTED,
        key: at.to_owned(),
    };
    let (behind, trouble) = match upper.is_empty() {
        true => (Behind::default(), String::new()),
        false => match newsroom(desk)?.behind(asked).await {
            Ok(behind) => (behind, String::new()),
            Err(error) => (Behind::default(), error.to_string()),
        },
    };
    let (above, below, same) = compared(value, statistic, &behind);
    let records = match (same, &lower) {
        _ if upper.is_empty() || !trouble.is_empty() => String::new(),
        (Some(true), None) => fill(w.records_match, &[("n", &above)]),
        (Some(true), Some(_)) => fill(w.records_quotient, &[("part", &above), ("whole", &below)]),
        (Some(false), _) => fill(w.records_differ, &[("n", &above)]),
        (None, _) => fill(w.records, &[("n", &above)]),
    };
    let ledger_as_of = draw::exact(desk, stand_of_ledger(b));
    let mut facts = vec![
        (
            w.statistic,
            fill(
                w.version,
                &[
                    ("id", &statistic.id),
                    ("name", &said(statistic.name)),
                    ("n", &value.definition_version),
                ],
            ),
        ),
        (
            w.counts,
            format!("{}（{}）", said(statistic.key), said(statistic.unit)),
        ),
        (w.window, window(statistic, w)),
        (w.territory, said(statistic.territory.words())),
    ];
    if lang == model::bulletin::Lang::En {
        facts[1].1 = format!("{}, in {}", said(statistic.key), said(statistic.unit));
    }
    facts.push((w.formula, statistic.formula.to_string()));
    facts.push((
        w.snapshot,
        fill(
            w.snapshot_is,
            &[("lake", &head.lake_snapshot), ("ledger", &ledger_as_of)],
        ),
    ));
    let opened = behind.open.as_ref();
    let rows: Vec<Row> = behind
        .lines
        .iter()
        .map(|line| Row {
            key: shown(&line.key),
            feeds: line.feeds.join(", "),
            events: line.events.len(),
            href: format!(
                "{base}?figure={}&key={}#figure",
                encode(figure),
                encode(&line.key)
            ),
            open: opened.is_some_and(|open| open.key == line.key && open.input == line.input),
        })
        .collect();
    let amount = value
        .value
        .as_ref()
        .map(|amount| amount.text.get(lang).to_owned());
    let mut path = vec![(amount.clone().unwrap_or("–".to_owned()), String::new())];
    if !rows.is_empty() {
        path.push((
            fill(w.path_records, &[("n", &above)]),
            "#records".to_owned(),
        ));
    }
    let incident = opened.and_then(|line| line.key.strip_prefix("incident "));
    let incident = incident.map(|number| format!("/console/incidents/{}", encode(number)));
    if let Some(open) = opened {
        path.push((shown(&open.key), incident.clone().unwrap_or_default()));
        if !open.events.is_empty() {
            let events = fill(w.path_events, &[("n", &open.events.len())]);
            path.push((events, String::new()));
        }
    }
    if !behind.raws.is_empty() {
        path.push((w.path_raw.to_owned(), "#raw".to_owned()));
    }
    let raws = behind.raws.iter().map(|raw| Line {
        head: fill(
            w.raw,
            &[("report", &short(&raw.report)), ("line", &raw.line)],
        ),
        text: defanged(&raw.text),
        foot: fill(
            w.received,
            &[
                ("at", &draw::exact(desk, raw.received_at)),
                ("feed", &raw.feed),
                ("hash", &short(&raw.archive.to_string())),
            ],
        ),
    });
    let baseline = match (&value.previous, last(desk, stand).await?) {
        (Some(amount), Some((issue, public))) => fill(
            w.baseline,
            &[
                ("value", &amount.text.get(lang)),
                ("issue", &issue),
                (
                    "state",
                    &match public {
                        true => w.public,
                        false => w.stored,
                    },
                ),
            ],
        ),
        _ => w.baseline_none.to_owned(),
    };
    let explains = assets::inputs(statistic).is_ok() && !figure.contains('/');
    Ok(Inspector {
        w,
        key: figure.to_owned(),
        name: value.name.get(lang).to_owned(),
        amount: amount.unwrap_or("–".to_owned()),
        unit: value.unit.get(lang).to_owned(),
        change: paper::change(&value.change, lang),
        baseline,
        missing: value
            .missing
            .as_ref()
            .map(|why| fill(w.missing, &[("why", &why.get(lang))]))
            .unwrap_or_default(),
        remark: said(statistic.remark),
        facts,
        query: behind.query.clone(),
        records,
        same,
        more: match above > rows.len() as u64 {
            true => fill(w.more, &[("n", &rows.len())]),
            false => String::new(),
        },
        rows,
        path,
        raws: raws.collect(),
        gone: behind.gone.clone(),
        incident,
        csv: format!(
            "{base}/records?figure={}&revision={}",
            encode(figure),
            head.revision
        ),
        explain: match explains {
            true => format!("{base}/explain/{}", statistic.id),
            false => String::new(),
        },
        previous: previous.unwrap_or_default(),
        next: next.unwrap_or_default(),
        trouble,
    })
}

/// The instant that the ledger was read at, microseconds UTC.
fn stand_of_ledger(b: &Bulletin) -> i64 {
    let read = b.provenance.ledger_as_of.parse::<jiff::Timestamp>();
    read.map_or(0, |at| model::time::Timestamp::from(at).0)
}

/// A counted key as it is shown.
fn shown(key: &str) -> String {
    defanged(key)
}

/// The first characters of a long identifier.
fn short(text: &str) -> String {
    match text.char_indices().nth(14) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raw_line_cannot_be_followed_by_accident() {
        assert_eq!(
            defanged(r#""2026-11-11","http://wallet.example.net/in?a=b","203.0.113.17","64500""#),
            r#""2026-11-11","hxxp://wallet.example[.]net/in?a=b","203.0.113[.]17","64500""#
        );
        assert_eq!(defanged("2001:db8::1,AS64500"), "2001:db8::1,AS64500");
    }

    #[test]
    fn a_figure_names_the_cells_it_follows_from() {
        let of = |id: &str, key: &str| cells(statistics::named(id).expect("declared"), key);
        assert_eq!(of("M1", "M1").0, ["infected.trojan", "infected.conficker"]);
        assert_eq!(of("M1", "M1/union").0, ["infected.any"]);
        let (upper, lower) = of("W2", "W2/share");
        assert_eq!((upper.len(), lower.is_some()), (1, true));
    }
}
