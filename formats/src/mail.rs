//! Mail as it arrives: read, told apart, and taken for what it says.
//!
//! One mailbox carries reports, complaints, replies and bounces. [`Mail::read`] takes the bytes apart
//! ([`header`], parts, text), [`Mail::verdict`] says what the mail is and by what evidence
//! ([`nature`]), and each kind has its reader: [`bounce`], [`complaint`], [`reply`], [`rows`]. What
//! decides is the mail alone and what [`own::Own`] says of us; there is no I/O, no clock and no name
//! that is looked up. Whoever wrote the mail is not believed: a verdict says what a mail claims to be,
//! never who sent it.
//!
//! Reading never panics and takes time linear in the mail's length: limits stand in [`Limits`], and
//! whatever they leave out is named in [`Mail::notes`].

pub mod arf;
pub mod bounce;
pub mod complaint;
mod extract;
pub mod header;
mod labels;
pub mod nature;
pub mod own;
pub mod reply;
pub mod rows;
mod structure;
mod transfer;

use std::fmt;
use std::io::Cursor;
use std::ops::ControlFlow;

use jiff::tz::TimeZone;
use model::time::Timestamp;

use crate::source::{Caps, Encoding, each_member};
use crate::value;

pub use header::{Address, Headers, Line, Parameters};
use structure::{Leaf, Walk};

/// What a mail may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the mail; a longer one is not read.
    pub bytes: usize,
    /// Parts that are kept; those behind them are counted.
    pub parts_kept: usize,
    /// Parts that are looked at; the text behind them is not.
    pub parts_seen: usize,
    /// Multiparts within multiparts that are opened.
    pub depth: usize,
    /// Mails within mails that are read by those who look for complaints or bounces in them.
    pub mails: usize,
    /// Bytes of one header that are kept.
    pub header_bytes: usize,
    /// Bytes of text that are looked at for what a mail says; longer logs are evidence, not prose.
    pub text_bytes: usize,
    /// What an attached archive may unpack to.
    pub caps: Caps,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            bytes: 64 << 20,
            parts_kept: 1_000,
            parts_seen: 10_000,
            depth: 16,
            mails: 4,
            header_bytes: 256 << 10,
            text_bytes: 1 << 20,
            caps: Caps {
                ratio: 200,
                free: 16 << 20,
                total: 1 << 30,
                members: 1_000,
            },
        }
    }
}

/// Why bytes are no mail that is read. They stay archived.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// No bytes.
    #[error("the mail is empty")]
    Empty,
    /// More bytes than [`Limits::bytes`].
    #[error("the mail has {bytes} bytes, {limit} are read: ask for a link or several mails")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// What is allowed.
        limit: usize,
    },
    /// No line begins as a header field does.
    #[error("there is no header field: the bytes are no mail")]
    NoHeader,
}

/// Something that a mail has wrong or that was left out of it; reading went on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A field that only Watchfire may write came from outside; it was left out.
    InternalHeader(String),
    /// A header is longer than [`Limits::header_bytes`] or has too many fields; the rest is left out.
    HeaderCut,
    /// More parts than [`Limits::parts_kept`].
    PartsLeftOut {
        /// How many are kept.
        kept: usize,
        /// How many there were, up to [`Limits::parts_seen`].
        seen: usize,
    },
    /// Multiparts are nested deeper than [`Limits::depth`]; the inner ones are one part.
    TooDeep,
    /// A multipart has no delimiter; its body is one text.
    NoBoundary,
    /// The boundary that the header declares is not the one that the body uses.
    BoundaryGuessed,
    /// The last multipart is not closed: the mail may have been cut off.
    NotClosed,
    /// A charset that nobody knows; its characters were found out.
    Charset(Line),
    /// The transfer encoding of a part is damaged; it was decoded as far as it goes.
    Encoding,
    /// Lines end in CR alone, as on old Macs; they were made plain.
    BareCr,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::InternalHeader(name) => {
                write!(f, "the header field {name} of a stranger was ignored")
            }
            Note::HeaderCut => f.write_str("a header is too long: its rest was left out"),
            Note::PartsLeftOut { kept, seen } => write!(f, "{kept} of {seen} parts are kept"),
            Note::TooDeep => {
                f.write_str("multiparts are nested too deep: the inner ones are one part")
            }
            Note::NoBoundary => f.write_str("a multipart has no delimiter: it was read as text"),
            Note::BoundaryGuessed => f.write_str("the delimiter is not the declared one"),
            Note::NotClosed => {
                f.write_str("the last multipart is not closed: the mail may be cut off")
            }
            Note::Charset(label) => write!(f, "the charset `{label}` is unknown: it was guessed"),
            Note::Encoding => f.write_str("the transfer encoding of a part is damaged"),
            Note::BareCr => f.write_str("lines end in CR alone"),
        }
    }
}

