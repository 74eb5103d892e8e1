//! A workspace folder, open: configuration, ledger, lake, blobs, reference folder, and the locks of
//! those who may write.
//!
//! Two files are locked. `watchfire.lock` is the right to change the workspace: a command has it from
//! start to end, the serving process only while it takes something in, so that commands work beside
//! it; they wait for its turn to end. `serve.lock` is the right to ask feeds: the serving process has
//! it as long as it lives, `fetch` while it runs.
//!
//! The only place that reads the clock and that builds the runtime on which the ledger's futures run.
//! Commands are plain functions on the main thread; they wait for futures by [`Workspace::block_on`].

use std::fs::{File, OpenOptions, TryLockError};
use std::future::Future;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use lake::Lake;
use lake::query::Part;
use ledger::{BlobStore, Error as LedgerError, Held, LakeFile, LakeFileKind, Ledger, Right};
use model::time::Timestamp;
use storage::Storage;
use tokio::runtime::Runtime;

use crate::config::ledger::Address;
use crate::config::{self, Environment, Settings};
use crate::failure::{Exit, Failure, Result};
use crate::talk::Talk;

/// The ledger's file, where the configuration names no server.
pub const LEDGER: &str = "ledger.db";
/// The right to change the workspace.
const CHANGE: &str = "watchfire.lock";
/// The right to ask feeds.
const ASKING: &str = "serve.lock";
/// What the serving process is called in the locks.
const SERVE: &str = "serve";
/// How long a command waits for the serving process to end its turn, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(10);
/// The same for others: whoever has just taken a lock may not have written its name yet.
const NAMING: Duration = Duration::from_millis(100);
/// Name of the file that readers share a lock on, so that no file is deleted under them.
const READING: &str = "watchfire.reading";

/// Commands that change the whole: on a ledger that nodes share, nothing is taken in meanwhile.
const WHOLE: &[&str] = &[
    "lake compact",
    "reference import",
    "restore",
    "retention apply",
];
/// Commands that open incidents from events: on a ledger that nodes share, no node does meanwhile.
const TRIAGING: &[&str] = &["incidents triage", "respond"];
/// Commands that read mail, decide and write: no node does a round meanwhile.
const RESPONDING: &[&str] = &[
    "inbox fetch",
    "inbox read",
    "notices write",
    "respond",
    "route",
];
/// Commands that send: no node does meanwhile.
const NOTIFYING: &[&str] = &["notices send", "respond"];
/// Commands that look at sites: no node does meanwhile.
const VERIFYING: &[&str] = &["respond", "verify"];

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

/// A token: 256 bits of the system's random source, as text.
///
/// # Errors
/// The system gives none.
pub fn secret() -> Result<String> {
    let mut bytes = [0; 32];
    let source = ring::rand::SystemRandom::new();
    ring::rand::SecureRandom::fill(&source, &mut bytes)
        .map_err(|_| Failure::new("random source", "the system gives no random bytes"))?;
    let text = bytes.iter().map(|byte| format!("{byte:02x}"));
    Ok(format!("wf_{}", text.collect::<String>()))
}

/// What a command was called with, besides its own arguments.
#[derive(Debug)]
pub struct Session {
    /// Folder named on the command line or by `WATCHFIRE_WORKSPACE`.
    pub folder: Option<PathBuf>,
    /// Who acts, if it was said.
    pub login: Option<String>,
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
    /// Throw the switch that stops all sending: one row, for which nobody is waited.
    Switch,
    /// Be the serving process: ask feeds all the time, change the workspace by turns
    /// ([`Workspace::turn`]).
    Serve,
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

