//! Every report type of the published schema through PyPI's `intelmq` and through us: one synthetic
//! file a type, equal facts field by field. IntelMQ runs as a program from the environment that
//! `WATCHFIRE_PEERS` names (`.ci/run` makes it) and nothing of it is kept.
//!
//! A file's first row has a good value in every column. The rows after it mix values that both sides
//! should take, and ones that each of the 18 functions must turn away, over all columns. The last rows
//! have one bad value each of the kind for which IntelMQ loses the row; ours is to keep the rest of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use formats::intelmq::{self, Event};
use formats::shadowserver::Schema;
use serde_json::Value;

use crate::harness::data;
use crate::shadowserver::{deliver, published};
use crate::shadowserver_values::{Values, values};

/// Mixed rows a file.
const MIXED: usize = 24;

/// What is of the delivery and not of the row.
const IGNORED: &[&str] = &["time.observation", "raw", "__type", "feed.provider"];

/// The environment's Python, if it has `intelmq`.
fn python() -> Option<PathBuf> {
    let python = PathBuf::from(std::env::var_os("WATCHFIRE_PEERS")?).join("bin/python");
    let has = Command::new(&python)
        .args(["-c", "import intelmq"])
        .output()
        .is_ok_and(|done| done.status.success());
    has.then_some(python)
}

/// One type's file: its columns, and the rows as cells.
struct File {
    name: String,
    columns: Vec<String>,
    rows: Vec<Row>,
}

/// A row and, if it has one, the column of its single bad value.
struct Row {
    cells: Vec<String>,
    bad: Option<usize>,
}

impl File {
    fn text(&self) -> String {
        let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
        let line = |cells: &[String]| cells.iter().map(quoted).collect::<Vec<_>>().join(",");
        let mut text = line(&self.columns);
        for row in &self.rows {
            text.push('\n');
            text.push_str(&line(&row.cells));
        }
        text.push('\n');
        text
    }
}

/// The time that names a row on both sides.
fn time(row: usize) -> String {
    format!("2025-01-06 08:{:02}:{:02}", row / 60, row % 60)
}

/// Picks from a list by type, column and row, so that neighbours differ.
fn pick<'a>(list: &[&'a str], seed: &[&str], row: usize) -> &'a str {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in seed.iter().flat_map(|text| text.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    list[((hash >> 17) as usize + row) % list.len()]
}

fn file(key: &str, entry: &Value, columns: &[&str]) -> File {
    let mut kinds: BTreeMap<&str, Values> = BTreeMap::new();
    for list in ["required_fields", "optional_fields"] {
        for mapping in entry[list].as_array().expect("mappings") {
            let column = mapping[1].as_str().expect("a column");
            let found = values(column, mapping[2].as_str(), mapping[0].as_str());
            // Of several mappings of one column the first tells what it holds.
            kinds.entry(column).or_insert(found);
        }
    }
    let kind = |column: &str| {
        kinds
            .get(column)
            .copied()
            .unwrap_or_else(|| values(column, None, None))
    };
    let mut rows = Vec::new();
    let add = |rows: &mut Vec<Row>, value: &dyn Fn(usize, &str) -> String, bad| {
        let at = rows.len();
        let cell = |(index, column): (usize, &&str)| match *column {
            "timestamp" if bad != Some(index) => time(at),
            column => value(index, column),
        };
        let cells = columns.iter().enumerate().map(cell).collect();
        rows.push(Row { cells, bad });
    };
    let good = |_: usize, column: &str| kind(column).good[0].to_owned();
    add(&mut rows, &good, None);
    for row in 0..MIXED {
        let mixed = |_: usize, column: &str| {
            let kind = kind(column);
            let list: Vec<&str> = [kind.good, kind.mild].concat();
            pick(&list, &[key, column], row).to_owned()
        };
        add(&mut rows, &mixed, None);
    }
    // One row for each bad value of each function, in the first column that has the function.
    let mut done = BTreeSet::new();
    for (index, column) in columns.iter().enumerate() {
        for value in kind(column).lost {
            if done.insert((kind(column).name, *value)) {
                let single = |at: usize, column: &str| match at == index {
                    true => (*value).to_owned(),
                    false => good(at, column),
                };
                add(&mut rows, &single, Some(index));
            }
        }
    }
    File {
        name: format!(
            "2025-01-06-{}-example-asn.csv",
            entry["file_name"].as_str().expect("a file name")
        ),
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        rows,
    }
}

