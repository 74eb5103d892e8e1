//! The page in one reading order: what forms without a layout of two dimensions print, block after block.
//!
//! DOCX, Markdown, the WeChat article and the mail edition walk the same blocks of the resolved [`view`](super::view),
//! so that none of them leaves out or orders a part by itself; each only decides how a block looks.

use super::view::{
    ChangeView, ChartView, HandlingCell, Page, Piece, Rating, Story, TableView, Tile,
};

/// How much is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Everything the web page has: data behind charts, working of the rating, all figures with their change.
    Full,
    /// What is read once and on a small screen: charts without their data, all figures as one short list.
    Brief,
}

/// One block of the issue.
#[derive(Debug)]
pub enum Block<'p, 'a> {
    /// A heading; level 2 opens a part, 3 an item of it. `number` is that of a section.
    Heading {
        /// 2 or 3.
        level: u8,
        /// Section number, 0 for none.
        number: u32,
        /// Words.
        text: &'p str,
    },
    /// Running text.
    Prose(&'p [Piece<'a>]),
    /// One item of a list.
    Item(&'p [Piece<'a>]),
    /// Small type.
    Note(&'p str),
    /// Small type cut into pieces.
    NotePieces(&'p [Piece<'a>]),
    /// The overall rating: word and scale.
    Rating(&'p Rating<'a>),
    /// The vulnerability level: name and word.
    Level(&'p str, &'p str),
    /// The indicator board.
    Board(&'p [Tile<'a>]),
    /// The handling strip.
    Handling(&'p [HandlingCell<'a>]),
    /// A table.
    Table(Grid<'p>),
    /// A chart; its data table follows as [`Block::Table`] where depth is full.
    Chart(&'p ChartView<'a>),
    /// The caption of a table.
    Caption(&'p str),
    /// Where a story can be read on.
    Source(&'p Story<'a>),
    /// All figures in one run of text: name, value, unit.
    Figures(Vec<Figure<'p>>),
}

/// A figure of the short list.
#[derive(Debug)]
pub struct Figure<'p> {
    /// Key of the value.
    pub key: &'p str,
    /// Name.
    pub name: &'p str,
    /// Value with its unit, as printed.
    pub text: String,
}

/// A table ready to be set.
#[derive(Debug, Default)]
pub struct Grid<'p> {
    /// Column heads; may be shorter than the rows.
    pub head: Vec<&'p str>,
    /// Rows; a total is bold.
    pub rows: Vec<GridRow<'p>>,
    /// Columns of words from the left; the others are numbers, set to the right.
    pub words: usize,
}

/// A row of a [`Grid`].
#[derive(Debug)]
pub struct GridRow<'p> {
    /// Cells.
    pub cells: Vec<std::borrow::Cow<'p, str>>,
    /// Bold.
    pub total: bool,
}

impl Grid<'_> {
    /// Number of columns: that of the widest row.
    pub fn columns(&self) -> usize {
        self.rows
            .iter()
            .map(|r| r.cells.len())
            .chain([self.head.len(), 1])
            .max()
            .unwrap_or(1)
    }
}

/// The blocks of a page in printed order, after the masthead.
pub fn blocks<'p, 'a>(p: &'p Page<'a>, depth: Depth) -> Vec<Block<'p, 'a>> {
    let w = p.w;
    let part = |text: &'p str| Block::Heading {
        level: 2,
        number: 0,
        text,
    };
    let mut out = vec![part(w.situation), Block::Rating(&p.rating)];
    out.push(Block::Prose(&p.rating.sentence));
    out.extend(p.situation.iter().map(|s| Block::Prose(s)));
    if let Some(v) = &p.vulnerability {
        out.push(Block::Level(w.vulnerability, &v.word));
        out.push(Block::Prose(&v.sentence));
    }
    out.push(part(w.indicators));
    out.push(Block::NotePieces(&p.board_note));
    out.push(Block::Board(&p.tiles));
    if !p.handling.is_empty() {
        out.push(part(w.handling));
        out.push(Block::Handling(&p.handling));
    }
    if let Some(lead) = &p.lead {
        out.push(part(w.lead));
        story(lead, &mut out);
    }
    for s in &p.sections {
        out.push(Block::Heading {
            level: 2,
            number: s.number,
            text: &s.title,
        });
        out.extend(s.paragraphs.iter().map(|x| Block::Prose(x)));
        out.extend(s.tables.iter().map(|t| Block::Table(table(&[t]))));
        out.push(Block::Note(&s.note));
        for c in &s.charts {
            out.push(Block::Chart(c));
            if depth == Depth::Full {
                out.push(Block::Caption(&c.data_label));
                out.push(Block::Table(table(&c.tables.iter().collect::<Vec<_>>())));
            }
        }
    }
    if !p.news.is_empty() {
        out.push(part(w.news));
        p.news.iter().for_each(|s| story(s, &mut out));
    }
    out.push(part(w.coverage));
    out.extend(p.notes.iter().map(|n| Block::Item(&n.1)));
    if !p.recent.is_empty() {
        out.push(part(w.recent));
        out.push(Block::Table(recent(p)));
    }
    if !p.corrections.is_empty() {
        out.push(part(w.corrections));
        out.push(Block::Table(corrections(p)));
    }
    if depth == Depth::Full {
        out.push(part(w.working));
        out.push(Block::Table(working(p)));
        out.extend(p.rating.notes.iter().map(|n| Block::Note(n)));
    }
    out.push(part(w.all_values));
    out.push(match depth {
        Depth::Full => Block::Table(values(p)),
        Depth::Brief => Block::Figures(figures(p)),
    });
    out.retain(|b| match b {
        Block::Prose(x) | Block::NotePieces(x) | Block::Item(x) => !x.is_empty(),
        Block::Note(x) => !x.is_empty(),
        Block::Table(t) => !t.rows.is_empty(),
        _ => true,
    });
    out
}

