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
use crate::{Block, Framing, Output, value};

/// Where a cell lies in the text, without its quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    start: u32,
    end: u32,
}

impl Cell {
    /// The cell between two separators, or behind the last: an empty one starts at the separator
    /// behind it, which is no quote.
    #[inline]
    fn between(text: &[u8], start: usize, end: usize) -> Cell {
        let quotes = u32::from(text[start] == b'"');
        Cell {
            start: start as u32 + quotes,
            end: end as u32 - quotes,
        }
    }
}

/// A row, cut.
#[derive(Clone, Copy, Debug)]
pub struct Cut<'a> {
    text: &'a str,
    cells: &'a [Cell],
    /// Whether any cell may hold quotes, backslashes or control characters.
    special: bool,
    /// Whether the quotes of the last cell do not close.
    open: bool,
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

    /// Whether the last cell opens a quote that the row does not close: the row is not whole.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Whether the text ends with this row without a line end: the file may have been cut off here.
    #[inline]
    pub fn is_cut_off(&self) -> bool {
        self.end == self.text.len()
    }

    /// Whether the row has so many cells; surplus ones must say nothing.
    #[inline]
    pub fn fits(&self, columns: usize) -> bool {
        let cells = self.cells.len();
        cells == columns
            || (cells > columns
                && (columns..cells).all(|index| value::given(self.raw_cell(index)).is_none()))
    }

    /// Why the row is none of a table of so many columns, if `fits` is false or its quotes are open.
    #[inline]
    pub fn misfit(&self, columns: usize, fits: bool) -> Option<(RejectReason, String)> {
        if self.open {
            return Some((
                RejectReason::Syntax,
                format!(
                    "column {} opens a quote that does not close",
                    self.cells.len()
                ),
            ));
        }
        (!fits).then(|| {
            (
                RejectReason::ColumnCount,
                format!(
                    "{} columns where the header has {columns}",
                    self.cells.len()
                ),
            )
        })
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

    /// Whether nothing stands in a cell.
    #[inline]
    pub fn is_blank(&self, index: usize) -> bool {
        self.cells
            .get(index)
            .is_none_or(|cell| cell.start >= cell.end)
    }

    /// Appends a cell as a JSON string.
    pub fn push_json(&self, index: usize, out: &mut String) {
        push_json_text(out, &self.cell(index));
    }

    /// Whether no cell needs unquoting or escaping: each is its text as it stands, in JSON too.
    #[inline]
    pub fn is_plain(&self) -> bool {
        !self.special
    }

    fn is_quoted(&self, index: usize) -> bool {
        let start = self.cells.get(index).map_or(0, |cell| cell.start as usize);
        start > self.start && self.text.as_bytes()[start - 1] == b'"'
    }
}

/// How many rows readers cut at a time that ask whether they repeat ([`Output::ahead`]).
pub const AHEAD: usize = 32;

/// Cuts a text of whole rows into rows and cells, in order.
pub struct Scanner<'a> {
    text: &'a str,
    delimiter: u8,
    /// Cells of the rows given last, one row after the other.
    cells: Vec<Cell>,
    rows: Vec<Found>,
    /// Start and line of the next row.
    at: usize,
    line: u64,
    /// Up to here a row is a line, whatever its quotes.
    plain_until: usize,
    chunk: Chunk,
}

/// A row that was found, and which cells are its.
#[derive(Clone, Copy, Debug)]
struct Found {
    cells: (u32, u32),
    special: bool,
    open: bool,
    start: usize,
    end: usize,
    line: u64,
}

