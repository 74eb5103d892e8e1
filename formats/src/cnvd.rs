//! CNVD's weekly share file: XML, one `<vulnerability>` element a record, read in a way that survives
//! what such files carry — a byte-order mark, control characters that XML 1.0 forbids, bare `&`, an
//! element cut off in the middle. A broken element is one reject, and reading goes on at the next.
//!
//! Elements are cut out of the stream first and parsed alone, so memory is bounded by the longest
//! element. Entities are never expanded: a document type that declares some is refused, and a name
//! that XML does not define stays in the text as it is written.
//!
//! The file has no field for the kind of the affected object (application, network device ...), so
//! `object_type` stays unset here, and the statistic on it is not available from this feed. It has
//! no classification either: the feed's entry gives that.

pub(crate) mod element;

use std::io::{self, BufRead};

use jiff::tz::TimeZone;
use model::feed::Feed;
use model::field::Field;
use model::record::{Record, push_json_text};
use model::reject::{Reject, RejectReason};

use crate::document::{Overlong, Window, is_space};
use crate::entry::Entry;
use crate::frame::MAX_ROW_BYTES;
use crate::{Context, Format, Output, Reader, StreamReader, Unreadable, Warning, entry, value};

use element::{
    EXTRAS, NUMBER, OPEN_TIME, REFERENCE, SEVERITY, SUBMIT_TIME, TITLE, Vulnerability, is_forbidden,
};

/// CNVD's weekly share file.
pub const FORMAT: Format = Format {
    name: "cnvd",
    about: "CNVD's weekly share file, XML",
    open,
    check,
};

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    let text = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start();
    if text.is_empty() {
        return Err(Unreadable::Empty);
    }
    let header = |detail: &str| Unreadable::Header {
        format: FORMAT.name,
        detail: detail.to_owned(),
    };
    if text[0] != b'<' {
        return Err(header(
            "the file does not start with an XML tag; a <vulnerabilitys> document is expected",
        ));
    }
    let declaration = &text[..memchr::memchr(b'>', text).unwrap_or(text.len())];
    let declares_gb = [&b"gb2312"[..], b"gbk", b"gb18030"].iter().any(|name| {
        declaration.starts_with(b"<?xml")
            && declaration
                .windows(name.len())
                .any(|w| w.eq_ignore_ascii_case(name))
    });
    let is_utf8 = std::str::from_utf8(head)
        .err()
        .is_none_or(|error| error.error_len().is_none());
    if declares_gb && ctx.feed.encoding.is_none() && !is_utf8 {
        return Err(Unreadable::Entry {
            feed: ctx.feed.name.clone(),
            detail: "the document declares a GB encoding: set encoding = \"gb18030\" in the feed's entry".into(),
        });
    }
    let start = find_start(text);
    let prolog = &text[..start.unwrap_or(text.len())];
    if contains(prolog, b"<!ENTITY") {
        return Err(header(
            "the document type declares entities, which are refused",
        ));
    }
    if start.is_none() && !contains(prolog, b"<vulnerabilitys") {
        return Err(header(
            "there is neither <vulnerabilitys> nor <vulnerability>",
        ));
    }
    Ok(Reader::Stream(Box::new(ShareFile {
        entry: Entry::compile(ctx)?,
        zone: ctx.zone.clone(),
        record: Record::new(),
        found: Vulnerability::default(),
    })))
}

fn check(feed: &Feed) -> Vec<String> {
    let mut problems = entry::check(feed);
    problems.extend(entry::check_options(feed, &[]));
    if !feed.columns.is_empty() {
        problems.push("columns: the fields of format cnvd are fixed; remove the table".into());
    }
    problems
}

struct ShareFile {
    entry: Entry,
    zone: TimeZone,
    record: Record,
    found: Vulnerability,
}

impl StreamReader for ShareFile {
    fn read(mut self: Box<Self>, input: &mut dyn BufRead, out: &mut dyn Output) -> io::Result<()> {
        let mut window = Window::new(input)?;
        let mut closed = false;
        while next_start(&mut window, &mut closed, out)? {
            self.element(&mut window, out)?;
        }
        if !closed {
            out.warn(Warning {
                label: "truncated",
                message: "the document ends before </vulnerabilitys>: it may have been cut off"
                    .into(),
            });
        }
        Ok(())
    }
}

const START: &[u8] = b"<vulnerability";
const END: &[u8] = b"</vulnerability";
/// No tag is decided on with fewer bytes behind its `<`, unless the document ends.
const TAG_LOOKAHEAD: usize = END.len() + 2;

