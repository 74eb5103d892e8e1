//! What a part stores, and what it leaves to its readers.
//!
//! Of the columns of a report half say one thing in all rows, or nothing. A part states such a column
//! once, in its metadata, and stores only the columns that differ between rows: they cost neither time
//! to encode nor space, and a scan gets them as a literal. Identities lie in the run beside the part
//! ([`crate::run`]); the part holds the number of each row, and its metadata the name of the run.
//! Readers see none of this: [`PartReading`] gives DataFusion the table as it is declared.

use std::any::type_name;
use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, FixedSizeBinaryArray, RecordBatch,
};
use datafusion::arrow::buffer::Buffer;
use datafusion::arrow::datatypes::{
    DataType, Field as ArrowField, Int32Type, Int64Type, Schema, SchemaRef, TimeUnit,
    TimestampMicrosecondType, UInt8Type, UInt32Type, UInt64Type,
};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{self, Column as ColumnExpr};
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};
use storage::Storage;

use crate::columns::Chunk;
use crate::run;
use crate::schema::{COLUMN_COUNT, Column, EVENT_ROW, SCHEMA};

/// Metadata key of the run's path, relative to the lake's folder.
const RUN_KEY: &str = "watchfire.run";
/// Metadata keys of columns that are stated once begin so and end with the column's name.
const ONCE_PREFIX: &str = "watchfire.once.";

/// How a part holds one column.
#[derive(Clone, Debug)]
enum Held {
    /// It has no value in any row.
    Absent,
    /// All rows have this one value.
    Once(ArrayRef),
    /// A value or none for each row.
    Rows,
}

/// How a part holds every column of the table.
#[derive(Clone, Debug)]
pub(crate) struct Shape(Vec<Held>);

impl Shape {
    /// The least shape that holds the rows of all chunks.
    pub(crate) fn of(chunks: &[Chunk]) -> Self {
        let held = |at: usize| {
            let mut columns = chunks
                .iter()
                .map(|chunk| (chunk.columns[at].as_ref(), chunk.ids.len()));
            let Some((first, rows)) = columns.next() else {
                return Held::Absent;
            };
            match first {
                None if columns.all(|(column, _)| column.is_none()) => Held::Absent,
                None => Held::Rows,
                Some(first) => match only_value(first, rows) {
                    Some(value)
                        if columns.all(|(column, rows)| {
                            column
                                .and_then(|column| only_value(column, rows))
                                .is_some_and(|other| other.as_ref() == value.as_ref())
                        }) =>
                    {
                        Held::Once(value)
                    }
                    _ => Held::Rows,
                },
            }
        };
        Shape((0..COLUMN_COUNT).map(held).collect())
    }

    /// Whether a part of this shape holds rows of the `other`.
    pub(crate) fn fits(&self, other: &Shape) -> bool {
        self.0.iter().zip(&other.0).all(|(held, other)| {
            matches!(held, Held::Rows)
                || match (held, other) {
                    (Held::Absent, Held::Absent) => true,
                    (Held::Once(value), Held::Once(other)) => value.as_ref() == other.as_ref(),
                    _ => false,
                }
        })
    }

    /// The shape of a report's next part: what did not fit is stored row by row from now on, so that a
    /// report closes at most as many parts for this reason as there are columns.
    pub(crate) fn widened(self, other: &Shape) -> Self {
        let held = self.0.into_iter().zip(&other.0);
        Shape(
            held.map(|pair| match pair {
                (Held::Absent, Held::Absent) => Held::Absent,
                (Held::Once(value), Held::Once(other)) if value.as_ref() == other.as_ref() => {
                    Held::Once(value)
                }
                _ => Held::Rows,
            })
            .collect(),
        )
    }

    /// The shape and the run that a part's own schema states.
    ///
    /// # Errors
    /// It holds a column, or states a value, that this version of the table does not have.
    pub(crate) fn stated(schema: &Schema) -> Result<(Self, String), String> {
        let unknown = schema.fields().iter().find(|field| {
            field.name() != EVENT_ROW && SCHEMA.field_with_name(field.name()).is_err()
        });
        if let Some(field) = unknown {
            return Err(format!(
                "it has a column `{}` of another version",
                field.name()
            ));
        }
        let run = schema.metadata().get(RUN_KEY);
        let run = run.ok_or_else(|| "it names no run".to_owned())?.clone();
        let mut held = Vec::with_capacity(COLUMN_COUNT);
        let mut once = 0;
        for field in SCHEMA.fields() {
            let text = schema
                .metadata()
                .get(&format!("{ONCE_PREFIX}{}", field.name()));
            held.push(match text {
                Some(text) => {
                    once += 1;
                    let value = value_from(field.data_type(), text);
                    let array = value.and_then(|value| value.to_array().ok());
                    Held::Once(
                        array
                            .ok_or_else(|| format!("it states `{text}` as its {}", field.name()))?,
                    )
                }
                None if schema.index_of(field.name()).is_ok() => Held::Rows,
                None => Held::Absent,
            });
        }
        let stated = schema.metadata().keys();
        if stated.filter(|key| key.starts_with(ONCE_PREFIX)).count() > once {
            return Err("it states a value of a column of another version".to_owned());
        }
        Ok((Shape(held), run))
    }

