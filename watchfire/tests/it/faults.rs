//! Faults of the machine: a disk that is full or failing, a workspace that cannot be written, damaged files, two
//! commands at once. What is asked of each is the same: a message that names the object, nothing lost, nothing doubled.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::crash::{check, copy, outcome, prepared, reference, report};
use crate::run::{Bench, Done};

/// Whether a program that a test needs is there; in CI it must be.
fn installed(program: &str, argument: &str) -> bool {
    let found = Command::new(program)
        .arg(argument)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let found = found.is_ok_and(|status| status.success());
    if !found {
        assert!(std::env::var("CI").is_err(), "{program} is not installed");
        eprintln!("SKIPPED: {program} is not installed");
    }
    found
}

/// A small file system of its own; gone with the value.
pub(crate) struct Disk(PathBuf);

impl Disk {
    /// Mounts one over a folder; `None` where this process may not.
    pub(crate) fn mount(folder: &Path, size: &str) -> Option<Disk> {
        std::fs::create_dir_all(folder).expect("the folder can be made");
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(folder)
            .stderr(Stdio::null())
            .status();
        if done.is_ok_and(|status| status.success()) {
            return Some(Disk(folder.to_owned()));
        }
        eprintln!("SKIPPED: this process may not mount a file system");
        None
    }

    fn read_only(&self) {
        let done = Command::new("mount")
            .args(["-o", "remount,ro"])
            .arg(&self.0)
            .status();
        assert!(done.expect("mount runs").success());
    }

