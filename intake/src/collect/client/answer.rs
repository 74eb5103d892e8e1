//! What the client reads out of answers and errors.

use std::error::Error;

use reqwest::header::{self, HeaderMap};
use url::Url;

use super::super::failure::{Failure, Kind, Result};

/// Where a redirect leads.
///
/// # Errors
/// Nowhere, or out of TLS.
pub fn redirected(from: &Url, headers: &HeaderMap, shown: &str) -> Result<Url> {
    let location = headers
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| Failure::new(Kind::Refused, format!("{shown} redirects to nowhere")))?;
    let next = from.join(location).map_err(|error| {
        Failure::new(
            Kind::Refused,
            format!("{shown} redirects to no address: {error}"),
        )
    })?;
    if from.scheme() == "https" && next.scheme() != "https" {
        let detail = format!("{shown} redirects from https to {}", next.scheme());
        return Err(Failure::new(Kind::Refused, detail));
    }
    Ok(next)
}

/// Why a request could not be sent: a refusal of the policy, which is not tried again, or the network.
pub fn unsent(error: &reqwest::Error, shown: &str) -> Failure {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(failure) = inner.downcast_ref::<Failure>() {
            return failure.clone();
        }
        cause = inner.source();
    }
    let mut words = Vec::new();
    let mut cause: Option<&dyn Error> = error.source();
    while let Some(inner) = cause {
        words.push(inner.to_string());
        cause = inner.source();
    }
    Failure::new(Kind::Unreachable, format!("{shown}: {}", words.join(": ")))
}

/// An error with its causes.
pub fn chain(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        words.push_str(": ");
        words.push_str(&inner.to_string());
        cause = inner.source();
    }
    words
}

/// The file name in `Content-Disposition` (RFC 6266), the plain form only.
pub fn disposition(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_DISPOSITION)?.to_str().ok()?;
    let name = value.split(';').find_map(|part| {
        let (key, name) = part.split_once('=')?;
        key.trim().eq_ignore_ascii_case("filename").then_some(name)
    })?;
    let name = super::super::spool::plain(name.trim().trim_matches('"'));
    (name != "delivery").then_some(name)
}
