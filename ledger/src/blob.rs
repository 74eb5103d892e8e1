//! Blobs: bytes kept under their BLAKE3 hash, beside the database. Raw reports as delivered, compiled
//! reference tables, evidence. Never changed, never overwritten.
//!
//! A blob is written to `tmp-<pid>-<n>`, made durable, and only then renamed to `ab/cdef….raw`: under
//! its final name there is never half a blob, and when a function returns its name the bytes survive a
//! power cut. Where the workspace lies in a store, a blob is in the store too before its name is returned, and is
//! fetched from there by whoever does not have it. The functions block: from async code call them where blocking is allowed.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use storage::{Storage, TEMPORARY, Temporary, Wanted};

use crate::{Error, Hash, Result};

/// Bytes read at a time.
const BLOCK: usize = 1 << 20;

/// A stored blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Blob {
    /// Its name.
    pub hash: Hash,
    /// Its size in bytes.
    pub len: u64,
}

/// A folder of blobs.
#[derive(Clone, Debug)]
pub struct BlobStore {
    dir: PathBuf,
    files: Storage,
}

/// Makes a folder's entries durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<()> {
    let file = File::open(dir).map_err(|source| Error::io(dir, source))?;
    sync(&file, dir)
}

/// Makes a file or folder durable, and measures how long the disk takes.
fn sync(file: &File, path: &Path) -> Result<()> {
    let begun = Instant::now();
    let done = file.sync_all();
    metrics::histogram!("watchfire_fsync_seconds", "store" => "blobs")
        .record(begun.elapsed().as_secs_f64());
    done.map_err(|source| Error::Fsync {
        path: path.to_owned(),
        source,
    })
}

