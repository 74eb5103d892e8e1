//! The assets of two weeks, and how they differ: what is new, what is gone, what stayed.
//!
//! What an event counts as is decided in [`crate::statistics::events`], as everywhere; here each counted key
//! is kept with the feeds that saw it and where it belongs, so that a difference can be divided without
//! counting anything twice.

use std::collections::BTreeMap;

use lake::arrow::array::RecordBatch;
use model::statistic::{Formula, Observed, Statistic};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::statistics;
use crate::statistics::cells::{KeyFacts, Slot, of_key};
use crate::statistics::columns::Columns;
use crate::statistics::events::{Base, Hit, IpKey, Key, Plan, Sink, family, visit};
use crate::statistics::explain::Line;
use crate::statistics::sets::{FeedSets, SetId};
use crate::statistics::tally::text_key;
use crate::{Error, Result};

/// What an asset may belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Malware family.
    Family,
    /// Imitated brand.
    Brand,
    /// Network, as an AS number.
    Network,
    /// Province, GB/T 2260.
    Province,
    /// Top-level domain.
    Tld,
}

impl Dimension {
    /// Every one, in the order in which the more telling comes first.
    pub const ALL: [Dimension; 5] = [
        Dimension::Family,
        Dimension::Brand,
        Dimension::Network,
        Dimension::Province,
        Dimension::Tld,
    ];
}

/// An attribute of each dimension; 0 is not known.
type Attributes = [u32; Dimension::ALL.len()];

/// Words by number; 0 is none.
#[derive(Clone, Debug, Default)]
struct Lexicon {
    words: Vec<String>,
    by_word: FxHashMap<String, u32>,
}

impl Lexicon {
    fn id(&mut self, word: &str) -> u32 {
        if word.is_empty() {
            return 0;
        }
        if let Some(id) = self.by_word.get(word) {
            return *id;
        }
        self.words.push(word.to_owned());
        let id = self.words.len() as u32;
        self.by_word.insert(word.to_owned(), id);
        id
    }

    fn word(&self, id: u32) -> Option<&str> {
        self.words
            .get((id as usize).checked_sub(1)?)
            .map(String::as_str)
    }

    /// Of two words for one key the first in the order of texts, so that the order of rows is of no account.
    fn settle(&self, a: u32, b: u32) -> u32 {
        match (a, b) {
            (0, known) | (known, 0) => known,
            (a, b) if self.word(a) <= self.word(b) => a,
            (_, b) => b,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    feeds: SetId,
    attributes: Attributes,
}

/// Counted keys with who saw them. A key counts once in each cell that the statistic adds up.
#[derive(Clone, Debug, Default)]
pub struct Assets {
    sets: FeedSets,
    lexicon: Lexicon,
    keys: FxHashMap<(u8, u128), Seen>,
}

impl Assets {
    /// Adds a key of the `cell`-th cell.
    pub fn put<'a>(
        &mut self,
        cell: u8,
        key: &str,
        feeds: impl IntoIterator<Item = &'a str>,
        attributes: [&str; Dimension::ALL.len()],
    ) {
        let ids = attributes.map(|word| self.lexicon.id(word));
        let seen = self.keys.entry((cell, text_key(key))).or_default();
        for feed in feeds {
            let feed = self.sets.feed(feed);
            seen.feeds = self.sets.add(seen.feeds, feed);
        }
        for (own, id) in seen.attributes.iter_mut().zip(ids) {
            *own = self.lexicon.settle(*own, id);
        }
    }

    /// Adds a line of an explanation, where it is of one of these cells.
    pub fn put_line(&mut self, inputs: &[&str], line: &Line) {
        let Some(cell) = inputs.iter().position(|input| *input == line.input) else {
            return;
        };
        // A platform or address is named with its incidents, which are others every week.
        let key = line.key.split(" (incident").next().unwrap_or(&line.key);
        let nothing = [""; Dimension::ALL.len()];
        self.put(
            cell as u8,
            key,
            line.feeds.iter().map(String::as_str),
            nothing,
        );
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.keys.len() as u64
    }
}

/// The cells that a statistic adds up.
///
/// # Errors
/// [`Error::NotACount`] if it does not count keys.
pub fn inputs(statistic: &Statistic) -> Result<Vec<&'static str>> {
    // The stock has no keys that a party or feed brings; it is a count of incidents all the same.
    match statistic.formula {
        Formula::Count(cell) => Ok(vec![cell]),
        Formula::Sum(cells) => Ok(cells.to_vec()),
        _ => Err(Error::NotACount {
            id: statistic.id.to_owned(),
            instead: statistics::all()
                .iter()
                .filter(|other| other.observed == statistic.observed)
                .filter(|other| matches!(other.formula, Formula::Count(_) | Formula::Sum(_)))
                .map(|other| other.id)
                .collect::<Vec<_>>()
                .join(", "),
        }),
    }
}

