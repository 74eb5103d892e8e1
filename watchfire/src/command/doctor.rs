//! `watchfire doctor`: is everything that a week needs there and whole; each finding names the remedy.
//!
//! Reads only. What takes long (hashing every blob, reading every part's rows) comes with `--deep`.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use bulletin::render::Fonts;
use intake::collect::{self, Wanted};
use lake::IdentityIndex;
use ledger::{LakeFile, LakeFileKind, Page, ReportFilter, ReportState};
use model::time::Day;
use reference::{Sources, Tables};
use serde::Serialize;

use crate::failure::{Failure, Result};
use crate::reference_files::{files_of, schema};
use crate::table::{Out, clean};
use crate::talk::human_bytes;
use crate::workspace::{Access, Session, Workspace, part};

/// Free space under which a warning is due, and under which nothing goes any more.
const LITTLE_SPACE: u64 = 2 << 30;
const NO_SPACE: u64 = 200 << 20;
/// Objects that a finding names; the rest is counted.
const NAMED: usize = 3;
/// Rows of the ledger read at a time.
const STRIDE: u64 = 1_000;
/// Memory for one day's identities.
const IDENTITY_BYTES: usize = 64 << 20;

/// Check everything that a week needs: configuration, feeds, tables, fonts, disk, lake, ledger, blobs.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exits with 4 if something is wrong or wanting.

Examples:
  watchfire doctor
  watchfire doctor --deep       hash every archived report, read every part
  watchfire doctor --json")]
pub struct Args {
    /// Hash every blob and read every part; takes as long as reading the workspace once.
    #[arg(long)]
    deep: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Grade {
    Ok,
    Warning,
    Error,
}

#[derive(Clone, Debug, Serialize)]
struct Finding {
    check: &'static str,
    grade: Grade,
    message: String,
    remedy: Option<String>,
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn ok(&mut self, check: &'static str, message: impl Into<String>) {
        self.0.push(Finding {
            check,
            grade: Grade::Ok,
            message: message.into(),
            remedy: None,
        });
    }

    fn warning(
        &mut self,
        check: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.0.push(Finding {
            check,
            grade: Grade::Warning,
            message: message.into(),
            remedy: Some(remedy.into()),
        });
    }

    fn error(
        &mut self,
        check: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.0.push(Finding {
            check,
            grade: Grade::Error,
            message: message.into(),
            remedy: Some(remedy.into()),
        });
    }

