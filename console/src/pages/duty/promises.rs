//! Promises: what was said to be done by a time; in the handover, and an alarm when it is due.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use ledger::{NewPromise, Promise};
use model::newsroom::Right;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Names, Person, Tab, Words, instant, tabs};
use crate::Desk;
use crate::pages::draw::{self, Countdown};
use crate::pages::form::{self, Input};
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, get, post};
use crate::visitor::Visitor;
use crate::words::fill;

const VIEW: Need = Need::Right(Right::View);
const WORK: Need = Need::Right(Right::Work);

pub(super) const ROUTES: &[Route] = &[
    Route::page("/console/duty/promises", VIEW, || get(page)),
    Route::act("/console/duty/promises", WORK, || post(make_form)),
    Route::act("/console/duty/promises/{id}/end", WORK, || post(end_form)),
    Route::api(Verb::Get, "/api/v1/duty/promises", VIEW, listed, || {
        get(list)
    }),
    Route::api(Verb::Post, "/api/v1/duty/promises", WORK, made, || {
        post(make)
    }),
    Route::api(
        Verb::Post,
        "/api/v1/duty/promises/{id}/end",
        WORK,
        ended,
        || post(end),
    ),
];

/// A promise.
#[derive(Serialize, JsonSchema)]
struct PromiseRow {
    /// Its number.
    id: i64,
    /// The incident it is about.
    incident: Option<String>,
    /// What was promised.
    what: String,
    /// To whom.
    to: String,
    /// By when, RFC 3339.
    due: String,
    /// Who promised.
    made_by: Person,
    /// When it was ended.
    done_at: Option<String>,
    /// What came of it.
    outcome: Option<String>,
}

