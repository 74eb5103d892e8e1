//! The one way out (DESIGN invariant 10): which addresses may be asked, and what a client must hold to
//! that asks them.
//!
//! [`policy`] says which addresses are open and lets only those through when a name is resolved.
//! [`client`] is the beginning of every HTTP client of ours: no redirects of its own, no retries, no
//! proxy of the environment, the guard at the resolution of names. Whoever follows redirects takes
//! them one by one through [`client::redirected`] and puts the policy's question to each.
//!
//! Not here: what a flow asks for, how often, and what it does with the answer.

pub mod client;
pub mod policy;

pub use client::chain;
pub use policy::{Allowed, Guard, Looking, Lookup, special, system_lookup};

/// Why something was not asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The policy refuses the address; trying again does not help.
    #[error("{0}")]
    Refused(String),
    /// The name has no address now.
    #[error("{0}")]
    Unreachable(String),
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
