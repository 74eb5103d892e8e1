//! Cells small enough to name a victim are hidden, and with them as many as keep them from being derived.
//!
//! "Three hosts in this province", "one page that imitates a hospital": whoever knows the field knows who
//! is meant. So of the divisions in [`SENSITIVE`] a cell under [`SMALLEST`] is not printed (primary
//! suppression). Their totals are printed, so a single hidden cell would follow by subtraction: the next
//! smallest cells go with it until none can be worked out (complementary suppression), by someone who
//! knows this rule as well. The same week is always hidden in the same way.
//!
//! It is done on a frozen week before it is composed ([`suppressed`]): no output holds what is hidden, the
//! stored week does, for `explain` behind its access control.

use std::collections::BTreeSet;

use model::statistic::{Counted, Measured, Missing, StatisticValue, Words};

use crate::frozen::{Beside, FrozenWeek};
use crate::statistics::cells::UNKNOWN;

/// Cells under this, but not empty ones, could name a victim.
pub const SMALLEST: u64 = 5;

/// Before the name of a size that stands beside the figures: it is hidden.
const HIDDEN: &str = "suppressed/";

/// Where a division's cells stand in a frozen week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cells {
    /// Parts of the value of this statistic.
    Parts(&'static str),
    /// Sizes beside the figures whose names begin so.
    Beside(&'static str),
}

/// A division whose small cells could name a victim.
#[derive(Clone, Copy, Debug)]
pub struct Sensitive {
    /// Its cells.
    pub cells: Cells,
    /// The statistic that is their sum.
    pub total: &'static str,
    /// Why it is sensitive.
    pub reason: Words,
}

/// The sensitive divisions. Looked at and left open, because a member of theirs is a class of thousands or
/// nobody's misfortune: types of site (W8, W9; government sites are a headline figure), levels and objects
/// of vulnerabilities, top-level domains, kinds of incident and roles of parties (I6, I7).
pub const SENSITIVE: &[Sensitive] = &[
    Sensitive {
        cells: Cells::Parts("M5"),
        total: "M2",
        reason: Words::new(
            "一省内个别受控主机的使用单位可被推知",
            "a few controlled hosts of one province point to who runs them",
        ),
    },
    Sensitive {
        cells: Cells::Beside("phishing.page.sector/"),
        total: "W5",
        reason: Words::new(
            "小行业中被仿冒的单位可被推知",
            "a few pages of one sector point to the organization they imitate",
        ),
    },
];

/// A cell of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// How many.
    pub count: u64,
    /// Whether it speaks of somebody; `unknown` and `other` do not, they are hidden only for others' sake.
    pub naming: bool,
}

impl Cell {
    fn is_primary(self) -> bool {
        self.naming && (1..SMALLEST).contains(&self.count)
    }
}

/// The cells to hide. `groups` are the sets of cells whose sums are printed: rows and columns of a table, one
/// group for a plain division. `None` where no choice of cells protects the small ones: then none may be
/// printed, nor their names.
pub fn hide(cells: &[Cell], groups: &[Vec<usize>]) -> Option<BTreeSet<usize>> {
    let mut hidden: BTreeSet<usize> = (0..cells.len())
        .filter(|at| cells[*at].is_primary())
        .collect();
    loop {
        let table = Table {
            cells,
            groups,
            hidden: &hidden,
        };
        let Some(known) = table.derivable() else {
            return Some(hidden);
        };
        let next = table
            .candidates(|group| group.contains(&known))
            .or_else(|| table.candidates(|group| group.iter().any(|at| hidden.contains(at))))?;
        hidden.insert(next);
    }
}

struct Table<'a> {
    cells: &'a [Cell],
    groups: &'a [Vec<usize>],
    hidden: &'a BTreeSet<usize>,
}

