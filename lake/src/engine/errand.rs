//! Errands: what is asked of parts in code of ours and not in SQL, done by executors.
//!
//! An errand has a name, a question in text, and a function over some parts of a lake that answers in pieces. Whoever
//! asks takes the pieces in, in whatever order they come, to what it would have counted itself. To the planner an errand
//! is a leaf like a scan: the parts are shared out over the executors, each runs the function over its share, and only
//! the pieces cross the wire. What an executor may be asked is what its program knows by name; parts are looked for
//! and compared as those of queries are ([`super::executor`]).

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{AsArray, BinaryArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::DataFusionError;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result as Planned;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, execute_stream,
};
use datafusion_distributed::{DistributedExec, DistributedLeafExec};
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::Sender;
use url::Url;

use super::{ATTEMPTS, fingerprint};
use crate::error::{Error, Result};
use crate::query::{Lake, Part, Select};

/// Pieces that may wait to be sent; then whoever makes them waits.
const WAITING: usize = 4;

/// An errand under way.
pub type Doing = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// What is done over some parts: the lake, the parts, the question, and where the pieces go.
type Run = dyn Fn(Lake, Vec<Part>, String, Pieces) -> Doing + Send + Sync;

/// Something that executors do when they are asked for it by name.
#[derive(Clone)]
pub struct Errand {
    name: &'static str,
    run: Arc<Run>,
}

impl Errand {
    /// An errand of this name.
    pub fn new(
        name: &'static str,
        run: impl Fn(Lake, Vec<Part>, String, Pieces) -> Doing + Send + Sync + 'static,
    ) -> Self {
        let run = Arc::new(run);
        Errand { name, run }
    }
}

impl fmt::Debug for Errand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Where the pieces of an errand go.
#[derive(Clone, Debug)]
pub struct Pieces(Sender<Planned<RecordBatch>>);

impl Pieces {
    /// Hands one on; some MB at most, for it is held whole on both sides.
    ///
    /// # Errors
    /// Nobody waits for it any more.
    pub async fn give(&self, piece: &[u8]) -> Result<(), String> {
        let column = BinaryArray::from_iter_values([piece]);
        let batch = RecordBatch::try_new(schema(), vec![Arc::new(column)]);
        let sent = self.0.send(batch.map_err(DataFusionError::from)).await;
        sent.map_err(|_| "nobody waits for the answer any more".to_owned())
    }

    /// Whether nobody waits for pieces any more.
    pub fn is_over(&self) -> bool {
        self.0.is_closed()
    }
}

fn schema() -> SchemaRef {
    let piece = Field::new("piece", DataType::Binary, false);
    Arc::new(Schema::new(vec![piece]))
}

/// A part, and what tells it from another of its name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Meant {
    pub(super) path: String,
    pub(super) bytes: u64,
    rows: u64,
    first: i64,
    last: i64,
    /// `None`: it is not here, and known by its length alone.
    pub(super) print: Option<i64>,
}

impl Meant {
    fn of(lake: &Lake, part: &Part) -> Meant {
        let file = std::fs::File::open(lake.root().join(&part.path));
        Meant {
            path: part.path.clone(),
            bytes: part.bytes,
            rows: part.rows,
            first: part.min_observed,
            last: part.max_observed,
            print: file.and_then(|file| fingerprint(file, part.bytes)).ok(),
        }
    }

    fn part(&self) -> Part {
        Part {
            path: self.path.clone(),
            bytes: self.bytes,
            rows: self.rows,
            min_observed: self.first,
            max_observed: self.last,
        }
    }
}

/// What crosses the wire.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Order {
    errand: String,
    asked: String,
    parts: Vec<Meant>,
}

/// An executor's lake and what it can do.
#[derive(Clone, Debug)]
pub(super) struct Home {
    pub(super) lake: Lake,
    pub(super) errands: Arc<[Errand]>,
}

/// An errand as the leaf of a plan: on the asking side all parts, on an executor its share.
#[derive(Clone, Debug)]
pub(super) struct ErrandExec {
    order: Order,
    home: Option<Home>,
    properties: Arc<PlanProperties>,
}

impl ErrandExec {
    fn new(order: Order, home: Option<Home>, partitions: usize) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema()),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        ErrandExec {
            order,
            home,
            properties: Arc::new(properties),
        }
    }

    /// Its parts.
    pub(super) fn parts(&self) -> &[Meant] {
        &self.order.parts
    }

    /// Shares the parts out, the largest first and each to whoever has least.
    pub(super) fn split(
        &self,
        whole: &Arc<dyn ExecutionPlan>,
        tasks: usize,
    ) -> Planned<Arc<dyn ExecutionPlan>> {
        let mut parts = self.order.parts.clone();
        parts.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.path.cmp(&b.path)));
        let mut shares = vec![(0, Vec::new()); tasks];
        for part in parts {
            if let Some(share) = shares.iter_mut().min_by_key(|(bytes, _)| *bytes) {
                share.0 += part.bytes;
                share.1.push(part);
            }
        }
        let variants = shares.into_iter().map(|(_, parts)| {
            let order = Order {
                parts,
                ..self.order.clone()
            };
            Arc::new(ErrandExec::new(order, None, 1)) as Arc<dyn ExecutionPlan>
        });
        let leaf = DistributedLeafExec::try_new(Arc::clone(whole), variants)?;
        Ok(Arc::new(leaf))
    }
}

