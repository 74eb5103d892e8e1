//! What is done to an issue: one function an act, for a page's form and for the API alike.

mod signing;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bulletin::render::Form;
use model::issue::IssueNumber;
use model::newsroom::Right;
use schemars::JsonSchema;
use serde::Deserialize;

use signing::{
    acknowledge_api, acknowledge_page, approve_api, approve_page, archive_api, archive_page,
    check_api, check_page, comment_api, comment_page, decide_api, decide_page, review_api,
    review_page, settle_api, settle_page,
};

use super::api::{self, Issue, WorkView};
use super::stand::Stand;
use super::{issue_of, key_of, newsroom, person};
use crate::Desk;
use crate::newsroom::Task;
use crate::pages::form::{Input, done};
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, post};
use crate::visitor::Visitor;
use crate::words::words;

words! {
    Words {
        planned: "已排定各期", "The issues are planned";
        begun: "已开始，完成后在此显示结果", "It has begun; the result shows here";
        checked: "已检查：阻断 {x} 条，需说明 {w} 条", "Checked: {x} block, {w} ask";
        answered: "说明已记录", "The answer is stored";
        commented: "批注已添加", "The comment is added";
        settled: "批注已了结", "The comment is settled";
        reviewed: "已复核通过", "Reviewed";
        returned: "已退回修改", "Sent back";
        approved: "已签发", "Approved";
        decided: "已记录决定", "The decision is stored";
        archived: "已归档", "Archived";
    }
}

macro_rules! described {
    ($name:ident, $summary:literal, $body:expr, $answer:expr, $status:literal) => {
        fn $name() -> Described {
            Described {
                summary: $summary,
                body: $body,
                answer: $answer,
                status: $status,
                ..Described::default()
            }
        }
    };
}

fn schema<T: JsonSchema>() -> Option<serde_json::Value> {
    Some(schemars::schema_for!(T).to_value())
}

described!(
    says_plan,
    "Plans the issues of the coming weeks.",
    schema::<Plan>(),
    None,
    204
);
described!(
    says_draft,
    "Begins to compose an issue; with a reason its figures are counted and frozen anew.",
    schema::<Draft>(),
    schema::<WorkView>(),
    202
);
described!(
    says_publish,
    "Begins to publish the approved newest revision.",
    schema::<Publish>(),
    schema::<WorkView>(),
    202
);
described!(
    says_late,
    "Begins to count the week again and to propose corrections.",
    schema::<Empty>(),
    schema::<WorkView>(),
    202
);
described!(
    says_withdraw,
    "Begins to take a public issue back.",
    schema::<Withdraw>(),
    schema::<WorkView>(),
    202
);
described!(
    says_check,
    "Checks the newest revision and stores the result.",
    schema::<Empty>(),
    schema::<Vec<api::FindingView>>(),
    200
);
described!(
    says_acknowledge,
    "Answers for findings that ask.",
    schema::<Acknowledge>(),
    schema::<Issue>(),
    200
);
described!(
    says_comment,
    "Adds a comment, which must be settled before approval.",
    schema::<Comment>(),
    schema::<api::CommentView>(),
    201
);
described!(
    says_settle,
    "Finds a comment settled.",
    schema::<Empty>(),
    schema::<Issue>(),
    200
);
described!(
    says_review,
    "Finds the newest revision good, or sends it back.",
    schema::<ReviewBody>(),
    schema::<Issue>(),
    200
);
described!(
    says_approve,
    "Signs the newest revision; never by who wrote some of it.",
    schema::<Approve>(),
    schema::<Issue>(),
    200
);
described!(
    says_decide,
    "Decides every open correction.",
    schema::<Decide>(),
    schema::<Vec<api::CorrectionView>>(),
    200
);
described!(
    says_archive,
    "Puts a public issue away.",
    schema::<Empty>(),
    schema::<Issue>(),
    200
);

const EDIT: Need = Need::Right(Right::Edit);
const REVIEW: Need = Need::Right(Right::Review);
const PUBLISH: Need = Need::Right(Right::Publish);
/// A deputy approves without the role; who may is asked of the ledger.
const DEPUTY: Need = Need::Right(Right::View);

