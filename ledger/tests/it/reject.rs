//! Rejects: lossless, staged, paged, edited, superseded.

use ledger::{RejectFilter, RejectState, Scope, Totals};
use model::reject::REJECT_KEEP_BYTES;

use crate::{Backend, T0, archive, empty_commit, fresh, on_both, reject};

on_both!(
    raw_bytes_come_back_as_they_were,
    a_hundred_thousand_rejects_are_stored_and_paged,
    staged_rejects_appear_with_the_commit,
    counted_but_not_stored_is_refused,
    rejects_are_edited_marked_and_replayed,
    reprocessing_supersedes_but_keeps_work_of_people,
    what_a_killed_ingestion_staged_never_surfaces,
);

fn of_report(id: &str) -> RejectFilter {
    RejectFilter {
        report: Some(id.to_owned()),
        ..Default::default()
    }
}

async fn raw_bytes_come_back_as_they_were(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    archive(&ledger, "R-1", "feed").await;
    let every: Vec<u8> = (0..=255).collect();
    let long = vec![b'x'; REJECT_KEEP_BYTES + 1000];
    let mut commit = empty_commit("R-1", 1);
    commit.totals.rejects = 3;
    commit.rejects = vec![reject(1, &every), reject(2, b""), reject(3, &long)];
    // A parser that forgot to cut is cut here.
    commit.rejects[2].raw = long.clone();
    ledger.commit_ingest(commit).await.unwrap();
    let rows = ledger.rejects(&of_report("R-1"), 10).await.unwrap();
    assert_eq!(rows[0].raw, every);
    assert_eq!((rows[0].line, rows[0].offset), (1, 10));
    assert_eq!(
        (rows[0].reason.as_str(), rows[0].message.as_str()),
        ("bad-time", "line 1")
    );
    assert_eq!(rows[0].raw_hash, ledger::Hash::of(&every));
    assert!(rows[1].raw.is_empty() && !rows[1].is_cut());
    assert_eq!(rows[2].raw.len(), REJECT_KEEP_BYTES);
    assert_eq!(rows[2].raw_len, long.len() as i64);
    assert_eq!(rows[2].raw_hash, ledger::Hash::of(&long));
    assert!(rows[2].is_cut());
}

async fn a_hundred_thousand_rejects_are_stored_and_paged(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    archive(&ledger, "R-1", "feed").await;
    let count = 100_000u64;
    let mut commit = empty_commit("R-1", 1);
    commit.totals.rejects = count as i64;
    commit.rejects = (1..=count)
        .map(|line| reject(line, format!("raw {line}").as_bytes()))
        .collect();
    ledger.commit_ingest(commit).await.unwrap();
    assert_eq!(ledger.reject_count(&of_report("R-1")).await.unwrap(), count);
    let mut filter = of_report("R-1");
    let mut next = 1;
    loop {
        let rows = ledger.rejects(&filter, 7_001).await.unwrap();
        let Some(last) = rows.last() else { break };
        filter.after = Some(last.id);
        for row in rows {
            assert_eq!(
                (row.line, row.raw),
                (next, format!("raw {next}").into_bytes())
            );
            next += 1;
        }
    }
    assert_eq!(next as u64, count + 1);
    let reasons = ledger.reject_reasons(&Default::default()).await.unwrap();
    assert_eq!(
        reasons,
        [("feed".to_owned(), "bad-time".to_owned(), count as i64)]
    );
}

async fn staged_rejects_appear_with_the_commit(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    archive(&ledger, "R-1", "feed").await;
    // A killed ingestion left one.
    ledger
        .stage_rejects("R-1", 1, vec![reject(9, b"left")])
        .await
        .unwrap();
    assert_eq!(ledger.reject_count(&of_report("R-1")).await.unwrap(), 0);
    assert_eq!(ledger.clear_staged_rejects("R-1").await.unwrap(), 1);
    ledger
        .stage_rejects("R-1", 1, vec![reject(1, b"a"), reject(2, b"b")])
        .await
        .unwrap();
    let mut commit = empty_commit("R-1", 1);
    commit.rejects = vec![reject(3, b"c")];
    commit.totals = Totals {
        rows: 3,
        rejects: 3,
        ..Default::default()
    };
    ledger.commit_ingest(commit).await.unwrap();
    assert_eq!(ledger.reject_count(&of_report("R-1")).await.unwrap(), 3);
    assert_eq!(ledger.clear_staged_rejects("R-1").await.unwrap(), 0);
    assert_eq!(ledger.reject_count(&of_report("R-1")).await.unwrap(), 3);
    let late = ledger
        .stage_rejects("R-1", 1, vec![reject(4, b"d")])
        .await
        .unwrap_err();
    assert_eq!(late.label(), "conflict");
}

async fn counted_but_not_stored_is_refused(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    archive(&ledger, "R-1", "feed").await;
    let mut commit = empty_commit("R-1", 1);
    commit.totals.rejects = 2;
    commit.rejects = vec![reject(1, b"a")];
    let refused = ledger.commit_ingest(commit).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("2 rejects are counted but 1 are stored"),
        "{refused}"
    );
    assert_eq!(ledger.report("R-1").await.unwrap().unwrap().generation, 0);
    assert_eq!(ledger.current_snapshot().await.unwrap(), 0);
}

