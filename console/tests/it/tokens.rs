//! Tokens of the API: a part of what their account may, until their day, so many calls a minute.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use console::access::SignIn;
use ledger::{Hash, NewApiToken, NewToken};
use model::newsroom::{AccountRole, Right};
use tokio::sync::watch;

use crate::house::{Answer, House, MINUTE};

/// A token of the API in somebody's name.
async fn token(house: &House, login: &str, text: &str, scopes: &[Right]) -> i64 {
    let new = NewApiToken {
        login: login.to_owned(),
        name: text.to_owned(),
        hash: Hash::of(text.as_bytes()),
        scopes: scopes.to_vec(),
        expires_at: house.now() + 24 * 60 * MINUTE,
    };
    house
        .ledger
        .add_api_token(login, new, house.now())
        .await
        .unwrap()
}

async fn call(house: &House, token: &str, method: &str, path: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json");
    let body = match method {
        "GET" => Body::empty(),
        _ => Body::from("{\"name\":\"more\",\"days\":300,\"scopes\":[\"administer\"]}"),
    };
    house.send(request.body(body).unwrap()).await
}

#[tokio::test]
async fn a_token_does_a_part_of_what_its_account_may_and_no_more() {
    let house = House::new().await;
    token(&house, "administrator", "wf_reads", &[Right::View]).await;
    let number = token(&house, "administrator", "wf_keeps", &[Right::Administer]).await;
    let me = call(&house, "wf_reads", "GET", "/api/v1/me").await;
    assert_eq!(me.json()["rights"], serde_json::json!(["view"]));
    for name in ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"] {
        assert!(me.headers.contains_key(name), "{name}");
    }
    let accounts = call(&house, "wf_reads", "GET", "/api/v1/accounts").await;
    assert_eq!(accounts.status, StatusCode::NOT_FOUND, "not in its scope");
    let accounts = call(&house, "wf_keeps", "GET", "/api/v1/accounts").await;
    assert_eq!(accounts.json()["items"].as_array().unwrap().len(), 8);
    let audit = call(&house, "wf_keeps", "GET", "/api/v1/audit").await;
    assert_eq!(audit.status, StatusCode::NOT_FOUND);
    // Nothing beyond the account, whatever is asked for.
    let more = NewApiToken {
        login: "viewer".to_owned(),
        name: "more".to_owned(),
        hash: Hash::of(b"wf_more"),
        scopes: vec![Right::View, Right::Administer],
        expires_at: house.now() + MINUTE,
    };
    assert!(
        house
            .ledger
            .add_api_token("viewer", more, house.now())
            .await
            .is_err()
    );
    // It makes no other token, opens no page, and its owner's account is not changed by it.
    let made = call(&house, "wf_keeps", "POST", "/api/v1/me/tokens").await;
    assert_eq!(made.status, StatusCode::NOT_FOUND);
    for path in [
        "/console",
        "/console/me",
        "/console/me/password",
        "/console/settings/users",
    ] {
        let page = call(&house, "wf_keeps", "GET", path).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
    }
    // The account loses the right: so does the token.
    let by = house
        .ledger
        .actor("administrator", Right::Administer, 0)
        .await
        .unwrap();
    let second = [AccountRole::Administrator];
    house
        .ledger
        .set_account(&by, ("lead", "lead", &second, true), house.now())
        .await
        .unwrap();
    let viewer = [AccountRole::Viewer];
    let new = ("administrator", "administrator", viewer.as_slice(), true);
    house
        .ledger
        .set_account(&by, new, house.now())
        .await
        .unwrap();
    let accounts = call(&house, "wf_keeps", "GET", "/api/v1/accounts").await;
    assert_eq!(accounts.status, StatusCode::NOT_FOUND);
    house
        .ledger
        .revoke_api_token("lead", number, None, house.now())
        .await
        .unwrap();
    let void = call(&house, "wf_keeps", "GET", "/api/v1/me").await;
    assert_eq!(void.status, StatusCode::UNAUTHORIZED);
    // The account is closed: its tokens are dead.
    let new = ("administrator", "administrator", viewer.as_slice(), false);
    house
        .ledger
        .set_account(&by, new, house.now())
        .await
        .unwrap();
    let dead = call(&house, "wf_reads", "GET", "/api/v1/me").await;
    assert_eq!(dead.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn tokens_end_on_their_day_and_feed_tokens_open_nothing() {
    let house = House::new().await;
    token(&house, "analyst", "wf_day", &[Right::View]).await;
    assert_eq!(
        call(&house, "wf_day", "GET", "/api/v1/me").await.status,
        StatusCode::OK
    );
    house.pass(24 * 60 * MINUTE);
    let late = call(&house, "wf_day", "GET", "/api/v1/me").await;
    assert_eq!(late.status, StatusCode::UNAUTHORIZED);
    let feed = NewToken {
        name: "mail".to_owned(),
        hash: Hash::of(b"wf_feed"),
        feed: None,
    };
    house
        .ledger
        .add_token(feed, "administrator", house.now())
        .await
        .unwrap();
    // Not even together with a good session: whoever shows a token is taken at that.
    let own = house.cookie("administrator").await;
    for path in [
        "/api/v1/me",
        "/api/v1/accounts",
        "/console",
        "/api/v1/audit",
    ] {
        let request = Request::builder()
            .uri(path)
            .header(header::AUTHORIZATION, "Bearer wf_feed")
            .header(header::COOKIE, &own)
            .body(Body::empty());
        let answer = house.send(request.unwrap()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn a_token_that_calls_too_often_waits() {
    let terms = SignIn {
        calls_per_minute: 5,
        ..SignIn::default()
    };
    let (_kept, terms) = watch::channel(Arc::new(terms));
    let house = House::with(|desk| desk.signing_in(terms)).await;
    token(&house, "analyst", "wf_busy", &[Right::View]).await;
    token(&house, "viewer", "wf_calm", &[Right::View]).await;
    for left in (0..5).rev() {
        let answer = call(&house, "wf_busy", "GET", "/api/v1/me").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(
            answer.headers["ratelimit-remaining"],
            left.to_string().as_str()
        );
    }
    let busy = call(&house, "wf_busy", "GET", "/api/v1/me").await;
    assert_eq!(busy.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(busy.headers.contains_key(header::RETRY_AFTER));
    assert_eq!(
        busy.json()["type"],
        "urn:watchfire:problem:too-many-requests"
    );
    let calm = call(&house, "wf_calm", "GET", "/api/v1/me").await;
    assert_eq!(calm.status, StatusCode::OK, "another token is not touched");
}
