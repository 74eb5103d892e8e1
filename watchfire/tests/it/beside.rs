//! What stands beside the issues, from outside: the daily sheet with its zero report, flash alerts, and the
//! comparison with an older method.

use crate::handled;
use crate::run::Bench;
use crate::upkeep;

const ALERT: &str = r#"
level = "critical"
title_zh = "某产品漏洞被大规模利用"
title_en = "A product's flaw is exploited widely"
text_zh = "正在被利用 <script>。"
text_en = "It is being exploited <script>."
affected_zh = "全部版本"
affected_en = "All versions"
advice_zh = "立即更新\n关闭远程管理"
advice_en = "Update now\nTurn remote management off"
links = ["https://vendor.example/advisory"]
"#;

#[test]
fn an_alert_is_written_approved_published_and_taken_back() {
    let bench = Bench::with(handled::CONFIGURATION);
    bench.run(&["init"]);
    bench.write("alert.toml", ALERT);
    bench
        .run(&["flash", "list"])
        .exits(0)
        .says("no alert was written yet");
    let drafted = bench
        .run(&["--json", "flash", "draft", "alert.toml", "--as", "li.na"])
        .exits(0)
        .json();
    let number = format!(
        "{}-{}",
        drafted["flash"]["year"], drafted["flash"]["number"]
    );
    let step = |what: &str, by: &str| bench.run(&["flash", what, &number, "--as", by]);
    step("publish", "li.na").exits(1).says("is not approved");
    step("approve", "li.na")
        .exits(1)
        .says("its author cannot approve it");
    step("approve", "wang.wei").exits(0).prints("approved");
    step("publish", "li.na").exits(0).prints("published");
    let page = |lang: &str| {
        let file = format!("site/flash-{number}.{lang}");
        std::fs::read_to_string(bench.path().join(file)).expect("it is out")
    };
    let zh = page("zh.html");
    assert!(zh.contains("紧急通报") && zh.contains("关闭远程管理") && !zh.contains("<script"));
    let en = page("en.html");
    assert!(en.contains("Turn remote management off") && en.contains("&lt;script&gt;"));
    assert!(page("en.txt").contains("- Update now"));
    bench
        .run(&[
            "flash",
            "withdraw",
            &number,
            "--reason",
            "wrong product",
            "--as",
            "wang.wei",
        ])
        .exits(0);
    let tombstone = page("en.html");
    assert!(tombstone.contains("withdrawn on") && tombstone.contains("wrong product"));
    assert!(
        !tombstone.contains("remote management"),
        "what was wrong is gone"
    );
    bench.run(&["flash", "list"]).exits(0).prints("withdrawn");

    // What must not be stored is refused by name, and nothing is stored.
    let alert = std::fs::read_to_string(bench.path().join("alert.toml")).expect("the alert");
    let bad = alert.replace(
        "title_en = \"",
        "title_en = \"exe\\u202efdp http://a.example/ ",
    );
    assert_ne!(bad, alert);
    bench.write("bad.toml", bad);
    bench
        .run(&["flash", "draft", "bad.toml", "--as", "li.na"])
        .exits(1)
        .says("title (direction-mark)")
        .says("RIGHT-TO-LEFT OVERRIDE")
        .says("title (live-indicator)");
    let all = bench.run(&["--json", "flash", "list"]).exits(0).json();
    assert_eq!(all.as_array().map(Vec::len), Some(1));
    bench.write("alert.toml", "level = \"critical\"\n");
    bench
        .run(&["flash", "draft", "alert.toml"])
        .exits(1)
        .says("missing field");
}

