//! How often something may be asked for: by source and by what it is about. Allowances fill up evenly by the clock that
//! is handed down; they are of this process and forgotten with it, so what must hold for longer is counted in the
//! ledger as well.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Semaphore;

use crate::refusal::Refusal;

/// Keys that are kept; beyond it those whose allowance is full again are forgotten first.
const KEPT: usize = 50_000;
/// Pictures that are decoded at the same time: each may take some 100 MB.
const DECODING: usize = 2;

/// So many in so long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    /// What is limited; part of the key.
    pub(crate) what: &'static str,
    /// How many at most at once.
    pub(crate) most: u32,
    /// In which all of them fill up again, microseconds.
    pub(crate) per: i64,
}

/// By what and whose: how much is left, and since when.
type Left = HashMap<(&'static str, String), (f64, i64)>;

/// What is left of the allowances.
pub(crate) struct Limits {
    left: Mutex<Left>,
    pub(crate) decoding: Semaphore,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            left: Mutex::default(),
            decoding: Semaphore::new(DECODING),
        }
    }
}

impl Limits {
    /// Takes one off the allowance of a key.
    ///
    /// # Errors
    /// [`Refusal::TooMany`], with the seconds until one is left.
    pub(crate) fn spend(&self, limit: Limit, key: &str, now: i64) -> Result<(), Refusal> {
        let most = f64::from(limit.most.max(1));
        let a_micro = most / limit.per.max(1) as f64;
        let mut all = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEPT {
            all.retain(|_, (_, at)| now - *at < limit.per);
            if all.len() >= KEPT {
                let mut nth = 0;
                all.retain(|_, _| {
                    nth += 1;
                    nth % 2 == 0
                });
            }
        }
        let (left, at) = all
            .entry((limit.what, key.to_owned()))
            .or_insert((most, now));
        *left = (*left + (now - *at).max(0) as f64 * a_micro).min(most);
        *at = now;
        if *left < 1.0 {
            let wait = ((1.0 - *left) / a_micro / 1_000_000.0).ceil() as u64;
            return Err(Refusal::TooMany(wait.max(1)));
        }
        *left -= 1.0;
        Ok(())
    }
}

/// The key of a source: its address; of IPv6 the network of 64 bits, which is one customer's.
pub(crate) fn source_key(source: &str) -> String {
    match source.parse::<IpAddr>() {
        Ok(IpAddr::V6(ip)) => {
            let part = ip.segments();
            format!("{:x}:{:x}:{:x}:{:x}", part[0], part[1], part[2], part[3])
        }
        _ => source.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit {
        what: "test",
        most: 3,
        per: 60_000_000,
    };

    #[test]
    fn an_allowance_is_spent_alone_and_fills_up_evenly() {
        let limits = Limits::default();
        for _ in 0..3 {
            assert!(limits.spend(LIMIT, "a", 0).is_ok());
        }
        assert!(matches!(
            limits.spend(LIMIT, "a", 0),
            Err(Refusal::TooMany(20))
        ));
        assert!(limits.spend(LIMIT, "b", 0).is_ok());
        assert!(limits.spend(LIMIT, "a", 20_000_000).is_ok());
        assert!(limits.spend(LIMIT, "a", 20_000_000).is_err());
        // A clock that goes back fills nothing and takes nothing.
        assert!(limits.spend(LIMIT, "b", -60_000_000).is_ok());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let limits = Limits::default();
        for n in 0..(KEPT + 10) {
            let _ = limits.spend(LIMIT, &n.to_string(), 0);
        }
        assert!(limits.left.lock().unwrap().len() <= KEPT);
    }

    #[test]
    fn neighbours_of_one_network_are_one_source() {
        assert_eq!(
            source_key("2001:db8:1:2:3::4"),
            source_key("2001:db8:1:2::9")
        );
        assert_ne!(source_key("2001:db8:1:2::"), source_key("2001:db8:1:3::"));
        assert_eq!(source_key("192.0.2.1"), "192.0.2.1");
    }
}
