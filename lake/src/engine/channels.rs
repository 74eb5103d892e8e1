//! Connections to executors, kept open: how the asking node reaches them, and they each other.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use datafusion::common::DataFusionError;
use datafusion_distributed::grpc::{BoxCloneSyncChannel, create_worker_client};
use datafusion_distributed::{ChannelResolver, WorkerChannel};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{HeaderValue, Request, Uri};
use tonic::transport::{Channel, Endpoint};
use url::Url;

use super::reach::{Refusal, connect};
use super::tls::{Files, Renewed, client_terms};
use super::{GREETING, PULSE, TOKEN, VERSION};
use crate::error::{Error, Result};

/// Why an executor is not asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absence {
    /// What is wrong.
    pub why: String,
    /// What to do about it, where that is known.
    pub remedy: Option<String>,
}

impl Absence {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Absence {
            why: why.into(),
            remedy: None,
        }
    }

    /// What an executor said, or why it was not reached, without the wrapping.
    pub(super) fn of(error: &DataFusionError) -> Self {
        let DataFusionError::External(inner) = error else {
            return Absence::new(error.to_string());
        };
        let inner: &(dyn StdError + 'static) = &**inner;
        let mut causes = std::iter::successors(Some(inner), |cause| StdError::source(*cause));
        if let Some(refusal) = causes.find_map(|cause| cause.downcast_ref::<Refusal>()) {
            return Absence {
                why: refusal.why.clone(),
                remedy: Some(refusal.remedy.clone()),
            };
        }
        match inner.downcast_ref::<Status>().map(Status::message) {
            Some(said) if !said.is_empty() => Absence::new(said),
            _ => Absence::new(error.to_string()),
        }
    }
}

/// Connections to executors, kept open, each request with the secret and the version.
#[derive(Clone)]
pub(super) struct Channels {
    token: HeaderValue,
    version: HeaderValue,
    /// What those over TLS are made with.
    terms: Arc<Renewed<ClientConfig>>,
    /// Whether no executor is asked in clear.
    sealed: bool,
    open: Arc<Mutex<HashMap<Url, Channel>>>,
}

impl Channels {
    pub(super) fn new(token: &str, version: &str, tls: &Files) -> Result<Self> {
        let header = |text: &str| {
            HeaderValue::from_str(text).map_err(|_| {
                Error::Engine("the token holds what no header may; use letters and digits".into())
            })
        };
        let mut token = header(token)?;
        token.set_sensitive(true);
        Ok(Channels {
            token,
            version: header(version)?,
            terms: Renewed::new(tls, client_terms),
            sealed: tls.are_named(),
            open: Arc::default(),
        })
    }

    /// A connection that is opened when it is used, and again when it was lost.
    fn channel(&self, url: &Url) -> Result<Channel, DataFusionError> {
        let endpoint = Endpoint::from_shared(url.to_string())
            .map_err(|error| DataFusionError::External(Box::new(error)))?
            .connect_timeout(GREETING)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(PULSE.0)
            .keep_alive_timeout(PULSE.1);
        if url.scheme() == "https" {
            let (url, terms) = (url.clone(), Arc::clone(&self.terms));
            return Ok(
                endpoint.connect_with_connector_lazy(tower::service_fn(move |_: Uri| {
                    let connecting = connect(url.clone(), Arc::clone(&terms));
                    async move { connecting.await.map(TokioIo::new) }
                })),
            );
        }
        // A plan names the executors as whoever made it reaches them.
        if self.sealed {
            return Err(DataFusionError::External(Box::new(Refusal::new(
                "it would be asked in clear, and this node has certificates for it",
                "write https in engine.url of the asking node",
            ))));
        }
        Ok(endpoint.connect_lazy())
    }
}

#[async_trait]
impl ChannelResolver for Channels {
    async fn get_worker_client_for_url(
        &self,
        url: &Url,
    ) -> Result<Box<dyn WorkerChannel>, DataFusionError> {
        let channel = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            match open.get(url) {
                Some(channel) => channel.clone(),
                None => {
                    let channel = self.channel(url)?;
                    open.insert(url.clone(), channel.clone());
                    channel
                }
            }
        };
        Ok(create_worker_client(BoxCloneSyncChannel::new(Signed {
            channel,
            token: self.token.clone(),
            version: self.version.clone(),
        })))
    }
}

/// A connection whose requests say who asks.
#[derive(Clone)]
struct Signed {
    channel: Channel,
    token: HeaderValue,
    version: HeaderValue,
}

impl Service<Request<Body>> for Signed {
    type Response = <Channel as Service<Request<Body>>>::Response;
    type Error = <Channel as Service<Request<Body>>>::Error;
    type Future = <Channel as Service<Request<Body>>>::Future;

    fn poll_ready(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Self::Error>> {
        self.channel.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let headers = request.headers_mut();
        headers.insert(TOKEN, self.token.clone());
        headers.insert(VERSION, self.version.clone());
        self.channel.call(request)
    }
}
