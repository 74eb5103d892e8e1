//! As whom pages are asked for: headers as data.

use model::incident::CaseKind;
use model::verification::Client;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

/// The clients that ship.
pub const USUAL: &str = include_str!("../clients.toml");

/// Headers that would submit, identify or keep something, or that the transport sets itself.
const NEVER: [&str; 9] = [
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "proxy-authorization",
    "transfer-encoding",
    "upgrade",
];

/// A client that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("clients: {0}")]
pub struct BadClients(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    client: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    client: Client,
    #[serde(default)]
    kinds: Vec<CaseKind>,
    headers: Vec<(String, String)>,
}

/// A header that a look may send.
///
/// # Errors
/// It is none, asks for what is not unfolded here, or would submit, identify or keep something.
pub fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let read: HeaderName = name
        .parse()
        .map_err(|_| format!("`{name}` is no name of a header"))?;
    if NEVER.contains(&read.as_str()) {
        return Err(format!("a look never sends `{name}`; take it out"));
    }
    if read == "accept-encoding" && !matches!(value, "gzip" | "identity") {
        return Err(format!("`{value}` is not unfolded here; say gzip"));
    }
    let value =
        HeaderValue::from_str(value).map_err(|_| format!("`{name}` cannot hold its value"))?;
    Ok((read, value))
}

/// The table, ready to send.
#[derive(Clone, Debug)]
pub struct Clients {
    rows: Vec<(Client, Vec<CaseKind>, HeaderMap)>,
}

impl Clients {
    /// Reads a table.
    ///
    /// # Errors
    /// What is not TOML, an unknown key, a header that is none, that asks for what is not unfolded
    /// here or that a look must not send, or a table without one client of each kind for all cases.
    pub fn parse(text: &str) -> Result<Self, BadClients> {
        let written: Written =
            toml::from_str(text).map_err(|error| BadClients(error.to_string()))?;
        let mut rows = Vec::new();
        for row in written.client {
            let wrong = |detail: String| BadClients(format!("`{}`: {detail}", row.name));
            let mut headers = HeaderMap::new();
            for (name, value) in &row.headers {
                let (name, value) = header(name, value).map_err(wrong)?;
                headers.append(name, value);
            }
            rows.push((row.client, row.kinds, headers));
        }
        for client in [Client::Plain, Client::Victim] {
            if !rows.iter().any(|row| row.0 == client && row.1.is_empty()) {
                let detail = format!("there is no `{client}` client for all kinds of case");
                return Err(BadClients(detail));
            }
        }
        Ok(Clients { rows })
    }

    /// The table that ships.
    ///
    /// # Errors
    /// None: a test holds it.
    pub fn usual() -> Result<Self, BadClients> {
        Clients::parse(USUAL)
    }

    /// The headers of the first client that fits. A passive client asks for no pages; were it asked,
    /// it would be the plain one.
    pub fn headers(&self, client: Client, kind: CaseKind) -> &HeaderMap {
        let client = match client {
            Client::Passive => Client::Plain,
            other => other,
        };
        let fits = |row: &&(Client, Vec<CaseKind>, HeaderMap)| {
            row.0 == client && (row.1.is_empty() || row.1.contains(&kind))
        };
        let found = self.rows.iter().find(fits);
        &found.unwrap_or(&self.rows[0]).2
    }
}
