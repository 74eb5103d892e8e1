//! Rows of an answer as records again: for writers of exchange formats.
//!
//! Reads what `SELECT * FROM events` gives ([`crate::query`]); addresses and identities are text
//! there. Not for statistics: those count columns.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use model::field::{FIELDS, Field, Kind};
use model::record::Record;
use model::time::Timestamp;

/// A batch of events by its columns.
pub struct Rows<'b> {
    batch: &'b RecordBatch,
    fields: Vec<(Field, &'b ArrayRef)>,
    extra: Option<&'b ArrayRef>,
}

impl<'b> Rows<'b> {
    /// The rows of a batch; columns that it does not have are not set.
    pub fn of(batch: &'b RecordBatch) -> Self {
        let column = |name: &str| batch.column_by_name(name);
        let fields = FIELDS
            .iter()
            .filter_map(|spec| Some((spec.field, column(spec.column)?)));
        Rows {
            batch,
            fields: fields.collect(),
            extra: column("extra"),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text of a column in a row; `None` where it has none, or the column is not one of text.
    pub fn text(&self, column: &str, row: usize) -> Option<&'b str> {
        let array = self.batch.column_by_name(column)?;
        let array = array.as_string_opt::<i32>()?;
        array.is_valid(row).then(|| array.value(row))
    }

    /// The number of an integer column in a row.
    pub fn int(&self, column: &str, row: usize) -> Option<i64> {
        use datafusion::arrow::datatypes::{Int32Type, UInt32Type};
        let array = self.batch.column_by_name(column)?;
        if !array.is_valid(row) {
            return None;
        }
        if let Some(array) = array.as_primitive_opt::<UInt32Type>() {
            return Some(array.value(row).into());
        }
        let array = array.as_primitive_opt::<Int32Type>()?;
        Some(array.value(row).into())
    }

    /// The time of a column in a row.
    pub fn time(&self, column: &str, row: usize) -> Option<Timestamp> {
        let array = self.batch.column_by_name(column)?;
        let array = array.as_primitive_opt::<TimestampMicrosecondType>()?;
        array.is_valid(row).then(|| Timestamp(array.value(row)))
    }

    /// Fills a cleared record with a row's fields and its `extra`.
    pub fn fill(&self, row: usize, record: &mut Record) {
        for (field, array) in &self.fields {
            if !array.is_valid(row) {
                continue;
            }
            let field = *field;
            match field.kind() {
                Kind::Text => {
                    if let Some(array) = array.as_string_opt::<i32>() {
                        record.set_text(field, array.value(row));
                    }
                }
                Kind::Ip => {
                    let text = array.as_string_opt::<i32>().map(|array| array.value(row));
                    if let Some(ip) = text.and_then(|text| text.parse().ok()) {
                        record.set_ip(field, ip);
                    }
                }
                Kind::Int => {
                    if let Some(array) = array.as_primitive_opt::<Int64Type>() {
                        record.set_int(field, array.value(row));
                    }
                }
                Kind::Float => {
                    if let Some(array) = array.as_primitive_opt::<Float64Type>() {
                        record.set_float(field, array.value(row));
                    }
                }
                Kind::Bool => {
                    if let Some(array) = array.as_boolean_opt() {
                        record.set_bool(field, array.value(row));
                    }
                }
                Kind::Time => {
                    if let Some(array) = array.as_primitive_opt::<TimestampMicrosecondType>() {
                        record.set_time(field, Timestamp(array.value(row)));
                    }
                }
            }
        }
        let extra = self.extra.and_then(|array| array.as_string_opt::<i32>());
        let extra = extra.filter(|array| array.is_valid(row));
        let members = extra.and_then(|array| array.value(row).strip_prefix('{')?.strip_suffix('}'));
        if let Some(members) = members.filter(|members| !members.is_empty()) {
            // The members of the stored object, as they are: keys, values and commas.
            record.extra_member(members);
        }
    }
}
