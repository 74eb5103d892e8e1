//! What may stand on a block list. A wrong entry cuts people off from what they need, so the gate would
//! rather name too little: only what is public and whose licence allows it; never a public suffix, a name
//! or an address that a warning list names (top sites, resolvers, content networks), a host of the
//! government or of a bank of the territory; of a host that many share, or that is somebody's hacked
//! site, the one URL. An address is named only where it commands bots: behind one address live many.

use std::net::IpAddr;

use ledger::ListedKind;
use model::territory::{OwnerClass, Territory};
use model::tlp::Tlp;
use reference::{Scratch, SiteFacts, Tables, url_host};

/// Parts of paths that stand for a site of somebody else's in which a page was hidden: they belong to
/// programs that sites are made with.
const HACKED: [&str; 10] = [
    "/wp-content/",
    "/wp-includes/",
    "/wp-admin/",
    "/sites/default/",
    "/.well-known/",
    "/components/com_",
    "/cgi-bin/",
    "/uploads/",
    "/plugins/",
    "/administrator/",
];
/// The longest prefix that a person may propose: a /24, a /48.
const WIDEST: (u8, u8) = (24, 48);
/// The longest URL.
const URL_BYTES: usize = 2_048;

/// What is to be listed, and what is known of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// The address of the page or file, without what tells of persons.
    pub url: Option<&'a str>,
    /// The host.
    pub host: Option<&'a str>,
    /// The address, or a prefix.
    pub network: Option<&'a str>,
    /// Whether it commands bots.
    pub control: bool,
    /// Whether somebody found that the site is another's and was hacked.
    pub hacked: bool,
}

/// What the gate lets through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// What is named.
    pub kind: ListedKind,
    /// In the form it is published in.
    pub value: String,
    /// Why so much and no more.
    pub grounds: &'static str,
}

/// Why something may not stand on a list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It may not be passed on to everybody.
    #[error("is marked {0}: only TLP:CLEAR is published")]
    NotClear(Tlp),
    /// The source does not let it be published.
    #[error("the licence of {0} does not allow that indicators are published")]
    Licence(String),
    /// It is no name, address or URL.
    #[error("`{0}` is no host name, address or URL")]
    NotAName(String),
    /// A public suffix: many live below it.
    #[error("`{0}` is a public suffix: many registrants live below it")]
    Suffix(String),
    /// It is on a warning list, or on the site's own allow-list.
    #[error("`{0}` is on the allow-list ({1})")]
    Allowed(String, String),
    /// The government's, or a bank's.
    #[error("`{0}` is a host of the {1} of the territory: write to its owner instead")]
    Protected(String, &'static str),
    /// A host that many share, and nothing says which part of it.
    #[error("`{0}` is shared, or somebody's hacked site: only a URL with a path may be named")]
    Shared(String),
    /// An address behind which many may live.
    #[error("`{0}`: addresses are listed of command servers alone")]
    Address(String),
    /// An address that is nobody's on the internet, or a prefix that is too wide.
    #[error("`{0}` is no single network of the internet of at most /24 or /48")]
    Network(String),
}

/// The gate: reference tables, and names and prefixes that the site never lists.
#[derive(Clone, Copy, Debug)]
pub struct Gate<'a> {
    /// Public suffixes, warning lists and owners.
    pub tables: &'a Tables,
    /// Names (with all below them) and prefixes of the site's own choice.
    pub allow: &'a [String],
}

