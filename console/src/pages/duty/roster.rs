//! The roster: a week of shifts, who is there now, and adding to it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::ToSpan;
use jiff::civil::{Date, Time};
use ledger::{NewShift, Shift};
use model::duty::{DutyRole, SwapState};
use model::newsroom::Right;
use model::time::Timestamp;
use model::worded::Word;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Names, Person, Tab, Words, at, centre, day_words, instant, monday, tabs};
use crate::Desk;
use crate::pages::draw;
use crate::pages::form::{self, Input};
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, delete, get, post};
use crate::visitor::Visitor;
use crate::words::{fill, word};

const VIEW: Need = Need::Right(Right::View);
const LEAD: Need = Need::Right(Right::Lead);

pub(super) const ROUTES: &[Route] = &[
    Route::page("/console/duty", VIEW, || get(page)),
    Route::act("/console/duty/shifts", LEAD, || post(add_page)),
    Route::act("/console/duty/shifts/{id}/remove", LEAD, || {
        post(remove_page)
    }),
    Route::api(Verb::Get, "/api/v1/duty/shifts", VIEW, listed, || get(list)),
    Route::api(Verb::Post, "/api/v1/duty/shifts", LEAD, added, || post(add)),
    Route::api(
        Verb::Delete,
        "/api/v1/duty/shifts/{id}",
        LEAD,
        removed,
        || delete(remove),
    ),
    Route::api(Verb::Get, "/api/v1/duty/now", VIEW, now_described, || {
        get(now)
    }),
];

/// Most days that are added at once, or asked for.
const DAYS: u8 = 31;
const ASKED: i64 = 400 * 86_400 * 1_000_000;

/// A shift.
#[derive(Serialize, JsonSchema)]
pub(super) struct ShiftRow {
    /// Its number.
    pub(super) id: i64,
    /// Who.
    person: Person,
    /// `officer`, `lead` or `backup`.
    role: String,
    /// From when, RFC 3339.
    from: String,
    /// To when.
    to: String,
}

impl ShiftRow {
    pub(super) fn of(shift: &Shift, names: &Names) -> ShiftRow {
        ShiftRow {
            id: shift.id,
            person: names.person(&shift.login),
            role: shift.role.0.label().to_owned(),
            from: draw::stamp(shift.from_at),
            to: draw::stamp(shift.to_at),
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct Shifts {
    items: Vec<ShiftRow>,
    /// Always null: a span of time is asked for instead.
    next: Option<String>,
}

async fn rows(desk: &Desk, shifts: &[Shift]) -> Result<Shifts, Refusal> {
    let names = Names::of(desk).await?;
    let items = shifts
        .iter()
        .map(|shift| ShiftRow::of(shift, &names))
        .collect();
    Ok(Shifts { items, next: None })
}

/// A span of time.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Span {
    /// From when, RFC 3339; now if left out.
    #[serde(default)]
    from: Option<String>,
    /// To when; a week after `from` if left out.
    #[serde(default)]
    to: Option<String>,
}

fn listed() -> Described {
    Described {
        summary: "Shifts that touch a span of time, by their beginning",
        query: Some(schemars::schema_for!(Span).to_value()),
        answer: Some(schemars::schema_for!(Shifts).to_value()),
        ..Described::default()
    }
}

async fn list(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Query(span): Query<Span>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let from = match &span.from {
        None => desk.now().0,
        Some(text) => instant(&desk, "from", text)?,
    };
    let to = match &span.to {
        None => from.saturating_add(7 * 86_400 * 1_000_000),
        Some(text) => instant(&desk, "to", text)?,
    };
    if to.saturating_sub(from) > ASKED {
        return Err(Refusal::invalid("to", "must be within 400 days of `from`"));
    }
    let shifts = desk.ledger.shifts((from, to)).await?;
    form::answer(&headers, &rows(&desk, &shifts).await?)
}

fn now_described() -> Described {
    Described {
        summary: "Who is on duty now",
        answer: Some(schemars::schema_for!(Shifts).to_value()),
        ..Described::default()
    }
}

async fn now(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let shifts = desk.ledger.on_duty(desk.now().0).await?;
    form::answer(&headers, &rows(&desk, &shifts).await?)
}

/// A shift to be added.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Login of the person.
    #[schemars(length(min = 1, max = 64))]
    login: String,
    /// `officer`, `lead` or `backup`.
    #[schemars(regex(pattern = "^(officer|lead|backup)$"))]
    role: String,
    /// From when, RFC 3339.
    from: String,
    /// To when, at most a day later.
    to: String,
}

/// Shifts to be added, all or none.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WantedAll {
    /// The shifts.
    #[schemars(length(min = 1, max = 200))]
    items: Vec<Wanted>,
}

