//! XML as a stream of small trees: the parts of a document that belong together are read whole, the
//! frame around them is walked, everything else is passed by.
//!
//! Nothing is held but the part at hand, and no more of it than [`MAX_ROW_BYTES`]; nesting is counted and
//! bounded; entities are never expanded ([`crate::cnvd`] has the same rule).

use std::io::{self, BufRead, Cursor, Read};

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use crate::cnvd::element::{is_forbidden, reference};
use crate::draft::Place;
use crate::frame::MAX_ROW_BYTES;

/// Elements inside elements that are followed.
const MAX_DEPTH: usize = 200;

/// One element with its text and children; names are without prefix.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub name: String,
    attributes: Vec<(String, String)>,
    text: String,
    pub children: Vec<Node>,
}

impl Node {
    fn new(start: &BytesStart<'_>) -> Node {
        let attribute = |attribute: quick_xml::events::attributes::Attribute<'_>| {
            let key = attribute.key.local_name().into_inner().to_owned();
            let value = quick_xml::escape::unescape(&attribute.value)
                .map_or_else(|_| attribute.value.to_string(), |value| value.into_owned());
            (key, value)
        };
        // Without its check for doubles, which would take a tag of a million attributes badly.
        let mut attributes = start.attributes();
        let attributes = attributes.with_checks(false).flatten().take(100);
        Node {
            name: start.local_name().into_inner().to_owned(),
            attributes: attributes.map(attribute).collect(),
            ..Node::default()
        }
    }

    /// An attribute that says something.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.and_then(|(_, value)| crate::value::given(value))
    }

    /// The element's own text, if it says something.
    pub(super) fn text(&self) -> Option<&str> {
        crate::value::given(&self.text)
    }

    /// Children of that name.
    pub(super) fn all<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'n Node> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first child of that name.
    pub(super) fn child_text(&self, name: &str) -> Option<&str> {
        let mut named = self.children.iter().filter(|child| child.name == name);
        named.find_map(Node::text)
    }

    /// Hands over this element and all below it.
    pub(super) fn each<'n>(&'n self, visit: &mut dyn FnMut(&'n Node)) {
        visit(self);
        for child in &self.children {
            child.each(visit);
        }
    }
}

/// What the frame of a document comes upon.
pub(super) enum Step {
    /// A start tag.
    Start(Node),
    /// An end tag.
    End,
    /// The document ends.
    Eof,
}

/// Why a document cannot be read on.
pub(super) enum Stop {
    /// The reader's own error.
    Io(io::Error),
    /// Broken XML.
    Syntax(String),
    /// A part, or a piece of text, is longer than is read.
    TooLong,
    TooDeep,
}

/// Keeps the bytes that were read since the last mark, and counts their lines.
struct Kept<'r> {
    input: io::Chain<Cursor<Vec<u8>>, &'r mut dyn BufRead>,
    bytes: Vec<u8>,
    /// Offset and line of the first kept byte.
    offset: u64,
    line: u64,
    after_cr: bool,
    over: bool,
}

impl Kept<'_> {
    fn forget(&mut self, to: u64) {
        let len = (to.saturating_sub(self.offset) as usize).min(self.bytes.len());
        self.line += crate::document::line_ends(&self.bytes[..len], &mut self.after_cr);
        self.bytes.drain(..len);
        self.offset += len as u64;
    }
}

impl Read for Kept<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let chunk = self.fill_buf()?;
        let len = chunk.len().min(buffer.len());
        buffer[..len].copy_from_slice(&chunk[..len]);
        self.consume(len);
        Ok(len)
    }
}

impl BufRead for Kept<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.bytes.len() > MAX_ROW_BYTES {
            self.over = true;
            return Err(io::Error::other("too long"));
        }
        // In small pieces, so that no more than a piece is kept beyond the limit.
        let chunk = self.input.fill_buf()?;
        Ok(&chunk[..chunk.len().min(64 * 1024)])
    }

    fn consume(&mut self, amount: usize) {
        if let Ok(chunk) = self.input.fill_buf() {
            self.bytes.extend_from_slice(&chunk[..amount]);
        }
        self.input.consume(amount);
    }
}

/// A document on the way.
pub(super) struct Document<'r> {
    reader: Reader<Kept<'r>>,
    buffer: Vec<u8>,
    /// Bytes before those that the XML reader counts: the byte-order mark.
    before: u64,
    depth: usize,
    /// An empty element's start was given, its end was not.
    owed: bool,
}

impl<'r> Document<'r> {
    pub(super) fn new(input: &'r mut dyn BufRead) -> io::Result<Self> {
        let mut head = Vec::new();
        (&mut *input).take(3).read_to_end(&mut head)?;
        let before = if head == b"\xef\xbb\xbf" { 3 } else { 0 };
        head.drain(..before as usize);
        let mut reader = Reader::from_reader(Kept {
            input: Cursor::new(head).chain(input),
            bytes: Vec::new(),
            offset: before,
            line: 1,
            after_cr: false,
            over: false,
        });
        reader.config_mut().allow_dangling_amp = true;
        Ok(Document {
            reader,
            buffer: Vec::new(),
            before,
            depth: 0,
            owed: false,
        })
    }

