//! Block lists followed over their snapshots: on real lists against a plain loop over the files, and on
//! made ones for what must not delist, for order, and for what a figure opens.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::run::{Bench, data};

const HEAD: &str = r#"
[workspace]
name = "lists"
zone = "UTC"

[series]
id = "lists"
title_zh = "名单"
title_en = "Lists"
organization_zh = "示例"
organization_en = "Example"
scheme = "sunday-ordinal"
"#;

fn feed(name: &str, format: &str, paths: &str, more: &str) -> String {
    format!(
        r#"
[[feed]]
name = "{name}"
provider = "Example"
format = "{format}"
paths = ["{paths}"]
zone = "UTC"
snapshot = "%Y-%m-%d"
every_days = 7
classification = "c2-server"
licence = "none"
{more}
"#
    )
}

/// What a listing comes to: state, first and last seen, delisted at, times listed.
type Life = (String, String, String, Option<String>, u64);

/// Items by list and date.
type Snapshots = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// The listings of a feed as the command gives them, by list and item.
fn listings(bench: &Bench, feed: &str, more: &[&str]) -> BTreeMap<(String, String), Life> {
    let mut arguments = vec!["--json", "feeds", "listings", feed];
    arguments.extend(more);
    let done = bench.run(&arguments).exits(0);
    let day = |value: &Value| value.as_str().map(|at| at[..10].to_owned());
    done.stdout
        .lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line).expect("JSON");
            let text = |key: &str| row[key].as_str().expect("text").to_owned();
            let life = (
                text("state"),
                day(&row["first_seen"]).expect("a time"),
                day(&row["last_seen"]).expect("a time"),
                day(&row["delisted_at"]),
                row["times_relisted"].as_u64().expect("a number") + 1,
            );
            ((text("list"), text("item")), life)
        })
        .collect()
}

/// The same from the files by a plain loop: lists by name, each with its dates and items.
fn plain(lists: &Snapshots) -> BTreeMap<(String, String), Life> {
    let mut lives = BTreeMap::new();
    for (list, dates) in lists {
        let mut counts: Option<usize> = None;
        let mut whole: Vec<(&String, &BTreeSet<String>, bool)> = Vec::new();
        for (date, items) in dates {
            let lost_most = counts.is_some_and(|n| items.len() * 2 < n && n - items.len() > 20);
            if !lost_most {
                counts = Some(items.len());
            }
            whole.push((date, items, !lost_most));
        }
        let all: BTreeSet<&String> = dates.values().flatten().collect();
        for item in all {
            let mut on = false;
            let mut times = 0;
            let (mut first, mut last, mut off) = (String::new(), String::new(), None);
            let mut began_last = false;
            for (place, (date, items, is_whole)) in whole.iter().enumerate() {
                if items.contains(item) {
                    if !on {
                        times += 1;
                        began_last = place > 0;
                    } else {
                        began_last = false;
                    }
                    if first.is_empty() {
                        first.clone_from(date);
                    }
                    last.clone_from(date);
                    off = None;
                    on = true;
                } else if on && *is_whole {
                    on = false;
                    off = Some((*date).clone());
                }
            }
            let newest = whole.last().expect("a date").0;
            let state = match (on, began_last && last == *newest) {
                (false, _) => "delisted",
                (true, true) => "new",
                (true, false) => "continuing",
            };
            let life = (state.to_owned(), first, last, off, times);
            lives.insert((list.clone(), item.clone()), life);
        }
    }
    lives
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .flatten()
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

fn name(path: &Path) -> String {
    path.file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned()
}

/// The date in a file's name.
fn date(name: &str) -> String {
    let at = name.find("20").expect("a year");
    name[at..at + 10].to_owned()
}

fn lines(path: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(path).expect("a list is text");
    // A number sign within a URL begins its fragment, no remark.
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let item = line.split([' ', '\t', ';']).next().unwrap_or("");
            // Addresses are kept in one spelling, whichever the list has.
            match item.parse::<std::net::IpAddr>() {
                Ok(address) => address.to_string(),
                Err(_) => item.to_owned(),
            }
        })
        .filter(|line| !line.is_empty())
        .collect()
}

