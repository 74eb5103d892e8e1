//! The index against a plain set, across pieces, runs and restarts.

use std::collections::HashSet;

use super::*;

/// Uniform identities from a counter.
fn id(n: u64) -> EventId {
    let hash = blake3::hash(&n.to_le_bytes());
    let mut id = [0; 16];
    id.copy_from_slice(&hash.as_bytes()[..16]);
    EventId(id)
}

#[test]
fn admits_each_identity_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let day = Day(19000);
    let mut index = IdentityIndex::new(usize::MAX);
    let mut seen = HashSet::new();
    let mut runs = Vec::new();
    // Reports that repeat identities of themselves, of the last one and of long ago.
    for report in 0..6_u64 {
        for batch in 0..40_u64 {
            let ids: Vec<EventId> = (0..3000_u64)
                .map(|n| match n % 10 {
                    0 => id(report * 100_000 + batch * 3000 + n.saturating_sub(10)),
                    1 => id((report * 7919 + batch * 31 + n) % 50_000),
                    _ => id(report * 100_000 + batch * 3000 + n),
                })
                .collect();
            let new = index.admit(day, &ids).expect("admits");
            for (id, new) in ids.iter().zip(new) {
                assert_eq!(new, seen.insert(*id), "report {report} batch {batch}");
            }
        }
        let path = folder.path().join(format!("{report}.ids"));
        let (_, count) = index
            .settle(day, &path)
            .expect("settles")
            .expect("has keys");
        assert!(count > SMALL_RUN, "the run is searched on disk");
        runs.push(path);
    }
    // A restart knows the same identities.
    let mut again = IdentityIndex::new(usize::MAX);
    again
        .open(&Storage::folder(folder.path()), day, &runs)
        .expect("opens");
    let known: Vec<EventId> = seen.iter().copied().collect();
    assert!(
        again
            .admit(day, &known)
            .expect("admits")
            .iter()
            .all(|new| !new)
    );
    let unknown: Vec<EventId> = (10_000_000..10_050_000).map(id).collect();
    assert!(
        again
            .admit(day, &unknown)
            .expect("admits")
            .iter()
            .all(|new| *new)
    );
}

#[test]
fn the_filter_errs_rarely_and_only_one_way() {
    let mut filter = Filter::with_capacity(100_000);
    let key = |n: u64| u128::from_be_bytes(id(n).0);
    (0..100_000).for_each(|n| filter.insert(key(n)));
    assert!((0..100_000).all(|n| filter.may_hold(key(n))));
    let wrong = (100_000..200_000)
        .filter(|n| filter.may_hold(key(*n)))
        .count();
    assert!(wrong < 800, "{wrong} of 100000 false positives");
}

#[test]
fn a_damaged_run_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.ids");
    let files = Storage::folder(folder.path());
    let keys = [1_u128, 3];
    run::write(&path, &keys, &keys).expect("writes");
    let mut bytes = std::fs::read(&path).expect("reads");
    bytes[HEADER_LEN as usize] = 0xff;
    std::fs::write(&path, bytes).expect("writes");
    let mut index = IdentityIndex::new(usize::MAX);
    let error = index
        .open(&files, Day(0), std::slice::from_ref(&path))
        .expect_err("out of order");
    assert!(error.to_string().contains("not in order"), "{error}");
    std::fs::write(&path, b"WFIDRN02\x05\0\0\0\0\0\0\0short").expect("writes");
    let error = index
        .open(&files, Day(0), std::slice::from_ref(&path))
        .expect_err("too short");
    assert!(error.to_string().contains("does not fit"), "{error}");
    std::fs::write(&path, b"").expect("writes");
    assert!(index.open(&files, Day(0), &[path]).is_err());
}

#[test]
fn idle_days_are_forgotten_within_the_budget() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut index = IdentityIndex::new(64 * 1024);
    for day in 0..40 {
        let ids: Vec<EventId> = (0..2000).map(|n| id(day * 10_000 + n)).collect();
        let day = Day(day as i32);
        index.open(&Storage::folder("."), day, &[]).expect("opens");
        index.admit(day, &ids).expect("admits");
        index
            .settle(day, &folder.path().join(format!("{}.ids", day.0)))
            .expect("settles");
    }
    assert!(index.days.len() < 5, "{} days are held", index.days.len());
}
