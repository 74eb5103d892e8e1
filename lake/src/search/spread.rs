//! A search over several machines: executors look their share of the parts through, newest first, and hand on what each
//! handful of parts comes to; whoever asked adds it up. Totals, steps and values of facets are sums, and the newest rows
//! of all are among the newest of each share, so the answer is that of one process, whoever looked.
//!
//! A search that reads little stays here: parts that are counted already, or that no condition touches, cost nothing.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use super::tally::{Count, Counts};
use super::{Ask, Cursor, Enough, FacetValue, Found, Place, Query, Searcher, keep_first, sorted};
use crate::engine::errand::{Doing, Errand, Pieces};
use crate::query::{Lake, Part};

/// Name of the errand.
const SEARCH: &str = "search";
/// Rows of the parts that are looked through for one piece.
const HANDFUL: u64 = 1_000_000;
/// How often it is looked whether a search took too long.
const LOOK: Duration = Duration::from_millis(20);

/// A question as it crosses the wire.
#[derive(Serialize, Deserialize)]
struct Asked {
    query: String,
    span: (i64, i64),
    edges: Vec<i64>,
    facets: bool,
    rows: usize,
    after: Option<String>,
}

impl Asked {
    /// `None` where the conditions are more than a text may hold.
    fn of(ask: &Ask) -> Option<Asked> {
        let query = ask.query.to_string();
        let same = Query::parse(&query).is_ok_and(|read| read == ask.query);
        same.then(|| Asked {
            query,
            span: ask.span,
            edges: ask.edges.to_vec(),
            facets: ask.facets,
            rows: ask.rows,
            after: ask.after.map(|after| after.to_string()),
        })
    }

