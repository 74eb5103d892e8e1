//! The parts of the `watchfire` binary that others may build on: the demo's invented country and the
//! writer of its feeds, which the benchmark generator (`examples/generate.rs`) shares, and the writer of the
//! published [`site`].
//!
//! Not here: the command line, the configuration and the run loop, which are the binary's own.

pub mod demo;
pub mod site;
