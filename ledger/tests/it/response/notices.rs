//! Notices: what each state allows, and what sending means.

use ledger::notice::Move;
use ledger::{DirectiveState, Error, Page};
use model::incident::{IncidentState, Step};
use model::notice::NoticeState;

use super::*;
use crate::{Backend, Home, T0, fresh, on_both};

on_both!(
    sending_asks_the_party_and_notifies_the_incident,
    a_notice_s_leaf_shows_its_matters_and_takes_an_answer_once,
    what_is_held_waits_and_what_is_cancelled_is_due_again,
    a_bounce_makes_the_directive_due_for_another_contact,
    a_reminder_is_marked_when_it_is_written,
    an_exercise_asks_nobody,
    two_that_take_at_once_take_each_once,
    what_a_killed_process_left_goes_out_again_under_the_same_id,
);

fn to(state: NoticeState) -> Move {
    Move {
        to: state,
        reply: "250 taken\0".to_owned(),
        next_at: None,
    }
}

/// A validated incident with a due directive to a party.
async fn due(ledger: &Ledger, n: u8) -> (IncidentId, DirectiveId, (OrganizationId, ContactId)) {
    let id = open(ledger, n, &format!("a{n}.example")).await;
    step(ledger, id, Step::Validate, T0).await.unwrap();
    let party = party(ledger, n).await;
    let directive = directive(ledger, n, id, party.0).await;
    (id, directive, party)
}

async fn take(ledger: &Ledger, at: i64) -> NoticeId {
    let taken = ledger.take_notice(at).await.unwrap();
    taken.expect("one is ready").notice_id()
}

async fn a_notice_s_leaf_shows_its_matters_and_takes_an_answer_once(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let (id, directive, party) = due(&ledger, 1).await;
    let (other, second, stranger) = due(&ledger, 2).await;
    let numbers = [
        incident(&ledger, id).await.number,
        incident(&ledger, other).await.number,
    ];
    let new = vec![
        notice(1, party, vec![(directive, id)]),
        notice(2, stranger, vec![(second, other)]),
    ];
    ledger.write_notices(new, "test", T0).await.unwrap();
    assert!(
        ledger.leaf_notices(T0).await.unwrap().is_empty(),
        "not sent"
    );
    let taken = take(&ledger, T0).await;
    ledger
        .move_notice(taken, to(NoticeState::Sent), "test", T0 + 7)
        .await
        .unwrap();
    assert_eq!(ledger.leaf_notices(T0).await.unwrap(), [taken]);
    assert!(ledger.leaf_notices(T0 + 8).await.unwrap().is_empty());
    let leaves = ledger.leaves(T0, T0, T0 + 8).await.unwrap();
    let [leaf] = &leaves[..] else {
        panic!("{leaves:?}")
    };
    let shown: Vec<_> = leaf.matters.iter().map(|(one, _)| one.number).collect();
    assert_eq!(
        (leaf.notice, shown, leaf.more),
        (taken, vec![numbers[0]], 0)
    );
    // Another's matter, and one that no notice of this name is about, look absent alike.
    for number in [numbers[1], 99] {
        let found = ledger.leaf_party(taken, number, T0 + 8).await;
        assert!(matches!(found, Err(Error::NotFound { .. })), "{found:?}");
    }
    let (whose, _) = ledger.leaf_party(taken, numbers[0], T0 + 8).await.unwrap();
    assert_eq!(whose.id(), party.0);
    let said = |actor: &'static str, once| {
        let post = ledger::portal::NewPost {
            act: ledger::portal::Act::Fix,
            body: "done".to_owned(),
            ticket: None,
            message: None,
            once,
        };
        ledger.answer_matter(&whose, numbers[0], post, actor, T0 + 9)
    };
    let first = said("notice #1 (a)", true).await.unwrap();
    assert_eq!(said("notice #1 (a)", true).await.unwrap(), first);
    assert_ne!(said("notice #1 (b)", true).await.unwrap(), first);
    // Who is signed in may say the same twice.
    said("ann", false).await.unwrap();
    said("ann", false).await.unwrap();
    let leaves = ledger.leaves(T0, T0, T0 + 10).await.unwrap();
    assert_eq!(leaves[0].matters[0].1.len(), 4);
    // What ended long ago is shown no more.
    invalid(&ledger, id, T0 + 11).await;
    assert_eq!(ledger.leaves(T0, T0 + 5, T0 + 12).await.unwrap().len(), 1);
    assert!(
        ledger
            .leaves(T0, T0 + 12, T0 + 13)
            .await
            .unwrap()
            .is_empty()
    );
}

