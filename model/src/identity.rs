//! Identities of events: what is hashed, and how many at a time.
//!
//! An event's identity is the first 128 bits of BLAKE3 over a *form* of its record: identity version,
//! feed and the typed fields before enrichment, without the facts of receipt (DESIGN invariant 4).
//! The form is short, because hashing it is among the dearest things done to a row, and injective:
//! the version (one byte); the feed (length, bytes); which fields are set (64 bits, little-endian);
//! their values in table order, each as its field's kind fixes it (text as length and bytes, an
//! address as its number of bytes and the bytes, an integer as a zigzag, a float or a time as eight
//! bytes little-endian, of an undated row the UTC day for the time, a truth value as one byte); last,
//! unless a feed's entry narrows the identity to named fields, the text of `extra`; then zeros up to
//! whole blocks of 64 bytes, which no text of `extra` ends with. Lengths and zigzags are base-128
//! (LEB128).
//!
//! Whole blocks are what lets the hash work on many rows at once: BLAKE3's compression of sixteen
//! messages of as many blocks takes little longer than that of one. The result is the plain BLAKE3 of
//! the form in any case.

use blake3::IncrementCounter;
use blake3::platform::Platform;

use crate::field::Field;
use crate::ids::EventId;
use crate::record::Record;

/// Version of the identity rule. Raise it when the form changes: reprocessing then replaces a report's
/// events.
pub const IDENTITY_VERSION: u8 = 2;

/// Bytes of a block of BLAKE3: forms are of whole blocks.
pub(crate) const BLOCK_LEN: usize = 64;

/// Forms of up to so many blocks are hashed many at a time: a chunk of BLAKE3's tree.
const MAX_BLOCKS: usize = 16;

/// Bytes of forms that wait at most, so that they are hashed while the caches still hold them.
const WAITING_BYTES: usize = 64 * 1024;

/// The first 128 bits of the hash.
fn cut(hash: &[u8]) -> EventId {
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    EventId(id)
}

/// The identity of one record's form.
pub(crate) fn of_form(form: &[u8]) -> EventId {
    cut(blake3::hash(form).as_bytes())
}

/// Identities of records in the order in which they were added.
pub struct Identities {
    platform: Platform,
    named: Vec<EventId>,
    /// Forms of the records behind those, one after the other.
    forms: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<u32>,
}

impl Default for Identities {
    fn default() -> Self {
        Identities {
            platform: Platform::detect(),
            named: Vec::new(),
            forms: Vec::new(),
            ends: Vec::new(),
        }
    }
}

impl Identities {
    /// Adds a record of `feed`; `keys` narrows its identity to named fields.
    #[inline]
    pub fn push(&mut self, record: &Record, feed: &str, keys: Option<&[Field]>) {
        record.write_identity(feed, keys, &mut self.forms);
        self.ends.push(self.forms.len() as u32);
        if self.forms.len() >= WAITING_BYTES {
            self.hash();
        }
    }

    /// Records added.
    pub fn len(&self) -> usize {
        self.named.len() + self.ends.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the identities out.
    pub fn take(&mut self) -> Vec<EventId> {
        self.hash();
        // Blocks are mostly alike: the next one's will be as many.
        let next = Vec::with_capacity(self.named.len());
        std::mem::replace(&mut self.named, next)
    }

    /// Hashes the forms that wait.
    fn hash(&mut self) {
        let first = self.named.len();
        self.named.resize(first + self.ends.len(), EventId([0; 16]));
        let named = &mut self.named[first..];
        let mut start = 0;
        // Positions of the forms of as many blocks.
        let mut by_blocks: [Vec<u32>; MAX_BLOCKS] = Default::default();
        for (at, end) in self.ends.iter().enumerate() {
            let blocks = (*end as usize - start) / BLOCK_LEN;
            match by_blocks.get_mut(blocks - 1) {
                Some(alike) => alike.push(at as u32),
                None => named[at] = of_form(&self.forms[start..*end as usize]),
            }
            start = *end as usize;
        }
        macro_rules! hash_alike {
            ($($blocks:literal)*) => {$(
                hash_many::<{ $blocks * BLOCK_LEN }>(
                    self.platform, &self.forms, &self.ends, &by_blocks[$blocks - 1], named,
                );
            )*};
        }
        hash_alike!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
        self.forms.clear();
        self.ends.clear();
    }
}

/// Hashes the forms `alike`, all of `N` bytes, a few at a time.
fn hash_many<const N: usize>(
    platform: Platform,
    forms: &[u8],
    ends: &[u32],
    alike: &[u32],
    named: &mut [EventId],
) {
    const AT_ONCE: usize = 16;
    // The constants of BLAKE3's specification, sections 2.2 and 2.1.
    const IV: [u32; 8] = [
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ];
    const CHUNK_START: u8 = 1;
    const CHUNK_END: u8 = 2;
    const ROOT: u8 = 8;
    let form = |at: u32| {
        let end = ends[at as usize] as usize;
        forms[end - N..end]
            .first_chunk::<N>()
            .expect("forms of one length")
    };
    let mut out = [0; AT_ONCE * 32];
    for alike in alike.chunks(AT_ONCE) {
        let mut inputs = [form(alike[0]); AT_ONCE];
        for (input, at) in inputs.iter_mut().zip(alike) {
            *input = form(*at);
        }
        platform.hash_many(
            &inputs[..alike.len()],
            &IV,
            0,
            IncrementCounter::No,
            0,
            CHUNK_START,
            CHUNK_END | ROOT,
            &mut out,
        );
        for (hash, at) in out.chunks_exact(32).zip(alike) {
            named[*at as usize] = cut(hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::Timestamp;

    fn record(text: &str, extra: &str) -> Record {
        let mut record = Record::new();
        record.set_time(Field::ObservedAt, Timestamp(1_673_222_400_000_000));
        record.set_text(Field::Description, text);
        record.extra_text("note", extra);
        record
    }

    proptest! {
        /// Many at a time or one by one, from one block to more than a chunk: the same BLAKE3.
        #[test]
        fn many_are_hashed_as_one(lengths in proptest::collection::vec((0usize..700, 0usize..700), 0..200)) {
            let mut identities = Identities::default();
            let (mut scratch, mut wanted) = (Vec::new(), Vec::new());
            for (number, (text, extra)) in lengths.into_iter().enumerate() {
                let record = record(&format!("{number}{}", "x".repeat(text)), &"y".repeat(extra));
                identities.push(&record, "feed", None);
                wanted.push(record.identity("feed", None, &mut scratch));
                let whole = blake3::hash(&scratch);
                prop_assert_eq!(&wanted[number].0[..], &whole.as_bytes()[..16]);
            }
            prop_assert_eq!(identities.len(), wanted.len());
            prop_assert_eq!(identities.take(), wanted);
            prop_assert!(identities.is_empty());
        }
    }

    #[test]
    fn every_number_of_blocks_is_hashed_right() {
        let mut identities = Identities::default();
        let (mut scratch, mut wanted) = (Vec::new(), Vec::new());
        for len in 0..1200 {
            let record = record(&"z".repeat(len), "");
            for _ in 0..2 {
                identities.push(&record, "f", None);
                wanted.push(record.identity("f", None, &mut scratch));
            }
        }
        assert_eq!(identities.take(), wanted);
    }
}
