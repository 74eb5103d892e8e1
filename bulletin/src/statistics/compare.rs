//! Over which sources two weeks compare: an outage must never print as an improvement.
//!
//! A change is computed over all sources of a statistic only if every one of them was complete and
//! unchanged in both weeks. Otherwise it is computed over those that were, from the division by
//! sources that both frozen values carry; and where none was, the weeks do not compare.

use model::statistic::{Basis, Change, FeedCoverage, Incomparable, Measured, Statistic, StatisticValue, change};

/// A value and what arrived of its sources in its week.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// The value.
    pub value: &'a StatisticValue,
    /// Coverage of the week's feeds.
    pub coverage: &'a [FeedCoverage],
}

impl Side<'_> {
    /// Whether a feed supplied the statistic in full.
    pub fn complete(&self, feed: &str) -> bool {
        self.value.sources.iter().any(|source| source == feed)
            && self.coverage.iter().any(|coverage| coverage.feed == feed && coverage.complete() && !coverage.changed)
    }

    /// Feeds of the statistic, and how many of them were complete.
    pub fn completeness(&self) -> (u32, u32) {
        let complete = self.value.sources.iter().filter(|feed| self.complete_days(feed)).count();
        (complete as u32, self.value.sources.len() as u32)
    }

    fn complete_days(&self, feed: &str) -> bool {
        self.coverage.iter().any(|coverage| coverage.feed == feed && coverage.complete())
    }
}

/// The feeds of the statistic that were complete and unchanged in both weeks, sorted; `None` where
/// that is all of them.
pub fn common_sources(this: Side<'_>, last: Side<'_>) -> Option<Vec<String>> {
    let mut feeds: Vec<String> = this.value.sources.iter().chain(&last.value.sources).cloned().collect();
    feeds.sort();
    feeds.dedup();
    let common: Vec<String> =
        feeds.iter().filter(|feed| this.complete(feed) && last.complete(feed)).cloned().collect();
    (common.len() < feeds.len()).then_some(common)
}

/// The change of a statistic, or of one of its parts, against last week's frozen value.
pub fn change_of(statistic: &Statistic, part: Option<&str>, this: Side<'_>, last: Option<Side<'_>>) -> Change {
    let Some(last) = last.filter(|_| statistic.compared) else { return Change::omitted() };
    let pick = |side: Side<'_>| -> Option<Measured> {
        match part {
            Some(id) => side.value.part(id).cloned(),
            None => Some(side.value.measured.clone()),
        }
    };
    let Some(now) = pick(this).as_ref().and_then(Measured::count).cloned() else { return Change::omitted() };
    let Some(then) = pick(last).as_ref().and_then(Measured::count).cloned() else {
        return Change::not_comparable(Incomparable::NotAvailableThen);
    };
    if this.value.version != last.value.version {
        return Change::not_comparable(Incomparable::Definition);
    }
    // An imported back issue carries no sources: it is compared as printed, if this week is complete.
    if last.value.sources.is_empty() && then.by_sources.is_empty() && then.count > 0 {
        let all = this.value.sources.iter().all(|feed| this.complete(feed));
        return if all { change(&now, &then, Basis::All) } else { Change::not_comparable(Incomparable::UnknownSources) };
    }
    match common_sources(this, last) {
        None => change(&now, &then, Basis::All),
        Some(common) => change(&now, &then, Basis::Over(&common)),
    }
}
