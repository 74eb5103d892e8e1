//! Cuts decoded text into rows, and into blocks of whole rows that threads can share out.
//!
//! [`BlockCutter`] reads a stream and yields blocks; [`rows`] cuts one block into its rows;
//! [`header`] finds the first row of a report's head. All three obey one definition of a row, so
//! that the size of a block never changes what is read:
//!
//! - A line ends with LF, CRLF or CR. With [`Framing::Lines`] a row is a line.
//! - With [`Framing::QuotedLines`] line ends inside a quoted field do not count. A quote opens a
//!   field only at the field's start; inside, a doubled quote is content and any other ends the
//!   quoting, whatever follows (so Python's csv module reads it, with which these feeds are written
//!   and read). So one stray quote does not turn the file inside out.
//! - A row may take several lines only where its quotes are beyond doubt: from its first line's end
//!   on, what ends a quoting is followed by a delimiter or a line end, and it does so within
//!   [`MAX_SPAN_BYTES`] and [`MAX_SPAN_LINES`]. Else a quote was a mistake and the row is its first
//!   line alone.
//! - A line longer than [`MAX_ROW_BYTES`] is not read but hashed: a `too-long` reject that keeps its
//!   first 64 KiB, while memory stays at two blocks.
//!
//! Not here: what a row means, how its fields are cut ([`crate::row`]).

use std::io::Read;

use memchr::{memchr, memchr_iter, memchr2, memchr3, memrchr_iter, memrchr2};
use model::reject::{REJECT_KEEP_BYTES, Reject, RejectReason};

use crate::{Block, Framing};

/// The longest row that is read.
pub const MAX_ROW_BYTES: usize = 1 << 20;
/// How many bytes a quoted field may run on after its first line end.
pub const MAX_SPAN_BYTES: usize = 64 * 1024;
/// How many lines a row may take. The bound keeps a file of unclosed quotes from being read again
/// and again.
pub const MAX_SPAN_LINES: u64 = 128;
/// The usual size of a block; the number was chosen so that a block and what is made of it fit the
/// second-level cache of one core.
pub const BLOCK_BYTES: usize = 1 << 20;

/// A block that owns its bytes; give the bytes back to [`BlockCutter::next`] to spare an allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedBlock {
    /// Whole rows.
    pub bytes: Vec<u8>,
    /// Offset of the first byte in the decoded text.
    pub offset: u64,
    /// Line number of the first row, from 1.
    pub line: u64,
}

impl OwnedBlock {
    /// The block as readers take it.
    pub fn as_block(&self) -> Block<'_> {
        Block {
            bytes: &self.bytes,
            offset: self.offset,
            line: self.line,
        }
    }
}

/// What [`BlockCutter::next`] yields.
#[derive(Debug)]
pub enum Cut {
    /// Rows to be read.
    Block(OwnedBlock),
    /// A row that cannot be read: too long, or cut off by damage to its container.
    Reject(Reject),
}

/// Cuts a stream of decoded text into blocks of whole rows.
pub struct BlockCutter<R> {
    input: R,
    framing: Framing,
    size: usize,
    buffer: Vec<u8>,
    offset: u64,
    line: u64,
    end: bool,
    error: Option<std::io::Error>,
}

impl<R: Read> BlockCutter<R> {
    /// A cutter for text that begins with a row.
    pub fn new(input: R, framing: Framing) -> Self {
        BlockCutter {
            input,
            framing,
            size: BLOCK_BYTES,
            buffer: Vec::new(),
            offset: 0,
            line: 1,
            end: false,
            error: None,
        }
    }

    /// Sets the size of blocks in bytes, at most [`MAX_ROW_BYTES`]; tests use small ones.
    pub fn with_block_bytes(mut self, size: usize) -> Self {
        self.size = size.clamp(1, MAX_ROW_BYTES);
        self
    }

    /// Says where the input stands in the decoded text: behind a header of so many bytes and lines.
    pub fn after_header(mut self, bytes: u64, lines: u64) -> Self {
        self.offset = bytes;
        self.line = lines + 1;
        self
    }

