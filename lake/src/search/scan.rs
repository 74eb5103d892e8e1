//! One part, looked through: what a query comes to in it.
//!
//! Columns that the part states once settle a condition without a byte read; what is left is read column by column,
//! conditions first, so that the columns to be counted are decoded for rows that satisfy them only.

use std::fs::File;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::datatypes::{TimestampMicrosecondType, UInt32Type};
use datafusion::arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicate, ArrowPredicateFn, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
    RowFilter, RowSelection,
};

use super::footers::{Footer, Summary};
use super::matching::{Others, Test};
use super::tally::{At, Counts, FACETS, Steps};
use crate::error::{Error, Result};
use crate::query::{Lake, Part};
use crate::schema::{EVENT_ROW, SCHEMA};

/// Rows looked at in one go; the deadline is asked between.
const BATCH: usize = 1 << 16;
/// Column of the time.
const OBSERVED: &str = "observed_at";

/// What a part's constant columns leave of a query.
pub(super) enum Outlook {
    /// No row satisfies it.
    Nothing,
    /// Every row does, as far as conditions go.
    All,
    /// These are to be looked at, each with the stored columns and what the others come to.
    Some(Vec<(Test, Vec<usize>, Others)>),
}

/// Where the time of the rows lies.
#[derive(Clone, Copy, Debug)]
enum Time {
    Once(i64),
    Rows(usize),
    /// No row has one.
    Absent,
}

/// A part with its footer.
pub(super) struct Opened<'a> {
    pub part: &'a Part,
    pub footer: Arc<Footer>,
    lake: &'a Lake,
}

/// What a part comes to.
#[derive(Default)]
pub(super) struct Scanned {
    pub events: u64,
    pub rows: Vec<(i64, u32)>,
}

impl<'a> Opened<'a> {
    pub fn new(lake: &'a Lake, part: &'a Part, footer: Arc<Footer>) -> Self {
        Opened { part, footer, lake }
    }

    fn error(&self, source: impl Into<parquet::errors::ParquetError>) -> Error {
        Error::Parquet {
            path: self.lake.root().join(&self.part.path),
            source: source.into(),
        }
    }

    fn once(&self, name: &str) -> Option<&ArrayRef> {
        SCHEMA
            .index_of(name)
            .ok()
            .and_then(|at| self.footer.shape.once(at))
    }

    fn time(&self) -> Time {
        if let Some(at) = self.footer.position(OBSERVED) {
            return Time::Rows(at);
        }
        match self
            .once(OBSERVED)
            .and_then(|one| one.as_primitive_opt::<TimestampMicrosecondType>())
        {
            Some(one) if one.is_valid(0) => Time::Once(one.value(0)),
            _ => Time::Absent,
        }
    }

    /// What is left of the conditions.
    pub fn outlook(&self, tests: &[Test]) -> Outlook {
        let mut left = Vec::new();
        for test in tests {
            let mut stored = Vec::new();
            let mut others = Others::default();
            for column in &test.columns {
                match self.footer.position(SCHEMA.field(*column).name()) {
                    Some(at) => stored.push(at),
                    None => others = others.and(test.once(self.footer.shape.once(*column))),
                }
            }
            let decided = match stored.is_empty() {
                true => Some(test.settled(others)),
                false => test.decided(others),
            };
            match decided {
                Some(true) => {}
                Some(false) => return Outlook::Nothing,
                None => left.push((test.clone(), stored, others)),
            }
        }
        match left.is_empty() {
            true => Outlook::All,
            false => Outlook::Some(left),
        }
    }

