//! Finds the records of a JSON document without reading it whole: walks down a path of member names,
//! cuts the records out as bytes and leaves their content to the caller.
//!
//! Nothing recurses with the depth of the input (brackets are counted, a million of them are no
//! harder than two), nothing is held but the record at hand, and a record whose brackets do not match
//! ends where its container's own bracket says so: the next record is read again.

use std::io;

use model::reject::{Reject, RejectReason};
use wide::u8x16;

use crate::document::{Overlong, Window, is_space};
use crate::frame::MAX_ROW_BYTES;

/// One step on the way to the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The member of that name.
    Member(String),
    /// Every member of an object, every element of an array.
    Every,
}

/// Steps that a path may have.
const MAX_STEPS: usize = 16;

/// Reads a path such as `data.items` or `*.urls`; `\.` is a dot inside a name, no text is no step.
pub(crate) fn steps(path: &str) -> Result<Vec<Step>, String> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let steps: Vec<Step> = names(path)
        .into_iter()
        .map(|name| {
            if name == "*" {
                Step::Every
            } else {
                Step::Member(name)
            }
        })
        .collect();
    if steps.len() > MAX_STEPS {
        return Err(format!(
            "path `{path}` has {} steps; {MAX_STEPS} are read",
            steps.len()
        ));
    }
    if steps
        .iter()
        .any(|step| *step == Step::Member(String::new()))
    {
        return Err(format!("path `{path}` has an empty name"));
    }
    Ok(steps)
}

/// Cuts a dotted path into names; `\.` is a dot inside a name.
pub(crate) fn names(path: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut rest = path.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\\' if rest.peek() == Some(&'.') => {
                rest.next();
                names
                    .last_mut()
                    .expect("the list starts with one name")
                    .push('.');
            }
            '.' => names.push(String::new()),
            other => names
                .last_mut()
                .expect("the list starts with one name")
                .push(other),
        }
    }
    names
}

/// A record as it stands in the document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    /// Its bytes; brackets are balanced, nothing else is known of them.
    pub bytes: &'a [u8],
    /// Offset of its first byte.
    pub offset: u64,
    /// Line of its first byte.
    pub line: u64,
    /// The member name that the last [`Step::Every`] stood for.
    pub key: Option<&'a str>,
}

/// What a walk hands over.
pub(crate) enum Found<'a> {
    /// A record.
    Element(Element<'a>),
    /// Something that is no record and cannot be read.
    Broken(Reject),
    /// A remark on the document's form.
    Remark(&'static str),
    /// An object whose members [`Step::Every`] stood for has ended.
    Closed,
}

/// What a walk came upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The records are there, and the document ends where it should.
    Whole,
    /// The document ends before its records do.
    Cut,
    /// Nothing stands at the path.
    NoRecords,
}

/// Walks a document and hands over every record at `path`. Content that cannot be read is handed
/// over as [`Found::Broken`]; `Err` is the reader's own.
pub(crate) fn walk(
    window: &mut Window<'_>,
    path: &[Step],
    each: &mut dyn FnMut(Found<'_>),
) -> io::Result<End> {
    let mut walk = Walk {
        window,
        each,
        key: None,
        found: false,
    };
    let flow = walk.value(path)?;
    let found = walk.found;
    if flow == Flow::Stop {
        return Ok(if found { End::Cut } else { End::NoRecords });
    }
    if window.skip_space()?.is_some() {
        let rest = window.rest(
            RejectReason::Syntax,
            "text after the end of the JSON document",
        )?;
        each(Found::Broken(rest));
    }
    Ok(if found { End::Whole } else { End::NoRecords })
}

/// Reads JSON values one after another, as JSON lines are: every one is a record.
pub(crate) fn values(window: &mut Window<'_>, each: &mut dyn FnMut(Found<'_>)) -> io::Result<End> {
    let mut walk = Walk {
        window,
        each,
        key: None,
        found: false,
    };
    while walk.window.skip_space()?.is_some() {
        walk.found = true;
        if walk.element()? == Flow::Stop {
            return Ok(End::Cut);
        }
    }
    Ok(if walk.found {
        End::Whole
    } else {
        End::NoRecords
    })
}

