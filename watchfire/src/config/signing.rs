//! `[sign_in]` and the doors of `[serve]`: what can be wrong with them without looking at files.

use std::net::IpAddr;

use model::newsroom::{AccountRole, Right};
use model::worded::Word;
use outbound::Allowed;
use url::Url;

use super::Resolver;
use super::written::{ServeSection, SignInSection};

impl Resolver<'_> {
    /// Checks proxies and TLS; the proxies.
    pub(super) fn proxies(&mut self, serve: &ServeSection) -> Vec<IpAddr> {
        if serve.tls_cert.is_empty() != serve.tls_key.is_empty() {
            self.problem(
                "serve.tls_cert",
                "TLS needs both tls_cert and tls_key",
                "name both files, or neither",
            );
        }
        let mut proxies = Vec::new();
        for text in &serve.proxies {
            match text.trim().parse::<IpAddr>() {
                Ok(address) => proxies.push(address.to_canonical()),
                Err(_) => self.problem(
                    "serve.proxies",
                    format!("proxy `{text}` is no address"),
                    "write each as 192.0.2.1 or 2001:db8::1",
                ),
            }
        }
        proxies
    }

    /// Checks `[sign_in]`.
    pub(super) fn sign_in(&mut self, written: &SignInSection) {
        for (key, labels) in [
            ("sign_in.second_factor", &written.second_factor),
            ("sign_in.oidc_roles", &written.oidc_roles),
        ] {
            for label in labels {
                if label.parse::<AccountRole>().is_err() {
                    let known: Vec<&str> =
                        AccountRole::ALL.iter().map(|role| role.label()).collect();
                    let message = format!("`{label}` is no role");
                    self.problem(key, message, &format!("roles are {}", known.join(", ")));
                }
            }
        }
        let keeps = |label: &String| {
            label
                .parse::<AccountRole>()
                .is_ok_and(|role| role.carries(Right::Administer))
        };
        if written.oidc_roles.iter().any(keeps) {
            self.problem(
                "sign_in.oidc_roles",
                "a provider must not make administrators",
                "give the role by `watchfire users add`",
            );
        }
        if let Err(error) = Allowed::parse(written.oidc_allow.iter().map(String::as_str)) {
            self.problem(
                "sign_in.oidc_allow",
                error,
                "write names, addresses or prefixes",
            );
        }
        let base = Url::parse(&written.base).ok();
        let sound = |url: &Url| matches!(url.scheme(), "http" | "https") && url.host().is_some();
        if !written.base.is_empty() && !base.as_ref().is_some_and(sound) {
            let message = format!("base `{}` is no address", written.base);
            self.problem(
                "sign_in.base",
                message,
                "write one such as https://console.cert.example",
            );
        }
        if written.oidc_issuer.is_empty() {
            return;
        }
        for (key, text, remedy) in [
            (
                "sign_in.oidc_client",
                &written.oidc_client,
                "write the name that the provider gave us",
            ),
            (
                "sign_in.base",
                &written.base,
                "write the console's address, https://...",
            ),
            (
                "sign_in.oidc_claim",
                &written.oidc_claim,
                "preferred_username is the usual one",
            ),
        ] {
            if text.trim().is_empty() {
                self.problem(
                    key,
                    format!("signing in through a provider needs {key}"),
                    remedy,
                );
            }
        }
        let plain = plain(written);
        let issuer = Url::parse(&written.oidc_issuer).ok();
        if !issuer.is_some_and(|url| url.scheme() == "https" || (url.scheme() == "http" && plain)) {
            let message = format!("issuer `{}` is no https address", written.oidc_issuer);
            self.problem(
                "sign_in.oidc_issuer",
                message,
                "write it exactly as the provider does; without TLS only where oidc_allow names its host",
            );
        }
    }
}

/// Whether the issuer may be asked without TLS: its host is one of those that may be private.
pub fn plain(written: &SignInSection) -> bool {
    let Ok(url) = Url::parse(&written.oidc_issuer) else {
        return false;
    };
    let Ok(allowed) = Allowed::parse(written.oidc_allow.iter().map(String::as_str)) else {
        return false;
    };
    let named = written
        .oidc_allow
        .iter()
        .any(|one| Some(one.trim()) == url.host_str());
    let held = match url.host() {
        Some(url::Host::Ipv4(address)) => allowed.holds(address.into()),
        Some(url::Host::Ipv6(address)) => allowed.holds(address.into()),
        _ => false,
    };
    named || held
}
