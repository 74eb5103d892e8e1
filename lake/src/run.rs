//! Run files: the identities of one part, stored once and read two ways.
//!
//! Deduplication wants them sorted, a reader of the part wants them in the order of its rows. An
//! identity is a hash and cannot be compressed, so it is kept once, sorted, and the order of the rows
//! beside it in as few bits as a position needs:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | magic, the last two bytes are the version |
//! | 8 | number of identities *n*, little-endian |
//! | 16 *n* | identities in ascending order, big-endian |
//! | ⌈*n w* / 8⌉ | for each row of the part the position of its identity above, *w* bits each, low bits first; *w* is the width of *n* − 1 |

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use model::ids::EventId;
use storage::Storage;

use crate::error::{Error, Result};

const MAGIC: &[u8; 8] = b"WFIDRN02";
/// Magic and count: identities stay aligned.
pub(crate) const HEADER_LEN: u64 = 16;

#[inline]
pub(crate) fn key_from(bytes: &[u8]) -> u128 {
    u128::from_be_bytes(bytes.try_into().expect("chunks of sixteen"))
}

/// Bits of a position among `count` identities.
fn width(count: u64) -> u32 {
    u64::BITS - count.saturating_sub(1).leading_zeros()
}

/// Bytes that `count` positions take.
fn order_len(count: u64) -> u64 {
    (count * u64::from(width(count))).div_ceil(8)
}

/// Where a sorted piece holds the identity. They are spread evenly, so it lies within a few standard
/// deviations (at most half a root of the count each) of where its share of the space points: a
/// search of that window stays in the cache, one of the whole piece does not.
#[inline]
pub(crate) fn find(keys: &[u128], id: u128) -> Option<usize> {
    let guess = (((id >> 64) * keys.len() as u128) >> 64) as usize;
    let spread = 2 * keys.len().isqrt() + 8;
    let (low, high) = (
        guess.saturating_sub(spread),
        (guess + spread).min(keys.len()),
    );
    let below = low == 0 || keys[low - 1] < id;
    let above = high == keys.len() || id < keys[high];
    let (low, window) = if below && above {
        (low, &keys[low..high])
    } else {
        (0, keys)
    };
    window.binary_search(&id).ok().map(|at| low + at)
}

/// A sorted piece with an entry for every fourth identity or so: where all of a piece is looked up, one
/// pass over it first makes each look a step or two.
struct Places<'a> {
    sorted: &'a [u128],
    /// Where the identities begin that have these first bits.
    starts: Vec<u32>,
    shift: u32,
}

