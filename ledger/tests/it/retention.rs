//! Members of shared parts, legal holds, and what rules take away.

use ledger::{
    BlobStore, Hash, Holds, LakeCommit, LakeFile, LakeMember, NewExpiry, NewHold, Page,
    RejectFilter, Retained, Rewritten, Totals,
};

use crate::{Backend, T0, archive, empty_commit, fresh, on_both, part, reject};

on_both!(
    a_report_in_a_shared_part_cannot_be_read_again_beside_it,
    holds_are_placed_with_a_reason_and_released_once,
    expired_events_are_gone_from_every_snapshot,
    raw_bytes_go_with_the_last_report_that_has_them,
);

fn hold(feed: Option<&str>, report: Option<&str>, days: Option<(i32, i32)>) -> NewHold {
    NewHold {
        feed: feed.map(str::to_owned),
        report_id: report.map(str::to_owned),
        days,
        reason: "case 17".to_owned(),
        by: "li.na".to_owned(),
        ..NewHold::default()
    }
}

fn expiry(report: &str, day: Option<i32>, count: i64) -> NewExpiry {
    NewExpiry {
        rule: "a year".to_owned(),
        report_id: report.to_owned(),
        feed: "feed".to_owned(),
        day,
        count,
        bytes: 0,
    }
}

fn member(path: &str, report: &str, rows: i64) -> LakeMember {
    LakeMember {
        path: path.to_owned(),
        report_id: report.to_owned(),
        feed: "feed".to_owned(),
        rows,
    }
}

/// Two reports of a day whose parts became one.
async fn shared(ledger: &ledger::Ledger) -> LakeFile {
    for report in ["R-1", "R-2"] {
        archive(ledger, report, "feed").await;
        let mut commit = empty_commit(report, 1);
        commit.add = vec![part(report, 1, 9)];
        ledger.commit_ingest(commit).await.unwrap();
    }
    let mut merged = part("C-1", 1, 9);
    merged.report_id = None;
    merged.rows = 10;
    let path = merged.path.clone();
    let change = LakeCommit {
        reason: "compaction".to_owned(),
        add: vec![merged],
        members: vec![member(&path, "R-1", 5), member(&path, "R-2", 5)],
        remove: vec![part("R-1", 1, 9).path, part("R-2", 1, 9).path],
        job: None,
        now: T0,
    };
    assert_eq!(ledger.commit_lake(change).await.unwrap(), 3);
    let live = ledger.live_files(None, None, None).await.unwrap();
    assert_eq!(live.len(), 1);
    live.into_iter().next().unwrap()
}

async fn a_report_in_a_shared_part_cannot_be_read_again_beside_it(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    let merged = shared(&ledger).await;
    let of_one = ledger.parts_shared_by(&["R-1".to_owned()]).await.unwrap();
    assert_eq!(of_one, std::slice::from_ref(&merged));
    let none = ledger.parts_shared_by(&["R-9".to_owned()]).await.unwrap();
    assert!(none.is_empty());
    let again = empty_commit("R-1", 2);
    let refused = ledger.commit_ingest(again).await.unwrap_err();
    let expected = format!("leaves {} in the lake", merged.path);
    assert!(refused.to_string().contains(&expected), "{refused}");
    // Once nobody sees the part its members are forgotten with it.
    let change = LakeCommit {
        reason: "split".to_owned(),
        add: vec![part("C-2", 1, 9)],
        members: Vec::new(),
        remove: vec![merged.path.clone()],
        job: None,
        now: T0,
    };
    ledger.commit_lake(change).await.unwrap();
    assert_eq!(ledger.lake_members().await.unwrap().len(), 2);
    ledger.forget_removed(4).await.unwrap();
    assert!(ledger.lake_members().await.unwrap().is_empty());
}

async fn holds_are_placed_with_a_reason_and_released_once(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    archive(&ledger, "R-1", "feed").await;
    for (wrong, says) in [
        (hold(None, None, None), "neither a feed"),
        (hold(None, None, Some((9, 8))), "ends before"),
        (hold(None, Some("R-9"), None), "not found"),
        (
            NewHold {
                by: " ".to_owned(),
                ..hold(Some("feed"), None, None)
            },
            "the name",
        ),
    ] {
        let refused = ledger.place_hold(wrong, T0).await.unwrap_err();
        assert!(refused.to_string().contains(says), "{refused}");
    }
    let of_feed = hold(Some("feed"), None, Some((9, 10)));
    let placed = ledger.place_hold(of_feed, T0).await.unwrap();
    assert!(placed.covers("feed", "R-1", [8, 9].into_iter()));
    assert!(!placed.covers("feed", "R-1", [8, 11].into_iter()));
    assert!(!placed.covers("other", "R-1", [9].into_iter()));
    let of_report = hold(None, Some("R-1"), None);
    let placed = ledger.place_hold(of_report, T0).await.unwrap();
    assert!(placed.covers("feed", "R-1", std::iter::empty()));
    let silent = ledger
        .release_hold(1, "wang.wei", "", T0)
        .await
        .unwrap_err();
    assert_eq!(silent.label(), "conflict");
    ledger
        .release_hold(1, "wang.wei", "closed", T0 + 1)
        .await
        .unwrap();
    let twice = ledger.release_hold(1, "x", "y", T0).await.unwrap_err();
    assert!(twice.to_string().contains("by wang.wei"), "{twice}");
    assert_eq!(ledger.holds(false).await.unwrap().len(), 1);
    let all = ledger.holds(true).await.unwrap();
    assert!(!all[0].is_active() && !all[0].covers("feed", "R-1", [9].into_iter()));
    let trail = ledger.audit(None, Page::ALL).await.unwrap();
    let actions: Vec<&str> = trail.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["hold.release", "hold.add", "hold.add"]);
    ledger.verify_audit().await.unwrap();
}

