//! Incidents: steps, keys, merging.

use ledger::{Error, IncidentFilter, IncidentSort, Page, Reach};
use model::incident::{IncidentState, Resolution, Step};

use super::*;
use crate::{Backend, T0, fresh, on_both};

on_both!(
    steps_are_those_of_the_model_and_leave_a_trail,
    one_incident_a_matter_is_live,
    looking_twice_changes_nothing,
    an_incident_comes_back_unless_another_has_its_matter,
    a_part_moves_into_the_whole_with_all_it_has,
    what_comes_for_a_part_joins_the_whole_while_that_is_live,
    handled_is_counted_once_ever,
    directives_end_with_their_incident,
    reach_hides_what_is_others,
    any_text_is_a_key,
);

async fn steps_are_those_of_the_model_and_leave_a_trail(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let id = open(&ledger, 1, "a.example").await;
    let refused = step(&ledger, id, Step::Notify, T0).await.unwrap_err();
    assert!(matches!(refused, Error::Conflict { .. }), "{refused}");
    assert!(refused.to_string().contains("validated"), "{refused}");
    step(&ledger, id, Step::Validate, T0 + 1).await.unwrap();
    step(&ledger, id, Step::Notify, T0 + 2).await.unwrap();
    // A second notice says nothing new.
    let same = step(&ledger, id, Step::Notify, T0 + 3).await.unwrap();
    assert_eq!(same.noticed_at, Some(T0 + 2));
    let close = Step::Close(Resolution::TakenDown);
    assert!(step(&ledger, id, close, T0 + 4).await.is_err());
    step(&ledger, id, Step::FindGone, T0 + 4).await.unwrap();
    let closed = step(&ledger, id, close, T0 + 5).await.unwrap();
    assert_eq!(closed.state.0, IncidentState::Closed);
    assert_eq!(closed.validated_by.as_deref(), Some("ann"));
    let trail = ledger
        .audit(Some(&format!("incident {id}")), Page::default())
        .await
        .unwrap();
    let steps = trail.iter().filter(|row| row.action == "incident.step");
    assert_eq!(steps.count(), 4);
}

async fn one_incident_a_matter_is_live(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    open(&ledger, 1, "a.example").await;
    let again = opened(2, "phishing-host", "a.example");
    let refused = triage(&ledger, vec![again.clone()], vec![join(2, 2, T0)])
        .await
        .unwrap_err();
    assert!(matches!(refused, Error::Conflict { .. }), "{refused}");
    let all = ledger
        .incidents(
            &IncidentFilter::default(),
            &Reach::All,
            IncidentSort::Oldest,
            Page::ALL,
        )
        .await
        .unwrap();
    // Nothing of the refused look stayed: neither the incident nor its number.
    assert_eq!(all.len(), 1);
    let other = opened(3, "malware-host", "a.example");
    triage(&ledger, vec![other], vec![]).await.unwrap();
    assert_eq!(incident(&ledger, incident_id(3)).await.number, 2);
    // Closing frees the key.
    invalid(&ledger, incident_id(1), T0 + 1).await;
    triage(&ledger, vec![again], vec![join(2, 2, T0)])
        .await
        .unwrap();
}

async fn looking_twice_changes_nothing(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let id = open(&ledger, 1, "a.example").await;
    let more = || {
        vec![
            join(1, 1, T0),
            join(1, 2, T0 - 5_000_000),
            join(1, 3, T0 + 5_000_000),
        ]
    };
    triage(&ledger, vec![], more()).await.unwrap();
    let once = incident(&ledger, id).await;
    assert_eq!(
        (once.events, once.first_seen_at, once.last_seen_at),
        (3, T0 - 5_000_000, T0 + 5_000_000)
    );
    triage(&ledger, vec![], more()).await.unwrap();
    assert_eq!(incident(&ledger, id).await, once);
    let known = ledger.triaged_events(&[[1; 16], [9; 16]]).await.unwrap();
    assert_eq!(known, [[1; 16]]);
}

