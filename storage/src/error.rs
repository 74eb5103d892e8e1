//! What can go wrong with a store.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::Error as Source;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Errors of a store. They can be cloned: several may have waited for one transfer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// An address that is none.
    #[error(
        "`{url}` is no address of a store: {why}; write lake.url = \"s3://BUCKET/PREFIX\" and lake.endpoint = \"https://HOST\""
    )]
    Address {
        /// As it was written.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// A file here could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: Arc<io::Error>,
    },
    /// The store has no such object.
    #[error(
        "{place}/{key} is not in the store; restore it from a backup, or read its report again"
    )]
    Missing {
        /// The store.
        place: String,
        /// The object.
        key: String,
    },
    /// What came is not what was stored.
    #[error("{place}/{key}: {detail}; the object is damaged: restore it from a backup")]
    Damaged {
        /// The store.
        place: String,
        /// The object.
        key: String,
        /// What differs.
        detail: String,
    },
    /// The store answered with an error, or not at all.
    #[error("cannot {act} {place}/{key}: {why}; {remedy}")]
    Store {
        /// What was to be done: `store`, `fetch` ...
        act: &'static str,
        /// The store.
        place: String,
        /// The object.
        key: String,
        /// What the store said.
        why: String,
        /// What to do about it.
        remedy: &'static str,
        /// What kind of trouble it is.
        trouble: Trouble,
    },
    /// The storage is being closed.
    #[error("the storage was closed while it was at work")]
    Closed,
}

/// Kinds of trouble with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// There is no such bucket.
    Bucket,
    /// The key is not known, or its secret is wrong.
    Key,
    /// The key may not do this.
    Right,
    /// Our clock and the store's differ.
    Clock,
    /// Nobody answers at the endpoint.
    Unreachable,
    /// It answers, and fails or is too slow.
    Failing,
    /// Something else.
    Other,
}

impl Trouble {
    /// What the store's answer amounts to. By its text, in which all of the answer stands: the client tells apart
    /// only a few kinds.
    pub fn of(text: &str) -> Self {
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if says(&["NoSuchBucket"]) {
            Trouble::Bucket
        } else if says(&["RequestTimeTooSkewed", "RequestExpired"]) {
            Trouble::Clock
        } else if says(&[
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "InvalidSecurity",
            "InvalidToken",
            "401 Unauthorized",
            "NotSignedUp",
        ]) {
            Trouble::Key
        } else if says(&["AccessDenied", "403 Forbidden"]) {
            Trouble::Right
        } else if says(&[
            "Connection refused",
            "connect error",
            "tcp connect",
            "dns error",
            "No route to host",
            "unreachable",
            "certificate",
        ]) {
            Trouble::Unreachable
        } else if says(&[
            "500 ",
            "502 ",
            "503 ",
            "504 ",
            "SlowDown",
            "InternalError",
            "timed out",
            "timeout",
            "connection closed",
            "reset by peer",
            "error sending request",
            "request or response body",
        ]) {
            Trouble::Failing
        } else {
            Trouble::Other
        }
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Trouble::Bucket => "make the bucket, or correct lake.url",
            Trouble::Key => "look at lake.access_key and lake.secret_key",
            Trouble::Right => {
                "let the key get, put, list and delete objects of the bucket, and look at its secret"
            }
            Trouble::Clock => "set this machine's clock by NTP",
            Trouble::Unreachable => {
                "look at lake.endpoint, the network and the store's certificate"
            }
            Trouble::Failing => {
                "what is here stays readable; it is tried again, and nothing is lost"
            }
            Trouble::Other => "see docs/storage.md for what a store must do",
        }
    }
}

impl Error {
    /// Stable label.
    pub fn label(&self) -> &'static str {
        match self {
            Error::Address { .. } => "store-address",
            Error::Io { .. } => "store-io",
            Error::Missing { .. } => "store-missing",
            Error::Damaged { .. } => "store-damaged",
            Error::Store { .. } => "store-failed",
            Error::Closed => "store-closed",
        }
    }

    /// Whether the store as a whole is in trouble, so that whoever meets it had better wait than blame a file.
    pub fn is_outage(&self) -> bool {
        matches!(self, Error::Store { .. } | Error::Closed)
    }

    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Error::Io {
            path: path.to_owned(),
            source: Arc::new(source),
        }
    }

    pub(crate) fn store(act: &'static str, place: &str, key: &str, source: &Source) -> Self {
        // A missing bucket is a missing object to the client.
        let text = chain(source);
        let trouble = Trouble::of(&text);
        if matches!(source, Source::NotFound { .. }) && trouble != Trouble::Bucket {
            return Error::Missing {
                place: place.to_owned(),
                key: key.to_owned(),
            };
        }
        Error::Store {
            act,
            place: place.to_owned(),
            key: key.to_owned(),
            why: short(&text),
            remedy: trouble.remedy(),
            trouble,
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Missing { .. } => io::ErrorKind::NotFound,
            Error::Damaged { .. } => io::ErrorKind::InvalidData,
            Error::Io { source, .. } => source.kind(),
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

/// An error and its causes, each said once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = cause.source();
    }
    text
}

/// The part of a store's answer that says something to a person: its code and message instead of its XML.
fn short(text: &str) -> String {
    let inside = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        rest.split_once('<').map(|(value, _)| value.trim())
    };
    let line = match (inside("Code"), inside("Message")) {
        (Some(code), Some(message)) if !message.is_empty() => format!("{code}: {message}"),
        (Some(code), _) => code.to_owned(),
        _ => text.split_whitespace().collect::<Vec<_>>().join(" "),
    };
    let end = line
        .char_indices()
        .nth(400)
        .map_or(line.len(), |(at, _)| at);
    line[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        for (text, trouble) in [
            ("404 Not Found: <Code>NoSuchBucket</Code>", Trouble::Bucket),
            (
                "403 Forbidden: <Code>InvalidAccessKeyId</Code>",
                Trouble::Key,
            ),
            (
                "403 Forbidden: <Code>SignatureDoesNotMatch</Code>",
                Trouble::Key,
            ),
            ("403 Forbidden: <Code>AccessDenied</Code>", Trouble::Right),
            (
                "403 Forbidden: <Code>RequestTimeTooSkewed</Code>",
                Trouble::Clock,
            ),
            (
                "tcp connect error: Connection refused (os error 111)",
                Trouble::Unreachable,
            ),
            (
                "503 Service Unavailable: <Code>SlowDown</Code>",
                Trouble::Failing,
            ),
            ("operation timed out", Trouble::Failing),
            ("a riddle", Trouble::Other),
        ] {
            assert_eq!(Trouble::of(text), trouble, "{text}");
        }
    }

    #[test]
    fn a_person_reads_the_message_and_not_the_markup() {
        let xml = "403: <?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>No.</Message></Error>";
        assert_eq!(short(xml), "AccessDenied: No.");
        assert_eq!(short("a\n  b"), "a b");
    }
}
