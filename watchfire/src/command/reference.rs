//! `watchfire reference`: import what others publish, list what is imported.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use reference::{KINDS, SourceFile};
use serde_json::json;

use crate::failure::{Exit, Failure, Result};
use crate::reference_files::{self, ImportedFile, ReferenceKind, SCHEMA_KIND};
use crate::schema_update;
use crate::shared_reference;
use crate::table::{Out, Table};
use crate::workspace::{Access, Session, Workspace};

/// Import and list tables that others publish: addresses, sites, brands, warning lists, schemas.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire reference import public-suffix public_suffix_list.dat
  watchfire reference import region-cidr cn-region-cidr/*.txt
  watchfire reference import shadowserver-schema intelmq.json
  watchfire reference import shadowserver-schema newer.json --dry-run
  watchfire reference list")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Import files of a kind; each replaces the imported file of its kind and name.
    #[command(after_help = kinds_help())]
    Import {
        /// Kind of the files, see below.
        kind: String,
        /// The files; plain, gzip or zstd.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Order among the sources of one field of an address: the lower is asked first.
        #[arg(long)]
        rank: Option<u16>,
        /// Of a shadowserver-schema: show what it changes, and take nothing. Exits with 4 if
        /// classifications move.
        #[arg(long, conflicts_with = "accept")]
        dry_run: bool,
        /// Of a shadowserver-schema: take it although classifications move, and why. It is audited
        /// and marks a break.
        #[arg(long, value_name = "REASON")]
        accept: Option<String>,
        /// Who accepts.
        #[arg(long, env = "USER", hide_env = true, default_value = "operator")]
        author: String,
    },
    /// List what is imported.
    List,
}

fn kinds_help() -> String {
    let mut text = String::from("Kinds:\n");
    let schema = (
        SCHEMA_KIND,
        "Shadowserver's report schema as JSON (intelmq.json)",
    );
    for (name, takes) in KINDS
        .iter()
        .map(|spec| (spec.name, spec.takes))
        .chain([schema])
    {
        text.push_str(&format!("  {name:<20} {takes}\n"));
    }
    text.push_str("\nEntries [[reference]] of watchfire.toml are imported by `watchfire ingest` without this command.");
    text
}

pub fn run(args: Args, session: &Session) -> Result {
    match args.what {
        What::Import {
            kind,
            files,
            dry_run: true,
            ..
        } => compare(&kind, &files, session),
        What::Import {
            kind,
            files,
            rank,
            accept,
            author,
            ..
        } => {
            let accept = accept.as_deref().map(|reason| (reason, author.as_str()));
            import(&kind, files, (rank, accept), session)
        }
        What::List => list(session),
    }
}

fn read_kind(kind: &str) -> Result<ReferenceKind> {
    kind.parse()
        .map_err(|error: reference::Error| Failure::from(error).with(Exit::Usage))
}

/// Shows what schemas would change, one after the other against the one in force.
fn compare(kind: &str, files: &[PathBuf], session: &Session) -> Result {
    if read_kind(kind)? != ReferenceKind::ShadowserverSchema {
        return Err(Failure::usage(
            "--dry-run",
            "is for shadowserver-schema only",
        ));
    }
    let workspace = session.open(Access::Read)?;
    let mut out = Out::new();
    let mut moves = false;
    for path in files {
        let Some(update) = schema_update::compare(&workspace, path)? else {
            session
                .talk
                .say("no schema is in force yet: nothing moves by importing one");
            continue;
        };
        moves |= !update.moved.is_empty();
        if session.json {
            out.json(&update)?;
        } else {
            schema_update::print(&update, &mut out)?;
        }
    }
    out.end()?;
    if moves {
        Err(Failure::findings())
    } else {
        Ok(())
    }
}

/// Imports a schema; one that moves classifications only if a person accepts it.
fn import_schema(
    workspace: &Workspace,
    path: &Path,
    accept: Option<(&str, &str)>,
) -> Result<ImportedFile> {
    let update = schema_update::compare(workspace, path)?.filter(|update| !update.moved.is_empty());
    if let (Some(update), Some((reason, author))) = (&update, accept) {
        // First: a schema in force without its break would be worse than a break without its schema.
        schema_update::accept(workspace, update, reason, author)?;
    }
    reference_files::import_schema(workspace, path, None, accept.is_some())
}

fn import(
    kind: &str,
    files: Vec<PathBuf>,
    (rank, accept): (Option<u16>, Option<(&str, &str)>),
    session: &Session,
) -> Result {
    let kind = read_kind(kind)?;
    if accept.is_some_and(|(reason, _)| reason.trim().is_empty()) {
        return Err(Failure::usage("--accept", "needs a reason"));
    }
    let workspace = session.open(Access::Write("reference import"))?;
    let done = match kind {
        ReferenceKind::ShadowserverSchema => files
            .iter()
            .map(|file| import_schema(&workspace, file, accept))
            .collect::<Result<Vec<ImportedFile>>>()?,
        ReferenceKind::Table(kind) => {
            let files: Vec<SourceFile> = files
                .into_iter()
                .map(|path| SourceFile {
                    rank,
                    ..SourceFile::new(kind, path)
                })
                .collect();
            let mut sources = shared_reference::sources(&workspace)?;
            let done = reference_files::import_tables(&mut sources, &files)?;
            shared_reference::share(&workspace, &sources)?;
            done
        }
    };
    let mut out = Out::new();
    if session.json {
        out.json(&done)?;
    } else {
        for file in &done {
            let path = file.path.display();
            match file.records {
                Some(records) if file.unchanged => {
                    out.line(format_args!("{path}: {records} records, unchanged"))?
                }
                Some(records) => out.line(format_args!(
                    "{path}: {records} records, {} lines refused",
                    file.rejected
                ))?,
                None => {}
            }
            for problem in &file.problems {
                session.talk.warn(problem);
            }
        }
    }
    out.end()?;
    match done.iter().filter(|file| file.records.is_none()).count() {
        0 => Ok(()),
        refused => Err(Failure::new("reference import", format_args!("{refused} of {} files were refused", done.len()))
            .remedy("the reasons stand above; `watchfire reference import --help` says what each kind takes")),
    }
}

fn list(session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let sources = shared_reference::sources(&workspace)?;
    let schemas = workspace.block_on(workspace.ledger.latest_references(Some(SCHEMA_KIND)))?;
    let mut out = Out::new();
    if session.json {
        out.json(&json!({ "tables": sources.list(), "schemas": schemas }))?;
        return out.end();
    }
    let mut table = Table::new([
        "kind", "set", "name", "records", "refused", "imported", "hash",
    ]);
    for source in sources.list() {
        table.row([
            source.kind.as_str().to_owned(),
            source.set.clone(),
            source.name.clone(),
            source.records.to_string(),
            source.rejected.to_string(),
            source.date.clone(),
            source.hash.chars().take(12).collect(),
        ]);
    }
    for schema in schemas {
        let at = model::time::Timestamp(schema.imported_at);
        let date = at
            .date_in(&jiff::tz::TimeZone::UTC)
            .map(|date| date.to_string())
            .unwrap_or_default();
        let hash: String = schema.source_hash.to_string().chars().take(12).collect();
        table.row([
            schema.kind,
            String::new(),
            schema.name,
            schema.records.to_string(),
            "0".to_owned(),
            date,
            hash,
        ]);
    }
    if table.is_empty() {
        session.talk.say("nothing is imported yet: list [[reference]] entries in watchfire.toml, or see `watchfire reference import --help`");
    } else {
        table.print(&mut out)?;
    }
    out.end()
}
