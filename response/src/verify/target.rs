//! What is looked at, and what it looked like when it was found harmful.

use std::net::IpAddr;

use model::incident::CaseKind;
use model::territory::OwnerClass;
use model::verification::ProbeKind;
use serde::{Deserialize, Serialize};
use url::Url;

/// Where the harm lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "at")]
pub enum Place {
    /// An address on the web.
    Page {
        /// As it was reported; [`strip`](super::strip) is applied before anything is asked.
        url: Url,
    },
    /// A name.
    Name {
        /// In ASCII, without the last dot.
        name: String,
    },
    /// A TCP port.
    Port {
        /// A name or an address.
        host: String,
        /// 1 to 65535.
        port: u16,
    },
    /// The page on which a platform offers an app.
    Listing {
        /// The page.
        url: Url,
        /// The platform as the markers' table names it.
        platform: String,
    },
}

impl Place {
    /// The host: whom politeness and marks are about.
    pub fn host(&self) -> String {
        match self {
            Place::Page { url } | Place::Listing { url, .. } => {
                url.host_str().unwrap_or_default().to_ascii_lowercase()
            }
            Place::Name { name } => name.to_ascii_lowercase(),
            Place::Port { host, .. } => host.to_ascii_lowercase(),
        }
    }

    /// The host where it is a name, not an address.
    pub fn name(&self) -> Option<String> {
        let host = self.host();
        let bare = host.trim_matches(['[', ']']);
        (!host.is_empty() && bare.parse::<IpAddr>().is_err()).then_some(host)
    }
}

/// How the harm is recognized.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fingerprint {
    /// The page's title.
    pub title: Option<String>,
    /// BLAKE3 of the unfolded body as a look keeps it (its first MiB), hexadecimal.
    pub body: Option<String>,
    /// Passages of the text or the source, any of which tells it.
    pub markers: Vec<String>,
    /// The same of the body as it was defaced.
    pub defaced_body: Option<String>,
}

impl Fingerprint {
    /// Whether nothing is known by which it could be recognized.
    pub fn is_empty(&self) -> bool {
        self.title.is_none()
            && self.body.is_none()
            && self.markers.is_empty()
            && self.defaced_body.is_none()
    }
}

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// What the case is about.
    pub kind: CaseKind,
    /// Where.
    pub place: Place,
    /// What it looked like.
    #[serde(default)]
    pub known_bad: Fingerprint,
    /// Text of the page while it was defaced ([`page::text`](super::page::text)).
    #[serde(default)]
    pub defaced_text: Option<String>,
    /// Text of the page as it should be.
    #[serde(default)]
    pub good_text: Option<String>,
    /// Hosts of the brand that is imitated: a redirect to them or below them shows nothing.
    #[serde(default)]
    pub brand_hosts: Vec<String>,
    /// Whose it is.
    #[serde(default)]
    pub owner: OwnerClass,
    /// Where it lies: ISO 3166 code of two letters, where known.
    #[serde(default)]
    pub country: Option<String>,
    /// Marks of parties and hosts that forbid a look.
    #[serde(default)]
    pub marks: Vec<Mark>,
}

/// Somebody decided that this must not be touched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// What carries the mark: a party, a host, an incident.
    pub on: String,
    /// Who set it.
    pub by: String,
    /// Why.
    pub reason: String,
}

impl Target {
    /// The probes that tell of it, in the order in which they are done: what touches nobody first.
    pub fn probes(&self) -> Vec<ProbeKind> {
        let own = match &self.place {
            Place::Page { .. } if self.kind == CaseKind::Defacement => Some(ProbeKind::Defacement),
            Place::Page { .. } => Some(ProbeKind::Http),
            Place::Listing { .. } => Some(ProbeKind::Listing),
            Place::Port { .. } => Some(ProbeKind::Tcp),
            Place::Name { .. } => None,
        };
        // A platform's own name, and the name of a site that was broken into, are not the harm.
        let name_is_harm = !matches!(own, Some(ProbeKind::Listing | ProbeKind::Defacement));
        let dns = (self.place.name().is_some() && name_is_harm).then_some(ProbeKind::Dns);
        dns.into_iter().chain(own).collect()
    }
}
