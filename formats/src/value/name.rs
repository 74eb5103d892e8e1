//! Host names and URLs as sources write them: refanged, punycoded, and only then believed.

use std::borrow::Cow;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// Spellings of a dot that keep a name from being clicked.
const DOTS: &[&str] = &[
    "[.]", "(.)", "{.}", "[dot]", "(dot)", "{dot}", "[DOT]", "(DOT)", "[。]",
];

/// Whether the text is a host name in ASCII that needs no more than lower case and no final dot:
/// labels of letters, digits, `-` and `_` (names with underscores are in use, whatever RFC 1123
/// says), 63 bytes each and 253 in all (RFC 1035), not an address, not punycode.
#[inline]
pub fn is_plain_host(text: &str) -> bool {
    let bytes = text.as_bytes();
    let bytes = bytes.strip_suffix(b".").unwrap_or(bytes);
    if bytes.is_empty() || bytes.len() > 253 {
        return false;
    }
    // Start of the label, and what kinds of byte it has.
    let (mut start, mut kinds) = (0, 0u8);
    for (at, &byte) in bytes.iter().enumerate() {
        let kind = HOST_BYTES[byte as usize];
        if kind == DOT {
            if !is_plain_label(&bytes[start..at]) {
                return false;
            }
            (start, kinds) = (at + 1, 0);
        } else if kind == 0 {
            return false;
        }
        kinds |= kind;
    }
    // What ends in a number is an address or a mistake (WHATWG URL, "ends in a number").
    kinds & LETTER != 0 && is_plain_label(&bytes[start..])
}

const LETTER: u8 = 1;
const OTHER: u8 = 2;
const DOT: u8 = 4;

/// Kinds of bytes in host names; 0 for those that none has.
const HOST_BYTES: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        kinds[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => LETTER,
            b'0'..=b'9' | b'-' | b'_' => OTHER,
            b'.' => DOT,
            _ => 0,
        };
        byte += 1;
    }
    kinds
};

#[inline]
fn is_plain_label(label: &[u8]) -> bool {
    match label.first() {
        None | Some(b'-') => false,
        Some(b'x' | b'X') if has_ace_prefix(label) => false,
        _ => label.len() <= 63,
    }
}

fn has_ace_prefix(label: &[u8]) -> bool {
    label.len() >= 4 && label[..4].eq_ignore_ascii_case(b"xn--")
}

/// A host name in lower case and A-label form, without final dot; `None` for what is none.
/// A name that does not survive the way to its Unicode form and back is refused: two readers would
/// see two names in it.
pub fn host(text: &str) -> Option<Cow<'_, str>> {
    let text = refang_host(text);
    if is_plain_host(&text) {
        let lower = text.bytes().any(|byte| byte.is_ascii_uppercase()) || text.ends_with('.');
        if !lower {
            return Some(text);
        }
        return Some(Cow::Owned(
            text.strip_suffix('.').unwrap_or(&text).to_ascii_lowercase(),
        ));
    }
    if text.is_ascii()
        && !text
            .split('.')
            .any(|label| has_ace_prefix(label.as_bytes()))
    {
        return None;
    }
    let uts46 = Uts46::new();
    let ascii = |name: &str| {
        let name = uts46.to_ascii(
            name.as_bytes(),
            AsciiDenyList::URL,
            Hyphens::Allow,
            DnsLength::Verify,
        );
        name.ok().map(Cow::into_owned)
    };
    let bare = text.strip_suffix(['.', '。']).unwrap_or(&text);
    let name = ascii(bare)?;
    let (unicode, checked) = uts46.to_unicode(name.as_bytes(), AsciiDenyList::URL, Hyphens::Allow);
    checked.ok()?;
    let is_name = is_plain_host(&name)
        || (name
            .split('.')
            .any(|label| has_ace_prefix(label.as_bytes()))
            && name.split('.').all(is_label)
            && name
                .rsplit('.')
                .next()
                .is_some_and(|last| last.bytes().any(|byte| byte.is_ascii_alphabetic())));
    (is_name && ascii(&unicode)? == name).then_some(Cow::Owned(name))
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && !label.starts_with('-')
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn refang_host(text: &str) -> Cow<'_, str> {
    if !text.contains(['[', '(', '{']) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(replace_dots(text))
}