/// Whether its keys are found in the scan of the week's events alone.
pub fn is_scanned(statistic: &Statistic) -> bool {
    !matches!(
        statistic.observed,
        Observed::Listing | Observed::Handling | Observed::MalwareName
    )
}

#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    first: SetId,
    second: SetId,
    code: u16,
    word: u32,
    attributes: Attributes,
}

/// Collects the keys of a statistic in a scan of the week's events.
#[derive(Debug)]
pub struct AssetScan {
    inputs: Vec<&'static str>,
    withheld: FxHashSet<String>,
    sets: FeedSets,
    lexicon: Lexicon,
    keys: FxHashMap<(Base, u128), Kept>,
    feed: u32,
    attributes: Attributes,
}

/// The keys among which a cell counts.
fn base_of(cell: &str) -> Option<Base> {
    const BASES: [(&str, Base); 10] = [
        ("infected.", Base::Infected),
        ("hosting.domain", Base::HostingDomain),
        ("hosting.address", Base::HostingAddress),
        ("hosting.direct", Base::HostingAddress),
        ("defaced.", Base::Defaced),
        ("backdoored.", Base::Backdoored),
        ("phishing.page", Base::PhishingPage),
        ("phishing.domain", Base::PhishingDomain),
        ("phishing.address", Base::PhishingAddress),
        ("vulnerability.", Base::Vulnerability),
    ];
    BASES
        .iter()
        .find(|(prefix, _)| cell.starts_with(prefix))
        .map(|(_, base)| *base)
}

impl AssetScan {
    /// Collects the keys of these cells; events of `withheld` feeds do not count.
    pub fn new(inputs: &[&'static str], withheld: Vec<String>) -> Self {
        AssetScan {
            inputs: inputs.to_vec(),
            withheld: withheld.into_iter().collect(),
            sets: FeedSets::default(),
            lexicon: Lexicon::default(),
            keys: FxHashMap::default(),
            feed: 0,
            attributes: Attributes::default(),
        }
    }

    /// Reads a batch with the columns of [`crate::statistics::BREAKDOWN_COLUMNS`].
    ///
    /// # Errors
    /// [`Error::ColumnType`] if the batch is not one of the lake's.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
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
            self.feed = self.sets.feed(feed);
            let network = columns.asn.get(row).map(|asn| format!("AS{asn}"));
            let province = columns
                .province
                .get(row)
                .map(|code| format!("{:02}0000", code / 10_000));
            let malware = columns.malware_name.get(row).map(family);
            let words = [
                malware,
                columns.brand.get(row),
                network.as_deref(),
                province.as_deref(),
                columns.tld.get(row),
            ];
            self.attributes = words.map(|word| self.lexicon.id(word.unwrap_or("")));
            visit(&columns, &plan, row, self);
        }
        Ok(())
    }

    /// Takes in another scan of the same cells.
    pub fn merge(&mut self, other: AssetScan) {
        let (_, sets) = self.sets.translate(&other.sets);
        let words: Vec<u32> = std::iter::once(0)
            .chain(other.lexicon.words.iter().map(|word| self.lexicon.id(word)))
            .collect();
        for ((base, key), theirs) in other.keys {
            let kept = self.keys.entry((base, key)).or_default();
            kept.first = self.sets.union(kept.first, sets[theirs.first as usize]);
            kept.second = self.sets.union(kept.second, sets[theirs.second as usize]);
            kept.code = base.settle(kept.code, theirs.code);
            kept.word = self.lexicon.settle(kept.word, words[theirs.word as usize]);
            for (own, id) in kept.attributes.iter_mut().zip(theirs.attributes) {
                *own = self.lexicon.settle(*own, words[id as usize]);
            }
        }
    }

    /// The assets.
    pub fn finish(mut self) -> Assets {
        let mut keys = FxHashMap::default();
        for ((base, key), kept) in std::mem::take(&mut self.keys) {
            let either = self.sets.union(kept.first, kept.second);
            let facts = KeyFacts {
                first: kept.first != 0,
                second: kept.second != 0,
                code: kept.code,
                word: self.lexicon.word(kept.word),
            };
            of_key(base, facts, |cell, slot| {
                let Some(at) = self.inputs.iter().position(|input| *input == cell) else {
                    return;
                };
                let feeds = match slot {
                    Slot::First => kept.first,
                    Slot::Second => kept.second,
                    Slot::Either => either,
                };
                let seen = Seen {
                    feeds,
                    attributes: kept.attributes,
                };
                keys.insert((at as u8, key), seen);
            });
        }
        Assets {
            sets: self.sets,
            lexicon: self.lexicon,
            keys,
        }
    }
}

