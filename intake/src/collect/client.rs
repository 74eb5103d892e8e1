//! The one outbound HTTP client (RFC 9110). Everything that comes back is hostile: addresses are
//! judged after resolution and at every redirect ([`policy`](super::policy)), bytes are counted as
//! they arrive, compressed ones once more as they unfold, and every wait has an end.
//!
//! A body whose length is known must have that length: hyper reports a shorter one, and of a longer
//! one only the announced part exists. A body that ends with its connection, as HTTP/1.0 servers
//! send it, cannot be told from one that was cut.

use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};
use std::time::Duration;

use flate2::write::MultiGzDecoder;
use model::fetch::Transport;
use model::time::Timestamp;
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, Identity, Method, Proxy, Response, StatusCode};
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use super::failure::{Failure, Kind, Result};
use super::plan::{Environment, Plan};
use super::policy::{Allowed, Guard, Lookup, system_lookup};
use super::retry::{Random, Retries, retry_after};
use super::spool::{Part, Spool, Spooled};

/// Most bytes of an answer that is read into memory: lists and manifests.
const MEMORY_BYTES: u64 = 64 << 20;

/// Bounds of every request; those of one feed stand in its entry.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Attempts and waits.
    pub retries: Retries,
    /// Time to connect, TLS included.
    pub connect: Duration,
    /// Longest silence, and the window over which the slowest rate is measured.
    pub stall: Duration,
    /// Bytes that must arrive in such a window while the body has not ended.
    pub window_bytes: u64,
    /// Redirects that are followed.
    pub redirects: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            retries: Retries::default(),
            connect: Duration::from_secs(15),
            stall: Duration::from_secs(30),
            window_bytes: 30 * 128,
            redirects: 5,
        }
    }
}

/// What all feeds' transfers share.
#[derive(Clone)]
pub struct Clients {
    /// The workspace: relative paths of entries are relative to it.
    pub root: PathBuf,
    /// Variables that entries may name.
    pub environment: Environment,
    /// Random source of the jitter.
    pub random: Random,
    /// Resolution of names.
    pub lookup: Lookup,
    /// Bounds.
    pub limits: Limits,
}

impl Clients {
    /// With the system's resolution and the usual bounds.
    pub fn new(root: &Path, environment: Environment, random: Random) -> Self {
        Clients {
            root: root.to_owned(),
            environment,
            random,
            lookup: system_lookup(),
            limits: Limits::default(),
        }
    }
}

/// One request.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Where.
    pub url: Url,
    /// The same as it may be shown.
    pub shown: String,
    /// Headers that any host may see.
    pub headers: Vec<(&'static str, String)>,
    /// Headers for the entry's own host only, besides those of the entry.
    pub private: Vec<(&'static str, String)>,
    /// Body of a POST; without one it is a GET.
    pub body: Option<Vec<u8>>,
}

impl Ask {
    /// A GET.
    pub fn get(url: Url, shown: impl Into<String>) -> Self {
        Ask {
            url,
            shown: shown.into(),
            headers: Vec::new(),
            private: Vec::new(),
            body: None,
        }
    }
}

/// An address below another, which keeps its query. The part is taken as it is: it must be encoded.
pub fn below(base: &Url, part: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{part}", base.path().trim_end_matches('/')));
    url
}

/// An answer whose body was written to `W`; none for 204 and 304.
#[derive(Debug)]
pub struct Answer<W> {
    /// Its headers.
    pub headers: HeaderMap,
    /// What its body was written to.
    pub body: Option<W>,
}

/// The transfers of one feed.
pub struct Session<'a> {
    /// The entry.
    pub plan: &'a Plan,
    now: Timestamp,
    began: Instant,
    limits: Limits,
    random: Random,
    own: Client,
    /// For hosts that the entry does not name: without the client certificate.
    foreign: Client,
}

impl<'a> Session<'a> {
    /// Reads certificates and makes the clients.
    ///
    /// # Errors
    /// A PEM file that cannot be read or used.
    pub fn open(clients: &Clients, plan: &'a Plan, now: Timestamp) -> Result<Self> {
        let foreign = client(clients, plan, None)?;
        let own = match (&plan.client_cert, &plan.client_key) {
            (Some(cert), Some(key)) => {
                let mut pem = std::fs::read(cert).map_err(Failure::local(cert))?;
                pem.push(b'\n');
                pem.extend(std::fs::read(key).map_err(Failure::local(key))?);
                let identity = Identity::from_pem(&pem).map_err(|error| {
                    let detail =
                        format!("`fetch.client_cert`, `fetch.client_key`: {}", chain(&error));
                    Failure::new(Kind::Entry, detail)
                })?;
                client(clients, plan, Some(identity))?
            }
            _ => foreign.clone(),
        };
        Ok(Session {
            plan,
            now,
            began: Instant::now(),
            limits: clients.limits,
            random: Arc::clone(&clients.random),
            own,
            foreign,
        })
    }

