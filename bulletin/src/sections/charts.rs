//! Charts that several sections draw: a figure over the weeks, this week beside last, parts in order.

use std::ops::Range;

use model::bulletin::{
    Cell, Chart, ColumnGroup, ColumnPlot, LinePlot, Mark, Plot, RankedPlot, RankedRow, Scale,
    Series, Table, TableRow, Text,
};
use model::statistic;

use super::Page;
use super::series::{Past, whole};
use super::words::{list, period};
use crate::frozen::FrozenWeek;

/// Identifier, finding, measure and alternative text of a chart.
pub struct Caption {
    /// Identifier.
    pub id: &'static str,
    /// The finding.
    pub title: Text,
    /// Measure and unit; the period is added.
    pub measure: Text,
    /// What it shows, in words.
    pub alt: Text,
}

/// Puts a chart together; its number is given later.
pub fn chart(
    page: &Page<'_>,
    statistic: &str,
    caption: Caption,
    plot: Plot,
    table: Table,
) -> Chart {
    let sources = page
        .value(statistic)
        .map(|value| value.sources.clone())
        .unwrap_or_default();
    let note = page
        .figures
        .get(statistic)
        .and_then(|value| value.incomplete.as_ref())
        .map(incomplete_note);
    Chart {
        number: 0,
        id: caption.id.to_owned(),
        title: caption.title,
        subtitle: caption.measure,
        alt: caption.alt,
        plot,
        table,
        source: sources_text(page.this, &sources),
        query: explain_command(page, statistic),
        note,
    }
}

/// The command that opens a figure.
pub fn explain_command(page: &Page<'_>, statistic: &str) -> String {
    format!("watchfire week {} --explain {statistic}", page.this.issue)
}

/// The remark under a chart whose sources were incomplete.
pub fn incomplete_note(found: &model::bulletin::Incomplete) -> Text {
    Text::new(
        format!(
            "本周{}个来源中{}个完整，数字偏低，不宜与以往比较",
            found.expected, found.complete
        ),
        format!(
            "{} of {} sources were complete this week: the figures read low and do not compare with the past",
            found.complete, found.expected
        ),
    )
}

/// Names of sources as readers know them, shortened after six.
pub fn sources_text(week: &FrozenWeek, sources: &[String]) -> Text {
    const NAMED: usize = 6;
    let named: Vec<&str> = sources.iter().map(|feed| week.feed_title(feed)).collect();
    if named.len() <= NAMED {
        return Text::new(named.join("、"), named.join(", "));
    }
    let shown = &named[..NAMED];
    Text::new(
        format!("{}等{}个", shown.join("、"), named.len()),
        format!("{} and {} more", shown.join(", "), named.len() - NAMED),
    )
}

