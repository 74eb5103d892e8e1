//! Staging: the new rows of one report become fsynced files, ready to be committed.
//!
//! Files are named after the report and its generation, so a run that was killed before its commit
//! leaves only files that the next run writes over. Nothing here is live until the caller has
//! committed it in the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use datafusion::arrow::compute::{FilterBuilder, take};
use datafusion::arrow::datatypes::SchemaRef;
use model::time::Day;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;

use crate::columns::Chunk;
use crate::error::{Error, Result};
use crate::identity::IdentityIndex;
use crate::part::Shape;
use crate::query::Lake;
use crate::schema::{COLUMN_COUNT, LAKE_SCHEMA_VERSION, writer_properties};

/// Rows of a day that are deduplicated and encoded at a time: enough that a search through a
/// large day's runs reads each page for several rows.
const BATCH_ROWS: usize = 64 * 1024;
/// Rows waiting over all days before the fullest day is written.
const WAITING_ROWS: usize = 4 * BATCH_ROWS;
/// Bytes of encoded, unwritten columns over all days before the largest is written out.
const ENCODED_BYTES: usize = 96 << 20;
/// Rows of the report being written that lie in open parts: their identities are held in memory (32
/// bytes each and a filter), so beyond it the part of the fullest day is closed.
const OPEN_ROWS: u64 = 2 << 20;
/// Parts open at a time: a report that jumps over years closes the one used longest ago.
const OPEN_PARTS: usize = 128;

/// Endings of a part and of its run.
const PART: &str = "parquet";
const RUN: &str = "ids";

/// What a lake file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Events, Parquet.
    Part,
    /// Sorted identities.
    Ids,
}

/// A staged, fsynced file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagedFile {
    /// Path relative to the lake's folder.
    pub path: String,
    /// What it is.
    pub kind: FileKind,
    /// UTC day.
    pub day: Day,
    /// Rows or identities.
    pub rows: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// Earliest `observed_at`, 0 for identities.
    pub min_observed: i64,
    /// Latest `observed_at`, 0 for identities.
    pub max_observed: i64,
}

struct OpenPart {
    writer: ArrowWriter<File>,
    /// Path below the lake's folder without its ending: the part and its run share it.
    name: String,
    path: PathBuf,
    shape: Shape,
    schema: SchemaRef,
    stored: Vec<usize>,
    rows: u64,
    min_observed: i64,
    max_observed: i64,
    used: u64,
}

#[derive(Default)]
struct Waiting {
    chunks: Vec<Chunk>,
    rows: usize,
}

/// Writes one report's new rows.
pub struct ReportWriter<'a> {
    lake: &'a Lake,
    index: &'a mut IdentityIndex,
    /// Paths of the live identity runs of a day.
    live_runs: &'a mut dyn FnMut(Day) -> Result<Vec<PathBuf>>,
    stem: String,
    waiting: BTreeMap<Day, Waiting>,
    waiting_rows: usize,
    /// A day's part; the identities that the index has not settled are those of its rows.
    open: BTreeMap<Day, OpenPart>,
    numbers: BTreeMap<Day, u32>,
    /// That of the last part opened: the next begins with it.
    shape: Option<Shape>,
    touched: BTreeSet<Day>,
    staged: Vec<(File, StagedFile)>,
    constants: Constants,
    events: u64,
    duplicates: u64,
    tick: u64,
}

/// Columns of one value, written out: the next chunk mostly has the same value.
struct Constants {
    columns: Vec<Option<ArrayRef>>,
}

impl Constants {
    /// `value`'s only row, `rows` times; `at` is the column's position in the table.
    fn repeat(&mut self, at: usize, value: &ArrayRef, rows: usize) -> Result<ArrayRef> {
        if let Some(column) = &self.columns[at]
            && column.len() >= rows
            && column.slice(0, 1).as_ref() == value.as_ref()
        {
            return Ok(column.slice(0, rows));
        }
        let first = UInt32Array::from(vec![0; rows]);
        let column = take(value, &first, None)?;
        self.columns[at] = Some(Arc::clone(&column));
        Ok(column)
    }
}

