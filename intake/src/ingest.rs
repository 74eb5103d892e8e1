//! Ingestion: archive, read, deduplicate, commit (DESIGN invariants 3 to 5).
//!
//! One thread archives deliveries ([`archive`]), another reads each report from its archived bytes.
//! The writing thread stages a report's new rows in the lake; several reports together are made live
//! on a thread of its own ([`live`]): files fsynced first, then one ledger transaction. Killed
//! anywhere, the next run finds reports archived but not ingested, reads them again, and writes over
//! the files that nobody knows of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread::Scope;
use std::time::Instant;

use formats::shadowserver::Schema;
use formats::{Unreadable, Warning};
use lake::schema::LAKE_SCHEMA_VERSION;
use lake::{FileKind, IdentityIndex, Lake, ReportWriter, StagedFile};
use ledger::fence::of_feed;
use ledger::{
    BlobStore, IngestCommit, LakeFileKind, Ledger, NewJob, NewLakeFile, NewTally, Page, Report,
    ReportFilter, ReportState, Retained, Totals,
};
use model::time::{Day, Timestamp};
use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::catalogue::Source;
use crate::collect::Delivery;
use crate::compaction::Upkeep;
use crate::enrich::Enricher;
use crate::error::{Error, Result};
use crate::gather::{Gathered, TallyKey};
use crate::held::Cover;
use crate::pipeline::{self, Cutter, Step, Steps};
use crate::profile::Profile;

pub use archive::new_report;
use live::{Committer, Staged};

mod archive;
mod live;
mod read;

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
    /// Who takes in, as other nodes of a cluster read it.
    pub holder: String,
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
        /// Why it is not read although it was asked for.
        remark: Option<String>,
    },
}

