//! IntelMQ's flat JSON (data format 3.5.0): events in the names and value forms that IntelMQ's bots
//! read and write, so that a site can put us before, beside or behind them.
//!
//! Written here, read in `intelmq/read.rs`. What differs from our own form: times end in `+00:00`,
//! a few words have other spellings (`blacklist`), a taxonomy goes with the type, vendor and product
//! are in lower case, TLP has four levels, members of `extra` stand beside the fields as `extra.name`
//! with names that IntelMQ takes. A member that is named like a key of IntelMQ's that we have no
//! field for (`source.tor_node`, `feed.code`) is that key.

use std::collections::BTreeMap;
use std::fmt::Write;

use jiff::tz::Offset;
use model::classification::classification;
use model::feed::Feed;
use model::field::Field;
use model::record::{Record, Value};
use model::time::Timestamp;
use serde_json::{Value as Json, json};

use crate::Format;
use crate::shadowserver::ReportType;

pub mod keys;
pub mod read;

/// IntelMQ's events.
pub const FORMAT: Format = Format {
    name: "intelmq",
    about: "events of IntelMQ: JSON lines or an array, flat, nested or rows of an EventDB",
    open: read::open,
    check: crate::entry::check_bare,
};

/// An event as IntelMQ holds it: flat keys, sorted.
pub type Event = BTreeMap<String, Json>;

/// What the events of one report have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// `feed.name`.
    pub feed_name: String,
    /// `feed.provider`.
    pub feed_provider: Option<String>,
    /// `feed.documentation`.
    pub feed_documentation: Option<String>,
    /// `time.observation`: when the report was received.
    pub observed: Option<Timestamp>,
}

impl Header {
    /// The header of a feed's report; a Shadowserver report is called what its schema calls it.
    pub fn new(feed: &Feed, report: Option<&ReportType>, observed: Option<Timestamp>) -> Header {
        Header {
            feed_name: match (report, &feed.title) {
                (Some(report), _) => report.feed_name.clone(),
                (None, Some(title)) => title.clone(),
                (None, None) => feed.name.clone(),
            },
            feed_provider: Some(feed.provider.clone()).filter(|name| !name.is_empty()),
            feed_documentation: report.and_then(|report| report.url.clone()),
            observed,
        }
    }
}

/// A time as IntelMQ writes it: RFC 3339 with `+00:00`, a fraction in six digits.
pub fn time(at: Timestamp) -> Option<String> {
    let at = at.to_jiff()?;
    let civil = Offset::UTC.to_datetime(at);
    let micros = civil.subsec_nanosecond() / 1000;
    let mut out = String::with_capacity(32);
    // A column of a report has one in each row: digit by digit, which takes a tenth of what formatting does.
    match civil.year() {
        year @ 0..=9999 => {
            push_two(&mut out, year / 100);
            push_two(&mut out, year % 100);
        }
        year => write!(out, "{year:04}").expect("writing to a string does not fail"),
    }
    let rest = [
        ('-', civil.month()),
        ('-', civil.day()),
        ('T', civil.hour()),
        (':', civil.minute()),
        (':', civil.second()),
    ];
    for (before, number) in rest {
        out.push(before);
        push_two(&mut out, i16::from(number));
    }
    if micros != 0 {
        write!(out, ".{micros:06}").expect("writing to a string does not fail");
    }
    out.push_str("+00:00");
    Some(out)
}

/// Two digits of a number below a hundred.
#[inline]
fn push_two(out: &mut String, number: i16) {
    let digit = |digit: i16| char::from(b'0' + digit as u8);
    out.push(digit(number / 10));
    out.push(digit(number % 10));
}

/// The record as an event. Fields that IntelMQ does not have go to `extra.` under our column name.
pub fn event(record: &Record, header: &Header) -> Event {
    let mut event = Event::new();
    let mut put = |key: &str, value: Json| {
        event.insert(key.to_owned(), value);
    };
    put("feed.name", json!(header.feed_name));
    for (key, value) in [
        ("feed.provider", &header.feed_provider),
        ("feed.documentation", &header.feed_documentation),
    ] {
        if let Some(value) = value {
            put(key, json!(value));
        }
    }
    if let Some(text) = header.observed.and_then(time) {
        put("time.observation", json!(text));
    }
    for (field, value) in record.iter() {
        let Some(value) = form(field, value) else {
            continue;
        };
        if field == Field::ClassType
            && let Some(spec) = record.text(field).and_then(classification)
        {
            put("classification.taxonomy", json!(spec.taxonomy));
        }
        match field.spec().intelmq {
            "" => put(&format!("extra.{}", field.column()), value),
            key => put(key, value),
        }
    }
    let extra = read::extras(record);
    for (key, name) in read::extra_keys(&extra, &event) {
        event.insert(key, extra[&name].clone());
    }
    event
}

