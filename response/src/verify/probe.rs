//! The looking itself. A [`Prober`] holds what is handed down (look-up, address policy, roots, bounds)
//! and does the probes that a [`Permit`](super::Permit) allows, what touches nobody first.

use std::sync::Arc;
use std::time::Duration;

use model::time::Timestamp;
use model::verification::{Client, ProbeKind};
use outbound::{Allowed, Lookup};
use rustls::RootCertStore;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

use super::judge::{Judged, judge};
use super::markers::Markers;
use super::permit::Permit;
use super::seen::Seen;
use super::strip::strip;
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
const MISSING: usize = 32 << 10;

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

/// What is handed down, shared by all probes.
pub struct Prober {
    lookup: Lookup,
    allowed: Arc<Allowed>,
    roots: Arc<RootCertStore>,
    clients: Clients,
    resolver: Option<Resolver>,
    limits: Limits,
    pages: Arc<Semaphore>,
    long: Arc<Semaphore>,
    comparisons: Semaphore,
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
            clients,
            resolver,
            pages: Arc::new(Semaphore::new(places(limits.pages))),
            long: Arc::new(Semaphore::new(places(limits.long))),
            comparisons: Semaphore::new(places(limits.pages)),
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
        for probe in target.probes() {
            if !permit.allows(probe) || (client == Client::Passive && probe != ProbeKind::Dns) {
                continue;
            }
            let at = clock.now();
            let (seen, room, client) = match probe {
                ProbeKind::Dns => {
                    let (Some(name), Some(resolver)) = (target.place.name(), &self.resolver) else {
                        continue;
                    };
                    let names = dns::names(resolver, &name, &clock).await;
                    (Seen::Names(names), http::Room::none(), Client::Passive)
                }
                ProbeKind::Tcp => {
                    let Place::Port { host, port } = &target.place else {
                        continue;
                    };
                    let seen = self.port(host, *port, &clock).await;
                    (Seen::Port(seen), http::Room::none(), Client::Plain)
                }
                _ => {
                    let (Place::Page { url } | Place::Listing { url, .. }) = &target.place else {
                        continue;
                    };
                    let compare = permit == Permit::Compare && probe == ProbeKind::Http;
                    let (seen, room) = self
                        .look_at(target, url, client, compare.then_some(made_up), &clock)
                        .await;
                    (seen, room, client)
                }
            };
            let judged = judge(target, probe, &seen, markers);
            done.push(Looked {
                probe,
                client,
                at,
                seen,
                judged,
                room,
            });
        }
        done
    }

    async fn look_at(
        &self,
        target: &Target,
        url: &Url,
        client: Client,
        made_up: Option<&str>,
        clock: &Clock,
    ) -> (Seen, http::Room) {
        let (clean, removed) = strip(url);
        let headers = self.clients.headers(client, target.kind);
        let (mut page, room) = self.page(&clean, headers, clock).await;
        page.removed = removed;
        // Only a 200 can be a missing page in disguise, and only at the host that was asked.
        let last = page.last().filter(|hop| hop.status == 200);
        let own = last.and_then(|hop| hop.url.parse::<Url>().ok());
        let own = own.filter(|last| last.host() == clean.host());
        let Some((made_up, last)) = made_up.zip(own) else {
            return (Seen::Page(page), room);
        };
        let mut sibling = last;
        sibling.set_query(None);
        if let Ok(mut path) = sibling.path_segments_mut() {
            path.pop().push(made_up);
        }
        // It has places of its own: who already has one must not wait for another of the same.
        let _place = self.comparisons.acquire().await;
        let most = MISSING.min(self.limits.body);
        let (missing, _) = self.walk(&sibling, headers, clock, most, most).await;
        (Seen::Compared { page, missing }, room)
    }
}
