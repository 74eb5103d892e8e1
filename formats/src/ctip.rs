//! Microsoft's Cyber Threat Intelligence Program, the "infected" feed as Azure delivers it: one JSON
//! object a line. `Payload` is what the sinkhole received, in Base64 as a rule: JSON, of which the
//! domain and protocol are facts and the rest goes to `extra`, or any text. The older Interflow form,
//! an array, is a case for format `json`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;
use model::feed::Feed;
use model::field::Field;
use model::record::Record;
use model::reject::RejectReason;
use serde_json::Value;

use crate::entry::{self, Entry};
use crate::line::{Emit, Fault, Lines};
use crate::{Context, Format, Reader, Unreadable, intelmq, json, value};

/// Microsoft CTIP.
pub const FORMAT: Format = Format {
    name: "ctip",
    about: "Microsoft CTIP \"infected\" from Azure, JSON lines",
    open,
    check,
};

/// Members that are fields, as JSON pointers.
const FIELDS: &[(&str, Field)] = &[
    ("/DateTimeReceivedUtc", Field::ObservedAt),
    ("/SourceIp", Field::SourceIp),
    ("/SourcePort", Field::SourcePort),
    ("/SourceIpInfo/SourceIpAsnNumber", Field::SourceAsn),
    ("/SourceIpInfo/SourceIpAsnOrgName", Field::SourceAsName),
    ("/SourceIpInfo/SourceIpCountryCode", Field::SourceCountry),
    ("/SourceIpInfo/SourceIpRegion", Field::SourceRegion),
    ("/SourceIpInfo/SourceIpCity", Field::SourceCity),
    ("/DestinationIp", Field::DestinationIp),
    ("/DestinationPort", Field::DestinationPort),
    ("/ThreatCode", Field::MalwareName),
    ("/SourcedFrom", Field::Description),
];

/// Members that go to `extra`, where they say something (0 and "" say nothing).
const EXTRAS: &[(&str, &str)] = &[
    ("/Malware", "malware"),
    ("/TotalEncounters", "total_encounters"),
    ("/TargetIp", "target.ip"),
    ("/TargetPort", "target.port"),
    ("/DataFeed", "data_feed"),
    (
        "/SourceIpInfo/SourceIpPostalCode",
        "source.geolocation.postal_code",
    ),
    (
        "/SourceIpInfo/SourceIpAreaCode",
        "source.geolocation.area_code",
    ),
    (
        "/SourceIpInfo/SourceIpMetroCode",
        "source.geolocation.metro_code",
    ),
    (
        "/SourceIpInfo/SourceIpConnectionType",
        "source.connection_type",
    ),
    ("/SourceIpInfo/SourceIpLatitude", "latitude"),
    ("/SourceIpInfo/SourceIpLongitude", "longitude"),
    ("/HttpInfo/HttpHost", "http.host"),
    ("/HttpInfo/HttpRequest", "http.request"),
    ("/HttpInfo/HttpMethod", "http.method"),
    ("/HttpInfo/HttpReferrer", "http.referer"),
    ("/HttpInfo/HttpUserAgent", "user_agent"),
    ("/HttpInfo/HttpVersion", "http.version"),
    ("/CustomInfo/CustomField1", "custom_field1"),
    ("/CustomInfo/CustomField2", "custom_field2"),
    ("/CustomInfo/CustomField3", "custom_field3"),
    ("/CustomInfo/CustomField4", "custom_field4"),
    ("/CustomInfo/CustomField5", "custom_field5"),
];

/// Members of the payload under other names in `extra`.
const PAYLOAD: &[(&str, &str)] = &[
    ("serverIp", "server.ip"),
    ("serverPort", "server.port"),
    ("source_ip", "source.ip"),
    ("source_port", "source.port"),
    ("destination_ip", "destination.ip"),
    ("destination_port", "destination.port"),
];

