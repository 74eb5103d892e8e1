//! What a transport remembers of a feed between two fetches. The caller keeps it as JSON and stores
//! it only after the deliveries are archived: a crash in between fetches them once more, and
//! ingesting the same bytes again changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::retry::{Random, part_of};

/// Longest time that a failing feed is left alone, however long its interval.
const LONGEST_REST: Duration = Duration::from_secs(6 * 3600);
/// Bound of the first rest after a failed fetch.
const FIRST_REST: Duration = Duration::from_secs(60);

/// A feed's state. Everything is optional: an empty state fetches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FetchState {
    /// What the rest belongs to: transport and place as written. Where the entry changes, the rest
    /// is void.
    pub of: String,
    /// `ETag` of the last answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// `Last-Modified` of the last answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// TAXII: `X-TAXII-Date-Added-Last` of the last page of all; what was added after it is new.
    /// Shadowserver: the day of the last complete list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub added_after: Option<String>,
    /// TAXII: the page to go on with where a batch ended between two pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// What was delivered, by name, with its version: S3 keys with their entity tag, MISP events
    /// with their timestamp, Shadowserver reports, mails.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub seen: BTreeMap<String, String>,
    /// Redis: number of the last batch that was delivered and may be removed there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<u64>,
    /// Failed fetches since the last good one.
    #[serde(skip_serializing_if = "is_zero")]
    pub failures: u32,
    /// Not to be fetched before, microseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl FetchState {
    /// The state to start from: this one, or an empty one if the entry has another place by now.
    pub fn of_place(&self, place: &str) -> FetchState {
        if self.of == place {
            return self.clone();
        }
        FetchState {
            of: place.to_owned(),
            ..FetchState::default()
        }
    }

    /// Whether the feed may be fetched at `now`.
    pub fn due(&self, now: Timestamp) -> bool {
        self.not_before.is_none_or(|at| at <= now)
    }

    /// After a good fetch: next one after the interval, or at once where there is more.
    pub fn succeeded(mut self, now: Timestamp, interval: Duration, more: bool) -> FetchState {
        self.failures = 0;
        self.not_before = (!more).then(|| later(now, interval));
        self
    }

    /// After a failed fetch: what was delivered stands, and the feed rests alone, for a time that
    /// doubles from a minute up to the interval or six hours, with jitter in its upper half; longer
    /// where the other side asks for it.
    pub fn failed(
        &self,
        failure: &Failure,
        now: Timestamp,
        interval: Duration,
        random: &Random,
    ) -> FetchState {
        let mut state = self.clone();
        state.failures = state.failures.saturating_add(1);
        let bound = FIRST_REST
            .saturating_mul(2_u32.saturating_pow(state.failures.saturating_sub(1)))
            .min(interval.max(FIRST_REST))
            .min(LONGEST_REST);
        let rest = bound / 2 + part_of(bound / 2, random());
        let asked = failure
            .retry_after
            .unwrap_or_default()
            .min(interval.max(LONGEST_REST));
        state.not_before = Some(later(now, rest.max(asked)));
        state
    }

    /// Forgets what the other side no longer lists, so that the state does not grow for ever.
    pub fn keep_only(&mut self, listed: &BTreeSet<String>) {
        self.seen.retain(|name, _| listed.contains(name));
    }
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    let micros = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
    Timestamp(now.0.saturating_add(micros))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::failure::Kind;
    use super::*;

    #[test]
    fn a_failing_feed_rests_longer_each_time_and_a_good_fetch_ends_it() {
        let now = Timestamp(1_000_000_000);
        let day = Duration::from_secs(86_400);
        let random: Random = Arc::new(|| u64::MAX);
        let failure = Failure::new(Kind::Unreachable, "no connection");
        let mut state = FetchState::default();
        assert!(state.due(now));
        let mut rests = Vec::new();
        for _ in 0..12 {
            state = state.failed(&failure, now, day, &random);
            rests.push((state.not_before.unwrap().0 - now.0) / 1_000_000);
        }
        assert_eq!(rests[..4], [60, 120, 240, 480]);
        assert_eq!(rests[11], 6 * 3600);
        assert!(!state.due(now));
        state = state.succeeded(now, day, false);
        assert_eq!(state.failures, 0);
        assert!(!state.due(now) && state.due(Timestamp(now.0 + 86_400_000_000)));
        assert!(state.succeeded(now, day, true).due(now));
    }

    #[test]
    fn the_other_side_may_ask_for_more_rest() {
        let mut failure = Failure::new(Kind::Status(429), "too many requests");
        failure.retry_after = Some(Duration::from_secs(1800));
        let state = FetchState::default().failed(
            &failure,
            Timestamp(0),
            Duration::from_secs(600),
            &(Arc::new(|| 0_u64) as Random),
        );
        assert_eq!(state.not_before, Some(Timestamp(1_800_000_000)));
    }

    #[test]
    fn another_place_voids_the_state_and_json_keeps_it() {
        let mut state = FetchState::default().of_place("http https://feeds.example.net/list");
        state.etag = Some("\"1\"".to_owned());
        state.seen.insert("a".to_owned(), "1".to_owned());
        let json = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<FetchState>(&json).unwrap(), state);
        assert_eq!(state.of_place("http https://feeds.example.net/list"), state);
        assert_eq!(
            state.of_place("http https://feeds.example.org/list").etag,
            None
        );
    }
}
