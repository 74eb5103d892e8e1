//! The wire between a node and PostgreSQL, which can be cut. A cut is either loud, as when a host's network goes down and
//! connections break off, or silent, as behind a switch that fails: what was said waits, and arrives when it heals, late.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How the wire is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// What is said arrives.
    Whole = 0,
    /// What is said waits.
    Silent = 1,
    /// Connections break off, and there are no new ones.
    Down = 2,
    /// Nobody listens any more.
    Gone = 3,
}

/// A wire; it is gone when it is dropped.
pub struct Wire {
    port: u16,
    state: Arc<AtomicU8>,
    ends: Arc<Mutex<Vec<TcpStream>>>,
}

impl Wire {
    /// A whole wire to an address.
    pub fn to(address: String) -> Wire {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let state = Arc::new(AtomicU8::new(State::Whole as u8));
        let ends = Arc::new(Mutex::new(Vec::new()));
        let (now, kept) = (Arc::clone(&state), Arc::clone(&ends));
        std::thread::spawn(move || {
            for near in listener.incoming() {
                if is(&now, State::Gone) {
                    return;
                }
                let Ok(near) = near else { continue };
                if is(&now, State::Down) {
                    continue;
                }
                let (now, kept, address) = (Arc::clone(&now), Arc::clone(&kept), address.clone());
                std::thread::spawn(move || {
                    // Whoever was on either end may be dead by now.
                    let _ = join(near, &address, &now, &kept);
                });
            }
        });
        Wire { port, state, ends }
    }

    /// The URL of a database, by this wire.
    pub fn instead_of(&self, address: &str, url: &str) -> String {
        url.replace(address, &format!("127.0.0.1:{}", self.port))
    }

    /// From now on it is so.
    pub fn turn(&self, state: State) {
        self.state.store(state as u8, Ordering::SeqCst);
        if matches!(state, State::Down | State::Gone) {
            for end in self.ends.lock().expect("nobody panics with it").drain(..) {
                let _ = end.shutdown(Shutdown::Both);
            }
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.turn(State::Gone);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn is(state: &AtomicU8, what: State) -> bool {
    state.load(Ordering::SeqCst) == what as u8
}

/// Waits while nothing arrives.
fn wait(state: &AtomicU8) {
    while is(state, State::Silent) {
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn join(
    near: TcpStream,
    address: &str,
    state: &Arc<AtomicU8>,
    ends: &Mutex<Vec<TcpStream>>,
) -> std::io::Result<()> {
    wait(state);
    let far = TcpStream::connect(address)?;
    {
        let mut ends = ends.lock().expect("nobody panics with it");
        ends.push(near.try_clone()?);
        ends.push(far.try_clone()?);
    }
    if is(state, State::Down) {
        // It went down between our look and the list.
        near.shutdown(Shutdown::Both)?;
    }
    let (from, to, now) = (near.try_clone()?, far.try_clone()?, Arc::clone(state));
    let upward = std::thread::spawn(move || pass(from, to, &now));
    pass(far, near, state);
    let _ = upward.join();
    Ok(())
}

/// Passes bytes on until one end has gone.
fn pass(mut from: TcpStream, mut to: TcpStream, state: &AtomicU8) {
    let mut buffer = [0; 16_384];
    while let Ok(read) = from.read(&mut buffer) {
        wait(state);
        if read == 0 || to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
