//! What comes back: answers, bounces, complaints; and who is told.

use ledger::{DirectiveState, MessageState, Page};
use model::incident::{IncidentState, Resolution, Step};
use model::notice::{NoticeKind, NoticeState};

use super::bench::{Bench, DAY, FOREVER, HERE, HOUR, header, page};

/// An answer to a notice, as a person writes it.
fn answer(bench_notice: &ledger::Notice, from: &str, text: &str) -> String {
    format!(
        "From: Abuse Desk <{from}>\nTo: <duty+{}@cert.example>\nSubject: Re: {}\n\
         Message-ID: <answer-{}@registrar.test>\nIn-Reply-To: <{}>\nDate: Fri, 20 Nov 2026 02:00:00 +0000\n\
         Content-Type: text/plain\n\n{text}\n\n> On Friday you wrote:\n> fixed\n",
        bench_notice.token,
        "notice",
        text.len(),
        bench_notice.message_id
    )
}

fn complaint(from: &str, id: &str, text: &str) -> String {
    format!(
        "From: {from}\nTo: <duty@cert.example>\nSubject: phishing page\nMessage-ID: <{id}>\n\
         Date: Fri, 20 Nov 2026 00:10:00 +0000\nContent-Type: text/plain\n\n{text}\n"
    )
}

const PHISH: &str = "Dear CERT,\n\nthis phishing page imitates our bank: http://a.example/login\n\nPlease have it taken down.";

#[tokio::test]
async fn an_answer_is_tied_to_its_notice_and_closes_nothing() {
    let bench = Bench::asked().await;
    let notice = bench.notices().await.remove(0);
    bench.pass(HOUR);
    let told = bench
        .mail(&answer(&notice, "abuse@registrar.test", "FIXED"))
        .await;
    assert_eq!((told.answers, told.waiting), (1, 0));
    let message = bench.last_message().await;
    assert_eq!(message.proposal.as_deref(), Some("fixed"));
    assert_eq!(message.state, MessageState::Handled);
    assert_eq!(bench.states(1).await[0], DirectiveState::Answered);
    let incident = bench.incident(1).await;
    assert_eq!(incident.state.0, IncidentState::Acknowledged);
    assert_eq!(incident.acknowledged_at, Some(bench.now()));
    // The same bytes again are the same mail.
    let again = bench
        .mail(&answer(&notice, "abuse@registrar.test", "FIXED"))
        .await;
    assert_eq!(again.messages, 0);
}

#[tokio::test]
async fn what_is_not_plainly_done_waits_for_a_person() {
    let bench = Bench::asked().await;
    let notice = bench.notices().await.remove(0);
    for (from, text, proposal) in [
        ("abuse@registrar.test", "NOT OURS", "wrong-contact"),
        (
            "abuse@registrar.test",
            "We will not act without a court order.",
            "refused",
        ),
        ("someone@elsewhere.test", "FIXED", "fixed"),
        // The end of a name is no name.
        ("someone@evil-registrar.test", "FIXED now", "fixed"),
    ] {
        bench.pass(HOUR);
        let told = bench.mail(&answer(&notice, from, text)).await;
        assert_eq!((told.answers, told.waiting), (1, 1), "{from}: {text}");
        let message = bench.last_message().await;
        assert_eq!(message.state, MessageState::Waiting, "{from}: {text}");
        assert_eq!(message.proposal.as_deref(), Some(proposal), "{text}");
        let foreign = !from.ends_with("@registrar.test");
        let said = message.reason.unwrap().contains("another domain");
        assert_eq!(said, foreign, "{from}");
    }
    assert!(bench.incident(1).await.state.0.is_live());
    // A name below the party's is the party's.
    bench.pass(HOUR);
    let told = bench
        .mail(&answer(&notice, "desk@mail.registrar.test", "FIXED"))
        .await;
    assert_eq!(told.waiting, 0);
}

