//! Swaps: a shift changes hands by the word of the other side, and of a lead where the two hold different rights.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use ledger::Swap;
use model::duty::SwapState;
use model::newsroom::Right;
use model::worded::Word;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::roster::ShiftRow;
use super::{Names, Person, Tab, Words, centre, tabs};
use crate::Desk;
use crate::pages::draw;
use crate::pages::form::{self, Input};
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, get, post};
use crate::visitor::Visitor;
use crate::words::{fill, word};

const WORK: Need = Need::Right(Right::Work);

pub(super) const ROUTES: &[Route] = &[
    Route::page("/console/duty/shifts/{id}/swap", WORK, || get(ask_page)),
    Route::act("/console/duty/shifts/{id}/swap", WORK, || post(ask_form)),
    Route::act("/console/duty/swaps/{id}", WORK, || post(act_form)),
    Route::api(
        Verb::Get,
        "/api/v1/duty/swaps",
        Need::Right(Right::View),
        listed,
        || get(list),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/duty/shifts/{id}/swaps",
        WORK,
        asked,
        || post(ask),
    ),
    Route::api(Verb::Post, "/api/v1/duty/swaps/{id}", WORK, acted, || {
        post(act)
    }),
];

/// Swaps of so long are listed.
const LISTED: i64 = 90 * 86_400 * 1_000_000;

/// A swap.
#[derive(Serialize, JsonSchema)]
struct SwapRow {
    /// Its number.
    id: i64,
    /// The shift.
    shift: i64,
    /// Whose it is.
    asked_by: Person,
    /// Who is to take it.
    asked: Person,
    /// Why.
    reason: String,
    /// `asked`, `accepted`, `done`, `declined` or `withdrawn`.
    state: String,
    /// Whether a lead must approve.
    needs_lead: bool,
    /// When it was asked for, RFC 3339.
    asked_at: String,
}

impl SwapRow {
    fn of(swap: &Swap, names: &Names) -> SwapRow {
        SwapRow {
            id: swap.id,
            shift: swap.shift_id,
            asked_by: names.person(&swap.asked_by),
            asked: names.person(&swap.login),
            reason: swap.reason.clone(),
            state: swap.state.0.label().to_owned(),
            needs_lead: swap.needs_lead,
            asked_at: draw::stamp(swap.asked_at),
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct Swaps {
    items: Vec<SwapRow>,
    /// Always null: those of ninety days are listed.
    next: Option<String>,
}

fn listed() -> Described {
    Described {
        summary: "Swaps of the last ninety days, the newest first",
        answer: Some(schemars::schema_for!(Swaps).to_value()),
        ..Described::default()
    }
}

async fn list(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let names = Names::of(&desk).await?;
    let swaps = desk.ledger.swaps(desk.now().0 - LISTED).await?;
    let items = swaps.iter().map(|swap| SwapRow::of(swap, &names)).collect();
    form::answer(&headers, &Swaps { items, next: None })
}

/// Who is asked to take a shift, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Asking {
    /// Login of whoever is to take it.
    #[schemars(length(min = 1, max = 64))]
    login: String,
    /// Why.
    #[schemars(length(min = 1, max = 500))]
    reason: String,
}

async fn asking(desk: &Desk, visitor: &Visitor, id: i64, asking: &Asking) -> Result<Swap, Refusal> {
    centre(visitor)?;
    if asking.reason.chars().count() > 500 {
        return Err(Refusal::invalid("reason", "has more than 500 characters"));
    }
    let by = visitor.actor(desk, Right::Work).await?;
    let to = (id, asking.login.as_str());
    Ok(desk
        .ledger
        .ask_swap(&by, to, &asking.reason, desk.now().0)
        .await?)
}

fn asked() -> Described {
    Described {
        summary: "Asks somebody to take a shift of one's own",
        body: Some(schemars::schema_for!(Asking).to_value()),
        answer: Some(schemars::schema_for!(SwapRow).to_value()),
        status: 201,
        ..Described::default()
    }
}

async fn ask(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<i64>,
    Input(sent): Input<Asking>,
) -> Result<Response, Refusal> {
    let swap = asking(&desk, &visitor, id, &sent).await?;
    let names = Names::of(&desk).await?;
    let mut response = form::answer(&headers, &SwapRow::of(&swap, &names))?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

async fn ask_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<i64>,
    Input(sent): Input<Asking>,
) -> Result<Response, Refusal> {
    let swap = asking(&desk, &visitor, id, &sent).await?;
    let name = Names::of(&desk).await?.get(&swap.login);
    let said = fill(Words::of(visitor.lang).swap_asked, &[("name", &name)]);
    Ok(form::done("/console/duty", &said))
}

/// What is done with a swap.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Acting {
    /// `accept` or `decline` by whoever was asked, `approve` or `refuse` by a lead, `withdraw` by whoever asked.
    #[schemars(regex(pattern = "^(accept|decline|approve|refuse|withdraw)$"))]
    act: String,
}

async fn acting(desk: &Desk, visitor: &Visitor, id: i64, act: &str) -> Result<Swap, Refusal> {
    centre(visitor)?;
    let now = desk.now().0;
    let login = visitor.login();
    Ok(match act {
        "accept" | "decline" => {
            desk.ledger
                .answer_swap(login, id, act == "accept", now)
                .await?
        }
        "approve" | "refuse" => {
            let by = visitor
                .actor(desk, Right::Lead)
                .await
                .map_err(|refusal| match refusal {
                    // Who does not lead sees no such choice.
                    Refusal::Conflict(..) => Refusal::Absent,
                    other => other,
                })?;
            desk.ledger
                .decide_swap(&by, id, act == "approve", now)
                .await?
        }
        "withdraw" => desk.ledger.withdraw_swap(login, id, now).await?,
        _ => {
            let why = "must be accept, decline, approve, refuse or withdraw";
            return Err(Refusal::invalid("act", why));
        }
    })
}

fn acted() -> Described {
    Described {
        summary: "Answers, approves or takes back a swap",
        body: Some(schemars::schema_for!(Acting).to_value()),
        answer: Some(schemars::schema_for!(SwapRow).to_value()),
        ..Described::default()
    }
}

async fn act(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<i64>,
    Input(sent): Input<Acting>,
) -> Result<Response, Refusal> {
    let swap = acting(&desk, &visitor, id, &sent.act).await?;
    let names = Names::of(&desk).await?;
    form::answer(&headers, &SwapRow::of(&swap, &names))
}

async fn act_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<i64>,
    Input(sent): Input<Acting>,
) -> Result<Response, Refusal> {
    acting(&desk, &visitor, id, &sent.act).await?;
    Ok(form::done(
        "/console/duty",
        Words::of(visitor.lang).answered,
    ))
}

