//! A workspace folder, open: configuration, ledger, lake, blobs, reference folder, and the lock of the
//! one command that may write.
//!
//! The only place that reads the clock and that builds the runtime on which the ledger's futures run.
//! Commands are plain functions on the main thread; they wait for futures by [`Workspace::block_on`].

use std::fs::{File, OpenOptions, TryLockError};
use std::future::Future;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use lake::Lake;
use lake::query::Part;
use ledger::{BlobStore, LakeFile, LakeFileKind, Ledger};
use model::time::Timestamp;
use tokio::runtime::Runtime;

use crate::config::{self, Environment, Settings};
use crate::failure::{Exit, Failure, Result};
use crate::talk::Talk;

/// Name of the lock file.
const LOCK: &str = "watchfire.lock";
/// Name of the file that readers share a lock on, so that no file is deleted under them.
const READING: &str = "watchfire.reading";

/// The instant.
pub fn now() -> Timestamp {
    Timestamp::from(jiff::Timestamp::now())
}

/// Today in UTC, the date that imports bear.
pub fn today() -> Date {
    jiff::Timestamp::now()
        .to_zoned_datetime(jiff::tz::TimeZone::UTC)
        .date()
}

/// Ten random bytes, for ids. The standard library seeds its hashers from the system's source.
pub fn random() -> [u8; 10] {
    use std::hash::{BuildHasher, RandomState};
    let mut bytes = [0; 10];
    let draw = || RandomState::new().hash_one(now().0).to_le_bytes();
    bytes[..8].copy_from_slice(&draw());
    bytes[8..].copy_from_slice(&draw()[..2]);
    bytes
}

/// What a command was called with, besides its own arguments.
#[derive(Debug)]
pub struct Session {
    /// Folder named on the command line or by `WATCHFIRE_WORKSPACE`.
    pub folder: Option<PathBuf>,
    /// Whether standard output is for a program.
    pub json: bool,
    /// The voice.
    pub talk: Talk,
    /// The environment.
    pub environment: Environment,
}

/// What a command means to do with the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read what is committed; others may write meanwhile.
    Read,
    /// Change it; the name of the command stands in the lock.
    Write(&'static str),
}

impl Session {
    /// The workspace's folder: named, or the current one if it is one.
    ///
    /// # Errors
    /// There is none, with the remedy.
    pub fn root(&self) -> Result<PathBuf> {
        let (folder, named) = match &self.folder {
            Some(folder) => (folder.clone(), true),
            None => (
                std::env::current_dir().map_err(|error| Failure::new("current folder", error))?,
                false,
            ),
        };
        let found = folder.join(config::FILE).is_file();
        let failure =
            |what: String, why: &str| Err(Failure::new(what, why).with(Exit::Configuration));
        match (found, named) {
            (true, _) => folder.canonicalize().map_err(|error| Failure::new(folder.display(), error)),
            (false, true) if !folder.exists() => failure(folder.display().to_string(), "no such folder")
                .map_err(|failure| failure.remedy(format_args!("watchfire init {}", folder.display()))),
            (false, true) => failure(folder.display().to_string(), "is no workspace: it holds no watchfire.toml")
                .map_err(|failure| failure.remedy(format_args!("watchfire init {}", folder.display()))),
            (false, false) => failure("workspace".to_owned(), "none is named, and the current folder is none")
                .map_err(|failure| failure.remedy("give --workspace DIR, set WATCHFIRE_WORKSPACE, or begin with `watchfire init DIR` or `watchfire demo`")),
        }
    }

    /// The folder and its configuration.
    ///
    /// # Errors
    /// Exit code 3 with every problem.
    pub fn settings(&self) -> Result<(PathBuf, Settings)> {
        let root = self.root()?;
        let settings = config::load(&root, &self.environment).map_err(Failure::configuration)?;
        Ok((root, settings))
    }

    /// Opens the workspace.
    ///
    /// # Errors
    /// The configuration is wrong, someone else writes, or the ledger cannot be opened.
    pub fn open(&self, access: Access) -> Result<Workspace> {
        let (root, settings) = self.settings()?;
        Workspace::open(root, settings, access)
    }
}

/// An open workspace.
#[derive(Debug)]
pub struct Workspace {
    /// Its folder.
    pub root: PathBuf,
    /// Its configuration.
    pub settings: Settings,
    /// Its ledger.
    pub ledger: Ledger,
    /// Its blobs.
    pub blobs: BlobStore,
    /// Its lake.
    pub lake: Lake,
    /// Runs futures.
    runtime: Runtime,
    _lock: Option<Lock>,
    _reading: Option<File>,
}