    /// The next block or reject, `None` at the end. `spare` is a used buffer, or an empty one. An
    /// error of the input is returned after the rows that came before it.
    pub fn next(&mut self, spare: Vec<u8>) -> std::io::Result<Option<Cut>> {
        self.fill(self.size);
        if self.buffer.is_empty() {
            return self.error.take().map_or(Ok(None), Err);
        }
        let seen = self.buffer.len().min(self.size);
        let whole = self.end && self.error.is_none() && seen == self.buffer.len();
        if let Some(end) = last_row_end(&self.buffer[..seen], self.framing, whole) {
            return Ok(Some(Cut::Block(self.take(end, spare))));
        }
        // The first row is longer than a block. With two bytes more than the longest row it is
        // decided where it ends, or else that it is too long.
        self.fill(MAX_ROW_BYTES + 2);
        match row_end(&self.buffer, 0, self.framing, self.end) {
            Some(row) if row.end <= MAX_ROW_BYTES => {
                if self.error.is_some() && row.end == self.buffer.len() {
                    let message = "the row is cut off: the container is damaged here";
                    let reject = Reject::new(
                        self.line,
                        self.offset,
                        RejectReason::Syntax,
                        message,
                        &self.buffer,
                    );
                    self.offset += self.buffer.len() as u64;
                    self.buffer.clear();
                    return Ok(Some(Cut::Reject(reject)));
                }
                Ok(Some(Cut::Block(self.take(row.next, spare))))
            }
            _ => Ok(Some(Cut::Reject(self.skip_line()))),
        }
    }

    /// Reads until the buffer holds `size` bytes or the input ends.
    fn fill(&mut self, size: usize) {
        if self.end || self.buffer.len() >= size {
            return;
        }
        let wanted = size - self.buffer.len();
        self.buffer.reserve_exact(wanted);
        match self
            .input
            .by_ref()
            .take(wanted as u64)
            .read_to_end(&mut self.buffer)
        {
            Ok(read) => self.end = read < wanted,
            Err(error) => {
                self.end = true;
                self.error = Some(error);
            }
        }
    }

    /// Splits the first `end` bytes off as a block.
    fn take(&mut self, end: usize, mut spare: Vec<u8>) -> OwnedBlock {
        spare.clear();
        spare.reserve_exact(self.size.max(self.buffer.len() - end));
        spare.extend_from_slice(&self.buffer[end..]);
        std::mem::swap(&mut self.buffer, &mut spare);
        spare.truncate(end);
        let block = OwnedBlock {
            bytes: spare,
            offset: self.offset,
            line: self.line,
        };
        self.offset += end as u64;
        self.line += count_lines(&block.bytes);
        block
    }

    /// Passes over the line at the front of the buffer, which is longer than [`MAX_ROW_BYTES`].
    fn skip_line(&mut self) -> Reject {
        let mut hasher = blake3::Hasher::new();
        let raw = self.buffer[..REJECT_KEEP_BYTES].to_vec();
        let (mut length, at, line) = (0u64, self.offset, self.line);
        loop {
            let found = memchr2(b'\n', b'\r', &self.buffer);
            let end = found.unwrap_or(self.buffer.len());
            hasher.update(&self.buffer[..end]);
            length += end as u64;
            self.buffer.drain(..end);
            self.offset += end as u64;
            if found.is_some() || self.end {
                break;
            }
            self.fill(self.size.max(REJECT_KEEP_BYTES));
        }
        self.fill(2);
        let ending = match self.buffer.as_slice() {
            [b'\r', b'\n', ..] => 2,
            [] => 0,
            _ => 1,
        };
        self.buffer.drain(..ending);
        self.offset += ending as u64;
        self.line += 1;
        Reject {
            line,
            offset: at,
            reason: RejectReason::TooLong,
            message: format!("the row has {length} bytes; at most {MAX_ROW_BYTES} are read"),
            raw,
            raw_len: length,
            raw_hash: *hasher.finalize().as_bytes(),
        }
    }
}