    /// The time, as far as it has gone on since the fetch began.
    pub fn now(&self) -> Timestamp {
        let gone = i64::try_from(self.began.elapsed().as_micros()).unwrap_or(0);
        Timestamp(self.now.0.saturating_add(gone))
    }

    /// Fetches into the spool; `None` where there is nothing (new). The name is that of
    /// `Content-Disposition`, else `name`; `folder` is what stands before it in the origin.
    ///
    /// # Errors
    /// See [`Session::send`].
    pub async fn to_spool(
        &self,
        ask: &Ask,
        spool: &mut Spool,
        folder: &str,
        name: &str,
    ) -> Result<(HeaderMap, Option<Spooled>)> {
        let answer: Answer<Part> = self
            .send(ask, self.plan.max_bytes, || spool.begin())
            .await?;
        let Some(part) = answer.body else {
            return Ok((answer.headers, None));
        };
        let stated = disposition(&answer.headers);
        let name = stated.as_deref().unwrap_or(name);
        let kept = spool.keep(part, name, format!("{folder}{name}")).await?;
        Ok((answer.headers, Some(kept)))
    }

    /// Fetches into memory: lists and manifests, up to 64 MiB.
    ///
    /// # Errors
    /// See [`Session::send`].
    pub async fn to_memory(&self, ask: &Ask) -> Result<(HeaderMap, Vec<u8>)> {
        let most = self.plan.max_bytes.min(MEMORY_BYTES);
        let answer = self.send(ask, most, || Ok(Vec::new())).await?;
        Ok((answer.headers, answer.body.unwrap_or_default()))
    }