    fn failure(&mut self, check: &'static str, failure: &Failure, remedy: &str) {
        self.error(
            check,
            failure.message(),
            failure.remedy_text().unwrap_or(remedy),
        );
    }
}

pub fn run(args: Args, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let mut findings = Findings::default();
    configuration(&workspace, &mut findings);
    feeds(&workspace, &mut findings);
    tables(&workspace, &mut findings);
    fonts(&workspace, &mut findings);
    disk(&workspace.root, &mut findings);
    ledger_rows(&workspace, &mut findings)?;
    let files = workspace.block_on(workspace.ledger.live_files(None, None, None))?;
    lake_files(&workspace, &files, &mut findings)?;
    identities(&workspace, &files, &mut findings);
    if args.deep {
        parts(&workspace, &files, &mut findings);
    }
    reports(&workspace, args.deep, &mut findings, session)?;
    let Findings(findings) = findings;
    let mut out = Out::new();
    if session.json {
        out.json(&findings)?;
    } else {
        for finding in &findings {
            let mark = match finding.grade {
                Grade::Ok => "ok     ",
                Grade::Warning => "warning",
                Grade::Error => "ERROR  ",
            };
            out.line(format_args!(
                "{mark} {:<13} {}",
                finding.check,
                clean(&finding.message)
            ))?;
            if let Some(remedy) = &finding.remedy {
                out.line(format_args!("{:22}remedy: {}", "", clean(remedy)))?;
            }
        }
    }
    out.end()?;
    if findings.iter().any(|finding| finding.grade > Grade::Ok) {
        Err(Failure::findings())
    } else {
        Ok(())
    }
}

fn configuration(workspace: &Workspace, findings: &mut Findings) {
    let settings = &workspace.settings;
    for problem in &settings.unset {
        findings.warning(
            "configuration",
            problem.to_string(),
            problem.remedy.clone().unwrap_or_default(),
        );
    }
    if settings.unset.is_empty() {
        let feeds = settings.catalogue.sources().len();
        findings.ok(
            "configuration",
            format!(
                "{feeds} feeds, series {}, zone {}",
                settings.series.id, settings.zone_name
            ),
        );
    }
    if let Err(failure) = super::rating::profile(settings, &workspace.root) {
        findings.failure(
            "configuration",
            &failure,
            "name a built-in profile or the path of one",
        );
    }
}

fn feeds(workspace: &Workspace, findings: &mut Findings) {
    let catalogue = &workspace.settings.catalogue;
    let mut good = 0;
    for source in catalogue
        .sources()
        .iter()
        .filter(|source| source.feed.enabled && !source.feed.paths.is_empty())
    {
        let name = &source.feed.name;
        match collect::files(catalogue, &workspace.root, &[Wanted::Feed(name.clone())]) {
            Ok(found) if found.is_empty() => {
                let message = format!(
                    "feed {name}: no file matches {}",
                    source.feed.paths.join(", ")
                );
                findings.warning(
                    "feeds",
                    message,
                    "mend `paths`, or set enabled = false while the feed pauses",
                );
            }
            Ok(_) => good += 1,
            Err(error) => findings.error(
                "feeds",
                error.to_string(),
                "look at the folder's owner and rights",
            ),
        }
    }
    match good {
        0 if catalogue.sources().is_empty() => findings.warning(
            "feeds",
            "no feed is configured",
            "add [[feed]] entries to watchfire.toml",
        ),
        0 => {}
        good => findings.ok("feeds", format!("{good} feeds have files")),
    }
}

fn tables(workspace: &Workspace, findings: &mut Findings) {
    let again =
        "watchfire reference import KIND FILE..., or `watchfire ingest` for [[reference]] entries";
    let sources = match Sources::open(workspace.reference_dir()) {
        Ok(sources) => sources,
        Err(error) => return findings.error("reference", error.to_string(), again),
    };
    match Tables::build(&sources.files()) {
        Ok((_, report)) if report.files.is_empty() => {
            findings.warning(
                "reference",
                "no table is imported: no address has a country or province",
                again,
            );
        }
        Ok((_, report)) => {
            let ranges = report.ranges_v4 + report.ranges_v6;
            findings.ok(
                "reference",
                format!(
                    "{} files, {ranges} ranges, {} site names",
                    report.files.len(),
                    report.site_names
                ),
            );
        }
        Err(error) => findings.error("reference", error.to_string(), again),
    }
    for entry in &workspace.settings.references {
        if files_of(entry, &workspace.root).is_ok_and(|files| files.is_empty()) {
            let message = format!(
                "{}: reference {}: no file matches {}",
                entry.place,
                entry.kind.as_str(),
                entry.paths.join(", ")
            );
            findings.warning(
                "reference",
                message,
                "mend its `paths`; what was imported before stays in use",
            );
        }
    }
    let wanted = workspace
        .settings
        .catalogue
        .sources()
        .iter()
        .any(|source| source.feed.enabled && source.feed.format == "shadowserver");
    match schema(workspace) {
        Err(failure) => findings.failure("reference", &failure, again),
        Ok(None) if wanted => findings.error(
            "reference",
            "feeds of format shadowserver need Shadowserver's schema, and none is imported",
            "watchfire reference import shadowserver-schema intelmq.json",
        ),
        Ok(None) => {}
        Ok(Some(schema)) => {
            findings.ok(
                "reference",
                format!(
                    "Shadowserver schema of {}, {} report types",
                    schema.version(),
                    schema.types().len()
                ),
            );
        }
    }
}

fn fonts(workspace: &Workspace, findings: &mut Findings) {
    match Fonts::load(&workspace.settings.fonts) {
        Ok(fonts) => {
            let files: Vec<&str> = fonts
                .hashes()
                .iter()
                .map(|hash| hash.file.as_str())
                .collect();
            findings.ok("fonts", files.join(", "));
        }
        Err(error) => findings.error(
            "fonts",
            error.to_string(),
            "apt install fonts-noto-cjk, or list a folder in [fonts] dirs",
        ),
    }
}

fn disk(root: &Path, findings: &mut Findings) {
    match rustix::fs::statvfs(root) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let message = format!("{} free", human_bytes(free));
            let remedy = "make room, or move the workspace to a larger disk";
            match free {
                free if free < NO_SPACE => findings.error("disk", message, remedy),
                free if free < LITTLE_SPACE => findings.warning("disk", message, remedy),
                _ => findings.ok("disk", message),
            }
        }
        Err(error) => findings.warning(
            "disk",
            format!("free space cannot be read: {error}"),
            "look at the disk yourself",
        ),
    }
}

