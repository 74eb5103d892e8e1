//! Why a figure changed: the difference against last week, divided into parts that add up to it exactly.
//!
//! The assets of both weeks are compared one by one ([`assets`]); each new and each gone one falls under the
//! first of these that holds, so that the parts are disjoint:
//!
//! 1. *feeds*: every feed that saw it was absent, incomplete or standing in the other week, or is gone now;
//! 2. *source or detector*: every such feed's schema or entry changed this week;
//! 3. *a group* that moved more than its size explains: a malware family, brand, network, province or
//!    top-level domain, at most [`MOVERS`] of them, the largest first;
//! 4. *calendar*: of what is left, as much as the same holiday week of an earlier year went the same way;
//! 5. *not established*.
//!
//! What a recount of either week gives otherwise than its frozen figure is a part of its own, which the
//! changed definitions explain. Continuing assets add nothing. Nothing here reads a file or a clock.

pub mod assets;
mod calendar;
pub mod holidays;
mod moving;
pub mod page;
mod proposing;

use std::collections::{BTreeMap, BTreeSet};

use model::bulletin::Text;
use model::issue::IssueNumber;
use model::statistic::{self, Change, ChangeKind, Statistic, StatisticValue};
use model::time::ReportingWeek;
use serde::Serialize;

use crate::frozen::{FrozenWeek, Origin};
use crate::sections::figures::Names;
use crate::statistics::compare::change_of;
use assets::{Difference, Dimension, Moved};
use calendar::{calendar, calendar_part, calendar_row};
use moving::movers;
use proposing::propose;

/// Groups that a change is put down to, at most.
pub const MOVERS: usize = 3;
/// A group takes part if it moved at least this many assets ...
const GROUP_AT_LEAST: u64 = 5;
/// ... and this part of the difference, in per cent.
const GROUP_PERCENT: u64 = 15;
/// A change of so many per cent is large: a sentence is proposed.
pub const LARGE_PERCENT: i64 = 20;
/// Rows of a table of movers.
const LISTED: usize = 5;

/// What a part of a change is put down to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Cause {
    /// Feeds that did not supply the statistic last week.
    FeedsAdded {
        /// Their names.
        feeds: Vec<String>,
    },
    /// Feeds that were incomplete last week and are not now.
    FeedsRecovered {
        /// Their names.
        feeds: Vec<String>,
    },
    /// Feeds that do not supply the statistic any more.
    FeedsLost {
        /// Their names.
        feeds: Vec<String>,
    },
    /// Feeds that are incomplete this week.
    FeedsIncomplete {
        /// Their names.
        feeds: Vec<String>,
    },
    /// Feeds whose schema, detector or entry changed.
    DetectorChanged {
        /// Their names.
        feeds: Vec<String>,
    },
    /// Counted again, a week gives another number than was frozen.
    Recount,
    /// A group that moved.
    Group {
        /// In which dimension.
        dimension: Dimension,
        /// Which.
        group: String,
    },
    /// A holiday.
    Calendar,
    /// Nothing of this explains it.
    NotEstablished,
}

/// How sure a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// It follows from the records.
    High,
    /// It fits the records; other causes may fit too.
    Medium,
    /// It was so in another year.
    Low,
    /// The cause is not established.
    NotEstablished,
}

impl Confidence {
    /// Printed.
    pub fn text(self) -> Text {
        match self {
            Confidence::High => Text::new("把握高", "high confidence"),
            Confidence::Medium => Text::new("把握中", "medium confidence"),
            Confidence::Low => Text::new("把握低", "low confidence"),
            Confidence::NotEstablished => Text::new("尚未查明", "not established"),
        }
    }
}

/// A part of the change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What it is put down to.
    pub cause: Cause,
    /// New assets in it.
    pub new: u64,
    /// Gone assets in it.
    pub gone: u64,
    /// What it adds to the difference: new less gone, where it is made of assets.
    pub count: i64,
    /// Its share of the difference in tenths of per cent; `None` of no difference.
    pub share: Option<i64>,
    /// In words.
    pub name: Text,
    /// What it rests on.
    pub evidence: Text,
    /// How sure it is.
    pub confidence: Confidence,
}

