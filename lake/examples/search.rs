//! How long a search of events takes: writes a lake of so many events and asks it the questions of the console.
//!
//! ```text
//! cargo run --release --example search -- --events 50000000 --days 90 --out /tmp/search
//! ```
//!
//! The lake is written once and kept in the folder: a second run measures without writing. Each question is asked
//! with empty memory (a new searcher), then again. The system's page cache is warm after writing; drop it for a cold
//! disk. Parts are as large as those that compaction makes of a day.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use lake::query::Part;
use lake::search::{Ask, Enough, Query, Searcher};
use lake::stage::make_durable;
use lake::{Columns, Enrichment, FileKind, IdentityIndex, Lake, Named, Receipt, ReportWriter};
use model::field::Field;
use model::record::Record;
use model::territory::Territory;
use model::time::{MICROS_PER_DAY, Timestamp};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Midnight of 2026-11-23 UTC: events lie before it.
const END: i64 = 1_795_392_000_000_000;
/// Rows handed to the writer at a time.
const CHUNK: u64 = 65_536;
/// Name, classification, whether it brings URLs, malware names of each feed, and its share of a hundred.
const FEEDS: &[(&str, &str, bool, u64)] = &[
    ("sinkhole", "infected-system", false, 35),
    ("honeypot", "scanner", false, 25),
    ("open-services", "vulnerable-system", false, 20),
    ("url-list", "phishing", true, 10),
    ("malware-urls", "malware-distribution", true, 7),
    ("partner", "c2-server", false, 3),
];

fn mix(seed: u64, number: u64) -> u64 {
    let mut x = seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

struct Options {
    events: u64,
    days: u64,
    out: PathBuf,
}

fn options() -> Outcome<Options> {
    let mut options = Options {
        events: 1_000_000,
        days: 30,
        out: std::env::temp_dir().join("watchfire-search"),
    };
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--events" => options.events = value.parse()?,
            "--days" => options.days = value.parse::<u64>()?.max(1),
            "--out" => options.out = value.into(),
            _ => return Err(format!("unknown option {name}").into()),
        }
    }
    Ok(options)
}

/// Writes the events of one feed on one day.
fn write(lake: &Lake, options: &Options, day: u64, feed: usize) -> Outcome<Vec<Part>> {
    let (name, class, urls, share) = FEEDS[feed];
    let rows = options.events / options.days * share / 100;
    let midnight = END - (options.days - day) as i64 * MICROS_PER_DAY;
    let mut index = IdentityIndex::new(64 << 20);
    let mut runs = |_| Ok(Vec::new());
    let stem = format!("bench-{feed}");
    let mut writer = ReportWriter::new(lake, &stem, &mut index, &mut runs);
    let receipt = Receipt {
        feed: name.to_owned(),
        report: format!("R-{day:016x}{feed:016x}"),
        member: 0,
        received_at: midnight + MICROS_PER_DAY,
        source_schema: None,
    };
    let mut columns = Columns::new();
    let mut record = Record::new();
    for row in 0..rows {
        let draw = mix(day << 8 | feed as u64, row);
        let host = mix(feed as u64, draw % (rows / 5 + 1000));
        record.clear();
        record.line = row + 2;
        record.offset = row * 160;
        record.len = 160;
        let at = (row as i64 * (MICROS_PER_DAY / 1000) / rows.max(1) as i64) * 1000;
        record.set_time(
            Field::ObservedAt,
            Timestamp(midnight + at / 1_000_000 * 1_000_000),
        );
        record.set_text(Field::ClassType, class);
        let ip = std::net::Ipv4Addr::from(0x0a00_0000 | (host as u32 & 0x00ff_ffff));
        record.set_ip(Field::SourceIp, ip.into());
        record.set_int(Field::SourcePort, (draw >> 8 & 0xffff) as i64);
        let malware = ["mirai", "mozi", "qakbot", "redline", "agenttesla"][(host % 5) as usize];
        let (site, url);
        let mut enrichment = Enrichment {
            country: Some(["CN", "US", "DE", "NL", "SG", "FR"][(host >> 8) as usize % 6]),
            province: (!host.is_multiple_of(3))
                .then(|| [11, 31, 32, 33, 37, 44, 51][(host >> 16) as usize % 7] * 10_000),
            asn: Some(64_496 + (host >> 24) as u32 % 900),
            territory: if host.is_multiple_of(3) {
                Territory::Outside
            } else {
                Territory::Inside
            },
            ..Enrichment::default()
        };
        if urls {
            site = format!("{:x}.example-{}.test", host & 0xffff, host >> 16 & 0xff);
            url = format!(
                "https://{site}/{}/{:x}",
                ["login", "pay", "bank"][(host % 3) as usize],
                draw
            );
            record.set_text(Field::SourceUrl, &url);
            enrichment.host = Some(&site);
            enrichment.domain = site.split_once('.').map(|(_, domain)| domain);
            enrichment.tld = Some("test");
        } else {
            record.set_text(Field::MalwareName, malware);
        }
        let named = Named {
            feed: name,
            keys: None,
            row: &record,
        };
        columns.append(named, &record, &enrichment);
        if (row + 1) % CHUNK == 0 || row + 1 == rows {
            for chunk in columns.take(&receipt) {
                writer.push(chunk)?;
            }
        }
    }
    let staged = writer.finish()?;
    make_durable(lake, &staged.files)?;
    let parts = staged
        .files
        .iter()
        .filter(|(_, file)| file.kind == FileKind::Part);
    Ok(parts
        .map(|(_, file)| Part {
            path: file.path.clone(),
            bytes: file.bytes,
            rows: file.rows,
            min_observed: file.min_observed,
            max_observed: file.max_observed,
        })
        .collect())
}

