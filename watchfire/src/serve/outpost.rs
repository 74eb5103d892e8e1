//! The inside's end of a public node: it connects to the node's inner door, never the other way. It fetches what was
//! sent there, opens it, takes it in under its receipt, and only then has the node forget it; it leaves the published
//! site and what the node may tell those who hold receipts. Cut off anywhere, the next exchange goes on.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bulletin::publish::Asset;
use console::outpost::inner::{Listed, Missing, Standing, VERSION};
use console::outpost::leaf;
use console::outpost::parcel::{self, Fate};
use jiff::tz::TimeZone;
use outbound::Allowed;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use response::deliver::Secret;
use response::deliver::sealed::Opener;
use tokio::time::{Instant, sleep};
use url::Url;

use super::{Server, public};
use crate::config::Environment;
use crate::failure::{Exit, Failure, Result};
use crate::publishing;
use crate::responding;
use crate::workspace::Workspace;

/// Name of the passphrase of the key that opens.
const PASSPHRASE: &str = "WATCHFIRE_PUBLIC_PASSPHRASE";
/// How long a node may take to be reached, and to answer.
const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(120);
/// Bytes of a parcel at most, as it is fetched: armored it is a third longer than what was sealed.
const PARCEL: u64 = 3 * (parcel::MOST as u64) / 2;
/// How often site and answers are compared, where nothing was fetched.
const COMPARE: Duration = Duration::from_secs(60);
/// Bytes of pages of notices that are brought at once.
const BROUGHT: usize = 8 << 20;
/// Parcels that were refused and are kept for a look.
const REFUSED: usize = 100;

/// What one exchange with one node did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Done {
    /// Parcels taken in, those among them that were known already included.
    pub filed: usize,
    /// Parcels that were none.
    pub refused: usize,
    /// Parcels that wait: too many came within an hour.
    pub later: usize,
    /// Whether a site was put in force.
    pub site: bool,
    /// Whether answers were left.
    pub answers: bool,
    /// Whether pages of notices were left.
    pub leaves: bool,
}

/// What exchanges need.
pub struct Exchange {
    desk: response::Desk,
    /// The instance's key, from which keys of notices' pages follow.
    key: [u8; 32],
    zone: TimeZone,
    opener: Opener,
    secret: String,
    client: Client,
    /// The nodes.
    pub nodes: Vec<Url>,
    site: PathBuf,
    /// Where block lists are published, if they are.
    lists: Option<PathBuf>,
    /// Where refused parcels are kept.
    refused: PathBuf,
}

impl Exchange {
    /// As the configuration says; `None` where it names no node.
    ///
    /// # Errors
    /// A key, a secret, a certificate or an address that cannot be used.
    pub fn of(workspace: &Workspace, environment: &Environment) -> Result<Option<Self>> {
        let written = &workspace.settings.public;
        if written.nodes.is_empty() {
            return Ok(None);
        }
        let root = &workspace.root;
        let wrong = |key: &str, why: String, remedy: &str| {
            let failure = Failure::new(key, why).remedy(remedy);
            failure.with(Exit::Configuration)
        };
        let armored = public::named(root, "public.open_key", &written.open_key)?;
        let phrase = environment.get(PASSPHRASE).cloned().map(Secret::new);
        let opener = Opener::read("the inside", &armored, phrase.as_ref()).map_err(|error| {
            let remedy = format!("give the secret half of `watchfire outpost keys`, and its passphrase, if it has one, in {PASSPHRASE}");
            wrong("public.open_key", error.to_string(), &remedy)
        })?;
        let mut allowed = Allowed::default();
        let mut nodes = Vec::new();
        for text in &written.nodes {
            let remedy = "write the address of its inner door, as https://dmz.example:8443";
            let url = Url::parse(text)
                .map_err(|error| wrong("public.nodes", error.to_string(), remedy))?;
            let host = url.host_str().unwrap_or_default().to_owned();
            let here = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
            let near = here.is_ok_and(|ip| ip.is_loopback());
            if host.is_empty() || !(url.scheme() == "https" || url.scheme() == "http" && near) {
                let why = format!("`{text}` is no address over TLS");
                return Err(wrong("public.nodes", why, remedy));
            }
            // The operator wrote it: a DMZ has private addresses.
            allowed.add_host(&host);
            nodes.push(url);
        }
        console::tls::install();
        let lookup = outbound::system_lookup();
        let mut builder =
            outbound::client::guarded(lookup, Arc::new(allowed), CONNECT).timeout(ANSWER);
        if !written.ca.is_empty() {
            let pem = public::named(root, "public.ca", &written.ca)?;
            let certificates = reqwest::Certificate::from_pem_bundle(pem.as_bytes());
            let remedy = "give the certificate of the node, or of who signed it, as PEM";
            let certificates = certificates
                .map_err(|error| wrong("public.ca", outbound::chain(&error), remedy))?;
            // Nobody else's word counts for it.
            builder = builder.tls_certs_only(certificates);
        }
        let client = builder.build();
        let lists = &workspace.settings.lists;
        Ok(Some(Exchange {
            desk: responding::desk(workspace),
            key: responding::token_key(workspace)?,
            zone: workspace.settings.zone.clone(),
            opener,
            secret: public::secret(root, &workspace.settings)?,
            client: client.map_err(|error| Failure::new("public", outbound::chain(&error)))?,
            nodes,
            site: workspace.site_dir(),
            lists: lists.enabled.then(|| root.join(&lists.folder)),
            refused: root.join("refused-from-public"),
        }))
    }

