//! What the console's pages need of this process: acts that want the configuration, its keys, and the turn at the
//! workspace. They are the functions of the commands, on threads that may wait. Each file implements one trait of the
//! crate `console`.

use std::sync::Arc;

use console::correspondence::Declined;

use super::Server;
use crate::failure::{Failure, Result};
use crate::responding::Right;
use crate::talk::{Loudness, Talk};
use crate::workspace::Workspace;

pub mod almanac;
mod casework;
mod letters;
pub mod newsroom;
mod sources;

pub use casework::Casework;
pub use newsroom::Newsroom;

/// The serving process, as the console's pages see it.
pub struct Office {
    server: Arc<Server>,
}

impl Office {
    /// The office of a process.
    pub fn new(server: Arc<Server>) -> Self {
        Office { server }
    }

    /// Does work that changes the workspace: on a thread that may wait, in this process's turn.
    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Workspace, &Server, &Talk) -> Result<T, Declined> + Send + 'static,
    ) -> Result<T, Declined> {
        let server = Arc::clone(&self.server);
        let done = tokio::task::spawn_blocking(move || {
            let workspace = server.workspace();
            let ends = || *server.stop.borrow();
            let right = Right::ByTurns(&ends);
            let turn = workspace.block_on(right.take(&workspace));
            let turn = turn.map_err(failed)?;
            let done = work(&workspace, &server, &Talk::new(Loudness::Quiet));
            drop(turn);
            done
        });
        done.await
            .unwrap_or_else(|error| Err(Declined::Broken(error.to_string())))
    }
}

/// A failure of a command's function is told as it is: it names the object and the remedy.
fn failed(failure: Failure) -> Declined {
    let message = failure.message();
    match message.split_once(": ") {
        Some((object, reason)) => Declined::Refused(object.to_owned(), reason.to_owned()),
        None => Declined::Refused("the workspace".to_owned(), message.to_owned()),
    }
}
