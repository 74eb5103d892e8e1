//! IntelMQ's events, read: JSON lines, an array, or one object; flat, nested, or as rows of an
//! EventDB (`extra` as an object or as a text of JSON).
//!
//! [`assign`] puts one key of an event into a record: the one place that says where a key goes.
//! Keys that are no field of ours stay in `extra` under their own name, and the writer gives them
//! back. What IntelMQ notes of its own receipt is no fact: `time.observation` serves where there is
//! no `time.source`, `raw`, `__type` and a database's `id` are left out.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use jiff::tz::TimeZone;
use model::classification::classification;
use model::field::{FIELDS, Field};
use model::record::Record;
use model::reject::{Reject, RejectReason};
use serde_json::{Map, Value as Json};

use super::{Event, keys};
use crate::draft::{self, Fault};
use crate::entry::Entry;
use crate::json::tree::Tree;
use crate::line::{Emit, Lines};
use crate::{Context, Output, Reader, StreamReader, Unreadable, json, value};

pub(super) fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    let first = draft::json_start(super::FORMAT.name, head)?;
    let (entry, zone) = (Entry::compile(ctx)?, ctx.zone.clone());
    let one_object = first == b'{' && !draft::is_json_lines(head) && !is_line(head);
    if first == b'[' || one_object {
        return Ok(Reader::Stream(Box::new(Document { entry, zone })));
    }
    let parse = move |line: &str, record: &mut Record, emit: &mut Emit<'_>| {
        event(line.as_bytes(), record, &zone)?;
        emit(record);
        Ok(())
    };
    Ok(Lines::reader(entry, &[], parse))
}

/// Whether the first line is a whole object: then the report is of lines, be it a single one.
fn is_line(head: &[u8]) -> bool {
    let first = draft::content(head).split(|byte| *byte == b'\n').next();
    first.is_some_and(|line| serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok())
}

struct Document {
    entry: Entry,
    zone: TimeZone,
}

impl StreamReader for Document {
    fn read(self: Box<Self>, input: &mut dyn BufRead, out: &mut dyn Output) -> io::Result<()> {
        let mut record = Record::new();
        json::read_document(input, &[], out, &mut |element, out| {
            record.clear();
            match event(element.bytes, &mut record, &self.zone) {
                Ok(()) => {
                    self.entry.finish(&mut record);
                    record.line = element.line;
                    record.offset = element.offset;
                    record.len = element.bytes.len() as u32;
                    out.record(&record);
                }
                Err((reason, message)) => {
                    let (line, offset) = (element.line, element.offset);
                    out.reject(Reject::new(line, offset, reason, message, element.bytes));
                }
            }
        })
    }
}

/// Reads one event into a cleared record.
fn event(bytes: &[u8], record: &mut Record, zone: &TimeZone) -> Result<(), Fault> {
    let Json::Object(members) = draft::element(&mut Tree::default(), bytes)?.to_value() else {
        return Err((
            RejectReason::Syntax,
            "the event is not a JSON object".into(),
        ));
    };
    if members.get("__type").is_some_and(|kind| kind == "Report") {
        let message =
            "a report of IntelMQ's and no event: its raw data are read in their own format";
        return Err((RejectReason::BadValue, message.into()));
    }
    let event = flatten(members);
    for (key, value) in &event {
        let says_nothing = match key.starts_with("extra.") {
            true => is_silent(value),
            false => is_empty(value),
        };
        let receipt = matches!(key.as_str(), "__type" | "raw" | "id" | "time.observation");
        if !receipt && !says_nothing {
            assign(record, key, value, zone)?;
        }
    }
    let observed = event.iter().find(|(key, _)| key == "time.observation");
    let observed = observed.and_then(|(_, value)| value.as_str());
    if let Some(text) = observed.filter(|_| !record.has(Field::ObservedAt)) {
        value::set(record, Field::ObservedAt, text, zone)
            .map_err(|bad| (bad.reason, bad.message(text)))?;
    }
    if value::has_observable(record) {
        return Ok(());
    }
    let message = "the event names nothing that can be counted or acted on";
    Err((RejectReason::NoObservable, message.into()))
}

/// What IntelMQ takes for no value.
pub fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::String(text) => value::given(text).is_none(),
        _ => false,
    }
}

/// As [`is_empty`], of a member of `extra`: IntelMQ keeps a dash there.
fn is_silent(value: &Json) -> bool {
    value.is_null() || value == ""
}

