//! Charts as data: what is plotted, in which kind of picture, with which words.
//!
//! No geometry and no colour: those belong to the renderer's SVG writer. Every plotted number stands beside the
//! text that is printed for it, and a number that is missing is missing: a gap is `None`, never 0.

use super::{Change, Decimal, Table, Text};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// One chart of a section: the finding, the measure, the data, and the words for those who cannot see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chart {
    /// Number in the issue, from 1, given after absent sections are dropped (DOMAIN rule 1.1).
    pub number: u32,
    /// Short name, unique in the issue, letters, digits and hyphens: used in anchors and file names.
    pub id: String,
    /// The finding, as a sentence without a full stop.
    pub title: Text,
    /// Measure, unit and period.
    pub subtitle: Text,
    /// What the chart shows, in words.
    pub alt: Text,
    /// The picture.
    pub plot: Plot,
    /// The data table behind the chart.
    pub table: Table,
    /// Which feeds the numbers come from.
    pub source: Text,
    /// The command or query that reproduces the data.
    pub query: String,
    /// A remark printed under the chart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Text>,
}

/// The kinds of picture. One kind answers one kind of question (LOOK.md, Charts).
// A dozen to an issue: an indirection would only make it harder to read.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Plot {
    /// How did it move: weekly lines with the range and median of the last 52 weeks.
    Line(LinePlot),
    /// How much per week or level: upright bars, one or two per group.
    Columns(ColumnPlot),
    /// Which is largest, and how much of each is of the serious kind: bars in order.
    Ranked(RankedPlot),
    /// How is a whole divided into at most three parts, unknown last.
    Share(SharePlot),
    /// What moved since last week, by kind.
    Dumbbell(DumbbellPlot),
    /// How are durations or sizes spread.
    Histogram(HistogramPlot),
    /// How did many kinds move, each on its own scale.
    Multiples(MultiplesPlot),
}

/// How axis numbers are divided before they are printed in each language: 10000 for 万, 1000 for thousand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scale {
    /// Divisor for Chinese, at least 1.
    pub zh: u32,
    /// Divisor for English, at least 1.
    pub en: u32,
}

impl Default for Scale {
    fn default() -> Self {
        Scale { zh: 1, en: 1 }
    }
}

/// A number on a chart with its printed form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The statistic value it shows, where it is one of the issue's [`values`](super::Bulletin::values).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The number in base units; None is a gap.
    pub number: Option<Decimal>,
    /// As printed beside the mark, without the unit.
    pub text: Text,
    /// Not yet final: drawn hatched or hollow.
    #[serde(default)]
    pub preliminary: bool,
}

impl Mark {
    /// A final number with its printed form.
    pub fn new(number: Decimal, text: Text) -> Self {
        Mark {
            value: None,
            number: Some(number),
            text,
            preliminary: false,
        }
    }

    /// A gap: there is no number here.
    pub fn gap() -> Self {
        Mark::default()
    }

    /// The same mark, tied to a statistic value of the issue.
    pub fn of(mut self, value: &str) -> Self {
        self.value = Some(value.to_owned());
        self
    }
}

/// A place on a time axis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Week {
    /// The week's Monday.
    pub first: Date,
    /// As printed on an axis: `1/9`, `9 Jan`.
    pub text: Text,
}

/// The range of a longer past behind a line. Renderers add the words "lowest", "highest", "median".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Band {
    /// How many weeks the range covers: 52, or fewer where the past is shorter.
    pub weeks: u32,
    /// Lowest of the period.
    pub low: Mark,
    /// Highest of the period.
    pub high: Mark,
    /// Median of the period.
    pub median: Option<Mark>,
}

/// A place where the series stops being comparable with its past.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Break {
    /// Index of the first point after the break.
    pub at: usize,
    /// Why.
    pub note: Text,
}

/// Weekly lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinePlot {
    /// Axis divisor.
    pub scale: Scale,
    /// Unit printed after this week's number, as `万台` or `thousand`.
    pub unit: Text,
    /// The weeks, oldest first; the last is this week.
    pub weeks: Vec<Week>,
    /// At most four; the first is the one the chart is about.
    pub series: Vec<Series>,
    /// Range of the last 52 weeks of the first series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub band: Option<Band>,
    /// Breaks in the series.
    #[serde(default)]
    pub breaks: Vec<Break>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// Name, printed at the line's end where there are several.
    pub name: Text,
    /// One mark per week.
    pub marks: Vec<Mark>,
}

