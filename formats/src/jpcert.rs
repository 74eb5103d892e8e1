//! JPCERT/CC's list of phishing URLs: CSV with the header `date,URL,description`, one confirmed page
//! a row. Dates are the time of confirmation in Japan's zone (the feed's entry says `Asia/Tokyo`),
//! the description is the brand that the page imitates.
//!
//! Some rows of 2025 have a blank date: they are kept as undated, under the snapshot's time, and so
//! are counted apart from the dated ones.

use jiff::tz::TimeZone;
use model::feed::Feed;
use model::field::Field;
use model::record::{Record, push_json_text, quoted_key};
use model::reject::{Reject, RejectReason};

use crate::entry::{self, Entry};
use crate::row::{self, Cut, Scanner};
use crate::{
    Block, BlockReader, Context, Format, Framing, Output, Reader, Unreadable, frame, value,
};

/// JPCERT/CC's phishing URL list.
pub const FORMAT: Format = Format {
    name: "jpcert",
    about: "JPCERT/CC's phishing URL list: date,URL,description",
    open,
    check,
};

const BOM: &[u8] = b"\xef\xbb\xbf";
const DELIMITER: u8 = b',';
const FRAMING: Framing = Framing::QuotedLines {
    delimiter: DELIMITER,
};

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    if head
        .strip_prefix(BOM)
        .unwrap_or(head)
        .trim_ascii()
        .is_empty()
    {
        return Err(Unreadable::Empty);
    }
    let header = frame::header(head, FRAMING).ok_or(Unreadable::Empty)?;
    let wrong = |found: &str| Unreadable::Header {
        format: FORMAT.name,
        detail: format!(
            "found `{}`, expected `date,URL,description`",
            value::shorten(found)
        ),
    };
    let text = std::str::from_utf8(header.bytes.strip_prefix(BOM).unwrap_or(header.bytes));
    let text = text.map_err(|_| wrong("text that is not UTF-8"))?;
    let mut rows = Scanner::new(text, 1, DELIMITER);
    let names = rows.next_row().ok_or(Unreadable::Empty)?;
    let names: Vec<_> = (0..names.len())
        .map(|column| names.cell(column).into_owned())
        .collect();
    let at = |wanted: &str| {
        names
            .iter()
            .position(|name| name.trim().eq_ignore_ascii_case(wanted))
    };
    let (Some(date), Some(url)) = (at("date"), at("url")) else {
        return Err(wrong(text));
    };
    let brand = at("description");
    let others =
        (0..names.len()).filter(|column| ![Some(date), Some(url), brand].contains(&Some(*column)));
    let others = others.map(|column| (column, quoted_key(names[column].trim())));
    Ok(Reader::Blocks {
        reader: Box::new(List {
            entry: Entry::compile(ctx)?,
            zone: ctx.zone.clone(),
            columns: names.len(),
            date,
            url,
            brand,
            others: others.collect(),
        }),
        framing: FRAMING,
        header_len: header.len,
        header_lines: header.lines,
    })
}

fn check(feed: &Feed) -> Vec<String> {
    let mut problems = entry::check(feed);
    problems.extend(entry::check_options(feed, &[]));
    if !feed.columns.is_empty() {
        problems.push("columns: the fields of format jpcert are fixed; remove the table".into());
    }
    problems
}

struct List {
    entry: Entry,
    zone: TimeZone,
    columns: usize,
    date: usize,
    url: usize,
    brand: Option<usize>,
    /// Columns that the list has not had so far, with their key in `extra`.
    others: Vec<(usize, String)>,
}

impl BlockReader for List {
    fn read(&self, block: Block<'_>, record: &mut Record, out: &mut dyn Output) {
        row::texts(block, FRAMING, out, |text, offset, line, out| {
            let mut rows = Scanner::new(text, line, DELIMITER);
            while let Some(row) = rows.next_row() {
                if row.is_empty() {
                    continue;
                }
                let offset = offset + row.start() as u64;
                match self.fill(&row, record) {
                    Ok(()) => {
                        record.line = row.line();
                        record.offset = offset;
                        record.len = row.raw().len() as u32;
                        out.record(record);
                    }
                    Err((reason, message)) => {
                        let reject =
                            Reject::new(row.line(), offset, reason, message, row.raw().as_bytes());
                        // A stray quote may have drawn the next lines into the row.
                        if reason != RejectReason::ColumnCount || !rows.by_line(0) {
                            out.reject(reject);
                        }
                    }
                }
            }
        });
    }
}

impl List {
    fn fill(&self, row: &Cut<'_>, record: &mut Record) -> Result<(), (RejectReason, String)> {
        record.clear();
        if row.len() != self.columns {
            let message = format!(
                "{} columns where the header has {}",
                row.len(),
                self.columns
            );
            return Err((RejectReason::ColumnCount, message));
        }
        for (field, column) in [(Field::ObservedAt, self.date), (Field::SourceUrl, self.url)] {
            let text = row.cell(column);
            value::set(record, field, &text, &self.zone)
                .map_err(|bad| (bad.reason, bad.message(&text)))?;
        }
        if !record.has(Field::SourceUrl) {
            return Err((RejectReason::MissingField, "the row has no URL".into()));
        }
        if let Some(brand) = self.brand.map(|column| row.cell(column))
            && let Some(brand) = value::given(&brand)
        {
            record.set_text(Field::DescriptionTarget, brand);
        }
        for (column, key) in &self.others {
            if let Some(text) = value::given(&row.cell(*column)) {
                push_json_text(record.extra_member(key), text);
            }
        }
        self.entry.finish(record);
        if !record.has(Field::ClassType) {
            record.set_text(Field::ClassType, "phishing");
        }
        Ok(())
    }
}
