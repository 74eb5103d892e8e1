//! From incidents to parties: who is asked, what waits for a person, what leaves and how often.

use ledger::DirectiveState;
use model::incident::{IncidentState, Resolution, Step};
use model::notice::{NoticeKind, NoticeState};
use model::territory::{OwnerClass, Territory};

use super::bench::{Bench, DAY, Event, FOREVER, HERE, HOUR, NETWORK, NOW, REGISTRAR, page};

#[tokio::test]
async fn routing_says_why_and_decides_once() {
    let bench = Bench::new().await;
    let cert = "Cert,中心,overseas-cert,,,UTC,en,0,mail,cert@cert.test,csv,agreed,,country,JP";
    bench.register(&[REGISTRAR, NETWORK, cert]).await;
    let abroad = Event {
        territory: Territory::Outside,
        country: Some("JP"),
        ..page("a.example", 1)
    };
    bench.report("r1", &[abroad, page("b.invalid", 1)]).await;
    bench.triage(&["r1"]).await;
    assert_eq!(bench.route().await.incidents, 0, "nobody found them true");
    bench.step(1, Step::Validate).await;
    bench.step(2, Step::Validate).await;
    let routed = bench.route().await;
    assert_eq!(
        (routed.incidents, routed.directives, routed.nobody),
        (2, 4, 1)
    );
    let reasons: Vec<_> = bench
        .directives(1)
        .await
        .iter()
        .map(|one| format!("{} {}", one.place, one.reason))
        .collect();
    let told = |start: &str, what: &str| {
        let found = |one: &&String| one.starts_with(start) && one.contains(what);
        assert!(
            reasons.iter().any(|one| found(&one)),
            "{what} in {reasons:?}"
        );
    };
    told("1 row 1", "tld example");
    told("1 row 1", "country JP");
    told("2 row 1", "prefix 192.0.2.0/24");
    assert!(bench.incident(1).await.border.contains("party"));
    // Nobody of the first place is known: the second comes first.
    let second = bench.directives(2).await;
    let asked = second
        .iter()
        .find(|one| one.organization_id.is_some())
        .unwrap();
    assert_eq!((asked.place, asked.state), (1, DirectiveState::Due));
    assert!(
        asked.reason.contains("nobody before it is known"),
        "{}",
        asked.reason
    );
    assert_eq!(bench.route().await.incidents, 0);
}

#[tokio::test]
async fn what_must_wait_for_a_person_says_why() {
    let bench = Bench::new().await;
    bench.register(&[REGISTRAR]).await;
    let warned = Event {
        warning: Some("top sites"),
        ..page("b.example", 1)
    };
    let government = Event {
        owner: OwnerClass::Government,
        ..page("c.example", 1)
    };
    bench
        .report("r1", &[page("a.example", 1), warned, government])
        .await;
    bench.triage(&["r1"]).await;
    let validate = async |number| bench.step(number, Step::Validate).await;
    validate(1).await;
    let told = bench.write().await;
    assert_eq!((told.notices, told.held), (1, 1));
    let reason = async || bench.notices().await.pop().unwrap().hold_reason;
    assert!(reason().await.unwrap().contains("first contact"));
    bench.approve().await;
    bench.arm().await;
    bench.send().await;
    validate(2).await;
    bench.write().await;
    assert_eq!(reason().await.unwrap(), "a warning list names #2");
    validate(3).await;
    bench.write().await;
    assert_eq!(reason().await.unwrap(), "a government's site: #3");
    // More than so many in one.
    let many: Vec<_> = (0..51)
        .map(|n| page(Box::leak(format!("n{n}.example").into_boxed_str()), 1))
        .collect();
    bench.report("r2", &many).await;
    bench.triage(&["r2"]).await;
    for number in 4..4 + 51 {
        validate(number).await;
    }
    let told = bench.write().await;
    assert_eq!((told.notices, told.directives), (1, 51));
    assert_eq!(reason().await.unwrap(), "51 incidents in one notice");
    bench.report("r3", &[page("last.example", 1)]).await;
    bench.triage(&["r3"]).await;
    validate(55).await;
    bench.write().await;
    let last = bench.notices().await.pop().unwrap();
    assert_eq!((last.hold_reason, last.state.0), (None, NoticeState::Ready));
}

