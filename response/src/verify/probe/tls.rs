//! What a server shows for TLS is written down, whatever it is worth: a verifier that lets everything
//! through and keeps what a browser would have objected to. Only for looking: nothing secret is ever
//! sent over such a connection.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, CryptoProvider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::super::seen::Tls;
use super::der;

/// Certificates of a chain that are kept.
pub(in crate::verify) const LONGEST: usize = 10;

/// Reads the roots that certificates are checked against from a bundle in PEM, as operating systems
/// keep one. Returns the store and how many were taken; what cannot be used is passed over.
pub fn roots(pem: &[u8]) -> (RootCertStore, usize) {
    let mut store = RootCertStore::empty();
    let read = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok);
    let (taken, _) = store.add_parsable_certificates(read);
    (store, taken)
}

/// Keeps what was shown.
pub struct Recorder {
    provider: Arc<CryptoProvider>,
    judge: Option<Arc<WebPkiServerVerifier>>,
    seen: Mutex<Option<Tls>>,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

impl Recorder {
    /// Checks against these roots; with none, nothing is checked and `checked` says so.
    pub fn new(roots: Arc<RootCertStore>) -> Self {
        let provider = Arc::new(crypto::ring::default_provider());
        let judge = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
        Recorder {
            judge: judge.build().ok(),
            provider,
            seen: Mutex::new(None),
        }
    }

    /// A TLS client that shows everything to this recorder. Nothing is resumed: a resumed session
    /// shows no certificate.
    pub fn config(self: &Arc<Self>) -> ClientConfig {
        let provider = Arc::clone(&self.provider);
        let versions = rustls::ALL_VERSIONS;
        let builder =
            match ClientConfig::builder_with_provider(provider).with_protocol_versions(versions) {
                Ok(builder) => builder,
                // The provider has suites for both versions.
                Err(_) => ClientConfig::builder(),
            };
        let mut config = builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(self) as Arc<dyn ServerCertVerifier>)
            .with_no_client_auth();
        config.resumption = rustls::client::Resumption::disabled();
        config
    }

    /// What was shown since it was last taken.
    pub fn take(&self) -> Option<Tls> {
        self.lock().take()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Tls>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A signature that does not fit means that who answers does not hold the certificate's key, or
    /// that the certificate is of a kind that is not read here.
    fn note(&self, verdict: Result<HandshakeSignatureValid, Error>) {
        if let Err(error) = verdict
            && let Some(tls) = self.lock().as_mut()
            && tls.error.is_none()
        {
            tls.error = Some(format!("handshake: {error}"));
        }
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self.judge.as_ref().map(|judge| {
            judge.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        });
        let chain = std::iter::once(end_entity).chain(intermediates);
        *self.lock() = Some(Tls {
            chain: chain.take(LONGEST).map(|one| der::facts(one)).collect(),
            checked: verdict.is_some(),
            error: verdict.and_then(Result::err).map(|error| error.to_string()),
        });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        self.note(crypto::verify_tls12_signature(message, cert, dss, known));
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        self.note(crypto::verify_tls13_signature(message, cert, dss, known));
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let known = &self.provider.signature_verification_algorithms;
        known.supported_schemes()
    }
}
