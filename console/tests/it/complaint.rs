//! The complaint form: what is kept, what is told, and what nobody can make of it.

use axum::http::{StatusCode, header};
use image::ImageFormat;
use ledger::{ComplaintState, NewStep, Page, Reach};
use model::incident::{IncidentState, Resolution, Step};
use response::triage::{DEFAULT_RULES, Rules};

use crate::house::{House, MINUTE};
use crate::outside::{NAUGHTY, bomb, desk, harmless, picture, send};

const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

async fn read(house: &House) {
    let rules = Rules::read(DEFAULT_RULES).unwrap();
    let end = model::time::Timestamp(i64::MAX);
    let told = desk(house)
        .read_complaints(&rules, &|_| {}, end)
        .await
        .unwrap();
    assert_eq!(told.failed, 0);
}

#[tokio::test]
async fn a_complaint_opens_an_incident_and_its_number_tells_a_stage_late() {
    let house = House::new().await;
    let form = house.get("", "/report").await;
    assert_eq!(form.status, StatusCode::OK);
    assert!(form.body.contains("enctype=\"multipart/form-data\"") && !form.body.contains("<style"));
    let png = picture(ImageFormat::Png);
    let fields = [
        ("kind", "phishing"),
        ("place", "hxxps://login[.]example.test/a"),
        ("story", "a message said that a parcel was lost"),
        ("address", "reader@example.com"),
    ];
    let shot = [("../../evil.html", "text/html", png.as_slice())];
    let sent = send(&house, "", "/report", &fields, &shot).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
    let status = sent.location().to_owned();
    assert!(status.starts_with("/report/status/WF-"), "{status}");
    assert!(
        house
            .ledger
            .notices(&[], Page::ALL)
            .await
            .unwrap()
            .is_empty(),
        "no mail is written by a request"
    );

    let page = house.get("", &status).await;
    assert_eq!(page.status, StatusCode::OK);
    let fresh = page.body;
    read(&house).await;
    let complaint = house
        .ledger
        .complaints(None, Page::ALL)
        .await
        .unwrap()
        .remove(0);
    assert_eq!(
        (complaint.state, complaint.via.as_str()),
        (ComplaintState::Joined, "form")
    );
    assert!(
        complaint.receipt_at.is_some(),
        "the reporter is told at closure"
    );
    let id = complaint.incident_id.unwrap().0;
    let incident = house.ledger.incident(id, &Reach::All).await.unwrap();
    assert_eq!(incident.state.0, IncidentState::Open, "a person validates");
    assert_eq!(
        incident.url.as_deref(),
        Some("https://login.example.test/a")
    );
    let evidence = house.ledger.evidence(id).await.unwrap();
    let kinds: Vec<_> = evidence
        .iter()
        .map(|one| (one.name.as_str(), one.media_type.as_str()))
        .collect();
    assert_eq!(
        kinds,
        [
            ("sent-1.png.original", "application/octet-stream"),
            ("sent-1.png", "image/png")
        ]
    );
    assert_eq!(
        house.blobs.read(&evidence[0].blob).unwrap(),
        png,
        "as it came"
    );

    let step = |step, now| {
        house.ledger.step(
            id,
            &Reach::All,
            NewStep::new(step, "seen", now),
            "analyst",
            now,
        )
    };
    step(Step::Validate, house.now()).await.unwrap();
    assert_eq!(
        house.get("", &status).await.body,
        fresh,
        "nothing is told at once"
    );
    house.pass(3 * DAY);
    let handled = house.get("", &status).await.body;
    assert_ne!(handled, fresh);
    step(Step::Close(Resolution::Invalid), house.now())
        .await
        .unwrap();
    assert_eq!(house.get("", &status).await.body, handled);
    house.pass(3 * DAY);
    let closed = house.get("", &status).await.body;
    assert!(closed.contains("The matter has ended."), "{closed}");
    for page in [&fresh, &handled, &closed] {
        for secret in ["login", "example.test", "analyst", "2026-", "11:"] {
            let main = page.split("<main").nth(1).unwrap();
            assert!(!main.contains(secret), "{secret}");
        }
    }
}