/// What became of a report's rows.
#[derive(Debug)]
pub struct Staged {
    /// Written files with their handles, **not yet fsynced**: pass them to [`make_durable`], alone
    /// or together with those of other reports.
    pub files: Vec<(File, StagedFile)>,
    /// Rows that are new events.
    pub events: u64,
    /// Rows whose event was known.
    pub duplicates: u64,
}

impl<'a> ReportWriter<'a> {
    /// A writer in `lake` for the report whose files begin with `stem` (report id and generation).
    pub fn new(
        lake: &'a Lake,
        stem: &str,
        index: &'a mut IdentityIndex,
        live_runs: &'a mut dyn FnMut(Day) -> Result<Vec<PathBuf>>,
    ) -> Self {
        ReportWriter {
            lake,
            index,
            live_runs,
            stem: lake.unlike_others(stem),
            waiting: BTreeMap::new(),
            waiting_rows: 0,
            open: BTreeMap::new(),
            numbers: BTreeMap::new(),
            shape: None,
            touched: BTreeSet::new(),
            staged: Vec::new(),
            constants: Constants {
                columns: vec![None; COLUMN_COUNT],
            },
            events: 0,
            duplicates: 0,
            tick: 0,
        }
    }

    /// Takes candidate rows in the order of the report.
    ///
    /// # Errors
    /// A file that cannot be written or read.
    pub fn push(&mut self, chunk: Chunk) -> Result<()> {
        let rows = chunk.ids.len();
        let day = chunk.day;
        let waiting = self.waiting.entry(day).or_default();
        waiting.rows += rows;
        waiting.chunks.push(chunk);
        self.waiting_rows += rows;
        if waiting.rows >= BATCH_ROWS {
            self.write_day(day)?;
        }
        while self.waiting_rows > WAITING_ROWS {
            let fullest = self
                .waiting
                .iter()
                .max_by_key(|(_, waiting)| waiting.rows)
                .map(|(day, _)| *day);
            match fullest {
                Some(day) => self.write_day(day)?,
                None => break,
            }
        }
        Ok(())
    }

    fn write_day(&mut self, day: Day) -> Result<()> {
        let Some(waiting) = self.waiting.remove(&day) else {
            return Ok(());
        };
        self.waiting_rows -= waiting.rows;
        let shape = Shape::of(&waiting.chunks);
        // Before its rows are admitted: all of a batch goes to one part, whose run names them.
        if self
            .open
            .get(&day)
            .is_some_and(|part| !part.shape.fits(&shape))
        {
            self.close(day)?;
        }
        if !self.index.has(day) {
            let runs = (self.live_runs)(day)?;
            self.index.open(self.lake.files(), day, &runs)?;
        }
        self.touched.insert(day);
        let ids: Vec<_> = waiting
            .chunks
            .iter()
            .flat_map(|chunk| chunk.ids.iter().copied())
            .collect();
        let new = self.index.admit(day, &ids)?;
        let mut at = 0;
        for chunk in waiting.chunks {
            let rows = chunk.ids.len();
            let mask = &new[at..at + rows];
            at += rows;
            let kept = mask.iter().filter(|new| **new).count();
            self.events += kept as u64;
            self.duplicates += (rows - kept) as u64;
            if kept > 0 {
                self.write_chunk(&chunk, &shape, mask, kept)?;
            }
        }
        while self.open.values().map(|part| part.rows).sum::<u64>() > OPEN_ROWS {
            let fullest = self.open.iter().max_by_key(|(_, part)| part.rows);
            match fullest.map(|(day, _)| *day) {
                Some(day) => self.close(day)?,
                None => break,
            }
        }
        self.relieve()
    }

