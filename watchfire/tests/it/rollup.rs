//! Roll-ups from outside: counted over the period's own days, frozen, compared in absolute numbers.

use serde_json::Value;

use crate::run::Bench;

const CONFIGURATION: &str = r#"
[workspace]
name = "rollup"
zone = "Asia/Shanghai"

[series]
id = "weekly"
title_zh = "示例周报"
title_en = "Example Weekly"
organization_zh = "示例"
organization_en = "Example"

[territory]
inside = ["CN"]

[[feed]]
name = "bots"
provider = "Example"
format = "csv"
zone = "UTC"
licence = "none"
classification = "infected-system"
paths = ["in/bots-*.csv"]
columns = { time = "observed_at", ip = "source_ip", cc = "source_country", name = "malware_name" }
"#;

/// A row a day at noon UTC, of one host that never changes and one of `hosts` that do.
fn days(month: &str, days: u32, hosts: u32) -> String {
    let mut text = String::from("time,ip,cc,name\n");
    for day in 1..=days {
        let n = 2 + day % hosts;
        for ip in [1, n] {
            text.push_str(&format!(
                "{month}-{day:02}T12:00:00Z,192.0.2.{ip},CN,mirai\n"
            ));
        }
    }
    text
}

fn count(edition: &Value, key: &str) -> u64 {
    let values = edition["values"].as_array().expect("a list");
    let value = values.iter().find(|value| value["key"] == key);
    let value = value.unwrap_or_else(|| panic!("{key} is not there"));
    value["value"]["exact"]["count"].as_u64().expect("a count")
}

