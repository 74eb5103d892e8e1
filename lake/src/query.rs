//! Reading: DataFusion over a given list of live parts.
//!
//! Two doors. [`Lake::scan`] streams chosen columns of a time span, one stream a core, for the
//! statistics. [`Lake::query`] answers one read-only SELECT over two tables:
//!
//! * `events`: one row an event, addresses and identities as text; the columns are those of
//!   [`crate::schema::SCHEMA`];
//! * `events_raw`: the same with addresses as 4 or 16 bytes and identities as 16 bytes, for
//!   counting at speed.
//!
//! DDL, DML, COPY, SET and external tables are refused before planning.

use std::any::Any;
use std::fs::File;
use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryBuilder, FixedSizeBinaryArray, RecordBatch, StringBuilder,
};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::temporal_conversions::timestamp_ns_to_datetime;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::{SQLOptions, SessionConfig, SessionContext};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TableProviderFilterPushDown, TableType, Volatility,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::{DataFrame, col, lit};
use model::time::Timestamp;
use storage::{Storage, Wanted};
use url::Url;

use crate::engine::{Engine, fingerprint};
use crate::error::{Error, Result};
use crate::part::PartReading;
use crate::schema::SCHEMA;
use crate::search::Cell;

/// A live part as the manifest lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Path relative to the lake's folder.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Rows.
    pub rows: u64,
    /// Earliest `observed_at`, microseconds UTC.
    pub min_observed: i64,
    /// Latest `observed_at`.
    pub max_observed: i64,
}

/// The files that hold the parts, and how much a query may use.
#[derive(Clone, Debug)]
pub struct Lake {
    root: PathBuf,
    files: Storage,
    memory: usize,
    threads: usize,
    engine: Option<Engine>,
}

impl Lake {
    /// The lake in folder `root`; queries use up to `memory` bytes before they spill, on `threads`
    /// threads. The folder is created.
    ///
    /// # Errors
    /// The folder cannot be created.
    pub fn open(root: &Path, memory: usize, threads: usize) -> Result<Self> {
        std::fs::create_dir_all(root).map_err(Error::io(root))?;
        let root = root.canonicalize().map_err(Error::io(root))?;
        Ok(Lake {
            files: Storage::folder(&root),
            root,
            memory,
            threads: threads.max(1),
            engine: None,
        })
    }

    /// The same lake, whose queries over many rows are answered by executors.
    pub fn with_engine(mut self, engine: Engine) -> Self {
        self.engine = Some(engine);
        self
    }