/// Upright bars in groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnPlot {
    /// Axis divisor.
    pub scale: Scale,
    /// Names of the bars in a group, oldest first; the last is the darkest. One name: no legend is drawn.
    pub names: Vec<Text>,
    /// The groups, left to right.
    pub groups: Vec<ColumnGroup>,
    /// Name of the row of small texts under the groups, as `%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foot_name: Option<Text>,
}

/// One group of upright bars.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnGroup {
    /// Label under the group.
    pub name: Text,
    /// One mark per name.
    pub marks: Vec<Mark>,
    /// What the chart is about: label bold, bar dark.
    #[serde(default)]
    pub emphasis: bool,
    /// Small text under the label.
    #[serde(default)]
    pub foot: Text,
}

/// Lying bars, the largest first, each perhaps with a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RankedPlot {
    /// Name of the whole bar, printed once when there are parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole_name: Option<Text>,
    /// Name of the part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_name: Option<Text>,
    /// Name of the column of shares at the right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_name: Option<Text>,
    /// The bars in printed order; "other" and "unknown" come last whatever their size.
    pub rows: Vec<RankedRow>,
}

/// One lying bar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RankedRow {
    /// Label.
    pub name: Text,
    /// The whole.
    pub whole: Mark,
    /// The part within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Mark>,
    /// Text of the right column.
    #[serde(default)]
    pub share: Text,
    /// Named in the title or the text.
    #[serde(default)]
    pub emphasis: bool,
}

/// A whole divided, one bar a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharePlot {
    /// Names of the parts, at most three, in drawn order.
    pub parts: Vec<SharePart>,
    /// The rows.
    pub rows: Vec<ShareRow>,
}

/// Name of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharePart {
    /// Label over the first row.
    pub name: Text,
    /// Not known: drawn hollow.
    #[serde(default)]
    pub unknown: bool,
}

/// One divided bar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareRow {
    /// Label.
    pub name: Text,
    /// One mark per part, in any common unit.
    pub marks: Vec<Mark>,
}

/// Last week and this week on one line each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumbbellPlot {
    /// Axis divisor.
    pub scale: Scale,
    /// Rows in printed order.
    pub rows: Vec<DumbbellRow>,
}

/// One kind, then and now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumbbellRow {
    /// Label.
    pub name: Text,
    /// Last week.
    pub last: Mark,
    /// This week.
    pub now: Mark,
    /// Printed at the right.
    pub change: Change,
    /// What the title speaks of.
    #[serde(default)]
    pub emphasis: bool,
}

/// Counts by size class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistogramPlot {
    /// Classes of equal width, in order; the last may be open.
    pub bins: Vec<Bin>,
    /// Upright rules: median, target, ninth decile.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Name of the horizontal axis.
    pub axis: Text,
    /// What the dark part adds up to, printed over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_text: Option<Text>,
}

/// One class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bin {
    /// Lower edge.
    pub from: Decimal,
    /// Upper edge; None is the open last class.
    pub to: Option<Decimal>,
    /// Label of the lower edge, of the whole class where it is open: `8`, `>48`.
    pub text: Text,
    /// How many.
    pub count: Mark,
    /// On the good side of the target: drawn dark.
    #[serde(default)]
    pub within: bool,
}

/// An upright rule across a histogram.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Where, in the unit of the bins.
    pub at: Decimal,
    /// Label: `中位数9.8小时`.
    pub text: Text,
    /// Shorter label for narrow charts: `中位数9.8`.
    pub short: Text,
    /// A set value, not a measured one: drawn dashed.
    #[serde(default)]
    pub target: bool,
}

/// Small pictures side by side, each on its own scale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MultiplesPlot {
    /// The weeks, oldest first, shared by all.
    pub weeks: Vec<Week>,
    /// The panels in printed order.
    pub panels: Vec<Panel>,
}

/// One small picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Panel {
    /// Label.
    pub name: Text,
    /// One mark per week; the last is printed large.
    pub marks: Vec<Mark>,
    /// The scale in words: `0–558`.
    pub range_text: Text,
    /// Against last week.
    pub change: Change,
}