    /// The value that all rows have in the column at a position, where the part states it once.
    pub(crate) fn once(&self, at: usize) -> Option<&ArrayRef> {
        match &self.0[at] {
            Held::Once(value) => Some(value),
            Held::Absent | Held::Rows => None,
        }
    }

    /// Positions of the columns that are stored row by row.
    pub(crate) fn stored(&self) -> Vec<usize> {
        let held = self.0.iter().enumerate();
        held.filter(|(_, held)| matches!(held, Held::Rows))
            .map(|(at, _)| at)
            .collect()
    }

    /// The file's schema: the rows' numbers, then the stored columns; the metadata says the rest.
    pub(crate) fn schema(&self, run: &str) -> SchemaRef {
        let mut fields = vec![ArrowField::new(EVENT_ROW, DataType::UInt32, false)];
        fields.extend(
            self.stored()
                .into_iter()
                .map(|at| SCHEMA.field(at).as_ref().clone()),
        );
        let mut metadata = HashMap::from([(RUN_KEY.to_owned(), run.to_owned())]);
        for (held, field) in self.0.iter().zip(SCHEMA.fields()) {
            if let Held::Once(value) = held
                && let Some(text) = value_text(value)
            {
                metadata.insert(format!("{ONCE_PREFIX}{}", field.name()), text);
            }
        }
        Arc::new(Schema::new_with_metadata(fields, metadata))
    }
}

/// The value that all `rows` have, where they have one and it can be stated in the metadata. Text and
/// facts of receipt come as one value from the columns' builder; numbers are compared.
fn only_value(column: &ArrayRef, rows: usize) -> Option<ArrayRef> {
    let same = match column.data_type() {
        _ if column.null_count() > 0 => false,
        DataType::Utf8 => column.len() == 1,
        DataType::UInt8 => same_numbers::<UInt8Type>(column),
        DataType::UInt32 => same_numbers::<UInt32Type>(column),
        DataType::UInt64 => same_numbers::<UInt64Type>(column),
        DataType::Int32 => same_numbers::<Int32Type>(column),
        DataType::Int64 => same_numbers::<Int64Type>(column),
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            same_numbers::<TimestampMicrosecondType>(column)
        }
        // Addresses and truth values: too rarely one to be worth a form of their own.
        _ => false,
    };
    debug_assert!(column.len() == rows || column.len() == 1);
    same.then(|| column.slice(0, 1))
}

fn same_numbers<T: ArrowPrimitiveType>(column: &ArrayRef) -> bool {
    let values = column.as_primitive::<T>().values();
    values
        .first()
        .is_some_and(|first| values.iter().all(|value| value == first))
}

/// The only value of `array` as it stands in the metadata.
fn value_text(array: &ArrayRef) -> Option<String> {
    Some(match ScalarValue::try_from_array(array, 0).ok()? {
        ScalarValue::Utf8(Some(text)) => text,
        ScalarValue::UInt8(Some(number)) => number.to_string(),
        ScalarValue::UInt32(Some(number)) => number.to_string(),
        ScalarValue::UInt64(Some(number)) => number.to_string(),
        ScalarValue::Int32(Some(number)) => number.to_string(),
        ScalarValue::Int64(Some(number)) => number.to_string(),
        ScalarValue::TimestampMicrosecond(Some(micros), None) => micros.to_string(),
        _ => return None,
    })
}

/// Back from [`value_text`].
fn value_from(kind: &DataType, text: &str) -> Option<ScalarValue> {
    Some(match kind {
        DataType::Utf8 => ScalarValue::Utf8(Some(text.to_owned())),
        DataType::UInt8 => ScalarValue::UInt8(Some(text.parse().ok()?)),
        DataType::UInt32 => ScalarValue::UInt32(Some(text.parse().ok()?)),
        DataType::UInt64 => ScalarValue::UInt64(Some(text.parse().ok()?)),
        DataType::Int32 => ScalarValue::Int32(Some(text.parse().ok()?)),
        DataType::Int64 => ScalarValue::Int64(Some(text.parse().ok()?)),
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            ScalarValue::TimestampMicrosecond(Some(text.parse().ok()?), None)
        }
        _ => return None,
    })
}

/// Gives a scan the table's columns from what each part stores.
#[derive(Debug)]
pub(crate) struct PartReading {
    /// The lake's folder.
    pub(crate) root: PathBuf,
    /// The lake's files.
    pub(crate) files: Storage,
}

