//! Feeds for programs.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use ledger::{Reject, RejectFilter, RejectState, Report};
use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};

use super::acts::{self, Correct, Decide, Nothing};
use super::{Volume, changes, open_rejects, volumes};
use crate::Desk;
use crate::correspondence::{FeedHealth, FeedState};
use crate::pages::draw::stamp;
use crate::pages::form::{Input, answer};
use crate::pages::paging::{self, Asked, PageOf};
use crate::refusal::Refusal;
use crate::routes::Described;
use crate::visitor::Visitor;

/// A feed, as programs see it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct FeedOut {
    name: String,
    state: FeedState,
    /// When it last gave what was asked of it.
    last_success: Option<String>,
    lag_secs: Option<u64>,
    interval_secs: u64,
    last_failure: Option<String>,
    error: Option<String>,
    /// Failed runs since the last good one.
    failures: u32,
    resting_until: Option<String>,
    /// Whether it is asked by us.
    asked: bool,
    /// Line of its entry in watchfire.toml.
    line: Option<usize>,
    /// Rows on the newest day.
    rows: Option<i64>,
    /// The 5th and 95th percentile of such days.
    usual: Option<(i64, i64)>,
    /// Open rejects.
    rejects: i64,
}

fn out(one: FeedHealth, volume: Option<&Volume>, rejects: i64) -> FeedOut {
    FeedOut {
        name: one.feed,
        state: one.state,
        last_success: one.last_success.map(|at| stamp(at.0)),
        lag_secs: one.lag_secs,
        interval_secs: one.interval_secs,
        last_failure: one.last_failure.map(|at| stamp(at.0)),
        error: one.error,
        failures: one.failures,
        resting_until: one.resting_until.map(|at| stamp(at.0)),
        asked: one.asked,
        line: one.line,
        rows: volume.map(|volume| volume.now),
        usual: volume.and_then(|volume| volume.usual),
        rejects,
    }
}

/// A change in a feed's reports that nobody decided about.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ChangeOut {
    /// The report.
    report: String,
    /// The instant it stands for.
    at: String,
    /// Which of the feed's reports.
    kind: String,
    /// What changed.
    change: String,
}

/// A feed with what changed in its reports.
#[derive(Serialize, JsonSchema)]
pub(crate) struct FeedDetail {
    #[serde(flatten)]
    feed: FeedOut,
    provider: String,
    format: String,
    zone: String,
    licence: String,
    changes: Vec<ChangeOut>,
}

/// A report that came.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DeliveryOut {
    /// `REP-...`.
    id: String,
    origin: String,
    bytes: i64,
    received_at: String,
    /// `archived`, `ingested`, `unreadable`.
    state: &'static str,
    reason: Option<String>,
    rows: i64,
    events: i64,
    duplicates: i64,
    rejects: i64,
}

impl From<Report> for DeliveryOut {
    fn from(one: Report) -> Self {
        DeliveryOut {
            id: one.id,
            origin: one.origin,
            bytes: one.bytes,
            received_at: stamp(one.received_at),
            state: one.state.as_str(),
            reason: one.reason,
            rows: one.rows,
            events: one.events,
            duplicates: one.duplicates,
            rejects: one.rejects,
        }
    }
}

/// A row that became no event.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RejectOut {
    id: i64,
    report: String,
    line: i64,
    reason: String,
    message: String,
    /// `open`, `replayed`, `dropped`, `superseded`.
    state: &'static str,
    /// The row, its beginning where it is long.
    raw: String,
    /// Length of the whole row in bytes.
    raw_length: i64,
    /// The row as someone corrected it.
    edited: Option<String>,
}

impl From<Reject> for RejectOut {
    fn from(one: Reject) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        RejectOut {
            id: one.id,
            raw: text(&one.raw),
            edited: one.edited.as_deref().map(text),
            report: one.report_id,
            line: one.line,
            reason: one.reason,
            message: one.message,
            state: one.state.as_str(),
            raw_length: one.raw_len,
        }
    }
}

/// Where a list goes on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PageAsked {
    /// Rows at most.
    limit: Option<u64>,
    /// `next` of the page before.
    #[serde(default)]
    after: String,
}

