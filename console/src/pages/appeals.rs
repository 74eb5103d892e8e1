//! Appeals, as the team sees them. Whoever works on incidents reads them; a lead decides, with a reason that whoever
//! sent it reads.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use ledger::appeal::Judged;
use ledger::{Appeal, ListedState, ListingFilter, Page};
use model::newsroom::Right;
use model::outside::AppealState;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::complaints::{Shot, as_it_came, at, centre, shots, shown};
use super::draw;
use super::form::{Input, answer, done};
use super::shell::{self, Nav, Shell};
use crate::Desk;
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, get, post};
use crate::visitor::Visitor;
use crate::words::{fill, word, words};

const WORK: Need = Need::Right(Right::Work);
const LEAD: Need = Need::Right(Right::Lead);

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/appeals", WORK, || get(list)),
    Route::page("/console/appeals/{id}", WORK, || get(one)),
    Route::act("/console/appeals/{id}/decide", LEAD, || post(decide)),
    Route::act("/console/appeals/{id}/hold", LEAD, || post(hold)),
    Route::page("/console/appeals/{id}/files/{place}", WORK, || get(file)),
    Route::page("/console/appeals/{id}/originals/{place}", WORK, || {
        get(original)
    }),
    Route::api(Verb::Get, "/api/v1/appeals", WORK, described_list, || {
        get(api_list)
    }),
    Route::api(
        Verb::Post,
        "/api/v1/appeals/{id}/decide",
        LEAD,
        described_decide,
        || post(api_decide),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/appeals/{id}/hold",
        LEAD,
        described_hold,
        || post(api_hold),
    ),
];

/// Rows of a page.
const ROWS: u64 = 50;

words! {
    Words {
        title: "申诉", "Appeals";
        waiting: "待复核", "To be reviewed";
        all: "全部", "All";
        object: "对象", "About";
        state: "状态", "State";
        came: "收到", "Received";
        calm: "没有申诉等待复核", "No appeal waits";
        calm_text: "被列入封锁名单、被列为事件或被误下线的单位，可在 /appeal 提交申诉，会出现在这里。", "Whoever is listed, named in an incident or taken down by mistake can appeal at /appeal. It appears here.";
        older: "更早", "Older";
        newer: "更新", "Newer";
        who: "提交人", "Sent by";
        nobody: "没有留名", "no name was left";
        address: "邮箱", "Address";
        why: "理由", "Reason given";
        proof: "证明材料", "Proof";
        proof_text: "图片由原件重新绘制；原件隔离保存，只能下载。", "Pictures are drawn anew; the originals are in quarantine and can only be saved.";
        original: "下载原件", "Save the original";
        matches: "名单中相符的条目", "Entries of block lists that match";
        no_match: "名单中没有与所写完全相同的条目。", "No entry of a block list is exactly what was written.";
        listed_until: "有效至 {at}", "until {at}";
        decide: "决定", "Decide";
        reason: "理由（申诉人会看到）", "Reason (whoever appealed reads it)";
        listing: "撤下名单条目", "Take this entry off the list";
        no_listing: "不撤下任何条目", "Take nothing off";
        incident: "相关事件编号（选填）", "Number of the incident (optional)";
        uphold: "申诉成立", "Uphold";
        decline: "申诉不成立", "Decline";
        lead_only: "由值班长决定。", "A lead of the shift decides.";
        ask: "申诉成立：所选条目（及其他名单中的同一条目）将立即撤下。", "Uphold: the chosen entry, and the same entry in other lists, is taken off at once.";
        hold: "暂停计时", "Let time stand still";
        hold_text: "在决定之前，暂停相关事件各处置单位的时限，最长三天。法定时限不受影响。", "Until it is decided, the time of whoever was asked about the incident stands still, three days at most. Statutory clocks go on.";
        hold_incident: "相关事件编号", "Number of the incident";
        held: "事件 #{n} 的处置时限已暂停。", "The time for incident #{n} stands still.";
        decided: "{who} 于 {at} 决定", "decided by {who} at {at}";
        done_upheld: "申诉 {id} 成立。", "Appeal {id} was upheld.";
        done_declined: "申诉 {id} 不成立。", "Appeal {id} was declined.";
    }
}

struct Row {
    id: i64,
    object: String,
    about: &'static str,
    state: &'static str,
    ago: String,
}

#[derive(Template)]
#[template(path = "appeals.html")]
struct ListPage {
    shell: Shell,
    w: &'static Words,
    rows: Vec<Row>,
    all: bool,
    older: Option<u64>,
    newer: Option<u64>,
}

struct Match {
    id: i64,
    list: String,
    value: String,
    until: String,
}

