//! The lake's one table, `events`: facts of receipt, the fields of [`model::field`], enrichment.
//!
//! A part holds only the columns that differ in it ([`crate::part`]); readers see the whole table.
//! Columns may be appended, never renamed or reordered; [`LAKE_SCHEMA_VERSION`] is written into every part.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, Field as ArrowField, Schema, SchemaRef, TimeUnit};
use model::field::{FIELDS, Field, Kind};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

/// Version of the table, written into each part's metadata.
pub const LAKE_SCHEMA_VERSION: u32 = 2;

/// Facts of receipt and enrichment, that are not fields of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Column {
    /// Identity, 16 bytes.
    EventId,
    /// Feed name.
    Feed,
    /// Report id, `R-` and 32 hex digits.
    Report,
    /// Archive member of the report, from 0.
    Member,
    /// Line in the report, from 1.
    Line,
    /// Byte offset of the row in the report's decoded text.
    Offset,
    /// Length of the row in bytes.
    Length,
    /// When the report was received.
    ReceivedAt,
    /// Version of the source's schema it was read by (Shadowserver).
    SourceSchema,
    /// Country of `source_ip` by our own tables.
    Country,
    /// Province, GB/T 2260 code NN0000.
    Province,
    /// City, GB/T 2260 code NNNN00.
    City,
    /// AS number by our own tables, else as the source states it.
    Asn,
    /// Holder of the address (operator, cloud).
    Holder,
    /// Host of the URL, or the host name.
    Host,
    /// Registrable domain.
    Domain,
    /// Top-level domain.
    Tld,
    /// Where `source_ip` lies: 0 unknown, 1 inside, 2 outside.
    Territory,
    /// Where the domain is registered, same codes.
    DomainTerritory,
    /// Where the imitated or aimed-at party belongs, same codes.
    TargetTerritory,
    /// Imitated brand, canonical.
    Brand,
    /// Sector of the brand.
    Sector,
    /// Owner of the site: 0 other, 1 government, 2 education, 3 bank.
    OwnerClass,
    /// Warning list that names it: such an event counts nowhere unseen.
    Warning,
}

/// Facts of receipt stand first, then the fields, then enrichment.
const RECEIPT_COLUMNS: usize = 9;
const ENRICHED: &[(&str, DataType)] = &[
    ("event_id", DataType::FixedSizeBinary(16)),
    ("feed", DataType::Utf8),
    ("report", DataType::Utf8),
    ("member", DataType::UInt32),
    ("line", DataType::UInt64),
    ("offset", DataType::UInt64),
    ("length", DataType::UInt32),
    (
        "received_at",
        DataType::Timestamp(TimeUnit::Microsecond, None),
    ),
    ("source_schema", DataType::Utf8),
    ("country", DataType::Utf8),
    ("province", DataType::Int32),
    ("city", DataType::Int32),
    ("asn", DataType::UInt32),
    ("holder", DataType::Utf8),
    ("host", DataType::Utf8),
    ("domain", DataType::Utf8),
    ("tld", DataType::Utf8),
    ("territory", DataType::UInt8),
    ("domain_territory", DataType::UInt8),
    ("target_territory", DataType::UInt8),
    ("brand", DataType::Utf8),
    ("sector", DataType::Utf8),
    ("owner_class", DataType::UInt8),
    ("warning", DataType::Utf8),
];

/// Name of the column that a part stores in the place of `event_id`: the number of the row in the
/// part, by which the part's run gives the identity. It takes next to no space.
pub const EVENT_ROW: &str = "event_row";

/// Number of columns of `events`.
pub const COLUMN_COUNT: usize = ENRICHED.len() + Field::COUNT + 1;

/// Position of the `extra` column (JSON object text).
pub const EXTRA: usize = COLUMN_COUNT - 1;

impl Column {
    /// Position in the table.
    pub const fn index(self) -> usize {
        let at = self as usize;
        if at < RECEIPT_COLUMNS {
            at
        } else {
            at + Field::COUNT
        }
    }

    /// Name in SQL.
    pub fn name(self) -> &'static str {
        ENRICHED[self as usize].0
    }
}

/// Position of a record's field in the table.
pub const fn field_index(field: Field) -> usize {
    RECEIPT_COLUMNS + field as usize
}

/// The Arrow schema of `events`. Timestamps are UTC; they carry no zone so that SQL compares them
/// with plain literals.
pub static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut columns = Vec::with_capacity(COLUMN_COUNT);
    let own = |(name, kind): &(&str, DataType)| ArrowField::new(*name, kind.clone(), true);
    columns.extend(ENRICHED[..RECEIPT_COLUMNS].iter().map(own));
    columns.extend(FIELDS.iter().map(|spec| {
        let kind = match spec.kind {
            Kind::Text => DataType::Utf8,
            Kind::Ip => DataType::Binary,
            Kind::Int => DataType::Int64,
            Kind::Float => DataType::Float64,
            Kind::Bool => DataType::Boolean,
            Kind::Time => DataType::Timestamp(TimeUnit::Microsecond, None),
        };
        ArrowField::new(spec.column, kind, true)
    }));
    columns.extend(ENRICHED[RECEIPT_COLUMNS..].iter().map(own));
    columns.push(ArrowField::new("extra", DataType::Utf8, true));
    debug_assert_eq!(columns.len(), COLUMN_COUNT);
    Arc::new(Schema::new(columns))
});

/// How parts are written. Encodings are chosen per column by what the values are like: identities
/// are kept beside the part, offsets and times are near each other, names repeat.
pub fn writer_properties() -> WriterProperties {
    let zstd = Compression::ZSTD(ZstdLevel::try_new(1).expect("level 1 exists"));
    let mut properties = WriterProperties::builder()
        .set_created_by("watchfire".to_owned())
        .set_compression(zstd)
        .set_max_row_group_row_count(Some(1 << 20))
        .set_data_page_size_limit(1 << 20)
        .set_dictionary_page_size_limit(1 << 20)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true);
    let path = |column: &str| ColumnPath::from(column);
    for column in [EVENT_ROW, "line", "offset", "length", "observed_at"] {
        properties = properties
            .set_column_dictionary_enabled(path(column), false)
            .set_column_encoding(path(column), Encoding::DELTA_BINARY_PACKED);
    }
    properties =
        properties.set_column_statistics_enabled(path("observed_at"), EnabledStatistics::Chunk);
    for column in [
        "source_ip",
        "source_reverse_dns",
        "source_url",
        "extra",
        "hash_md5",
        "hash_sha1",
        "hash_sha256",
        "description",
        "source_account",
        "certificate",
    ] {
        properties = properties.set_column_dictionary_enabled(path(column), false);
    }
    properties =
        properties.set_column_encoding(path("source_ip"), Encoding::DELTA_LENGTH_BYTE_ARRAY);
    properties.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_names_agree() {
        for (index, (name, _)) in ENRICHED.iter().enumerate() {
            let at = if index < RECEIPT_COLUMNS {
                index
            } else {
                index + Field::COUNT
            };
            assert_eq!(SCHEMA.field(at).name(), name);
        }
        assert_eq!(Column::Warning.index(), EXTRA - 1);
        assert_eq!(Column::Warning.name(), "warning");
        assert_eq!(
            SCHEMA.field(field_index(Field::SourceIp)).name(),
            "source_ip"
        );
        assert_eq!(SCHEMA.field(EXTRA).name(), "extra");
        let names: std::collections::HashSet<_> =
            SCHEMA.fields().iter().map(|f| f.name()).collect();
        assert_eq!(names.len(), COLUMN_COUNT, "a column name stands twice");
    }
}
