//! Drift seen from outside: a mutated feed is flagged by name, and a schema update shows what it moves.

use serde_json::Value;

use crate::run::Bench;

const HEAD: &str = r#"
[workspace]
name = "drift"
zone = "UTC"

[series]
id = "drift"
title_zh = "变化"
title_en = "Drift"
organization_zh = "示例"
organization_en = "Example"
scheme = "sunday-ordinal"
"#;

/// Feeds of one shape; the last report of each but the first is mutated in its own way.
const FEEDS: [&str; 6] = ["steady", "renamed", "broken", "tenfold", "words", "halved"];

fn configuration() -> String {
    let feeds = FEEDS.map(|name| {
        format!(
            r#"
[[feed]]
name = "{name}"
provider = "Example"
format = "csv"
paths = ["in/{name}/*.csv"]
zone = "UTC"
snapshot = "%Y-%m-%d"
licence = "none"
[feed.columns]
time = "observed_at"
address = "source_ip"
class = "class_type"
family = "malware_name"
"#
        )
    });
    HEAD.to_owned() + &feeds.concat()
}

fn report(header: &str, day: u32, rows: u32, class: &str) -> String {
    let mut text = format!("{header}\n");
    for n in 0..rows {
        let (minute, second) = (n / 60 % 60, n % 60);
        text.push_str(&format!(
            "2023-01-{day:02} 0{}:{minute:02}:{second:02},198.51.100.{},{class},mirai,seen\n",
            n / 3600,
            n % 250
        ));
    }
    text
}

const HEADER: &str = "time,address,class,family,note";

#[test]
fn a_mutated_feed_is_flagged_by_name_and_a_steady_one_is_not() {
    let bench = Bench::with(&configuration());
    for day in 1..=15 {
        for name in FEEDS {
            let rows = 300 + day * 7 % 20;
            bench.write(
                &format!("in/{name}/2023-01-{day:02}.csv"),
                report(HEADER, day, rows, "infected-system"),
            );
        }
    }
    bench.write(
        "in/steady/2023-01-16.csv",
        report(HEADER, 16, 310, "infected-system"),
    );
    bench.write(
        "in/renamed/2023-01-16.csv",
        report(
            "time,address,class,family,remark",
            16,
            310,
            "infected-system",
        ),
    );
    bench.write(
        "in/broken/2023-01-16.csv",
        report(
            "time,ip_address,class,family,note",
            16,
            310,
            "infected-system",
        ),
    );
    bench.write(
        "in/tenfold/2023-01-16.csv",
        report(HEADER, 16, 3_100, "infected-system"),
    );
    bench.write(
        "in/words/2023-01-16.csv",
        report(HEADER, 16, 310, "scanner"),
    );
    bench.write(
        "in/halved/2023-01-16.csv",
        report(HEADER, 16, 155, "infected-system"),
    );
    bench.run(&["ingest"]).exits(0);
    let found = bench.run(&["--json", "feeds", "drift"]).exits(4).json();
    let of = |feed: &str| -> Vec<(String, String)> {
        let rows = found.as_array().expect("a list");
        rows.iter()
            .filter(|row| row["finding"]["feed"] == feed)
            .map(|row| {
                let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
                (text(&row["finding"]["change"]), text(&row["message"]))
            })
            .collect()
    };
    assert_eq!(of("steady"), []);
    let renamed = of("renamed");
    for message in ["new column `remark`", "column `note` is gone"] {
        assert!(
            renamed.iter().any(|(_, found)| found == message),
            "{renamed:?}"
        );
    }
    // A mapped column that is gone cannot be read around: the report is refused, and flagged.
    let [(change, message)] = &of("broken")[..] else {
        panic!("{:?}", of("broken"))
    };
    assert_eq!(change, "unreadable");
    assert!(message.contains("maps column `address`"), "{message}");
    let [(change, message)] = &of("tenfold")[..] else {
        panic!("{:?}", of("tenfold"))
    };
    assert_eq!(change, "volume");
    assert!(message.starts_with("3100 rows where 3"), "{message}");
    let words = of("words");
    assert!(
        words
            .iter()
            .any(|(_, found)| found == "new word `scanner` in `class_type`, 100% of the rows"),
        "{words:?}"
    );
    assert!(
        words.iter().any(|(change, _)| change == "lost-word"),
        "{words:?}"
    );
    let [(change, message)] = &of("halved")[..] else {
        panic!("{:?}", of("halved"))
    };
    assert_eq!(change, "volume");
    assert!(message.starts_with("155 rows"), "{message}");

    // Noted beside the week's completeness, and settled with a name and a reason.
    bench
        .run(&["week", "2023-01-16"])
        .exits(0)
        .prints("drift: feed tenfold, 2023-01-16: 3100 rows");
    bench
        .run(&["doctor"])
        .exits(4)
        .prints("changes in reports of broken, halved, renamed, tenfold, words");
    bench
        .run(&[
            "feeds",
            "drift",
            "tenfold",
            "--accept",
            "a second sensor",
            "--author",
            "duty",
        ])
        .exits(0);
    bench.run(&["feeds", "drift", "tenfold"]).exits(0);
    bench
        .run(&[
            "feeds",
            "drift",
            "halved",
            "--dismiss",
            "the collector broke off",
        ])
        .exits(0);
    let coverage = bench.run(&["--json", "week", "2023-01-16"]).exits(0).json();
    let changed = |feed: &str| {
        let feeds = coverage["coverage"].as_array().expect("a list");
        feeds
            .iter()
            .find(|one| one["feed"] == feed)
            .expect("a feed")["changed"]
            == true
    };
    assert!(changed("tenfold"), "an accepted change is a break");
    assert!(!changed("halved") && !changed("steady"));
    // The new level is usual from now on.
    bench.write(
        "in/tenfold/2023-01-17.csv",
        report(HEADER, 17, 3_050, "infected-system"),
    );
    bench.run(&["ingest", "tenfold"]).exits(0);
    bench.run(&["feeds", "drift", "tenfold"]).exits(0);
}

