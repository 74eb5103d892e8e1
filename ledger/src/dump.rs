//! The whole ledger as lines of text, read at one moment and loaded into an empty ledger on either database: a
//! backup, and the way from one machine to a server and back.
//!
//! The first line names the version of the schema; then, for each table in the order in which tables were made, a
//! line with its columns and a JSON array per row; the last line says how many rows there were, so that a dump that
//! was cut off is known for one. Bytes are hexadecimal. The tables and their kinds of columns come from the
//! migrations themselves, by way of a schema in memory: a dump cannot forget a table.

use std::io::{BufRead, Write};
use std::pin::pin;

use futures_core::Stream;
use sea_orm::sea_query::{Alias, Asterisk, Expr, ExprTrait, Query, SimpleExpr};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, IsolationLevel, QueryResult, TransactionTrait,
    Value as Bound,
};
use serde_json::{Value, json};

use crate::{Error, Ledger, Result, postgres, sqlite};

/// What kind of values a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Integer,
    Text,
    Blob,
    Boolean,
}

impl Kind {
    const ALL: [(Kind, &'static str); 4] = [
        (Kind::Integer, "integer"),
        (Kind::Text, "text"),
        (Kind::Blob, "blob"),
        (Kind::Boolean, "boolean"),
    ];

    /// The kind of a column by its declared type; the migrations declare no others.
    pub(crate) fn declared(text: &str) -> Option<Kind> {
        let text = text.to_ascii_lowercase();
        let found = Kind::ALL.into_iter().find(|(_, name)| *name == text);
        found.map(|(kind, _)| kind)
    }

    fn label(self) -> &'static str {
        let found = Kind::ALL.into_iter().find(|(kind, _)| *kind == self);
        found.map_or("text", |(_, name)| name)
    }
}

/// A table as the migrations make it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<(String, Kind)>,
    /// Columns of its key, in order.
    pub(crate) key: Vec<String>,
}

/// What a dump holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Dumped {
    /// Tables.
    pub tables: u64,
    /// Rows of all of them.
    pub rows: u64,
}

/// Values a statement binds at most.
const PARAMETERS: usize = 6_000;
/// Bytes of rows a statement holds at most, about.
const BYTES: usize = 4 << 20;

fn broken(line: u64, why: impl std::fmt::Display) -> Error {
    Error::conflict(format!("ledger dump, line {line}"), why.to_string())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pair = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(text, 16).ok()
    };
    let even = text.len().is_multiple_of(2);
    let bytes = text.as_bytes().chunks(2).map(pair);
    bytes.collect::<Option<Vec<u8>>>().filter(|_| even)
}

/// A value of a row as JSON.
fn read(row: &QueryResult, (name, kind): &(String, Kind)) -> Result<Value> {
    let value = match kind {
        Kind::Text => json!(row.try_get::<Option<String>>("", name)?),
        Kind::Boolean => json!(row.try_get::<Option<bool>>("", name)?),
        Kind::Blob => json!(row.try_get::<Option<Vec<u8>>>("", name)?.map(|b| hex(&b))),
        // PostgreSQL keeps some of them in four bytes, and says so.
        Kind::Integer => match row.try_get::<Option<i64>>("", name) {
            Ok(value) => json!(value),
            Err(_) => json!(row.try_get::<Option<i32>>("", name)?),
        },
    };
    Ok(value)
}

/// A value of a dump as it is bound.
fn bind(value: &Value, kind: Kind) -> Option<SimpleExpr> {
    let bound: Bound = match (kind, value) {
        (Kind::Integer, Value::Null) => Bound::BigInt(None),
        (Kind::Integer, value) => Bound::BigInt(Some(value.as_i64()?)),
        (Kind::Text, Value::Null) => Bound::String(None),
        (Kind::Text, value) => value.as_str()?.to_owned().into(),
        (Kind::Blob, Value::Null) => Bound::Bytes(None),
        (Kind::Blob, value) => unhex(value.as_str()?)?.into(),
        (Kind::Boolean, Value::Null) => Bound::Bool(None),
        (Kind::Boolean, value) => Bound::Bool(Some(value.as_bool()?)),
    };
    Some(Expr::value(bound))
}