#[tokio::test]
async fn nothing_leaves_unless_this_instance_is_armed_and_nobody_stopped_it() {
    let bench = Bench::new().await;
    bench.register(&[REGISTRAR]).await;
    bench.report("r1", &[page("a.example", 1)]).await;
    bench.triage(&["r1"]).await;
    bench.step(1, Step::Validate).await;
    bench.write().await;
    bench.arm().await;
    assert_eq!(bench.send().await.sent, 0, "it is held");
    bench.approve().await;
    let stopped = async |identity| {
        let house = bench.house();
        let told = bench
            .desk
            .send_notices(&house, identity, FOREVER)
            .await
            .unwrap();
        assert_eq!((told.sent, bench.server.taken().len()), (0, 0));
        told.stopped.expect("it says why")
    };
    assert!(stopped("a copy of it").await.contains("copied or restored"));
    bench.desk.stop("a wrong template", "bob").await.unwrap();
    assert!(stopped(HERE).await.contains("a wrong template"));
    bench.desk.resume("mended", "bob").await.unwrap();
    bench.desk.disarm("night", "ann").await.unwrap();
    assert!(stopped(HERE).await.contains("not armed"));
    assert_eq!(bench.notices().await[0].attempts, 0);
    bench.arm().await;
    assert_eq!(bench.send().await.sent, 1);
    assert_eq!(bench.incident(1).await.state.0, IncidentState::Notified);
    // Nothing new is to be said.
    bench.write().await;
    assert_eq!(
        (bench.notices().await.len(), bench.send().await.sent),
        (1, 0)
    );
}

/// A bench with `n` incidents, each with a ready notice of its own to one party.
async fn ready(n: i64) -> Bench {
    let bench = Bench::new().await;
    bench.register(&[REGISTRAR]).await;
    for number in 1..=n {
        let host = Box::leak(format!("h{number}.example").into_boxed_str());
        let id = format!("r{number}");
        bench.report(&id, &[page(host, 1)]).await;
        bench.triage(&[&id]).await;
        bench.step(number, Step::Validate).await;
        bench.write().await;
    }
    bench.approve().await;
    bench.arm().await;
    bench
}

#[tokio::test]
async fn the_switch_stops_within_one_message() {
    let bench = ready(3).await;
    let house = bench.house();
    // The mail server's first answer takes as long as it takes to stop everything.
    let (desk, taken) = (bench.desk.clone(), bench.server.taken.clone());
    let stopper = tokio::spawn(async move {
        while taken.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        desk.stop("now", "bob").await.unwrap();
    });
    bench.server.answer(&["hang-up"]);
    let told = bench
        .desk
        .send_notices(&house, HERE, FOREVER)
        .await
        .unwrap();
    stopper.await.unwrap();
    // One more may have been under way when the row was written.
    assert!(bench.server.taken().len() <= 2, "{told:?}");
    assert!(told.stopped.unwrap().contains("stopped all sending"));
}

#[tokio::test]
async fn daily_limits_put_off_and_lose_nothing() {
    let bench = ready(5).await;
    let mut house = bench.house();
    house.party_most = 2;
    let told = bench
        .desk
        .send_notices(&house, HERE, FOREVER)
        .await
        .unwrap();
    assert_eq!((told.sent, told.capped), (2, 3));
    house.party_most = 100;
    house.daily_most = 3;
    bench.pass(2 * HOUR);
    let told = bench
        .desk
        .send_notices(&house, HERE, FOREVER)
        .await
        .unwrap();
    assert_eq!((told.sent, told.capped), (1, 1));
    assert!(told.stopped.unwrap().contains("3 notices"));
    bench.pass(DAY);
    let told = bench
        .desk
        .send_notices(&house, HERE, FOREVER)
        .await
        .unwrap();
    assert_eq!(told.sent, 2);
    assert_eq!(bench.server.taken().len(), 5);
}

#[tokio::test]
async fn what_is_due_goes_on_after_its_time_was_over() {
    let bench = ready(2).await;
    let house = bench.house();
    let now = model::time::Timestamp(bench.now());
    let told = bench.desk.send_notices(&house, HERE, now).await.unwrap();
    assert!(told.more && told.sent == 0, "{told:?}");
    assert_eq!(bench.send().await.sent, 2);
}

#[tokio::test]
async fn an_exercise_sinks_and_costs_no_real_incident_its_notice() {
    let bench = Bench::new().await;
    bench.register(&[REGISTRAR]).await;
    bench.report("r1", &[page("a.example", 1)]).await;
    bench.triage(&["r1"]).await;
    bench.step(1, Step::Validate).await;
    bench.route().await;
    let mut house = bench.house();
    house.exercise = true;
    let parties = bench.parties().await;
    bench.desk.write_notices(&house, &parties).await.unwrap();
    bench.approve().await;
    // Not armed: an exercise needs nothing of the kind.
    let told = bench
        .desk
        .send_notices(&house, HERE, FOREVER)
        .await
        .unwrap();
    assert_eq!((told.sunk, told.sent), (1, 0));
    assert!(bench.server.taken().is_empty());
    assert_eq!(bench.incident(1).await.noticed_at, None);
    // Also one that is sent in earnest by mistake.
    bench.desk.write_notices(&house, &parties).await.unwrap();
    bench.approve().await;
    bench.arm().await;
    assert_eq!(bench.send().await.sunk, 1);
    assert!(bench.server.taken().is_empty());
    // The real one goes out.
    bench.write().await;
    bench.approve().await;
    assert_eq!(bench.send().await.sent, 1);
}

