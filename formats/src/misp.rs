//! A MISP event as JSON (core format): bare, in `Event`, or several in `response`. Every attribute that
//! is an indicator is a record; what the event says as a whole goes with each. The classification is
//! the first of the event's tags that names one (`rsit:...="phishing"`, `ecsirt:...="c&c"`), else the
//! feed's. An event larger than a row may be is a reject.

use std::io::{self, BufRead};

use jiff::tz::TimeZone;
use model::classification::classification;
use model::feed::Feed;
use model::field::Field;
use model::record::Record;
use model::reject::{Reject, RejectReason};
use serde_json::Value;

use crate::entry::{self, Entry};
use crate::line::Fault;
use crate::{Context, Format, Output, Reader, StreamReader, Unreadable, json, value};

/// MISP events.
pub const FORMAT: Format = Format {
    name: "misp",
    about: "MISP event JSON: an indicator of every attribute",
    open,
    check,
};

/// Types of attributes and the field of each; composite ones have a field for either half.
const TYPES: &[(&str, &[Field])] = &[
    ("AS", &[Field::SourceAsn]),
    ("domain", &[Field::SourceHost]),
    ("domain|ip", &[Field::SourceHost, Field::SourceIp]),
    ("email-src", &[Field::SourceAccount]),
    ("filename|md5", &[Field::Description, Field::Md5]),
    ("filename|sha1", &[Field::Description, Field::Sha1]),
    ("filename|sha256", &[Field::Description, Field::Sha256]),
    ("hostname", &[Field::SourceHost]),
    ("hostname|port", &[Field::SourceHost, Field::SourcePort]),
    ("ip-dst", &[Field::SourceIp]),
    ("ip-dst|port", &[Field::SourceIp, Field::SourcePort]),
    ("ip-src", &[Field::SourceIp]),
    ("ip-src|port", &[Field::SourceIp, Field::SourcePort]),
    ("link", &[]),
    ("md5", &[Field::Md5]),
    ("sha1", &[Field::Sha1]),
    ("sha256", &[Field::Sha256]),
    ("url", &[Field::SourceUrl]),
    ("vulnerability", &[Field::Vulnerabilities]),
    ("x509-fingerprint-sha1", &[Field::Certificate]),
    ("x509-fingerprint-sha256", &[Field::Certificate]),
];

/// Taxonomies whose values are classifications.
const TAXONOMIES: [&str; 2] = ["rsit:", "ecsirt:"];

fn check(feed: &Feed) -> Vec<String> {
    let mut problems = entry::check_fixed(feed);
    problems.extend(entry::check_options(feed, &[]));
    problems
}

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    json::expect_object(FORMAT.name, head)?;
    Ok(Reader::Stream(Box::new(Events {
        entry: Entry::compile(ctx)?,
        zone: ctx.zone.clone(),
    })))
}

struct Events {
    entry: Entry,
    zone: TimeZone,
}

impl StreamReader for Events {
    fn read(self: Box<Self>, input: &mut dyn BufRead, out: &mut dyn Output) -> io::Result<()> {
        let mut record = Record::new();
        json::read_document(input, &[], out, &mut |element, out| {
            let (line, offset) = (element.line, element.offset);
            let reject = |(reason, message): Fault| {
                Reject::new(line, offset, reason, message, element.bytes)
            };
            let document: Value = match serde_json::from_slice(element.bytes) {
                Ok(document) => document,
                Err(error) => {
                    let message = format!("broken JSON: {error}");
                    return out.reject(reject((RejectReason::Syntax, message)));
                }
            };
            for event in events(&document) {
                for attribute in attributes(event) {
                    match self.fill(event, attribute, &mut record) {
                        Ok(false) => {}
                        Ok(true) => {
                            self.entry.finish(&mut record);
                            if !record.has(Field::ClassType) {
                                record.set_text(Field::ClassType, "undetermined");
                            }
                            (record.line, record.offset) = (line, offset);
                            record.len = element.bytes.len() as u32;
                            out.record(&record);
                        }
                        Err(fault) => out.reject(reject(fault)),
                    }
                }
            }
        })
    }
}

fn events(document: &Value) -> Vec<&Value> {
    fn event(value: &Value) -> &Value {
        value.get("Event").unwrap_or(value)
    }
    match document.get("response").and_then(Value::as_array) {
        Some(events) => events.iter().map(event).collect(),
        None => vec![event(document)],
    }
}

/// The attributes of an event, those of its objects too.
fn attributes(event: &Value) -> impl Iterator<Item = &Value> {
    let own = event.get("Attribute").and_then(Value::as_array);
    let objects = event.get("Object").and_then(Value::as_array);
    let inner = objects
        .into_iter()
        .flatten()
        .filter_map(|object| object.get("Attribute").and_then(Value::as_array));
    own.into_iter().chain(inner).flatten()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or("")
}

/// The words of the event's tags.
fn tags(event: &Value) -> Vec<&str> {
    let tags = event.get("Tag").and_then(Value::as_array);
    tags.into_iter()
        .flatten()
        .map(|tag| text(tag, "name"))
        .collect()
}

impl Events {
    /// Fills the record; `false` for an attribute that is no indicator.
    fn fill(&self, event: &Value, attribute: &Value, record: &mut Record) -> Result<bool, Fault> {
        record.clear();
        let kind = text(attribute, "type");
        let fields = TYPES.iter().find(|(name, _)| *name == kind);
        let Some((_, fields)) = fields.filter(|(_, fields)| !fields.is_empty()) else {
            return Ok(false);
        };
        let mut set = |field: Field, text: &str| {
            value::set(record, field, text, &self.zone)
                .map_err(|bad| (bad.reason, bad.message(text)))
        };
        let whole = text(attribute, "value");
        match *fields {
            [field] => set(*field, whole)?,
            [first, second] => {
                let (one, other) = whole.rsplit_once('|').unwrap_or((whole, ""));
                set(*first, one)?;
                set(*second, other)?;
            }
            _ => {}
        }
        set(Field::ObservedAt, text(attribute, "timestamp"))?;
        set(Field::Comment, text(attribute, "comment"))?;
        let tags = tags(event);
        for tag in &tags {
            if let Some(name) = tag.strip_prefix("tlp:") {
                // A marking that is none is a tag like any other.
                let _ = set(Field::Tlp, name);
            }
            let taxonomy = TAXONOMIES.iter().any(|name| tag.starts_with(name));
            let class = tag
                .rsplit('=')
                .next()
                .unwrap_or("")
                .trim_matches('"')
                .to_lowercase();
            if taxonomy && let Some(spec) = classification(&class) {
                set(Field::ClassType, spec.name)?;
                break;
            }
        }
        // The family stands in an attribute of its own.
        let family = attributes(event).find(|other| {
            text(other, "category") == "Payload type" && text(other, "type") == "text"
        });
        set(
            Field::MalwareName,
            family.map_or("", |family| text(family, "value")),
        )?;
        if !record.has(Field::Description) {
            record.set_text(Field::Description, text(attribute, "category"));
        }
        for (key, value) in [
            ("attribute_uuid", text(attribute, "uuid")),
            ("event_uuid", text(event, "uuid")),
            ("info", text(event, "info")),
        ] {
            if let Some(value) = value::given(value) {
                record.extra_text(key, value);
            }
        }
        if !tags.is_empty() {
            record.extra_value("tags", &tags.into());
        }
        Ok(true)
    }
}
