//! A cluster held against one process from the demo country's files to what its parties get by mail: a scheduler, four
//! workers and three executors, the ledger on PostgreSQL, the lake and the archive in a store over S3; beside it one
//! process with SQLite and a folder. Statistics and the rendered issue must be the same to the byte; incidents with the
//! events that joined them, directives, notices and mails must be the same in the form of [`canonical`], which leaves
//! out what is drawn or told by a clock and numbers incidents anew; and so must be the figures of what was handled.
//!
//! The files are the end of what the demo makes, ending a week ago: triage leaves out what is older than a month. They
//! are cut, so that several hundred incidents come of them and not thousands.
//!
//! What an incident tells depends on what is known when it is opened, and which incidents stand in one mail on which are
//! due at the same time. Both are told by when rounds run, not by how many nodes there are. So nodes respond only when
//! everything is taken in, and everything is validated while none serves, by one command: then the cluster's rounds find
//! what those of the one process find, and notices can be compared one by one. Every step is a round of the serving
//! nodes: what triage opens, `respond` decides and writes, and `notify` sends, any worker may have done.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use ::ledger::Ledger;
use model::issue::NumberingScheme;
use model::time::ReportingWeek;
use serde_json::{Value, json};
use watchfire::demo::{self, DemoCountry, reference::FOLDER, response::ADDRESS};

use super::Nodes;
use super::alike::{EVENTS, Whole, level_embedded, same_answer, same_files};
use super::canonical::{Told, differences, told};
use super::rights::until_late;
use crate::cluster;
use crate::crash::copy;
use crate::engine::Executor;
use crate::respond::Post;
use crate::run::Bench;
use crate::serve::Serving;

/// Feeds that rules of triage look at, some of which tell of the same hosts.
const FEEDS: [&str; 11] = [
    "phishing-list",
    "phishing-desk",
    "malware-list",
    "malware-online",
    "c2-tracker",
    "defacement-watch",
    "webshell-watch",
    "shadowserver-sinkhole",
    "shadowserver-sinkhole-http",
    "shadowserver-website",
    "shadowserver-malware-url",
];
/// The last files of each, and of each file the last lines.
const FILES: usize = 2;
const LINES: usize = 80;
/// Incidents that are closed at the end.
const CLOSED: usize = 12;

/// The demo's configuration with its files where all nodes reach them. It has no address to write from: with none
/// nothing responds.
fn configuration() -> String {
    let whole = demo::config::demo(demo::DEFAULT_SEED)
        .replace("\"feeds/", "\"in/feeds/")
        .replace(&format!("\"{FOLDER}/"), &format!("\"in/{FOLDER}/"));
    let (before, after) = whole
        .split_once(&format!("address = \"{ADDRESS}\"\n"))
        .expect("the demo says who writes");
    // Nobody answers there: no look of a test leaves this machine.
    format!(
        "{before}{after}resolvers = [\"127.0.0.1:1\"]\nround_secs = 1\n\n[serve]\nlook_secs = 1\n"
    )
}

