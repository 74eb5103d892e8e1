//! The console as a browser or a program meets it: requests through the whole router, on a ledger of its own.

#![allow(clippy::unwrap_used, missing_docs)]

mod api;
mod branch;
mod duty;
mod house;
mod sign_in;
