//! AlienVault OTX: a JSON array of pulses, each with its indicators. An indicator is an event that
//! carries what its pulse says (description, author, tags). Indicators that are neither seen on the
//! network nor files (mutexes, paths) are left out, as are those of which the type is not known; the
//! feed's entry says what an indicator means.

use std::io::{self, BufRead};

use jiff::tz::TimeZone;
use model::feed::Feed;
use model::field::Field;
use model::record::Record;
use model::reject::{Reject, RejectReason};
use serde_json::Value;

use crate::entry::{self, Entry};
use crate::json::walk::{self, Step};
use crate::{Context, Format, Output, Reader, StreamReader, Unreadable, json, value};

/// AlienVault OTX.
pub const FORMAT: Format = Format {
    name: "otx",
    about: "AlienVault OTX: JSON pulses with their indicators",
    open,
    check,
};

/// Types of indicators and the field of each.
const TYPES: &[(&str, Field)] = &[
    ("CIDR", Field::SourceNetwork),
    ("CVE", Field::Vulnerabilities),
    ("FileHash-MD5", Field::Md5),
    ("FileHash-SHA1", Field::Sha1),
    ("FileHash-SHA256", Field::Sha256),
    ("IPv4", Field::SourceIp),
    ("IPv6", Field::SourceIp),
    ("URL", Field::SourceUrl),
    ("domain", Field::SourceHost),
    ("email", Field::SourceAccount),
    ("hostname", Field::SourceHost),
];

fn check(feed: &Feed) -> Vec<String> {
    let mut problems = entry::check_fixed(feed);
    problems.extend(entry::check_options(
        feed,
        &[(
            "records",
            "path of the pulses in the document; default none",
        )],
    ));
    if let Some(problem) = path(feed).err() {
        problems.push(format!("options: records: {problem}"));
    }
    if feed.classification.is_none() {
        problems.push("classification: is missing; name an RSIT entry such as `blocklist`".into());
    }
    problems
}

fn path(feed: &Feed) -> Result<Vec<Step>, String> {
    walk::steps(feed.options.get("records").map_or("", String::as_str))
}

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    let in_entry = |detail| Unreadable::Entry {
        feed: ctx.feed.name.clone(),
        detail,
    };
    match head.trim_ascii().first() {
        None => return Err(Unreadable::Empty),
        Some(b'[' | b'{') => {}
        Some(_) => {
            return Err(Unreadable::Header {
                format: FORMAT.name,
                detail: "the file is no JSON document".into(),
            });
        }
    }
    Ok(Reader::Stream(Box::new(Pulses {
        entry: Entry::compile(ctx)?,
        zone: ctx.zone.clone(),
        path: path(ctx.feed).map_err(in_entry)?,
    })))
}

struct Pulses {
    entry: Entry,
    zone: TimeZone,
    path: Vec<Step>,
}

impl StreamReader for Pulses {
    fn read(self: Box<Self>, input: &mut dyn BufRead, out: &mut dyn Output) -> io::Result<()> {
        let mut record = Record::new();
        json::read_document(input, &self.path, out, &mut |element, out| {
            let reject = |reason, message| {
                let (line, offset) = (element.line, element.offset);
                Reject::new(line, offset, reason, message, element.bytes)
            };
            let pulse: Value = match serde_json::from_slice(element.bytes) {
                Ok(pulse) => pulse,
                Err(error) => {
                    let message = format!("broken JSON: {error}");
                    return out.reject(reject(RejectReason::Syntax, message));
                }
            };
            let Some(indicators) = pulse.get("indicators").and_then(Value::as_array) else {
                let message = "the pulse has no `indicators`".to_owned();
                return out.reject(reject(RejectReason::MissingField, message));
            };
            for indicator in indicators {
                match self.fill(&pulse, indicator, &mut record) {
                    Ok(false) => {}
                    Ok(true) => {
                        self.entry.finish(&mut record);
                        record.line = element.line;
                        record.offset = element.offset;
                        record.len = element.bytes.len() as u32;
                        out.record(&record);
                    }
                    Err(bad) => out.reject(reject(bad.0, bad.1)),
                }
            }
        })
    }
}

impl Pulses {
    /// Fills the record; `false` for an indicator of another kind.
    fn fill(
        &self,
        pulse: &Value,
        indicator: &Value,
        record: &mut Record,
    ) -> Result<bool, (RejectReason, String)> {
        record.clear();
        let of = |value: &Value, name: &str| {
            value
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or("")
                .to_owned()
        };
        let kind = of(indicator, "type");
        // A URI is a URL or only the path of one.
        let uri = (
            "URI",
            match of(indicator, "indicator").contains("://") {
                true => Field::SourceUrl,
                false => Field::SourceUrlPath,
            },
        );
        let Some((_, field)) = TYPES.iter().chain([&uri]).find(|(name, _)| *name == kind) else {
            return Ok(false);
        };
        let created = match of(indicator, "created") {
            none if none.is_empty() => of(pulse, "created"),
            created => created,
        };
        for (field, text) in [
            (*field, of(indicator, "indicator")),
            (Field::ObservedAt, created),
            (Field::Comment, of(pulse, "description")),
            (Field::Description, of(indicator, "description")),
            (Field::Tlp, of(pulse, "TLP")),
        ] {
            let set = value::set(record, field, &text, &self.zone);
            if value::is_key(field) {
                set.map_err(|bad| (bad.reason, bad.message(&text)))?;
            }
        }
        if !value::has_observable(record) {
            let message = "the indicator names no host, address or file".to_owned();
            return Err((RejectReason::NoObservable, message));
        }
        for (key, name) in [
            ("adversary", "adversary"),
            ("author", "author_name"),
            ("industries", "industries"),
            ("modified", "modified"),
            ("pulse", "name"),
            ("pulse_key", "id"),
            ("references", "references"),
            ("tags", "tags"),
            ("targeted_countries", "targeted_countries"),
        ] {
            match pulse.get(name) {
                None | Some(Value::Null) => {}
                Some(Value::Array(values)) if values.is_empty() => {}
                Some(Value::String(text)) if text.is_empty() => {}
                Some(value) => record.extra_value(key, value),
            }
        }
        Ok(true)
    }
}
