//! TLS of our own: certificate and key from PEM, TLS 1.2 and 1.3 with the suites that rustls takes for sound, HTTP/1.1.
//! Whoever reads the files hands the bytes in, anew when they change.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What connections are made with; `None`: plainly.
pub type Terms = Option<Arc<ServerConfig>>;

/// Chooses the library that encrypts, for clients that are built without naming one; the first choice stands.
pub fn install() {
    static CHOICE: std::sync::Once = std::sync::Once::new();
    CHOICE.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
}

/// Why certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The first file.
    #[error("the certificate cannot be read ({0}): give the chain as PEM, the server's own first")]
    Certificate(String),
    /// The second file.
    #[error("the private key cannot be read ({0}): give it as PEM, without a passphrase")]
    Key(String),
    /// They do not belong together, or are of a kind that is not taken.
    #[error("certificate and key cannot be used together ({0})")]
    Pair(rustls::Error),
}

/// What connections are made with.
///
/// # Errors
/// See [`Unusable`].
pub fn terms(certificate: &[u8], key: &[u8]) -> Result<Arc<ServerConfig>, Unusable> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
    let chain = chain.map_err(|error| Unusable::Certificate(error.to_string()))?;
    if chain.is_empty() {
        return Err(Unusable::Certificate("it holds none".to_owned()));
    }
    let key =
        PrivateKeyDer::from_pem_slice(key).map_err(|error| Unusable::Key(error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Unusable::Pair)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(Unusable::Pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