/// A group's count in both weeks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mover {
    /// Its name.
    pub name: Text,
    /// Last week.
    pub last: u64,
    /// This week.
    pub this: u64,
}

/// The groups of a dimension that moved most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Movers {
    /// The dimension in words.
    pub name: Text,
    /// The groups, what moved most first.
    pub rows: Vec<Mover>,
}

/// A week with its figure, for the calendar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Beside {
    /// Monday.
    pub week: jiff::civil::Date,
    /// The figure of that week.
    pub count: u64,
    /// That of the week before it.
    pub before: Option<u64>,
}

/// The holidays of a week and what happened in the same week of earlier years.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Calendar {
    /// The holiday of this week.
    pub this: Option<Text>,
    /// The holiday of last week.
    pub last: Option<Text>,
    /// The same holiday's week in earlier years, as far as stored, newest first.
    pub same: Vec<Beside>,
}

/// A change, explained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeExplanation {
    /// The statistic.
    pub statistic: String,
    /// Its name.
    pub name: Text,
    /// Its unit.
    pub unit: Text,
    /// This issue.
    pub issue: IssueNumber,
    /// Monday of this week.
    pub week: jiff::civil::Date,
    /// The issue it is compared with.
    pub baseline: IssueNumber,
    /// This week's frozen figure.
    pub this: u64,
    /// Last week's frozen figure.
    pub last: u64,
    /// The difference, which the rows add up to.
    pub difference: i64,
    /// The change as it is printed.
    pub printed: Text,
    /// Assets of this week that were not there last week.
    pub new: u64,
    /// Assets of last week that are not there any more.
    pub gone: u64,
    /// Assets of both weeks.
    pub continuing: u64,
    /// The parts, in the order of precedence.
    pub rows: Vec<Row>,
    /// What moved, by province, network and so on.
    pub movers: Vec<Movers>,
    /// Holidays.
    pub calendar: Calendar,
    /// What else changed between the weeks that no single asset shows: definition, reference tables.
    pub remarks: Vec<Text>,
    /// A sentence for the editor, with references; `None` of a small change.
    pub proposed: Option<Text>,
    /// How sure the sentence is.
    pub confidence: Confidence,
}

/// Incidents by name of who was asked about them, or of what they belong to.
pub type Tally = BTreeMap<String, u64>;

/// A week's handled incidents by what no event says.
#[derive(Clone, Debug, Default)]
pub struct Handled {
    /// By registrar that was asked.
    pub registrars: Tally,
    /// By campaign.
    pub campaigns: Tally,
}

/// What a change is explained from.
pub struct Inputs<'a> {
    /// The statistic.
    pub statistic: &'static Statistic,
    /// This week as frozen.
    pub this: &'a FrozenWeek,
    /// The baseline as frozen.
    pub last: &'a FrozenWeek,
    /// The stored weeks before this one, newest first.
    pub past: &'a [FrozenWeek],
    /// How the assets differ; `None` where last week's are not known, as of a back issue.
    pub difference: Option<&'a Difference>,
    /// Handled incidents, last week and this, of handling and phishing figures.
    pub handled: Option<(&'a Handled, &'a Handled)>,
    /// Names of provinces and sectors.
    pub names: &'a Names<'a>,
}

