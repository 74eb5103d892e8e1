//! Ingestion: archive, read, deduplicate, commit (DESIGN invariants 3 to 5).
//!
//! The reading thread archives deliveries in small batches — bytes into the blob store, rows into
//! the ledger — and reads each report from its archived bytes. The writing thread stages a report's
//! new rows in the lake and commits several reports together: files fsynced first, then one ledger
//! transaction that makes them live. Killed anywhere, the next run finds reports archived but not
//! ingested, reads them again, and writes over the files that nobody knows of.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use formats::shadowserver::Schema;
use formats::{Unreadable, Warning};
use lake::schema::LAKE_SCHEMA_VERSION;
use lake::stage::make_durable;
use lake::{FileKind, IdentityIndex, Lake, ReportWriter, StagedFile};
use ledger::{
    BlobStore, IngestCommit, LakeFileKind, Ledger, NewJob, NewLakeFile, NewReport, NewTally,
    Report, ReportKind, ReportState, Scope, Totals,
};
use model::ids::ReportId;
use model::time::{Day, Timestamp};
use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::collect::Delivery;
use crate::enrich::Enricher;
use crate::error::{Error, Result};
use crate::gather::{Gathered, TallyKey};
use crate::pipeline::{self, Cutter, Step, Steps};

mod read;

/// Deliveries that are archived in one ledger transaction.
const ARCHIVE_BATCH: usize = 64;
/// Reports that are committed in one ledger transaction, and the bytes staged for them.
const COMMIT_REPORTS: usize = 64;
const COMMIT_BYTES: u64 = 64 << 20;
/// Rejects of one report held in memory before they are staged in the ledger.
const HELD_REJECTS: usize = 4096;
/// Memory for filters and identities of days in use.
const IDENTITY_BYTES: usize = 128 << 20;

/// Everything ingestion works on.
pub struct Intake<'a> {
    /// The ledger.
    pub ledger: Ledger,
    /// The archive of delivered bytes.
    pub blobs: BlobStore,
    /// The event store.
    pub lake: Lake,
    /// Own tables.
    pub enricher: Enricher,
    /// The Shadowserver schema in force.
    pub schema: Option<Arc<Schema>>,
    /// Parsing threads.
    pub workers: usize,
    /// Runs the ledger's futures; called from threads of ours, never from within it.
    pub runtime: tokio::runtime::Handle,
    /// The clock, handed down by the binary.
    pub clock: &'a (dyn Fn() -> Timestamp + Sync),
}

/// What became of a feed's reports in one run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FeedSummary {
    /// Feed name.
    pub feed: String,
    /// Files found.
    pub reports: u64,
    /// Of these, bytes that had been ingested before, or were empty before.
    pub known: u64,
    /// Of these, reports that could not be read at all.
    pub unreadable: u64,
    /// Rows read.
    pub rows: u64,
    /// New events.
    pub events: u64,
    /// Rows whose event was known.
    pub duplicates: u64,
    /// Rows that became no event.
    pub rejects: u64,
    /// Time that the feed's reports took, microseconds, waiting included.
    pub micros: u64,
}

/// What one run did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// By feed, in the order of the deliveries.
    pub feeds: Vec<FeedSummary>,
    /// Reports that could not be read at all, and why.
    pub unreadable: Vec<(String, String)>,
    /// Remarks: file and message.
    pub warnings: Vec<(String, String)>,
    /// The lake's snapshot afterwards.
    pub snapshot: i64,
}

/// Told while ingesting.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// Name of the file in work.
    pub origin: &'a str,
    /// Reports done, known ones included.
    pub reports: u64,
    /// Bytes of the reports done.
    pub bytes: u64,
    /// Rows read so far.
    pub rows: u64,
}

/// What the reading thread says to the writing one, between blocks.
enum Said {
    /// A report begins.
    Begin(Box<Begun>),
    /// It ends: remarks of the container, or why it cannot be read.
    End(std::result::Result<(), String>),
    /// These bytes were ingested before.
    Known {
        feed: String,
        origin: String,
        bytes: u64,
    },
}

struct Begun {
    report: Report,
    format: String,
    schema_version: Option<String>,
    snapshot_at: i64,
    /// The report is read again as a whole although it was ingested.
    again: bool,
}

/// A report that is staged and waits for its commit.
pub(crate) struct Staged {
    commit: IngestCommit,
    files: Vec<(File, StagedFile)>,
}

