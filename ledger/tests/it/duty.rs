//! The duty desk: shifts and swaps, handovers, promises, alarms, drills.

use ledger::{
    Error, Finding, Hash, Ledger, NewPromise, NewShift, NewTelling, Page, Reach, TellingState,
};
use model::duty::{AlarmRule, AlarmSeverity, AlarmWay, DutyRole, SwapState};
use model::newsroom::{AccountRole, Right};
use serde_json::json;

use crate::{Backend, SECOND, T0, fresh, on_both};

on_both!(
    a_shift_changes_hands_by_the_word_of_two_or_three,
    the_roster_refuses_what_cannot_be,
    a_handover_is_signed_by_two_and_stays,
    a_promise_is_kept_by_whoever_is_there,
    an_alarm_rings_once_climbs_and_ends,
    a_drill_is_played_one_at_a_time,
);

const HOUR: i64 = 3_600 * SECOND;

async fn people(ledger: &Ledger) {
    let first = ledger.actor("root", Right::Administer, 0).await.unwrap();
    let people: [(&str, &[AccountRole]); 5] = [
        ("root", &[AccountRole::Administrator]),
        ("an", &[AccountRole::Analyst]),
        ("bo", &[AccountRole::Analyst]),
        ("le", &[AccountRole::Lead]),
        ("li", &[AccountRole::Lead]),
    ];
    for (login, roles) in people {
        ledger
            .set_account(&first, (login, login, roles, true), T0)
            .await
            .unwrap();
    }
}

fn shift(login: &str, role: DutyRole, from: i64, hours: i64) -> NewShift {
    NewShift {
        login: login.to_owned(),
        role,
        span: (T0 + from * HOUR, T0 + (from + hours) * HOUR),
    }
}

fn refused<T: std::fmt::Debug>(result: ledger::Result<T>, words: &str) {
    let error = result.unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
}

async fn a_shift_changes_hands_by_the_word_of_two_or_three(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    people(&ledger).await;
    let le = ledger.actor("le", Right::Lead, 0).await.unwrap();
    let li = ledger.actor("li", Right::Lead, 0).await.unwrap();
    let an = ledger.actor("an", Right::Work, 0).await.unwrap();
    let all = [
        shift("an", DutyRole::Officer, 8, 8),
        shift("an", DutyRole::Officer, 32, 8),
        shift("bo", DutyRole::Officer, 32, 4),
        shift("le", DutyRole::Lead, 8, 8),
    ];
    let added = ledger.add_shifts(&le, &all, T0).await.unwrap();
    let (first, second) = (added[0].id, added[1].id);
    // Between equals the other's word is enough.
    let swap = ledger
        .ask_swap(&an, (first, "bo"), "a wedding", T0)
        .await
        .unwrap();
    assert!(!swap.needs_lead);
    refused(
        ledger.ask_swap(&an, (first, "li"), "again", T0).await,
        "asked about already",
    );
    assert!(matches!(
        ledger.answer_swap("li", swap.id, true, T0).await,
        Err(Error::NotFound { .. })
    ));
    let done = ledger.answer_swap("bo", swap.id, true, T0).await.unwrap();
    assert_eq!(done.state.0, SwapState::Done);
    assert_eq!(ledger.shift(first).await.unwrap().login, "bo");
    // Who has a shift then cannot take another.
    refused(
        ledger.ask_swap(&an, (second, "bo"), "ill", T0).await,
        "another shift",
    );
    // Across roles a third lead decides.
    let swap = ledger
        .ask_swap(&an, (second, "le"), "ill", T0)
        .await
        .unwrap();
    assert!(swap.needs_lead);
    assert_eq!(
        ledger
            .answer_swap("le", swap.id, true, T0)
            .await
            .unwrap()
            .state
            .0,
        SwapState::Accepted
    );
    refused(
        ledger.decide_swap(&le, swap.id, true, T0).await,
        "one's own",
    );
    assert_eq!(ledger.shift(second).await.unwrap().login, "an");
    ledger.decide_swap(&li, swap.id, true, T0).await.unwrap();
    assert_eq!(ledger.shift(second).await.unwrap().login, "le");
    let on_duty = ledger.on_duty(T0 + 9 * HOUR).await.unwrap();
    let names: Vec<&str> = on_duty.iter().map(|shift| shift.login.as_str()).collect();
    assert_eq!(names, ["bo", "le"]);
    assert!(
        ledger.on_duty(T0 + 16 * HOUR).await.unwrap().is_empty(),
        "the end is not part of it"
    );
    let told = ledger
        .audit(Some(&format!("shift {second}")), Page::ALL)
        .await
        .unwrap();
    let actions: Vec<&str> = told.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(
        actions,
        ["shift.decide", "shift.answer", "shift.ask", "shift.add"]
    );
}

