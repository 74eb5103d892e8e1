//! The console as a browser or a program meets it: requests through the whole router, on a ledger of its own.

#![allow(clippy::unwrap_used, missing_docs)]

mod feeds;
mod access;
mod api;
mod events;
mod duty;
mod house;
mod newsroom;
mod inbox;
mod notices;
mod office;
mod parties;
mod incidents;
mod appeal;
mod complaint;
mod outside;
mod portal;
mod sign_in;
mod vulnerabilities;
mod matrix;
mod oidc;
mod tokens;
