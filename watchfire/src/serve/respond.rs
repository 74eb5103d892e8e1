//! Rounds of response: a job in the ledger, due every so many seconds, that does what `watchfire
//! respond` does. Its work takes the workspace by turns, as ingestion does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ledger::{Held, Lease, NewJob};
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
/// What a node owns that does a round.
const FENCE: &str = "respond";

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

/// Plans a round, if none is planned: on the node of a cluster that leads.
pub async fn plan(server: &Server) -> ledger::Result<()> {
    if server.workspace().settings.response.address.is_empty() {
        return Ok(());
    }
    server.ledger.enqueue(next(now(), 0), now().0).await?;
    Ok(())
}

/// Does a round if one is due.
async fn due(server: &Arc<Server>, secs: u32) -> ledger::Result<()> {
    let ledger = &server.ledger;
    ledger.enqueue(next(now(), 0), now().0).await?;
    let lease = ledger.lease(now().0, &server.worker, &[RESPOND], server.lease_secs());
    match lease.await? {
        Some(lease) => held(server, lease, secs, None).await,
        None => Ok(()),
    }
}

/// Does the round that a cluster's queue called for, if it is still to be done.
///
/// The right to respond is had by one process of all nodes, commands too; the ledger's handle fails once another
/// took over; and the lease says to others that it is done. So no step has two owners, however long one of them
/// was stopped.
pub async fn called(server: &Arc<Server>) -> ledger::Result<()> {
    let ledger = &server.ledger;
    let secs = server.workspace().settings.response.round_secs.max(1);
    let wanted = (RESPOND, KEY);
    let lease = ledger.lease_one(now().0, &server.worker, wanted, server.lease_secs());
    let Some(lease) = lease.await? else {
        return Ok(());
    };
    let Some(right) = ledger.hold(ledger::Right::Respond).await? else {
        tracing::info!("a round of response waits: another node is at it");
        let again = ledger.fail(lease, now().0, "another node is at it", 1, i32::MAX);
        return again.await.map(drop);
    };
    held(server, lease, secs, Some(right)).await
}

/// Does a leased round and extends its lease meanwhile.
async fn held(
    server: &Arc<Server>,
    lease: Lease,
    secs: u32,
    right: Option<Held>,
) -> ledger::Result<()> {
    let ledger = &server.ledger;
    let mine = Arc::clone(server);
    let lost = Arc::new(AtomicBool::new(false));
    let ends = Arc::clone(&lost);
    let mut work = tokio::task::spawn_blocking(move || one(&mine, right.as_ref(), &ends));
    let beat = Duration::from_secs(server.lease_secs().into()) / 3;
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            () = sleep(beat) => {
                let extended = ledger.extend_lease(&lease, now().0, server.lease_secs());
                if let Err(error) = extended.await {
                    // The thread ends at its next step; what it does until then the ledger refuses.
                    lost.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
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
            ledger.release_own(&server.worker, now().0).await?;
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

/// One round, on a thread that may wait; of a cluster's node with what it owns.
fn one(server: &Server, right: Option<&Held>, lost: &AtomicBool) -> Result<Round> {
    let mut workspace = server.workspace();
    if right.is_some() {
        let names = [FENCE.to_owned()];
        let fenced = workspace.ledger.fenced(&names, &server.worker, now().0);
        workspace = Arc::new(workspace.owning(workspace.block_on(fenced)?));
    }
    let ends = || {
        *server.stop.borrow()
            || lost.load(Ordering::Relaxed)
            || right.is_some_and(|right| !right.alive())
    };
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
