//! The inner door of a public node: what the inside fetches and leaves there. It is another listener than the public's,
//! so that a firewall can tell them apart, and every request needs the secret that both sides hold.

use std::collections::HashSet;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bulletin::publish::Asset;
use ledger::Hash;
use serde::{Deserialize, Serialize};

use super::Outpost;
use super::spool::{Waiting, durable, is_full};
use crate::problem::Problem;

/// Version of what both sides say to each other.
pub const VERSION: u32 = 1;
/// Bytes of a file of the site, and of all answers, at most.
const MOST: usize = 256 << 20;

/// How a node stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// [`VERSION`].
    pub version: u32,
    /// BLAKE3 of the list of the site in force; empty without one.
    pub site: String,
    /// BLAKE3 of the answers that were put last; empty without any.
    pub answers: String,
    /// BLAKE3 of the list of notices' pages that was put last, empty without one; a node that knows of none says nothing.
    #[serde(default)]
    pub leaves: Option<String>,
    /// Some of what waits to be fetched.
    pub waiting: Vec<Waiting>,
    /// How much waits.
    pub count: usize,
    /// Bytes in the spool.
    pub bytes: u64,
    /// Bytes that it takes at most.
    pub most: u64,
}

/// A file of the site to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its place: `issues/2023-3.zh.html`.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// BLAKE3 in hexadecimal.
    pub blake3: String,
}

/// What is needed before a site can be put in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Hashes of files, or slots of pages, that the node has not.
    pub missing: Vec<String>,
}

pub(super) fn router(node: Arc<Outpost>) -> Router {
    Router::new()
        .route("/inner/v1/state", get(state))
        .route("/inner/v1/spool/{slot}", get(fetch).delete(forget))
        .route("/inner/v1/files/{blake3}", axum::routing::put(leave))
        .route("/inner/v1/site", axum::routing::put(site))
        .route("/inner/v1/answers", axum::routing::put(whole).post(more))
        .route("/inner/v1/leaves", axum::routing::put(leaves).post(bring))
        .route("/metrics", get(metrics))
        .layer(DefaultBodyLimit::max(MOST))
        .layer(middleware::from_fn_with_state(Arc::clone(&node), inside))
        .with_state(node)
}

/// Lets those in who hold the secret; everybody else learns nothing, not even what is there.
async fn inside(State(node): State<Arc<Outpost>>, request: Request, next: Next) -> Response {
    let given = bearer(request.headers());
    // Hashes are compared: how much of a guess is right cannot be timed.
    if given.is_none_or(|given| Hash::of(given.as_bytes()) != node.secret) {
        metrics::counter!("watchfire_public_refused_total").increment(1);
        return StatusCode::UNAUTHORIZED.into_response();
    }
    next.run(request).await
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ")
}

/// The disk failed: the node's log says so, and whoever asked inside learns why.
fn broken(error: &std::io::Error) -> Response {
    tracing::error!(%error, "what the inside asked for failed");
    let (status, title) = match is_full(error) {
        true => (
            StatusCode::INSUFFICIENT_STORAGE,
            "the node's disk has no room",
        ),
        false => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "the node's disk does not do what it is to",
        ),
    };
    let problem = Problem::new(status, "disk", title);
    problem.detail(error.to_string()).into_response()
}

fn wrong(why: impl Into<String>) -> Response {
    let problem = Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "invalid",
        "what was sent cannot be used",
    );
    problem.detail(why).into_response()
}

/// Does something with the disk, off the threads that serve.
async fn on_disk(work: impl FnOnce() -> Response + Send + 'static) -> Response {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| broken(&std::io::Error::other(error)))
}

async fn state(State(node): State<Arc<Outpost>>) -> Response {
    on_disk(move || match node.standing() {
        Ok(standing) => Json(standing).into_response(),
        Err(error) => broken(&error),
    })
    .await
}

