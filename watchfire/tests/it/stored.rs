//! A workspace over an object store, from outside: the same figures as in a folder, from any node, after any kill; and
//! what is said when the store fails. On both stores that we are tested against.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use storage::{Address, Secret, Storage};

use crate::crash::{self, CONFIGURATION, outcome, prepared};
use crate::faulty_store::{FAULTS, Proxy};
use crate::run::{Bench, Done};
use crate::serve::{Serving, until};
use crate::stores::{BUCKET, KEY, KINDS, Store, files_below, free_port};
use crate::{cluster, crash::copy};

/// The bench over a store at an endpoint.
pub fn over(bench: Bench, endpoint: &str, prefix: &str) -> Bench {
    bench
        .set("WATCHFIRE__LAKE__URL", &format!("s3://{BUCKET}/{prefix}"))
        .set("WATCHFIRE__LAKE__ENDPOINT", endpoint)
        .set("WATCHFIRE__LAKE__ACCESS_KEY", KEY.0)
        .set("WATCHFIRE__LAKE__SECRET_KEY", KEY.1)
}

/// The prepared workspace in a folder of its own over a store.
fn trial(from: &Bench, endpoint: &str, prefix: &str) -> Bench {
    let trial = Bench::new();
    copy(from.path(), trial.path());
    over(trial, endpoint, prefix)
}

/// The store as a test reaches into it, with files by their paths below `root`.
fn inside(root: &Path, store: &Store, prefix: &str) -> Storage {
    let mut address = Address::parse(&format!("s3://{BUCKET}/{prefix}")).expect("is one");
    address.endpoint = store.endpoint();
    address.access_key = KEY.0.to_owned();
    address.secret_key = Secret(KEY.1.to_owned());
    Storage::over(root, &address, "test").expect("makes a client")
}

/// Throws everything away that the store has too.
fn wipe(bench: &Bench) {
    for folder in ["lake", "blobs", "reference"] {
        let folder = bench.path().join(folder);
        if folder.exists() {
            std::fs::remove_dir_all(folder).expect("the cache can be thrown away");
        }
    }
}

fn explained(bench: &Bench) -> String {
    bench
        .run(&["week", "2023-1", "--explain", "W6"])
        .exits(0)
        .stdout
}

#[test]
fn a_week_over_a_store_is_the_week_in_a_folder_and_the_folder_may_be_thrown_away() {
    let from = prepared();
    let (expected, _) = crash::reference(&from);
    let plain = Bench::new();
    copy(from.path(), plain.path());
    plain.run(&["ingest"]).exits(0);
    let week = |bench: &Bench| bench.run(&["week", "2023-1"]).exits(0).stdout;
    for kind in KINDS {
        let Some(store) = Store::start(kind) else {
            continue;
        };
        let bench = trial(&from, &store.endpoint(), "week");
        bench.run(&["ingest"]).exits(0);
        assert_eq!(outcome(&bench), expected, "{kind:?}");
        for _ in 0..2 {
            assert_eq!(week(&bench), week(&plain), "{kind:?}");
            assert_eq!(explained(&bench), explained(&plain), "{kind:?}");
            assert_eq!(outcome(&bench), expected, "{kind:?}");
            bench
                .run(&["doctor", "--deep"])
                .prints("writes, reads, writes over and deletes");
            bench.run(&["lake", "check", "--deep"]).exits(0);
            wipe(&bench);
        }
        // Compaction, and reading again, over files that are not here.
        bench.run(&["lake", "compact"]).exits(0);
        wipe(&bench);
        bench.run(&["ingest", "--again"]).exits(0);
        wipe(&bench);
        assert_eq!(outcome(&bench)[1], expected[1], "{kind:?}");
        bench.run(&["lake", "check", "--deep"]).exits(0);
        bench.run(&["config", "show"]).exits(0).prints("***");
    }
}

