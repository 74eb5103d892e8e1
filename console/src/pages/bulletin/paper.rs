//! The issue as it will look: the stored bulletin, every printed figure a link to where it comes from.

use std::collections::BTreeSet;

use bulletin::render::Frame;
use bulletin::render::charts::{self, Width};
use bulletin::render::palette::Palette;
use model::bulletin::{
    Bulletin, Change, Chart, Direction, Judgement, Lang, Outcome, Paragraph, Run, Story, Table,
};

use super::encode;
use crate::words::words;

words! {
    Words {
        up: "上升", "up";
        down: "下降", "down";
        rating: "总体评价", "Rating";
        not_assessed: "未评定", "not assessed";
        handling: "处置", "What was done";
        lead: "本周案例", "Case of the week";
        news: "动态", "News";
        notes: "数据与方法", "Coverage and method";
        corrections: "更正", "Corrections";
        figure: "图 {n}", "Figure {n}";
        last: "上周", "last week";
    }
}

/// A piece of a sentence.
pub(crate) struct Piece {
    pub(crate) text: String,
    /// The figure it prints.
    pub(crate) figure: Option<Figure>,
}

/// A printed figure.
pub(crate) struct Figure {
    pub(crate) href: String,
    pub(crate) class: &'static str,
    pub(crate) current: bool,
}

pub(crate) struct Step {
    pub(crate) word: String,
    pub(crate) level: usize,
    pub(crate) now: bool,
    pub(crate) was: bool,
}

pub(crate) struct Tile {
    pub(crate) name: String,
    pub(crate) amount: Piece,
    pub(crate) unit: String,
    pub(crate) missing: String,
    pub(crate) change: Said,
    pub(crate) spark: String,
}

/// A change with its colour and arrow.
pub(crate) struct Said {
    pub(crate) class: &'static str,
    pub(crate) arrow: &'static str,
    pub(crate) text: String,
}

pub(crate) struct Cell {
    pub(crate) name: String,
    pub(crate) amount: Piece,
    pub(crate) unit: String,
    pub(crate) note: String,
}

pub(crate) struct Part {
    pub(crate) id: String,
    pub(crate) number: u32,
    pub(crate) title: String,
    pub(crate) paragraphs: Vec<Vec<Piece>>,
    pub(crate) tables: Vec<Rows>,
    pub(crate) charts: Vec<Picture>,
    pub(crate) note: String,
}

pub(crate) struct Rows {
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<(String, Vec<Piece>)>,
}

pub(crate) struct Picture {
    pub(crate) title: String,
    pub(crate) label: String,
    pub(crate) subtitle: String,
    /// SVG of the bulletin's own writer, which escapes what it prints.
    pub(crate) svg: String,
}

pub(crate) struct Told {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) paragraphs: Vec<Vec<Piece>>,
}

/// The whole issue.
pub(crate) struct Paper {
    pub(crate) w: &'static Words,
    pub(crate) title: String,
    pub(crate) meta: String,
    pub(crate) banner: String,
    pub(crate) steps: Vec<Step>,
    pub(crate) level: usize,
    pub(crate) word: String,
    pub(crate) sentences: Vec<Vec<Piece>>,
    pub(crate) tiles: Vec<Tile>,
    pub(crate) handling: Vec<Cell>,
    pub(crate) lead: Option<Told>,
    pub(crate) parts: Vec<Part>,
    pub(crate) news: Vec<Told>,
    pub(crate) notes: Vec<Vec<Piece>>,
    pub(crate) corrections: Vec<String>,
    /// Keys of the figures in the order in which they are printed first.
    pub(crate) order: Vec<String>,
}

/// What the drawing goes by.
struct Hand<'a> {
    lang: Lang,
    base: &'a str,
    current: &'a str,
    bad: &'a BTreeSet<String>,
    order: Vec<String>,
}