    fn read(text: &str) -> Result<Ask, String> {
        let asked: Asked = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let after = asked.after.map(|after| after.parse::<Cursor>());
        Ok(Ask {
            query: Query::parse(&asked.query).map_err(|error| error.to_string())?,
            span: asked.span,
            edges: asked.edges.into(),
            facets: asked.facets,
            rows: asked.rows,
            after: after.transpose().map_err(|error| error.to_string())?,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Value {
    Number(i64),
    Text(String),
}

#[derive(Serialize, Deserialize)]
struct Facet {
    values: Vec<(Value, u64)>,
    none: u64,
    beyond: u64,
}

/// What some parts come to.
#[derive(Serialize, Deserialize)]
struct Piece {
    total: u64,
    steps: Vec<u64>,
    facets: Vec<Facet>,
    /// Time and id of the row, part, number in it.
    places: Vec<(String, String, u32)>,
    more: bool,
    parts: usize,
}

impl Piece {
    fn of(found: Found) -> Piece {
        let facets = found.facets.into_iter().map(|facet| Facet {
            values: facet
                .values
                .into_iter()
                .map(|(value, events)| match value {
                    FacetValue::Text(text) => (Value::Text(text.to_string()), events),
                    FacetValue::Number(number) => (Value::Number(number), events),
                })
                .collect(),
            none: facet.none,
            beyond: facet.beyond,
        });
        let places = found.places.into_iter();
        Piece {
            total: found.total,
            steps: found.steps,
            facets: facets.collect(),
            places: places
                .map(|place| (place.cursor.to_string(), place.part.to_string(), place.row))
                .collect(),
            more: found.more,
            parts: found.parts.0,
        }
    }
}

/// What all parts come to, as far as it is known.
#[derive(Default)]
struct Sum {
    total: u64,
    steps: Vec<u64>,
    counts: Counts,
    places: Vec<Place>,
    more: bool,
    parts: usize,
}

impl Sum {
    fn take(&mut self, piece: &[u8], most: usize) -> Result<(), String> {
        let piece: Piece = serde_json::from_slice(piece).map_err(|error| error.to_string())?;
        self.total += piece.total;
        self.parts += piece.parts;
        self.more |= piece.more;
        self.steps
            .resize(self.steps.len().max(piece.steps.len()), 0);
        for (mine, theirs) in self.steps.iter_mut().zip(piece.steps) {
            *mine += theirs;
        }
        let mut counts = Counts::default();
        for (count, facet) in counts.0.iter_mut().zip(piece.facets) {
            let values = facet.values.into_iter().map(|(value, events)| match value {
                Value::Text(text) => (FacetValue::Text(text.into()), events),
                Value::Number(number) => (FacetValue::Number(number), events),
            });
            *count = Count {
                values: values.collect(),
                none: facet.none,
                beyond: facet.beyond,
            };
        }
        self.counts.merge(&counts);
        for (cursor, part, row) in piece.places {
            self.places.push(Place {
                cursor: cursor.parse().map_err(|_| "a place is none".to_owned())?,
                part: part.into(),
                row,
            });
        }
        keep_first(&mut self.places, most);
        Ok(())
    }
}

/// What executors do for a search: their searchers keep what they learn of parts, as the one here does.
pub fn errand() -> Errand {
    let kept: Arc<OnceLock<Arc<Searcher>>> = Arc::default();
    Errand::new(SEARCH, move |lake: Lake, parts, asked, pieces| {
        let searcher = kept.get_or_init(|| Arc::new(Searcher::new(lake)));
        let searcher = Arc::clone(searcher);
        Box::pin(async move { look(searcher, parts, &asked, pieces).await }) as Doing
    })
}

async fn look(
    searcher: Arc<Searcher>,
    mut parts: Vec<Part>,
    asked: &str,
    pieces: Pieces,
) -> Result<(), String> {
    let ask = Arc::new(Asked::read(asked)?);
    parts.sort_by(|a, b| (b.max_observed, &b.path).cmp(&(a.max_observed, &a.path)));
    while !parts.is_empty() {
        let mut rows = 0;
        let few = parts.iter().take_while(|part| {
            let begun = rows;
            rows += part.rows;
            begun < HANDFUL
        });
        let few = few.count();
        let rest = parts.split_off(few);
        let some = std::mem::replace(&mut parts, rest);
        let (searcher, ask, over) = (Arc::clone(&searcher), Arc::clone(&ask), pieces.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let enough: Enough = Arc::new(move || over.is_over());
            searcher.search_here(&some, &ask, &enough)
        });
        let found = looked.await.map_err(|error| error.to_string())?;
        let piece = Piece::of(found.map_err(|error| error.to_string())?);
        let piece = serde_json::to_vec(&piece).map_err(|error| error.to_string())?;
        pieces.give(&piece).await?;
    }
    Ok(())
}

impl Searcher {
    /// The search by executors; `None`: it is to be done here. Blocks.
    pub(super) fn spread(&self, parts: &[Part], ask: &Ask, enough: &Enough) -> Option<Found> {
        let engine = self.lake.engine()?;
        let here = Handle::try_current().ok()?;
        let within = parts
            .iter()
            .filter(|part| part.max_observed >= ask.span.0 && part.min_observed < ask.span.1);
        let within: Vec<Part> = within.cloned().collect();
        let read: Vec<Part> = within
            .iter()
            .filter(|part| self.must_read(part, ask))
            .cloned()
            .collect();
        if !engine.is_worth(&read) {
            return None;
        }
        let asked = serde_json::to_string(&Asked::of(ask)?).ok()?;
        let most = ask.rows.saturating_add(1);
        let sum = Mutex::new(Sum::default());
        let locked = || sum.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = || *locked() = Sum::default();
        let take = |_: &mut (), piece: &[u8]| locked().take(piece, most);
        let (done, stopped) = here.block_on(async {
            tokio::select! {
                done = self.lake.errand(&within, (SEARCH, &asked), begin, take) => (done.is_some(), false),
                () = until(enough) => (true, true),
            }
        });
        if !done {
            return None;
        }
        let sum = std::mem::take(&mut *locked());
        let mut places = sum.places;
        let more = sum.more || places.len() > ask.rows;
        places.truncate(ask.rows);
        let mut steps = sum.steps;
        steps.resize(ask.edges.len().saturating_sub(1), 0);
        Some(Found {
            total: sum.total,
            of: parts.iter().map(|part| part.rows).sum(),
            steps,
            facets: match ask.facets {
                true => sorted(sum.counts),
                false => Vec::new(),
            },
            places,
            more,
            partial: stopped,
            parts: (sum.parts, within.len()),
        })
    }

    /// Whether a part's rows have to be read: its summary is not known, or not enough.
    fn must_read(&self, part: &Part, ask: &Ask) -> bool {
        let inside = ask.span.0 <= part.min_observed && part.max_observed < ask.span.1;
        let plain = inside && ask.query.terms.is_empty();
        !plain
            || (self.footers.summary(&part.path).is_none() && (ask.facets || !ask.edges.is_empty()))
    }
}

async fn until(enough: &Enough) {
    while !enough() {
        tokio::time::sleep(LOOK).await;
    }
}
