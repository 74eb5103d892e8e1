//! The demo as a whole: nothing in it is real, it is the same every time, and its configuration says
//! what its files are.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use model::feed::Feed;

use super::*;

mod reading;

/// A demo written once for all tests, in a folder of the build's own that the next run overwrites.
fn demo_written() -> &'static (PathBuf, DemoCountry) {
    static DEMO: OnceLock<(PathBuf, DemoCountry)> = OnceLock::new();
    DEMO.get_or_init(|| {
        let dir = fresh("demo");
        let country = write(&dir, DEFAULT_SEED, default_end(), &mut |_, _, _| {}).unwrap();
        (dir, country)
    })
}

fn fresh(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/tmp")
        .join(format!("watchfire-{name}"));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path)
            } else {
                found.push(path)
            }
        }
    }
    found.sort();
    found
}

/// One hash a feed, over names and bytes.
fn hashes(dir: &Path) -> BTreeMap<String, String> {
    let mut by_part: BTreeMap<String, blake3::Hasher> = BTreeMap::new();
    for path in files_below(dir) {
        let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
        let part = name.splitn(3, '/').take(2).collect::<Vec<_>>().join("/");
        let hasher = by_part.entry(part).or_default();
        hasher.update(name.as_bytes());
        hasher.update(&std::fs::read(&path).unwrap());
    }
    by_part
        .into_iter()
        .map(|(part, hasher)| (part, hasher.finalize().to_hex()[..16].to_owned()))
        .collect()
}

#[test]
fn the_same_seed_writes_the_same_bytes() {
    let (dir, _) = demo_written();
    let first = hashes(dir);
    let again = fresh("demo-again");
    write(&again, DEFAULT_SEED, default_end(), &mut |_, _, _| {}).unwrap();
    assert_eq!(first, hashes(&again));
    std::fs::remove_dir_all(&again).unwrap();

    // The golden hashes: a change of the demo is a change of this file. WATCHFIRE_UPDATE=1 rewrites it.
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo/golden.txt");
    let text: String = first
        .iter()
        .map(|(part, hash)| format!("{hash} {part}\n"))
        .collect();
    if std::env::var_os("WATCHFIRE_UPDATE").is_some() {
        std::fs::write(&golden, &text).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&golden).unwrap_or_default(),
        text,
        "see {}",
        golden.display()
    );
}