fn count_of(week: &FrozenWeek, id: &str) -> Option<u64> {
    week.value(id)?
        .measured
        .count()
        .map(|counted| counted.count)
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Explains the change of a count against the week before; `None` where either week has no figure.
pub fn explain(inputs: &Inputs<'_>) -> Option<ChangeExplanation> {
    let statistic = inputs.statistic;
    let (this, last) = (
        count_of(inputs.this, statistic.id)?,
        count_of(inputs.last, statistic.id)?,
    );
    let difference = signed(this) - signed(last);
    let none = Difference::default();
    let found = inputs.difference.unwrap_or(&none);
    let mut rows = Vec::new();
    let mut left: BTreeMap<&Moved, u64> = found
        .moved
        .iter()
        .map(|(moved, count)| (moved, *count))
        .collect();
    by_feeds(inputs, &mut left, &mut rows);
    let recount = match inputs.difference {
        Some(found) => difference - (signed(found.this) - signed(found.last)),
        None => 0,
    };
    if recount != 0 {
        rows.push(recounted(inputs, found, recount));
    }
    by_groups(inputs, difference, found, &mut left, &mut rows);
    // Whatever no asset shows is left as well: without assets all of it.
    let told: i64 = rows.iter().map(|row| row.count).sum();
    let rest = difference - told;
    let (new, gone) = balance(left.iter().map(|(moved, count)| (*moved, *count)));
    let calendar = calendar(inputs);
    let by_calendar = calendar_part(&calendar, rest, last);
    if by_calendar != 0 {
        rows.push(calendar_row(&calendar, by_calendar));
    }
    if rest != by_calendar || rows.is_empty() {
        rows.push(Row {
            cause: Cause::NotEstablished,
            new,
            gone,
            count: rest - by_calendar,
            share: None,
            name: Text::new("原因尚未查明", "cause not established"),
            evidence: unexplained(inputs, new, gone),
            confidence: Confidence::NotEstablished,
        });
    }
    for row in &mut rows {
        row.share = share(row.count, difference);
    }
    let change = match (inputs.this.side(statistic), inputs.last.side(statistic)) {
        (Some(now), then) => change_of(statistic, None, now, then),
        _ => Change::omitted(),
    };
    let new = found
        .moved
        .iter()
        .filter(|(moved, _)| moved.new)
        .map(|(_, count)| count)
        .sum();
    let gone = found
        .moved
        .iter()
        .filter(|(moved, _)| !moved.new)
        .map(|(_, count)| count)
        .sum();
    let (proposed, confidence) = propose(inputs, &change, difference, &rows);
    Some(ChangeExplanation {
        statistic: statistic.id.to_owned(),
        name: statistic.name.text(),
        unit: statistic.unit.text(),
        issue: inputs.this.issue,
        week: inputs.this.week.monday(),
        baseline: inputs.last.issue,
        this,
        last,
        difference,
        printed: printed(&change, difference),
        new,
        gone,
        continuing: found.continuing,
        rows,
        movers: movers(inputs, found),
        calendar,
        remarks: remarks(inputs),
        proposed,
        confidence,
    })
}

fn share(count: i64, difference: i64) -> Option<i64> {
    (difference != 0).then(|| {
        let tenths = statistic::round_half_away(
            1000 * i128::from(count) * i128::from(difference.signum()),
            i128::from(difference.abs()),
        );
        i64::try_from(tenths).unwrap_or(i64::MAX)
    })
}

fn balance<'a>(moved: impl Iterator<Item = (&'a Moved, u64)>) -> (u64, u64) {
    let (mut new, mut gone) = (0, 0);
    for (moved, count) in moved {
        match moved.new {
            true => new += count,
            false => gone += count,
        }
    }
    (new, gone)
}

fn printed(change: &Change, difference: i64) -> Text {
    let sign = if difference < 0 { "−" } else { "+" };
    let text = crate::sections::figures::print_change(change, statistic::Sense::Neutral).text;
    match change.kind {
        ChangeKind::Percent { .. } if change.like_for_like.is_none() => {
            Text::new(format!("{sign}{}", text.zh), format!("{sign}{}", text.en))
        }
        _ => text,
    }
}

/// What became of a feed between the weeks, seen from the week in which it saw an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Added,
    Recovered,
    Lost,
    Incomplete,
    Changed,
    Steady,
}

fn arrived(week: &FrozenWeek, feed: &str) -> bool {
    week.coverage
        .iter()
        .find(|coverage| coverage.feed == feed)
        .is_some_and(|coverage| coverage.complete() && !coverage.standing)
}