    /// Who acts, for the audit trail: who was named, or whoever is logged in on this machine.
    pub fn actor(&self) -> String {
        let named = self.login.as_ref().or(self.environment.get("USER"));
        named.map_or("operator".to_owned(), Clone::clone)
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
        let workspace = Workspace::open(root, settings, access)?;
        let command = match access {
            Access::Write(command) => Some(command),
            // Whoever works on incidents may stop all sending.
            Access::Switch => Some("notices"),
            Access::Read | Access::Serve => None,
        };
        if let (Some(command), Some(login)) = (command, &self.login) {
            let accounts = workspace.block_on(workspace.ledger.accounts())?;
            crate::rights::check(&accounts, login, command)?;
        }
        Ok(workspace)
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
    /// Where its files lie.
    pub files: Storage,
    /// Its blobs.
    pub blobs: BlobStore,
    /// Its lake.
    pub lake: Lake,
    /// Runs futures.
    runtime: Arc<Runtime>,
    _locks: Arc<Vec<Lock>>,
    _reading: Arc<Option<File>>,
    /// The rights over all nodes that the command needs.
    _rights: Arc<Vec<Held>>,
}

impl Workspace {
    /// Opens a folder with a configuration at hand.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn open(root: PathBuf, settings: Settings, access: Access) -> Result<Self> {
        if settings.role.public {
            let why = "is a public node: it has no ledger, and none is made";
            return Err(Failure::new(root.display(), why)
                .remedy("run this inside; here there are `watchfire serve` and `watchfire doctor`")
                .with(Exit::Configuration));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(settings.query_threads)
            .enable_all()
            .build()
            .map_err(|error| Failure::new("threads", error))?;
        let place = Place::of(&root, &settings);
        let reading = match access {
            Access::Read => reading(&root),
            _ => None,
        };
        let found = match access {
            Access::Read => runtime.block_on(place.existing())?,
            _ => None,
        };
        let mut locks = Vec::new();
        match access {
            Access::Write(command) => {
                let lock = Lock::take(&root, CHANGE, command)?;
                runtime.block_on(not_served_by_another_version(&root, &place))?;
                locks.push(lock);
            }
            Access::Serve => {
                locks.push(Lock::take(&root, ASKING, SERVE)?);
                locks.push(Lock::take(&root, CHANGE, SERVE)?);
            }
            // A workspace that was never written to has no ledger; making it is a change.
            Access::Read if found.is_none() => {
                locks.push(Lock::take(&root, CHANGE, "first opening")?)
            }
            Access::Read | Access::Switch => {}
        }
        let ledger = match found {
            Some(ledger) => ledger,
            None => runtime.block_on(place.open())?,
        };
        if !locks.is_empty() && runtime.block_on(ledger.instance_id())?.is_none() {
            let millis = u64::try_from(now().0 / 1000).unwrap_or(0);
            let id = uuid::Builder::from_unix_timestamp_millis(millis, &random()).into_uuid();
            runtime.block_on(ledger.claim_instance_id(id))?;
        }
        let rights = match access {
            Access::Write(command) => runtime.block_on(rights(&ledger, command))?,
            _ => Vec::new(),
        };
        let files = files(&root, &settings)?;
        let lake = lake(&files, &settings)?;
        match access {
            Access::Write(_) | Access::Switch => {}
            // What was locked for opening is let go; the right to ask is kept.
            Access::Serve => locks.truncate(1),
            Access::Read => locks.clear(),
        }
        let blobs = BlobStore::within(&files);
        Ok(Workspace {
            files,
            blobs,
            root,
            settings,
            ledger,
            lake,
            runtime: Arc::new(runtime),
            _locks: Arc::new(locks),
            _reading: Arc::new(reading),
            _rights: Arc::new(rights),
        })
    }

    /// The same workspace with another configuration.
    pub fn with(&self, settings: Settings) -> Self {
        Workspace {
            root: self.root.clone(),
            settings,
            ledger: self.ledger.clone(),
            files: self.files.clone(),
            blobs: self.blobs.clone(),
            lake: self.lake.clone(),
            runtime: Arc::clone(&self.runtime),
            _locks: Arc::clone(&self._locks),
            _reading: Arc::clone(&self._reading),
            _rights: Arc::clone(&self._rights),
        }
    }

