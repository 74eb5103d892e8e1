//! What was found as a file: CSV, XLSX and JSON lines of exactly the rows that the page lists, in their order.
//!
//! Bounded, marked in the file's name, and written down: who took what. Cells that a spreadsheet would take for a
//! formula are made harmless.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::{Query as Asking, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use lake::search::{Ask, Cell, Event, Found, Place, Query, all_columns, columns};
use model::bulletin::Lang;
use model::statistic::grouped;
use model::tlp::Tlp;
use model::worded::Word;
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook, XlsxError};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use super::{Asked, Words, labels, marking, of_the_house, record};
use crate::Desk;
use crate::lookout::EXPORT;
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::fill;

/// Rows of an export at most.
pub(super) const MOST: usize = 100_000;
/// Rows of a workbook at most: it is made in memory.
const MOST_XLSX: usize = 20_000;
/// Rows read at a time.
const CHUNK: usize = 2_000;

/// Columns of CSV and XLSX; JSON lines have all.
pub(super) const COLUMNS: &[&str] = &[
    "event_id",
    "observed_at",
    "class_type",
    "class_identifier",
    "feed",
    "source_ip",
    "source_port",
    "source_url",
    "host",
    "domain",
    "asn",
    "holder",
    "country",
    "province",
    "malware_name",
    "destination_ip",
    "destination_port",
    "destination_host",
    "protocol_transport",
    "protocol_application",
    "severity",
    "vulnerabilities",
    "brand",
    "sector",
    "warning",
    "tlp",
    "report",
    "line",
];

/// A form of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Form {
    #[default]
    Csv,
    Xlsx,
    Jsonl,
}

impl Form {
    fn ending(self) -> &'static str {
        match self {
            Form::Csv => "csv",
            Form::Xlsx => "xlsx",
            Form::Jsonl => "jsonl",
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Form::Csv => "text/csv; charset=utf-8",
            Form::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Form::Jsonl => "application/x-ndjson",
        }
    }
}

/// What a download would hold, said before it begins.
pub(super) struct Offer {
    pub csv: String,
    pub xlsx: String,
    pub jsonl: String,
    pub note: String,
    pub note_xlsx: Option<String>,
    pub some: bool,
}

