//! Rows to columns: parsing threads append a record, its identity and its enrichment, and take the
//! columns out as one [`Chunk`] per UTC day. Nulls cost nothing until a column is used: each column
//! knows its own length and is padded when it next gets a value. What all rows of a chunk share is
//! held once.

use std::net::IpAddr;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Float64Builder, Int32Builder, Int64Builder,
    StringArray, StringBuilder, TimestampMicrosecondArray, TimestampMicrosecondBuilder,
    UInt8Builder, UInt32Array, UInt32Builder, UInt64Builder,
};
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use model::field::Field;
use model::identity::Identities;
use model::ids::EventId;
use model::record::{Record, Value};
use model::territory::{OwnerClass, Territory};
use model::time::{Day, Timestamp};

use crate::schema::{COLUMN_COUNT, Column, EXTRA, SCHEMA, field_index};

/// Rows that the columns of a day make room for when nothing is known of it.
const FIRST_ROOM: usize = 64;

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

/// What a row's identity is made of ([`Identities::push`]).
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// Feed name.
    pub feed: &'a str,
    /// Fields to which the feed's entry narrows the identity.
    pub keys: Option<&'a [Field]>,
    /// The row as it was parsed, before rules of the feed changed it.
    pub row: &'a Record,
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
    /// Present columns by position in the table, but for `event_id`. An array of one value stands for
    /// as many rows as the chunk has.
    pub columns: Vec<Option<ArrayRef>>,
    /// Earliest `observed_at`.
    pub min_observed: i64,
    /// Latest `observed_at`.
    pub max_observed: i64,
}

/// A text column. While all rows have the same text it is held once: of what a report brings, half
/// of the columns say one thing in all rows.
struct TextBuilder {
    /// Empty while `shared` says how many rows have the one text.
    builder: StringBuilder,
    shared: Option<usize>,
    text: String,
    /// Rows to make room for at first.
    room: usize,
}

impl TextBuilder {
    fn with_room(room: usize) -> Self {
        TextBuilder {
            builder: StringBuilder::with_capacity(0, 0),
            shared: Some(0),
            text: String::new(),
            room,
        }
    }

    #[inline]
    fn append_value(&mut self, text: &str) {
        match &mut self.shared {
            None => {}
            Some(rows @ 0) => {
                *rows = 1;
                self.text.push_str(text);
                return;
            }
            Some(rows) if self.text == text => {
                *rows += 1;
                return;
            }
            Some(_) => self.unshare(text.len()),
        }
        self.builder.append_value(text);
    }

    fn append_nulls(&mut self, nulls: usize) {
        self.unshare(0);
        self.builder.append_nulls(nulls);
    }

    /// Begins a value of several pieces, `len` bytes in all: they are written to what is returned, then
    /// `append_value` called on it with the last.
    #[inline]
    fn pieces(&mut self, len: usize) -> &mut StringBuilder {
        self.unshare(len);
        &mut self.builder
    }

