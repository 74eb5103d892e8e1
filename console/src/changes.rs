//! Changes as they happen (server-sent events, HTML section 9.2), taken from the audit trail: every change is
//! written there, in the order of commits and without gaps. One look at the ledger a second serves all listeners.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use ledger::{AuditEntry, Reach};
use model::newsroom::Right;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::Desk;
use crate::pages::draw;
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, get};
use crate::visitor::Visitor;

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/changes", Need::Right(Right::View), || {
        get(changes)
    }),
    Route::api(
        Verb::Get,
        "/api/v1/changes",
        Need::Right(Right::View),
        described,
        || get(changes),
    ),
];

fn described() -> Described {
    Described {
        summary: "Changes as they happen: server-sent events, one a change, resumed by Last-Event-ID",
        query: Some(schemars::schema_for!(Asked).to_value()),
        kind: Some("text/event-stream"),
        answer: Some(json!({ "type": "string" })),
        ..Described::default()
    }
}

/// Listeners at the same time.
const LISTENERS: usize = 256;
/// How often the ledger is looked at while somebody listens.
const LOOK: Duration = Duration::from_secs(1);
/// How often something is said although nothing changed, so that proxies keep the line open.
const BEAT: Duration = Duration::from_secs(15);
/// A line lasts so long; the browser comes back by itself, and is asked anew who it is.
const LASTS: Duration = Duration::from_secs(15 * 60);
/// Changes that are held for listeners; whoever is further behind reads them from the ledger.
const HELD: usize = 512;
/// Changes read together, and at most after a break; beyond that a listener is told to load everything anew.
const STRIDE: u64 = 200;
const BEHIND: i64 = 5_000;

/// What all listeners share.
pub(crate) struct Changes {
    /// Place of the newest change.
    head: watch::Sender<i64>,
    held: Mutex<VecDeque<AuditEntry>>,
    looking: Mutex<bool>,
    listeners: Arc<Semaphore>,
    ended: watch::Sender<bool>,
}

impl Default for Changes {
    fn default() -> Self {
        Changes {
            head: watch::channel(-1).0,
            held: Mutex::default(),
            looking: Mutex::new(false),
            listeners: Arc::new(Semaphore::new(LISTENERS)),
            ended: watch::channel(false).0,
        }
    }
}

impl Changes {
    /// Ends every line: the process stops.
    pub(crate) fn end(&self) {
        self.ended.send_replace(true);
    }

    /// Held changes after a place; `None` if some of them are held no more.
    fn after(&self, seq: i64) -> Option<Vec<AuditEntry>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.front() {
            Some(first) if first.seq <= seq + 1 => {}
            _ => return None,
        }
        Some(held.iter().filter(|one| one.seq > seq).cloned().collect())
    }
}

/// Begins to look, unless somebody does.
fn look(desk: &Arc<Desk>) {
    let mut looking = desk
        .changes
        .looking
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if *looking {
        return;
    }
    *looking = true;
    let desk = Arc::clone(desk);
    tokio::spawn(async move {
        loop {
            sleep(LOOK).await;
            {
                let changes = &desk.changes;
                let mut looking = changes
                    .looking
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                if changes.head.receiver_count() == 0 || *changes.ended.borrow() {
                    *looking = false;
                    // What was held has gaps once nobody looks.
                    changes
                        .held
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .clear();
                    return;
                }
            }
            if let Err(error) = once(&desk).await {
                tracing::error!(%error, "changes cannot be read");
            }
        }
    });
}

async fn once(desk: &Desk) -> ledger::Result<()> {
    let changes = &desk.changes;
    loop {
        let head = *changes.head.borrow();
        let new = desk.ledger.audit_after(head, STRIDE).await?;
        let Some(last) = new.last().map(|one| one.seq) else {
            return Ok(());
        };
        let more = new.len() as u64 == STRIDE;
        {
            let mut held = changes.held.lock().unwrap_or_else(PoisonError::into_inner);
            held.extend(new);
            let surplus = held.len().saturating_sub(HELD);
            held.drain(..surplus);
        }
        changes.head.send_replace(last);
        if !more {
            return Ok(());
        }
    }
}

/// What a listener asks for.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct Asked {
    /// Kinds of changes with commas between: `incident.close` itself, `incident.` all that begin so. All where empty.
    #[serde(default)]
    kinds: String,
    /// Begin after this place instead of now.
    #[serde(default)]
    after: Option<u64>,
    /// Language of the page that listens; it changes nothing here.
    #[serde(default)]
    #[schemars(skip)]
    #[allow(dead_code)]
    lang: String,
}

/// A body that is written piece by piece.
struct Pieces(mpsc::Receiver<Result<String, Infallible>>);

impl futures_core::Stream for Pieces {
    type Item = Result<String, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}

