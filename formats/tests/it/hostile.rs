//! Bytes that nobody meant: arbitrary ones, and good reports with bytes changed. Nothing panics, and
//! every record and reject is found in the text again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use model::feed::Feed;
use proptest::prelude::*;

use crate::harness::{feed, read};

/// One small good report of each format of these files, with an entry that reads it.
fn samples() -> Vec<(Feed, &'static str)> {
    let json = |records: &str| {
        let mut json = feed("json", "Asia/Tokyo");
        json.columns = [
            ("ip", "source_ip"),
            ("t", "observed_at"),
            ("m.n", "malware_name"),
            ("l", "tags"),
        ]
        .map(|(from, to)| (from.to_owned(), to.to_owned()))
        .into();
        if !records.is_empty() {
            json.options.insert("records".into(), records.into());
        }
        json
    };
    vec![
        (
            feed("jpcert", "Asia/Tokyo"),
            "date,URL,description\n2023/01/09 08:59:00,http://a.example/,B\n,\"http://b.example/\"\"x\",\"C, D\"\r\n",
        ),
        (
            feed("tweetfeed", "UTC"),
            "2023-01-09 00:02:28,a,url,http://a.example/x,#phishing #Scam,https://b.example/1\n2023-01-09 00:03:00,b,ip,[2001:db8::1]:80,#c2,\n",
        ),
        (
            json(""),
            "{\"ip\": \"192.0.2.1\", \"t\": 1673251200, \"m\": {\"n\": \"\\u00e9\", \"k\": [1.5e3]}}\n{\"ip\": \"fe80::1%x\", \"l\": [\"a\", null]}\n",
        ),
        (
            json("d.*"),
            "{\"d\": {\"k\": [{\"ip\": \"192.0.2.1\", \"x\": {\"b\": \"\\\\\", \"a\": []}}, {\"ip\": \"\"}], \"e\": [[]]}}",
        ),
        (
            feed("kev", "UTC"),
            "{\"vulnerabilities\": [{\"cveID\": \"CVE-2022-00001\", \"dateAdded\": \"2023-01-10\", \"cwes\": [\"CWE-59\"]}, {}]}",
        ),
        (
            feed("cnvd", "Asia/Shanghai"),
            "<?xml version=\"1.0\"?>\n<vulnerabilitys><vulnerability><number>CNVD-2023-00001</number><cves><cve><cveNumber>CVE-2022-00001</cveNumber></cve></cves><title>a &amp; b</title><serverity>高</serverity><openTime>2023-01-09</openTime><description><![CDATA[x]]><!-- c --></description></vulnerability><vulnerability/></vulnerabilitys>",
        ),
        (
            feed("stalkerware", "UTC"),
            "- name: A\n  names: [b, &x c]\n  packages:\n  - com.example.a\n  - *x\n  c2:\n    ips: [192.0.2.1]\n\n- name: B\n  websites:\n  - b.example\n",
        ),
    ]
}

fn survives(feed: &Feed, text: &[u8]) {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        if let Ok(read) = read(feed, text) {
            read.check_rows(text);
        }
    }));
    assert!(
        outcome.is_ok(),
        "format {} on {:?}",
        feed.format,
        String::from_utf8_lossy(text)
    );
}

#[test]
fn the_samples_are_good() {
    for (feed, text) in samples() {
        let read = read(&feed, text.as_bytes()).expect("a good report");
        read.check_rows(text.as_bytes());
        assert!(
            !read.records.is_empty(),
            "{}: {:?}",
            feed.format,
            read.rejects
        );
    }
}

#[test]
fn every_prefix_is_survived() {
    for (feed, text) in samples() {
        for end in 0..text.len() {
            survives(&feed, &text.as_bytes()[..end]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn arbitrary_bytes(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        for (feed, sample) in samples() {
            survives(&feed, &text);
            survives(&feed, &[sample.as_bytes(), &text].concat());
        }
    }

    #[test]
    fn mutated_reports(
        which in 0usize..7,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..4, proptest::collection::vec(
            prop_oneof![any::<u8>(), proptest::sample::select(b"<>&;\"'\\[]{}:,-\r\n\0 #*!/".to_vec())], 0..6)), 1..8),
    ) {
        let (feed, text) = samples().swap_remove(which);
        let mut text = text.as_bytes().to_vec();
        for (at, remove, insert) in edits {
            let at = at.index(text.len() + 1);
            let end = (at + remove).min(text.len());
            text.splice(at..end, insert);
        }
        survives(&feed, &text);
    }
}
