//! The one outbound HTTP client (RFC 9110). Everything that comes back is hostile: addresses are
//! judged after resolution and at every redirect ([`outbound::policy`]), bytes are counted as
//! they arrive, compressed ones once more as they unfold, and every wait has an end.
//!
//! A body whose length is known must have that length: hyper reports a shorter one, and of a longer
//! one only the announced part exists. A body that ends with its connection, as HTTP/1.0 servers
//! send it, cannot be told from one that was cut.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::fetch::Transport;
use model::time::Timestamp;
use outbound::client::unsent;
use outbound::{Lookup, chain, system_lookup};
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Client, Identity, Method, Response, StatusCode};
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use super::failure::{Failure, Kind, Result};
use super::plan::{Environment, Plan};
use super::retry::{Random, Retries, retry_after};
use super::spool::{Part, Spool, Spooled};

mod answer;
mod body;
mod connect;

use answer::{disposition, redirected};

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

/// One request. It holds secrets, so that `Debug` shows no more than [`Ask::shown`].
#[derive(Clone)]
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

impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ask")
            .field("shown", &self.shown)
            .finish_non_exhaustive()
    }
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
        let foreign = connect::client(clients, plan, None)?;
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
                connect::client(clients, plan, Some(identity))?
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
                    let body = body::stream(response, &self.limits, most, out, &shown).await?;
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
            Ok(Err(error)) => Err(unsent(&error, shown).into()),
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
}
