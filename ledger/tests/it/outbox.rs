//! The outbox and the register as people go through them, on both databases.

use ledger::organization::{NewContact, NewOrganization};
use ledger::{
    MessageFilter, MessageRead, MessageState, NewMessage, NoticeFilter, PartyFilter, Settled,
};
use model::ids::{ContactId, NoticeId, OrganizationId};
use model::notice::{NoticeKind, NoticeState};
use model::organization::{Channel, Role, Rung, Scope};
use model::time::Timestamp;

use crate::{Backend, T0, fresh, on_both};

on_both!(
    a_ready_notice_is_held_and_a_held_one_is_dropped,
    parties_are_found_and_merged,
    a_message_is_settled_once_it_was_read,
);

fn party(name: &str, n: u8) -> NewOrganization {
    let mut drawn = [0; 10];
    drawn[9] = n;
    NewOrganization {
        id: OrganizationId::draw(Timestamp(T0), drawn),
        name_zh: name.to_owned(),
        name_en: name.to_owned(),
        roles: vec![Role::Registrar],
        country: Some("XC".to_owned()),
        province: None,
        zone: "UTC".to_owned(),
        language: "en".to_owned(),
        interval_secs: 0,
        source: "list".to_owned(),
        protected: false,
        contacts: vec![NewContact {
            id: ContactId::draw(Timestamp(T0), drawn),
            channel: Channel::Mail,
            address: format!("abuse{n}@example.test"),
            language: None,
            format: None,
            rung: Rung::Agreed,
            hours: None,
            pgp: None,
        }],
        responsible: vec![(Scope::Prefix, format!("192.0.2.{n}/32"))],
    }
}

async fn a_ready_notice_is_held_and_a_held_one_is_dropped(backend: Backend) {
    let (_dir, ledger) = fresh(backend).await;
    let one = party("One", 1);
    let organization = one.id;
    ledger
        .add_organizations(vec![one], "test", T0)
        .await
        .unwrap();
    let id = NoticeId::draw(Timestamp(T0), [3; 10]);
    let new = ledger::NewNotice {
        id,
        kind: NoticeKind::First,
        organization,
        contact: None,
        channel: Channel::Mail,
        address: "abuse1@example.test".to_owned(),
        format: None,
        language: "en".to_owned(),
        subject: "a subject".to_owned(),
        token: "t".to_owned(),
        message_id: "m".to_owned(),
        thread: Vec::new(),
        body: ledger::Hash::of(b"body"),
        hold_reason: None,
        approved_by: None,
        exercise: false,
        covers: Vec::new(),
    };
    ledger.write_notices(vec![new], "test", T0).await.unwrap();
    let held = ledger
        .hold_notice(id, "look first", "li.na", T0)
        .await
        .unwrap();
    assert_eq!(
        (held.state.0, held.hold_reason.as_deref()),
        (NoticeState::Held, Some("look first"))
    );
    assert!(ledger.hold_notice(id, "again", "li.na", T0).await.is_err());
    let filter = NoticeFilter {
        states: vec![NoticeState::Held],
        text: Some("subject".to_owned()),
        ..NoticeFilter::default()
    };
    assert_eq!(ledger.outbox(&filter, 10).await.unwrap().len(), 1);
    let dropped = ledger.drop_notice(id, "wrong", "li.na", T0).await.unwrap();
    assert_eq!(dropped.state.0, NoticeState::Cancelled);
    assert!(ledger.drop_notice(id, "twice", "li.na", T0).await.is_err());
    assert_eq!(ledger.outbox(&filter, 10).await.unwrap(), []);
    assert_eq!(ledger.notices_come_back().await.unwrap(), 0);
}

async fn parties_are_found_and_merged(backend: Backend) {
    let (_dir, ledger) = fresh(backend).await;
    let (one, two) = (party("One", 1), party("Two", 2));
    let (from, into) = (one.id, two.id);
    ledger
        .add_organizations(vec![one, two], "test", T0)
        .await
        .unwrap();
    let text = |text: &str| PartyFilter {
        text: Some(text.to_owned()),
        ..PartyFilter::default()
    };
    let found = ledger.parties(&text("192.0.2.2"), 10).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].organization.name_en.as_str(), found[0].contacts),
        ("Two", 1)
    );
    assert_eq!(
        ledger.party_count(&PartyFilter::default()).await.unwrap(),
        2
    );
    let merged = ledger
        .merge_organizations(from, into, "one house", "li.na", T0)
        .await
        .unwrap();
    assert_eq!((merged.contacts, merged.responsible), (1, 1));
    let found = ledger.parties(&text("abuse1@"), 10).await.unwrap();
    assert_eq!(found[0].organization.organization_id(), into);
    assert_eq!(
        ledger.party_count(&PartyFilter::default()).await.unwrap(),
        1
    );
    assert!(
        ledger
            .merge_organizations(into, into, "x", "li.na", T0)
            .await
            .is_err()
    );
}

async fn a_message_is_settled_once_it_was_read(backend: Backend) {
    let (_dir, ledger) = fresh(backend).await;
    let blob = ledger::Hash::of(b"mail");
    let id = blob.to_string();
    let new = NewMessage {
        blob,
        origin: "INBOX".to_owned(),
        message_id: None,
        received_at: T0,
    };
    ledger.receive_message(new, T0).await.unwrap();
    let settled = || Settled {
        state: MessageState::Handled,
        nature: Some("noise".to_owned()),
        reason: "asks nothing".to_owned(),
        notice: None,
        incident: None,
    };
    assert!(
        ledger
            .settle_message(&id, settled(), "li.na", T0)
            .await
            .is_err(),
        "nobody read it"
    );
    let read = MessageRead {
        sender: "a@example.test".to_owned(),
        subject: "hello".to_owned(),
        nature: "reply".to_owned(),
        state: MessageState::Waiting,
        reason: None,
        proposal: None,
        notice: None,
        incident: None,
    };
    ledger.message_read(&id, read, T0).await.unwrap();
    let after = ledger
        .settle_message(&id, settled(), "li.na", T0)
        .await
        .unwrap();
    assert_eq!(
        (after.state, after.nature.as_str()),
        (MessageState::Handled, "noise")
    );
    let waiting = MessageFilter {
        state: Some(MessageState::Waiting),
        ..MessageFilter::default()
    };
    assert_eq!(ledger.inbox(&waiting, 10).await.unwrap(), []);
}