impl Offer {
    /// The offer for what was found, its size told from the rows that are shown.
    pub fn of(query: &Query, found: &Found, shown: &[Event], lang: Lang) -> Offer {
        let w = Words::of(lang);
        let rows = found.total.min(MOST as u64);
        let sample: usize = shown.iter().map(|event| csv_line(event).len()).sum();
        let bytes = rows * sample as u64 / (shown.len().max(1) as u64);
        let tlp = marking::highest(found).en();
        let size = size(bytes);
        let note = match found.total > rows {
            false => fill(
                w.export_all,
                &[("n", &grouped(rows)), ("size", &size), ("tlp", &tlp)],
            ),
            true => fill(
                w.export_some,
                &[
                    ("n", &grouped(rows)),
                    ("all", &grouped(found.total)),
                    ("size", &size),
                    ("tlp", &tlp),
                ],
            ),
        };
        let text: String =
            url::form_urlencoded::byte_serialize(query.to_string().as_bytes()).collect();
        let link = |form: Form| format!("/console/events/export?q={text}&format={}", form.ending());
        Offer {
            csv: link(Form::Csv),
            xlsx: link(Form::Xlsx),
            jsonl: link(Form::Jsonl),
            note,
            note_xlsx: (rows > MOST_XLSX as u64)
                .then(|| fill(w.export_xlsx, &[("n", &grouped(MOST_XLSX as u64))])),
            some: rows > 0,
        }
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

#[derive(Deserialize)]
pub(super) struct Params {
    #[serde(default)]
    q: String,
    #[serde(default)]
    format: Form,
}

pub(super) async fn download(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Asking(params): Asking<Params>,
) -> Result<Response, Refusal> {
    of_the_house(&visitor)?;
    let asked = Asked::strictly(&desk, &params.q).await?;
    let most = match params.format {
        Form::Xlsx => MOST_XLSX,
        Form::Csv | Form::Jsonl => MOST,
    };
    let ask = Ask {
        // The markings are among the facets.
        facets: true,
        ..asked.plainly(most)
    };
    let found = desk.lookout.search(&asked.live, ask, EXPORT).await?;
    if found.partial {
        return Err(Refusal::conflict(
            "export",
            "the search took too long; narrow the time or add a filter",
        ));
    }
    let tlp = marking::highest(&found);
    let detail = json!({
        "query": asked.query.to_string(),
        "format": params.format.ending(),
        "rows": found.places.len(),
        "found": found.total,
        "snapshot": asked.live.snapshot,
        "tlp": tlp.en(),
    });
    record(&desk, &visitor, "events.exported", "events", detail).await?;
    let name = file_name(&desk, tlp, params.format);
    let body = match params.format {
        Form::Xlsx => {
            let events = desk
                .lookout
                .events(found.places.clone(), columns(COLUMNS))
                .await?;
            let zone = asked.zone.clone();
            let about = About {
                query: asked.query.to_string(),
                found: found.total,
                snapshot: asked.live.snapshot,
                tlp,
                at: crate::pages::draw::exact(&desk, desk.now().0),
            };
            let lang = visitor.lang;
            let made = tokio::task::spawn_blocking(move || workbook(&events, &about, &zone, lang));
            let made = made
                .await
                .map_err(|error| Refusal::broken("a workbook", error))?;
            Body::from(made.map_err(|error| Refusal::broken("a workbook", error))?)
        }
        form => stream(&desk, found.places, form, true),
    };
    Ok(attached(params.format.kind(), &name, body))
}

/// A file with its name.
pub(super) fn attached(kind: &'static str, name: &str, body: Body) -> Response {
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
        .unwrap_or_else(|_| HeaderValue::from_static("attachment"));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (headers, body).into_response()
}

fn file_name(desk: &Desk, tlp: Tlp, form: Form) -> String {
    let at = crate::pages::draw::exact(desk, desk.now().0);
    let at: String = at.chars().filter(char::is_ascii_digit).collect();
    let tlp = tlp.label().replace('+', "-");
    format!("events-{at}-tlp-{tlp}.{}", form.ending())
}

/// Rows of a stream as they are read, a chunk at a time.
struct Chunks(mpsc::Receiver<std::io::Result<Bytes>>);

impl Stream for Chunks {
    type Item = std::io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}

/// A body that reads the rows while it is sent; memory does not depend on how many there are.
pub(super) fn stream(desk: &Arc<Desk>, places: Vec<Place>, form: Form, head: bool) -> Body {
    let (sender, receiver) = mpsc::channel(2);
    let desk = Arc::clone(desk);
    tokio::spawn(async move {
        let wanted = match form {
            Form::Jsonl => all_columns(),
            Form::Csv | Form::Xlsx => columns(COLUMNS),
        };
        if form == Form::Csv && head {
            // Office programs read UTF-8 by the byte-order mark.
            let line = format!("\u{feff}{}\r\n", COLUMNS.join(","));
            if sender.send(Ok(Bytes::from(line))).await.is_err() {
                return;
            }
        }
        for chunk in places.chunks(CHUNK) {
            let read = desk.lookout.events(chunk.to_vec(), wanted.clone()).await;
            let sent = match read {
                Ok(events) => {
                    let mut text = String::new();
                    for event in &events {
                        match form {
                            Form::Jsonl => {
                                text.push_str(&Value::Object(object(event)).to_string());
                                text.push('\n');
                            }
                            Form::Csv | Form::Xlsx => text.push_str(&csv_line(event)),
                        }
                    }
                    Ok(Bytes::from(text))
                }
                // The connection breaks off: a short file must not look whole.
                Err(refusal) => Err(std::io::Error::other(format!("{refusal:?}"))),
            };
            let over = sent.is_err();
            if sender.send(sent).await.is_err() || over {
                return;
            }
        }
    });
    Body::from_stream(Chunks(receiver))
}

/// An event as an object with its columns.
pub(super) fn object(event: &Event) -> Map<String, Value> {
    let mut object = Map::new();
    for (name, cell) in event.named() {
        let value = match cell {
            Cell::Text(text) if name == "extra" => {
                serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()))
            }
            Cell::Text(text) => Value::String(text.clone()),
            Cell::Number(number) => json!(number),
            Cell::Float(number) => json!(number),
            Cell::Truth(truth) => json!(truth),
            Cell::Time(at) => Value::String(crate::pages::draw::stamp(at.0)),
        };
        object.insert(name.to_owned(), value);
    }
    object
}

fn csv_line(event: &Event) -> String {
    let mut line = String::new();
    for (at, name) in COLUMNS.iter().enumerate() {
        if at > 0 {
            line.push(',');
        }
        match event.cell(name) {
            None => {}
            Some(Cell::Text(text)) => line.push_str(&csv_cell(text)),
            Some(cell) => line.push_str(&csv_cell(&cell.to_string())),
        }
    }
    line.push_str("\r\n");
    line
}

