//! What of a vantage's answer is believed. A vantage is another machine, so that only what can be is taken: the answer is
//! to what was asked, every hop follows from the one before, every address is one that the asker's own policy opens, and
//! all bounds of a look hold. What is not so is no look. Facts of certificates are read anew from their bytes.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::time::Timestamp;
use model::verification::ProbeKind;
use outbound::Allowed;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use url::{Host, Url};

use super::{Told, ToldHop, ToldPage, ToldSeen, ToldTls, VERSION};
use crate::verify::probe::dns::{self, ASKED};
use crate::verify::probe::http::{HEADERS, LONGEST_URL, REDIRECT_BODY, redirects, sends_to};
use crate::verify::probe::{Errand, Limits, MISSING, der, sibling, tls};
use crate::verify::seen::{End, Hop, Names, Page, Port, PortState, Resolved, Seen, Tls};
use crate::verify::target::Place;

/// Bytes of one certificate.
const CERTIFICATE: usize = 64 << 10;
/// Characters of a sentence about what happened, and of a part of a record.
const SENTENCE: usize = 1_000;
const RECORD: usize = 70_000;
/// Name servers of one answer.
const SERVERS: usize = 16;

/// What a vantage cannot have seen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Nonsense(String);

impl Nonsense {
    pub(in crate::verify) fn new(why: impl Into<String>) -> Self {
        // Some of it is the vantage's words: one line of the log, and no more.
        let why = why.into();
        let plain = why.chars().map(|c| if c.is_control() { ' ' } else { c });
        Nonsense(plain.take(300).collect())
    }
}

type Read<T> = Result<T, Nonsense>;

fn nonsense<T>(why: impl Into<String>) -> Read<T> {
    Err(Nonsense::new(why))
}

impl Told {
    /// What of it can have been seen for `errand`, asked at the first of `asked` and told after the second, by the
    /// asker's address policy and bounds.
    ///
    /// # Errors
    /// It cannot have been seen: then there is no look.
    pub fn read(
        self,
        errand: &Errand,
        allowed: &Allowed,
        limits: &Limits,
        asked: (Timestamp, Duration),
    ) -> Read<Seen> {
        if self.version != VERSION {
            return nonsense(format!("it speaks version {}", self.version));
        }
        if (self.probe, self.client) != (errand.probe, errand.client) {
            return nonsense("it is a look at something else");
        }
        let check = Check {
            errand,
            allowed,
            limits,
            asked,
        };
        match (self.seen, errand.probe, &errand.place) {
            (
                ToldSeen::Page { page, missing },
                ProbeKind::Http | ProbeKind::Listing | ProbeKind::Defacement,
                Place::Page { url } | Place::Listing { url, .. },
            ) => check.pages(page, missing, url),
            (ToldSeen::Names { servers, answers }, ProbeKind::Dns, Place::Name { name }) => {
                check.names(servers, answers, name)
            }
            (ToldSeen::Port { address, state }, ProbeKind::Tcp, Place::Port { host, port }) => {
                check.port(address, state, (host, *port))
            }
            _ => nonsense("it is another kind of thing than what was asked for"),
        }
    }
}

/// What an answer is held against.
struct Check<'a> {
    errand: &'a Errand,
    allowed: &'a Allowed,
    limits: &'a Limits,
    asked: (Timestamp, Duration),
}

