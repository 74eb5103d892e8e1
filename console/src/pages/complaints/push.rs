//! Complaints that a program pushes: a hotline's system, a partner's form. Each goes the way of the public form: it is
//! stored at once, read by the next round, and validated by a person. The same complaint again changes nothing.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use response::inbox::bulk::{self, Holds, Mapping, Reading};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Told, centre, told};
use crate::Desk;
use crate::pages::form::{Input, answer};
use crate::refusal::Refusal;
use crate::routes::Described;
use crate::visitor::Visitor;

/// A complaint as a program sends it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Pushed {
    /// Kind of case: `phishing`, `malicious-app` ...
    kind: String,
    /// What it names, an address each; defanged or not.
    #[serde(default)]
    places: Vec<String>,
    /// Name of an app, where it is about one.
    #[serde(default)]
    app: String,
    /// What was written.
    #[serde(default)]
    text: String,
    /// Where the reporter is told how it ended; left out: nobody is told.
    #[serde(default)]
    reporter: String,
    /// The reporter's language: `zh` or `en`.
    #[serde(default)]
    language: String,
    /// When it came, RFC 3339; left out: now.
    #[serde(default)]
    received: String,
    /// The number it has where it comes from.
    #[serde(default)]
    number: String,
    /// Where it comes from: complaints of another source are other ones.
    #[serde(default)]
    source: String,
}

pub(super) fn described() -> Described {
    Described {
        summary: "Files a complaint, as by the public form; the same one again gives the number it has",
        body: Some(schemars::schema_for!(Pushed).to_value()),
        answer: Some(schemars::schema_for!(Told).to_value()),
        ..Described::default()
    }
}

pub(super) async fn push(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Input(sent): Input<Pushed>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let places = sent.places.join("\n");
    let cell = |holds: Holds| match holds {
        Holds::Place => places.trim(),
        Holds::Kind => sent.kind.trim(),
        Holds::Text => sent.text.trim(),
        Holds::Reporter => sent.reporter.trim(),
        Holds::Received => sent.received.trim(),
        Holds::Number => sent.number.trim(),
        Holds::App => sent.app.trim(),
        Holds::Language => sent.language.trim(),
    };
    let reading = Reading {
        mapping: &Mapping::default(),
        via: bulk::PUSHED,
        kind: None,
        zone: &desk.terms().zone,
        now: desk.now(),
        source: match sent.source.trim() {
            "" => visitor.login(),
            source => source,
        },
    };
    let complaint = bulk::one(&cell, &reading).map_err(|why| Refusal::invalid("", why))?;
    let number = desk.response.file_complaint(complaint).await?;
    let complaint = desk.ledger.complaint_numbered(number).await?;
    answer(&headers, &told(complaint))
}
