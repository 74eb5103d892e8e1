//! Integration tests of the response: what goes out, what comes back, and what is looked at.

#![allow(clippy::unwrap_used)]

mod campaign;
mod composing;
mod desk;
mod drafts;
mod duty;
mod flow;
mod hooks;
mod imap;
mod mail;
mod party;
mod peers;
mod rdap;
mod submission;
mod verify;
