//! Reports that other systems push: archived, acknowledged, and taken in afterwards.
//!
//! `202 Accepted` is said when the bytes lie in the archive under their hash and the ledger has their
//! row, both durable. The same bytes again get the same answer and change nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use intake::Source;
use intake::collect::TAKE_IN;
use intake::collect::spool::plain;
use intake::ingest::new_report;
use ledger::{Blob, NewJob, ReportState};
use serde_json::json;
use tokio::time::timeout;

use crate::problem::Problem;
use crate::receive::{self, Coding, Unstored};
use crate::{Desk, Readiness, Terms};

/// Longest wait for a place among those whose body is received.
const TURN: Duration = Duration::from_secs(10);

type Answer = Result<Response, Problem>;

fn no_such_feed() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "no-such-feed",
        "there is no such feed",
    )
    .detail("look at `watchfire feeds list`: it must be there and turned on")
}

/// The names in a path; what is no text names nothing.
fn named<T: Default>(path: Result<Path<T>, PathRejection>) -> T {
    path.map(|Path(names)| names).unwrap_or_default()
}

/// `POST /api/v1/feeds/{feed}/reports[?name=FILE]`.
pub async fn push(
    State(desk): State<Arc<Desk>>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Answer {
    let feed = named(path);
    let (head, body) = request.into_parts();
    let token = desk
        .access
        .admit(&desk.ledger, &head.headers, &feed)
        .await?;
    let terms = desk.terms();
    desk.access
        .spend(&token, terms.per_minute, Instant::now())?;
    let source = source(&terms, &feed).ok_or_else(no_such_feed)?;
    if let Readiness::Not(why) = desk.readiness() {
        return Err(Problem::UNREADY.detail(why).retry_after(10));
    }
    if desk.bonds.waiting.load(Ordering::Relaxed) >= terms.most_waiting {
        return Err(Problem::UNREADY
            .detail("too many reports wait to be taken in")
            .retry_after(30));
    }
    let coding = Coding::of(&head.headers)?;
    receive::announced(&head.headers, terms.most_bytes)?;
    let origin = origin(head.uri.query());
    let receiving = timeout(TURN, Arc::clone(&desk.receiving).acquire_owned()).await;
    let Ok(Ok(_place)) = receiving else {
        return Err(Problem::UNREADY
            .detail("too many reports are being received")
            .retry_after(10));
    };
    let stored = receive::store(desk.blobs.clone(), body, coding, terms.most_bytes).await;
    let blob = match stored {
        Ok(blob) => blob,
        Err(Unstored::Problem(problem)) => return Err(problem),
        Err(Unstored::Ledger(error)) => return Err(failed(&desk, &error)),
    };
    let id = archive(&desk, source, &origin, blob)
        .await
        .map_err(|error| failed(&desk, &error))?;
    tracing::info!(
        feed,
        report = id,
        bytes = blob.len,
        token = token.name,
        "report archived"
    );
    let place = format!("/api/v1/feeds/{feed}/reports/{id}");
    let answer = json!({ "report": id, "feed": feed, "bytes": blob.len });
    let heads = [
        (header::LOCATION, place),
        (header::CONTENT_TYPE, "application/json".to_owned()),
    ];
    Ok((StatusCode::ACCEPTED, heads, answer.to_string()).into_response())
}

fn source<'a>(terms: &'a Terms, feed: &str) -> Option<&'a Arc<Source>> {
    let mut sources = terms.catalogue.sources().iter();
    sources.find(|source| source.feed.name == feed && source.feed.enabled)
}

/// Where a report came from, as shown and as searched for dates and names.
fn origin(query: Option<&str>) -> String {
    let pairs = url::form_urlencoded::parse(query.unwrap_or("").as_bytes());
    let name = pairs
        .into_iter()
        .find_map(|(key, value)| (key == "name").then(|| plain(&value)));
    format!("push/{}", name.as_deref().unwrap_or("report"))
}

/// Stores the row of a report whose bytes are durable, and asks for its ingestion.
async fn archive(desk: &Desk, source: &Source, origin: &str, blob: Blob) -> ledger::Result<String> {
    let now = (desk.bonds.clock)();
    let report = new_report(source, origin, blob, now);
    let archived = desk.ledger.archive_report(report).await?;
    if archived.report.state == ReportState::Archived {
        if archived.inserted {
            desk.bonds.waiting.fetch_add(1, Ordering::Relaxed);
        }
        let job = NewJob {
            kind: TAKE_IN.to_owned(),
            key: source.feed.name.clone(),
            payload: "{}".to_owned(),
            run_at: 0,
        };
        desk.ledger.enqueue(job, now.0).await?;
        desk.bonds.arrived.notify_one();
    }
    Ok(archived.report.id)
}

/// Takes a report in that was not sent over HTTP: archived like a pushed one, and waited for by nobody.
pub(crate) async fn take_in(
    desk: &Desk,
    feed: &str,
    name: &str,
    bytes: Vec<u8>,
) -> Result<String, crate::refusal::Refusal> {
    use crate::refusal::Refusal;
    let terms = desk.terms();
    let source = source(&terms, feed).ok_or(Refusal::Absent)?;
    let blobs = desk.blobs.clone();
    let stored = tokio::task::spawn_blocking(move || blobs.put_bytes(&bytes)).await;
    let blob = stored.map_err(|error| Refusal::broken("a report", error))??;
    Ok(archive(desk, source, name, blob).await?)
}

/// A failure of ours; a disk in doubt ends the process (DESIGN invariant 3).
fn failed(desk: &Desk, error: &ledger::Error) -> Problem {
    tracing::error!(%error, "a pushed report could not be archived");
    if error.is_fatal() {
        // Full means that it was told already.
        let _ = desk.bonds.fatal.try_send(error.to_string());
    }
    Problem::UNREADY
        .detail("the report could not be archived: send it again")
        .retry_after(30)
}

/// `GET /api/v1/feeds/{feed}/reports/{report}`: how far a report came.
pub async fn report(
    State(desk): State<Arc<Desk>>,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Answer {
    let (feed, id) = named(path);
    desk.access.admit(&desk.ledger, &headers, &feed).await?;
    let found = desk
        .ledger
        .report(&id)
        .await
        .map_err(|error| failed(&desk, &error))?;
    let Some(report) = found.filter(|report| report.feed == feed) else {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "no-such-report",
            "there is no such report of this feed",
        ));
    };
    let answer = json!({
        "report": report.id,
        "feed": report.feed,
        "bytes": report.bytes,
        "state": report.state,
        "reason": report.reason,
        "rows": report.rows,
        "events": report.events,
        "duplicates": report.duplicates,
        "rejects": report.rejects,
    });
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Ok((kind, answer.to_string()).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_from_the_query_and_made_plain() {
        assert_eq!(origin(None), "push/report");
        assert_eq!(origin(Some("x=1")), "push/report");
        assert_eq!(
            origin(Some("name=2026-11-28-urls.csv")),
            "push/2026-11-28-urls.csv"
        );
        assert_eq!(origin(Some("name=..%2F..%2Fetc%2Fpasswd")), "push/passwd");
    }
}