/// Which rejects are read again.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayIn {
    /// Their numbers; none: all open ones of the feed.
    #[serde(default)]
    rejects: Vec<i64>,
}

/// What a replay did.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ReplayedOut {
    /// Rejects that became rows.
    read: u64,
    /// Of these, new events.
    events: u64,
    /// Of these, events that were known.
    duplicates: u64,
    /// Those that are rejects still, with the reason.
    left: Vec<LeftOut>,
}

/// A reject that is one still.
#[derive(Serialize, JsonSchema)]
pub(crate) struct LeftOut {
    id: i64,
    reason: String,
}

impl From<intake::replay::Replayed> for ReplayedOut {
    fn from(done: intake::replay::Replayed) -> Self {
        let left = done.left.into_iter();
        ReplayedOut {
            read: done.read,
            events: done.events,
            duplicates: done.duplicates,
            left: left.map(|(id, reason)| LeftOut { id, reason }).collect(),
        }
    }
}

/// How many.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DecidedOut {
    decided: usize,
}

/// Whether it is asked at once.
#[derive(Serialize, JsonSchema)]
pub(crate) struct FetchOut {
    /// `false`: it is being asked already, or nothing waits.
    hurried: bool,
}

pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Asked(asked): Asked<PageAsked>,
) -> Result<Response, Refusal> {
    visitor.of_the_house()?;
    let volumes = volumes(&desk).await?;
    let rejects = open_rejects(&desk).await?;
    let health = desk.sources()?.health().await?;
    let limit = paging::limit(asked.limit);
    let rest = health
        .into_iter()
        .filter(|one| one.feed.as_str() > asked.after.as_str());
    let most = usize::try_from(limit)
        .unwrap_or(usize::MAX)
        .saturating_add(1);
    let rest = rest.take(most).map(|one| {
        let (volume, count) = (volumes.get(&one.feed), rejects.get(&one.feed).copied());
        out(one, volume, count.unwrap_or(0))
    });
    let mut items: Vec<FeedOut> = rest.collect();
    let next = paging::cut(&mut items, limit, |one| one.name.clone());
    answer(&headers, &PageOf { items, next })
}

pub(super) async fn one(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(feed): Path<String>,
) -> Result<Response, Refusal> {
    let source = acts::load(&desk, &visitor, &feed)?;
    let health = desk.sources()?.health().await?;
    let health = health.into_iter().find(|one| one.feed == feed);
    let health = health.ok_or(Refusal::Absent)?;
    let volumes = volumes(&desk).await?;
    let rejects = open_rejects(&desk).await?;
    let found = changes(&desk).await?;
    let changes = found.iter().filter(|one| one.feed == feed);
    let detail = FeedDetail {
        feed: out(
            health,
            volumes.get(&feed),
            rejects.get(&feed).copied().unwrap_or(0),
        ),
        provider: source.feed.provider.clone(),
        format: source.feed.format.clone(),
        zone: source.feed.zone.clone(),
        licence: source.feed.licence.clone(),
        changes: changes
            .map(|one| ChangeOut {
                report: one.report.clone(),
                at: stamp(one.at.0),
                kind: one.kind.clone(),
                change: one.change.to_string(),
            })
            .collect(),
    };
    answer(&headers, &detail)
}

pub(super) async fn deliveries(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(feed): Path<String>,
    Asked(asked): Asked<PageAsked>,
) -> Result<Response, Refusal> {
    acts::load(&desk, &visitor, &feed)?;
    let before = asked.after.split_once('-');
    let before = before.and_then(|(at, id)| Some((at.parse().ok()?, id)));
    if before.is_none() && !asked.after.is_empty() {
        return Err(Refusal::invalid("after", "is no cursor"));
    }
    let limit = paging::limit(asked.limit);
    let mut found = desk.ledger.newest_reports(&feed, before, limit + 1).await?;
    let next = paging::cut(&mut found, limit, |one| {
        format!("{}-{}", one.received_at, one.id)
    });
    let items = found.into_iter().map(DeliveryOut::from).collect();
    answer(&headers, &PageOf { items, next })
}

