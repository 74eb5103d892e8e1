//! From staged to live: files fsynced, then one ledger transaction for several reports, on a thread
//! of its own while the next reports are read.
//!
//! One batch is under way at a time, so batches become live in their order. Nothing is told of a
//! report before its batch is live: [`Committer::settle`] waits for that.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::thread::{Scope, ScopedJoinHandle};

use lake::stage::make_durable;
use lake::{FileKind, StagedFile};
use ledger::{IngestCommit, LakeFileKind};
use model::time::Day;

use super::Intake;
use crate::error::{Error, Result};

/// Reports that are committed in one ledger transaction, and the bytes staged for them.
const REPORTS: usize = 64;
const BYTES: u64 = 64 << 20;

/// A report that is staged and waits for its commit.
pub(super) struct Staged {
    pub(super) commit: IngestCommit,
    pub(super) files: Vec<(File, StagedFile)>,
}

/// Makes staged reports live.
pub(super) struct Committer<'scope, 'env> {
    intake: &'env Intake<'env>,
    scope: &'scope Scope<'scope, 'env>,
    staged: Vec<Staged>,
    bytes: u64,
    under_way: Option<ScopedJoinHandle<'scope, Result<()>>>,
    /// Identity runs of reports that may not be live yet.
    runs: Vec<(Day, String)>,
}

impl<'scope, 'env> Committer<'scope, 'env> {
    pub(super) fn new(intake: &'env Intake<'env>, scope: &'scope Scope<'scope, 'env>) -> Self {
        Committer {
            intake,
            scope,
            staged: Vec::new(),
            bytes: 0,
            under_way: None,
            runs: Vec::new(),
        }
    }

    /// Identity runs of staged reports that may not be live yet.
    pub(super) fn runs(&self) -> &[(Day, String)] {
        &self.runs
    }

    /// Takes a staged report; a full batch goes on its way.
    ///
    /// # Errors
    /// What the batch before met.
    pub(super) fn push(&mut self, report: Staged) -> Result<()> {
        let files = report.files.iter().map(|(_, file)| file);
        self.bytes += files.clone().map(|file| file.bytes).sum::<u64>();
        let runs = files.filter(|file| file.kind == FileKind::Ids);
        self.runs
            .extend(runs.map(|file| (file.day, file.path.clone())));
        self.staged.push(report);
        if self.staged.len() < REPORTS && self.bytes < BYTES {
            return Ok(());
        }
        self.send()
    }

    fn send(&mut self) -> Result<()> {
        self.wait()?;
        let staged = std::mem::take(&mut self.staged);
        self.bytes = 0;
        if !staged.is_empty() {
            let intake = self.intake;
            self.under_way = Some(self.scope.spawn(move || intake.make_live(staged)));
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<()> {
        let Some(under_way) = self.under_way.take() else {
            return Ok(());
        };
        under_way.join().unwrap_or(Err(Error::Stopped("commit")))?;
        // Those that still wait were staged behind the batch.
        let waiting = self.staged.iter().flat_map(|report| &report.files);
        let waiting: BTreeSet<&str> = waiting.map(|(_, file)| file.path.as_str()).collect();
        self.runs
            .retain(|(_, path)| waiting.contains(path.as_str()));
        Ok(())
    }

    /// Makes everything live that was taken, and returns when it is.
    ///
    /// # Errors
    /// Files that cannot be made durable ([`lake::Error::Fsync`]: the process must stop), or a ledger
    /// that fails.
    pub(super) fn settle(&mut self) -> Result<()> {
        self.send()?;
        self.wait()
    }
}

impl Intake<'_> {
    fn make_live(&self, staged: Vec<Staged>) -> Result<()> {
        let mut commits = Vec::with_capacity(staged.len());
        let mut files = Vec::new();
        for report in staged {
            commits.push(report.commit);
            files.extend(report.files);
        }
        make_durable(&self.lake, &files)?;
        drop(files);
        self.runtime.block_on(self.ledger.commit_ingests(commits))?;
        Ok(())
    }

    /// The identity runs of a day: those the manifest lists, less those being replaced, and those that
    /// `wait` for their commit in this run.
    pub(crate) fn live_runs(
        &self,
        waiting: &[(Day, String)],
        replaced: &BTreeSet<String>,
        day: Day,
    ) -> lake::Result<Vec<PathBuf>> {
        let days = Some(day.0..day.0 + 1);
        let listed = self.ledger.live_files(None, Some(LakeFileKind::Ids), days);
        let listed = self.runtime.block_on(listed);
        let listed = listed.map_err(|error| lake::Error::Manifest(error.to_string()))?;
        let root = self.lake.root();
        let wanted = listed.iter().filter(|file| !replaced.contains(&file.path));
        let wanted = wanted
            .map(|file| storage::Wanted::sized(root.join(&file.path), file.bytes.unsigned_abs()));
        self.lake.files().fetch(wanted.collect())?;
        let listed = listed.into_iter().map(|file| file.path);
        // What is under way may have become live by now: a run counts once.
        let runs: BTreeSet<String> = listed
            .filter(|path| !replaced.contains(path))
            .chain(
                waiting
                    .iter()
                    .filter(|(of, _)| *of == day)
                    .map(|(_, path)| path.clone()),
            )
            .collect();
        Ok(runs.into_iter().map(|path| root.join(path)).collect())
    }
}