    /// The same workspace, its ledger owning something ([`Ledger::fenced`]).
    pub fn owning(&self, ledger: Ledger) -> Self {
        Workspace {
            ledger,
            ..self.with(self.settings.clone())
        }
    }

    /// Who works here, as other nodes read it: machine and process.
    pub fn holder(&self) -> String {
        let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let machine = match machine.trim() {
            "" => "node",
            machine => machine,
        };
        format!("{machine}/{}", std::process::id())
    }

    /// The serving process's turn to change the workspace, if nobody else is changing it.
    ///
    /// # Errors
    /// The lock file cannot be used.
    pub fn turn(&self) -> Result<Option<Lock>> {
        Lock::attempt(&self.root, CHANGE, SERVE).map(Result::ok)
    }

    /// The right to change the whole, beside a turn: where nodes share the ledger, nothing is taken in while it is held.
    /// `None` if another node has it.
    ///
    /// # Errors
    /// The ledger fails.
    pub fn whole(&self, purpose: &str) -> Result<Option<Held>> {
        self.block_on(async {
            let held = self.ledger.hold(Right::Whole).await?;
            if held.is_some() && self.ledger.is_shared() {
                // What is under way on other nodes is done again afterwards.
                self.ledger.fence_all(purpose, now().0).await?;
            }
            Ok(held)
        })
    }

