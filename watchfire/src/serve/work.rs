//! The one thread that ingests, and the short queue before it.
//!
//! It has the right to change the workspace only while it takes something in, and lets it go now and
//! then however much waits, so that commands get their turn. Whoever brings something waits for the
//! answer: that is the back-pressure.

use std::sync::Arc;
use std::time::{Duration, Instant};

use intake::Source;
use intake::collect::Delivery;
use intake::ingest::{Intake, Summary};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use crate::command::ingest;
use crate::failure::{Failure, Result};
use crate::talk::{Loudness, Talk};
use crate::workspace::{Lock, Workspace, now};

/// Batches that wait.
const QUEUE: usize = 4;
/// Archived reports that are taken up at a time.
const TAKEN_UP: u64 = 64;
/// How long the workspace is kept from commands at a stretch, and then left to them; they look every
/// few milliseconds.
const TURN: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);
/// How often the reference files are looked at.
const REFRESH: Duration = Duration::from_secs(600);

/// What the thread is asked for.
pub enum Load {
    /// Take these files in.
    Files(Vec<Delivery>),
    /// Archive these files, for whichever node takes them in.
    Archive(Vec<Delivery>),
    /// Take in what the archive holds of a feed and no one has read, some of it.
    Waiting(Arc<Source>),
    /// Change over to this configuration.
    Configured(Arc<Workspace>),
    /// Only answer: then all that was asked before is done.
    Nothing,
}

struct Batch {
    load: Load,
    answer: oneshot::Sender<Result<Summary>>,
}

/// The way to the thread.
#[derive(Clone)]
pub struct Queue {
    sender: mpsc::Sender<Batch>,
    fatal: mpsc::Sender<String>,
}

/// Starts the thread; it must be configured before it is asked for anything else.
///
/// # Errors
/// The system gives no thread.
pub fn start(fatal: mpsc::Sender<String>) -> Result<Queue> {
    let (sender, queue) = mpsc::channel(QUEUE);
    let tell = fatal.clone();
    std::thread::Builder::new()
        .name("ingest".to_owned())
        .spawn(move || work(queue, &tell))
        .map_err(|error| Failure::new("threads", error))?;
    Ok(Queue { sender, fatal })
}

impl Queue {
    /// Asks for a batch and waits until it is done.
    ///
    /// # Errors
    /// What the ingestion failed with, or that it ended.
    pub async fn ask(&self, load: Load) -> Result<Summary> {
        let (answer, answered) = oneshot::channel();
        let sent = self.sender.send(Batch { load, answer }).await.is_ok();
        let done = match sent {
            true => answered.await.ok(),
            false => None,
        };
        done.unwrap_or_else(|| {
            let gone = "the ingesting thread ended";
            // Full means that it was told already.
            let _ = self.fatal.try_send(gone.to_owned());
            Err(Failure::new("ingest", gone))
        })
    }
}

/// What the thread works with.
struct Bench {
    workspace: Arc<Workspace>,
    intake: Intake<'static>,
    talk: Talk,
    refreshed: Instant,
}

impl Bench {
    fn new(workspace: Arc<Workspace>) -> Result<Self> {
        let talk = Talk::new(Loudness::Quiet);
        let intake = ingest::intake(&workspace, &now, &talk)?;
        Ok(Bench {
            workspace,
            intake,
            talk,
            refreshed: Instant::now(),
        })
    }

    /// Brings reference files in that others have put there meanwhile.
    fn refresh(&mut self) {
        if self.refreshed.elapsed() < REFRESH {
            return;
        }
        self.refreshed = Instant::now();
        match ingest::intake(&self.workspace, &now, &self.talk) {
            Ok(intake) => self.intake = intake,
            Err(failure) => {
                tracing::error!(
                    error = failure.message(),
                    "the old reference tables stay in use"
                );
            }
        }
    }
}

