//! Every route of the table against everybody: nobody, each role of the house, and the same roles of two other
//! organizations. What is expected follows from the route's `Need`; denial looks like absence.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use console::routes::{Need, Verb};
use model::newsroom::{AccountRole, Right};
use tower::ServiceExt;

use crate::house::{Answer, House};

/// An address of a route, with something in each place.
fn address(path: &str) -> String {
    let mut out = String::new();
    for part in path.split('/').skip(1) {
        out.push('/');
        out.push_str(match part.starts_with('{') {
            true => "1",
            false => part,
        });
    }
    out
}

/// Sends what a program or a page sends when it knows nothing; of a stream only the head is read.
async fn reach(house: &House, login: &str, (verb, api): (&str, bool), path: &str) -> Answer {
    let mut request = Request::builder()
        .method(verb)
        .uri(path)
        .header(header::HOST, "console.example.test")
        .header(header::ACCEPT_LANGUAGE, "en")
        .header("sec-fetch-site", "same-origin");
    if !login.is_empty() {
        request = request.header(header::COOKIE, house.cookie(login).await);
    }
    let (kind, body) = match (verb, api) {
        ("GET", _) => ("", ""),
        (_, true) => ("application/json", "{}"),
        (_, false) => ("application/x-www-form-urlencoded", ""),
    };
    if !kind.is_empty() {
        request = request.header(header::CONTENT_TYPE, kind);
    }
    let request = request.body(Body::from(body)).unwrap();
    let response = house.router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let stream = parts
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == "text/event-stream");
    let body = match stream {
        true => Vec::new(),
        false => axum::body::to_bytes(body, 64 << 20).await.unwrap().to_vec(),
    };
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}

#[tokio::test]
async fn every_route_against_everybody() {
    let house = House::new().await;
    let by = house
        .ledger
        .actor("administrator", Right::Administer, 0)
        .await
        .unwrap();
    let roles = [
        AccountRole::Viewer,
        AccountRole::Analyst,
        AccountRole::Lead,
        AccountRole::Editor,
        AccountRole::Approver,
        AccountRole::Party,
    ];
    // The same roles in two other organizations; administrators are of the house only.
    let mut people: Vec<(String, Vec<AccountRole>, Option<&str>)> =
        vec![(String::new(), Vec::new(), None)];
    for role in roles {
        let label = model::worded::Word::label(role);
        people.push((label.to_owned(), vec![role], None));
        for organization in ["ORG-A", "ORG-B"] {
            let login = format!("{label}-{}", organization.to_lowercase());
            let held = [role];
            let new = (login.as_str(), "", held.as_slice(), true);
            house
                .ledger
                .set_account(&by, new, house.now())
                .await
                .unwrap();
            let set =
                house
                    .ledger
                    .set_account_organization(&by, &login, Some(organization), house.now());
            set.await.unwrap();
            people.push((login, vec![role], Some(organization)));
        }
    }
    people.push((
        "administrator".to_owned(),
        vec![AccountRole::Administrator],
        None,
    ));
    let own = house.incident("login page", Some("ORG-A")).await;
    let absent = house.get("viewer", "/console/settings/users/nobody").await;
    assert_eq!(absent.status, StatusCode::NOT_FOUND);
    let mut asked = 0;
    for route in console::routes::all() {
        let api = route.path.starts_with("/api/");
        let path = address(route.path);
        for (login, roles, organization) in &people {
            let (verb, need) = (route.verb.as_str(), route.need);
            let answer = reach(&house, login, (verb, api), &path).await;
            asked += 1;
            let case = format!("{verb} {path} as {login:?}");
            let may = match need {
                Need::Nothing => true,
                Need::SignedIn => !login.is_empty(),
                Need::Right(right) => roles.iter().any(|role| role.carries(right)),
            };
            // Every answer keeps a browser in bounds.
            for name in [
                "content-security-policy",
                "x-content-type-options",
                "referrer-policy",
                "cache-control",
                "cross-origin-opener-policy",
            ] {
                assert!(answer.headers.contains_key(name), "{case}: {name}");
            }
            let policy = answer.headers["content-security-policy"].to_str().unwrap();
            assert!(
                policy.contains("default-src 'none'") && !policy.contains("unsafe"),
                "{case}: {policy}"
            );
            if answer
                .headers
                .get(header::CONTENT_TYPE)
                .is_some_and(|kind| kind.to_str().unwrap().starts_with("text/html"))
            {
                assert!(
                    !answer.body.contains(" style=") && !answer.body.contains(" onclick="),
                    "{case}"
                );
            }
            let denied = matches!(
                answer.status,
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
            );
            match (may, login.is_empty()) {
                (true, _) => {
                    assert!(!denied, "{case}: {} {}", answer.status, answer.body);
                    assert!(
                        !answer.status.is_server_error(),
                        "{case}: {} {}",
                        answer.status,
                        answer.body
                    );
                }
                (false, true) if api || route.verb != Verb::Get => {
                    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{case}");
                }
                (false, true) => {
                    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{case}");
                    assert!(
                        answer.location().starts_with("/console/sign-in?to="),
                        "{case}"
                    );
                }
                // Denial looks like absence: the same status, and nothing that tells of more.
                (false, false) if api => {
                    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{case}");
                    let told = answer.json();
                    assert_eq!(told["type"], "urn:watchfire:problem:not-found", "{case}");
                    assert!(told.get("detail").is_none(), "{case}: {told}");
                }
                (false, false) => {
                    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{case}");
                    assert!(
                        answer.body.contains("Nothing is here"),
                        "{case}: {}",
                        answer.body
                    );
                }
            }
            // The house's own matters are not those of others, whatever their role.
            let of_the_house = [
                "/console/settings/users",
                "/console/settings/deputies",
                "/console/audit",
                "/api/v1/audit",
                "/api/v1/settings",
                "/api/v1/accounts",
                "/api/v1/deputies",
            ];
            let houses = path == "/console/settings"
                || of_the_house.iter().any(|stem| path.starts_with(stem));
            if houses && organization.is_some() {
                assert_eq!(answer.status, StatusCode::NOT_FOUND, "{case}");
            }
            // What belongs to one organization is absent for the other.
            if route.verb == Verb::Get
                && route.path.contains("/incidents/{")
                && need == Need::Right(Right::View)
            {
                let path = route
                    .path
                    .replace("{number}", &own.to_string())
                    .replace("{id}", &own.to_string());
                if !path.contains('{') && *organization == Some("ORG-B") {
                    let other = house.get(login, &path).await;
                    assert_eq!(other.status, StatusCode::NOT_FOUND, "{path} as {login}");
                }
            }
        }
    }
    assert!(asked > 600, "{asked} requests");
}