fn ledger_rows(workspace: &Workspace, findings: &mut Findings) -> Result {
    let ledger = &workspace.ledger;
    findings.ok(
        "ledger",
        format!("schema version {}", ledger::Ledger::schema_version()),
    );
    match workspace.block_on(ledger.verify_audit()) {
        Ok(rows) => findings.ok("audit", format!("{rows} rows, the chain holds")),
        Err(error) => findings.error(
            "audit",
            error.to_string(),
            "compare with a backup: someone or something changed the trail",
        ),
    }
    let jobs = workspace.block_on(ledger.job_counts())?;
    if jobs.failed > 0 {
        findings.warning(
            "jobs",
            format!("{} jobs were given up", jobs.failed),
            "look at `watchfire status --json`",
        );
    }
    let mut changed = Vec::new();
    for head in workspace.block_on(ledger.issues(None, Page::ALL))? {
        let issue = workspace.block_on(ledger.issue(
            &head.series,
            head.year,
            head.number,
            head.revision,
        ))?;
        if issue.is_some_and(|issue| issue.digest() != issue.hash) {
            changed.push(head.label());
        }
    }
    if !changed.is_empty() {
        findings.error(
            "issues",
            format!("changed after they were frozen: {}", changed.join(", ")),
            "restore the ledger from a backup",
        );
    }
    Ok(())
}

fn lake_files(workspace: &Workspace, live: &[LakeFile], findings: &mut Findings) -> Result {
    let root = workspace.lake.root();
    let (mut missing, mut wrong) = (Vec::new(), Vec::new());
    for file in live {
        match std::fs::metadata(root.join(&file.path)) {
            Ok(meta) if meta.len() == file.bytes as u64 => {}
            Ok(meta) => wrong.push(format!(
                "{} ({} instead of {} bytes)",
                file.path,
                meta.len(),
                file.bytes
            )),
            Err(_) => missing.push(file.path.clone()),
        }
    }
    let remedy =
        "restore them from a backup, or read their reports anew: watchfire ingest --again FEED";
    if !missing.is_empty() {
        findings.error(
            "lake",
            format!(
                "{} files of the manifest are missing: {}",
                missing.len(),
                some(&missing)
            ),
            remedy,
        );
    }
    if !wrong.is_empty() {
        findings.error(
            "lake",
            format!("{} files have another size: {}", wrong.len(), some(&wrong)),
            remedy,
        );
    }
    let known: HashSet<&str> = live.iter().map(|file| file.path.as_str()).collect();
    let (mut orphans, mut bytes) = (Vec::new(), 0);
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in
            std::fs::read_dir(&folder).map_err(|error| Failure::new(folder.display(), error))?
        {
            let path = entry
                .map_err(|error| Failure::new(folder.display(), error))?
                .path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .to_string_lossy()
                .into_owned();
            if !known.contains(name.as_str())
                && !workspace.block_on(workspace.ledger.knows_file(&name))?
            {
                bytes += std::fs::metadata(&path).map_or(0, |meta| meta.len());
                orphans.push(name);
            }
        }
    }
    if orphans.is_empty() && missing.is_empty() && wrong.is_empty() {
        let size: i64 = live.iter().map(|file| file.bytes).sum();
        findings.ok(
            "lake",
            format!(
                "{} files, {}, as the manifest says",
                live.len(),
                human_bytes(size as u64)
            ),
        );
    }
    if !orphans.is_empty() {
        let message = format!(
            "{} files that no snapshot knows, {}: {}",
            orphans.len(),
            human_bytes(bytes),
            some(&orphans)
        );
        findings.warning("lake", message, "left by a killed ingest and read by nobody; `watchfire ingest` writes over those it needs, the rest may be deleted");
    }
    Ok(())
}

fn some(names: &[String]) -> String {
    let rest = if names.len() > NAMED { ", ..." } else { "" };
    format!("{}{rest}", names[..names.len().min(NAMED)].join(", "))
}

fn identities(workspace: &Workspace, live: &[LakeFile], findings: &mut Findings) {
    let mut days: BTreeMap<i32, Vec<PathBuf>> = BTreeMap::new();
    for file in live.iter().filter(|file| file.kind == LakeFileKind::Ids) {
        days.entry(file.day)
            .or_default()
            .push(workspace.lake.root().join(&file.path));
    }
    let mut damaged = Vec::new();
    let mut index = IdentityIndex::new(IDENTITY_BYTES);
    for (day, runs) in &days {
        if let Err(error) = index.open(Day(*day), runs) {
            damaged.push(format!("{}: {error}", Day(*day)));
        }
        index.forget(Day(*day));
    }
    if damaged.is_empty() {
        findings.ok("identities", format!("{} days can be read", days.len()));
    } else {
        let reports: HashSet<&str> = live
            .iter()
            .filter_map(|file| file.feed.as_deref())
            .collect();
        let mut feeds: Vec<&str> = reports.into_iter().collect();
        feeds.sort_unstable();
        findings.error(
            "identities",
            some(&damaged),
            format!(
                "read the feeds of these days anew: watchfire ingest --again {}",
                feeds.join(" ")
            ),
        );
    }
}

