//! Acts of weight ask once more who is there: ten minutes after the last password or code, on a page that does without
//! script what was asked for, and with a problem for programs. Tokens are not asked.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use console::access::SignIn;
use model::newsroom::Right;
use serde_json::json;
use tokio::sync::watch;

use crate::house::{Answer, House, MINUTE, PASSWORD};

/// Everything that asks. Whoever adds a route of weight adds it here; whoever loses one is told.
const ASKING: [&str; 24] = [
    "DELETE /api/v1/accounts/{login}/second-factor",
    "POST /api/v1/accounts",
    "POST /api/v1/accounts/{login}/organization",
    "POST /api/v1/accounts/{login}/password",
    "POST /api/v1/bulletins/flash/{number}/approve",
    "POST /api/v1/bulletins/flash/{number}/publish",
    "POST /api/v1/bulletins/{issue}/approve",
    "POST /api/v1/bulletins/{issue}/publish",
    "POST /api/v1/deputies",
    "POST /api/v1/me/tokens",
    "POST /api/v1/sending/arm",
    "POST /api/v1/sending/resume",
    "POST /console/bulletin/flash/{number}/approve",
    "POST /console/bulletin/flash/{number}/publish",
    "POST /console/bulletin/{issue}/approve",
    "POST /console/bulletin/{issue}/publish",
    "POST /console/notices/sending/arm",
    "POST /console/notices/sending/resume",
    "POST /console/settings/deputies",
    "POST /console/settings/tokens",
    "POST /console/settings/users",
    "POST /console/settings/users/{login}/organization",
    "POST /console/settings/users/{login}/password",
    "POST /console/settings/users/{login}/second-factor",
];

/// Sends a body with a session's cookie.
async fn send(house: &House, cookie: &str, path: &str, kind: &str, body: String) -> Answer {
    let request = Request::builder()
        .method("POST")
        .uri(path)
        .header(header::HOST, "console.example.test")
        .header(
            header::REFERER,
            "http://console.example.test/console/settings/users?lang=en",
        )
        .header(header::ACCEPT_LANGUAGE, "en")
        .header("sec-fetch-site", "same-origin")
        .header(header::COOKIE, cookie)
        .header(header::CONTENT_TYPE, kind);
    house.send(request.body(Body::from(body)).unwrap()).await
}

async fn form(house: &House, cookie: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(fields);
    let kind = "application/x-www-form-urlencoded";
    send(house, cookie, path, kind, body.finish()).await
}

const USERS: &str = "/console/settings/users";
const NEW: [(&str, &str); 4] = [
    ("login", "sun"),
    ("name", "孙 <b>&\"x"),
    ("viewer", "true"),
    ("new", "true"),
];

async fn is_there(house: &House, login: &str) -> bool {
    house.ledger.account(login).await.unwrap().is_some()
}

#[test]
fn what_asks_is_a_closed_list() {
    let mut asking: Vec<String> = console::routes::all()
        .filter(|route| route.fresh)
        .map(|route| format!("{} {}", route.verb.as_str(), route.path))
        .collect();
    asking.sort();
    assert_eq!(asking, ASKING);
}

#[tokio::test]
async fn a_page_asks_and_then_does_what_was_asked_for() {
    let house = House::new().await;
    house.password("administrator").await;
    let cookie = house.cookie("administrator").await;
    house.pass(11 * MINUTE);
    let asked = form(&house, &cookie, USERS, &NEW).await;
    assert_eq!(asked.status, StatusCode::FORBIDDEN);
    assert!(
        asked.body.contains("name=\"proof\"")
            && asked.body.contains("name=\"login\" value=\"sun\""),
        "{}",
        asked.body
    );
    assert!(asked.body.contains("href=\"/console/settings/users\""));
    // What was typed stands in the form as it was, and is no markup.
    assert!(
        asked.body.contains("孙 &#60;b&#62;&#38;&#34;x"),
        "{}",
        asked.body
    );
    assert!(!is_there(&house, "sun").await, "nothing was done");
    // A wrong one does nothing, and is counted.
    let wrong = [&NEW[..], &[("proof", "correct horse batterz")]].concat();
    let wrong = form(&house, &cookie, USERS, &wrong).await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    assert!(wrong.body.contains("role=\"alert\"") && !wrong.body.contains("batterz"));
    assert!(!is_there(&house, "sun").await);
    // The right one does it at once, and counts for ten minutes.
    let right = [&NEW[..], &[("proof", PASSWORD)]].concat();
    let done = form(&house, &cookie, USERS, &right).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    let made = house.ledger.account("sun").await.unwrap().unwrap();
    assert_eq!(made.name, NEW[1].1);
    house.pass(9 * MINUTE);
    let other = [("login", "zhao"), ("viewer", "true"), ("new", "true")];
    let done = form(&house, &cookie, USERS, &other).await;
    assert_eq!(
        done.status,
        StatusCode::SEE_OTHER,
        "not asked again so soon"
    );
    house.pass(2 * MINUTE);
    let asked = form(&house, &cookie, USERS, &other).await;
    assert_eq!(asked.status, StatusCode::FORBIDDEN, "the time is over");
    // Reading is never asked about.
    let request = Request::get(USERS).header(header::COOKIE, &cookie);
    let read = house.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(read.status, StatusCode::OK);
}

