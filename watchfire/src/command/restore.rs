//! `watchfire restore`: a workspace from a backup, on a ledger of either kind; so a site grows to a server, and goes
//! back.
//!
//! Every file is read and compared with its hash before anything is made. What is restored is another instance:
//! nothing leaves it before a person arms it.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use intake::compaction::Upkeep;
use ledger::LakeFileKind;
use serde_json::json;
use toml_edit::{DocumentMut, value};

use super::backup::{self, Backup, Copied};
use crate::config;
use crate::failure::{Failure, Result};
use crate::sealing;
use crate::shared_reference;
use crate::table::Out;
use crate::workspace::{Access, Session, Workspace, now};

/// Make a workspace again from what `watchfire backup` wrote, on the same kind of ledger or another.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Nothing is sent from a restored workspace before somebody arms it: `watchfire notices arm`.

Examples:
  watchfire restore /srv/backup/watchfire --verify              only look whether everything is whole
  watchfire restore /srv/backup/watchfire /srv/watchfire
  watchfire restore /srv/backup/watchfire /srv/watchfire --ledger postgres://watchfire@db/watchfire
  watchfire restore /srv/backup/watchfire /srv/watchfire --ledger file      back from a server")]
pub struct Args {
    /// The folder of the backup.
    backup: PathBuf,
    /// The workspace to make; its folder must be empty or not there.
    #[arg(required_unless_present = "verify")]
    dir: Option<PathBuf>,
    /// Only compare every file of the backup with its hash.
    #[arg(long, conflicts_with = "dir")]
    verify: bool,
    /// Where its ledger goes: `file`, or the address of an empty PostgreSQL database; without it, where
    /// the watchfire.toml of the backup says.
    #[arg(long, value_name = "URL|file")]
    ledger: Option<String>,
    /// Where lake, archive and reference files go: `folder`, or `s3://BUCKET/PREFIX` with the other keys of [lake] in
    /// the environment; without it, where the watchfire.toml of the backup says.
    #[arg(long, value_name = "URL|folder")]
    lake: Option<String>,
    /// The key that the workspace sealed secrets of second factors with; no backup holds it.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

pub fn run(args: Args, session: &Session) -> Result {
    let found = Backup::read(&args.backup)?;
    let mut out = Out::new();
    let Some(dir) = args.dir.filter(|_| !args.verify) else {
        let (bytes, files) = verify(&args.backup, &found)?;
        match session.json {
            true => out.json(&json!({ "files": files, "bytes": bytes, "rows": found.rows }))?,
            false => out.line(format_args!(
                "{}: whole; made {}, {files} files, {} rows of the ledger",
                args.backup.display(),
                found.made_at,
                found.rows
            ))?,
        }
        return out.end();
    };
    let known = ledger::Ledger::schema_version();
    if found.schema != known {
        return Err(Failure::new(
            args.backup.display(),
            format_args!(
                "its ledger is of version {}, this watchfire has {known}",
                found.schema
            ),
        )
        .remedy(format_args!(
            "restore it with watchfire {}, then start the newer one on it",
            found.watchfire
        )));
    }
    for (option, place, own, variable) in [
        ("--ledger", &args.ledger, "file", "WATCHFIRE__LEDGER__URL"),
        ("--lake", &args.lake, "folder", "WATCHFIRE__LAKE__URL"),
    ] {
        contradiction(option, place.as_deref(), own, variable, session)?;
    }
    let foreign = fs::read_dir(&dir).is_ok_and(|mut entries| entries.next().is_some());
    if foreign {
        return Err(Failure::usage(dir.display(), "is not empty")
            .remedy("choose an empty folder: nothing is ever restored over something"));
    }
    verify(&args.backup, &found)?;
    for (name, expected) in &found.files {
        let from = args.backup.join(name);
        let input = File::open(&from).map_err(|error| Failure::new(from.display(), error))?;
        let copied = backup::copy(input, &from, &dir.join(name))?;
        whole(&from, &copied, expected)?;
    }
    if let Some(ledger) = &args.ledger {
        point(&dir, "ledger", ledger, "file")?;
    }
    if let Some(lake) = &args.lake {
        point(&dir, "lake", lake, "folder")?;
    }
    let root = dir
        .canonicalize()
        .map_err(|error| Failure::new(dir.display(), error))?;
    let settings = config::load(&root, &session.environment).map_err(Failure::configuration)?;
    let workspace = Workspace::open(root, settings, Access::Write("restore"))?;
    // Before the ledger names them.
    let own = found.files.keys().filter(|name| *name != config::FILE);
    let own = own.map(|name| workspace.root.join(name));
    workspace.files.publish(own.collect())?;
    let loaded = load(&workspace, &args.backup.join(&found.ledger))?;
    others_moment(&workspace)?;
    let factors = seal_anew(&workspace, args.key.as_deref())?;
    let audit = workspace.block_on(workspace.ledger.verify_audit())?;
    shared_reference::share(&workspace, &shared_reference::sources(&workspace)?)?;
    let parts = all_there(&workspace)?;
    if session.json {
        out.json(&json!({
            "workspace": workspace.root,
            "ledger": workspace.ledger.place(),
            "rows": loaded.rows,
            "audit_rows": audit,
            "parts": parts,
            "second_factors_shut": factors.logins,
        }))?;
    } else {
        out.line(format_args!(
            "{}: {} rows in {}, {parts} parts of the lake, {audit} rows of the audit trail hold",
            workspace.root.display(),
            loaded.rows,
            workspace.ledger.place()
        ))?;
    }
    out.end()?;
    session.talk.say(&factors.said);
    session.talk.say(format_args!(
        "nothing is sent from here before `watchfire notices arm`; the site is made again by `watchfire bulletin site`; look with `watchfire doctor`"
    ));
    Ok(())
}

/// What became of second factors.
struct Factors {
    /// What is said of them.
    said: String,
    /// Whose do not open.
    logins: Vec<String>,
}

/// Seals secrets of second factors with a key of this workspace: whoever holds the old one opens nothing of it. A key
/// outside the workspace that others may use as well stays the key.
fn seal_anew(workspace: &Workspace, old: Option<&Path>) -> Result<Factors> {
    let ledger = &workspace.ledger;
    let path = sealing::path(&workspace.root, &workspace.settings);
    let sealed = workspace.block_on(sealing::sealed(ledger))?;
    let there = sealing::read(&path)?;
    let kept = old.map_or(Ok(None), sealing::read)?;
    if let (Some(file), None) = (old, &kept) {
        return Err(Failure::new(file.display(), "is not there")
            .remedy("name the key's file, or restore without --key"));
    }
    let file = path.display();
    if sealed.is_empty() {
        return Ok(Factors {
            said: format!("no second factor is sealed; `watchfire serve` makes a key, {file}"),
            logins: Vec::new(),
        });
    }
    let (from, to) = match (kept, there) {
        (None, None) => {
            return Ok(Factors {
                said: format!(
                    "second factors are sealed with a key that no backup holds: put its file at {file} before `watchfire serve`, or restore with --key FILE; without it these people need `watchfire users no-second-factor`: {}",
                    sealed.join(" ")
                ),
                logins: sealed,
            });
        }
        (None, Some(there)) => (there, None),
        (Some(kept), Some(there)) => (kept, Some(there)),
        (Some(kept), None) => (kept, Some(sealing::make(&path)?)),
    };
    let to = to.as_ref().unwrap_or(&from);
    let done = workspace.block_on(sealing::all(ledger, &from, to))?;
    let shut = match done.shut.logins.is_empty() {
        true => String::new(),
        false => format!(
            "; {} do not open ({}): they need `watchfire users no-second-factor`",
            done.shut.logins.join(" "),
            done.shut.why
        ),
    };
    Ok(Factors {
        said: format!(
            "{} second factors are sealed anew with the key in {file}; keep a copy of it apart from backups{shut}",
            done.anew
        ),
        logins: done.shut.logins,
    })
}

/// Compares every file with its hash; bytes and number of files.
fn verify(dir: &Path, found: &Backup) -> Result<(u64, usize)> {
    let mut bytes = 0;
    for (name, expected) in &found.files {
        let path = dir.join(name);
        let copied = backup::read(&path)?;
        whole(&path, &copied, expected)?;
        bytes += copied.bytes;
    }
    let ledger = dir.join(&found.ledger);
    whole(&ledger, &backup::read(&ledger)?, &found.ledger_file)?;
    Ok((bytes, found.files.len()))
}

fn whole(path: &Path, found: &Copied, expected: &Copied) -> Result {
    match found == expected {
        true => Ok(()),
        false => Err(Failure::new(
            path.display(),
            format_args!("is damaged: its content hashes to {}", found.hash),
        )
        .remedy("take another backup; the workspace itself may still be whole")),
    }
}

/// What the environment says wins over the file in which a restored place is written: the two must agree.
///
/// # Errors
/// They do not.
fn contradiction(
    option: &str,
    place: Option<&str>,
    own: &str,
    variable: &str,
    session: &Session,
) -> Result {
    let (Some(place), Some(set)) = (place, session.environment.get(variable)) else {
        return Ok(());
    };
    if *set == place || set.is_empty() && place == own {
        return Ok(());
    }
    Err(Failure::usage(
        option,
        format_args!("says {place}, and {variable} says otherwise"),
    )
    .remedy(format_args!("unset {variable}, or leave {option} out")))
}

/// Lets the configuration name another place for the ledger or the lake; `own` is the word for the folder's own.
fn point(dir: &Path, section: &str, url: &str, own: &str) -> Result {
    let path = dir.join(config::FILE);
    let fail = |why: String| Failure::new(path.display(), why);
    let text = fs::read_to_string(&path).map_err(|error| fail(error.to_string()))?;
    let mut document: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| fail(error.to_string()))?;
    match url {
        url if url == own => {
            if let Some(table) = document
                .get_mut(section)
                .and_then(|item| item.as_table_like_mut())
            {
                table.remove("url");
            }
        }
        url => {
            let table = document.entry(section).or_insert(toml_edit::table());
            table["url"] = value(url);
        }
    }
    fs::write(&path, document.to_string()).map_err(|error| fail(error.to_string()))
}

