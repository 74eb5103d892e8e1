//! The manifest: snapshots that can be read again, and how they are let go.

use ledger::{LakeCommit, LakeFileKind, NewIssue, Page};

use crate::{Backend, T0, fresh, ids, on_both};

on_both!(
    every_snapshot_sees_its_own_files,
    snapshots_are_let_go_unless_an_issue_needs_them,
);

fn replace(remove: Option<&str>, add: &str, now: i64) -> LakeCommit {
    LakeCommit {
        reason: "compaction".to_owned(),
        add: vec![ids(1, add)],
        remove: remove
            .map(|name| format!("ids/day=1/{name}.run"))
            .into_iter()
            .collect(),
        members: Vec::new(),
        job: None,
        now,
    }
}

async fn every_snapshot_sees_its_own_files(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    assert_eq!(ledger.current_snapshot().await.unwrap(), 0);
    assert!(
        ledger
            .live_files(Some(0), None, None)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        ledger.lake_totals().await.unwrap(),
        ledger::LakeTotals::default()
    );
    assert_eq!(
        ledger
            .live_files(Some(1), None, None)
            .await
            .unwrap_err()
            .label(),
        "not-found"
    );
    ledger.commit_lake(replace(None, "a", T0)).await.unwrap();
    ledger
        .commit_lake(replace(Some("a"), "b", T0 + 1))
        .await
        .unwrap();
    ledger
        .commit_lake(replace(Some("b"), "c", T0 + 2))
        .await
        .unwrap();
    for (snapshot, name) in [(1, "a"), (2, "b"), (3, "c")] {
        let files = ledger
            .live_files(Some(snapshot), Some(LakeFileKind::Ids), Some(1..2))
            .await
            .unwrap();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].path, format!("ids/day=1/{name}.run"));
        assert!(
            ledger
                .live_files(Some(snapshot), Some(LakeFileKind::Part), None)
                .await
                .unwrap()
                .is_empty()
        );
        assert!(
            ledger
                .live_files(Some(snapshot), None, Some(2..9))
                .await
                .unwrap()
                .is_empty()
        );
    }
    let list = ledger
        .snapshots(Page {
            offset: 0,
            limit: 2,
        })
        .await
        .unwrap();
    assert_eq!(
        list.iter()
            .map(|s| (s.number, s.created_at))
            .collect::<Vec<_>>(),
        [(3, T0 + 2), (2, T0 + 1)]
    );
    assert!(ledger.knows_file("ids/day=1/a.run").await.unwrap());
    assert!(!ledger.knows_file("ids/day=1/orphan.run").await.unwrap());
}

async fn snapshots_are_let_go_unless_an_issue_needs_them(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    ledger.commit_lake(replace(None, "a", T0)).await.unwrap();
    ledger
        .commit_lake(replace(Some("a"), "b", T0))
        .await
        .unwrap();
    ledger
        .commit_lake(replace(Some("b"), "c", T0))
        .await
        .unwrap();
    let issue = NewIssue {
        series: "weekly".to_owned(),
        year: 2023,
        number: 3,
        week_start: 19_366,
        week_end: 19_372,
        lake_snapshot: 2,
        ledger_as_of: T0,
        author: "editor".to_owned(),
        note: String::new(),
        statistics: "{}".to_owned(),
        bulletin: "{}".to_owned(),
        around: String::new(),
    };
    ledger.save_draft(issue, T0).await.unwrap();
    // The issue sees b only: what was gone before it and what nobody needs goes, however far the
    // horizon moves.
    ledger
        .commit_lake(replace(Some("c"), "d", T0))
        .await
        .unwrap();
    let gone = ledger.forget_removed(4).await.unwrap();
    assert_eq!(gone, ["ids/day=1/a.run", "ids/day=1/c.run"]);
    assert_eq!(ledger.oldest_snapshot().await.unwrap(), 4);
    for number in [1, 3] {
        let refused = ledger.live_files(Some(number), None, None).await;
        assert_eq!(refused.unwrap_err().label(), "not-found");
    }
    for (number, name) in [(2, "b"), (4, "d")] {
        let files = ledger.live_files(Some(number), None, None).await.unwrap();
        assert_eq!(files.len(), 1, "snapshot {number}");
        assert_eq!(files[0].path, format!("ids/day=1/{name}.run"));
    }
    assert!(ledger.forget_removed(1).await.unwrap().is_empty());
    assert_eq!(ledger.oldest_snapshot().await.unwrap(), 4);
}
