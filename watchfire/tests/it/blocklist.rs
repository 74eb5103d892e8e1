//! Block lists from outside: nothing stands on one by itself, taking off is gone from the files at once,
//! and a list that shrinks by itself is not published.

use std::fs::read_to_string;

use crate::run::{Bench, Done};

const TOP: &str = r#"{"name":"Top","version":1,"description":"","type":"hostname","matching_attributes":["hostname","domain"],"list":["shared.example"]}"#;

fn configuration(more: &str) -> String {
    format!(
        r#"
[workspace]
name = "lists"
zone = "Asia/Shanghai"

[response]
address = "duty@cert.example"
name_zh = "示例应急中心"
name_en = "Example CERT"

[lists]
{more}

[[feed]]
name = "phish"
provider = "Example"
format = "jpcert"
zone = "Asia/Tokyo"
licence = "CC0-1.0"
publishable = "indicators"
paths = ["in/*.csv"]

[[feed]]
name = "quiet"
provider = "Example"
format = "jpcert"
zone = "Asia/Tokyo"
licence = "internal"
paths = ["quiet/*.csv"]
"#
    )
}

fn report(urls: &[&str]) -> String {
    let yesterday = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24);
    let day = yesterday.strftime("%Y/%m/%d %H:%M:%S");
    let mut text = String::from("date,URL,description\n");
    for url in urls {
        text.push_str(&format!("{day},{url},Example Bank\n"));
    }
    text
}

fn bench() -> Bench {
    let bench = Bench::with(&configuration("enabled = true")).set("USER", "ann");
    bench.write("top.json", TOP);
    bench
        .run(&["reference", "import", "warninglist", "top.json"])
        .exits(0);
    bench.write(
        "in/a.csv",
        report(&[
            "https://a.bad.example/login",
            "https://b.bad.example/login",
            "https://c.bad.example/login",
            "https://d.bad.example/login",
            "https://shared.example/form/x",
            "https://shared.example/",
        ]),
    );
    bench.write("quiet/a.csv", report(&["https://q.bad.example/login"]));
    bench.run(&["ingest"]).exits(0);
    bench
}

fn file(bench: &Bench, name: &str) -> String {
    read_to_string(bench.path().join("lists/phishing").join(name)).expect("it is published")
}

fn ids(done: &Done) -> Vec<(String, String)> {
    let rows = done.json();
    let rows = rows.as_array().expect("a list").iter();
    rows.map(|row| {
        let value = row["value"].as_str().expect("a value").to_owned();
        (row["id"].to_string(), value)
    })
    .collect()
}

#[test]
fn lists_are_off_until_somebody_turns_them_on() {
    let bench = Bench::with(&configuration(""));
    for words in [
        ["blocklist", "propose"].as_slice(),
        &["blocklist", "publish"],
        &["blocklist", "approve", "1", "--reason", "x"],
    ] {
        bench.run(words).exits(3).says("lists.enabled");
    }
    let bench = Bench::with(&configuration("enabled = true"));
    bench
        .run(&["blocklist", "propose"])
        .exits(1)
        .says("no warning list is imported");
}

