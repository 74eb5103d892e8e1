//! Text of a source to the typed value of a field: the sanitising rules, in one table.
//!
//! Every reader calls [`set`] with the text as the source wrote it. The rules follow IntelMQ's data
//! format 3.5.0 (its strict checks and its sanitising), because most feeds rely on the sanitising:
//! `-` and `N/A` are no value, names are lower case, `hxxp` is `http`, a country code is upper case.
//! What does not fit its field is a [`BadValue`]; the reader decides whether that rejects the row or
//! keeps the text in `extra`. Not here: rules of one format only (Shadowserver's functions are in
//! [`crate::shadowserver`]). The paths of short ASCII values allocate nothing.

mod name;
mod time;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::tz::TimeZone;
use model::classification::classification;
use model::field::Field;
use model::record::Record;
use model::reject::{Reject, RejectReason};

pub use name::{host, is_plain_host, refang, url};
pub use time::{Written, http_date, instant, time, time_by_pattern, utc_time};

/// A value that does not have the form its field asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadValue {
    /// The field it was meant for.
    pub field: Field,
    /// The form asked for, to be read after "is not".
    pub expected: &'static str,
    /// How a row rejected for it is labelled.
    pub reason: RejectReason,
}

impl BadValue {
    fn new(field: Field, expected: &'static str) -> Self {
        let reason = if field == Field::ObservedAt {
            RejectReason::BadTime
        } else {
            RejectReason::BadValue
        };
        BadValue {
            field,
            expected,
            reason,
        }
    }

    /// The message for a person: the column, the value (its first 100 characters) and the rule.
    pub fn message(&self, text: &str) -> String {
        format!(
            "{}: `{}` is not {}",
            self.field,
            shorten(text.trim()),
            self.expected
        )
    }

    /// The reject of a row that is at hand as a whole.
    pub fn reject(&self, text: &str, line: u64, offset: u64, raw: &[u8]) -> Reject {
        Reject::new(line, offset, self.reason, self.message(text), raw)
    }
}

/// The first 100 characters of a text that goes into a message.
pub fn shorten(text: &str) -> String {
    match text.char_indices().nth(100) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

/// The trimmed text, or `None` where the source says nothing: empty, `-` or `N/A`.
#[inline]
pub fn given(text: &str) -> Option<&str> {
    let solid = |byte: Option<&u8>| byte.is_some_and(|byte| (0x21..0x7f).contains(byte));
    let bytes = text.as_bytes();
    let trimmed = solid(bytes.first()) && solid(bytes.last());
    if trimmed && bytes.len() > 3 {
        return Some(text);
    }
    let text = if trimmed { text } else { text.trim() };
    match text.as_bytes() {
        [] | b"-" | b"N/A" => None,
        _ => Some(text),
    }
}

/// How the text of a field is sanitised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Trimmed, else as written.
    Text,
    Lower,
    Upper,
    Ip,
    Port,
    Asn,
    Host,
    Url,
    Network,
    /// Hex digits, this many, lower case.
    Hash(usize),
    Country,
    Type,
    Severity,
    Tlp,
    Vulnerabilities,
    Accuracy,
    Fingerprint,
    Tags,
    Time,
}

fn rule(field: Field) -> Rule {
    use Field::*;
    match field {
        ObservedAt => Rule::Time,
        ClassType => Rule::Type,
        SourceIp | DestinationIp | SourceLocalIp => Rule::Ip,
        SourcePort | DestinationPort => Rule::Port,
        SourceAsn | DestinationAsn => Rule::Asn,
        SourceHost | DestinationHost | SourceReverseDns | DestinationReverseDns => Rule::Host,
        SourceUrl | DestinationUrl | DescriptionUrl | ScreenshotUrl => Rule::Url,
        SourceNetwork | DestinationNetwork => Rule::Network,
        SourceCountry | DestinationCountry => Rule::Country,
        ProtocolTransport | ProtocolApplication | MalwareName | SourceAbuseContact => Rule::Lower,
        VulnerabilityId => Rule::Upper,
        Md5 => Rule::Hash(32),
        Sha1 => Rule::Hash(40),
        Sha256 => Rule::Hash(64),
        Severity => Rule::Severity,
        Tlp => Rule::Tlp,
        Vulnerabilities => Rule::Vulnerabilities,
        FeedAccuracy => Rule::Accuracy,
        Certificate => Rule::Fingerprint,
        Tags => Rule::Tags,
        _ => Rule::Text,
    }
}

