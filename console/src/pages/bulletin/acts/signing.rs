//! Between a draft and its publication: check, answers, comments, review, approval, and what is decided about late
//! data.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ledger::{Hindrance, Review};
use model::issue::IssueNumber;
use model::newsroom::Right;

use super::super::stand::{self, Stand};
use super::super::{api, centre, issue_of, key_of, newsroom, person, rail, revisions};
use super::{
    Acknowledge, Approve, At, Comment, Decide, Empty, ReviewBody, Which, Word, Words, back, reason,
};
use crate::Desk;
use crate::pages::form::{Input, done};
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::fill;

/// Whoever writes or reviews may have it checked.
async fn check(
    desk: &Desk,
    visitor: &Visitor,
    issue: &str,
) -> Result<(IssueNumber, crate::newsroom::Checked), Refusal> {
    centre(visitor)?;
    let may = visitor.may(Right::Edit) || visitor.may(Right::Review);
    if !may && !stand::may(desk, visitor, Right::Approve).await {
        return Err(Refusal::Absent);
    }
    let issue = issue_of(issue)?;
    let checked = newsroom(desk)?.check(issue, visitor.login()).await?;
    Ok((issue, checked))
}

pub(super) async fn check_page(
    State(desk): At,
    visitor: Visitor,
    Path(issue): Which,
    Input(_): Input<Empty>,
) -> Result<Response, Refusal> {
    let (issue, checked) = check(&desk, &visitor, &issue).await?;
    let blocks = checked
        .findings
        .iter()
        .filter(|one| one.severity == bulletin::lint::Severity::Blocks)
        .count();
    let said = fill(
        Words::of(visitor.lang).checked,
        &[("x", &blocks), ("w", &(checked.findings.len() - blocks))],
    );
    Ok(done(&back(issue, "#check"), &said))
}

pub(super) async fn check_api(
    State(desk): At,
    visitor: Visitor,
    Path(issue): Which,
    Input(_): Input<Empty>,
) -> Result<Response, Refusal> {
    let (issue, checked) = check(&desk, &visitor, &issue).await?;
    let stand = Stand::of(&desk, issue).await?;
    Ok(axum::Json(api::findings_of(&checked, &stand)).into_response())
}

async fn acknowledge(
    desk: &Desk,
    visitor: &Visitor,
    issue: &str,
    body: &Acknowledge,
) -> Result<IssueNumber, Refusal> {
    let by = person(desk, visitor, Right::Review).await?;
    reason("reason", &body.reason)?;
    let issue = issue_of(issue)?;
    // The ledger takes answers for what the last stored check asks.
    let checked = newsroom(desk)?.check(issue, by.login()).await?;
    let stand = Stand::of(desk, issue).await?;
    let asked = checked.findings.iter().filter(|one| {
        one.severity == bulletin::lint::Severity::Asks
            && rail::answer_of(&stand.steps, &one.fingerprint()).is_none()
    });
    let findings: Vec<String> = match body.finding.as_str() {
        "all" => asked.map(bulletin::lint::Finding::fingerprint).collect(),
        one => vec![one.to_owned()],
    };
    if findings.is_empty() {
        return Err(Refusal::conflict(
            stand.key.object(),
            "nothing asks for an answer",
        ));
    }
    let target = (&stand.key, checked.revision);
    let now = desk.now().0;
    desk.ledger
        .acknowledge_findings(target, &findings, &by, body.reason.trim(), now)
        .await?;
    Ok(issue)
}

pub(super) async fn acknowledge_page(
    State(desk): At,
    visitor: Visitor,
    Path(issue): Which,
    Input(body): Input<Acknowledge>,
) -> Result<Response, Refusal> {
    let issue = acknowledge(&desk, &visitor, &issue, &body).await?;
    Ok(done(
        &back(issue, "#check"),
        Words::of(visitor.lang).answered,
    ))
}

pub(super) async fn acknowledge_api(
    State(desk): At,
    visitor: Visitor,
    Path(issue): Which,
    Input(body): Input<Acknowledge>,
) -> Result<Response, Refusal> {
    let issue = acknowledge(&desk, &visitor, &issue, &body).await?;
    api::stands(&desk, issue).await
}

