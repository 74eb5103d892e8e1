//! Turns overlapping, nested and disagreeing ranges into one flat line of steps.
//!
//! A *claim* says: from first to last address the value is v, said by a source of this rank, in a
//! prefix of this length. A *layer* is the answer for one field over the whole address space: steps
//! that each hold from their start to the next step. This is a sweep over the starts with the open
//! claims in a heap, so nesting of any depth costs n log n. Nothing here knows what a value means.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// An address family as an ordered number line.
pub(crate) trait Address: Copy + Ord + std::fmt::Debug {
    /// The lowest address.
    const ZERO: Self;
    /// The address after this one, `None` after the last.
    fn next(self) -> Option<Self>;
    /// The top 16 bits, for the first-level index.
    fn bucket(self) -> usize;
}

impl Address for u32 {
    const ZERO: Self = 0;
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
    fn bucket(self) -> usize {
        (self >> 16) as usize
    }
}

impl Address for u128 {
    const ZERO: Self = 0;
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
    fn bucket(self) -> usize {
        (self >> 112) as usize
    }
}

/// The value of a step where no claim holds.
pub(crate) const NONE: u32 = u32::MAX;

/// One source's word on a range. `value` must not be [`NONE`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim<A> {
    /// First address covered.
    pub first: A,
    /// Last address covered.
    pub last: A,
    /// Order among sources: the lower wins, whatever the lengths.
    pub rank: u32,
    /// Prefix length: among claims of one rank the longer (more specific) wins.
    pub length: u8,
    /// What is claimed.
    pub value: u32,
}

/// From `start` up to the next step's start the value is `value` (or [`NONE`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step<A> {
    /// First address of the step.
    pub start: A,
    /// The value there.
    pub value: u32,
}

/// Flattens claims into a layer. At each address the claim of the lowest rank holds, within a rank
/// the longest prefix, within both the claim that was made first. The layer's first step starts at
/// zero; neighbouring steps differ.
pub(crate) fn flatten<A: Address>(mut claims: Vec<Claim<A>>) -> Vec<Step<A>> {
    // A stable sort keeps the order of claims with one start, and so "made first" for equal prefixes.
    claims.sort_by_key(|claim| claim.first);
    let mut steps = vec![Step {
        start: A::ZERO,
        value: NONE,
    }];
    let mut open: BinaryHeap<(Reverse<u32>, u8, Reverse<usize>)> = BinaryHeap::new();
    let mut waiting = 0;
    let mut at = match claims.first() {
        Some(claim) => claim.first,
        None => return steps,
    };
    loop {
        while let Some(claim) = claims.get(waiting).filter(|claim| claim.first <= at) {
            open.push((Reverse(claim.rank), claim.length, Reverse(waiting)));
            waiting += 1;
        }
        while open.peek().is_some_and(|top| claims[top.2.0].last < at) {
            open.pop();
        }
        let holds = open.peek().map(|top| &claims[top.2.0]);
        push_step(&mut steps, at, holds.map_or(NONE, |claim| claim.value));
        // Next the winner ends or another claim begins; a loser's end changes nothing.
        let ends = holds.and_then(|claim| claim.last.next());
        let begins = claims.get(waiting).map(|claim| claim.first);
        at = match (ends, begins) {
            (Some(ends), Some(begins)) => ends.min(begins),
            (Some(next), None) | (None, Some(next)) => next,
            (None, None) => return steps,
        };
    }
}

/// A set of list numbers as bits.
pub(crate) type Bits = u128;

/// Overlays ranges that do not compete but add up: each `(first, last, list)` sets bit `list` over
/// its range. Step values index the returned sets; the first is empty and stands for [`NONE`].
pub(crate) fn union<A: Address>(ranges: &[(A, A, u8)]) -> (Vec<Step<A>>, Vec<Bits>) {
    let mut edges: Vec<(A, bool, u8)> = Vec::with_capacity(ranges.len() * 2);
    for &(first, last, list) in ranges {
        edges.push((first, true, list));
        if let Some(after) = last.next() {
            edges.push((after, false, list));
        }
    }
    edges.sort_unstable_by_key(|&(at, _, _)| at);
    let mut depth = [0u32; Bits::BITS as usize];
    let mut bits: Bits = 0;
    let mut sets: Vec<Bits> = vec![0];
    let mut numbers = rustc_hash::FxHashMap::default();
    numbers.insert(0, NONE);
    let mut steps = vec![Step {
        start: A::ZERO,
        value: NONE,
    }];
    let mut edge = edges.iter().peekable();
    while let Some(&&(at, _, _)) = edge.peek() {
        while let Some(&(_, begins, list)) = edge.next_if(|next| next.0 == at) {
            let depth = &mut depth[usize::from(list)];
            *depth = if begins { *depth + 1 } else { *depth - 1 };
            let bit = 1 << list;
            bits = if *depth > 0 { bits | bit } else { bits & !bit };
        }
        let number = *numbers.entry(bits).or_insert_with(|| {
            sets.push(bits);
            (sets.len() - 1) as u32
        });
        push_step(&mut steps, at, number);
    }
    (steps, sets)
}

