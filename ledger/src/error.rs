//! What can go wrong in the ledger, and which of it must end the process.
//!
//! A database error is sorted by what the operator can do about it: make room, look at the disk, look
//! at the server, restore a backup. What the codes of a database mean is known by `sqlite.rs` and
//! `postgres.rs`. Every variant has a stable label for logs and JSON output.

use std::path::{Path, PathBuf};

use sea_orm::{DbErr, RuntimeErr, SqlErr, SqlxError};

use crate::{Hash, postgres, sqlite};

/// Result of the ledger's functions.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of the ledger.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused a statement for a reason not sorted out below.
    #[error("ledger database: {0}")]
    Database(#[source] DbErr),
    /// Another process held the database longer than the waiting time. Nothing was changed.
    #[error("ledger database is locked by another process: wait for it to end and try again")]
    Busy,
    /// No space is left for the database.
    #[error("ledger database: no space left on its disk: make room and run the command again")]
    DatabaseFull,
    /// The disk failed under the database; what was committed last is in doubt. Fatal.
    #[error("ledger database: the disk failed: {0}")]
    DatabaseDisk(#[source] DbErr),
    /// The database's pages contradict each other. Fatal.
    #[error("ledger database is damaged: restore it from a backup: {0}")]
    DatabaseCorrupt(#[source] DbErr),
    /// The database server cannot be used: it is not there, or lets nobody in.
    #[error("{server}: {reason}: {remedy}")]
    Server {
        /// The server and database, as a URL without a password.
        server: String,
        /// What was met.
        reason: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The server, or the way to it, went away in the middle of the work. What was acknowledged is
    /// stored; what was being committed may or may not be.
    #[error(
        "ledger database: the connection to its server was lost: look whether PostgreSQL runs and can be reached, then run the command again; what was acknowledged is stored: {0}"
    )]
    ConnectionLost(#[source] DbErr),
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// No space is left for a file.
    #[error("{}: no space left on its disk: make room and run the command again", path.display())]
    DiskFull {
        /// The file that was being written.
        path: PathBuf,
    },
    /// Data could not be made durable. Never retried: after a failed fsync the system may have
    /// dropped the dirty pages and a second call would succeed without them. Fatal.
    #[error("{}: could not be made durable: {source}", path.display())]
    Fsync {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A blob that should be stored is not there.
    #[error("blob {hash}: missing at {}", path.display())]
    BlobMissing {
        /// Its name.
        hash: Hash,
        /// Where it should lie.
        path: PathBuf,
    },
    /// A stored blob no longer has the content its name says.
    #[error("blob {hash}: content hashes to {found}: restore {} from a backup", path.display())]
    BlobCorrupt {
        /// Its name.
        hash: Hash,
        /// Hash of what is stored.
        found: Hash,
        /// Where it lies.
        path: PathBuf,
    },
    /// Blobs could not be copied to the store behind their folder, or it could not be asked. None of them counts as
    /// stored.
    #[error("blobs: {0}")]
    Store(#[from] storage::Error),
    /// The database was migrated by a newer watchfire.
    #[error(
        "{place}: written by a newer watchfire (it knows `{found}`, this one knows up to `{known}`): use that version"
    )]
    Newer {
        /// The database: its file, or its server.
        place: String,
        /// First migration that this build does not know.
        found: String,
        /// Last migration that it knows.
        known: String,
    },
    /// The database must be migrated, but was opened for reading only.
    #[error(
        "{place}: is at version {found}, this watchfire needs {known}: run any command that writes, it migrates (and keeps a backup of a file)"
    )]
    Outdated {
        /// The database: its file, or its server.
        place: String,
        /// Its version; 0 if there is nothing in it yet.
        found: usize,
        /// The version needed.
        known: usize,
    },
    /// What is there is no ledger.
    #[error("{place}: is not a watchfire ledger")]
    NotALedger {
        /// The file, or the server and database.
        place: String,
    },
    /// A change was asked of a ledger that was opened for reading only.
    #[error("{place}: is open for reading only")]
    ReadOnly {
        /// The database: its file, or its server.
        place: String,
    },
    /// There is no such row.
    #[error("{kind} {id}: not found")]
    NotFound {
        /// Kind of object.
        kind: &'static str,
        /// Its id as asked for.
        id: String,
    },
    /// The change contradicts what is stored; nothing was changed.
    #[error("{object}: {reason}")]
    Conflict {
        /// The object.
        object: String,
        /// Why not, with the remedy where there is one.
        reason: String,
    },
    /// Somebody else changed it since it was read; nothing was changed.
    #[error("{object}: was changed by somebody else meanwhile: look again")]
    Changed {
        /// The object.
        object: String,
    },
    /// The job was given to another worker in the meantime; this one's result must be dropped.
    #[error("job {job}: the lease was lost to another worker")]
    LeaseLost {
        /// The job.
        job: i64,
    },
    /// Another node took over what this one was working on; its result must be dropped.
    #[error(
        "{name}: another node took it over from number {number}: nothing was changed, and it goes on there"
    )]
    Fenced {
        /// What was taken over.
        name: String,
        /// The number under which it had been taken.
        number: i64,
    },
    /// The queue of jobs cannot be used.
    #[error(
        "job queue: {reason}: look whether PostgreSQL runs and the user may create a schema in the database"
    )]
    Queue {
        /// What was met.
        reason: String,
    },
    /// The audit chain does not hold.
    #[error("audit row {seq}: {reason}")]
    AuditBroken {
        /// First row that is wrong.
        seq: i64,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// Stable label of the variant.
    pub fn label(&self) -> &'static str {
        match self {
            Error::Store(error) => error.label(),
            Error::Database(_) => "database",
            Error::Busy => "busy",
            Error::DatabaseFull => "database-full",
            Error::DatabaseDisk(_) => "database-disk",
            Error::DatabaseCorrupt(_) => "database-corrupt",
            Error::Server { .. } => "server",
            Error::ConnectionLost(_) => "connection-lost",
            Error::Io { .. } => "io",
            Error::DiskFull { .. } => "disk-full",
            Error::Fsync { .. } => "fsync",
            Error::BlobMissing { .. } => "blob-missing",
            Error::BlobCorrupt { .. } => "blob-corrupt",
            Error::Newer { .. } => "newer",
            Error::Outdated { .. } => "outdated",
            Error::NotALedger { .. } => "not-a-ledger",
            Error::ReadOnly { .. } => "read-only",
            Error::NotFound { .. } => "not-found",
            Error::Conflict { .. } => "conflict",
            Error::Changed { .. } => "changed",
            Error::LeaseLost { .. } => "lease-lost",
            Error::Fenced { .. } => "fenced",
            Error::Queue { .. } => "queue",
            Error::AuditBroken { .. } => "audit-broken",
        }
    }

    /// Whether the process must stop instead of trying again: what is on the disk is in doubt
    /// (DESIGN invariant 3).
    pub fn is_fatal(&self) -> bool {
        matches!(
            self,
            Error::Fsync { .. } | Error::DatabaseDisk(_) | Error::DatabaseCorrupt(_)
        )
    }

    /// Whether machines stand in the way, or another node that took over, and nothing about what was asked: another
    /// time or elsewhere it may go well.
    pub fn is_outage(&self) -> bool {
        !matches!(
            self,
            Error::NotFound { .. } | Error::Conflict { .. } | Error::Changed { .. }
        )
    }

    /// A file error that names its file; a full disk gets its own variant.
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        let path = path.to_owned();
        match source.kind() {
            StorageFull | QuotaExceeded => Error::DiskFull { path },
            _ => Error::Io { path, source },
        }
    }

    pub(crate) fn not_found(kind: &'static str, id: impl ToString) -> Self {
        Error::NotFound {
            kind,
            id: id.to_string(),
        }
    }

    pub(crate) fn conflict(object: impl Into<String>, reason: impl Into<String>) -> Self {
        Error::Conflict {
            object: object.into(),
            reason: reason.into(),
        }
    }
}