async fn rejects_are_edited_marked_and_replayed(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    archive(&ledger, "R-1", "feed").await;
    let mut commit = empty_commit("R-1", 1);
    commit.totals.rejects = 3;
    commit.rejects = (1..=3).map(|n| reject(n, b"bad")).collect();
    ledger.commit_ingest(commit).await.unwrap();
    let ids: Vec<i64> = ledger
        .rejects(&of_report("R-1"), 10)
        .await
        .unwrap()
        .iter()
        .map(|row| row.id)
        .collect();
    ledger
        .edit_reject(ids[0], Some(b"good".to_vec()), T0)
        .await
        .unwrap();
    let row = ledger.reject(ids[0]).await.unwrap().unwrap();
    assert_eq!(
        (row.text(), row.raw.as_slice(), row.changed_at),
        (&b"good"[..], &b"bad"[..], Some(T0))
    );
    ledger
        .mark_rejects(&[ids[1]], RejectState::Dropped, T0)
        .await
        .unwrap();
    let closed = ledger
        .edit_reject(ids[1], Some(b"x".to_vec()), T0)
        .await
        .unwrap_err();
    assert!(closed.to_string().contains("is dropped"), "{closed}");
    assert_eq!(
        ledger.edit_reject(-1, None, T0).await.unwrap_err().label(),
        "not-found"
    );
    // All or none.
    let missing = ledger
        .mark_rejects(&[ids[2], 999_999], RejectState::Dropped, T0)
        .await
        .unwrap_err();
    assert_eq!(missing.to_string(), "reject 999999: not found");
    assert_eq!(
        ledger.reject(ids[2]).await.unwrap().unwrap().state,
        RejectState::Open
    );

    let mut replay = empty_commit("R-1", 2);
    replay.scope = Scope::Addition;
    replay.replayed = vec![ids[0]];
    replay.totals = Totals {
        rows: 3,
        events: 1,
        duplicates: 0,
        rejects: 2,
    };
    ledger.commit_ingest(replay).await.unwrap();
    assert_eq!(
        ledger.reject(ids[0]).await.unwrap().unwrap().state,
        RejectState::Replayed
    );
    let open = RejectFilter {
        state: Some(RejectState::Open),
        ..of_report("R-1")
    };
    assert_eq!(ledger.reject_count(&open).await.unwrap(), 1);
    assert_eq!(ledger.reject_count(&of_report("R-1")).await.unwrap(), 3);
}

async fn reprocessing_supersedes_but_keeps_work_of_people(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    archive(&ledger, "R-1", "feed").await;
    let mut commit = empty_commit("R-1", 1);
    commit.totals.rejects = 2;
    commit.rejects = vec![reject(1, b"a"), reject(2, b"b")];
    ledger.commit_ingest(commit).await.unwrap();
    let rows = ledger.rejects(&of_report("R-1"), 10).await.unwrap();
    ledger
        .edit_reject(rows[0].id, Some(b"better".to_vec()), T0)
        .await
        .unwrap();
    let mut again = empty_commit("R-1", 2);
    again.totals.rejects = 1;
    again.rejects = vec![reject(2, b"b")];
    ledger.commit_ingest(again).await.unwrap();
    let visible = ledger.rejects(&of_report("R-1"), 10).await.unwrap();
    assert_eq!(
        visible
            .iter()
            .map(|row| (row.line, row.generation))
            .collect::<Vec<_>>(),
        [(2, 2)]
    );
    let kept = RejectFilter {
        state: Some(RejectState::Superseded),
        ..of_report("R-1")
    };
    let kept = ledger.rejects(&kept, 10).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].text(), b"better");
    assert_eq!(ledger.reject(rows[1].id).await.unwrap(), None);
}

async fn what_a_killed_ingestion_staged_never_surfaces(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    archive(&ledger, "R-1", "feed").await;
    let lines = async || {
        let rows = ledger.rejects(&of_report("R-1"), 10).await.unwrap();
        rows.iter().map(|row| row.line).collect::<Vec<_>>()
    };
    // The next try has few rejects, stages none and clears none.
    ledger
        .stage_rejects("R-1", 1, vec![reject(8, b"left"), reject(9, b"left")])
        .await
        .unwrap();
    let mut commit = empty_commit("R-1", 1);
    commit.rejects = vec![reject(1, b"a")];
    commit.totals.rejects = 1;
    ledger.commit_ingest(commit).await.unwrap();
    assert_eq!(lines().await, [1]);
    // A reprocessing is killed, then a reject is replayed.
    ledger
        .stage_rejects("R-1", 2, vec![reject(7, b"left")])
        .await
        .unwrap();
    let mut replay = empty_commit("R-1", 2);
    replay.scope = Scope::Addition;
    ledger.commit_ingest(replay).await.unwrap();
    assert_eq!(lines().await, [1]);
    let far = ledger
        .stage_rejects("R-1", 9, vec![reject(7, b"x")])
        .await
        .unwrap_err();
    assert_eq!(far.label(), "conflict");
}