#[test]
fn another_seed_and_another_week_tell_the_same_story_otherwise() {
    let dir = fresh("demo-other");
    let end = ReportingWeek::containing(date(2025, 1, 5));
    let other = write(&dir, 7, end, &mut |_, _, _| {}).unwrap();
    let (_, first) = demo_written();
    assert_eq!(*other.weeks.last().unwrap(), end);
    let value = |country: &DemoCountry, id: &str| {
        country
            .headline()
            .iter()
            .find(|(name, _)| *name == id)
            .unwrap()
            .1
    };
    assert_ne!(value(&other, "M1"), value(first, "M1"));
    for id in ["W1", "W2", "V1", "V2"] {
        assert_eq!(
            value(&other, id),
            value(first, id),
            "{id} is told by the story"
        );
    }
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn the_headline_is_that_of_a_real_week() {
    let (_, country) = demo_written();
    let value = |id: &str| {
        country
            .headline()
            .iter()
            .find(|(name, _)| *name == id)
            .unwrap()
            .1
    };
    assert_eq!(value("M1"), value("M2") + value("M3"));
    assert!((23_000..32_000).contains(&value("M1")), "{}", value("M1"));
    assert!((2_400..3_000).contains(&value("W5")), "{}", value("W5"));
    assert_eq!(
        (value("W1"), value("W2"), value("V1"), value("V2")),
        (641, 17, 272, 96)
    );
    assert_eq!(
        (
            value("W4"),
            country
                .truth
                .figures(LAST - 1)
                .iter()
                .find(|(id, _)| *id == "W4")
                .unwrap()
                .1
        ),
        (9, 6)
    );
    // The report on websites lost a day, and with it a few sites that nobody else saw.
    assert!(
        value("W3") < weeks::BACKDOORED[LAST].0 && value("W3") > weeks::BACKDOORED[LAST].0 - 30
    );
    assert_eq!(value("M4"), 23);
    assert!(
        (500_000..640_000).contains(&country.rows()),
        "{}",
        country.rows()
    );
    assert!(country.rejects() >= 20);
    let provinces = country.provinces(LAST);
    assert_eq!(
        provinces[..3]
            .iter()
            .map(|(_, en, _)| *en)
            .collect::<Vec<_>>(),
        ["Wangchao", "Hesui", "Lanjing"]
    );
}

#[test]
fn every_feed_is_configured_and_every_file_belongs_to_its_feed() {
    let (dir, country) = demo_written();
    let text = std::fs::read_to_string(dir.join("watchfire.toml")).unwrap();
    let config: toml::Table = text.parse().unwrap();
    let feeds: Vec<Feed> = config["feed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|feed| feed.clone().try_into().unwrap())
        .collect();
    let mut names: Vec<&str> = feeds.iter().map(|feed| feed.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), feeds.len());
    for file in &country.files {
        let owners: Vec<&str> = feeds
            .iter()
            .filter(|feed| feed.paths.iter().any(|pattern| fits(pattern, &file.path)))
            .map(|feed| feed.name.as_str())
            .collect();
        assert_eq!(owners, [file.feed], "{}", file.path);
    }
    for feed in &feeds {
        assert!(
            country.files.iter().any(|file| file.feed == feed.name),
            "{} has no file",
            feed.name
        );
        assert!(
            feed.classification
                .as_deref()
                .is_none_or(|class| model::classification::classification(class).is_some()),
            "{}",
            feed.name
        );
    }
    for reference in config["reference"].as_array().unwrap() {
        let pattern = reference["paths"][0].as_str().unwrap();
        let found = files_below(&dir.join("reference-sources"));
        assert!(
            found
                .iter()
                .any(|path| fits(pattern, path.strip_prefix(dir).unwrap().to_str().unwrap())),
            "{pattern}"
        );
    }
}

/// Shell patterns as far as the configuration uses them: `*` and `?` within a folder.
fn fits(pattern: &str, path: &str) -> bool {
    fn part(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => {
                part(rest, text) || (!text.is_empty() && part(pattern, &text[1..]))
            }
            ([b'?', rest @ ..], [_, after @ ..]) => part(rest, after),
            ([a, rest @ ..], [b, after @ ..]) => a == b && part(rest, after),
            _ => false,
        }
    }
    let (patterns, parts): (Vec<&str>, Vec<&str>) =
        (pattern.split('/').collect(), path.split('/').collect());
    patterns.len() == parts.len()
        && patterns
            .iter()
            .zip(parts)
            .all(|(pattern, text)| part(pattern.as_bytes(), text.as_bytes()))
}

/// Every address and every host name in every file, wherever it stands, is one of those that are
/// reserved (RFC 2606, RFC 6761, RFC 6890, RFC 3849, RFC 9637).
#[test]
fn every_name_and_address_is_reserved() {
    let (dir, _) = demo_written();
    let (mut addresses, mut names) = (0u64, 0u64);
    for path in files_below(dir) {
        let bytes = std::fs::read(&path).unwrap();
        let is_part =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
        let mut at = 0_usize;
        for token in bytes.split(|byte| !is_part(byte)) {
            let before = at.checked_sub(1).map(|at| bytes[at]);
            at += token.len() + 1;
            if token.len() > 3 && (token.contains(&b'.') || token.contains(&b':')) {
                let token = std::str::from_utf8(token).unwrap();
                match what(token, before) {
                    Token::Address(true) => addresses += 1,
                    Token::Name(true) => names += 1,
                    Token::Other => {}
                    _ => panic!("{}: {token}", path.display()),
                }
            }
        }
    }
    assert!(
        addresses > 800_000 && names > 300_000,
        "{addresses} {names}"
    );
}

enum Token {
    Address(bool),
    Name(bool),
    Other,
}

