//! A body on its way into the archive: from the connection through a short queue to the thread that
//! writes the blob, gzip undone on the way. Bytes are counted before and after, so that a small body
//! cannot become a huge one; what breaks off half-way leaves nothing behind.

use std::cell::Cell;
use std::future::poll_fn;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use flate2::read::MultiGzDecoder;
use futures_core::Stream;
use ledger::{Blob, BlobStore};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::problem::Problem;

/// Pieces of a body that wait for the writing thread.
const QUEUE: usize = 4;
/// Longest wait for the next piece.
const STALL: Duration = Duration::from_secs(30);
/// How many times larger than it came a body may become, and what is free of that rule.
const RATIO: u64 = 100;
const FREE: u64 = 1 << 20;

/// How a body is coded for its transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Plain,
    Gzip,
}

impl Coding {
    /// Reads `Content-Encoding`.
    ///
    /// # Errors
    /// Another coding, or several.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let unsupported = || {
            Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "content-encoding",
                "the content encoding is not supported",
            )
            .detail("send the report plain or with `Content-Encoding: gzip`")
            .header(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"))
        };
        let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
        let Some(value) = values.next() else {
            return Ok(Coding::Plain);
        };
        if values.next().is_some() {
            return Err(unsupported());
        }
        match value.as_bytes().trim_ascii() {
            b"identity" | b"" => Ok(Coding::Plain),
            b"gzip" | b"x-gzip" => Ok(Coding::Gzip),
            _ => Err(unsupported()),
        }
    }
}

/// What a body must not be; goes through `io::Error` to whoever waits for the blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Refused {
    #[error("too large")]
    TooLarge,
    #[error("unfolds too far")]
    Bomb,
    #[error("broken off")]
    BrokenOff,
}

impl From<Refused> for io::Error {
    fn from(refused: Refused) -> Self {
        io::Error::other(refused)
    }
}

/// What the connection gives: a piece, or the word that this was all. A queue that ends without it
/// was broken off.
enum Piece {
    Bytes(Bytes),
    End,
}

/// The queue as a reader.
struct Pieces {
    queue: mpsc::Receiver<Piece>,
    current: Bytes,
    ended: bool,
    taken: Rc<Cell<u64>>,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.ended {
            match self.queue.blocking_recv() {
                Some(Piece::Bytes(bytes)) => self.current = bytes,
                Some(Piece::End) => self.ended = true,
                None => return Err(Refused::BrokenOff.into()),
            }
        }
        let count = self.current.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.current.split_to(count));
        self.taken.set(self.taken.get() + count as u64);
        Ok(count)
    }
}

/// Counts what comes out, and stops what is too much.
struct Capped<R> {
    inner: R,
    given: u64,
    most: u64,
    taken: Rc<Cell<u64>>,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.given += count as u64;
        if self.given > FREE + self.taken.get().saturating_mul(RATIO) {
            return Err(Refused::Bomb.into());
        }
        if self.given > self.most {
            return Err(Refused::TooLarge.into());
        }
        Ok(count)
    }
}

fn too_large(most: u64) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too-large",
        "the report is too large",
    )
    .detail(format!(
        "{most} bytes are the most: cut it, or raise `serve.push_mb`"
    ))
}

/// Refuses a body by what its head announces.
///
/// # Errors
/// It is announced as too large.
pub(crate) fn announced(headers: &HeaderMap, most: u64) -> Result<(), Problem> {
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    match length {
        Some(length) if length > most => Err(too_large(most)),
        _ => Ok(()),
    }
}

/// Why a body is not in the archive.
pub(crate) enum Unstored {
    /// The sender's fault.
    Problem(Problem),
    /// Ours.
    Ledger(ledger::Error),
}

impl From<Problem> for Unstored {
    fn from(problem: Problem) -> Self {
        Unstored::Problem(problem)
    }
}

/// Stores a body as a blob, durably.
///
/// # Errors
/// The body is too large, unfolds too far, breaks off or is no gzip; or the disk fails.
pub(crate) async fn store(
    blobs: BlobStore,
    body: Body,
    coding: Coding,
    most: u64,
) -> Result<Blob, Unstored> {
    let (sender, queue) = mpsc::channel(QUEUE);
    let writing = tokio::task::spawn_blocking(move || write(&blobs, queue, coding, most));
    let mut body = body.into_data_stream();
    let mut came = 0;
    loop {
        let next = poll_fn(|context| Pin::new(&mut body).poll_next(context));
        let piece = match timeout(STALL, next).await {
            Ok(Some(Ok(bytes))) => {
                came += bytes.len() as u64;
                if came > most {
                    return Err(too_large(most).into());
                }
                Piece::Bytes(bytes)
            }
            Ok(None) => Piece::End,
            Ok(Some(Err(_))) | Err(_) => break,
        };
        let last = matches!(piece, Piece::End);
        // A writer that is gone has a reason, which is told below.
        if sender.send(piece).await.is_err() || last {
            break;
        }
    }
    drop(sender);
    let written = writing.await.map_err(|error| {
        tracing::error!(%error, "the writing of a pushed report ended early");
        Problem::UNREADY.retry_after(10)
    })?;
    metrics::counter!("watchfire_pushed_bytes_total").increment(came);
    match written {
        Ok(blob) if blob.len == 0 => {
            Err(Problem::new(StatusCode::BAD_REQUEST, "empty", "the report is empty").into())
        }
        Ok(blob) => Ok(blob),
        Err(error) => Err(sorted(error, most)),
    }
}