/// A text that a spreadsheet would take for a formula gets an apostrophe before it; plain numbers do not.
pub(crate) fn harmless(text: &str) -> String {
    let first = text.trim_start().chars().next();
    let begins = text.starts_with(['\t', '\r', '\n']);
    let formula = matches!(
        first,
        Some('=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠')
    );
    match (formula || begins) && text.parse::<f64>().is_err() {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

/// A cell of CSV (RFC 4180), made harmless.
pub(crate) fn csv_cell(text: &str) -> String {
    let text = harmless(text);
    match text.contains(['"', ',', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

/// What the second sheet says.
struct About {
    query: String,
    found: u64,
    snapshot: i64,
    tlp: Tlp,
    at: String,
}

fn workbook(
    events: &[Event],
    about: &About,
    zone: &jiff::tz::TimeZone,
    lang: Lang,
) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let bold = Format::new().set_bold();
    let date = Format::new().set_num_format("yyyy-mm-dd hh:mm:ss");
    let text = Format::new().set_num_format("@");
    let sheet = book.add_worksheet();
    sheet.set_name(match lang {
        Lang::Zh => "监测记录",
        Lang::En => "Events",
    })?;
    sheet.set_freeze_panes(1, 0)?;
    for (column, name) in (0_u16..).zip(COLUMNS) {
        sheet.write_string_with_format(0, column, labels::column(name, lang), &bold)?;
        sheet.set_column_width(column, if *name == "source_url" { 40 } else { 18 })?;
    }
    for (row, event) in (1_u32..).zip(events) {
        for (column, name) in (0_u16..).zip(COLUMNS) {
            match event.cell(name) {
                None => {}
                Some(Cell::Time(at)) => {
                    let local = at.to_jiff().map(|at| zone.to_datetime(at));
                    if let Some(local) = local
                        && let Ok(day) = u16::try_from(local.year()).map_or(
                            Err(XlsxError::ParameterError("a year".to_owned())),
                            |year| {
                                ExcelDateTime::from_ymd(
                                    year,
                                    local.month() as u8,
                                    local.day() as u8,
                                )
                            },
                        )
                    {
                        let at = day.and_hms(
                            local.hour() as u16,
                            local.minute() as u8,
                            f64::from(local.second()),
                        )?;
                        sheet.write_datetime_with_format(row, column, &at, &date)?;
                    }
                }
                Some(Cell::Number(number)) if number.unsigned_abs() < 1_000_000_000 => {
                    sheet.write_number(row, column, *number as f64)?;
                }
                Some(Cell::Float(number)) => {
                    sheet.write_number(row, column, *number)?;
                }
                // Text stays text: a formula in it is never one, long digits keep all of theirs.
                Some(cell) => {
                    let cell: String = cell.to_string().chars().take(32_000).collect();
                    sheet.write_string_with_format(row, column, &cell, &text)?;
                }
            }
        }
    }
    let sheet = book.add_worksheet();
    let (name, facts) = match lang {
        Lang::Zh => (
            "说明",
            ["标记", "查询", "导出行数", "符合条件", "快照", "时间"],
        ),
        Lang::En => (
            "About",
            ["Marking", "Query", "Rows", "Found", "Snapshot", "Made"],
        ),
    };
    sheet.set_name(name)?;
    sheet.set_column_width(1, 80)?;
    let values = [
        about.tlp.en().to_owned(),
        about.query.clone(),
        grouped(events.len() as u64),
        grouped(about.found),
        about.snapshot.to_string(),
        about.at.clone(),
    ];
    for (row, (fact, value)) in (0_u32..).zip(facts.iter().zip(values)) {
        sheet.write_string_with_format(row, 0, *fact, &bold)?;
        sheet.write_string_with_format(row, 1, &value, &text)?;
    }
    book.save_to_buffer()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_harmless_and_numbers_stay() {
        for bad in [
            "=1+1",
            "+cmd|'/c calc'!A1",
            "-2+3",
            "@SUM(A1)",
            " =x",
            "\t=x",
            "\r\n=x",
            "＝x",
        ] {
            assert!(harmless(bad).starts_with('\''), "{bad:?}");
        }
        for good in ["-3.2", "192.0.2.1", "", "a=b", "2001:db8::1"] {
            assert_eq!(harmless(good), good);
        }
        assert_eq!(csv_cell("a,\"b\"\n=c"), "\"a,\"\"b\"\"\n=c\"");
    }
}
