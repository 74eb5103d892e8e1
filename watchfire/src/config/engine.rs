//! `[engine]`: the executors that queries over many rows are given to, the secret that the nodes share, and the
//! certificates by which they know each other.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use lake::engine::tls::Files;
use lake::engine::{Engine, EngineSettings};

use super::Resolver;
use super::expand::masked;
use super::written::{EngineSection, Written};

/// `[engine]`, read.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Executors {
    /// Their addresses; none: every query runs in this process.
    pub urls: Vec<String>,
    /// The secret of the nodes.
    pub token: String,
    /// The certificates.
    pub tls: Files,
    /// Rows from which a query goes to them.
    pub min_rows: u64,
    /// How long an attempt on them may take.
    pub deadline: Duration,
}

impl Executors {
    /// The engine, where there are executors.
    ///
    /// # Errors
    /// An address is none, or the token cannot be sent.
    pub fn engine(&self) -> lake::Result<Option<Engine>> {
        if self.urls.is_empty() {
            return Ok(None);
        }
        let engine = Engine::new(&EngineSettings {
            executors: self.urls.clone(),
            token: self.token.clone(),
            tls: self.tls.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            min_rows: self.min_rows,
            deadline: self.deadline,
        });
        engine.map(Some)
    }
}

impl fmt::Debug for Executors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Executors").field(&self.urls).finish()
    }
}

/// The section as it may be shown: without the token, unless a variable stands for it.
pub fn shown(section: &EngineSection) -> EngineSection {
    EngineSection {
        token: masked(&section.token),
        ..section.clone()
    }
}

impl Resolver<'_> {
    /// Checks `[engine]`; files are named from `root`.
    pub(super) fn engine(&mut self, written: &Written, root: &Path) -> Executors {
        let section = &written.engine;
        let mut executors = Executors {
            tls: self.engine_tls(section, root),
            min_rows: section.min_rows,
            deadline: Duration::from_secs(section.deadline_secs),
            ..Executors::default()
        };
        if !(1..=3600).contains(&section.deadline_secs) {
            let message = format!("deadline_secs = {} is out of bounds", section.deadline_secs);
            self.problem("engine.deadline_secs", message, "write 1 to 3600");
        }
        let url = self.expanded("engine.url", &section.url);
        let token = self.expanded("engine.token", &section.token);
        let (Some(url), Some(token)) = (url, token) else {
            return executors;
        };
        executors.token = token;
        let urls = url.split(',').map(str::trim).filter(|url| !url.is_empty());
        executors.urls = urls.map(str::to_owned).collect();
        if !executors.urls.is_empty() && executors.token.is_empty() {
            let message = "executors answer nobody without a secret";
            let remedy = "set WATCHFIRE__ENGINE__TOKEN to the same random text on all nodes";
            self.problem("engine.token", message, remedy);
        } else if let Err(error) = executors.engine() {
            let remedy = "write https://HOST:PORT, with commas between several; http only without certificates, in a network of your own";
            self.problem("engine.url", error.to_string(), remedy);
        }
        executors
    }

    fn engine_tls(&mut self, section: &EngineSection, root: &Path) -> Files {
        let named = |name: &str| (!name.is_empty()).then(|| root.join(name));
        let files = Files {
            own: named(&section.tls_cert).zip(named(&section.tls_key)),
            ca: named(&section.ca),
        };
        if section.tls_cert.is_empty() != section.tls_key.is_empty() {
            let remedy = "name both files, or neither";
            self.problem(
                "engine.tls_cert",
                "TLS needs both tls_cert and tls_key",
                remedy,
            );
        } else if let Err(unusable) = files.check() {
            let remedy = match unusable.key {
                "ca" => "give the certificates of who signed those of the other nodes, as PEM",
                "tls_key" => {
                    "give the key of tls_cert as PEM without a passphrase, readable for this user"
                }
                _ => {
                    "give the chain as PEM, this node's own certificate first, and its key beside it"
                }
            };
            let place = format!("engine.{}", unusable.key);
            self.problem(&place, unusable.to_string(), remedy);
        }
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_shown_nowhere() {
        for (token, expected) in [("", ""), ("${TOKEN}", "${TOKEN}"), ("s3cret", "***")] {
            let section = EngineSection {
                token: token.to_owned(),
                ..EngineSection::default()
            };
            assert_eq!(shown(&section).token, expected);
        }
        let executors = Executors {
            token: "s3cret".to_owned(),
            ..Executors::default()
        };
        assert!(!format!("{executors:?}").contains("s3cret"));
    }
}
