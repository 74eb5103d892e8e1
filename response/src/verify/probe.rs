//! The looking itself. A [`Prober`] holds what is handed down (look-up, address policy, roots, bounds)
//! and does the probes that a [`Permit`](super::Permit) allows, what touches nobody first.

use std::sync::Arc;
use std::time::Duration;

use model::time::Timestamp;
use model::verification::{Client, ProbeKind};
use outbound::{Allowed, Lookup};
use reqwest::header::HeaderMap;
use rustls::RootCertStore;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

use super::judge::{Judged, judge};
use super::markers::Markers;
use super::permit::Permit;
use super::seen::{Page, Seen};
use super::strip::{Removed, strip};
use super::target::{Place, Target};

pub mod clients;
pub mod der;
pub mod dns;
pub mod http;
pub mod tcp;
pub mod tls;

pub use clients::{BadClients, Clients};
pub use dns::{Resolver, resolver};

/// Bytes of a missing page that are read; one that is longer is not compared.
pub(in crate::verify) const MISSING: usize = 32 << 10;

/// Bounds of every probe.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time to connect, TLS included.
    pub connect: Duration,
    /// Longest silence before the answer and within its body.
    pub stall: Duration,
    /// Time for a whole page with its redirects, waiting for a place not counted.
    pub whole: Duration,
    /// Redirects that are followed.
    pub redirects: usize,
    /// Bytes of a body that are kept.
    pub body: usize,
    /// Bytes of a body that are read before a place is taken.
    pub base: usize,
    /// Bodies of up to 64 KiB that are held at once.
    pub pages: usize,
    /// Longer ones that are held at once.
    pub long: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connect: Duration::from_secs(15),
            stall: Duration::from_secs(20),
            whole: Duration::from_secs(60),
            redirects: 10,
            body: 1 << 20,
            base: 4 << 10,
            pages: 256,
            long: 12,
        }
    }
}

/// What is handed down, shared by all probes. A copy shares the places that bodies take.
#[derive(Clone)]
pub struct Prober {
    lookup: Lookup,
    allowed: Arc<Allowed>,
    roots: Arc<RootCertStore>,
    clients: Arc<Clients>,
    resolver: Option<Resolver>,
    limits: Limits,
    pages: Arc<Semaphore>,
    long: Arc<Semaphore>,
    comparisons: Arc<Semaphore>,
}

/// The beginning of a look: instants of its probes are this plus what has gone by since.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    began: Timestamp,
    since: Instant,
}

impl Clock {
    /// Starts at an instant that is handed in.
    pub fn at(now: Timestamp) -> Self {
        Clock {
            began: now,
            since: Instant::now(),
        }
    }

    /// The instant now.
    pub fn now(&self) -> Timestamp {
        let gone = i64::try_from(self.since.elapsed().as_micros()).unwrap_or(0);
        Timestamp(self.began.0.saturating_add(gone))
    }
}

/// One probe to make: all that looking needs, and nothing of what it is looked for. It is what a vantage
/// elsewhere is told ([`vantage`](super::vantage)).
#[derive(Clone, Debug, PartialEq)]
pub struct Errand {
    /// Which probe.
    pub probe: ProbeKind,
    /// As whom.
    pub client: Client,
    /// Where; an address is without its personal parts.
    pub place: Place,
    /// What was taken out of the address.
    pub removed: Vec<Removed>,
    /// Headers that pages are asked for with.
    pub headers: HeaderMap,
    /// The word of an address that is made up, where the permit allows a comparison.
    pub made_up: Option<String>,
}

/// One probe done and judged.
pub struct Looked {
    /// Which probe.
    pub probe: ProbeKind,
    /// As whom it was done.
    pub client: Client,
    /// When it began.
    pub at: Timestamp,
    /// What was seen.
    pub seen: Seen,
    /// What was found.
    pub judged: Judged,
    /// The places that its bodies take: others wait for them until it is dropped.
    pub room: http::Room,
}

impl Prober {
    /// Probes names with `lookup` for pages and ports, and with `resolver`, where there is one, for
    /// their records. `roots` are what certificates are checked against; an empty store checks
    /// nothing.
    pub fn new(
        lookup: Lookup,
        allowed: Allowed,
        roots: RootCertStore,
        clients: Clients,
        resolver: Option<Resolver>,
        limits: Limits,
    ) -> Self {
        let places = |count: usize| count.clamp(1, Semaphore::MAX_PERMITS);
        Prober {
            lookup,
            allowed: Arc::new(allowed),
            roots: Arc::new(roots),
            clients: Arc::new(clients),
            resolver,
            pages: Arc::new(Semaphore::new(places(limits.pages))),
            long: Arc::new(Semaphore::new(places(limits.long))),
            comparisons: Arc::new(Semaphore::new(places(limits.pages))),
            limits,
        }
    }

    /// Does every probe that tells of the target and that the permit allows. `made_up` is a word
    /// nobody can have used as a name of a page, drawn from a random source that is handed down; it
    /// is used only where the permit allows a comparison. `client` is as whom pages are asked for.
    pub async fn look(
        &self,
        target: &Target,
        permit: Permit,
        client: Client,
        markers: &Markers,
        made_up: &str,
        now: Timestamp,
    ) -> Vec<Looked> {
        let clock = Clock::at(now);
        let mut done = Vec::new();
        for errand in self.errands(target, permit, client, made_up) {
            let at = clock.now();
            let Some((seen, room)) = self.see(&errand, &clock).await else {
                continue;
            };
            done.push(Looked {
                probe: errand.probe,
                client: errand.client,
                at,
                judged: judge(target, errand.probe, &seen, markers),
                seen,
                room,
            });
        }
        done
    }