/// Whether a document that starts with `head` has records at `path`; `None` where the head ends
/// before that shows.
pub(crate) fn has_records(mut head: &[u8], whole: bool, path: &[Step]) -> Option<bool> {
    let mut window = Window::new(&mut head).ok()?;
    let mut broken = false;
    let mut each = |found: Found<'_>| broken |= matches!(found, Found::Broken(_));
    let mut walk = Walk {
        window: &mut window,
        each: &mut each,
        key: None,
        found: false,
    };
    walk.value(path).ok()?;
    let found = walk.found;
    if found {
        Some(true)
    } else {
        (whole || broken).then_some(false)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    /// The document ended or broke in its frame; what could be said was said.
    Stop,
}

struct Walk<'w, 'r, 'f> {
    window: &'w mut Window<'r>,
    each: &'f mut dyn FnMut(Found<'_>),
    key: Option<String>,
    found: bool,
}

impl Walk<'_, '_, '_> {
    /// Stands before a value; reads it to its end.
    fn value(&mut self, path: &[Step]) -> io::Result<Flow> {
        let Some(byte) = self.window.skip_space()? else {
            return Ok(Flow::Stop);
        };
        match (byte, path) {
            (b'[', []) => {
                self.found = true;
                self.window.release(1);
                self.elements(None)
            }
            (_, []) => {
                self.found = true;
                self.element()
            }
            (b'[', [Step::Every, rest @ ..]) => {
                self.window.release(1);
                self.elements(Some(rest))
            }
            (b'{', [step, rest @ ..]) => {
                self.window.release(1);
                self.members(step, rest)
            }
            _ => {
                // Another kind of value than the path expects: nothing of ours, passed by.
                self.pass()
            }
        }
    }

    /// Behind `[`: reads elements, as records or (`inner`) as values on the way to records.
    fn elements(&mut self, inner: Option<&[Step]>) -> io::Result<Flow> {
        let mut expected = false;
        loop {
            match self.window.skip_space()? {
                None => return Ok(Flow::Stop),
                Some(b']') => {
                    self.window.release(1);
                    return Ok(Flow::On);
                }
                Some(b',') => {
                    if !expected {
                        (self.each)(Found::Remark("a comma without a record before it"));
                    }
                    expected = false;
                    self.window.release(1);
                }
                Some(_) => {
                    if expected {
                        (self.each)(Found::Remark("a comma is missing between two records"));
                    }
                    let flow = match inner {
                        None => self.element()?,
                        Some(path) => {
                            self.key = None;
                            self.value(path)?
                        }
                    };
                    if flow == Flow::Stop {
                        return Ok(Flow::Stop);
                    }
                    expected = true;
                }
            }
        }
    }

    /// Behind `{`: goes down into the members that `step` names, passes the others by.
    fn members(&mut self, step: &Step, rest: &[Step]) -> io::Result<Flow> {
        loop {
            match self.window.skip_space()? {
                None => return Ok(Flow::Stop),
                Some(b'}') => {
                    self.window.release(1);
                    if *step == Step::Every {
                        (self.each)(Found::Closed);
                    }
                    return Ok(Flow::On);
                }
                Some(b',') => self.window.release(1),
                Some(b'"') => {
                    let Some(name) = self.name()? else {
                        return self.broken("a member name that is not a JSON string");
                    };
                    if self.window.skip_space()? != Some(b':') {
                        return self.broken("a member name without a colon");
                    }
                    self.window.release(1);
                    let flow = match step {
                        Step::Every => {
                            self.key = Some(name);
                            self.value(rest)?
                        }
                        Step::Member(wanted) if *wanted == name => self.value(rest)?,
                        Step::Member(_) => match self.window.skip_space()? {
                            None => Flow::Stop,
                            Some(_) => self.pass()?,
                        },
                    };
                    if flow == Flow::Stop {
                        return Ok(Flow::Stop);
                    }
                }
                Some(_) => return self.broken("a member name was expected"),
            }
        }
    }

    /// Gives up on the frame of the document: the rest is one reject.
    fn broken(&mut self, what: &str) -> io::Result<Flow> {
        let rest = self.window.rest(
            RejectReason::Syntax,
            format!("the JSON document is broken: {what}"),
        )?;
        (self.each)(Found::Broken(rest));
        Ok(Flow::Stop)
    }

    /// Reads a member name.
    fn name(&mut self) -> io::Result<Option<String>> {
        let mut cut = Cut::default();
        loop {
            let bytes = self.window.bytes();
            if let Some(len) = cut.scan(bytes) {
                let name = serde_json::from_slice(&bytes[..len]).ok();
                self.window.release(len);
                return Ok(name);
            }
            if bytes.len() > MAX_ROW_BYTES || !self.window.more()? {
                return Ok(None);
            }
        }
    }

    /// Hands the value at hand over as a record.
    fn element(&mut self) -> io::Result<Flow> {
        let mut cut = Cut::default();
        loop {
            let bytes = self.window.bytes();
            let len = cut.scan(bytes);
            if len.unwrap_or(bytes.len()) > self.window.longest() {
                return self.overlong(cut, len);
            }
            if let Some(len) = len {
                let element = Element {
                    bytes: &bytes[..len],
                    offset: self.window.offset(),
                    line: self.window.line(),
                    key: self.key.as_deref(),
                };
                (self.each)(Found::Element(element));
                self.window.release(len);
                return Ok(Flow::On);
            }
            if !self.window.more()? {
                let rest = self
                    .window
                    .rest(RejectReason::Syntax, "the document ends inside the record")?;
                (self.each)(Found::Broken(rest));
                return Ok(Flow::Stop);
            }
        }
    }

    /// Rejects a record that is too long, without holding it.
    fn overlong(&mut self, mut cut: Cut, mut len: Option<usize>) -> io::Result<Flow> {
        let mut long = Overlong::at(self.window);
        loop {
            if let Some(len) = len {
                long.take(self.window, len);
                break;
            }
            let seen = self.window.bytes().len();
            long.take(self.window, seen);
            cut.at = 0;
            if !self.window.more()? {
                break;
            }
            len = cut.scan(self.window.bytes());
        }
        let ended = len.is_some();
        let message = format!("the record is longer than {} bytes", self.window.longest());
        (self.each)(Found::Broken(long.reject(RejectReason::TooLong, message)));
        Ok(if ended { Flow::On } else { Flow::Stop })
    }

    /// Passes a value by.
    fn pass(&mut self) -> io::Result<Flow> {
        let mut cut = Cut::default();
        loop {
            let bytes = self.window.bytes();
            if let Some(len) = cut.scan(bytes) {
                self.window.release(len);
                return Ok(Flow::On);
            }
            let seen = bytes.len();
            self.window.release(seen);
            cut.at = 0;
            if !self.window.more()? {
                return Ok(Flow::Stop);
            }
        }
    }
}

