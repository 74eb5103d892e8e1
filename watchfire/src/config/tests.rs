//! Configurations right and wrong, and what is said about them.

use std::path::Path;

use super::origin::{Origin, table_of, variables};
use super::*;

const FEED: &str = r#"
[[feed]]
name = "list"
provider = "Example"
format = "list"
zone = "UTC"
licence = "none"
classification = "blocklist"
paths = ["${DATA}/*.txt"]
"#;

fn environment(pairs: &[(&str, &str)]) -> Environment {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn load_text(text: &str, pairs: &[(&str, &str)]) -> Result<Settings, Vec<Problem>> {
    parse(text, Path::new("/ws/watchfire.toml"), &environment(pairs))
}

fn problem(text: &str, pairs: &[(&str, &str)]) -> Problem {
    let problems = load_text(text, pairs).expect_err("it is wrong");
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.into_iter().next().expect("there is one")
}

#[test]
fn an_empty_file_is_a_configuration() {
    let settings = load_text("", &[]).expect("defaults stand");
    assert_eq!(settings.zone_name, "Asia/Shanghai");
    assert_eq!(settings.series.scheme, NumberingScheme::SundayOrdinal);
    assert_eq!(settings.inside, [Country::new("CN").expect("two letters")]);
    assert_eq!(settings.query_memory, 1 << 30);
    assert!(
        settings
            .shown
            .iter()
            .all(|shown| shown.origin == Origin::Default)
    );
}

#[test]
fn unknown_keys_name_the_line_and_the_nearest_key() {
    let found = problem("[workspace]\nname = \"x\"\nzon = \"UTC\"\n", &[]);
    assert_eq!(found.place, "watchfire.toml:3");
    assert_eq!(found.message, "unknown key `zon`");
    assert_eq!(found.remedy.as_deref(), Some("did you mean `zone`?"));

    let found = problem("[workspce]\n", &[]);
    assert_eq!(found.remedy.as_deref(), Some("did you mean `workspace`?"));

    let text = format!("{FEED}every_day = 3\n");
    let found = problem(&text, &[]);
    assert_eq!(found.place, "watchfire.toml:10");
    assert_eq!(found.remedy.as_deref(), Some("did you mean `every_days`?"));

    let found = problem("[query]\nxyzzy = 1\n", &[]);
    assert_eq!(
        found.remedy.as_deref(),
        Some("keys here are memory_mb, threads")
    );
}

#[test]
fn wrong_values_name_the_line() {
    let found = problem("[series]\n\nscheme = \"weekly\"\n", &[]);
    assert_eq!(found.place, "watchfire.toml:3");
    let found = problem("[workspace]\nzone = \"Asia/Peking\"\n", &[]);
    assert_eq!(found.place, "watchfire.toml:2");
    let found = problem("[query]\nthreads = \"two\"\n", &[]);
    assert_eq!(found.place, "watchfire.toml:2");
    let found = problem("[workspace\n", &[]);
    assert_eq!(found.place, "watchfire.toml:1");
    assert!(found.message.starts_with("not valid TOML"), "{found}");
    let found = problem(&FEED.replace("licence = \"none\"\n", ""), &[]);
    assert_eq!(found.message, "`licence` is missing");
    let found = problem(
        &FEED.replace("zone = \"UTC\"", "zone = \"UCT2\""),
        &[("DATA", "/d")],
    );
    assert_eq!(found.place, "watchfire.toml:2");
    assert!(
        found.message.contains("feed list") && found.message.contains("UCT2"),
        "{found}"
    );
    let found = problem(&format!("{FEED}{FEED}"), &[("DATA", "/d")]);
    assert_eq!(
        (found.place.as_str(), found.message.as_str()),
        ("watchfire.toml:11", "feed list stands twice")
    );
}

#[test]
fn several_problems_are_told_at_once() {
    let problems = load_text(
        "[series]\nscheme = \"x\"\ntlp = \"blue\"\n[territory]\ninside = []\n",
        &[],
    )
    .expect_err("three");
    let places: Vec<&str> = problems
        .iter()
        .map(|problem| problem.place.as_str())
        .collect();
    assert_eq!(
        places,
        ["watchfire.toml:2", "watchfire.toml:3", "watchfire.toml:5"]
    );
}

#[test]
fn the_environment_goes_before_the_file() {
    let text = "[workspace]\nzone = \"UTC\"\n[query]\nthreads = 1\n";
    let pairs = [
        ("WATCHFIRE__QUERY__THREADS", "3"),
        ("WATCHFIRE__TERRITORY__INSIDE", "CN, HK"),
        ("WATCHFIRE_WORKSPACE", "x"),
    ];
    let settings = load_text(text, &pairs).expect("all is well");
    assert_eq!(settings.query_threads, 3);
    assert_eq!(settings.inside.len(), 2);
    let origin = |key: &str| {
        settings
            .shown
            .iter()
            .find(|shown| shown.key == key)
            .map(|shown| shown.origin.clone())
    };
    assert_eq!(origin("workspace.zone"), Some(Origin::Line(2)));
    assert_eq!(
        origin("query.threads"),
        Some(Origin::Environment("WATCHFIRE__QUERY__THREADS".to_owned()))
    );
    assert_eq!(origin("query.memory_mb"), Some(Origin::Default));

    let found = problem("", &[("WATCHFIRE__QUERY__THREAD", "3")]);
    assert_eq!(
        found.remedy.as_deref(),
        Some("did you mean WATCHFIRE__QUERY__THREADS?")
    );
    let found = problem("", &[("WATCHFIRE__QUERY__THREADS", "-3")]);
    assert_eq!(found.place, "WATCHFIRE__QUERY__THREADS");
    let found = problem("", &[("WATCHFIRE__RESPONSE__RDAP", "yes")]);
    assert_eq!(found.remedy.as_deref(), Some("give true or false"));
}

#[test]
fn every_scalar_has_a_variable() {
    let table = table_of(&Written::default());
    let variables = variables(&table);
    assert!(variables.contains(&"WATCHFIRE__WORKSPACE__ZONE".to_owned()));
    for (section, value) in &table {
        for (key, value) in value.as_table().into_iter().flatten() {
            assert!(
                value.is_str() || value.is_integer() || value.is_bool() || value.is_array(),
                "{section}.{key} cannot be overridden"
            );
        }
    }
}

#[test]
fn the_written_configuration_shows_every_key_with_its_default() {
    let template = include_str!("../command/init.toml").replace("@NAME@", "watchfire");
    let shown: toml::Table = template.parse().expect("it is TOML");
    let defaults = table_of(&Written::default());
    let mut wrong = Vec::new();
    for (section, value) in &defaults {
        for (key, value) in value.as_table().into_iter().flatten() {
            let shown = shown.get(section).and_then(|section| section.get(key));
            if shown != Some(value) {
                wrong.push(format!("{section}.{key} is {shown:?} and not {value:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn variables_in_paths_are_wanted_only_by_those_who_read_files() {
    let settings = load_text(FEED, &[]).expect("a query needs no path");
    assert_eq!(settings.unset.len(), 1);
    assert_eq!(
        settings.unset[0].message,
        "environment variable DATA is not set, and feed list names it"
    );
    let settings = load_text(FEED, &[("DATA", "/d")]).expect("it is set");
    assert!(settings.unset.is_empty());
    assert_eq!(settings.catalogue.sources()[0].feed.paths, ["/d/*.txt"]);
}

#[test]
fn kinds_of_reference_files_are_checked() {
    let found = problem(
        "[[reference]]\nkind = \"region-cdir\"\npaths = [\"x\"]\n",
        &[],
    );
    assert_eq!(found.remedy.as_deref(), Some("did you mean `region-cidr`?"));
    let text = "[[reference]]\nkind = \"shadowserver-schema\"\npaths = [\"x.json\"]\n";
    assert_eq!(
        load_text(text, &[]).expect("it is a kind").references.len(),
        1
    );
}

#[test]
fn a_node_is_reached_over_tls_at_a_name_of_its_own() {
    let settings = |url: &str| load_text(&format!("[public]\nurl = \"{url}\"\n"), &[]);
    let node = |url: &str| settings(url).expect("it is one").node.map(String::from);
    assert_eq!(node(""), None);
    let read = "https://report.cert.example/";
    assert_eq!(node("https://report.cert.example").as_deref(), Some(read));
    assert!(node("http://127.0.0.1:8080/").is_some());
    for (wrong, why) in [
        ("report.cert.example", "no address"),
        ("http://report.cert.example/", "over TLS"),
        ("https://cert.example/report/", "not below a path"),
        ("https://report.cert.example/?a=b", "holds more"),
    ] {
        let found = problem(&format!("[public]\nurl = \"{wrong}\"\n"), &[]);
        assert_eq!(found.place, "watchfire.toml:2", "{wrong}");
        assert!(found.message.contains(why), "{wrong}: {}", found.message);
    }
}

#[test]
fn a_running_series_needs_its_first_week() {
    let found = problem("[series]\nscheme = \"running\"\n", &[]);
    assert!(found.remedy.expect("there is one").contains("first_monday"));
    let text = "[series]\nscheme = \"running\"\nfirst_monday = \"2010-01-04\"\nfirst_number = 7\n";
    let scheme = load_text(text, &[]).expect("it is told").series.scheme;
    assert!(matches!(
        scheme,
        NumberingScheme::Running {
            first_number: 7,
            ..
        }
    ));
}
