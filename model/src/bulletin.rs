//! The frozen bulletin: one issue as data, everything a renderer needs and nothing else.
//!
//! It is made by the `bulletin` crate's composition from stored statistic values, stored by the ledger when it is
//! drafted or approved, and turned into bytes by renderers that read nothing but this (DESIGN invariants 1, 8, 9).
//! Nothing here computes a figure: every number stands as its exact value beside the text that is printed for it,
//! in both languages, and every printed number names the statistic value it shows.
//!
//! The JSON of a `Bulletin` is deterministic: structs only, no maps, no clock, no binary floating point.

mod chart;
mod check;
mod decimal;
mod rating;
mod text;
mod value;

pub use chart::{
    Band, Bin, Break, Chart, ColumnGroup, ColumnPlot, DumbbellPlot, DumbbellRow, HistogramPlot,
    LinePlot, Mark, MultiplesPlot, Panel, Plot, RankedPlot, RankedRow, Rule, Scale, Series,
    SharePart, SharePlot, ShareRow, Week,
};
pub use decimal::{Decimal, MAX_SCALE};
pub use rating::{Gate, Outcome, Override, RatingBlock, VulnerabilityLevel, Working, WorkingRow};
pub use text::{Aspect, Lang, Paragraph, Run, Text};
pub use value::{Amount, Change, Direction, Exact, Incomplete, Judgement, PublishedValue};

use crate::issue::IssueNumber;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Version of this shape, stored in every bulletin; raised whenever a field changes its meaning.
pub const FORMAT: u32 = 1;

/// One issue of the bulletin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bulletin {
    /// [`FORMAT`] of this data.
    pub format: u32,
    /// The series it belongs to: identifier and title.
    pub series: SeriesTitle,
    /// Who publishes.
    pub publisher: Publisher,
    /// Number in the series.
    pub issue: Issue,
    /// The week it covers.
    pub week: Period,
    /// Day of publication, once known.
    pub published: Option<PrintedDay>,
    /// How far it may be passed on.
    pub tlp: Tlp,
    /// Draft or approved.
    pub state: State,
    /// 1 for the first edition; a correction is a new revision.
    pub revision: u32,
    /// What revisions after the first changed, newest first (DESIGN invariant 9).
    pub corrections: Vec<Correction>,
    /// A warning that stands on every page, as "invented data".
    pub banner: Option<Text>,
    /// The overall assessment.
    pub rating: RatingBlock,
    /// The vulnerability level, where vulnerabilities are available.
    pub vulnerability: Option<VulnerabilityLevel>,
    /// Sentences of the situation after the rating: infrastructure, main threats.
    pub situation: Vec<Paragraph>,
    /// The indicator board.
    pub board: Board,
    /// What was done; absent until incidents are handled in Watchfire.
    pub handling: Option<Handling>,
    /// The case of the week, written by the editor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead: Option<Story>,
    /// The sections present this week, in order.
    pub sections: Vec<Section>,
    /// News items, written by the editor.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub news: Vec<Story>,
    /// Coverage and method, one note each.
    pub notes: Vec<Note>,
    /// Up to five earlier issues, newest first.
    pub recent: Vec<RecentIssue>,
    /// Every figure of the issue, in stable order; keys are unique.
    pub values: Vec<PublishedValue>,
    /// Where the numbers come from and with what they were printed.
    pub provenance: Provenance,
    /// BLAKE3 of the canonical JSON with this field empty, in hexadecimal; set by [`Bulletin::seal`].
    pub hash: Option<String>,
}

/// A series of bulletins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesTitle {
    /// Identifier in the configuration.
    pub id: String,
    /// Printed in the masthead.
    pub title: Text,
}

/// The publishing body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publisher {
    /// Name.
    pub name: Text,
    /// What it is, how to reach it; printed at the end.
    pub about: Option<Text>,
}

/// An issue's number and how it is printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// Year and number (DOMAIN rule 2 in the default scheme).
    pub number: IssueNumber,
    /// `2023年第3期`, `2023 No. 3`.
    pub text: Text,
}

