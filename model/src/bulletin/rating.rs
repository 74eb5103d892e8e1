//! The rating as it is printed: the word, the reason, and the whole working behind it.
//!
//! Nothing is computed here. Levels are 1 (best) to 5 (worst); the words for them are data of the series and the
//! language (DOMAIN.md 1.2), so they are carried in the bulletin.

use super::{Decimal, Paragraph, Text};
use serde::{Deserialize, Serialize};

/// The overall assessment with its working (DOMAIN rule 1.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RatingBlock {
    /// The words of the scale, best first: exactly five.
    pub words: Vec<Text>,
    /// What was decided.
    pub outcome: Outcome,
    /// Last issue's level, 1 to 5, where it was assessed.
    pub previous: Option<u8>,
    /// One sentence: what moved it, what gates hold; for a rating not assessed, why.
    pub sentence: Paragraph,
    /// The working.
    pub working: Working,
    /// A person's decision that differs from the proposal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overridden: Option<Override>,
}

/// A level, or the reason why there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// Assessed.
    Assessed {
        /// 1 (best) to 5 (worst).
        level: u8,
    },
    /// The profile refuses: too short a baseline, too little weight.
    NotAssessed {
        /// Why, as a short phrase.
        reason: Text,
    },
}

impl Outcome {
    /// The level, where there is one.
    pub fn level(&self) -> Option<u8> {
        match self {
            Outcome::Assessed { level } => Some(*level),
            Outcome::NotAssessed { .. } => None,
        }
    }
}

/// How the level came about, line by line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Working {
    /// Profile identifier, as `baseline-13`.
    pub profile: String,
    /// Profile version.
    pub profile_version: u32,
    /// One row an indicator of the profile, available or not.
    pub rows: Vec<WorkingRow>,
    /// Sum of the contributions.
    pub score: Option<Decimal>,
    /// Last issue's score.
    pub previous_score: Option<Decimal>,
    /// Upper bounds of levels 1 to 4, in the unit of the score.
    pub cuts: Vec<Decimal>,
    /// Level by score alone, before gates.
    pub by_score: Option<u8>,
    /// Conditions that cap the level, applied or not.
    pub gates: Vec<Gate>,
    /// How to read the table.
    pub note: Text,
}

/// One indicator in the working.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkingRow {
    /// The statistic value.
    pub value: String,
    /// Its name.
    pub name: Text,
    /// This week, printed.
    pub amount: Text,
    /// Median of the baseline, printed.
    pub median: Text,
    /// Natural logarithm of this week over the median.
    pub ln_ratio: Option<Decimal>,
    /// Weight after renormalisation over the available indicators; 0 where not available.
    pub weight: Decimal,
    /// Weight times logarithm.
    pub contribution: Option<Decimal>,
    /// Why it does not count this week.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Text>,
}

/// A condition that keeps the level from being better than a bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// What it looks at.
    pub name: Text,
    /// The best level it allows, 1 to 5.
    pub cap: u8,
    /// Did it hold this week?
    pub applied: bool,
}

/// A person's decision against the proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// The level proposed by the profile.
    pub proposed: Option<u8>,
    /// Who decided.
    pub by: String,
    /// The written reason.
    pub reason: Text,
}

/// The vulnerability level: its own scale, never mixed with the rating (DOMAIN.md 1.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VulnerabilityLevel {
    /// The words, lowest first.
    pub words: Vec<Text>,
    /// 1 (lowest) to the number of words; None: not assessed.
    pub level: Option<u8>,
    /// One sentence of reason.
    pub sentence: Paragraph,
}