/// Whether a bad value in this field makes the row useless: what happened, to what, when. Bad values
/// of other fields are better kept as text in `extra` than paid for with the event.
pub fn is_key(field: Field) -> bool {
    use Rule::*;
    match field {
        Field::SourceReverseDns
        | Field::DestinationReverseDns
        | Field::DescriptionUrl
        | Field::ScreenshotUrl => false,
        _ => matches!(
            rule(field),
            Ip | Host | Url | Network | Hash(_) | Type | Time | Fingerprint
        ),
    }
}

/// Fields that name something to be acted on or counted.
const OBSERVABLES: &[Field] = &[
    Field::SourceIp,
    Field::SourceUrl,
    Field::SourceHost,
    Field::SourceNetwork,
    Field::DestinationIp,
    Field::DestinationUrl,
    Field::DestinationHost,
    Field::DestinationNetwork,
    Field::Sha256,
    Field::Sha1,
    Field::Md5,
    Field::SourceAccount,
    Field::DestinationAccount,
    Field::AppPackage,
    Field::Certificate,
    Field::VulnerabilityId,
    Field::Vulnerabilities,
    Field::SourceAsn,
    Field::SourceReverseDns,
];

/// Whether the field names something that can be acted on or counted: an address, host, URL,
/// network, account, hash, app, certificate or vulnerability.
pub fn is_observable(field: Field) -> bool {
    OBSERVABLES.contains(&field)
}

/// Whether the record has any such field.
pub fn has_observable(record: &Record) -> bool {
    OBSERVABLES.iter().any(|field| record.has(*field))
}

/// Sets a field from the source's text; text that says nothing sets nothing and is no error.
/// Times without an offset are read in `zone`; `observed_at` also sets the record's `written_day`.
#[inline]
pub fn set(record: &mut Record, field: Field, text: &str, zone: &TimeZone) -> Result<(), BadValue> {
    match given(text) {
        Some(text) => set_given(record, field, text, zone),
        None => Ok(()),
    }
}

