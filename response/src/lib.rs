//! Events become incidents and get fixed.

pub mod inbox;