async fn changes(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let reach = visitor.within()?;
    let place = Arc::clone(&desk.changes.listeners).try_acquire_owned();
    let place = place.map_err(|_| Refusal::TooMany(10))?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let last =
        match last {
            Some(id) => Some(id.trim().parse::<u64>().map_err(|_| {
                Refusal::invalid("Last-Event-ID", "is no place of the audit trail")
            })?),
            None => asked.after,
        };
    let newest = desk.ledger.audit_head().await?.map_or(0, |(seq, _)| seq);
    let from = last.map_or(newest, |last| {
        i64::try_from(last).unwrap_or(i64::MAX).min(newest)
    });
    desk.changes.head.send_if_modified(|head| {
        let first = *head < 0;
        if first {
            *head = newest;
        }
        first
    });
    let listener = Listener {
        heads: desk.changes.head.subscribe(),
        kinds: asked
            .kinds
            .split(',')
            .map(str::trim)
            .filter(|kind| !kind.is_empty())
            .map(str::to_owned)
            .collect(),
        all: visitor.may(Right::Administer),
        reach,
        at: from,
        visitor,
        desk: Arc::clone(&desk),
    };
    look(&desk);
    let (sender, pieces) = mpsc::channel(64);
    tokio::spawn(async move {
        let _place = place;
        listener.run(&sender).await;
    });
    let kind = HeaderValue::from_static("text/event-stream");
    let no = HeaderValue::from_static("no");
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::HeaderName::from_static("x-accel-buffering"), no),
    ];
    Ok((headers, Body::from_stream(Pieces(pieces))).into_response())
}

/// Somebody who listens.
struct Listener {
    desk: Arc<Desk>,
    visitor: Visitor,
    reach: Reach,
    /// Whether changes of accounts and sessions are told.
    all: bool,
    kinds: Vec<String>,
    /// Place up to which was told.
    at: i64,
    heads: watch::Receiver<i64>,
}

type Line = mpsc::Sender<Result<String, Infallible>>;

impl Listener {
    async fn run(mut self, line: &Line) {
        let ends = Instant::now() + LASTS;
        let ended = self.desk.changes.ended.subscribe();
        if line.send(Ok("retry: 3000\n\n".to_owned())).await.is_err() {
            return;
        }
        loop {
            if self.catch_up(line).await.is_none() {
                return;
            }
            tokio::select! {
                moved = self.heads.changed() => {
                    if moved.is_err() {
                        return;
                    }
                }
                () = sleep(BEAT) => {
                    if line.send(Ok(": \n\n".to_owned())).await.is_err() || !self.still().await {
                        return;
                    }
                }
                () = sleep_until(ends) => return,
                () = line.closed() => return,
                () = over(ended.clone()) => return,
            }
        }
    }

    /// Whether the account may still see anything.
    async fn still(&self) -> bool {
        let account = self.desk.ledger.account(self.visitor.login()).await;
        matches!(account, Ok(Some(account)) if account.may(Right::View))
    }

    /// Tells what is new; `None` if nobody hears it any more.
    async fn catch_up(&mut self, line: &Line) -> Option<()> {
        let head = *self.heads.borrow_and_update();
        if head - self.at > BEHIND {
            let text = format!("id: {head}\nevent: behind\ndata: {{}}\n\n");
            line.send(Ok(text)).await.ok()?;
            self.at = head;
        }
        while self.at < head {
            let new = match self.desk.changes.after(self.at) {
                Some(new) => new,
                None => match self.desk.ledger.audit_after(self.at, STRIDE).await {
                    Ok(new) => new,
                    Err(error) => {
                        tracing::error!(%error, "changes cannot be read");
                        return None;
                    }
                },
            };
            let last = new.last()?.seq;
            for entry in new {
                if self.told(&entry).await {
                    line.send(Ok(event(&entry))).await.ok()?;
                }
            }
            self.at = last;
        }
        Some(())
    }

    /// Whether this listener is told of a change.
    async fn told(&self, entry: &AuditEntry) -> bool {
        let kind = &entry.action;
        let wanted = |one: &String| ledger::hook::matches(one, kind);
        if !self.kinds.is_empty() && !self.kinds.iter().any(wanted) {
            return false;
        }
        if ledger::hook::is_inner(kind) && !self.all {
            return false;
        }
        match &self.reach {
            Reach::All => true,
            reach => {
                // Of another owner's things nothing is said, not even that they are there.
                let id = entry.object.strip_prefix("incident ");
                let id = id.and_then(|id| id.parse().ok());
                match id {
                    None => false,
                    Some(id) => self.desk.ledger.incident(id, reach).await.is_ok(),
                }
            }
        }
    }
}

/// Waits until every line is to end.
async fn over(mut ended: watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = ended.wait_for(|ended| *ended).await;
}

fn event(entry: &AuditEntry) -> String {
    let data = json!({
        "seq": entry.seq,
        "at": draw::stamp(entry.at),
        "kind": entry.action,
        "object": entry.object,
    });
    format!("id: {}\nevent: change\ndata: {data}\n\n", entry.seq)
}
