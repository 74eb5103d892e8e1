//! A week's counts divided by day, province, network, feed and more: `watchfire week --by`.
//!
//! A key counts once in every group in which it was seen, so groups may add up to more than the
//! whole, which is printed beside them. What counts is decided in [`super::events`], as everywhere.

use std::collections::BTreeMap;
use std::str::FromStr;

use lake::arrow::array::RecordBatch;
use model::statistic::{Formula, Observed, Statistic};
use model::time::Timestamp;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;

use super::cells::{KeyFacts, Slot, UNKNOWN, new_names, of_key};
use super::columns::Columns;
use super::events::{Base, Hit, IpKey, Key, Plan, Sink, visit};
use super::names::EarlierNames;
use super::sets::{FeedSets, SetId};
use super::tally::text_key;
use crate::Error;

/// What counts may be divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Day in the reporting zone.
    Day,
    /// Province, GB/T 2260 code.
    Province,
    /// AS number.
    Asn,
    /// Country of the address.
    Country,
    /// Malware name.
    Malware,
    /// Feed.
    Feed,
    /// Top-level domain.
    Tld,
    /// Imitated brand.
    Brand,
    /// Sector of the imitated brand.
    Sector,
    /// RSIT classification.
    Class,
}

impl By {
    /// Every division with its name on the command line.
    pub const ALL: [(By, &'static str); 10] = [
        (By::Day, "day"),
        (By::Province, "province"),
        (By::Asn, "asn"),
        (By::Country, "country"),
        (By::Malware, "malware"),
        (By::Feed, "feed"),
        (By::Tld, "tld"),
        (By::Brand, "brand"),
        (By::Sector, "sector"),
        (By::Class, "class"),
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(by, _)| *by == self)
            .map_or("", |(_, name)| name)
    }
}

impl FromStr for By {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(by, _)| *by)
            .ok_or_else(|| {
                let known: Vec<&str> = Self::ALL.iter().map(|(_, name)| *name).collect();
                Error::UnknownDivision {
                    name: name.to_owned(),
                    known: known.join(", "),
                }
            })
    }
}

/// One statistic's counts by group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Division {
    /// The statistic.
    pub statistic: String,
    /// Its count, each key once.
    pub total: u64,
    /// Group and distinct keys in it, largest first; days in order.
    pub groups: Vec<(String, u64)>,
}

#[derive(Debug, Default)]
struct Kept {
    first: SetId,
    second: SetId,
    code: u16,
    word: u32,
}

/// Collects the groups in which each key was seen.
#[derive(Debug)]
pub struct Breakdown {
    by: By,
    /// First instants of the week's days, and their names.
    days: Vec<(i64, String)>,
    withheld: FxHashSet<String>,
    groups: FeedSets,
    words: Vec<String>,
    by_word: FxHashMap<String, u32>,
    keys: FxHashMap<(Base, u128), Kept>,
    names: BTreeMap<String, SetId>,
    earlier: EarlierNames,
    can_tell: bool,
    group: u32,
}

impl Breakdown {
    /// Divides by `by`; `days` are the first instants of the week's days in the reporting zone.
    pub fn new(
        by: By,
        days: Vec<(Timestamp, String)>,
        withheld: Vec<String>,
        earlier: EarlierNames,
    ) -> Self {
        Breakdown {
            by,
            days: days
                .into_iter()
                .map(|(start, name)| (start.0, name))
                .collect(),
            withheld: withheld.into_iter().collect(),
            groups: FeedSets::default(),
            words: Vec::new(),
            by_word: FxHashMap::default(),
            keys: FxHashMap::default(),
            names: BTreeMap::new(),
            earlier,
            can_tell: false,
            group: 0,
        }
    }

