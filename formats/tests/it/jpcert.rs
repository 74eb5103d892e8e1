//! JPCERT/CC's phishing URL list.

use formats::Unreadable;
use formats::source::Encoding;
use model::field::Field;
use model::reject::RejectReason;

use crate::harness::{control_totals, data, feed, per_week, read, unpack};

const SAMPLE: &str = "date,URL,description\n\
    2023/01/09 08:59:00,http://login.example/,Example Bank\n\
    2023/01/15 23:30:00,\"https://pay.example/a,b\",\"Pay, Inc.\"\n\
    ,https://undated.example/,エックス\n";

#[test]
fn a_row_is_a_page_of_a_brand() {
    let read = read(&feed("jpcert", "Asia/Tokyo"), SAMPLE.as_bytes()).expect("a good list");
    read.check_rows(SAMPLE.as_bytes());
    assert_eq!(read.rejects, []);
    assert_eq!(
        read.values(Field::ObservedAt),
        [
            "2023-01-08T23:59:00Z",
            "2023-01-15T14:30:00Z",
            "2023-01-16T00:00:00Z"
        ]
    );
    assert_eq!(
        read.values(Field::SourceUrl),
        [
            "http://login.example/",
            "https://pay.example/a,b",
            "https://undated.example/"
        ]
    );
    assert_eq!(
        read.values(Field::DescriptionTarget),
        ["Example Bank", "Pay, Inc.", "エックス"]
    );
    assert_eq!(read.values(Field::ClassType), ["phishing"; 3]);
    let days: Vec<_> = read
        .records
        .iter()
        .map(|record| (record.undated, record.written_day))
        .collect();
    assert_eq!(
        days,
        [(false, Some(19_366)), (false, Some(19_372)), (true, None)]
    );
    let lines: Vec<_> = read.records.iter().map(|record| record.line).collect();
    assert_eq!(lines, [2, 3, 4]);
}

#[test]
fn the_entry_may_say_otherwise() {
    let mut feed = feed("jpcert", "Asia/Tokyo");
    feed.classification = Some("test".into());
    let read = read(&feed, SAMPLE.as_bytes()).expect("a good list");
    assert_eq!(read.values(Field::ClassType), ["test"; 3]);
}

