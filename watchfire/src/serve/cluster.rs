//! A cluster's node: it plans while it leads, it works on what it is called for.
//!
//! The ledger's jobs say what is due, on every node the same rows. The node that leads looks for them and puts calls
//! into the queue (`ledger::queue`); a node that works takes the call's job by its lease and does what a single
//! process would. A feed is a queue of its own, so feeds are taken in side by side and each by one node at a time; and
//! its fencing number decides at the commit, should two believe that it is theirs.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use intake::collect::TAKE_IN;
use ledger::hook::HOOK_JOB;
use ledger::job::work::{DRAFT, RENDER};
use ledger::queue::{Doing, TASKS};
use ledger::{Call, Held, Queue, Right};
use tokio::time::sleep;

use super::rounds::{self, COMPACT, NOTIFY, RESPOND, TRIAGE, Task};
use super::{Server, hooks, jobs, works};
use crate::workspace::{Workspace, now, random};

/// Connections of a node to the queue.
pub const CONNECTIONS: u32 = 8;
/// How often the leader looks for what is due.
const LOOK: Duration = Duration::from_secs(1);
/// How often it plans anew what every feed needs, and notes changes for webhooks.
const PLAN: Duration = Duration::from_secs(60);
const NOTE: Duration = Duration::from_secs(2);
/// How often jobs that were done long ago are forgotten.
const PURGE: Duration = Duration::from_secs(3600);
/// How often the others look whether nobody leads.
const STAND: Duration = Duration::from_secs(2);
/// A call for the same work is put again after this, if it is still due: the queue may have lost it.
const AGAIN: Duration = Duration::from_secs(30);
/// Jobs that are looked at together.
const MOST: u64 = 1000;
/// Rest before a node that lost the queue tries again.
const REST: Duration = Duration::from_secs(1);
/// Calls of the rest, besides feeds that are asked, that one node does at a time.
const SLOTS: usize = 4;

/// A node's name in leases: no other process has it, on this machine or later.
pub fn name(workspace: &Workspace) -> String {
    let mark: String = random()[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{} {mark}", workspace.holder())
}

/// Kinds of calls that one worker of the crate does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Taking in: one report after the other, the threads of the node work on it together.
    TakingIn,
    /// Everything else, which mostly waits for others.
    Rest,
}

impl Group {
    fn kinds(self) -> Vec<&'static str> {
        let taking_in = self == Group::TakingIn;
        let mut kinds = TASKS.to_vec();
        kinds.retain(|kind| (*kind == TAKE_IN) == taking_in);
        kinds
    }
}

/// The call for a job.
fn call(kind: String, key: String) -> Call {
    let queue = match kind.as_str() {
        TAKE_IN => Some(format!("{kind} {key}")),
        kind => Task::of(kind).map(|_| format!("{kind} {key}")),
    };
    let priority = match kind.as_str() {
        RESPOND | NOTIFY => -10,
        // A person waits for it.
        DRAFT | RENDER => -9,
        TRIAGE => -8,
        HOOK_JOB => -5,
        TAKE_IN => 5,
        COMPACT => 10,
        _ => 0,
    };
    Call {
        kind,
        key,
        queue,
        priority,
    }
}

/// Stands for the lead, and plans while it is ours, until the process is to end.
pub async fn lead(server: Arc<Server>) -> &'static str {
    const NAME: &str = "leading";
    let Some(queue) = server.calls.clone() else {
        server.stopped().await;
        return NAME;
    };
    loop {
        metrics::gauge!("watchfire_leads").set(0);
        match server.ledger.hold(Right::Lead).await {
            Ok(Some(held)) => term(&server, &queue, &held).await,
            Ok(None) => {}
            Err(error) => server.trouble("it cannot be seen who leads", &error),
        }
        if *server.stop.borrow() {
            return NAME;
        }
        tokio::select! {
            () = server.stopped() => return NAME,
            () = sleep(STAND) => {}
        }
    }
}

/// Plans until the lead is lost or the process is to end.
async fn term(server: &Arc<Server>, queue: &Queue, held: &Held) {
    tracing::info!(node = server.worker, "this node leads");
    leads(server, true);
    let mut put: HashMap<(String, String), Instant> = HashMap::new();
    let (mut planned, mut noted, mut purged): (Option<Instant>, _, _) = (None, None, None);
    while held.alive() {
        let passed = |at: Option<Instant>, most| at.is_none_or(|at: Instant| at.elapsed() >= most);
        let done = async {
            if passed(planned, PLAN) {
                jobs::plan(server).await?;
                planned = Some(Instant::now());
            }
            if passed(noted, NOTE) {
                hooks::note(server).await?;
                rounds::plan(server).await?;
                noted = Some(Instant::now());
            }
            if passed(purged, PURGE) {
                jobs::purge(server, now()).await;
                purged = Some(Instant::now());
            }
            hand_out(server, queue, &mut put).await
        };
        if let Err(error) = done.await {
            server.trouble("work cannot be planned", &error);
        }
        tokio::select! {
            () = server.stopped() => break,
            () = sleep(LOOK) => {}
        }
    }
    leads(server, false);
    match held.alive() {
        true => tracing::info!("this node gives the lead back"),
        false => tracing::warn!("this node lost the lead: it plans nothing more"),
    }
}

