//! What the client reads out of answers.

use outbound::client::leaves_tls;
use reqwest::header::{self, HeaderMap};
use url::Url;

use super::super::failure::{Failure, Kind, Result};

/// Where a redirect leads.
///
/// # Errors
/// Nowhere, or out of TLS.
pub fn redirected(from: &Url, headers: &HeaderMap, shown: &str) -> Result<Url> {
    let next = outbound::client::redirected(from, headers, shown)?;
    if leaves_tls(from, &next) {
        let detail = format!("{shown} redirects from https to {}", next.scheme());
        return Err(Failure::new(Kind::Refused, detail));
    }
    Ok(next)
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