    fn request(&self, method: Method, node: &Url, path: &str) -> Result<RequestBuilder> {
        let url = node.join(path).map_err(|error| Failure::new(node, error))?;
        Ok(self.client.request(method, url).bearer_auth(&self.secret))
    }

    /// Sends a request, and expects one of these answers.
    async fn sent(
        &self,
        node: &Url,
        request: RequestBuilder,
        fine: &[StatusCode],
    ) -> Result<Response> {
        let answer = request.send().await;
        let answer = answer
            .map_err(|error| Failure::new(node, outbound::client::unsent(&error, node.as_str())))?;
        let status = answer.status();
        if status == StatusCode::UNAUTHORIZED {
            let failure = Failure::new(node, "does not know our secret");
            return Err(failure.remedy("the file of public.secret must be the same on both sides"));
        }
        if !fine.contains(&status) {
            let text = answer.text().await.unwrap_or_default();
            let text: String = said(&text).chars().take(300).collect();
            let failure = Failure::new(node, format_args!("answers with {status}: {text}"));
            return Err(match status {
                StatusCode::INSUFFICIENT_STORAGE => failure.remedy(
                    "make room where public.folder of that node lies; what waits is brought with the next exchange",
                ),
                _ => failure,
            });
        }
        Ok(answer)
    }

    /// One exchange: fetches all that waits, and leaves what changed if something came or `compare` says so.
    ///
    /// # Errors
    /// The node cannot be reached or does not do as it should; the ledger or the disk here. What was acknowledged is
    /// done; the rest is done by the next exchange.
    pub async fn with(&self, node: &Url, compare: bool) -> Result<Done> {
        let mut done = Done::default();
        let mut standing = self.standing(node).await?;
        loop {
            let before = done;
            for waiting in &standing.waiting {
                self.take_one(node, &waiting.slot, &mut done).await?;
            }
            metrics::gauge!("watchfire_public_waiting", "node" => node.to_string())
                .set(standing.count.saturating_sub(standing.waiting.len()) as f64);
            let more = standing.count > standing.waiting.len()
                && done != before
                && done.later == before.later;
            if !more {
                break;
            }
            standing = self.standing(node).await?;
        }
        if compare || done.filed > 0 {
            done.answers = self.leave_answers(node, &standing).await?;
            done.leaves = self.leave_leaves(node, &standing).await?;
        }
        if compare {
            done.site = self.leave_site(node, &standing).await?;
        }
        Ok(done)
    }

    async fn standing(&self, node: &Url) -> Result<Standing> {
        let request = self.request(Method::GET, node, "inner/v1/state")?;
        let answer = self.sent(node, request, &[StatusCode::OK]).await?;
        let bytes = bounded(node, answer, 4 << 20).await?;
        let standing: Standing =
            serde_json::from_slice(&bytes).map_err(|error| Failure::new(node, error))?;
        match standing.version {
            VERSION => Ok(standing),
            other => Err(Failure::new(
                node,
                format_args!("speaks version {other}, this process {VERSION}"),
            )
            .remedy("bring both to the same version of watchfire")),
        }
    }