impl Table<'_> {
    /// The smallest cell that is still printed in such a group; the first of equals.
    fn candidates(&self, of: impl Fn(&Vec<usize>) -> bool) -> Option<usize> {
        self.groups
            .iter()
            .filter(|group| of(group))
            .flatten()
            .copied()
            .filter(|at| self.cells[*at].count > 0 && !self.hidden.contains(at))
            .min_by_key(|at| (self.cells[*at].count, *at))
    }

    /// A small cell that can be worked out from what is printed.
    fn derivable(&self) -> Option<usize> {
        let bounds = self.bounds();
        self.hidden
            .iter()
            .copied()
            .filter(|at| self.cells[*at].is_primary())
            .find(|at| bounds[*at].0 == bounds[*at].1 || self.follows(*at))
    }

    /// What a reader who knows the rule can say of each hidden cell: a small one is 1 to 4, one that was
    /// taken along is no smaller and no larger than the smallest that is left; then by every printed sum.
    fn bounds(&self) -> Vec<(u64, u64)> {
        let left = (0..self.cells.len())
            .filter(|at| !self.hidden.contains(at) && self.cells[*at].count > 0)
            .map(|at| self.cells[at].count)
            .min();
        let most = |group: &[usize]| -> u64 { group.iter().map(|at| self.cells[*at].count).sum() };
        let all: u64 = self.groups.iter().map(|group| most(group)).sum();
        let mut bounds: Vec<(u64, u64)> = (0..self.cells.len())
            .map(|at| {
                let cell = self.cells[at];
                match (self.hidden.contains(&at), cell.is_primary()) {
                    (false, _) => (cell.count, cell.count),
                    (true, true) => (1, SMALLEST - 1),
                    // `unknown` may be small and is taken along all the same.
                    (true, false) if !cell.naming => (1, left.unwrap_or(all).max(cell.count)),
                    (true, false) => (SMALLEST, left.unwrap_or(all).max(cell.count)),
                }
            })
            .collect();
        loop {
            let before = bounds.clone();
            for group in self.groups {
                let sum = most(group);
                let low: u64 = group.iter().map(|at| bounds[*at].0).sum();
                let high: u64 = group.iter().map(|at| bounds[*at].1).sum();
                for at in group {
                    let (own_low, own_high) = bounds[*at];
                    let least = sum.saturating_sub(high - own_high);
                    let greatest = sum.saturating_sub(low - own_low);
                    bounds[*at] = (own_low.max(least), own_high.min(greatest));
                }
            }
            if bounds == before {
                return bounds;
            }
        }
    }

    /// Whether a hidden cell is a combination of printed sums: its unit vector lies in the space of the
    /// groups' rows. Worked modulo a prime, exact for tables of zeros and ones.
    fn follows(&self, wanted: usize) -> bool {
        let columns: Vec<usize> = self.hidden.iter().copied().collect();
        let row = |group: &Vec<usize>| -> Vec<u64> {
            columns
                .iter()
                .map(|at| u64::from(group.contains(at)))
                .collect()
        };
        let mut rows: Vec<Vec<u64>> = self.groups.iter().map(row).collect();
        let before = rank(rows.clone());
        rows.push(columns.iter().map(|at| u64::from(*at == wanted)).collect());
        rank(rows) == before
    }
}

/// Rank of a matrix modulo 2^31 - 1.
fn rank(mut rows: Vec<Vec<u64>>) -> usize {
    const PRIME: u64 = (1 << 31) - 1;
    let inverse = |value: u64| {
        let (mut out, mut base, mut power) = (1, value, PRIME - 2);
        while power > 0 {
            if power & 1 == 1 {
                out = out * base % PRIME;
            }
            base = base * base % PRIME;
            power >>= 1;
        }
        out
    };
    let mut rank = 0;
    for column in 0..rows.first().map_or(0, Vec::len) {
        let Some(pivot) = (rank..rows.len()).find(|row| rows[*row][column] != 0) else {
            continue;
        };
        rows.swap(rank, pivot);
        let scale = inverse(rows[rank][column]);
        let lead: Vec<u64> = rows[rank]
            .iter()
            .map(|value| value * scale % PRIME)
            .collect();
        for row in rows.iter_mut().skip(rank + 1) {
            let factor = row[column];
            for (value, above) in row.iter_mut().zip(&lead) {
                *value = (*value + PRIME - factor * above % PRIME) % PRIME;
            }
        }
        rank += 1;
    }
    rank
}

/// What is hidden of a division: single cells, or the whole of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Cells(BTreeSet<String>),
    Whole,
}

fn judge(members: &[(String, u64)]) -> Verdict {
    let cells: Vec<Cell> = members
        .iter()
        .map(|(id, count)| Cell {
            count: *count,
            naming: id != UNKNOWN && id != "other",
        })
        .collect();
    match hide(&cells, &[(0..cells.len()).collect()]) {
        Some(hidden) => {
            Verdict::Cells(hidden.into_iter().map(|at| members[at].0.clone()).collect())
        }
        None => Verdict::Whole,
    }
}

fn parts(value: &StatisticValue) -> Vec<(String, u64)> {
    value
        .parts
        .iter()
        .filter_map(|part| Some((part.id.clone(), part.measured.count()?.count)))
        .collect()
}

fn besides(week: &FrozenWeek, prefix: &str) -> Vec<(String, u64)> {
    week.beside
        .iter()
        .filter_map(|beside| {
            let id = beside.name.strip_prefix(prefix)?;
            Some((id.to_owned(), beside.counted.count))
        })
        .collect()
}

