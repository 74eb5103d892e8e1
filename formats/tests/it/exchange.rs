//! Exchange formats: MISP, STIX, X-ARF, IODEF, with samples of our own and the real input.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use formats::Unreadable;
use model::field::Field;
use model::reject::RejectReason;
use serde_json::Value as Json;

use crate::harness::{Read, data, feed, read};

fn good(format: &str, text: &str) -> Read {
    let read = read(&feed(format, "UTC"), text.as_bytes()).expect("a report");
    read.check_rows(text.as_bytes());
    read
}

fn refused(format: &str, text: &str) -> String {
    let error = read(&feed(format, "UTC"), text.as_bytes()).err();
    error.expect("another file").to_string()
}

/// Every file below a folder with that ending, in order.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// What a real file gives, and its JSON.
fn real(format: &str, path: &Path) -> (Read, Json) {
    let text = std::fs::read(path).expect("the file can be read");
    let read = read(&feed(format, "UTC"), &text)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    read.check_rows(&text);
    (read, serde_json::from_slice(&text).unwrap_or(Json::Null))
}

const EVENT: &str = r#"{"Event": {
  "Attribute": [
    {"uuid": "00000000-0000-4000-8000-000000000001", "type": "url", "category": "Network activity", "to_ids": true,
     "value": "http://login.example.com/a", "timestamp": "1673251200", "comment": "seen twice",
     "Tag": [{"name": "rsit:fraud=\"phishing\""}, {"name": "tlp:green"}]},
    {"type": "ip-dst|port", "to_ids": true, "value": "192.0.2.1|8080", "timestamp": "1673251201", "first_seen": "2023-01-08T01:02:03+00:00"},
    {"type": "domain|ip", "to_ids": "1", "value": "c2.example.org|198.51.100.7"},
    {"type": "ip-src", "to_ids": true, "value": "203.0.113.0/24", "timestamp": "1673251202"},
    {"type": "link", "to_ids": false, "value": "https://blog.example/post", "timestamp": "1673251203"},
    {"type": "mutex", "to_ids": true, "value": "Global\\x"},
    {"type": "sha256", "to_ids": true, "value": "zz"},
    {"type": "md5", "to_ids": true, "deleted": true, "value": "d41d8cd98f00b204e9800998ecf8427e"},
    {"type": "email-src", "to_ids": true, "value": "a@example.com"}
  ],
  "Object": [
    {"name": "file", "uuid": "00000000-0000-4000-8000-000000000002", "Attribute": [
      {"type": "filename", "object_relation": "filename", "to_ids": true, "value": "run.exe"},
      {"type": "md5", "object_relation": "md5", "to_ids": true, "value": "d41d8cd98f00b204e9800998ecf8427e", "timestamp": "1673251204"},
      {"type": "sha1", "object_relation": "sha1", "to_ids": true, "value": "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
      {"type": "text", "object_relation": "state", "to_ids": false, "value": "Malicious"}]},
    {"name": "domain-ip", "Attribute": [
      {"type": "domain", "object_relation": "domain", "to_ids": true, "value": "a.example.net"},
      {"type": "ip-dst", "object_relation": "ip", "to_ids": true, "value": "192.0.2.2"},
      {"type": "ip-dst", "object_relation": "ip", "to_ids": true, "value": "192.0.2.3"},
      {"type": "port", "object_relation": "port", "to_ids": false, "value": "443"}]}
  ],
  "info": "A campaign", "date": "2023-01-09", "uuid": "00000000-0000-4000-8000-000000000003", "threat_level_id": "2",
  "Orgc": {"name": "Example CERT"},
  "Tag": [{"name": "tlp:amber"}, {"name": "misp-galaxy:malpedia=\"ExampleBot\""}, {"name": "type:OSINT"}]
}}"#;

