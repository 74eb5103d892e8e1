//! Markings: what lowers them, what they take back of the outbox, and what merging and splitting make of them.

use std::collections::BTreeSet;

use ledger::incident::Split;
use ledger::notice::Move;
use ledger::{Actor, DirectiveState, Error, Marked, NewMarking, Page};
use model::marking::{Marking, Why};
use model::newsroom::Right;
use model::notice::NoticeState;

use super::*;
use crate::{Backend, T0, fresh, on_both};

on_both!(
    lowering_takes_the_originator_s_consent_and_is_in_the_trail,
    whose_it_is_is_said_once_and_changed_by_a_lead,
    what_was_written_and_may_not_leave_is_taken_back,
    what_is_being_sent_is_kept_back_before_its_first_byte,
    merged_it_is_as_strict_as_both_and_split_off_as_what_it_was,
    two_entries_of_a_party_become_one_recipient,
);

const HOUR: i64 = 3_600_000_000;

/// While there is no account everybody holds every right.
async fn with(ledger: &Ledger, right: Right) -> Actor {
    ledger.actor("li", right, 0).await.unwrap()
}

/// What changes a marking, with a reason.
fn marked(change: impl FnOnce(&mut NewMarking)) -> NewMarking {
    let mut new = NewMarking {
        reason: "their mail of today".to_owned(),
        ..NewMarking::default()
    };
    change(&mut new);
    new
}

async fn mark(ledger: &Ledger, id: IncidentId, new: NewMarking) -> ledger::Result<Marked> {
    let by = with(ledger, Right::Work).await;
    let number = incident(ledger, id).await.number;
    ledger
        .mark_incident(&by, (number, &Reach::All), &new, T0)
        .await
}

async fn marking(ledger: &Ledger, id: IncidentId) -> Marking {
    let one = incident(ledger, id).await;
    ledger.marking(&one).await.unwrap()
}

fn some(ids: &[OrganizationId]) -> BTreeSet<OrganizationId> {
    ids.iter().copied().collect()
}

async fn lowering_takes_the_originator_s_consent_and_is_in_the_trail(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let id = open(&ledger, 1, "a.example").await;
    let (theirs, _) = party(&ledger, 1).await;
    let (named, _) = party(&ledger, 2).await;
    let tlp = |tlp| marked(|new| new.tlp = Some(tlp));
    // What is this house's, this house lowers.
    mark(&ledger, id, tlp(Tlp::Red)).await.unwrap();
    mark(&ledger, id, tlp(Tlp::Amber)).await.unwrap();
    let whose = marked(|new| {
        new.originator = Some(Some(theirs));
        new.embargo_until = Some(Some(T0 + 2 * HOUR));
    });
    let version = incident(&ledger, id).await.version;
    let done = mark(&ledger, id, whose).await.unwrap();
    assert_eq!(done.incident.version, version + 1);
    let lowering = [
        tlp(Tlp::Green),
        marked(|new| new.embargo_until = Some(None)),
        marked(|new| new.embargo_until = Some(Some(T0 + HOUR))),
        // Under an embargo that names nobody, whoever is named gets more than before.
        marked(|new| new.recipients = Some(some(&[named]))),
    ];
    for new in &lowering {
        let refused = mark(&ledger, id, new.clone()).await.unwrap_err();
        assert!(refused.to_string().contains("consent"), "{refused}");
        let blank = NewMarking {
            consent: " ".to_owned(),
            ..new.clone()
        };
        assert!(mark(&ledger, id, blank).await.is_err());
    }
    assert_eq!(marking(&ledger, id).await, done.marking, "nothing changed");
    // Raising is open, whoever it comes from.
    mark(&ledger, id, tlp(Tlp::Red)).await.unwrap();
    let until = marked(|new| new.embargo_until = Some(Some(T0 + 3 * HOUR)));
    mark(&ledger, id, until).await.unwrap();
    let agreed = NewMarking {
        consent: "Li of CERT X, their mail of 3 December".to_owned(),
        ..marked(|new| {
            new.tlp = Some(Tlp::Green);
            new.recipients = Some(some(&[named]));
        })
    };
    mark(&ledger, id, agreed).await.unwrap();
    let now = marking(&ledger, id).await;
    assert_eq!(
        (now.tlp, now.recipients),
        (Tlp::Green, some(&[named])),
        "with consent"
    );
    let object = format!("incident {id}");
    let trail = ledger.audit(Some(&object), Page::default()).await.unwrap();
    let last = trail.iter().find(|row| row.action == "incident.mark");
    let last: serde_json::Value = serde_json::from_str(&last.unwrap().detail).unwrap();
    assert_eq!(last["before"]["tlp"], "red");
    assert_eq!(last["after"]["tlp"], "green");
    assert_eq!(last["after"]["recipients"][0], named.to_string());
    assert_eq!(last["after"]["embargo_until"], T0 + 3 * HOUR);
    assert_eq!(last["lowered"], serde_json::json!(["tlp", "recipients"]));
    assert_eq!(last["consent"], "Li of CERT X, their mail of 3 December");
    let notes = ledger.incident_notes(id, &Reach::All).await.unwrap();
    assert_eq!(notes.len(), 6, "one an act");
    assert!(notes.iter().any(|note| note.body.contains("Li of CERT X")));
}

