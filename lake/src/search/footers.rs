//! What is kept of parts between searches: their footers, and of each part what it comes to as a whole.
//!
//! A part never changes, so what is kept of it is right for as long as it is live. Both are bounded; what does not
//! fit is read again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::ParquetError;

use super::tally::Counts;
use crate::error::{Error, Result};
use crate::part::Shape;
use crate::query::{Lake, Part};

/// Footers kept; one takes some 20 kB.
const FOOTERS: usize = 1024;
/// Bytes of what parts come to.
const SUMMARY_BYTES: usize = 24 << 20;

/// Columns whose few texts are read as a dictionary: a text is then looked at once, not once a row.
const BY_DICTIONARY: &[&str] = &[
    "feed",
    "report",
    "class_type",
    "class_identifier",
    "country",
    "malware_name",
    "tld",
    "brand",
    "sector",
    "holder",
    "severity",
    "tlp",
    "warning",
];

/// How a part is read.
#[derive(Debug)]
pub(super) struct Footer {
    pub meta: ArrowReaderMetadata,
    pub shape: Shape,
    /// Path of the run, relative to the lake's folder.
    pub run: String,
}

/// What a part comes to as a whole.
#[derive(Debug)]
pub(super) struct Summary {
    /// Events by hour of its UTC day.
    pub hours: [u32; 24],
    /// Values of the facets.
    pub counts: Counts,
}

#[derive(Default)]
struct Kept {
    footers: HashMap<String, Arc<Footer>>,
    summaries: HashMap<String, Arc<Summary>>,
    summary_bytes: usize,
}

/// The store of both.
#[derive(Default)]
pub(super) struct Footers(Mutex<Kept>);

impl Footers {
    fn kept<T>(&self, act: impl FnOnce(&mut Kept) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets go of parts that are not live any more, where room is short.
    pub fn make_room(&self, live: &[Part]) {
        self.kept(|kept| {
            let full = kept.footers.len() >= FOOTERS || kept.summary_bytes >= SUMMARY_BYTES;
            if !full {
                return;
            }
            let live: std::collections::HashSet<&str> =
                live.iter().map(|part| part.path.as_str()).collect();
            kept.footers.retain(|path, _| live.contains(path.as_str()));
            kept.summaries
                .retain(|path, _| live.contains(path.as_str()));
            kept.summary_bytes = kept.summaries.values().map(|one| one.bytes()).sum();
        });
    }

    /// The footer of a part.
    pub fn footer(&self, lake: &Lake, path: &str) -> Result<Arc<Footer>> {
        if let Some(footer) = self.kept(|kept| kept.footers.get(path).cloned()) {
            return Ok(footer);
        }
        let footer = Arc::new(Footer::read(lake, path)?);
        self.kept(|kept| {
            if kept.footers.len() < FOOTERS {
                kept.footers.insert(path.to_owned(), Arc::clone(&footer));
            }
        });
        Ok(footer)
    }

    /// What a part comes to, where it is known.
    pub fn summary(&self, path: &str) -> Option<Arc<Summary>> {
        self.kept(|kept| kept.summaries.get(path).cloned())
    }

    /// Keeps what a part comes to.
    pub fn keep(&self, path: &str, summary: Summary) {
        let bytes = summary.bytes();
        self.kept(|kept| {
            if kept.summary_bytes + bytes <= SUMMARY_BYTES {
                kept.summary_bytes += bytes;
                let before = kept.summaries.insert(path.to_owned(), Arc::new(summary));
                // Two threads may have counted the same part.
                kept.summary_bytes -= before.map_or(0, |before| before.bytes());
            }
        });
    }
}

impl Summary {
    /// Roughly what it takes.
    fn bytes(&self) -> usize {
        200 + self.counts.bytes()
    }
}

impl Footer {
    fn read(lake: &Lake, path: &str) -> Result<Footer> {
        let full = lake.root().join(path);
        let file = lake.files().open(&full).map_err(Error::io(&full))?;
        let plain = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())
            .map_err(Error::parquet(&full))?;
        let (shape, run) = Shape::stated(plain.schema()).map_err(|detail| Error::Parquet {
            path: full.clone(),
            source: ParquetError::General(detail),
        })?;
        let fields: Vec<Field> = plain
            .schema()
            .fields()
            .iter()
            .map(|field| {
                let by_dictionary = BY_DICTIONARY.contains(&field.name().as_str());
                match by_dictionary && *field.data_type() == DataType::Utf8 {
                    true => field.as_ref().clone().with_data_type(DataType::Dictionary(
                        Box::new(DataType::Int32),
                        Box::new(DataType::Utf8),
                    )),
                    false => field.as_ref().clone(),
                }
            })
            .collect();
        let schema = Schema::new_with_metadata(fields, plain.schema().metadata().clone());
        let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
        let meta = ArrowReaderMetadata::try_new(Arc::clone(plain.metadata()), options)
            .map_err(Error::parquet(&full))?;
        Ok(Footer { meta, shape, run })
    }

    /// Position of a column of the table in the file, where the part stores it by row.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.meta.schema().index_of(name).ok()
    }
}
