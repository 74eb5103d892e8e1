//! Markings: what is under embargo, or is named recipients', leaves to nobody else, and goes on by itself.

use ledger::{DirectiveState, Marked, NewMarking, Reach};
use model::ids::OrganizationId;
use model::incident::{IncidentState, Resolution, Step};
use model::newsroom::Right;
use model::notice::{NoticeKind, NoticeState};
use model::tlp::Tlp;
use response::casework::Plan;
use response::route::{DEFAULT_TABLE, Known, Table};

use super::bench::{Bench, DAY, HOUR, NETWORK, NOW, REGISTRAR, page};

/// Marks an incident as whoever works on it.
async fn mark(bench: &Bench, number: i64, change: impl FnOnce(&mut NewMarking)) -> Marked {
    let mut new = NewMarking {
        reason: "their mail".to_owned(),
        ..NewMarking::default()
    };
    change(&mut new);
    let ledger = &bench.desk.ledger;
    let by = ledger.actor("ann", Right::Work, 0).await.unwrap();
    let all = (number, &Reach::All);
    let marked = ledger.mark_incident(&by, all, &new, bench.now());
    marked.await.unwrap()
}

async fn organization(bench: &Bench, name: &str) -> OrganizationId {
    let all = bench.desk.ledger.organizations(Some(name)).await.unwrap();
    let found = all.iter().find(|one| one.name_en == name);
    found.expect("it is in the register").organization_id()
}

/// Two validated incidents of one registrar.
async fn twins() -> Bench {
    let bench = Bench::new().await;
    bench.register(&[REGISTRAR, NETWORK]).await;
    bench
        .report("r1", &[page("a.example", 1), page("b.example", 2)])
        .await;
    bench.triage(&["r1"]).await;
    for number in [1, 2] {
        bench.step(number, Step::Validate).await;
    }
    bench
}

async fn plan(bench: &Bench, number: i64) -> Plan {
    let (incident, parties) = (bench.incident(number).await, bench.parties().await);
    let table = Table::read(DEFAULT_TABLE).unwrap();
    let house = bench.house();
    let known = Known::default();
    let plan = bench
        .desk
        .plan(&incident, &known, &table, &parties, Some(&house));
    plan.await.unwrap()
}

/// Numbers of the incidents that each notice is about, in the order of notices.
async fn about(bench: &Bench) -> Vec<Vec<i64>> {
    let ledger = &bench.desk.ledger;
    let mut all = Vec::new();
    for notice in bench.notices().await {
        let mut numbers = Vec::new();
        for covered in ledger.notice_directives(notice.notice_id()).await.unwrap() {
            let id = covered.incident_id.0;
            numbers.push(ledger.incident(id, &Reach::All).await.unwrap().number);
        }
        numbers.sort_unstable();
        all.push(numbers);
    }
    all
}

#[tokio::test]
async fn what_is_under_embargo_leaves_when_that_is_over_and_its_twin_at_once() {
    let bench = twins().await;
    mark(&bench, 1, |new| {
        new.embargo_until = Some(Some(NOW + 2 * HOUR));
    })
    .await;
    let told = bench.write().await;
    assert_eq!((told.notices, told.withheld.len()), (1, 1), "{told:?}");
    let kept = &told.withheld[0];
    assert_eq!(kept.incident, 1);
    assert_eq!(kept.reason, "under embargo until 2026-11-20T02:30:00Z");
    assert_eq!(about(&bench).await, [[2]]);
    assert_eq!(bench.states(1).await[0], DirectiveState::Due);
    bench.approve().await;
    bench.arm().await;
    assert_eq!(bench.send().await.sent, 1);
    for mail in bench.server.taken() {
        assert!(!mail.contains("a[.]example"), "{mail}");
    }
    // Round by round nothing is written, and nothing is lost.
    bench.pass(HOUR);
    let told = bench.write().await;
    assert_eq!((told.notices, told.withheld.len()), (0, 1));
    bench.set(NOW + 2 * HOUR);
    let told = bench.write().await;
    assert_eq!((told.notices, told.withheld.len()), (1, 0));
    assert_eq!(about(&bench).await, [[2], [1]]);
    bench.approve().await;
    assert_eq!(bench.send().await.sent, 1);
    assert_eq!(bench.states(1).await[0], DirectiveState::Asked);
    assert_eq!(bench.incident(1).await.state.0, IncidentState::Notified);
}

#[tokio::test]
async fn without_a_marking_both_go_in_one_letter() {
    let bench = twins().await;
    let told = bench.write().await;
    assert_eq!((told.notices, told.withheld.len()), (1, 0));
    assert_eq!(about(&bench).await, [[1, 2]]);
}

#[tokio::test]
async fn a_letter_that_waits_is_written_anew_without_what_was_marked_meanwhile() {
    let bench = twins().await;
    bench.write().await;
    let marked = mark(&bench, 1, |new| {
        new.embargo_until = Some(Some(NOW + 2 * HOUR));
    })
    .await;
    assert_eq!(marked.taken_back, [1]);
    assert_eq!(bench.write().await.notices, 1);
    assert_eq!(about(&bench).await, [vec![1, 2], vec![2]]);
    bench.approve().await;
    bench.arm().await;
    let sent = bench.send().await;
    assert_eq!((sent.sent, sent.withheld), (1, 0));
    assert_eq!(bench.states(1).await[0], DirectiveState::Due);
}

