//! A public node: what stands in a DMZ and is asked by everybody. It serves the published site and the forms, and keeps
//! what is sent in a sealed [`spool`] until the inside fetches it through the [`inner`] door. It has no ledger and no
//! lake, asks nobody, and what it may tell those who hold a receipt it cannot read itself ([`answers`]).
//! [`parcel`] is the other half, inside: how what was fetched is taken in, and what the node is told.
//!
//! Not here: who asks whom and when, which is `watchfire/src/serve/outpost.rs`, and the clock.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Form, Router};
use bulletin::publish::Asset;
use ledger::Hash;
use response::deliver::openpgp::Recipient;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::doors::{Doors, Peer};
use crate::front::Front;
use crate::limits::Limits;
use crate::pages::outside::{FORM_BYTES, appeal, leaf as page, report};
use crate::pages::{assets, form, shell};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::visitor::{LANG, Visitor, language};
use crate::{Bonds, Error, Meters, Public, Result, guard, request, source_of, tls};

mod answers;
mod counter;
pub mod inner;
pub mod leaf;
mod leaves;
pub mod parcel;
mod spool;

use answers::Answers;
use counter::Outside;
use leaves::Leaves;
use spool::Spool;
pub use spool::Waiting;

/// The list of a site's files in its folder.
const SUMS: &str = "BLAKE3SUMS";
/// Bytes of a form without files.
const SMALL: usize = 16 << 10;

/// Puts a site of these files in force; the folder holds by hash those that the site in force has not. The error says
/// why it was not.
pub type Swap = Arc<dyn Fn(Vec<Asset>, &Path) -> std::result::Result<(), String> + Send + Sync>;

/// What a public node is made of.
pub struct Grounds {
    /// Its folder: site, spool and answers lie below it.
    pub folder: PathBuf,
    /// The inside's key: what is sent is sealed to it.
    pub sealer: Recipient,
    /// What the inside shows at the inner door.
    pub secret: String,
    /// Bytes that the spool takes at most.
    pub spool_bytes: u64,
    /// Addresses of proxies whose word is taken for where a request comes from.
    pub proxies: Vec<std::net::IpAddr>,
    /// Whether it is for exercises: pages say so.
    pub exercise: bool,
    /// Puts a site in force.
    pub swap: Swap,
    /// Meters, shown at the inner door.
    pub meters: Option<Arc<Meters>>,
    /// What connections of both doors are made with.
    pub tls: watch::Receiver<tls::Terms>,
    /// The clock and the random source; nothing else of it is used.
    pub bonds: Bonds,
}

/// A public node.
pub struct Outpost {
    spool: Arc<Spool>,
    answers: Arc<Answers>,
    leaves: Leaves,
    counter: Arc<Outside>,
    front: Arc<Front>,
    site: Arc<Public>,
    site_dir: PathBuf,
    /// Where files of the site to be wait.
    incoming: PathBuf,
    /// Hash of what the inside shows.
    secret: Hash,
    proxies: Vec<std::net::IpAddr>,
    swap: Swap,
    meters: Option<Arc<Meters>>,
    tls: watch::Receiver<tls::Terms>,
    teller: request::Teller,
}

/// Where the site of a public node lies.
pub fn site_dir(folder: &Path) -> PathBuf {
    folder.join("site")
}

/// What waits in the spool of a public node's folder to be fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spooled {
    /// How many.
    pub files: usize,
    /// Their bytes, sealed.
    pub bytes: u64,
    /// When the oldest was taken.
    pub oldest: Option<std::time::SystemTime>,
}

/// Looks at a node's spool from outside, beside a serving process or without one; nothing is made or removed.
///
/// # Errors
/// The disk.
pub fn spooled(folder: &Path) -> io::Result<Spooled> {
    spool::look(&folder.join("spool"))
}

/// Removes the files of a folder but those to be kept.
fn emptied(folder: &Path, kept: impl Fn(&str) -> bool) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().to_str().is_some_and(&kept) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

impl Outpost {
    /// Opens a node's folder.
    ///
    /// # Errors
    /// The disk.
    pub fn open(grounds: Grounds) -> Result<Self> {
        let folder = grounds.folder.clone();
        let incoming = folder.join("incoming");
        let open = || {
            std::fs::create_dir_all(&incoming)?;
            let spool = Spool::open(&folder.join("spool"), grounds.spool_bytes)?;
            let leaves = Leaves::open(&folder.join("leaves"))?;
            Ok((spool, Answers::open(&folder)?, leaves))
        };
        let (spool, answers, leaves) = open().map_err(Error::Outpost)?;
        let (spool, answers) = (Arc::new(spool), Arc::new(answers));
        let counter = Outside::new(Arc::clone(&spool), Arc::clone(&answers), grounds.sealer);
        let counter = Arc::new(counter);
        let site_dir = site_dir(&folder);
        Ok(Outpost {
            spool,
            answers,
            leaves,
            counter: Arc::clone(&counter),
            front: Arc::new(Front {
                counter,
                limits: Limits::default(),
                clock: grounds.bonds.clock,
                exercise: grounds.exercise,
            }),
            site: Arc::new(Public::new(&site_dir)),
            site_dir,
            incoming,
            secret: Hash::of(grounds.secret.as_bytes()),
            proxies: grounds.proxies,
            swap: grounds.swap,
            meters: grounds.meters,
            teller: request::Teller {
                random: grounds.bonds.random,
                tls: grounds.tls.clone(),
            },
            tls: grounds.tls,
        })
    }

