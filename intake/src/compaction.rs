//! Upkeep of the lake: many small parts of a day become few, a report's rows are taken out of a part
//! that it shares, and what nobody needs is deleted.
//!
//! Each change goes by the commit protocol of ingestion: new files are staged and fsynced, then one
//! ledger transaction swaps them for the old. Killed before it, the staged files are orphans; killed
//! after it, the old ones stay until [`Upkeep::vacuum`] collects both. The caller holds the right to
//! write to the workspace.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::ops::Range;
use std::path::Path;

use lake::compact::{self, Candidate, SPLIT_PARTS, Written};
use lake::schema::LAKE_SCHEMA_VERSION;
use lake::stage::make_durable;
use lake::{FileKind, Lake, StagedFile};
use ledger::{
    BlobStore, LakeCommit, LakeFile, LakeFileKind, LakeMember, Ledger, NewAudit, NewLakeFile, Page,
};
use model::time::{Day, Timestamp};
use serde::Serialize;

use crate::error::{Error, Result};

/// How long a file that nobody sees is left where it is not known who reads, in microseconds. Longer than a report is
/// staged before its commit, and than a query runs.
pub const GRACE: i64 = 6 * 3_600 * 1_000_000;

/// What upkeep works on.
pub struct Upkeep<'a> {
    /// The ledger.
    pub ledger: &'a Ledger,
    /// The event store.
    pub lake: &'a Lake,
    /// Runs the ledger's futures; called from threads of ours, never from within it.
    pub runtime: tokio::runtime::Handle,
    /// The clock, handed down by the binary.
    pub clock: &'a (dyn Fn() -> Timestamp + Sync),
}

/// What compaction would do to a day.
#[derive(Clone, Debug)]
pub struct DayPlan {
    /// The day.
    pub day: Day,
    /// Live parts of the day.
    pub parts: usize,
    /// Parts, each list of which becomes one.
    merges: Vec<Vec<LakeFile>>,
    /// The runs of the day, by path.
    runs: BTreeMap<String, LakeFile>,
}

/// What compaction did to a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Compacted {
    /// Parts that were merged.
    pub merged: u64,
    /// Parts that they became.
    pub into: u64,
    /// Rows in them.
    pub rows: u64,
    /// Bytes of the merged parts and their runs.
    pub bytes_before: u64,
    /// Bytes of what they became.
    pub bytes_after: u64,
}

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Vacuumed {
    /// Files that no snapshot in use sees any more.
    pub removed: u64,
    /// Files that were staged and never committed, or left over by a killed vacuum.
    pub orphans: u64,
    /// Bytes of both.
    pub bytes: u64,
}

impl DayPlan {
    /// Parts that would be merged.
    pub fn merged(&self) -> usize {
        self.merges.iter().map(Vec::len).sum()
    }

    /// Parts that they would become.
    pub fn become_parts(&self) -> usize {
        self.merges.len()
    }

    /// Bytes of the parts that would be merged.
    pub fn bytes(&self) -> u64 {
        let parts = self.merges.iter().flatten();
        parts.map(|part| part.bytes.unsigned_abs()).sum()
    }
}

/// The run that lies beside a part.
pub(crate) fn run_of(part: &str) -> String {
    Path::new(part)
        .with_extension("ids")
        .to_string_lossy()
        .into_owned()
}

/// Written files as the manifest is to list them, and their handles.
#[derive(Default)]
pub(crate) struct Listing {
    pub(crate) files: Vec<(File, StagedFile)>,
    pub(crate) add: Vec<NewLakeFile>,
    pub(crate) members: Vec<LakeMember>,
}