#[tokio::test]
async fn a_program_is_told_and_a_token_is_not_asked() {
    let house = House::new().await;
    house.password("administrator").await;
    let cookie = house.cookie("administrator").await;
    house.pass(11 * MINUTE);
    let body = json!({ "login": "sun", "roles": ["viewer"] }).to_string();
    let json = "application/json";
    let told = send(&house, &cookie, "/api/v1/accounts", json, body.clone()).await;
    assert_eq!(told.status, StatusCode::FORBIDDEN);
    assert_eq!(told.json()["type"], "urn:watchfire:problem:reauthenticate");
    assert!(!is_there(&house, "sun").await);
    let proof = |text: &str| json!({ "proof": text }).to_string();
    let again = "/api/v1/me/again";
    let wrong = send(&house, &cookie, again, json, proof("123456")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let still = send(&house, &cookie, "/api/v1/accounts", json, body.clone()).await;
    assert_eq!(still.status, StatusCode::FORBIDDEN);
    let right = send(&house, &cookie, again, json, proof(PASSWORD)).await;
    assert_eq!(right.status, StatusCode::NO_CONTENT, "{}", right.body);
    let done = send(&house, &cookie, "/api/v1/accounts", json, body).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    // A token was made for what it may do.
    let now = house.now();
    let new = ledger::NewApiToken {
        login: "administrator".to_owned(),
        name: "program".to_owned(),
        hash: ledger::Hash::of(b"wf_program"),
        scopes: vec![Right::Administer],
        expires_at: now + 60 * MINUTE,
    };
    house
        .ledger
        .add_api_token("administrator", new, now)
        .await
        .unwrap();
    house.pass(30 * MINUTE);
    let request = Request::post("/api/v1/accounts")
        .header(header::AUTHORIZATION, "Bearer wf_program")
        .header(header::CONTENT_TYPE, json)
        .body(Body::from(
            json!({ "login": "qian", "roles": ["viewer"] }).to_string(),
        ));
    let done = house.send(request.unwrap()).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
}

#[tokio::test]
async fn every_act_of_weight_asks_before_it_looks_at_anything() {
    let terms = SignIn {
        proof_minutes: 0,
        ..SignIn::default()
    };
    let (_kept, terms) = watch::channel(Arc::new(terms));
    let house = House::with(|desk| desk.signing_in(terms)).await;
    let people = ["administrator", "lead", "approver", "editor", "viewer"];
    for route in console::routes::all().filter(|route| route.fresh) {
        let path = route.path.replace("{login}", "viewer");
        let path = path.replace("{issue}", "2026-47").replace("{number}", "1");
        let mut asked = false;
        for login in people {
            let answer = match path.starts_with("/api/") {
                true => {
                    let verb = route.verb.as_str();
                    house.json(login, verb, &path, &json!({})).await
                }
                false => house.post(login, &path, &[]).await,
            };
            let by_page = answer.body.contains("sign-in") && answer.body.contains("<form");
            let by_problem = answer.body.contains("problem:reauthenticate");
            assert!(
                matches!(answer.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND),
                "{path} {login}: {}",
                answer.status
            );
            asked |= answer.status == StatusCode::FORBIDDEN && (by_page || by_problem);
        }
        assert!(asked, "{path} asks nobody");
    }
}
