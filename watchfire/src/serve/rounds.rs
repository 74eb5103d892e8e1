//! What is done again and again: triage, rounds of response, sending, looks at sites, and looking after the lake. Each is
//! one job in the ledger, due every so many seconds; in a cluster any worker may get it. A look may wait minutes for a
//! site, a party's mail server as long, and compaction longer: none waits for another, and whoever leaves something to do
//! calls the next at once. Their work takes the workspace by turns, as ingestion does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ledger::incident::Triaged;
use ledger::{Held, Lease, NewJob};
use model::time::Timestamp;
use response::checking::Checked;
use response::notify::sending::SentNotices;
use tokio::time::sleep;

use super::{Server, jobs, upkeep};
use crate::failure::{Failure, Result};
use crate::responding::{self, Right, Round};
use crate::talk::{Loudness, Talk};
use crate::workspace::now;

/// Kinds of the jobs; there is one of each. (`triage` is that of a report whose events wait.)
pub const TRIAGE: &str = "triage-round";
pub const NOTIFY: &str = "notify";
pub const RESPOND: &str = "respond";
pub const VERIFY: &str = "verify";
pub const COMPACT: &str = "compact";
const KEY: &str = "round";
/// How often it is looked whether a round is due.
const LOOK: Duration = Duration::from_secs(1);

/// What is done again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Events of new reports open incidents or join them.
    Triage,
    /// Mail is read; it is decided whom to ask and to remind, and written to them.
    Respond,
    /// What was written is sent.
    Notify,
    /// Looks whether what was reported is gone.
    Verify,
    /// Many small parts of the lake become few.
    Compact,
}

impl Task {
    /// Every one.
    pub const ALL: [Task; 5] = [
        Task::Triage,
        Task::Respond,
        Task::Notify,
        Task::Verify,
        Task::Compact,
    ];

    /// The task of a kind of job.
    pub fn of(kind: &str) -> Option<Task> {
        Task::ALL.into_iter().find(|task| task.kind() == kind)
    }

    /// The kind of its job; also what a node owns that does it.
    pub fn kind(self) -> &'static str {
        match self {
            Task::Triage => TRIAGE,
            Task::Notify => NOTIFY,
            Task::Respond => RESPOND,
            Task::Verify => VERIFY,
            Task::Compact => COMPACT,
        }
    }

    /// Of all nodes of a cluster one has it. Compaction takes its own, where there is something to do.
    fn right(self) -> Option<ledger::Right> {
        match self {
            Task::Triage => Some(ledger::Right::Triage),
            Task::Respond => Some(ledger::Right::Respond),
            Task::Notify => Some(ledger::Right::Notify),
            Task::Verify => Some(ledger::Right::Verify),
            Task::Compact => None,
        }
    }

    /// Seconds between two rounds; `None`: it is not done.
    fn every(self, server: &Server) -> Option<u32> {
        let settings = &server.workspace().settings;
        let response = &settings.response;
        match self {
            Task::Triage | Task::Respond | Task::Notify | Task::Verify => {
                let there = !response.address.is_empty();
                there.then_some(response.round_secs.max(1))
            }
            Task::Compact => Some(settings.serve.upkeep_secs).filter(|secs| *secs > 0),
        }
    }

    /// Seconds before the first.
    fn first(self, every: u32) -> u32 {
        match self {
            Task::Triage | Task::Respond | Task::Notify | Task::Verify => 0,
            Task::Compact => every.min(upkeep::BEGIN_SECS),
        }
    }

    fn next(self, at: Timestamp, secs: u32) -> NewJob {
        NewJob {
            kind: self.kind().to_owned(),
            key: KEY.to_owned(),
            payload: "{}".to_owned(),
            run_at: at.0.saturating_add(i64::from(secs) * 1_000_000),
        }
    }
}

/// Does a task's rounds until the process is to end.
pub async fn run(server: Arc<Server>, task: Task) -> &'static str {
    loop {
        if let Some(secs) = task.every(&server)
            && let Err(error) = due(&server, task, secs).await
        {
            server.trouble("a round cannot be planned", &error);
        }
        tokio::select! {
            () = server.stopped() => return task.kind(),
            () = sleep(LOOK) => {}
        }
    }
}

/// Plans a round of each, if none is planned: on the node of a cluster that leads.
pub async fn plan(server: &Server) -> ledger::Result<()> {
    for task in Task::ALL {
        if let Some(secs) = task.every(server) {
            let job = task.next(now(), task.first(secs));
            server.ledger.enqueue(job, now().0).await?;
        }
    }
    Ok(())
}

/// Does a round if one is due.
async fn due(server: &Arc<Server>, task: Task, secs: u32) -> ledger::Result<()> {
    let ledger = &server.ledger;
    let job = task.next(now(), task.first(secs));
    ledger.enqueue(job, now().0).await?;
    let kinds = [task.kind()];
    let lease = ledger.lease(now().0, &server.worker, &kinds, server.lease_secs());
    match lease.await? {
        Some(lease) => held(server, task, lease, secs, None).await,
        None => Ok(()),
    }
}

