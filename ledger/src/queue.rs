//! The way of work to the nodes of a cluster: `graphile_worker`'s queue, in a schema of its own beside the
//! ledger's tables.
//!
//! What is to be done, how often it was tried and what went wrong stands in the ledger ([`crate::job`]), asked for
//! in the transaction that made it necessary; that row's lease says whose it is. The queue carries calls to do it:
//! which node hears first, one at a time per `queue`, the more urgent first, and again if that node dies. So a
//! call may come twice, late or for nothing: whoever gets it takes the lease, or has nothing to do. A call is
//! deleted when it is done; one whose node vanished is given to another after the lease's time.
//!
//! Without `local_queue` the crate takes one job a look and slot, whatever waits: here each group of tasks has
//! one of the size of its slots, so that no node keeps calls that another could begin with.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use graphile_worker::errors::GraphileWorkerError;
use graphile_worker::{
    IntoTaskHandlerResult, JobKeyMode, JobSpec, LocalQueueConfig, RawJobSpec, RefetchDelayConfig,
    TaskHandler, Worker, WorkerContext, WorkerOptions, WorkerRecoveryConfig, WorkerUtils,
};
use sea_orm::sqlx::PgPool;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Error, Ledger, Result};

/// The schema of the queue's tables.
pub const SCHEMA: &str = "watchfire_jobs";
/// How often a call is delivered that ends in an error or with its node, before it is left as it is. The ledger's
/// row is asked for again all the same.
const TRIES: i16 = 25;
/// How often it is looked for calls of nodes that died; new ones are told at once (`NOTIFY`).
pub const LOOK: Duration = Duration::from_secs(3);

/// A call to do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What: one of [`TASKS`].
    pub kind: String,
    /// On what.
    pub key: String,
    /// Calls of the same queue are done one after the other, whichever node does them.
    pub queue: Option<String>,
    /// The lower, the sooner.
    pub priority: i16,
}

/// What happens on a node: given kind and key, it answers when the work is done or why it is not.
pub type Doing =
    Arc<dyn Fn(&'static str, String) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync>;

/// What a call came to.
pub type Answer = std::result::Result<(), String>;

/// The hand that does calls, as the crate carries it to its tasks.
#[derive(Clone)]
struct Hand(Doing);

impl fmt::Debug for Hand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hand")
    }
}

/// Declares the tasks: the crate knows each by a type.
macro_rules! tasks {
    ($($name:ident $kind:literal)*) => {
        /// Every kind of call.
        pub const TASKS: &[&str] = &[$($kind),*];

        $(
            #[derive(Serialize, Deserialize)]
            struct $name {
                key: String,
            }

            impl TaskHandler for $name {
                const IDENTIFIER: &'static str = $kind;

                async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
                    match ctx.get_ext::<Hand>() {
                        Some(hand) => (hand.0)($kind, self.key).await,
                        None => Err("the worker has no hand".to_owned()),
                    }
                }
            }
        )*

        fn define(options: WorkerOptions, kinds: &[&str]) -> WorkerOptions {
            $(
                let options = match kinds.contains(&$kind) {
                    true => options.define_job::<$name>(),
                    false => options,
                };
            )*
            options
        }
    };
}

tasks! {
    Fetch "fetch"
    TakeIn "take-in"
    Triage "triage-round"
    Respond "respond"
    Notify "notify"
    Verify "verify"
    Compact "compact"
    Hook "hook"
    Draft "draft"
    Render "render"
}

impl From<GraphileWorkerError> for Error {
    fn from(error: GraphileWorkerError) -> Self {
        Error::Queue {
            reason: error.to_string(),
        }
    }
}

/// The queue of a ledger on a server.
#[derive(Clone)]
pub struct Queue {
    pool: PgPool,
    utils: WorkerUtils,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Queue")
    }
}

