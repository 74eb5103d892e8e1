//! Upkeep from outside: compaction changes no figure and no raw line, what is wrong with the lake is
//! named, and rules of retention take away what no hold keeps.

use std::path::{Path, PathBuf};

use crate::crash::copy;
use crate::run::{Bench, Done};

pub(crate) const CONFIGURATION: &str = r#"
[workspace]
name = "upkeep"
zone = "Asia/Shanghai"

[[feed]]
name = "phish"
provider = "Example"
format = "jpcert"
zone = "Asia/Tokyo"
licence = "none"
paths = ["in/phish-*.csv"]

[[feed]]
name = "bots"
provider = "Example"
format = "csv"
zone = "UTC"
licence = "none"
classification = "infected-system"
paths = ["in/bots-*.csv"]
columns = { time = "observed_at", ip = "source_ip", cc = "source_country", name = "malware_name", mark = "tlp" }
"#;

/// What explains a figure that these feeds supply.
const FIGURES: [&str; 3] = ["M1", "M2", "W5"];

fn phish(from: u32, rows: u32) -> String {
    let mut text = String::from("date,URL,description\n");
    for n in from..from + rows {
        let (day, hour) = (9 + n % 7, n % 24);
        text.push_str(&format!(
            "2023/01/{day:02} {hour:02}:00:00,https://p{n}.example/login,Example Bank\n"
        ));
    }
    text.push_str("2023/13/45 00:00:00,https://bad.example/,Example Bank\n");
    text
}

fn bots(from: u32, rows: u32) -> String {
    let mut text = String::from("time,ip,cc,name,mark\n");
    for n in from..from + rows {
        let (day, ip) = (9 + n % 7, n % 250);
        let mark = ["", "AMBER", "RED"][(n % 3) as usize];
        text.push_str(&format!(
            "2023-01-{day:02}T{:02}:30:00Z,192.0.2.{ip},CN,mirai{},{mark}\n",
            n % 20,
            n % 3
        ));
    }
    text
}

/// Eight reports over seven days; half of each repeats the one before.
pub(crate) fn filled(configuration: &str) -> Bench {
    let bench = Bench::with(configuration);
    for n in 0..4 {
        bench.write(&format!("in/phish-{n}.csv"), phish(n * 40, 80));
        bench.write(&format!("in/bots-{n}.csv"), bots(n * 40, 80));
    }
    bench.run(&["ingest"]).exits(0);
    bench
}

fn twin(of: &Bench) -> Bench {
    let bench = Bench::new();
    copy(of.path(), bench.path());
    bench
}