fn check(feed: &Feed) -> Vec<String> {
    let mut problems = entry::check_fixed(feed);
    problems.extend(entry::check_options(feed, &[]));
    problems
}

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    json::expect_object(FORMAT.name, head)?;
    let zone = ctx.zone.clone();
    let parse = move |line: &str, record: &mut Record, emit: &mut Emit<'_>| {
        fill(line, record, &zone)?;
        emit(record);
        Ok(())
    };
    Ok(Lines::reader(Entry::compile(ctx)?, &[], parse))
}

fn fill(line: &str, record: &mut Record, zone: &TimeZone) -> Result<(), Fault> {
    let row: Value = serde_json::from_str(line)
        .map_err(|error| (RejectReason::Syntax, format!("broken JSON: {error}")))?;
    for (pointer, field) in FIELDS {
        let text = match row.pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => continue,
        };
        // An unknown target is written as 0.0.0.0.
        if *field == Field::DestinationIp && text == "0.0.0.0" {
            continue;
        }
        match value::set(record, *field, &text, zone) {
            Err(_) if !value::is_key(*field) => record.extra_text(field.column(), &text),
            other => other.map_err(|bad| (bad.reason, bad.message(&text)))?,
        }
    }
    if !record.has(Field::SourceIp) {
        return Err((
            RejectReason::MissingField,
            "the row has no `SourceIp`".into(),
        ));
    }
    let word = |name: &str| {
        let word = row.get(name).and_then(Value::as_str).unwrap_or("");
        word.to_ascii_lowercase()
    };
    match word("ThreatConfidence").as_str() {
        "none" => record.set_float(Field::FeedAccuracy, 0.0),
        "low" => record.set_float(Field::FeedAccuracy, 20.0),
        "medium" => record.set_float(Field::FeedAccuracy, 60.0),
        "high" => record.set_float(Field::FeedAccuracy, 100.0),
        _ => {}
    }
    match word("TLP").as_str() {
        "yellow" => record.set_text(Field::Tlp, "AMBER"),
        // `Unknown` and its like mark nothing.
        tlp => drop(value::set(record, Field::Tlp, tlp, zone)),
    }
    for (pointer, key) in EXTRAS {
        match row.pointer(pointer) {
            Some(Value::String(text)) if value::given(text).is_none() => {}
            Some(Value::Number(number)) if number.as_f64() == Some(0.0) => {}
            None | Some(Value::Null) => {}
            Some(value) => record.extra_value(key, value),
        }
    }
    match row.get("Payload") {
        Some(Value::String(text)) => match STANDARD.decode(text) {
            Ok(bytes) => payload(&String::from_utf8_lossy(&bytes), record, zone),
            Err(_) => payload(text, record, zone),
        },
        Some(value @ Value::Object(_)) => payload(&value.to_string(), record, zone),
        _ => {}
    }
    Ok(())
}

fn payload(text: &str, record: &mut Record, zone: &TimeZone) {
    let Ok(Value::Object(members)) = serde_json::from_str(text) else {
        if let Some(text) = value::given(text) {
            record.extra_text("payload.text", text);
        }
        return;
    };
    for (name, value) in &members {
        let text = value.as_str().unwrap_or_default();
        match (name.as_str(), value) {
            (_, Value::Null) => {}
            (_, Value::Object(inner)) if inner.is_empty() => {}
            (_, Value::String(text)) if text.is_empty() => {}
            ("ts", Value::Number(_)) => {
                let written = value::time(&value.to_string(), zone);
                match written.ok().and_then(|written| intelmq::time(written.at)) {
                    Some(time) => record.extra_text("payload.timestamp", &time),
                    None => record.extra_value("payload.ts", value),
                }
            }
            ("type", Value::String(text)) => {
                record.set_text(Field::ProtocolApplication, &text.to_lowercase());
            }
            // A sinkhole that is reached by its address has that for a name.
            ("domain", Value::String(_)) => {
                if value::set(record, Field::DestinationHost, text, zone).is_err() {
                    record.extra_text("payload.domain", text);
                }
            }
            (name, value) => {
                let known = PAYLOAD.iter().find(|(theirs, _)| *theirs == name);
                let key = known.map_or(name, |(_, ours)| ours);
                record.extra_value(&format!("payload.{key}"), value);
            }
        }
    }
}