impl DisplayAs for ErrandExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Order { errand, parts, .. } = &self.order;
        write!(f, "ErrandExec: {errand} over {} parts", parts.len())
    }
}

impl ExecutionPlan for ErrandExec {
    fn name(&self) -> &str {
        "ErrandExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Planned<TreeNodeRecursion>,
    ) -> Planned<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Planned<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> Planned<SendableRecordBatchStream> {
        let Order { errand, asked, .. } = &self.order;
        let failed = |why: String| DataFusionError::Execution(format!("errand `{errand}`: {why}"));
        let Some(home) = &self.home else {
            return Err(failed("it is not done where it is asked".to_owned()));
        };
        let known = home.errands.iter().find(|one| one.name == errand.as_str());
        let Some(known) = known else {
            return Err(failed("this executor knows none".to_owned()));
        };
        let parts = self.order.parts.iter().map(Meant::part).collect();
        let mut stream = RecordBatchReceiverStreamBuilder::new(schema(), WAITING);
        let pieces = Pieces(stream.tx());
        let doing = (known.run)(home.lake.clone(), parts, asked.clone(), pieces);
        let (name, parts) = (known.name, self.order.parts.len());
        stream.spawn(async move {
            let done = doing.await;
            if done.is_ok() {
                tracing::info!(errand = name, parts, "errand done");
            }
            done.map_err(|why| DataFusionError::Execution(format!("errand `{name}`: {why}")))
        });
        Ok(stream.build())
    }
}

/// How errands cross the wire.
#[derive(Debug)]
pub(super) struct Carrier {
    /// On an executor.
    pub(super) home: Option<Home>,
}

impl PhysicalExtensionCodec for Carrier {
    fn try_decode(
        &self,
        bytes: &[u8],
        _: &[Arc<dyn ExecutionPlan>],
        _: &TaskContext,
        _: &dyn PhysicalProtoConverterExtension,
    ) -> Planned<Arc<dyn ExecutionPlan>> {
        let order = serde_json::from_slice(bytes)
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok(Arc::new(ErrandExec::new(order, self.home.clone(), 1)))
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        bytes: &mut Vec<u8>,
        _: &dyn PhysicalProtoConverterExtension,
    ) -> Planned<()> {
        let Some(errand) = node.downcast_ref::<ErrandExec>() else {
            let why = format!("{} is no errand", node.name());
            return Err(DataFusionError::Internal(why));
        };
        serde_json::to_writer(bytes, &errand.order)
            .map_err(|error| DataFusionError::External(Box::new(error)))
    }
}

/// An errand as a table of its pieces, for that is what a planner plans.
#[derive(Debug)]
struct Table(Arc<ErrandExec>);

#[async_trait]
impl TableProvider for Table {
    fn schema(&self) -> SchemaRef {
        schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        _: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Planned<Arc<dyn ExecutionPlan>> {
        Ok(Arc::clone(&self.0) as Arc<dyn ExecutionPlan>)
    }
}

/// One attempt on these executors; `None` where the plan is not spread.
async fn attempted<T>(
    lake: &Lake,
    order: &Order,
    executors: &[Url],
    start: &(impl Fn() -> T + Sync),
    take: &(impl Fn(&mut T, &[u8]) -> Result<(), String> + Sync),
) -> Result<Option<T>> {
    let select = Select::of("", lake.memory());
    let context = lake.session_on(&[], &select, executors).await?;
    // More than one partition: what comes of several is gathered, and there the planner cuts.
    let leaf = ErrandExec::new(order.clone(), None, 2);
    let frame = context.read_table(Arc::new(Table(Arc::new(leaf))))?;
    let task = Arc::new(frame.task_ctx());
    let plan = frame.create_physical_plan().await?;
    if !plan.is::<DistributedExec>() {
        return Ok(None);
    }
    let mut stream = execute_stream(plan, task)?;
    let mut kept = start();
    while let Some(batch) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
        let batch = batch?;
        let pieces = batch.column(0).as_binary::<i32>();
        for piece in pieces.iter().flatten() {
            take(&mut kept, piece).map_err(Error::Engine)?;
        }
    }
    Ok(Some(kept))
}

impl Lake {
    /// Has an errand done over `parts` by the executors, where there are some and the parts hold enough rows for it;
    /// `None`: do it here. `take` takes a piece into what `start` made; an attempt that fails is begun anew.
    pub async fn errand<T: Send>(
        &self,
        parts: &[Part],
        (errand, asked): (&str, &str),
        start: impl Fn() -> T + Sync,
        take: impl Fn(&mut T, &[u8]) -> Result<(), String> + Sync,
    ) -> Option<T> {
        let engine = self.engine()?;
        if !engine.is_worth(parts) {
            return None;
        }
        let order = Order {
            errand: errand.to_owned(),
            asked: asked.to_owned(),
            parts: parts.iter().map(|part| Meant::of(self, part)).collect(),
        };
        for attempt in 1..=ATTEMPTS {
            let executors = engine.present().await;
            if executors.is_empty() {
                break;
            }
            let whole = attempted(self, &order, &executors, &start, &take);
            match engine.within(attempt, whole).await {
                Ok(Some(Some(done))) => {
                    tracing::debug!(errand, executors = executors.len(), "done by executors");
                    return Some(done);
                }
                Ok(None) => {}
                // Not spread, or refused: here it is done or told.
                Ok(Some(None)) | Err(_) => return None,
            }
        }
        tracing::warn!(errand, "it is done here, without executors");
        None
    }
}
