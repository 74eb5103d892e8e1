//! Every figure of an issue with its print: exact value, text, last week's, change.
//!
//! The one place where a number becomes text (DOMAIN rules 1.4a to 1.4e). Sections, tiles, tables and
//! charts ask here by key: `M1`, `W2/share`, `M5/440000`.

use std::collections::BTreeMap;

use model::bulletin::{
    Amount, Aspect, Change, Decimal, Direction, Exact, Incomplete, Judgement, PublishedValue, Text,
};
use model::incident::CaseKind;
use model::organization::Role;
use model::statistic::{
    self, ChangeKind, Formula, Measured, Observed, Presentation, Quantity, Sense, Statistic,
    StatisticValue, Words,
};
use model::worded::Word;

use super::words::lower_first;
use crate::frozen::FrozenWeek;
use crate::restate::former_key;
use crate::statistics;
use crate::statistics::cells::UNKNOWN;
use crate::statistics::compare::{Side, change_of};
use crate::statistics::vulnerabilities::object_name;

/// Identifier of the note that tells which sources were incomplete.
pub const SOURCES_NOTE: &str = "sources";

/// Names of things that statistics divide by.
pub struct Names<'a> {
    /// Printed name of a province by its GB/T 2260 code NN0000.
    pub province: &'a dyn Fn(u32) -> Option<Text>,
    /// Printed name of a sector.
    pub sector: &'a dyn Fn(&str) -> Option<Text>,
}

/// The figures of one issue.
pub struct Figures {
    values: Vec<PublishedValue>,
    by_key: BTreeMap<String, usize>,
    changes: BTreeMap<String, statistic::Change>,
    /// Printed names of feeds.
    titles: BTreeMap<String, String>,
}

impl Figures {
    /// Prints a frozen week beside the issue before.
    pub fn of(this: &FrozenWeek, last: Option<&FrozenWeek>, names: &Names<'_>) -> Self {
        let mut figures = Figures {
            values: Vec::new(),
            by_key: BTreeMap::new(),
            changes: BTreeMap::new(),
            titles: this
                .coverage
                .iter()
                .map(|coverage| (coverage.feed.clone(), coverage.printed().to_owned()))
                .collect(),
        };
        for statistic in statistics::all() {
            let Some(value) = this.value(statistic.id) else {
                continue;
            };
            let before = last.and_then(|last| last.value(statistic.id));
            figures.add(this, last, statistic, value, before, names);
            figures.add_former(this, last, statistic, names);
        }
        figures
    }

    /// The figure by the definition before, where both are printed.
    fn add_former(
        &mut self,
        this: &FrozenWeek,
        last: Option<&FrozenWeek>,
        statistic: &Statistic,
        names: &Names<'_>,
    ) {
        let by = |week: &FrozenWeek, version: Option<u32>| {
            let mut former = week.former.iter().map(|former| &former.value);
            let found = former.find(|value| {
                value.statistic == statistic.id && version.is_none_or(|own| value.version == own)
            });
            found.cloned()
        };
        let Some(value) = by(this, None) else {
            return;
        };
        let version = value.version;
        let before = last.and_then(|last| {
            let printed = last.value(statistic.id).cloned();
            let printed = printed.filter(|printed| printed.version == version);
            by(last, Some(version)).or(printed)
        });
        let side = |value, week: &FrozenWeek| (value, week.coverage.clone());
        let now = side(value, this);
        let then = before.zip(last).map(|(before, last)| side(before, last));
        let sides = (
            Side {
                value: &now.0,
                coverage: &now.1,
            },
            then.as_ref()
                .map(|(value, coverage)| Side { value, coverage }),
        );
        let (complete, expected) = sides.0.completeness(None);
        let main = PublishedValue {
            key: former_key(&now.0),
            statistic: statistic.id.to_owned(),
            definition_version: version,
            name: former_name(statistic, version),
            unit: statistic.unit.text(),
            value: print(&now.0.measured, statistic, statistic.print, None, names),
            missing: now.0.measured.missing().map(statistic::Missing::text),
            previous: sides.1.and_then(|then| {
                print(
                    &then.value.measured,
                    statistic,
                    statistic.print,
                    None,
                    names,
                )
            }),
            change: Change::default(),
            incomplete: (complete < expected).then(|| Incomplete {
                complete,
                expected,
                note: Some(SOURCES_NOTE.to_owned()),
            }),
            preliminary: false,
        };
        let change = change_of(statistic, None, sides.0, sides.1);
        self.push(main, change, statistic.sense);
    }