impl Gate<'_> {
    /// Whether something so marked, from a source of such terms, may be published at all.
    ///
    /// # Errors
    /// The refusal.
    pub fn may_publish(tlp: Tlp, source: &str, allows: bool) -> Result<(), Refusal> {
        match (tlp.is_public(), allows) {
            (false, _) => Err(Refusal::NotClear(tlp)),
            (_, false) => Err(Refusal::Licence(source.to_owned())),
            _ => Ok(()),
        }
    }

    /// What of a candidate may be named: as little as does it.
    ///
    /// # Errors
    /// The refusal.
    pub fn name(&self, candidate: &Candidate<'_>) -> Result<Named, Refusal> {
        let url = candidate.url.map(str::trim).filter(|url| !url.is_empty());
        let host = url.and_then(url_host).or(candidate.host);
        let mut scratch = Scratch::default();
        let Some(host) = host else {
            let network = candidate.network.unwrap_or_default();
            return self.network(network, candidate.control);
        };
        let site = self.tables.site(host, &mut scratch);
        let site = site.ok_or_else(|| Refusal::NotAName(host.to_owned()))?;
        if let Some(address) = site.address {
            return match (candidate.control, url) {
                (false, Some(url)) => self.url(url, "the host is an address: its one page"),
                _ => self.network(&address.to_string(), candidate.control),
            };
        }
        let shared = self.shared(&site)?;
        let url_of = |grounds| match url.filter(|url| has_path(url)) {
            Some(url) => self.url(url, grounds),
            None => Err(Refusal::Shared(site.host.to_owned())),
        };
        let lower = url.unwrap_or_default().to_ascii_lowercase();
        if shared {
            url_of("many share the host: its one page")
        } else if candidate.hacked {
            url_of("a hacked site of somebody else's: its one page")
        } else if HACKED.iter().any(|part| lower.contains(part)) {
            url_of("by its path a hacked site of somebody else's: its one page")
        } else {
            self.allows(ListedKind::Domain, site.host)?;
            Ok(Named {
                kind: ListedKind::Domain,
                value: site.host.to_owned(),
                grounds: "the host is on no allow-list and not known as shared",
            })
        }
    }

    /// Whether a value of this kind, in the form it is published in, may stand on a list: asked again
    /// before every publication, as the tables change.
    ///
    /// # Errors
    /// The refusal.
    pub fn allows(&self, kind: ListedKind, value: &str) -> Result<(), Refusal> {
        let not_a_name = || Refusal::NotAName(value.to_owned());
        match kind {
            ListedKind::Domain => {
                if Tables::clean_host(value).as_deref() != Some(value) || !plain(value) {
                    return Err(not_a_name());
                }
                let mut scratch = Scratch::default();
                let site = self.tables.site(value, &mut scratch);
                let site = site.ok_or_else(not_a_name)?;
                match self.shared(&site)? {
                    true => Err(self.allowed(value)),
                    false => Ok(()),
                }
            }
            ListedKind::Url => {
                let http = ["http://", "https://"]
                    .iter()
                    .any(|scheme| value.starts_with(scheme));
                let odd = |c: char| c.is_whitespace() || c.is_control();
                if !http || value.contains(odd) || value.len() > URL_BYTES {
                    return Err(not_a_name());
                }
                let host = url_host(value).ok_or_else(not_a_name)?;
                let mut scratch = Scratch::default();
                let site = self.tables.site(host, &mut scratch);
                let site = site.ok_or_else(not_a_name)?;
                match self.shared(&site) {
                    Ok(false) => Ok(()),
                    // One page of a host that many share is not the host.
                    Ok(true) if has_path(value) => Ok(()),
                    Ok(true) => Err(Refusal::Shared(site.host.to_owned())),
                    Err(refusal) => Err(refusal),
                }
            }
            ListedKind::Ip | ListedKind::Cidr => {
                let (ip, length) = network(value).ok_or_else(not_a_name)?;
                let single = kind == ListedKind::Ip;
                if single == value.contains('/') || print(ip, length) != value {
                    return Err(not_a_name());
                }
                self.public(ip, length, value)
            }
        }
    }

    /// Whether a host is one of many under one name, or somebody's who is not the attacker.
    fn shared(&self, site: &SiteFacts<'_>) -> Result<bool, Refusal> {
        if let Some(address) = site.address {
            if special(address) {
                return Err(Refusal::Network(address.to_string()));
            }
            let length = if address.is_ipv4() { 32 } else { 128 };
            return Ok(self.public(address, length, site.host).is_err());
        }
        if site.domain.is_none() {
            return Err(Refusal::Suffix(site.host.to_owned()));
        }
        let outside = site.territory == Territory::Outside;
        match site.owner {
            OwnerClass::Government if !outside => {
                return Err(Refusal::Protected(site.host.to_owned(), "government"));
            }
            OwnerClass::Bank if !outside => {
                return Err(Refusal::Protected(site.host.to_owned(), "banks"));
            }
            OwnerClass::Other => {}
            _ => return Ok(true),
        }
        if self.own(site.host) {
            let why = "the site's own list".to_owned();
            return Err(Refusal::Allowed(site.host.to_owned(), why));
        }
        if !site.warnings.is_empty() {
            return Ok(true);
        }
        // Whoever blocks a name blocks what lies below it: the usual name below is looked at too, and what
        // lies below a name that is listed exactly is somebody's who is.
        let below = format!("www.{}", site.host);
        let above = site
            .host
            .match_indices('.')
            .map(|(at, _)| &site.host[at + 1..]);
        let mut scratch = Scratch::default();
        let mut names = std::iter::once(below.as_str()).chain(above);
        Ok(names.any(|name| {
            let warned = self.tables.site(name, &mut scratch);
            warned.is_some_and(|site| !site.warnings.is_empty())
        }))
    }

    /// Whether the site's own allow-list names the host, a name above it or one below it.
    fn own(&self, host: &str) -> bool {
        let within = |inner: &str, outer: &str| {
            inner == outer
                || inner
                    .strip_suffix(outer)
                    .is_some_and(|head| head.ends_with('.'))
        };
        let names = self
            .allow
            .iter()
            .filter_map(|name| Tables::clean_host(name));
        names
            .into_iter()
            .any(|name| within(host, &name) || within(&name, host))
    }

    fn allowed(&self, value: &str) -> Refusal {
        let mut scratch = Scratch::default();
        let lists = self
            .tables
            .site(value, &mut scratch)
            .map(|site| site.warnings);
        let names: Vec<_> = lists
            .unwrap_or_default()
            .iter()
            .filter_map(|list| self.tables.warning_list(list))
            .map(|list| list.id.as_str())
            .collect();
        let why = match names.is_empty() {
            true => "shared, or a name below it".to_owned(),
            false => names.join(", "),
        };
        Refusal::Allowed(value.to_owned(), why)
    }

    fn url(&self, url: &str, grounds: &'static str) -> Result<Named, Refusal> {
        let value = url.split('#').next().unwrap_or_default().to_owned();
        self.allows(ListedKind::Url, &value)?;
        Ok(Named {
            kind: ListedKind::Url,
            value,
            grounds,
        })
    }

    fn network(&self, text: &str, control: bool) -> Result<Named, Refusal> {
        let (ip, length) = network(text).ok_or_else(|| Refusal::NotAName(text.to_owned()))?;
        if !control {
            return Err(Refusal::Address(text.to_owned()));
        }
        let value = print(ip, length);
        let kind = match value.contains('/') {
            true => ListedKind::Cidr,
            false => ListedKind::Ip,
        };
        self.allows(kind, &value)?;
        Ok(Named {
            kind,
            value,
            grounds: "the address of a command server",
        })
    }

    fn public(&self, ip: IpAddr, length: u8, value: &str) -> Result<(), Refusal> {
        let (widest, whole) = match ip {
            IpAddr::V4(_) => (WIDEST.0, 32),
            IpAddr::V6(_) => (WIDEST.1, 128),
        };
        if length < widest || length > whole || special(ip) {
            return Err(Refusal::Network(value.to_owned()));
        }
        let (first, last) = ends(ip, length);
        let own = self.allow.iter().filter_map(|text| network(text));
        for (ip, length) in own {
            let (from, to) = ends(ip, length);
            if from <= last && first <= to {
                let why = "the site's own list".to_owned();
                return Err(Refusal::Allowed(value.to_owned(), why));
            }
        }
        let warned = |index| !self.tables.facts(index).warnings.is_empty();
        let hit = match length == whole {
            true => warned(self.tables.ip(ip)),
            false => self
                .tables
                .ip_ranges()
                .any(|(from, to, index)| from <= last && first <= to && warned(index)),
        };
        match hit {
            true => Err(Refusal::Allowed(
                value.to_owned(),
                "a warning list".to_owned(),
            )),
            false => Ok(()),
        }
    }
}

