//! The transports against servers of all kinds: hostile ones of our own, and peers' own servers where
//! they are installed. Everything runs on loopback.

mod hostile;
mod server;