    /// The figures of an issue as it prints them, for prose that is written around it.
    pub fn of_values(values: &[PublishedValue]) -> Self {
        let by_key = values.iter().enumerate();
        Figures {
            by_key: by_key.map(|(at, value)| (value.key.clone(), at)).collect(),
            values: values.to_vec(),
            changes: BTreeMap::new(),
            titles: BTreeMap::new(),
        }
    }

    fn add(
        &mut self,
        this: &FrozenWeek,
        last: Option<&FrozenWeek>,
        statistic: &Statistic,
        value: &StatisticValue,
        before: Option<&StatisticValue>,
        names: &Names<'_>,
    ) {
        let sides = (
            this.side(statistic),
            last.and_then(|last| last.side(statistic)),
        );
        let change = |part: Option<&str>| match sides.0 {
            Some(now) => change_of(statistic, part, now, sides.1),
            None => statistic::Change::omitted(),
        };
        let incomplete = |part: Option<&str>| {
            let (complete, expected) = sides.0?.completeness(part);
            (complete < expected).then(|| Incomplete {
                complete,
                expected,
                note: Some(SOURCES_NOTE.to_owned()),
            })
        };
        let base = |key: String, part: Option<&str>, name: Text, unit: Text| PublishedValue {
            key,
            statistic: statistic.id.to_owned(),
            definition_version: value.version,
            name,
            unit,
            value: None,
            missing: None,
            previous: None,
            change: Change::default(),
            incomplete: incomplete(part),
            preliminary: false,
        };
        let amount = |week: Option<&FrozenWeek>, measured: &Measured| {
            let sum = (statistic.id == "M1" || statistic.id == "M2" || statistic.id == "M3")
                .then(|| week.and_then(sum_parts))
                .flatten();
            print(measured, statistic, statistic.print, sum, names)
        };
        let mut main = base(
            statistic.id.to_owned(),
            None,
            statistic.name.text(),
            statistic.unit.text(),
        );
        main.value = amount(Some(this), &value.measured);
        main.missing = value.measured.missing().map(statistic::Missing::text);
        main.previous = before.and_then(|before| amount(last, &before.measured));
        self.push(main, change(None), statistic.sense);
        for part in &value.parts {
            let rule = statistic.parts.iter().find(|rule| rule.id == part.id);
            let (name, unit, form) = match rule {
                Some(rule) => (rule.name.text(), rule.unit.text(), rule.print),
                None => member(statistic, &part.id, names),
            };
            let sense = rule.map_or(Sense::Neutral, |rule| rule.sense);
            let mut out = base(
                format!("{}/{}", statistic.id, part.id),
                Some(&part.id),
                name,
                unit,
            );
            out.value = print(&part.measured, statistic, form, None, names);
            out.missing = part.measured.missing().map(statistic::Missing::text);
            let then = before.and_then(|before| before.part(&part.id));
            out.previous = then.and_then(|then| print(then, statistic, form, None, names));
            let change = if rule.is_some() && then.is_some() {
                change(Some(&part.id))
            } else {
                statistic::Change::omitted()
            };
            self.push(out, change, sense);
        }
    }

    fn push(&mut self, mut value: PublishedValue, change: statistic::Change, sense: Sense) {
        if value.value.is_some() {
            let mut told = change.clone();
            for feed in told.like_for_like.iter_mut().flatten() {
                if let Some(title) = self.titles.get(feed) {
                    feed.clone_from(title);
                }
            }
            value.change = print_change(&told, sense);
        }
        self.by_key.insert(value.key.clone(), self.values.len());
        self.changes.insert(value.key.clone(), change);
        self.values.push(value);
    }

    /// A figure.
    pub fn get(&self, key: &str) -> Option<&PublishedValue> {
        self.values.get(*self.by_key.get(key)?)
    }

