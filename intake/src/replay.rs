//! Rejects, mended or read by a newer version, are read again and stand beside what is there.
//!
//! A row is read with its own report's header and place, so a replayed row that was only misread
//! before has the same identity as if it had been read at first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use formats::{Block, Reader};
use lake::stage::make_durable;
use lake::{IdentityIndex, Receipt, ReportWriter};
use ledger::{IngestCommit, RejectFilter, RejectState, Retained, Scope, Totals};
use model::record::Record;
use model::time::{Day, Timestamp};
use serde::Serialize;

use crate::catalogue::{Catalogue, Source};
use crate::error::{Error, Result};
use crate::gather::Gatherer;
use crate::ingest::{Intake, lake_file, tally};

/// What a replay did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Rejects that became rows.
    pub read: u64,
    /// Of these, new events.
    pub events: u64,
    /// Of these, events that were known.
    pub duplicates: u64,
    /// Rejects that are still rejects, with the reason.
    pub left: Vec<(i64, String)>,
}

impl Intake<'_> {
    /// Reads stored rejects again: all open ones that `filter` lists, at most `limit`.
    ///
    /// # Errors
    /// A ledger or lake that fails, or a report whose head cannot be read any more.
    pub fn replay(
        &self,
        catalogue: &Catalogue,
        filter: &RejectFilter,
        limit: u64,
    ) -> Result<Replayed> {
        let open = RejectFilter {
            state: Some(RejectState::Open),
            ..filter.clone()
        };
        let rejects = self.runtime.block_on(self.ledger.rejects(&open, limit))?;
        let mut by_report: BTreeMap<String, Vec<ledger::Reject>> = BTreeMap::new();
        for reject in rejects {
            by_report
                .entry(reject.report_id.clone())
                .or_default()
                .push(reject);
        }
        let mut sum = Replayed::default();
        for (report, rejects) in by_report {
            self.replay_report(catalogue, &report, &rejects, &mut sum)?;
        }
        Ok(sum)
    }

    fn replay_report(
        &self,
        catalogue: &Catalogue,
        id: &str,
        rejects: &[ledger::Reject],
        sum: &mut Replayed,
    ) -> Result<()> {
        let Some(first) = rejects.first() else {
            return Ok(());
        };
        let fail = |detail: String| Error::Replay {
            id: first.id,
            detail,
        };
        let report = self.runtime.block_on(self.ledger.report(id))?;
        let report = report.ok_or_else(|| fail(format!("its report {id} is not in the ledger")))?;
        let source: &Arc<Source> = catalogue.get(&report.feed)?;
        let received_at = Timestamp(report.received_at);
        let snapshot = report.snapshot_at.map_or(received_at, Timestamp);
        if !self.blobs.contains(&report.blob)?
            && let Some(over) = self
                .runtime
                .block_on(self.ledger.expiries(Some(id), None))?
                .iter()
                .find(|expiry| expiry.what == Retained::Raw.as_str())
        {
            let why = format!(
                "the raw bytes of {id} were taken by rule {} of retention",
                over.rule
            );
            let left = rejects.iter().map(|reject| (reject.id, why.clone()));
            sum.left.extend(left);
            return Ok(());
        }
        let opened = self.open_head(source, &report.origin, &report.blob, snapshot)?;
        let Reader::Blocks { reader, .. } = opened else {
            // Others may be read all the same.
            let why = format!(
                "a row of {} (format {}) is part of a document: mend the file and ingest it",
                report.origin, source.feed.format
            );
            sum.left
                .extend(rejects.iter().map(|reject| (reject.id, why.clone())));
            return Ok(());
        };
        let mut gatherer = Gatherer::new(self.enricher.clone());
        let mut record = Record::new();
        let receipt = Receipt {
            feed: report.feed.clone(),
            report: report.id.clone(),
            member: 0,
            received_at: report.received_at,
            source_schema: source.read_by(self.schema_for(source).map(|schema| schema.version())),
        };
        let mut chunks = Vec::new();
        let mut replayed = Vec::new();
        let mut tallies = BTreeMap::new();
        for reject in rejects {
            if reject.is_cut() && reject.edited.is_none() {
                sum.left.push((
                    reject.id,
                    "only its first 64 KiB are kept; edit it first".to_owned(),
                ));
                continue;
            }
            let block = Block {
                bytes: reject.text(),
                offset: reject.offset as u64,
                line: reject.line as u64,
            };
            reader.read(
                block,
                &mut record,
                &mut gatherer.begin(source, received_at, Some(block), None),
            );
            let gathered = gatherer.take(&receipt);
            match gathered.rejects.first() {
                Some(again) => sum.left.push((reject.id, again.message.clone())),
                None => {
                    replayed.push(reject.id);
                    sum.read += 1;
                    chunks.extend(gathered.chunks);
                    for (key, records) in gathered.tallies {
                        *tallies.entry(key).or_insert(0) += records;
                    }
                }
            }
        }
        if replayed.is_empty() {
            return Ok(());
        }
        let generation = report.next_generation();
        let own = self.owning(BTreeSet::from([report.feed.as_str()]))?;
        let mut index = IdentityIndex::new(usize::MAX);
        let none = BTreeSet::new();
        let mut runs = |day: Day| own.live_runs(&[], &none, day);
        let stem = own.stem(&report.feed, id, generation);
        let mut writer = ReportWriter::new(&self.lake, &stem, &mut index, &mut runs);
        for chunk in chunks {
            writer.push(chunk)?;
        }
        let staged = writer.finish()?;
        make_durable(&self.lake, &staged.files)?;
        let commit = IngestCommit {
            report_id: report.id.clone(),
            generation,
            scope: Scope::Addition,
            format: None,
            schema_version: None,
            snapshot_at: None,
            totals: Totals {
                rows: report.rows,
                events: report.events + staged.events as i64,
                duplicates: report.duplicates + staged.duplicates as i64,
                rejects: report.rejects - replayed.len() as i64,
            },
            rejects: Vec::new(),
            replayed,
            tallies: tallies.into_iter().map(tally).collect(),
            profile: None,
            add: staged
                .files
                .iter()
                .map(|(_, file)| lake_file(file, &report, generation))
                .collect(),
            remove: Vec::new(),
            job: None,
            now: (self.clock)().0,
        };
        own.runtime.block_on(own.ledger.commit_ingest(commit))?;
        sum.events += staged.events;
        sum.duplicates += staged.duplicates;
        Ok(())
    }
}
