//! Stores and networks that fail: what is said to be stored is, what is fetched is whole, and what failed succeeds when
//! it is tried again.

use std::time::{Duration, Instant};

use storage::{Error, Trouble};

use crate::proxy::{FAULTS, Fault, Proxy};
use crate::shared::{Node, address, content};
use crate::stores::{KINDS, Kind, Store, files_below, free_port};

/// Trials of each fault on each store.
const TRIALS: u64 = 20;
/// Times that somebody tries again before a trial has failed.
const AGAIN: usize = 12;

#[test]
fn nothing_is_lost_and_nothing_is_half_whatever_fails() {
    for kind in KINDS {
        let Some(store) = Store::start(kind) else {
            continue;
        };
        std::thread::scope(|scope| {
            for fault in FAULTS {
                let store = &store;
                scope.spawn(move || trials(store, kind, fault));
            }
        });
    }
}

fn trials(store: &Store, kind: Kind, fault: Fault) {
    let (mut refused, mut faulty) = (0, 0);
    for trial in 0..TRIALS {
        let proxy = Proxy::before(store.port, fault, 40, trial);
        let prefix = format!("{fault:?}/{trial}");
        let mut failing = address(&proxy.endpoint(), &prefix);
        failing.patience = Duration::from_secs(if trial % 5 == 0 { 15 } else { 2 });
        let (one, two) = (Node::over(&failing, "a"), Node::over(&failing, "b"));
        let mut patient = address(&store.endpoint(), &prefix);
        patient.patience = Duration::from_secs(60);
        let straight = Node::over(&patient, "c");
        let sizes = match trial % 5 {
            0 => vec![10, 9_000_000],
            _ => vec![0, 10, 70_000, 300_000],
        };
        let name = |at: usize| format!("lake/{at}.parquet");
        let bytes = |at: usize| content(trial * 100 + at as u64, sizes[at]);
        let paths: Vec<_> = (0..sizes.len())
            .map(|at| one.write(&name(at), &bytes(at)))
            .collect();
        let mut tries = 0;
        while let Err(error) = one.files.publish(paths.clone()) {
            assert!(
                matches!(error, Error::Store { .. } | Error::Damaged { .. }),
                "{error:?}"
            );
            tries += 1;
            assert!(tries < AGAIN, "{kind:?} {fault:?} {trial}: {error}");
        }
        refused += tries;
        // Said to be stored: it is, to the byte.
        for at in 0..sizes.len() {
            assert_eq!(
                straight.read(&name(at)).unwrap(),
                bytes(at),
                "{kind:?} {fault:?} {trial}"
            );
        }
        for at in 0..sizes.len() {
            let mut tries = 0;
            let came = loop {
                match two.read(&name(at)) {
                    Ok(came) => break came,
                    Err(error) => {
                        tries += 1;
                        assert!(tries < AGAIN, "{kind:?} {fault:?} {trial}: {error}");
                        assert!(!two.path(&name(at)).exists(), "half a file has its name");
                    }
                }
            };
            refused += tries;
            assert_eq!(came, bytes(at), "{kind:?} {fault:?} {trial}");
        }
        let left: Vec<String> = files_below(two.folder.path());
        assert_eq!(left.len(), sizes.len(), "{left:?}");
        faulty += proxy.faulty.load(std::sync::atomic::Ordering::Relaxed);
    }
    // The twin of the proxy: one that lets everything pass would prove nothing.
    assert!(faulty >= TRIALS, "{fault:?} was met {faulty} times");
    eprintln!(
        "{kind:?} {fault:?}: {TRIALS} trials, {faulty} faulty connections, {refused} calls tried again"
    );
}

#[test]
fn an_outage_is_named_soon_and_what_is_here_stays_readable() {
    let mut place = address(&format!("http://127.0.0.1:{}", free_port()), "p");
    place.patience = Duration::from_secs(1);
    let node = Node::over(&place, "a");
    let path = node.write("lake/here.parquet", b"here");
    let begun = Instant::now();
    let error = node.files.publish(vec![path]).unwrap_err();
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
    assert!(error.is_outage(), "{error}");
    let Error::Store { trouble, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(*trouble, Trouble::Unreachable, "{error}");
    assert!(error.to_string().contains("lake.endpoint"), "{error}");
    assert_eq!(node.read("lake/here.parquet").unwrap(), b"here");
    let missing = node.read("lake/elsewhere.parquet").unwrap_err();
    assert_ne!(
        missing.kind(),
        std::io::ErrorKind::NotFound,
        "it is not known to be missing: {missing}"
    );
}
