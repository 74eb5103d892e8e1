//! Generic JSON by a column mapping.

use formats::Unreadable;
use model::feed::Feed;
use model::field::Field;
use model::reject::RejectReason;

use crate::harness::{SNAPSHOT, data, feed, read};

fn mapped(columns: &[(&str, &str)], options: &[(&str, &str)]) -> Feed {
    let mut feed = feed("json", "UTC");
    let own = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(a, b)| (a.to_string(), b.to_string()))
            .collect()
    };
    feed.columns = own(columns);
    feed.options = own(options);
    feed
}

const COLUMNS: &[(&str, &str)] = &[
    ("seen", "observed_at"),
    ("host.ip", "source_ip"),
    ("host.ports.0", "source_port"),
    ("labels", "tags"),
    ("cves", "vulnerabilities"),
    ("score", "extra.points"),
    ("internal", ""),
];

const LINES: &str = concat!(
    r##"{"seen": "2023-01-09 08:00:00", "host": {"ip": "192.0.2.1", "ports": [80, 443], "os": "\u00e9"}, "labels": ["#A", "b"], "cves": ["CVE-2023-0001", "CVE-2023-0002"], "score": 12345678901234567890123.50, "internal": {"x": [1]}, "z": null, "b": {"y": 1, "x": [true, null, ""]}, "a": "-"}"##,
    "\n\n",
    r#"{"b": {"x": [true,null,""], "y":1}, "score":12345678901234567890123.50, "cves": "CVE-2023-0001 CVE-2023-0002", "labels": "a b", "host": {"os": "é", "ports": [80, 443], "ip": "192.0.2.1"}, "seen": 1673251200}"#,
    "\n",
);

#[test]
fn lines_are_mapped_by_path_and_order_does_not_matter() {
    let read = read(&mapped(COLUMNS, &[]), LINES.as_bytes()).expect("JSON lines");
    read.check_rows(LINES.as_bytes());
    assert_eq!(read.rejects, []);
    assert_eq!(read.values(Field::ObservedAt), ["2023-01-09T08:00:00Z"; 2]);
    assert_eq!(read.values(Field::SourceIp), ["192.0.2.1"; 2]);
    assert_eq!(read.values(Field::SourcePort), ["80"; 2]);
    assert_eq!(read.values(Field::Tags), ["a b"; 2]);
    assert_eq!(
        read.values(Field::Vulnerabilities),
        ["CVE-2023-0001;CVE-2023-0002"; 2]
    );
    let extra = r#"{"b":{"x":[true,null,""],"y":1},"host.os":"é","host.ports.1":443,"points":12345678901234567890123.50}"#;
    assert_eq!(read.records[0].extra_json().as_deref(), Some(extra));
    let mut scratch = Vec::new();
    let ids: Vec<_> = read
        .records
        .iter()
        .map(|record| record.identity("f", None, &mut scratch))
        .collect();
    assert_eq!(ids[0], ids[1]);
    assert_eq!(read.records[1].line, 3);
    assert_eq!(read.records[0].written_day, Some(19_366));
}

#[test]
fn documents_are_mapped_alike() {
    let records: Vec<&str> = LINES.split('\n').filter(|line| !line.is_empty()).collect();
    let array = format!("[\n {},\r\n {}\n]\n", records[0], records[1]);
    let object = format!("{{\"meta\": {{\"n\": 2}}, \"data\": {{\"items\": {array}}}}}");
    let keyed = format!(
        "\u{feff}{{\"k1\": [{}], \"k2\": [{}]}}",
        records[0], records[1]
    );
    let lines = read(&mapped(COLUMNS, &[]), LINES.as_bytes()).expect("JSON lines");
    for (text, options) in [
        (&array, &[][..]),
        (&object, &[("records", "data.items")]),
        (&keyed, &[("records", "*")]),
        (&array, &[("layout", "document")]),
    ] {
        let mut columns = COLUMNS.to_vec();
        columns.push(("@key", "reporter"));
        let read = read(&mapped(&columns, options), text.as_bytes()).expect("a document");
        read.check_rows(text.as_bytes());
        assert_eq!(
            (read.records.len(), read.rejects.len(), read.warnings.len()),
            (2, 0, 0),
            "{text}"
        );
        for (record, line) in read.records.iter().zip(&lines.records) {
            assert_eq!(record.extra_json(), line.extra_json());
            assert_eq!(record.observed_at(), line.observed_at());
            let raw = &text.as_bytes()[record.offset as usize..][..record.len as usize];
            assert!(records.contains(&std::str::from_utf8(raw).expect("UTF-8")));
        }
        if options == [("records", "*")] {
            assert_eq!(read.values(Field::Reporter), ["k1", "k2"]);
        }
    }
}

