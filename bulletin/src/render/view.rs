//! One language of a bulletin, resolved: every text chosen, cleaned and cut into runs, ready to be laid out.
//!
//! The HTML template and the PDF template both lay out this; neither chooses a word or a number of its own.

use super::words::{self, Words};
use model::bulletin::{
    Aspect, Bulletin, Cell, Change, Chart, Direction, Judgement, Lang, Outcome, Paragraph, Run,
    Table, Text,
};
use serde::Serialize;

/// A bulletin in one language.
#[derive(Debug, Serialize)]
pub struct Page<'a> {
    /// Language tag.
    pub html_lang: &'static str,
    /// `zh` or `en`.
    pub lang: &'static str,
    /// The other language's code and its own name.
    pub other: (&'static str, &'static str),
    /// Fixed words.
    pub w: &'static Words,
    /// File name without language and extension.
    pub stem: String,
    pub title: String,
    pub publisher: String,
    pub about: String,
    pub issue: String,
    pub week: String,
    pub published: String,
    pub tlp: &'static str,
    pub tlp_class: &'static str,
    pub draft: &'static str,
    pub banner: String,
    pub corrections: Vec<(String, String)>,
    pub rating: Rating<'a>,
    pub vulnerability: Option<Vulnerability<'a>>,
    pub situation: Vec<Vec<Piece<'a>>>,
    pub board_note: Vec<Piece<'a>>,
    pub tiles: Vec<Tile<'a>>,
    pub handling: Vec<HandlingCell<'a>>,
    pub sections: Vec<Section<'a>>,
    pub notes: Vec<(String, Vec<Piece<'a>>)>,
    pub recent: Vec<Recent>,
    pub values: Vec<ValueRow<'a>>,
    pub provenance: Vec<String>,
    pub hash: String,
    /// Short description for search engines and previews.
    pub description: String,
}

/// A piece of text; a number leads to its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Piece<'a> {
    pub text: String,
    /// Stays on one line.
    pub keep: bool,
    /// Key of the statistic value, empty for words.
    pub key: &'a str,
    /// Fragment of its row in the list of all figures.
    pub anchor: String,
    /// `value`, `change` or `previous`.
    pub aspect: &'static str,
    /// The exact value, for machines.
    pub exact: String,
}

#[derive(Debug, Serialize)]
pub struct Rating<'a> {
    /// The word, or "not assessed".
    pub word: String,
    /// 1 to 5; 0 not assessed.
    pub level: u8,
    /// Why not assessed.
    pub reason: String,
    pub steps: Vec<Step>,
    pub sentence: Vec<Piece<'a>>,
    pub rows: Vec<WorkingRow<'a>>,
    /// Rows under the indicators: name and value.
    pub totals: Vec<(String, String)>,
    pub notes: Vec<String>,
    pub alt: String,
}

#[derive(Debug, Serialize)]
pub struct Step {
    pub word: String,
    pub now: bool,
    pub was: bool,
}

#[derive(Debug, Serialize)]
pub struct WorkingRow<'a> {
    pub name: String,
    pub amount: Piece<'a>,
    pub median: String,
    pub ln_ratio: String,
    pub weight: String,
    pub contribution: String,
    pub missing: String,
}

#[derive(Debug, Serialize)]
pub struct Vulnerability<'a> {
    pub word: String,
    pub sentence: Vec<Piece<'a>>,
}

/// A change ready to print: arrow, amount, word, and a class for its color.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ChangeView {
    pub arrow: &'static str,
    pub text: String,
    pub word: &'static str,
    /// `worse`, `better`, `same` or `nc`.
    pub class: &'static str,
    /// Explanation, for a tooltip and screen readers.
    pub note: String,
}

#[derive(Debug, Serialize)]
pub struct Tile<'a> {
    pub name: String,
    pub amount: Piece<'a>,
    pub unit: String,
    pub missing: String,
    pub change: ChangeView,
    pub range: String,
    pub alt: String,
    pub sources: String,
    /// Fragment of the coverage note; empty where there is none.
    pub note: String,
    pub index: usize,
}

