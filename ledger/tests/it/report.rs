//! Reports: archived once, filtered, summed.

use ledger::{Hash, Page, ReportFilter, ReportState, Totals};

use crate::{Backend, T0, archive, empty_commit, fresh, new_report, on_both};

on_both!(
    the_same_delivery_is_archived_once,
    a_batch_with_a_conflict_archives_nothing,
    reports_are_filtered_and_paged,
    an_unreadable_report_can_be_ingested_later,
    totals_are_summed_by_feed,
);

async fn the_same_delivery_is_archived_once(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    let new = new_report("R-1", "feed", T0);
    let first = ledger.archive_report(new.clone()).await.unwrap();
    assert!(first.inserted);
    assert_eq!(first.report.state, ReportState::Archived);
    assert_eq!(first.report.next_generation(), 1);
    let mut later = new.clone();
    later.received_at += 5;
    let second = ledger.archive_report(later).await.unwrap();
    assert!(!second.inserted);
    assert_eq!(second.report, first.report);
    let mut other = new;
    other.blob = Hash::of(b"other");
    assert_eq!(
        ledger.archive_report(other).await.unwrap_err().label(),
        "conflict"
    );
}

async fn a_batch_with_a_conflict_archives_nothing(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    archive(&ledger, "R-1", "feed").await;
    let mut clash = new_report("R-1", "feed", T0);
    clash.blob = Hash::of(b"other");
    let batch = vec![new_report("R-2", "feed", T0), clash];
    assert!(ledger.archive_reports(batch).await.is_err());
    assert_eq!(ledger.report("R-2").await.unwrap(), None);
    let batch = vec![new_report("R-2", "feed", T0), new_report("R-1", "feed", T0)];
    let done = ledger.archive_reports(batch).await.unwrap();
    assert_eq!(
        done.iter().map(|a| a.inserted).collect::<Vec<_>>(),
        [true, false]
    );
}

async fn reports_are_filtered_and_paged(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    for n in 0..10 {
        let feed = if n % 2 == 0 { "even" } else { "odd" };
        ledger
            .archive_report(new_report(&format!("R-{n}"), feed, T0 + n))
            .await
            .unwrap();
    }
    ledger
        .mark_unreadable("R-3", Some("csv"), "the archive is broken")
        .await
        .unwrap();
    ledger.commit_ingest(empty_commit("R-4", 1)).await.unwrap();
    let ids = async |filter: ReportFilter, page: Page| {
        let rows = ledger.reports(&filter, page).await.unwrap();
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    let even = ReportFilter {
        feed: Some("even".to_owned()),
        ..Default::default()
    };
    assert_eq!(
        ids(even.clone(), Page::ALL).await,
        ["R-0", "R-2", "R-4", "R-6", "R-8"]
    );
    assert_eq!(
        ids(
            even.clone(),
            Page {
                offset: 1,
                limit: 2
            }
        )
        .await,
        ["R-2", "R-4"]
    );
    assert_eq!(ledger.report_count(&even).await.unwrap(), 5);
    let span = ReportFilter {
        received: Some(T0 + 2..T0 + 4),
        ..Default::default()
    };
    assert_eq!(ids(span, Page::ALL).await, ["R-2", "R-3"]);
    let bad = ReportFilter {
        state: Some(ReportState::Unreadable),
        ..Default::default()
    };
    assert_eq!(ids(bad, Page::ALL).await, ["R-3"]);
    let row = ledger.report("R-3").await.unwrap().unwrap();
    assert_eq!(row.reason.as_deref(), Some("the archive is broken"));
    assert_eq!(row.format.as_deref(), Some("csv"));
    assert_eq!(
        ledger
            .mark_unreadable("R-9x", None, "x")
            .await
            .unwrap_err()
            .label(),
        "not-found"
    );
    assert_eq!(
        ledger
            .mark_unreadable("R-4", None, "x")
            .await
            .unwrap_err()
            .label(),
        "conflict"
    );
}

async fn an_unreadable_report_can_be_ingested_later(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    archive(&ledger, "R-1", "feed").await;
    ledger
        .mark_unreadable("R-1", None, "unknown column")
        .await
        .unwrap();
    ledger.commit_ingest(empty_commit("R-1", 1)).await.unwrap();
    let row = ledger.report("R-1").await.unwrap().unwrap();
    assert_eq!(
        (row.state, row.reason, row.generation),
        (ReportState::Ingested, None, 1)
    );
}

async fn totals_are_summed_by_feed(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    assert!(
        ledger
            .report_totals(&Default::default())
            .await
            .unwrap()
            .is_empty()
    );
    for (n, feed) in ["a", "a", "b", "a"].into_iter().enumerate() {
        ledger
            .archive_report(new_report(&format!("R-{n}"), feed, T0 + n as i64))
            .await
            .unwrap();
    }
    for n in [0, 1] {
        let mut commit = empty_commit(&format!("R-{n}"), 1);
        commit.totals = Totals {
            rows: 10,
            events: 7,
            duplicates: 3,
            rejects: 0,
        };
        ledger.commit_ingest(commit).await.unwrap();
    }
    ledger.mark_unreadable("R-2", None, "no").await.unwrap();
    let totals = ledger.report_totals(&Default::default()).await.unwrap();
    assert_eq!(totals.len(), 2);
    let a = &totals[0];
    assert_eq!(
        (a.feed.as_str(), a.reports, a.ingested, a.unreadable),
        ("a", 3, 2, 0)
    );
    assert_eq!((a.rows, a.events, a.duplicates, a.rejects), (20, 14, 6, 0));
    assert_eq!(a.last_received_at, T0 + 3);
    assert_eq!((totals[1].feed.as_str(), totals[1].unreadable), ("b", 1));
}