fn supplies(value: Option<&StatisticValue>, feed: &str) -> bool {
    value.is_some_and(|value| value.sources.iter().any(|source| source == feed))
}

fn fate(inputs: &Inputs<'_>, feed: &str, new: bool) -> Fate {
    let id = inputs.statistic.id;
    let (now, then) = (inputs.this.value(id), inputs.last.value(id));
    let changed = inputs
        .this
        .coverage
        .iter()
        .any(|coverage| coverage.feed == feed && coverage.changed);
    match new {
        true if !supplies(then, feed) => Fate::Added,
        true if !arrived(inputs.last, feed) => Fate::Recovered,
        false if !supplies(now, feed) => Fate::Lost,
        false if !arrived(inputs.this, feed) => Fate::Incomplete,
        _ if changed => Fate::Changed,
        _ => Fate::Steady,
    }
}

/// 1 and 2: assets that only feeds saw which do not speak of both weeks alike.
fn by_feeds(inputs: &Inputs<'_>, left: &mut BTreeMap<&Moved, u64>, rows: &mut Vec<Row>) {
    let mut found: BTreeMap<Fate, (BTreeSet<String>, u64, u64)> = BTreeMap::new();
    let mut fates: BTreeMap<(String, bool), Fate> = BTreeMap::new();
    left.retain(|moved, count| {
        let each = moved.feeds.iter().map(|feed| {
            *fates
                .entry((feed.clone(), moved.new))
                .or_insert_with(|| fate(inputs, feed, moved.new))
        });
        // One steady feed that saw it in its week would have seen it in the other.
        let all: Vec<Fate> = each.collect();
        let Some(first) = all
            .iter()
            .min()
            .copied()
            .filter(|_| !all.contains(&Fate::Steady))
        else {
            return true;
        };
        let part = found.entry(first).or_default();
        part.0.extend(moved.feeds.iter().cloned());
        match moved.new {
            true => part.1 += *count,
            false => part.2 += *count,
        }
        false
    });
    for (fate, (feeds, new, gone)) in found {
        let feeds: Vec<String> = feeds.into_iter().collect();
        let (zh, en) = (feeds.join("、"), feeds.join(", "));
        let (cause, name, evidence, confidence) = match fate {
            Fate::Added => (
                Cause::FeedsAdded { feeds },
                Text::new(format!("新增数据源{zh}"), format!("feeds added: {en}")),
                Text::new(
                    "只由上周没有提供该指标的数据源看到",
                    "seen only by feeds that did not supply the statistic last week",
                ),
                Confidence::High,
            ),
            Fate::Recovered => (
                Cause::FeedsRecovered { feeds },
                Text::new(
                    format!("数据源恢复：{zh}"),
                    format!("feeds recovered: {en}"),
                ),
                Text::new(
                    "只由上周不完整的数据源看到",
                    "seen only by feeds that were incomplete last week",
                ),
                Confidence::High,
            ),
            Fate::Lost => (
                Cause::FeedsLost { feeds },
                Text::new(format!("数据源停用：{zh}"), format!("feeds lost: {en}")),
                Text::new(
                    "上周只由现已不再提供该指标的数据源看到",
                    "last week seen only by feeds that do not supply the statistic any more",
                ),
                Confidence::High,
            ),
            Fate::Incomplete => (
                Cause::FeedsIncomplete { feeds },
                Text::new(
                    format!("数据源不完整：{zh}"),
                    format!("feeds incomplete: {en}"),
                ),
                Text::new(
                    "上周只由本周不完整的数据源看到",
                    "last week seen only by feeds that are incomplete this week",
                ),
                Confidence::High,
            ),
            Fate::Changed | Fate::Steady => (
                Cause::DetectorChanged { feeds },
                Text::new(
                    format!("数据源或检测规则变化：{zh}"),
                    format!("source or detector changed: {en}"),
                ),
                Text::new(
                    "只由格式、检测或配置有变化的数据源看到",
                    "seen only by feeds whose schema, detector or entry changed",
                ),
                Confidence::Medium,
            ),
        };
        rows.push(Row {
            cause,
            new,
            gone,
            count: signed(new) - signed(gone),
            share: None,
            name,
            evidence,
            confidence,
        });
    }
}

