//! What a person does with a mail: one function an act, for the page's form and for programs.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use ledger::{Message, MessageState, Settled};
use model::incident::CaseKind;
use response::inbox::deciding::Case;
use schemars::JsonSchema;
use serde::Deserialize;

use super::message::Words;
use crate::Desk;
use crate::pages::form::{Input, done};
use crate::pages::paging;
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::fill;

/// To which incident a mail belongs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attach {
    /// The incident's number.
    pub(crate) incident: String,
    /// A remark.
    #[serde(default)]
    pub(crate) reason: String,
}

/// Which notice a mail is about.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    /// The notice's number.
    pub(crate) notice: String,
    /// Whether its address takes nothing for good; for bounces. `true` or empty.
    #[serde(default)]
    pub(crate) hard: String,
    /// A remark.
    #[serde(default)]
    pub(crate) reason: String,
}

/// Why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Why {
    /// The reason, kept in the audit trail.
    #[serde(default)]
    pub(crate) reason: String,
}

/// A case to be opened.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Open {
    /// Its kind: `phishing`, `malicious-app` ...
    pub(crate) kind: String,
    /// The URL, host or address that it is about; may be defanged.
    pub(crate) what: String,
}

/// An answer.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reply {
    /// Its text; the house's signature is added.
    pub(crate) text: String,
}

/// The message of an id or its beginning.
pub(super) async fn load(desk: &Desk, visitor: &Visitor, id: &str) -> Result<Message, Refusal> {
    visitor.of_the_house()?;
    // An empty beginning would be anybody's.
    match id.len() >= 8 && id.chars().all(|c| c.is_ascii_hexdigit()) {
        true => Ok(desk.ledger.message(id).await?),
        false => Err(Refusal::Absent),
    }
}

pub(super) async fn attach(
    desk: &Desk,
    visitor: &Visitor,
    id: &str,
    asked: &Attach,
) -> Result<Message, Refusal> {
    let message = load(desk, visitor, id).await?;
    let reach = visitor.within()?;
    let number = asked.incident.trim().trim_start_matches('#').parse();
    let number: i64 = number.map_err(|_| Refusal::invalid("incident", "is no number"))?;
    let found = desk.ledger.incident_numbered(number, &reach).await;
    let incident = found.map_err(|error| match error {
        ledger::Error::NotFound { .. } => {
            Refusal::invalid("incident", format!("there is no incident #{number}"))
        }
        other => other.into(),
    })?;
    let who = (asked.reason.as_str(), visitor.login());
    let id = incident.incident_id();
    let attached = desk.response.attach_message(&message, id, &reach, who);
    Ok(attached.await?)
}

