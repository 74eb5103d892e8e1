//! Passwords that are known from breaches, as a file that lies on this machine: nothing is asked of anybody.
//!
//! Two shapes are read. Lines of SHA-1 in hexadecimal, or their first ten digits and more, in order, with a count
//! behind a colon or without, as the well-known collections come: looked up by halving, however large the file.
//! Or lines of passwords as they are: read through. What the first line is decides. ASVS 5.0.0 6.2.12.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// Fewest hexadecimal digits of a line that is a hash: shorter ones would refuse good passwords by chance.
const DIGITS: usize = 10;
/// Longest line.
const LINE: u64 = 1024;

/// A file of known passwords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breached {
    path: PathBuf,
}

/// A line of hashes: its hexadecimal digits, in capital letters.
fn digits(line: &str) -> Option<String> {
    let hash = line.trim().split(':').next().unwrap_or("");
    let sound = (DIGITS..=40).contains(&hash.len()) && hash.chars().all(|c| c.is_ascii_hexdigit());
    sound.then(|| hash.to_ascii_uppercase())
}

fn line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let read = reader.take(LINE).read_until(b'\n', &mut bytes)?;
    Ok((read > 0).then(|| {
        String::from_utf8_lossy(&bytes)
            .trim_end_matches(['\r', '\n'])
            .to_owned()
    }))
}

impl Breached {
    /// A file, which must be there.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(path: &Path) -> io::Result<Self> {
        File::open(path)?;
        Ok(Breached {
            path: path.to_owned(),
        })
    }

    /// Whether a password is known. Reads a file: call it off the threads that serve.
    ///
    /// # Errors
    /// The file cannot be read any more: then no password should be taken.
    pub fn holds(&self, password: &str) -> io::Result<bool> {
        let mut reader = BufReader::new(File::open(&self.path)?);
        let first = line(&mut reader)?.unwrap_or_default();
        if digits(&first).is_some() {
            return self.hashed(&mut reader, password);
        }
        reader.seek(SeekFrom::Start(0))?;
        while let Some(one) = line(&mut reader)? {
            if !one.is_empty() && one == password {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Halves the file until the line is found that the hash begins with, or its place.
    fn hashed(&self, reader: &mut BufReader<File>, password: &str) -> io::Result<bool> {
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
        let hash: String = hash
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        let (mut low, mut high) = (0, reader.get_ref().metadata()?.len());
        // Every line that begins before `low` is smaller, every one from `high` on is larger.
        while low < high {
            let middle = low + (high - low) / 2;
            let mut at = middle;
            reader.seek(SeekFrom::Start(middle.saturating_sub(1)))?;
            if middle > 0 {
                // To the beginning of the first line that begins at `middle` or later.
                let mut skipped = Vec::new();
                let read = reader.by_ref().take(LINE).read_until(b'\n', &mut skipped)?;
                at = middle - 1 + read as u64;
            }
            if at >= high {
                high = middle;
                continue;
            }
            let text = line(reader)?.unwrap_or_default();
            let after = at + text.len() as u64 + 1;
            let Some(known) = digits(&text) else {
                low = after;
                continue;
            };
            let beginning = &hash[..known.len()];
            match known.as_str().cmp(beginning) {
                std::cmp::Ordering::Equal => return Ok(true),
                std::cmp::Ordering::Less => low = after,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha1(password: &str) -> String {
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
        hash.as_ref()
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect()
    }

    fn file(text: &str) -> (tempfile::TempDir, Breached) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("known");
        std::fs::write(&path, text).expect("written");
        let breached = Breached::open(&path).expect("opened");
        (dir, breached)
    }

    #[test]
    fn every_hash_is_found_and_no_other() {
        let words: Vec<String> = (0..500).map(|n| format!("password number {n}")).collect();
        for (length, tail, end) in [(40, ":17", "\r\n"), (40, "", "\n"), (12, "", "\n")] {
            let mut lines: Vec<String> = words
                .iter()
                .map(|word| format!("{}{tail}", &sha1(word)[..length]))
                .collect();
            lines.sort();
            let (_dir, breached) = file(&lines.join(end));
            for word in &words {
                assert!(breached.holds(word).expect("read"), "{word} of {length}");
            }
            for n in 0..500 {
                let other = format!("another number {n}");
                assert!(!breached.holds(&other).expect("read"), "{other}");
            }
        }
    }

    #[test]
    fn plain_lines_are_read_through() {
        let (_dir, breached) = file("correct horse\nbattery staple 1\n");
        assert!(breached.holds("battery staple 1").expect("read"));
        assert!(!breached.holds("battery staple").expect("read"));
        assert!(!breached.holds("").expect("read"));
        let (_dir, empty) = file("");
        assert!(!empty.holds("x").expect("read"));
    }
}
