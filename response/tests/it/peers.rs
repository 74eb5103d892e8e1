//! Programs of others judge what we wrote: PyPI's `xarf`, `stix2-validator`, `dkimpy` and `aiosmtpd`, Python's own
//! `email`, OpenSSL and GnuPG. Each also gets a broken twin, which it must refuse. Where one is not installed, its
//! tests say so and pass; `.ci/run` installs all.

mod formats;
mod mails;
mod openpgp;

use std::path::PathBuf;
use std::process::Command;

use model::organization::NoticeFormat;
use response::notice::Look;

const JUDGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/peers/judges.py");

/// A Python that has a module, or a loud word that its test does not run.
pub fn python(module: &str) -> Option<PathBuf> {
    let peers =
        std::env::var_os("WATCHFIRE_PEERS").map(|folder| PathBuf::from(folder).join("bin/python"));
    let found = peers
        .into_iter()
        .chain([PathBuf::from("/usr/bin/python3")])
        .find(|python| {
            let tried = Command::new(python)
                .args(["-c", &format!("import {module}")])
                .output();
            tried.is_ok_and(|done| done.status.success())
        });
    if found.is_none() {
        eprintln!("SKIPPED: Python has no {module}; see .ci/run and WATCHFIRE_PEERS");
    }
    found
}

pub fn program(name: &str) -> Option<&str> {
    let asks = if name == "openssl" {
        "version"
    } else {
        "--version"
    };
    let found = Command::new(name)
        .arg(asks)
        .output()
        .is_ok_and(|done| done.status.success());
    if !found {
        eprintln!("SKIPPED: {name} is not installed; see .ci/run");
    }
    found.then_some(name)
}

/// What a judge says of bytes.
pub struct Court {
    python: PathBuf,
    folder: tempfile::TempDir,
}

impl Court {
    pub fn of(module: &str) -> Option<Court> {
        Some(Court {
            python: python(module)?,
            folder: tempfile::tempdir().unwrap(),
        })
    }

    /// What a judge says of each of several files, in one run.
    pub fn judge_all(&self, judge: &str, files: &[Vec<u8>]) -> Vec<String> {
        let mut command = Command::new(&self.python);
        command.arg(JUDGES).arg("each").arg(judge);
        for (at, bytes) in files.iter().enumerate() {
            let file = self.folder.path().join(format!("file{at}"));
            std::fs::write(&file, bytes).unwrap();
            command.arg(file);
        }
        let done = command.output().unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        String::from_utf8_lossy(&done.stdout)
            .lines()
            .map(str::to_owned)
            .collect()
    }

    pub fn judge(&self, judge: &str, bytes: &[u8], more: Option<serde_json::Value>) -> String {
        let file = self.folder.path().join("file");
        std::fs::write(&file, bytes).unwrap();
        let mut command = Command::new(&self.python);
        command.arg(JUDGES).arg(judge).arg(&file);
        if let Some(more) = more {
            let path = self.folder.path().join("more.json");
            std::fs::write(&path, more.to_string()).unwrap();
            command.arg(path);
        }
        let done = command.output().unwrap();
        let errors = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{judge}: {errors}");
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }
}

pub fn look(format: NoticeFormat) -> Look {
    Look {
        format,
        ..Look::default()
    }
}

pub fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(text.contains(from), "{from}: {text}");
    text.replacen(from, to, 1).into_bytes()
}