fn role(text: &str) -> Result<DutyRole, Refusal> {
    text.parse()
        .map_err(|error| Refusal::invalid("role", error))
}

async fn put(desk: &Desk, visitor: &Visitor, all: &[NewShift]) -> Result<Vec<Shift>, Refusal> {
    centre(visitor)?;
    let by = visitor.actor(desk, Right::Lead).await?;
    Ok(desk.ledger.add_shifts(&by, all, desk.now().0).await?)
}

fn added() -> Described {
    Described {
        summary: "Adds shifts, all or none",
        body: Some(schemars::schema_for!(WantedAll).to_value()),
        answer: Some(schemars::schema_for!(Shifts).to_value()),
        status: 201,
        ..Described::default()
    }
}

async fn add(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Input(wanted): Input<WantedAll>,
) -> Result<Response, Refusal> {
    if !(1..=200).contains(&wanted.items.len()) {
        return Err(Refusal::invalid("items", "needs 1 to 200 shifts"));
    }
    let mut all = Vec::new();
    for one in wanted.items {
        all.push(NewShift {
            role: role(&one.role)?,
            span: (
                instant(&desk, "from", &one.from)?,
                instant(&desk, "to", &one.to)?,
            ),
            login: one.login,
        });
    }
    let shifts = put(&desk, &visitor, &all).await?;
    let mut response = form::answer(&headers, &rows(&desk, &shifts).await?)?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

fn removed() -> Described {
    Described {
        summary: "Takes a shift off the roster that has not begun",
        ..Described::default()
    }
}

async fn off(desk: &Desk, visitor: &Visitor, id: i64) -> Result<(), Refusal> {
    centre(visitor)?;
    let by = visitor.actor(desk, Right::Lead).await?;
    Ok(desk.ledger.remove_shift(&by, id, desk.now().0).await?)
}

async fn remove(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Refusal> {
    off(&desk, &visitor, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn remove_page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Refusal> {
    off(&desk, &visitor, id).await?;
    Ok(form::done("/console/duty", Words::of(visitor.lang).removed))
}

/// What the page's form sends: the same hours on some days in a row.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    login: String,
    role: String,
    day: String,
    from: String,
    to: String,
    days: u8,
}

async fn add_page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Input(row): Input<Row>,
) -> Result<Response, Refusal> {
    let w = Words::of(visitor.lang);
    let first: Date = row
        .day
        .parse()
        .map_err(|_| Refusal::invalid("day", "is no day"))?;
    let time = |field: &str, text: &str| {
        Time::strptime("%H:%M", text.get(..5).unwrap_or(text))
            .map_err(|_| Refusal::invalid(field, "is no time of day"))
    };
    let (from, to) = (time("from", &row.from)?, time("to", &row.to)?);
    if !(1..=DAYS).contains(&row.days) {
        return Err(Refusal::invalid("days", "must be 1 to 31"));
    }
    let zone = desk.terms().zone.clone();
    let mut all = Vec::new();
    let mut day = first;
    for _ in 0..row.days {
        let late = || Refusal::invalid("day", "is beyond the calendar");
        // Until the same hour or an earlier one: over midnight.
        let last = match to <= from {
            true => day.tomorrow().map_err(|_| late())?,
            false => day,
        };
        let begins = at(&zone, day.to_datetime(from)).ok_or_else(late)?;
        let ends = at(&zone, last.to_datetime(to)).ok_or_else(late)?;
        all.push(NewShift {
            login: row.login.clone(),
            role: role(&row.role)?,
            span: (begins, ends),
        });
        day = day.tomorrow().map_err(|_| late())?;
    }
    let added = put(&desk, &visitor, &all).await?;
    let to = format!("/console/duty?week={}", monday(first));
    Ok(form::done(&to, &fill(w.added, &[("n", &added.len())])))
}

/// A shift in a day's column.
struct Card {
    id: i64,
    name: String,
    role: &'static str,
    hours: String,
    own: bool,
    current: bool,
    ahead: bool,
    asked: bool,
}

struct Column {
    day: String,
    weekday: &'static str,
    today: bool,
    cards: Vec<Card>,
}

/// Somebody who is there now or next.
struct There {
    name: String,
    role: &'static str,
    when: String,
}

#[derive(Template)]
#[template(path = "duty-roster.html")]
struct RosterPage {
    shell: Shell,
    w: &'static Words,
    tabs: Vec<Tab>,
    now: Vec<There>,
    next: Vec<There>,
    columns: Vec<Column>,
    span: String,
    before: String,
    after: String,
    swaps: Vec<super::swaps::Line>,
    lead: bool,
    people: Vec<(String, String)>,
    roles: Vec<(&'static str, &'static str)>,
    today: String,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    week: String,
}

/// Hours of a shift in the house's zone, as they stand in a day's column.
fn hours(desk: &Desk, shift: &Shift) -> String {
    let zone = &desk.terms().zone;
    let time = |at: i64| {
        Timestamp(at).to_jiff().map_or_else(String::new, |at| {
            at.to_zoned_datetime(zone.clone())
                .strftime("%H:%M")
                .to_string()
        })
    };
    format!("{}–{}", time(shift.from_at), time(shift.to_at))
}

async fn page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let lang = visitor.lang;
    let w = Words::of(lang);
    let now = desk.now();
    let zone = desk.terms().zone.clone();
    let today = now.date_in(&zone).unwrap_or_default();
    let first = monday(asked.week.parse().unwrap_or(today));
    let plus = |days: i64| first.checked_add(days.days()).unwrap_or(first);
    let midnight = |day: Date| at(&zone, day.to_datetime(Time::midnight())).unwrap_or(i64::MAX);
    let names = Names::of(&desk).await?;
    let shifts = desk
        .ledger
        .shifts((midnight(first), midnight(plus(7))))
        .await?;
    let recent = desk.ledger.swaps(now.0 - 30 * 86_400 * 1_000_000).await?;
    let open = |id: i64| {
        recent.iter().any(|swap| {
            swap.shift_id == id && matches!(swap.state.0, SwapState::Asked | SwapState::Accepted)
        })
    };
    let weekdays = match lang {
        model::bulletin::Lang::Zh => ["一", "二", "三", "四", "五", "六", "日"],
        model::bulletin::Lang::En => ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    };
    let columns = (0..7).map(|nth| {
        let day = plus(nth);
        let (begins, ends) = (midnight(day), midnight(plus(nth + 1)));
        let own = shifts.iter().filter(|shift| {
            (begins..ends).contains(&shift.from_at) || (nth == 0 && shift.from_at < begins)
        });
        Column {
            day: day_words(day, lang),
            weekday: weekdays[usize::try_from(nth).unwrap_or(0)],
            today: day == today,
            cards: own
                .map(|shift| Card {
                    id: shift.id,
                    name: names.get(&shift.login),
                    role: word(shift.role.0, lang),
                    hours: hours(&desk, shift),
                    own: shift.login == visitor.login(),
                    current: (shift.from_at..shift.to_at).contains(&now.0),
                    ahead: shift.from_at > now.0,
                    asked: open(shift.id),
                })
                .collect(),
        }
    });
    let there = |shift: &Shift, at: i64, when: &str| There {
        name: names.get(&shift.login),
        role: word(shift.role.0, lang),
        when: match when.is_empty() {
            true => draw::exact(&desk, at),
            false => fill(when, &[("time", &draw::exact(&desk, at))]),
        },
    };
    let on_duty = desk.ledger.on_duty(now.0).await?;
    let ahead = desk
        .ledger
        .shifts((now.0, now.0 + 7 * 86_400 * 1_000_000))
        .await?;
    let ahead: Vec<&Shift> = ahead.iter().filter(|shift| shift.from_at > now.0).collect();
    let soonest = ahead.first().map(|shift| shift.from_at);
    let next = ahead.iter().filter(|shift| Some(shift.from_at) == soonest);
    let span = fill(
        w.week,
        &[
            ("from", &day_words(first, lang)),
            ("to", &day_words(plus(6), lang)),
        ],
    );
    Ok(shell::page(&RosterPage {
        shell: shell::shell(&desk, &visitor, Nav::Duty, w.roster).await,
        tabs: tabs(w, &visitor, "/console/duty"),
        now: on_duty
            .iter()
            .map(|shift| there(shift, shift.to_at, w.until))
            .collect(),
        next: next.map(|shift| there(shift, shift.from_at, "")).collect(),
        columns: columns.collect(),
        span,
        before: plus(-7).to_string(),
        after: plus(7).to_string(),
        swaps: super::swaps::waiting(&desk, &visitor, &names, &recent).await?,
        lead: visitor.may(Right::Lead),
        people: names.who_may(Right::Work),
        roles: DutyRole::ALL
            .iter()
            .map(|role| (role.label(), word(*role, lang)))
            .collect(),
        today: today.to_string(),
        w,
    }))
}
