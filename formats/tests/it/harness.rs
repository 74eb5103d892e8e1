//! What the tests of every format share: feeds, a collecting output, and the folder of real input.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::path::PathBuf;

use formats::source::{Caps, Encoding, Member, each_member};
use formats::{Context, Output, Unreadable, Warning};
use jiff::tz::TimeZone;
use model::feed::Feed;
use model::field::Field;
use model::record::{Record, Value};
use model::reject::{Reject, RejectReason};
use model::time::{Day, Timestamp};

/// 2023-01-16 00:00 UTC.
pub const SNAPSHOT: Timestamp = Timestamp(1_673_827_200_000_000);

/// A feed of the given format with nothing declared but what must be.
pub fn feed(format: &str, zone: &str) -> Feed {
    let entry = serde_json::json!({
        "name": "test", "provider": "Example", "format": format, "zone": zone, "licence": "none",
    });
    serde_json::from_value(entry).expect("the entry is whole")
}

/// What a report came to.
#[derive(Default)]
pub struct Read {
    pub records: Vec<Record>,
    pub rejects: Vec<Reject>,
    pub warnings: Vec<Warning>,
}

impl Output for Read {
    fn record(&mut self, record: &Record) {
        self.records.push(record.clone());
    }

    fn reject(&mut self, reject: Reject) {
        self.rejects.push(reject);
    }

    fn warn(&mut self, warning: Warning) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

impl Read {
    pub fn reasons(&self) -> Vec<RejectReason> {
        self.rejects.iter().map(|reject| reject.reason).collect()
    }

    pub fn labels(&self) -> Vec<&'static str> {
        self.warnings.iter().map(|warning| warning.label).collect()
    }

    /// The value of one field in every record, in a form to compare.
    pub fn values(&self, field: Field) -> Vec<String> {
        self.records
            .iter()
            .map(|record| show(record, field))
            .collect()
    }

    /// Every record and reject can be found in the text again by its offset.
    pub fn check_rows(&self, text: &[u8]) {
        let lines = line_starts(text);
        let line_of = |offset: u64| lines.partition_point(|start| *start <= offset) as u64;
        for record in &self.records {
            let raw = &text[record.offset as usize..][..record.len as usize];
            assert!(
                !raw.trim_ascii().is_empty(),
                "line {} has no row",
                record.line
            );
            assert_eq!(
                line_of(record.offset),
                record.line,
                "line of {}",
                String::from_utf8_lossy(raw)
            );
            if let Some(extra) = record.extra_json() {
                serde_json::from_str::<serde_json::Value>(&extra)
                    .unwrap_or_else(|error| panic!("{error}: {extra}"));
            }
            assert!(record.observed_at().is_some());
        }
        for reject in &self.rejects {
            let raw = &text[reject.offset as usize..][..reject.raw.len()];
            assert_eq!(raw, reject.raw, "line {}: {}", reject.line, reject.message);
            assert_eq!(line_of(reject.offset), reject.line, "{}", reject.message);
            assert!(!reject.message.is_empty());
        }
    }
}

/// Offsets at which lines start (LF, CRLF, CR).
fn line_starts(text: &[u8]) -> Vec<u64> {
    let ends = |at: &usize| match text[*at] {
        b'\n' => true,
        b'\r' => text.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    [0].into_iter()
        .chain((0..text.len()).filter(ends).map(|at| at as u64 + 1))
        .collect()
}

/// A field's value as text; empty where it is not set.
pub fn show(record: &Record, field: Field) -> String {
    match record.get(field) {
        None => String::new(),
        Some(Value::Text(text)) => text.to_owned(),
        Some(Value::Ip(ip)) => ip.to_string(),
        Some(Value::Int(value)) => value.to_string(),
        Some(Value::Float(value)) => value.to_string(),
        Some(Value::Bool(value)) => value.to_string(),
        Some(Value::Time(at)) => at.to_string(),
    }
}

/// Reads a report that is at hand as a whole and decoded.
pub fn read(feed: &Feed, text: &[u8]) -> Result<Read, Unreadable> {
    let zone = TimeZone::get(&feed.zone).expect("a test feed has a zone");
    let ctx = Context {
        feed,
        zone: &zone,
        file_name: "report",
        path: "report",
        snapshot: SNAPSHOT,
        schema: None,
    };
    let format = formats::format(&feed.format)?;
    assert_eq!(
        (format.check)(feed),
        Vec::<String>::new(),
        "the entry is in order"
    );
    let mut rest = text;
    let open = formats::drive::open(&ctx, &mut rest).expect("memory does not fail")?;
    let mut read = Read::default();
    formats::drive::read(open, &mut rest, &mut Record::new(), &mut read);
    Ok(read)
}

/// The texts of a delivery, unpacked and decoded, by the name of the member.
pub fn unpack(delivered: &[u8], name: &str, encoding: Encoding) -> Vec<(String, Vec<u8>)> {
    let mut texts = Vec::new();
    let mut each = |member: Member<'_>| {
        let mut text = Vec::new();
        member
            .text
            .read_to_end(&mut text)
            .expect("the member can be read");
        texts.push((member.name.to_owned(), text));
        ControlFlow::Continue(())
    };
    each_member(
        Cursor::new(delivered),
        name,
        encoding,
        &Caps::default(),
        &mut each,
    )
    .expect("a good container");
    texts
}

/// The folder of real input, or `None` with a loud line where it is missing; in CI it must be there.
pub fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("WATCHFIRE_DATA")
        .map(PathBuf::from)
        .unwrap_or_else(|| {
            PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"))
        });
    if folder.join("MANIFEST.md").is_file() {
        return Some(folder);
    }
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "CI needs the data folder: set WATCHFIRE_DATA"
    );
    eprintln!(
        "SKIPPED: no real input at {}: set WATCHFIRE_DATA to test against it",
        folder.display()
    );
    None
}

/// ISO week of a day as `2023-W02`.
pub fn iso_week(day: i32) -> String {
    let week = Day(day).date().iso_week_date();
    format!("{}-W{:02}", week.year(), week.week())
}

/// Records per ISO week of the date as written.
pub fn per_week<'r>(records: impl IntoIterator<Item = &'r Record>) -> BTreeMap<String, u64> {
    let mut weeks = BTreeMap::new();
    for day in records.into_iter().filter_map(|record| record.written_day) {
        *weeks.entry(iso_week(day)).or_default() += 1;
    }
    weeks
}

/// One column of the control totals in MANIFEST.md, over all of its tables that have it.
pub fn control_totals(data: &std::path::Path, column: &str) -> BTreeMap<String, u64> {
    let manifest =
        std::fs::read_to_string(data.join("MANIFEST.md")).expect("the manifest can be read");
    let mut totals = BTreeMap::new();
    let mut at = None;
    for line in manifest.lines() {
        let cells: Vec<&str> = line
            .trim()
            .trim_matches('|')
            .split('|')
            .map(str::trim)
            .collect();
        if cells[0] == "week" {
            at = cells.iter().position(|cell| *cell == column);
        } else if let Some(at) = at
            && cells[0].len() == 8
            && cells[0].as_bytes()[4..6] == *b"-W"
        {
            totals.insert(
                cells[0].to_owned(),
                cells[at].parse().expect("a control total is a number"),
            );
        }
    }
    totals
}
