//! A TAXII 2.1 collection (OASIS Standard, §5.4): its objects page by page, each page a delivery.
//!
//! What is new is what was added after the last page of all (`added_after`, the server's clock, not
//! the objects' `modified`). Where a batch ends between two pages, the next one goes on with the same
//! `added_after` and the server's `next`: objects that were added in one instant may lie on both
//! sides of a page's end, and an `added_after` taken there would skip some.

use ring::digest;
use serde::Deserialize;

use super::client::{Ask, Session, below};
use super::failure::{Failure, Kind, Result};
use super::fetch::Batch;
use super::spool::Spool;

/// The media type, exactly.
const MEDIA: &str = "application/taxii+json;version=2.1";
/// Objects asked for in a page; servers may give fewer.
const PAGE: u32 = 1000;

/// What steers the paging; the objects themselves stay bytes.
#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    more: bool,
    next: Option<String>,
    #[serde(default)]
    objects: Vec<serde::de::IgnoredAny>,
}

/// Fetches the pages of new objects into the batch.
///
/// # Errors
/// See [`Session::send`]; and a server that pages without end or speaks something else.
pub async fn fetch(session: &Session<'_>, spool: &mut Spool, batch: &mut Batch) -> Result<()> {
    let plan = session.plan;
    let base = below(plan.url()?, "objects/");
    let folder = format!("{}/objects/", plan.shown.trim_end_matches('/'));
    let limit = plan.number("limit", PAGE).to_string();
    let mut number = 0_u32;
    // The latest time of addition in this paging, and the page before as a hash.
    let mut latest: Option<String> = None;
    let mut before = None;
    loop {
        let mut url = base.clone();
        url.query_pairs_mut().append_pair("limit", &limit);
        if let Some(added_after) = &batch.state.added_after {
            url.query_pairs_mut()
                .append_pair("added_after", added_after);
        }
        if let Some(page) = &batch.state.page {
            url.query_pairs_mut().append_pair("next", page);
        }
        let mut ask = Ask::get(url, folder.clone());
        ask.headers.push(("accept", MEDIA.to_owned()));
        let (headers, bytes) = match session.to_memory(&ask).await {
            // A server may forget its pages: then again from the last known end.
            Err(failure) if number == 0 && forgotten(&failure) && batch.state.page.is_some() => {
                batch.state.page = None;
                continue;
            }
            other => other?,
        };
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let media = header("content-type").unwrap_or("");
        if !media.starts_with("application/taxii+json") {
            let detail = format!(
                "{folder} answers with `{media}`; `fetch.url` is to be a TAXII 2.1 collection"
            );
            return Err(Failure::new(Kind::Refused, detail));
        }
        let envelope: Envelope = serde_json::from_slice(&bytes)
            .map_err(|error| Failure::malformed(format!("{folder} sends no envelope: {error}")))?;
        let hash = digest::digest(&digest::SHA256, &bytes).as_ref().to_vec();
        let stuck = before
            .replace(hash.clone())
            .is_some_and(|before| before == hash);
        if envelope.more && (envelope.objects.is_empty() || stuck) {
            let detail = format!("{folder} promises more and sends nothing new");
            return Err(Failure::new(Kind::Refused, detail));
        }
        number += 1;
        if !envelope.objects.is_empty() {
            let name = format!("objects-{number}.json");
            let origin = format!("{folder}{name}");
            batch.take(spool.put(&bytes, &name, origin).await?);
        }
        // A page of one object may bear the first time only.
        let added = header("x-taxii-date-added-last").or(header("x-taxii-date-added-first"));
        latest = latest.max(added.map(str::to_owned));
        match (envelope.more, envelope.next) {
            (true, Some(next)) => batch.state.page = Some(next),
            // Without `next` one goes on by time.
            (true, None) => {
                if latest.is_none() || latest == batch.state.added_after {
                    let detail = format!("{folder} promises more and gives no way to it");
                    return Err(Failure::new(Kind::Refused, detail));
                }
                batch.state.added_after = latest.clone();
                batch.state.page = None;
            }
            (false, _) => {
                batch.state.page = None;
                if latest.is_some() {
                    batch.state.added_after = latest;
                }
                return Ok(());
            }
        }
        if batch.full() {
            return Ok(());
        }
    }
}

fn forgotten(failure: &Failure) -> bool {
    matches!(failure.kind, Kind::Status(400 | 404))
}
