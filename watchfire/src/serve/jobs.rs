//! Jobs: when each feed is asked, and when what arrived is taken in.
//!
//! They stand in the ledger with a lease each, so that `fetch` of another process can make one due,
//! and a restart knows what was under way. A job that fails waits alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use intake::Catalogue;
use intake::Source;
use intake::collect::{FETCH, TAKE_IN};
use intake::ingest::Summary;
use ledger::{Job, Lease, NewJob, ReportFilter, ReportState};
use model::time::Timestamp;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::sleep;

use super::Server;
use super::folders::Whole;
use super::work::Load;
use crate::asking::{self, Asking, Step};
use crate::command::ingest::new_rows;
use crate::failure::Result;
use crate::health::{self, Outcome};
use crate::workspace::now;

/// Jobs that take in at the same time; the ingesting thread is one.
pub const TAKING: usize = 2;
/// How often the ledger is asked for work that others made due.
const LOOK: Duration = Duration::from_secs(1);
/// Files that are taken in at a time.
const FILES: usize = 64;
/// Largest jitter of a feed's interval, and of the start.
const JITTER: Duration = Duration::from_secs(300);
const START: Duration = Duration::from_secs(10);
/// First and longest rest after a failure of ours.
const FIRST_REST_SECS: u32 = 5;
const LONGEST_REST_SECS: u32 = 600;

fn job(kind: &str, feed: &str, run_at: i64) -> NewJob {
    NewJob {
        kind: kind.to_owned(),
        key: feed.to_owned(),
        payload: "{}".to_owned(),
        run_at,
    }
}

fn after(at: Timestamp, wait: Duration) -> i64 {
    let micros = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
    at.0.saturating_add(micros)
}

/// Plans all feeds' jobs: each that is asked gets one, and each of which the archive holds what nobody
/// has read.
///
/// # Errors
/// The ledger.
pub async fn plan(server: &Server) -> ledger::Result<()> {
    for source in server.sources() {
        plan_one(server, &source).await?;
    }
    server.arrived.notify_one();
    Ok(())
}

/// Plans anew after the configuration changed; a feed whose entry is another is asked at once.
///
/// # Errors
/// The ledger.
pub async fn replan(server: &Server, before: &Catalogue) -> ledger::Result<()> {
    plan(server).await?;
    for source in server.sources() {
        let name = &source.feed.name;
        let same = before
            .get(name)
            .is_ok_and(|before| before.feed == source.feed);
        if !same && asking::is_asked(&source) {
            server.ledger.hurry(FETCH, name, now().0).await?;
        }
    }
    Ok(())
}

async fn plan_one(server: &Server, source: &Source) -> ledger::Result<()> {
    let name = &source.feed.name;
    let at = now();
    if asking::is_asked(source) {
        let state = asking::remembered(&server.ledger, name).await?;
        let interval = Duration::from_secs(health::interval_secs(source));
        let first = after(at, server.jitter((interval / 10).min(START)));
        // The entry may give a shorter interval by now; a rest after failures is kept.
        let latest = match state.failures {
            0 => after(at, interval),
            _ => i64::MAX,
        };
        let run_at = state.not_before.map_or(0, |at| at.0).min(latest).max(first);
        server
            .ledger
            .enqueue(job(FETCH, name, run_at), at.0)
            .await?;
    }
    let filter = ReportFilter {
        feed: Some(name.clone()),
        state: Some(ReportState::Archived),
        received: None,
    };
    if server.ledger.report_count(&filter).await? > 0 {
        server.ledger.enqueue(job(TAKE_IN, name, 0), at.0).await?;
    }
    Ok(())
}

/// Asks for what arrived of a feed to be taken in.
pub async fn arrived(server: &Server, feed: &str) {
    match server.ledger.enqueue(job(TAKE_IN, feed, 0), now().0).await {
        Ok(_) => server.arrived.notify_one(),
        Err(error) => server.trouble("a job cannot be asked for", &error),
    }
}

