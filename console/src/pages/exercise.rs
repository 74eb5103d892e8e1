//! Exercise: the scenarios, hints, how far one came, and the score. Only in a workspace for exercises; elsewhere the
//! page says how to make one.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use ledger::Drill;
use model::bulletin::Lang;
use model::newsroom::Right;
use schemars::JsonSchema;
use serde::Serialize;

use super::draw::{self, Countdown};
use super::form;
use super::shell::{self, Nav, Shell};
use crate::Desk;
use crate::drill::{self, Scenario, said, scenarios};
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, get, post};
use crate::visitor::Visitor;
use crate::words::{fill, words};

const VIEW: Need = Need::Right(Right::View);

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/exercise", VIEW, || get(page)),
    Route::act("/console/exercise/{scenario}/begin", VIEW, || {
        post(begin_form)
    }),
    Route::act("/console/exercise/drills/{id}/hint", VIEW, || {
        post(hint_form)
    }),
    Route::act("/console/exercise/drills/{id}/end", VIEW, || post(end_form)),
    Route::api(
        Verb::Get,
        "/api/v1/exercise/scenarios",
        VIEW,
        listed,
        || get(list),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/exercise/scenarios/{scenario}/begin",
        VIEW,
        began,
        || post(begin),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/exercise/drills/{id}",
        VIEW,
        shown,
        || get(one),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/exercise/drills/{id}/end",
        VIEW,
        ended,
        || post(end),
    ),
];

words! {
    Words {
        title: "演练", "Exercise";
        banner: "演练环境：这里的一切都是虚构的，不会有任何内容发出。", "A workspace for exercises: everything here is made up, and nothing leaves it.";
        not_here: "这里不是演练环境", "This is no workspace for exercises";
        not_here_text: "演练在单独的环境里进行，不会影响真实工作。在服务器上运行：", "Exercises are played in a workspace of their own and touch no real work. On the server, run:";
        scenarios: "场景", "Scenarios";
        begin: "开始", "Begin";
        playing: "正在进行", "Under way";
        hint: "看提示（扣 5 分）", "Show the hints (costs 5 points)";
        end: "结束", "End it";
        end_ask: "结束这次演练并记下分数？", "End this drill and keep its score?";
        ended: "已结束：{score} 分。", "It is over: {score} points.";
        score: "{n} 分", "{n} points";
        points: "分值", "Points";
        within: "{n} 分钟", "{n} min";
        reached: "已达成", "reached";
        open: "未达成", "open";
        begun: "演练开始了。第一步：看看“收件”“事件”和“值班”。", "It has begun. First look at Inbox, Incidents and Duty.";
        hint_said: "提示已显示。", "The hints are shown.";
        earlier: "以往成绩", "Scores";
        who: "人员", "Person";
        took: "用时", "Took";
        when: "开始于", "Begun";
        left: "剩余", "left";
        best: "最好 {n} 分", "best {n}";
    }
}

/// Whether somebody plays: those who work on incidents, and editors.
fn plays(visitor: &Visitor) -> bool {
    visitor.may(Right::Work) || visitor.may(Right::Edit)
}

/// The desk of an exercise, or absence.
fn exercise(desk: &Desk, visitor: &Visitor) -> Result<(), Refusal> {
    let centre = visitor.within()? == ledger::Reach::All;
    match desk.exercise && centre {
        true => Ok(()),
        false => Err(Refusal::Absent),
    }
}