impl Check<'_> {
    fn pages(&self, page: ToldPage, missing: Option<ToldPage>, url: &Url) -> Read<Seen> {
        let mut page = self.page(page, url, self.limits.body)?;
        page.removed = self.errand.removed.clone();
        let other = sibling(&page, url, self.errand.made_up.as_deref());
        match (other, missing) {
            (None, None) => Ok(Seen::Page(page)),
            (Some(other), Some(missing)) => {
                let missing = self.page(missing, &other, MISSING.min(self.limits.body))?;
                Ok(Seen::Compared { page, missing })
            }
            (Some(_), None) => nonsense("the page to compare it with is not there"),
            (None, Some(_)) => nonsense("it compared the page with one that was not asked for"),
        }
    }

    fn page(&self, told: ToldPage, url: &Url, most: usize) -> Read<Page> {
        if told.hops.len() > self.limits.redirects + 1 {
            return nonsense(format!("{} answers on one way", told.hops.len()));
        }
        let mut next = Some(url.clone());
        let mut hops = Vec::with_capacity(told.hops.len());
        for hop in told.hops {
            let Some(url) = next else {
                return nonsense(format!("nothing leads to {}", hop.url));
            };
            let hop = self.hop(hop, &url, most)?;
            next = sends_to(&url, hop.status, &headers(&hop.headers)?);
            hops.push(hop);
        }
        let words = match &told.end {
            End::Answered => "",
            End::Refused(words)
            | End::Unreachable(words)
            | End::Timeout(words)
            | End::Loop(words) => words,
        };
        sentence(words)?;
        // The way ends where nothing leads on, and nowhere else.
        match (&told.end, hops.is_empty(), next.is_some()) {
            (End::Answered, false, false) => {}
            (End::Answered, true, _) => return nonsense("a page that nobody answered for"),
            (End::Answered, false, true) => return nonsense("a redirect as the last answer"),
            (_, false, false) => return nonsense("a way that goes on after its end"),
            // It declines to look; that it was led where it would not go is another matter.
            (End::Refused(why), true, _) => return nonsense(format!("it refuses: {why}")),
            _ => {}
        }
        Ok(Page {
            hops,
            end: told.end,
            removed: Vec::new(),
        })
    }

    fn hop(&self, told: ToldHop, url: &Url, most: usize) -> Read<Hop> {
        if told.url != url.as_str() || told.url.len() > LONGEST_URL {
            return nonsense(format!("an answer of {} for {url}", told.url));
        }
        let address = match told.address {
            Some(address) => self.reached(url, address)?,
            None => return nonsense(format!("nobody was reached at {url}")),
        };
        if !(100..=999).contains(&told.status) {
            return nonsense(format!("status {}", told.status));
        }
        let most = match redirects(told.status) {
            true => REDIRECT_BODY.min(most),
            false => most,
        };
        let body = bytes(&told.body, most)?;
        let mut left = HEADERS;
        let mut headers = Vec::with_capacity(told.headers.len().min(HEADERS));
        for (name, value) in told.headers {
            let value = bytes(&value, HEADERS)?;
            let Some(rest) = left.checked_sub(name.len() + value.len()) else {
                return nonsense("headers that are longer than what is kept");
            };
            left = rest;
            headers.push((name, value));
        }
        let tls = match (told.tls, url.scheme()) {
            (Some(tls), "https") => Some(shown(tls)?),
            (Some(_), _) => return nonsense(format!("a certificate for {url}")),
            (None, _) => None,
        };
        Ok(Hop {
            at: self.at(told.after_us),
            url: told.url,
            address: Some(address),
            asked: self.sent(url),
            status: told.status,
            headers,
            body,
            cut: told.cut,
            tls,
        })
    }

    /// Headers as a look sends them: they were ours, and the vantage was told to send them.
    fn sent(&self, url: &Url) -> Vec<(String, String)> {
        let host = url.host_str().unwrap_or_default();
        let host = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let headers = self.errand.headers.iter();
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        headers
            .map(|(name, value)| (name.to_string(), text(value)))
            .chain([(header::HOST.to_string(), host)])
            .collect()
    }

    /// An instant by our clock: never before we asked, never after we were told.
    fn at(&self, after_us: u64) -> Timestamp {
        let (asked, took) = self.asked;
        let most = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let after = i64::try_from(after_us.min(most)).unwrap_or(0);
        Timestamp(asked.0.saturating_add(after))
    }

    /// Whether an address can be that of a page, and may be.
    fn reached(&self, url: &Url, address: SocketAddr) -> Read<SocketAddr> {
        let (name, own) = match url.host() {
            Some(Host::Domain(name)) => (Some(name), None),
            Some(Host::Ipv4(own)) => (None, Some(IpAddr::V4(own))),
            Some(Host::Ipv6(own)) => (None, Some(IpAddr::V6(own))),
            None => (None, None),
        };
        self.may_be_reached(name, own, address.ip())?;
        if url.port_or_known_default() != Some(address.port()) {
            return nonsense(format!("{url} was reached at port {}", address.port()));
        }
        Ok(address)
    }

    fn may_be_reached(&self, name: Option<&str>, own: Option<IpAddr>, ip: IpAddr) -> Read<()> {
        if own.is_some_and(|own| own.to_canonical() != ip.to_canonical()) {
            return nonsense(format!("what is asked for was reached at {ip}"));
        }
        match self.allowed.refusal(name, ip) {
            Some(why) => nonsense(why),
            None => Ok(()),
        }
    }

    fn names(
        &self,
        servers: Vec<SocketAddr>,
        answers: Vec<(String, Resolved)>,
        name: &str,
    ) -> Read<Seen> {
        if servers.len() > SERVERS || answers.is_empty() || answers.len() > ASKED.len() {
            return nonsense("an answer of another shape");
        }
        // A name that is none, or that nobody has, ends the asking; else every type is asked for.
        let last = answers.last().map(|(_, answer)| answer);
        let ends = match last {
            Some(Resolved::NoName) => true,
            Some(Resolved::Failure { .. }) if answers.len() == 1 => true,
            _ => answers.len() == ASKED.len(),
        };
        let kinds = ASKED.iter().map(ToString::to_string);
        if !ends
            || !answers
                .iter()
                .zip(kinds)
                .all(|((kind, _), due)| *kind == due)
        {
            return nonsense("other types than those that are asked for");
        }
        let before = answers.len() - 1;
        if answers
            .iter()
            .take(before)
            .any(|(_, one)| *one == Resolved::NoName)
        {
            return nonsense("more of a name that is not there");
        }
        for (_, answer) in &answers {
            match answer {
                Resolved::Records { records } => {
                    let long = |text: &String| text.len() > RECORD;
                    let odd = records.iter().any(|one| {
                        long(&one.data) || one.name.len() > SENTENCE || one.kind.len() > 20
                    });
                    if odd || records.len() > dns::MOST {
                        return nonsense("more records than are kept");
                    }
                }
                Resolved::Failure { code: words } | Resolved::Timeout { detail: words } => {
                    sentence(words)?;
                }
                Resolved::NoData | Resolved::NoName => {}
            }
        }
        Ok(Seen::Names(Names {
            name: name.to_owned(),
            at: self.asked.0,
            servers,
            answers,
        }))
    }

    fn port(
        &self,
        address: Option<SocketAddr>,
        state: PortState,
        (host, port): (&str, u16),
    ) -> Read<Seen> {
        let own: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        match (&state, address) {
            (PortState::Failed { detail }, _) => sentence(detail)?,
            (_, None) => return nonsense(format!("nobody was reached at {host}")),
            _ => {}
        }
        if let Some(address) = address {
            self.may_be_reached(own.is_none().then_some(host), own, address.ip())?;
            if address.port() != port {
                return nonsense(format!("port {} for {port}", address.port()));
            }
        }
        Ok(Seen::Port(Port {
            host: host.to_owned(),
            port,
            at: self.asked.0,
            address,
            state,
        }))
    }
}