/// A figure over the last 13 weeks: a line; bars while there are few weeks; nothing for a single one.
pub fn weekly(
    page: &Page<'_>,
    id: &'static str,
    key: &'static str,
    unit: (&str, &str),
) -> Option<Chart> {
    let past = Past::of(key, page.this, page.past).from_first_known();
    let name = page.figures.get(key)?.name.clone();
    let (first, last) = (past.weeks.first()?, past.weeks.last()?);
    // A single week is no line, and a line along zero says less than its sentence.
    if past.known() < 2 || past.counts.iter().flatten().all(|count| *count == 0) {
        return None;
    }
    let scale = past.scale();
    let unit = match scale.zh {
        1 => Text::new(unit.0, unit.1),
        _ => Text::new(format!("万{}", unit.0), "thousand"),
    };
    let marks = past.marks(key);
    let known = past.known();
    let span = period(first.monday(), last.sunday());
    let now = page.figures.printed(key, model::bulletin::Aspect::Value);
    let caption = Caption {
        id,
        title: trend(&past, &name),
        measure: Text::new(
            format!("{}，{}，按周，{}", name.zh, unit.zh, span.zh),
            format!(
                "{}, {}, by week, {}",
                name.en,
                if unit.en.is_empty() {
                    "number"
                } else {
                    &unit.en
                },
                span.en
            ),
        ),
        alt: Text::new(
            format!("{}，近13周中有数的{known}周的走势，本周{}", name.zh, now.zh),
            format!(
                "{} by week, {known} of the last 13 weeks known, {} this week",
                name.en, now.en
            ),
        ),
    };
    let dash = Text::same("–");
    let unit_head = match unit.en.is_empty() {
        true => Text::new(unit.zh.clone(), "number"),
        false => unit.clone(),
    };
    let rows = past
        .axis()
        .into_iter()
        .zip(&marks)
        .map(|(week, mark)| TableRow {
            name: week.text,
            cells: vec![Cell {
                value: mark.value.clone(),
                text: if mark.number.is_some() {
                    mark.text.clone()
                } else {
                    dash.clone()
                },
            }],
            total: false,
        });
    let table = Table {
        head: vec![Text::new("周起始日", "Week of"), unit_head],
        rows: rows.collect(),
    };
    let plot = if known >= 4 {
        Plot::Line(LinePlot {
            scale,
            unit,
            weeks: past.axis(),
            series: vec![Series { name, marks }],
            band: past.band(),
            breaks: past.printed_breaks(),
        })
    } else {
        let groups = past
            .axis()
            .into_iter()
            .zip(marks)
            .filter(|(_, mark)| mark.number.is_some());
        let mut groups: Vec<ColumnGroup> = groups
            .map(|(week, mark)| ColumnGroup {
                name: week.text,
                marks: vec![mark],
                emphasis: false,
                foot: Text::default(),
            })
            .collect();
        if let Some(last) = groups.last_mut() {
            last.emphasis = true;
        }
        Plot::Columns(ColumnPlot {
            scale,
            names: vec![name],
            groups,
            foot_name: None,
        })
    };
    Some(chart(page, key, caption, plot, table))
}

/// What a line says: its direction over the weeks, from complete weeks alone. An incomplete week
/// proves no direction.
fn trend(past: &Past, name: &Text) -> Text {
    if !past.whole_now() {
        return Text::new(
            format!("{}：本周来源不完整，不与以往比较", name.zh),
            format!(
                "{}: sources incomplete this week, not compared with the past",
                name.en
            ),
        );
    }
    let known = past.comparable();
    let Some((now, before)) = known.split_last() else {
        return name.clone();
    };
    let Some(last) = before.last() else {
        return name.clone();
    };
    let (high, low) = (
        before.iter().max().unwrap_or(now),
        before.iter().min().unwrap_or(now),
    );
    let weeks = known.len();
    // Weeks that were left out are not spoken for.
    let (span_zh, span_en) = if weeks == past.weeks.len() {
        (format!("{weeks}周来"), format!("in {weeks} weeks"))
    } else {
        (
            format!("来源完整的{weeks}周中"),
            format!("of {weeks} complete weeks"),
        )
    };
    if weeks >= 4 && (now > high || now < low) {
        let (zh, en) = match now > high {
            true => ("最多", "most"),
            false => ("最少", "fewest"),
        };
        return Text::new(
            format!("{}为{span_zh}{zh}", name.zh),
            format!("{}: the {en} {span_en}", name.en),
        );
    }
    let mut sorted = before.to_vec();
    sorted.sort_unstable();
    let above = now > &sorted[sorted.len() / 2];
    let (zh, en) = match (statistic::change_kind(*now, *last), now > last, above) {
        (statistic::ChangeKind::Flat, ..) => ("与上周持平", "unchanged from last week"),
        // A median of fewer weeks says nothing.
        (_, true, _) if weeks < 4 => ("比上周增加", "up from last week"),
        (_, false, _) if weeks < 4 => ("比上周减少", "down from last week"),
        (_, true, true) => (
            "比上周增加，高于前几周的中位数",
            "up, above the median of the weeks before",
        ),
        (_, true, false) => (
            "比上周增加，不高于前几周的中位数",
            "up, but not above the median of the weeks before",
        ),
        (_, false, true) => (
            "比上周减少，仍高于前几周的中位数",
            "down, but still above the median of the weeks before",
        ),
        (_, false, false) => (
            "比上周减少，不高于前几周的中位数",
            "down, not above the median of the weeks before",
        ),
    };
    Text::new(format!("{}{zh}", name.zh), format!("{}: {en}", name.en))
}

