//! A page with its redirects, hop by hop. GET only; no cookies, no scripts, no forms. The address
//! policy is asked at every hop, before and after resolution. Every hop has a connection of its own,
//! so that each shows its certificate.
//!
//! Memory: the first few KiB of a body are read freely. For more a look takes one of so many places
//! for pages, and for more than a page's worth one of a few places for long ones, in this order, so
//! that who has a place can always end and nobody waits for ever. Places are kept until the look's
//! result is dropped: what was read and not yet taken away counts too. Who waits has read next to
//! nothing, so that the buffers of its connection have not grown either.

use std::sync::Arc;
use std::time::Duration;

use model::time::Timestamp;
use outbound::client::{guarded, redirected, unsent};
use reqwest::Response;
use reqwest::header::{self, HeaderMap};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};
use url::Url;

use super::super::seen::{Cut, End, Hop, Page};
use super::tls::Recorder;
use super::{Clock, Prober};

/// Bytes of a redirect's own body that are kept.
pub(in crate::verify) const REDIRECT_BODY: usize = 4 << 10;
/// Bytes of the headers of one answer that are kept.
pub(in crate::verify) const HEADERS: usize = 16 << 10;
/// Bytes of a body for which a place for pages is enough.
const PAGE: usize = 64 << 10;
/// Characters of an address on the way that are kept and followed.
pub(in crate::verify) const LONGEST_URL: usize = 8_192;

/// The places that bodies take; given back when dropped.
#[derive(Debug, Default)]
pub struct Room(Vec<OwnedSemaphorePermit>);

impl Room {
    /// No room.
    pub fn none() -> Self {
        Room::default()
    }
}

enum Failed {
    Refused(String),
    Unreachable(String),
    Timeout(String),
}

impl Prober {
    /// Asks for a page and follows its redirects. The room must be kept as long as the page is, and
    /// no longer: others wait for it.
    pub async fn page(&self, url: &Url, headers: &HeaderMap, clock: &Clock) -> (Page, Room) {
        let (most, free) = (self.limits.body, self.limits.base);
        self.walk(url, headers, clock, most, free).await
    }

    /// The same with no more of the body than `most` bytes, of which `free` take no place.
    pub(super) async fn walk(
        &self,
        url: &Url,
        headers: &HeaderMap,
        clock: &Clock,
        most: usize,
        free: usize,
    ) -> (Page, Room) {
        let mut room = Room::none();
        let mut page = Page {
            hops: Vec::new(),
            end: End::Answered,
            removed: Vec::new(),
        };
        let recorder = Arc::new(Recorder::new(Arc::clone(&self.roots)));
        let client = guarded(
            Arc::clone(&self.lookup),
            Arc::clone(&self.allowed),
            self.limits.connect,
        )
        .tls_backend_preconfigured(recorder.config())
        .pool_max_idle_per_host(0)
        .http1_only()
        .http1_title_case_headers()
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_ignore_invalid_headers_in_responses(true)
        .build();
        let client = match client {
            Ok(client) => client,
            Err(error) => {
                page.end = End::Unreachable(outbound::chain(&error));
                return (page, room);
            }
        };
        let mut left = self.limits.whole;
        let mut url = url.clone();
        let mut been = Vec::new();
        loop {
            if let Err(error) = self.allowed.check(&url, false) {
                page.end = End::Refused(error.to_string());
                return (page, room);
            }
            been.push(url.as_str().to_owned());
            let at = clock.now();
            let began = Instant::now();
            let sent = self.send(&client, &url, headers, left).await;
            left = left.saturating_sub(began.elapsed());
            let response = match sent {
                Ok(response) => response,
                Err(failed) => {
                    page.end = match failed {
                        Failed::Refused(why) => End::Refused(why),
                        Failed::Unreachable(why) => End::Unreachable(why),
                        Failed::Timeout(why) => End::Timeout(why),
                    };
                    return (page, room);
                }
            };
            let status = response.status().as_u16();
            let next = sends_to(&url, status, response.headers());
            let most = match redirects(status) {
                true => REDIRECT_BODY.min(most),
                false => most,
            };
            let mut hop = self.hop(&url, headers, &response, &recorder, at);
            (hop.body, hop.cut) = self
                .body(response, (most, free), &mut left, &mut room)
                .await;
            page.hops.push(hop);
            // A redirect to nowhere is an answer like any other: its status is judged.
            let Some(next) = next else {
                return (page, room);
            };
            let over = been.len() > self.limits.redirects || next.as_str().len() > LONGEST_URL;
            if over || been.iter().any(|before| before == next.as_str()) {
                page.end = End::Loop(format!("after {} answers, to {}", been.len(), shown(&next)));
                return (page, room);
            }
            url = next;
        }
    }

