//! Rounds of response: a job in the ledger, due every so many seconds, that does what `watchfire
//! respond` does. Its work takes the workspace by turns, as ingestion does.

use std::sync::Arc;
use std::time::Duration;

use ledger::NewJob;
use model::time::Timestamp;
use tokio::time::sleep;

use super::Server;
use crate::failure::{Failure, Result};
use crate::responding::{self, Right, Round};
use crate::talk::{Loudness, Talk};
use crate::workspace::now;

/// Kind of the job; there is one.
pub const RESPOND: &str = "respond";
const KEY: &str = "round";
/// How often it is looked whether a round is due.
const LOOK: Duration = Duration::from_secs(1);
/// Length of a lease in seconds, and how often it is extended.
const LEASE_SECS: u32 = 60;
const BEAT: Duration = Duration::from_secs(20);

/// Does rounds until the process is to end; none while `response.address` is not set.
pub async fn run(server: Arc<Server>) -> &'static str {
    loop {
        let response = server.workspace().settings.response.clone();
        if !response.address.is_empty()
            && let Err(error) = due(&server, response.round_secs.max(1)).await
        {
            server.trouble("a round of response cannot be planned", &error);
        }
        tokio::select! {
            () = server.stopped() => return "response",
            () = sleep(LOOK) => {}
        }
    }
}

fn next(at: Timestamp, secs: u32) -> NewJob {
    NewJob {
        kind: RESPOND.to_owned(),
        key: KEY.to_owned(),
        payload: "{}".to_owned(),
        run_at: at.0.saturating_add(i64::from(secs) * 1_000_000),
    }
}

/// Does a round if one is due.
async fn due(server: &Arc<Server>, secs: u32) -> ledger::Result<()> {
    let ledger = &server.ledger;
    ledger.enqueue(next(now(), 0), now().0).await?;
    let lease = ledger.lease(now().0, &server.worker, &[RESPOND], LEASE_SECS);
    let Some(lease) = lease.await? else {
        return Ok(());
    };
    let mine = Arc::clone(server);
    let mut work = tokio::task::spawn_blocking(move || one(&mine));
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            () = sleep(BEAT) => ledger.extend_lease(&lease, now().0, LEASE_SECS).await?,
        }
    };
    let done = done.unwrap_or_else(|error| Err(Failure::new("response", error)));
    match done {
        Ok(round) => {
            metrics::counter!("watchfire_response_rounds_total", "outcome" => "good").increment(1);
            told(&round);
            ledger.complete(lease, now().0).await?;
            ledger.enqueue(next(now(), secs), now().0).await?;
        }
        Err(_) if *server.stop.borrow() => {
            ledger.release_leases(&[RESPOND], now().0).await?;
        }
        Err(failure) => {
            let error = failure.message();
            tracing::warn!(error, rests_secs = secs, "a round of response failed");
            metrics::counter!("watchfire_response_rounds_total", "outcome" => "failed")
                .increment(1);
            // It is never given up.
            ledger.fail(lease, now().0, error, secs, i32::MAX).await?;
        }
    }
    Ok(())
}

/// One round, on a thread that may wait.
fn one(server: &Server) -> Result<Round> {
    let workspace = server.workspace();
    let ends = || *server.stop.borrow();
    let talk = Talk::new(Loudness::Quiet);
    let right = Right::ByTurns(&ends);
    let environment = &server.environment;
    responding::round(&workspace, environment, &talk, &right, true)
}

fn told(round: &Round) {
    if let Some(failure) = round
        .fetch
        .as_ref()
        .and_then(|fetch| fetch.failure.as_ref())
    {
        tracing::warn!(failure, "mail cannot be fetched");
    }
    for problem in round
        .notices
        .problems
        .iter()
        .chain(&round.reminders.problems)
    {
        tracing::warn!(problem, "a notice cannot be written");
    }
    let (mail, triage, send) = (&round.mail, &round.triage, &round.send);
    metrics::counter!("watchfire_mails_read_total").increment(mail.messages);
    metrics::counter!("watchfire_incidents_opened_total").increment(triage.opened + mail.opened);
    metrics::counter!("watchfire_notices_sent_total").increment(send.sent);
    let something =
        mail.messages + triage.opened + triage.joined + round.notices.notices + send.sent;
    if something > 0 {
        tracing::info!(
            mails = mail.messages,
            opened = triage.opened,
            joined = triage.joined,
            notices = round.notices.notices,
            sent = send.sent,
            "a round of response"
        );
    }
}
