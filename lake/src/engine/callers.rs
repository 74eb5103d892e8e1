//! Who comes to an executor over TLS. Keys are agreed on beside each other, so that one who is slow at it keeps nobody
//! else waiting; who has no certificate that counts comes no further, and the log says so.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::tls::Renewed;

/// Longest time that a caller takes to agree on keys.
const GREETING: Duration = Duration::from_secs(10);
/// Callers who are at it; more wait at the door.
const MOST: usize = 256;

/// Callers who were let in.
pub(super) struct Callers(mpsc::Receiver<TlsStream<TcpStream>>);

impl Callers {
    /// Those who come to `listener`, until nobody takes them any more.
    pub(super) fn new(listener: TcpListener, terms: Arc<Renewed<ServerConfig>>) -> Self {
        let (inside, callers) = mpsc::channel(16);
        tokio::spawn(async move {
            tokio::select! {
                () = inside.closed() => {}
                () = doorway(&listener, &terms, &inside) => {}
            }
        });
        Callers(callers)
    }
}

impl Stream for Callers {
    type Item = io::Result<TlsStream<TcpStream>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|caller| caller.map(Ok))
    }
}

async fn doorway(
    listener: &TcpListener,
    terms: &Arc<Renewed<ServerConfig>>,
    inside: &mpsc::Sender<TlsStream<TcpStream>>,
) {
    let room = Arc::new(Semaphore::new(MOST));
    // It is never closed.
    while let Ok(place) = Arc::clone(&room).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, from)) => {
                let (terms, inside) = (Arc::clone(terms), inside.clone());
                tokio::spawn(async move {
                    let caller = greeted(stream, from, terms).await;
                    drop(place);
                    if let Some(caller) = caller {
                        // Nobody there to take it: the executor ends.
                        drop(inside.send(caller).await);
                    }
                });
            }
            // Out of descriptors, perhaps: a pause is all that helps.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn greeted(
    stream: TcpStream,
    from: SocketAddr,
    terms: Arc<Renewed<ServerConfig>>,
) -> Option<TlsStream<TcpStream>> {
    let terms = tokio::task::spawn_blocking(move || terms.now()).await;
    let terms = match terms.map_err(io::Error::other) {
        Ok(Ok(terms)) => terms,
        Ok(Err(error)) => {
            tracing::warn!(%from, %error, "a caller is refused");
            return None;
        }
        Err(error) => {
            tracing::warn!(%from, %error, "a caller is refused");
            return None;
        }
    };
    // Answers are small pieces that somebody waits for; without it they are only slower.
    let _ = stream.set_nodelay(true);
    match timeout(GREETING, TlsAcceptor::from(terms).accept(stream)).await {
        Ok(Ok(caller)) => return Some(caller),
        Ok(Err(error))
            if error
                .get_ref()
                .is_some_and(|inner| inner.is::<rustls::Error>()) =>
        {
            tracing::warn!(%from, %error, "a caller is refused: look at engine.tls_cert, engine.tls_key and engine.ca of both");
        }
        // Whoever probes the port comes and goes.
        Ok(Err(error)) => tracing::debug!(%from, %error, "a caller went"),
        Err(_) => tracing::debug!(%from, "a caller is silent"),
    }
    None
}
