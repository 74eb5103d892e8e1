//! Profiles go with their report's commit, and verdicts settle single reports.

use ledger::{Decision, IngestCommit, NewProfile, NewVerdict, Scope, Totals};
use serde_json::json;

use crate::{Backend, SECOND, T0, archive, empty_commit, fresh, on_both};

on_both!(
    a_profile_is_there_with_its_commit_once_and_by_snapshot,
    a_verdict_settles_a_report_and_is_audited,
);

fn profiled(report: &str, generation: i32, rows: i64) -> IngestCommit {
    IngestCommit {
        totals: Totals {
            rows,
            events: rows,
            ..Totals::default()
        },
        profile: Some(NewProfile {
            kind: "exits".to_owned(),
            at: T0 + i64::from(generation),
            list: Some(String::new()),
            damaged: 0,
            json: "{}".to_owned(),
        }),
        ..empty_commit(report, generation)
    }
}

async fn a_profile_is_there_with_its_commit_once_and_by_snapshot(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    archive(&ledger, "a", "feed").await;
    archive(&ledger, "b", "feed").await;
    assert!(ledger.profiles("feed", None).await.unwrap().is_empty());
    let first = ledger.commit_ingest(profiled("a", 1, 10)).await.unwrap();
    // Killed after the commit, asked again: nothing doubles.
    assert_eq!(
        ledger.commit_ingest(profiled("a", 1, 10)).await.unwrap(),
        first
    );
    ledger.commit_ingest(profiled("b", 1, 20)).await.unwrap();
    // Read again as a whole: the newest counts, an old snapshot keeps its own.
    ledger.commit_ingest(profiled("a", 2, 11)).await.unwrap();
    let rows = |rows: Vec<ledger::ReportProfile>| -> Vec<(String, i64)> {
        rows.into_iter()
            .map(|row| (row.report_id, row.rows))
            .collect()
    };
    let now = ledger.profiles("feed", None).await.unwrap();
    assert_eq!(now[0].json, "{}");
    assert_eq!(rows(now), [("b".to_owned(), 20), ("a".to_owned(), 11)]);
    let then = ledger.profile_heads("feed", Some(first)).await.unwrap();
    assert_eq!(then[0].json, "");
    assert_eq!(rows(then), [("a".to_owned(), 10)]);
    // A replayed reject is a row more.
    let addition = IngestCommit {
        scope: Scope::Addition,
        totals: Totals {
            rows: 12,
            ..Totals::default()
        },
        ..empty_commit("a", 3)
    };
    ledger.commit_ingest(addition).await.unwrap();
    let now = ledger.profiles("feed", None).await.unwrap();
    assert_eq!(rows(now), [("b".to_owned(), 20), ("a".to_owned(), 12)]);
}

async fn a_verdict_settles_a_report_and_is_audited(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    archive(&ledger, "a", "feed").await;
    ledger.commit_ingest(profiled("a", 1, 10)).await.unwrap();
    let verdict = |kind: Option<&str>, decision| NewVerdict {
        feed: "feed".to_owned(),
        kind: kind.map(str::to_owned),
        cause: "drift",
        decision,
        at: T0 + 1,
        reason: "a second sensor".to_owned(),
    };
    let add = |verdict| {
        let about = ("drift.accept", "feed feed");
        ledger.add_verdicts(vec![verdict], about, json!({}), "duty", T0 + SECOND)
    };
    let row = ledger.profiles("feed", None).await.unwrap().remove(0);
    let decided = |verdicts: &[ledger::Verdict]| {
        let (_, snapshot) = row.snapshot(verdicts).unwrap();
        (snapshot.accepted, snapshot.dismissed)
    };
    add(verdict(Some("other"), Decision::Accepted))
        .await
        .unwrap();
    let verdicts = ledger.verdicts(Some("feed")).await.unwrap();
    assert_eq!(decided(&verdicts), (false, false), "of another list");
    add(verdict(None, Decision::Accepted)).await.unwrap();
    add(verdict(Some("exits"), Decision::Dismissed))
        .await
        .unwrap();
    let verdicts = ledger.verdicts(Some("feed")).await.unwrap();
    assert_eq!(decided(&verdicts[..2]), (true, false));
    assert_eq!(decided(&verdicts), (false, true), "the last word counts");
    assert!(ledger.verdicts(Some("else")).await.unwrap().is_empty());
    assert_eq!(ledger.verify_audit().await.unwrap(), 3);
}
