//! Every page of the table of routes, walked by people of each kind on a copy of the demo: once as it is, and once after
//! every form was sent full of hostile texts. No script of another's runs, no request leaves, no link is broken, texts
//! stand where they were put letter by letter, and axe finds nothing in either language, theme or width.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use console::routes::Verb;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::browser::{Peers, peers};
use crate::run::Bench;
use crate::serve::Serving;

/// Pages that no link on the demo leads to, each with the reason. One that is reached is taken off this list: the test
/// says so.
const NOT_REACHED: [(&str, &str); 6] = [
    ("/console/alarm/{link}", "the link stands in a mail only"),
    ("/console/sign-in/code", "needs a sign-in that is half done"),
    ("/console/sign-in/oidc", "needs another house's provider"),
    (
        "/console/sign-in/oidc/back",
        "needs another house's provider",
    ),
    ("/console/{*rest}", "is no page: whatever is not there"),
    ("/portal/{*rest}", "is no page: whatever is not there"),
];

/// Walks like this one walk them all: `li.na` holds every role of the house.
const PEOPLE: [&str; 4] = ["li.na", "wu.branch", "zhou.party", ""];

/// The demo, made once for this process; each test works on a copy.
fn demo() -> &'static Path {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    let folder = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let bench = Bench::at(folder.path());
        bench.run(&["demo", "country"]).exits(0);
        let roles = "administrator,lead,editor,analyst,approver";
        Bench::at(&folder.path().join("country"))
            .run(&["users", "add", "li.na", "--role", roles, "--as", "li.na"])
            .exits(0);
        folder
    });
    folder.path()
}

fn copied() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let done = Command::new("cp")
        .args(["-a", "country"])
        .arg(folder.path())
        .current_dir(demo())
        .status();
    assert!(done.is_ok_and(|status| status.success()), "cp -a");
    let country = folder.path().join("country");
    (folder, country)
}

/// The pages of the table: whatever answers to GET outside of the API.
fn patterns() -> Vec<&'static str> {
    let mut all: Vec<&str> = console::routes::all()
        .filter(|route| route.verb == Verb::Get && !route.path.starts_with("/api/"))
        .map(|route| route.path)
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Walks; what the walk says.
fn walk(peers: &Peers, country: &Path, strings: bool) -> Value {
    let bench = Bench::at(country);
    let accounts = std::fs::read_to_string(country.join("accounts.txt")).expect("the accounts");
    let password = accounts
        .lines()
        .next()
        .and_then(|line| line.rsplit_once(' '))
        .map(|(_, password)| password)
        .expect("a password");
    let serving = Serving::start(&bench);
    let people: Vec<Value> = PEOPLE
        .iter()
        .map(|login| json!({ "login": login, "password": password }))
        .collect();
    let plan = json!({
        "base": format!("http://127.0.0.1:{}", serving.address.port()),
        "npm": peers.npm,
        "chromium": peers.chromium,
        "people": people,
        "patterns": patterns(),
        "strings": strings,
    });
    let file = country.join("plan.json");
    std::fs::write(&file, plan.to_string()).expect("a file");
    let output = Command::new("node")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/walk.cjs"))
        .arg(&file)
        .stderr(Stdio::inherit())
        .output()
        .expect("node runs");
    let told: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}\n{}", serving.log()));
    let list = |value: &Value| -> String {
        let all = value.as_array().map(Vec::as_slice).unwrap_or_default();
        let lines = all.iter().filter_map(Value::as_str);
        lines.map(|line| format!("\n  {line}")).collect()
    };
    assert_eq!(told["done"], true, "{}\n{}", told["error"], serving.log());
    assert_eq!(told["faults"], json!([]), "{}", list(&told["faults"]));
    // What the process itself found broken on the way.
    let log = serving.log();
    let broken: Vec<&str> = log.lines().filter(|line| line.contains("ERROR")).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    told
}

/// Whether there is time for it: many pages in every look are minutes of a browser's work.
fn long() -> bool {
    let long = std::env::var("WATCHFIRE_LONG").is_ok_and(|value| value == "1");
    if !long {
        eprintln!("SKIPPED: every page is walked with WATCHFIRE_LONG=1 only");
    }
    long
}

#[test]
fn every_page_is_sound_in_both_languages_themes_and_widths() {
    if !long() {
        return;
    }
    let Some(peers) = peers() else {
        return;
    };
    let (_folder, country) = copied();
    let told = walk(&peers, &country, false);
    let visited: BTreeMap<String, u64> =
        serde_json::from_value(told["visited"].clone()).expect("counts");
    let reached = |pattern: &str| {
        visited.contains_key(pattern) || visited.contains_key(&format!("{pattern} >"))
    };
    let known = |pattern: &str| NOT_REACHED.iter().any(|(one, _)| *one == pattern);
    let missed: Vec<&str> = patterns()
        .into_iter()
        .filter(|pattern| !reached(pattern) && !known(pattern))
        .collect();
    assert!(missed.is_empty(), "no link leads to {missed:#?}");
    for (pattern, why) in NOT_REACHED {
        assert!(
            !visited.contains_key(pattern),
            "{pattern} is reached: {why}"
        );
    }
}

#[test]
fn hostile_texts_in_every_field_stay_texts() {
    if !long() {
        return;
    }
    let Some(peers) = peers() else {
        return;
    };
    let (_folder, country) = copied();
    let told = walk(&peers, &country, true);
    let count = |key: &str| told[key].as_array().map_or(0, Vec::len);
    // The forms took them, and pages showed them: a walk that sent nothing would find nothing.
    let shown = count("verbatim");
    assert!(count("stored") >= 60, "{:#}", told["stored"]);
    assert!(shown >= 40, "{shown} of {}", told["strings"]);
}
