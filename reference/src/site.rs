//! What a host name tells by itself: registrable domain, suffix, country, owner, warnings.
//!
//! Nothing is resolved. One table keyed by name suffix holds the Public Suffix List's rules, owner
//! classes and warning lists together, so a host costs one probe per label. The list's algorithm is
//! followed as published (publicsuffix.org: longest rule, exceptions first, unlisted top-level
//! domains count as suffixes), ICANN and private section alike: a page under a hoster's public
//! suffix is a domain of its own. Without an imported list the one compiled into the `psl` crate
//! answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::territory::{OwnerClass, Territory};
use rustc_hash::FxHashMap;

use crate::Country;
use crate::cidr::parse_v4;
use crate::names::{Names, rows};
use crate::territory::TerritoryRule;
use crate::warning::WarningSet;

const OWNER_CLASSES: &str = include_str!("../data/owner_classes.csv");

/// The built-in table's text, for the fingerprint.
pub(crate) const BUILT_IN: [&str; 1] = [OWNER_CLASSES];

/// Reusable memory for hosts that must be rewritten (capitals, IDN). One per worker.
#[derive(Debug, Default)]
pub struct Scratch {
    text: String,
}

/// What a host name tells. Text is borrowed from the input or from the scratch memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SiteFacts<'a> {
    /// The name in lower-case A-label form without a trailing dot; an address as it was written.
    pub host: &'a str,
    /// Set where the host is an address (also in the forms `[::1]`, `0x7f.1` and `2130706433` that
    /// browsers take); then there is no domain, suffix or country.
    pub address: Option<IpAddr>,
    /// Registrable domain: public suffix and one label more. `None` for a bare public suffix.
    pub domain: Option<&'a str>,
    /// Public suffix, such as `com.cn`.
    pub suffix: Option<&'a str>,
    /// Last label, such as `cn`.
    pub tld: Option<&'a str>,
    /// Where the suffix comes from.
    pub suffix_kind: SuffixKind,
    /// Country in which the domain counts as registered: that of the top-level domain, or of a longer
    /// suffix that an imported table gives a country; `None` for a gTLD.
    pub country: Option<Country>,
    /// Where the domain counts as registered, see [`crate::TerritoryRule`].
    pub territory: Territory,
    /// Whose site it is by its name.
    pub owner: OwnerClass,
    /// Warning lists that name the host or a name above it (or the address).
    pub warnings: WarningSet,
}

/// Where a public suffix comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SuffixKind {
    /// In no list: the last label counts as the suffix.
    #[default]
    Unlisted,
    /// Delegated by a registry.
    Icann,
    /// Offered by a hoster, such as a blog platform.
    Private,
}

/// What is known of a name and what lies below it.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// Rules of the Public Suffix List: `name`.
    rule: Option<SuffixKind>,
    /// `*.name`.
    wildcard: Option<SuffixKind>,
    /// `!name`.
    exception: Option<SuffixKind>,
    owner: Option<OwnerClass>,
    /// Country in which names below it are registered.
    country: Option<Country>,
    /// Lists that name it and everything below.
    below: u128,
    /// Lists that name exactly it.
    exact: u128,
}

/// A rule of the Public Suffix List for one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Plain,
    Wildcard,
    Exception,
}

/// The table of name suffixes.
#[derive(Debug)]
pub(crate) struct SiteTable {
    entries: FxHashMap<Box<str>, Entry>,
    /// Owner class of `label.cc` for any two-letter top-level domain: `gov.*`.
    second_level: FxHashMap<Box<str>, OwnerClass>,
    /// Whether a Public Suffix List is imported.
    has_rules: bool,
    /// No entry is longer; walks stop there.
    longest: usize,
}

impl SiteTable {
    /// The built-in owner classes and nothing else.
    pub fn built_in() -> Self {
        let mut table = SiteTable {
            entries: FxHashMap::default(),
            second_level: FxHashMap::default(),
            has_rules: false,
            longest: 0,
        };
        for row in rows(OWNER_CLASSES) {
            let class = OwnerClass::named(&row[1]).expect("built-in owner classes are known words");
            table
                .set_owner(&row[0], class)
                .expect("built-in suffixes are host names");
        }
        table
    }

