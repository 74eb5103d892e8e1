//! What parties said in the portal and wait to be answered, and the changes to their contacts that a lead must accept.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use ledger::Page;
use ledger::portal::{Change, ContactChange};
use model::ids::OrganizationId;
use model::newsroom::Right;
use model::outside::{ChangeState, Dispute, PostKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::complaints::centre;
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
    Route::page("/console/answers", WORK, || get(list)),
    Route::act("/console/answers/tell", WORK, || post(tell)),
    Route::act("/console/changes/{id}/decide", LEAD, || post(decide)),
    Route::api(Verb::Post, "/api/v1/answers", WORK, described_tell, || {
        post(api_tell)
    }),
    Route::api(
        Verb::Post,
        "/api/v1/changes/{id}/decide",
        LEAD,
        described_decide,
        || post(api_decide),
    ),
];

/// Entries that are looked through for those that wait.
const LOOKED: u64 = 300;

words! {
    Words {
        title: "处置单位的答复", "Answers of parties";
        calm: "没有留言等待答复", "Nothing waits for an answer";
        calm_text: "处置单位在门户里的签收、处置、异议和留言会出现在这里；异议和留言也进入收件。", "What parties acknowledge, mark fixed, dispute or write in the portal appears here. Disputes and messages are in the inbox as well.";
        waits: "等待答复", "Waiting for an answer";
        recent: "最近的答复", "Latest";
        none: "还没有单位在门户里答复。", "No party has answered in the portal yet.";
        reply: "答复", "Answer";
        reply_label: "答复 {who}", "Answer {who}";
        told: "已答复。", "Answered.";
        changes: "待批准的联系方式", "Contact changes to be accepted";
        changes_text: "先用已知的电话或地址核实：门户口令被盗的人也能提出更改。", "Check by a telephone number or address that was known before: whoever stole a password could ask for this too.";
        no_changes: "没有待批准的更改。", "No change waits.";
        from_to: "{before} 改为 {after}", "{before} becomes {after}";
        key: "新的 PGP 密钥，指纹 {print}", "a new PGP key, fingerprint {print}";
        why: "如何核实的，或为何不批准", "How it was checked, or why not";
        accept: "批准", "Accept";
        decline: "不批准", "Decline";
        accepted: "已批准，即刻生效。", "Accepted: it holds from now on.";
        declined: "未批准。", "Declined.";
        ask: "批准后，通报将按新的联系方式发送。", "Notices go to the new contact from now on.";
    }
}

struct Row {
    number: i64,
    party: String,
    organization: String,
    kind: &'static str,
    ground: &'static str,
    body: String,
    by: String,
    ago: String,
    label: String,
}

struct Wanted {
    id: i64,
    party: String,
    text: String,
    by: String,
}

#[derive(Template)]
#[template(path = "answers.html")]
struct ListPage {
    shell: Shell,
    w: &'static Words,
    waits: Vec<Row>,
    recent: Vec<Row>,
    changes: Vec<Wanted>,
    may_lead: bool,
    centre: bool,
}

/// An answer to a party.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Tell {
    /// Number of the incident.
    incident: i64,
    /// Id of the party, `ORG-...`.
    organization: String,
    /// What it is told.
    text: String,
}

/// What was told.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Told {
    /// Number of the incident.
    incident: i64,
    /// Id of the party.
    organization: String,
    /// When, RFC 3339.
    at: String,
}

/// What a lead decides about a change.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Decide {
    /// `accepted` or `declined`.
    decision: String,
    /// How it was checked, or why not.
    reason: String,
}

/// What became of a change.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Decided {
    /// Its number.
    id: i64,
    /// `accepted` or `declined`.
    state: String,
}

fn described_tell() -> Described {
    Described {
        summary: "Tells a party something about a matter that it was asked about; it reads it in the portal",
        body: Some(schemars::schema_for!(Tell).to_value()),
        answer: Some(schemars::schema_for!(Told).to_value()),
        ..Described::default()
    }
}

fn described_decide() -> Described {
    Described {
        summary: "Accepts or declines a change to a contact that a party asked for",
        body: Some(schemars::schema_for!(Decide).to_value()),
        answer: Some(schemars::schema_for!(Decided).to_value()),
        ..Described::default()
    }
}

