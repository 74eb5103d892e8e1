//! An independent recount: plain SQL in DuckDB over the archived raw files and a dump of the ledger gives
//! every figure of a published issue again (`tests/recount/recount.py`), and does not where something is
//! not as it was.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A Python that has DuckDB. In CI, and where peers are named, it must be there.
fn python() -> Option<PathBuf> {
    let peers =
        std::env::var_os("WATCHFIRE_PEERS").map(|folder| PathBuf::from(folder).join("bin/python"));
    let python = peers.clone().unwrap_or_else(|| PathBuf::from("python3"));
    let asked = Command::new(&python).args(["-c", "import duckdb"]).output();
    if asked.is_ok_and(|done| done.status.success()) {
        return Some(python);
    }
    let must = std::env::var("CI").is_ok_and(|value| value == "true") || peers.is_some();
    assert!(!must, "Python has no duckdb: pip install duckdb");
    eprintln!("SKIPPED: Python has no duckdb; see .ci/run and WATCHFIRE_PEERS");
    None
}

fn recount(python: &Path, workspace: &Path, bulletin: &Path, more: &[&str]) -> (bool, Value) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recount/recount.py");
    let done = Command::new(python)
        .arg(script)
        .args([workspace, bulletin])
        .args(more)
        .output()
        .expect("Python runs");
    let told = serde_json::from_slice(&done.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&done.stderr));
    });
    (done.status.success(), told)
}

fn names(told: &Value) -> Vec<String> {
    let differing = told["differing"].as_array().expect("a list");
    let name = |one: &Value| one["figure"].as_str().expect("a key").to_owned();
    differing.iter().map(name).collect()
}

/// Recounts an issue of a demo workspace, as it is and with something broken.
pub fn is_what_raw_files_say(workspace: &Path, bulletin: &Path) {
    let Some(python) = python() else { return };
    let (equal, told) = recount(&python, workspace, bulletin, &[]);
    assert!(equal, "{told:#}");
    let checked = told["checked"].as_array().expect("a list").len();
    assert!(checked > 120, "{told:#}");

    // Broken twins: a feed that is not there, and a figure that somebody touched.
    let (equal, told) = recount(
        &python,
        workspace,
        bulletin,
        &["--without", "webshell-watch"],
    );
    let differing = names(&told);
    assert!(!equal && differing.contains(&"W3".to_owned()), "{told:#}");
    assert!(!differing.contains(&"W1".to_owned()), "{told:#}");
    let text = std::fs::read_to_string(bulletin).expect("it was rendered");
    let mut printed: Value = serde_json::from_str(&text).expect("it is JSON");
    let values = printed["values"].as_array_mut().expect("a list");
    let touched = values
        .iter_mut()
        .find(|value| value["key"] == "V2")
        .expect("V2 is printed");
    let count = touched["value"]["exact"]["count"]
        .as_u64()
        .expect("a count");
    touched["value"]["exact"]["count"] = (count + 1).into();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let twin = folder.path().join("twin.json");
    std::fs::write(&twin, printed.to_string()).expect("it can be written");
    let (equal, told) = recount(&python, workspace, &twin, &[]);
    assert!(!equal);
    assert_eq!(names(&told), ["V2"]);
}