impl<'a> Places<'a> {
    fn new(sorted: &'a [u128]) -> Self {
        let bits = (sorted.len() / 4 + 1).ilog2();
        let shift = u128::BITS - bits - 1;
        let mut starts = vec![0; (2 << bits) + 1];
        for key in sorted {
            starts[(key >> shift) as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        Places {
            sorted,
            starts,
            shift,
        }
    }

    #[inline]
    fn find(&self, id: u128) -> Option<usize> {
        let bucket = (id >> self.shift) as usize;
        let (low, high) = (
            self.starts[bucket] as usize,
            self.starts[bucket + 1] as usize,
        );
        // Crafted identities may fill one bucket; a search by halves stays short.
        let at = self.sorted[low..high].binary_search(&id).ok()?;
        Some(low + at)
    }
}

/// Writes the identities `sorted` and the `order` in which the part's rows have them. Not fsynced
/// here: the stage does it with the parts.
pub(crate) fn write(path: &Path, sorted: &[u128], order: &[u128]) -> Result<File> {
    debug_assert_eq!(sorted.len(), order.len(), "a row has one identity");
    let file = File::create(path).map_err(Error::io(path))?;
    let mut out = BufWriter::with_capacity(1 << 18, file);
    let put =
        |out: &mut BufWriter<File>, bytes: &[u8]| out.write_all(bytes).map_err(Error::io(path));
    let count = sorted.len() as u64;
    put(&mut out, MAGIC)?;
    put(&mut out, &count.to_le_bytes())?;
    for key in sorted {
        put(&mut out, &key.to_be_bytes())?;
    }
    let places = Places::new(sorted);
    let width = width(count);
    let (mut bits, mut held) = (0_u128, 0_u32);
    for id in order {
        let position = places.find(*id).ok_or_else(|| Error::DamagedRun {
            path: path.to_owned(),
            detail: "a row's identity is not among those of its part".to_owned(),
        })?;
        bits |= (position as u128) << held;
        held += width;
        if held >= 64 {
            put(&mut out, &(bits as u64).to_le_bytes())?;
            bits >>= 64;
            held -= 64;
        }
    }
    put(&mut out, &bits.to_le_bytes()[..held.div_ceil(8) as usize])?;
    out.into_inner()
        .map_err(|error| Error::io(path)(error.into_error()))
}

/// Reads a run front to back.
pub(crate) struct Reader {
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
    at: usize,
    /// Identities of the run.
    pub(crate) count: u64,
    left: u64,
}

impl Reader {
    pub(crate) fn open(files: &Storage, path: &Path) -> Result<Self> {
        let mut file = files.open(path).map_err(Error::io(path))?;
        let len = file.metadata().map_err(Error::io(path))?.len();
        let damaged = |detail: &str| Error::DamagedRun {
            path: path.to_owned(),
            detail: detail.to_owned(),
        };
        let mut header = [0; HEADER_LEN as usize];
        file.read_exact(&mut header)
            .map_err(|_| damaged("it is shorter than its header"))?;
        if &header[..8] != MAGIC {
            return Err(damaged("it does not begin as a run of this version"));
        }
        let count = u64::from_le_bytes(header[8..].try_into().expect("eight bytes"));
        // Positions are of 32 bits at most, which also keeps the sums below from overflowing.
        if count > u64::from(u32::MAX) || HEADER_LEN + count * 16 + order_len(count) != len {
            return Err(damaged("its length does not fit its count"));
        }
        Ok(Reader {
            path: path.to_owned(),
            file,
            buffer: Vec::new(),
            at: 0,
            count,
            left: count,
        })
    }

    /// The next identity in ascending order.
    pub(crate) fn next(&mut self) -> Result<Option<u128>> {
        if self.at == self.buffer.len() {
            if self.left == 0 {
                return Ok(None);
            }
            let wanted = self.left.min(4096) as usize * 16;
            self.buffer.resize(wanted, 0);
            self.file
                .read_exact(&mut self.buffer)
                .map_err(Error::io(&self.path))?;
            self.at = 0;
        }
        let key = key_from(&self.buffer[self.at..self.at + 16]);
        self.at += 16;
        self.left -= 1;
        Ok(Some(key))
    }
}

/// The identities of a part in the order of its rows.
///
/// # Errors
/// The run cannot be read, or is damaged.
pub(crate) fn in_row_order(files: &Storage, path: &Path) -> Result<Vec<[u8; 16]>> {
    let Reader {
        mut file, count, ..
    } = Reader::open(files, path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(Error::io(path))?;
    let (sorted, _) = bytes.as_chunks::<16>();
    let sorted = &sorted[..count as usize];
    let width = width(count);
    let packed = &bytes[count as usize * 16..];
    let mask = (1_u64 << width) - 1;
    let mut identities = Vec::with_capacity(sorted.len());
    for row in 0..count {
        let bit = row * u64::from(width);
        let from = (bit / 8) as usize;
        let upto = (from + 8).min(packed.len());
        let mut word = [0; 8];
        word[..upto - from].copy_from_slice(&packed[from..upto]);
        let position = (u64::from_le_bytes(word) >> (bit % 8)) & mask;
        let identity = sorted
            .get(position as usize)
            .ok_or_else(|| Error::DamagedRun {
                path: path.to_owned(),
                detail: format!("row {row} points behind the last identity"),
            })?;
        identities.push(*identity);
    }
    Ok(identities)
}

/// The identities of single rows of a part: read one by one where they are few.
///
/// # Errors
/// The run cannot be read, is damaged, or has no such row.
pub(crate) fn of_rows(files: &Storage, path: &Path, rows: &[u32]) -> Result<Vec<[u8; 16]>> {
    let Reader { file, count, .. } = Reader::open(files, path)?;
    let damaged = |row: u32| Error::DamagedRun {
        path: path.to_owned(),
        detail: format!("it has no row {row}: it is not the one of its part"),
    };
    if rows.len() as u64 > count / 64 + 16 {
        let all = in_row_order(files, path)?;
        let of = |row: &u32| all.get(*row as usize).copied().ok_or_else(|| damaged(*row));
        return rows.iter().map(of).collect();
    }
    let width = width(count);
    let mask = (1_u64 << width) - 1;
    let packed = HEADER_LEN + count * 16;
    let end = packed + order_len(count);
    rows.iter()
        .map(|row| {
            if u64::from(*row) >= count {
                return Err(damaged(*row));
            }
            let bit = u64::from(*row) * u64::from(width);
            let from = packed + bit / 8;
            let mut word = [0; 8];
            let len = (end - from).min(8) as usize;
            file.read_exact_at(&mut word[..len], from)
                .map_err(Error::io(path))?;
            let position = (u64::from_le_bytes(word) >> (bit % 8)) & mask;
            if position >= count {
                return Err(damaged(*row));
            }
            let mut id = [0; 16];
            file.read_exact_at(&mut id, HEADER_LEN + position * 16)
                .map_err(Error::io(path))?;
            Ok(id)
        })
        .collect()
}

/// The row of a part that has this identity; `None` where none has.
///
/// # Errors
/// The run cannot be read, or is damaged.
pub(crate) fn row_of(files: &Storage, path: &Path, id: EventId) -> Result<Option<u32>> {
    let Reader { file, count, .. } = Reader::open(files, path)?;
    let wanted = key_from(&id.0);
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        let mut key = [0; 16];
        file.read_exact_at(&mut key, HEADER_LEN + middle * 16)
            .map_err(Error::io(path))?;
        match key_from(&key).cmp(&wanted) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
            std::cmp::Ordering::Equal => {
                // Its place among the sorted; the order of rows says which row has it.
                let order = in_row_order(files, path)?;
                let row = order.iter().position(|one| *one == id.0);
                return Ok(row.and_then(|row| u32::try_from(row).ok()));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_get_their_identities_back(ids in proptest::collection::hash_set(any::<u128>(), 0..700)) {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("r.ids");
            let files = Storage::folder(folder.path());
            let order: Vec<u128> = ids.into_iter().collect();
            let mut sorted = order.clone();
            sorted.sort_unstable();
            write(&path, &sorted, &order).expect("writes");
            let read: Vec<u128> = in_row_order(&files, &path)
                .expect("reads")
                .iter()
                .map(|id| u128::from_be_bytes(*id))
                .collect();
            prop_assert_eq!(&read, &order);
            for few in [1, 7, order.len()] {
                let rows: Vec<u32> = (0..order.len() as u32).rev().step_by(few.max(1)).collect();
                let single: Vec<u128> = of_rows(&files, &path, &rows)
                    .expect("reads")
                    .iter()
                    .map(|id| u128::from_be_bytes(*id))
                    .collect();
                let wanted: Vec<u128> = rows.iter().map(|row| order[*row as usize]).collect();
                prop_assert_eq!(single, wanted);
            }
            prop_assert!(of_rows(&files, &path, &[order.len() as u32]).is_err());
            for (row, id) in order.iter().enumerate().take(5) {
                let found = row_of(&files, &path, EventId(id.to_be_bytes())).expect("reads");
                prop_assert_eq!(found, Some(row as u32));
                let other = row_of(&files, &path, EventId((id ^ 1).to_be_bytes())).expect("reads");
                let there = order.iter().position(|one| *one == id ^ 1).map(|row| row as u32);
                prop_assert_eq!(other, there);
            }
            let mut reader = Reader::open(&files, &path).expect("opens");
            for key in sorted {
                prop_assert_eq!(reader.next().expect("reads"), Some(key));
            }
            prop_assert_eq!(reader.next().expect("reads"), None);
        }
    }

    #[test]
    fn a_damaged_order_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("r.ids");
        let files = Storage::folder(folder.path());
        let keys = [1_u128 << 100, 2 << 100, 3 << 100];
        write(&path, &keys, &[keys[2], keys[0], keys[1]]).expect("writes");
        let mut bytes = std::fs::read(&path).expect("reads");
        let last = bytes.len() - 1;
        bytes[last] = 0xff;
        std::fs::write(&path, &bytes).expect("writes");
        let error = in_row_order(&files, &path).expect_err("points behind the end");
        assert!(
            error.to_string().contains("behind the last identity"),
            "{error}"
        );
        bytes.pop();
        std::fs::write(&path, &bytes).expect("writes");
        assert!(in_row_order(&files, &path).is_err());
    }
}
