//! Looking through the lake for the console: the live parts, how many may look at once, and how long.

use std::io::{BufRead, Read};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use formats::source::{Caps, Encoding, each_member};
use lake::query::{Answer, Bounds, Part};
use lake::search::{Ask, Enough, Event, Found, Place, Searcher};
use ledger::{LakeFile, LakeFileKind};
use model::ids::EventId;
use model::time::{Day, MICROS_PER_DAY};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::Desk;
use crate::problem::Problem;
use crate::refusal::Refusal;

/// Searches at the same time: each has all cores.
const AT_ONCE: usize = 2;
/// How long one waits for its turn.
const TURN: Duration = Duration::from_secs(10);
/// How long a search of a page takes at most; then it says that it is a part.
pub(crate) const SEARCH: Duration = Duration::from_secs(8);
/// How long an export's search takes at most.
pub(crate) const EXPORT: Duration = Duration::from_secs(60);
/// How long a SELECT takes at most.
const SELECT: Duration = Duration::from_secs(20);
/// Memory of a SELECT.
const SELECT_BYTES: usize = 128 << 20;
/// Bytes that a SELECT gives back.
const ANSWER_BYTES: usize = 32 << 20;
/// Bytes of a raw line that are shown.
pub(crate) const RAW_BYTES: u64 = 64 << 10;

/// The searcher, and the parts of the newest snapshot.
pub(crate) struct Lookout {
    searcher: Arc<Searcher>,
    parts: Mutex<Option<(i64, Arc<[Part]>)>>,
    turns: Semaphore,
}

/// Live parts at a snapshot.
#[derive(Clone)]
pub(crate) struct Live {
    pub snapshot: i64,
    pub parts: Arc<[Part]>,
}

impl Live {
    /// Instants between which events were observed; `None`: there are no events.
    pub fn extent(&self) -> Option<(i64, i64)> {
        let first = self.parts.iter().map(|part| part.min_observed).min()?;
        let last = self.parts.iter().map(|part| part.max_observed).max()?;
        Some((first, last))
    }
}

impl Lookout {
    /// A lookout over a lake.
    pub fn new(lake: lake::Lake) -> Self {
        Lookout {
            searcher: Arc::new(Searcher::new(lake)),
            parts: Mutex::new(None),
            turns: Semaphore::new(AT_ONCE),
        }
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        match tokio::time::timeout(TURN, self.turns.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(Refusal::TooMany(5)),
        }
    }

    /// The live parts; read anew where the lake changed.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn live(&self, desk: &Desk) -> Result<Live, Refusal> {
        let snapshot = desk.ledger.current_snapshot().await?;
        let known = self
            .parts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some((known, parts)) = known
            && known == snapshot
        {
            return Ok(Live { snapshot, parts });
        }
        let kind = Some(LakeFileKind::Part);
        let files = desk.ledger.live_files(Some(snapshot), kind, None).await?;
        let parts: Arc<[Part]> = files.into_iter().map(part).collect();
        let mut kept = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((snapshot, Arc::clone(&parts)));
        Ok(Live { snapshot, parts })
    }

    /// Looks the live parts through, for at most so long.
    ///
    /// # Errors
    /// Others look already, or a part cannot be read.
    pub async fn search(&self, live: &Live, ask: Ask, most: Duration) -> Result<Found, Refusal> {
        let _turn = self.turn().await?;
        let (searcher, parts) = (Arc::clone(&self.searcher), Arc::clone(&live.parts));
        blocking(move || {
            let end = Instant::now() + most;
            let enough: Enough = Arc::new(move || Instant::now() >= end);
            searcher.search(&parts, &ask, &enough)
        })
        .await
    }

    /// Reads columns of found rows.
    ///
    /// # Errors
    /// A part cannot be read.
    pub async fn events(
        &self,
        places: Vec<Place>,
        columns: Vec<usize>,
    ) -> Result<Vec<Event>, Refusal> {
        let searcher = Arc::clone(&self.searcher);
        blocking(move || searcher.events(&places, &columns)).await
    }

    /// Counts the parts as a whole that were not counted yet, until `stop` holds `true`: then the first search of the
    /// day is as quick as the second.
    pub async fn warm(&self, desk: &Desk, stop: tokio::sync::watch::Receiver<bool>) {
        let Ok(live) = self.live(desk).await else {
            return;
        };
        let searcher = Arc::clone(&self.searcher);
        let warmed = blocking(move || {
            let enough: Enough = Arc::new(move || *stop.borrow());
            searcher.warm(&live.parts, &enough)
        });
        if let Ok(parts) = warmed.await {
            tracing::debug!(parts, "the lake's parts are counted");
        }
    }

    /// The event with this identity.
    ///
    /// # Errors
    /// A part cannot be read.
    pub async fn event(
        &self,
        live: &Live,
        id: EventId,
        day: Option<Day>,
    ) -> Result<Option<Event>, Refusal> {
        let _turn = self.turn().await?;
        let (searcher, parts) = (Arc::clone(&self.searcher), Arc::clone(&live.parts));
        blocking(move || searcher.event(&parts, id, day)).await
    }

    /// Answers a SELECT on a thread of its own, within bounds of time and memory.
    ///
    /// # Errors
    /// It is no SELECT, fails, or takes too long: said in the words of the database.
    pub async fn select(&self, live: &Live, sql: String, rows: usize) -> Result<Answer, Refusal> {
        let _turn = self.turn().await?;
        let (lake, parts) = (self.searcher.lake().clone(), Arc::clone(&live.parts));
        let asked = tokio::task::spawn_blocking(move || {
            // A runtime of its own: whatever the SELECT does, the threads that serve go on.
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .map_err(|error| Refusal::broken("a runtime", error))?;
            let bounds = Bounds {
                memory: SELECT_BYTES,
                rows,
                bytes: ANSWER_BYTES,
            };
            let answered = runtime.block_on(async {
                tokio::time::timeout(SELECT, lake.answer(&parts, &sql, bounds)).await
            });
            // Work that is still under way is not waited for.
            runtime.shutdown_background();
            match answered {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(error)) => Err(Refusal::invalid("sql", said(&error))),
                Err(_) => Err(Refusal::Problem(
                    Problem::new(
                        axum::http::StatusCode::UNPROCESSABLE_ENTITY,
                        "too-long",
                        "the query took too long",
                    )
                    .detail(format!("{} seconds are allowed", SELECT.as_secs()))
                    .field("sql"),
                )),
            }
        });
        asked
            .await
            .map_err(|error| Refusal::broken("a SELECT", error))?
    }
}

