//! Queries over several machines: one SELECT over the parts, read by executors.
//!
//! An [`Engine`] is a list of executors ([`executor`]) that hold the same lake. A query over enough
//! rows is planned here as always, and `datafusion-distributed` sends pieces of the plan to them;
//! what goes over the wire is partial counts, not events. Everything else runs here: a query over
//! few rows, one whose rows would all cross the wire, and every query when no executor is left.
//! Which of the two it is, `EXPLAIN` says. What is counted in code of ours and not in SQL goes the same way as an
//! [`errand`].
//!
//! An answer is taken whole before its first row is handed on, so that an executor that is lost in
//! the middle costs a second attempt and never half an answer. The second attempt asks the executors
//! that still answer; after it the query runs here. An executor that hangs is lost as well: the
//! connection is asked for a sign of life every few seconds, and the whole has a deadline. So is one
//! whose certificate is not the right one ([`tls`]): there is no way back to a road in clear.

use std::fmt;
use std::fs::File;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{RecordBatch, StringArray};
use datafusion::common::DataFusionError;
use datafusion::common::tree_node::TreeNode;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SessionContext;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::memory::MemoryStream;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, execute_stream};
use datafusion_distributed::{
    ChannelResolver, DesiredTaskCountEvent, DesiredTaskCountEventResponse, DistributedExec,
    DistributedExt, DistributedLeafExec, GetWorkerInfoRequest, ScaleUpLeafNodeEvent,
    ScaleUpLeafNodeEventResponse, SessionStateBuilderExt, WorkerResolver, display_plan_ascii,
};
use url::Url;

use crate::error::{Error, Result};
use crate::query::{Lake, Part, Select};

mod callers;
mod channels;
pub mod errand;
pub mod executor;
mod reach;
pub mod tls;

pub use channels::Absence;
use channels::Channels;
use errand::{Carrier, ErrandExec};

/// Header of the secret that nodes share.
const TOKEN: &str = "x-watchfire-token";
/// Header of the version of watchfire that asks.
const VERSION: &str = "x-watchfire-version";
/// How long an executor may take to say that it is there.
const GREETING: Duration = Duration::from_secs(1);
/// How often a connection is asked for a sign of life, and how long that may take: so long goes by
/// before an executor that hangs is given up.
const PULSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(2));
/// Attempts on executors before a query runs here.
const ATTEMPTS: usize = 2;
/// Share of a query's memory that an answer may take which is held until it is whole.
const HELD_SHARE: usize = 4;
/// Bytes at the end of a part that tell it from another of its length: more than the sizes and
/// places of its last columns, which stand there.
const TAIL: u64 = 16 << 10;

/// Where executors are, and when they are asked.
#[derive(Clone)]
pub struct EngineSettings {
    /// Addresses of the executors, `https://HOST:PORT`; `http` where no file of `tls` is named.
    pub executors: Vec<String>,
    /// The secret that the nodes share.
    pub token: String,
    /// How executors are known, and what is shown to them.
    pub tls: tls::Files,
    /// Version of this program: executors of another one refuse.
    pub version: String,
    /// Rows of live parts from which a query is given to the executors.
    pub min_rows: u64,
    /// How long an attempt on the executors may take.
    pub deadline: Duration,
}

/// The executors that a lake's queries are given to.
#[derive(Clone)]
pub struct Engine {
    executors: Arc<[Url]>,
    channels: Channels,
    version: Arc<str>,
    min_rows: u64,
    deadline: Duration,
}

impl Engine {
    /// An engine of these executors. Nothing is asked yet.
    ///
    /// # Errors
    /// [`Error::Engine`]: an address is none, or the token cannot be sent.
    pub fn new(settings: &EngineSettings) -> Result<Self> {
        let executors = settings.executors.iter();
        let executors = executors.map(|address| parsed(address, &settings.tls));
        Ok(Engine {
            executors: executors.collect::<Result<_>>()?,
            channels: Channels::new(&settings.token, &settings.version, &settings.tls)?,
            version: settings.version.as_str().into(),
            min_rows: settings.min_rows,
            deadline: settings.deadline,
        })
    }