    /// The executors, if there are any.
    pub fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()
    }

    /// How the columns of a part are read.
    pub(crate) fn part_reading(&self) -> PartReading {
        PartReading {
            root: self.root.clone(),
            files: self.files.clone(),
        }
    }

    /// Bytes that a query may use.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }

    /// The lake in the folder `lake` of a workspace whose files lie in `files`; otherwise as [`Lake::open`].
    ///
    /// # Errors
    /// The folder cannot be created.
    pub fn within(files: &Storage, memory: usize, threads: usize) -> Result<Self> {
        let root = files.root().join("lake");
        if !files.is_remote() {
            return Lake::open(&root, memory, threads);
        }
        std::fs::create_dir_all(&root).map_err(Error::io(&root))?;
        Ok(Lake {
            files: files.clone(),
            root,
            memory,
            threads: threads.max(1),
            engine: None,
        })
    }

    /// Its files.
    pub fn files(&self) -> &Storage {
        &self.files
    }

    /// Begins to fetch parts that a query is about to read, where the lake lies in a store.
    pub(crate) fn warm<'p>(&self, parts: impl IntoIterator<Item = &'p Part>) {
        if self.files.is_remote() {
            let wanted = parts.into_iter();
            let wanted = wanted.map(|part| Wanted::sized(self.root.join(&part.path), part.bytes));
            self.files.warm(wanted.collect());
        }
    }

    /// A name for a file that is about to be written: as given in a folder of our own, where whoever repeats killed
    /// work writes over what it left; with a mark that nobody else has where others share the store.
    pub(crate) fn unlike_others(&self, name: &str) -> String {
        match self.files.stamp() {
            Some(stamp) => format!("{name}-{stamp}"),
            None => name.to_owned(),
        }
    }

    /// Lets a session of DataFusion read the parts by their paths in the lake, wherever they lie: whoever runs a plan
    /// that was made elsewhere, or one over a store, needs it.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn lend(&self, environment: &RuntimeEnv) -> Result<()> {
        let reader = match self.files.reader(&self.root)? {
            Some(reader) => reader,
            None => {
                let files = object_store::local::LocalFileSystem::new_with_prefix(&self.root);
                Arc::new(files.map_err(|error| Error::Query(error.into()))?)
            }
        };
        environment.register_object_store(parts_url()?.as_ref(), reader);
        Ok(())
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Threads that a query uses.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// A DataFusion session with the views over `parts`, which are read here.
    ///
    /// # Errors
    /// A defect of ours in the views.
    pub async fn session(&self, parts: &[Part]) -> Result<SessionContext> {
        self.session_on(parts, &Select::of("", self.memory), &[])
            .await
    }

    /// As [`Lake::session`], with what a SELECT may use, over these executors; over none, it reads here.
    pub(crate) async fn session_on(
        &self,
        parts: &[Part],
        select: &Select<'_>,
        executors: &[Url],
    ) -> Result<SessionContext> {
        let config = SessionConfig::new()
            .with_target_partitions(self.threads)
            .with_batch_size(select.batch_rows)
            .with_information_schema(false)
            .set_bool("datafusion.execution.parquet.pushdown_filters", true)
            // Text that doubles with every round fills any memory.
            .set_bool("datafusion.execution.enable_recursive_ctes", false);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(select.memory)))
            .build_arc()?;
        if self.files.is_remote() || !executors.is_empty() {
            self.lend(&runtime)?;
        }
        let context = match &self.engine {
            Some(engine) if !executors.is_empty() => {
                let builder = SessionStateBuilder::new()
                    .with_config(config)
                    .with_runtime_env(runtime)
                    .with_default_features();
                SessionContext::new_with_state(engine.spread(builder, executors)?.build())
            }
            _ => SessionContext::new_with_config_rt(config, runtime),
        };
        for function in functions() {
            context.register_udf(function);
        }
        if select.guarded {
            for name in MULTIPLIERS {
                context.deregister_udf(name);
            }
            for name in ["range", "generate_series"] {
                context.deregister_udtf(name);
            }
        }
        let table = Arc::new(EventsTable {
            lake: self.clone(),
            parts: parts.into(),
            elsewhere: !executors.is_empty(),
        });
        context.register_table("events_raw", table)?;
        let columns = SCHEMA.fields().iter().map(|field| {
            let column = col(format!("\"{}\"", field.name()));
            match field.data_type() {
                DataType::Binary => IpText::udf().call(vec![column]).alias(field.name()),
                DataType::FixedSizeBinary(16) => {
                    IdText::udf().call(vec![column]).alias(field.name())
                }
                _ => column,
            }
        });
        let view = context
            .table("events_raw")
            .await?
            .select(columns)?
            .into_view();
        context.register_table("events", view)?;
        Ok(context)
    }

    /// Streams `columns` of the events observed in `[start, end)`, one stream a thread. Parts that
    /// lie outside the span are not opened.
    ///
    /// # Errors
    /// An unknown column, or a part that cannot be opened.
    pub async fn scan(
        &self,
        parts: &[Part],
        span: (Timestamp, Timestamp),
        columns: &[&str],
    ) -> Result<Vec<SendableRecordBatchStream>> {
        let within: Vec<Part> = parts
            .iter()
            .filter(|part| part.max_observed >= span.0.0 && part.min_observed < span.1.0)
            .cloned()
            .collect();
        let context = self.session(&within).await?;
        let time = |at: Timestamp| {
            lit(datafusion::common::ScalarValue::TimestampMicrosecond(
                Some(at.0),
                None,
            ))
        };
        // Parts that lie inside the span need no filter, which is nearly all of them.
        let all_inside = within
            .iter()
            .all(|part| part.min_observed >= span.0.0 && part.max_observed < span.1.0);
        let mut frame = context.table("events_raw").await?;
        if !all_inside {
            let observed = col("observed_at");
            frame = frame.filter(
                observed
                    .clone()
                    .gt_eq(time(span.0))
                    .and(observed.lt(time(span.1))),
            )?;
        }
        Ok(frame
            .select_columns(columns)?
            .execute_stream_partitioned()
            .await?)
    }

    /// Answers one read-only SELECT (or EXPLAIN of one) over `events` and `events_raw`, as a stream.
    ///
    /// # Errors
    /// [`Error::Refused`] for anything but a SELECT; [`Error::Query`] for a SELECT that fails.
    pub async fn query(&self, parts: &[Part], sql: &str) -> Result<SendableRecordBatchStream> {
        self.selected(parts, &Select::of(sql, self.memory)).await
    }

    /// Answers a SELECT by the executors where that gains, otherwise here.
    async fn selected(
        &self,
        parts: &[Part],
        select: &Select<'_>,
    ) -> Result<SendableRecordBatchStream> {
        if let Some(engine) = &self.engine
            && let Some(answer) = engine.answer(self, parts, select).await?
        {
            return Ok(answer);
        }
        let context = self.session_on(parts, select, &[]).await?;
        Ok(select.frame(&context).await?.execute_stream().await?)
    }

    /// Answers a SELECT as [`Lake::query`] does, for somebody whose time and memory are bounded: functions that make
    /// much text or many rows out of nothing are not known here, and no more than so many rows and bytes come back.
    /// A deadline is the caller's: whoever drops the future stops the work.
    ///
    /// # Errors
    /// As [`Lake::query`].
    pub async fn answer(&self, parts: &[Part], sql: &str, bounds: Bounds) -> Result<Answer> {
        let select = Select {
            batch_rows: 1024,
            enough: bounds.rows,
            guarded: true,
            ..Select::of(sql, self.memory.min(bounds.memory))
        };
        let mut stream = self.selected(parts, &select).await?;
        let mut answer = Answer {
            columns: stream
                .schema()
                .fields()
                .iter()
                .map(|field| field.name().clone())
                .collect(),
            ..Answer::default()
        };
        let mut bytes = 0;
        while let Some(batch) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
            let batch = batch?;
            let columns: Vec<ArrayFormatter<'_>> = batch
                .columns()
                .iter()
                .map(|column| ArrayFormatter::try_new(column, &PLAIN))
                .collect::<std::result::Result<_, _>>()?;
            for row in 0..batch.num_rows() {
                if answer.rows.len() == bounds.rows || bytes > bounds.bytes {
                    answer.more = true;
                    return Ok(answer);
                }
                let mut cells = Vec::with_capacity(columns.len());
                for (array, column) in batch.columns().iter().zip(&columns) {
                    // A column of type Null keeps no list of nulls.
                    let null = array.is_null(row) || *array.data_type() == DataType::Null;
                    let cell = (!null).then(|| answered(array, column, row));
                    bytes += match &cell {
                        Some(Cell::Text(text)) => 24 + text.len(),
                        _ => 24,
                    };
                    cells.push(cell);
                }
                answer.rows.push(cells);
            }
        }
        Ok(answer)
    }

    /// The rows of `part` at the given places, all columns; for opening single events.
    ///
    /// # Errors
    /// The part cannot be read.
    pub async fn collect(&self, parts: &[Part], sql: &str) -> Result<Vec<RecordBatch>> {
        let mut stream = self.query(parts, sql).await?;
        let mut batches = Vec::new();
        while let Some(batch) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
            batches.push(batch?);
        }
        Ok(batches)
    }
}

