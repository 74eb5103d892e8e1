//! A document as a sliding window: what the readers of JSON, XML and YAML stand on.
//!
//! [`Window`] shows the part of the text that is being looked at and knows its offset and line; a
//! reader asks for [`Window::more`] until its element is whole and then [`Window::release`]s it.
//! What grows past [`crate::frame::MAX_ROW_BYTES`] (or what a format sets) goes into an [`Overlong`] instead, which keeps the
//! head and the hash only: memory stays bounded whatever the document claims to be. This is not a
//! parser of anything, and line formats do not pass here: see [`crate::frame`].

use std::io::{self, BufRead};

use model::reject::{REJECT_KEEP_BYTES, Reject, RejectReason};

/// Bytes that one call of [`Window::more`] adds at most.
const CHUNK: usize = 64 * 1024;

/// The unreleased part of a document with its place in the text.
pub(crate) struct Window<'r> {
    input: &'r mut dyn BufRead,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that were released already; they are dropped at the next [`Self::more`].
    start: usize,
    offset: u64,
    line: u64,
    /// The last released byte was a CR: an LF that follows belongs to it.
    after_cr: bool,
    longest: usize,
}

impl<'r> Window<'r> {
    /// A window at the start of `input`, after a byte-order mark if there is one.
    pub(crate) fn new(input: &'r mut dyn BufRead) -> io::Result<Self> {
        let mut window = Window {
            input,
            buffer: Vec::new(),
            start: 0,
            offset: 0,
            line: 1,
            after_cr: false,
            longest: crate::frame::MAX_ROW_BYTES,
        };
        while window.bytes().len() < BOM.len() && window.more()? {}
        if window.bytes().starts_with(BOM) {
            window.release(BOM.len());
        }
        Ok(window)
    }

    /// Lets elements be longer than rows are: for documents whose parts carry files or whole trees.
    pub(crate) fn with_longest(mut self, bytes: usize) -> Self {
        self.longest = bytes;
        self
    }

    /// The longest element that is read.
    pub(crate) fn longest(&self) -> usize {
        self.longest
    }

    /// The unreleased bytes that were read so far.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Offset of the first unreleased byte in the text.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Line of the first unreleased byte, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// Reads on; `false` at the end of the document.
    pub(crate) fn more(&mut self) -> io::Result<bool> {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        debug_assert!(
            self.buffer.len() <= self.longest + CHUNK,
            "a reader holds more than an element"
        );
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let chunk = &chunk[..chunk.len().min(CHUNK)];
            self.buffer.extend_from_slice(chunk);
            let read = chunk.len();
            self.input.consume(read);
            return Ok(read > 0);
        }
    }

    /// Lets the first `len` bytes go.
    pub(crate) fn release(&mut self, len: usize) {
        let gone = &self.buffer[self.start..self.start + len];
        self.line += line_ends(gone, &mut self.after_cr);
        self.start += len;
        self.offset += len as u64;
    }

    /// The first unreleased byte, `None` at the end of the document.
    pub(crate) fn peek(&mut self) -> io::Result<Option<u8>> {
        if self.start == self.buffer.len() && !self.more()? {
            return Ok(None);
        }
        Ok(self.bytes().first().copied())
    }

    /// Releases white space (space, tab, CR, LF) and shows the byte behind it.
    pub(crate) fn skip_space(&mut self) -> io::Result<Option<u8>> {
        loop {
            let bytes = self.bytes();
            let space = bytes.iter().take_while(|byte| is_space(**byte)).count();
            let whole = space == bytes.len();
            self.release(space);
            if !whole {
                return Ok(self.bytes().first().copied());
            }
            if !self.more()? {
                return Ok(None);
            }
        }
    }

    /// The rest of the document as one reject: what follows a break that nothing can be read after.
    pub(crate) fn rest(
        &mut self,
        reason: RejectReason,
        message: impl Into<String>,
    ) -> io::Result<Reject> {
        let mut rest = Overlong::at(self);
        while self.peek()?.is_some() {
            let len = self.bytes().len();
            rest.take(self, len);
        }
        Ok(rest.reject(reason, message))
    }
}

