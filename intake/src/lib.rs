//! Bytes from outside become events.
//!
//! [`catalogue`] holds the feeds as compiled from their entries. [`collect`] finds what was
//! delivered, and fetches what is not. [`ingest`] archives each delivery by hash, reads it — [`pipeline`] in blocks on
//! several threads, each with an [`enrich::Enricher`] and a [`gather::Gatherer`] — hands the new
//! rows to the lake, and commits report, parts, rejects and tallies in one ledger transaction.
//! [`rules`] are what a feed's rows pass on their way. [`replay`] reads mended rejects again,
//! [`dry_run`] parses without storing anything, and [`coverage`] says which days of a week each feed
//! covered. A [`profile`] of each report goes into its commit, and [`drift`] compares it with those
//! before. Later [`compaction`] makes few parts of many, and [`retention`] takes away what a rule
//! says is over.
//!
//! Memory is bounded by the number of blocks under way (DESIGN invariant 5): the reader waits for
//! the writer, whatever the size of a report.

pub mod catalogue;
pub mod collect;
pub mod compaction;
pub mod coverage;
pub mod drift;
pub mod dry_run;
pub mod enrich;
pub mod error;
pub mod gather;
mod held;
pub mod ingest;
mod lines;
pub mod pipeline;
pub mod profile;
pub mod replay;
pub mod retention;
pub mod rules;

pub use catalogue::{Catalogue, Source};
pub use error::{Error, Result};