/// The key under which [`event`] shows each member of the record's `extra`, with the member's own
/// name.
pub fn extra_names(record: &Record) -> Vec<(String, String)> {
    let fields = record.iter().map(|(field, _)| match field.spec().intelmq {
        "" => (format!("extra.{}", field.column()), Json::Null),
        key => (key.to_owned(), Json::Null),
    });
    read::extra_keys(&read::extras(record), &fields.collect())
}

/// A field's value in IntelMQ's form; `None` for a time that no calendar has.
pub fn form(field: Field, value: Value<'_>) -> Option<Json> {
    Some(match value {
        Value::Text(text) => json!(word(field, text)),
        Value::Ip(ip) => json!(ip.to_string()),
        Value::Int(value) => json!(value),
        Value::Float(value) => json!(value),
        Value::Bool(value) => json!(value),
        Value::Time(at) => json!(time(at)?),
    })
}

/// The event as one line of JSON, as IntelMQ's file output writes it.
pub fn line(record: &Record, header: &Header) -> String {
    let mut event = event(record, header);
    event.insert("__type".to_owned(), json!("Event"));
    json!(event).to_string()
}

/// A text in IntelMQ's spelling.
fn word(field: Field, text: &str) -> String {
    match field {
        Field::ClassType => classification(text)
            .and_then(|spec| spec.intelmq)
            .unwrap_or(text)
            .to_owned(),
        Field::ProductVendor
        | Field::ProductName
        | Field::ProductVersion
        | Field::Vulnerabilities => text.to_lowercase(),
        Field::Tlp => match text {
            "CLEAR" => "WHITE".to_owned(),
            "AMBER+STRICT" => "AMBER".to_owned(),
            other => other.to_owned(),
        },
        _ => text.to_owned(),
    }
}

/// A name that IntelMQ takes as a key: lower-case ASCII letters, digits, underscores and single
/// dots between them; all else becomes an underscore.
fn key(name: &str) -> String {
    let lower = name.to_lowercase();
    let parts = lower.split('.').filter(|part| !part.is_empty());
    let clean = |part: &str| {
        let chars = part.chars().map(|c| {
            if c.is_ascii_lowercase() || c.is_ascii_digit() {
                c
            } else {
                '_'
            }
        });
        chars.collect::<String>()
    };
    let key = parts.map(clean).collect::<Vec<_>>().join(".");
    if key.is_empty() { "_".to_owned() } else { key }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_in_intelmqs_words() {
        let mut record = Record::new();
        record.set_time(Field::ObservedAt, Timestamp(1_673_251_200_500_000));
        record.set_text(Field::ClassType, "unauthorised-use-of-resources");
        record.set_ip(Field::SourceIp, "192.0.2.1".parse().expect("an address"));
        record.set_int(Field::SourcePort, 80);
        record.set_float(Field::FeedAccuracy, 80.0);
        record.set_text(Field::Tlp, "CLEAR");
        record.set_text(Field::Vulnerabilities, "CVE-2023-0001;CVE-2023-0002");
        record.set_text(Field::ProductVendor, "Example Corp");
        record.set_text(Field::Tags, "a b");
        record.extra_text("Serial Number", "x");
        record.extra_text("serial_number", "y");
        record.extra_text("a..b", "z");
        record.extra_member("\"n\":").push_str("null");
        record.extra_member("\"i\":").push_str("[1]");
        let header = Header {
            feed_name: "Feed".into(),
            feed_provider: Some("Provider".into()),
            feed_documentation: None,
            observed: Some(Timestamp(1_673_251_200_000_000)),
        };
        let expected = json!({
            "__type": "Event",
            "classification.taxonomy": "fraud",
            "classification.type": "unauthorized-use-of-resources",
            "extra.a.b": "z",
            "extra.i": [1],
            "extra.serial_number": "x",
            "extra.serial_number_2": "y",
            "extra.tags": "a b",
            "feed.accuracy": 80.0,
            "feed.name": "Feed",
            "feed.provider": "Provider",
            "product.vendor": "example corp",
            "product.vulnerabilities": "cve-2023-0001;cve-2023-0002",
            "source.ip": "192.0.2.1",
            "source.port": 80,
            "time.observation": "2023-01-09T08:00:00+00:00",
            "time.source": "2023-01-09T08:00:00.500000+00:00",
            "tlp": "WHITE",
        });
        assert_eq!(
            serde_json::from_str::<Json>(&line(&record, &header)).expect("json"),
            expected
        );
    }

    #[test]
    fn every_type_has_a_spelling_that_comes_back() {
        for spec in model::classification::TYPES {
            let mut record = Record::new();
            record.set_text(Field::ClassType, spec.name);
            let event = event(&record, &Header::default());
            let written = event["classification.type"].as_str().expect("text");
            assert_eq!(
                classification(written).map(|found| found.name),
                Some(spec.name)
            );
            assert_eq!(event["classification.taxonomy"], spec.taxonomy);
        }
    }
}
