//! Cuts delimited rows into their cells without copying.
//!
//! [`Scanner`] obeys the definition of a row in [`crate::frame`] (the two are tested against each
//! other). It looks at 64 bytes at a time: vector comparisons give a bit mask per structural byte,
//! a prefix sum over the quotes tells which delimiters and line ends lie outside quotes. Where quotes
//! are not where RFC 4180 puts them, or run over a line end, that row takes a slower way that allows
//! for it. [`texts`] gives readers the blocks as text.

use std::borrow::Cow;

use memchr::{memchr, memchr2};
use model::record::push_json_text;
use model::reject::{Reject, RejectReason};
use wide::u8x16;

use crate::frame::{self, RowEnd};
use crate::{Block, Framing, Output};

/// Where a cell lies in the text, without its quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    start: u32,
    end: u32,
}

/// A row, cut.
#[derive(Clone, Copy, Debug)]
pub struct Cut<'a> {
    text: &'a str,
    cells: &'a [Cell],
    /// Whether any cell may hold quotes, backslashes or control characters.
    special: bool,
    start: usize,
    end: usize,
    line: u64,
}

impl<'a> Cut<'a> {
    /// How many cells the row has; one in a blank line.
    #[inline]
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether nothing but white space stands in the row.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.cells.len() == 1 && self.raw().trim().is_empty()
    }

    /// The row as it stands in the text, without its line end.
    #[inline]
    pub fn raw(&self) -> &'a str {
        &self.text[self.start..self.end]
    }

    /// Whether the text ends with this row without a line end: the file may have been cut off here.
    #[inline]
    pub fn is_cut_off(&self) -> bool {
        self.end == self.text.len()
    }

    /// Where the row lies in the text.
    #[inline]
    pub fn span(&self) -> std::ops::Range<usize> {
        self.start..self.end
    }

    /// Offset of the row's first byte in the text.
    #[inline]
    pub fn start(&self) -> usize {
        self.start
    }

    /// Line of the row's first byte.
    #[inline]
    pub fn line(&self) -> u64 {
        self.line
    }

    /// A cell without its quotes, doubled quotes left double; empty for columns the row lacks.
    #[inline]
    pub fn raw_cell(&self, index: usize) -> &'a str {
        match self.cells.get(index) {
            Some(cell) => &self.text[cell.start as usize..cell.end as usize],
            None => "",
        }
    }

    /// A cell's text.
    #[inline]
    pub fn cell(&self, index: usize) -> Cow<'a, str> {
        let raw = self.raw_cell(index);
        if self.special && self.is_quoted(index) && raw.contains('"') {
            return Cow::Owned(unquote(raw));
        }
        Cow::Borrowed(raw)
    }

    /// Appends a cell as a JSON string.
    #[inline]
    pub fn push_json(&self, index: usize, out: &mut String) {
        if self.special {
            return push_json_text(out, &self.cell(index));
        }
        out.push('"');
        out.push_str(self.raw_cell(index));
        out.push('"');
    }

    /// Whether no cell needs unquoting or escaping.
    #[inline]
    pub fn is_plain(&self) -> bool {
        !self.special
    }

    fn is_quoted(&self, index: usize) -> bool {
        let start = self.cells.get(index).map_or(0, |cell| cell.start as usize);
        start > self.start && self.text.as_bytes()[start - 1] == b'"'
    }
}

/// Cuts a text of whole rows into rows and cells, in order.
pub struct Scanner<'a> {
    text: &'a str,
    delimiter: u8,
    cells: Vec<Cell>,
    /// Start and line of the next row.
    at: usize,
    line: u64,
    /// The row given last, for [`Scanner::by_line`].
    last: RowEnd,
    /// Up to here a row is a line, whatever its quotes.
    plain_until: usize,
    chunk: Chunk,
}