pub(crate) const ROUTES: &[Route] = &[
    Route::act("/console/bulletin/plan", EDIT, || post(plan_page)),
    Route::act("/console/bulletin/{issue}/draft", EDIT, || post(draft_page)),
    Route::act("/console/bulletin/{issue}/publish", PUBLISH, || {
        post(publish_page)
    })
    .fresh(),
    Route::act("/console/bulletin/{issue}/late", EDIT, || post(late_page)),
    Route::act("/console/bulletin/{issue}/withdraw", DEPUTY, || {
        post(withdraw_page)
    }),
    Route::act("/console/bulletin/{issue}/check", DEPUTY, || {
        post(check_page)
    }),
    Route::act("/console/bulletin/{issue}/acknowledge", REVIEW, || {
        post(acknowledge_page)
    }),
    Route::act("/console/bulletin/{issue}/comments", REVIEW, || {
        post(comment_page)
    }),
    Route::act(
        "/console/bulletin/{issue}/comments/{id}/settle",
        REVIEW,
        || post(settle_page),
    ),
    Route::act("/console/bulletin/{issue}/review", REVIEW, || {
        post(review_page)
    }),
    Route::act("/console/bulletin/{issue}/approve", DEPUTY, || {
        post(approve_page)
    })
    .fresh(),
    Route::act("/console/bulletin/{issue}/corrections", EDIT, || {
        post(decide_page)
    }),
    Route::act("/console/bulletin/{issue}/archive", PUBLISH, || {
        post(archive_page)
    }),
    Route::api(
        Verb::Post,
        "/api/v1/bulletins/plan",
        EDIT,
        says_plan,
        || post(plan_api),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/bulletins/{issue}/draft",
        EDIT,
        says_draft,
        || post(draft_api),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/bulletins/{issue}/publish",
        PUBLISH,
        says_publish,
        || post(publish_api),
    )
    .fresh(),
    Route::api(
        Verb::Post,
        "/api/v1/bulletins/{issue}/late",
        EDIT,
        says_late,
        || post(late_api),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/bulletins/{issue}/withdraw",
        DEPUTY,
        says_withdraw,
        || post(withdraw_api),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/bulletins/{issue}/check",
        DEPUTY,
        says_check,
        || post(check_api),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/bulletins/{issue}/acknowledge",
        REVIEW,
        says_acknowledge,
        || post(acknowledge_api),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/bulletins/{issue}/comments",
        REVIEW,
        says_comment,
        || post(comment_api),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/bulletins/{issue}/comments/{id}/settle",
        REVIEW,
        says_settle,
        || post(settle_api),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/bulletins/{issue}/review",
        REVIEW,
        says_review,
        || post(review_api),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/bulletins/{issue}/approve",
        DEPUTY,
        says_approve,
        || post(approve_api),
    )
    .fresh(),
    Route::api(
        Verb::Post,
        "/api/v1/bulletins/{issue}/corrections",
        EDIT,
        says_decide,
        || post(decide_api),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/bulletins/{issue}/archive",
        PUBLISH,
        says_archive,
        || post(archive_api),
    ),
];