async fn notice(desk: &Desk, text: &str) -> Result<model::ids::NoticeId, Refusal> {
    let number = text.trim().trim_start_matches('#').parse();
    let number: i64 = number.map_err(|_| Refusal::invalid("notice", "is no number"))?;
    match desk.ledger.notice_numbered(number).await {
        Ok(found) => Ok(found.notice_id()),
        Err(ledger::Error::NotFound { .. }) => Err(Refusal::invalid(
            "notice",
            format!("there is no notice #{number}"),
        )),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn answers(
    desk: &Desk,
    visitor: &Visitor,
    id: &str,
    asked: &About,
) -> Result<Message, Refusal> {
    let message = load(desk, visitor, id).await?;
    let notice = notice(desk, &asked.notice).await?;
    let who = (asked.reason.as_str(), visitor.login());
    Ok(desk.response.take_as_answer(&message, notice, who).await?)
}

pub(super) async fn bounce(
    desk: &Desk,
    visitor: &Visitor,
    id: &str,
    asked: &About,
) -> Result<Message, Refusal> {
    let message = load(desk, visitor, id).await?;
    let notice = notice(desk, &asked.notice).await?;
    let hard = matches!(asked.hard.as_str(), "true" | "on" | "1");
    let who = (asked.reason.as_str(), visitor.login());
    let taken = desk.response.take_as_bounce(&message, notice, hard, who);
    Ok(taken.await?)
}

/// Where a mail goes that belongs to nothing.
#[derive(Clone, Copy)]
pub(super) enum Aside {
    /// It is noise.
    Noise,
    /// It is dangerous, or nobody can make sense of it.
    Quarantine,
    /// It waits for a person again.
    Wait,
}

pub(super) async fn aside(
    desk: &Desk,
    visitor: &Visitor,
    id: &str,
    to: Aside,
    why: &str,
) -> Result<Message, Refusal> {
    let message = load(desk, visitor, id).await?;
    let reason = paging::reason(why)?;
    let (state, nature) = match to {
        Aside::Noise => (MessageState::Handled, Some("noise".to_owned())),
        Aside::Quarantine => (MessageState::Quarantined, None),
        Aside::Wait => (MessageState::Waiting, None),
    };
    let settled = Settled {
        state,
        nature,
        reason,
        notice: None,
        incident: None,
    };
    let (who, now) = (visitor.login(), desk.now().0);
    let settled = desk.ledger.settle_message(&message.id, settled, who, now);
    Ok(settled.await?)
}

/// A mail is a complaint: the number of its incident.
pub(super) async fn open(
    desk: &Desk,
    visitor: &Visitor,
    id: &str,
    asked: &Open,
) -> Result<i64, Refusal> {
    let message = load(desk, visitor, id).await?;
    let kind: CaseKind = asked
        .kind
        .parse()
        .map_err(|_| Refusal::invalid("kind", "is no kind of case"))?;
    let what = paging::filled(&asked.what);
    let what = what.ok_or_else(|| Refusal::invalid("what", "say what it is about"))?;
    let case = Case { kind, what };
    let opened = desk
        .letters()?
        .open(message, case, visitor.login().to_owned());
    Ok(opened.await?)
}

/// Answers a mail; the number of the letter in the outbox. The mail is handled by it.
pub(super) async fn reply(
    desk: &Desk,
    visitor: &Visitor,
    id: &str,
    asked: &Reply,
) -> Result<i64, Refusal> {
    let message = load(desk, visitor, id).await?;
    let text = paging::filled(&asked.text);
    let text = text.ok_or_else(|| Refusal::invalid("text", "is empty"))?;
    let who = visitor.login().to_owned();
    let number = desk.letters()?.answer(message.clone(), text, who).await?;
    if message.state == MessageState::Waiting {
        let settled = Settled {
            state: MessageState::Handled,
            nature: None,
            reason: format!("answered by letter #{number}"),
            notice: None,
            incident: None,
        };
        let (who, now) = (visitor.login(), desk.now().0);
        let settled = desk.ledger.settle_message(&message.id, settled, who, now);
        settled.await?;
    }
    Ok(number)
}

/// To the next mail that waits: whoever works through the inbox need not go back to the list.
async fn on(desk: &Desk, said: &str) -> Response {
    let filter = ledger::MessageFilter {
        state: Some(MessageState::Waiting),
        ..ledger::MessageFilter::default()
    };
    match desk
        .ledger
        .inbox(&filter, 1)
        .await
        .unwrap_or_default()
        .first()
    {
        Some(next) => done(
            &format!("/console/inbox/{}", &next.id[..16.min(next.id.len())]),
            said,
        ),
        None => done("/console/inbox", said),
    }
}

macro_rules! forms {
    ($($name:ident: $body:ty, $act:ident, $said:ident;)+) => {$(
        pub(super) async fn $name(
            State(desk): State<Arc<Desk>>,
            visitor: Visitor,
            Path(id): Path<String>,
            Input(asked): Input<$body>,
        ) -> Result<Response, Refusal> {
            $act(&desk, &visitor, &id, &asked).await?;
            Ok(on(&desk, Words::of(visitor.lang).$said).await)
        }
    )+};
}

forms! {
    attach_form: Attach, attach, done_attach;
    answers_form: About, answers, done_answers;
    bounce_form: About, bounce, done_bounce;
}

macro_rules! asides {
    ($($name:ident $to:ident $said:ident;)+) => {$(
        pub(super) async fn $name(
            State(desk): State<Arc<Desk>>,
            visitor: Visitor,
            Path(id): Path<String>,
            Input(why): Input<Why>,
        ) -> Result<Response, Refusal> {
            aside(&desk, &visitor, &id, Aside::$to, &why.reason).await?;
            Ok(on(&desk, Words::of(visitor.lang).$said).await)
        }
    )+};
}

asides! {
    noise_form Noise done_noise;
    quarantine_form Quarantine done_quarantine;
    wait_form Wait done_wait;
}

pub(super) async fn open_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Input(asked): Input<Open>,
) -> Result<Response, Refusal> {
    let number = open(&desk, &visitor, &id, &asked).await?;
    let said = fill(Words::of(visitor.lang).done_open, &[("n", &number)]);
    Ok(done(&format!("/console/incidents/{number}"), &said))
}

pub(super) async fn reply_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Input(asked): Input<Reply>,
) -> Result<Response, Refusal> {
    let number = reply(&desk, &visitor, &id, &asked).await?;
    let said = fill(Words::of(visitor.lang).done_reply, &[("n", &number)]);
    Ok(on(&desk, &said).await)
}
