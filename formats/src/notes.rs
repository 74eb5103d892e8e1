//! Analysts' notes: free text in which somebody lists what they saw, as people write it.
//!
//! Every line is searched for URLs, hosts, addresses (with ports), networks, accounts, hashes and CVE
//! ids; what was made harmless (`hxxp`, `[.]`, `(dot)`, `[at]`) is made plain. Each thing is a record
//! once in a file, its row is the line. How sure the reader is that the author means an indicator
//! stands in `feed_accuracy` (0 to 100): 95 for what was made harmless on purpose, 80 to 90 for
//! hashes and addresses with port, 70 for URLs, 50 to 60 for plain hosts, addresses and accounts;
//! the option `least_confidence` leaves out what is below it.
//!
//! The reader never invents: a word is a host only with an ending that files do not have, four
//! numbers are no address behind the word "version", private addresses name nobody. A line that begins
//! with a word such as `Reference:` points to somebody else's text: its first URL describes the
//! records behind it and is none itself. Lines that name nothing are prose and no rejects. Notes have no
//! dates of their own, so the snapshot's time holds.

mod find;
mod words;

use std::io::{self, BufRead};

use model::feed::Feed;
use model::field::Field;
use model::reject::{Reject, RejectReason};
use rustc_hash::FxHashSet;

use crate::draft::{self, Draft, Place};
use crate::frame::{self, BlockCutter, Cut};
use crate::{Context, Format, Framing, Output, Reader, StreamReader, Unreadable, Warning};
use find::Found;

/// Free text.
pub const FORMAT: Format = Format {
    name: "notes",
    about: "analysts' notes: what free text names, with a confidence",
    open,
    check,
};

const OPTIONS: &[(&str, &str)] = &[(
    "least_confidence",
    "0 to 100: what is found with less is left out; default 0",
)];

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    if draft::content(head).is_empty() {
        return Err(Unreadable::Empty);
    }
    let least = ctx.feed.options.get("least_confidence");
    Ok(Reader::Stream(Box::new(Notes {
        draft: Draft::new(ctx)?,
        least: least.and_then(|text| text.parse().ok()).unwrap_or(0.0),
        seen: FxHashSet::default(),
        reference: None,
    })))
}

fn check(feed: &Feed) -> Vec<String> {
    let mut problems = draft::check_fixed(feed, OPTIONS);
    if let Some(least) = feed.options.get("least_confidence")
        && !least
            .parse::<f64>()
            .is_ok_and(|least| (0.0..=100.0).contains(&least))
    {
        problems.push(format!(
            "options: least_confidence `{least}` is not a number from 0 to 100"
        ));
    }
    problems
}

struct Notes {
    draft: Draft,
    least: f64,
    /// What the file named already, so that each thing is one record.
    seen: FxHashSet<u64>,
    /// Where what follows is described.
    reference: Option<String>,
}

/// Things that are remembered; a file with more gives some of them twice, which the identity of
/// equal records makes good.
const MAX_SEEN: usize = 1 << 20;

impl StreamReader for Notes {
    fn read(mut self: Box<Self>, input: &mut dyn BufRead, out: &mut dyn Output) -> io::Result<()> {
        let mut cutter = BlockCutter::new(input, Framing::Lines);
        let mut spare = Vec::new();
        while let Some(cut) = cutter.next(std::mem::take(&mut spare))? {
            match cut {
                Cut::Reject(reject) => out.reject(reject),
                Cut::Block(block) => {
                    for row in frame::rows(block.as_block(), Framing::Lines) {
                        let place = Place {
                            line: row.line,
                            offset: row.offset,
                            bytes: row.bytes,
                        };
                        self.line(place, out);
                    }
                    spare = block.bytes;
                }
            }
        }
        if self.seen.is_empty() {
            out.warn(Warning {
                label: "no-records",
                message: "the text names nothing".into(),
            });
        }
        Ok(())
    }
}

impl Notes {
    fn line(&mut self, place: Place<'_>, out: &mut dyn Output) {
        let Ok(text) = std::str::from_utf8(place.bytes) else {
            let message =
                "the line is not valid UTF-8: the feed's encoding may be another, or `auto`";
            let Place { line, offset, .. } = place;
            out.reject(Reject::new(
                line,
                offset,
                RejectReason::Encoding,
                message,
                place.bytes,
            ));
            return;
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let points = is_reference(text);
        for found in find::find(text) {
            if points && !found.marked && found.field != Field::Vulnerabilities {
                if found.field == Field::SourceUrl {
                    self.reference = Some(found.text);
                }
                continue;
            }
            if found.confidence < self.least || self.is_known(&found) {
                continue;
            }
            self.draft.clear();
            let set = self.draft.set(found.field, &found.text);
            if let Some(port) = &found.port {
                self.draft.keep(Field::SourcePort, port);
            }
            self.draft
                .record
                .set_float(Field::FeedAccuracy, found.confidence);
            if let Some(reference) = &self.reference {
                self.draft.keep(Field::DescriptionUrl, reference);
            }
            match set {
                Ok(()) => self.draft.hand_over(place, out),
                Err(fault) => out.reject(place.reject(fault)),
            }
        }
    }

    /// Whether the file named this already; else it has now.
    fn is_known(&mut self, found: &Found) -> bool {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&[found.field as u8]);
        hasher.update(found.text.as_bytes());
        hasher.update(b"\0");
        hasher.update(found.port.as_deref().unwrap_or_default().as_bytes());
        let mut key = [0; 8];
        key.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        if self.seen.len() >= MAX_SEEN {
            return self.seen.contains(&u64::from_le_bytes(key));
        }
        !self.seen.insert(u64::from_le_bytes(key))
    }
}

/// Whether the line points to somebody else's text: a word that says so, then a colon.
fn is_reference(line: &str) -> bool {
    let line = line.trim_start_matches(|c: char| !c.is_alphanumeric());
    let head = line.split_once([':', '：']).map(|(word, _)| word.trim());
    head.is_some_and(words::is_reference_word)
}

#[cfg(test)]
mod tests;
