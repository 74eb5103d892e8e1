//! Rules of the house that a machine can check, in place of scripts: sizes, names, directions,
//! complete lists, and documents that speak of what is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::run::tree;

/// Crates from the bottom up, each with those of ours that it may import. The three flows never import
/// each other: they meet in stored rows.
const CRATES: [(&str, &[&str]); 11] = [
    ("model", &[]),
    ("formats", &["model"]),
    ("lake", &["model"]),
    ("ledger", &["model"]),
    ("reference", &["model"]),
    ("outbound", &[]),
    (
        "intake",
        &[
            "model",
            "formats",
            "lake",
            "ledger",
            "reference",
            "outbound",
        ],
    ),
    (
        "response",
        &[
            "model",
            "formats",
            "lake",
            "ledger",
            "reference",
            "outbound",
        ],
    ),
    (
        "bulletin",
        &["model", "formats", "lake", "ledger", "reference"],
    ),
    (
        "console",
        &[
            "model",
            "formats",
            "lake",
            "ledger",
            "reference",
            "outbound",
            "intake",
            "response",
            "bulletin",
        ],
    ),
    (
        "watchfire",
        &[
            "model",
            "formats",
            "lake",
            "ledger",
            "reference",
            "outbound",
            "intake",
            "response",
            "bulletin",
            "console",
        ],
    ),
];

/// Lines that a file may have.
const LONGEST: usize = 800;

/// Files that are data written as code.
const DATA: [&str; 2] = [
    "bulletin/tests/it/render/specimen.rs",
    "watchfire/src/demo/reports.rs",
];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 8] = [
    "util", "utils", "common", "helper", "helpers", "manager", "misc", "shared",
];

