//! The issue as Markdown: CommonMark, with tables as GitHub and most readers know them.
//!
//! Every text is escaped so that nothing in it becomes markup; charts are links to the picture files of the issue.

use super::flow::{self, Block, Depth, Grid};
use super::view::{self, HandlingCell, Piece, Tile};
use super::{chart_file_name, words};
use model::bulletin::{Bulletin, Lang};
use std::fmt::Write;

/// The bulletin as Markdown, with a final newline.
pub fn markdown(b: &Bulletin, lang: Lang) -> String {
    let p = view::page(b, lang);
    let w = p.w;
    let mut out = format!("# {} {}\n", escape(&p.title), escape(&p.issue));
    let line = [&p.publisher, &p.week, &p.published];
    let mut line: Vec<String> = line
        .into_iter()
        .filter(|t| !t.is_empty())
        .map(|t| escape(t))
        .collect();
    line.push(format!("**{}**", escape(p.tlp)));
    if !p.draft.is_empty() {
        line.push(format!("**{}**", escape(p.draft)));
    }
    paragraph(&mut out, &line.join(" · "));
    if !p.banner.is_empty() {
        paragraph(&mut out, &format!("> {}", escape(&p.banner)));
    }
    for block in flow::blocks(&p, Depth::Full) {
        match block {
            Block::Heading {
                level,
                number,
                text,
            } => {
                let marks = "#".repeat(usize::from(level));
                let number = match number {
                    0 => String::new(),
                    n => format!("{n} "),
                };
                paragraph(&mut out, &format!("{marks} {number}{}", escape(text)));
            }
            Block::Prose(pieces) => paragraph(&mut out, &prose(pieces)),
            Block::Item(pieces) => paragraph(&mut out, &format!("- {}", prose(pieces))),
            Block::Note(text) => paragraph(&mut out, &escape(text)),
            Block::NotePieces(pieces) => paragraph(&mut out, &prose(pieces)),
            Block::Caption(text) => paragraph(&mut out, &format!("**{}**", escape(text))),
            Block::Level(name, word) => paragraph(
                &mut out,
                &format!("{}{}**{}**", escape(name), w.colon, escape(word)),
            ),
            Block::Rating(r) => {
                let steps: Vec<String> = r
                    .steps
                    .iter()
                    .map(|s| match (s.now, s.was) {
                        (true, true) => format!(
                            "**{}**（{}{}{}）",
                            escape(&s.word),
                            w.last_week,
                            w.comma,
                            w.this_week
                        ),
                        (true, false) => format!("**{}**（{}）", escape(&s.word), w.this_week),
                        (false, true) => format!("{}（{}）", escape(&s.word), w.last_week),
                        (false, false) => escape(&s.word),
                    })
                    .map(|s| bracket(&s, lang))
                    .collect();
                paragraph(&mut out, &format!("**{}**", escape(&r.word)));
                paragraph(&mut out, &steps.join(" · "));
            }
            Block::Board(tiles) => table(&mut out, &board(tiles, w, p.lang)),
            Block::Handling(cells) => table(&mut out, &handling(cells, p.lang)),
            Block::Table(grid) => table(&mut out, &grid),
            Block::Chart(c) => {
                paragraph(
                    &mut out,
                    &format!("### {} {}", escape(&c.label), prose(&c.title)),
                );
                paragraph(&mut out, &prose(&c.subtitle));
                if let Some(chart) = b.charts().find(|chart| chart.id == c.id) {
                    let name = |ending| chart_file_name(b, chart, lang, ending);
                    let (png, svg) = (name("png"), name("svg"));
                    paragraph(&mut out, &format!("[![{}]({png})]({svg})", escape(&c.alt)));
                }
                let source = format!("{}{}{}", w.source, w.colon, escape(&c.source));
                if !c.note.is_empty() {
                    paragraph(&mut out, &escape(&c.note));
                }
                paragraph(&mut out, &source);
            }
            Block::Source(s) => {
                paragraph(&mut out, &format!("{}{}<{}>", w.read_on, w.colon, s.link))
            }
            Block::Figures(_) => {}
        }
    }
    out.push_str("\n---\n");
    if !p.hash.is_empty() {
        paragraph(&mut out, &format!("{} BLAKE3 `{}`", w.hash, p.hash));
    }
    let provenance = p.provenance.join(w.comma);
    paragraph(
        &mut out,
        &format!("{}{}{}", w.provenance, w.colon, escape(&provenance)),
    );
    if !p.about.is_empty() {
        paragraph(&mut out, &escape(&p.about));
    }
    out
}

