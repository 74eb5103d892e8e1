//! Over which sources two weeks compare: an outage must never print as an improvement.
//!
//! A change is computed over all sources of a statistic only if every one of them was complete and
//! unchanged in both weeks. Otherwise it is computed over those that were, from the division by
//! sources that both frozen values carry; and where none was, the weeks do not compare. A list that comes
//! more seldom than weekly compares only between weeks in which it came: its pause is no fall.

use model::statistic::{
    Basis, Change, FeedCoverage, Incomparable, Measured, Statistic, StatisticValue, change,
};

/// A value and what arrived of its sources in its week.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// The value.
    pub value: &'a StatisticValue,
    /// Coverage of the week's feeds.
    pub coverage: &'a [FeedCoverage],
}

impl Side<'_> {
    /// Whether a feed supplied the statistic in full and its records lie in the week.
    pub fn complete(&self, feed: &str) -> bool {
        self.supplies(feed) && self.arrived(feed, comparable)
    }

    /// Whether a feed that supplies the statistic owes nothing for the week.
    pub fn owes_nothing(&self, feed: &str) -> bool {
        self.supplies(feed) && self.arrived(feed, |coverage| !coverage.changed)
    }

    fn supplies(&self, feed: &str) -> bool {
        self.value.sources.iter().any(|source| source == feed)
    }

    fn arrived(&self, feed: &str, so: impl Fn(&FeedCoverage) -> bool) -> bool {
        self.coverage
            .iter()
            .any(|coverage| coverage.feed == feed && coverage.complete() && so(coverage))
    }

    /// The statistic itself or one of its parts.
    fn pick(&self, part: Option<&str>) -> Option<&Measured> {
        match part {
            Some(id) => self.value.part(id),
            None => Some(&self.value.measured),
        }
    }

    /// Feeds of the statistic: its suppliers. Feeds of a part: those that contributed, for a part may
    /// count what feeds bring that cannot supply the statistic itself.
    fn feeds(&self, part: Option<&str>) -> Vec<String> {
        match part.and_then(|_| self.pick(part)) {
            Some(measured) => measured.contributors(),
            None => self.value.sources.clone(),
        }
    }

    /// How many feeds of the statistic or part were complete, of how many.
    pub fn completeness(&self, part: Option<&str>) -> (u32, u32) {
        let feeds = self.feeds(part);
        let complete = feeds
            .iter()
            .filter(|feed| self.arrived(feed, |_| true))
            .count();
        (complete as u32, feeds.len() as u32)
    }
}

/// Whether a week's records of a feed compare with another week's.
fn comparable(coverage: &FeedCoverage) -> bool {
    !coverage.changed && !coverage.standing
}

/// The feeds that were complete and unchanged in both weeks, sorted; `None` where that is all of them.
fn common_sources(part: Option<&str>, this: Side<'_>, last: Side<'_>) -> Option<Vec<String>> {
    let mut feeds = this.feeds(part);
    feeds.extend(last.feeds(part));
    feeds.sort();
    feeds.dedup();
    let whole = |side: Side<'_>, feed: &str| match part {
        // A statistic knows its suppliers; one that was none in a week is new or gone.
        None => side.complete(feed),
        Some(_) => side.arrived(feed, comparable),
    };
    let common: Vec<String> = feeds
        .iter()
        .filter(|feed| whole(this, feed) && whole(last, feed))
        .cloned()
        .collect();
    (common.len() < feeds.len()).then_some(common)
}

/// The change of a statistic, or of one of its parts, against last week's frozen value.
pub fn change_of(
    statistic: &Statistic,
    part: Option<&str>,
    this: Side<'_>,
    last: Option<Side<'_>>,
) -> Change {
    let Some(last) = last.filter(|_| statistic.compared) else {
        return Change::omitted();
    };
    let Some(now) = this.pick(part).and_then(Measured::count) else {
        return Change::omitted();
    };
    let Some(then) = last.pick(part).and_then(Measured::count) else {
        return Change::not_comparable(Incomparable::NotAvailableThen);
    };
    if this.value.version != last.value.version {
        return Change::not_comparable(Incomparable::Definition);
    }
    // An imported back issue carries no sources: it is compared as printed, if this week is complete.
    if last.value.sources.is_empty() && then.by_sources.is_empty() && then.count > 0 {
        let all = this
            .feeds(part)
            .iter()
            .all(|feed| this.arrived(feed, comparable));
        return if all {
            change(now, then, Basis::All)
        } else {
            Change::not_comparable(Incomparable::UnknownSources)
        };
    }
    match common_sources(part, this, last) {
        None => change(now, then, Basis::All),
        Some(common) => change(now, then, Basis::Over(&common)),
    }
}
