//! The header of a mail: its fields, unfolded and decoded, and the values that have a grammar.
//!
//! Everything here is one pass over its input: the address list of RT and the encoded words of OTRS
//! stopped whole gateways (CVE-2014-9472, CVE-2010-4767), so nothing looks twice at a byte, and what
//! cannot be read is kept as text.

use std::borrow::Cow;
use std::ops::Deref;

use encoding_rs::Encoding;

use super::transfer;

/// Text of one line: it cannot hold a line end or another control character, so it can be put into a
/// header, a log or a page title without ending what it stands in.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line(String);

impl Line {
    /// The text with every control character made a space and the ends trimmed.
    pub fn new(text: &str) -> Line {
        let plain = text.chars().map(|c| if is_control(c) { ' ' } else { c });
        let mut line: String = plain.collect();
        line.truncate(line.trim_end().len());
        let blank = line.len() - line.trim_start().len();
        line.drain(..blank);
        Line(line)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Control characters, and the marks that turn the direction of the text behind them: they show a
/// name as another.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl Deref for Line {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Somebody's mail address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// The name shown before it; empty where there is none.
    pub name: Line,
    /// The address, as written.
    pub address: Line,
}

/// Fields that a header may have; the rest is not kept.
const MAX_FIELDS: usize = 2_000;

/// Addresses that one field may have; the rest is not kept.
const MAX_ADDRESSES: usize = 1_000;

/// Message ids that one field may have; the rest is not kept.
const MAX_IDS: usize = 200;

/// The fields of a header, in order. Names are lower case, values unfolded and not yet decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    fields: Vec<(Box<str>, Box<str>)>,
}

/// A header as it was read.
pub(super) struct Block {
    /// Its fields.
    pub headers: Headers,
    /// Where the body begins.
    pub end: usize,
    /// Fields from outside that claim to be ours, by name.
    pub internal: Vec<String>,
    /// Bytes or fields were left out: there were too many.
    pub cut: bool,
}

/// Names that only Watchfire itself may give meaning to.
const INTERNAL: &str = "x-watchfire-";

impl Headers {
    /// Reads fields from `text` at `start` up to the blank line, or up to a line that `is_end` says ends
    /// it. Past `limit` bytes fields are looked over but not kept.
    pub(super) fn read(
        text: &[u8],
        start: usize,
        limit: usize,
        is_end: &dyn Fn(&[u8]) -> bool,
    ) -> Block {
        let mut block = Block {
            headers: Headers::default(),
            end: start,
            internal: Vec::new(),
            cut: false,
        };
        let mut field: Vec<u8> = Vec::new();
        let mut at = start;
        while at < text.len() {
            let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |lf| at + lf + 1);
            let line = text[at..end].trim_ascii_end();
            if is_end(line) {
                break;
            }
            let folded = matches!(text[at], b' ' | b'\t');
            if line.is_empty() {
                // A line of blanks within a header folds nothing; some writers leave one.
                at = end;
                if folded && !field.is_empty() {
                    continue;
                }
                break;
            }
            if !folded && !is_field(line) {
                // A body without the blank line before it, as some scripts write.
                break;
            }
            if !folded {
                block.take(&field);
                field.clear();
            }
            if at - start < limit {
                if folded {
                    field.push(b' ');
                }
                field.extend_from_slice(line.trim_ascii_start());
            } else {
                block.cut = true;
            }
            at = end;
        }
        block.take(&field);
        block.end = at;
        block
    }

    /// The first field of this name (lower case), raw.
    pub fn raw(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        let found = fields.find(|(known, _)| **known == *name);
        found.map(|(_, value)| &**value)
    }

    /// Every field of this name (lower case), raw, in order.
    pub fn all_raw<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h str> {
        let fields = self
            .fields
            .iter()
            .filter(move |(known, _)| **known == *name);
        fields.map(|(_, value)| &**value)
    }

    /// The first field of this name (lower case), decoded.
    pub fn text(&self, name: &str) -> Option<Line> {
        self.raw(name).map(|raw| Line::new(&words(raw)))
    }

    /// Whether there is a field whose lower-case name begins so.
    pub fn has_prefix(&self, prefix: &str) -> bool {
        self.fields.iter().any(|(name, _)| name.starts_with(prefix))
    }

    /// The addresses of every field of this name (lower case).
    pub fn addresses(&self, name: &str) -> Vec<Address> {
        let lists = self.all_raw(name).map(addresses);
        lists.flatten().take(MAX_ADDRESSES).collect()
    }

    /// The message ids of the first field of this name (lower case), without angle brackets.
    pub fn ids(&self, name: &str) -> Vec<String> {
        self.raw(name).map(message_ids).unwrap_or_default()
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The fields, in order: lower-case name and raw value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (&**name, &**value))
    }
}

