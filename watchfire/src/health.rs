//! How each feed is: when it last gave what was asked of it, when and why it failed, whether it rests,
//! and whether the last run brought as much as runs usually do. `feeds health` prints it, the serving
//! process measures it.
//!
//! What is remembered of a feed's runs is one setting of the ledger, bounded in size; whoever runs a
//! feed writes it ([`record`]).

use intake::Source;
use ledger::{FeedTotals, Ledger};
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::asking;

/// Runs whose rows are remembered.
const RUNS: usize = 12;
/// Runs that must be known, the last one aside, before there is a usual.
const KNOWN: usize = 3;
/// A run with less than this part of the usual rows is worth a word, where the usual is not small.
const FEW: u64 = 10;
/// Rows below which a usual says nothing.
const SMALL: u64 = 20;

/// A feed is late when twice its interval has passed and so many seconds: one interval may pass before
/// it is asked, another by its jitter and a try that failed, and a transfer takes its time.
const GRACE_SECS: u64 = 300;

/// What is remembered of a feed's runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Runs {
    /// End of the last run that ended well, whether it brought something or not.
    pub last_success: Option<Timestamp>,
    /// End of the last run that failed.
    pub last_failure: Option<Timestamp>,
    /// Why it failed; kept after a success, for whoever looks later.
    pub error: Option<String>,
    /// Failed runs since the last good one.
    pub failures: u32,
    /// Rows of the last runs that brought new reports, the newest last.
    pub rows: Vec<u64>,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It ended well; the rows of its new reports, if there were some.
    Good(Option<u64>),
    /// It failed.
    Failed(String),
}

fn key(feed: &str) -> String {
    format!("runs.{feed}")
}

/// What is remembered of a feed.
///
/// # Errors
/// The ledger.
pub async fn runs(ledger: &Ledger, feed: &str) -> ledger::Result<Runs> {
    Ok(ledger.setting(&key(feed)).await?.unwrap_or_default())
}

/// Remembers a run; what is remembered then.
///
/// # Errors
/// The ledger.
pub async fn record(
    ledger: &Ledger,
    feed: &str,
    outcome: Outcome,
    now: Timestamp,
) -> ledger::Result<Runs> {
    let mut runs = runs(ledger, feed).await?;
    match outcome {
        Outcome::Good(rows) => {
            runs.last_success = Some(now);
            runs.failures = 0;
            runs.rows.extend(rows);
            let surplus = runs.rows.len().saturating_sub(RUNS);
            runs.rows.drain(..surplus);
        }
        Outcome::Failed(error) => {
            runs.last_failure = Some(now);
            runs.failures = runs.failures.saturating_add(1);
            runs.error = Some(error);
        }
    }
    ledger.set_setting(&key(feed), &runs).await?;
    Ok(runs)
}

/// Forgets the failures of a feed that is well again although nothing came: its folder can be read,
/// its port is open.
///
/// # Errors
/// The ledger.
pub async fn mended(ledger: &Ledger, feed: &str) -> ledger::Result<()> {
    let mut runs = runs(ledger, feed).await?;
    if runs.failures > 0 {
        runs.failures = 0;
        ledger.set_setting(&key(feed), &runs).await?;
    }
    Ok(())
}

impl Runs {
    /// The median of the runs before the last, where enough are known.
    pub fn usual(&self) -> Option<u64> {
        let (_, earlier) = self.rows.split_last()?;
        let mut earlier = earlier.to_vec();
        earlier.sort_unstable();
        (earlier.len() >= KNOWN).then(|| earlier[earlier.len() / 2])
    }
}

/// Time in which a feed is expected to give something, seconds.
pub fn interval_secs(source: &Source) -> u64 {
    match &source.feed.fetch {
        Some(fetch) if asking::is_asked(source) => fetch.interval_secs,
        _ => u64::from(source.feed.every_days) * 86_400,
    }
}

/// How a feed is.
#[derive(Clone, Debug)]
pub struct Health {
    /// Its name.
    pub feed: String,
    /// When it last gave what was asked of it, or a report of it came.
    pub last_success: Option<Timestamp>,
    /// Seconds since then.
    pub lag_secs: Option<u64>,
    /// Seconds in which it is expected to.
    pub interval_secs: u64,
    /// When it last failed.
    pub last_failure: Option<Timestamp>,
    /// Why it failed last.
    pub error: Option<String>,
    /// Until when it is left alone, while it fails.
    pub resting_until: Option<Timestamp>,
    /// Rows of the last run that brought something.
    pub last_rows: Option<u64>,
    /// Rows that such runs usually have.
    pub usual_rows: Option<u64>,
    /// Failed runs since the last good one.
    pub failures: u32,
    /// Whether something should have come by now.
    pub late: bool,
    /// What is wrong; empty if nothing is.
    pub findings: Vec<String>,
}

/// How a feed is at `now`; `totals` are those of its reports, if it has some.
///
/// # Errors
/// The ledger.
pub async fn of(
    ledger: &Ledger,
    source: &Source,
    totals: Option<&FeedTotals>,
    now: Timestamp,
) -> ledger::Result<Health> {
    let feed = &source.feed.name;
    let runs = runs(ledger, feed).await?;
    let state = asking::remembered(ledger, feed).await?;
    let received = totals.map(|totals| Timestamp(totals.last_received_at));
    let last_success = match asking::is_asked(source) {
        true => runs.last_success,
        // Files and pushed reports come by themselves: what counts is that one came.
        false => received.max(runs.last_success),
    };
    let lag_secs = last_success.map(|at| lag(at, now));
    let interval_secs = interval_secs(source);
    let failures = runs.failures.max(state.failures);
    let resting_until = state.not_before.filter(|_| state.failures > 0);
    let (last_rows, usual_rows) = (runs.rows.last().copied(), runs.usual());
    let mut findings = Vec::new();
    if failures > 0 {
        findings.push(format!(
            "failing: {}",
            runs.error.as_deref().unwrap_or("no reason is known")
        ));
    }
    let most = interval_secs.saturating_mul(2).saturating_add(GRACE_SECS);
    let late = lag_secs.is_some_and(|lag| lag > most);
    match lag_secs {
        None => findings.push("nothing came yet".to_owned()),
        Some(_) if late => findings.push("late".to_owned()),
        Some(_) => {}
    }
    if let (Some(last), Some(usual)) = (last_rows, usual_rows)
        && usual >= SMALL
        && last < usual / FEW
    {
        findings.push(format!("few rows: {last} where {usual} are usual"));
    }
    Ok(Health {
        feed: feed.clone(),
        last_success,
        lag_secs,
        interval_secs,
        last_failure: runs.last_failure,
        error: runs.error,
        resting_until,
        last_rows,
        usual_rows,
        failures,
        late,
        findings,
    })
}

/// Seconds from `at` to `now`.
pub fn lag(at: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.0.saturating_sub(at.0) / 1_000_000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_is_the_median_of_the_runs_before() {
        let with = |rows: &[u64]| Runs {
            rows: rows.to_vec(),
            ..Runs::default()
        };
        assert_eq!(with(&[]).usual(), None);
        assert_eq!(with(&[100, 100, 1]).usual(), None, "two say nothing yet");
        assert_eq!(with(&[90, 5000, 100, 1]).usual(), Some(100));
    }
}
