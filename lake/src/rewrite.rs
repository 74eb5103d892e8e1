//! Parts read back as the chunks they were written from, and parts written from such chunks: what
//! compaction, the splitting of a part and retention are made of.
//!
//! Not a way to ask questions ([`crate::query`] is), and nothing is deduplicated here: rows keep the
//! identities that they have.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, UInt32Array, new_null_array,
};
use datafusion::arrow::compute::{FilterBuilder, max, min};
use datafusion::arrow::datatypes::{SchemaRef, TimestampMicrosecondType, UInt32Type};
use datafusion::common::ScalarValue;
use model::field::Field;
use model::ids::EventId;
use model::time::Day;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;

use crate::columns::Chunk;
use crate::error::{Error, Result};
use crate::part::Shape;
use crate::query::Lake;
use crate::run;
use crate::schema::{COLUMN_COUNT, Column, EVENT_ROW, SCHEMA, field_index};
use crate::stage::{FileKind, StagedFile, part_writer};

/// Rows read at a time.
const BATCH_ROWS: usize = 8192;

/// Feed and report of rows.
pub type Origin = (String, String);

/// A part, read front to back.
pub(crate) struct PartReader {
    path: PathBuf,
    day: Day,
    shape: Shape,
    /// Path of the run, relative to the lake's folder.
    run: String,
    identities: Vec<[u8; 16]>,
    reader: ParquetRecordBatchReader,
    /// Position in the table of each column of the file; `None` is the rows' number.
    places: Vec<Option<usize>>,
}

impl PartReader {
    /// Opens the part `path` of the lake, all columns.
    pub(crate) fn open(lake: &Lake, path: &str, day: Day) -> Result<Self> {
        let root = lake.root();
        let full = root.join(path);
        let file = lake.files().open(&full).map_err(Error::io(&full))?;
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(file).map_err(Error::parquet(&full))?;
        let (shape, run) = Shape::stated(builder.schema()).map_err(|detail| Error::Parquet {
            path: full.clone(),
            source: ParquetError::General(detail),
        })?;
        let fields = builder.schema().fields().iter();
        let places = fields
            .map(|field| SCHEMA.index_of(field.name()).ok())
            .collect();
        let rows = builder.metadata().file_metadata().num_rows();
        let identities = run::in_row_order(lake.files(), &root.join(&run))?;
        if identities.len() as i64 != rows {
            return Err(Error::DamagedRun {
                path: root.join(&run),
                detail: format!(
                    "it holds {} identities, its part {rows} rows",
                    identities.len()
                ),
            });
        }
        let reader = builder
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(Error::parquet(&full))?;
        Ok(PartReader {
            path: full,
            day,
            shape,
            run,
            identities,
            reader,
            places,
        })
    }

    /// How the part holds its columns, without opening its run.
    pub(crate) fn shape_of(lake: &Lake, path: &str) -> Result<Shape> {
        let full = lake.root().join(path);
        let file = lake.files().open(&full).map_err(Error::io(&full))?;
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(file).map_err(Error::parquet(&full))?;
        let (shape, _) = Shape::stated(builder.schema()).map_err(|detail| Error::Parquet {
            path: full.clone(),
            source: ParquetError::General(detail),
        })?;
        Ok(shape)
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    pub(crate) fn run(&self) -> &str {
        &self.run
    }

    /// The next rows.
    pub(crate) fn next(&mut self) -> Result<Option<Chunk>> {
        let Some(batch) = self.reader.next() else {
            return Ok(None);
        };
        let batch = batch.map_err(|source| Error::Parquet {
            path: self.path.clone(),
            source: source.into(),
        })?;
        let mut columns: Vec<Option<ArrayRef>> = (0..COLUMN_COUNT)
            .map(|at| self.shape.once(at).cloned())
            .collect();
        let mut ids = Vec::with_capacity(batch.num_rows());
        for (place, column) in self.places.iter().zip(batch.columns()) {
            if let Some(at) = place {
                columns[*at] = Some(Arc::clone(column));
                continue;
            }
            for row in column.as_primitive::<UInt32Type>().values() {
                let id = self.identities.get(*row as usize);
                ids.push(EventId(*id.ok_or_else(|| Error::DamagedRun {
                    path: self.path.with_extension("ids"),
                    detail: format!("it has no row {row}: it is not the one of its part"),
                })?));
            }
        }
        let (min_observed, max_observed) = observed(&columns);
        Ok(Some(Chunk {
            day: self.day,
            ids,
            columns,
            min_observed,
            max_observed,
        }))
    }
}

/// Earliest and latest `observed_at` of columns.
fn observed(columns: &[Option<ArrayRef>]) -> (i64, i64) {
    let column = columns[field_index(Field::ObservedAt)].as_ref();
    let times = column.map(|column| column.as_primitive::<TimestampMicrosecondType>());
    let bounds = times.and_then(|times| min(times).zip(max(times)));
    bounds.unwrap_or((i64::MAX, i64::MIN))
}

/// The text of a column in a row of a chunk.
pub(crate) fn text(chunk: &Chunk, at: usize, row: usize) -> Option<&str> {
    let column = chunk.columns[at].as_ref()?.as_string_opt::<i32>()?;
    let row = if column.len() < chunk.ids.len() {
        0
    } else {
        row
    };
    (!column.is_null(row)).then(|| column.value(row))
}

/// A part that was written, with its run; fsynced by [`crate::stage::make_durable`].
#[derive(Debug)]
pub struct Written {
    /// The part, then its run.
    pub files: Vec<(File, StagedFile)>,
    /// How many rows are of which feed and report.
    pub origins: BTreeMap<Origin, u64>,
}

/// A part being written.
pub(crate) struct PartWriter {
    root: PathBuf,
    /// Path below the lake's folder without its ending.
    name: String,
    path: PathBuf,
    day: Day,
    writer: ArrowWriter<File>,
    schema: SchemaRef,
    stored: Vec<usize>,
    order: Vec<u128>,
    origins: BTreeMap<Origin, u64>,
    min_observed: i64,
    max_observed: i64,
}

impl PartWriter {
    /// Begins the part `name` (without ending, below `root`) of a shape that all its rows fit.
    pub(crate) fn create(root: &Path, name: &str, day: Day, shape: &Shape) -> Result<Self> {
        let path = root.join(format!("{name}.parquet"));
        let (writer, schema) = part_writer(&path, shape, &format!("{name}.ids"))?;
        Ok(PartWriter {
            root: root.to_owned(),
            name: name.to_owned(),
            path,
            day,
            writer,
            stored: shape.stored(),
            schema,
            order: Vec::new(),
            origins: BTreeMap::new(),
            min_observed: i64::MAX,
            max_observed: i64::MIN,
        })
    }

