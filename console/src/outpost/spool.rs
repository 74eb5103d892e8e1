//! The spool of a public node: what was taken and not yet fetched, a sealed file each, named by the slot of its
//! receipt. A file is durable before its receipt is shown, and goes away only when the inside says that it is durable
//! there. What is kept is bounded in bytes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::Spooled;
use super::answers::is_slot;

/// End of a finished file's name.
const END: &str = ".asc";
/// End of the name of one under way.
const PART: &str = ".part";
/// Files that one look lists.
const LISTED: usize = 500;

/// Writes a file of a folder so that it is there whole or not at all; durable when this returns.
///
/// # Errors
/// The disk. What was written of an unfinished file is removed; a finished one may be there and not be durable.
pub(crate) fn durable(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let part = folder.join(format!("{name}{PART}"));
    let written = || {
        let mut file = File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, folder.join(name))
    };
    if let Err(error) = written() {
        // What of it was written takes the room that others need.
        let _ = fs::remove_file(&part);
        return Err(error);
    }
    File::open(folder)?.sync_all()
}

/// Whether the disk had no room left: for us, or at all.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// A file that waits to be fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The slot of its receipt, which is its name.
    pub slot: String,
    /// Bytes, sealed.
    pub bytes: u64,
}

/// What lies in a spool's folder; nothing where there is none yet.
///
/// # Errors
/// The disk.
pub(super) fn look(folder: &Path) -> io::Result<Spooled> {
    let mut level = Spooled::default();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(level),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().ends_with(END) {
            continue;
        }
        // Fetched and forgotten just now.
        let Ok(meta) = entry.metadata() else { continue };
        level.files += 1;
        level.bytes += meta.len();
        let taken = meta.modified()?;
        level.oldest = Some(level.oldest.map_or(taken, |oldest| oldest.min(taken)));
    }
    Ok(level)
}

/// The spool.
pub(crate) struct Spool {
    folder: PathBuf,
    most: u64,
    /// Bytes that are kept. Held while files come and go.
    kept: Mutex<u64>,
}

impl Spool {
    /// Opens it; what a killed process left unfinished is removed: nobody got a receipt for it.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn open(folder: &Path, most: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.to_string_lossy().ends_with(PART) {
                fs::remove_file(path)?;
            }
        }
        let spool = Spool {
            folder: folder.to_owned(),
            most,
            kept: Mutex::new(0),
        };
        let kept = spool.all()?.iter().map(|one| one.bytes).sum();
        *spool.kept.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        Ok(spool)
    }

    fn path(&self, slot: &str) -> PathBuf {
        self.folder.join(format!("{slot}{END}"))
    }

    /// Every file, in the order of its name.
    fn all(&self) -> io::Result<Vec<Waiting>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(slot) = name.strip_suffix(END).filter(|slot| is_slot(slot)) {
                all.push(Waiting {
                    slot: slot.to_owned(),
                    bytes: entry.metadata()?.len(),
                });
            }
        }
        all.sort_by(|a, b| a.slot.cmp(&b.slot));
        Ok(all)
    }

    /// Bytes that are kept, and at most.
    pub(crate) fn level(&self) -> (u64, u64) {
        let kept = *self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        (kept, self.most)
    }

    /// Keeps a sealed file; durable when this returns. `false`: there is no room for it, in the spool or on the disk.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn keep(&self, slot: &str, sealed: &[u8]) -> io::Result<bool> {
        let bytes = sealed.len() as u64;
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if *kept + bytes > self.most {
                return Ok(false);
            }
            *kept += bytes;
        }
        let done = durable(&self.folder, &format!("{slot}{END}"), sealed);
        if done.is_err() {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            *kept = kept.saturating_sub(bytes);
        }
        match done {
            Err(error) if is_full(&error) => {
                tracing::error!(%error, folder = %self.folder.display(), "the disk has no room for what was sent");
                Ok(false)
            }
            done => done.map(|()| true),
        }
    }

    /// Whether a slot's file waits.
    pub(crate) fn holds(&self, slot: &str) -> bool {
        is_slot(slot) && self.path(slot).is_file()
    }

    /// Some of the files that wait, and how many there are.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn waiting(&self) -> io::Result<(Vec<Waiting>, usize)> {
        let mut all = self.all()?;
        let count = all.len();
        all.truncate(LISTED);
        Ok((all, count))
    }

    /// A file's bytes; `None`: there is none.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn read(&self, slot: &str) -> io::Result<Option<Vec<u8>>> {
        if !is_slot(slot) {
            return Ok(None);
        }
        match fs::read(self.path(slot)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }

    /// Forgets a file that is durable inside; twice is once.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn forget(&self, slot: &str) -> io::Result<()> {
        if !is_slot(slot) {
            return Ok(());
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.path(slot);
        let bytes = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?.len(),
        };
        fs::remove_file(path)?;
        *kept = kept.saturating_sub(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 10).unwrap();
        let slot = |c: char| c.to_string().repeat(64);
        assert!(spool.keep(&slot('a'), b"1234567").unwrap());
        assert!(!spool.keep(&slot('b'), b"1234567").unwrap(), "full");
        fs::write(folder.path().join("cut.part"), b"left by a kill").unwrap();
        let again = Spool::open(folder.path(), 10).unwrap();
        assert_eq!(again.level(), (7, 10));
        assert!(!folder.path().join("cut.part").exists());
        assert_eq!(again.read(&slot('a')).unwrap().unwrap(), b"1234567");
        again.forget(&slot('a')).unwrap();
        again.forget(&slot('a')).unwrap();
        assert_eq!(again.level(), (0, 10));
        assert!(again.keep(&slot('b'), b"1234567").unwrap());
        assert_eq!(again.read("../../etc/passwd").unwrap(), None);
    }
}