    fn builder(&self) -> Result<ParquetRecordBatchReaderBuilder<File>> {
        let path = self.lake.root().join(&self.part.path);
        let file = self.lake.files().open(&path).map_err(Error::io(&path))?;
        Ok(
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.footer.meta.clone())
                .with_batch_size(BATCH),
        )
    }

    fn mask(&self, columns: &[usize]) -> ProjectionMask {
        ProjectionMask::roots(self.footer.meta.parquet_schema(), columns.iter().copied())
    }

    /// Rows of the part that satisfy the conditions and lie in the span, the wanted columns of them.
    fn reader(
        &self,
        left: Vec<(Test, Vec<usize>, Others)>,
        span: Option<(i64, i64)>,
        columns: &[usize],
        stop: &Halt,
    ) -> Result<ParquetRecordBatchReader> {
        let mut predicates: Vec<Box<dyn ArrowPredicate>> = Vec::new();
        if let (Some((from, to)), Time::Rows(at)) = (span, self.time()) {
            let stop = stop.clone();
            let within = move |batch: RecordBatch| {
                stop.check()?;
                let times = batch.column(0).as_primitive::<TimestampMicrosecondType>();
                let values = times.values();
                let within =
                    datafusion::arrow::buffer::BooleanBuffer::collect_bool(times.len(), |row| {
                        from <= values[row] && values[row] < to
                    });
                Ok(BooleanArray::new(within, times.nulls().cloned()))
            };
            predicates.push(Box::new(ArrowPredicateFn::new(self.mask(&[at]), within)));
        }
        for (test, mut stored, others) in left {
            stored.sort_unstable();
            let stop = stop.clone();
            let mask = self.mask(&stored);
            predicates.push(Box::new(ArrowPredicateFn::new(
                mask,
                move |batch: RecordBatch| {
                    stop.check()?;
                    Ok(test.holds(batch.num_rows(), batch.columns(), others))
                },
            )));
        }
        let mut builder = self.builder()?.with_projection(self.mask(columns));
        if !predicates.is_empty() {
            builder = builder.with_row_filter(RowFilter::new(predicates));
        }
        builder.build().map_err(|error| self.error(error))
    }

    /// Counts what satisfies the conditions; `None` where it was stopped.
    ///
    /// `floor`: rows from this instant on are given back, with their places.
    #[allow(clippy::too_many_arguments)]
    pub fn scan(
        &self,
        left: Vec<(Test, Vec<usize>, Others)>,
        span: (i64, i64),
        steps: &mut Steps,
        counts: Option<&mut Counts>,
        floor: Option<i64>,
        stop: &Halt,
    ) -> Result<Option<Scanned>> {
        let mut done = Scanned::default();
        let time = self.time();
        match time {
            Time::Absent => return Ok(Some(done)),
            Time::Once(at) if at < span.0 || span.1 <= at => return Ok(Some(done)),
            _ => {}
        }
        let inside = span.0 <= self.part.min_observed && self.part.max_observed < span.1;
        // All of the part in one step: its times need not be read for that.
        let one_step = steps.same(self.part.min_observed, self.part.max_observed);
        let floor = floor.filter(|floor| *floor <= self.part.max_observed);
        let mut columns = Vec::new();
        let times = match time {
            Time::Rows(at) if floor.is_some() || !one_step => Some(at),
            _ => None,
        };
        columns.extend(times);
        if floor.is_some() {
            columns.extend(self.footer.position(EVENT_ROW));
        }
        let facets: Vec<Option<usize>> = match counts.is_some() {
            true => FACETS
                .iter()
                .map(|name| self.footer.position(name))
                .collect(),
            false => Vec::new(),
        };
        columns.extend(facets.iter().flatten());
        let span = (!inside && matches!(time, Time::Rows(_))).then_some(span);
        let mut reader = self.reader(left, span, &columns, stop)?;
        let mut own = counts.is_some().then(Counts::default);
        loop {
            if stop.asked() {
                return Ok(None);
            }
            let batch = match reader.next() {
                None => break,
                Some(Ok(batch)) => batch,
                Some(Err(_)) if stop.asked() => return Ok(None),
                Some(Err(error)) => return Err(self.error(error)),
            };
            let events = batch.num_rows();
            done.events += events as u64;
            let observed = times.and_then(|_| batch.column_by_name(OBSERVED));
            let observed = observed.map(|column| column.as_primitive::<TimestampMicrosecondType>());
            match (observed, time) {
                (Some(observed), _) if !one_step => {
                    observed.iter().flatten().for_each(|at| steps.add(at, 1));
                }
                (_, Time::Once(at)) => steps.add(at, events as u64),
                _ => steps.add(self.part.max_observed, events as u64),
            }
            if let Some(floor) = floor {
                let rows = batch.column_by_name(EVENT_ROW);
                let rows = rows.and_then(|rows| rows.as_primitive_opt::<UInt32Type>());
                let rows = rows.map_or(&[][..], |rows| rows.values());
                match (observed, time) {
                    (Some(observed), _) => {
                        let pairs = observed.values().iter().zip(rows);
                        done.rows.extend(
                            pairs
                                .filter(|(at, _)| **at >= floor)
                                .map(|(at, row)| (*at, *row)),
                        );
                    }
                    (None, Time::Once(at)) if at >= floor => {
                        done.rows.extend(rows.iter().map(|row| (at, *row)));
                    }
                    _ => {}
                }
            }
            if let Some(own) = &mut own {
                for (at, name) in FACETS.iter().enumerate() {
                    if let Some(column) = facets[at].and_then(|_| batch.column_by_name(name)) {
                        own.0[at].column(column);
                    }
                }
            }
        }
        if let (Some(counts), Some(mut own)) = (counts, own) {
            for (at, name) in FACETS.iter().enumerate() {
                if facets[at].is_none() && done.events > 0 {
                    own.0[at].shared(self.once(name), done.events);
                }
            }
            counts.merge(&own);
        }
        Ok(Some(done))
    }

    /// Counts the part as a whole; `None` where it was stopped.
    pub fn summarize(&self, stop: &Halt) -> Result<Option<Summary>> {
        let day = self
            .part
            .min_observed
            .div_euclid(model::time::MICROS_PER_DAY)
            * model::time::MICROS_PER_DAY;
        let hours: Vec<i64> = (0..=24).map(|hour| day + hour * 3_600_000_000).collect();
        let mut steps = Steps::new(hours.into());
        let mut counts = Counts::default();
        let scanned = self.scan(
            Vec::new(),
            (i64::MIN, i64::MAX),
            &mut steps,
            Some(&mut counts),
            None,
            stop,
        )?;
        Ok(scanned.map(|_| {
            let mut hours = [0; 24];
            for (hour, count) in hours.iter_mut().zip(&steps.counts) {
                *hour = u32::try_from(*count).unwrap_or(u32::MAX);
            }
            Summary { hours, counts }
        }))
    }

    /// Whole columns of single rows, in ascending order of the rows' places.
    pub fn rows(&self, rows: &[u32], columns: &[usize]) -> Result<Vec<RecordBatch>> {
        let total = self.footer.meta.metadata().file_metadata().num_rows();
        let ranges = rows.iter().map(|row| *row as usize..*row as usize + 1);
        let selection =
            RowSelection::from_consecutive_ranges(ranges, usize::try_from(total).unwrap_or(0));
        let reader = self
            .builder()?
            .with_batch_size(1024)
            .with_projection(self.mask(columns))
            .with_row_selection(selection)
            .build()
            .map_err(|error| self.error(error))?;
        reader
            .collect::<std::result::Result<_, _>>()
            .map_err(|error| self.error(error))
    }
}

/// Says whether to stop; once it says so it goes on saying so.
#[derive(Clone)]
pub(super) struct Halt(pub Arc<dyn Fn() -> bool + Send + Sync>);

impl Halt {
    pub fn asked(&self) -> bool {
        (self.0)()
    }

    fn check(&self) -> std::result::Result<(), ArrowError> {
        match self.asked() {
            true => Err(ArrowError::ComputeError(
                "the search was stopped".to_owned(),
            )),
            false => Ok(()),
        }
    }
}

/// Rows of a part as the newest are told.
pub(super) fn placed(rows: &[(i64, u32)], part: u32) -> Vec<At> {
    rows.iter().map(|(at, row)| (*at, part, *row)).collect()
}
