//! What is done about a feed: one function an act, for the page's form and for programs.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use intake::Source;
use intake::drift;
use intake::replay::Replayed;
use ledger::{Decision, NewAudit, Reject, RejectState};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::one::Words;
use super::{DRIFT_WEEKS, changes};
use crate::Desk;
use crate::pages::form::{Input, done};
use crate::pages::paging;
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::fill;

/// What is decided about a feed's changes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decide {
    /// `accepted`: it is so from now on; `dismissed`: the deliveries were wrong.
    pub(crate) decision: String,
    /// The reason, kept in the audit trail.
    #[serde(default)]
    pub(crate) reason: String,
}

/// A row as a person corrects it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Correct {
    /// The row; empty: the correction is taken back.
    pub(crate) text: String,
    /// `true`: it is read again at once.
    #[serde(default)]
    pub(crate) replay: String,
}

/// Nothing is said.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// The feed of a name.
pub(super) fn load(desk: &Desk, visitor: &Visitor, feed: &str) -> Result<Arc<Source>, Refusal> {
    visitor.of_the_house()?;
    let terms = desk.terms();
    let found = terms.catalogue.get(feed).map_err(|_| Refusal::Absent)?;
    Ok(Arc::clone(found))
}

/// An open reject of a feed.
async fn open_reject(
    desk: &Desk,
    visitor: &Visitor,
    feed: &str,
    id: &str,
) -> Result<Reject, Refusal> {
    load(desk, visitor, feed)?;
    let found = desk.ledger.reject(paging::number(id)?).await?;
    let found = found.filter(|one| one.feed == feed);
    let found = found.ok_or(Refusal::Absent)?;
    match found.state {
        RejectState::Open => Ok(found),
        other => {
            let what = format!("row {id}");
            Err(Refusal::conflict(
                what,
                format!("is {} already", other.as_str()),
            ))
        }
    }
}

async fn audited(
    desk: &Desk,
    visitor: &Visitor,
    action: &str,
    reject: &Reject,
    detail: serde_json::Value,
) -> Result<(), Refusal> {
    let record = NewAudit {
        actor: visitor.login().to_owned(),
        action: action.to_owned(),
        object: format!("reject {}", reject.id),
        detail,
    };
    Ok(desk.ledger.append_audit(record, desk.now().0).await?)
}

pub(super) async fn correct(
    desk: &Desk,
    visitor: &Visitor,
    (feed, id): (&str, &str),
    asked: &Correct,
) -> Result<Option<Replayed>, Refusal> {
    let reject = open_reject(desk, visitor, feed, id).await?;
    // What a browser's text field holds ends its lines as HTTP does.
    let text = asked.text.replace("\r\n", "\n");
    let text = text.trim_end_matches('\n');
    let edited = match text.trim().is_empty() {
        true => None,
        false => Some(text.as_bytes().to_vec()),
    };
    let as_it_was = edited.as_deref() == Some(reject.raw.as_slice());
    if !as_it_was {
        let hash = edited
            .as_deref()
            .map(|text| ledger::Hash::of(text).to_string());
        desk.ledger
            .edit_reject(reject.id, edited, desk.now().0)
            .await?;
        let detail = json!({ "feed": feed, "corrected": hash });
        audited(desk, visitor, "reject.edit", &reject, detail).await?;
    }
    match matches!(asked.replay.as_str(), "true" | "1" | "on") {
        true => Ok(Some(replay(desk, visitor, feed, vec![reject.id]).await?)),
        false => Ok(None),
    }
}

pub(super) async fn give_up(
    desk: &Desk,
    visitor: &Visitor,
    (feed, id): (&str, &str),
) -> Result<(), Refusal> {
    let reject = open_reject(desk, visitor, feed, id).await?;
    let now = desk.now().0;
    desk.ledger
        .mark_rejects(&[reject.id], RejectState::Dropped, now)
        .await?;
    let detail = json!({ "feed": feed });
    audited(desk, visitor, "reject.drop", &reject, detail).await
}

/// Reads rejects of a feed again: these, or all open ones where there are none.
pub(super) async fn replay(
    desk: &Desk,
    visitor: &Visitor,
    feed: &str,
    ids: Vec<i64>,
) -> Result<Replayed, Refusal> {
    load(desk, visitor, feed)?;
    let who = visitor.login().to_owned();
    Ok(desk.sources()?.replay(feed.to_owned(), ids, who).await?)
}

