//! Rules of retention by the clock; the transports against servers of all kinds: hostile ones of our own, and peers' own servers where
//! they are installed. Everything runs on loopback.

// What the tests share may unwrap as they do.
#![allow(clippy::unwrap_used)]

mod bench;
mod hostile;
mod mail;
mod peers;
mod pull;
mod queue;
mod retention;
mod s3;
mod server;
mod soak;
mod taxii;
mod tls;
mod tricks;