impl Intake<'_> {
    /// Ingests deliveries in order; `again` reads reports anew that were ingested before, replacing
    /// their events in one transaction each.
    ///
    /// # Errors
    /// A ledger or lake that fails; never the content of a report. After
    /// [`lake::Error::Fsync`] the process must stop.
    pub fn ingest(
        &self,
        deliveries: &[Delivery],
        again: bool,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Summary> {
        self.blobs.sweep()?;
        pipeline::run(
            self.workers,
            &self.enricher,
            |cutter| self.read_all(deliveries, again, cutter),
            |steps| Writer::new(self).write_all(steps, progress),
        )
    }

    /// Archives deliveries and reads them; the reading thread.
    fn read_all(
        &self,
        deliveries: &[Delivery],
        again: bool,
        cutter: &mut Cutter<Said>,
    ) -> Result<()> {
        let mut seen = BTreeSet::new();
        for batch in deliveries.chunks(ARCHIVE_BATCH) {
            let mut new = Vec::with_capacity(batch.len());
            for delivery in batch {
                let blob = self.blobs.put_file(&delivery.path)?;
                let received_at = (self.clock)();
                let snapshot = delivery.source.snapshot_at(&delivery.origin, received_at);
                new.push(NewReport {
                    id: ReportId::of(
                        &delivery.source.feed.name,
                        &blob.hash.0,
                        &delivery.source.standing(&delivery.origin),
                    )
                    .to_string(),
                    feed: delivery.source.feed.name.clone(),
                    kind: ReportKind::Feed,
                    origin: delivery.origin.clone(),
                    blob: blob.hash,
                    bytes: blob.len as i64,
                    received_at: received_at.0,
                    snapshot_at: Some(snapshot.0),
                });
            }
            let archived = self.runtime.block_on(self.ledger.archive_reports(new))?;
            for (delivery, archived) in batch.iter().zip(archived) {
                let report = archived.report;
                // What was unreadable may have become readable by a mended entry, and is tried again; what was
                // empty stays empty, and was told once.
                let known = report.state == ReportState::Ingested && !again
                    || was_empty(&report)
                    || !seen.insert(report.id.clone());
                if known {
                    let origin = delivery.origin.clone();
                    cutter.say(Said::Known {
                        feed: report.feed,
                        origin,
                        bytes: report.bytes as u64,
                    })?;
                } else {
                    self.read_report(delivery, report, again, cutter)?;
                }
            }
        }
        Ok(())
    }
}

/// Whether a report was met before and held nothing.
fn was_empty(report: &Report) -> bool {
    report.state == ReportState::Unreadable
        && report.reason.as_deref() == Some(&Unreadable::Empty.to_string())
}

/// The writing thread's state.
struct Writer<'a> {
    intake: &'a Intake<'a>,
    index: IdentityIndex,
    staged: Vec<Staged>,
    staged_bytes: u64,
    feeds: Vec<FeedSummary>,
    by_name: FxHashMap<String, usize>,
    summary: Summary,
    reports: u64,
    bytes: u64,
    rows: u64,
}

impl<'a> Writer<'a> {
    fn new(intake: &'a Intake<'a>) -> Self {
        Writer {
            intake,
            index: IdentityIndex::new(IDENTITY_BYTES),
            staged: Vec::new(),
            staged_bytes: 0,
            feeds: Vec::new(),
            by_name: FxHashMap::default(),
            summary: Summary::default(),
            reports: 0,
            bytes: 0,
            rows: 0,
        }
    }

    fn feed(&mut self, name: &str) -> &mut FeedSummary {
        let next = self.feeds.len();
        let at = *self.by_name.entry(name.to_owned()).or_insert(next);
        if at == next {
            self.feeds.push(FeedSummary {
                feed: name.to_owned(),
                ..FeedSummary::default()
            });
        }
        &mut self.feeds[at]
    }

