//! Vantages elsewhere: processes that look where this one cannot, since harm is often shown only to those it is
//! meant for. [`Vantage`] asks one for a single probe over HTTP; [`wire`] is what both say to each other
//! and how little of it is believed; [`answer`] is the side that is asked, with the probes that look from here too.
//!
//! A vantage says what it saw, never what that means: the asking side judges, by the function that judges its own
//! looks, and writes the evidence. What does not answer, refuses, or tells what cannot have been seen for what was
//! asked gives no look at all. Who may be asked about, and how far, was decided before anything comes here.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use model::verification::Client;
use outbound::client::{guarded, unsent};
use outbound::{Allowed, Lookup};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use url::{Host, Url};

use super::probe::{Clock, Errand, Limits, Prober};
use super::seen::Seen;
use crate::deliver::Secret;

pub mod answer;
pub mod wire;

use wire::{Asked, Told, VERSION};

/// Most vantages that are asked about one thing.
pub const MOST: usize = 8;
/// Characters that a secret has at least.
pub const SECRET: usize = 32;
/// Bytes of an answer at most: a body of one MiB and a missing page as base64, twice eleven heads, and the chains.
const ANSWER: usize = 6 << 20;
/// Bytes of an explanation that are read, and characters of it that are told on.
const WORDS: (usize, usize) = (4 << 10, 300);
/// Questions that are under way at one vantage: so many answers are held at once.
const UNDER_WAY: usize = 2;
/// How long a vantage may take to be reached, and, beyond the time that looking may take, to answer.
const CONNECT: Duration = Duration::from_secs(10);
const OVER: Duration = Duration::from_secs(10);

/// Where a vantage is and what it is known by.
#[derive(Clone)]
pub struct Entry {
    /// Its name, under which its looks are stored.
    pub name: String,
    /// Address of its door, see [`door`].
    pub url: Url,
    /// The secret that both sides hold.
    pub secret: Secret,
    /// Certificates that it is known by, PEM; `None`: those of the system.
    pub ca: Option<Vec<u8>>,
    /// As whom it can ask for pages.
    pub clients: Vec<Client>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entry")
            .field(&self.name)
            .field(&self.url.as_str())
            .finish()
    }
}

/// Reads the address of a vantage's door: over TLS, or plainly on this very machine, since the secret crosses no
/// network in clear.
///
/// # Errors
/// Why it is none, for a person.
pub fn door(text: &str) -> Result<Url, String> {
    let mut url = Url::parse(text).map_err(|error| format!("`{text}` is no address: {error}"))?;
    let near = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    };
    let encrypted = url.scheme() == "https" || (url.scheme() == "http" && near);
    let bare = url.username().is_empty() && url.password().is_none();
    if url.host_str().is_none_or(str::is_empty) || !encrypted {
        return Err(format!("`{text}` is no address over TLS"));
    }
    if !bare || url.query().is_some() || url.fragment().is_some() {
        return Err(format!("`{text}` holds more than the address of a door"));
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// What a vantage says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// [`VERSION`] of what it speaks.
    pub version: u32,
    /// Name and version of its program.
    pub software: String,
}

/// Why a vantage gave no look.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoLook {
    /// It is not there, or not one of ours: asking again at once is of no use.
    #[error("{0}")]
    Away(String),
    /// It would not or could not look at this.
    #[error("{0}")]
    Declined(String),
    /// It told what cannot have been seen.
    #[error("it told what cannot be: {0}")]
    Nonsense(#[from] wire::Nonsense),
    /// It is left alone since it did not answer a question before.
    #[error("it is left alone until the next round")]
    Resting,
}

/// A vantage elsewhere, as the asking side has it.
pub struct Vantage {
    entry: Entry,
    http: reqwest::Client,
    under_way: Semaphore,
    /// Whether it did not answer: who is away costs a round its time once.
    rests: AtomicBool,
}

impl fmt::Debug for Vantage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Vantage").field(&self.entry).finish()
    }
}

