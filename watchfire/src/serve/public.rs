//! A public node, for a DMZ: the published site and the forms for everybody, and an inner door at which the inside
//! fetches and leaves things (docs/public.md). It opens no ledger and no lake, connects to nobody, and does not begin
//! where it is given what would let it: whoever takes it over shall find nothing to go on with.

use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use console::outpost::{Grounds, Outpost, Swap};
use console::{Bonds, Meters};
use response::deliver::openpgp::Recipient;
use tokio::net::TcpListener;
use tokio::signal::unix::SignalKind;
use tokio::sync::{mpsc, watch};

use super::{Ending, access, listen_to, notify};
use crate::config::Settings;
use crate::failure::{Exit, Failure, Result};
use crate::workspace::{LEDGER, Session, now, random};

/// Beginnings of variables whose values open something inside.
const KEYS_OF_THE_INSIDE: [&str; 12] = [
    "WATCHFIRE_SMTP_PASSWORD",
    "WATCHFIRE_IMAP_PASSWORD",
    "WATCHFIRE_PGP_PASSPHRASE",
    "WATCHFIRE_PUBLIC_PASSPHRASE",
    "WATCHFIRE_OIDC_SECRET",
    "WATCHFIRE_GATEWAY_TOKEN",
    "WATCHFIRE_VANTAGE_SECRET",
    "WATCHFIRE__LEDGER__",
    "WATCHFIRE__LAKE__",
    "AWS_ACCESS_KEY",
    "AWS_SECRET",
    "AWS_SESSION",
];

fn wrong(what: &str, why: impl std::fmt::Display, remedy: &str) -> Failure {
    Failure::new(what, why)
        .remedy(remedy)
        .with(Exit::Configuration)
}

/// Refuses to begin with anything that leads inside.
///
/// # Errors
/// What it is, and that it must go.
pub(crate) fn nothing_of_the_inside(root: &Path, settings: &Settings, session: &Session) -> Result {
    let go = "a public node needs none of it: take it away, docs/public.md says what it needs";
    if settings.ledger.is_some() {
        return Err(wrong("ledger.url", "is set on a public node", go));
    }
    if settings.lake.is_some() {
        return Err(wrong("lake.url", "is set on a public node", go));
    }
    let named = [
        ("public.open_key", &settings.public.open_key),
        ("response.pgp_key", &settings.response.pgp_key),
        ("response.dkim_key", &settings.response.dkim_key),
        ("response.imap", &settings.response.imap),
        ("response.smtp", &settings.response.smtp),
        ("response.webhook_keys", &settings.response.webhook_keys),
    ];
    for (key, value) in named {
        if !value.is_empty() {
            return Err(wrong(key, "is set on a public node", go));
        }
    }
    if !settings.public.nodes.is_empty() {
        let why = "names nodes to connect to, and a public node connects to nobody";
        return Err(wrong("public.nodes", why, go));
    }
    if !settings.vantages.is_empty() {
        let why = "names machines to ask, and a public node connects to nobody";
        return Err(wrong("vantage", why, go));
    }
    for place in [LEDGER, "lake", "blobs"] {
        if root.join(place).exists() {
            let why = "lies in the folder of a public node";
            return Err(wrong(&root.join(place).display().to_string(), why, go));
        }
    }
    let set = session.environment.iter();
    let mut set = set.filter(|(_, value)| !value.is_empty());
    let leads = |name: &str| KEYS_OF_THE_INSIDE.iter().any(|key| name.starts_with(key));
    match set.find(|(name, _)| leads(name)) {
        Some((name, _)) => Err(wrong(
            name,
            "is set in the environment of a public node",
            go,
        )),
        None => Ok(()),
    }
}

/// A small file that `[public]` names.
///
/// # Errors
/// None is named, or it cannot be read.
pub(super) fn named(root: &Path, key: &str, name: &str) -> Result<String> {
    if name.is_empty() {
        let remedy = "make the files with `watchfire outpost keys`, and name them under [public]";
        return Err(wrong(key, "names no file", remedy));
    }
    let path = root.join(name);
    std::fs::read_to_string(&path).map_err(|error| {
        wrong(
            key,
            format_args!("{}: {error}", path.display()),
            "look at the file",
        )
    })
}

/// The secret that both sides hold.
///
/// # Errors
/// Its file, or it is too short to be one.
pub(crate) fn secret(root: &Path, settings: &Settings) -> Result<String> {
    let text = named(root, "public.secret", &settings.public.secret)?;
    match text.trim() {
        secret if secret.len() >= 32 => Ok(secret.to_owned()),
        _ => {
            let remedy = "make one with `watchfire outpost keys`";
            Err(wrong(
                "public.secret",
                "is shorter than 32 characters",
                remedy,
            ))
        }
    }
}

/// The inside's key, to which everything that is sent is sealed.
///
/// # Errors
/// Its file, or a key that cannot be used now.
pub(crate) fn sealer(root: &Path, settings: &Settings) -> Result<Recipient> {
    let armored = named(root, "public.seal_key", &settings.public.seal_key)?;
    let unusable = |error: response::deliver::openpgp::Error| {
        wrong(
            "public.seal_key",
            error,
            "give the public half of `watchfire outpost keys`",
        )
    };
    let sealer = Recipient::read("the inside", &armored).map_err(unusable)?;
    sealer.usable(now()).map_err(unusable)?;
    Ok(sealer)
}

