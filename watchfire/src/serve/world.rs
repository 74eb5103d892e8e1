//! The world of an exercise: a mail server of this machine takes what the house writes, and made-up parties answer,
//! act, or have no mailbox any more. Nothing leaves the machine: no other mail server is used, and nothing is looked
//! at outside; whether a page is gone is told by what its party did.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use ledger::{Fault, Move, Notice, Reach};
use model::incident::IncidentState;
use model::notice::NoticeState;
use model::time::Timestamp;
use model::verification::{Client, Finding, ProbeKind};
use response::Desk;
use response::notice::Token;
use response::verify::{Look, Rules};
use tokio::time::sleep;

use super::Server;
use crate::command::demo::work::{Taken, serve};
use crate::failure::{Failure, Result};
use crate::responding;
use crate::workspace::now;

/// Who does what the world does.
const ACTOR: &str = "system:exercise";
/// How often the world goes on.
const BEAT: Duration = Duration::from_secs(3);
/// A party answers after so long, and what it takes down is gone then.
const ANSWERS: i64 = 20_000_000;
/// Looks are this far apart: a drill lasts minutes, not hours.
const APART: i64 = 10;
/// Hosts of this scenario have a party whose first mailbox is gone.
const GONE: &str = "storm-";

/// Opens the mail server; mails of this process go to it from now on.
///
/// # Errors
/// The machine gives no port.
pub fn open() -> Result<Taken> {
    let (port, taken) = serve()?;
    responding::SINK
        .set(port)
        .map_err(|_| Failure::new("exercise", "its mail server is open already"))?;
    Ok(taken)
}

/// What is under way.
#[derive(Default)]
struct World {
    /// Answers by the instant they arrive at.
    coming: Vec<(i64, Vec<u8>)>,
    /// When a host's page went away.
    fixed: HashMap<String, i64>,
}

/// Lets the world go on until the process is to end.
pub async fn run(server: Arc<Server>, taken: Taken) -> &'static str {
    let mut world = World::default();
    loop {
        let desk = responding::desk(&server.workspace());
        if let Err(failure) = beat(&server, &desk, &taken, &mut world).await {
            let error = failure.message();
            tracing::error!(error, "the world of the exercise stands still");
        }
        tokio::select! {
            () = server.stopped() => return "exercise",
            () = sleep(BEAT) => {}
        }
    }
}

async fn beat(server: &Server, desk: &Desk, taken: &Taken, world: &mut World) -> Result {
    let mails = std::mem::take(&mut *taken.lock().unwrap_or_else(PoisonError::into_inner));
    for (recipient, bytes) in mails {
        let text = String::from_utf8_lossy(&bytes);
        let to_us = text
            .lines()
            .find_map(|line| line.strip_prefix("Reply-To: "));
        let to_us = to_us
            .unwrap_or_default()
            .trim()
            .trim_matches(['<', '>'])
            .to_owned();
        let Some(token) = Token::of_address(&to_us) else {
            continue;
        };
        let found = server.ledger.notice_of(Some(token.as_str()), &[]).await?;
        if let Some(notice) = found.filter(|notice| notice.kind.0.asks()) {
            arrives(server, &notice, (&recipient, &to_us), world).await?;
        }
    }
    let at = now();
    let (due, later) = std::mem::take(&mut world.coming)
        .into_iter()
        .partition(|(when, _)| *when <= at.0);
    world.coming = later;
    let due: Vec<(i64, Vec<u8>)> = due;
    for (_, mail) in due {
        desk.receive(&mail, "drill", at).await?;
    }
    looks(server, desk, world, at).await
}

/// A notice is in a party's mailbox, or comes back.
async fn arrives(
    server: &Server,
    notice: &Notice,
    (recipient, to_us): (&str, &str),
    world: &mut World,
) -> Result {
    let ledger = &server.ledger;
    let at = now().0;
    let mut first = true;
    for covered in ledger.notice_directives(notice.notice_id()).await? {
        let incident = ledger.incident(covered.incident_id.0, &Reach::All).await?;
        let host = incident.host.clone().unwrap_or_default();
        let before = ledger.notices_about(incident.incident_id()).await?;
        let bounced = before.iter().any(|one| one.state.0 == NoticeState::Bounced);
        if host.starts_with(GONE) && !bounced {
            let back = Move {
                to: NoticeState::Bounced,
                reply: "550 5.1.1 user unknown (exercise)".to_owned(),
                next_at: None,
            };
            ledger
                .notice_came_back(notice.notice_id(), back, Fault::Gone, ACTOR, at)
                .await?;
            return Ok(());
        }
        world.fixed.entry(host).or_insert(at + ANSWERS);
        if std::mem::take(&mut first) {
            let word = match notice.language.as_str() {
                "zh" => "已处置",
                _ => "Fixed",
            };
            let mail = format!(
                "From: <{recipient}>\r\nTo: <{to_us}>\r\nSubject: Re: {}\r\nMessage-ID: <re.{}@party.example>\r\n\
                 In-Reply-To: <{}>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
                 Content-Transfer-Encoding: 8bit\r\n\r\n{word}\r\n",
                notice.number, notice.token, notice.message_id
            );
            world.coming.push((at + ANSWERS, mail.into_bytes()));
        }
    }
    Ok(())
}

/// Looks at the pages that parties acted on.
async fn looks(server: &Server, desk: &Desk, world: &World, at: Timestamp) -> Result {
    let rules = Rules {
        interval_secs: APART,
        first_wait_secs: APART,
        ..Rules::default()
    };
    for (host, fixed) in &world.fixed {
        let filter = ledger::IncidentFilter {
            host: Some(host.clone()),
            states: vec![
                IncidentState::Notified,
                IncidentState::Acknowledged,
                IncidentState::Acted,
                IncidentState::Gone,
            ],
            ..ledger::IncidentFilter::default()
        };
        let sort = ledger::IncidentSort::Oldest;
        let found = server
            .ledger
            .incidents(&filter, &Reach::All, sort, ledger::Page::ALL)
            .await?;
        for one in found {
            let gone = *fixed <= at.0;
            let look = Look {
                at,
                probe: ProbeKind::Http,
                client: Client::Victim,
                vantage: "exercise".to_owned(),
                finding: match gone {
                    true => Finding::Gone,
                    false => Finding::Present,
                },
            };
            let reason = if gone { "not-found" } else { "same-page" };
            desk.told_of_look(&rules, &one, look, reason, ACTOR).await?;
        }
    }
    Ok(())
}
