//! Bytes that nobody meant: arbitrary ones, and good reports with bytes changed. Nothing panics, and
//! every record and reject is found in the text again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use model::feed::Feed;
use proptest::prelude::*;

use crate::harness::{feed, read};

/// One small good report of each format of these files, with an entry that reads it.
fn samples() -> Vec<(Feed, &'static str)> {
    let newer = vec![
        (
            feed("misp", "UTC"),
            "{\"Event\": {\"Attribute\": [{\"type\": \"url\", \"to_ids\": true, \"value\": \"http://a.example/\", \"timestamp\": \"1673251200\", \"Tag\": [{\"name\": \"rsit:fraud=\\\"phishing\\\"\"}]}], \"Object\": [{\"Attribute\": [{\"type\": \"ip-dst|port\", \"to_ids\": \"1\", \"value\": \"192.0.2.1|80\"}]}], \"date\": \"2023-01-09\"}}",
        ),
        (
            feed("stix", "UTC"),
            "{\"objects\": [{\"type\": \"indicator\", \"id\": \"i\", \"pattern\": \"[url:value = 'http://a.example/' OR (file:hashes.'MD5' = 'd41d8cd98f00b204e9800998ecf8427e' AND a:b NOT IN (1, 'x'))] WITHIN 5 SECONDS\", \"valid_from\": \"2023-01-09T00:00:00Z\"}, {\"type\": \"observed-data\", \"first_observed\": \"2023-01-09T00:00:00Z\", \"objects\": {\"0\": {\"type\": \"ipv4-addr\", \"value\": \"192.0.2.1\"}}}]}",
        ),
        (
            feed("xarf", "UTC"),
            "[{\"xarf_version\": \"4.2.0\", \"timestamp\": \"2023-01-09T15:15:24Z\", \"source_identifier\": \"192.0.2.1\", \"type\": \"spam\", \"tags\": [\"a\"]}, {\"Version\": \"3\", \"Report\": {\"ReportType\": \"DOS\", \"Date\": \"2023-01-09\", \"Source\": {\"IP\": \"2001:db8::1\"}}}]",
        ),
        (
            feed("iodef", "UTC"),
            "<IODEF-Document><Incident restriction=\"green\"><IncidentID name=\"x\">1</IncidentID><ReportTime>2023-01-09T05:54:02-05:00</ReportTime><EventData><Flow><System category=\"source\"><Node><Address category=\"ipv4-addr\">192.0.2.1</Address></Node></System></Flow></EventData><IndicatorData><Indicator><Observable><DomainData><Name>a&#46;example</Name></DomainData></Observable></Indicator></IndicatorData></Incident></IODEF-Document>",
        ),
        (
            feed("cve", "UTC"),
            "{\"cveMetadata\": {\"cveId\": \"CVE-2023-00001\", \"datePublished\": \"2023-01-09T01:02:03Z\"}, \"containers\": {\"cna\": {\"metrics\": [{\"cvssV3_1\": {\"version\": \"3.1\", \"baseScore\": 5}}]}}}",
        ),
        (
            feed("nvd", "UTC"),
            "{\"totalResults\": 1, \"vulnerabilities\": [{\"cve\": {\"id\": \"CVE-2023-00001\", \"published\": \"1989-01-09T05:15:11.730\", \"configurations\": [{\"nodes\": [{\"cpeMatch\": [{\"vulnerable\": true, \"criteria\": \"cpe:2.3:a:b:c\"}]}]}]}}]}",
        ),
        (
            feed("epss", "UTC"),
            "#model_version:v1,score_date:2023-03-07T00:00:00+0000\ncve,epss,percentile\nCVE-2023-00001,0.00042,0.05\r\nCVE-2023-00002,1,1e-1",
        ),
        (
            feed("csaf", "UTC"),
            "{\"vulnerabilities\": [{\"cve\": \"CVE-2023-00001\"}, {\"ids\": [{\"text\": \"x\"}]}], \"document\": {\"tracking\": {\"initial_release_date\": \"2023-01-09T00:00:00Z\"}}, \"product_tree\": {\"branches\": [{\"category\": \"vendor\", \"name\": \"x\"}]}}",
        ),
        (
            feed("maltrail", "UTC"),
            "# Reference: https://ref.example/1\na.example\n192.0.2.1:80 # x\r\n/p\nb.example/x/\n",
        ),
        (
            feed("notes", "UTC"),
            "Source: http://r.example/\nhxxps://a[.]example/x, 192.0.2.1:80 (CVE-2023-00001) v1.2.3.4\r\nuser[at]b[.]example d41d8cd98f00b204e9800998ecf8427e",
        ),
    ];
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
    let older = vec![
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
    ];
    [older, newer].concat()
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

/// Documents that are deep, wide, or full of zeros cost a reject, never the reader.
#[test]
fn bombs_are_survived() {
    for (feed, text) in samples() {
        let deep = "[".repeat(100_000);
        let wide: String = (0..100_000).map(|n| format!("\"k{n}\": {n},")).collect();
        for (what, with) in [
            ("{", format!("{{\"x\": {deep},")),
            ("{", format!("{{{wide}")),
            ("[", deep.clone()),
            (">", format!(">{}", "<x>".repeat(100_000))),
            (
                ">",
                format!("><!DOCTYPE x [<!ENTITY a \"{}\">]>", "&b;".repeat(1_000)),
            ),
            (":", format!(":{}", "\0".repeat(1_000))),
            (" ", "((((".repeat(50_000)),
            (" ", " [dot]".repeat(50_000)),
            ("\n", "[.)]},;".repeat(50_000)),
        ] {
            survives(&feed, text.replacen(what, &with, 1).as_bytes());
            survives(
                &feed,
                text.replace(what, &with[..with.len().min(50)]).as_bytes(),
            );
        }
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
        which in 0usize..17,
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
