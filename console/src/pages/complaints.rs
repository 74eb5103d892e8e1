//! Complaints, as the team sees them: those that wait for a person, what came with each, and what becomes of it. Who
//! reported is not shown: nobody needs it to decide.

mod push;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use ledger::{Complaint, ComplaintState, Page, Reach, Submitted};
use model::incident::CaseKind;
use model::newsroom::Right;
use model::worded::Word;
use response::inbox::form::Decision;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::form::{Input, answer, done};
use super::outside::{picture, quarantined};
use super::shell::{self, Nav, Shell};
use super::{draw, outside};
use crate::Desk;
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, get, post};
use crate::visitor::Visitor;
use crate::words::{fill, word, words};

const WORK: Need = Need::Right(Right::Work);

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/complaints", WORK, || get(list)),
    Route::page("/console/complaints/{number}", WORK, || get(one)),
    Route::act("/console/complaints/{number}/decide", WORK, || post(decide)),
    Route::page("/console/complaints/{number}/files/{place}", WORK, || {
        get(file)
    }),
    Route::page(
        "/console/complaints/{number}/originals/{place}",
        WORK,
        || get(original),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/complaints",
        WORK,
        described_list,
        || get(api_list),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/complaints",
        WORK,
        push::described,
        || post(push::push),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/complaints/{number}/decide",
        WORK,
        described_decide,
        || post(api_decide),
    ),
];

/// Rows of a page.
const ROWS: u64 = 50;

words! {
    Words {
        title: "投诉", "Complaints";
        waiting: "待决定", "To be decided";
        all: "全部", "All";
        number: "编号", "Number";
        what: "对象", "About";
        kind: "类型", "Kind";
        state: "状态", "State";
        came: "收到", "Received";
        joined: "已并入事件", "in an incident";
        waits: "待人决定", "waits for a person";
        refused: "不予受理", "refused";
        calm: "没有投诉等待决定", "No complaint waits for you";
        calm_text: "公众表单和邮件里认不出对象的投诉会出现在这里；认得出的直接开立或并入事件，由人核实。", "Complaints by the public form or by mail that name nothing a machine understands appear here. All others open or join an incident, which a person validates.";
        older: "更早", "Older";
        newer: "更新", "Newer";
        via: "来路", "Came by";
        mail: "邮件", "mail";
        form: "公众表单", "the public form";
        other_way: "接口", "another way";
        answer: "答复", "Answer";
        wants: "举报人留了邮箱，办结时自动答复", "The reporter left an address and is told when it ends";
        no_wants: "举报人没有留邮箱", "The reporter left no address";
        incident: "事件", "Incident";
        reason: "说明", "Note";
        said: "举报人写的", "What the reporter wrote";
        names: "识别到的地址", "Addresses that were recognized";
        nothing: "没有识别到地址", "No address was recognized";
        shots: "附图", "Pictures";
        shots_text: "由原图重新绘制；原件隔离保存，只能下载。", "Drawn anew from what was sent. The originals are in quarantine and can only be saved.";
        original: "下载原件", "Save the original";
        decide: "决定", "Decide";
        join: "并入事件", "Join an incident";
        join_number: "事件编号", "Number of the incident";
        open: "开立事件", "Open an incident";
        open_what: "一行写明是什么事", "In one line, what it is about";
        refuse: "不予受理", "Refuse";
        refuse_why: "理由", "Reason";
        done_joined: "已并入事件 #{number}。", "Joined to incident #{number}.";
        done_refused: "已登记为不予受理。", "Refused.";
    }
}

struct Row {
    number: i64,
    what: String,
    kind: &'static str,
    state: &'static str,
    ago: String,
}

#[derive(Template)]
#[template(path = "complaints.html")]
struct ListPage {
    shell: Shell,
    w: &'static Words,
    rows: Vec<Row>,
    all: bool,
    older: Option<u64>,
    newer: Option<u64>,
}

