//! Upkeep in the serving process: days that nothing is added to any more become few parts, and files that nobody has seen
//! for hours are deleted. It takes a turn for each day, so that whoever brings something waits for one day at most. One
//! node does that for all, as a job ([`super::rounds`]); over a store each node forgets the copies of what was deleted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use intake::compaction::Upkeep;
use tokio::time::sleep;

use super::Server;
use crate::failure::{Failure, Result};
use crate::workspace::{Lock, Workspace, now, while_nobody_reads};

/// Before the first round ever, and before copies are looked at after a start, other things come first.
pub const BEGIN_SECS: u32 = 300;
/// How long a turn is waited for, and how often it is asked for.
const PATIENCE: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(10);

/// Forgets copies of what others deleted, now and then, until the process is to end.
pub async fn run(server: Arc<Server>) -> &'static str {
    let mut first = true;
    loop {
        let every = server.workspace().settings.serve.upkeep_secs;
        let rest = match (every, first) {
            // It may be turned on by a new configuration.
            (0, _) => BEGIN_SECS,
            (_, true) => BEGIN_SECS.min(every),
            (_, false) => every,
        };
        first = false;
        tokio::select! {
            () = server.stopped() => return "upkeep",
            () = sleep(Duration::from_secs(rest.into())) => {}
        }
        if every == 0 {
            continue;
        }
        let mine = Arc::clone(&server);
        let done = tokio::task::spawn_blocking(move || copies(&mine)).await;
        if let Err(failure) = done.unwrap_or_else(|error| Err(Failure::new("upkeep", error))) {
            let error = failure.message();
            tracing::error!(
                error,
                "copies were not looked after; it is tried again later"
            );
        }
    }
}

fn upkeep(workspace: &Workspace) -> Upkeep<'_> {
    Upkeep {
        ledger: &workspace.ledger,
        lake: &workspace.lake,
        runtime: workspace.handle(),
        clock: &now,
    }
}

/// Forgets this node's copies of what nobody wants any more.
fn copies(server: &Server) -> Result {
    let workspace = server.workspace();
    let files = upkeep(&workspace).forget_copies(&workspace.blobs)?;
    if files > 0 {
        tracing::info!(files, "copies of what was deleted elsewhere were forgotten");
    }
    Ok(())
}

/// One look at every day before today.
///
/// # Errors
/// The ledger or the lake fails.
pub fn one(server: &Server) -> Result {
    let workspace = server.workspace();
    let upkeep = upkeep(&workspace);
    let plans = upkeep.plan(Some(i32::MIN..now().day().0))?;
    // On other nodes what is under way is begun again afterwards: once for all days.
    let whole = match plans.is_empty() {
        true => None,
        false => workspace.whole("upkeep")?,
    };
    for plan in plans {
        if whole.as_ref().is_none_or(|held| !held.alive()) {
            break;
        }
        if *server.stop.borrow() || !day(&workspace, &upkeep, plan.day.0)? {
            break;
        }
    }
    drop(whole);
    let Some(_turn) = workspace.turn()? else {
        return Ok(());
    };
    if let Some(done) = while_nobody_reads(&workspace.root, || upkeep.tidy())? {
        let done = done?;
        if done.removed > 0 {
            let (files, bytes) = (done.removed, done.bytes);
            tracing::info!(files, bytes, "files that nobody sees were deleted");
        }
    }
    Ok(())
}

/// A turn, waited for as commands wait: whoever ingests lets it go every few seconds.
fn patiently(workspace: &Workspace) -> Result<Option<Lock>> {
    let begun = Instant::now();
    loop {
        match workspace.turn()? {
            None if begun.elapsed() < PATIENCE => std::thread::sleep(AGAIN),
            turn => return Ok(turn),
        }
    }
}

/// Compacts a day, planned anew in our turn; false where somebody else is changing the workspace.
fn day(workspace: &Workspace, upkeep: &Upkeep<'_>, day: i32) -> Result<bool> {
    let Some(_turn) = patiently(workspace)? else {
        return Ok(false);
    };
    for plan in upkeep.plan(Some(day..day + 1))? {
        let done = upkeep.compact(&plan)?;
        metrics::counter!("watchfire_parts_merged_total").increment(done.merged);
        let (merged, into) = (done.merged, done.into);
        tracing::info!(day = %plan.day, merged, into, "a day was compacted");
    }
    Ok(true)
}
