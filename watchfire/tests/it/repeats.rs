//! Lines that repeat earlier ones, near and far, in reports of many blocks: what is stored and counted
//! is what a reader of one line after the other would store, whatever the number of threads.

use std::collections::HashMap;

use crate::run::Bench;

const FEED: &str = r#"
[[feed]]
name = "urls"
provider = "Example"
format = "csv"
paths = ["*.csv"]
zone = "Asia/Tokyo"
classification = "phishing"
licence = "none"
[feed.columns]
seen = "observed_at"
url = "source_url"
note = "description"
"#;

const ROWS: usize = 24_000;

/// A report of some three megabytes; which earlier row a row repeats, if any.
fn report() -> (String, Vec<usize>) {
    let mut text = "seen,url,note\n".to_owned();
    let mut first = Vec::with_capacity(ROWS);
    let mut draw = 88_172_645_463_325_252_u64;
    for row in 0..ROWS {
        draw ^= draw << 13;
        draw ^= draw >> 7;
        draw ^= draw << 17;
        let of = match draw % 10 {
            0 if row > 0 => first[(draw >> 32) as usize % row],
            1 if row > 0 => first[row - 1 - (draw >> 32) as usize % row.min(50)],
            _ => row,
        };
        first.push(of);
        // The same event in another spelling is a duplicate too, but no repeated line.
        let (of, quote) = if draw % 10 == 2 && row > 0 {
            (first[row - 1], "\"")
        } else {
            (of, "")
        };
        first[row] = of;
        let (day, hour) = (10 + of % 3, of % 24);
        text.push_str(&format!(
            "2023-01-{day} {hour:02}:00:00,http://phish-{of}.example/{}.html,{quote}note {of}{quote}\n",
            "x".repeat(60)
        ));
    }
    (text, first)
}

#[test]
fn repeated_lines_are_counted_and_stored_once() {
    let (text, first) = report();
    let events: HashMap<usize, usize> = first
        .iter()
        .enumerate()
        .rev()
        .map(|(row, of)| (*of, row + 2))
        .collect();
    for workers in [1, 4] {
        let bench = Bench::with(&format!("[ingest]\nworkers = {workers}\n{FEED}"));
        bench.write("2023-01-12.csv", &text);
        let told = bench.run(&["--json", "ingest"]).exits(0).json();
        let told = &told["summary"]["feeds"][0];
        assert_eq!(told["rows"], ROWS);
        assert_eq!(told["events"], events.len());
        assert_eq!(told["duplicates"], ROWS - events.len());
        let done = bench
            .run(&[
                "query",
                "--format",
                "csv",
                "--limit",
                "100000",
                "SELECT description, line FROM events",
            ])
            .exits(0);
        let mut stored = 0;
        for row in done.stdout.lines().skip(1) {
            let (note, line) = row.split_once(',').expect("two columns");
            let of: usize = note.trim_start_matches("note ").parse().expect("a number");
            assert_eq!(
                line.parse(),
                Ok(events[&of]),
                "the first row of {of} is stored"
            );
            stored += 1;
        }
        assert_eq!(stored, events.len());
        // Tallies count records before deduplication.
        let done = bench
            .run(&["--json", "feeds", "tally", "2023-01-10"])
            .exits(0);
        let records: u64 = sum_of_records(&done.json());
        assert_eq!(records, ROWS as u64);
        // The same bytes again change nothing.
        let again = bench.run(&["--json", "ingest"]).exits(0).json();
        assert_eq!(again["summary"]["feeds"][0]["known"], 1);
    }
}

fn sum_of_records(told: &serde_json::Value) -> u64 {
    match told {
        serde_json::Value::Array(all) => all.iter().map(sum_of_records).sum(),
        serde_json::Value::Object(one) => match one.get("records") {
            Some(records) if records.is_u64() => records.as_u64().unwrap_or_default(),
            _ => one.values().map(sum_of_records).sum(),
        },
        _ => 0,
    }
}