async fn whose_it_is_is_said_once_and_changed_by_a_lead(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let id = open(&ledger, 1, "a.example").await;
    let number = incident(&ledger, id).await.number;
    let (first, _) = party(&ledger, 1).await;
    let (second, _) = party(&ledger, 2).await;
    let of = |whose| marked(|new| new.originator = Some(whose));
    let conflict = |refused: ledger::Result<Marked>| {
        assert!(
            matches!(refused, Err(Error::Conflict { .. })),
            "{refused:?}"
        );
    };
    mark(&ledger, id, of(Some(first))).await.unwrap();
    for whose in [Some(second), None] {
        conflict(mark(&ledger, id, of(whose)).await);
    }
    let lead = with(&ledger, Right::Lead).await;
    let all = (number, &Reach::All);
    let other = of(Some(second));
    let changed = ledger.mark_incident(&lead, all, &other, T0);
    assert_eq!(changed.await.unwrap().marking.originator, Some(second));
    // What says nothing, or says it of what is not there.
    conflict(mark(&ledger, id, of(Some(second))).await);
    conflict(mark(&ledger, id, NewMarking::default()).await);
    let silent = NewMarking {
        reason: " ".to_owned(),
        ..marked(|new| new.tlp = Some(Tlp::Red))
    };
    conflict(mark(&ledger, id, silent).await);
    conflict(
        mark(
            &ledger,
            id,
            marked(|new| new.embargo_until = Some(Some(T0))),
        )
        .await,
    );
    let nobody = OrganizationId::draw(Timestamp(T0), random(99));
    let unknown = marked(|new| new.recipients = Some(some(&[nobody])));
    let refused = mark(&ledger, id, unknown).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })));
    let stale = marked(|new| {
        new.tlp = Some(Tlp::Red);
        new.version = Some(1);
    });
    let refused = mark(&ledger, id, stale).await;
    assert!(matches!(refused, Err(Error::Changed { .. })), "{refused:?}");
    let elsewhere = Reach::Owner(first.to_string());
    let red = marked(|new| new.tlp = Some(Tlp::Red));
    let denied = ledger.mark_incident(&lead, (number, &elsewhere), &red, T0);
    assert!(matches!(denied.await, Err(Error::NotFound { .. })));
}

/// A validated incident with a directive to a party, and a notice about it that is ready.
async fn ready(ledger: &Ledger, n: u8) -> (IncidentId, OrganizationId, NoticeId) {
    let id = open(ledger, n, &format!("a{n}.example")).await;
    step(ledger, id, Step::Validate, T0).await.unwrap();
    let party = party(ledger, n).await;
    let directive = directive(ledger, n, id, party.0).await;
    let new = notice(n, party, vec![(directive, id)]);
    let written = ledger.write_notices(vec![new], "test", T0).await.unwrap();
    assert_eq!(written, 1);
    let all = ledger.notices_about(id).await.unwrap();
    (id, party.0, all[0].notice_id())
}

async fn state(ledger: &Ledger, notice: NoticeId) -> (NoticeState, Option<String>) {
    let notice = ledger.notice(notice).await.unwrap();
    (notice.state.0, notice.outcome)
}

async fn what_was_written_and_may_not_leave_is_taken_back(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let (id, to, first) = ready(&ledger, 1).await;
    let (other, _, untouched) = ready(&ledger, 2).await;
    let embargo = marked(|new| new.embargo_until = Some(Some(T0 + HOUR)));
    let done = mark(&ledger, id, embargo).await.unwrap();
    assert_eq!(done.taken_back, [1]);
    let (is, why) = state(&ledger, first).await;
    assert_eq!(is, NoticeState::Cancelled);
    assert!(
        why.unwrap()
            .starts_with("under embargo until 2023-01-09T01")
    );
    assert_eq!(the_directive(&ledger, id).await.state, DirectiveState::Due);
    assert_eq!(state(&ledger, untouched).await.0, NoticeState::Ready);
    assert_eq!(incident(&ledger, other).await.embargo_until, None);
    // Nothing about it is written before the end, and then it is.
    let directive = the_directive(&ledger, id).await.id.0;
    let contact = ledger.contacts(to).await.unwrap()[0].id.0;
    let again = |n| notice(n, (to, contact), vec![(directive, id)]);
    for (n, at, written) in [(11, T0 + HOUR - 1, 0), (12, T0 + HOUR, 1)] {
        let done = ledger.write_notices(vec![again(n)], "test", at).await;
        assert_eq!(done.unwrap(), written, "{at}");
    }
    // A named recipient is written to; a letter with the old TLP is written anew.
    let recipients = marked(|new| new.recipients = Some(some(&[to])));
    let done = mark(&ledger, id, recipients).await.unwrap();
    assert!(done.taken_back.is_empty(), "{done:?}");
    let red = marked(|new| new.tlp = Some(Tlp::Red));
    let done = mark(&ledger, id, red).await.unwrap();
    assert_eq!(done.taken_back, [3], "its letter says TLP:AMBER");
    assert_eq!(the_directive(&ledger, id).await.state, DirectiveState::Due);
}

