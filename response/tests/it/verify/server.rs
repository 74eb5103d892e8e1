//! A web server with every behavior that a look meets, and a prober for it.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::time::Timestamp;
use model::verification::Client;
use outbound::{Allowed, Lookup};
use response::verify::markers::Markers;
use response::verify::permit::Permit;
use response::verify::probe::{Clients, Clock, Limits, Looked, Prober};
use response::verify::seen::Page;
use response::verify::target::{Fingerprint, Place, Target};
use rustls::RootCertStore;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

/// 2026-11-28 00:00 UTC.
pub const NOW: Timestamp = Timestamp(1_795_824_000_000_000);

/// What the imitated page looks like.
pub const KIT: &str = "<html><head><title>Example Bank - Sign in</title></head><body>\
    <form action='post.php'><input name=card></form><p>kit-marker-4711 Please sign in with your card \
    number and password to go on.</p></body></html>";

/// A running server.
pub struct Server {
    pub port: u16,
    /// Heads of all requests, in order.
    pub heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub async fn start() -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, port, Arc::clone(&kept)));
            }
        });
        Server { port, heads }
    }

    /// The same with TLS and a certificate for `name` that nobody vouches for. Returns the
    /// certificate too.
    pub async fn start_tls(name: &str) -> (Server, Vec<u8>) {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let der = made.cert.der().clone();
        let key =
            rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![der.clone()], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, kept) = (acceptor.clone(), Arc::clone(&kept));
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, port, kept).await;
                    }
                });
            }
        });
        (Server { port, heads }, der.to_vec())
    }

    pub fn url(&self, path: &str) -> Url {
        format!("http://phish.test:{}{path}", self.port)
            .parse()
            .unwrap()
    }

    pub fn asked(&self) -> Vec<String> {
        let heads = self.heads.lock().unwrap();
        let line = |head: &String| head.lines().next().unwrap_or("").to_owned();
        heads.iter().map(line).collect()
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if !matches!(stream.read(&mut byte).await, Ok(1)) {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let target = head.split(' ').nth(1).unwrap_or("/").to_owned();
    let path = target.split('?').next().unwrap_or("/").to_owned();
    heads.lock().unwrap().push(head);
    let page = |status: &str, body: &str| {
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    };
    let to = |location: &str| {
        format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
    };
    let missing = "<title>Nothing here</title><p>We looked everywhere in this large house and could not find that page, sorry.</p>";
    let answer = match path.as_str() {
        "/kit" => page("200 OK", KIT),
        "/kit-behind-404" => page("404 Not Found", KIT),
        "/gone" => page("404 Not Found", "<h1>Not Found</h1>"),
        "/gone-410" => page("410 Gone", ""),
        "/401" => page("401 Unauthorized", "who?"),
        "/403" => page("403 Forbidden", "no"),
        "/429" => page("429 Too Many Requests", "later"),
        "/503" => page("503 Service Unavailable", "later"),
        "/204" => b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_vec(),
        "/blank" => page("200 OK", "<html><body>  \n </body></html>"),
        "/captcha" => page("200 OK", "<title>Just a moment...</title><script src=/cdn-cgi/challenge-platform/x></script>"),
        "/parked" => page("200 OK", "<title>phish.test</title>This domain is for sale. Ask us."),
        "/suspended" => page("200 OK", "<title>Account Suspended</title><p>This account has been suspended. Contact your hosting provider for more.</p>"),
        "/default" => page("200 OK", "<title>Welcome to nginx!</title><p>If you see this page, the server is installed.</p>"),
        "/other" => page("200 OK", "<title>A flower shop</title><p>Roses and tulips of this season, sent the same day.</p>"),
        "/delisted" => page("200 OK", "<title>应用市场</title><p>很抱歉，该应用已下架，请查看其他应用</p>"),
        "/program" => page("200 OK", "PK\u{3}\u{4}this is an archive"),
        "/scripted" => page(
            "200 OK",
            "<form action=/sent method=post><input name=a></form><img src=/seen>\
             <script>fetch('/ran');document.forms[0].submit()</script>",
        ),
        "/brand" => to(&format!("http://login.bank.test:{port}/other")),
        "/away" => to(&format!("http://elsewhere.test:{port}/other")),
        "/hop" => to("/hop2?x=1#part"),
        "/hop2" => to("kit"),
        "/loop" => to("/loop2"),
        "/loop2" => to("/loop"),
        "/count" => {
            let n: u32 = target.split("n=").nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
            to(&format!("/count?n={}", n + 1))
        }
        "/to-private" => to("http://10.0.0.1/"),
        "/to-metadata" => to("http://169.254.169.254/latest/meta-data/"),
        "/to-inside" => to("http://inside.test/"),
        "/to-loopback" => to("http://[::1]/"),
        "/to-file" => to("file:///etc/passwd"),
        "/to-nowhere" => b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
        "/cut" => b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5000\r\n\r\n<title>Half</title> of a page".to_vec(),
        "/nonsense" => b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
        "/slow" => {
            tokio::time::sleep(Duration::from_secs(600)).await;
            return;
        }
        "/bomb" => {
            let zeros = vec![b'0'; 64 << 20];
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            packed.write_all(&zeros).unwrap();
            let body = packed.finish().unwrap();
            let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len()).into_bytes();
            answer.extend(body);
            answer
        }
        "/gzip" => {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            packed.write_all(KIT.as_bytes()).unwrap();
            let body = packed.finish().unwrap();
            let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{:x}\r\n", body.len()).into_bytes();
            answer.extend(body);
            answer.extend(b"\r\n0\r\n\r\n");
            answer
        }
        "/endless" => {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n";
            let _ = stream.write_all(head.as_bytes()).await;
            let words = "a word ".repeat(600);
            let chunk = format!("{:x}\r\n{words}\r\n", words.len());
            while stream.write_all(chunk.as_bytes()).await.is_ok() {}
            return;
        }
        "/drip" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<title>").await;
            tokio::time::sleep(Duration::from_secs(600)).await;
            return;
        }
        _ if path.starts_with("/soft") => page("200 OK", missing),
        _ => page("404 Not Found", "<h1>Not Found</h1>"),
    };
    let _ = stream.write_all(&answer).await;
    let _ = stream.shutdown().await;
}

