//! Finds what a line of text names, and makes it plain again where it was made harmless.

use std::net::IpAddr;

use model::field::Field;

use super::words;
use crate::cve::is_cve;
use crate::value;

/// Something that a line names.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub field: Field,
    /// In plain form.
    pub text: String,
    pub port: Option<String>,
    /// How sure it is that the author names it as an indicator, 0 to 100.
    pub confidence: f64,
    /// The author made it harmless, and so marked it.
    pub marked: bool,
}

/// Spellings of `.`, `@`, `:`, `/` that keep a name from being clicked, and what they stand for.
const MARKS: &[(&str, &str)] = &[
    ("[.]", "."),
    ("(.)", "."),
    ("{.}", "."),
    ("[dot]", "."),
    ("(dot)", "."),
    ("{dot}", "."),
    ("[。]", "."),
    ("\\.", "."),
    ("[at]", "@"),
    ("(at)", "@"),
    ("{at}", "@"),
    ("[@]", "@"),
    ("(@)", "@"),
    ("[://]", "://"),
    ("[:]", ":"),
    ("[/]", "/"),
];

/// Spellings of schemes.
const SCHEMES: &[(&str, &str)] = &[
    ("hxxps", "https"),
    ("hxxp", "http"),
    ("hxtps", "https"),
    ("hxtp", "http"),
    ("htxps", "https"),
    ("htxp", "http"),
    ("h**ps", "https"),
    ("h**p", "http"),
    ("fxp", "ftp"),
];

/// The word in plain form, and whether it was written in another.
pub(super) fn refang(word: &str) -> (String, bool) {
    let mut plain = word.to_owned();
    for (mark, meant) in MARKS {
        if mark.bytes().all(|byte| !byte.is_ascii_alphabetic()) {
            if plain.contains(mark) {
                plain = plain.replace(mark, meant);
            }
        } else {
            plain = replace(&plain, mark, meant);
        }
    }
    for (mark, meant) in SCHEMES {
        let begins = plain
            .get(..mark.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(mark));
        if begins && plain[mark.len()..].starts_with(':') {
            plain.replace_range(..mark.len(), meant);
            break;
        }
    }
    let marked = plain != word;
    (plain, marked)
}

/// Replaces a mark in any mixture of upper and lower case.
fn replace(text: &str, mark: &str, meant: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (found, _) in lower.match_indices(mark) {
        out.push_str(&text[at..found]);
        out.push_str(meant);
        at = found + mark.len();
    }
    out.push_str(&text[at..]);
    out
}

/// Words that are longer name nothing: no URL of that length is believed.
const MAX_WORD_BYTES: usize = 8192;

/// Everything that a line names.
pub(super) fn find(line: &str) -> Vec<Found> {
    let joined = join_spaced(line);
    let mut found = Vec::new();
    let mut before = String::new();
    let mut command = false;
    for word in joined.split(is_space) {
        if word.is_empty() || word.len() > MAX_WORD_BYTES {
            continue;
        }
        command |= words::is_command(word);
        for piece in pieces(word) {
            let is_argument =
                |one: &Found| command && !one.marked && one.field == Field::SourceHost;
            if let Some(one) = look(piece, &before).filter(|one| !is_argument(one)) {
                found.push(one);
            }
            if piece.chars().any(char::is_alphanumeric) {
                piece.clone_into(&mut before);
            }
        }
    }
    found
}

/// What parts words: white space, quotes, angle brackets, bars and Chinese punctuation.
fn is_space(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(
            c,
            '"' | '<'
                | '>'
                | '|'
                | '`'
                | '，'
                | '；'
                | '：'
                | '！'
                | '？'
                | '（'
                | '）'
                | '【'
                | '】'
                | '《'
                | '》'
                | '“'
                | '”'
                | '‘'
                | '’'
                | '「'
                | '」'
                | '、'
        )
}

/// Takes the spaces away that some write around a mark: `example [.] com`.
fn join_spaced(line: &str) -> String {
    let mut line = line.to_owned();
    if line.contains(['[', '(', '{']) {
        for (mark, _) in MARKS
            .iter()
            .filter(|(mark, _)| mark.starts_with(['[', '(', '{']))
        {
            let spaced = format!(" {mark} ");
            if line.contains(&spaced) {
                line = line.replace(&spaced, mark);
            }
        }
    }
    line
}

