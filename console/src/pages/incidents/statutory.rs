//! The report that a clock of the law asks for, filled from its incident: a page for print, and the same to programs.
//! Whoever sees the incident may print it; it changes nothing.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use model::worded::Word;
use response::duty::built_in;
use response::duty::form::{Form, House, is_there};
use schemars::JsonSchema;
use serde::Serialize;

use super::At;
use super::acts::{load, responded};
use super::words::CaseWords;
use crate::Desk;
use crate::pages::form;
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::fill;

#[derive(Template)]
#[template(path = "incidents/form.html")]
struct FormPage {
    shell: Shell,
    w: &'static CaseWords,
    number: i64,
    form: Form,
}

/// A row of a report.
#[derive(Serialize, JsonSchema)]
struct RowOut {
    label: String,
    /// Where its value comes from: `number`, `grade`, `measures` ...; `by-hand` is always blank.
    from: String,
    /// Its value; empty: not on record, for a person to fill in.
    lines: Vec<String>,
    /// How well it is known that the law asks for it: confirmed, remembered, unknown; null: the house adds it.
    standing: Option<String>,
    /// Where that was read.
    source: Option<String>,
}

/// A statutory report, filled from its incident, in the caller's language.
#[derive(Serialize, JsonSchema)]
pub(super) struct FormOut {
    law: String,
    duty: String,
    /// `zh` or `en`.
    language: String,
    title: String,
    /// The law's name, and to whom it is reported.
    under: String,
    rows: Vec<RowOut>,
    /// What is to be known of the form: blanks, what is not confirmed, on what it rests.
    footer: Vec<String>,
}

/// Where the report of a clock is shown; `None`: no form of its duty is there.
pub(super) fn href(number: i64, clock: &ledger::Clock) -> Option<String> {
    is_there(&clock.law, &clock.duty)
        .then(|| format!("/console/incidents/{number}/form/{}", clock.id))
}

/// The form of a clock of an incident within reach.
async fn filled(
    desk: &Desk,
    visitor: &Visitor,
    (number, clock): (i64, i64),
) -> Result<Form, Refusal> {
    let one = load(desk, visitor, number).await?;
    let own = desk.ledger.clocks(one.incident_id()).await?;
    let clock = own.iter().find(|own| own.id == clock);
    let clock = clock.ok_or(Refusal::Absent)?;
    if !is_there(&clock.law, &clock.duty) {
        let laws: Vec<_> = built_in().iter().map(|law| law.id.as_str()).collect();
        let why = fill(
            CaseWords::of(visitor.lang).form_none,
            &[("laws", &laws.join(", "))],
        );
        return Err(Refusal::conflict(
            format!("{}/{}", clock.law, clock.duty),
            why,
        ));
    }
    let terms = desk.terms();
    let house = House {
        name: &terms.house.organization,
        address: &terms.house.address,
        phone: &terms.house.phone,
        zone: &terms.zone,
    };
    let duty = (clock.law.as_str(), clock.duty.as_str());
    let form = desk
        .response
        .form(&one, Some(clock), duty, &house, visitor.lang)
        .await;
    form.map_err(responded)
}

pub(super) async fn page(
    State(desk): At,
    visitor: Visitor,
    Path((number, clock)): Path<(i64, i64)>,
) -> Result<Response, Refusal> {
    let form = filled(&desk, &visitor, (number, clock)).await?;
    Ok(shell::page(&FormPage {
        shell: shell::shell(&desk, &visitor, Nav::Incidents, &form.title).await,
        w: CaseWords::of(visitor.lang),
        number,
        form,
    }))
}

pub(super) async fn get(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path((number, clock)): Path<(i64, i64)>,
) -> Result<Response, Refusal> {
    let form = filled(&desk, &visitor, (number, clock)).await?;
    let rows = form.rows.into_iter().map(|row| RowOut {
        label: row.label,
        from: super::api::label(&row.from),
        lines: row.lines,
        standing: row.standing.map(|standing| standing.label().to_owned()),
        source: row.source,
    });
    form::answer(
        &headers,
        &FormOut {
            law: form.law,
            duty: form.duty,
            language: form.language.code().to_owned(),
            title: form.title,
            under: form.under,
            rows: rows.collect(),
            footer: form.footer,
        },
    )
}