    /// Reads a batch with the columns of [`super::columns::BREAKDOWN_COLUMNS`].
    ///
    /// # Errors
    /// [`Error::ColumnType`] if the batch is not one of the lake's.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let columns = Columns::of(batch)?;
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
            let number: String;
            let group = match self.by {
                By::Feed => Some(feed),
                By::Malware => columns.malware_name.get(row),
                By::Country => columns.country.get(row),
                By::Tld => columns.tld.get(row),
                By::Brand => columns.brand.get(row),
                By::Sector => columns.sector.get(row),
                By::Class => columns.class_type.get(row),
                By::Day => {
                    let at = columns.observed_at.get(row).unwrap_or(0);
                    let day = self.days.iter().rev().find(|(start, _)| *start <= at);
                    day.map(|(_, name)| name.as_str())
                }
                By::Province => {
                    number = columns
                        .province
                        .get(row)
                        .map(|code| code.to_string())
                        .unwrap_or_default();
                    Some(number.as_str()).filter(|text| !text.is_empty())
                }
                By::Asn => {
                    number = columns
                        .asn
                        .get(row)
                        .map(|asn| format!("AS{asn}"))
                        .unwrap_or_default();
                    Some(number.as_str()).filter(|text| !text.is_empty())
                }
            };
            self.group = self.groups.feed(group.unwrap_or(UNKNOWN));
            self.can_tell = self.earlier.can_tell(feed);
            visit(&columns, &plan, row, self);
        }
        Ok(())
    }

    /// Takes in another breakdown by the same.
    pub fn merge(&mut self, other: Breakdown) {
        let (_, sets) = self.groups.translate(&other.groups);
        let words: Vec<u32> = std::iter::once(0)
            .chain(other.words.iter().map(|word| self.word(word)))
            .collect();
        for ((base, key), theirs) in other.keys {
            let kept = self.keys.entry((base, key)).or_default();
            kept.first = self.groups.union(kept.first, sets[theirs.first as usize]);
            kept.second = self.groups.union(kept.second, sets[theirs.second as usize]);
            kept.code = base.settle(kept.code, theirs.code);
            kept.word = settle(&self.words, kept.word, words[theirs.word as usize]);
        }
        for (name, set) in other.names {
            let mine = self.names.get(&name).copied().unwrap_or(0);
            let both = self.groups.union(mine, sets[set as usize]);
            self.names.insert(name, both);
        }
    }

    /// The divided counts of the statistics that are counts or sums of counts.
    pub fn finish(mut self, statistics: &[&Statistic]) -> Vec<Division> {
        let mut cells: BTreeMap<String, (u64, BTreeMap<SetId, u64>)> = BTreeMap::new();
        for ((base, _), kept) in std::mem::take(&mut self.keys) {
            let either = self.groups.union(kept.first, kept.second);
            let word = self
                .words
                .get((kept.word as usize).wrapping_sub(1))
                .map(String::as_str);
            let facts = KeyFacts {
                first: kept.first != 0,
                second: kept.second != 0,
                code: kept.code,
                word,
            };
            of_key(base, facts, |cell, slot| {
                let set = match slot {
                    Slot::First => kept.first,
                    Slot::Second => kept.second,
                    Slot::Either => either,
                };
                let cell = cells.entry(cell.to_owned()).or_default();
                cell.0 += 1;
                *cell.1.entry(set).or_default() += 1;
            });
        }
        let names = self
            .names
            .iter()
            .map(|(name, set)| (name.clone(), self.groups.names(*set)))
            .collect();
        let (new, _) = new_names(&names, &self.earlier.names);
        let count_of = |cell: &str| -> (u64, BTreeMap<String, u64>) {
            let mut groups: BTreeMap<String, u64> = BTreeMap::new();
            if cell == "malware.new-name" {
                for part in &new.by_sources {
                    part.feeds
                        .iter()
                        .for_each(|group| *groups.entry(group.clone()).or_default() += part.count);
                }
                return (new.count, groups);
            }
            let Some((total, sets)) = cells.get(cell) else {
                return (0, groups);
            };
            for (set, count) in sets {
                for group in self.groups.names(*set) {
                    *groups.entry(group).or_default() += count;
                }
            }
            (*total, groups)
        };
        let mut out = Vec::new();
        for statistic in statistics {
            let inputs: &[&str] = match &statistic.formula {
                Formula::Count(cell) => std::slice::from_ref(cell),
                Formula::Sum(cells) => cells,
                _ => continue,
            };
            let mut total = 0;
            let mut groups: BTreeMap<String, u64> = BTreeMap::new();
            for (count, by_group) in inputs.iter().map(|cell| count_of(cell)) {
                total += count;
                by_group
                    .into_iter()
                    .for_each(|(group, count)| *groups.entry(group).or_default() += count);
            }
            let mut groups: Vec<(String, u64)> = groups.into_iter().collect();
            if self.by != By::Day {
                groups.sort_by(|(a, left), (b, right)| {
                    (a == UNKNOWN)
                        .cmp(&(b == UNKNOWN))
                        .then(right.cmp(left))
                        .then(a.cmp(b))
                });
            }
            out.push(Division {
                statistic: statistic.id.to_owned(),
                total,
                groups,
            });
        }
        out
    }

    fn word(&mut self, word: &str) -> u32 {
        if let Some(id) = self.by_word.get(word) {
            return *id;
        }
        self.words.push(word.to_owned());
        let id = self.words.len() as u32;
        self.by_word.insert(word.to_owned(), id);
        id
    }
}

impl Sink for Breakdown {
    fn saw(&mut self, _: Observed, _: u16) {}

    fn hit(&mut self, hit: Hit<'_>) {
        if let (Base::MalwareName, Key::Text(name)) = (hit.base, hit.key) {
            if !self.can_tell || !self.earlier.is_new(name) {
                return;
            }
            let set = self.names.get(name).copied().unwrap_or(0);
            let set = self.groups.add(set, self.group);
            self.names.insert(name.to_owned(), set);
            return;
        }
        let key = match hit.key {
            Key::Ip(IpKey::V4(bits)) => u128::from(bits),
            // No IPv6 address in use has 96 leading zero bits.
            Key::Ip(IpKey::V6(bits)) => bits,
            Key::Text(text) => text_key(text),
        };
        let word = hit.word.map_or(0, |word| self.word(word));
        let kept = self.keys.entry((hit.base, key)).or_default();
        if hit.first {
            kept.first = self.groups.add(kept.first, self.group);
        }
        if hit.second {
            kept.second = self.groups.add(kept.second, self.group);
        }
        kept.code = hit.base.settle(kept.code, hit.code);
        kept.word = settle(&self.words, kept.word, word);
    }
}

/// Of two words for one key the one that stays: the first in the order of texts.
fn settle(words: &[String], a: u32, b: u32) -> u32 {
    match (a, b) {
        (0, known) | (known, 0) => known,
        (a, b) if words[a as usize - 1] <= words[b as usize - 1] => a,
        (_, b) => b,
    }
}
