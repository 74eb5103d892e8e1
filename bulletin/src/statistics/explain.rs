//! What stands behind a figure: one line per key and part, each with its events and where they lie.
//!
//! Counting and explaining share [`super::events::visit`], so the number of lines of an input is its
//! figure. An explanation keeps keys as text and every event of every key, which the tally need not;
//! it bounds its memory by doing the week in several passes, each over a slice of the keys.

use std::collections::BTreeMap;

use lake::arrow::array::RecordBatch;
use model::ids::EventId;
use model::statistic::{Formula, Observed, Statistic};
use rustc_hash::{FxHashMap, FxHashSet};

use super::cells::{KeyFacts, Slot, of_key};
use super::columns::Columns;
use super::events::{Base, Hit, Key, Plan, Sink, family, visit};
use super::names::EarlierNames;
use super::sets::{FeedSets, SetId};
use super::tally::text_key;
use crate::Error;

/// Keys that one pass keeps, about.
pub const KEYS_A_PASS: u64 = 250_000;

/// Where an event stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventPlace {
    /// Identity.
    pub event: EventId,
    /// Report that brought it.
    pub report: String,
    /// Member of the report, where it is an archive.
    pub member: u32,
    /// Line in the report.
    pub line: u64,
}

/// One counted key of one input of a figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Cell that it counts in.
    pub input: String,
    /// The key: an address, URL, domain, id or name.
    pub key: String,
    /// Feeds that saw it, sorted.
    pub feeds: Vec<String>,
    /// The events, sorted.
    pub events: Vec<EventPlace>,
}

/// The cells and families that explain a statistic: inputs of its formula, of the statistics it
/// looks at, and of its parts.
pub fn inputs(statistic: &Statistic) -> Vec<String> {
    let own = match statistic.formula {
        Formula::Level { over } => over
            .iter()
            .filter_map(|id| super::named(id))
            .flat_map(|other| other.formula.inputs())
            .collect(),
        formula => formula.inputs(),
    };
    let parts = statistic
        .parts
        .iter()
        .filter(|part| part.id != "union")
        .flat_map(|part| part.formula.inputs());
    let mut out: Vec<String> = Vec::new();
    for input in own.into_iter().chain(parts) {
        if !out.contains(&input) {
            out.push(input);
        }
    }
    out
}

fn is_input(inputs: &[String], cell: &str) -> bool {
    inputs
        .iter()
        .any(|input| input == cell || (input.ends_with('/') && cell.starts_with(input.as_str())))
}

#[derive(Debug, Default)]
struct Kept {
    first: SetId,
    second: SetId,
    code: u16,
    word: Option<String>,
    events: Vec<(bool, bool, EventId, u32, u32, u64)>,
}

/// Collects the lines of one pass.
#[derive(Debug)]
pub struct Explanation {
    inputs: Vec<String>,
    observed: Observed,
    withheld: FxHashSet<String>,
    pass: (u64, u64),
    earlier: EarlierNames,
    sets: FeedSets,
    reports: FeedSets,
    keys: FxHashMap<(Base, String), Kept>,
    against: FxHashSet<String>,
    feed: u32,
    can_tell: bool,
    place: (EventId, u32, u32, u64),
}

impl Explanation {
    /// Explains a statistic; `pass` is (this, of how many), see [`passes`].
    pub fn new(
        statistic: &Statistic,
        earlier: &EarlierNames,
        withheld: Vec<String>,
        pass: (u64, u64),
    ) -> Self {
        Explanation {
            inputs: inputs(statistic),
            observed: statistic.observed,
            withheld: withheld.into_iter().collect(),
            pass,
            earlier: earlier.clone(),
            sets: FeedSets::default(),
            reports: FeedSets::default(),
            keys: FxHashMap::default(),
            against: FxHashSet::default(),
            feed: 0,
            can_tell: false,
            place: (EventId::default(), 0, 0, 0),
        }
    }

