//! What a probe saw, as plain data: nothing is judged here, so that evidence and judgement cannot
//! mix.

use std::net::SocketAddr;

use formats::rdap::{Answer, NoAnswer, Registration, read};
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::strip::Removed;

/// What was seen.
#[derive(Clone, Debug)]
pub enum Seen {
    /// A page, with the way to it.
    Page(Page),
    /// A page, and one of the same host that cannot exist: what this host shows for a missing page.
    Compared {
        /// The page asked for.
        page: Page,
        /// What came for an address that was made up.
        missing: Page,
    },
    /// A name's records.
    Names(Names),
    /// Registration data; `None` where the registry knows no such name.
    Registration(Option<Box<Registration>>),
    /// A port.
    Port(Port),
}

/// An RDAP answer that tells nothing of a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRegistration {
    /// It is none.
    #[error(transparent)]
    Unread(#[from] NoAnswer),
    /// The server refused: too many questions, or trouble of its own.
    #[error("the RDAP server answers {code} {title}: ask again later")]
    Refused {
        /// HTTP status.
        code: u16,
        /// Its words.
        title: String,
    },
    /// It is about something else.
    #[error("the RDAP answer is about a {0}, not a domain")]
    Other(String),
}

/// Registration data out of an RDAP server's answer, asked for elsewhere. Only 404 means that there is
/// no such name.
///
/// # Errors
/// An answer that tells nothing: nothing is to be judged then.
pub fn registration(bytes: &[u8]) -> Result<Seen, NoRegistration> {
    match read(bytes)? {
        Answer::Registration(found) if found.class == "domain" => {
            Ok(Seen::Registration(Some(found)))
        }
        Answer::Registration(found) => Err(NoRegistration::Other(found.class)),
        Answer::Refused { code: 404, .. } => Ok(Seen::Registration(None)),
        Answer::Refused { code, title } => Err(NoRegistration::Refused { code, title }),
    }
}

/// A page and the way to it.
#[derive(Clone, Debug)]
pub struct Page {
    /// Every answer, the last one last; empty where nothing was answered.
    pub hops: Vec<Hop>,
    /// How it ended.
    pub end: End,
    /// What was taken out of the address before it was asked.
    pub removed: Vec<Removed>,
}

impl Page {
    /// The last answer, where the way ended with one.
    pub fn last(&self) -> Option<&Hop> {
        match self.end {
            End::Answered => self.hops.last(),
            _ => None,
        }
    }
}

/// How the way to a page ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// With an answer that redirects no further.
    Answered,
    /// The address policy refused an address on the way.
    Refused(String),
    /// A host was not reached, or broke off before its answer.
    Unreachable(String),
    /// A host did not answer in time.
    Timeout(String),
    /// The redirects come back to where they were, or are too many.
    Loop(String),
}

/// One request and its answer.
#[derive(Clone, Debug)]
pub struct Hop {
    /// When it was asked.
    pub at: Timestamp,
    /// What was asked for.
    pub url: String,
    /// To whom it was connected.
    pub address: Option<SocketAddr>,
    /// Headers sent, in order.
    pub asked: Vec<(String, String)>,
    /// Status.
    pub status: u16,
    /// Headers of the answer, in order; values are bytes.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body as it came, without the transfer coding, with its content coding.
    pub body: Vec<u8>,
    /// How the body ended.
    pub cut: Cut,
    /// What was shown for TLS.
    pub tls: Option<Tls>,
}

impl Hop {
    /// A header's first value, as text.
    pub fn header(&self, name: &str) -> Option<String> {
        let mut found = self.headers.iter();
        found
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| String::from_utf8_lossy(value).trim().to_owned())
    }
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cut {
    /// As the server ended it.
    Whole,
    /// More came than is kept.
    Length,
    /// It did not end in time.
    Time,
    /// The connection broke.
    Broken,
}

/// What a server showed for TLS. A bad certificate is written down and does not end the look: a page
/// that imitates another is up, whatever its certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tls {
    /// The chain as it was sent, the server's own first.
    pub chain: Vec<Certificate>,
    /// What a browser would object to; `None` where nothing, or where no roots were handed in.
    pub error: Option<String>,
    /// Whether there were roots to check against.
    pub checked: bool,
}

/// The facts of a certificate (RFC 5280), as far as it could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// Whom it is about: `CN=..., O=...`.
    pub subject: String,
    /// Who gave it.
    pub issuer: String,
    /// Serial number, hexadecimal.
    pub serial: String,
    /// Valid from.
    pub not_before: Option<Timestamp>,
    /// Valid until.
    pub not_after: Option<Timestamp>,
    /// Names that it holds for.
    pub names: Vec<String>,
    /// SHA-256 of its DER, hexadecimal: what certificate logs and browsers show.
    pub sha256: String,
    /// The certificate, base64 of its DER.
    pub der: String,
}

/// A name's records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Names {
    /// The name.
    pub name: String,
    /// When it was asked.
    pub at: Timestamp,
    /// The resolvers that were asked.
    pub servers: Vec<SocketAddr>,
    /// The answer to each type, in the order in which they were asked.
    pub answers: Vec<(String, Resolved)>,
}

impl Names {
    /// The answer for a type.
    pub fn of(&self, kind: &str) -> Option<&Resolved> {
        let mut found = self.answers.iter();
        found.find(|(name, _)| name == kind).map(|(_, a)| a)
    }

    /// The data of all records of a type.
    pub fn data(&self, kind: &str) -> Vec<&str> {
        let mut found = Vec::new();
        for (_, answer) in &self.answers {
            if let Resolved::Records { records } = answer {
                for record in records.iter().filter(|record| record.kind == kind) {
                    if !found.contains(&record.data.as_str()) {
                        found.push(record.data.as_str());
                    }
                }
            }
        }
        found
    }
}

/// What a resolver answered (RFC 1035, RFC 2308): these five mean different things, and only one
/// means that the name is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "result", deny_unknown_fields)]
pub enum Resolved {
    /// Records, aliases included.
    Records {
        /// In the order of the answer.
        records: Vec<Record>,
    },
    /// The name is there, without records of this type.
    NoData,
    /// There is no such name.
    NoName,
    /// The resolver could not find out: SERVFAIL, REFUSED and the like.
    Failure {
        /// The code.
        code: String,
    },
    /// No answer in time, or nobody there.
    Timeout {
        /// What happened.
        detail: String,
    },
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its owner.
    pub name: String,
    /// `A`, `AAAA`, `CNAME` ...
    pub kind: String,
    /// Seconds.
    pub ttl: u32,
    /// As a zone file writes it.
    pub data: String,
}

/// A port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Port {
    /// Name or address that was asked for.
    pub host: String,
    /// The port.
    pub port: u16,
    /// When.
    pub at: Timestamp,
    /// To whom it was connected, or tried to.
    pub address: Option<SocketAddr>,
    /// What happened.
    pub state: PortState,
}

/// What happened at a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state", deny_unknown_fields)]
pub enum PortState {
    /// Somebody answers.
    Open,
    /// The host says that nobody listens.
    Closed,
    /// Nothing came back in time.
    Silent,
    /// The policy refused it, the name was not resolved, or the network said no.
    Failed {
        /// What happened.
        detail: String,
    },
}
