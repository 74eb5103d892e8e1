//! The roster as a calendar file (RFC 5545), for the calendar that people have anyway.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use ledger::Shift;
use model::bulletin::Lang;
use model::newsroom::Right;
use model::time::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{Names, centre};
use crate::Desk;
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, get};
use crate::visitor::Visitor;
use crate::words::word;

const VIEW: Need = Need::Right(Right::View);

pub(super) const ROUTES: &[Route] = &[
    Route::page("/console/duty/roster.ics", VIEW, || get(file)),
    Route::api(
        Verb::Get,
        "/api/v1/duty/roster.ics",
        VIEW,
        described,
        || get(file),
    ),
];

/// Days before and after today that the file holds.
const BEFORE: i64 = 31 * 86_400 * 1_000_000;
const AFTER: i64 = 366 * 86_400 * 1_000_000;

#[derive(Deserialize, JsonSchema)]
struct Asked {
    /// Whether only one's own shifts are wanted.
    #[serde(default)]
    mine: Option<bool>,
    /// Language of the words; the visitor's if left out.
    #[serde(default)]
    #[schemars(skip)]
    #[allow(dead_code)]
    lang: String,
}

fn described() -> Described {
    Described {
        summary: "The roster as a calendar file, from a month ago to a year ahead",
        query: Some(schemars::schema_for!(Asked).to_value()),
        answer: Some(json!({ "type": "string" })),
        kind: Some("text/calendar"),
        ..Described::default()
    }
}

async fn file(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let now = desk.now();
    let mut shifts = desk.ledger.shifts((now.0 - BEFORE, now.0 + AFTER)).await?;
    if asked.mine == Some(true) {
        shifts.retain(|shift| shift.login == visitor.login());
    }
    let names = Names::of(&desk).await?;
    let house = desk.terms().house.series.clone();
    let text = calendar(&shifts, &names, (&house, now), visitor.lang);
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/calendar"),
        ),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"roster.ics\""),
        ),
    ];
    Ok((headers, text).into_response())
}

/// An instant as the format writes it.
fn stamp(at: i64) -> String {
    Timestamp(at)
        .to_jiff()
        .map_or_else(String::new, |at| at.strftime("%Y%m%dT%H%M%SZ").to_string())
}

/// A line: its text escaped (section 3.3.11), folded after 75 octets (section 3.1).
fn line(out: &mut String, name: &str, text: &str) {
    let escaped = text
        .replace('\\', "\\\\")
        .replace(';', "\\;")
        .replace(',', "\\,")
        .replace('\n', "\\n");
    let mut held = 0;
    for c in format!("{name}:{escaped}").chars() {
        if c.is_control() {
            continue;
        }
        if held + c.len_utf8() > 75 {
            out.push_str("\r\n ");
            held = 1;
        }
        out.push(c);
        held += c.len_utf8();
    }
    out.push_str("\r\n");
}

fn calendar(
    shifts: &[Shift],
    names: &Names,
    (house, now): (&str, Timestamp),
    lang: Lang,
) -> String {
    let mut out = String::new();
    for (name, text) in [
        ("BEGIN", "VCALENDAR"),
        ("VERSION", "2.0"),
        ("PRODID", "-//Watchfire//Roster//EN"),
        ("CALSCALE", "GREGORIAN"),
    ] {
        line(&mut out, name, text);
    }
    for shift in shifts {
        let what = format!("{} · {}", word(shift.role.0, lang), names.get(&shift.login));
        for (name, text) in [
            ("BEGIN", "VEVENT".to_owned()),
            ("UID", format!("shift-{}@{house}.watchfire", shift.id)),
            ("DTSTAMP", stamp(now.0)),
            ("DTSTART", stamp(shift.from_at)),
            ("DTEND", stamp(shift.to_at)),
            ("SUMMARY", what),
            ("TRANSP", "OPAQUE".to_owned()),
            ("END", "VEVENT".to_owned()),
        ] {
            line(&mut out, name, &text);
        }
    }
    line(&mut out, "END", "VCALENDAR");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_escaped_and_folded() {
        let mut out = String::new();
        line(&mut out, "SUMMARY", "a,b;c\\d\ne\u{7}");
        assert_eq!(out, "SUMMARY:a\\,b\\;c\\\\d\\ne\r\n");
        let mut out = String::new();
        line(&mut out, "SUMMARY", &"烽".repeat(60));
        assert!(out.split("\r\n").all(|line| line.len() <= 75));
        assert_eq!(out.replace("\r\n ", "").matches('烽').count(), 60);
    }
}