    /// Whether there is a value.
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| value.value.is_some())
    }

    /// The count, of an available count.
    pub fn count(&self, key: &str) -> Option<u64> {
        match self.get(key)?.value.as_ref()?.exact {
            Exact::Count { count } => Some(count),
            _ => None,
        }
    }

    /// The names, of an available rank.
    pub fn ranked(&self, key: &str) -> Vec<String> {
        match self
            .get(key)
            .and_then(|value| value.value.as_ref())
            .map(|value| &value.exact)
        {
            Some(Exact::Rank { names }) => names.clone(),
            _ => Vec::new(),
        }
    }

    /// The change before it was put into words.
    pub fn change(&self, key: &str) -> Option<&statistic::Change> {
        self.changes.get(key)
    }

    /// What is printed of a figure; empty where there is nothing.
    pub fn printed(&self, key: &str, aspect: Aspect) -> Text {
        let Some(value) = self.get(key) else {
            return Text::default();
        };
        match aspect {
            Aspect::Value => value
                .value
                .as_ref()
                .map(|amount| amount.text.clone())
                .unwrap_or_default(),
            Aspect::Previous => value
                .previous
                .as_ref()
                .map(|amount| amount.text.clone())
                .unwrap_or_default(),
            Aspect::Change => match self.change(key).map(|change| &change.kind) {
                Some(ChangeKind::Percent { tenths }) => {
                    statistic::print_percent(tenths.unsigned_abs())
                }
                _ => value.change.text.clone(),
            },
        }
    }

    /// All, in stable order.
    pub fn into_values(self) -> Vec<PublishedValue> {
        self.values
    }
}

/// Printed name of a figure by the definition before.
pub fn former_name(statistic: &Statistic, version: u32) -> Text {
    Text::new(
        format!("{}（第{version}版定义）", statistic.name.zh),
        format!("{} (definition version {version})", statistic.name.en),
    )
}

/// The count of a statistic that a line is drawn with: that of M1 is the sum of its printed parts, as its
/// print is, so that the line ends where the text says.
pub(super) fn drawn(week: &FrozenWeek, id: &str) -> Option<u64> {
    let count = week.value(id)?.measured.count()?.count;
    let parts = (id == "M1").then(|| sum_parts(week)).flatten();
    let sum = parts.and_then(|parts| statistic::printed_sum(&parts).to_string().parse().ok());
    Some(sum.unwrap_or(count))
}

/// M2 and M3 of a week, of which M1 is the printed sum.
fn sum_parts(week: &FrozenWeek) -> Option<[u64; 2]> {
    let count = |id: &str| {
        week.value(id)
            .and_then(|value| value.measured.count())
            .map(|counted| counted.count)
    };
    let sum = count("M1")?;
    let trojan = count("M2")?;
    Some([trojan, count("M3").unwrap_or(sum.saturating_sub(trojan))])
}

fn amount(exact: Exact, number: Option<Decimal>, text: Text) -> Option<Amount> {
    Some(Amount {
        exact,
        number,
        text,
    })
}

/// A count or share as printed by itself; `None` of names and words, and where there is nothing.
pub fn plain(measured: &Measured, statistic: &Statistic) -> Option<Amount> {
    let names = Names {
        province: &|_| None,
        sector: &|_| None,
    };
    match measured.quantity()? {
        Quantity::Count(_) | Quantity::Ratio { .. } => {
            print(measured, statistic, statistic.print, None, &names)
        }
        Quantity::Rank { .. } | Quantity::Word { .. } => None,
    }
}

fn print(
    measured: &Measured,
    statistic: &Statistic,
    form: Presentation,
    sum: Option<[u64; 2]>,
    names: &Names<'_>,
) -> Option<Amount> {
    match measured.quantity()? {
        Quantity::Count(counted) => {
            let exact = Exact::Count {
                count: counted.count,
            };
            if form == Presentation::HoursOneDecimal {
                let tenths = statistic::hour_tenths(counted.count);
                let exact = Exact::Ratio {
                    numerator: counted.count,
                    denominator: 60,
                };
                let number = i64::try_from(tenths)
                    .ok()
                    .map(|tenths| Decimal::new(tenths, 1));
                return amount(exact, number, statistic::print_hours(tenths));
            }
            if let Some(parts) = sum {
                let (whole, each) = statistic::print_sum(&parts);
                let text = match statistic.id {
                    "M1" => return amount(exact, Some(statistic::printed_sum(&parts)), whole),
                    "M2" => each[0].clone(),
                    _ => each[1].clone(),
                };
                let in_wan = parts.iter().sum::<u64>() >= statistic::WAN;
                let number = if in_wan {
                    statistic::wan_tenths(counted.count) * 1000
                } else {
                    counted.count
                };
                return amount(exact, Some(Decimal::count(number)), text);
            }
            let number = match form {
                Presentation::WanOneDecimal if counted.count >= statistic::WAN => {
                    statistic::wan_tenths(counted.count) * 1000
                }
                _ => counted.count,
            };
            amount(
                exact,
                Some(Decimal::count(number)),
                statistic::print_count(counted.count, form),
            )
        }
        Quantity::Ratio {
            numerator,
            denominator,
            of,
        } => {
            let (above, below) = (numerator.count, denominator.count);
            let exact = Exact::Ratio {
                numerator: above,
                denominator: below,
            };
            if form == Presentation::AboutInteger {
                let quotient = statistic::whole_quotient(above, below)?;
                let text = Text::new(
                    format!("约{quotient}"),
                    format!("about {}", statistic::grouped(quotient)),
                );
                return amount(exact, Some(Decimal::count(quotient)), text);
            }
            let percent = statistic::print_percent(statistic::percent_tenths(above, below)?);
            let text = match of {
                Some(tld) => Text::new(
                    format!("{}（.{tld}）", percent.zh),
                    format!("{} (.{tld})", percent.en),
                ),
                None => percent,
            };
            amount(
                exact,
                Decimal::percent(i128::from(above), i128::from(below), 1),
                text,
            )
        }
        Quantity::Rank { names: ids } => {
            let printed: Vec<Text> = ids
                .iter()
                .map(|id| member(statistic, id, names).0)
                .collect();
            // What is left over is no kind of its own, however much it is.
            let named: Vec<&Text> = printed
                .iter()
                .zip(ids)
                .filter(|(_, id)| !matches!(id.as_str(), UNKNOWN | "other"))
                .map(|(text, _)| text)
                .collect();
            let shown = &named[..named.len().min(3)];
            let glue = |lang: fn(&Text) -> &str, comma: &str| {
                shown
                    .iter()
                    .map(|text| lang(text))
                    .collect::<Vec<_>>()
                    .join(comma)
            };
            let text = Text::new(glue(|text| &text.zh, "、"), glue(|text| &text.en, ", "));
            amount(Exact::Rank { names: ids.clone() }, None, text)
        }
        Quantity::Word { word } => {
            amount(Exact::Word { word: word.clone() }, None, level_word(word))
        }
    }
}

