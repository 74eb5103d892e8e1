//! Blobs: stored once, whole or not at all, found again.

use std::fs;
use std::io::Read;
use std::path::Path;

use ledger::{BlobStore, Error, Hash};

fn files(dir: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        match entry.path().is_dir() {
            true => names.extend(files(&entry.path())),
            false => names.push(entry.file_name().into_string().unwrap()),
        }
    }
    names
}

#[test]
fn a_file_is_kept_under_its_hash() {
    let dir = tempfile::tempdir().unwrap();
    let store = BlobStore::new(dir.path().join("blobs"));
    let source = dir.path().join("report.csv");
    // More than two blocks, and not a whole number of them.
    let bytes: Vec<u8> = (0..2_500_000u32).map(|n| (n % 251) as u8).collect();
    fs::write(&source, &bytes).unwrap();
    let blob = store.put_file(&source).unwrap();
    assert_eq!(
        (blob.hash, blob.len),
        (Hash::of(&bytes), bytes.len() as u64)
    );
    let hex = blob.hash.to_string();
    assert_eq!(
        store.path(&blob.hash),
        dir.path()
            .join(format!("blobs/{}/{}.raw", &hex[..2], &hex[2..]))
    );
    assert_eq!(store.read(&blob.hash).unwrap(), bytes);
    assert_eq!(store.verify(&blob.hash).unwrap(), blob.len);
    assert_eq!(files(store.dir()).len(), 1, "no temporary file is left");
    fs::remove_file(&source).unwrap();
    assert!(store.contains(&blob.hash).unwrap(), "it is a copy");
}

#[test]
fn the_same_bytes_are_stored_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = BlobStore::new(dir.path());
    let first = store.put_bytes(b"same").unwrap();
    let written = fs::metadata(store.path(&first.hash))
        .unwrap()
        .modified()
        .unwrap();
    let source = dir.path().join("again");
    fs::write(&source, b"same").unwrap();
    assert_eq!(store.put_file(&source).unwrap(), first);
    assert_eq!(
        fs::metadata(store.path(&first.hash))
            .unwrap()
            .modified()
            .unwrap(),
        written
    );
    fs::remove_file(source).unwrap();
    assert_eq!(files(dir.path()).len(), 1);
}

#[test]
fn an_empty_file_is_a_blob() {
    let dir = tempfile::tempdir().unwrap();
    let store = BlobStore::new(dir.path());
    let source = dir.path().join("empty");
    fs::write(&source, b"").unwrap();
    let blob = store.put_file(&source).unwrap();
    assert_eq!((blob.len, blob.hash), (0, Hash::of(b"")));
    assert_eq!(store.verify(&blob.hash).unwrap(), 0);
}

#[test]
fn what_is_missing_or_damaged_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = BlobStore::new(dir.path().join("blobs"));
    let missing = Hash::of(b"missing");
    assert_eq!(store.open(&missing).unwrap_err().label(), "blob-missing");
    let nowhere = store.put_file(&dir.path().join("nowhere.csv")).unwrap_err();
    assert!(nowhere.to_string().contains("nowhere.csv"), "{nowhere}");
    let blob = store.put_bytes(b"precious").unwrap();
    fs::write(store.path(&blob.hash), b"spoiled!").unwrap();
    match store.verify(&blob.hash).unwrap_err() {
        Error::BlobCorrupt { hash, found, .. } => {
            assert_eq!((hash, found), (blob.hash, Hash::of(b"spoiled!")));
        }
        other => panic!("{other}"),
    }
    // A truncated one is replaced when the bytes come again.
    fs::write(store.path(&blob.hash), b"prec").unwrap();
    store.put_bytes(b"precious").unwrap();
    assert_eq!(store.verify(&blob.hash).unwrap(), 8);
}

#[test]
fn a_reader_that_fails_leaves_nothing() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the wire was cut"))
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let store = BlobStore::new(dir.path());
    let mut source = b"half".as_slice().chain(Broken);
    let failed = store.put(&mut source, Path::new("mail 7")).unwrap_err();
    assert_eq!(failed.to_string(), "mail 7: the wire was cut");
    assert!(files(dir.path()).is_empty());
}

