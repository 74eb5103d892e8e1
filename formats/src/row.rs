//! Cuts one delimited row into its cells without copying.
//!
//! [`Splitter::split`] obeys the definition of a row in [`crate::frame`] (the two are tested against
//! each other) and finds the row's end on the way. It looks at eight bytes at a time; a row in which
//! quotes are not where RFC 4180 puts them takes a slower way that allows for them. What it notes of
//! each cell saves later passes: a cell that is not [`Cell::special`] is its text as it stands, in
//! JSON too.

use std::borrow::Cow;

use model::record::push_json_text;

use crate::Framing;
use crate::frame::{self, RowEnd};

/// Where a cell lies in the text, without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    start: u32,
    /// End; the two highest bits say "special" and "was quoted". Blocks are far shorter than 2^30.
    end: u32,
}

const SPECIAL: u32 = 1 << 31;
const QUOTED: u32 = 1 << 30;

impl Cell {
    /// A cell of no text, for columns that a short row lacks.
    pub const EMPTY: Cell = Cell { start: 0, end: 0 };

    #[inline]
    fn new(start: usize, end: usize, flags: u32) -> Cell {
        Cell { start: start as u32, end: end as u32 | flags }
    }

    /// Whether the cell holds quotes, backslashes or control characters.
    #[inline]
    pub fn special(self) -> bool {
        self.end & SPECIAL != 0
    }

    #[inline]
    fn span(self) -> std::ops::Range<usize> {
        self.start as usize..(self.end & !(SPECIAL | QUOTED)) as usize
    }