fn what(token: &str, before: Option<u8>) -> Token {
    if let Ok(v6) = token.parse::<Ipv6Addr>() {
        let bits = u128::from(v6) >> 96;
        return Token::Address(bits == 0x2001_0db8 || bits >> 12 == 0x3fff0);
    }
    let host = match token.split_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => token,
    };
    let host = host.trim_matches('.');
    let labels: Vec<&str> = host.split('.').collect();
    if labels.len() == 4
        && labels
            .iter()
            .all(|label| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return Token::Address(host.parse::<Ipv4Addr>().is_ok_and(reserved));
    }
    let last = labels[labels.len() - 1];
    let file = matches!(
        last,
        "php"
            | "html"
            | "txt"
            | "asp"
            | "aspx"
            | "jsp"
            | "sh"
            | "exe"
            | "zip"
            | "hta"
            | "js"
            | "csv"
            | "xml"
            | "json"
            | "jsonl"
            | "lst"
            | "yaml"
            | "dat"
            | "tsv"
            | "toml"
    );
    let path = before == Some(b'/') && file;
    let number = last.len() < 2 || !last.bytes().all(|byte| byte.is_ascii_alphabetic());
    // Words of the configuration such as `resolved.ip`, and packages of Android, are no host names.
    let word = matches!(
        host,
        "resolved.ip"
            | "resolved.asn"
            | "feed.columns"
            | "feed.options"
            | "feed.from_path"
            | "extra.registrar"
            | "extra.team"
            | "extra.shell"
            | "extra.kind"
            | "extra.size"
    ) || host.starts_with("com.example.");
    if labels.len() < 2 || path || file || number || word || is_schema_word(&labels) {
        return Token::Other;
    }
    let reserved = matches!(last, "example" | "test" | "invalid")
        || (labels.len() >= 2
            && labels[labels.len() - 2] == "example"
            && matches!(last, "com" | "net" | "org"));
    Token::Name(reserved)
}

/// Field names of the schema: `source.reverse_dns`, `extra.source.naics`.
fn is_schema_word(labels: &[&str]) -> bool {
    matches!(
        labels[0],
        "source"
            | "destination"
            | "extra"
            | "classification"
            | "protocol"
            | "malware"
            | "product"
            | "time"
            | "event_description"
    )
}

fn reserved(ip: Ipv4Addr) -> bool {
    let ranges = [
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([172, 16, 0, 0], 12),
        ([192, 168, 0, 0], 16),
        ([198, 18, 0, 0], 15),
        ([192, 0, 2, 0], 24),
        ([198, 51, 100, 0], 24),
        ([203, 0, 113, 0], 24),
        ([240, 0, 0, 0], 4),
    ];
    ranges.iter().any(|(first, length)| {
        (u32::from(ip) ^ u32::from_be_bytes(*first)).leading_zeros() >= *length
    })
}

#[test]
fn the_schema_has_every_column_of_every_header() {
    let schema: serde_json::Value = serde_json::from_str(&reports::schema()).unwrap();
    for report in reports::REPORTS {
        let entry = &schema[report.key];
        assert_eq!(entry["file_name"], report.file);
        let mut known = std::collections::BTreeSet::new();
        for list in ["required_fields", "optional_fields"] {
            for row in entry[list].as_array().unwrap() {
                known.insert(row[1].as_str().unwrap().to_owned());
            }
        }
        for column in report.columns(true) {
            assert!(
                known.contains(column.name),
                "{} {}",
                report.file,
                column.name
            );
        }
        assert!(
            model::classification::classification(
                entry["constant_fields"]["classification.type"]
                    .as_str()
                    .unwrap()
            )
            .is_some()
        );
    }
}

#[test]
fn the_benchmark_is_the_same_for_any_number_of_threads_and_has_its_repeats() {
    let plan = benchmark::Plan {
        rows: 40_003,
        days: 3,
        seed: 5,
        files_of: 2_000,
    };
    let (a, b) = (fresh("bench-a"), fresh("bench-b"));
    let written = benchmark::write(&a, plan, &|_| {}).unwrap();
    assert_eq!(benchmark::write(&b, plan, &|_| {}).unwrap(), written);
    assert_eq!(hashes(&a), hashes(&b));
    assert_eq!(written.rows, plan.rows);
    let mut lines = std::collections::HashSet::new();
    let (mut rows, mut repeats) = (0, 0);
    for path in files_below(&a.join("feeds")) {
        let text = std::fs::read_to_string(path).unwrap();
        let mut of_file = text.lines();
        let header = of_file.next().unwrap();
        for line in of_file {
            rows += 1;
            if !lines.insert(format!("{} {line}", header.len())) {
                repeats += 1;
            }
        }
        assert!(text.lines().count() <= 2_001);
    }
    assert_eq!((rows, repeats), (plan.rows, written.repeats));
    assert!((11_900..12_100).contains(&repeats), "{repeats}");
    assert!(
        (240..300).contains(&(written.bytes / written.rows)),
        "{}",
        written.bytes / written.rows
    );
    for dir in [a, b] {
        std::fs::remove_dir_all(dir).unwrap();
    }
}
