//! Issues: frozen, kept, listed. Their life is in `edition.rs`.

use ledger::{NewIssue, Page};

use crate::{Backend, T0, fresh, on_both};

on_both!(
    drafts_are_kept_and_the_same_draft_is_one,
    every_part_of_the_content_is_in_the_hash,
    issues_are_listed_newest_first,
);

fn draft(number: i32, statistics: &str) -> NewIssue {
    NewIssue {
        series: "weekly".to_owned(),
        year: 2023,
        number,
        week_start: 19_366 + 7 * number,
        week_end: 19_372 + 7 * number,
        lake_snapshot: 5,
        ledger_as_of: T0,
        author: "editor".to_owned(),
        note: String::new(),
        statistics: statistics.to_owned(),
        bulletin: format!("{{\"title\":\"第{number}期\"}}"),
        around: String::new(),
    }
}

async fn drafts_are_kept_and_the_same_draft_is_one(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    assert_eq!(ledger.baseline("weekly", 2023, 3).await.unwrap(), None);
    let first = ledger.save_draft(draft(3, "{\"M1\":1}"), T0).await.unwrap();
    assert_eq!((first.revision, first.hash), (1, first.digest()));
    let mut later = draft(3, "{\"M1\":1}");
    later.ledger_as_of += 77;
    assert_eq!(ledger.save_draft(later, T0 + 1).await.unwrap(), first);
    let second = ledger
        .save_draft(draft(3, "{\"M1\":2}"), T0 + 2)
        .await
        .unwrap();
    assert_eq!(second.revision, 2);
    assert_ne!(first.hash, second.hash);
    assert_eq!(
        ledger.baseline("weekly", 2023, 3).await.unwrap().unwrap(),
        second
    );
    // Byte for byte what was frozen, whatever came later.
    assert_eq!(
        ledger.issue("weekly", 2023, 3, 1).await.unwrap().unwrap(),
        first
    );
    assert_eq!(ledger.issue("weekly", 2023, 3, 3).await.unwrap(), None);
    assert_eq!(ledger.verify_audit().await.unwrap(), 2);
}

async fn every_part_of_the_content_is_in_the_hash(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    let row = ledger.save_draft(draft(3, "{}"), T0).await.unwrap();
    let mut changes = vec![row.clone(); 8];
    changes[0].series.push('x');
    changes[1].year += 1;
    changes[2].number += 1;
    changes[3].week_start += 1;
    changes[4].week_end += 1;
    changes[5].lake_snapshot += 1;
    changes[6].statistics.push(' ');
    changes[7].bulletin.push(' ');
    for changed in &changes {
        assert_ne!(changed.digest(), row.hash);
    }
}

async fn issues_are_listed_newest_first(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    for number in [1, 3, 2] {
        ledger.save_draft(draft(number, "1"), T0).await.unwrap();
    }
    ledger.save_draft(draft(2, "2"), T0).await.unwrap();
    let list = ledger
        .issues(Some("weekly"), Page::default())
        .await
        .unwrap();
    let keys: Vec<_> = list
        .iter()
        .map(|head| (head.number, head.revision))
        .collect();
    assert_eq!(keys, [(3, 1), (2, 2), (2, 1), (1, 1)]);
    assert_eq!(list[0].label(), "weekly 2023-3 revision 1");
    assert!(
        ledger
            .issues(Some("monthly"), Page::default())
            .await
            .unwrap()
            .is_empty()
    );
}
