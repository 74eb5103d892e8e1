//! The committed example on real feeds: one command takes them in, and the control totals agree with
//! those that were counted from the files by other means.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::run::{Bench, data, tree};

/// Issue, then by written date and before deduplication: JPCERT, TweetFeed url, domain, ip and
/// #phishing, CNVD, CNVD high, KEV.
const TOTALS: [(&str, [i64; 8]); 8] = [
    ("2022-50", [950, 4112, 909, 733, 3787, 312, 142, 1]),
    ("2022-51", [798, 4043, 589, 851, 3572, 372, 195, 6]),
    ("2022-52", [829, 3863, 494, 863, 3426, 83, 37, 0]),
    ("2023-1", [506, 3685, 547, 740, 3270, 79, 31, 2]),
    ("2023-2", [249, 3461, 300, 609, 2970, 58, 15, 0]),
    ("2023-3", [478, 3379, 356, 628, 2719, 72, 48, 2]),
    ("2023-4", [697, 3969, 355, 739, 3269, 105, 76, 1]),
    ("2023-5", [396, 3856, 293, 627, 3057, 26, 4, 2]),
];

pub fn tally(bench: &Bench, issue: &str, by: &str) -> BTreeMap<(String, String), i64> {
    let done = bench
        .run(&["feeds", "tally", issue, "--by", by, "--json"])
        .exits(0);
    let rows = done.json()["tallies"].as_array().expect("a list").clone();
    rows.iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap_or("").to_owned();
            (
                (text("feed"), text(by)),
                row["records"].as_i64().expect("a count"),
            )
        })
        .collect()
}

#[test]
fn one_command_takes_the_feeds_in_and_the_control_totals_agree() {
    let Some(data) = data() else { return };
    let configuration =
        std::fs::read_to_string(tree().join("examples/founding-week/watchfire.toml"))
            .expect("the example is there");
    let bench = Bench::with(&configuration).set("WATCHFIRE_DATA", &data.to_string_lossy());
    bench.run(&["config", "check"]).exits(0);
    bench.run(&["feeds", "check"]).exits(0);
    let first = bench.run(&["ingest", "--json"]).exits(0).json();
    let feeds = first["summary"]["feeds"].as_array().expect("a list");
    assert_eq!(feeds.len(), 8, "{feeds:?}");
    for feed in feeds {
        // Files that are empty: days that the collector missed, families without an address.
        let empty = ["tweetfeed", "c2-tracker"]
            .iter()
            .any(|name| feed["feed"] == *name);
        assert_eq!(feed["unreadable"], if empty { 3 } else { 0 }, "{feed}");
        assert!(feed["events"].as_i64() > Some(0), "{feed}");
    }

    for (issue, [jpcert, url, domain, ip, phishing, cnvd, high, kev]) in TOTALS {
        let observables = tally(&bench, issue, "observable");
        let tags = tally(&bench, issue, "tag");
        let of = |map: &BTreeMap<(String, String), i64>, feed: &str, what: &str| {
            map.get(&(feed.to_owned(), what.to_owned()))
                .copied()
                .unwrap_or(0)
        };
        let found = [
            of(&observables, "jpcert", "url"),
            of(&observables, "tweetfeed", "url"),
            of(&observables, "tweetfeed", "domain"),
            of(&observables, "tweetfeed", "ip"),
            of(&tags, "tweetfeed", "phishing"),
            of(&observables, "cnvd", "vulnerability"),
            of(&tags, "cnvd", "high"),
            of(&observables, "kev", "vulnerability"),
        ];
        assert_eq!(
            found,
            [jpcert, url, domain, ip, phishing, cnvd, high, kev],
            "issue {issue}"
        );
    }

    the_issue_says_what_its_description_promises(&bench);

    // The same bytes again change nothing.
    let before = bench.run(&["status", "--json"]).exits(0).json();
    let second = bench.run(&["ingest", "--json"]).exits(0).json();
    for feed in second["summary"]["feeds"].as_array().expect("a list") {
        assert_eq!(
            (&feed["events"], &feed["rows"]),
            (&Value::from(0), &Value::from(0)),
            "{feed}"
        );
        let read = feed["reports"]
            .as_u64()
            .zip(feed["unreadable"].as_u64())
            .map(|(all, empty)| all - empty);
        assert_eq!(feed["known"].as_u64(), read, "{feed}");
    }
    let after = bench.run(&["status", "--json"]).exits(0).json();
    for key in ["snapshot", "events", "parts", "reports", "rejects_open"] {
        assert_eq!(before[key], after[key], "{key}");
    }
}

