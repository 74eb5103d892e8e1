//! Files under a temporary name until they are whole.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// What the names of such files begin with.
pub const TEMPORARY: &str = "tmp-";

/// A file under a temporary name, removed when dropped before it was given its own. It is locked as long as it is
/// written: a sweep tells by the lock what a killed process has left.
#[derive(Debug)]
pub struct Temporary {
    path: PathBuf,
    file: File,
    kept: bool,
}

impl Temporary {
    /// A new one in a folder that exists.
    ///
    /// # Errors
    /// It cannot be created or locked.
    pub fn new(folder: &Path) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        loop {
            let n = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!("{TEMPORARY}{}-{n}", std::process::id()));
            let mut options = OpenOptions::new();
            // Read as well as write: some systems lock only what can be read.
            let file = match options.read(true).write(true).create_new(true).open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            };
            // A sweep may have seen the file before the lock: then it holds the lock or removed it.
            match file.try_lock() {
                Ok(()) if path.exists() => {
                    return Ok(Temporary {
                        path,
                        file,
                        kept: false,
                    });
                }
                Ok(()) | Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => {
                    let _ = fs::remove_file(&path);
                    return Err(error);
                }
            }
        }
    }

    /// Where it is written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// To write to. Whoever keeps it makes it durable first: a power cut must not leave half a file under its name.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Gives it its name, in a folder of the same file system.
    ///
    /// # Errors
    /// It cannot be renamed; it is removed then.
    pub fn keep(mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed now is removed by the next sweep.
            let _ = fs::remove_file(&self.path);
        }
    }
}