async fn fetch(State(node): State<Arc<Outpost>>, Path(slot): Path<String>) -> Response {
    on_disk(move || match node.spool.read(&slot) {
        Ok(Some(bytes)) => bytes.into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => broken(&error),
    })
    .await
}

async fn forget(State(node): State<Arc<Outpost>>, Path(slot): Path<String>) -> Response {
    on_disk(move || match node.spool.forget(&slot) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => broken(&error),
    })
    .await
}

/// Leaves a file of the site to be.
async fn leave(
    State(node): State<Arc<Outpost>>,
    Path(blake3): Path<String>,
    bytes: Bytes,
) -> Response {
    on_disk(move || {
        if Hash::of(&bytes).to_string() != blake3 {
            return wrong("the bytes are not those of the hash");
        }
        match durable(&node.incoming, &blake3, &bytes) {
            Ok(()) => StatusCode::NO_CONTENT.into_response(),
            Err(error) => broken(&error),
        }
    })
    .await
}

/// Puts a site in force, or says what is missing for it.
async fn site(State(node): State<Arc<Outpost>>, Json(listed): Json<Vec<Listed>>) -> Response {
    on_disk(move || {
        let in_force = node.in_force();
        let mut missing: Vec<String> = listed
            .iter()
            .filter(|one| in_force.get(&one.path) != Some(&one.blake3))
            .filter(|one| {
                one.blake3.parse::<Hash>().is_err() || !node.incoming.join(&one.blake3).is_file()
            })
            .map(|one| one.blake3.clone())
            .collect();
        missing.sort_unstable();
        missing.dedup();
        // Of a site that never came to be whole: it would lie there for ever.
        let named: HashSet<&str> = listed.iter().map(|one| one.blake3.as_str()).collect();
        if let Err(error) = super::emptied(&node.incoming, |name| named.contains(name)) {
            return broken(&error);
        }
        if !missing.is_empty() {
            return (StatusCode::CONFLICT, Json(Missing { missing })).into_response();
        }
        let assets = listed.into_iter().map(|one| Asset {
            path: one.path,
            size: one.size,
            blake3: one.blake3,
        });
        if let Err(why) = (node.swap)(assets.collect(), &node.incoming) {
            return wrong(why);
        }
        match super::emptied(&node.incoming, |_| false) {
            Ok(()) => StatusCode::NO_CONTENT.into_response(),
            Err(error) => broken(&error),
        }
    })
    .await
}

fn answered(done: std::io::Result<()>) -> Response {
    match done {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            wrong("these are no answers")
        }
        Err(error) => broken(&error),
    }
}

async fn whole(State(node): State<Arc<Outpost>>, text: String) -> Response {
    on_disk(move || answered(node.answers.put(&text))).await
}

async fn more(State(node): State<Arc<Outpost>>, text: String) -> Response {
    on_disk(move || answered(node.answers.add(&text))).await
}

/// Puts the list of notices' pages in force, or says which are missing for it.
async fn leaves(State(node): State<Arc<Outpost>>, text: String) -> Response {
    on_disk(move || match node.leaves.put(&text) {
        Ok(missing) if missing.is_empty() => StatusCode::NO_CONTENT.into_response(),
        Ok(missing) => (StatusCode::CONFLICT, Json(Missing { missing })).into_response(),
        Err(error) => answered(Err(error)),
    })
    .await
}

/// Leaves pages of notices for the list to be.
async fn bring(State(node): State<Arc<Outpost>>, text: String) -> Response {
    on_disk(move || answered(node.leaves.add(&text))).await
}

async fn metrics(State(node): State<Arc<Outpost>>) -> Response {
    let Some(meters) = &node.meters else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (bytes, most) = node.spool.level();
    metrics::gauge!("watchfire_public_spool_bytes").set(bytes as f64);
    metrics::gauge!("watchfire_public_spool_most_bytes").set(most as f64);
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], meters.text()).into_response()
}