#[derive(Debug, Serialize)]
pub struct HandlingCell<'a> {
    pub name: String,
    pub amount: Piece<'a>,
    pub unit: String,
    pub note: String,
    pub overdue: bool,
}

#[derive(Debug, Serialize)]
pub struct Section<'a> {
    pub id: &'a str,
    pub number: u32,
    pub title: String,
    pub paragraphs: Vec<Vec<Piece<'a>>>,
    pub tables: Vec<TableView<'a>>,
    pub charts: Vec<ChartView<'a>>,
    pub note: String,
}

#[derive(Debug, Serialize)]
pub struct TableView<'a> {
    pub head: Vec<String>,
    pub rows: Vec<RowView<'a>>,
}

#[derive(Debug, Serialize)]
pub struct RowView<'a> {
    pub name: String,
    pub cells: Vec<Piece<'a>>,
    pub total: bool,
}

#[derive(Debug, Serialize)]
pub struct ChartView<'a> {
    pub number: u32,
    pub id: &'a str,
    pub label: String,
    pub data_label: String,
    pub title: Vec<Piece<'a>>,
    pub subtitle: Vec<Piece<'a>>,
    pub alt: String,
    /// One table, or two halves side by side when it is long.
    pub tables: Vec<TableView<'a>>,
    pub source: String,
    pub query: &'a str,
    pub note: String,
}

#[derive(Debug, Serialize)]
pub struct Recent {
    pub issue: String,
    pub week: String,
    pub level: u8,
    pub word: String,
    pub file: String,
}

/// A row of the list of all figures.
#[derive(Debug, Serialize)]
pub struct ValueRow<'a> {
    pub key: &'a str,
    pub anchor: String,
    pub name: String,
    pub amount: Piece<'a>,
    pub unit: String,
    pub previous: String,
    pub change: ChangeView,
    pub version: u32,
}

/// Text made safe to show: control characters and direction overrides become a visible replacement character.
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => ' ',
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}' => {
                '\u{fffd}'
            }
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// A fragment identifier for a value's key: letters, digits and hyphens stay, every other byte becomes `.` and two
/// hexadecimal digits, so that different keys never meet.
pub fn anchor(key: &str) -> String {
    let mut out = String::from("v-");
    for b in key.bytes() {
        if b.is_ascii_alphanumeric() || b == b'-' {
            out.push(char::from(b));
        } else {
            out.push_str(&format!(".{b:02x}"));
        }
    }
    out
}

/// Cuts plain text so that dates and numbers with their unit stay on one line: a run of digits with its points,
/// signs and date words, one Han character after it, and a dash that must not begin a line.
pub fn keep_numbers(text: &str) -> Vec<Piece<'static>> {
    let mut out: Vec<Piece<'static>> = Vec::new();
    let mut push = |text: &str, keep: bool| {
        if !text.is_empty() {
            out.push(Piece {
                text: text.to_owned(),
                keep,
                ..Piece::words("")
            });
        }
    };
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let (mut start, mut i) = (0, 0);
    while i < chars.len() {
        if !chars[i].1.is_ascii_digit() {
            i += 1;
            continue;
        }
        let from = i;
        let inner = |c: char| c.is_ascii_digit() || ".,%年月日号时～/".contains(c);
        while i < chars.len() && inner(chars[i].1) {
            i += 1;
        }
        // A comma or point that ends a clause is no part of the number.
        while i > from && matches!(chars[i - 1].1, ',' | '.') {
            i -= 1;
        }
        let han = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
        if i < chars.len() && han(chars[i].1) && !"年月日号时".contains(chars[i - 1].1) {
            i += 1;
            while i < chars.len() && "万亿".contains(chars[i - 1].1) && han(chars[i].1) {
                i += 1;
            }
        }
        while i < chars.len() && chars[i].1 == '—' {
            i += 1;
        }
        let end = chars.get(i).map_or(text.len(), |c| c.0);
        push(&text[start..chars[from].0], false);
        push(&text[chars[from].0..end], true);
        start = end;
    }
    push(&text[start..], false);
    out
}

