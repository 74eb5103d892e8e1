//! Block lists: who approves, what is unique, how an entry ends, and serials that rise.

use ledger::{
    Hash, ListedKind, ListedState, ListingFilter, NewListed, NewPublication, Page, Proposed,
};

use crate::{Backend, SECOND, T0, fresh, on_both};

on_both!(
    a_named_person_approves_each_entry,
    an_entry_is_live_once_and_a_later_look_extends_it,
    taken_off_everywhere_and_not_proposed_again_by_the_machine,
    days_end_by_themselves,
    serials_rise,
);

const DAY: i64 = 86_400 * SECOND;

fn entry(list: &str, kind: ListedKind, value: &str, at: i64) -> NewListed {
    NewListed {
        list: list.to_owned(),
        kind,
        value: value.to_owned(),
        classification: "phishing".to_owned(),
        incident: Some("INC-1".to_owned()),
        feed: None,
        licence: "CC-BY-4.0".to_owned(),
        grounds: "the host is the attacker's".to_owned(),
        verified_at: at,
        expires_at: at + 7 * DAY,
    }
}

fn domain(value: &str) -> NewListed {
    entry("phishing", ListedKind::Domain, value, T0)
}

async fn only(ledger: &ledger::Ledger, value: &str) -> ledger::Listed {
    let filter = ListingFilter {
        value: Some(value.to_owned()),
        ..ListingFilter::default()
    };
    let found = ledger.listings(&filter, Page::ALL).await.unwrap();
    assert_eq!(found.len(), 1, "{value}");
    found[0].clone()
}

async fn a_named_person_approves_each_entry(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    let new = vec![domain("a.example"), domain("b.example")];
    let told = ledger
        .propose_listings(new, false, "system:blocklist", T0)
        .await
        .unwrap();
    assert_eq!(told.proposed, 2);
    let id = only(&ledger, "a.example").await.id;
    for nobody in ["system:blocklist", "rule:phishing", "", " "] {
        let refused = ledger.approve_listing(id, "looks bad", nobody, T0).await;
        assert_eq!(refused.unwrap_err().label(), "conflict", "{nobody:?}");
        let refused = ledger.delist(id, "looks good", nobody, T0).await;
        assert_eq!(refused.unwrap_err().label(), "conflict", "{nobody:?}");
    }
    let approved = ledger
        .approve_listing(id, "page looked at", "ann", T0 + 1)
        .await
        .unwrap();
    assert_eq!(approved.state, ListedState::Approved);
    assert_eq!(approved.approved_by.as_deref(), Some("ann"));
    assert!(approved.stands(T0 + 1) && !approved.stands(T0 + 7 * DAY));
    let again = ledger.approve_listing(id, "again", "ann", T0 + 2).await;
    assert_eq!(again.unwrap_err().label(), "conflict");
    let other = only(&ledger, "b.example").await;
    assert_eq!(other.state, ListedState::Proposed);
    let late = ledger
        .approve_listing(other.id, "late", "ann", T0 + 7 * DAY)
        .await;
    assert!(late.unwrap_err().to_string().contains("days are over"));
    let none = ledger.approve_listing(99, "x", "ann", T0).await;
    assert_eq!(none.unwrap_err().label(), "not-found");
    assert_eq!(ledger.verify_audit().await.unwrap(), 3);
}

async fn an_entry_is_live_once_and_a_later_look_extends_it(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    ledger
        .propose_listings(vec![domain("a.example")], false, "ann", T0)
        .await
        .unwrap();
    let told = ledger
        .propose_listings(vec![domain("a.example")], false, "ann", T0)
        .await
        .unwrap();
    assert_eq!(
        told,
        Proposed {
            known: 1,
            ..Proposed::default()
        }
    );
    let later = entry("phishing", ListedKind::Domain, "a.example", T0 + DAY);
    let told = ledger
        .propose_listings(vec![later], false, "system:blocklist", T0 + DAY)
        .await
        .unwrap();
    assert_eq!(told.extended, 1);
    let row = only(&ledger, "a.example").await;
    assert_eq!((row.verified_at, row.expires_at), (T0 + DAY, T0 + 8 * DAY));
    let earlier = ledger
        .extend_listing(row.id, T0, T0 + 99 * DAY, "ann", T0 + DAY)
        .await;
    assert_eq!(earlier.unwrap_err().label(), "conflict");
    ledger
        .extend_listing(row.id, T0 + 2 * DAY, T0 + 9 * DAY, "ann", T0 + 2 * DAY)
        .await
        .unwrap();
    assert_eq!(only(&ledger, "a.example").await.expires_at, T0 + 9 * DAY);
}

