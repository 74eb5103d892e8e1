//! A mail as a page shows it: text only. HTML is never rendered, nothing is loaded, what is quoted is folded, and
//! attachments leave as files to be saved.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use formats::mail::{Limits, Mail};

use crate::refusal::Refusal;
use crate::words::fill;

/// Characters of a mail's text that a page shows.
const SHOWN: usize = 60_000;

/// A mail to be shown.
pub(crate) struct MailView {
    pub(crate) to: String,
    /// When it says it was written, microseconds UTC.
    pub(crate) date: Option<i64>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) parts: Vec<PartView>,
    /// Whether its content is for who has the key only.
    pub(crate) encrypted: bool,
    /// Whether the text was cut.
    pub(crate) cut: bool,
}

/// A stretch of text.
pub(crate) struct Block {
    /// Whether it is quoted from an earlier mail.
    pub(crate) quoted: bool,
    pub(crate) lines: usize,
    /// What is said of it while it is folded.
    pub(crate) label: String,
    pub(crate) text: String,
}

/// An attachment.
pub(crate) struct PartView {
    /// Its place among the parts.
    pub(crate) at: usize,
    pub(crate) name: String,
    pub(crate) media: String,
    pub(crate) size: String,
}

/// Reads a mail to be shown; `None` where the bytes are no mail.
/// `quoted` is what is said of `{n}` quoted lines.
pub(crate) fn view(bytes: &[u8], quoted: &str) -> Option<MailView> {
    let mail = Mail::read(bytes, &Limits::default()).ok()?;
    let addresses = |all: &[formats::mail::Address]| {
        let each = all
            .iter()
            .map(|one| one.address.trim_matches(['<', '>']).to_owned());
        each.collect::<Vec<_>>().join(", ")
    };
    let encrypted = mail
        .parts
        .iter()
        .any(|part| part.media == "application/pgp-encrypted");
    let text: String = mail.text.chars().take(SHOWN).collect();
    Some(MailView {
        to: plain(&addresses(&mail.to)),
        date: mail.date.map(|at| at.0),
        cut: text.len() < mail.text.len(),
        blocks: blocks(&text, quoted),
        parts: parts(&mail),
        encrypted,
    })
}

/// The attachments of a mail: what has a name, or says that it is one.
fn parts(mail: &Mail) -> Vec<PartView> {
    let shown = |part: &formats::mail::Part| part.attached || part.name.is_some();
    let all = mail.parts.iter().enumerate();
    all.filter(|(_, part)| shown(part))
        .map(|(at, part)| PartView {
            at,
            name: part
                .name
                .as_ref()
                .map_or_else(|| format!("part-{at}"), |name| plain(name.as_str())),
            media: plain(&part.media),
            size: size(part.bytes.len()),
        })
        .collect()
}

/// An attachment's name and bytes.
pub(crate) fn part(bytes: &[u8], at: usize) -> Option<(String, Vec<u8>)> {
    let mut mail = Mail::read(bytes, &Limits::default()).ok()?;
    let name = parts(&mail).into_iter().find(|part| part.at == at)?.name;
    Some((name, std::mem::take(&mut mail.parts.get_mut(at)?.bytes)))
}

/// Text in stretches of quoted and own lines.
fn blocks(text: &str, label: &str) -> Vec<Block> {
    let mut all: Vec<Block> = Vec::new();
    for line in text.lines() {
        let quoted = line.trim_start().starts_with('>');
        let own = match all.last_mut() {
            Some(last) if last.quoted == quoted => last,
            _ => {
                all.push(Block {
                    quoted,
                    lines: 0,
                    label: String::new(),
                    text: String::new(),
                });
                let at = all.len() - 1;
                &mut all[at]
            }
        };
        own.lines += 1;
        own.text.push_str(&plain(line));
        own.text.push('\n');
    }
    for one in all.iter_mut().filter(|one| one.quoted) {
        one.label = fill(label, &[("n", &one.lines)]);
    }
    all
}

/// A text in which nothing hides: controls and marks that turn the direction of writing are made visible.
pub(crate) fn plain(text: &str) -> String {
    let hides = |c: char| {
        (c.is_control() && c != '\t' && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.chars()
        .map(|c| if hides(c) { '\u{fffd}' } else { c })
        .collect()
}

/// What others wrote, so that no address in it can be followed by accident.
pub(crate) fn disarmed(text: &str) -> String {
    plain(text)
        .replace("https://", "hxxps://")
        .replace("http://", "hxxp://")
}

/// Bytes that leave as a file to be saved, whatever they are.
pub(crate) fn saved(name: &str, media: &'static str, bytes: Vec<u8>) -> Result<Response, Refusal> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let ascii: String = name
        .chars()
        .map(|c| if fine(c) { c } else { '_' })
        .take(100)
        .collect();
    let full: String = url::form_urlencoded::byte_serialize(name.as_bytes())
        .collect::<String>()
        .replace('+', "%20");
    let said = format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{full}");
    let said =
        HeaderValue::from_str(&said).map_err(|error| Refusal::broken("a file's name", error))?;
    let sandbox = HeaderValue::from_static("default-src 'none'; sandbox");
    let headers: [(HeaderName, HeaderValue); 3] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media)),
        (header::CONTENT_DISPOSITION, said),
        (header::CONTENT_SECURITY_POLICY, sandbox),
    ];
    Ok((headers, bytes).into_response())
}

/// A number of bytes for people.
pub(crate) fn size(bytes: usize) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &[u8] = b"From: a@example.test\r\nTo: b@example.test\r\nSubject: one\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nIt is gone.\r\n> was it?\r\n> yes\r\n--b\r\nContent-Type: text/html; name=\"a.html\"\r\nContent-Disposition: attachment; filename=\"a.html\"\r\n\r\n<script>alert(1)</script>\r\n--b--\r\n";

    #[test]
    fn a_mail_is_text_with_its_quotes_folded() {
        let view = view(MAIL, "{n} lines").expect("a mail");
        let told: Vec<_> = view
            .blocks
            .iter()
            .map(|one| (one.quoted, one.lines))
            .collect();
        assert_eq!(told, [(false, 1), (true, 2)]);
        assert_eq!(view.blocks[1].label, "2 lines");
        assert_eq!(view.parts.len(), 1);
        let (name, bytes) = part(MAIL, view.parts[0].at).expect("an attachment");
        assert_eq!(name, "a.html");
        assert!(bytes.starts_with(b"<script>"));
    }

    #[test]
    fn nothing_hides_in_a_text() {
        assert_eq!(plain("a\u{202e}b\u{7}\tc"), "a\u{fffd}b\u{fffd}\tc");
        assert_eq!(
            disarmed("see https://a.example.test/"),
            "see hxxps://a.example.test/"
        );
    }

    #[test]
    fn a_file_is_saved_under_a_tame_name() {
        let answer =
            saved("报告 \"a\".html", "application/octet-stream", vec![]).expect("an answer");
        let said = answer.headers()[header::CONTENT_DISPOSITION]
            .to_str()
            .expect("ASCII");
        assert!(
            said.starts_with("attachment; filename=\"____a_.html\""),
            "{said}"
        );
    }
}
