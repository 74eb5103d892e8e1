//! TLS: whom we trust, who we are, and that no redirect leaves it.

use std::sync::Arc;

use intake::collect::failure::Kind;
use intake::collect::state::FetchState;
use model::fetch::Fetch;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::bench::{Bench, content};
use crate::server::{HOST, Server, answer, entry};

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Issuer {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

fn certified(issuer: &Issuer, name: &str) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
    (parameters.signed_by(&key, issuer).unwrap(), key)
}

/// A TLS server with one answer; with `clients` it wants a client certificate of that authority.
async fn server(issuer: &Issuer, clients: Option<&Issuer>, said: Vec<u8>) -> u16 {
    let (certificate, key) = certified(issuer, HOST);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(clients.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
        None => builder.with_no_client_auth(),
    };
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = builder
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, said) = (acceptor.clone(), said.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut head = [0; 4096];
                let _ = stream.read(&mut head).await;
                let _ = stream.write_all(&said).await;
                // Without a length the end of TLS is the end of the body: a polite server tells it.
                if said
                    .windows(15)
                    .any(|piece| piece.eq_ignore_ascii_case(b"content-length:"))
                {
                    let _ = stream.shutdown().await;
                }
            });
        }
    });
    port
}

fn trusting(bench: &Bench, issuer: &Issuer, port: u16) -> Fetch {
    std::fs::write(bench.folder.path().join("ca.pem"), issuer.pem()).unwrap();
    let mut fetch = entry(format!("https://{HOST}:{port}/list"));
    fetch.ca = Some("ca.pem".to_owned());
    fetch
}

#[tokio::test]
async fn a_certificate_counts_where_its_authority_is_trusted() {
    let bench = Bench::new();
    let issuer = authority();
    let port = server(&issuer, None, answer("200 OK", "", b"good")).await;
    let fetch = trusting(&bench, &issuer, port);
    let fetched = bench
        .fetch(fetch.clone(), &FetchState::default())
        .await
        .unwrap();
    assert_eq!(content(&fetched), b"good");

    let bench = Bench::new();
    let mut unknown = fetch.clone();
    unknown.ca = None;
    assert_eq!(bench.fails(unknown).await.kind, Kind::Unreachable);
    let mut other = trusting(&bench, &authority(), port);
    assert_eq!(bench.fails(other.clone()).await.kind, Kind::Unreachable);
    // Another name than the certificate's.
    other = trusting(&bench, &issuer, port);
    other.url = other.url.replace(HOST, "other.example.org");
    other.allow_private.push("other.example.org".to_owned());
    assert_eq!(bench.fails(other).await.kind, Kind::Unreachable);
    std::fs::write(bench.folder.path().join("ca.pem"), "nothing").unwrap();
    assert_eq!(bench.fails(fetch).await.kind, Kind::Entry);
}

#[tokio::test]
async fn a_client_certificate_is_shown() {
    let bench = Bench::new();
    let (issuer, ours) = (authority(), authority());
    let port = server(&issuer, Some(&ours), answer("200 OK", "", b"for you")).await;
    let mut fetch = trusting(&bench, &issuer, port);
    assert_eq!(
        bench.fails(fetch.clone()).await.kind,
        Kind::Unreachable,
        "without one"
    );
    let write = |authority: &Issuer| {
        let (certificate, key) = certified(authority, "cert.example.org");
        std::fs::write(bench.folder.path().join("own.pem"), certificate.pem()).unwrap();
        std::fs::write(bench.folder.path().join("own.key"), key.serialize_pem()).unwrap();
    };
    fetch.client_cert = Some("own.pem".to_owned());
    fetch.client_key = Some("own.key".to_owned());
    write(&authority());
    assert_eq!(
        bench.fails(fetch.clone()).await.kind,
        Kind::Unreachable,
        "one of strangers"
    );
    write(&ours);
    let fetched = bench
        .fetch(fetch.clone(), &FetchState::default())
        .await
        .unwrap();
    assert_eq!(content(&fetched), b"for you");

    // Another host asks for it and does not get it: its authority trusts the same certificates.
    let bench_two = Bench::new();
    for file in ["own.pem", "own.key"] {
        std::fs::copy(
            bench.folder.path().join(file),
            bench_two.folder.path().join(file),
        )
        .unwrap();
    }
    let away = format!("Location: https://{HOST}:{port}/list\r\n");
    let first = server(&issuer, None, answer("302 Found", &away, b"")).await;
    let mut fetch_two = trusting(&bench_two, &issuer, first);
    (fetch_two.client_cert, fetch_two.client_key) = (fetch.client_cert, fetch.client_key);
    assert_eq!(bench_two.fails(fetch_two).await.kind, Kind::Unreachable);
}

#[tokio::test]
async fn no_redirect_leaves_tls_and_a_cut_stream_is_seen() {
    let bench = Bench::new();
    let issuer = authority();
    let plain = Server::say(vec![answer("200 OK", "", b"plain")]).await;
    let away = format!("Location: {}\r\n", plain.url("/list"));
    let port = server(&issuer, None, answer("302 Found", &away, b"")).await;
    let failure = bench.fails(trusting(&bench, &issuer, port)).await;
    assert_eq!(failure.kind, Kind::Refused);
    assert_eq!(plain.count(), 0);

    let cut = server(&issuer, None, b"HTTP/1.1 200 OK\r\n\r\nhalf a fi".to_vec()).await;
    let failure = bench.fails(trusting(&bench, &issuer, cut)).await;
    assert_eq!(failure.kind, Kind::Malformed, "{failure}");
}