fn recounted(inputs: &Inputs<'_>, found: &Difference, count: i64) -> Row {
    let frozen = |week: &FrozenWeek| count_of(week, inputs.statistic.id).unwrap_or(0);
    let changes = version_changes(inputs);
    let (now, then) = (frozen(inputs.this), frozen(inputs.last));
    let why_zh: Vec<&str> = changes.iter().map(|text| text.zh.as_str()).collect();
    let why_en: Vec<&str> = changes.iter().map(|text| text.en.as_str()).collect();
    let known = !changes.is_empty();
    let (because_zh, because_en) = match known {
        true => (
            format!("；{}", why_zh.join("；")),
            format!("; {}", why_en.join("; ")),
        ),
        false => (String::new(), String::new()),
    };
    Row {
        cause: Cause::Recount,
        new: 0,
        gone: 0,
        count,
        share: None,
        name: Text::new("统计口径变化", "rules of counting changed"),
        evidence: Text::new(
            format!(
                "按现行口径重数：本周{}（冻结{now}），上周{}（冻结{then}）{because_zh}",
                found.this, found.last
            ),
            format!(
                "counted again by today's rules: this week {} (frozen {now}), last week {} (frozen {then}){because_en}",
                found.this, found.last
            ),
        ),
        confidence: if known {
            Confidence::High
        } else {
            Confidence::Low
        },
    }
}

/// Versions that differ between the weeks, in words.
fn version_changes(inputs: &Inputs<'_>) -> Vec<Text> {
    let mut out = Vec::new();
    let (a, b) = (&inputs.last.basis, &inputs.this.basis);
    if matches!(inputs.last.origin, Origin::Imported { .. }) {
        return out;
    }
    let mut differ = |zh: &str, en: &str, before: String, after: String| {
        if before != after {
            out.push(Text::new(
                format!("{zh}由{before}变为{after}"),
                format!("{en} went from {before} to {after}"),
            ));
        }
    };
    let version = |week: &FrozenWeek| {
        let value = week.value(inputs.statistic.id);
        value.map_or_else(String::new, |value| format!("v{}", value.version))
    };
    differ(
        "指标定义",
        "the definition",
        version(inputs.last),
        version(inputs.this),
    );
    differ(
        "身份规则",
        "the identity rule",
        a.identity_version.to_string(),
        b.identity_version.to_string(),
    );
    differ(
        "分类表",
        "the classification table",
        a.classification.clone(),
        b.classification.clone(),
    );
    differ(
        "记录结构",
        "the lake's table",
        a.lake_schema.to_string(),
        b.lake_schema.to_string(),
    );
    let short = |hash: &str| hash.chars().take(8).collect::<String>();
    differ(
        "参考数据",
        "the reference tables",
        short(&a.reference),
        short(&b.reference),
    );
    let schemas = |basis: &crate::frozen::Basis| {
        let each: Vec<String> = basis
            .source_schemas
            .iter()
            .map(|(name, version)| format!("{name} {version}"))
            .collect();
        match each.is_empty() {
            true => "–".to_owned(),
            false => each.join(", "),
        }
    };
    differ("来源格式", "source schemas", schemas(a), schemas(b));
    out
}

fn remarks(inputs: &Inputs<'_>) -> Vec<Text> {
    let mut out = version_changes(inputs);
    if inputs.difference.is_none() {
        out.push(Text::new(
            "上周的记录不在本系统中，不能逐一比较",
            "last week's records are not here: its assets cannot be compared one by one",
        ));
    }
    out
}

fn unexplained(inputs: &Inputs<'_>, new: u64, gone: u64) -> Text {
    match inputs.difference {
        Some(_) => Text::new(
            format!(
                "新出现{new}个、消失{gone}个，来源两周都完整，没有集中在某一家族、品牌、网络、省份或域名后缀"
            ),
            format!(
                "{new} new and {gone} gone, seen by feeds complete in both weeks; no family, brand, network, province or top-level domain stands out"
            ),
        ),
        None => Text::new("上周的对象不可知", "last week's assets are not known"),
    }
}