/// Draws an issue; `base` is the address of its desk, `current` the figure that is open, `bad` those that the check
/// blocks.
pub(crate) fn draw(
    b: &Bulletin,
    lang: Lang,
    base: &str,
    current: &str,
    bad: &BTreeSet<String>,
) -> Paper {
    let w = Words::of(lang);
    let mut hand = Hand {
        lang,
        base,
        current,
        bad,
        order: Vec::new(),
    };
    let t = |text: &model::bulletin::Text| text.get(lang).to_owned();
    let level = b.rating.outcome.level();
    let steps = b.rating.words.iter().enumerate().map(|(at, word)| Step {
        word: t(word),
        level: at + 1,
        now: level == u8::try_from(at + 1).ok(),
        was: b.rating.previous == u8::try_from(at + 1).ok(),
    });
    let steps: Vec<Step> = steps.collect();
    let word = steps.iter().find(|step| step.now);
    let word = word.map_or(w.not_assessed.to_owned(), |step| step.word.clone());
    let mut sentences = vec![hand.pieces(&b.rating.sentence)];
    if let Outcome::NotAssessed { reason } = &b.rating.outcome
        && b.rating.sentence.plain(lang).is_empty()
    {
        sentences = vec![vec![Piece {
            text: t(reason),
            figure: None,
        }]];
    }
    sentences.extend(b.situation.iter().map(|one| hand.pieces(one)));
    let tiles = b.board.tiles.iter().enumerate().map(|(at, tile)| Tile {
        name: t(&tile.name),
        amount: hand.figure(&tile.value, tile.amount.get(lang)),
        unit: t(&tile.unit),
        missing: tile.missing.as_ref().map(t).unwrap_or_default(),
        change: change(&tile.change, lang),
        spark: charts::sparkline(
            &tile.spark,
            "",
            &format!("spark-{at}"),
            lang,
            &Palette::PAGE,
            Frame::Page("spark"),
        ),
    });
    let tiles = tiles.collect();
    let cells = b.handling.iter().flat_map(|handling| &handling.cells);
    let cells = cells.map(|cell| Cell {
        name: t(&cell.name),
        amount: hand.figure(&cell.value, cell.amount.get(lang)),
        unit: t(&cell.unit),
        note: t(&cell.note),
    });
    let handling = cells.collect();
    let lead = b.lead.as_ref().map(|story| hand.story(story));
    let parts = b.sections.iter().map(|section| Part {
        id: section.id.clone(),
        number: section.number,
        title: t(&section.title),
        paragraphs: section
            .paragraphs
            .iter()
            .map(|one| hand.pieces(one))
            .collect(),
        tables: section.tables.iter().map(|one| hand.table(one)).collect(),
        charts: section
            .charts
            .iter()
            .map(|one| picture(one, lang))
            .collect(),
        note: section.note.as_ref().map(t).unwrap_or_default(),
    });
    let parts = parts.collect();
    let news = b.news.iter().map(|story| hand.story(story)).collect();
    let notes = b.notes.iter().map(|note| hand.pieces(&note.text)).collect();
    let corrections = b.corrections.iter();
    let corrections = corrections.map(|one| format!("{} {}", t(&one.day.text), t(&one.text)));
    let corrections = corrections.collect();
    Paper {
        w,
        title: t(&b.series.title),
        meta: match lang {
            Lang::Zh => format!("{}（{}）　", t(&b.issue.text), t(&b.week.text)),
            Lang::En => format!("{} ({}) · ", t(&b.issue.text), t(&b.week.text)),
        } + &match lang {
            Lang::Zh => format!("{}　{}", t(&b.publisher.name), b.tlp.label()),
            Lang::En => format!("{} · {}", t(&b.publisher.name), b.tlp.label()),
        },
        banner: b.banner.as_ref().map(t).unwrap_or_default(),
        level: level.map_or(0, usize::from),
        steps,
        word,
        sentences,
        tiles,
        handling,
        lead,
        parts,
        news,
        notes,
        corrections,
        order: hand.order,
    }
}