/// What is known of the 64 bytes at `base`.
#[derive(Clone, Copy, Default)]
struct Chunk {
    base: usize,
    /// Delimiters outside quotes that were not consumed yet.
    delimiters: u64,
    /// Line ends outside quotes that were not consumed yet.
    breaks: u64,
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
            rows: Vec::new(),
            at: 0,
            line,
            plain_until: 0,
            chunk: Chunk::default(),
        };
        scanner.restart(0);
        scanner
    }

    /// The next row, `None` at the end of the text.
    #[inline]
    pub fn next_row(&mut self) -> Option<Cut<'_>> {
        (self.next_rows(1) == 1).then(|| self.row(0))
    }

    /// Cuts the next rows, so many at most: how many there are, 0 at the end of the text. [`Scanner::row`] has them.
    #[inline]
    pub fn next_rows(&mut self, most: usize) -> usize {
        self.cells.clear();
        self.rows.clear();
        while self.rows.len() < most && self.at < self.text.len() {
            let found = self.find();
            self.rows.push(found);
        }
        self.rows.len()
    }

    /// Row number `at` of those that were cut last.
    #[inline]
    pub fn row(&self, at: usize) -> Cut<'_> {
        let found = self.rows[at];
        Cut {
            text: self.text,
            cells: &self.cells[found.cells.0 as usize..found.cells.1 as usize],
            special: found.special,
            open: found.open,
            start: found.start,
            end: found.end,
            line: found.line,
        }
    }

    #[inline]
    fn find(&mut self) -> Found {
        let (start, line, first) = (self.at, self.line, self.cells.len());
        let mut special = self.chunk.special;
        let found = if self.at < self.plain_until {
            None
        } else {
            self.by_masks(&mut special)
        };
        let (end, open) = match found {
            Some(end) => (end, false),
            None => {
                special = true;
                self.cells.truncate(first);
                self.odd_row()
            }
        };
        self.at = end.next;
        self.line += end.lines;
        Found {
            cells: (first as u32, self.cells.len() as u32),
            special,
            open,
            start,
            end: end.end,
            line,
        }
    }

    /// Takes row number `at` apart at its line ends, because its quotes turned out to be stray: its lines come again,
    /// each as a row, and then those behind it. Returns false if it is one line anyway.
    pub fn by_line(&mut self, at: usize) -> bool {
        let Found {
            start, end, line, ..
        } = self.rows[at];
        if start < self.plain_until
            || memchr2(b'\n', b'\r', &self.text.as_bytes()[start..end]).is_none()
        {
            return false;
        }
        // Rows behind it may have been cut already: they are found again.
        (self.at, self.line, self.plain_until) = (start, line, end);
        true
    }

    /// The row at `self.at` by bit masks; `None` if its quotes are not in order.
    #[inline]
    fn by_masks(&mut self, special: &mut bool) -> Option<RowEnd> {
        let text = self.text.as_bytes();
        let (mut start, mut chunk) = (self.at, self.chunk);
        if chunk.odd {
            return None;
        }
        let end = loop {
            // Of the delimiters in this chunk, those before its first line end are the row's.
            let mut delimiters = chunk.delimiters & chunk.breaks.wrapping_sub(1) & !chunk.breaks;
            chunk.delimiters ^= delimiters;
            while delimiters != 0 {
                let end = chunk.base + delimiters.trailing_zeros() as usize;
                delimiters &= delimiters - 1;
                self.cells.push(Cell::between(text, start, end));
                start = end + 1;
            }
            if chunk.breaks != 0 {
                let end = chunk.base + chunk.breaks.trailing_zeros() as usize;
                chunk.breaks &= chunk.breaks - 1;
                self.cells.push(Cell::between(text, start, end));
                let mut next = end + 1;
                if text[end] == b'\r' && text.get(next) == Some(&b'\n') {
                    if chunk.breaks == 0 {
                        chunk = chunk.next(text, self.delimiter);
                    }
                    chunk.breaks &= chunk.breaks.wrapping_sub(1);
                    next += 1;
                }
                break RowEnd {
                    end,
                    next,
                    lines: 1,
                };
            }
            if chunk.base + 64 >= text.len() {
                if chunk.inside != 0 {
                    return None;
                }
                self.cells.push(match start < text.len() {
                    true => Cell::between(text, start, text.len()),
                    false => Cell {
                        start: start as u32,
                        end: start as u32,
                    },
                });
                break RowEnd {
                    end: text.len(),
                    next: text.len(),
                    lines: 1,
                };
            }
            chunk = chunk.next(text, self.delimiter);
            *special |= chunk.special;
            if chunk.odd {
                return None;
            }
        };
        self.chunk = chunk;
        Some(end)
    }

    /// Begins the bit masks anew at `at`, where a row starts.
    #[cold]
    fn restart(&mut self, at: usize) {
        self.chunk = Chunk {
            may_open: 1,
            ..Chunk::default()
        }
        .at(at, self.text.as_bytes(), self.delimiter);
    }

    /// The row at `self.at`, whatever its quotes, and whether they stay open; the bit masks begin anew
    /// behind it.
    #[cold]
    fn odd_row(&mut self) -> (RowEnd, bool) {
        let text = self.text.as_bytes();
        let framing = match self.at < self.plain_until {
            true => Framing::Lines,
            false => Framing::QuotedLines {
                delimiter: self.delimiter,
            },
        };
        let rest = RowEnd {
            end: text.len(),
            next: text.len(),
            lines: 1,
        };
        let end = frame::row_end(text, self.at, framing, true).unwrap_or(rest);
        let open = split_lenient(&text[..end.end], self.at, self.delimiter, &mut self.cells);
        self.restart(end.next);
        (end, open)
    }
}

impl Chunk {
    /// The chunk behind this one.
    #[inline]
    fn next(self, text: &[u8], delimiter: u8) -> Chunk {
        self.at(self.base + 64, text, delimiter)
    }