/// What a `<` may open, as far as cutting goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tag {
    Start,
    End,
    RootEnd,
    Cdata,
    Comment,
    Other,
}

/// The tag at the start of `bytes`. The root's name only starts like the element's: what follows decides.
fn tag(bytes: &[u8]) -> Tag {
    let named = |prefix: &[u8]| {
        bytes.strip_prefix(prefix).is_some_and(|rest| {
            rest.first()
                .is_none_or(|byte| is_space(*byte) || matches!(byte, b'>' | b'/'))
        })
    };
    match bytes {
        _ if named(START) => Tag::Start,
        _ if named(END) => Tag::End,
        _ if bytes.starts_with(b"</vulnerabilitys") => Tag::RootEnd,
        _ if bytes.starts_with(b"<![CDATA[") => Tag::Cdata,
        _ if bytes.starts_with(b"<!--") => Tag::Comment,
        _ => Tag::Other,
    }
}

/// Position of the next start tag of a vulnerability, comments left out.
fn find_start(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut comments) = (0, true);
    while let Some(found) = memchr::memchr(b'<', &bytes[at..]) {
        at += found;
        match tag(&bytes[at..]) {
            Tag::Start => return Some(at),
            // A comment that is not closed hides nothing, and then no later one is closed either.
            Tag::Comment if comments => match memchr::memmem::find(&bytes[at..], b"-->") {
                Some(end) => at += end,
                None => comments = false,
            },
            _ => at += 1,
        }
    }
    None
}

/// Stands between elements: goes to the next start tag; whatever lies before it and is not the frame
/// of the document is a reject. `false` at the end.
fn next_start(
    window: &mut Window<'_>,
    closed: &mut bool,
    out: &mut dyn Output,
) -> io::Result<bool> {
    let mut whole = false;
    loop {
        // The search starts over with every piece, since a comment may reach back to the first byte;
        // it is at most a megabyte.
        let bytes = window.bytes();
        if let Some(start) = find_start(bytes)
            && (whole || start + TAG_LOOKAHEAD <= bytes.len())
        {
            between(window, start, closed, out);
            return Ok(true);
        }
        if whole {
            let len = bytes.len();
            between(window, len, closed, out);
            return Ok(false);
        }
        if bytes.len() > MAX_ROW_BYTES {
            let keep = bytes.len() - TAG_LOOKAHEAD;
            let mut long = Overlong::at(window);
            long.take(window, keep);
            out.reject(long.reject(RejectReason::TooLong, "text outside of any vulnerability"));
        }
        whole = !window.more()?;
    }
}

/// Releases what lies between elements.
fn between(window: &mut Window<'_>, len: usize, closed: &mut bool, out: &mut dyn Output) {
    let bytes = &window.bytes()[..len];
    let frame = is_frame(bytes);
    *closed |= frame && contains(bytes, b"</vulnerabilitys");
    let complaint = if contains(bytes, b"<!ENTITY") {
        Some("a declaration of entities, which are refused")
    } else if !frame {
        Some("text outside of any vulnerability")
    } else {
        None
    };
    if let Some(complaint) = complaint {
        let lead = bytes.len() - bytes.trim_ascii_start().len();
        window.release(lead);
        let rest = len - lead;
        let raw = window.bytes()[..rest].trim_ascii_end();
        out.reject(Reject::new(
            window.line(),
            window.offset(),
            RejectReason::Syntax,
            complaint,
            raw,
        ));
        window.release(rest);
    } else {
        window.release(len);
    }
}

/// Whether the bytes are nothing but white space, the root's tags, comments, instructions and a
/// document type.
fn is_frame(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        rest = rest.trim_ascii_start();
        let end: &[u8] = match rest {
            // 0x1a is the end-of-file mark of old systems, no content.
            [] | [0x1a] => return true,
            _ if rest.starts_with(b"<!--") => b"-->",
            _ if rest.starts_with(b"<?") => b"?>",
            _ if rest.starts_with(b"<!DOCTYPE")
                || rest.starts_with(b"<vulnerabilitys")
                || rest.starts_with(b"</vulnerabilitys") =>
            {
                b">"
            }
            _ => return false,
        };
        match memchr::memmem::find(rest, end) {
            Some(at) => rest = &rest[at + end.len()..],
            None => return false,
        }
    }
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    memchr::memmem::find(bytes, what).is_some()
}