    fn entry(&mut self, name: &str) -> &mut Entry {
        self.longest = self.longest.max(name.len());
        self.entries.entry(name.into()).or_default()
    }

    /// Adds a rule of the Public Suffix List; `name` comes from [`clean_name`].
    pub fn add_rule(&mut self, name: &str, rule: Rule, kind: SuffixKind) {
        self.has_rules = true;
        let entry = self.entry(name);
        match rule {
            Rule::Plain => entry.rule = Some(kind),
            Rule::Wildcard => entry.wildcard = Some(kind),
            Rule::Exception => entry.exception = Some(kind),
        }
    }

    /// Sets whose the name and everything below is. `label.*` stands for the label under every
    /// two-letter top-level domain. Errors say why the suffix cannot be used.
    pub fn set_owner(&mut self, suffix: &str, class: OwnerClass) -> Result<(), &'static str> {
        let suffix = suffix
            .trim()
            .trim_start_matches("*.")
            .trim_start_matches('.');
        let wild = suffix.strip_suffix(".*");
        let name = clean_name(wild.unwrap_or(suffix)).ok_or("not a host name suffix")?;
        match wild {
            None => self.entry(&name).owner = Some(class),
            Some(_) if name.contains('.') => return Err("only one label may stand before .*"),
            Some(_) => {
                self.second_level.insert(name.into(), class);
            }
        }
        Ok(())
    }

    /// Sets in which country names below a suffix are registered, where its top-level domain does not
    /// say so or says otherwise. Errors say why the suffix cannot be used.
    pub fn set_country(&mut self, suffix: &str, country: Country) -> Result<(), &'static str> {
        let suffix = suffix.trim_start_matches("*.").trim_start_matches('.');
        let name = clean_name(suffix).ok_or("not a host name suffix")?;
        self.entry(&name).country = Some(country);
        Ok(())
    }

    /// Adds a name to warning list number `list`, with everything below it or alone.
    pub fn warn(&mut self, name: &str, list: u8, below: bool) {
        let entry = self.entry(name);
        *(if below {
            &mut entry.below
        } else {
            &mut entry.exact
        }) |= 1 << list;
    }

    /// Reads a host and looks it up; `None` if it is no host name or address.
    pub fn find<'a>(
        &self,
        host: &'a str,
        scratch: &'a mut Scratch,
        names: &Names,
        rule: &TerritoryRule,
    ) -> Option<SiteFacts<'a>> {
        let name = match read_host(host, &mut scratch.text)? {
            Host::Name(name) => name,
            Host::Address(address) => {
                return Some(SiteFacts {
                    host,
                    address: Some(address),
                    domain: None,
                    suffix: None,
                    tld: None,
                    suffix_kind: SuffixKind::Unlisted,
                    country: None,
                    territory: Territory::Unknown,
                    owner: OwnerClass::Other,
                    warnings: WarningSet::default(),
                });
            }
        };
        let walked = self.walk(name);
        let (suffix_at, suffix_kind) = match self.has_rules {
            true => (walked.suffix_at, walked.suffix_kind),
            false => compiled_suffix(name),
        };
        let tld = &name[name.rfind('.').map_or(0, |dot| dot + 1)..];
        let country = walked.country.or_else(|| names.country_of_tld(tld));
        let domain = (suffix_at > 0).then(|| {
            let above = &name[..suffix_at - 1];
            &name[above.rfind('.').map_or(0, |dot| dot + 1)..]
        });
        Some(SiteFacts {
            host: name,
            address: None,
            domain,
            suffix: Some(&name[suffix_at..]),
            tld: Some(tld),
            suffix_kind,
            country,
            territory: rule.of(country),
            owner: walked.owner,
            warnings: WarningSet(walked.warnings),
        })
    }

    /// Probes every suffix of the name, from the last label to the whole.
    fn walk(&self, name: &str) -> Walked {
        let mut walked = Walked {
            suffix_at: 0,
            suffix_kind: SuffixKind::Unlisted,
            owner: OwnerClass::Other,
            country: None,
            warnings: 0,
        };
        let (mut wildcard, mut settled) = (None, false);
        let (mut start, mut above, mut depth) = (name.len(), 0, 0u32);
        loop {
            let end = start.saturating_sub(usize::from(depth > 0));
            start = memchr::memrchr(b'.', &name.as_bytes()[..end]).map_or(0, |dot| dot + 1);
            depth += 1;
            if depth == 1 {
                walked.suffix_at = start;
            }
            if name.len() - start > self.longest && wildcard.is_none() && depth > 2 {
                return walked;
            }
            let entry = self.entries.get(&name[start..]);
            if !settled {
                let inherited = wildcard.take();
                if let Some(kind) = entry.and_then(|entry| entry.exception) {
                    // An exception's suffix is the name without its first label.
                    (walked.suffix_at, walked.suffix_kind, settled) = (above, kind, true);
                } else if let Some(kind) = entry.and_then(|entry| entry.rule).or(inherited) {
                    (walked.suffix_at, walked.suffix_kind) = (start, kind);
                }
                wildcard = entry.and_then(|entry| entry.wildcard).filter(|_| !settled);
            }
            if depth == 2
                && name.len() - above == 2
                && let Some(&class) = self.second_level.get(&name[start..above - 1])
            {
                walked.owner = class;
            }
            if let Some(entry) = entry {
                walked.owner = entry.owner.unwrap_or(walked.owner);
                walked.country = entry.country.or(walked.country);
                walked.warnings |= entry.below;
                if start == 0 {
                    walked.warnings |= entry.exact;
                }
            }
            if start == 0 {
                return walked;
            }
            above = start;
        }
    }

    /// How many names the table holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }
}