impl PromiseRow {
    fn of(row: &Promise, names: &Names) -> PromiseRow {
        PromiseRow {
            id: row.id,
            incident: row.incident_id.map(|id| id.to_string()),
            what: row.what.clone(),
            to: row.to_whom.clone(),
            due: draw::stamp(row.due_at),
            made_by: names.person(&row.made_by),
            done_at: row.done_at.map(draw::stamp),
            outcome: row.outcome.clone(),
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct Promises {
    items: Vec<PromiseRow>,
    /// Always null: what is open is listed as a whole.
    next: Option<String>,
}

fn listed() -> Described {
    Described {
        summary: "Promises that wait, by their time",
        answer: Some(schemars::schema_for!(Promises).to_value()),
        ..Described::default()
    }
}

async fn list(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let open = desk.ledger.promises_open(&visitor.within()?).await?;
    let names = Names::of(&desk).await?;
    let items = open.iter().map(|row| PromiseRow::of(row, &names)).collect();
    form::answer(&headers, &Promises { items, next: None })
}

/// A promise to be written down.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Making {
    /// What.
    #[schemars(length(min = 1, max = 500))]
    what: String,
    /// To whom.
    #[schemars(length(min = 1, max = 200))]
    to: String,
    /// By when: RFC 3339, or date and time of the house's zone.
    due: String,
    /// Number of the incident it is about; may be empty.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9]{0,12}$"))]
    incident: String,
}

async fn making(desk: &Desk, visitor: &Visitor, sent: &Making) -> Result<Promise, Refusal> {
    let reach = visitor.within()?;
    for (field, text, most) in [("what", &sent.what, 500), ("to", &sent.to, 200)] {
        if !(1..=most).contains(&text.trim().chars().count()) {
            return Err(Refusal::invalid(
                field,
                format!("needs 1 to {most} characters"),
            ));
        }
    }
    let number = sent.incident.trim().trim_start_matches('#');
    let incident = match number.is_empty() {
        true => None,
        false => {
            let number = number
                .parse()
                .map_err(|_| Refusal::invalid("incident", "is no number of an incident"))?;
            let found = desk.ledger.incident_numbered(number, &reach).await;
            let found =
                found.map_err(|_| Refusal::invalid("incident", "there is no such incident"))?;
            Some(found.id.0)
        }
    };
    let new = NewPromise {
        incident,
        what: sent.what.clone(),
        to_whom: sent.to.clone(),
        due_at: instant(desk, "due", &sent.due)?,
    };
    Ok(desk
        .ledger
        .promise(new, &reach, visitor.login(), desk.now().0)
        .await?)
}

fn made() -> Described {
    Described {
        summary: "Writes a promise down",
        body: Some(schemars::schema_for!(Making).to_value()),
        answer: Some(schemars::schema_for!(PromiseRow).to_value()),
        status: 201,
        ..Described::default()
    }
}

async fn make(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Input(sent): Input<Making>,
) -> Result<Response, Refusal> {
    let row = making(&desk, &visitor, &sent).await?;
    let mut response = form::answer(&headers, &PromiseRow::of(&row, &Names::of(&desk).await?))?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

async fn make_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Input(sent): Input<Making>,
) -> Result<Response, Refusal> {
    making(&desk, &visitor, &sent).await?;
    Ok(form::done(
        "/console/duty/promises",
        Words::of(visitor.lang).promise_said,
    ))
}

/// What came of a promise.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Ending {
    /// What came of it.
    #[schemars(length(min = 1, max = 1000))]
    outcome: String,
}

async fn ending(
    desk: &Desk,
    visitor: &Visitor,
    id: i64,
    sent: &Ending,
) -> Result<Promise, Refusal> {
    if sent.outcome.chars().count() > 1000 {
        return Err(Refusal::invalid(
            "outcome",
            "has more than 1,000 characters",
        ));
    }
    let reach = visitor.within()?;
    let now = desk.now().0;
    Ok(desk
        .ledger
        .end_promise(id, &sent.outcome, &reach, visitor.login(), now)
        .await?)
}

fn ended() -> Described {
    Described {
        summary: "Says what came of a promise",
        body: Some(schemars::schema_for!(Ending).to_value()),
        answer: Some(schemars::schema_for!(PromiseRow).to_value()),
        ..Described::default()
    }
}

async fn end(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<i64>,
    Input(sent): Input<Ending>,
) -> Result<Response, Refusal> {
    let row = ending(&desk, &visitor, id, &sent).await?;
    form::answer(&headers, &PromiseRow::of(&row, &Names::of(&desk).await?))
}

async fn end_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<i64>,
    Input(sent): Input<Ending>,
) -> Result<Response, Refusal> {
    ending(&desk, &visitor, id, &sent).await?;
    Ok(form::done(
        "/console/duty/promises",
        Words::of(visitor.lang).answered,
    ))
}

struct Line {
    id: i64,
    clock: Countdown,
    what: String,
    to: String,
    by: String,
    number: Option<i64>,
}

#[derive(Template)]
#[template(path = "duty-promises.html")]
struct PromisesPage {
    shell: Shell,
    w: &'static Words,
    tabs: Vec<Tab>,
    lines: Vec<Line>,
    work: bool,
    branch: bool,
}

async fn page(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Result<Response, Refusal> {
    let lang = visitor.lang;
    let w = Words::of(lang);
    let reach = visitor.within()?;
    let now = desk.now().0;
    let names = Names::of(&desk).await?;
    let mut lines = Vec::new();
    for row in desk.ledger.promises_open(&reach).await? {
        let number = match row.incident_id {
            None => None,
            Some(id) => Some(desk.ledger.incident(id.0, &reach).await?.number),
        };
        lines.push(Line {
            id: row.id,
            clock: draw::countdown(&desk, (row.made_at, row.due_at), now, lang),
            by: fill(w.promised_by, &[("name", &names.get(&row.made_by))]),
            what: row.what,
            to: row.to_whom,
            number,
        });
    }
    Ok(shell::page(&PromisesPage {
        shell: shell::shell(&desk, &visitor, Nav::Duty, w.promises).await,
        tabs: tabs(w, &visitor, "/console/duty/promises"),
        lines,
        work: visitor.may(Right::Work),
        branch: visitor.within()? != ledger::Reach::All,
        w,
    }))
}
