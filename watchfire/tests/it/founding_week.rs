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

fn tally(bench: &Bench, issue: &str, by: &str) -> BTreeMap<(String, String), i64> {
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
