//! Lists and notes that people write: Maltrail's trails and analysts' free text.

use std::collections::BTreeSet;

use model::field::Field;
use model::reject::RejectReason;

use crate::exchange::files;
use crate::harness::{data, feed, read, show};

const TRAILS: &str = "# Copyright (c) somebody\n\n# Aliases: OneBot, TwoBot\n\n# Reference: https://ref.example/1\n# Reference: https://ref.example/2\n\na.example.com\n192.0.2.1:8080\nhttp://198.51.100.7\n\n# Reference: https://ref.example/3\n\nb.example/x/ # seen once\n/gate.php\n198.51.100.0/24\n!!\n";

#[test]
fn trails_are_records_with_their_reference() {
    let read = read(&feed("maltrail", "UTC"), TRAILS.as_bytes()).expect("trails");
    read.check_rows(TRAILS.as_bytes());
    assert_eq!(
        read.values(Field::SourceHost),
        ["a.example.com", "", "", "", ""]
    );
    assert_eq!(read.values(Field::SourceIp), ["", "192.0.2.1", "", "", ""]);
    assert_eq!(
        read.values(Field::SourceUrl),
        ["", "", "http://198.51.100.7", "http://b.example/x/", ""]
    );
    assert_eq!(read.values(Field::SourceNetwork)[4], "198.51.100.0/24");
    assert_eq!(read.values(Field::SourcePort)[1], "8080");
    let first = "https://ref.example/1";
    let third = "https://ref.example/3";
    assert_eq!(
        read.values(Field::DescriptionUrl),
        [first, first, first, third, third]
    );
    assert_eq!(read.values(Field::Comment)[3], "seen once");
    assert_eq!(
        read.records[0].extra_json().as_deref(),
        Some(r#"{"references":["https://ref.example/2"],"aliases":["OneBot","TwoBot"]}"#)
    );
    assert!(read.records.iter().all(|record| record.undated));
    assert_eq!(
        read.reasons(),
        [RejectReason::NoObservable, RejectReason::BadValue]
    );
}

#[test]
fn real_trails_are_read() {
    let Some(data) = data() else { return };
    let (mut records, mut paths, mut bad, mut lines) = (0, 0, Vec::new(), 0);
    for path in files(&data.join("feeds/mobile/maltrail"), ".txt") {
        let text = std::fs::read(&path).expect("the file can be read");
        let read = read(&feed("maltrail", "UTC"), &text).expect("trails");
        read.check_rows(&text);
        let content = String::from_utf8_lossy(&text);
        let trails = content
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let (of_path, others): (Vec<&str>, Vec<&str>) =
            trails.partition(|line| line.starts_with('/'));
        assert_eq!(
            read.records.len() + read.rejects.len(),
            of_path.len() + others.len(),
            "{}",
            path.display()
        );
        let no_host = read
            .reasons()
            .iter()
            .filter(|reason| **reason == RejectReason::NoObservable)
            .count();
        assert_eq!(no_host, of_path.len(), "{}", path.display());
        records += read.records.len();
        paths += of_path.len();
        lines += of_path.len() + others.len();
        bad.extend(
            read.rejects
                .into_iter()
                .filter(|r| r.reason != RejectReason::NoObservable)
                .map(|r| r.message),
        );
    }
    eprintln!("maltrail: {records} records of {lines} trails, {paths} paths, others {bad:?}");
    assert!(records > 30_000 && bad.len() < 20);
}

const NOTES: &str = "13.12.2022 | Bot | Version 4.4.46.1\n.url hxxps://login[.]example[.]com/a/index.php?b.zip\n.zip e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 pw = abc\nrundll32.exe sample.dat,Start\nReference: https://blog.example/post\nc2's\n192.0.2.1:443\n192.0.2.1:443\n192.0.2.2:995\nexploits CVE-2022-00001\nmail.example.com\n\u{ff}\n";

#[test]
fn what_notes_name_is_a_record_once() {
    let text: Vec<u8> = NOTES.chars().map(|c| c as u8).collect();
    let read = read(&feed("notes", "UTC"), &text).expect("notes");
    read.check_rows(&text);
    assert_eq!(
        read.values(Field::SourceUrl)[0],
        "https://login.example.com/a/index.php?b.zip"
    );
    assert_eq!(
        read.values(Field::SourceIp),
        ["", "", "192.0.2.1", "192.0.2.2", "", ""]
    );
    assert_eq!(
        read.values(Field::SourcePort),
        ["", "", "443", "995", "", ""]
    );
    assert_eq!(read.values(Field::Vulnerabilities)[4], "CVE-2022-00001");
    assert_eq!(read.values(Field::SourceHost)[5], "mail.example.com");
    assert_eq!(
        read.values(Field::FeedAccuracy),
        ["95", "90", "85", "85", "95", "50"]
    );
    assert_eq!(
        read.values(Field::DescriptionUrl)[1..3],
        ["", "https://blog.example/post"]
    );
    assert_eq!(read.reasons(), [RejectReason::Encoding]);
    let mut sure = feed("notes", "UTC");
    sure.options.insert("least_confidence".into(), "86".into());
    let read = crate::harness::read(&sure, &text).expect("notes");
    assert_eq!(read.records.len(), 3);
    let read = crate::harness::read(&feed("notes", "UTC"), b"nothing here\n").expect("notes");
    assert_eq!((read.records.len(), read.labels()), (0, vec!["no-records"]));
}

#[test]
fn real_notes_give_their_control_servers_and_hashes() {
    let Some(data) = data() else { return };
    let (mut servers, mut hashes, mut urls, mut others) = (0, 0, 0, Vec::new());
    for path in files(&data.join("feeds/malware/qakbot-notes"), "") {
        let text = std::fs::read(&path).expect("the file can be read");
        let read = read(&feed("notes", "UTC"), &text).expect("notes");
        read.check_rows(&text);
        assert_eq!(
            read.rejects.first().map(|reject| &reject.message),
            None,
            "{}",
            path.display()
        );
        // Counted in another way: lines that are an address with a port and nothing else.
        let content = String::from_utf8_lossy(&text);
        let is_server = |line: &&str| {
            line.rsplit_once(':').is_some_and(|(ip, port)| {
                port.parse::<u16>().is_ok()
                    && ip
                        .parse::<std::net::Ipv4Addr>()
                        .is_ok_and(|ip| !ip.is_private())
            })
        };
        let expected: BTreeSet<&str> = content.lines().map(str::trim).filter(is_server).collect();
        let found: BTreeSet<String> = read
            .records
            .iter()
            .filter(|record| record.has(Field::SourceIp) && record.has(Field::SourcePort))
            .map(|record| {
                format!(
                    "{}:{}",
                    show(record, Field::SourceIp),
                    show(record, Field::SourcePort)
                )
            })
            .collect();
        assert!(
            expected.iter().all(|server| found.contains(*server)),
            "{}",
            path.display()
        );
        servers += found.len();
        let words: BTreeSet<String> = content
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit()))
            .map(str::to_lowercase)
            .collect();
        let read_hashes: BTreeSet<String> = read
            .values(Field::Sha256)
            .into_iter()
            .filter(|hash| !hash.is_empty())
            .collect();
        assert_eq!(read_hashes, words, "{}", path.display());
        hashes += words.len();
        urls += read
            .records
            .iter()
            .filter(|record| record.has(Field::SourceUrl))
            .count();
        others.extend(
            read.values(Field::SourceHost)
                .into_iter()
                .filter(|host| !host.is_empty()),
        );
    }
    // Nobody wrote a host alone; files and commands are none.
    assert_eq!(others, Vec::<String>::new());
    eprintln!("notes: {servers} servers, {hashes} hashes, {urls} URLs");
    assert!(servers > 4_000 && hashes > 100);
}