#[tokio::test]
async fn a_retry_is_the_same_mail_and_a_refusal_goes_to_the_next_contact() {
    let bench = Bench::new().await;
    let second = "Registrar,,registrar,,,,,,mail,noc@registrar.test,csv,mailbox,,,";
    bench.register(&[REGISTRAR, second]).await;
    bench.report("r1", &[page("a.example", 1)]).await;
    bench.triage(&["r1"]).await;
    bench.step(1, Step::Validate).await;
    bench.write().await;
    // Days that it waits for a person are no tries.
    bench.pass(6 * DAY);
    bench.approve().await;
    bench.arm().await;
    bench
        .server
        .answer(&["451 4.3.0 later", "hang-up", "550 5.1.1 nobody here"]);
    assert_eq!(bench.send().await.later, 1);
    assert_eq!(bench.send().await.later, 0, "not before its time");
    bench.pass(HOUR);
    assert_eq!(bench.send().await.later, 1);
    let unknown = bench.notices().await[0].clone();
    assert!(unknown.outcome.unwrap().contains("unknown, retrying"));
    assert_eq!(bench.states(1).await[0], DirectiveState::Noticed);
    bench.pass(HOUR);
    assert_eq!(bench.send().await.refused, 1);
    assert_eq!(bench.notices().await[0].state.0, NoticeState::Bounced);
    let tries = bench.desk.ledger.attempts(unknown.id.0).await.unwrap();
    assert_eq!(tries.len(), 3);
    // The other contact, under another id, and its time runs from there.
    bench.write().await;
    let next = bench.notices().await.pop().unwrap();
    assert_eq!(next.kind.0, NoticeKind::OtherContact);
    assert_eq!(next.address, "noc@registrar.test");
    bench.approve().await;
    assert_eq!(bench.send().await.sent, 1);
    let asked = bench.directives(1).await.remove(0);
    assert_eq!(asked.state, DirectiveState::Asked);
    assert_eq!(asked.due_at, Some(bench.now() + DAY));
    let ids = bench.server.headers("message-id");
    assert_eq!(
        ids.len(),
        2,
        "one whose fate is unknown, and the other contact's"
    );
    assert_ne!(ids[0], ids[1]);
    assert!(ids[0].contains(&unknown.message_id), "{ids:?}");
}

#[tokio::test]
async fn one_that_may_have_been_taken_comes_again_under_its_id() {
    let bench = ready(1).await;
    bench.server.answer(&["hang-up"]);
    assert_eq!(bench.send().await.later, 1);
    bench.pass(HOUR);
    assert_eq!(bench.send().await.sent, 1);
    // A process that was killed while it sent leaves the same.
    let taken = bench.server.taken();
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[0], taken[1]);
}

#[tokio::test]
async fn where_no_contact_is_left_the_next_party_is_asked() {
    let bench = Bench::new().await;
    bench.register(&[REGISTRAR, NETWORK]).await;
    bench.report("r1", &[page("a.example", 1)]).await;
    bench.triage(&["r1"]).await;
    bench.step(1, Step::Validate).await;
    bench.write().await;
    bench.approve().await;
    bench.arm().await;
    bench.server.answer(&["550 5.1.1 nobody here"]);
    assert_eq!(bench.send().await.refused, 1);
    assert_eq!(bench.write().await.nobody, 1);
    assert_eq!(
        bench.states(1).await,
        [DirectiveState::NoContact, DirectiveState::Due]
    );
    bench.write().await;
    let next = bench.notices().await.pop().unwrap();
    assert_eq!(next.address, "abuse@network.test");
}

#[tokio::test]
async fn one_whose_bytes_are_lost_keeps_no_other_back() {
    let bench = ready(2).await;
    let first = bench.notices().await[0].clone();
    let ledger = &bench.desk.ledger;
    std::fs::remove_file(bench.desk.blobs.path(&first.body)).unwrap();
    let told = bench.send().await;
    assert_eq!((told.sent, told.later), (1, 1));
    let first = ledger.notice(first.id.0).await.unwrap();
    assert!(first.outcome.unwrap().contains("cannot be read"));
}

