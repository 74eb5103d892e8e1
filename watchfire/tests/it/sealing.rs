//! Secrets of second factors from outside: sealed when the process starts, useless in a backup, sealed anew by whoever
//! brings the key, and named by `doctor` where the key is lost.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use console::seal::Seal;
use ledger::Ledger;

use crate::run::Bench;
use crate::serve::Serving;

/// RFC 6238's, in base32: a secret as it was stored before sealing.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const KEY: &str = "second-factors.key";

/// What the ledger of a workspace stores.
async fn stored(folder: &Path) -> String {
    let ledger = Ledger::open(&folder.join("ledger.db")).await;
    let factor = ledger.expect("a ledger").second_factor("li").await;
    factor.expect("it is read").expect("one").secret
}

/// The key of a file.
fn key(file: &Path) -> Seal {
    let text = fs::read_to_string(file).expect("a key");
    let mut key = [0; console::seal::KEY];
    for (n, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * n..2 * n + 2], 16).expect("hexadecimal");
    }
    Seal::new(&key).expect("a key")
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_sealed_at_the_start_and_a_backup_opens_with_its_key_only() {
    let bench = Bench::with("[workspace]\nzone = \"UTC\"\n");
    bench.run(&["status"]).exits(0);
    let open = Ledger::open(&bench.path().join("ledger.db")).await;
    let ledger = open.expect("a ledger");
    ledger
        .offer_second_factor("li", SECRET, 1)
        .await
        .expect("kept");
    drop(ledger);
    drop(Serving::start(&bench));
    let file = bench.path().join(KEY);
    let mode = fs::metadata(&file).expect("a key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let sealed = stored(bench.path()).await;
    assert!(!sealed.contains(SECRET), "{sealed}");
    assert_eq!(key(&file).open("li", &sealed).as_deref(), Ok(SECRET));
    // The backup holds neither the key nor the secret.
    let outside = tempfile::tempdir().expect("a folder");
    let backup = outside.path().join("backup");
    let at = backup.to_str().expect("UTF-8");
    bench.run(&["backup", at]).exits(0);
    assert!(!backup.join(KEY).exists());
    // Without the key: named, with what to do; nothing is made over it.
    let bare = bench
        .run(&["restore", at, "bare"])
        .exits(0)
        .says("--key FILE")
        .says("no-second-factor`: li");
    assert!(!bench.path().join("bare").join(KEY).exists(), "{bare:?}");
    bench
        .run(&["--workspace", "bare", "doctor"])
        .prints("the key is not in");
    let serving = Serving::start(&Bench::at(&bench.path().join("bare")));
    assert!(
        serving
            .log()
            .contains("the key of second factors is not there")
    );
    drop(serving);
    assert!(!bench.path().join("bare").join(KEY).exists());
    // A key of another house opens nothing.
    bench.write("other.key", "ab".repeat(32));
    bench
        .run(&["restore", at, "wrong", "--key", "other.key"])
        .exits(0)
        .says("li do not open");
    // With the key: sealed anew, and the old one opens nothing any more.
    let old = key(&file);
    bench
        .run(&["restore", at, "whole", "--key", KEY])
        .exits(0)
        .says("1 second factors are sealed anew");
    let whole = bench.path().join("whole");
    let sealed = stored(&whole).await;
    assert!(old.open("li", &sealed).is_err());
    assert_eq!(
        key(&whole.join(KEY)).open("li", &sealed).as_deref(),
        Ok(SECRET)
    );
    bench
        .run(&["--workspace", "whole", "doctor"])
        .prints("1 sealed, the key opens them");
}
