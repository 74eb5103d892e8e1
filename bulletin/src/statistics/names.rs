//! Malware names of the weeks before: what "first seen this week" is measured against.
//!
//! A name is new if no feed brought it in the window. Only feeds that have named malware for some
//! weeks can say so: all names of a feed that was subscribed yesterday would be new.

use std::collections::{BTreeMap, BTreeSet};

use lake::arrow::array::RecordBatch;
use model::time::Timestamp;

use super::columns::Columns;
use super::events::{Base, Hit, Key, Plan, Sink, visit};
use super::malware::FIRST_SEEN_AT_LEAST;
use crate::Error;

/// Malware names of the weeks before.
#[derive(Clone, Debug, Default)]
pub struct EarlierNames {
    /// Names that any feed brought.
    pub names: BTreeSet<String>,
    /// Full weeks before this one since each feed first named malware, at most the window's.
    pub weeks: BTreeMap<String, u32>,
}

impl EarlierNames {
    /// Weeks for which a feed has named malware.
    pub fn weeks_of(&self, feed: &str) -> u32 {
        self.weeks.get(feed).copied().unwrap_or(0)
    }

    /// Whether a feed can say that a name is new.
    pub fn can_tell(&self, feed: &str) -> bool {
        self.weeks_of(feed) >= FIRST_SEEN_AT_LEAST
    }

    /// Whether a name is new.
    pub fn is_new(&self, name: &str) -> bool {
        !self.names.contains(name)
    }
}

/// Columns that the scan of earlier weeks selects.
pub const NAME_COLUMNS: &[&str] = &["feed", "class_type", "malware_name", "observed_at"];

/// Collects names from the events of earlier weeks.
#[derive(Clone, Debug, Default)]
pub struct NameScan {
    withheld: BTreeSet<String>,
    names: BTreeSet<String>,
    first: BTreeMap<String, i64>,
    named: bool,
}

impl NameScan {
    /// An empty scan; `withheld` feeds do not count.
    pub fn new(withheld: impl IntoIterator<Item = String>) -> Self {
        NameScan {
            withheld: withheld.into_iter().collect(),
            ..NameScan::default()
        }
    }

    /// Reads a batch with the columns of [`NAME_COLUMNS`].
    ///
    /// # Errors
    /// [`Error::ColumnType`] if the batch is not one of the lake's.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let columns = Columns::of(batch)?;
        if columns.malware_name.is_void() {
            return Ok(());
        }
        let Some(plan) = Plan::of(&columns) else {
            return Ok(());
        };
        for row in 0..columns.rows {
            let Some(feed) = columns
                .feed
                .get(row)
                .filter(|feed| !self.withheld.contains(*feed))
            else {
                continue;
            };
            self.named = false;
            visit(&columns, &plan, row, self);
            if self.named {
                let at = columns.observed_at.get(row).unwrap_or(i64::MAX);
                match self.first.get_mut(feed) {
                    Some(first) => *first = at.min(*first),
                    None => drop(self.first.insert(feed.to_owned(), at)),
                }
            }
        }
        Ok(())
    }

    /// Takes in another scan.
    pub fn merge(&mut self, other: NameScan) {
        self.names.extend(other.names);
        for (feed, at) in other.first {
            let first = self.first.entry(feed).or_insert(at);
            *first = at.min(*first);
        }
    }

    /// The scan as it goes from an executor to whoever asked.
    pub fn piece(&self) -> Vec<u8> {
        serde_json::json!((&self.names, &self.first))
            .to_string()
            .into_bytes()
    }

    /// Takes another scan in that came so.
    ///
    /// # Errors
    /// The bytes are none.
    pub fn take(&mut self, piece: &[u8]) -> Result<(), String> {
        let (names, first) = serde_json::from_slice(piece).map_err(|error| error.to_string())?;
        self.merge(NameScan {
            names,
            first,
            ..NameScan::default()
        });
        Ok(())
    }

    /// The names, and for how many weeks each feed has named malware. `starts` are the ends of the
    /// first days of the weeks before, newest first: a week counts if the feed spoke before that.
    pub fn finish(self, starts: &[Timestamp]) -> EarlierNames {
        let weeks = |first: i64| starts.iter().take_while(|start| first < start.0).count() as u32;
        EarlierNames {
            weeks: self
                .first
                .iter()
                .map(|(feed, first)| (feed.clone(), weeks(*first)))
                .collect(),
            names: self.names,
        }
    }
}

impl Sink for NameScan {
    fn saw(&mut self, _: model::statistic::Observed, _: u16) {}

    fn hit(&mut self, hit: Hit<'_>) {
        if let (Base::MalwareName, Key::Text(name)) = (hit.base, hit.key) {
            self.named = true;
            if !self.names.contains(name) {
                self.names.insert(name.to_owned());
            }
        }
    }
}