fn files(data: &Path) -> Vec<File> {
    let json = |name: &str| -> BTreeMap<String, Value> {
        let bytes = fs::read(data.join("shadowserver/schema").join(name)).expect("it can be read");
        serde_json::from_slice(&bytes).expect("it is JSON")
    };
    let (schema, reports) = (json("intelmq.json"), json("reports.json"));
    let types = schema.iter().filter(|(key, _)| *key != "_meta");
    types
        .map(|(key, entry)| {
            let file_name = entry["file_name"].as_str().expect("a file name");
            let columns = reports.get(key).or_else(|| reports.get(file_name));
            let columns = columns.expect("a list of columns")["fields"].as_array();
            let columns: Vec<&str> = columns
                .expect("a list")
                .iter()
                .filter_map(Value::as_str)
                .collect();
            file(key, entry, &columns)
        })
        .collect()
}

/// What `intelmq` makes of the files: events by file and by time.
fn theirs(python: &Path, data: &Path, files: &[File]) -> BTreeMap<String, Vec<Event>> {
    let folder = tempfile::tempdir().expect("a folder");
    let reports = folder.path().join("reports");
    fs::create_dir(&reports).expect("a folder");
    for file in files {
        fs::write(reports.join(&file.name), file.text()).expect("a report");
    }
    let script = folder.path().join("peer.py");
    fs::write(&script, include_str!("shadowserver_peer.py")).expect("the script");
    let out = folder.path().join("events.jsonl");
    let done = Command::new(python)
        .arg(&script)
        .arg(data.join("shadowserver/schema/intelmq.json"))
        .args([&reports, &out])
        .output()
        .expect("python runs");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let text = fs::read_to_string(&out).expect("its events");
    text.lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).expect("a line of JSON");
            let events = serde_json::from_value(line["events"].clone()).expect("events");
            let name = line["file"].as_str().expect("a file name").to_owned();
            (name, events)
        })
        .collect()
}

/// One difference between the two.
struct Difference<'a> {
    key: &'a str,
    ours: Option<&'a Value>,
    theirs: Option<&'a Value>,
}

impl Difference<'_> {
    fn ours(&self) -> &str {
        self.ours.and_then(Value::as_str).unwrap_or_default()
    }

    fn theirs(&self) -> &str {
        self.theirs.and_then(Value::as_str).unwrap_or_default()
    }

    /// Both have a text in `extra` or in a field, or only one.
    fn only_ours(&self, texts: &[&str]) -> bool {
        self.theirs.is_none() && texts.contains(&self.ours())
    }

    fn only_theirs(&self, texts: &[&str]) -> bool {
        self.ours.is_none() && self.theirs.is_some() && texts.contains(&self.theirs())
    }
}

/// A deliberate difference: its name, why, and how it is told.
type Known = (&'static str, &'static str, fn(&Difference) -> bool);

