//! A week as it is kept: every value, what it was computed from, and the rating, in one deterministic form.
//!
//! A [`FrozenWeek`] is what `bulletin draft` stores and what every later week is compared with (DOMAIN
//! rule 1.4b, DESIGN invariants 1 and 9). Its bytes are JSON with fields in declared order and lists in
//! defined order; the same records, definitions and profile give the same bytes, and the bytes their
//! hash. It holds no clock reading but the instants it was given.

use jiff::civil::Date;
use model::bulletin::Text;
use model::issue::IssueNumber;
use model::statistic::{Counted, FeedCoverage, Statistic, StatisticValue};
use model::time::ReportingWeek;
use serde::{Deserialize, Serialize};

use crate::rating::{Infrastructure, RatedWeek, Rating};
use crate::statistics::Supply;
use crate::statistics::compare::Side;
use crate::statistics::priority::Vulnerability;
use crate::{Error, Result};

/// Version of this shape.
pub const FROZEN_FORMAT: u32 = 1;

/// Where a week's values come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "origin", rename_all = "kebab-case")]
pub enum Origin {
    /// Counted here from stored records.
    Counted,
    /// Read from a back issue; its counts carry no sources.
    Imported {
        /// Where it was read.
        source: String,
    },
}

/// What the values were computed from and by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// Lake snapshot.
    pub lake_snapshot: u64,
    /// Instant the ledger was read at, RFC 3339 in UTC.
    pub ledger_as_of: String,
    /// Fingerprint of the reference tables in use.
    pub reference: String,
    /// Version of the identity rule.
    pub identity_version: u8,
    /// Version of the classification table.
    pub classification: String,
    /// Version of the lake's table.
    pub lake_schema: u32,
    /// Schema versions of sources, as name and version, sorted.
    pub source_schemas: Vec<(String, String)>,
    /// Program version.
    pub program: String,
}

/// A size that stands beside a figure: events read, keys on warning lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    /// What it is: `events/FEED` or `warned.infected`.
    pub name: String,
    /// How many.
    pub counted: Counted,
}

/// A week's frozen values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenWeek {
    /// [`FROZEN_FORMAT`].
    pub format: u32,
    /// The series.
    pub series: String,
    /// The issue.
    pub issue: IssueNumber,
    /// The week.
    pub week: ReportingWeek,
    /// IANA name of the reporting zone.
    pub zone: String,
    /// Where the values come from.
    pub origin: Origin,
    /// What they were computed from.
    pub basis: Basis,
    /// What arrived of each feed, by name.
    pub coverage: Vec<FeedCoverage>,
    /// What each feed can supply, by name.
    pub supplies: Vec<Supply>,
    /// Every statistic, in the order of the tables.
    pub values: Vec<StatisticValue>,
    /// Sizes that stand beside the figures, by name.
    pub beside: Vec<Beside>,
    /// Infrastructure events of the week, by start.
    pub infrastructure: Vec<Infrastructure>,
    /// The proposed rating.
    pub rating: Option<Rating>,
    /// The vulnerability level.
    pub vulnerability: Option<Rating>,
    /// The week's vulnerabilities to look at first; empty where no feed marks or scores them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<Vulnerability>,
    /// Figures by the definition before, while it runs beside the present one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<Former>,
    /// Earlier weeks counted again by a definition that came in since they were printed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restated: Vec<Restated>,
}

/// A figure by the definition that its present one took the place of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Former {
    /// Monday of the first week that the new definition counts.
    pub since: Date,
    /// Monday of the last week for which both are printed.
    pub until: Date,
    /// What is counted otherwise.
    pub change: Text,
    /// The value by the definition before, without parts: the parts of two definitions side by side could tell
    /// what each of them hides.
    pub value: StatisticValue,
}

/// An earlier week's value by a definition that came in later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restated {
    /// The week.
    pub week: ReportingWeek,
    /// Whether all sources of the figure were complete in it.
    pub complete: bool,
    /// The value.
    pub value: StatisticValue,
}

impl FrozenWeek {
    /// The deterministic form.
    ///
    /// # Panics
    /// Never: the type holds only strings, numbers, lists and structs.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings, numbers, lists and structs are always JSON")
    }

    /// BLAKE3 of the deterministic form, hexadecimal.
    pub fn hash(&self) -> String {
        blake3::hash(self.to_json().as_bytes()).to_hex().to_string()
    }

    /// Reads the deterministic form back.
    ///
    /// # Errors
    /// [`Error::Frozen`] if it is damaged or of a later version.
    pub fn from_json(name: &str, text: &str) -> Result<Self> {
        let fail = |reason: String| Error::Frozen {
            name: name.to_owned(),
            reason,
        };
        let week: FrozenWeek =
            serde_json::from_str(text).map_err(|error| fail(error.to_string()))?;
        if week.format != FROZEN_FORMAT {
            return Err(fail(format!(
                "format {} is not {FROZEN_FORMAT}",
                week.format
            )));
        }
        Ok(week)
    }

    /// The value of a statistic.
    pub fn value(&self, id: &str) -> Option<&StatisticValue> {
        self.values.iter().find(|value| value.statistic == id)
    }

    /// The value of a statistic with what arrived of its sources.
    pub fn side(&self, statistic: &Statistic) -> Option<Side<'_>> {
        Some(Side {
            value: self.value(statistic.id)?,
            coverage: &self.coverage,
        })
    }

    /// The name of a feed that is printed.
    pub fn feed_title<'a>(&'a self, feed: &'a str) -> &'a str {
        let mut all = self.coverage.iter();
        let found = all.find(|coverage| coverage.feed == feed);
        found.map_or(feed, FeedCoverage::printed)
    }

    /// As the rating sees it.
    pub fn rated(&self) -> RatedWeek<'_> {
        RatedWeek {
            values: &self.values,
            coverage: &self.coverage,
        }
    }

    /// Monday.
    pub fn monday(&self) -> Date {
        self.week.monday()
    }

    /// A size that stands beside the figures; 0 where none is kept.
    pub fn beside(&self, name: &str) -> u64 {
        self.beside
            .iter()
            .find(|beside| beside.name == name)
            .map_or(0, |beside| beside.counted.count)
    }
}
