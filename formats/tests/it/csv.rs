//! Generic CSV: the mapping, the options, and rows that are no event.

use formats::Unreadable;
use model::feed::Feed;
use model::field::Field;
use model::reject::RejectReason;

use crate::harness::{Read, feed, read};

fn mapped(columns: &[(&str, &str)], options: &[(&str, &str)]) -> Feed {
    let mut feed = feed("csv", "Asia/Tokyo");
    feed.classification = Some("phishing".into());
    feed.columns = columns
        .iter()
        .map(|(from, to)| (from.to_string(), to.to_string()))
        .collect();
    feed.options = options
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    feed
}

fn good(feed: &Feed, text: &str) -> Read {
    let read = read(feed, text.as_bytes()).expect("it opens");
    read.check_rows(text.as_bytes());
    read
}

#[test]
fn columns_go_where_the_entry_says() {
    let feed = mapped(
        &[
            ("When", "observed_at"),
            ("url", "source.url"),
            ("brand", "extra.brand name"),
            ("junk", ""),
            ("cc", "source_country"),
            ("gone", "comment"),
        ],
        &[],
    );
    let text = "junk,url,when,brand,cc,zeta,alpha,alpha\r\n\
        j,hxxp://a[.]example/,2023/01/09 08:00,\"B \"\"x\"\"\",cn,z,a,a2\r\n\
        j,http://b.example/,,,China,,-,\r\n";
    let read = good(&feed, text);
    assert_eq!(read.rejects, []);
    assert_eq!(
        read.values(Field::SourceUrl),
        ["http://a.example/", "http://b.example/"]
    );
    assert_eq!(
        read.values(Field::ObservedAt),
        ["2023-01-08T23:00:00Z", "2023-01-16T00:00:00Z"]
    );
    assert_eq!(read.values(Field::SourceCountry), ["CN", ""]);
    assert_eq!(read.values(Field::ClassType), ["phishing", "phishing"]);
    assert_eq!(
        (read.records[0].written_day, read.records[0].undated),
        (Some(19_366), false)
    );
    assert_eq!(
        (read.records[1].written_day, read.records[1].undated),
        (None, true)
    );
    let extra: Vec<_> = read
        .records
        .iter()
        .map(|record| record.extra_json().unwrap_or_default())
        .collect();
    assert_eq!(
        extra,
        [
            r#"{"brand name":"B \"x\"","alpha":"a","alpha.2":"a2","zeta":"z"}"#,
            r#"{"source_country":"China"}"#
        ]
    );
    assert_eq!(read.labels(), ["duplicate-column", "missing-column"]);
    // The order of the columns changes nothing.
    let again = good(
        &feed,
        "alpha,alpha,zeta,cc,brand,when,url,junk\na,a2,z,cn,\"B \"\"x\"\"\",2023/01/09 08:00,hxxp://a[.]example/,j\n",
    );
    let mut scratch = Vec::new();
    assert_eq!(
        again.records[0].identity("f", None, &mut scratch),
        read.records[0].identity("f", None, &mut scratch)
    );
}

#[test]
fn options_fit_odd_files() {
    let tab = mapped(
        &[("1", "observed_at"), ("2", "source_ip")],
        &[
            ("delimiter", "tab"),
            ("header", "no"),
            ("skip_lines", "1"),
            ("unmapped", "drop"),
        ],
    );
    let read = good(
        &tab,
        "a title, \"odd\n\n# a comment\n2023-01-09\t192.0.2.1:80\tx\n2023-01-10\t2001:db8::1\ty\n",
    );
    assert_eq!(read.values(Field::SourceIp), ["192.0.2.1", "2001:db8::1"]);
    assert_eq!(read.values(Field::SourcePort), ["80", ""]);
    assert_eq!(read.records[0].line, 4);
    assert_eq!(read.records[0].extra_json(), None);

    let commented = mapped(
        &[("first_seen", "observed_at"), ("host", "source_host")],
        &[("header", "comment"), ("comment", "##")],
    );
    let read = good(
        &commented,
        "## Example list\n##\n## \"first_seen\",\"host\"\n\"2023-01-09 08:00:00\",\"www.example\"\n## end\n",
    );
    assert_eq!(read.values(Field::SourceHost), ["www.example"]);
    assert_eq!(
        good(&commented, "## Example list\n## first_seen,host\n")
            .records
            .len(),
        0
    );

    let dated = mapped(
        &[("SHA1", "hash_sha1"), ("Date", "observed_at")],
        &[("time_format", "%m/%d/%Y %H:%M"), ("delimiter", ";")],
    );
    let read = good(
        &dated,
        "SHA1;Date\nda39a3ee5e6b4b0d3255bfef95601890afd80709;12/22/2022 6:58\nda39a3ee5e6b4b0d3255bfef95601890afd80709;2022-12-22\n",
    );
    assert_eq!(read.values(Field::ObservedAt), ["2022-12-21T21:58:00Z"]);
    assert_eq!(read.reasons(), [RejectReason::BadTime]);
}