/// A SELECT and what it may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Select<'a> {
    sql: &'a str,
    /// Bytes before it spills or fails.
    memory: usize,
    /// Rows of a batch.
    batch_rows: usize,
    /// More rows than these nobody looks at.
    pub(crate) enough: usize,
    /// Functions that make much out of little are not known.
    guarded: bool,
}

impl<'a> Select<'a> {
    pub(crate) fn of(sql: &'a str, memory: usize) -> Self {
        Select {
            sql,
            memory,
            batch_rows: 8192,
            enough: usize::MAX,
            guarded: false,
        }
    }

    /// Plans it, if it is a SELECT and nothing else.
    pub(crate) async fn frame(&self, context: &SessionContext) -> Result<DataFrame> {
        let only_select = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        let frame = context.sql_with_options(self.sql, only_select).await;
        frame.map_err(|error| match error {
            DataFusionError::Plan(message) if message.contains("not supported") => {
                Error::Refused(format!("{message}; only SELECT is allowed"))
            }
            other => Error::Query(other),
        })
    }
}

/// What somebody's SELECT may use.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of memory before it spills or fails.
    pub memory: usize,
    /// Rows that come back at most.
    pub rows: usize,
    /// Bytes that come back, about.
    pub bytes: usize,
}

/// The rows of a SELECT.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Cells; `None` is NULL.
    pub rows: Vec<Vec<Option<Cell>>>,
    /// There are more rows than came back.
    pub more: bool,
}

