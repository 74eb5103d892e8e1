//! AssoEchap's stalkerware indicators.

use formats::Unreadable;
use model::field::Field;
use model::reject::RejectReason;

use crate::harness::{data, feed, read};

const SAMPLE: &str = "\
# A list
---
- name: SpyExample
  names:
  - SpyExample
  - OtherName
  type: stalkerware
  packages:
  - com.example.spy   # a comment
  certificates:
  - 31A6ECECD97CF39BC4126B8745CD94A7C30BF81C
  websites:
  - WWW.spy.example
  distribution: [get.spy.example, 'https://dl.spy.example/app.apk']
  c2:
    ips:
    - 192.0.2.9
    domains:
    - c2.spy.example
  certificate_organizations:
  - Spy Ltd

- name: Second
  c2:
    ip:
    - 198.51.100.3
";

#[test]
fn every_indicator_is_a_record() {
    let read = read(&feed("stalkerware", "UTC"), SAMPLE.as_bytes()).expect("a list");
    read.check_rows(SAMPLE.as_bytes());
    assert_eq!(read.rejects, []);
    assert_eq!(read.labels(), Vec::<&str>::new());
    assert_eq!(read.records.len(), 8);
    assert_eq!(read.values(Field::AppPackage)[0], "com.example.spy");
    assert_eq!(
        read.values(Field::Certificate)[1],
        "31a6ececd97cf39bc4126b8745cd94a7c30bf81c"
    );
    assert_eq!(
        read.values(Field::SourceHost)[2..],
        [
            "www.spy.example",
            "get.spy.example",
            "",
            "c2.spy.example",
            "",
            ""
        ]
    );
    assert_eq!(
        read.values(Field::SourceUrl)[4],
        "https://dl.spy.example/app.apk"
    );
    assert_eq!(
        read.values(Field::SourceIp)[6..],
        ["192.0.2.9", "198.51.100.3"]
    );
    let classes = [
        "malware",
        "malware",
        "malware",
        "malware-distribution",
        "malware-distribution",
        "c2-server",
        "c2-server",
        "c2-server",
    ];
    assert_eq!(read.values(Field::ClassType), classes);
    assert_eq!(
        read.values(Field::MalwareName)[6..],
        ["spyexample", "second"]
    );
    assert_eq!(
        read.values(Field::ClassIdentifier)[6..],
        ["stalkerware", ""]
    );
    let extra = r#"{"role":"package","names":["SpyExample","OtherName"],"certificate_organizations":["Spy Ltd"]}"#;
    assert_eq!(read.records[0].extra_json().as_deref(), Some(extra));
    assert!(
        read.records
            .iter()
            .all(|record| record.undated && record.written_day.is_none())
    );
    let raw = |index: usize| {
        let record = &read.records[index];
        (
            record.line,
            &SAMPLE[record.offset as usize..][..record.len as usize],
        )
    };
    assert_eq!(raw(0), (9, "  - com.example.spy   # a comment"));
    assert_eq!(raw(7), (26, "    - 198.51.100.3"));
}

#[test]
fn one_broken_application_costs_one_application() {
    let bomb = format!(
        "- name: Bomb\n  names: &a [{}]\n  x: &b [{}]\n  y: &c [{}]\n  z: &d [{}]\n  packages:\n  - com.example.bomb\n",
        "lol, ".repeat(50),
        "*a, ".repeat(50),
        "*b, ".repeat(50),
        "*c, ".repeat(50),
    );
    let deep = format!(
        "- name: Deep\n  other: {}{}\n  packages: [com.example.deep]\n",
        "[".repeat(3000),
        "]".repeat(3000)
    );
    let cases: [(&str, RejectReason); 9] = [
        (
            "- name: Open\n  packages: [com.example.a\n",
            RejectReason::Syntax,
        ),
        (
            "- name: Twice\n  name: Twice\n  packages: [com.example.a]\n",
            RejectReason::Syntax,
        ),
        ("- packages: [com.example.a]\n", RejectReason::MissingField),
        ("- name: Nothing\n", RejectReason::NoObservable),
        ("- name: Type\n  packages: {a: b}\n", RejectReason::Syntax),
        (
            "- name: Alias\n  packages: [*elsewhere]\n",
            RejectReason::Syntax,
        ),
        (
            "- name: Server\n  c2: {phones: [x]}\n",
            RejectReason::Syntax,
        ),
        (&bomb, RejectReason::TooDeep),
        (&deep, RejectReason::TooDeep),
    ];
    for (case, reason) in cases {
        let text = format!("{SAMPLE}{case}- name: Last\n  packages: [com.example.last]\n");
        let read = read(&feed("stalkerware", "UTC"), text.as_bytes()).expect("a list");
        read.check_rows(text.as_bytes());
        let shown: String = case.chars().take(80).collect();
        assert_eq!(
            read.reasons(),
            [reason],
            "{shown}: {}",
            read.rejects[0].message
        );
        assert_eq!(read.records.len(), 9, "{shown}");
        assert_eq!(read.values(Field::AppPackage)[8], "com.example.last");
    }
}

