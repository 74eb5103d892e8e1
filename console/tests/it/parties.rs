//! Parties: finding, changing, merging, importing.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::json;

use crate::house::{Answer, House};
use crate::office;

#[tokio::test]
async fn parties_are_found_by_what_they_are_and_answer_for() {
    let house = office::plain().await;
    office::party(&house, "Example Registrar", 1).await;
    office::party(&house, "Other Names", 2).await;
    for (query, found) in [
        ("q=name-2.test", "Other Names"),
        ("q=abuse0@example-registrar", "Example Registrar"),
        ("q=Other&role=registrar&country=xc", "Other Names"),
    ] {
        let all = house
            .get("viewer", &format!("/api/v1/parties?{query}"))
            .await
            .json();
        let items = all["items"].as_array().unwrap();
        assert_eq!(items.len(), 1, "{query}");
        assert_eq!(items[0]["name_en"], found);
        assert_eq!(items[0]["contacts"], 2);
    }
    let page = house.get("viewer", "/console/parties?q=Registrar").await;
    assert!(page.body.contains("Example Registrar") && !page.body.contains("Other Names"));
    let first = house.get("viewer", "/api/v1/parties?limit=1").await.json();
    let next: String =
        url::form_urlencoded::byte_serialize(first["next"].as_str().unwrap().as_bytes()).collect();
    let second = house
        .get("viewer", &format!("/api/v1/parties?limit=1&after={next}"))
        .await
        .json();
    assert_eq!(second["items"][0]["name_en"], "Other Names");
}

#[tokio::test]
async fn a_contact_is_added_changed_and_ended_by_those_who_work() {
    let house = office::plain().await;
    let (party, contacts) = office::party(&house, "One", 1).await;
    let path = format!("/api/v1/parties/{party}/contacts");
    let new = json!({"channel": "mail", "address": "noc@one.example", "hours": "Mon-Fri 09:00-18:00", "format": "csv"});
    assert_eq!(
        house.json("viewer", "POST", &path, &new).await.status,
        StatusCode::NOT_FOUND
    );
    let added = house.json("analyst", "POST", &path, &new).await;
    assert_eq!(added.status, StatusCode::OK, "{}", added.body);
    assert_eq!(added.json()["rung"], "agreed");
    for (field, value) in [
        ("address", "no address"),
        ("hours", "always"),
        ("pgp_key", "no key"),
        ("format", "pdf"),
    ] {
        let mut wrong = new.clone();
        wrong[field] = json!(value);
        let wrong = house.json("analyst", "POST", &path, &wrong).await;
        assert_eq!(
            wrong.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{field}: {}",
            wrong.body
        );
    }
    let one = format!("{path}/{}", contacts[0]);
    let end = json!({"used": "false", "reason": "gone"});
    let ended = house.json("analyst", "PATCH", &one, &end).await;
    assert_eq!(ended.json()["active"], false);
    let party = house.ledger.organization(party).await.unwrap();
    assert!(
        party.protected,
        "what a person entered is not changed by imports"
    );
}

#[tokio::test]
async fn a_change_over_somebody_elses_is_refused() {
    let house = office::plain().await;
    let (party, _) = office::party(&house, "One", 1).await;
    let path = format!("/api/v1/parties/{party}");
    let change = json!({"name_zh": "新名称", "version": 1, "reason": "renamed"});
    let changed = house.json("analyst", "PATCH", &path, &change).await;
    assert_eq!(
        (changed.status, changed.json()["version"].as_i64()),
        (StatusCode::OK, Some(2))
    );
    let late = house.json("analyst", "PATCH", &path, &change).await;
    assert_eq!(late.status, StatusCode::PRECONDITION_FAILED);
    let form = [
        ("name_zh", "新名称"),
        ("name_en", "One"),
        ("role", "registrar"),
        ("role", "registry"),
        ("zone", "UTC"),
        ("language", "zh"),
        ("trust", "normal"),
        ("interval_hours", "24"),
        ("active", "1"),
        ("may_probe", "1"),
        ("version", "2"),
        ("reason", "asked by telephone"),
    ];
    let done = house
        .post("analyst", &format!("/console/parties/{party}"), &form)
        .await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    let after = house.ledger.organization(party).await.unwrap();
    assert_eq!(
        (after.roles.as_str(), after.interval_secs, after.may_contact),
        ("registrar registry", 86_400, false)
    );
    assert_eq!(after.mark_reason.as_deref(), Some("asked by telephone"));
    let page = house
        .get("viewer", &format!("/console/parties/{party}"))
        .await;
    assert!(page.body.contains("asked by telephone"));
}