    async fn send(
        &self,
        client: &reqwest::Client,
        url: &Url,
        headers: &HeaderMap,
        left: Duration,
    ) -> Result<Response, Failed> {
        let wait = (self.limits.connect + self.limits.stall).min(left);
        let request = client.get(url.clone()).headers(headers.clone());
        match timeout(wait, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if error.is_timeout() => Err(Failed::Timeout(format!(
                "{}: no connection in time",
                shown(url)
            ))),
            Ok(Err(error)) => Err(match unsent(&error, &shown(url)) {
                outbound::Error::Refused(why) => Failed::Refused(why),
                outbound::Error::Unreachable(why) => Failed::Unreachable(why),
            }),
            Err(_) => Err(Failed::Timeout(format!(
                "{} did not answer within {} s",
                shown(url),
                wait.as_secs()
            ))),
        }
    }

    fn hop(
        &self,
        url: &Url,
        headers: &HeaderMap,
        response: &Response,
        recorder: &Recorder,
        at: Timestamp,
    ) -> Hop {
        let host = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str().unwrap_or("")),
            None => url.host_str().unwrap_or("").to_owned(),
        };
        let mut asked: Vec<(String, String)> = headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("").to_owned()))
            .collect();
        asked.push((header::HOST.to_string(), host));
        Hop {
            at,
            url: url.as_str().to_owned(),
            address: response.remote_addr(),
            asked,
            status: response.status().as_u16(),
            headers: kept(response.headers()),
            body: Vec::new(),
            cut: Cut::Whole,
            tls: recorder.take(),
        }
    }

    /// Reads a body: up to `most` bytes, as long as something comes and time is left. A body that says
    /// how long it is takes no place that it does not need.
    async fn body(
        &self,
        mut response: Response,
        (most, free): (usize, usize),
        left: &mut Duration,
        room: &mut Room,
    ) -> (Vec<u8>, Cut) {
        let said = response
            .content_length()
            .and_then(|n| usize::try_from(n).ok());
        let whole = said.map_or(most, |said| said.min(most));
        let mut body = Vec::new();
        let (mut page, mut long) = (None, None);
        let cut = loop {
            let began = Instant::now();
            let read = timeout(self.limits.stall.min(*left), response.chunk()).await;
            *left = left.saturating_sub(began.elapsed());
            let chunk = match read {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => break Cut::Whole,
                Ok(Err(_)) => break Cut::Broken,
                Err(_) => break Cut::Time,
            };
            let wanted = body.len() + chunk.len();
            // Closed: never, since nobody closes them.
            if whole > free && wanted > free && page.is_none() {
                page = Arc::clone(&self.pages).acquire_owned().await.ok();
            }
            if whole > PAGE && wanted > PAGE && long.is_none() {
                long = Arc::clone(&self.long).acquire_owned().await.ok();
            }
            let takes = chunk.len().min(most - body.len());
            if body.capacity() - body.len() < takes {
                // In steps: doubling would take twice the room that was asked for, and the whole at
                // once more than most pages need.
                let step = takes.max(PAGE.min(whole.saturating_sub(body.len())) / 2);
                body.reserve_exact(step);
            }
            body.extend_from_slice(&chunk[..takes]);
            if takes < chunk.len() {
                break Cut::Length;
            }
        };
        body.shrink_to_fit();
        room.0.extend(page.into_iter().chain(long));
        (body, cut)
    }
}

/// Whether an answer of this status is no page but a way to one.
pub(in crate::verify) fn redirects(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Where an answer sends whoever asked for `from`; `None` where it sends nobody anywhere.
pub(in crate::verify) fn sends_to(from: &Url, status: u16, headers: &HeaderMap) -> Option<Url> {
    if !redirects(status) {
        return None;
    }
    let mut next = redirected(from, headers, &shown(from)).ok()?;
    next.set_fragment(None);
    // A user in an address is no business of ours.
    let _ = next.set_username("");
    let _ = next.set_password(None);
    Some(next)
}

/// Headers up to the bound; what comes after is not kept.
fn kept(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let mut left = HEADERS;
    let mut kept = Vec::new();
    for (name, value) in headers {
        let size = name.as_str().len() + value.len();
        if size > left {
            break;
        }
        left -= size;
        kept.push((name.to_string(), value.as_bytes().to_vec()));
    }
    kept
}

/// An address for a sentence: its beginning.
fn shown(url: &Url) -> String {
    let text = url.as_str();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
