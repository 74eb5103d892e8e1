//! The folder as a cache: which files may be thrown out, and which of them first.
//!
//! A file that the store has too is read-only; the time it was last used is its time of change. Both stand on the file,
//! so that processes which share a folder need not talk to each other.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Timespec, Timestamps, UTIME_NOW};

use crate::temporary::{TEMPORARY, Temporary};
use crate::{Error, Result};

/// Folders of the workspace that are a cache. Reference files are few and stay.
const FOLDERS: [&str; 2] = ["lake", "blobs"];
/// Rights of a file that the store has too.
const KEPT: u32 = 0o444;

/// Whether the file says that the store has it too.
pub(crate) fn is_published(meta: &fs::Metadata) -> bool {
    meta.is_file() && meta.permissions().mode() & 0o222 == 0
}

/// Writes on a file that the store has it too.
pub(crate) fn mark(path: &Path) -> Result<()> {
    let kept = fs::Permissions::from_mode(KEPT);
    match fs::set_permissions(path, kept) {
        // Thrown out, or taken away by whoever knows that its time is over.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done.map_err(|error| Error::io(path, error)),
    }
}

/// Notes that a file is used now. A file of somebody else's cannot be noted, and is thrown out a little early.
pub(crate) fn touch(file: &File) {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_NOW,
    };
    let times = Timestamps {
        last_access: now,
        last_modification: now,
    };
    let _ = rustix::fs::futimens(file, &times);
}

/// Forgets a copy; whether there was one that the store has too.
pub(crate) fn forget(path: &Path) -> Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(meta) if is_published(&meta) => {}
        _ => return Ok(false),
    }
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io(path, error)),
    }
}

/// A file to be fetched, beside the place where it will lie.
pub(crate) fn incoming(target: &Path) -> Result<Temporary> {
    let folder = target.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
    Temporary::new(folder).map_err(|error| Error::io(folder, error))
}

/// Gives a whole file that was fetched its name. It is made durable first: a power cut must not leave half of it under
/// the name. The name itself may get lost, then it is fetched again.
pub(crate) fn keep(fetched: Temporary, target: &Path) -> Result<()> {
    let kept = fs::Permissions::from_mode(KEPT);
    let file = fetched.file();
    file.set_permissions(kept)
        .and_then(|()| file.sync_all())
        .and_then(|()| fetched.keep(target))
        .map_err(|error| Error::io(target, error))
}

/// A file that may be thrown out.
struct Cached {
    used: (i64, i64),
    bytes: u64,
    path: PathBuf,
}

/// Throws what was used longest ago out, until what could be thrown out is no more than nine tenths of `bound`; bytes
/// that are left of it. Nothing happens while the bound holds. What is in the way is met again next time.
pub(crate) fn trim(root: &Path, bound: u64) -> u64 {
    let mut cached = Vec::new();
    for folder in FOLDERS {
        gather(&root.join(folder), &mut cached);
    }
    let mut sum: u64 = cached.iter().map(|file| file.bytes).sum();
    if sum <= bound {
        return sum;
    }
    cached.sort_by(|a, b| (a.used, &a.path).cmp(&(b.used, &b.path)));
    for file in cached {
        if sum <= bound / 10 * 9 {
            break;
        }
        if fs::remove_file(&file.path).is_ok() {
            sum -= file.bytes;
        }
    }
    sum
}

/// Finds what may be thrown out, and removes what killed fetches have left.
fn gather(folder: &Path, found: &mut Vec<Cached>) {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let (path, Ok(meta)) = (entry.path(), entry.metadata()) else {
            continue;
        };
        if meta.is_dir() {
            gather(&path, found);
        } else if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            let left = File::open(&path).is_ok_and(|file| file.try_lock().is_ok());
            if left {
                let _ = fs::remove_file(&path);
            }
        } else if is_published(&meta) {
            found.push(Cached {
                used: (meta.mtime(), meta.mtime_nsec()),
                bytes: meta.len(),
                path,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(path: &Path, bytes: usize, published: bool) {
        fs::create_dir_all(path.parent().expect("has one")).expect("a folder");
        fs::write(path, vec![1; bytes]).expect("writes");
        if published {
            mark(path).expect("marks");
        }
    }

    #[test]
    fn what_was_used_longest_ago_goes_first_and_what_only_lies_here_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        put(&at("lake/day=2026-01-01/own.parquet"), 5000, false);
        for name in [
            "lake/day=2026-01-01/a.parquet",
            "blobs/ab/b.raw",
            "lake/c.ids",
        ] {
            put(&at(name), 1000, true);
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        put(&at("reference/r"), 5000, true);
        assert_eq!(trim(folder.path(), 3000), 3000);
        touch(&File::open(at("lake/day=2026-01-01/a.parquet")).expect("opens"));
        assert_eq!(trim(folder.path(), 2999), 2000);
        assert!(!at("blobs/ab/b.raw").exists(), "used longest ago");
        assert_eq!(trim(folder.path(), 1000), 0);
        assert!(at("lake/day=2026-01-01/own.parquet").exists());
        assert!(at("reference/r").exists());
    }

    #[test]
    fn killed_fetches_are_swept_and_living_ones_are_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("lake/x.ids");
        let living = incoming(&target).expect("begins");
        put(&folder.path().join("lake/tmp-1-fetch-0"), 10, false);
        assert_eq!(trim(folder.path(), 0), 0);
        assert!(living.path().exists());
        assert!(!folder.path().join("lake/tmp-1-fetch-0").exists());
        let path = living.path().to_owned();
        keep(living, &target).expect("keeps");
        assert!(!path.exists() && is_published(&fs::metadata(&target).expect("is there")));
    }
}
