//! Events as a script for psql: IntelMQ's `events` table, rows in PostgreSQL's COPY form.
//!
//! Rows come into a table of the session first and go on from there where `events` has none with
//! their `event_hash`, all in one transaction: the same script again changes nothing, half of one
//! neither. `raw` stays empty: the line is in our archive. A value that its column does not take is
//! kept in `extra` under its key, so that one odd row does not cost all.

use std::fmt::Write;

use formats::intelmq::keys::{KEYS, Type};
use formats::intelmq::{Event, keys};
use serde_json::{Map, Value as Json};

/// Columns that IntelMQ has an index for, and the one by which we know a row again.
const INDICES: &[&str] = &[
    "classification.identifier",
    "classification.taxonomy",
    "classification.type",
    "event_hash",
    "feed.code",
    "feed.name",
    "source.abuse_contact",
    "source.asn",
    "source.fqdn",
    "source.ip",
    "time.observation",
    "time.source",
];

/// The end of the script.
pub fn tail() -> String {
    let columns = columns();
    format!(
        "\\.\nLOCK TABLE events IN SHARE ROW EXCLUSIVE MODE;\n\
         INSERT INTO events ({columns})\n    SELECT {columns} FROM watchfire_events AS new WHERE NOT EXISTS\n    \
         (SELECT 1 FROM events AS old WHERE old.\"event_hash\" = new.\"event_hash\");\nCOMMIT;\n"
    )
}

fn sql_type(kind: Type) -> String {
    match kind {
        Type::Text => "text".to_owned(),
        Type::Limited(most) => format!("varchar({most})"),
        Type::Address | Type::Network => "inet".to_owned(),
        Type::Time => "timestamp with time zone".to_owned(),
        Type::Truth => "boolean".to_owned(),
        Type::Whole => "integer".to_owned(),
        Type::Real => "real".to_owned(),
        Type::Json => "jsonb".to_owned(),
        Type::Severity => "severity_enum".to_owned(),
    }
}

fn columns() -> String {
    let quoted: Vec<String> = KEYS.iter().map(|(key, _)| format!("\"{key}\"")).collect();
    quoted.join(", ")
}

/// The script up to its rows.
pub fn head(create: bool) -> String {
    let mut script = String::from(
        "\\set ON_ERROR_STOP on\nSET client_encoding = 'UTF8';\nSET client_min_messages = warning;\nBEGIN;\n",
    );
    if create {
        script.push_str(
            "DO $$ BEGIN\n    CREATE TYPE severity_enum AS ENUM ('critical', 'high', 'medium', 'low', 'info', 'undefined');\n\
             EXCEPTION WHEN duplicate_object THEN NULL; END $$;\n\
             CREATE TABLE IF NOT EXISTS events (\n    \"id\" BIGSERIAL UNIQUE PRIMARY KEY",
        );
        for (key, kind) in KEYS {
            let _ = write!(script, ",\n    \"{key}\" {}", sql_type(*kind));
        }
        script.push_str("\n);\n");
        for index in INDICES {
            let _ = writeln!(
                script,
                "CREATE INDEX IF NOT EXISTS \"idx_events_{index}\" ON events USING btree (\"{index}\");"
            );
        }
    }
    let columns = columns();
    let _ = write!(
        script,
        "CREATE TEMPORARY TABLE watchfire_events ON COMMIT DROP AS\n    SELECT {columns} FROM events WITH NO DATA;\n\
         COPY watchfire_events ({columns}) FROM STDIN;\n"
    );
    script
}

/// One event as a row; `id` becomes its `event_hash`.
pub fn row(event: &Event, id: &str) -> String {
    let mut extra = Map::new();
    let mut cells: Vec<Option<String>> = vec![None; KEYS.len()];
    for (key, value) in event {
        let at = KEYS.iter().position(|(known, _)| known == key);
        let name = key.strip_prefix("extra.").unwrap_or(key);
        let foreign = matches!(key.as_str(), "event_hash" | "extra" | "output" | "raw");
        match at
            .filter(|_| !foreign)
            .and_then(|at| Some((at, cell(key, value)?)))
        {
            Some((at, text)) => cells[at] = Some(text),
            None if !value.is_null() => drop(extra.insert(name.to_owned(), value.clone())),
            None => {}
        }
    }
    let mut set = |key: &str, text: String| {
        if let Some(at) = KEYS.iter().position(|(known, _)| *known == key) {
            cells[at] = Some(text);
        }
    };
    set("event_hash", id.to_uppercase());
    if !extra.is_empty() {
        set("extra", Json::Object(extra).to_string());
    }
    let mut row = String::new();
    for (at, text) in cells.iter().enumerate() {
        if at > 0 {
            row.push('\t');
        }
        match text {
            Some(text) => escape(text, &mut row),
            None => row.push_str("\\N"),
        }
    }
    row.push('\n');
    row
}

/// A value as its column takes it; `None` where it does not.
fn cell(key: &str, value: &Json) -> Option<String> {
    let text = value.as_str();
    match keys::find(key)? {
        Type::Text => text.map(str::to_owned),
        Type::Limited(most) => text
            .filter(|text| text.chars().count() <= usize::from(most))
            .map(str::to_owned),
        Type::Address | Type::Network | Type::Time => text.map(str::to_owned),
        Type::Severity => text
            .filter(|text| ["critical", "high", "medium", "low", "info"].contains(text))
            .map(str::to_owned),
        Type::Truth => value.as_bool().map(|truth| truth.to_string()),
        Type::Whole => value
            .as_i64()
            .and_then(|whole| i32::try_from(whole).ok())
            .map(|whole| whole.to_string()),
        Type::Real => value.as_f64().map(|real| real.to_string()),
        Type::Json => None,
    }
}

/// COPY's text form: the backslash and what would end a cell or a row. PostgreSQL has no NUL, not
/// even an escaped one in JSON.
fn escape(text: &str, out: &mut String) {
    for character in text.replace("\\u0000", "\\ufffd").chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\0' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_has_a_cell_for_every_column_and_loses_nothing() {
        let event: Event = serde_json::from_value(json!({
            "source.ip": "192.0.2.1", "source.asn": 4_200_000_000u32, "feed.accuracy": 80.0,
            "source.tor_node": true, "comment": "a\tb\\c\nd", "protocol.transport": "much-too-long-a-name",
            "extra.list": [1], "event_hash": "THEIRS", "severity": "high",
        }))
        .expect("an event");
        let row = row(&event, "0a0b");
        let cells: Vec<&str> = row.trim_end_matches('\n').split('\t').collect();
        assert_eq!(cells.len(), KEYS.len());
        let cell = |key: &str| {
            let at = KEYS.iter().position(|(known, _)| *known == key);
            cells[at.expect("a column")]
        };
        assert_eq!(cell("source.ip"), "192.0.2.1");
        assert_eq!(cell("comment"), "a\\tb\\\\c\\nd");
        assert_eq!(cell("event_hash"), "0A0B");
        assert_eq!(cell("source.tor_node"), "true");
        assert_eq!(cell("severity"), "high");
        assert_eq!(cell("source.asn"), "\\N");
        let extra: Json = serde_json::from_str(cell("extra")).expect("JSON");
        assert_eq!(
            extra,
            json!({"event_hash": "THEIRS", "list": [1], "protocol.transport": "much-too-long-a-name", "source.asn": 4_200_000_000u32})
        );
    }

    #[test]
    fn the_script_has_every_column_once() {
        let script = head(true);
        assert_eq!(script.matches("\n    \"").count(), KEYS.len() + 1);
        assert!(!head(false).contains("CREATE TABLE"));
    }
}