#[tokio::test]
async fn a_program_files_complaints_and_the_same_one_once() {
    let house = House::new().await;
    let body = serde_json::json!({
        "kind": "phishing", "places": ["hxxps://pay.example[.]test/x"], "text": "a hotline's call",
        "number": "H-1", "source": "hotline", "received": "2020-01-02T03:04:05Z",
    });
    let file = |login: &'static str, body: serde_json::Value| {
        let house = &house;
        async move { house.json(login, "POST", "/api/v1/complaints", &body).await }
    };
    let first = file("analyst", body.clone()).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.body);
    assert_eq!(
        (&first.json()["via"], &first.json()["kind"]),
        (&"api".into(), &"phishing".into())
    );
    let again = file("analyst", body.clone()).await;
    assert_eq!(again.json()["number"], first.json()["number"]);
    // Whoever only reads, or belongs to a party, files nothing.
    for login in ["viewer", "party"] {
        assert_ne!(
            file(login, body.clone()).await.status,
            StatusCode::OK,
            "{login}"
        );
    }
    for (field, wrong) in [
        ("kind", serde_json::json!("wizardry")),
        ("places", serde_json::json!(["nothing"])),
        ("received", serde_json::json!("2999-01-01T00:00:00Z")),
        ("reporter", serde_json::json!("no address")),
    ] {
        let mut bad = body.clone();
        bad[field] = wrong;
        let refused = file("analyst", bad).await;
        assert!(
            refused.status.is_client_error(),
            "{field}: {}",
            refused.body
        );
    }
    let all = house.ledger.complaints(None, Page::ALL).await.unwrap();
    assert_eq!(all.len(), 1);
    read(&house).await;
    let all = house.ledger.complaints(None, Page::ALL).await.unwrap();
    assert!(all[0].incident_id.is_some(), "read as the form's are");
}

#[tokio::test]
async fn what_is_about_the_same_page_joins_and_what_names_nothing_waits() {
    let house = House::new().await;
    for place in ["https://pay.example.test/x", "pay.example.test"] {
        let fields = [("kind", "phishing"), ("place", place)];
        let sent = send(&house, "", "/report", &fields, &[]).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
    }
    let fields = [
        ("kind", "app"),
        ("app", "Example Wallet"),
        ("store", "a message"),
    ];
    assert_eq!(
        send(&house, "", "/report", &fields, &[]).await.status,
        StatusCode::SEE_OTHER
    );
    read(&house).await;
    let all = house.ledger.complaints(None, Page::ALL).await.unwrap();
    assert_eq!(all[1].incident_id, all[2].incident_id);
    assert_eq!(all[0].state, ComplaintState::Waiting);

    // A person decides; a branch's people and readers see nothing of it.
    let page = format!("/console/complaints/{}", all[0].number);
    assert_eq!(
        house.get("viewer", &page).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        house.get("party", &page).await.status,
        StatusCode::NOT_FOUND
    );
    assert!(
        house
            .get("analyst", "/console/complaints")
            .await
            .body
            .contains("Example Wallet")
    );
    let form = [
        ("do", "open"),
        ("kind", "malicious-app"),
        ("about", "Example Wallet"),
    ];
    let opened = house
        .post("analyst", &format!("{page}/decide"), &form)
        .await;
    assert_eq!(opened.status, StatusCode::SEE_OTHER, "{}", opened.body);
    assert!(
        opened.said().contains("Joined to incident"),
        "{}",
        opened.said()
    );
    let again = house
        .post("analyst", &format!("{page}/decide"), &form)
        .await;
    assert_eq!(again.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn numbers_that_are_none_look_like_numbers_that_nobody_has_and_asking_is_limited() {
    let house = House::new().await;
    let cut = |text: String, typed: &str| text.replace(typed, "N");
    let unknown = "WF-0000-0000-0000-0000";
    let none = house.get("", &format!("/report/status/{unknown}")).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    for typed in ["hello", "WF-1", "0000-0000-0000", "' OR 1=1"] {
        let path = format!(
            "/report/status?number={}",
            typed.replace(' ', "%20").replace('\'', "%27")
        );
        let page = house.get("", &path).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND);
        let body = page.body.replace("&#39;", "'").replace("&#x27;", "'");
        let forms = |text: String| text.split("<footer").next().unwrap().to_owned();
        assert_eq!(
            forms(cut(body, typed)),
            forms(cut(none.body.clone(), unknown)),
            "{typed}"
        );
    }
    let mut refused = None;
    for _ in 0..40 {
        let page = house.get("", &format!("/report/status/{unknown}")).await;
        if page.status == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(page);
            break;
        }
    }
    assert!(refused.is_some(), "asking is limited");
}

