//! Verification: what local servers show, what is made of it, and what is kept.

#![allow(clippy::unwrap_used)]

mod conclude;
mod dns;
mod evidence;
mod judge;
mod many;
mod pages;
mod policy;
mod server;
