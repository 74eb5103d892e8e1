//! Bytes of a reference file: opened, hashed, unpacked with a cap, and split into lines.
//!
//! Also the tally that every importer fills: a line is a record, of no use, or refused with a
//! reason; nothing is dropped silently. The parsing itself is under `import`.

use std::fmt::Display;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::Error;

/// No table we know unpacks to more (GeoIP2 City, the largest, is about 130 MB).
const UNPACKED_LIMIT: u64 = 1 << 30;

/// How many refusals of one file are kept with their reason; the rest are only counted.
pub const KEPT_PROBLEMS: usize = 20;

/// One opened reference file.
pub(crate) struct Input {
    /// Where it came from, for messages.
    pub path: PathBuf,
    /// Unpacked content without a byte-order mark.
    pub bytes: Vec<u8>,
    /// BLAKE3 of the file as it lies on disk, still packed.
    pub hash: [u8; 32],
}

/// Opens, hashes and unpacks a file. gzip and zstd are known by their first bytes, not by name.
pub(crate) fn open(path: &Path) -> Result<Input, Error> {
    let read = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let mut raw = Vec::new();
    let file = File::open(path).map_err(read)?;
    file.take(UNPACKED_LIMIT + 1)
        .read_to_end(&mut raw)
        .map_err(read)?;
    let hash = *blake3::hash(&raw).as_bytes();
    let damaged = |error: std::io::Error| Error::Damaged {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let mut bytes = match raw.as_slice() {
        [0x1f, 0x8b, ..] => {
            let mut unpacked = Vec::new();
            flate2::read::MultiGzDecoder::new(raw.as_slice())
                .take(UNPACKED_LIMIT + 1)
                .read_to_end(&mut unpacked)
                .map_err(damaged)?;
            unpacked
        }
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let mut unpacked = Vec::new();
            zstd::stream::read::Decoder::with_buffer(raw.as_slice())
                .map_err(damaged)?
                .take(UNPACKED_LIMIT + 1)
                .read_to_end(&mut unpacked)
                .map_err(damaged)?;
            unpacked
        }
        _ => raw,
    };
    if bytes.len() as u64 > UNPACKED_LIMIT {
        return Err(Error::TooLarge {
            path: path.to_owned(),
            limit: UNPACKED_LIMIT,
        });
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    Ok(Input {
        path: path.to_owned(),
        bytes,
        hash,
    })
}

impl Input {
    /// The lines with their numbers from 1, without end-of-line characters and outer blanks. Blank
    /// lines are left out; comments are the importer's matter.
    pub fn lines(&self) -> impl Iterator<Item = (u64, &[u8])> {
        lines(&self.bytes)
    }
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let current = rest?;
        Some(match memchr::memchr(b'\n', current) {
            Some(end) => {
                rest = Some(&current[end + 1..]);
                &current[..end]
            }
            None => {
                rest = None;
                current
            }
        })
    })
    .zip(1u64..)
    .map(|(line, number)| (number, line.trim_ascii()))
    .filter(|(_, line)| !line.is_empty())
}

/// What became of a file's lines.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// File name for `file:line: reason`.
    file: String,
    /// Lines that became part of the tables.
    pub records: u64,
    /// Lines that were understood and say nothing that we keep (summaries, AS delegations).
    pub unused: u64,
    /// Lines that could not be read.
    pub rejected: u64,
    /// The first [`KEPT_PROBLEMS`] of them.
    pub problems: Vec<String>,
}

impl Tally {
    /// An empty tally for a file.
    pub fn new(path: &Path) -> Self {
        let file = path.file_name().map_or_else(
            || path.display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        );
        Tally {
            file,
            ..Tally::default()
        }
    }

    /// Counts a line that cannot be read. `line` is a line number or a position such as `list[3]`.
    pub fn refuse(&mut self, line: impl Display, reason: impl Display) {
        self.rejected += 1;
        if self.problems.len() < KEPT_PROBLEMS {
            self.problems
                .push(format!("{}:{line}: {reason}", self.file));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_numbers_over_blank_ones() {
        let seen: Vec<(u64, &[u8])> = lines(b"a\r\n\n  b \nc").collect();
        assert_eq!(seen, [(1, b"a".as_slice()), (3, b"b"), (4, b"c")]);
        assert_eq!(lines(b"").count(), 0);
    }

    #[test]
    fn only_the_first_refusals_are_kept_all_are_counted() {
        let mut tally = Tally::new(Path::new("/x/list.txt"));
        for line in 1..=25 {
            tally.refuse(line, "no prefix");
        }
        assert_eq!((tally.rejected, tally.problems.len()), (25, KEPT_PROBLEMS));
        assert_eq!(tally.problems[0], "list.txt:1: no prefix");
    }
}
