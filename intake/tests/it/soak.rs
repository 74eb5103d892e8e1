//! A year in one process: week after week is written, taken in by the ordinary path and counted, and
//! what the process holds is measured. In CI a quarter of it runs with small weeks; the whole is
//!
//! ```text
//! WATCHFIRE_SOAK_WEEKS=52 WATCHFIRE_SOAK_ROWS=200000 cargo test --release -p intake --test it soak -- --nocapture
//! ```
//!
//! Nothing here asserts a time.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use intake::catalogue::{Catalogue, Source};
use intake::collect::{Wanted, files};
use intake::enrich::Enricher;
use intake::ingest::Intake;
use jiff::civil::{Date, date};
use lake::Lake;
use lake::query::Part;
use ledger::{BlobStore, LakeFileKind, Ledger};
use model::time::Timestamp;
use reference::Tables;

const DAY: i64 = 86_400_000_000;
/// 2025-01-06, a Monday.
const START: i64 = 1_736_121_600_000_000;

/// What a process holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// Resident bytes.
    memory: u64,
    /// Open files.
    files: u64,
    /// Threads.
    threads: u64,
}

fn held() -> Held {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.unwrap().split_whitespace().next().unwrap();
        number.parse::<u64>().unwrap()
    };
    Held {
        memory: line("VmRSS:") * 1024,
        files: std::fs::read_dir("/proc/self/fd").unwrap().count() as u64,
        threads: line("Threads:"),
    }
}

fn setting(name: &str, default: u32) -> u32 {
    let value = std::env::var(name).ok();
    value.map_or(default, |value| value.parse().expect("a number"))
}

fn catalogue() -> Catalogue {
    let feed = |name: &str, format: &str, more: serde_json::Value| {
        let mut entry = serde_json::json!({
            "name": name, "provider": "Example", "format": format, "zone": "UTC", "licence": "none",
            "classification": "phishing", "paths": [format!("in/{name}/*")],
        });
        let members = entry.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        serde_json::from_value(entry).unwrap()
    };
    let columns = serde_json::json!({
        "columns": { "seen": "observed_at", "url": "source_url", "ip": "source_ip", "note": "description" },
    });
    let list = serde_json::json!({ "snapshot": "%Y-%m-%d", "options": { "kind": "ip" } });
    let feeds = [feed("urls", "csv", columns), feed("list", "list", list)];
    Catalogue::new(feeds.map(|feed| Source::compile(feed).unwrap()).into()).unwrap()
}

/// A day of the feed of URLs: a third of the hosts stood there the day before, some rows are none and
/// the last ones stand there twice.
fn urls(day: Date, number: u32, rows: u32) -> String {
    let mut text = String::from("seen,url,ip,note\n");
    for n in (0..rows).chain(rows - rows / 20..rows) {
        let n = number * rows * 2 / 3 + n;
        let (hour, minute) = (n % 24, n % 60);
        let _ = match n % 500 {
            0 => writeln!(text, "never,http://bad{n}.example/,192.0.2.1,no time"),
            _ => writeln!(
                text,
                "{day} {hour:02}:{minute:02}:00,http://h{n}.example.com/{n},198.51.{}.{},note {}",
                n / 256 % 256,
                n % 256,
                n % 1000
            ),
        };
    }
    text
}

/// A list of addresses that changes slowly: most of it is the list of the day before.
fn list(number: u32, rows: u32) -> String {
    let address = |n: u32| format!("203.{}.{}.{}\n", n / 65_536 % 256, n / 256 % 256, n % 256);
    (number * 3..number * 3 + rows).map(address).collect()
}

