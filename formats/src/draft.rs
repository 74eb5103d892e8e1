//! The record that a document format is filling: what the formats of JSON and XML documents share
//! once an element is at hand.
//!
//! [`element`] parses one element under limits, [`Draft`] takes its values and hands the record or
//! the reject over, [`Held`] keeps elements whose meaning depends on others that may come later (a
//! mark of the whole event, the name behind an id). Not here: how a document is cut into elements
//! ([`crate::json::walk`], [`crate::document`]).

use std::sync::Arc;

use jiff::tz::TimeZone;
use model::field::Field;
use model::record::Record;
use model::reject::{Reject, RejectReason};

use crate::entry::Entry;
use crate::json::tree::{self, Json, Tree};
use crate::json::{self, walk};
use crate::{Context, Output, Unreadable, drive, value};

/// Why an element became no event.
pub(crate) type Fault = json::Fault;

/// Where an element stands, with its bytes.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Line of its first byte, from 1.
    pub line: u64,
    /// Offset of its first byte.
    pub offset: u64,
    /// Its bytes.
    pub bytes: &'a [u8],
}

impl<'a> From<walk::Element<'a>> for Place<'a> {
    fn from(element: walk::Element<'a>) -> Self {
        Place {
            line: element.line,
            offset: element.offset,
            bytes: element.bytes,
        }
    }
}

impl Place<'_> {
    /// The reject of the whole element.
    pub(crate) fn reject(&self, (reason, message): Fault) -> Reject {
        Reject::new(self.line, self.offset, reason, message, self.bytes)
    }
}

/// Parses one element into `tree`. Its length is bounded by the walk that cut it, its depth by the
/// parser.
pub(crate) fn element<'t>(tree: &'t mut Tree, bytes: &[u8]) -> Result<Json<'t>, Fault> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| (RejectReason::Encoding, format!("not valid UTF-8: {error}")))?;
    tree.read(text).map_err(|error| {
        let text = error.to_string();
        if text.starts_with("recursion limit") {
            let message = "the element is nested deeper than 127".to_owned();
            return (RejectReason::TooDeep, message);
        }
        (RejectReason::Syntax, format!("broken JSON: {text}"))
    })?;
    // It would break whoever reads the text as C does.
    if tree.has_nul() {
        return Err((
            RejectReason::BadValue,
            "a NUL character in one of the texts".into(),
        ));
    }
    Ok(tree.root())
}

/// A record under way, with what its report gives to every record.
pub(crate) struct Draft {
    /// The record; formats set typed values that need no rule directly.
    pub record: Record,
    entry: Arc<Entry>,
    zone: TimeZone,
}

impl Draft {
    /// Compiles the report's entry.
    pub(crate) fn new(ctx: &Context<'_>) -> Result<Draft, Unreadable> {
        Ok(Draft {
            record: Record::new(),
            entry: Arc::new(Entry::compile(ctx)?),
            zone: ctx.zone.clone(),
        })
    }

    /// A draft of the same report for another thread; it fills the thread's own record.
    pub(crate) fn sibling(&self, record: &mut Record) -> Draft {
        Draft {
            record: std::mem::take(record),
            entry: Arc::clone(&self.entry),
            zone: self.zone.clone(),
        }
    }

    /// The zone of times without an offset.
    pub(crate) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Whether the feed's entry gives this field, and so a guess of ours is not wanted.
    pub(crate) fn gives(&self, field: Field) -> bool {
        self.entry.gives(field)
    }

    /// Starts the next record.
    pub(crate) fn clear(&mut self) {
        self.record.clear();
    }

    /// Sets a field that the record stands or falls with.
    pub(crate) fn set(&mut self, field: Field, text: &str) -> Result<(), Fault> {
        value::set(&mut self.record, field, text, &self.zone)
            .map_err(|bad| (bad.reason, bad.message(text)))
    }

    /// Sets a field that costs no record: what does not fit it is kept in `extra` under its name.
    pub(crate) fn keep(&mut self, field: Field, text: &str) {
        if value::set(&mut self.record, field, text, &self.zone).is_err() {
            self.record.extra_text(field.column(), text.trim());
        }
    }

    /// [`Self::keep`] of a member, where it is there.
    pub(crate) fn keep_json(&mut self, field: Field, json: Json<'_>) {
        if let Some(text) = json.text() {
            self.keep(field, &text);
        }
    }

    /// Sets an observable whose kind its form tells: URL, network, address, account or host.
    pub(crate) fn observable(&mut self, text: &str) -> Result<(), Fault> {
        let Some(text) = value::given(text) else {
            return Ok(());
        };
        if text.contains('/') && value::network(text).is_some() {
            return self.set(Field::SourceNetwork, text);
        }
        if let Some((account, host)) = text.split_once('@')
            && !text.contains('/')
            && !account.is_empty()
            && value::host(host).is_some()
        {
            return self.set(Field::SourceAccount, text);
        }
        crate::observable::set(&mut self.record, text, &self.zone)
            .map_err(|bad| (bad.reason, bad.message(text)))
    }

