//! The published site on disk: written beside the one in force, then put in its place in one step.
//!
//! A site is a folder of plain files with a list of their hashes ([`SUMS`], in the form that `b3sum --check` reads).
//! [`publish`] builds the next one beside it: what is unchanged is linked from the tree in force and keeps its time,
//! so that a reader's copy stays good; what is new is written and made durable. Then both change places in one
//! system call. Killed at any instant, the old tree or the new one is there whole; what is left over is cleared by
//! the next call. The bytes of the issues' own files come from whoever keeps them, and are checked by their hash on
//! the way.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, FileTimes, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use bulletin::publish::Asset;
use bulletin::render::Rendition;
use rustix::fs::{CWD, RenameFlags, renameat_with, syncfs};
use rustix::io::Errno;

/// The list of a tree's files: BLAKE3, two spaces, path; sorted by path. Written last.
pub const SUMS: &str = "BLAKE3SUMS";

/// More new files than this are made durable at once, with the whole file system.
const ONE_BY_ONE: usize = 256;

/// Why a site was not published. The tree in force is as it was.
#[derive(Debug)]
pub enum Error {
    /// A file or folder.
    Io {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The folder holds something else.
    Foreign {
        /// Which.
        path: PathBuf,
    },
    /// Another process publishes.
    Busy {
        /// Its lock.
        path: PathBuf,
    },
    /// A kept file is not what was published.
    Changed {
        /// Its place in the site.
        path: String,
        /// What its bytes should hash to.
        blake3: String,
    },
    /// A path that is none, or there twice.
    Name {
        /// The path.
        path: String,
    },
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Io { path, source } => write!(f, "{}: {source}", path.display()),
            Error::Foreign { path } => write!(
                f,
                "{}: holds files that are no published site: move them away, then publish again",
                path.display()
            ),
            Error::Busy { path } => write!(
                f,
                "{}: another process is publishing: wait for it",
                path.display()
            ),
            Error::Changed { path, blake3 } => write!(
                f,
                "{path}: the kept file is damaged, its hash is not {blake3}: restore it from a backup"
            ),
            Error::Name { path } => write!(
                f,
                "`{path}` cannot be a file of the site, or is there twice"
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Results of this module.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What publishing did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Files taken over unchanged.
    pub kept: usize,
    /// Files written.
    pub written: usize,
    /// Bytes written.
    pub bytes: u64,
    /// False where nothing was to do: the tree in force is equal already.
    pub changed: bool,
}

/// A moment at which a test may interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// What an interrupted call left is cleared.
    Cleared,
    /// So many files of the next tree stand.
    Files(usize),
    /// All stand, and are durable.
    Durable,
    /// Where the file system cannot swap: the old tree is moved aside, the new one not yet there.
    Aside,
    /// The next tree is in force, the old one not yet removed.
    Swapped,
    /// All is done.
    Done,
}

/// Publishes `pages` and `assets` as the site at `dir`. `open` gives the bytes of an issue's file by its BLAKE3 in
/// hexadecimal; it is asked for those only that the tree in force has not.
///
/// # Errors
/// [`Error`]; the tree in force is as it was.
pub fn publish(
    dir: &Path,
    pages: &[Rendition],
    assets: &[Asset],
    open: &dyn Fn(&str) -> io::Result<Box<dyn Read>>,
) -> Result<Published> {
    Hold::take(dir)?.publish(pages, assets, open)
}

/// [`publish`] with interruptions: `at` is told of every step and may end the call there. `swap` false does without
/// the system call that swaps, as on file systems that have none.
///
/// # Errors
/// As [`publish`], and what `at` says.
#[doc(hidden)]
pub fn publish_at(
    dir: &Path,
    pages: &[Rendition],
    assets: &[Asset],
    open: &dyn Fn(&str) -> io::Result<Box<dyn Read>>,
    swap: bool,
    at: &mut dyn FnMut(Step) -> io::Result<()>,
) -> Result<Published> {
    let hold = Hold::take(dir)?;
    make(&hold.dir, (pages, assets), open, swap, at)
}

/// The right to change a site, until this is dropped; one has it at a time. Who finds out what is public while holding
/// it never puts an older site in the place of a newer one.
#[derive(Debug)]
pub struct Hold {
    dir: PathBuf,
    _lock: File,
}

impl Hold {
    /// Takes the right to the site at `dir`.
    ///
    /// # Errors
    /// [`Error::Busy`] while another process or thread has it; [`Error::Io`].
    pub fn take(dir: &Path) -> Result<Self> {
        let beside = Beside::of(dir);
        if let Some(parent) = dir.parent() {
            fs::create_dir_all(parent).map_err(|e| io_error(parent, e))?;
        }
        let lock = File::create(&beside.lock).map_err(|e| io_error(&beside.lock, e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Busy { path: beside.lock }),
            Err(TryLockError::Error(e)) => return Err(io_error(&beside.lock, e)),
        }
        Ok(Hold {
            dir: dir.to_owned(),
            _lock: lock,
        })
    }