async fn list(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Result<Response, Refusal> {
    let (w, lang, now) = (Words::of(visitor.lang), visitor.lang, desk.now().0);
    let reach = visitor.within()?;
    let page = Page {
        offset: 0,
        limit: LOOKED,
    };
    let posts = desk.ledger.portal_posts(&reach, page).await?;
    let code = super::outside::code(lang);
    let mut names = std::collections::HashMap::new();
    // The newest entry of a party about a matter says whether it waits.
    let mut seen = BTreeSet::new();
    let (mut waits, mut recent) = (Vec::new(), Vec::new());
    for (post, number) in posts {
        let id = post.organization_id.0;
        if let std::collections::hash_map::Entry::Vacant(free) = names.entry(id) {
            free.insert(desk.ledger.organization(id).await?.name(code).to_owned());
        }
        let first = seen.insert((id, number));
        let kind = post.kind.0;
        let party = names.get(&id).cloned().unwrap_or_default();
        let ground = post.ground.parse::<Dispute>().ok();
        let row = Row {
            number,
            label: fill(w.reply_label, &[("who", &party)]),
            party,
            organization: id.to_string(),
            kind: word(kind, lang),
            ground: ground.map_or("", |ground| word(ground, lang)),
            body: post.body,
            by: post.actor,
            ago: draw::ago(now, post.at, lang),
        };
        match first && matches!(kind, PostKind::Asked | PostKind::Disputed) {
            true => waits.push(row),
            false if recent.len() < 50 => recent.push(row),
            false => {}
        }
    }
    let centre = centre(&visitor).is_ok();
    let mut changes = Vec::new();
    if centre {
        for one in desk
            .ledger
            .contact_changes(ChangeState::Waiting, Page::ALL)
            .await?
        {
            changes.push(wanted(&desk, w, code, one).await?);
        }
    }
    Ok(shell::page(&ListPage {
        shell: shell::shell(&desk, &visitor, Nav::Inbox, w.title).await,
        w,
        waits,
        recent,
        changes,
        may_lead: visitor.may(Right::Lead),
        centre,
    }))
}

async fn wanted(
    desk: &Desk,
    w: &'static Words,
    code: &str,
    one: ContactChange,
) -> Result<Wanted, Refusal> {
    let organization = one.organization_id.0;
    let party = desk.ledger.organization(organization).await?;
    let contacts = desk.ledger.contacts(organization).await?;
    let text = match one.read()? {
        Change::Reach {
            contact,
            channel,
            address,
        } => {
            let before = contacts.iter().find(|known| known.id.0 == contact);
            let before = before.map(|known| format!("{}: {}", known.channel, known.address));
            let after = format!("{channel}: {address}");
            fill(
                w.from_to,
                &[("before", &before.unwrap_or_default()), ("after", &after)],
            )
        }
        Change::Key { fingerprint, .. } => fill(w.key, &[("print", &fingerprint)]),
    };
    Ok(Wanted {
        id: one.id,
        party: party.name(code).to_owned(),
        text,
        by: one.proposed_by,
    })
}

async fn told(desk: &Desk, visitor: &Visitor, form: Tell) -> Result<Told, Refusal> {
    let reach = visitor.within()?;
    let party: OrganizationId = form.organization.parse().map_err(|_| Refusal::Absent)?;
    let now = desk.now().0;
    let about = (form.incident, &reach);
    desk.ledger
        .tell_party(about, party, form.text.trim(), visitor.login(), now)
        .await?;
    Ok(Told {
        incident: form.incident,
        organization: form.organization,
        at: draw::stamp(now),
    })
}

async fn tell(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Input(form): Input<Tell>,
) -> Result<Response, Refusal> {
    told(&desk, &visitor, form).await?;
    Ok(done("/console/answers", Words::of(visitor.lang).told))
}

async fn api_tell(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Input(form): Input<Tell>,
) -> Result<Response, Refusal> {
    answer(&headers, &told(&desk, &visitor, form).await?)
}

async fn decided(
    desk: &Desk,
    visitor: &Visitor,
    id: i64,
    form: Decide,
) -> Result<ContactChange, Refusal> {
    centre(visitor)?;
    let by = visitor.actor(desk, Right::Lead).await?;
    let accept = match form.decision.as_str() {
        "accepted" => true,
        "declined" => false,
        _ => return Err(Refusal::invalid("decision", "is one of accepted, declined")),
    };
    if form.reason.trim().is_empty() {
        return Err(Refusal::invalid(
            "reason",
            "say how it was checked, or why not",
        ));
    }
    let decided = desk
        .ledger
        .decide_change(&by, id, (accept, &form.reason), desk.now().0);
    Ok(decided.await?)
}

async fn decide(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<i64>,
    Input(form): Input<Decide>,
) -> Result<Response, Refusal> {
    let w = Words::of(visitor.lang);
    let change = decided(&desk, &visitor, id, form).await?;
    let said = match change.state.0 {
        ChangeState::Accepted => w.accepted,
        _ => w.declined,
    };
    Ok(done("/console/answers", said))
}

async fn api_decide(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<i64>,
    headers: HeaderMap,
    Input(form): Input<Decide>,
) -> Result<Response, Refusal> {
    let change = decided(&desk, &visitor, id, form).await?;
    answer(
        &headers,
        &Decided {
            id: change.id,
            state: change.state.to_string(),
        },
    )
}
