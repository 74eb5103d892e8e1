//! The lake and the archive against the ledger: is what is listed there, whole, and as much as was
//! counted. Reads only; `doctor` and `lake check` print what is found.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use intake::compaction::Upkeep;
use lake::IdentityIndex;
use lake::compact;
use ledger::{
    LakeFile, LakeFileKind, LakeMember, Page, Report, ReportFilter, ReportState, Retained,
};
use model::time::Day;

use crate::failure::Result;
use crate::findings::{Flaw, Grade};
use crate::talk::Talk;
use crate::workspace::{Workspace, now};

/// Rows of the ledger read at a time.
const STRIDE: u64 = 1_000;
/// Memory for one day's identities.
const IDENTITY_BYTES: usize = 64 << 20;

/// The manifest at hand.
pub struct Inspection<'a> {
    workspace: &'a Workspace,
    /// Files that the newest snapshot sees.
    pub live: Vec<LakeFile>,
    members: Vec<LakeMember>,
}

impl<'a> Inspection<'a> {
    /// Reads the manifest.
    ///
    /// # Errors
    /// The ledger fails.
    pub fn of(workspace: &'a Workspace) -> Result<Self> {
        let ledger = &workspace.ledger;
        Ok(Inspection {
            workspace,
            live: workspace.block_on(ledger.live_files(None, None, None))?,
            members: workspace.block_on(ledger.lake_members())?,
        })
    }

    fn of_kind(&self, kind: LakeFileKind) -> impl Iterator<Item = &LakeFile> {
        self.live.iter().filter(move |file| file.kind == kind)
    }

    /// Days with events.
    pub fn days(&self) -> usize {
        let days = self.live.iter().map(|file| file.day);
        days.collect::<BTreeSet<_>>().len()
    }

    /// Live events.
    pub fn events(&self) -> i64 {
        self.of_kind(LakeFileKind::Part).map(|part| part.rows).sum()
    }

    /// Feeds that have rows in a part or its run.
    fn feeds_in(&self, file: &LakeFile) -> String {
        let part = Path::new(&file.path).with_extension("parquet");
        let mut feeds: BTreeSet<&str> = self
            .members
            .iter()
            .filter(|member| Path::new(&member.path) == part)
            .map(|member| member.feed.as_str())
            .collect();
        feeds.extend(file.feed.as_deref());
        feeds.into_iter().collect::<Vec<_>>().join(" ")
    }

    fn remedy(&self, file: &LakeFile) -> String {
        let feeds = self.feeds_in(file);
        let part = Path::new(&file.path).with_extension("parquet");
        format!(
            "restore it from a backup, or read its reports anew: watchfire lake give-up {} --by NAME, then watchfire ingest --again {feeds}",
            part.display()
        )
    }

    /// Files of the manifest that are missing or of another size, also those kept for issues, and
    /// files that it does not know.
    ///
    /// # Errors
    /// The ledger fails, or a folder cannot be read.
    pub fn files(&self) -> Result<Vec<Flaw>> {
        let workspace = self.workspace;
        let root = workspace.lake.root();
        let mut flaws = Vec::new();
        let listed = workspace.block_on(workspace.ledger.listed_files(i32::MAX))?;
        let paths = listed.iter().map(|file| root.join(&file.path)).collect();
        let sizes = workspace.files.stored_sizes(paths)?;
        for (file, size) in listed.iter().zip(sizes) {
            let what = match size {
                Some(size) if size == file.bytes.unsigned_abs() => continue,
                Some(size) => format!("has {size} instead of {} bytes", file.bytes),
                None => format!("is in the manifest and not in {}", workspace.files.place()),
            };
            let remedy = match file.removed {
                None => self.remedy(file),
                Some(_) => {
                    "no figure of today needs it: watchfire lake compact forgets it, unless a frozen issue was counted from it; then restore it from a backup".to_owned()
                }
            };
            flaws.push(Flaw::new(&file.path, what, &remedy));
        }
        let upkeep = Upkeep {
            ledger: &workspace.ledger,
            lake: &workspace.lake,
            runtime: workspace.handle(),
            clock: &now,
        };
        flaws.extend(upkeep.orphans()?.into_iter().map(|(path, bytes)| {
            Flaw {
                grade: Grade::Warning,
                object: path,
                what: format!("{bytes} bytes that no snapshot knows"),
                remedy:
                    "left by a killed command and read by nobody: watchfire lake compact deletes it"
                        .to_owned(),
            }
        }));
        Ok(flaws)
    }

