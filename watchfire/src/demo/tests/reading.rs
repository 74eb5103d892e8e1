//! Every file of the demo through its feed's reader: as many records and rejects as were written.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::BufReader;

use formats::{Context, Output, Warning, drive, shadowserver::Schema};
use jiff::tz::TimeZone;
use model::feed::Feed;
use model::ids::EventId;
use model::record::Record;
use model::reject::Reject;
use model::time::Timestamp;

use super::*;

#[derive(Default)]
struct Seen {
    records: u64,
    rejects: Vec<String>,
    warnings: Vec<String>,
    ids: HashSet<EventId>,
    scratch: Vec<u8>,
    feed: String,
}

impl Output for Seen {
    fn record(&mut self, record: &Record) {
        self.records += 1;
        assert!(
            record.observed_at().is_some() && record.has(model::field::Field::ClassType),
            "{} line {}",
            self.feed,
            record.line
        );
        self.ids
            .insert(record.identity(&self.feed, None, &mut self.scratch));
    }

    fn reject(&mut self, reject: Reject) {
        self.rejects.push(format!(
            "{} {}: {}",
            reject.reason, reject.line, reject.message
        ));
    }

    fn warn(&mut self, warning: Warning) {
        self.warnings
            .push(format!("{}: {}", warning.label, warning.message));
    }
}

#[test]
fn every_file_reads_as_it_was_written() {
    let (dir, country) = demo_written();
    let text = std::fs::read_to_string(dir.join("watchfire.toml")).unwrap();
    let config: toml::Table = text.parse().unwrap();
    let feeds: BTreeMap<String, Feed> = config["feed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|feed| feed.clone().try_into::<Feed>().unwrap())
        .map(|feed| (feed.name.clone(), feed))
        .collect();
    for feed in feeds.values() {
        let format =
            formats::format(&feed.format).unwrap_or_else(|error| panic!("{}: {error}", feed.name));
        assert_eq!((format.check)(feed), Vec::<String>::new(), "{}", feed.name);
    }
    let schema = Schema::parse(reports::schema().as_bytes()).unwrap();
    let mut by_feed: BTreeMap<&str, (Seen, u64, u64)> = BTreeMap::new();
    for file in &country.files {
        let feed = &feeds[file.feed];
        let zone = TimeZone::get(&feed.zone).unwrap();
        let (seen, rows, repeats) = by_feed.entry(file.feed).or_default();
        seen.feed = feed.name.clone();
        let ctx = Context {
            feed,
            zone: &zone,
            file_name: file.path.rsplit('/').next().unwrap(),
            path: &file.path,
            snapshot: snapshot(&file.path, &zone),
            schema: Some(&schema),
        };
        let mut input = BufReader::new(File::open(dir.join(&file.path)).unwrap());
        let before = (seen.records, seen.rejects.len() as u64);
        match drive::open(&ctx, &mut input).unwrap() {
            Ok(open) => drive::read(open, &mut input, &mut Record::new(), seen),
            // A collector's failure is an empty file, and an empty file is a report that says so.
            Err(formats::Unreadable::Empty) => assert!(file.rows == 0, "{}", file.path),
            Err(error) => panic!("{}: {error}", file.path),
        }
        let read = (
            seen.records - before.0,
            seen.rejects.len() as u64 - before.1,
        );
        assert_eq!(
            read,
            (file.rows - file.rejects, file.rejects),
            "{}: {:?}",
            file.path,
            &seen.rejects[before.1 as usize..]
        );
        *rows += file.rows - file.rejects;
        *repeats += file.repeats;
    }
    for (feed, (seen, rows, repeats)) in by_feed {
        assert!(seen.warnings.is_empty(), "{feed}: {:?}", seen.warnings);
        // Cumulative files tell their old records again.
        if feed != "exploited-catalog" {
            let distinct = seen.ids.len() as u64;
            assert!(
                distinct <= rows - repeats && distinct + 3 >= rows - repeats,
                "{feed}: {distinct} of {rows} - {repeats}"
            );
        }
    }
}

/// The date in a path, as the feeds' `snapshot` patterns find it; the demo's last day elsewhere.
fn snapshot(path: &str, zone: &TimeZone) -> Timestamp {
    let date = (0..path.len())
        .filter_map(|at| path.get(at..at + 10))
        .find_map(|text| text.parse::<jiff::civil::Date>().ok());
    let date = date.unwrap_or_else(|| default_end().sunday());
    Timestamp::from(
        zone.to_ambiguous_zoned_datetime(date.at(0, 0, 0, 0))
            .compatible()
            .unwrap()
            .timestamp(),
    )
}
