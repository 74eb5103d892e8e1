//! Roll-ups: months, quarters and years at the desk and in the API. An edition is counted and stored by the newsroom;
//! its page and files are made from what is stored, the same bytes every time.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use bulletin::render::Rendition;
use bulletin::rollup;
use ledger::{EditionKey, Issue, IssueHead, Page};
use model::bulletin::Lang;
use model::newsroom::Right;
use model::period::{PeriodKind, ReportingPeriod};
use model::time::Day;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{centre, files, newsroom, parse, person, revisions, row};
use crate::Desk;
use crate::pages::draw;
use crate::pages::form::{Input, answer, done};
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, get, post};
use crate::visitor::Visitor;
use crate::words::{fill, words};

const VIEW: Need = Need::Right(Right::View);
const EDIT: Need = Need::Right(Right::Edit);
/// Editions of a kind that are listed.
const LISTED: u64 = 24;

pub(crate) const ROUTES: &[Route] = &[
    Route::act("/console/bulletin/rollups", EDIT, || post(count)),
    Route::page("/console/bulletin/rollups/{kind}/{period}", VIEW, || {
        get(one)
    }),
    Route::page(
        "/console/bulletin/rollups/{kind}/{period}/{revision}/page/{lang}",
        VIEW,
        || get(page),
    ),
    Route::page(
        "/console/bulletin/rollups/{kind}/{period}/{revision}/files/{name}",
        VIEW,
        || get(file),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/bulletins/rollups",
        VIEW,
        says_list,
        || get(list_api),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/bulletins/rollups",
        EDIT,
        says_count,
        || post(count_api),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/bulletins/rollups/{kind}/{period}",
        VIEW,
        says_one,
        || get(one_api),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/bulletins/rollups/{kind}/{period}/{revision}/files/{name}",
        VIEW,
        says_file,
        || get(file),
    ),
];

words! {
    Words {
        month: "月报", "Month";
        quarter: "季报", "Quarter";
        year: "年报", "Year";
        title: "{kind} {period}", "{kind} {period}";
        back: "日报与汇编", "Daily sheets and roll-ups";
        frame: "网页版式，修订 {n}", "The page, revision {n}";
        alone: "单独打开", "Open alone";
        files: "文件", "Files";
        files_text: "由存下的版本生成；同一修订总是得到同样的字节。", "Made from what is stored; the same revision always gives the same bytes.";
        revisions: "修订", "Revisions";
        revision: "修订 {n}", "Revision {n}";
        by: "{who}，{at}", "{who}, {at}";
        again: "重新统计", "Count again";
        again_text: "记录没有变化时不产生新修订。", "Where the records did not change, there is no new revision.";
        counted: "已统计：修订 {n}。", "Counted: revision {n}.";
        unchanged: "记录没有变化，仍是修订 {n}。", "The records did not change: it is still revision {n}.";
    }
}

/// A kind by its word, and the period of it that an address names.
fn period_of(kind: &str, period: &str) -> Result<ReportingPeriod, Refusal> {
    let kind = kind_of(kind).ok_or(Refusal::Absent)?;
    ReportingPeriod::parse(kind, period).map_err(|_| Refusal::Absent)
}

fn kind_of(word: &str) -> Option<PeriodKind> {
    PeriodKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == word)
}

fn key_of(desk: &Desk, period: ReportingPeriod) -> EditionKey {
    let issue = period.issue();
    EditionKey {
        series: rollup::series_id(&desk.terms().house.series, period.kind()),
        year: i32::from(issue.year),
        number: i32::try_from(issue.number).unwrap_or(i32::MAX),
    }
}

/// The word for an edition of a kind.
fn kind_word(w: &Words, kind: PeriodKind) -> &'static str {
    match kind {
        PeriodKind::Month => w.month,
        PeriodKind::Quarter => w.quarter,
        PeriodKind::Year => w.year,
    }
}

/// The period of a stored edition; `None` if it was stored under a number that its kind does not have.
fn period_at(kind: PeriodKind, head: &IssueHead) -> Option<ReportingPeriod> {
    let number = u32::try_from(head.number).ok()?;
    ReportingPeriod::new(kind, i16::try_from(head.year).ok()?, number)
}

/// An edition as a list shows it.
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) href: String,
    pub(crate) days: String,
    pub(crate) revision: i32,
    pub(crate) author: String,
    pub(crate) at: String,
}

/// The newest revisions of all kinds, for a page.
pub(crate) async fn listed(desk: &Desk, lang: Lang) -> Result<Vec<Listed>, Refusal> {
    let w = Words::of(lang);
    let all = heads(desk).await?;
    let listed = all.into_iter().map(|(period, head)| Listed {
        name: fill(
            w.title,
            &[("kind", &kind_word(w, period.kind())), ("period", &period)],
        ),
        href: format!(
            "/console/bulletin/rollups/{}/{period}",
            period.kind().as_str()
        ),
        days: format!("{} – {}", period.first(), period.last()),
        revision: head.revision,
        author: head.author,
        at: draw::exact(desk, head.created_at),
    });
    Ok(listed.collect())
}

