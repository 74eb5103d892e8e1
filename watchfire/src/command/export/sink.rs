//! Where exported events go: standard output, a file, or a program that listens as IntelMQ's TCP
//! collector does.
//!
//! A file is written beside its name and put there when it is whole. Over TCP each event goes with its
//! length before it in four bytes, the highest first, and the next waits for the `Ok` of the one
//! before: what was taken is known.

use std::io::{BufWriter, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::NamedTempFile;

use crate::failure::{Failure, Result};
use crate::table::Out;

/// How long the other side may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether the place is one of TCP.
pub fn is_tcp(to: &str) -> bool {
    to.starts_with("tcp://")
}

/// The place.
pub enum Sink {
    /// Standard output.
    Standard(Out),
    /// A file and the one that becomes it.
    File(PathBuf, BufWriter<NamedTempFile>),
    /// A connection and the name of its place.
    Tcp(String, TcpStream),
}

impl Sink {
    /// Opens the place that `--to` names.
    ///
    /// # Errors
    /// A file that cannot be made, a place that does not answer.
    pub fn open(to: Option<&str>) -> Result<Sink> {
        match to {
            None | Some("-") => Ok(Sink::Standard(Out::new())),
            Some(url) if is_tcp(url) => {
                let fail = |error: std::io::Error| Failure::new(url, error);
                let place = &url["tcp://".len()..];
                let mut last = None;
                for address in place
                    .trim_end_matches('/')
                    .to_socket_addrs()
                    .map_err(fail)?
                {
                    match TcpStream::connect_timeout(&address, PATIENCE) {
                        Ok(stream) => {
                            stream.set_read_timeout(Some(PATIENCE)).map_err(fail)?;
                            stream.set_write_timeout(Some(PATIENCE)).map_err(fail)?;
                            stream.set_nodelay(true).map_err(fail)?;
                            return Ok(Sink::Tcp(url.to_owned(), stream));
                        }
                        Err(error) => last = Some(error),
                    }
                }
                let none = || std::io::Error::other("the name has no address");
                Err(fail(last.unwrap_or_else(none))
                    .remedy("is IntelMQ's TCP collector running there?"))
            }
            Some(path) => {
                let path = PathBuf::from(path);
                let folder = path
                    .parent()
                    .filter(|folder| !folder.as_os_str().is_empty());
                let file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")));
                let file = file.map_err(|error| Failure::new(path.display(), error))?;
                Ok(Sink::File(path, BufWriter::new(file)))
            }
        }
    }

    /// One event as a line, or as the other side wants it.
    ///
    /// # Errors
    /// The place fails; over TCP, also another answer than `Ok`.
    pub fn event(&mut self, json: &str) -> Result {
        match self {
            Sink::Tcp(url, stream) => {
                let fail = |error: std::io::Error| Failure::new(&*url, error);
                let length = u32::try_from(json.len())
                    .map_err(|_| Failure::new(&*url, "an event is longer than 4 GiB"))?;
                let mut message = length.to_be_bytes().to_vec();
                message.extend_from_slice(json.as_bytes());
                stream.write_all(&message).map_err(fail)?;
                let mut answer = [0; 2];
                stream.read_exact(&mut answer).map_err(fail)?;
                match &answer {
                    b"Ok" => Ok(()),
                    _ => Err(Failure::new(&*url, "the answer to an event was not `Ok`")),
                }
            }
            _ => {
                self.text(json)?;
                self.text("\n")
            }
        }
    }

    /// Text as it is.
    ///
    /// # Errors
    /// The place fails.
    pub fn text(&mut self, text: &str) -> Result {
        match self {
            Sink::Standard(out) => out.bytes(text.as_bytes()),
            Sink::File(path, file) => file
                .write_all(text.as_bytes())
                .map_err(|error| Failure::new(path.display(), error)),
            Sink::Tcp(url, stream) => stream
                .write_all(text.as_bytes())
                .map_err(|error| Failure::new(&*url, error)),
        }
    }

    /// Brings what was written into its place.
    ///
    /// # Errors
    /// The place fails.
    pub fn end(self) -> Result {
        match self {
            Sink::Standard(out) => out.end(),
            Sink::Tcp(..) => Ok(()),
            Sink::File(path, file) => {
                let fail = |error: std::io::Error| Failure::new(path.display(), error);
                let file = file
                    .into_inner()
                    .map_err(|error| fail(error.into_error()))?;
                file.as_file().sync_all().map_err(fail)?;
                file.persist(&path).map_err(|error| fail(error.error))?;
                Ok(())
            }
        }
    }
}
