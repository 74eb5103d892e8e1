//! Rows to columns: parsing threads append a record, its identity and its enrichment, and take the
//! columns out as one [`Chunk`] per UTC day. Nulls cost nothing until a column is used: each column
//! knows its own length and is padded when it next gets a value.

use std::net::IpAddr;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, FixedSizeBinaryBuilder, Float64Builder, Int32Builder,
    Int64Builder, StringBuilder, TimestampMicrosecondBuilder, UInt8Builder, UInt32Builder,
    UInt64Builder,
};
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use model::ids::EventId;
use model::record::{Record, Value};
use model::territory::{OwnerClass, Territory};
use model::time::Day;

use crate::schema::{COLUMN_COUNT, Column, EXTRA, SCHEMA, field_index};

/// What our own tables say about a record; borrowed, so that nothing is copied twice.
#[derive(Clone, Copy, Debug, Default)]
pub struct Enrichment<'a> {
    /// Country of the address, two letters.
    pub country: Option<&'a str>,
    /// GB/T 2260 code NN0000.
    pub province: Option<i32>,
    /// GB/T 2260 code NNNN00.
    pub city: Option<i32>,
    /// AS number.
    pub asn: Option<u32>,
    /// Operator or cloud that holds the address.
    pub holder: Option<&'a str>,
    /// Host of the URL, or the host name.
    pub host: Option<&'a str>,
    /// Registrable domain.
    pub domain: Option<&'a str>,
    /// Top-level domain.
    pub tld: Option<&'a str>,
    /// Where the address lies.
    pub territory: Territory,
    /// Where the domain is registered.
    pub domain_territory: Territory,
    /// Where the imitated party belongs.
    pub target_territory: Territory,
    /// Imitated brand.
    pub brand: Option<&'a str>,
    /// Its sector.
    pub sector: Option<&'a str>,
    /// Owner class of the site.
    pub owner_class: OwnerClass,
    /// Warning list that names it.
    pub warning: Option<&'a str>,
}

/// Facts of receipt that every row of a chunk shares.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// Feed name.
    pub feed: String,
    /// Report id.
    pub report: String,
    /// Archive member, from 0.
    pub member: u32,
    /// Microseconds since the Unix epoch, UTC.
    pub received_at: i64,
    /// Version of the source's schema.
    pub source_schema: Option<String>,
}

/// Candidate rows of one UTC day, in the order of the report.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// UTC day of every row's `observed_at`.
    pub day: Day,
    /// Identity of each row.
    pub ids: Vec<EventId>,
    /// Present columns by position in the table.
    pub columns: Vec<Option<ArrayRef>>,
    /// Earliest `observed_at`.
    pub min_observed: i64,
    /// Latest `observed_at`.
    pub max_observed: i64,
}

enum Builder {
    Text(StringBuilder),
    Binary(BinaryBuilder),
    Id(FixedSizeBinaryBuilder),
    Int64(Int64Builder),
    Int32(Int32Builder),
    UInt64(UInt64Builder),
    UInt32(UInt32Builder),
    UInt8(UInt8Builder),
    Float(Float64Builder),
    Bool(BooleanBuilder),
    Time(TimestampMicrosecondBuilder),
}

impl Builder {
    fn of(kind: &DataType, rows: usize) -> Self {
        match kind {
            DataType::Utf8 => Builder::Text(StringBuilder::with_capacity(rows, rows * 12)),
            DataType::Binary => Builder::Binary(BinaryBuilder::with_capacity(rows, rows * 4)),
            DataType::FixedSizeBinary(16) => {
                Builder::Id(FixedSizeBinaryBuilder::with_capacity(rows, 16))
            }
            DataType::Int64 => Builder::Int64(Int64Builder::with_capacity(rows)),
            DataType::Int32 => Builder::Int32(Int32Builder::with_capacity(rows)),
            DataType::UInt64 => Builder::UInt64(UInt64Builder::with_capacity(rows)),
            DataType::UInt32 => Builder::UInt32(UInt32Builder::with_capacity(rows)),
            DataType::UInt8 => Builder::UInt8(UInt8Builder::with_capacity(rows)),
            DataType::Float64 => Builder::Float(Float64Builder::with_capacity(rows)),
            DataType::Boolean => Builder::Bool(BooleanBuilder::with_capacity(rows)),
            DataType::Timestamp(TimeUnit::Microsecond, None) => {
                Builder::Time(TimestampMicrosecondBuilder::with_capacity(rows))
            }
            other => unreachable!("the table has no column of type {other}"),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Builder::Text(b) => Arc::new(b.finish()),
            Builder::Binary(b) => Arc::new(b.finish()),
            Builder::Id(b) => Arc::new(b.finish()),
            Builder::Int64(b) => Arc::new(b.finish()),
            Builder::Int32(b) => Arc::new(b.finish()),
            Builder::UInt64(b) => Arc::new(b.finish()),
            Builder::UInt32(b) => Arc::new(b.finish()),
            Builder::UInt8(b) => Arc::new(b.finish()),
            Builder::Float(b) => Arc::new(b.finish()),
            Builder::Bool(b) => Arc::new(b.finish()),
            Builder::Time(b) => Arc::new(b.finish()),
        }
    }

