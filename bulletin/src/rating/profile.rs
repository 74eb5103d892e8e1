//! Rating profiles: versioned files that say which indicators count how much, and where the cuts lie.

use model::bulletin::Text;
use serde::{Deserialize, Serialize};

use crate::Error;

/// One profile, as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Identifier; stored with every issue.
    pub id: String,
    /// Raised with every change; stored with every issue.
    pub version: u32,
    /// How the score follows from the indicators.
    pub kind: ProfileKind,
    /// What it measures.
    pub name: Text,
    /// Only for [`ProfileKind::Baseline`].
    #[serde(default)]
    pub baseline: Baseline,
    /// The levels, best (or lowest) first.
    #[serde(rename = "level")]
    pub levels: Vec<Level>,
    /// The indicators.
    #[serde(rename = "indicator")]
    pub indicators: Vec<Indicator>,
    /// Conditions that keep the level from being better than a bound.
    #[serde(rename = "gate", default)]
    pub gates: Vec<GateRule>,
}

/// How a score follows from the indicators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProfileKind {
    /// Weighted mean of ln(this week / median of the weeks before).
    Baseline,
    /// Sum of weight times value.
    Linear,
}

/// Parameters of a baseline profile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Weeks before this one of which the median is taken.
    pub weeks: usize,
    /// An indicator with fewer comparable weeks does not count.
    pub min_weeks: usize,
    /// Less than this share of the weight available: not assessed.
    pub min_weight: f64,
    /// A count of 0 is taken as this.
    pub zero: f64,
    /// A silent source may have brought so many times the most it added in a week of the baseline.
    pub silent_times: f64,
}

impl Default for Baseline {
    fn default() -> Self {
        Baseline {
            weeks: 13,
            min_weeks: 8,
            min_weight: 0.5,
            zero: 0.5,
            silent_times: 2.0,
        }
    }
}

/// One level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Stable word, stored.
    pub id: String,
    /// Printed in Chinese.
    pub zh: String,
    /// Printed in English.
    pub en: String,
    /// Highest score of the level; the last level has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<f64>,
}

/// One indicator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Indicator {
    /// Identifier of a statistic that is a count.
    pub statistic: String,
    /// Its weight.
    pub weight: f64,
    /// Linear profiles: added where the statistic is not available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<f64>,
}

/// A condition on infrastructure events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateRule {
    /// Printed in Chinese.
    pub zh: String,
    /// Printed in English.
    pub en: String,
    /// Holds when an event of this grade happened: 1 特别重大, 2 重大, 3 较大, 4 一般.
    pub event: u8,
    /// The best level it allows, from 1.
    pub cap: u8,
}

/// Profiles that come with the program.
pub const BUILT_IN: [&str; 3] = [
    include_str!("../../profiles/baseline-13.toml"),
    include_str!("../../profiles/cncert-2013-2016.toml"),
    include_str!("../../profiles/vulnerability-level.toml"),
];

/// Identifier of the default rating profile.
pub const DEFAULT_RATING: &str = "baseline-13";
/// Identifier of the default profile of the vulnerability level.
pub const DEFAULT_VULNERABILITY: &str = "vulnerability-level";

impl Profile {
    /// Reads a profile; `name` is what messages call it.
    ///
    /// # Errors
    /// [`Error::Profile`], naming what is wrong.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let fail = |reason: String| Error::Profile {
            name: name.to_owned(),
            reason,
        };
        let profile: Profile =
            toml::from_str(text).map_err(|error| fail(error.to_string().trim_end().to_owned()))?;
        profile.check().map_err(fail)?;
        Ok(profile)
    }

    /// The profile with this identifier: among `others` (files of the workspace) first, then among
    /// those that come with the program.
    ///
    /// # Errors
    /// [`Error::UnknownProfile`], or the error of a file that does not parse.
    pub fn named(id: &str, others: &[Profile]) -> Result<Self, Error> {
        if let Some(profile) = others.iter().find(|profile| profile.id == id) {
            return Ok(profile.clone());
        }
        let mut known: Vec<String> = others.iter().map(|profile| profile.id.clone()).collect();
        for text in BUILT_IN {
            let profile = Profile::parse("built-in profile", text)?;
            if profile.id == id {
                return Ok(profile);
            }
            known.push(profile.id);
        }
        Err(Error::UnknownProfile {
            id: id.to_owned(),
            known: known.join(", "),
        })
    }

    fn check(&self) -> Result<(), String> {
        let Some((last, bounded)) = self.levels.split_last() else {
            return Err("it has no level".to_owned());
        };
        if last.up_to.is_some() {
            return Err(format!("level {}: the last level has no up_to", last.id));
        }
        let mut before = f64::NEG_INFINITY;
        for level in bounded {
            match level.up_to {
                Some(cut) if cut.is_finite() && cut >= before => before = cut,
                Some(cut) => {
                    return Err(format!(
                        "level {}: up_to = {cut} is below the one before",
                        level.id
                    ));
                }
                None => {
                    return Err(format!(
                        "level {}: only the last level may lack up_to",
                        level.id
                    ));
                }
            }
        }
        if self.indicators.is_empty() {
            return Err("it has no indicator".to_owned());
        }
        for indicator in &self.indicators {
            let known = crate::statistics::named(&indicator.statistic)
                .is_some_and(|found| found.id == indicator.statistic);
            if !known {
                return Err(format!("indicator {} is no statistic", indicator.statistic));
            }
            if !indicator.weight.is_finite() || indicator.weight <= 0.0 {
                return Err(format!(
                    "indicator {}: the weight must be above 0",
                    indicator.statistic
                ));
            }
        }
        for gate in &self.gates {
            if !(1..=4).contains(&gate.event) {
                return Err(format!(
                    "gate on events of grade {}: the grades are 1 to 4",
                    gate.event
                ));
            }
            if gate.cap == 0 || usize::from(gate.cap) > self.levels.len() {
                return Err(format!(
                    "gate on events of grade {}: there is no level {}",
                    gate.event, gate.cap
                ));
            }
        }
        let baseline = self.baseline;
        if self.kind == ProfileKind::Baseline
            && (baseline.min_weeks == 0
                || baseline.min_weeks > baseline.weeks
                || baseline.zero <= 0.0)
        {
            return Err("baseline: weeks >= min_weeks >= 1 and zero above 0 are needed".to_owned());
        }
        Ok(())
    }

    /// Printed words of the levels, in order.
    pub fn words(&self) -> Vec<Text> {
        self.levels
            .iter()
            .map(|level| Text::new(&*level.zh, &*level.en))
            .collect()
    }

    /// Level of a score, from 1.
    pub fn level_of(&self, score: f64) -> u8 {
        let beyond = self
            .levels
            .iter()
            .filter_map(|level| level.up_to)
            .filter(|cut| score > *cut)
            .count();
        u8::try_from(beyond + 1).unwrap_or(u8::MAX)
    }
}
