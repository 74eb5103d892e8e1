//! The outbox for programs.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use ledger::{Notice, NoticeFilter};
use response::notify::arming::Leave;
use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};

use super::letter::{self, Act, Again, Why};
use super::sending::{Switch, switch};
use crate::Desk;
use crate::pages::draw::stamp;
use crate::pages::form::{Input, answer};
use crate::pages::paging::{self, Asked, PageOf};
use crate::refusal::Refusal;
use crate::routes::Described;
use crate::visitor::Visitor;

/// A notice, as programs see it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct NoticeOut {
    /// Its id, `NOT-...`.
    id: String,
    /// Its number.
    number: i64,
    /// Why it is written: `first`, `reminder` ...
    kind: String,
    /// `held`, `ready`, `sending`, `sent`, `bounced`, `task`, `failed`, `cancelled`, `exercise`.
    state: String,
    /// To which organization, `ORG-...`.
    organization: String,
    /// To which of its contacts, `CON-...`.
    contact: Option<String>,
    /// `mail`, `webhook`, `files`, `manual`.
    channel: String,
    /// Where.
    address: String,
    /// Its attachment's format.
    format: Option<String>,
    /// `zh` or `en`.
    language: String,
    /// Its subject.
    subject: String,
    /// Why it waits for a person.
    hold_reason: Option<String>,
    /// What the other side said last.
    outcome: Option<String>,
    /// Who let it go.
    approved_by: Option<String>,
    /// Whether it belongs to an exercise.
    exercise: bool,
    /// How often it was tried.
    attempts: i32,
    /// When it was written, RFC 3339.
    created_at: String,
    /// Not before this.
    next_at: Option<String>,
    /// When the other side took it.
    sent_at: Option<String>,
}

impl From<Notice> for NoticeOut {
    fn from(one: Notice) -> Self {
        NoticeOut {
            id: one.id.to_string(),
            number: one.number,
            kind: one.kind.to_string(),
            state: one.state.to_string(),
            organization: one.organization_id.to_string(),
            contact: one.contact_id.map(|id| id.to_string()),
            channel: one.channel.to_string(),
            address: one.address,
            format: one.format.map(|format| format.to_string()),
            language: one.language,
            subject: one.subject,
            hold_reason: one.hold_reason,
            outcome: one.outcome,
            approved_by: one.approved_by,
            exercise: one.exercise,
            attempts: one.attempts,
            created_at: stamp(one.created_at),
            next_at: one.next_at.map(stamp),
            sent_at: one.sent_at.map(stamp),
        }
    }
}

/// A try to deliver.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AttemptOut {
    at: String,
    /// What came of it: a state.
    outcome: String,
    /// What the other side said.
    reply: String,
}

/// A notice with what became of it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct NoticeDetail {
    #[serde(flatten)]
    notice: NoticeOut,
    /// Numbers of the incidents that it is about.
    incidents: Vec<i64>,
    /// Tries, the oldest first.
    tries: Vec<AttemptOut>,
}

/// What the list is asked for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListAsked {
    /// States, separated by commas.
    #[serde(default)]
    state: String,
    /// Text of subject or address, or a number.
    #[serde(default)]
    q: String,
    /// Only to this organization.
    #[serde(default)]
    organization: String,
    /// Rows at most.
    limit: Option<u64>,
    /// `next` of the page before.
    #[serde(default)]
    after: String,
}

/// The number of a notice.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Written {
    /// The new notice's number.
    number: i64,
}

/// How sending stands.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SendingOut {
    /// Whether letters leave.
    leaves: bool,
    /// Why not.
    why_not: Option<String>,
    /// Who stopped all sending, when and why.
    stopped: Option<Deed>,
    /// Who armed an instance, when and why.
    armed: Option<Deed>,
}

/// Who did something, when and why.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Deed {
    by: String,
    at: String,
    reason: String,
}

pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Asked(asked): Asked<ListAsked>,
) -> Result<Response, Refusal> {
    visitor.of_the_house()?;
    let words = asked.state.split(',').filter(|word| !word.is_empty());
    let states = words.map(|word| {
        let read = word.trim().parse();
        read.map_err(|_| Refusal::invalid("state", format!("`{word}` is no state of a notice")))
    });
    let organization = paging::filled(&asked.organization).map(|id| {
        let read = id.parse();
        read.map_err(|_| Refusal::invalid("organization", "is no id, as ORG-..."))
    });
    let filter = NoticeFilter {
        states: states.collect::<Result<_, _>>()?,
        organization: organization.transpose()?,
        text: paging::filled(&asked.q),
        before: match asked.after.as_str() {
            "" => None,
            after => Some(paging::number(after)?),
        },
    };
    let limit = paging::limit(asked.limit);
    let mut found = desk.ledger.outbox(&filter, limit + 1).await?;
    let next = paging::cut(&mut found, limit, |one| one.number.to_string());
    let items = found.into_iter().map(NoticeOut::from).collect();
    answer(&headers, &PageOf { items, next })
}

