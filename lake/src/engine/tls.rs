//! TLS between nodes: certificates and keys from files. How an executor is reached by them says `reach.rs`, how callers
//! are let in `callers.rs`.
//!
//! Both ends are this program, so there is TLS 1.3 with HTTP/2 and nothing else: what answers in another way is no
//! executor. The files are looked at for each new connection, of which there are few, so that a renewed certificate
//! is in force without a restart; what cannot be used then is told, and the old stays in force.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// What gRPC is spoken in, as TLS names it.
pub(super) const H2: &[u8] = b"h2";

/// The files, PEM, as the configuration names them. Without any of them nothing is encrypted by us, and no executor is
/// asked for more than a certificate that the system trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// Our own certificate with its chain, and its key. An executor serves by it; whoever asks shows it.
    pub own: Option<(PathBuf, PathBuf)>,
    /// The certificates by which the other side is known: executors, and whoever asks an executor.
    pub ca: Option<PathBuf>,
}

/// A file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} {why}")]
pub struct Unusable {
    /// What the configuration calls it: `tls_cert`, `tls_key` or `ca`.
    pub key: &'static str,
    /// Where it lies, and what is wrong with it.
    pub why: String,
}

impl Files {
    /// Whether the road is to be encrypted: there is any of them.
    pub fn are_named(&self) -> bool {
        *self != Files::default()
    }

    /// Looks whether all of them can be used.
    ///
    /// # Errors
    /// The first that cannot.
    pub fn check(&self) -> Result<(), Unusable> {
        let pem = self.read()?;
        match (&pem.own, &pem.ca) {
            (Some(_), _) => server_terms(&pem).map(drop),
            (None, Some(ca)) => ca.trusted().map(drop),
            (None, None) => Ok(()),
        }
    }

    fn read(&self) -> Result<Pem, Unusable> {
        let read = |key, path: &PathBuf| match std::fs::read(path) {
            Ok(bytes) => Ok(Piece {
                key,
                path: path.clone(),
                bytes,
            }),
            Err(error) => Err(Unusable {
                key,
                why: format!("{}: {error}", path.display()),
            }),
        };
        let own = match &self.own {
            Some((certificate, key)) => {
                Some((read("tls_cert", certificate)?, read("tls_key", key)?))
            }
            None => None,
        };
        let ca = self.ca.as_ref().map(|ca| read("ca", ca)).transpose()?;
        Ok(Pem { own, ca })
    }
}

/// What the files say.
#[derive(PartialEq, Eq)]
pub(super) struct Pem {
    own: Option<(Piece, Piece)>,
    ca: Option<Piece>,
}

