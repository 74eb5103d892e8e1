//! Tables for people and for programs: aligned columns by display width, JSON, CSV; always on standard
//! output.
//!
//! What comes from a feed is hostile text (DESIGN invariant 10): control characters and marks that turn
//! the direction of text are shown, never obeyed.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::io::{BufWriter, Stdout, Write};

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use crate::failure::{Failure, Result};

/// Standard output, buffered.
pub struct Out {
    writer: BufWriter<Stdout>,
}

impl Out {
    /// Standard output of this process.
    pub fn new() -> Self {
        Out {
            writer: BufWriter::with_capacity(1 << 16, std::io::stdout()),
        }
    }

    /// Writes a line.
    pub fn line(&mut self, text: impl Display) -> Result {
        writeln!(self.writer, "{text}").map_err(|error| Failure::output(&error))
    }

    /// Writes bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result {
        self.writer
            .write_all(bytes)
            .map_err(|error| Failure::output(&error))
    }

    /// Writes a value as indented JSON.
    pub fn json(&mut self, value: &impl Serialize) -> Result {
        let text =
            serde_json::to_string_pretty(value).map_err(|error| Failure::new("JSON", error))?;
        self.line(text)
    }

    /// Writes a value as one line of JSON.
    pub fn json_line(&mut self, value: &impl Serialize) -> Result {
        let text = serde_json::to_string(value).map_err(|error| Failure::new("JSON", error))?;
        self.line(text)
    }

    /// Makes sure that everything is out.
    pub fn end(mut self) -> Result {
        self.writer.flush().map_err(|error| Failure::output(&error))
    }
}

/// Text without characters that a terminal would obey.
pub fn clean(text: &str) -> Cow<'_, str> {
    let obeyed = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(obeyed) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if obeyed(c) => {
                let _ = write!(out, "\\u{{{:x}}}", c as u32);
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// A cell for a spreadsheet by RFC 4180; one that would be taken for a formula gets an apostrophe.
pub fn csv_cell(text: &str) -> String {
    let formula =
        text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    let text = if formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// A table of cells. Columns whose cells are all numbers are set flush right.
#[derive(Clone, Debug, Default)]
pub struct Table {
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these heads.
    pub fn new<H: Into<String>>(heads: impl IntoIterator<Item = H>) -> Self {
        Table {
            heads: heads.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text, a line a row, no space at line ends.
    pub fn text(&self) -> String {
        let columns = self
            .rows
            .iter()
            .map(Vec::len)
            .chain([self.heads.len()])
            .max()
            .unwrap_or(0);
        let lines: Vec<Vec<Cow<'_, str>>> = std::iter::once(&self.heads)
            .chain(&self.rows)
            .map(|row| row.iter().map(|cell| clean(cell)).collect())
            .collect();
        let width = |column: usize| {
            lines
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.width())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let numeric: Vec<bool> = (0..columns)
            .map(|column| {
                let mut cells = self
                    .rows
                    .iter()
                    .filter_map(|row| row.get(column))
                    .filter(|cell| !cell.is_empty())
                    .peekable();
                cells.peek().is_some() && cells.all(|cell| is_number(cell))
            })
            .collect();
        let mut out = String::new();
        // A table without heads begins with its first row.
        for row in lines.iter().skip(usize::from(self.heads.is_empty())) {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                if column > 0 {
                    line.push_str("  ");
                }
                let pad = " ".repeat(widths[column].saturating_sub(cell.width()));
                if numeric[column] {
                    line.push_str(&pad);
                    line.push_str(cell);
                } else {
                    line.push_str(cell);
                    line.push_str(&pad);
                }
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }

    /// Prints the table.
    pub fn print(&self, out: &mut Out) -> Result {
        out.bytes(self.text().as_bytes())
    }
}

fn is_number(cell: &str) -> bool {
    cell == "–" || cell == "-" || cell.replace([',', '%'], "").parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_by_display_width() {
        let mut table = Table::new(["name", "rows"]);
        table.row(["网络", "7"]);
        table.row(["abcd", "1234"]);
        table.row(["x", ""]);
        assert_eq!(table.text(), "name  rows\n网络     7\nabcd  1234\nx\n");
    }

    #[test]
    fn hostile_text_is_shown_not_obeyed() {
        assert_eq!(
            clean("a\u{1b}[31mb\r\nc\u{202e}d"),
            "a\\u{1b}[31mb\\r\\nc\\u{202e}d"
        );
        assert!(matches!(clean("中文 plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn csv_cells_are_quoted_and_guarded() {
        assert_eq!(csv_cell("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(csv_cell("=cmd|' /c'"), "'=cmd|' /c'");
        assert_eq!(csv_cell("-3.5"), "-3.5");
        assert_eq!(csv_cell("plain"), "plain");
    }
}