fn replace_dots(text: &str) -> String {
    DOTS.iter()
        .fold(text.to_owned(), |text, dot| text.replace(dot, "."))
}

/// Makes a defanged URL a URL again: `hxxp`, `[.]`, `(.)`, `[:]//` and their like. Only scheme and
/// host are read so; the path follows only where the host was written so, since a path may well
/// hold `[.]` of its own.
pub fn refang(text: &str) -> Cow<'_, str> {
    const SCHEMES: &[(&str, &str)] = &[
        ("hxxps", "https"),
        ("hxxp", "http"),
        ("htxps", "https"),
        ("htxp", "http"),
        ("h**ps", "https"),
        ("h**p", "http"),
        ("fxp", "ftp"),
    ];
    let scheme = SCHEMES.iter().find(|(from, _)| {
        text.get(..from.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(from))
            && matches!(text.as_bytes().get(from.len()), Some(b':' | b'['))
    });
    if scheme.is_none() && !text.contains(['[', '(', '{']) {
        return Cow::Borrowed(text);
    }
    let mut url = match scheme {
        Some((from, to)) => format!("{to}{}", &text[from.len()..]),
        None => text.to_owned(),
    };
    for (from, to) in [("[:]//", "://"), ("[://]", "://"), ("[:/]/", "://")] {
        if let Some(at) = url.find(from).filter(|at| *at <= 8) {
            url.replace_range(at..at + from.len(), to);
        }
    }
    let authority = url.find("://").map_or(0, |at| at + 3);
    let end = url[authority..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |at| authority + at);
    let host = replace_dots(&url[authority..end]).replace("[:]", ":");
    if host != url[authority..end] {
        let rest = replace_dots(&url[end..]);
        url.truncate(authority);
        url.push_str(&host);
        url.push_str(&rest);
    }
    Cow::Owned(url)
}

/// A URL as given, refanged: it has a scheme and a host and no control characters. Text without a
/// scheme that begins with a dotted host name or an address gets `http://`, as IntelMQ does.
pub fn url(text: &str) -> Option<Cow<'_, str>> {
    let url = refang(text);
    if url.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return None;
    }
    if let Some(at) = url.find("://") {
        let scheme = url[..at].as_bytes();
        let named = scheme.first().is_some_and(u8::is_ascii_alphabetic)
            && scheme
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        if named {
            return has_authority(&url[at + 3..]).then_some(url);
        }
    }
    let bare = format!("http://{url}");
    let end = url.find(['/', '?', '#']).unwrap_or(url.len());
    let host = url[..end]
        .rsplit_once(':')
        .map_or(&url[..end], |(host, _)| host);
    let known = super::ip(host).is_some() || (host.contains('.') && self::host(host).is_some());
    (known && has_authority(&url)).then_some(Cow::Owned(bare))
}

/// Whether the text after `://` begins with a believable `[user@]host[:port]`.
fn has_authority(rest: &str) -> bool {
    let authority = &rest[..rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len())];
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let (host, port) = match host.strip_prefix('[') {
        Some(v6) => match v6.split_once(']') {
            Some((ip, rest)) if super::ip(ip).is_some() => (ip, rest.strip_prefix(':')),
            _ => return false,
        },
        None => match host.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (host, None),
        },
    };
    let port_is_one = port
        .is_none_or(|port| port.is_empty() || super::int(port).is_some_and(|port| port <= 65535));
    let is_name = host.chars().any(char::is_alphanumeric)
        && !host.chars().any(|c| {
            c.is_whitespace() || matches!(c, '<' | '>' | '"' | '{' | '}' | '|' | '^' | '`')
        });
    port_is_one && is_name
}
