//! What the configuration says of doors and keys, made ready for the console: certificates, signing in. Read at the
//! start and again on SIGHUP; what cannot be used is refused with its file, and the old stays in force.

use std::path::Path;
use std::sync::Arc;

use console::access::SignIn;
use console::breached::Breached;
use console::oidc::Provider;
use console::tls;
use model::newsroom::AccountRole;
use outbound::Allowed;
use tokio::sync::watch;

use crate::config::{Environment, Settings, signing};
use crate::failure::{Failure, Result};

/// What the console listens to.
pub struct Keys {
    sign_in: watch::Sender<Arc<SignIn>>,
    tls: watch::Sender<tls::Terms>,
}

impl Keys {
    /// Reads what the configuration names.
    ///
    /// # Errors
    /// A file that cannot be used.
    pub fn read(root: &Path, settings: &Settings, environment: &Environment) -> Result<Self> {
        Ok(Keys {
            sign_in: watch::channel(Arc::new(sign_in(root, settings, environment)?)).0,
            tls: watch::channel(certificate(root, settings)?).0,
        })
    }

    /// The desk with both.
    pub fn give(&self, desk: console::Desk) -> console::Desk {
        desk.signing_in(self.sign_in.subscribe())
            .behind_tls(self.tls.subscribe())
    }

    /// Whether TLS is ours.
    pub fn encrypted(&self) -> bool {
        self.tls.borrow().is_some()
    }

    /// Reads all anew, and puts it in force if all of it can be used.
    ///
    /// # Errors
    /// A file that cannot be used; nothing has changed then.
    pub fn renew(&self, root: &Path, settings: &Settings, environment: &Environment) -> Result {
        let sign_in = sign_in(root, settings, environment)?;
        let tls = certificate(root, settings)?;
        self.sign_in.send_replace(Arc::new(sign_in));
        self.tls.send_replace(tls);
        Ok(())
    }
}

/// The file of known passwords.
///
/// # Errors
/// It cannot be read.
pub fn breached(root: &Path, settings: &Settings) -> Result<Option<Breached>> {
    let name = &settings.sign_in.breached;
    if name.is_empty() {
        return Ok(None);
    }
    let path = root.join(name);
    let opened = Breached::open(&path);
    opened.map(Some).map_err(|error| {
        Failure::new(path.display(), error)
            .remedy("look at the file, or leave `breached` under [sign_in] empty")
    })
}

fn roles(labels: &[String]) -> Vec<AccountRole> {
    labels
        .iter()
        .filter_map(|label| label.parse().ok())
        .collect()
}

fn sign_in(root: &Path, settings: &Settings, environment: &Environment) -> Result<SignIn> {
    let written = &settings.sign_in;
    let allowed = Allowed::parse(written.oidc_allow.iter().map(String::as_str));
    let allowed = allowed.map_err(|error| Failure::new("sign_in.oidc_allow", error))?;
    let provider = (!written.oidc_issuer.is_empty()).then(|| Provider {
        issuer: written.oidc_issuer.clone(),
        client: written.oidc_client.clone(),
        secret: environment
            .get("WATCHFIRE_OIDC_SECRET")
            .filter(|secret| !secret.is_empty())
            .cloned(),
        name: written.oidc_name.clone(),
        claim: written.oidc_claim.clone(),
        roles: roles(&written.oidc_roles),
        allowed: Arc::new(allowed),
        plain: signing::plain(written),
        base: written.base.clone(),
    });
    Ok(SignIn {
        second_factor: roles(&written.second_factor),
        breached: breached(root, settings)?,
        provider,
        calls_per_minute: settings.serve.calls_per_minute,
        proof_minutes: written.proof_minutes,
    })
}

/// Certificate and key of our own TLS; `None` without any.
///
/// # Errors
/// A file that cannot be used.
pub fn certificate(root: &Path, settings: &Settings) -> Result<tls::Terms> {
    let serve = &settings.serve;
    if serve.tls_cert.is_empty() {
        return Ok(None);
    }
    let read = |name: &str| {
        let path = root.join(name);
        std::fs::read(&path).map_err(|error| Failure::new(path.display(), error))
    };
    let terms = tls::terms(&read(&serve.tls_cert)?, &read(&serve.tls_key)?);
    terms
        .map(Some)
        .map_err(|error| Failure::new(root.join(&serve.tls_cert).display(), error))
}
