//! From a grade to its clocks and onward, on stored incidents.

use ledger::Reach;
use ledger::clock::{ClockState, Ending};
use model::grade::{Importance, Loss, Operator};
use response::duty::{self, Grading, StoredGrade};
use response::grade::{Facts, schemes};

use crate::desk::{Bench, NOW};

const MINUTE: i64 = 60_000_000;

fn said(importance: Importance, bench: &Bench) -> Grading {
    Grading {
        facts: Facts {
            importance: Some(importance),
            loss: Some(Loss::EspeciallySevere),
            ..Facts::default()
        },
        operator: Operator::CriticalInfrastructure,
        known: bench.now(),
        reason: "control room is dark".to_owned(),
    }
}

fn done(at: i64) -> Ending {
    Ending {
        state: ClockState::Done,
        at,
        reason: "told by telephone".to_owned(),
    }
}

#[tokio::test]
async fn a_grave_incident_is_told_onward_and_a_lesser_one_is_not() {
    let bench = Bench::new().await;
    let desk = &bench.desk;
    let id = bench.open("portal.example.com", "192.0.2.1", |_| {}).await;
    let (schemes, laws) = (schemes(&[]).unwrap(), duty::laws(&[]).unwrap());
    let grave = said(Importance::Important, &bench);
    let (stored, clocks) = desk
        .grade(id, &schemes, &laws, grave.clone(), "li")
        .await
        .unwrap();
    assert_eq!(stored.grade.map(|grade| grade.number()), Some(2));
    assert_eq!(clocks.len(), 1);
    assert_eq!(clocks[0].due_at, NOW + 60 * MINUTE);
    // Graded again: no second clock, and the latest grade stands.
    let lesser = said(Importance::General, &bench);
    let (_, none) = desk.grade(id, &schemes, &laws, lesser, "li").await.unwrap();
    assert!(none.is_empty());
    desk.grade(id, &schemes, &laws, grave, "li").await.unwrap();
    let incident = desk.ledger.incident(id, &Reach::All).await.unwrap();
    let stored = StoredGrade::of(&incident).unwrap();
    assert_eq!(stored.by, "li");

    bench.pass(31 * MINUTE);
    let escalated = desk.escalate_clocks().await.unwrap();
    assert_eq!(escalated[0].percent, 50);
    let (first, next) = desk
        .end_clock(clocks[0].id, done(bench.now().0), &laws, "li")
        .await
        .unwrap();
    assert!(!first.is_late(bench.now().0));
    assert_eq!(next[0].duty, "critical-infrastructure-onward");
    assert_eq!(next[0].due_at, NOW + 61 * MINUTE);

    // Waived: nothing follows.
    let other = bench.open("other.example.com", "192.0.2.2", |_| {}).await;
    let grave = said(Importance::Important, &bench);
    let (_, clocks) = desk
        .grade(other, &schemes, &laws, grave, "li")
        .await
        .unwrap();
    let waived = Ending {
        state: ClockState::Waived,
        ..done(bench.now().0)
    };
    let (_, next) = desk
        .end_clock(clocks[0].id, waived, &laws, "li")
        .await
        .unwrap();
    assert!(next.is_empty());
}

#[tokio::test]
async fn what_cannot_be_graded_stores_nothing() {
    let bench = Bench::new().await;
    let desk = &bench.desk;
    let id = bench.open("portal.example.com", "192.0.2.1", |_| {}).await;
    let (schemes, laws) = (schemes(&[]).unwrap(), duty::laws(&[]).unwrap());
    let mut silent = said(Importance::Important, &bench);
    silent.reason = " ".to_owned();
    let mut future = said(Importance::Important, &bench);
    future.known.0 += 1;
    for wrong in [silent, future] {
        assert!(desk.grade(id, &schemes, &laws, wrong, "li").await.is_err());
    }
    let grave = said(Importance::Important, &bench);
    assert!(
        desk.grade(id, &schemes, &laws, grave, "system:triage")
            .await
            .is_err()
    );
    let incident = desk.ledger.incident(id, &Reach::All).await.unwrap();
    assert_eq!((incident.grade, incident.version), (None, 1));
    assert!(desk.ledger.clocks(id).await.unwrap().is_empty());
}
