//! The site on disk: whole at every instant, whatever ends the process.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bulletin::publish::Asset;
use bulletin::render::Rendition;
use watchfire::site::{self, Error, Hold, Step, publish, publish_at, verify};

fn asset_bytes(n: u32) -> Vec<u8> {
    format!("issue {n} ").repeat(500).into_bytes()
}

fn assets(count: u32) -> Vec<Asset> {
    (0..count)
        .map(|n| {
            let bytes = asset_bytes(n);
            Asset {
                path: format!("issues/{n}.pdf"),
                size: bytes.len() as u64,
                blake3: blake3::hash(&bytes).to_hex().to_string(),
            }
        })
        .collect()
}

fn open(blake3: &str) -> io::Result<Box<dyn Read>> {
    (0..2000)
        .map(asset_bytes)
        .find(|bytes| blake3::hash(bytes).to_hex().as_str() == blake3)
        .map(|bytes| Box::new(io::Cursor::new(bytes)) as Box<dyn Read>)
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn page(name: &str, text: &str) -> Rendition {
    Rendition {
        name: name.to_owned(),
        bytes: text.as_bytes().to_vec(),
    }
}

fn pages(edition: &str) -> Vec<Rendition> {
    vec![
        page("index.html", edition),
        page("site.css", "a{}"),
        page("statistics/M1.zh.html", edition),
        page("archive/2022.zh.html", "old"),
    ]
}

fn whole(dir: &Path) -> String {
    assert_eq!(verify(dir).expect("readable"), Vec::<String>::new());
    let home = fs::read_to_string(dir.join("index.html")).expect("a home");
    assert_eq!(
        fs::read_to_string(dir.join("statistics/M1.zh.html")).expect("a page"),
        home,
        "two editions in one tree"
    );
    home
}

#[test]
fn what_is_unchanged_stays_the_same_file() {
    let root = tempfile::tempdir().expect("a folder");
    let dir = root.path().join("site");
    let first = publish(&dir, &pages("one"), &assets(3), &open).expect("published");
    assert_eq!((first.kept, first.written, first.changed), (0, 7, true));
    let inode = |path: &str| fs::metadata(dir.join(path)).expect("a file").ino();
    let before = (
        inode("archive/2022.zh.html"),
        inode("issues/1.pdf"),
        inode("index.html"),
    );
    let modified = fs::metadata(dir.join("site.css"))
        .expect("a file")
        .modified()
        .expect("a time");

    let second = publish(&dir, &pages("two"), &assets(4), &open).expect("published");
    assert_eq!((second.kept, second.written, second.changed), (5, 3, true));
    assert_eq!(whole(&dir), "two");
    let after = (
        inode("archive/2022.zh.html"),
        inode("issues/1.pdf"),
        inode("index.html"),
    );
    assert_eq!((before.0, before.1), (after.0, after.1));
    assert_ne!(
        before.2, after.2,
        "a changed page is another file: who reads the old one reads it to its end"
    );
    assert_eq!(
        fs::metadata(dir.join("site.css"))
            .expect("a file")
            .modified()
            .expect("a time"),
        modified
    );

    // Equal: nothing is touched. A file that is gone is gone.
    assert!(
        !publish(&dir, &pages("two"), &assets(4), &open)
            .expect("published")
            .changed
    );
    publish(&dir, &pages("two"), &assets(1), &open).expect("published");
    assert!(!dir.join("issues/1.pdf").exists());
    let left: Vec<_> = fs::read_dir(root.path())
        .expect("a folder")
        .map(|e| e.expect("an entry").file_name())
        .collect();
    assert_eq!(left.len(), 2, "only the site and its lock: {left:?}");
}

#[test]
fn one_writes_a_site_at_a_time() {
    let root = tempfile::tempdir().expect("a folder");
    let dir = root.path().join("site");
    let hold = Hold::take(&dir).expect("nobody has it");
    let busy = publish(&dir, &pages("other"), &assets(1), &open);
    assert!(matches!(busy, Err(Error::Busy { .. })), "{busy:?}");
    hold.publish(&pages("own"), &assets(1), &open)
        .expect("it may");
    drop(hold);
    let again = publish(&dir, &pages("own"), &assets(1), &open).expect("it is free");
    assert!(!again.changed);
}

#[test]
fn interrupted_at_every_step_one_tree_is_whole() {
    for swap in [true, false] {
        let mut reached = 0;
        for stop in 0.. {
            let root = tempfile::tempdir().expect("a folder");
            let dir = root.path().join("site");
            publish(&dir, &pages("old"), &assets(3), &open).expect("published");
            let mut count = 0;
            let mut last = Step::Cleared;
            let done = publish_at(&dir, &pages("new"), &assets(5), &open, swap, &mut |step| {
                last = step;
                count += 1;
                if count > stop {
                    Err(io::Error::other("interrupted"))
                } else {
                    Ok(())
                }
            });
            if last == Step::Aside {
                assert!(
                    !dir.exists(),
                    "the one moment without a site, on file systems that cannot swap"
                );
            }
            site::recover(&dir).expect("recovered");
            let home = whole(&dir);
            assert_eq!(
                home,
                if last >= Step::Aside { "new" } else { "old" },
                "{last:?}"
            );
            // The next call clears what was left.
            publish(&dir, &pages("third"), &assets(5), &open).expect("published");
            assert_eq!(whole(&dir), "third");
            assert_eq!(fs::read_dir(root.path()).expect("a folder").count(), 2);
            reached = count;
            if done.is_ok() {
                break;
            }
        }
        assert!(reached > 10, "{reached}");
    }
}

/// Publishes in turn without end, until it is killed.
fn publish_without_end(dir: &Path) {
    for turn in 0.. {
        let edition = format!("edition {turn}");
        publish(dir, &pages(&edition), &assets(10 + turn % 3), &open).expect("published");
    }
}

#[test]
fn a_killed_process_leaves_one_tree_whole() {
    // The test runs itself as the process that it kills.
    if let Some(dir) = std::env::var_os("WATCHFIRE_TEST_SITE") {
        return publish_without_end(Path::new(&dir));
    }
    let root = tempfile::tempdir().expect("a folder");
    let dir = root.path().join("site");
    publish(&dir, &pages("first"), &assets(10), &open).expect("published");
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..12_u64 {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["site::a_killed_process_leaves_one_tree_whole", "--exact"])
            .env("WATCHFIRE_TEST_SITE", &dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a child");
        // A fixed sequence of moments, so that a failure can be repeated.
        std::thread::sleep(Duration::from_millis(200 + (round * 137) % 400));
        child.kill().expect("killed");
        child.wait().expect("ended");
        seen.insert(whole(&dir));
    }
    assert!(seen.len() > 1, "the child never published");
    publish(&dir, &pages("last"), &assets(2), &open).expect("published");
    assert_eq!(whole(&dir), "last");
}

#[test]
fn what_must_not_be_published_is_refused_and_the_site_stays() {
    let root = tempfile::tempdir().expect("a folder");
    let dir = root.path().join("site");
    publish(&dir, &pages("old"), &assets(2), &open).expect("published");
    let refused = |pages: &[Rendition],
                   assets: &[Asset],
                   open: &dyn Fn(&str) -> io::Result<Box<dyn Read>>| {
        let error = publish(&dir, pages, assets, open).expect_err("refused");
        assert_eq!(whole(&dir), "old");
        error
    };
    // Kept bytes that are not those that were signed.
    let damaged =
        |_: &str| -> io::Result<Box<dyn Read>> { Ok(Box::new(io::Cursor::new(asset_bytes(7)))) };
    assert!(
        matches!(refused(&pages("new"), &assets(3), &damaged), Error::Changed { path, .. } if path == "issues/2.pdf")
    );
    let missing = |_: &str| -> io::Result<Box<dyn Read>> { Err(io::ErrorKind::NotFound.into()) };
    assert!(matches!(
        refused(&pages("new"), &assets(3), &missing),
        Error::Io { .. }
    ));
    for name in [
        "../x",
        "/etc/x",
        "a//b",
        "",
        "a b",
        "index.html",
        site::SUMS,
    ] {
        let mut all = pages("new");
        all.push(page(name, ""));
        assert!(
            matches!(refused(&all, &[], &open), Error::Name { .. }),
            "{name}"
        );
    }
    // A folder of other files is not ours to replace.
    let other = root.path().join("other");
    fs::create_dir(&other).expect("a folder");
    fs::write(other.join("thesis.txt"), "x").expect("a file");
    assert!(matches!(
        publish(&other, &pages("new"), &[], &open),
        Err(Error::Foreign { .. })
    ));
    assert!(other.join("thesis.txt").exists());
    // Damage is found.
    fs::write(dir.join("site.css"), "b{}").expect("a file");
    fs::write(dir.join("stray.txt"), "x").expect("a file");
    assert_eq!(verify(&dir).expect("readable"), ["site.css", "stray.txt"]);
}
