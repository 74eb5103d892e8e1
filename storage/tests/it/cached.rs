//! Files that are published and fetched, thrown out and fetched again.

use std::sync::Arc;

use object_store::path::Path as Key;
use object_store::{Attribute, ObjectStore, ObjectStoreExt, PutOptions, PutPayload};
use storage::{Error, Storage, Wanted};

use crate::shared::{Node, address, content, is_kept};
use crate::stores::{KINDS, Store, files_below};

/// Sizes on both sides of what goes in one piece, and of nothing.
const SIZES: [usize; 6] = [0, 1, 70_000, 8 << 20, (8 << 20) + 1, 20_000_000];

#[test]
fn a_plain_folder_costs_nothing_and_has_no_store() {
    let folder = tempfile::tempdir().unwrap();
    let files = Storage::folder(folder.path());
    let path = folder.path().join("a");
    std::fs::write(&path, b"a").unwrap();
    assert!(!files.is_remote() && files.stamp().is_none());
    files.publish(vec![path.clone()]).unwrap();
    assert!(!is_kept(&path), "nothing is marked where there is no store");
    files.fetch(vec![Wanted::sized(&path, 77)]).unwrap();
    assert_eq!(files.size(&path).unwrap(), Some(1));
    assert_eq!(files.size(&folder.path().join("b")).unwrap(), None);
    assert!(files.list(folder.path()).unwrap().is_empty());
    assert!(files.reader(folder.path()).unwrap().is_none() && files.probe(0).is_none());
    let missing = files.open(&folder.path().join("b")).unwrap_err();
    assert_eq!(missing.kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn another_node_reads_what_one_published() {
    for kind in KINDS {
        let Some(store) = Store::start(kind) else {
            continue;
        };
        let mut place = address(&store.endpoint(), "site/one");
        // Enough for twenty megabytes from a busy machine.
        place.patience = std::time::Duration::from_secs(60);
        let (one, two) = (Node::over(&place, "a"), Node::over(&place, "b"));
        let name = |at: usize| format!("lake/day=2026-01-0{}/é-{at}.parquet", at + 1);
        let paths = SIZES
            .iter()
            .enumerate()
            .map(|(at, size)| one.write(&name(at), &content(at as u64, *size)));
        let paths: Vec<_> = paths.collect();
        one.files.publish(paths.clone()).unwrap();
        assert!(paths.iter().all(|path| is_kept(path)));
        // Once more does no harm.
        one.files.publish(paths).unwrap();

        let sizes = two
            .files
            .stored_sizes((0..SIZES.len()).map(|at| two.path(&name(at))).collect());
        let sizes: Vec<_> = sizes
            .unwrap()
            .into_iter()
            .map(|size| size.unwrap() as usize)
            .collect();
        assert_eq!(sizes, SIZES, "{kind:?}");
        assert_eq!(
            files_below(two.folder.path()),
            [""; 0],
            "asking fetches nothing"
        );
        for (at, size) in SIZES.iter().enumerate() {
            assert_eq!(
                two.read(&name(at)).unwrap(),
                content(at as u64, *size),
                "{kind:?} {size}"
            );
            assert!(is_kept(&two.path(&name(at))));
        }
        let listed = two.files.list(&two.path("lake")).unwrap();
        assert_eq!(listed.len(), SIZES.len(), "{kind:?}");
        assert!(
            listed.iter().all(|listed| listed.path.exists()),
            "{listed:?}"
        );

        // Another prefix of the bucket is another site.
        let other = Node::over(&address(&store.endpoint(), "site/two"), "c");
        let missing = other.read(&name(1)).unwrap_err();
        assert_eq!(missing.kind(), std::io::ErrorKind::NotFound, "{missing}");
        assert!(
            missing.to_string().contains("site/two/lake/day="),
            "{missing}"
        );

        // Taken out is gone for whoever does not have it.
        two.files
            .withdraw(vec![two.path(&name(1)), two.path("lake/never.ids")])
            .unwrap();
        assert!(two.files.forget(&two.path(&name(1))).unwrap());
        let missing = two
            .files
            .fetch(vec![Wanted::sized(two.path(&name(1)), 1)])
            .unwrap_err();
        assert!(matches!(missing, Error::Missing { .. }), "{missing}");
        // And whoever has it, and says that it is there, looks first.
        one.files.publish(vec![one.path(&name(1))]).unwrap();
        assert_eq!(two.read(&name(1)).unwrap(), content(1, 1), "{kind:?}");
    }
}

#[test]
fn a_copy_that_is_not_whole_is_never_believed() {
    for kind in KINDS {
        let Some(store) = Store::start(kind) else {
            continue;
        };
        let place = address(&store.endpoint(), "p");
        let (one, two) = (Node::over(&place, "a"), Node::over(&place, "b"));
        let bytes = content(1, 100_000);
        one.files
            .publish(vec![one.write("lake/x.ids", &bytes)])
            .unwrap();
        two.read("lake/x.ids").unwrap();
        // Cut off here: the size tells.
        std::fs::remove_file(two.path("lake/x.ids")).unwrap();
        std::fs::write(two.path("lake/x.ids"), &bytes[..999]).unwrap();
        let mut kept = std::fs::metadata(two.path("lake/x.ids"))
            .unwrap()
            .permissions();
        kept.set_readonly(true);
        std::fs::set_permissions(two.path("lake/x.ids"), kept).unwrap();
        two.files
            .fetch(vec![Wanted::sized(two.path("lake/x.ids"), 100_000)])
            .unwrap();
        assert_eq!(two.read("lake/x.ids").unwrap(), bytes, "{kind:?}");
        // A file of ours that the store does not have is nobody's to throw away.
        two.write("lake/own.ids", b"short");
        two.files
            .fetch(vec![Wanted::sized(two.path("lake/own.ids"), 100)])
            .unwrap();
        assert_eq!(two.read("lake/own.ids").unwrap(), b"short");

        // The twins: an object that is damaged in the store, by what it says it hashes to, by the hash that is
        // wanted, and by its size.
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let client = object_store::aws::AmazonS3Builder::new()
            .with_endpoint(store.endpoint())
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_bucket_name(crate::stores::BUCKET)
            .with_access_key_id(crate::stores::KEY.0)
            .with_secret_access_key(crate::stores::KEY.1)
            .build()
            .unwrap();
        let mut options = PutOptions::default();
        let stated = blake3::hash(&bytes).to_hex().to_string();
        options
            .attributes
            .insert(Attribute::Metadata("blake3".into()), stated.into());
        let damaged = PutPayload::from(content(2, 100_000));
        let key = Key::from("p/lake/x.ids");
        runtime
            .block_on(client.put_opts(&key, damaged, options))
            .unwrap();
        assert!(two.files.forget(&two.path("lake/x.ids")).unwrap());
        let error = two.read("lake/x.ids").unwrap_err();
        assert_eq!(
            error.kind(),
            std::io::ErrorKind::InvalidData,
            "{kind:?} {error}"
        );
        assert!(
            error.to_string().contains("its content hashes to"),
            "{error}"
        );
        let silent = PutPayload::from(content(2, 100_000));
        runtime.block_on(client.put(&key, silent)).unwrap();
        let wanted = Wanted {
            path: two.path("lake/x.ids"),
            bytes: None,
            hash: Some(*blake3::hash(&bytes).as_bytes()),
        };
        let error = two.files.fetch(vec![wanted]).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
        let error = two
            .files
            .fetch(vec![Wanted::sized(two.path("lake/x.ids"), 99)])
            .unwrap_err();
        assert!(
            error.to_string().contains("100000 bytes instead of 99"),
            "{error}"
        );
        assert_eq!(
            files_below(&two.path("lake")),
            ["own.ids"],
            "nothing half is left"
        );
    }
}

#[test]
fn many_want_one_file_and_it_comes_once() {
    for kind in KINDS {
        let Some(store) = Store::start(kind) else {
            continue;
        };
        let place = address(&store.endpoint(), "p");
        let (one, two) = (Node::over(&place, "a"), Node::over(&place, "b"));
        let bytes = content(3, 3_000_000);
        one.files
            .publish(vec![one.write("blobs/ab/x.raw", &bytes)])
            .unwrap();
        std::thread::scope(|scope| {
            for _ in 0..24 {
                scope.spawn(|| assert_eq!(two.read("blobs/ab/x.raw").unwrap(), bytes));
            }
        });
        assert_eq!(files_below(&two.path("blobs")), ["ab/x.raw"], "{kind:?}");
    }
}

/// Blocking calls on a runtime of one thread, from within it: nothing waits for itself.
#[tokio::test]
async fn blocking_calls_may_be_made_from_within_a_runtime() {
    for kind in KINDS {
        let Some(store) = Store::start(kind) else {
            continue;
        };
        let place = address(&store.endpoint(), "p");
        let (one, two) = (Node::over(&place, "a"), Node::over(&place, "b"));
        one.files
            .publish(vec![
                one.write("lake/x.ids", b"one"),
                one.write("lake/y.ids", b"two"),
            ])
            .unwrap();
        assert_eq!(two.read("lake/x.ids").unwrap(), b"one");
        two.files
            .fetched(vec![Wanted::sized(two.path("lake/y.ids"), 3)])
            .await
            .unwrap();
        assert!(two.path("lake/y.ids").exists());
        // Dropping them here must not panic either.
        drop((one, two));
    }
}

#[test]
fn a_cache_keeps_its_bound_and_readers_never_notice() {
    for kind in KINDS {
        let Some(store) = Store::start(kind) else {
            continue;
        };
        let mut place = address(&store.endpoint(), "p");
        let one = Node::over(&place, "a");
        let names: Vec<String> = (0..20).map(|n| format!("lake/{n}.ids")).collect();
        let paths = names
            .iter()
            .enumerate()
            .map(|(n, name)| one.write(name, &content(n as u64, 100_000)));
        one.files.publish(paths.collect()).unwrap();
        place.cache_bytes = 500_000;
        let two = Node::over(&place, "b");
        // Two processes share the folder, and one of them throws out what the other is about to open.
        let beside = Storage::over(two.folder.path(), &place, "c").unwrap();
        std::thread::scope(|scope| {
            let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
            let stopping = Arc::clone(&stop);
            scope.spawn(move || {
                while !stopping.load(std::sync::atomic::Ordering::Relaxed) {
                    beside.trim();
                }
            });
            for round in 0..3 {
                for (n, name) in names.iter().enumerate() {
                    assert_eq!(
                        two.read(name).unwrap(),
                        content(n as u64, 100_000),
                        "{round} {name}"
                    );
                }
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        assert!(two.files.trim() <= 500_000);
        let kept = files_below(&two.path("lake"));
        assert!(
            kept.len() <= 5 && kept.contains(&"19.ids".to_owned()),
            "{kept:?}"
        );
        // What only lies here stays, however small the bound.
        two.write("lake/own.ids", &content(0, 900_000));
        two.files.trim();
        assert!(two.path("lake/own.ids").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn datafusion_reads_parts_of_files_that_are_not_here() {
    for kind in KINDS {
        let Some(store) = Store::start(kind) else {
            continue;
        };
        let place = address(&store.endpoint(), "p");
        let (one, two) = (Node::over(&place, "a"), Node::over(&place, "b"));
        let bytes = content(5, 200_000);
        one.files
            .publish(vec![one.write("lake/day=2026-01-01/x.parquet", &bytes)])
            .unwrap();
        std::fs::create_dir_all(two.path("lake")).unwrap();
        let reader = two.files.reader(&two.path("lake")).unwrap().unwrap();
        let key = Key::parse("day=2026-01-01/x.parquet").unwrap();
        let ranges = reader
            .get_ranges(&key, &[5..10, 199_990..200_000])
            .await
            .unwrap();
        assert_eq!(ranges[0].as_ref(), &bytes[5..10]);
        assert_eq!(ranges[1].as_ref(), &bytes[199_990..]);
        assert!(
            two.files
                .forget(&two.path("lake/day=2026-01-01/x.parquet"))
                .unwrap()
        );
        let whole = reader.get(&key).await.unwrap().bytes().await.unwrap();
        assert_eq!(whole.as_ref(), &bytes[..], "{kind:?}");
        let missing = reader.get(&Key::from("no.parquet")).await.unwrap_err();
        assert!(
            matches!(missing, object_store::Error::NotFound { .. }),
            "{missing}"
        );
        let refused = reader
            .put(&key, PutPayload::from_static(b"x"))
            .await
            .unwrap_err();
        assert!(
            matches!(refused, object_store::Error::NotSupported { .. }),
            "{refused}"
        );
    }
}

#[test]
fn names_of_two_processes_never_meet() {
    let place = address("http://127.0.0.1:1", "p");
    let (one, two) = (Node::over(&place, "a"), Node::over(&place, "b"));
    let stamps: std::collections::BTreeSet<_> = (0..50)
        .flat_map(|_| [one.files.stamp(), two.files.stamp()])
        .collect();
    assert_eq!(stamps.len(), 100);
}