#[test]
fn from_a_feed_to_a_file_and_off_again() {
    let bench = bench();
    bench
        .run(&["blocklist", "propose", "--feed", "quiet"])
        .exits(1)
        .says("do not let indicators be published");
    bench
        .run(&["blocklist", "propose", "--feed", "phish"])
        .exits(0)
        .prints("5 proposed, 0 extended, 0 known, 0 taken off before, 1 refused");
    bench
        .run(&["blocklist", "propose", "--feed", "phish"])
        .exits(0)
        .prints("0 proposed, 0 extended, 5 known");
    let all = ids(&bench
        .run(&["--json", "blocklist", "list", "--state", "proposed"])
        .exits(0));
    let values: Vec<_> = all.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(
        values,
        [
            "a.bad.example",
            "b.bad.example",
            "c.bad.example",
            "d.bad.example",
            "https://shared.example/form/x"
        ]
    );
    // Nobody approved anything, and nothing may leave.
    bench
        .run(&["blocklist", "publish"])
        .exits(1)
        .says("not armed");
    bench.run(&["notices", "arm", "--reason", "test"]).exits(0);
    bench
        .run(&["blocklist", "publish"])
        .exits(1)
        .says("no entry is approved");
    for words in [
        ["blocklist", "approve", "1", "--reason", " "].as_slice(),
        &["blocklist", "delist", "1", "--reason", ""],
    ] {
        bench.run(words).exits(1).says("needs a reason");
    }
    bench
        .run(&["blocklist", "propose", "--incident", "1", "--release", " "])
        .exits(2)
        .says("needs a reason");
    let mut approve = vec!["blocklist", "approve", "--reason", "pages looked at"];
    approve.extend(all.iter().map(|(id, _)| id.as_str()));
    bench.run(&approve).exits(0);
    bench
        .run(&["blocklist", "publish", "--issue", "2023-3"])
        .exits(0)
        .says("list phishing: 5 entries");
    let zone = file(&bench, "rpz.zone");
    assert!(
        zone.contains("\na.bad.example IN CNAME .\n*.a.bad.example IN CNAME .\n"),
        "{zone}"
    );
    assert!(!zone.contains("shared"), "{zone}");
    assert!(file(&bench, "urls.txt").contains("https://shared.example/form/x"));
    bench.run(&["blocklist", "check"]).exits(0);
    let page = |name: &str| {
        read_to_string(bench.path().join("site").join(name)).expect("a page of the site")
    };
    assert!(page("lists.en.html").contains("5 entries"));
    assert!(page("lists.zh.html").contains("lists/phishing/rpz.zone"));
    assert!(page("lists.en.html").contains("mailto:duty@cert.example"));
    assert!(page("index.en.html").contains("lists.en.html"));

    // At once, in every file; the rest stays.
    bench
        .run(&[
            "blocklist",
            "delist",
            "a.bad.example",
            "--reason",
            "cleaned",
        ])
        .exits(0)
        .says("list phishing: 4 entries");
    for name in ["rpz.zone", "hosts.txt", "domains.txt", "list.csv"] {
        let text = file(&bench, name);
        assert!(!text.contains("a.bad.example"), "{name}: {text}");
        assert!(text.contains("b.bad.example"), "{name}: {text}");
    }
    assert!(file(&bench, "delisted.csv").contains("a.bad.example"));
    assert!(page("lists.en.html").contains("4 entries"));
    assert!(file(&bench, "list.stix.json").contains("\"revoked\": true"));
    assert!(file(&bench, "rpz.zone").contains("issue: 2023-3"));
    bench.run(&["blocklist", "check"]).exits(0);
    bench
        .run(&["blocklist", "propose", "--feed", "phish"])
        .exits(0)
        .prints("1 taken off before");

    // Somebody changed a file by hand.
    bench.write("lists/phishing/hosts.txt", "0.0.0.0 good.example\n");
    bench
        .run(&["blocklist", "check"])
        .exits(4)
        .prints("not those that were published");

    // What the gate refuses meanwhile is left out, and the loss has to be accepted.
    let allow = configuration("enabled = true\nallow = [\"bad.example\"]");
    bench.write("watchfire.toml", allow);
    bench
        .run(&["blocklist", "publish"])
        .exits(1)
        .says("falls from 4 to 1 entries");
    bench
        .run(&["blocklist", "publish", "--accept-drop", "ours"])
        .exits(0)
        .says("b.bad.example is left out")
        .says("list phishing: 1 entries");
    bench
        .run(&["audit", "list", "--action", "listing."])
        .exits(0)
        .prints("listing.publish");
}

#[test]
fn the_last_one_taken_off_leaves_an_empty_list() {
    let bench = bench();
    bench
        .run(&["blocklist", "propose", "--feed", "phish"])
        .exits(0);
    bench.run(&["notices", "arm", "--reason", "test"]).exits(0);
    bench
        .run(&["blocklist", "approve", "1", "--reason", "looked at"])
        .exits(0);
    bench.run(&["blocklist", "publish"]).exits(0);
    bench
        .run(&["notices", "stop", "--reason", "nothing leaves"])
        .exits(0);
    bench
        .run(&["blocklist", "delist", "1", "--reason", "wrong"])
        .exits(0)
        .says("list phishing: 0 entries");
    assert!(!file(&bench, "domains.txt").contains("bad.example"));
    bench.run(&["blocklist", "check"]).exits(0);
}