    /// Looks at the 64 bytes at `base`, with what is carried over from those before.
    #[inline]
    fn at(self, base: usize, text: &[u8], delimiter: u8) -> Chunk {
        let mut padded = [0; 64];
        let bytes: &[u8] = match text.get(base..base + 64) {
            Some(bytes) => bytes,
            None => {
                let rest = text.get(base..).unwrap_or_default();
                padded[..rest.len()].copy_from_slice(rest);
                &padded
            }
        };
        let lane = |at: usize| -> u8x16 {
            let lane: [u8; 16] = bytes[at..at + 16].try_into().expect("a lane has 16 bytes");
            u8x16::new(lane)
        };
        let lanes = [lane(0), lane(16), lane(32), lane(48)];
        let quotes = mask(&lanes, equal(b'"'));
        let delimiters = mask(&lanes, equal(delimiter));
        let (breaks, controls) = match any(&lanes, below(0x20)) {
            true => (
                mask(&lanes, equal(b'\n')) | mask(&lanes, equal(b'\r')),
                mask(&lanes, below(0x20)),
            ),
            false => (0, 0),
        };
        let ends = delimiters | breaks;
        let inside = prefix_xor(quotes) ^ self.inside;
        let opening = quotes & inside;
        let closing = quotes & !inside;
        let may_open = (ends & !inside) | closing;
        let misplaced = opening & !(may_open << 1 | self.may_open);
        // Behind a closing quote come a delimiter, a line end, or the other half of a doubled quote.
        let mut unfollowed = closing & !((ends | quotes) >> 1);
        let next = if closing >> 63 == 1 {
            text.get(base + 64).copied()
        } else {
            None
        };
        if next.is_some_and(|next| next == delimiter || matches!(next, b'\n' | b'\r' | b'"')) {
            unfollowed &= !(1 << 63);
        }
        Chunk {
            base,
            delimiters: delimiters & !inside,
            breaks: breaks & !inside,
            inside: ((inside as i64) >> 63) as u64,
            may_open: may_open >> 63,
            // The second half of a doubled quote may be the first byte of the next chunk.
            special: (controls & !ends) | (closing & quotes >> 1) != 0
                || next == Some(b'"')
                || any(&lanes, equal(b'\\')),
            odd: misplaced | unfollowed | (breaks & inside) != 0,
        }
    }
}

/// The bytes that pass the test, one bit each; written out because `map` on arrays is not inlined.
#[inline(always)]
fn mask(lanes: &[u8x16; 4], test: impl Fn(u8x16) -> u8x16) -> u64 {
    let bits = |lane: u8x16| u64::from(test(lane).to_bitmask());
    bits(lanes[0]) | bits(lanes[1]) << 16 | bits(lanes[2]) << 32 | bits(lanes[3]) << 48
}

/// Whether any byte passes the test.
#[inline(always)]
fn any(lanes: &[u8x16; 4], test: impl Fn(u8x16) -> u8x16) -> bool {
    let all = test(lanes[0]) | test(lanes[1]) | test(lanes[2]) | test(lanes[3]);
    all.to_bitmask() != 0
}

/// Tests for a byte.
#[inline(always)]
fn equal(byte: u8) -> impl Fn(u8x16) -> u8x16 {
    let byte = u8x16::splat(byte);
    move |lane| lane.simd_eq(byte)
}

/// Tests for the bytes below `bound`.
#[inline(always)]
fn below(bound: u8) -> impl Fn(u8x16) -> u8x16 {
    let most = u8x16::splat(bound - 1);
    move |lane| lane.min(most).simd_eq(lane)
}

/// Each bit becomes the parity of the bits up to and with it.
#[inline]
fn prefix_xor(mut bits: u64) -> u64 {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    bits ^ bits << 32
}

/// Cuts the row `text[from..]`, whatever its quotes; true if they stay open.
fn split_lenient(text: &[u8], from: usize, delimiter: u8, cells: &mut Vec<Cell>) -> bool {
    let is_end = |byte: Option<&u8>| {
        byte.is_none_or(|byte| *byte == delimiter || matches!(byte, b'\n' | b'\r'))
    };
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
        cells.push(Cell {
            start: start as u32,
            end: end.unwrap_or(at) as u32,
        });
        if at >= text.len() {
            return quoted;
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
pub fn texts(
    block: Block<'_>,
    framing: Framing,
    out: &mut dyn Output,
    mut each: impl FnMut(&str, u64, u64, &mut dyn Output),
) {
    if memchr(0, block.bytes).is_none()
        && let Ok(text) = std::str::from_utf8(block.bytes)
    {
        return each(text, block.offset, block.line, out);
    }
    let mut rows = frame::rows(block, framing);
    while let Some(row) = rows.next() {
        let start = (row.offset - block.offset) as usize;
        // With its line end, by which a reader sees that the row is not cut off.
        let whole = &block.bytes[start..(rows.offset() - block.offset) as usize];
        match text(row.bytes) {
            Ok(row_text) => each(
                std::str::from_utf8(whole).unwrap_or(row_text),
                row.offset,
                row.line,
                out,
            ),
            Err((reason, message)) => out.reject(Reject::new(
                row.line, row.offset, reason, message, row.bytes,
            )),
        }
    }
}

/// The text of a row. A NUL byte is refused by name: it is never content, and what follows it may be
/// another file's.
pub fn text(row: &[u8]) -> Result<&str, (RejectReason, String)> {
    if let Some(at) = memchr(0, row) {
        return Err((
            RejectReason::BadValue,
            format!("a NUL byte at byte {at} of the row"),
        ));
    }
    std::str::from_utf8(row).map_err(|error| {
        (
            RejectReason::Encoding,
            format!(
                "the row is not valid in the feed's encoding from byte {} on",
                error.valid_up_to()
            ),
        )
    })
}

#[cfg(test)]
mod tests;