    fn write_chunk(
        &mut self,
        chunk: &Chunk,
        shape: &Shape,
        mask: &[bool],
        kept: usize,
    ) -> Result<()> {
        self.tick += 1;
        if !self.open.contains_key(&chunk.day) {
            self.open_part(chunk.day, shape)?;
        }
        let Some(part) = self.open.get_mut(&chunk.day) else {
            return Ok(());
        };
        let rows = mask.len();
        // Looked at once, for all columns.
        let mask = (kept < rows).then(|| {
            FilterBuilder::new(&BooleanArray::from(mask.to_vec()))
                .optimize()
                .build()
        });
        let numbers = part.rows as u32..part.rows as u32 + kept as u32;
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(part.stored.len() + 1);
        columns.push(Arc::new(UInt32Array::from_iter_values(numbers)));
        for (at, field) in part.stored.iter().zip(part.schema.fields().iter().skip(1)) {
            columns.push(match (&chunk.columns[*at], &mask) {
                (Some(column), _) if column.len() < rows => {
                    self.constants.repeat(*at, column, kept)?
                }
                (Some(column), Some(mask)) => mask.filter(column)?,
                (Some(column), None) => Arc::clone(column),
                (None, _) => datafusion::arrow::array::new_null_array(field.data_type(), kept),
            });
        }
        debug_assert!(columns.iter().all(|column| column.len() == kept));
        let batch = RecordBatch::try_new(Arc::clone(&part.schema), columns)?;
        part.writer
            .write(&batch)
            .map_err(Error::parquet(&part.path))?;
        part.rows += kept as u64;
        part.min_observed = part.min_observed.min(chunk.min_observed);
        part.max_observed = part.max_observed.max(chunk.max_observed);
        part.used = self.tick;
        Ok(())
    }

    fn open_part(&mut self, day: Day, wanted: &Shape) -> Result<()> {
        while self.open.len() >= OPEN_PARTS {
            let idle = self
                .open
                .iter()
                .min_by_key(|(_, part)| part.used)
                .map(|(day, _)| *day);
            if let Some(day) = idle {
                self.close(day)?;
            }
        }
        let shape = match self.shape.take() {
            Some(last) => last.widened(wanted),
            None => wanted.clone(),
        };
        self.shape = Some(shape.clone());
        let name = self.part_name(day)?;
        let path = self.lake.root().join(format!("{name}.{PART}"));
        let (writer, schema) = part_writer(&path, &shape, &format!("{name}.{RUN}"))?;
        let part = OpenPart {
            writer,
            name,
            path,
            stored: shape.stored(),
            shape,
            schema,
            rows: 0,
            min_observed: i64::MAX,
            max_observed: i64::MIN,
            used: self.tick,
        };
        self.open.insert(day, part);
        Ok(())
    }

    /// The next part's name; its folder exists.
    fn part_name(&mut self, day: Day) -> Result<String> {
        let folder = format!("day={day}");
        let number = self.numbers.entry(day).or_insert(0);
        let suffix = if *number == 0 {
            String::new()
        } else {
            format!("-{number}")
        };
        *number += 1;
        let name = format!("{folder}/{}{suffix}", self.stem);
        let folder = self.lake.root().join(folder);
        if !folder.is_dir() {
            fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
            sync_dir(self.lake.root())?;
        }
        Ok(name)
    }

    fn relieve(&mut self) -> Result<()> {
        while self
            .open
            .values()
            .map(|part| part.writer.memory_size())
            .sum::<usize>()
            > ENCODED_BYTES
        {
            let largest = self
                .open
                .iter_mut()
                .max_by_key(|(_, part)| part.writer.memory_size());
            match largest {
                Some((_, part)) => part.writer.flush().map_err(Error::parquet(&part.path))?,
                None => break,
            }
        }
        Ok(())
    }

