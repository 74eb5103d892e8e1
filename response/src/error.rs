//! What can go wrong in response.

/// A failure; its text names the object and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// The lake failed.
    #[error(transparent)]
    Lake(#[from] lake::Error),
    /// Events could not be read.
    #[error("events cannot be read: {0}: run `watchfire lake check`")]
    Scan(String),
    /// Something that was asked for cannot be.
    #[error("{object}: {reason}")]
    Refused {
        /// What.
        object: String,
        /// Why, and the remedy.
        reason: String,
    },
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn refused(object: impl ToString, reason: impl ToString) -> Self {
        Error::Refused {
            object: object.to_string(),
            reason: reason.to_string(),
        }
    }
}
