//! Connections: so many at a time, and none that is silent for long. Whoever sends a byte a minute
//! shall not keep others out.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, Sleep, sleep};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

/// Connections at a time; more wait at the door.
const MOST: usize = 256;
/// Longest silence of a connection, where nothing else is said.
const SILENCE: Duration = Duration::from_secs(60);
/// Longest time that a connection takes to agree on keys.
const GREETING: Duration = Duration::from_secs(10);

/// What connections are made with, where TLS is ours; each new one with what stands then.
pub(crate) type Tls = watch::Receiver<crate::tls::Terms>;

/// Where a connection comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

impl Connected<IncomingStream<'_, Doors>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Doors>) -> Self {
        Peer(*stream.remote_addr())
    }
}

/// A listener that counts who is inside.
pub(crate) struct Doors {
    listener: TcpListener,
    room: Arc<Semaphore>,
    tls: Tls,
    silence: Duration,
}

impl Doors {
    pub(crate) fn new(listener: TcpListener, tls: Tls) -> Self {
        Doors {
            listener,
            tls,
            room: Arc::new(Semaphore::new(MOST)),
            silence: SILENCE,
        }
    }

    /// The same for answers that take longer to begin: a connection may be silent for so long.
    pub(crate) fn patient(self, silence: Duration) -> Self {
        Doors { silence, ..self }
    }
}

impl Listener for Doors {
    type Io = Inside;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Inside, SocketAddr) {
        loop {
            let Ok(place) = Arc::clone(&self.room).acquire_owned().await else {
                // The semaphore is never closed; if it were, nobody would be let in.
                std::future::pending::<()>().await;
                continue;
            };
            match self.listener.accept().await {
                Ok((stream, from)) => {
                    let terms = self.tls.borrow().clone();
                    // Keys are agreed on where the connection is served, not here: one that is slow at it
                    // keeps nobody else waiting.
                    let (stream, first) = match terms {
                        None => (Stream::Plain(stream), self.silence),
                        Some(terms) => {
                            let greeting = TlsAcceptor::from(terms).accept(stream);
                            (Stream::Greeting(Box::new(greeting)), GREETING)
                        }
                    };
                    let inside = Inside {
                        stream,
                        silence: Box::pin(sleep(first)),
                        longest: self.silence,
                        _place: place,
                    };
                    return (inside, from);
                }
                // Out of descriptors, perhaps: a pause is all that helps.
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// What the bytes go through.
enum Stream {
    Plain(TcpStream),
    /// Keys are being agreed on.
    Greeting(Box<Accept<TcpStream>>),
    Tls(Box<TlsStream<TcpStream>>),
    /// No keys were agreed on.
    Gone,
}

/// A connection that ends when it is silent for long.
pub(crate) struct Inside {
    stream: Stream,
    silence: Pin<Box<Sleep>>,
    longest: Duration,
    _place: OwnedSemaphorePermit,
}

impl Inside {
    /// Bytes moved: the silence begins anew.
    fn heard(&mut self) {
        self.silence.as_mut().reset(Instant::now() + self.longest);
    }

    fn waited<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        match self.silence.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Ready when keys are agreed on, or none are needed.
    fn greeted(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Stream::Greeting(greeting) = &mut self.stream else {
            return match self.stream {
                Stream::Gone => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
                _ => Poll::Ready(Ok(())),
            };
        };
        match Pin::new(greeting.as_mut()).poll(context) {
            Poll::Ready(Ok(stream)) => {
                self.stream = Stream::Tls(Box::new(stream));
                self.heard();
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => {
                self.stream = Stream::Gone;
                Poll::Ready(Err(error))
            }
            Poll::Pending => self.waited(context),
        }
    }
}

/// Does something with the stream under the bytes, once keys are agreed on.
macro_rules! through {
    ($inside:ident, $context:ident, $stream:ident => $act:expr) => {{
        std::task::ready!($inside.greeted($context))?;
        match &mut $inside.stream {
            Stream::Plain($stream) => {
                let $stream = Pin::new($stream);
                $act
            }
            Stream::Tls($stream) => {
                let $stream = Pin::new($stream.as_mut());
                $act
            }
            Stream::Greeting(_) | Stream::Gone => {
                Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
            }
        }
    }};
}

impl AsyncRead for Inside {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match through!(self, context, stream => stream.poll_read(context, buffer)) {
            Poll::Ready(done) => {
                self.heard();
                Poll::Ready(done)
            }
            Poll::Pending => self.waited(context),
        }
    }
}

impl AsyncWrite for Inside {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match through!(self, context, stream => stream.poll_write(context, bytes)) {
            Poll::Ready(done) => {
                self.heard();
                Poll::Ready(done)
            }
            Poll::Pending => self.waited(context),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        through!(self, context, stream => stream.poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
            // Nothing was said yet: there is nothing to take leave of.
            Stream::Greeting(_) | Stream::Gone => Poll::Ready(Ok(())),
        }
    }
}
