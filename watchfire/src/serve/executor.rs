//! An executor of the engine: answers pieces of other nodes' queries from the lake. It opens no ledger.

use std::net::{Ipv4Addr, SocketAddr};

use lake::engine::executor::{Admission, serve};
use tokio::net::TcpListener;

use super::Ending;
use crate::failure::{Failure, Result};
use crate::workspace::{Session, files, lake};

/// Where an executor listens unless told otherwise: this machine only.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8091);

/// Executes until a signal ends the process. What is under way then is given to other executors by whoever asked.
///
/// # Errors
/// The configuration is wrong or names no secret, only the certificates of others are named, or the address cannot be
/// listened on.
pub fn execute(session: &Session, listen: Option<SocketAddr>) -> Result {
    let (root, settings) = session.settings()?;
    let files = files(&root, &settings)?;
    let lake = lake(&files, &settings)?;
    let counting = bulletin::counting::errands().into_iter();
    let errands = counting.chain([lake::search::errand()]);
    let admission = Admission {
        token: settings.engine.token.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        tls: settings.engine.tls.clone(),
    };
    let scheme = match admission.tls.are_named() {
        true => "https",
        false => "http",
    };
    let address = listen.unwrap_or(LISTEN);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(settings.query_threads)
        .enable_all()
        .build()
        .map_err(|error| Failure::new("threads", error))?;
    runtime.block_on(async {
        let mut ending = Ending::new()?;
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|error| {
            Failure::new(format_args!("address {address}"), error)
                .remedy("give another one with --listen ADDRESS:PORT")
        })?;
        let address = listener.local_addr();
        let address = address.map_err(|error| Failure::new("socket", error))?;
        session
            .talk
            .say(format_args!("executor at {scheme}://{address}"));
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        tokio::select! {
            served = serve(lake, listener, &admission, errands, async { drop(ended.await) }) => served?,
            signal = ending.told() => tracing::info!(signal, "stopping"),
        }
        drop(end);
        Ok(())
    })
}
