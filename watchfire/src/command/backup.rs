//! `watchfire backup`: the workspace as it is at one moment, in a folder of its own, while it is in use.
//!
//! The ledger is read first and in one moment; whatever it names was on the disk before it was named and is kept
//! there while we read, so files that are copied afterwards hold at least all of it. Parts, runs and blobs never
//! change under their names: a second backup into the same folder copies what is new. The list of files with their
//! hashes is put in its place last: a backup that was killed leaves the one before.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use ledger::{Dumped, Ledger, Page, ReportFilter, Retained};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::shared_reference;
use crate::table::Out;
use crate::talk::human_bytes;
use crate::workspace::{Access, Session, Workspace, now};

/// Copy the workspace, while it is in use, to a folder from which `watchfire restore` makes it again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Ledger, lake, archived reports, evidence, reference tables and watchfire.toml. Not the site (made again by
`watchfire bulletin site`), not keys and other files that watchfire.toml names: keep those apart. The same
folder again copies only what is new. A ledger on PostgreSQL is read by the same command.

Examples:
  watchfire backup /srv/backup/watchfire
  watchfire restore /srv/backup/watchfire --verify")]
pub struct Args {
    /// The folder; made if it is not there.
    dir: PathBuf,
}

/// The file that says what a backup holds.
pub const LIST: &str = "backup.json";
/// The folders of a workspace that are copied.
const FOLDERS: [&str; 3] = ["lake", "blobs", "reference"];

/// What a backup holds.
#[derive(Debug, Serialize, Deserialize)]
pub struct Backup {
    /// Version of watchfire that made it.
    pub watchfire: String,
    /// Version of the ledger's schema.
    pub schema: usize,
    /// When, RFC 3339.
    pub made_at: String,
    /// Name of the workspace.
    pub workspace: String,
    /// The lake's snapshot at that moment.
    pub snapshot: i64,
    /// The file of the ledger.
    pub ledger: String,
    /// Its size and hash.
    pub ledger_file: Copied,
    /// What is in it.
    pub tables: u64,
    /// Its rows.
    pub rows: u64,
    /// Every other file by its path: bytes and BLAKE3.
    pub files: BTreeMap<String, Copied>,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// Its size.
    pub bytes: u64,
    /// Its BLAKE3.
    pub hash: String,
}

impl Backup {
    /// Reads a backup's list.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join(LIST);
        let text = fs::read(&path).map_err(|error| {
            Failure::new(path.display(), error)
                .remedy("name the folder that `watchfire backup` wrote")
        })?;
        serde_json::from_slice(&text).map_err(|error| Failure::new(path.display(), error))
    }
}

