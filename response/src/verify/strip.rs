//! Takes out of an address what would name a person: links in phishing mail carry the victim's
//! address or a token for it, and a look with it tells the sender that the mail was read, uses up a
//! link that works once, or accuses the victim.
//!
//! Taking out is not free: a page behind a token may answer 404 without it. Who judges must know
//! what was removed, and [`judge`](super::judge) takes no "not found" for gone then.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde::Serialize;
use url::Url;

/// Shortest run of letters and digits that may be a token.
const TOKEN: usize = 20;
/// Shortest run of hexadecimal digits that may be one.
const HEX: usize = 24;

/// A part that was taken out. The part itself is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// The rule's name.
    pub rule: &'static str,
    /// Where it stood: `path segment 2`, `query parameter uid`.
    pub part: String,
}

/// The address without personal parts, and what was removed. User, password and fragment go always.
pub fn strip(url: &Url) -> (Url, Vec<Removed>) {
    let mut clean = url.clone();
    let mut removed = Vec::new();
    let mut note = |rule, part: String| removed.push(Removed { rule, part });
    if !url.username().is_empty() || url.password().is_some() {
        note("user", "user and password".to_owned());
        let _ = clean.set_username("");
        let _ = clean.set_password(None);
    }
    if let Some(fragment) = url.fragment() {
        // Never sent; taken out so that it is not stored either.
        if let Some(rule) = personal(fragment) {
            note(rule, "fragment".to_owned());
        }
        clean.set_fragment(None);
    }
    if let Some(segments) = url.path_segments() {
        let mut kept = Vec::new();
        for (at, segment) in segments.enumerate() {
            match personal(segment) {
                Some(rule) => note(rule, format!("path segment {}", at + 1)),
                None => kept.push(segment),
            }
        }
        if kept.len() != url.path_segments().map_or(0, Iterator::count) {
            clean.set_path(&kept.join("/"));
        }
    }
    if let Some(query) = url.query() {
        let mut kept = Vec::new();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match personal(value).or_else(|| personal(name)) {
                Some(rule) if value.is_empty() => note(rule, "query".to_owned()),
                Some(rule) => note(rule, format!("query parameter {}", shown(name))),
                None => kept.push(pair),
            }
        }
        if kept.len() != query.split('&').count() {
            let rest = kept.join("&");
            clean.set_query((!rest.is_empty()).then_some(&rest));
        }
    }
    (clean, removed)
}

/// A parameter's name is shown only where it is no secret itself.
fn shown(name: &str) -> &str {
    if personal(name).is_some() || name.len() > 40 {
        "(hidden)"
    } else {
        name
    }
}

/// The rule by which a part is personal.
pub fn personal(part: &str) -> Option<&'static str> {
    let plain = decoded(part);
    if has_email(&plain) {
        return Some("e-mail address");
    }
    let pieces = plain.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=_-".contains(c)));
    for piece in pieces {
        if let Some(rule) = base64_of_email(piece) {
            return Some(rule);
        }
    }
    let pieces = plain.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    pieces.filter_map(token).next()
}

/// Percent-decoded twice: what is encoded once more on its way is met often.
fn decoded(part: &str) -> String {
    let once = |text: &str| -> String {
        let mut out = Vec::with_capacity(text.len());
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let hex = (bytes[at] == b'%')
                .then(|| bytes.get(at + 1..at + 3))
                .flatten()
                .and_then(|two| std::str::from_utf8(two).ok())
                .and_then(|two| u8::from_str_radix(two, 16).ok());
            match hex {
                Some(byte) => {
                    out.push(byte);
                    at += 3;
                }
                None => {
                    out.push(bytes[at]);
                    at += 1;
                }
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    };
    once(&once(part))
}

fn has_email(text: &str) -> bool {
    text.match_indices('@').any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + 1..].split(|c: char| !(c.is_alphanumeric() || ".-".contains(c)));
        let host = after.into_iter().next().unwrap_or_default();
        before.is_some_and(|c| c.is_alphanumeric() || "._+-".contains(c))
            && host.split('.').filter(|label| !label.is_empty()).count() >= 2
    })
}

fn base64_of_email(piece: &str) -> Option<&'static str> {
    let bare = piece.trim_end_matches('=');
    if bare.len() < 8 {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD
        .decode(bare)
        .or_else(|_| STANDARD_NO_PAD.decode(bare))
        .ok()?;
    let text = String::from_utf8(bytes).ok()?;
    has_email(&text).then_some("base64 of an e-mail address")
}

/// Long parts that no person wrote: hexadecimal, UUIDs, and mixtures of letters and digits that
/// change between them more often than words with numbers do.
fn token(piece: &str) -> Option<&'static str> {
    let bare: String = piece.chars().filter(char::is_ascii_alphanumeric).collect();
    if bare.len() >= HEX && bare.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Some("long hexadecimal part");
    }
    // Words joined by hyphens are a title; a token has runs of its own.
    let longest = piece.split(['-', '_']).map(str::len).max().unwrap_or(0);
    if longest < TOKEN {
        return None;
    }
    let class = |b: u8| match b {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        _ => 2,
    };
    let bytes = bare.as_bytes();
    let changes = bytes
        .windows(2)
        .filter(|two| class(two[0]) != class(two[1]))
        .count();
    (changes * 4 >= bytes.len()).then_some("long random part")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(url: &str) -> (String, Vec<&'static str>) {
        let (url, removed) = strip(&url.parse().unwrap());
        (url.into(), removed.iter().map(|part| part.rule).collect())
    }

    #[test]
    fn personal_parts_go_and_the_rule_is_named() {
        let cases = [
            (
                "https://a.example/login?e=v%40mail.example&l=zh",
                "https://a.example/login?l=zh",
                "e-mail address",
            ),
            (
                "https://a.example/login?e=v%2540mail.example",
                "https://a.example/login",
                "e-mail address",
            ),
            (
                "https://a.example/dmljdGltQG1haWwuZXhhbXBsZQ==/x",
                "https://a.example/x",
                "base64 of an e-mail address",
            ),
            (
                "https://a.example/x#v@mail.example",
                "https://a.example/x",
                "e-mail address",
            ),
            (
                "https://a.example/r/9f86d081884c7d659a2feaa0c55ad015",
                "https://a.example/r",
                "long hexadecimal part",
            ),
            (
                "https://a.example/r?id=123e4567-e89b-12d3-a456-426614174000",
                "https://a.example/r",
                "long hexadecimal part",
            ),
            (
                "https://a.example/t/aB3xY9kQ2mZ7pL5wR8vT1",
                "https://a.example/t",
                "long random part",
            ),
            ("https://u:p@a.example/", "https://a.example/", "user"),
            (
                "https://a.example/?v@mail.example",
                "https://a.example/",
                "e-mail address",
            ),
        ];
        for (from, to, rule) in cases {
            assert_eq!(stripped(from), (to.to_owned(), vec![rule]), "{from}");
        }
    }

    #[test]
    fn ordinary_addresses_stay_as_they_are() {
        for url in [
            "https://a.example/",
            "https://a.example/secure-login-page-for-all-customers/index.html?lang=zh-CN&step=2",
            "https://a.example/2026/11/28/internationalization.php",
            "https://a.example/@user/post",
            "https://a.example/p?next=%2Fhome",
            "https://a.example//double//slash/",
        ] {
            assert_eq!(stripped(url), (url.to_owned(), vec![]), "{url}");
        }
    }
}