impl PhysicalExprAdapterFactory for PartReading {
    fn create(
        &self,
        logical_file_schema: SchemaRef,
        physical_file_schema: SchemaRef,
    ) -> datafusion::error::Result<Arc<dyn PhysicalExprAdapter>> {
        let metadata = physical_file_schema.metadata();
        let mut once = HashMap::new();
        for (key, text) in metadata {
            let Some(name) = key.strip_prefix(ONCE_PREFIX) else {
                continue;
            };
            // A column of a later version of the table is nobody's here.
            let Ok(field) = SCHEMA.field_with_name(name) else {
                continue;
            };
            let value = value_from(field.data_type(), text).ok_or_else(|| {
                DataFusionError::Execution(format!("a part states `{text}` as its {name}"))
            })?;
            once.insert(name.to_owned(), value);
        }
        let run = metadata.get(RUN_KEY).map(|run| Run {
            path: self.root.join(run),
            files: self.files.clone(),
            identities: Arc::default(),
        });
        let rows = physical_file_schema.index_of(EVENT_ROW).ok();
        Ok(Arc::new(PartColumns {
            once,
            identity: rows.zip(run),
            otherwise: DefaultPhysicalExprAdapterFactory
                .create(logical_file_schema, physical_file_schema)?,
        }))
    }
}

/// The columns of one part.
#[derive(Debug)]
struct PartColumns {
    once: HashMap<String, ScalarValue>,
    /// Position of the rows' numbers, and the run.
    identity: Option<(usize, Run)>,
    otherwise: Arc<dyn PhysicalExprAdapter>,
}

impl PhysicalExprAdapter for PartColumns {
    fn rewrite(
        &self,
        expr: Arc<dyn PhysicalExpr>,
    ) -> datafusion::error::Result<Arc<dyn PhysicalExpr>> {
        let expr = expr
            .transform_down(|expr| {
                let Some(column) = expr.downcast_ref::<ColumnExpr>() else {
                    return Ok(Transformed::no(expr));
                };
                if let Some(value) = self.once.get(column.name()) {
                    return Ok(Transformed::yes(expressions::lit(value.clone())));
                }
                match &self.identity {
                    Some((at, run)) if column.name() == Column::EventId.name() => {
                        let identity: Arc<dyn PhysicalExpr> = Arc::new(Identity {
                            row: Arc::new(ColumnExpr::new(EVENT_ROW, *at)),
                            run: run.clone(),
                        });
                        Ok(Transformed::yes(identity))
                    }
                    _ => Ok(Transformed::no(expr)),
                }
            })
            .data()?;
        self.otherwise.rewrite(expr)
    }
}

/// Identities of a part in the order of its rows.
type Identities = Arc<[[u8; 16]]>;

/// The run of a part, read when the first identity is asked for.
#[derive(Clone)]
struct Run {
    path: PathBuf,
    files: Storage,
    identities: Arc<Mutex<Option<Identities>>>,
}

impl Run {
    fn identities(&self) -> datafusion::error::Result<Identities> {
        let mut read = self
            .identities
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(identities) = &*read {
            return Ok(Arc::clone(identities));
        }
        let identities: Identities = run::in_row_order(&self.files, &self.path)
            .map_err(|error| DataFusionError::External(Box::new(error)))?
            .into();
        *read = Some(Arc::clone(&identities));
        Ok(identities)
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", type_name::<Self>(), self.path.display())
    }
}

/// The identities of rows by their number in the part.
#[derive(Clone, Debug)]
struct Identity {
    row: Arc<dyn PhysicalExpr>,
    run: Run,
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.row.eq(&other.row) && self.run.path() == other.run.path()
    }
}

impl Eq for Identity {}

impl Hash for Identity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.row.hash(state);
        self.run.path().hash(state);
    }
}

impl Display for Identity {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "identity({})", self.row)
    }
}

impl PhysicalExpr for Identity {
    fn data_type(&self, _: &Schema) -> datafusion::error::Result<DataType> {
        Ok(DataType::FixedSizeBinary(16))
    }

    fn nullable(&self, _: &Schema) -> datafusion::error::Result<bool> {
        Ok(true)
    }

    fn evaluate(&self, batch: &RecordBatch) -> datafusion::error::Result<ColumnarValue> {
        let rows = self.row.evaluate(batch)?.into_array(batch.num_rows())?;
        let identities = self.run.identities()?;
        let mut bytes = Vec::with_capacity(rows.len() * 16);
        for row in rows.as_primitive::<UInt32Type>().values() {
            let identity = identities.get(*row as usize).ok_or_else(|| {
                DataFusionError::Execution(format!(
                    "identity run {} has no row {row}: it is not the one of its part",
                    self.run.path().display()
                ))
            })?;
            bytes.extend_from_slice(identity);
        }
        let array = FixedSizeBinaryArray::try_new(16, Buffer::from_vec(bytes), None)?;
        Ok(ColumnarValue::Array(Arc::new(array)))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.row]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> datafusion::error::Result<Arc<dyn PhysicalExpr>> {
        let row = children.pop().unwrap_or_else(|| Arc::clone(&self.row));
        Ok(Arc::new(Identity {
            row,
            run: self.run.clone(),
        }))
    }

    fn fmt_sql(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}
