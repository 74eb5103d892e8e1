//! A series that is numbered by hand, and deliveries that hold nothing: what a duty officer meets week after week.

use crate::run::Bench;

const CONFIGURATION: &str = r#"
[series]
id = "by-hand"
scheme = "manual"

[[feed]]
name = "lists"
provider = "Example"
format = "csv"
paths = ["in/*.csv"]
zone = "Asia/Shanghai"
classification = "malware-distribution"
licence = "none"
[feed.columns]
seen = "observed_at"
url = "source_url"
"#;

fn rows(day: &str, count: u32) -> String {
    let mut text = String::from("seen,url\n");
    for n in 0..count {
        text.push_str(&format!("{day} 08:00:00,https://192.0.2.{n}/login\n"));
    }
    text
}

#[test]
fn issues_numbered_by_hand_compare_with_each_other() {
    let bench = Bench::with(CONFIGURATION);
    bench.write("in/a.csv", rows("2023-01-04", 20));
    bench.write("in/b.csv", rows("2023-01-11", 30));
    bench.run(&["ingest"]).exits(0);
    // A week can be looked at before it has a number, and not frozen.
    bench
        .run(&["week", "2023-01-04"])
        .exits(0)
        .prints("2023-01-02..2023-01-08");
    bench.run(&["rating", "2023-01-04"]).exits(0);
    bench
        .run(&["bulletin", "draft", "2023-01-04"])
        .exits(2)
        .says("has no number yet")
        .says("remedy: watchfire bulletin draft 2023-01-02 --number YEAR-NUMBER");
    bench
        .run(&["week", "2023-901"])
        .exits(2)
        .says("no week has this number")
        .says("remedy: name the week by one of its dates");
    bench
        .run(&["bulletin", "draft", "2023-01-04", "--number", "2023-901"])
        .exits(0);
    // From now on the number names the week, and the next week compares with it.
    bench
        .run(&["week", "2023-901"])
        .exits(0)
        .prints("issue 2023-901");
    let json = bench.run(&["--json", "week", "2023-01-11"]).exits(0).json();
    assert!(json["issue"].is_null(), "{json}");
    let values = json["values"].as_array().expect("values");
    let hosting = values
        .iter()
        .find(|value| value["key"] == "H2")
        .expect("hosting addresses");
    assert_eq!(hosting["previous"]["exact"]["count"], 20, "{hosting}");
    bench
        .run(&["bulletin", "draft", "2023-01-11", "--number", "2023-901"])
        .exits(2)
        .says("is the issue of the week of 2023-01-02 already");
    bench
        .run(&["bulletin", "draft", "2023-01-11", "--number", "2023-902"])
        .exits(0);
    bench
        .run(&["bulletin", "render", "2023-902", "--format", "html"])
        .exits(0)
        .prints("2023-902.zh.html");
    bench
        .run(&["bulletin", "draft", "2023-902"])
        .exits(0)
        .prints("unchanged");
}

#[test]
fn an_empty_delivery_is_told_once() {
    let bench = Bench::with(CONFIGURATION);
    bench.write("in/a.csv", rows("2023-01-04", 2));
    bench.write("in/empty.csv", "");
    bench
        .run(&["ingest", "--strict"])
        .exits(4)
        .says("empty.csv: cannot be read: the report is empty");
    let again = bench.run(&["ingest", "--strict"]).exits(0);
    assert!(!again.stderr.contains("empty"), "{}", again.stderr);
    bench.run(&["doctor"]).prints("1 came empty");
    // Filled in, it is another delivery.
    bench.write("in/empty.csv", rows("2023-01-05", 3));
    bench.run(&["ingest"]).exits(0);
    bench
        .run(&["query", "SELECT count(*) AS n FROM events"])
        .exits(0)
        .prints("5");
}
