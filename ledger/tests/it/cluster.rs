//! A PostgreSQL server of the test's own, from Debian's package: a fresh cluster in a temporary folder
//! on a free port of the loopback, durable as servers are (fsync on). It is stopped and its folder
//! removed when the process of the tests ends, however that ends.
//!
//! Where PostgreSQL is not installed the tests say so and pass; in CI, and where `WATCHFIRE_PEERS`
//! names the other programs that tests talk to, it must be there.

use std::io::Read;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// A role that needs a password, and the password.
pub const GUARDED: (&str, &str) = ("guarded", "s@fe/pass");

/// Stops the server and removes the folder once nobody holds the other end of its standard input: the
/// system closes it with the process.
const KEEPER: &str = r#"trap '' INT TERM HUP
read -r _
"$1/pg_ctl" -D "$2/data" -m immediate stop
rm -rf "$2""#;

/// A running server.
pub struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    user: Option<(u32, u32)>,
    keeper: Child,
}

/// The server that the tests of this process share; `None` where PostgreSQL is not installed.
pub fn shared() -> Option<&'static Cluster> {
    static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
    SHARED.get_or_init(Cluster::start).as_ref()
}

impl Cluster {
    /// A server of one's own, for whoever stops it; `None` where PostgreSQL is not installed.
    pub fn start() -> Option<Cluster> {
        let programs = programs()?;
        // PostgreSQL does not run as root: there it runs as the user that its package makes.
        let root = std::fs::metadata("/proc/self").is_ok_and(|own| {
            use std::os::unix::fs::MetadataExt;
            own.uid() == 0
        });
        let user = root.then(|| account("postgres"));
        let folder = tempfile::Builder::new()
            .prefix("watchfire-pg-")
            .tempdir()
            .unwrap()
            .keep();
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o700)).unwrap();
        if let Some((user, group)) = user {
            std::os::unix::fs::chown(&folder, Some(user), Some(group)).unwrap();
        }
        let port = free_port();
        let keeper = as_user(Command::new("sh"), user)
            .args(["-c", KEEPER, "sh"])
            .args([&programs, &folder])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .spawn()
            .unwrap();
        let cluster = Cluster {
            programs,
            folder,
            port,
            user,
            keeper,
        };
        let data = cluster.folder.join("data");
        cluster.run("initdb", |initdb| {
            initdb.args(["--encoding=UTF8", "--locale=C.UTF-8", "--username=postgres"]);
            initdb.args(["--auth=trust", "--no-sync", "-D"]).arg(&data);
        });
        let (guarded, _) = GUARDED;
        let mut access = String::new();
        let file = data.join("pg_hba.conf");
        let mut own = std::fs::File::open(&file).unwrap();
        own.read_to_string(&mut access).unwrap();
        let first = format!("host all {guarded} 127.0.0.1/32 scram-sha-256\n");
        std::fs::write(&file, first + &access).unwrap();
        cluster.begin();
        let (user, password) = GUARDED;
        cluster.sql(
            "postgres",
            &format!("CREATE ROLE {user} LOGIN PASSWORD '{password}'"),
        );
        Some(cluster)
    }

    /// Starts the server where it was stopped.
    pub fn begin(&self) {
        // Tests share it: several clusters of a dozen processes each, with a pool each.
        let settings = format!(
            "-c max_connections=500 -c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories={}",
            self.port,
            self.folder.display()
        );
        self.run("pg_ctl", |pg_ctl| {
            pg_ctl.arg("-D").arg(self.folder.join("data"));
            pg_ctl.arg("-l").arg(self.folder.join("log"));
            pg_ctl.args(["-w", "-t", "60", "-o", &settings, "start"]);
        });
    }

    /// Stops the server as a power cut would: nothing is written out any more.
    pub fn kill(&self) {
        self.run("pg_ctl", |pg_ctl| {
            pg_ctl.arg("-D").arg(self.folder.join("data"));
            pg_ctl.args(["-m", "immediate", "stop"]);
        });
    }

    /// A new, empty database; its URL.
    pub fn database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// A copy of a database that nobody is connected to; its URL.
    #[allow(dead_code)] // Of the tests of the binary.
    pub fn copy(&self, url: &str) -> String {
        let from = url.rsplit('/').next().unwrap();
        let name = format!("{from}copy");
        self.sql(
            "postgres",
            &format!("CREATE DATABASE {name} TEMPLATE {from}"),
        );
        self.url(&name)
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Its address and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Runs SQL by PostgreSQL's own client, past everything of ours; the rows, bare.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let port = self.port.to_string();
        let done = self.run("psql", |psql| {
            psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]);
            psql.args(["-h", "127.0.0.1", "-p", &port, "-U", "postgres"]);
            psql.args(["-d", database, "-c", sql]);
        });
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    fn run(&self, program: &str, arguments: impl FnOnce(&mut Command)) -> Output {
        let mut command = as_user(Command::new(self.programs.join(program)), self.user);
        arguments(&mut command);
        // What the server inherits must not be a pipe that somebody waits on; only psql's answer is read.
        let output = match program {
            "psql" => command.stdout(Stdio::piped()),
            _ => command.stdout(Stdio::null()),
        };
        let errors = self.folder.join(format!("{program}.err"));
        let file = std::fs::File::create(&errors).unwrap();
        let done = output
            .stdin(Stdio::null())
            .stderr(file)
            .current_dir("/")
            .env("LC_ALL", "C.UTF-8")
            .output()
            .unwrap();
        if !done.status.success() {
            let said = std::fs::read_to_string(&errors).unwrap_or_default();
            let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            panic!("{program}: {said}\n{log}");
        }
        done
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// PostgreSQL's programs, the newest there are, or a loud word that the tests do not run.
fn programs() -> Option<PathBuf> {
    let version = |folder: &Path| {
        let name = folder.parent()?.file_name()?.to_str()?;
        name.parse::<u32>().ok()
    };
    let installed = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file());
    let newest = installed.max_by_key(|folder| version(folder));
    if newest.is_none() {
        let needed = std::env::var("CI").is_ok_and(|value| value == "true")
            || std::env::var_os("WATCHFIRE_PEERS").is_some();
        assert!(
            !needed,
            "PostgreSQL is not installed: apt-get install postgresql"
        );
        eprintln!("SKIPPED: PostgreSQL is not installed (apt-get install postgresql); see .ci/run");
    }
    newest
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// User and group of an account.
fn account(name: &str) -> (u32, u32) {
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap();
    let fields = accounts
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields[0] == name)
        .unwrap_or_else(|| panic!("there is no user {name}"));
    (fields[2].parse().unwrap(), fields[3].parse().unwrap())
}

fn as_user(mut command: Command, user: Option<(u32, u32)>) -> Command {
    if let Some((user, group)) = user {
        command.uid(user).gid(group);
    }
    command
}
