//! What an event counts as: the one place where a row of the lake becomes something to be counted.
//!
//! [`visit`] looks at one row and names the keys that it adds to, with the attributes the statistics
//! divide by. The tally, explanations and breakdowns all go through it, so a figure, the lines that
//! explain it and its division by day or province cannot disagree about what is counted.
//!
//! Rules, beyond RSIT's own (DOMAIN sections 1.4 and 4.2):
//! * Infected host: `infected-system`, with an address inside. It is Conficker (M3) if its malware
//!   or the family of it is one of [`CONFICKER`], else M2.
//! * Hosting site: `malware-distribution`. Its domain is the registrable domain of the host; its
//!   addresses are the event's address and a literal address in the URL.
//! * Defaced: `unauthorised-information-modification` with a site. A site is a registrable domain; a
//!   site reached by its address alone is that address.
//! * Backdoored: `system-compromise` or `application-compromise` with a site, whose identifier is
//!   `compromised-website` (Shadowserver's reports of web servers that were taken over) or speaks of
//!   a backdoor or web shell. A compromised device without a site is none.
//! * Phishing page: `phishing` with a URL whose imitated party belongs to the territory.
//! * Vulnerability record: an id of the form CNVD-….
//! * What a warning list names (a top site, a public resolver) is not counted as infected, hosting
//!   or phishing; it is counted apart. Defaced and backdoored sites and vulnerability records are
//!   victims, so no warning keeps them out.

use std::net::IpAddr;

use model::statistic::Observed;

use super::columns::Columns;

/// Names of the Conficker worm that sources use.
pub const CONFICKER: [&str; 4] = ["conficker", "downadup", "kido", "飞客"];

/// A group of keys that are distinct among themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Base {
    /// Addresses of infected hosts. First: trojan or bot. Second: Conficker. Code: province.
    Infected,
    /// Domains of hosting sites. Code: territory. Word: TLD.
    HostingDomain,
    /// Addresses of hosting sites. Second: reached without a domain. Code: territory.
    HostingAddress,
    /// Defaced sites. Code: site type.
    Defaced,
    /// Backdoored sites. Code: site type.
    Backdoored,
    /// Phishing pages against the territory. Second: with a known address. Word: sector.
    PhishingPage,
    /// Their domains.
    PhishingDomain,
    /// Their addresses.
    PhishingAddress,
    /// Phishing pages against others (code 2) or against nobody known (code 0).
    PhishingElsewhere,
    /// Vulnerability records. Code: severity. Word: kind of object.
    Vulnerability,
    /// Malware names.
    MalwareName,
    /// Infected hosts on a warning list.
    WarnedInfected,
    /// Hosting sites on a warning list.
    WarnedHosting,
    /// Phishing pages on a warning list.
    WarnedPhishing,
}

impl Base {
    /// How many there are.
    pub const COUNT: usize = Base::WarnedPhishing as usize + 1;

    /// Of two codes for one key the one that stays, so that the order of rows is of no account: the
    /// highest severity, else the lowest known code.
    pub fn settle(self, a: u16, b: u16) -> u16 {
        match (self, a, b) {
            (Base::Vulnerability | Base::PhishingElsewhere, ..) => a.max(b),
            (_, 0, known) | (_, known, 0) => known,
            _ => a.min(b),
        }
    }
}

/// An address as a compact key; IPv4-mapped IPv6 is IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IpKey {
    /// IPv4.
    V4(u32),
    /// IPv6.
    V6(u128),
}

impl IpKey {
    /// From the lake's 4 or 16 bytes.
    #[inline]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
            return Some(IpKey::V4(u32::from_be_bytes(v4)));
        }
        Some(Self::from_ip(IpAddr::from(
            <[u8; 16]>::try_from(bytes).ok()?,
        )))
    }

    fn from_ip(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(v4) => IpKey::V4(v4.to_bits()),
            IpAddr::V6(v6) => IpKey::V6(v6.to_bits()),
        }
    }

    /// From the host of a URL, where that is a literal address.
    fn of_host(host: &str) -> Option<Self> {
        if !host.starts_with(['[', ':']) && !host.ends_with(|c: char| c.is_ascii_hexdigit()) {
            return None;
        }
        host.trim_start_matches('[')
            .trim_end_matches(']')
            .parse()
            .ok()
            .map(Self::from_ip)
    }
}