const KNOWN: &[Known] = &[
    (
        "says-nothing",
        "its data format calls `-` and `N/A` no value, but its parser adds `extra` as a whole, unchecked; an empty \
         text without a function and `Unknown` with a capital pass too",
        |d| d.only_theirs(&["-", "N/A", "", "Unknown", "unknown"]),
    ),
    (
        "no-boolean",
        "a text that is no boolean vanishes; here it is kept, and `t` and `f` are booleans",
        |d| d.only_ours(&["maybe"]) || d.theirs.is_none() && d.ours.is_some_and(Value::is_boolean),
    ),
    (
        "plus-sign",
        "`+5` is no integer of JSON: it is kept as text",
        |d| d.ours() == "+5" && d.theirs == Some(&Value::from(5)),
    ),
    (
        "url-in-url",
        "where the column holds a whole URL it is put behind the host once more",
        |d| d.key.ends_with(".url") && d.theirs().matches("//").count() == 2,
    ),
    (
        "url-path",
        "text before the first slash is cut off, so that a path without one is lost",
        |d| {
            let lost = d.key.ends_with(".url") && d.theirs().matches('/').count() == 2;
            lost || d.only_ours(&["index.php"]) || d.only_theirs(&["index.php"])
        },
    ),
    (
        "url-host",
        "what stands in the host's column is not checked (`-`, `a b.example.com`), and an IPv6 address gets no brackets",
        |d| {
            let host = d.theirs().split('/').nth(2).unwrap_or_default();
            let bad = host == "-"
                || host.contains(' ')
                || host.contains("::")
                || host.matches(':').count() > 1;
            d.key.ends_with(".url") && bad
        },
    ),
    ("url-kept", "what makes no URL is kept as it stands", |d| {
        d.only_ours(&[
            "/",
            "/index.html",
            "GET /a?b=c HTTP/1.1",
            "http://www.example.com/a",
        ])
    }),
    (
        "malware-ascii",
        "a malware's name may only hold ASCII there",
        |d| {
            (d.key == "malware.name" && !d.ours().is_ascii() && d.theirs.is_none())
                || (d.key == "extra.infection" && d.ours.is_none() && !d.theirs().is_ascii())
        },
    ),
    (
        "cve-form",
        "any text is taken for the id of a vulnerability",
        |d| {
            (d.key == "product.vulnerabilities" && d.only_theirs(&["none"]))
                || d.only_ours(&["none"])
        },
    ),
    (
        "hash-form",
        "any text is taken for a hash, in the case it has",
        |d| {
            let hash = d.key.starts_with("malware.hash.");
            (hash && (d.only_theirs(&["abc"]) || d.ours().eq_ignore_ascii_case(d.theirs())))
                || d.only_ours(&["abc"])
        },
    ),
    ("name-form", "a host's name may hold blanks there", |d| {
        d.only_theirs(&["a b.example.com", "bad name"]) || d.only_ours(&["bad name"])
    }),
    (
        "date-form",
        "a text that is no time vanishes, or becomes the day on which the parser runs",
        |d| d.ours() == "soon",
    ),
];

#[derive(Default)]
struct Comparison {
    /// Events that both have.
    events: usize,
    /// Rows that IntelMQ loses for one bad value, and we keep with its text.
    kept: usize,
    /// Rows that name nothing to act on: rejects here, events there.
    nothing: usize,
    /// Rows without a time: rejects on both sides.
    undated: usize,
    found: Vec<String>,
    known: BTreeSet<&'static str>,
}

/// Whether the bad value is still there: as its text, or as what we take it for and IntelMQ does not.
fn keeps(event: &Event, bad: &str) -> bool {
    let taken = match bad {
        "AS64500" => Value::from(64500),
        "中文" => Value::from("5Lit5paH"),
        text => Value::from(text),
    };
    event.values().any(|value| *value == taken)
}

/// Whether an event names nothing that could be acted on: no address, name, URL, account or hash.
fn names_nothing(event: &Event) -> bool {
    let names = |key: &str| {
        let side = key
            .strip_prefix("source.")
            .or(key.strip_prefix("destination."));
        side.is_some_and(|part| ["ip", "network", "fqdn", "url", "account"].contains(&part))
            || key.starts_with("malware.hash.")
    };
    // What is named but is no name (`abc` as a hash) is a difference of its own.
    let sound = |value: &Value| {
        value.as_str().is_some_and(|text| {
            !["abc", "Unknown", "a b.example.com"].contains(&text) && !text.contains("//")
        })
    };
    !event.iter().any(|(key, value)| names(key) && sound(value))
}