#[tokio::test]
async fn two_entries_of_one_party_become_one() {
    let house = office::plain().await;
    let (one, contacts) = office::party(&house, "One", 1).await;
    let (two, _) = office::party(&house, "Two", 2).await;
    office::letter(&house, one, contacts[0], Some("first"), 1).await;
    let path = format!("/api/v1/parties/{one}/merge");
    let into = json!({"into": two.to_string(), "reason": "the same house"});
    assert_eq!(
        house.json("analyst", "POST", &path, &into).await.status,
        StatusCode::NOT_FOUND
    );
    let merged = house.json("lead", "POST", &path, &into).await;
    assert_eq!(merged.status, StatusCode::OK, "{}", merged.body);
    assert_eq!(
        (
            merged.json()["contacts"].as_u64(),
            merged.json()["requests"].as_u64()
        ),
        (Some(2), Some(1))
    );
    let kept = house
        .get("viewer", &format!("/api/v1/parties/{two}"))
        .await
        .json();
    assert_eq!(kept["contacts"].as_array().unwrap().len(), 4);
    assert_eq!(kept["duties"].as_array().unwrap().len(), 2);
    let gone = house.ledger.organization(one).await.unwrap();
    assert!(!gone.active);
    let same = json!({"into": two.to_string(), "reason": "x"});
    let same = house
        .json(
            "lead",
            "POST",
            &format!("/api/v1/parties/{two}/merge"),
            &same,
        )
        .await;
    assert_eq!(same.status, StatusCode::CONFLICT);
}

const LIST: &str = "name_en,name_zh,roles,country,province,zone,language,interval_hours,channel,address,format,rung,hours,scope,value\n\
One,,registrar,XC,,,,,mail,new@one.example,,,,domain,one.test\n\
Three,,registry,XC,,,,,mail,abuse@three.example,,,,tld,test\n\
Broken,,wizard,,,,,,,,,,,,\n";

async fn upload(house: &House, login: &str) -> Answer {
    let request = Request::builder()
        .method("POST")
        .uri("/api/v1/party-imports?source=partners")
        .header(header::HOST, "console.example.test")
        .header("sec-fetch-site", "same-origin")
        .header(header::COOKIE, house.cookie(login).await)
        .header(header::CONTENT_TYPE, "text/csv")
        .body(Body::from(LIST))
        .unwrap();
    house.send(request).await
}

#[tokio::test]
async fn a_list_changes_nothing_before_its_entries_are_approved_one_by_one() {
    let house = office::plain().await;
    office::party(&house, "One", 1).await;
    assert_eq!(
        upload(&house, "analyst").await.status,
        StatusCode::NOT_FOUND
    );
    let compared = upload(&house, "lead").await;
    assert_eq!(compared.status, StatusCode::OK, "{}", compared.body);
    let compared = compared.json();
    let entries = compared["entries"].as_array().unwrap();
    let told: Vec<_> = entries
        .iter()
        .map(|one| {
            (
                one["change"].as_str().unwrap(),
                one["party"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, [("new", "Three"), ("more", "One"), ("more", "One")]);
    assert_eq!(compared["unusable"].as_array().unwrap().len(), 1);
    let parties = async || {
        house.get("viewer", "/api/v1/parties").await.json()["items"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(parties().await, 1);
    let page = house.get("lead", "/console/parties/import/partners").await;
    assert!(page.body.contains("new@one.example"), "{}", page.body);
    let keys = [
        ("keep", entries[0]["key"].as_str().unwrap()),
        ("reason", "looked at it"),
    ];
    let done = house
        .post("lead", "/console/parties/import/partners/apply", &keys)
        .await;
    assert_eq!(
        done.location(),
        "/console/parties/import/partners",
        "the rest waits still: {}",
        done.body
    );
    assert_eq!(parties().await, 2);
    let rest = house
        .get("lead", "/api/v1/party-imports/partners")
        .await
        .json();
    assert_eq!(rest["entries"].as_array().unwrap().len(), 2);
    let all = house
        .json(
            "lead",
            "POST",
            "/api/v1/party-imports/partners/apply",
            &json!({"reason": "all of it"}),
        )
        .await;
    assert_eq!(all.json()["applied"], 2);
    assert_eq!(
        house
            .get("lead", "/api/v1/party-imports/partners")
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    let undone = house
        .json(
            "lead",
            "POST",
            "/api/v1/party-imports/partners/undo",
            &json!({}),
        )
        .await;
    assert_eq!(undone.json()["contacts"], 1, "{}", undone.body);
}
