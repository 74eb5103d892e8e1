//! Work on an issue that a person asked for at the desk: counting and composing, rendering and making public. Each piece
//! is a job of the ledger (`ledger::job::work`), done by this process where it is the only one, of a cluster by whichever
//! worker gets it; how far it is and what came of it stand in its row.
//!
//! Whoever does it owns the issue's name meanwhile (`ledger::fence`): a worker that was believed dead changes nothing
//! when it comes back. What a rule or a right forbids is an outcome, for whoever asked; where a machine stands in the
//! way it is tried again a few times and then given up, for whoever runs it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bulletin::render::Fonts;
use console::newsroom::{Kind, Outcome, Stage, Task, Work};
use ledger::job::work::{DRAFT, KINDS, RENDER};
use ledger::{Job, JobState, Lease};
use model::issue::IssueNumber;
use serde_json::json;
use tokio::time::sleep;

use super::office::newsroom::{named, open};
use super::{Server, jobs};
use crate::command::bulletin::drafting::{Author, draft, key_of};
use crate::command::bulletin::{fonts, publishing};
use crate::failure::{Failure, Result};
use crate::responding::Right;
use crate::talk::{Loudness, Talk};
use crate::weekly::Desk;
use crate::workspace::{Workspace, now};

/// Pieces of work that are shown.
const SHOWN: u64 = 50;
/// How often it is looked for work that was asked for past this process.
const LOOK: Duration = Duration::from_secs(1);
/// Rests after a fault of the machines in seconds; then it is given up.
const RESTS: [u32; 3] = [5, 30, 120];
/// Tries, those included whose worker died.
const TRIES: i32 = RESTS.len() as i32 + 1;
/// How often it is looked whether somebody still changes the whole.
const PAUSE: Duration = Duration::from_millis(500);

/// What a person asked for, as the job carries it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Order {
    issue: IssueNumber,
    task: Task,
    /// Who asks; their rights are looked at when it is done.
    by: String,
    /// When, microseconds UTC.
    at: i64,
}

impl Order {
    fn read(job: &Job) -> serde_json::Result<Order> {
        serde_json::from_str(&job.payload)
    }

    /// The work, as its job stands.
    fn work(self, job: &Job) -> Work {
        let stage = job.stage.as_deref().and_then(Stage::named);
        Work {
            id: job.id,
            issue: self.issue,
            kind: self.task.kind(),
            by: self.by,
            begun_at: self.at,
            stage: match job.state {
                JobState::Queued => Stage::Waiting,
                _ => stage.unwrap_or(Stage::Waiting),
            },
            ended_at: job.finished_at,
            outcome: match job.state {
                JobState::Queued | JobState::Leased => None,
                JobState::Done => {
                    let outcome = job.outcome.as_deref();
                    outcome.and_then(|text| serde_json::from_str(text).ok())
                }
                JobState::Failed => Some(Outcome::Failed {
                    why: job.last_error.clone().unwrap_or_default(),
                }),
            },
        }
    }
}

/// Asks for work on an issue.
///
/// # Errors
/// Other work on it is under way; the ledger fails.
pub async fn begin(
    server: &Server,
    issue: IssueNumber,
    task: Task,
    by: &str,
) -> ledger::Result<Work> {
    let kind = match task.kind() {
        Kind::Draft | Kind::Late => DRAFT,
        Kind::Publish | Kind::Withdraw => RENDER,
    };
    let at = now().0;
    let order = Order {
        issue,
        task,
        by: by.to_owned(),
        at,
    };
    let key = key_of(&server.workspace(), issue);
    let payload = json!(order).to_string();
    let job = server.ledger.begin_work(kind, &key, payload, at).await?;
    server.begun.notify_one();
    Ok(order.work(&job))
}

/// The newest pieces of work on issues of this house's series, whichever node began or did them.
///
/// # Errors
/// The ledger fails.
pub async fn list(server: &Server) -> ledger::Result<Vec<Work>> {
    let workspace = server.workspace();
    let jobs = server.ledger.works(SHOWN).await?;
    let works = jobs.iter().filter_map(|job| {
        let order = Order::read(job).ok()?;
        let own = key_of(&workspace, order.issue).object() == job.key;
        own.then(|| order.work(job))
    });
    Ok(works.collect())
}

/// Does work in turn until the process is to end: where it is the only one.
pub async fn run(server: Arc<Server>) -> &'static str {
    loop {
        let secs = server.lease_secs();
        let lease = server.ledger.lease(now().0, &server.worker, &KINDS, secs);
        match lease.await {
            Ok(Some(lease)) => match held(&server, lease).await {
                Ok(()) if *server.stop.borrow() => {}
                // More may wait.
                Ok(()) => continue,
                Err(error) => server.trouble("work on an issue cannot be noted", &error),
            },
            Ok(None) => {}
            Err(error) => server.trouble("no work can be leased", &error),
        }
        tokio::select! {
            () = server.stopped() => return "work on issues",
            () = server.begun.notified() => {}
            () = sleep(LOOK) => {}
        }
    }
}

/// Does the work that a cluster's queue called for, if it is still to be done.
pub async fn called(server: &Arc<Server>, kind: &str, key: &str) -> ledger::Result<()> {
    let (wanted, secs) = ((kind, key), server.lease_secs());
    let lease = server
        .ledger
        .lease_one(now().0, &server.worker, wanted, secs);
    match lease.await? {
        Some(lease) => held(server, lease).await,
        None => Ok(()),
    }
}