async fn what_is_being_sent_is_kept_back_before_its_first_byte(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let (id, _, notice) = ready(&ledger, 1).await;
    let (stranger, _) = party(&ledger, 9).await;
    let taken = ledger.take_notice(T0).await.unwrap().unwrap();
    assert_eq!(ledger.keep_back(notice, "test", T0).await.unwrap(), None);
    // Somebody else is named while it is on its way.
    let named = marked(|new| new.recipients = Some(some(&[stranger])));
    let done = mark(&ledger, id, named).await.unwrap();
    assert!(done.taken_back.is_empty(), "it is being sent: {done:?}");
    let kept = ledger.keep_back(taken.notice_id(), "test", T0).await;
    assert_eq!(kept.unwrap(), Some(Why::NotNamed));
    assert_eq!(state(&ledger, notice).await.0, NoticeState::Cancelled);
    assert_eq!(the_directive(&ledger, id).await.state, DirectiveState::Due);
    // What was held is not let go either.
    let anyone = marked(|new| new.recipients = Some(BTreeSet::new()));
    mark(&ledger, id, anyone).await.unwrap();
    let (second, to, _) = ready(&ledger, 2).await;
    let directive = the_directive(&ledger, second).await.id.0;
    let contact = ledger.contacts(to).await.unwrap()[0].id.0;
    let held = NewNotice {
        hold_reason: Some("large".to_owned()),
        ..super::notice(21, (to, contact), vec![(directive, second)])
    };
    let held_id = held.id;
    ledger.write_notices(vec![held], "test", T0).await.unwrap();
    let embargo = marked(|new| new.embargo_until = Some(Some(T0 + HOUR)));
    let done = mark(&ledger, second, embargo).await.unwrap();
    assert_eq!(done.taken_back.len(), 2);
    let judged = ledger.judge_notice(held_id, true, "read", "ann", T0).await;
    assert!(matches!(judged, Err(Error::Conflict { .. })), "{judged:?}");
    let moved = Move {
        to: NoticeState::Ready,
        reply: String::new(),
        next_at: None,
    };
    assert!(ledger.move_notice(held_id, moved, "ann", T0).await.is_err());
}

async fn merged_it_is_as_strict_as_both_and_split_off_as_what_it_was(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let (whole, part) = (
        open(&ledger, 1, "a.example").await,
        open(&ledger, 2, "b.example").await,
    );
    let (theirs, _) = party(&ledger, 1).await;
    let (named, _) = party(&ledger, 2).await;
    let strict = marked(|new| {
        new.tlp = Some(Tlp::Red);
        new.originator = Some(Some(theirs));
        new.embargo_until = Some(Some(T0 + HOUR));
        new.recipients = Some(some(&[named]));
    });
    let strict = mark(&ledger, part, strict).await.unwrap().marking;
    let into = ledger
        .merge_incidents(part, whole, &Reach::All, "one kit", "ann", T0 + 1)
        .await
        .unwrap();
    assert_eq!(into.tlp.0, Tlp::Red);
    assert_eq!(marking(&ledger, whole).await, strict);
    let events = [[2; 16]];
    let split = Split {
        id: incident_id(3),
        events: &events,
        what: "another page",
        reason: "another kit",
    };
    let made = ledger
        .split_incident(whole, &Reach::All, split, "ann", T0 + 2)
        .await
        .unwrap();
    assert_eq!(marking(&ledger, made.incident_id()).await, strict);
    // Of two originators there is no marking that is as strict as both.
    let foreign = open(&ledger, 4, "c.example").await;
    let other = marked(|new| new.originator = Some(Some(named)));
    mark(&ledger, foreign, other).await.unwrap();
    let refused = ledger
        .merge_incidents(foreign, whole, &Reach::All, "x", "ann", T0 + 3)
        .await;
    assert!(
        matches!(refused, Err(Error::Conflict { .. })),
        "{refused:?}"
    );
    assert!(incident(&ledger, foreign).await.state.0.is_live());
}

async fn two_entries_of_a_party_become_one_recipient(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let id = open(&ledger, 1, "a.example").await;
    let (from, _) = party(&ledger, 1).await;
    let (into, _) = party(&ledger, 2).await;
    let new = marked(|new| {
        new.originator = Some(Some(from));
        new.recipients = Some(some(&[from, into]));
    });
    mark(&ledger, id, new).await.unwrap();
    ledger
        .merge_organizations(from, into, "one house", "ann", T0)
        .await
        .unwrap();
    let now = marking(&ledger, id).await;
    assert_eq!(now.originator, Some(into));
    assert_eq!(now.recipients, some(&[into]));
}