/// Printed words of the vulnerability level's identifiers.
fn level_word(word: &str) -> Text {
    match word {
        "low" => Text::new("低", "Low"),
        "medium" => Text::new("中", "Medium"),
        "high" => Text::new("高", "High"),
        other => Text::same(other),
    }
}

/// Printed name, unit and form of a member of a statistic's family.
pub fn member(statistic: &Statistic, id: &str, names: &Names<'_>) -> (Text, Text, Presentation) {
    let unknown = || Text::new("未知", "unknown");
    let other = || Text::new("其他", "other");
    if statistic.observed == Observed::Handling {
        return handled(statistic, id);
    }
    let name = match (statistic.formula, id) {
        (_, UNKNOWN) => unknown(),
        (Formula::Ranking { .. }, code) => code
            .parse()
            .ok()
            .and_then(|code| (names.province)(code))
            .unwrap_or_else(|| Text::same(code)),
        (_, "other") => other(),
        (Formula::Commonest { .. }, tld) => Text::same(format!(".{tld}")),
        (Formula::Division { family, .. }, kind) if family.ends_with(".type") => site_type(kind),
        (_, kind) => object_name(kind)
            .map(Words::text)
            .unwrap_or_else(|| Text::same(kind)),
    };
    match statistic.formula {
        Formula::Ranking { .. } => (name, Text::new("台", "hosts"), Presentation::WanOneDecimal),
        _ => (name, Text::same("%"), Presentation::PercentOneDecimal),
    }
}

/// Of the handled incidents: a type with its share, or a role of parties with its count.
fn handled(statistic: &Statistic, id: &str) -> (Text, Text, Presentation) {
    let words = |text: (&str, &str)| Text::new(text.0, lower_first(text.1));
    let kind = id.parse::<CaseKind>().map(|kind| (kind.zh(), kind.en()));
    let role = id.parse::<Role>().map(|role| (role.zh(), role.en()));
    match statistic.formula {
        Formula::Ranking { .. } => (
            role.map_or_else(|_| Text::same(id), words),
            Text::new("起", "incidents"),
            Presentation::Integer,
        ),
        _ => (
            kind.map_or_else(|_| Text::same(id), words),
            Text::same("%"),
            Presentation::PercentOneDecimal,
        ),
    }
}

fn site_type(kind: &str) -> Text {
    match kind {
        "gov" => Text::new("政府", "government"),
        "edu" => Text::new("教育", "education"),
        tld => Text::same(format!(".{tld}")),
    }
}