#[test]
fn listings_of_real_lists_equal_a_plain_loop_over_the_files() {
    let Some(data) = data() else { return };
    let ip = "[feed.options]\nkind = \"ip\"\n";
    let root = data.display();
    let configuration = [
        HEAD.to_owned(),
        feed("tor", "list", &format!("{root}/feeds/ip/tor/*.lst"), ip),
        feed("threatfox", "list", &format!("{root}/feeds/c2/threatfox-ips/ips_*.txt"), ip),
        feed(
            "drop",
            "list",
            &format!("{root}/feeds/ip/spamhaus-drop/drop_2*.txt"),
            "[feed.options]\nkind = \"cidr\"\n",
        ),
        feed(
            "drop-json",
            "json",
            &format!("{root}/feeds/ip/spamhaus-drop/drop_v4_*.json"),
            "[feed.columns]\ncidr = \"source_network\"\nsblid = \"extra.sblid\"\n[feed.options]\nlayout = \"lines\"\n",
        ),
        feed(
            "urlhaus-hosts",
            "list",
            &format!("{root}/feeds/malware/urlhaus-hosts/domains-online_*.txt"),
            "",
        ),
        feed(
            "openphish",
            "list",
            &format!("{root}/feeds/phishing/openphish/feed_*.txt"),
            "[feed.options]\nkind = \"url\"\n",
        ),
        feed(
            "c2-tracker",
            "list",
            &format!("{root}/feeds/c2/c2-tracker/*/*.txt"),
            &format!(
                "exclude = [\"{root}/feeds/c2/c2-tracker/*/all.txt\"]\n{ip}[feed.from_path]\nfield = \"malware_name\"\npatterns = [\"{{}} C2 IPs.txt\", \"{{}} IPs.txt\"]\n"
            ),
        ),
    ]
    .concat();
    let bench = Bench::with(&configuration);
    let done = bench.run(&["--json", "ingest"]).exits(0).json();
    let rejected: BTreeMap<String, u64> = done["summary"]["feeds"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|feed| {
            let name = feed["feed"].as_str().expect("a name").to_owned();
            (name, feed["rejects"].as_u64().expect("a number"))
        })
        .collect();

    let mut checked = 0;
    let folders = [
        ("tor", "feeds/ip/tor", "tor-exit-nodes_"),
        ("threatfox", "feeds/c2/threatfox-ips", "ips_"),
        ("drop", "feeds/ip/spamhaus-drop", "drop_2"),
        (
            "urlhaus-hosts",
            "feeds/malware/urlhaus-hosts",
            "domains-online_",
        ),
        ("openphish", "feeds/phishing/openphish", "feed_"),
    ];
    let mut expected: BTreeMap<&str, Snapshots> = BTreeMap::new();
    for (feed, folder, prefix) in folders {
        for path in files(&data.join(folder)) {
            let file = name(&path);
            if file.starts_with(prefix) {
                let list = expected
                    .entry(feed)
                    .or_default()
                    .entry(String::new())
                    .or_default();
                list.insert(date(&file), lines(&path));
            }
        }
    }
    for path in files(&data.join("feeds/ip/spamhaus-drop")) {
        let file = name(&path);
        if file.starts_with("drop_v4_") {
            let text = std::fs::read_to_string(&path).expect("JSON lines");
            let items = text
                .lines()
                .filter_map(|line| {
                    serde_json::from_str::<Value>(line).ok()?["cidr"]
                        .as_str()
                        .map(str::to_owned)
                })
                .collect();
            let list = expected
                .entry("drop-json")
                .or_default()
                .entry(String::new())
                .or_default();
            list.insert(date(&file), items);
        }
    }
    for folder in files(&data.join("feeds/c2/c2-tracker")) {
        for path in files(&folder) {
            let file = name(&path);
            let items = lines(&path);
            // An empty file is no snapshot: it cannot be read.
            if file == "all.txt" || items.is_empty() {
                continue;
            }
            let family = file
                .strip_suffix(" C2 IPs.txt")
                .or(file.strip_suffix(" IPs.txt"))
                .expect("a family");
            let lists = expected.entry("c2-tracker").or_default();
            let list = lists.entry(family.to_lowercase()).or_default();
            list.insert(name(&folder), items);
        }
    }
    for (feed, lists) in &expected {
        let found = listings(&bench, feed, &[]);
        let mut plain = plain(lists);
        if rejected[*feed] > 0 {
            // A line that is no item (an address with a mask in a list of hosts) is a reject, not a listing.
            let before = plain.len();
            plain.retain(|key, _| found.contains_key(key));
            assert!((before - plain.len()) as u64 <= rejected[*feed], "{feed}");
        }
        assert_eq!(found.len(), plain.len(), "{feed}");
        for (key, life) in &plain {
            assert_eq!(found.get(key), Some(life), "{feed} {key:?}");
        }
        checked += plain.len();
    }
    assert!(checked > 80_000, "only {checked} listings were compared");

    // As of an earlier day, as if the later files had not come.
    let mut earlier = expected["tor"].clone();
    if let Some(dates) = earlier.get_mut("") {
        dates.retain(|date, _| date.as_str() <= "2023-01-09");
    }
    assert_eq!(
        listings(&bench, "tor", &["--at", "2023-01-10"]),
        plain(&earlier)
    );
}

fn list(range: std::ops::Range<u32>) -> String {
    let lines: Vec<String> = range.map(|n| format!("192.0.2.{n}\n")).collect();
    lines.concat()
}

/// A workspace with one list, whose snapshots are written by the caller.
fn one_list() -> Bench {
    Bench::with(
        &(HEAD.to_owned()
            + &feed(
                "exits",
                "list",
                "in/*.txt",
                "[feed.options]\nkind = \"ip\"\n",
            )),
    )
}