async fn an_incident_comes_back_unless_another_has_its_matter(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let id = open(&ledger, 1, "a.example").await;
    invalid(&ledger, id, T0 + 1).await;
    let back = step(&ledger, id, Step::Reopen, T0 + 2).await.unwrap();
    assert_eq!(back.state.0, IncidentState::Validated);
    assert_eq!((back.resolution, back.closed_at), (None, None));
    assert_eq!(back.validated_at, Some(T0 + 2));
    let keys = [Incident::live_key("phishing-host", "a.example")];
    assert_eq!(ledger.live_incidents(&keys).await.unwrap()[0].1, id);
    invalid(&ledger, id, T0 + 3).await;
    open(&ledger, 2, "a.example").await;
    let refused = step(&ledger, id, Step::Reopen, T0 + 4).await.unwrap_err();
    assert!(matches!(refused, Error::Conflict { .. }), "{refused:?}");
    assert!(refused.to_string().contains("#2"), "{refused}");
    let state = incident(&ledger, id).await.state.0;
    assert_eq!(state, IncidentState::Closed);
}

async fn a_part_moves_into_the_whole_with_all_it_has(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let part = open(&ledger, 1, "a.example").await;
    let whole = open(&ledger, 2, "b.example").await;
    // An event that both have counts once.
    triage(&ledger, vec![], vec![join(1, 7, T0), join(2, 7, T0)])
        .await
        .unwrap();
    let joins = super::complaints::complaint(1);
    ledger
        .add_complaint(joins, ledger::Fate::Joins(part), "test", T0)
        .await
        .unwrap();
    ledger
        .note_incident(part, &Reach::All, "a note\0", "ann", T0)
        .await
        .unwrap();
    let merge = |part, whole| {
        let ledger = ledger.clone();
        async move {
            let reach = &Reach::All;
            ledger
                .merge_incidents(part, whole, reach, "same kit", "ann", T0 + 9)
                .await
        }
    };
    assert!(merge(part, part).await.is_err());
    let into = merge(part, whole).await.unwrap();
    assert_eq!((into.events, into.complaints), (3, 1));
    let page = Page::ALL;
    let events = ledger.incident_events(whole, &Reach::All, page).await;
    assert_eq!(events.unwrap().len(), 3);
    let left = incident(&ledger, part).await;
    assert_eq!((left.events, left.complaints), (1, 0));
    assert_eq!(left.state.0, IncidentState::Merged);
    assert_eq!(ledger.complaints_about(whole).await.unwrap().len(), 1);
    let notes = ledger.incident_notes(whole, &Reach::All).await.unwrap();
    assert_eq!(notes[0].body, "a note\u{fffd}");
    // Neither twice, nor into what is over, nor worked on by itself.
    assert!(merge(part, whole).await.is_err());
    assert!(step(&ledger, part, Step::Validate, T0).await.is_err());
    invalid(&ledger, whole, T0 + 10).await;
    let third = open(&ledger, 3, "c.example").await;
    assert!(merge(third, whole).await.is_err());
}

async fn what_comes_for_a_part_joins_the_whole_while_that_is_live(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let parts = [
        open(&ledger, 1, "a.example").await,
        open(&ledger, 2, "b.example").await,
    ];
    let whole = open(&ledger, 3, "c.example").await;
    // A part of a part is a part of the whole.
    for (part, into) in [(parts[0], parts[1]), (parts[1], whole)] {
        ledger
            .merge_incidents(part, into, &Reach::All, "same", "ann", T0)
            .await
            .unwrap();
    }
    let keys =
        ["a.example", "b.example", "c.example"].map(|key| Incident::live_key("phishing-host", key));
    let live = ledger.live_incidents(&keys).await.unwrap();
    assert_eq!(live.len(), 3);
    assert!(live.iter().all(|(_, id)| *id == whole), "{live:?}");
    invalid(&ledger, whole, T0 + 1).await;
    assert!(ledger.live_incidents(&keys).await.unwrap().is_empty());
    // One of the keys is another's by now; the others are the whole's again.
    let other = open(&ledger, 4, "a.example").await;
    step(&ledger, whole, Step::Reopen, T0 + 2).await.unwrap();
    let mut live = ledger.live_incidents(&keys).await.unwrap();
    live.sort();
    let found: Vec<_> = live.iter().map(|(_, id)| *id).collect();
    assert_eq!(found, [other, whole, whole]);
}