    /// Parts without a run of as many identities, runs without a part, runs that cannot be read.
    pub fn runs(&self) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        let stem = |file: &LakeFile| Path::new(&file.path).with_extension("");
        let mut runs: BTreeMap<PathBuf, &LakeFile> = self
            .of_kind(LakeFileKind::Ids)
            .map(|run| (stem(run), run))
            .collect();
        for part in self.of_kind(LakeFileKind::Part) {
            let what = match runs.remove(&stem(part)) {
                Some(run) if run.rows == part.rows => continue,
                Some(run) => format!("has {} rows, its run {} identities", part.rows, run.rows),
                None => "has no identity run in the manifest".to_owned(),
            };
            flaws.push(Flaw::new(&part.path, what, &self.remedy(part)));
        }
        for run in runs.values() {
            let what = "is the run of no part in the manifest";
            flaws.push(Flaw::new(&run.path, what, &self.remedy(run)));
        }
        let lake = &self.workspace.lake;
        let root = lake.root();
        let wanted = self.of_kind(LakeFileKind::Ids);
        let wanted = wanted
            .map(|run| storage::Wanted::sized(root.join(&run.path), run.bytes.unsigned_abs()));
        lake.files().warm(wanted.collect());
        let mut index = IdentityIndex::new(IDENTITY_BYTES);
        for run in self.of_kind(LakeFileKind::Ids) {
            let day = Day(run.day);
            if let Err(error) = index.open(lake.files(), day, &[root.join(&run.path)]) {
                flaws.push(Flaw::new(&run.path, error.to_string(), &self.remedy(run)));
            }
            index.forget(day);
        }
        flaws
    }

    /// Parts that do not decode as a whole, or hold other rows than the ledger counts.
    pub fn parts(&self, talk: &Talk) -> Vec<Flaw> {
        let lake = &self.workspace.lake;
        let mut flaws = Vec::new();
        let mut members: BTreeMap<&str, BTreeMap<(&str, &str), i64>> = BTreeMap::new();
        for member in &self.members {
            let origin = (member.feed.as_str(), member.report_id.as_str());
            let of_part = members.entry(&member.path).or_default();
            of_part.insert(origin, member.rows);
        }
        let parts: Vec<&LakeFile> = self.of_kind(LakeFileKind::Part).collect();
        let mut progress = talk.progress("parts", parts.len() as u64, false);
        for (done, part) in parts.into_iter().enumerate() {
            progress.at(done as u64, || part.path.clone());
            let seen = match compact::inspect(lake, Day(part.day), &part.path) {
                Ok(seen) => seen,
                Err(error) => {
                    flaws.push(Flaw::new(&part.path, error.to_string(), &self.remedy(part)));
                    continue;
                }
            };
            let own = part.feed.as_deref().zip(part.report_id.as_deref());
            let expected = match own {
                Some(origin) => BTreeMap::from([(origin, part.rows)]),
                None => members.remove(part.path.as_str()).unwrap_or_default(),
            };
            let found: BTreeMap<(&str, &str), i64> = seen
                .origins
                .iter()
                .map(|((feed, report), rows)| ((feed.as_str(), report.as_str()), *rows as i64))
                .collect();
            let what = if seen.rows as i64 != part.rows {
                format!("holds {} events instead of {}", seen.rows, part.rows)
            } else if found != expected {
                "holds rows of other reports than the ledger lists".to_owned()
            } else if !within(&seen, part) {
                "holds events of another time than the manifest says".to_owned()
            } else if Path::new(&seen.run) != Path::new(&part.path).with_extension("ids") {
                format!("names {} as its run", seen.run)
            } else {
                continue;
            };
            flaws.push(Flaw::new(&part.path, what, &self.remedy(part)));
        }
        progress.end();
        flaws
    }

    /// Reports whose bytes are missing or changed, less those that a rule took away; how many there
    /// are. `deep` hashes them.
    ///
    /// # Errors
    /// The ledger fails.
    pub fn blobs(&self, deep: bool, talk: &Talk) -> Result<(Vec<Flaw>, u64)> {
        let workspace = self.workspace;
        let remedy =
            "restore it from a backup, or deliver the file again and run `watchfire ingest`";
        let expiries = workspace.block_on(workspace.ledger.expiries(None, None))?;
        let over: HashSet<String> = expiries
            .into_iter()
            .filter(|expiry| expiry.what == Retained::Raw.as_str())
            .map(|expiry| expiry.report_id)
            .collect();
        let mut flaws = Vec::new();
        let mut progress = talk.progress("blobs", 0, false);
        let mut done = 0;
        let mut reports = Vec::new();
        self.each_report(&mut |report| {
            done += 1;
            if !over.contains(&report.id) {
                reports.push((
                    report.id.clone(),
                    report.origin.clone(),
                    report.blob,
                    report.bytes,
                ));
            }
        })?;
        let mut at = 0;
        for reports in reports.chunks(STRIDE as usize) {
            let hashes: Vec<_> = reports.iter().map(|(_, _, blob, _)| *blob).collect();
            let sizes = workspace.blobs.sizes(&hashes)?;
            for ((id, origin, blob, bytes), size) in reports.iter().zip(sizes) {
                at += 1;
                progress.at(at, || origin.clone());
                let what = match size {
                    Some(size) if size == bytes.unsigned_abs() => {
                        match deep.then(|| workspace.blobs.verify(blob)) {
                            Some(Err(error)) => error.to_string(),
                            _ => continue,
                        }
                    }
                    Some(size) => format!("its bytes are {size} instead of {bytes}"),
                    None => {
                        let path = workspace.blobs.path(blob);
                        format!("its bytes are missing at {}", path.display())
                    }
                };
                flaws.push(Flaw::new(format!("{id} ({origin})"), what, remedy));
            }
        }
        progress.end();
        Ok((flaws, done))
    }

    /// Reports whose live events, with those that a rule took away, are not as many as were counted
    /// when they were read, or which tallied more records than they gave events and duplicates.
    ///
    /// # Errors
    /// The ledger fails.
    pub fn counts(&self) -> Result<Vec<Flaw>> {
        let ledger = &self.workspace.ledger;
        let mut rows: BTreeMap<String, i64> = BTreeMap::new();
        for part in self.of_kind(LakeFileKind::Part) {
            if let Some(report) = &part.report_id {
                *rows.entry(report.clone()).or_default() += part.rows;
            }
        }
        let live: HashSet<&str> = self
            .of_kind(LakeFileKind::Part)
            .map(|part| part.path.as_str())
            .collect();
        for member in &self.members {
            if live.contains(member.path.as_str()) {
                *rows.entry(member.report_id.clone()).or_default() += member.rows;
            }
        }
        for expiry in self.workspace.block_on(ledger.expiries(None, None))? {
            if expiry.what == Retained::Events.as_str() {
                *rows.entry(expiry.report_id).or_default() += expiry.count;
            }
        }
        let tallied: BTreeMap<String, i64> = self
            .workspace
            .block_on(ledger.tallied_by_report())?
            .into_iter()
            .collect();
        let mut flaws = Vec::new();
        self.each_report(&mut |report| {
            let rows = rows.remove(&report.id).unwrap_or(0);
            let counted = match report.state {
                ReportState::Ingested => report.events,
                _ => 0,
            };
            let known = report.events + report.duplicates;
            let tallied = tallied.get(&report.id).copied().unwrap_or(0);
            let what = if rows != counted {
                format!("{rows} of its events are in the lake, {counted} were counted")
            } else if tallied > known {
                format!("{tallied} records are tallied, {known} became events or duplicates")
            } else {
                return;
            };
            let remedy = format!(
                "watchfire ingest --again {}, and compare with a backup",
                report.feed
            );
            let object = format!("{} ({})", report.id, report.origin);
            flaws.push(Flaw::new(object, what, &remedy));
        })?;
        flaws.extend(rows.into_keys().map(|report| {
            let what = "has events in the lake and is not in the ledger";
            Flaw::new(report, what, "compare with a backup")
        }));
        Ok(flaws)
    }

    fn each_report(&self, each: &mut dyn FnMut(&Report)) -> Result {
        let filter = ReportFilter::default();
        let mut page = Page {
            offset: 0,
            limit: STRIDE,
        };
        loop {
            let reports = self.workspace.ledger.reports(&filter, page);
            let reports = self.workspace.block_on(reports)?;
            reports.iter().for_each(&mut *each);
            page.offset += reports.len() as u64;
            if (reports.len() as u64) < STRIDE {
                return Ok(());
            }
        }
    }
}

/// Bounds are those of a report's rows before deduplication: wider than what is stored, never narrower.
fn within(seen: &compact::Seen, part: &LakeFile) -> bool {
    part.min_observed_at
        .is_none_or(|first| first <= seen.min_observed)
        && part
            .max_observed_at
            .is_none_or(|last| seen.max_observed <= last)
}
