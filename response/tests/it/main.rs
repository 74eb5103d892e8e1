//! Integration tests of the response: what goes out, and what others make of it.

#![allow(clippy::unwrap_used)]

mod composing;
mod drafts;
mod mail;
mod peers;
mod submission;
