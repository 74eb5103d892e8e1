//! Marking an incident: on its page, by a program, and who may.

use axum::http::{Request, StatusCode, header};
use ledger::NewOrganization;
use model::ids::OrganizationId;
use model::organization::Role;
use serde_json::json;

use super::*;

/// An organization of the register; its id.
async fn organization(house: &House, n: u8, name: &str) -> String {
    let id = OrganizationId::draw(Timestamp(T0), [n; 10]);
    let new = NewOrganization {
        id,
        name_zh: name.to_owned(),
        name_en: name.to_owned(),
        roles: vec![Role::Registrar],
        country: None,
        province: None,
        zone: "UTC".to_owned(),
        language: "en".to_owned(),
        interval_secs: 0,
        source: "manual".to_owned(),
        protected: true,
        contacts: Vec::new(),
        responsible: Vec::new(),
    };
    house
        .ledger
        .add_organizations(vec![new], "test", T0)
        .await
        .unwrap();
    id.to_string()
}

#[tokio::test]
async fn a_program_marks_reads_the_marking_and_lowers_with_consent() {
    let house = house().await;
    let number = house.incident("Imitates Example Bank", None).await;
    let beta = organization(&house, 1, "CERT Beta").await;
    let named = organization(&house, 2, "Example Registrar Co., Ltd.").await;
    let at = format!("/api/v1/incidents/{number}/marking");
    let put =
        async |login: &str, body: serde_json::Value| house.json(login, "PUT", &at, &body).await;
    let until = house.now() + 90 * MINUTE;
    let until = Timestamp(until).to_string();
    let marked = ok(put(
        "analyst",
        json!({ "tlp": "TLP:RED", "embargo_until": until, "originator": "CERT Beta",
            "recipients": ["Example Registrar Co., Ltd."], "reason": "their mail" }),
    )
    .await)
    .json();
    assert_eq!(marked["tlp"], "red");
    assert_eq!(marked["embargo_until"], until);
    assert_eq!(marked["originator"], beta);
    assert_eq!(marked["recipients"], json!([named]));
    let one = ok(house
        .get("viewer", &format!("/api/v1/incidents/{number}"))
        .await);
    assert_eq!(one.json()["recipients"], json!([named]));
    // What another's marking is lowered by needs its consent, and whose it is a lead.
    for body in [
        json!({ "tlp": "amber", "reason": "x" }),
        json!({ "embargo_until": "", "reason": "x" }),
        json!({ "recipients": [], "reason": "x" }),
        json!({ "originator": "", "reason": "x" }),
        json!({ "tlp": "red", "reason": "x" }),
    ] {
        let refused = put("analyst", body.clone()).await;
        assert_eq!(
            refused.status,
            StatusCode::CONFLICT,
            "{body}: {}",
            refused.body
        );
    }
    for body in [
        json!({ "originator": "nobody of the register", "reason": "x" }),
        json!({ "recipients": ["nobody"], "reason": "x" }),
        json!({ "embargo_until": "tomorrow", "reason": "x" }),
        json!({ "tlp": "purple", "reason": "x" }),
        json!({ "tlp": "green", "reason": " " }),
        json!({ "tlp": "green" }),
    ] {
        let refused = put("analyst", body.clone()).await;
        let status = refused.status;
        assert_eq!(
            status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{body}: {}",
            refused.body
        );
    }
    let lowered = json!({ "tlp": "amber", "recipients": [],
        "consent": "Li of CERT Beta, mail of 3 December", "reason": "published" });
    let lowered = ok(put("analyst", lowered).await).json();
    assert_eq!(
        (&lowered["tlp"], &lowered["recipients"]),
        (&json!("amber"), &json!([]))
    );
    let ours = ok(put(
        "lead",
        json!({ "originator": "", "reason": "it was our own" }),
    )
    .await);
    assert!(ours.json()["originator"].is_null());
    // Only as it was read.
    let request = Request::builder()
        .method("PUT")
        .uri(&at)
        .header(header::HOST, "console.example.test")
        .header(header::COOKIE, house.cookie("analyst").await)
        .header("sec-fetch-site", "same-origin")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::IF_MATCH, "\"v1\"")
        .body(Body::from(
            json!({ "tlp": "red", "reason": "x" }).to_string(),
        ))
        .unwrap();
    let stale = house.send(request).await;
    assert_eq!(
        stale.status,
        StatusCode::PRECONDITION_FAILED,
        "{}",
        stale.body
    );
}

#[tokio::test]
async fn the_page_shows_the_marking_and_changes_it() {
    let house = house().await;
    let number = house.incident("Imitates Example Bank", None).await;
    organization(&house, 1, "CERT Beta").await;
    let page = format!("/console/incidents/{number}");
    let form = [
        ("tlp", "amber+strict"),
        ("embargo_until", "2030-12-01 09:00"),
        ("originator", "CERT Beta"),
        ("recipients", "CERT Beta\r\n"),
        ("consent", ""),
        ("reason", "their mail"),
    ];
    let done = house.post("analyst", &format!("{page}/mark"), &form).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    assert!(done.said().contains("marking"), "{}", done.said());
    let shown = ok(house.get("viewer", &page).await).body;
    for text in [
        "TLP:AMBER+STRICT",
        "2030-12-01 09:00",
        "CERT Beta",
        "Embargo until",
    ] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    // The form begins with what stands; sent as it is, it changes nothing.
    let panel = ok(house.get("analyst", &format!("{page}?do=mark")).await).body;
    assert!(panel.contains("value=\"amber+strict\" selected"), "{panel}");
    assert!(panel.contains("value=\"2030-12-01 09:00\""), "{panel}");
    let again = house.post("analyst", &format!("{page}/mark"), &form).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.body);
    // What was typed is kept beside what is wrong with it.
    let mut lower = form;
    lower[1] = ("embargo_until", "");
    let refused = house.post("analyst", &format!("{page}/mark"), &lower).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.body.contains("consent only"), "{}", refused.body);
    assert!(refused.body.contains("their mail"), "{}", refused.body);
}
