//! The cells of a week: named counts that every statistic is put together from.
//!
//! A cell is a set of distinct keys; here it is only its size, divided by the sources that saw the
//! keys. [`of_key`] says which cells a key is in; a family is all cells whose names continue with
//! `/`. The names are part of the definitions and appear in `docs/statistics.md`.

use std::collections::{BTreeMap, BTreeSet};

use model::statistic::{Counted, Observed, SourceCount};
use model::territory::Territory;

use super::events::{Base, SEVERITIES, SITE_TYPES, family};
use super::names::EarlierNames;

/// Which of a key's two source sets a cell counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Those that said the first thing.
    First,
    /// Those that said the second thing.
    Second,
    /// Either.
    Either,
}

/// What is known of a key once all rows are seen.
#[derive(Clone, Copy, Debug)]
pub struct KeyFacts<'a> {
    /// Someone said the first thing.
    pub first: bool,
    /// Someone said the second thing.
    pub second: bool,
    /// Settled attribute.
    pub code: u16,
    /// Settled attribute in words.
    pub word: Option<&'a str>,
}

/// Name of the member for what is not known.
pub const UNKNOWN: &str = "unknown";

fn territory(code: u16) -> &'static str {
    match code {
        1 => Territory::Inside.as_str(),
        2 => Territory::Outside.as_str(),
        _ => UNKNOWN,
    }
}

/// Calls `emit` for every cell that the key is in. Malware names are not placed here: whether a
/// name is new does not follow from the week alone ([`new_names`]).
pub fn of_key(base: Base, key: KeyFacts<'_>, mut emit: impl FnMut(&str, Slot)) {
    match base {
        Base::Infected => {
            if key.first {
                emit("infected.trojan", Slot::First);
                match key.code {
                    0 => emit("infected.trojan.province/unknown", Slot::First),
                    code => emit(
                        &format!("infected.trojan.province/{code:02}0000"),
                        Slot::First,
                    ),
                }
            }
            if key.second {
                emit("infected.conficker", Slot::Second);
            }
            emit("infected.any", Slot::Either);
        }
        Base::HostingDomain => {
            emit("hosting.domain", Slot::First);
            emit(
                &format!("hosting.domain.territory/{}", territory(key.code)),
                Slot::First,
            );
            emit(
                &format!("hosting.domain.tld/{}", key.word.unwrap_or(UNKNOWN)),
                Slot::First,
            );
        }
        Base::HostingAddress => {
            emit("hosting.address", Slot::First);
            emit(
                &format!("hosting.address.territory/{}", territory(key.code)),
                Slot::First,
            );
            if key.second {
                emit("hosting.direct", Slot::Second);
            }
        }
        Base::Defaced => site("defaced", key, emit),
        Base::Backdoored => site("backdoored", key, emit),
        Base::PhishingPage => {
            emit("phishing.page", Slot::First);
            emit(
                &format!("phishing.page.sector/{}", key.word.unwrap_or(UNKNOWN)),
                Slot::First,
            );
            if key.second {
                emit("phishing.addressed", Slot::Second);
            }
        }
        Base::PhishingDomain => emit("phishing.domain", Slot::First),
        Base::PhishingAddress => emit("phishing.address", Slot::First),
        Base::PhishingElsewhere => match key.code {
            2 => emit("phishing.elsewhere", Slot::First),
            _ => emit("phishing.untargeted", Slot::First),
        },
        Base::Vulnerability => {
            let severity = SEVERITIES
                .get(usize::from(key.code))
                .copied()
                .unwrap_or(SEVERITIES[0]);
            let object = key
                .word
                .map_or(UNKNOWN, super::vulnerabilities::object_kind);
            emit("vulnerability.record", Slot::First);
            emit(&format!("vulnerability.severity/{severity}"), Slot::First);
            emit(&format!("vulnerability.object/{object}"), Slot::First);
            if key.code == 3 {
                emit(&format!("vulnerability.object-high/{object}"), Slot::First);
            }
        }
        Base::MalwareName => {}
        Base::WarnedInfected => emit("warned.infected", Slot::First),
        Base::WarnedHosting => emit("warned.hosting", Slot::First),
        Base::WarnedPhishing => emit("warned.phishing", Slot::First),
    }
}

fn site(family: &str, key: KeyFacts<'_>, mut emit: impl FnMut(&str, Slot)) {
    let kind = SITE_TYPES
        .get(usize::from(key.code).wrapping_sub(1))
        .copied()
        .unwrap_or("other");
    emit(&format!("{family}.site"), Slot::First);
    emit(&format!("{family}.site.type/{kind}"), Slot::First);
}