fn lake_of(options: &Options, lake: &Lake) -> Outcome<Vec<Part>> {
    let list = options.out.join("parts.txt");
    if let Ok(text) = fs::read_to_string(&list) {
        return text
            .lines()
            .map(|line| read_part(line).ok_or_else(|| format!("{line} is no part").into()))
            .collect();
    }
    let begun = Instant::now();
    let mut parts = Vec::new();
    for day in 0..options.days {
        for feed in 0..FEEDS.len() {
            parts.extend(write(lake, options, day, feed)?);
        }
    }
    let lines: Vec<String> = parts
        .iter()
        .map(|part| {
            let Part {
                path,
                bytes,
                rows,
                min_observed,
                max_observed,
            } = part;
            format!("{bytes} {rows} {min_observed} {max_observed} {path}")
        })
        .collect();
    fs::write(&list, lines.join("\n"))?;
    println!("written in {:.1} s", begun.elapsed().as_secs_f64());
    Ok(parts)
}

fn read_part(line: &str) -> Option<Part> {
    let mut fields = line.splitn(5, ' ');
    Some(Part {
        bytes: fields.next()?.parse().ok()?,
        rows: fields.next()?.parse().ok()?,
        min_observed: fields.next()?.parse().ok()?,
        max_observed: fields.next()?.parse().ok()?,
        path: fields.next()?.to_owned(),
    })
}

/// Most memory that the process had, in MB.
fn peak(path: &Path) -> u64 {
    let status = fs::read_to_string(path).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .unwrap_or(0)
        / 1000
}

fn main() -> Outcome {
    let options = options()?;
    fs::create_dir_all(&options.out)?;
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let lake = Lake::open(&options.out, 256 << 20, threads)?;
    let parts = lake_of(&options, &lake)?;
    let events: u64 = parts.iter().map(|part| part.rows).sum();
    let bytes: u64 = parts.iter().map(|part| part.bytes).sum();
    println!(
        "{events} events in {} parts, {} MB, {threads} threads",
        parts.len(),
        bytes / 1_000_000
    );
    let never: Enough = Arc::new(|| false);
    let span = (END - options.days as i64 * MICROS_PER_DAY, END);
    let edges: Arc<[i64]> = (0..=options.days as i64)
        .map(|day| span.0 + day * MICROS_PER_DAY)
        .collect();
    let questions = [
        ("", true),
        ("class:phishing", true),
        ("feed:sinkhole malware:mirai", true),
        ("province:32", true),
        ("ip:10.1.2.0/24", true),
        ("asn:AS64500", true),
        ("login", true),
        ("-class:scanner country:CN,US", true),
        ("ip:10.1.2.3", false),
    ];
    println!(
        "{:<32} {:>10} {:>9} {:>9}",
        "query", "found", "first s", "again s"
    );
    for (text, facets) in questions {
        let ask = Ask {
            query: Query::parse(text)?,
            span,
            edges: if facets {
                Arc::clone(&edges)
            } else {
                Arc::from([])
            },
            facets,
            rows: 50,
            after: None,
        };
        let searcher = Searcher::new(lake.clone());
        let mut seconds = [0.0; 2];
        let mut found = 0;
        for second in &mut seconds {
            let begun = Instant::now();
            let answer = searcher.search(&parts, &ask, &never)?;
            let columns =
                lake::search::columns(&["observed_at", "source_ip", "source_url", "asn", "feed"]);
            let shown = searcher.events(&answer.places, &columns)?;
            *second = begun.elapsed().as_secs_f64();
            found = answer.total;
            assert_eq!(shown.len(), answer.places.len(), "every place is a row");
        }
        let label = if text.is_empty() {
            "(everything)"
        } else {
            text
        };
        println!(
            "{label:<32} {found:>10} {:>9.3} {:>9.3}",
            seconds[0], seconds[1]
        );
    }
    println!("peak memory {} MB", peak(Path::new("/proc/self/status")));
    Ok(())
}
