//! What a search counts: events by step of time and by value of the facets; and which rows are the newest.

use std::collections::BTreeSet;
use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::{DataType, Int32Type, UInt32Type};
use rustc_hash::FxHashMap;

/// Columns whose values are counted, in the order of [`super::Found::facets`].
pub const FACETS: [&str; 7] = [
    "class_type",
    "feed",
    "province",
    "country",
    "asn",
    "malware_name",
    "tlp",
];

/// Distinct values of one facet that are told apart; the rest are counted together.
const MOST_VALUES: usize = 200_000;

/// A value of a facet.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FacetValue {
    /// Text.
    Text(Arc<str>),
    /// A number: an AS number, a GB/T 2260 code.
    Number(i64),
}

impl std::fmt::Display for FacetValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FacetValue::Text(text) => f.write_str(text),
            FacetValue::Number(number) => write!(f, "{number}"),
        }
    }
}

/// Counts of one facet.
#[derive(Clone, Debug, Default)]
pub(super) struct Count {
    pub values: FxHashMap<FacetValue, u64>,
    /// Events without a value.
    pub none: u64,
    /// Events with a value beyond those that are told apart.
    pub beyond: u64,
}

impl Count {
    fn add(&mut self, value: FacetValue, events: u64) {
        if let Some(count) = self.values.get_mut(&value) {
            *count += events;
        } else if self.values.len() < MOST_VALUES {
            self.values.insert(value, events);
        } else {
            self.beyond += events;
        }
    }

    /// Counts a value, or none, that so many events share.
    pub fn shared(&mut self, value: Option<&ArrayRef>, events: u64) {
        match value.and_then(|value| value_at(value, 0)) {
            Some(value) => self.add(value, events),
            None => self.none += events,
        }
    }

    /// Counts the values of a column.
    pub fn column(&mut self, column: &ArrayRef) {
        if let Some(dictionary) = column.as_any_dictionary_opt() {
            let values: &StringArray = dictionary.values().as_string();
            let Some(keys) = dictionary.keys().as_primitive_opt::<Int32Type>() else {
                return;
            };
            let mut counts = vec![0_u64; values.len()];
            let numbers = keys.values();
            match keys.nulls() {
                None => numbers.iter().for_each(|key| counts[*key as usize] += 1),
                Some(nulls) => {
                    self.none += nulls.null_count() as u64;
                    nulls
                        .valid_indices()
                        .for_each(|row| counts[numbers[row] as usize] += 1);
                }
            }
            for (at, events) in counts
                .into_iter()
                .enumerate()
                .filter(|(_, count)| *count > 0)
            {
                match values.is_valid(at) {
                    true => self.add(FacetValue::Text(values.value(at).into()), events),
                    false => self.none += events,
                }
            }
            return;
        }
        match column.data_type() {
            DataType::Int32 => {
                let column = column.as_primitive::<Int32Type>();
                self.runs(column.iter().map(|value| value.map(i64::from)));
            }
            DataType::UInt32 => {
                let column = column.as_primitive::<UInt32Type>();
                self.runs(column.iter().map(|value| value.map(i64::from)));
            }
            _ => {
                for row in 0..column.len() {
                    match value_at(column, row) {
                        Some(value) => self.add(value, 1),
                        None => self.none += 1,
                    }
                }
            }
        }
    }

    /// Counts numbers; runs of one number are looked up once.
    fn runs(&mut self, values: impl Iterator<Item = Option<i64>>) {
        let mut counts: FxHashMap<i64, u64> = FxHashMap::default();
        let mut run: (Option<i64>, u64) = (None, 0);
        let mut none = 0;
        let mut end = |run: (Option<i64>, u64)| match run {
            (_, 0) => {}
            (Some(value), count) => *counts.entry(value).or_default() += count,
            (None, count) => none += count,
        };
        for value in values {
            if value == run.0 {
                run.1 += 1;
            } else {
                end(run);
                run = (value, 1);
            }
        }
        end(run);
        self.none += none;
        for (value, count) in counts {
            self.add(FacetValue::Number(value), count);
        }
    }

    fn merge(&mut self, other: &Count) {
        for (value, events) in &other.values {
            self.add(value.clone(), *events);
        }
        self.none += other.none;
        self.beyond += other.beyond;
    }
}

fn value_at(column: &ArrayRef, row: usize) -> Option<FacetValue> {
    if !column.is_valid(row) {
        return None;
    }
    Some(match column.data_type() {
        DataType::Int32 => FacetValue::Number(column.as_primitive::<Int32Type>().value(row).into()),
        DataType::UInt32 => {
            FacetValue::Number(column.as_primitive::<UInt32Type>().value(row).into())
        }
        _ => FacetValue::Text(column.as_string_opt::<i32>()?.value(row).into()),
    })
}

/// Counts of all facets.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts(pub [Count; FACETS.len()]);

impl Counts {
    pub fn merge(&mut self, other: &Counts) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            mine.merge(theirs);
        }
    }

    /// Roughly what they take.
    pub fn bytes(&self) -> usize {
        self.0
            .iter()
            .flat_map(|count| count.values.keys())
            .map(|value| match value {
                FacetValue::Text(text) => 72 + text.len(),
                FacetValue::Number(_) => 48,
            })
            .sum()
    }
}