/// The days covered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// First day, a Monday.
    pub first: Date,
    /// Last day, a Sunday.
    pub last: Date,
    /// `1月9日—1月15日`, `9–15 January 2023`.
    pub text: Text,
    /// IANA name of the reporting zone.
    pub zone: String,
}

/// A day and how it is printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintedDay {
    /// The day.
    pub date: Date,
    /// `2023年1月19日`, `19 January 2023`.
    pub text: Text,
}

/// Traffic Light Protocol 2.0 label (FIRST).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tlp {
    /// TLP:CLEAR, no limit.
    #[default]
    #[serde(rename = "TLP:CLEAR")]
    Clear,
    /// TLP:GREEN, the community.
    #[serde(rename = "TLP:GREEN")]
    Green,
    /// TLP:AMBER, the organization and its clients.
    #[serde(rename = "TLP:AMBER")]
    Amber,
    /// TLP:AMBER+STRICT, the organization only.
    #[serde(rename = "TLP:AMBER+STRICT")]
    AmberStrict,
    /// TLP:RED, the recipients only.
    #[serde(rename = "TLP:RED")]
    Red,
}

impl Tlp {
    /// The label as TLP 2.0 writes it.
    pub fn label(self) -> &'static str {
        match self {
            Tlp::Clear => "TLP:CLEAR",
            Tlp::Green => "TLP:GREEN",
            Tlp::Amber => "TLP:AMBER",
            Tlp::AmberStrict => "TLP:AMBER+STRICT",
            Tlp::Red => "TLP:RED",
        }
    }
}

/// Whether the issue may still change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Computed, not approved.
    Draft,
    /// Signed by someone other than its author.
    Approved,
}

/// What a later revision changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// The revision that made it.
    pub revision: u32,
    /// When.
    pub day: PrintedDay,
    /// What changed and why.
    pub text: Text,
}

/// The indicator board: the first figure of the bulletin (DOMAIN.md 1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Board {
    /// How to read it.
    pub note: Text,
    /// The tiles in printed order; eight on a full board.
    pub tiles: Vec<Tile>,
}

/// One indicator of the board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tile {
    /// Key of the statistic value.
    pub value: String,
    /// Name.
    pub name: Text,
    /// The number as printed large, without unit; empty when missing.
    pub amount: Text,
    /// Unit after the number: `万台`, `thousand`.
    pub unit: Text,
    /// Why there is no number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Text>,
    /// Against last week.
    pub change: Change,
    /// The last 13 weeks.
    pub spark: Spark,
    /// Set when a source was incomplete: the tile wears a mark that leads to the note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<Incomplete>,
}

/// The small line of a tile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spark {
    /// Oldest first; the last is this week. Gaps are gaps.
    pub marks: Vec<Mark>,
    /// Breaks in the series.
    #[serde(default)]
    pub breaks: Vec<Break>,
    /// Range of the last 52 weeks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<SparkRange>,
}

/// Lowest and highest of a longer past.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SparkRange {
    /// Lowest.
    pub low: Decimal,
    /// Highest.
    pub high: Decimal,
    /// `近52周22.7～39.2`, with the true number of weeks where the past is shorter.
    pub text: Text,
}

/// What was done this week (LOOK.md, first page, 4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handling {
    /// The cells in printed order; six on a full strip.
    pub cells: Vec<HandlingCell>,
}

/// One number of the handling strip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandlingCell {
    /// Key of the statistic value.
    pub value: String,
    /// Name.
    pub name: Text,
    /// The number as printed large.
    pub amount: Text,
    /// Unit.
    pub unit: Text,
    /// Small line below.
    pub note: Text,
    /// The small line speaks of something past its deadline: drawn amber with an arrow.
    #[serde(default)]
    pub overdue: bool,
}

