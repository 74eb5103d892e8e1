//! What every route of the API has in common: a document, keys that make a request act once, tags, changes as they
//! happen; and webhooks.

use std::path::PathBuf;
use std::pin::Pin;
use std::process::Command;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use futures_core::Stream;
use ledger::NewAudit;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::house::House;

/// A request of a program: JSON with a cookie, and headers.
async fn ask(
    house: &House,
    login: &str,
    (method, path): (&str, &str),
    headers: &[(&str, &str)],
    body: &Value,
) -> crate::house::Answer {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("sec-fetch-site", "same-origin")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::COOKIE, house.cookie(login).await);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = match body {
        Value::Null => Body::empty(),
        body => Body::from(body.to_string()),
    };
    house.send(request.body(body).unwrap()).await
}

fn hook(name: &str) -> Value {
    json!({ "name": name, "url": "https://hooks.example.test/in", "kinds": ["incident."] })
}

#[tokio::test]
async fn the_document_holds_what_the_table_of_routes_holds() {
    let house = House::new().await;
    let answer = house.get("", "/api/v1/openapi.json").await;
    assert_eq!(answer.status, StatusCode::OK);
    let document = answer.json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = Vec::new();
    for route in console::routes::all().filter(|route| route.described.is_some()) {
        let path = route.path.replace("{*", "{");
        let verb = route.verb.as_str().to_lowercase();
        let operation = &document["paths"][&path][&verb];
        assert!(operation.is_object(), "{verb} {path}");
        assert!(
            !operation["summary"].as_str().unwrap().is_empty(),
            "{verb} {path}"
        );
        ids.push(operation["operationId"].as_str().unwrap().to_owned());
    }
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all, "an operation has an id of its own");
    // The same again is not sent.
    let tag = answer.headers[header::ETAG].to_str().unwrap().to_owned();
    let again = Request::builder()
        .uri("/api/v1/openapi.json")
        .header(header::IF_NONE_MATCH, tag);
    let again = house.send(again.body(Body::empty()).unwrap()).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    assert!(again.body.is_empty());
}

/// The validator of the OpenAPI initiative's schemas (PyPI `openapi-spec-validator`) finds nothing; of a broken twin
/// it does.
#[tokio::test]
async fn others_find_the_document_sound() {
    let python = std::env::var_os("WATCHFIRE_PEERS")
        .map(|folder| PathBuf::from(folder).join("bin/python"))
        .filter(|python| {
            let tried = Command::new(python)
                .args(["-c", "import openapi_spec_validator"])
                .output();
            tried.is_ok_and(|done| done.status.success())
        });
    let Some(python) = python else {
        eprintln!("SKIPPED: no openapi-spec-validator; see .ci/run and WATCHFIRE_PEERS");
        return;
    };
    let house = House::new().await;
    let sound = house.get("", "/api/v1/openapi.json").await.json();
    let mut broken = sound.clone();
    broken["paths"]["/api/v1/changes"]["get"]["responses"] = json!({ "twohundred": {} });
    for (name, document, good) in [("sound", sound, true), ("broken", broken, false)] {
        let file = house.folder.path().join(format!("{name}.json"));
        std::fs::write(&file, document.to_string()).unwrap();
        let judged = Command::new(&python)
            .args(["-m", "openapi_spec_validator"])
            .arg(&file)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&judged.stdout).into_owned();
        assert_eq!(judged.status.success(), good, "{name}: {told}");
    }
}