/// Bracket kinds that are remembered; deeper ones are only counted.
const REMEMBERED: u32 = 128;

/// Finds the end of one value, over as many pieces as it takes.
#[derive(Default)]
struct Cut {
    /// Where to go on in the bytes at hand.
    at: usize,
    started: bool,
    scalar: bool,
    text: bool,
    escaped: bool,
    depth: u64,
    /// Bit `n` says whether the bracket at depth `n` is a square one.
    square: u128,
}

impl Cut {
    /// Scans the bytes at hand (which grow at their end between calls, or were taken and `at` set to
    /// 0); the length of the value once its end is there.
    fn scan(&mut self, bytes: &[u8]) -> Option<usize> {
        if !self.started {
            let first = *bytes.first()?;
            self.started = true;
            match first {
                b'{' | b'[' => self.open(first),
                b'"' => self.text = true,
                _ => self.scalar = true,
            }
            self.at = 1;
        }
        if self.scalar {
            // A number, a word or rubbish: up to what can only follow a value. The first byte is taken
            // whatever it is, so a walk never stands still.
            let end = bytes[self.at..]
                .iter()
                .position(|b| is_space(*b) || matches!(b, b',' | b']' | b'}'));
            self.at = end.map_or(bytes.len(), |end| self.at + end);
            return end.map(|_| self.at);
        }
        while self.at < bytes.len() {
            if self.text {
                // A line end cannot stand in a JSON string: a missing quote ends with its line.
                if self.escaped {
                    self.escaped = false;
                    if bytes[self.at] != b'\n' {
                        self.at += 1;
                        continue;
                    }
                }
                let Some(found) = mark(&bytes[self.at..]) else {
                    self.at = bytes.len();
                    return None;
                };
                self.at += found + 1;
                if bytes[self.at - 1] == b'\\' {
                    self.escaped = true;
                } else {
                    self.text = false;
                    if self.depth == 0 {
                        return Some(self.at);
                    }
                }
                continue;
            }
            let byte = bytes[self.at];
            self.at += 1;
            match byte {
                b'"' => self.text = true,
                b'{' | b'[' => self.open(byte),
                b'}' | b']' => match self.close(byte) {
                    Closed::Inside => {}
                    Closed::Whole => return Some(self.at),
                    Closed::Container => {
                        self.at -= 1;
                        return Some(self.at);
                    }
                },
                _ => {}
            }
        }
        None
    }

