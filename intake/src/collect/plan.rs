//! A feed's `fetch` table, checked ([`check`]) and, when a transfer begins, resolved ([`Plan`]):
//! variables replaced, paths made absolute, the address policy compiled.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::fetch::{Fetch, Secret, Transport};
use outbound::Allowed;
use url::Url;

use super::failure::{Failure, Kind, Result};

mod check;

pub use check::check;

/// Variables of the environment, handed down.
pub type Environment = BTreeMap<String, String>;

/// Shadowserver's address, where the entry gives none.
const SHADOWSERVER: &str = "https://transform.shadowserver.org/api2/";

fn hash(text: &str) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    hash.as_ref()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The text with every `${NAME}` replaced by a letter.
fn place_held(text: &str) -> String {
    replaced(text, |_| Some("x".to_owned())).unwrap_or_else(|_| text.to_owned())
}

/// Replaces every `${NAME}`.
fn replaced(text: &str, mut value: impl FnMut(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let (name, after) = after.split_once('}').ok_or("`${` without `}`: close it")?;
        out.push_str(&value(name).ok_or_else(|| {
            format!("environment variable {name} is not set: set it, or write the value itself")
        })?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// An entry, resolved for one fetch.
#[derive(Clone)]
pub struct Plan {
    /// The feed.
    pub feed: String,
    /// Transport.
    pub kind: Transport,
    /// Where from; `None` for a maildir.
    pub url: Option<Url>,
    /// The URL as written and without its query: what may be shown.
    pub shown: String,
    /// The URL as written: its query up to a hash, as keys may stand in it.
    written: String,
    /// Headers for the feed's own host.
    pub headers: Vec<(String, String)>,
    /// User.
    pub user: Option<String>,
    /// Password.
    pub password: Option<String>,
    /// Bearer token.
    pub token: Option<String>,
    /// Proxy.
    pub proxy: Option<Url>,
    /// Client certificate.
    pub client_cert: Option<PathBuf>,
    /// Its key.
    pub client_key: Option<PathBuf>,
    /// Certificates to trust besides the system's.
    pub ca: Option<PathBuf>,
    /// Bytes of one delivery.
    pub max_bytes: u64,
    /// Time of one delivery.
    pub timeout: Duration,
    /// Time between two fetches.
    pub interval: Duration,
    /// The address policy.
    pub allowed: Allowed,
    options: BTreeMap<String, String>,
    secrets: Vec<String>,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("feed", &self.feed)
            .field("kind", &self.kind)
            .field("shown", &self.shown)
            .finish_non_exhaustive()
    }
}

impl Plan {
    /// Resolves an entry; relative paths are relative to the workspace.
    ///
    /// # Errors
    /// [`Kind::Entry`] naming the key.
    pub fn resolve(
        feed: &str,
        fetch: &Fetch,
        root: &Path,
        environment: &Environment,
    ) -> Result<Plan> {
        let problems = check(fetch);
        if !problems.is_empty() {
            return Err(Failure::new(Kind::Entry, problems.join("; ")));
        }
        let mut secrets = Vec::new();
        let mut value = |key: &str, text: &str, secret: bool| {
            let found = replaced(text, |name| {
                let value = environment.get(name).filter(|value| !value.is_empty())?;
                secrets.push(value.clone());
                Some(value.clone())
            })
            .map_err(|detail| Failure::new(Kind::Entry, format!("`fetch.{key}`: {detail}")))?;
            if secret {
                secrets.push(found.clone());
            }
            Ok::<String, Failure>(found)
        };
        let written = match (&*fetch.url, fetch.kind) {
            ("", Transport::Shadowserver) => SHADOWSERVER,
            (written, _) => written,
        };
        let address = |key: &str, text: String| {
            Url::parse(&text)
                .map_err(|error| Failure::new(Kind::Entry, format!("`fetch.{key}`: {error}")))
        };
        let url = match fetch.kind {
            Transport::Maildir => None,
            _ => Some(address("url", value("url", written, false)?)?),
        };
        let mut headers = Vec::new();
        for (name, text) in &fetch.headers {
            let key = format!("headers.{name}");
            let text = value(&key, text.reveal(), text.names_variable())?;
            headers.push((name.to_ascii_lowercase(), text));
        }
        let mut optional = |key: &str, text: &Option<Secret>| {
            text.as_ref()
                .map(|text| value(key, text.reveal(), key != "user"))
                .transpose()
        };
        let user = optional("user", &fetch.user)?;
        let password = optional("password", &fetch.password)?;
        let token = optional("token", &fetch.token)?;
        let proxy = match optional("proxy", &fetch.proxy)? {
            Some(text) => {
                let proxy = address("proxy", text)?;
                secrets.extend(proxy.password().map(str::to_owned));
                Some(proxy)
            }
            None => None,
        };
        let path = |key: &str, text: &Option<String>| {
            let text = text.as_ref();
            text.map(|text| {
                let found = replaced(text, |name| environment.get(name).cloned());
                found
                    .map(|found| root.join(found))
                    .map_err(|detail| Failure::new(Kind::Entry, format!("`fetch.{key}`: {detail}")))
            })
            .transpose()
        };
        let client_cert = path("client_cert", &fetch.client_cert)?;
        let client_key = path("client_key", &fetch.client_key)?;
        let ca = path("ca", &fetch.ca)?;
        let mut options = fetch.options.clone();
        if let Some(folder) = path("options.folder", &fetch.options.get("folder").cloned())? {
            options.insert("folder".to_owned(), folder.to_string_lossy().into_owned());
        }
        let allowed =
            Allowed::parse(fetch.allow_private.iter().map(String::as_str)).map_err(|detail| {
                Failure::new(Kind::Entry, format!("`fetch.allow_private`: {detail}"))
            })?;
        let (shown, query) = written.split_at(written.find(['?', '#']).unwrap_or(written.len()));
        // Hiding a letter or two would only garble what is told.
        secrets.retain(|secret| secret.len() >= 4);
        // The longest first, so that a secret that holds another is hidden as a whole.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Ok(Plan {
            feed: feed.to_owned(),
            kind: fetch.kind,
            url,
            shown: shown.to_owned(),
            written: match query {
                "" => shown.to_owned(),
                query => format!("{shown}?{}", hash(query)),
            },
            headers,
            user,
            password,
            token,
            proxy,
            client_cert,
            client_key,
            ca,
            max_bytes: fetch.max_bytes,
            timeout: Duration::from_secs(fetch.timeout_secs),
            interval: Duration::from_secs(fetch.interval_secs),
            allowed,
            options,
            secrets,
        })
    }

    /// What the state of a fetch belongs to.
    pub fn place(&self) -> String {
        let part = ["key", "folder", "prefix"]
            .iter()
            .find_map(|name| self.option(name))
            .unwrap_or_default();
        format!("{} {} {part}", self.kind, self.written)
            .trim_end()
            .to_owned()
    }

    /// An option of the transport.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    /// An option that is a whole number; [`check`] has seen that it is one.
    pub fn number(&self, name: &str, default: u32) -> u32 {
        self.option(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(default)
    }

    /// The URL.
    ///
    /// # Errors
    /// None for the transports that need one; said as an error all the same.
    pub fn url(&self) -> Result<&Url> {
        self.url
            .as_ref()
            .ok_or_else(|| Failure::new(Kind::Entry, "`fetch.url` is missing: add it"))
    }

    /// The text without anything that came from the environment: libraries put addresses and
    /// headers into their errors.
    pub fn hide(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            text = text.replace(secret.as_str(), "***");
        }
        text
    }

    /// The failure as it may leave this folder: with the feed's name, without secrets.
    pub fn told(&self, mut failure: Failure) -> Failure {
        failure.feed.clone_from(&self.feed);
        failure.detail = self.hide(&failure.detail);
        failure
    }
}

#[cfg(test)]
mod tests;
