//! Exact deduplication: per UTC day, sorted runs of event identities with a filter in front.
//!
//! Identities are hashes, so they are spread evenly: a run sorted by identity can be entered by
//! interpolation, and a filter whose blocks are ordered by identity is walked front to back by a
//! sorted batch of probes. Both keep the work sequential. Runs live on disk beside the parts they
//! belong to and are listed in the same manifest; the filters are rebuilt from them when a day is
//! first touched; small runs are held in memory as one.
//!
//! Memory: twelve bits an identity for the filters, twice sixteen bytes for each identity of the parts
//! being written until their runs are on disk, and a bounded cache of small runs. Days that are not in
//! use are forgotten, least recently used first, when the budget is passed.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use model::ids::EventId;
use model::time::Day;
use storage::Storage;

use crate::error::{Error, Result};
use crate::run::{self, HEADER_LEN, key_from};

/// Identities read at a time when a run is searched or merged: 4 KiB.
const PAGE: usize = 256;
/// Runs of up to this many identities are kept in memory once read (1 MiB).
const SMALL_RUN: u64 = 1 << 16;

/// A blocked Bloom filter of 32-byte blocks, eight bits an identity, about twelve bits each: one block
/// read a probe, false positives near 0.3 % (0.9 % with ten bits, and a day's runs were read for nothing three times
/// as often). Identities are uniform hashes and need no further hashing.
struct Filter {
    blocks: Vec<[u32; 8]>,
}

const SALT: [u32; 8] = [
    0x47b6_137b,
    0x4497_4d91,
    0x8824_ad5b,
    0xa2b7_289d,
    0x7054_95c7,
    0x2df1_424b,
    0x9efc_4947,
    0x5c6b_fb31,
];

impl Filter {
    fn with_capacity(identities: u64) -> Self {
        let blocks = (identities * 12).div_ceil(256).max(1);
        Filter {
            blocks: vec![[0; 8]; blocks as usize],
        }
    }

    /// Monotone in the identity, so sorted probes walk the filter forward.
    #[inline]
    fn block(&self, id: u128) -> usize {
        let high = (id >> 64) as u64;
        ((u128::from(high) * self.blocks.len() as u128) >> 64) as usize
    }

    #[inline]
    fn insert(&mut self, id: u128) {
        let at = self.block(id);
        let low = id as u32;
        for (word, salt) in self.blocks[at].iter_mut().zip(SALT) {
            *word |= 1 << (low.wrapping_mul(salt) >> 27);
        }
    }

    #[inline]
    fn may_hold(&self, id: u128) -> bool {
        let low = id as u32;
        self.blocks[self.block(id)]
            .iter()
            .zip(SALT)
            .all(|(word, salt)| word & (1 << (low.wrapping_mul(salt) >> 27)) != 0)
    }

    fn bytes(&self) -> usize {
        self.blocks.len() * 32
    }
}

enum Keys {
    Memory(Vec<u128>),
    Disk { file: File, path: PathBuf },
}

struct Run {
    keys: Keys,
    count: u64,
    filter: Filter,
}

impl Run {
    fn memory(mut keys: Vec<u128>) -> Self {
        // A vector that grew may hold twice what it needs, and runs stay for long.
        keys.shrink_to_fit();
        let mut filter = Filter::with_capacity(keys.len() as u64);
        keys.iter().for_each(|key| filter.insert(*key));
        Run {
            count: keys.len() as u64,
            keys: Keys::Memory(keys),
            filter,
        }
    }

    fn open(files: &Storage, path: &Path) -> Result<Self> {
        let mut reader = run::Reader::open(files, path)?;
        let count = reader.count;
        let mut filter = Filter::with_capacity(count);
        let mut kept = Vec::new();
        let mut last = None;
        while let Some(key) = reader.next()? {
            if last.is_some_and(|last| last >= key) {
                return Err(Error::DamagedRun {
                    path: path.to_owned(),
                    detail: "identities are not in order".to_owned(),
                });
            }
            last = Some(key);
            filter.insert(key);
            if count <= SMALL_RUN {
                kept.push(key);
            }
        }
        let keys = if count <= SMALL_RUN {
            Keys::Memory(kept)
        } else {
            Keys::Disk {
                file: files.open(path).map_err(Error::io(path))?,
                path: path.to_owned(),
            }
        };
        Ok(Run {
            keys,
            count,
            filter,
        })
    }

    fn bytes(&self) -> usize {
        let keys = match &self.keys {
            Keys::Memory(keys) => keys.len() * 16,
            Keys::Disk { .. } => 0,
        };
        keys + self.filter.bytes()
    }

