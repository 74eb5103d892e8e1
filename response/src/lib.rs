//! Events become incidents and get fixed.
