//! The inbox: what is shown of a mail, and what is done with it.

use axum::http::{StatusCode, header};
use ledger::Reach;
use serde_json::json;

use crate::office;

#[tokio::test]
async fn a_mail_is_text_and_its_attachments_are_files_to_be_saved() {
    let house = office::plain().await;
    let id = office::mail(
        &house,
        "Look at http://login.example.test/ <img src=x>\r\n> you wrote",
    )
    .await;
    let page = house
        .get("viewer", &format!("/console/inbox/{}", &id[..16]))
        .await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.body
            .contains("hxxp://login.example.test/ &#60;img src=x&#62;"),
        "{}",
        page.body
    );
    assert!(page.body.contains("1 quoted lines"));
    assert!(!page.body.contains("<script>alert"));
    assert!(
        !page.body.contains("/original"),
        "the original is for those who work"
    );
    let part = house
        .get("viewer", &format!("/console/inbox/{}/parts/1", &id[..16]))
        .await;
    assert_eq!(part.status, StatusCode::OK, "{}", part.body);
    let said = part.headers[header::CONTENT_DISPOSITION].to_str().unwrap();
    assert!(
        said.starts_with("attachment; filename=\"page.html\""),
        "{said}"
    );
    assert_eq!(
        part.headers[header::CONTENT_TYPE],
        "application/octet-stream"
    );
    assert!(
        part.headers[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap()
            .contains("sandbox")
    );
}

#[tokio::test]
async fn a_mail_is_attached_to_an_incident_with_its_files_as_evidence() {
    let house = office::plain().await;
    let number = house.incident("https://login.example.test/", None).await;
    let id = office::mail(&house, "more about it").await;
    let path = format!("/api/v1/messages/{id}/attach");
    let nothing = house
        .json("analyst", "POST", &path, &json!({"incident": "99999"}))
        .await;
    assert_eq!(nothing.status, StatusCode::UNPROCESSABLE_ENTITY);
    let done = house
        .json(
            "analyst",
            "POST",
            &path,
            &json!({"incident": format!("#{number}")}),
        )
        .await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    assert_eq!(done.json()["state"], "handled");
    let incident = house
        .ledger
        .incident_numbered(number, &Reach::All)
        .await
        .unwrap();
    let kept = house.ledger.evidence(incident.incident_id()).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].name, "page.html");
}

#[tokio::test]
async fn a_mail_opens_an_incident_and_the_same_matter_joins_it() {
    let house = office::plain().await;
    let first = office::mail(&house, "one").await;
    let second = office::mail(&house, "the second").await;
    let case = json!({"kind": "phishing", "what": "hxxps://login.example[.]test/a"});
    let none = json!({"kind": "phishing", "what": "phishing"});
    let path = |id: &str| format!("/api/v1/messages/{id}/open");
    assert_eq!(
        house
            .json("analyst", "POST", &path(&first), &none)
            .await
            .status,
        StatusCode::CONFLICT
    );
    let opened = house.json("analyst", "POST", &path(&first), &case).await;
    assert_eq!(opened.status, StatusCode::OK, "{}", opened.body);
    let joined = house.json("analyst", "POST", &path(&second), &case).await;
    assert_eq!(opened.json()["number"], joined.json()["number"]);
    let number = opened.json()["number"].as_i64().unwrap();
    let incident = house
        .ledger
        .incident_numbered(number, &Reach::All)
        .await
        .unwrap();
    assert_eq!(incident.complaints, 2);
    assert_eq!(
        incident.url.as_deref(),
        Some("https://login.example.test/a")
    );
}

#[tokio::test]
async fn a_mail_that_answers_a_notice_answers_its_requests() {
    let house = office::plain().await;
    let (party, contacts) = office::party(&house, "One", 1).await;
    let number = office::letter(&house, party, contacts[0], None, 1).await;
    let id = office::mail(&house, "We are looking into it.").await;
    let about = json!({"notice": number.to_string()});
    let done = house
        .json(
            "analyst",
            "POST",
            &format!("/api/v1/messages/{id}/answers"),
            &about,
        )
        .await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    assert_eq!(
        (
            done.json()["state"].as_str(),
            done.json()["nature"].as_str()
        ),
        (Some("handled"), Some("reply"))
    );
    let notice = house.ledger.notice_numbered(number).await.unwrap();
    let covered = house
        .ledger
        .notice_directives(notice.notice_id())
        .await
        .unwrap();
    let directive = house
        .ledger
        .directive(covered[0].directive_id.0)
        .await
        .unwrap();
    assert_eq!(directive.answered_at, Some(house.now()));
}

#[tokio::test]
async fn an_answer_goes_to_the_outbox_and_settles_the_mail() {
    let house = office::plain().await;
    let id = office::mail(&house, "who are you").await;
    let path = format!("/console/inbox/{}/reply", &id[..16]);
    let done = house
        .post("analyst", &path, &[("text", "We are a CERT.")])
        .await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    let letters = house.get("viewer", "/api/v1/notices").await.json();
    let letter = &letters["items"][0];
    assert_eq!(
        (letter["kind"].as_str(), letter["state"].as_str()),
        (Some("answer"), Some("ready"))
    );
    assert_eq!(letter["address"], "person@reporter.example");
    assert!(
        letter["subject"]
            .as_str()
            .unwrap()
            .starts_with("Re: what is this ")
    );
    let mail = house
        .get("viewer", &format!("/api/v1/messages/{id}"))
        .await
        .json();
    assert_eq!(mail["state"], "handled");
}

#[tokio::test]
async fn noise_and_quarantine_want_a_reason_and_a_right() {
    let house = office::plain().await;
    let id = office::mail(&house, "buy now").await;
    let path = format!("/api/v1/messages/{id}/noise");
    let why = json!({"reason": "an advertisement"});
    assert_eq!(
        house.json("viewer", "POST", &path, &why).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        house
            .json("analyst", "POST", &path, &json!({}))
            .await
            .status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let done = house.json("analyst", "POST", &path, &why).await.json();
    assert_eq!(
        (done["state"].as_str(), done["nature"].as_str()),
        (Some("handled"), Some("noise"))
    );
    let back = house
        .json(
            "analyst",
            "POST",
            &format!("/api/v1/messages/{id}/wait"),
            &why,
        )
        .await
        .json();
    assert_eq!(back["state"], "waiting");
    let shut = house
        .json(
            "analyst",
            "POST",
            &format!("/api/v1/messages/{id}/quarantine"),
            &why,
        )
        .await
        .json();
    assert_eq!(shut["state"], "quarantined");
    let audit = house
        .ledger
        .audit(Some(&format!("message {id}")), ledger::Page::ALL)
        .await
        .unwrap();
    assert_eq!(
        audit
            .iter()
            .filter(|row| row.action == "message.settle")
            .count(),
        3
    );
    assert_eq!(
        house
            .get("party", &format!("/api/v1/messages/{id}"))
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        house
            .get("analyst", "/api/v1/messages/00000000")
            .await
            .status,
        StatusCode::NOT_FOUND
    );
}
