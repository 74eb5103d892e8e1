//! The loop of formats whose lines may each give several events, around a function that reads one
//! line. Formats that must be fast frame and cut their rows themselves.

use model::record::Record;
use model::reject::{Reject, RejectReason};

use crate::entry::Entry;
use crate::{Block, BlockReader, Framing, Output, Reader, frame, row};

/// Why a line became no event.
pub(crate) type Fault = (RejectReason, String);

/// Takes a finished event; the record stays the reader's.
pub(crate) type Emit<'e> = dyn FnMut(&mut Record) + 'e;

/// Reads lines with `parse`, which fills the cleared record and emits it as often as the line has
/// events; a fault after an emitted event would contradict it.
pub(crate) struct Lines<P> {
    entry: Entry,
    comments: &'static [&'static str],
    parse: P,
}

impl<P> Lines<P>
where
    P: Fn(&str, &mut Record, &mut Emit<'_>) -> Result<(), Fault> + Send + Sync + 'static,
{
    /// A reader of all lines but blank ones and those that begin with one of `comments`.
    pub(crate) fn reader(entry: Entry, comments: &'static [&'static str], parse: P) -> Reader {
        Reader::Blocks {
            reader: Box::new(Lines {
                entry,
                comments,
                parse,
            }),
            framing: Framing::Lines,
            header_len: 0,
            header_lines: 0,
        }
    }
}

impl<P> BlockReader for Lines<P>
where
    P: Fn(&str, &mut Record, &mut Emit<'_>) -> Result<(), Fault> + Send + Sync,
{
    fn read(&self, block: Block<'_>, record: &mut Record, out: &mut dyn Output) {
        for line in frame::rows(block, Framing::Lines) {
            record.clear();
            let read = row::text(line.bytes).and_then(|text| {
                let bare = text.trim_start_matches('\u{feff}').trim();
                if bare.is_empty() || self.comments.iter().any(|mark| bare.starts_with(mark)) {
                    return Ok(());
                }
                let mut emit = |record: &mut Record| {
                    self.entry.finish(record);
                    record.line = line.line;
                    record.offset = line.offset;
                    record.len = line.bytes.len() as u32;
                    out.record(record);
                };
                (self.parse)(bare, record, &mut emit)
            });
            if let Err((reason, message)) = read {
                out.reject(Reject::new(
                    line.line,
                    line.offset,
                    reason,
                    message,
                    line.bytes,
                ));
            }
        }
    }
}
