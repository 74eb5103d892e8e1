//! `bulletin verify` from outside: an issue is made again to the byte though the ledger has moved on; what
//! was changed behind its back is named; what a retention rule took is said.

use std::path::Path;

use ::ledger::{Ledger, NewStep, Reach};
use model::incident::{Resolution, Step};
use serde_json::Value;

use crate::handled::{CONFIGURATION, HOUR, MONDAY, fill};
use crate::run::Bench;
use crate::upkeep;

/// Steps that somebody takes after the issue is frozen.
fn go_on(path: &Path) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let ledger = Ledger::open(path).await.expect("opens");
        let handled = ledger.incidents_opened((MONDAY, MONDAY + 7 * 24 * HOUR));
        let rows = handled.await.expect("read");
        assert_eq!(rows.len(), 8);
        // One that was closed as gone is back; one that waited is refused; one becomes part of another.
        let now = i64::MAX / 4;
        for (at, step) in [
            (0, Step::Reopen),
            (7, Step::Close(Resolution::Refused)),
            (1, Step::Reopen),
            (2, Step::Reopen),
        ] {
            let new = NewStep::new(step, "later", now);
            let done = ledger.step(rows[at].id.0, &Reach::All, new, "person:late", now);
            done.await.expect("allowed");
        }
        let merged = ledger.merge_incidents(
            rows[1].id.0,
            rows[2].id.0,
            &Reach::All,
            "the same",
            "person:late",
            now + 1,
        );
        merged.await.expect("allowed");
    });
}

pub fn sql(path: &Path, statement: &str) {
    let python = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute(sys.argv[2]); db.commit()";
    let done = std::process::Command::new("python3")
        .args(["-c", python])
        .arg(path)
        .arg(statement)
        .output()
        .expect("Python runs");
    assert!(done.status.success(), "{done:?}");
}

#[test]
fn an_issue_is_made_again_though_its_incidents_went_on() {
    let bench = Bench::with(CONFIGURATION);
    bench.run(&["init"]);
    let ledger = bench.path().join("ledger.db");
    fill(&ledger);
    bench.run(&["bulletin", "draft", "2023-2"]).exits(0);
    bench.run(&["bulletin", "draft", "2023-3"]).exits(0);
    let verify = ["bulletin", "verify", "2023-3"];
    bench
        .run(&verify)
        .exits(0)
        .prints("all equal")
        .prints("bulletin: the same bytes");

    let counted = || {
        let week = bench.run(&["week", "2023-3", "--json"]).exits(0).json();
        let values = week["values"].as_array().expect("a list").clone();
        let one = values.into_iter().find(|value| value["key"] == "I1/ended");
        one.expect("I1 has parts")["value"]["exact"]["count"].as_u64()
    };
    let before = counted();
    go_on(&ledger);
    assert_ne!(counted(), before, "today's count is another");
    bench
        .run(&verify)
        .exits(0)
        .prints("the row is as it was frozen")
        .prints("all equal")
        .prints("frozen week: the same bytes");

    // Broken twin: a figure of the frozen row is touched. The hash says so, and which figure it was.
    let touch = "update issue set statistics = replace(statistics, \
        '\"statistic\":\"I1\",\"version\":1,\"measured\":{\"availability\":\"available\",\"quantity\":{\"kind\":\"count\",\"count\":7', \
        '\"statistic\":\"I1\",\"version\":1,\"measured\":{\"availability\":\"available\",\"quantity\":{\"kind\":\"count\",\"count\":9') \
        where number = 3";
    sql(&ledger, touch);
    let verdict = bench
        .run(&["--json", "bulletin", "verify", "2023-3"])
        .exits(4)
        .json();
    assert_eq!(verdict["intact"], false, "{verdict:#}");
    let figures = verdict["figures"].as_array().expect("a list");
    assert_eq!(figures.len(), 1, "{verdict:#}");
    assert_eq!(
        (
            &figures[0]["figure"],
            &figures[0]["printed"],
            &figures[0]["recounted"]
        ),
        (&Value::from("I1"), &Value::from("9"), &Value::from("7"))
    );
    assert_eq!(verdict["bulletin_same"], false);
}

#[test]
fn a_record_that_is_gone_without_a_rule_is_missed() {
    let bench = upkeep::filled(upkeep::CONFIGURATION);
    bench.run(&["bulletin", "draft", "2023-3"]).exits(0);
    let verify = ["--json", "bulletin", "verify", "2023-3"];
    bench.run(&verify).exits(0);
    // What arrives later changes nothing that is frozen.
    bench.write(
        "in/phish-9.csv",
        "date,URL,description\n2023/01/11 10:00:00,https://late.example/,Example Bank\n",
    );
    bench.run(&["ingest"]).exits(0);
    bench.run(&verify).exits(0);
    sql(
        &bench.path().join("ledger.db"),
        "delete from lake_file where path in (select path from lake_file where kind = 'part' and feed = 'bots' order by rows desc limit 1)",
    );
    let verdict = bench.run(&verify).exits(4).json();
    assert_eq!(verdict["intact"], true);
    let figures = verdict["figures"].as_array().expect("a list");
    assert!(!figures.is_empty(), "{verdict:#}");
    let told = figures[0]["reasons"].to_string();
    assert!(told.contains("in the records at snapshot"), "{told}");
    assert_eq!(verdict["expired"].as_array().map(Vec::len), Some(0));
}

#[test]
fn what_a_rule_took_is_said_and_the_hash_is_the_proof() {
    let bench = upkeep::filled(&format!("{}{}", upkeep::CONFIGURATION, upkeep::RULES));
    bench.run(&["bulletin", "draft", "2023-3"]).exits(0);
    let all = bench
        .run(&["--json", "bulletin", "verify", "2023-3"])
        .exits(0)
        .json();
    bench.run(&["retention", "apply", "--by", "li.na"]).exits(0);
    bench
        .run(&["bulletin", "verify", "2023-3"])
        .exits(0)
        .prints("events of phish")
        .prints("by the rule phishing on ")
        .prints("by the rule red bots on ")
        .prints("rest on expired records: the hash of the frozen row is their proof");
    let verdict = bench
        .run(&["--json", "bulletin", "verify", "2023-3"])
        .exits(0)
        .json();
    let number = |of: &Value, key: &str| of[key].as_u64().expect("a number");
    assert!(number(&verdict, "by_hash_only") > 0);
    assert_eq!(
        number(&verdict, "by_hash_only") + number(&verdict, "recounted"),
        number(&all, "recounted")
    );
    // The hash is a proof: a touched row does not have it.
    sql(
        &bench.path().join("ledger.db"),
        "update issue set statistics = replace(statistics, '\"count\":', '\"count\":1')",
    );
    bench
        .run(&["bulletin", "verify", "2023-3"])
        .exits(4)
        .prints("THE ROW WAS CHANGED");
}