async fn comment(
    desk: &Desk,
    visitor: &Visitor,
    issue: &str,
    body: &Comment,
) -> Result<(IssueNumber, i64), Refusal> {
    let by = person(desk, visitor, Right::Review).await?;
    let issue = issue_of(issue)?;
    let text = body.text.trim();
    if text.is_empty() || text.chars().count() > 4_000 || body.place.chars().count() > 100 {
        return Err(Refusal::invalid(
            "text",
            "between 1 and 4,000 characters are needed",
        ));
    }
    let key = key_of(desk, issue);
    let newest = revisions(desk, &key).await?;
    let revision = newest.first().ok_or(Refusal::Absent)?.revision;
    let said = (body.place.trim(), text);
    let now = desk.now().0;
    let id = desk
        .ledger
        .comment_issue((&key, revision), said, &by, now)
        .await?;
    Ok((issue, id))
}

pub(super) async fn comment_page(
    State(desk): At,
    visitor: Visitor,
    Path(issue): Which,
    Input(body): Input<Comment>,
) -> Result<Response, Refusal> {
    let (issue, _) = comment(&desk, &visitor, &issue, &body).await?;
    Ok(done(
        &back(issue, "#comments"),
        Words::of(visitor.lang).commented,
    ))
}

pub(super) async fn comment_api(
    State(desk): At,
    visitor: Visitor,
    Path(issue): Which,
    Input(body): Input<Comment>,
) -> Result<Response, Refusal> {
    let (issue, id) = comment(&desk, &visitor, &issue, &body).await?;
    let all = desk.ledger.comments(&key_of(&desk, issue)).await?;
    let new = all.iter().find(|one| one.id == id).ok_or(Refusal::Absent)?;
    Ok((StatusCode::CREATED, axum::Json(api::CommentView::of(new))).into_response())
}

async fn settle(
    desk: &Desk,
    visitor: &Visitor,
    issue: &str,
    id: &str,
) -> Result<IssueNumber, Refusal> {
    let by = person(desk, visitor, Right::Review).await?;
    let issue = issue_of(issue)?;
    let id: i64 = id.parse().map_err(|_| Refusal::Absent)?;
    // A comment is found by its number and its issue together.
    let all = desk.ledger.comments(&key_of(desk, issue)).await?;
    if !all.iter().any(|one| one.id == id) {
        return Err(Refusal::Absent);
    }
    desk.ledger.settle_comment(id, &by, desk.now().0).await?;
    Ok(issue)
}

pub(super) async fn settle_page(
    State(desk): At,
    visitor: Visitor,
    Path((issue, id)): Path<(String, String)>,
    Input(_): Input<Empty>,
) -> Result<Response, Refusal> {
    let issue = settle(&desk, &visitor, &issue, &id).await?;
    Ok(done(
        &back(issue, "#comments"),
        Words::of(visitor.lang).settled,
    ))
}

pub(super) async fn settle_api(
    State(desk): At,
    visitor: Visitor,
    Path((issue, id)): Path<(String, String)>,
    Input(_): Input<Empty>,
) -> Result<Response, Refusal> {
    let issue = settle(&desk, &visitor, &issue, &id).await?;
    api::stands(&desk, issue).await
}

async fn review(
    desk: &Desk,
    visitor: &Visitor,
    issue: &str,
    body: &ReviewBody,
) -> Result<IssueNumber, Refusal> {
    let by = person(desk, visitor, Right::Review).await?;
    let issue = issue_of(issue)?;
    let word = match body.word {
        Word::Passes => Review::Passes,
        Word::Returned => {
            reason("note", &body.note)?;
            Review::Returned
        }
    };
    let key = key_of(desk, issue);
    let now = desk.now().0;
    desk.ledger
        .review_issue((&key, body.revision), word, &by, body.note.trim(), now)
        .await?;
    Ok(issue)
}

pub(super) async fn review_page(
    State(desk): At,
    visitor: Visitor,
    Path(issue): Which,
    Input(body): Input<ReviewBody>,
) -> Result<Response, Refusal> {
    let issue = review(&desk, &visitor, &issue, &body).await?;
    let w = Words::of(visitor.lang);
    let said = match body.word {
        Word::Passes => w.reviewed,
        Word::Returned => w.returned,
    };
    Ok(done(&back(issue, "#sign"), said))
}

