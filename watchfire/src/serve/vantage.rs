//! A vantage: looks whether something is gone for whoever holds its secret, from where it stands (docs/verification.md).
//! It opens no ledger and no workspace; what it saw is judged and kept by whoever asked.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use console::tls::{self, Terms};
use console::vantage::Vantage;
use response::verify::vantage::SECRET;
use tokio::net::TcpListener;
use tokio::signal::unix::SignalKind;
use tokio::sync::watch;

use super::{Ending, listen_to, notify};
use crate::failure::{Failure, Result};
use crate::responding::looking::prober;
use crate::workspace::Session;

/// Where a vantage listens unless told otherwise: this machine only.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8092);
/// The variable that may hold its secret.
pub const VARIABLE: &str = "WATCHFIRE_VANTAGE_SECRET";
/// How long looks under way get when the process is told to stop.
const DRAIN: Duration = Duration::from_secs(30);

/// How a vantage is started.
#[derive(Debug)]
pub struct Stand {
    /// Address and port.
    pub listen: Option<SocketAddr>,
    /// File that holds the secret.
    pub secret: Option<PathBuf>,
    /// Certificate with its chain, and private key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// What may be looked at although it is private.
    pub allow: Vec<String>,
    /// Name servers; none: the system's.
    pub resolvers: Vec<String>,
}

/// The secret, from its file or its variable: never from the command line, which every process of a machine can read.
fn secret(file: Option<&Path>, session: &Session) -> Result<String> {
    let set = session.environment.get(VARIABLE);
    let set = set.filter(|text| !text.trim().is_empty());
    let (what, text) = match (file, set) {
        (Some(_), Some(_)) => {
            let failure = Failure::usage("secret", "there are two of it");
            return Err(failure.remedy(format_args!("give --secret FILE or set {VARIABLE}")));
        }
        (None, None) => {
            let failure = Failure::usage(
                "secret",
                "there is none, and a vantage answers nobody without it",
            );
            return Err(failure.remedy(format_args!(
                "make one with `openssl rand -hex 32`; give --secret FILE or set {VARIABLE}"
            )));
        }
        (None, Some(text)) => (VARIABLE.to_owned(), text.clone()),
        (Some(path), None) => {
            let name = path.display().to_string();
            match std::fs::read_to_string(path) {
                Ok(text) => (name, text),
                Err(error) => {
                    return Err(Failure::new(name, error).remedy("look at the file and its rights"));
                }
            }
        }
    };
    match text.trim() {
        text if text.len() >= SECRET => Ok(text.to_owned()),
        _ => Err(Failure::new(
            what,
            format_args!("the secret is shorter than {SECRET} characters"),
        )
        .remedy("make one with `openssl rand -hex 32`")),
    }
}

/// What connections are made with, read anew at each call.
fn certificate(files: Option<&(PathBuf, PathBuf)>) -> Result<Terms> {
    let Some((certificate, key)) = files else {
        return Ok(None);
    };
    let read =
        |path: &Path| std::fs::read(path).map_err(|error| Failure::new(path.display(), error));
    let terms = tls::terms(&read(certificate)?, &read(key)?);
    terms
        .map(Some)
        .map_err(|error| Failure::new(certificate.display(), error))
}

/// Looks for others until a signal ends it.
///
/// # Errors
/// No secret, an address that cannot be listened on or would carry the secret in clear, files that cannot be used.
pub fn run(session: &Session, stand: &Stand) -> Result {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new("threads", error))?;
    runtime.block_on(serve(session, stand))
}

async fn serve(session: &Session, stand: &Stand) -> Result {
    let mut ending = Ending::new()?;
    let mut hang_up = listen_to(SignalKind::hangup())?;
    let secret = secret(stand.secret.as_deref(), session)?;
    let terms = certificate(stand.tls.as_ref())?;
    let encrypted = terms.is_some();
    let address = stand.listen.unwrap_or(LISTEN);
    if !encrypted && !address.ip().is_loopback() {
        let why = "is reached from elsewhere, and there is no TLS: the secret would cross a network in clear";
        return Err(Failure::usage(format_args!("address {address}"), why)
            .remedy("give --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy that has them"));
    }
    let prober = prober(&stand.allow, &stand.resolvers, ["--allow", "--resolver"])?;
    let software = format!("Watchfire {}", env!("CARGO_PKG_VERSION"));
    let vantage = Arc::new(Vantage::new(prober, &secret, software));
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|error| {
        Failure::new(format_args!("address {address}"), error)
            .remedy("give another one with --listen ADDRESS:PORT")
    })?;
    let address = listener.local_addr();
    let address = address.map_err(|error| Failure::new("socket", error))?;
    let (tls, tls_receiver) = watch::channel(terms);
    let (stop, stopped) = watch::channel(false);
    let mut served = tokio::spawn(console::vantage::serve(
        listener,
        vantage,
        tls_receiver,
        stopped,
    ));
    let scheme = if encrypted { "https" } else { "http" };
    session
        .talk
        .say(format_args!("vantage at {scheme}://{address}"));
    notify::ready(&format!("vantage at {scheme}://{address}"));
    let signal = loop {
        tokio::select! {
            signal = ending.told() => break signal,
            _ = hang_up.recv() => match certificate(stand.tls.as_ref()) {
                Ok(terms) => drop(tls.send_replace(terms)),
                Err(failure) => tracing::error!(error = failure.message(), "the old certificate stays in force"),
            },
            done = &mut served => {
                let why = match done {
                    Ok(Err(error)) => error.to_string(),
                    _ => "it ended by itself".to_owned(),
                };
                return Err(Failure::new("vantage", why).remedy("start it again"));
            }
        }
    };
    tracing::info!(signal, "stopping: looks under way may end");
    notify::stopping();
    stop.send_replace(true);
    if tokio::time::timeout(DRAIN, &mut served).await.is_err() {
        served.abort();
        tracing::warn!("stopped with looks under way");
    }
    Ok(())
}