#[test]
fn a_day_has_one_sheet_and_says_when_nothing_happened() {
    let bench = upkeep::filled(upkeep::CONFIGURATION);
    let told = bench.run(&["daily", "2023-01-11"]).exits(0);
    told.prints("No infrastructure event graded major.")
        .prints("Zero report: no reportable event on this day.")
        .prints("Not confirmed yet.");
    let signed = ["--json", "daily", "2023-01-11", "--confirmed-by", "li.na"];
    let made = bench.run(&signed).exits(0).json();
    assert_eq!(made["zero"], true);
    assert_eq!(made["files"].as_array().map(Vec::len), Some(4));
    let zh = std::fs::read_to_string(bench.path().join("daily/daily-2023-01-11.zh.html"));
    let zh = zh.expect("written");
    assert!(zh.contains("当日无较大级基础设施事件。") && zh.contains("确认人：li.na"));
    assert!(!zh.contains("未确认"));
    // The week so far holds at least what the day does.
    let text = std::fs::read_to_string(bench.path().join("daily/daily-2023-01-11.en.txt"));
    let text = text.expect("written");
    let line = text
        .lines()
        .find(|line| line.starts_with("Hosts controlled"))
        .expect("M2");
    let cells: Vec<u64> = line
        .split('\t')
        .skip(1)
        .map(|cell| cell.replace(',', "").parse().expect("a count"))
        .collect();
    assert!(
        cells.len() == 2 && cells[0] > 0 && cells[0] <= cells[1],
        "{line}"
    );
    // An event of the day ends the zero report.
    bench
        .run(&[
            "infrastructure",
            "add",
            "--name-zh",
            "中断",
            "--name-en",
            "Outage",
            "--place-zh",
            "某地",
            "--place-en",
            "Somewhere",
            "--level",
            "2",
            "--start",
            "2023-01-11T10:00:00",
            "--end",
            "2023-01-11T11:00:00",
            "--effect-zh",
            "中断",
            "--effect-en",
            "Outage",
        ])
        .exits(0);
    let made = bench.run(&signed).exits(0).json();
    assert_eq!(made["zero"], false);
    // A day without any delivery names the silent feeds.
    let made = bench
        .run(&["--json", "daily", "2023-01-20"])
        .exits(0)
        .json();
    let silent = made["silent"].as_array().expect("a list");
    assert!(silent.iter().any(|feed| feed == "bots"), "{made}");
    bench
        .run(&["daily", "2999-01-01"])
        .exits(2)
        .says("has not begun yet");
}

#[test]
fn an_older_method_is_compared_and_differences_are_explained() {
    let bench = upkeep::filled(upkeep::CONFIGURATION);
    bench.run(&["bulletin", "draft", "2023-3"]).exits(0);
    let week = bench.run(&["--json", "week", "2023-3"]).exits(0).json();
    let values = week["values"].as_array().expect("a list");
    let of = |key: &str| {
        let value = values
            .iter()
            .find(|value| value["key"] == key)
            .expect("there");
        value["value"]["exact"]["count"].as_u64().expect("a count")
    };
    let m2 = of("M2");
    bench.write(
        "old.csv",
        format!(
            "year,number,statistic,value\n2023,3,M2,{}\n2023,3,M1,{}\n",
            m2 + 10,
            of("M1")
        ),
    );
    let told = bench
        .run(&["--json", "parallel", "old.csv"])
        .exits(4)
        .json();
    assert_eq!(
        (&told["enough"], &told["unexplained"]),
        (&false.into(), &1.into())
    );
    let row = |told: &serde_json::Value, id: &str| {
        let rows = told["rows"].as_array().expect("a list").clone();
        rows.into_iter()
            .find(|row| row["statistic"] == id)
            .expect("there")
    };
    assert_eq!(row(&told, "M2")["difference"], "-10");
    assert_eq!(row(&told, "M1")["difference"], "0");
    let slots = row(&told, "M2")["slots"].clone();
    assert!(
        slots["feeds"]
            .as_str()
            .is_some_and(|text| text.contains("bots")),
        "{slots}"
    );
    bench
        .run(&["parallel", "old.csv"])
        .exits(4)
        .prints("at least 4 are needed");

    // Four weeks, each difference with a reason: done.
    let mut old = String::from("year,number,statistic,value\n");
    for number in 3..=6 {
        let ours = if number == 3 { m2 } else { 0 };
        old.push_str(&format!("2023,{number},M2,{}\n", ours + 10));
    }
    bench.write("old.csv", old);
    bench.write(
        "why.csv",
        "year,number,statistic,slot,reason\n2023,*,M2,definition,\"rows, not hosts, were counted\"\n",
    );
    let done = bench.run(&[
        "--json",
        "parallel",
        "old.csv",
        "--explain",
        "why.csv",
        "--by",
        "li.na",
    ]);
    let told = done.exits(0).json();
    assert_eq!(
        (&told["weeks"], &told["unexplained"]),
        (&4.into(), &0.into())
    );
    let reasons = row(&told, "M2")["reasons"].clone();
    assert_eq!(reasons[0]["by"], "li.na");
    assert_eq!(reasons[0]["reason"], "rows, not hosts, were counted");
    bench
        .run(&["parallel", "old.csv"])
        .exits(0)
        .prints("(li.na)");
    bench.write("old.csv", "year,number,statistic,value\n2023,3,X9,1\n");
    bench
        .run(&["parallel", "old.csv"])
        .exits(1)
        .says("there is no statistic X9");
}