#[derive(Template)]
#[template(path = "appeal.html")]
struct OnePage {
    shell: Shell,
    w: &'static Words,
    id: i64,
    object: String,
    about: &'static str,
    state: &'static str,
    waits: bool,
    may_decide: bool,
    received: String,
    ago: String,
    name: String,
    address: String,
    body: String,
    shots: Vec<Shot>,
    matches: Vec<Match>,
    decision: String,
    decided: String,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    state: String,
    #[serde(default)]
    offset: u64,
}

/// What a lead decides about an appeal.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Decide {
    /// `upheld` or `declined`.
    decision: String,
    /// Why so; whoever appealed reads it.
    reason: String,
    /// Number of the entry of a block list to be taken off.
    #[serde(default)]
    listing: String,
    /// Number of the incident that it is about.
    #[serde(default)]
    incident: String,
}

/// An appeal, as programs see it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Told {
    /// Its number.
    id: i64,
    /// `listing`, `incident`, `takedown` or `other`.
    about: String,
    /// The name, address or number that it is about, as it was written.
    object: String,
    /// The reason that was given.
    reason: String,
    /// `waiting`, `upheld` or `declined`.
    state: String,
    /// When it came, RFC 3339.
    received_at: String,
    /// When it was decided.
    decided_at: Option<String>,
    /// Why so.
    decision: Option<String>,
    /// The entry that was taken off.
    listing: Option<i64>,
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
        summary: "Appeals that wait, or all",
        query: Some(schemars::schema_for!(ApiAsked).to_value()),
        answer: Some(schemars::schema_for!(ToldPage).to_value()),
        ..Described::default()
    }
}

fn described_decide() -> Described {
    Described {
        summary: "Decides an appeal; one that is upheld may take an entry off the block lists",
        body: Some(schemars::schema_for!(Decide).to_value()),
        answer: Some(schemars::schema_for!(Told).to_value()),
        ..Described::default()
    }
}

fn told(one: Appeal) -> Told {
    Told {
        id: one.id,
        about: one.about.to_string(),
        object: one.object,
        reason: one.body,
        state: one.state.to_string(),
        received_at: draw::stamp(one.received_at),
        decided_at: one.decided_at.map(draw::stamp),
        decision: one.decision,
        listing: one.listing_id,
    }
}

async fn found(
    desk: &Desk,
    all: bool,
    offset: u64,
    limit: u64,
) -> Result<(Vec<Appeal>, bool), Refusal> {
    let only = (!all).then_some(AppealState::Waiting);
    let page = Page {
        offset,
        limit: limit + 1,
    };
    let mut found = desk.ledger.appeals(only, page).await?;
    let more = found.len() as u64 > limit;
    found.truncate(limit as usize);
    Ok((found, more))
}