/// One of the files.
#[derive(PartialEq, Eq)]
struct Piece {
    key: &'static str,
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Piece {
    fn wrong(&self, why: impl fmt::Display) -> Unusable {
        Unusable {
            key: self.key,
            why: format!("{}: {why}", self.path.display()),
        }
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Unusable> {
        let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.bytes).collect();
        match all {
            Ok(all) if !all.is_empty() => Ok(all),
            Ok(_) => Err(self.wrong("it holds no certificate as PEM")),
            Err(error) => Err(self.wrong(error)),
        }
    }

    /// The certificates as those whose word counts.
    fn trusted(&self) -> Result<Arc<RootCertStore>, Unusable> {
        let mut roots = RootCertStore::empty();
        for certificate in self.certificates()? {
            roots.add(certificate).map_err(|error| self.wrong(error))?;
        }
        Ok(Arc::new(roots))
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, Unusable> {
        PrivateKeyDer::from_pem_slice(&self.bytes).map_err(|error| {
            self.wrong(format_args!(
                "it holds no private key as PEM without a passphrase ({error})"
            ))
        })
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Certificate and key do not go together, or are of a kind that is not taken.
fn unlike(certificate: &Piece, key: &Piece) -> impl FnOnce(rustls::Error) -> Unusable {
    let why = format!("it cannot be used with {}", key.path.display());
    let unusable = certificate.wrong(why);
    move |error| Unusable {
        why: format!("{} ({error})", unusable.why),
        ..unusable
    }
}

/// What an executor lets callers in by. With `ca` they show a certificate that it signed.
pub(super) fn server_terms(pem: &Pem) -> Result<ServerConfig, Unusable> {
    let Some((certificate, key)) = &pem.own else {
        return Err(Unusable {
            key: "tls_cert",
            why: "is not set: an executor over TLS needs a certificate of its own".to_owned(),
        });
    };
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| certificate.wrong(error))?;
    let builder = match &pem.ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(ca.trusted()?, provider());
            let verifier = verifier.build().map_err(|error| ca.wrong(error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut terms = builder
        .with_single_cert(certificate.certificates()?, key.private_key()?)
        .map_err(unlike(certificate, key))?;
    terms.alpn_protocols = vec![H2.to_vec()];
    Ok(terms)
}

/// What executors are reached by.
pub(super) fn client_terms(pem: &Pem) -> Result<ClientConfig, Unusable> {
    let roots = match &pem.ca {
        Some(ca) => ca.trusted()?,
        None => systems()?,
    };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| Unusable {
            key: "ca",
            why: error.to_string(),
        })?
        .with_root_certificates(roots);
    let mut terms = match &pem.own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder
            .with_client_auth_cert(certificate.certificates()?, key.private_key()?)
            .map_err(unlike(certificate, key))?,
    };
    terms.alpn_protocols = vec![H2.to_vec()];
    // A connection that takes up another one would not look at the certificate again, and it may have expired.
    terms.resumption = Resumption::disabled();
    Ok(terms)
}

/// Whom the system trusts.
fn systems() -> Result<Arc<RootCertStore>, Unusable> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    match roots.is_empty() {
        true => Err(Unusable {
            key: "ca",
            why: "is not set, and this system trusts nobody".to_owned(),
        }),
        false => Ok(Arc::new(roots)),
    }
}

/// What was made of the files, made anew when they say something else.
pub(super) struct Renewed<T> {
    files: Files,
    make: fn(&Pem) -> Result<T, Unusable>,
    held: Mutex<Option<(Pem, Arc<T>)>>,
}

impl<T> Renewed<T> {
    pub(super) fn new(files: &Files, make: fn(&Pem) -> Result<T, Unusable>) -> Arc<Self> {
        Arc::new(Renewed {
            files: files.clone(),
            make,
            held: Mutex::new(None),
        })
    }

    /// Whether a certificate of our own is among them.
    pub(super) fn has_own(&self) -> bool {
        self.files.own.is_some()
    }

    /// What the files make now. It reads them: not for a thread that serves others meanwhile.
    ///
    /// # Errors
    /// They cannot be used, and never could.
    pub(super) fn now(&self) -> Result<Arc<T>, Unusable> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let made = self.files.read().and_then(|pem| match &*held {
            Some((known, made)) if *known == pem => Ok((pem, Arc::clone(made))),
            _ => (self.make)(&pem).map(|made| (pem, Arc::new(made))),
        });
        match (made, &*held) {
            (Ok((pem, made)), _) => {
                *held = Some((pem, Arc::clone(&made)));
                Ok(made)
            }
            // Perhaps half of a pair was put in its place, and the other half comes in a moment.
            (Err(error), Some((_, made))) => {
                tracing::warn!(%error, "a renewed certificate cannot be used: the old stays in force");
                Ok(Arc::clone(made))
            }
            (Err(error), None) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_used_is_named_with_its_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("empty.pem"), "nothing\n").expect("writes");
        let missing = Files {
            own: Some((path("none.pem"), path("none.key"))),
            ca: None,
        };
        let empty = Files {
            own: None,
            ca: Some(path("empty.pem")),
        };
        for (files, key, part) in [
            (missing, "tls_cert", "none.pem"),
            (empty, "ca", "empty.pem"),
        ] {
            assert!(files.are_named());
            let found = files.check().expect_err("it cannot be used");
            assert_eq!(found.key, key);
            assert!(found.why.contains(part), "{found}");
        }
        assert_eq!(Files::default().check(), Ok(()));
        assert!(!Files::default().are_named());
    }

    #[test]
    fn who_asks_for_callers_certificates_has_one() {
        let none = Pem {
            own: None,
            ca: None,
        };
        let found = server_terms(&none).map(drop).expect_err("is refused");
        assert_eq!(found.key, "tls_cert");
    }
}