/// A change as a tile or table prints it (DOMAIN rules 1.4a to 1.4d).
pub fn print_change(change: &statistic::Change, sense: Sense) -> Change {
    let (direction, up) = match (change.this, change.last) {
        (Some(this), Some(last)) if this > last => (Direction::Up, true),
        (Some(this), Some(last)) if this < last => (Direction::Down, false),
        (Some(_), Some(_)) => (Direction::Flat, false),
        _ => (Direction::None, false),
    };
    let judgement = match (sense, direction) {
        (Sense::FewerIsBetter, Direction::Up) => Judgement::Worse,
        (Sense::FewerIsBetter, Direction::Down) => Judgement::Better,
        _ => Judgement::Neutral,
    };
    let mut out = Change {
        direction,
        judgement,
        percent: None,
        text: Text::default(),
        note: None,
    };
    match &change.kind {
        ChangeKind::Percent { tenths } => {
            out.percent = Some(Decimal::new(tenths.unsigned_abs() as i64, 1));
            out.text = statistic::print_percent(tenths.unsigned_abs());
        }
        ChangeKind::Flat => {
            out.direction = Direction::Flat;
            out.judgement = Judgement::Neutral;
            out.text = Text::new("与上周持平", "unchanged");
        }
        ChangeKind::FromZero => out.text = Text::new("上周为0", "from 0"),
        ChangeKind::SmallBase => {
            out.text = Text::same(format!(
                "{}→{}",
                change.last.unwrap_or(0),
                change.this.unwrap_or(0)
            ));
        }
        ChangeKind::Omitted => return Change::default(),
        ChangeKind::NotComparable { reason } => {
            out.direction = Direction::None;
            out.judgement = Judgement::NotComparable;
            out.text = Text::new("不可比", "not comparable");
            out.note = Some(reason.text());
        }
    }
    // Measured over a part of the sources: said, and neither better nor worse.
    if let (Some(sources), false) = (
        &change.like_for_like,
        matches!(change.kind, ChangeKind::NotComparable { .. }),
    ) {
        let sign = match change.kind {
            ChangeKind::Percent { .. } if up => "+",
            ChangeKind::Percent { .. } => "−",
            _ => "",
        };
        out.direction = Direction::None;
        out.judgement = Judgement::NotComparable;
        out.text = match change.kind {
            ChangeKind::Flat => Text::new("可比来源持平", "unchanged like for like"),
            _ => Text::new(
                format!("可比来源{sign}{}", out.text.zh),
                format!("{sign}{} like for like", out.text.en),
            ),
        };
        out.note = Some(Text::new(
            format!("按两周都完整的来源计算：{}", sources.join("、")),
            format!(
                "over the sources complete in both weeks: {}",
                sources.join(", ")
            ),
        ));
    }
    out
}

/// The clause that tells a figure's change, beginning with its comma; empty where nothing is said.
pub fn change_clause(figures: &Figures, key: &str, unit: &str) -> (String, String) {
    let Some(change) = figures.change(key) else {
        return (String::new(), String::new());
    };
    let up = change.this > change.last;
    let like = change.like_for_like.is_some();
    // After "none" a per cent says less than the count that is gone.
    if figures.count(key) == Some(0) && !like {
        match &change.kind {
            ChangeKind::Flat => return ("，与上周相同".into(), ", as last week".into()),
            ChangeKind::Percent { .. } => {
                return (
                    format!("，上周为{{<{key}|{unit}}}"),
                    format!(", against {{<{key}}} last week"),
                );
            }
            _ => {}
        }
    }
    match &change.kind {
        ChangeKind::Percent { .. } if like => (
            format!(
                "（按两周都完整的来源计，比上周{}{{~{key}}}）",
                if up { "上升" } else { "下降" }
            ),
            format!(
                " ({{~{key}}} {} last week over the sources complete in both)",
                if up { "more than" } else { "fewer than" }
            ),
        ),
        ChangeKind::Percent { .. } => (
            format!("，比上周{}{{~{key}}}", if up { "上升" } else { "下降" }),
            format!(
                ", {{~{key}}} {} than last week",
                if up { "more" } else { "fewer" }
            ),
        ),
        ChangeKind::Flat if like => (
            "（按两周都完整的来源计，与上周持平）".into(),
            " (unchanged over the sources complete in both weeks)".into(),
        ),
        ChangeKind::Flat => ("，与上周持平".into(), ", as many as last week".into()),
        ChangeKind::NotComparable { .. } => (
            "（与上周不可比）".into(),
            " (not comparable with last week)".into(),
        ),
        _ if like => (String::new(), String::new()),
        ChangeKind::SmallBase => (
            format!("，上周为{{<{key}|{unit}}}"),
            format!(", against {{<{key}}} last week"),
        ),
        ChangeKind::FromZero => ("，上周没有".into(), ", after none last week".into()),
        ChangeKind::Omitted => (String::new(), String::new()),
    }
}