impl BlobStore {
    /// The store in `dir`, which is created on the first write.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        let dir = dir.into();
        BlobStore {
            files: Storage::folder(&dir),
            dir,
        }
    }

    /// The store in the folder `blobs` of a workspace whose files lie in `files`.
    pub fn within(files: &Storage) -> Self {
        BlobStore {
            dir: files.root().join("blobs"),
            files: files.clone(),
        }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where a blob lies, or would.
    pub fn path(&self, hash: &Hash) -> PathBuf {
        let hex = hash.to_string();
        self.dir.join(&hex[..2]).join(format!("{}.raw", &hex[2..]))
    }

    /// Whether a blob is stored, here or in the store behind the folder.
    ///
    /// # Errors
    /// [`Error::Store`] if the store cannot be asked.
    pub fn contains(&self, hash: &Hash) -> Result<bool> {
        Ok(self.files.size(&self.path(hash))?.is_some())
    }

    /// Sizes of blobs as the store behind the folder has them, or the folder where there is none; `None` is nowhere.
    ///
    /// # Errors
    /// [`Error::Store`] if the store cannot be asked.
    pub fn sizes(&self, hashes: &[Hash]) -> Result<Vec<Option<u64>>> {
        let paths = hashes.iter().map(|hash| self.path(hash)).collect();
        Ok(self.files.stored_sizes(paths)?)
    }

    /// Stores a copy of a file, in blocks.
    ///
    /// # Errors
    /// [`Error::Io`] names the file that could not be read or written, [`Error::DiskFull`] the one
    /// that there was no room for, [`Error::Fsync`] is fatal.
    pub fn put_file(&self, source: &Path) -> Result<Blob> {
        let mut file = File::open(source).map_err(|error| Error::io(source, error))?;
        self.put(&mut file, source)
    }

    /// Stores bytes at hand.
    ///
    /// # Errors
    /// As [`BlobStore::put_file`].
    pub fn put_bytes(&self, bytes: &[u8]) -> Result<Blob> {
        self.put(&mut { bytes }, Path::new("(memory)"))
    }

    /// Stores what a reader gives; `name` is for messages.
    ///
    /// # Errors
    /// As [`BlobStore::put_file`].
    pub fn put(&self, source: &mut dyn Read, name: &Path) -> Result<Blob> {
        let blob = self.write(source, name)?;
        self.settle([&blob])?;
        Ok(blob)
    }

    /// Stores copies of many files, in order. Folders are made durable once for all of them, which is
    /// most of the cost of small ones. A file that cannot be stored does not keep the others out.
    ///
    /// # Errors
    /// The outer error concerns all of them: treat none as stored. The inner ones are those of
    /// [`BlobStore::put_file`].
    pub fn put_files<P: AsRef<Path>>(&self, sources: &[P]) -> Result<Vec<Result<Blob>>> {
        let mut blobs = Vec::with_capacity(sources.len());
        for source in sources {
            let source = source.as_ref();
            let blob = File::open(source)
                .map_err(|error| Error::io(source, error))
                .and_then(|mut file| self.write(&mut file, source));
            match blob {
                Err(error) if error.is_fatal() => return Err(error),
                blob => blobs.push(blob),
            }
        }
        self.settle(blobs.iter().flatten())?;
        Ok(blobs)
    }

    /// Writes a blob under its final name; it is durable only once its folders are.
    fn write(&self, source: &mut dyn Read, name: &Path) -> Result<Blob> {
        create_dir(&self.dir)?;
        let temporary = Temporary::new(&self.dir).map_err(|error| Error::io(&self.dir, error))?;
        let mut hasher = blake3::Hasher::new();
        let mut block = vec![0; BLOCK];
        let mut len = 0;
        loop {
            let n = match source.read(&mut block) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::io(name, error)),
            };
            hasher.update(&block[..n]);
            temporary
                .file()
                .write_all(&block[..n])
                .map_err(|error| Error::io(temporary.path(), error))?;
            len += n as u64;
        }
        let hash = Hash::from(hasher.finalize());
        let target = self.path(&hash);
        let folder = target.parent().expect("a blob's path has a folder");
        let stored = fs::metadata(&target).is_ok_and(|found| found.is_file() && found.len() == len);
        if !stored {
            sync(temporary.file(), temporary.path())?;
            create_dir(folder)?;
            temporary
                .keep(&target)
                .map_err(|error| Error::io(&target, error))?;
        }
        Ok(Blob { hash, len })
    }

    /// Makes the names of blobs durable, and copies them to the store. Also of those that were there before: whoever renamed them
    /// may have been killed before this.
    fn settle<'a>(&self, blobs: impl IntoIterator<Item = &'a Blob>) -> Result<()> {
        let blobs: BTreeSet<Hash> = blobs.into_iter().map(|blob| blob.hash).collect();
        let folders: BTreeSet<u8> = blobs.iter().map(|hash| hash.0[0]).collect();
        for first in &folders {
            sync_dir(&self.dir.join(format!("{first:02x}")))?;
        }
        if folders.is_empty() {
            return Ok(());
        }
        sync_dir(&self.dir)?;
        let paths = blobs.iter().map(|hash| self.path(hash)).collect();
        Ok(self.files.publish(paths)?)
    }

    /// Opens a blob for reading.
    ///
    /// # Errors
    /// [`Error::BlobMissing`] if it is not stored.
    pub fn open(&self, hash: &Hash) -> Result<File> {
        let path = self.path(hash);
        if self.files.is_remote() && !path.exists() {
            // By its hash: what comes is what the name says, or nothing.
            let wanted = Wanted {
                path: path.clone(),
                bytes: None,
                hash: Some(hash.0),
            };
            match self.files.fetch(vec![wanted]) {
                Err(storage::Error::Missing { .. }) => {
                    return Err(Error::BlobMissing { hash: *hash, path });
                }
                fetched => fetched?,
            }
        }
        self.files
            .open(&path)
            .map_err(|source| match source.kind() {
                io::ErrorKind::NotFound => Error::BlobMissing { hash: *hash, path },
                _ => Error::io(&path, source),
            })
    }

    /// Reads a blob as a whole; for those that are known to be small.
    ///
    /// # Errors
    /// As [`BlobStore::open`].
    pub fn read(&self, hash: &Hash) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = self.open(hash)?.read_to_end(&mut bytes);
        read.map_err(|source| Error::io(&self.path(hash), source))?;
        Ok(bytes)
    }

    /// Forgets the copy of a blob that lies here where the files have a store behind them; whether there was one.
    ///
    /// # Errors
    /// It cannot be deleted.
    pub fn forget(&self, hash: &Hash) -> Result<bool> {
        Ok(self.files.forget(&self.path(hash))?)
    }

    /// Reads a blob and compares it with its name; returns its size. A copy that is damaged here is fetched again.
    ///
    /// # Errors
    /// [`Error::BlobMissing`], [`Error::BlobCorrupt`].
    pub fn verify(&self, hash: &Hash) -> Result<u64> {
        match self.compare(hash) {
            Err(Error::BlobCorrupt { path, .. }) if self.files.forget(&path)? => self.compare(hash),
            compared => compared,
        }
    }

    fn compare(&self, hash: &Hash) -> Result<u64> {
        let mut file = self.open(hash)?;
        let path = self.path(hash);
        let mut hasher = blake3::Hasher::new();
        let len = io::copy(&mut file, &mut hasher).map_err(|source| Error::io(&path, source))?;
        let found = Hash::from(hasher.finalize());
        if found == *hash {
            Ok(len)
        } else {
            Err(Error::BlobCorrupt {
                hash: *hash,
                found,
                path,
            })
        }
    }

    /// Deletes a blob whose time is over; whether it was there. The caller has recorded why.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that cannot be removed, [`Error::Fsync`] is fatal.
    pub fn remove(&self, hash: &Hash) -> Result<bool> {
        let path = self.path(hash);
        self.files.withdraw(vec![path.clone()])?;
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Error::io(&path, error)),
        }
        // Gone means gone: a power cut shall not bring it back.
        sync_dir(path.parent().expect("a blob's path has a folder"))?;
        Ok(true)
    }

    /// Calls `each` with every stored blob, by folder.
    ///
    /// # Errors
    /// [`Error::Io`] for a folder that cannot be read, and whatever `each` returns.
    pub fn for_each(&self, mut each: impl FnMut(Blob) -> Result<()>) -> Result<()> {
        let mut folders = entries(&self.dir)?;
        folders.retain(|path| path.is_dir());
        for folder in folders {
            let first = folder
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            for path in entries(&folder)? {
                let name = path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                let Some(rest) = name.strip_suffix(".raw") else {
                    continue;
                };
                let Ok(hash) = format!("{first}{rest}").parse() else {
                    continue;
                };
                let len = fs::metadata(&path)
                    .map_err(|source| Error::io(&path, source))?
                    .len();
                each(Blob { hash, len })?;
            }
        }
        Ok(())
    }

    /// Removes temporary files that no living process writes; how many.
    ///
    /// # Errors
    /// [`Error::Io`] for a folder or file that cannot be read or removed.
    pub fn sweep(&self) -> Result<usize> {
        let mut swept = 0;
        for path in entries(&self.dir)? {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if !name.starts_with(TEMPORARY) {
                continue;
            }
            let file = match File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::io(&path, error)),
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => return Err(Error::io(&path, error)),
            }
            match fs::remove_file(&path) {
                Ok(()) => swept += 1,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io(&path, error)),
            }
        }
        Ok(swept)
    }
}

/// Paths in a folder, sorted; none if it does not exist.
fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let list = match fs::read_dir(dir) {
        Ok(list) => list,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(dir, error)),
    };
    let paths: io::Result<Vec<PathBuf>> = list.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(|error| Error::io(dir, error))?;
    paths.sort();
    Ok(paths)
}

/// Creates a folder durably unless it is there. Its parent must exist, except that of the store itself.
fn create_dir(dir: &Path) -> Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir).map_err(|error| Error::io(dir, error))?;
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent),
        _ => Ok(()),
    }
}
