//! TweetFeed's daily CSV.

use formats::Unreadable;
use model::field::Field;
use model::record::Record;
use model::reject::RejectReason;

use crate::harness::{control_totals, data, feed, per_week, read, show};

const SAMPLE: &str = "\
2023-01-09 00:02:28,alice,url,http://login.example/x,#phishing #Scam,https://social.example/1\n\
2023-01-09 00:03:00,bob,ip,192.0.2.7,#CobaltStrike,https://social.example/2\n\
2023-01-09 00:04:00,bob,domain,C2.Example,#RedLine #malware,\n\
2023-01-09 00:05:00,eve,md5,FE8DAE06D4B9165C6BE675E184BFACA9,#AgentTesla,not a link\n\
2023-01-09 00:06:00,eve,domain,untagged.example,,https://social.example/3\n";

#[test]
fn tags_classify() {
    let read = read(&feed("tweetfeed", "UTC"), SAMPLE.as_bytes()).expect("a good day");
    read.check_rows(SAMPLE.as_bytes());
    assert_eq!(read.rejects, []);
    assert_eq!(
        read.values(Field::ClassType),
        [
            "phishing",
            "c2-server",
            "malware-distribution",
            "malware",
            "undetermined"
        ]
    );
    assert_eq!(
        read.values(Field::ClassIdentifier),
        ["phishing", "cobaltstrike", "redline", "agenttesla", ""]
    );
    assert_eq!(
        read.values(Field::MalwareName),
        ["", "cobalt strike", "redline", "agent tesla", ""]
    );
    assert_eq!(
        read.values(Field::Tags),
        [
            "phishing scam",
            "cobaltstrike",
            "redline malware",
            "agenttesla",
            ""
        ]
    );
    assert_eq!(
        read.values(Field::SourceHost),
        ["", "", "c2.example", "", "untagged.example"]
    );
    assert_eq!(
        read.values(Field::Md5)[3],
        "fe8dae06d4b9165c6be675e184bfaca9"
    );
    assert_eq!(
        read.values(Field::Reporter),
        ["alice", "bob", "bob", "eve", "eve"]
    );
    assert_eq!(
        read.records[3].extra_json().as_deref(),
        Some(r#"{"reference":"not a link"}"#)
    );
    assert_eq!(read.records[0].written_day, Some(19_366));
}

#[test]
fn the_entry_classifies_what_tags_do_not() {
    let mut feed = feed("tweetfeed", "UTC");
    feed.classification = Some("other".into());
    let read = read(&feed, SAMPLE.as_bytes()).expect("a good day");
    assert_eq!(read.values(Field::ClassType)[4], "other");
    assert_eq!(read.values(Field::ClassType)[0], "phishing");
}

#[test]
fn values_with_ports_zones_and_punycode() {
    let text = "\
2023-01-09 00:00:00,a,ip,192.0.2.7:8080,#c2,\r\n\
2023-01-09 00:00:00,a,ip,[2001:db8::1]:443,#c2,\r\n\
2023-01-09 00:00:00,a,ip,fe80::1%eth0,#c2,\r\n\
2023-01-09 00:00:00,a,domain,xn--bcher-kva.example:81,#phishing,\r\n\
2023-01-09 00:00:00,a,domain,bücher.example,#phishing,\r\n\
2023-01-09 00:00:00,a,url,\"hxxp://a[.]example/1,2\",#phishing,\r\n";
    let read = read(&feed("tweetfeed", "UTC"), text.as_bytes()).expect("a good day");
    assert_eq!(read.rejects, []);
    read.check_rows(text.as_bytes());
    assert_eq!(
        read.values(Field::SourceIp)[..3],
        ["192.0.2.7", "2001:db8::1", "fe80::1"]
    );
    assert_eq!(
        read.values(Field::SourcePort),
        ["8080", "443", "", "81", "", ""]
    );
    assert_eq!(
        read.values(Field::SourceHost)[3..5],
        ["xn--bcher-kva.example", "xn--bcher-kva.example"]
    );
    assert_eq!(read.values(Field::SourceUrl)[5], "http://a.example/1,2");
}

#[test]
fn bad_rows_are_rejects_with_the_reason() {
    let rows: &[(&[u8], RejectReason)] = &[
        (
            b"2023-01-09 00:00:00,a,ip,192.0.2.7,#c2",
            RejectReason::ColumnCount,
        ),
        (
            b"2023-01-09 00:00:00,a,ip,192.0.2.777,#c2,",
            RejectReason::BadValue,
        ),
        (
            b"2023-01-09 00:00:00,a,ip,192.0.2.7:70000,#c2,",
            RejectReason::BadValue,
        ),
        (
            b"2023-01-09 00:00:00,a,mutex,x,#c2,",
            RejectReason::BadValue,
        ),
        (
            b"2023-01-09 00:00:00,a,md5,abc,#c2,",
            RejectReason::BadValue,
        ),
        (
            b"2023-01-09 00:00:00,a,url,,#c2,",
            RejectReason::MissingField,
        ),
        (b",a,ip,192.0.2.7,#c2,", RejectReason::MissingField),
        (b"yesterday,a,ip,192.0.2.7,#c2,", RejectReason::BadTime),
        (
            b"1970-01-01 00:00:00,a,ip,192.0.2.7,#c2,",
            RejectReason::BadTime,
        ),
        (
            b"2023-01-09 00:00:00,a\0,ip,192.0.2.7,#c2,",
            RejectReason::BadValue,
        ),
        (
            b"2023-01-09 00:00:00,\xff,ip,192.0.2.7,#c2,",
            RejectReason::Encoding,
        ),
        (
            b"2023-01-09 00:00:00,\"a,ip,192.0.2.7,#c2,",
            RejectReason::ColumnCount,
        ),
    ];
    let mut text = SAMPLE.as_bytes().to_vec();
    for (row, _) in rows {
        text.extend_from_slice(row);
        text.push(b'\n');
    }
    text.extend_from_slice(SAMPLE.as_bytes());
    let read = read(&feed("tweetfeed", "UTC"), &text).expect("a day");
    read.check_rows(&text);
    assert_eq!(read.records.len(), 10);
    let expected: Vec<_> = rows.iter().map(|(_, reason)| *reason).collect();
    assert_eq!(
        read.reasons(),
        expected,
        "{:#?}",
        read.rejects.iter().map(|r| &r.message).collect::<Vec<_>>()
    );
}

#[test]
fn other_files_are_refused_and_a_missed_day_is_empty() {
    assert_eq!(
        read(&feed("tweetfeed", "UTC"), b"").err(),
        Some(Unreadable::Empty)
    );
    for text in [
        "date,URL,description\n",
        "<html>\n</html>\n",
        "\0\0\0",
        "a,b,c,d,e,f\n",
    ] {
        let error = read(&feed("tweetfeed", "UTC"), text.as_bytes()).err();
        assert!(
            matches!(error, Some(Unreadable::Header { .. })),
            "{text:?}: {error:?}"
        );
    }
}

#[test]
fn real_weeks_equal_the_control_totals() {
    let Some(data) = data() else { return };
    let (mut records, mut empty, mut rows) = (Vec::<Record>::new(), Vec::new(), 0);
    for folder in ["2022/202212", "2023/202301"] {
        let folder = data.join("feeds/mixed/tweetfeed").join(folder);
        for entry in std::fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            let text = std::fs::read(&path).expect("the file can be read");
            match read(&feed("tweetfeed", "UTC"), &text) {
                Ok(read) => {
                    read.check_rows(&text);
                    assert_eq!(
                        read.rejects.first().map(|reject| &reject.message),
                        None,
                        "{}",
                        path.display()
                    );
                    records.extend(read.records);
                    rows += text
                        .split(|byte| *byte == b'\n')
                        .filter(|row| !row.is_empty())
                        .count();
                }
                Err(Unreadable::Empty) => empty.push(
                    path.file_stem()
                        .expect("a name")
                        .to_string_lossy()
                        .into_owned(),
                ),
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
    }
    empty.sort();
    assert_eq!(empty, ["20221211", "20230111", "20230126"]);
    assert_eq!((rows, records.len()), (47_771, 47_771));
    type Keep = fn(&Record) -> bool;
    let columns: [(&str, Keep); 4] = [
        ("tweetfeed url", |record| record.has(Field::SourceUrl)),
        ("tweetfeed domain", |record| record.has(Field::SourceHost)),
        ("tweetfeed ip", |record| record.has(Field::SourceIp)),
        ("tweetfeed #phishing", |record| {
            show(record, Field::Tags)
                .split(' ')
                .any(|tag| tag == "phishing")
        }),
    ];
    for (column, keep) in columns {
        let weeks = per_week(records.iter().filter(|record| keep(record)));
        let totals = control_totals(&data, column);
        assert_eq!(totals.len(), 8, "{column}");
        for (week, total) in totals {
            assert_eq!(
                weeks.get(&week).copied().unwrap_or(0),
                total,
                "{column} {week}"
            );
        }
    }
}