/// The week as it may be printed: hidden cells are *not available* with [`Missing::Suppressed`], hidden
/// sizes beside the figures are gone ([`is_hidden`] knows them). Nothing else differs.
pub fn suppressed(week: &FrozenWeek) -> FrozenWeek {
    let mut out = week.clone();
    let gone = || Measured::NotAvailable {
        reason: Missing::Suppressed,
    };
    for sensitive in SENSITIVE {
        match sensitive.cells {
            Cells::Parts(id) => {
                let Some(value) = out.values.iter_mut().find(|value| value.statistic == id) else {
                    continue;
                };
                match judge(&parts(value)) {
                    Verdict::Cells(hidden) => value
                        .parts
                        .iter_mut()
                        .filter(|part| hidden.contains(&part.id))
                        .for_each(|part| part.measured = gone()),
                    // One member alone is its total: even its name tells.
                    Verdict::Whole => {
                        value.parts.clear();
                        value.measured = gone();
                    }
                }
            }
            Cells::Beside(prefix) => {
                let verdict = judge(&besides(&out, prefix));
                for beside in &mut out.beside {
                    let Some(id) = beside.name.strip_prefix(prefix) else {
                        continue;
                    };
                    if match &verdict {
                        Verdict::Cells(hidden) => hidden.contains(id),
                        Verdict::Whole => true,
                    } {
                        *beside = Beside {
                            name: format!("{HIDDEN}{}", beside.name),
                            counted: Counted::default(),
                        };
                    }
                }
            }
        }
    }
    out
}

/// Whether a size beside the figures was hidden by [`suppressed`].
pub fn is_hidden(week: &FrozenWeek, name: &str) -> bool {
    week.beside
        .iter()
        .any(|beside| beside.name.strip_prefix(HIDDEN) == Some(name))
}

/// Keys of everything that [`suppressed`] hides of a week: `M5/540000`, `phishing.page.sector/health`; the
/// statistic's own id where its whole division is hidden.
pub fn hidden(week: &FrozenWeek) -> Vec<String> {
    let shown = suppressed(week);
    let mut keys = Vec::new();
    for (before, after) in week.values.iter().zip(&shown.values) {
        let is_gone = |measured: &Measured| measured.missing() == Some(&Missing::Suppressed);
        if is_gone(&after.measured) {
            keys.push(before.statistic.clone());
        }
        keys.extend(
            before
                .parts
                .iter()
                .filter(|part| after.part(&part.id).is_none_or(is_gone))
                .map(|part| format!("{}/{}", before.statistic, part.id)),
        );
    }
    keys.extend(
        shown
            .beside
            .iter()
            .filter_map(|beside| beside.name.strip_prefix(HIDDEN))
            .map(str::to_owned),
    );
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(counts: &[u64]) -> Vec<Cell> {
        let cell = |count: &u64| Cell {
            count: *count,
            naming: true,
        };
        counts.iter().map(cell).collect()
    }

    fn plain(counts: &[u64]) -> Option<Vec<usize>> {
        let group = (0..counts.len()).collect();
        hide(&cells(counts), &[group]).map(|hidden| hidden.into_iter().collect())
    }

    #[test]
    fn a_small_cell_takes_the_next_smallest_along() {
        assert_eq!(plain(&[900, 80, 3, 70]), Some(vec![2, 3]));
        assert_eq!(plain(&[900, 80, 70]), Some(vec![]));
        assert_eq!(plain(&[900, 0, 70]), Some(vec![]), "none is no victim");
        // Two small cells protect each other, unless their sum tells both.
        assert_eq!(plain(&[900, 2, 3]), Some(vec![1, 2]));
        assert_eq!(plain(&[900, 1, 1, 60]), Some(vec![1, 2, 3]));
        assert_eq!(plain(&[900, 4, 4, 60]), Some(vec![1, 2, 3]));
    }

    #[test]
    fn a_cell_that_is_its_total_cannot_be_hidden_alone() {
        assert_eq!(plain(&[3]), None);
        assert_eq!(plain(&[3, 0]), None);
    }

    #[test]
    fn what_speaks_of_nobody_is_hidden_only_for_others() {
        let mut table = cells(&[900, 2, 40]);
        table[1].naming = false;
        assert_eq!(
            hide(&table, &[vec![0, 1, 2]]),
            Some(BTreeSet::new()),
            "two of unknown place name nobody"
        );
        table[2].count = 3;
        assert!(
            hide(&table, &[vec![0, 1, 2]])
                .is_some_and(|hidden| hidden.contains(&2) && hidden.len() > 1)
        );
    }

    #[test]
    fn divisions_are_of_declared_statistics_and_add_up_to_declared_totals() {
        for sensitive in SENSITIVE {
            assert!(crate::statistics::named(sensitive.total).is_some());
            if let Cells::Parts(id) = sensitive.cells {
                assert!(crate::statistics::named(id).is_some());
            }
            assert!(!sensitive.reason.zh.is_empty() && !sensitive.reason.en.is_empty());
        }
    }
}
