//! The audit chain: whole, and broken in every way.

use ledger::{AuditFilter, Error, Hash, Ledger, NewAudit, Page};
use serde_json::json;

use crate::{Backend, T0, fresh, on_both};

on_both!(
    a_whole_chain_verifies,
    rows_are_found_by_what_they_say,
    what_was_done_between_two_places_is_told,
    chains_longer_than_a_stride_verify,
    tampering_is_found,
);

async fn write(ledger: &Ledger, count: i64) {
    for n in 0..count {
        let new = NewAudit {
            actor: "duty".to_owned(),
            action: "incident.close".to_owned(),
            object: format!("incident I-{}", n % 3),
            detail: json!({ "n": n, "说明": "完成" }),
        };
        ledger.append_audit(new, T0 + n).await.unwrap();
    }
}

async fn a_whole_chain_verifies(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    assert_eq!(ledger.verify_audit().await.unwrap(), 0);
    assert_eq!(ledger.audit_head().await.unwrap(), None);
    write(&ledger, 5).await;
    assert_eq!(ledger.verify_audit().await.unwrap(), 5);
    let rows = ledger
        .audit(Some("incident I-1"), Page::default())
        .await
        .unwrap();
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [5, 2]);
    assert_eq!(rows[0].detail, r#"{"n":4,"说明":"完成"}"#);
    let all = ledger
        .audit(
            None,
            Page {
                offset: 0,
                limit: 5,
            },
        )
        .await
        .unwrap();
    assert_eq!(all[4].prev_hash, Hash::default());
    assert_eq!(all[3].prev_hash, all[4].hash);
    assert_eq!(ledger.audit_head().await.unwrap(), Some((5, all[0].hash)));
}

async fn what_was_done_between_two_places_is_told(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    write(&ledger, 4).await;
    let publish = NewAudit {
        actor: "wang".to_owned(),
        action: "issue.publish".to_owned(),
        object: "issue weekly 2023-2 revision 1".to_owned(),
        detail: json!({}),
    };
    ledger.append_audit(publish, T0 + 10).await.unwrap();
    let tells = async |actions: &[&str], places| ledger.audit_tells(actions, places).await.unwrap();
    assert!(tells(&["issue.", "flash."], (4, 5)).await);
    assert!(tells(&["issue.publish"], (0, 5)).await);
    assert!(!tells(&["issue."], (5, 5)).await, "it is known already");
    assert!(!tells(&["issue."], (0, 4)).await, "it comes later");
    assert!(!tells(&["flash.", "issue", "issue.pub"], (0, 5)).await);
    assert!(tells(&["flash.", "incident.close"], (0, 1)).await);
}

async fn rows_are_found_by_what_they_say(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    write(&ledger, 4).await;
    let hostile = NewAudit {
        actor: "li.na".to_owned(),
        action: "incidental".to_owned(),
        object: "mail a\0b".to_owned(),
        detail: json!({ "subject": "a\0b" }),
    };
    ledger.append_audit(hostile, T0 + 10).await.unwrap();
    let found = async |filter: AuditFilter| {
        let rows = ledger.audit_rows(&filter, Page::default()).await.unwrap();
        rows.iter().map(|row| row.seq).collect::<Vec<_>>()
    };
    let text = |text: &str| Some(text.to_owned());
    let any = AuditFilter::default;
    assert_eq!(found(any()).await, [5, 4, 3, 2, 1]);
    assert_eq!(
        found(AuditFilter {
            actor: text("li.na"),
            ..any()
        })
        .await,
        [5]
    );
    assert_eq!(
        found(AuditFilter {
            actor: text("li"),
            ..any()
        })
        .await,
        [0i64; 0]
    );
    assert_eq!(
        found(AuditFilter {
            action: text("incident."),
            ..any()
        })
        .await,
        [4, 3, 2, 1]
    );
    assert_eq!(
        found(AuditFilter {
            action: text("incident"),
            ..any()
        })
        .await,
        [0i64; 0]
    );
    assert_eq!(
        found(AuditFilter {
            action: text("incident.close"),
            before: Some(3),
            ..any()
        })
        .await,
        [2, 1]
    );
    assert_eq!(
        found(AuditFilter {
            since: Some(T0 + 1),
            until: Some(T0 + 3),
            ..any()
        })
        .await,
        [3, 2]
    );
    assert_eq!(
        found(AuditFilter {
            object: text("mail a\u{fffd}b"),
            ..any()
        })
        .await,
        [5]
    );
    assert_eq!(
        ledger.verify_audit().await.unwrap(),
        5,
        "a NUL in a text breaks no chain"
    );
}

async fn chains_longer_than_a_stride_verify(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let ledger = ledger.clone();
            tokio::spawn(async move { write(&ledger, 300).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(ledger.verify_audit().await.unwrap(), 1_200);
}

/// Every kind of tampering is found at the first row it touches.
async fn tampering_is_found(on: Backend) {
    let cases = [
        (
            "UPDATE audit SET detail = '{}' WHERE seq = 3",
            3,
            "was changed",
        ),
        (
            "UPDATE audit SET at = at + 1 WHERE seq = 2",
            2,
            "was changed",
        ),
        (
            "UPDATE audit SET actor = 'dut', action = 'yincident.close' WHERE seq = 4",
            4,
            "was changed",
        ),
        (
            "UPDATE audit SET hash = {bytes} WHERE seq = 5",
            5,
            "was changed",
        ),
        (
            "UPDATE audit SET prev_hash = {bytes} WHERE seq = 3",
            3,
            "does not continue",
        ),
        ("DELETE FROM audit WHERE seq = 1", 1, "is missing"),
        ("DELETE FROM audit WHERE seq = 3", 3, "is missing"),
        ("DELETE FROM audit WHERE seq >= 5", 5, "is missing"),
        ("DELETE FROM audit", 1, "is missing"),
    ];
    for (sql, expected, reason) in cases {
        let (home, ledger) = fresh(on).await;
        write(&ledger, 6).await;
        let bytes = home.bytes(&format!("{}ff", "00".repeat(31)));
        home.meddle(&sql.replace("{bytes}", &bytes)).await;
        match ledger.verify_audit().await {
            Err(Error::AuditBroken { seq, reason: found }) => {
                assert_eq!(seq, expected, "{sql}: {found}");
                assert!(found.contains(reason), "{sql}: {found}");
            }
            other => panic!("{sql}: {other:?}"),
        }
    }
}
