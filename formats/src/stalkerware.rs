//! The stalkerware indicators of AssoEchap (`ioc.yaml`, `watchware.yaml`): a YAML list of
//! applications, each with its packages, signing certificates, web sites, distribution sites and
//! control servers. Every indicator is a record; the list has no dates, so the snapshot's time holds.
//!
//! The list is cut into its applications first, along the dashes of the outermost list, and each is
//! parsed alone under a budget: memory is bounded, an application that is broken is one reject, and
//! aliases cannot reach from one application into another (a bomb is refused as too deep). Nine of
//! ten are so plain that they need no YAML parser ([`plain`]); the others have one ([`yaml`]).
//! The row of a record is the line of its indicator.

mod plain;
mod yaml;

use std::borrow::Cow;
use std::io::{self, BufRead};

use jiff::tz::TimeZone;
use model::feed::Feed;
use model::field::Field;
use model::record::Record;
use model::reject::{Reject, RejectReason};

use crate::document::{Overlong, Window};
use crate::entry::Entry;
use crate::frame::MAX_ROW_BYTES;
use crate::{
    Context, Format, Output, Reader, StreamReader, Unreadable, Warning, entry, observable, value,
};

/// AssoEchap's stalkerware indicators.
pub const FORMAT: Format = Format {
    name: "stalkerware",
    about: "AssoEchap's stalkerware indicators, ioc.yaml",
    open,
    check,
};

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let mut lines = text.split(|byte| matches!(byte, b'\n' | b'\r'));
    let Some(first) = lines.find(|line| !is_prelude(line)) else {
        return Err(if text.trim_ascii().is_empty() {
            Unreadable::Empty
        } else {
            not_a_list()
        });
    };
    let indent = first.iter().take_while(|byte| **byte == b' ').count();
    if !is_item(&first[indent..]) {
        return Err(not_a_list());
    }
    Ok(Reader::Stream(Box::new(Indicators {
        entry: Entry::compile(ctx)?,
        zone: ctx.zone.clone(),
        indent,
        record: Record::new(),
    })))
}

fn not_a_list() -> Unreadable {
    let detail = "the first line of content is no item of a YAML list (`- name: ...`)";
    Unreadable::Header {
        format: FORMAT.name,
        detail: detail.into(),
    }
}

fn check(feed: &Feed) -> Vec<String> {
    let mut problems = entry::check(feed);
    problems.extend(entry::check_options(feed, &[]));
    if !feed.columns.is_empty() {
        problems
            .push("columns: the fields of format stalkerware are fixed; remove the table".into());
    }
    problems
}

/// Lines that may stand before the list: blank ones, comments, directives, the mark of a document.
fn is_prelude(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.is_empty() || line.starts_with(b"#") || line.starts_with(b"%") || is_mark(line)
}

/// The start or end of a YAML document.
fn is_mark(line: &[u8]) -> bool {
    line.starts_with(b"---") || line.starts_with(b"...")
}

/// The start of an item, seen from where its dash must stand.
fn is_item(line: &[u8]) -> bool {
    match line {
        [b'-'] => true,
        [b'-', next, ..] => matches!(next, b' ' | b'\t' | b'\n' | b'\r'),
        _ => false,
    }
}

struct Indicators {
    entry: Entry,
    zone: TimeZone,
    /// Column of the outermost list's dashes.
    indent: usize,
    record: Record,
}

impl StreamReader for Indicators {
    fn read(mut self: Box<Self>, input: &mut dyn BufRead, out: &mut dyn Output) -> io::Result<()> {
        let mut window = Window::new(input)?;
        while window.peek()?.is_some() {
            let mut cut = Cut {
                at: 0,
                inside: true,
                indent: self.indent,
            };
            let mut long: Option<Overlong> = None;
            let mut whole = false;
            let len = loop {
                if let Some(len) = cut.scan(window.bytes(), whole) {
                    break len;
                }
                if window.bytes().len() > MAX_ROW_BYTES {
                    let decided = cut.decided(window.bytes().len());
                    long.get_or_insert_with(|| Overlong::at(&window))
                        .take(&mut window, decided);
                }
                whole = !window.more()?;
            };
            if let Some(mut long) = long {
                long.take(&mut window, len);
                let message = format!("the application is longer than {MAX_ROW_BYTES} bytes");
                out.reject(long.reject(RejectReason::TooLong, message));
                continue;
            }
            let bytes = &window.bytes()[..len];
            if !bytes
                .split(|byte| matches!(byte, b'\n' | b'\r'))
                .all(is_prelude)
            {
                self.application(bytes.trim_ascii_end(), window.line(), window.offset(), out);
            }
            window.release(len);
        }
        Ok(())
    }
}

