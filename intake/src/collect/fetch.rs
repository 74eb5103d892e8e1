//! One fetch of one feed: from its entry and what is remembered of it to files in the spool and what
//! to remember next.
//!
//! The order of the caller makes it safe: fetch, archive the deliveries, remove them from the spool,
//! store the state. Killed in between, the next fetch brings the same bytes once more, and ingesting
//! the same bytes again changes nothing. A feed that fails rests by itself
//! ([`FetchState::failed`]); others go on. Between two batches nothing is fetched, so that a slow
//! ingestion slows its sources.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use model::feed::Feed;
use model::fetch::Transport;
use model::time::Timestamp;

use super::client::{Clients, Session};
use super::failure::{Failure, Kind, Result};
use super::plan::Plan;
use super::spool::{Spool, Spooled};
use super::state::FetchState;
use super::{http, maildir, misp, s3, shadowserver, stream, taxii};

/// Deliveries of one batch, where the entry does not say.
const BATCH: u32 = 100;
/// Deliveries of a batch that may fail before the rest is left for the next fetch.
const MOST_FAILURES: usize = 3;

/// What a fetch brought.
#[derive(Clone, Debug, PartialEq)]
pub struct Fetched {
    /// Files to ingest, in this order, and to remove afterwards.
    pub deliveries: Vec<Spooled>,
    /// To be stored once these are archived, and handed to the next fetch.
    pub state: FetchState,
    /// There is more, to be fetched at once.
    pub more: bool,
    /// Deliveries that failed while others came; they are tried again at the next fetch.
    pub failures: Vec<Failure>,
}

/// A fetch under way.
#[derive(Debug)]
pub struct Batch {
    /// What has come.
    pub deliveries: Vec<Spooled>,
    /// What is remembered by now.
    pub state: FetchState,
    /// There is more.
    pub more: bool,
    failures: Vec<Failure>,
    most: usize,
    most_bytes: u64,
    bytes: u64,
}

impl Batch {
    fn new(plan: &Plan, state: FetchState) -> Self {
        Batch {
            deliveries: Vec::new(),
            state,
            more: false,
            failures: Vec::new(),
            most: plan.number("batch", BATCH) as usize,
            most_bytes: plan.max_bytes,
            bytes: 0,
        }
    }

    /// Whether the batch takes no more; then there is more.
    pub fn full(&mut self) -> bool {
        let full = self.deliveries.len() >= self.most || self.bytes >= self.most_bytes;
        self.more |= full;
        full
    }

    /// Takes a delivery.
    pub fn take(&mut self, kept: Spooled) {
        self.bytes += std::fs::metadata(&kept.path).map_or(0, |found| found.len());
        self.deliveries.push(kept);
    }

    /// Takes note of a delivery that failed while others may come; `true` if it is better to stop.
    pub fn fail(&mut self, failure: Failure) -> bool {
        self.failures.push(failure);
        self.failures.len() >= MOST_FAILURES
    }
}

/// Fetches a feed once: one batch of what is new since `state`, into `spool/<feed>/`.
///
/// # Errors
/// A [`Failure`] where nothing came; hand it to [`FetchState::failed`] for the time of the next try.
pub async fn fetch(
    clients: &Clients,
    feed: &Feed,
    state: &FetchState,
    spool: &Path,
    now: Timestamp,
) -> Result<Fetched> {
    let plan = plan(clients, feed)?;
    let mut batch = Batch::new(&plan, state.of_place(&plan.place()));
    let done = one_batch(clients, &plan, spool, now, &mut batch).await;
    if let Err(failure) = done {
        batch.failures.insert(0, failure);
    }
    let mut failures: Vec<Failure> = batch
        .failures
        .into_iter()
        .map(|failure| plan.told(failure))
        .collect();
    let mut state = batch.state;
    if failures.is_empty() {
        state = state.succeeded(now, plan.interval, batch.more);
    } else if batch.deliveries.is_empty() {
        return Err(failures.swap_remove(0));
    } else {
        state = state.failed(&failures[0], now, plan.interval, &clients.random);
    }
    Ok(Fetched {
        deliveries: batch.deliveries,
        state,
        more: batch.more && failures.is_empty(),
        failures,
    })
}

