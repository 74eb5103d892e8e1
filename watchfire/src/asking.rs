//! One feed asked until it has no more: what `fetch` and the serving process share.
//!
//! What comes is spooled, taken in by the caller, and only then remembered as come: killed anywhere,
//! the next time brings it again, and the same bytes again change nothing. A feed that fails rests
//! alone. Nothing more is fetched until the caller has taken what came: a slow ingestion slows its
//! sources.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use intake::Source;
use intake::collect::Delivery;
use intake::collect::client::Clients;
use intake::collect::fetch::{fetch, left_over};
use intake::collect::retry::Random;
use intake::collect::spool::Spooled;
use intake::collect::state::FetchState;
use ledger::Ledger;
use model::fetch::Transport;

use crate::config::Environment;
use crate::failure::{Failure, Result};
use crate::workspace::{now, random};

/// Folder of the workspace in which deliveries wait until they are archived.
const SPOOL: &str = "spool";

/// Where fetched deliveries wait.
pub fn spool(root: &Path) -> PathBuf {
    root.join(SPOOL)
}

/// What all feeds' transfers share, built by the binary.
pub fn clients(root: &Path, environment: Environment) -> Clients {
    let draw: Random = Arc::new(|| {
        let bytes = random();
        u64::from_le_bytes(std::array::from_fn(|at| bytes[at]))
    });
    Clients::new(root, environment, draw)
}

/// Whether a feed is asked by us, not sent to us.
pub fn is_asked(source: &Source) -> bool {
    let fetch = source.feed.fetch.as_ref();
    fetch.is_some_and(|fetch| fetch.kind != Transport::Tcp)
}

fn key(feed: &str) -> String {
    format!("fetch.{feed}")
}

/// What is remembered of a feed since it was asked last.
///
/// # Errors
/// The ledger.
pub async fn remembered(ledger: &Ledger, feed: &str) -> ledger::Result<FetchState> {
    Ok(ledger.setting(&key(feed)).await?.unwrap_or_default())
}

/// Spooled files as deliveries of a feed.
pub fn deliveries(source: &Arc<Source>, spooled: &[Spooled]) -> Vec<Delivery> {
    let delivery = |spooled: &Spooled| Delivery {
        source: Arc::clone(source),
        path: spooled.path.clone(),
        origin: spooled.origin.clone(),
    };
    spooled.iter().map(delivery).collect()
}

/// Removes spooled files that are taken in: the archive has the bytes.
///
/// # Errors
/// A file that cannot be removed.
pub fn remove(spooled: &[Spooled]) -> Result {
    spooled.iter().try_for_each(|spooled| {
        std::fs::remove_file(&spooled.path)
            .map_err(|error| Failure::new(spooled.path.display(), error))
    })
}

/// What comes next.
#[derive(Debug)]
pub enum Step {
    /// These are to be taken in; then [`Asking::taken`].
    Take(Vec<Delivery>),
    /// That was all; why some or all of it failed.
    Ended(Vec<String>),
}

/// What waits to be taken in: its files, and what to remember and do afterwards.
struct Batch {
    spooled: Vec<Spooled>,
    state: Option<FetchState>,
    ended: Option<Vec<String>>,
}

/// A feed being asked.
pub struct Asking {
    ledger: Ledger,
    clients: Arc<Clients>,
    source: Arc<Source>,
    spool: PathBuf,
    state: FetchState,
    waiting: VecDeque<Batch>,
    ended: Option<Vec<String>>,
}

impl Asking {
    /// Begins to ask a feed.
    ///
    /// # Errors
    /// The ledger or the spool.
    pub async fn begin(
        ledger: Ledger,
        clients: Arc<Clients>,
        source: Arc<Source>,
        root: &Path,
    ) -> Result<Self> {
        let spool = spool(root);
        let state = remembered(&ledger, &source.feed.name).await?;
        let left = left_over(&source.feed, &spool).map_err(|error| Failure::new("spool", error))?;
        let mut waiting = VecDeque::new();
        if !left.is_empty() {
            waiting.push_back(Batch {
                spooled: left,
                state: None,
                ended: None,
            });
        }
        Ok(Asking {
            ledger,
            clients,
            source,
            spool,
            state,
            waiting,
            ended: None,
        })
    }

    /// What is remembered by now.
    pub fn state(&self) -> &FetchState {
        &self.state
    }

    /// Fetches what comes next.
    ///
    /// # Errors
    /// The ledger; a feed that fails is a [`Step::Ended`].
    pub async fn next(&mut self) -> Result<Step> {
        loop {
            if let Some(batch) = self.waiting.front() {
                return Ok(Step::Take(deliveries(&self.source, &batch.spooled)));
            }
            if let Some(failures) = self.ended.take() {
                return Ok(Step::Ended(failures));
            }
            let feed = &self.source.feed;
            let fetched = fetch(&self.clients, feed, &self.state, &self.spool, now()).await;
            let batch = match fetched {
                Ok(fetched) => {
                    let failures = || fetched.failures.iter().map(ToString::to_string).collect();
                    Batch {
                        ended: (!fetched.more).then(failures),
                        spooled: fetched.deliveries,
                        state: Some(fetched.state),
                    }
                }
                Err(failure) => {
                    let interval = feed.fetch.as_ref().map_or(0, |fetch| fetch.interval_secs);
                    let interval = Duration::from_secs(interval);
                    let random = &self.clients.random;
                    Batch {
                        spooled: Vec::new(),
                        state: Some(self.state.failed(&failure, now(), interval, random)),
                        ended: Some(vec![failure.to_string()]),
                    }
                }
            };
            let nothing = batch.spooled.is_empty();
            self.waiting.push_back(batch);
            if nothing {
                self.taken().await?;
            }
        }
    }

    /// What [`Asking::next`] gave is taken in: its files are removed, and it is remembered as come.
    ///
    /// # Errors
    /// The ledger, or a file that cannot be removed.
    pub async fn taken(&mut self) -> Result {
        let Some(batch) = self.waiting.pop_front() else {
            return Ok(());
        };
        remove(&batch.spooled)?;
        if let Some(state) = batch.state {
            let key = key(&self.source.feed.name);
            self.ledger.set_setting(&key, &state).await?;
            self.state = state;
        }
        self.ended = batch.ended;
        Ok(())
    }
}