/// Nothing need be said.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Empty {}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Plan {
    /// Weeks from the one before this on; 5 where it is left out.
    #[serde(default)]
    weeks: Option<u16>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Draft {
    /// What a new revision changes; printed in it. Needed once the issue was approved.
    #[serde(default)]
    note: String,
    /// Why frozen figures are counted and frozen anew.
    #[serde(default)]
    refreeze: Option<String>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Publish {
    /// Forms by name, separated by commas, as `html,json,csv`; all where it is left out. Page and data are always made.
    #[serde(default)]
    forms: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Withdraw {
    /// Why, in Chinese; printed in its place.
    zh: String,
    /// Why, in English.
    en: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Acknowledge {
    /// A finding by its name; `all` for every one that asks.
    finding: String,
    /// Why it stands as it is.
    reason: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Comment {
    /// What it is about: a section, a block, a statistic; empty for the whole.
    #[serde(default)]
    place: String,
    /// What it says.
    text: String,
}

/// A reviewer's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Word {
    Passes,
    Returned,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReviewBody {
    /// The revision that was read.
    revision: i32,
    /// The reviewer's word.
    word: Word,
    /// Why it is sent back, or a word to those who read it next.
    #[serde(default)]
    note: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Approve {
    /// The revision that was read.
    revision: i32,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Decide {
    /// Whether the issue is to be corrected.
    accept: bool,
    /// Why.
    reason: String,
}

/// A reason is never empty.
pub(crate) fn reason(field: &str, text: &str) -> Result<(), Refusal> {
    match text.trim().is_empty() {
        true => Err(Refusal::invalid(field, "a reason is needed")),
        false => Ok(()),
    }
}

type At = State<Arc<Desk>>;
type Which = Path<String>;

/// The desk of an issue, where its acts come back to.
fn back(issue: IssueNumber, to: &str) -> String {
    format!("/console/bulletin/{issue}{to}")
}

async fn plan(desk: &Desk, visitor: &Visitor, body: &Plan) -> Result<(), Refusal> {
    let by = person(desk, visitor, Right::Edit).await?;
    let weeks = body.weeks.unwrap_or(5);
    if !(1..=104).contains(&weeks) {
        return Err(Refusal::invalid("weeks", "between 1 and 104"));
    }
    Ok(newsroom(desk)?.plan(weeks, by.login()).await?)
}

async fn plan_page(
    State(desk): At,
    visitor: Visitor,
    Input(body): Input<Plan>,
) -> Result<Response, Refusal> {
    plan(&desk, &visitor, &body).await?;
    Ok(done("/console/bulletin", Words::of(visitor.lang).planned))
}

async fn plan_api(
    State(desk): At,
    visitor: Visitor,
    Input(body): Input<Plan>,
) -> Result<Response, Refusal> {
    plan(&desk, &visitor, &body).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Begins work on an issue for a person with a right.
async fn begin(
    desk: &Desk,
    visitor: &Visitor,
    issue: &str,
    (right, task): (Right, Task),
) -> Result<crate::newsroom::Work, Refusal> {
    let by = person(desk, visitor, right).await?;
    let issue = issue_of(issue)?;
    // A first draft plans its issue; nothing else is done to one that is not even planned.
    if task.kind() != crate::newsroom::Kind::Draft {
        let planned = desk.ledger.edition(&key_of(desk, issue)).await?;
        planned.ok_or(Refusal::Absent)?;
    }
    Ok(newsroom(desk)?.begin(issue, task, by.login()).await?)
}

fn begun(visitor: &Visitor, work: &crate::newsroom::Work) -> Response {
    done(&back(work.issue, ""), Words::of(visitor.lang).begun)
}

fn accepted(work: &crate::newsroom::Work) -> Response {
    (StatusCode::ACCEPTED, axum::Json(WorkView::of(work))).into_response()
}

fn to_draft(body: Draft) -> Result<(Right, Task), Refusal> {
    if let Some(why) = &body.refreeze {
        reason("refreeze", why)?;
    }
    let task = Task::Draft {
        note: body.note.trim().to_owned(),
        refreeze: body.refreeze,
    };
    Ok((Right::Edit, task))
}

async fn draft_page(
    State(desk): At,
    visitor: Visitor,
    Path(issue): Which,
    Input(body): Input<Draft>,
) -> Result<Response, Refusal> {
    let work = begin(&desk, &visitor, &issue, to_draft(body)?).await?;
    Ok(begun(&visitor, &work))
}

async fn draft_api(
    State(desk): At,
    visitor: Visitor,
    Path(issue): Which,
    Input(body): Input<Draft>,
) -> Result<Response, Refusal> {
    Ok(accepted(
        &begin(&desk, &visitor, &issue, to_draft(body)?).await?,
    ))
}

/// What must hold before a publication is begun; the newsroom asks again.
async fn publish(
    desk: &Desk,
    visitor: &Visitor,
    issue: &str,
    body: &Publish,
) -> Result<crate::newsroom::Work, Refusal> {
    person(desk, visitor, Right::Publish).await?;
    let stand = Stand::of(desk, issue_of(issue)?).await?;
    if !stand.approved() {
        return Err(Refusal::conflict(
            stand.key.object(),
            "its newest revision is not approved",
        ));
    }
    let mut forms = Vec::new();
    for name in body
        .forms
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        let form = Form::ALL.into_iter().find(|form| form.name() == name);
        forms.push(form.ok_or_else(|| Refusal::invalid("forms", format!("{name} is no form")))?);
    }
    let task = Task::Publish { forms };
    begin(desk, visitor, issue, (Right::Publish, task)).await
}

async fn publish_page(
    State(desk): At,
    visitor: Visitor,
    Path(issue): Which,
    Input(body): Input<Publish>,
) -> Result<Response, Refusal> {
    Ok(begun(
        &visitor,
        &publish(&desk, &visitor, &issue, &body).await?,
    ))
}

async fn publish_api(
    State(desk): At,
    visitor: Visitor,
    Path(issue): Which,
    Input(body): Input<Publish>,
) -> Result<Response, Refusal> {
    Ok(accepted(&publish(&desk, &visitor, &issue, &body).await?))
}

async fn late_page(
    State(desk): At,
    visitor: Visitor,
    Path(issue): Which,
    Input(_): Input<Empty>,
) -> Result<Response, Refusal> {
    let work = begin(&desk, &visitor, &issue, (Right::Edit, Task::Late)).await?;
    Ok(begun(&visitor, &work))
}

async fn late_api(
    State(desk): At,
    visitor: Visitor,
    Path(issue): Which,
    Input(_): Input<Empty>,
) -> Result<Response, Refusal> {
    Ok(accepted(
        &begin(&desk, &visitor, &issue, (Right::Edit, Task::Late)).await?,
    ))
}

fn to_withdraw(body: Withdraw) -> Result<(Right, Task), Refusal> {
    reason("zh", &body.zh)?;
    reason("en", &body.en)?;
    let task = Task::Withdraw {
        zh: body.zh.trim().to_owned(),
        en: body.en.trim().to_owned(),
    };
    Ok((Right::Approve, task))
}

async fn withdraw_page(
    State(desk): At,
    visitor: Visitor,
    Path(issue): Which,
    Input(body): Input<Withdraw>,
) -> Result<Response, Refusal> {
    person(&desk, &visitor, Right::Approve).await?;
    let work = begin(&desk, &visitor, &issue, to_withdraw(body)?).await?;
    Ok(begun(&visitor, &work))
}

async fn withdraw_api(
    State(desk): At,
    visitor: Visitor,
    Path(issue): Which,
    Input(body): Input<Withdraw>,
) -> Result<Response, Refusal> {
    person(&desk, &visitor, Right::Approve).await?;
    Ok(accepted(
        &begin(&desk, &visitor, &issue, to_withdraw(body)?).await?,
    ))
}
