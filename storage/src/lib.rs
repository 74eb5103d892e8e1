//! Where the files of a workspace lie: in its folder, or in an object store (S3) with the folder as a bounded cache.
//!
//! Files of the lake and blobs never change under their names. A [`Storage`] is asked for a file by its path in the
//! folder; its key in the store is that path below the workspace, after the store's prefix.
//!
//! * **A plain folder** (the default): opening is opening, everything else does nothing.
//! * **Over a store**: [`Storage::publish`] copies files that are durable here into the store and looks that they are
//!   there, before anybody names them; [`Storage::open`] fetches what is not here. Whoever has a file open keeps it:
//!   what is thrown out of the cache loses its name, not its readers.
//!
//! **Which file may be thrown out** is written on the file itself: what is known to be in the store cannot be written
//! to (mode 0444). Files being made can, and are never thrown out. Fetched files are fsynced before they get their
//! name, so that a name never stands for half a file, even after a power cut.
//!
//! **What a store must do**: PUT an object as a whole or not at all, and give it back to whoever asks after that (read
//! after write); HEAD, DELETE and multipart uploads. Nothing is decided by listing, by conditional requests or by
//! ETags: which files there are is in the ledger's manifest. Listing is asked for cleaning only. Where the store keeps
//! metadata, the BLAKE3 of each object stands there and is compared on every fetch; otherwise only the length is.
//!
//! Blocking calls wait on a channel for tasks of a runtime of the storage's own: they may be made from anywhere, also
//! from threads of another runtime, and never wait for themselves.

mod address;
mod cache;
mod error;
mod object;
mod probe;
mod remote;
mod temporary;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::ObjectStore;

pub use address::{Address, Secret};
pub use error::{Error, Result, Trouble};
pub use probe::{Finding, Probed};
pub use remote::Listed;
pub use temporary::{TEMPORARY, Temporary};

use remote::Store;

/// Times a file that vanishes between being fetched and being opened is fetched again.
const TRIES: usize = 3;

/// A file that is wanted here, and what is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Its path in the folder.
    pub path: PathBuf,
    /// Its size in bytes, where it is known: a cached file of another size is fetched again.
    pub bytes: Option<u64>,
    /// Its BLAKE3, where it is known: what is fetched must have it.
    pub hash: Option<[u8; 32]>,
}

impl Wanted {
    /// A file of which the size is known.
    pub fn sized(path: impl Into<PathBuf>, bytes: u64) -> Self {
        Wanted {
            path: path.into(),
            bytes: Some(bytes),
            hash: None,
        }
    }
}

/// The files of a workspace.
#[derive(Clone, Debug)]
pub struct Storage {
    root: PathBuf,
    store: Option<Arc<Store>>,
}

impl Storage {
    /// A plain folder.
    pub fn folder(root: impl Into<PathBuf>) -> Self {
        Storage {
            root: root.into(),
            store: None,
        }
    }