    fn open(&mut self, byte: u8) {
        if self.depth < u64::from(REMEMBERED) {
            let bit = 1u128 << self.depth;
            self.square = if byte == b'[' {
                self.square | bit
            } else {
                self.square & !bit
            };
        }
        self.depth += 1;
    }

    fn close(&mut self, byte: u8) -> Closed {
        if self.depth > u64::from(REMEMBERED) {
            self.depth -= 1;
            return Closed::Inside;
        }
        // Brackets that do not match are closed along with the one that does.
        while self.depth > 0 {
            self.depth -= 1;
            let square = self.square >> self.depth & 1 == 1;
            if square == (byte == b']') {
                return if self.depth == 0 {
                    Closed::Whole
                } else {
                    Closed::Inside
                };
            }
        }
        Closed::Container
    }
}

/// Where the first byte stands at which a JSON text may end. Most texts are so short that a call of
/// memchr costs more than it looks at.
fn mark(bytes: &[u8]) -> Option<usize> {
    let Some(lane) = bytes.first_chunk::<16>() else {
        return memchr::memchr3(b'"', b'\\', b'\n', bytes);
    };
    let lane = u8x16::new(*lane);
    let equal = |byte| lane.simd_eq(u8x16::splat(byte));
    let marks = (equal(b'"') | equal(b'\\') | equal(b'\n')).to_bitmask();
    match marks {
        0 => memchr::memchr3(b'"', b'\\', b'\n', &bytes[16..]).map(|found| found + 16),
        marks => Some(marks.trailing_zeros() as usize),
    }
}