/// Notes of one mail; more say nothing new.
const MAX_NOTES: usize = 50;

/// By what a mail is known again before anything of it is parsed (CVE-2010-4767: one bad charset made
/// a ticket of every retry).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// BLAKE3 of the bytes: the same delivery again.
    pub bytes: [u8; 32],
    /// BLAKE3 of the Message-ID and the body without CRs: the same mail over another way, with other
    /// `Received` lines. `None` where no line begins with `Message-ID:`.
    pub message: Option<[u8; 32]>,
}

impl Key {
    /// The key of bytes, mail or not, in one scan.
    pub fn of(bytes: &[u8]) -> Key {
        let mut id = None;
        let mut body = bytes.len();
        let mut at = 0;
        while at < bytes.len() {
            let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |lf| at + lf + 1);
            let line = bytes[at..end].trim_ascii_end();
            if line.is_empty() && at > 0 {
                body = end;
                break;
            }
            const NAME: &[u8] = b"message-id:";
            if id.is_none()
                && line.len() >= NAME.len()
                && line[..NAME.len()].eq_ignore_ascii_case(NAME)
            {
                let mut value = line[NAME.len()..].trim_ascii();
                if value.is_empty() {
                    // Long ids stand on the folded line behind the name.
                    let next = &bytes[end..];
                    let stop = memchr::memchr(b'\n', next).unwrap_or(next.len());
                    value = next[..stop].trim_ascii();
                }
                id = Some(value);
            }
            at = end;
        }
        let message = id.filter(|id| !id.is_empty()).map(|id| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(id);
            hasher.update(b"\0");
            for piece in bytes[body..].split(|byte| *byte == b'\r') {
                hasher.update(piece);
            }
            *hasher.finalize().as_bytes()
        });
        Key {
            bytes: *blake3::hash(bytes).as_bytes(),
            message,
        }
    }
}

/// A part with content: what stands between the delimiters of multiparts.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its header.
    pub headers: Headers,
    /// Its media type, lower case, as declared: `text/plain`.
    pub media: String,
    /// The charset that it declares.
    pub charset: Option<Line>,
    /// The file name that it declares, without folders.
    pub name: Option<Line>,
    /// It says of itself that it is an attachment.
    pub attached: bool,
    /// It is one of several forms of the same content (RFC 2046 5.1.4).
    pub alternative: bool,
    /// How many multiparts are around it.
    pub depth: usize,
    /// Its content, transfer encoding taken off.
    pub bytes: Vec<u8>,
}

impl Part {
    /// Its content as text.
    pub fn text(&self) -> String {
        transfer::text(&self.bytes, self.charset.as_deref()).0
    }

    /// [`Self::text`] of no more than so many bytes of content.
    pub fn text_up_to(&self, bytes: usize) -> String {
        let head = &self.bytes[..self.bytes.len().min(bytes)];
        transfer::text(head, self.charset.as_deref()).0
    }

    /// Whether it is a mail.
    pub fn is_mail(&self) -> bool {
        matches!(self.media.as_str(), "message/rfc822" | "message/global")
    }

    /// Whether it is prose that a reader sees, and no file.
    fn is_prose(&self, media: &str) -> bool {
        self.media == media && !self.attached && self.name.is_none()
    }

    /// Gives the texts inside the part, containers opened under the caps: the part itself where it is no
    /// container.
    ///
    /// # Errors
    /// The first damage or cap, by name; texts before it were given.
    pub fn each_text(
        &self,
        limits: &Limits,
        each: &mut dyn FnMut(&str, &mut dyn std::io::BufRead) -> ControlFlow<()>,
    ) -> std::io::Result<()> {
        let name = self.name.as_deref().unwrap_or("part");
        each_member(
            Cursor::new(&self.bytes),
            name,
            Encoding::Detected,
            &limits.caps,
            &mut |member| each(member.name, member.text),
        )
    }
}

