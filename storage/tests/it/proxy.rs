//! A proxy between us and a store that fails as networks and stores do.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

/// What goes wrong with some connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The answer is 500.
    Error,
    /// The answer is 503 SlowDown.
    Busy,
    /// Nothing comes for a while, for some longer than anybody waits.
    Slow,
    /// The way to the store breaks in the middle of a request.
    CutRequest,
    /// The way back breaks in the middle of an answer.
    CutAnswer,
    /// The request arrives, its answer does not.
    LostAnswer,
}

/// All of them.
pub const FAULTS: [Fault; 6] = [
    Fault::Error,
    Fault::Busy,
    Fault::Slow,
    Fault::CutRequest,
    Fault::CutAnswer,
    Fault::LostAnswer,
];

/// A running proxy; it takes no new connections once it is dropped.
pub struct Proxy {
    pub port: u16,
    /// Connections that something went wrong with.
    pub faulty: Arc<AtomicU64>,
    /// What goes wrong now, and with how many connections of a hundred.
    now: Arc<Mutex<(Fault, u64)>>,
    /// Connections that are open, and some that were.
    taken: Arc<Mutex<Vec<Weak<TcpStream>>>>,
    stop: Arc<AtomicBool>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// Numbers that look random and are the same each time.
fn mixed(seed: u64, n: u64) -> u64 {
    let hash = blake3::hash(&[seed.to_le_bytes(), n.to_le_bytes()].concat());
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().unwrap())
}

impl Proxy {
    /// A proxy before the store at `port`; `percent` of the connections meet the fault.
    pub fn before(port: u16, fault: Fault, percent: u64, seed: u64) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let own = listener.local_addr().unwrap().port();
        let stop = Arc::new(AtomicBool::new(false));
        let faulty = Arc::new(AtomicU64::new(0));
        let now = Arc::new(Mutex::new((fault, percent)));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&faulty));
        let taken = Arc::new(Mutex::new(Vec::new()));
        let (told, kept) = (Arc::clone(&now), Arc::clone(&taken));
        std::thread::spawn(move || {
            for (n, client) in listener.incoming().enumerate() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(client) = client else { continue };
                let number = mixed(seed, n as u64);
                let (fault, percent) = *told.lock().unwrap();
                let met = number % 100 < percent;
                let end = client.try_clone().ok().map(Arc::new);
                if let Some(end) = &end {
                    let mut kept = kept.lock().unwrap();
                    kept.retain(|end: &Weak<TcpStream>| end.strong_count() > 0);
                    kept.push(Arc::downgrade(end));
                }
                if met {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
                std::thread::spawn(move || {
                    let _ = serve(client, port, met.then_some(fault), number >> 8);
                    drop(end);
                });
            }
        });
        Proxy {
            port: own,
            faulty,
            now,
            taken,
            stop,
        }
    }

    /// From now on something else goes wrong, or with more or fewer connections. Those that are open break off: whoever
    /// keeps some would meet nothing.
    #[allow(dead_code)] // Of the tests of the binary.
    pub fn turn(&self, fault: Fault, percent: u64) {
        *self.now.lock().unwrap() = (fault, percent);
        for end in self.taken.lock().unwrap().drain(..) {
            if let Some(end) = end.upgrade() {
                let _ = end.shutdown(Shutdown::Both);
            }
        }
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

fn serve(
    mut client: TcpStream,
    port: u16,
    fault: Option<Fault>,
    number: u64,
) -> std::io::Result<()> {
    if let Some(Fault::Error | Fault::Busy) = fault {
        let mut some = [0; 4096];
        let _ = client.read(&mut some)?;
        let (status, code) = match fault {
            Some(Fault::Error) => ("500 Internal Server Error", "InternalError"),
            _ => ("503 Service Unavailable", "SlowDown"),
        };
        let body = format!("<Error><Code>{code}</Code><Message>try again</Message></Error>");
        write!(
            client,
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )?;
        // What is left of the request is read, or the answer would be lost with it.
        client.shutdown(Shutdown::Write)?;
        client.set_read_timeout(Some(Duration::from_millis(500)))?;
        while client.read(&mut some).is_ok_and(|n| n > 0) {}
        return Ok(());
    }
    if fault == Some(Fault::Slow) {
        let wait = if number.is_multiple_of(8) {
            6_000
        } else {
            number % 400
        };
        std::thread::sleep(Duration::from_millis(wait));
    }
    let server = TcpStream::connect(("127.0.0.1", port))?;
    // Connections that live long would meet their fault once: none carries more than this.
    let most = 1 + number % 3_000_000;
    let (up, down) = match fault {
        Some(Fault::CutRequest) => (1 + number % 20_000, u64::MAX),
        Some(Fault::CutAnswer) => (u64::MAX, 1 + number % 20_000),
        Some(Fault::LostAnswer) => (u64::MAX, 0),
        Some(Fault::Slow) | None => (u64::MAX, 9_000_000 + most),
        Some(Fault::Error | Fault::Busy) => (0, 0),
    };
    let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
    let upward = std::thread::spawn(move || pass(from_client, to_server, up));
    pass(server, client, down);
    let _ = upward.join();
    Ok(())
}

/// Passes bytes on, so many of them; then both ends are cut.
fn pass(mut from: TcpStream, mut to: TcpStream, most: u64) {
    let mut buffer = [0; 16_384];
    let mut left = most;
    loop {
        match from.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(n) => {
                let some = (n as u64).min(left) as usize;
                if to.write_all(&buffer[..some]).is_err() {
                    break;
                }
                left -= some as u64;
                if left == 0 {
                    break;
                }
            }
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
