//! IntelMQ's TCP output: it connects to us and sends events, each with its length before it in four
//! bytes, the highest first, and waits for `Ok`.
//!
//! Events go into one file of the spool, which becomes a delivery after the entry's interval, or as
//! soon as it is large enough. `Ok` is said after the event is synced; several senders share a sync.
//! A full channel of deliveries stops the writing, and with it the senders: that is the back-pressure.
//! Killed, the open file is taken up by [`left_over`](super::super::fetch::left_over).

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::feed::Feed;
use outbound::Allowed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use super::super::client::Clients;
use super::super::failure::{Failure, Kind, Result};
use super::super::fetch::plan;
use super::super::plan::Plan;
use super::super::spool::{Spool, Spooled};
use super::{NAME, line};

/// Events of one delivery, where the entry does not say.
const BATCH: u32 = 10_000;
/// Senders at a time.
const MOST_SENDERS: usize = 64;
/// Longest event.
const MOST_EVENT: u32 = 16 << 20;
/// Events that wait for a sync together.
const TOGETHER: usize = 64;
/// A sender may be quiet between events for so long.
const QUIET: Duration = Duration::from_secs(3600);

/// An event on its way to the file, and whom to tell.
type Waiting = (Vec<u8>, oneshot::Sender<()>);

/// Opens the entry's port.
///
/// # Errors
/// A wrong entry, or a port that cannot be had.
pub async fn listen(clients: &Clients, feed: &Feed) -> Result<TcpListener> {
    let plan = plan(clients, feed)?;
    let url = plan.url().map_err(|failure| plan.told(failure))?;
    let host = url
        .host_str()
        .unwrap_or("")
        .trim_matches(['[', ']'])
        .to_owned();
    let at = (host, url.port().unwrap_or(0));
    TcpListener::bind(at).await.map_err(|error| {
        plan.told(Failure::new(
            Kind::Local,
            format!("{}: {error}", plan.shown),
        ))
    })
}

