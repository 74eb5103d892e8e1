//! Streams: feeds of kind `tcp`, whose events are sent to us while the process lives. Each has a port
//! and a task; what comes is synced to the spool before it is acknowledged, and taken in from there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use intake::Source;
use intake::collect::fetch::left_over;
use intake::collect::spool::Spooled;
use intake::collect::stream::{listen, receive};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::work::Load;
use super::{Server, jobs};
use crate::asking;
use crate::command::ingest::new_rows;
use crate::failure::{Failure, Result};
use crate::health::{self, Outcome};
use crate::workspace::now;

/// First and longest rest of a stream that failed.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(60);
/// A stream that lived so long begins with the first rest again.
const LIVED: Duration = Duration::from_secs(300);

/// A stream under way.
struct Stream {
    source: Arc<Source>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Stream {
    /// Lets it end: what was acknowledged is in the spool.
    async fn end(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(feed = self.source.feed.name, %error, "a stream ended early");
        }
    }
}

/// Keeps a task for each stream of the configuration, until the process is to end.
pub async fn run(server: Arc<Server>) -> &'static str {
    let mut changed = server.changed.subscribe();
    let mut streams: HashMap<String, Stream> = HashMap::new();
    loop {
        let wanted: HashMap<String, Arc<Source>> = server
            .sources()
            .into_iter()
            // One node of a cluster listens: the one that leads.
            .filter(|_| server.leads())
            .filter(|source| source.feed.fetch.is_some() && !asking::is_asked(source))
            .map(|source| (source.feed.name.clone(), source))
            .collect();
        let stale: Vec<String> = streams
            .iter()
            .filter(|(name, stream)| {
                let same = |source: &Arc<Source>| source.feed == stream.source.feed;
                !wanted.get(*name).is_some_and(same)
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in stale {
            if let Some(stream) = streams.remove(&name) {
                stream.end().await;
            }
        }
        for (name, source) in wanted {
            streams.entry(name).or_insert_with(|| {
                let (stop, stopped) = watch::channel(false);
                let task = keep(Arc::clone(&server), Arc::clone(&source), stopped);
                Stream {
                    source,
                    stop,
                    task: tokio::spawn(task),
                }
            });
        }
        tokio::select! {
            () = server.stopped() => break,
            // The sender lives in the server, so this is a change, of the configuration or of who leads.
            _ = changed.changed() => {}
        }
    }
    for (_, stream) in streams {
        stream.end().await;
    }
    "streams"
}

async fn told(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone means the same as one that says stop.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Receives, and begins again after a rest where that fails.
async fn keep(server: Arc<Server>, source: Arc<Source>, mut stop: watch::Receiver<bool>) {
    let feed = &source.feed.name;
    let mut rest = FIRST_REST;
    loop {
        let begun = tokio::time::Instant::now();
        let failure = match one(&server, &source, &mut stop).await {
            Ok(()) if *stop.borrow() => return,
            Ok(()) => "the stream ended by itself".to_owned(),
            Err(failure) => failure.message().to_owned(),
        };
        if begun.elapsed() > LIVED {
            rest = FIRST_REST;
        }
        tracing::warn!(
            feed,
            error = failure,
            rests_secs = rest.as_secs(),
            "a stream failed"
        );
        metrics::counter!("watchfire_feed_failures_total", "feed" => feed.clone()).increment(1);
        let outcome = Outcome::Failed(failure);
        if let Err(error) = health::record(&server.ledger, feed, outcome, now()).await {
            server.trouble("a failure cannot be remembered", &error);
        }
        tokio::select! {
            () = told(&mut stop) => return,
            () = sleep(rest) => rest = (rest * 2).min(LONGEST_REST),
        }
    }
}

/// Receives until told to stop.
async fn one(server: &Server, source: &Arc<Source>, stop: &mut watch::Receiver<bool>) -> Result {
    let root = server.workspace().root.clone();
    let spool = asking::spool(&root);
    let fail = |error: intake::collect::failure::Failure| Failure::new("stream", error);
    let left = left_over(&source.feed, &spool).map_err(fail)?;
    take_in(server, source, &left).await?;
    let listener = listen(&server.clients, &source.feed).await.map_err(fail)?;
    health::mended(&server.ledger, &source.feed.name).await?;
    tracing::info!(feed = source.feed.name, "listening for events");
    // One delivery may wait: then the writing stops, and with it the senders.
    let (sender, mut deliveries) = mpsc::channel(1);
    let receiving = receive(&server.clients, &source.feed, listener, &spool, sender);
    let taking = async {
        loop {
            let delivery = tokio::select! {
                () = told(stop) => None,
                delivery = deliveries.recv() => delivery,
            };
            let Some(delivery) = delivery else {
                // Without a receiver the writing ends in good order.
                drop(deliveries);
                return Ok(());
            };
            take_in(server, source, &[delivery]).await?;
        }
    };
    let (received, taken) = tokio::join!(receiving, taking);
    received.map_err(fail)?;
    taken
}

/// Takes in what lies in the spool, and removes it there.
async fn take_in(server: &Server, source: &Arc<Source>, spooled: &[Spooled]) -> Result {
    if spooled.is_empty() {
        return Ok(());
    }
    let deliveries = asking::deliveries(source, spooled);
    let feed = &source.feed.name;
    let summary = match server.roles.clustered {
        true => {
            let archived = server.queue.ask(Load::Archive(deliveries)).await?;
            jobs::arrived(server, feed).await;
            archived
        }
        false => server.queue.ask(Load::Files(deliveries)).await?,
    };
    asking::remove(spooled)?;
    metrics::counter!("watchfire_feed_runs_total", "feed" => feed.clone()).increment(1);
    let outcome = Outcome::Good(new_rows([&summary]));
    health::record(&server.ledger, feed, outcome, now()).await?;
    Ok(())
}
