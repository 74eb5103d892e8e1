//! The keeper of the public site: a node that serves it has in its folder what the ledger says is public, whoever
//! published it and where. What may move the site stands in the audit trail, so a look is one row, and the site is held
//! against the ledger only where one of those acts was done; now and then it is all the same.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::Server;
use crate::failure::{Failure, Result};
use crate::publishing;

/// How often it is looked whether something was done.
const LOOK: Duration = Duration::from_secs(2);
/// How often the site is held against the ledger whatever was done: back issues are imported past the trail.
const WHOLE: Duration = Duration::from_secs(600);
/// Rest after a site could not be written.
const REST: Duration = Duration::from_secs(60);
/// Acts that may move the site: on issues and roll-ups, on alerts, and publications of block lists.
const MOVES: [&str; 3] = ["issue.", "flash.", "listing.publish"];

/// The place in the trail up to which the site tells what is public, and when it was last held against the ledger.
type Kept = Option<(i64, Instant)>;

/// Keeps the site until the process is to end.
pub async fn run(server: Arc<Server>) -> &'static str {
    let mut changed = server.changed.subscribe();
    let mut kept: Kept = None;
    loop {
        if changed.has_changed().unwrap_or(false) {
            changed.borrow_and_update();
            kept = None;
        }
        let rest = match look(&server, &mut kept).await {
            Ok(()) => LOOK,
            Err(failure) => {
                let error = failure.message();
                tracing::error!(error, "the public site is not as it should be");
                REST
            }
        };
        tokio::select! {
            () = server.stopped() => return "public site",
            () = sleep(rest) => {}
        }
    }
}

async fn look(server: &Arc<Server>, kept: &mut Kept) -> Result {
    // Read first: what is done from here on is seen by the next look.
    let place = server.ledger.audit_place().await?;
    let still = match *kept {
        Some((before, at)) if at.elapsed() < WHOLE => {
            before == place || !server.ledger.audit_tells(&MOVES, (before, place)).await?
        }
        _ => false,
    };
    if still {
        *kept = kept.map(|(_, at)| (place, at));
        return Ok(());
    }
    let mine = Arc::clone(server);
    let keep = move || publishing::keep(&mine.workspace());
    let done = tokio::task::spawn_blocking(keep).await;
    // Where another writes it, the next look sees what came of that.
    if done.map_err(|error| Failure::new("site", error))?? {
        *kept = Some((place, Instant::now()));
    }
    Ok(())
}
