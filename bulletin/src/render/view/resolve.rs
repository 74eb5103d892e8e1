//! From a bulletin to its view in one language: which text, which word, which exact value stands where.

use super::{
    ChangeView, ChartView, HandlingCell, Page, Piece, Rating, Recent, RowView, Section, Step,
    Story, TableView, Tile, ValueRow, Vulnerability, WorkingRow, address, anchor, clean, file_part,
    keep_numbers, lead,
};
use crate::render::stem;
use crate::render::words::{self, Words};
use model::bulletin::{
    Aspect, Bulletin, Cell, Change, Chart, Direction, Judgement, Lang, Outcome, Paragraph, Run,
    State, Table, Text,
};

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
        let mut out = keep_numbers(&self.t(text));
        lead(&mut out);
        out
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
            lead: String::new(),
            key,
            anchor: anchor(key),
            aspect: match aspect {
                Aspect::Value => "value",
                Aspect::Change => "change",
                Aspect::Previous => "previous",
            },
            exact: clean(&exact.unwrap_or_default()),
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
                } => out.push(Piece {
                    // A list of names may break between them.
                    keep: !text.contains([',', '、'])
                        || text.contains(|c: char| c.is_ascii_digit()),
                    ..self.number(value, *aspect, text)
                }),
            }
        }
        lead(&mut out);
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
        if first.rows.len() < 8 || first.head.len() > 2 {
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
            (Judgement::Neutral, Direction::Flat) => "flat",
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
            query: clean(&chart.query),
            note: self.opt(&chart.note),
        }
    }

    fn story(&self, story: &'a model::bulletin::Story) -> Story<'a> {
        let link = story.link.as_deref().and_then(address);
        Story {
            id: &story.id,
            title: self.t(&story.title),
            paragraphs: story.paragraphs.iter().map(|p| self.runs(p)).collect(),
            link: link.map_or_else(String::new, |l| l.0.to_owned()),
            host: link.map_or_else(String::new, |l| l.1.to_owned()),
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
            d.map_or_else(|| "–".to_owned(), |d| signed(d, places))
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
            totals.push((w.score.to_owned(), signed(score, 3)));
        }
        if let Some(score) = working.previous_score {
            totals.push((w.previous_score.to_owned(), signed(score, 3)));
        }
        let mut notes = Vec::new();
        if !working.note.is_empty() {
            notes.push(self.t(&working.note));
        }
        let cuts: Vec<String> = working
            .cuts
            .iter()
            .map(|cut| true_minus(&cut.to_string()))
            .collect();
        notes.push(words::cuts(
            &cuts,
            &clean(&working.profile),
            working.profile_version,
            self.lang,
        ));
        for applied in [true, false] {
            let gates: Vec<(String, String)> = working
                .gates
                .iter()
                .filter(|gate| gate.applied == applied)
                .map(|gate| (self.t(&gate.name), word_of(gate.cap)))
                .collect();
            if !gates.is_empty() {
                notes.push(words::gates(&gates, applied, self.lang));
            }
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
                    key: clean(&v.key),
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
        // The instant to the second; the JSON has it in full.
        let as_of = clean(&p.ledger_as_of);
        let as_of = match as_of.split_once('T') {
            Some((day, time)) => format!("{day} {} UTC", time.get(..8).unwrap_or(time)),
            None => as_of,
        };
        let mut out = vec![
            format!("{} {}", w.snapshot, p.lake_snapshot),
            format!("{} {as_of}", w.ledger),
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
    // A draft made anew corrects nothing that was published.
    if b.revision > 1 && corrections.is_empty() && b.state == State::Approved {
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
        stem: stem(b),
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
        lead: b.lead.as_ref().map(|s| r.story(s)),
        news: b.news.iter().map(|s| r.story(s)).collect(),
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

/// A signed number with a true minus, as it is printed; data attributes and files keep the hyphen.
fn signed(number: model::bulletin::Decimal, places: u8) -> String {
    true_minus(&number.fixed(places))
}

fn true_minus(number: &str) -> String {
    number.replace('-', "\u{2212}")
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