async fn taken_off_everywhere_and_not_proposed_again_by_the_machine(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    let both = vec![
        domain("a.example"),
        entry("malware", ListedKind::Domain, "a.example", T0),
        entry("malware", ListedKind::Url, "http://a.example/x", T0),
    ];
    ledger
        .propose_listings(both, false, "system:blocklist", T0)
        .await
        .unwrap();
    let filter = ListingFilter::default();
    let rows = ledger.listings(&filter, Page::ALL).await.unwrap();
    let names: Vec<_> = rows
        .iter()
        .map(|row| (row.list.as_str(), row.kind, row.value.as_str()))
        .collect();
    assert_eq!(
        names,
        [
            ("malware", ListedKind::Domain, "a.example"),
            ("malware", ListedKind::Url, "http://a.example/x"),
            ("phishing", ListedKind::Domain, "a.example"),
        ]
    );
    let id = rows[2].id;
    let off = ledger
        .delist(id, "the owner cleaned it", "bob", T0 + 5)
        .await
        .unwrap();
    assert_eq!(off.len(), 2);
    assert_eq!(off[0].id, id);
    assert_eq!(off[0].ended_by.as_deref(), Some("bob"));
    assert_eq!(off[0].ended_at, Some(T0 + 5));
    assert_eq!(
        ledger
            .delist(id, "again", "bob", T0 + 6)
            .await
            .unwrap_err()
            .label(),
        "conflict"
    );
    let told = ledger
        .propose_listings(vec![domain("a.example")], false, "system:blocklist", T0 + 9)
        .await
        .unwrap();
    assert_eq!((told.barred, told.proposed), (1, 0));
    let machine = ledger
        .propose_listings(vec![domain("a.example")], true, "system:blocklist", T0 + 9)
        .await;
    assert_eq!(machine.unwrap_err().label(), "conflict");
    let told = ledger
        .propose_listings(vec![domain("a.example")], true, "bob", T0 + 9)
        .await
        .unwrap();
    assert_eq!(told.proposed, 1);
    let gone = ListingFilter {
        states: vec![ListedState::Delisted],
        ended_since: Some(T0 + 5),
        ..ListingFilter::default()
    };
    assert_eq!(ledger.listings(&gone, Page::ALL).await.unwrap().len(), 2);
    let approved = ListingFilter {
        approved: true,
        ..gone
    };
    assert!(
        ledger
            .listings(&approved, Page::ALL)
            .await
            .unwrap()
            .is_empty()
    );
    let trail = ledger
        .audit(Some(&format!("listing {id}")), Default::default())
        .await
        .unwrap();
    assert_eq!(trail[0].action, "listing.delist");
    assert!(trail[0].detail.contains("the owner cleaned it"));
}

async fn days_end_by_themselves(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    ledger
        .propose_listings(vec![domain("a.example")], false, "ann", T0)
        .await
        .unwrap();
    let at = T0 + 7 * DAY;
    let none = ledger.expire_listings("system:blocklist", at - 1).await;
    assert!(none.unwrap().is_empty());
    let over = ledger
        .expire_listings("system:blocklist", at)
        .await
        .unwrap();
    assert_eq!(over.len(), 1);
    let row = only(&ledger, "a.example").await;
    assert_eq!(row.state, ListedState::Expired);
    assert!(
        ledger
            .expire_listings("x", at + 1)
            .await
            .unwrap()
            .is_empty()
    );
    // What ended by itself may come back by itself.
    let again = entry("phishing", ListedKind::Domain, "a.example", at);
    let told = ledger
        .propose_listings(vec![again], false, "system:blocklist", at)
        .await
        .unwrap();
    assert_eq!(told.proposed, 1);
}

async fn serials_rise(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    let new = |list: &str, serial| NewPublication {
        list: list.to_owned(),
        serial,
        entries: 3,
        digest: Hash::of(b"files"),
        issue: None,
        accepted: None,
    };
    assert_eq!(ledger.last_publication("phishing").await.unwrap(), None);
    for (list, serial) in [("phishing", 5), ("phishing", 6), ("malware", 1)] {
        ledger
            .add_publication(new(list, serial), "ann", T0 + serial)
            .await
            .unwrap();
    }
    let stale = ledger
        .add_publication(new("phishing", 6), "ann", T0 + 9)
        .await;
    assert!(stale.unwrap_err().to_string().contains("does not rise"));
    let all = ledger.published_lists().await.unwrap();
    let all: Vec<_> = all
        .iter()
        .map(|one| (one.list.as_str(), one.serial))
        .collect();
    assert_eq!(all, [("malware", 1), ("phishing", 6)]);
}