#[test]
fn another_node_over_the_same_ledger_and_store_reads_and_writes_the_same() {
    let Some(cluster) = cluster::shared() else {
        return;
    };
    let from = prepared();
    let (expected, _) = crash::reference(&from);
    for kind in KINDS {
        let Some(store) = Store::start(kind) else {
            continue;
        };
        let url = cluster.database();
        let node = |bench: Bench| {
            over(bench, &store.endpoint(), "nodes").set("WATCHFIRE__LEDGER__URL", &url)
        };
        let (one, two) = (
            node(Bench::with(CONFIGURATION)),
            node(Bench::with(CONFIGURATION)),
        );
        one.write("in/a.csv", crash::report(0, 300));
        two.write("in/b.csv", crash::report(150, 300));
        one.run(&["ingest"]).exits(0);
        // Half of what the other node brings is known already.
        two.run(&["ingest"]).exits(0);
        // By line and place the two reports are the same; which came first is too.
        for bench in [&one, &two] {
            let found = outcome(bench);
            assert_eq!(found[1..], expected[1..], "{kind:?}");
            assert_eq!(found[0].matches("event_id").count(), 450, "{kind:?}");
        }
        assert_eq!(outcome(&one), outcome(&two));
        assert_eq!(explained(&one), explained(&two));
        // What is imported on one node is there on the other.
        one.write(
            "known.csv",
            "alias,brand,sector,country\nexample,Example Bank,finance,CN\n",
        );
        one.run(&["reference", "import", "brands", "known.csv"])
            .exits(0);
        let listed = |bench: &Bench| bench.run(&["--json", "reference", "list"]).exits(0).stdout;
        assert_eq!(listed(&one), listed(&two), "{kind:?}");
        assert!(listed(&two).contains("known"), "{}", listed(&two));
        assert_eq!(
            files_below(&two.path().join("reference")).len(),
            2,
            "the index and the table"
        );
        // Compacted by one, read by the other.
        one.run(&["lake", "compact"]).exits(0);
        assert_eq!(outcome(&one), outcome(&two), "{kind:?}");
        // What rules of retention take away on one node is soon gone from the folder of the other.
        // (Tables that were imported are blobs too, and stay.)
        let database = url.rsplit('/').next().expect("a URL ends with a database");
        let raw = cluster.sql(database, "SELECT encode(blob, 'hex') FROM report");
        let here = |bench: &Bench| {
            let blobs = bench.path().join("blobs");
            let raw = raw
                .lines()
                .map(|hash| blobs.join(&hash[..2]).join(format!("{}.raw", &hash[2..])));
            let parts = files_below(&bench.path().join("lake")).len();
            (parts, raw.filter(|path| path.exists()).count())
        };
        assert!(here(&two).0 > 0 && here(&two).1 > 0, "{:?}", here(&two));
        let rule = |what: &str| {
            format!("\n[[retention]]\nname = \"{what}\"\nwhat = \"{what}\"\nkeep_days = 30\n")
        };
        let configuration = format!("{CONFIGURATION}{}{}", rule("events"), rule("raw"));
        one.write("watchfire.toml", configuration);
        // Raw bytes are as old as their receipt, which was today.
        cluster.sql(database, "UPDATE report SET received_at = 1674172800000000");
        one.run(&["retention", "apply", "--by", "li.na"]).exits(0);
        let two = two.set("WATCHFIRE__SERVE__UPKEEP_SECS", "1");
        let _serving = Serving::with(&two, &["--role", "worker"]);
        until("forgetting", || here(&two) == (0, 0));
    }
}

#[test]
fn an_object_that_is_gone_is_named() {
    let from = prepared();
    for kind in KINDS {
        let Some(store) = Store::start(kind) else {
            continue;
        };
        let bench = trial(&from, &store.endpoint(), "gone");
        bench.run(&["ingest"]).exits(0);
        let files = inside(bench.path(), &store, "gone");
        let parts = files.list(&bench.path().join("lake")).expect("lists");
        let part = parts
            .iter()
            .find(|part| part.path.extension().is_some_and(|kind| kind == "parquet"));
        let part = part.expect("there is a part").path.clone();
        files.withdraw(vec![part.clone()]).expect("takes it out");
        let name = part
            .file_name()
            .expect("has one")
            .to_string_lossy()
            .into_owned();
        // It lies here still; the check looks into the store.
        bench.run(&["lake", "check"]).exits(4).prints(&name);
        wipe(&bench);
        let events = "select count(distinct event_id) from events";
        let failed = bench.run(&["query", events]);
        assert_eq!(failed.code, 1, "{kind:?} {failed:?}");
        failed.says(&name).says("not in the store");
        bench.run(&["doctor"]).exits(4).prints(&name);
    }
}

#[test]
fn an_outage_makes_nothing_live_and_what_is_here_stays_readable() {
    let from = prepared();
    let (expected, _) = crash::reference(&from);
    for kind in KINDS {
        let Some(store) = Store::start(kind) else {
            continue;
        };
        let good = trial(&from, &store.endpoint(), "outage");
        good.write("in/c.csv", crash::report(0, 10));
        std::fs::remove_file(good.path().join("in/c.csv")).expect("it was written");
        // The same folder, by an address where nobody answers.
        let nobody = format!("http://127.0.0.1:{}", free_port());
        let out = over(Bench::at(good.path()), &nobody, "outage");
        out.run(&["ingest"]).exits(1).says("lake.endpoint");
        let events = |bench: &Bench| -> Done {
            bench.run(&["--json", "query", "select count(*) as n from events"])
        };
        assert!(
            events(&out).exits(0).stdout.contains('0'),
            "nothing is live"
        );
        good.run(&["ingest"]).exits(0);
        assert_eq!(outcome(&good), expected, "{kind:?}");
        assert!(
            events(&out).exits(0).stdout.contains("450"),
            "what is here is read"
        );
        out.run(&["doctor"]).exits(4).prints("lake.endpoint");
    }
}