    /// Fetches one parcel, takes it in, tells the node of it, and has it forgotten there: in this order, so that its
    /// receipt is known at every instant, and nothing is forgotten that is not durable here.
    async fn take_one(&self, node: &Url, slot: &str, done: &mut Done) -> Result {
        let path = format!("inner/v1/spool/{slot}");
        let request = self.request(Method::GET, node, &path)?;
        let answer = self
            .sent(node, request, &[StatusCode::OK, StatusCode::NOT_FOUND])
            .await?;
        // Another process of ours was quicker.
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(());
        }
        let sealed = bounded(node, answer, PARCEL).await?;
        let fate = match self.opener.open(&sealed, parcel::MOST) {
            Ok(opened) => {
                let fate = parcel::take_in(&self.desk, &self.key, slot, &opened).await;
                fate.map_err(|error| Failure::new(node, error))?
            }
            Err(error) => Fate::Refused(error.to_string()),
        };
        match &fate {
            Fate::Later => {
                done.later += 1;
                return Ok(());
            }
            Fate::Filed(line) => {
                let request = self.request(Method::POST, node, "inner/v1/answers")?;
                let request = request.body(format!("{line}\n"));
                self.sent(node, request, &[StatusCode::NO_CONTENT]).await?;
                done.filed += 1;
            }
            Fate::Done => done.filed += 1,
            Fate::Refused(why) => {
                tracing::warn!(node = %node, slot, why, "what came from a public node was refused");
                self.put_aside(slot, &sealed)?;
                done.refused += 1;
            }
        }
        let label = if matches!(fate, Fate::Filed(_) | Fate::Done) {
            "filed"
        } else {
            "refused"
        };
        metrics::counter!("watchfire_public_parcels_total", "fate" => label).increment(1);
        let request = self.request(Method::DELETE, node, &path)?;
        self.sent(node, request, &[StatusCode::NO_CONTENT]).await?;
        Ok(())
    }

    /// Keeps a refused parcel for a look, while there are not many of them.
    fn put_aside(&self, slot: &str, sealed: &[u8]) -> Result {
        let failed = |error: std::io::Error| Failure::new(self.refused.display(), error);
        std::fs::create_dir_all(&self.refused).map_err(failed)?;
        let there = std::fs::read_dir(&self.refused).map_err(failed)?.count();
        let plain = slot.bytes().all(|c| c.is_ascii_hexdigit());
        if there < REFUSED && plain {
            std::fs::write(self.refused.join(format!("{slot}.asc")), sealed).map_err(failed)?;
        }
        Ok(())
    }

    async fn leave_answers(&self, node: &Url, standing: &Standing) -> Result<bool> {
        let text = parcel::projection(&self.desk, &self.zone).await;
        let text = text.map_err(|error| Failure::new("public", error))?;
        if ledger::Hash::of(text.as_bytes()).to_string() == standing.answers {
            return Ok(false);
        }
        let request = self
            .request(Method::PUT, node, "inner/v1/answers")?
            .body(text);
        self.sent(node, request, &[StatusCode::NO_CONTENT]).await?;
        Ok(true)
    }

    /// Leaves the pages of notices: the list, those that the node has not, and the list again.
    async fn leave_leaves(&self, node: &Url, standing: &Standing) -> Result<bool> {
        let Some(there) = &standing.leaves else {
            return Ok(false);
        };
        let leaves = leaf::leaves(&self.desk, &self.key, &self.zone).await;
        let leaves = leaves.map_err(|error| Failure::new("public", error))?;
        let list = leaf::list(&leaves);
        if ledger::Hash::of(list.as_bytes()).to_string() == *there
            || list.is_empty() && there.is_empty()
        {
            return Ok(false);
        }
        let path = "inner/v1/leaves";
        for _ in 0..2 {
            let request = self.request(Method::PUT, node, path)?.body(list.clone());
            let fine = [StatusCode::NO_CONTENT, StatusCode::CONFLICT];
            let answer = self.sent(node, request, &fine).await?;
            if answer.status() == StatusCode::NO_CONTENT {
                return Ok(true);
            }
            let bytes = bounded(node, answer, 64 << 20).await?;
            let missing: Missing =
                serde_json::from_slice(&bytes).map_err(|error| Failure::new(node, error))?;
            let missing: HashSet<String> = missing.missing.into_iter().collect();
            let mut some = String::new();
            let wanted = leaves.iter().filter(|leaf| missing.contains(&leaf.slot));
            for leaf in wanted {
                some.push_str(&format!("{} {}\n", leaf.slot, leaf.text));
                if some.len() > BROUGHT {
                    self.bring(node, path, std::mem::take(&mut some)).await?;
                }
            }
            if !some.is_empty() {
                self.bring(node, path, some).await?;
            }
        }
        let why = "pages of notices do not come to rest: the next exchange brings them";
        Err(Failure::new(node, why))
    }

    async fn bring(&self, node: &Url, path: &str, some: String) -> Result {
        let request = self.request(Method::POST, node, path)?.body(some);
        self.sent(node, request, &[StatusCode::NO_CONTENT]).await?;
        Ok(())
    }

    /// Leaves the published site where the node has another one: first the files that it has not, then the list,
    /// which it puts in force in one step.
    async fn leave_site(&self, node: &Url, standing: &Standing) -> Result<bool> {
        let (site, lists) = (self.site.clone(), self.lists.clone());
        let read = tokio::task::spawn_blocking(move || files(&site, lists.as_deref())).await;
        let files = read.map_err(|error| Failure::new("site", error))??;
        if files.is_empty() {
            return Ok(false);
        }
        let assets: Vec<Asset> = files.iter().map(|file| file.asset.clone()).collect();
        let list =
            watchfire::site::list(&[], &assets).map_err(|error| Failure::new("site", error))?;
        if ledger::Hash::of(list.as_bytes()).to_string() == standing.site {
            return Ok(false);
        }
        let listed: Vec<Listed> = assets
            .into_iter()
            .map(|asset| Listed {
                path: asset.path,
                size: asset.size,
                blake3: asset.blake3,
            })
            .collect();
        // Twice at most: what was missing is brought, and then nothing may be.
        for _ in 0..2 {
            let request = self.request(Method::PUT, node, "inner/v1/site")?;
            let body = serde_json::to_vec(&listed).map_err(|error| Failure::new("site", error))?;
            let request = request
                .header("content-type", "application/json")
                .body(body);
            let answer = self
                .sent(
                    node,
                    request,
                    &[StatusCode::NO_CONTENT, StatusCode::CONFLICT],
                )
                .await?;
            if answer.status() == StatusCode::NO_CONTENT {
                return Ok(true);
            }
            let bytes = bounded(node, answer, 64 << 20).await?;
            let missing: Missing =
                serde_json::from_slice(&bytes).map_err(|error| Failure::new(node, error))?;
            for hash in missing.missing {
                let Some(file) = files.iter().find(|file| file.asset.blake3 == hash) else {
                    return Err(Failure::new(
                        node,
                        format_args!("asks for a file {hash} that nobody listed"),
                    ));
                };
                let bytes = std::fs::read(&file.from)
                    .map_err(|error| Failure::new(file.from.display(), error))?;
                let request = self.request(Method::PUT, node, &format!("inner/v1/files/{hash}"))?;
                self.sent(node, request.body(bytes), &[StatusCode::NO_CONTENT])
                    .await?;
            }
        }
        Err(Failure::new(
            node,
            "the site changed while it was brought: the next exchange brings it",
        ))
    }
}