/// Every Rust file of our crates, relative to the tree.
fn sources() -> Vec<(String, String)> {
    let root = tree();
    let mut found = Vec::new();
    for (name, _) in CRATES {
        for folder in ["src", "tests", "examples", "benches"] {
            walk(&root.join(name).join(folder), &mut found);
        }
    }
    let relative = |path: &Path| {
        path.strip_prefix(&root)
            .expect("below the tree")
            .to_string_lossy()
            .into_owned()
    };
    found
        .iter()
        .map(|path| {
            (
                relative(path),
                std::fs::read_to_string(path).expect("a source is text"),
            )
        })
        .collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn files_are_short_and_open_with_what_they_are() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let lines = text.lines().count();
        if lines > LONGEST && !DATA.contains(&path.as_str()) {
            wrong.push(format!("{path}: {lines} lines, {LONGEST} are the most"));
        }
        if !text.starts_with("//!") {
            wrong.push(format!("{path}: opens without //!"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn names_say_what_is_inside() {
    for (path, _) in sources() {
        for part in Path::new(&path).with_extension("").components() {
            let part = part.as_os_str().to_string_lossy();
            assert!(
                !EMPTY_NAMES.contains(&&*part),
                "{path}: `{part}` says nothing"
            );
        }
    }
}

#[test]
fn crates_import_downwards_only() {
    for (name, allowed) in CRATES {
        let path = tree().join(name).join("Cargo.toml");
        let text = std::fs::read_to_string(&path).expect("every crate has a manifest");
        let manifest: toml::Table = text.parse().expect("a manifest is TOML");
        assert_eq!(
            manifest["package"]["name"].as_str(),
            Some(name),
            "the folder's name is the crate's"
        );
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(section) = manifest.get(section).and_then(toml::Value::as_table) else {
                continue;
            };
            for (ours, _) in CRATES {
                assert!(
                    ours == name || !section.contains_key(ours) || allowed.contains(&ours),
                    "{name} imports {ours}"
                );
            }
        }
    }
}

#[test]
fn only_the_binary_reads_the_clock() {
    let readings = ["Timestamp::now(", "Zoned::now(", "SystemTime::now("];
    for (path, text) in sources() {
        let inside = path.starts_with("watchfire/")
            || path.contains("/tests/")
            || path.contains("/examples/");
        let reads = readings.iter().find(|reading| text.contains(*reading));
        assert!(
            inside || reads.is_none(),
            "{path} reads the clock: {}",
            reads.expect("it was found")
        );
    }
}

/// Nodes of the version before go on beside a newer ledger (docs/cluster.md): a migration adds, and takes nothing away.
#[test]
fn migrations_only_add() {
    let takes = [
        "drop_table",
        "drop_column",
        "rename_table",
        "rename_column",
        "modify_column",
        "DROP ",
        "RENAME ",
    ];
    let mut read = 0;
    for (path, text) in sources() {
        if !path.starts_with("ledger/src/migration/m0") {
            continue;
        }
        read += 1;
        let taken = takes.iter().find(|word| text.contains(*word));
        assert!(
            taken.is_none(),
            "{path} takes away: {}",
            taken.unwrap_or(&"")
        );
    }
    assert!(read > 15, "{read} migrations were read");
}

#[test]
fn architecture_names_what_is_there() {
    let root = tree();
    let text =
        std::fs::read_to_string(root.join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is there");
    let mut named = 0;
    for word in text.split('`').skip(1).step_by(2) {
        let first = word.split('/').next().unwrap_or("");
        let path =
            word.contains('/') && root.join(first).is_dir() && !word.contains([' ', '*', '<', '=']);
        if path {
            named += 1;
            assert!(
                root.join(word).exists(),
                "ARCHITECTURE.md names {word}, which is not there"
            );
        }
    }
    assert!(named > 0, "ARCHITECTURE.md names no path");
    for (name, _) in CRATES {
        assert!(
            text.contains(&format!("`{name}`")),
            "ARCHITECTURE.md does not name {name}"
        );
    }
    let pages = text.lines().count();
    assert!(
        pages <= 130,
        "ARCHITECTURE.md has {pages} lines: it is to fit two pages"
    );
}

#[test]
fn every_format_is_listed_once_and_has_a_sample_test() {
    let names: Vec<&str> = formats::FORMATS.iter().map(|format| format.name).collect();
    assert_eq!(
        names.iter().collect::<BTreeSet<_>>().len(),
        names.len(),
        "a name stands twice: {names:?}"
    );
    let tests: Vec<(String, String)> = sources()
        .into_iter()
        .filter(|(path, _)| path.starts_with("formats/tests/") || path.starts_with("intake/tests/"))
        .collect();
    for name in names {
        let quoted = format!("\"{name}\"");
        assert!(
            tests.iter().any(|(_, text)| text.contains(&quoted)),
            "format {name} has no sample test"
        );
    }
}

#[test]
fn documents_are_there_and_complete() {
    let root = tree();
    for document in [
        "README.md",
        "README.zh-CN.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "LICENSE",
        "docs/statistics.md",
        "docs/benchmarks.md",
        "docs/serve.md",
        ".ci/run",
    ] {
        assert!(root.join(document).is_file(), "{document} is missing");
    }
    let statistics = std::fs::read_to_string(root.join("docs/statistics.md")).expect("it is there");
    for statistic in bulletin::statistics::all() {
        let named = statistics
            .lines()
            .any(|line| line.starts_with('#') && line.contains(statistic.id));
        assert!(named, "docs/statistics.md does not name {}", statistic.id);
    }
    let serving = std::fs::read_to_string(root.join("docs/serve.md")).expect("it is there");
    for (meter, ..) in console::meters::METERS {
        let row = format!("| `{meter}` |");
        assert!(
            serving.contains(&row),
            "docs/serve.md does not list {meter}"
        );
    }
    let readme = std::fs::read_to_string(root.join("README.md")).expect("it is there");
    for command in ["cargo run --release -- demo", "cargo test --workspace"] {
        assert!(
            readme.contains(command),
            "README.md does not say `{command}`"
        );
        let last = command == "cargo test --workspace";
        let ci = std::fs::read_to_string(root.join(".ci/run")).expect("it is there");
        assert!(
            !last || ci.contains(command),
            ".ci/run does not call `{command}`"
        );
    }
}

/// The blocks of code of a document, and what its links and code words point to.
fn code_and_paths(text: &str) -> (Vec<&str>, BTreeSet<&str>) {
    let blocks = text.split("```").skip(1).step_by(2).collect();
    let paths = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    (
        blocks,
        paths.filter(|path| !path.starts_with("README")).collect(),
    )
}

#[test]
fn both_readmes_show_the_same_commands_and_documents() {
    let read = |name: &str| std::fs::read_to_string(tree().join(name)).expect("it is there");
    let (english, chinese) = (read("README.md"), read("README.zh-CN.md"));
    let (ours, theirs) = (code_and_paths(&english), code_and_paths(&chinese));
    assert!(
        ours.0.len() >= 5,
        "README.md shows {} blocks of code",
        ours.0.len()
    );
    assert_eq!(ours, theirs);
    let rows = |text: &str| text.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(
        rows(&english),
        rows(&chinese),
        "rows of the table of a workspace"
    );
    let heads = |text: &str| text.lines().filter(|line| line.starts_with("## ")).count();
    assert_eq!(heads(&english), heads(&chinese), "sections");
    for path in ours.1 {
        assert!(tree().join(path).exists(), "README.md names {path}");
    }
}