#[test]
fn a_year_of_weeks_leaves_memory_and_files_flat() {
    let weeks = setting("WATCHFIRE_SOAK_WEEKS", 13);
    let rows = setting("WATCHFIRE_SOAK_ROWS", 2_100) / 7;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let ledger = runtime
        .block_on(Ledger::open(&root.join("ledger.db")))
        .unwrap();
    let lake = Lake::open(&root.join("lake"), 256 << 20, 2).unwrap();
    let (tables, _) = Tables::build(&[]).unwrap();
    let now = AtomicI64::new(START);
    let clock = || Timestamp(now.load(Ordering::Relaxed));
    let intake = Intake {
        ledger: ledger.clone(),
        blobs: BlobStore::new(root.join("blobs")),
        lake,
        enricher: Enricher::new(Arc::new(tables)),
        schema: None,
        workers: 2,
        runtime: runtime.handle().clone(),
        clock: &clock,
        holder: "soak".to_owned(),
    };
    let catalogue = catalogue();
    for feed in ["urls", "list"] {
        std::fs::create_dir_all(root.join("in").join(feed)).unwrap();
    }

    let mut seen: Vec<Held> = Vec::new();
    let mut events = 0;
    for week in 0..weeks {
        for day in 0..7 {
            let number = week * 7 + day;
            let date = date(2025, 1, 6)
                .checked_add(jiff::Span::new().days(i64::from(number)))
                .unwrap();
            let write = |feed: &str, text: String| {
                let path = root.join("in").join(feed).join(format!("{date}.txt"));
                std::fs::write(path, text).unwrap();
            };
            write("urls", urls(date, number, rows));
            write("list", list(number, rows / 3));
        }
        now.store(START + i64::from(week + 1) * 7 * DAY, Ordering::Relaxed);
        let deliveries = files(&catalogue, root, &[Wanted::All]).unwrap();
        let summary = intake.ingest(&deliveries, false, &mut |_| {}).unwrap();
        // A delivered file is archived: the drop folder is emptied, as its owner would.
        for delivery in &deliveries {
            std::fs::remove_file(&delivery.path).unwrap();
        }
        let all = summary.feeds.iter();
        let (new, bad): (u64, u64) = all.fold((0, 0), |(new, bad), feed| {
            assert_eq!(feed.rows, feed.events + feed.duplicates + feed.rejects);
            (new + feed.events, bad + feed.rejects)
        });
        assert!(new > 0 && bad > 0, "{summary:?}");
        events += new;

        let (from, to) = (
            START + i64::from(week) * 7 * DAY,
            now.load(Ordering::Relaxed),
        );
        let parts = runtime.block_on(ledger.live_files(None, Some(LakeFileKind::Part), None));
        let parts: Vec<Part> = parts.unwrap().iter().map(part).collect();
        let of_week: Vec<Part> = parts
            .iter()
            .filter(|part| part.max_observed >= from && part.min_observed < to)
            .cloned()
            .collect();
        let counted: u64 = of_week.iter().map(|part| part.rows).sum();
        assert_eq!(counted, new, "week {week}");
        let sql = "SELECT source_ip, count(*) FROM events GROUP BY 1 ORDER BY 2 DESC LIMIT 10";
        let batches = runtime
            .block_on(intake.lake.collect(&of_week, sql))
            .unwrap();
        assert!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>() == 10);

        let now = held();
        eprintln!(
            "week {:2}: {new} new events, {} parts; {} KiB resident, {} files, {} threads",
            week + 1,
            parts.len(),
            now.memory / 1024,
            now.files,
            now.threads
        );
        seen.push(now);
    }
    assert!(events > 0);

    // After a warm-up of a quarter nothing may grow with the weeks.
    let warm = seen.len() / 4;
    let (first, last) = (
        &seen[warm..warm + seen.len() / 4],
        &seen[seen.len() - seen.len() / 4..],
    );
    let median = |held: &[Held], what: fn(&Held) -> u64| {
        let mut values: Vec<u64> = held.iter().map(what).collect();
        values.sort_unstable();
        values[values.len() / 2]
    };
    let (before, after) = (
        median(first, |held| held.files),
        median(last, |held| held.files),
    );
    // Other tests of this binary run beside this one; they hold a handful each.
    assert!(
        after <= before + 40,
        "open files grew from {before} to {after}"
    );
    let (before, after) = (
        median(first, |held| held.memory),
        median(last, |held| held.memory),
    );
    assert!(
        after < before + before / 2 + (64 << 20),
        "memory grew from {before} to {after} bytes"
    );
}

fn part(file: &ledger::LakeFile) -> Part {
    Part {
        path: file.path.clone(),
        bytes: file.bytes as u64,
        rows: file.rows as u64,
        min_observed: file.min_observed_at.unwrap_or(i64::MIN),
        max_observed: file.max_observed_at.unwrap_or(i64::MAX),
    }
}