/// The newest revision of each stored edition, by kind, newest period first.
async fn heads(desk: &Desk) -> Result<Vec<(ReportingPeriod, IssueHead)>, Refusal> {
    let mut all: Vec<(ReportingPeriod, IssueHead)> = Vec::new();
    for kind in PeriodKind::ALL {
        let id = rollup::series_id(&desk.terms().house.series, kind);
        let page = Page {
            offset: 0,
            limit: LISTED,
        };
        for head in desk.ledger.issues(Some(&id), page).await? {
            let Some(period) = period_at(kind, &head) else {
                continue;
            };
            // Newest revision first: the others of the same period stand on its page.
            if all.last().is_none_or(|(known, _)| *known != period) {
                all.push((period, head));
            }
        }
    }
    Ok(all)
}

/// The stored revision that is asked for, or the newest.
async fn stored(
    desk: &Desk,
    period: ReportingPeriod,
    revision: Option<i32>,
) -> Result<(Vec<IssueHead>, Issue), Refusal> {
    let key = key_of(desk, period);
    let heads = revisions(desk, &key).await?;
    let newest = heads.first().ok_or(Refusal::Absent)?.revision;
    let row = row(desk, &key, revision.unwrap_or(newest)).await?;
    Ok((heads, row))
}

/// A file of a stored edition by its name.
async fn named(
    desk: &Desk,
    row: &Issue,
    period: ReportingPeriod,
    name: &str,
) -> Result<Rendition, Refusal> {
    let edition = parse(row)?;
    for lang in Lang::ALL {
        if rollup::pdf_name(&edition, period.kind(), lang) == name {
            return Ok(newsroom(desk)?.rollup_pdf(edition, period, lang).await?);
        }
    }
    let made = rollup::files(&edition, period.kind(), None)
        .map_err(|error| Refusal::broken("the edition", error))?;
    let found = made.into_iter().find(|one| one.name == name);
    found.ok_or(Refusal::Absent)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[derive(JsonSchema)]
struct Asked {
    /// `month`, `quarter` or `year`.
    kind: String,
    /// `2026-10`, for a quarter `2026-3`, for a year `2026`.
    period: String,
}

/// Counts a period and stores its edition.
async fn counting(
    desk: &Desk,
    visitor: &Visitor,
    asked: &Asked,
) -> Result<(ReportingPeriod, i32, bool), Refusal> {
    let by = person(desk, visitor, Right::Edit).await?;
    let kind = kind_of(&asked.kind)
        .ok_or_else(|| Refusal::invalid("kind", "is none of month, quarter, year"))?;
    let period = ReportingPeriod::parse(kind, asked.period.trim())
        .map_err(|error| Refusal::invalid("period", error))?;
    let (revision, new) = newsroom(desk)?.rollup(period, by.login()).await?;
    Ok((period, revision, new))
}

async fn count(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Input(asked): Input<Asked>,
) -> Result<Response, Refusal> {
    let (period, revision, new) = counting(&desk, &visitor, &asked).await?;
    let w = Words::of(visitor.lang);
    let said = match new {
        true => w.counted,
        false => w.unchanged,
    };
    let to = format!(
        "/console/bulletin/rollups/{}/{period}",
        period.kind().as_str()
    );
    Ok(done(&to, &fill(said, &[("n", &revision)])))
}

#[derive(Debug, Default, Deserialize)]
struct Which {
    #[serde(default)]
    revision: Option<i32>,
}

#[derive(Template)]
#[template(path = "bulletin-rollup.html")]
struct OnePage {
    shell: Shell,
    w: &'static Words,
    base: String,
    kind: &'static str,
    period: String,
    days: String,
    frame: String,
    revision: i32,
    code: &'static str,
    files: Vec<String>,
    revisions: Vec<(i32, String, String)>,
    may_edit: bool,
}

async fn one(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path((kind, period)): Path<(String, String)>,
    Query(asked): Query<Which>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let w = Words::of(visitor.lang);
    let period = period_of(&kind, &period)?;
    let (heads, row) = stored(&desk, period, asked.revision).await?;
    let word = kind_word(w, period.kind());
    let title = fill(w.title, &[("kind", &word), ("period", &period)]);
    Ok(shell::page(&OnePage {
        shell: shell::shell(&desk, &visitor, Nav::Bulletin, &title).await,
        w,
        base: format!(
            "/console/bulletin/rollups/{}/{period}",
            period.kind().as_str()
        ),
        kind: period.kind().as_str(),
        period: period.to_string(),
        days: format!("{} – {}", Day(row.week_start), Day(row.week_end)),
        frame: fill(w.frame, &[("n", &row.revision)]),
        revision: row.revision,
        code: visitor.lang.code(),
        files: rollup::names(&parse(&row)?, period.kind()),
        revisions: heads
            .into_iter()
            .map(|head| {
                let at = draw::exact(&desk, head.created_at);
                (
                    head.revision,
                    fill(w.revision, &[("n", &head.revision)]),
                    fill(w.by, &[("who", &head.author), ("at", &at)]),
                )
            })
            .collect(),
        may_edit: visitor.may(Right::Edit),
    }))
}

async fn page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path((kind, period, revision, lang)): Path<(String, String, String, String)>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let period = period_of(&kind, &period)?;
    let revision: i32 = revision.parse().map_err(|_| Refusal::Absent)?;
    let (_, row) = stored(&desk, period, Some(revision)).await?;
    // By its language, or by the name that the page itself leads to.
    let end = format!(".{lang}.html");
    let page = rollup::names(&parse(&row)?, period.kind())
        .into_iter()
        .find(|name| name.ends_with(&end));
    let found = named(&desk, &row, period, &page.unwrap_or(lang)).await?;
    match found.name.ends_with(".html") {
        true => Ok(files::framed(
            String::from_utf8_lossy(&found.bytes).into_owned(),
        )),
        false => Ok(files::download(&found.name, found.bytes)),
    }
}

