//! The audit chain: whole, and broken in every way.

use ledger::{Error, Hash, Ledger, NewAudit, Page};
use sea_orm::{ConnectionTrait, Database};
use serde_json::json;

use crate::{T0, fresh};

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

#[tokio::test]
async fn a_whole_chain_verifies() {
    let (_dir, ledger) = fresh().await;
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

#[tokio::test]
async fn chains_longer_than_a_stride_verify() {
    let (_dir, ledger) = fresh().await;
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
#[tokio::test]
async fn tampering_is_found() {
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
            "UPDATE audit SET hash = x'00000000000000000000000000000000000000000000000000000000000000ff' WHERE seq = 5",
            5,
            "was changed",
        ),
        (
            "UPDATE audit SET prev_hash = zeroblob(32) WHERE seq = 3",
            3,
            "does not continue",
        ),
        ("DELETE FROM audit WHERE seq = 1", 1, "is missing"),
        ("DELETE FROM audit WHERE seq = 3", 3, "is missing"),
        ("DELETE FROM audit WHERE seq >= 5", 5, "is missing"),
        ("DELETE FROM audit", 1, "is missing"),
    ];
    for (sql, expected, reason) in cases {
        let (dir, ledger) = fresh().await;
        write(&ledger, 6).await;
        let file = dir.path().join("ledger.db");
        let db = Database::connect(format!("sqlite://{}", file.display()))
            .await
            .unwrap();
        db.execute_unprepared(sql).await.unwrap();
        match ledger.verify_audit().await {
            Err(Error::AuditBroken { seq, reason: found }) => {
                assert_eq!(seq, expected, "{sql}: {found}");
                assert!(found.contains(reason), "{sql}: {found}");
            }
            other => panic!("{sql}: {other:?}"),
        }
    }
}