/// What is known of the 64 bytes at `base`.
#[derive(Clone, Copy, Default)]
struct Chunk {
    base: usize,
    /// Delimiters and line ends outside quotes that were not consumed yet.
    separators: u64,
    /// All ones if the byte after the chunk lies inside quotes.
    inside: u64,
    /// 1 if a quote may open at the byte after the chunk.
    may_open: u64,
    /// Whether there are bytes that JSON escapes or doubled quotes.
    special: bool,
    /// Whether quotes are not in order.
    odd: bool,
}

impl<'a> Scanner<'a> {
    /// Begins at the start of `text`, which is line `line`. `delimiter` is ASCII, and neither quote
    /// nor line end.
    pub fn new(text: &'a str, line: u64, delimiter: u8) -> Self {
        let mut scanner = Scanner {
            text,
            delimiter,
            cells: Vec::with_capacity(64),
            at: 0,
            line,
            last: RowEnd { end: 0, next: 0, lines: 0 },
            plain_until: 0,
            chunk: Chunk::default(),
        };
        scanner.restart();
        scanner
    }

    /// The next row, `None` at the end of the text.
    #[inline]
    pub fn next_row(&mut self) -> Option<Cut<'_>> {
        if self.at >= self.text.len() {
            return None;
        }
        let (start, line) = (self.at, self.line);
        self.cells.clear();
        let mut special = self.chunk.special;
        let found = if self.at < self.plain_until { None } else { self.row(&mut special) };
        let end = match found {
            Some(end) => end,
            None => {
                special = true;
                self.odd_row()
            }
        };
        self.last = RowEnd { end: end.end, next: start, lines: line };
        self.at = end.next;
        self.line += end.lines;
        Some(Cut { text: self.text, cells: &self.cells, special, start, end: end.end, line })
    }

    /// Takes the row just given apart at its line ends, because its quotes turned out to be stray:
    /// its lines come again, each as a row. Returns false if it is one line anyway.
    pub fn by_line(&mut self) -> bool {
        let RowEnd { end, next: start, lines: line } = self.last;
        if start < self.plain_until || memchr2(b'\n', b'\r', &self.text.as_bytes()[start..end]).is_none() {
            return false;
        }
        (self.at, self.line, self.plain_until) = (start, line, end);
        true
    }

    /// The row at `self.at` by bit masks; `None` if its quotes are not in order.
    #[inline]
    fn row(&mut self, special: &mut bool) -> Option<RowEnd> {
        let text = self.text.as_bytes();
        let mut start = self.at;
        loop {
            while self.chunk.separators == 0 {
                if self.chunk.odd {
                    return None;
                }
                let base = self.chunk.base + 64;
                if base >= text.len() {
                    if self.chunk.inside != 0 {
                        return None;
                    }
                    self.cell(start, text.len());
                    return Some(RowEnd { end: text.len(), next: text.len(), lines: 1 });
                }
                self.load(base);
                *special |= self.chunk.special;
            }
            if self.chunk.odd {
                return None;
            }
            let end = self.chunk.base + self.chunk.separators.trailing_zeros() as usize;
            self.chunk.separators &= self.chunk.separators - 1;
            self.cell(start, end);
            start = end + 1;
            match text[end] {
                byte if byte == self.delimiter => {}
                b'\r' if text.get(start) == Some(&b'\n') => {
                    if self.chunk.separators == 0 {
                        self.load(self.chunk.base + 64);
                    }
                    self.chunk.separators &= self.chunk.separators.wrapping_sub(1);
                    return Some(RowEnd { end, next: start + 1, lines: 1 });
                }
                _ => return Some(RowEnd { end, next: start, lines: 1 }),
            }
        }
    }

    /// Adds the cell between two separators.
    #[inline]
    fn cell(&mut self, start: usize, end: usize) {
        let quotes = u32::from(start < end && self.text.as_bytes()[start] == b'"');
        self.cells.push(Cell { start: start as u32 + quotes, end: end as u32 - quotes });
    }

    /// Begins the bit masks anew at the row at `self.at`.
    #[cold]
    fn restart(&mut self) {
        self.chunk = Chunk { may_open: 1, ..Chunk::default() };
        self.load(self.at);
    }

    /// Looks at the 64 bytes at `base`, with what is carried over from those before.
    #[inline]
    fn load(&mut self, base: usize) {
        let text = self.text.as_bytes();
        let mut padded = [0; 64];
        let bytes: &[u8] = match text.get(base..base + 64) {
            Some(bytes) => bytes,
            None => {
                let rest = text.get(base..).unwrap_or_default();
                padded[..rest.len()].copy_from_slice(rest);
                &padded
            }
        };
        let lanes = [0, 16, 32, 48].map(|at| {
            let lane: [u8; 16] = bytes[at..at + 16].try_into().expect("a lane has 16 bytes");
            u8x16::new(lane)
        });
        let quotes = equal(lanes, b'"');
        let delimiters = equal(lanes, self.delimiter);
        let backslashes = equal(lanes, b'\\');
        let controls = below(lanes, 0x20);
        let breaks = if controls == 0 { 0 } else { equal(lanes, b'\n') | equal(lanes, b'\r') };
        let ends = delimiters | breaks;
        let inside = prefix_xor(quotes) ^ self.chunk.inside;
        let separators = ends & !inside;
        let opening = quotes & inside;
        let closing = quotes & !inside;
        let may_open = separators | closing;
        let misplaced = opening & !(may_open << 1 | self.chunk.may_open);
        // Behind a closing quote come a delimiter, a line end, or the other half of a doubled quote.
        let unfollowed = closing & !((ends | quotes) >> 1);
        let next = if closing >> 63 == 1 { text.get(base + 64).copied() } else { None };
        let unfollowed = match next {
            Some(next) if self.is_end_or_quote(next) => unfollowed & !(1 << 63),
            _ => unfollowed,
        };
        self.chunk = Chunk {
            base,
            separators,
            inside: ((inside as i64) >> 63) as u64,
            may_open: may_open >> 63,
            // The second half of a doubled quote may be the first byte of the next chunk.
            special: backslashes | (controls & !ends) | (closing & quotes >> 1) != 0 || next == Some(b'"'),
            odd: misplaced | unfollowed | (breaks & inside) != 0,
        };
    }

    #[inline]
    fn is_end_or_quote(&self, byte: u8) -> bool {
        byte == self.delimiter || matches!(byte, b'\n' | b'\r' | b'"')
    }

    /// The row at `self.at`, whatever its quotes; the bit masks begin anew behind it.
    #[cold]
    fn odd_row(&mut self) -> RowEnd {
        let text = self.text.as_bytes();
        let framing = match self.at < self.plain_until {
            true => Framing::Lines,
            false => Framing::QuotedLines { delimiter: self.delimiter },
        };
        let rest = RowEnd { end: text.len(), next: text.len(), lines: 1 };
        let end = frame::row_end(text, self.at, framing, true).unwrap_or(rest);
        self.cells.clear();
        split_lenient(&text[..end.end], self.at, self.delimiter, &mut self.cells);
        let at = std::mem::replace(&mut self.at, end.next);
        self.restart();
        self.at = at;
        end
    }
}