    /// Sends a request, as often as it takes and the entry's time allows; every attempt writes to
    /// what `begin` makes anew.
    ///
    /// # Errors
    /// What the last attempt failed with.
    pub async fn send<W: Write + Send>(
        &self,
        ask: &Ask,
        most: u64,
        begin: impl Fn() -> Result<W>,
    ) -> Result<Answer<W>> {
        let deadline = Instant::now() + self.plan.timeout;
        let mut failed = 0;
        loop {
            let attempt = timeout_at(deadline, self.once(ask, most, begin()?)).await;
            let failure = match attempt {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(failure)) => failure,
                Err(_) => {
                    let detail = format!(
                        "{} took longer than {} s; see `fetch.timeout_secs`",
                        ask.shown,
                        self.plan.timeout.as_secs()
                    );
                    return Err(Failure::new(Kind::Limit, detail));
                }
            };
            failed += 1;
            let wait = self.limits.retries.wait(failed, &self.random);
            let wait = wait.max(failure.retry_after.unwrap_or_default());
            // A wait from outside may be of any length.
            let in_time = wait < deadline.saturating_duration_since(Instant::now());
            if !failure.passing() || failed >= self.limits.retries.attempts || !in_time {
                return Err(failure);
            }
            tracing::debug!(feed = %self.plan.feed, failed, wait_ms = wait.as_millis() as u64, "trying again");
            tokio::time::sleep(wait).await;
        }
    }

    async fn once<W: Write + Send>(&self, ask: &Ask, most: u64, out: W) -> Result<Answer<W>> {
        let mut url = ask.url.clone();
        let home = self.plan.url()?.origin();
        let mut own = home == url.origin();
        let mut shown = ask.shown.clone();
        for _ in 0..=self.limits.redirects {
            self.plan.allowed.check(&url, self.plan.proxy.is_some())?;
            let response = self.hop(ask, &url, own, &shown).await?;
            let status = response.status();
            match status {
                StatusCode::OK => {
                    let headers = response.headers().clone();
                    let body = self.body(response, most, out, &shown).await?;
                    return Ok(Answer {
                        headers,
                        body: Some(body),
                    });
                }
                StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => {
                    return Ok(Answer {
                        headers: response.headers().clone(),
                        body: None,
                    });
                }
                StatusCode::MOVED_PERMANENTLY
                | StatusCode::FOUND
                | StatusCode::SEE_OTHER
                | StatusCode::TEMPORARY_REDIRECT
                | StatusCode::PERMANENT_REDIRECT => {
                    let next = redirected(&url, response.headers(), &shown)?;
                    if ask.body.is_some() {
                        let detail =
                            format!("{shown} redirects a POST; write the right `fetch.url`");
                        return Err(Failure::new(Kind::Refused, detail));
                    }
                    // Once away, it stays a stranger: who sent us away may send us back.
                    own = own && next.origin() == home;
                    shown = if own {
                        shown
                    } else {
                        next.origin().ascii_serialization()
                    };
                    url = next;
                }
                status => return Err(self.refused(status, response.headers(), &shown)),
            }
        }
        let detail = format!(
            "{} redirects more than {} times",
            ask.shown, self.limits.redirects
        );
        Err(Failure::new(Kind::Limit, detail))
    }

    /// One request without following anything.
    async fn hop(&self, ask: &Ask, url: &Url, own: bool, shown: &str) -> Result<Response> {
        let (method, body) = match &ask.body {
            Some(body) => (Method::POST, body.clone()),
            None => (Method::GET, Vec::new()),
        };
        let client = if own { &self.own } else { &self.foreign };
        let mut url = url.clone();
        // A redirect may carry a user of its own; it is not ours to send.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let mut request = client
            .request(method, url)
            .header(header::ACCEPT_ENCODING, "gzip");
        if !body.is_empty() {
            request = request.body(body);
        }
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        if own {
            let entry = self
                .plan
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value));
            let private = ask.private.iter().map(|(name, value)| (*name, value));
            for (name, value) in entry.chain(private) {
                let mut value = HeaderValue::from_str(value).map_err(|_| {
                    Failure::new(
                        Kind::Entry,
                        format!("header {name} cannot hold its value: correct it"),
                    )
                })?;
                value.set_sensitive(true);
                request = request.header(name, value);
            }
            // Shadowserver and S3 sign with user and password and never send them.
            let signs = matches!(self.plan.kind, Transport::Shadowserver | Transport::S3);
            match (&self.plan.token, &self.plan.user) {
                (Some(token), _) => request = request.bearer_auth(token),
                (None, Some(user)) if !signs => {
                    request = request.basic_auth(user, self.plan.password.as_ref());
                }
                _ => {}
            }
        }
        let wait = self.limits.connect + self.limits.stall;
        match timeout(wait, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(unsent(&error, shown)),
            Err(_) => Err(Failure::new(
                Kind::Limit,
                format!("{shown} did not answer within {} s", wait.as_secs()),
            )),
        }
    }

    fn refused(&self, status: StatusCode, headers: &HeaderMap, shown: &str) -> Failure {
        let hint = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                "; look at `fetch.user` and `fetch.password`, or `fetch.token`"
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => "; look at `fetch.url`",
            _ => "",
        };
        let reason = status.canonical_reason().unwrap_or("no such status");
        let mut failure = Failure::new(
            Kind::Status(status.as_u16()),
            format!("{shown} answers {} {reason}{hint}", status.as_u16()),
        );
        failure.retry_after = headers
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| retry_after(value, self.now()));
        failure
    }

    /// Streams a body, counting bytes as they come and, where they are compressed, as they unfold.
    async fn body<W: Write + Send>(
        &self,
        mut response: Response,
        most: u64,
        out: W,
        shown: &str,
    ) -> Result<W> {
        let too_much = || {
            let detail = format!("{shown} sends more than {most} bytes; see `fetch.max_bytes`");
            Failure::new(Kind::Limit, detail)
        };
        let encoding = response.headers().get(header::CONTENT_ENCODING);
        let encoding =
            encoding.map(|value| value.to_str().unwrap_or("?").trim().to_ascii_lowercase());
        let counted = Counted {
            out,
            left: most,
            over: false,
        };
        let mut body = match encoding.as_deref() {
            None | Some("" | "identity") => Body::Plain(counted),
            Some("gzip" | "x-gzip") => Body::Gzip(Box::new(MultiGzDecoder::new(counted))),
            Some(other) => {
                let detail = format!("{shown} sends encoding `{other}`, which was not asked for");
                return Err(Failure::new(Kind::Refused, detail));
            }
        };
        let mut received = 0_u64;
        let mut window = (Instant::now(), 0_u64);
        loop {
            let chunk = match timeout(self.limits.stall, response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => break,
                Ok(Err(error)) => {
                    let detail = format!(
                        "{shown} ended after {received} bytes: {}",
                        chain(&error.without_url())
                    );
                    return Err(Failure::malformed(detail));
                }
                Err(_) => return Err(self.slow(shown)),
            };
            received = received.saturating_add(chunk.len() as u64);
            if received > most {
                return Err(too_much());
            }
            if let Err(error) = body.write_all(&chunk) {
                return Err(if body.over() {
                    too_much()
                } else {
                    undone(&error, shown)
                });
            }
            window.1 += chunk.len() as u64;
            if window.0.elapsed() >= self.limits.stall {
                if window.1 < self.limits.window_bytes {
                    return Err(self.slow(shown));
                }
                window = (Instant::now(), 0);
            }
        }
        let over = body.over();
        match body.finish() {
            Ok(counted) if !counted.over => Ok(counted.out),
            Err(error) if !over => Err(undone(&error, shown)),
            _ => Err(too_much()),
        }
    }

    fn slow(&self, shown: &str) -> Failure {
        let detail = format!(
            "{shown} sends less than {} bytes in {} s",
            self.limits.window_bytes,
            self.limits.stall.as_secs()
        );
        Failure::new(Kind::Limit, detail)
    }
}

