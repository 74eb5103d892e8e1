//! Archiving ahead of reading: while one report is read, the next are copied into the archive, so
//! that nobody waits for the disk.
//!
//! Deliveries are archived in order and in small batches: bytes into the blob store, then one ledger
//! transaction for their rows. Only what is archived is handed to the reading thread.

use crossbeam_channel::{Receiver, Sender, bounded};
use ledger::{NewReport, Report, ReportKind};
use model::ids::ReportId;

use super::Intake;
use crate::collect::Delivery;
use crate::error::{Error, Result};

/// Deliveries that are archived in one ledger transaction, and their bytes.
const BATCH: usize = 64;
const BATCH_BYTES: u64 = 16 << 20;

/// Deliveries with their rows in the ledger.
type Archived<'d> = Vec<(&'d Delivery, Report)>;

impl Intake<'_> {
    /// Archives `deliveries` on a thread of its own and calls `read` with each, in order.
    ///
    /// # Errors
    /// What `read` or archiving returns.
    pub(super) fn archive_ahead(
        &self,
        deliveries: &[Delivery],
        mut read: impl FnMut(&Delivery, Report) -> Result<()>,
    ) -> Result<()> {
        let (hand, archived): (_, Receiver<Archived<'_>>) = bounded(1);
        std::thread::scope(|scope| {
            let archiving = scope.spawn(move || self.archive_all(deliveries, &hand));
            let read = archived
                .iter()
                .flatten()
                .try_for_each(|(delivery, report)| read(delivery, report));
            // Frees the archiving thread, if reading gave up early.
            drop(archived);
            let archived = archiving.join().unwrap_or(Err(Error::Stopped("archive")));
            read?;
            archived
        })
    }

    fn archive_all<'d>(
        &self,
        mut deliveries: &'d [Delivery],
        hand: &Sender<Archived<'d>>,
    ) -> Result<()> {
        while !deliveries.is_empty() {
            let (batch, rest) = deliveries.split_at(batch_len(deliveries));
            deliveries = rest;
            if hand.send(self.archive(batch)?).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn archive<'d>(&self, batch: &'d [Delivery]) -> Result<Archived<'d>> {
        let paths: Vec<_> = batch.iter().map(|delivery| &delivery.path).collect();
        let mut new = Vec::with_capacity(batch.len());
        for (delivery, blob) in batch.iter().zip(self.blobs.put_files(&paths)?) {
            let blob = blob?;
            let received_at = (self.clock)();
            let snapshot = delivery.source.snapshot_at(&delivery.origin, received_at);
            let standing = delivery.source.standing(&delivery.origin);
            new.push(NewReport {
                id: ReportId::of(&delivery.source.feed.name, &blob.hash.0, &standing).to_string(),
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
        let reports = archived.into_iter().map(|archived| archived.report);
        Ok(batch.iter().zip(reports).collect())
    }
}

/// How many of the deliveries, one at least, make a batch.
fn batch_len(deliveries: &[Delivery]) -> usize {
    let mut bytes = 0;
    let full = deliveries.iter().take(BATCH).position(|delivery| {
        // A file that is not there is named when it is opened.
        bytes += std::fs::metadata(&delivery.path).map_or(0, |file| file.len());
        bytes >= BATCH_BYTES
    });
    full.map_or(deliveries.len().min(BATCH), |at| at + 1)
}
