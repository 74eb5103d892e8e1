//! What can go wrong around the routes; what goes wrong in a request is a [`Problem`](crate::problem).

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Errors of the console.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Connections cannot be accepted any more.
    #[error("http listener: {0}")]
    Listener(#[source] std::io::Error),
    /// Measurements cannot be kept.
    #[error("metrics: {0}")]
    Meters(String),
    /// The folder of a public node cannot be used.
    #[error("folder of the public node: {0}")]
    Outpost(#[source] std::io::Error),
    /// What came from a public node could not be stored; it waits there.
    #[error("what came from the public node: {0}; it stays there and is fetched again")]
    Parcel(String),
}

impl Error {
    /// Stable label.
    pub fn label(&self) -> &'static str {
        match self {
            Error::Listener(_) => "console-listener",
            Error::Meters(_) => "console-meters",
            Error::Outpost(_) => "console-outpost",
            Error::Parcel(_) => "console-parcel",
        }
    }
}
