//! The accumulator of the shared scan: every key of the week once, with the set of feeds that saw it.
//!
//! One [`Tally`] a scan stream; they merge in any order to the same result. Addresses are kept as
//! numbers; URLs, domains and ids as 128 bits of BLAKE3, so that a key costs 32 bytes however long
//! it is: among a hundred million keys the chance that any two share a hash is under 10^-22, far
//! below that of a memory fault. An IPv4 key costs 16 bytes, so three million infected hosts fit in
//! under 100 MB.

use std::collections::BTreeMap;
use std::hash::Hash;

use lake::arrow::array::RecordBatch;
use model::statistic::{Counted, Observed, SourceCount};
use rustc_hash::{FxHashMap, FxHashSet};

use super::cells::{Evidence, KeyFacts, Slot, WeekTally, of_key};
use super::columns::Columns;
use super::events::{Base, Hit, IpKey, Key, Plan, Sink, visit};
use super::sets::{FeedSets, SetId};
use crate::Error;

mod carried;

/// What is kept of a key.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    first: SetId,
    second: SetId,
    code: u16,
    word: u16,
}

/// Words that attributes are made of; 0 is none. More than 65,534 distinct words fall together in
/// the last one, which no real source comes near.
#[derive(Debug, Default)]
struct WordTable {
    words: Vec<String>,
    by_word: FxHashMap<String, u16>,
}

impl WordTable {
    fn id(&mut self, word: Option<&str>) -> u16 {
        let Some(word) = word else { return 0 };
        if let Some(id) = self.by_word.get(word) {
            return *id;
        }
        if self.words.len() >= usize::from(u16::MAX) - 1 {
            return u16::MAX - 1;
        }
        self.words.push(word.to_owned());
        let id = self.words.len() as u16;
        self.by_word.insert(word.to_owned(), id);
        id
    }

    fn word(&self, id: u16) -> Option<&str> {
        self.words
            .get(usize::from(id).checked_sub(1)?)
            .map(String::as_str)
    }

    /// Of two words for one key the one that stays: the first in the order of texts.
    fn settle(&self, a: u16, b: u16) -> u16 {
        match (a, b) {
            (a, b) if a == b => a,
            (0, known) | (known, 0) => known,
            (a, b) => {
                if self.word(a) <= self.word(b) {
                    a
                } else {
                    b
                }
            }
        }
    }
}

type Keys<K> = FxHashMap<K, Entry>;

/// Keys of one base.
#[derive(Debug, Default)]
struct KeySet {
    v4: Keys<u32>,
    v6: Keys<u128>,
    text: Keys<u128>,
}

/// Counts of one or more scan streams.
#[derive(Debug, Default)]
pub struct Tally {
    withheld: FxHashSet<String>,
    sets: FeedSets,
    words: WordTable,
    bases: [KeySet; Base::COUNT],
    names: Vec<(String, SetId)>,
    by_name: FxHashMap<String, u32>,
    last_name: u32,
    /// Bits of fields by feed and kind of event; 0 also where none was seen.
    evidence: Vec<[Option<u16>; Observed::ALL.len()]>,
    events: Vec<u64>,
    feed: u32,
}

/// 128 bits of BLAKE3 of a text key.
pub(crate) fn text_key(text: &str) -> u128 {
    let mut bits = [0; 16];
    bits.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..16]);
    u128::from_le_bytes(bits)
}

impl Tally {
    /// An empty tally. Events of the `withheld` feeds (of which nothing may be printed) do not count.
    pub fn new(withheld: impl IntoIterator<Item = String>) -> Self {
        Tally {
            withheld: withheld.into_iter().collect(),
            ..Tally::default()
        }
    }

