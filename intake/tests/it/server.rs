//! A server that says what a test tells it to, byte for byte, and the set-up of a fetch from it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use intake::collect::client::{Clients, Limits};
use intake::collect::retry::Retries;
use model::feed::Feed;
use model::fetch::Fetch;
use outbound::Lookup;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The name under which the tests' servers are fetched from; its entry allows it.
pub const HOST: &str = "feeds.example.net";

/// What a server does with a connection after it has read the request.
pub type Script = Arc<dyn Fn(usize, String, TcpStream) -> Served + Send + Sync>;
pub type Served = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// A server on a port of its own.
pub struct Server {
    pub port: u16,
    /// Heads (and bodies) of the requests that came.
    pub requests: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Starts a server that plays a script.
    pub async fn play(script: Script) -> Server {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            loop {
                let Ok((mut stream, _)) = listener.accept().await else {
                    return;
                };
                let (script, seen) = (Arc::clone(&script), Arc::clone(&seen));
                tokio::spawn(async move {
                    let Some(request) = read_request(&mut stream).await else {
                        return;
                    };
                    let number = {
                        let mut seen = seen.lock().unwrap();
                        seen.push(request.clone());
                        seen.len()
                    };
                    script(number, request, stream).await;
                });
            }
        });
        Server {
            port,
            requests,
            task,
        }
    }

    /// Starts a server that answers request number n, counted from one, with the n-th of these
    /// bytes, the last one for good, and closes.
    pub async fn say(answers: Vec<Vec<u8>>) -> Server {
        let answers = Arc::new(answers);
        Server::play(Arc::new(move |number, _, mut stream| {
            let answers = Arc::clone(&answers);
            Box::pin(async move {
                let answer = &answers[number.min(answers.len()) - 1];
                let _ = stream.write_all(answer).await;
                let _ = stream.shutdown().await;
            })
        }))
        .await
    }

    /// Its address by name.
    pub fn url(&self, path: &str) -> String {
        format!("http://{HOST}:{}{path}", self.port)
    }

    pub fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    pub fn request(&self, number: usize) -> String {
        self.requests.lock().unwrap()[number].clone()
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0_u8; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length: ")?
                        .parse()
                        .ok()
                })
                .unwrap_or(0);
            if body.len() >= length {
                return Some(text);
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

/// An answer with a length and further header lines.
pub fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut bytes = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n"
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// A feed with this entry.
pub fn feed(fetch: Fetch) -> Feed {
    let mut feed: Feed = serde_json::from_value(serde_json::json!({
        "name": "one", "provider": "Example", "format": "list", "zone": "UTC", "licence": "none",
    }))
    .unwrap();
    feed.fetch = Some(fetch);
    feed
}

/// An entry for our own server.
pub fn entry(url: String) -> Fetch {
    let mut fetch = Fetch::new(model::fetch::Transport::Http, url);
    fetch.allow_private = vec![HOST.to_owned()];
    fetch.timeout_secs = 20;
    fetch
}

/// Every name of the tests is at 127.0.0.1; `public.example.org` is not reachable, `mixed.example.org`
/// is at an inner and an open address.
fn lookup() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move {
            Ok(match name.as_str() {
                "inside.example.org" => vec![IpAddr::from([10, 0, 0, 1])],
                "metadata.example.org" => vec![IpAddr::from([169, 254, 169, 254])],
                "six.example.org" => vec!["::ffff:127.0.0.1".parse().unwrap()],
                "nowhere.example.org" => Vec::new(),
                _ => vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            })
        })
    })
}

/// Clients that are patient for parts of a second.
pub fn clients(root: &Path) -> Clients {
    let variables = [
        ("TOKEN", "t0k3n-of-ours"),
        ("PASSWORD", "pa55word-of-ours"),
        ("KEY", "k3y-of-ours"),
    ];
    let environment: BTreeMap<String, String> = variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut clients = Clients::new(root, environment, Arc::new(|| u64::MAX / 2));
    clients.lookup = lookup();
    clients.limits = Limits {
        retries: Retries {
            attempts: 3,
            first: Duration::from_millis(20),
            most: Duration::from_millis(80),
        },
        connect: Duration::from_secs(2),
        stall: Duration::from_millis(500),
        window_bytes: 1000,
        redirects: 5,
    };
    clients
}
