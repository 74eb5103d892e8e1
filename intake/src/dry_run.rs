//! Parsing without storing: what `watchfire parse` prints.

use model::record::{Record, Value};
use reference::Scratch;
use serde_json::{Map, json};

use crate::catalogue::Source;
use crate::enrich::Enricher;

/// An event as our own JSON: its identity, which is that of the `row` as read, the fields by column name, what our tables add, `extra`
/// as an object, and the place in the report.
pub fn event_json(
    row: &Record,
    record: &Record,
    source: &Source,
    enricher: &Enricher,
    scratch: &mut Scratch,
    bytes: &mut Vec<u8>,
) -> serde_json::Value {
    let mut out = Map::new();
    let id = row.identity(&source.feed.name, source.identity.as_deref(), bytes);
    out.insert("event_id".into(), json!(id.to_string()));
    out.insert("feed".into(), json!(source.feed.name));
    for (field, value) in record.iter() {
        let value = match value {
            Value::Text(text) => json!(text),
            Value::Ip(ip) => json!(ip.to_string()),
            Value::Int(value) => json!(value),
            Value::Float(value) => json!(value),
            Value::Bool(value) => json!(value),
            Value::Time(at) => json!(at.to_string()),
        };
        out.insert(field.column().into(), value);
    }
    let found = enricher.enrich(record, scratch);
    let texts = [
        ("country", found.country),
        ("holder", found.holder),
        ("host", found.host),
        ("domain", found.domain),
        ("tld", found.tld),
        ("brand", found.brand),
        ("sector", found.sector),
        ("warning", found.warning),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            out.insert(name.into(), json!(text));
        }
    }
    if let Some(province) = found.province {
        out.insert("province".into(), json!(province));
    }
    if let Some(city) = found.city {
        out.insert("city".into(), json!(city));
    }
    if let Some(asn) = found.asn {
        out.insert("asn".into(), json!(asn));
    }
    for (name, territory) in [
        ("territory", found.territory),
        ("domain_territory", found.domain_territory),
        ("target_territory", found.target_territory),
    ] {
        if territory.code() != 0 {
            out.insert(name.into(), json!(territory.as_str()));
        }
    }
    if found.owner_class.code() != 0 {
        out.insert("owner_class".into(), json!(found.owner_class.as_str()));
    }
    if let Some(extra) = record.extra_json() {
        // A parser writes valid JSON; if it did not, the text is shown rather than lost.
        let extra = serde_json::from_str(&extra).unwrap_or(json!(extra));
        out.insert("extra".into(), extra);
    }
    out.insert("line".into(), json!(record.line));
    out.insert("offset".into(), json!(record.offset));
    out.insert("length".into(), json!(record.len));
    serde_json::Value::Object(out)
}
