//! Reading one archived report: container, encoding, head, then blocks to the workers, or a
//! document read here.

use std::io::{BufRead, Cursor, Read};
use std::ops::ControlFlow;
use std::sync::Arc;

use formats::drive::{self, Open};
use formats::frame::{BlockCutter, Cut};
use formats::source::{Caps, Encoding, Member, each_member};
use formats::{Context, Framing, Output, Reader, Unreadable, Warning};
use lake::Receipt;
use ledger::{Hash, Report, ReportState};
use model::record::Record;
use model::reject::{Reject, RejectReason};
use model::time::Timestamp;

use super::{Begun, Intake, Said};
use crate::catalogue::Source;
use crate::collect::Delivery;
use crate::error::{Error, Result};
use crate::gather::{Gathered, Gatherer, Gathering, Opened};
use crate::lines::Keys;
use crate::pipeline::Cutter;
use crate::profile::Profile;

/// Rows of a document that are handed on at a time.
const DOCUMENT_ROWS: usize = 8192;

/// A report being read, and where what it gives goes.
struct Reading<'a> {
    intake: &'a Intake<'a>,
    source: &'a Arc<Source>,
    path: &'a str,
    snapshot: Timestamp,
    receipt: Receipt,
    cutter: &'a mut Cutter<Said>,
}

impl Intake<'_> {
    /// Reads a report and says what it gives, between a begin and an end.
    pub(super) fn read_report(
        &self,
        delivery: &Delivery,
        report: Report,
        again: bool,
        cutter: &mut Cutter<Said>,
    ) -> Result<()> {
        let source = &delivery.source;
        let file = self.blobs.open(&report.blob)?;
        let snapshot = Timestamp(report.snapshot_at.unwrap_or(report.received_at));
        let schema_version = source.read_by(self.schema_for(source).map(|schema| schema.version()));
        let receipt = Receipt {
            feed: source.feed.name.clone(),
            report: report.id.clone(),
            member: 0,
            received_at: report.received_at,
            source_schema: schema_version.clone(),
        };
        let again = again && report.state == ReportState::Ingested;
        let format = source.feed.format.clone();
        let begun = Begun {
            report,
            format,
            schema_version,
            snapshot_at: snapshot.0,
            source: Arc::clone(source),
            again,
        };
        cutter.say(Said::Begin(Box::new(begun)))?;
        let mut reading = Reading {
            intake: self,
            source,
            path: &delivery.origin,
            snapshot,
            receipt,
            cutter,
        };
        let (mut members, mut unreadable, mut stopped) = (0, Vec::new(), None);
        let encoding = Encoding::of(&source.feed);
        let walked = each_member(
            file,
            &delivery.origin,
            encoding,
            &Caps::default(),
            &mut |member| {
                members += 1;
                let label = member.name.to_owned();
                match reading.member(member) {
                    Ok(Ok(())) => ControlFlow::Continue(()),
                    Ok(Err(why)) => {
                        unreadable.push((label, why.to_string()));
                        ControlFlow::Continue(())
                    }
                    Err(error) => {
                        stopped = Some(error);
                        ControlFlow::Break(())
                    }
                }
            },
        );
        if let Some(error) = stopped {
            return Err(error);
        }
        let ended = match walked {
            // Nothing came out of it: the report as a whole cannot be read.
            Err(error) if members == unreadable.len() => Err(error.to_string()),
            Ok(()) if members == unreadable.len() => Err(unreadable
                .pop()
                .map_or("the container is empty".to_owned(), |(_, why)| why)),
            // Something did: what did not is a reject each.
            walked => {
                let damage = walked.err().map(|error| error.to_string());
                let members = unreadable
                    .into_iter()
                    .map(|(member, why)| format!("{member}: {why}"));
                let rejects: Vec<Reject> = members
                    .chain(damage)
                    .map(|message| Reject::new(0, 0, RejectReason::Damaged, message, &[]))
                    .collect();
                if !rejects.is_empty() {
                    let rows = rejects.len() as u64;
                    reading.cutter.gathered(Gathered {
                        rejects,
                        rows,
                        ..Gathered::default()
                    })?;
                }
                Ok(())
            }
        };
        cutter.say(Said::End(ended))
    }

    /// The Shadowserver schema, for feeds that are read by it.
    pub(crate) fn schema_for(&self, source: &Source) -> Option<&formats::shadowserver::Schema> {
        self.schema
            .as_deref()
            .filter(|_| source.feed.format == "shadowserver")
    }

    /// Opens the head of an archived report again, to read single rows of it as it was read.
    pub(crate) fn open_head(
        &self,
        source: &Source,
        path: &str,
        blob: &Hash,
        snapshot: Timestamp,
    ) -> Result<Reader> {
        let mut opened = None;
        let file = self.blobs.open(blob)?;
        each_member(
            file,
            path,
            Encoding::of(&source.feed),
            &Caps::default(),
            &mut |member| {
                let ctx = self.context(source, path, member.name, snapshot);
                opened = Some(drive::open(&ctx, member.text));
                ControlFlow::Break(())
            },
        )
        .map_err(Error::io(path.as_ref()))?;
        let opened = opened.unwrap_or(Ok(Err(Unreadable::Empty)));
        Ok(opened.map_err(Error::io(path.as_ref()))??.reader)
    }

    fn context<'c>(
        &'c self,
        source: &'c Source,
        path: &'c str,
        member: &'c str,
        snapshot: Timestamp,
    ) -> Context<'c> {
        Context {
            feed: &source.feed,
            zone: &source.zone,
            file_name: member.rsplit('/').next().unwrap_or(member),
            path,
            snapshot,
            schema: self.schema_for(source),
        }
    }
}