/// What a feed was seen to bring.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Evidence {
    /// The feed.
    pub feed: String,
    /// What its events are about.
    pub observed: Observed,
    /// Bits of the fields that had a value in at least one of them.
    pub fields: u16,
}

/// All counts of a week.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WeekTally {
    /// Cells by name. A cell that is not here is 0.
    pub cells: BTreeMap<String, Counted>,
    /// Malware names of the week and the feeds that brought them, sorted.
    pub names: BTreeMap<String, Vec<String>>,
    /// What each feed was seen to bring, sorted.
    pub evidence: Vec<Evidence>,
    /// Events read per feed.
    pub events: BTreeMap<String, u64>,
}

impl WeekTally {
    /// A cell; 0 where no key is in it.
    pub fn cell(&self, name: &str) -> Counted {
        self.cells.get(name).cloned().unwrap_or_default()
    }

    /// Members of a family with their names, largest first, then by name; the unknown last.
    pub fn family(&self, family: &str) -> Vec<(String, Counted)> {
        let prefix = format!("{family}/");
        let mut members: Vec<(String, Counted)> = self
            .cells
            .range(prefix.clone()..)
            .take_while(|(name, _)| name.starts_with(&prefix))
            .map(|(name, counted)| (name[prefix.len()..].to_owned(), counted.clone()))
            .collect();
        members.sort_by(|(a, left), (b, right)| {
            (a == UNKNOWN)
                .cmp(&(b == UNKNOWN))
                .then(right.count.cmp(&left.count))
                .then(a.cmp(b))
        });
        members
    }

    /// Adds the cells of names and families that no earlier week had, by the feeds that can tell.
    pub fn place_new_names(&mut self, earlier: &EarlierNames) {
        let telling: BTreeMap<String, Vec<String>> = self
            .names
            .iter()
            .map(|(name, feeds)| {
                (
                    name.clone(),
                    feeds
                        .iter()
                        .filter(|feed| earlier.can_tell(feed))
                        .cloned()
                        .collect(),
                )
            })
            .filter(|(_, feeds): &(String, Vec<String>)| !feeds.is_empty())
            .collect();
        let (names, families) = new_names(&telling, &earlier.names);
        self.cells.insert("malware.new-name".to_owned(), names);
        self.cells.insert("malware.new-family".to_owned(), families);
    }
}

/// Names, and families, of this week that are not among the earlier names.
pub fn new_names(
    names: &BTreeMap<String, Vec<String>>,
    earlier: &BTreeSet<String>,
) -> (Counted, Counted) {
    let old: BTreeSet<&str> = earlier.iter().map(|name| family(name)).collect();
    let one = |feeds: &Vec<String>| SourceCount {
        feeds: feeds.clone(),
        count: 1,
    };
    let new = names.iter().filter(|(name, _)| !earlier.contains(*name));
    let mut families: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, feeds) in names.iter().filter(|(name, _)| !old.contains(family(name))) {
        families
            .entry(family(name))
            .or_default()
            .extend(feeds.iter().cloned());
    }
    let families = families.into_values().map(|feeds| one(&feeds)).collect();
    (
        Counted::of(new.map(|(_, feeds)| one(feeds)).collect()),
        Counted::of(families),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_families_are_new_apart() {
        let names = BTreeMap::from([
            ("mirai.b".to_owned(), vec!["a".to_owned()]),
            ("newbot.a".to_owned(), vec!["a".to_owned()]),
            ("newbot.b".to_owned(), vec!["b".to_owned()]),
            ("old".to_owned(), vec!["a".to_owned()]),
        ]);
        let earlier = BTreeSet::from(["mirai.a".to_owned(), "old".to_owned()]);
        let (new, families) = new_names(&names, &earlier);
        assert_eq!((new.count, families.count), (3, 1));
        assert_eq!(families.by_sources[0].feeds, ["a", "b"]);
    }

    #[test]
    fn families_rank_by_size_with_the_unknown_last() {
        let mut tally = WeekTally::default();
        for (name, count) in [
            ("x.y/a", 2),
            ("x.y/b", 5),
            ("x.y/unknown", 9),
            ("x.y/c", 2),
            ("x.z", 7),
        ] {
            tally
                .cells
                .insert(name.to_owned(), Counted::imported(count));
        }
        let order: Vec<String> = tally
            .family("x.y")
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(order, ["b", "a", "c", "unknown"]);
        assert_eq!(tally.cell("x.y").count, 0);
    }
}
