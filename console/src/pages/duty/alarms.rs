//! Alarms: what rings, who took it up, whom it was told by which way; and the page behind the link of a mail, which
//! shows and does nothing.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use ledger::{Alarm, Finding, Hash, Page, Telling, TellingState};
use model::bulletin::Lang;
use model::duty::{AlarmRule, AlarmSeverity};
use model::newsroom::Right;
use model::worded::Word;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Names, Tab, Words, centre, tabs};
use crate::Desk;
use crate::pages::draw;
use crate::pages::form::{self, Input};
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, get, post};
use crate::visitor::Visitor;
use crate::words::{fill, word};

const VIEW: Need = Need::Right(Right::View);
const WORK: Need = Need::Right(Right::Work);
const LEAD: Need = Need::Right(Right::Lead);

pub(super) const ROUTES: &[Route] = &[
    Route::page("/console/duty/alarms", VIEW, || get(page)),
    Route::act("/console/duty/alarms/trial", LEAD, || post(trial_form)),
    Route::page("/console/duty/alarms/{id}", VIEW, || get(one_page)),
    Route::act("/console/duty/alarms/{id}/acknowledge", WORK, || {
        post(take_form)
    }),
    Route::page("/console/alarm/{link}", Need::Nothing, || get(link_page)),
    Route::api(Verb::Get, "/api/v1/duty/alarms", VIEW, listed, || get(list)),
    Route::api(Verb::Get, "/api/v1/duty/alarms/{id}", VIEW, shown, || {
        get(one)
    }),
    Route::api(
        Verb::Post,
        "/api/v1/duty/alarms/{id}/acknowledge",
        WORK,
        took,
        || post(take),
    ),
    Route::api(Verb::Post, "/api/v1/duty/alarms/trial", LEAD, tried, || {
        post(trial)
    }),
];

/// Alarms in a list.
const SHOWN: u64 = 50;

/// An alarm.
#[derive(Serialize, JsonSchema)]
struct AlarmRow {
    /// Its number.
    id: i64,
    /// The rule that raised it.
    rule: String,
    /// What it is about, as a key.
    topic: String,
    /// `low`, `medium`, `high` or `critical`.
    severity: String,
    /// What happened, in the caller's language.
    what: String,
    /// When it was raised, RFC 3339.
    raised_at: String,
    /// When it climbed to the lead.
    climbed_at: Option<String>,
    /// Login of whoever took it up.
    acknowledged_by: Option<String>,
    /// When.
    acknowledged_at: Option<String>,
    /// What they said.
    remark: Option<String>,
    /// When it was over.
    ended_at: Option<String>,
}

fn what(alarm: &Alarm, lang: Lang) -> &str {
    match lang {
        Lang::Zh => &alarm.what_zh,
        Lang::En => &alarm.what_en,
    }
}

