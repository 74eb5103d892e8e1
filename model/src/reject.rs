//! What a parser could not read: never dropped, always with a reason, kept for replay.

use serde::{Deserialize, Serialize};

/// At most this much of a rejected row is kept; a longer one keeps its length and hash besides.
pub const REJECT_KEEP_BYTES: usize = 64 * 1024;

/// Why a row became no event. The label is stable: statistics and filters use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RejectReason {
    /// A field that every row must have is missing or empty.
    MissingField,
    /// A value does not have the form its field asks for.
    BadValue,
    /// The time cannot be read.
    BadTime,
    /// The row has another number of columns than the header.
    ColumnCount,
    /// The bytes are not valid in the feed's encoding.
    Encoding,
    /// The row is longer than a reader takes.
    TooLong,
    /// The syntax of the row or element is broken (quotes, JSON, XML, YAML).
    Syntax,
    /// Structure is nested deeper, or larger, than a reader takes.
    TooDeep,
    /// No observable or id in the row.
    NoObservable,
    /// A rule of the feed's entry says that the row is to be dropped.
    DroppedByRule,
    /// A rule of the feed's entry cannot be applied to the row.
    RuleFailed,
    /// The container ends or breaks here: what follows in the report could not be unpacked.
    Damaged,
}

impl RejectReason {
    /// Stable label.
    pub fn label(self) -> &'static str {
        match self {
            RejectReason::MissingField => "missing-field",
            RejectReason::BadValue => "bad-value",
            RejectReason::BadTime => "bad-time",
            RejectReason::ColumnCount => "column-count",
            RejectReason::Encoding => "encoding",
            RejectReason::TooLong => "too-long",
            RejectReason::Syntax => "syntax",
            RejectReason::TooDeep => "too-deep",
            RejectReason::NoObservable => "no-observable",
            RejectReason::DroppedByRule => "dropped-by-rule",
            RejectReason::RuleFailed => "rule-failed",
            RejectReason::Damaged => "damaged",
        }
    }
}

impl std::fmt::Display for RejectReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.label())
    }
}

/// A row that became no event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Line on which it starts, from 1.
    pub line: u64,
    /// Byte offset in the report's decoded text.
    pub offset: u64,
    /// Why.
    pub reason: RejectReason,
    /// What exactly, for a person: lower case, names the column and the value.
    pub message: String,
    /// The first [`REJECT_KEEP_BYTES`] of the row.
    pub raw: Vec<u8>,
    /// Full length of the row in bytes.
    pub raw_len: u64,
    /// BLAKE3 of the whole row.
    pub raw_hash: [u8; 32],
}

impl Reject {
    /// A reject of a row that is at hand as a whole.
    pub fn new(
        line: u64,
        offset: u64,
        reason: RejectReason,
        message: impl Into<String>,
        raw: &[u8],
    ) -> Self {
        Reject {
            line,
            offset,
            reason,
            message: message.into(),
            raw: raw[..raw.len().min(REJECT_KEEP_BYTES)].to_vec(),
            raw_len: raw.len() as u64,
            raw_hash: *blake3::hash(raw).as_bytes(),
        }
    }
}