/// Headers as they are read for a redirect.
fn headers(kept: &[(String, Vec<u8>)]) -> Read<HeaderMap> {
    let mut read = HeaderMap::new();
    for (name, value) in kept {
        let name = HeaderName::from_bytes(name.as_bytes());
        let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) else {
            return nonsense("a header that is none");
        };
        if read.try_append(name, value).is_err() {
            return nonsense("headers without end");
        }
    }
    Ok(read)
}

fn shown(told: ToldTls) -> Read<Tls> {
    if told.chain.len() > tls::LONGEST {
        return nonsense(format!("a chain of {} certificates", told.chain.len()));
    }
    sentence(told.error.as_deref().unwrap_or_default())?;
    let chain = told.chain.iter();
    let chain: Read<Vec<_>> = chain
        .map(|one| Ok(der::facts(&bytes(one, CERTIFICATE)?)))
        .collect();
    Ok(Tls {
        chain: chain?,
        error: told.error,
        checked: told.checked,
    })
}

/// Base64 of at most so many bytes; longer ones are not even decoded.
fn bytes(text: &str, most: usize) -> Read<Vec<u8>> {
    if text.len() > most.div_ceil(3) * 4 {
        return nonsense(format!("more than {most} bytes"));
    }
    match STANDARD.decode(text) {
        Ok(bytes) if bytes.len() <= most => Ok(bytes),
        Ok(_) => nonsense(format!("more than {most} bytes")),
        Err(error) => nonsense(format!("base64 that is none: {error}")),
    }
}

/// A sentence of the vantage, which goes into a finding's words.
fn sentence(text: &str) -> Read<()> {
    match text.len() > SENTENCE {
        true => nonsense("an explanation without end"),
        false => Ok(()),
    }
}
