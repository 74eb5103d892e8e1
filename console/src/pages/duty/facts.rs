//! What is open at a moment: what one shift must tell the next. It is kept in the handover as it stood then.

use ledger::{MessageState, Page, Reach};
use model::notice::NoticeState;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Names;
use crate::Desk;
use crate::pages::draw;
use crate::refusal::Refusal;

/// Most rows of a kind; the count says how many there are.
const MOST: u64 = 100;

/// A thing that is open.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Fact {
    /// What it is.
    pub(super) what: String,
    /// More about it.
    pub(super) about: String,
    /// The page to look at.
    pub(super) href: String,
    /// When it is due, microseconds UTC; 0 where it has no time.
    pub(super) due_at: i64,
}

/// What is open.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Facts {
    /// Statutory clocks that run.
    pub(super) clocks: Vec<Fact>,
    /// Promises that wait.
    pub(super) promises: Vec<Fact>,
    /// Mails that wait for a person.
    pub(super) unread: Vec<Fact>,
    /// Feeds that fail.
    pub(super) feeds: Vec<Fact>,
    /// Notices that wait for a decision.
    pub(super) held: Vec<Fact>,
    /// Alarms that are not over.
    pub(super) alarms: Vec<Fact>,
}

fn fact(what: impl Into<String>, about: impl Into<String>, href: String, due_at: i64) -> Fact {
    Fact {
        what: what.into(),
        about: about.into(),
        href,
        due_at,
    }
}

/// Feeds that failed when they were last asked, with why: the serving process remembers it as a setting a feed.
pub(super) async fn failing(desk: &Desk) -> Result<Vec<(String, String)>, Refusal> {
    let terms = desk.terms();
    let mut failing = Vec::new();
    for source in terms.catalogue.sources() {
        if !source.feed.enabled {
            continue;
        }
        let name = &source.feed.name;
        let runs: Option<Value> = desk.ledger.setting(&format!("runs.{name}")).await?;
        let Some(runs) = runs else {
            continue;
        };
        if runs["failures"].as_u64().unwrap_or(0) > 0 {
            let why = runs["error"].as_str().unwrap_or_default();
            failing.push((name.clone(), why.to_owned()));
        }
    }
    Ok(failing)
}

/// What is open now.
pub(super) async fn open(desk: &Desk) -> Result<Facts, Refusal> {
    let ledger = &desk.ledger;
    let page = Page {
        offset: 0,
        limit: MOST,
    };
    let names = Names::of(desk).await?;
    let mut facts = Facts::default();
    for clock in ledger
        .clocks_running()
        .await?
        .into_iter()
        .take(MOST as usize)
    {
        let Ok(incident) = ledger.incident(clock.incident_id.0, &Reach::All).await else {
            continue;
        };
        facts.clocks.push(fact(
            draw::defang(&incident.what),
            format!("#{} · {} {}", incident.number, clock.law, clock.duty),
            format!("/console/incidents/{}", incident.number),
            clock.due_at,
        ));
    }
    for promise in ledger.promises_open(&Reach::All).await? {
        facts.promises.push(fact(
            &promise.what,
            format!("{} · {}", promise.to_whom, names.get(&promise.made_by)),
            "/console/duty/promises".to_owned(),
            promise.due_at,
        ));
    }
    for message in ledger.messages(Some(MessageState::Waiting), page).await? {
        facts.unread.push(fact(
            &message.subject,
            format!(
                "{} · {}",
                message.sender,
                draw::exact(desk, message.received_at)
            ),
            format!("/console/inbox/{}", message.id),
            0,
        ));
    }
    for (name, why) in failing(desk).await? {
        facts
            .feeds
            .push(fact(&name, why, format!("/console/feeds/{name}"), 0));
    }
    for notice in ledger.notices(&[NoticeState::Held], page).await? {
        facts.held.push(fact(
            &notice.subject,
            notice.hold_reason.clone().unwrap_or_default(),
            format!("/console/notices/{}", notice.number),
            0,
        ));
    }
    for alarm in ledger.alarms_open().await? {
        let taken = alarm
            .acknowledged_by
            .as_deref()
            .map(|login| names.get(login));
        facts.alarms.push(fact(
            &alarm.what_zh,
            match taken {
                None => alarm.what_en.clone(),
                Some(name) => format!("{} · {name}", alarm.what_en),
            },
            format!("/console/duty/alarms/{}", alarm.id),
            0,
        ));
    }
    Ok(facts)
}
