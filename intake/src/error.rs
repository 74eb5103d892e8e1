//! What can go wrong while taking in.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Errors of the intake. [`Error::label`] is stable.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The ledger refused or failed.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// The lake refused or failed.
    #[error(transparent)]
    Lake(#[from] lake::Error),
    /// A feed's entry is wrong.
    #[error("feed {feed}: {detail}")]
    Feed {
        /// Name of the feed.
        feed: String,
        /// What is wrong and the remedy.
        detail: String,
    },
    /// No feed has this name.
    #[error("feed `{name}` is not in the configuration{hint}")]
    UnknownFeed {
        /// What was asked for.
        name: String,
        /// A near name, or the list.
        hint: String,
    },
    /// A file belongs to no feed.
    #[error(
        "{path} belongs to no feed: no `paths` pattern of a feed matches it; name the feed, as in `ingest FEED`, or add a pattern"
    )]
    NoFeed {
        /// The file.
        path: PathBuf,
    },
    /// A file could not be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// A report cannot be read at all.
    #[error(transparent)]
    Unreadable(#[from] formats::Unreadable),
    /// A feed could not be fetched.
    #[error(transparent)]
    Fetch(#[from] crate::collect::failure::Failure),
    /// A reject cannot be replayed.
    #[error("reject {id}: {detail}")]
    Replay {
        /// The reject.
        id: i64,
        /// Why, and the remedy.
        detail: String,
    },
    /// The lake's files do not fit the manifest.
    #[error("lake file {path}: {detail}")]
    Upkeep {
        /// The file or files, relative to the lake's folder.
        path: String,
        /// What is wrong, and the remedy.
        detail: String,
    },
    /// A thread of the pipeline ended early; a defect of ours.
    #[error("the {0} stopped before its work was done")]
    Stopped(&'static str),
}

impl Error {
    /// Stable label.
    pub fn label(&self) -> &'static str {
        match self {
            Error::Ledger(_) => "intake-ledger",
            Error::Lake(error) => error.label(),
            Error::Feed { .. } => "intake-feed",
            Error::UnknownFeed { .. } => "intake-unknown-feed",
            Error::NoFeed { .. } => "intake-no-feed",
            Error::Io { .. } => "intake-io",
            Error::Unreadable(_) => "intake-unreadable",
            Error::Fetch(failure) => failure.label(),
            Error::Replay { .. } => "intake-replay",
            Error::Upkeep { .. } => "intake-upkeep",
            Error::Stopped(_) => "intake-stopped",
        }
    }

    /// Whether the process must stop instead of trying again: what is on the disk is in doubt.
    pub fn is_fatal(&self) -> bool {
        match self {
            Error::Ledger(error) => error.is_fatal(),
            Error::Lake(error) => matches!(error, lake::Error::Fsync { .. }),
            _ => false,
        }
    }

    pub(crate) fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Error + '_ {
        move |source| Error::Io {
            path: path.to_owned(),
            source,
        }
    }
}
