//! Which column each chart of a printed section goes into, and which sections may break across pages.
//!
//! Decided from estimated heights, as asking the typesetter for true ones would lay every section out several times
//! over. A wrong guess costs a little white, never content: only a section that is surely shorter than a page is kept
//! in one piece.

use crate::render::measure;
use crate::render::view::{ChartView, Page, Piece, Section, TableView};
use serde::Serialize;

/// Width of a column, pt: A4 less margins of 16 mm and the gutter, halved.
const COLUMN: f64 = (504.57 - 20.0) / 2.0;
/// A section estimated below this, pt, surely fits the 748 pt of a page.
const SURELY_SHORTER_THAN_A_PAGE: f64 = 600.0;
/// Between two charts of a column, pt.
const GAP: f64 = 18.0;

/// Type sizes of a language, pt, as in the template.
struct Sizes {
    base: f64,
    small: f64,
    tiny: f64,
    line: f64,
}

/// How a section is set.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Plan {
    /// 0 left, 1 right, for each chart.
    pub sides: Vec<u8>,
    /// Whether it may break across pages.
    pub breakable: bool,
}

/// Plans every section of a page; `heights` gives each chart's picture height in px at a width of 342.
pub(super) fn plan(page: &Page<'_>, heights: impl Fn(u32) -> f64) -> Vec<Plan> {
    let sizes = if page.lang == "zh" {
        Sizes {
            base: 10.5,
            small: 9.0,
            tiny: 8.2,
            line: 1.58,
        }
    } else {
        Sizes {
            base: 9.6,
            small: 8.6,
            tiny: 7.8,
            line: 1.46,
        }
    };
    page.sections
        .iter()
        .map(|s| {
            let mut columns = [say(s, &sizes), 0.0];
            let mut sides = Vec::new();
            for c in &s.charts {
                // The first chart stands beside the text; each further one under the shorter column.
                let side = usize::from(sides.is_empty() || columns[1] < columns[0]);
                columns[side] += chart(c, heights(c.number), &sizes) + GAP;
                sides.push(side as u8);
            }
            let height = columns[0].max(columns[1]) + 28.0;
            Plan {
                sides,
                breakable: height > SURELY_SHORTER_THAN_A_PAGE,
            }
        })
        .collect()
}

/// Height of running text in a column.
fn text(pieces: &[Piece<'_>], size: f64, bold: bool, line: f64) -> f64 {
    let text: String = pieces
        .iter()
        .flat_map(|p| [p.lead.as_str(), p.text.as_str()])
        .collect();
    // The width table is in 12 px; the same proportions hold in pt.
    let lines = measure::wrap(&text, bold, COLUMN * measure::SIZE / size).len();
    lines as f64 * size * line
}

fn table(t: &TableView<'_>, size: f64, inset: f64) -> f64 {
    let row = |name: &str, cells: f64| {
        let room = (COLUMN * measure::SIZE / size - cells).max(60.0);
        measure::wrap(name, false, room).len().max(1) as f64 * size * 1.4 + 2.0 * inset
    };
    let head = if t.head.is_empty() { 0.0 } else { row("", 0.0) };
    let cells = |r: &crate::render::view::RowView<'_>| {
        r.cells
            .iter()
            .map(|c| measure::width(&c.text, r.total) + 10.0)
            .sum::<f64>()
    };
    head + t.rows.iter().map(|r| row(&r.name, cells(r))).sum::<f64>()
}

fn say(s: &Section<'_>, z: &Sizes) -> f64 {
    let paragraphs: f64 = s
        .paragraphs
        .iter()
        .map(|p| 9.0 + text(p, z.base, false, z.line))
        .sum();
    let tables: f64 = s.tables.iter().map(|t| 9.0 + table(t, z.small, 2.6)).sum();
    let note = if s.note.is_empty() {
        0.0
    } else {
        2.0 * z.tiny * z.line
    };
    18.0 + paragraphs + tables + note
}

fn chart(c: &ChartView<'_>, height: f64, z: &Sizes) -> f64 {
    let titles = text(&c.title, z.base, true, 1.35) + text(&c.subtitle, z.small, false, 1.35);
    let tables = c
        .tables
        .iter()
        .map(|t| table(t, z.tiny, 1.5))
        .fold(0.0, f64::max);
    let note = if c.note.is_empty() {
        0.0
    } else {
        2.0 * z.tiny * 1.35
    };
    titles + height * COLUMN / 342.0 + note + tables + 4.0 * z.tiny + 20.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(charts: usize, words: usize) -> Section<'static> {
        let piece = |n: usize| {
            vec![Piece {
                text: "字".repeat(n),
                keep: false,
                lead: String::new(),
                key: "",
                anchor: String::new(),
                aspect: "",
                exact: String::new(),
            }]
        };
        let chart = |i: usize| ChartView {
            number: i as u32,
            id: "c",
            label: String::new(),
            data_label: String::new(),
            title: piece(12),
            subtitle: piece(20),
            alt: String::new(),
            tables: vec![],
            source: String::new(),
            query: String::new(),
            note: String::new(),
        };
        Section {
            id: "s",
            number: 1,
            title: String::new(),
            paragraphs: vec![piece(words)],
            tables: vec![],
            charts: (0..charts).map(chart).collect(),
            note: String::new(),
        }
    }

    fn planned(charts: usize, words: usize) -> Plan {
        let b = crate::render::view::tests::empty_page(vec![section(charts, words)]);
        plan(&b, |_| 200.0).remove(0)
    }

    #[test]
    fn charts_fill_the_shorter_column() {
        assert_eq!(
            planned(0, 50),
            Plan {
                sides: vec![],
                breakable: false
            }
        );
        assert_eq!(
            planned(1, 50),
            Plan {
                sides: vec![1],
                breakable: false
            }
        );
        assert_eq!(planned(3, 50).sides, [1, 0, 1]);
        assert_eq!(planned(2, 900).sides, [1, 1]);
    }

    #[test]
    fn only_short_sections_stay_whole() {
        assert!(planned(9, 50).breakable);
        assert!(planned(1, 3000).breakable);
    }
}