/// A scenario.
#[derive(Serialize, JsonSchema)]
struct ScenarioRow {
    /// Its name in addresses.
    name: String,
    /// Its title, in the caller's language.
    title: String,
    /// What happens.
    brief: String,
    /// Minutes in which it is to be done.
    minutes: i64,
    /// What is to be reached.
    aims: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct Scenarios {
    items: Vec<ScenarioRow>,
    /// Always null: there are few.
    next: Option<String>,
}

fn listed() -> Described {
    Described {
        summary: "The scenarios of a workspace for exercises",
        answer: Some(schemars::schema_for!(Scenarios).to_value()),
        ..Described::default()
    }
}

async fn list(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    exercise(&desk, &visitor)?;
    let lang = visitor.lang;
    let items = scenarios::ALL.iter().map(|one| ScenarioRow {
        name: one.name.to_owned(),
        title: drill::title(one).get(lang).to_owned(),
        brief: said(one.brief, lang).to_owned(),
        minutes: one.minutes,
        aims: one
            .aims
            .iter()
            .map(|aim| said(aim.name, lang).to_owned())
            .collect(),
    });
    let items = items.collect();
    form::answer(&headers, &Scenarios { items, next: None })
}

/// Something to be reached.
#[derive(Serialize, JsonSchema)]
struct AimRow {
    /// What it is called.
    name: String,
    /// What it is worth.
    points: i32,
    /// When it was reached, RFC 3339.
    reached_at: Option<String>,
}

/// A drill.
#[derive(Serialize, JsonSchema)]
struct DrillRow {
    /// Its number.
    id: i64,
    /// The scenario.
    scenario: String,
    /// Who plays.
    login: String,
    /// When it began, RFC 3339.
    begun_at: String,
    /// When it ended.
    ended_at: Option<String>,
    /// Points.
    score: i32,
    /// Hints looked at.
    hints: i32,
    /// What is to be reached.
    aims: Vec<AimRow>,
    /// Host names that it is about.
    hosts: Vec<String>,
}

impl DrillRow {
    fn of(row: &Drill, lang: Lang) -> DrillRow {
        let scenario = drill::scenario(&row.scenario);
        let aims = scenario.map_or(&[][..], |scenario| scenario.aims);
        let times = drill::reached(row, aims.len());
        let stage: drill::Stage = serde_json::from_str(&row.props).unwrap_or_default();
        DrillRow {
            id: row.id,
            scenario: row.scenario.clone(),
            login: row.login.clone(),
            begun_at: draw::stamp(row.begun_at),
            ended_at: row.ended_at.map(draw::stamp),
            score: row.score,
            hints: row.hints,
            aims: aims
                .iter()
                .zip(times)
                .map(|(aim, at)| AimRow {
                    name: said(aim.name, lang).to_owned(),
                    points: aim.points,
                    reached_at: (at != 0).then(|| draw::stamp(at)),
                })
                .collect(),
            hosts: stage.hosts,
        }
    }
}

fn began() -> Described {
    Described {
        summary: "Begins a scenario",
        answer: Some(schemars::schema_for!(DrillRow).to_value()),
        status: 201,
        ..Described::default()
    }
}

async fn beginning(desk: &Desk, visitor: &Visitor, name: &str) -> Result<Drill, Refusal> {
    exercise(desk, visitor)?;
    if !plays(visitor) {
        return Err(Refusal::Absent);
    }
    let scenario = drill::scenario(name).ok_or(Refusal::Absent)?;
    drill::begin(desk, scenario, visitor.login()).await
}

async fn begin(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let row = beginning(&desk, &visitor, &name).await?;
    let mut response = form::answer(&headers, &DrillRow::of(&row, visitor.lang))?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

async fn begin_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    beginning(&desk, &visitor, &name).await?;
    Ok(form::done(
        "/console/exercise",
        Words::of(visitor.lang).begun,
    ))
}

/// A drill of one's own; a lead sees everybody's.
async fn own(desk: &Desk, visitor: &Visitor, id: i64) -> Result<Drill, Refusal> {
    exercise(desk, visitor)?;
    let row = desk.ledger.drill(id).await?;
    match row.login == visitor.login() || visitor.may(Right::Lead) {
        true => Ok(row),
        false => Err(Refusal::Absent),
    }
}

fn shown() -> Described {
    Described {
        summary: "How far a drill came",
        answer: Some(schemars::schema_for!(DrillRow).to_value()),
        ..Described::default()
    }
}

async fn one(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<i64>,
) -> Result<Response, Refusal> {
    let row = own(&desk, &visitor, id).await?;
    let row = drill::look(&desk, &row).await?;
    form::answer(&headers, &DrillRow::of(&row, visitor.lang))
}

fn ended() -> Described {
    Described {
        summary: "Ends a drill as it stands",
        answer: Some(schemars::schema_for!(DrillRow).to_value()),
        ..Described::default()
    }
}

async fn ending(desk: &Desk, visitor: &Visitor, id: i64) -> Result<Drill, Refusal> {
    let row = own(desk, visitor, id).await?;
    if !plays(visitor) {
        return Err(Refusal::Absent);
    }
    drill::end(desk, &row).await?;
    Ok(desk.ledger.drill(id).await?)
}

async fn end(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<i64>,
) -> Result<Response, Refusal> {
    let row = ending(&desk, &visitor, id).await?;
    form::answer(&headers, &DrillRow::of(&row, visitor.lang))
}

async fn end_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Refusal> {
    let row = ending(&desk, &visitor, id).await?;
    let said = fill(Words::of(visitor.lang).ended, &[("score", &row.score)]);
    Ok(form::done("/console/exercise", &said))
}

async fn hint_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Refusal> {
    let row = own(&desk, &visitor, id).await?;
    if row.hints == 0 {
        desk.ledger.hint_drill(row.id).await?;
    }
    Ok(form::done(
        "/console/exercise",
        Words::of(visitor.lang).hint_said,
    ))
}

struct Goal {
    name: &'static str,
    points: i32,
    reached: bool,
    hint: Option<&'static str>,
}

/// What is played now.
struct Playing {
    id: i64,
    title: &'static str,
    brief: &'static str,
    clock: Countdown,
    score: String,
    goals: Vec<Goal>,
    hinted: bool,
}

struct Row {
    name: &'static str,
    title: &'static str,
    brief: &'static str,
    within: String,
    best: String,
}

struct Past {
    who: String,
    title: &'static str,
    score: i32,
    took: String,
    when: String,
}

#[derive(Template)]
#[template(path = "exercise.html")]
struct ExercisePage {
    shell: Shell,
    w: &'static Words,
    here: bool,
    playing: Option<Playing>,
    rows: Vec<Row>,
    past: Vec<Past>,
    work: bool,
}

fn playing(desk: &Desk, row: &Drill, scenario: &'static Scenario, lang: Lang) -> Playing {
    let w = Words::of(lang);
    let times = drill::reached(row, scenario.aims.len());
    let hinted = row.hints > 0;
    let goals = scenario.aims.iter().zip(times).map(|(aim, at)| Goal {
        name: said(aim.name, lang),
        points: aim.points,
        reached: at != 0,
        hint: hinted.then(|| said(aim.hint, lang)),
    });
    let ends = row.begun_at + scenario.minutes * 60_000_000;
    Playing {
        id: row.id,
        title: said(scenario.title, lang),
        brief: said(scenario.brief, lang),
        clock: draw::countdown(desk, (row.begun_at, ends), desk.now().0, lang),
        score: fill(w.score, &[("n", &row.score)]),
        goals: goals.collect(),
        hinted,
    }
}

async fn page(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Result<Response, Refusal> {
    let lang = visitor.lang;
    let w = Words::of(lang);
    let here = exercise(&desk, &visitor).is_ok();
    let mut under_way = None;
    let mut past = Vec::new();
    let mut drills = Vec::new();
    if here {
        drills = desk.ledger.drills().await?;
        let running = drills
            .iter()
            .find(|row| row.login == visitor.login() && row.ended_at.is_none());
        if let Some(running) = running {
            let row = drill::look(&desk, running).await?;
            if row.ended_at.is_none()
                && let Some(scenario) = drill::scenario(&row.scenario)
            {
                under_way = Some(playing(&desk, &row, scenario, lang));
            }
            drills = desk.ledger.drills().await?;
        }
        let accounts = desk.ledger.accounts().await?;
        for row in drills.iter().take(50) {
            let (Some(ended), Some(scenario)) = (row.ended_at, drill::scenario(&row.scenario))
            else {
                continue;
            };
            let name = accounts.iter().find(|one| one.login == row.login);
            past.push(Past {
                who: name.map_or_else(|| row.login.clone(), |one| one.name.clone()),
                title: said(scenario.title, lang),
                score: row.score,
                took: draw::span(ended - row.begun_at, lang),
                when: draw::exact(&desk, row.begun_at),
            });
        }
    }
    let rows = scenarios::ALL.iter().map(|one| {
        let own = drills.iter().filter(|row| {
            row.login == visitor.login() && row.scenario == one.name && row.ended_at.is_some()
        });
        Row {
            name: one.name,
            title: said(one.title, lang),
            brief: said(one.brief, lang),
            within: fill(w.within, &[("n", &one.minutes)]),
            best: own
                .map(|row| row.score)
                .max()
                .map_or_else(String::new, |best| fill(w.best, &[("n", &best)])),
        }
    });
    Ok(shell::page(&ExercisePage {
        shell: shell::shell(&desk, &visitor, Nav::Exercise, w.title).await,
        rows: rows.collect(),
        here,
        playing: under_way,
        past,
        work: plays(&visitor),
        w,
    }))
}