impl Workspace {
    /// Opens a folder with a configuration at hand.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn open(root: PathBuf, settings: Settings, access: Access) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(settings.query_threads)
            .enable_all()
            .build()
            .map_err(|error| Failure::new("threads", error))?;
        let path = root.join("ledger.db");
        let reading = match access {
            Access::Read => reading(&root),
            Access::Write(_) => None,
        };
        // A workspace that was never written to has no ledger; making it is a change.
        let first = !path.exists();
        let lock = match access {
            Access::Write(command) => Some(Lock::take(&root, command)?),
            Access::Read if first => Some(Lock::take(&root, "first opening")?),
            Access::Read => None,
        };
        let ledger = runtime.block_on(async {
            if lock.is_some() {
                Ledger::open(&path).await
            } else {
                Ledger::open_read_only(&path).await
            }
        })?;
        if first {
            let millis = u64::try_from(now().0 / 1000).unwrap_or(0);
            let id = uuid::Builder::from_unix_timestamp_millis(millis, &random()).into_uuid();
            runtime.block_on(ledger.claim_instance_id(id))?;
        }
        let lake = Lake::open(
            &root.join("lake"),
            settings.query_memory,
            settings.query_threads,
        )?;
        let lock = lock.filter(|_| access != Access::Read);
        let blobs = BlobStore::new(root.join("blobs"));
        Ok(Workspace {
            blobs,
            root,
            settings,
            ledger,
            lake,
            runtime,
            _lock: lock,
            _reading: reading,
        })
    }

    /// Waits for a future of the ledger or the lake.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// The runtime, for threads of the intake.
    pub fn handle(&self) -> tokio::runtime::Handle {
        self.runtime.handle().clone()
    }

    /// Where imported reference files lie.
    pub fn reference_dir(&self) -> PathBuf {
        self.root.join("reference")
    }

    /// Where rendered issues lie.
    pub fn site_dir(&self) -> PathBuf {
        self.root.join("site")
    }

    /// Refuses to go on where the configuration's paths name variables that are not set.
    ///
    /// # Errors
    /// Exit code 3 with each variable and who wants it.
    pub fn need_paths(&self) -> Result {
        if self.settings.unset.is_empty() {
            Ok(())
        } else {
            Err(Failure::configuration(self.settings.unset.clone()))
        }
    }

    /// The lake's live parts at a snapshot (`None`: now) and its number.
    ///
    /// # Errors
    /// There is no such snapshot.
    pub fn parts(&self, snapshot: Option<i64>) -> Result<(i64, Vec<Part>)> {
        self.block_on(async {
            let number = match snapshot {
                Some(number) => number,
                None => self.ledger.current_snapshot().await?,
            };
            let files = self
                .ledger
                .live_files(Some(number), Some(LakeFileKind::Part), None)
                .await?;
            Ok((number, files.iter().map(part).collect()))
        })
    }
}

/// A row of the manifest as the lake reads it.
pub fn part(file: &LakeFile) -> Part {
    Part {
        path: file.path.clone(),
        bytes: file.bytes as u64,
        rows: file.rows as u64,
        min_observed: file.min_observed_at.unwrap_or(i64::MIN),
        max_observed: file.max_observed_at.unwrap_or(i64::MAX),
    }
}

/// The right to change a workspace. Given back when the process ends, however it ends: the system
/// lets the file go, so a killed command leaves no lock behind.
#[derive(Debug)]
struct Lock {
    _file: File,
}

impl Lock {
    fn take(root: &Path, command: &str) -> Result<Self> {
        let path = root.join(LOCK);
        let fail = |error: std::io::Error| Failure::new(path.display(), error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = holder(&mut file).unwrap_or_else(|| "another process".to_owned());
                return Err(Failure::new(
                    format_args!("workspace {}", root.display()),
                    format_args!("is being changed by {holder}"),
                )
                .remedy("wait until it ends; commands that only read work meanwhile"));
            }
            Err(TryLockError::Error(error)) => return Err(fail(error)),
        }
        let line = format!("{} {command}\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(line.as_bytes()))
            .map_err(fail)?;
        Ok(Lock { _file: file })
    }
}

/// Who holds the lock, by what it wrote there.
fn holder(file: &mut File) -> Option<String> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    let (pid, command) = text.trim().split_once(' ')?;
    Some(format!("process {pid} (watchfire {command})"))
}

/// A reader's share of the lock that keeps files from being deleted. Where the folder cannot be written
/// to, nobody deletes from it either.
fn reading(root: &Path) -> Option<File> {
    let path = root.join(READING);
    let file = File::open(&path).or_else(|_| {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        options.open(&path)
    });
    let file = file.ok()?;
    file.lock_shared().ok()?;
    Some(file)
}

/// Does something that no reader of this workspace may be in the middle of; `None` if one is. Readers
/// that begin meanwhile wait.
///
/// # Errors
/// The lock file cannot be opened.
pub fn while_nobody_reads<T>(root: &Path, act: impl FnOnce() -> T) -> Result<Option<T>> {
    let path = root.join(READING);
    let fail = |error: std::io::Error| Failure::new(path.display(), error);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = options.open(&path).map_err(fail)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(act())),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(fail(error)),
    }
}

/// Who is changing the workspace just now, if anyone.
pub fn writer(root: &Path) -> Option<String> {
    let mut file = OpenOptions::new().read(true).open(root.join(LOCK)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => holder(&mut file),
        _ => None,
    }
}