#[inline]
fn mask(lanes: [u8x16; 4], test: impl Fn(u8x16) -> u8x16) -> u64 {
    let bits = lanes.map(|lane| test(lane).to_bitmask() as u64);
    bits[0] | bits[1] << 16 | bits[2] << 32 | bits[3] << 48
}

/// The bytes that equal `byte`, one bit each.
#[inline]
fn equal(lanes: [u8x16; 4], byte: u8) -> u64 {
    let byte = u8x16::splat(byte);
    mask(lanes, |lane| lane.simd_eq(byte))
}

/// The bytes below `bound`, one bit each.
#[inline]
fn below(lanes: [u8x16; 4], bound: u8) -> u64 {
    let most = u8x16::splat(bound - 1);
    mask(lanes, |lane| lane.min(most).simd_eq(lane))
}

/// Each bit becomes the parity of the bits up to and with it.
#[inline]
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// Cuts the row `text[from..]`, whatever its quotes.
fn split_lenient(text: &[u8], from: usize, delimiter: u8, cells: &mut Vec<Cell>) {
    let is_end = |byte: Option<&u8>| byte.is_none_or(|byte| *byte == delimiter || matches!(byte, b'\n' | b'\r'));
    let mut at = from;
    loop {
        let mut quoted = text.get(at) == Some(&b'"');
        let start = at + usize::from(quoted);
        at = start;
        let mut end = None;
        while quoted && at < text.len() {
            if text[at] != b'"' {
                at += 1;
            } else if text.get(at + 1) == Some(&b'"') {
                at += 2;
            } else {
                quoted = false;
                end = is_end(text.get(at + 1)).then_some(at);
                at += 1;
            }
        }
        while text.get(at).is_some_and(|byte| *byte != delimiter) {
            at += 1;
        }
        cells.push(Cell { start: start as u32, end: end.unwrap_or(at) as u32 });
        if at >= text.len() {
            return;
        }
        at += 1;
    }
}

