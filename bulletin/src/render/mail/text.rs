//! The mail edition as plain text: what programs without HTML show, and what filters like to see beside it.
//!
//! Lines of at most 72 columns, a Chinese character counting two; a number is never torn from its unit.

use super::super::flow::{self, Block, Depth, Grid};
use super::super::measure;
use super::super::view::{self, Piece};
use super::super::words::Words;
use model::bulletin::{Bulletin, Lang};

/// Columns of a line.
const COLUMNS: usize = 72;

/// The issue as plain text, ending in a newline. `home` is the address of its web page in this language; `unsubscribe`
/// is the subscriber's own.
pub fn mail_text(b: &Bulletin, lang: Lang, home: &str, unsubscribe: &str) -> String {
    let p = view::page(b, lang);
    let w = p.w;
    let mut out = Vec::new();
    let o = &mut out;
    words(o, "", &p.publisher);
    words(o, "", &format!("{} {}", p.title, p.issue));
    let parts = [p.week.as_str(), &p.published, p.tlp, p.draft];
    let parts: Vec<&str> = parts.into_iter().filter(|t| !t.is_empty()).collect();
    words(o, "", &parts.join("  "));
    if !p.banner.is_empty() {
        words(o, "", &p.banner);
    }
    o.push(format!("{}{}{home}", w.read_online, w.colon));
    for block in flow::blocks(&p, Depth::Brief) {
        match block {
            Block::Heading {
                level: 2,
                number,
                text,
            } => {
                let title = match number {
                    0 => text.to_owned(),
                    n => format!("{n}  {text}"),
                };
                o.push(String::new());
                o.push(String::new());
                words(o, "", &title);
                let width = columns(&title).min(COLUMNS);
                o.push("=".repeat(width.max(4)));
            }
            Block::Heading { text, .. } => {
                o.push(String::new());
                words(o, "", text);
                o.push("-".repeat(columns(text).clamp(4, COLUMNS)));
            }
            Block::Prose(pieces) => {
                o.push(String::new());
                set(o, "", "", pieces);
            }
            Block::Item(pieces) => set(o, "* ", "  ", pieces),
            Block::Note(text) | Block::Caption(text) => words(o, "", text),
            Block::NotePieces(pieces) => set(o, "", "", pieces),
            Block::Level(name, word) => {
                o.push(String::new());
                words(o, "", &format!("{name}{}{word}", w.colon));
            }
            Block::Rating(r) => {
                words(o, "", &r.word);
                let steps: Vec<String> = r
                    .steps
                    .iter()
                    .map(|s| match (s.now, s.was) {
                        (true, _) => format!("[{}]", s.word),
                        (false, true) => format!("({})", s.word),
                        (false, false) => s.word.clone(),
                    })
                    .collect();
                let was = r.steps.iter().any(|s| s.was && !s.now);
                let key = match was {
                    true => format!("[{}] ({})", w.this_week, w.last_week),
                    false => format!("[{}]", w.this_week),
                };
                if r.level > 0 || was {
                    words(o, "", &format!("{}   {key}", steps.join("  ")));
                }
            }
            Block::Board(tiles) => {
                for t in tiles {
                    let amount = match t.missing.is_empty() {
                        true => flow::with_unit(&t.amount.text, &t.unit, p.lang),
                        false => t.missing.clone(),
                    };
                    let parts = [amount, flow::change(&t.change), t.sources.clone()];
                    let parts: Vec<String> = parts.into_iter().filter(|t| !t.is_empty()).collect();
                    item(o, &t.name, &parts.join("  "), w);
                }
            }
            Block::Handling(cells) => {
                for c in cells {
                    let unit = flow::with_unit(&c.amount.text, &c.unit, p.lang);
                    let mark = if c.overdue { "! " } else { "" };
                    item(o, &c.name, &format!("{unit}  {mark}{}", c.note), w);
                }
            }
            Block::Table(grid) => table(o, &grid),
            Block::Chart(c) => {
                o.push(String::new());
                let lead = format!("{}  ", c.label);
                let next = " ".repeat(columns(&lead));
                set(o, &lead, &next, &c.title);
                set(o, &next, &next, &c.subtitle);
                o.push(format!("{next}{home}#fig-{}", c.id));
            }
            Block::Source(s) => o.push(format!("{}{}{}", w.read_on, w.colon, s.link)),
            Block::Figures(list) => {
                for f in &list {
                    item(o, &format!("{} {}", f.key, f.name), &f.text, w);
                }
            }
        }
    }
    o.push(String::new());
    // The line after which mail programs take everything for a signature.
    o.push("-- ".to_owned());
    if !p.hash.is_empty() {
        words(o, "", &format!("{} BLAKE3 {}", w.hash, p.hash));
    }
    if !p.about.is_empty() {
        words(o, "", &p.about);
    }
    words(o, "", w.subscribed);
    o.push(format!("{}{}{unsubscribe}", w.unsubscribe, w.colon));
    let mut text = String::new();
    let mut blank = true;
    for line in out {
        let line = if line == "-- " {
            line.as_str()
        } else {
            line.trim_end()
        };
        // Never two empty lines: a heading brings one of its own.
        if !(line.is_empty() && blank) {
            text.push_str(line);
            text.push('\n');
        }
        blank = line.is_empty();
    }
    text
}

