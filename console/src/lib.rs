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
//! random source, which the binary hands down.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use intake::Catalogue;
use ledger::{BlobStore, Ledger};
use model::ids::OrganizationId;
use model::organization::Role;
use model::time::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, mpsc, watch};

pub mod access;
pub mod almanac;
pub mod breached;
pub mod casework;
pub mod correspondence;
pub mod error;
mod front;
pub mod meters;
pub mod newsroom;
pub mod oidc;
pub mod outpost;
pub mod password;
pub mod premises;
pub mod problem;
pub mod public;
pub mod push;
pub mod routes;
pub mod tls;
pub mod vantage;

mod changes;
mod doors;
mod drill;
mod guard;
mod kept;
mod limits;
mod lookout;
mod once;
pub mod openapi;
mod pages;
mod pictures;
mod reasons;
mod receipts;
mod receive;
mod refusal;
mod request;
pub mod seal;
mod signing;
mod subscriptions;
mod totp;
mod visitor;
mod words;

use doors::Peer;
pub use error::{Error, Result};
pub use meters::Meters;
use pages::shell::{Counts, Sending};
use problem::Problem;
pub use public::Public;
use response::scorecard::{Peers, Year};

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
    /// The zone of the house: pages show times in it.
    pub zone: jiff::tz::TimeZone,
    /// Addresses of proxies whose word is taken for where a request comes from.
    pub proxies: Vec<std::net::IpAddr>,
    /// The house and its series, in both languages.
    pub house: House,
}

/// How the house calls itself.
#[derive(Clone, Debug, Default)]
pub struct House {
    /// The organization.
    pub organization: model::bulletin::Text,
    /// Title of the bulletin.
    pub title: model::bulletin::Text,
    /// Id of the series in the ledger.
    pub series: String,
    /// Its mail address for people; empty: none is configured.
    pub address: String,
    /// Its telephone; empty: none is configured.
    pub phone: String,
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
    /// What the functions of response work at.
    response: response::Desk,
    /// What this instance is, for arming.
    identity: String,
    terms: watch::Receiver<Arc<Terms>>,
    readiness: watch::Receiver<Readiness>,
    meters: Option<Arc<Meters>>,
    access: access::Access,
    receiving: Arc<Semaphore>,
    bonds: Bonds,
    site: Option<Arc<Public>>,
    /// Whoever keeps the workspace, for acts on one incident.
    casework: Option<Arc<dyn casework::Casework>>,
    /// What counts, renders and publishes issues.
    newsroom: Option<Arc<dyn newsroom::Newsroom>>,
    signs: Signs,
    years: Years,
    /// Whether the workspace is for exercises.
    exercise: bool,
    limits: limits::Limits,
    /// Changes as they happen.
    changes: changes::Changes,
    /// What the configuration says of signing in.
    sign_in: watch::Receiver<Arc<access::SignIn>>,
    /// Seals secrets of second factors; none where the program keeps no key.
    seal: Option<Arc<seal::Seal>>,
    /// Asks the provider that people sign in through besides.
    oidc: oidc::Oidc,
    /// What connections are made with, where TLS is ours.
    tls: watch::Receiver<tls::Terms>,
    /// What the house stands on.
    premises: Option<Arc<dyn premises::Premises>>,
    correspondence: Option<Arc<dyn correspondence::Correspondence>>,
    sources: Option<Arc<dyn correspondence::Sources>>,
    /// What changed in the reports of feeds, kept for a minute.
    drift: pages::feeds::Kept,
    /// Vulnerabilities of the last weeks, kept for some minutes.
    vulnerabilities: pages::vulnerabilities::Kept,
    /// How many incidents a query finds.
    found: kept::Kept<ledger::Bounded>,
    /// Whose changes are whose, for what is kept.
    own_changes: kept::OwnChanges,
    /// How a week's incidents came.
    paces: kept::Kept<pages::overview::Paces>,
    /// Looks through the lake.
    lookout: lookout::Lookout,
    /// Counts weeks; none where the program has no workspace at hand.
    almanac: Option<Arc<dyn almanac::Almanac>>,
}

/// What every page shows of the state of things, kept for some seconds.
type Signs = tokio::sync::Mutex<Option<(std::time::Instant, pages::Signs)>>;

