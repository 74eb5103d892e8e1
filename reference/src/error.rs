//! What can go wrong with a reference file, told with the file's name and the remedy.

use std::path::PathBuf;

/// Failures of reading, importing or keeping reference files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system refused.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file system refused to keep an imported file or the index.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Unpacked, the file is larger than any table we know.
    #[error("{} unpacks to more than {limit} bytes: a reference table is never that large", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// The container (gzip, zstd, MMDB, JSON) is broken, so nothing of the file can be trusted.
    #[error("{} is damaged: {reason}: fetch it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file's name or shape does not fit its kind.
    #[error("{} is no {kind} file: {reason}", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// The kind it was to be imported as.
        kind: crate::Kind,
        /// Why not, with the remedy.
        reason: String,
    },
    /// Nothing in the file could be used.
    #[error("{} has no usable {kind} record ({rejected} lines refused{}{first})", path.display(), if first.is_empty() { "" } else { "; first: " })]
    Empty {
        /// The file.
        path: PathBuf,
        /// The kind it was to be imported as.
        kind: crate::Kind,
        /// How many lines were refused.
        rejected: u64,
        /// The first refusal, empty where there was no line at all.
        first: String,
    },
    /// An imported file is no longer what was imported.
    #[error("{} has changed since it was imported: run `watchfire reference import {kind}` again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// Its kind.
        kind: crate::Kind,
    },
    /// A kind that we do not know.
    #[error("unknown reference kind {name:?}: use one of {known}")]
    UnknownKind {
        /// What was asked for.
        name: String,
        /// The kinds there are.
        known: String,
    },
    /// A warning set is a bit mask with room for so many lists.
    #[error(
        "{count} warning lists are imported, {limit} are possible: remove some from the configuration"
    )]
    TooManyWarningLists {
        /// How many there are.
        count: usize,
        /// How many fit.
        limit: usize,
    },
    /// The index of imported files cannot be understood.
    #[error("{} is not an index of reference files: {reason}: remove it and import the files again", path.display())]
    Index {
        /// The index file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl Error {
    /// A stable word for machine-readable output.
    pub fn label(&self) -> &'static str {
        match self {
            Error::Read { .. } => "reference-read",
            Error::Write { .. } => "reference-write",
            Error::TooLarge { .. } => "reference-too-large",
            Error::Damaged { .. } => "reference-damaged",
            Error::Unfit { .. } => "reference-unfit",
            Error::Empty { .. } => "reference-empty",
            Error::Changed { .. } => "reference-changed",
            Error::UnknownKind { .. } => "reference-unknown-kind",
            Error::TooManyWarningLists { .. } => "reference-too-many-warning-lists",
            Error::Index { .. } => "reference-index",
        }
    }
}
