//! Years of real lists in one run: every dated series of the data folder, by the configuration in
//! `examples/whole-series`, and every control total that the folder's MANIFEST.md counted by other means.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::founding_week::tally;
use crate::run::{Bench, data, tree};

/// A column of the control totals: its head in MANIFEST.md, the feed, how it is divided, the keys.
type Column = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const COLUMNS: &[Column] = &[
    ("jpcert phishing URLs", "jpcert", "observable", &["url"]),
    ("openphish new URLs", "openphish", "observable", &["url"]),
    (
        "urlhaus new hosts",
        "urlhaus-hosts",
        "observable",
        &["ip", "domain"],
    ),
    ("tweetfeed url", "tweetfeed", "observable", &["url"]),
    ("tweetfeed domain", "tweetfeed", "observable", &["domain"]),
    ("tweetfeed ip", "tweetfeed", "observable", &["ip"]),
    ("tweetfeed #phishing", "tweetfeed", "tag", &["phishing"]),
    ("cnvd vulns", "cnvd", "observable", &["vulnerability"]),
    ("cnvd high", "cnvd", "tag", &["high"]),
    ("kev added", "kev", "observable", &["vulnerability"]),
    ("cve records", "cve", "observable", &["vulnerability"]),
];

/// Week (`2023-W02`), the column's head, the total: every control total of MANIFEST.md.
fn control_totals(data: &Path) -> Vec<(String, String, i64)> {
    let manifest = std::fs::read_to_string(data.join("MANIFEST.md")).expect("it is there");
    let mut heads: Vec<String> = Vec::new();
    let mut totals = Vec::new();
    for line in manifest.lines() {
        let cells = line.trim().trim_matches('|').split('|');
        let cells: Vec<String> = cells.map(|cell| cell.trim().to_owned()).collect();
        let week = cells[0].len() == 8 && cells[0].get(4..6) == Some("-W");
        if cells[0] == "week" {
            heads = cells;
        } else if week && cells.len() == heads.len() {
            for (head, cell) in std::iter::zip(&heads, &cells).skip(1) {
                let total = cell.parse().expect("a control total is a number");
                totals.push((cells[0].clone(), head.clone(), total));
            }
        }
    }
    totals
}

/// The Monday of an ISO week.
fn monday(week: &str) -> String {
    let (year, week) = week.split_once("-W").expect("a week");
    let date = jiff::civil::ISOWeekDate::new(
        year.parse().expect("a year"),
        week.parse().expect("a week"),
        jiff::civil::Weekday::Monday,
    );
    date.expect("a week of the year").date().to_string()
}

/// PhishTank's dumps as files that the configuration reads.
fn unpack_phishtank(data: &Path, bench: &Bench) {
    for name in ["2019-01-07", "2019-01-28", "2019-02-04", "2019-02-11"] {
        let packed = data.join(format!("feeds/phishing/phishtank/{name}.csv.bz2"));
        let script = "import bz2, sys; sys.stdout.buffer.write(bz2.open(sys.argv[1]).read())";
        let done = Command::new("python3")
            .args(["-c", script])
            .arg(&packed)
            .output();
        let done = done.expect("python3 runs");
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        bench.write(&format!("incoming/phishtank/{name}.csv"), done.stdout);
    }
}

/// Records by what `feeds tally` names: feed, and the kind of observable or the tag.
type Tallies = BTreeMap<(String, String), i64>;

#[test]
fn all_series_come_in_by_one_run_and_every_control_total_agrees() {
    let Some(data) = data() else { return };
    let example = tree().join("examples/whole-series/watchfire.toml");
    let configuration = std::fs::read_to_string(example).expect("the example is there");
    let bench = Bench::with(&configuration).set("WATCHFIRE_DATA", &data.to_string_lossy());
    unpack_phishtank(&data, &bench);
    bench.run(&["config", "check"]).exits(0);
    bench.run(&["feeds", "check"]).exits(0);

    let started = std::time::Instant::now();
    let done = bench.run(&["ingest", "--json"]).exits(0).json();
    let feeds = done["summary"]["feeds"].as_array().expect("a list");
    assert_eq!(feeds.len(), 18, "{feeds:?}");
    let (mut rows, mut rejects, mut cve_rejects, mut withdrawn) = (0, 0, 0, 0);
    for feed in feeds {
        let count = |key: &str| {
            feed[key]
                .as_i64()
                .unwrap_or_else(|| panic!("{key}: {feed}"))
        };
        assert!(count("events") > 0, "{feed}");
        // Every row became an event, a duplicate of one, or a reject.
        assert_eq!(
            count("rows"),
            count("events") + count("duplicates") + count("rejects"),
            "{feed}"
        );
        rows += count("rows");
        rejects += count("rejects");
        if feed["feed"] == "cve" {
            cve_rejects = count("rejects");
        }
    }
    eprintln!(
        "{rows} rows of {} feeds in {:.1} s, {rejects} rejects",
        feeds.len(),
        started.elapsed().as_secs_f64()
    );
    assert!(rows > 1_100_000, "only {rows} rows");
    assert!(rejects * 500 < rows, "{rejects} rejects in {rows} rows");

    let mut tallies: BTreeMap<(String, &str), Tallies> = BTreeMap::new();
    let mut wrong = Vec::new();
    let totals = control_totals(&data);
    assert!(totals.len() >= 132, "only {} control totals", totals.len());
    for (week, head, total) in &totals {
        let column = COLUMNS.iter().find(|(name, ..)| name == head);
        let (_, feed, by, keys) = column.unwrap_or_else(|| panic!("no feed gives `{head}`"));
        let tallies = tallies
            .entry((week.clone(), by))
            .or_insert_with(|| tally(&bench, &monday(week), by));
        let count = |key: &&str| {
            let found = tallies.get(&((*feed).to_owned(), (*key).to_owned()));
            found.copied().unwrap_or(0)
        };
        let found: i64 = keys.iter().map(count).sum();
        // REJECTED records are counted there; here they are rejects, and just as many.
        if head == "cve records" {
            assert!(found <= *total, "{week}: {found}");
            withdrawn += *total - found;
        } else if found != *total {
            wrong.push(format!("{week} {head}: {found}, MANIFEST.md has {total}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert_eq!(withdrawn, cve_rejects, "REJECTED records");
}
