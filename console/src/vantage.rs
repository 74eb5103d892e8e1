//! The door of a vantage: another machine of ours has a probe made here, and gets back what was seen. Every request
//! needs the secret that both sides hold; so many looks are made at once, and what is more is sent away. It has no
//! ledger, keeps nothing, and what it may be asked is decided in `response/src/verify/vantage/answer.rs`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use response::verify::probe::Prober;
use response::verify::vantage::answer::{Declined, Shared, answer};
use response::verify::vantage::wire::{Asked, VERSION};
use response::verify::vantage::{self, longest};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::doors::Doors;
use crate::{Error, Result, tls};

/// Looks that are made at once; each may hold a body and its answer.
const LOOKS: usize = 16;
/// Bytes of a question: an address, and some headers.
const QUESTION: usize = 64 << 10;
/// What a connection may be silent for beyond the longest look.
const OVER: Duration = Duration::from_secs(30);

/// A vantage.
pub struct Vantage {
    /// Looks.
    prober: Prober,
    secret: Shared,
    /// Name and version of the program.
    software: String,
    looks: Semaphore,
}

impl Vantage {
    /// One that looks with `prober` for whoever holds `secret`.
    pub fn new(prober: Prober, secret: &str, software: String) -> Self {
        Vantage {
            prober,
            secret: Shared::of(secret),
            software,
            looks: Semaphore::new(LOOKS),
        }
    }
}

/// Serves until `stop` holds `true`; looks under way are answered first.
///
/// # Errors
/// The listener broke.
pub async fn serve(
    listener: TcpListener,
    vantage: Arc<Vantage>,
    tls: watch::Receiver<tls::Terms>,
    mut stop: watch::Receiver<bool>,
) -> Result<()> {
    let silence = longest(&vantage.prober.limits()) + OVER;
    let doors = Doors::new(listener, tls).patient(silence);
    let ends = async move {
        // A sender that is gone means the same as one that says stop.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    axum::serve(doors, router(vantage))
        .with_graceful_shutdown(ends)
        .await
        .map_err(Error::Listener)
}

fn router(vantage: Arc<Vantage>) -> Router {
    Router::new()
        .route("/v1/look", post(look))
        .route("/v1/state", get(state))
        .layer(DefaultBodyLimit::max(QUESTION))
        .layer(middleware::from_fn_with_state(Arc::clone(&vantage), known))
        .with_state(vantage)
}

/// Lets those in who hold the secret; everybody else learns nothing, not even what is there.
async fn known(State(vantage): State<Arc<Vantage>>, request: Request, next: Next) -> Response {
    let given = bearer(request.headers());
    if given.is_none_or(|given| !vantage.secret.is(given)) {
        // Whoever scans the network would fill the log.
        tracing::debug!("somebody without the secret was sent away");
        return StatusCode::UNAUTHORIZED.into_response();
    }
    next.run(request).await
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    value.strip_prefix(b"Bearer ")
}

async fn state(State(vantage): State<Arc<Vantage>>) -> Response {
    let state = vantage::State {
        version: VERSION,
        software: vantage.software.clone(),
    };
    Json(state).into_response()
}

async fn look(State(vantage): State<Arc<Vantage>>, Json(asked): Json<Asked>) -> Response {
    let Ok(_place) = vantage.looks.try_acquire() else {
        let why = format!("{LOOKS} looks are under way here: ask again later");
        return (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    };
    let (probe, host) = (asked.probe, asked.place.host());
    let answered = answer(&vantage.prober, asked).await;
    match answered {
        Ok(told) => {
            tracing::info!(%probe, host, "looked");
            Json(told).into_response()
        }
        Err(declined) => {
            tracing::warn!(%probe, host, why = %declined, "a look was declined");
            let status = match declined {
                Declined::Wrong(_) => StatusCode::UNPROCESSABLE_ENTITY,
                Declined::Refused(_) => StatusCode::FORBIDDEN,
                Declined::Late(_) => StatusCode::GATEWAY_TIMEOUT,
            };
            (status, declined.to_string()).into_response()
        }
    }
}