/// The text of a quoted cell: doubled quotes made single up to the quote that ends the quoting, what
/// follows it as it stands.
fn unquote(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('"') {
        out.push_str(&rest[..at]);
        match rest[at + 1..].strip_prefix('"') {
            Some(after) => {
                out.push('"');
                rest = after;
            }
            None => {
                rest = &rest[at + 1..];
                break;
            }
        }
    }
    out.push_str(rest);
    out
}

/// Hands a block's rows over as text: the block as a whole where all of it is UTF-8 without NUL, else
/// row by row, and the rows that are not text are rejected. `each` gets text of whole rows, its offset
/// in the report and its first line.
pub fn texts(block: Block<'_>, framing: Framing, out: &mut dyn Output, mut each: impl FnMut(&str, u64, u64, &mut dyn Output)) {
    if memchr(0, block.bytes).is_none()
        && let Ok(text) = std::str::from_utf8(block.bytes)
    {
        return each(text, block.offset, block.line, out);
    }
    for row in frame::rows(block, framing) {
        match text(row.bytes) {
            Ok(text) => each(text, row.offset, row.line, out),
            Err((reason, message)) => out.reject(Reject::new(row.line, row.offset, reason, message, row.bytes)),
        }
    }
}

/// The text of a row. A NUL byte is refused by name: it is never content, and what follows it may be
/// another file's.
pub fn text(row: &[u8]) -> Result<&str, (RejectReason, String)> {
    if let Some(at) = memchr(0, row) {
        return Err((RejectReason::BadValue, format!("a NUL byte at byte {at} of the row")));
    }
    std::str::from_utf8(row).map_err(|error| {
        (RejectReason::Encoding, format!("the row is not valid in the feed's encoding from byte {} on", error.valid_up_to()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::rows;
    use proptest::prelude::*;

    fn cells(text: &str) -> Vec<Vec<String>> {
        all(text, b',')
    }

    fn all(text: &str, delimiter: u8) -> Vec<Vec<String>> {
        let mut scanner = Scanner::new(text, 1, delimiter);
        let mut rows = Vec::new();
        while let Some(row) = scanner.next_row() {
            rows.push((0..row.len()).map(|index| row.cell(index).into_owned()).collect());
        }
        rows
    }

    #[test]
    fn cells_are_cut_and_unquoted() {
        assert_eq!(cells("a,,\"b\",\"\",\"c,d\"\"e\"\nnext"), [vec!["a", "", "b", "", "c,d\"e"], vec!["next"]]);
        assert_eq!(cells("a,\"b\nc\",d\r\n"), [["a", "b\nc", "d"]]);
        assert_eq!(cells("a,"), [["a", ""]]);
        assert_eq!(cells("a\r\n\r\nb\rc\n"), [["a"], [""], ["b"], ["c"]]);
        assert_eq!(cells(""), Vec::<Vec<String>>::new());
        let long = "abcdefghijklmnopq".repeat(9);
        assert_eq!(cells(&format!("\"{long}\",{long}")), [[long.clone(), long]]);
        assert_eq!(cells("5\" disk,\"a\"b\",c"), [["5\" disk", "ab\"", "c"]]);
        assert_eq!(cells("\"a\"\"b\"c\"\"d\",e"), [["a\"bc\"\"d\"", "e"]]);
        assert_eq!(cells("\"open,b\nc"), [["open,b"], ["c"]]);
        assert_eq!(cells("\"a\"\"\"\nb"), [["a\""], ["b"]]);
        assert_eq!(cells("\"\"\"\",x"), [["\"", "x"]]);
        assert_eq!(cells("中文,\"中\t文\""), [["中文", "中\t文"]]);
    }

    #[test]
    fn doubled_quotes_at_every_place_of_a_chunk() {
        for before in 0..140 {
            let pad = "x".repeat(before);
            let text = format!("{pad},\"a\"\"b\",\"\",c\r\n\"d\"\n{pad}\"e,f\n");
            let expected: Vec<Vec<String>> = vec![
                [pad.as_str(), "a\"b", "", "c"].map(String::from).to_vec(),
                vec!["d".into()],
                if before == 0 { vec!["e,f".into()] } else { vec![format!("{pad}\"e"), "f".into()] },
            ];
            assert_eq!(cells(&text), expected, "{before}");
        }
    }

    #[test]
    fn a_row_can_be_taken_apart() {
        let text = "a,\"b\nc\",d\ne,f\n";
        let mut scanner = Scanner::new(text, 7, b',');
        assert_eq!(scanner.next_row().map(|row| (row.len(), row.line())), Some((3, 7)));
        assert!(scanner.by_line());
        let mut rows = Vec::new();
        while let Some(row) = scanner.next_row() {
            rows.push((row.raw().to_owned(), row.line(), row.start()));
        }
        assert_eq!(rows, [("a,\"b".to_owned(), 7, 0), ("c\",d".to_owned(), 8, 5), ("e,f".to_owned(), 9, 10)]);
        assert!(!scanner.by_line());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn written_rows_are_read_as_they_were(
            table in proptest::collection::vec(proptest::collection::vec("[a-c,\"\\\\\n\r\t é]{0,12}|[a-z]{0,90}", 1..8), 1..5),
            delimiter in "[,;\t]",
        ) {
            let delimiter = delimiter.as_bytes()[0];
            let mut writer = csv::WriterBuilder::new().delimiter(delimiter).flexible(true).from_writer(Vec::new());
            for row in &table {
                writer.write_record(row).expect("memory does not fail");
            }
            let text = String::from_utf8(writer.into_inner().expect("memory does not fail")).expect("text");
            prop_assert_eq!(all(&text, delimiter), table);
        }

        #[test]
        fn it_cuts_where_framing_cuts(text in proptest::collection::vec(proptest::sample::select(b"abcdefgh,,\"\"\"\n\n\r\\\x01".to_vec()), 0..400)) {
            let framing = Framing::QuotedLines { delimiter: b',' };
            let text = String::from_utf8(text).expect("ascii");
            let mut scanner = Scanner::new(&text, 1, b',');
            for row in rows(Block { bytes: text.as_bytes(), offset: 0, line: 1 }, framing) {
                let cut = scanner.next_row().expect("as many rows");
                prop_assert_eq!((cut.raw().as_bytes(), cut.start() as u64, cut.line()), (row.bytes, row.offset, row.line));
                let mut lenient = Vec::new();
                split_lenient(&text.as_bytes()[..cut.end], cut.start, b',', &mut lenient);
                let again = Cut { cells: &lenient, special: true, ..cut };
                prop_assert_eq!(cut.len(), again.len());
                for index in 0..cut.len() {
                    prop_assert_eq!(cut.cell(index), again.cell(index));
                    let mut json = String::new();
                    cut.push_json(index, &mut json);
                    prop_assert_eq!(serde_json::from_str::<String>(&json).expect("json"), cut.cell(index));
                }
            }
            prop_assert!(scanner.next_row().is_none());
        }
    }
}
