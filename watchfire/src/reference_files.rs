//! The files that others publish, from the configuration into the workspace: `[[reference]]` entries
//! are imported when they are new or changed, and forgotten when the configuration forgets them.
//!
//! Tables of addresses, sites and names are the `reference` crate's; the Shadowserver schema is kept
//! here as a blob with a row in the ledger, since it is read by `formats` and looked up by nobody. The
//! territory of the configuration becomes a table like the others.
//!
//! What `watchfire reference import` brings belongs to no entry (its set is empty) and stays until it
//! is replaced.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use formats::shadowserver::Schema;
use ledger::{BlobStore, Ledger, NewReferenceTable, ReferenceTable};
use reference::{KINDS, Kind, SourceFile, Sources, Tables};
use serde::Serialize;

use crate::config::{ReferenceFiles, Settings};
use crate::failure::{Failure, Result};
use crate::schema_update;
use crate::shared_reference;
use crate::talk::{Talk, human_time};
use crate::workspace::{Workspace, today};

/// Name of the schema's kind, on the command line and in the ledger.
pub const SCHEMA_KIND: &str = "shadowserver-schema";

/// Set of entries that have no name.
const UNNAMED: &str = "configuration";

/// Problems of a file that are shown; the rest is counted.
const SHOWN_PROBLEMS: usize = 3;

/// What a reference file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceKind {
    /// A table of the `reference` crate.
    Table(Kind),
    /// Shadowserver's report schema.
    ShadowserverSchema,
}

impl ReferenceKind {
    /// The names of all kinds, in the order of the documentation.
    pub fn names() -> Vec<&'static str> {
        KINDS
            .iter()
            .map(|spec| spec.name)
            .chain([SCHEMA_KIND])
            .collect()
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            ReferenceKind::Table(kind) => kind.as_str(),
            ReferenceKind::ShadowserverSchema => SCHEMA_KIND,
        }
    }
}

impl FromStr for ReferenceKind {
    type Err = reference::Error;

    fn from_str(name: &str) -> Result<Self, reference::Error> {
        if name == SCHEMA_KIND {
            return Ok(ReferenceKind::ShadowserverSchema);
        }
        name.parse().map(ReferenceKind::Table)
    }
}

/// What an import did, a line a file.
#[derive(Clone, Debug, Serialize)]
pub struct ImportedFile {
    /// Kind.
    pub kind: &'static str,
    /// The file.
    pub path: PathBuf,
    /// Records in use; none where it was refused.
    pub records: Option<u64>,
    /// Lines refused.
    pub rejected: u64,
    /// Whether it was imported before as it is.
    pub unchanged: bool,
    /// Why it was refused, or the first lines that were.
    pub problems: Vec<String>,
}

