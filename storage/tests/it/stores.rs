//! Object stores on the loopback, programs of others: `moto_server` from PyPI and `s3s-fs`, a crate that is installed as
//! a program (`.ci/run` makes both, `WATCHFIRE_PEERS` names where). Where one is missing its tests say so and pass.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The bucket that is there.
pub const BUCKET: &str = "watchfire";
/// A key and its secret.
pub const KEY: (&str, &str) = ("AKIAEXAMPLE", "example-secret");

/// The stores that tests run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Keeps all in memory, checks no signature.
    Moto,
    /// Keeps all in a folder, checks signatures.
    S3sFs,
}

/// Both.
pub const KINDS: [Kind; 2] = [Kind::Moto, Kind::S3sFs];

/// A running store; it ends with the test.
pub struct Store {
    child: Child,
    /// Its port on 127.0.0.1.
    pub port: u16,
    _folder: tempfile::TempDir,
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn program(name: &str) -> Option<PathBuf> {
    let peers = std::env::var_os("WATCHFIRE_PEERS").map(|folder| PathBuf::from(folder).join("bin"));
    let system = ["/usr/bin", "/usr/local/bin"].map(PathBuf::from);
    let found = peers.into_iter().chain(system);
    let found = found
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        eprintln!("SKIPPED: {name} is not installed; see .ci/run and WATCHFIRE_PEERS");
    }
    found
}

impl Store {
    /// Starts one with an empty bucket; `None` where its program is not installed.
    pub fn start(kind: Kind) -> Option<Store> {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let words = port.to_string();
        let child = match kind {
            Kind::Moto => Command::new(program("moto_server")?)
                .args(["-H", "127.0.0.1", "-p", &words])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn(),
            Kind::S3sFs => {
                std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
                Command::new(program("s3s-fs")?)
                    .args(["--host", "127.0.0.1", "--port", &words])
                    .args(["--access-key", KEY.0, "--secret-key", KEY.1])
                    .arg(folder.path())
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
            }
        };
        let mut store = Store {
            child: child.unwrap(),
            port,
            _folder: folder,
        };
        store.await_answer();
        if kind == Kind::Moto {
            store.make_bucket();
        }
        Some(store)
    }

    fn await_answer(&mut self) {
        for _ in 0..600 {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            assert_eq!(self.child.try_wait().unwrap(), None, "the store ended");
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the store does not listen");
    }

    fn make_bucket(&self) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let request = format!(
            "PUT /{BUCKET} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            self.port
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// Where it is asked.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// Every plain file below a folder, by its path there.
pub fn files_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => {
                    let path = path.strip_prefix(folder).unwrap();
                    found.push(path.to_string_lossy().into_owned());
                }
            }
        }
    }
    found.sort();
    found
}
