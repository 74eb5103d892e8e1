//! The spool: where fetched bytes wait until they are archived. A delivery is written under a name
//! that ends in `.part`, made durable and renamed, so that what bears its own name is whole.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::failure::{Failure, Result};

/// Longest name of a spooled file, in bytes.
const LONGEST_NAME: usize = 100;

/// A delivery in the spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spooled {
    /// The file.
    pub path: PathBuf,
    /// Where it came from, as shown and as searched for dates and names; without query or secrets.
    pub origin: String,
    /// The file's name on the other side.
    pub name: String,
}

/// A feed's folder in the spool.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    next: u64,
}

impl Spool {
    /// Opens `spool/<feed>`, and removes what an interrupted transfer left there.
    ///
    /// # Errors
    /// A folder that cannot be made or read.
    pub fn open(spool: &Path, feed: &str) -> Result<Self> {
        let folder = spool.join(feed);
        std::fs::create_dir_all(&folder).map_err(Failure::local(&folder))?;
        let mut next = 0;
        for entry in std::fs::read_dir(&folder).map_err(Failure::local(&folder))? {
            let path = entry.map_err(Failure::local(&folder))?.path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or("");
            let number = name
                .split('-')
                .next()
                .and_then(|number| number.parse::<u64>().ok());
            if name.ends_with(".part") {
                std::fs::remove_file(&path).map_err(Failure::local(&path))?;
            } else if let Some(number) = number {
                next = next.max(number.saturating_add(1));
            }
        }
        Ok(Spool { folder, next })
    }

    /// The path that the next delivery of this name has.
    pub fn next_path(&self, name: &str) -> PathBuf {
        self.folder
            .join(format!("{:06}-{}", self.next, plain(name)))
    }

    /// Begins a delivery.
    ///
    /// # Errors
    /// A file that cannot be made.
    pub fn begin(&self) -> Result<Part> {
        let path = self.folder.join(format!("{:06}.part", self.next));
        let file = File::create(&path).map_err(Failure::local(&path))?;
        Ok(Part {
            file: Some(file),
            path,
        })
    }

    /// Makes a delivery durable under its name.
    ///
    /// # Errors
    /// A file or folder that cannot be synced or renamed.
    pub async fn keep(&mut self, mut part: Part, name: &str, origin: String) -> Result<Spooled> {
        let name = plain(name);
        let path = self.next_path(&name);
        let folder = self.folder.clone();
        let from = std::mem::take(&mut part.path);
        let file = part.file.take();
        let to = path.clone();
        // Syncing waits for the disk: not on the threads that serve connections.
        let kept = tokio::task::spawn_blocking(move || {
            let done = (|| {
                if let Some(file) = &file {
                    file.sync_all()?;
                }
                std::fs::rename(&from, &to)?;
                File::open(&folder)?.sync_all()
            })();
            if done.is_err() {
                // Best effort: the next opening of the spool removes it as well.
                let _ = std::fs::remove_file(&from);
            }
            done
        });
        kept.await
            .map_err(io::Error::other)
            .and_then(|kept| kept)
            .map_err(Failure::local(&path))?;
        self.next = self.next.saturating_add(1);
        Ok(Spooled { path, origin, name })
    }

    /// As [`Spool::begin`] and [`Spool::keep`], for bytes at hand.
    ///
    /// # Errors
    /// As these.
    pub async fn put(&mut self, bytes: &[u8], name: &str, origin: String) -> Result<Spooled> {
        let mut part = self.begin()?;
        let path = part.path.clone();
        part.write_all(bytes).map_err(Failure::local(&path))?;
        self.keep(part, name, origin).await
    }
}

/// A delivery under way; removed unless it is kept. Writes go to the page cache in pieces of what
/// the network gives, which does not hold up a thread.
#[derive(Debug)]
pub struct Part {
    file: Option<File>,
    path: PathBuf,
}

impl Part {
    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        let file = self.file.as_ref();
        file.is_none_or(|file| file.metadata().is_ok_and(|found| found.len() == 0))
    }
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.file {
            Some(file) => file.write(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // Best effort: the next opening of the spool removes it as well.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A name from outside as a file name of ours: ASCII letters, digits, dot, dash, underscore; no
/// leading dot, bounded length with the ending kept.
pub fn plain(name: &str) -> String {
    let last = name
        .rsplit(['/', '\\'])
        .find(|part| !part.is_empty())
        .unwrap_or("");
    let mut plain: String = last
        .chars()
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' => c,
            _ => '_',
        })
        .collect();
    plain = plain.trim_start_matches('.').to_owned();
    if plain.len() > LONGEST_NAME {
        plain = plain.split_off(plain.len() - LONGEST_NAME);
        plain = plain.trim_start_matches('.').to_owned();
    }
    // `.part` is what is not whole.
    if let Some(stem) = plain.strip_suffix(".part") {
        plain = format!("{stem}_part");
    }
    if plain.is_empty() {
        "delivery".to_owned()
    } else {
        plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_outside_are_plain() {
        let cases = [
            ("list.csv", "list.csv"),
            ("../../etc/passwd", "passwd"),
            ("..", "delivery"),
            ("a/b\\c d.csv", "c_d.csv"),
            (".hidden", "hidden"),
            ("", "delivery"),
            ("x.part", "x_part"),
            ("报告.csv", "__.csv"),
            ("a\0b\n", "a_b_"),
        ];
        for (name, expected) in cases {
            assert_eq!(plain(name), expected, "{name:?}");
        }
        let long = format!("{}.csv", "x".repeat(500));
        assert!(plain(&long).len() <= LONGEST_NAME && plain(&long).ends_with(".csv"));
    }

    #[tokio::test]
    async fn what_bears_its_name_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(folder.path(), "one").unwrap();
        let kept = spool
            .put(b"whole", "a.csv", "a.csv".to_owned())
            .await
            .unwrap();
        assert_eq!(std::fs::read(&kept.path).unwrap(), b"whole");
        let mut part = spool.begin().unwrap();
        part.write_all(b"half").unwrap();
        drop(part);
        let half = folder.path().join("one/000007.part");
        std::fs::write(&half, b"left behind").unwrap();
        let mut again = Spool::open(folder.path(), "one").unwrap();
        assert!(!half.exists());
        let second = again.put(b"2", "b.csv", "b.csv".to_owned()).await.unwrap();
        assert!(second.path.ends_with("one/000001-b.csv"), "{second:?}");
        let names = std::fs::read_dir(folder.path().join("one"))
            .unwrap()
            .count();
        assert_eq!(names, 2);
    }
}
