//! `watchfire health`: does the serving process on this machine answer; for containers and monitors.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use outbound::Allowed;

use crate::failure::{Failure, Result};
use crate::table::Out;
use crate::workspace::Session;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ask the serving process on this machine whether it is well: exit code 0 if it is, 1 if it is not.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  watchfire health           it lives and answers\n  watchfire health --ready   and takes work"
)]
pub struct Args {
    /// Ask whether it takes work, too: it does not while it stops.
    #[arg(long)]
    ready: bool,
    /// Where it listens; without it `listen` of [serve].
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

/// Where a listener is reached from this machine.
fn near(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(any) if any.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(any) if any.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        own => own,
    };
    SocketAddr::new(ip, listen.port())
}

pub fn run(args: Args, session: &Session) -> Result {
    let (_, settings) = session.settings()?;
    let address = near(args.listen.unwrap_or(settings.listen));
    let scheme = match settings.serve.tls_cert.is_empty() {
        true => "http",
        false => "https",
    };
    let path = if args.ready { "readyz" } else { "healthz" };
    let url = format!("{scheme}://{address}/{path}");
    let failed = |error: String| Failure::new(&url, error).remedy("watchfire serve");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new("threads", error))?;
    let status = runtime.block_on(async {
        console::tls::install();
        let mut allowed = Allowed::default();
        allowed.add_host(&address.ip().to_string());
        let lookup = outbound::system_lookup();
        let client = outbound::client::guarded(lookup, Arc::new(allowed), PATIENCE)
            .timeout(PATIENCE)
            // It is our own process on this machine; its certificate bears another name.
            .tls_danger_accept_invalid_certs(true)
            .build()
            .map_err(|error| failed(outbound::chain(&error)))?;
        let answer = client.get(&url).send().await;
        let answer = answer.map_err(|error| failed(outbound::chain(&error)))?;
        Ok::<_, Failure>(answer.status())
    })?;
    if !status.is_success() {
        return Err(failed(format!("answers with {status}")));
    }
    let mut out = Out::new();
    match session.json {
        true => out.json(&serde_json::json!({ "url": url, "status": status.as_u16() }))?,
        false => out.line("ok")?,
    }
    out.end()
}