    /// Leaves only so many bytes free, in a file that is returned.
    pub(crate) fn fill(&self, left: u64) -> PathBuf {
        let filler = self.0.join("filler");
        let stat = rustix::fs::statvfs(&self.0).expect("the disk can be asked");
        let free = stat.f_bavail * stat.f_frsize;
        std::fs::write(&filler, vec![0; free.saturating_sub(left) as usize])
            .expect("the disk can be filled");
        filler
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A message of ours: it names what it is about, and nothing panicked.
#[track_caller]
fn clear(done: Done, code: i32, text: &str) -> Done {
    let done = done.exits(code).says("watchfire: ").says(text);
    assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
    done
}

#[test]
fn a_failed_fsync_stops_the_process_and_is_not_tried_again() {
    if !installed("strace", "-V") {
        return;
    }
    let from = prepared();
    let (expected, _) = reference(&from);
    let (mut n, mut failed, mut spared) = (0, 0, 0);
    while spared < 2 {
        n += 1;
        let trial = Bench::new();
        copy(from.path(), trial.path());
        let trace = trial.path().join("trace");
        let binary = trial.command(&["ingest"]);
        let output = Command::new("strace")
            .args(["-f", "-qq", "-y", "-o"])
            .arg(&trace)
            .args(["-e", "trace=fsync,fdatasync", "-e"])
            .arg(format!("inject=fsync,fdatasync:error=EIO:when={n}"))
            .arg(binary.get_program())
            .args(binary.get_args())
            .current_dir(trial.path())
            .output()
            .expect("strace runs");
        let trace = std::fs::read_to_string(&trace).expect("a trace");
        if !trace.contains("(INJECTED)") {
            spared += 1;
            continue;
        }
        (failed, spared) = (failed + 1, 0);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "sync {n}: {stderr}\n{trace}");
        assert!(
            stderr.contains("watchfire: ") && !stderr.contains("panicked"),
            "sync {n}: {stderr}"
        );
        // No file whose sync failed is synced again by this process.
        let file = |line: &str| Some(line.split_once('<')?.1.split_once('>')?.0.to_owned());
        let mut lost = Vec::new();
        for line in trace.lines() {
            let Some(file) = file(line) else { continue };
            assert!(
                !lost.contains(&file),
                "sync {n}: {file} is synced again\n{trace}"
            );
            if line.contains("(INJECTED)") {
                lost.push(file);
            }
        }
        check(&trial, &expected, &format!("at sync {n} that failed"));
    }
    assert!(failed >= 5, "only {failed} syncs failed");
}

#[test]
fn a_full_disk_is_told_and_nothing_is_lost() {
    let from = prepared();
    let (expected, _) = reference(&from);
    let outside = Bench::new();
    let folder = outside.path().join("small");
    let Some(disk) = Disk::mount(&folder, "16m") else {
        return;
    };
    let trial = Bench::at(&folder);
    copy(from.path(), trial.path());
    // From nothing free to almost enough: each run stops at another write.
    for left in [0, 4 << 10, 16 << 10, 48 << 10, 96 << 10, 160 << 10] {
        let filler = disk.fill(left);
        let done = trial.run(&["ingest"]);
        if done.code != 0 {
            let done = clear(done, 1, "");
            let told = done.stderr.to_lowercase();
            assert!(
                told.contains("no space left") || told.contains("full"),
                "{left} bytes free: {told}"
            );
        }
        std::fs::remove_file(filler).expect("the filler can be removed");
    }
    check(&trial, &expected, "on a full disk");

    let filler = disk.fill(0);
    clear(trial.run(&["bulletin", "draft", "2023-2"]), 1, "make room");
    std::fs::remove_file(&filler).expect("the filler can be removed");
    trial.run(&["bulletin", "draft", "2023-2"]).exits(0);
    let filler = disk.fill(0);
    let render = ["bulletin", "render", "2023-2", "--format", "html,json"];
    clear(trial.run(&render), 1, "make room");
    std::fs::remove_file(&filler).expect("the filler can be removed");
    trial.run(&render).exits(0);
    let page = folder.join("drafts/2023-2.zh.html");
    let page = std::fs::read_to_string(page).expect("a page");
    assert!(page.ends_with("</html>\n") || page.ends_with("</html>"));
}

#[test]
fn mail_that_a_full_disk_refuses_is_taken_when_there_is_room_and_once() {
    let outside = Bench::new();
    let folder = outside.path().join("small");
    let Some(disk) = Disk::mount(&folder, "16m") else {
        return;
    };
    let bench = Bench::at(&folder);
    bench.run(&["init", "."]).exits(0);
    bench.run(&["status"]).exits(0);
    let mails = outside.path().join("mails");
    std::fs::create_dir(&mails).expect("the folder can be made");
    for number in 0..40 {
        let text = format!(
            "From: a@people.test\r\nTo: duty@cert.example\r\nSubject: page\r\nMessage-ID: <{number}@people.test>\r\n\r\n\
             http://login{number}.example.com/ is a phishing page\r\n{}",
            "x".repeat(20_000)
        );
        std::fs::write(mails.join(format!("{number}.eml")), text).expect("it can be written");
    }
    let path = mails.to_str().expect("a name");
    // From nothing free to almost enough: each run stops at another write.
    for left in [0, 16 << 10, 64 << 10, 200 << 10, 500 << 10] {
        let filler = disk.fill(left);
        let done = bench.run(&["inbox", "take", path]);
        if done.code != 0 {
            clear(done, 1, "make room");
        }
        std::fs::remove_file(filler).expect("the filler can be removed");
    }
    bench.run(&["inbox", "take", path]).exits(0);
    let all = bench
        .run(&["inbox", "list", "--limit", "1000", "--json"])
        .exits(0)
        .json();
    assert_eq!(all.as_array().map(Vec::len), Some(40));
    bench.run(&["audit", "verify"]).exits(0);
    bench.run(&["lake", "check"]).exits(0);
}

#[test]
fn a_workspace_that_cannot_be_written_can_be_read() {
    let outside = Bench::new();
    let folder = outside.path().join("ro");
    let Some(disk) = Disk::mount(&folder, "16m") else {
        return;
    };
    let from = prepared();
    from.run(&["ingest"]).exits(0);
    copy(from.path(), &folder);
    disk.read_only();
    let bench = Bench::at(&folder);
    bench.run(&["status"]).exits(0).prints("450 in");
    bench
        .run(&["query", "SELECT count(*) AS n FROM events"])
        .exits(0)
        .prints("450");
    bench.run(&["week", "2023-2"]).exits(0);
    bench.run(&["rejects", "list"]).exits(0);
    for command in [&["ingest"][..], &["bulletin", "draft", "2023-2"]] {
        clear(bench.run(command), 1, "Read-only file system").says("remedy: ");
    }
    drop(disk);
}

#[test]
fn damaged_parts_and_lost_blobs_are_named() {
    let bench = prepared();
    bench.run(&["ingest"]).exits(0);
    let parts = files_below(&bench.path().join("lake"), "parquet");
    let part = &parts[0];
    let name = part
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let whole = std::fs::read(part).expect("it can be read");
    // Same size, other bytes: only reading it shows the damage.
    let mut other = whole.clone();
    let from = other.len() / 8;
    let to = other.len() / 2;
    other[from..to].fill(0xa5);
    std::fs::write(part, &other).expect("it can be changed");
    bench
        .run(&["doctor", "--deep"])
        .exits(4)
        .prints(&name)
        .prints("watchfire ingest --again");
    clear(
        bench.run(&[
            "query",
            "SELECT count(DISTINCT event_id) AS n, count(DISTINCT source_url) AS m FROM events",
        ]),
        1,
        &name,
    );
    std::fs::write(part, &whole).expect("it can be mended");

    let blobs = files_below(&bench.path().join("blobs"), "");
    for blob in &blobs {
        std::fs::remove_file(blob).expect("it can be removed");
    }
    bench.run(&["doctor"]).exits(4).prints("missing");
    // The files are delivered again: their bytes come back.
    bench.run(&["ingest"]).exits(0);
    assert!(blobs.iter().all(|blob| blob.is_file()), "{blobs:?}");
    bench.run(&["rejects", "show", "1"]).exits(0);
}

/// Files with this ending below a folder, sorted.
fn files_below(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn two_ingests_at_once_store_each_event_once() {
    let from = prepared();
    let (expected, _) = reference(&from);
    let trial = Bench::new();
    copy(from.path(), trial.path());
    for n in 0..4 {
        trial.write(&format!("in/more{n}.csv"), report(0, 300));
    }
    let start = || {
        trial
            .command(&["ingest"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs")
    };
    let both = [start(), start()].map(|child| child.wait_with_output().expect("it ends"));
    let codes = both.each_ref().map(|output| output.status.code());
    assert!(codes.contains(&Some(0)), "{codes:?}");
    for output in &both {
        let told = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => {}
            code => {
                assert_eq!(code, Some(1), "{told}");
                assert!(told.contains("is being changed by process"), "{told}");
                assert!(told.contains("remedy: wait"), "{told}");
            }
        }
    }
    trial.run(&["ingest"]).exits(0);
    assert_eq!(outcome(&trial)[0], expected[0], "events differ");
}

#[test]
fn a_ledger_that_another_program_holds_is_named() {
    let bench = prepared();
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(bench.path().join("ledger.db"))
        .expect("a ledger");
    rustix::fs::fcntl_lock(&file, rustix::fs::FlockOperation::LockExclusive)
        .expect("nobody holds it");
    // It waits a while for the other to end, then says so.
    clear(bench.run(&["ingest"]), 1, "ledger database is locked")
        .says("which program has ledger.db open");
    drop(file);
    bench.run(&["ingest"]).exits(0);
}
