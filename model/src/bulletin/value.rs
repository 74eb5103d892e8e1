//! Figures of an issue: exact value, printed form, last week, change.
//!
//! What JSON and CSV list, and what every printed number of the issue refers to by key.

use super::{Decimal, Text};
use serde::{Deserialize, Serialize};

/// How many of the sources that should have reported did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incomplete {
    /// Complete sources.
    pub complete: u32,
    /// Expected sources.
    pub expected: u32,
    /// Identifier of the [`Note`] that explains it.
    pub note: Option<String>,
}

/// A change against last week's frozen value (DOMAIN rules 1.4a to 1.4d).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Which way.
    pub direction: Direction,
    /// Good or bad; never taken from the direction.
    pub judgement: Judgement,
    /// Per cent, where that is what is printed.
    pub percent: Option<Decimal>,
    /// As printed, without arrow and without the word of judgement: `18.1%`, `6→9`, `与上周持平`, `不可比`.
    /// Empty: nothing is said.
    pub text: Text,
    /// Why it is not comparable, or which sources it was computed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Text>,
}

/// Which way a number went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More.
    Up,
    /// Less.
    Down,
    /// Unchanged as printed.
    Flat,
    /// There is no change to state.
    #[default]
    None,
}

/// Whether a change is good or bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// Worse: amber and the word.
    Worse,
    /// Better: teal and the word.
    Better,
    /// Neither: workload, newly recorded vulnerabilities, unchanged.
    #[default]
    Neutral,
    /// Sources were incomplete or changed: no direction, no colour.
    NotComparable,
}

/// One figure of the issue, complete: what JSON and CSV list and what every printed number refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedValue {
    /// Unique in the issue: the statistic's identifier, or with a part: `V6/application`, or with a week: `M1@2023-2`.
    pub key: String,
    /// Identifier of the statistic, as `M1`.
    pub statistic: String,
    /// Version of its definition.
    pub definition_version: u32,
    /// Name, with the part where there is one.
    pub name: Text,
    /// Unit counted, in base units: `个`, `hosts`, `%`.
    pub unit: Text,
    /// The value; None is *not available*, never 0 (DESIGN invariant 4).
    pub value: Option<Amount>,
    /// Why it is not available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Text>,
    /// Last week's frozen value.
    pub previous: Option<Amount>,
    /// Against last week.
    pub change: Change,
    /// Sources, where some were incomplete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<Incomplete>,
    /// Not yet final.
    #[serde(default)]
    pub preliminary: bool,
}

/// An exact value, the number it rounds to, and its print.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// What was counted.
    pub exact: Exact,
    /// The value as a number at the definition's precision, in the base unit; None for words and ranks.
    pub number: Option<Decimal>,
    /// As printed, with its unit word where the language joins them: `28.4万`, `284,132`.
    pub text: Text,
}

/// What a value is before any rounding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Exact {
    /// A count.
    Count {
        /// How many.
        count: u64,
    },
    /// A quotient of two counts: a share, a mean.
    Ratio {
        /// Above the line.
        numerator: u64,
        /// Below the line, not 0.
        denominator: u64,
    },
    /// A measured decimal, as a median in hours.
    Measure {
        /// The value.
        value: Decimal,
    },
    /// A word of a scale.
    Word {
        /// Identifier of the word.
        word: String,
    },
    /// Names in order.
    Rank {
        /// Identifiers, first first.
        names: Vec<String>,
    },
}

impl Exact {
    /// One text for a machine: `284132`, `17/2146`, `9.8`, `medium`, `44;32;33`.
    pub fn plain(&self) -> String {
        match self {
            Exact::Count { count } => count.to_string(),
            Exact::Ratio {
                numerator,
                denominator,
            } => format!("{numerator}/{denominator}"),
            Exact::Measure { value } => value.to_string(),
            Exact::Word { word } => word.clone(),
            Exact::Rank { names } => names.join(";"),
        }
    }
}
