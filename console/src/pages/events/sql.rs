//! SELECTs over the events for those who may: bounded, read-only, and written down word by word.

use std::sync::Arc;
use std::time::Instant;

use askama::Template;
use axum::body::Body;
use axum::extract::{Query as Asking, State};
use axum::response::Response;
use lake::query::Answer;
use lake::schema::SCHEMA;
use lake::search::Cell;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Words, export, labels, may_select, of_the_house, record};
use crate::Desk;
use crate::pages::form::Input;
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::fill;

/// Bytes of a SELECT.
const LONGEST: usize = 4096;
/// Rows that a page shows.
const SHOWN: usize = 500;
/// Rows that a file or a program gets.
pub(super) const MOST: usize = 50_000;
/// Seconds it may take, as said; [`crate::lookout`] holds to it.
const SECONDS: u64 = 20;

#[derive(Deserialize)]
pub(super) struct Prefilled {
    /// Filled in, not run: a link must not run anything.
    #[serde(default)]
    sql: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Statement {
    sql: String,
    /// `csv` or `jsonl` for a file; a page otherwise.
    #[serde(default)]
    format: String,
}

/// An answer as the page has it.
struct Shown {
    columns: Vec<String>,
    rows: Vec<Vec<Option<String>>>,
    said: String,
    more: bool,
}

#[derive(Template)]
#[template(path = "events/sql.html")]
struct SqlPage {
    shell: Shell,
    w: &'static Words,
    text: String,
    sql: String,
    wrong: Option<String>,
    answer: Option<Shown>,
    examples: Vec<(&'static str, &'static str)>,
    columns: Vec<(&'static str, &'static str)>,
}

async fn blank(desk: &Desk, visitor: &Visitor, sql: String) -> SqlPage {
    let (lang, w) = (visitor.lang, Words::of(visitor.lang));
    SqlPage {
        shell: shell::shell(desk, visitor, Nav::Events, w.sql_title).await,
        w,
        text: fill(w.sql_text, &[("secs", &SECONDS), ("rows", &SHOWN)]),
        sql,
        wrong: None,
        answer: None,
        examples: vec![
            (
                w.sql_by_feed,
                "SELECT feed, count(*) AS events FROM events GROUP BY feed ORDER BY events DESC",
            ),
            (
                w.sql_by_province,
                "SELECT province, count(DISTINCT source_ip) AS hosts FROM events_raw WHERE class_type = 'infected-system' AND territory = 1 GROUP BY province ORDER BY hosts DESC",
            ),
            (
                w.sql_by_day,
                "SELECT date_trunc('day', observed_at) AS day, count(*) AS events FROM events WHERE asn = 64500 GROUP BY day ORDER BY day",
            ),
        ],
        columns: SCHEMA
            .fields()
            .iter()
            .map(|field| (field.name().as_str(), labels::column(field.name(), lang)))
            .collect(),
    }
}

pub(super) async fn page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Asking(prefilled): Asking<Prefilled>,
) -> Result<Response, Refusal> {
    allowed(&visitor)?;
    Ok(shell::page(&blank(&desk, &visitor, prefilled.sql).await))
}

fn allowed(visitor: &Visitor) -> Result<(), Refusal> {
    of_the_house(visitor)?;
    match may_select(visitor) {
        true => Ok(()),
        false => Err(Refusal::Absent),
    }
}

/// Runs a SELECT for somebody, and writes down what it was and what became of it.
pub(super) async fn select(
    desk: &Desk,
    visitor: &Visitor,
    sql: &str,
    rows: usize,
) -> Result<Answer, Refusal> {
    allowed(visitor)?;
    let sql = sql.trim();
    if sql.is_empty() || sql.len() > LONGEST {
        let why = format!("write one SELECT of at most {LONGEST} bytes");
        return Err(Refusal::invalid("sql", why));
    }
    let live = desk.lookout.live(desk).await?;
    let answered = desk.lookout.select(&live, sql.to_owned(), rows).await;
    let outcome = match &answered {
        Ok(answer) => json!({ "rows": answer.rows.len(), "more": answer.more }),
        Err(refusal) => json!({ "refused": refusal.detail() }),
    };
    let detail = json!({ "sql": sql, "snapshot": live.snapshot, "outcome": outcome });
    record(desk, visitor, "events.selected", "events", detail).await?;
    answered
}

pub(super) async fn run(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Input(statement): Input<Statement>,
) -> Result<Response, Refusal> {
    allowed(&visitor)?;
    let w = Words::of(visitor.lang);
    let form = statement.format.as_str();
    let rows = if form.is_empty() { SHOWN } else { MOST };
    let begun = Instant::now();
    let answered = select(&desk, &visitor, &statement.sql, rows).await;
    let took = format!("{:.2}", begun.elapsed().as_secs_f64());
    let answer = match answered {
        Ok(answer) => answer,
        // What the database says of it stands above the text, which stays.
        Err(refusal @ (Refusal::Invalid(..) | Refusal::Problem(_))) => {
            let mut page = blank(&desk, &visitor, statement.sql).await;
            page.wrong = Some(match &refusal {
                Refusal::Invalid(_, why) => why.clone(),
                refusal => refusal.detail(),
            });
            return Ok(shell::status_page(refusal.status(), &page));
        }
        Err(refusal) => return Err(refusal),
    };
    match form {
        "csv" => {
            let body = Body::from(csv(&answer));
            return Ok(export::attached(
                "text/csv; charset=utf-8",
                "select-tlp-amber.csv",
                body,
            ));
        }
        "jsonl" => {
            let lines: Vec<String> = objects(&answer).map(|row| row.to_string() + "\n").collect();
            let body = Body::from(lines.concat());
            return Ok(export::attached(
                "application/x-ndjson",
                "select-tlp-amber.jsonl",
                body,
            ));
        }
        _ => {}
    }
    let mut page = blank(&desk, &visitor, statement.sql).await;
    page.answer = Some(Shown {
        said: fill(w.sql_rows, &[("n", &answer.rows.len()), ("s", &took)]),
        more: answer.more,
        rows: answer
            .rows
            .iter()
            .map(|row| {
                row.iter()
                    .map(|cell| cell.as_ref().map(Cell::to_string))
                    .collect()
            })
            .collect(),
        columns: answer.columns,
    });
    Ok(shell::page(&page))
}

fn csv(answer: &Answer) -> String {
    let line = |cells: Vec<String>| cells.join(",") + "\r\n";
    let head = answer
        .columns
        .iter()
        .map(|name| export::csv_cell(name))
        .collect();
    let mut text = format!("\u{feff}{}", line(head));
    for row in &answer.rows {
        let cells = row.iter().map(|cell| match cell {
            None => String::new(),
            Some(cell) => export::csv_cell(&cell.to_string()),
        });
        text.push_str(&line(cells.collect()));
    }
    text
}

/// Rows as objects.
pub(super) fn objects(answer: &Answer) -> impl Iterator<Item = Value> + '_ {
    answer.rows.iter().map(|row| {
        let cells = answer.columns.iter().zip(row).map(|(name, cell)| {
            let value = match cell {
                None => Value::Null,
                Some(Cell::Text(text)) => json!(text),
                Some(Cell::Number(number)) => json!(number),
                Some(Cell::Float(number)) => json!(number),
                Some(Cell::Truth(truth)) => json!(truth),
                Some(Cell::Time(at)) => json!(crate::pages::draw::stamp(at.0)),
            };
            (name.clone(), value)
        });
        Value::Object(cells.collect())
    })
}