#[tokio::test]
async fn a_key_makes_a_request_act_once() {
    let house = House::new().await;
    let (who, to) = ("administrator", ("POST", "/api/v1/webhooks/1/test"));
    let made = house
        .json(who, "POST", "/api/v1/webhooks", &hook("one"))
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let key = [("idempotency-key", "a-1")];
    let first = ask(&house, who, to, &key, &Value::Null).await;
    assert_eq!(first.status, StatusCode::ACCEPTED, "{}", first.body);
    let again = ask(&house, who, to, &key, &Value::Null).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.headers[header::CONTENT_TYPE], "application/json");
    let calls = house.get(who, "/api/v1/webhooks/1/calls").await.json();
    assert_eq!(calls["items"].as_array().unwrap().len(), 1);
    // The same key for something else, and the same by somebody else.
    let other = ask(&house, who, to, &key, &json!({ "x": 1 })).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        other.headers[header::CONTENT_TYPE],
        "application/problem+json"
    );
    let theirs = ask(&house, "viewer", to, &key, &Value::Null).await;
    assert_eq!(theirs.status, StatusCode::NOT_FOUND);
    // A refusal is an answer too.
    let absent = ("POST", "/api/v1/webhooks/9/test");
    for replayed in [false, true] {
        let answer = ask(
            &house,
            who,
            absent,
            &[("idempotency-key", "a-2")],
            &Value::Null,
        )
        .await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert_eq!(
            answer.headers.contains_key("idempotency-replayed"),
            replayed
        );
    }
    let long = "x".repeat(256);
    let answer = ask(&house, who, to, &[("idempotency-key", &long)], &Value::Null).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    // After a day it is forgotten.
    house.pass(25 * 60 * crate::house::MINUTE);
    let later = ask(&house, who, to, &key, &Value::Null).await;
    assert_eq!(later.status, StatusCode::ACCEPTED);
    assert!(!later.headers.contains_key("idempotency-replayed"));
}

#[tokio::test]
async fn an_answer_with_a_secret_is_not_kept() {
    let house = House::new().await;
    let (who, to) = ("administrator", ("POST", "/api/v1/webhooks"));
    let key = [("idempotency-key", "b-1")];
    let made = ask(&house, who, to, &key, &hook("one")).await;
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_"));
    let again = ask(&house, who, to, &key, &hook("one")).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(!again.body.contains(&secret));
    assert_eq!(house.ledger.hooks().await.unwrap().len(), 1);
    for path in [
        "/api/v1/webhooks",
        "/api/v1/webhooks/1",
        "/console/settings/webhooks",
        "/console/settings/webhooks/1",
    ] {
        let shown = house.get(who, path).await;
        assert_eq!(shown.status, StatusCode::OK);
        assert!(!shown.body.contains(&secret), "{path}");
    }
}

#[tokio::test]
async fn of_two_at_once_one_acts() {
    let house = House::new().await;
    let hash = ledger::Hash::of(b"a");
    let now = house.now();
    let name = ("administrator", "k");
    let claim = || house.ledger.once(name, hash, now + 1_000, now);
    assert_eq!(claim().await.unwrap(), ledger::Once::Claimed);
    assert_eq!(claim().await.unwrap(), ledger::Once::UnderWay);
    house.ledger.once_given_back(name).await.unwrap();
    assert_eq!(claim().await.unwrap(), ledger::Once::Claimed);
}

