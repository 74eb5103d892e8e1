//! Many looks at once, within bounds: so many in flight, one at a time at each host with a pause
//! after it, and a short list of those that wait. Jobs are taken from their source as they are needed,
//! so that a long list costs no memory.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Bounds.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Looks in flight; 1 to [`MOST`].
    pub in_flight: usize,
    /// Pause at one host between the end of a look and the beginning of the next.
    pub pause: Duration,
    /// Jobs that are taken from their source before their host is free, in multiples of `in_flight`.
    pub ahead: usize,
}

/// Most looks in flight.
pub const MOST: usize = 1_000;

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            in_flight: 64,
            pause: Duration::from_secs(2),
            ahead: 4,
        }
    }
}

/// What went on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Went {
    /// Looks that ended.
    pub done: usize,
    /// Looks that broke down: a bug, which ends that look and no other.
    pub broken: usize,
    /// Most that were in flight at once.
    pub most_in_flight: usize,
}

#[derive(Clone, Copy)]
enum Host {
    Busy,
    FreeAt(Instant),
}

/// Does every job: `look` makes its future, `done` gets each result as it comes and returns before
/// the next is taken, so that a slow receiver slows the looks.
pub async fn many<J, R, F>(
    jobs: impl IntoIterator<Item = J>,
    bounds: Bounds,
    host: impl Fn(&J) -> String,
    mut look: impl FnMut(J) -> F,
    mut done: impl FnMut(R),
) -> Went
where
    R: Send + 'static,
    F: Future<Output = R> + Send + 'static,
{
    let in_flight = bounds.in_flight.clamp(1, MOST);
    let ahead = in_flight.saturating_mul(bounds.ahead.max(1));
    let mut jobs = jobs.into_iter().fuse();
    let mut waiting: VecDeque<(String, J)> = VecDeque::new();
    let mut hosts: HashMap<String, Host> = HashMap::new();
    let mut running: JoinSet<R> = JoinSet::new();
    let mut names: HashMap<tokio::task::Id, String> = HashMap::new();
    let mut went = Went::default();
    loop {
        while waiting.len() < ahead {
            let Some(job) = jobs.next() else { break };
            waiting.push_back((host(&job), job));
        }
        let now = Instant::now();
        let mut soonest: Option<Instant> = None;
        let mut at = 0;
        while running.len() < in_flight && at < waiting.len() {
            match hosts.get(&waiting[at].0) {
                Some(Host::Busy) => at += 1,
                Some(Host::FreeAt(free)) if *free > now => {
                    soonest = Some(soonest.map_or(*free, |other| other.min(*free)));
                    at += 1;
                }
                _ => {
                    if let Some((host, job)) = waiting.remove(at) {
                        let handle = running.spawn(look(job));
                        names.insert(handle.id(), host.clone());
                        hosts.insert(host, Host::Busy);
                    }
                }
            }
        }
        went.most_in_flight = went.most_in_flight.max(running.len());
        if running.is_empty() && waiting.is_empty() {
            return went;
        }
        // A full house waits for an end, not for a host.
        let soonest = soonest.filter(|_| running.len() < in_flight);
        let ended = tokio::select! {
            ended = running.join_next_with_id(), if !running.is_empty() => ended,
            () = until(soonest), if soonest.is_some() => None,
            else => None,
        };
        let (id, result) = match ended {
            None => continue,
            Some(Ok((id, result))) => (id, Some(result)),
            Some(Err(error)) => (error.id(), None),
        };
        if let Some(host) = names.remove(&id) {
            hosts.insert(host, Host::FreeAt(Instant::now() + bounds.pause));
        }
        if hosts.len() > 4 * ahead {
            let now = Instant::now();
            hosts.retain(|_, state| !matches!(state, Host::FreeAt(free) if *free <= now));
        }
        match result {
            Some(result) => {
                went.done += 1;
                done(result);
            }
            None => went.broken += 1,
        }
    }
}

async fn until(at: Option<Instant>) {
    if let Some(at) = at {
        sleep_until(at).await;
    }
}