/// Columns that a text takes: two for each full-width character.
fn columns(text: &str) -> usize {
    text.chars()
        .map(|c| match c {
            '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => 0,
            '\u{1100}'..='\u{115f}'
            | '\u{2e80}'..='\u{a4cf}'
            | '\u{ac00}'..='\u{d7a3}'
            | '\u{f900}'..='\u{faff}'
            | '\u{fe30}'..='\u{fe6f}'
            | '\u{ff00}'..='\u{ff60}'
            | '\u{ffe0}'..='\u{ffe6}'
            | '\u{20000}'..='\u{3fffd}' => 2,
            _ => 1,
        })
        .sum()
}

/// Sets words that break where a line may.
fn words(o: &mut Vec<String>, indent: &str, text: &str) {
    fill(o, indent, indent, measure::pieces(text).into_iter());
}

/// Sets pieces of a sentence; what stays on one line does.
fn set(o: &mut Vec<String>, first: &str, next: &str, pieces: &[Piece<'_>]) {
    let mut whole: Vec<String> = Vec::new();
    for p in pieces {
        let text = format!("{}{}", p.lead, p.text);
        match p.keep {
            true => whole.push(text),
            false => whole.extend(measure::pieces(&text).into_iter().map(str::to_owned)),
        }
    }
    // Closing punctuation never begins a line, and a word that ends without a space holds to what follows.
    let mut joined: Vec<String> = Vec::new();
    for piece in whole {
        let closes = piece.starts_with(|c: char| "，。、；：？！）》」』”’％,.;:?!)%".contains(c));
        match joined.last_mut() {
            Some(last) if closes || holds(last, &piece) => last.push_str(&piece),
            _ => joined.push(piece),
        }
    }
    fill(o, first, next, joined.iter().map(String::as_str));
}

/// Whether two Latin pieces are one word.
fn holds(a: &str, b: &str) -> bool {
    let ends = a
        .chars()
        .next_back()
        .is_some_and(|c| !c.is_whitespace() && c < '\u{2e80}');
    let begins = b
        .chars()
        .next()
        .is_some_and(|c| !c.is_whitespace() && c < '\u{2e80}');
    ends && begins
}

fn fill<'t>(o: &mut Vec<String>, first: &str, next: &str, pieces: impl Iterator<Item = &'t str>) {
    let mut line = first.to_owned();
    let mut empty = true;
    for piece in pieces {
        if !empty && columns(&line) + columns(piece.trim_end()) > COLUMNS {
            o.push(std::mem::replace(&mut line, next.to_owned()));
            empty = true;
        }
        line.push_str(if empty { piece.trim_start() } else { piece });
        empty = empty && piece.trim().is_empty();
    }
    if !empty {
        o.push(line);
    }
}

/// A name and its value, on one line where they fit.
fn item(o: &mut Vec<String>, name: &str, value: &str, w: &Words) {
    let line = format!("* {name}{}{value}", w.colon);
    if columns(&line) <= COLUMNS {
        o.push(line);
    } else {
        words(o, "", &format!("* {name}{}", w.colon));
        words(o, "    ", value);
    }
}

/// A table in columns, words to the left and numbers to the right; one that is too wide for the line as rows of words.
fn table(o: &mut Vec<String>, grid: &Grid<'_>) {
    let n = grid.columns();
    let mut lines: Vec<Vec<&str>> = Vec::new();
    if !grid.head.is_empty() {
        lines.push(grid.head.clone());
    }
    lines.extend(
        grid.rows
            .iter()
            .map(|r| r.cells.iter().map(|c| &**c).collect()),
    );
    let widths: Vec<usize> = (0..n)
        .map(|at| {
            let cells = lines.iter().filter_map(|l| l.get(at));
            cells.map(|c| columns(c)).max().unwrap_or(0)
        })
        .collect();
    let narrow = widths.iter().sum::<usize>() + 2 * n <= COLUMNS;
    o.push(String::new());
    for line in &lines {
        if !narrow {
            words(o, "  ", &line.join("  "));
            continue;
        }
        let mut text = String::new();
        for (at, width) in widths.iter().enumerate() {
            let cell = line.get(at).copied().unwrap_or_default();
            let pad = " ".repeat(width - columns(cell).min(*width));
            text.push_str("  ");
            match at < grid.words {
                true => text.extend([cell, &pad]),
                false => text.extend([&*pad, cell]),
            }
        }
        o.push(text);
    }
    o.push(String::new());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_never_torn_from_its_unit() {
        let pieces = view::keep_numbers(&"境内感染主机约28.4万台，".repeat(12));
        let mut lines = Vec::new();
        set(&mut lines, "", "", &pieces);
        assert!(lines.len() > 3);
        for line in &lines {
            assert!(columns(line) <= COLUMNS, "{line}");
            assert!(!line.starts_with(['，', '台', '万']), "{line}");
        }
        assert_eq!(lines.concat(), "境内感染主机约28.4万台，".repeat(12));
    }

    #[test]
    fn english_words_stay_whole() {
        let pieces = view::keep_numbers(&"the total rose 6.3% to 4,873 pages; ".repeat(9));
        let mut lines = Vec::new();
        set(&mut lines, "* ", "  ", &pieces);
        assert!(lines.iter().all(|l| columns(l) <= COLUMNS));
        let text: Vec<&str> = lines.iter().map(|l| l[2..].trim()).collect();
        assert_eq!(
            text.join(" "),
            "the total rose 6.3% to 4,873 pages; ".repeat(9).trim()
        );
    }
}