    /// Counts a batch with the columns of [`super::columns::TALLY_COLUMNS`]. Its rows must lie in
    /// the week: the scan selects by time, the tally does not look at it.
    ///
    /// # Errors
    /// [`Error::ColumnType`] if the batch is not one of the lake's.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let columns = Columns::of(batch)?;
        const WITHHELD: u32 = u32::MAX;
        let feeds = {
            let (sets, withheld) = (&mut self.sets, &self.withheld);
            columns.feed.codes(columns.rows, WITHHELD, |name| {
                if withheld.contains(name) {
                    WITHHELD
                } else {
                    sets.feed(name)
                }
            })
        };
        for feed in &feeds {
            if *feed == WITHHELD {
                continue;
            }
            let at = *feed as usize;
            if self.events.len() <= at {
                self.events.resize(at + 1, 0);
                self.evidence.resize(at + 1, Default::default());
            }
            self.events[at] += 1;
        }
        let Some(plan) = Plan::of(&columns) else {
            return Ok(());
        };
        for (row, feed) in feeds.into_iter().enumerate() {
            if feed != WITHHELD {
                self.feed = feed;
                visit(&columns, &plan, row, self);
            }
        }
        Ok(())
    }

    /// Takes in another tally.
    pub fn merge(&mut self, other: Tally) {
        let (feeds, sets) = self.sets.translate(&other.sets);
        let words: Vec<u16> = std::iter::once(0)
            .chain(
                other
                    .words
                    .words
                    .iter()
                    .map(|word| self.words.id(Some(word))),
            )
            .collect();
        let translate = |entry: Entry| Entry {
            first: sets[entry.first as usize],
            second: sets[entry.second as usize],
            code: entry.code,
            word: words
                .get(usize::from(entry.word))
                .copied()
                .unwrap_or(u16::MAX - 1),
        };
        for ((base, mine), theirs) in BASES.into_iter().zip(&mut self.bases).zip(other.bases) {
            merge_keys(
                base,
                &mut mine.v4,
                theirs.v4,
                translate,
                &mut self.sets,
                &self.words,
            );
            merge_keys(
                base,
                &mut mine.v6,
                theirs.v6,
                translate,
                &mut self.sets,
                &self.words,
            );
            merge_keys(
                base,
                &mut mine.text,
                theirs.text,
                translate,
                &mut self.sets,
                &self.words,
            );
        }
        for (name, set) in other.names {
            let at = self.name(&name);
            self.names[at].1 = self.sets.union(self.names[at].1, sets[set as usize]);
        }
        for (feed, (evidence, events)) in feeds
            .into_iter()
            .zip(other.evidence.into_iter().zip(other.events))
        {
            let at = feed as usize;
            if self.events.len() <= at {
                self.events.resize(at + 1, 0);
                self.evidence.resize(at + 1, Default::default());
            }
            self.events[at] += events;
            for (mine, theirs) in self.evidence[at].iter_mut().zip(evidence) {
                *mine = match (*mine, theirs) {
                    (Some(a), Some(b)) => Some(a | b),
                    (a, b) => a.or(b),
                };
            }
        }
    }

    fn name(&mut self, name: &str) -> usize {
        if let Some((last, _)) = self.names.get(self.last_name as usize)
            && last == name
        {
            return self.last_name as usize;
        }
        let at = match self.by_name.get(name) {
            Some(at) => *at,
            None => {
                let at = self.names.len() as u32;
                self.names.push((name.to_owned(), 0));
                self.by_name.insert(name.to_owned(), at);
                at
            }
        };
        self.last_name = at;
        at as usize
    }

    /// The counts. Keys that were seen against the territory by one feed and without a known target
    /// by another are not counted as untargeted.
    pub fn finish(mut self) -> WeekTally {
        let against = std::mem::take(&mut self.bases[Base::PhishingElsewhere as usize].text);
        let inside = &self.bases[Base::PhishingPage as usize].text;
        let against = against
            .into_iter()
            .filter(|(key, _)| !inside.contains_key(key))
            .collect();
        self.bases[Base::PhishingElsewhere as usize].text = against;

        let mut cells: BTreeMap<String, FxHashMap<SetId, u64>> = BTreeMap::new();
        for (base, keys) in BASES.into_iter().zip(std::mem::take(&mut self.bases)) {
            // Few distinct kinds of key: place each kind once, not each key.
            let mut kinds: FxHashMap<(SetId, SetId, u16, u16), u64> = FxHashMap::default();
            for entry in keys
                .v4
                .values()
                .chain(keys.v6.values())
                .chain(keys.text.values())
            {
                *kinds
                    .entry((entry.first, entry.second, entry.code, entry.word))
                    .or_default() += 1;
            }
            for ((first, second, code, word), count) in kinds {
                let either = self.sets.union(first, second);
                let facts = KeyFacts {
                    first: first != 0,
                    second: second != 0,
                    code,
                    word: self.words.word(word),
                };
                of_key(base, facts, |cell, slot| {
                    let set = match slot {
                        Slot::First => first,
                        Slot::Second => second,
                        Slot::Either => either,
                    };
                    *cells
                        .entry(cell.to_owned())
                        .or_default()
                        .entry(set)
                        .or_default() += count;
                });
            }
        }
        let counted = |sets: FxHashMap<SetId, u64>| {
            Counted::of(
                sets.into_iter()
                    .map(|(set, count)| SourceCount {
                        feeds: self.sets.names(set),
                        count,
                    })
                    .collect(),
            )
        };
        let mut evidence: Vec<Evidence> = Vec::new();
        for (feed, kinds) in self.evidence.iter().enumerate() {
            for (observed, fields) in Observed::ALL.into_iter().zip(kinds) {
                if let Some(fields) = fields {
                    let feed = self.sets.name(feed as u32).to_owned();
                    evidence.push(Evidence {
                        feed,
                        observed,
                        fields: *fields,
                    });
                }
            }
        }
        evidence.sort();
        WeekTally {
            cells: cells
                .into_iter()
                .map(|(name, sets)| (name, counted(sets)))
                .collect(),
            names: self
                .names
                .iter()
                .map(|(name, set)| (name.clone(), self.sets.names(*set)))
                .collect(),
            evidence,
            events: self
                .events
                .iter()
                .enumerate()
                .map(|(feed, count)| (self.sets.name(feed as u32).to_owned(), *count))
                .collect(),
        }
    }
}