/// How many lines end in the bytes, which do not end between CR and LF.
fn count_lines(bytes: &[u8]) -> u64 {
    let mut lines = memchr_iter(b'\n', bytes).count();
    if memchr(b'\r', bytes).is_some() {
        lines += memchr_iter(b'\r', bytes)
            .filter(|at| bytes.get(at + 1) != Some(&b'\n'))
            .count();
    }
    lines as u64
}

/// One row, without its line end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// The row's bytes.
    pub bytes: &'a [u8],
    /// Line on which it starts, from 1.
    pub line: u64,
    /// Offset of its first byte in the decoded text.
    pub offset: u64,
}

/// Cuts a block into its rows, blank ones too.
pub fn rows(block: Block<'_>, framing: Framing) -> Rows<'_> {
    Rows {
        block,
        framing,
        at: 0,
        line: block.line,
        plain_until: 0,
    }
}

/// See [`rows`].
pub struct Rows<'a> {
    block: Block<'a>,
    framing: Framing,
    at: usize,
    line: u64,
    /// Up to here a row is a line, whatever its quotes.
    plain_until: usize,
}

impl<'a> Iterator for Rows<'a> {
    type Item = Row<'a>;

    #[inline]
    fn next(&mut self) -> Option<Row<'a>> {
        let bytes = self.block.bytes;
        if self.at >= bytes.len() {
            return None;
        }
        let framing = if self.at < self.plain_until {
            Framing::Lines
        } else {
            self.framing
        };
        let found = row_end(bytes, self.at, framing, true);
        let found = found.unwrap_or(RowEnd {
            end: bytes.len(),
            next: bytes.len(),
            lines: 1,
        });
        let row = Row {
            bytes: &bytes[self.at..found.end],
            line: self.line,
            offset: self.block.offset + self.at as u64,
        };
        self.at = found.next;
        self.line += found.lines;
        Some(row)
    }
}

impl<'a> Rows<'a> {
    /// Offset of the next row's first byte.
    pub fn offset(&self) -> u64 {
        self.block.offset + self.at as u64
    }

    /// Line of the next row, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Cuts the row just given at its line ends, for a reader that found its quotes to be stray:
    /// returns the first line, and the others come next, each as a row.
    pub fn by_line(&mut self, row: Row<'a>) -> Row<'a> {
        let Some(end) = memchr2(b'\n', b'\r', row.bytes) else {
            return row;
        };
        let start = (row.offset - self.block.offset) as usize;
        self.plain_until = self.plain_until.max(start + row.bytes.len());
        self.at = line_end(self.block.bytes, start + end, true).unwrap_or(self.block.bytes.len());
        self.line = row.line + 1;
        Row {
            bytes: &row.bytes[..end],
            ..row
        }
    }
}

/// The header row at the front of a report's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// The row, without its line end.
    pub bytes: &'a [u8],
    /// Bytes of the head up to the first row after it.
    pub len: usize,
    /// Lines of the head up to the first row after it.
    pub lines: u64,
}

/// The first row of the head that is not blank; `None` where there is none.
pub fn header(head: &[u8], framing: Framing) -> Option<Header<'_>> {
    header_after(head, framing, |row| row.trim_ascii().is_empty())
}

/// The first row of the head for which `skip` is false.
pub fn header_after(
    head: &[u8],
    framing: Framing,
    skip: impl Fn(&[u8]) -> bool,
) -> Option<Header<'_>> {
    let mut rows = rows(
        Block {
            bytes: head,
            offset: 0,
            line: 1,
        },
        framing,
    );
    let row = rows.find(|row| !skip(row.bytes))?;
    Some(Header {
        bytes: row.bytes,
        len: rows.at,
        lines: rows.line - 1,
    })
}

/// Where a row ends: its last byte, the next row's first, and how many lines it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowEnd {
    pub(crate) end: usize,
    pub(crate) next: usize,
    pub(crate) lines: u64,
}

