//! What can go wrong with the event store.

use std::path::{Path, PathBuf};

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Errors of the event store. [`Error::label`] is stable.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading or writing a file failed.
    #[error("lake file {path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// `fsync` failed: what reached the disk is unknown, so the process must stop and start again
    /// from what the manifest lists. It is never retried (a second fsync may lie).
    #[error(
        "lake file {path} could not be made durable: {source}; stop, check the disk, and start again: nothing acknowledged is lost"
    )]
    Fsync {
        /// The file or folder.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// A Parquet part could not be written or read.
    #[error("lake part {path}: {source}")]
    Parquet {
        /// The part.
        path: PathBuf,
        /// Cause.
        source: parquet::errors::ParquetError,
    },
    /// An identity run is damaged.
    #[error(
        "identity run {path} is damaged: {detail}; `watchfire doctor` names the reports to reprocess"
    )]
    DamagedRun {
        /// The run.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The query is not one that may be asked.
    #[error("query refused: {0}")]
    Refused(String),
    /// The query failed.
    #[error("query failed: {0}")]
    Query(#[from] datafusion::error::DataFusionError),
    /// The executors, or what they are to be reached by.
    #[error("engine: {0}")]
    Engine(String),
    /// The caller could not say which files are live.
    #[error("the list of live files is not available: {0}")]
    Manifest(String),
    /// Files could not be copied to the store behind the lake, or not be had from it. Nothing is live then.
    #[error("lake: {0}")]
    Store(#[from] storage::Error),
    /// Columns do not fit together; a defect of ours.
    #[error("columns do not fit: {0}")]
    Arrow(#[from] datafusion::arrow::error::ArrowError),
}

impl Error {
    /// Stable label.
    pub fn label(&self) -> &'static str {
        match self {
            Error::Io { .. } => "lake-io",
            Error::Fsync { .. } => "lake-fsync",
            Error::Parquet { .. } => "lake-parquet",
            Error::DamagedRun { .. } => "lake-run-damaged",
            Error::Refused(_) => "lake-query-refused",
            Error::Query(_) => "lake-query",
            Error::Engine(_) => "lake-engine",
            Error::Manifest(_) => "lake-manifest",
            Error::Store(error) => error.label(),
            Error::Arrow(_) => "lake-arrow",
        }
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Error + '_ {
        move |source| Error::Io {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn fsync(path: &Path) -> impl FnOnce(std::io::Error) -> Error + '_ {
        move |source| Error::Fsync {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn parquet(path: &Path) -> impl FnOnce(parquet::errors::ParquetError) -> Error + '_ {
        move |source| Error::Parquet {
            path: path.to_owned(),
            source,
        }
    }
}