    /// Appends the rows of a chunk that `keep` says, or all.
    pub(crate) fn push(&mut self, chunk: &Chunk, keep: Option<&[bool]>) -> Result<()> {
        let rows = chunk.ids.len();
        let kept = keep.map_or(rows, |keep| keep.iter().filter(|kept| **kept).count());
        if kept == 0 {
            return Ok(());
        }
        let filter = keep.map(|keep| {
            FilterBuilder::new(&BooleanArray::from(keep.to_vec()))
                .optimize()
                .build()
        });
        let begun = self.order.len() as u32;
        let numbers = UInt32Array::from_iter_values(begun..begun + kept as u32);
        let mut columns: Vec<ArrayRef> = vec![Arc::new(numbers)];
        for (at, field) in self.stored.iter().zip(self.schema.fields().iter().skip(1)) {
            debug_assert_ne!(field.name(), EVENT_ROW);
            columns.push(match (&chunk.columns[*at], &filter) {
                (Some(column), _) if column.len() < rows => {
                    ScalarValue::try_from_array(column, 0)?.to_array_of_size(kept)?
                }
                (Some(column), Some(filter)) => filter.filter(column)?,
                (Some(column), None) => Arc::clone(column),
                (None, _) => new_null_array(field.data_type(), kept),
            });
        }
        let time = field_index(Field::ObservedAt);
        let (earliest, latest) = match self.stored.iter().position(|at| *at == time) {
            Some(place) => observed(&by_place(time, &columns[place + 1])),
            None => (chunk.min_observed, chunk.max_observed),
        };
        self.min_observed = self.min_observed.min(earliest);
        self.max_observed = self.max_observed.max(latest);
        let ids = chunk.ids.iter().enumerate();
        let ids = ids.filter(|(row, _)| keep.is_none_or(|keep| keep[*row]));
        self.order
            .extend(ids.map(|(_, id)| u128::from_be_bytes(id.0)));
        self.count(chunk, keep);
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        self.writer
            .write(&batch)
            .map_err(Error::parquet(&self.path))
    }

    /// Counts rows by origin; neighbors are mostly of one.
    fn count(&mut self, chunk: &Chunk, keep: Option<&[bool]>) {
        let (feed, report) = (Column::Feed.index(), Column::Report.index());
        let mut last: Option<((&str, &str), u64)> = None;
        for row in (0..chunk.ids.len()).filter(|row| keep.is_none_or(|keep| keep[*row])) {
            let origin = (
                text(chunk, feed, row).unwrap_or(""),
                text(chunk, report, row).unwrap_or(""),
            );
            match &mut last {
                Some((known, rows)) if *known == origin => *rows += 1,
                _ => {
                    add(&mut self.origins, last.take());
                    last = Some((origin, 1));
                }
            }
        }
        add(&mut self.origins, last);
    }

    /// Writes the rest and the run.
    pub(crate) fn finish(self) -> Result<Written> {
        let file = self
            .writer
            .into_inner()
            .map_err(Error::parquet(&self.path))?;
        let bytes = file.metadata().map_err(Error::io(&self.path))?.len();
        let rows = self.order.len() as u64;
        let part = StagedFile {
            path: format!("{}.parquet", self.name),
            kind: FileKind::Part,
            day: self.day,
            rows,
            bytes,
            min_observed: self.min_observed,
            max_observed: self.max_observed,
        };
        let name = format!("{}.ids", self.name);
        let path = self.root.join(&name);
        let mut sorted = self.order.clone();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Error::DamagedRun {
                path,
                detail: "two of its rows would have one identity: the parts it is made of overlap"
                    .to_owned(),
            });
        }
        let ids = run::write(&path, &sorted, &self.order)?;
        let bytes = ids.metadata().map_err(Error::io(&path))?.len();
        let run = StagedFile {
            path: name,
            kind: FileKind::Ids,
            day: self.day,
            rows,
            bytes,
            min_observed: 0,
            max_observed: 0,
        };
        Ok(Written {
            files: vec![(file, part), (ids, run)],
            origins: self.origins,
        })
    }
}

fn by_place(at: usize, column: &ArrayRef) -> Vec<Option<ArrayRef>> {
    let mut columns = vec![None; COLUMN_COUNT];
    columns[at] = Some(Arc::clone(column));
    columns
}

fn add(origins: &mut BTreeMap<Origin, u64>, counted: Option<((&str, &str), u64)>) {
    let Some(((feed, report), rows)) = counted else {
        return;
    };
    *origins
        .entry((feed.to_owned(), report.to_owned()))
        .or_insert(0) += rows;
}