/// Asks a feed now; whether it waited to be asked.
pub(super) async fn fetch(desk: &Desk, visitor: &Visitor, feed: &str) -> Result<bool, Refusal> {
    load(desk, visitor, feed)?;
    let hurried = desk.sources()?.fetch(feed.to_owned()).await?;
    let record = NewAudit {
        actor: visitor.login().to_owned(),
        action: "feed.fetch".to_owned(),
        object: format!("feed {feed}"),
        detail: json!({ "hurried": hurried }),
    };
    desk.ledger.append_audit(record, desk.now().0).await?;
    Ok(hurried)
}

/// Decides about a feed's open changes; how many.
pub(super) async fn decide(
    desk: &Desk,
    visitor: &Visitor,
    feed: &str,
    asked: &Decide,
) -> Result<usize, Refusal> {
    let source = load(desk, visitor, feed)?;
    let reason = paging::reason(&asked.reason)?;
    let decision = match asked.decision.as_str() {
        "accepted" => Decision::Accepted,
        "dismissed" => Decision::Dismissed,
        _ => return Err(Refusal::invalid("decision", "is accepted or dismissed")),
    };
    let broken = |error| Refusal::broken("changes of a feed", error);
    let mut open = drift::recent(&desk.ledger, &source, DRIFT_WEEKS)
        .await
        .map_err(broken)?;
    open.retain(|one| one.decision.is_none());
    if open.is_empty() {
        return Err(Refusal::conflict(feed, "has no open change to be decided"));
    }
    let who = (reason.as_str(), visitor.login());
    let decided = drift::decide(&desk.ledger, feed, &open, decision, who, desk.now());
    let decided = decided
        .await
        .map_err(|error| Refusal::broken("changes of a feed", error))?;
    // What was found before is not true any more.
    *desk.drift.lock().await = None;
    let _ = changes(desk).await?;
    Ok(decided)
}

fn back(feed: &str, place: &str, said: &str) -> Response {
    done(&format!("/console/feeds/{feed}{place}"), said)
}

/// What a replay did, in a line.
fn told(done: &Replayed, w: &'static Words) -> String {
    let mut said = fill(
        w.done_replay,
        &[
            ("n", &done.read),
            ("e", &done.events),
            ("d", &done.duplicates),
        ],
    );
    if let Some((_, why)) = done.left.first() {
        said.push(' ');
        said.push_str(&fill(w.done_left, &[("n", &done.left.len())]));
        said.push_str(why);
    }
    said
}

pub(super) async fn fetch_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(feed): Path<String>,
    Input(Nothing {}): Input<Nothing>,
) -> Result<Response, Refusal> {
    let w = Words::of(visitor.lang);
    let hurried = fetch(&desk, &visitor, &feed).await?;
    let said = match hurried {
        true => w.done_fetch,
        false => w.done_running,
    };
    Ok(back(&feed, "", said))
}

pub(super) async fn drift_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(feed): Path<String>,
    Input(asked): Input<Decide>,
) -> Result<Response, Refusal> {
    let n = decide(&desk, &visitor, &feed, &asked).await?;
    let said = fill(Words::of(visitor.lang).done_drift, &[("n", &n)]);
    Ok(back(&feed, "", &said))
}

pub(super) async fn replay_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(feed): Path<String>,
    Input(Nothing {}): Input<Nothing>,
) -> Result<Response, Refusal> {
    let done = replay(&desk, &visitor, &feed, Vec::new()).await?;
    Ok(back(
        &feed,
        "#rejects",
        &told(&done, Words::of(visitor.lang)),
    ))
}

pub(super) async fn edit_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path((feed, id)): Path<(String, String)>,
    Input(asked): Input<Correct>,
) -> Result<Response, Refusal> {
    let w = Words::of(visitor.lang);
    let done = correct(&desk, &visitor, (&feed, &id), &asked).await?;
    let said = match &done {
        Some(done) => told(done, w),
        None => w.done_edit.to_owned(),
    };
    Ok(back(&feed, "#rejects", &said))
}

pub(super) async fn drop_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path((feed, id)): Path<(String, String)>,
    Input(Nothing {}): Input<Nothing>,
) -> Result<Response, Refusal> {
    give_up(&desk, &visitor, (&feed, &id)).await?;
    Ok(back(&feed, "#rejects", Words::of(visitor.lang).done_drop))
}
