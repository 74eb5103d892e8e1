//! Programs of others judge the site: axe-core and the Nu checker, feedparser, frictionless, and Chromium, which
//! searches it from files. Each also gets a broken twin, in which it must find the fault. Where one is not
//! installed, its test says so and passes; where `WATCHFIRE_PEERS` is set it must be there.
//!
//! npm's packages are found through `WATCHFIRE_PEERS_NPM`, a folder that holds `node_modules`.

use std::path::{Path, PathBuf};
use std::process::Command;

use bulletin::publish;

use super::sample::{Sample, sample};
use crate::render::specimen;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers");

/// Says loudly that a peer is missing; in CI it must not be.
fn missing<T>(what: &str) -> Option<T> {
    assert!(
        std::env::var_os("WATCHFIRE_PEERS").is_none(),
        "{what} is missing; see .ci/run"
    );
    eprintln!(
        "SKIPPED: {what} is not installed; see .ci/run, WATCHFIRE_PEERS and WATCHFIRE_PEERS_NPM"
    );
    None
}

fn runs(program: &str, argument: &str) -> bool {
    Command::new(program)
        .arg(argument)
        .output()
        .is_ok_and(|done| done.status.success())
}

/// Chromium by its full path, as puppeteer wants it, where there is a Node to drive it.
fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join("chromium"))
        .find(|file| file.exists());
    found
        .filter(|_| runs("node", "--version"))
        .or_else(|| missing("chromium or node"))
}

/// A package of npm by a file in it.
fn npm(file: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("WATCHFIRE_PEERS_NPM").map(PathBuf::from);
    match folder
        .map(|folder| folder.join("node_modules").join(file))
        .filter(|path| path.exists())
    {
        Some(path) => Some(path),
        None => missing(file),
    }
}

/// A Python that has a module.
fn python(module: &str) -> Option<PathBuf> {
    let peers =
        std::env::var_os("WATCHFIRE_PEERS").map(|folder| PathBuf::from(folder).join("bin/python"));
    let found = peers
        .into_iter()
        .chain([PathBuf::from("/usr/bin/python3")])
        .find(|python| {
            Command::new(python)
                .args(["-c", &format!("import {module}")])
                .output()
                .is_ok_and(|done| done.status.success())
        });
    found.or_else(|| missing(&format!("Python's {module}")))
}

fn write(dir: &Path, sample: &Sample) {
    let pages = publish::pages(&sample.site()).expect("a site");
    let own = sample
        .files
        .iter()
        .map(|file| (format!("{}/{}", publish::ISSUES, file.name), &file.bytes));
    for (name, bytes) in pages
        .iter()
        .chain(&sample.others)
        .map(|page| (page.name.clone(), &page.bytes))
        .chain(own)
    {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    }
}

/// A site of some issues, at the root of its host, in a folder.
fn site() -> tempfile::TempDir {
    let mut sample = sample(&specimen::bulletin(), 30, true);
    sample.settings.base_url = Some("https://cert.example/".into());
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), &sample);
    dir
}