enum Closed {
    Inside,
    Whole,
    /// The bracket belongs to what contains the value.
    Container,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str, path: &str) -> (Vec<String>, Vec<RejectReason>, End) {
        let path = steps(path).expect("a path");
        let mut input = text.as_bytes();
        let mut window = Window::new(&mut input).expect("memory does not fail");
        let (mut elements, mut rejects) = (Vec::new(), Vec::new());
        let end = walk(&mut window, &path, &mut |found| match found {
            Found::Element(element) => {
                let raw = &text.as_bytes()[element.offset as usize..][..element.bytes.len()];
                assert_eq!(raw, element.bytes, "the offset is the element's");
                let line = 1 + text[..element.offset as usize].matches('\n').count() as u64;
                assert_eq!(line, element.line);
                let key = element.key.map(|key| format!("{key}=")).unwrap_or_default();
                elements.push(format!("{key}{}", String::from_utf8_lossy(element.bytes)));
            }
            Found::Broken(reject) => rejects.push(reject.reason),
            Found::Remark(_) | Found::Closed => {}
        })
        .expect("memory does not fail");
        (elements, rejects, end)
    }

    #[test]
    fn records_are_found_at_their_path() {
        let flat = "[ {\"a\": \"]\\\"}\"},\n {} , [1] ,2 ]\n";
        assert_eq!(
            records(flat, "").0,
            ["{\"a\": \"]\\\"}\"}", "{}", "[1]", "2"]
        );
        let deep = r#"{"x": [[{"y": 1}]], "d": {"i": [{"a": 1}, {"b": 2}]}, "z": 0}"#;
        assert_eq!(
            records(deep, "d.i"),
            (
                vec!["{\"a\": 1}".into(), "{\"b\": 2}".into()],
                vec![],
                End::Whole
            )
        );
        let keyed = r#"{"k1": [{"a": 1}], "k2": [{"a": 2}], "n": 3}"#;
        assert_eq!(
            records(keyed, "*").0,
            ["k1={\"a\": 1}", "k2={\"a\": 2}", "n=3"]
        );
        assert_eq!(records(r#"[{"l": [1]}, {"l": [2]}]"#, "*.l").0, ["1", "2"]);
        assert_eq!(records("{\"a\": 1}", "").0, ["{\"a\": 1}"]);
        assert_eq!(records(r#"{"a.b": [1]}"#, r"a\.b").0, ["1"]);
        assert_eq!(records("{\"a\": 1}", "b").2, End::NoRecords);
        assert_eq!(records("[1]", "b").2, End::NoRecords);
    }

    #[test]
    fn one_broken_record_costs_one_record() {
        let (elements, rejects, end) = records(r#"[{"a":[1},{"b":2}]"#, "");
        assert_eq!(
            (elements.len(), elements[1].as_str(), end),
            (2, "{\"b\":2}", End::Whole)
        );
        assert!(rejects.is_empty());
        let (elements, _, end) = records("[{\"a\": \"open,\n \"b\": 1}, {\"c\": 2}]", "");
        assert_eq!(
            (elements.last().map(String::as_str), end),
            (Some("{\"c\": 2}"), End::Whole)
        );
        let (elements, _, end) = records(r#"[{"a": 1 , {"b": 2}]"#, "");
        assert_eq!((elements.len(), end), (1, End::Whole));
        let (elements, rejects, end) = records(r#"[{"a": 1}, {"b": "#, "");
        assert_eq!(
            (elements.len(), rejects, end),
            (1, vec![RejectReason::Syntax], End::Cut)
        );
        let (elements, rejects, _) = records(r#"[{"a": 1}] more"#, "");
        assert_eq!((elements.len(), rejects), (1, vec![RejectReason::Syntax]));
        let (elements, rejects, end) = records(r#"{"v" [1]}"#, "v");
        assert_eq!(
            (elements.len(), rejects, end),
            (0, vec![RejectReason::Syntax], End::NoRecords)
        );
    }

    #[test]
    fn a_million_brackets_are_no_harder_than_two() {
        let text = format!(
            "[{}{}, {{\"a\": 1}}]",
            "[".repeat(400_000),
            "]".repeat(400_000)
        );
        let (elements, rejects, end) = records(&text, "");
        assert_eq!((elements.len(), rejects.len(), end), (2, 0, End::Whole));
        let open = "[".repeat(1_000_000);
        let (elements, rejects, end) = records(&open, "");
        assert_eq!((elements.len(), rejects.len(), end), (0, 1, End::Cut));
        let open = "{\"a\":".repeat(1_000_000);
        assert_eq!(records(&open, "a.a.a").2, End::Cut);
    }

    #[test]
    fn a_record_that_is_too_long_is_one_reject_and_the_next_is_read() {
        let text = format!(
            "[{{\"a\": \"{}\"}}, {{\"b\": 1}}]",
            "x".repeat(3 * MAX_ROW_BYTES)
        );
        let (elements, rejects, end) = records(&text, "");
        assert_eq!(
            (elements.len(), rejects, end),
            (1, vec![RejectReason::TooLong], End::Whole)
        );
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(text in r#"[\[\]{}",: a\\\n0é]{0,80}"#, path in r"[ab.*]{0,4}") {
            if let Ok(path) = steps(&path) {
                let mut input = text.as_bytes();
                let mut window = Window::new(&mut input).expect("memory does not fail");
                walk(&mut window, &path, &mut |_| ()).expect("memory does not fail");
            }
        }
    }
}