impl AlarmRow {
    fn of(alarm: &Alarm, lang: Lang) -> AlarmRow {
        AlarmRow {
            id: alarm.id,
            rule: alarm.rule.0.label().to_owned(),
            topic: alarm.topic.clone(),
            severity: alarm.severity.0.label().to_owned(),
            what: what(alarm, lang).to_owned(),
            raised_at: draw::stamp(alarm.raised_at),
            climbed_at: alarm.climbed_at.map(draw::stamp),
            acknowledged_by: alarm.acknowledged_by.clone(),
            acknowledged_at: alarm.acknowledged_at.map(draw::stamp),
            remark: alarm.remark.clone(),
            ended_at: alarm.ended_at.map(draw::stamp),
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct Alarms {
    items: Vec<AlarmRow>,
    /// Ask again with this as `after`.
    next: Option<String>,
}

/// Which alarms.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// How many, 1 to 200; 50 if left out.
    #[serde(default)]
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u64>,
    /// `next` of the page before.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9]{1,18}$"))]
    after: Option<String>,
}

fn listed() -> Described {
    Described {
        summary: "Alarms, the newest first",
        query: Some(schemars::schema_for!(Asked).to_value()),
        answer: Some(schemars::schema_for!(Alarms).to_value()),
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
    if !(1..=200).contains(&limit) {
        return Err(Refusal::invalid("limit", "must be 1 to 200"));
    }
    let before = form::cursor("after", asked.after.as_deref())?;
    let found = desk
        .ledger
        .alarms(before, Page { offset: 0, limit })
        .await?;
    let next = (found.len() as u64 == limit)
        .then(|| found.last().map(|last| last.id.to_string()))
        .flatten();
    let items = found
        .iter()
        .map(|alarm| AlarmRow::of(alarm, visitor.lang))
        .collect();
    form::answer(&headers, &Alarms { items, next })
}

fn shown() -> Described {
    Described {
        summary: "An alarm",
        answer: Some(schemars::schema_for!(AlarmRow).to_value()),
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
    let alarm = desk.ledger.alarm(id).await?;
    form::answer(&headers, &AlarmRow::of(&alarm, visitor.lang))
}

/// What whoever takes an alarm up says.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Taking {
    /// A remark; may be empty.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    remark: String,
}

async fn taking(desk: &Desk, visitor: &Visitor, id: i64, sent: &Taking) -> Result<Alarm, Refusal> {
    centre(visitor)?;
    if sent.remark.chars().count() > 1000 {
        return Err(Refusal::invalid("remark", "has more than 1,000 characters"));
    }
    let by = visitor.actor(desk, Right::Work).await?;
    Ok(desk
        .ledger
        .acknowledge_alarm(&by, id, &sent.remark, desk.now().0)
        .await?)
}

fn took() -> Described {
    Described {
        summary: "Takes an alarm up: it climbs no more",
        body: Some(schemars::schema_for!(Taking).to_value()),
        answer: Some(schemars::schema_for!(AlarmRow).to_value()),
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
    let alarm = taking(&desk, &visitor, id, &sent).await?;
    form::answer(&headers, &AlarmRow::of(&alarm, visitor.lang))
}

async fn take_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<i64>,
    Input(sent): Input<Taking>,
) -> Result<Response, Refusal> {
    taking(&desk, &visitor, id, &sent).await?;
    Ok(form::done(
        "/console/duty/alarms",
        Words::of(visitor.lang).alarm_said,
    ))
}

/// Raises a trial, which the serving process sends like any other alarm.
async fn trying(desk: &Desk, visitor: &Visitor) -> Result<Alarm, Refusal> {
    centre(visitor)?;
    visitor.actor(desk, Right::Lead).await?;
    let now = desk.now().0;
    let finding = Finding {
        rule: AlarmRule::Trial,
        topic: "trial".to_owned(),
        severity: AlarmSeverity::Critical,
        what: (
            Words::of(Lang::Zh).trial_what.to_owned(),
            Words::of(Lang::En).trial_what.to_owned(),
        ),
        href: "/console/duty/alarms".to_owned(),
    };
    // A trial needs no link: whoever has it signs in.
    let link = Hash::of(desk.secret()?.as_bytes());
    let raised = desk.ledger.raise_alarm(&finding, (link, now), now).await?;
    raised.ok_or_else(|| Refusal::conflict("alarm", Words::of(visitor.lang).trial_running))
}

fn tried() -> Described {
    Described {
        summary: "Sends a trial alarm by every way",
        answer: Some(schemars::schema_for!(AlarmRow).to_value()),
        status: 201,
        ..Described::default()
    }
}

async fn trial(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let alarm = trying(&desk, &visitor).await?;
    let mut response = form::answer(&headers, &AlarmRow::of(&alarm, visitor.lang))?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

async fn trial_form(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Result<Response, Refusal> {
    trying(&desk, &visitor).await?;
    Ok(form::done(
        "/console/duty/alarms",
        Words::of(visitor.lang).trial_said,
    ))
}

/// How alarms leave, as the serving process keeps it under [`WAYS`].
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Ways {
    /// What is configured, in words that name no secret.
    pub(crate) ways: Vec<String>,
    /// Minutes after which one climbs.
    pub(crate) climb_minutes: u32,
    /// Quiet hours as `22:00-07:00`; empty for none.
    pub(crate) quiet: String,
    /// When the rules were last looked at, microseconds UTC.
    pub(crate) looked_at: i64,
}

/// Where [`Ways`] are kept.
pub(crate) const WAYS: &str = "alarms.ways";

/// An alarm as a list shows it.
struct Line {
    id: i64,
    severity: &'static str,
    class: &'static str,
    rule: &'static str,
    what: String,
    ago: String,
    exact: String,
    href: String,
    taken: Option<String>,
    remark: String,
    climbed: bool,
    over: bool,
}

fn line(desk: &Desk, names: &Names, alarm: &Alarm, now: i64, lang: Lang) -> Line {
    let w = Words::of(lang);
    Line {
        id: alarm.id,
        severity: word(alarm.severity.0, lang),
        class: match alarm.severity.0 {
            AlarmSeverity::Critical => "hot",
            AlarmSeverity::High => "worse",
            AlarmSeverity::Medium | AlarmSeverity::Low => "",
        },
        rule: word(alarm.rule.0, lang),
        what: what(alarm, lang).to_owned(),
        ago: draw::ago(now, alarm.raised_at, lang),
        exact: draw::exact(desk, alarm.raised_at),
        href: alarm.href.clone(),
        taken: alarm
            .acknowledged_by
            .as_deref()
            .map(|login| fill(w.acknowledged, &[("name", &names.get(login))])),
        remark: alarm.remark.clone().unwrap_or_default(),
        climbed: alarm.climbed_at.is_some(),
        over: alarm.ended_at.is_some(),
    }
}

#[derive(Template)]
#[template(path = "duty-alarms.html")]
struct AlarmsPage {
    shell: Shell,
    w: &'static Words,
    tabs: Vec<Tab>,
    open: Vec<Line>,
    past: Vec<Line>,
    ways: Vec<String>,
    climbs: String,
    quiet: String,
    heartbeat: String,
    work: bool,
    lead: bool,
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
    let open = desk.ledger.alarms_open().await?;
    let past = desk.ledger.alarms(None, shown).await?;
    let past = past
        .iter()
        .filter(|alarm| !open.iter().any(|one| one.id == alarm.id));
    let ways: Option<Ways> = desk.ledger.setting(WAYS).await?;
    let ways = ways.unwrap_or_default();
    Ok(shell::page(&AlarmsPage {
        shell: shell::shell(&desk, &visitor, Nav::Duty, w.alarms).await,
        tabs: tabs(w, &visitor, "/console/duty/alarms"),
        open: open
            .iter()
            .map(|one| line(&desk, &names, one, now, lang))
            .collect(),
        past: past
            .map(|one| line(&desk, &names, one, now, lang))
            .collect(),
        climbs: match ways.climb_minutes {
            0 => String::new(),
            minutes => fill(w.climbs, &[("n", &minutes)]),
        },
        quiet: match ways.quiet.is_empty() {
            true => String::new(),
            false => fill(w.quiet, &[("span", &ways.quiet)]),
        },
        heartbeat: match ways.looked_at {
            0 => w.heartbeat_none.to_owned(),
            at => draw::ago(now, at, lang),
        },
        ways: ways.ways,
        work: visitor.may(Right::Work),
        lead: visitor.may(Right::Lead),
        w,
    }))
}

struct Told {
    way: &'static str,
    target: String,
    state: String,
    when: String,
    climbed: bool,
}

#[derive(Template)]
#[template(path = "duty-alarm.html")]
struct AlarmPage {
    shell: Shell,
    w: &'static Words,
    one: Line,
    told: Vec<Told>,
    work: bool,
}

fn told(desk: &Desk, telling: &Telling, lang: Lang) -> Told {
    let at = telling.sent_at.unwrap_or(telling.next_at);
    Told {
        way: word(telling.way.0, lang),
        target: telling.target.clone(),
        state: match telling.state {
            TellingState::Sent => String::new(),
            TellingState::Waiting | TellingState::Failed => telling.reply.clone(),
        },
        when: draw::exact(desk, at),
        climbed: telling.climbed,
    }
}

async fn one_page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let lang = visitor.lang;
    let w = Words::of(lang);
    let alarm = desk.ledger.alarm(id).await?;
    let names = Names::of(&desk).await?;
    let tellings = desk.ledger.tellings(id).await?;
    Ok(shell::page(&AlarmPage {
        shell: shell::shell(&desk, &visitor, Nav::Duty, w.alarms).await,
        one: line(&desk, &names, &alarm, desk.now().0, lang),
        told: tellings.iter().map(|one| told(&desk, one, lang)).collect(),
        work: visitor.may(Right::Work),
        w,
    }))
}

#[derive(Template)]
#[template(path = "duty-link.html")]
struct LinkPage {
    shell: Shell,
    w: &'static Words,
    one: Line,
}

/// The page behind a mail's link: whoever holds the link may read this one alarm for a day, and do nothing.
async fn link_page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(link): Path<String>,
) -> Result<Response, Refusal> {
    let now = desk.now().0;
    let found = desk
        .ledger
        .alarm_by_link(Hash::of(link.as_bytes()), now)
        .await?;
    let alarm = found.ok_or(Refusal::Absent)?;
    let lang = visitor.lang;
    let w = Words::of(lang);
    let names = Names::of(&desk).await?;
    let nobody = Visitor {
        account: None,
        session: None,
        ..visitor.clone()
    };
    Ok(shell::page(&LinkPage {
        shell: shell::shell(&desk, &nobody, Nav::Nowhere, w.alarms).await,
        one: line(&desk, &names, &alarm, now, lang),
        w,
    }))
}