struct Begun {
    report: Report,
    format: String,
    schema_version: Option<String>,
    snapshot_at: i64,
    source: Arc<Source>,
    /// The report is read again as a whole although it was ingested.
    again: bool,
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
        let feeds = deliveries.iter().map(|one| one.source.feed.name.as_str());
        let own = self.owning(feeds.collect())?;
        own.run(|cutter| own.read_all(deliveries, again, cutter), progress)
    }

    /// Archives deliveries and reads none of them: whichever node of a cluster takes the feed up does
    /// that. How many of them wait to be read now.
    ///
    /// # Errors
    /// A ledger or an archive that fails, a file that cannot be read.
    pub fn archive_only(&self, deliveries: &[Delivery]) -> Result<u64> {
        let mut waiting = 0;
        self.archive_ahead(deliveries, |archived| {
            let new = archived
                .iter()
                .filter(|(_, report)| report.state == ReportState::Archived);
            waiting += new.count() as u64;
            Ok(())
        })?;
        Ok(waiting)
    }

    /// The same handles, owning the ingestion of these feeds where the ledger is shared by several
    /// nodes: what another takes over meanwhile cannot be committed here ([`ledger::fence`]). Where it
    /// is one machine's, the lock of its folder says as much.
    pub(crate) fn owning(&self, feeds: BTreeSet<&str>) -> Result<Intake<'_>> {
        let ledger = match self.ledger.is_shared() {
            true => {
                let names: Vec<String> = feeds.into_iter().map(of_feed).collect();
                let now = (self.clock)().0;
                let fenced = self.ledger.fenced(&names, &self.holder, now);
                self.runtime.block_on(fenced)?
            }
            false => self.ledger.clone(),
        };
        Ok(Intake {
            ledger,
            blobs: self.blobs.clone(),
            lake: self.lake.clone(),
            enricher: self.enricher.clone(),
            schema: self.schema.clone(),
            workers: self.workers,
            runtime: self.runtime.clone(),
            clock: self.clock,
            holder: self.holder.clone(),
        })
    }

    /// What the names of a report's files begin with. With the number under which its feed is owned:
    /// whoever lost the feed and still writes does so into files that nobody knows.
    pub(crate) fn stem(&self, feed: &str, report: &str, generation: i32) -> String {
        match self.ledger.fence_number(&of_feed(feed)) {
            Some(number) => format!("{report}-g{generation}-n{number}"),
            None => format!("{report}-g{generation}"),
        }
    }

    /// Reads up to `most` reports of a feed that are archived and not yet ingested, oldest first:
    /// pushed ones, and those of a process that was killed. None left gives an empty summary. Only
    /// one at a time may call this or [`Intake::ingest`] for a workspace.
    ///
    /// # Errors
    /// As [`Intake::ingest`].
    pub fn take_up(&self, source: &Arc<Source>, most: u64) -> Result<Summary> {
        let filter = ReportFilter {
            feed: Some(source.feed.name.clone()),
            state: Some(ReportState::Archived),
            received: None,
        };
        let page = Page {
            offset: 0,
            limit: most,
        };
        let own = self.owning(BTreeSet::from([source.feed.name.as_str()]))?;
        // Asked for as the feed's owner: nobody else takes them in any more.
        let reports = own.runtime.block_on(own.ledger.reports(&filter, page))?;
        let read = |cutter: &mut Cutter<Said>| {
            reports.into_iter().try_for_each(|report| {
                let delivery = Delivery {
                    source: Arc::clone(source),
                    path: own.blobs.path(&report.blob),
                    origin: report.origin.clone(),
                };
                own.read_report(&delivery, report, false, cutter)
            })
        };
        own.run(read, &mut |_| {})
    }

    /// Reads on one thread, parses on several, stages on this one and commits on another.
    fn run(
        &self,
        read: impl FnOnce(&mut Cutter<Said>) -> Result<()> + Send,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Summary> {
        pipeline::run(self.workers, &self.enricher, read, |steps| {
            std::thread::scope(|scope| Writer::new(self, scope).write_all(steps, progress))
        })
    }

    /// The lake's upkeep with the same handles.
    fn upkeep(&self) -> Upkeep<'_> {
        Upkeep {
            ledger: &self.ledger,
            lake: &self.lake,
            runtime: self.runtime.clone(),
            clock: self.clock,
        }
    }

    /// Reports of which a rule of retention took events or raw bytes, and the rule.
    fn over(&self) -> Result<BTreeMap<String, String>> {
        let expiries = self.runtime.block_on(self.ledger.expiries(None, None))?;
        Ok(expiries
            .into_iter()
            .filter(|expiry| expiry.what != Retained::Rejects.as_str())
            .map(|expiry| (expiry.report_id, expiry.rule))
            .collect())
    }

    /// Reads deliveries as they are archived; the reading thread.
    fn read_all(
        &self,
        deliveries: &[Delivery],
        again: bool,
        cutter: &mut Cutter<Said>,
    ) -> Result<()> {
        let mut seen = BTreeSet::new();
        let over = self.over()?;
        let cover = match again {
            true => Cover::read(&self.upkeep())?.with_reports(&self.upkeep())?,
            false => Cover::default(),
        };
        self.archive_ahead(deliveries, |archived| {
            // Reading again replaces events, which a hold keeps.
            let mut held = BTreeSet::new();
            if again {
                let mut ingested = Vec::new();
                for (_, report) in &archived {
                    if report.state != ReportState::Ingested || over.contains_key(&report.id) {
                        continue;
                    }
                    match cover.keeps(report, &self.upkeep())? {
                        true => drop(held.insert(report.id.clone())),
                        false => ingested.push(report.id.clone()),
                    }
                }
                self.upkeep().split_off(&ingested)?;
            }
            for (delivery, report) in archived {
                let over = over.get(&report.id);
                // Its file still lies where it was delivered.
                if over.is_some()
                    && self
                        .runtime
                        .block_on(self.ledger.raw_is_over(&report.blob))?
                {
                    self.blobs.remove(&report.blob)?;
                }
                // What was unreadable may have become readable by a mended entry, and is tried again;
                // what was empty stays empty, and was told once.
                let stays = over.is_some() || held.contains(&report.id);
                let known = report.state == ReportState::Ingested && (!again || stays)
                    || was_empty(&report)
                    || !seen.insert(report.id.clone());
                if !known {
                    self.read_report(delivery, report, again, cutter)?;
                    continue;
                }
                let remark = match over.filter(|_| again) {
                    Some(rule) => Some(format!(
                        "is not read again: rule {rule} of retention took of it what was over"
                    )),
                    None => held.contains(&report.id).then(|| {
                        "is not read again: a legal hold covers it, see `watchfire hold list`"
                            .to_owned()
                    }),
                };
                cutter.say(Said::Known {
                    feed: report.feed,
                    origin: delivery.origin.clone(),
                    bytes: report.bytes as u64,
                    remark,
                })?;
            }
            Ok(())
        })
    }
}