/// Functions that make long text out of short.
const MULTIPLIERS: [&str; 8] = [
    "repeat",
    "lpad",
    "rpad",
    "replace",
    "regexp_replace",
    "overlay",
    "translate",
    "array_repeat",
];

static PLAIN: FormatOptions<'static> = FormatOptions::new();

fn answered(array: &ArrayRef, column: &ArrayFormatter<'_>, row: usize) -> Cell {
    let mut text = String::new();
    if column.value(row).write(&mut text).is_err() {
        return Cell::Text(String::new());
    }
    match array.data_type() {
        DataType::Boolean => Cell::Truth(text == "true"),
        kind if kind.is_integer() => text.parse().map_or(Cell::Text(text), Cell::Number),
        kind if kind.is_floating() => text.parse().map_or(Cell::Text(text), Cell::Float),
        _ => Cell::Text(text),
    }
}

/// Under which DataFusion knows the files of a lake that lies in a store, and plans that go to executors those of
/// every lake.
pub(crate) fn parts_url() -> datafusion::error::Result<ObjectStoreUrl> {
    ObjectStoreUrl::parse("lake://parts")
}

/// `events_raw`: exactly the given parts, split evenly over the threads. Nothing is listed.
#[derive(Debug)]
struct EventsTable {
    lake: Lake,
    parts: Arc<[Part]>,
    /// Executors read them: by their paths in the lake, and with what tells a part from another.
    elsewhere: bool,
}

#[async_trait]
impl TableProvider for EventsTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&SCHEMA)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> datafusion::error::Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
        let mut groups: Vec<(u64, Vec<PartitionedFile>)> = vec![(0, Vec::new()); self.lake.threads];
        let mut parts: Vec<&Part> = self.parts.iter().collect();
        parts.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.path.cmp(&b.path)));
        if !self.elsewhere {
            self.lake.warm(parts.iter().copied());
        }
        let by_lake = self.elsewhere || self.lake.files.is_remote();
        for part in parts {
            let path = self.lake.root.join(&part.path);
            let location = match by_lake {
                true => object_store::path::Path::parse(&part.path),
                false => object_store::path::Path::from_absolute_path(&path),
            };
            let mut file = PartitionedFile::new(String::new(), part.bytes);
            file.object_meta.location =
                location.map_err(|error| DataFusionError::External(Box::new(error)))?;
            if self.elsewhere {
                // A part that is not here is known by its length alone.
                let print = File::open(&path).and_then(|file| fingerprint(file, part.bytes));
                let print = print.unwrap_or(0);
                if let Some(time) = timestamp_ns_to_datetime(print) {
                    file.object_meta.last_modified = time.and_utc();
                }
            }
            if let Some(group) = groups.iter_mut().min_by_key(|(rows, _)| *rows) {
                group.0 += part.rows;
                group.1.push(file);
            }
        }
        let mut groups: Vec<FileGroup> = groups
            .into_iter()
            .filter(|(_, files)| !files.is_empty())
            .map(|(_, files)| FileGroup::new(files))
            .collect();
        if groups.is_empty() {
            // A plan of no partition at all cannot be sorted.
            groups.push(FileGroup::new(Vec::new()));
        }
        let source = Arc::new(ParquetSource::new(Arc::clone(&SCHEMA)));
        let url = match by_lake {
            true => parts_url()?,
            false => ObjectStoreUrl::local_filesystem(),
        };
        let config = FileScanConfigBuilder::new(url, source)
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_expr_adapter(Some(Arc::new(self.lake.part_reading())))
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// Our functions: SQL knows them here and on executors.
pub(crate) fn functions() -> impl Iterator<Item = ScalarUDF> {
    [IpText::udf(), IpBytes::udf(), IdText::udf()].into_iter()
}