impl Sink for AssetScan {
    fn saw(&mut self, _: Observed, _: u16) {}

    fn hit(&mut self, hit: Hit<'_>) {
        if !self
            .inputs
            .iter()
            .any(|input| base_of(input) == Some(hit.base))
        {
            return;
        }
        let key = match hit.key {
            Key::Ip(IpKey::V4(bits)) => u128::from(bits),
            // No IPv6 address in use has 96 leading zero bits.
            Key::Ip(IpKey::V6(bits)) => bits,
            Key::Text(text) => text_key(text),
        };
        let word = hit.word.map_or(0, |word| self.lexicon.id(word));
        let kept = self.keys.entry((hit.base, key)).or_default();
        if hit.first {
            kept.first = self.sets.add(kept.first, self.feed);
        }
        if hit.second {
            kept.second = self.sets.add(kept.second, self.feed);
        }
        kept.code = hit.base.settle(kept.code, hit.code);
        kept.word = self.lexicon.settle(kept.word, word);
        for (own, id) in kept.attributes.iter_mut().zip(self.attributes) {
            *own = self.lexicon.settle(*own, id);
        }
    }
}

/// Assets that are new or gone, alike in everything that is told apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moved {
    /// New this week; else gone.
    pub new: bool,
    /// The feeds that saw it in its week, sorted.
    pub feeds: Vec<String>,
    /// Where it belongs, in the order of [`Dimension::ALL`].
    pub attributes: [Option<String>; Dimension::ALL.len()],
}

/// How two weeks differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Assets this week.
    pub this: u64,
    /// Assets last week.
    pub last: u64,
    /// Assets of both weeks.
    pub continuing: u64,
    /// New and gone assets, by everything that is told apart.
    pub moved: BTreeMap<Moved, u64>,
    /// Assets by group, last week and this.
    pub groups: BTreeMap<(Dimension, String), (u64, u64)>,
}

/// Compares the assets of this week with those of last week.
pub fn compare(this: &Assets, last: &Assets) -> Difference {
    let mut out = Difference {
        this: this.count(),
        last: last.count(),
        ..Difference::default()
    };
    for (assets, other, new) in [(this, last, true), (last, this, false)] {
        let mut kinds: FxHashMap<(SetId, Attributes), u64> = FxHashMap::default();
        let mut groups: FxHashMap<(usize, u32), u64> = FxHashMap::default();
        for (key, seen) in &assets.keys {
            for (dimension, word) in seen
                .attributes
                .iter()
                .enumerate()
                .filter(|(_, word)| **word != 0)
            {
                *groups.entry((dimension, *word)).or_default() += 1;
            }
            if !other.keys.contains_key(key) {
                *kinds.entry((seen.feeds, seen.attributes)).or_default() += 1;
            } else if new {
                out.continuing += 1;
            }
        }
        for ((feeds, attributes), count) in kinds {
            let moved = Moved {
                new,
                feeds: assets.sets.names(feeds),
                attributes: attributes.map(|word| assets.lexicon.word(word).map(str::to_owned)),
            };
            *out.moved.entry(moved).or_default() += count;
        }
        for ((dimension, word), count) in groups {
            let Some(word) = assets.lexicon.word(word) else {
                continue;
            };
            let group = out
                .groups
                .entry((Dimension::ALL[dimension], word.to_owned()))
                .or_default();
            match new {
                true => group.1 += count,
                false => group.0 += count,
            }
        }
    }
    out
}
