//! Bytes to records and back: every interchange format, one file each.
//!
//! A report's bytes pass three stages. [`source`] opens what was delivered (gzip, zip, zstd, tar;
//! streamed, capped, never unpacked to disk) and decodes its text. [`format()`] finds the format by
//! name in [`FORMATS`], and its `open` looks at the first bytes and the feed's entry and yields a
//! [`Reader`]: a *block* reader, whose rows are framed by [`frame`] so that several threads can
//! parse one file, or a *stream* reader for documents that must be read in order. Readers fill a
//! reusable [`model::record::Record`] and hand it to an [`Output`] — or hand over a
//! [`model::reject::Reject`] with the reason. A reader never fails as a whole after `open`: what it
//! cannot read it rejects.
//!
//! Pure: reads from the reader that it is given, no files, no network, no clock.

pub mod arf;
pub mod bambenek;
pub mod cnvd;
pub mod csaf;
pub mod csv;
pub mod ctip;
pub mod cve;
pub mod cymru_cap;
mod document;
mod draft;
pub mod drive;
pub mod entry;
pub mod epss;
pub mod frame;
pub mod hibp;
pub mod intelmq;
pub mod iodef;
pub mod jpcert;
pub mod json;
pub mod kev;
mod line;
pub mod list;
pub mod mail;
pub mod maltrail;
mod mapping;
pub mod misp;
pub mod notes;
pub mod nvd;
mod observable;
pub mod otx;
pub mod pg_copy;
pub mod ponmocup;
pub mod rdap;
pub mod row;
mod score;
mod selection;
pub mod shadowserver;
pub mod sheet;
pub mod source;
pub mod spamhaus_cert;
pub mod stalkerware;
pub mod stix;
pub mod tweetfeed;
pub mod value;
pub mod xarf;

use std::io::BufRead;

use jiff::tz::TimeZone;
use model::feed::Feed;
use model::record::Record;
use model::reject::Reject;
use model::time::Timestamp;

/// What a reader knows of the report besides its bytes.
pub struct Context<'a> {
    /// The feed's entry: defaults, mapping, options.
    pub feed: &'a Feed,
    /// The feed's zone, resolved.
    pub zone: &'a TimeZone,
    /// File name as delivered, of the archive's member where there is one; no folder.
    pub file_name: &'a str,
    /// Whole path as delivered (relative), for values taken from the path.
    pub path: &'a str,
    /// The instant an undated list stands for.
    pub snapshot: Timestamp,
    /// The Shadowserver schema in force, where one is imported.
    pub schema: Option<&'a shadowserver::Schema>,
}

/// Receives what a reader found.
pub trait Output {
    /// The rows that come next, of which [`Output::repeats`] will be asked by their number here: what is known of
    /// rows lies scattered in memory, and what is fetched for many at once is waited for once.
    fn ahead(&mut self, rows: &mut dyn Iterator<Item = &str>) {
        let _ = rows;
    }
    /// Whether row `at` of those told last stood in this text before and gave one event: then it is counted as that
    /// event's duplicate, and the reader goes on to the next. Only readers ask to whom a row is its
    /// text and nothing else, and that give one record a row.
    fn repeats(&mut self, at: usize) -> bool {
        let _ = at;
        false
    }
    /// A parsed row. The record is lent: the reader reuses it for the next row.
    fn record(&mut self, record: &Record);
    /// A row that became no event.
    fn reject(&mut self, reject: Reject);
    /// Something worth saying once per report and kind: an unknown column, an unknown function.
    fn warn(&mut self, warning: Warning);
}

/// A remark about a report as a whole; equal remarks are said once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// Stable label such as `unknown-column`.
    pub label: &'static str,
    /// What exactly, for a person.
    pub message: String,
}

/// Whole rows of a report, cut at row ends.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// Decoded bytes: whole rows, the last one perhaps without line end (end of file).
    pub bytes: &'a [u8],
    /// Offset of the first byte in the decoded text.
    pub offset: u64,
    /// Line number of the first row, from 1.
    pub line: u64,
}

/// How rows are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A row is a line (LF, CRLF or CR).
    Lines,
    /// A row is a line, but line ends inside a field in double quotes do not count (RFC 4180).
    QuotedLines {
        /// The byte between fields: a quote opens a field only after it or at the row's start.
        delimiter: u8,
    },
}