/// The bases in the order of their numbers.
pub(super) const BASES: [Base; Base::COUNT] = [
    Base::Infected,
    Base::HostingDomain,
    Base::HostingAddress,
    Base::Defaced,
    Base::Backdoored,
    Base::PhishingPage,
    Base::PhishingDomain,
    Base::PhishingAddress,
    Base::PhishingElsewhere,
    Base::Vulnerability,
    Base::MalwareName,
    Base::WarnedInfected,
    Base::WarnedHosting,
    Base::WarnedPhishing,
];

fn merge_keys<K: Eq + Hash>(
    base: Base,
    mine: &mut Keys<K>,
    theirs: Keys<K>,
    translate: impl Fn(Entry) -> Entry,
    sets: &mut FeedSets,
    words: &WordTable,
) {
    mine.reserve(theirs.len().saturating_sub(mine.len()));
    for (key, entry) in theirs {
        let entry = translate(entry);
        let kept = mine.entry(key).or_default();
        kept.first = sets.union(kept.first, entry.first);
        kept.second = sets.union(kept.second, entry.second);
        kept.code = base.settle(kept.code, entry.code);
        kept.word = words.settle(kept.word, entry.word);
    }
}

impl Sink for Tally {
    #[inline]
    fn saw(&mut self, observed: Observed, fields: u16) {
        let seen = &mut self.evidence[self.feed as usize][observed as usize];
        *seen = Some(seen.unwrap_or(0) | fields);
    }

    #[inline]
    fn hit(&mut self, hit: Hit<'_>) {
        if hit.base == Base::MalwareName {
            if let Key::Text(name) = hit.key {
                let at = self.name(name);
                self.names[at].1 = self.sets.add(self.names[at].1, self.feed);
            }
            return;
        }
        let word = if hit.word.is_some() {
            self.words.id(hit.word)
        } else {
            0
        };
        let keys = &mut self.bases[hit.base as usize];
        let entry = match hit.key {
            Key::Ip(IpKey::V4(key)) => keys.v4.entry(key).or_default(),
            Key::Ip(IpKey::V6(key)) => keys.v6.entry(key).or_default(),
            Key::Text(text) => keys.text.entry(text_key(text)).or_default(),
        };
        if hit.first {
            entry.first = self.sets.add(entry.first, self.feed);
        }
        if hit.second {
            entry.second = self.sets.add(entry.second, self.feed);
        }
        entry.code = hit.base.settle(entry.code, hit.code);
        entry.word = self.words.settle(entry.word, word);
    }
}
