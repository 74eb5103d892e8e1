//! Programs of others that the tests talk to. They come from Debian and from PyPI, the latter in a
//! virtual environment that `WATCHFIRE_PEERS` names (`.ci/run` makes it); where one is missing its
//! tests say so and pass.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A program, or a loud word that its test does not run.
pub fn program(name: &str) -> Option<PathBuf> {
    let peers = std::env::var_os("WATCHFIRE_PEERS").map(|folder| PathBuf::from(folder).join("bin"));
    let system = ["/usr/bin", "/usr/local/bin"].map(PathBuf::from);
    let found = peers
        .into_iter()
        .chain(system)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        eprintln!("SKIPPED: {name} is not installed; see .ci/run and WATCHFIRE_PEERS");
    }
    found
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// A running peer; it ends with the test.
pub struct Peer {
    child: Child,
    pub port: u16,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Peer {
    /// Starts a program and waits until its port answers.
    pub fn start(
        program: &Path,
        port: u16,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Peer {
        let child = Command::new(program)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut peer = Peer { child, port };
        for _ in 0..600 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return peer;
            }
            assert_eq!(
                peer.child.try_wait().unwrap(),
                None,
                "{} ended",
                program.display()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{} does not listen", program.display());
    }
}

/// Runs a Python script in the peers' environment; `false` if there is none with this module.
pub fn python(module: &str, script: &str, arguments: &[&str]) -> bool {
    let Some(python) = program("python") else {
        return false;
    };
    let has = Command::new(&python)
        .args(["-c", &format!("import {module}")])
        .stderr(Stdio::null())
        .status()
        .unwrap();
    if !has.success() {
        eprintln!("SKIPPED: Python has no {module}; see .ci/run and WATCHFIRE_PEERS");
        return false;
    }
    let done = Command::new(&python)
        .args(["-c", script])
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    true
}