pub(super) async fn rejects(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(feed): Path<String>,
    Asked(asked): Asked<PageAsked>,
) -> Result<Response, Refusal> {
    acts::load(&desk, &visitor, &feed)?;
    let filter = RejectFilter {
        feed: Some(feed),
        state: Some(RejectState::Open),
        after: match asked.after.as_str() {
            "" => None,
            after => Some(paging::number(after)?),
        },
        ..RejectFilter::default()
    };
    let limit = paging::limit(asked.limit);
    let mut found = desk.ledger.rejects(&filter, limit + 1).await?;
    let next = paging::cut(&mut found, limit, |one| one.id.to_string());
    let items = found.into_iter().map(RejectOut::from).collect();
    answer(&headers, &PageOf { items, next })
}

async fn reject(desk: &Desk, headers: &HeaderMap, id: &str) -> Result<Response, Refusal> {
    let found = desk.ledger.reject(paging::number(id)?).await?;
    answer(headers, &RejectOut::from(found.ok_or(Refusal::Absent)?))
}

pub(super) async fn edit(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path((feed, id)): Path<(String, String)>,
    Input(asked): Input<Correct>,
) -> Result<Response, Refusal> {
    acts::correct(&desk, &visitor, (&feed, &id), &asked).await?;
    reject(&desk, &headers, &id).await
}

pub(super) async fn drop_it(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path((feed, id)): Path<(String, String)>,
    Input(Nothing {}): Input<Nothing>,
) -> Result<Response, Refusal> {
    acts::give_up(&desk, &visitor, (&feed, &id)).await?;
    reject(&desk, &headers, &id).await
}

pub(super) async fn replay(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(feed): Path<String>,
    Input(asked): Input<ReplayIn>,
) -> Result<Response, Refusal> {
    let done = acts::replay(&desk, &visitor, &feed, asked.rejects).await?;
    answer(&headers, &ReplayedOut::from(done))
}

pub(super) async fn fetch(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(feed): Path<String>,
    Input(Nothing {}): Input<Nothing>,
) -> Result<Response, Refusal> {
    let hurried = acts::fetch(&desk, &visitor, &feed).await?;
    answer(&headers, &FetchOut { hurried })
}

pub(super) async fn drift(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(feed): Path<String>,
    Input(asked): Input<Decide>,
) -> Result<Response, Refusal> {
    let decided = acts::decide(&desk, &visitor, &feed, &asked).await?;
    answer(&headers, &DecidedOut { decided })
}

fn described<A: JsonSchema>(summary: &'static str) -> Described {
    Described {
        summary,
        answer: Some(schema_for!(A).to_value()),
        ..Described::default()
    }
}

fn paged<A: JsonSchema>(summary: &'static str) -> Described {
    Described {
        query: Some(schema_for!(PageAsked).to_value()),
        ..described::<PageOf<A>>(summary)
    }
}

fn taking<B: JsonSchema, A: JsonSchema>(summary: &'static str) -> Described {
    Described {
        body: Some(schema_for!(B).to_value()),
        ..described::<A>(summary)
    }
}

pub(super) fn list_described() -> Described {
    paged::<FeedOut>("Feeds of the configuration and how each is, by name")
}

pub(super) fn one_described() -> Described {
    described::<FeedDetail>("A feed, and what changed in its reports")
}

pub(super) fn deliveries_described() -> Described {
    paged::<DeliveryOut>("Reports of a feed, the newest first")
}

pub(super) fn rejects_described() -> Described {
    paged::<RejectOut>("Open rejects of a feed")
}

pub(super) fn edit_described() -> Described {
    taking::<Correct, RejectOut>(
        "Stores a corrected row for a reject, and reads it again if asked to",
    )
}

pub(super) fn drop_described() -> Described {
    taking::<Nothing, RejectOut>("A reject is worth nothing")
}

pub(super) fn replay_described() -> Described {
    taking::<ReplayIn, ReplayedOut>("Reads rejects of a feed again")
}

pub(super) fn fetch_described() -> Described {
    taking::<Nothing, FetchOut>("Asks a feed now")
}

pub(super) fn drift_described() -> Described {
    taking::<Decide, DecidedOut>("Decides about the open changes of a feed")
}