impl ShareFile {
    /// Stands before a start tag: cuts the element out and reads it, or rejects it.
    fn element(&mut self, window: &mut Window<'_>, out: &mut dyn Output) -> io::Result<()> {
        let mut cut = Cut {
            at: 1,
            started: false,
            literal: true,
        };
        let mut whole = false;
        loop {
            let bytes = window.bytes();
            match cut.scan(bytes, whole) {
                Some((len, true)) => {
                    let (line, offset) = (window.line(), window.offset());
                    self.vulnerability(&window.bytes()[..len], line, offset, out);
                    window.release(len);
                    return Ok(());
                }
                Some((len, false)) => {
                    let raw = bytes[..len].trim_ascii_end();
                    let message = "the vulnerability has no end tag";
                    out.reject(Reject::new(
                        window.line(),
                        window.offset(),
                        RejectReason::Syntax,
                        message,
                        raw,
                    ));
                    window.release(len);
                    return Ok(());
                }
                None if bytes.len() > MAX_ROW_BYTES || whole => {
                    if cut.literal {
                        // Perhaps only a comment or CDATA section that is never closed: look again
                        // without believing in them.
                        cut = Cut {
                            at: 1,
                            started: false,
                            literal: false,
                        };
                        continue;
                    }
                    return overlong(window, cut.at, out);
                }
                None => whole = !window.more()?,
            }
        }
    }

    fn vulnerability(&mut self, bytes: &[u8], line: u64, offset: u64, out: &mut dyn Output) {
        let reject = |reason, message: String| Reject::new(line, offset, reason, message, bytes);
        let Ok(text) = std::str::from_utf8(bytes) else {
            out.reject(reject(
                RejectReason::Encoding,
                "the vulnerability is not valid UTF-8".into(),
            ));
            return;
        };
        let cleaned;
        let text = if text.contains(is_forbidden) {
            out.warn(Warning {
                label: "control-character",
                message: "characters that XML 1.0 forbids were left out of the text".into(),
            });
            cleaned = text.replace(is_forbidden, "");
            &cleaned
        } else {
            text
        };
        if let Err((reason, message)) = self.found.read(text) {
            out.reject(reject(reason, message));
            return;
        }
        match self.fill(out) {
            Ok(()) => {
                self.record.line = line;
                self.record.offset = offset;
                self.record.len = bytes.len() as u32;
                out.record(&self.record);
            }
            Err((reason, message)) => out.reject(reject(reason, message)),
        }
    }

    /// The record of the vulnerability at hand.
    fn fill(&mut self, out: &mut dyn Output) -> Result<(), (RejectReason, String)> {
        let ShareFile {
            record,
            found,
            zone,
            ..
        } = self;
        record.clear();
        let missing = |what: &str| {
            (
                RejectReason::MissingField,
                format!("the vulnerability has no {what}"),
            )
        };
        let number = value::given(&found.texts[NUMBER]).ok_or_else(|| missing("<number>"))?;
        if !number
            .get(..5)
            .is_some_and(|head| head.eq_ignore_ascii_case("CNVD-"))
        {
            let message = format!("number: `{}` is not a CNVD number", value::shorten(number));
            return Err((RejectReason::BadValue, message));
        }
        let set = |record: &mut Record, field, text: &str| {
            value::set(record, field, text, zone).map_err(|bad| (bad.reason, bad.message(text)))
        };
        set(record, Field::VulnerabilityId, number)?;
        let opened = value::given(&found.texts[OPEN_TIME])
            .or_else(|| value::given(&found.texts[SUBMIT_TIME]));
        set(
            record,
            Field::ObservedAt,
            opened.ok_or_else(|| missing("<openTime> and no <submitTime>"))?,
        )?;
        set(record, Field::Description, &found.texts[TITLE])?;

        // From here on nothing costs the record: what does not fit its field is kept as it is written.
        let severity_text = set(record, Field::Severity, &found.texts[SEVERITY]).is_err();
        let reference_text = set(record, Field::DescriptionUrl, &found.texts[REFERENCE]).is_err();
        let (ids, odd) = found.ids();
        if !ids.is_empty() {
            record.set_text(Field::Vulnerabilities, &ids);
        }
        if severity_text {
            out.warn(Warning {
                label: "unknown-severity",
                message: format!(
                    "severity `{}` is not 高, 中 or 低",
                    value::shorten(&found.texts[SEVERITY])
                ),
            });
            record.extra_text("severity_text", &found.texts[SEVERITY]);
        }
        if reference_text {
            record.extra_text("reference_link", &found.texts[REFERENCE]);
        }
        extra_list(record, "\"products\":", &found.products);
        for (index, key) in EXTRAS {
            if !found.texts[*index].is_empty() {
                record.extra_text(key, &found.texts[*index]);
            }
        }
        extra_list(record, "\"cve_text\":", &odd);
        extra_list(record, "\"bids\":", &found.bids);
        found.others.sort();
        for (name, text) in &found.others {
            out.warn(Warning {
                label: "unknown-element",
                message: format!("element <{name}> is kept in extra"),
            });
            record.extra_text(name, text);
        }
        self.entry.finish(&mut self.record);
        Ok(())
    }
}