fn compare(schema: &Schema, files: &[File], theirs: &BTreeMap<String, Vec<Event>>) -> Comparison {
    let mut comparison = Comparison::default();
    for file in files {
        let text = file.text();
        let (read, header) = deliver(schema, &file.name, text.as_bytes())
            .unwrap_or_else(|why| panic!("{}: {why}", file.name));
        read.check_rows(text.as_bytes());
        let by_time = |events: Vec<Event>| -> BTreeMap<String, Event> {
            let time = |event: &Event| event["time.source"].as_str().map(str::to_owned);
            let named = |event: Event| (time(&event).expect("a time"), event);
            events.into_iter().map(named).collect()
        };
        let ours = read.records.iter().map(|r| intelmq::event(r, &header));
        let ours = by_time(ours.collect());
        let theirs = by_time(theirs.get(&file.name).cloned().unwrap_or_default());
        let rejected: BTreeSet<&[u8]> = read.rejects.iter().map(|r| r.raw.as_slice()).collect();
        assert_eq!(
            ours.len() + rejected.len(),
            file.rows.len(),
            "{}",
            file.name
        );
        for (at, row) in file.rows.iter().enumerate() {
            let time = format!("{}+00:00", time(at).replace(' ', "T"));
            let bad = row.bad.map(|at| row.cells[at].as_str());
            match (ours.get(&time), theirs.get(&time), bad) {
                (Some(ours), Some(theirs), _) => {
                    comparison.events += 1;
                    comparison.fields(&file.name, at, ours, theirs);
                }
                (Some(ours), None, Some(bad)) if keeps(ours, bad) => comparison.kept += 1,
                (None, Some(theirs), None) if names_nothing(theirs) => comparison.nothing += 1,
                (None, None, Some(_)) if file.columns[row.bad.unwrap_or(0)] == "timestamp" => {
                    comparison.undated += 1;
                }
                (ours, theirs, bad) => comparison.found.push(format!(
                    "{} row {at} ({bad:?}): ours {ours:?}, IntelMQ's {theirs:?}",
                    file.name
                )),
            }
        }
    }
    comparison
}

impl Comparison {
    fn fields(&mut self, file: &str, at: usize, ours: &Event, theirs: &Event) {
        let keys: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        for key in keys {
            let (a, b) = (ours.get(key), theirs.get(key));
            if a == b || IGNORED.contains(&key.as_str()) {
                continue;
            }
            let difference = Difference {
                key,
                ours: a,
                theirs: b,
            };
            match KNOWN.iter().find(|(.., tells)| tells(&difference)) {
                Some((name, ..)) => _ = self.known.insert(name),
                None => self
                    .found
                    .push(format!("{file} row {at}: {key}: {a:?}, IntelMQ has {b:?}")),
            }
        }
    }
}

#[test]
fn every_type_gives_what_the_program_gives() {
    let (Some(data), Some(python)) = (data(), python()) else {
        eprintln!("SKIPPED: needs the data and PyPI's intelmq; see .ci/run and WATCHFIRE_PEERS");
        return;
    };
    let schema = published(&data);
    let files = files(&data);
    assert_eq!(files.len(), 170);
    let theirs = theirs(&python, &data, &files);
    let comparison = compare(&schema, &files, &theirs);
    assert!(
        comparison.found.is_empty(),
        "{} differences:\n{}",
        comparison.found.len(),
        comparison.found.join("\n")
    );
    let Comparison {
        events,
        kept,
        nothing,
        undated,
        known,
        ..
    } = comparison;
    eprintln!(
        "{events} events compared, {kept} rows kept that IntelMQ loses, {nothing} that name nothing, {undated} undated"
    );
    assert!(
        events > 3_900 && kept > 1_200 && undated == 340,
        "too few rows were compared"
    );
    for (name, why, _) in KNOWN {
        assert!(
            known.contains(name),
            "the difference `{name}` is gone ({why})"
        );
    }

    // The twin: a single changed value is found, whichever column it stands in.
    let changed = |column: &str, value: &str| {
        let mut file = self::files(&data);
        file.retain(|file| file.name.contains("-scan_rdp-"));
        let at = file[0].columns.iter().position(|name| name == column);
        file[0].rows[0].cells[at.expect("a column")] = value.to_owned();
        compare(&schema, &file, &theirs).found
    };
    for (column, value, key) in [
        ("port", "8081", "source.port"),
        ("ip", "192.0.2.99", "source.ip"),
        ("sector", "another", "extra.sector"),
        ("severity", "low", "severity"),
    ] {
        let found = changed(column, value);
        assert!(
            found.len() == 1 && found[0].contains(key),
            "a changed {column} gives {found:?}"
        );
    }
}