/// Printed name of a group.
fn group_name(inputs: &Inputs<'_>, dimension: Dimension, group: &str) -> Text {
    match dimension {
        Dimension::Province => group
            .parse()
            .ok()
            .and_then(|code| (inputs.names.province)(code))
            .unwrap_or_else(|| Text::same(group)),
        Dimension::Tld => Text::same(format!(".{group}")),
        _ => Text::same(group),
    }
}

fn dimension_name(dimension: Dimension) -> Text {
    match dimension {
        Dimension::Family => Text::new("恶意程序家族", "malware family"),
        Dimension::Brand => Text::new("被仿冒品牌", "imitated brand"),
        Dimension::Network => Text::new("网络", "network"),
        Dimension::Province => Text::new("省份", "province"),
        Dimension::Tld => Text::new("域名后缀", "top-level domain"),
    }
}

/// 3: groups that moved more than their size explains, the largest first; each asset in one of them.
fn by_groups(
    inputs: &Inputs<'_>,
    difference: i64,
    found: &Difference,
    left: &mut BTreeMap<&Moved, u64>,
    rows: &mut Vec<Row>,
) {
    for _ in 0..MOVERS {
        let (new, gone) = balance(left.iter().map(|(moved, count)| (*moved, *count)));
        let rest = signed(new) - signed(gone);
        let mut nets: BTreeMap<(usize, &str), (u64, u64)> = BTreeMap::new();
        for (moved, count) in left.iter() {
            for (at, group) in moved.attributes.iter().enumerate() {
                let Some(group) = group else { continue };
                let net = nets.entry((at, group)).or_default();
                match moved.new {
                    true => net.0 += count,
                    false => net.1 += count,
                }
            }
        }
        let stands_out = |(at, group): (usize, &str), net: i64| {
            let size = found
                .groups
                .get(&(Dimension::ALL[at], group.to_owned()))
                .map_or(0, |(last, _)| *last);
            let moved = net.unsigned_abs();
            // Its share of the movement is half as much again as its share of last week.
            let more = u128::from(moved) * u128::from(found.last.max(1)) * 2
                > u128::from(size) * u128::from(rest.unsigned_abs()) * 3;
            net.signum() == rest.signum()
                && moved >= GROUP_AT_LEAST
                && u128::from(moved) * 100
                    >= u128::from(difference.unsigned_abs()) * u128::from(GROUP_PERCENT)
                && more
        };
        let best = nets
            .iter()
            .map(|(key, (new, gone))| (*key, signed(*new) - signed(*gone)))
            .filter(|(key, net)| stands_out(*key, *net))
            .max_by_key(|((at, group), net)| {
                (net.unsigned_abs(), std::cmp::Reverse((*at, *group)))
            });
        let Some(((at, group), net)) = best else {
            return;
        };
        let (dimension, group) = (Dimension::ALL[at], group.to_owned());
        let (new, gone) = nets[&(at, group.as_str())];
        let (last, this) = found
            .groups
            .get(&(dimension, group.clone()))
            .copied()
            .unwrap_or_default();
        left.retain(|moved, _| moved.attributes[at].as_deref() != Some(group.as_str()));
        let (of, name) = (
            dimension_name(dimension),
            group_name(inputs, dimension, &group),
        );
        rows.push(Row {
            cause: Cause::Group { dimension, group },
            new,
            gone,
            count: net,
            share: None,
            name: Text::new(format!("{}{}", of.zh, name.zh), format!("{} {}", of.en, name.en)),
            evidence: Text::new(
                format!("上周{last}个，本周{this}个；来源两周都完整的新增{new}个、消失{gone}个"),
                format!("{last} last week, {this} this week; over feeds complete in both {new} new, {gone} gone"),
            ),
            confidence: Confidence::Medium,
        });
    }
}
