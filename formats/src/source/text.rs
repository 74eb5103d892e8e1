//! Readers that a member's text passes through: cap, exact length, encoding.

use std::io::{self, BufRead, Read};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Decoder, DecoderResult, GB18030, UTF_8, UTF_16BE, UTF_16LE};

use super::Encoding;

/// An error that can be returned again and again.
#[derive(Default)]
struct Sticky(Option<(io::ErrorKind, String)>);

impl Sticky {
    fn check(&self) -> io::Result<()> {
        match &self.0 {
            Some((kind, message)) => Err(io::Error::new(*kind, message.clone())),
            None => Ok(()),
        }
    }

    fn keep(&mut self, error: io::Error) -> io::Error {
        self.0 = Some((error.kind(), error.to_string()));
        error
    }
}

/// Text that counts down what the delivery may still unpack to.
pub(super) struct Capped<'a> {
    inner: &'a mut dyn BufRead,
    left: u64,
    error: Sticky,
}

impl<'a> Capped<'a> {
    pub(super) fn new(inner: &'a mut dyn BufRead, left: u64) -> Self {
        Capped {
            inner,
            left,
            error: Sticky::default(),
        }
    }

    /// What the delivery's other texts may still unpack to.
    pub(super) fn left(&self) -> u64 {
        self.left
    }
}

impl Read for Capped<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let chunk = self.fill_buf()?;
        let read = chunk.len().min(buffer.len());
        buffer[..read].copy_from_slice(&chunk[..read]);
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Capped<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.error.check()?;
        let chunk = match self.inner.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => return Err(self.error.keep(error)),
        };
        if self.left == 0 && !chunk.is_empty() {
            let message = "unpacks to more than its size allows; it looks like a bomb";
            return Err(self
                .error
                .keep(io::Error::new(io::ErrorKind::InvalidData, message)));
        }
        let shown = chunk
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        Ok(&chunk[..shown])
    }

    fn consume(&mut self, amount: usize) {
        self.left = self.left.saturating_sub(amount as u64);
        self.inner.consume(amount);
    }
}

/// Bytes of which there must be so many: an archive that ends within a member is damaged.
pub(super) struct Exact<R> {
    inner: R,
    left: u64,
}

impl<R> Exact<R> {
    pub(super) fn new(inner: R, size: u64) -> Self {
        Exact { inner, left: size }
    }
}

impl<R: Read> Read for Exact<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.saturating_sub(read as u64);
        if read == 0 && self.left > 0 && !buffer.is_empty() {
            let message = format!(
                "the archive ends {} bytes before this member does",
                self.left
            );
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        Ok(read)
    }
}

/// Bytes of a text that are looked at to find out its encoding.
const DETECT_BYTES: u64 = 64 * 1024;

/// The decoder that a text needs, `None` for UTF-8, and the bytes that were read to find it. A
/// byte-order mark is taken off; that of UTF-16 (Unicode 16.0 section 23.8) wins over what the feed
/// says, for no other text begins so.
pub(super) fn begin(encoding: Encoding, text: &mut Capped<'_>) -> (Vec<u8>, Option<Decoder>) {
    let most = match encoding {
        Encoding::Detected => DETECT_BYTES,
        _ => 3,
    };
    let mut head = Vec::new();
    // Damage in these bytes is met again by whoever reads the text.
    let _ = text.take(most).read_to_end(&mut head);
    let (mark, encoding) = match head.as_slice() {
        [0xff, 0xfe, ..] => (2, Some(UTF_16LE)),
        [0xfe, 0xff, ..] => (2, Some(UTF_16BE)),
        [0xef, 0xbb, 0xbf, ..] => (3, None),
        bytes => match encoding {
            Encoding::Utf8 => (0, None),
            Encoding::Gb18030 => (0, Some(GB18030)),
            Encoding::Other(encoding) => (0, Some(encoding)),
            Encoding::Detected => {
                let whole = (bytes.len() as u64) < DETECT_BYTES;
                (
                    0,
                    Some(detect(bytes, whole)).filter(|found| *found != UTF_8),
                )
            }
        },
    };
    head.drain(..mark);
    (
        head,
        encoding.map(|found| found.new_decoder_without_bom_handling()),
    )
}

/// The encoding of a text that begins so.
fn detect(head: &[u8], whole: bool) -> &'static encoding_rs::Encoding {
    // Text of UTF-16 has a zero in most pairs of bytes where it is of markup, digits and spaces; no
    // other text has zeros.
    let zeros = |from: usize| {
        head.iter()
            .skip(from)
            .step_by(2)
            .filter(|byte| **byte == 0)
            .count()
    };
    let (even, odd) = (zeros(0), zeros(1));
    if even + odd > head.len() / 8 {
        return if odd >= even { UTF_16LE } else { UTF_16BE };
    }
    if let Some(declared) = declared(head) {
        return declared;
    }
    // The head may end inside a character.
    match std::str::from_utf8(head) {
        Ok(_) => return UTF_8,
        Err(error) if !whole && error.error_len().is_none() => return UTF_8,
        Err(_) => {}
    }
    // Text with few wrong bytes among many right ones is UTF-8 that was damaged: its rows are refused
    // one by one.
    let (mut wrong, mut right) = (0, 0);
    for chunk in head.utf8_chunks() {
        right += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        wrong += usize::from(!chunk.invalid().is_empty());
    }
    if right > 20 * wrong {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(head, whole);
    detector.guess(None, Utf8Detection::Allow)
}

/// The encoding that an XML declaration names (XML 1.0 section 4.3.3). One of UTF-16 cannot be: the
/// declaration was read byte by byte.
fn declared(head: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let declaration = head.strip_prefix(b"<?xml")?;
    let declaration = &declaration[..memchr::memmem::find(declaration, b"?>")?];
    let at = memchr::memmem::find(declaration, b"encoding")? + b"encoding".len();
    let rest = declaration[at..]
        .trim_ascii_start()
        .strip_prefix(b"=")?
        .trim_ascii_start();
    let (quote, rest) = rest.split_first()?;
    let label = &rest[..memchr::memchr(*quote, rest)?];
    let found = encoding_rs::Encoding::for_label_no_replacement(label)?;
    (found != UTF_16LE && found != UTF_16BE).then_some(found)
}

/// Another encoding to UTF-8, as a stream.
pub(super) struct Decoded<'a> {
    inner: &'a mut dyn BufRead,
    decoder: Decoder,
    out: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<'a> Decoded<'a> {
    pub(super) fn new(inner: &'a mut dyn BufRead, decoder: Decoder) -> Self {
        Decoded {
            inner,
            decoder,
            out: Vec::new(),
            at: 0,
            ended: false,
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let chunk = self.inner.fill_buf()?;
        self.out.resize(1 << 16, 0);
        self.at = 0;
        let last = chunk.is_empty();
        let (result, read, written) =
            self.decoder
                .decode_to_utf8_without_replacement(chunk, &mut self.out, last);
        self.out.truncate(written);
        self.inner.consume(read);
        match result {
            DecoderResult::Malformed(..) => self.out.push(0xff),
            DecoderResult::InputEmpty => self.ended = last,
            DecoderResult::OutputFull => {}
        }
        Ok(())
    }
}

impl Read for Decoded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.out.len() && !self.ended {
            self.out.clear();
            self.at = 0;
            self.fill()?;
        }
        let read = (self.out.len() - self.at).min(buffer.len());
        buffer[..read].copy_from_slice(&self.out[self.at..self.at + read]);
        self.at += read;
        Ok(read)
    }
}
