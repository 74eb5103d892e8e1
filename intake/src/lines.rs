//! Lines seen before in the report that is being read: they need not be parsed again.
//!
//! Three lines of ten in a large report may be repeats of earlier ones, to the byte. A repeated line
//! gives the event that the earlier one gave, whatever it is, so it is known for a duplicate before it
//! is cut into values, dated, enriched and named. Threads that parse blocks of one report share what
//! they have seen; a line counts as seen only if a row of a block before, or of the same block before,
//! gave an event: what is stored does not depend on which thread came first.
//!
//! Lines are told apart by 128 bits of SipHash under keys drawn for each text: who writes a report
//! cannot make two lines alike, and chance is as small as that of two identities being one. What is
//! forgotten (the table is small and a new line takes the place of an older one) is parsed again and
//! found to be a duplicate by its identity: this is a short cut, not the deduplication.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use siphasher::sip128::{Hasher128, SipHasher13};

/// Lines remembered: 8 MiB.
const SLOTS: usize = 1 << 18;

/// What a line's first occurrence added to the tallies: its written date and kind of observable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Days since 1970-01-01 of the written date, if the row has one.
    pub written_day: Option<i32>,
    /// Number of the kind of observable.
    pub kind: u8,
}

/// A line by its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line(u64, u64);

/// Keys under which the lines of one text are hashed.
#[derive(Clone, Copy, Debug)]
pub struct Keys(u64, u64);

impl Keys {
    /// Keys that nobody knows.
    pub fn random() -> Self {
        let state = RandomState::new();
        Keys(state.hash_one(0_u8), state.hash_one(1_u8))
    }

    /// The line's hash.
    #[inline]
    pub fn line(self, raw: &[u8]) -> Line {
        let mut hasher = SipHasher13::new_with_keys(self.0, self.1);
        std::hash::Hasher::write(&mut hasher, raw);
        let hash = hasher.finish128();
        Line(hash.h1, hash.h2)
    }
}

/// A line and what is known of it, in three words that other threads may be writing: the first two
/// are combined with the third, so that a half-written slot matches no line. No slot lies on two lines of a cache.
#[derive(Default)]
#[repr(align(32))]
struct Slot([AtomicU64; 3]);

/// The lines that the threads of one run have seen lately.
pub struct SeenLines {
    slots: Box<[Slot]>,
}

impl Default for SeenLines {
    fn default() -> Self {
        SeenLines {
            slots: (0..SLOTS).map(|_| Slot::default()).collect(),
        }
    }
}

/// Of a word: number of the block 32 bits, written date 24, whether there is one, kind of observable.
const DAY_BITS: u32 = 24;
const KIND_BITS: u32 = 7;

impl Trace {
    fn word(self, block: u32) -> Option<u64> {
        let day = match self.written_day {
            None => 0,
            Some(day) => u64::try_from(i64::from(day) + (1 << (DAY_BITS - 1))).ok()? << 1 | 1,
        };
        let fits = day >> (DAY_BITS + 1) == 0 && self.kind >> KIND_BITS == 0;
        fits.then(|| u64::from(block) << 32 | day << KIND_BITS | u64::from(self.kind))
    }

    fn of_word(word: u64) -> (u32, Trace) {
        let day = word >> KIND_BITS & ((1 << (DAY_BITS + 1)) - 1);
        let written_day = (day & 1 == 1).then(|| (day >> 1) as i32 - (1 << (DAY_BITS - 1)));
        let kind = (word & ((1 << KIND_BITS) - 1)) as u8;
        ((word >> 32) as u32, Trace { written_day, kind })
    }
}

impl SeenLines {
    fn slot(&self, line: Line) -> &[AtomicU64; 3] {
        &self.slots[line.0 as usize % SLOTS].0
    }

    /// Has the slots of all these lines brought near: each lies in memory that was not used for long, and waiting for one
    /// after the other took a twentieth of all of ingest.
    pub fn fetch(&self, lines: &[Line]) {
        let words = lines
            .iter()
            .map(|line| self.slot(*line)[2].load(Ordering::Relaxed));
        std::hint::black_box(words.fold(0, |all, word| all ^ word));
    }

    /// What the line's first occurrence was, if it lies before `block` or in it.
    #[inline]
    pub fn before(&self, line: Line, block: u32) -> Option<Trace> {
        let [first, second, what] = self.slot(line);
        let word = what.load(Ordering::Relaxed);
        let same = first.load(Ordering::Relaxed) ^ word == line.0
            && second.load(Ordering::Relaxed) ^ word == line.1;
        let (seen_in, trace) = Trace::of_word(word);
        (same && seen_in <= block).then_some(trace)
    }

    /// Remembers a line of `block` that gave one event.
    #[inline]
    pub fn remember(&self, line: Line, block: u32, trace: Trace) {
        if let Some(word) = trace.word(block) {
            let [first, second, what] = self.slot(line);
            first.store(line.0 ^ word, Ordering::Relaxed);
            second.store(line.1 ^ word, Ordering::Relaxed);
            what.store(word, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_known_from_its_block_on() {
        let (seen, keys) = (SeenLines::default(), Keys::random());
        let line = keys.line(b"2026-11-16,192.0.2.1");
        for written_day in [None, Some(0), Some(20_773), Some(-1), Some(2_932_896)] {
            let trace = Trace {
                written_day,
                kind: 13,
            };
            seen.remember(line, 7, trace);
            assert_eq!(
                seen.before(line, 6),
                None,
                "a later block's line is not taken for an earlier one"
            );
            assert_eq!(seen.before(line, 7), Some(trace));
            assert_eq!(seen.before(line, u32::MAX), Some(trace));
        }
        assert_eq!(seen.before(keys.line(b"2026-11-16,192.0.2.2"), 9), None);
        assert_eq!(
            seen.before(Keys::random().line(b"2026-11-16,192.0.2.1"), 9),
            None
        );
    }

    #[test]
    fn what_does_not_fit_is_not_remembered() {
        let (seen, keys) = (SeenLines::default(), Keys::random());
        let line = keys.line(b"x");
        seen.remember(
            line,
            1,
            Trace {
                written_day: Some(i32::MAX),
                kind: 0,
            },
        );
        seen.remember(
            line,
            1,
            Trace {
                written_day: None,
                kind: 200,
            },
        );
        assert_eq!(seen.before(line, 1), None);
    }
}
