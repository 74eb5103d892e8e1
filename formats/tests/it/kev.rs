//! CISA's catalogue of known exploited vulnerabilities.

use formats::Unreadable;
use model::field::Field;
use model::reject::RejectReason;

use crate::harness::{control_totals, data, feed, per_week, read};

const SAMPLE: &str = r#"{
  "title": "A catalogue", "catalogVersion": "2023.01.10", "count": 2,
  "vulnerabilities": [
    {"cveID": "CVE-2022-00001", "vendorProject": "Example", "product": "Server", "vulnerabilityName": "Hole",
     "dateAdded": "2023-01-10", "shortDescription": "A \"hole\" \u2019", "requiredAction": "Patch",
     "dueDate": "2023-01-31", "knownRansomwareCampaignUse": "Known", "notes": "", "cwes": ["CWE-59", "CWE-79"],
     "newMember": 7},
    {"dateAdded": "2023-01-11", "cveID": "cve-2022-00002"}
  ]
}"#;

#[test]
fn an_entry_is_a_vulnerability() {
    let read = read(&feed("kev", "UTC"), SAMPLE.as_bytes()).expect("a catalogue");
    read.check_rows(SAMPLE.as_bytes());
    assert_eq!(read.rejects, []);
    assert_eq!(
        read.values(Field::VulnerabilityId),
        ["CVE-2022-00001", "CVE-2022-00002"]
    );
    assert_eq!(
        read.values(Field::Vulnerabilities),
        ["CVE-2022-00001", "CVE-2022-00002"]
    );
    assert_eq!(
        read.values(Field::ObservedAt),
        ["2023-01-10T00:00:00Z", "2023-01-11T00:00:00Z"]
    );
    assert_eq!(read.values(Field::ProductVendor), ["Example", ""]);
    assert_eq!(read.values(Field::ProductName), ["Server", ""]);
    assert_eq!(read.values(Field::Description), ["Hole", ""]);
    let extra = r#"{"cwes":["CWE-59","CWE-79"],"due_date":"2023-01-31","known_ransomware_campaign_use":"Known","newMember":7,"required_action":"Patch","short_description":"A \"hole\" ’"}"#;
    assert_eq!(read.records[0].extra_json().as_deref(), Some(extra));
    assert_eq!(read.records[0].line, 4);
}

#[test]
fn entries_without_what_they_need_are_rejects() {
    let text = r#"{"vulnerabilities": [{"dateAdded": "2023-01-10"}, {"cveID": "CVE-2023-0001"},
        {"cveID": "CVE-2023-0001", "dateAdded": "soon"}, {"cveID": "7", "dateAdded": "2023-01-10"}, 5,
        {"cveID": "CVE-2023-0001", "dateAdded": "1970-01-01"}, {"cveID": "CVE-2023-0002", "dateAdded": "2023-01-10"}"#;
    let read = read(&feed("kev", "UTC"), text.as_bytes()).expect("a catalogue");
    read.check_rows(text.as_bytes());
    use RejectReason::*;
    assert_eq!(
        read.reasons(),
        [
            MissingField,
            MissingField,
            BadTime,
            BadValue,
            Syntax,
            BadTime
        ]
    );
    assert_eq!((read.records.len(), read.labels()), (1, vec!["truncated"]));
}

#[test]
fn other_files_are_refused() {
    assert_eq!(
        read(&feed("kev", "UTC"), b"\xef\xbb\xbf ").err(),
        Some(Unreadable::Empty)
    );
    for text in [
        "[]",
        "cveID,dateAdded\n",
        "{}",
        "{\"vulnerability\": []}",
        "{\"vulnerabilities\" []}",
        "\0",
    ] {
        let error = read(&feed("kev", "UTC"), text.as_bytes()).err();
        assert!(
            matches!(error, Some(Unreadable::Header { .. })),
            "{text:?}: {error:?}"
        );
    }
}

#[test]
fn real_weeks_equal_the_control_totals() {
    let Some(data) = data() else { return };
    let text = std::fs::read(data.join("vuln/kev/known_exploited_vulnerabilities.json"))
        .expect("the file can be read");
    let read = read(&feed("kev", "UTC"), &text).expect("a real catalogue");
    read.check_rows(&text);
    assert_eq!(
        (read.records.len(), read.rejects.len(), read.warnings.len()),
        (1404, 0, 0)
    );
    let weeks = per_week(&read.records);
    let totals = control_totals(&data, "kev added");
    assert_eq!(totals.len(), 8 + 7);
    for (week, total) in totals {
        assert_eq!(weeks.get(&week).copied().unwrap_or(0), total, "{week}");
    }
}
