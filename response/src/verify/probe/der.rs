//! The facts of a certificate out of its DER (X.690, RFC 5280 section 4.1): whom it is about, who gave
//! it, from when to when, for which names. Reading only; whether it is worth anything is rustls's
//! word. What cannot be read stays empty, the hash is always there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use model::time::Timestamp;
use ring::digest::{SHA256, digest};

use super::super::seen::Certificate;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `subjectAltName`, 2.5.29.17.
const ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// Names of one certificate that are kept.
const MOST_NAMES: usize = 200;

/// The facts.
pub fn facts(der: &[u8]) -> Certificate {
    let mut found = Certificate {
        sha256: hex::encode(digest(&SHA256, der)),
        der: STANDARD.encode(der),
        ..Certificate::default()
    };
    // What was read before something odd stays.
    let _ = read(der, &mut found);
    found
}

fn read(der: &[u8], found: &mut Certificate) -> Option<()> {
    let whole = Reader(der).expect(SEQUENCE)?;
    let mut fields = Reader(Reader(whole).expect(SEQUENCE)?);
    let (tag, mut value) = fields.next()?;
    if tag == 0xa0 {
        value = fields.expect(INTEGER)?;
    }
    found.serial = hex::encode(value);
    fields.expect(SEQUENCE)?;
    found.issuer = name(fields.expect(SEQUENCE)?);
    let mut times = Reader(fields.expect(SEQUENCE)?);
    found.not_before = times.next().and_then(time);
    found.not_after = times.next().and_then(time);
    found.subject = name(fields.expect(SEQUENCE)?);
    fields.expect(SEQUENCE)?;
    while let Some((tag, value)) = fields.next() {
        if tag == 0xa3 {
            found.names = alt_names(Reader(value).expect(SEQUENCE)?);
        }
    }
    Some(())
}

/// Distinguished name as `CN=..., O=...` (RFC 4514's short names; others by their number).
fn name(der: &[u8]) -> String {
    let mut parts = Vec::new();
    let mut sets = Reader(der);
    while let Some((SET, set)) = sets.next() {
        let mut pairs = Reader(set);
        while let Some((SEQUENCE, pair)) = pairs.next() {
            let mut pair = Reader(pair);
            let (Some(kind), Some((tag, value))) = (pair.expect(OID), pair.next()) else {
                continue;
            };
            parts.push(format!("{}={}", short(kind), text(tag, value)));
        }
    }
    // Written the other way round: from the most particular to the country.
    parts.reverse();
    parts.join(", ")
}

fn short(oid: &[u8]) -> String {
    match oid {
        [0x55, 4, 3] => "CN".into(),
        [0x55, 4, 5] => "serialNumber".into(),
        [0x55, 4, 6] => "C".into(),
        [0x55, 4, 7] => "L".into(),
        [0x55, 4, 8] => "ST".into(),
        [0x55, 4, 10] => "O".into(),
        [0x55, 4, 11] => "OU".into(),
        other => format!("oid.{}", hex::encode(other)),
    }
}

/// A string of any of DER's kinds.
fn text(tag: u8, value: &[u8]) -> String {
    let text = match tag {
        // BMPString.
        0x1e => {
            let units = value
                .chunks_exact(2)
                .map(|two| u16::from_be_bytes([two[0], two[1]]));
            char::decode_utf16(units)
                .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
        _ => String::from_utf8_lossy(value).into_owned(),
    };
    text.chars().filter(|c| !c.is_control()).take(500).collect()
}

/// Both kinds of time, always in UTC (RFC 5280 section 4.1.2.5).
fn time((tag, value): (u8, &[u8])) -> Option<Timestamp> {
    let digits = std::str::from_utf8(value).ok()?.strip_suffix('Z')?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let short: i16 = digits[..2].parse().ok()?;
            (
                if short < 50 {
                    2000 + short
                } else {
                    1900 + short
                },
                &digits[2..],
            )
        }
        (GENERALIZED_TIME, 14) => (digits[..4].parse().ok()?, &digits[4..]),
        _ => return None,
    };
    let two = |at: usize| rest[at..at + 2].parse::<i8>().ok();
    let at = DateTime::new(year, two(0)?, two(2)?, two(4)?, two(6)?, two(8)?, 0).ok()?;
    let at = TimeZone::UTC.to_timestamp(at).ok()?;
    Some(Timestamp(at.as_microsecond()))
}

fn alt_names(der: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut extensions = Reader(der);
    while let Some((SEQUENCE, extension)) = extensions.next() {
        let mut fields = Reader(extension);
        if fields.expect(OID) != Some(ALT_NAME) {
            continue;
        }
        while let Some((tag, value)) = fields.next() {
            let Some(list) = (tag == OCTETS)
                .then(|| Reader(value).expect(SEQUENCE))
                .flatten()
            else {
                continue;
            };
            let mut list = Reader(list);
            while let Some((tag, value)) = list.next() {
                let name = match (tag, value.len()) {
                    (0x82, _) => text(tag, value),
                    (0x87, 4) => {
                        std::net::Ipv4Addr::new(value[0], value[1], value[2], value[3]).to_string()
                    }
                    _ => continue,
                };
                if names.len() < MOST_NAMES {
                    names.push(name);
                }
            }
        }
    }
    names
}

/// Reads one value after another; an odd length ends it.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = bytes.iter().fold(0, |sum, b| sum << 8 | usize::from(*b));
                (length, rest)
            }
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, value))
    }

    fn expect(&mut self, wanted: u8) -> Option<&'a [u8]> {
        let (tag, value) = self.next()?;
        (tag == wanted).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_make_it_fail(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(facts(&bytes).sha256.len(), 64);
        }
    }

    #[test]
    fn times_of_both_centuries() {
        let micros = |tag, text: &str| time((tag, text.as_bytes())).map(|at| at.0 / 1_000_000);
        assert_eq!(micros(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(
            micros(GENERALIZED_TIME, "20500101000000Z"),
            Some(2_524_608_000)
        );
        assert_eq!(micros(UTC_TIME, "701301000000Z"), None);
        assert_eq!(micros(UTC_TIME, "7001010000+1Z"), None);
    }
}
