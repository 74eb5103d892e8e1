//! The parts of a mail (RFC 2046 section 5.1), found in one pass over its lines.
//!
//! The walk is our own and not the mail library's: that one looks for a boundary to the end of the
//! mail each time one is missing, and nests mails without end, so a few megabytes of `message/rfc822`
//! headers take hours or the stack. Here a line is compared with the open boundaries only, of which
//! there are at most [`super::Limits::depth`]; a mail inside the mail is one part, which who wants it
//! reads as a mail of its own.

use super::header::{Headers, Parameters};
use super::{Limits, Note};

/// A part as it stands in the mail.
pub(super) struct Leaf {
    /// Its header.
    pub headers: Headers,
    /// Its media type, parameters with it.
    pub media: Parameters,
    /// Its body, transfer encoding not taken off.
    pub start: usize,
    /// The end of its body.
    pub end: usize,
    /// How many multiparts are around it.
    pub depth: usize,
    /// It is one of several forms of the same content.
    pub alternative: bool,
}

/// An open multipart.
struct Open {
    /// Its delimiter with the two dashes before it.
    delimiter: Vec<u8>,
    /// The default type of its parts is a mail (RFC 2046 5.1.5).
    digest: bool,
    alternative: bool,
}

/// The walk.
pub(super) struct Walk<'t> {
    text: &'t [u8],
    limits: &'t Limits,
    open: Vec<Open>,
    /// What was found.
    pub leaves: Vec<Leaf>,
    /// What was wrong.
    pub notes: Vec<Note>,
    /// How many parts there were, kept or not.
    pub seen: usize,
    /// The most multiparts around a part.
    pub depth: usize,
    /// Fields of parts that claim to be ours.
    pub internal: Vec<String>,
}

/// What the lines belong to.
enum At {
    /// A part, with its header.
    Body(Box<Leaf>),
    /// Text before the first delimiter; it began there, and the part may turn out to be no multipart.
    Preamble(Box<Leaf>),
    /// Text behind the last delimiter.
    Epilogue,
}