fn parts(workspace: &Workspace, live: &[LakeFile], findings: &mut Findings) {
    let (mut damaged, mut rows) = (Vec::new(), 0);
    for file in live.iter().filter(|file| file.kind == LakeFileKind::Part) {
        // A column of every row is read, so that damage inside the part shows.
        let sql = "SELECT count(DISTINCT event_id) AS n FROM events_raw";
        let counted = workspace.block_on(workspace.lake.collect(&[part(file)], sql));
        let counted = counted.map(|batches| {
            let column = batches.first().map(|batch| batch.column(0).clone());
            let ints = column.as_ref().and_then(|column| {
                column
                    .as_any()
                    .downcast_ref::<lake::arrow::array::Int64Array>()
                    .map(|ints| ints.value(0))
            });
            ints.unwrap_or(-1)
        });
        match counted {
            Ok(count) if count == file.rows => rows += count,
            Ok(count) => damaged.push(format!(
                "{}: {count} events instead of {}",
                file.path, file.rows
            )),
            Err(error) => damaged.push(format!("{}: {error}", file.path)),
        }
    }
    if damaged.is_empty() {
        findings.ok("parts", format!("{rows} events read, every part whole"));
    } else {
        findings.error(
            "parts",
            format!("{} parts are damaged: {}", damaged.len(), some(&damaged)),
            "restore them from a backup, or watchfire ingest --again FEED",
        );
    }
}

fn reports(
    workspace: &Workspace,
    deep: bool,
    findings: &mut Findings,
    session: &Session,
) -> Result {
    let filter = ReportFilter::default();
    let total = workspace.block_on(workspace.ledger.report_count(&filter))?;
    let mut progress = session.talk.progress("blobs", total, false);
    let (mut done, mut waiting, mut empty) = (0, 0, 0);
    let mut unreadable = Vec::new();
    let mut damaged = Vec::new();
    loop {
        let page = Page {
            offset: done,
            limit: STRIDE,
        };
        let reports = workspace.block_on(workspace.ledger.reports(&filter, page))?;
        for report in &reports {
            done += 1;
            progress.at(done, || report.origin.clone());
            match report.state {
                ReportState::Archived => waiting += 1,
                ReportState::Unreadable if report.bytes == 0 => empty += 1,
                ReportState::Unreadable => {
                    let reason = report.reason.as_deref().unwrap_or("no reason is stored");
                    unreadable.push(format!("{}: {reason}", report.origin));
                }
                ReportState::Ingested => {}
            }
            let path = workspace.blobs.path(&report.blob);
            let size = std::fs::metadata(&path).map(|meta| meta.len());
            if size.as_ref().ok() != Some(&(report.bytes as u64)) {
                damaged.push(format!(
                    "{} ({}): {}",
                    report.id,
                    report.origin,
                    size.map_or("missing", |_| "another size")
                ));
            } else if deep && let Err(error) = workspace.blobs.verify(&report.blob) {
                damaged.push(format!("{} ({}): {error}", report.id, report.origin));
            }
        }
        if (reports.len() as u64) < STRIDE {
            break;
        }
    }
    progress.end();
    if damaged.is_empty() {
        let how = if deep { "hashed" } else { "present" };
        findings.ok("blobs", format!("{done} archived reports {how}"));
    } else {
        findings.error(
            "blobs",
            format!("{} archived reports: {}", damaged.len(), some(&damaged)),
            "restore them from a backup, or deliver the files again and run `watchfire ingest`",
        );
    }
    if empty > 0 {
        findings.ok(
            "reports",
            format!("{empty} came empty: their days count as missing"),
        );
    }
    if waiting > 0 {
        findings.warning(
            "reports",
            format!("{waiting} are archived and not yet read"),
            "watchfire ingest",
        );
    }
    if !unreadable.is_empty() {
        findings.warning(
            "reports",
            format!(
                "{} could not be read: {}",
                unreadable.len(),
                some(&unreadable)
            ),
            "mend the feed's entry or ask its provider, and run `watchfire ingest`: it tries again",
        );
    }
    Ok(())
}