/// The text of a value as a field takes it; `None` for an object or a list.
pub fn text(value: &Json) -> Option<std::borrow::Cow<'_, str>> {
    match value {
        Json::String(text) => Some(text.as_str().into()),
        Json::Number(number) => Some(number.to_string().into()),
        Json::Bool(truth) => Some(truth.to_string().into()),
        _ => None,
    }
}

/// Puts a key's value into the record: a field's to the field, all else to `extra`.
///
/// # Errors
/// A value that does not have the form of a field that the record stands or falls with.
pub fn assign(
    record: &mut Record,
    key: &str,
    value: &Json,
    zone: &TimeZone,
) -> Result<(), (RejectReason, String)> {
    if let Some(field) = keys::field(key) {
        let text = text(value);
        let text = text.as_deref().unwrap_or_default();
        return match value::set(record, field, text, zone) {
            Err(bad) if value::is_key(field) => Err((bad.reason, bad.message(text))),
            Ok(()) if !text.is_empty() => Ok(()),
            _ => {
                record.extra_value(field.column(), value);
                Ok(())
            }
        };
    }
    let name = key.strip_prefix("extra.").unwrap_or(key);
    if key.len() != name.len()
        && let Some(field) = own(name)
        && let Json::String(text) = value
        && value::set(record, field, text, zone).is_ok()
    {
        return Ok(());
    }
    // The taxonomy goes with the type; only one that does not is a fact of its own.
    let derived = || record.text(Field::ClassType).and_then(classification);
    if key == "classification.taxonomy" && derived().is_some_and(|spec| *value == spec.taxonomy) {
        return Ok(());
    }
    record.extra_value(name, value);
    Ok(())
}

/// A field of ours that IntelMQ has no key for: it goes out and comes in under `extra.`.
pub fn own(name: &str) -> Option<Field> {
    let spec = FIELDS.iter().find(|spec| spec.column == name);
    spec.filter(|spec| spec.intelmq.is_empty())
        .map(|spec| spec.field)
}

/// The event in flat keys, whatever form it came in. `classification.type` comes before the
/// taxonomy, which is compared with it.
fn flatten(members: Map<String, Json>) -> Vec<(String, Json)> {
    let nested = |(name, value): (&String, &Json)| {
        name != "extra" && value.is_object() && keys::find(name).is_none()
    };
    let hierarchical = members.iter().any(nested);
    let mut event = Event::new();
    for (name, value) in members {
        match (name.as_str(), value) {
            ("extra", Json::String(text)) => match serde_json::from_str(&text) {
                Ok(Json::Object(inner)) => prefixed(&mut event, "extra", inner, false),
                _ => drop(event.insert("extra.extra".to_owned(), Json::String(text))),
            },
            ("extra", Json::Object(inner)) => prefixed(&mut event, "extra", inner, hierarchical),
            (_, Json::Object(inner)) if hierarchical && !name.contains('.') => {
                prefixed(&mut event, &name, inner, true);
            }
            (_, value) => drop(event.insert(name, value)),
        }
    }
    let taxonomy = event.remove_entry("classification.taxonomy");
    event.into_iter().chain(taxonomy).collect()
}

/// Recursion is as deep as the JSON parser allowed.
fn prefixed(event: &mut Event, prefix: &str, members: Map<String, Json>, deep: bool) {
    for (name, value) in members {
        let key = format!("{prefix}.{name}");
        match value {
            Json::Object(inner) if deep && !inner.is_empty() => prefixed(event, &key, inner, true),
            value => drop(event.insert(key, value)),
        }
    }
}

/// `extra` of a record, parsed, in its own order.
pub fn extras(record: &Record) -> Map<String, Json> {
    let text = record.extra_json();
    let parsed = text.map(|text| serde_json::from_str::<Map<String, Json>>(&text));
    parsed.and_then(Result::ok).unwrap_or_default()
}

/// The key under which the writer shows each member of `extra`, by the member's own name.
pub(super) fn extra_keys(
    extra: &Map<String, Json>,
    taken: &BTreeMap<String, Json>,
) -> Vec<(String, String)> {
    let mut given: Vec<(String, String)> = Vec::with_capacity(extra.len());
    for (name, value) in extra.iter().filter(|(_, value)| !is_silent(value)) {
        let mut key = match keys::is_own(name, value) {
            true => name.clone(),
            false => format!("extra.{}", super::key(name)),
        };
        while key.starts_with("extra.")
            && (taken.contains_key(&key) || given.iter().any(|(known, _)| *known == key))
        {
            key.push_str("_2");
        }
        given.push((key, name.clone()));
    }
    given
}
