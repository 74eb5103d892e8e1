//! One file over HTTP or HTTPS, fetched again only when it has changed (RFC 9110 §13: `ETag` and
//! `Last-Modified`).

use reqwest::header::{self, HeaderMap, HeaderName};

use super::client::{Ask, Session};
use super::failure::{Failure, Kind, Result};
use super::fetch::Batch;
use super::spool::Spool;

/// Fetches the entry's file into the batch.
///
/// # Errors
/// See [`Session::send`].
pub async fn fetch(session: &Session<'_>, spool: &mut Spool, batch: &mut Batch) -> Result<()> {
    let plan = session.plan;
    let mut ask = Ask::get(plan.url()?.clone(), plan.shown.clone());
    let conditions = [
        ("if-none-match", &batch.state.etag),
        ("if-modified-since", &batch.state.last_modified),
    ];
    for (name, value) in conditions {
        if let Some(value) = value {
            ask.headers.push((name, value.clone()));
        }
    }
    let (folder, name) = split(&plan.shown);
    let (headers, kept) = session.to_spool(&ask, spool, folder, name).await?;
    let Some(kept) = kept else {
        return if ask.headers.is_empty() {
            let detail = format!(
                "{} has nothing to send, and nothing was known of it",
                ask.shown
            );
            Err(Failure::new(Kind::Refused, detail))
        } else {
            Ok(())
        };
    };
    batch.state.etag = text(&headers, header::ETAG);
    batch.state.last_modified = text(&headers, header::LAST_MODIFIED);
    batch.deliveries.push(kept);
    Ok(())
}

/// An address up to its last part, and that part.
fn split(shown: &str) -> (&str, &str) {
    let host = shown.find("://").map_or(0, |at| at + 3);
    match shown.rfind('/').filter(|at| *at >= host) {
        Some(at) => shown.split_at(at + 1),
        None => (shown, ""),
    }
}

/// A header that is sent back as it came; too long a one is not kept.
fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    (value.len() <= 1024).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_split_at_its_last_part() {
        assert_eq!(
            split("https://a.example/b/c.csv"),
            ("https://a.example/b/", "c.csv")
        );
        assert_eq!(split("https://a.example/b/"), ("https://a.example/b/", ""));
        assert_eq!(split("https://a.example"), ("https://a.example", ""));
    }
}