    /// The right to ask feeds, for a command.
    ///
    /// # Errors
    /// Another process asks them.
    pub fn asking(&self, command: &str) -> Result<Lock> {
        Lock::take(&self.root, ASKING, command)
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

    /// Where issues are rendered to look at them.
    pub fn drafts_dir(&self) -> PathBuf {
        self.root.join("drafts")
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

/// Where the files of a workspace lie: its folder, or the store that the configuration names.
///
/// # Errors
/// The store's address makes no client.
pub fn files(root: &Path, settings: &Settings) -> Result<Storage> {
    let Some(address) = &settings.lake else {
        return Ok(Storage::folder(root));
    };
    let random = random();
    let mark: String = random[..6]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    // The count that follows it tells the files of one process apart.
    Ok(Storage::over(root, address, &format!("{mark}-"))?)
}

/// The lake of a workspace, with the executors that the configuration names.
///
/// # Errors
/// The folder cannot be made, or an executor's address is none.
pub fn lake(files: &Storage, settings: &Settings) -> Result<Lake> {
    let lake = Lake::within(files, settings.query_memory, settings.query_threads)?;
    Ok(match settings.engine.engine()? {
        Some(engine) => lake.with_engine(engine),
        None => lake,
    })
}

/// The rights over all nodes of a shared ledger that a command needs, each waited for a while.
async fn rights(ledger: &Ledger, command: &str) -> Result<Vec<Held>> {
    let needed = [
        (Right::Whole, WHOLE),
        (Right::Triage, TRIAGING),
        (Right::Respond, RESPONDING),
        (Right::Notify, NOTIFYING),
        (Right::Verify, VERIFYING),
    ];
    let mut held = Vec::new();
    for (right, commands) in needed {
        if ledger.is_shared() && commands.contains(&command) {
            held.push(wait_for(ledger, command, right).await?);
        }
    }
    Ok(held)
}

async fn wait_for(ledger: &Ledger, command: &str, wanted: Right) -> Result<Held> {
    let begun = Instant::now();
    loop {
        if let Some(held) = ledger.hold(wanted).await? {
            if wanted == Right::Whole {
                // What is under way on other nodes is done again afterwards.
                ledger.fence_all(command, now().0).await?;
            }
            return Ok(held);
        }
        if begun.elapsed() > PATIENCE {
            return Err(Failure::new(
                ledger.place(),
                "another node is at it, for more than a minute",
            )
            .remedy("wait until it ends; `watchfire jobs list` shows what is under way"));
        }
        tokio::time::sleep(NAMING).await;
    }
}

/// Where the ledger lies.
enum Place {
    File(PathBuf),
    Server(Address),
}

impl Place {
    fn of(root: &Path, settings: &Settings) -> Self {
        match &settings.ledger {
            Some(address) => Place::Server(address.clone()),
            None => Place::File(root.join(LEDGER)),
        }
    }

    /// The ledger for reading, if there is one yet.
    async fn existing(&self) -> Result<Option<Ledger>> {
        if let Place::File(path) = self
            && !path.exists()
        {
            return Ok(None);
        }
        match self.open_read_only().await {
            Err(LedgerError::Outdated { found: 0, .. }) if matches!(self, Place::Server(_)) => {
                Ok(None)
            }
            opened => Ok(Some(opened?)),
        }
    }

    async fn open(&self) -> ledger::Result<Ledger> {
        match self {
            Place::File(path) => Ledger::open(path).await,
            Place::Server(address) => Ledger::connect(address.url()).await,
        }
    }

    async fn open_read_only(&self) -> ledger::Result<Ledger> {
        match self {
            Place::File(path) => Ledger::open_read_only(path).await,
            Place::Server(address) => Ledger::connect_read_only(address.url()).await,
        }
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

/// A ledger that would have to be migrated is not, while a process of the older version serves it.
async fn not_served_by_another_version(root: &Path, ledger: &Place) -> Result {
    let Some(holder) = serving(root) else {
        return Ok(());
    };
    match ledger.open_read_only().await {
        Err(error @ LedgerError::Outdated { found: 1.., .. }) => Err(Failure::from(error).remedy(
            format_args!("{holder} is of an older version: stop it, and start it anew afterwards"),
        )),
        _ => Ok(()),
    }
}

/// A lock, and the right that it stands for. Given back when the process ends, however it ends: the
/// system lets the file go, so a killed command leaves no lock behind.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes a lock; waits where the serving process has it for a turn.
    fn take(root: &Path, name: &str, command: &str) -> Result<Self> {
        let begun = Instant::now();
        let mut told = false;
        loop {
            let holder = match Lock::attempt(root, name, command)? {
                Ok(lock) => return Ok(lock),
                Err(holder) => holder,
            };
            let turn = name == CHANGE && holder.ends_with("(watchfire serve)");
            let waited = begun.elapsed();
            if waited < if turn { PATIENCE } else { NAMING } {
                if turn && !told && waited > Duration::from_secs(2) {
                    told = true;
                    crate::talk::line(format_args!("waiting: {holder} takes something in"));
                }
                std::thread::sleep(LOOK);
                continue;
            }
            let workspace = format_args!("workspace {}", root.display()).to_string();
            return Err(match (name, turn) {
                (ASKING, _) => Failure::new(
                    workspace,
                    format_args!("its feeds are being asked by {holder}"),
                )
                .remedy("only one process asks the feeds of a workspace: stop it, or wait until it ends"),
                (_, true) => Failure::new(
                    workspace,
                    format_args!("is being changed by {holder}, for more than a minute"),
                )
                .remedy("it takes in something large: try again later; commands that only read work meanwhile"),
                (_, false) => Failure::new(workspace, format_args!("is being changed by {holder}"))
                    .remedy("wait until it ends; commands that only read work meanwhile"),
            });
        }
    }

    /// Takes a lock, or tells who has it.
    fn attempt(root: &Path, name: &str, command: &str) -> Result<Result<Self, String>> {
        let path = root.join(name);
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
                return Ok(Err(holder));
            }
            Err(TryLockError::Error(error)) => return Err(fail(error)),
        }
        let line = format!("{} {command}\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(line.as_bytes()))
            .map_err(fail)?;
        Ok(Ok(Lock { _file: file }))
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
    who_has(root, CHANGE)
}

/// Who serves the workspace, or asks its feeds otherwise, if anyone.
pub fn serving(root: &Path) -> Option<String> {
    who_has(root, ASKING)
}

fn who_has(root: &Path, name: &str) -> Option<String> {
    let mut file = OpenOptions::new().read(true).open(root.join(name)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            Some(holder(&mut file).unwrap_or_else(|| "another process".to_owned()))
        }
        _ => None,
    }
}
