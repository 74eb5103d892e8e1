//! How an executor is reached over TLS, and what it means when it is not: which key of which node's configuration is
//! to be mended.

use std::io;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, ClientConfig};
use tokio::io::AsyncBufReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Url;

use super::tls::{H2, Renewed, Unusable};

/// Why an executor is not reached, and what to do about it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{why}")]
pub(super) struct Refusal {
    pub(super) why: String,
    pub(super) remedy: String,
}

impl Refusal {
    pub(super) fn new(why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Refusal {
            why: why.into(),
            remedy: remedy.into(),
        }
    }
}

impl From<Unusable> for Refusal {
    fn from(unusable: Unusable) -> Self {
        let remedy = format!("mend engine.{} of this node", unusable.key);
        Refusal::new(unusable.to_string(), remedy)
    }
}

/// A connection to the executor at `url`, once both sides know each other.
pub(super) async fn connect(
    url: Url,
    terms: Arc<Renewed<ClientConfig>>,
) -> Result<TlsStream<TcpStream>, Refusal> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = url.port_or_known_default().unwrap_or_default();
    let name = ServerName::try_from(host.to_owned()).map_err(|_| {
        let why = format!("`{host}` is no name that a certificate can be for");
        Refusal::new(why, "write another name of that node in engine.url")
    })?;
    let shown = terms.has_own();
    let terms = tokio::task::spawn_blocking(move || terms.now()).await;
    let terms = terms.map_err(|error| refusal(&io::Error::other(error), host, shown))??;
    let refused = |error: io::Error| refusal(&error, host, shown);
    let stream = TcpStream::connect((host, port)).await.map_err(refused)?;
    stream.set_nodelay(true).map_err(refused)?;
    let connecting = TlsConnector::from(terms).connect(name, stream);
    let mut stream = connecting.await.map_err(refused)?;
    if stream.get_ref().1.alpn_protocol() != Some(H2) {
        return Err(no_executor("it speaks TLS, but not HTTP/2"));
    }
    // Whether our certificate is taken, TLS 1.3 tells after the keys are agreed on; an executor speaks first. What it
    // says stays to be read.
    let first = stream.fill_buf().await.map_err(refused)?;
    match first.is_empty() {
        true => Err(no_executor("it ends the connection at once")),
        false => Ok(stream),
    }
}

fn no_executor(why: &str) -> Refusal {
    Refusal::new(
        why,
        "look whether engine.url names a `watchfire executor`, and what its log says",
    )
}

/// What a failed connection means.
fn refusal(error: &io::Error, host: &str, shown: bool) -> Refusal {
    let inner = error.get_ref();
    let Some(error) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return no_executor(&format!("no connection over TLS: {error}"));
    };
    match error {
        rustls::Error::InvalidMessage(_) => Refusal::new(
            "it answers in clear where engine.url says https",
            "set engine.tls_cert and engine.tls_key on that node, and start its executor anew",
        ),
        rustls::Error::InvalidCertificate(flaw) => certificate_refused(flaw, host),
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => Refusal::new(
            "it asks for a certificate, and this node shows none",
            "set engine.tls_cert and engine.tls_key of this node; its engine.ca must have signed the certificate",
        ),
        rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol) => {
            no_executor("it speaks TLS, but not HTTP/2")
        }
        rustls::Error::AlertReceived(alert) if shown => Refusal::new(
            format!("it does not take the certificate of this node ({alert:?})"),
            "engine.ca on that node must hold who signed engine.tls_cert of this one; renew that if it has expired",
        ),
        error => no_executor(&format!("no connection over TLS: {error}")),
    }
}

/// Why we do not take an executor's certificate.
fn certificate_refused(flaw: &CertificateError, host: &str) -> Refusal {
    use CertificateError as Flaw;
    match flaw {
        // Of two authorities with one name the signature tells.
        Flaw::UnknownIssuer | Flaw::BadSignature => Refusal::new(
            "its certificate is signed by nobody whom this node trusts",
            "engine.ca of this node (empty: the system's) must hold who signed engine.tls_cert on that one",
        ),
        Flaw::Expired | Flaw::ExpiredContext { .. } => Refusal::new(
            format!("its certificate has expired ({flaw})"),
            "renew engine.tls_cert on that node, or set the clocks right",
        ),
        Flaw::NotValidYet | Flaw::NotValidYetContext { .. } => Refusal::new(
            format!("its certificate is not valid yet ({flaw})"),
            "set the clocks right, or renew engine.tls_cert on that node",
        ),
        Flaw::NotValidForName | Flaw::NotValidForNameContext { .. } => Refusal::new(
            format!("its certificate is for another name ({flaw})"),
            format!("engine.tls_cert on that node must be for {host}, as engine.url writes it"),
        ),
        flaw => Refusal::new(
            format!("its certificate is not taken ({flaw})"),
            "give that node another engine.tls_cert: for servers and clients, with its key beside it",
        ),
    }
}