impl std::fmt::Display for IpKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            IpKey::V4(bits) => std::net::Ipv4Addr::from_bits(*bits).fmt(f),
            IpKey::V6(bits) => std::net::Ipv6Addr::from_bits(*bits).fmt(f),
        }
    }
}

/// What is counted once.
#[derive(Clone, Copy, Debug)]
pub enum Key<'a> {
    /// An address.
    Ip(IpKey),
    /// A URL, domain, id or name.
    Text(&'a str),
}

/// One key that a row adds to.
#[derive(Clone, Copy, Debug)]
pub struct Hit<'a> {
    /// Among which keys.
    pub base: Base,
    /// The key.
    pub key: Key<'a>,
    /// The row says the first thing about it.
    pub first: bool,
    /// The row says the second thing about it.
    pub second: bool,
    /// Attribute; 0 is not known.
    pub code: u16,
    /// Attribute in words.
    pub word: Option<&'a str>,
}

/// Receives what a row counts as.
pub trait Sink {
    /// The row is about such a thing and has values in these fields ([`field_bits`]).
    fn saw(&mut self, observed: Observed, fields: u16);
    /// The row adds to a key.
    fn hit(&mut self, hit: Hit<'_>);
}

/// Columns whose presence decides what a feed can supply, in the order of their bits.
pub const EVIDENCE: [&str; 12] = [
    "source_ip",
    "territory",
    "province",
    "source_url",
    "domain",
    "domain_territory",
    "tld",
    "target_territory",
    "sector",
    "severity",
    "object_type",
    "malware_name",
];

const ADDRESS: u16 = 1;
const TERRITORY: u16 = 1 << 1;
const PROVINCE: u16 = 1 << 2;
const URL: u16 = 1 << 3;
const DOMAIN: u16 = 1 << 4;
const DOMAIN_TERRITORY: u16 = 1 << 5;
const TLD: u16 = 1 << 6;
const TARGET: u16 = 1 << 7;
const SECTOR: u16 = 1 << 8;
const SEVERITY: u16 = 1 << 9;
const OBJECT: u16 = 1 << 10;
const MALWARE: u16 = 1 << 11;

/// The bits of named columns; a name outside [`EVIDENCE`] has none.
pub fn field_bits(fields: &[&str]) -> u16 {
    let bit = |name: &&str| {
        EVIDENCE
            .iter()
            .position(|field| field == name)
            .map_or(0, |at| 1 << at)
    };
    fields.iter().map(bit).fold(0, |bits, bit| bits | bit)
}

/// The columns that have a bit set.
pub fn field_names(bits: u16) -> Vec<String> {
    EVIDENCE
        .iter()
        .enumerate()
        .filter(|(at, _)| bits & (1 << at) != 0)
        .map(|(_, name)| (*name).to_owned())
        .collect()
}

/// What the classification of a row makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Nothing,
    Infected,
    Hosting,
    Malicious,
    Modified,
    Compromised,
    Phishing,
}

/// Whether rows of the class name malware that counts.
pub(super) fn names_malware(class_type: &str) -> bool {
    let kind = kind_of(class_type);
    matches!(kind, Kind::Infected | Kind::Hosting | Kind::Malicious)
}

fn kind_of(class_type: &str) -> Kind {
    match class_type {
        "infected-system" => Kind::Infected,
        "malware-distribution" => Kind::Hosting,
        "c2-server" | "malware-configuration" | "malware" => Kind::Malicious,
        "unauthorised-information-modification" => Kind::Modified,
        "system-compromise" | "application-compromise" => Kind::Compromised,
        "phishing" => Kind::Phishing,
        _ => Kind::Nothing,
    }
}

