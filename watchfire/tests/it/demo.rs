//! The whole flow on the made-up country: feed files in, bulletin out, figures equal to what the
//! country's maker knows, and each of them opened down to the lines it was counted from.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde_json::Value;
use watchfire::demo;

use crate::run::Bench;

/// Contents of the issues' files on the site.
fn site(bench: &Bench) -> BTreeMap<String, Vec<u8>> {
    let folder = std::fs::read_dir(bench.path().join("country/site/issues"));
    let folder = folder.expect("issues are published");
    folder
        .flatten()
        .map(|entry| {
            (
                entry.file_name().to_string_lossy().into_owned(),
                std::fs::read(entry.path()).expect("it can be read"),
            )
        })
        .collect()
}

/// Exact counts by key.
fn counts(values: &Value) -> HashMap<String, u64> {
    let values = values.as_array().expect("a list");
    values
        .iter()
        .filter_map(|value| {
            Some((
                value["key"].as_str()?.to_owned(),
                value["value"]["exact"]["count"].as_u64()?,
            ))
        })
        .collect()
}

/// I1 counted again from the audit trail alone, which knows nothing of the column that the figure reads:
/// incidents that were asked about and whose first outcome fell into the week.
fn handled_as_the_trail_tells(bench: &Bench, values: &HashMap<String, u64>) {
    let run = |args: &[&str]| {
        let all = [&["--workspace", "country"][..], args].concat();
        bench.run(&all).exits(0).json()
    };
    let trail = run(&[
        "audit",
        "list",
        "--action",
        "incident.step",
        "--limit",
        "1000000",
        "--json",
    ]);
    let rows = trail.as_array().expect("a list");
    let mut steps: Vec<(i64, String, Value)> = rows
        .iter()
        .map(|row| {
            let detail = match &row["detail"] {
                Value::String(text) => serde_json::from_str(text).expect("it is JSON"),
                other => other.clone(),
            };
            let seq = row["seq"].as_i64().expect("a place");
            (
                seq,
                row["object"].as_str().expect("an object").to_owned(),
                detail,
            )
        })
        .collect();
    steps.sort_by_key(|(seq, ..)| *seq);
    let mut asked = std::collections::HashSet::new();
    let mut handled: HashMap<String, i64> = HashMap::new();
    for (_, object, detail) in steps {
        match detail["to"].as_str().expect("a state") {
            "notified" => {
                asked.insert(object);
            }
            "acted" | "gone" if asked.contains(&object) => {
                let at = detail["at"].as_i64().expect("an instant");
                handled.entry(object).or_insert(at);
            }
            _ => {}
        }
    }
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").expect("the zone is known");
    let (from, to) = demo::default_end().span(&zone);
    let count = handled
        .values()
        .filter(|at| (from.0..to.0).contains(*at))
        .count();
    assert!(count > 30, "the demo works: {count}");
    assert_eq!(values.get("I1"), Some(&(count as u64)));
}

