//! When to try, and how fast: the back-off of retries, and limits per destination. Time is handed in.

use std::collections::HashMap;

use model::time::Timestamp;

const MINUTE: i64 = 60 * 1_000_000;
/// Minutes between tries. We submit to a server of ours, so the first tries may be close: whatever a
/// destination does, that server bears. RFC 5321 section 4.5.4.1 asks for half an hour and more in the long run,
/// and for four to five days before giving up.
const WAITS: [i64; 8] = [1, 5, 15, 30, 60, 120, 240, 480];
/// After so long it is given up.
const GIVE_UP: i64 = 5 * 24 * 60 * MINUTE;

/// When a notice is tried again.
///
/// `tries` have been made, the first at `first`; the waits are those of [`WAITS`], the last of which repeats,
/// longer by up to a tenth that `salt` decides, so that what failed together does not come back together. `None`
/// after five days.
pub fn next_try(tries: u32, first: Timestamp, now: Timestamp, salt: u64) -> Option<Timestamp> {
    let place = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX);
    let wait = WAITS[place.min(WAITS.len() - 1)] * MINUTE;
    let spread = i64::try_from(salt % 1000).unwrap_or(0);
    let next = now.0 + wait + wait / 10 * spread / 1000;
    (next - first.0 < GIVE_UP).then_some(Timestamp(next))
}

/// What a destination may be asked to bear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Mails a minute.
    pub per_minute: u32,
    /// Of these at once after a pause.
    pub burst: u32,
    /// Connections at the same time.
    pub at_once: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            per_minute: 60,
            burst: 10,
            at_once: 2,
        }
    }
}

/// Whether a mail may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It may; [`Pace::end`] must be called when it is over.
    Now,
    /// It may not before this instant.
    At(Timestamp),
    /// It may when another one of the destination is over.
    WhenOneEnds,
}

/// Limits per destination domain: a bucket of permits that fills with time, and a count of what is under way.
#[derive(Debug, Default)]
pub struct Pace {
    limits: Limits,
    /// Limits of single destinations.
    own: HashMap<String, Limits>,
    buckets: HashMap<String, Bucket>,
}

#[derive(Debug)]
struct Bucket {
    /// Permits in millionths.
    permits: i64,
    at: Timestamp,
    under_way: u32,
}

/// So many destinations are remembered before those that are idle and full are forgotten.
const REMEMBERED: usize = 4096;

impl Pace {
    /// The same limits for all.
    pub fn new(limits: Limits) -> Pace {
        Pace {
            limits,
            ..Pace::default()
        }
    }

    /// Limits of one destination.
    pub fn limit(&mut self, domain: &str, limits: Limits) {
        self.own.insert(domain.to_ascii_lowercase(), limits);
    }

    /// Asks for a permit.
    pub fn start(&mut self, domain: &str, now: Timestamp) -> Start {
        let domain = domain.to_ascii_lowercase();
        let limits = self.own.get(&domain).copied().unwrap_or(self.limits);
        let most = i64::from(limits.burst.max(1)) * 1_000_000;
        if self.buckets.len() >= REMEMBERED {
            let fresh = now.0 - 60 * MINUTE;
            self.buckets
                .retain(|_, bucket| bucket.under_way > 0 || bucket.at.0 > fresh);
        }
        let bucket = self.buckets.entry(domain).or_insert(Bucket {
            permits: most,
            at: now,
            under_way: 0,
        });
        // One permit is a million; so many microseconds of a minute give so many of them.
        let rate = i64::from(limits.per_minute.max(1));
        let passed = (now.0 - bucket.at.0).clamp(0, 60 * MINUTE);
        bucket.permits = (bucket.permits + passed * rate / 60).min(most);
        bucket.at = bucket.at.max(now);
        if bucket.under_way >= limits.at_once.max(1) {
            return Start::WhenOneEnds;
        }
        if bucket.permits < 1_000_000 {
            let missing = 1_000_000 - bucket.permits;
            return Start::At(Timestamp(now.0 + (missing * 60 + rate - 1) / rate));
        }
        bucket.permits -= 1_000_000;
        bucket.under_way += 1;
        Start::Now
    }

    /// Gives the place of a mail back that is over, however it ended.
    pub fn end(&mut self, domain: &str) {
        if let Some(bucket) = self.buckets.get_mut(&domain.to_ascii_lowercase()) {
            bucket.under_way = bucket.under_way.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end_after_five_days() {
        let first = Timestamp(0);
        let (mut now, mut tries, mut waits) = (first, 1, Vec::new());
        while let Some(next) = next_try(tries, first, now, 0) {
            waits.push((next.0 - now.0) / MINUTE);
            (now, tries) = (next, tries + 1);
        }
        assert_eq!(&waits[..9], &[1, 5, 15, 30, 60, 120, 240, 480, 480]);
        assert!(now.0 < GIVE_UP && waits.len() < 25, "{waits:?}");
        let later = next_try(3, first, first, 999).expect("not given up").0;
        assert!(later > 15 * MINUTE && later < 17 * MINUTE);
    }

    #[test]
    fn a_destination_bears_so_much_and_others_are_not_held_up() {
        let mut pace = Pace::new(Limits {
            per_minute: 60,
            burst: 2,
            at_once: 5,
        });
        let now = Timestamp(1_000_000_000);
        assert_eq!(pace.start("example.com", now), Start::Now);
        assert_eq!(pace.start("EXAMPLE.com", now), Start::Now);
        assert_eq!(
            pace.start("example.com", now),
            Start::At(Timestamp(now.0 + 1_000_000))
        );
        assert_eq!(pace.start("example.net", now), Start::Now);
        let later = Timestamp(now.0 + 1_000_000);
        assert_eq!(pace.start("example.com", later), Start::Now);
        pace.limit(
            "example.org",
            Limits {
                at_once: 1,
                ..Limits::default()
            },
        );
        assert_eq!(pace.start("example.org", now), Start::Now);
        assert_eq!(pace.start("example.org", now), Start::WhenOneEnds);
        pace.end("example.org");
        assert_eq!(pace.start("example.org", now), Start::Now);
    }
}