    /// The probes that tell of the target and that the permit allows, in the order in which they are made; see
    /// [`Prober::look`].
    pub fn errands(
        &self,
        target: &Target,
        permit: Permit,
        client: Client,
        made_up: &str,
    ) -> Vec<Errand> {
        let allowed = |probe: &ProbeKind| {
            permit.allows(*probe) && (client != Client::Passive || *probe == ProbeKind::Dns)
        };
        let errand = |probe| {
            let (place, removed) = match (probe, &target.place) {
                // Who answers for a name need not be told of the page.
                (ProbeKind::Dns, place) => (
                    Place::Name {
                        name: place.name()?,
                    },
                    Vec::new(),
                ),
                (_, Place::Page { url }) => {
                    let (url, removed) = strip(url);
                    (Place::Page { url }, removed)
                }
                (_, Place::Listing { url, platform }) => {
                    let ((url, removed), platform) = (strip(url), platform.clone());
                    (Place::Listing { url, platform }, removed)
                }
                (_, place) => (place.clone(), Vec::new()),
            };
            // Resolvers and ports show the same to all.
            let (client, headers) = match probe {
                ProbeKind::Dns => (Client::Passive, HeaderMap::new()),
                ProbeKind::Tcp => (Client::Plain, HeaderMap::new()),
                _ => (client, self.clients.headers(client, target.kind).clone()),
            };
            let compare = permit == Permit::Compare && probe == ProbeKind::Http;
            Some(Errand {
                probe,
                client,
                place,
                removed,
                headers,
                made_up: compare.then(|| made_up.to_owned()),
            })
        };
        let probes = target.probes().into_iter().filter(allowed);
        probes.filter_map(errand).collect()
    }

    /// Makes one probe; `None` where the place is none for it, or no resolver is at hand.
    pub async fn see(&self, errand: &Errand, clock: &Clock) -> Option<(Seen, http::Room)> {
        match (errand.probe, &errand.place) {
            (ProbeKind::Dns, Place::Name { name }) => {
                let names = dns::names(self.resolver.as_ref()?, name, clock).await;
                Some((Seen::Names(names), http::Room::none()))
            }
            (ProbeKind::Tcp, Place::Port { host, port }) => {
                let seen = self.port(host, *port, clock).await;
                Some((Seen::Port(seen), http::Room::none()))
            }
            (
                ProbeKind::Http | ProbeKind::Listing | ProbeKind::Defacement,
                Place::Page { url } | Place::Listing { url, .. },
            ) => Some(self.look_at(errand, url, clock).await),
            _ => None,
        }
    }

    /// Why the policy closes a place that is written as an address, or that is no place on the web; names are
    /// asked when they are resolved.
    pub fn refusal(&self, place: &Place) -> Option<String> {
        match place {
            Place::Page { url } | Place::Listing { url, .. } => {
                let checked = self.allowed.check(url, false);
                checked.err().map(|error| error.to_string())
            }
            Place::Name { .. } => None,
            Place::Port { host, .. } => {
                let address = host.trim_matches(['[', ']']).parse().ok()?;
                self.allowed.refusal(None, address)
            }
        }
    }

    /// The same prober, with bounds of a page no wider than these.
    pub fn within(&self, redirects: usize, body: usize, whole: Duration) -> Prober {
        let mut bounded = self.clone();
        let limits = &mut bounded.limits;
        limits.redirects = limits.redirects.min(redirects);
        limits.body = limits.body.min(body);
        limits.base = limits.base.min(limits.body);
        limits.whole = limits.whole.min(whole);
        bounded
    }

    /// The bounds.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Which addresses may be asked.
    pub fn allowed(&self) -> &Allowed {
        &self.allowed
    }

    async fn look_at(&self, errand: &Errand, url: &Url, clock: &Clock) -> (Seen, http::Room) {
        let headers = &errand.headers;
        let (mut page, room) = self.page(url, headers, clock).await;
        page.removed = errand.removed.clone();
        let Some(sibling) = sibling(&page, url, errand.made_up.as_deref()) else {
            return (Seen::Page(page), room);
        };
        // It has places of its own: who already has one must not wait for another of the same.
        let _place = self.comparisons.acquire().await;
        let most = MISSING.min(self.limits.body);
        let (missing, _) = self.walk(&sibling, headers, clock, most, most).await;
        (Seen::Compared { page, missing }, room)
    }
}

/// The address of a page that cannot be there, where a page of `asked` is to be compared with one: only a 200 can
/// be a missing page in disguise, and only at the host that was asked.
pub(in crate::verify) fn sibling(page: &Page, asked: &Url, made_up: Option<&str>) -> Option<Url> {
    let last = page.last().filter(|hop| hop.status == 200)?;
    let own: Url = last.url.parse().ok()?;
    let mut sibling = Some(own).filter(|last| last.host() == asked.host())?;
    let made_up = made_up?;
    sibling.set_query(None);
    if let Ok(mut path) = sibling.path_segments_mut() {
        path.pop().push(made_up);
    }
    Some(sibling)
}