const SNAPSHOTS: [(&str, std::ops::Range<u32>); 4] = [
    ("2023-01-02", 0..100),
    ("2023-01-09", 5..110),
    ("2023-01-16", 5..20),
    ("2023-01-23", 8..112),
];

#[test]
fn a_truncated_snapshot_delists_nothing_and_is_told_until_someone_decides() {
    let bench = one_list();
    for (date, range) in SNAPSHOTS {
        bench.write(&format!("in/{date}.txt"), list(range));
    }
    bench.run(&["ingest"]).exits(0);
    let all = listings(&bench, "exits", &[]);
    let of = |item: &str| all[&(String::new(), item.to_owned())].clone();
    assert_eq!(of("192.0.2.0").3.as_deref(), Some("2023-01-09"));
    assert_eq!(of("192.0.2.50").4, 1, "held through the truncated snapshot");
    assert_eq!(of("192.0.2.6").3.as_deref(), Some("2023-01-23"));
    assert_eq!(of("192.0.2.111").0, "new");
    let counts = bench
        .run(&["--json", "feeds", "lists", "exits"])
        .exits(0)
        .json();
    let numbers = |row: &Value| {
        ["new", "continuing", "delisted"].map(|key| row[key].as_u64().expect("a number"))
    };
    let weeks: Vec<[u64; 3]> = counts
        .as_array()
        .expect("a list")
        .iter()
        .map(numbers)
        .collect();
    assert_eq!(weeks, [[0, 100, 0], [10, 95, 5], [0, 105, 0], [2, 102, 3]]);

    // It is told, with its numbers, and the lists of the week stay what they are.
    bench
        .run(&["feeds", "drift"])
        .exits(4)
        .prints("the list shrank from 105 to 15 items");
    bench
        .run(&["status"])
        .exits(0)
        .prints("1 changes in reports of exits");
    bench
        .run(&[
            "feeds",
            "drift",
            "exits",
            "--accept",
            "a third of the exits closed",
            "--author",
            "duty",
        ])
        .exits(0)
        .says("accepted 1 changes");
    let accepted = listings(&bench, "exits", &[]);
    let of = |item: &str| accepted[&(String::new(), item.to_owned())].clone();
    assert_eq!(
        of("192.0.2.50").4,
        2,
        "off with the accepted snapshot, then back"
    );
    bench
        .run(&["feeds", "drift"])
        .exits(0)
        .says("no feed drifts");
    bench
        .run(&["feeds", "drift", "exits", "--accept", "again"])
        .exits(1)
        .says("no open change");
}

#[test]
fn order_repetition_and_late_snapshots_change_nothing() {
    let expected = {
        let bench = one_list();
        for (date, range) in SNAPSHOTS {
            bench.write(&format!("in/{date}.txt"), list(range));
        }
        bench.run(&["ingest"]).exits(0);
        listings(&bench, "exits", &[])
    };
    let bench = one_list();
    for (date, range) in SNAPSHOTS.into_iter().rev() {
        bench.write(&format!("in/{date}.txt"), list(range));
        bench.run(&["ingest"]).exits(0);
    }
    assert_eq!(listings(&bench, "exits", &[]), expected);
    bench.run(&["ingest", "--again"]).exits(0);
    assert_eq!(listings(&bench, "exits", &[]), expected);
}

#[test]
fn figures_of_lists_open_to_their_events() {
    let bench = one_list();
    for (date, range) in SNAPSHOTS {
        bench.write(&format!("in/{date}.txt"), list(range));
    }
    bench.run(&["ingest"]).exits(0);
    let figures = bench.run(&["--json", "week", "2023-01-10"]).exits(0).json();
    let value = |key: &str| {
        let values = figures["values"].as_array().expect("a list");
        let value = values.iter().find(|value| value["key"] == key);
        value.unwrap_or_else(|| panic!("{key}"))["value"]["exact"]["count"].as_u64()
    };
    assert_eq!(
        [value("L1"), value("L2"), value("L3")],
        [Some(10), Some(95), Some(5)]
    );
    assert_eq!(
        value("L4"),
        None,
        "no stay whose beginning is known has ended"
    );
    for (id, input, count) in [
        ("L1", "listing.new", 10),
        ("L2", "listing.continuing", 95),
        ("L3", "listing.delisted", 5),
    ] {
        let lines = bench
            .run(&["--json", "week", "2023-01-10", "--explain", id])
            .exits(0)
            .stdout;
        let lines: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(lines.len(), count, "{id}");
        for line in lines {
            assert_eq!(line["input"], input);
            assert_eq!(line["events"].as_array().map(Vec::len), Some(1), "{line}");
        }
    }
    bench
        .run(&[
            "week",
            "2023-01-10",
            "--explain",
            "L3",
            "--key",
            "192.0.2.0",
        ])
        .exits(0)
        .prints("192.0.2.0");
}