/// Every name is this machine, but for one that is inside.
pub fn lookup() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move {
            match name.as_str() {
                "inside.test" => Ok(vec![IpAddr::from([192, 168, 0, 1])]),
                "nowhere.test" => Err(std::io::Error::other("no such name")),
                _ => Ok(vec![IpAddr::from([127, 0, 0, 1])]),
            }
        })
    })
}

pub fn prober_with(limits: Limits, roots: RootCertStore) -> Prober {
    let allowed = Allowed::parse(["127.0.0.1"]).unwrap();
    Prober::new(
        lookup(),
        allowed,
        roots,
        Clients::usual().unwrap(),
        None,
        limits,
    )
}

pub fn prober() -> Prober {
    let limits = Limits {
        connect: Duration::from_secs(5),
        stall: Duration::from_millis(700),
        ..Limits::default()
    };
    prober_with(limits, RootCertStore::empty())
}

pub fn target(url: Url) -> Target {
    Target {
        kind: model::incident::CaseKind::Phishing,
        place: Place::Page { url },
        known_bad: Fingerprint {
            markers: vec!["kit-marker-4711".to_owned()],
            ..Fingerprint::default()
        },
        defaced_text: None,
        good_text: None,
        brand_hosts: vec!["bank.test".to_owned()],
        owner: Default::default(),
        country: None,
        marks: Vec::new(),
    }
}

/// One page, asked for plainly.
pub async fn page(prober: &Prober, url: &Url) -> Page {
    let clients = Clients::usual().unwrap();
    let headers = clients.headers(Client::Plain, model::incident::CaseKind::Phishing);
    prober.page(url, headers, &Clock::at(NOW)).await.0
}

/// One whole look.
pub async fn look(prober: &Prober, target: &Target, permit: Permit, client: Client) -> Vec<Looked> {
    let markers = Markers::usual().unwrap();
    prober
        .look(target, permit, client, &markers, "zq-no-such-page-zq", NOW)
        .await
}

/// Where a server of this test listens.
pub fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}