const BOM: &[u8] = b"\xef\xbb\xbf";

/// White space of JSON and XML.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Counts line ends (LF, CRLF, CR); a CR at the end of one piece and an LF at the start of the next are one.
pub(crate) fn line_ends(bytes: &[u8], after_cr: &mut bool) -> u64 {
    let Some(&last) = bytes.last() else { return 0 };
    let mut count = memchr::memchr_iter(b'\n', bytes).count() as u64;
    if *after_cr && bytes[0] == b'\n' {
        count -= 1;
    }
    for at in memchr::memchr_iter(b'\r', bytes) {
        if bytes.get(at + 1) != Some(&b'\n') {
            count += 1;
        }
    }
    *after_cr = last == b'\r';
    count
}

/// An element that is longer than a reader takes, or a rest that cannot be read: its head, its full
/// length and its hash.
pub(crate) struct Overlong {
    line: u64,
    offset: u64,
    head: Vec<u8>,
    len: u64,
    hasher: blake3::Hasher,
}

impl Overlong {
    /// Starts where the window stands.
    pub(crate) fn at(window: &Window<'_>) -> Self {
        Overlong {
            line: window.line,
            offset: window.offset,
            head: Vec::new(),
            len: 0,
            hasher: blake3::Hasher::new(),
        }
    }

    /// Takes the window's first `len` bytes over and releases them.
    pub(crate) fn take(&mut self, window: &mut Window<'_>, len: usize) {
        let bytes = &window.bytes()[..len];
        let room = REJECT_KEEP_BYTES - self.head.len();
        self.head.extend_from_slice(&bytes[..len.min(room)]);
        self.hasher.update(bytes);
        self.len += len as u64;
        window.release(len);
    }

    /// Bytes taken so far.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The reject of all that was taken.
    pub(crate) fn reject(self, reason: RejectReason, message: impl Into<String>) -> Reject {
        Reject {
            line: self.line,
            offset: self.offset,
            reason,
            message: message.into(),
            raw: self.head,
            raw_len: self.len,
            raw_hash: *self.hasher.finalize().as_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, the worst that a reader may meet.
    struct Drip<'a>(&'a [u8]);

    impl io::Read for Drip<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let len = self.0.len().min(buf.len()).min(1);
            buf[..len].copy_from_slice(&self.0[..len]);
            self.0 = &self.0[len..];
            Ok(len)
        }
    }

    impl BufRead for Drip<'_> {
        fn fill_buf(&mut self) -> io::Result<&[u8]> {
            Ok(&self.0[..self.0.len().min(1)])
        }

        fn consume(&mut self, len: usize) {
            self.0 = &self.0[len..];
        }
    }

    #[test]
    fn lines_and_offsets_do_not_depend_on_the_pieces() {
        let text = b"\xef\xbb\xbfa\r\nb\rc\n\r\n  d";
        for piecewise in [false, true] {
            let mut whole = &text[..];
            let mut drip = Drip(text);
            let input: &mut dyn BufRead = if piecewise { &mut drip } else { &mut whole };
            let mut window = Window::new(input).expect("memory does not fail");
            let mut seen = Vec::new();
            while let Some(byte) = window.skip_space().expect("memory does not fail") {
                seen.push((byte as char, window.line(), window.offset()));
                window.release(1);
            }
            assert_eq!(seen, [('a', 1, 3), ('b', 2, 6), ('c', 3, 8), ('d', 5, 14)]);
        }
    }

    #[test]
    fn the_rest_keeps_head_length_and_hash() {
        let text = vec![b'x'; 3 * REJECT_KEEP_BYTES];
        let mut input = &text[..];
        let mut window = Window::new(&mut input).expect("memory does not fail");
        window.peek().expect("memory does not fail");
        window.release(1);
        let reject = window
            .rest(RejectReason::Syntax, "broken")
            .expect("memory does not fail");
        assert_eq!((reject.offset, reject.raw_len), (1, text.len() as u64 - 1));
        assert_eq!(reject.raw.len(), REJECT_KEEP_BYTES);
        assert_eq!(reject.raw_hash, *blake3::hash(&text[1..]).as_bytes());
    }
}