/// A mail.
#[derive(Debug, Clone)]
pub struct Mail {
    /// By what it is known again.
    pub key: Key,
    /// Its header.
    pub headers: Headers,
    /// The media type of the whole, with its parameters (`report-type`).
    pub media: Parameters,
    /// Message-ID without angle brackets.
    pub message_id: Option<String>,
    /// In-Reply-To and then References, without angle brackets, each once.
    pub refers_to: Vec<String>,
    /// From.
    pub from: Vec<Address>,
    /// Where an answer goes: Reply-To, else From.
    pub reply_to: Vec<Address>,
    /// To and Cc.
    pub to: Vec<Address>,
    /// Subject.
    pub subject: Line,
    /// Date, where it can be read.
    pub date: Option<Timestamp>,
    /// The envelope's sender was empty (RFC 5321 4.5.5), as the last server wrote it.
    pub null_sender: bool,
    /// The parts with content, in order.
    pub parts: Vec<Part>,
    /// The most multiparts around a part.
    pub depth: usize,
    /// What a reader sees: the plain text, or the HTML made text where there is none.
    pub text: String,
    /// What was wrong or left out.
    pub notes: Vec<Note>,
}

impl Mail {
    /// Reads a mail.
    ///
    /// # Errors
    /// Bytes that are no mail or too many; anything else is read as far as it goes and noted.
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Mail, Unreadable> {
        if bytes.trim_ascii().is_empty() {
            return Err(Unreadable::Empty);
        }
        if bytes.len() > limits.bytes {
            return Err(Unreadable::TooLong {
                bytes: bytes.len(),
                limit: limits.bytes,
            });
        }
        let key = Key::of(bytes);
        let mut notes = Vec::new();
        let plain;
        let mut text = bytes;
        if memchr::memchr(b'\n', bytes).is_none() && memchr::memchr(b'\r', bytes).is_some() {
            let ends = bytes
                .iter()
                .map(|byte| if *byte == b'\r' { b'\n' } else { *byte });
            plain = ends.collect::<Vec<u8>>();
            text = &plain;
            notes.push(Note::BareCr);
        }
        let text = envelope(text);
        let block = Headers::read(text, 0, limits.header_bytes, &|_| false);
        if block.headers.is_empty() && block.internal.is_empty() {
            return Err(Unreadable::NoHeader);
        }
        if block.cut {
            notes.push(Note::HeaderCut);
        }
        let walk = Walk::run(text, limits, &block.headers, block.end);
        for name in block.internal.into_iter().chain(walk.internal) {
            let note = Note::InternalHeader(name);
            if notes.len() < MAX_NOTES && !notes.contains(&note) {
                notes.push(note);
            }
        }
        notes.extend(walk.notes);
        let parts: Vec<Part> = walk
            .leaves
            .into_iter()
            .map(|leaf| part(text, leaf, &mut notes))
            .collect();
        let body = prose(&parts, limits);
        Ok(Mail::assemble(
            key,
            block.headers,
            parts,
            body,
            walk.depth,
            notes,
        ))
    }

    fn assemble(
        key: Key,
        headers: Headers,
        parts: Vec<Part>,
        text: String,
        depth: usize,
        notes: Vec<Note>,
    ) -> Mail {
        let media = headers.raw("content-type").map(Parameters::read);
        let mut refers_to = headers.ids("in-reply-to");
        for id in headers.ids("references") {
            if !refers_to.contains(&id) {
                refers_to.push(id);
            }
        }
        let from = headers.addresses("from");
        let reply_to = match headers.addresses("reply-to") {
            given if given.is_empty() => from.clone(),
            given => given,
        };
        let mut to = headers.addresses("to");
        to.extend(headers.addresses("cc"));
        let null_sender = headers.all_raw("return-path").any(|path| {
            let bare = path.trim().trim_matches(['<', '>']).trim();
            let local = bare.split('@').next().unwrap_or_default();
            bare.is_empty() || local.eq_ignore_ascii_case("mailer-daemon")
        });
        Mail {
            key,
            media: media.unwrap_or_default(),
            message_id: headers.ids("message-id").into_iter().next(),
            refers_to,
            from,
            reply_to,
            to,
            subject: headers.text("subject").unwrap_or_default(),
            date: headers.raw("date").and_then(date),
            null_sender,
            parts,
            depth,
            text,
            notes,
            headers,
        }
    }

    /// The address that it says it is from; empty where it says none.
    pub fn sender(&self) -> &str {
        self.from.first().map_or("", |from| from.address.as_str())
    }

    /// The media types and file names of the parts, for a person.
    pub fn outline(&self) -> String {
        let parts = self.parts.iter().map(|part| match &part.name {
            Some(name) => format!("{} `{name}`", part.media),
            None => part.media.clone(),
        });
        parts.collect::<Vec<_>>().join(", ")
    }

    /// The mails inside, each with the number of its part.
    pub(crate) fn mails<'m>(
        &'m self,
        limits: &'m Limits,
    ) -> impl Iterator<Item = (usize, Mail)> + 'm {
        let inner = self
            .parts
            .iter()
            .enumerate()
            .filter(|(_, part)| part.is_mail());
        inner
            .take(limits.mails.min(1) * 20)
            .filter_map(|(at, part)| Some((at, Mail::read(&part.bytes, limits).ok()?)))
    }
}