/// A section of the bulletin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Short name, unique in the issue, letters, digits and hyphens.
    pub id: String,
    /// Number, from 1, given after absent sections are dropped.
    pub number: u32,
    /// Title.
    pub title: Text,
    /// Paragraphs.
    pub paragraphs: Vec<Paragraph>,
    /// Small tables under the text.
    pub tables: Vec<Table>,
    /// Charts beside or below.
    pub charts: Vec<Chart>,
    /// A remark in small type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Text>,
}

/// A small table: a column of names and columns of numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Column heads; the first is over the names. Empty: no head.
    pub head: Vec<Text>,
    /// Rows.
    pub rows: Vec<TableRow>,
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRow {
    /// Name.
    pub name: Text,
    /// Cells, as many as the head has after its first.
    pub cells: Vec<Cell>,
    /// A total: bold.
    #[serde(default)]
    pub total: bool,
}

/// A cell of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Key of the statistic value it prints, where it prints one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// As printed.
    pub text: Text,
}

impl Cell {
    /// Plain text.
    pub fn text(text: Text) -> Self {
        Cell { value: None, text }
    }

    /// A statistic value.
    pub fn value(value: &str, text: Text) -> Self {
        Cell {
            value: Some(value.to_owned()),
            text,
        }
    }
}

/// Prose of the editor with a heading: the lead case, an item of the news. Its numbers are references.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Story {
    /// Short name, unique in the issue, letters, digits and hyphens.
    pub id: String,
    /// Heading.
    pub title: Text,
    /// Paragraphs.
    pub paragraphs: Vec<Paragraph>,
    /// Where it can be read on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// A note on coverage or method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Short name, unique in the issue: tiles lead here.
    pub id: String,
    /// The note.
    pub text: Paragraph,
}

/// An earlier issue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentIssue {
    /// Its number.
    pub issue: Issue,
    /// Its days, printed.
    pub week: Text,
    /// Its level, 1 to 5, where assessed.
    pub level: Option<u8>,
    /// Where it can be read, relative to this issue, without language and extension: `2023-2`.
    pub file: Option<String>,
}

/// Where the numbers come from (DESIGN invariant 1) and what they were printed with (invariant 8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Lake snapshot number.
    pub lake_snapshot: u64,
    /// Ledger as of, RFC 3339 in UTC.
    pub ledger_as_of: String,
    /// Program version.
    pub program: String,
    /// Version of each definition used.
    pub definitions: Vec<DefinitionVersion>,
    /// Hash of each font file used; empty before the first PDF.
    pub fonts: Vec<FontHash>,
}

/// A definition and its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefinitionVersion {
    /// Identifier of the statistic.
    pub statistic: String,
    /// Version.
    pub version: u32,
}

/// A font file by content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FontHash {
    /// File name without its folder.
    pub file: String,
    /// BLAKE3 in hexadecimal.
    pub blake3: String,
}

impl Bulletin {
    /// The statistic value with this key.
    pub fn value(&self, key: &str) -> Option<&PublishedValue> {
        self.values.iter().find(|v| v.key == key)
    }

    /// All charts in printed order.
    pub fn charts(&self) -> impl Iterator<Item = &Chart> {
        self.sections.iter().flat_map(|s| &s.charts)
    }

    /// The canonical JSON: one line, fields in declared order.
    ///
    /// # Panics
    /// Never: the type holds only strings, numbers, lists and structs.
    pub fn canonical_json(&self) -> String {
        serde_json::to_string(self).expect("strings, numbers, lists and structs are always JSON")
    }

    /// BLAKE3 of the canonical JSON with `hash` empty, in hexadecimal. The state is not part of it: what is
    /// approved has the hash that its reviewers saw.
    pub fn digest(&self) -> String {
        let mut bare = self.clone();
        bare.hash = None;
        bare.state = State::Draft;
        blake3::hash(bare.canonical_json().as_bytes())
            .to_hex()
            .to_string()
    }

    /// Stores the digest in the bulletin. Whatever changes afterwards shows.
    pub fn seal(&mut self) {
        self.hash = Some(self.digest());
    }
}