/// Parses blocks of whole rows; shared by threads.
pub trait BlockReader: Send + Sync {
    /// Reads every row of the block. `record` is a scratch buffer owned by the calling thread.
    fn read(&self, block: Block<'_>, record: &mut Record, out: &mut dyn Output);
}

/// Reads a document in order.
pub trait StreamReader: Send {
    /// Reads to the end. An `Err` is only for the underlying reader's I/O error; everything wrong
    /// with the content is a reject.
    fn read(self: Box<Self>, input: &mut dyn BufRead, out: &mut dyn Output) -> std::io::Result<()>;
}

/// A report that has been opened.
pub enum Reader {
    /// Rows that can be read block by block, in parallel.
    Blocks {
        /// The parser, with its plan made from the header.
        reader: Box<dyn BlockReader>,
        /// How to cut rows.
        framing: Framing,
        /// Bytes of the head that are header and not rows.
        header_len: usize,
        /// Lines of the head that are header.
        header_lines: u64,
    },
    /// A document.
    Stream(Box<dyn StreamReader>),
}

/// Why a report cannot be read at all. It stays archived for replay.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unreadable {
    /// No such format.
    #[error("format `{0}` is unknown{1}")]
    UnknownFormat(String, String),
    /// The report is empty.
    #[error("the report is empty")]
    Empty,
    /// The header is not one of this format.
    #[error("the header is not one of {format}: {detail}")]
    Header {
        /// Format.
        format: &'static str,
        /// What was found and what was expected.
        detail: String,
    },
    /// The schema does not know the report type.
    #[error("report type `{report}` is not in the Shadowserver schema of {schema}: {remedy}")]
    UnknownReport {
        /// Type as found in the file name.
        report: String,
        /// Date of the schema in force.
        schema: String,
        /// What to do.
        remedy: String,
    },
    /// A schema is needed and none is imported.
    #[error(
        "no Shadowserver schema is imported: watchfire reference import shadowserver-schema FILE"
    )]
    NoSchema,
    /// What was imported as the Shadowserver schema is none.
    #[error("the Shadowserver schema cannot be used: {0}")]
    Schema(String),
    /// The feed's entry does not fit the format.
    #[error("feed {feed}: {detail}")]
    Entry {
        /// Feed name.
        feed: String,
        /// What is wrong and what would be right.
        detail: String,
    },
    /// The container or the encoding is damaged before the first row.
    #[error("{0}")]
    Damaged(String),
}

/// One row of the format table.
pub struct Format {
    /// Name in feed entries and on the command line.
    pub name: &'static str,
    /// One line for `--help`.
    pub about: &'static str,
    /// Opens a report by its first bytes (up to 1 MiB, all of it where it is shorter).
    pub open: fn(&Context<'_>, head: &[u8]) -> Result<Reader, Unreadable>,
    /// Checks a feed's entry without a report; every problem names the key and the remedy.
    pub check: fn(&Feed) -> Vec<String>,
}

/// Every format, by name. One row each: the module's `FORMAT`.
pub const FORMATS: &[Format] = &[
    bambenek::FORMAT,
    cnvd::FORMAT,
    csaf::FORMAT,
    csv::FORMAT,
    ctip::FORMAT,
    cve::FORMAT,
    cymru_cap::FORMAT,
    epss::FORMAT,
    hibp::FORMAT,
    intelmq::FORMAT,
    iodef::FORMAT,
    jpcert::FORMAT,
    json::FORMAT,
    kev::FORMAT,
    list::FORMAT,
    maltrail::FORMAT,
    misp::FORMAT,
    notes::FORMAT,
    nvd::FORMAT,
    otx::FORMAT,
    ponmocup::FORMAT,
    shadowserver::FORMAT,
    spamhaus_cert::FORMAT,
    stalkerware::FORMAT,
    stix::FORMAT,
    tweetfeed::FORMAT,
    xarf::FORMAT,
];

/// Finds a format by its name in [`FORMATS`].
pub fn format(name: &str) -> Result<&'static Format, Unreadable> {
    FORMATS
        .iter()
        .find(|format| format.name == name)
        .ok_or_else(|| {
            let names: Vec<_> = FORMATS.iter().map(|format| format.name).collect();
            Unreadable::UnknownFormat(
                name.to_owned(),
                format!("; known are: {}", names.join(", ")),
            )
        })
}

/// A feed with nothing declared but what must be, for unit tests.
#[cfg(test)]
pub(crate) fn test_feed(format: &str) -> Feed {
    Feed {
        name: "test".into(),
        provider: "Example".into(),
        format: format.into(),
        paths: Vec::new(),
        exclude: Vec::new(),
        zone: "UTC".into(),
        encoding: None,
        classification: None,
        identifier: None,
        set: Default::default(),
        identity: None,
        snapshot: None,
        from_path: None,
        columns: Default::default(),
        values: Default::default(),
        options: Default::default(),
        list: None,
        fetch: None,
        rules: Vec::new(),
        title: None,
        every_days: 1,
        licence: "none".into(),
        terms: String::new(),
        publishable: Default::default(),
        enabled: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_in_order() {
        assert!(FORMATS.windows(2).all(|pair| pair[0].name < pair[1].name));
        for entry in FORMATS {
            assert_eq!(format(entry.name).map(|found| found.about), Ok(entry.about));
        }
        let Err(unknown) = format("csvv") else {
            panic!("there is no such format")
        };
        assert!(unknown.to_string().contains("shadowserver"), "{unknown}");
    }
}