/// The figures of issue 2023-3 as `docs/statistics.md` describes them, and the day that is missing.
fn the_issue_says_what_its_description_promises(bench: &Bench) {
    for issue in ["2022-51", "2022-52", "2023-1", "2023-2", "2023-3"] {
        bench.run(&["bulletin", "draft", issue]).exits(0);
    }
    let week = bench.run(&["week", "2023-3", "--json"]).exits(0).json();
    let values = week["values"].as_array().expect("a list");
    let value = |key: &str| {
        values
            .iter()
            .find(|value| value["key"] == key)
            .unwrap_or_else(|| panic!("{key} is not there"))
    };
    for (key, this, last) in [
        ("H1", 960, 811),
        ("H2", 36, 16),
        ("H6", 36, 16),
        ("W5", 0, 0),
        ("W5/elsewhere", 468, 244),
        ("V1", 72, 58),
        ("V2", 48, 15),
        ("V3", 24, 38),
        ("V4", 0, 5),
        ("L1", 1423, 1640),
        ("L2", 52417, 54182),
        ("L3", 1050, 1078),
    ] {
        assert_eq!(value(key)["value"]["exact"]["count"], this, "{key}");
        assert_eq!(
            value(key)["previous"]["exact"]["count"],
            last,
            "{key} last week"
        );
    }
    assert_eq!(value("V1")["change"]["percent"].as_f64(), Some(24.1));
    assert_eq!(value("V2")["change"]["percent"].as_f64(), Some(220.0));
    // TweetFeed lacks a day and hosting sites have no other source: no fall may be printed for it.
    for key in ["H1", "H2", "H6"] {
        assert_eq!(value(key)["change"]["judgement"], "not_comparable", "{key}");
    }
    let coverage = week["coverage"].as_array().expect("a list");
    let tweetfeed = coverage
        .iter()
        .find(|feed| feed["feed"] == "tweetfeed")
        .expect("it is covered");
    assert_eq!(
        (&tweetfeed["expected_days"], &tweetfeed["seen_days"]),
        (&Value::from(7), &Value::from(6))
    );
    assert_eq!(tweetfeed["missing"], serde_json::json!(["2023-01-11"]));
    // Not available is never 0.
    for key in [
        "M1", "M2", "M3", "M4", "M5", "W1", "W2", "W3", "W4", "W7", "W8", "W9", "V6", "L4",
    ] {
        assert!(
            value(key)["value"].is_null() && value(key)["missing"].is_object(),
            "{key}: {}",
            value(key)
        );
    }
    let rating = bench.run(&["rating", "2023-3"]).exits(0);
    rating.prints("rating: not assessed: only 4 comparable earlier weeks, 8 are needed");

    let done = bench
        .run(&["bulletin", "render", "2023-3", "--format", "html,json,csv"])
        .exits(0);
    let page = std::fs::read_to_string(bench.path().join("drafts/2023-3.zh.html"))
        .expect("it is rendered");
    assert!(
        done.stdout.lines().count() >= 5 && page.contains("1月11日"),
        "the note names the missing day"
    );
    // The same records give the same revision.
    bench
        .run(&["bulletin", "draft", "2023-3"])
        .exits(0)
        .prints("unchanged");
    bench
        .run(&["bulletin", "render", "2023-9"])
        .exits(1)
        .says("is not frozen yet")
        .says("remedy: watchfire bulletin draft 2023-9");
}
