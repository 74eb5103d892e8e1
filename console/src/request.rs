//! What all requests share: an id, which the answer bears too, one line in the log, and a count.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::watch;
use tracing::Instrument;

/// The id of a request, for whoever answers it.
#[derive(Clone, Debug)]
pub(crate) struct Id(pub(crate) String);

/// Header of the id.
const ID: HeaderName = HeaderName::from_static("x-request-id");

/// The route as it is counted; never the path itself, which anybody may choose.
fn route(path: &str) -> &'static str {
    match path {
        "/healthz" => "/healthz",
        "/readyz" => "/readyz",
        "/metrics" => "/metrics",
        _ if path.starts_with("/api/v1/feeds/") => "/api/v1/feeds/{feed}/reports",
        _ if path.starts_with("/api/") => "/api/v1",
        _ if path == "/console" || path.starts_with("/console/") => "/console",
        _ if path == "/portal" || path.starts_with("/portal/") => "/portal",
        _ => "other",
    }
}

/// An id that a caller brings is kept if it is plain and short: then one id goes through all logs.
fn brought(request: &Request) -> Option<String> {
    let id = request.headers().get(&ID)?.to_str().ok()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    ((1..=64).contains(&id.len()) && id.chars().all(plain)).then(|| id.to_owned())
}

/// What telling needs: a source of ids, and whether TLS is ours.
#[derive(Clone)]
pub(crate) struct Teller {
    pub(crate) random: Arc<dyn Fn() -> u64 + Send + Sync>,
    pub(crate) tls: watch::Receiver<crate::tls::Terms>,
}

/// Runs a request, and tells of it.
pub(crate) async fn told(State(teller): State<Teller>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = brought(&request).unwrap_or_else(|| format!("{:016x}", (teller.random)()));
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = route(&path);
    let span = tracing::info_span!("request", id = %id);
    let mut request = request;
    request.extensions_mut().insert(Id(id.clone()));
    let mut response = next.run(request).instrument(span).await;
    let status = response.status().as_u16();
    metrics::counter!("watchfire_http_requests_total", "route" => route, "status" => status.to_string())
        .increment(1);
    let millis = begun.elapsed().as_millis() as u64;
    match route {
        // Asked for every few seconds by those who watch.
        // A page of the public site is read ten thousand times a second on the day of an alert.
        "/healthz" | "/readyz" | "/metrics" | "other" if status < 400 => {
            tracing::debug!(request = %id, %method, path, status, millis, "answered");
        }
        _ => tracing::info!(request = %id, %method, path, status, millis, "answered"),
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(ID, value);
    }
    // Over TLS of our own; a proxy that ends TLS says it itself (ASVS 5.0.0 3.4.1).
    if teller.tls.borrow().is_some() {
        let year = HeaderValue::from_static("max-age=31536000");
        response
            .headers_mut()
            .insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    response
}