pub(super) struct Shot {
    pub(super) place: i32,
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) kind: String,
    pub(super) size: String,
    pub(super) shown: bool,
}

#[derive(Template)]
#[template(path = "complaint.html")]
struct OnePage {
    shell: Shell,
    w: &'static Words,
    number: i64,
    what: String,
    kind: &'static str,
    state: &'static str,
    waits: bool,
    via: &'static str,
    received: String,
    ago: String,
    wants: bool,
    incident: Option<(i64, String)>,
    reason: String,
    body: String,
    named: Vec<(String, String)>,
    shots: Vec<Shot>,
    kinds: Vec<(&'static str, &'static str, bool)>,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    state: String,
    #[serde(default)]
    offset: u64,
}

/// What the team decides about a complaint.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Decide {
    /// `join`, `open` or `refuse`.
    #[serde(rename = "do")]
    what: String,
    /// For `join`: number of the incident.
    #[serde(default)]
    number: String,
    /// For `open`: kind of case.
    #[serde(default)]
    kind: String,
    /// For `open`: what it is about, in one line.
    #[serde(default)]
    about: String,
    /// For `refuse`: why.
    #[serde(default)]
    reason: String,
}

/// A complaint, as programs see it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Told {
    /// Its number.
    number: i64,
    /// What it is about.
    kind: String,
    /// In one line.
    what: String,
    /// `waiting`, `joined` or `refused`.
    state: String,
    /// By which road it came: `form`, `mail`, `api`, `csv`.
    via: String,
    /// Why it waits or was refused.
    reason: Option<String>,
    /// When it was received, RFC 3339.
    received_at: String,
}