    fn pad(&mut self, nulls: usize) {
        match self {
            Builder::Text(b) => b.append_nulls(nulls),
            Builder::Binary(b) => b.append_nulls(nulls),
            Builder::Id(b) => b.append_nulls(nulls),
            Builder::Int64(b) => b.append_nulls(nulls),
            Builder::Int32(b) => b.append_nulls(nulls),
            Builder::UInt64(b) => b.append_nulls(nulls),
            Builder::UInt32(b) => b.append_nulls(nulls),
            Builder::UInt8(b) => b.append_nulls(nulls),
            Builder::Float(b) => b.append_nulls(nulls),
            Builder::Bool(b) => b.append_nulls(nulls),
            Builder::Time(b) => b.append_nulls(nulls),
        }
    }
}

/// One column under construction and how many rows it holds.
struct Growing {
    builder: Builder,
    len: usize,
}

/// The rows of one day under construction.
struct Rows {
    day: Day,
    ids: Vec<EventId>,
    columns: Vec<Option<Growing>>,
    min_observed: i64,
    max_observed: i64,
}

macro_rules! appender {
    ($name:ident, $variant:ident, $type:ty) => {
        #[inline]
        fn $name(&mut self, index: usize, value: $type) {
            let row = self.ids.len() - 1;
            let column = self.column(index);
            if let Builder::$variant(builder) = &mut column.builder {
                if column.len < row {
                    builder.append_nulls(row - column.len);
                }
                builder.append_value(value);
                column.len = row + 1;
            } else {
                debug_assert!(false, "column {index} has another type");
            }
        }
    };
}

impl Rows {
    fn new(day: Day) -> Self {
        Rows {
            day,
            ids: Vec::new(),
            columns: (0..COLUMN_COUNT).map(|_| None).collect(),
            min_observed: i64::MAX,
            max_observed: i64::MIN,
        }
    }

    #[inline]
    fn column(&mut self, index: usize) -> &mut Growing {
        self.columns[index].get_or_insert_with(|| Growing {
            builder: Builder::of(SCHEMA.field(index).data_type(), 4096),
            len: 0,
        })
    }

    appender!(text, Text, &str);
    appender!(binary, Binary, &[u8]);
    appender!(int64, Int64, i64);
    appender!(int32, Int32, i32);
    appender!(uint64, UInt64, u64);
    appender!(uint32, UInt32, u32);
    appender!(uint8, UInt8, u8);
    appender!(float, Float, f64);
    appender!(boolean, Bool, bool);
    appender!(time, Time, i64);

    fn into_chunk(mut self, receipt: &Receipt) -> Chunk {
        let rows = self.ids.len();
        let mut columns: Vec<Option<ArrayRef>> = self
            .columns
            .iter_mut()
            .map(|column| {
                column.as_mut().map(|column| {
                    if column.len < rows {
                        column.builder.pad(rows - column.len);
                    }
                    column.builder.finish()
                })
            })
            .collect();
        let mut id = FixedSizeBinaryBuilder::with_capacity(rows, 16);
        for event in &self.ids {
            id.append_value(event.0).expect("an event id has 16 bytes");
        }
        columns[Column::EventId.index()] = Some(Builder::Id(id).finish());
        let mut constant = |column: Column, value: &str| {
            let mut builder = StringBuilder::with_capacity(rows, rows * value.len());
            (0..rows).for_each(|_| builder.append_value(value));
            columns[column.index()] = Some(Builder::Text(builder).finish());
        };
        constant(Column::Feed, &receipt.feed);
        constant(Column::Report, &receipt.report);
        if let Some(version) = &receipt.source_schema {
            constant(Column::SourceSchema, version);
        }
        let mut received = TimestampMicrosecondBuilder::with_capacity(rows);
        received.append_value_n(receipt.received_at, rows);
        columns[Column::ReceivedAt.index()] = Some(Builder::Time(received).finish());
        if receipt.member > 0 {
            let mut member = UInt32Builder::with_capacity(rows);
            member.append_value_n(receipt.member, rows);
            columns[Column::Member.index()] = Some(Builder::UInt32(member).finish());
        }
        Chunk {
            day: self.day,
            ids: self.ids,
            columns,
            min_observed: self.min_observed,
            max_observed: self.max_observed,
        }
    }
}