/// Runs jobs of a kind, so many at a time, until the process is to end; then waits for those under way.
pub async fn run(server: Arc<Server>, kind: &'static str, most: usize) -> &'static str {
    let mut running = JoinSet::new();
    let mut purged = Timestamp(0);
    loop {
        while running.len() < most {
            let secs = server.lease_secs();
            let leased = server
                .ledger
                .lease(now().0, &server.worker, &[kind], secs)
                .await;
            match leased {
                Ok(Some(lease)) => {
                    running.spawn(held(Arc::clone(&server), lease));
                }
                Ok(None) => break,
                Err(error) => {
                    server.trouble("no job can be leased", &error);
                    break;
                }
            }
        }
        let at = now();
        if health::lag(purged, at) > 3600 {
            purged = at;
            purge(&server, at).await;
        }
        tokio::select! {
            () = server.stopped() => break,
            () = server.arrived.notified(), if kind == TAKE_IN => {}
            Some(_) = running.join_next(), if !running.is_empty() => {}
            () = sleep(LOOK) => {}
        }
    }
    while running.join_next().await.is_some() {}
    kind
}

/// Forgets jobs that were done a day ago and more.
pub async fn purge(server: &Server, at: Timestamp) {
    let day = 86_400_000_000;
    if let Err(error) = server.ledger.purge_jobs(at.0.saturating_sub(day)).await {
        server.trouble("old jobs cannot be removed", &error);
    }
}

/// What a job came to.
enum Done {
    /// It is done, and is to be done again then, if ever.
    Good(Option<i64>),
    /// It failed, and rests so many seconds.
    Failed(String, u32),
    /// The process is to end; the job is given back.
    Stopped,
}

/// Waits for the end of a thread's work and extends its lease meanwhile.
///
/// # Errors
/// The lease cannot be extended: the thread is told that it is lost.
pub async fn beating<T>(
    server: &Server,
    lease: &Lease,
    work: &mut JoinHandle<T>,
    lost: &AtomicBool,
) -> ledger::Result<Result<T, JoinError>> {
    let beat = Duration::from_secs(server.lease_secs().into()) / 3;
    loop {
        tokio::select! {
            done = &mut *work => return Ok(done),
            () = sleep(beat) => {
                let extended = server.ledger.extend_lease(lease, now().0, server.lease_secs());
                if let Err(error) = extended.await {
                    // The thread ends at its next step; what it does until then the ledger refuses.
                    lost.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
    }
}

/// Runs a leased job and extends its lease meanwhile.
pub async fn held(server: Arc<Server>, lease: Lease) {
    let secs = server.lease_secs();
    let beat = async {
        loop {
            sleep(Duration::from_secs(secs.into()) / 3).await;
            let extended = server.ledger.extend_lease(&lease, now().0, secs);
            if let Err(error) = extended.await {
                return error;
            }
        }
    };
    let job = &lease.job;
    let done = tokio::select! {
        done = one(&server, job) => done,
        error = beat => {
            server.trouble("a lease was lost", &error);
            return;
        }
    };
    let (kind, key, attempts) = (job.kind.clone(), job.key.clone(), job.attempts);
    let settled = match done {
        Ok(Done::Good(next)) => good(&server, lease, next).await,
        Ok(Done::Stopped) => Ok(()),
        Ok(Done::Failed(error, secs)) => failed(&server, lease, &error, secs).await,
        Err(failure) => {
            let secs = FIRST_REST_SECS << attempts.clamp(1, 8).unsigned_abs();
            let secs = secs.min(LONGEST_REST_SECS);
            failed(&server, lease, failure.message(), secs).await
        }
    };
    if let Err(error) = settled {
        tracing::warn!(kind, key, "a job's end cannot be stored: it runs once more");
        server.trouble("the ledger", &error);
    }
}

async fn good(server: &Server, lease: Lease, next: Option<i64>) -> ledger::Result<()> {
    let (kind, key) = (lease.job.kind.clone(), lease.job.key.clone());
    server.ledger.complete(lease, now().0).await?;
    if let Some(run_at) = next {
        server
            .ledger
            .enqueue(job(&kind, &key, run_at), now().0)
            .await?;
    }
    Ok(())
}

async fn failed(server: &Server, lease: Lease, error: &str, secs: u32) -> ledger::Result<()> {
    let feed = lease.job.key.clone();
    tracing::warn!(feed, error, rests_secs = secs, "a run failed");
    metrics::counter!("watchfire_feed_failures_total", "feed" => feed.clone()).increment(1);
    let outcome = Outcome::Failed(error.to_owned());
    health::record(&server.ledger, &feed, outcome, now()).await?;
    // A feed is never given up: it rests longer and longer instead.
    let lease = server.ledger.fail(lease, now().0, error, secs, i32::MAX);
    lease.await.map(|_| ())
}

async fn one(server: &Server, job: &Job) -> Result<Done> {
    // Gone from the configuration, or turned off: nothing is to be done any more.
    let Some(source) = server.source(&job.key) else {
        return Ok(Done::Good(None));
    };
    match job.kind.as_str() {
        FETCH if asking::is_asked(&source) => ask(server, source).await,
        FETCH => Ok(Done::Good(None)),
        _ => take_in(server, source).await,
    }
}

/// A run that ended well.
async fn remember(server: &Server, feed: &str, rows: Option<u64>) -> Result {
    metrics::counter!("watchfire_feed_runs_total", "feed" => feed.to_owned()).increment(1);
    health::record(&server.ledger, feed, Outcome::Good(rows), now()).await?;
    Ok(())
}

/// Asks a feed until it has no more.
async fn ask(server: &Server, source: Arc<Source>) -> Result<Done> {
    let feed = source.feed.name.clone();
    let interval = Duration::from_secs(health::interval_secs(&source));
    let root = server.workspace().root.clone();
    let clients = Arc::clone(&server.clients);
    let mut asking = Asking::begin(server.ledger.clone(), clients, source, &root).await?;
    let mut rows = None;
    loop {
        let step = tokio::select! {
            // What was half fetched is fetched again after the next start.
            () = server.stopped() => return Ok(Done::Stopped),
            step = asking.next() => step?,
        };
        match step {
            Step::Take(deliveries) if server.roles.clustered => {
                server.queue.ask(Load::Archive(deliveries)).await?;
                arrived(server, &feed).await;
                asking.taken().await?;
            }
            Step::Take(deliveries) => {
                let summary = server.queue.ask(Load::Files(deliveries)).await?;
                asking.taken().await?;
                add(&mut rows, &summary);
            }
            Step::Ended(failures) => {
                let next = asking.state().not_before.unwrap_or(now());
                return match failures.into_iter().next() {
                    None => {
                        remember(server, &feed, rows).await?;
                        let jitter = server.jitter((interval / 10).min(JITTER));
                        Ok(Done::Good(Some(after(next, jitter))))
                    }
                    Some(failure) => {
                        let rest = next.0.saturating_sub(now().0).max(0) / 1_000_000;
                        Ok(Done::Failed(
                            failure,
                            u32::try_from(rest).unwrap_or(u32::MAX).max(1),
                        ))
                    }
                };
            }
        }
    }
}

fn add(rows: &mut Option<u64>, summary: &Summary) {
    if let Some(new) = new_rows([summary]) {
        *rows = Some(rows.unwrap_or(0) + new);
    }
}

/// Archives what lies whole in a feed's folders, and asks for it to be taken in: on the node of a cluster
/// that sees the folders, for whichever node takes the feed up.
pub async fn archive(server: &Server, feed: &str) -> Result {
    let files = server.folders.whole(feed);
    for some in files.chunks(FILES) {
        let there = some.iter().map(|file| file.delivery.clone());
        let there = there.filter(|delivery| delivery.path.exists()).collect();
        server.queue.ask(Load::Archive(there)).await?;
        server.folders.taken(feed, some);
        arrived(server, feed).await;
    }
    Ok(())
}

/// Takes in what lies whole in a feed's folders, and what the archive holds of it.
async fn take_in(server: &Server, source: Arc<Source>) -> Result<Done> {
    let feed = &source.feed.name;
    let mut rows = None;
    let files = server.folders.whole(feed);
    let mut trouble = None;
    for some in files.chunks(FILES) {
        if *server.stop.borrow() {
            return Ok(Done::Stopped);
        }
        if take_files(server, feed, some, &mut rows).await.is_ok() {
            continue;
        }
        // One file that cannot be read shall not keep the others out.
        for one in some.chunks(1) {
            trouble = trouble.or(take_files(server, feed, one, &mut rows).await.err());
        }
    }
    loop {
        if *server.stop.borrow() {
            return Ok(Done::Stopped);
        }
        let summary = server.queue.ask(Load::Waiting(Arc::clone(&source))).await?;
        let reports: u64 = summary.feeds.iter().map(|feed| feed.reports).sum();
        if reports == 0 {
            break;
        }
        let less = |waiting: u64| Some(waiting.saturating_sub(reports));
        // The closure always gives a value, so this cannot fail.
        let _ = server
            .waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        add(&mut rows, &summary);
    }
    if rows.is_some() {
        remember(server, feed, rows).await?;
    }
    if let Some(failure) = trouble {
        return Err(failure);
    }
    if !asking::is_asked(&source) {
        health::mended(&server.ledger, feed).await?;
    }
    Ok(Done::Good(None))
}

/// Takes in files, and notes that they are.
async fn take_files(
    server: &Server,
    feed: &str,
    files: &[Whole],
    rows: &mut Option<u64>,
) -> Result {
    let deliveries = files.iter().map(|file| file.delivery.clone()).collect();
    let summary = server.queue.ask(Load::Files(deliveries)).await?;
    server.folders.taken(feed, files);
    add(rows, &summary);
    Ok(())
}
