//! EPSS scores (FIRST's Exploit Prediction Scoring System), the daily CSV: a comment line with the
//! model and the day of the scores, a header, then one CVE id a row with the probability that it is
//! exploited within thirty days and the percentile of that.
//!
//! A row says something about a vulnerability; it is not a new record of one. So it sets
//! `vulnerabilities`, on which other sources join, and not `vulnerability_id`, by which newly recorded
//! vulnerabilities are counted. The scores lie in `extra` as numbers with their own digits. A change
//! of the model breaks comparison over time; its version is kept with every row.

use jiff::tz::TimeZone;
use model::feed::Feed;
use model::field::Field;
use model::record::{Record, push_json_text, quoted_key};
use model::reject::{Reject, RejectReason};

use crate::cve::is_cve;
use crate::draft;
use crate::entry::Entry;
use crate::value::{self, Written};
use crate::{
    Block, BlockReader, Context, Format, Framing, Output, Reader, Unreadable, Warning, frame,
};

/// EPSS.
pub const FORMAT: Format = Format {
    name: "epss",
    about: "EPSS scores, daily CSV",
    open,
    check,
};

/// Names of the columns, in any order.
const COLUMNS: [&str; 3] = ["cve", "epss", "percentile"];

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    if draft::content(head).is_empty() {
        return Err(Unreadable::Empty);
    }
    let bare = |row: &[u8]| {
        let row = row.strip_prefix(b"\xef\xbb\xbf").unwrap_or(row);
        String::from_utf8_lossy(row.trim_ascii()).into_owned()
    };
    let (mut model, mut date) = (None, None);
    let is_comment = |row: &[u8]| bare(row).is_empty() || bare(row).starts_with('#');
    let Some(header) = frame::header_after(head, Framing::Lines, is_comment) else {
        let detail = "there is no header `cve,epss,percentile`";
        return Err(draft::header(FORMAT.name, detail));
    };
    let before = Block {
        bytes: &head[..header.len],
        offset: 0,
        line: 1,
    };
    for row in frame::rows(before, Framing::Lines) {
        for part in bare(row.bytes).trim_start_matches('#').split(',') {
            match part.trim().split_once(':') {
                Some(("model_version", version)) => model = Some(version.trim().to_owned()),
                Some(("score_date", day)) => date = Some(day.trim().to_owned()),
                _ => {}
            }
        }
    }
    let line = bare(header.bytes);
    let names: Vec<&str> = line.split(',').map(str::trim).collect();
    let place = |name: &str| {
        names
            .iter()
            .position(|known| known.eq_ignore_ascii_case(name))
    };
    let [Some(cve), Some(epss), Some(percentile)] = COLUMNS.map(place) else {
        let detail = format!(
            "the columns are `{}`; `{}` are expected",
            value::shorten(&line),
            COLUMNS.join(",")
        );
        return Err(draft::header(FORMAT.name, detail));
    };
    let date = match date {
        None => None,
        Some(text) => Some(value::time(&text, ctx.zone).map_err(|expected| {
            let detail = format!("score_date `{}` is not {expected}", value::shorten(&text));
            draft::header(FORMAT.name, detail)
        })?),
    };
    let scores = Scores {
        entry: Entry::compile(ctx)?,
        zone: ctx.zone.clone(),
        places: [cve, epss, percentile],
        columns: names.len(),
        date,
        model: model.map(|model| {
            let mut json = String::new();
            push_json_text(&mut json, &model);
            json
        }),
        model_key: quoted_key("epss_model"),
    };
    Ok(Reader::Blocks {
        reader: Box::new(scores),
        framing: Framing::Lines,
        header_len: header.len,
        header_lines: header.lines,
    })
}

fn check(feed: &Feed) -> Vec<String> {
    draft::check_fixed(feed, &[])
}

struct Scores {
    entry: Entry,
    zone: TimeZone,
    /// Where the columns of [`COLUMNS`] stand.
    places: [usize; 3],
    columns: usize,
    date: Option<Written>,
    /// The model's version as a JSON string.
    model: Option<String>,
    model_key: String,
}

impl BlockReader for Scores {
    fn read(&self, block: Block<'_>, record: &mut Record, out: &mut dyn Output) {
        if self.date.is_none() {
            out.warn(Warning {
                label: "no-date",
                message: "the comment line gives no score_date: the scores stand for the day of the delivery".into(),
            });
        }
        for row in frame::rows(block, Framing::Lines) {
            if row.bytes.trim_ascii().is_empty() {
                continue;
            }
            match self.row(row.bytes, record) {
                Ok(()) => {
                    record.line = row.line;
                    record.offset = row.offset;
                    record.len = row.bytes.len() as u32;
                    out.record(record);
                }
                Err((reason, message)) => {
                    out.reject(Reject::new(
                        row.line, row.offset, reason, message, row.bytes,
                    ));
                }
            }
        }
    }
}

impl Scores {
    fn row(&self, bytes: &[u8], record: &mut Record) -> Result<(), draft::Fault> {
        record.clear();
        let text = std::str::from_utf8(bytes)
            .map_err(|error| (RejectReason::Encoding, format!("not valid UTF-8: {error}")))?;
        let mut cells = [""; 3];
        let mut count = 0;
        for (at, cell) in text.split(',').enumerate() {
            count += 1;
            if let Some(place) = self.places.iter().position(|place| *place == at) {
                cells[place] = cell.trim();
            }
        }
        if count != self.columns {
            let message = format!("the row has {count} columns, the header {}", self.columns);
            return Err((RejectReason::ColumnCount, message));
        }
        let [cve, epss, percentile] = cells;
        if !is_cve(cve) {
            let message = format!("cve: `{}` is not a CVE id", value::shorten(cve));
            return Err((RejectReason::BadValue, message));
        }
        value::set(record, Field::Vulnerabilities, cve, &self.zone)
            .map_err(|bad| (bad.reason, bad.message(cve)))?;
        for (name, key, text) in [
            ("epss", "\"epss\":", epss),
            ("percentile", "\"epss_percentile\":", percentile),
        ] {
            if !is_probability(text) {
                let message = format!(
                    "{name}: `{}` is not a number from 0 to 1",
                    value::shorten(text)
                );
                return Err((RejectReason::BadValue, message));
            }
            record.extra_member(key).push_str(text);
        }
        if let Some(model) = &self.model {
            record.extra_member(&self.model_key).push_str(model);
        }
        if let Some(date) = self.date {
            record.set_time(Field::ObservedAt, date.at);
            record.written_day = Some(date.day);
        }
        self.entry.finish(record);
        Ok(())
    }
}

/// Whether the text is a JSON number from 0 to 1, so that it can be kept with its own digits.
fn is_probability(text: &str) -> bool {
    serde_json::from_str::<f64>(text).is_ok_and(|number| (0.0..=1.0).contains(&number))
}