/// What the driver said, if the error came from there.
pub(crate) fn driver(error: &DbErr) -> Option<&SqlxError> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(source))
        | DbErr::Exec(RuntimeErr::SqlxError(source))
        | DbErr::Query(RuntimeErr::SqlxError(source)) => Some(source.as_ref()),
        _ => None,
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        sqlite::sorted(error)
            .unwrap_or_else(|error| postgres::sorted(error).unwrap_or_else(Error::Database))
    }
}

/// Whether a statement failed because a row with the same key exists.
pub(crate) fn is_duplicate(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_a_clear_message() {
        // The device that is always full stands in for the disk.
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("it exists");
        let source = std::io::Write::write_all(&mut &full, b"x").expect_err("it is full");
        let error = Error::io(Path::new("/data/blobs/tmp-1-1"), source);
        assert_eq!(error.label(), "disk-full");
        let expected =
            "/data/blobs/tmp-1-1: no space left on its disk: make room and run the command again";
        assert_eq!(error.to_string(), expected);
        assert!(!error.is_fatal());
    }

    #[test]
    fn what_contradicts_the_stored_rows_is_no_outage() {
        assert!(!Error::conflict("handover 3", "was taken already").is_outage());
        assert!(!Error::not_found("job", 3).is_outage());
        assert!(Error::Busy.is_outage());
        assert!(Error::LeaseLost { job: 3 }.is_outage());
    }

    #[test]
    fn only_doubt_about_the_disk_is_fatal() {
        let source = || std::io::Error::other("EIO");
        let path = PathBuf::from("x");
        assert!(
            Error::Fsync {
                path: path.clone(),
                source: source()
            }
            .is_fatal()
        );
        assert!(
            !Error::Io {
                path,
                source: source()
            }
            .is_fatal()
        );
        assert!(!Error::Busy.is_fatal());
        assert!(!Error::from(DbErr::Custom("x".to_owned())).is_fatal());
    }
}