/// One bar of a ranked chart.
pub struct Bar {
    /// Label.
    pub name: Text,
    /// The whole.
    pub whole: u64,
    /// A part of it.
    pub part: Option<u64>,
    /// Key of the figure it shows.
    pub key: Option<String>,
    /// Text at the right.
    pub share: Text,
}

/// A ranked chart's plot and table; the bars in `emphasis` are what the title speaks of.
pub fn ranked(
    bars: Vec<Bar>,
    names: [Text; 2],
    share_name: Option<Text>,
    part_name: Option<Text>,
    emphasis: Range<usize>,
) -> (Plot, Table) {
    let [head, unit] = names;
    let keyed = |count: u64, key: &Option<String>| match key {
        Some(key) => whole(count).of(key),
        None => whole(count),
    };
    let mut columns = vec![head, unit.clone()];
    columns.extend(part_name.clone());
    columns.extend(share_name.clone());
    let rows = bars
        .iter()
        .map(|bar| {
            let mut cells = vec![Cell::text(whole(bar.whole).text)];
            if part_name.is_some() {
                cells.push(Cell::text(whole(bar.part.unwrap_or(0)).text));
            }
            if share_name.is_some() {
                cells.push(Cell::text(bar.share.clone()));
            }
            TableRow {
                name: bar.name.clone(),
                cells,
                total: false,
            }
        })
        .collect();
    let plot = RankedPlot {
        whole_name: part_name.as_ref().map(|_| Text::new("全部", "all")),
        part_name,
        share_name,
        rows: bars
            .into_iter()
            .enumerate()
            .map(|(at, bar)| RankedRow {
                name: bar.name,
                whole: keyed(bar.whole, &bar.key),
                part: bar.part.map(whole),
                share: bar.share,
                emphasis: emphasis.contains(&at),
            })
            .collect(),
    };
    (
        Plot::Ranked(plot),
        Table {
            head: columns,
            rows,
        },
    )
}

/// Names of the largest bars, for alternative texts.
pub fn largest(bars: &[Bar], count: usize) -> Text {
    let named: Vec<Text> = bars
        .iter()
        .take(count)
        .map(|bar| {
            Text::new(
                format!("{}{}", bar.name.zh, bar.whole),
                format!("{} {}", bar.name.en, statistic::grouped(bar.whole)),
            )
        })
        .collect();
    list(&named)
}

/// This week beside last, one group a figure; without a last week there is one bar each.
pub fn beside_last(page: &Page<'_>, keys: &[(&str, Text)], emphasis: &str) -> (Plot, Table) {
    let last = |key: &str| {
        let value = page.figures.get(key)?.previous.as_ref()?;
        match value.exact {
            model::bulletin::Exact::Count { count } => Some(count),
            _ => None,
        }
    };
    let any_last = keys.iter().any(|(key, _)| last(key).is_some());
    let mut names = vec![Text::new("本周", "this week")];
    if any_last {
        names.insert(0, Text::new("上周", "last week"));
    }
    let mut groups = Vec::new();
    let mut rows = Vec::new();
    for (key, name) in keys {
        let now = page.figures.count(key);
        let mut marks: Vec<Mark> = Vec::new();
        if any_last {
            marks.push(last(key).map(whole).unwrap_or_default());
        }
        let preliminary = page
            .figures
            .get(key)
            .is_some_and(|value| value.incomplete.is_some());
        marks.push(
            now.map(|count| Mark {
                preliminary,
                ..whole(count).of(key)
            })
            .unwrap_or_default(),
        );
        let cells = marks
            .iter()
            .map(|mark| Cell {
                value: mark.value.clone(),
                text: mark.text.clone(),
            })
            .collect();
        rows.push(TableRow {
            name: name.clone(),
            cells,
            total: false,
        });
        groups.push(ColumnGroup {
            name: name.clone(),
            marks,
            emphasis: *key == emphasis,
            foot: Text::default(),
        });
    }
    let mut head = vec![Text::default()];
    head.extend(names.iter().cloned());
    (
        Plot::Columns(ColumnPlot {
            scale: Scale::default(),
            names,
            groups,
            foot_name: None,
        }),
        Table { head, rows },
    )
}