async fn one_batch(
    clients: &Clients,
    plan: &Plan,
    spool: &Path,
    now: Timestamp,
    batch: &mut Batch,
) -> Result<()> {
    let spool = &mut Spool::open(spool, &plan.feed)?;
    let session = || Session::open(clients, plan, now);
    match plan.kind {
        Transport::Http => http::fetch(&session()?, spool, batch).await,
        Transport::Shadowserver => shadowserver::fetch(&session()?, spool, batch).await,
        Transport::Taxii => taxii::fetch(&session()?, spool, batch).await,
        Transport::Misp => misp::fetch(&session()?, spool, batch).await,
        Transport::S3 => s3::fetch(&session()?, spool, batch).await,
        Transport::Maildir => maildir::fetch(plan, spool, batch).await,
        Transport::Redis => stream::fetch_redis(clients, plan, spool, batch).await,
        Transport::Tcp => Err(Failure::new(
            Kind::Entry,
            "kind `tcp` is sent to us and cannot be fetched; it is received while `watchfire serve` runs",
        )),
    }
}

/// Resolves a feed's entry.
///
/// # Errors
/// [`Kind::Entry`].
pub(super) fn plan(clients: &Clients, feed: &Feed) -> Result<Plan> {
    let told = |mut failure: Failure| {
        failure.feed.clone_from(&feed.name);
        failure
    };
    let entry = feed.fetch.as_ref().ok_or_else(|| {
        told(Failure::new(
            Kind::Entry,
            "its entry has no `fetch` table: add one",
        ))
    })?;
    Plan::resolve(&feed.name, entry, &clients.root, &clients.environment).map_err(told)
}

/// What an earlier process left in a feed's spool. Deliveries that can be fetched again are removed;
/// those of kind `tcp`, which their sender will not send again, are given back for ingestion.
///
/// # Errors
/// A folder or file that cannot be read or removed.
pub fn left_over(feed: &Feed, spool: &Path) -> Result<Vec<Spooled>> {
    let folder = spool.join(&feed.name);
    let mut found = Vec::new();
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(Failure::local(&folder)(error)),
    };
    let sent = feed
        .fetch
        .as_ref()
        .is_some_and(|fetch| fetch.kind == Transport::Tcp);
    let mut paths = Vec::<PathBuf>::new();
    for entry in entries {
        paths.push(entry.map_err(Failure::local(&folder))?.path());
    }
    paths.sort();
    for mut path in paths {
        let ending = path
            .extension()
            .and_then(|ending| ending.to_str())
            .unwrap_or("")
            .to_owned();
        if !sent || ending == "part" {
            std::fs::remove_file(&path).map_err(Failure::local(&path))?;
            continue;
        }
        if ending == "open" {
            let whole = path.with_extension("");
            cut_to_lines(&path).map_err(Failure::local(&path))?;
            std::fs::rename(&path, &whole).map_err(Failure::local(&path))?;
            path = whole;
        }
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        found.push(Spooled {
            origin: format!("tcp/{name}"),
            name,
            path,
        });
    }
    Ok(found)
}

/// Removes the torn end of a file of lines: an event that was never acknowledged.
fn cut_to_lines(path: &Path) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)?;
    let length = file.metadata()?.len();
    let mut end = length;
    let mut buffer = [0; 4096];
    while end > 0 {
        let start = end.saturating_sub(buffer.len() as u64);
        let piece = &mut buffer[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(piece)?;
        if let Some(at) = piece.iter().rposition(|byte| *byte == b'\n') {
            end = start + at as u64 + 1;
            break;
        }
        end = start;
    }
    if end < length {
        file.set_len(end)?;
        file.sync_all()?;
    }
    Ok(())
}