pub(super) async fn one(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(number): Path<String>,
) -> Result<Response, Refusal> {
    visitor.of_the_house()?;
    let notice = desk
        .ledger
        .notice_numbered(paging::number(&number)?)
        .await?;
    let id = notice.notice_id();
    let mut incidents = Vec::new();
    let reach = visitor.within()?;
    for covered in desk.ledger.notice_directives(id).await? {
        if let Ok(one) = desk.ledger.incident(covered.incident_id.0, &reach).await {
            incidents.push(one.number);
        }
    }
    let tries = desk.ledger.attempts(id).await?;
    let tries = tries.into_iter().map(|one| AttemptOut {
        at: stamp(one.at),
        outcome: one.outcome,
        reply: one.reply,
    });
    let detail = NoticeDetail {
        notice: notice.into(),
        incidents,
        tries: tries.collect(),
    };
    answer(&headers, &detail)
}

macro_rules! acts {
    ($($name:ident $act:ident;)+) => {$(
        pub(super) async fn $name(
            State(desk): State<Arc<Desk>>,
            visitor: Visitor,
            headers: HeaderMap,
            Path(number): Path<String>,
            Input(why): Input<Why>,
        ) -> Result<Response, Refusal> {
            let after = letter::act(&desk, &visitor, &number, Act::$act, &why.reason).await?;
            answer(&headers, &NoticeOut::from(after))
        }
    )+};
}

acts! {
    release Release;
    hold Hold;
    drop_it Drop;
}

pub(super) async fn again(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(number): Path<String>,
    Input(asked): Input<Again>,
) -> Result<Response, Refusal> {
    let number = letter::write_again(&desk, &visitor, &number, &asked).await?;
    answer(&headers, &Written { number })
}

pub(super) async fn carried(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(number): Path<String>,
    Input(why): Input<Why>,
) -> Result<Response, Refusal> {
    let after = letter::carry(&desk, &visitor, &number, &why.reason).await?;
    answer(&headers, &NoticeOut::from(after))
}

async fn stands(desk: &Desk, headers: &HeaderMap) -> Result<Response, Refusal> {
    let (stopped, armed) = desk.response.sending_state().await?;
    let leave = desk.response.may_leave(&desk.identity).await?;
    let out = SendingOut {
        leaves: matches!(leave, Leave::Yes(_)),
        why_not: match leave {
            Leave::Yes(_) => None,
            Leave::No(why) => Some(why),
        },
        stopped: stopped.map(|one| Deed {
            by: one.by,
            at: stamp(one.at),
            reason: one.reason,
        }),
        armed: armed.map(|one| Deed {
            by: one.by,
            at: stamp(one.at),
            reason: one.reason,
        }),
    };
    answer(headers, &out)
}

pub(super) async fn sending(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    visitor.of_the_house()?;
    stands(&desk, &headers).await
}

macro_rules! switches {
    ($($name:ident $act:ident;)+) => {$(
        pub(super) async fn $name(
            State(desk): State<Arc<Desk>>,
            visitor: Visitor,
            headers: HeaderMap,
            Input(why): Input<Why>,
        ) -> Result<Response, Refusal> {
            switch(&desk, &visitor, Switch::$act, &why.reason).await?;
            stands(&desk, &headers).await
        }
    )+};
}

switches! {
    stop Stop;
    resume Resume;
    arm Arm;
    disarm Disarm;
}

pub(super) fn list_described() -> Described {
    Described {
        summary: "Notices in the outbox, the newest first",
        query: Some(schema_for!(ListAsked).to_value()),
        answer: Some(schema_for!(PageOf<NoticeOut>).to_value()),
        ..Described::default()
    }
}

pub(super) fn one_described() -> Described {
    Described {
        summary: "A notice with its incidents and tries",
        answer: Some(schema_for!(NoticeDetail).to_value()),
        ..Described::default()
    }
}

pub(super) fn letter_described() -> Described {
    Described {
        summary: "A notice's bytes, exactly as they go out",
        kind: Some("application/octet-stream"),
        ..Described::default()
    }
}

fn act_described(summary: &'static str) -> Described {
    Described {
        summary,
        body: Some(schema_for!(Why).to_value()),
        answer: Some(schema_for!(NoticeOut).to_value()),
        ..Described::default()
    }
}

pub(super) fn release_described() -> Described {
    act_described("Lets a held notice go")
}

pub(super) fn hold_described() -> Described {
    act_described("Holds a ready notice back")
}

pub(super) fn drop_described() -> Described {
    act_described("Takes a notice out of the outbox; what it asks for is due again")
}

pub(super) fn carried_described() -> Described {
    act_described("Says that a notice was carried by hand; the reason tells how")
}

pub(super) fn again_described() -> Described {
    Described {
        summary: "Writes what a notice asked for to another contact of its party",
        body: Some(schema_for!(Again).to_value()),
        answer: Some(schema_for!(Written).to_value()),
        ..Described::default()
    }
}

fn switch_described(summary: &'static str) -> Described {
    Described {
        summary,
        body: Some(schema_for!(Why).to_value()),
        answer: Some(schema_for!(SendingOut).to_value()),
        ..Described::default()
    }
}

pub(super) fn sending_described() -> Described {
    Described {
        body: None,
        ..switch_described("Whether letters leave, and who decided so")
    }
}

pub(super) fn stop_described() -> Described {
    switch_described("Stops all sending at once, on every node")
}

pub(super) fn resume_described() -> Described {
    switch_described("Lets sending go on that was stopped")
}

pub(super) fn arm_described() -> Described {
    switch_described("Lets this instance send")
}

pub(super) fn disarm_described() -> Described {
    switch_described("Takes this instance's leave to send back")
}