fn write(
    blobs: &BlobStore,
    queue: mpsc::Receiver<Piece>,
    coding: Coding,
    most: u64,
) -> ledger::Result<Blob> {
    let taken = Rc::new(Cell::new(0));
    let pieces = Pieces {
        queue,
        current: Bytes::new(),
        ended: false,
        taken: Rc::clone(&taken),
    };
    let inner: Box<dyn Read> = match coding {
        Coding::Plain => Box::new(pieces),
        Coding::Gzip => Box::new(MultiGzDecoder::new(BufReader::new(pieces))),
    };
    let mut capped = Capped {
        inner,
        given: 0,
        most,
        taken,
    };
    blobs.put(&mut capped, Path::new(BODY))
}

/// What the body is called in errors of the blob store.
const BODY: &str = "(pushed report)";

/// The sender's faults come out of the blob store as errors of reading.
fn sorted(error: ledger::Error, most: u64) -> Unstored {
    let ledger::Error::Io { path, source } = &error else {
        return Unstored::Ledger(error);
    };
    if path != Path::new(BODY) {
        return Unstored::Ledger(error);
    }
    let refused = source
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Refused>());
    let problem = match refused {
        Some(Refused::TooLarge) => too_large(most),
        Some(Refused::Bomb) => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "unfolds-too-far",
            "the report unfolds to far more than was sent",
        )
        .detail(format!(
            "{RATIO} times is the most: send it plain if it is honest"
        )),
        Some(Refused::BrokenOff) => Problem::new(
            StatusCode::BAD_REQUEST,
            "broken-off",
            "the report broke off",
        )
        .detail("send it again as a whole"),
        None => Problem::new(
            StatusCode::BAD_REQUEST,
            "not-gzip",
            "the report is no whole gzip stream",
        )
        .detail(source.to_string()),
    };
    problem.into()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).expect("memory takes it");
        encoder.finish().expect("memory takes it")
    }

    async fn stored(bytes: Vec<u8>, coding: Coding, most: u64) -> Result<u64, &'static str> {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = BlobStore::new(folder.path());
        let done = store(blobs.clone(), Body::from(bytes), coding, most).await;
        let mut left = 0;
        blobs
            .for_each(|_| {
                left += 1;
                Ok(())
            })
            .expect("the folder can be read");
        match done {
            Ok(blob) => Ok(blob.len),
            Err(Unstored::Problem(problem)) => {
                assert!(left == 0 || problem.kind() == "empty", "something is left");
                Err(problem.kind())
            }
            Err(Unstored::Ledger(error)) => panic!("{error}"),
        }
    }

    #[tokio::test]
    async fn bodies_are_stored_or_refused_without_a_trace() {
        let rows = "https://a.example.com/login\n".repeat(100);
        let plain = rows.clone().into_bytes();
        assert_eq!(
            stored(plain.clone(), Coding::Plain, 1 << 20).await,
            Ok(2800)
        );
        assert_eq!(
            stored(gzip(&plain), Coding::Gzip, 1 << 20).await,
            Ok(2800),
            "as it was before its transfer"
        );
        assert_eq!(
            stored(plain.clone(), Coding::Plain, 100).await,
            Err("too-large")
        );
        assert_eq!(
            stored(gzip(&plain), Coding::Gzip, 1000).await,
            Err("too-large")
        );
        assert_eq!(stored(plain, Coding::Gzip, 1 << 20).await, Err("not-gzip"));
        assert_eq!(stored(Vec::new(), Coding::Plain, 100).await, Err("empty"));
        let mut half = gzip(rows.as_bytes());
        half.truncate(half.len() - 5);
        assert_eq!(stored(half, Coding::Gzip, 1 << 20).await, Err("not-gzip"));
        let bomb = gzip(&vec![0; 8 << 20]);
        assert_eq!(
            stored(bomb, Coding::Gzip, 1 << 30).await,
            Err("unfolds-too-far")
        );
    }
}
