//! Handovers: the list of what is open, signed by whoever gives and whoever takes, kept for good.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use ledger::{Handover, Page};
use model::bulletin::Lang;
use model::newsroom::Right;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::facts::{self, Fact, Facts};
use super::{Names, Person, Tab, Words, centre, tabs};
use crate::Desk;
use crate::pages::draw;
use crate::pages::form::{self, Input};
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, get, post};
use crate::visitor::Visitor;
use crate::words::fill;

const VIEW: Need = Need::Right(Right::View);
const WORK: Need = Need::Right(Right::Work);

pub(super) const ROUTES: &[Route] = &[
    Route::page("/console/duty/handover", VIEW, || get(page)),
    Route::act("/console/duty/handover", WORK, || post(give_form)),
    Route::page("/console/duty/handovers/{id}", VIEW, || get(one_page)),
    Route::act("/console/duty/handovers/{id}/take", WORK, || {
        post(take_form)
    }),
    Route::api(Verb::Get, "/api/v1/duty/open", VIEW, open_described, || {
        get(open)
    }),
    Route::api(Verb::Get, "/api/v1/duty/handovers", VIEW, listed, || {
        get(list)
    }),
    Route::api(Verb::Post, "/api/v1/duty/handovers", WORK, gave, || {
        post(give)
    }),
    Route::api(
        Verb::Get,
        "/api/v1/duty/handovers/{id}",
        VIEW,
        shown,
        || get(one),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/duty/handovers/{id}/take",
        WORK,
        took,
        || post(take),
    ),
];

/// Characters of a remark.
const REMARK: usize = 10_000;
/// Handovers in a list.
const SHOWN: u64 = 30;

/// A handover.
#[derive(Serialize, JsonSchema)]
struct HandoverRow {
    /// Its number.
    id: i64,
    /// Who handed over.
    giver: Person,
    /// Who takes over.
    taker: Person,
    /// What the giver says.
    remark: String,
    /// What the taker says.
    answer: Option<String>,
    /// When the giver signed, RFC 3339.
    given_at: String,
    /// When the taker signed.
    taken_at: Option<String>,
    /// Hash of what the giver signed.
    signed: String,
    /// What was open then.
    facts: Facts,
}

