//! The event store: columnar, deduplicated, and honest about what is live.
//!
//! Candidate rows come in as [`Chunk`]s of one UTC day each ([`columns`]). A [`ReportWriter`]
//! ([`stage`]) drops the rows whose identity is known — in this chunk, in this report, in any
//! earlier run — by way of the [`identity`] index, and writes the rest to Parquet parts ([`part`]) and
//! sorted identity runs, fsynced. It hands the files back: the caller commits them in the ledger's
//! manifest, and only what the manifest lists is ever read. [`query`] gives DataFusion over a list
//! of live parts: the documented SQL views, and the streams from which a week's statistics are
//! counted in one scan; [`engine`] gives queries over many rows to executors on other machines;
//! [`rows`] makes records of an answer again; [`search`] finds events by a short query text.
//!
//! [`compact`] makes few parts out of many and takes rows out of a part, by the same protocol: new
//! files are staged, the caller commits them and lets the old ones go.
//!
//! The lake never decides what is live and never deletes a live file; it does not know feeds,
//! incidents or weeks.

pub mod columns;
pub mod compact;
pub mod engine;
pub mod error;
pub mod identity;
pub mod part;
pub mod query;
mod rewrite;
pub mod rows;
mod run;
pub mod schema;
pub mod search;
pub mod stage;

pub use columns::{Chunk, Columns, Enrichment, Named, Receipt};
pub use datafusion;
pub use datafusion::arrow;
pub use error::{Error, Result};
pub use identity::IdentityIndex;
pub use query::Lake;
pub use stage::{FileKind, ReportWriter, StagedFile};