/// What every party did within twelve months, and when that was read.
type Years = tokio::sync::Mutex<Option<(i64, Vec<Year>)>>;

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
    /// A desk on a workspace, which is `identity` for arming; `meters` are shown where there are some.
    pub fn new(
        response: response::Desk,
        identity: String,
        terms: watch::Receiver<Arc<Terms>>,
        readiness: watch::Receiver<Readiness>,
        meters: Option<Arc<Meters>>,
        bonds: Bonds,
    ) -> Self {
        let lookout = lookout::Lookout::new(response.lake.clone());
        Desk {
            ledger: response.ledger.clone(),
            blobs: response.blobs.clone(),
            response,
            identity,
            terms,
            readiness,
            meters,
            access: access::Access::default(),
            receiving: Arc::new(Semaphore::new(RECEIVING)),
            bonds,
            site: None,
            casework: None,
            newsroom: None,
            signs: Signs::default(),
            years: Years::default(),
            exercise: false,
            limits: limits::Limits::default(),
            changes: changes::Changes::default(),
            sign_in: watch::channel(Arc::default()).1,
            seal: None,
            oidc: oidc::Oidc::default(),
            tls: watch::channel(None).1,
            premises: None,
            correspondence: None,
            sources: None,
            drift: pages::feeds::Kept::default(),
            vulnerabilities: pages::vulnerabilities::Kept::default(),
            found: kept::Kept::default(),
            own_changes: kept::OwnChanges::default(),
            paces: kept::Kept::default(),
            almanac: None,
            lookout,
        }
    }

    /// With what the configuration says of signing in; without, second factors for administrators and approvers,
    /// and no other house's provider.
    pub fn signing_in(mut self, terms: watch::Receiver<Arc<access::SignIn>>) -> Self {
        self.sign_in = terms;
        self
    }

    /// With the key that secrets of second factors are sealed with; without, nobody sets one up here.
    pub fn sealing(mut self, seal: Arc<seal::Seal>) -> Self {
        self.seal = Some(seal);
        self
    }

    /// With TLS of our own; connections are taken plainly while there is `None`.
    pub fn behind_tls(mut self, terms: watch::Receiver<tls::Terms>) -> Self {
        self.tls = terms;
        self
    }

    /// With what the pages of the settings tell of.
    pub fn on_premises(mut self, premises: Arc<dyn premises::Premises>) -> Self {
        self.premises = Some(premises);
        self
    }

    /// What the configuration says of signing in.
    pub(crate) fn sign_in(&self) -> Arc<access::SignIn> {
        Arc::clone(&self.sign_in.borrow())
    }

    /// Writes down that somebody read what is marked sensitive; before it is shown, or it is not shown.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub(crate) async fn sensitive_read(
        &self,
        visitor: &visitor::Visitor,
        object: &str,
    ) -> Result<(), refusal::Refusal> {
        let record = ledger::NewAudit {
            actor: visitor.login().to_owned(),
            action: "read".to_owned(),
            object: object.to_owned(),
            detail: serde_json::json!({ "source": visitor.source, "address": visitor.here }),
        };
        Ok(self.ledger.append_audit(record, self.now().0).await?)
    }

    /// With the published site at every address that is no route.
    pub fn publishing(mut self, site: Public) -> Self {
        self.site = Some(Arc::new(site));
        self
    }

    /// With somebody who sends incidents on, reminds, looks and knows the schemes of grading.
    pub fn working(mut self, casework: Arc<dyn casework::Casework>) -> Self {
        self.casework = Some(casework);
        self
    }

    /// For exercises: scenarios can be played here.
    pub fn for_exercises(mut self, exercise: bool) -> Self {
        self.exercise = exercise;
        self
    }

    /// With what writes letters, and what knows the feeds.
    pub fn corresponding(
        mut self,
        letters: Arc<dyn correspondence::Correspondence>,
        sources: Arc<dyn correspondence::Sources>,
    ) -> Self {
        self.correspondence = Some(letters);
        self.sources = Some(sources);
        self
    }
    /// What writes letters.
    pub(crate) fn letters(&self) -> Result<&dyn correspondence::Correspondence, refusal::Refusal> {
        let letters = self.correspondence.as_deref();
        letters.ok_or_else(|| refusal::Refusal::conflict("this process", "writes no letters"))
    }
    /// What knows the feeds.
    pub(crate) fn sources(&self) -> Result<&dyn correspondence::Sources, refusal::Refusal> {
        let sources = self.sources.as_deref();
        sources.ok_or_else(|| refusal::Refusal::conflict("this process", "asks no feeds"))
    }
    /// With somebody who counts weeks.
    pub fn counting(mut self, almanac: Arc<dyn almanac::Almanac>) -> Self {
        self.almanac = Some(almanac);
        self
    }
    /// Its ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// With a newsroom behind the bulletin desk.
    pub fn with_newsroom(mut self, newsroom: Arc<dyn newsroom::Newsroom>) -> Self {
        self.newsroom = Some(newsroom);
        self
    }

    /// What telling of requests needs.
    fn teller(&self) -> request::Teller {
        request::Teller {
            random: Arc::clone(&self.bonds.random),
            tls: self.tls.clone(),
        }
    }

    /// The instant.
    pub(crate) fn now(&self) -> Timestamp {
        (self.bonds.clock)()
    }

    /// A text of 256 random bits.
    pub(crate) fn secret(&self) -> Result<String, refusal::Refusal> {
        let mut bytes = [0; 32];
        ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes)
            .map_err(|error| refusal::Refusal::broken("the system's random source", error))?;
        Ok(base64::Engine::encode(
            &base64::prelude::BASE64_URL_SAFE_NO_PAD,
            bytes,
        ))
    }

    /// Where a request comes from: the connection's other end, or what a proxy of ours says.
    pub(crate) fn source(&self, headers: &HeaderMap, peer: Option<&ConnectInfo<Peer>>) -> String {
        source_of(headers, peer, &self.terms().proxies)
    }

    /// What every page shows of the state of things.
    pub(crate) async fn signs(&self) -> pages::Signs {
        const KEPT: std::time::Duration = std::time::Duration::from_secs(3);
        let mut held = self.signs.lock().await;
        let now = std::time::Instant::now();
        if let Some((at, signs)) = held.as_ref()
            && now.duration_since(*at) < KEPT
        {
            return signs.clone();
        }
        let signs = match pages::signs(self).await {
            Ok(signs) => signs,
            Err(error) => {
                tracing::error!(%error, "the signs of the navigation cannot be read");
                (Counts::default(), Sending::NotArmed, "".into())
            }
        };
        *held = Some((now, signs.clone()));
        signs
    }

    /// What others do who are asked in a role of a party; `None` where they are too few. A quarter of an hour old at most:
    /// it is read from everything of a year.
    pub(crate) async fn peers(
        &self,
        party: OrganizationId,
        roles: &[Role],
    ) -> Result<Option<Peers>, refusal::Refusal> {
        const KEPT: i64 = 15 * 60 * 1_000_000;
        let mut held = self.years.lock().await;
        let now = self.now().0;
        let fresh = held
            .as_ref()
            .is_some_and(|(at, _)| (0..KEPT).contains(&now.saturating_sub(*at)));
        if !fresh {
            *held = Some((now, self.response.year_of_parties().await?));
        }
        let all = held.as_ref().map_or(&[][..], |(_, all)| all);
        Ok(Peers::of(all, party, roles))
    }

    fn terms(&self) -> Arc<Terms> {
        Arc::clone(&self.terms.borrow())
    }

    fn readiness(&self) -> Readiness {
        self.readiness.borrow().clone()
    }
}