    /// Marks in `known` every probe that this run holds. Probes are sorted by identity.
    fn mark(&self, probes: &[Probe], known: &mut [bool]) -> Result<()> {
        let mut search = Search {
            run: self,
            page: Vec::new(),
            first: 0,
        };
        for (at, probe) in probes.iter().enumerate() {
            if !known[at] && self.filter.may_hold(probe.id) && search.holds(probe.id)? {
                known[at] = true;
            }
        }
        Ok(())
    }
}

/// A forward search through one run: remembers the page that it read last.
struct Search<'a> {
    run: &'a Run,
    page: Vec<u128>,
    first: u64,
}

impl Search<'_> {
    fn holds(&mut self, id: u128) -> Result<bool> {
        let (file, path) = match &self.run.keys {
            Keys::Memory(keys) => return Ok(run::find(keys, id).is_some()),
            Keys::Disk { file, path } => (file, path),
        };
        let count = self.run.count;
        let (mut low, mut high) = (0, count);
        loop {
            if self.covers(id) {
                return Ok(self.page.binary_search(&id).is_ok());
            }
            if low >= high {
                return Ok(false);
            }
            // Even spread: the fraction of the identity space is the fraction of the run. Later
            // rounds halve what is left, so that a crafted run cannot make the search long.
            let guess = if low == 0 && high == count {
                let fraction = ((id >> 64) * u128::from(count)) >> 64;
                (fraction as u64).saturating_sub(PAGE as u64 / 2)
            } else {
                low + (high - low) / 2
            };
            let start = guess.clamp(low, high - 1) / PAGE as u64 * PAGE as u64;
            self.read(file, path, start)?;
            match (self.page.first(), self.page.last()) {
                (Some(first), _) if id < *first => high = start,
                (_, Some(last)) if id > *last => low = start + self.page.len() as u64,
                _ => return Ok(self.page.binary_search(&id).is_ok()),
            }
            high = high.max(low);
        }
    }

    fn covers(&self, id: u128) -> bool {
        matches!((self.page.first(), self.page.last()), (Some(first), Some(last)) if *first <= id && id <= *last)
    }

    fn read(&mut self, file: &File, path: &Path, start: u64) -> Result<()> {
        let wanted = (self.run.count - start).min(PAGE as u64) as usize;
        let mut bytes = [0; PAGE * 16];
        let bytes = &mut bytes[..wanted * 16];
        file.read_exact_at(bytes, HEADER_LEN + start * 16)
            .map_err(Error::io(path))?;
        self.page.clear();
        self.page.extend(bytes.chunks_exact(16).map(key_from));
        self.first = start;
        Ok(())
    }
}

/// One identity that is asked for, and the row it stands for.
#[derive(Clone, Copy, Debug)]
struct Probe {
    id: u128,
    row: u32,
}

#[derive(Default)]
struct DayIndex {
    /// Runs of live files and of reports staged earlier in this process.
    settled: Vec<Run>,
    /// What the part being written has added, in sorted pieces ...
    fresh: Vec<Run>,
    /// ... and in the order of its rows.
    order: Vec<u128>,
    used: u64,
}

impl DayIndex {
    fn bytes(&self) -> usize {
        let runs = self.settled.iter().chain(&self.fresh);
        runs.map(Run::bytes).sum::<usize>() + self.order.len() * 16
    }
}

/// The identities of every day in use.
pub struct IdentityIndex {
    days: BTreeMap<Day, DayIndex>,
    tick: u64,
    budget: usize,
    probes: Vec<Probe>,
}

impl IdentityIndex {
    /// An index that forgets idle days when it holds more than `budget` bytes.
    pub fn new(budget: usize) -> Self {
        IdentityIndex {
            days: BTreeMap::new(),
            tick: 0,
            budget,
            probes: Vec::new(),
        }
    }

    /// Whether a day's runs have been opened.
    pub fn has(&self, day: Day) -> bool {
        self.days.contains_key(&day)
    }

    /// Opens a day from the runs that the manifest lists for it, files of `files`. Small runs are held as one.
    ///
    /// # Errors
    /// A run that cannot be read, or is damaged.
    pub fn open(&mut self, files: &Storage, day: Day, runs: &[PathBuf]) -> Result<()> {
        let mut settled = Vec::new();
        let mut small = Vec::new();
        for path in runs {
            match Run::open(files, path)? {
                Run {
                    keys: Keys::Memory(mut keys),
                    ..
                } => small.append(&mut keys),
                run => settled.push(run),
            }
        }
        if !small.is_empty() {
            small.sort();
            settled.push(Run::memory(small));
        }
        self.days.insert(
            day,
            DayIndex {
                settled,
                used: self.tick,
                ..DayIndex::default()
            },
        );
        self.forget_idle();
        Ok(())
    }