#[test]
fn line_ends_order_and_further_columns_do_not_matter() {
    for (text, rows) in [
        (SAMPLE.replace('\n', "\r\n"), 3),
        (SAMPLE.replace('\n', "\r"), 3),
        (format!("\u{feff}{SAMPLE}"), 3),
        (SAMPLE.trim_end().to_owned(), 3),
        (SAMPLE.replace('\n', "\n\n"), 3),
        ("date,URL,description\n".to_owned(), 0),
        (
            "url,date,description,rank\nhttp://a.example/,2023-01-09,B,7\n".to_owned(),
            1,
        ),
    ] {
        let read = read(&feed("jpcert", "Asia/Tokyo"), text.as_bytes()).expect("a good list");
        assert_eq!(
            (read.records.len(), read.rejects.len()),
            (rows, 0),
            "{text:?}"
        );
        read.check_rows(text.as_bytes());
    }
    let text = "url,date,description,rank\nhttp://a.example/,2023-01-09,B,7\n";
    let read = read(&feed("jpcert", "UTC"), text.as_bytes()).expect("a good list");
    assert_eq!(
        read.records[0].extra_json().as_deref(),
        Some(r#"{"rank":"7"}"#)
    );
}

#[test]
fn bad_rows_are_rejects_with_the_reason() {
    let rows: &[(&[u8], RejectReason, &str)] = &[
        (
            b"2023/01/09 08:59:00,http://a.example/",
            RejectReason::ColumnCount,
            "2 columns",
        ),
        (
            b"2023/01/09 08:59:00,http://a.example/,B,C",
            RejectReason::ColumnCount,
            "4 columns",
        ),
        (
            b"2023/13/09 08:59:00,http://a.example/,B",
            RejectReason::BadTime,
            "2023/13/09",
        ),
        (
            b"1970/01/01 09:00:00,http://a.example/,B",
            RejectReason::BadTime,
            "before 1990",
        ),
        (
            b"2123/01/01 09:00:00,http://a.example/,B",
            RejectReason::BadTime,
            "after 2100",
        ),
        (
            b"2023/01/09 08:59:00,,B",
            RejectReason::MissingField,
            "no URL",
        ),
        (
            b"2023/01/09 08:59:00,no url,B",
            RejectReason::BadValue,
            "source_url",
        ),
        (
            b"2023/01/09 08:59:00,http://a.example/\0,B",
            RejectReason::BadValue,
            "NUL",
        ),
        (
            b"2023/01/09 08:59:00,http://a.example/,\x83\x47",
            RejectReason::Encoding,
            "encoding",
        ),
    ];
    let mut text = b"date,URL,description\n".to_vec();
    for (row, _, _) in rows {
        text.extend_from_slice(row);
        text.push(b'\n');
    }
    text.extend_from_slice(b"2099/01/01 09:00:00,http://last.example/,B\n");
    let read = read(&feed("jpcert", "Asia/Tokyo"), &text).expect("a list");
    read.check_rows(&text);
    assert_eq!(read.values(Field::SourceUrl), ["http://last.example/"]);
    assert_eq!(read.rejects.len(), rows.len());
    for (reject, (row, reason, part)) in read.rejects.iter().zip(rows) {
        assert_eq!((reject.reason, reject.raw.as_slice()), (*reason, *row));
        assert!(reject.message.contains(part), "{}", reject.message);
    }
}

#[test]
fn many_columns_cost_no_more_than_a_row() {
    let mut text = String::from("date,URL");
    let mut row = String::from("2023-01-09,http://a.example/");
    for column in 0..100_000 {
        text.push_str(&format!(",c{column}"));
        row.push_str(if column == 7 { ",x" } else { "," });
    }
    text = format!("{text}\n{row}\n{row},\n2023-01-09,http://a.example/\n");
    let read = read(&feed("jpcert", "UTC"), text.as_bytes()).expect("a list");
    read.check_rows(text.as_bytes());
    assert_eq!(read.reasons(), [RejectReason::ColumnCount; 2]);
    assert_eq!(
        read.records[0].extra_json().as_deref(),
        Some(r#"{"c7":"x"}"#)
    );
}

#[test]
fn a_stray_quote_costs_its_own_row() {
    let text = "date,URL,description\n2023-01-09,\"http://a.example/,A\n2023-01-09,http://b.example/,B\n\
        2023-01-09,\"http://c.example/,C\n2023-01-09,http://d.example/,5\" disk\n";
    let read = read(&feed("jpcert", "UTC"), text.as_bytes()).expect("a list");
    read.check_rows(text.as_bytes());
    assert_eq!(
        read.values(Field::SourceUrl),
        ["http://b.example/", "http://d.example/"]
    );
    assert_eq!(read.reasons(), [RejectReason::ColumnCount; 2]);
}

#[test]
fn other_files_are_refused() {
    for text in ["", " \n\n", "\u{feff}"] {
        let error = read(&feed("jpcert", "UTC"), text.as_bytes()).err();
        assert_eq!(error, Some(Unreadable::Empty), "{text:?}");
    }
    for text in [
        "<html>",
        "2023/01/09 08:59:00,http://a.example/,B\n",
        "date,link\n",
        "\0\0",
    ] {
        let error = read(&feed("jpcert", "UTC"), text.as_bytes()).err();
        assert!(
            matches!(error, Some(Unreadable::Header { .. })),
            "{text:?}: {error:?}"
        );
    }
}

#[test]
fn punycode_and_ports_in_urls_are_kept() {
    let text = "date,URL,description\n2023-01-09,http://xn--bcher-kva.example:8080/x y,B\n2023-01-09,http://bücher.example/,B\n";
    let read = read(&feed("jpcert", "UTC"), text.as_bytes()).expect("a good list");
    assert_eq!(
        read.values(Field::SourceUrl),
        [
            "http://xn--bcher-kva.example:8080/x y",
            "http://bücher.example/"
        ]
    );
}

#[test]
fn real_weeks_equal_the_control_totals() {
    let Some(data) = data() else { return };
    let folder = data.join("feeds/phishing/jpcert");
    let (mut records, mut rejects, mut files) = (Vec::new(), Vec::new(), 0);
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        let delivered = std::fs::read(&path).expect("the file can be read");
        let (_, text) = unpack(&delivered, "report", Encoding::Utf8)
            .pop()
            .expect("one text");
        let read = read(&feed("jpcert", "Asia/Tokyo"), &text).expect("a real list");
        read.check_rows(&text);
        let rows = text
            .split(|byte| *byte == b'\n')
            .filter(|row| !row.is_empty())
            .count()
            - 1;
        assert_eq!(
            read.records.len() + read.rejects.len(),
            rows,
            "{}",
            path.display()
        );
        rejects.extend(read.rejects);
        records.extend(read.records);
        files += 1;
    }
    assert_eq!(files, 10);
    // One URL of 2020 has an empty host (`https:///...`).
    assert_eq!(
        rejects
            .iter()
            .map(|reject| reject.reason)
            .collect::<Vec<_>>(),
        [RejectReason::BadValue]
    );
    assert_eq!(records.len(), 138_706 - files - 1);
    let weeks = per_week(&records);
    let totals = control_totals(&data, "jpcert phishing URLs");
    assert_eq!(totals.len(), 8 + 14);
    for (week, total) in totals {
        assert_eq!(weeks.get(&week).copied().unwrap_or(0), total, "{week}");
    }
}