/// The parts of a word that may each name something: lists without spaces are common, but a comma
/// may belong to a URL.
fn pieces(word: &str) -> Vec<&str> {
    let lower = word.to_ascii_lowercase();
    let is_url = lower.contains("://") || lower.contains("[:") || lower.contains("[//");
    let mut pieces = Vec::new();
    let mut rest = word;
    while let Some(at) = rest.find([',', ';']) {
        let behind = &rest[at + 1..];
        let again = |text: &str| {
            let head = text.get(..4).unwrap_or_default().to_ascii_lowercase();
            matches!(head.as_str(), "http" | "hxxp" | "hxtp" | "htxp" | "h**p")
        };
        if is_url && !again(behind) {
            match behind.find([',', ';']) {
                Some(next) if again(&behind[next + 1..]) => {
                    let end = at + 1 + next;
                    pieces.push(&rest[..end]);
                    rest = &rest[end + 1..];
                    continue;
                }
                _ => break,
            }
        }
        pieces.push(&rest[..at]);
        rest = behind;
    }
    pieces.push(rest);
    pieces
}

/// What one word names; `before` is the word before it.
fn look(word: &str, before: &str) -> Option<Found> {
    let word = trim(word);
    let (plain, marked) = refang(word);
    let plain = trim(&plain);
    if let Some(found) = name(plain, marked, before) {
        return Some(found);
    }
    // `c2=192.0.2.1`, `md5:0123...`, `C2:example[.]com`: the key is the word before.
    let at = plain.find(['=', ':'])?;
    let (key, value) = (&plain[..at], trim(&plain[at + 1..]));
    let is_key = !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    if is_key && !value.starts_with("//") {
        name(value, marked, key)
    } else {
        None
    }
}

/// Takes punctuation off both ends; a closing bracket stays where its opening one is inside.
fn trim(word: &str) -> &str {
    let word = word.trim_start_matches(|c: char| {
        matches!(
            c,
            '(' | '{' | '\'' | '*' | '•' | '-' | ',' | ';' | '.' | '=' | '：' | '。'
        )
    });
    let mut word = word
        .strip_prefix('[')
        .filter(|rest| !rest.contains("]:"))
        .unwrap_or(word);
    // Brackets that open are not taken off the end, so one look is enough.
    let [round, square, curly] = ['(', '[', '{'].map(|opening| word.contains(opening));
    while let Some(last) = word.chars().next_back() {
        let opened = match last {
            ')' => round,
            ']' => square,
            '}' => curly,
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' | '。' | '…' => {
                word = &word[..word.len() - last.len_utf8()];
                continue;
            }
            _ => break,
        };
        if opened {
            break;
        }
        word = &word[..word.len() - last.len_utf8()];
    }
    word
}

fn name(plain: &str, marked: bool, before: &str) -> Option<Found> {
    let found = |field, text: &str, confidence| {
        Some(Found {
            field,
            text: text.to_owned(),
            port: None,
            confidence: if marked { 95.0 } else { confidence },
            marked,
        })
    };
    if let Some(at) = plain.find("://") {
        let (scheme, rest) = (plain[..at].to_ascii_lowercase(), &plain[at + 3..]);
        return match scheme.as_str() {
            "http" | "https" | "ftp" => {
                let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
                let host = authority
                    .rsplit_once('@')
                    .map_or(authority, |(_, host)| host);
                if !is_public(host) {
                    return None;
                }
                let url = value::url(plain)?;
                found(Field::SourceUrl, &url, 70.0)
            }
            "tcp" | "udp" | "ssl" | "tls" | "ws" | "wss" | "ssh" => {
                name(rest.trim_end_matches('/'), marked, "")
            }
            _ => None,
        };
    }
    if is_cve(plain) {
        return found(Field::Vulnerabilities, &plain.to_uppercase(), 95.0);
    }
    if let Some((field, confidence)) = hash(plain) {
        return found(field, &plain.to_ascii_lowercase(), confidence);
    }
    if let Some((account, host)) = plain.split_once('@') {
        let is_account = !account.is_empty()
            && account
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '%'));
        return if is_account && is_host(host, marked) {
            found(Field::SourceAccount, plain, 50.0)
        } else {
            None
        };
    }
    address(plain, marked, before).or_else(|| host_or_url(plain, marked))
}

/// The field of a hash and how sure it is one: its length alone says so.
fn hash(text: &str) -> Option<(Field, f64)> {
    let hex = text.bytes().all(|byte| byte.is_ascii_hexdigit())
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic());
    match text.len() {
        32 if hex => Some((Field::Md5, 80.0)),
        40 if hex => Some((Field::Sha1, 85.0)),
        64 if hex => Some((Field::Sha256, 90.0)),
        _ => None,
    }
}