    /// Asks every executor whether it is there, lets us in and is of our version; in the order of the list, with what
    /// is wrong.
    pub async fn roll_call(&self) -> Vec<(Url, Result<(), Absence>)> {
        let mut calls = tokio::task::JoinSet::new();
        for (at, url) in self.executors.iter().cloned().enumerate() {
            let engine = self.clone();
            calls.spawn(async move {
                let state = match tokio::time::timeout(GREETING, engine.greet(&url)).await {
                    Ok(state) => state,
                    Err(_) => Err(Absence::new("it does not answer")),
                };
                (at, (url, state))
            });
        }
        let mut all = calls.join_all().await;
        all.sort_by_key(|(at, _)| *at);
        all.into_iter().map(|(_, state)| state).collect()
    }

    async fn greet(&self, url: &Url) -> Result<(), Absence> {
        let told = async {
            let mut client = self.channels.get_worker_client_for_url(url).await?;
            client.get_worker_info(GetWorkerInfoRequest {}).await
        };
        let told = told.await.map_err(|error| Absence::of(&error))?;
        match told.version == *self.version {
            true => Ok(()),
            false => Err(Absence::new(format!(
                "it is watchfire {}, this is {}: bring both to one version",
                told.version, self.version
            ))),
        }
    }

    /// Executors that may be asked now.
    async fn present(&self) -> Vec<Url> {
        let mut present = Vec::new();
        for (url, state) in self.roll_call().await {
            match state {
                Ok(()) => present.push(url),
                Err(Absence { why, remedy }) => {
                    let remedy = remedy.as_deref();
                    tracing::warn!(executor = %url, %why, remedy, "executor is not asked");
                }
            }
        }
        present
    }
}

/// An executor's address. It has its port, because nobody listens on the one that a scheme stands for.
fn parsed(address: &str, tls: &tls::Files) -> Result<Url> {
    let port = address.trim_end_matches('/').rsplit_once(':');
    let named = port.is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let url = Url::parse(address).ok();
    let url = url.filter(|url| named && matches!(url.scheme(), "http" | "https") && url.has_host());
    match url {
        None => Err(Error::Engine(format!(
            "executor `{address}` is no address; write one such as https://192.0.2.7:8091"
        ))),
        // The secret would go in clear to whoever answers there.
        Some(url) if url.scheme() == "http" && tls.are_named() => Err(Error::Engine(format!(
            "executor `{address}` would be asked in clear, and there are certificates: write https"
        ))),
        Some(url) => Ok(url),
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("executors", &self.executors)
            .field("min_rows", &self.min_rows)
            .finish_non_exhaustive()
    }
}

/// The executors that a roll call found.
struct Present(Vec<Url>);

impl WorkerResolver for Present {
    fn get_urls(&self) -> Result<Vec<Url>, DataFusionError> {
        Ok(self.0.clone())
    }
}

impl Engine {
    /// A session builder whose plans are spread over `executors`.
    pub(crate) fn spread(
        &self,
        builder: SessionStateBuilder,
        executors: &[Url],
    ) -> Result<SessionStateBuilder> {
        Ok(builder
            .with_distributed_planner()
            .with_distributed_worker_resolver(Present(executors.to_vec()))
            .with_distributed_channel_resolver(self.channels.clone())
            .with_distributed_metrics_collection(false)?
            .with_distributed_user_codec(Carrier { home: None })
            .with_distributed_desired_task_count_handler(desired)
            .with_distributed_scale_up_leaf_node_handler(split))
    }