#[tokio::test]
async fn what_is_wrong_is_said_beside_its_field_and_nothing_typed_is_lost() {
    let house = House::new().await;
    let fields = [
        ("kind", "defaced"),
        ("place", "login.example-bank-without-end-"),
        ("story", "</textarea><script>alert(1)</script>"),
        ("address", "no address"),
        ("homepage", "http://spam.example.test"),
    ];
    let page = send(&house, "", "/report", &fields, &[]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    for part in [
        "No address was recognized",
        "This does not look like a mail address.",
        "This field must stay empty",
        "value=\"defaced\" checked",
        "login.example-bank-without-end-",
        "value=\"no address\"",
    ] {
        assert!(page.body.contains(part), "{part}");
    }
    assert!(harmless(&page.body));
    assert!(
        house
            .ledger
            .complaints(None, Page::ALL)
            .await
            .unwrap()
            .is_empty()
    );
    let unknown = send(
        &house,
        "",
        "/report",
        &[("kind", "other"), ("admin", "1")],
        &[],
    )
    .await;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn files_that_mean_harm_are_not_kept() {
    let house = House::new().await;
    let bomb = bomb();
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>".to_vec();
    let html = b"<html><script>alert(1)</script>".to_vec();
    let cut = picture(ImageFormat::Jpeg)[..40].to_vec();
    let large = vec![0xff; (5 << 20) + 1];
    for bytes in [&bomb, &svg, &html, &cut, &large] {
        let fields = [("kind", "phishing"), ("place", "a.example.test")];
        let page = send(
            &house,
            "",
            "/report",
            &fields,
            &[("a.png", "image/png", bytes)],
        )
        .await;
        assert_eq!(
            page.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{} bytes",
            bytes.len()
        );
        assert!(page.body.contains("a.example.test"), "what was typed stays");
    }
    let png = picture(ImageFormat::Png);
    let four = [
        ("1", "", &png[..]),
        ("2", "", &png[..]),
        ("3", "", &png[..]),
        ("4", "", &png[..]),
    ];
    let fields = [("kind", "phishing"), ("place", "a.example.test")];
    let page = send(&house, "", "/report", &fields, &four).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        house
            .ledger
            .complaints(None, Page::ALL)
            .await
            .unwrap()
            .is_empty()
    );
    // A picture with a page behind it, under a name that breaks out of its line.
    let mut both = picture(ImageFormat::Gif);
    both.extend_from_slice(b"<html><script>alert(1)</script>");
    let name = "a.gif%0d%0aX-Evil: 1";
    house.pass(HOUR);
    let sent = send(
        &house,
        "",
        "/report",
        &fields,
        &[(name, "image/svg+xml", &both)],
    )
    .await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
    let number = house.ledger.complaints(None, Page::ALL).await.unwrap()[0].number;
    let shown = house
        .get("analyst", &format!("/console/complaints/{number}/files/1"))
        .await;
    assert_eq!(shown.headers[header::CONTENT_TYPE], "image/png");
    assert!(!shown.body.contains("script"));
    let original = house
        .get(
            "analyst",
            &format!("/console/complaints/{number}/originals/1"),
        )
        .await;
    assert_eq!(
        original.headers[header::CONTENT_TYPE],
        "application/octet-stream"
    );
    assert_eq!(original.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    let disposition = original.headers[header::CONTENT_DISPOSITION]
        .to_str()
        .unwrap();
    assert_eq!(
        disposition,
        format!("attachment; filename=\"complaint-{number}-1.quarantined\"")
    );
    assert!(
        original.headers[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap()
            .contains("sandbox")
    );
    for login in ["viewer", "party", "editor", ""] {
        let denied = house
            .get(login, &format!("/console/complaints/{number}/originals/1"))
            .await;
        assert_ne!(denied.status, StatusCode::OK, "{login}");
    }
    assert_eq!(
        house
            .get("analyst", &format!("/console/complaints/{number}/files/2"))
            .await
            .status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn strings_that_mean_harm_are_text_wherever_they_are_shown() {
    let house = House::new().await;
    for text in NAUGHTY {
        house.pass(HOUR);
        let fields = [
            ("kind", "other"),
            ("app", text),
            ("store", text),
            ("story", text),
        ];
        let sent = send(&house, "", "/report", &fields, &[]).await;
        assert_eq!(
            sent.status,
            StatusCode::SEE_OTHER,
            "{text:?}: {}",
            sent.body
        );
        let number = house.ledger.complaints(None, Page::ALL).await.unwrap()[0].number;
        for path in [
            "/console/complaints".to_owned(),
            format!("/console/complaints/{number}"),
        ] {
            let page = house.get("analyst", &path).await;
            assert_eq!(page.status, StatusCode::OK, "{text:?}");
            assert!(harmless(&page.body), "{text:?} in {path}");
        }
    }
}

#[tokio::test]
async fn a_source_and_an_address_have_their_limits() {
    let house = House::new().await;
    let fields = [
        ("kind", "phishing"),
        ("place", "a.example.test"),
        ("address", "victim@example.com"),
    ];
    for _ in 0..5 {
        let sent = send(&house, "", "/report", &fields, &[]).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER);
    }
    let sixth = send(&house, "", "/report", &fields, &[]).await;
    assert_eq!(sixth.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        sixth.body.contains("given several times today"),
        "{}",
        sixth.body
    );
    for _ in 0..4 {
        send(&house, "", "/report", &fields[..2], &[]).await;
    }
    let more = send(&house, "", "/report", &fields[..2], &[]).await;
    assert_eq!(more.status, StatusCode::TOO_MANY_REQUESTS);
    house.pass(DAY + MINUTE);
    let next_day = send(&house, "", "/report", &fields, &[]).await;
    assert_eq!(next_day.status, StatusCode::SEE_OTHER);
}