/// What a walk over a name's suffixes found.
struct Walked {
    suffix_at: usize,
    suffix_kind: SuffixKind,
    owner: OwnerClass,
    country: Option<Country>,
    warnings: u128,
}

/// Start and kind of the public suffix by the compiled list.
fn compiled_suffix(name: &str) -> (usize, SuffixKind) {
    let Some(suffix) = psl::suffix(name.as_bytes()) else {
        return (0, SuffixKind::Unlisted);
    };
    let kind = match suffix.typ() {
        Some(psl::Type::Icann) => SuffixKind::Icann,
        Some(psl::Type::Private) => SuffixKind::Private,
        None => SuffixKind::Unlisted,
    };
    (name.len() - suffix.as_bytes().len(), kind)
}

enum Host<'a> {
    Name(&'a str),
    Address(IpAddr),
}

/// Reads a host as it stands in URLs and feeds: name or address, with or without a port.
fn read_host<'a>(host: &'a str, scratch: &'a mut String) -> Option<Host<'a>> {
    // Nearly every host is clean already: one pass decides.
    if is_name(host) && !ends_in_number(host) {
        return Some(Host::Name(host));
    }
    let host = host.trim();
    if let Some(rest) = host.strip_prefix('[') {
        return parse_v6(&rest[..rest.find(']')?]).map(Host::Address);
    }
    let host = match host.find(':') {
        None => host,
        Some(colon) if host[colon + 1..].bytes().all(|byte| byte.is_ascii_digit()) => {
            &host[..colon]
        }
        Some(_) => return parse_v6(host).map(Host::Address),
    };
    let mut host = host.strip_suffix('.').unwrap_or(host);
    if !host.is_ascii() {
        let ascii = idna::domain_to_ascii_cow(host.as_bytes(), idna::AsciiDenyList::URL).ok()?;
        scratch.clear();
        scratch.push_str(&ascii);
        host = scratch.strip_suffix('.').unwrap_or(scratch);
    } else if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        scratch.clear();
        scratch.push_str(host);
        scratch.make_ascii_lowercase();
        host = scratch;
    }
    if ends_in_number(host) {
        return parse_v4_as_browsers_do(host).map(|address| Host::Address(address.into()));
    }
    is_name(host).then_some(Host::Name(host))
}