#[test]
fn bad_indicators_are_rejects_of_their_line() {
    let text = "- name: Odd\r\n  packages:\r\n  - com.example.odd\r\n  - \r\n  - ''\r\n  certificates:\r\n  - xyz\r\n  websites:\r\n  - a b\r\n  - ok.example:8080\r\n";
    let read = read(&feed("stalkerware", "UTC"), text.as_bytes()).expect("a list");
    read.check_rows(text.as_bytes());
    use RejectReason::*;
    assert_eq!(read.reasons(), [MissingField, BadValue, BadValue]);
    assert_eq!(read.rejects[1].raw, b"  - xyz");
    assert_eq!(read.values(Field::SourcePort), ["", "8080"]);
}

#[test]
fn bytes_that_do_not_belong() {
    let mut text = SAMPLE.as_bytes().to_vec();
    text.extend_from_slice(
        b"- name: \xff\n  packages: [com.example.a]\n- name: Nul\n  packages: ['com.exam\0ple']\n",
    );
    let read_as_is = read(&feed("stalkerware", "UTC"), &text).expect("a list");
    assert_eq!(read_as_is.records.len(), 8);
    assert_eq!(
        read_as_is.reasons(),
        [RejectReason::Encoding, RejectReason::Syntax]
    );
    let mut long = SAMPLE.as_bytes().to_vec();
    long.extend_from_slice(b"- name: Long\n  packages:\n");
    for n in 0..100_000 {
        long.extend_from_slice(format!("  - com.example.app{n}\n").as_bytes());
    }
    long.extend_from_slice(b"- name: Last\n  packages: [com.example.last]\n");
    let read = read(&feed("stalkerware", "UTC"), &long).expect("a list");
    read.check_rows(&long);
    assert_eq!(
        (read.records.len(), read.reasons()),
        (9, vec![RejectReason::TooLong])
    );
}

#[test]
fn other_files_are_refused() {
    for text in ["", "\u{feff}", "  \n"] {
        assert_eq!(
            read(&feed("stalkerware", "UTC"), text.as_bytes()).err(),
            Some(Unreadable::Empty)
        );
    }
    for text in [
        "# nothing\n",
        "name: x\n",
        "[{name: x}]\n",
        "\0",
        "-1\n",
        "---\n",
    ] {
        let error = read(&feed("stalkerware", "UTC"), text.as_bytes()).err();
        assert!(
            matches!(error, Some(Unreadable::Header { .. })),
            "{text:?}: {error:?}"
        );
    }
}

/// Numbers counted with another YAML reader (PyYAML) from the same files.
#[test]
fn real_lists_are_read_whole() {
    let Some(data) = data() else { return };
    let folder = data.join("feeds/mobile/stalkerware");
    for (file, packages, certificates, hosts_and_ips) in [
        ("history/ioc_2023-01-02.yaml", 565, 418, REAL[0]),
        ("history/ioc_2023-01-16.yaml", 568, 421, REAL[1]),
        ("ioc.yaml", 616, 472, REAL[2]),
        ("watchware.yaml", 36, 14, REAL[3]),
    ] {
        let text = std::fs::read(folder.join(file)).expect("the file can be read");
        let read = read(&feed("stalkerware", "UTC"), &text).expect("a real list");
        read.check_rows(&text);
        let count = |field| {
            read.records
                .iter()
                .filter(|record| record.has(field))
                .count()
        };
        assert_eq!(
            (count(Field::AppPackage), count(Field::Certificate)),
            (packages, certificates),
            "{file}"
        );
        let places = count(Field::SourceHost) + count(Field::SourceIp) + count(Field::SourceUrl);
        assert_eq!(places, hosts_and_ips, "{file}");
        assert_eq!(read.rejects, [], "{file}");
    }
}

/// websites + distribution + c2 domains + c2 ips of the four files.
const REAL: [usize; 4] = [
    520 + 19 + 898 + 67,
    551 + 22 + 901 + 67,
    624 + 44 + 925 + 68,
    46 + 1 + 67 + 1,
];
