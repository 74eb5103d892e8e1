//! Delivery by a signed HTTP POST, after the Standard Webhooks specification 1.0: `webhook-id`,
//! `webhook-timestamp` and `webhook-signature`, HMAC-SHA256 over `id.timestamp.body`.
//!
//! The client is handed in: it is the one outbound client, which refuses private addresses and follows no
//! redirect to them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::time::Timestamp;
use outbound::client::{guarded, unsent};
use outbound::{Allowed, Lookup};
use ring::hmac;
use rustls::RootCertStore;
use serde_json::{Value as Json, json};

use super::{Outcome, Secret};
use crate::notice::{Draft, Look};

/// Time to connect, and for the whole request.
const CONNECT: Duration = Duration::from_secs(10);
const WHOLE: Duration = Duration::from_secs(30);

/// A secret is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the webhook secret is not `whsec_` and the base64 of 24 to 64 bytes: draw a new one and tell the party"
)]
pub struct BadSecret;

/// A shared secret.
pub struct Key(hmac::Key);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// Reads `whsec_BASE64`.
    ///
    /// # Errors
    /// It is none, or has not 24 to 64 bytes.
    pub fn read(secret: &Secret) -> Result<Key, BadSecret> {
        let bare = secret
            .bare()
            .trim()
            .strip_prefix("whsec_")
            .ok_or(BadSecret)?;
        let bytes = STANDARD.decode(bare).map_err(|_| BadSecret)?;
        if !(24..=64).contains(&bytes.len()) {
            return Err(BadSecret);
        }
        Ok(Key(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The value of `webhook-signature` for a body sent at an instant.
    pub fn sign(&self, id: &str, at: Timestamp, body: &[u8]) -> String {
        let mut signed = format!("{id}.{}.", secs(at)).into_bytes();
        signed.extend_from_slice(body);
        let tag = hmac::sign(&self.0, &signed);
        format!("v1,{}", STANDARD.encode(tag.as_ref()))
    }
}

fn secs(at: Timestamp) -> i64 {
    at.0.div_euclid(1_000_000)
}

/// The body: type, time and the notice as data. Addresses are as they are, since a program reads them; who
/// reported and who suffers is told by the same rule as in a letter.
pub fn body(draft: &Draft, look: &Look) -> Vec<u8> {
    use model::worded::Word;
    let items: Vec<Json> = draft
        .items
        .iter()
        .map(|item| {
            let seen = &item.observed;
            let mut json = json!({
                "incident": item.incident,
                "kind": item.kind.label(),
                "url": seen.url,
                "host": seen.host,
                "ip": seen.ip.map(|ip| ip.to_string()),
                "port": seen.port,
                "hash": seen.hash,
                "first_seen": item.first_seen.to_string(),
                "last_seen": item.last_seen.to_string(),
                "count": item.count,
                "asked": item.asked.words(draft.language),
                "source": item.source,
                "evidence": item.evidence,
            });
            if look.people {
                json["victim"] = json!(item.victim);
                json["reporter"] = json!(item.reporter);
            }
            json
        })
        .collect();
    let body = json!({
        "type": format!("notice.{}", draft.kind.label()),
        "timestamp": draft.composed_at.to_string(),
        "data": {
            "notice": draft.id.to_string(),
            "token": draft.token.as_str(),
            "tlp": draft.tlp.en(),
            "exercise": draft.exercise,
            "target": draft.target.map(|at| at.to_string()),
            "sender": draft.sender.domain,
            "remark": draft.remark,
            "incidents": items,
        },
    });
    serde_json::to_vec(&body).unwrap_or_default()
}

/// The way out for posts: the guarded client and what it may reach.
pub struct Way {
    http: reqwest::Client,
    allowed: Arc<Allowed>,
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Way(…)")
    }
}

impl Way {
    /// A way that trusts `roots` and reaches only what `allowed` lets through.
    ///
    /// # Errors
    /// The TLS library does not start.
    pub fn new(lookup: Lookup, allowed: Allowed, roots: RootCertStore) -> Result<Way, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let allowed = Arc::new(allowed);
        let http = guarded(lookup, Arc::clone(&allowed), CONNECT)
            .tls_backend_preconfigured(tls)
            .http1_only()
            .timeout(WHOLE)
            .user_agent(concat!("Watchfire/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| outbound::chain(&error))?;
        Ok(Way { http, allowed })
    }

    /// Whether an address may be called: https, or http to an address of our own that was allowed; never one that
    /// the policy closes.
    ///
    /// # Errors
    /// Why not, for the log.
    pub fn check(&self, address: &str) -> Result<url::Url, String> {
        let url = match url::Url::parse(address) {
            Ok(url) if matches!(url.scheme(), "https" | "http") => url,
            _ => return Err(format!("`{address}` is no address of a webhook")),
        };
        let host = host(&url);
        // Whoever listens on the way must not read who is attacked: in the clear only to an address of our
        // own that was allowed.
        let own = host
            .trim_matches(['[', ']'])
            .parse()
            .is_ok_and(|address| self.allowed.holds(address));
        if url.scheme() == "http" && !own {
            return Err(format!("{host}: notices go to https addresses only"));
        }
        self.allowed
            .check(&url, false)
            .map_err(|error| error.to_string())?;
        Ok(url)
    }

    /// Posts a signed body to an address that [`Way::check`] lets through. `id` is the same on each retry.
    pub async fn post(
        &self,
        address: &str,
        keys: &[Key],
        id: &str,
        at: Timestamp,
        body: Vec<u8>,
    ) -> Outcome {
        match self.check(address) {
            Ok(url) => post(&self.http, url.as_str(), keys, id, at, body).await,
            Err(reply) => Outcome::Refused { reply },
        }
    }

    /// Asks an address, or posts a body of a type to it, without a signature: a gateway for short messages, or
    /// whoever watches that we live.
    pub async fn call(
        &self,
        address: &str,
        body: Option<(&str, String)>,
        token: Option<&Secret>,
    ) -> Outcome {
        let url = match self.check(address) {
            Ok(url) => url,
            Err(reply) => return Outcome::Refused { reply },
        };
        let request = match body {
            None => self.http.get(url.clone()),
            Some((kind, text)) => self
                .http
                .post(url.clone())
                .header("content-type", kind)
                .body(text),
        };
        let request = match token {
            None => request,
            Some(token) => request.bearer_auth(token.bare()),
        };
        judged(request.send().await, url.as_str())
    }
}

fn host(url: &url::Url) -> String {
    url.host_str().unwrap_or_default().to_ascii_lowercase()
}

/// Where webhooks go out from: the way, and the secrets by receiving host.
pub struct Hooks {
    way: Way,
    keys: BTreeMap<String, Vec<Key>>,
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hooks")
            .field("hosts", &self.keys.keys())
            .finish_non_exhaustive()
    }
}

/// Reads the secrets of receivers, one a line: `host whsec_BASE64`. A host with several lines is signed to by
/// each, while a secret is being changed. Empty lines and those that begin with `#` say nothing.
///
/// # Errors
/// A line that is none, by its number; the secret is not repeated.
pub fn keys(text: &str) -> Result<BTreeMap<String, Vec<Key>>, String> {
    let mut keys: BTreeMap<String, Vec<Key>> = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |why: &str| format!("line {}: {why}", at + 1);
        let (host, secret) = line
            .split_once(char::is_whitespace)
            .ok_or_else(|| wrong("write `host whsec_...`"))?;
        let key = Key::read(&Secret::new(secret)).map_err(|error| wrong(&error.to_string()))?;
        keys.entry(host.to_ascii_lowercase()).or_default().push(key);
    }
    Ok(keys)
}