fn says_file() -> Described {
    Described {
        summary: "A file of a roll-up's edition.",
        kind: Some("application/octet-stream"),
        ..Described::default()
    }
}

async fn file(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path((kind, period, revision, name)): Path<(String, String, String, String)>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let period = period_of(&kind, &period)?;
    let revision: i32 = revision.parse().map_err(|_| Refusal::Absent)?;
    let (_, row) = stored(&desk, period, Some(revision)).await?;
    let found = named(&desk, &row, period, &name).await?;
    Ok(files::download(&found.name, found.bytes))
}

/// An edition of a longer period.
#[derive(Debug, Serialize, JsonSchema)]
struct RollupView {
    /// `month`, `quarter` or `year`.
    kind: String,
    /// The period: `2026-10`.
    period: String,
    /// Its first day.
    first_day: String,
    /// Its last day.
    last_day: String,
    /// The revision.
    revision: i32,
    /// Who had it counted.
    author: String,
    /// When it was stored.
    created_at: String,
    /// Hash of what is stored.
    hash: String,
}

impl RollupView {
    fn of(period: ReportingPeriod, head: &IssueHead) -> Self {
        RollupView {
            kind: period.kind().as_str().to_owned(),
            period: period.to_string(),
            first_day: period.first().to_string(),
            last_day: period.last().to_string(),
            revision: head.revision,
            author: head.author.clone(),
            created_at: draw::stamp(head.created_at),
            hash: head.hash.to_string(),
        }
    }
}

/// An edition with its figures and files.
#[derive(Debug, Serialize, JsonSchema)]
struct RollupOne {
    #[serde(flatten)]
    edition: RollupView,
    /// Names of its files, to be had below `files/` of its revision.
    files: Vec<String>,
    /// The bulletin's own JSON.
    bulletin: serde_json::Value,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Rollups {
    items: Vec<RollupView>,
    /// Always null: the newest 24 of a kind are listed.
    next: Option<String>,
}

fn says_list() -> Described {
    Described {
        summary: "Lists the newest months, quarters and years that were counted.",
        answer: Some(schemars::schema_for!(Rollups).to_value()),
        ..Described::default()
    }
}

async fn list_api(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let all = heads(&desk).await?;
    let items = all
        .iter()
        .map(|(period, head)| RollupView::of(*period, head))
        .collect();
    answer(&headers, &Rollups { items, next: None })
}

fn says_one() -> Described {
    Described {
        summary: "The newest edition of a month, quarter or year.",
        answer: Some(schemars::schema_for!(RollupOne).to_value()),
        ..Described::default()
    }
}

async fn one_api(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path((kind, period)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let period = period_of(&kind, &period)?;
    answer(&headers, &shown(&desk, period, None).await?)
}

async fn shown(
    desk: &Desk,
    period: ReportingPeriod,
    revision: Option<i32>,
) -> Result<RollupOne, Refusal> {
    let (heads, row) = stored(desk, period, revision).await?;
    let head = heads.iter().find(|head| head.revision == row.revision);
    let head = head.ok_or(Refusal::Absent)?;
    let edition = parse(&row)?;
    let files = rollup::names(&edition, period.kind());
    let bulletin = serde_json::to_value(edition)
        .map_err(|error| Refusal::broken("a stored bulletin", error))?;
    Ok(RollupOne {
        edition: RollupView::of(period, head),
        files,
        bulletin,
    })
}

fn says_count() -> Described {
    Described {
        summary: "Counts a month, quarter or year over its own days; the same records give the same revision.",
        body: Some(schemars::schema_for!(Asked).to_value()),
        answer: Some(schemars::schema_for!(RollupOne).to_value()),
        status: 201,
        ..Described::default()
    }
}

async fn count_api(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Input(asked): Input<Asked>,
) -> Result<Response, Refusal> {
    let (period, revision, _) = counting(&desk, &visitor, &asked).await?;
    let mut response = answer(&headers, &shown(&desk, period, Some(revision)).await?)?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}