fn leads(server: &Server, leads: bool) {
    server.leads.store(leads, Ordering::Relaxed);
    metrics::gauge!("watchfire_leads").set(f64::from(u8::from(leads)));
    // Those who listen only while it leads look up.
    server.changed.send_modify(|times| *times += 1);
}

/// Puts calls for what is due into the queue; once each, and again after a while.
async fn hand_out(
    server: &Server,
    queue: &Queue,
    put: &mut HashMap<(String, String), Instant>,
) -> ledger::Result<()> {
    let due = server.ledger.due_jobs(TASKS, now().0, MOST).await?;
    put.retain(|job, at| at.elapsed() < AGAIN && due.contains(job));
    let new: Vec<(String, String)> = due
        .into_iter()
        .filter(|job| !put.contains_key(job))
        .collect();
    let calls: Vec<Call> = new
        .iter()
        .map(|(kind, key)| call(kind.clone(), key.clone()))
        .collect();
    queue.put(&calls).await?;
    put.extend(new.into_iter().map(|job| (job, Instant::now())));
    Ok(())
}

/// Does what the node is called for, until the process is to end.
pub async fn work(server: Arc<Server>, group: Group) -> &'static str {
    const NAME: &str = "working";
    let Some(queue) = server.calls.clone() else {
        server.stopped().await;
        return NAME;
    };
    loop {
        let serve = server.workspace().settings.serve.clone();
        let secs = |secs: u32| Duration::from_secs(secs.into());
        let times = (secs(serve.lease_secs), secs(serve.drain_secs));
        let slots = match group {
            Group::TakingIn => 1,
            Group::Rest => serve.fetches as usize + SLOTS,
        };
        let mine = Arc::clone(&server);
        let doing: Doing = Arc::new(move |kind, key| {
            let mine = Arc::clone(&mine);
            Box::pin(async move { called(&mine, kind, &key).await })
        });
        let until = Arc::clone(&server);
        let stop = async move { until.stopped().await };
        let kinds = group.kinds();
        let worked = queue.work(&kinds, slots, times, doing, stop);
        if let Err(error) = worked.await {
            server.trouble("the queue was lost", &error);
        }
        if *server.stop.borrow() {
            return NAME;
        }
        tokio::select! {
            () = server.stopped() => return NAME,
            () = sleep(REST) => {}
        }
    }
}

/// One call: its job is taken if it is still due, and done.
async fn called(server: &Arc<Server>, kind: &'static str, key: &str) -> Result<(), String> {
    if *server.stop.borrow() {
        // Left to others, as it was.
        return Ok(());
    }
    let done = match (Task::of(kind), kind) {
        (Some(task), _) => rounds::called(server, task).await,
        (None, HOOK_JOB) => hooks::called(server, key).await,
        (None, DRAFT | RENDER) => works::called(server, kind, key).await,
        (None, kind) => {
            let wanted = (kind, key);
            let secs = server.lease_secs();
            let lease = server
                .ledger
                .lease_one(now().0, &server.worker, wanted, secs);
            match lease.await {
                Ok(Some(lease)) => {
                    jobs::held(Arc::clone(server), lease).await;
                    Ok(())
                }
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            }
        }
    };
    // The ledger knows what is due, and the leader calls again.
    done.map_err(|error| {
        server.trouble("a call was for nothing", &error);
        error.to_string()
    })
}

#[cfg(test)]
mod tests {
    use intake::collect::FETCH;

    use super::*;

    #[test]
    fn every_kind_of_job_can_be_called_for_and_is_done_by_a_group() {
        let mut done_here = vec![FETCH, TAKE_IN, HOOK_JOB, DRAFT, RENDER];
        done_here.extend(Task::ALL.map(Task::kind));
        done_here.sort_unstable();
        let sorted = |mut kinds: Vec<&'static str>| {
            kinds.sort_unstable();
            kinds
        };
        assert_eq!(sorted(TASKS.to_vec()), done_here);
        let both = [Group::TakingIn.kinds(), Group::Rest.kinds()].concat();
        assert_eq!(sorted(both), done_here);
    }
}