fn load(workspace: &Workspace, path: &Path) -> Result<ledger::Dumped> {
    let fail = |error: std::io::Error| Failure::new(path.display(), error);
    let file = File::open(path).map_err(fail)?;
    let unpacked = zstd::Decoder::new(file).map_err(fail)?;
    let mut lines = BufReader::with_capacity(1 << 20, unpacked);
    Ok(workspace.block_on(workspace.ledger.load(&mut lines))?)
}

/// Deletes files of the lake that came after the ledger was read, where others were ingesting beside the backup: the
/// ledger of that moment does not know them. Over a store they are found by its own cleaning.
fn others_moment(workspace: &Workspace) -> Result {
    if workspace.files.is_remote() {
        return Ok(());
    }
    let upkeep = Upkeep {
        ledger: &workspace.ledger,
        lake: &workspace.lake,
        runtime: workspace.handle(),
        clock: &now,
    };
    for (path, _) in upkeep.orphans()? {
        let path = workspace.lake.root().join(path);
        fs::remove_file(&path).map_err(|error| Failure::new(path.display(), error))?;
    }
    Ok(())
}

/// Looks whether the disk, or the store, holds every live file of the lake, of the size that the ledger knows; how many parts.
fn all_there(workspace: &Workspace) -> Result<usize> {
    let live = workspace.ledger.live_files(None, None, None);
    let live = workspace.block_on(live)?;
    let path = |file: &ledger::LakeFile| workspace.lake.root().join(&file.path);
    let sizes = workspace
        .files
        .stored_sizes(live.iter().map(path).collect())?;
    for (file, size) in live.iter().zip(sizes) {
        let path = path(file);
        let size = size.ok_or_else(|| {
            Failure::new(
                path.display(),
                format_args!("is not in {}", workspace.files.place()),
            )
        })?;
        if size != file.bytes as u64 {
            return Err(Failure::new(
                path.display(),
                format_args!("has {size} bytes, the ledger knows {}", file.bytes),
            ));
        }
    }
    let part = |file: &&ledger::LakeFile| file.kind == LakeFileKind::Part;
    Ok(live.iter().filter(part).count())
}
