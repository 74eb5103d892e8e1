//! The console as a browser or a program meets it: requests through the whole router, on a ledger of its own.

#![allow(clippy::unwrap_used, missing_docs)]

mod access;
mod api;
mod house;
mod matrix;
mod oidc;
mod sign_in;
mod tokens;
