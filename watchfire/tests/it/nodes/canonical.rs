//! What a ledger and a mail server hold of response, told so that two runs over the same events can be compared: without
//! what a run draws (ids, tokens, Message-IDs, boundaries), without what its clock says, and with the numbers of incidents
//! put anew, in the order of rule and key.
//!
//! Everything else is kept: all columns of an incident and the events that joined it, whom it was decided to ask for
//! what and why, what each notice is and is about, and what came out at the other end. Of a mail these are sender,
//! recipient, subject, the letter's lines, and the content of every file beside it ([`mails`]). Lines and rows are sorted:
//! in a mail they stand in the order of incidents' numbers, which are the run's own.

use std::collections::HashMap;

use ::ledger::{IncidentFilter, IncidentSort, Ledger, Page, Reach};
use serde_json::{Value, json};

use mails::{Names, Sent};

mod mails;

/// Columns of an incident that are drawn, counted up or read from a clock.
const DRAWN: [&str; 7] = [
    "id",
    "number",
    "opened_at",
    "validated_at",
    "noticed_at",
    "changed_at",
    "version",
];
/// Columns of a directive that are told.
const ASKED: [&str; 7] = [
    "place",
    "role",
    "ask",
    "reason",
    "state",
    "target_secs",
    "working_days",
];
/// Columns of a notice that are told.
const SENT: [&str; 10] = [
    "kind",
    "state",
    "channel",
    "address",
    "format",
    "language",
    "exercise",
    "attempts",
    "approved_by",
    "outcome",
];

/// All of it, told anew.
#[derive(Clone, Debug)]
pub struct Told {
    /// The incidents' own numbers, in the order of what follows.
    pub numbers: Vec<i64>,
    /// Incidents with their events and directives, by rule and key.
    pub incidents: Vec<Value>,
    /// Notices.
    pub notices: Vec<Value>,
    /// Mails that the other side took.
    pub mails: Vec<Value>,
}

/// Reads what a run came to. `mails` are those that its mail server took, `begun` is an instant (RFC 3339, UTC) after
/// all events and before the run.
pub async fn told(ledger: &Ledger, mails: &[String], begun: &str) -> Told {
    let filter = IncidentFilter::default();
    let found = ledger.incidents(&filter, &Reach::All, IncidentSort::Oldest, Page::ALL);
    let mut found = found.await.expect("incidents are read");
    found.sort_by(|a, b| (&a.rule, &a.key).cmp(&(&b.rule, &b.key)));
    let place = |at: usize| format!("n{at}");
    let names = Names {
        places: found
            .iter()
            .enumerate()
            .map(|(at, one)| (one.number.to_string(), place(at)))
            .collect(),
        begun,
    };
    let register = ledger.register().await.expect("the register is read");
    let parties: HashMap<String, &str> = register
        .organizations
        .iter()
        .map(|one| (one.organization_id().to_string(), one.name_en.as_str()))
        .collect();
    let party = |id: Option<String>| id.map(|id| parties.get(&id).copied().unwrap_or("?"));

    let mut incidents = Vec::new();
    for one in &found {
        let id = one.incident_id();
        let events = ledger.incident_events(id, &Reach::All, Page::ALL).await;
        let mut joined: Vec<String> = events
            .expect("events are read")
            .iter()
            .map(|event| format!("{} by {}", hex(&event.event_id), event.rule))
            .collect();
        joined.sort();
        let directives = ledger.directives(id).await.expect("directives are read");
        let asked = directives.iter().map(|one| {
            let mut value = kept(one, |column| ASKED.contains(&column));
            value["party"] = json!(party(
                one.organization_id.as_ref().map(|id| id.0.to_string())
            ));
            value
        });
        let mut value = kept(one, |column| !DRAWN.contains(&column));
        value["joined"] = json!(joined);
        value["directives"] = sorted(asked.collect());
        incidents.push(value);
    }

    let known: HashMap<String, &::ledger::Incident> = found
        .iter()
        .map(|one| (one.incident_id().to_string(), one))
        .collect();
    let mut all_sent = HashMap::new();
    let mut notices = Vec::new();
    for one in ledger
        .notices(&[], Page::ALL)
        .await
        .expect("notices are read")
    {
        let covers = ledger.notice_directives(one.notice_id()).await;
        let covers = covers.expect("what a notice is about is read");
        let about: Vec<_> = covers
            .iter()
            .filter_map(|covered| known.get(&covered.incident_id.0.to_string()))
            .collect();
        let sent = Sent {
            id: one.notice_id().to_string(),
            token: one.token.clone(),
            message_id: one.message_id.clone(),
            numbers: about.iter().map(|one| one.number.to_string()).collect(),
        };
        let about = about.iter().map(|one| json!([one.rule, one.key]));
        let mut value = kept(&one, |column| SENT.contains(&column));
        value["party"] = json!(party(Some(one.organization_id.0.to_string())));
        value["subject"] = json!(names.subject(&sent, &one.subject));
        value["held"] = json!(
            one.hold_reason
                .as_deref()
                .map(|reason| names.renumbered(reason))
        );
        value["about"] = sorted(about.collect());
        notices.push(value);
        all_sent.insert(sent.id.clone(), sent);
    }
    let mails = mails.iter().map(|mail| names.mail(mail, &all_sent));
    Told {
        numbers: found.iter().map(|one| one.number).collect(),
        incidents,
        notices,
        mails: mails.collect(),
    }
}

/// What one has and the other has not; nothing if they are the same.
pub fn differences(found: &Told, expected: &Told) -> Vec<String> {
    let mut all = Vec::new();
    for (part, found, expected) in [
        ("incidents", &found.incidents, &expected.incidents),
        ("notices", &found.notices, &expected.notices),
        ("mails", &found.mails, &expected.mails),
    ] {
        let mut awaited: Vec<String> = expected.iter().map(Value::to_string).collect();
        for one in found.iter().map(Value::to_string) {
            match awaited.iter().position(|other| *other == one) {
                Some(at) => drop(awaited.swap_remove(at)),
                None => all.push(format!("{part}: unexpected {one}")),
            }
        }
        all.extend(awaited.iter().map(|one| format!("{part}: missing {one}")));
    }
    all
}

/// A row's columns that are to be told.
fn kept(row: &impl serde::Serialize, keep: impl Fn(&str) -> bool) -> Value {
    let mut value = serde_json::to_value(row).expect("a row is JSON");
    if let Value::Object(columns) = &mut value {
        columns.retain(|column, _| keep(column));
    }
    value
}

fn sorted(mut values: Vec<Value>) -> Value {
    values.sort_by_key(Value::to_string);
    Value::Array(values)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