impl Piece<'_> {
    fn words(text: &str) -> Piece<'static> {
        Piece {
            text: clean(text),
            keep: false,
            key: "",
            anchor: String::new(),
            aspect: "",
            exact: String::new(),
        }
    }
}

/// Resolves texts of one bulletin in one language.
struct Resolver<'a> {
    b: &'a Bulletin,
    lang: Lang,
}

impl<'a> Resolver<'a> {
    fn t(&self, text: &Text) -> String {
        clean(text.get(self.lang))
    }

    fn opt(&self, text: &Option<Text>) -> String {
        text.as_ref().map_or_else(String::new, |t| self.t(t))
    }

    /// Plain text whose numbers stay whole.
    fn flow(&self, text: &Text) -> Vec<Piece<'a>> {
        keep_numbers(&self.t(text))
    }

    fn number(&self, key: &'a str, aspect: Aspect, text: &str) -> Piece<'a> {
        let value = self.b.value(key);
        let exact = value.and_then(|v| match aspect {
            Aspect::Value => v.value.as_ref().map(|a| a.exact.plain()),
            Aspect::Previous => v.previous.as_ref().map(|a| a.exact.plain()),
            Aspect::Change => v.change.percent.map(|p| p.to_string()),
        });
        Piece {
            text: clean(text),
            keep: true,
            key,
            anchor: anchor(key),
            aspect: match aspect {
                Aspect::Value => "value",
                Aspect::Change => "change",
                Aspect::Previous => "previous",
            },
            exact: exact.unwrap_or_default(),
        }
    }

    fn runs(&self, paragraph: &'a Paragraph) -> Vec<Piece<'a>> {
        let mut out = Vec::new();
        for run in paragraph.get(self.lang) {
            match run {
                Run::Words { text } => out.extend(keep_numbers(&clean(text))),
                Run::Keep { text } => out.push(Piece {
                    keep: true,
                    ..Piece::words(text)
                }),
                Run::Number {
                    value,
                    aspect,
                    text,
                } => out.push(self.number(value, *aspect, text)),
            }
        }
        out
    }

    fn cell(&self, cell: &'a Cell) -> Piece<'a> {
        match &cell.value {
            Some(key) => self.number(key, Aspect::Value, cell.text.get(self.lang)),
            None => Piece::words(cell.text.get(self.lang)),
        }
    }

    fn table(&self, table: &'a Table) -> TableView<'a> {
        TableView {
            head: table.head.iter().map(|t| self.t(t)).collect(),
            rows: table
                .rows
                .iter()
                .map(|r| RowView {
                    name: self.t(&r.name),
                    cells: r.cells.iter().map(|c| self.cell(c)).collect(),
                    total: r.total,
                })
                .collect(),
        }
    }

    /// A long two-column table is set as two halves side by side.
    fn halves(&self, table: &'a Table) -> Vec<TableView<'a>> {
        let mut first = self.table(table);
        if first.rows.len() < 10 || first.head.len() > 2 {
            return vec![first];
        }
        let rest = first.rows.split_off(first.rows.len().div_ceil(2));
        let head = first.head.clone();
        vec![first, TableView { head, rows: rest }]
    }

    fn change(&self, change: &Change) -> ChangeView {
        let text = self.t(&change.text);
        let class = match (change.judgement, change.direction) {
            (Judgement::Worse, _) => "worse",
            (Judgement::Better, _) => "better",
            (Judgement::NotComparable, _) => "nc",
            (Judgement::Neutral, _) => "same",
        };
        let nothing = text.is_empty() || change.direction == Direction::None;
        ChangeView {
            arrow: if nothing {
                ""
            } else {
                words::arrow(change.direction)
            },
            word: words::judgement(change.judgement, self.lang),
            text,
            class,
            note: self.opt(&change.note),
        }
    }

    fn chart(&self, chart: &'a Chart) -> ChartView<'a> {
        ChartView {
            number: chart.number,
            id: &chart.id,
            label: words::chart(chart.number, self.lang),
            data_label: words::chart_data(chart.number, self.lang),
            title: self.flow(&chart.title),
            subtitle: self.flow(&chart.subtitle),
            alt: self.t(&chart.alt),
            tables: self.halves(&chart.table),
            source: self.t(&chart.source),
            query: &chart.query,
            note: self.opt(&chart.note),
        }
    }

    fn rating(&self) -> Rating<'a> {
        let r = &self.b.rating;
        let w = Words::of(self.lang);
        let word_of = |level: u8| {
            r.words
                .get(usize::from(level.max(1)) - 1)
                .map_or_else(String::new, |t| self.t(t))
        };
        let (level, word, reason) = match &r.outcome {
            Outcome::Assessed { level } => (*level, word_of(*level), String::new()),
            Outcome::NotAssessed { reason } => (0, w.not_assessed.to_owned(), self.t(reason)),
        };
        let working = &r.working;
        let fixed = |d: Option<model::bulletin::Decimal>, places| {
            d.map_or_else(|| "–".to_owned(), |d| d.fixed(places))
        };
        let rows = working
            .rows
            .iter()
            .map(|row| WorkingRow {
                name: self.t(&row.name),
                amount: self.number(&row.value, Aspect::Value, row.amount.get(self.lang)),
                median: self.t(&row.median),
                ln_ratio: fixed(row.ln_ratio, 3),
                weight: row.weight.fixed(2),
                contribution: fixed(row.contribution, 3),
                missing: self.opt(&row.missing),
            })
            .collect();
        let mut totals = Vec::new();
        if let Some(score) = working.score {
            totals.push((w.score.to_owned(), score.fixed(3)));
        }
        if let Some(score) = working.previous_score {
            totals.push((w.previous_score.to_owned(), score.fixed(3)));
        }
        let mut notes = Vec::new();
        if !working.note.is_empty() {
            notes.push(self.t(&working.note));
        }
        let cuts: Vec<String> = working.cuts.iter().map(ToString::to_string).collect();
        notes.push(words::cuts(
            &cuts,
            &clean(&working.profile),
            working.profile_version,
            self.lang,
        ));
        for gate in &working.gates {
            notes.push(words::gate(
                &self.t(&gate.name),
                &word_of(gate.cap),
                gate.applied,
                self.lang,
            ));
        }
        if let Some(o) = &r.overridden {
            let proposed = o
                .proposed
                .map_or_else(|| w.not_assessed.to_owned(), word_of);
            notes.push(words::overridden(
                &clean(&o.by),
                &proposed,
                &self.t(&o.reason),
                self.lang,
            ));
        }
        Rating {
            alt: format!("{}{}{word}", w.situation, w.colon),
            word,
            level,
            reason,
            steps: (1u8..)
                .zip(&r.words)
                .take(5)
                .map(|(i, t)| Step {
                    word: self.t(t),
                    now: i == level,
                    was: r.previous == Some(i),
                })
                .collect(),
            sentence: self.runs(&r.sentence),
            rows,
            totals,
            notes,
        }
    }

    fn tiles(&self) -> Vec<Tile<'a>> {
        self.b
            .board
            .tiles
            .iter()
            .enumerate()
            .map(|(index, t)| {
                let name = self.t(&t.name);
                let range = t
                    .spark
                    .range
                    .as_ref()
                    .map_or_else(String::new, |r| self.t(&r.text));
                Tile {
                    alt: words::spark_alt(&name, t.spark.marks.len(), &range, self.lang),
                    name,
                    amount: self.number(&t.value, Aspect::Value, t.amount.get(self.lang)),
                    unit: self.t(&t.unit),
                    missing: self.opt(&t.missing),
                    change: self.change(&t.change),
                    range,
                    sources: t.incomplete.as_ref().map_or_else(String::new, |i| {
                        words::sources(i.complete, i.expected, self.lang)
                    }),
                    note: t
                        .incomplete
                        .as_ref()
                        .and_then(|i| i.note.clone())
                        .unwrap_or_default(),
                    index,
                }
            })
            .collect()
    }

    fn values(&self) -> Vec<ValueRow<'a>> {
        let w = Words::of(self.lang);
        self.b
            .values
            .iter()
            .map(|v| {
                let text = match (&v.value, &v.missing) {
                    (Some(a), _) => self.t(&a.text),
                    (None, Some(reason)) => {
                        format!("{}{}{}", w.not_available, w.colon, self.t(reason))
                    }
                    (None, None) => w.not_available.to_owned(),
                };
                ValueRow {
                    key: &v.key,
                    anchor: anchor(&v.key),
                    name: self.t(&v.name),
                    amount: self.number(&v.key, Aspect::Value, &text),
                    unit: self.t(&v.unit),
                    previous: v
                        .previous
                        .as_ref()
                        .map_or_else(String::new, |a| self.t(&a.text)),
                    change: self.change(&v.change),
                    version: v.definition_version,
                }
            })
            .collect()
    }

    fn provenance(&self) -> Vec<String> {
        let (p, w) = (&self.b.provenance, Words::of(self.lang));
        let mut out = vec![
            format!("{} {}", w.snapshot, p.lake_snapshot),
            format!("{} {}", w.ledger, clean(&p.ledger_as_of)),
            clean(&p.program),
        ];
        if !p.fonts.is_empty() {
            let fonts: Vec<String> = p
                .fonts
                .iter()
                .map(|f| format!("{} {:.8}", clean(&f.file), f.blake3))
                .collect();
            out.push(format!("{} {}", w.fonts, fonts.join(", ")));
        }
        out
    }
}

/// Resolves a bulletin in one language.
pub fn page(b: &Bulletin, lang: Lang) -> Page<'_> {
    let r = Resolver { b, lang };
    let w = Words::of(lang);
    let rating = r.rating();
    let published = b.published.as_ref().map_or_else(String::new, |d| {
        format!(
            "{}{}{}",
            w.published_before,
            r.t(&d.text),
            w.published_after
        )
    });
    let mut corrections: Vec<(String, String)> = b
        .corrections
        .iter()
        .map(|c| {
            (
                words::revision(c.revision, &r.t(&c.day.text), lang),
                r.t(&c.text),
            )
        })
        .collect();
    if b.revision > 1 && corrections.is_empty() {
        corrections.push((words::revision(b.revision, "", lang), String::new()));
    }
    Page {
        html_lang: words::html_lang(lang),
        lang: lang.code(),
        other: match lang {
            Lang::Zh => ("en", "English"),
            Lang::En => ("zh", "中文"),
        },
        w,
        stem: super::stem(b),
        title: r.t(&b.series.title),
        publisher: r.t(&b.publisher.name),
        about: r.opt(&b.publisher.about),
        issue: r.t(&b.issue.text),
        week: r.t(&b.week.text),
        published,
        tlp: b.tlp.label(),
        tlp_class: tlp_class(b.tlp),
        draft: words::state(b.state, lang),
        banner: r.opt(&b.banner),
        corrections,
        description: format!(
            "{}{}{}{}{}",
            r.t(&b.issue.text),
            w.colon,
            w.situation,
            w.colon,
            rating.word
        ),
        vulnerability: b.vulnerability.as_ref().map(|v| Vulnerability {
            word: v
                .level
                .and_then(|l| v.words.get(usize::from(l.max(1)) - 1))
                .map_or_else(|| w.not_assessed.to_owned(), |t| r.t(t)),
            sentence: r.runs(&v.sentence),
        }),
        rating,
        situation: b.situation.iter().map(|p| r.runs(p)).collect(),
        board_note: r.flow(&b.board.note),
        tiles: r.tiles(),
        handling: b
            .handling
            .iter()
            .flat_map(|h| &h.cells)
            .map(|c| HandlingCell {
                name: r.t(&c.name),
                amount: r.number(&c.value, Aspect::Value, c.amount.get(lang)),
                unit: r.t(&c.unit),
                note: r.t(&c.note),
                overdue: c.overdue,
            })
            .collect(),
        sections: b
            .sections
            .iter()
            .map(|s| Section {
                id: &s.id,
                number: s.number,
                title: r.t(&s.title),
                paragraphs: s.paragraphs.iter().map(|p| r.runs(p)).collect(),
                tables: s.tables.iter().map(|t| r.table(t)).collect(),
                charts: s.charts.iter().map(|c| r.chart(c)).collect(),
                note: r.opt(&s.note),
            })
            .collect(),
        notes: b
            .notes
            .iter()
            .map(|n| (n.id.clone(), r.runs(&n.text)))
            .collect(),
        recent: b
            .recent
            .iter()
            .map(|i| Recent {
                issue: r.t(&i.issue.text),
                week: r.t(&i.week),
                level: i.level.unwrap_or(0),
                word: i
                    .level
                    .and_then(|l| b.rating.words.get(usize::from(l.max(1)) - 1))
                    .map_or_else(|| w.not_assessed.to_owned(), |t| r.t(t)),
                file: i.file.as_ref().map_or_else(String::new, |f| {
                    format!("{}.{}.html", file_part(f), lang.code())
                }),
            })
            .collect(),
        values: r.values(),
        provenance: r.provenance(),
        hash: b.hash.as_deref().map_or_else(String::new, spaced),
    }
}

/// Only characters that are safe in a relative address and a file name on every system.
pub fn file_part(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect()
}

/// A hash in groups of eight, so that it can be compared by eye.
fn spaced(hash: &str) -> String {
    let chars: Vec<char> = clean(hash).chars().collect();
    chars
        .chunks(8)
        .map(|c| c.iter().collect::<String>())
        .collect::<Vec<_>>()
        .join(" ")
}

fn tlp_class(tlp: model::bulletin::Tlp) -> &'static str {
    use model::bulletin::Tlp;
    match tlp {
        Tlp::Clear => "clear",
        Tlp::Green => "green",
        Tlp::Amber | Tlp::AmberStrict => "amber",
        Tlp::Red => "red",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> Vec<String> {
        keep_numbers(text)
            .into_iter()
            .filter(|p| p.keep)
            .map(|p| p.text)
            .collect()
    }

    #[test]
    fn dates_numbers_and_units_stay_whole() {
        assert_eq!(
            kept("主机地址，万台，2022年10月17日—2023年1月15日，按周"),
            ["2022年10月17日—", "2023年1月15日"]
        );
        assert_eq!(
            kept("近13周，约28.4万台，占60.5%。"),
            ["13周", "28.4万台", "60.5%"]
        );
        assert_eq!(kept("no numbers"), Vec::<String>::new());
        for text in ["9", "1.", "a1b2", "3—", "，1，"] {
            assert_eq!(
                keep_numbers(text)
                    .iter()
                    .map(|p| p.text.as_str())
                    .collect::<String>(),
                text
            );
        }
    }

    #[test]
    fn anchors_never_meet() {
        let keys = [
            "V6/application",
            "V6.2fapplication",
            "V6-application",
            "M1@2023-2",
            "省/广东",
        ];
        let anchors: std::collections::BTreeSet<String> = keys.iter().map(|k| anchor(k)).collect();
        assert_eq!(anchors.len(), keys.len());
        assert!(anchors.iter().all(|a| {
            a.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
        }));
    }

    #[test]
    fn hostile_characters_become_visible() {
        assert_eq!(clean("a\u{202e}b\u{0}c\nd"), "a\u{fffd}b\u{fffd}c d");
        assert_eq!(file_part("../x y"), "..-x-y");
    }
}