#[test]
fn several_columns_may_feed_one_field() {
    let feed = mapped(&[("a_url", "source_url"), ("b_url", "source_url")], &[]);
    let read = good(
        &feed,
        "a_url,b_url\n,http://b.example/\nhttp://a.example/,http://b.example/\n",
    );
    assert_eq!(
        read.values(Field::SourceUrl),
        ["http://b.example/", "http://a.example/"]
    );
}

#[test]
fn rows_that_are_no_event_say_why() {
    let feed = mapped(&[("t", "observed_at"), ("ip", "source_ip")], &[]);
    for (row, reason) in [
        ("2023-01-09,nowhere,x", RejectReason::BadValue),
        ("2023-01-09,,x", RejectReason::NoObservable),
        ("1970-01-01,192.0.2.1,x", RejectReason::BadTime),
        ("2102-01-01,192.0.2.1,x", RejectReason::BadTime),
        ("2023-01-09,192.0.2.1", RejectReason::ColumnCount),
        ("2023-01-09,192.0.2.1,x,y", RejectReason::ColumnCount),
        ("2023-01-09,192.0.2.1,\"x", RejectReason::Syntax),
    ] {
        let text = format!("t,ip,rest\n{row}\n2023-01-09,192.0.2.9,ok\n");
        let read = good(&feed, &text);
        assert_eq!(
            (read.reasons(), read.records.len()),
            (vec![reason], 1),
            "{row}"
        );
    }
    let bytes = b"t,ip,rest\n2023-01-09,192.0.2.1,\xff\n2023-01-09,192.0.2.2,a\0b\n2023-01-09,192.0.2.3,\xe4\xb8\xad\n";
    let read = read(&feed, bytes).expect("it opens");
    read.check_rows(bytes);
    assert_eq!(
        read.reasons(),
        [RejectReason::Encoding, RejectReason::BadValue]
    );
    assert_eq!(read.values(Field::SourceIp), ["192.0.2.3"]);
}

#[test]
fn other_files_and_wrong_entries_are_refused() {
    let feed = mapped(&[("t", "observed_at"), ("ip", "source_ip")], &[]);
    let refused = |text: &str| read(&feed, text.as_bytes()).err().expect("refused");
    assert_eq!(refused(""), Unreadable::Empty);
    assert_eq!(refused(" \n\n"), Unreadable::Empty);
    for text in ["<html>\n", "t,host\n", "# t,ip\n", "t;ip\n1;2\n"] {
        assert!(matches!(refused(text), Unreadable::Header { .. }), "{text}");
    }
    assert!(matches!(
        refused(&format!("t,ip{}\n", ",x".repeat(100_000))),
        Unreadable::Header { .. }
    ));
    assert_eq!(good(&feed, "t,ip\n").records.len(), 0);
    for (columns, options, word) in [
        (&[][..], &[][..], "columns"),
        (&[("a", "comment")], &[], "columns"),
        (&[("ip", "source_ip")], &[("delimiter", "::")], "delimiter"),
        (&[("ip", "source_ip")], &[("header", "maybe")], "header"),
        (
            &[("ip", "source_ip")],
            &[("skip_lines", "few")],
            "skip_lines",
        ),
        (
            &[("ip", "source_ip")],
            &[("unmapped", "perhaps")],
            "unmapped",
        ),
        (&[("ip", "source_ip")], &[("delimeter", ";")], "delimeter"),
    ] {
        let problems = (formats::csv::FORMAT.check)(&mapped(columns, options));
        assert!(
            problems.len() == 1 && problems[0].contains(word),
            "{word}: {problems:?}"
        );
    }
    let mut unclassified = feed.clone();
    unclassified.classification = None;
    assert_eq!((formats::csv::FORMAT.check)(&unclassified).len(), 1);
}