#[test]
fn the_demo_counts_what_its_country_holds_and_every_figure_opens() {
    let truth = Bench::new();
    let country = demo::write(
        truth.path(),
        demo::DEFAULT_SEED,
        demo::default_end(),
        &mut |_, _, _| {},
    )
    .expect("it can be written");

    let bench = Bench::new();
    let done = bench.run(&["demo", "country", "--json"]).exits(0).json();
    let values = counts(&done["values"]);
    for (id, expected) in country.headline() {
        let key = match id {
            "W6 domains" => "W6",
            "W6 addresses" => "W6/address",
            id => id,
        };
        assert_eq!(values.get(key), Some(&expected), "{id}");
    }
    let sum = |key: &str| -> u64 {
        let feeds = done["ingest"]["feeds"].as_array().expect("a list");
        feeds.iter().filter_map(|feed| feed[key].as_u64()).sum()
    };
    assert_eq!(
        (sum("rows"), sum("rejects")),
        (country.rows(), country.rejects())
    );
    assert_eq!(
        sum("rows"),
        sum("events") + sum("duplicates") + sum("rejects")
    );
    assert!(
        done["rating"]["outcome"]["level"].is_u64(),
        "{}",
        done["rating"]
    );

    handled_as_the_trail_tells(&bench, &values);

    // What is written is there, in both languages.
    let files = done["files"].as_array().expect("a list");
    assert!(
        files
            .iter()
            .all(|file| Path::new(file.as_str().expect("a path")).is_file())
    );
    let before = site(&bench);
    for ending in [
        ".json", ".zh.html", ".en.html", ".zh.csv", ".en.csv", ".zh.pdf", ".en.pdf",
    ] {
        assert!(
            before.keys().any(|name| name.ends_with(ending)),
            "no {ending}: {:?}",
            before.keys()
        );
    }

    // What is frozen is made again to the byte, and counted again by somebody else.
    let json = format!(
        "country/site/issues/{}.json",
        done["issue"].as_str().expect("a number")
    );
    crate::recount::is_what_raw_files_say(&bench.path().join("country"), &bench.path().join(json));

    // A figure opens: as many lines as it counts, the query finds as many keys, a key its raw lines.
    let bench = bench.set("WATCHFIRE_WORKSPACE", "country");
    let issue = done["issue"].as_str().expect("a number");
    let verdict = bench
        .run(&["bulletin", "verify", issue, "--json"])
        .exits(0)
        .json();
    assert!(verdict["recounted"].as_u64() > Some(120), "{verdict}");
    assert_eq!(verdict["bulletin_same"], true);
    for (id, input, key) in [
        ("M2", "infected.trojan", ""),
        ("M3", "infected.conficker", ""),
        ("H2", "hosting.address", "source_ip"),
        ("W1", "defaced.site", "coalesce(domain, host)"),
        ("W5", "phishing.page", "source_url"),
        ("V1", "vulnerability.record", "vulnerability_id"),
    ] {
        let lines = bench
            .run(&["week", issue, "--explain", id, "--json"])
            .exits(0)
            .stdout;
        let lines: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        let counted = lines.iter().filter(|line| line["input"] == input).count() as u64;
        assert_eq!(Some(&counted), values.get(id), "{id}");
        assert!(
            lines.iter().all(|line| line["events"]
                .as_array()
                .is_some_and(|events| !events.is_empty())),
            "{id}"
        );
        let opened = bench.run(&["week", issue, "--explain", id]).exits(0).stdout;
        let select = opened
            .lines()
            .map(str::trim)
            .find(|line| line.starts_with("SELECT"))
            .expect("a query is told");
        if !key.is_empty() {
            let sql = format!("SELECT count(DISTINCT {key}) AS n FROM ({select})");
            let found = bench.run(&["query", "--json", &sql]).exits(0).json();
            assert_eq!(
                found["n"].as_u64().as_ref(),
                values.get(id),
                "{id}: {select}"
            );
        }
    }
    let lines = bench
        .run(&["week", issue, "--explain", "W2", "--json"])
        .exits(0)
        .stdout;
    let line: Value = serde_json::from_str(lines.lines().next().expect("a key")).expect("JSON");
    let key = line["key"].as_str().expect("a site");
    let opened = bench
        .run(&["week", issue, "--explain", "W2", "--key", key])
        .exits(0)
        .stdout;
    let raw: Vec<&str> = opened
        .lines()
        .filter(|line| line.starts_with("  ") && line.contains(key))
        .collect();
    assert!(!raw.is_empty(), "no raw line names {key}:\n{opened}");
    bench
        .run(&["week", issue, "--explain", "W2", "--key", "no-such.example"])
        .exits(1)
        .says("does not count the key");
    bench
        .run(&["week", issue, "--explain", "X9"])
        .exits(2)
        .says("choose one of M1");

    // Divided: days add up to no less than the whole, and the whole is the figure.
    let days = bench
        .run(&["week", issue, "--by", "day", "--statistic", "W5", "--json"])
        .exits(0)
        .json();
    let division = &days["divisions"][0];
    assert_eq!(division["total"].as_u64().as_ref(), values.get("W5"));
    let groups = division["groups"].as_array().expect("a list");
    assert_eq!(groups.len(), 7);
    bench
        .run(&["week", issue, "--by", "colour"])
        .exits(2)
        .says("but by day");

    // Fourteen weeks of feeds as they are: nothing drifts in the last four, and before only Shadowserver's
    // new column, with which the country's reports change once.
    bench.run(&["feeds", "drift"]).exits(0);
    let drift = bench
        .run(&["feeds", "drift", "--weeks", "20", "--json"])
        .exits(4)
        .json();
    for row in drift.as_array().expect("a list") {
        let finding = &row["finding"];
        let change = finding["change"].as_str().expect("a word");
        let severity = finding["name"] == "severity" || finding["field"] == "severity";
        assert!(
            severity && ["new-column", "filled"].contains(&change),
            "a false alarm: {row}"
        );
    }
    // Block lists yield listings.
    let listed = bench
        .run(&["feeds", "listings", "anonymizer-exits", "--json"])
        .exits(0);
    assert!(listed.stdout.lines().count() > 340, "some were delisted");
    assert!(values["L1"] > 0 && values["L2"] > 0 && values["L3"] > 0 && values["L4"] > 0);

    // Nothing is damaged; what is wanting is told as such.
    let findings = bench.run(&["doctor", "--deep", "--json"]).json();
    let errors: Vec<&Value> = findings
        .as_array()
        .expect("a list")
        .iter()
        .filter(|finding| finding["grade"] == "error")
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    bench
        .run(&["rating", issue])
        .exits(0)
        .prints("indicator")
        .prints("gate:");

    // The same again: nothing new, the same revision, the same bytes.
    let again = bench.run(&["demo", "country", "--json"]).exits(0).json();
    let feeds = again["ingest"]["feeds"].as_array().expect("a list");
    assert!(feeds.iter().all(|feed| feed["events"] == 0), "{feeds:?}");
    let list = bench_list(&bench);
    assert!(
        list.as_array()
            .expect("a list")
            .iter()
            .all(|issue| issue["revision"] == 1),
        "{list}"
    );
    assert!(site(&bench) == before, "the rendered files differ");
    bench
        .run(&["demo", "country", "--seed", "7"])
        .exits(1)
        .says("holds no demo of seed 7");
}

fn bench_list(bench: &Bench) -> Value {
    bench.run(&["bulletin", "list", "--json"]).exits(0).json()
}