#[tokio::test]
async fn an_automatic_answer_is_noted_and_starts_nothing() {
    let bench = Bench::asked().await;
    let notice = bench.notices().await.remove(0);
    let vacation = answer(&notice, "abuse@registrar.test", "I am away until Monday.").replacen(
        "Subject:",
        "Auto-Submitted: auto-replied\nSubject:",
        1,
    );
    let told = bench.mail(&vacation).await;
    assert_eq!((told.answers, told.waiting, told.complaints), (0, 0, 0));
    assert_eq!(bench.states(1).await[0], DirectiveState::Asked);
    assert_eq!(bench.desk.write_receipts(&bench.house()).await.unwrap(), 0);
    assert_eq!(bench.notices().await.len(), 1);
}

fn bounce(notice: &ledger::Notice, status: &str, action: &str) -> String {
    format!(
        "Return-Path: <>\nFrom: MAILER-DAEMON@registrar.test\nTo: <duty+{}@cert.example>\n\
         Subject: Undelivered Mail Returned to Sender\nMessage-ID: <{status}@registrar.test>\n\
         Auto-Submitted: auto-replied\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\n\n\
         --b\nContent-Type: text/plain\n\nIt could not be delivered.\n\
         --b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.registrar.test\n\n\
         Final-Recipient: rfc822; {}\nAction: {action}\nStatus: {status}\n\
         Diagnostic-Code: smtp; 550 {status} no such user\n\n\
         --b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <{}>\nSubject: notice\n\n--b--\n",
        notice.token, notice.address, notice.message_id
    )
}

#[tokio::test]
async fn a_bounce_moves_on_to_the_next_contact_once() {
    let bench = Bench::asked().await;
    let second = "Registrar,,registrar,,,,,,mail,noc@registrar.test,csv,mailbox,,,";
    bench
        .register(&[super::bench::REGISTRAR, second, super::bench::NETWORK])
        .await;
    let notice = bench.notices().await.remove(0);
    bench.pass(HOUR);
    // That it is delayed is no failure.
    let told = bench.mail(&bounce(&notice, "4.4.1", "delayed")).await;
    assert_eq!(told.bounces, 0);
    assert_eq!(bench.states(1).await[0], DirectiveState::Asked);
    bench.pass(HOUR);
    let told = bench.mail(&bounce(&notice, "5.1.1", "failed")).await;
    assert_eq!((told.bounces, told.waiting), (1, 0));
    assert_eq!(bench.notices().await[0].state.0, NoticeState::Bounced);
    assert_eq!(bench.states(1).await[0], DirectiveState::Due);
    bench.write().await;
    let next = bench.notices().await.pop().unwrap();
    assert_eq!(
        (next.kind.0, next.address.as_str()),
        (NoticeKind::OtherContact, "noc@registrar.test")
    );
    // Its report comes once more, in other words.
    bench.pass(HOUR);
    bench.mail(&bounce(&notice, "5.1.2", "failed")).await;
    assert_eq!(bench.states(1).await[0], DirectiveState::Noticed);
    assert_eq!(bench.write().await.notices, 0);
}

#[tokio::test]
async fn a_complaint_joins_the_incident_of_events_and_its_reporter_is_told_twice() {
    let bench = Bench::asked().await;
    let told = bench
        .mail(&complaint(
            "Alice <alice@example.org>",
            "c1@example.org",
            PHISH,
        ))
        .await;
    assert_eq!((told.complaints, told.opened), (1, 0), "{told:?}");
    assert_eq!(bench.incident(1).await.complaints, 1);
    let house = bench.house();
    assert_eq!(bench.desk.write_receipts(&house).await.unwrap(), 1);
    assert_eq!(bench.desk.write_receipts(&house).await.unwrap(), 0);
    // The same reporter the same day: no second receipt.
    let other = complaint(
        "alice@example.org",
        "c2@example.org",
        &PHISH.replace("Dear", "Hello"),
    );
    bench.mail(&other).await;
    assert_eq!(bench.desk.write_receipts(&house).await.unwrap(), 0);
    assert_eq!(bench.send().await.sent, 1);
    let receipt = bench.server.taken().pop().unwrap();
    assert!(header(&receipt, "auto-submitted").starts_with("auto-"));
    assert!(header(&receipt, "to").contains("alice@example.org"));
    for step in [Step::FindGone, Step::Close(Resolution::TakenDown)] {
        bench.step(1, step).await;
    }
    // At most one automatic mail a thread and day.
    assert_eq!(bench.desk.write_outcomes(&house).await.unwrap(), 0);
    bench.pass(DAY + HOUR);
    assert_eq!(bench.desk.write_outcomes(&house).await.unwrap(), 1);
    assert_eq!(bench.desk.write_outcomes(&house).await.unwrap(), 0);
    assert_eq!(
        bench.notices().await.pop().unwrap().kind.0,
        NoticeKind::Outcome
    );
}