    /// Whether nothing stands in the cell.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.start == self.end & !(SPECIAL | QUOTED)
    }

    /// The cell as it stands in the text it was cut from.
    #[inline]
    pub fn raw(self, text: &str) -> &str {
        &text[self.span()]
    }

    /// The cell's text, doubled quotes made single.
    #[inline]
    pub fn text(self, text: &str) -> Cow<'_, str> {
        let raw = self.raw(text);
        if self.end & (SPECIAL | QUOTED) == SPECIAL | QUOTED && raw.contains("\"\"") {
            return Cow::Owned(raw.replace("\"\"", "\""));
        }
        Cow::Borrowed(raw)
    }

    /// Appends the cell as a JSON string.
    #[inline]
    pub fn push_json(self, text: &str, out: &mut String) {
        if self.special() {
            return push_json_text(out, &self.text(text));
        }
        out.push('"');
        out.push_str(self.raw(text));
        out.push('"');
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// High bits of the bytes that equal `byte`; exact up to the first of them.
#[inline]
fn equal(word: u64, byte: u8) -> u64 {
    let diff = word ^ (ONES * byte as u64);
    diff.wrapping_sub(ONES) & !diff & HIGHS
}

/// High bits of the bytes below 0x20; exact up to the first of them.
#[inline]
fn control(word: u64) -> u64 {
    word.wrapping_sub(ONES * 0x20) & !word & HIGHS
}

/// Eight bytes at `at`; zeros, which count as control characters, follow the end of the text.
#[inline]
fn word(text: &[u8], at: usize) -> u64 {
    match text.get(at..at + 8) {
        Some(bytes) => u64::from_le_bytes(bytes.try_into().expect("eight bytes")),
        None => {
            let mut bytes = [0; 8];
            let rest = text.get(at..).unwrap_or_default();
            bytes[..rest.len()].copy_from_slice(rest);
            u64::from_le_bytes(bytes)
        }
    }
}

/// Cuts rows into cells; owns the list of cells, which every row reuses.
#[derive(Debug)]
pub struct Splitter {
    delimiter: u8,
    cells: Vec<Cell>,
}

impl Splitter {
    /// A splitter for fields parted by `delimiter`, which is ASCII and neither quote nor line end.
    pub fn new(delimiter: u8) -> Self {
        Splitter { delimiter, cells: Vec::with_capacity(64) }
    }

    /// The cells of the row cut last.
    #[inline]
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Cuts the row that starts at `from`; the text ends where a row ends.
    #[inline]
    pub(crate) fn split(&mut self, text: &[u8], from: usize) -> RowEnd {
        match self.split_plain(text, from) {
            Some(end) => end,
            None => {
                let framing = Framing::QuotedLines { delimiter: self.delimiter };
                let rest = RowEnd { end: text.len(), next: text.len(), lines: 1 };
                let end = frame::row_end(text, from, framing, true).unwrap_or(rest);
                self.split_lenient(text, from, end.end);
                end
            }
        }
    }

    /// The way of rows whose quotes are in order and that take one line; `None` for others.
    #[inline]
    fn split_plain(&mut self, text: &[u8], from: usize) -> Option<RowEnd> {
        self.cells.clear();
        let mut at = from;
        loop {
            let mut flags = 0;
            let (cell, end) = if text.get(at) == Some(&b'"') {
                let start = at + 1;
                at = start;
                flags = QUOTED;
                // To the closing quote.
                let end = loop {
                    let eight = word(text, at);
                    let hits = equal(eight, b'"') | equal(eight, b'\\') | control(eight);
                    if hits == 0 {
                        at += 8;
                        continue;
                    }
                    at += hits.trailing_zeros() as usize / 8;
                    match *text.get(at)? {
                        b'"' if text.get(at + 1) == Some(&b'"') => at += 2,
                        b'"' => break at,
                        b'\n' | b'\r' => return None,
                        _ => at += 1,
                    }
                    flags |= SPECIAL;
                };
                (Cell::new(start, end, flags), end + 1)
            } else {
                let start = at;
                let end = loop {
                    let eight = word(text, at);
                    let hits = equal(eight, self.delimiter) | equal(eight, b'"') | equal(eight, b'\\') | control(eight);
                    if hits == 0 {
                        at += 8;
                        continue;
                    }
                    at += hits.trailing_zeros() as usize / 8;
                    match text.get(at) {
                        Some(b'\n' | b'\r') | None => break at.min(text.len()),
                        Some(byte) if *byte == self.delimiter => break at,
                        Some(_) => at += 1,
                    }
                    flags |= SPECIAL;
                };
                (Cell::new(start, end, flags), end)
            };
            self.cells.push(cell);
            match text.get(end) {
                Some(byte) if *byte == self.delimiter => at = end + 1,
                Some(b'\n') => return Some(RowEnd { end, next: end + 1, lines: 1 }),
                Some(b'\r') => {
                    let next = end + 1 + usize::from(text.get(end + 1) == Some(&b'\n'));
                    return Some(RowEnd { end, next, lines: 1 });
                }
                None => return Some(RowEnd { end: text.len(), next: text.len(), lines: 1 }),
                // Text behind a closing quote.
                Some(_) => return None,
            }
        }
    }

    /// Cuts the row `text[from..end]`, whatever its quotes.
    pub(crate) fn split_lenient(&mut self, text: &[u8], from: usize, end: usize) {
        self.cells.clear();
        let text = &text[..end];
        let mut at = from;
        loop {
            let quoted = text.get(at) == Some(&b'"');
            let start = at + usize::from(quoted);
            at = start;
            let mut inside = quoted;
            while let Some(&byte) = text.get(at) {
                if inside && byte == b'"' {
                    if text.get(at + 1) == Some(&b'"') {
                        at += 1;
                    } else {
                        inside = text.get(at + 1).is_some_and(|next| *next != self.delimiter && *next != b'\n' && *next != b'\r');
                    }
                } else if !inside && byte == self.delimiter {
                    break;
                }
                at += 1;
            }
            let closed = quoted && !inside && at > start && text[at - 1] == b'"';
            let stop = at - usize::from(closed);
            let flags = SPECIAL | if quoted { QUOTED } else { 0 };
            self.cells.push(Cell::new(start, stop, flags));
            if at >= text.len() {
                return;
            }
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Block, frame::rows};
    use proptest::prelude::*;

    fn cells(text: &str) -> Vec<String> {
        let mut splitter = Splitter::new(b',');
        splitter.split(text.as_bytes(), 0);
        splitter.cells().iter().map(|cell| cell.text(text).into_owned()).collect()
    }

    #[test]
    fn cells_are_cut_and_unquoted() {
        assert_eq!(cells("a,,\"b\",\"\",\"c,d\"\"e\"\nnext"), ["a", "", "b", "", "c,d\"e"]);
        assert_eq!(cells("a,\"b\nc\",d\r\n"), ["a", "b\nc", "d"]);
        assert_eq!(cells("a,"), ["a", ""]);
        assert_eq!(cells(""), [""]);
        assert_eq!(cells("\"abcdefghijklmnopq\",abcdefghijklmnopq"), ["abcdefghijklmnopq", "abcdefghijklmnopq"]);
        assert_eq!(cells("5\" disk,\"a\"b\",c"), ["5\" disk", "a\"b", "c"]);
        assert_eq!(cells("\"open,b\nc"), ["open,b"]);
        assert_eq!(cells("\"a\"\"\""), ["a\""]);
        assert_eq!(cells("\"\"\"\",x"), ["\"", "x"]);
        assert_eq!(cells("中文,\"中\t文\""), ["中文", "中\t文"]);
    }

    #[test]
    fn json_of_a_cell_is_json() {
        let text = "plain,\"back\\slash\",\"dou\"\"ble\",\"tab\there\"";
        let mut splitter = Splitter::new(b',');
        splitter.split(text.as_bytes(), 0);
        let mut json = String::from("[");
        for (index, cell) in splitter.cells().iter().enumerate() {
            json.push_str(if index > 0 { "," } else { "" });
            cell.push_json(text, &mut json);
        }
        let parsed: Vec<String> = serde_json::from_str(&(json + "]")).expect("json");
        assert_eq!(parsed, ["plain", "back\\slash", "dou\"ble", "tab\there"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        #[test]
        fn a_written_row_is_read_as_it_was(row in proptest::collection::vec("[a-c,\"\\\\\n\r\t é]{0,12}", 1..8), delimiter in "[,;\t]") {
            let delimiter = delimiter.as_bytes()[0];
            let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
            writer.write_record(&row).expect("memory does not fail");
            let text = String::from_utf8(writer.into_inner().expect("memory does not fail")).expect("text");
            let mut splitter = Splitter::new(delimiter);
            let end = splitter.split(text.as_bytes(), 0);
            prop_assert_eq!(end.next, text.len());
            let read: Vec<_> = splitter.cells().iter().map(|cell| cell.text(&text).into_owned()).collect();
            prop_assert_eq!(read, row);
        }

        #[test]
        fn it_cuts_where_framing_cuts(text in proptest::collection::vec(proptest::sample::select(b"abcdefgh,,\"\"\"\n\n\r\\\x01".to_vec()), 0..200)) {
            let framing = Framing::QuotedLines { delimiter: b',' };
            let mut splitter = Splitter::new(b',');
            let mut at = 0;
            let mut line = 1;
            let text = String::from_utf8(text).expect("ascii");
            for row in rows(Block { bytes: text.as_bytes(), offset: 0, line: 1 }, framing) {
                let end = splitter.split(text.as_bytes(), at);
                prop_assert_eq!((row.offset as usize, row.bytes.len(), row.line), (at, end.end - at, line));
                let plain = splitter.cells().to_vec();
                splitter.split_lenient(text.as_bytes(), at, end.end);
                let texts = |cells: &[Cell]| cells.iter().map(|cell| cell.text(&text).into_owned()).collect::<Vec<_>>();
                prop_assert_eq!(texts(&plain), texts(splitter.cells()));
                for cell in plain {
                    let mut json = String::new();
                    cell.push_json(&text, &mut json);
                    prop_assert_eq!(serde_json::from_str::<String>(&json).expect("json"), cell.text(&text));
                }
                at = end.next;
                line += end.lines;
            }
        }
    }
}