async fn the_roster_refuses_what_cannot_be(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    people(&ledger).await;
    let le = ledger.actor("le", Right::Lead, 0).await.unwrap();
    for (new, words) in [
        (shift("an", DutyRole::Officer, 8, 0), "after it begins"),
        (shift("an", DutyRole::Officer, 8, 25), "within a day"),
        (shift("an", DutyRole::Lead, 8, 8), "lacks the right"),
        (
            shift("nobody", DutyRole::Officer, 8, 8),
            "nobody of the centre",
        ),
    ] {
        refused(ledger.add_shifts(&le, &[new], T0).await, words);
    }
    // All or none.
    let twice = [
        shift("an", DutyRole::Officer, 8, 8),
        shift("an", DutyRole::Backup, 12, 8),
    ];
    refused(ledger.add_shifts(&le, &twice, T0).await, "another shift");
    assert!(
        ledger
            .shifts((T0, T0 + 100 * HOUR))
            .await
            .unwrap()
            .is_empty()
    );
    let one = ledger
        .add_shifts(&le, &twice[..1], T0)
        .await
        .unwrap()
        .remove(0);
    refused(
        ledger.remove_shift(&le, one.id, T0 + 9 * HOUR).await,
        "has begun",
    );
    ledger.remove_shift(&le, one.id, T0 + HOUR).await.unwrap();
    assert!(matches!(
        ledger.shift(one.id).await,
        Err(Error::NotFound { .. })
    ));
    let an = ledger.actor("an", Right::Work, 0).await.unwrap();
    refused(
        ledger.add_shifts(&an, &twice[..1], T0).await,
        "lead the shift",
    );
}

async fn a_handover_is_signed_by_two_and_stays(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    people(&ledger).await;
    let an = ledger.actor("an", Right::Work, 0).await.unwrap();
    let bo = ledger.actor("bo", Right::Work, 0).await.unwrap();
    let facts = json!({ "clocks": [{ "incident": 7, "left": "2 h" }] });
    refused(
        ledger.give_handover(&an, "an", &facts, "", T0).await,
        "two people",
    );
    refused(
        ledger.give_handover(&an, "root", &facts, "", T0).await,
        "cannot take over",
    );
    let given = ledger
        .give_handover(&an, "bo", &facts, "the bank calls at nine", T0)
        .await
        .unwrap();
    assert!(matches!(
        ledger.take_handover(&an, given.id, "", T0).await,
        Err(Error::NotFound { .. })
    ));
    let taken = ledger
        .take_handover(&bo, given.id, "understood", T0 + HOUR)
        .await
        .unwrap();
    assert_eq!(taken.taken_at, Some(T0 + HOUR));
    assert_eq!(
        taken.signed(),
        given.signed(),
        "the taker's word changes nothing of it"
    );
    refused(
        ledger.take_handover(&bo, given.id, "", T0).await,
        "was taken already",
    );
    let told = ledger
        .audit(Some(&format!("handover {}", given.id)), Page::ALL)
        .await
        .unwrap();
    assert_eq!(told.len(), 2);
    assert!(
        told.iter()
            .all(|row| row.detail.contains(&given.signed().to_string()))
    );
    assert_eq!(ledger.handovers(None, Page::ALL).await.unwrap(), [taken]);
}

async fn a_promise_is_kept_by_whoever_is_there(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let new = |due: i64, what: &str| NewPromise {
        incident: None,
        what: what.to_owned(),
        to_whom: "the bank".to_owned(),
        due_at: T0 + due * HOUR,
    };
    refused(
        ledger.promise(new(0, "call"), &Reach::All, "an", T0).await,
        "after now",
    );
    refused(
        ledger.promise(new(1, " "), &Reach::All, "an", T0).await,
        "says what",
    );
    let branch = Reach::Owner("ORG-A".to_owned());
    refused(
        ledger.promise(new(1, "call"), &branch, "an", T0).await,
        "one of your incidents",
    );
    let later = ledger
        .promise(new(5, "send the list"), &Reach::All, "an", T0)
        .await
        .unwrap();
    let soon = ledger
        .promise(new(1, "call"), &Reach::All, "an", T0)
        .await
        .unwrap();
    let open = ledger.promises_open(&Reach::All).await.unwrap();
    assert_eq!(open, [soon.clone(), later]);
    assert!(ledger.promises_open(&branch).await.unwrap().is_empty());
    assert!(matches!(
        ledger.end_promise(soon.id, "x", &branch, "bo", T0).await,
        Err(Error::NotFound { .. })
    ));
    refused(
        ledger
            .end_promise(soon.id, " ", &Reach::All, "bo", T0)
            .await,
        "what came of it",
    );
    let done = ledger
        .end_promise(soon.id, "called", &Reach::All, "bo", T0 + HOUR)
        .await
        .unwrap();
    assert_eq!(done.done_by.as_deref(), Some("bo"));
    refused(
        ledger
            .end_promise(soon.id, "again", &Reach::All, "bo", T0)
            .await,
        "ended already",
    );
    assert_eq!(ledger.promises_open(&Reach::All).await.unwrap().len(), 1);
}

fn finding(topic: &str) -> Finding {
    Finding {
        rule: AlarmRule::Feed,
        topic: topic.to_owned(),
        severity: AlarmSeverity::High,
        what: ("数据源中断".to_owned(), "a feed gives nothing".to_owned()),
        href: "/console/feeds".to_owned(),
    }
}