fn change(edition: &Value, key: &str) -> String {
    let values = edition["values"].as_array().expect("a list");
    let value = values.iter().find(|value| value["key"] == key);
    value.expect("there")["change"]["text"]["en"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn a_month_is_counted_over_its_own_days() {
    let bench = Bench::with(CONFIGURATION);
    for (month, last, hosts) in [
        ("2022-10", 31, 4),
        ("2022-11", 30, 9),
        ("2022-12", 31, 5),
        ("2023-10", 31, 7),
    ] {
        bench.write(&format!("in/bots-{month}.csv"), days(month, last, hosts));
    }
    // On the last evening in UTC it is the next month in the zone.
    bench.write(
        "in/bots-edge.csv",
        "time,ip,cc,name\n2022-11-30T20:00:00Z,198.51.100.7,CN,mirai\n",
    );
    bench.run(&["ingest"]).exits(0);
    let month = |of: &str| {
        let done = bench.run(&["--json", "rollup", "month", of]).exits(0);
        done.json()
    };
    let october = month("2022-10");
    assert_eq!(count(&october, "M2"), 5, "one that stays, four that change");
    assert_eq!(change(&october, "M2"), "", "there is nothing before");
    assert_eq!(october["complete"], true);
    let november = month("2022-11");
    assert_eq!(count(&november, "M2"), 10);
    assert_eq!(
        change(&november, "M2"),
        "+5",
        "small counts get no per cent"
    );
    let december = month("2022-12");
    assert_eq!(
        count(&december, "M2"),
        7,
        "with the one of the last evening of November in UTC"
    );
    assert_eq!(change(&december, "M2"), "−3");

    // A quarter is no sum of its months.
    let quarter = bench
        .run(&["--json", "rollup", "quarter", "2022-4"])
        .exits(0)
        .json();
    assert_eq!(
        count(&quarter, "M2"),
        11,
        "192.0.2.1 to .10, and the one of the evening"
    );
    let year = bench
        .run(&["--json", "rollup", "year", "2022"])
        .exits(0)
        .json();
    assert_eq!(count(&year, "M2"), 11);

    // The same month of the year before stands beside.
    let again = month("2023-10");
    assert_eq!(count(&again, "M2"), 8);
    let page = bench.path().join("drafts/monthly-2023-10.en.html");
    let page = std::fs::read_to_string(page).expect("rendered");
    assert!(
        page.contains("Year before") && page.contains(">+3<"),
        "{page}"
    );
    assert!(page.contains("Example Monthly") && !page.contains("this week"));
    let zh = std::fs::read_to_string(bench.path().join("drafts/monthly-2023-10.zh.html"));
    let zh = zh.expect("rendered");
    assert!(zh.contains("示例月报") && zh.contains("同比") && !zh.contains("本周"));

    // The same records make the same revision.
    let twice = month("2022-11");
    assert_eq!(
        (&twice["new"], &twice["hash"]),
        (&false.into(), &november["hash"])
    );
    bench
        .run(&["rollup", "month", "2022-13"])
        .exits(2)
        .says("a month such as");
    bench
        .run(&["rollup", "month", "2999-01"])
        .exits(1)
        .says("no day of it is over yet");
}

#[test]
fn a_roll_up_is_read_signed_published_and_taken_back() {
    let bench = Bench::with(CONFIGURATION);
    bench.write("in/bots-2022-11.csv", days("2022-11", 30, 9));
    bench.run(&["ingest"]).exits(0);
    for (login, role) in [
        ("li", "administrator"),
        ("wang", "editor"),
        ("chen", "approver"),
    ] {
        let mut words = vec!["users", "add", login, "--role", role];
        if login != "li" {
            words.extend(["--as", "li"]);
        }
        bench.run(&words).exits(0);
    }
    let step = |what: &str, by: &str| bench.run(&["rollup", what, "month", "2022-11", "--as", by]);
    step("review", "chen")
        .exits(1)
        .says("has no edition of a whole period yet");
    bench
        .run(&[
            "rollup", "month", "2022-11", "--author", "wang", "--as", "wang",
        ])
        .exits(0);
    step("publish", "wang").exits(1).says("is not approved");
    step("approve", "chen")
        .exits(1)
        .says("was not reviewed yet");
    step("review", "wang").exits(1).says("cannot review it");
    step("review", "chen").exits(0).says("is reviewed by chen");
    step("approve", "wang").exits(1);
    step("approve", "chen").exits(0).says("is approved by chen");
    step("publish", "wang").exits(0).says("is public");
    let site = |name: &str| std::fs::read_to_string(bench.path().join("site").join(name));
    let page = site("monthly-2022-11.en.html").expect("it is on the site");
    assert!(page.contains("Example Monthly"), "{page}");
    assert!(site("monthly-2022-11.json").is_ok() && site("monthly-2022-11.zh.csv").is_ok());
    let home = site("index.en.html").expect("a home page");
    assert!(
        home.contains("href=\"monthly-2022-11.en.html\"") && home.contains("November 2022"),
        "{home}"
    );
    // The same again changes nothing.
    step("publish", "wang").exits(0);
    let withdraw = [
        "rollup", "withdraw", "month", "2022-11", "--zh", "有误", "--en", "wrong", "--as",
    ];
    bench.run(&[&withdraw[..], &["wang"]].concat()).exits(1);
    for _ in 0..2 {
        bench.run(&[&withdraw[..], &["chen"]].concat()).exits(0);
    }
    let page = site("monthly-2022-11.en.html").expect("a page says why");
    assert!(
        page.contains("Reason: wrong") && !page.contains("mirai"),
        "{page}"
    );
    assert!(site("monthly-2022-11.json").is_err());
    assert!(
        site("index.en.html")
            .expect("a home page")
            .contains("Withdrawn")
    );
    bench.run(&["audit", "verify"]).exits(0);
}

#[test]
fn a_period_that_goes_on_says_so_and_compares_with_nothing() {
    let bench = Bench::with(CONFIGURATION);
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").expect("the zone is known");
    let now = jiff::Timestamp::now().to_zoned_datetime(zone).date();
    let (year, before) = (now.year(), now.year() - 1);
    for year in [before, year] {
        let month = format!("{year}-01");
        bench.write(&format!("in/bots-{year}.csv"), days(&month, 3, 2));
    }
    bench.run(&["ingest"]).exits(0);
    let run = |year: i16| bench.run(&["--json", "rollup", "year", &year.to_string()]);
    assert_eq!(run(before).exits(0).json()["complete"], true);
    // On New Year's Day nothing of the year is over.
    if now.day_of_year() == 1 {
        run(year).exits(1).says("no day of it is over yet");
        return;
    }
    let edition = run(year).exits(0).json();
    assert_eq!(edition["complete"], false);
    assert_eq!(change(&edition, "M2"), "");
    let page = format!("drafts/annual-{year}-1.en.html");
    let page = std::fs::read_to_string(bench.path().join(page)).expect("rendered");
    assert!(page.contains("The period is not over"));
}