/// Whether a name is made of what zones and hosts files take as it is.
fn plain(name: &str) -> bool {
    name.len() <= 253
        && name.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|byte| {
                    byte.is_ascii_lowercase()
                        || byte.is_ascii_digit()
                        || matches!(byte, b'-' | b'_')
                })
        })
}

/// Whether a URL names more than the root of its host.
fn has_path(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    !path.trim_start_matches('/').is_empty()
}

/// Reads an address or a prefix; the bits behind the prefix are cleared.
pub fn network(text: &str) -> Option<(IpAddr, u8)> {
    let text = text.trim();
    let (ip, length) = match text.split_once('/') {
        Some((ip, length)) => (ip.parse::<IpAddr>().ok()?, Some(length.parse::<u8>().ok()?)),
        None => (text.parse::<IpAddr>().ok()?, None),
    };
    let whole = if ip.is_ipv4() { 32 } else { 128 };
    let length = length.unwrap_or(whole);
    (length <= whole).then(|| (ends(ip, length).0, length))
}

/// An address alone, or with the length of its prefix.
pub(super) fn print(ip: IpAddr, length: u8) -> String {
    let whole = if ip.is_ipv4() { 32 } else { 128 };
    match length == whole {
        true => ip.to_string(),
        false => format!("{ip}/{length}"),
    }
}

/// First and last address of a prefix.
fn ends(ip: IpAddr, length: u8) -> (IpAddr, IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            let mask = u32::MAX
                .checked_shl(32 - u32::from(length.min(32)))
                .unwrap_or(0);
            let bits = u32::from(ip);
            (
                IpAddr::V4((bits & mask).into()),
                IpAddr::V4((bits | !mask).into()),
            )
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX
                .checked_shl(128 - u32::from(length.min(128)))
                .unwrap_or(0);
            let bits = u128::from(ip);
            (
                IpAddr::V6((bits & mask).into()),
                IpAddr::V6((bits | !mask).into()),
            )
        }
    }
}

/// Addresses that are nobody's on the internet (RFC 6890); those for documentation pass, as they block
/// nobody.
fn special(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_broadcast()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(ip) => {
            let first = ip.segments()[0];
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.to_ipv4_mapped().is_some()
                || first & 0xffc0 == 0xfe80
                || first & 0xfe00 == 0xfc00
        }
    }
}
