//! The configuration as a person meets it: mistakes name the line and the remedy.

use crate::run::Bench;

const LIST: &str = r#"
[[feed]]
name = "list"
provider = "Example"
format = "list"
paths = ["${LISTS}/*.txt"]
zone = "UTC"
classification = "blocklist"
licence = "none"
"#;

#[test]
fn a_folder_without_a_configuration_is_told_what_to_do() {
    let bench = Bench::new();
    bench
        .run(&["status"])
        .exits(3)
        .says("watchfire: workspace: none is named")
        .says("  remedy: ");
    bench
        .run(&["--workspace", "nowhere", "status"])
        .exits(3)
        .says("no such folder")
        .says("watchfire init nowhere");
    let away = Bench::new();
    let named = away.set("WATCHFIRE_WORKSPACE", &bench.path().to_string_lossy());
    named.run(&["status"]).exits(3).says("is no workspace");
}

#[test]
fn init_makes_a_workspace_once() {
    let bench = Bench::new();
    bench
        .run(&["init", "ws", "--name", "a \"quoted\" name"])
        .exits(0)
        .prints("config check");
    bench
        .run(&["init", "ws"])
        .exits(1)
        .says("is a workspace already")
        .says("remedy");
    bench
        .run(&["--workspace", "ws", "config", "check"])
        .exits(0)
        .prints("0 feeds");
    let shown = bench
        .run(&["--workspace", "ws", "config", "show", "--json"])
        .exits(0)
        .json();
    let shown = shown.as_array().expect("a list");
    let of = |key: &str| {
        shown
            .iter()
            .find(|one| one["key"] == key)
            .expect("the key is shown")
            .clone()
    };
    assert_eq!(of("workspace.name")["value"], "a \"quoted\" name");
    // The template spells every default out, so that nothing changes when a default does.
    assert!(of("query.memory_mb")["origin"]["line"].is_u64());
    let status = bench
        .run(&["--workspace", "ws", "status", "--json"])
        .exits(0)
        .json();
    assert_eq!(
        (status["events"].as_i64(), status["snapshot"].as_i64()),
        (Some(0), Some(0))
    );
}

#[test]
fn an_unknown_key_names_its_line_and_the_nearest_one() {
    let bench = Bench::with("[workspace]\nname = \"x\"\n\n[series]\ntitel_zh = \"y\"\n");
    let done = bench.run(&["config", "check"]).exits(3);
    assert_eq!(
        done.stderr,
        "watchfire: watchfire.toml:5: unknown key `titel_zh`\n  remedy: did you mean `title_zh`?\n"
    );
    assert_eq!(done.stdout, "");
}

#[test]
fn a_variable_that_is_not_set_stops_who_reads_files_and_nobody_else() {
    let bench = Bench::with(LIST);
    for arguments in [&["config", "check"][..], &["ingest"], &["feeds", "check"]] {
        bench
            .run(arguments)
            .exits(3)
            .says("watchfire.toml:2: environment variable LISTS is not set, and feed list names it")
            .says("remedy: export LISTS=FOLDER");
    }
    bench
        .run(&["query", "SELECT count(*) AS n FROM events"])
        .exits(0)
        .prints("n");
    let bench = bench.set("LISTS", "lists");
    bench.write("lists/a.txt", "192.0.2.1\n198.51.100.7\n");
    bench.run(&["feeds", "check"]).exits(0);
    bench.run(&["ingest"]).exits(0).prints("list");
    bench
        .run(&[
            "query",
            "SELECT source_ip FROM events ORDER BY 1",
            "--format",
            "csv",
        ])
        .exits(0)
        .prints("192.0.2.1\r\n198.51.100.7\r\n");
}

#[test]
fn the_environment_overrides_and_says_so() {
    let bench = Bench::with("[query]\nthreads = 1\n").set("WATCHFIRE__QUERY__MEMORY_MB", "256");
    let shown = bench.run(&["config", "show", "--origin"]).exits(0);
    let line = |key: &str| {
        shown
            .stdout
            .lines()
            .find(|line| line.starts_with(key))
            .expect("the key is shown")
            .to_owned()
    };
    assert!(
        line("query.memory_mb").ends_with("environment WATCHFIRE__QUERY__MEMORY_MB"),
        "{}",
        shown.stdout
    );
    assert!(line("query.threads").ends_with("watchfire.toml:2"));
    assert!(line("workspace.zone").ends_with("default"));
    // What is shown is a configuration again.
    let text = bench.run(&["config", "show"]).exits(0).stdout;
    Bench::with(&text).run(&["config", "check"]).exits(0);

    let bench = Bench::with("").set("WATCHFIRE__QUERY__MEMROY_MB", "256");
    bench
        .run(&["config", "check"])
        .exits(3)
        .says("did you mean WATCHFIRE__QUERY__MEMORY_MB?");
}

#[test]
fn problems_of_a_feed_are_told_with_the_feed() {
    let bench = Bench::with(
        &LIST
            .replace("format = \"list\"", "format = \"lists\"")
            .replace("${LISTS}", "lists"),
    );
    bench
        .run(&["config", "check"])
        .exits(3)
        .says("watchfire.toml:2")
        .says("feed list")
        .says("format `lists` is unknown");
}