#[tokio::test]
async fn a_change_of_what_was_changed_meanwhile_is_refused() {
    let house = House::new().await;
    let who = "administrator";
    house
        .json(who, "POST", "/api/v1/webhooks", &hook("one"))
        .await;
    let read = house.get(who, "/api/v1/webhooks/1").await;
    let tag = read.headers[header::ETAG].to_str().unwrap().to_owned();
    let to = ("DELETE", "/api/v1/webhooks/1");
    let old = ask(&house, who, to, &[("if-match", "\"0123\"")], &Value::Null).await;
    assert_eq!(old.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(old.json()["type"], "urn:watchfire:problem:changed");
    let new = ask(&house, who, to, &[("if-match", &tag)], &Value::Null).await;
    assert_eq!(new.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn what_the_framework_refuses_is_told_in_our_words() {
    let house = House::new().await;
    let who = "administrator";
    let number = house.get(who, "/api/v1/webhooks/none").await;
    assert_eq!(number.status, StatusCode::NOT_FOUND);
    assert_eq!(
        number.headers[header::CONTENT_TYPE],
        "application/problem+json"
    );
    house
        .json(who, "POST", "/api/v1/webhooks", &hook("one"))
        .await;
    let query = house.get(who, "/api/v1/webhooks/1/calls?limit=many").await;
    assert_eq!(query.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        query.headers[header::CONTENT_TYPE],
        "application/problem+json"
    );
    let method = house.json(who, "PUT", "/api/v1/webhooks", &json!({})).await;
    assert_eq!(method.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(method.headers.contains_key(header::ALLOW));
    assert_eq!(
        method.headers[header::CONTENT_TYPE],
        "application/problem+json"
    );
    for wrong in [
        json!({ "name": "", "url": "https://a.example.test/", "kinds": ["*"] }),
        json!({ "name": "a", "url": "ftp://a.example.test/", "kinds": ["*"] }),
        json!({ "name": "a", "url": "https://user:x@a.example.test/", "kinds": ["*"] }),
        json!({ "name": "a", "url": "https://a.example.test/", "kinds": [] }),
        json!({ "name": "a", "url": "https://a.example.test/", "kinds": ["Bad Kind"] }),
        json!({ "name": "a", "url": "https://a.example.test/", "kinds": ["*"], "more": 1 }),
    ] {
        let answer = house.json(who, "POST", "/api/v1/webhooks", &wrong).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
}

/// Lines of changes, read as they come.
struct Lines {
    body: axum::body::BodyDataStream,
    text: String,
}

impl Lines {
    async fn of(house: &House, login: &str, path: &str, last: Option<&str>) -> Lines {
        let mut request = Request::builder()
            .uri(path)
            .header("sec-fetch-site", "same-origin")
            .header(header::COOKIE, house.cookie(login).await);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = house.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "text/event-stream"
        );
        Lines {
            body: response.into_body().into_data_stream(),
            text: String::new(),
        }
    }

    /// The next events' data, until `count` came or three seconds passed.
    async fn events(&mut self, count: usize) -> Vec<Value> {
        let wait = async {
            loop {
                let found = self.found();
                if found.len() >= count {
                    return;
                }
                let next = std::future::poll_fn(|cx| Pin::new(&mut self.body).poll_next(cx));
                match next.await {
                    Some(Ok(bytes)) => self.text.push_str(&String::from_utf8_lossy(&bytes)),
                    _ => return,
                }
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(3), wait).await;
        self.found()
    }

    fn found(&self) -> Vec<Value> {
        self.text
            .split("\n\n")
            .filter(|event| event.contains("event: change"))
            .filter_map(|event| event.lines().find_map(|line| line.strip_prefix("data: ")))
            .map(|data| serde_json::from_str(data).unwrap())
            .collect()
    }
}

fn record(action: &str, object: &str) -> NewAudit {
    NewAudit {
        actor: "analyst".to_owned(),
        action: action.to_owned(),
        object: object.to_owned(),
        detail: json!({}),
    }
}

#[tokio::test]
async fn changes_are_told_as_they_happen_and_nothing_is_missed() {
    let house = House::new().await;
    let mut lines = Lines::of(&house, "viewer", "/console/changes?lang=en", None).await;
    house.incident("Phishing page", None).await;
    let told = lines.events(1).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["kind"], "incident.open");
    let place = told[0]["seq"].as_i64().unwrap().to_string();
    drop(lines);
    // What happens while nobody listens is told afterwards, and once.
    house.incident("Another page", None).await;
    house.incident("A third page", None).await;
    let mut lines = Lines::of(&house, "viewer", "/api/v1/changes", Some(&place)).await;
    let told = lines.events(2).await;
    assert_eq!(told.len(), 2);
    // Kinds are asked for by their beginnings.
    let mut lines = Lines::of(
        &house,
        "viewer",
        "/api/v1/changes?kinds=notice.,issue.lint&after=0",
        None,
    )
    .await;
    house
        .ledger
        .append_audit(record("issue.lint", "issue a"), house.now())
        .await
        .unwrap();
    let told = lines.events(1).await;
    assert_eq!(told[0]["kind"], "issue.lint");
}

#[tokio::test]
async fn nobody_is_told_of_what_is_not_theirs() {
    let house = House::new().await;
    let by = house
        .ledger
        .actor("administrator", model::newsroom::Right::Administer, 0)
        .await
        .unwrap();
    house
        .ledger
        .set_account_organization(&by, "analyst", Some("ORG-A"), house.now())
        .await
        .unwrap();
    let mut branch = Lines::of(&house, "analyst", "/api/v1/changes", None).await;
    let mut viewer = Lines::of(&house, "viewer", "/api/v1/changes", None).await;
    let mut all = Lines::of(&house, "administrator", "/api/v1/changes", None).await;
    house
        .ledger
        .append_audit(record("account.change", "account lead"), house.now())
        .await
        .unwrap();
    house.incident("Somebody else's", None).await;
    house
        .ledger
        .append_audit(record("notice.move", "notice NOT-1"), house.now())
        .await
        .unwrap();
    house.incident("The branch's own", Some("ORG-A")).await;
    let kinds = |told: Vec<Value>| {
        told.iter()
            .map(|one| one["kind"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let told = kinds(branch.events(2).await);
    assert_eq!(told, ["incident.open"], "its own incident only");
    let told = kinds(viewer.events(4).await);
    assert_eq!(told, ["incident.open", "notice.move", "incident.open"]);
    let told = kinds(all.events(4).await);
    assert!(told.contains(&"account.change".to_owned()));
    let party = house.get("party", "/api/v1/changes").await;
    assert_eq!(party.status, StatusCode::NOT_FOUND);
    let nobody = house.get("", "/api/v1/changes").await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_webhook_is_told_of_what_it_wants_and_can_be_told_again() {
    let house = House::new().await;
    let who = "administrator";
    house
        .json(who, "POST", "/api/v1/webhooks", &hook("one"))
        .await;
    house.incident("Phishing page", None).await;
    house
        .ledger
        .append_audit(record("issue.lint", "issue a"), house.now())
        .await
        .unwrap();
    let (calls, more) = house.ledger.note_calls(house.now()).await.unwrap();
    assert_eq!(
        (calls, more),
        (1, false),
        "the incident, and neither the issue nor the webhook itself"
    );
    assert_eq!(
        house.ledger.note_calls(house.now()).await.unwrap(),
        (0, false),
        "told once"
    );
    let listed = house.get(who, "/api/v1/webhooks/1/calls").await.json();
    assert_eq!(listed["items"][0]["kind"], "incident.open");
    assert_eq!(listed["items"][0]["state"], "waiting");
    let job = house
        .ledger
        .lease(house.now(), "test", &["hook"], 60)
        .await
        .unwrap()
        .unwrap();
    house
        .ledger
        .hook_called(1, ledger::CallState::Sent, "HTTP 204", house.now())
        .await
        .unwrap();
    house.ledger.complete(job, house.now()).await.unwrap();
    let again = house
        .json(
            who,
            "POST",
            "/api/v1/webhooks/1/calls/1/replay",
            &Value::Null,
        )
        .await;
    assert_eq!(again.status, StatusCode::NO_CONTENT, "{}", again.body);
    assert!(
        house
            .ledger
            .lease(house.now(), "test", &["hook"], 60)
            .await
            .unwrap()
            .is_some()
    );
    let other = house
        .json(
            who,
            "POST",
            "/api/v1/webhooks/2/calls/1/replay",
            &Value::Null,
        )
        .await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
    let page = house.get(who, "/console/settings/webhooks/1").await;
    assert!(page.body.contains("incident.open"));
    for login in ["viewer", "lead", "party"] {
        assert_eq!(
            house.get(login, "/console/settings/webhooks").await.status,
            StatusCode::NOT_FOUND
        );
    }
}

#[tokio::test]
async fn the_api_is_described_on_a_page() {
    let house = House::new().await;
    let page = house.get("viewer", "/console/settings/api").await;
    assert_eq!(page.status, StatusCode::OK);
    for route in console::routes::all().filter(|route| route.described.is_some()) {
        assert!(page.body.contains(route.path), "{}", route.path);
    }
}
