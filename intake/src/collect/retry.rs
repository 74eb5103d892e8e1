//! When to try again: exponential back-off with full jitter, so that many feeds of one provider do
//! not come back in step, and `Retry-After` (RFC 9110 §10.2.3) where the other side gives it.

use std::sync::Arc;
use std::time::Duration;

use model::time::Timestamp;

/// A source of random numbers, handed down by the binary.
pub type Random = Arc<dyn Fn() -> u64 + Send + Sync>;

/// How often and how patiently.
#[derive(Clone, Copy, Debug)]
pub struct Retries {
    /// Attempts in all, at least one.
    pub attempts: u32,
    /// Upper bound of the first wait.
    pub first: Duration,
    /// Upper bound of every wait.
    pub most: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Retries {
            attempts: 4,
            first: Duration::from_secs(1),
            most: Duration::from_secs(60),
        }
    }
}

impl Retries {
    /// The wait after failure number `failed`, counted from one: any time from nothing to a bound
    /// that doubles.
    pub fn wait(&self, failed: u32, random: &Random) -> Duration {
        let bound = self
            .first
            .saturating_mul(2_u32.saturating_pow(failed.saturating_sub(1)))
            .min(self.most);
        part_of(bound, random())
    }
}

/// A part of a duration, by a random number.
pub fn part_of(whole: Duration, random: u64) -> Duration {
    // The upper 53 bits are what an f64 holds exactly.
    let share = (random >> 11) as f64 / (1_u64 << 53) as f64;
    whole.mul_f64(share)
}

/// Reads `Retry-After`: seconds, or a date. A date that has passed is no wait.
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if value.bytes().all(|b| b.is_ascii_digit()) {
        return value.parse().ok().map(Duration::from_secs);
    }
    let at = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    let micros = at.as_microsecond().saturating_sub(now.0);
    Some(Duration::from_micros(u64::try_from(micros).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_are_jittered() {
        let retries = Retries::default();
        let longest: Random = Arc::new(|| u64::MAX);
        let shortest: Random = Arc::new(|| 0);
        let secs = |failed| retries.wait(failed, &longest).as_secs_f64().round() as u64;
        assert_eq!([secs(1), secs(2), secs(3), secs(4)], [1, 2, 4, 8]);
        assert_eq!([secs(7), secs(40)], [60, 60]);
        assert_eq!(retries.wait(5, &shortest), Duration::ZERO);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = Timestamp(784_111_777_000_000); // Sun, 06 Nov 1994 08:49:37 GMT
        let secs = |text| retry_after(text, now).map(|wait| wait.as_secs());
        assert_eq!(secs("120"), Some(120));
        assert_eq!(secs("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(secs("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!(secs("soon"), None);
        assert_eq!(secs("-1"), None);
    }
}
