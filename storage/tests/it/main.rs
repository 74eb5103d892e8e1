//! Tests against stores of others: PyPI's `moto` and the crate `s3s-fs`, straight and through a proxy that fails.
//! What one of them lets pass the other may not: every test runs on both.
#![allow(clippy::unwrap_used)]

mod cached;
mod faults;
mod probing;
mod proxy;
mod shared;
mod stores;
