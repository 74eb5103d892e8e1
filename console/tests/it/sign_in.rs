//! Signing in: the cookie, where it leads, and what a browser of another site can make of it.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};

use crate::house::{House, MINUTE, PASSWORD};

#[tokio::test]
async fn a_person_signs_in_reads_and_leaves() {
    let house = House::new().await;
    house.password("analyst").await;
    let page = house.get("", "/console").await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    assert_eq!(page.location(), "/console/sign-in?to=%2Fconsole");
    let form = [("login", "analyst"), ("password", "wrong password 1")];
    let wrong = house.post("", "/console/sign-in", &form).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(wrong.headers.get(header::SET_COOKIE).is_none());
    let form = [("login", " Analyst "), ("password", PASSWORD)];
    let signed = house.post("", "/console/sign-in", &form).await;
    assert_eq!(signed.location(), "/console");
    let cookie = signed.headers[header::SET_COOKIE].to_str().unwrap();
    for part in [
        "__Host-watchfire=",
        "Path=/",
        "Secure",
        "HttpOnly",
        "SameSite=Lax",
    ] {
        assert!(cookie.contains(part), "{part}: {cookie}");
    }
    let pair = cookie.split(';').next().unwrap().to_owned();
    let with = |path: &str| {
        let request = Request::builder().uri(path).header(header::COOKIE, &pair);
        request.body(Body::empty()).unwrap()
    };
    let page = house.send(with("/console")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("总览"), "{}", page.body);
    house.pass(12 * 60 * MINUTE + MINUTE);
    let late = house.send(with("/console")).await;
    assert_eq!(
        late.status,
        StatusCode::SEE_OTHER,
        "a session that idles ends"
    );
}

#[tokio::test]
async fn after_sign_in_nobody_is_led_away() {
    let house = House::new().await;
    house.password("analyst").await;
    for to in [
        "https://evil.example.test/",
        "//evil.example.test/",
        "/\\evil.example.test",
    ] {
        let form = [("login", "analyst"), ("password", PASSWORD), ("to", to)];
        let signed = house.post("", "/console/sign-in", &form).await;
        assert_eq!(signed.location(), "/console", "{to}");
    }
}

#[tokio::test]
async fn another_site_cannot_act_with_our_cookie() {
    let house = House::new().await;
    let cookie = house.cookie("analyst").await;
    let ask = |name: &'static str, value: &'static str| {
        let request = Request::builder()
            .method("POST")
            .uri("/console/sign-out")
            .header(header::HOST, "console.example.test")
            .header(header::COOKIE, &cookie)
            .header(name, value);
        request.body(Body::empty()).unwrap()
    };
    for (name, value, status) in [
        ("sec-fetch-site", "cross-site", StatusCode::FORBIDDEN),
        ("sec-fetch-site", "same-site", StatusCode::FORBIDDEN),
        ("origin", "https://evil.example.test", StatusCode::FORBIDDEN),
        ("origin", "null", StatusCode::FORBIDDEN),
        ("x-nothing", "said", StatusCode::FORBIDDEN),
        (
            "origin",
            "https://console.example.test",
            StatusCode::SEE_OTHER,
        ),
    ] {
        let answer = house.send(ask(name, value)).await;
        assert_eq!(answer.status, status, "{name}: {value}");
    }
}

#[tokio::test]
async fn what_is_not_yours_looks_like_what_is_not_there() {
    let house = House::new().await;
    let denied = house.get("party", "/console").await;
    let absent = house.get("party", "/console/no-such-page").await;
    assert_eq!(denied.status, StatusCode::NOT_FOUND);
    assert_eq!(absent.status, StatusCode::NOT_FOUND);
    let cut = |text: &str| text.replace("/console/no-such-page", "/console");
    assert_eq!(cut(&denied.body), cut(&absent.body));
}
