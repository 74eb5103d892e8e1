//! Why a fetch failed, in words for the operator and in a kind for the scheduler. Never holds a
//! secret: what leaves this folder has gone through [`Plan::hide`](super::plan::Plan::hide).

use std::fmt;
use std::time::Duration;

/// Result of a transport.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// What kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The entry is wrong or a variable is not set; trying again does not help.
    Entry,
    /// The address policy refuses the address; trying again does not help.
    Refused,
    /// No connection, or one that broke.
    Unreachable,
    /// The other side answered with an error.
    Status(u16),
    /// Too many bytes, too many redirects, too slow, too long.
    Limit,
    /// The answer is cut off or is not what the protocol says.
    Malformed,
    /// A file of ours could not be written or read.
    Local,
}

/// A failed fetch of one feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind.
    pub kind: Kind,
    /// The feed; empty until the transport's caller adds it.
    pub feed: String,
    /// What happened, and the remedy where there is one.
    pub detail: String,
    /// When the other side wants to be asked again at the soonest.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure of a kind.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Failure {
            kind,
            feed: String::new(),
            detail: detail.into(),
            retry_after: None,
        }
    }

    /// Whether the same request may succeed a little later.
    pub fn passing(&self) -> bool {
        match self.kind {
            Kind::Unreachable | Kind::Malformed => true,
            Kind::Status(status) => status == 429 || status >= 500,
            Kind::Entry | Kind::Refused | Kind::Limit | Kind::Local => false,
        }
    }

    /// Stable label.
    pub fn label(&self) -> &'static str {
        match self.kind {
            Kind::Entry => "fetch-entry",
            Kind::Refused => "fetch-refused",
            Kind::Unreachable => "fetch-unreachable",
            Kind::Status(_) => "fetch-status",
            Kind::Limit => "fetch-limit",
            Kind::Malformed => "fetch-malformed",
            Kind::Local => "fetch-local",
        }
    }

    pub(crate) fn local(
        path: &std::path::Path,
    ) -> impl FnOnce(std::io::Error) -> Failure + use<'_> {
        move |error| Failure::new(Kind::Local, format!("{}: {error}", path.display()))
    }

    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Failure::new(Kind::Malformed, detail)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.feed.is_empty() {
            write!(f, "feed {}: ", self.feed)?;
        }
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Failure {}

impl From<outbound::Error> for Failure {
    fn from(error: outbound::Error) -> Self {
        let kind = match error {
            outbound::Error::Refused(_) => Kind::Refused,
            outbound::Error::Unreachable(_) => Kind::Unreachable,
        };
        Failure::new(kind, error.to_string())
    }
}
