//! Recordings of IntelMQ's own parser tests (input, parameters and expected events) against what our
//! formats make of the same input. Every recording is either claimed, with the entry that a feed of
//! that shape has and the deliberate differences, or not claimed, with the reason; one that is in
//! neither table fails the test. docs/formats.md lists both.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use formats::intelmq::{self, Event, Header};
use formats::shadowserver::Schema;
use formats::{Context, drive};
use jiff::tz::TimeZone;
use model::feed::Feed;
use model::record::Record;
use serde_json::{Value, json};

use crate::harness::{Read, SNAPSHOT, data};
use crate::intelmq_table::{Claim, REFUSED, claims};

/// What the site adds, and what we say otherwise: the raw line is in the archive, the feed in the
/// catalogue.
const IGNORED: &[&str] = &[
    "time.observation",
    "raw",
    "__type",
    "classification.taxonomy",
];

fn feed(entry: &Value) -> Feed {
    let mut whole = json!({
        "name": "test", "provider": "Example", "zone": "UTC", "licence": "none",
    });
    let members = whole.as_object_mut().expect("an object");
    members.extend(entry.as_object().expect("an object").clone());
    serde_json::from_value(whole).expect("a feed's entry")
}

fn read(feed: &Feed, schema: Option<&Schema>, file: &str, text: &[u8]) -> Result<Read, String> {
    let zone = TimeZone::get(&feed.zone).map_err(|error| error.to_string())?;
    let ctx = Context {
        feed,
        zone: &zone,
        file_name: file,
        path: file,
        snapshot: SNAPSHOT,
        schema,
    };
    let format = formats::format(&feed.format).map_err(|error| error.to_string())?;
    let problems = (format.check)(feed);
    if !problems.is_empty() {
        return Err(problems.join("; "));
    }
    let mut rest = text;
    let open = drive::open(&ctx, &mut rest)
        .expect("memory does not fail")
        .map_err(|error| error.to_string())?;
    let mut read = Read::default();
    drive::read(open, &mut rest, &mut Record::new(), &mut read);
    read.check_rows(text);
    Ok(read)
}

/// A value as text, so that `80` and `"80"`, `1.0` and `1` are the same; empty ones are none.
fn plain(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::String(text) if text.trim().is_empty() => return None,
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => match number.as_f64() {
            Some(float) => float.to_string(),
            None => number.to_string(),
        },
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner @ (Value::Array(_) | Value::Object(_) | Value::Number(_))) => {
                return plain(&inner);
            }
            _ => text.trim().to_owned(),
        },
        Value::Array(values) if values.is_empty() => return None,
        Value::Object(members) if members.is_empty() => return None,
        // Members of an object stand in the order of their names in both.
        other => {
            let sorted: BTreeMap<String, Value> =
                [("x".to_owned(), other.clone())].into_iter().collect();
            sort(&json!(sorted)).to_string()
        }
    })
}

fn sort(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<_, _> = members.iter().map(|(k, v)| (k, sort(v))).collect();
            json!(sorted)
        }
        Value::Array(values) => values.iter().map(sort).collect(),
        other => other.clone(),
    }
}

/// What a URL says of itself is no fact of its own: enrichment takes the host from it.
fn said_by_url(key: &str, wanted: &str, ours: &Event) -> bool {
    let url = |key: &str| ours.get(key).and_then(Value::as_str);
    let host = |url: &str| {
        url.split("://")
            .nth(1)
            .and_then(|rest| rest.split(['/', ':']).next().map(str::to_owned))
    };
    match key {
        "source.fqdn" => url("source.url")
            .and_then(host)
            .is_some_and(|host| host == wanted),
        "protocol.application" => {
            url("source.url").is_some_and(|url| url.starts_with(&format!("{wanted}://")))
        }
        _ => false,
    }
}

/// How our event differs from IntelMQ's beyond what the claim names.
fn differences(ours: &Record, theirs: &Event, differ: &[(&str, &str, &str)]) -> Vec<String> {
    let event = intelmq::event(ours, &Header::default());
    let mut found = Vec::new();
    let mut spoken: BTreeSet<&str> = BTreeSet::new();
    for (key, value) in theirs {
        if IGNORED.contains(&key.as_str()) || key.starts_with("feed.") && key != "feed.accuracy" {
            continue;
        }
        spoken.insert(key);
        let Some(wanted) = plain(value) else { continue };
        let renamed = differ.iter().find(|(theirs, ..)| theirs == key);
        let at = match renamed {
            Some((_, "", _)) => continue,
            Some((_, "~", _)) => {
                let second = |text: &str| text.chars().take(19).collect::<String>();
                let same = event.get(key).and_then(plain).map(|text| second(&text));
                if same != Some(second(&wanted)) {
                    found.push(format!("{key}: {same:?} is not the second of {wanted}"));
                }
                continue;
            }
            Some((_, at, _)) => *at,
            None => key.as_str(),
        };
        spoken.insert(at);
        let have = event.get(at).and_then(plain);
        // Its field for ids of vulnerabilities is one of lower case, its parsers' own members are not.
        let wanted = match at {
            "product.vulnerabilities" => wanted.to_lowercase(),
            _ => wanted,
        };
        if have.as_deref() != Some(wanted.as_str()) && !said_by_url(key, &wanted, &event) {
            found.push(format!("{at}: {have:?}, IntelMQ has {wanted:?}"));
        }
    }
    for (key, value) in &event {
        let ignored = IGNORED.contains(&key.as_str())
            || key.starts_with("extra.")
            || key.starts_with("feed.") && key != "feed.accuracy"
            || key == "time.source" && ours.undated
            || differ
                .iter()
                .any(|(theirs, at, _)| theirs.is_empty() && at == key);
        if !ignored && !spoken.contains(key.as_str()) {
            found.push(format!("{key}: {value}, IntelMQ has none"));
        }
    }
    found
}