#[test]
fn a_single_object_and_plain_values_are_records_too() {
    let one = mapped(&[("ip", "source_ip")], &[("layout", "document")]);
    assert_eq!(
        read(&one, b"{\n \"ip\": \"192.0.2.1\"\n}")
            .expect("a document")
            .values(Field::SourceIp),
        ["192.0.2.1"]
    );
    let plain = mapped(&[(".", "source_host")], &[]);
    let text = b"[\"a.example\", \"b\\u002eexample\", \"no host\", 7, {\"a\": 1}]";
    let plain = read(&plain, text).expect("a document");
    plain.check_rows(text);
    assert_eq!(plain.values(Field::SourceHost), ["a.example", "b.example"]);
    assert_eq!(
        plain.reasons(),
        [
            RejectReason::BadValue,
            RejectReason::BadValue,
            RejectReason::NoObservable
        ]
    );
    assert!(
        plain
            .records
            .iter()
            .all(|record| record.undated && record.observed_at() == Some(SNAPSHOT))
    );
}

#[test]
fn a_key_that_stands_twice_is_read_once_and_kept() {
    let text =
        r#"{"ip": "192.0.2.1", "ip": "192.0.2.2", "x": 1, "x": 2, "x": 3, "n": {"k": 1, "k": 2}}"#;
    let read = read(&mapped(&[("ip", "source_ip")], &[]), text.as_bytes()).expect("JSON lines");
    assert_eq!(read.values(Field::SourceIp), ["192.0.2.1"]);
    let extra = r#"{"ip.2":"192.0.2.2","n":{"k":1,"k.2":2},"x":1,"x.2":2,"x.3":3}"#;
    assert_eq!(read.records[0].extra_json().as_deref(), Some(extra));
    assert_eq!(read.labels(), ["duplicate-key"]);
}

