//! Text as the feeds write it: times, addresses, hexadecimal, CSV cells, invented host names.
//!
//! Everything appends to a byte buffer and allocates nothing: the benchmark writes millions of rows
//! a second through these functions.

use std::net::{IpAddr, Ipv6Addr};

use jiff::civil::Date;
use model::time::Day;

use super::random::{draw, scale};

/// Appends a number in decimal.
#[inline]
pub fn number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends exactly two digits.
#[inline]
pub fn two(out: &mut Vec<u8>, value: u64) {
    out.push(b'0' + (value / 10 % 10) as u8);
    out.push(b'0' + (value % 10) as u8);
}

/// Appends a date with `separator` between its parts; none where that is 0.
#[inline]
pub fn date(out: &mut Vec<u8>, date: Date, separator: u8) {
    let year = date.year() as u64;
    two(out, year / 100);
    two(out, year % 100);
    for part in [date.month() as u64, date.day() as u64] {
        if separator != 0 {
            out.push(separator);
        }
        two(out, part);
    }
}

/// Appends `HH:MM:SS` of a second of the day.
#[inline]
pub fn clock(out: &mut Vec<u8>, second_of_day: u64) {
    two(out, second_of_day / 3600);
    out.push(b':');
    two(out, second_of_day / 60 % 60);
    out.push(b':');
    two(out, second_of_day % 60);
}

/// Appends `YYYY-MM-DD HH:MM:SS` (or with another separator in the date) of a second since 1970.
#[inline]
pub fn time(out: &mut Vec<u8>, second: i64, separator: u8) {
    date(out, Day(second.div_euclid(86_400) as i32).date(), separator);
    out.push(b' ');
    clock(out, second.rem_euclid(86_400) as u64);
}

/// Appends a dotted quad, its parts joined with `separator`.
#[inline]
pub fn quad(out: &mut Vec<u8>, address: u32, separator: u8) {
    for (at, part) in address.to_be_bytes().into_iter().enumerate() {
        if at > 0 {
            out.push(separator);
        }
        number(out, u64::from(part));
    }
}

/// Appends an address in its usual form (RFC 5952 for IPv6).
#[inline]
pub fn address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => quad(out, v4.into(), b'.'),
        IpAddr::V6(v6) => {
            use std::io::Write;
            write!(out, "{v6}").expect("a byte buffer takes everything");
        }
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";
const HEX_UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// Appends `digits` lower-case hexadecimal digits that belong to `key`.
#[inline]
pub fn hex(out: &mut Vec<u8>, key: u64, digits: usize) {
    let mut bits = 0;
    for at in 0..digits {
        if at % 16 == 0 {
            bits = draw(key, 0x48 + at as u64 / 16);
        }
        out.push(HEX[(bits & 15) as usize]);
        bits >>= 4;
    }
}

/// Appends `bytes` bytes as `AB:CD:..`, as certificate fingerprints are printed.
#[inline]
pub fn fingerprint(out: &mut Vec<u8>, key: u64, bytes: usize) {
    let mut bits = 0;
    for at in 0..bytes {
        if at % 8 == 0 {
            bits = draw(key, 0x60 + at as u64 / 8);
        }
        if at > 0 {
            out.push(b':');
        }
        out.push(HEX_UPPER[(bits & 15) as usize]);
        out.push(HEX_UPPER[(bits >> 4 & 15) as usize]);
        bits >>= 8;
    }
}

/// Appends `length` letters and digits that belong to `key`, as random labels and paths have.
#[inline]
pub fn letters(out: &mut Vec<u8>, key: u64, length: usize) {
    const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut bits = key;
    for at in 0..length {
        bits = draw(bits, at as u64);
        out.push(LETTERS[scale(bits, 36) as usize]);
    }
}

/// Appends a CSV cell in double quotes, quotes inside doubled (RFC 4180).
#[inline]
pub fn quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    if text.bytes().any(|byte| byte == b'"') {
        out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    } else {
        out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
}

