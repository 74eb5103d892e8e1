//! Integration tests of the reference tables: real files read in place, and small ones of our own.
//!
//! Real files are found through `WATCHFIRE_DATA`, else beside the workspace. Without them a test says
//! so loudly and passes, except in CI, where they must exist. Their names are live malware: nothing
//! here resolves them or copies them.

#![allow(clippy::unwrap_used)]

mod addresses;
mod files;
mod mmdb;
mod sites;
mod sources;
mod warnings;

use std::path::{Path, PathBuf};

use reference::{Error, Kind, SourceFile, Tables};

/// The data folder, or `None` after a loud line.
fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("WATCHFIRE_DATA")
        .map(PathBuf::from)
        .unwrap_or_else(|| {
            PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"))
        });
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "WATCHFIRE_DATA must name the data folder in CI"
    );
    eprintln!("SKIPPED: no data folder; set WATCHFIRE_DATA to run this test");
    None
}

/// All files of a folder with an ending, in the order of their names.
fn files_in(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    files.sort();
    files
}

/// Writes a file into a folder and names it as a source.
fn source(folder: &Path, kind: Kind, name: &str, content: &str) -> SourceFile {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    SourceFile::new(kind, path)
}

/// Tables of one file of our own.
fn tables_of(kind: Kind, name: &str, content: &str) -> Result<Tables, Error> {
    let folder = tempfile::tempdir().unwrap();
    Tables::build(&[source(folder.path(), kind, name, content)]).map(|(tables, _)| tables)
}

/// A small seeded generator (xorshift64*): the samples are the same in every run.
struct Sampler(u64);

impl Sampler {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}