#[test]
fn several_paths_to_one_field_and_bad_values() {
    let columns = [
        ("a", "source_ip"),
        ("b", "source_ip"),
        ("cc", "source_country"),
        ("t", "observed_at"),
    ];
    let text = concat!(
        r#"{"a": null, "b": "192.0.2.2", "cc": "Nowhere"}"#,
        "\n",
        r#"{"b": "192.0.2.2", "a": "192.0.2.1", "cc": "de"}"#,
        "\n",
        r#"{"b": "192.0.2.2", "a": ["192.0.2.1"], "cc": {"code": "de"}}"#,
        "\n",
        r#"{"a": ["192.0.2.1", "192.0.2.3"]}"#,
        "\n",
        r#"{"a": {"v": "192.0.2.1"}}"#,
        "\n",
        r#"{"a": "192.0.2.1:80"}"#,
        "\n",
        r#"{"a": "fe80::1%eth0"}"#,
        "\n",
        r#"{"a": "192.0.2.1", "t": 0}"#,
        "\n",
        r#"{"a": "192.0.2.1", "t": "2099-12-31"}"#,
        "\n",
        r#"{"cc": "de"}"#,
        "\n",
        r#"[1, 2]"#,
        "\n",
        r#""text""#,
        "\n",
        r#"{"a": "192.0.2.1",}"#,
        "\n",
        r#"{"a": "192.0.2.1"} {}"#,
        "\n",
        r#"{"a": "192.0.2.1", "x": "\ud800"}"#,
        "\n",
        r#"{"a": "192.0.2.1", "x": "\u0000"}"#,
        "\n",
        "{\"a\": \"192.0.2.1\0\"}\n",
        "{\"a\": \"192.0.2.1\", \"x\": NaN}\n",
    );
    let read = read(&mapped(&columns, &[]), text.as_bytes()).expect("JSON lines");
    read.check_rows(text.as_bytes());
    let ips = [
        "192.0.2.2",
        "192.0.2.1",
        "192.0.2.1",
        "fe80::1",
        "192.0.2.1",
    ];
    assert_eq!(read.values(Field::SourceIp), ips);
    let extras: Vec<_> = read
        .records
        .iter()
        .map(|record| record.extra_json().unwrap_or_default())
        .collect();
    assert_eq!(
        extras,
        [
            r#"{"source_country":"Nowhere"}"#,
            "",
            r#"{"source_country":{"code":"de"}}"#,
            "",
            ""
        ]
    );
    use RejectReason::*;
    let reasons = [
        BadValue,
        BadValue,
        BadValue,
        BadTime,
        NoObservable,
        Syntax,
        Syntax,
        Syntax,
        Syntax,
        Syntax,
        BadValue,
        Syntax,
        Syntax,
    ];
    assert_eq!(
        read.reasons(),
        reasons,
        "{:#?}",
        read.rejects.iter().map(|r| &r.message).collect::<Vec<_>>()
    );
}

#[test]
fn depth_is_bounded() {
    let nested = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
    let deep = nested(400_000);
    let text = format!(
        "{{\"a\": \"192.0.2.1\", \"x\": {}}}\n{{\"a\": \"192.0.2.2\", \"x\": {}}}\n{{\"a\": \"192.0.2.3\", \"skip\": {deep}}}\n{{\"a\": {deep}}}\n{deep}\n{{\"a\": \"192.0.2.4\"}}\n",
        nested(60),
        nested(70),
    );
    for document in [false, true] {
        let feed = mapped(&[("a", "source_ip"), ("skip", "")], &[]);
        let text = if document {
            format!("[{}]", text.trim_end().replace('\n', ",\n"))
        } else {
            text.clone()
        };
        let read = read(&feed, text.as_bytes()).expect("JSON");
        read.check_rows(text.as_bytes());
        assert_eq!(
            read.values(Field::SourceIp),
            ["192.0.2.1", "192.0.2.3", "192.0.2.4"]
        );
        assert_eq!(
            read.reasons(),
            [
                RejectReason::TooDeep,
                RejectReason::BadValue,
                RejectReason::Syntax
            ]
        );
    }
    let million = "[".repeat(1_000_000);
    let read = read(&mapped(&[("a", "source_ip")], &[]), million.as_bytes()).expect("a document");
    assert_eq!(
        (read.records.len(), read.reasons()),
        (0, vec![RejectReason::Syntax])
    );
}