/// Does the round that a cluster's queue called for, if it is still to be done.
///
/// The right to it is had by one process of all nodes, commands too; the ledger's handle fails once another
/// took over; and the lease says to others that it is done. So no step has two owners, however long one of them
/// was stopped.
pub async fn called(server: &Arc<Server>, task: Task) -> ledger::Result<()> {
    let ledger = &server.ledger;
    let wanted = (task.kind(), KEY);
    let lease = ledger.lease_one(now().0, &server.worker, wanted, server.lease_secs());
    let Some(lease) = lease.await? else {
        return Ok(());
    };
    let Some(secs) = task.every(server) else {
        // It was turned off meanwhile.
        return ledger.complete(lease, now().0).await;
    };
    let right = match task.right() {
        None => None,
        Some(right) => match ledger.hold(right).await? {
            Some(held) => Some(held),
            None => {
                tracing::info!(task = task.kind(), "a round waits: another node is at it");
                let again = ledger.fail(lease, now().0, "another node is at it", 1, i32::MAX);
                return again.await.map(drop);
            }
        },
    };
    held(server, task, lease, secs, right).await
}

/// Does a leased round and extends its lease meanwhile.
async fn held(
    server: &Arc<Server>,
    task: Task,
    lease: Lease,
    secs: u32,
    right: Option<Held>,
) -> ledger::Result<()> {
    let ledger = &server.ledger;
    let mine = Arc::clone(server);
    let lost = Arc::new(AtomicBool::new(false));
    let ends = Arc::clone(&lost);
    let mut work = tokio::task::spawn_blocking(move || one(&mine, task, right.as_ref(), &ends));
    let done = jobs::beating(server, &lease, &mut work, &lost).await?;
    let done = done.unwrap_or_else(|error| Err(Failure::new(task.kind(), error)));
    let rounds = |outcome: &'static str| {
        let task = task.kind();
        metrics::counter!("watchfire_rounds_total", "task" => task, "outcome" => outcome)
            .increment(1);
    };
    match done {
        Ok(()) => {
            rounds("good");
            ledger.complete(lease, now().0).await?;
            ledger.enqueue(task.next(now(), secs), now().0).await?;
        }
        Err(_) if *server.stop.borrow() => {
            ledger.release_own(&server.worker, now().0).await?;
        }
        Err(failure) => {
            let error = failure.message();
            let name = task.kind();
            tracing::warn!(task = name, error, rests_secs = secs, "a round failed");
            rounds("failed");
            // It is never given up.
            ledger.fail(lease, now().0, error, secs, i32::MAX).await?;
        }
    }
    Ok(())
}

/// One round, on a thread that may wait; of a cluster's node with what it owns.
fn one(server: &Server, task: Task, right: Option<&Held>, lost: &AtomicBool) -> Result {
    let mut workspace = server.workspace();
    if right.is_some() {
        let names = [task.kind().to_owned()];
        let fenced = workspace.ledger.fenced(&names, &server.worker, now().0);
        workspace = Arc::new(workspace.owning(workspace.block_on(fenced)?));
    }
    let ends = || {
        *server.stop.borrow()
            || lost.load(Ordering::Relaxed)
            || right.is_some_and(|right| !right.alive())
    };
    let right = Right::ByTurns(&ends);
    // Whoever comes next is called at once, in place of waiting for its turn.
    let call = |next: Task| {
        let job = next.next(now(), 0);
        workspace.block_on(server.ledger.enqueue(job, now().0))
    };
    match task {
        Task::Triage => {
            let (_, triaged) = responding::triage(&workspace, &right)?;
            opened(&triaged);
            if triaged.opened + triaged.joined > 0 {
                call(Task::Respond)?;
            }
        }
        Task::Respond => {
            let talk = Talk::new(Loudness::Quiet);
            let environment = &server.environment;
            let round = responding::respond(&workspace, environment, &talk, &right)?;
            told(&round);
            let written = round.notices.notices + round.reminders.notices;
            if written + round.receipts + round.outcomes > 0 {
                call(Task::Notify)?;
            }
        }
        Task::Notify => sent(&responding::notify(
            &workspace,
            &server.environment,
            &right,
        )?),
        Task::Verify => {
            if let Some(checked) = responding::look(&workspace, &right)? {
                looked(&checked);
            }
        }
        Task::Compact => upkeep::one(server)?,
    }
    Ok(())
}

fn looked(checked: &Checked) {
    for (outcome, count) in [("kept", checked.elsewhere), ("none", checked.unanswered)] {
        metrics::counter!("watchfire_vantage_looks_total", "outcome" => outcome).increment(count);
    }
    if checked.incidents > 0 {
        tracing::info!(
            incidents = checked.incidents,
            gone = checked.gone,
            closed = checked.closed,
            back = checked.back,
            "looked at sites"
        );
    }
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
    let mail = &round.mail;
    metrics::counter!("watchfire_mails_read_total").increment(mail.messages);
    metrics::counter!("watchfire_incidents_opened_total").increment(mail.opened);
    if mail.messages + mail.opened + round.notices.notices > 0 {
        tracing::info!(
            mails = mail.messages,
            opened = mail.opened,
            notices = round.notices.notices,
            "a round of response"
        );
    }
}

fn opened(triaged: &Triaged) {
    metrics::counter!("watchfire_incidents_opened_total").increment(triaged.opened);
    if triaged.opened + triaged.joined > 0 {
        tracing::info!(
            opened = triaged.opened,
            joined = triaged.joined,
            "a round of triage"
        );
    }
}

fn sent(notices: &SentNotices) {
    metrics::counter!("watchfire_notices_sent_total").increment(notices.sent);
    if notices.sent > 0 {
        tracing::info!(
            sent = notices.sent,
            later = notices.later,
            "notices were sent"
        );
    }
}