impl Block {
    fn take(&mut self, field: &[u8]) {
        let Some(colon) = memchr::memchr(b':', field) else {
            return;
        };
        let name = String::from_utf8_lossy(field[..colon].trim_ascii_end()).to_ascii_lowercase();
        if name.starts_with(INTERNAL) {
            if self.internal.len() < 20 {
                self.internal.push(name);
            }
            return;
        }
        if self.headers.fields.len() >= MAX_FIELDS {
            self.cut = true;
            return;
        }
        let value = transfer::guess(field[colon + 1..].trim_ascii());
        self.headers.fields.push((name.into(), value.into()));
    }
}

/// Whether a line begins a field: a name of printable characters, then a colon (RFC 5322 2.2; blanks
/// before the colon are the obsolete form, section 4.5).
fn is_field(line: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', line) else {
        return false;
    };
    let name = line[..colon].trim_ascii_end();
    !name.is_empty() && name.len() <= 200 && name.iter().all(|byte| (33..=126).contains(byte))
}

/// Bytes of one encoded word; RFC 2047 allows 75 characters, some writers more.
const MAX_WORD: usize = 2_000;

/// Decodes encoded words (RFC 2047). Words that stand side by side in one encoding are decoded
/// together: writers cut them within characters.
pub fn words(raw: &str) -> Cow<'_, str> {
    if !raw.contains("=?") {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut held: Option<(&'static Encoding, Vec<u8>)> = None;
    let mut rest = raw;
    while let Some(at) = rest.find("=?") {
        let (before, word) = rest.split_at(at);
        let Some((encoding, bytes, len)) = word_at(word) else {
            flush(&mut held, &mut out);
            out.push_str(before);
            out.push_str("=?");
            rest = &word[2..];
            continue;
        };
        let joins = before.trim().is_empty();
        match &mut held {
            Some((same, held)) if joins && *same == encoding => held.extend_from_slice(&bytes),
            _ => {
                let was_word = held.is_some();
                flush(&mut held, &mut out);
                if !(joins && was_word) {
                    out.push_str(before);
                }
                held = Some((encoding, bytes));
            }
        }
        rest = &word[len..];
    }
    flush(&mut held, &mut out);
    out.push_str(rest);
    Cow::Owned(out)
}

fn flush(held: &mut Option<(&'static Encoding, Vec<u8>)>, out: &mut String) {
    if let Some((encoding, bytes)) = held.take() {
        out.push_str(&encoding.decode_without_bom_handling(&bytes).0);
    }
}

/// The encoded word that `text` begins with: its encoding, its bytes and its length.
fn word_at(text: &str) -> Option<(&'static Encoding, Vec<u8>, usize)> {
    let bytes = &text.as_bytes()[..text.len().min(MAX_WORD)];
    let charset_end = 2 + memchr::memchr(b'?', &bytes[2..])?;
    let kind = *bytes.get(charset_end + 1)?;
    if bytes.get(charset_end + 2) != Some(&b'?') {
        return None;
    }
    let start = charset_end + 3;
    let end = start + memchr::memmem::find(&bytes[start..], b"?=")?;
    let payload = &bytes[start..end];
    // The language behind `*` (RFC 2231 section 5) says nothing about the characters.
    let charset = bytes[2..charset_end].split(|byte| *byte == b'*').next()?;
    let encoding = transfer::encoding(charset)?;
    let decoded = match kind {
        b'b' | b'B' => transfer::base64(payload).0,
        b'q' | b'Q' => transfer::quoted_word(payload),
        _ => return None,
    };
    Some((encoding, decoded, end + 2))
}

/// The addresses of a field (RFC 5322 3.4). Comments are dropped, group names too.
pub fn addresses(raw: &str) -> Vec<Address> {
    let mut found = Vec::new();
    let mut list = List::default();
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if list.quoted || list.comment > 0 => list.push(chars.next().unwrap_or(' ')),
            '"' if list.comment == 0 && !list.angle => list.quoted = !list.quoted,
            _ if list.quoted => list.push(c),
            '(' if !list.angle => list.comment += 1,
            ')' if list.comment > 0 => list.comment -= 1,
            _ if list.comment > 0 => list.push(c),
            '<' if !list.angle => list.angle = true,
            '>' if list.angle => {
                list.angle = false;
                list.done = true;
            }
            ',' | ';' if !list.angle => list.finish(&mut found),
            ':' if !list.angle && !list.done => list.word.clear(),
            _ => list.push(c),
        }
        if found.len() >= MAX_ADDRESSES {
            return found;
        }
    }
    list.finish(&mut found);
    found
}