impl HandoverRow {
    fn of(row: &Handover, names: &Names) -> HandoverRow {
        HandoverRow {
            id: row.id,
            giver: names.person(&row.giver),
            taker: names.person(&row.taker),
            remark: row.remark.clone(),
            answer: row.answer.clone(),
            given_at: draw::stamp(row.given_at),
            taken_at: row.taken_at.map(draw::stamp),
            signed: row.signed().to_string(),
            facts: serde_json::from_str(&row.facts).unwrap_or_default(),
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct Handovers {
    items: Vec<HandoverRow>,
    /// Ask again with this as `after`.
    next: Option<String>,
}

fn open_described() -> Described {
    Described {
        summary: "What is open now: clocks, promises, unread replies, failed feeds, held notices, alarms",
        answer: Some(schemars::schema_for!(Facts).to_value()),
        ..Described::default()
    }
}

async fn open(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    form::answer(&headers, &facts::open(&desk).await?)
}

/// A page of a list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// How many, 1 to 100; 30 if left out.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u64>,
    /// `next` of the page before.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9]{1,18}$"))]
    after: Option<String>,
}

fn listed() -> Described {
    Described {
        summary: "Handovers, the newest first",
        query: Some(schemars::schema_for!(Asked).to_value()),
        answer: Some(schemars::schema_for!(Handovers).to_value()),
        ..Described::default()
    }
}

async fn list(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let limit = asked.limit.unwrap_or(SHOWN);
    if !(1..=100).contains(&limit) {
        return Err(Refusal::invalid("limit", "must be 1 to 100"));
    }
    let before = form::cursor("after", asked.after.as_deref())?;
    let found = desk
        .ledger
        .handovers(before, Page { offset: 0, limit })
        .await?;
    let names = Names::of(&desk).await?;
    let next = (found.len() as u64 == limit)
        .then(|| found.last().map(|last| last.id.to_string()))
        .flatten();
    let items = found
        .iter()
        .map(|row| HandoverRow::of(row, &names))
        .collect();
    form::answer(&headers, &Handovers { items, next })
}

fn shown() -> Described {
    Described {
        summary: "A handover",
        answer: Some(schemars::schema_for!(HandoverRow).to_value()),
        ..Described::default()
    }
}

async fn one(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<i64>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let row = desk.ledger.handover(id).await?;
    form::answer(&headers, &HandoverRow::of(&row, &Names::of(&desk).await?))
}

/// To whom is handed over, and what they must know.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Giving {
    /// Login of whoever takes over.
    #[schemars(length(min = 1, max = 64))]
    taker: String,
    /// What they must know beside the list.
    #[serde(default)]
    #[schemars(length(max = 10_000))]
    remark: String,
}

async fn giving(desk: &Desk, visitor: &Visitor, sent: &Giving) -> Result<Handover, Refusal> {
    centre(visitor)?;
    if sent.remark.chars().count() > REMARK {
        return Err(Refusal::invalid(
            "remark",
            "has more than 10,000 characters",
        ));
    }
    let by = visitor.actor(desk, Right::Work).await?;
    // Read here, not taken from the form: what is signed is what is so.
    let facts = serde_json::to_value(facts::open(desk).await?)
        .map_err(|error| Refusal::broken("a handover", error))?;
    let now = desk.now().0;
    Ok(desk
        .ledger
        .give_handover(&by, &sent.taker, &facts, &sent.remark, now)
        .await?)
}

fn gave() -> Described {
    Described {
        summary: "Hands over: signs what is open now",
        body: Some(schemars::schema_for!(Giving).to_value()),
        answer: Some(schemars::schema_for!(HandoverRow).to_value()),
        status: 201,
        ..Described::default()
    }
}

async fn give(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Input(sent): Input<Giving>,
) -> Result<Response, Refusal> {
    let row = giving(&desk, &visitor, &sent).await?;
    let names = Names::of(&desk).await?;
    let mut response = form::answer(&headers, &HandoverRow::of(&row, &names))?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

async fn give_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Input(sent): Input<Giving>,
) -> Result<Response, Refusal> {
    let row = giving(&desk, &visitor, &sent).await?;
    let name = Names::of(&desk).await?.get(&row.taker);
    let said = fill(Words::of(visitor.lang).given, &[("name", &name)]);
    Ok(form::done(
        &format!("/console/duty/handovers/{}", row.id),
        &said,
    ))
}

/// What the taker says.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Taking {
    /// A remark; may be empty.
    #[serde(default)]
    #[schemars(length(max = 10_000))]
    answer: String,
}

async fn taking(
    desk: &Desk,
    visitor: &Visitor,
    id: i64,
    sent: &Taking,
) -> Result<Handover, Refusal> {
    centre(visitor)?;
    if sent.answer.chars().count() > REMARK {
        return Err(Refusal::invalid(
            "answer",
            "has more than 10,000 characters",
        ));
    }
    let by = visitor.actor(desk, Right::Work).await?;
    Ok(desk
        .ledger
        .take_handover(&by, id, &sent.answer, desk.now().0)
        .await?)
}

fn took() -> Described {
    Described {
        summary: "Takes over: signs a handover that is given to oneself",
        body: Some(schemars::schema_for!(Taking).to_value()),
        answer: Some(schemars::schema_for!(HandoverRow).to_value()),
        ..Described::default()
    }
}

async fn take(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<i64>,
    Input(sent): Input<Taking>,
) -> Result<Response, Refusal> {
    let row = taking(&desk, &visitor, id, &sent).await?;
    form::answer(&headers, &HandoverRow::of(&row, &Names::of(&desk).await?))
}

async fn take_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<i64>,
    Input(sent): Input<Taking>,
) -> Result<Response, Refusal> {
    taking(&desk, &visitor, id, &sent).await?;
    let to = format!("/console/duty/handovers/{id}");
    Ok(form::done(&to, Words::of(visitor.lang).taken))
}

/// A kind of open thing with its rows.
struct Part {
    heading: &'static str,
    rows: Vec<Row>,
}

