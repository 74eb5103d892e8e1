//! Events of IntelMQ: every form in which they come is the same event, and what is written is read.

use formats::intelmq::{self, Header, line};
use model::field::Field;
use model::reject::RejectReason;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::harness::{Read, feed, read};

fn parse(text: &str) -> Read {
    read(&feed("intelmq", "UTC"), text.as_bytes()).expect("a report of the format")
}

/// What is written of the records, without facts of the report.
fn written(read: &Read) -> Vec<Value> {
    let strip = |record| {
        let mut event = json!(intelmq::event(record, &Header::default()));
        let members = event.as_object_mut().expect("an object");
        if members["feed.name"] == "" {
            members.remove("feed.name");
        }
        event
    };
    read.records.iter().map(strip).collect()
}

fn event() -> Value {
    json!({
        "time.source": "2023-01-09T08:00:00+00:00", "source.ip": "192.0.2.1", "source.port": 443,
        "classification.taxonomy": "malicious-code", "classification.type": "c2-server",
        "feed.name": "Example Feed", "feed.code": "ex", "source.tor_node": true, "rtir_id": 17,
        "extra.os.name": "Linux", "extra.list": ["a", 1, {"b": null}], "extra.tags": "a b",
    })
}

#[test]
fn every_form_is_the_same_event() {
    let flat = event();
    let mut with_type = flat.clone();
    with_type["__type"] = json!("Event");
    with_type["raw"] = json!("eA==");
    with_type["time.observation"] = json!("2023-01-10T00:00:00+00:00");
    let nested = json!({
        "time": {"source": "2023-01-09T08:00:00+00:00", "observation": "2023-01-10T00:00:00+00:00"},
        "source": {"ip": "192.0.2.1", "port": 443, "tor_node": true}, "rtir_id": 17,
        "classification": {"taxonomy": "malicious-code", "type": "c2-server"},
        "feed": {"name": "Example Feed", "code": "ex"},
        "extra": {"os": {"name": "Linux"}, "list": ["a", 1, {"b": null}], "tags": "a b"},
    });
    let mut database = flat.clone();
    let members = database.as_object_mut().expect("an object");
    members.retain(|key, _| !key.starts_with("extra."));
    members.insert("id".into(), json!(5));
    members.insert("comment".into(), json!(null));
    let extra = json!({"os.name": "Linux", "list": ["a", 1, {"b": null}], "tags": "a b"});
    let mut as_text = database.clone();
    as_text["extra"] = json!(extra.to_string());
    database["extra"] = extra;
    for (name, text) in [
        ("a line", flat.to_string()),
        ("with type", with_type.to_string() + "\n"),
        ("nested", nested.to_string()),
        ("a row of a database", database.to_string()),
        ("extra as text", as_text.to_string()),
        ("an array", json!([flat]).to_string()),
        (
            "pretty",
            serde_json::to_string_pretty(&with_type).expect("JSON"),
        ),
    ] {
        let read = parse(&text);
        assert!(read.rejects.is_empty(), "{name}: {:?}", read.rejects);
        assert_eq!(written(&read), vec![flat.clone()], "{name}");
        assert_eq!(read.values(Field::Tags), ["a b"], "{name}");
        read.check_rows(text.as_bytes());
    }
}

#[test]
fn the_time_of_receipt_serves_where_there_is_no_other() {
    let read =
        parse(r#"{"source.ip": "192.0.2.1", "time.observation": "2023-01-10T00:00:00+00:00"}"#);
    assert_eq!(read.values(Field::ObservedAt), ["2023-01-10T00:00:00Z"]);
    assert!(!read.records[0].undated);
}

#[test]
fn what_is_no_event_says_why() {
    let text = "{\"__type\": \"Report\", \"raw\": \"eA==\"}\n{\"comment\": \"x\"}\n{\"source.ip\": \"nowhere\"}\n[1]\n{\"source.ip\": \"192.0.2.1\"\n";
    let read = parse(text);
    assert!(read.records.is_empty());
    let reasons = [
        RejectReason::BadValue,
        RejectReason::NoObservable,
        RejectReason::BadValue,
        RejectReason::Syntax,
        RejectReason::Syntax,
    ];
    assert_eq!(read.reasons(), reasons);
    assert!(read.rejects[0].message.contains("a report of IntelMQ's"));
    read.check_rows(text.as_bytes());
}

#[test]
fn a_taxonomy_that_does_not_go_with_its_type_is_kept() {
    let odd = json!({"source.ip": "192.0.2.1", "classification.type": "scanner", "classification.taxonomy": "other",
        "time.source": "2023-01-09T08:00:00+00:00"});
    assert_eq!(written(&parse(&odd.to_string())), vec![odd]);
}

/// Values by key, of the form that the key asks for.
fn events() -> impl Strategy<Value = Value> {
    let text = "[ -~äß中]{1,12}";
    let word = "[a-z]{2,8}";
    let number = 1i64..65_535;
    let source = (
        prop::option::of(1u32..0xdfff_ffff),
        prop::option::of(number.clone()),
        prop::option::of(word),
    );
    let words = (
        prop::option::of(text),
        prop::option::of(text),
        prop::option::of(word),
        any::<Option<bool>>(),
    );
    let time = 700_000_000i64..1_700_000_000;
    let extra = prop::collection::btree_map(
        "[a-z_]{1,6}(\\.[a-z_]{1,4})?",
        prop_oneof![
            text.prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            prop::collection::vec("[a-z]{1,3}", 0..3).prop_map(Value::from)
        ],
        0..5,
    );
    (source, words, time, extra).prop_map(
        |((ip, port, host), (comment, status, account, tor), time, extra)| {
            let mut event = serde_json::Map::new();
            let mut put = |key: &str, value: Option<Value>| {
                if let Some(value) = value {
                    event.insert(key.to_owned(), value);
                }
            };
            let at = intelmq::time(model::time::Timestamp(time * 1_000_000));
            put("time.source", at.map(Value::from));
            put(
                "source.ip",
                ip.map(|ip| {
                    std::net::Ipv4Addr::from_bits(ip | 0x0100_0000)
                        .to_string()
                        .into()
                }),
            );
            put("source.port", port.map(Value::from));
            put(
                "source.fqdn",
                host.map(|host| format!("{host}.example.com").into()),
            );
            put("comment", comment.map(Value::from));
            put("status", status.map(Value::from));
            put("source.account", account.map(Value::from));
            put("source.tor_node", tor.map(Value::from));
            put("feed.code", Some("code".into()));
            put("destination.fqdn", Some("www.example.org".into()));
            for (name, value) in extra {
                put(&format!("extra.{name}"), Some(value));
            }
            Value::Object(event)
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_the_same_facts(event in events()) {
        let first = parse(&event.to_string());
        prop_assert!(first.rejects.is_empty(), "{:?}", first.rejects);
        let text = line(&first.records[0], &Header::default());
        let second = parse(&text);
        prop_assert_eq!(&written(&first), &written(&second));
        for field in model::field::FIELDS {
            prop_assert_eq!(first.values(field.field), second.values(field.field));
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,120}") {
        let feed = feed("intelmq", "UTC");
        let _ = read(&feed, text.as_bytes());
        let _ = read(&feed, format!("{{\"extra\": {text}}}").as_bytes());
    }
}