    /// Answers a SELECT by the executors. `None`: it is to be run here.
    ///
    /// # Errors
    /// [`Error::Refused`]: it may be asked nowhere.
    pub(crate) async fn answer(
        &self,
        lake: &Lake,
        parts: &[Part],
        select: &Select<'_>,
    ) -> Result<Option<SendableRecordBatchStream>> {
        if !self.is_worth(parts) {
            return Ok(None);
        }
        let room = lake.memory() / HELD_SHARE;
        for attempt in 1..=ATTEMPTS {
            let executors = self.present().await;
            if executors.is_empty() {
                break;
            }
            let whole = attempted(lake, parts, select, &executors, room);
            if let Some(answer) = self.within(attempt, whole).await? {
                return Ok(answer);
            }
        }
        tracing::warn!("the query runs here, without executors");
        Ok(None)
    }

    /// Whether parts hold rows enough to be read by executors.
    pub(crate) fn is_worth(&self, parts: &[Part]) -> bool {
        parts.iter().map(|part| part.rows).sum::<u64>() >= self.min_rows
    }

    /// What an attempt comes to; `None` where there may be another.
    ///
    /// # Errors
    /// [`Error::Refused`]: it may be asked nowhere.
    async fn within<T>(
        &self,
        attempt: usize,
        whole: impl Future<Output = Result<T>>,
    ) -> Result<Option<T>> {
        match tokio::time::timeout(self.deadline, whole).await {
            Ok(Ok(answer)) => return Ok(Some(answer)),
            Ok(Err(Error::Refused(why))) => return Err(Error::Refused(why)),
            // What is wrong with the query itself is found here once more, and told in plain words.
            Ok(Err(error)) => tracing::warn!(attempt, %error, "query on the executors failed"),
            Err(_) => tracing::warn!(attempt, "query on the executors took too long"),
        }
        Ok(None)
    }
}

/// One attempt; `None` where the plan is not spread, or the answer is too large to be held.
async fn attempted(
    lake: &Lake,
    parts: &[Part],
    select: &Select<'_>,
    executors: &[Url],
    room: usize,
) -> Result<Option<SendableRecordBatchStream>> {
    let context = lake.session_on(parts, select, executors).await?;
    let frame = select.frame(&context).await?;
    if let LogicalPlan::Explain(explain) = frame.logical_plan() {
        return match gains(&explain.plan)? {
            true => explained(&context, &explain.plan).await,
            false => Ok(None),
        };
    }
    if !gains(frame.logical_plan())? {
        return Ok(None);
    }
    let task = Arc::new(frame.task_ctx());
    let plan = frame.create_physical_plan().await?;
    if !plan.is::<DistributedExec>() {
        return Ok(None);
    }
    let mut stream = execute_stream(plan, task)?;
    let schema = stream.schema();
    let (mut batches, mut held, mut rows) = (Vec::new(), 0, 0);
    while let Some(batch) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
        let batch = batch?;
        held += batch.get_array_memory_size();
        rows += batch.num_rows();
        if held > room {
            return Ok(None);
        }
        batches.push(batch);
        if rows > select.enough {
            break;
        }
    }
    Ok(Some(Box::pin(MemoryStream::try_new(
        batches, schema, None,
    )?)))
}

/// Whether fewer rows may come out than are read: otherwise they would all cross the wire.
fn gains(plan: &LogicalPlan) -> Result<bool> {
    Ok(plan.exists(|node| {
        Ok(matches!(
            node,
            LogicalPlan::Aggregate(_)
                | LogicalPlan::Distinct(_)
                | LogicalPlan::Filter(_)
                | LogicalPlan::Limit(_)
        ))
    })?)
}

/// The plan as it would be spread, in the columns of an EXPLAIN; `None` where it would not be.
async fn explained(
    context: &SessionContext,
    plan: &LogicalPlan,
) -> Result<Option<SendableRecordBatchStream>> {
    let physical = context.state().create_physical_plan(plan).await?;
    if !physical.is::<DistributedExec>() {
        return Ok(None);
    }
    let schema = LogicalPlan::explain_schema();
    let rows = [
        ("logical_plan", plan.display_indent().to_string()),
        (
            "physical_plan",
            display_plan_ascii(physical.as_ref(), false),
        ),
    ];
    let kinds = StringArray::from_iter_values(rows.iter().map(|(kind, _)| kind));
    let texts = StringArray::from_iter_values(rows.iter().map(|(_, text)| text));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(kinds), Arc::new(texts)])?;
    let stream = MemoryStream::try_new(vec![batch], schema, None)?;
    Ok(Some(Box::pin(stream)))
}

