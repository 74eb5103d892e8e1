//! Maltrail's static trails (`trails/static/**/NAME.txt`): one family a file, one trail a line — a
//! host, an address with or without port, a URL, or a path — with comments that say where it is
//! described.
//!
//! The file's name is the family's; a feed's entry may take it from the path by a pattern of its own.
//! `# Reference:` comments hold for the trails behind them, up to the next comment; the first becomes
//! the reference of each. Lists have no dates, so the snapshot's time holds. A path without a host
//! names nobody who could be told, so it is a reject. Since a trail's reference stands before it, files
//! are read in order; they are small.

use std::io::{self, BufRead};

use model::feed::Feed;
use model::field::Field;
use model::reject::{Reject, RejectReason};

use crate::draft::{self, Draft, Fault, Place};
use crate::frame::{self, BlockCutter, Cut};
use crate::{Context, Format, Framing, Output, Reader, StreamReader, Unreadable, value};

/// Maltrail's trails.
pub const FORMAT: Format = Format {
    name: "maltrail",
    about: "Maltrail's static trails, one family a file",
    open,
    check,
};

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    if draft::content(head).is_empty() {
        return Err(Unreadable::Empty);
    }
    let draft = Draft::new(ctx)?;
    let stem = ctx.file_name.strip_suffix(".txt");
    let family = stem.filter(|_| !draft.gives(Field::MalwareName));
    Ok(Reader::Stream(Box::new(Trails {
        family: family.map(str::to_lowercase),
        draft,
        references: Vec::new(),
        aliases: Vec::new(),
        in_comments: false,
    })))
}

fn check(feed: &Feed) -> Vec<String> {
    draft::check_fixed(feed, &[])
}

struct Trails {
    draft: Draft,
    family: Option<String>,
    /// Where the trails at hand are described.
    references: Vec<String>,
    /// Other names of the family.
    aliases: Vec<String>,
    /// The line before was a comment: further ones belong to it.
    in_comments: bool,
}

/// References and aliases that are kept.
const MAX_KEPT: usize = 20;

impl StreamReader for Trails {
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
        Ok(())
    }
}

impl Trails {
    fn line(&mut self, place: Place<'_>, out: &mut dyn Output) {
        let bytes = place.bytes;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let Ok(text) = std::str::from_utf8(bytes) else {
            let message = "the line is not valid UTF-8";
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
        let text = text.trim();
        if let Some(comment) = text.strip_prefix('#') {
            self.comment(comment.trim());
            return;
        }
        if text.is_empty() {
            return;
        }
        self.in_comments = false;
        // A comment may stand behind a trail; a fragment of a URL is not sent, so none is a trail's.
        let (trail, remark) = match text.split_once('#') {
            Some((trail, remark)) => (trail.trim_end(), remark.trim()),
            None => (text, ""),
        };
        self.draft.clear();
        match self.fill(trail, remark) {
            Ok(()) => self.draft.hand_over(place, out),
            Err(fault) => out.reject(place.reject(fault)),
        }
    }

    fn comment(&mut self, comment: &str) {
        if !self.in_comments {
            self.references.clear();
        }
        self.in_comments = true;
        let list = |text: &str| -> Vec<String> {
            let names = text.split(',').filter_map(value::given);
            names.map(str::to_owned).collect()
        };
        match comment.split_once(':') {
            Some((word, text)) if word.eq_ignore_ascii_case("reference") => {
                let text = text.trim();
                if self.references.len() < MAX_KEPT && !text.is_empty() {
                    self.references.push(text.to_owned());
                }
            }
            Some((word, text)) if word.eq_ignore_ascii_case("aliases") => {
                self.aliases = list(text);
                self.aliases.truncate(MAX_KEPT);
            }
            _ => {}
        }
    }

    fn fill(&mut self, trail: &str, remark: &str) -> Result<(), Fault> {
        let draft = &mut self.draft;
        if trail.starts_with('/') {
            let message = format!(
                "a path without a host names nobody: `{}`",
                value::shorten(trail)
            );
            return Err((RejectReason::NoObservable, message));
        }
        draft.observable(trail)?;
        if let Some(family) = &self.family {
            draft.keep(Field::MalwareName, family);
        }
        let mut references = self.references.iter();
        if let Some(url) = references.next() {
            draft.keep(Field::DescriptionUrl, url);
        }
        draft.keep(Field::Comment, remark);
        draft.extra_list("references", references.as_slice());
        draft.extra_list("aliases", &self.aliases);
        Ok(())
    }
}