/// Family of a malware name: `victorygate` of `victorygate.b`, `mirai` of `linux/mirai.a!tr`. The
/// part after the last `/` or `:`, up to the first of `.`, `!`, `@` or `#`; names without such
/// marks are their own family.
pub fn family(name: &str) -> &str {
    let tail = name
        .rsplit(['/', ':'])
        .find(|part| !part.is_empty())
        .unwrap_or(name);
    let family = tail
        .split(['.', '!', '@', '#'])
        .find(|part| !part.is_empty());
    family
        .map(str::trim)
        .filter(|family| !family.is_empty())
        .unwrap_or(name)
}

fn is_conficker(name: &str) -> bool {
    let family = family(name);
    CONFICKER
        .iter()
        .any(|known| name == *known || family == *known)
}

pub(super) fn is_backdoor(identifier: &str) -> bool {
    identifier == "compromised-website"
        || ["backdoor", "webshell", "web-shell", "后门"]
            .iter()
            .any(|mark| identifier.contains(mark))
}

/// Type of a site (W8, W9): the codes of [`SITE_TYPES`] from 1.
pub const SITE_TYPES: [&str; 6] = ["com", "net", "gov", "org", "edu", "other"];

fn site_type(owner_class: u8, tld: Option<&str>) -> u16 {
    match (owner_class, tld) {
        (1, _) => 3,
        (2, _) => 5,
        (_, Some("com")) => 1,
        (_, Some("net")) => 2,
        (_, Some("org")) => 4,
        _ => 6,
    }
}

/// What a batch's classification columns say, decided once a batch and not once a row.
pub struct Plan {
    kinds: Vec<Kind>,
    conficker: Vec<bool>,
    backdoor: Vec<bool>,
    vulnerabilities: bool,
    named: bool,
}

impl Plan {
    /// Looks at a batch; `None` where no row of it can count.
    pub fn of(columns: &Columns<'_>) -> Option<Self> {
        let kinds = columns
            .class_type
            .codes(columns.rows, Kind::Nothing, kind_of);
        let vulnerabilities = !columns.vulnerability_id.is_void();
        if !vulnerabilities && kinds.iter().all(|kind| *kind == Kind::Nothing) {
            return None;
        }
        let has = |kind| kinds.contains(&kind);
        let conficker = if has(Kind::Infected) && !columns.malware_name.is_void() {
            columns
                .malware_name
                .codes(columns.rows, false, is_conficker)
        } else {
            Vec::new()
        };
        let backdoor = if has(Kind::Compromised) {
            columns
                .class_identifier
                .codes(columns.rows, false, is_backdoor)
        } else {
            Vec::new()
        };
        let named = !columns.malware_name.is_void();
        Some(Plan {
            kinds,
            conficker,
            backdoor,
            vulnerabilities,
            named,
        })
    }
}

fn flag(condition: bool, bit: u16) -> u16 {
    if condition { bit } else { 0 }
}