/// What a node's answer says went wrong: of a problem its words, else the text.
fn said(text: &str) -> String {
    let problem: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let word = |key: &str| Some(problem.as_ref()?.get(key)?.as_str()?.to_owned());
    match (word("title"), word("detail")) {
        (Some(title), Some(detail)) => format!("{title}: {detail}"),
        (Some(title), None) => title,
        _ => text.to_owned(),
    }
}

/// The bytes of an answer, so many at most: the node may be somebody else's by now.
async fn bounded(node: &Url, mut answer: Response, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let chunk = answer.chunk().await;
        match chunk.map_err(|error| Failure::new(node, outbound::chain(&error)))? {
            None => return Ok(bytes),
            Some(chunk) if (bytes.len() + chunk.len()) as u64 > most => {
                return Err(Failure::new(
                    node,
                    format_args!("answers with more than {most} bytes"),
                ));
            }
            Some(chunk) => bytes.extend_from_slice(&chunk),
        }
    }
}

/// A file that the public sees.
struct Shown {
    asset: Asset,
    from: PathBuf,
}

/// Files of the published site and of the block lists; none without a site.
fn files(site: &Path, lists: Option<&Path>) -> Result<Vec<Shown>> {
    let sums = site.join(watchfire::site::SUMS);
    let text = match std::fs::read_to_string(&sums) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Failure::new(sums.display(), error)),
    };
    let mut all = Vec::new();
    for (hash, path) in text.lines().filter_map(|line| line.split_once("  ")) {
        let from = site.join(path);
        let meta = std::fs::metadata(&from).map_err(|error| Failure::new(from.display(), error))?;
        all.push(Shown {
            asset: Asset {
                path: path.to_owned(),
                size: meta.len(),
                blake3: hash.to_owned(),
            },
            from,
        });
    }
    for (path, from) in lists.map(below).unwrap_or_default() {
        let bytes = std::fs::read(&from).map_err(|error| Failure::new(from.display(), error))?;
        let path = format!("lists/{path}");
        if !all.iter().any(|one| one.asset.path == path) {
            all.push(Shown {
                asset: Asset {
                    path,
                    size: bytes.len() as u64,
                    blake3: ledger::Hash::of(&bytes).to_string(),
                },
                from,
            });
        }
    }
    Ok(all)
}

