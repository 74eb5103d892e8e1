//! The scans of a week: here in this process, and as errands on executors (`lake::engine::errand`).
//!
//! Either way the same accumulators read the same columns of the same parts; on executors each reads its share, and what
//! comes back are the keys that were counted, once each, not the events. Which of the two it is changes no figure:
//! accumulators merge in any order to the same result.

use lake::Lake;
use lake::arrow::array::RecordBatch;
use lake::engine::errand::{Errand, Pieces};
use lake::query::Part;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::statistics::names::{NAME_COLUMNS, NameScan};
use crate::statistics::{TALLY_COLUMNS, Tally};
use crate::{Error, Result};

/// From this instant to before that one.
pub(crate) type Span = (Timestamp, Timestamp);

/// Names of the errands.
const TALLY: &str = "week-tally";
const NAMES: &str = "week-names";

/// What an errand is told besides its parts.
#[derive(Serialize, Deserialize)]
struct Asked {
    from: i64,
    to: i64,
    withheld: Vec<String>,
}

impl Asked {
    fn of((from, to): Span, withheld: &[String]) -> Self {
        Asked {
            from: from.0,
            to: to.0,
            withheld: withheld.to_vec(),
        }
    }

    fn span(&self) -> Span {
        (Timestamp(self.from), Timestamp(self.to))
    }

    fn read(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    fn text(&self) -> String {
        serde_json::json!(self).to_string()
    }
}

/// What executors do for a week's figures.
pub fn errands() -> [Errand; 2] {
    let tally = |lake: Lake, parts: Vec<Part>, asked: String, pieces: Pieces| {
        Box::pin(async move {
            let asked = Asked::read(&asked)?;
            let counted = tally_here(&lake, &parts, asked.span(), &asked.withheld).await;
            let counted = counted.map_err(|error| error.to_string())?;
            for piece in counted.pieces() {
                pieces.give(&piece).await?;
            }
            Ok(())
        }) as _
    };
    let names = |lake: Lake, parts: Vec<Part>, asked: String, pieces: Pieces| {
        Box::pin(async move {
            let asked = Asked::read(&asked)?;
            let found = names_here(&lake, &parts, asked.span(), &asked.withheld).await;
            let found = found.map_err(|error| error.to_string())?;
            pieces.give(&found.piece()).await
        }) as _
    };
    [Errand::new(TALLY, tally), Errand::new(NAMES, names)]
}

/// Counts the events of these parts in a span, but for those of the withheld feeds.
///
/// # Errors
/// The lake fails.
pub(crate) async fn tally(
    lake: &Lake,
    parts: &[Part],
    span: Span,
    withheld: &[String],
) -> Result<Tally> {
    let asked = Asked::of(span, withheld).text();
    let start = || Tally::new(withheld.iter().cloned());
    match lake
        .errand(parts, (TALLY, &asked), start, Tally::take)
        .await
    {
        Some(counted) => Ok(counted),
        None => tally_here(lake, parts, span, withheld).await,
    }
}

/// The malware names in these parts, as [`tally`] counts.
///
/// # Errors
/// The lake fails.
pub(crate) async fn names(
    lake: &Lake,
    parts: &[Part],
    span: Span,
    withheld: &[String],
) -> Result<NameScan> {
    let asked = Asked::of(span, withheld).text();
    let start = || NameScan::new(withheld.iter().cloned());
    match lake
        .errand(parts, (NAMES, &asked), start, NameScan::take)
        .await
    {
        Some(found) => Ok(found),
        None => names_here(lake, parts, span, withheld).await,
    }
}

async fn tally_here(lake: &Lake, parts: &[Part], span: Span, withheld: &[String]) -> Result<Tally> {
    let make = || Tally::new(withheld.iter().cloned());
    let tallies = streamed(lake, parts, span, TALLY_COLUMNS, make, Tally::add).await?;
    let merged = tallies.into_iter().reduce(|mut all, one| {
        all.merge(one);
        all
    });
    Ok(merged.unwrap_or_else(make))
}

async fn names_here(
    lake: &Lake,
    parts: &[Part],
    span: Span,
    withheld: &[String],
) -> Result<NameScan> {
    let make = || NameScan::new(withheld.iter().cloned());
    let scans = streamed(lake, parts, span, NAME_COLUMNS, make, NameScan::add).await?;
    let merged = scans.into_iter().reduce(|mut all, one| {
        all.merge(one);
        all
    });
    Ok(merged.unwrap_or_else(make))
}

/// Streams parts into one accumulator a stream, in parallel, in this process.
///
/// # Errors
/// The lake fails, or an accumulator.
pub(crate) async fn streamed<T: Send + 'static>(
    lake: &Lake,
    parts: &[Part],
    span: Span,
    columns: &[&str],
    make: impl Fn() -> T,
    add: fn(&mut T, &RecordBatch) -> Result<()>,
) -> Result<Vec<T>> {
    if parts.is_empty() {
        return Ok(vec![make()]);
    }
    let mut tasks = tokio::task::JoinSet::new();
    for mut stream in lake.scan(parts, span, columns).await? {
        let mut kept = make();
        tasks.spawn(async move {
            while let Some(batch) =
                std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await
            {
                let batch = batch.map_err(|error| Error::Scan(error.to_string()))?;
                add(&mut kept, &batch)?;
            }
            Ok::<T, Error>(kept)
        });
    }
    let mut out = Vec::new();
    while let Some(done) = tasks.join_next().await {
        out.push(done.map_err(|error| Error::Scan(error.to_string()))??);
    }
    Ok(out)
}