    /// Closes a day's part and writes the run of its identities.
    fn close(&mut self, day: Day) -> Result<()> {
        let Some(part) = self.open.remove(&day) else {
            return Ok(());
        };
        let file = part
            .writer
            .into_inner()
            .map_err(Error::parquet(&part.path))?;
        let bytes = file.metadata().map_err(Error::io(&part.path))?.len();
        self.staged.push((
            file,
            StagedFile {
                path: format!("{}.{PART}", part.name),
                kind: FileKind::Part,
                day,
                rows: part.rows,
                bytes,
                min_observed: part.min_observed,
                max_observed: part.max_observed,
            },
        ));
        let name = format!("{}.{RUN}", part.name);
        let path = self.lake.root().join(&name);
        if let Some((file, rows)) = self.index.settle(day, &path)? {
            debug_assert_eq!(rows, part.rows, "a run names the rows of its part");
            let bytes = file.metadata().map_err(Error::io(&path))?.len();
            let staged = StagedFile {
                path: name,
                kind: FileKind::Ids,
                day,
                rows,
                bytes,
                min_observed: 0,
                max_observed: 0,
            };
            self.staged.push((file, staged));
        }
        Ok(())
    }

    /// Gives the report up: what it added is forgotten, its days are opened anew when next needed.
    /// Its files stay as orphans that the next try writes over.
    pub fn abandon(self) {
        for day in self.touched {
            self.index.forget(day);
        }
    }

    /// Writes what is waiting and closes the report's files.
    ///
    /// # Errors
    /// A file that cannot be written or read.
    pub fn finish(mut self) -> Result<Staged> {
        while let Some(day) = self.waiting.keys().next().copied() {
            self.write_day(day)?;
        }
        while let Some(day) = self.open.keys().next().copied() {
            self.close(day)?;
        }
        Ok(Staged {
            files: self.staged,
            events: self.events,
            duplicates: self.duplicates,
        })
    }
}

/// Begins the file of a part whose rows fit `shape` and whose identities lie in `run`.
pub(crate) fn part_writer(
    path: &Path,
    shape: &Shape,
    run: &str,
) -> Result<(ArrowWriter<File>, SchemaRef)> {
    let file = File::create(path).map_err(Error::io(path))?;
    let schema = shape.schema(run);
    let options = ArrowWriterOptions::new().with_properties(writer_properties());
    let mut writer = ArrowWriter::try_new_with_options(file, Arc::clone(&schema), options)
        .map_err(Error::parquet(path))?;
    writer.append_key_value_metadata(parquet::file::metadata::KeyValue::new(
        "watchfire.schema".to_owned(),
        LAKE_SCHEMA_VERSION.to_string(),
    ));
    Ok((writer, schema))
}

/// Makes staged files durable: every file, then every folder they lie in, once; then they are copied to the
/// store, where the lake has one. Only then may the ledger name them.
///
/// # Errors
/// [`Error::Fsync`], after which the process must stop (DESIGN invariant 3). [`Error::Store`]: nothing may be
/// committed, and the report is staged anew later.
pub fn make_durable(lake: &Lake, files: &[(File, StagedFile)]) -> Result<()> {
    let mut folders = BTreeSet::new();
    let mut paths = Vec::with_capacity(files.len());
    for (file, staged) in files {
        let path = lake.root().join(&staged.path);
        timed(|| file.sync_all()).map_err(Error::fsync(&path))?;
        if let Some(folder) = path.parent() {
            folders.insert(folder.to_owned());
        }
        paths.push(path);
    }
    folders.iter().try_for_each(|folder| sync_dir(folder))?;
    Ok(lake.files().publish(paths)?)
}

fn sync_dir(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|dir| timed(|| dir.sync_all()))
        .map_err(Error::fsync(folder))
}

/// Measures how long the disk takes to make something durable.
fn timed(sync: impl FnOnce() -> std::io::Result<()>) -> std::io::Result<()> {
    let begun = Instant::now();
    let done = sync();
    metrics::histogram!("watchfire_fsync_seconds", "store" => "lake")
        .record(begun.elapsed().as_secs_f64());
    done
}
