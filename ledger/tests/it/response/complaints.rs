//! Complaints and the mail they came in.

use ledger::complaint::TELL_REPORTER;
use ledger::message::READ_MESSAGE;
use ledger::{
    ComplaintState, Error, Fate, MessageRead, MessageState, NewComplaint, NewEvidence, NewMessage,
    Page,
};
use model::ids::{ComplaintId, EvidenceId};
use model::incident::Step;
use serde_json::json;

use super::*;
use crate::{Backend, T0, fresh, on_both};

on_both!(
    a_complaint_opens_joins_waits_or_is_refused,
    who_may_be_told_is_asked_for_in_the_same_transaction,
    reporters_hear_of_the_end_once,
    a_message_is_one_by_its_bytes,
);

pub fn complaint(n: u8) -> NewComplaint {
    NewComplaint {
        id: ComplaintId::draw(Timestamp(T0), random(n)),
        receipt: format!("AAAA-BBBB-{n:04}"),
        via: "mail".to_owned(),
        message: None,
        kind: CaseKind::Phishing,
        what: "a.example\0".to_owned(),
        observables: json!([["source_host", "a\0.example"]]),
        body: "look\0 here".to_owned(),
        reporter: Some("alice@example.org".to_owned()),
        reporter_name: None,
        received_at: T0,
        tell: false,
    }
}

async fn a_complaint_opens_joins_waits_or_is_refused(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let opens = || Fate::Opens(Box::new(opened(1, "complaint", "a.example")));
    let add = |n, fate| ledger.add_complaint(complaint(n), fate, "test", T0);
    assert_eq!(add(1, opens()).await.unwrap(), 1);
    let id = incident_id(1);
    assert_eq!(add(2, Fate::Joins(id)).await.unwrap(), 2);
    add(3, Fate::Waits("unsure of a\0".to_owned()))
        .await
        .unwrap();
    add(4, Fate::Refused("no".to_owned())).await.unwrap();
    let taken = add(
        5,
        Fate::Opens(Box::new(opened(5, "complaint", "a.example"))),
    );
    let taken = taken.await.unwrap_err();
    assert!(matches!(taken, Error::Conflict { .. }), "{taken:?}");
    assert_eq!(incident(&ledger, id).await.complaints, 2);
    let all = ledger.complaints(None, Page::ALL).await.unwrap();
    let states: Vec<_> = all.iter().rev().map(|one| one.state).collect();
    use ComplaintState::*;
    assert_eq!(states, [Joined, Joined, Waiting, Refused]);
    assert_eq!(all[1].reason.as_deref(), Some("unsure of a\u{fffd}"));
    let found = ledger
        .complaint_of("AAAA-BBBB-0002")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.what.as_str(), found.body.as_str()),
        ("a.example\u{fffd}", "look\u{fffd} here")
    );
    // A receipt is one complaint's.
    let mut twice = complaint(6);
    twice.receipt = "AAAA-BBBB-0002".to_owned();
    assert!(
        ledger
            .add_complaint(twice, Fate::Joins(id), "test", T0)
            .await
            .is_err()
    );
    assert_eq!(incident(&ledger, id).await.complaints, 2);
}

async fn who_may_be_told_is_asked_for_in_the_same_transaction(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let mut new = complaint(1);
    new.tell = true;
    let id = new.id;
    ledger
        .add_complaint(new, Fate::Waits("x".to_owned()), "test", T0)
        .await
        .unwrap();
    ledger
        .add_complaint(complaint(2), Fate::Waits("x".to_owned()), "test", T0)
        .await
        .unwrap();
    assert!(ledger.has_due_job(&[TELL_REPORTER], T0).await.unwrap());
    let lease = ledger
        .lease(T0, "w", &[TELL_REPORTER], 60)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(lease.job.key, id.to_string());
    assert!(!ledger.has_due_job(&[TELL_REPORTER], T0).await.unwrap());
    let party = party(&ledger, 1).await;
    let mut told = notice(1, party, vec![]);
    told.kind = NoticeKind::Receipt;
    told.address = "alice@example.org".to_owned();
    ledger
        .tell_reporter(told, id, "test", T0 + 1)
        .await
        .unwrap();
    assert_eq!(ledger.complaint(id).await.unwrap().receipt_at, Some(T0 + 1));
    assert!(ledger.told_since("alice@example.org", T0).await.unwrap());
    assert!(
        !ledger
            .told_since("alice@example.org", T0 + 2)
            .await
            .unwrap()
    );
    assert!(!ledger.told_since("bob@example.org", T0).await.unwrap());
    // Of a complaint that is not there nothing is written.
    let other = ComplaintId::draw(Timestamp(T0), random(99));
    let refused = ledger.tell_reporter(notice(2, party, vec![]), other, "test", T0);
    assert!(refused.await.is_err());
    assert_eq!(ledger.notices(&[], Page::ALL).await.unwrap().len(), 1);
}