impl<'t> Walk<'t> {
    /// Finds the parts of a mail whose header was read; the body begins at `start`.
    pub(super) fn run(
        text: &'t [u8],
        limits: &'t Limits,
        headers: &Headers,
        start: usize,
    ) -> Walk<'t> {
        let mut walk = Walk {
            text,
            limits,
            open: Vec::new(),
            leaves: Vec::new(),
            notes: Vec::new(),
            seen: 0,
            depth: 0,
            internal: Vec::new(),
        };
        let mut at = walk.begin(headers.clone(), start);
        let mut from = start;
        while from < text.len() {
            let end = memchr::memchr(b'\n', &text[from..]).map_or(text.len(), |lf| from + lf + 1);
            let line = &text[from..end];
            let found = if line.starts_with(b"--") && !walk.open.is_empty() {
                walk.delimiter(line)
            } else {
                None
            };
            let Some((level, closes)) = found else {
                from = end;
                continue;
            };
            walk.finish(at, from, level + 1 < walk.open.len());
            walk.open.truncate(level + 1);
            if closes {
                walk.open.pop();
                at = At::Epilogue;
                from = end;
                continue;
            }
            if walk.seen >= limits.parts_seen {
                // The rest is not looked at: who sends so many parts has no reader in mind.
                at = At::Epilogue;
                break;
            }
            let open = &walk.open;
            let is_end = |line: &[u8]| matches(open, line).is_some();
            let block = Headers::read(text, end, limits.header_bytes, &is_end);
            walk.internal.extend(block.internal);
            if block.cut {
                walk.note(Note::HeaderCut);
            }
            from = block.end;
            at = walk.begin(block.headers, block.end);
        }
        walk.finish(at, text.len(), true);
        if walk.seen > walk.leaves.len() {
            let (kept, seen) = (walk.leaves.len(), walk.seen);
            walk.note(Note::PartsLeftOut { kept, seen });
        }
        walk
    }

    fn note(&mut self, note: Note) {
        if !self.notes.contains(&note) && self.notes.len() < super::MAX_NOTES {
            self.notes.push(note);
        }
    }

    /// Begins a part with this header.
    fn begin(&mut self, headers: Headers, start: usize) -> At {
        let around = self.open.last();
        let (digest, alternative) = around.map_or((false, false), |o| (o.digest, o.alternative));
        let mut media = headers
            .raw("content-type")
            .map(Parameters::read)
            .unwrap_or_default();
        if !media.value.contains('/') {
            let default = if digest {
                "message/rfc822"
            } else {
                "text/plain"
            };
            media.value = default.to_owned();
        }
        let mut leaf = Box::new(Leaf {
            headers,
            media,
            start,
            end: start,
            depth: self.open.len(),
            alternative,
        });
        if !leaf.media.value.starts_with("multipart/") {
            return At::Body(leaf);
        }
        if self.open.len() >= self.limits.depth {
            self.note(Note::TooDeep);
            return At::Body(leaf);
        }
        let Some(boundary) = self.boundary(&leaf) else {
            leaf.media.value = "text/plain".to_owned();
            self.note(Note::NoBoundary);
            return At::Body(leaf);
        };
        self.open.push(Open {
            delimiter: [b"--", boundary.as_slice()].concat(),
            digest: leaf.media.value == "multipart/digest",
            alternative: alternative || leaf.media.value == "multipart/alternative",
        });
        self.depth = self.depth.max(self.open.len());
        At::Preamble(leaf)
    }

    /// The boundary that a multipart declares; where it declares none, or another than it uses, the one
    /// that its lines show. Only the outermost is looked for: once a mail.
    fn boundary(&mut self, leaf: &Leaf) -> Option<Vec<u8>> {
        let declared = leaf.media.get("boundary").map(str::trim_end);
        let declared = declared.filter(|text| !text.is_empty()).map(str::as_bytes);
        if !self.open.is_empty() {
            return declared.map(<[u8]>::to_vec);
        }
        let body = &self.text[leaf.start..];
        let stands = |boundary: &[u8]| {
            let delimiter = [b"--", boundary].concat();
            body.starts_with(&delimiter)
                || memchr::memmem::find(body, &[b"\n", delimiter.as_slice()].concat()).is_some()
        };
        if let Some(declared) = declared
            && stands(declared)
        {
            return Some(declared.to_vec());
        }
        let guessed = shown(body)?;
        self.note(Note::BoundaryGuessed);
        Some(guessed)
    }

    /// Which open multipart a line delimits, and whether it closes it.
    fn delimiter(&self, line: &[u8]) -> Option<(usize, bool)> {
        matches(&self.open, line.trim_ascii_end())
    }

    /// Ends what was open at `end`, the beginning of a delimiter or the end of the text. `outer` says
    /// that the delimiter is not the innermost multipart's.
    fn finish(&mut self, at: At, end: usize, outer: bool) {
        let last = end == self.text.len();
        let mut leaf = match at {
            At::Epilogue => return,
            At::Body(leaf) => leaf,
            At::Preamble(mut leaf) if outer => {
                // No delimiter ever came: the part is its text.
                self.note(Note::NoBoundary);
                leaf.media.value = "text/plain".to_owned();
                leaf
            }
            At::Preamble(_) => return,
        };
        if last && !self.open.is_empty() {
            self.note(Note::NotClosed);
        }
        self.seen += 1;
        if self.leaves.len() >= self.limits.parts_kept {
            return;
        }
        // The line end before a delimiter is the delimiter's.
        let mut end = end.max(leaf.start);
        if !last {
            for mark in *b"\n\r" {
                if end > leaf.start && self.text[end - 1] == mark {
                    end -= 1;
                }
            }
        }
        leaf.end = end;
        self.leaves.push(*leaf);
    }
}

/// The innermost open multipart that a line (blanks at its end taken off) delimits, and whether it
/// closes it. A delimiter may begin as another does, so only the whole line counts.
fn matches(open: &[Open], line: &[u8]) -> Option<(usize, bool)> {
    open.iter().enumerate().rev().find_map(|(level, one)| {
        let rest = line.strip_prefix(one.delimiter.as_slice())?;
        match rest {
            b"" => Some((level, false)),
            b"--" => Some((level, true)),
            _ => None,
        }
    })
}

/// The boundary that a body shows: the first line of two dashes behind which a `Content-` field stands.
fn shown(body: &[u8]) -> Option<Vec<u8>> {
    let mut before: Option<&[u8]> = None;
    for line in body.split(|byte| *byte == b'\n').take(10_000) {
        let bare = line.trim_ascii_end();
        if let Some(delimiter) = before
            && bare.len() > 8
            && bare[..8].eq_ignore_ascii_case(b"content-")
        {
            return Some(delimiter.to_vec());
        }
        before = bare
            .strip_prefix(b"--")
            .filter(|rest| (1..=200).contains(&rest.len()));
    }
    None
}