    fn write_all(
        mut self,
        steps: &mut Steps<Said>,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Summary> {
        while let Some(step) = steps.take()? {
            match step {
                Step::Said(Said::Known {
                    feed,
                    origin,
                    bytes,
                }) => {
                    let feed = self.feed(&feed);
                    feed.reports += 1;
                    feed.known += 1;
                    self.reports += 1;
                    self.bytes += bytes;
                    progress(Progress {
                        origin: &origin,
                        reports: self.reports,
                        bytes: self.bytes,
                        rows: self.rows,
                    });
                }
                Step::Said(Said::Begin(begun)) => {
                    let origin = begun.report.origin.clone();
                    let bytes = begun.report.bytes as u64;
                    self.write_report(*begun, steps, progress)?;
                    self.reports += 1;
                    self.bytes += bytes;
                    progress(Progress {
                        origin: &origin,
                        reports: self.reports,
                        bytes: self.bytes,
                        rows: self.rows,
                    });
                }
                Step::Said(Said::End(_)) | Step::Block(_) => return Err(Error::Stopped("reader")),
            }
        }
        self.commit()?;
        self.summary.feeds = self.feeds;
        self.summary.snapshot = self
            .intake
            .runtime
            .block_on(self.intake.ledger.current_snapshot())?;
        Ok(self.summary)
    }

    /// Takes the steps of one report up to its end and stages what is new.
    fn write_report(
        &mut self,
        begun: Begun,
        steps: &mut Steps<Said>,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<()> {
        let started = Instant::now();
        let intake = self.intake;
        let report = &begun.report;
        let generation = report.next_generation();
        let replaced = if begun.again {
            self.replaced(&report.id)?
        } else {
            BTreeSet::new()
        };
        let mut gathered = ReportSum::default();
        let mut live_runs = |day: Day| live_runs(intake, &self.staged, &replaced, day);
        let stem = format!("{}-g{generation}", report.id);
        let mut writer =
            ReportWriter::new(intake.lake.root(), &stem, &mut self.index, &mut live_runs);
        let ended = loop {
            match steps.take()? {
                Some(Step::Block(block)) => {
                    self.rows += block.rows;
                    for chunk in gathered.add(block) {
                        writer.push(chunk)?;
                    }
                    gathered.relieve(intake, &report.id, generation)?;
                    progress(Progress {
                        origin: &report.origin,
                        reports: self.reports,
                        bytes: self.bytes,
                        rows: self.rows,
                    });
                }
                Some(Step::Said(Said::End(ended))) => break ended,
                _ => return Err(Error::Stopped("reader")),
            }
        };
        for warning in std::mem::take(&mut gathered.warnings) {
            self.summary
                .warnings
                .push((report.origin.clone(), warning.message));
        }
        if let Err(reason) = ended {
            writer.abandon();
            let mark = intake
                .ledger
                .mark_unreadable(&report.id, Some(&begun.format), &reason);
            intake.runtime.block_on(mark)?;
            self.summary
                .unreadable
                .push((report.origin.clone(), reason));
            let feed = self.feed(&begun.report.feed);
            feed.reports += 1;
            feed.unreadable += 1;
            return Ok(());
        }
        let staged = writer.finish()?;
        let totals = Totals {
            rows: gathered.rows as i64,
            events: staged.events as i64,
            duplicates: staged.duplicates as i64,
            rejects: gathered.reject_count as i64,
        };
        let commit = IngestCommit {
            report_id: report.id.clone(),
            generation,
            scope: Scope::Whole,
            format: Some(begun.format.clone()),
            schema_version: begun.schema_version.clone(),
            snapshot_at: Some(begun.snapshot_at),
            totals,
            rejects: gathered.rejects,
            replayed: Vec::new(),
            tallies: gathered.tallies.into_iter().map(tally).collect(),
            add: staged
                .files
                .iter()
                .map(|(_, file)| lake_file(file, report, generation))
                .collect(),
            remove: replaced.into_iter().collect(),
            job: Some(NewJob {
                kind: "triage".to_owned(),
                key: report.id.clone(),
                payload: "{}".to_owned(),
                run_at: 0,
            }),
            now: (intake.clock)().0,
        };
        let feed = self.feed(&begun.report.feed);
        feed.reports += 1;
        feed.rows += totals.rows as u64;
        feed.events += totals.events as u64;
        feed.duplicates += totals.duplicates as u64;
        feed.rejects += totals.rejects as u64;
        feed.micros += started.elapsed().as_micros() as u64;
        self.staged_bytes += staged.files.iter().map(|(_, file)| file.bytes).sum::<u64>();
        self.staged.push(Staged {
            commit,
            files: staged.files,
        });
        // A replaced report changes what days hold; nothing may wait behind it.
        if begun.again || self.staged.len() >= COMMIT_REPORTS || self.staged_bytes >= COMMIT_BYTES {
            self.commit()?;
        }
        Ok(())
    }

    /// The live files of a report that is read again; its days are opened anew without them.
    fn replaced(&mut self, report: &str) -> Result<BTreeSet<String>> {
        self.commit()?;
        let files = self
            .intake
            .runtime
            .block_on(self.intake.ledger.files_of_report(report))?;
        for file in &files {
            self.index.forget(Day(file.day));
        }
        Ok(files.into_iter().map(|file| file.path).collect())
    }

    /// Makes what is staged durable, then live.
    fn commit(&mut self) -> Result<()> {
        if self.staged.is_empty() {
            return Ok(());
        }
        let staged = std::mem::take(&mut self.staged);
        self.staged_bytes = 0;
        let mut commits = Vec::with_capacity(staged.len());
        let mut files = Vec::new();
        for report in staged {
            commits.push(report.commit);
            files.extend(report.files);
        }
        make_durable(self.intake.lake.root(), &files)?;
        drop(files);
        self.intake
            .runtime
            .block_on(self.intake.ledger.commit_ingests(commits))?;
        Ok(())
    }
}

/// The identity runs of a day: those the manifest lists, less those being replaced, and those that
/// wait for their commit in this run.
pub(crate) fn live_runs(
    intake: &Intake<'_>,
    staged: &[Staged],
    replaced: &BTreeSet<String>,
    day: Day,
) -> lake::Result<Vec<PathBuf>> {
    let root = intake.lake.root();
    let days = Some(day.0..day.0 + 1);
    let listed = intake.runtime.block_on(intake.ledger.live_files(
        None,
        Some(LakeFileKind::Ids),
        days,
    ));
    let listed = listed.map_err(|error| lake::Error::Manifest(error.to_string()))?;
    let mut runs: Vec<PathBuf> = listed
        .into_iter()
        .filter(|file| !replaced.contains(&file.path))
        .map(|file| root.join(file.path))
        .collect();
    let waiting = staged.iter().flat_map(|report| &report.files);
    runs.extend(
        waiting
            .filter(|(_, file)| file.kind == FileKind::Ids && file.day == day)
            .map(|(_, file)| root.join(&file.path)),
    );
    Ok(runs)
}

/// What a report's blocks amount to, besides its rows.
#[derive(Default)]
struct ReportSum {
    rows: u64,
    rejects: Vec<model::reject::Reject>,
    reject_count: u64,
    staged_any: bool,
    warnings: BTreeSet<Warning>,
    tallies: BTreeMap<TallyKey, u64>,
}

impl ReportSum {
    fn add(&mut self, block: Gathered) -> Vec<lake::Chunk> {
        self.rows += block.rows;
        self.reject_count += block.rejects.len() as u64;
        self.rejects.extend(block.rejects);
        self.warnings.extend(block.warnings);
        for (key, records) in block.tallies {
            *self.tallies.entry(key).or_insert(0) += records;
        }
        block.chunks
    }

    /// Stages rejects in the ledger when there are many, so that a report of garbage needs no more
    /// memory than one of rows.
    fn relieve(&mut self, intake: &Intake<'_>, report: &str, generation: i32) -> Result<()> {
        if self.rejects.len() < HELD_REJECTS {
            return Ok(());
        }
        if !self.staged_any {
            intake
                .runtime
                .block_on(intake.ledger.clear_staged_rejects(report))?;
            self.staged_any = true;
        }
        let rejects = std::mem::take(&mut self.rejects);
        intake
            .runtime
            .block_on(intake.ledger.stage_rejects(report, generation, rejects))?;
        Ok(())
    }
}

pub(crate) fn tally(((day, observable, tag), records): (TallyKey, u64)) -> NewTally {
    NewTally {
        day,
        observable: observable.to_owned(),
        tag: tag.map(String::from),
        records: records as i64,
    }
}

/// A staged file as the manifest lists it.
pub(crate) fn lake_file(file: &StagedFile, report: &Report, generation: i32) -> NewLakeFile {
    let (kind, dated) = match file.kind {
        FileKind::Part => (LakeFileKind::Part, true),
        FileKind::Ids => (LakeFileKind::Ids, false),
    };
    NewLakeFile {
        path: file.path.clone(),
        kind,
        day: file.day.0,
        feed: Some(report.feed.clone()),
        report_id: Some(report.id.clone()),
        generation,
        rows: file.rows as i64,
        bytes: file.bytes as i64,
        min_observed_at: dated.then_some(file.min_observed),
        max_observed_at: dated.then_some(file.max_observed),
        schema_version: LAKE_SCHEMA_VERSION as i32,
    }
}