pub(super) async fn review_api(
    State(desk): At,
    visitor: Visitor,
    Path(issue): Which,
    Input(body): Input<ReviewBody>,
) -> Result<Response, Refusal> {
    let issue = review(&desk, &visitor, &issue, &body).await?;
    api::stands(&desk, issue).await
}

async fn approve(
    desk: &Desk,
    visitor: &Visitor,
    issue: &str,
    body: &Approve,
) -> Result<IssueNumber, Refusal> {
    let by = person(desk, visitor, Right::Approve).await?;
    let issue = issue_of(issue)?;
    let key = key_of(desk, issue);
    let names: Vec<&str> = std::iter::once(by.login()).chain(by.acting_for()).collect();
    // Said in the visitor's language here; the ledger decides again when it signs.
    let met = desk.ledger.hindrances(&key, &names).await?;
    let met: Vec<String> = met
        .iter()
        .filter(|one| **one != Hindrance::Unchecked)
        .map(|one| stand::say(one, visitor.lang))
        .collect();
    if !met.is_empty() {
        let between = match visitor.lang {
            model::bulletin::Lang::Zh => "；",
            model::bulletin::Lang::En => "; ",
        };
        return Err(Refusal::conflict(issue.to_string(), met.join(between)));
    }
    newsroom(desk)?
        .approve(issue, body.revision, by.login())
        .await?;
    Ok(issue)
}

pub(super) async fn approve_page(
    State(desk): At,
    visitor: Visitor,
    Path(issue): Which,
    Input(body): Input<Approve>,
) -> Result<Response, Refusal> {
    let issue = approve(&desk, &visitor, &issue, &body).await?;
    Ok(done(
        &back(issue, "#sign"),
        Words::of(visitor.lang).approved,
    ))
}

pub(super) async fn approve_api(
    State(desk): At,
    visitor: Visitor,
    Path(issue): Which,
    Input(body): Input<Approve>,
) -> Result<Response, Refusal> {
    let issue = approve(&desk, &visitor, &issue, &body).await?;
    api::stands(&desk, issue).await
}

async fn decide(
    desk: &Desk,
    visitor: &Visitor,
    issue: &str,
    body: &Decide,
) -> Result<(IssueNumber, Vec<ledger::Correction>), Refusal> {
    let by = person(desk, visitor, Right::Edit).await?;
    reason("reason", &body.reason)?;
    let issue = issue_of(issue)?;
    let key = key_of(desk, issue);
    let now = desk.now().0;
    let rows = desk
        .ledger
        .decide_corrections(&key, body.accept, &by, body.reason.trim(), now)
        .await?;
    Ok((issue, rows))
}

pub(super) async fn decide_page(
    State(desk): At,
    visitor: Visitor,
    Path(issue): Which,
    Input(body): Input<Decide>,
) -> Result<Response, Refusal> {
    let (issue, _) = decide(&desk, &visitor, &issue, &body).await?;
    Ok(done(
        &back(issue, "#corrections"),
        Words::of(visitor.lang).decided,
    ))
}

pub(super) async fn decide_api(
    State(desk): At,
    visitor: Visitor,
    Path(issue): Which,
    Input(body): Input<Decide>,
) -> Result<Response, Refusal> {
    let (_, rows) = decide(&desk, &visitor, &issue, &body).await?;
    let rows: Vec<api::CorrectionView> = rows.iter().map(api::CorrectionView::of).collect();
    Ok(axum::Json(rows).into_response())
}

async fn archive(desk: &Desk, visitor: &Visitor, issue: &str) -> Result<IssueNumber, Refusal> {
    let by = person(desk, visitor, Right::Publish).await?;
    let issue = issue_of(issue)?;
    let key = key_of(desk, issue);
    desk.ledger.archive_issue(&key, &by, desk.now().0).await?;
    Ok(issue)
}

pub(super) async fn archive_page(
    State(desk): At,
    visitor: Visitor,
    Path(issue): Which,
    Input(_): Input<Empty>,
) -> Result<Response, Refusal> {
    let issue = archive(&desk, &visitor, &issue).await?;
    Ok(done(&back(issue, ""), Words::of(visitor.lang).archived))
}

pub(super) async fn archive_api(
    State(desk): At,
    visitor: Visitor,
    Path(issue): Which,
    Input(_): Input<Empty>,
) -> Result<Response, Refusal> {
    let issue = archive(&desk, &visitor, &issue).await?;
    api::stands(&desk, issue).await
}
