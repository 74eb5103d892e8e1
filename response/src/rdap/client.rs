//! Asking: one question, the services of the bootstrap in turn, redirects hop by hop under the address
//! policy. A service that asks to wait (429, 503) is believed.

use std::sync::Arc;
use std::time::Duration;

use formats::rdap::{Answer, Registration, read};
use model::time::Timestamp;
use outbound::client::{guarded, leaves_tls, redirected, unsent};
use outbound::{Allowed, Lookup};
use reqwest::header::{self, HeaderMap};
use rustls::RootCertStore;
use url::Url;

use super::bootstrap::Bootstrap;
use super::{Question, host};

/// Bounds of asking.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests for one question: redirects, links to the registrar, other services.
    pub hops: usize,
    /// Bytes of an answer that are read; a longer one is none.
    pub body: usize,
    /// Time to connect.
    pub connect: Duration,
    /// Time for one request with its body.
    pub whole: Duration,
    /// Seconds to leave a service alone that asks to wait and does not say how long.
    pub wait_secs: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            hops: 6,
            body: 1 << 20,
            connect: Duration::from_secs(10),
            whole: Duration::from_secs(30),
            wait_secs: 60,
        }
    }
}

/// The longest that a service may ask to wait, seconds.
const LONGEST_WAIT: u64 = 86_400;

/// What was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// What is registered.
    Found(Box<Registration>),
    /// Nothing is registered.
    Absent,
    /// The service asks to be left alone.
    Wait {
        /// Which.
        host: String,
        /// How long, seconds.
        secs: u64,
    },
    /// Nobody told anything, and why.
    Failed(String),
}

/// Asks registration data services.
pub struct Client {
    http: reqwest::Client,
    allowed: Arc<Allowed>,
    bootstrap: Bootstrap,
    limits: Limits,
}

enum Step {
    Answer(Answer),
    Redirect(Url),
    Wait(u64),
    Absent,
    Failed(String),
}