#[tokio::test]
async fn receipts_are_no_partys_and_break_no_limit_of_a_party() {
    let bench = Bench::new().await;
    for n in 0..4 {
        let from = format!("reporter{n}@example.org");
        let id = format!("c{n}@example.org");
        let text = PHISH.replace("a.example", &format!("p{n}.example"));
        bench.mail(&complaint(&from, &id, &text)).await;
    }
    let mut house = bench.house();
    house.party_most = 1;
    assert_eq!(bench.desk.write_receipts(&house).await.unwrap(), 4);
    bench.arm().await;
    let told = bench
        .desk
        .send_notices(&house, HERE, FOREVER)
        .await
        .unwrap();
    assert_eq!((told.sent, told.capped), (4, 0));
}

#[tokio::test]
async fn a_process_killed_before_the_receipt_owes_it() {
    let bench = Bench::new().await;
    bench
        .mail(&complaint("alice@example.org", "c1@example.org", PHISH))
        .await;
    // Nothing of the process that read it is left but what is stored.
    let house = bench.house();
    assert_eq!(bench.desk.write_receipts(&house).await.unwrap(), 1);
}

#[tokio::test]
async fn machines_get_no_receipt() {
    let bench = Bench::new().await;
    let auto = complaint("alice@example.org", "c1@example.org", PHISH).replacen(
        "Subject:",
        "Auto-Submitted: auto-generated\nSubject:",
        1,
    );
    let listed = complaint("bob@example.org", "c2@example.org", PHISH).replacen(
        "Subject:",
        "X-Auto-Response-Suppress: All\nSubject:",
        1,
    );
    let daemon = complaint("no-reply@example.org", "c3@example.org", PHISH);
    let empty = format!(
        "Return-Path: <>\n{}",
        complaint("eve@example.org", "c4@example.org", PHISH)
    );
    let ours = complaint("duty@cert.example", "c5@example.org", PHISH);
    for mail in [auto, listed, daemon, empty, ours] {
        bench.mail(&mail).await;
        let written = bench.desk.write_receipts(&bench.house()).await.unwrap();
        assert_eq!(written, 0, "{mail}");
    }
}

#[tokio::test]
async fn two_instances_of_ours_stop_talking_to_each_other() {
    let (one, other) = (
        Bench::of("one.example").await,
        Bench::of("two.example").await,
    );
    for bench in [&one, &other] {
        bench.arm().await;
    }
    // A complaint that names the other as its reporter.
    let first = complaint("duty@two.example", "c1@two.example", PHISH)
        .replace("duty@cert.example", "duty@one.example");
    one.mail(&first).await;
    let mut sent = 0;
    for _ in 0..10 {
        for (from, to) in [(&one, &other), (&other, &one)] {
            from.desk.write_receipts(&from.house()).await.unwrap();
            let before = from.server.taken().len();
            from.send().await;
            for mail in from.server.taken().split_off(before) {
                sent += 1;
                to.mail(&mail.replace("\r\n", "\n")).await;
            }
            from.pass(2 * DAY);
        }
    }
    assert!(sent <= 3, "{sent} mails between two programs");
}