/// An address list that is being read.
#[derive(Default)]
struct List {
    word: String,
    spec: String,
    remark: String,
    quoted: bool,
    comment: u32,
    angle: bool,
    done: bool,
}

impl List {
    fn push(&mut self, c: char) {
        if self.comment > 0 {
            self.remark.push(c);
        } else if self.angle {
            self.spec.push(c);
        } else {
            self.word.push(c);
        }
    }

    fn finish(&mut self, found: &mut Vec<Address>) {
        let has_spec = self.done || self.angle || !self.spec.is_empty();
        let (name, address) = if has_spec {
            (self.word.trim(), self.spec.trim())
        } else {
            (self.remark.trim(), self.word.trim())
        };
        if !address.is_empty() || (has_spec && !name.is_empty()) {
            found.push(Address {
                name: Line::new(&words(name)),
                address: Line::new(address),
            });
        }
        *self = List {
            word: String::new(),
            ..List::default()
        };
    }
}

/// The message ids of a field, without angle brackets: what stands in `<>`, or the first word with an
/// `@` where nothing does.
pub fn message_ids(raw: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = raw;
    while let Some(open) = rest.find('<')
        && found.len() < MAX_IDS
    {
        rest = &rest[open + 1..];
        let Some(close) = rest.find('>') else { break };
        let id: String = rest[..close]
            .chars()
            .filter(|c| !c.is_whitespace() && !is_control(*c))
            .collect();
        if !id.is_empty() {
            found.push(id);
        }
        rest = &rest[close + 1..];
    }
    if found.is_empty() {
        let word = raw.split_whitespace().find(|word| word.contains('@'));
        found.extend(word.map(|word| word.trim_matches(['<', '>', '"', ',']).to_owned()));
    }
    found
}

/// A field with parameters, such as `Content-Type` (RFC 2045 5.1, RFC 2231).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// What stands before the first `;`, lower case.
    pub value: String,
    /// Names (lower case) and values, decoded.
    pub parameters: Vec<(String, String)>,
}

impl Parameters {
    /// Reads a field's raw value.
    pub fn read(raw: &str) -> Parameters {
        let mut pieces = split(raw).into_iter();
        let value = pieces
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let mut parameters: Vec<(String, String)> = Vec::new();
        let mut parts: Vec<(String, u32, bool, String)> = Vec::new();
        for piece in pieces.take(200) {
            let Some((name, value)) = piece.split_once('=') else {
                continue;
            };
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
            let mut names = name.split('*');
            let base = names.next().unwrap_or_default().to_owned();
            match (names.next(), names.next()) {
                (None, _) => {
                    if !parameters.iter().any(|(known, _)| *known == base) {
                        parameters.push((base, words(value).into_owned()));
                    }
                }
                (Some(""), _) => parts.push((base, 0, true, value.to_owned())),
                (Some(number), more) => {
                    let encoded = more.is_some();
                    let number = number.parse().unwrap_or(u32::MAX);
                    parts.push((base, number, encoded, value.to_owned()));
                }
            }
        }
        parts.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        for run in parts.chunk_by(|a, b| a.0 == b.0) {
            let value = extended(run);
            parameters.retain(|(known, _)| *known != run[0].0);
            parameters.push((run[0].0.clone(), value));
        }
        Parameters { value, parameters }
    }

