//! The inbox for programs.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use ledger::{Message, MessageFilter, MessageState};
use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};

use super::acts::{self, About, Aside, Attach, Open, Reply, Why};
use super::{after, cursor};
use crate::Desk;
use crate::pages::draw::stamp;
use crate::pages::form::{Input, answer};
use crate::pages::paging::{self, Asked, PageOf};
use crate::refusal::Refusal;
use crate::routes::Described;
use crate::visitor::Visitor;

/// A mail, as programs see it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct MessageOut {
    /// Its id: the hash of its bytes.
    id: String,
    /// Who sent it, by its From.
    sender: String,
    /// Its subject.
    subject: String,
    /// What it was taken for.
    nature: String,
    /// `new`, `handled`, `waiting`, `quarantined`.
    state: &'static str,
    /// Why it waits, or what came of it.
    reason: Option<String>,
    /// What an answer proposes.
    proposal: Option<String>,
    /// The notice it answers, `NOT-...`.
    notice: Option<String>,
    /// The incident it belongs to, `INC-...`.
    incident: Option<String>,
    /// When it was received, RFC 3339.
    received_at: String,
}

fn state(of: MessageState) -> &'static str {
    match of {
        MessageState::New => "new",
        MessageState::Handled => "handled",
        MessageState::Waiting => "waiting",
        MessageState::Quarantined => "quarantined",
    }
}

impl From<Message> for MessageOut {
    fn from(one: Message) -> Self {
        MessageOut {
            id: one.id,
            sender: one.sender,
            subject: one.subject,
            nature: one.nature,
            state: state(one.state),
            reason: one.reason,
            proposal: one.proposal,
            notice: one.notice_id.map(|id| id.to_string()),
            incident: one.incident_id.map(|id| id.to_string()),
            received_at: stamp(one.received_at),
        }
    }
}

/// What the list is asked for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListAsked {
    /// `new`, `handled`, `waiting` or `quarantined`.
    #[serde(default)]
    state: String,
    /// Text of sender or subject.
    #[serde(default)]
    q: String,
    /// Rows at most.
    limit: Option<u64>,
    /// `next` of the page before.
    #[serde(default)]
    after: String,
}

/// The number of what was made.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Made {
    /// Of the incident, or of the letter.
    number: i64,
}

pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Asked(asked): Asked<ListAsked>,
) -> Result<Response, Refusal> {
    visitor.of_the_house()?;
    let known = [
        MessageState::New,
        MessageState::Handled,
        MessageState::Waiting,
        MessageState::Quarantined,
    ];
    let wanted = match asked.state.as_str() {
        "" => None,
        word => {
            let found = known.into_iter().find(|one| state(*one) == word);
            Some(found.ok_or_else(|| Refusal::invalid("state", "is no state of a message"))?)
        }
    };
    let filter = MessageFilter {
        state: wanted,
        text: paging::filled(&asked.q),
        after: match asked.after.as_str() {
            "" => None,
            text => Some(after(text).ok_or_else(|| Refusal::invalid("after", "is no cursor"))?),
        },
    };
    let limit = paging::limit(asked.limit);
    let mut found = desk.ledger.inbox(&filter, limit + 1).await?;
    let next = paging::cut(&mut found, limit, cursor);
    let items = found.into_iter().map(MessageOut::from).collect();
    answer(&headers, &PageOf { items, next })
}

pub(super) async fn one(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let message = acts::load(&desk, &visitor, &id).await?;
    answer(&headers, &MessageOut::from(message))
}

macro_rules! acts {
    ($($name:ident: $body:ty;)+) => {$(
        pub(super) async fn $name(
            State(desk): State<Arc<Desk>>,
            visitor: Visitor,
            headers: HeaderMap,
            Path(id): Path<String>,
            Input(asked): Input<$body>,
        ) -> Result<Response, Refusal> {
            let after = acts::$name(&desk, &visitor, &id, &asked).await?;
            answer(&headers, &MessageOut::from(after))
        }
    )+};
}

acts! {
    attach: Attach;
    answers: About;
    bounce: About;
}

macro_rules! asides {
    ($($name:ident $to:ident;)+) => {$(
        pub(super) async fn $name(
            State(desk): State<Arc<Desk>>,
            visitor: Visitor,
            headers: HeaderMap,
            Path(id): Path<String>,
            Input(why): Input<Why>,
        ) -> Result<Response, Refusal> {
            let after = acts::aside(&desk, &visitor, &id, Aside::$to, &why.reason).await?;
            answer(&headers, &MessageOut::from(after))
        }
    )+};
}

asides! {
    noise Noise;
    quarantine Quarantine;
    wait Wait;
}

pub(super) async fn open(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<String>,
    Input(asked): Input<Open>,
) -> Result<Response, Refusal> {
    let number = acts::open(&desk, &visitor, &id, &asked).await?;
    answer(&headers, &Made { number })
}

pub(super) async fn reply(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<String>,
    Input(asked): Input<Reply>,
) -> Result<Response, Refusal> {
    let number = acts::reply(&desk, &visitor, &id, &asked).await?;
    answer(&headers, &Made { number })
}

pub(super) fn list_described() -> Described {
    Described {
        summary: "Mail that came in, the newest first",
        query: Some(schema_for!(ListAsked).to_value()),
        answer: Some(schema_for!(PageOf<MessageOut>).to_value()),
        ..Described::default()
    }
}

pub(super) fn one_described() -> Described {
    Described {
        summary: "A mail, by its id or the beginning of it",
        answer: Some(schema_for!(MessageOut).to_value()),
        ..Described::default()
    }
}

pub(super) fn original_described() -> Described {
    Described {
        summary: "A mail's bytes as they came; who takes them is audited",
        kind: Some("application/octet-stream"),
        ..Described::default()
    }
}

pub(super) fn part_described() -> Described {
    Described {
        summary: "An attachment of a mail; who takes it is audited",
        kind: Some("application/octet-stream"),
        ..Described::default()
    }
}

fn settled<B: JsonSchema>(summary: &'static str) -> Described {
    Described {
        summary,
        body: Some(schema_for!(B).to_value()),
        answer: Some(schema_for!(MessageOut).to_value()),
        ..Described::default()
    }
}

pub(super) fn attach_described() -> Described {
    settled::<Attach>("A mail belongs to an incident; its attachments become evidence")
}

pub(super) fn answers_described() -> Described {
    settled::<About>("A mail answers a notice")
}

pub(super) fn bounce_described() -> Described {
    settled::<About>("A mail says that a notice came back")
}

pub(super) fn noise_described() -> Described {
    settled::<Why>("A mail asks nothing of us")
}

pub(super) fn quarantine_described() -> Described {
    settled::<Why>("A mail is put into quarantine")
}

pub(super) fn wait_described() -> Described {
    settled::<Why>("A mail waits for a person again")
}

pub(super) fn open_described() -> Described {
    Described {
        summary: "A mail is a complaint: it opens or joins an incident",
        body: Some(schema_for!(Open).to_value()),
        answer: Some(schema_for!(Made).to_value()),
        ..Described::default()
    }
}

pub(super) fn reply_described() -> Described {
    Described {
        summary: "Answers a mail; the letter stands in the outbox",
        body: Some(schema_for!(Reply).to_value()),
        answer: Some(schema_for!(Made).to_value()),
        ..Described::default()
    }
}