/// The index after the line end at `at`; `None` if the text stops where an LF may still follow a CR.
#[inline]
fn line_end(text: &[u8], at: usize, whole: bool) -> Option<usize> {
    if text[at] == b'\n' {
        return Some(at + 1);
    }
    match text.get(at + 1) {
        Some(b'\n') => Some(at + 2),
        Some(_) => Some(at + 1),
        None => whole.then_some(at + 1),
    }
}

/// The end of the row that starts at `from`; `None` if it cannot be told from this much text.
/// `whole` says that the text ends here.
pub(crate) fn row_end(text: &[u8], from: usize, framing: Framing, whole: bool) -> Option<RowEnd> {
    match framing {
        Framing::Lines => first_line(text, from, whole),
        Framing::QuotedLines { delimiter } => quoted_row(text, from, delimiter, whole),
    }
}

#[inline]
fn first_line(text: &[u8], from: usize, whole: bool) -> Option<RowEnd> {
    match memchr2(b'\n', b'\r', &text[from..]) {
        Some(at) => {
            let end = from + at;
            Some(RowEnd {
                end,
                next: line_end(text, end, whole)?,
                lines: 1,
            })
        }
        None => whole.then_some(RowEnd {
            end: text.len(),
            next: text.len(),
            lines: 1,
        }),
    }
}

fn is_break(byte: u8, delimiter: u8) -> bool {
    byte == delimiter || byte == b'\n' || byte == b'\r'
}

/// What follows a quote inside quotes.
enum Then {
    /// The other half of a doubled quote.
    Quote,
    /// The end of the field.
    End,
    /// Content: a quote was stray.
    Other,
}

/// `None` if the byte that tells lies beyond this much text.
#[inline]
fn then(text: &[u8], at: usize, delimiter: u8, whole: bool) -> Option<Then> {
    match text.get(at + 1) {
        Some(b'"') => Some(Then::Quote),
        Some(next) if is_break(*next, delimiter) => Some(Then::End),
        Some(_) => Some(Then::Other),
        None => whole.then_some(Then::End),
    }
}

/// Reads a row's quotes one after the other.
#[derive(Clone, Copy)]
struct Quotes {
    at: usize,
    inside: bool,
    /// Whether a quoting ended before the field did.
    stray: bool,
}

impl Quotes {
    /// Takes the quote at `found` in the row that starts at `start`.
    #[inline]
    fn step(
        &mut self,
        text: &[u8],
        found: usize,
        start: usize,
        delimiter: u8,
        whole: bool,
    ) -> Option<()> {
        self.at = found + 1;
        if !self.inside {
            self.inside = found == start || is_break(text[found - 1], delimiter);
            return Some(());
        }
        match then(text, found, delimiter, whole)? {
            Then::Quote => self.at = found + 2,
            Then::End => self.inside = false,
            Then::Other => (self.inside, self.stray) = (false, true),
        }
        Some(())
    }
}