/// Finds the end of a piece: where the next item or document mark starts, or the text ends.
struct Cut {
    /// Start of the line that is looked at next.
    at: usize,
    /// That line belongs to the piece whatever it looks like: it is its first, or the rest of one.
    inside: bool,
    indent: usize,
}

impl Cut {
    fn scan(&mut self, bytes: &[u8], whole: bool) -> Option<usize> {
        loop {
            let line = &bytes[self.at..];
            if line.len() < self.indent + 4 && !whole {
                return None;
            }
            if !self.inside && self.starts(line) {
                return Some(self.at);
            }
            match memchr::memchr2(b'\n', b'\r', line) {
                None if whole => return Some(bytes.len()),
                None => return None,
                Some(end) => {
                    self.at += end + 1;
                    self.inside = false;
                }
            }
        }
    }

    /// How many of `len` bytes may go because they belong to the piece for sure.
    fn decided(&mut self, len: usize) -> usize {
        if self.at == 0 {
            self.inside = true;
            return len;
        }
        std::mem::take(&mut self.at)
    }

    fn starts(&self, line: &[u8]) -> bool {
        is_mark(line)
            || line.len() > self.indent
                && line[..self.indent].iter().all(|byte| *byte == b' ')
                && is_item(&line[self.indent..])
    }
}

/// What an indicator is to its application, and how it is classified for that. A web site is where
/// the application is advertised and sold; only a distribution site is said to hand it out.
#[derive(Clone, Copy)]
struct Role {
    name: &'static str,
    class: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Package,
    Certificate,
    Place,
}

const PACKAGE: Role = Role {
    name: "package",
    class: "malware",
    kind: Kind::Package,
};
const BUNDLE: Role = Role {
    name: "ios-bundle",
    class: "malware",
    kind: Kind::Package,
};
const CERTIFICATE: Role = Role {
    name: "certificate",
    class: "malware",
    kind: Kind::Certificate,
};
const WEBSITE: Role = Role {
    name: "website",
    class: "malware",
    kind: Kind::Place,
};
const DISTRIBUTION: Role = Role {
    name: "distribution",
    class: "malware-distribution",
    kind: Kind::Place,
};
const SERVER: Role = Role {
    name: "c2",
    class: "c2-server",
    kind: Kind::Place,
};

/// The lists of an application, in the order in which they are read. Those of the control servers
/// ([`C2_LISTS`]) are the last.
const LISTS: [(&str, Role); 9] = [
    ("packages", PACKAGE),
    ("ios_bundles", BUNDLE),
    ("certificates", CERTIFICATE),
    ("websites", WEBSITE),
    ("distribution", DISTRIBUTION),
    ("domains", SERVER),
    ("ips", SERVER),
    ("ip", SERVER),
    ("urls", SERVER),
];
/// The lists of its control servers; a few applications write `ip` for `ips`.
const C2_LISTS: [&str; 4] = ["domains", "ips", "ip", "urls"];

/// One application of the list.
#[derive(Debug, Default, PartialEq)]
struct Application<'a> {
    name: Option<Cow<'a, str>>,
    names: Vec<Cow<'a, str>>,
    kind: Option<Cow<'a, str>>,
    /// What each of [`LISTS`] holds.
    lists: [Vec<Indicator<'a>>; LISTS.len()],
    /// Keys that say something else, kept as they are.
    others: Vec<(String, serde_json::Value)>,
}

/// An indicator with its place in the text of its application.
#[derive(Debug, PartialEq)]
struct Indicator<'a> {
    text: Cow<'a, str>,
    /// Offset of something on its line.
    at: usize,
    /// Lines before it.
    line: u64,
}