/// What makes a workspace respond, and through which server.
fn response(post: &Post) -> [(&'static str, String); 2] {
    [
        ("WATCHFIRE__RESPONSE__ADDRESS", ADDRESS.to_owned()),
        ("WATCHFIRE__RESPONSE__SMTP", format!("smtp://{}", post.at)),
    ]
}

fn responding(bench: Bench, post: &Post) -> Bench {
    let variables = response(post).into_iter();
    variables.fold(bench, |bench, (name, value)| bench.set(name, &value))
}

/// Puts the ends of the country's last files where the feeds look, and its tables beside them.
fn deliver(country: &DemoCountry, from: &Path, home: &Path) {
    copy(&from.join(FOLDER), &home.join("in").join(FOLDER));
    let mut of_feed: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for file in &country.files {
        of_feed.entry(file.feed).or_default().push(&file.path);
    }
    for feed in FEEDS {
        // Names begin with or hold a date: the last by name are the last.
        let paths = of_feed.get_mut(feed).expect("the demo has the feed");
        paths.sort_unstable();
        for path in paths.iter().rev().take(FILES) {
            let bytes = std::fs::read(from.join(path)).expect("the demo wrote it");
            let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
            let first = lines.len().saturating_sub(LINES).max(1);
            // A head stands in the first line, if there is one.
            let kept = lines.iter().take(1).chain(lines.iter().skip(first));
            let to = home.join("in").join(path);
            std::fs::create_dir_all(to.parent().expect("it has a folder"))
                .expect("a folder can be made");
            std::fs::write(to, kept.copied().collect::<Vec<_>>().concat())
                .expect("a file can be written");
        }
    }
}

/// A scheduler and four workers.
fn serving(nodes: &Nodes) -> Vec<Serving> {
    let roles = ["scheduler", "worker", "worker", "worker", "worker"];
    roles.map(|role| nodes.start(role)).into()
}

fn drained(all: Vec<Serving>) {
    for node in all {
        node.signal("TERM");
        assert_eq!(node.end(), 0, "it drains");
    }
}

/// Rows of a command's list.
fn list(bench: &Bench, arguments: &[&str]) -> Vec<Value> {
    let all = [&["--json"], arguments, &["--limit", "100000"]].concat();
    let listed = bench.run(&all).exits(0).json();
    listed.as_array().expect("a list").clone()
}

/// A command about everything of a list, by number.
fn about_all(bench: &Bench, command: [&str; 2], rows: &[Value]) {
    let numbers: Vec<String> = rows.iter().map(|row| row["number"].to_string()).collect();
    let mut all = command.to_vec();
    all.extend(["--reason", "looked at"]);
    all.extend(numbers.iter().map(String::as_str));
    bench.run(&all).exits(0);
}

/// Takes the register over and lets the instance send.
fn register(bench: &Bench, parties: &str) {
    bench.write("parties.csv", parties);
    let import = ["orgs", "import", "parties.csv", "--source", "demo"];
    let take = ["--apply", "--approve", "the demo's register"];
    bench.run(&[&import[..], &take].concat()).exits(0);
    bench
        .run(&["notices", "arm", "--reason", "on duty"])
        .exits(0);
}

fn round(bench: &Bench) -> Value {
    bench
        .run(&["--json", "respond", "--no-verify"])
        .exits(0)
        .json()
}

/// What became of it in the ledger and at the other end.
fn outcome(
    ledger: impl Future<Output = ::ledger::Result<Ledger>>,
    post: &Post,
    begun: &str,
) -> Told {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mails = post.taken.lock().expect("nobody panics with it").clone();
    runtime.block_on(async {
        let ledger = ledger.await.expect("the ledger opens");
        told(&ledger, &mails, begun).await
    })
}

#[track_caller]
fn same(found: &Told, expected: &Told) {
    let differ = differences(found, expected);
    let first: Vec<&String> = differ.iter().take(6).collect();
    assert!(differ.is_empty(), "{} differ: {first:#?}", differ.len());
}

/// The figures of what was handled in the week that goes on, in the demo's zone.
fn handling(bench: &Bench) -> Vec<Value> {
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").expect("the zone is known");
    let today = jiff::Timestamp::now()
        .to_zoned_datetime(zone)
        .date()
        .to_string();
    let week = bench.run(&["week", &today, "--json"]).exits(0).json();
    let values = week["values"].as_array().expect("a list").iter();
    let counts = values.filter(|value| {
        let key = value["key"].as_str().unwrap_or_default();
        key.starts_with('I')
    });
    counts
        .map(|value| json!([value["key"], value["value"], value["missing"]]))
        .collect()
}

/// Closes some that their parties were asked about; the same on both sides, whatever their numbers are.
fn close(bench: &Bench, told: &Told) {
    let asked = told.numbers.iter().zip(&told.incidents);
    let asked = asked.filter(|(_, incident)| incident["state"] == "notified");
    for (number, _) in asked.take(CLOSED) {
        let number = number.to_string();
        let close = ["incidents", "close", &number, "--as", "refused"];
        bench
            .run(&[&close[..], &["--reason", "gone"]].concat())
            .exits(0);
    }
}

/// Changes one value of what is told.
type Break = fn(&mut Told);

/// What is told must not be so little that anything is the same: of each a difference in one value is found.
fn a_broken_twin_is_told_apart(told: &Told) {
    let breaks: [(&str, Break); 6] = [
        ("incidents", |told| {
            told.incidents[0]["province"] = json!("990000");
        }),
        ("incidents", |told| {
            told.incidents[0]["joined"] = json!([]);
        }),
        ("incidents", |told| {
            let asked = told.incidents.iter_mut().find_map(|one| {
                let all = one["directives"].as_array_mut()?;
                all.first_mut()
            });
            asked.expect("somebody is asked")["ask"] = json!("coordinates");
        }),
        ("notices", |told| {
            told.notices[0]["address"] = json!("nobody@example.org");
        }),
        ("mails", |told| {
            told.mails[0]["parts"][0]["content"][0] = json!("another line");
        }),
        ("mails", |told| {
            told.mails.pop();
        }),
    ];
    for (part, break_it) in breaks {
        let mut broken = told.clone();
        break_it(&mut broken);
        let differ = differences(&broken, told);
        assert!(!differ.is_empty(), "a difference in {part} is not found");
        assert!(differ.iter().all(|one| one.starts_with(part)), "{differ:?}");
    }
}

#[test]
fn the_demo_s_incidents_and_notices_on_a_cluster_are_those_of_one_process() {
    let Some(server) = cluster::shared() else {
        return;
    };
    let Some(mut whole) = Whole::new(Nodes::with(server, configuration())) else {
        return;
    };
    let today = jiff::Timestamp::now().to_zoned_datetime(jiff::tz::TimeZone::UTC);
    let today = today.date();
    let begun = today.to_string();
    // It ended three to nine days ago, in every zone.
    let end = ReportingWeek::containing(today.saturating_sub(jiff::Span::new().days(9)));
    let made = tempfile::tempdir().expect("a folder");
    let country = demo::write(made.path(), demo::DEFAULT_SEED, end, &mut |_, _, _| {})
        .expect("it can be written");
    let parties =
        std::fs::read_to_string(made.path().join("parties.csv")).expect("the demo wrote it");
    let (expected_post, post) = (Post::start(), Post::start());
    let one = responding(Bench::with(&configuration()), &expected_post);
    for home in [one.path(), whole.nodes.shared()] {
        deliver(&country, made.path(), home);
    }

    // Taken in, counted and printed.
    let clock = Instant::now();
    let step = |what: &str| eprintln!("{what}: {} s", clock.elapsed().as_secs());
    let nodes = serving(&whole.nodes);
    one.run(&["ingest"]).exits(0);
    let status = one.run(&["status", "--json"]).exits(0).json();
    whole.settles(status["reports"].as_u64().expect("a number"));
    drained(nodes);
    step("taken in");
    let own = &whole.own;
    same_answer(own, &one, &["query", EVENTS, "--format", "csv"]);
    whole.level();
    level_embedded(&one);
    let issue = |week| {
        let number = NumberingScheme::SundayOrdinal.issue(week);
        number.expect("it has a number").to_string()
    };
    for issue in [issue(end.previous()), issue(end)] {
        for bench in [own, &one] {
            bench.run(&["bulletin", "draft", &issue]).exits(0);
        }
        same_answer(own, &one, &["week", &issue, "--json"]);
    }
    let (last, forms) = (issue(end), "html,json,csv,pdf");
    for bench in [own, &one] {
        bench
            .run(&["bulletin", "render", &last, "--format", forms])
            .exits(0);
    }
    let drafts = |bench: &Bench| bench.path().join("drafts");
    let compared = same_files(&drafts(own), &drafts(&one));
    step(&format!("{compared} files are the same"));
    let counted = |executor: &Executor| executor.log().contains("week-tally");
    assert!(
        whole.executors.iter().any(counted),
        "an executor counts the week"
    );

    // The one process: a round that opens, one that decides and writes, one that sends, and then nothing more.
    register(&one, &parties);
    let opened = round(&one)["triage"]["opened"].as_u64().unwrap_or(0);
    assert!(opened > 100, "{opened} incidents");
    about_all(
        &one,
        ["incidents", "validate"],
        &list(&one, &["incidents", "list"]),
    );
    let written = round(&one)["notices"]["notices"].as_u64().unwrap_or(0);
    assert!(written > 10, "{written} notices");
    let held = ["notices", "list", "--state", "held"];
    about_all(&one, ["notices", "approve"], &list(&one, &held));
    while round(&one)["send"]["sent"] != 0 {}
    let expected = outcome(
        Ledger::open_read_only(&one.path().join("ledger.db")),
        &expected_post,
        &begun,
    );
    step(&format!("{opened} incidents, {written} notices"));

    // The cluster.
    for (name, value) in response(&post) {
        whole.nodes.set(name, &value);
    }
    let own = whole.nodes.node().set("WATCHFIRE__SERVE__ROLE", "console");
    let count = |what: &str| whole.nodes.sql(&format!("SELECT count(*) FROM {what}"));
    register(&own, &parties);
    let nodes = serving(&whole.nodes);
    until_late("all is looked at", || {
        count("job WHERE kind = 'triage' AND state <> 'done'") == "0"
    });
    drained(nodes);
    let found = list(&own, &["incidents", "list"]);
    assert_eq!(found.len() as u64, opened);
    about_all(&own, ["incidents", "validate"], &found);
    step("the cluster's incidents are validated");
    let nodes = serving(&whole.nodes);
    until_late("all is written", || count("notice") == written.to_string());
    about_all(&own, ["notices", "approve"], &list(&own, &held));
    until_late("all is sent", || {
        count("notice WHERE state IN ('held', 'ready', 'sending')") == "0"
    });
    drained(nodes);
    step("the cluster's notices are sent");

    let found = outcome(Ledger::connect_read_only(whole.nodes.url()), &post, &begun);
    same(&found, &expected);
    a_broken_twin_is_told_apart(&expected);
    // Complete: nothing of what is told is wanting on both sides.
    let sent = expected.notices.iter().filter(|one| one["state"] == "sent");
    assert_eq!(sent.count() as u64, written);
    assert_eq!(expected.mails.len() as u64, written);

    for (bench, told) in [(&own, &found), (&one, &expected)] {
        close(bench, told);
    }
    let figures = handling(&one);
    assert_eq!(handling(&own), figures);
    let handled = figures.iter().find(|value| value[0] == "I1");
    let handled = handled.map(|value| &value[1]["exact"]["count"]);
    assert_eq!(handled, Some(&json!(CLOSED)), "{figures:?}");
    own.run(&["audit", "verify"]).exits(0);
}
