//! `[ledger]`: where the ledger lies, and how its address is shown.
//!
//! The address may hold a password. It is shown nowhere: [`Address`] hides it from debug output,
//! [`shown`] from `config show`, and what goes wrong with a server names the server without it.

use std::fmt;

use super::Resolver;
use super::expand::{HIDDEN, Target, Unexpanded, expand};
use super::written::Written;

/// The URL of a ledger on a PostgreSQL server, password included.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// The URL, for whoever connects.
    pub fn url(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0))
    }
}

/// A URL as it may be shown: without the password, in whichever of its two places that stands. A
/// variable that stands for it stays, it gives nothing away.
pub fn shown(url: &str) -> String {
    let (scheme, rest) = match url.find("://") {
        Some(at) => url.split_at(at + 3),
        None => ("", url),
    };
    let (rest, query) = match rest.find('?') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    // The last `@`: a password may hold one that should have been written as %40, and even a `/`.
    let (user, host) = match rest.rfind('@') {
        Some(at) => rest.split_at(at),
        None => ("", rest),
    };
    let user = match user.split_once(':') {
        Some((name, password)) => format!("{name}:{}", hidden(password)),
        None => user.to_owned(),
    };
    let parts = query.split_inclusive(['?', '&']).map(|part| {
        let (pair, end) = match part.strip_suffix(['?', '&']) {
            Some(pair) => (pair, &part[pair.len()..]),
            None => (part, ""),
        };
        match pair.split_once('=') {
            Some((key, value)) if key.to_ascii_lowercase().contains("password") => {
                format!("{key}={}{end}", hidden(value))
            }
            _ => part.to_owned(),
        }
    });
    format!("{scheme}{user}{host}{}", parts.collect::<String>())
}

fn hidden(password: &str) -> &str {
    let name = password
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'));
    let variable = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match password {
        "" => "",
        password if name.is_some_and(variable) => password,
        _ => HIDDEN,
    }
}

impl Resolver<'_> {
    /// The ledger's address, `None` for the file in the workspace.
    pub(super) fn ledger(&mut self, written: &Written) -> Option<Address> {
        const KEY: &str = "ledger.url";
        let url = written.ledger.url.trim();
        if url.is_empty() {
            return None;
        }
        let url = match expand(url, self.environment, Target::Url) {
            Ok(url) => url,
            Err(Unexpanded::Unset(name)) => {
                let message =
                    format!("environment variable {name} is not set, and ledger.url names it");
                let remedy = format!("export {name}=..., as in the unit file of the service");
                self.problem(KEY, message, &remedy);
                return None;
            }
            Err(Unexpanded::Malformed(_)) => {
                let message = "ledger.url: `${` does not begin the name of a variable";
                self.problem(KEY, message, "write ${NAME} with letters, digits and _");
                return None;
            }
        };
        let address = ["postgres://", "postgresql://"]
            .iter()
            .find_map(|scheme| url.strip_prefix(scheme));
        if address.is_none_or(|rest| rest.is_empty()) {
            let message = format!(
                "ledger.url `{}` is no address of a PostgreSQL database",
                shown(&url)
            );
            let remedy = "write postgres://USER@HOST/DATABASE, or leave it empty for SQLite in the workspace";
            self.problem(KEY, message, remedy);
            return None;
        }
        Some(Address(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_shown_nowhere() {
        for (url, expected) in [
            ("postgres://u:pw@h:5/d", "postgres://u:***@h:5/d"),
            (
                "postgres://u:p@w/x@h/d?sslmode=require",
                "postgres://u:***@h/d?sslmode=require",
            ),
            ("postgres://u:${PW}@h/d", "postgres://u:${PW}@h/d"),
            ("postgres://u:x${PW}@h/d", "postgres://u:***@h/d"),
            (
                "postgres://u@h/d?password=pw&port=1",
                "postgres://u@h/d?password=***&port=1",
            ),
            (
                "postgres://h/d?port=1&sslpassword=pw",
                "postgres://h/d?port=1&sslpassword=***",
            ),
            ("${URL}", "${URL}"),
            ("u:pw@h", "u:***@h"),
            ("postgres://u@h/d", "postgres://u@h/d"),
            ("", ""),
        ] {
            assert_eq!(shown(url), expected, "{url}");
        }
        let address = Address("postgres://u:pw@h/d".to_owned());
        assert!(!format!("{address:?}").contains("pw"));
    }
}