async fn reporters_hear_of_the_end_once(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let id = open(&ledger, 1, "a.example").await;
    for n in [1, 2] {
        let joins = Fate::Joins(id);
        ledger
            .add_complaint(complaint(n), joins, "test", T0)
            .await
            .unwrap();
    }
    let first = complaint(1).id;
    ledger.reporter_told(first, false, T0).await.unwrap();
    assert!(ledger.complaints_to_answer().await.unwrap().is_empty());
    step(&ledger, id, Step::Validate, T0).await.unwrap();
    invalid(&ledger, id, T0 + 1).await;
    // Who got no receipt is told nothing: it may be a machine.
    let answer = ledger.complaints_to_answer().await.unwrap();
    assert_eq!(
        answer.iter().map(|one| one.id.0).collect::<Vec<_>>(),
        [first]
    );
    ledger.reporter_told(first, true, T0 + 2).await.unwrap();
    assert!(ledger.complaints_to_answer().await.unwrap().is_empty());
}

async fn a_message_is_one_by_its_bytes(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let new = NewMessage {
        blob: Hash::of(b"mail"),
        origin: "INBOX 1\0".to_owned(),
        message_id: Some("x\0@example.org".to_owned()),
        received_at: T0,
    };
    assert!(ledger.receive_message(new.clone(), T0).await.unwrap());
    assert!(!ledger.receive_message(new.clone(), T0 + 1).await.unwrap());
    let all = ledger
        .messages(Some(MessageState::New), Page::ALL)
        .await
        .unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].message_id.as_deref(), Some("x\u{fffd}@example.org"));
    let id = all[0].id.clone();
    assert_eq!(ledger.message(&id[..8]).await.unwrap().id, id);
    let lease = ledger
        .lease(T0, "w", &[READ_MESSAGE], 60)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(lease.job.key, id);
    let incident = open(&ledger, 1, "a.example").await;
    let read = |state| MessageRead {
        sender: "bob\0@example.org".to_owned(),
        subject: "s\0".to_owned(),
        nature: "complaint".to_owned(),
        state,
        reason: Some("r\0".to_owned()),
        proposal: None,
        notice: None,
        incident: Some(incident),
    };
    ledger
        .message_read(&id, read(MessageState::Handled), T0)
        .await
        .unwrap();
    ledger
        .message_read(&id, read(MessageState::Waiting), T0)
        .await
        .unwrap();
    assert_eq!(ledger.messages_of(incident).await.unwrap().len(), 1);
    let missing = ledger
        .message_read("none", read(MessageState::Handled), T0)
        .await;
    assert!(
        matches!(missing, Err(Error::NotFound { .. })),
        "{missing:?}"
    );
    // The bytes again change nothing, also once they were read.
    assert!(!ledger.receive_message(new, T0 + 2).await.unwrap());
    assert_eq!(
        ledger.message(&id).await.unwrap().state,
        MessageState::Waiting
    );
    let evidence = NewEvidence {
        id: EvidenceId::draw(Timestamp(T0), random(1)),
        incident,
        blob: Hash::of(b"page"),
        name: "screen\0shot.png".to_owned(),
        media_type: "image/png".to_owned(),
        bytes: 4,
        source: "attached".to_owned(),
        tlp: Tlp::Amber,
        at: T0,
    };
    ledger.add_evidence(evidence, "test", T0).await.unwrap();
    assert_eq!(
        ledger.evidence(incident).await.unwrap()[0].name,
        "screen\u{fffd}shot.png"
    );
}