/// Collects rows, by day.
#[derive(Default)]
pub struct Columns {
    days: Vec<Rows>,
    /// Index of the day that got the last row: rows of a report are mostly of one day.
    last: usize,
}

impl Columns {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends one row. `record` must have `observed_at`; the caller rejects rows without.
    pub fn append(&mut self, id: EventId, record: &Record, enrichment: &Enrichment<'_>) {
        let Some(observed) = record.observed_at() else {
            debug_assert!(false, "a row without observed_at reached the lake");
            return;
        };
        let day = observed.day();
        if self.days.get(self.last).is_none_or(|rows| rows.day != day) {
            self.last = match self.days.iter().position(|rows| rows.day == day) {
                Some(at) => at,
                None => {
                    self.days.push(Rows::new(day));
                    self.days.len() - 1
                }
            };
        }
        let rows = &mut self.days[self.last];
        rows.ids.push(id);
        rows.min_observed = rows.min_observed.min(observed.0);
        rows.max_observed = rows.max_observed.max(observed.0);
        for (field, value) in record.iter() {
            let index = field_index(field);
            match value {
                Value::Text(text) => rows.text(index, text),
                Value::Ip(IpAddr::V4(ip)) => rows.binary(index, &ip.octets()),
                Value::Ip(IpAddr::V6(ip)) => rows.binary(index, &ip.octets()),
                Value::Int(value) => rows.int64(index, value),
                Value::Float(value) => rows.float(index, value),
                Value::Bool(value) => rows.boolean(index, value),
                Value::Time(at) => rows.time(index, at.0),
            }
        }
        rows.uint64(Column::Line.index(), record.line);
        rows.uint64(Column::Offset.index(), record.offset);
        rows.uint32(Column::Length.index(), record.len);
        let texts = [
            (Column::Country, enrichment.country),
            (Column::Holder, enrichment.holder),
            (Column::Host, enrichment.host),
            (Column::Domain, enrichment.domain),
            (Column::Tld, enrichment.tld),
            (Column::Brand, enrichment.brand),
            (Column::Sector, enrichment.sector),
            (Column::Warning, enrichment.warning),
        ];
        for (column, value) in texts {
            if let Some(value) = value {
                rows.text(column.index(), value);
            }
        }
        if let Some(province) = enrichment.province {
            rows.int32(Column::Province.index(), province);
        }
        if let Some(city) = enrichment.city {
            rows.int32(Column::City.index(), city);
        }
        if let Some(asn) = enrichment.asn {
            rows.uint32(Column::Asn.index(), asn);
        }
        let codes = [
            (Column::Territory, enrichment.territory.code()),
            (Column::DomainTerritory, enrichment.domain_territory.code()),
            (Column::TargetTerritory, enrichment.target_territory.code()),
            (Column::OwnerClass, enrichment.owner_class.code()),
        ];
        for (column, code) in codes {
            if code != 0 {
                rows.uint8(column.index(), code);
            }
        }
        if !record.extra().is_empty() {
            let row = rows.ids.len() - 1;
            let column = rows.column(EXTRA);
            if let Builder::Text(builder) = &mut column.builder {
                if column.len < row {
                    builder.append_nulls(row - column.len);
                }
                // Written in three pieces into the builder: no intermediate string.
                use std::fmt::Write;
                let _ = builder.write_str("{");
                let _ = builder.write_str(record.extra());
                builder.append_value("}");
                column.len = row + 1;
            }
        }
    }

    /// Rows collected so far.
    pub fn len(&self) -> usize {
        self.days.iter().map(|rows| rows.ids.len()).sum()
    }

    /// Whether nothing was collected.
    pub fn is_empty(&self) -> bool {
        self.days.is_empty()
    }

    /// Takes the rows out, one chunk per day in order of day.
    pub fn take(&mut self, receipt: &Receipt) -> Vec<Chunk> {
        self.last = 0;
        let mut chunks: Vec<Chunk> = self
            .days
            .drain(..)
            .map(|rows| rows.into_chunk(receipt))
            .collect();
        chunks.sort_by_key(|chunk| chunk.day);
        chunks
    }
}