    /// The value of a parameter (lower-case name).
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The pieces between semicolons that stand in no quotes, quotes taken off.
fn split(raw: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut quoted = false;
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        let last = pieces.len() - 1;
        match c {
            '\\' if quoted => pieces[last].extend(chars.next()),
            '"' => quoted = !quoted,
            ';' if !quoted => pieces.push(String::new()),
            _ => pieces[last].push(c),
        }
    }
    pieces
}

/// The value of a parameter that came in pieces (RFC 2231 sections 3 and 4).
fn extended(run: &[(String, u32, bool, String)]) -> String {
    let mut encoding = encoding_rs::UTF_8;
    let mut bytes = Vec::new();
    for (at, (_, _, encoded, value)) in run.iter().enumerate() {
        let mut value = value.as_str();
        if *encoded && at == 0 {
            let mut marks = value.splitn(3, '\'');
            if let (Some(charset), Some(_), Some(rest)) = (marks.next(), marks.next(), marks.next())
            {
                encoding = transfer::encoding(charset.as_bytes()).unwrap_or(encoding);
                value = rest;
            }
        }
        if *encoded {
            transfer::percent(value.as_bytes(), &mut bytes);
        } else {
            bytes.extend_from_slice(value.as_bytes());
        }
    }
    encoding.decode_without_bom_handling(&bytes).0.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_decoded_together() {
        for (raw, expected) in [
            ("plain", "plain"),
            ("=?UTF-8?B?5L2g5aU=?= =?utf-8?b?vQ==?= x", "你好 x"),
            ("=?gb2312?B?xOO6ww==?=", "你好"),
            ("a =?iso-8859-1?q?caf=E9_x?= b", "a café x b"),
            ("=?x-none?q?a?=", "=?x-none?q?a?="),
            ("=?utf-8?q?open", "=?utf-8?q?open"),
            ("=?utf-8?q?a=0D=0ABcc:_x?=", "a  Bcc: x"),
        ] {
            assert_eq!(Line::new(&words(raw)).as_str(), expected, "{raw}");
        }
    }

    #[test]
    fn addresses_of_every_form() {
        let read = |raw: &str| {
            let list = addresses(raw);
            let texts = list
                .iter()
                .map(|one| format!("{}|{}", one.name, one.address));
            texts.collect::<Vec<_>>().join(" ; ")
        };
        for (raw, expected) in [
            ("a@example.com", "|a@example.com"),
            ("<>", ""),
            (
                "\"A, B\" <a@example.com>, c@example.com",
                "A, B|a@example.com ; |c@example.com",
            ),
            ("d@example.com (D (deep) E)", "D deep E|d@example.com"),
            (
                "team: a@example.com, B <b@example.com>;",
                "|a@example.com ; B|b@example.com",
            ),
            ("=?utf-8?q?=E9=93=81?= <x@example.com>", "铁|x@example.com"),
            ("MAILER-DAEMON <>", "MAILER-DAEMON|"),
        ] {
            assert_eq!(read(raw), expected, "{raw}");
        }
        assert_eq!(addresses(&"(".repeat(100_000)).len(), 0);
        assert_eq!(addresses(&"a@b,".repeat(100_000)).len(), MAX_ADDRESSES);
    }

    #[test]
    fn parameters_in_pieces() {
        let read = Parameters::read(
            "Application/X; name*0*=GB2312''%B1%A8; name*1=\".csv\"; boundary=\"a;b\\\"c\"; x",
        );
        assert_eq!(read.value, "application/x");
        assert_eq!(read.get("name"), Some("报.csv"));
        assert_eq!(read.get("boundary"), Some("a;b\"c"));
    }

    #[test]
    fn internal_fields_of_others_are_left_out() {
        let text = b"A: 1\r\nX-Watchfire-Case: 7\r\nB: x\r\n y\r\n\r\nbody";
        let block = Headers::read(text, 0, 1 << 20, &|_| false);
        assert_eq!(block.internal, ["x-watchfire-case"]);
        assert_eq!(block.headers.raw("b"), Some("x y"));
        assert_eq!(&text[block.end..], b"body");
    }
}