/// Steps of time: bucket *n* holds what lies from edge *n* to before edge *n* + 1.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    edges: Arc<[i64]>,
    pub counts: Vec<u64>,
    last: usize,
}

impl Steps {
    /// Between ascending edges; fewer than two make no step.
    pub fn new(edges: Arc<[i64]>) -> Self {
        let counts = vec![0; edges.len().saturating_sub(1)];
        Steps {
            edges,
            counts,
            last: 0,
        }
    }

    pub fn wanted(&self) -> bool {
        !self.counts.is_empty()
    }

    /// The step of an instant; most lie in that of the one before.
    #[inline]
    fn of(&mut self, at: i64) -> Option<usize> {
        if let [from, to, ..] = self.edges[self.last..]
            && from <= at
            && at < to
        {
            return Some(self.last);
        }
        let after = self.edges.partition_point(|edge| *edge <= at);
        if after == 0 || after == self.edges.len() {
            return None;
        }
        self.last = after - 1;
        Some(self.last)
    }

    /// Counts events at an instant.
    #[inline]
    pub fn add(&mut self, at: i64, events: u64) {
        if !self.counts.is_empty()
            && let Some(step) = self.of(at)
        {
            self.counts[step] += events;
        }
    }

    /// Whether two instants lie in one step, so that all between them do.
    pub fn same(&mut self, from: i64, to: i64) -> bool {
        if self.counts.is_empty() {
            return true;
        }
        let both = (self.of(from), self.of(to));
        both.0 == both.1
    }

    /// Whether every step is made of whole UTC hours.
    pub fn of_hours(&self) -> bool {
        self.edges
            .iter()
            .all(|edge| edge.rem_euclid(3_600_000_000) == 0)
    }

    pub fn merge(&mut self, other: &Steps) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
    }
}

/// A row by its time, the part's place in the list, and its place in the part.
pub(super) type At = (i64, u32, u32);

/// The newest rows that were seen, so many of them, and all that share the time of the last.
///
/// Where too many share it to be kept, only their parts are: those are looked through again.
#[derive(Debug)]
pub(super) struct Newest {
    most: usize,
    rows: Vec<At>,
    /// Rows before it are not wanted.
    pub floor: i64,
    /// Parts with rows at the floor that are not in `rows`.
    pub again: BTreeSet<u32>,
}

impl Newest {
    pub fn new(most: usize) -> Self {
        Newest {
            most,
            rows: Vec::new(),
            floor: i64::MIN,
            again: BTreeSet::new(),
        }
    }

    fn room(&self) -> usize {
        4 * self.most + 4096
    }

    /// Takes rows of a part.
    pub fn take(&mut self, rows: &[At]) {
        if self.most == 0 {
            return;
        }
        for row in rows {
            if row.0 < self.floor {
                continue;
            }
            if !self.again.is_empty() && row.0 == self.floor {
                self.again.insert(row.1);
                continue;
            }
            self.rows.push(*row);
            if self.rows.len() > self.room() {
                self.prune();
            }
        }
    }

    /// Lets go of rows that cannot be among the newest.
    pub fn prune(&mut self) {
        if self.most == 0 || self.rows.len() < self.most {
            return;
        }
        let (_, last, _) = self
            .rows
            .select_nth_unstable_by(self.most - 1, |a, b| b.0.cmp(&a.0));
        let floor = last.0;
        if floor > self.floor {
            // What was to be looked for again lies before the new floor.
            self.again.clear();
            self.floor = floor;
        }
        self.rows.retain(|row| row.0 >= floor);
        if self.rows.len() > self.room() / 2 {
            let tied = self.rows.iter().filter(|row| row.0 == floor);
            self.again.extend(tied.map(|row| row.1));
            self.rows.retain(|row| row.0 > floor);
        }
    }

    /// The rows, in no order; more than wanted where several share the last time.
    pub fn into_rows(mut self) -> (Vec<At>, i64, BTreeSet<u32>) {
        self.prune();
        (self.rows, self.floor, self.again)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_ties_are_remembered() {
        let mut newest = Newest::new(2);
        newest.take(&[(5, 0, 0), (1, 0, 1), (7, 1, 0), (5, 1, 1)]);
        let (mut rows, floor, again) = newest.into_rows();
        rows.sort_unstable();
        assert_eq!((rows, floor), (vec![(5, 0, 0), (5, 1, 1), (7, 1, 0)], 5));
        assert!(again.is_empty());

        let mut newest = Newest::new(2);
        let many: Vec<At> = (0..10_000).map(|row| (3, row / 5_000, row)).collect();
        newest.take(&many);
        newest.take(&[(9, 4, 0)]);
        let (rows, floor, again) = newest.into_rows();
        assert_eq!((floor, again), (3, BTreeSet::from([0, 1])));
        assert!(rows.contains(&(9, 4, 0)));
    }

    #[test]
    fn an_instant_lies_in_one_step() {
        let mut steps = Steps::new(Arc::from([10, 20, 30]));
        for at in [9, 10, 19, 20, 29, 30] {
            steps.add(at, 1);
        }
        assert_eq!(steps.counts, [2, 2]);
        assert!(steps.same(10, 19) && !steps.same(19, 20));
    }
}