impl Listing {
    /// Takes in a part and its run. One whose rows are all of one report stands under it.
    pub(crate) fn take(&mut self, written: Written, generation: i32) {
        let feeds: BTreeSet<&str> = written
            .origins
            .keys()
            .map(|(feed, _)| feed.as_str())
            .collect();
        let feed = match feeds.iter().collect::<Vec<_>>()[..] {
            [feed] => Some((*feed).to_owned()),
            _ => None,
        };
        let report = match written.origins.keys().collect::<Vec<_>>()[..] {
            [(_, report)] => Some(report.clone()),
            _ => None,
        };
        for (file, staged) in written.files {
            let part = staged.kind == FileKind::Part;
            if part && report.is_none() {
                let members = written
                    .origins
                    .iter()
                    .map(|((feed, report), rows)| LakeMember {
                        path: staged.path.clone(),
                        report_id: report.clone(),
                        feed: feed.clone(),
                        rows: *rows as i64,
                    });
                self.members.extend(members);
            }
            self.add.push(NewLakeFile {
                path: staged.path.clone(),
                kind: match part {
                    true => LakeFileKind::Part,
                    false => LakeFileKind::Ids,
                },
                day: staged.day.0,
                feed: feed.clone(),
                report_id: report.clone(),
                generation,
                rows: staged.rows as i64,
                bytes: staged.bytes as i64,
                min_observed_at: part.then_some(staged.min_observed),
                max_observed_at: part.then_some(staged.max_observed),
                schema_version: LAKE_SCHEMA_VERSION as i32,
            });
            self.files.push((file, staged));
        }
    }
}