/// A swap that waits, with what the visitor may do about it.
pub(super) struct Line {
    pub(super) id: i64,
    pub(super) text: String,
    pub(super) when: String,
    pub(super) reason: String,
    pub(super) state: &'static str,
    pub(super) answers: bool,
    pub(super) decides: bool,
    pub(super) own: bool,
}

/// Swaps that wait for a word.
pub(super) async fn waiting(
    desk: &Desk,
    visitor: &Visitor,
    names: &Names,
    all: &[Swap],
) -> Result<Vec<Line>, Refusal> {
    let w = Words::of(visitor.lang);
    let login = visitor.login();
    let mut lines = Vec::new();
    for swap in all {
        let state = swap.state.0;
        if !matches!(state, SwapState::Asked | SwapState::Accepted) {
            continue;
        }
        let Ok(shift) = desk.ledger.shift(swap.shift_id).await else {
            continue;
        };
        let own = swap.asked_by == login;
        lines.push(Line {
            id: swap.id,
            text: fill(
                w.swap_line,
                &[
                    ("from", &names.get(&swap.asked_by)),
                    ("to", &names.get(&swap.login)),
                ],
            ),
            when: format!(
                "{} – {}",
                draw::exact(desk, shift.from_at),
                draw::exact(desk, shift.to_at)
            ),
            reason: swap.reason.clone(),
            state: word(state, visitor.lang),
            answers: state == SwapState::Asked && swap.login == login,
            decides: state == SwapState::Accepted
                && visitor.may(Right::Lead)
                && !own
                && swap.login != login,
            own,
        });
    }
    Ok(lines)
}

#[derive(Template)]
#[template(path = "duty-swap.html")]
struct SwapPage {
    shell: Shell,
    w: &'static Words,
    tabs: Vec<Tab>,
    shift: ShiftRow,
    when: String,
    people: Vec<(String, String)>,
}

async fn ask_page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let w = Words::of(visitor.lang);
    let shift = desk.ledger.shift(id).await?;
    if shift.login != visitor.login() {
        return Err(Refusal::Absent);
    }
    let names = Names::of(&desk).await?;
    let mut people = names.who_may(Right::Work);
    people.retain(|(login, _)| login != visitor.login());
    Ok(shell::page(&SwapPage {
        shell: shell::shell(&desk, &visitor, Nav::Duty, w.swap_title).await,
        tabs: tabs(w, &visitor, "/console/duty"),
        when: format!(
            "{} – {}",
            draw::exact(&desk, shift.from_at),
            draw::exact(&desk, shift.to_at)
        ),
        shift: ShiftRow::of(&shift, &names),
        people,
        w,
    }))
}