/// The files of each list: `LIST/FILE` and where it lies. What begins with a point is under way.
fn below(lists: &Path) -> Vec<(String, PathBuf)> {
    let entries = |folder: &Path| {
        let found = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let named =
            found.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())));
        named
            .filter(|(name, _)| !name.starts_with('.'))
            .collect::<Vec<_>>()
    };
    let mut all = Vec::new();
    for (list, folder) in entries(lists) {
        for (name, path) in entries(&folder) {
            if path.is_file() {
                all.push((format!("{list}/{name}"), path));
            }
        }
    }
    all.sort();
    all
}

/// Exchanges with every node until the process is to end.
pub(super) async fn run(server: Arc<Server>) -> &'static str {
    let mut changed = server.changed.subscribe();
    let mut exchange = made(&server).await;
    let mut compared: Option<Instant> = None;
    loop {
        if changed.has_changed().unwrap_or(false) {
            changed.borrow_and_update();
            exchange = made(&server).await;
            compared = None;
        }
        // One node of a cluster goes there: the one that leads.
        if let Some(exchange) = exchange.as_ref().filter(|_| server.leads()) {
            let compare = compared.is_none_or(|at| at.elapsed() >= COMPARE);
            let mut fine = true;
            if compare && server.workspace().settings.role.clustered {
                let mine = Arc::clone(&server);
                // Another node may have published, and this one need not be a console that keeps its site.
                let keep = move || publishing::keep(&mine.workspace());
                let made = tokio::task::spawn_blocking(keep).await;
                if let Err(failure) = made.unwrap_or_else(|error| Err(Failure::new("site", error)))
                {
                    fine = false;
                    let error = failure.message();
                    tracing::error!(error, "the site for public nodes cannot be made");
                }
            }
            for node in &exchange.nodes {
                let outcome = match exchange.with(node, compare).await {
                    Ok(done) => {
                        if done != Done::default() {
                            let Done {
                                filed,
                                refused,
                                site,
                                answers,
                                leaves,
                                ..
                            } = done;
                            tracing::info!(node = %node, filed, refused, site, answers, leaves, "exchanged with a public node");
                        }
                        "good"
                    }
                    Err(failure) => {
                        fine = false;
                        let error = failure.message();
                        tracing::error!(node = %node, error, "a public node cannot be served");
                        "failed"
                    }
                };
                metrics::counter!("watchfire_public_exchanges_total", "outcome" => outcome)
                    .increment(1);
            }
            if compare && fine {
                compared = Some(Instant::now());
            }
        }
        let every = server.workspace().settings.public.every_secs;
        tokio::select! {
            () = server.stopped() => return "public nodes",
            () = sleep(Duration::from_secs(u64::from(every))) => {}
        }
    }
}

async fn made(server: &Arc<Server>) -> Option<Exchange> {
    let mine = Arc::clone(server);
    let made =
        tokio::task::spawn_blocking(move || Exchange::of(&mine.workspace(), &mine.environment));
    let made = made.await;
    match made.unwrap_or_else(|error| Err(Failure::new("public", error))) {
        Ok(exchange) => exchange,
        Err(failure) => {
            let error = failure.message();
            tracing::error!(error, "public nodes cannot be served");
            None
        }
    }
}