#[tokio::test]
async fn reminded_once_at_half_and_the_second_party_at_the_end() {
    let bench = Bench::asked().await;
    bench.pass(11 * HOUR);
    assert_eq!(bench.write().await.notices, 0);
    // Half past noon in Greenwich: somebody is there.
    bench.set(NOW + 12 * HOUR);
    assert_eq!(bench.write().await.notices, 1);
    let reminder = bench.notices().await.pop().unwrap();
    assert_eq!(reminder.kind.0, NoticeKind::Reminder);
    assert_eq!(reminder.thread, bench.notices().await[0].message_id);
    // It is not out yet: no second one is written.
    bench.pass(HOUR);
    assert_eq!(bench.write().await.notices, 0);
    assert_eq!(bench.send().await.sent, 1);
    let references = bench.server.headers("references").pop().unwrap();
    assert!(
        references.contains(&bench.notices().await[0].message_id),
        "{references}"
    );
    let asked = bench.directives(1).await.remove(0);
    assert_eq!(
        asked.due_at,
        Some(NOW + DAY),
        "a reminder gives no new time"
    );
    bench.set(NOW + DAY);
    bench.write().await;
    use DirectiveState::{Asked, Noticed};
    assert_eq!(bench.states(1).await, [Asked, Noticed]);
    let second = bench.notices().await.pop().unwrap();
    assert_eq!(
        (second.kind.0, second.address.as_str()),
        (NoticeKind::SecondParty, "abuse@network.test")
    );
    bench.approve().await;
    assert_eq!(bench.send().await.sent, 1);
    bench.pass(30 * DAY);
    let parties = bench.parties().await;
    let (told, reminders) = bench.desk.follow_up(&parties).await.unwrap();
    assert_eq!((told.exhausted, reminders.len()), (1, 0));
}

#[tokio::test]
async fn nobody_is_woken_for_a_reminder() {
    let bench = Bench::asked().await;
    // 21:30: the party sleeps; its end comes before its morning, and the next one is asked.
    bench.set(NOW + 21 * HOUR);
    let parties = bench.parties().await;
    let (told, reminders) = bench.desk.follow_up(&parties).await.unwrap();
    assert_eq!((told.asleep, told.reminded, reminders.len()), (1, 0, 0));
    bench.set(NOW + DAY);
    let (told, _) = bench.desk.follow_up(&parties).await.unwrap();
    assert_eq!(told.escalated, 1);
}

#[tokio::test]
async fn what_is_over_is_asked_of_nobody() {
    let bench = ready(2).await;
    bench.step(1, Step::Close(Resolution::Invalid)).await;
    bench.step(2, Step::FindGone).await;
    let told = bench.send().await;
    assert_eq!((told.cancelled, told.sent), (2, 0));
    assert!(bench.server.taken().is_empty());
    assert_eq!(bench.write().await.notices, 0);
    // What is back is asked as if it had never been gone.
    bench.step(2, Step::FindBack).await;
    assert_eq!(bench.write().await.notices, 1);
    // What is open again is decided about anew.
    bench.step(1, Step::Reopen).await;
    assert_eq!(bench.write().await.notices, 1);
    use DirectiveState::{NoContact, Noticed, Over};
    let mut states = bench.states(1).await;
    states.sort_by_key(|state| *state == Over);
    assert_eq!(states, [Noticed, NoContact, Over, Over]);
}

/// A host that a sinkhole saw.
fn infected(ip: &'static str, at: i64) -> Event {
    Event {
        class: "infected-system",
        ip,
        asn: Some(64_500),
        territory: model::territory::Territory::Inside,
        at,
        ..Event::default()
    }
}

#[tokio::test]
async fn an_infected_network_gets_a_list_and_later_the_next_one_of_what_is_new() {
    let bench = Bench::new().await;
    bench
        .register(&["Net,,network-operator,XC,,UTC,en,,mail,noc@net.test,,agreed,,asn,64500"])
        .await;
    bench
        .report(
            "R-1",
            &[
                infected("192.0.2.1", NOW - HOUR),
                infected("192.0.2.2", NOW - HOUR),
            ],
        )
        .await;
    bench.triage(&["R-1"]).await;
    bench.step(1, Step::Validate).await;
    bench.arm().await;
    bench.route().await;
    bench.write().await;
    bench.approve().await;
    assert_eq!(bench.send().await.sent, 1);
    let first = bench.server.taken().pop().unwrap();
    assert!(
        first.contains("192[.]0[.]2[.]1") && first.contains("192[.]0[.]2[.]2"),
        "{first}"
    );
    // Nobody presses for a list, and nothing new was seen. Five working days have a weekend among them.
    bench.pass(8 * DAY);
    assert_eq!(bench.write().await.notices, 0);
    bench
        .report("R-2", &[infected("192.0.2.3", bench.now() - HOUR)])
        .await;
    bench.triage(&["R-2"]).await;
    assert_eq!(bench.write().await.notices, 1);
    assert_eq!(bench.send().await.sent, 1);
    let notices = bench.notices().await;
    assert!(
        notices
            .iter()
            .all(|notice| notice.kind.0 == NoticeKind::First)
    );
    let next = bench.server.taken().pop().unwrap();
    assert!(
        next.contains("192[.]0[.]2[.]3") && !next.contains("192[.]0[.]2[.]2"),
        "{next}"
    );
}
