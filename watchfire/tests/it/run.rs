//! A small harness: the built binary in a folder of its own, with nothing of our environment in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// What a run gave.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Done {
    /// Expects this exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "\n--- standard output\n{}\n--- standard error\n{}",
            self.stdout, self.stderr
        );
        self
    }

    /// Expects this on standard error.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.stderr.contains(text),
            "`{text}` is not in:\n{}",
            self.stderr
        );
        self
    }

    /// Expects this on standard output.
    #[track_caller]
    pub fn prints(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text),
            "`{text}` is not in:\n{}",
            self.stdout
        );
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// A folder to run in.
pub struct Bench {
    path: PathBuf,
    /// Removed with the bench, where it is ours.
    _folder: Option<TempDir>,
    variables: Vec<(String, String)>,
}

impl Bench {
    /// An empty folder.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Bench {
            path: folder.path().to_owned(),
            _folder: Some(folder),
            variables: Vec::new(),
        }
    }

    /// A folder that somebody else looks after.
    pub fn at(folder: &Path) -> Self {
        Bench {
            path: folder.to_owned(),
            _folder: None,
            variables: Vec::new(),
        }
    }

    /// A workspace with this configuration.
    pub fn with(configuration: &str) -> Self {
        let bench = Bench::new();
        bench.write("watchfire.toml", configuration);
        bench
    }

    /// Sets a variable for all runs.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a file has a folder"))
            .expect("the folder can be made");
        std::fs::write(path, text).expect("the file can be written");
    }

    /// A command of the binary in the folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        // Another build can be measured: an optimized one, by unoptimized tests.
        let binary = std::env::var_os("WATCHFIRE_BINARY");
        let binary = binary.unwrap_or_else(|| env!("CARGO_BIN_EXE_watchfire").into());
        let mut command = Command::new(binary);
        command
            .current_dir(self.path())
            .args(arguments)
            .stdin(Stdio::null());
        let ours = std::env::vars_os()
            .map(|(name, _)| name)
            .filter(|name| name.to_string_lossy().starts_with("WATCHFIRE"));
        ours.for_each(|name| {
            command.env_remove(name);
        });
        command.env("LC_ALL", "C");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the binary to its end.
    pub fn run(&self, arguments: &[&str]) -> Done {
        let output = self.command(arguments).output().expect("the binary runs");
        Done {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
        }
    }
}

/// The root of the source tree.
pub fn tree() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate lies in the workspace")
        .to_owned()
}

/// The folder of real feeds, where there is one. In CI it must be there.
pub fn data() -> Option<PathBuf> {
    let named = std::env::var_os("WATCHFIRE_DATA").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"))
    });
    let there = folder.join("MANIFEST.md").is_file();
    if there {
        return folder.canonicalize().ok();
    }
    let continuous = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(
        !continuous,
        "the data folder is not at {}: set WATCHFIRE_DATA",
        folder.display()
    );
    eprintln!(
        "SKIPPED: no data folder at {}: set WATCHFIRE_DATA",
        folder.display()
    );
    None
}