/// Appends a step, or changes the last one if it starts at the same address; equal neighbours merge.
pub(crate) fn push_step<A: Address>(steps: &mut Vec<Step<A>>, start: A, value: u32) {
    if let Some(last) = steps.last_mut().filter(|last| last.start == start) {
        last.value = value;
        let before = steps.len().checked_sub(2).map(|at| steps[at].value);
        if before == Some(value) {
            steps.pop();
        }
    } else if steps.last().is_none_or(|last| last.value != value) {
        steps.push(Step { start, value });
    }
}

/// Walks several layers in step: calls `at` once for each start at which any layer changes, with the
/// values of all layers from there on.
pub(crate) fn walk<A: Address, const N: usize>(
    layers: [&[Step<A>]; N],
    mut at: impl FnMut(A, [u32; N]),
) {
    let mut next = [0usize; N];
    let mut values = [NONE; N];
    loop {
        let start = (0..N)
            .filter_map(|layer| Some(layers[layer].get(next[layer])?.start))
            .min();
        let Some(start) = start else { return };
        for layer in 0..N {
            if let Some(step) = layers[layer]
                .get(next[layer])
                .filter(|step| step.start == start)
            {
                values[layer] = step.value;
                next[layer] += 1;
            }
        }
        at(start, values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn claim(first: u32, last: u32, rank: u32, length: u8, value: u32) -> Claim<u32> {
        Claim {
            first,
            last,
            rank,
            length,
            value,
        }
    }

    fn value_at(steps: &[Step<u32>], address: u32) -> u32 {
        steps[steps.partition_point(|step| step.start <= address) - 1].value
    }

    #[test]
    fn nested_prefixes_resume_the_outer_one() {
        let steps = flatten(vec![
            claim(0, 255, 1, 24, 7),
            claim(16, 31, 1, 28, 8),
            claim(20, 20, 1, 32, 9),
        ]);
        let flat: Vec<(u32, u32)> = steps.iter().map(|step| (step.start, step.value)).collect();
        assert_eq!(
            flat,
            [(0, 7), (16, 8), (20, 9), (21, 8), (32, 7), (256, NONE)]
        );
    }

    #[test]
    fn the_last_address_is_covered() {
        let steps = flatten(vec![claim(u32::MAX - 1, u32::MAX, 1, 31, 5)]);
        assert_eq!(value_at(&steps, u32::MAX), 5);
        assert_eq!(value_at(&steps, u32::MAX - 2), NONE);
        let (steps, sets) = union(&[(0, u32::MAX, 3)]);
        assert_eq!(sets[value_at(&steps, u32::MAX) as usize], 8);
    }

    #[test]
    fn a_better_source_wins_over_a_longer_prefix() {
        let steps = flatten(vec![claim(0, 255, 1, 24, 7), claim(16, 31, 2, 28, 8)]);
        assert_eq!(value_at(&steps, 20), 7);
    }

    proptest! {
        #[test]
        fn flat_equals_brute_force(raw in proptest::collection::vec((0u32..600, 0u32..80, 0u32..3, 0u8..6, 0u32..9), 0..60)) {
            let claims: Vec<Claim<u32>> = raw.iter().map(|&(first, span, rank, length, value)| claim(first, first + span, rank, length, value)).collect();
            let mut sorted = claims.clone();
            sorted.sort_by_key(|claim| claim.first);
            let steps = flatten(claims);
            for pair in steps.windows(2) {
                prop_assert!(pair[0].start < pair[1].start && pair[0].value != pair[1].value);
            }
            for address in 0..700 {
                let best = sorted.iter().enumerate()
                    .filter(|(_, claim)| claim.first <= address && address <= claim.last)
                    .min_by_key(|(at, claim)| (claim.rank, Reverse(claim.length), *at));
                prop_assert_eq!(value_at(&steps, address), best.map_or(NONE, |(_, claim)| claim.value));
            }
        }

        #[test]
        fn union_equals_brute_force(raw in proptest::collection::vec((0u32..300, 0u32..80, 0u8..5), 0..40)) {
            let ranges: Vec<(u32, u32, u8)> = raw.iter().map(|&(first, span, list)| (first, first + span, list)).collect();
            let (steps, sets) = union(&ranges);
            for address in 0..400 {
                let expected: Bits = ranges.iter().filter(|(first, last, _)| (first..=last).contains(&&address)).fold(0, |bits, (_, _, list)| bits | 1 << list);
                let value = value_at(&steps, address);
                prop_assert_eq!(if value == NONE { 0 } else { sets[value as usize] }, expected);
            }
        }
    }
}