/// A line of a dump.
fn put(out: &mut dyn Write, value: &Value) -> Result<()> {
    let done = serde_json::to_writer(&mut *out, value)
        .map_err(std::io::Error::from)
        .and_then(|()| out.write_all(b"\n"));
    done.map_err(|error| Error::io(std::path::Path::new("ledger dump"), error))
}

impl Ledger {
    /// Writes the whole ledger, as it is at one moment; others may change it meanwhile.
    ///
    /// # Errors
    /// The database or the writer fails.
    pub async fn dump(&self, out: &mut (dyn Write + Send)) -> Result<Dumped> {
        let tables = sqlite::schema().await?;
        let db = self.reader();
        // One moment: SQLite's reader sees what was committed when it first read, PostgreSQL's likewise from
        // this level on.
        let tx = match db.get_database_backend() {
            DbBackend::Postgres => {
                let level = Some(IsolationLevel::RepeatableRead);
                db.begin_with_config(level, None).await?
            }
            _ => db.begin().await?,
        };
        let version = Ledger::schema_version();
        put(out, &json!({ "watchfire_ledger": version }))?;
        let mut dumped = Dumped::default();
        for table in &tables {
            let columns: Vec<Value> = table
                .columns
                .iter()
                .map(|(name, kind)| json!([name, kind.label()]))
                .collect();
            put(out, &json!({ "table": table.name, "columns": columns }))?;
            dumped.rows += rows(&tx, table, out).await?;
            dumped.tables += 1;
        }
        put(out, &json!({ "end": true, "rows": dumped.rows }))?;
        tx.rollback().await?;
        Ok(dumped)
    }

    /// Loads a dump into this ledger, which must hold nothing yet, in one transaction.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the ledger is in use, the dump is of another version of the schema, was cut off,
    /// or cannot be read; nothing is loaded then.
    pub async fn load(&self, input: &mut (dyn BufRead + Send)) -> Result<Dumped> {
        let tables = sqlite::schema().await?;
        let tx = self.begin().await?;
        for table in &tables {
            // The schema's own first rows (counters) are replaced; whatever else is there is somebody's.
            let count = Query::select()
                .expr(Expr::col(Asterisk).count())
                .from(Alias::new(&table.name))
                .to_owned();
            let row = tx.query_one(&count).await?;
            let found = row.map(|row| row.try_get_by_index::<i64>(0)).transpose()?;
            if found.unwrap_or(0) > 0 && !["counter", "setting"].contains(&table.name.as_str()) {
                let why = format!("is in use (table {}): load into an empty one", table.name);
                return Err(Error::conflict(format!("ledger {}", self.place()), why));
            }
            let delete = Query::delete()
                .from_table(Alias::new(&table.name))
                .to_owned();
            tx.execute(&delete).await?;
        }
        let loaded = lines(&tx, &tables, input).await?;
        if tx.get_database_backend() == DbBackend::Postgres {
            for table in &tables {
                if let [key] = table.key.as_slice() {
                    postgres::go_on_counting(&tx, &table.name, key).await?;
                }
            }
        }
        tx.commit().await?;
        Ok(loaded)
    }
}

/// Writes the rows of a table, by its key.
async fn rows(
    tx: &DatabaseTransaction,
    table: &Table,
    out: &mut (dyn Write + Send),
) -> Result<u64> {
    let mut select = Query::select();
    select.from(Alias::new(&table.name));
    for (name, _) in &table.columns {
        select.column(Alias::new(name));
    }
    for key in &table.key {
        select.order_by(Alias::new(key), sea_orm::Order::Asc);
    }
    let statement = tx.get_database_backend().build(&select);
    let mut stream = pin!(sea_orm::StreamTrait::stream_raw(tx, statement).await?);
    let mut count = 0;
    while let Some(row) = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        let row = row?;
        let values: Result<Vec<Value>> = table.columns.iter().map(|one| read(&row, one)).collect();
        put(out, &Value::Array(values?))?;
        count += 1;
    }
    Ok(count)
}