/// [`set`] for text that is known to say something and is trimmed.
#[inline]
pub(crate) fn set_given(
    record: &mut Record,
    field: Field,
    text: &str,
    zone: &TimeZone,
) -> Result<(), BadValue> {
    let bad = |expected| Err(BadValue::new(field, expected));
    match rule(field) {
        Rule::Text => record.set_text(field, text),
        Rule::Lower => lower(record, field, text),
        Rule::Upper => upper(record, field, text),
        Rule::Ip => match ip(text) {
            Some(ip) => record.set_ip(field, ip),
            None => return bad("an IP address"),
        },
        Rule::Port => match int(text) {
            Some(port @ 0..=65535) => record.set_int(field, port),
            _ => return bad("a port (0 to 65535)"),
        },
        Rule::Asn => match asn(text) {
            Some(asn) => record.set_int(field, asn),
            None => return bad("an AS number (1 to 4294967295)"),
        },
        Rule::Host => {
            if is_plain_host(text) {
                record.set_lowercase(field, text.strip_suffix('.').unwrap_or(text));
            } else {
                match host(text) {
                    Some(host) => record.set_text(field, &host),
                    None => return bad("a host name"),
                }
            }
        }
        Rule::Url => match url(text) {
            Some(url) => record.set_text(field, &url),
            None => return bad("a URL with a host"),
        },
        Rule::Network => match network(text) {
            Some((ip, bits)) => record.write_text(field, |out| {
                use std::fmt::Write;
                write!(out, "{ip}/{bits}").expect("writing to a string does not fail");
            }),
            None => return bad("a network in CIDR form"),
        },
        Rule::Hash(digits) => {
            if text.len() != digits || !is_hex(text) {
                return bad(match digits {
                    32 => "an MD5 hash (32 hex digits)",
                    40 => "a SHA-1 hash (40 hex digits)",
                    _ => "a SHA-256 hash (64 hex digits)",
                });
            }
            record.set_lowercase(field, text);
        }
        Rule::Country => {
            if text.len() != 2 || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return bad("a country code of two letters");
            }
            let mut code = [0; 2];
            code.copy_from_slice(text.as_bytes());
            code.make_ascii_uppercase();
            record.set_text(field, std::str::from_utf8(&code).unwrap_or(text));
        }
        Rule::Type => match classification(&text.to_lowercase()) {
            Some(spec) => record.set_text(field, spec.name),
            None => return bad("an RSIT entry (as `phishing` or `c2-server`)"),
        },
        Rule::Severity => match severity(text) {
            Some(name) => record.set_text(field, name),
            None => return bad("a severity (critical, high, medium, low or info)"),
        },
        Rule::Tlp => match tlp(text) {
            Some(name) => record.set_text(field, name),
            None => return bad("a TLP marking (clear, green, amber, amber+strict or red)"),
        },
        Rule::Vulnerabilities => return vulnerabilities(record, text),
        Rule::Accuracy => match text.parse::<f64>() {
            Ok(value) if (0.0..=100.0).contains(&value) => record.set_float(field, value),
            _ => return bad("an accuracy (0 to 100)"),
        },
        Rule::Fingerprint => {
            let digits: String = text.chars().filter(|c| *c != ':' && *c != ' ').collect();
            if !matches!(digits.len(), 32 | 40 | 64 | 96 | 128) || !is_hex(&digits) {
                return bad("a certificate fingerprint (hex digits)");
            }
            record.set_lowercase(field, &digits);
        }
        Rule::Tags => {
            let tags = text.split(|c: char| c.is_whitespace() || c == ',' || c == ';');
            let tags = tags
                .map(|tag| tag.trim_start_matches('#'))
                .filter(|tag| !tag.is_empty());
            let mut tags: Vec<String> = tags.map(str::to_lowercase).collect();
            tags.dedup();
            if !tags.is_empty() {
                record.set_text(field, &tags.join(" "));
            }
        }
        Rule::Time => match time(text, zone) {
            Ok(written) => {
                record.set_time(field, written.at);
                record.written_day = Some(written.day);
            }
            Err(expected) => return bad(expected),
        },
    }
    Ok(())
}

/// Sets a text field in lower case; full Unicode lower case only where there is need.
#[inline]
fn lower(record: &mut Record, field: Field, text: &str) {
    if text.is_ascii() {
        record.set_lowercase(field, text);
    } else {
        record.set_text(field, &text.to_lowercase());
    }
}

/// As [`lower`], in upper case.
fn upper(record: &mut Record, field: Field, text: &str) {
    record.write_text(field, |out| {
        if text.is_ascii() {
            out.extend(text.chars().map(|letter| letter.to_ascii_uppercase()));
        } else {
            out.push_str(&text.to_uppercase());
        }
    });
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// An IPv4 or IPv6 address. A zone id is cut (RFC 4007: it has no meaning off the host), an
/// IPv4-mapped address is the IPv4 address that it is; the unspecified address names nothing.
#[inline]
pub fn ip(text: &str) -> Option<IpAddr> {
    if let Some(ip) = ipv4(text.as_bytes()) {
        return (ip != 0).then(|| IpAddr::V4(Ipv4Addr::from_bits(ip)));
    }
    let bare = text.split_once('%').map_or(text, |(ip, _)| ip);
    let ip: Ipv6Addr = bare.parse().ok()?;
    match ip.to_canonical() {
        ip if ip.is_unspecified() => None,
        ip => Some(ip),
    }
}

/// Dotted quad, decimal, without leading zeros (they are octal to some readers).
#[inline]
fn ipv4(text: &[u8]) -> Option<u32> {
    let (mut ip, mut at) = (0, 0);
    for part in 0..4 {
        let digit = |at: usize| {
            text.get(at)
                .map(|byte| u32::from(byte.wrapping_sub(b'0')))
                .filter(|digit| *digit < 10)
        };
        let mut octet = digit(at)?;
        at += 1;
        if octet != 0
            && let Some(next) = digit(at)
        {
            octet = octet * 10 + next;
            at += 1;
            if let Some(next) = digit(at) {
                octet = octet * 10 + next;
                at += 1;
            }
        }
        if octet > 255 || (part < 3 && text.get(at) != Some(&b'.')) {
            return None;
        }
        at += usize::from(part < 3);
        ip = ip << 8 | octet;
    }
    (at == text.len()).then_some(ip)
}

/// A network in CIDR form, host bits cleared; a bare address is its own network.
pub fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr = address.trim().parse().ok()?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        None => width,
        Some(bits) => int(bits.trim())
            .and_then(|bits| u8::try_from(bits).ok())
            .filter(|bits| *bits <= width)?,
    };
    Some(match address {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(u32::from(32 - bits)).unwrap_or(0);
            (IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() & mask)), bits)
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(u32::from(128 - bits)).unwrap_or(0);
            (IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & mask)), bits)
        }
    })
}