/// Every pair of recording and folder: `parser/case`.
fn recordings(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for parser in fs::read_dir(folder)
        .expect("the recordings can be listed")
        .flatten()
    {
        let Ok(files) = fs::read_dir(parser.path()) else {
            continue;
        };
        for file in files.flatten() {
            let name = file.file_name().into_string().expect("a name");
            if let Some(case) = name.strip_suffix(".meta.json") {
                names.push(format!("{}/{case}", parser.file_name().to_string_lossy()));
            }
        }
    }
    names.sort();
    names
}

#[test]
fn recordings_give_the_same_facts() {
    let Some(data) = data() else { return };
    let folder = data.join("intelmq");
    let schema = fs::read(data.join("shadowserver/schema/intelmq.json")).expect("the schema");
    let schema = Schema::parse(&schema).expect("the published schema is one");
    let claims = claims();
    let recordings = recordings(&folder);
    assert!(
        recordings.len() >= 69,
        "only {} recordings",
        recordings.len()
    );
    let mut found = Vec::new();
    let (mut claimed, mut events) = (0, 0);
    for name in &recordings {
        let Some((_, claim)) = claims.iter().find(|(known, _)| known == name) else {
            found.push(format!("{name}: is neither claimed nor refused"));
            continue;
        };
        let Claim::Read { entry, differ } = claim else {
            continue;
        };
        claimed += 1;
        let (parser, case) = name.split_once('/').expect("parser and case");
        let text = |file: &str| {
            fs::read(folder.join(parser).join(file)).unwrap_or_else(|why| panic!("{file}: {why}"))
        };
        let meta: Value =
            serde_json::from_slice(&text(&format!("{case}.meta.json"))).expect("JSON");
        let feed = feed(entry);
        let (mut records, mut rejects) = (Vec::new(), Vec::new());
        for input in meta["inputs"].as_array().expect("inputs") {
            // IntelMQ's tests have a schema of their own, whose types are the published ones renamed.
            let file = input["fields"]["extra.file_name"]
                .as_str()
                .unwrap_or("report");
            let file = &file.replace("-test_", "-scan_");
            let input = text(input["file"].as_str().expect("a file"));
            match read(&feed, Some(&schema), file, &input) {
                Ok(read) => {
                    let messages = read.rejects.iter().map(|reject| reject.message.clone());
                    rejects.extend(messages);
                    records.extend(read.records);
                }
                Err(_) if meta["events"] == 0 => {}
                Err(why) => found.push(format!("{name}: {why}")),
            }
        }
        let expected = text(&format!("{case}.jsonl"));
        let expected: Vec<Event> = std::str::from_utf8(&expected)
            .expect("text")
            .lines()
            .map(|line| serde_json::from_str(line).expect("an event"))
            .collect();
        let refused = differ.iter().find(|(key, ..)| *key == REFUSED);
        let refused = refused.map_or(0, |(_, count, _)| count.parse().expect("a number"));
        if records.len() + refused != expected.len() || rejects.len() < refused {
            found.push(format!(
                "{name}: {} events and {refused} refused, IntelMQ has {}: {rejects:?}",
                records.len(),
                expected.len()
            ));
        }
        let mut missing = refused;
        // Some of IntelMQ's parsers go through a set: the order of events is no fact.
        for (at, theirs) in expected.iter().enumerate() {
            let same = records
                .iter()
                .position(|ours| differences(ours, theirs, differ).is_empty());
            match same {
                Some(same) => {
                    records.remove(same);
                    events += 1;
                }
                None if missing > 0 => missing -= 1,
                None => {
                    let nearest = records.iter().map(|ours| differences(ours, theirs, differ));
                    let nearest = nearest.min_by_key(Vec::len).unwrap_or_default();
                    found.push(format!("{name} event {}: {}", at + 1, nearest.join("; ")));
                }
            }
        }
    }
    for (name, _) in &claims {
        if !recordings.iter().any(|known| known == name) {
            found.push(format!("{name}: there is no such recording"));
        }
    }
    assert!(
        found.is_empty(),
        "{} differences:\n{}",
        found.len(),
        found.join("\n")
    );
    eprintln!(
        "{claimed} of {} recordings, {events} events",
        recordings.len()
    );
}

#[test]
fn the_documentation_names_every_format_and_recording() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/formats.md");
    let page = fs::read_to_string(page).expect("docs/formats.md can be read");
    let says = |text: &str| page.contains(&format!("`{text}`"));
    let formats = formats::FORMATS.iter().map(|format| format.name.to_owned());
    let refused = claims()
        .into_iter()
        .filter(|(_, claim)| matches!(claim, Claim::Refused(_)));
    let parsers = claims().into_iter().map(|(name, _)| {
        let (parser, _) = name.split_once('/').expect("parser and case");
        parser.to_owned()
    });
    let refused = refused.map(|(name, _)| name.to_owned());
    let silent: Vec<String> = formats
        .chain(parsers)
        .chain(refused)
        .filter(|name| !says(name))
        .collect();
    let claimed = claims();
    let claimed = claimed
        .iter()
        .filter(|(_, claim)| matches!(claim, Claim::Read { .. }));
    let count = format!("Claimed are {} of {}", claimed.count(), claims().len());
    assert!(
        page.contains(&count),
        "docs/formats.md does not say `{count}`"
    );
    assert!(
        silent.is_empty(),
        "docs/formats.md does not name {silent:?}"
    );
}
