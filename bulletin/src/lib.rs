//! A week becomes a publication.
//!
//! The flow has four steps, each a module and each a function of what the one before made:
//!
//! 1. [`statistics`]: one scan of the week's events in the lake becomes the exact values of every
//!    declared statistic;
//! 2. [`rating`]: the values and the weeks before become the proposed rating, by a versioned profile;
//! 3. [`compose`]: this week's frozen values, last week's and the history become the sentences,
//!    tables and charts of a [`model::bulletin::Bulletin`] in both languages ([`sections`]);
//! 4. [`render`]: the bulletin becomes HTML, PDF, JSON and CSV.
//!
//! [`frozen`] is the form in which a week is kept (DESIGN invariants 1 and 9), [`history`] the back
//! issues that others published, [`lists`] the life of what block lists name, [`handling`] what was done
//! and [`turnaround`] how long it took; `lists`, `handling` and [`week`] are the modules that read the
//! lake and the ledger. This crate never collects, never sends, and reads no clock.

pub mod blocklist;
pub mod change;
pub mod compose;
pub mod counting;
pub mod differences;
pub mod editorial;
mod error;
pub mod frozen;
pub mod handling;
pub mod history;
pub mod lint;
pub mod lists;
pub mod period;
pub mod publish;
pub mod rating;
pub mod render;
pub mod restate;
pub mod rollup;
pub mod sections;
pub mod sheet;
pub mod statistics;
pub mod suppress;
pub mod turnaround;
pub mod week;

pub use error::{Error, Result};