/// Files of an entry as they lie on disk.
///
/// # Errors
/// A folder that cannot be read.
pub fn files_of(entry: &ReferenceFiles, root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = BTreeSet::new();
    let excluded: Vec<glob::Pattern> = entry
        .exclude
        .iter()
        .filter_map(|pattern| absolute(root, pattern).ok())
        .collect();
    for pattern in &entry.paths {
        let whole = absolute(root, pattern)
            .map_err(|error| Failure::new(&entry.place, format_args!("`{pattern}`: {error}")))?;
        let paths = glob::glob(whole.as_str())
            .map_err(|error| Failure::new(&entry.place, format_args!("`{pattern}`: {error}")))?;
        for path in paths {
            let path = path.map_err(|error| Failure::new(error.path().display(), error.error()))?;
            if path.is_file() && !excluded.iter().any(|pattern| pattern.matches_path(&path)) {
                found.insert(path);
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// A pattern below the workspace, whose own folder is no pattern.
fn absolute(root: &Path, pattern: &str) -> Result<glob::Pattern, glob::PatternError> {
    if Path::new(pattern).is_absolute() {
        return glob::Pattern::new(pattern);
    }
    let folder = glob::Pattern::escape(&root.to_string_lossy());
    glob::Pattern::new(&format!("{folder}/{pattern}"))
}

/// Brings the workspace's reference folder to what the configuration lists. Only new and changed
/// files are read.
///
/// # Errors
/// A file that cannot be used, named with the reason: tables that silently lack a part would count
/// wrongly.
pub fn sync(workspace: &Workspace, talk: &Talk) -> Result {
    let mut sources = shared_reference::sources(workspace)?;
    let mut wanted = Vec::new();
    let mut kept_sets = BTreeSet::new();
    for entry in &workspace.settings.references {
        let set = entry.name.clone().unwrap_or_else(|| UNNAMED.to_owned());
        let paths = files_of(entry, &workspace.root)?;
        if paths.is_empty() {
            talk.warn(format_args!(
                "{}: reference {}: no file matches {}",
                entry.place,
                entry.kind.as_str(),
                entry.paths.join(", ")
            ));
            // What was imported once stays in use: an archive may be unmounted.
            kept_sets.insert((entry.kind.as_str(), set));
            continue;
        }
        match entry.kind {
            ReferenceKind::ShadowserverSchema => {
                for path in &paths {
                    let name = entry.name.as_deref();
                    let imported = import_schema(workspace, path, name, false)?;
                    if !imported.unchanged {
                        talk.say(format_args!(
                            "imported {SCHEMA_KIND} {}: {} report types",
                            path.display(),
                            imported.records.unwrap_or(0)
                        ));
                    }
                }
            }
            ReferenceKind::Table(kind) => wanted.extend(paths.into_iter().map(|path| {
                let mut file = SourceFile::new(kind, path);
                file.set.clone_from(&set);
                file.rank = entry.rank;
                file
            })),
        }
    }
    let outcomes = import_tables(&mut sources, &wanted)?;
    if let Some(refused) = outcomes.iter().find(|outcome| outcome.records.is_none()) {
        let why = refused.problems.first().map_or("refused", String::as_str);
        return Err(
            Failure::new(format_args!("reference {}", refused.kind), why).remedy(format_args!(
                "mend the file, or leave it out by `exclude` in {}",
                crate::config::FILE
            )),
        );
    }
    tell(&outcomes, talk);
    let gone: Vec<(Kind, String, String)> = sources
        .list()
        .iter()
        .filter(|source| !source.set.is_empty())
        .filter(|source| !kept_sets.contains(&(source.kind.as_str(), source.set.clone())))
        .filter(|source| {
            !wanted.iter().any(|file| {
                file.kind == source.kind && file.set == source.set && file.name == source.name
            })
        })
        .map(|source| (source.kind, source.set.clone(), source.name.clone()))
        .collect();
    for (kind, set, name) in gone {
        sources.remove(kind, &set, &name)?;
        talk.say(format_args!(
            "forgot reference {kind} {name}: the configuration lists it no more"
        ));
    }
    shared_reference::share(workspace, &sources)
}

/// A line a kind for what is new, and the first problems.
fn tell(outcomes: &[ImportedFile], talk: &Talk) {
    let new: Vec<&ImportedFile> = outcomes
        .iter()
        .filter(|outcome| !outcome.unchanged)
        .collect();
    for kind in ReferenceKind::names() {
        let files: Vec<&&ImportedFile> =
            new.iter().filter(|outcome| outcome.kind == kind).collect();
        if files.is_empty() {
            continue;
        }
        let records: u64 = files.iter().filter_map(|file| file.records).sum();
        let refused: u64 = files.iter().map(|file| file.rejected).sum();
        talk.say(format_args!(
            "imported {kind}: {} files, {records} records, {refused} lines refused",
            files.len()
        ));
        for problem in files
            .iter()
            .flat_map(|file| &file.problems)
            .take(SHOWN_PROBLEMS)
        {
            talk.warn(problem);
        }
    }
}

/// Imports table files; a file that is refused is told in its line.
///
/// # Errors
/// The reference folder cannot be written.
pub fn import_tables(sources: &mut Sources, files: &[SourceFile]) -> Result<Vec<ImportedFile>> {
    let outcomes = sources.import_files(files, &today().to_string())?;
    Ok(files
        .iter()
        .zip(outcomes)
        .map(|(file, outcome)| match outcome {
            Ok(imported) => ImportedFile {
                kind: file.kind.as_str(),
                path: file.path.clone(),
                records: Some(imported.report.records),
                rejected: imported.report.rejected,
                unchanged: imported.unchanged,
                problems: imported
                    .report
                    .problems
                    .into_iter()
                    .take(SHOWN_PROBLEMS)
                    .collect(),
            },
            Err(error) => ImportedFile {
                kind: file.kind.as_str(),
                path: file.path.clone(),
                // An empty file among others says that there is nothing of its name; it hides nothing.
                records: matches!(error, reference::Error::Empty { rejected: 0, .. }).then_some(0),
                rejected: 0,
                unchanged: false,
                problems: vec![error.to_string()],
            },
        })
        .collect())
}

/// Reads a Shadowserver schema and its bytes.
///
/// # Errors
/// The file cannot be read or is no such schema.
pub fn read_schema(path: &Path) -> Result<(Vec<u8>, Schema)> {
    let bytes = std::fs::read(path).map_err(|error| Failure::new(path.display(), error))?;
    let schema = Schema::parse(&bytes).map_err(|error| {
        Failure::new(path.display(), error)
            .remedy("fetch intelmq.json from Shadowserver's report_schema repository")
    })?;
    Ok((bytes, schema))
}

/// Keeps a Shadowserver schema. One that moves classifications must have been `accepted`.
///
/// # Errors
/// The file cannot be read or is no such schema, or it moves classifications.
pub fn import_schema(
    workspace: &Workspace,
    path: &Path,
    name: Option<&str>,
    accepted: bool,
) -> Result<ImportedFile> {
    let (bytes, schema) = read_schema(path)?;
    if !accepted
        && let Some(update) = schema_update::compare(workspace, path)?
        && !update.moved.is_empty()
    {
        return Err(schema_update::refusal(&update, path));
    }
    let before = workspace.block_on(latest_schema(&workspace.ledger))?;
    let blob = workspace.blobs.put_bytes(&bytes)?;
    let unchanged = before.is_some_and(|row| row.source_hash == blob.hash);
    if !unchanged {
        let row = NewReferenceTable {
            kind: SCHEMA_KIND.to_owned(),
            name: name.unwrap_or("schema").to_owned(),
            source_path: path.display().to_string(),
            source_hash: blob.hash,
            imported_at: crate::workspace::now().0,
            records: schema.types().len() as i64,
            compiled: blob.hash,
            compiled_bytes: blob.len as i64,
        };
        workspace.block_on(workspace.ledger.add_reference(row))?;
    }
    Ok(ImportedFile {
        kind: SCHEMA_KIND,
        path: path.to_owned(),
        records: Some(schema.types().len() as u64),
        rejected: 0,
        unchanged,
        problems: Vec::new(),
    })
}

/// The schema that was imported last.
///
/// # Errors
/// The ledger fails.
pub async fn latest_schema(ledger: &Ledger) -> ledger::Result<Option<ReferenceTable>> {
    let rows = ledger.latest_references(Some(SCHEMA_KIND)).await?;
    Ok(rows.into_iter().max_by_key(|row| row.id))
}

/// The schema in force, read from its blob.
///
/// # Errors
/// Its blob is gone or damaged.
pub fn schema(workspace: &Workspace) -> Result<Option<Arc<Schema>>> {
    schema_of(
        workspace.block_on(latest_schema(&workspace.ledger))?,
        &workspace.blobs,
    )
}

fn schema_of(row: Option<ReferenceTable>, blobs: &BlobStore) -> Result<Option<Arc<Schema>>> {
    let Some(row) = row else { return Ok(None) };
    let bytes = blobs.read(&row.compiled)?;
    let schema = Schema::parse(&bytes)
        .map_err(|error| Failure::new(format_args!("blob {}", row.compiled), error))?;
    Ok(Some(Arc::new(schema)))
}

/// Compiles the tables of everything imported.
///
/// # Errors
/// A kept file was altered, or is damaged.
pub fn tables(workspace: &Workspace, talk: &Talk) -> Result<Tables> {
    let started = Instant::now();
    let sources = shared_reference::sources(workspace)?;
    let mut files = sources.files();
    files.extend(territory(
        &workspace.settings,
        &sources,
        &workspace.reference_dir(),
    )?);
    let (tables, report) = Tables::build(&files)?;
    talk.detail(format_args!(
        "reference tables: {} files, {} IPv4 and {} IPv6 ranges, {} names in {}",
        report.files.len(),
        report.ranges_v4,
        report.ranges_v6,
        report.site_names,
        human_time(started.elapsed())
    ));
    Ok(tables)
}

/// The territory of the configuration as a file; `None` where an imported table says it, or where it
/// is the built-in rule.
fn territory(settings: &Settings, sources: &Sources, folder: &Path) -> Result<Option<SourceFile>> {
    let imported = sources
        .list()
        .iter()
        .any(|source| source.kind == Kind::Territory);
    let codes: Vec<String> = settings
        .inside
        .iter()
        .map(|country| country.to_string())
        .collect();
    if imported || codes == ["CN"] {
        return Ok(None);
    }
    let text = format!(
        "# From [territory] of {}.\ninside = {codes:?}\n",
        crate::config::FILE
    );
    let path = folder.join("territory.toml");
    if std::fs::read_to_string(&path).is_ok_and(|found| found == text) {
        return Ok(Some(SourceFile::new(Kind::Territory, path)));
    }
    let aside = folder.join(format!("territory.toml.{}", std::process::id()));
    let write = || {
        std::fs::create_dir_all(folder)?;
        std::fs::write(&aside, &text)?;
        std::fs::rename(&aside, &path)
    };
    write().map_err(|error| Failure::new(path.display(), error))?;
    Ok(Some(SourceFile::new(Kind::Territory, path)))
}
