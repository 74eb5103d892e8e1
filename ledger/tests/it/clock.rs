//! Statutory clocks: started and ended by persons alone, never paused, escalated once a threshold.

use ledger::clock::{ClockState, Ending, NewClock};
use ledger::incident::Triage;
use ledger::{Ledger, Page};
use model::ids::IncidentId;
use model::time::Timestamp;

use crate::making::new_incident;
use crate::{Backend, T0, fresh, on_both};

const MINUTE: i64 = 60_000_000;

on_both!(
    a_clock_ends_once_and_by_a_person,
    the_machine_neither_starts_nor_ends_one,
    thresholds_are_returned_once_and_the_highest_of_several,
    a_batch_with_a_wrong_one_starts_none,
);

async fn incident(ledger: &Ledger) -> IncidentId {
    let new = new_incident(1, "phishing-host", "example.com");
    let id = new.id;
    let triage = Triage {
        opened: vec![new],
        ..Triage::default()
    };
    ledger
        .commit_triage(triage, "phishing-host", "system:triage", T0)
        .await
        .unwrap();
    id
}

fn clock(id: IncidentId, duty: &str, minutes: i64) -> NewClock {
    NewClock {
        incident: id,
        law: "cn-2025".to_owned(),
        duty: duty.to_owned(),
        started_at: T0,
        due_at: T0 + minutes * MINUTE,
        reason: "portal down".to_owned(),
    }
}

fn ending(state: ClockState, at: i64, reason: &str) -> Ending {
    Ending {
        state,
        at,
        reason: reason.to_owned(),
    }
}

async fn a_clock_ends_once_and_by_a_person(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let id = incident(&ledger).await;
    let new = vec![clock(id, "other", 240), clock(id, "first", 60)];
    let started = ledger.start_clocks(new, "li", T0).await.unwrap();
    assert_eq!(started.len(), 2);
    let again = ledger
        .start_clocks(vec![clock(id, "other", 240)], "li", T0)
        .await
        .unwrap_err();
    assert_eq!(again.label(), "conflict");
    // The one that is due first stands first.
    let running = ledger.clocks_running().await.unwrap();
    assert_eq!((running[0].duty.as_str(), running.len()), ("first", 2));

    let end = ending(ClockState::Done, T0 + 61 * MINUTE, "told by telephone");
    let late = ledger
        .end_clock(started[1].id, end.clone(), "li", T0 + 70 * MINUTE)
        .await
        .unwrap();
    assert!(late.is_late(T0 + 70 * MINUTE));
    let twice = ledger
        .end_clock(started[1].id, end, "wang", T0 + 70 * MINUTE)
        .await
        .unwrap_err();
    assert_eq!(twice.label(), "conflict");
    let waived = ledger
        .end_clock(
            started[0].id,
            ending(
                ClockState::Waived,
                T0 + MINUTE,
                "below grade three after all",
            ),
            "wang",
            T0 + 999 * MINUTE,
        )
        .await
        .unwrap();
    assert!(!waived.is_late(T0 + 999 * MINUTE));
    assert!(ledger.clocks_running().await.unwrap().is_empty());
    // One that ended may be started anew.
    let new = vec![clock(id, "other", 240)];
    ledger.start_clocks(new, "li", T0 + MINUTE).await.unwrap();
    assert_eq!(ledger.clocks(id).await.unwrap().len(), 3);

    let object = format!("incident {id}");
    let trail = ledger.audit(Some(&object), Page::ALL).await.unwrap();
    let of = |action: &str| trail.iter().filter(|row| row.action == action).count();
    assert_eq!(
        (of("clock.start"), of("clock.stop"), of("clock.waive")),
        (3, 1, 1)
    );
    assert!(trail.iter().any(|row| row.detail.contains("\"late\":true")));
}

async fn the_machine_neither_starts_nor_ends_one(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let id = incident(&ledger).await;
    for actor in ["system:clock", "rule:phishing-host", " ", ""] {
        let new = vec![clock(id, "other", 240)];
        assert!(
            ledger.start_clocks(new, actor, T0).await.is_err(),
            "{actor}"
        );
    }
    let new = vec![clock(id, "other", 240)];
    let started = ledger.start_clocks(new, "li", T0).await.unwrap();
    let number = started[0].id;
    let now = T0 + 10 * MINUTE;
    let done = |at, reason| ending(ClockState::Done, at, reason);
    for (end, actor) in [
        (done(T0, "seen"), "system:followup"),
        (done(T0, "  "), "li"),
        (done(T0 - 1, "seen"), "li"),
        (done(now + 1, "seen"), "li"),
        (ending(ClockState::Running, T0, "seen"), "li"),
    ] {
        let told = format!("{end:?} {actor}");
        assert!(
            ledger.end_clock(number, end, actor, now).await.is_err(),
            "{told}"
        );
    }
    assert_eq!(ledger.clocks_running().await.unwrap(), started);
}

async fn thresholds_are_returned_once_and_the_highest_of_several(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let id = incident(&ledger).await;
    let new = vec![clock(id, "other", 100), clock(id, "slow", 1_000)];
    ledger.start_clocks(new, "li", T0).await.unwrap();
    let look = async |minutes: i64| {
        let found = ledger
            .escalate_clocks("system:clock", T0 + minutes * MINUTE)
            .await
            .unwrap();
        let told = found.into_iter().map(|one| (one.clock.duty, one.percent));
        told.collect::<Vec<_>>()
    };
    assert!(look(49).await.is_empty());
    assert_eq!(look(50).await, [("other".to_owned(), 50)]);
    assert!(look(79).await.is_empty());
    assert_eq!(look(80).await, [("other".to_owned(), 80)]);
    // A machine that slept is told the highest, not all of them.
    let both = look(900).await;
    assert_eq!(both, [("other".to_owned(), 100), ("slow".to_owned(), 80)]);
    assert_eq!(look(2_000).await, [("slow".to_owned(), 100)]);
    assert!(look(9_000).await.is_empty());
    // Late is late: it still runs until a person ends it.
    assert_eq!(ledger.clocks_running().await.unwrap().len(), 2);
    assert_eq!(
        Timestamp(ledger.clocks(id).await.unwrap()[0].due_at).0,
        T0 + 100 * MINUTE
    );
}

async fn a_batch_with_a_wrong_one_starts_none(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let id = incident(&ledger).await;
    let mut future = clock(id, "late", 240);
    future.started_at = T0 + 1;
    let mut empty = clock(id, "empty", 240);
    empty.due_at = T0;
    let mut silent = clock(id, "silent", 240);
    silent.reason = String::new();
    let lost = clock(IncidentId::draw(Timestamp(T0), [9; 10]), "lost", 240);
    for wrong in [future, empty, silent, lost] {
        let new = vec![clock(id, "other", 240), wrong];
        assert!(ledger.start_clocks(new, "li", T0).await.is_err());
    }
    assert!(ledger.clocks(id).await.unwrap().is_empty());
}