    /// Holds each row's text by itself; the next has `len` bytes, and room is made for others like it.
    fn unshare(&mut self, len: usize) {
        if let Some(rows) = self.shared.take() {
            let room = self.room.max(rows);
            let bytes = room * self.text.len().max(len).max(12);
            self.builder = StringBuilder::with_capacity(room, bytes);
            (0..rows).for_each(|_| self.builder.append_value(&self.text));
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self.shared.take() {
            Some(_) => Arc::new(StringArray::from(vec![std::mem::take(&mut self.text)])),
            None => Arc::new(self.builder.finish()),
        }
    }
}

enum Builder {
    Text(TextBuilder),
    Binary(BinaryBuilder),
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
            DataType::Utf8 => Builder::Text(TextBuilder::with_room(rows)),
            DataType::Binary => Builder::Binary(BinaryBuilder::with_capacity(rows, rows * 4)),
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
            Builder::Text(b) => b.finish(),
            Builder::Binary(b) => Arc::new(b.finish()),
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
    /// Rows that columns make room for at first.
    room: usize,
    len: usize,
    identities: Identities,
    columns: Vec<Option<Growing>>,
    min_observed: i64,
    max_observed: i64,
}

macro_rules! appender {
    ($name:ident, $variant:ident, $type:ty) => {
        #[inline]
        fn $name(&mut self, index: usize, value: $type) {
            let row = self.len - 1;
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
    fn new(day: Day, identities: Identities, room: usize) -> Self {
        Rows {
            day,
            room,
            len: 0,
            identities,
            columns: (0..COLUMN_COUNT).map(|_| None).collect(),
            min_observed: i64::MAX,
            max_observed: i64::MIN,
        }
    }

    #[inline]
    fn column(&mut self, index: usize) -> &mut Growing {
        if self.columns[index].is_none() {
            self.begin(index);
        }
        self.columns[index].as_mut().expect("it was begun")
    }

    #[cold]
    fn begin(&mut self, index: usize) {
        self.columns[index] = Some(Growing {
            builder: Builder::of(SCHEMA.field(index).data_type(), self.room),
            len: 0,
        });
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

    fn chunk(&mut self, receipt: &Receipt) -> Chunk {
        let rows = self.len;
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
        let mut constant = |column: Column, value: ArrayRef| columns[column.index()] = Some(value);
        let text = |value: &str| -> ArrayRef { Arc::new(StringArray::from(vec![value])) };
        constant(Column::Feed, text(&receipt.feed));
        constant(Column::Report, text(&receipt.report));
        if let Some(version) = &receipt.source_schema {
            constant(Column::SourceSchema, text(version));
        }
        let received = TimestampMicrosecondArray::from(vec![receipt.received_at]);
        constant(Column::ReceivedAt, Arc::new(received));
        if receipt.member > 0 {
            constant(
                Column::Member,
                Arc::new(UInt32Array::from(vec![receipt.member])),
            );
        }
        Chunk {
            day: self.day,
            ids: self.identities.take(),
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
    /// Used ones, emptied: their buffers serve the next chunk.
    spare: Vec<Identities>,
    /// Rows of the chunks taken last: blocks of a report are mostly alike, and room for a full block
    /// in each column of a day that gets a row or two would be all memory.
    taken: Vec<(Day, usize)>,
}

impl Columns {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The rows of a day, which become those that got the last row.
    #[inline]
    fn rows(&mut self, observed: Timestamp) -> &mut Rows {
        let day = observed.day();
        if self.days.get(self.last).is_none_or(|rows| rows.day != day) {
            self.last = match self.days.iter().position(|rows| rows.day == day) {
                Some(at) => at,
                None => {
                    let identities = self.spare.pop().unwrap_or_default();
                    let last = self.taken.iter().find(|(taken, _)| *taken == day);
                    let room = last.map_or(FIRST_ROOM, |(_, rows)| *rows);
                    self.days.push(Rows::new(day, identities, room));
                    self.days.len() - 1
                }
            };
        }
        &mut self.days[self.last]
    }

    /// Appends one row. `record` must have `observed_at`; the caller rejects rows without.
    pub fn append(&mut self, named: Named<'_>, record: &Record, enrichment: &Enrichment<'_>) {
        let Some(observed) = record.observed_at() else {
            debug_assert!(false, "a row without observed_at reached the lake");
            return;
        };
        let rows = self.rows(observed);
        rows.identities.push(named.row, named.feed, named.keys);
        rows.len += 1;
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
            let row = rows.len - 1;
            let column = rows.column(EXTRA);
            if let Builder::Text(builder) = &mut column.builder {
                if column.len < row {
                    builder.append_nulls(row - column.len);
                }
                let builder = builder.pieces(record.extra().len() + 2);
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
        self.days.iter().map(|rows| rows.len).sum()
    }

    /// Whether nothing was collected.
    pub fn is_empty(&self) -> bool {
        self.days.is_empty()
    }

    /// Takes the rows out, one chunk per day in order of day.
    pub fn take(&mut self, receipt: &Receipt) -> Vec<Chunk> {
        self.last = 0;
        self.taken.clear();
        let rows = self.days.iter().map(|rows| (rows.day, rows.len));
        self.taken.extend(rows);
        let mut chunks = Vec::with_capacity(self.days.len());
        for mut rows in self.days.drain(..) {
            chunks.push(rows.chunk(receipt));
            self.spare.push(rows.identities);
        }
        // A report that jumps over years must not leave buffers for each of its days.
        self.spare.truncate(4);
        chunks.sort_by_key(|chunk| chunk.day);
        chunks
    }
}