impl Limits {
    /// The limits for a mail inside a mail of these.
    pub(crate) fn inside(&self) -> Limits {
        Limits {
            mails: self.mails.saturating_sub(1),
            ..*self
        }
    }
}

/// The text behind blank lines and the line that mailbox files put before a mail.
fn envelope(mut text: &[u8]) -> &[u8] {
    loop {
        text = text.trim_ascii_start();
        if !text.starts_with(b"From ") && !text.starts_with(b">From ") {
            return text;
        }
        let end = memchr::memchr(b'\n', text).map_or(text.len(), |lf| lf + 1);
        text = &text[end..];
    }
}

/// A date as mails write it: remarks in brackets and a zone that says nothing are taken off.
pub(crate) fn date(raw: &str) -> Option<Timestamp> {
    let plain = header::words(raw);
    let plain = plain.split('(').next().unwrap_or_default().trim();
    // The day's name may be left out (RFC 5322 3.3); whoever reads dates skips it.
    let day = if plain.starts_with(|c: char| c.is_ascii_digit()) {
        "Mon, "
    } else {
        ""
    };
    let read = |text: &str| {
        let plain = value::time(text, &TimeZone::UTC);
        let named = || value::time(&format!("{day}{text}"), &TimeZone::UTC);
        plain.or_else(|_| named()).ok().map(|read| read.at)
    };
    let named = [
        ("UT", "+0000"),
        ("EST", "-0500"),
        ("EDT", "-0400"),
        ("CST", "-0600"),
        ("PST", "-0800"),
        ("PDT", "-0700"),
        ("JST", "+0900"),
        ("CET", "+0100"),
        ("CEST", "+0200"),
    ];
    read(plain).or_else(|| {
        let (front, zone) = plain.rsplit_once(' ')?;
        let (_, offset) = named.iter().find(|(name, _)| *name == zone)?;
        read(&format!("{front} {offset}"))
    })
}

/// The name of a file without its folders; `None` where nothing is left.
fn file_name(raw: &str) -> Option<Line> {
    let bare = raw.rsplit(['/', '\\']).next().unwrap_or_default();
    let line = Line::new(bare);
    (!line.is_empty() && line.as_str() != "." && line.as_str() != "..").then_some(line)
}

fn part(text: &[u8], leaf: Leaf, notes: &mut Vec<Note>) -> Part {
    let raw = &text[leaf.start..leaf.end];
    let how = leaf
        .headers
        .raw("content-transfer-encoding")
        .unwrap_or_default();
    let (bytes, damaged) = match how.trim().to_ascii_lowercase().as_str() {
        "base64" => transfer::base64(raw),
        "quoted-printable" => transfer::quoted_printable(raw),
        _ => (raw.to_vec(), false),
    };
    let disposition = leaf
        .headers
        .raw("content-disposition")
        .map(Parameters::read);
    let disposition = disposition.unwrap_or_default();
    let name = disposition
        .get("filename")
        .or_else(|| leaf.media.get("name"));
    let charset = leaf.media.get("charset").map(Line::new);
    let mut note = |note: Note| {
        if notes.len() < MAX_NOTES && !notes.contains(&note) {
            notes.push(note);
        }
    };
    if damaged {
        note(Note::Encoding);
    }
    if let Some(label) = charset.as_ref().filter(|label| !label.is_empty())
        && transfer::encoding(label.as_bytes()).is_none()
    {
        note(Note::Charset(label.clone()));
    }
    Part {
        name: name.and_then(file_name),
        media: leaf.media.value,
        charset,
        attached: disposition.value == "attachment",
        alternative: leaf.alternative,
        depth: leaf.depth,
        headers: leaf.headers,
        bytes,
    }
}

/// What a reader sees: every plain text that is no file; the first HTML where there is none.
fn prose(parts: &[Part], limits: &Limits) -> String {
    let mut text = String::new();
    for part in parts.iter().filter(|part| part.is_prose("text/plain")) {
        let room = limits.text_bytes.saturating_sub(text.len());
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&part.text_up_to(room));
    }
    if text.trim().is_empty()
        && let Some(part) = parts.iter().find(|part| part.is_prose("text/html"))
    {
        text = mail_parser::decoders::html::html_to_text(&part.text_up_to(limits.text_bytes));
    }
    if text.trim().is_empty()
        && let [only] = parts
        && only.media.starts_with("text/")
    {
        text = only.text_up_to(limits.text_bytes);
    }
    text
}

#[cfg(test)]
mod tests;
