//! What pages of the console need of the whole workspace: each file implements one trait of the crate `console`.

pub mod almanac;