fn parse_v6(text: &str) -> Option<IpAddr> {
    let text = text.split('%').next()?; // a zone means nothing off its host (RFC 4007)
    text.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

/// Labels of 1 to 63 letters, digits, hyphens and underscores (which RFC 2181 allows and service
/// names use), 253 in all.
fn is_name(host: &str) -> bool {
    if host.is_empty() || host.len() > 253 {
        return false;
    }
    let mut label = 0;
    for byte in host.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => label += 1,
            b'.' if label > 0 => label = 0,
            _ => return false,
        }
        if label > 63 {
            return false;
        }
    }
    label > 0
}

/// Whether the last label is a number, so that the host can only be an address (WHATWG URL, host
/// parsing).
fn ends_in_number(host: &str) -> bool {
    let last = &host[host.rfind('.').map_or(0, |dot| dot + 1)..];
    if !last.starts_with(|first: char| first.is_ascii_digit()) {
        return false;
    }
    let hexadecimal = last
        .strip_prefix("0x")
        .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hexadecimal || last.bytes().all(|byte| byte.is_ascii_digit())
}

/// One to four numbers, decimal, `0x` hexadecimal or `0` octal, the last filling the rest of the
/// address (WHATWG URL, IPv4 parser): phishers write addresses so.
fn parse_v4_as_browsers_do(host: &str) -> Option<Ipv4Addr> {
    if let Some(address) = parse_v4(host.as_bytes()).filter(|_| {
        !host
            .split('.')
            .any(|part| part.len() > 1 && part.starts_with('0'))
    }) {
        return Some(address.into());
    }
    let mut numbers = [0u64; 4];
    let mut count = 0;
    for part in host.split('.') {
        let (digits, radix) = match (part.strip_prefix("0x"), part.strip_prefix('0')) {
            (Some(""), _) => ("0", 16),
            (Some(digits), _) => (digits, 16),
            (None, Some(digits)) if !digits.is_empty() => (digits, 8),
            _ => (part, 10),
        };
        *numbers.get_mut(count)? = u64::from_str_radix(digits, radix).ok()?;
        count += 1;
    }
    let (last, heads) = numbers[..count].split_last()?;
    if heads.iter().any(|&head| head > 255) || *last >= 1 << (8 * (5 - count as u32)) {
        return None;
    }
    let address = heads.iter().enumerate().fold(*last, |address, (at, head)| {
        address | head << (8 * (3 - at as u32))
    });
    u32::try_from(address).ok().map(Ipv4Addr::from)
}

/// The form of a name that tables are keyed by: lower-case A-labels. `None` for addresses and for
/// what is no name.
pub(crate) fn clean_name(name: &str) -> Option<String> {
    let mut scratch = String::new();
    match read_host(name, &mut scratch)? {
        Host::Name(name) => Some(name.to_owned()),
        Host::Address(_) => None,
    }
}

/// The host part of a URL as it is written, without user and port: `None` where there is none. A
/// text without `://` is taken as beginning with its host. Backslashes end the host as slashes do,
/// as browsers read them (WHATWG URL).
pub fn url_host(url: &str) -> Option<&str> {
    let url = url.trim();
    let rest = match url.find("://") {
        // Only a scheme may stand before: `host/path?next=http://...` has its host in front.
        Some(at)
            if url[..at]
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')) =>
        {
            &url[at + 3..]
        }
        _ => url,
    };
    let rest = rest.trim_start_matches(['/', '\\']);
    let authority = &rest[..rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len())];
    let host = &authority[authority.rfind('@').map_or(0, |at| at + 1)..];
    let host = if host.starts_with('[') {
        &host[..host.find(']')? + 1]
    } else {
        match host.rfind(':') {
            Some(colon)
                if host[colon + 1..].bytes().all(|byte| byte.is_ascii_digit())
                    && host.find(':') == Some(colon) =>
            {
                &host[..colon]
            }
            _ => host,
        }
    };
    (!host.is_empty()).then_some(host)
}

/// A name as people read it: A-labels decoded to Unicode where that is possible.
pub fn display_host(host: &str) -> String {
    let (text, outcome) = idna::domain_to_unicode(host);
    if outcome.is_ok() {
        text
    } else {
        host.to_owned()
    }
}

#[cfg(test)]
#[path = "site_tests.rs"]
mod tests;
