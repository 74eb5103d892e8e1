//! Subscribers: nobody is in without a yes, who left is out, and a mail has one row and one identity.

use ledger::{Hash, MailState, NewSubscriber, Page, SubscriberState};

use crate::{Backend, T0, fresh, on_both};

on_both!(
    nobody_is_in_without_a_yes,
    two_hard_bounces_end_it,
    a_mail_has_one_row_and_one_identity,
);

fn new(email: &str, tokens: &str) -> NewSubscriber {
    NewSubscriber {
        email: email.to_owned(),
        language: "zh".to_owned(),
        source: "person".to_owned(),
        confirm_hash: Hash::of(format!("confirm {tokens}").as_bytes()),
        leave_hash: Hash::of(format!("leave {tokens}").as_bytes()),
    }
}

const IN: &[SubscriberState] = &[SubscriberState::Confirmed];

async fn nobody_is_in_without_a_yes(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    let asked = ledger
        .ask_subscriber(new("Ann@Example.com", "1"), "bob", T0)
        .await
        .unwrap();
    assert_eq!(asked.state, SubscriberState::Asked);
    let again = ledger
        .ask_subscriber(new("ann@example.com", "2"), "bob", T0 + 1)
        .await
        .unwrap();
    assert_eq!(again.id, asked.id);
    assert!(ledger.subscribers(IN, Page::ALL).await.unwrap().is_empty());
    let wrong = ledger
        .confirm_subscriber(Hash::of(b"confirm 1"), "web", T0)
        .await;
    assert_eq!(wrong.unwrap_err().label(), "not-found", "the older token");
    let wrong = ledger
        .confirm_subscriber(Hash::of(b"leave 2"), "web", T0)
        .await;
    assert_eq!(wrong.unwrap_err().label(), "not-found");
    for _ in 0..2 {
        let yes = ledger
            .confirm_subscriber(Hash::of(b"confirm 2"), "web", T0 + 2)
            .await
            .unwrap();
        assert_eq!(
            (yes.state, yes.confirmed_at),
            (SubscriberState::Confirmed, Some(T0 + 2))
        );
    }
    // Asking again takes nothing from who said yes.
    let same = ledger
        .ask_subscriber(new("ann@example.com", "3"), "bob", T0 + 3)
        .await
        .unwrap();
    assert_eq!(same.state, SubscriberState::Confirmed);
    let by_token = ledger
        .subscriber_by_token(Hash::of(b"leave 2"))
        .await
        .unwrap();
    assert_eq!(by_token.map(|row| row.id), Some(asked.id));
    let gone = ledger
        .leave_subscriber(asked.id, "one click", "web", T0 + 4)
        .await
        .unwrap();
    assert_eq!(gone.state, SubscriberState::Left);
    assert_eq!(ledger.subscriber_of("ann@example.com").await.unwrap(), None);
    let late = ledger
        .confirm_subscriber(Hash::of(b"confirm 2"), "web", T0 + 5)
        .await;
    assert_eq!(late.unwrap_err().label(), "conflict");
    let anew = ledger
        .ask_subscriber(new("ann@example.com", "4"), "bob", T0 + 6)
        .await
        .unwrap();
    assert_ne!(anew.id, asked.id);
    // The trail knows numbers, not addresses.
    let trail = ledger
        .audit(
            Some(&format!("subscriber {}", asked.id)),
            Default::default(),
        )
        .await
        .unwrap();
    assert_eq!(trail.len(), 4);
    assert!(trail.iter().all(|row| !row.detail.contains("example.com")));
}

async fn two_hard_bounces_end_it(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    let row = ledger
        .ask_subscriber(new("ann@example.com", "1"), "bob", T0)
        .await
        .unwrap();
    ledger
        .confirm_subscriber(Hash::of(b"confirm 1"), "web", T0)
        .await
        .unwrap();
    let bounced = async |hard| {
        let why = "550 5.1.1 no such user";
        let done = ledger.subscriber_bounced(row.id, hard, why, "system:inbox", T0 + 1);
        done.await.unwrap().state
    };
    assert_eq!(bounced(false).await, SubscriberState::Confirmed);
    assert_eq!(bounced(false).await, SubscriberState::Confirmed);
    assert_eq!(bounced(true).await, SubscriberState::Confirmed);
    assert_eq!(bounced(true).await, SubscriberState::Bouncing);
    let anew = ledger
        .ask_subscriber(new("ann@example.com", "2"), "bob", T0 + 2)
        .await
        .unwrap();
    assert_eq!((anew.state, anew.hard_bounces), (SubscriberState::Asked, 0));
}

async fn a_mail_has_one_row_and_one_identity(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    let row = ledger
        .ask_subscriber(new("ann@example.com", "1"), "bob", T0)
        .await
        .unwrap();
    let edition = "weekly 2023-3 r1";
    let mail = ledger
        .edition_mail(edition, row.id, "a@cert.example", T0)
        .await
        .unwrap();
    let same = ledger
        .edition_mail(edition, row.id, "b@cert.example", T0 + 9)
        .await
        .unwrap();
    assert_eq!(same, mail);
    // Nothing goes to who did not say yes.
    assert!(!ledger.take_edition_mail(mail.id, IN, T0).await.unwrap());
    ledger
        .confirm_subscriber(Hash::of(b"confirm 1"), "web", T0)
        .await
        .unwrap();
    assert!(ledger.take_edition_mail(mail.id, IN, T0).await.unwrap());
    // Killed here, the next run takes it up.
    assert!(ledger.take_edition_mail(mail.id, IN, T0).await.unwrap());
    ledger
        .edition_mail_done(mail.id, MailState::Ready, "451 later", T0 + 60, T0)
        .await
        .unwrap();
    assert!(
        !ledger
            .take_edition_mail(mail.id, IN, T0 + 59)
            .await
            .unwrap()
    );
    assert!(
        ledger
            .take_edition_mail(mail.id, IN, T0 + 60)
            .await
            .unwrap()
    );
    ledger
        .edition_mail_done(mail.id, MailState::Sent, "250 ok", T0 + 60, T0 + 61)
        .await
        .unwrap();
    assert!(
        !ledger
            .take_edition_mail(mail.id, IN, T0 + 99)
            .await
            .unwrap()
    );
    let all = ledger.edition_mails(edition).await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].attempts, all[0].sent_at), (3, Some(T0 + 61)));
}