fn ip_of(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into()),
        16 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into()),
        _ => None,
    }
}

/// The text of an address column's value.
pub fn ip_text(bytes: &[u8]) -> Option<String> {
    ip_of(bytes).map(|ip| ip.to_string())
}

macro_rules! function {
    ($name:ident, $sql:literal, $takes:expr, $gives:expr, $apply:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, PartialEq, Eq, Hash)]
        struct $name(Signature);

        impl $name {
            fn udf() -> ScalarUDF {
                ScalarUDF::new_from_impl($name(Signature::exact(
                    vec![$takes],
                    Volatility::Immutable,
                )))
            }
        }

        impl ScalarUDFImpl for $name {
            fn name(&self) -> &str {
                $sql
            }

            fn signature(&self) -> &Signature {
                &self.0
            }

            fn return_type(&self, _: &[DataType]) -> datafusion::error::Result<DataType> {
                Ok($gives)
            }

            fn invoke_with_args(
                &self,
                args: ScalarFunctionArgs,
            ) -> datafusion::error::Result<ColumnarValue> {
                let arrays = ColumnarValue::values_to_arrays(&args.args)?;
                Ok(ColumnarValue::Array($apply(&arrays[0])))
            }
        }
    };
}

function!(
    IpText,
    "ip_text",
    DataType::Binary,
    DataType::Utf8,
    ip_texts,
    "Address bytes to text."
);
function!(
    IpBytes,
    "ip",
    DataType::Utf8,
    DataType::Binary,
    ip_bytes,
    "Address text to bytes; null where it is none."
);
function!(
    IdText,
    "id_text",
    DataType::FixedSizeBinary(16),
    DataType::Utf8,
    id_texts,
    "Identity to 32 hex digits."
);

fn ip_texts(array: &ArrayRef) -> ArrayRef {
    let mut out = StringBuilder::with_capacity(array.len(), array.len() * 12);
    let bytes = array.as_binary::<i32>();
    bytes
        .iter()
        .for_each(|value| out.append_option(value.and_then(ip_text)));
    Arc::new(out.finish())
}

fn ip_bytes(array: &ArrayRef) -> ArrayRef {
    let mut out = BinaryBuilder::new();
    for value in array.as_string::<i32>() {
        match value.and_then(|text| text.parse().ok()) {
            Some(IpAddr::V4(ip)) => out.append_value(ip.octets()),
            Some(IpAddr::V6(ip)) => out.append_value(ip.octets()),
            None => out.append_null(),
        }
    }
    Arc::new(out.finish())
}

fn id_texts(array: &ArrayRef) -> ArrayRef {
    let mut out = StringBuilder::with_capacity(array.len(), array.len() * 32);
    let any: &dyn Any = array.as_any();
    if let Some(ids) = any.downcast_ref::<FixedSizeBinaryArray>() {
        for value in ids {
            let id = value
                .and_then(|bytes| bytes.try_into().ok())
                .map(model::ids::EventId);
            out.append_option(id.map(|id| id.to_string()));
        }
    }
    Arc::new(out.finish())
}
