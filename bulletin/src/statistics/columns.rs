//! The columns of a record batch that statistics read, whatever physical type they arrive in.
//!
//! Text may come plain, as views or by dictionary; a column that a scan did not select reads as
//! null. Nothing here knows what the columns mean.

use lake::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryViewArray, DictionaryArray, FixedSizeBinaryArray,
    Int32Array, LargeStringArray, RecordBatch, StringArray, StringViewArray,
    TimestampMicrosecondArray, UInt8Array, UInt32Array, UInt64Array,
};
use lake::arrow::datatypes::{
    Int32Type, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use crate::Error;

/// A text column.
#[derive(Clone, Copy)]
pub enum TextColumn<'a> {
    /// Not selected.
    Absent,
    /// Plain.
    Plain(&'a StringArray),
    /// Plain with 64-bit offsets.
    Large(&'a LargeStringArray),
    /// Views.
    View(&'a StringViewArray),
    /// By dictionary.
    Dictionary(&'a dyn Array, Keys<'a>, &'a StringArray),
}

/// Keys of a dictionary.
#[derive(Clone, Copy)]
pub enum Keys<'a> {
    /// 32-bit keys, what Parquet dictionaries are read as.
    Int32(&'a DictionaryArray<Int32Type>),
    /// 16-bit keys.
    UInt16(&'a DictionaryArray<UInt16Type>),
    /// 8-bit keys.
    UInt8(&'a DictionaryArray<UInt8Type>),
}

impl<'a> TextColumn<'a> {
    /// The column of this name; absent where the scan did not select it.
    ///
    /// # Errors
    /// [`Error::ColumnType`] if it is no text.
    pub fn of(batch: &'a RecordBatch, name: &str) -> Result<Self, Error> {
        let Some(column) = batch.column_by_name(name) else {
            return Ok(TextColumn::Absent);
        };
        if let Some(plain) = column.as_string_opt::<i32>() {
            return Ok(TextColumn::Plain(plain));
        }
        if let Some(view) = column.as_string_view_opt() {
            return Ok(TextColumn::View(view));
        }
        if let Some(large) = column.as_string_opt::<i64>() {
            return Ok(TextColumn::Large(large));
        }
        Self::dictionary(column).ok_or_else(|| Error::ColumnType {
            column: name.to_owned(),
            found: column.data_type().to_string(),
        })
    }

    fn dictionary(column: &'a ArrayRef) -> Option<Self> {
        let values = |values: &'a ArrayRef| values.as_string_opt::<i32>();
        if let Some(found) = column.as_dictionary_opt::<Int32Type>() {
            return Some(TextColumn::Dictionary(
                found,
                Keys::Int32(found),
                values(found.values())?,
            ));
        }
        if let Some(found) = column.as_dictionary_opt::<UInt16Type>() {
            return Some(TextColumn::Dictionary(
                found,
                Keys::UInt16(found),
                values(found.values())?,
            ));
        }
        let found = column.as_dictionary_opt::<UInt8Type>()?;
        Some(TextColumn::Dictionary(
            found,
            Keys::UInt8(found),
            values(found.values())?,
        ))
    }

    /// The text in a row; empty text is none.
    #[inline]
    pub fn get(&self, row: usize) -> Option<&'a str> {
        let text = match self {
            TextColumn::Absent => return None,
            TextColumn::Plain(array) if !array.is_null(row) => array.value(row),
            TextColumn::Large(array) if !array.is_null(row) => array.value(row),
            TextColumn::View(array) if !array.is_null(row) => array.value(row),
            TextColumn::Dictionary(array, keys, values) if !array.is_null(row) => {
                let key = match keys {
                    Keys::Int32(array) => array.keys().value(row) as usize,
                    Keys::UInt16(array) => array.keys().value(row) as usize,
                    Keys::UInt8(array) => array.keys().value(row) as usize,
                };
                values.value(key)
            }
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    /// Calls `code` once per run of equal values and writes its answer for every row. A part holds
    /// one report, so most columns of names are a single run: the price is one comparison a row.
    pub fn codes<T: Copy>(
        &self,
        rows: usize,
        none: T,
        mut code: impl FnMut(&'a str) -> T,
    ) -> Vec<T> {
        let mut out = Vec::with_capacity(rows);
        let mut last: Option<(&str, T)> = None;
        for row in 0..rows {
            let found = match (self.get(row), last) {
                (None, _) => none,
                (Some(text), Some((before, found))) if text == before => found,
                (Some(text), _) => {
                    let found = code(text);
                    last = Some((text, found));
                    found
                }
            };
            out.push(found);
        }
        out
    }

    /// No row has a value.
    pub fn is_void(&self) -> bool {
        match self {
            TextColumn::Absent => true,
            TextColumn::Plain(array) => array.null_count() == array.len(),
            TextColumn::Large(array) => array.null_count() == array.len(),
            TextColumn::View(array) => array.null_count() == array.len(),
            TextColumn::Dictionary(array, ..) => array.null_count() == array.len(),
        }
    }
}

/// A column of bytes.
#[derive(Clone, Copy)]
pub enum BytesColumn<'a> {
    /// Not selected.
    Absent,
    /// Plain.
    Plain(&'a BinaryArray),
    /// Views.
    View(&'a BinaryViewArray),
    /// All of one length.
    Fixed(&'a FixedSizeBinaryArray),
}

impl<'a> BytesColumn<'a> {
    fn of(batch: &'a RecordBatch, name: &str) -> Result<Self, Error> {
        let Some(column) = batch.column_by_name(name) else {
            return Ok(BytesColumn::Absent);
        };
        if let Some(plain) = column.as_binary_opt::<i32>() {
            return Ok(BytesColumn::Plain(plain));
        }
        if let Some(view) = column.as_binary_view_opt() {
            return Ok(BytesColumn::View(view));
        }
        column
            .as_fixed_size_binary_opt()
            .map(BytesColumn::Fixed)
            .ok_or_else(|| Error::ColumnType {
                column: name.to_owned(),
                found: column.data_type().to_string(),
            })
    }

    /// The bytes in a row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<&'a [u8]> {
        match self {
            BytesColumn::Absent => None,
            BytesColumn::Plain(array) => (!array.is_null(row)).then(|| array.value(row)),
            BytesColumn::View(array) => (!array.is_null(row)).then(|| array.value(row)),
            BytesColumn::Fixed(array) => (!array.is_null(row)).then(|| array.value(row)),
        }
    }
}

macro_rules! numbers {
    ($(#[$doc:meta])* $name:ident, $array:ty, $native:ty, $arrow:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name<'a>(Option<&'a $array>);

        impl<'a> $name<'a> {
            /// The column of this name; nothing where the scan did not select it.
            ///
            /// # Errors
            /// [`Error::ColumnType`] if it has another type.
            pub fn of(batch: &'a RecordBatch, name: &str) -> Result<Self, Error> {
                let Some(column) = batch.column_by_name(name) else { return Ok($name(None)) };
                match column.as_primitive_opt::<$arrow>() {
                    Some(array) => Ok($name(Some(array))),
                    None => Err(Error::ColumnType { column: name.to_owned(), found: column.data_type().to_string() }),
                }
            }

            /// The number in a row.
            #[inline]
            pub fn get(&self, row: usize) -> Option<$native> {
                let array = self.0?;
                (!array.is_null(row)).then(|| array.value(row))
            }
        }
    };
}

numbers!(
    /// Unsigned bytes.
    U8Column, UInt8Array, u8, UInt8Type
);
numbers!(
    /// Signed 32 bits.
    I32Column, Int32Array, i32, Int32Type
);
numbers!(
    /// Unsigned 32 bits.
    U32Column, UInt32Array, u32, UInt32Type
);
numbers!(
    /// Unsigned 64 bits.
    U64Column, UInt64Array, u64, UInt64Type
);
numbers!(
    /// Microseconds UTC.
    TimeColumn, TimestampMicrosecondArray, i64, TimestampMicrosecondType
);

/// Every column that any statistic, explanation or breakdown reads.
pub struct Columns<'a> {
    /// Rows of the batch.
    pub rows: usize,
    /// `feed`.
    pub feed: TextColumn<'a>,
    /// `class_type`.
    pub class_type: TextColumn<'a>,
    /// `class_identifier`.
    pub class_identifier: TextColumn<'a>,
    /// `malware_name`.
    pub malware_name: TextColumn<'a>,
    /// `source_ip`.
    pub source_ip: BytesColumn<'a>,
    /// `source_url`.
    pub source_url: TextColumn<'a>,
    /// `host`.
    pub host: TextColumn<'a>,
    /// `domain`.
    pub domain: TextColumn<'a>,
    /// `tld`.
    pub tld: TextColumn<'a>,
    /// `territory`.
    pub territory: U8Column<'a>,
    /// `domain_territory`.
    pub domain_territory: U8Column<'a>,
    /// `target_territory`.
    pub target_territory: U8Column<'a>,
    /// `province`.
    pub province: I32Column<'a>,
    /// `owner_class`.
    pub owner_class: U8Column<'a>,
    /// `sector`.
    pub sector: TextColumn<'a>,
    /// `brand`.
    pub brand: TextColumn<'a>,
    /// `warning`.
    pub warning: TextColumn<'a>,
    /// `vulnerability_id`.
    pub vulnerability_id: TextColumn<'a>,
    /// `severity`.
    pub severity: TextColumn<'a>,
    /// `object_type`.
    pub object_type: TextColumn<'a>,
    /// `observed_at`.
    pub observed_at: TimeColumn<'a>,
    /// `country`.
    pub country: TextColumn<'a>,
    /// `asn`.
    pub asn: U32Column<'a>,
    /// `event_id`.
    pub event_id: BytesColumn<'a>,
    /// `report`.
    pub report: TextColumn<'a>,
    /// `member`.
    pub member: U32Column<'a>,
    /// `line`.
    pub line: U64Column<'a>,
}

/// Columns that the counting scan selects.
pub const TALLY_COLUMNS: &[&str] = &[
    "feed",
    "class_type",
    "class_identifier",
    "malware_name",
    "source_ip",
    "source_url",
    "host",
    "domain",
    "tld",
    "territory",
    "domain_territory",
    "target_territory",
    "province",
    "owner_class",
    "sector",
    "warning",
    "vulnerability_id",
    "severity",
    "object_type",
];

/// Columns that an explanation selects: what is counted, and where each event stands.
pub const EXPLAIN_COLUMNS: &[&str] = &[
    "feed",
    "class_type",
    "class_identifier",
    "malware_name",
    "source_ip",
    "source_url",
    "host",
    "domain",
    "tld",
    "territory",
    "domain_territory",
    "target_territory",
    "province",
    "owner_class",
    "sector",
    "warning",
    "vulnerability_id",
    "severity",
    "object_type",
    "event_id",
    "report",
    "member",
    "line",
];

/// Columns that a breakdown selects: what is counted, and what it may be divided by.
pub const BREAKDOWN_COLUMNS: &[&str] = &[
    "feed",
    "class_type",
    "class_identifier",
    "malware_name",
    "source_ip",
    "source_url",
    "host",
    "domain",
    "tld",
    "territory",
    "domain_territory",
    "target_territory",
    "province",
    "owner_class",
    "sector",
    "brand",
    "warning",
    "vulnerability_id",
    "severity",
    "object_type",
    "observed_at",
    "country",
    "asn",
];

impl<'a> Columns<'a> {
    /// Finds the columns of a batch.
    ///
    /// # Errors
    /// [`Error::ColumnType`] if a column has a type that the lake's table does not give it.
    pub fn of(batch: &'a RecordBatch) -> Result<Self, Error> {
        Ok(Columns {
            rows: batch.num_rows(),
            feed: TextColumn::of(batch, "feed")?,
            class_type: TextColumn::of(batch, "class_type")?,
            class_identifier: TextColumn::of(batch, "class_identifier")?,
            malware_name: TextColumn::of(batch, "malware_name")?,
            source_ip: BytesColumn::of(batch, "source_ip")?,
            source_url: TextColumn::of(batch, "source_url")?,
            host: TextColumn::of(batch, "host")?,
            domain: TextColumn::of(batch, "domain")?,
            tld: TextColumn::of(batch, "tld")?,
            territory: U8Column::of(batch, "territory")?,
            domain_territory: U8Column::of(batch, "domain_territory")?,
            target_territory: U8Column::of(batch, "target_territory")?,
            province: I32Column::of(batch, "province")?,
            owner_class: U8Column::of(batch, "owner_class")?,
            sector: TextColumn::of(batch, "sector")?,
            brand: TextColumn::of(batch, "brand")?,
            warning: TextColumn::of(batch, "warning")?,
            vulnerability_id: TextColumn::of(batch, "vulnerability_id")?,
            severity: TextColumn::of(batch, "severity")?,
            object_type: TextColumn::of(batch, "object_type")?,
            observed_at: TimeColumn::of(batch, "observed_at")?,
            country: TextColumn::of(batch, "country")?,
            asn: U32Column::of(batch, "asn")?,
            event_id: BytesColumn::of(batch, "event_id")?,
            report: TextColumn::of(batch, "report")?,
            member: U32Column::of(batch, "member")?,
            line: U64Column::of(batch, "line")?,
        })
    }
}
