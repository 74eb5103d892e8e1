//! HTTP: how other programs hand reports over and see whether the collecting process is well.
//!
//! [`router`] answers `POST /api/v1/feeds/{feed}/reports` ([`push`]) and `GET` of a report so handed
//! over, `/healthz`, `/readyz` and `/metrics` ([`meters`]), and the pages on which subscribers of the mail
//! edition confirm and leave (`subscriptions`). A request gets an id and a line in the log
//! (`request`), is let in by its token ([`access`]), and is refused in the words of RFC 9457
//! ([`problem`]). Every other address is the published site's ([`public`]). A pushed body flows straight into the archive (`receive`): memory does not depend on
//! its size, and it is acknowledged only when a killed process would find it again.
//!
//! Not here: taking reports in, which the serving process does from its queue; the clock and the
//! random source, which the binary hands down; TLS, which a proxy in front does.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use intake::Catalogue;
use ledger::{BlobStore, Ledger};
use model::time::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, mpsc, watch};

pub mod access;
pub mod error;
pub mod meters;
pub mod problem;
pub mod public;
pub mod push;

mod doors;
mod receive;
mod request;
mod subscriptions;

pub use error::{Error, Result};
pub use meters::Meters;
use problem::Problem;
pub use public::Public;

/// Bodies that are received at the same time; each holds a file and a thread.
const RECEIVING: usize = 8;

/// Bytes of the form of a subscriber.
const FORM_BYTES: usize = 4 << 10;

/// What the configuration says about pushed reports; replaced as a whole when it is read anew.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The feeds.
    pub catalogue: Catalogue,
    /// Bytes of one report, before and after decompression.
    pub most_bytes: u64,
    /// Reports a minute that one token may hand over.
    pub per_minute: u32,
    /// Reports that may wait to be taken in before more are refused.
    pub most_waiting: u64,
}

/// Whether work is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It is.
    Ready,
    /// It is not, and why.
    Not(String),
}

/// What the routes work on.
pub struct Desk {
    ledger: Ledger,
    blobs: BlobStore,
    terms: watch::Receiver<Arc<Terms>>,
    readiness: watch::Receiver<Readiness>,
    meters: Option<Arc<Meters>>,
    access: access::Access,
    receiving: Arc<Semaphore>,
    bonds: Bonds,
    site: Option<Arc<Public>>,
}

/// What ties the routes to the process that serves them.
#[derive(Clone)]
pub struct Bonds {
    /// The clock.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// A random source for request ids; they need not be secret.
    pub random: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Told when a report has been archived and its job asked for.
    pub arrived: Arc<Notify>,
    /// Reports that wait to be taken in, as far as the serving process knows.
    pub waiting: Arc<AtomicU64>,
    /// Told of a failed disk, after which the process must stop.
    pub fatal: mpsc::Sender<String>,
}

impl Desk {
    /// A desk; `meters` are shown where there are some.
    pub fn new(
        ledger: Ledger,
        blobs: BlobStore,
        terms: watch::Receiver<Arc<Terms>>,
        readiness: watch::Receiver<Readiness>,
        meters: Option<Arc<Meters>>,
        bonds: Bonds,
    ) -> Self {
        Desk {
            ledger,
            blobs,
            terms,
            readiness,
            meters,
            access: access::Access::default(),
            receiving: Arc::new(Semaphore::new(RECEIVING)),
            bonds,
            site: None,
        }
    }

    /// With the published site at every address that is no route.
    pub fn publishing(mut self, site: Public) -> Self {
        self.site = Some(Arc::new(site));
        self
    }

    fn terms(&self) -> Arc<Terms> {
        Arc::clone(&self.terms.borrow())
    }

    fn readiness(&self) -> Readiness {
        self.readiness.borrow().clone()
    }
}

/// The routes.
pub fn router(desk: Arc<Desk>) -> Router {
    let reports = post(push::push).fallback(wrong_method);
    let report = get(push::report).fallback(wrong_method);
    Router::new()
        .route("/api/v1/feeds/{feed}/reports", reports)
        .route("/api/v1/feeds/{feed}/reports/{report}", report)
        .route(
            "/subscriptions/confirm",
            get(subscriptions::confirm_page)
                .post(subscriptions::confirm)
                .layer(DefaultBodyLimit::max(FORM_BYTES))
                .fallback(wrong_method),
        )
        .route(
            "/subscriptions/leave",
            get(subscriptions::leave_page)
                .post(subscriptions::leave)
                .layer(DefaultBodyLimit::max(FORM_BYTES))
                .fallback(wrong_method),
        )
        .route("/healthz", get(healthz).fallback(wrong_method))
        .route("/readyz", get(readyz).fallback(wrong_method))
        .route("/metrics", get(metrics).fallback(wrong_method))
        .fallback(elsewhere)
        .layer(middleware::from_fn_with_state(
            Arc::clone(&desk),
            request::told,
        ))
        .with_state(desk)
}

/// Serves the routes until `stop` holds `true`; requests under way are answered first.
///
/// # Errors
/// The listener broke.
pub async fn serve(
    listener: TcpListener,
    desk: Arc<Desk>,
    mut stop: watch::Receiver<bool>,
) -> Result<()> {
    let doors = doors::Doors::new(listener);
    axum::serve(doors, router(desk))
        .with_graceful_shutdown(async move {
            // A sender that is gone means the same as one that says stop.
            let _ = stop.wait_for(|stop| *stop).await;
        })
        .await
        .map_err(Error::Listener)
}

/// The process is alive and answers.
async fn healthz() -> &'static str {
    "ok\n"
}

/// Reports are accepted.
async fn readyz(State(desk): State<Arc<Desk>>) -> Response {
    match desk.readiness() {
        Readiness::Ready => "ready\n".into_response(),
        Readiness::Not(why) => Problem::UNREADY.detail(why).into_response(),
    }
}

async fn metrics(State(desk): State<Arc<Desk>>) -> Response {
    match &desk.meters {
        Some(meters) => {
            let kind = "text/plain; version=0.0.4; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], meters.text()).into_response()
        }
        None => nothing_here().await.into_response(),
    }
}

/// The published site; nothing below the routes of programs.
async fn elsewhere(
    State(desk): State<Arc<Desk>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if let Some(site) = desk
        .site
        .as_ref()
        .filter(|_| !uri.path().starts_with("/api/"))
        && let Some(response) = site.answer(&method, uri.path(), &headers).await
    {
        return response;
    }
    nothing_here().await.into_response()
}

async fn nothing_here() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not-found", "nothing is here")
}

async fn wrong_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "this address does not take that method",
    )
}