fn extra_list(record: &mut Record, quoted_key: &str, list: &[String]) {
    if list.is_empty() {
        return;
    }
    let out = record.extra_member(quoted_key);
    out.push('[');
    for (index, text) in list.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push_json_text(out, text);
    }
    out.push(']');
}

/// A comment or CDATA section that is longer is taken for one that is never closed. The bound keeps a
/// file of unclosed ones from being searched again and again.
const MAX_SECTION_BYTES: usize = 64 * 1024;

/// Finds the end of an element, over as many pieces as it takes.
struct Cut {
    at: usize,
    /// The start tag's end was found.
    started: bool,
    /// Comments and CDATA sections are respected.
    literal: bool,
}

impl Cut {
    /// The element's length and whether it ends with its own end tag; `None` where more is needed.
    fn scan(&mut self, bytes: &[u8], whole: bool) -> Option<(usize, bool)> {
        if !self.started {
            // An empty element ends with its start tag.
            let end = memchr::memchr(b'>', bytes)?;
            self.started = true;
            self.at = end + 1;
            if bytes[end - 1] == b'/' {
                return Some((end + 1, true));
            }
        }
        while let Some(found) = memchr::memchr(b'<', &bytes[self.at..]) {
            self.at += found;
            let here = &bytes[self.at..];
            if here.len() < TAG_LOOKAHEAD && !whole {
                return None;
            }
            match tag(here) {
                Tag::Start | Tag::RootEnd => return Some((self.at, false)),
                Tag::End => {
                    let end = memchr::memchr(b'>', here)?;
                    return Some((self.at + end + 1, true));
                }
                kind @ (Tag::Cdata | Tag::Comment) if self.literal => {
                    let end: &[u8] = if kind == Tag::Cdata { b"]]>" } else { b"-->" };
                    let within = &here[..here.len().min(MAX_SECTION_BYTES)];
                    match memchr::memmem::find(within, end) {
                        Some(found) => self.at += found + end.len(),
                        None if within.len() == MAX_SECTION_BYTES => self.at += 1,
                        None => return None,
                    }
                }
                _ => self.at += 1,
            }
        }
        self.at = bytes.len();
        None
    }
}

/// An element whose end is not within reach of `at`: rejected up to its end or the next element.
fn overlong(window: &mut Window<'_>, at: usize, out: &mut dyn Output) -> io::Result<()> {
    let mut long = Overlong::at(window);
    // Behind the first byte, lest the element's own start tag is taken for the next one's.
    let mut cut = Cut {
        at: at.max(1),
        started: true,
        literal: false,
    };
    let mut whole = false;
    let ended = loop {
        let seen = window.bytes().len();
        if let Some((len, ended)) = cut.scan(window.bytes(), whole) {
            long.take(window, len);
            break ended;
        }
        // What is undecided stays in the window, unless it is an end tag that never ends.
        let decided = if whole || seen - cut.at > MAX_ROW_BYTES {
            seen
        } else {
            cut.at
        };
        long.take(window, decided);
        cut.at = 0;
        if whole {
            break false;
        }
        whole = !window.more()?;
    };
    let (reason, message) = match (long.len() > MAX_ROW_BYTES as u64, ended) {
        (true, _) => (
            RejectReason::TooLong,
            format!("the vulnerability is longer than {MAX_ROW_BYTES} bytes"),
        ),
        (false, true) => (
            RejectReason::Syntax,
            "the vulnerability's tags are broken".into(),
        ),
        (false, false) => (
            RejectReason::Syntax,
            "the document ends inside the vulnerability".into(),
        ),
    };
    out.reject(long.reject(reason, message));
    Ok(())
}