#[test]
fn a_store_that_cannot_be_written_says_where() {
    let dir = tempfile::tempdir().unwrap();
    // A file where the folder should be: works for every user, also the one who may write anywhere.
    let place = dir.path().join("blobs");
    fs::write(&place, b"in the way").unwrap();
    let refused = BlobStore::new(&place).put_bytes(b"x").unwrap_err();
    assert!(refused.to_string().contains("blobs"), "{refused}");
    assert!(!refused.is_fatal());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let closed = dir.path().join("closed");
        fs::create_dir(&closed).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).unwrap();
        if fs::write(closed.join("probe"), b"").is_err() {
            let refused = BlobStore::new(&closed).put_bytes(b"x").unwrap_err();
            assert!(refused.to_string().contains("closed"), "{refused}");
        }
    }
}

#[test]
fn a_sweep_takes_what_nobody_writes() {
    let dir = tempfile::tempdir().unwrap();
    let store = BlobStore::new(dir.path());
    assert_eq!(BlobStore::new(dir.path().join("none")).sweep().unwrap(), 0);
    let kept = store.put_bytes(b"kept").unwrap();
    fs::write(dir.path().join("tmp-999999-0"), b"left by a killed process").unwrap();
    let alive = fs::File::create(dir.path().join("tmp-1-7")).unwrap();
    alive.lock().unwrap();
    assert_eq!(store.sweep().unwrap(), 1);
    assert!(dir.path().join("tmp-1-7").exists());
    drop(alive);
    assert_eq!(store.sweep().unwrap(), 1);
    assert_eq!(store.verify(&kept.hash).unwrap(), 4);
}

#[test]
fn every_blob_is_visited() {
    let dir = tempfile::tempdir().unwrap();
    let store = BlobStore::new(dir.path());
    let mut put: Vec<_> = (0..300u32)
        .map(|n| store.put_bytes(&n.to_le_bytes()).unwrap())
        .collect();
    fs::write(dir.path().join("tmp-1-1"), b"").unwrap();
    fs::write(store.path(&put[0].hash).with_extension("txt"), b"stray").unwrap();
    let mut seen = Vec::new();
    store
        .for_each(|blob| {
            seen.push(blob);
            Ok(())
        })
        .unwrap();
    put.sort_by_key(|blob| blob.hash);
    assert_eq!(seen, put);
}

#[test]
fn writers_of_the_same_bytes_do_not_disturb_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let store = BlobStore::new(dir.path().join("blobs"));
    let bytes = vec![7u8; 3 << 20];
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| store.put_bytes(&bytes).unwrap());
        }
        scope.spawn(|| {
            for _ in 0..50 {
                store.sweep().unwrap();
            }
        });
    });
    assert_eq!(files(store.dir()).len(), 1);
    store.verify(&Hash::of(&bytes)).unwrap();
}

#[test]
fn many_files_are_stored_in_order_and_one_bad_one_keeps_nobody_out() {
    let dir = tempfile::tempdir().unwrap();
    let store = BlobStore::new(dir.path().join("blobs"));
    let names: Vec<_> = (0..20)
        .map(|n| dir.path().join(format!("{n}.csv")))
        .collect();
    for (n, name) in names.iter().enumerate().filter(|(n, _)| *n != 7) {
        fs::write(name, format!("row {}", n % 10)).unwrap();
    }
    let blobs = store.put_files(&names).unwrap();
    assert_eq!(blobs.len(), 20);
    for (n, blob) in blobs.iter().enumerate() {
        match blob {
            Ok(blob) => assert_eq!(
                store.read(&blob.hash).unwrap(),
                format!("row {}", n % 10).as_bytes()
            ),
            Err(error) => assert!(n == 7 && error.to_string().contains("7.csv"), "{error}"),
        }
    }
    assert_eq!(files(store.dir()).len(), 10);
    assert!(store.put_files::<&Path>(&[]).unwrap().is_empty());
}
