//! An executor: reads parts of its own copy of the lake for queries that are planned elsewhere.
//!
//! It needs the lake's files and the secret, no ledger; with a certificate it is reached over TLS only.
//! Plans name parts by their path in the lake; here each is looked for in the executor's own lake, and
//! must have the length and the fingerprint that the asker knows: a part that is missing, older or
//! another is refused, and the asker answers the query in another way.

use std::future::Future;
use std::sync::Arc;

use datafusion::common::DataFusionError;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::sink::DataSinkExec;
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_distributed::{
    DistributedExt, Worker, WorkerPlanRewriteEvent, WorkerPlanRewriteEventResponse,
    WorkerQueryContext,
};
use tokio::net::TcpListener;
use tonic::codegen::InterceptedService;
use tonic::service::Interceptor;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Status};

use super::callers::Callers;
use super::channels::Channels;
use super::errand::{Carrier, Errand, ErrandExec, Home};
use super::tls::{Files, Renewed, server_terms};
use super::{PULSE, TOKEN, VERSION, fingerprint, parts_scan};
use crate::error::{Error, Result};
use crate::query::{Lake, functions, parts_url};

/// Whom an executor lets in.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The secret that the nodes share.
    pub token: String,
    /// Version of this program; whoever has another is refused.
    pub version: String,
    /// With any of these callers come over TLS alone; with `ca` they show a certificate that it signed.
    pub tls: Files,
}

/// Reads parts of `lake` for whoever has the secret, and does these errands, until `ended` is over. All queries together
/// use the memory of the lake, then they spill.
///
/// # Errors
/// [`Error::Engine`]: there is no secret, the certificate cannot be used, or the socket fails.
pub async fn serve(
    lake: Lake,
    listener: TcpListener,
    admission: &Admission,
    errands: impl IntoIterator<Item = Errand>,
    ended: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    if admission.token.is_empty() {
        return Err(Error::Engine(
            "an executor answers nobody without a secret; set engine.token".into(),
        ));
    }
    let terms = match admission.tls.are_named() {
        true => {
            let terms = Renewed::new(&admission.tls, server_terms);
            // What cannot be used is told at the start.
            let usable = terms.now().map(drop);
            usable.map_err(|error| Error::Engine(error.to_string()))?;
            Some(terms)
        }
        false => None,
    };
    let channels = Channels::new(&admission.token, &admission.version, &admission.tls)?;
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(lake.memory())))
        .build_arc()?;
    lake.lend(&runtime)?;
    let home = Home {
        lake,
        errands: errands.into_iter().collect(),
    };
    let session = move |asked: WorkerQueryContext| {
        let (home, channels) = (home.clone(), channels.clone());
        async move {
            let mut builder = asked.builder;
            builder
                .scalar_functions()
                .get_or_insert_default()
                .extend(functions().map(Arc::new));
            let lake = home.lake.clone();
            let builder = builder
                .with_distributed_channel_resolver(channels)
                .with_distributed_user_codec(Carrier { home: Some(home) })
                .with_distributed_worker_plan_rewrite_handler(
                    move |event: WorkerPlanRewriteEvent<'_>| {
                        let plan = at_home(&lake, event.plan)?;
                        Ok(WorkerPlanRewriteEventResponse::new(plan))
                    },
                );
            Ok(builder.build())
        }
    };
    let worker = Worker::from_session_builder(session)
        .with_runtime_env(runtime)
        .with_version(admission.version.clone());
    let gate = Gate {
        token: blake3::hash(admission.token.as_bytes()),
        version: admission.version.as_str().into(),
    };
    let server = Server::builder()
        .http2_keepalive_interval(Some(PULSE.0))
        .http2_keepalive_timeout(Some(PULSE.1))
        .add_service(InterceptedService::new(worker.into_worker_server(), gate));
    let served = match terms {
        Some(terms) => {
            let callers = Callers::new(listener, terms);
            server.serve_with_incoming_shutdown(callers, ended).await
        }
        None => {
            let callers = TcpIncoming::from(listener).with_nodelay(Some(true));
            server.serve_with_incoming_shutdown(callers, ended).await
        }
    };
    served.map_err(|error| Error::Engine(format!("executor: {error}")))
}

/// Lets in who has the secret and our version.
#[derive(Clone)]
struct Gate {
    /// Digests are compared, in a time that does not tell how much of the secret was right.
    token: blake3::Hash,
    version: Arc<str>,
}

impl Interceptor for Gate {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let header = |name| request.metadata().get(name).map(|value| value.as_bytes());
        let token = header(TOKEN).unwrap_or_default();
        if blake3::hash(token) != self.token {
            return Err(Status::unauthenticated(
                "the token is not this executor's; set the same engine.token on all nodes",
            ));
        }
        let version = header(VERSION).unwrap_or_default();
        if version != self.version.as_bytes() {
            return Err(Status::failed_precondition(format!(
                "this executor is watchfire {}, who asks is {}: bring both to one version",
                self.version,
                String::from_utf8_lossy(version)
            )));
        }
        Ok(request)
    }
}

/// A plan that reads the parts of this lake, once each of them was found to be the one that is meant. A plan that
/// reads or writes anything else is refused.
fn at_home(
    lake: &Lake,
    plan: Arc<dyn ExecutionPlan>,
) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
    plan.transform_down(|node| {
        if node.is::<DataSinkExec>() {
            return Err(refused("an executor writes nothing".to_owned()));
        }
        if let Some(errand) = node.downcast_ref::<ErrandExec>() {
            for part in errand.parts() {
                same_part(lake, &part.path, part.bytes, part.print).map_err(refused)?;
            }
            return Ok(Transformed::no(node));
        }
        let Some(scan) = parts_scan(&node) else {
            return Ok(Transformed::no(node));
        };
        if scan.object_store_url != parts_url()? {
            return Err(refused(
                "an executor reads parts of its lake only".to_owned(),
            ));
        }
        for file in scan.file_groups.iter().flat_map(|group| group.iter()) {
            let meant = &file.object_meta;
            same_part(
                lake,
                meant.location.as_ref(),
                meant.size,
                meant.last_modified.timestamp_nanos_opt(),
            )
            .map_err(refused)?;
        }
        let mut scan = scan.clone();
        scan.expr_adapter_factory = Some(Arc::new(lake.part_reading()));
        Ok(Transformed::yes(
            DataSourceExec::from_data_source(scan) as Arc<dyn ExecutionPlan>
        ))
    })
    .data()
}

fn refused(why: String) -> DataFusionError {
    DataFusionError::Execution(why)
}

/// Whether the part of this name is here, of this length and with this fingerprint.
fn same_part(lake: &Lake, path: &str, bytes: u64, print: Option<i64>) -> Result<(), String> {
    let here = lake.root().join(path);
    let unread =
        |error: &dyn std::fmt::Display| format!("part {path} cannot be read here: {error}");
    let files = lake.files();
    let length = files.size(&here).map_err(|error| unread(&error))?;
    let Some(length) = length else {
        return Err(format!("part {path} is not here: the lakes differ"));
    };
    if length != bytes {
        return Err(format!(
            "part {path} has {length} bytes here and {bytes} where the query comes from: the lakes differ"
        ));
    }
    let unlike = match print {
        None | Some(0) => false,
        Some(print) => {
            let file = files.open(&here).map_err(|error| unread(&error))?;
            fingerprint(file, bytes).map_err(|error| unread(&error))? != print
        }
    };
    match unlike {
        true => Err(format!(
            "part {path} is not the one that is meant: the lakes differ"
        )),
        false => Ok(()),
    }
}