async fn handled_is_counted_once_ever(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let id = open(&ledger, 1, "a.example").await;
    for (at, next) in [(1, Step::Validate), (2, Step::Notify), (3, Step::FindGone)] {
        step(&ledger, id, next, T0 + at).await.unwrap();
    }
    assert_eq!(incident(&ledger, id).await.counted_at, Some(T0 + 3));
    let close = Step::Close(Resolution::TakenDown);
    for (at, next) in [
        (4, close),
        (5, Step::FindBack),
        (6, Step::FindGone),
        (7, close),
    ] {
        step(&ledger, id, next, T0 + at).await.unwrap();
    }
    let after = incident(&ledger, id).await;
    assert_eq!(
        (after.counted_at, after.gone_at),
        (Some(T0 + 3), Some(T0 + 6))
    );
    // Gone without anybody having been asked is nobody's work.
    let other = open(&ledger, 2, "b.example").await;
    step(&ledger, other, Step::FindGone, T0 + 1).await.unwrap();
    assert_eq!(incident(&ledger, other).await.counted_at, None);
}

async fn directives_end_with_their_incident(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let id = open(&ledger, 1, "a.example").await;
    let (to, _) = party(&ledger, 1).await;
    directive(&ledger, 1, id, to).await;
    step(&ledger, id, Step::Validate, T0).await.unwrap();
    let decided = || async { ledger.incidents_with_directives(&[id]).await.unwrap() };
    assert_eq!(decided().await.len(), 1);
    invalid(&ledger, id, T0 + 1).await;
    let state = the_directive(&ledger, id).await.state;
    assert_eq!(state, ledger::DirectiveState::Over);
    step(&ledger, id, Step::Reopen, T0 + 2).await.unwrap();
    // What is back is decided about anew.
    assert!(decided().await.is_empty());
}

async fn reach_hides_what_is_others(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let mut new = opened(1, "phishing-host", "a.example");
    new.owner = Some("province-44".to_owned());
    triage(&ledger, vec![new], vec![]).await.unwrap();
    let id = incident_id(1);
    let theirs = Reach::Owner("province-44".to_owned());
    let others = Reach::Owner("province-11".to_owned());
    assert!(ledger.incident(id, &theirs).await.is_ok());
    assert!(ledger.incident(id, &others).await.is_err());
    assert!(ledger.incident_numbered(1, &others).await.is_err());
    let close = NewStep::new(Step::Close(Resolution::Invalid), "no", T0);
    let refused = ledger.step(id, &others, close, "bob", T0).await;
    assert!(
        matches!(refused, Err(Error::NotFound { .. })),
        "{refused:?}"
    );
    let note = ledger.note_incident(id, &others, "x", "bob", T0).await;
    assert!(note.is_err());
}

async fn any_text_is_a_key(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    // No two bytes alike in a row, so that no database compresses it away.
    let noise: String = (0..400)
        .map(|n| ledger::Hash::of(&[n as u8, (n >> 8) as u8]).to_string())
        .collect();
    let keys = [
        "a\0b".to_owned(),
        "猫".repeat(2_000),
        noise.clone(),
        noise + "x",
    ];
    for (n, key) in keys.iter().enumerate() {
        let n = n as u8 + 1;
        open(&ledger, n, key).await;
        let live = ledger
            .live_incidents(&[Incident::live_key("phishing-host", key)])
            .await
            .unwrap();
        assert_eq!(live[0].1, incident_id(n));
        let refused = triage(&ledger, vec![opened(n + 100, "phishing-host", key)], vec![]).await;
        assert!(matches!(refused, Err(Error::Conflict { .. })));
    }
}