    /// Path and hash of every file of the site in force.
    fn in_force(&self) -> HashMap<String, String> {
        let text = std::fs::read_to_string(self.site_dir.join(SUMS)).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.split_once("  "));
        lines
            .map(|(hash, path)| (path.to_owned(), hash.to_owned()))
            .collect()
    }

    fn standing(&self) -> io::Result<inner::Standing> {
        let (waiting, count) = self.spool.waiting()?;
        let (bytes, most) = self.spool.level();
        let site = match std::fs::read(self.site_dir.join(SUMS)) {
            Ok(list) => Hash::of(&list).to_string(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        Ok(inner::Standing {
            version: inner::VERSION,
            site,
            answers: self.answers.hash(),
            leaves: Some(self.leaves.hash()),
            waiting,
            count,
            bytes,
            most,
        })
    }
}

/// Serves both doors until `stop` holds `true`; requests under way are answered first.
///
/// # Errors
/// A listener broke.
pub async fn serve(
    outer: TcpListener,
    inner: TcpListener,
    node: Arc<Outpost>,
    stop: watch::Receiver<bool>,
) -> Result<()> {
    let ends = |mut stop: watch::Receiver<bool>| async move {
        // A sender that is gone means the same as one that says stop.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    let doors = Doors::new(outer, node.tls.clone());
    let service = router(Arc::clone(&node)).into_make_service_with_connect_info::<Peer>();
    let outer = axum::serve(doors, service).with_graceful_shutdown(ends(stop.clone()));
    let doors = Doors::new(inner, node.tls.clone());
    let service = inner::router(node).into_make_service_with_connect_info::<Peer>();
    let inner = axum::serve(doors, service).with_graceful_shutdown(ends(stop));
    let both = async { tokio::try_join!(outer.into_future(), inner.into_future()) };
    both.await.map(drop).map_err(Error::Listener)
}

/// What everybody may ask.
pub fn router(node: Arc<Outpost>) -> Router {
    let form = |most: usize, handlers: MethodRouter<Arc<Outpost>>| {
        handlers
            .layer(DefaultBodyLimit::max(most))
            .layer(middleware::from_fn_with_state(Arc::clone(&node), guarded))
    };
    let told = middleware::from_fn_with_state(node.teller.clone(), request::told);
    Router::new()
        .route(
            "/report",
            form(FORM_BYTES, get(report::form).post(report::send)),
        )
        .route("/report/status", form(SMALL, get(report::ask)))
        .route("/report/status/{number}", form(SMALL, get(report::status)))
        .route(
            "/appeal",
            form(FORM_BYTES, get(appeal::form).post(appeal::send)),
        )
        .route("/appeal/status", form(SMALL, get(appeal::ask)))
        .route("/appeal/status/{number}", form(SMALL, get(appeal::status)))
        .route("/notice", form(SMALL, get(page::frame)))
        .route(
            "/notice/{slot}",
            form(leaf::ANSWER_BYTES, get(leaves::sealed).post(leaves::answer)),
        )
        .route("/console/assets/{name}", form(SMALL, get(assets::asset)))
        .route("/favicon.ico", form(SMALL, get(assets::icon)))
        .route("/console/taste", form(SMALL, post(taste)))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .fallback(elsewhere)
        .layer(told)
        .with_state(node)
}

/// Forms are taken.
async fn readyz(State(node): State<Arc<Outpost>>) -> Response {
    let (bytes, most) = node.spool.level();
    match bytes < most {
        true => "ready\n".into_response(),
        false => Refusal::Full.problem().into_response(),
    }
}

/// The published site; nothing where there is none.
async fn elsewhere(
    State(node): State<Arc<Outpost>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    match node.site.answer(&method, uri.path(), &headers).await {
        Some(response) => response,
        None => crate::nothing_here().await.into_response(),
    }
}

/// The guard before the forms: nobody is anybody here, what crosses sites is refused, and refusals become pages.
async fn guarded(State(node): State<Arc<Outpost>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let id = parts.extensions.get::<request::Id>();
    let peer = parts.extensions.get::<ConnectInfo<Peer>>();
    let here = parts.uri.path_and_query();
    let visitor = Visitor {
        account: None,
        session: None,
        scopes: None,
        lang: language(&parts, None),
        theme: String::new(),
        said: None,
        here: here.map_or("/", |here| here.as_str()).to_owned(),
        request: id.map(|id| id.0.clone()).unwrap_or_default(),
        source: source_of(&parts.headers, peer, &node.proxies),
    };
    let acts = !matches!(parts.method, Method::GET | Method::HEAD);
    let mut response = match acts && !guard::same_site(&parts.headers, false) {
        true => Refusal::Problem(Problem::new(
            StatusCode::FORBIDDEN,
            "cross-site",
            "the request came from another site",
        ))
        .into_response(),
        false => {
            parts.extensions.insert(visitor.clone());
            parts.extensions.insert(Arc::clone(&node.front));
            let answered = next.run(Request::from_parts(parts, body)).await;
            guard::in_our_words(answered).await
        }
    };
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        let allow = response.headers_mut().remove(header::ALLOW);
        let around = shell::outside(&node.front, &visitor, "");
        response = shell::refusal_page(around, &visitor, &refusal);
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    }
    guard::bounds(response.headers_mut());
    response
}

#[derive(Deserialize)]
struct Taste {
    #[serde(default)]
    to: String,
    #[serde(default)]
    lang: String,
}

/// Keeps a visitor's language in a cookie.
async fn taste(Form(taste): Form<Taste>) -> Response {
    let mut response = form::done(&taste.to, "");
    let lang = ["zh", "en"].into_iter().find(|lang| *lang == taste.lang);
    let cookie = lang.map(|lang| format!("{LANG}={lang}; Path=/; Max-Age=31536000; SameSite=Lax"));
    if let Some(Ok(value)) = cookie.map(|cookie| HeaderValue::from_str(&cookie)) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}