#[derive(Serialize, JsonSchema)]
struct ToldPage {
    items: Vec<Told>,
    /// To be given as `after` for the next page.
    next: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ApiAsked {
    /// `waiting` (the default) or `all`.
    #[serde(default)]
    state: String,
    /// Rows at most, up to 200.
    #[serde(default)]
    limit: Option<u64>,
    /// `next` of the page before.
    #[serde(default)]
    after: Option<String>,
}

fn described_list() -> Described {
    Described {
        summary: "Complaints that wait for a person, or all, the newest first",
        query: Some(schemars::schema_for!(ApiAsked).to_value()),
        answer: Some(schemars::schema_for!(ToldPage).to_value()),
        ..Described::default()
    }
}

fn described_decide() -> Described {
    Described {
        summary: "Decides a complaint that waits: it joins an incident, opens one, or is refused",
        body: Some(schemars::schema_for!(Decide).to_value()),
        answer: Some(schemars::schema_for!(Told).to_value()),
        ..Described::default()
    }
}

fn state(state: ComplaintState, w: &'static Words) -> &'static str {
    match state {
        ComplaintState::Joined => w.joined,
        ComplaintState::Waiting => w.waits,
        ComplaintState::Refused => w.refused,
    }
}

fn told(one: Complaint) -> Told {
    let state = serde_json::to_value(one.state).ok();
    let state = state.and_then(|label| label.as_str().map(str::to_owned));
    Told {
        number: one.number,
        kind: one.kind.to_string(),
        what: one.what,
        state: state.unwrap_or_default(),
        via: one.via,
        reason: one.reason,
        received_at: draw::stamp(one.received_at),
    }
}

/// Complaints that wait are the centre's; of the others a branch sees those of its incidents.
async fn load(desk: &Desk, visitor: &Visitor, number: i64) -> Result<Complaint, Refusal> {
    let complaint = desk.ledger.complaint_numbered(number).await?;
    let reach = visitor.within()?;
    match complaint.incident_id {
        _ if reach == Reach::All => {}
        Some(incident) => {
            desk.ledger.incident(incident.0, &reach).await?;
        }
        None => return Err(Refusal::Absent),
    }
    Ok(complaint)
}

/// What is everybody's is the centre's.
pub(super) fn centre(visitor: &Visitor) -> Result<(), Refusal> {
    match visitor.within()? {
        Reach::All => Ok(()),
        Reach::Owner(_) => Err(Refusal::Absent),
    }
}

async fn list(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let (w, lang, now) = (Words::of(visitor.lang), visitor.lang, desk.now().0);
    let all = asked.state == "all";
    let only = (!all).then_some(ComplaintState::Waiting);
    let page = Page {
        offset: asked.offset,
        limit: ROWS + 1,
    };
    let mut found = desk.ledger.complaints(only, page).await?;
    let more = found.len() as u64 > ROWS;
    found.truncate(ROWS as usize);
    let rows = found.into_iter().map(|one| Row {
        number: one.number,
        what: draw::defang(&one.what),
        kind: word(one.kind.0, lang),
        state: state(one.state, w),
        ago: draw::ago(now, one.received_at, lang),
    });
    Ok(shell::page(&ListPage {
        shell: shell::shell(&desk, &visitor, Nav::Inbox, w.title).await,
        w,
        rows: rows.collect(),
        all,
        older: more.then(|| asked.offset + ROWS),
        newer: (asked.offset > 0).then(|| asked.offset.saturating_sub(ROWS)),
    }))
}

/// Files that came with something, as a page shows them.
pub(super) fn shots(files: Vec<Submitted>) -> Vec<Shot> {
    let shot = |file: Submitted| Shot {
        place: file.place,
        width: file.width,
        height: file.height,
        kind: file.kind.to_uppercase(),
        size: format!("{} KiB", (file.bytes + 1023) / 1024),
        shown: file.shown.is_some(),
    };
    files.into_iter().map(shot).collect()
}

async fn one(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(number): Path<i64>,
) -> Result<Response, Refusal> {
    let (w, lang, now) = (Words::of(visitor.lang), visitor.lang, desk.now().0);
    let complaint = load(&desk, &visitor, number).await?;
    let files = desk.ledger.submitted_with_complaint(complaint.id.0).await?;
    let incident = match complaint.incident_id {
        None => None,
        Some(id) => {
            let found = desk.ledger.incident(id.0, &visitor.within()?).await?;
            Some((found.number, draw::defang(&found.what)))
        }
    };
    let named: Vec<(String, String)> =
        serde_json::from_str(&complaint.observables).unwrap_or_default();
    let kinds = CaseKind::ALL
        .iter()
        .map(|kind| (kind.label(), word(*kind, lang), *kind == complaint.kind.0));
    let title = fill(
        "{title} {number}",
        &[("title", &w.title), ("number", &number)],
    );
    Ok(shell::page(&OnePage {
        shell: shell::shell(&desk, &visitor, Nav::Inbox, &title).await,
        w,
        number,
        what: draw::defang(&complaint.what),
        kind: word(complaint.kind.0, lang),
        state: state(complaint.state, w),
        waits: complaint.state == ComplaintState::Waiting,
        via: match complaint.via.as_str() {
            "mail" => w.mail,
            "form" => w.form,
            _ => w.other_way,
        },
        received: draw::exact(&desk, complaint.received_at),
        ago: draw::ago(now, complaint.received_at, lang),
        wants: complaint.reporter.is_some(),
        incident,
        reason: complaint.reason.clone().unwrap_or_default(),
        body: complaint.body.clone(),
        named: named
            .into_iter()
            .map(|(_, text)| (draw::defang(&text), text))
            .collect(),
        shots: shots(files),
        kinds: kinds.collect(),
    }))
}

fn decision(form: Decide) -> Result<Decision, Refusal> {
    let need = |field: &str, why: &str| Refusal::invalid(field, why);
    match form.what.as_str() {
        "join" => form
            .number
            .trim()
            .trim_start_matches('#')
            .parse()
            .map(Decision::Join)
            .map_err(|_| need("number", "write the number of the incident, as 704")),
        "open" => {
            let kind: CaseKind = form
                .kind
                .parse()
                .map_err(|error| Refusal::invalid("kind", error))?;
            match outside::line(&form.about, 200) {
                about if about.is_empty() => Err(need("about", "say in one line what it is about")),
                about => Ok(Decision::Open(kind, about)),
            }
        }
        "refuse" => match form.reason.trim() {
            "" => Err(need("reason", "say why it leads to nothing")),
            reason => Ok(Decision::Refuse(reason.to_owned())),
        },
        _ => Err(need("do", "is one of join, open, refuse")),
    }
}

async fn decided(
    desk: &Desk,
    visitor: &Visitor,
    number: i64,
    form: Decide,
) -> Result<Complaint, Refusal> {
    centre(visitor)?;
    let complaint = load(desk, visitor, number).await?;
    let decision = decision(form)?;
    let done = desk
        .response
        .decide_complaint(&complaint, decision, visitor.login());
    Ok(done.await?)
}

async fn decide(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(number): Path<i64>,
    Input(form): Input<Decide>,
) -> Result<Response, Refusal> {
    let w = Words::of(visitor.lang);
    let complaint = decided(&desk, &visitor, number, form).await?;
    let said = match complaint.incident_id {
        None => w.done_refused.to_owned(),
        Some(id) => {
            let incident = desk.ledger.incident(id.0, &visitor.within()?).await?;
            fill(w.done_joined, &[("number", &incident.number)])
        }
    };
    Ok(done(&format!("/console/complaints/{number}"), &said))
}

/// The file of a place, of those that came with something.
pub(super) fn at(files: Vec<Submitted>, place: i32) -> Result<Submitted, Refusal> {
    files
        .into_iter()
        .find(|file| file.place == place)
        .ok_or(Refusal::Absent)
}

/// The picture that was made of a file.
pub(super) fn shown(desk: &Desk, file: &Submitted) -> Result<Response, Refusal> {
    let hash = file.shown.ok_or(Refusal::Absent)?;
    Ok(picture(desk.blobs.read(&hash)?))
}

/// A file as it came.
pub(super) fn as_it_came(desk: &Desk, file: &Submitted, name: &str) -> Result<Response, Refusal> {
    let name = format!("{name}-{}.quarantined", file.place);
    Ok(quarantined(&name, desk.blobs.read(&file.original)?))
}

async fn file(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path((number, place)): Path<(i64, i32)>,
) -> Result<Response, Refusal> {
    let complaint = load(&desk, &visitor, number).await?;
    let files = desk.ledger.submitted_with_complaint(complaint.id.0).await?;
    shown(&desk, &at(files, place)?)
}

async fn original(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path((number, place)): Path<(i64, i32)>,
) -> Result<Response, Refusal> {
    let complaint = load(&desk, &visitor, number).await?;
    let files = desk.ledger.submitted_with_complaint(complaint.id.0).await?;
    as_it_came(&desk, &at(files, place)?, &format!("complaint-{number}"))
}

async fn api_list(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Query(asked): Query<ApiAsked>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let only = (asked.state != "all").then_some(ComplaintState::Waiting);
    let limit = asked.limit.unwrap_or(ROWS).clamp(1, 200);
    let offset = match &asked.after {
        None => 0,
        Some(after) => after
            .parse()
            .map_err(|_| Refusal::invalid("after", "is no cursor of ours"))?,
    };
    let page = Page {
        offset,
        limit: limit + 1,
    };
    let mut found = desk.ledger.complaints(only, page).await?;
    let more = found.len() as u64 > limit;
    found.truncate(limit as usize);
    answer(
        &headers,
        &ToldPage {
            items: found.into_iter().map(told).collect(),
            next: more.then(|| (offset + limit).to_string()),
        },
    )
}

async fn api_decide(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(number): Path<i64>,
    headers: HeaderMap,
    Input(form): Input<Decide>,
) -> Result<Response, Refusal> {
    let complaint = decided(&desk, &visitor, number, form).await?;
    Ok(answer(&headers, &told(complaint))?.into_response())
}