    /// As the function [`publish`].
    ///
    /// # Errors
    /// As there, but for [`Error::Busy`].
    pub fn publish(
        &self,
        pages: &[Rendition],
        assets: &[Asset],
        open: &dyn Fn(&str) -> io::Result<Box<dyn Read>>,
    ) -> Result<Published> {
        make(&self.dir, (pages, assets), open, true, &mut |_| Ok(()))
    }
}

/// Makes a site whose [`Hold`] the caller has.
fn make(
    dir: &Path,
    (pages, assets): (&[Rendition], &[Asset]),
    open: &dyn Fn(&str) -> io::Result<Box<dyn Read>>,
    swap: bool,
    at: &mut dyn FnMut(Step) -> io::Result<()>,
) -> Result<Published> {
    let beside = Beside::of(dir);
    let mut step = |step: Step| at(step).map_err(|e| io_error(dir, e));
    recover(dir)?;
    remove(&beside.next)?;
    remove(&beside.old)?;
    step(Step::Cleared)?;

    let there = dir.exists();
    let in_force = sums(dir)?;
    if there
        && in_force.is_none()
        && fs::read_dir(dir)
            .map_err(|e| io_error(dir, e))?
            .next()
            .is_some()
    {
        return Err(Error::Foreign {
            path: dir.to_owned(),
        });
    }
    let in_force = in_force.unwrap_or_default();
    let wanted = wanted(pages, assets)?;
    let list = lines(&wanted);
    if there
        && in_force.len() == wanted.len()
        && fs::read(dir.join(SUMS)).is_ok_and(|now| now == list.as_bytes())
    {
        step(Step::Done)?;
        return Ok(Published {
            kept: wanted.len(),
            ..Published::default()
        });
    }

    let mut done = Published {
        changed: true,
        ..Published::default()
    };
    let next = &beside.next;
    let mut folders = BTreeSet::from([next.clone()]);
    fs::create_dir(next).map_err(|e| io_error(next, e))?;
    let mut fresh = Vec::new();
    for (count, (path, want)) in wanted.iter().enumerate() {
        let to = next.join(path);
        if let Some(folder) = to.parent().filter(|folder| !folders.contains(*folder)) {
            fs::create_dir_all(folder).map_err(|e| io_error(folder, e))?;
            folders.extend(
                folder
                    .ancestors()
                    .take_while(|up| up.starts_with(next))
                    .map(Path::to_owned),
            );
        }
        let from = dir.join(path);
        let same = in_force
            .get(path.as_str())
            .is_some_and(|hash| *hash == want.hash)
            && fs::symlink_metadata(&from)
                .is_ok_and(|meta| meta.is_file() && meta.len() == want.size);
        if same {
            keep(&from, &to)?;
            done.kept += 1;
        } else {
            done.bytes += write(&to, want, path, open)?;
            done.written += 1;
            fresh.push(to);
        }
        step(Step::Files(count + 1))?;
    }
    let to = next.join(SUMS);
    create(&to)?
        .write_all(list.as_bytes())
        .map_err(|e| io_error(&to, e))?;
    fresh.push(to);
    durable(next, &fresh, &folders)?;
    step(Step::Durable)?;

    exchange(dir, &beside, there, swap, &mut step)?;
    if let Some(parent) = dir.parent() {
        sync(parent)?;
    }
    step(Step::Swapped)?;
    remove(&beside.next)?;
    remove(&beside.old)?;
    step(Step::Done)?;
    Ok(done)
}

/// The list that a tree of these files has.
///
/// # Errors
/// [`Error::Name`].
pub fn list(pages: &[Rendition], assets: &[Asset]) -> Result<String> {
    let wanted = wanted(pages, assets)?;
    Ok(lines(&wanted))
}

fn lines(wanted: &BTreeMap<String, Want<'_>>) -> String {
    wanted
        .iter()
        .map(|(path, want)| format!("{}  {path}\n", want.hash))
        .collect()
}

/// Takes files off the list of the tree in force, so that the next [`publish`] writes them anew, and clears what the
/// list does not know.
///
/// # Errors
/// [`Error::Io`].
pub fn mistrust(dir: &Path, wrong: &[String]) -> Result<()> {
    let path = dir.join(SUMS);
    let Ok(text) = fs::read_to_string(&path) else {
        return Ok(());
    };
    let listed = |line: &str| line.split_once("  ").map(|(_, path)| path.to_owned());
    let mut kept: Vec<&str> = text
        .lines()
        .filter(|line| listed(line).is_none_or(|path| !wrong.contains(&path)))
        .collect();
    // A tree with a stranger in it is made anew too: its list may not be the one that is wanted.
    if kept.len() == text.lines().count() && !wrong.is_empty() {
        kept.pop();
    }
    let text: String = kept.iter().map(|line| format!("{line}\n")).collect();
    let aside = dir.join(format!("{SUMS}.new"));
    fs::write(&aside, text).map_err(|e| io_error(&aside, e))?;
    fs::rename(&aside, &path).map_err(|e| io_error(&path, e))
}

/// The folders beside a site.
struct Beside {
    next: PathBuf,
    old: PathBuf,
    lock: PathBuf,
}

impl Beside {
    fn of(dir: &Path) -> Self {
        let with = |ending: &str| {
            let mut name = dir.file_name().unwrap_or_default().to_owned();
            name.push(ending);
            dir.with_file_name(name)
        };
        Beside {
            next: with(".next"),
            old: with(".old"),
            lock: with(".lock"),
        }
    }
}

/// Puts a site back in its place where a file system without swaps was interrupted between two renames. To be called
/// before a site is served; [`publish`] does it by itself.
///
/// # Errors
/// [`Error::Io`].
pub fn recover(dir: &Path) -> Result<()> {
    let beside = Beside::of(dir);
    if dir.exists() || !beside.old.exists() {
        return Ok(());
    }
    // The old tree was moved aside only after the next one was durable.
    let from = if beside.next.join(SUMS).exists() {
        &beside.next
    } else {
        &beside.old
    };
    fs::rename(from, dir).map_err(|e| io_error(from, e))
}

/// Every file of a site against its list; what differs, is missing or is not listed, sorted. Empty: the tree is whole.
///
/// # Errors
/// [`Error::Io`]: the folder cannot be read.
pub fn verify(dir: &Path) -> Result<Vec<String>> {
    let Some(mut listed) = sums(dir)? else {
        return Ok(vec![SUMS.to_owned()]);
    };
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|e| io_error(&folder, e))? {
            let path = entry.map_err(|e| io_error(&folder, e))?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path
                .strip_prefix(dir)
                .unwrap_or(&path)
                .to_string_lossy()
                .into_owned();
            let hash = hash_of(&path)?;
            if name != SUMS && listed.remove(&name).is_none_or(|listed| listed != hash) {
                found.push(name);
            }
        }
    }
    found.extend(listed.into_keys());
    found.sort();
    Ok(found)
}