pub fn run(args: Args, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let dir = &args.dir;
    let inside = dir
        .canonicalize()
        .is_ok_and(|dir| dir.starts_with(&workspace.root));
    if inside {
        return Err(
            Failure::usage(dir.display(), "lies in the workspace itself")
                .remedy("choose a folder on another disk"),
        );
    }
    // Whoever reads a backup reads everything.
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir);
    made.map_err(|error| Failure::new(dir.display(), error))?;
    let before = match dir.join(LIST).exists() {
        true => Some(Backup::read(dir)?),
        false => None,
    };
    let empty = || fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none());
    if before.is_none() && !empty() && !dir.join(PARTIAL).exists() {
        return Err(
            Failure::usage(dir.display(), "holds something else, and no backup")
                .remedy("choose an empty folder"),
        );
    }
    touch(&dir.join(PARTIAL))?;
    let at = now();
    let name = format!("ledger-{}.jsonl.zst", at.0);
    let (dumped, snapshot) = dump(&workspace, &dir.join(&name))?;
    let ledger_file = read(&dir.join(&name))?;
    let mut files = BTreeMap::new();
    let known = before.as_ref().map(|before| &before.files);
    let mut copied = (0_u64, 0_u64);
    for path in held(&workspace)? {
        let mut take = |path: &Path| -> Result {
            let relative = path.strip_prefix(&workspace.root).unwrap_or(path);
            let text = relative.to_string_lossy().into_owned();
            let target = dir.join(relative);
            let old = known.and_then(|known| known.get(&text));
            let there = fs::metadata(&target).map(|meta| meta.len()).ok();
            // What lies in a store has no other size than it had, nor does it matter that it is not here.
            let same = |old: &Copied| fs::metadata(path).map_or(true, |own| own.len() == old.bytes);
            // Reference tables are replaced under their names; all else never changes under its own.
            let fixed = !text.starts_with("reference");
            let file = match old.filter(|old| fixed && there == Some(old.bytes) && same(old)) {
                Some(old) => old.clone(),
                None => {
                    let input = workspace.files.open(path);
                    let input = input.map_err(|error| Failure::new(path.display(), error))?;
                    let file = copy(input, path, &target)?;
                    copied = (copied.0 + 1, copied.1 + file.bytes);
                    file
                }
            };
            files.insert(text, file);
            Ok(())
        };
        match take(&path) {
            // Taken away between being listed and being read: nobody names it any more.
            Err(_) if workspace.files.size(&path)?.is_none() => {}
            done => done?,
        }
    }
    let own = workspace.root.join(crate::config::FILE);
    files.insert(
        crate::config::FILE.to_owned(),
        copy(
            File::open(&own).map_err(|error| Failure::new(own.display(), error))?,
            &own,
            &dir.join(crate::config::FILE),
        )?,
    );
    let backup = Backup {
        watchfire: env!("CARGO_PKG_VERSION").to_owned(),
        schema: Ledger::schema_version(),
        made_at: at.to_jiff().map(|at| at.to_string()).unwrap_or_default(),
        workspace: workspace.settings.name.clone(),
        snapshot,
        ledger: name,
        ledger_file,
        tables: dumped.tables,
        rows: dumped.rows,
        files,
    };
    put(dir, &backup)?;
    tidy(dir, &backup, before.as_ref())?;
    let mut out = Out::new();
    if session.json {
        out.json(&json!({
            "backup": dir,
            "made_at": backup.made_at,
            "snapshot": backup.snapshot,
            "rows": backup.rows,
            "files": backup.files.len(),
            "copied": copied.0,
            "copied_bytes": copied.1,
        }))?;
    } else {
        out.line(format_args!(
            "{}: {} rows of the ledger, {} files ({} new, {})",
            dir.display(),
            backup.rows,
            backup.files.len(),
            copied.0,
            human_bytes(copied.1)
        ))?;
    }
    out.end()
}

/// Marks a folder in which a backup is being written.
const PARTIAL: &str = "backup.partial";

fn touch(path: &Path) -> Result {
    File::create(path)
        .map(drop)
        .map_err(|error| Failure::new(path.display(), error))
}

/// Writes the ledger as it is now; the lake's snapshot goes with it, read before: whatever was added since is
/// named by the ledger and copied too.
fn dump(workspace: &Workspace, path: &Path) -> Result<(Dumped, i64)> {
    let fail = |error: std::io::Error| Failure::new(path.display(), error);
    let file = File::create(path).map_err(fail)?;
    let mut packed = zstd::Encoder::new(BufWriter::new(file), 3).map_err(fail)?;
    let dumped = workspace.block_on(workspace.ledger.dump(&mut packed))?;
    let snapshot = workspace.block_on(workspace.ledger.current_snapshot())?;
    let file = packed
        .finish()
        .and_then(|buffer| buffer.into_inner().map_err(std::io::Error::from))
        .map_err(fail)?;
    file.sync_all().map_err(fail)?;
    Ok((dumped, snapshot))
}

/// Files of lake, archive and reference: those of the folders; where the workspace lies in a store, those that the
/// ledger names, and the blobs that the store lists beside.
fn held(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let mut paths = BTreeSet::new();
    let root = &workspace.root;
    if !workspace.files.is_remote() {
        for folder in FOLDERS {
            walk(&root.join(folder), &mut |path| {
                paths.insert(path);
            })?;
        }
        return Ok(paths.into_iter().collect());
    }
    let listed = workspace.block_on(workspace.ledger.listed_files(i32::MAX))?;
    paths.extend(
        listed
            .iter()
            .map(|file| workspace.lake.root().join(&file.path)),
    );
    let blobs = workspace.files.list(workspace.blobs.dir())?;
    paths.extend(blobs.into_iter().map(|blob| blob.path));
    paths.extend(archived(workspace)?);
    // Fetches what is not here.
    shared_reference::sources(workspace)?;
    walk(&workspace.reference_dir(), &mut |path| {
        paths.insert(path);
    })?;
    Ok(paths.into_iter().collect())
}

