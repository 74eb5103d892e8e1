//! Webhooks out: changes become calls, calls are jobs of the ledger with a lease each, tried again after rests as
//! Standard Webhooks proposes.

use std::sync::Arc;
use std::time::Duration;

use ledger::hook::HOOK_JOB;
use ledger::{CallState, Lease};
use response::deliver::webhook::{Key, Way};
use response::deliver::{Outcome, Secret};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Server;
use crate::responding;
use crate::workspace::now;

/// How often it is looked for changes and for calls that are due.
const LOOK: Duration = Duration::from_secs(1);
/// Calls at the same time: a slow receiver holds no other up.
const TOGETHER: usize = 8;
/// Length of a lease in seconds; a call takes thirty at most.
const LEASE_SECS: u32 = 120;
/// Rests between tries in seconds (Standard Webhooks, "Deliverability and reliability"); then it is given up.
const RESTS: [u32; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// Calls until the process is to end.
pub async fn run(server: Arc<Server>) -> &'static str {
    let mut calls = JoinSet::new();
    let mut changed = server.changed.subscribe();
    let mut way = made(&server);
    loop {
        if changed.has_changed().unwrap_or(false) {
            changed.borrow_and_update();
            way = made(&server);
        }
        if let Some(way) = &way
            && let Err(error) = look(&server, way, &mut calls).await
        {
            server.trouble("webhooks cannot be called", &error);
        }
        tokio::select! {
            () = server.stopped() => break,
            Some(_) = calls.join_next(), if !calls.is_empty() => {}
            () = sleep(LOOK) => {}
        }
    }
    while calls.join_next().await.is_some() {}
    "webhooks"
}

/// The way out; none where nothing may leave.
fn made(server: &Server) -> Option<Arc<Way>> {
    match responding::way(&server.workspace()) {
        Ok(way) => way.map(Arc::new),
        Err(failure) => {
            let error = failure.message();
            tracing::error!(error, "webhooks cannot be called");
            None
        }
    }
}

/// Makes calls of the changes since the last look; for the node of a cluster that leads.
pub async fn note(server: &Server) -> ledger::Result<()> {
    while server.ledger.note_calls(now().0).await?.1 {}
    Ok(())
}

/// Does one call of a cluster's queue, if it is still to be done.
pub async fn called(server: &Arc<Server>, key: &str) -> ledger::Result<()> {
    let mine = Arc::clone(server);
    let way = tokio::task::spawn_blocking(move || made(&mine)).await;
    let Ok(Some(way)) = way else {
        return Ok(());
    };
    let wanted = (HOOK_JOB, key);
    let lease = server
        .ledger
        .lease_one(now().0, &server.worker, wanted, LEASE_SECS);
    match lease.await? {
        Some(lease) => one(server, &way, lease).await,
        None => Ok(()),
    }
}

async fn look(server: &Arc<Server>, way: &Arc<Way>, calls: &mut JoinSet<()>) -> ledger::Result<()> {
    let ledger = &server.ledger;
    note(server).await?;
    while calls.len() < TOGETHER {
        let lease = ledger.lease(now().0, &server.worker, &[HOOK_JOB], LEASE_SECS);
        let Some(lease) = lease.await? else {
            break;
        };
        let (server, way) = (Arc::clone(server), Arc::clone(way));
        calls.spawn(async move {
            if let Err(error) = one(&server, &way, lease).await {
                server.trouble("a webhook's call cannot be noted", &error);
            }
        });
    }
    Ok(())
}

/// One try of one call.
async fn one(server: &Server, way: &Way, lease: Lease) -> ledger::Result<()> {
    let ledger = &server.ledger;
    let id: i64 = lease.job.key.parse().unwrap_or_default();
    let found = match ledger.hook_call(id).await {
        Ok(call) => ledger.hook(call.hook_id).await.map(|hook| (call, hook)),
        Err(error) => Err(error),
    };
    let (call, hook) = match found {
        Ok(found) => found,
        // What is not there any more is not called.
        Err(ledger::Error::NotFound { .. }) => return ledger.complete(lease, now().0).await,
        Err(error) => return Err(error),
    };
    if hook.ended_at.is_some() {
        ledger
            .hook_called(id, CallState::Failed, "the webhook was ended", now().0)
            .await?;
        return ledger.complete(lease, now().0).await;
    }
    let outcome = match Key::read(&Secret::new(hook.secret.as_str())) {
        Ok(key) => {
            let body = call.body.clone().into_bytes();
            way.post(&hook.url, &[key], &call.message, now(), body)
                .await
        }
        Err(error) => Outcome::Refused {
            reply: error.to_string(),
        },
    };
    let sent = matches!(outcome, Outcome::Sent { .. });
    let label = if sent { "sent" } else { "failed" };
    metrics::counter!("watchfire_webhook_calls_total", "outcome" => label).increment(1);
    if sent {
        ledger
            .hook_called(id, CallState::Sent, outcome.reply(), now().0)
            .await?;
        return ledger.complete(lease, now().0).await;
    }
    let tries = usize::try_from(lease.job.attempts).unwrap_or(1).max(1);
    let rest = RESTS.get(tries - 1).copied();
    let state = match rest {
        Some(_) => CallState::Waiting,
        None => CallState::Failed,
    };
    ledger
        .hook_called(id, state, outcome.reply(), now().0)
        .await?;
    tracing::info!(
        hook = hook.name,
        call = id,
        reply = outcome.reply(),
        "a webhook did not take it"
    );
    let most = i32::try_from(RESTS.len() + 1).unwrap_or(i32::MAX);
    let given_up = ledger.fail(lease, now().0, outcome.reply(), rest.unwrap_or(0), most);
    given_up.await.map(drop)
}