struct Row {
    what: String,
    about: String,
    href: String,
    due: String,
    late: bool,
}

/// What is open, as a page shows it; the time left is counted from `at`.
fn parts(w: &'static Words, facts: Facts, at: i64, lang: Lang) -> Vec<Part> {
    let row = |fact: Fact| Row {
        due: match fact.due_at {
            0 => String::new(),
            due => draw::ago(at, due, lang),
        },
        late: fact.due_at != 0 && fact.due_at < at,
        what: fact.what,
        about: fact.about,
        href: fact.href,
    };
    [
        (w.clocks, facts.clocks),
        (w.promises, facts.promises),
        (w.unread, facts.unread),
        (w.held, facts.held),
        (w.feeds, facts.feeds),
        (w.alarms, facts.alarms),
    ]
    .into_iter()
    .map(|(heading, all)| Part {
        heading,
        rows: all.into_iter().map(row).collect(),
    })
    .collect()
}

/// An earlier handover.
struct Line {
    id: i64,
    giver: String,
    taker: String,
    when: String,
    waits: bool,
    mine: bool,
}

#[derive(Template)]
#[template(path = "duty-handover.html")]
struct HandoverPage {
    shell: Shell,
    w: &'static Words,
    tabs: Vec<Tab>,
    parts: Vec<Part>,
    earlier: Vec<Line>,
    /// Whether one waits for the visitor: then that is the next thing to do.
    waits: bool,
    people: Vec<(String, String)>,
    work: bool,
}

async fn page(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let lang = visitor.lang;
    let w = Words::of(lang);
    let now = desk.now().0;
    let names = Names::of(&desk).await?;
    let shown = Page {
        offset: 0,
        limit: SHOWN,
    };
    let earlier = desk.ledger.handovers(None, shown).await?;
    let earlier: Vec<Line> = earlier
        .into_iter()
        .map(|row| Line {
            id: row.id,
            giver: names.get(&row.giver).to_string(),
            taker: names.get(&row.taker).to_string(),
            when: draw::exact(&desk, row.given_at),
            waits: row.taken_at.is_none(),
            mine: row.taken_at.is_none() && row.taker == visitor.login(),
        })
        .collect();
    // Whoever is on duty next stands first: it is them most of the time.
    let ahead = desk
        .ledger
        .shifts((now, now + 24 * 3_600 * 1_000_000))
        .await?;
    let mut people = names.who_may(Right::Work);
    people.retain(|(login, _)| login != visitor.login());
    people.sort_by_key(|(login, _)| {
        let next = ahead
            .iter()
            .position(|shift| shift.login == *login && shift.from_at > now);
        next.unwrap_or(usize::MAX)
    });
    Ok(shell::page(&HandoverPage {
        shell: shell::shell(&desk, &visitor, Nav::Duty, w.handover).await,
        tabs: tabs(w, &visitor, "/console/duty/handover"),
        parts: parts(w, facts::open(&desk).await?, now, lang),
        waits: earlier.iter().any(|line| line.mine),
        earlier,
        people,
        work: visitor.may(Right::Work),
        w,
    }))
}

#[derive(Template)]
#[template(path = "duty-handed.html")]
struct HandedPage {
    shell: Shell,
    w: &'static Words,
    row: HandoverRow,
    given: String,
    taken: Option<String>,
    parts: Vec<Part>,
    mine: bool,
    house: String,
}

async fn one_page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let lang = visitor.lang;
    let w = Words::of(lang);
    let found = desk.ledger.handover(id).await?;
    let names = Names::of(&desk).await?;
    let row = HandoverRow::of(&found, &names);
    Ok(shell::page(&HandedPage {
        shell: shell::shell(&desk, &visitor, Nav::Duty, w.handover).await,
        parts: parts(w, row.facts.clone(), found.given_at, lang),
        given: draw::exact(&desk, found.given_at),
        taken: found.taken_at.map(|at| draw::exact(&desk, at)),
        mine: found.taken_at.is_none() && found.taker == visitor.login(),
        house: desk.terms().house.organization.get(lang).to_owned(),
        row,
        w,
    }))
}