#[test]
fn many_members_cost_no_more_than_a_row() {
    let many: String = (0..40_000)
        .map(|n| format!(",\"m{}\":{n}", n % 39_999))
        .collect();
    let text = format!("{{\"a\":\"192.0.2.1\"{many}}}\n{{\"a\":\"192.0.2.2\"}}\n");
    let read = read(&mapped(&[("a", "source_ip")], &[]), text.as_bytes()).expect("JSON lines");
    read.check_rows(text.as_bytes());
    assert_eq!(read.values(Field::SourceIp), ["192.0.2.1", "192.0.2.2"]);
    let extra = read.records[0].extra();
    assert!(
        extra.starts_with(r#""m0":0,"m0.2":39999,"m1":1,"m10":10,"#),
        "{}",
        &extra[..60]
    );
}

#[test]
fn other_files_and_wrong_entries_are_refused() {
    let feed = mapped(&[("a", "source_ip")], &[]);
    for text in ["", "\n \n", "\u{feff}"] {
        assert_eq!(read(&feed, text.as_bytes()).err(), Some(Unreadable::Empty));
    }
    for (text, options) in [
        ("date,URL\n", &[][..]),
        ("<html>", &[]),
        ("\0\0", &[]),
        ("{\n  \"items\": [\n {\"a\": 1}\n]}", &[]),
        ("{\"items\": []}", &[("records", "data")]),
        ("7", &[("layout", "document")]),
    ] {
        let error = read(&mapped(&[("a", "source_ip")], options), text.as_bytes()).err();
        assert!(
            matches!(error, Some(Unreadable::Header { .. })),
            "{text:?}: {error:?}"
        );
    }
    // A first row that is broken is not a wrong file.
    let read = read(&feed, b"{\"a\": \n{\"a\": \"192.0.2.1\"}\n").expect("JSON lines");
    assert_eq!((read.records.len(), read.rejects.len()), (1, 1));
    let check = formats::format("json").expect("the format is known").check;
    let mut feed = mapped(&[], &[("layout", "tree"), ("record", "x")]);
    assert_eq!(check(&feed).len(), 3, "{:?}", check(&feed));
    feed = mapped(
        &[("a..b", "source_ip"), ("c", "sauce_ip")],
        &[("layout", "lines"), ("records", "x")],
    );
    assert_eq!(check(&feed).len(), 3, "{:?}", check(&feed));
}

#[test]
fn a_pattern_reads_odd_times() {
    let feed = mapped(
        &[("a", "source_ip"), ("t", "observed_at")],
        &[("time_format", "%d.%m.%Y %H:%M")],
    );
    let text = b"{\"a\": \"192.0.2.1\", \"t\": \"09.01.2023 08:00\"}\n{\"a\": \"192.0.2.1\", \"t\": \"2023-01-09\"}\n{\"a\": \"192.0.2.1\", \"t\": \"\"}\n";
    let read = read(&feed, text).expect("JSON lines");
    assert_eq!(read.values(Field::ObservedAt)[0], "2023-01-09T08:00:00Z");
    assert_eq!(
        (read.reasons(), read.records[1].undated),
        (vec![RejectReason::BadTime], true)
    );
}

#[test]
fn real_documents_are_mapped() {
    let Some(data) = data() else { return };
    let urlhaus = mapped(
        &[
            ("url", "source_url"),
            ("dateadded", "observed_at"),
            ("tags", "tags"),
            ("reporter", "reporter"),
            ("urlhaus_link", "reference_url"),
        ],
        &[("records", "urls")],
    );
    let text = std::fs::read(data.join("feeds/malware/urlhaus-api/urlhaus.json"))
        .expect("the file can be read");
    let document: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    let read_urls = read(&urlhaus, &text).expect("a document");
    read_urls.check_rows(&text);
    assert_eq!(
        read_urls.records.len(),
        document["urls"].as_array().expect("a list").len()
    );
    assert_eq!(read_urls.rejects, []);
    let drop = mapped(
        &[("cidr", "source_network"), ("sblid", "class_identifier")],
        &[],
    );
    let text = std::fs::read(data.join("feeds/ip/spamhaus-drop/drop_v4_2025-03-10.json"))
        .expect("the file can be read");
    let read_drop = read(&drop, &text).expect("JSON lines");
    read_drop.check_rows(&text);
    // The last line is the list's own description, no network.
    assert_eq!(read_drop.reasons(), [RejectReason::NoObservable]);
    assert_eq!(
        read_drop.records.len() + 1,
        text.iter().filter(|byte| **byte == b'\n').count()
    );
    let kev = mapped(
        &[("cveID", "vulnerability_id"), ("dateAdded", "observed_at")],
        &[("records", "vulnerabilities")],
    );
    let text = std::fs::read(data.join("vuln/kev/known_exploited_vulnerabilities.json"))
        .expect("the file can be read");
    assert_eq!(read(&kev, &text).expect("a document").records.len(), 1404);
}