/// Reads a dump's lines into the tables.
async fn lines(
    tx: &DatabaseTransaction,
    tables: &[Table],
    input: &mut (dyn BufRead + Send),
) -> Result<Dumped> {
    let mut loaded = Dumped::default();
    let mut table: Option<&Table> = None;
    let mut rows: Vec<Vec<SimpleExpr>> = Vec::new();
    let (mut bytes, mut number, mut ended) = (0, 0, false);
    let mut line = String::new();
    loop {
        line.clear();
        let read = input.read_line(&mut line);
        let read = read.map_err(|error| broken(number + 1, error))?;
        number += 1;
        if read == 0 {
            break;
        }
        let value: Value = serde_json::from_str(&line).map_err(|error| broken(number, error))?;
        if ended {
            return Err(broken(number, "stands after the end"));
        }
        if number == 1 {
            version(&value)?;
            continue;
        }
        if let Value::Array(values) = &value {
            let own = table.ok_or_else(|| broken(number, "a row of no table"))?;
            let bound = own
                .columns
                .iter()
                .zip(values)
                .map(|((_, kind), value)| bind(value, *kind));
            let bound: Option<Vec<SimpleExpr>> = bound.collect();
            let bound = bound.filter(|_| own.columns.len() == values.len());
            rows.push(
                bound.ok_or_else(|| broken(number, format_args!("is no row of {}", own.name)))?,
            );
            bytes += line.len();
            loaded.rows += 1;
            if rows.len() * own.columns.len() >= PARAMETERS || bytes >= BYTES {
                insert(tx, own, std::mem::take(&mut rows)).await?;
                bytes = 0;
            }
            continue;
        }
        if let Some(own) = table {
            insert(tx, own, std::mem::take(&mut rows)).await?;
            bytes = 0;
        }
        if let Some(name) = value["table"].as_str() {
            let found = tables.iter().find(|one| one.name == name);
            let own =
                found.ok_or_else(|| broken(number, format_args!("no table {name} is known")))?;
            let columns: Vec<Value> = own
                .columns
                .iter()
                .map(|(name, kind)| json!([name, kind.label()]))
                .collect();
            if value["columns"] != Value::Array(columns) {
                return Err(broken(number, format_args!("{name} has other columns")));
            }
            table = Some(own);
            loaded.tables += 1;
        } else if value["end"] == true {
            if value["rows"] != loaded.rows {
                return Err(broken(number, "rows are missing"));
            }
            ended = true;
        } else {
            return Err(broken(number, "is no line of a dump"));
        }
    }
    match ended {
        true => Ok(loaded),
        false => Err(broken(number, "the dump was cut off: its end is missing")),
    }
}

/// Refuses a dump of another version of the schema.
fn version(first: &Value) -> Result<()> {
    let own = Ledger::schema_version() as u64;
    match first["watchfire_ledger"].as_u64() {
        Some(found) if found == own => Ok(()),
        Some(found) => Err(broken(
            1,
            format_args!(
                "is of version {found}, this watchfire has {own}: load it with the watchfire that made it, and upgrade then"
            ),
        )),
        None => Err(broken(1, "is no dump of a ledger")),
    }
}

async fn insert(tx: &DatabaseTransaction, table: &Table, rows: Vec<Vec<SimpleExpr>>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut insert = Query::insert();
    insert
        .into_table(Alias::new(&table.name))
        .columns(table.columns.iter().map(|(name, _)| Alias::new(name)));
    for row in rows {
        insert.values_panic(row);
    }
    tx.execute(&insert).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_from_their_text() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(unhex(&hex(&bytes)), Some(bytes));
        assert_eq!(unhex("abc"), None);
        assert_eq!(unhex("zz"), None);
    }
}