impl Ledger {
    /// The queue, its tables made if they are not there; `None` where the ledger is a file.
    ///
    /// # Errors
    /// [`Error::Server`] or [`Error::Queue`].
    pub async fn queue(&self, connections: u32) -> Result<Option<Queue>> {
        let Some(server) = self.server() else {
            return Ok(None);
        };
        let pool = server.pool(connections).await?;
        let utils = WorkerUtils::new(pool.clone(), SCHEMA);
        utils.migrate().await.map_err(|error| Error::Queue {
            reason: error.to_string(),
        })?;
        Ok(Some(Queue { pool, utils }))
    }
}

impl Queue {
    /// Puts calls into the queue, in one statement; what waits there already under the same kind and key waits once.
    ///
    /// # Errors
    /// [`Error::Queue`].
    pub async fn put(&self, calls: &[Call]) -> Result<()> {
        if calls.is_empty() {
            return Ok(());
        }
        let jobs = calls.iter().map(|call| {
            let spec = JobSpec::builder()
                .job_key(format!("{}/{}", call.kind, call.key))
                .job_key_mode(JobKeyMode::Replace)
                .max_attempts(TRIES)
                .priority(call.priority);
            let spec = match &call.queue {
                Some(queue) => spec.queue_name(queue.as_str()),
                None => spec,
            };
            RawJobSpec {
                identifier: call.kind.clone(),
                payload: json!({ "key": call.key }),
                spec: spec.build(),
            }
        });
        self.utils.add_raw_jobs(&jobs.collect::<Vec<_>>()).await?;
        Ok(())
    }

    /// Does calls of these kinds, `slots` at a time, until `stop` resolves; those under way get `drain` then. A node
    /// that says nothing for `lease` counts as dead, and its calls go to another.
    ///
    /// # Errors
    /// [`Error::Queue`]: the server went away: call it again. Or a kind is none of [`TASKS`].
    pub async fn work(
        &self,
        kinds: &[&str],
        slots: usize,
        (lease, drain): (Duration, Duration),
        doing: Doing,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<()> {
        let failed = |reason: String| Error::Queue { reason };
        // Else its calls would wait for ever, and nobody would know.
        if let Some(unknown) = kinds.iter().find(|kind| !TASKS.contains(kind)) {
            return Err(failed(format!("no call can be of the kind {unknown}")));
        }
        let recovery = WorkerRecoveryConfig::default()
            .heartbeat_interval(lease / 5)
            .sweep_interval(lease / 4)
            .sweep_threshold(lease)
            .recovery_delay(Duration::ZERO);
        // An empty look is followed by a rest that the next call ends. Without one the crate (0.14.1) looks again
        // at once, some hundred times a second: each look wakes its own loop.
        let resting = RefetchDelayConfig::default()
            .with_duration(LOOK)
            .with_max_abort_threshold(1);
        let options = Worker::options()
            .pg_pool(self.pool.clone())
            .schema(SCHEMA)
            .concurrency(slots)
            .poll_interval(LOOK)
            .local_queue(
                LocalQueueConfig::default()
                    .with_size(slots)
                    .with_refetch_delay(resting),
            )
            .worker_recovery(recovery)
            .add_extension(Hand(doing))
            .listen_os_shutdown_signals(false)
            .shutdown_grace_period(drain)
            .shutdown_interrupted_job_retry_delay(Duration::ZERO)
            .shutdown_signal(stop);
        let worker = define(options, kinds).init().await;
        let worker = worker.map_err(|error| failed(error.to_string()))?;
        worker
            .run()
            .await
            .map_err(|error| failed(error.to_string()))
    }

    /// Calls that wait or are under way, and those that were left as they are after too many tries.
    ///
    /// # Errors
    /// [`Error::Queue`].
    pub async fn depth(&self) -> Result<(i64, i64)> {
        let sql = "SELECT count(*) FILTER (WHERE attempts < max_attempts OR locked_at IS NOT NULL), \
            count(*) FILTER (WHERE attempts >= max_attempts AND locked_at IS NULL) \
            FROM watchfire_jobs._private_jobs";
        let found = sea_orm::sqlx::query_as::<_, (i64, i64)>(sql);
        let found = found.fetch_one(&self.pool).await;
        found.map_err(|error| Error::Queue {
            reason: error.to_string(),
        })
    }
}
