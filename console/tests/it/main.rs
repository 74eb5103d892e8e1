//! The console as a browser or a program meets it: requests through the whole router, on a ledger of its own.

#![allow(clippy::unwrap_used, missing_docs)]

mod access;
mod again;
mod api;
mod appeal;
mod branch;
mod complaint;
mod duty;
mod events;
mod feeds;
mod house;
mod inbox;
mod incidents;
mod matrix;
mod newsroom;
mod notices;
mod office;
mod oidc;
mod outside;
mod parties;
mod portal;
mod sign_in;
mod tokens;
mod vulnerabilities;