#[test]
fn killed_at_any_moment_a_rerun_over_the_store_is_the_same() {
    let from = prepared();
    let (expected, _) = crash::reference(&from);
    for kind in KINDS {
        let Some(store) = Store::start(kind) else {
            continue;
        };
        let begun = std::time::Instant::now();
        trial(&from, &store.endpoint(), "measure")
            .run(&["ingest"])
            .exits(0);
        let took = begun.elapsed();
        for n in 0..20_u32 {
            let trial = trial(&from, &store.endpoint(), &format!("kill/{n}"));
            let moment = took.mul_f64(f64::from((n * 7 + 3) % 21) / 21.0);
            let mut child = trial
                .command(&["ingest"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("the binary runs");
            std::thread::sleep(moment);
            child.kill().expect("the process can be killed");
            child.wait().expect("the process ends");
            trial.run(&["ingest"]).exits(0);
            // From the store alone.
            wipe(&trial);
            assert_eq!(outcome(&trial), expected, "{kind:?} after {moment:?}");
        }
    }
}

#[test]
fn killed_between_upload_and_commit_nothing_of_it_is_ever_read() {
    let from = prepared();
    let (expected, _) = crash::reference(&from);
    for kind in KINDS {
        let Some(store) = Store::start(kind) else {
            continue;
        };
        let trial = trial(&from, &store.endpoint(), "between");
        let files = inside(trial.path(), &store, "between");
        let mut child = trial
            .command(&["ingest"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        // As soon as the store has a part.
        let lake = trial.path().join("lake");
        for _ in 0..5_000 {
            if files.list(&lake).is_ok_and(|listed| !listed.is_empty()) {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().expect("the process can be killed");
        child.wait().expect("the process ends");
        let before = files.list(&lake).expect("lists");
        assert!(!before.is_empty(), "{kind:?}: it was killed too early");
        trial.run(&["ingest"]).exits(0);
        let after = files.list(&lake).expect("lists");
        for old in &before {
            let same = after
                .iter()
                .find(|new| new.path == old.path)
                .expect("nobody took it");
            assert_eq!(
                same.stored_at, old.stored_at,
                "{kind:?}: a name got other bytes"
            );
        }
        wipe(&trial);
        assert_eq!(outcome(&trial), expected, "{kind:?}");
        // Young leftovers may be somebody's work; they are no finding.
        trial.run(&["lake", "check"]).exits(0);
    }
}

#[test]
fn a_store_that_fails_now_and_then_costs_time_only() {
    let from = prepared();
    let (expected, _) = crash::reference(&from);
    for kind in KINDS {
        let Some(store) = Store::start(kind) else {
            continue;
        };
        for (n, fault) in FAULTS.into_iter().enumerate() {
            let proxy = Proxy::before(store.port, fault, 20, n as u64);
            let bench = trial(&from, &proxy.endpoint(), &format!("faults/{n}"));
            let ended = (0..10).any(|_| bench.run(&["ingest"]).code == 0);
            assert!(ended, "{kind:?} {fault:?}");
            let straight = over(
                Bench::at(bench.path()),
                &store.endpoint(),
                &format!("faults/{n}"),
            );
            wipe(&straight);
            assert_eq!(outcome(&straight), expected, "{kind:?} {fault:?}");
        }
    }
}

#[test]
fn a_site_grows_to_a_store_and_goes_back() {
    let from = prepared();
    let (expected, _) = crash::reference(&from);
    for kind in KINDS {
        let Some(store) = Store::start(kind) else {
            continue;
        };
        let outside = tempfile::tempdir().expect("a folder");
        let path = |name: &str| outside.path().join(name).to_string_lossy().into_owned();
        let small = Bench::new();
        copy(from.path(), small.path());
        small.run(&["ingest"]).exits(0);
        small.run(&["backup", &path("first")]).exits(0);
        let keys = over(Bench::new(), &store.endpoint(), "grown");
        keys.run(&["restore", &path("first"), &path("big")])
            .exits(0);
        let big = over(
            Bench::at(Path::new(&path("big"))),
            &store.endpoint(),
            "grown",
        );
        wipe(&big);
        assert_eq!(outcome(&big), expected, "{kind:?}");
        big.run(&["lake", "check", "--deep"]).exits(0);
        // Back: what is not here is fetched for the copy.
        wipe(&big);
        big.run(&["backup", &path("second")]).exits(0);
        let again = big
            .run(&["--json", "backup", &path("second")])
            .exits(0)
            .json();
        assert_eq!(
            again["copied"].as_u64(),
            Some(0),
            "only what is new: {again}"
        );
        // The environment would win over what is asked for.
        keys.run(&["restore", &path("second"), &path("not"), "--lake", "folder"])
            .exits(2)
            .says("WATCHFIRE__LAKE__URL says otherwise");
        assert!(!Path::new(&path("not")).exists());
        let none = Bench::new();
        none.run(&["restore", &path("second"), "--verify"]).exits(0);
        none.run(&[
            "restore",
            &path("second"),
            &path("small"),
            "--lake",
            "folder",
        ])
        .exits(0);
        assert_eq!(
            outcome(&Bench::at(Path::new(&path("small")))),
            expected,
            "{kind:?}"
        );
        // The twin: a backup that lacks a file is not restored.
        let part = files_below(&outside.path().join("second/lake")).remove(0);
        std::fs::remove_file(outside.path().join("second/lake").join(part)).expect("is there");
        none.run(&["restore", &path("second"), &path("never")])
            .exits(1);
    }
}