/// Appends a CSV cell, in quotes only where it needs them.
pub fn cell(out: &mut Vec<u8>, text: &str) {
    if text
        .bytes()
        .any(|byte| matches!(byte, b'"' | b',' | b'\n' | b'\r'))
    {
        quoted(out, text);
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

/// The IPv6 address at `host` below a /48 of the demo's space, as privacy extensions would draw it.
pub fn v6(prefix: u64, host: u64) -> Ipv6Addr {
    Ipv6Addr::from(u128::from(prefix) << 64 | u128::from(host))
}

const FIRST: &[&str] = &[
    "amber", "anchor", "autumn", "bamboo", "beacon", "birch", "blue", "bright", "brook", "cedar",
    "clear", "cloud", "copper", "coral", "crane", "dawn", "delta", "drift", "east", "elm", "ember",
    "fern", "field", "first", "garden", "ginkgo", "glass", "golden", "grand", "green", "harbor",
    "heron", "hill", "island", "ivory", "jade", "juniper", "lake", "lantern", "lotus", "maple",
    "meadow", "mint", "moon", "moss", "north", "oak", "ocean", "olive", "orchid", "pearl", "pine",
    "plum", "quiet", "rain", "reed", "ridge", "river", "sail", "sand", "silk", "silver", "sky",
    "slate", "snow", "south", "spring", "star", "stone", "summit", "sun", "swift", "tea", "tide",
    "timber", "valley", "west", "willow", "wind", "winter",
];

const SECOND: &[&str] = &[
    "academy",
    "arts",
    "auto",
    "bakery",
    "books",
    "build",
    "camera",
    "care",
    "clinic",
    "code",
    "craft",
    "dental",
    "design",
    "digital",
    "events",
    "farm",
    "fashion",
    "fitness",
    "flowers",
    "foods",
    "forum",
    "freight",
    "furniture",
    "gallery",
    "games",
    "garage",
    "gifts",
    "hardware",
    "health",
    "home",
    "hotel",
    "house",
    "kitchen",
    "lab",
    "legal",
    "lights",
    "logistics",
    "market",
    "media",
    "metal",
    "motors",
    "music",
    "news",
    "optics",
    "outdoor",
    "paper",
    "parts",
    "pets",
    "pharma",
    "photo",
    "plastics",
    "power",
    "press",
    "print",
    "radio",
    "repair",
    "school",
    "service",
    "shoes",
    "shop",
    "soft",
    "solar",
    "sports",
    "steel",
    "studio",
    "supply",
    "systems",
    "tech",
    "textile",
    "tools",
    "tours",
    "toys",
    "trade",
    "travel",
    "video",
    "water",
    "wines",
    "wood",
    "works",
    "yoga",
];

/// Appends the invented name of an ordinary site: two words, sometimes a number.
pub fn site_name(out: &mut Vec<u8>, key: u64) {
    let pick = |words: &'static [&'static str], column| {
        words[scale(draw(key, column), words.len() as u64) as usize]
    };
    out.extend_from_slice(pick(FIRST, 1).as_bytes());
    match scale(draw(key, 2), 4) {
        0 => {}
        _ => out.push(b'-'),
    }
    out.extend_from_slice(pick(SECOND, 3).as_bytes());
    match scale(draw(key, 4), 3) {
        0 => {}
        _ => number(out, scale(draw(key, 5), 990) + 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn forms_are_the_feeds_forms() {
        assert_eq!(
            text(|out| time(out, 1_673_222_400 + 3_661, b'-')),
            "2023-01-09 01:01:01"
        );
        assert_eq!(text(|out| time(out, 0, b'/')), "1970/01/01 00:00:00");
        assert_eq!(
            text(|out| date(out, jiff::civil::date(2026, 11, 2), 0)),
            "20261102"
        );
        assert_eq!(text(|out| quad(out, 0x0a01_02ff, b'-')), "10-1-2-255");
        assert_eq!(text(|out| number(out, 0)), "0");
        assert_eq!(text(|out| hex(out, 1, 40)).len(), 40);
        assert_eq!(text(|out| fingerprint(out, 1, 20)).len(), 59);
        assert_eq!(text(|out| quoted(out, "a\"b")), "\"a\"\"b\"");
        assert_eq!(text(|out| cell(out, "a,b")), "\"a,b\"");
        assert_eq!(text(|out| cell(out, "ab")), "ab");
    }

    #[test]
    fn site_names_are_labels() {
        for key in 0..2000 {
            let name = text(|out| site_name(out, key));
            assert!(
                name.len() < 40
                    && name.bytes().all(|byte| byte.is_ascii_lowercase()
                        || byte.is_ascii_digit()
                        || byte == b'-')
            );
        }
    }
}