fn files(bench: &Bench, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for day in std::fs::read_dir(bench.path().join("lake")).expect("the lake is there") {
        let day = day.expect("a day").path();
        for file in std::fs::read_dir(&day).expect("a day is a folder") {
            let path = file.expect("a file").path();
            if path.extension().is_some_and(|found| found == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn events(bench: &Bench) -> String {
    let sql = "select * from events order by event_id";
    let arguments = ["--json", "query", sql, "--limit", "100000"];
    bench.run(&arguments).exits(0).stdout
}

/// Figures, what stands behind them, and raw lines. Only the snapshot's number and time may differ.
fn figures(bench: &Bench, snapshot: Option<&str>) -> String {
    let ask = |arguments: &[&str]| {
        let mut all = vec!["--json", "week", "2023-3"];
        all.extend(arguments);
        if let Some(number) = snapshot {
            all.extend(["--snapshot", number]);
        }
        bench.run(&all).exits(0).stdout
    };
    let mut all: String = ask(&[])
        .lines()
        .filter(|line| !line.contains("\"lake_snapshot\"") && !line.contains("\"ledger_as_of\""))
        .collect::<Vec<_>>()
        .join("\n");
    for figure in FIGURES {
        let lines = ask(&["--explain", figure]);
        assert!(lines.contains("\"key\""), "{figure} counts something");
        all.push_str(&lines);
    }
    let key = ["--explain", "W5", "--key", "https://p41.example/login"];
    let raw = ask(&key);
    assert!(
        raw.contains(",https://p41.example/login,Example Bank"),
        "{raw}"
    );
    all + &raw
}

fn snapshot(bench: &Bench) -> String {
    bench.run(&["--json", "status"]).exits(0).json()["snapshot"].to_string()
}

#[test]
fn compaction_changes_no_figure_and_no_event() {
    let bench = filled(CONFIGURATION);
    let (before, all) = (figures(&bench, None), events(&bench));
    let old = snapshot(&bench);
    assert_eq!(all.matches("\"event_id\"").count(), 400);
    let many = files(&bench, "parquet").len();
    assert_eq!(many, files(&bench, "ids").len());
    bench
        .run(&["lake", "compact", "--dry-run"])
        .exits(0)
        .prints("2023-01-09");
    assert_eq!(files(&bench, "parquet").len(), many);
    // An issue is frozen: what it was counted from stays.
    bench.run(&["bulletin", "draft", "2023-3"]).exits(0);

    bench
        .run(&["lake", "compact", "--day", "2023-01-09"])
        .exits(0);
    let done = bench.run(&["--json", "lake", "compact"]).exits(0).json();
    assert!(
        done["days"].as_array().is_some_and(|days| days.len() >= 6),
        "{done}"
    );
    assert_eq!(
        done["vacuum"]["removed"], 0,
        "the issue needs the old files"
    );
    assert_eq!(events(&bench), all);
    assert_eq!(figures(&bench, None), before);
    assert_eq!(
        figures(&bench, Some(&old)),
        before,
        "the frozen snapshot is as it was"
    );
    let status = bench.run(&["--json", "status"]).exits(0).json();
    let days = files(&bench, "parquet").len() - many;
    assert_eq!(status["parts"], days, "one part a day");
    bench.run(&["lake", "check", "--deep"]).exits(0);

    // Again, it does nothing; without an issue the old files go.
    let done = bench.run(&["--json", "lake", "compact"]).exits(0).json();
    assert_eq!(done["days"], serde_json::json!([]), "{done}");
    let free = filled(CONFIGURATION);
    free.run(&["lake", "compact", "--week", "2023-3"]).exits(0);
    assert_eq!(files(&free, "parquet").len(), days);
    assert_eq!(files(&free, "ids").len(), days);
    free.run(&["week", "2023-3", "--snapshot", "1"])
        .exits(1)
        .says("not found");
    free.run(&["lake", "check", "--deep"]).exits(0);
    free.run(&["--json", "doctor", "--deep"])
        .prints("every part whole");
}

#[test]
fn a_report_in_a_compacted_day_is_read_again_as_in_any_other() {
    let plain = filled(CONFIGURATION);
    let compacted = twin(&plain);
    compacted.run(&["lake", "compact"]).exits(0);
    let both = |act: &dyn Fn(&Bench) -> Done| {
        for bench in [&plain, &compacted] {
            act(bench).exits(0);
        }
        assert_eq!(events(&compacted), events(&plain));
    };
    both(&|bench| bench.run(&["ingest"]));
    // A mended reject, with a date in a compacted day.
    both(&|bench| {
        let rejects = bench.run(&["--json", "rejects", "list", "--rows"]).exits(0);
        let first = rejects.stdout.lines().next().expect("there is a reject");
        let first: serde_json::Value = serde_json::from_str(first).expect("a line of JSON");
        let id = first["id"].to_string();
        bench.write(
            "mended",
            "2023/01/10 00:00:00,https://mended.example/,Example Bank\n",
        );
        bench
            .run(&["rejects", "edit", &id, "--file", "mended"])
            .exits(0);
        bench.run(&["rejects", "replay"])
    });
    assert!(events(&plain).contains("mended.example"));
    // A feed is read as what it is: its rows change their days, so all of its events do.
    both(&|bench| {
        let wrong =
            CONFIGURATION.replace("zone = \"Asia/Tokyo\"", "zone = \"America/Los_Angeles\"");
        bench.write("watchfire.toml", wrong);
        bench.run(&["ingest", "--again", "phish"])
    });
    for bench in [&plain, &compacted] {
        bench.run(&["lake", "compact"]).exits(0);
        bench.run(&["lake", "check", "--deep"]).exits(0);
        assert_eq!(events(bench), events(&plain));
    }
}

#[test]
fn what_is_wrong_with_the_lake_is_named() {
    let whole = filled(CONFIGURATION);
    whole.run(&["lake", "compact"]).exits(0);
    whole.run(&["lake", "check", "--deep"]).exits(0);
    let name = |path: &Path| {
        path.file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned()
    };
    let wrong = |spoil: &dyn Fn(&Bench) -> String, deep: bool, says: &str| {
        let bench = twin(&whole);
        let object = spoil(&bench);
        let arguments: &[&str] = match deep {
            true => &["--json", "lake", "check", "--deep"],
            false => &["--json", "lake", "check"],
        };
        let findings = bench.run(arguments).exits(4).json();
        let found = findings.as_array().expect("a list").iter().any(|finding| {
            let is = |key: &str, text: &str| {
                finding[key]
                    .as_str()
                    .is_some_and(|found| found.contains(text))
            };
            is("object", &object) && is("message", says) && finding["remedy"].is_string()
        });
        assert!(found, "{object} {says}: {findings:#}");
        bench.run(&["doctor", "--deep"]).exits(4);
    };
    let first = |bench: &Bench, ending: &str| files(bench, ending).remove(0);
    let removed = |bench: &Bench| {
        let part = first(bench, "parquet");
        std::fs::remove_file(&part).expect("removes");
        name(&part)
    };
    wrong(&removed, false, "is in the manifest and not in");
    let cut = |bench: &Bench| {
        let run = first(bench, "ids");
        let bytes = std::fs::read(&run).expect("reads");
        std::fs::write(&run, &bytes[..bytes.len() - 1]).expect("writes");
        name(&run)
    };
    wrong(&cut, false, "bytes");
    let flipped = |bench: &Bench| {
        let part = first(bench, "parquet");
        let mut bytes = std::fs::read(&part).expect("reads");
        let middle = bytes.len() / 3;
        bytes[middle..middle + 64].fill(0xa5);
        std::fs::write(&part, bytes).expect("writes");
        name(&part)
    };
    wrong(&flipped, true, "");
    let orphan = |bench: &Bench| {
        bench.write(
            "lake/day=2023-01-09/R-none-g1.parquet",
            "staged and never committed",
        );
        "R-none-g1.parquet".to_owned()
    };
    wrong(&orphan, false, "no snapshot knows");
    let blob = |bench: &Bench| {
        let store = bench.path().join("blobs");
        let folder = std::fs::read_dir(store)
            .expect("blobs")
            .next()
            .expect("one")
            .expect("one");
        std::fs::remove_dir_all(folder.path()).expect("removes");
        "csv".to_owned()
    };
    wrong(&blob, false, "missing");
    // A part that is lost is given up, and its reports are read again.
    let bench = twin(&whole);
    let path = format!("day=2023-01-08/{}", removed(&bench));
    let give_up = ["lake", "give-up", path.as_str(), "--by", "li.na"];
    bench.run(&give_up).exits(0).says("ingest --again");
    bench.run(&give_up).exits(1).says("no live part");
    bench
        .run(&["lake", "check"])
        .exits(4)
        .prints("of its events are in the lake");
    bench.run(&["ingest", "--again"]).exits(0);
    bench.run(&["lake", "compact"]).exits(0);
    bench.run(&["lake", "check", "--deep"]).exits(0);
    let places = |bench: &Bench| {
        let sql = "select event_id, source_url, source_ip from events order by event_id";
        let arguments = ["--json", "query", sql, "--limit", "100000"];
        bench.run(&arguments).exits(0).stdout
    };
    assert_eq!(places(&bench), places(&whole));
    let part = files(&bench, "parquet").remove(0);
    let whole_part = format!("day=2023-01-08/{}", name(&part));
    let refused = ["lake", "give-up", whole_part.as_str(), "--by", "li.na"];
    bench.run(&refused).exits(1).says("is whole");
    // The orphan is collected.
    let bench = twin(&whole);
    orphan(&bench);
    let done = bench.run(&["--json", "lake", "compact"]).exits(0).json();
    assert_eq!(done["vacuum"]["orphans"], 1, "{done}");
    bench.run(&["lake", "check"]).exits(0);
}

pub(crate) const RULES: &str = r#"
[[retention]]
name = "red bots"
what = "events"
feeds = ["bot*"]
tlp = ["TLP:RED"]
keep_days = 30

[[retention]]
name = "bots for ever"
what = "events"
feeds = ["bots"]
keep_days = 36500

[[retention]]
name = "phishing"
what = "events"
classes = ["phishing"]
keep_days = 365

[[retention]]
name = "rows that were none"
what = "rejects"
keep_days = 100000
"#;

#[test]
fn rules_take_away_what_no_hold_keeps() {
    let bench = filled(&format!("{CONFIGURATION}{RULES}"));
    bench.run(&["lake", "compact"]).exits(0);
    bench.run(&["bulletin", "draft", "2023-3"]).exits(0);
    let old = snapshot(&bench);
    let show = ["--json", "bulletin", "list"];
    let frozen = bench.run(&show);
    let day = ["--from", "2023-01-10", "--to", "2023-01-10"];
    let mut add = vec![
        "hold", "add", "--feed", "phish", "--reason", "case 17", "--by", "li.na",
    ];
    add.extend(day);
    bench.run(&add).exits(0);
    let count = |bench: &Bench, condition: &str| {
        let sql = format!("select count(*) as n from events where {condition}");
        let rows = bench.run(&["--json", "query", &sql]).exits(0).stdout;
        let digits: String = rows.chars().filter(char::is_ascii_digit).collect();
        digits.parse::<u64>().expect("a number")
    };
    let held = count(
        &bench,
        "feed = 'phish' and observed_at >= '2023-01-10' and observed_at < '2023-01-11'",
    );
    let phish = count(&bench, "feed = 'phish'");
    let red = count(&bench, "tlp = 'RED'");
    let bots = count(&bench, "feed = 'bots'");
    assert!(held > 0 && red > 0 && phish > held && bots > red);

    let sums = |done: Done| {
        let rows = done.exits(0).json();
        let of = |rule: &str, what: &str| {
            let rows = rows.as_array().expect("a list").iter();
            let rows = rows.filter(|row| row["rule"] == rule);
            rows.map(|row| row[what].as_u64().expect("a number"))
                .sum::<u64>()
        };
        (
            of("red bots", "count"),
            of("phishing", "count"),
            of("phishing", "held"),
        )
    };
    let expected = (red, phish - held, held);
    assert_eq!(
        sums(bench.run(&["--json", "retention", "preview"])),
        expected
    );
    assert_eq!(
        count(&bench, "true"),
        phish + bots,
        "a preview takes nothing"
    );
    let apply = ["--json", "retention", "apply", "--by", "li.na"];
    assert_eq!(sums(bench.run(&apply)), expected);
    assert_eq!(count(&bench, "feed = 'phish'"), held);
    assert_eq!(count(&bench, "tlp = 'RED'"), 0);
    assert_eq!(count(&bench, "feed = 'bots'"), bots - red);
    bench.run(&["lake", "check", "--deep"]).exits(0);
    assert_eq!(sums(bench.run(&apply)), (0, 0, held), "twice takes nothing");

    // A figure says what is gone, by which rule; the issue keeps its values.
    let key = ["--explain", "W5", "--key", "https://p42.example/login"];
    for extra in [vec![], vec!["--snapshot", old.as_str()]] {
        let mut explain = vec!["week", "2023-3"];
        explain.extend(key);
        explain.extend(extra);
        bench.run(&explain).exits(0).prints("by rule `phishing`");
    }
    bench
        .run(&["week", "2023-3"])
        .exits(0)
        .prints("by rule `red bots`");
    assert_eq!(bench.run(&show).stdout, frozen.stdout);
    // The files still lie where they were delivered: nothing comes back, not even by force.
    bench.run(&["ingest"]).exits(0);
    bench
        .run(&["ingest", "--again", "phish"])
        .says("is not read again");
    assert_eq!(count(&bench, "feed = 'phish'"), held);

    bench
        .run(&[
            "hold", "release", "1", "--reason", "closed", "--by", "wang.wei",
        ])
        .exits(0);
    bench.run(&apply).exits(0);
    assert_eq!(count(&bench, "feed = 'phish'"), 0);
    bench.run(&["retention", "log"]).exits(0).prints("li.na");
    bench.run(&["doctor"]).prints("the chain holds");
}

#[test]
fn the_serving_process_compacts_by_itself_and_changes_no_figure() {
    let bench = filled(&format!(
        "{CONFIGURATION}\n[serve]\nlook_secs = 1\nupkeep_secs = 1\n"
    ));
    let (before, all) = (figures(&bench, None), events(&bench));
    let many = files(&bench, "parquet").len();
    let needed = || {
        let plan = bench.run(&["--json", "lake", "compact", "--dry-run"]);
        plan.exits(0).json()["days"].as_array().map_or(0, Vec::len)
    };
    assert!(needed() > 0);
    {
        let _serving = crate::serve::Serving::start(&bench);
        crate::serve::until("compaction", || needed() == 0);
        assert_eq!(figures(&bench, None), before);
    }
    assert_eq!(events(&bench), all);
    // What was read a moment ago may still be in somebody's hands: nothing is deleted yet.
    assert!(files(&bench, "parquet").len() > many);
    bench.run(&["lake", "compact"]).exits(0);
    assert!(files(&bench, "parquet").len() < many);
    assert_eq!(events(&bench), all);
}
