//! Values: exact counts that know their sources, and the reasons why there is none.
//!
//! What a frozen week holds; how a value is printed is in [`super::print`], how two compare in
//! [`super::change`].

use serde::{Deserialize, Serialize};

use super::Observed;
use crate::bulletin::Text;

/// How many keys a set of feeds saw between them, each key counted under exactly the feeds that saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCount {
    /// Names of the feeds, sorted.
    pub feeds: Vec<String>,
    /// Keys seen by all of these and no other.
    pub count: u64,
}

/// A count of distinct keys and how it divides by sources.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Distinct keys.
    pub count: u64,
    /// The same count by the set of feeds that saw the key; sorted; empty for imported figures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_sources: Vec<SourceCount>,
}

impl Counted {
    /// A count of which the sources are not known, as in an imported back issue.
    pub fn imported(count: u64) -> Self {
        Counted {
            count,
            by_sources: Vec::new(),
        }
    }

    /// A count from its division by sources; sorts it and adds up equal sets.
    pub fn of(mut by_sources: Vec<SourceCount>) -> Self {
        for part in &mut by_sources {
            part.feeds.sort();
            part.feeds.dedup();
        }
        by_sources.sort_by(|a, b| a.feeds.cmp(&b.feeds));
        by_sources.dedup_by(|b, a| {
            let same = a.feeds == b.feeds;
            if same {
                a.count += b.count;
            }
            same
        });
        by_sources.retain(|part| part.count > 0);
        Counted {
            count: by_sources.iter().map(|part| part.count).sum(),
            by_sources,
        }
    }

    /// The count had only these feeds reported; `None` where the division is not known.
    pub fn over(&self, feeds: &[String]) -> Option<u64> {
        if self.by_sources.is_empty() && self.count > 0 {
            return None;
        }
        let seen = |part: &&SourceCount| part.feeds.iter().any(|feed| feeds.contains(feed));
        Some(
            self.by_sources
                .iter()
                .filter(seen)
                .map(|part| part.count)
                .sum(),
        )
    }

    /// The feeds that contributed, sorted.
    pub fn feeds(&self) -> Vec<String> {
        let mut feeds: Vec<String> = self
            .by_sources
            .iter()
            .flat_map(|part| part.feeds.iter().cloned())
            .collect();
        feeds.sort();
        feeds.dedup();
        feeds
    }

    /// Both together, a key in both counted twice.
    pub fn plus(&self, other: &Counted) -> Counted {
        if (self.by_sources.is_empty() && self.count > 0)
            || (other.by_sources.is_empty() && other.count > 0)
        {
            return Counted::imported(self.count + other.count);
        }
        Counted::of(
            self.by_sources
                .iter()
                .chain(&other.by_sources)
                .cloned()
                .collect(),
        )
    }
}

/// An exact value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Quantity {
    /// A count.
    Count(Counted),
    /// A quotient of two counts.
    Ratio {
        /// Above the line.
        numerator: Counted,
        /// Below the line; its count is not 0.
        denominator: Counted,
        /// What the numerator is, where the value names it (the commonest TLD).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<String>,
    },
    /// Identifiers, largest first.
    Rank {
        /// The identifiers.
        names: Vec<String>,
    },
    /// Identifier of a word.
    Word {
        /// The identifier.
        word: String,
    },
}

impl Quantity {
    /// The count, of a count.
    pub fn count(&self) -> Option<&Counted> {
        match self {
            Quantity::Count(counted) => Some(counted),
            _ => None,
        }
    }

    /// The same quantity had only these feeds reported; `None` where it cannot be said.
    pub fn over(&self, feeds: &[String]) -> Option<(u64, Option<u64>)> {
        match self {
            Quantity::Count(counted) => Some((counted.over(feeds)?, None)),
            Quantity::Ratio {
                numerator,
                denominator,
                ..
            } => Some((numerator.over(feeds)?, Some(denominator.over(feeds)?))),
            Quantity::Rank { .. } | Quantity::Word { .. } => None,
        }
    }
}

/// Why a value is not available. Never printed as 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Missing {
    /// No active feed brings such events.
    NoSource {
        /// What would be needed.
        observed: Observed,
    },
    /// Feeds bring such events, but none with a value in this field.
    NoField {
        /// Column of the lake.
        field: String,
    },
    /// The feeds that bring such events reported nothing in the week.
    NoReport {
        /// Their names.
        feeds: Vec<String>,
    },
    /// Too few earlier weeks are stored.
    ShortHistory {
        /// Weeks stored.
        weeks: u32,
        /// Weeks needed.
        needed: u32,
    },
    /// No incident was ever handled in Watchfire up to the end of the week.
    NotBegun,
    /// There is nothing to take a share of.
    EmptyWhole,
    /// Too few of what is measured has come to its end.
    TooFew,
    /// It follows from statistics that are not available.
    DependsOn {
        /// Their identifiers.
        statistics: Vec<String>,
    },
    /// The figure is not in the imported source.
    NotInSource,
    /// So few that it could name a victim, or needed to derive such a figure.
    Suppressed,
}

