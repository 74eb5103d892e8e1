//! Block lists in the serving process: what ends or is taken off is gone from the files within a minute.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::Server;
use crate::blocklisting;
use crate::failure::{Failure, Result};

/// How often it is looked; taking off is promised within 15 minutes.
const LOOK: Duration = Duration::from_secs(60);

/// Looks after the files until the process is to end.
pub async fn run(server: Arc<Server>) -> &'static str {
    loop {
        if server.leads() && server.workspace().settings.lists.enabled {
            let mine = Arc::clone(&server);
            let done = tokio::task::spawn_blocking(move || one(&mine)).await;
            match done.unwrap_or_else(|error| Err(Failure::new("block lists", error))) {
                Ok(()) => {}
                Err(failure) => {
                    let error = failure.message();
                    tracing::error!(error, "block lists are not as they should be");
                }
            }
        }
        tokio::select! {
            () = server.stopped() => return "block lists",
            () = sleep(LOOK) => {}
        }
    }
}

/// One look, if nobody else is changing the workspace; else the next does it.
fn one(server: &Server) -> Result {
    let workspace = server.workspace();
    let Some(_turn) = workspace.turn()? else {
        return Ok(());
    };
    let done = blocklisting::look_after(&workspace)?;
    let changed = !done.is_empty();
    for done in done {
        let blocklisting::Published {
            list,
            serial,
            entries,
            held_over,
            ..
        } = done;
        tracing::info!(
            list,
            serial,
            entries,
            held_over,
            "a block list was published anew"
        );
    }
    match changed {
        true => blocklisting::tell(&workspace),
        false => Ok(()),
    }
}
