//! The making of a feed's HTTP client: certificates, proxy, and the guard at the resolution of names.

use std::sync::{Arc, Once};

use outbound::client::guarded;
use outbound::{Allowed, chain};
use reqwest::{Certificate, Client, Identity, Proxy};

use super::super::failure::{Failure, Kind, Result};
use super::super::plan::Plan;
use super::Clients;

/// A client for the entry; with an identity it shows the client certificate.
///
/// # Errors
/// A PEM file that cannot be read or used, or a proxy that is none.
pub fn client(clients: &Clients, plan: &Plan, identity: Option<Identity>) -> Result<Client> {
    static PROVIDER: Once = Once::new();
    // The binary may have chosen one already: then that one stands.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let mut allowed: Allowed = plan.allowed.clone();
    let wrong = |key: &str, error: reqwest::Error| {
        Failure::new(Kind::Entry, format!("`fetch.{key}`: {}", chain(&error)))
    };
    let mut proxy = None;
    if let Some(url) = &plan.proxy {
        // Behind a proxy the only name that is resolved here is the proxy's own.
        allowed.add_host(url.host_str().unwrap_or(""));
        proxy = Some(Proxy::all(url.as_str()).map_err(|error| wrong("proxy", error))?);
    }
    let lookup = Arc::clone(&clients.lookup);
    let mut builder = guarded(lookup, Arc::new(allowed), clients.limits.connect)
        .user_agent(concat!("watchfire/", env!("CARGO_PKG_VERSION")))
        .pool_max_idle_per_host(1)
        .tls_version_min(reqwest::tls::Version::TLS_1_2);
    if let Some(proxy) = proxy {
        builder = builder.proxy(proxy);
    }
    if let Some(path) = &plan.ca {
        let pem = std::fs::read(path).map_err(Failure::local(path))?;
        let found = Certificate::from_pem_bundle(&pem).map_err(|error| wrong("ca", error))?;
        if found.is_empty() {
            let detail = format!("`fetch.ca`: {} holds no certificate", path.display());
            return Err(Failure::new(Kind::Entry, detail));
        }
        builder = builder.tls_certs_merge(found);
    }
    if let Some(identity) = identity {
        builder = builder.identity(identity);
    }
    builder.build().map_err(|error| wrong("url", error))
}
