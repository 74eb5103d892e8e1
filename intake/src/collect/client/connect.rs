//! The making of a feed's HTTP client: certificates, proxy, and the guard at the resolution of names.

use std::sync::{Arc, Once};

use reqwest::{Certificate, Client, Identity, Proxy};

use super::super::failure::{Failure, Kind, Result};
use super::super::plan::Plan;
use super::super::policy::{Allowed, Guard};
use super::{Clients, chain};

/// A client for the entry; with an identity it shows the client certificate.
///
/// # Errors
/// A PEM file that cannot be read or used, or a proxy that is none.
pub fn client(clients: &Clients, plan: &Plan, identity: Option<Identity>) -> Result<Client> {
    static PROVIDER: Once = Once::new();
    // The binary may have chosen one already: then that one stands.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let mut allowed: Allowed = plan.allowed.clone();
    let mut builder = Client::builder()
        .user_agent(concat!("watchfire/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(clients.limits.connect)
        .pool_max_idle_per_host(1)
        .tls_version_min(reqwest::tls::Version::TLS_1_2);
    let wrong = |key: &str, error: reqwest::Error| {
        Failure::new(Kind::Entry, format!("`fetch.{key}`: {}", chain(&error)))
    };
    builder = match &plan.proxy {
        Some(proxy) => {
            // Behind a proxy the only name that is resolved here is the proxy's own.
            allowed.add_host(proxy.host_str().unwrap_or(""));
            builder.proxy(Proxy::all(proxy.as_str()).map_err(|error| wrong("proxy", error))?)
        }
        None => builder.no_proxy(),
    };
    builder = builder.dns_resolver(Arc::new(Guard {
        lookup: Arc::clone(&clients.lookup),
        allowed: Arc::new(allowed),
    }));
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
