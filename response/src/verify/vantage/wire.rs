//! What asker and vantage say to each other, as JSON. [`Asked`] is one probe and nothing of what it is for; [`Told`] is what
//! was seen: heads, bodies, records, certificates. There is no finding in it, and no instant: those are the asker's.
//! How little of it the asker believes is in [`reading`].

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::verification::{Client, ProbeKind};
use reqwest::header::HeaderValue;
use serde::{Deserialize, Serialize};

use super::super::probe::{Errand, Limits};
use super::super::seen::{Cut, End, Hop, Page, PortState, Resolved, Seen};
use super::super::target::Place;

mod reading;

pub use reading::Nonsense;

/// Version of what both sides say to each other.
pub const VERSION: u32 = 1;

/// One probe to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// [`VERSION`].
    pub version: u32,
    /// Which probe.
    pub probe: ProbeKind,
    /// As whom.
    pub client: Client,
    /// Where, without personal parts.
    pub place: Place,
    /// Headers that a page is asked for with, in order.
    pub headers: Vec<(String, String)>,
    /// The word of an address that is made up, where one is to be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_up: Option<String>,
    /// Bounds; the vantage's own hold too.
    pub limits: Most,
}

/// Bounds of a look at a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Most {
    /// Redirects that are followed.
    pub redirects: usize,
    /// Bytes of a body.
    pub body: usize,
    /// Milliseconds for a page with its redirects.
    pub whole_ms: u64,
}

impl Asked {
    /// An errand as it is told to a vantage.
    pub fn of(errand: &Errand, limits: &Limits) -> Self {
        let headers = errand.headers.iter();
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        Asked {
            version: VERSION,
            probe: errand.probe,
            client: errand.client,
            place: errand.place.clone(),
            headers: headers
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
            made_up: errand.made_up.clone(),
            limits: Most {
                redirects: limits.redirects,
                body: limits.body,
                whole_ms: u64::try_from(limits.whole.as_millis()).unwrap_or(u64::MAX),
            },
        }
    }
}

/// What a vantage saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// [`VERSION`].
    pub version: u32,
    /// Which probe was made.
    pub probe: ProbeKind,
    /// As whom.
    pub client: Client,
    /// What was seen.
    pub seen: ToldSeen,
}

/// What was seen, by the kind of place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ToldSeen {
    /// A page.
    Page {
        /// The page asked for.
        page: ToldPage,
        /// The one that cannot be there, where they are to be compared.
        missing: Option<ToldPage>,
    },
    /// A name's records.
    Names {
        /// The resolvers that were asked.
        servers: Vec<SocketAddr>,
        /// The answer to each type, in the order in which they were asked.
        answers: Vec<(String, Resolved)>,
    },
    /// A port.
    Port {
        /// To whom it was connected, or tried to.
        address: Option<SocketAddr>,
        /// What happened.
        state: PortState,
    },
}

/// A page and the way to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToldPage {
    /// Every answer, the last one last.
    pub hops: Vec<ToldHop>,
    /// How it ended.
    pub end: End,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToldHop {
    /// Microseconds from the beginning of the look to this request.
    pub after_us: u64,
    /// What was asked for.
    pub url: String,
    /// To whom it was connected.
    pub address: Option<SocketAddr>,
    /// Status.
    pub status: u16,
    /// Headers of the answer, in order; values are base64.
    pub headers: Vec<(String, String)>,
    /// The body as it came, base64.
    pub body: String,
    /// How the body ended.
    pub cut: Cut,
    /// What was shown for TLS.
    pub tls: Option<ToldTls>,
}

/// What was shown for TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToldTls {
    /// The chain as it was sent: base64 of the DER of each.
    pub chain: Vec<String>,
    /// What a browser there would object to.
    pub error: Option<String>,
    /// Whether there were roots to check against.
    pub checked: bool,
}

impl Told {
    /// What was seen, as it is told; the clock of the look began at 0. `None`: registration data, which a vantage is
    /// not asked for.
    pub fn of(errand: &Errand, seen: &Seen) -> Option<Told> {
        let seen = match seen {
            Seen::Page(page) => ToldSeen::Page {
                page: ToldPage::of(page),
                missing: None,
            },
            Seen::Compared { page, missing } => ToldSeen::Page {
                page: ToldPage::of(page),
                missing: Some(ToldPage::of(missing)),
            },
            Seen::Names(names) => ToldSeen::Names {
                servers: names.servers.clone(),
                answers: names.answers.clone(),
            },
            Seen::Port(port) => ToldSeen::Port {
                address: port.address,
                state: port.state.clone(),
            },
            Seen::Registration(_) => return None,
        };
        Some(Told {
            version: VERSION,
            probe: errand.probe,
            client: errand.client,
            seen,
        })
    }
}

impl ToldPage {
    fn of(page: &Page) -> Self {
        ToldPage {
            hops: page.hops.iter().map(ToldHop::of).collect(),
            end: page.end.clone(),
        }
    }
}

impl ToldHop {
    fn of(hop: &Hop) -> Self {
        let headers = hop.headers.iter();
        ToldHop {
            after_us: u64::try_from(hop.at.0).unwrap_or(0),
            url: hop.url.clone(),
            address: hop.address,
            status: hop.status,
            headers: headers
                .map(|(name, value)| (name.clone(), STANDARD.encode(value)))
                .collect(),
            body: STANDARD.encode(&hop.body),
            cut: hop.cut,
            tls: hop.tls.as_ref().map(|tls| ToldTls {
                chain: tls.chain.iter().map(|one| one.der.clone()).collect(),
                error: tls.error.clone(),
                checked: tls.checked,
            }),
        }
    }
}

#[cfg(test)]
mod tests;