fn story<'p, 'a>(s: &'p Story<'a>, out: &mut Vec<Block<'p, 'a>>) {
    out.push(Block::Heading {
        level: 3,
        number: 0,
        text: &s.title,
    });
    out.extend(s.paragraphs.iter().map(|x| Block::Prose(x)));
    if !s.link.is_empty() {
        out.push(Block::Source(s));
    }
}

/// The parts of one table as one.
fn table<'p>(parts: &[&'p TableView<'_>]) -> Grid<'p> {
    Grid {
        head: parts
            .first()
            .map_or_else(Vec::new, |t| t.head.iter().map(String::as_str).collect()),
        rows: parts
            .iter()
            .flat_map(|t| &t.rows)
            .map(|r| GridRow {
                cells: std::iter::once(r.name.as_str().into())
                    .chain(r.cells.iter().map(|c| c.text.as_str().into()))
                    .collect(),
                total: r.total,
            })
            .collect(),
        words: 1,
    }
}

fn row<'p>(cells: impl IntoIterator<Item = &'p str>) -> GridRow<'p> {
    GridRow {
        cells: cells.into_iter().map(Into::into).collect(),
        total: false,
    }
}

fn recent<'p>(p: &'p Page<'_>) -> Grid<'p> {
    let of = |r: &'p super::view::Recent| row([r.issue.as_str(), &r.week, &r.word]);
    Grid {
        head: vec![],
        rows: p.recent.iter().map(of).collect(),
        words: 3,
    }
}

fn corrections<'p>(p: &'p Page<'_>) -> Grid<'p> {
    let of = |c: &'p (String, String)| row([c.0.as_str(), &c.1]);
    Grid {
        head: vec![],
        rows: p.corrections.iter().map(of).collect(),
        words: 2,
    }
}

/// The working of the rating.
pub fn working<'p>(p: &'p Page<'_>) -> Grid<'p> {
    let w = p.w;
    let mut rows: Vec<GridRow<'p>> = Vec::new();
    for r in &p.rating.rows {
        rows.push(if r.missing.is_empty() {
            row([
                r.name.as_str(),
                &r.amount.text,
                &r.median,
                &r.ln_ratio,
                &r.weight,
                &r.contribution,
            ])
        } else {
            row([r.name.as_str(), "", "", "", "", &r.missing])
        });
    }
    for (name, value) in &p.rating.totals {
        rows.push(GridRow {
            total: true,
            ..row([name.as_str(), "", "", "", "", value])
        });
    }
    Grid {
        head: vec![
            w.indicator,
            w.value,
            w.baseline,
            w.ln_ratio,
            w.weight,
            w.contribution,
        ],
        rows,
        words: 1,
    }
}

/// All figures.
pub fn values<'p>(p: &'p Page<'_>) -> Grid<'p> {
    let w = p.w;
    let of = |v: &'p super::view::ValueRow<'_>| GridRow {
        cells: vec![
            v.key.as_str().into(),
            v.name.as_str().into(),
            v.amount.text.as_str().into(),
            v.unit.as_str().into(),
            v.previous.as_str().into(),
            change(&v.change).into(),
            format!("v{}", v.version).into(),
        ],
        total: false,
    };
    Grid {
        head: vec![
            w.statistic,
            w.name,
            w.value,
            w.unit,
            w.previous,
            w.change,
            w.version,
        ],
        rows: p.values.iter().map(of).collect(),
        words: 2,
    }
}

fn figures<'p>(p: &'p Page<'_>) -> Vec<Figure<'p>> {
    let of = |v: &'p super::view::ValueRow<'_>| Figure {
        key: &v.key,
        name: &v.name,
        text: with_unit(&v.amount.text, &v.unit, p.lang),
    };
    p.values.iter().map(of).collect()
}

/// A number and its unit: joined in Chinese, with a space in English. A unit that the number ends with already, as a
/// per cent sign, is not said twice; a value that is not there has none.
pub fn with_unit(amount: &str, unit: &str, lang: &str) -> String {
    let numeric = amount
        .chars()
        .next_back()
        .is_some_and(|c| c.is_ascii_digit() || "万亿".contains(c));
    match (unit.is_empty() || !numeric, lang) {
        (true, _) => amount.to_owned(),
        (false, "zh") => format!("{amount}{unit}"),
        (false, _) => format!("{amount} {unit}"),
    }
}

/// A change as one run of text: arrow, amount, word.
pub fn change(c: &ChangeView) -> String {
    let parts = [c.arrow, &c.text, c.word];
    let parts: Vec<&str> = parts.into_iter().filter(|p| !p.is_empty()).collect();
    parts.join(" ")
}

/// The plain text of pieces.
pub fn plain(pieces: &[Piece<'_>]) -> String {
    pieces
        .iter()
        .flat_map(|p| [p.lead.as_str(), p.text.as_str()])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_said_once() {
        assert_eq!(with_unit("28.4万", "台", "zh"), "28.4万台");
        assert_eq!(with_unit("284,132", "hosts", "en"), "284,132 hosts");
        assert_eq!(with_unit("0.8%", "%", "zh"), "0.8%");
        assert_eq!(
            with_unit("不可得：没有数据源", "个", "zh"),
            "不可得：没有数据源"
        );
        assert_eq!(with_unit("17", "", "en"), "17");
    }
}