async fn sending_asks_the_party_and_notifies_the_incident(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let (id, directive, party) = due(&ledger, 1).await;
    let new = notice(1, party, vec![(directive, id)]);
    ledger.write_notices(vec![new], "test", T0).await.unwrap();
    assert_eq!(
        the_directive(&ledger, id).await.state,
        DirectiveState::Noticed
    );
    let state = incident(&ledger, id).await.state.0;
    assert_eq!(state, IncidentState::Validated);
    let taken = take(&ledger, T0).await;
    // Whoever holds it is the only one.
    assert!(ledger.take_notice(T0).await.unwrap().is_none());
    let cancelled = ledger
        .move_notice(taken, to(NoticeState::Cancelled), "x", T0)
        .await;
    assert!(matches!(cancelled, Err(Error::Conflict { .. })));
    let sent = ledger
        .move_notice(taken, to(NoticeState::Sent), "test", T0 + 7)
        .await
        .unwrap();
    assert_eq!(
        (sent.sent_at, sent.outcome.as_deref()),
        (Some(T0 + 7), Some("250 taken\u{fffd}"))
    );
    let asked = the_directive(&ledger, id).await;
    assert_eq!(asked.state, DirectiveState::Asked);
    assert_eq!(asked.asked_at, Some(T0 + 7));
    assert_eq!(asked.due_at, Some(T0 + 7 + 3_600_000_000));
    let notified = incident(&ledger, id).await;
    assert_eq!(notified.state.0, IncidentState::Notified);
    assert_eq!(notified.noticed_at, Some(T0 + 7));
    assert!(ledger.ever_noticed(party.0).await.unwrap());
    assert_eq!(ledger.sent_since(T0, Some(party.0)).await.unwrap(), 1);
    assert_eq!(
        ledger.attempts(taken).await.unwrap()[0].reply,
        "250 taken\u{fffd}"
    );
}

async fn what_is_held_waits_and_what_is_cancelled_is_due_again(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let (id, directive, party) = due(&ledger, 1).await;
    let mut new = notice(1, party, vec![(directive, id)]);
    new.hold_reason = Some("the first contact with this party".to_owned());
    new.approved_by = None;
    let number = new.id;
    ledger.write_notices(vec![new], "test", T0).await.unwrap();
    assert!(ledger.take_notice(T0 + 1).await.unwrap().is_none());
    let judged = ledger.judge_notice(number, false, "no", "ann", T0).await;
    assert_eq!(judged.unwrap().state.0, NoticeState::Cancelled);
    assert_eq!(the_directive(&ledger, id).await.state, DirectiveState::Due);
    let again = ledger.judge_notice(number, true, "yes", "ann", T0).await;
    assert!(matches!(again, Err(Error::Conflict { .. })));
    let mut new = notice(2, party, vec![(directive, id)]);
    new.hold_reason = Some("large".to_owned());
    let second = new.id;
    ledger.write_notices(vec![new], "test", T0).await.unwrap();
    let judged = ledger
        .judge_notice(second, true, "read", "ann", T0 + 5)
        .await;
    assert_eq!(judged.unwrap().approved_at, Some(T0 + 5));
    assert_eq!(take(&ledger, T0 + 5).await, second);
}

async fn a_bounce_makes_the_directive_due_for_another_contact(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let (id, directive, party) = due(&ledger, 1).await;
    let new = notice(1, party, vec![(directive, id)]);
    ledger.write_notices(vec![new], "test", T0).await.unwrap();
    let taken = take(&ledger, T0).await;
    ledger
        .notice_came_back(
            taken,
            to(NoticeState::Bounced),
            ledger::Fault::Gone,
            "test",
            T0 + 1,
        )
        .await
        .unwrap();
    assert_eq!(ledger.contacts(party.0).await.unwrap()[0].quality, 0);
    let again = the_directive(&ledger, id).await;
    assert_eq!((again.state, again.due_at), (DirectiveState::Due, None));
    // Its time runs from the notice that arrived.
    let mut new = notice(2, party, vec![(directive, id)]);
    new.kind = NoticeKind::OtherContact;
    ledger.write_notices(vec![new], "test", T0).await.unwrap();
    let taken = take(&ledger, T0 + 2).await;
    ledger
        .move_notice(taken, to(NoticeState::Sent), "test", T0 + 9)
        .await
        .unwrap();
    let asked = the_directive(&ledger, id).await;
    assert_eq!(asked.state, DirectiveState::Asked);
    assert_eq!(asked.due_at, Some(T0 + 9 + 3_600_000_000));
    // A late bounce report of what was sent counts as well, and a soft one halves.
    ledger
        .notice_came_back(
            taken,
            to(NoticeState::Bounced),
            ledger::Fault::Passing,
            "test",
            T0 + 10,
        )
        .await
        .unwrap();
    assert_eq!(the_directive(&ledger, id).await.state, DirectiveState::Due);
}

