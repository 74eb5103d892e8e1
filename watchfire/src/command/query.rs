//! `watchfire query`: one read-only SELECT over the stored events.

use std::future::poll_fn;
use std::pin::Pin;

use clap::ValueEnum;
use futures_core::Stream;
use lake::arrow::array::RecordBatch;
use lake::arrow::datatypes::DataType;
use lake::arrow::util::display::{ArrayFormatter, FormatOptions};
use lake::query::Part;
use lake::schema::SCHEMA;
use serde_json::{Map, Value};

use crate::failure::{Failure, Result};
use crate::table::{Out, Table, csv_cell};
use crate::workspace::{Access, Session, Workspace};

/// Rows that a table shows unless more are asked for: a table is held in memory to be aligned.
const TABLE_ROWS: u64 = 1_000;

/// Ask one SELECT over the stored events.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Views:
  events      one row an event; addresses and ids as text
  events_raw  the same with addresses and ids as bytes, for counting at speed; ip('192.0.2.1') gives
              the bytes of an address, ip_text(column) the text
Columns are listed by --columns. territory, domain_territory and target_territory are 1 inside,
2 outside, NULL unknown; owner_class is 1 government, 2 education, 3 bank, NULL other.

Examples:
  watchfire query \"SELECT feed, count(*) FROM events GROUP BY feed\"
  watchfire query --format csv \"SELECT source_ip, malware_name FROM events WHERE territory = 1\"
  watchfire query \"SELECT * FROM events WHERE event_id = '4f...'\" --json
  watchfire query --columns")]
pub struct Args {
    /// The SELECT.
    #[arg(required_unless_present = "columns")]
    sql: Option<String>,
    /// Form of the answer; CSV cells that a spreadsheet would take for a formula get an apostrophe.
    #[arg(long, value_enum, conflicts_with = "json")]
    format: Option<Format>,
    /// Rows at most.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Ask the lake as it was at this snapshot.
    #[arg(long, value_name = "NUMBER")]
    snapshot: Option<i64>,
    /// List the columns of `events`.
    #[arg(long)]
    columns: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Aligned columns.
    Table,
    /// Comma-separated, RFC 4180.
    Csv,
    /// A JSON object a line.
    Jsonl,
}

pub fn run(args: Args, session: &Session) -> Result {
    let mut out = Out::new();
    let Some(sql) = args.sql.filter(|_| !args.columns) else {
        let mut table = Table::new(["column", "type"]);
        for field in SCHEMA.fields() {
            table.row([field.name().clone(), kind(field.data_type())]);
        }
        table.print(&mut out)?;
        return out.end();
    };
    let format = match (session.json, args.format) {
        (true, _) => Format::Jsonl,
        (false, format) => format.unwrap_or(Format::Table),
    };
    let workspace = session.open(Access::Read)?;
    let (_, parts) = workspace.parts(args.snapshot)?;
    let limit = args.limit.unwrap_or(if format == Format::Table {
        TABLE_ROWS
    } else {
        u64::MAX
    });
    workspace.block_on(async {
        let mut stream = workspace.lake.query(&parts, &sql).await?;
        let heads: Vec<String> = stream
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        let mut table = Table::new(heads.clone());
        if format == Format::Csv {
            write_row(&mut out, heads.iter().map(|head| csv_cell(head)))?;
        }
        let mut rows = 0;
        while let Some(batch) =
            poll_fn(|context| Pin::new(&mut stream).as_mut().poll_next(context)).await
        {
            let batch = batch.map_err(|error| Failure::from(lake::Error::from(error)))?;
            let cells = Cells::of(&batch)?;
            for row in 0..batch.num_rows() {
                if rows == limit {
                    session.talk.say(format_args!(
                        "{limit} rows are shown, there are more: --limit N"
                    ));
                    return finish(format, &table, &mut out);
                }
                rows += 1;
                match format {
                    Format::Table => table.row(cells.texts(row)?),
                    Format::Csv => write_row(
                        &mut out,
                        cells.texts(row)?.iter().map(|cell| csv_cell(cell)),
                    )?,
                    Format::Jsonl => out.json_line(&cells.object(row, &heads)?)?,
                }
            }
        }
        finish(format, &table, &mut out)
    })?;
    out.end()
}

/// All rows of a short answer as text, for other commands.
///
/// # Errors
/// The query fails.
pub fn rows(workspace: &Workspace, parts: &[Part], sql: &str) -> Result<Vec<Vec<String>>> {
    let batches = workspace.block_on(workspace.lake.collect(parts, sql))?;
    let mut rows = Vec::new();
    for batch in &batches {
        let cells = Cells::of(batch)?;
        for row in 0..batch.num_rows() {
            rows.push(cells.texts(row)?);
        }
    }
    Ok(rows)
}

fn finish(format: Format, table: &Table, out: &mut Out) -> Result {
    if format == Format::Table {
        table.print(out)
    } else {
        Ok(())
    }
}

fn write_row(out: &mut Out, cells: impl Iterator<Item = String>) -> Result {
    let line: Vec<String> = cells.collect();
    out.bytes(line.join(",").as_bytes())?;
    out.bytes(b"\r\n")
}

/// A column's type for people.
fn kind(kind: &DataType) -> String {
    match kind {
        DataType::Utf8 => "text".to_owned(),
        DataType::Binary => "address".to_owned(),
        DataType::FixedSizeBinary(_) => "id".to_owned(),
        DataType::Timestamp(..) => "time (UTC)".to_owned(),
        DataType::Boolean => "true or false".to_owned(),
        DataType::Float64 => "number".to_owned(),
        DataType::UInt8 => "code".to_owned(),
        _ => "whole number".to_owned(),
    }
}

/// The cells of a batch as text or JSON.
struct Cells<'a> {
    batch: &'a RecordBatch,
    columns: Vec<ArrayFormatter<'a>>,
}

impl<'a> Cells<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self> {
        static OPTIONS: FormatOptions<'static> = FormatOptions::new();
        let columns: Result<Vec<_>, _> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &OPTIONS))
            .collect();
        Ok(Cells {
            batch,
            columns: columns.map_err(lake::Error::from)?,
        })
    }

    fn text(&self, column: usize, row: usize) -> Result<String> {
        let mut text = String::new();
        let written = self.columns[column].value(row).write(&mut text);
        written.map_err(|error| Failure::from(lake::Error::from(error)))?;
        Ok(text)
    }

    fn texts(&self, row: usize) -> Result<Vec<String>> {
        (0..self.columns.len())
            .map(|column| self.text(column, row))
            .collect()
    }

    fn object(&self, row: usize, heads: &[String]) -> Result<Value> {
        let mut object = Map::new();
        for (column, head) in heads.iter().enumerate() {
            let array = self.batch.column(column);
            // A column of type Null keeps no list of nulls.
            let value = if array.is_null(row) || *array.data_type() == DataType::Null {
                Value::Null
            } else {
                let text = self.text(column, row)?;
                match array.data_type() {
                    DataType::Boolean => Value::Bool(text == "true"),
                    kind if kind.is_numeric() => {
                        serde_json::from_str(&text).unwrap_or(Value::String(text))
                    }
                    _ => Value::String(text),
                }
            };
            object.insert(head.clone(), value);
        }
        Ok(Value::Object(object))
    }
}