async fn list(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let (w, lang, now) = (Words::of(visitor.lang), visitor.lang, desk.now().0);
    let all = asked.state == "all";
    let (found, more) = found(&desk, all, asked.offset, ROWS).await?;
    let rows = found.into_iter().map(|one| Row {
        id: one.id,
        object: draw::defang(&one.object),
        about: word(one.about.0, lang),
        state: word(one.state.0, lang),
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

/// Live entries whose value is what was written.
async fn matches(desk: &Desk, w: &'static Words, object: &str) -> Result<Vec<Match>, Refusal> {
    let plain = formats::value::refang(object.trim()).into_owned();
    let mut values = vec![plain.clone(), plain.to_lowercase()];
    if let Some(host) = url::Url::parse(&plain)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
    {
        values.push(host);
    }
    values.dedup();
    let mut all: Vec<Match> = Vec::new();
    for value in values {
        let filter = ListingFilter {
            states: vec![ListedState::Proposed, ListedState::Approved],
            value: Some(value),
            ..ListingFilter::default()
        };
        for entry in desk.ledger.listings(&filter, Page::ALL).await? {
            if all.iter().any(|one| one.id == entry.id) {
                continue;
            }
            let at = draw::exact(desk, entry.expires_at);
            all.push(Match {
                id: entry.id,
                list: entry.list,
                value: draw::defang(&entry.value),
                until: fill(w.listed_until, &[("at", &at)]),
            });
        }
    }
    Ok(all)
}

async fn one(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let (w, lang, now) = (Words::of(visitor.lang), visitor.lang, desk.now().0);
    let appeal = desk.ledger.appeal(id).await?;
    let files = desk.ledger.submitted_with_appeal(id).await?;
    let title = fill("{title} {id}", &[("title", &w.title), ("id", &id)]);
    let decided = match (&appeal.decided_by, appeal.decided_at) {
        (Some(who), Some(at)) => {
            let at = draw::exact(&desk, at);
            fill(w.decided, &[("who", who), ("at", &at)])
        }
        _ => String::new(),
    };
    Ok(shell::page(&OnePage {
        shell: shell::shell(&desk, &visitor, Nav::Inbox, &title).await,
        w,
        id,
        object: draw::defang(&appeal.object),
        about: word(appeal.about.0, lang),
        state: word(appeal.state.0, lang),
        waits: appeal.state.0 == AppealState::Waiting,
        may_decide: visitor.may(Right::Lead),
        received: draw::exact(&desk, appeal.received_at),
        ago: draw::ago(now, appeal.received_at, lang),
        name: appeal.name.clone().unwrap_or_default(),
        address: appeal.address.clone().unwrap_or_default(),
        matches: matches(&desk, w, &appeal.object).await?,
        body: appeal.body,
        shots: shots(files),
        decision: appeal.decision.unwrap_or_default(),
        decided,
    }))
}

async fn decided(desk: &Desk, visitor: &Visitor, id: i64, form: Decide) -> Result<Appeal, Refusal> {
    centre(visitor)?;
    let by = visitor.actor(desk, Right::Lead).await?;
    let number = |field: &str, text: &str| match text.trim().trim_start_matches('#') {
        "" => Ok(None),
        text => text
            .parse::<i64>()
            .map(Some)
            .map_err(|_| Refusal::invalid(field, "is no number")),
    };
    let upheld = match form.decision.as_str() {
        "upheld" => true,
        "declined" => false,
        _ => return Err(Refusal::invalid("decision", "is one of upheld, declined")),
    };
    if form.reason.trim().is_empty() {
        return Err(Refusal::invalid(
            "reason",
            "say why: whoever appealed reads it",
        ));
    }
    let judged = Judged {
        upheld,
        reason: form.reason.trim().to_owned(),
        // A form sends its choice along whichever button is pressed.
        listing: number("listing", &form.listing)?.filter(|_| upheld),
        incident: number("incident", &form.incident)?,
    };
    Ok(desk
        .ledger
        .decide_appeal(&by, id, judged, desk.now().0)
        .await?)
}

async fn decide(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<i64>,
    Input(form): Input<Decide>,
) -> Result<Response, Refusal> {
    let w = Words::of(visitor.lang);
    let appeal = decided(&desk, &visitor, id, form).await?;
    let said = match appeal.state.0 == AppealState::Upheld {
        true => w.done_upheld,
        false => w.done_declined,
    };
    Ok(done("/console/appeals", &fill(said, &[("id", &id)])))
}

/// The incident that an appeal is about.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Hold {
    /// Its number.
    incident: String,
}

fn described_hold() -> Described {
    Described {
        summary: "Lets the time of whoever was asked about an incident stand still until the appeal is decided.",
        body: Some(schemars::schema_for!(Hold).to_value()),
        answer: Some(schemars::schema_for!(Told).to_value()),
        ..Described::default()
    }
}

async fn held(desk: &Desk, visitor: &Visitor, id: i64, form: &Hold) -> Result<Appeal, Refusal> {
    centre(visitor)?;
    let by = visitor.actor(desk, Right::Lead).await?;
    let number = form.incident.trim().trim_start_matches('#');
    let number = number
        .parse()
        .map_err(|_| Refusal::invalid("incident", "is no number"))?;
    let now = desk.now().0;
    Ok(desk.ledger.hold_for_appeal(&by, id, number, now).await?)
}

async fn hold(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<i64>,
    Input(form): Input<Hold>,
) -> Result<Response, Refusal> {
    held(&desk, &visitor, id, &form).await?;
    let number = form.incident.trim().trim_start_matches('#');
    let said = fill(Words::of(visitor.lang).held, &[("n", &number)]);
    Ok(done(&format!("/console/appeals/{id}"), &said))
}

async fn api_hold(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<i64>,
    headers: HeaderMap,
    Input(form): Input<Hold>,
) -> Result<Response, Refusal> {
    let appeal = held(&desk, &visitor, id, &form).await?;
    answer(&headers, &told(appeal))
}

async fn file(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path((id, place)): Path<(i64, i32)>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    shown(
        &desk,
        &at(desk.ledger.submitted_with_appeal(id).await?, place)?,
    )
}

async fn original(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path((id, place)): Path<(i64, i32)>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let file = at(desk.ledger.submitted_with_appeal(id).await?, place)?;
    as_it_came(&desk, &file, &format!("appeal-{id}"))
}

async fn api_list(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Query(asked): Query<ApiAsked>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let limit = asked.limit.unwrap_or(ROWS).clamp(1, 200);
    let offset: u64 = match &asked.after {
        None => 0,
        Some(after) => after
            .parse()
            .map_err(|_| Refusal::invalid("after", "is no cursor of ours"))?,
    };
    let (found, more) = found(&desk, asked.state == "all", offset, limit).await?;
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
    Path(id): Path<i64>,
    headers: HeaderMap,
    Input(form): Input<Decide>,
) -> Result<Response, Refusal> {
    let appeal = decided(&desk, &visitor, id, form).await?;
    answer(&headers, &told(appeal))
}