/// Receives events until the receiver of deliveries is gone; deliveries are files to ingest and to
/// remove afterwards.
///
/// # Errors
/// A wrong entry, or a spool that cannot be written.
pub async fn receive(
    clients: &Clients,
    feed: &Feed,
    listener: TcpListener,
    spool: &Path,
    deliveries: mpsc::Sender<Spooled>,
) -> Result<()> {
    let plan = plan(clients, feed)?;
    let peers = match plan.option("peers") {
        Some(peers) => Allowed::parse(peers.split(',')).map_err(|detail| {
            plan.told(Failure::new(
                Kind::Entry,
                format!("`fetch.options.peers`: {detail}"),
            ))
        })?,
        None => Allowed::default(),
    };
    let journal = Journal::new(&plan, spool).map_err(|failure| plan.told(failure))?;
    let (sender, receiver) = mpsc::channel(TOGETHER);
    let stall = clients.limits.stall;
    let accepting = async {
        let mut senders = JoinSet::new();
        loop {
            while senders.len() >= MOST_SENDERS {
                senders.join_next().await;
            }
            let Ok((stream, from)) = listener.accept().await else {
                // Out of descriptors, perhaps: a pause is all that helps.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            while senders.try_join_next().is_some() {}
            let address = from.ip().to_canonical();
            if address.is_loopback() || peers.holds(address) {
                senders.spawn(serve(stream, sender.clone(), stall));
            } else {
                tracing::warn!(feed = %plan.feed, from = %address, "not among `fetch.options.peers`: hung up");
            }
        }
    };
    tokio::select! {
        () = accepting => Ok(()),
        done = journal.write(receiver, deliveries) => done.map_err(|failure| plan.told(failure)),
    }
}

/// Reads a sender's events; ends when it hangs up or sends what is none.
async fn serve(mut stream: TcpStream, sender: mpsc::Sender<Waiting>, stall: Duration) {
    loop {
        let Ok(Ok(length)) = timeout(QUIET, stream.read_u32()).await else {
            return;
        };
        if length == 0 || length > MOST_EVENT {
            return;
        }
        // Room is made as bytes come: a length alone claims no memory.
        let mut event = Vec::new();
        let mut limited = (&mut stream).take(u64::from(length));
        let read = timeout(stall, limited.read_to_end(&mut event)).await;
        if !matches!(read, Ok(Ok(count)) if count == length as usize) {
            return;
        }
        let (told, stored) = oneshot::channel();
        if sender.send((line(&event), told)).await.is_err() || stored.await.is_err() {
            return;
        }
        if stream.write_all(b"Ok").await.is_err() {
            return;
        }
    }
}

/// The file that events are written to.
struct Journal {
    spool: PathBuf,
    feed: String,
    origin: String,
    interval: Duration,
    most: u32,
    most_bytes: u64,
}

/// An open file: not yet a delivery.
struct Open {
    file: File,
    path: PathBuf,
    until: Instant,
    events: u32,
    bytes: u64,
}

impl Journal {
    fn new(plan: &Plan, spool: &Path) -> Result<Self> {
        Ok(Journal {
            spool: spool.to_owned(),
            feed: plan.feed.clone(),
            origin: plan.shown.clone(),
            interval: plan.interval,
            most: plan.number("batch", BATCH),
            most_bytes: plan.max_bytes,
        })
    }

    /// Writes events and hands over files, until nobody takes them.
    async fn write(
        &self,
        mut events: mpsc::Receiver<Waiting>,
        deliveries: mpsc::Sender<Spooled>,
    ) -> Result<()> {
        let mut open: Option<Open> = None;
        let mut together = Vec::with_capacity(TOGETHER);
        loop {
            let until = open
                .as_ref()
                .map_or_else(|| Instant::now() + self.interval, |open| open.until);
            tokio::select! {
                received = timeout_at(until, events.recv_many(&mut together, TOGETHER)) => {
                    if received == Ok(0) {
                        return Ok(());
                    }
                }
                () = deliveries.closed() => return Ok(()),
            }
            if !together.is_empty() {
                let mut file = match open.take() {
                    Some(open) => open,
                    None => self.begin()?,
                };
                let mut bytes = Vec::new();
                let mut waiting = Vec::with_capacity(together.len());
                for (line, told) in together.drain(..) {
                    bytes.extend_from_slice(&line);
                    waiting.push(told);
                }
                file.events = file.events.saturating_add(waiting.len() as u32);
                file.bytes += bytes.len() as u64;
                open = Some(synced(file, bytes).await?);
                for told in waiting {
                    // A sender that hung up will send the event again; it counts once.
                    let _ = told.send(());
                }
            }
            let full = |open: &Open| {
                open.events >= self.most
                    || open.bytes >= self.most_bytes
                    || open.until <= Instant::now()
            };
            if open.as_ref().is_some_and(full)
                && let Some(file) = open.take()
            {
                let delivery = self.handed_over(file)?;
                if deliveries.send(delivery).await.is_err() {
                    return Ok(());
                }
            }
        }
    }

    fn begin(&self) -> Result<Open> {
        let path = Spool::open(&self.spool, &self.feed)?
            .next_path(NAME)
            .with_extension("jsonl.open");
        let file = File::create(&path).map_err(Failure::local(&path))?;
        Ok(Open {
            file,
            path,
            until: Instant::now() + self.interval,
            events: 0,
            bytes: 0,
        })
    }

    fn handed_over(&self, open: Open) -> Result<Spooled> {
        let path = open.path.with_extension("");
        std::fs::rename(&open.path, &path).map_err(Failure::local(&path))?;
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let origin = format!("{}/{}", self.origin, name.as_deref().unwrap_or(NAME));
        Ok(Spooled {
            path,
            origin,
            name: NAME.to_owned(),
        })
    }
}

/// Writes and syncs, away from the threads that serve connections.
async fn synced(mut open: Open, bytes: Vec<u8>) -> Result<Open> {
    let path = open.path.clone();
    let first = open.bytes == bytes.len() as u64;
    let written = tokio::task::spawn_blocking(move || {
        open.file.write_all(&bytes)?;
        open.file.sync_data()?;
        if first && let Some(folder) = open.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(open)
    });
    written
        .await
        .map_err(std::io::Error::other)
        .and_then(|written| written)
        .map_err(Failure::local(&path))
}