/// Where a request comes from: the connection's other end, or what one of these proxies says.
fn source_of(
    headers: &HeaderMap,
    peer: Option<&ConnectInfo<Peer>>,
    proxies: &[std::net::IpAddr],
) -> String {
    let Some(peer) = peer.map(|peer| peer.0.0.ip().to_canonical()) else {
        return String::new();
    };
    if !proxies.contains(&peer) {
        return peer.to_string();
    }
    // The last entry is the one that our own proxy wrote.
    let told = headers.get_all("x-forwarded-for").iter().next_back();
    let told = told
        .and_then(|told| told.to_str().ok())
        .and_then(|told| told.rsplit(',').next())
        .and_then(|told| told.trim().parse::<std::net::IpAddr>().ok());
    told.map_or(peer, |told| told.to_canonical()).to_string()
}

/// The routes.
pub fn router(desk: Arc<Desk>) -> Router {
    let reports = post(push::push).fallback(wrong_method);
    let report = get(push::report).fallback(wrong_method);
    let teller = desk.teller();
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
        .merge(routes::router(&desk))
        .fallback(elsewhere)
        .layer(middleware::from_fn_with_state(teller, request::told))
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
    let doors = doors::Doors::new(listener, desk.tls.clone());
    let lines = Arc::clone(&desk);
    let (warmed, until) = (Arc::clone(&desk), stop.clone());
    tokio::spawn(async move { warmed.lookout.warm(&warmed, until).await });
    let service = router(desk).into_make_service_with_connect_info::<Peer>();
    axum::serve(doors, service)
        .with_graceful_shutdown(async move {
            // A sender that is gone means the same as one that says stop.
            let _ = stop.wait_for(|stop| *stop).await;
            // A line of changes would stay open for ever.
            lines.changes.end();
        })
        .await
        .map_err(Error::Listener)
}

/// Serves only how the process is, `/healthz`, `/readyz` and `/metrics`, until `stop` holds `true`: for nodes of a
/// cluster that answer no people.
///
/// # Errors
/// The listener broke.
pub async fn serve_bare(
    listener: TcpListener,
    desk: Arc<Desk>,
    mut stop: watch::Receiver<bool>,
) -> Result<()> {
    let doors = doors::Doors::new(listener, desk.tls.clone());
    let service = Router::new()
        .route("/healthz", get(healthz).fallback(wrong_method))
        .route("/readyz", get(readyz).fallback(wrong_method))
        .route("/metrics", get(metrics).fallback(wrong_method))
        .fallback(elsewhere)
        .layer(middleware::from_fn_with_state(desk.teller(), request::told))
        .with_state(desk)
        .into_make_service_with_connect_info::<Peer>();
    axum::serve(doors, service)
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
    if let Some(site) = desk.site.as_ref().filter(|_| !ours(uri.path()))
        && let Some(response) = site.answer(&method, uri.path(), &headers).await
    {
        return response;
    }
    nothing_here().await.into_response()
}

/// Addresses below which no file of the public site lies.
fn ours(path: &str) -> bool {
    ["/api/", "/console/", "/portal/"]
        .iter()
        .any(|own| path.starts_with(own))
}

pub(crate) async fn nothing_here() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not-found", "nothing is here")
}

async fn wrong_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "this address does not take that method",
    )
}
