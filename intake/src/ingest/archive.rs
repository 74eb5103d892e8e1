//! Archiving ahead of reading: while one report is read, the next are copied into the archive, so
//! that nobody waits for the disk.
//!
//! Deliveries are archived in order and in small batches: bytes into the blob store, then one ledger
//! transaction for their rows. Only what is archived is handed to the reading thread.

use crossbeam_channel::{Receiver, Sender, bounded};
use ledger::{Blob, NewReport, Report, ReportKind};
use model::ids::ReportId;
use model::time::Timestamp;

use super::Intake;
use crate::catalogue::Source;
use crate::collect::Delivery;
use crate::error::{Error, Result};

/// Deliveries that are archived in one ledger transaction, and their bytes.
const BATCH: usize = 64;
const BATCH_BYTES: u64 = 16 << 20;

/// Deliveries with their rows in the ledger.
pub(super) type Archived<'d> = Vec<(&'d Delivery, Report)>;

impl Intake<'_> {
    /// Archives `deliveries` on a thread of its own and calls `read` with batches of them, in order.
    ///
    /// # Errors
    /// What `read` or archiving returns.
    pub(super) fn archive_ahead(
        &self,
        deliveries: &[Delivery],
        read: impl FnMut(Archived<'_>) -> Result<()>,
    ) -> Result<()> {
        let (hand, archived): (_, Receiver<Archived<'_>>) = bounded(1);
        std::thread::scope(|scope| {
            let archiving = scope.spawn(move || self.archive_all(deliveries, &hand));
            let read = archived.iter().try_for_each(read);
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
            let received_at = (self.clock)();
            new.push(new_report(
                &delivery.source,
                &delivery.origin,
                blob?,
                received_at,
            ));
        }
        let archived = self.runtime.block_on(self.ledger.archive_reports(new))?;
        let reports = archived.into_iter().map(|archived| archived.report);
        Ok(batch.iter().zip(reports).collect())
    }
}

/// The row of a delivery whose bytes are archived. `origin` is its path or name, as shown and as
/// searched for the date and the name that belong to the report's identity.
pub fn new_report(source: &Source, origin: &str, blob: Blob, received_at: Timestamp) -> NewReport {
    let feed = &source.feed.name;
    NewReport {
        id: ReportId::of(feed, &blob.hash.0, &source.standing(origin)).to_string(),
        feed: feed.clone(),
        kind: ReportKind::Feed,
        origin: origin.to_owned(),
        blob: blob.hash,
        bytes: blob.len as i64,
        received_at: received_at.0,
        snapshot_at: Some(source.snapshot_at(origin, received_at).0),
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