/// Does leased work and notes what came of it.
async fn held(server: &Arc<Server>, lease: Lease) -> ledger::Result<()> {
    let ledger = &server.ledger;
    let (kind, issue) = (lease.job.kind.clone(), lease.job.key.clone());
    if lease.job.attempts > TRIES {
        let why = "whoever began it did not come to an end, several times";
        tracing::error!(kind, issue, why, "work on an issue is given up");
        return ledger.fail(lease, now().0, why, 0, TRIES).await.map(drop);
    }
    let lost = Arc::new(AtomicBool::new(false));
    let (mine, own, ends) = (Arc::clone(server), lease.clone(), Arc::clone(&lost));
    let mut doing = tokio::task::spawn_blocking(move || one(&mine, &own, &ends));
    let done = jobs::beating(server, &lease, &mut doing, &lost).await?;
    let done = done.unwrap_or_else(|error| Err(Failure::new("the work broke", error).outage()));
    let outcome = match done {
        Ok(outcome) => outcome,
        // The process gives its leases back when it ends.
        Err(_) if *server.stop.borrow() => return Ok(()),
        Err(failure) if failure.is_outage() => {
            let error = failure.message();
            let tries = usize::try_from(lease.job.attempts).unwrap_or(1).max(1);
            let rest = RESTS.get(tries - 1).copied().unwrap_or_default();
            let given_up = ledger.fail(lease, now().0, error, rest, TRIES).await?;
            match given_up {
                true => tracing::error!(kind, issue, error, "work on an issue is given up"),
                false => tracing::warn!(kind, issue, error, rest, "work on an issue failed"),
            }
            return Ok(());
        }
        Err(failure) => Outcome::Failed {
            why: failure.message().to_owned(),
        },
    };
    let text = json!(outcome).to_string();
    tracing::info!(kind, issue, outcome = text, "work on an issue ended");
    ledger.finish_work(lease, &text, now().0).await
}

/// One piece of work, on a thread that may wait: with the issue's name for its own and in this process's turn.
fn one(server: &Server, lease: &Lease, lost: &AtomicBool) -> Result<Outcome> {
    let (workspace, job) = (server.workspace(), &lease.job);
    // A node of another version, or with another configuration, may know it.
    let order = Order::read(job)
        .map_err(|error| Failure::new(format_args!("job {}", job.id), error).outage())?;
    let key = key_of(&workspace, order.issue).object();
    if key != job.key {
        return Err(Failure::new(&job.key, "is of another series than this node's").outage());
    }
    let ends = || *server.stop.borrow() || lost.load(Ordering::Relaxed);
    let names = [key];
    let owned = loop {
        let taken = workspace.ledger.fenced(&names, &server.worker, now().0);
        match workspace.block_on(taken) {
            // Somebody changes the whole: it goes on when that ends.
            Err(ledger::Error::Busy) if !ends() => std::thread::sleep(PAUSE),
            taken => break taken?,
        }
    };
    let workspace = workspace.owning(owned);
    let note = |stage: Stage| workspace.block_on(server.ledger.note_stage(lease, stage.name()));
    // Ours after the name was taken: whoever has the lease later takes the name later. Who slept until it was another's
    // ends here.
    note(Stage::Waiting)?;
    let stage = |stage: Stage| {
        if let Err(error) = note(stage) {
            // It is only shown; whether the work may go on, its own transactions ask.
            tracing::debug!(%error, "how far work is cannot be noted");
        }
    };
    let turn = workspace.block_on(Right::ByTurns(&ends).take(&workspace))?;
    let done = work(&workspace, &order, (server.roles.console, &stage));
    drop(turn);
    done
}

fn work(
    workspace: &Workspace,
    order: &Order,
    (serves, stage): (bool, &dyn Fn(Stage)),
) -> Result<Outcome> {
    let talk = Talk::new(Loudness::Quiet);
    let (issue, by) = (order.issue, order.by.as_str());
    match &order.task {
        Task::Draft { note, refreeze } => {
            stage(Stage::Counting);
            let desk = Desk::new(workspace)?;
            let fonts = fonts(workspace, &talk);
            let hashes = fonts.as_ref().map_or(&[][..], Fonts::hashes);
            let author = Author {
                name: by,
                note,
                published: None,
                refreeze: refreeze.as_deref(),
                now: now(),
            };
            let drafted = draft(workspace, &desk, named(workspace, issue)?, hashes, &author)?;
            Ok(Outcome::Drafted {
                revision: drafted.issue.revision,
                new: drafted.new,
                frozen: drafted.frozen,
            })
        }
        Task::Late => {
            stage(Stage::Counting);
            let (key, row) = open(workspace, issue)?;
            let named = named(workspace, issue)?;
            let found = publishing::look_for_late(workspace, named, (&key, &row), by)?;
            Ok(Outcome::Counted {
                corrections: found.len(),
            })
        }
        Task::Publish { forms } => {
            stage(Stage::Rendering);
            let (key, row) = open(workspace, issue)?;
            publishing::put_out(workspace, (&key, &row), by, forms, &talk)?;
            stage(Stage::Site);
            on_the_site(workspace, serves)
        }
        Task::Withdraw { zh, en } => {
            stage(Stage::Site);
            let (key, _) = open(workspace, issue)?;
            publishing::take_back(workspace, &key, by, (zh, en))?;
            on_the_site(workspace, serves)
        }
    }
}

/// Writes the site where this node serves it; every other node that does keeps its own ([`super::keeper`]).
fn on_the_site(workspace: &Workspace, serves: bool) -> Result<Outcome> {
    let files = match serves {
        true => {
            let written = crate::publishing::build(workspace)?;
            written.kept + written.written
        }
        false => crate::publishing::files(workspace)?,
    };
    Ok(Outcome::Public { files })
}