fn quoted_row(text: &[u8], from: usize, delimiter: u8, whole: bool) -> Option<RowEnd> {
    let mut quotes = Quotes {
        at: from,
        inside: false,
        stray: false,
    };
    let rest = RowEnd {
        end: text.len(),
        next: text.len(),
        lines: 1,
    };
    let first = loop {
        let Some(found) = memchr3(b'"', b'\n', b'\r', &text[quotes.at..]) else {
            return whole.then_some(rest);
        };
        let found = quotes.at + found;
        if text[found] == b'"' {
            quotes.step(text, found, from, delimiter, whole)?;
        } else {
            break RowEnd {
                end: found,
                next: line_end(text, found, whole)?,
                lines: 1,
            };
        }
    };
    if !quotes.inside || first.end - from > MAX_ROW_BYTES {
        return Some(first);
    }
    // The quotes run over the line's end: either the row closes in time, or it is its first line.
    let limit = (first.end + MAX_SPAN_BYTES).min(from + MAX_ROW_BYTES);
    let stop = text.len().min(limit + 1);
    let mut lines = 2;
    (quotes.at, quotes.stray) = (first.next, false);
    while lines <= MAX_SPAN_LINES && !quotes.stray {
        let Some(found) = text
            .get(quotes.at..stop)
            .and_then(|text| memchr3(b'"', b'\n', b'\r', text))
        else {
            return match (limit < text.len(), whole) {
                (true, _) => Some(first),
                (false, true) => Some(if quotes.inside {
                    first
                } else {
                    RowEnd { lines, ..rest }
                }),
                (false, false) => None,
            };
        };
        let found = quotes.at + found;
        if text[found] == b'"' {
            quotes.step(text, found, from, delimiter, whole)?;
            continue;
        }
        let next = line_end(text, found, whole)?;
        if !quotes.inside {
            return Some(RowEnd {
                end: found,
                next,
                lines,
            });
        }
        quotes.at = next;
        lines += 1;
    }
    Some(first)
}

/// The start of the row that follows the last row known to be whole in the text, which begins with a
/// row; `None` if not even the first is.
fn last_row_end(text: &[u8], framing: Framing, whole: bool) -> Option<usize> {
    if whole && !text.is_empty() {
        return Some(text.len());
    }
    let delimiter = match framing {
        Framing::QuotedLines { delimiter } if memchr(b'"', text).is_some() => delimiter,
        _ => return last_line_end(text),
    };
    if let Some(end) = settled_row_end(text, delimiter, MAX_SPAN_BYTES, MAX_SPAN_LINES as usize) {
        return Some(end);
    }
    let mut end = None;
    while let Some(row) = quoted_row(text, end.unwrap_or(0), delimiter, false) {
        end = Some(row.next);
    }
    end
}

fn last_line_end(text: &[u8]) -> Option<usize> {
    let mut before = text.len();
    loop {
        let at = memrchr2(b'\n', b'\r', &text[..before])?;
        match line_end(text, at, false) {
            Some(end) => return Some(end),
            None => before = at,
        }
    }
}

/// Finds the last row end by looking at the last `bytes` and `lines` of the text only. Whether the
/// line it begins with starts a row or lies inside the quotes of one is not known. The first reading
/// gives rows, as from the start of the text. The second is refuted by a stray quote, as the next
/// row's first one is as a rule; or it comes to the end of its row, and if that is an end in the
/// first reading too, they are one from there on. The stretch is within the span of one row, so no
/// row that begins in it is given up for its length alone. `None` where the two do not meet.
fn settled_row_end(text: &[u8], delimiter: u8, bytes: usize, lines: usize) -> Option<usize> {
    let back = text.len().saturating_sub(bytes);
    let start = back + memrchr_iter(b'\n', &text[back..]).take(lines).last()? + 1;
    let meeting = end_of_row_around(text, start, delimiter)?;
    let mut met = meeting.is_none();
    let mut end = start;
    while let Some(row) = quoted_row(text, end, delimiter, false) {
        end = row.next;
        met |= meeting == Some(end);
    }
    (met && end > start).then_some(end)
}

/// The end of a row of several lines that has `from` inside its quotes; the inner `None` if there is
/// no such row, the outer if that cannot be told from this much text.
fn end_of_row_around(text: &[u8], from: usize, delimiter: u8) -> Option<Option<usize>> {
    let mut quotes = Quotes {
        at: from,
        inside: true,
        stray: false,
    };
    loop {
        let found = quotes.at + memchr3(b'"', b'\n', b'\r', text.get(quotes.at..)?)?;
        if text[found] == b'"' {
            quotes.step(text, found, usize::MAX, delimiter, false)?;
            if quotes.stray {
                return Some(None);
            }
            continue;
        }
        quotes.at = line_end(text, found, false)?;
        if !quotes.inside {
            return Some(Some(quotes.at));
        }
    }
}

#[cfg(test)]
mod tests;
