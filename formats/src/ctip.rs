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
use serde_json::Number;

use crate::entry::{self, Entry};
use crate::json::tree::{Json, Tree};
use crate::line::{Emit, Fault, Lines};
use crate::{Context, Format, Reader, Unreadable, intelmq, json, value};

/// Microsoft CTIP.
pub const FORMAT: Format = Format {
    name: "ctip",
    about: "Microsoft CTIP \"infected\" from Azure, JSON lines",
    open,
    check,
};

/// Where a member stands.
#[derive(Clone, Copy)]
enum In {
    Row,
    SourceIpInfo,
    HttpInfo,
    CustomInfo,
}

use In::{CustomInfo, HttpInfo, Row, SourceIpInfo};

/// Members that are fields.
const FIELDS: &[(In, &str, Field)] = &[
    (Row, "DateTimeReceivedUtc", Field::ObservedAt),
    (Row, "SourceIp", Field::SourceIp),
    (Row, "SourcePort", Field::SourcePort),
    (SourceIpInfo, "SourceIpAsnNumber", Field::SourceAsn),
    (SourceIpInfo, "SourceIpAsnOrgName", Field::SourceAsName),
    (SourceIpInfo, "SourceIpCountryCode", Field::SourceCountry),
    (SourceIpInfo, "SourceIpRegion", Field::SourceRegion),
    (SourceIpInfo, "SourceIpCity", Field::SourceCity),
    (Row, "DestinationIp", Field::DestinationIp),
    (Row, "DestinationPort", Field::DestinationPort),
    (Row, "ThreatCode", Field::MalwareName),
    (Row, "SourcedFrom", Field::Description),
];

/// Members that go to `extra`, where they say something (0 and "" say nothing).
const EXTRAS: &[(In, &str, &str)] = &[
    (Row, "Malware", "malware"),
    (Row, "TotalEncounters", "total_encounters"),
    (Row, "TargetIp", "target.ip"),
    (Row, "TargetPort", "target.port"),
    (Row, "DataFeed", "data_feed"),
    (
        SourceIpInfo,
        "SourceIpPostalCode",
        "source.geolocation.postal_code",
    ),
    (
        SourceIpInfo,
        "SourceIpAreaCode",
        "source.geolocation.area_code",
    ),
    (
        SourceIpInfo,
        "SourceIpMetroCode",
        "source.geolocation.metro_code",
    ),
    (
        SourceIpInfo,
        "SourceIpConnectionType",
        "source.connection_type",
    ),
    (SourceIpInfo, "SourceIpLatitude", "latitude"),
    (SourceIpInfo, "SourceIpLongitude", "longitude"),
    (HttpInfo, "HttpHost", "http.host"),
    (HttpInfo, "HttpRequest", "http.request"),
    (HttpInfo, "HttpMethod", "http.method"),
    (HttpInfo, "HttpReferrer", "http.referer"),
    (HttpInfo, "HttpUserAgent", "user_agent"),
    (HttpInfo, "HttpVersion", "http.version"),
    (CustomInfo, "CustomField1", "custom_field1"),
    (CustomInfo, "CustomField2", "custom_field2"),
    (CustomInfo, "CustomField3", "custom_field3"),
    (CustomInfo, "CustomField4", "custom_field4"),
    (CustomInfo, "CustomField5", "custom_field5"),
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
    let mut tree = Tree::default();
    let row = tree
        .read(line)
        .map_err(|error| (RejectReason::Syntax, format!("broken JSON: {error}")))?;
    let objects = ["SourceIpInfo", "HttpInfo", "CustomInfo"].map(|name| row.member(name));
    let [source, http, custom] = objects;
    let member = |place: In, name: &str| match place {
        Row => row.get(name),
        SourceIpInfo => source.get(name),
        HttpInfo => http.get(name),
        CustomInfo => custom.get(name),
    };
    for (place, name, field) in FIELDS {
        let Some(text) = member(*place, name).and_then(Json::words) else {
            continue;
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
        let word = row.member(name).str().unwrap_or("");
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
    for (place, name, key) in EXTRAS {
        let Some(json) = member(*place, name) else {
            continue;
        };
        let is_zero = |number: &Number| number.as_f64() == Some(0.0);
        let silent = match json.str() {
            Some(text) => value::given(text).is_none(),
            None => json.is_null() || json.number().is_some_and(is_zero),
        };
        if !silent {
            json.write(record.extra_named(key));
        }
    }
    let sent = row.member("Payload");
    if let Some(text) = sent.str() {
        match STANDARD.decode(text) {
            Ok(bytes) => payload(&String::from_utf8_lossy(&bytes), record, zone),
            Err(_) => payload(text, record, zone),
        }
    } else if sent.is_object() {
        let mut text = String::new();
        sent.write(&mut text);
        payload(&text, record, zone);
    }
    Ok(())
}

fn payload(text: &str, record: &mut Record, zone: &TimeZone) {
    let mut tree = Tree::default();
    let Some(sent) = tree.read(text).ok().filter(|sent| sent.is_object()) else {
        if let Some(text) = value::given(text) {
            record.extra_text("payload.text", text);
        }
        return;
    };
    for member in sent.members() {
        let empty = member.is_object() && member.members().next().is_none();
        if member.is_null() || empty || member.str() == Some("") {
            continue;
        }
        match (member.name(), member.str(), member.number()) {
            ("ts", _, Some(number)) => {
                let written = value::time(&number.to_string(), zone);
                match written.ok().and_then(|written| intelmq::time(written.at)) {
                    Some(time) => record.extra_text("payload.timestamp", &time),
                    None => member.write(record.extra_named("payload.ts")),
                }
            }
            ("type", Some(text), _) => {
                record.set_text(Field::ProtocolApplication, &text.to_lowercase());
            }
            // A sinkhole that is reached by its address has that for a name.
            ("domain", Some(text), _) => {
                if value::set(record, Field::DestinationHost, text, zone).is_err() {
                    record.extra_text("payload.domain", text);
                }
            }
            (name, ..) => {
                let known = PAYLOAD.iter().find(|(theirs, _)| *theirs == name);
                let key = known.map_or(name, |(_, ours)| ours);
                member.write(record.extra_named(&format!("payload.{key}")));
            }
        }
    }
}