    /// A folder that is the cache of a store. Nothing is asked of the store yet.
    ///
    /// `mark` makes names of new files unlike those of every other process ([`Storage::stamp`]): a few random
    /// letters and digits.
    ///
    /// # Errors
    /// The address makes no client.
    pub fn over(root: impl Into<PathBuf>, address: &Address, mark: &str) -> Result<Self> {
        let root = root.into();
        let store = Store::new(&root, address, mark)?;
        Ok(Storage {
            root,
            store: Some(Arc::new(store)),
        })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether there is a store behind the folder.
    pub fn is_remote(&self) -> bool {
        self.store.is_some()
    }

    /// Where the files lie, for messages: the folder, or `s3://BUCKET/PREFIX`.
    pub fn place(&self) -> String {
        match &self.store {
            Some(store) => store.place().to_owned(),
            None => self.root.display().to_string(),
        }
    }

    /// A mark for the names of files that are about to be written, another for each call and process; `None` in a plain
    /// folder.
    ///
    /// In a folder whoever repeats killed work writes over what it left. In a store that others read, a name must
    /// never get other bytes: a worker that lost its lease may still be writing.
    pub fn stamp(&self) -> Option<String> {
        self.store.as_ref().map(|store| store.stamp())
    }

    /// Opens a file; fetches it first if it is not here.
    ///
    /// # Errors
    /// `NotFound` if it is neither here nor in the store; what the store says is told in the error's text.
    pub fn open(&self, path: &Path) -> io::Result<File> {
        let Some(store) = &self.store else {
            return File::open(path);
        };
        for _ in 0..TRIES {
            match File::open(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Ok(file) => {
                    store.used(path, &file);
                    return Ok(file);
                }
                opened => return opened,
            }
            let wanted = Wanted {
                path: path.to_owned(),
                ..Wanted::default()
            };
            store.wait(Arc::clone(store).fetch_one(wanted))??;
        }
        File::open(path)
    }

    /// Makes sure that files are here, several at a time.
    ///
    /// They may be thrown out again before they are opened, if they are more than the cache takes: then
    /// [`Storage::open`] fetches them once more.
    ///
    /// # Errors
    /// The first file that is not to be had.
    pub fn fetch(&self, files: Vec<Wanted>) -> Result<()> {
        match &self.store {
            Some(store) => store.wait(Arc::clone(store).fetch(files))?,
            None => Ok(()),
        }
    }

    /// As [`Storage::fetch`], without blocking the thread.
    ///
    /// # Errors
    /// As [`Storage::fetch`].
    pub async fn fetched(&self, files: Vec<Wanted>) -> Result<()> {
        match &self.store {
            Some(store) => store.joined(Arc::clone(store).fetch(files)).await?,
            None => Ok(()),
        }
    }

    /// Begins to fetch files of which a query will want most, as many as half of the cache takes, and does not wait.
    /// What cannot be had is told to whoever opens it. Files of another size than expected are forgotten at once.
    pub fn warm(&self, files: Vec<Wanted>) {
        if let Some(store) = &self.store {
            Store::warm(store, files);
        }
    }

    /// Copies files that are durable here to the store, and looks that they are there. When it returns, every node
    /// can read them. In a plain folder there is nothing to do.
    ///
    /// # Errors
    /// The first file that could not be stored: treat none as published. Doing it again does no harm.
    pub fn publish(&self, paths: Vec<PathBuf>) -> Result<()> {
        match &self.store {
            Some(store) if !paths.is_empty() => store.wait(Arc::clone(store).publish(paths))?,
            _ => Ok(()),
        }
    }

    /// Size of a file, here or in the store; `None` if it is nowhere.
    ///
    /// # Errors
    /// The store cannot be asked, or the file not be looked at.
    pub fn size(&self, path: &Path) -> Result<Option<u64>> {
        match std::fs::metadata(path) {
            Ok(meta) if meta.is_file() => return Ok(Some(meta.len())),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io(path, error));
            }
            _ => {}
        }
        match &self.store {
            Some(store) => store.wait(Arc::clone(store).size(path.to_owned()))?,
            None => Ok(None),
        }
    }

    /// Sizes of files as the store has them, many at a time; in a plain folder as the folder has them. What is
    /// nowhere is `None`.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub fn stored_sizes(&self, paths: Vec<PathBuf>) -> Result<Vec<Option<u64>>> {
        match &self.store {
            Some(store) => store.wait(Arc::clone(store).sizes(paths))?,
            None => paths.iter().map(|path| self.size(path)).collect(),
        }
    }

    /// Takes files out of the store; what lies here is the caller's to delete. What is not there is not missed.
    ///
    /// # Errors
    /// The first that could not be taken out.
    pub fn withdraw(&self, paths: Vec<PathBuf>) -> Result<()> {
        match &self.store {
            Some(store) if !paths.is_empty() => store.wait(Arc::clone(store).withdraw(paths))?,
            _ => Ok(()),
        }
    }

    /// What the store lists below a folder; nothing in a plain one. For cleaning and copies only: a store may list late.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub fn list(&self, folder: &Path) -> Result<Vec<Listed>> {
        match &self.store {
            Some(store) => store.wait(Arc::clone(store).list(folder.to_owned()))?,
            None => Ok(Vec::new()),
        }
    }

    /// Forgets the copy of a file that turned out to be damaged, so that it is fetched again; whether there was one
    /// that the store has too.
    ///
    /// # Errors
    /// It cannot be deleted.
    pub fn forget(&self, path: &Path) -> Result<bool> {
        match &self.store {
            Some(_) => cache::forget(path),
            None => Ok(false),
        }
    }

    /// Throws what was used longest ago out of the cache until it fits its bound; bytes that are left of what could
    /// be thrown out. Happens by itself as files come.
    pub fn trim(&self) -> u64 {
        self.store.as_ref().map_or(0, |store| store.trim())
    }

    /// The files below `folder` for DataFusion, by paths relative to it; those that are not here are fetched when they
    /// are opened. `None` in a plain folder: the file system is that already.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn reader(&self, folder: &Path) -> Result<Option<Arc<dyn ObjectStore>>> {
        let Some(store) = &self.store else {
            return Ok(None);
        };
        let reader = object::Reader::new(Arc::clone(store), folder)?;
        Ok(Some(Arc::new(reader)))
    }

    /// Writes, reads, overwrites and deletes an object, and says what the store can do and what is wrong with it.
    /// `now` is the time in microseconds, to tell clocks that differ. Nothing in a plain folder.
    pub fn probe(&self, now: i64) -> Option<Probed> {
        let store = self.store.as_ref()?;
        Some(probe::run(store, now))
    }
}
