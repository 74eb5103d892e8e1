//! How a feed's reports are fetched: the `fetch` table of its entry, as written.
//!
//! Secrets are named here, not held: [`Secret`] is a text with `${NAME}` in it, and the value behind
//! the name is looked up only when a transfer begins.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Which transport fetches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// One file over HTTP or HTTPS.
    #[default]
    Http,
    /// Shadowserver's report API.
    Shadowserver,
    /// A TAXII 2.1 collection.
    Taxii,
    /// A MISP feed: a static folder with a manifest.
    Misp,
    /// A bucket of an S3-compatible store.
    S3,
    /// Mailed reports in a maildir on this machine.
    Maildir,
    /// Events that IntelMQ put into a Redis list.
    Redis,
    /// Events that IntelMQ's TCP output sends here.
    Tcp,
}

impl Transport {
    /// The word that stands for it in an entry.
    pub fn name(self) -> &'static str {
        match self {
            Transport::Http => "http",
            Transport::Shadowserver => "shadowserver",
            Transport::Taxii => "taxii",
            Transport::Misp => "misp",
            Transport::S3 => "s3",
            Transport::Maildir => "maildir",
            Transport::Redis => "redis",
            Transport::Tcp => "tcp",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that is, or names, a secret: never shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes a text.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text itself; for the place that sends it, and for nothing that prints.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether it only names a variable of the environment: `${NAME}`, perhaps after a plain word
    /// such as `Bearer`.
    pub fn names_variable(&self) -> bool {
        self.0.contains("${")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The `fetch` table of a feed's entry, as written. `${NAME}` in a value is replaced from the
/// environment when a transfer begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fetch {
    /// Transport, `http` if not said.
    #[serde(default)]
    pub kind: Transport,
    /// Where from. Not used by `maildir`.
    #[serde(default)]
    pub url: String,
    /// Seconds between two fetches.
    #[serde(default = "a_day")]
    pub interval_secs: u64,
    /// Headers sent with every request to the feed's own host.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// User of basic authentication, API key of Shadowserver, access key of S3.
    #[serde(default)]
    pub user: Option<Secret>,
    /// Its password or secret.
    #[serde(default)]
    pub password: Option<Secret>,
    /// Bearer token, in place of user and password.
    #[serde(default)]
    pub token: Option<Secret>,
    /// Proxy, `http://`, `https://` or `socks5h://`. None is taken from the environment by itself.
    #[serde(default)]
    pub proxy: Option<Secret>,
    /// Client certificate, a PEM file.
    #[serde(default)]
    pub client_cert: Option<String>,
    /// Its key, a PEM file.
    #[serde(default)]
    pub client_key: Option<String>,
    /// Certificates to be trusted besides those of the system, a PEM file.
    #[serde(default)]
    pub ca: Option<String>,
    /// Bytes that one delivery may have, after `Content-Encoding` is undone. Default 256 MiB.
    #[serde(default = "most_bytes")]
    pub max_bytes: u64,
    /// Seconds that one delivery may take, retries included. Default 300.
    #[serde(default = "five_minutes")]
    pub timeout_secs: u64,
    /// Names, addresses and networks (`10.1.0.0/16`) that may be fetched from although they are not
    /// public.
    #[serde(default)]
    pub allow_private: Vec<String>,
    /// Options of the transport, see `docs/transports.md`.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

impl Fetch {
    /// An entry with a transport, a place and nothing else.
    pub fn new(kind: Transport, url: impl Into<String>) -> Self {
        Fetch {
            kind,
            url: url.into(),
            interval_secs: a_day(),
            headers: BTreeMap::new(),
            user: None,
            password: None,
            token: None,
            proxy: None,
            client_cert: None,
            client_key: None,
            ca: None,
            max_bytes: most_bytes(),
            timeout_secs: five_minutes(),
            allow_private: Vec::new(),
            options: BTreeMap::new(),
        }
    }
}

fn a_day() -> u64 {
    86_400
}

fn most_bytes() -> u64 {
    256 << 20
}

fn five_minutes() -> u64 {
    300
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let mut fetch = Fetch::new(Transport::Http, "https://feeds.example.net/list");
        fetch.token = Some(Secret::new("abc123"));
        fetch.headers = BTreeMap::from([("x-key".to_owned(), Secret::new("abc123"))]);
        let shown = format!("{fetch:?}");
        assert!(!shown.contains("abc123"), "{shown}");
        assert!(shown.contains("***"), "{shown}");
    }

    #[test]
    fn unknown_keys_are_refused() {
        let entry = |text: &str| serde_json::from_str::<Fetch>(text);
        let whole = entry(r#"{"url": "https://feeds.example.net/list"}"#).unwrap();
        assert_eq!(
            whole,
            Fetch::new(Transport::Http, "https://feeds.example.net/list")
        );
        assert!(entry(r#"{"url": "https://feeds.example.net/", "pasword": "x"}"#).is_err());
        assert!(entry(r#"{"kind": "gopher"}"#).is_err());
        let kind = entry(r#"{"kind": "taxii"}"#).unwrap().kind;
        assert_eq!(kind, Transport::Taxii);
    }
}