#[tokio::test]
async fn what_cannot_be_tied_or_read_is_kept_with_its_reason() {
    let bench = Bench::asked().await;
    let mut stranger = bench.notices().await.remove(0);
    stranger.token = "aaaaaaaaaaaaaaaaaaaa".to_owned();
    stranger.message_id = "other@cert.example".to_owned();
    bench
        .mail(&answer(&stranger, "abuse@registrar.test", "FIXED"))
        .await;
    bench.mail("\0\0\0").await;
    let all = bench.desk.ledger.messages(None, Page::ALL).await.unwrap();
    assert_eq!(all.len(), 2);
    for message in all {
        assert_ne!(message.state, MessageState::New);
        assert!(message.reason.is_some_and(|reason| !reason.is_empty()));
    }
    assert_eq!(bench.states(1).await[0], DirectiveState::Asked);
}

#[tokio::test]
async fn one_mail_whose_bytes_are_gone_keeps_no_other_back() {
    let bench = Bench::new().await;
    let lost = complaint("eve@example.org", "c0@example.org", PHISH);
    let at = model::time::Timestamp(bench.now());
    bench
        .desk
        .receive(lost.as_bytes(), "test", at)
        .await
        .unwrap();
    let stored = bench.desk.ledger.messages(None, Page::ALL).await.unwrap();
    std::fs::remove_file(bench.desk.blobs.path(&stored[0].blob)).unwrap();
    let told = bench
        .mail(&complaint("alice@example.org", "c1@example.org", PHISH))
        .await;
    assert_eq!((told.failed, told.complaints), (1, 1));
    for n in 0..3 {
        bench.pass(HOUR);
        let id = format!("d{n}@example.org");
        bench
            .mail(&complaint(
                "alice@example.org",
                &id,
                &format!("{PHISH} {n}"),
            ))
            .await;
    }
    let lost = bench.desk.ledger.message(&stored[0].id).await.unwrap();
    assert_eq!(lost.state, MessageState::Waiting);
    assert!(lost.reason.unwrap().contains("tried 3 times"));
}

#[tokio::test]
async fn a_complaint_about_a_site_joins_what_events_opened_by_its_domain() {
    let bench = Bench::new().await;
    let defaced = super::bench::Event {
        class: "unauthorised-information-modification",
        domain: "site.example",
        ..page("www.site.example", 1)
    };
    bench.report("r1", &[defaced]).await;
    bench.triage(&["r1"]).await;
    assert_eq!(bench.incident(1).await.rule, "defaced-site");
    let text = "Hello,\n\nthe website http://shop.www.site.example/ was defaced (website defacement, hacked page). Please help.";
    bench
        .mail(
            &complaint("alice@example.org", "c1@example.org", text)
                .replace("phishing page", "defaced website"),
        )
        .await;
    let complaints = bench.desk.ledger.complaints(None, Page::ALL).await.unwrap();
    assert_eq!(complaints[0].kind.0, model::incident::CaseKind::Defacement);
    assert_eq!(bench.incident(1).await.complaints, 1);
}

#[tokio::test]
async fn a_scorecard_counts_who_answered_in_time() {
    let bench = Bench::asked().await;
    let before = bench.desk.scorecards(None).await.unwrap();
    assert_eq!(before.len(), 1, "{before:?}");
    let card = &before[0];
    assert_eq!((card.notices, card.acknowledged, card.effective), (1, 0, 0));
    assert!(card.cases > 0 && card.decided == 0, "{card:?}");
    let notice = bench.notices().await.remove(0);
    bench
        .mail(&answer(&notice, "abuse@registrar.test", "FIXED"))
        .await;
    let after = bench.desk.scorecards(None).await.unwrap();
    let card = &after[0];
    assert_eq!(card.acknowledged, card.cases);
    assert_eq!((card.decided, card.within_target), (card.cases, card.cases));
    assert!(card.median_acknowledge_secs.is_some(), "{card:?}");
    assert_eq!(card.median_takedown_secs, None);
    let none = model::ids::OrganizationId::draw(model::time::Timestamp(0), [0; 10]);
    assert!(bench.desk.scorecards(Some(none)).await.unwrap().is_empty());
}