impl Missing {
    /// As printed.
    pub fn text(&self) -> Text {
        match self {
            Missing::NoSource { observed } => Text::new(
                format!("没有在用的数据源提供{}", observed.words().zh),
                format!("no active source brings {}", observed.words().en),
            ),
            Missing::NoField { field } => Text::new(
                format!("在用的数据源未提供所需字段 {field}"),
                format!("no active source or table fills the field {field}"),
            ),
            Missing::NoReport { feeds } => Text::new(
                format!("本周没有收到{}的数据", feeds.join("、")),
                format!("no report of {} this week", feeds.join(", ")),
            ),
            Missing::ShortHistory { weeks, needed } => Text::new(
                format!("历史数据只有{weeks}周，不足{needed}周"),
                format!("only {weeks} earlier weeks are stored, {needed} are needed"),
            ),
            Missing::NotBegun => Text::new(
                "本系统尚未处置过事件",
                "no incident has been handled here yet",
            ),
            Missing::EmptyWhole => Text::new(
                "没有可计算占比的对象",
                "there is nothing to take a share of",
            ),
            Missing::TooFew => Text::new(
                "已结束的太少，尚不能测算",
                "too few have ended to measure it",
            ),
            Missing::DependsOn { statistics } => Text::new(
                format!("所依据的指标{}不可用", statistics.join("、")),
                format!("it follows from {}, not available", statistics.join(", ")),
            ),
            Missing::NotInSource => Text::new("来源中没有该数", "not in the source"),
            Missing::Suppressed => Text::new(
                "数量过小，可能指向受害方，不予公布",
                "suppressed: so few that it could name a victim, or needed to protect such a figure",
            ),
        }
    }
}

/// A value or the reason why there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "availability", rename_all = "kebab-case")]
pub enum Measured {
    /// There is a value.
    Available {
        /// The value.
        quantity: Quantity,
    },
    /// There is none.
    NotAvailable {
        /// Why.
        reason: Missing,
    },
}

impl Measured {
    /// The feeds that contributed, sorted.
    pub fn contributors(&self) -> Vec<String> {
        match self.quantity() {
            Some(Quantity::Count(counted)) => counted.feeds(),
            Some(Quantity::Ratio { denominator, .. }) => denominator.feeds(),
            _ => Vec::new(),
        }
    }

    /// The value, where there is one.
    pub fn quantity(&self) -> Option<&Quantity> {
        match self {
            Measured::Available { quantity } => Some(quantity),
            Measured::NotAvailable { .. } => None,
        }
    }

    /// The count, of an available count.
    pub fn count(&self) -> Option<&Counted> {
        self.quantity().and_then(Quantity::count)
    }

    /// The reason, where there is no value.
    pub fn missing(&self) -> Option<&Missing> {
        match self {
            Measured::Available { .. } => None,
            Measured::NotAvailable { reason } => Some(reason),
        }
    }
}

/// A part of a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartValue {
    /// Follows the statistic's id and `/`: `union`, `440000`, `com`.
    pub id: String,
    /// The value.
    pub measured: Measured,
}

/// The value of a statistic for one week, as it is frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatisticValue {
    /// Identifier of the statistic.
    pub statistic: String,
    /// Version of its definition.
    pub version: u32,
    /// The value or why there is none.
    pub measured: Measured,
    /// Feeds that supply the statistic, sorted, whether or not they saw anything this week.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Further values, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartValue>,
}

impl StatisticValue {
    /// The value of a part.
    pub fn part(&self, id: &str) -> Option<&Measured> {
        self.parts
            .iter()
            .find(|part| part.id == id)
            .map(|part| &part.measured)
    }
}

/// How much of a feed's week arrived. Made by whoever knows the reports; statistics only read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedCoverage {
    /// Name of the feed.
    pub feed: String,
    /// As readers know it ([`crate::feed::Feed::printed`]); empty: by its name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Days (or deliveries, where the feed is not daily) expected in the week.
    pub expected_days: u32,
    /// Of these, covered by a report.
    pub seen_days: u32,
    /// Reports received for the week.
    pub reports: u32,
    /// The source, its schema or its entry changed so that the week does not compare with the one before.
    pub changed: bool,
    /// Days that are missing, where they can be named, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<jiff::civil::Date>,
    /// A list that comes more seldom than weekly stands from an earlier week: it is owed nothing, and none of its
    /// records lies in this week, so that what it brings in another week does not compare with this one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub standing: bool,
}

impl FeedCoverage {
    /// The name that is printed.
    pub fn printed(&self) -> &str {
        match self.title.as_str() {
            "" => &self.feed,
            title => title,
        }
    }

    /// Everything expected arrived.
    pub fn complete(&self) -> bool {
        self.seen_days >= self.expected_days
    }
}
