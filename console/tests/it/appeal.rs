//! Appeals: sent by anybody, read by those who work, decided by a lead.

use axum::http::StatusCode;
use image::ImageFormat;
use ledger::{ListedKind, ListedState, NewListed, Page};
use serde_json::json;

use crate::house::{House, MINUTE};
use crate::outside::{NAUGHTY, harmless, picture, send};

const DAY: i64 = 24 * 60 * MINUTE;

/// An entry of a block list that stands; its number.
async fn listed(house: &House, value: &str) -> i64 {
    let new = NewListed {
        list: "national".to_owned(),
        kind: ListedKind::Domain,
        value: value.to_owned(),
        classification: "phishing".to_owned(),
        incident: None,
        feed: None,
        licence: "own".to_owned(),
        grounds: "seen".to_owned(),
        verified_at: house.now(),
        expires_at: house.now() + 30 * DAY,
    };
    let ledger = &house.ledger;
    ledger
        .propose_listings(vec![new], false, "analyst", house.now())
        .await
        .unwrap();
    let all = ledger
        .listings(&ledger::ListingFilter::default(), Page::ALL)
        .await
        .unwrap();
    let id = all.iter().find(|one| one.value == value).unwrap().id;
    ledger
        .approve_listing(id, "seen", "lead", house.now())
        .await
        .unwrap();
    id
}

async fn appeal(house: &House, object: &str) -> (i64, String) {
    let fields = [
        ("about", "listing"),
        ("object", object),
        ("why", "it was cleaned on Monday"),
        ("name", "Example Ltd"),
    ];
    let png = picture(ImageFormat::Png);
    let proof = [
        ("a.pdf", "application/pdf", b"%PDF-1.7 proof".as_slice()),
        ("b.png", "image/png", &png),
    ];
    let sent = send(house, "", "/appeal", &fields, &proof).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
    let id = house.ledger.appeals(None, Page::ALL).await.unwrap()[0].id;
    (id, sent.location().to_owned())
}

#[tokio::test]
async fn one_that_is_right_takes_the_entry_off_and_says_so() {
    let house = House::new().await;
    let entry = listed(&house, "shop.example.test").await;
    let (id, status) = appeal(&house, "hxxps://shop[.]example.test/cart").await;
    let page = house
        .get("analyst", &format!("/console/appeals/{id}"))
        .await;
    assert!(
        page.body.contains("shop.example[.]test"),
        "the entry is found: {}",
        page.body
    );
    assert!(page.body.contains("A lead of the shift decides."));
    let form = [("decision", "upheld"), ("reason", "checked: it is clean")];
    let path = format!("/console/appeals/{id}/decide");
    for login in ["analyst", "viewer", "approver", "party", "administrator"] {
        assert_eq!(
            house.post(login, &path, &form).await.status,
            StatusCode::NOT_FOUND,
            "{login}"
        );
    }
    let empty = house
        .post("lead", &path, &[("decision", "upheld"), ("reason", " ")])
        .await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    let number = entry.to_string();
    let form = [
        ("decision", "upheld"),
        ("reason", "checked: it is clean"),
        ("listing", &number),
    ];
    let done = house.post("lead", &path, &form).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    let after = house.ledger.listing(entry).await.unwrap();
    assert_eq!(after.state, ListedState::Delisted);
    assert!(after.ending.unwrap().contains(&format!("appeal {id}")));
    assert!(
        house
            .get("", &status)
            .await
            .body
            .contains("checked: it is clean")
    );
    assert_eq!(
        house.post("lead", &path, &form).await.status,
        StatusCode::CONFLICT,
        "decided once"
    );
    let trail = house
        .ledger
        .audit(Some(&format!("appeal {id}")), Page::ALL)
        .await
        .unwrap();
    let acts: Vec<_> = trail
        .iter()
        .map(|row| (row.action.as_str(), row.actor.as_str()))
        .collect();
    assert!(
        acts.contains(&("appeal.add", "system:form")) && acts.contains(&("appeal.decide", "lead")),
        "{acts:?}"
    );
}

#[tokio::test]
async fn one_that_is_not_right_leaves_the_entry_and_programs_decide_the_same() {
    let house = House::new().await;
    let entry = listed(&house, "kit.example.test").await;
    let (id, status) = appeal(&house, "kit.example.test").await;
    let all = house.get("analyst", "/api/v1/appeals").await.json();
    assert_eq!(all["items"][0]["object"], "kit.example.test");
    let body = json!({ "decision": "declined", "reason": "it still imitates a bank", "listing": entry.to_string() });
    let path = format!("/api/v1/appeals/{id}/decide");
    assert_eq!(
        house.json("analyst", "POST", &path, &body).await.status,
        StatusCode::NOT_FOUND
    );
    let done = house.json("lead", "POST", &path, &body).await;
    assert_eq!(done.json()["state"], "declined", "{}", done.body);
    assert_eq!(
        house.ledger.listing(entry).await.unwrap().state,
        ListedState::Approved
    );
    assert!(
        house
            .get("", &status)
            .await
            .body
            .contains("it still imitates a bank")
    );
    let unknown = json!({ "decision": "upheld", "reason": "x", "as": "lead" });
    assert_eq!(
        house.json("lead", "POST", &path, &unknown).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
}

#[tokio::test]
async fn strings_that_mean_harm_are_text_and_numbers_that_are_none_look_alike() {
    let house = House::new().await;
    for text in NAUGHTY {
        house.pass(60 * MINUTE);
        let fields = [
            ("about", "other"),
            ("object", text),
            ("why", text),
            ("name", text),
        ];
        let sent = send(&house, "", "/appeal", &fields, &[]).await;
        if sent.status == StatusCode::UNPROCESSABLE_ENTITY {
            assert!(harmless(&sent.body), "{text:?}");
            continue;
        }
        let id = house.ledger.appeals(None, Page::ALL).await.unwrap()[0].id;
        for path in [
            format!("/console/appeals/{id}"),
            "/console/appeals".to_owned(),
        ] {
            assert!(
                harmless(&house.get("lead", &path).await.body),
                "{text:?} in {path}"
            );
        }
    }
    let unknown = house.get("", "/appeal/status/WF-0000-0000-0000-0000").await;
    let none = house.get("", "/appeal/status/x").await;
    assert_eq!(
        (unknown.status, none.status),
        (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND)
    );
}