fn schema(version: &str, sinkhole: &str, gtp: &str) -> String {
    let entry = |name: &str, class: &str, identifier: &str, target: &str| {
        format!(
            r#""{name}": {{"feed_name": "{name}", "file_name": "{name}",
              "required_fields": [["time.source", "timestamp", "add_UTC_to_timestamp"], ["source.ip", "ip", "validate_ip"]],
              "optional_fields": [["malware.name", "infection"], ["{target}", "sector"]],
              "constant_fields": {{"classification.taxonomy": "other", "classification.type": "{class}", "classification.identifier": "{identifier}"}}}}"#
        )
    };
    format!(
        r#"{{"_meta": {{"date_created": "{version}"}}, {}, {}, {}}}"#,
        entry("event4_sinkhole", sinkhole, "sinkhole", "extra."),
        entry("scan_gtp", gtp, "open-gtp", "extra."),
        entry(
            "scan_quiet",
            "vulnerable-system",
            "open-quiet",
            if version > "2025-06" {
                "source.as_name"
            } else {
                "extra."
            }
        ),
    )
}

#[test]
fn a_schema_update_shows_what_moves_before_it_is_taken() {
    let bench = Bench::with(
        &(HEAD.to_owned()
            + r#"
[[feed]]
name = "shadowserver"
provider = "Example"
format = "shadowserver"
paths = ["in/*.csv"]
zone = "UTC"
licence = "none"
"#),
    );
    bench.write(
        "old.json",
        schema(
            "2025-01-01T00:00:00Z",
            "infected-system",
            "vulnerable-system",
        ),
    );
    bench.write(
        "new.json",
        schema(
            "2025-09-15T00:00:00Z",
            "other",
            "potentially-unwanted-accessible",
        ),
    );
    bench.write(
        "tame.json",
        schema(
            "2025-02-01T00:00:00Z",
            "infected-system",
            "vulnerable-system",
        ),
    );
    let import = |more: &[&str]| {
        let mut arguments = vec!["reference", "import", "shadowserver-schema"];
        arguments.extend(more);
        bench.run(&arguments)
    };
    import(&["new.json", "--dry-run"])
        .exits(0)
        .says("no schema is in force");
    import(&["old.json"]).exits(0);
    bench.write(
        "in/2025-09-10-event4_sinkhole-example.csv",
        "timestamp,ip,infection,sector\n2025-09-10 00:00:01,198.51.100.1,mirai,\n2025-09-10 00:00:02,198.51.100.2,mirai,\n",
    );
    bench.run(&["ingest"]).exits(0);
    import(&["tame.json", "--dry-run"])
        .exits(0)
        .prints("moved    0 types");
    let shown = import(&["new.json", "--dry-run"]).exits(4);
    assert!(
        shown.stdout.contains("moved    2 types"),
        "{}",
        shown.stdout
    );
    let shown = shown
        .prints("before  malicious-code / infected-system / sinkhole: counts in M1, M2, M3, M4, M5")
        .prints("after   other / other / sinkhole: counts in no statistic")
        .prints("scan_gtp")
        .prints("events last week, of shadowserver")
        .prints("no report of this type is stored");
    assert!(
        shown
            .stdout
            .contains("sector: extra.sector to source_as_name"),
        "{}",
        shown.stdout
    );
    import(&["new.json"])
        .exits(1)
        .says("moves the classification of event4_sinkhole, scan_gtp");
    bench
        .run(&["--json", "reference", "list"])
        .exits(0)
        .prints("old.json");
    import(&[
        "new.json",
        "--accept",
        "announced on 2025-09-15",
        "--author",
        "duty",
    ])
    .exits(0);
    import(&["new.json", "--dry-run"])
        .exits(0)
        .prints("moved    0 types");
    let coverage = bench.run(&["--json", "week", &today()]).exits(0).json();
    assert_eq!(
        coverage["coverage"][0]["changed"], true,
        "{}",
        coverage["coverage"]
    );
}

/// Today as the command line takes it.
fn today() -> String {
    let seconds = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    model::time::Day((seconds / 86_400) as i32).to_string()
}