/// Raw bytes of reports, less those that a rule took away.
fn archived(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let expiries = workspace.block_on(workspace.ledger.expiries(None, None))?;
    let over: BTreeSet<String> = expiries
        .into_iter()
        .filter(|expiry| expiry.what == Retained::Raw.as_str())
        .map(|expiry| expiry.report_id)
        .collect();
    let all = ReportFilter::default();
    let mut paths = Vec::new();
    let mut page = Page {
        offset: 0,
        limit: 1_000,
    };
    loop {
        let reports = workspace.block_on(workspace.ledger.reports(&all, page))?;
        let kept = reports.iter().filter(|report| !over.contains(&report.id));
        paths.extend(kept.map(|report| workspace.blobs.path(&report.blob)));
        page.offset += page.limit;
        if (reports.len() as u64) < page.limit {
            return Ok(paths);
        }
    }
}

/// Every plain file below a folder; none if there is no folder. What is half-written has a name of its own and is
/// named by nobody yet.
fn walk(folder: &Path, each: &mut dyn FnMut(PathBuf)) -> Result {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Failure::new(folder.display(), error)),
    };
    for entry in entries {
        let entry = entry.map_err(|error| Failure::new(folder.display(), error))?;
        let (path, kind) = (entry.path(), entry.file_type());
        let kind = kind.map_err(|error| Failure::new(path.display(), error))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if kind.is_dir() {
            walk(&path, each)?;
        } else if kind.is_file() && !name.ends_with(".partial") && !name.starts_with('.') {
            each(path);
        }
    }
    Ok(())
}

/// Copies an open file durably; its size and hash as they were read.
pub fn copy(mut input: File, from: &Path, to: &Path) -> Result<Copied> {
    let fail = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| Failure::new(path.clone(), error)
    };
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(fail(folder))?;
    }
    let partial = PathBuf::from(format!("{}.partial", to.display()));
    let mut output = File::create(&partial).map_err(fail(&partial))?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        let read = input.read(&mut buffer).map_err(fail(from))?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        output.write_all(&buffer[..read]).map_err(fail(&partial))?;
        bytes += read as u64;
    }
    output.sync_all().map_err(fail(&partial))?;
    fs::rename(&partial, to).map_err(fail(to))?;
    Ok(Copied {
        bytes,
        hash: hasher.finalize().to_hex().to_string(),
    })
}

/// Size and hash of a file.
pub fn read(path: &Path) -> Result<Copied> {
    let fail = |error: std::io::Error| Failure::new(path.display(), error);
    let mut hasher = blake3::Hasher::new();
    hasher
        .update_reader(File::open(path).map_err(fail)?)
        .map_err(fail)?;
    Ok(Copied {
        bytes: hasher.count(),
        hash: hasher.finalize().to_hex().to_string(),
    })
}

/// Puts the list in its place, after everything that it names.
fn put(dir: &Path, backup: &Backup) -> Result {
    let partial = dir.join(format!("{LIST}.partial"));
    let path = dir.join(LIST);
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&partial)?;
        serde_json::to_writer_pretty(&mut file, backup)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&partial, &path)?;
        File::open(dir)?.sync_all()
    };
    write().map_err(|error| Failure::new(path.display(), error))
}

/// Takes away what only the backup before named.
fn tidy(dir: &Path, backup: &Backup, before: Option<&Backup>) -> Result {
    let gone = |path: PathBuf| match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::new(path.display(), error))
        }
        _ => Ok(()),
    };
    if let Some(before) = before {
        for name in before
            .files
            .keys()
            .filter(|name| !backup.files.contains_key(*name))
        {
            gone(dir.join(name))?;
        }
    }
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("ledger-") && name != backup.ledger {
            gone(entry.path())?;
        }
    }
    gone(dir.join(PARTIAL))
}
