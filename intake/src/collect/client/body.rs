//! The body of an answer: counted, timed, unfolded.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use outbound::chain;
use reqwest::{Response, header};
use tokio::time::{Instant, timeout};

use super::super::failure::{Failure, Kind, Result};
use super::Limits;

/// Streams a body into `out`, counting bytes as they come and, where they are compressed, as they unfold.
///
/// # Errors
/// Too many bytes, too few in time, a body that is cut off, damaged compression, a full disk.
pub async fn stream<W: Write + Send>(
    mut response: Response,
    limits: &Limits,
    most: u64,
    out: W,
    shown: &str,
) -> Result<W> {
    let too_much = || {
        let detail = format!("{shown} sends more than {most} bytes; see `fetch.max_bytes`");
        Failure::new(Kind::Limit, detail)
    };
    let unwritten = |error: io::Error| match error.raw_os_error() {
        Some(_) => Failure::new(Kind::Local, format!("the spool: {error}")),
        None if error.kind() == io::ErrorKind::FileTooLarge => too_much(),
        None => Failure::malformed(format!("{shown} sends damaged gzip: {error}")),
    };
    let encoding = response.headers().get(header::CONTENT_ENCODING);
    let encoding = encoding.map(|value| value.to_str().unwrap_or("?").trim().to_ascii_lowercase());
    let counted = Counted { out, left: most };
    let mut body = match encoding.as_deref() {
        None | Some("" | "identity") => Body::Plain(counted),
        Some("gzip" | "x-gzip") => Body::Gzip(Box::new(MultiGzDecoder::new(counted))),
        Some(other) => {
            let detail = format!("{shown} sends encoding `{other}`, which was not asked for");
            return Err(Failure::new(Kind::Refused, detail));
        }
    };
    let mut received = 0_u64;
    let mut window = (Instant::now(), 0_u64);
    loop {
        let chunk = match timeout(limits.stall, response.chunk()).await {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => break,
            Ok(Err(error)) => {
                let detail = format!(
                    "{shown} ended after {received} bytes: {}",
                    chain(&error.without_url())
                );
                return Err(Failure::malformed(detail));
            }
            Err(_) => return Err(slow(limits, shown)),
        };
        received = received.saturating_add(chunk.len() as u64);
        if received > most {
            return Err(too_much());
        }
        body.write_all(&chunk).map_err(unwritten)?;
        window.1 += chunk.len() as u64;
        if window.0.elapsed() >= limits.stall {
            if window.1 < limits.window_bytes {
                return Err(slow(limits, shown));
            }
            window = (Instant::now(), 0);
        }
    }
    Ok(body.finish().map_err(unwritten)?.out)
}

fn slow(limits: &Limits, shown: &str) -> Failure {
    let detail = format!(
        "{shown} sends less than {} bytes in {} s",
        limits.window_bytes,
        limits.stall.as_secs()
    );
    Failure::new(Kind::Limit, detail)
}

/// Lets a bounded number of bytes through.
struct Counted<W> {
    out: W,
    left: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.left {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let written = self.out.write(bytes)?;
        self.left -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

enum Body<W: Write> {
    Plain(Counted<W>),
    Gzip(Box<MultiGzDecoder<Counted<W>>>),
}

impl<W: Write> Body<W> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Body::Plain(out) => out.write_all(bytes),
            Body::Gzip(out) => out.write_all(bytes),
        }
    }

    fn finish(self) -> io::Result<Counted<W>> {
        match self {
            Body::Plain(out) => Ok(out),
            Body::Gzip(out) => out.finish(),
        }
    }
}