fn picture(chart: &Chart, lang: Lang) -> Picture {
    let label = Words::of(lang).figure;
    Picture {
        title: chart.title.get(lang).to_owned(),
        label: crate::words::fill(label, &[("n", &chart.number)]),
        subtitle: chart.subtitle.get(lang).to_owned(),
        svg: charts::draw(chart, lang, Width::Narrow, &Palette::PAGE, Frame::Page("n")),
    }
}

/// A change in words, with its colour.
pub(crate) fn change(change: &Change, lang: Lang) -> Said {
    let w = Words::of(lang);
    let text = change.text.get(lang);
    let class = match change.judgement {
        Judgement::Worse => "w",
        Judgement::Better => "g",
        Judgement::Neutral | Judgement::NotComparable => "",
    };
    let (arrow, word) = match change.direction {
        Direction::Up => ("▲", w.up),
        Direction::Down => ("▼", w.down),
        Direction::Flat => ("—", ""),
        Direction::None => ("", ""),
    };
    let plain = text.contains('→') || word.is_empty() || text.contains(word);
    Said {
        class,
        arrow,
        text: match plain || text.is_empty() {
            true => text.to_owned(),
            false => format!("{word} {text}"),
        },
    }
}

impl Hand<'_> {
    fn figure(&mut self, key: &str, text: &str) -> Piece {
        if text.is_empty() {
            return Piece {
                text: "–".to_owned(),
                figure: None,
            };
        }
        // A figure of another week belongs to another issue's desk.
        if key.is_empty() || key.contains('@') {
            return Piece {
                text: text.to_owned(),
                figure: None,
            };
        }
        let first = !self.order.iter().any(|known| known == key);
        if first {
            self.order.push(key.to_owned());
        }
        Piece {
            text: text.to_owned(),
            figure: Some(Figure {
                href: format!("{}?figure={}#figure", self.base, encode(key)),
                class: match self.bad.contains(key) {
                    true => "fig bad",
                    false => "fig",
                },
                current: self.current == key,
            }),
        }
    }

    fn pieces(&mut self, paragraph: &Paragraph) -> Vec<Piece> {
        let runs = paragraph.get(self.lang).iter();
        runs.map(|run| match run {
            Run::Number { value, text, .. } => self.figure(value, text),
            other => Piece {
                text: other.text().to_owned(),
                figure: None,
            },
        })
        .collect()
    }

    fn story(&mut self, story: &Story) -> Told {
        Told {
            id: story.id.clone(),
            title: story.title.get(self.lang).to_owned(),
            paragraphs: story
                .paragraphs
                .iter()
                .map(|one| self.pieces(one))
                .collect(),
        }
    }

    fn table(&mut self, table: &Table) -> Rows {
        let lang = self.lang;
        let rows = table.rows.iter().map(|row| {
            let cells = row.cells.iter().map(|cell| {
                let key = cell.value.clone().unwrap_or_default();
                self.figure(&key, cell.text.get(lang))
            });
            (row.name.get(lang).to_owned(), cells.collect())
        });
        let rows = rows.collect();
        Rows {
            head: table
                .head
                .iter()
                .map(|text| text.get(lang).to_owned())
                .collect(),
            rows,
        }
    }
}

/// What a piece of prose says, its references resolved.
pub(crate) fn resolved(b: &Bulletin, zh: &str, en: &str, lang: Lang) -> Vec<Vec<Piece>> {
    let figures = bulletin::sections::figures::Figures::of_values(&b.values);
    let bad = BTreeSet::new();
    let mut hand = Hand {
        lang,
        base: &format!("/console/bulletin/{}", b.issue.number),
        current: "",
        bad: &bad,
        order: Vec::new(),
    };
    let text = match lang {
        Lang::Zh => zh,
        Lang::En => en,
    };
    let text = text.replace("\r\n", "\n");
    let parts = text.split("\n\n").map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(|part| hand.pieces(&bulletin::sections::words::say(&figures, part, part)))
        .collect()
}