/// An address, perhaps with a port, or a network.
fn address(plain: &str, marked: bool, before: &str) -> Option<Found> {
    let (text, port) = match plain.strip_prefix('[') {
        Some(rest) => rest.split_once("]:").map(|(ip, port)| (ip, Some(port)))?,
        None => match plain.split_once(':') {
            Some((ip, port)) if !port.contains(':') => (ip, Some(port)),
            _ => (plain, None),
        },
    };
    let make = |field, text: &str, port: Option<&str>, confidence| Found {
        field,
        text: text.to_owned(),
        port: port.map(str::to_owned),
        confidence: if marked { 95.0 } else { confidence },
        marked,
    };
    if let Some((ip, path)) = text.split_once('/') {
        // `192.0.2.0/24` is a network; `192.0.2.1/x.php` a page.
        let global = value::ip(ip).is_some_and(is_global);
        let is_prefix = value::int(path).is_some_and(|bits| (8..=128).contains(&bits));
        if global && port.is_none() && is_prefix && value::network(text).is_some() {
            return Some(make(Field::SourceNetwork, text, None, 60.0));
        }
        if global
            && (marked || path.contains(['/', '.', '?']))
            && value::ip(ip).is_some_and(|ip| ip.is_ipv4())
        {
            let url = value::url(plain)?.into_owned();
            return Some(make(Field::SourceUrl, &url, None, 60.0));
        }
        return None;
    }
    let ip = value::ip(text).filter(|ip| is_global(*ip))?;
    let port = match port {
        None => None,
        // `192.0.2.1:8080/x` is a page.
        Some(port) => match port.split_once('/') {
            Some((number, _)) if is_port(number) => {
                let url = value::url(plain)?.into_owned();
                return Some(make(Field::SourceUrl, &url, None, 75.0));
            }
            _ if is_port(port) => Some(port),
            _ => return None,
        },
    };
    if !marked && port.is_none() {
        // Four small numbers are a version as often as an address; so are those behind its word.
        let small = matches!(ip, IpAddr::V4(ip) if ip.octets().iter().all(|octet| *octet < 20));
        if small || words::is_version_word(before) {
            return None;
        }
    }
    let confidence = if port.is_some() { 85.0 } else { 60.0 };
    Some(make(Field::SourceIp, &ip.to_string(), port, confidence))
}

fn is_port(text: &str) -> bool {
    value::int(text).is_some_and(|port| (1..=65535).contains(&port))
}

/// Whether an address may be somebody's on the Internet; the ranges of examples count as such.
fn is_global(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [first, ..] = ip.octets();
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || first == 0
                || first >= 224)
        }
        // Global unicast, which is all that is handed out (RFC 4291): `ab::cd` is no address but code.
        IpAddr::V6(ip) => ip.segments()[0] >> 13 == 1,
    }
}

/// Whether what a URL points to is a name with a dot or an address on the Internet.
fn is_public(host: &str) -> bool {
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split_once(':').map_or(host, |(host, _)| host),
    };
    match value::ip(bare) {
        Some(ip) => is_global(ip),
        None => bare.contains('.') && value::host(bare).is_some(),
    }
}

/// A host, perhaps with a port, or a URL without its scheme.
fn host_or_url(plain: &str, marked: bool) -> Option<Found> {
    let end = plain.find(['/', '?', ':']).unwrap_or(plain.len());
    let (host, rest) = plain.split_at(end);
    if !is_host(host, marked) {
        return None;
    }
    let make = |field, text: &str, port: Option<&str>| Found {
        field,
        text: text.to_owned(),
        port: port.map(str::to_owned),
        confidence: if marked { 95.0 } else { 50.0 },
        marked,
    };
    let name = value::host(host)?;
    match rest.strip_prefix(':') {
        _ if rest.is_empty() => Some(make(Field::SourceHost, &name, None)),
        Some(port) if is_port(port) => Some(make(Field::SourceHost, &name, Some(port))),
        Some(port) if !port.split('/').next().is_some_and(is_port) => None,
        _ => Some(make(Field::SourceUrl, &value::url(plain)?, None)),
    }
}

/// Whether a word is a host. One that the author marked is believed unless it is a file; a plain one
/// needs an ending that only hosts have and the lower case of names, lest two sentences become one.
fn is_host(word: &str, marked: bool) -> bool {
    let Some((front, last)) = word.rsplit_once('.') else {
        return false;
    };
    let labels = || front.split('.');
    if labels().any(|label| label.is_empty() || label.starts_with('-') || label.ends_with('-')) {
        return false;
    }
    let named = last.len() >= 2
        && (last.chars().all(char::is_alphabetic) || last.to_ascii_lowercase().starts_with("xn--"));
    if !named || value::host(word).is_none() {
        return false;
    }
    if marked {
        return !words::is_file_only(last);
    }
    let cased = word.chars().any(char::is_lowercase) && word.chars().any(char::is_uppercase);
    let short = labels().all(|label| label.chars().count() < 2);
    !cased && !short && word.is_ascii() && words::is_plain_ending(last)
}
