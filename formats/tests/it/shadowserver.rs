//! Shadowserver's published samples against what IntelMQ makes of them, and every report type of the
//! published schema.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use formats::intelmq::{self, Event, Header};
use formats::shadowserver::{self, Schema};
use formats::source::{Caps, Encoding, each_member};
use formats::{Context, Unreadable, drive};
use jiff::tz::TimeZone;
use model::record::Record;
use serde_json::Value;

use crate::harness::{Read, SNAPSHOT, data, feed};

/// Reads one delivered file as intake does, on this thread.
pub fn deliver(schema: &Schema, name: &str, bytes: &[u8]) -> Result<(Read, Header), Unreadable> {
    let feed = feed("shadowserver", "UTC");
    let mut outcome = Err(Unreadable::Empty);
    each_member(
        std::io::Cursor::new(bytes),
        name,
        Encoding::Utf8,
        &Caps::default(),
        &mut |member| {
            let ctx = Context {
                feed: &feed,
                zone: &TimeZone::UTC,
                file_name: member.name,
                path: name,
                snapshot: SNAPSHOT,
                schema: Some(schema),
            };
            outcome = drive::open(&ctx, member.text)
                .expect("memory does not fail")
                .map(|open| {
                    let mut read = Read::default();
                    drive::read(open, member.text, &mut Record::new(), &mut read);
                    let report = shadowserver::report_type(&ctx).expect("it was opened");
                    (
                        read,
                        Header {
                            feed_provider: None,
                            ..Header::new(&feed, Some(report), None)
                        },
                    )
                });
            std::ops::ControlFlow::Continue(())
        },
    )
    .expect("memory does not fail");
    outcome
}

pub fn published(data: &Path) -> Schema {
    let bytes =
        fs::read(data.join("shadowserver/schema/intelmq.json")).expect("the schema can be read");
    Schema::parse(&bytes).expect("the published schema is one")
}

#[test]
fn published_samples_give_what_intelmq_gives() {
    let Some(data) = data() else { return };
    let schema = published(&data);
    let folder = data.join("shadowserver");
    let mut names: Vec<String> = fs::read_dir(folder.join("input"))
        .expect("the samples can be listed")
        .map(|entry| {
            entry
                .expect("a sample")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    names.sort();
    assert!(names.len() >= 47, "only {} samples", names.len());
    let mut found = Vec::new();
    let mut events = 0;
    for name in &names {
        let bytes = fs::read(folder.join("input").join(name)).expect("a sample can be read");
        let report = name.strip_suffix(".csv").expect("a CSV file");
        let expected = folder.join("expected").join(format!("{report}.jsonl"));
        let (read, header) = match deliver(&schema, name, &bytes) {
            Ok(read) => read,
            Err(why) => {
                // The schema has no mapping for it any more.
                assert_eq!(report, "phish_url", "{why}");
                assert!(why.to_string().contains("`phish_url`"), "{why}");
                continue;
            }
        };
        read.check_rows(&bytes);
        let rows = fs::read_to_string(&expected).expect("the expectation can be read");
        let rows: Vec<Event> = rows
            .lines()
            .map(|line| serde_json::from_str(line).expect("an event"))
            .collect();
        if report == "malware_url" {
            // IntelMQ gives none: the sample lacks the required column `port`.
            assert_eq!(
                (rows.len(), read.records.len(), read.rejects.len()),
                (0, 3, 0)
            );
            assert_eq!(read.labels(), ["missing-column", "unknown-column"]);
            continue;
        }
        assert_eq!(read.rejects, [], "{report}");
        assert_eq!(read.records.len(), rows.len(), "{report}");
        for (record, mut row) in read.records.iter().zip(rows) {
            row.remove("time.observation");
            let ours = intelmq::event(record, &header);
            for key in ours
                .keys()
                .chain(row.keys())
                .collect::<std::collections::BTreeSet<_>>()
            {
                let (ours, theirs) = (ours.get(key), row.get(key));
                if ours != theirs {
                    found.push(format!(
                        "{report} line {}: {key}: {ours:?}, IntelMQ has {theirs:?}",
                        record.line
                    ));
                }
            }
            events += 1;
        }
    }
    assert!(
        found.is_empty(),
        "{} differences:\n{}",
        found.len(),
        found.join("\n")
    );
    assert!(events >= 250, "only {events} events were compared");
}

/// A value that a column of this name may hold.
fn plausible(column: &str, row: u64) -> String {
    match column {
        "timestamp" => format!("2025-01-06 08:00:{:02}", row % 60),
        name if name.ends_with("_time") || name.ends_with("_date") => "2025-01-06 07:00:00".into(),
        name if name == "ip" || name.ends_with("_ip") => format!("192.0.2.{}", 1 + row % 250),
        name if name == "port" || name.ends_with("_port") => "8080".into(),
        name if name == "asn" || name.ends_with("_asn") => "AS64500".into(),
        name if name == "geo" || name.ends_with("_geo") => "CN".into(),
        "protocol" => "tcp".into(),
        "severity" => "high".into(),
        "tag" => "tag-a;cve-2024-0001".into(),
        "url" | "http_url" => "/index.html".into(),
        "http_host" => "www.example".into(),
        name if name.contains("email") || name.contains("account") => "a@www.example".into(),
        name if name.contains("hostname") || name == "host" => "www.example".into(),
        "md5" => "d41d8cd98f00b204e9800998ecf8427e".into(),
        "sha256" | "sha256_hash" => {
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".into()
        }
        "sha1" => "da39a3ee5e6b4b0d3255bfef95601890afd80709".into(),
        "naics" => "517311".into(),
        other => format!("\"{other} \"\"{row}\"\", quoted\""),
    }
}

#[test]
fn every_type_of_the_schema_is_read() {
    let Some(data) = data() else { return };
    let schema = published(&data);
    let bytes = fs::read(data.join("shadowserver/schema/reports.json"))
        .expect("the column lists can be read");
    let reports: BTreeMap<String, Value> = serde_json::from_slice(&bytes).expect("they are JSON");
    assert_eq!(schema.types().len(), 170);
    for report in schema.types() {
        assert_eq!(report.unknown, Vec::<String>::new(), "{}", report.name);
        let columns = reports
            .get(&report.name)
            .or_else(|| reports.get(&report.file_name))
            .expect("a list of columns");
        let columns: Vec<&str> = columns["fields"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let mut text = columns.join(",");
        for row in 0..3 {
            let cells: Vec<String> = columns
                .iter()
                .map(|column| plausible(column, row))
                .collect();
            text.push_str(&format!("\r\n{}", cells.join(",")));
        }
        text.push_str("\r\n");
        for name in [&report.name, &report.file_name] {
            let file = format!("2025-01-06-{name}-example-asn.csv");
            let (read, header) = deliver(&schema, &file, text.as_bytes())
                .unwrap_or_else(|why| panic!("{name}: {why}"));
            assert_eq!(read.rejects, [], "{name}");
            assert_eq!(read.records.len(), 3, "{name}");
            assert_eq!(header.feed_name, report.feed_name);
            read.check_rows(text.as_bytes());
            for record in &read.records {
                let event = intelmq::event(record, &header);
                assert!(event.contains_key("classification.type"), "{name}");
                assert!(event.contains_key("time.source"), "{name}");
            }
        }
    }
}
