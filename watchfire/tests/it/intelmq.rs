//! Moving from IntelMQ: its configuration in, its events out, its rules beside its own expert.
//!
//! The folder `tests/data/intelmq` is a made-up site of theirs; `report.txt` beside it is what an import
//! says of it (`WATCHFIRE_UPDATE=1` writes it anew).

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::run::{Bench, tree};

fn site() -> PathBuf {
    tree().join("watchfire/tests/data/intelmq")
}

fn import(bench: &Bench, more: &[&str]) -> crate::run::Done {
    let site = site();
    let mut arguments = vec!["import", "intelmq", site.to_str().expect("a path is text")];
    arguments.extend(more);
    bench.run(&arguments).exits(0)
}

fn golden(name: &str, text: &str) {
    let path = tree().join("watchfire/tests/data").join(name);
    if std::env::var_os("WATCHFIRE_UPDATE").is_some() {
        std::fs::write(&path, text).expect("the golden file can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        text, expected,
        "{name} differs; WATCHFIRE_UPDATE=1 writes it anew"
    );
}

fn workspace() -> Bench {
    let bench = Bench::new();
    bench.run(&["init", "."]).exits(0);
    bench
}

#[test]
fn a_site_is_taken_over_and_every_part_of_it_accounted_for() {
    let bench = workspace();
    let before = std::fs::read_to_string(bench.path().join("watchfire.toml")).expect("it is there");
    let dry = import(&bench, &["--dry-run"]);
    assert!(
        !bench.path().join("rules").exists(),
        "a dry run writes nothing"
    );
    let unchanged = std::fs::read_to_string(bench.path().join("watchfire.toml")).expect("there");
    assert_eq!(before, unchanged);
    let site = site().display().to_string();
    golden("intelmq-report.txt", &dry.stdout.replace(&site, "SITE"));

    import(&bench, &[]).says("feeds were added");
    bench.run(&["config", "check"]).exits(0);
    let text = std::fs::read_to_string(bench.path().join("watchfire.toml")).expect("there");
    let (_, added) = text.split_at(before.trim_end().len());
    golden("intelmq-feeds.toml", added);
    assert!(!text.contains("not-a-real"), "a secret was copied");

    // Nothing of it is silent: each bot and each parameter of the file stands in the report.
    let report = import(&bench, &["--dry-run", "--json"]).json();
    let findings = report["findings"].as_array().expect("a list");
    let named = |of: &str, parameter: Option<&str>| {
        findings.iter().any(|finding| {
            finding["of"] == of
                && parameter.is_none_or(|name| {
                    finding["parameter"]
                        .as_str()
                        .is_some_and(|text| text == name || text.starts_with(&format!("{name} ")))
                })
        })
    };
    let runtime = std::fs::read_to_string(tree().join("watchfire/tests/data/intelmq/runtime.yaml"))
        .expect("there");
    let bots = runtime
        .lines()
        .filter(|line| line.ends_with(':') && !line.starts_with(' '));
    let mut count = 0;
    for bot in bots.map(|line| line.trim_end_matches(':')) {
        count += 1;
        assert!(named(bot, None), "{bot} is not in the report");
    }
    assert_eq!(count, 27);
    let (mut bot, mut parameters) = ("", 0);
    for line in runtime.lines() {
        let indent = line.len() - line.trim_start().len();
        let key = line.trim_start().split(':').next().unwrap_or_default();
        match indent {
            0 => bot = key,
            4 if !matches!(key, "destination_queues" | "_default" | "_on_error")
                && !key.starts_with('-') =>
            {
                parameters += 1;
                assert!(named(bot, Some(key)), "{key} of {bot} is not in the report");
            }
            _ => {}
        }
    }
    assert!(parameters > 70, "{parameters} parameters");
    for (bot, parameter) in [
        ("global", "site_flavour"),
        ("global", "error_max_retries"),
        ("site-sieve-expert", "destination_queues"),
        ("harmonization.conf", "site.department"),
        ("harmonization.conf", "source.port"),
        ("harmonization.conf", "malware.name"),
    ] {
        assert!(
            named(bot, Some(parameter)),
            "{parameter} of {bot} is not in the report"
        );
    }

    // A second import changes nothing.
    import(&bench, &[])
        .says("0 feeds were added")
        .says("0 rule files written");
    assert_eq!(
        text,
        std::fs::read_to_string(bench.path().join("watchfire.toml")).expect("there")
    );
}

#[test]
fn a_folder_without_a_configuration_is_told_what_to_do() {
    let bench = workspace();
    bench
        .run(&["import", "intelmq", "nowhere"])
        .exits(1)
        .says("is no folder");
    bench.write("empty/x.txt", "");
    bench
        .run(&["import", "intelmq", "empty"])
        .exits(1)
        .says("holds neither runtime.yaml nor feeds.yaml")
        .says("remedy");
}

const REPORT: &str = "time;a;b;c;d;e;f;g\n09.01.2023 08:00;192.0.2.1;443;mirai;controller;x;5;48.2\n\
    09.01.2023 08:01;192.0.2.2;443;eicar;controller;x;5;48.2\n\
    09.01.2023 08:02;www.example.com;80;Zeus-a;drop;x;6;\n\
    09.01.2023 08:03;192.0.2.3;25;mirai;drop;x;6;\n";

#[test]
fn rows_pass_the_rules_and_what_is_dropped_is_a_reject() {
    let bench = workspace();
    import(&bench, &["--enable"]);
    // The site's filter drops what is older than thirty days; the report is of long ago.
    bench.write(
        "rules/old-filter-expert.sieve",
        "if source.port == 25 {\n  drop\n}\n",
    );
    bench.write("incoming/botnet-csv/2023.csv", REPORT);
    let parsed = bench
        .run(&[
            "parse",
            "incoming/botnet-csv/2023.csv",
            "--feed",
            "botnet-csv",
            "--as",
            "intelmq",
        ])
        .exits(0);
    assert_eq!(parsed.stdout.lines().count(), 2, "{}", parsed.stdout);
    parsed.says("dropped-by-rule: dropped by rules/site-sieve-expert.sieve:7");
    let summary = bench
        .run(&["ingest", "botnet-csv", "--json"])
        .exits(0)
        .json();
    let feed = &summary["summary"]["feeds"][0];
    assert_eq!(
        (&feed["rows"], &feed["events"], &feed["rejects"]),
        (&json!(4), &json!(2), &json!(2)),
        "{feed}"
    );
    let rejects = bench.run(&["rejects", "list", "--rows", "--json"]).exits(0);
    for rule in [
        "rules/site-sieve-expert.sieve:7",
        "rules/old-filter-expert.sieve:2",
    ] {
        assert!(rejects.stdout.contains(rule), "{}", rejects.stdout);
    }
    let events = bench
        .run(&["query", "SELECT source_ip, source_host, class_type, class_identifier, malware_version, comment, extra, source_schema, event_id FROM events ORDER BY source_port DESC", "--json"])
        .exits(0);
    let events: Vec<Value> = events
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(events[0]["source_ip"], "192.0.2.1");
    assert_eq!(events[0]["comment"], "address only");
    let extra: Value =
        serde_json::from_str(events[0]["extra"].as_str().expect("text")).expect("JSON");
    assert_eq!(
        (&extra["zone"], &extra["rule_path"]),
        (&json!("lab"), &json!("gov"))
    );
    assert_eq!(events[1]["source_host"], "www.example.com");
    assert_eq!(events[1]["class_identifier"], "zeus");
    assert_eq!(events[1]["malware_version"], "a");
    assert_eq!(events[1]["class_type"], "malware-distribution");
    let read_by = events[0]["source_schema"]
        .as_str()
        .expect("the rules' version");
    assert!(read_by.starts_with("rules "), "{read_by}");

    // Another state of the rules replaces events and doubles none: identity is the row's.
    bench.write(
        "rules/site-sieve-expert.sieve",
        "add comment = 'new rules'\n",
    );
    let summary = bench
        .run(&["ingest", "botnet-csv", "--again", "--json"])
        .exits(0)
        .json();
    assert_eq!(summary["summary"]["feeds"][0]["events"], 3, "{summary}");
    let after = bench
        .run(&["query", "SELECT comment, source_schema, event_id FROM events ORDER BY source_port DESC, source_ip", "--json"])
        .exits(0);
    let after: Vec<Value> = after
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(after.len(), 3);
    assert!(
        after
            .iter()
            .all(|event| event["comment"] == "new rules" && event["source_schema"] != read_by)
    );
    assert_eq!(after[0]["event_id"], events[0]["event_id"]);
}

#[test]
fn a_broken_rule_file_is_found_by_config_check_with_its_place() {
    let bench = workspace();
    import(&bench, &[]);
    bench.write(
        "rules/site-sieve-expert.sieve",
        "add comment = 'x'\nif source.ip {\n  drop\n}\n",
    );
    bench
        .run(&["config", "check"])
        .exits(3)
        .says("rules/site-sieve-expert.sieve:2:14: expected an operator")
        .says("remedy: ");
    std::fs::remove_file(bench.path().join("rules/site-sieve-expert.sieve")).expect("it was there");
    bench
        .run(&["config", "check"])
        .exits(3)
        .says("rules/site-sieve-expert.sieve: the rule file cannot be read");
}

#[test]
fn a_dump_is_replayed_through_a_feed() {
    let bench = workspace();
    import(&bench, &["--enable"]);
    bench.write("rules/old-filter-expert.sieve", "");
    let dump = site().join("dumps/botnet-csv-parser.dump");
    let dump = dump.to_str().expect("text");
    let listed = bench
        .run(&[
            "import",
            "intelmq-dump",
            dump,
            "--feed",
            "botnet-csv",
            "--dry-run",
        ])
        .exits(0);
    listed
        .prints("ValueError: a bad value")
        .prints("the message has no raw data");
    let run = |feed: &str| {
        bench
            .run(&["import", "intelmq-dump", dump, "--feed", feed, "--json"])
            .exits(0)
            .json()
    };
    let first = run("botnet-csv");
    let feed = &first["summary"]["feeds"][0];
    assert_eq!(
        (&first["replayed"], &feed["events"], &feed["rejects"]),
        (&json!(2), &json!(2), &json!(1)),
        "{first}"
    );
    let again = run("botnet-csv");
    assert_eq!(
        again["summary"]["feeds"][0]["known"], 1,
        "the same dump again changes nothing"
    );
    // An event that an expert or output could not process is one for a feed of events.
    let events = bench
        .run(&["import", "intelmq-dump", dump, "--feed", "files", "--json"])
        .exits(0)
        .json();
    assert_eq!(events["summary"]["feeds"][0]["events"], 1, "{events}");
    bench.write("x.dump", "[]");
    bench
        .run(&["import", "intelmq-dump", "x.dump", "--feed", "files"])
        .exits(1)
        .says("is no dump");
}

/// Events of every kind of value, as lines of IntelMQ's JSON.
fn events() -> Vec<Value> {
    vec![
        json!({"__type": "Event", "time.source": "2023-01-09T08:00:00+00:00", "source.ip": "192.0.2.1", "source.port": 443,
            "classification.type": "c2-server", "classification.taxonomy": "malicious-code", "feed.name": "One", "feed.code": "o",
            "feed.accuracy": 80.0, "source.tor_node": true, "extra.list": ["a", 1], "extra.text": "tab\tquote\" back\\ line\n end",
            "comment": "中文 \\N", "severity": "high", "source.network": "192.0.2.0/24", "extra.tags": "a b"}),
        json!({"time.source": "2023-01-10T08:00:00.500000+00:00", "source.fqdn": "www.example.com", "source.url": "http://www.example.com/x",
            "classification.type": "blacklist", "malware.hash.md5": "d41d8cd98f00b204e9800998ecf8427e", "source.allocated": "2020-01-01T00:00:00+00:00",
            "destination.asn": 64496, "product.vulnerabilities": "cve-2023-0001", "tlp": "AMBER", "extra.os.name": "Linux"}),
        json!({"time.source": "2023-01-11T08:00:00+00:00", "source": {"ip": "2001:db8::1", "geolocation": {"latitude": 1.5}},
            "classification": {"type": "scanner"}, "extra": {"deep": {"er": 1}}}),
    ]
}

fn with_events() -> Bench {
    let bench = workspace();
    let mut toml = std::fs::read_to_string(bench.path().join("watchfire.toml")).expect("there");
    for name in ["first", "second"] {
        toml.push_str(&format!("\n[[feed]]\nname = \"{name}\"\nprovider = \"Example\"\nformat = \"intelmq\"\npaths = [\"{name}/*\"]\nzone = \"UTC\"\nlicence = \"none\"\n"));
    }
    bench.write("watchfire.toml", toml);
    let lines: Vec<String> = events().iter().map(Value::to_string).collect();
    bench.write("first/events.jsonl", lines.join("\n"));
    bench.run(&["ingest", "first", "--strict"]).exits(0);
    bench
}

fn exported(bench: &Bench, feed: &str) -> Vec<Value> {
    let done = bench
        .run(&["export", "--feed", feed, "--as", "intelmq"])
        .exits(0);
    let mut events: Vec<Value> = done
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    for event in &mut events {
        let event = event.as_object_mut().expect("an object");
        event.remove("time.observation");
        if event.get("feed.name").is_some_and(|name| name == feed) {
            event.remove("feed.name");
        }
    }
    events.sort_by_key(|event| event["time.source"].to_string());
    events
}

#[test]
fn exported_events_read_again_are_the_same_facts() {
    let bench = with_events();
    let to = ["export", "--as", "intelmq", "--to", "second/events.jsonl"];
    bench.run(&to).exits(1).says("second/events.jsonl");
    std::fs::create_dir_all(bench.path().join("second")).expect("a folder");
    let narrow = [&to[..], &["--where", "source_port = 443 -- only"]].concat();
    bench.run(&narrow).exits(0).says("1 events");
    bench.run(&to).exits(0).says("3 events");
    let first = exported(&bench, "first");
    assert_eq!(first.len(), 3);
    assert_eq!(first[0]["source.tor_node"], true);
    assert_eq!(first[0]["feed.code"], "o");
    assert_eq!(first[1]["classification.taxonomy"], "other");
    assert_eq!(first[2]["extra.deep.er"], 1);
    let lines: Vec<String> = first.iter().map(Value::to_string).collect();
    bench.write("second/events.jsonl", lines.join("\n"));
    bench.run(&["ingest", "second", "--strict"]).exits(0);
    assert_eq!(first, exported(&bench, "second"));
    bench
        .run(&["export", "2023-2", "--as", "intelmq"])
        .exits(0)
        .says("events");
    bench
        .run(&[
            "export",
            "--since",
            "2023-01-10",
            "--until",
            "2023-01-11",
            "--feed",
            "first",
            "--as",
            "intelmq",
        ])
        .exits(0)
        .says("1 events");
    bench
        .run(&[
            "export",
            "--as",
            "intelmq",
            "--where",
            "1; DROP TABLE events",
        ])
        .exits(1);
}

#[test]
fn events_are_sent_as_intelmqs_tcp_collector_takes_them() {
    use std::io::{Read, Write};
    let bench = with_events();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("tcp://{}", listener.local_addr().expect("a port"));
    let taken = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a sender");
        let mut taken = Vec::new();
        let mut length = [0; 4];
        while stream.read_exact(&mut length).is_ok() {
            let mut event = vec![0; u32::from_be_bytes(length) as usize];
            stream.read_exact(&mut event).expect("an event");
            taken.push(serde_json::from_slice::<Value>(&event).expect("JSON"));
            stream.write_all(b"Ok").expect("the sender listens");
        }
        taken
    });
    bench
        .run(&["export", "--as", "intelmq", "--to", &url])
        .exits(0)
        .says("3 events");
    let taken = taken.join().expect("the receiver ends");
    assert_eq!(taken.len(), 3);
    assert!(taken.iter().all(|event| event["__type"] == "Event"));
    bench
        .run(&["export", "--as", "eventdb", "--to", &url])
        .exits(2);
}

mod postgres;
mod sieve;

/// Whether the test must run: in CI a missing peer is a failure.
fn skip(what: &str) -> bool {
    let continuous = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!continuous, "{what} is not installed: see .ci/run");
    eprintln!("SKIPPED: {what} is not installed: see .ci/run");
    true
}

/// Runs a program with text on its standard input.
fn pipe(command: &mut Command, input: &str) -> std::process::Output {
    use std::io::Write;
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.expect("the program runs");
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("the program ends");
    let _ = writer.join();
    output
}
