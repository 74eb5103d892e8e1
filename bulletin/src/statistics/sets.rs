//! Sets of feeds, interned: which sources saw a key costs four bytes a key, however many feeds there are.
//!
//! A week knows few distinct sets (who sees what together), so a set is a number and adding a feed
//! to a set is one look into a small table. Numbers are local to one [`FeedSets`]; merging two
//! tallies translates them.

use rustc_hash::FxHashMap;

/// Number of a set; 0 is the empty one.
pub type SetId = u32;

const UNKNOWN: u32 = u32::MAX;

/// The feeds and sets of one tally.
#[derive(Clone, Debug)]
pub struct FeedSets {
    feeds: Vec<String>,
    by_name: FxHashMap<String, u32>,
    /// Members of each set, sorted.
    sets: Vec<Vec<u32>>,
    by_members: FxHashMap<Vec<u32>, SetId>,
    /// `grown[set][feed]`: the set with the feed added, once it is known.
    grown: Vec<Vec<SetId>>,
}

impl Default for FeedSets {
    fn default() -> Self {
        FeedSets {
            feeds: Vec::new(),
            by_name: FxHashMap::default(),
            sets: vec![Vec::new()],
            by_members: FxHashMap::from_iter([(Vec::new(), 0)]),
            grown: vec![Vec::new()],
        }
    }
}

impl FeedSets {
    /// Number of a feed, given at its first sight.
    pub fn feed(&mut self, name: &str) -> u32 {
        if let Some(feed) = self.by_name.get(name) {
            return *feed;
        }
        let feed = self.feeds.len() as u32;
        self.feeds.push(name.to_owned());
        self.by_name.insert(name.to_owned(), feed);
        feed
    }

    /// The feeds by number.
    pub fn feeds(&self) -> &[String] {
        &self.feeds
    }

    /// Members of every set by number.
    pub fn members(&self) -> &[Vec<u32>] {
        &self.sets
    }

    /// Name of a feed.
    pub fn name(&self, feed: u32) -> &str {
        &self.feeds[feed as usize]
    }

    /// The set with a feed added.
    #[inline]
    pub fn add(&mut self, set: SetId, feed: u32) -> SetId {
        match self.grown[set as usize].get(feed as usize) {
            Some(&grown) if grown != UNKNOWN => grown,
            _ => self.grow(set, feed),
        }
    }

    #[cold]
    fn grow(&mut self, set: SetId, feed: u32) -> SetId {
        let mut members = self.sets[set as usize].clone();
        if let Err(at) = members.binary_search(&feed) {
            members.insert(at, feed);
        }
        let grown = match self.by_members.get(&members) {
            Some(&grown) => grown,
            None => {
                let grown = self.sets.len() as SetId;
                self.by_members.insert(members.clone(), grown);
                self.sets.push(members);
                self.grown.push(Vec::new());
                grown
            }
        };
        let row = &mut self.grown[set as usize];
        if row.len() <= feed as usize {
            row.resize(feed as usize + 1, UNKNOWN);
        }
        row[feed as usize] = grown;
        grown
    }

    /// Both sets together.
    pub fn union(&mut self, a: SetId, b: SetId) -> SetId {
        if a == b || b == 0 {
            return a;
        }
        if a == 0 {
            return b;
        }
        let members = self.sets[b as usize].clone();
        members.into_iter().fold(a, |set, feed| self.add(set, feed))
    }

    /// Names of a set's feeds, sorted.
    pub fn names(&self, set: SetId) -> Vec<String> {
        let mut names: Vec<String> = self.sets[set as usize]
            .iter()
            .map(|feed| self.feeds[*feed as usize].clone())
            .collect();
        names.sort();
        names
    }

    /// For every feed and every set of `other`, its number here.
    pub fn translate(&mut self, other: &FeedSets) -> (Vec<u32>, Vec<SetId>) {
        let feeds: Vec<u32> = other.feeds.iter().map(|name| self.feed(name)).collect();
        let sets = other
            .sets
            .iter()
            .map(|members| {
                members
                    .iter()
                    .fold(0, |set, feed| self.add(set, feeds[*feed as usize]))
            })
            .collect();
        (feeds, sets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_the_same_in_any_order_and_survive_translation() {
        let mut sets = FeedSets::default();
        let (a, b, c) = (sets.feed("a"), sets.feed("b"), sets.feed("c"));
        let ab = sets.add(0, a);
        let ab = sets.add(ab, b);
        let ba = sets.add(0, b);
        let ba = sets.add(ba, a);
        assert_eq!(ab, ba);
        assert_eq!(sets.add(ab, a), ab);
        let only_c = sets.add(0, c);
        let all = sets.union(only_c, ab);
        assert_eq!(sets.names(all), ["a", "b", "c"]);
        let mut other = FeedSets::default();
        other.feed("c");
        let (feeds, translated) = other.translate(&sets);
        assert_eq!(other.name(feeds[a as usize]), "a");
        assert_eq!(other.names(translated[ab as usize]), ["a", "b"]);
        assert_eq!(other.names(translated[all as usize]), ["a", "b", "c"]);
        assert_eq!(translated[0], 0);
    }

    #[test]
    fn more_than_64_feeds_are_no_special_case() {
        let mut sets = FeedSets::default();
        let set = (0..200).fold(0, |set, n| {
            let feed = sets.feed(&format!("feed-{n:03}"));
            sets.add(set, feed)
        });
        assert_eq!(sets.names(set).len(), 200);
    }
}