async fn a_reminder_is_marked_when_it_is_written(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let (id, directive, party) = due(&ledger, 1).await;
    let new = notice(1, party, vec![(directive, id)]);
    ledger.write_notices(vec![new], "test", T0).await.unwrap();
    let taken = take(&ledger, T0).await;
    let sent = to(NoticeState::Sent);
    ledger
        .move_notice(taken, sent.clone(), "test", T0)
        .await
        .unwrap();
    let mut new = notice(2, party, vec![(directive, id)]);
    new.kind = NoticeKind::Reminder;
    ledger
        .write_notices(vec![new], "test", T0 + 5)
        .await
        .unwrap();
    let reminded = the_directive(&ledger, id).await;
    assert_eq!(reminded.reminded_at, Some(T0 + 5));
    assert_eq!(reminded.state, DirectiveState::Asked);
    let taken = take(&ledger, T0 + 6).await;
    ledger
        .move_notice(taken, sent, "test", T0 + 6)
        .await
        .unwrap();
    let after = the_directive(&ledger, id).await;
    // A reminder gives no new time.
    assert_eq!(
        (after.due_at, after.asked_at),
        (reminded.due_at, reminded.asked_at)
    );
}

async fn an_exercise_asks_nobody(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let (id, directive, party) = due(&ledger, 1).await;
    let mut new = notice(1, party, vec![(directive, id)]);
    new.exercise = true;
    ledger.write_notices(vec![new], "test", T0).await.unwrap();
    let taken = take(&ledger, T0).await;
    for state in [NoticeState::Ready, NoticeState::Exercise] {
        ledger
            .move_notice(taken, to(state), "test", T0)
            .await
            .unwrap();
    }
    assert_eq!(the_directive(&ledger, id).await.state, DirectiveState::Due);
    assert_eq!(incident(&ledger, id).await.noticed_at, None);
    assert!(!ledger.ever_noticed(party.0).await.unwrap());
}

async fn two_that_take_at_once_take_each_once(on: Backend) {
    let home = Home::new(on);
    let (one, other) = (home.open().await.unwrap(), home.open().await.unwrap());
    let party = party(&one, 1).await;
    let all = (1..=40).map(|n| notice(n, party, vec![])).collect();
    one.write_notices(all, "test", T0).await.unwrap();
    let taking = |ledger: Ledger| async move {
        let mut taken = Vec::new();
        while let Some(notice) = ledger.take_notice(T0).await.unwrap() {
            assert_eq!(notice.attempts, 1);
            taken.push(notice.number);
        }
        taken
    };
    let (a, b) = tokio::join!(tokio::spawn(taking(one)), tokio::spawn(taking(other)));
    let mut all = [a.unwrap(), b.unwrap()].concat();
    all.sort_unstable();
    assert_eq!(all, (1..=40).collect::<Vec<i64>>());
}

async fn what_a_killed_process_left_goes_out_again_under_the_same_id(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let party = party(&ledger, 1).await;
    ledger
        .write_notices(vec![notice(1, party, vec![])], "test", T0)
        .await
        .unwrap();
    let taken = take(&ledger, T0).await;
    assert_eq!(ledger.recover_notices(T0 + 5).await.unwrap(), 1);
    let ready = ledger.notice(taken).await.unwrap();
    assert_eq!(ready.state.0, NoticeState::Ready);
    assert!(ready.outcome.unwrap().contains("unknown"));
    let again = ledger.take_notice(T0 + 5).await.unwrap().unwrap();
    assert_eq!(again.message_id, "notice1@cert.example");
    assert_eq!(again.attempts, 2);
    let listed = ledger.notices(&[NoticeState::Sending], Page::ALL).await;
    assert_eq!(listed.unwrap().len(), 1);
}