async fn expired_events_are_gone_from_every_snapshot(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    let held = Holds::default();
    let merged = shared(&ledger).await;
    let change = || Rewritten {
        old: vec![merged.path.clone()],
        new: vec![LakeFile {
            path: "day=9/C-3.parquet".to_owned(),
            report_id: Some("R-2".to_owned()),
            rows: 5,
            ..merged.clone()
        }],
        members: Vec::new(),
    };
    // A hold that the caller did not know of stops it.
    ledger
        .place_hold(hold(Some("feed"), None, None), T0)
        .await
        .unwrap();
    let expired = vec![expiry("R-1", Some(9), 5)];
    let refused = ledger.expire(
        Retained::Events,
        expired.clone(),
        change(),
        &held,
        "li.na",
        T0,
    );
    let refused = refused.await.unwrap_err();
    assert!(
        refused.to_string().contains("placed meanwhile"),
        "{refused}"
    );
    assert_eq!(ledger.current_snapshot().await.unwrap(), 3);

    ledger.release_hold(1, "li.na", "closed", T0).await.unwrap();
    let done = ledger.expire(
        Retained::Events,
        expired.clone(),
        change(),
        &held,
        "li.na",
        T0,
    );
    assert_eq!(done.await.unwrap(), 4);
    for snapshot in [Some(3), Some(4), None] {
        let files = ledger.live_files(snapshot, None, None).await.unwrap();
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["day=9/C-3.parquet"], "{snapshot:?}");
    }
    assert!(ledger.lake_members().await.unwrap().is_empty());
    let gone = ledger.expiries(Some("R-1"), Some(9..10)).await.unwrap();
    assert_eq!((gone[0].count, gone[0].lake_snapshot), (5, 4));
    assert!(
        ledger
            .expiries(None, Some(10..11))
            .await
            .unwrap()
            .is_empty()
    );
    let stale = ledger.expire(Retained::Events, expired, change(), &held, "li.na", T0);
    assert_eq!(stale.await.unwrap_err().label(), "conflict");
    let trail = ledger
        .audit(Some("retention a year"), Page::ALL)
        .await
        .unwrap();
    assert_eq!(trail.len(), 1);
    ledger.verify_audit().await.unwrap();
}

async fn raw_bytes_go_with_the_last_report_that_has_them(on: Backend) {
    let (dir, ledger) = fresh(on).await;
    archive(&ledger, "R-1", "feed").await;
    let mut twin = crate::new_report("R-2", "other", T0);
    twin.blob = Hash::of(b"R-1");
    ledger.archive_report(twin).await.unwrap();
    let mut commit = empty_commit("R-1", 1);
    commit.totals = Totals {
        rows: 1,
        rejects: 1,
        ..Totals::default()
    };
    commit.rejects = vec![reject(1, b"bad")];
    ledger.commit_ingest(commit).await.unwrap();
    let blobs = BlobStore::new(dir.path().join("blobs"));
    let blob = blobs.put_bytes(b"R-1").unwrap().hash;
    let (none, held) = (Rewritten::default, Holds::default());
    for report in ["R-1", "R-2"] {
        assert!(!ledger.raw_is_over(&blob).await.unwrap());
        let expired = vec![expiry(report, None, 1)];
        let done = ledger.expire(Retained::Raw, expired, none(), &held, "li.na", T0);
        done.await.unwrap();
    }
    assert!(ledger.raw_is_over(&blob).await.unwrap());
    assert!(blobs.remove(&blob).unwrap());
    assert!(!blobs.remove(&blob).unwrap());
    let expired = vec![expiry("R-1", None, 0)];
    let done = ledger.expire(Retained::Rejects, expired, none(), &held, "li.na", T0);
    done.await.unwrap();
    let left = ledger.reject_count(&RejectFilter::default()).await.unwrap();
    assert_eq!(left, 0);
    let gone = ledger.expiries(Some("R-1"), None).await.unwrap();
    let counts: Vec<(&str, i64)> = gone
        .iter()
        .map(|row| (row.what.as_str(), row.count))
        .collect();
    assert_eq!(counts, [("raw", 1), ("rejects", 1)]);
}