/// What the database says of a SELECT that fails, without what it says to those who build it.
fn said(error: &lake::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("query failed: ").unwrap_or(&text);
    let end = text.find("\n\nbacktrace").unwrap_or(text.len());
    text[..end].chars().take(600).collect()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> lake::Result<T> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Refusal::broken("a search", error))?
        .map_err(|error| Refusal::broken("the lake", error))
}

/// A row of the manifest as the lake reads it.
fn part(file: LakeFile) -> Part {
    let day = i64::from(file.day) * MICROS_PER_DAY;
    Part {
        path: file.path,
        bytes: file.bytes.unsigned_abs(),
        rows: file.rows.unsigned_abs(),
        min_observed: file.min_observed_at.unwrap_or(day),
        max_observed: file.max_observed_at.unwrap_or(day + MICROS_PER_DAY - 1),
    }
}

/// The raw line of an event, as it was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Raw {
    /// The bytes as text, at most [`RAW_BYTES`] of them, and whether that is all.
    Text(String, bool),
    /// A rule of retention took the report's bytes.
    Expired,
    /// It cannot be read.
    Missing,
}

impl Desk {
    /// Reads the line that an event was made from out of its archived report.
    ///
    /// # Errors
    /// The ledger fails.
    pub(crate) async fn raw_line(&self, event: &Event) -> Result<Raw, Refusal> {
        let Some(report) = event.text("report") else {
            return Ok(Raw::Missing);
        };
        let number = |column: &str| event.number(column).unwrap_or(0).unsigned_abs();
        let (member, offset, length) =
            (number("member") as u32, number("offset"), number("length"));
        let Some(row) = self.ledger.report(report).await? else {
            return Ok(Raw::Missing);
        };
        let Ok(file) = self.blobs.open(&row.blob) else {
            let expiries = self.ledger.expiries(Some(report), None).await?;
            let raw = ledger::Retained::Raw.as_str();
            return Ok(match expiries.iter().any(|expiry| expiry.what == raw) {
                true => Raw::Expired,
                false => Raw::Missing,
            });
        };
        let terms = self.terms();
        let encoding = terms
            .catalogue
            .get(&row.feed)
            .map_or(Encoding::Utf8, |source| Encoding::of(&source.feed));
        let read = tokio::task::spawn_blocking(move || {
            let mut read = None;
            let walked = each_member(
                file,
                &row.origin,
                encoding,
                &Caps::default(),
                &mut |found| {
                    if found.index != member {
                        return ControlFlow::Continue(());
                    }
                    read = Some(stretch(found.text, offset, length));
                    ControlFlow::Break(())
                },
            );
            match read {
                Some(read) => read.map(Some),
                None => walked.map(|()| None),
            }
        });
        let read = read
            .await
            .map_err(|error| Refusal::broken("a raw line", error))?;
        Ok(match read {
            Ok(Some((text, whole))) => Raw::Text(text, whole),
            Ok(None) => Raw::Missing,
            Err(error) => {
                tracing::warn!(%error, report, "a raw line cannot be read");
                Raw::Missing
            }
        })
    }
}

fn stretch(text: &mut dyn BufRead, offset: u64, length: u64) -> std::io::Result<(String, bool)> {
    std::io::copy(&mut text.take(offset), &mut std::io::sink())?;
    let mut bytes = Vec::new();
    text.take(length.min(RAW_BYTES)).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_end_matches(['\r', '\n']).to_owned();
    Ok((text, length <= RAW_BYTES))
}
