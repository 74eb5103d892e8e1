//! CNVD's weekly share file.

use formats::Unreadable;
use formats::source::Encoding;
use model::field::Field;
use model::reject::RejectReason;

use crate::harness::{Read, control_totals, data, feed, per_week, read, show, unpack};

fn vulnerability(number: &str, inner: &str) -> String {
    format!(
        "<vulnerability><number>{number}</number><title>示例漏洞 {number}</title><serverity>高</serverity>\
         <openTime>2023-01-09</openTime>{inner}</vulnerability>"
    )
}

fn document(elements: &[&str]) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<vulnerabilitys>{}</vulnerabilitys>",
        elements.concat()
    )
}

fn share(text: impl AsRef<[u8]>) -> Read {
    let read = read(&feed("cnvd", "Asia/Shanghai"), text.as_ref()).expect("a share file");
    read.check_rows(text.as_ref());
    read
}

#[test]
fn an_element_is_a_vulnerability() {
    let full = "<vulnerability><number>CNVD-2023-00001</number><cves><cve><cveNumber>CVE-2022-00001</cveNumber>\
        <cveUrl>https://cve.example/1</cveUrl></cve><cve><cveNumber>CVE 2022 00002</cveNumber></cve>\
        <cve><cveNumber>none yet</cveNumber></cve></cves><title>Example &amp; Server存在漏洞</title><serverity>中</serverity>\
        <products><product>Example Server 1.0 </product><product>Example Server &lt;2</product></products>\
        <isEvent>通用软硬件漏洞</isEvent><submitTime>2022-12-30</submitTime><openTime>2023-01-09</openTime>\
        <referenceLink>https://advisory.example/1</referenceLink><formalWay>补丁：&#xD;\nhttps://patch.example</formalWay>\
        <description>One.<br/>Two <b>bold</b>.</description><discovererName>A</discovererName>\
        <patchName>P</patchName><patchDescription><![CDATA[D <&> </vulnerability>]]></patchDescription>\
        <newElement>n</newElement></vulnerability>";
    let text = document(&[
        full,
        &vulnerability(
            "CNVD-2023-00002",
            "<referenceLink>see the vendor</referenceLink>",
        ),
    ]);
    let read = share(&text);
    assert_eq!(read.rejects, []);
    assert_eq!(read.labels(), ["unknown-element"]);
    assert_eq!(
        read.values(Field::VulnerabilityId),
        ["CNVD-2023-00001", "CNVD-2023-00002"]
    );
    assert_eq!(
        read.values(Field::Vulnerabilities),
        ["CVE-2022-00001;CVE-2022-00002", ""]
    );
    assert_eq!(
        read.values(Field::Description)[0],
        "Example & Server存在漏洞"
    );
    assert_eq!(read.values(Field::Severity), ["medium", "high"]);
    assert_eq!(read.values(Field::ObservedAt), ["2023-01-08T16:00:00Z"; 2]);
    assert_eq!(read.records[0].written_day, Some(19_366));
    assert_eq!(
        read.values(Field::DescriptionUrl),
        ["https://advisory.example/1", ""]
    );
    assert_eq!(read.values(Field::ObjectType), ["", ""]);
    let extra: serde_json::Value =
        serde_json::from_str(&read.records[0].extra_json().expect("extra")).expect("valid JSON");
    let expected = serde_json::json!({
        "products": ["Example Server 1.0", "Example Server <2"],
        "is_event": "通用软硬件漏洞",
        "submit_time": "2022-12-30",
        "discoverer_name": "A",
        "formal_way": "补丁：\nhttps://patch.example",
        "description": "One.Two bold.",
        "patch_name": "P",
        "patch_description": "D <&> </vulnerability>",
        "cve_text": ["none yet"],
        "newElement": "n",
    });
    assert_eq!(extra, expected);
    assert_eq!(
        read.records[1].extra_json().as_deref(),
        Some(r#"{"reference_link":"see the vendor"}"#)
    );
    let raw = &text[read.records[0].offset as usize..][..read.records[0].len as usize];
    assert_eq!(raw, full);
}

#[test]
fn what_such_files_carry_is_survived() {
    let inner =
        "<description>a\u{1}b\u{b}c &amp; R&D & x &nbsp; &unknown; &#1; &#x41;</description>";
    for text in [
        format!(
            "\u{feff}{}",
            document(&[&vulnerability("CNVD-2023-00001", inner)])
        ),
        document(&[&vulnerability("CNVD-2023-00001", inner)]).replace('\n', "\r\n"),
        // A bare element is a document as well: that is how a mended reject comes back.
        vulnerability("CNVD-2023-00001", inner),
        format!(
            "<!DOCTYPE vulnerabilitys SYSTEM \"x.dtd\"><!-- <vulnerability> --><vulnerabilitys a=\"b\">{}</vulnerabilitys>\u{1a}",
            vulnerability("CNVD-2023-00001", inner)
        ),
    ] {
        let read = share(&text);
        assert_eq!(
            (read.records.len(), read.rejects.len()),
            (1, 0),
            "{text}: {:?}",
            read.rejects
        );
        assert!(read.labels().contains(&"control-character"));
        let extra = read.records[0].extra_json().expect("extra");
        assert_eq!(
            extra,
            r#"{"description":"abc & R&D & x &nbsp; &unknown; &#1; A"}"#
        );
    }
    let nul = vulnerability("CNVD-2023-00001", "<patchName>p\0q</patchName>");
    assert_eq!(
        share(&nul).records[0].extra_json().as_deref(),
        Some(r#"{"patch_name":"pq"}"#)
    );
}

#[test]
fn one_broken_element_costs_one_element() {
    let good = |n: u32| vulnerability(&format!("CNVD-2023-{n:05}"), "");
    let cases: [(String, RejectReason); 14] = [
        (
            "<vulnerability><number>CNVD-2023-00002</number><title>cut".into(),
            RejectReason::Syntax,
        ),
        (
            "<vulnerability><number>CNVD-2023-00002<title>t</title></vulnerability>".into(),
            RejectReason::Syntax,
        ),
        (
            "<vulnerability><title>1 < 2</title></vulnerability>".into(),
            RejectReason::Syntax,
        ),
        (
            "<vulnerability><title><![CDATA[open</title></vulnerability>".into(),
            RejectReason::Syntax,
        ),
        (
            "<vulnerability><title><!-- open</title></vulnerability>".into(),
            RejectReason::Syntax,
        ),
        ("<vulnerability/>".into(), RejectReason::MissingField),
        (
            "<vulnerability><title>t</title></vulnerability>".into(),
            RejectReason::MissingField,
        ),
        (good(2).replace("CNVD-", "XNVD-"), RejectReason::BadValue),
        (
            good(2).replace("2023-01-09", ""),
            RejectReason::MissingField,
        ),
        (
            good(2).replace("2023-01-09", "2023-02-30"),
            RejectReason::BadTime,
        ),
        (
            good(2).replace("2023-01-09", "1970-01-01"),
            RejectReason::BadTime,
        ),
        (
            vulnerability("CNVD-2023-00002", &"<x>".repeat(1_000)),
            RejectReason::TooDeep,
        ),
        (
            vulnerability(
                "CNVD-2023-00002",
                &format!("{}{}", "<x>".repeat(1_000), "</x>".repeat(1_000)),
            ),
            RejectReason::TooDeep,
        ),
        ("stray text".into(), RejectReason::Syntax),
    ];
    for (case, reason) in cases {
        let text = document(&[&good(1), &case, &good(3)]);
        let read = share(&text);
        let shown: String = case.chars().take(80).collect();
        let messages: Vec<_> = read.rejects.iter().map(|reject| &reject.message).collect();
        assert_eq!(read.reasons(), [reason], "{shown}: {messages:?}");
        assert_eq!(
            read.values(Field::VulnerabilityId),
            ["CNVD-2023-00001", "CNVD-2023-00003"],
            "{shown}"
        );
    }
}

#[test]
fn encodings_are_one_elements_matter() {
    let mut text = document(&[&vulnerability("CNVD-2023-00001", "")]).into_bytes();
    let end = text.len() - "</vulnerabilitys>".len();
    text.truncate(end);
    text.extend_from_slice(
        b"<vulnerability><number>CNVD-2023-00002</number><title>\xc2\xa9\xd6\xd0</title></vulnerability>",
    );
    text.extend_from_slice(vulnerability("CNVD-2023-00003", "").as_bytes());
    let read_as_is = share(&text);
    assert_eq!(
        read_as_is.values(Field::VulnerabilityId),
        ["CNVD-2023-00001", "CNVD-2023-00003"]
    );
    assert_eq!(
        (read_as_is.reasons(), read_as_is.labels()),
        (vec![RejectReason::Encoding], vec!["truncated"])
    );
    let declared = b"<?xml version=\"1.0\" encoding=\"GB2312\"?><vulnerabilitys><vulnerability>\xd6\xd0\xce\xc4";
    let error = read(&feed("cnvd", "Asia/Shanghai"), declared)
        .err()
        .expect("a wrong encoding");
    assert!(
        error.to_string().contains("encoding = \"gb18030\""),
        "{error}"
    );
}

#[test]
fn gb18030_is_decoded_before_it_is_read() {
    let text = document(&[
        &vulnerability("CNVD-2023-00001", ""),
        &vulnerability("CNVD-2023-00002", ""),
    ]);
    let text = text.replace("UTF-8", "GB2312");
    let (bytes, _, _) = encoding_rs::GB18030.encode(&text);
    let mut bytes = bytes.into_owned();
    let last = bytes
        .windows(4)
        .rposition(|four| four == b"<tit")
        .expect("a title")
        + 8;
    bytes[last] = 0xff;
    let (_, decoded) = unpack(&bytes, "1.xml", Encoding::Gb18030)
        .pop()
        .expect("one text");
    let mut entry = feed("cnvd", "Asia/Shanghai");
    entry.encoding = Some("gb18030".into());
    let read = read(&entry, &decoded).expect("a share file");
    assert_eq!(
        read.values(Field::Description),
        ["示例漏洞 CNVD-2023-00001"]
    );
    assert_eq!(read.reasons(), [RejectReason::Encoding]);
}

#[test]
fn unclosed_sections_are_not_searched_for_ever() {
    for piece in [
        "<vulnerability><![CDATA[",
        "<!--",
        "<vulnerability><!--",
        "<vulnerability",
        "</vulnerability",
    ] {
        let text = format!("<vulnerabilitys>{}", piece.repeat((1 << 20) / piece.len()));
        let read = share(&text);
        assert!(
            read.records.is_empty() && !read.rejects.is_empty(),
            "{piece}"
        );
    }
}

#[test]
fn a_file_that_is_cut_off_keeps_what_it_has() {
    let whole = document(&[
        &vulnerability("CNVD-2023-00001", ""),
        &vulnerability("CNVD-2023-00002", ""),
    ]);
    let start = whole.find("<vulnerability>").expect("an element") + 1;
    for end in (start..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
        let read = share(&whole[..end]);
        assert!(read.labels().contains(&"truncated"), "cut at {end}");
        assert!(read.records.len() + read.rejects.len() >= 1, "cut at {end}");
    }
    assert!(share(&whole).labels().is_empty());
}

#[test]
fn memory_is_bounded_by_the_longest_element() {
    let good = vulnerability("CNVD-2023-00003", "");
    let long = "x".repeat(3 << 20);
    for case in [
        vulnerability(
            "CNVD-2023-00002",
            &format!("<description>{long}</description>"),
        ),
        format!("<vulnerability><title>{long}"),
        format!("<vulnerability {long}"),
        format!("<vulnerability><title><![CDATA[{long}"),
        format!("<vulnerability><title>t</title></vulnerability {long}"),
        format!("<!-- {long}"),
        long.clone(),
    ] {
        let text = document(&[&vulnerability("CNVD-2023-00001", ""), &case, &good]);
        let read = share(&text);
        assert!(!read.rejects.is_empty());
        let first = &read.rejects[0];
        assert_eq!(
            (first.reason, first.raw.len()),
            (RejectReason::TooLong, 65_536),
            "{}",
            &case[..40]
        );
        assert_eq!(
            read.values(Field::VulnerabilityId),
            ["CNVD-2023-00001", "CNVD-2023-00003"],
            "{}",
            &case[..40]
        );
        let raw = &text.as_bytes()[first.offset as usize..][..first.raw_len as usize];
        assert_eq!(&first.raw_hash, blake3::hash(raw).as_bytes());
    }
}

#[test]
fn other_files_and_entity_bombs_are_refused() {
    for text in ["", " \n", "\u{feff}"] {
        assert_eq!(
            read(&feed("cnvd", "UTC"), text.as_bytes()).err(),
            Some(Unreadable::Empty)
        );
    }
    let bomb = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE vulnerabilitys [<!ENTITY a \"lol\"><!ENTITY b \"&a;&a;&a;\">]>{}",
        document(&[&vulnerability(
            "CNVD-2023-00001",
            "<description>&b;</description>"
        )])
    );
    for text in ["<html></html>", "{}", "date,URL", &bomb, "\0"] {
        let error = read(&feed("cnvd", "UTC"), text.as_bytes()).err();
        assert!(
            matches!(error, Some(Unreadable::Header { .. })),
            "{error:?}"
        );
    }
    // Declarations that come later are never read, so they are a reject.
    let late = document(&[
        &vulnerability("CNVD-2023-00001", ""),
        "<!DOCTYPE x [<!ENTITY a \"lol\">]>",
        &vulnerability("CNVD-2023-00002", "<description>&a;</description>"),
    ]);
    let read = share(&late);
    assert_eq!(
        (read.records.len(), read.reasons()),
        (2, vec![RejectReason::Syntax])
    );
    assert_eq!(
        read.records[1].extra_json().as_deref(),
        Some(r#"{"description":"&a;"}"#)
    );
}

#[test]
fn a_date_of_submission_stands_in() {
    let text = vulnerability("CNVD-2023-00001", "<submitTime>2023-01-07</submitTime>")
        .replace("2023-01-09", "-");
    assert_eq!(
        share(&text).values(Field::ObservedAt),
        ["2023-01-06T16:00:00Z"]
    );
    let odd = vulnerability("CNVD-2023-00001", "").replace('高', "超超危");
    let read = share(&odd);
    assert_eq!(
        (read.values(Field::Severity)[0].as_str(), read.labels()),
        ("", vec!["unknown-severity", "truncated"])
    );
}

/// Every share file, the packed ones too, by name.
fn real_files(data: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let folder = data.join("vuln/cnvd");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if name.ends_with(".xml") || name.ends_with(".zst") {
            let delivered = std::fs::read(&path).expect("the file can be read");
            files.extend(unpack(&delivered, &name, Encoding::Utf8));
        }
    }
    files
}

#[test]
fn real_weeks_equal_the_control_totals() {
    let Some(data) = data() else { return };
    let table =
        std::fs::read_to_string(data.join("vuln/cnvd/weeks.tsv")).expect("the table can be read");
    let files = real_files(&data);
    let mut records = Vec::new();
    let mut checked = 0;
    for (name, text) in &files {
        let read = share(text);
        assert_eq!(
            read.rejects.first().map(|reject| &reject.message),
            None,
            "{name}"
        );
        assert_eq!(read.labels(), Vec::<&str>::new(), "{name}");
        let row = table
            .lines()
            .map(|row| row.split('\t').collect::<Vec<_>>())
            .find(|row| row[0] == name);
        let row = row.unwrap_or_else(|| panic!("{name} is not in weeks.tsv"));
        let severity = |name: &str| {
            read.records
                .iter()
                .filter(|r| r.text(Field::Severity) == Some(name))
                .count()
        };
        let days = || read.records.iter().filter_map(|record| record.written_day);
        let date = |day: Option<i32>| model::time::Day(day.expect("a dated file")).to_string();
        let counted = [
            date(days().min()),
            date(days().max()),
            read.records.len().to_string(),
            severity("high").to_string(),
            severity("medium").to_string(),
            severity("low").to_string(),
        ];
        assert_eq!(row[1..7], counted, "{name}");
        records.extend(read.records);
        checked += 1;
    }
    assert_eq!(checked, table.lines().count() - 1);
    let odd = records
        .iter()
        .filter(|record| record.extra().contains("\"cve_text\":"))
        .count();
    assert_eq!(odd, 0, "CVE numbers that were not understood");
    for (column, high) in [("cnvd vulns", false), ("cnvd high", true)] {
        let of_column =
            |record: &&model::record::Record| !high || show(record, Field::Severity) == "high";
        let weeks = per_week(records.iter().filter(of_column));
        let totals = control_totals(&data, column);
        assert_eq!(totals.len(), if high { 8 } else { 8 + 14 });
        for (week, total) in totals {
            assert_eq!(
                weeks.get(&week).copied().unwrap_or(0),
                total,
                "{column} {week}"
            );
        }
    }
}