/// A decimal integer with at most 18 digits and perhaps a minus sign.
#[inline]
pub fn int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        all => (false, all),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut value = 0i64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(if negative { -value } else { value })
}

/// An AS number, with or without `AS` before it; 0 is none (RFC 7607).
#[inline]
pub fn asn(text: &str) -> Option<i64> {
    let digits = match text.as_bytes() {
        [b'A' | b'a', b'S' | b's', ..] => text[2..].trim_start(),
        _ => text,
    };
    int(digits).filter(|asn| (1..=0xffff_ffff).contains(asn))
}

/// The five steps of severity that the field knows, from their usual spellings.
fn severity(text: &str) -> Option<&'static str> {
    const NAMES: [&str; 5] = ["critical", "high", "medium", "low", "info"];
    if let Some(name) = NAMES.iter().find(|name| name.eq_ignore_ascii_case(text)) {
        return Some(name);
    }
    Some(match text.to_lowercase().as_str() {
        "超危" | "严重" => "critical",
        "高" | "高危" => "high",
        "moderate" | "中" | "中危" => "medium",
        "低" | "低危" => "low",
        "informational" | "information" | "none" => "info",
        _ => return None,
    })
}

/// How much a TLP label of [`tlp`] restricts: of several the strictest holds.
pub(crate) fn tlp_rank(label: &str) -> usize {
    const LABELS: [&str; 5] = ["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"];
    LABELS.iter().position(|known| *known == label).unwrap_or(0)
}

/// TLP 2.0 names (FIRST, August 2022); `WHITE` is what 1.0 called `CLEAR`.
pub(crate) fn tlp(text: &str) -> Option<&'static str> {
    let text = text.to_ascii_uppercase();
    Some(match text.strip_prefix("TLP:").unwrap_or(&text).trim() {
        "CLEAR" | "WHITE" => "CLEAR",
        "GREEN" => "GREEN",
        "AMBER" => "AMBER",
        "AMBER+STRICT" => "AMBER+STRICT",
        "RED" => "RED",
        _ => return None,
    })
}

/// Ids of vulnerabilities, upper case, each once, joined with `;`.
fn vulnerabilities(record: &mut Record, text: &str) -> Result<(), BadValue> {
    let field = Field::Vulnerabilities;
    if is_vulnerability(text) {
        upper(record, field, text);
        return Ok(());
    }
    let mut ids: Vec<String> = Vec::new();
    for id in text
        .split(|c: char| c.is_whitespace() || matches!(c, ';' | ',' | '|'))
        .filter(|id| !id.is_empty())
    {
        let id = id.to_uppercase();
        if !is_vulnerability(&id) {
            return Err(BadValue::new(
                field,
                "a list of vulnerability ids (as `CVE-2023-0001`)",
            ));
        }
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    if !ids.is_empty() {
        record.set_text(field, &ids.join(";"));
    }
    Ok(())
}

/// Whether a text is one vulnerability id: a scheme of letters, `-`, and letters, digits and `-`.
fn is_vulnerability(text: &str) -> bool {
    text.split_once('-').is_some_and(|(scheme, rest)| {
        let is_rest = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !scheme.is_empty()
            && scheme.bytes().all(|byte| byte.is_ascii_alphabetic())
            && !rest.is_empty()
            && rest.bytes().all(is_rest)
    })
}

#[cfg(test)]
mod tests;
