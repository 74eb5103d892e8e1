//! What the list shows, as a file: the same query, the same columns, the same order.

use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use ledger::{Cursor, NewAudit};
use rust_xlsxwriter::{Format, Workbook};
use serde_json::{Map, Value, json};

use super::list::Asked;
use super::rows::{Column, Pen, people};
use super::words::ListWords;
use super::{At, meant};
use crate::Desk;
use crate::refusal::Refusal;
use crate::visitor::Visitor;

/// Rows of one export at most.
pub(super) const MOST: usize = 100_000;
/// Incidents that are read together.
const TOGETHER: u64 = 1_000;

/// Heads and rows.
struct Sheet {
    columns: Vec<Column>,
    heads: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

/// Everything that the query finds, up to [`MOST`].
async fn sheet(
    desk: &Desk,
    visitor: &Visitor,
    raw: Option<&str>,
    format: &str,
) -> Result<Sheet, Refusal> {
    let asked = Asked::read(raw);
    let lang = visitor.lang;
    let query = asked
        .query()
        .map_err(|bad| Refusal::invalid("q", bad.told(lang)))?;
    let columns = Column::read(&asked.cols);
    let names = people(desk).await?;
    let pen = Pen {
        desk,
        lang,
        now: desk.now().0,
        names: &names,
    };
    let (search, reach) = (meant(desk, visitor, &query), visitor.within()?);
    let mut rows = Vec::new();
    let mut after: Option<Cursor> = None;
    loop {
        let page = desk
            .ledger
            .find_incidents(&search, &reach, after, TOGETHER)
            .await?;
        let beside = desk.ledger.beside_incidents(&page.incidents).await?;
        for one in &page.incidents {
            rows.push(
                columns
                    .iter()
                    .map(|column| pen.text(one, &beside, *column))
                    .collect(),
            );
        }
        after = page.next;
        if after.is_none() || rows.len() >= MOST {
            break;
        }
    }
    rows.truncate(MOST);
    // What leaves the house in bulk is told of in the trail.
    let record = NewAudit {
        actor: visitor.login().to_owned(),
        action: "incidents.export".to_owned(),
        object: "incidents".to_owned(),
        detail: json!({ "query": query.to_string(), "rows": rows.len(), "format": format }),
    };
    desk.ledger.append_audit(record, desk.now().0).await?;
    let w = ListWords::of(lang);
    Ok(Sheet {
        heads: columns.iter().map(|one| one.word(w)).collect(),
        columns,
        rows,
    })
}

/// A text that no spreadsheet takes for a formula (OWASP, CSV injection).
fn defused(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

/// A field of RFC 4180.
fn field(text: &str) -> String {
    let text = defused(text);
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

/// A file to be kept.
fn file(name: &str, kind: &'static str, bytes: Vec<u8>) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    (
        [
            (header::CONTENT_TYPE, kind.to_owned()),
            (header::CONTENT_DISPOSITION, disposition),
        ],
        bytes,
    )
        .into_response()
}

pub(super) async fn csv(
    State(desk): At,
    visitor: Visitor,
    RawQuery(raw): RawQuery,
) -> Result<Response, Refusal> {
    let sheet = sheet(&desk, &visitor, raw.as_deref(), "csv").await?;
    // The mark tells spreadsheets that it is UTF-8.
    let mut text = String::from("\u{feff}");
    let heads = sheet.heads.iter().map(|head| field(head));
    text.push_str(&heads.collect::<Vec<_>>().join(","));
    text.push_str("\r\n");
    for row in &sheet.rows {
        let fields: Vec<_> = row.iter().map(|cell| field(cell)).collect();
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    Ok(file(
        "incidents.csv",
        "text/csv; charset=utf-8",
        text.into_bytes(),
    ))
}

pub(super) async fn json(
    State(desk): At,
    visitor: Visitor,
    RawQuery(raw): RawQuery,
) -> Result<Response, Refusal> {
    let sheet = sheet(&desk, &visitor, raw.as_deref(), "json").await?;
    let rows = sheet.rows.iter().map(|row| {
        let pairs = sheet.columns.iter().zip(row);
        let fields: Map<String, Value> = pairs
            .map(|(column, cell)| (column.label().to_owned(), Value::from(cell.as_str())))
            .collect();
        Value::Object(fields)
    });
    let bytes = serde_json::to_vec(&rows.collect::<Vec<_>>())
        .map_err(|error| Refusal::broken("an export", error))?;
    Ok(file("incidents.json", "application/json", bytes))
}

pub(super) async fn xlsx(
    State(desk): At,
    visitor: Visitor,
    RawQuery(raw): RawQuery,
) -> Result<Response, Refusal> {
    let sheet = sheet(&desk, &visitor, raw.as_deref(), "xlsx").await?;
    let bytes = tokio::task::spawn_blocking(move || workbook(&sheet)).await;
    let bytes = bytes
        .map_err(|error| Refusal::broken("an export", error))?
        .map_err(|error| Refusal::broken("an export", error))?;
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    Ok(file("incidents.xlsx", kind, bytes))
}

/// A workbook of one sheet; its cells are texts, which no program takes for formulas.
fn workbook(sheet: &Sheet) -> Result<Vec<u8>, rust_xlsxwriter::XlsxError> {
    let mut book = Workbook::new();
    let page = book.add_worksheet();
    page.set_name("incidents")?;
    let bold = Format::new().set_bold();
    for (at, head) in (0u16..).zip(&sheet.heads) {
        page.write_string_with_format(0, at, *head, &bold)?;
        page.set_column_width(
            at,
            if sheet.columns[usize::from(at)] == Column::What {
                60
            } else {
                16
            },
        )?;
    }
    page.set_freeze_panes(1, 0)?;
    for (line, row) in (1u32..).zip(&sheet.rows) {
        for (at, cell) in (0u16..).zip(row) {
            page.write_string(line, at, cell)?;
        }
    }
    book.save_to_buffer()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(field("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
        assert_eq!(field("-1+1,2"), "\"'-1+1,2\"");
        assert_eq!(field("say \"hi\""), "\"say \"\"hi\"\"\"");
        assert_eq!(field("198.51.100[.]7"), "198.51.100[.]7");
    }
}
