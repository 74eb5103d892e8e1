//! Manual pages and completions: complete, and sound to the programs that read them.

use std::process::Command;

use crate::run::Bench;

/// Whether Debian's program is there; in its absence its test says so and passes.
fn there(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|done| done.status.success())
        || Command::new("which")
            .arg(program)
            .output()
            .is_ok_and(|done| done.status.success());
    if !found {
        eprintln!("SKIPPED: {program} is not installed; see .ci/run");
    }
    found
}

#[test]
fn every_command_has_a_page_with_examples() {
    let bench = Bench::new();
    bench
        .run(&["man", "pages"])
        .exits(0)
        .prints("pages in pages");
    let page = |name: &str| {
        std::fs::read_to_string(bench.path().join("pages").join(name))
            .unwrap_or_else(|why| panic!("{name}: {why}"))
    };
    let help = bench.run(&["--help"]).exits(0).stdout;
    let commands = help
        .split("Commands:")
        .nth(1)
        .and_then(|rest| rest.split("\n\n").next())
        .expect("a list of commands");
    let commands: Vec<&str> = commands
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.len() >= 19, "{commands:?}");
    for command in commands {
        let text = page(&format!("watchfire-{command}.1"));
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES"] {
            let has = text.contains(&format!(".SH {section}\n"))
                || text.contains(&format!(".SH \"{section}\"\n"));
            assert!(has, "{command} has no {section}:\n{text}");
        }
        assert!(
            text.contains(&format!("watchfire {command}")),
            "{command} shows no example of its own"
        );
    }
    let nested = page("watchfire-feeds-tally.1");
    assert!(
        nested.contains("watchfire feeds tally last \\-\\-by tag"),
        "{nested}"
    );
    assert!(page("watchfire.1").contains(".SH \"EXIT CODES\""));
    // The whole as JSON, for packagers.
    let done = bench.run(&["--json", "man", "pages"]).exits(0).json();
    let listed = done["pages"].as_array().expect("a list").len();
    let files = std::fs::read_dir(bench.path().join("pages")).expect("the folder");
    assert_eq!(listed, files.count());
    bench.write("file", "in the way");
    bench.run(&["man", "file"]).exits(1).says("file: ");
}

#[test]
fn pages_have_no_fault_that_mandoc_finds() {
    if !there("mandoc") {
        return;
    }
    let bench = Bench::new();
    bench.run(&["man", "pages"]).exits(0);
    let lint = |files: &[std::path::PathBuf]| {
        let done = Command::new("mandoc")
            .args(["-Tlint", "-Wwarning"])
            .args(files)
            .output()
            .expect("mandoc runs");
        String::from_utf8_lossy(&done.stdout).into_owned()
    };
    let folder = std::fs::read_dir(bench.path().join("pages")).expect("the folder");
    let files: Vec<_> = folder.flatten().map(|entry| entry.path()).collect();
    assert!(files.len() >= 40, "only {} pages", files.len());
    let found = lint(&files);
    assert!(found.is_empty(), "{found}");
    // The twin: a broken page is found.
    let text = std::fs::read_to_string(&files[0]).expect("a page");
    bench.write("broken.1", text.replace(".SH NAME", ".SHH NAME\n.TP"));
    assert!(!lint(&[bench.path().join("broken.1")]).is_empty());
}

#[test]
fn completions_complete() {
    let bench = Bench::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = bench.run(&["completions", shell]).exits(0).stdout;
        for word in ["ingest", "bulletin", "--workspace", "catalogue"] {
            let word = match shell {
                "fish" => word.trim_start_matches("--"),
                _ => word,
            };
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
    bench.run(&["completions", "tcl"]).exits(2).says("bash");
    if !there("bash") {
        return;
    }
    let script = bench.run(&["completions", "bash"]).exits(0).stdout;
    bench.write("watchfire.bash", script);
    // As the shell does when the key is pressed after these words.
    let complete = |words: &str| {
        let ask = format!(
            "source watchfire.bash || exit 1; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _watchfire watchfire \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let done = Command::new("bash")
            .current_dir(bench.path())
            .args(["--norc", "-c", &ask])
            .output()
            .expect("bash runs");
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        String::from_utf8(done.stdout).expect("text")
    };
    assert_eq!(complete("watchfire ing").trim(), "ingest");
    assert_eq!(complete("watchfire feeds ta").trim(), "tally");
    assert!(complete("watchfire feeds tally --b").contains("--by"));
    assert!(complete("watchfire feeds tally --by ob").contains("observable"));
    assert_eq!(complete("watchfire nonsens").trim(), "");
}