impl Indicators {
    fn application(&mut self, bytes: &[u8], line: u64, offset: u64, out: &mut dyn Output) {
        let reject = |reason, message: String| Reject::new(line, offset, reason, message, bytes);
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                out.reject(reject(
                    RejectReason::Encoding,
                    format!("the application is not valid UTF-8: {error}"),
                ));
                return;
            }
        };
        let read = plain::read(text).map_or_else(|| yaml::read(text), Ok);
        let app = match read {
            Ok(app) => app,
            Err((why, message)) => {
                out.reject(reject(why, message));
                return;
            }
        };
        let Some(name) = app.name.as_deref().and_then(value::given) else {
            out.reject(reject(
                RejectReason::MissingField,
                "the application has no `name`".into(),
            ));
            return;
        };
        let place = Piece { text, line, offset };
        let about = About {
            name: name.to_lowercase(),
            kind: app.kind.as_deref().and_then(value::given),
            extra: app.extra(out),
        };
        let mut any = false;
        for ((_, role), list) in LISTS.into_iter().zip(&app.lists) {
            for indicator in list {
                any = true;
                self.indicator(&about, role, indicator, &place, out);
            }
        }
        if !any {
            out.reject(reject(
                RejectReason::NoObservable,
                format!("application `{name}` has no indicators"),
            ));
        }
    }

    fn indicator(
        &mut self,
        about: &About<'_>,
        role: Role,
        indicator: &Indicator<'_>,
        place: &Piece<'_>,
        out: &mut dyn Output,
    ) {
        let (line, offset, raw) = place.line_of(indicator);
        let record = &mut self.record;
        record.clear();
        let text = &*indicator.text;
        let set = match role.kind {
            Kind::Package => value::set(record, Field::AppPackage, text, &self.zone),
            Kind::Certificate => value::set(record, Field::Certificate, text, &self.zone),
            Kind::Place => observable::set(record, text, &self.zone),
        };
        if let Err(bad) = set {
            out.reject(bad.reject(text, line, offset, raw));
            return;
        }
        if !value::has_observable(record) {
            let message = format!("an empty {} of application `{}`", role.name, about.name);
            out.reject(Reject::new(
                line,
                offset,
                RejectReason::MissingField,
                message,
                raw,
            ));
            return;
        }
        record.set_text(Field::ClassType, role.class);
        if let Some(kind) = about.kind {
            record.set_lowercase(Field::ClassIdentifier, kind);
        }
        record.set_text(Field::MalwareName, &about.name);
        record.extra_text("role", role.name);
        if !about.extra.is_empty() {
            record.extra_member(&about.extra);
        }
        self.entry.finish(record);
        record.line = line;
        record.offset = offset;
        record.len = raw.len() as u32;
        out.record(record);
    }
}

/// What every record of an application says of it.
struct About<'a> {
    name: String,
    kind: Option<&'a str>,
    /// Members of `extra`, ready to be appended.
    extra: String,
}

/// More than this is not repeated with every indicator: the list's applications have a few names.
const MAX_EXTRA_BYTES: usize = 16 * 1024;

impl Application<'_> {
    /// The other names and the keys that are no indicators, as members of `extra`.
    fn extra(&self, out: &mut dyn Output) -> String {
        let mut extra = Record::new();
        if !self.names.is_empty() {
            let names: Vec<&str> = self.names.iter().map(|name| &**name).collect();
            extra.extra_value("names", &names.into());
        }
        for (key, value) in self.others.iter().filter(|(_, value)| !value.is_null()) {
            extra.extra_value(key, value);
            if !KNOWN_OTHERS.contains(&key.as_str()) {
                let message = format!(
                    "key `{}` of an application is kept in extra",
                    value::shorten(key)
                );
                out.warn(Warning {
                    label: "unknown-key",
                    message,
                });
            }
        }
        if extra.extra().len() > MAX_EXTRA_BYTES {
            let message = format!(
                "names and other keys of an application take over {MAX_EXTRA_BYTES} bytes and are left out"
            );
            out.warn(Warning {
                label: "extra-too-long",
                message,
            });
            return String::new();
        }
        extra.extra().to_owned()
    }
}

/// Keys that are known to be no list of indicators.
const KNOWN_OTHERS: &[&str] = &["certificate_organizations", "certificate_cname_re"];

/// The text of an application with its place in the report.
struct Piece<'a> {
    text: &'a str,
    line: u64,
    offset: u64,
}

impl<'a> Piece<'a> {
    /// The line on which an indicator stands: its number, its offset and its bytes.
    fn line_of(&self, indicator: &Indicator<'_>) -> (u64, u64, &'a [u8]) {
        let (bytes, at) = (self.text.as_bytes(), indicator.at);
        let start = memchr::memrchr2(b'\n', b'\r', &bytes[..at]).map_or(0, |end| end + 1);
        let end = memchr::memchr2(b'\n', b'\r', &bytes[at..]).map_or(bytes.len(), |end| at + end);
        let line = self.line + indicator.line;
        (line, self.offset + start as u64, &bytes[start..end])
    }
}