#[test]
fn attributes_for_detection_are_records() {
    let read = good("misp", EVENT);
    assert_eq!(
        read.values(Field::SourceUrl),
        ["http://login.example.com/a", "", "", "", "", "", "", ""]
    );
    assert_eq!(
        read.values(Field::SourceIp),
        [
            "",
            "192.0.2.1",
            "198.51.100.7",
            "",
            "",
            "",
            "192.0.2.2",
            "192.0.2.3"
        ]
    );
    assert_eq!(
        read.values(Field::SourcePort),
        ["", "8080", "", "", "", "", "443", "443"]
    );
    assert_eq!(
        read.values(Field::SourceHost),
        ["", "", "c2.example.org", "", "", "", "a.example.net", ""]
    );
    assert_eq!(read.values(Field::SourceNetwork)[3], "203.0.113.0/24");
    assert_eq!(read.values(Field::SourceAccount)[4], "a@example.com");
    let file = &read.records[5];
    assert_eq!(
        file.text(Field::Md5),
        Some("d41d8cd98f00b204e9800998ecf8427e")
    );
    assert_eq!(
        file.text(Field::Sha1),
        Some("da39a3ee5e6b4b0d3255bfef95601890afd80709")
    );
    assert!(
        file.extra().contains(r#""file_name":"run.exe""#),
        "{}",
        file.extra()
    );
    let times = read.values(Field::ObservedAt);
    assert_eq!(
        times[..3],
        [
            "2023-01-09T08:00:00Z",
            "2023-01-08T01:02:03Z",
            "2023-01-09T00:00:00Z"
        ]
    );
    // The strictest marking holds, and what stands behind the attributes reaches them.
    assert_eq!(read.values(Field::Tlp), ["AMBER"; 8]);
    assert_eq!(read.values(Field::MalwareName), ["examplebot"; 8]);
    assert_eq!(read.values(Field::ClassType)[..2], ["phishing", ""]);
    assert_eq!(read.values(Field::Description), ["A campaign"; 8]);
    assert_eq!(read.values(Field::Severity), ["medium"; 8]);
    assert_eq!(read.values(Field::Reporter), ["Example CERT"; 8]);
    assert_eq!(read.values(Field::Tags), ["type:osint"; 8]);
    assert_eq!(
        read.reasons(),
        [RejectReason::NoObservable, RejectReason::BadValue]
    );
    assert!(read.rejects[0].message.contains("`mutex`"));
    assert_eq!(read.labels(), ["passed-by"]);
}

#[test]
fn events_come_in_several_layouts() {
    let event: Json = serde_json::from_str(EVENT).expect("json");
    let bare = event["Event"].to_string();
    for text in [
        bare.clone(),
        format!("[{event}]"),
        format!(r#"{{"response": [{event}]}}"#),
        format!("\u{feff}{event}"),
    ] {
        assert_eq!(good("misp", &text).records.len(), 8, "{}", &text[..30]);
    }
    let two = format!(
        r#"{{"response": [{event}, {{"Event": {{"date": "2023-01-10", "Attribute": [{{"type": "domain", "to_ids": true, "value": "b.example"}}]}}}}]}}"#
    );
    let read = good("misp", &two);
    let last = read.records.last().expect("a record");
    assert_eq!(
        (last.text(Field::Tlp), last.text(Field::MalwareName)),
        (None, None)
    );
    let manifest = r#"{"00000000-0000-4000-8000-000000000003": {"Orgc": {"name": "x"}, "info": "y", "date": "2023-01-09"}}"#;
    assert!(refused("misp", manifest).contains("manifest"));
    assert!(refused("misp", "{}").contains("no `Event`"));
    let mut all = feed("misp", "UTC");
    all.options.insert("attributes".into(), "all".into());
    let read = crate::harness::read(&all, EVENT.as_bytes()).expect("an event");
    assert_eq!(read.records.len(), 9);
}

#[test]
fn real_misp_events_equal_their_own_count() {
    let Some(data) = data() else { return };
    let (mut records, mut expected, mut rejects) = (0, 0, 0);
    for path in files(&data.join("exchange/misp/tweetfeed"), ".json") {
        if path.ends_with("manifest.json") {
            let text = std::fs::read(&path).expect("the file can be read");
            let error = read(&feed("misp", "UTC"), &text).err();
            assert!(
                matches!(error, Some(Unreadable::Header { .. })),
                "{error:?}"
            );
            continue;
        }
        let (read, json) = real("misp", &path);
        let attributes = json["Event"]["Attribute"].as_array().expect("attributes");
        let wanted = attributes.iter().filter(|a| a["to_ids"] == true).count();
        assert_eq!(
            read.records.len() + read.rejects.len(),
            wanted,
            "{}",
            path.display()
        );
        assert!(read.values(Field::Tlp).iter().all(|tlp| tlp == "CLEAR"));
        records += read.records.len();
        rejects += read.rejects.len();
        expected += wanted;
    }
    eprintln!("misp tweetfeed: {records} records, {rejects} rejects of {expected} attributes");
    assert!(
        expected > 5_000 && rejects * 100 < expected,
        "{rejects} of {expected}"
    );
    for path in files(&data.join("exchange/misp/pymisp"), ".json") {
        let (read, _) = real("misp", &path);
        eprintln!(
            "{}: {} records, {} rejects",
            path.display(),
            read.records.len(),
            read.rejects.len()
        );
    }
}

const BUNDLE: &str = r#"{"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000000", "objects": [
  {"type": "indicator", "spec_version": "2.1", "id": "indicator--1", "created": "2023-01-09T00:00:00.000Z", "name": "A page",
   "pattern": "[url:value = 'http://a.example/x' OR domain-name:value = 'a.example']", "pattern_type": "stix",
   "valid_from": "2023-01-08T00:00:00Z", "labels": ["phishing", "Some Words"], "confidence": 80, "created_by_ref": "identity--1",
   "object_marking_refs": ["marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487", "marking-definition--m"],
   "external_references": [{"source_name": "x", "url": "https://ref.example/1"}]},
  {"type": "indicator", "id": "indicator--2", "pattern": "[file:hashes.'SHA-256' = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' AND file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e' AND file:name = 'x.exe']", "valid_from": "2023-01-08T00:00:01Z"},
  {"type": "indicator", "id": "indicator--3", "pattern": "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:dst_port = 443]", "valid_from": "2023-01-08T00:00:02Z", "kill_chain_phases": [{"kill_chain_name": "lockheed-martin-cyber-kill-chain", "phase_name": "command-and-control"}]},
  {"type": "indicator", "id": "indicator--4", "pattern": "[ipv4-addr:value IN ('192.0.2.2', '198.51.100.0/24')] AND [email-addr:value = 'a@example.com']", "valid_from": "2023-01-08T00:00:03Z"},
  {"type": "indicator", "id": "indicator--5", "pattern": "[ipv6-addr:value != '2001:db8::1']", "valid_from": "2023-01-08T00:00:03Z"},
  {"type": "indicator", "id": "indicator--6", "pattern": "[url:value = 'x", "valid_from": "2023-01-08T00:00:03Z"},
  {"type": "indicator", "id": "indicator--7", "pattern": "rule x { }", "pattern_type": "yara", "valid_from": "2023-01-08T00:00:03Z"},
  {"type": "indicator", "id": "indicator--8", "revoked": true, "pattern": "[ipv6-addr:value = '2001:db8::1']", "valid_from": "2023-01-08T00:00:03Z"},
  {"type": "indicator", "id": "indicator--9", "indicator_types": ["benign"], "pattern": "[ipv6-addr:value = '2001:db8::1']"},
  {"type": "indicator", "id": "indicator--10", "pattern": "[ipv4-addr:value = '192.0.2.300']", "valid_from": "2023-01-08T00:00:03Z"},
  {"type": "observed-data", "id": "observed-data--1", "first_observed": "2023-01-07T00:00:00Z", "last_observed": "2023-01-07T01:00:00Z", "number_observed": 3,
   "objects": {"0": {"type": "ipv4-addr", "value": "203.0.113.1"}, "1": {"type": "ipv4-addr", "value": "203.0.113.2"},
               "2": {"type": "network-traffic", "src_ref": "0", "dst_ref": "1", "dst_port": 22, "protocols": ["ipv4", "tcp", "ssh"]}}},
  {"type": "observed-data", "id": "observed-data--2", "first_observed": "2023-01-07T00:00:00Z", "object_refs": ["domain-name--1", "process--1"]},
  {"type": "observed-data", "id": "observed-data--3", "first_observed": "2023-01-07T00:00:00Z", "labels": ["misp:category=\"External analysis\""], "objects": {"0": {"type": "url", "value": "https://blog.example/"}}},
  {"type": "domain-name", "id": "domain-name--1", "value": "b.example"},
  {"type": "relationship", "relationship_type": "indicates", "source_ref": "indicator--1", "target_ref": "malware--1"},
  {"type": "malware", "id": "malware--1", "name": "Example Bot"},
  {"type": "identity", "id": "identity--1", "name": "Example CERT"},
  {"type": "marking-definition", "id": "marking-definition--m", "definition_type": "tlp", "definition": {"tlp": "amber"}},
  {"id": "nothing"}
]}"#;