/// A file of the next tree.
struct Want<'a> {
    hash: String,
    size: u64,
    /// None: an asset, to be fetched.
    bytes: Option<&'a [u8]>,
}

fn wanted<'a>(pages: &'a [Rendition], assets: &'a [Asset]) -> Result<BTreeMap<String, Want<'a>>> {
    let mut out = BTreeMap::new();
    let pages = pages.iter().map(|page| {
        let want = Want {
            hash: blake3::hash(&page.bytes).to_hex().to_string(),
            size: page.bytes.len() as u64,
            bytes: Some(&page.bytes),
        };
        (&page.name, want)
    });
    let assets = assets.iter().map(|asset| {
        let want = Want {
            hash: asset.blake3.clone(),
            size: asset.size,
            bytes: None,
        };
        (&asset.path, want)
    });
    for (path, want) in pages.chain(assets) {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let sound = path
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != ".." && part.bytes().all(plain));
        if !sound || path == SUMS || out.insert(path.clone(), want).is_some() {
            return Err(Error::Name { path: path.clone() });
        }
    }
    Ok(out)
}

/// The list of a tree; None where there is none.
fn sums(dir: &Path) -> Result<Option<BTreeMap<String, String>>> {
    let path = dir.join(SUMS);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(
            text.lines()
                .filter_map(|line| line.split_once("  "))
                .map(|(hash, path)| (path.to_owned(), hash.to_owned()))
                .collect(),
        )),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(io_error(&path, e)),
    }
}

