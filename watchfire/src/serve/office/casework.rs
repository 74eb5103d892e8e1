//! Acts on one incident from its page: the plan of whom to ask, sending on, reminding, looking. Each takes the
//! workspace by turns, as a round of response does.

use std::sync::Arc;

use async_trait::async_trait;
use console::casework::Trouble;
use ledger::Incident;
use response::casework::Plan;
use response::checking::Checked;
use response::duty::{self, Law};
use response::grade::{self, Scheme};
use response::notify::WrittenNotices;
use response::route::Known;

use crate::failure::{Failure, Result};
use crate::registering;
use crate::responding::{self, Right, checker, desk, house, parties, table};
use crate::serve::Server;
use crate::workspace::Workspace;

/// The workspace as the pages of incidents use it.
pub struct Casework {
    server: Arc<Server>,
}

fn trouble(failure: impl Into<Failure>) -> Trouble {
    let failure = failure.into();
    Trouble(match failure.remedy_text() {
        None => failure.message().to_owned(),
        Some(remedy) => format!("{}; {remedy}", failure.message()),
    })
}

impl Casework {
    /// By the workspace that a process serves.
    pub fn new(server: Arc<Server>) -> Self {
        Casework { server }
    }

    /// Does work that waits, on a thread of its own.
    async fn at<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Server, &Workspace) -> Result<T> + Send + 'static,
    ) -> Result<T, Trouble> {
        let server = Arc::clone(&self.server);
        let done = tokio::task::spawn_blocking(move || work(&server, &server.workspace()));
        match done.await {
            Ok(done) => done.map_err(trouble),
            Err(error) => Err(Trouble(error.to_string())),
        }
    }
}

/// Waits for the right to change the workspace, and does it.
fn in_turn<T>(
    server: &Server,
    workspace: &Workspace,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let ends = || *server.stop.borrow();
    let right = Right::ByTurns(&ends);
    let turn = workspace.block_on(right.take(workspace))?;
    let done = work();
    drop(turn);
    done
}

/// What the register and kept registration data tell of an incident; nobody is asked.
fn known(workspace: &Workspace, incident: &Incident) -> Result<Known> {
    let desk = desk(workspace);
    let (findings, _) = registering::kept(workspace, &desk, std::slice::from_ref(incident))?;
    Ok(registering::known(&findings, incident))
}

#[async_trait]
impl console::casework::Casework for Casework {
    async fn plan(&self, number: i64) -> Result<Plan, Trouble> {
        self.at(move |server, workspace| {
            let one = responding::incident(workspace, &number.to_string())?;
            let known = known(workspace, &one)?;
            // Without an address of ours whom to ask can be shown all the same.
            let house = house(workspace, &server.environment, false);
            let (table, parties) = (table(workspace)?, parties(workspace)?);
            let desk = desk(workspace);
            let plan = desk.plan(&one, &known, &table, &parties, house.as_ref().ok());
            let mut plan = workspace.block_on(plan)?;
            plan.problems
                .extend(house.err().map(|failure| trouble(failure).0));
            Ok(plan)
        })
        .await
    }

    async fn dispatch(&self, number: i64, actor: &str) -> Result<WrittenNotices, Trouble> {
        let actor = actor.to_owned();
        self.at(move |server, workspace| {
            let house = house(workspace, &server.environment, false)?;
            in_turn(server, workspace, || {
                let one = responding::incident(workspace, &number.to_string())?;
                let known = known(workspace, &one)?;
                let (table, parties) = (table(workspace)?, parties(workspace)?);
                let desk = desk(workspace);
                let done = desk.dispatch(&one, &known, &table, &parties, &house, &actor);
                Ok(workspace.block_on(done)?)
            })
        })
        .await
    }

    async fn remind(&self, number: i64, actor: &str) -> Result<WrittenNotices, Trouble> {
        let actor = actor.to_owned();
        self.at(move |server, workspace| {
            let house = house(workspace, &server.environment, false)?;
            in_turn(server, workspace, || {
                let one = responding::incident(workspace, &number.to_string())?;
                let (desk, parties) = (desk(workspace), parties(workspace)?);
                tracing::info!(incident = number, actor, "reminded by hand");
                Ok(workspace.block_on(desk.remind(one.incident_id(), &parties, &house))?)
            })
        })
        .await
    }

    async fn probe(&self, number: i64, actor: &str) -> Result<Checked, Trouble> {
        let actor = actor.to_owned();
        self.at(move |server, workspace| {
            let (checker, parties) = (checker(workspace)?, parties(workspace)?);
            let desk = desk(workspace);
            tracing::info!(incident = number, actor, "looked at by hand");
            let due = workspace.block_on(desk.due_looks(&checker, &parties, &[number]))?;
            let mut told = Checked {
                withheld: due.withheld,
                ..Checked::default()
            };
            for one in due.due {
                // In nobody's turn: a site may take minutes to answer.
                let looked = workspace.block_on(desk.look(&checker, &one));
                in_turn(server, workspace, || {
                    let kept = desk.keep_looks(&checker, one, looked, &mut told);
                    Ok(workspace.block_on(kept)?)
                })?;
            }
            Ok(told)
        })
        .await
    }

    fn grading(&self) -> Result<(Vec<Scheme>, Vec<Law>), Trouble> {
        let workspace = self.server.workspace();
        let written = &workspace.settings.response;
        let wrong = |error: &dyn std::fmt::Display| Trouble(error.to_string());
        let schemes = grade::schemes(&written.grades).map_err(|error| wrong(&error))?;
        let laws = duty::laws(&written.laws).map_err(|error| wrong(&error))?;
        Ok((schemes, laws))
    }
}
