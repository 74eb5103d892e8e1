//! By which means it is looked: the prober of this machine, as the configuration or a command line says it, and the
//! vantages elsewhere.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use response::checking::Elsewhere;
use response::verify::probe;
use response::verify::vantage::Vantage;

use super::identity;
use crate::failure::{Exit, Failure, Result};
use crate::workspace::Workspace;

/// Certificates of the system, as Debian keeps them.
const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";
/// How long a name server may take.
const RESOLVING: Duration = Duration::from_secs(5);

fn bundle() -> Vec<u8> {
    std::fs::read(BUNDLE).unwrap_or_default()
}

/// A prober that may look at these names, addresses and prefixes although they are private, and that asks these name
/// servers, without any those of the system. `keys` are what both are called where they are written.
///
/// # Errors
/// An item of either that is none.
pub fn prober(allow: &[String], servers: &[String], keys: [&str; 2]) -> Result<probe::Prober> {
    let wrong = |at: usize, why: String| Failure::new(keys[at], why).with(Exit::Configuration);
    let allowed = outbound::Allowed::parse(allow.iter().map(String::as_str));
    let allowed = allowed.map_err(|why| wrong(0, why))?;
    let mut asked = Vec::new();
    for text in servers {
        let address = text.parse::<SocketAddr>();
        let address = address.or_else(|_| text.parse::<IpAddr>().map(|ip| (ip, 53).into()));
        asked.push(address.map_err(|_| wrong(1, format!("`{text}` is no address")))?);
    }
    if asked.is_empty() {
        let system = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        let named = system
            .lines()
            .filter_map(|line| line.trim().strip_prefix("nameserver"));
        let named = named.filter_map(|ip| ip.trim().parse::<IpAddr>().ok());
        asked.extend(named.map(|ip| SocketAddr::from((ip, 53))));
    }
    let resolver = match asked.is_empty() {
        true => None,
        false => {
            Some(probe::resolver(&asked, RESOLVING).map_err(|error| wrong(1, error.to_string()))?)
        }
    };
    let clients = probe::Clients::usual().map_err(|error| Failure::new("clients", error))?;
    let lookup = match &resolver {
        Some(resolver) if !servers.is_empty() => resolver.lookup(),
        _ => outbound::system_lookup(),
    };
    Ok(probe::Prober::new(
        lookup,
        allowed,
        probe::tls::roots(&bundle()).0,
        clients,
        resolver,
        probe::Limits::default(),
    ))
}

/// The vantages that the configuration names.
///
/// # Errors
/// One that cannot be asked; the ledger.
pub fn elsewhere(workspace: &Workspace) -> Result<Elsewhere> {
    let entries = &workspace.settings.vantages;
    if entries.is_empty() {
        return Ok(Elsewhere::default());
    }
    let system = bundle();
    let vantages = entries.iter().map(|entry| {
        let vantage = Vantage::new(entry.clone(), outbound::system_lookup(), &system);
        vantage.map_err(|why| {
            Failure::new(format_args!("vantage {}", entry.name), why).with(Exit::Configuration)
        })
    });
    Ok(Elsewhere {
        vantages: vantages.collect::<Result<_>>()?,
        identity: identity(workspace)?,
    })
}