impl Hooks {
    /// Hooks that go out by this way.
    pub fn new(way: Way, keys: BTreeMap<String, Vec<Key>>) -> Hooks {
        Hooks { way, keys }
    }

    /// Posts a notice's body to a contact's address. `id` is the same on each retry.
    pub async fn post(&self, address: &str, id: &str, at: Timestamp, body: Vec<u8>) -> Outcome {
        let url = match self.way.check(address) {
            Ok(url) => url,
            Err(reply) => return Outcome::Refused { reply },
        };
        let host = host(&url);
        let Some(keys) = self.keys.get(&host) else {
            return Outcome::Later {
                reply: format!("no secret is shared with {host}: add it to response.webhook_keys"),
            };
        };
        post(&self.way.http, url.as_str(), keys, id, at, body).await
    }
}

/// Posts a body. `id` is the Message-ID of the notice: the same on each retry, by which the other side drops
/// doubles. Several keys sign while a secret is being changed.
pub async fn post(
    client: &reqwest::Client,
    url: &str,
    keys: &[Key],
    id: &str,
    at: Timestamp,
    body: Vec<u8>,
) -> Outcome {
    let signatures: Vec<String> = keys.iter().map(|key| key.sign(id, at, &body)).collect();
    let sent = client
        .post(url)
        .header("content-type", "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", secs(at).to_string())
        .header("webhook-signature", signatures.join(" "))
        .body(body)
        .send()
        .await;
    judged(sent, url)
}

fn judged(sent: reqwest::Result<reqwest::Response>, url: &str) -> Outcome {
    match sent {
        Ok(answer) => judge(answer.status().as_u16()),
        Err(error) if error.is_builder() => Outcome::Refused {
            reply: error.to_string(),
        },
        Err(error) if matches!(unsent(&error, url), outbound::Error::Refused(_)) => {
            Outcome::Refused {
                reply: unsent(&error, url).to_string(),
            }
        }
        Err(error) if error.is_connect() => Outcome::Later {
            reply: error.to_string(),
        },
        Err(error) => Outcome::Unknown {
            reply: error.to_string(),
        },
    }
}

/// What a status means: 2xx took it; too busy or broken is for later; the rest is a refusal, 410 for ever.
/// A redirect that the client did not follow is one too.
fn judge(status: u16) -> Outcome {
    let reply = format!("HTTP {status}");
    match status {
        200..=299 => Outcome::Sent { reply },
        408 | 425 | 429 | 500..=599 => Outcome::Later { reply },
        _ => Outcome::Refused { reply },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    #[test]
    fn the_signature_is_the_specifications() {
        let key = Key::read(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let at = Timestamp(1_614_265_330_000_000);
        let signature = key.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            at,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        for bad in [
            "whsec_",
            "whsec_AAAA",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_???",
        ] {
            assert!(Key::read(&Secret::new(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn statuses_are_judged() {
        assert!(matches!(judge(204), Outcome::Sent { .. }));
        assert!(matches!(judge(503), Outcome::Later { .. }));
        assert!(matches!(judge(429), Outcome::Later { .. }));
        for status in [301, 400, 404, 410] {
            assert!(matches!(judge(status), Outcome::Refused { .. }));
        }
    }
}