    /// Reads a batch with the columns of [`super::columns::EXPLAIN_COLUMNS`].
    ///
    /// # Errors
    /// [`Error::ColumnType`] if the batch is not one of the lake's.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let columns = Columns::of(batch)?;
        let Some(plan) = Plan::of(&columns) else {
            return Ok(());
        };
        for row in 0..columns.rows {
            let Some(feed) = columns.feed.get(row) else {
                continue;
            };
            if self.withheld.contains(feed) {
                continue;
            }
            self.feed = self.sets.feed(feed);
            self.can_tell = self.observed == Observed::MalwareName && self.earlier.can_tell(feed);
            let id = columns
                .event_id
                .get(row)
                .and_then(|bytes| bytes.try_into().ok())
                .map(EventId)
                .unwrap_or_default();
            let report = self.reports.feed(columns.report.get(row).unwrap_or(""));
            let member = columns.member.get(row).unwrap_or(0);
            self.place = (id, report, member, columns.line.get(row).unwrap_or(0));
            visit(&columns, &plan, row, self);
        }
        Ok(())
    }

    /// Takes in another explanation of the same statistic and pass.
    pub fn merge(&mut self, other: Explanation) {
        let (_, sets) = self.sets.translate(&other.sets);
        let (reports, _) = self.reports.translate(&other.reports);
        self.against.extend(other.against);
        for ((base, key), theirs) in other.keys {
            let kept = self.keys.entry((base, key)).or_default();
            kept.first = self.sets.union(kept.first, sets[theirs.first as usize]);
            kept.second = self.sets.union(kept.second, sets[theirs.second as usize]);
            kept.code = base.settle(kept.code, theirs.code);
            if let Some(word) = theirs.word
                && kept.word.as_ref().is_none_or(|known| word < *known)
            {
                kept.word = Some(word);
            }
            kept.events.extend(theirs.events.into_iter().map(
                |(first, second, event, report, member, line)| {
                    (first, second, event, reports[report as usize], member, line)
                },
            ));
        }
    }

    /// The lines, in the order of the inputs, then of cells and keys.
    pub fn finish(mut self) -> Vec<Line> {
        let old_families: FxHashSet<&str> =
            self.earlier.names.iter().map(|name| family(name)).collect();
        let mut lines: BTreeMap<(usize, String, String), Line> = BTreeMap::new();
        let rank = |cell: &str| {
            self.inputs.iter().position(|input| {
                input == cell || (input.ends_with('/') && cell.starts_with(input.as_str()))
            })
        };
        for ((base, key), kept) in std::mem::take(&mut self.keys) {
            if base == Base::PhishingElsewhere && self.against.contains(&key) {
                continue;
            }
            let either = self.sets.union(kept.first, kept.second);
            let mut place = |cell: &str, key: &str, slot: Slot| {
                let Some(rank) = rank(cell) else { return };
                let set = match slot {
                    Slot::First => kept.first,
                    Slot::Second => kept.second,
                    Slot::Either => either,
                };
                let line = lines
                    .entry((rank, cell.to_owned(), key.to_owned()))
                    .or_insert_with(|| Line {
                        input: cell.to_owned(),
                        key: key.to_owned(),
                        feeds: Vec::new(),
                        events: Vec::new(),
                    });
                line.feeds.extend(self.sets.names(set));
                for (first, second, event, report, member, at) in &kept.events {
                    let counts = match slot {
                        Slot::First => *first,
                        Slot::Second => *second,
                        Slot::Either => true,
                    };
                    if counts {
                        let report = self.reports.name(*report).to_owned();
                        line.events.push(EventPlace {
                            event: *event,
                            report,
                            member: *member,
                            line: *at,
                        });
                    }
                }
            };
            if base == Base::MalwareName {
                if self.earlier.is_new(&key) {
                    place("malware.new-name", &key, Slot::First);
                }
                if !old_families.contains(family(&key)) {
                    place("malware.new-family", family(&key), Slot::First);
                }
                continue;
            }
            let facts = KeyFacts {
                first: kept.first != 0,
                second: kept.second != 0,
                code: kept.code,
                word: kept.word.as_deref(),
            };
            of_key(base, facts, |cell, slot| place(cell, &key, slot));
        }
        lines
            .into_values()
            .map(|mut line| {
                line.feeds.sort();
                line.feeds.dedup();
                line.events.sort();
                line.events.dedup();
                line
            })
            .collect()
    }
}

/// How many passes keep an explanation of so many keys in bounded memory.
pub fn passes(keys: u64) -> u64 {
    keys.div_ceil(KEYS_A_PASS).max(1)
}

impl Sink for Explanation {
    fn saw(&mut self, _: Observed, _: u16) {}

    fn hit(&mut self, hit: Hit<'_>) {
        let wanted = match hit.base {
            Base::Infected => self.observed == Observed::InfectedHost,
            Base::HostingDomain => is_input_of(&self.inputs, "hosting.domain"),
            Base::HostingAddress => {
                is_input_of(&self.inputs, "hosting.address")
                    || is_input(&self.inputs, "hosting.direct")
            }
            Base::Defaced => self.observed == Observed::Defacement,
            Base::Backdoored => self.observed == Observed::Backdoor,
            Base::PhishingPage => {
                is_input_of(&self.inputs, "phishing.page")
                    || is_input(&self.inputs, "phishing.addressed")
            }
            Base::PhishingElsewhere => is_input(&self.inputs, "phishing.elsewhere"),
            Base::PhishingDomain => is_input(&self.inputs, "phishing.domain"),
            Base::PhishingAddress => is_input(&self.inputs, "phishing.address"),
            Base::Vulnerability => self.observed == Observed::VulnerabilityRecord,
            Base::MalwareName => self.can_tell,
            Base::WarnedInfected | Base::WarnedHosting | Base::WarnedPhishing => false,
        };
        if !wanted {
            return;
        }
        let key = match hit.key {
            Key::Ip(ip) => ip.to_string(),
            Key::Text(text) => text.to_owned(),
        };
        // A family and its names belong to one pass, so that each family has one line.
        let slice = if hit.base == Base::MalwareName {
            family(&key)
        } else {
            &key
        };
        if self.pass.1 > 1 && (text_key(slice) as u64) % self.pass.1 != self.pass.0 {
            return;
        }
        if hit.base == Base::PhishingPage {
            self.against.insert(key.clone());
        }
        let kept = self.keys.entry((hit.base, key)).or_default();
        if hit.first {
            kept.first = self.sets.add(kept.first, self.feed);
        }
        if hit.second {
            kept.second = self.sets.add(kept.second, self.feed);
        }
        kept.code = hit.base.settle(kept.code, hit.code);
        if let Some(word) = hit.word
            && kept.word.as_deref().is_none_or(|known| word < known)
        {
            kept.word = Some(word.to_owned());
        }
        let (event, report, member, line) = self.place;
        kept.events
            .push((hit.first, hit.second, event, report, member, line));
    }
}

fn is_input_of(inputs: &[String], prefix: &str) -> bool {
    inputs.iter().any(|input| input.starts_with(prefix))
}