/// Whether a report was met before and held nothing.
fn was_empty(report: &Report) -> bool {
    report.state == ReportState::Unreadable
        && report.reason.as_deref() == Some(&Unreadable::Empty.to_string())
}

/// The writing thread's state.
struct Writer<'scope, 'env> {
    intake: &'env Intake<'env>,
    index: IdentityIndex,
    committer: Committer<'scope, 'env>,
    feeds: Vec<FeedSummary>,
    by_name: FxHashMap<String, usize>,
    summary: Summary,
    reports: u64,
    bytes: u64,
    rows: u64,
}

impl<'scope, 'env> Writer<'scope, 'env> {
    fn new(intake: &'env Intake<'env>, scope: &'scope Scope<'scope, 'env>) -> Self {
        Writer {
            intake,
            index: IdentityIndex::new(IDENTITY_BYTES),
            committer: Committer::new(intake, scope),
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
                    remark,
                }) => {
                    if let Some(remark) = remark {
                        self.summary.warnings.push((origin.clone(), remark));
                    }
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
        self.committer.settle()?;
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
        let mut live_runs = |day: Day| intake.live_runs(self.committer.runs(), &replaced, day);
        let stem = intake.stem(&report.feed, &report.id, generation);
        let mut writer = ReportWriter::new(&intake.lake, &stem, &mut self.index, &mut live_runs);
        let ended = loop {
            match steps.take()? {
                Some(Step::Block(block)) => {
                    self.rows += block.rows;
                    for chunk in gathered.add(*block) {
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
            duplicates: (staged.duplicates + gathered.repeats) as i64,
            rejects: gathered.reject_count as i64,
        };
        let commit = IngestCommit {
            report_id: report.id.clone(),
            generation,
            scope: ledger::Scope::Whole,
            format: Some(begun.format.clone()),
            schema_version: begun.schema_version.clone(),
            snapshot_at: Some(begun.snapshot_at),
            totals,
            rejects: gathered.rejects,
            replayed: Vec::new(),
            tallies: gathered.tallies.into_iter().map(tally).collect(),
            profile: Some(gathered.profile.store(
                &begun.source,
                &report.origin,
                Timestamp(begun.snapshot_at),
            )),
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
        self.committer.push(Staged {
            commit,
            files: staged.files,
        })?;
        // A replaced report changes what days hold; nothing may wait behind it.
        if begun.again {
            self.committer.settle()?;
        }
        Ok(())
    }

    /// The live files of a report that is read again; its days are opened anew without them.
    fn replaced(&mut self, report: &str) -> Result<BTreeSet<String>> {
        self.committer.settle()?;
        let files = self
            .intake
            .runtime
            .block_on(self.intake.ledger.files_of_report(report))?;
        for file in &files {
            self.index.forget(Day(file.day));
        }
        Ok(files.into_iter().map(|file| file.path).collect())
    }
}

/// What a report's blocks amount to, besides its rows.
#[derive(Default)]
struct ReportSum {
    rows: u64,
    repeats: u64,
    rejects: Vec<model::reject::Reject>,
    reject_count: u64,
    staged_any: bool,
    warnings: BTreeSet<Warning>,
    tallies: BTreeMap<TallyKey, u64>,
    profile: Profile,
}

impl ReportSum {
    fn add(&mut self, block: Gathered) -> Vec<lake::Chunk> {
        self.rows += block.rows;
        self.repeats += block.repeats;
        self.reject_count += block.rejects.len() as u64;
        self.profile.merge(block.profile);
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