#[tokio::test]
async fn named_recipients_are_asked_in_place_of_those_who_are_not() {
    let bench = twins().await;
    let network = organization(&bench, "Network").await;
    mark(&bench, 1, |new| {
        new.recipients = Some([network].into_iter().collect());
    })
    .await;
    let told = bench.write().await;
    assert_eq!((told.notices, told.withheld.len()), (1, 1));
    assert_eq!(
        told.withheld[0].reason,
        "not among the recipients that Example CERT allows"
    );
    assert_eq!(about(&bench).await, [[2]]);
    // The registrar would never be asked; the network that may know is, and not before.
    use DirectiveState::{Due, Noticed};
    assert_eq!(bench.states(1).await, [Due, Due]);
    assert_eq!(bench.write().await.notices, 1);
    assert_eq!(bench.states(1).await, [Due, Noticed]);
    let last = bench.notices().await.pop().unwrap();
    assert_eq!(last.organization_id.0, network);
    // Its originator names the registrar, too.
    let registrar = organization(&bench, "Registrar").await;
    mark(&bench, 1, |new| {
        new.recipients = Some([network, registrar].into_iter().collect());
    })
    .await;
    assert_eq!(bench.write().await.notices, 1);
    let last = bench.notices().await.pop().unwrap();
    assert_eq!(last.organization_id.0, registrar);
}

#[tokio::test]
async fn the_plan_names_the_parts_of_what_leaves_and_why_the_rest_does_not() {
    let bench = twins().await;
    let open = plan(&bench, 1).await;
    assert!(open.withheld.is_empty() && open.problems.is_empty());
    let letter = &open.letters[0];
    assert_eq!(
        (letter.language, letter.tlp, letter.rows),
        ("en", Tlp::Amber, 1)
    );
    assert_eq!(letter.attachments.len(), 1);
    let table = &letter.attachments[0];
    assert!(table.name.ends_with(".csv") && table.bytes > 0, "{table:?}");
    mark(&bench, 1, |new| {
        new.tlp = Some(Tlp::Red);
        new.embargo_until = Some(Some(NOW + HOUR));
    })
    .await;
    let kept = plan(&bench, 1).await;
    assert!(kept.letters.is_empty() && kept.problems.is_empty());
    assert_eq!(kept.withheld.len(), 1);
    assert!(kept.withheld[0].reason.starts_with("under embargo until "));
    // A person's hand does no more than a round.
    let (incident, parties) = (bench.incident(1).await, bench.parties().await);
    let (table, house) = (Table::read(DEFAULT_TABLE).unwrap(), bench.house());
    let known = Known::default();
    let done = bench
        .desk
        .dispatch(&incident, &known, &table, &parties, &house, "ann");
    let done = done.await.unwrap();
    assert_eq!((done.notices, done.withheld.len()), (0, 1));
    bench.pass(HOUR);
    let over = plan(&bench, 1).await;
    assert_eq!(over.letters[0].tlp, Tlp::Red);
    assert!(over.letters[0].text.contains("TLP:RED"));
}

#[tokio::test]
async fn a_reminder_waits_and_one_that_was_taken_back_is_written_again() {
    let bench = Bench::asked().await;
    bench.set(NOW + 12 * HOUR);
    let embargo = |hours: i64| {
        move |new: &mut NewMarking| {
            new.embargo_until = Some(Some(NOW + hours * HOUR));
        }
    };
    mark(&bench, 1, embargo(13)).await;
    let parties = bench.parties().await;
    let (_, reminders) = bench.desk.follow_up(&parties).await.unwrap();
    let house = bench.house();
    let told = bench
        .desk
        .write_reminders(&house, &parties, reminders)
        .await
        .unwrap();
    assert_eq!((told.notices, told.withheld.len()), (0, 1));
    bench.set(NOW + 13 * HOUR);
    assert_eq!(bench.write().await.notices, 1);
    let written = bench.notices().await.pop().unwrap();
    assert_eq!(written.kind.0, NoticeKind::Reminder);
    let marked = mark(&bench, 1, embargo(14)).await;
    assert_eq!(marked.taken_back, [written.number]);
    let taken = bench.notices().await.pop().unwrap();
    assert_eq!(taken.state.0, NoticeState::Cancelled);
    assert_eq!(bench.write().await.notices, 0);
    bench.set(NOW + 14 * HOUR);
    assert_eq!(bench.write().await.notices, 1);
    assert_eq!(bench.send().await.sent, 1);
}

#[tokio::test]
async fn how_it_ended_is_told_to_no_reporter_before_the_embargo_is_over() {
    let bench = Bench::asked().await;
    let mail = "From: Alice <alice@example.org>\nTo: <duty@cert.example>\nSubject: phishing page\n\
        Message-ID: <c1@example.org>\nDate: Fri, 20 Nov 2026 00:10:00 +0000\nContent-Type: text/plain\n\n\
        Dear CERT,\n\nthis phishing page imitates our bank: http://a.example/login\n\nPlease have it taken down.\n";
    let read = bench.mail(mail).await;
    assert_eq!((read.complaints, read.opened), (1, 0), "{read:?}");
    let house = bench.house();
    // That it arrived says nothing of the incident.
    mark(&bench, 1, |new| {
        new.embargo_until = Some(Some(NOW + 3 * DAY));
    })
    .await;
    assert_eq!(bench.desk.write_receipts(&house).await.unwrap(), 1);
    for step in [Step::FindGone, Step::Close(Resolution::TakenDown)] {
        bench.step(1, step).await;
    }
    bench.pass(2 * DAY);
    assert_eq!(bench.desk.write_outcomes(&house).await.unwrap(), 0);
    bench.pass(DAY);
    assert_eq!(bench.desk.write_outcomes(&house).await.unwrap(), 1);
}