/// Links a file into the next tree; where that cannot be, copies it with its time.
fn keep(from: &Path, to: &Path) -> Result<()> {
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    fs::copy(from, to).map_err(|e| io_error(from, e))?;
    let modified = fs::metadata(from)
        .and_then(|meta| meta.modified())
        .map_err(|e| io_error(from, e))?;
    let file = File::options()
        .write(true)
        .open(to)
        .map_err(|e| io_error(to, e))?;
    file.set_times(FileTimes::new().set_modified(modified))
        .map_err(|e| io_error(to, e))?;
    file.sync_all().map_err(|e| io_error(to, e))
}

fn create(path: &Path) -> Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(path)
        .map_err(|e| io_error(path, e))
}

fn write(
    to: &Path,
    want: &Want<'_>,
    path: &str,
    open: &dyn Fn(&str) -> io::Result<Box<dyn Read>>,
) -> Result<u64> {
    let mut file = create(to)?;
    if let Some(bytes) = want.bytes {
        file.write_all(bytes).map_err(|e| io_error(to, e))?;
        return Ok(want.size);
    }
    let mut from = open(&want.hash).map_err(|e| io_error(Path::new(path), e))?;
    let mut hasher = blake3::Hasher::new();
    let (mut buffer, mut size) = (vec![0; 1 << 16], 0_u64);
    loop {
        let count = from
            .read(&mut buffer)
            .map_err(|e| io_error(Path::new(path), e))?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
        file.write_all(&buffer[..count])
            .map_err(|e| io_error(to, e))?;
        size += count as u64;
    }
    if size != want.size || hasher.finalize().to_hex().as_str() != want.hash {
        return Err(Error::Changed {
            path: path.to_owned(),
            blake3: want.hash.clone(),
        });
    }
    Ok(size)
}

/// New files and all folders of the tree reach the disk.
fn durable(next: &Path, fresh: &[PathBuf], folders: &BTreeSet<PathBuf>) -> Result<()> {
    if fresh.len() > ONE_BY_ONE {
        let file = File::open(next).map_err(|e| io_error(next, e))?;
        return syncfs(&file).map_err(|e| io_error(next, e.into()));
    }
    fresh.iter().chain(folders).try_for_each(|path| sync(path))
}

fn sync(path: &Path) -> Result<()> {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|e| io_error(path, e))
}

/// The next tree takes the place of the one in force.
fn exchange(
    dir: &Path,
    beside: &Beside,
    there: bool,
    swap: bool,
    step: &mut dyn FnMut(Step) -> Result<()>,
) -> Result<()> {
    if !there {
        return fs::rename(&beside.next, dir).map_err(|e| io_error(dir, e));
    }
    if swap {
        match renameat_with(CWD, &beside.next, CWD, dir, RenameFlags::EXCHANGE) {
            Ok(()) => return Ok(()),
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            Err(e) => return Err(io_error(dir, e.into())),
        }
    }
    fs::rename(dir, &beside.old).map_err(|e| io_error(dir, e))?;
    step(Step::Aside)?;
    fs::rename(&beside.next, dir).map_err(|e| io_error(dir, e))
}

fn remove(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(io_error(dir, e)),
        _ => Ok(()),
    }
}

fn hash_of(path: &Path) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    let mut file = File::open(path).map_err(|e| io_error(path, e))?;
    io::copy(&mut file, &mut hasher).map_err(|e| io_error(path, e))?;
    Ok(hasher.finalize().to_hex().to_string())
}

fn io_error(path: &Path, source: io::Error) -> Error {
    Error::Io {
        path: path.to_owned(),
        source,
    }
}
