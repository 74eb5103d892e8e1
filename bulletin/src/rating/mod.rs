//! The rating: from a week's values and the weeks before to a proposed level with its full working.
//!
//! Two kinds of [`Profile`] (files under `profiles/`): *baseline* compares each indicator with the
//! median of the weeks before, *linear* adds weighted values up. Both are pure functions; a person
//! confirms or overrides what they propose.
//!
//! Silence never improves a rating. An indicator whose sources were not all complete is compared
//! like for like: this week and every week of its baseline over the same complete sources. Besides,
//! the score is worked out a second time as if every silent source had brought a multiple of the most
//! it ever added in the baseline; if that would be a worse level, the week is *not assessed*.

mod baseline;
pub mod profile;

pub use baseline::propose;
pub use profile::{DEFAULT_RATING, DEFAULT_VULNERABILITY, Profile, ProfileKind};

use model::bulletin::{Decimal, Text};
use model::statistic::{FeedCoverage, Missing, StatisticValue};
use serde::{Deserialize, Serialize};

/// A grade of an infrastructure event that can cap a rating: 1 特别重大 to 4 一般.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Infrastructure {
    /// Identifier in the ledger.
    pub id: String,
    /// Name.
    pub name: Text,
    /// Place.
    pub place: Text,
    /// `nation` or the GB/T 2260 code of a province.
    pub scope: String,
    /// 1 特别重大, 2 重大, 3 较大, 4 一般.
    pub grade: u8,
    /// Start, microseconds UTC.
    pub start_at: i64,
    /// End, microseconds UTC; `None` while it goes on.
    pub end_at: Option<i64>,
    /// Effect.
    pub effect: Text,
}

impl Infrastructure {
    /// The printed word of the grade.
    pub fn grade_words(&self) -> Text {
        match self.grade {
            1 => Text::new("特别重大", "extremely serious"),
            2 => Text::new("重大", "serious"),
            3 => Text::new("较大", "relatively serious"),
            _ => Text::new("一般", "ordinary"),
        }
    }
}

/// A week as the rating sees it.
#[derive(Clone, Copy, Debug)]
pub struct RatedWeek<'a> {
    /// Its values.
    pub values: &'a [StatisticValue],
    /// What arrived of its feeds.
    pub coverage: &'a [FeedCoverage],
}

impl<'a> RatedWeek<'a> {
    fn value(&self, id: &str) -> Option<&'a StatisticValue> {
        self.values.iter().find(|value| value.statistic == id)
    }
}

/// Why a week is not assessed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Unassessed {
    /// Too few earlier weeks are stored.
    ShortBaseline {
        /// Stored.
        weeks: usize,
        /// Needed.
        needed: usize,
    },
    /// Too little of the weight is available.
    LittleWeight {
        /// Available, in per cent of all weight.
        percent: u32,
        /// Needed, in per cent.
        needed: u32,
    },
    /// Sources were silent whose figures could make it worse.
    Silence {
        /// The sources.
        feeds: Vec<String>,
        /// Level without them.
        at_best: u8,
        /// Level if they brought the most that is likely.
        at_worst: u8,
    },
    /// No indicator is available.
    Nothing,
}

impl Unassessed {
    /// As printed; the words of the levels come from the profile.
    pub fn text(&self, words: &[Text]) -> Text {
        let word = |level: u8| {
            words
                .get(usize::from(level).saturating_sub(1))
                .cloned()
                .unwrap_or_default()
        };
        match self {
            Unassessed::ShortBaseline { weeks, needed } => Text::new(
                format!("可比的历史周只有{weeks}周，不足{needed}周"),
                format!("only {weeks} comparable earlier weeks, {needed} are needed"),
            ),
            Unassessed::LittleWeight { percent, needed } => Text::new(
                format!("可用指标只占权重的{percent}%，不足{needed}%"),
                format!(
                    "the available indicators hold {percent}% of the weight, {needed}% are needed"
                ),
            ),
            Unassessed::Silence {
                feeds,
                at_best,
                at_worst,
            } => Text::new(
                format!(
                    "数据源{}不完整或有变化，级别可能在“{}”与“{}”之间",
                    feeds.join("、"),
                    word(*at_best).zh,
                    word(*at_worst).zh
                ),
                format!(
                    "sources {} were incomplete or changed: the level may lie anywhere from {} to {}",
                    feeds.join(", "),
                    word(*at_best).en,
                    word(*at_worst).en
                ),
            ),
            Unassessed::Nothing => Text::new("没有可用的指标", "no indicator is available"),
        }
    }
}

/// Why an indicator does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Uncounted {
    /// It is not available this week.
    NotAvailable {
        /// Why.
        reason: Missing,
    },
    /// Too few comparable weeks.
    FewWeeks {
        /// There are.
        weeks: usize,
    },
    /// None of its sources was complete.
    NoCompleteSource,
}

impl Uncounted {
    /// As printed.
    pub fn text(&self) -> Text {
        match self {
            Uncounted::NotAvailable { reason } => reason.text(),
            Uncounted::FewWeeks { weeks } => Text::new(
                format!("可比的历史周只有{weeks}周"),
                format!("only {weeks} comparable earlier weeks"),
            ),
            Uncounted::NoCompleteSource => Text::new("没有完整的来源", "no source was complete"),
        }
    }
}

/// One indicator's line of the working.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndicatorWorking {
    /// The statistic.
    pub statistic: String,
    /// This week's count, over the sources compared.
    pub this: Option<u64>,
    /// Twice the median of the baseline (medians of whole numbers are halves).
    pub median_doubled: Option<u64>,
    /// Weeks of the baseline that compare.
    pub weeks: usize,
    /// ln(this / median), four decimals.
    pub ln_ratio: Option<Decimal>,
    /// Weight after renormalisation, four decimals; 0 where it does not count.
    pub weight: Decimal,
    /// Weight times ln ratio, or times value, four decimals.
    pub contribution: Option<Decimal>,
    /// Why it does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncounted: Option<Uncounted>,
    /// Set when it is compared over these sources only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Vec<String>>,
}

/// A gate and whether it held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateWorking {
    /// What it looks at.
    pub name: Text,
    /// The best level it allows.
    pub cap: u8,
    /// Whether it held.
    pub applied: bool,
}

/// A proposed rating with its full working; frozen with the issue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rating {
    /// Profile.
    pub profile: String,
    /// Its version.
    pub profile_version: u32,
    /// Words of the levels, best (or lowest) first.
    pub words: Vec<Text>,
    /// Cuts, upper bounds of all levels but the last.
    pub cuts: Vec<Decimal>,
    /// The level from 1, or why there is none.
    pub outcome: Outcome,
    /// Score, four decimals.
    pub score: Option<Decimal>,
    /// Level by score alone.
    pub by_score: Option<u8>,
    /// One line an indicator, in the order of the profile.
    pub indicators: Vec<IndicatorWorking>,
    /// The gates.
    pub gates: Vec<GateWorking>,
}

/// A level or the reason why there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// Assessed.
    Assessed {
        /// From 1, the best (or lowest).
        level: u8,
    },
    /// Not assessed.
    NotAssessed {
        /// Why.
        reason: Unassessed,
    },
}

impl Rating {
    /// The level, where there is one.
    pub fn level(&self) -> Option<u8> {
        match self.outcome {
            Outcome::Assessed { level } => Some(level),
            Outcome::NotAssessed { .. } => None,
        }
    }

    /// The printed word of the level.
    pub fn word(&self) -> Option<&Text> {
        self.words.get(usize::from(self.level()?) - 1)
    }
}