/// Whether the inner door is reached over this machine or over TLS alone.
///
/// # Errors
/// It is not, or the certificate cannot be used.
pub(crate) fn inner_is_private(root: &Path, settings: &Settings) -> Result {
    let encrypted = access::certificate(root, settings)?.is_some();
    if encrypted || settings.inner.ip().is_loopback() {
        return Ok(());
    }
    let remedy =
        "set tls_cert and tls_key under [serve]: the secret must not cross a network in clear";
    Err(wrong(
        "public.inner",
        "is reached from elsewhere, and there is no TLS",
        remedy,
    ))
}

/// Puts a site of files in force that lie by their hash in a folder.
fn swap(site: std::path::PathBuf) -> Swap {
    Arc::new(move |assets, incoming| {
        let open = |hash: &str| {
            let file = File::open(incoming.join(hash))?;
            Ok(Box::new(file) as Box<dyn Read>)
        };
        let done = watchfire::site::publish(&site, &[], &assets, &open);
        done.map(drop).map_err(|error| error.to_string())
    })
}

/// Serves both doors until a signal ends it.
///
/// # Errors
/// The configuration, anything that leads inside, a port that cannot be had, a failed disk.
pub fn run(session: &Session, listen: Option<SocketAddr>) -> Result {
    let (root, settings) = session.settings()?;
    nothing_of_the_inside(&root, &settings, session)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(settings.query_threads)
        .enable_all()
        .build()
        .map_err(|error| Failure::new("threads", error))?;
    runtime.block_on(serve(session, &root, settings, listen))
}

async fn bound(key: &str, address: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|error| {
        Failure::new(format_args!("http://{address}"), error).remedy(format_args!(
            "write another address as `{key}` in watchfire.toml"
        ))
    })?;
    let address = listener.local_addr();
    Ok((
        listener,
        address.map_err(|error| Failure::new("http", error))?,
    ))
}

async fn serve(
    session: &Session,
    root: &Path,
    settings: Settings,
    listen: Option<SocketAddr>,
) -> Result {
    let mut ending = Ending::new()?;
    let mut hang_up = listen_to(SignalKind::hangup())?;
    let sealer = sealer(root, &settings)?;
    inner_is_private(root, &settings)?;
    let terms = access::certificate(root, &settings)?;
    let encrypted = terms.is_some();
    let (tls, tls_receiver) = watch::channel(terms);
    let (outer, address) = bound("serve.listen", listen.unwrap_or(settings.listen)).await?;
    let (inner, inner_address) = bound("public.inner", settings.inner).await?;
    let folder = root.join(&settings.public.folder);
    let site = console::outpost::site_dir(&folder);
    if let Err(error) = watchfire::site::recover(&site) {
        tracing::error!(%error, "the published site could not be put back in its place");
    }
    let meters = Meters::install().map_err(|error| Failure::new("serve", error))?;
    // Nothing is pushed here: only the clock and the random source are used.
    let bonds = Bonds {
        clock: Arc::new(now),
        random: Arc::new(|| {
            let bytes = random();
            u64::from_le_bytes(std::array::from_fn(|at| bytes[at]))
        }),
        arrived: Arc::default(),
        waiting: Arc::default(),
        fatal: mpsc::channel(1).0,
    };
    let node = Outpost::open(Grounds {
        folder,
        sealer,
        secret: secret(root, &settings)?,
        spool_bytes: u64::from(settings.public.spool_mb) << 20,
        proxies: settings.proxies.clone(),
        exercise: settings.exercise,
        swap: swap(site),
        meters: Some(Arc::new(meters)),
        tls: tls_receiver,
        bonds,
    })
    .map_err(|error| Failure::new("public", error))?;
    let (stop, stopped) = watch::channel(false);
    let mut served = tokio::spawn(console::outpost::serve(
        outer,
        inner,
        Arc::new(node),
        stopped,
    ));
    let scheme = if encrypted { "https" } else { "http" };
    session
        .talk
        .say(format_args!("inner door at {scheme}://{inner_address}"));
    session.talk.say(format_args!(
        "serving {} for the public on {scheme}://{address}",
        root.display()
    ));
    notify::ready(&format!("serving the public on {scheme}://{address}"));
    let signal = loop {
        tokio::select! {
            signal = ending.told() => break signal,
            // Certificates alone are read anew: a node has little else that changes.
            _ = hang_up.recv() => match session.settings().and_then(|(root, new)| access::certificate(&root, &new)) {
                Ok(terms) => drop(tls.send_replace(terms)),
                Err(failure) => tracing::error!(error = failure.message(), "the old certificate stays in force"),
            },
            done = &mut served => {
                let why = match done {
                    Ok(Err(error)) => error.to_string(),
                    _ => "it ended by itself".to_owned(),
                };
                return Err(Failure::new("serve", why).remedy("start again: what was acknowledged is kept"));
            }
        }
    };
    tracing::info!(signal, "stopping: requests under way may end");
    notify::stopping();
    stop.send_replace(true);
    let most = std::time::Duration::from_secs(u64::from(settings.serve.drain_secs));
    if tokio::time::timeout(most, &mut served).await.is_err() {
        served.abort();
        tracing::warn!("stopped with requests under way");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_lead_inside_are_known() {
        let leads = |name: &str| KEYS_OF_THE_INSIDE.iter().any(|key| name.starts_with(key));
        assert!(leads("WATCHFIRE__LEDGER__URL") && leads("AWS_SECRET_ACCESS_KEY"));
        assert!(!leads("WATCHFIRE_WORKSPACE") && !leads("PATH"));
    }
}
