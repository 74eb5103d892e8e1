//! The EventDB script against a PostgreSQL of our own: Debian's, in a temporary folder, on a socket.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::{events, exported, pipe, skip, with_events};

/// A running server; it ends with the test.
struct Server {
    programs: PathBuf,
    folder: TempDir,
}

/// Debian keeps the server's programs in a folder by version.
fn programs() -> Option<PathBuf> {
    let found = glob::glob("/usr/lib/postgresql/*/bin/initdb")
        .ok()?
        .filter_map(Result::ok)
        .max();
    found.and_then(|path| path.parent().map(Path::to_owned))
}

/// A command that does not run as root, which PostgreSQL refuses to be.
fn plain(program: &Path) -> Command {
    let root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|id| id.stdout == b"0\n");
    let mut command;
    if root {
        command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
    } else {
        command = Command::new(program);
    }
    command.current_dir("/").env("LC_ALL", "C.UTF-8");
    command
}

impl Server {
    fn start() -> Option<Server> {
        let Some(programs) = programs() else {
            skip("postgresql");
            return None;
        };
        let folder = tempfile::Builder::new()
            .prefix("wf-pg")
            .tempdir_in("/tmp")
            .expect("a folder");
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(folder.path(), open).expect("rights");
        let server = Server { programs, folder };
        let data = server.data();
        let made = plain(&server.programs.join("initdb"))
            .args([
                "-A",
                "trust",
                "-U",
                "postgres",
                "-E",
                "UTF8",
                "--no-sync",
                "-D",
                &data,
            ])
            .output()
            .expect("initdb runs");
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let options = format!(
            "-c listen_addresses= -c fsync=off -k {}",
            server.folder.path().display()
        );
        let log = server.folder.path().join("log");
        let started = plain(&server.programs.join("pg_ctl"))
            .args([
                "-w",
                "-D",
                &data,
                "-l",
                log.to_str().expect("text"),
                "-o",
                &options,
                "start",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("pg_ctl runs");
        assert!(
            started.success(),
            "{}",
            std::fs::read_to_string(log).unwrap_or_default()
        );
        Some(server)
    }

    fn data(&self) -> String {
        self.folder
            .path()
            .join("data")
            .to_str()
            .expect("text")
            .to_owned()
    }

    /// Runs a script; what it answers, or what it complains of.
    fn psql(&self, script: &str) -> Result<String, String> {
        let folder = self.folder.path().to_str().expect("text");
        let mut psql = Command::new("psql");
        psql.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            folder,
            "-U",
            "postgres",
        ]);
        let done = pipe(&mut psql, script);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        match done.status.success() {
            true => Ok(text(done.stdout)),
            false => Err(text(done.stderr)),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.data();
        let _ = plain(&self.programs.join("pg_ctl"))
            .args(["-m", "immediate", "-D", &data, "stop"])
            .output();
        // What the server's user made, this one may not remove.
        let _ = plain(Path::new("/bin/rm")).args(["-rf", &data]).status();
    }
}

#[test]
fn an_eventdb_takes_events_once_and_gives_them_back() {
    let Some(server) = Server::start() else {
        return;
    };
    let bench = with_events();
    let script = bench.run(&["export", "--as", "eventdb"]).exits(0).stdout;
    server.psql(&script).expect("the script is one for psql");
    let count = |server: &Server| {
        server
            .psql("SELECT count(*), count(DISTINCT event_hash) FROM events;")
            .expect("a count")
    };
    assert_eq!(count(&server), "3|3\n");
    server.psql(&script).expect("the same script again");
    assert_eq!(count(&server), "3|3\n");
    let facts = server
        .psql(r#"SELECT "source.ip", "source.port", "severity", "source.tor_node", "feed.code", "comment", "extra"->>'text' FROM events WHERE "source.port" = 443;"#)
        .expect("an answer");
    assert_eq!(
        facts,
        "192.0.2.1|443|high|t|o|中文 \\N|tab\tquote\" back\\ line\n end\n"
    );

    // A table that IntelMQ made long ago, without what came later, is told and left whole.
    let old = server.psql("CREATE DATABASE old;\n\\connect old\nCREATE TABLE events (id BIGSERIAL PRIMARY KEY, \"source.ip\" inet);\n");
    old.expect("a database");
    let why = server
        .psql(&format!("\\connect old\n{script}"))
        .expect_err("columns are missing");
    assert!(why.contains("does not exist"), "{why}");
    assert_eq!(
        server
            .psql("\\connect old\nSELECT count(*) FROM events;")
            .expect("a count"),
        "0\n"
    );

    // Rows of the database are events of the format again, and the same facts.
    let rows = server
        .psql("SELECT row_to_json(e) FROM events AS e;")
        .expect("rows");
    bench.write("second/rows.jsonl", rows);
    bench.run(&["ingest", "second", "--strict"]).exits(0);
    let strip = |mut events: Vec<Value>| {
        for event in &mut events {
            let event = event.as_object_mut().expect("an object");
            event.remove("event_hash");
            if event.get("feed.name").is_some_and(|name| name == "first") {
                event.remove("feed.name");
                event.remove("feed.provider");
            }
            event.remove("feed.provider");
        }
        events
    };
    let (first, second) = (
        strip(exported(&bench, "first")),
        strip(exported(&bench, "second")),
    );
    assert_eq!(first, second);
    assert_eq!(first.len(), events().len());

    // The broken twin: a cell too few is refused, and nothing of the script stays.
    let broken = script.replacen("\tc2-server\t", "\t", 1);
    assert_ne!(broken, script);
    server.psql("DELETE FROM events;").expect("empty");
    let why = server.psql(&broken).expect_err("a row is short");
    let refused = ["missing data", "invalid input", "too long"];
    assert!(refused.iter().any(|word| why.contains(word)), "{why}");
    assert_eq!(count(&server), "0|0\n");
}