fn paragraph(out: &mut String, text: &str) {
    let _ = write!(out, "\n{text}\n");
}

/// Full-width brackets are Chinese; English takes its own.
fn bracket(text: &str, lang: Lang) -> String {
    match lang {
        Lang::Zh => text.to_owned(),
        Lang::En => text.replace('（', " (").replace('）', ")"),
    }
}

fn prose(pieces: &[Piece<'_>]) -> String {
    escape(&flow::plain(pieces))
}

/// The board as a table.
fn board<'p>(tiles: &'p [Tile<'_>], w: &'p words::Words, lang: &str) -> Grid<'p> {
    let of = |t: &'p Tile<'_>| {
        let amount = match t.missing.is_empty() {
            true => flow::with_unit(&t.amount.text, &t.unit, lang),
            false => t.missing.clone(),
        };
        let mut change = flow::change(&t.change);
        if !t.sources.is_empty() {
            change = format!("{change} {}", t.sources);
        }
        flow::GridRow {
            cells: vec![
                t.name.as_str().into(),
                amount.into(),
                change.into(),
                t.range.as_str().into(),
            ],
            total: false,
        }
    };
    Grid {
        head: vec![w.indicator, w.value, w.change, ""],
        rows: tiles.iter().map(of).collect(),
        words: 1,
    }
}

fn handling<'p>(cells: &'p [HandlingCell<'_>], lang: &str) -> Grid<'p> {
    let of = |c: &'p HandlingCell<'_>| flow::GridRow {
        cells: vec![
            c.name.as_str().into(),
            flow::with_unit(&c.amount.text, &c.unit, lang).into(),
            c.note.as_str().into(),
        ],
        total: false,
    };
    Grid {
        head: vec![],
        rows: cells.iter().map(of).collect(),
        words: 1,
    }
}

fn table(out: &mut String, grid: &Grid<'_>) {
    let n = grid.columns();
    out.push('\n');
    let head: Vec<String> = (0..n)
        .map(|at| escape(grid.head.get(at).copied().unwrap_or_default()))
        .collect();
    let _ = writeln!(out, "| {} |", head.join(" | "));
    let rule: Vec<&str> = (0..n)
        .map(|at| if at < grid.words { "---" } else { "--:" })
        .collect();
    let _ = writeln!(out, "| {} |", rule.join(" | "));
    for r in &grid.rows {
        let cells: Vec<String> = (0..n)
            .map(|at| {
                let text = escape(r.cells.get(at).map_or("", |c| c));
                if r.total && !text.is_empty() {
                    format!("**{text}**")
                } else {
                    text
                }
            })
            .collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
}

/// Text that Markdown shows as it is: every character that could open markup anywhere has a backslash, and what
/// could open a list, a heading or a rule at the start of a line.
pub fn escape(text: &str) -> String {
    let text = text.trim();
    let mut out = String::with_capacity(text.len() + 16);
    for (at, c) in text.char_indices() {
        let rest = &text[at + c.len_utf8()..];
        let before = &text[..at];
        let opens = match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '$' | '&' => true,
            '#' | '+' | '-' | '=' => before.is_empty(),
            '.' | ')' => {
                !before.is_empty()
                    && before.bytes().all(|b| b.is_ascii_digit())
                    && rest.starts_with([' ', '\t'])
            }
            // An address alone would become a link.
            ':' => rest.starts_with("//"),
            _ => false,
        };
        if opens {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(
            escape("<b> *x* [a](b) `c`"),
            "\\<b\\> \\*x\\* \\[a\\](b) \\`c\\`"
        );
        assert_eq!(escape("- 1. # ="), "\\- 1. # =");
        assert_eq!(escape("2023. a"), "2023\\. a");
        assert_eq!(escape("18.1%"), "18.1%");
        assert_eq!(
            escape("a|b https://example.com"),
            "a\\|b https\\://example.com"
        );
    }
}