impl Upkeep<'_> {
    /// The days (of a span, or all) whose parts are more than they need be.
    ///
    /// # Errors
    /// The ledger fails.
    pub fn plan(&self, days: Option<Range<i32>>) -> Result<Vec<DayPlan>> {
        let live = self
            .runtime
            .block_on(self.ledger.live_files(None, None, days))?;
        let mut by_day: BTreeMap<i32, Vec<LakeFile>> = BTreeMap::new();
        for file in live {
            by_day.entry(file.day).or_default().push(file);
        }
        let mut plans = Vec::new();
        for (day, files) in by_day {
            let (parts, runs): (Vec<_>, Vec<_>) = files
                .into_iter()
                .partition(|file| file.kind == LakeFileKind::Part);
            let candidates: Vec<Candidate> = parts
                .iter()
                .map(|part| Candidate {
                    path: part.path.clone(),
                    feed: part.feed.clone(),
                    rows: part.rows.unsigned_abs(),
                })
                .collect();
            let mut by_path: BTreeMap<String, LakeFile> = parts
                .into_iter()
                .map(|part| (part.path.clone(), part))
                .collect();
            let count = by_path.len();
            let merges: Vec<Vec<LakeFile>> = compact::plan(&candidates)
                .into_iter()
                .map(|merge| {
                    let parts = merge.into_iter();
                    parts
                        .filter_map(|part| by_path.remove(&part.path))
                        .collect()
                })
                .collect();
            if !merges.is_empty() {
                plans.push(DayPlan {
                    day: Day(day),
                    parts: count,
                    merges,
                    runs: runs
                        .into_iter()
                        .map(|run| (run.path.clone(), run))
                        .collect(),
                });
            }
        }
        Ok(plans)
    }

    /// Compacts a day in one transaction.
    ///
    /// # Errors
    /// A part that is damaged, a disk that fails, a manifest that changed since the plan was made;
    /// nothing is changed then. After [`lake::Error::Fsync`] the process must stop.
    pub fn compact(&self, plan: &DayPlan) -> Result<Compacted> {
        let root = self.lake.root();
        let wanted = plan.merges.iter().flatten().chain(plan.runs.values());
        let wanted = wanted
            .map(|file| storage::Wanted::sized(root.join(&file.path), file.bytes.unsigned_abs()));
        self.lake
            .files()
            .fetch(wanted.collect())
            .map_err(lake::Error::from)?;
        let mut done = Compacted::default();
        let mut listing = Listing::default();
        let mut remove = Vec::new();
        for merge in &plan.merges {
            let parts: Vec<&str> = merge.iter().map(|part| part.path.as_str()).collect();
            for part in merge {
                let run = run_of(&part.path);
                let run = plan.runs.get(&run).ok_or_else(|| Error::Upkeep {
                    path: run.clone(),
                    detail:
                        "the run of a live part is not in the manifest; see `watchfire lake check`"
                            .to_owned(),
                })?;
                done.bytes_before += part.bytes.unsigned_abs() + run.bytes.unsigned_abs();
                remove.extend([part.path.clone(), run.path.clone()]);
            }
            let written = compact::merge(self.lake, plan.day, &parts)?;
            let rows: u64 = merge.iter().map(|part| part.rows.unsigned_abs()).sum();
            let found: u64 = written.origins.values().sum();
            if rows != found {
                return Err(Error::Upkeep {
                    path: parts.join(", "),
                    detail: format!(
                        "{found} rows instead of {rows} that the manifest lists; see `watchfire lake check --deep`"
                    ),
                });
            }
            done.merged += merge.len() as u64;
            done.into += 1;
            done.rows += rows;
            done.bytes_after += written
                .files
                .iter()
                .map(|(_, file)| file.bytes)
                .sum::<u64>();
            let generation = merge.iter().map(|part| part.generation).max().unwrap_or(0);
            listing.take(written, generation);
        }
        self.swap("compaction", listing, remove)?;
        Ok(done)
    }

    /// Takes the rows of these reports out of parts that they share with others, into parts of their
    /// own: what reads a report again can then replace its files. Changes no row.
    ///
    /// # Errors
    /// As [`Upkeep::compact`].
    pub fn split_off(&self, reports: &[String]) -> Result<()> {
        for reports in reports.chunks(SPLIT_PARTS) {
            let shared = self
                .runtime
                .block_on(self.ledger.parts_shared_by(reports))?;
            for part in shared {
                let outputs: BTreeMap<&str, usize> = reports
                    .iter()
                    .enumerate()
                    .map(|(at, report)| (report.as_str(), at))
                    .collect();
                let rest = reports.len();
                let day = Day(part.day);
                let purpose = format!("split off {}", reports.join(" "));
                let written = compact::split(
                    self.lake,
                    day,
                    &part.path,
                    &purpose,
                    rest + 1,
                    &mut |facts| Some(*outputs.get(facts.report).unwrap_or(&rest)),
                )?;
                let mut listing = Listing::default();
                for written in written.into_iter().flatten() {
                    listing.take(written, part.generation);
                }
                let remove = vec![part.path.clone(), run_of(&part.path)];
                self.swap("split", listing, remove)?;
            }
        }
        Ok(())
    }

    /// Takes a damaged part and its run out of the manifest, so that its reports can be read again; it
    /// is recorded who gave it up. Returns the rows that are lost until then, by report and feed.
    ///
    /// # Errors
    /// The part is not live, or it is whole.
    pub fn give_up(&self, path: &str, actor: &str) -> Result<BTreeMap<(String, String), i64>> {
        let refuse = |detail: &str| Error::Upkeep {
            path: path.to_owned(),
            detail: detail.to_owned(),
        };
        let live = self
            .runtime
            .block_on(self.ledger.live_files(None, None, None))?;
        let part = live
            .iter()
            .find(|file| file.path == path && file.kind == LakeFileKind::Part);
        let part =
            part.ok_or_else(|| refuse("is no live part; `watchfire lake check` names them"))?;
        if compact::inspect(self.lake, Day(part.day), path).is_ok() {
            return Err(refuse("is whole and is not given up"));
        }
        let members = self
            .runtime
            .block_on(self.ledger.members_of(&[path.to_owned()]))?;
        let mut lost: BTreeMap<(String, String), i64> = members
            .into_iter()
            .map(|member| ((member.report_id, member.feed), member.rows))
            .collect();
        if let (Some(report), Some(feed)) = (&part.report_id, &part.feed) {
            lost.insert((report.clone(), feed.clone()), part.rows);
        }
        let run = run_of(path);
        let mut remove = vec![path.to_owned()];
        remove.extend(live.iter().any(|file| file.path == run).then_some(run));
        let entry = NewAudit {
            actor: actor.to_owned(),
            action: "lake.give-up".to_owned(),
            object: format!("lake file {path}"),
            detail: serde_json::json!({
                "rows": part.rows,
                "reports": lost.keys().map(|(report, _)| report).collect::<Vec<_>>(),
            }),
        };
        let now = (self.clock)().0;
        self.runtime
            .block_on(self.ledger.append_audit(entry, now))?;
        self.swap("damage", Listing::default(), remove)?;
        Ok(lost)
    }

    /// Makes what was written durable, then live in the place of what it was made of.
    fn swap(&self, reason: &str, listing: Listing, remove: Vec<String>) -> Result<()> {
        make_durable(self.lake, &listing.files)?;
        let change = LakeCommit {
            reason: reason.to_owned(),
            add: listing.add,
            members: listing.members,
            remove,
            job: None,
            now: (self.clock)().0,
        };
        self.runtime.block_on(self.ledger.commit_lake(change))?;
        Ok(())
    }

    /// Deletes what no snapshot in use sees any more — neither the newest nor that of a stored issue —
    /// and what was staged and never committed. Whoever is killed in between leaves files that the next
    /// vacuum finds. Nothing may stage or read meanwhile: a reader would miss the files that it listed.
    ///
    /// # Errors
    /// The ledger fails, or a file cannot be deleted.
    pub fn vacuum(&self) -> Result<Vacuumed> {
        let seen_from = match self.lake.files().is_remote() {
            true => self.runtime.block_on(self.long_ago())?,
            false => self.runtime.block_on(self.ledger.current_snapshot())?,
        };
        let mut done = self.delete_unseen(seen_from)?;
        let orphans = self.orphans()?;
        let paths: Vec<String> = orphans.iter().map(|(path, _)| path.clone()).collect();
        self.delete(&paths)?;
        done.orphans = paths.len() as u64;
        done.bytes += orphans.iter().map(|(_, bytes)| bytes).sum::<u64>();
        Ok(done)
    }

    /// Deletes what nobody has seen for [`GRACE`], as [`Upkeep::vacuum`] does but beside work under way: whoever stages or
    /// reads for less than that misses nothing. What was never committed stays.
    ///
    /// # Errors
    /// The ledger fails, or a file cannot be deleted.
    pub fn tidy(&self) -> Result<Vacuumed> {
        let seen_from = self.runtime.block_on(self.long_ago())?;
        self.delete_unseen(seen_from)
    }

    /// Over a store: forgets the copies in this node's folder of what nobody wants any more — files that the manifest
    /// does not know, and raw bytes whose time is over, deleted from the store by another node. How many there were.
    /// Whoever is just committing one of them fetches it again.
    ///
    /// # Errors
    /// The ledger fails, a folder cannot be read, or a copy not be deleted.
    pub fn forget_copies(&self, blobs: &BlobStore) -> Result<u64> {
        let files = self.lake.files();
        if !files.is_remote() {
            return Ok(0);
        }
        let mut forgotten = 0;
        let known = self.known_files()?;
        for relative in self.files_here()? {
            if !known.contains(&relative) {
                let path = self.lake.root().join(relative);
                forgotten += u64::from(files.forget(&path).map_err(lake::Error::from)?);
            }
        }
        for blob in self.runtime.block_on(self.ledger.expired_blobs())? {
            if blobs.path(&blob).exists()
                && self.runtime.block_on(self.ledger.raw_is_over(&blob))?
            {
                forgotten += u64::from(blobs.forget(&blob)?);
            }
        }
        Ok(forgotten)
    }

    fn delete_unseen(&self, seen_from: i64) -> Result<Vacuumed> {
        let gone = self
            .runtime
            .block_on(self.ledger.forget_removed(seen_from))?;
        let (removed, bytes) = self.delete(&gone)?;
        Ok(Vacuumed {
            removed,
            bytes,
            ..Vacuumed::default()
        })
    }

    /// The newest snapshot of [`GRACE`] ago: what it does not see is in nobody's hands any more.
    async fn long_ago(&self) -> ledger::Result<i64> {
        let before = (self.clock)().0 - GRACE;
        let mut page = Page {
            offset: 0,
            limit: 1_000,
        };
        loop {
            // Newest first.
            let snapshots = self.ledger.snapshots(page).await?;
            if let Some(old) = snapshots.iter().find(|one| one.created_at <= before) {
                return Ok(old.number);
            }
            if (snapshots.len() as u64) < page.limit {
                return Ok(0);
            }
            page.offset += page.limit;
        }
    }

    /// Deletes files of the lake that nobody sees any more, in the store first; how many there were, and the bytes of
    /// those that were here.
    pub(crate) fn delete(&self, paths: &[String]) -> Result<(u64, u64)> {
        let root = self.lake.root();
        let full: Vec<_> = paths.iter().map(|path| root.join(path)).collect();
        let remote = self.lake.files().is_remote();
        self.lake
            .files()
            .withdraw(full.clone())
            .map_err(lake::Error::from)?;
        let (mut files, mut bytes) = (0, 0);
        for path in full {
            let gone = delete(&path)?;
            files += u64::from(remote || gone.is_some());
            bytes += gone.unwrap_or(0);
        }
        Ok((files, bytes))
    }

    /// Files below the lake's days that the manifest does not know, with their sizes. Where other nodes may be
    /// staging, only those older than [`GRACE`]; those in the store are found by what it lists, and what it does not
    /// list yet is found next time.
    ///
    /// # Errors
    /// The ledger fails, a folder cannot be read, or the store not be asked.
    pub fn orphans(&self) -> Result<Vec<(String, u64)>> {
        let known = self.known_files()?;
        let root = self.lake.root();
        let files = self.lake.files();
        let before = (self.clock)().0 - GRACE;
        let mut orphans = BTreeMap::new();
        for listed in files.list(root).map_err(lake::Error::from)? {
            let relative = listed.path.strip_prefix(root).ok();
            let relative = relative.map(|path| path.to_string_lossy().into_owned());
            let old = listed.stored_at < before;
            if let Some(path) = relative.filter(|path| old && !known.contains(path)) {
                orphans.insert(path, listed.bytes);
            }
        }
        for relative in self.files_here()? {
            if !known.contains(&relative) {
                let meta = std::fs::metadata(root.join(&relative)).ok();
                let old = meta.as_ref().is_none_or(|meta| changed(meta) < before);
                if old || !files.is_remote() {
                    orphans.insert(relative, meta.map_or(0, |meta| meta.len()));
                }
            }
        }
        Ok(orphans.into_iter().collect())
    }

    /// Files of the lake that the manifest knows, at any snapshot that is kept.
    fn known_files(&self) -> Result<HashSet<String>> {
        let listed = self.runtime.block_on(self.ledger.listed_files(i32::MAX))?;
        Ok(listed.into_iter().map(|file| file.path).collect())
    }

    /// Files below the lake's days in its folder, by their paths relative to it.
    fn files_here(&self) -> Result<Vec<String>> {
        let mut here = Vec::new();
        for folder in entries(self.lake.root())? {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            // What else lies there is none of ours.
            if !name.starts_with("day=") || !folder.is_dir() {
                continue;
            }
            for path in entries(&folder)? {
                let ending = path.extension().and_then(|ending| ending.to_str());
                if matches!(ending, Some("parquet" | "ids")) {
                    let file = path.file_name().unwrap_or_default().to_string_lossy();
                    here.push(format!("{name}/{file}"));
                }
            }
        }
        Ok(here)
    }
}

/// When a file was changed last, microseconds UTC.
fn changed(meta: &std::fs::Metadata) -> i64 {
    use std::os::unix::fs::MetadataExt;
    meta.mtime() * 1_000_000 + meta.mtime_nsec() / 1_000
}

fn entries(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let list = std::fs::read_dir(folder).map_err(Error::io(folder))?;
    let paths: std::io::Result<Vec<_>> = list.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(Error::io(folder))?;
    paths.sort();
    Ok(paths)
}

/// Deletes a file of the lake; its size, unless it was gone already.
fn delete(path: &Path) -> Result<Option<u64>> {
    let bytes = std::fs::metadata(path).map_or(0, |meta| meta.len());
    match std::fs::remove_file(path) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(path)(error)),
    }
}