    fn forget_idle(&mut self) {
        while self.days.len() > 1
            && self.days.values().map(DayIndex::bytes).sum::<usize>() > self.budget
        {
            let idle = self
                .days
                .iter()
                .filter(|(_, index)| index.fresh.is_empty() && index.used < self.tick)
                .min_by_key(|(_, index)| index.used)
                .map(|(day, _)| *day);
            match idle {
                Some(day) => self.days.remove(&day),
                None => break,
            };
        }
    }

    /// Finds the rows of `ids` that are new to their day and keeps their identities; of equal
    /// identities the first row is new. The day must be open.
    ///
    /// # Errors
    /// A run that cannot be read.
    pub fn admit(&mut self, day: Day, ids: &[EventId]) -> Result<Vec<bool>> {
        self.tick += 1;
        let index = self.days.entry(day).or_default();
        index.used = self.tick;
        self.probes.clear();
        self.probes
            .extend(ids.iter().enumerate().map(|(row, id)| Probe {
                id: u128::from_be_bytes(id.0),
                row: row as u32,
            }));
        self.probes
            .sort_unstable_by_key(|probe| (probe.id, probe.row));
        let mut known = vec![false; self.probes.len()];
        for (at, pair) in self.probes.windows(2).enumerate() {
            known[at + 1] = pair[0].id == pair[1].id;
        }
        for run in index.settled.iter().chain(&index.fresh) {
            run.mark(&self.probes, &mut known)?;
        }
        let mut new = vec![false; ids.len()];
        let mut keys = Vec::new();
        for (probe, known) in self.probes.iter().zip(&known) {
            if !known {
                new[probe.row as usize] = true;
                keys.push(probe.id);
            }
        }
        if !keys.is_empty() {
            let rows = ids.iter().zip(&new).filter(|(_, new)| **new);
            index
                .order
                .extend(rows.map(|(id, _)| u128::from_be_bytes(id.0)));
            index.fresh.push(Run::memory(keys));
            merge_equals(&mut index.fresh);
        }
        Ok(new)
    }

    /// Writes what was added to `day` since this was last called as the run of one part to `path`,
    /// and keeps it as settled: rows of later reports in this process are checked against it before
    /// anything is committed.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn settle(&mut self, day: Day, path: &Path) -> Result<Option<(File, u64)>> {
        let Some(index) = self.days.get_mut(&day) else {
            return Ok(None);
        };
        if index.fresh.is_empty() {
            return Ok(None);
        }
        let mut keys: Vec<u128> = Vec::new();
        for run in index.fresh.drain(..) {
            if let Keys::Memory(mut more) = run.keys {
                if keys.is_empty() {
                    keys = more;
                } else {
                    keys.append(&mut more);
                }
            }
        }
        // Sorted pieces: the stable sort finds the runs and merges them.
        keys.sort();
        let count = keys.len() as u64;
        let file = run::write(path, &keys, &std::mem::take(&mut index.order))?;
        let mut run = Run::memory(keys);
        if count > SMALL_RUN {
            run.keys = Keys::Disk {
                file: File::open(path).map_err(Error::io(path))?,
                path: path.to_owned(),
            };
        }
        index.settled.push(run);
        merge_equals(&mut index.settled);
        self.forget_idle();
        Ok(Some((file, count)))
    }

    /// Forgets a day, so that it is opened anew: its runs were replaced, or a report was given up.
    pub fn forget(&mut self, day: Day) {
        self.days.remove(&day);
    }
}

/// Keeps the number of sorted pieces in memory logarithmic: a piece that is not much smaller than
/// the one before it is merged with it. Runs on disk stay as they are.
fn merge_equals(runs: &mut Vec<Run>) {
    while let [.., a, b] = runs.as_slice() {
        let in_memory = matches!((&a.keys, &b.keys), (Keys::Memory(_), Keys::Memory(_)));
        if !in_memory || a.count > b.count * 2 {
            return;
        }
        let (Some(b), Some(a)) = (runs.pop(), runs.pop()) else {
            return;
        };
        let (Keys::Memory(left), Keys::Memory(right)) = (a.keys, b.keys) else {
            return;
        };
        let mut keys = Vec::with_capacity(left.len() + right.len());
        keys.extend_from_slice(&left);
        keys.extend_from_slice(&right);
        drop((left, right));
        // Two sorted pieces: the stable sort finds and merges them.
        keys.sort();
        runs.push(Run::memory(keys));
    }
}

#[cfg(test)]
mod tests;