impl Reading<'_> {
    /// Reads one text. The outer error ends the run; the inner one says why the text cannot be read.
    fn member(&mut self, member: Member<'_>) -> Result<std::result::Result<(), Unreadable>> {
        let ctx = self
            .intake
            .context(self.source, self.path, member.name, self.snapshot);
        let opened = match drive::open(&ctx, member.text) {
            Ok(Ok(opened)) => opened,
            Ok(Err(why)) => return Ok(Err(why)),
            Err(error) => return Ok(Err(Unreadable::Damaged(error.to_string()))),
        };
        self.receipt.member = member.index;
        let Open { reader, head } = opened;
        match reader {
            Reader::Stream(reader) => {
                let mut text = Cursor::new(head).chain(member.text);
                self.document(reader, &mut text)?;
            }
            Reader::Blocks {
                reader,
                framing,
                header_len,
                header_lines,
            } => {
                if let Framing::QuotedLines { delimiter } = framing {
                    let profile = Profile::of_header(&head[..header_len], delimiter);
                    self.cutter.gathered(Gathered {
                        profile,
                        ..Gathered::default()
                    })?;
                }
                let mut text = Cursor::new(head);
                text.set_position(header_len as u64);
                let cut = BlockCutter::new(text.chain(member.text), framing)
                    .after_header(header_len as u64, header_lines);
                self.blocks(reader, cut)?;
            }
        }
        Ok(Ok(()))
    }

    /// Hands a text's rows to the workers, block by block.
    fn blocks(
        &mut self,
        reader: Box<dyn formats::BlockReader>,
        mut cut: BlockCutter<impl Read>,
    ) -> Result<()> {
        let opened = Arc::new(Opened {
            source: Arc::clone(self.source),
            receipt: self.receipt.clone(),
            received_at: Timestamp(self.receipt.received_at),
            reader,
            keys: Keys::random(),
        });
        loop {
            let reject = match cut.next(self.cutter.buffer()) {
                Ok(Some(Cut::Block(block))) => {
                    self.cutter
                        .block(&opened, block.bytes, block.offset, block.line)?;
                    continue;
                }
                Ok(Some(Cut::Reject(reject))) => reject,
                Ok(None) => return Ok(()),
                Err(error) => Reject::new(0, 0, RejectReason::Damaged, error.to_string(), &[]),
            };
            let damaged = reject.reason == RejectReason::Damaged;
            self.cutter.gathered(Gathered {
                rejects: vec![reject],
                rows: 1,
                ..Gathered::default()
            })?;
            if damaged {
                return Ok(());
            }
        }
    }

    /// Reads a document on this thread and hands its rows on in batches.
    fn document(
        &mut self,
        reader: Box<dyn formats::StreamReader>,
        text: &mut dyn BufRead,
    ) -> Result<()> {
        let mut gatherer = Gatherer::new(self.intake.enricher.clone());
        let received_at = Timestamp(self.receipt.received_at);
        let mut out = Handing {
            gathering: gatherer.begin(self.source, received_at, None, None),
            receipt: &self.receipt,
            cutter: self.cutter,
            stopped: None,
        };
        if let Err(error) = reader.read(text, &mut out) {
            out.reject(Reject::new(
                0,
                0,
                RejectReason::Damaged,
                error.to_string(),
                &[],
            ));
        }
        out.hand_on();
        out.stopped.map_or(Ok(()), Err)
    }
}

/// The output of a document's reader: gathers, and hands on when there is a batch.
struct Handing<'a> {
    gathering: Gathering<'a>,
    receipt: &'a Receipt,
    cutter: &'a mut Cutter<Said>,
    /// The writer gave up; what still comes is of no use.
    stopped: Option<Error>,
}

impl Handing<'_> {
    fn hand_on(&mut self) {
        let gathered = self.gathering.take(self.receipt);
        if self.stopped.is_none() {
            self.stopped = self.cutter.gathered(gathered).err();
        }
    }

    fn hand_on_batch(&mut self) {
        if self.gathering.len() >= DOCUMENT_ROWS {
            self.hand_on();
        }
    }
}

impl Output for Handing<'_> {
    fn record(&mut self, record: &Record) {
        self.gathering.record(record);
        self.hand_on_batch();
    }

    fn reject(&mut self, reject: Reject) {
        self.gathering.reject(reject);
        self.hand_on_batch();
    }

    fn warn(&mut self, warning: Warning) {
        self.gathering.warn(warning);
    }
}