impl Client {
    /// A client that trusts `roots` and asks only what `allowed` lets through.
    ///
    /// # Errors
    /// The TLS library does not start.
    pub fn new(
        bootstrap: Bootstrap,
        lookup: Lookup,
        allowed: Allowed,
        roots: RootCertStore,
        limits: Limits,
    ) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let allowed = Arc::new(allowed);
        let http = guarded(lookup, Arc::clone(&allowed), limits.connect)
            .tls_backend_preconfigured(tls)
            .http1_only()
            .timeout(limits.whole)
            .user_agent(concat!("Watchfire/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| outbound::chain(&error))?;
        Ok(Client {
            http,
            allowed,
            bootstrap,
            limits,
        })
    }

    /// The hosts that would be asked first, for seeing whether one of them asked to wait.
    pub fn hosts(&self, question: &Question) -> Vec<String> {
        self.bootstrap.services(question).iter().map(host).collect()
    }

    /// Asks; `now` dates what a service says about waiting. Services whose host is in `left_alone` are
    /// passed over.
    pub async fn ask(&self, question: &Question, left_alone: &[String], now: Timestamp) -> Told {
        let services = self.bootstrap.services(question);
        if services.is_empty() {
            return Told::Failed(format!("no service is known for {question}"));
        }
        let mut hops = self.limits.hops;
        let mut last = Told::Failed(format!("every service for {question} asked to wait"));
        for service in services {
            if left_alone.contains(&host(service)) {
                continue;
            }
            let url = match service.join(&question.path()) {
                Ok(url) => url,
                Err(error) => {
                    last = Told::Failed(error.to_string());
                    continue;
                }
            };
            last = self.walk(url, &mut hops, now).await;
            match &mut last {
                Told::Found(found) => {
                    self.registrar(question, found, &mut hops, now).await;
                    return last;
                }
                Told::Absent => return last,
                Told::Wait { .. } | Told::Failed(_) => {}
            }
        }
        last
    }

    /// A registry of names often knows only the registrar, whose own service knows the abuse contact:
    /// the link `related` leads there. What it does not tell is not missed.
    async fn registrar(
        &self,
        question: &Question,
        found: &mut Registration,
        hops: &mut usize,
        now: Timestamp,
    ) {
        let mails = |of: &Registration| of.abuse.iter().any(|one| !one.emails.is_empty());
        let Question::Domain(name) = question else {
            return;
        };
        if mails(found) && found.registrar.is_some() {
            return;
        }
        let about = |url: &Url| {
            url.path()
                .to_lowercase()
                .ends_with(&format!("/domain/{name}"))
        };
        let links = found
            .related
            .iter()
            .filter_map(|link| Url::parse(link).ok());
        let Some(url) = links.into_iter().find(about) else {
            return;
        };
        let Told::Found(more) = self.walk(url, hops, now).await else {
            return;
        };
        // It answers for itself only if it is about the same name.
        if more.name.as_ref().is_some_and(|own| own != name) {
            return;
        }
        if !mails(found) {
            found.abuse = more.abuse;
        }
        if found.registrar.is_none() {
            found.registrar = more.registrar;
        }
    }

    async fn walk(&self, start: Url, hops: &mut usize, now: Timestamp) -> Told {
        let mut url = start;
        let mut been: Vec<Url> = Vec::new();
        loop {
            if *hops == 0 {
                return Told::Failed(format!(
                    "{}: more than {} requests for one question",
                    host(&url),
                    self.limits.hops
                ));
            }
            *hops -= 1;
            let step = self.step(&url, now).await;
            let next = match step {
                Step::Answer(Answer::Registration(found)) => return Told::Found(found),
                Step::Answer(Answer::Refused { code: 404, .. }) | Step::Absent => {
                    return Told::Absent;
                }
                Step::Answer(Answer::Refused { code, title }) => {
                    return Told::Failed(format!("{} answers {code} {title}", host(&url)));
                }
                Step::Wait(secs) => {
                    return Told::Wait {
                        host: host(&url),
                        secs,
                    };
                }
                Step::Failed(why) => return Told::Failed(why),
                Step::Redirect(next) => next,
            };
            if leaves_tls(&url, &next) {
                return Told::Failed(format!("{} redirects out of TLS", host(&url)));
            }
            been.push(url);
            if been.contains(&next) {
                return Told::Failed(format!("{} redirects in a circle", host(&next)));
            }
            url = next;
        }
    }

    async fn step(&self, url: &Url, now: Timestamp) -> Step {
        let shown = host(url);
        if let Err(error) = self.allowed.check(url, false) {
            return Step::Failed(error.to_string());
        }
        let sent = self
            .http
            .get(url.clone())
            .header(
                header::ACCEPT,
                "application/rdap+json, application/json;q=0.8",
            )
            .send()
            .await;
        let mut response = match sent {
            Ok(response) => response,
            Err(error) => return Step::Failed(unsent(&error, &shown).to_string()),
        };
        let status = response.status().as_u16();
        match status {
            301 | 302 | 303 | 307 | 308 => {
                return match redirected(url, response.headers(), &shown) {
                    Ok(next) => Step::Redirect(next),
                    Err(error) => Step::Failed(error.to_string()),
                };
            }
            429 | 503 => {
                let secs = wait(response.headers(), now).unwrap_or(self.limits.wait_secs);
                return Step::Wait(secs.clamp(1, LONGEST_WAIT));
            }
            404 => return Step::Absent,
            200 => {}
            other => return Step::Failed(format!("{shown} answers {other}")),
        }
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > self.limits.body => {
                    let most = self.limits.body;
                    return Step::Failed(format!("{shown}: an answer of more than {most} bytes"));
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => return Step::Failed(unsent(&error, &shown).to_string()),
            }
        }
        match read(&body) {
            Ok(answer) => Step::Answer(answer),
            Err(error) => Step::Failed(format!("{shown}: {error}")),
        }
    }
}

/// What `Retry-After` says, seconds: a number, or an instant of HTTP.
fn wait(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(secs) = text.parse() {
        return Some(secs);
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    u64::try_from((at.as_microsecond() - now.0) / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_told_in_seconds_or_as_an_instant() {
        let told = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, text.parse().unwrap());
            // 2023-01-09T00:00:00Z
            wait(&headers, Timestamp(1_673_222_400_000_000))
        };
        assert_eq!(told("120"), Some(120));
        assert_eq!(told("Mon, 09 Jan 2023 00:01:30 GMT"), Some(90));
        assert_eq!(told("Sun, 08 Jan 2023 00:00:00 GMT"), None);
        assert_eq!(told("soon"), None);
    }
}