#[test]
fn indicators_and_observed_data_are_records() {
    let read = good("stix", BUNDLE);
    let shown: Vec<String> = read
        .records
        .iter()
        .map(|record| {
            use crate::harness::show;
            let fields = [
                Field::SourceUrl,
                Field::SourceHost,
                Field::SourceIp,
                Field::SourcePort,
                Field::SourceNetwork,
                Field::SourceAccount,
                Field::Md5,
                Field::DestinationIp,
                Field::DestinationPort,
            ];
            let values = fields.map(|field| show(record, field));
            values
                .into_iter()
                .filter(|value| !value.is_empty())
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    assert_eq!(
        shown,
        [
            "http://a.example/x",
            "a.example",
            "d41d8cd98f00b204e9800998ecf8427e",
            "192.0.2.1 443",
            "192.0.2.2",
            "198.51.100.0/24",
            "a@example.com",
            "203.0.113.1 203.0.113.2 22",
            "b.example",
        ]
    );
    let first = &read.records[0];
    for (field, expected) in [
        (Field::ClassType, "phishing"),
        (Field::MalwareName, "example bot"),
        (Field::Tlp, "AMBER"),
        (Field::Reporter, "Example CERT"),
        (Field::Description, "A page"),
        (Field::DescriptionUrl, "https://ref.example/1"),
        (Field::Tags, "phishing"),
    ] {
        assert_eq!(first.text(field), Some(expected), "{field}");
    }
    assert_eq!(read.values(Field::ObservedAt)[0], "2023-01-08T00:00:00Z");
    assert_eq!(read.values(Field::FeedAccuracy)[0], "80");
    assert_eq!(read.values(Field::ClassType)[3], "c2-server");
    assert_eq!(read.values(Field::ObservedAt)[7], "2023-01-07T00:00:00Z");
    let messages: Vec<_> = read
        .rejects
        .iter()
        .map(|reject| reject.message.as_str())
        .collect();
    assert_eq!(
        messages,
        [
            "the object has no `type`",
            "nothing is named by `ipv6-addr:value !=`: `[ipv6-addr:value != '2001:db8::1']`",
            "the pattern has a quote that is not closed where a value should be: `[url:value = 'x`",
            "a pattern of type `yara` is not read: `rule x { }`",
            "source_ip: `192.0.2.300` is not an IP address",
        ]
    );
    assert_eq!(read.labels(), ["passed-by"; 3]);
}

#[test]
fn objects_come_in_bundles_lists_and_alone() {
    let bundle: Json = serde_json::from_str(BUNDLE).expect("json");
    assert_eq!(
        good("stix", &bundle["objects"].to_string()).records.len(),
        9
    );
    assert_eq!(
        good("stix", &bundle["objects"][0].to_string())
            .records
            .len(),
        2
    );
    let mut none = feed("stix", "UTC");
    none.options.insert("observed".into(), "none".into());
    let read = crate::harness::read(&none, BUNDLE.as_bytes()).expect("a bundle");
    assert_eq!(read.records.len(), 7);
    assert!(refused("stix", "<stix:STIX_Package/>").contains("XML"));
    assert!(refused("stix", r#"{"a": 1}"#).contains("neither"));
}

#[test]
fn real_bundles_equal_their_own_count() {
    let Some(data) = data() else { return };
    let mut paths = files(&data.join("exchange/stix"), ".json");
    paths.extend(files(&data.join("exchange/talos"), ".json"));
    paths.extend(files(&data.join("feeds/mobile/mvt"), ".stix2"));
    let (mut indicators, mut records) = (0, 0);
    let mut rejects: BTreeMap<String, usize> = BTreeMap::new();
    for path in paths {
        let (read, json) = real("stix", &path);
        let objects = json
            .as_array()
            .or(json["objects"].as_array())
            .cloned()
            .unwrap_or_default();
        let whole: Vec<&Json> = objects
            .iter()
            .filter(|object| object["type"] == "indicator")
            .collect();
        // One record an indicator and `OR`, else a reject.
        let alternatives: usize = whole
            .iter()
            .map(|indicator| {
                1 + indicator["pattern"]
                    .as_str()
                    .map_or(0, |pattern| pattern.matches(" OR ").count())
            })
            .sum();
        let observed = read
            .records
            .iter()
            .filter(|record| record.extra().contains("\"stix_id\":\"observed"))
            .count();
        let rejected = read
            .rejects
            .iter()
            .filter(|reject| {
                reject.message.contains("pattern") || reject.message.contains("named by")
            })
            .count();
        let bad = read.rejects.len() - rejected;
        assert_eq!(
            read.records.len() - observed + rejected + bad,
            alternatives,
            "{}: {:?}",
            path.display(),
            read.rejects.iter().map(|r| &r.message).collect::<Vec<_>>()
        );
        indicators += whole.len();
        records += read.records.len();
        for reject in &read.rejects {
            *rejects.entry(reject.message.clone()).or_default() += 1;
        }
    }
    eprintln!("stix: {indicators} indicators, {records} records, rejects {rejects:#?}");
    assert!(indicators > 2_500);
}

const XARF: &str = r#"[
 {"xarf_version": "4.2.0", "report_id": "1", "timestamp": "2023-01-09T15:15:24Z", "reporter": {"org": "Example"}, "sender": {"org": "Example"},
  "source_identifier": "203.0.113.45", "source_port": 80, "category": "content", "type": "phishing", "url": "http://login.example.com/a",
  "target_brand": "Bank", "file_hash": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "evidence": [{"payload": "AA=="}], "tags": ["target:banking"], "_internal": {"a": 1}, "first_seen": "2023-01-08T00:00:00Z"},
 {"xarf_version": "4.2.0", "timestamp": "2023-01-09T15:15:25Z", "source_identifier": "192.0.2.1", "category": "connection", "type": "infected-host",
  "c2_server": "c2.example.org", "protocol": "tcp", "malware_family": "ExampleBot"},
 {"Version": "3", "ReporterInfo": {"ReporterOrg": "Example"}, "Disclosure": true, "Report": {"ReportClass": "Activity", "ReportType": "LoginAttack",
  "Date": "2023-01-09T14:17:10Z", "SourceIp": "192.0.2.55", "SourcePort": 54321, "DestinationIp": "198.51.100.33", "DestinationPort": 22,
  "Samples": [{"Payload": "AA=="}], "Ongoing": true}},
 {"Version": "3.0.0", "Report": {"ReportType": "spam", "Date": "2023-01-09T14:17:11Z", "Source": {"IP": "192.0.2.56", "Port": 25}}},
 {"xarf_version": "4.2.0", "timestamp": "2023-01-09T15:15:24Z", "type": "phishing"},
 {"Version": "3", "Report": {"ReportType": "Spam", "SourceIp": "192.0.2.1"}},
 {"Version": "3", "Report": {"ReportType": "Spam", "Date": "2023-01-09T15:15:24Z", "SourceIp": "192.0.2.1x"}}
]"#;

#[test]
fn abuse_reports_of_both_versions_are_records() {
    let read = good("xarf", XARF);
    assert_eq!(
        read.values(Field::SourceIp),
        ["203.0.113.45", "192.0.2.1", "192.0.2.55", "192.0.2.56"]
    );
    assert_eq!(read.values(Field::SourcePort), ["80", "", "54321", "25"]);
    assert_eq!(
        read.values(Field::ClassType),
        ["phishing", "infected-system", "brute-force", "spam"]
    );
    assert_eq!(
        read.values(Field::ClassIdentifier),
        ["phishing", "infected-host", "loginattack", "spam"]
    );
    assert_eq!(read.values(Field::DestinationHost)[1], "c2.example.org");
    assert_eq!(read.values(Field::DestinationIp)[2], "198.51.100.33");
    assert_eq!(read.values(Field::DescriptionTarget)[0], "Bank");
    assert!(!read.values(Field::Sha256)[0].is_empty());
    assert_eq!(
        read.records[0].extra_json().as_deref(),
        Some(r#"{"first_seen":"2023-01-08T00:00:00Z","report_id":"1"}"#)
    );
    use RejectReason::*;
    assert_eq!(read.reasons(), [MissingField, MissingField, BadValue]);
    assert!(refused("xarf", r#"{"a": 1}"#).contains("neither"));
    // Evidence may be longer than a row of a list may be.
    let long = XARF.replacen("AA==", &"A".repeat(3 << 20), 1);
    assert_eq!(good("xarf", &long).records.len(), 4);
}

#[test]
fn real_abuse_reports_are_all_read() {
    let Some(data) = data() else { return };
    let folder = data.join("mail/xarf");
    let mut good = files(&folder.join("spec-samples"), ".json");
    good.extend(files(&folder.join("abusix/positive"), ".json"));
    let mut classes: BTreeMap<String, usize> = BTreeMap::new();
    for path in &good {
        let (read, _) = real("xarf", path);
        let counts = (read.records.len(), read.rejects.len());
        assert_eq!(
            counts,
            (1, 0),
            "{}: {:?}",
            path.display(),
            read.rejects.first().map(|r| &r.message)
        );
        *classes
            .entry(read.values(Field::ClassType)[0].clone())
            .or_default() += 1;
    }
    eprintln!("xarf: {} reports, {classes:?}", good.len());
    assert_eq!(good.len(), 36 + 51);
    let (mut records, mut rejects, mut refused) = (0, 0, 0);
    for path in files(&folder.join("abusix/negative"), ".json") {
        let text = std::fs::read(&path).expect("the file can be read");
        match read(&feed("xarf", "UTC"), &text) {
            Ok(read) => {
                read.check_rows(&text);
                assert_eq!(
                    read.records.len() + read.rejects.len(),
                    1,
                    "{}",
                    path.display()
                );
                records += read.records.len();
                rejects += read.rejects.len();
            }
            Err(_) => refused += 1,
        }
    }
    eprintln!("xarf invalid: {records} records, {rejects} rejects, {refused} refused");
}

const IODEF_1: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!-- a sample -->
<IODEF-Document version="1.00" lang="en" xmlns="urn:ietf:params:xml:ns:iodef-1.0">
 <Incident purpose="reporting" restriction="need-to-know">
  <IncidentID name="csirt.example.com">1</IncidentID>
  <StartTime>2023-01-09T00:00:00+00:00</StartTime>
  <ReportTime>2023-01-09T05:54:02-05:00</ReportTime>
  <Description>Scans &amp;
     probes</Description>
  <Assessment><Impact type="recon" completion="succeeded" severity="low"/></Assessment>
  <Method><Reference><ReferenceName>CVE-2022-00001</ReferenceName><URL>http://ref.example/1</URL></Reference></Method>
  <Contact role="creator" type="organization"><ContactName>Example CSIRT</ContactName></Contact>
  <EventData>
   <Flow>
    <System category="source"><Node><Address category="ipv4-addr">192.0.2.200</Address></Node>
     <Service ip_protocol="6"><Portlist>60524,60526</Portlist></Service></System>
    <System category="source"><Node><NodeName>bot.example.com</NodeName><Address category="ipv6-addr">2001:db8::1</Address></Node></System>
    <System category="target"><Node><Address category="ipv4-net">198.51.100.16/28</Address></Node><Service ip_protocol="6"><Port>80</Port></Service></System>
    <System category="sensor"><Node><Address category="ipv4-addr">198.51.100.1</Address></Node></System>
   </Flow>
   <Record><RecordData><RecordItem dtype="string">192.0.2.1 - -</RecordItem></RecordData></Record>
   <EventData><StartTime>2023-01-08T00:00:00Z</StartTime>
    <Flow><System category="target"><Node><Address category="ipv4-addr">203.0.113.5</Address></Node></System></Flow></EventData>
   <Flow><System category="source"><Node><Address category="mac">00-00-5E-00-53-00</Address></Node></System></Flow>
   <Flow><System category="source"><Node><Address category="ipv4-addr">192.0.2.999</Address></Node></System></Flow>
  </EventData>
 </Incident>
</IODEF-Document>
"#;

const IODEF_2: &str = r#"<IODEF-Document version="2.00" xml:lang="en" xmlns="urn:ietf:params:xml:ns:iodef-2.0" xmlns:enum="urn:ietf:params:xml:ns:iodef-enum-1.0" xmlns:ds="http://www.w3.org/2000/09/xmldsig#">
 <Incident purpose="watch" restriction="green">
  <IncidentID name="csirt.example.com">2</IncidentID>
  <GenerationTime>2023-01-10T09:00:00Z</GenerationTime>
  <Assessment><SystemImpact type="takeover-system" severity="high"/></Assessment>
  <Contact type="organization" role="creator"><ContactName>Example CSIRT</ContactName></Contact>
  <EventData><Flow><System category="source"><Node><DomainData system-status="spoofed" domain-status="assignedAndActive"><Name>c2.example.org</Name></DomainData></Node>
    <Service ip-protocol="17"><Port>53</Port></Service></System></Flow></EventData>
  <IndicatorData>
   <Indicator restriction="amber"><IndicatorID name="csirt.example.com" version="1">1</IndicatorID><Description>C2 hosts</Description><StartTime>2023-01-05T00:00:00Z</StartTime>
    <Observable><BulkObservable type="ipv4-addr"><BulkObservableList>
      192.0.2.104
      192.0.2.106
    </BulkObservableList></BulkObservable></Observable></Indicator>
   <Indicator><IndicatorID name="csirt.example.com" version="1">2</IndicatorID>
    <IndicatorExpression operator="and">
     <Observable><FileData><File><FileName>dummy.txt</FileName><HashData scope="file-contents"><Hash>
       <ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue>47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=</ds:DigestValue></Hash></HashData></File></FileData></Observable>
     <Observable><Address category="site-uri">http://a.example/x</Address></Observable>
     <IndicatorExpression operator="not"><Observable><Address category="ipv4-addr">192.0.2.9</Address></Observable></IndicatorExpression>
    </IndicatorExpression></Indicator>
   <Indicator><IndicatorID name="csirt.example.com" version="1">3</IndicatorID><Observable><BulkObservable type="mutex"><BulkObservableList>x</BulkObservableList></BulkObservable></Observable></Indicator>
  </IndicatorData>
 </Incident>
</IODEF-Document>"#;

#[test]
fn sources_of_a_flow_are_records() {
    for text in [
        IODEF_1.to_owned(),
        format!("\u{feff}{}", IODEF_1.replace('\n', "\r\n")),
    ] {
        let read = good("iodef", &text);
        assert_eq!(
            read.values(Field::SourceIp),
            ["192.0.2.200", "2001:db8::1", "203.0.113.5"]
        );
        assert_eq!(read.values(Field::SourceHost), ["", "bot.example.com", ""]);
        assert_eq!(
            read.values(Field::DestinationNetwork),
            ["198.51.100.16/28", "198.51.100.16/28", ""]
        );
        assert_eq!(read.values(Field::DestinationPort), ["80", "80", ""]);
        assert_eq!(read.values(Field::ClassType), ["scanner"; 3]);
        assert_eq!(read.values(Field::Severity), ["low"; 3]);
        assert_eq!(read.values(Field::Description), ["Scans & probes"; 3]);
        assert_eq!(read.values(Field::Vulnerabilities), ["CVE-2022-00001"; 3]);
        assert_eq!(
            read.values(Field::DescriptionUrl),
            ["http://ref.example/1"; 3]
        );
        assert_eq!(
            read.values(Field::ObservedAt),
            [
                "2023-01-09T00:00:00Z",
                "2023-01-09T00:00:00Z",
                "2023-01-08T00:00:00Z"
            ]
        );
        assert_eq!(
            read.reasons(),
            [RejectReason::NoObservable, RejectReason::BadValue]
        );
        assert!(read.labels().is_empty());
    }
}

#[test]
fn observables_of_an_indicator_are_records() {
    let read = good("iodef", IODEF_2);
    assert_eq!(
        read.values(Field::SourceIp),
        ["", "192.0.2.104", "192.0.2.106", "", ""]
    );
    assert_eq!(read.values(Field::SourceHost)[0], "c2.example.org");
    assert_eq!(read.values(Field::SourcePort)[0], "53");
    assert_eq!(
        read.values(Field::Sha256)[3],
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    assert_eq!(read.values(Field::SourceUrl)[4], "http://a.example/x");
    assert_eq!(
        read.values(Field::Tlp),
        ["GREEN", "AMBER", "AMBER", "GREEN", "GREEN"]
    );
    assert_eq!(read.values(Field::ClassType), ["system-compromise"; 5]);
    assert_eq!(
        read.values(Field::ObservedAt)[..2],
        ["2023-01-10T09:00:00Z", "2023-01-05T00:00:00Z"]
    );
    assert_eq!(read.reasons(), [RejectReason::NoObservable]);
}

#[test]
fn broken_and_hostile_documents_keep_what_they_have() {
    let start = IODEF_1.find("<Record>").expect("a record");
    for end in start..IODEF_1.len() - 1 {
        let read = good("iodef", &IODEF_1[..end]);
        assert!(read.records.len() >= 2, "cut at {end}");
        assert!(
            !read.labels().is_empty() || !read.rejects.is_empty(),
            "cut at {end}"
        );
    }
    let deep = IODEF_1.replace("<Record>", &"<EventData>".repeat(100_000));
    assert_eq!(good("iodef", &deep).reasons(), [RejectReason::TooDeep]);
    let deep = IODEF_1.replace("<Record>", &format!("<Flow>{}", "<x>".repeat(100_000)));
    assert_eq!(good("iodef", &deep).reasons(), [RejectReason::TooDeep]);
    let long = IODEF_1.replace("<Record>", &format!("<Flow>{}", "x".repeat(3 << 20)));
    let read = good("iodef", &long);
    assert_eq!(
        (read.records.len(), read.reasons()),
        (2, vec![RejectReason::TooLong])
    );
    let raw = &long.as_bytes()[read.rejects[0].offset as usize..];
    assert_eq!(read.rejects[0].raw_len as usize, raw.len());
    assert_eq!(&read.rejects[0].raw_hash, blake3::hash(raw).as_bytes());
    let bomb = format!("<!DOCTYPE x [<!ENTITY a \"b\">]>{IODEF_1}");
    assert!(refused("iodef", &bomb).contains("entities"));
    assert!(refused("iodef", "<a/>").contains("IODEF-Document"));
}

#[test]
fn the_real_document_gives_its_flows() {
    let Some(data) = data() else { return };
    let (read, _) = real("iodef", &data.join("exchange/iodef/iodef.xml"));
    // Four incidents with seven flows: eight sources and one intermediate system.
    assert_eq!((read.records.len(), read.rejects.len()), (9, 0));
    assert_eq!(read.labels(), Vec::<&str>::new());
}

#[test]
fn long_events_and_bundles_are_read_in_bounded_memory() {
    let words = "x".repeat(300);
    let attribute = |n: u32| {
        format!(
            r#"{{"type": "ip-dst", "to_ids": true, "value": "2001:db8::{:x}:{:x}", "timestamp": "1673251200", "comment": "{words}"}}"#,
            n >> 16,
            n & 0xffff
        )
    };
    let many: Vec<String> = (1..=100_000).map(attribute).collect();
    let event = format!(
        r#"{{"Event": {{"Attribute": [{}], "Tag": [{{"name": "tlp:red"}}]}}}}"#,
        many.join(",")
    );
    let read = good("misp", &event);
    assert_eq!(
        (read.records.len(), read.labels()),
        (100_000, vec!["late-parts"])
    );
    // What did not wait any more does not know of the mark at the end; the rest does.
    assert_eq!(
        read.records
            .last()
            .and_then(|record| record.text(Field::Tlp)),
        Some("RED")
    );
    drop(read);
    let indicator = |n: u32| {
        format!(
            r#"{{"type": "indicator", "id": "indicator--{n}", "pattern": "[ipv6-addr:value = '2001:db8::{:x}:{:x}']", "valid_from": "2023-01-09T00:00:00Z", "description": "{words}"}}"#,
            n >> 16,
            n & 0xffff
        )
    };
    let many: Vec<String> = (1..=100_000).map(indicator).collect();
    let bundle = format!(r#"{{"type": "bundle", "objects": [{}]}}"#, many.join(","));
    let read = good("stix", &bundle);
    assert_eq!(
        (read.records.len(), read.labels()),
        (100_000, vec!["late-parts"])
    );
}

/// As many objects as an element may hold, each asked for by its id and looked for among references.
#[test]
fn many_objects_of_observed_data_cost_their_number() {
    let object = |n: u32| {
        format!(
            r#""{n}": {{"type": "network-traffic", "src_ref": "a{n}"}}, "a{n}": {{"type": "ipv4-addr", "value": "192.0.2.1"}}"#
        )
    };
    let objects: Vec<String> = (0..8_000).map(object).collect();
    let text = format!(
        r#"{{"type": "bundle", "objects": [{{"type": "observed-data", "id": "observed-data--1", "first_observed": "2023-01-09T00:00:00Z", "objects": {{{}}}}}]}}"#,
        objects.join(", ")
    );
    let read = good("stix", &text);
    assert_eq!((read.records.len(), read.rejects.len()), (8_000, 0));
}

#[test]
fn zeros_in_texts_are_refused() {
    let text = EVENT.replace("seen twice", "seen\\u0000twice");
    let read = good("misp", &text);
    assert_eq!(read.records.len(), 7);
    assert_eq!(read.reasons()[0], RejectReason::BadValue);
    // An escaped backslash before the same letters is none.
    let text = EVENT.replace("seen twice", "seen\\\\u0000twice");
    assert_eq!(good("misp", &text).records.len(), 8);
}