impl Vantage {
    /// The vantage of an entry; `system` is the bundle of certificates, PEM, by which it is known where the entry
    /// names none.
    ///
    /// # Errors
    /// The certificates that it is known by are none, or the TLS library does not start.
    pub fn new(entry: Entry, lookup: Lookup, system: &[u8]) -> Result<Self, String> {
        // Where it has a certificate of its own, nobody else's word counts for it.
        let (roots, count) = super::probe::tls::roots(entry.ca.as_deref().unwrap_or(system));
        if count == 0 && entry.url.scheme() == "https" {
            return Err("there is no certificate that it could be known by".to_owned());
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        // The operator wrote it: it may have an address of our own. What it looks at is another matter.
        let mut allowed = Allowed::default();
        allowed.add_host(entry.url.host_str().unwrap_or_default());
        let http = guarded(lookup, Arc::new(allowed), CONNECT)
            .tls_backend_preconfigured(tls)
            .http1_only()
            .user_agent(concat!("Watchfire/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| outbound::chain(&error))?;
        Ok(Vantage {
            entry,
            http,
            under_way: Semaphore::new(UNDER_WAY),
            rests: AtomicBool::new(false),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.entry.name
    }

    /// Whether it can look as this client; what asks for no page, it can.
    pub fn plays(&self, client: Client) -> bool {
        client == Client::Passive || self.entry.clients.contains(&client)
    }

    /// Whether it is left alone since it did not answer.
    pub fn rests(&self) -> bool {
        self.rests.load(Ordering::Relaxed)
    }

    /// Asks how it is.
    ///
    /// # Errors
    /// It does not answer as a vantage of this version does.
    pub async fn state(&self) -> Result<State, NoLook> {
        let request = self.http.get(self.address("v1/state")?);
        let bytes = self.sent(request, CONNECT + OVER).await?;
        let state: State = serde_json::from_slice(&bytes)
            .map_err(|error| NoLook::Away(format!("it is no vantage: {error}")))?;
        match state.version {
            VERSION => Ok(state),
            other => Err(NoLook::Away(format!(
                "it speaks version {other}, this process {VERSION}: bring both to one version"
            ))),
        }
    }

    /// Has one probe made there. `prober` is that of this side: by its bounds it is asked, by its address policy
    /// and its bounds what comes back is checked. Instants are by the clock of this side.
    ///
    /// # Errors
    /// Why there is no look; nothing is to be stored or concluded then.
    pub async fn see(
        &self,
        errand: &Errand,
        prober: &Prober,
        clock: &Clock,
    ) -> Result<Seen, NoLook> {
        if self.rests() {
            return Err(NoLook::Resting);
        }
        let limits = prober.limits();
        let asked = Asked::of(errand, &limits);
        let body =
            serde_json::to_vec(&asked).map_err(|error| NoLook::Declined(error.to_string()))?;
        // Closed: never.
        let _place = self.under_way.acquire().await;
        let request = self
            .http
            .post(self.address("v1/look")?)
            .header("content-type", "application/json")
            .body(body);
        let (at, began) = (clock.now(), Instant::now());
        let most = CONNECT + longest(&limits) + OVER;
        let answered = self.sent(request, most).await;
        if matches!(answered, Err(NoLook::Away(_))) {
            self.rests.store(true, Ordering::Relaxed);
        }
        let bytes = answered?;
        let told: Told = serde_json::from_slice(&bytes)
            .map_err(|error| wire::Nonsense::new(format!("it is no look: {error}")))?;
        let took = began.elapsed();
        Ok(told.read(errand, prober.allowed(), &limits, (at, took))?)
    }

    fn address(&self, path: &str) -> Result<Url, NoLook> {
        let joined = self.entry.url.join(path);
        joined.map_err(|error| NoLook::Away(error.to_string()))
    }

    /// Sends a request with the secret; the bytes of an answer that is one.
    async fn sent(&self, request: RequestBuilder, most: Duration) -> Result<Vec<u8>, NoLook> {
        match timeout(most, self.answered(request)).await {
            Ok(answered) => answered,
            Err(_) => {
                let why = format!("no answer within {} s", most.as_secs());
                Err(NoLook::Away(why))
            }
        }
    }

    async fn answered(&self, request: RequestBuilder) -> Result<Vec<u8>, NoLook> {
        let request = request.bearer_auth(self.entry.secret.bare());
        let answer = request
            .send()
            .await
            .map_err(|error| NoLook::Away(unsent(&error, self.entry.url.as_str()).to_string()))?;
        let status = answer.status();
        if status == StatusCode::OK {
            let bytes = bounded(answer, ANSWER).await.map_err(NoLook::Away)?;
            let long = || wire::Nonsense::new(format!("more than {ANSWER} bytes"));
            return Ok(bytes.ok_or_else(long)?);
        }
        if status == StatusCode::UNAUTHORIZED {
            let why = "it does not know our secret: both sides must hold the same";
            return Err(NoLook::Away(why.to_owned()));
        }
        let words = bounded(answer, WORDS.0).await.ok().flatten();
        let words = said(&words.unwrap_or_default());
        match status {
            StatusCode::FORBIDDEN
            | StatusCode::UNPROCESSABLE_ENTITY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Err(NoLook::Declined(words)),
            other => Err(NoLook::Away(format!("it answers with {other}: {words}"))),
        }
    }
}

/// The longest that a look may take there: a page, one to compare it with, and a while of waiting for a place.
pub fn longest(limits: &Limits) -> Duration {
    2 * limits.whole + OVER
}

/// The body of an answer; `None` where it is longer than `most` bytes.
async fn bounded(mut answer: Response, most: usize) -> Result<Option<Vec<u8>>, String> {
    let mut bytes = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() > most => return Ok(None),
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return Ok(Some(bytes)),
            Err(error) => return Err(outbound::chain(&error)),
        }
    }
}

/// An explanation for the log: one line, and not much of it.
fn said(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let words: String = plain.take(WORDS.1).collect();
    match words.trim() {
        "" => "it gives no reason".to_owned(),
        words => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_is_over_tls_or_on_this_machine() {
        for (text, read) in [
            ("https://looks.example", "https://looks.example/"),
            (
                "https://looks.example:8092/west",
                "https://looks.example:8092/west/",
            ),
            ("http://127.0.0.1:8092/", "http://127.0.0.1:8092/"),
            ("http://[::1]:8092", "http://[::1]:8092/"),
        ] {
            assert_eq!(door(text).map(String::from).as_deref(), Ok(read));
        }
        for wrong in [
            "looks.example",
            "http://looks.example/",
            "http://10.0.0.1/",
            "http://localhost:8092/",
            "ftp://127.0.0.1/",
            "https://a:b@looks.example/",
            "https://looks.example/?a",
            "https://looks.example/#a",
        ] {
            assert!(door(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_a_vantage_explains_is_one_short_line() {
        assert_eq!(said(b" no\r\nsuch \x1b[31m"), "no  such  [31m");
        assert_eq!(said(b"\n"), "it gives no reason");
        assert_eq!(said(&vec![b'x'; 5_000]).len(), 300);
    }
}