async fn an_alarm_rings_once_climbs_and_ends(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    people(&ledger).await;
    let link = (Hash::of(b"link"), T0 + 24 * HOUR);
    let alarm = ledger
        .raise_alarm(&finding("feed a"), link, T0)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        ledger
            .raise_alarm(&finding("feed a"), link, T0 + SECOND)
            .await
            .unwrap(),
        None
    );
    let other = ledger
        .raise_alarm(&finding("feed b"), (Hash::of(b"b"), T0), T0)
        .await
        .unwrap()
        .unwrap();
    let telling = |target: &str| NewTelling {
        way: AlarmWay::Mail,
        target: target.to_owned(),
    };
    let told = [telling("a@example.test"), telling("b@example.test")];
    ledger
        .tell_alarm(alarm.id, (&told, false), T0 + HOUR, T0)
        .await
        .unwrap();
    assert!(
        ledger.tellings_due(T0).await.unwrap().is_empty(),
        "quiet until then"
    );
    let due = ledger.tellings_due(T0 + HOUR).await.unwrap();
    assert_eq!(due.len(), 2);
    ledger
        .telling_tried(due[0].id, (TellingState::Sent, "250 ok"), 0, T0 + HOUR)
        .await
        .unwrap();
    ledger
        .telling_tried(
            due[1].id,
            (TellingState::Waiting, "451"),
            T0 + 2 * HOUR,
            T0 + HOUR,
        )
        .await
        .unwrap();
    assert_eq!(ledger.tellings_due(T0 + HOUR).await.unwrap().len(), 0);
    assert_eq!(
        ledger.tellings_due(T0 + 2 * HOUR).await.unwrap()[0].attempts,
        1
    );
    // Told an hour after it was raised: the minutes count from there.
    assert!(ledger.alarms_to_climb(T0).await.unwrap().is_empty());
    let climbing = ledger.alarms_to_climb(T0 + HOUR).await.unwrap();
    assert_eq!(
        climbing.iter().map(|one| one.id).collect::<Vec<_>>(),
        [alarm.id],
        "the other was never told"
    );
    ledger
        .tell_alarm(alarm.id, (&told[..1], true), T0 + 2 * HOUR, T0 + 2 * HOUR)
        .await
        .unwrap();
    assert!(
        ledger
            .alarms_to_climb(T0 + 5 * HOUR)
            .await
            .unwrap()
            .is_empty(),
        "once"
    );
    let an = ledger.actor("an", Right::Work, 0).await.unwrap();
    let taken = ledger
        .acknowledge_alarm(&an, alarm.id, "looking", T0 + 3 * HOUR)
        .await
        .unwrap();
    assert_eq!(taken.acknowledged_by.as_deref(), Some("an"));
    refused(
        ledger.acknowledge_alarm(&an, alarm.id, "", T0).await,
        "was taken up by an",
    );
    assert_eq!(
        ledger.alarm_by_link(link.0, T0).await.unwrap().unwrap().id,
        alarm.id
    );
    assert_eq!(
        ledger.alarm_by_link(link.0, T0 + 25 * HOUR).await.unwrap(),
        None
    );
    // It ends with the finding; the same again is a new alarm.
    let over = ledger
        .end_alarms(AlarmRule::Feed, &["feed b".to_owned()], T0 + 4 * HOUR)
        .await
        .unwrap();
    assert_eq!(over.len(), 1);
    assert!(
        ledger
            .end_alarms(AlarmRule::Disk, &[], T0)
            .await
            .unwrap()
            .is_empty(),
        "another rule's stay"
    );
    let again = ledger
        .raise_alarm(&finding("feed a"), (Hash::of(b"c"), T0), T0 + 5 * HOUR)
        .await
        .unwrap();
    assert!(again.is_some_and(|again| again.id > other.id));
    assert_eq!(ledger.alarms_open().await.unwrap().len(), 2);
    ledger.verify_audit().await.unwrap();
}

async fn a_drill_is_played_one_at_a_time(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let drill = ledger
        .begin_drill(("phishing", "an"), &json!({ "incident": 1 }), T0)
        .await
        .unwrap();
    refused(
        ledger.begin_drill(("storm", "an"), &json!({}), T0).await,
        "end it first",
    );
    ledger
        .begin_drill(("phishing", "bo"), &json!({}), T0)
        .await
        .unwrap();
    ledger.hint_drill(drill.id).await.unwrap();
    ledger
        .mark_drill(drill.id, &json!({ "validated": T0 }), 20, Some(T0 + HOUR))
        .await
        .unwrap();
    let after = ledger.drill(drill.id).await.unwrap();
    assert_eq!(
        (after.score, after.hints, after.ended_at),
        (20, 1, Some(T0 + HOUR))
    );
    ledger
        .mark_drill(drill.id, &json!({}), 90, None)
        .await
        .unwrap();
    assert_eq!(
        ledger.drill(drill.id).await.unwrap(),
        after,
        "what is over stays"
    );
    ledger
        .begin_drill(("storm", "an"), &json!({}), T0)
        .await
        .unwrap();
    assert_eq!(ledger.drills().await.unwrap().len(), 3);
}
