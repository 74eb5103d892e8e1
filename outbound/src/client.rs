//! What every HTTP client of ours begins with, and how redirects and errors are read.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use reqwest::ClientBuilder;
use reqwest::header::{self, HeaderMap};
use url::Url;

use crate::policy::{Allowed, Guard, Lookup};
use crate::{Error, Result};

/// A client that follows nothing, tries nothing again, takes no proxy from the environment, tells no
/// referrer, and connects only to addresses that the policy lets through. A TLS provider must have
/// been installed, or be handed to the builder.
pub fn guarded(lookup: Lookup, allowed: Arc<Allowed>, connect: Duration) -> ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .connect_timeout(connect)
        .dns_resolver(Arc::new(Guard { lookup, allowed }))
}

/// Where a redirect leads; the policy is still to be asked.
///
/// # Errors
/// Nowhere, or to no address.
pub fn redirected(from: &Url, headers: &HeaderMap, shown: &str) -> Result<Url> {
    let location = headers
        .get(header::LOCATION)
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .ok_or_else(|| Error::Refused(format!("{shown} redirects to nowhere")))?;
    from.join(&location)
        .map_err(|error| Error::Refused(format!("{shown} redirects to no address: {error}")))
}

/// Whether a step leads from an encrypted address to one that is not: refused for what carries
/// secrets, followed and written down where a page is only looked at.
pub fn leaves_tls(from: &Url, to: &Url) -> bool {
    from.scheme() == "https" && to.scheme() != "https"
}

/// Why a request could not be sent: a refusal of the policy, which is not tried again, or the network.
pub fn unsent(error: &reqwest::Error, shown: &str) -> Error {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(known) = inner.downcast_ref::<Error>() {
            return known.clone();
        }
        cause = inner.source();
    }
    let words = error.source().map(chain);
    let words = words.unwrap_or_else(|| error.to_string());
    Error::Unreachable(format!("{shown}: {words}"))
}

/// An error with its causes.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        words.push_str(": ");
        words.push_str(&inner.to_string());
        cause = inner.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads(from: &str, location: &str) -> Result<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, location.parse().unwrap());
        redirected(&from.parse().unwrap(), &headers, "it").map(String::from)
    }

    #[test]
    fn redirects_are_read_relative_to_where_they_come_from() {
        assert_eq!(
            leads("https://a.example/b/c?d", "../e#f").as_deref(),
            Ok("https://a.example/e#f")
        );
        assert_eq!(
            leads("https://a.example/", "//b.example/").as_deref(),
            Ok("https://b.example/")
        );
        assert!(leads("https://a.example/", "http://[").is_err());
        assert!(
            redirected(
                &"https://a.example/".parse().unwrap(),
                &HeaderMap::new(),
                "it"
            )
            .is_err()
        );
    }

    #[test]
    fn a_step_out_of_tls_is_seen() {
        let url = |text: &str| text.parse::<Url>().unwrap();
        assert!(leaves_tls(
            &url("https://a.example"),
            &url("http://a.example")
        ));
        assert!(!leaves_tls(
            &url("http://a.example"),
            &url("http://a.example")
        ));
        assert!(!leaves_tls(
            &url("http://a.example"),
            &url("https://a.example")
        ));
    }
}