fn output(command: &mut Command) -> String {
    let done = command.output().expect("a program");
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(
        done.status.success() || !text.is_empty(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    text
}

/// Pages of every kind, in both languages.
const PAGES: &[&str] = &[
    "index.html",
    "index.en.html",
    "archive.zh.html",
    "archive.en.html",
    "archive/2022.zh.html",
    "archive/2022.en.html",
    "statistics.zh.html",
    "statistics.en.html",
    "statistics/M1.zh.html",
    "statistics/M1.en.html",
    "statistics/V5.zh.html",
    "method.zh.html",
    "method.en.html",
    "lists.zh.html",
    "lists.en.html",
    "flash-2023-2.en.html",
    "data.zh.html",
    "data.en.html",
    "search.zh.html",
    "search.en.html",
    "404.html",
    "404.en.html",
    "issues/2022-52.zh.html",
    "issues/2022-52.en.html",
    "issues/2023-3.zh.html",
    "issues/2023-3.en.html",
];

#[test]
fn axe_finds_nothing_on_any_page() {
    if npm("axe-core").is_none() || npm("puppeteer-core").is_none() {
        return;
    }
    let Some(chromium) = chromium() else { return };
    let dir = site();
    let judge = |pages: &[&str]| {
        let script = format!("{SCRIPTS}/axe.cjs");
        output(
            Command::new("node")
                .arg(script)
                .arg(&chromium)
                .arg(dir.path())
                .args(pages),
        )
    };
    let found = judge(PAGES);
    assert_eq!(found.trim(), format!("{{\"looks\":{}}}", 4 * PAGES.len()));
    // The twin: pale ink, a picture without words, a script from elsewhere.
    let twin = std::fs::read_to_string(dir.path().join("index.html"))
        .expect("a page")
        .replace("<h1>", "<p style=\"color:#ddd;background:#fff\">pale words</p><img src=\"https://cdn.example/x.png\"><h1>");
    std::fs::write(dir.path().join("twin.html"), twin).expect("a file");
    let found = judge(&["twin.html"]);
    for fault in ["color-contrast", "image-alt", "https://cdn.example/x.png"] {
        assert!(found.contains(fault), "{fault} was not found: {found}");
    }
}

#[test]
fn the_nu_checker_finds_nothing() {
    let Some(jar) = npm("vnu-jar/build/dist/vnu.jar") else {
        return;
    };
    if !runs("java", "-version") {
        return missing("java").unwrap_or_default();
    }
    let dir = site();
    // Its list of properties lacks SVG 2's `vector-effect`; nothing else is let through.
    let judge = |args: &[&str]| {
        let done = Command::new("java")
            .arg("-jar")
            .arg(&jar)
            .args([
                "--format",
                "gnu",
                "--errors-only",
                "--filterpattern",
                ".*vector-effect.*",
            ])
            .args(args)
            .current_dir(dir.path())
            .output()
            .expect("java");
        String::from_utf8_lossy(&done.stderr).into_owned()
    };
    assert_eq!(judge(PAGES), "");
    let twin = std::fs::read_to_string(dir.path().join("index.html"))
        .expect("a page")
        .replace("<h1>", "<h1><div>")
        .replace("<main", "<main foo=\"1\"");
    std::fs::write(dir.path().join("twin.html"), twin).expect("a file");
    let found = judge(&["twin.html"]);
    assert!(found.contains("foo") && found.contains("div"), "{found}");
}

#[test]
fn feedparser_reads_the_feeds() {
    let Some(python) = python("feedparser") else {
        return;
    };
    let dir = site();
    let judge = |files: &[&str]| {
        output(
            Command::new(&python)
                .arg(format!("{SCRIPTS}/site.py"))
                .arg("feed")
                .args(files)
                .current_dir(dir.path()),
        )
    };
    assert_eq!(
        judge(&[
            "feeds/atom.zh.xml",
            "feeds/atom.en.xml",
            "feeds/rss.zh.xml",
            "feeds/rss.en.xml"
        ]),
        ""
    );
    let atom = std::fs::read_to_string(dir.path().join("feeds/atom.en.xml")).expect("a feed");
    std::fs::write(
        dir.path().join("twin.xml"),
        atom.replacen("</title>", "&</title>", 1),
    )
    .expect("a file");
    assert!(judge(&["twin.xml"]).contains("twin.xml"));
    std::fs::write(
        dir.path().join("twin.xml"),
        atom.replace("/revision/2</id>", "</id>"),
    )
    .expect("a file");
    assert!(judge(&["twin.xml"]).contains("twice"));
}

#[test]
fn frictionless_accepts_the_data_package() {
    let Some(python) = python("frictionless") else {
        return;
    };
    let dir = site();
    let judge = || {
        output(
            Command::new(&python)
                .arg(format!("{SCRIPTS}/site.py"))
                .args(["package", "datapackage.json"])
                .current_dir(dir.path().join("data")),
        )
    };
    assert_eq!(judge(), "");
    let path = dir.path().join("data/figures.csv");
    let figures = std::fs::read_to_string(&path).expect("a table");
    std::fs::write(
        &path,
        figures.replacen(",published,true,", ",published,perhaps,", 1),
    )
    .expect("a file");
    let found = judge();
    assert!(
        found.contains("hash") && found.contains("complete"),
        "{found}"
    );
}

#[test]
fn the_search_finds_in_both_languages_from_files() {
    if npm("puppeteer-core").is_none() {
        return;
    }
    let Some(chromium) = chromium() else { return };
    let dir = site();
    let search = |page: &str, queries: &[&str]| -> Vec<serde_json::Value> {
        let script = format!("{SCRIPTS}/search.cjs");
        output(
            Command::new("node")
                .arg(script)
                .arg(&chromium)
                .arg(dir.path().join(page))
                .args(queries),
        )
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
    };
    let found = search(
        "search.zh.html",
        &["仿冒页面", "2023年第3期", "鲸鱼", "28.4万"],
    );
    assert_eq!(found[0]["told"], "找到29期");
    assert!(
        found[0]["marked"][0]
            .as_str()
            .is_some_and(|text| text.contains("仿冒页面")),
        "{}",
        found[0]
    );
    assert_eq!(found[1]["links"][0], "issues/2023-3.zh.html");
    assert_eq!(found[2]["told"], "没有找到");
    assert!(
        found[3]["links"]
            .as_array()
            .is_some_and(|links| links.iter().any(|link| link == "issues/2023-3.zh.html")),
        "{}",
        found[3]
    );
    let found = search(
        "search.en.html",
        &["phishing pages", "hishing", "PHISH <b>"],
    );
    assert_eq!(found[0]["told"], "Found in 29 issues");
    assert_eq!(
        found[1]["told"], "Nothing found",
        "a word is found by its beginning"
    );
    assert!(
        found
            .iter()
            .all(|found| found["errors"].as_array().is_some_and(Vec::is_empty))
    );
}
