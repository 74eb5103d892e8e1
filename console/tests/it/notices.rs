//! The outbox and the switch.

use axum::http::StatusCode;
use serde_json::json;

use crate::office;

#[tokio::test]
async fn a_held_letter_is_shown_as_it_goes_and_let_go_with_a_reason() {
    let house = office::plain().await;
    let (party, contacts) = office::party(&house, "One", 1).await;
    let number = office::letter(&house, party, contacts[0], Some("the first contact"), 1).await;
    let list = house.get("viewer", "/console/notices?tab=judge").await;
    assert_eq!(list.status, StatusCode::OK);
    assert!(list.body.contains("the first contact"), "{}", list.body);
    let path = format!("/console/notices/{number}");
    let page = house.get("analyst", &path).await;
    assert!(
        page.body
            .contains("Please suspend &#60;b&#62;login&#60;/b&#62;."),
        "{}",
        page.body
    );
    let empty = house
        .post("analyst", &format!("{path}/release"), &[("reason", " ")])
        .await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    let done = house
        .post(
            "analyst",
            &format!("{path}/release"),
            &[("reason", "read it")],
        )
        .await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert_eq!(done.said(), format!("notice #{number} is released"));
    let after = house
        .get("viewer", &format!("/api/v1/notices/{number}"))
        .await;
    assert_eq!(after.json()["state"], "ready");
    assert_eq!(after.json()["approved_by"], "analyst");
    // Held back again, and dropped: what it asks for is due.
    let api = format!("/api/v1/notices/{number}");
    let held = house
        .json(
            "analyst",
            "POST",
            &format!("{api}/hold"),
            &json!({"reason": "wait"}),
        )
        .await;
    assert_eq!(
        (held.status, held.json()["state"].as_str()),
        (StatusCode::OK, Some("held"))
    );
    assert_eq!(office::due(&house).await, 0);
    let dropped = house
        .json(
            "analyst",
            "POST",
            &format!("{api}/drop"),
            &json!({"reason": "wrong"}),
        )
        .await;
    assert_eq!(dropped.json()["state"], "cancelled");
    assert_eq!(office::due(&house).await, 1);
    let again = house
        .json(
            "analyst",
            "POST",
            &format!("{api}/drop"),
            &json!({"reason": "x"}),
        )
        .await;
    assert_eq!(again.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_letter_is_written_again_to_another_contact() {
    let house = office::plain().await;
    let (party, contacts) = office::party(&house, "One", 1).await;
    let (other, theirs) = office::party(&house, "Two", 9).await;
    let number = office::letter(&house, party, contacts[0], Some("first"), 1).await;
    let again = format!("/api/v1/notices/{number}/again");
    let wrong = json!({"contact": theirs[0].to_string(), "reason": "moved"});
    let wrong = house.json("analyst", "POST", &again, &wrong).await;
    assert_eq!(
        wrong.status,
        StatusCode::CONFLICT,
        "{other}: {}",
        wrong.body
    );
    let right = json!({"contact": contacts[1].to_string(), "reason": "moved"});
    let written = house.json("analyst", "POST", &again, &right).await;
    assert_eq!(written.status, StatusCode::OK, "{}", written.body);
    let new = written.json()["number"].as_i64().unwrap();
    assert_ne!(new, number);
    let new = house
        .get("viewer", &format!("/api/v1/notices/{new}"))
        .await
        .json();
    assert_eq!(new["contact"], contacts[1].to_string());
    assert_eq!(new["address"], "abuse1@one.example");
    let old = house
        .get("viewer", &format!("/api/v1/notices/{number}"))
        .await
        .json();
    assert_eq!(old["state"], "cancelled");
    assert_eq!(office::due(&house).await, 0, "the new one asks for it");
}

#[tokio::test]
async fn anybody_who_works_stops_sending_and_only_a_lead_lets_it_go_on() {
    let house = office::plain().await;
    let reason = json!({"reason": "wrong template"});
    let stop = house
        .json("viewer", "POST", "/api/v1/sending/stop", &reason)
        .await;
    assert_eq!(stop.status, StatusCode::NOT_FOUND);
    let stop = house
        .json("analyst", "POST", "/api/v1/sending/stop", &reason)
        .await;
    assert_eq!(stop.status, StatusCode::OK);
    assert_eq!(stop.json()["stopped"]["by"], "analyst");
    let page = house.get("viewer", "/console/notices/sending").await;
    assert!(page.body.contains("wrong template"));
    assert!(
        page.body.contains("Sending stopped"),
        "the shell says so on every page"
    );
    for act in ["resume", "arm", "disarm"] {
        let path = format!("/api/v1/sending/{act}");
        let refused = house.json("analyst", "POST", &path, &reason).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "{act}");
    }
    let arm = house
        .json("lead", "POST", "/api/v1/sending/arm", &reason)
        .await;
    assert_eq!(arm.json()["leaves"], false, "it is stopped still");
    let resume = house
        .json("lead", "POST", "/api/v1/sending/resume", &reason)
        .await;
    assert_eq!(resume.json()["leaves"], true);
    let twice = house
        .json("lead", "POST", "/api/v1/sending/resume", &reason)
        .await;
    assert_eq!(twice.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn of_letters_a_party_and_a_branch_learn_nothing() {
    let house = office::plain().await;
    let (party, contacts) = office::party(&house, "One", 1).await;
    let number = office::letter(&house, party, contacts[0], Some("first"), 1).await;
    let by = house
        .ledger
        .actor("administrator", model::newsroom::Right::Administer, 0)
        .await
        .unwrap();
    house
        .ledger
        .set_account_organization(&by, "viewer", Some(&party.to_string()), house.now())
        .await
        .unwrap();
    for (login, status) in [
        ("", StatusCode::UNAUTHORIZED),
        ("party", StatusCode::NOT_FOUND),
        ("viewer", StatusCode::NOT_FOUND),
    ] {
        for path in [
            "/api/v1/notices".to_owned(),
            format!("/api/v1/notices/{number}"),
            "/api/v1/notices/999".to_owned(),
            "/api/v1/sending".to_owned(),
        ] {
            assert_eq!(
                house.get(login, &path).await.status,
                status,
                "{login} {path}"
            );
        }
    }
}

#[tokio::test]
async fn the_list_goes_on_where_it_ended() {
    let house = office::plain().await;
    let (party, contacts) = office::party(&house, "One", 1).await;
    let mut all = Vec::new();
    for n in 1..=3 {
        all.push(office::letter(&house, party, contacts[0], Some("first"), n).await);
    }
    let first = house
        .get("viewer", "/api/v1/notices?limit=2&state=held")
        .await
        .json();
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let next = first["next"].as_str().unwrap();
    let rest = house
        .get(
            "viewer",
            &format!("/api/v1/notices?limit=2&state=held&after={next}"),
        )
        .await
        .json();
    assert_eq!(rest["items"][0]["number"], all[0]);
    assert_eq!(rest["next"], serde_json::Value::Null);
    let wrong = house.get("viewer", "/api/v1/notices?state=lost").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
}