/// The scan of parts that a plan's leaf is.
fn parts_scan(plan: &Arc<dyn ExecutionPlan>) -> Option<&FileScanConfig> {
    let source: &DataSourceExec = plan.downcast_ref()?;
    source.data_source().downcast_ref()
}

/// As many executors as there are files to read, and no more.
fn desired(
    event: DesiredTaskCountEvent<'_>,
) -> Option<Result<DesiredTaskCountEventResponse, DataFusionError>> {
    let files = match event.plan.downcast_ref::<ErrandExec>() {
        Some(errand) => errand.parts().len(),
        None => {
            let groups = parts_scan(event.plan)?.file_groups.iter();
            groups.map(FileGroup::len).sum()
        }
    };
    Some(Ok(match files {
        0 | 1 => DesiredTaskCountEventResponse::maximum(1),
        files => DesiredTaskCountEventResponse::desired(files),
    }))
}

/// Shares the files out, the largest first and each to whoever has least.
fn split(
    event: ScaleUpLeafNodeEvent<'_>,
) -> Option<Result<ScaleUpLeafNodeEventResponse, DataFusionError>> {
    if let Some(errand) = event.plan.downcast_ref::<ErrandExec>() {
        let leaf = errand.split(event.plan, event.task_count);
        return Some(leaf.map(ScaleUpLeafNodeEventResponse::new));
    }
    let scan = parts_scan(event.plan)?;
    let partitions = event.plan.output_partitioning().partition_count();
    let files = scan.file_groups.iter().flat_map(FileGroup::iter);
    let mut files: Vec<_> = files.cloned().collect();
    files.sort_by(|a, b| {
        let of = |file: &datafusion::datasource::listing::PartitionedFile| {
            let start = file.range.as_ref().map_or(0, |range| range.start);
            (file.object_meta.location.clone(), start)
        };
        (b.effective_size().cmp(&a.effective_size())).then_with(|| of(a).cmp(&of(b)))
    });
    let mut shares = vec![(0, Vec::new()); event.task_count * partitions];
    for file in files {
        if let Some(share) = shares.iter_mut().min_by_key(|(bytes, _)| *bytes) {
            share.0 += file.effective_size();
            share.1.push(file);
        }
    }
    let mut tasks = vec![Vec::new(); event.task_count];
    for (at, (_, files)) in shares.into_iter().enumerate() {
        tasks[at % event.task_count].push(FileGroup::new(files));
    }
    let variants = tasks.into_iter().map(|groups| {
        let mut scan = scan.clone();
        scan.file_groups = groups;
        DataSourceExec::from_data_source(scan) as Arc<dyn ExecutionPlan>
    });
    let leaf = DistributedLeafExec::try_new(Arc::clone(event.plan), variants);
    Some(leaf.map(|leaf| ScaleUpLeafNodeEventResponse::new(Arc::new(leaf))))
}

/// What tells a part from another of the same name and length: a digest of its end, where a Parquet
/// file states the size, place and extremes of all it holds. It travels as the time of the file's
/// last change, the one other fact that a plan carries of a file; parts never change.
pub(crate) fn fingerprint(mut file: File, bytes: u64) -> std::io::Result<i64> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(bytes.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    let digest = blake3::hash(&tail);
    let mut first = [0; 8];
    first.copy_from_slice(&digest.as_bytes()[..8]);
    // Positive, and never 0, which stands for a part whose end is not known where the query is planned.
    Ok((i64::from_le_bytes(first) & i64::MAX).max(1))
}