    /// Sets a hash by its length, lower case; `false` where the text is no hash that has a field.
    pub(crate) fn hash(&mut self, text: &str) -> bool {
        let field = match text.len() {
            32 => Field::Md5,
            40 => Field::Sha1,
            64 => Field::Sha256,
            _ => return false,
        };
        self.set(field, text).is_ok()
    }

    /// Keeps a member in `extra`, unless it says nothing (null, empty text, list or object).
    pub(crate) fn extra(&mut self, key: &str, json: Json<'_>) {
        if !json.is_silent() {
            json.write(self.record.extra_named(key));
        }
    }

    /// Keeps a list of texts in `extra`: nothing, where it is empty.
    pub(crate) fn extra_list(&mut self, key: &str, list: &[impl AsRef<str>]) {
        if list.is_empty() {
            return;
        }
        let out = self.record.extra_named(key);
        for (index, text) in list.iter().enumerate() {
            out.push(if index == 0 { '[' } else { ',' });
            tree::write_text(text.as_ref(), out);
        }
        out.push(']');
    }

    /// Hands the record over, or the reject of a record that names nothing.
    pub(crate) fn hand_over(&mut self, place: Place<'_>, out: &mut dyn Output) {
        self.entry.finish(&mut self.record);
        if !value::has_observable(&self.record) {
            let message = "the element names nothing that can be counted or acted on";
            out.reject(place.reject((RejectReason::NoObservable, message.into())));
            return;
        }
        self.record.line = place.line;
        self.record.offset = place.offset;
        self.record.len = place.bytes.len() as u32;
        out.record(&self.record);
    }

    /// Sets `observed_at` from the first of these texts that says something.
    pub(crate) fn observed<'t>(
        &mut self,
        texts: impl IntoIterator<Item = Option<std::borrow::Cow<'t, str>>>,
    ) -> Result<(), Fault> {
        match texts.into_iter().flatten().next() {
            Some(text) => self.set(Field::ObservedAt, &text),
            None => Ok(()),
        }
    }
}

/// Elements of a document that wait for others. What waits is bounded: past [`HELD_BYTES`] a format
/// lets them go with what is known by then.
pub(crate) struct Held<T> {
    elements: Vec<(T, u64, u64, Box<[u8]>)>,
    bytes: usize,
}

/// Bytes of elements that wait at most.
pub(crate) const HELD_BYTES: usize = 32 << 20;

impl<T> Held<T> {
    /// Nothing waits.
    pub(crate) fn new() -> Self {
        Held {
            elements: Vec::new(),
            bytes: 0,
        }
    }

    /// Keeps an element; `true` where no more may wait.
    pub(crate) fn push(&mut self, what: T, place: Place<'_>) -> bool {
        self.bytes += place.bytes.len() + 64;
        self.elements
            .push((what, place.line, place.offset, place.bytes.into()));
        self.bytes > HELD_BYTES
    }

    /// Lets all go, in the order in which they came.
    pub(crate) fn drain(&mut self, mut each: impl FnMut(T, Place<'_>)) {
        self.bytes = 0;
        for (what, line, offset, bytes) in self.elements.drain(..) {
            let place = Place {
                line,
                offset,
                bytes: &bytes,
            };
            each(what, place);
        }
    }
}

/// The text of a report behind its byte-order mark and white space.
pub(crate) fn content(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start()
}

/// Opens a JSON report of format `name`: its first byte, which is `[` or `{`.
pub(crate) fn json_start(name: &'static str, head: &[u8]) -> Result<u8, Unreadable> {
    match content(head).first() {
        None => Err(Unreadable::Empty),
        Some(first @ (b'[' | b'{')) => Ok(*first),
        Some(_) => Err(header(name, "the file is neither a JSON object nor a list")),
    }
}

/// Whether the head shows a value at `path`; `None` where it ends before that shows.
pub(crate) fn has(head: &[u8], path: &str) -> Option<bool> {
    let path = walk::steps(path).ok()?;
    walk::has_records(head, head.len() < drive::HEAD_BYTES, &path)
}

/// Whether the first line is a whole JSON value and more follow: JSON lines.
pub(crate) fn is_json_lines(head: &[u8]) -> bool {
    let text = content(head);
    let Some(end) = memchr::memchr(b'\n', text) else {
        return false;
    };
    let (first, rest) = text.split_at(end);
    first.starts_with(b"{")
        && !rest.trim_ascii().is_empty()
        && serde_json::from_slice::<serde::de::IgnoredAny>(first.trim_ascii_end()).is_ok()
}

/// A report that is not one of the format.
pub(crate) fn header(format: &'static str, detail: impl Into<String>) -> Unreadable {
    Unreadable::Header {
        format,
        detail: detail.into(),
    }
}

/// The faults of an entry whose format has fixed fields and these options.
pub(crate) fn check_fixed(feed: &model::feed::Feed, options: &[(&str, &str)]) -> Vec<String> {
    let mut problems = crate::entry::check(feed);
    problems.extend(crate::entry::check_options(feed, options));
    if !feed.columns.is_empty() {
        problems.push(format!(
            "columns: the fields of format {} are fixed; remove the table",
            feed.format
        ));
    }
    problems
}
