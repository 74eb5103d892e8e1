//! Events become incidents and get fixed.

pub mod deliver;
pub mod notice;