    fn position(&self) -> u64 {
        self.before + self.reader.buffer_position()
    }

    fn stop(&mut self, error: quick_xml::Error) -> Stop {
        if self.reader.get_ref().over {
            return Stop::TooLong;
        }
        match error {
            quick_xml::Error::Io(error) => {
                Stop::Io(io::Error::new(error.kind(), error.to_string()))
            }
            other => Stop::Syntax(format!("broken XML: {other}")),
        }
    }

    /// The next tag of the frame; what was read before it is forgotten.
    pub(super) fn step(&mut self) -> Result<Step, Stop> {
        if std::mem::take(&mut self.owed) {
            self.depth -= 1;
            return Ok(Step::End);
        }
        loop {
            let position = self.position();
            self.reader.get_mut().forget(position);
            self.buffer.clear();
            let start = match self.reader.read_event_into(&mut self.buffer) {
                Ok(Event::Start(start)) => Node::new(&start),
                Ok(Event::Empty(start)) => {
                    self.owed = true;
                    Node::new(&start)
                }
                Ok(Event::End(_)) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(Step::End);
                }
                Ok(Event::Eof) => return Ok(Step::Eof),
                Ok(Event::DocType(text)) if text.contains("<!ENTITY") => {
                    let message = "a declaration of entities, which are refused";
                    return Err(Stop::Syntax(message.into()));
                }
                Ok(_) => continue,
                Err(error) => return Err(self.stop(error)),
            };
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err(Stop::TooDeep);
            }
            return Ok(Step::Start(start));
        }
    }

    /// Reads the element whose start tag was given to its end, with everything in it.
    pub(super) fn whole(&mut self, start: Node) -> Result<Node, Stop> {
        if std::mem::take(&mut self.owed) {
            self.depth -= 1;
            return Ok(start);
        }
        let mut open = vec![start];
        loop {
            self.buffer.clear();
            let event = self.reader.read_event_into(&mut self.buffer);
            let Some(node) = open.last_mut() else {
                return Err(Stop::TooDeep);
            };
            match event {
                Ok(Event::Start(start)) => {
                    if self.depth + open.len() > MAX_DEPTH {
                        return Err(Stop::TooDeep);
                    }
                    open.push(Node::new(&start));
                }
                Ok(Event::Empty(start)) => node.children.push(Node::new(&start)),
                Ok(Event::End(_)) => {
                    let Some(node) = open.pop() else {
                        return Err(Stop::TooDeep);
                    };
                    match open.last_mut() {
                        Some(parent) => parent.children.push(node),
                        None => {
                            self.depth -= 1;
                            return Ok(node);
                        }
                    }
                }
                Ok(Event::Text(text)) => {
                    let text = text.xml10_content();
                    node.text.extend(text.chars().filter(|c| !is_forbidden(*c)));
                }
                Ok(Event::CData(text)) => {
                    let text = text.xml10_content();
                    node.text.extend(text.chars().filter(|c| !is_forbidden(*c)));
                }
                Ok(Event::GeneralRef(name)) => reference(&name, &mut node.text),
                Ok(Event::Eof) => {
                    return Err(Stop::Syntax("the document ends inside an element".into()));
                }
                Ok(_) => {}
                Err(error) => return Err(self.stop(error)),
            }
        }
    }

    /// Passes the element whose start tag was given by.
    pub(super) fn skip(&mut self) -> Result<bool, Stop> {
        let depth = self.depth;
        while self.depth >= depth {
            if let Step::Eof = self.step()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What was read since the start tag that was given last, with its place; the white space
    /// around it is not its own.
    pub(super) fn place(&self) -> Place<'_> {
        let kept = self.reader.get_ref();
        let len = (self.position().saturating_sub(kept.offset) as usize).min(kept.bytes.len());
        let bytes = kept.bytes[..len].trim_ascii_end();
        Place {
            line: kept.line,
            offset: kept.offset,
            bytes,
        }
    }

    /// The rest of the document, with its place, for the reject of what could not be read: what is
    /// kept of it and how long and of which hash it is.
    pub(super) fn rest(
        &mut self,
        reason: crate::draft::Fault,
    ) -> io::Result<model::reject::Reject> {
        let kept = self.reader.get_mut();
        let mut reject = Place {
            line: kept.line,
            offset: kept.offset,
            bytes: &kept.bytes,
        }
        .reject(reason);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&kept.bytes);
        loop {
            let chunk = match kept.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                break;
            }
            let room = model::reject::REJECT_KEEP_BYTES.saturating_sub(reject.raw.len());
            reject
                .raw
                .extend_from_slice(&chunk[..chunk.len().min(room)]);
            hasher.update(chunk);
            reject.raw_len += chunk.len() as u64;
            let len = chunk.len();
            kept.input.consume(len);
        }
        reject.raw_hash = *hasher.finalize().as_bytes();
        Ok(reject)
    }
}
