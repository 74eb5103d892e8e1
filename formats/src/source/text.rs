//! Readers that a member's text passes through: cap, exact length, encoding.

use std::io::{self, BufRead, Read};

use encoding_rs::{Decoder, DecoderResult, GB18030, UTF_16BE, UTF_16LE};

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

/// The decoder that a text needs, `None` for UTF-8. A byte-order mark is taken off; that of UTF-16
/// (Unicode 16.0 section 23.8) wins over what the feed says, for no other text begins so.
pub(super) fn decoder(encoding: Encoding, text: &mut Capped<'_>) -> Option<Decoder> {
    // Damage before the first byte is met again by whoever reads the text.
    let head = text.fill_buf().unwrap_or_default();
    let (mark, decoder) = match head {
        [0xff, 0xfe, ..] => (2, Some(UTF_16LE.new_decoder_without_bom_handling())),
        [0xfe, 0xff, ..] => (2, Some(UTF_16BE.new_decoder_without_bom_handling())),
        [0xef, 0xbb, 0xbf, ..] => (3, None),
        _ => match encoding {
            Encoding::Utf8 => (0, None),
            Encoding::Gb18030 => (0, Some(GB18030.new_decoder_without_bom_handling())),
        },
    };
    text.consume(mark);
    decoder
}

/// Another encoding to UTF-8, as a stream.
pub(super) struct Decoded<'a, 'b> {
    inner: &'a mut Capped<'b>,
    decoder: Decoder,
    out: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<'a, 'b> Decoded<'a, 'b> {
    pub(super) fn new(inner: &'a mut Capped<'b>, decoder: Decoder) -> Self {
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

impl Read for Decoded<'_, '_> {
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