fn work(mut queue: mpsc::Receiver<Batch>, fatal: &mpsc::Sender<String>) {
    let mut bench: Option<Bench> = None;
    let mut turn: Option<(Lock, Instant)> = None;
    loop {
        let batch = match queue.try_recv() {
            Ok(batch) => batch,
            Err(TryRecvError::Empty) => {
                turn = None;
                match queue.blocking_recv() {
                    Some(batch) => batch,
                    None => return,
                }
            }
            Err(TryRecvError::Disconnected) => return,
        };
        let Batch { load, answer } = batch;
        if turn
            .as_ref()
            .is_some_and(|(_, begun)| begun.elapsed() > TURN)
        {
            turn = None;
            std::thread::sleep(PAUSE);
        }
        let done = match &load {
            Load::Nothing => Ok(Summary::default()),
            // Before the first configuration there is no workspace to lock.
            Load::Configured(workspace) => {
                take_turn(&mut turn, workspace, &answer).and_then(|()| {
                    bench = Some(Bench::new(Arc::clone(workspace))?);
                    Ok(Summary::default())
                })
            }
            Load::Files(_) | Load::Archive(_) | Load::Waiting(_) => match &mut bench {
                Some(bench) => take_turn(&mut turn, &bench.workspace, &answer).and_then(|()| {
                    bench.refresh();
                    take_in(bench, &load, fatal)
                }),
                None => Err(Failure::new("ingest", "is not configured yet")),
            },
        };
        // Whoever asked may have been told to stop: what was taken in is known all the same.
        let _ = answer.send(done);
    }
}

/// Waits for the right to change the workspace, as long as someone waits for the answer.
fn take_turn(
    turn: &mut Option<(Lock, Instant)>,
    workspace: &Workspace,
    answer: &oneshot::Sender<Result<Summary>>,
) -> Result {
    while turn.is_none() {
        match workspace.turn()? {
            Some(lock) => *turn = Some((lock, Instant::now())),
            None if answer.is_closed() => {
                return Err(Failure::new("ingest", "nobody waits for it any more"));
            }
            None => std::thread::sleep(PAUSE),
        }
    }
    Ok(())
}

fn take_in(bench: &Bench, load: &Load, fatal: &mpsc::Sender<String>) -> Result<Summary> {
    let done = match load {
        Load::Files(deliveries) => {
            // Others may have taken files away since they were seen.
            let there: Vec<Delivery> = deliveries
                .iter()
                .filter(|delivery| delivery.path.exists())
                .cloned()
                .collect();
            bench.intake.ingest(&there, false, &mut |_| {})
        }
        Load::Archive(deliveries) => {
            let archived = bench.intake.archive_only(deliveries);
            archived.map(|_| Summary::default())
        }
        Load::Waiting(source) => bench.intake.take_up(source, TAKEN_UP),
        Load::Configured(_) | Load::Nothing => Ok(Summary::default()),
    };
    match done {
        Ok(summary) => {
            tell(&summary);
            Ok(summary)
        }
        Err(error) => {
            if error.is_fatal() {
                // Full means that it was told already.
                let _ = fatal.try_send(error.to_string());
            }
            Err(error.into())
        }
    }
}

fn tell(summary: &Summary) {
    for feed in &summary.feeds {
        let name = &feed.feed;
        let counts = [
            ("watchfire_reports_total", feed.reports),
            ("watchfire_reports_unreadable_total", feed.unreadable),
            ("watchfire_rows_total", feed.rows),
            ("watchfire_events_total", feed.events),
            ("watchfire_duplicates_total", feed.duplicates),
            ("watchfire_rejects_total", feed.rejects),
        ];
        for (meter, count) in counts {
            metrics::counter!(meter, "feed" => name.clone()).increment(count);
        }
        // A list that is fetched every few minutes is seldom a new one.
        if feed.reports == feed.known {
            tracing::debug!(feed = name, reports = feed.reports, "known already");
            continue;
        }
        tracing::info!(
            feed = name,
            reports = feed.reports,
            known = feed.known,
            rows = feed.rows,
            events = feed.events,
            duplicates = feed.duplicates,
            rejects = feed.rejects,
            "taken in"
        );
    }
    for (origin, reason) in &summary.unreadable {
        tracing::warn!(origin, reason, "cannot be read");
    }
    for (origin, message) in &summary.warnings {
        tracing::warn!(origin, "{message}");
    }
}
