//! From decoded text to an open reader, and the plain single-threaded drive over a delivery.
//!
//! Intake runs blocks on several threads and uses [`open`] with [`crate::frame::BlockCutter`]
//! itself; dry runs and tests use [`read`], or [`deliver`] for everything at once.

use std::io::{self, BufRead, Cursor, Read, Seek};
use std::ops::ControlFlow;

use model::record::Record;
use model::reject::{Reject, RejectReason};

use crate::frame::{BlockCutter, Cut};
use crate::source::{Caps, Encoding, each_member};
use crate::{Context, Output, Reader, Unreadable, format};

/// Bytes of a text that a format sees to decide how to read it.
pub const HEAD_BYTES: usize = 1 << 20;

/// A text whose reader is known.
pub struct Open {
    /// Its reader.
    pub reader: Reader,
    /// The bytes that were read to find it; they come before what is left of the text.
    pub head: Vec<u8>,
}

/// Reads the head of a text and opens its reader.
///
/// # Errors
/// The outer one is the input's; the inner one says why the text cannot be read at all.
pub fn open(ctx: &Context<'_>, text: &mut dyn BufRead) -> io::Result<Result<Open, Unreadable>> {
    let mut head = Vec::new();
    // Damage within the head still leaves rows before it: they are read, the damage is met again.
    let outcome = text.take(HEAD_BYTES as u64).read_to_end(&mut head);
    if head.is_empty() {
        outcome?;
        return Ok(Err(Unreadable::Empty));
    }
    let opened = format(&ctx.feed.format).and_then(|format| (format.open)(ctx, &head));
    Ok(opened.map(|reader| Open { reader, head }))
}

/// Reads an opened text to its end on this thread.
pub fn read(open: Open, rest: &mut dyn BufRead, record: &mut Record, out: &mut dyn Output) {
    let Open { reader, head } = open;
    match reader {
        Reader::Stream(reader) => {
            let mut text = Cursor::new(head).chain(rest);
            if let Err(error) = reader.read(&mut text, out) {
                out.reject(Reject::new(
                    0,
                    0,
                    RejectReason::Damaged,
                    error.to_string(),
                    &[],
                ));
            }
        }
        Reader::Blocks {
            reader,
            framing,
            header_len,
            header_lines,
        } => {
            let mut text = Cursor::new(head);
            text.set_position(header_len as u64);
            let mut cutter = BlockCutter::new(text.chain(rest), framing)
                .after_header(header_len as u64, header_lines);
            let mut spare = Vec::new();
            loop {
                match cutter.next(std::mem::take(&mut spare)) {
                    Ok(Some(Cut::Block(block))) => {
                        reader.read(block.as_block(), record, out);
                        spare = block.bytes;
                    }
                    Ok(Some(Cut::Reject(reject))) => out.reject(reject),
                    Ok(None) => break,
                    Err(error) => {
                        out.reject(Reject::new(
                            0,
                            0,
                            RejectReason::Damaged,
                            error.to_string(),
                            &[],
                        ));
                        break;
                    }
                }
            }
        }
    }
}

/// Reads a whole delivery on this thread: every text in it, each under its own name and otherwise in
/// the context given, whose `path` names the delivery. Returns the texts that cannot be read at all,
/// by name, and why.
///
/// # Errors
/// The first damage or cap of the container; what came before it was read.
pub fn deliver<D: Read + Seek>(
    delivered: D,
    ctx: &Context<'_>,
    caps: &Caps,
    out: &mut dyn Output,
) -> io::Result<Vec<(String, Unreadable)>> {
    let mut record = Record::new();
    let mut unreadable = Vec::new();
    let mut failed = Ok(());
    each_member(
        delivered,
        ctx.path,
        Encoding::of(ctx.feed),
        caps,
        &mut |member| {
            let file_name = member
                .name
                .rsplit(['/', '\\'])
                .next()
                .unwrap_or(member.name);
            let ctx = Context { file_name, ..*ctx };
            match open(&ctx, member.text) {
                Ok(Ok(open)) => read(open, member.text, &mut record, out),
                Ok(Err(why)) => unreadable.push((member.name.to_owned(), why)),
                Err(error) => {
                    failed = Err(error);
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        },
    )?;
    failed.map(|()| unreadable)
}