fn client(clients: &Clients, plan: &Plan, identity: Option<Identity>) -> Result<Client> {
    static PROVIDER: Once = Once::new();
    // The binary may have chosen one already: then that one stands.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let mut allowed: Allowed = plan.allowed.clone();
    let mut builder = Client::builder()
        .user_agent(concat!("watchfire/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(clients.limits.connect)
        .pool_max_idle_per_host(1)
        .tls_version_min(reqwest::tls::Version::TLS_1_2);
    let wrong = |key: &str, error: reqwest::Error| {
        Failure::new(Kind::Entry, format!("`fetch.{key}`: {}", chain(&error)))
    };
    builder = match &plan.proxy {
        Some(proxy) => {
            // Behind a proxy the only name that is resolved here is the proxy's own.
            allowed.add_host(proxy.host_str().unwrap_or(""));
            builder.proxy(Proxy::all(proxy.as_str()).map_err(|error| wrong("proxy", error))?)
        }
        None => builder.no_proxy(),
    };
    builder = builder.dns_resolver(Arc::new(Guard {
        lookup: Arc::clone(&clients.lookup),
        allowed: Arc::new(allowed),
    }));
    if let Some(path) = &plan.ca {
        let pem = std::fs::read(path).map_err(Failure::local(path))?;
        let found = Certificate::from_pem_bundle(&pem).map_err(|error| wrong("ca", error))?;
        if found.is_empty() {
            let detail = format!("`fetch.ca`: {} holds no certificate", path.display());
            return Err(Failure::new(Kind::Entry, detail));
        }
        builder = builder.tls_certs_merge(found);
    }
    if let Some(identity) = identity {
        builder = builder.identity(identity);
    }
    builder.build().map_err(|error| wrong("url", error))
}

/// Where a redirect leads.
fn redirected(from: &Url, headers: &HeaderMap, shown: &str) -> Result<Url> {
    let location = headers
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| Failure::new(Kind::Refused, format!("{shown} redirects to nowhere")))?;
    let next = from.join(location).map_err(|error| {
        Failure::new(
            Kind::Refused,
            format!("{shown} redirects to no address: {error}"),
        )
    })?;
    if from.scheme() == "https" && next.scheme() != "https" {
        let detail = format!("{shown} redirects from https to {}", next.scheme());
        return Err(Failure::new(Kind::Refused, detail));
    }
    Ok(next)
}

fn unsent(error: &reqwest::Error, shown: &str) -> Failure {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(failure) = inner.downcast_ref::<Failure>() {
            return failure.clone();
        }
        cause = inner.source();
    }
    let mut words = Vec::new();
    let mut cause: Option<&dyn Error> = error.source();
    while let Some(inner) = cause {
        words.push(inner.to_string());
        cause = inner.source();
    }
    Failure::new(Kind::Unreachable, format!("{shown}: {}", words.join(": ")))
}

/// What cannot be undone is damaged, unless it is our disk that is full.
fn undone(error: &io::Error, shown: &str) -> Failure {
    match error.raw_os_error() {
        Some(_) => Failure::new(Kind::Local, format!("the spool: {error}")),
        None => Failure::malformed(format!("{shown} sends damaged gzip: {error}")),
    }
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        words.push_str(": ");
        words.push_str(&inner.to_string());
        cause = inner.source();
    }
    words
}

/// The file name in `Content-Disposition` (RFC 6266), the plain form only.
fn disposition(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_DISPOSITION)?.to_str().ok()?;
    let name = value.split(';').find_map(|part| {
        let (key, name) = part.split_once('=')?;
        key.trim().eq_ignore_ascii_case("filename").then_some(name)
    })?;
    let name = super::spool::plain(name.trim().trim_matches('"'));
    (name != "delivery").then_some(name)
}

/// Lets a bounded number of bytes through.
struct Counted<W> {
    out: W,
    left: u64,
    over: bool,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.left {
            self.over = true;
            return Err(io::Error::other("too many bytes"));
        }
        let written = self.out.write(bytes)?;
        self.left -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

enum Body<W: Write> {
    Plain(Counted<W>),
    Gzip(Box<MultiGzDecoder<Counted<W>>>),
}

impl<W: Write> Body<W> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Body::Plain(out) => out.write_all(bytes),
            Body::Gzip(out) => out.write_all(bytes),
        }
    }

    fn over(&self) -> bool {
        match self {
            Body::Plain(out) => out.over,
            Body::Gzip(out) => out.get_ref().over,
        }
    }

    fn finish(self) -> io::Result<Counted<W>> {
        match self {
            Body::Plain(out) => Ok(out),
            Body::Gzip(out) => out.finish(),
        }
    }
}