const fn plain(base: Base, key: Key<'_>) -> Hit<'_> {
    Hit {
        base,
        key,
        first: true,
        second: false,
        code: 0,
        word: None,
    }
}

/// Names what a row counts as.
#[inline]
pub fn visit(columns: &Columns<'_>, plan: &Plan, row: usize, sink: &mut impl Sink) {
    let kind = plan.kinds[row];
    if plan.named
        && matches!(kind, Kind::Infected | Kind::Hosting | Kind::Malicious)
        && let Some(name) = columns.malware_name.get(row)
    {
        sink.saw(Observed::MalwareName, MALWARE);
        sink.hit(plain(Base::MalwareName, Key::Text(name)));
    }
    match kind {
        Kind::Infected => infected(columns, plan, row, sink),
        Kind::Hosting => hosting(columns, row, sink),
        Kind::Modified => site(columns, row, Observed::Defacement, Base::Defaced, sink),
        Kind::Compromised if plan.backdoor[row] => {
            site(columns, row, Observed::Backdoor, Base::Backdoored, sink);
        }
        Kind::Phishing => phishing(columns, row, sink),
        Kind::Malicious | Kind::Compromised | Kind::Nothing => {}
    }
    if plan.vulnerabilities {
        vulnerability(columns, row, sink);
    }
}

#[inline]
fn infected(columns: &Columns<'_>, plan: &Plan, row: usize, sink: &mut impl Sink) {
    let Some(ip) = columns.source_ip.get(row).and_then(IpKey::of) else {
        return;
    };
    let territory = columns.territory.get(row).unwrap_or(0);
    // GB/T 2260: NN0000; the two digits identify the province.
    let province = columns
        .province
        .get(row)
        .and_then(|code| u16::try_from(code / 10_000).ok())
        .unwrap_or(0);
    let named = plan.named && columns.malware_name.get(row).is_some();
    sink.saw(
        Observed::InfectedHost,
        ADDRESS
            | flag(territory != 0, TERRITORY)
            | flag(province != 0, PROVINCE)
            | flag(named, MALWARE),
    );
    if territory != 1 {
        return;
    }
    let key = Key::Ip(ip);
    if columns.warning.get(row).is_some() {
        return sink.hit(plain(Base::WarnedInfected, key));
    }
    let conficker = plan.conficker.get(row).copied().unwrap_or(false);
    sink.hit(Hit {
        base: Base::Infected,
        key,
        first: !conficker,
        second: conficker,
        code: province,
        word: None,
    });
}

fn hosting(columns: &Columns<'_>, row: usize, sink: &mut impl Sink) {
    let domain = columns.domain.get(row);
    let address = columns.source_ip.get(row).and_then(IpKey::of);
    let literal = match (domain, columns.source_url.get(row)) {
        (None, Some(_)) => columns.host.get(row).and_then(IpKey::of_host),
        _ => None,
    };
    let territory = columns.territory.get(row).unwrap_or(0);
    let domain_territory = columns.domain_territory.get(row).unwrap_or(0);
    let tld = columns.tld.get(row);
    sink.saw(
        Observed::HostingSite,
        flag(address.is_some() || literal.is_some(), ADDRESS)
            | flag(territory != 0, TERRITORY)
            | flag(columns.source_url.get(row).is_some(), URL)
            | flag(domain.is_some(), DOMAIN)
            | flag(domain_territory != 0, DOMAIN_TERRITORY)
            | flag(domain.is_some() && tld.is_some(), TLD),
    );
    if columns.warning.get(row).is_some() {
        let key = domain.map(Key::Text).or(address.or(literal).map(Key::Ip));
        return key
            .into_iter()
            .for_each(|key| sink.hit(plain(Base::WarnedHosting, key)));
    }
    if let Some(domain) = domain {
        let code = u16::from(domain_territory);
        sink.hit(Hit {
            code,
            word: tld,
            ..plain(Base::HostingDomain, Key::Text(domain))
        });
    }
    let code = u16::from(territory);
    if let Some(address) = address {
        let second = literal == Some(address);
        sink.hit(Hit {
            code,
            second,
            ..plain(Base::HostingAddress, Key::Ip(address))
        });
    }
    // The territory column speaks of the event's own address, not of another in the URL.
    if let Some(literal) = literal.filter(|literal| address != Some(*literal)) {
        let code = if address.is_none() { code } else { 0 };
        sink.hit(Hit {
            code,
            second: true,
            ..plain(Base::HostingAddress, Key::Ip(literal))
        });
    }
}

fn site(columns: &Columns<'_>, row: usize, observed: Observed, base: Base, sink: &mut impl Sink) {
    let Some(site) = columns.domain.get(row).or(columns.host.get(row)) else {
        return;
    };
    let territory = columns.territory.get(row).unwrap_or(0);
    let domain_territory = columns.domain_territory.get(row).unwrap_or(0);
    let known = territory != 0 || domain_territory != 0;
    sink.saw(observed, DOMAIN | flag(known, TERRITORY));
    let inside = domain_territory == 1 || (domain_territory == 0 && territory == 1);
    if inside {
        let code = site_type(
            columns.owner_class.get(row).unwrap_or(0),
            columns.tld.get(row),
        );
        sink.hit(Hit {
            code,
            ..plain(base, Key::Text(site))
        });
    }
}

fn phishing(columns: &Columns<'_>, row: usize, sink: &mut impl Sink) {
    let Some(url) = columns.source_url.get(row) else {
        return;
    };
    let domain = columns.domain.get(row);
    let own = columns.source_ip.get(row).and_then(IpKey::of);
    let literal = if domain.is_none() {
        columns.host.get(row).and_then(IpKey::of_host)
    } else {
        None
    };
    let address = own.or(literal);
    let target = columns.target_territory.get(row).unwrap_or(0);
    let sector = columns.sector.get(row);
    sink.saw(
        Observed::PhishingPage,
        URL | flag(address.is_some(), ADDRESS)
            | flag(domain.is_some(), DOMAIN)
            | flag(target != 0, TARGET)
            | flag(sector.is_some(), SECTOR),
    );
    let page = Key::Text(url);
    if target != 1 {
        return sink.hit(Hit {
            code: u16::from(target),
            ..plain(Base::PhishingElsewhere, page)
        });
    }
    if columns.warning.get(row).is_some() {
        return sink.hit(plain(Base::WarnedPhishing, page));
    }
    sink.hit(Hit {
        second: address.is_some(),
        word: sector,
        ..plain(Base::PhishingPage, page)
    });
    if let Some(domain) = domain {
        sink.hit(plain(Base::PhishingDomain, Key::Text(domain)));
    }
    for address in [own, literal.filter(|literal| own != Some(*literal))]
        .into_iter()
        .flatten()
    {
        sink.hit(plain(Base::PhishingAddress, Key::Ip(address)));
    }
}

/// Severities by code.
pub const SEVERITIES: [&str; 4] = ["unrated", "low", "medium", "high"];

fn vulnerability(columns: &Columns<'_>, row: usize, sink: &mut impl Sink) {
    let Some(id) = columns
        .vulnerability_id
        .get(row)
        .filter(|id| id.starts_with("CNVD-"))
    else {
        return;
    };
    let code = match columns.severity.get(row) {
        Some("high" | "critical") => 3,
        Some("medium") => 2,
        Some("low") => 1,
        _ => 0,
    };
    let word = columns.object_type.get(row);
    sink.saw(
        Observed::VulnerabilityRecord,
        flag(code != 0, SEVERITY) | flag(word.is_some(), OBJECT),
    );
    sink.hit(Hit {
        code,
        word,
        ..plain(Base::Vulnerability, Key::Text(id))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_and_conficker() {
        for (name, expected) in [
            ("victorygate.b", "victorygate"),
            ("linux/mirai.a!tr", "mirai"),
            ("trojan:win32/zeus", "zeus"),
            ("cobalt strike c2", "cobalt strike c2"),
            (".net", "net"),
            ("/", "/"),
        ] {
            assert_eq!(family(name), expected);
        }
        for name in ["conficker", "conficker.c", "w32/downadup.b", "kido", "飞客"] {
            assert!(is_conficker(name), "{name}");
        }
        assert!(!is_conficker("confickerlike"));
    }

    #[test]
    fn addresses_have_one_key_each() {
        let v4 = IpKey::of(&[192, 0, 2, 1]);
        let mapped = IpKey::of(
            &"::ffff:192.0.2.1"
                .parse::<std::net::Ipv6Addr>()
                .expect("an address")
                .octets(),
        );
        assert_eq!(v4, mapped);
        assert_eq!(v4.expect("key").to_string(), "192.0.2.1");
        assert_eq!(IpKey::of_host("192.0.2.1"), v4);
        assert_eq!(
            IpKey::of_host("[2001:db8::1]").expect("key").to_string(),
            "2001:db8::1"
        );
        assert_eq!(IpKey::of_host("www.example"), None);
        assert_eq!(IpKey::of(&[1, 2, 3]), None);
    }

    #[test]
    fn evidence_has_a_bit_each() {
        assert_eq!(
            field_bits(&["source_ip", "malware_name"]),
            ADDRESS | MALWARE
        );
        assert_eq!(field_bits(&["target_territory"]), TARGET);
        assert_eq!(
            field_names(TERRITORY | OBJECT),
            ["territory", "object_type"]
        );
    }

    #[test]
    fn codes_settle_in_any_order() {
        assert_eq!(Base::Infected.settle(0, 44), 44);
        assert_eq!(Base::Infected.settle(44, 11), 11);
        assert_eq!(Base::Vulnerability.settle(1, 3), 3);
        assert_eq!(Base::Vulnerability.settle(3, 0), 3);
    }
}
