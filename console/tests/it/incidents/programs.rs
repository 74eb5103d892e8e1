//! Incidents entered by hand and read by programs; and who may do what.

use super::*;

#[tokio::test]
async fn an_incident_is_entered_by_hand() {
    let house = with_branch().await;
    let form = [
        ("kind", "phishing"),
        ("what", "Seen by chance"),
        ("url", "hxxps://Pay.Example[.]test/x"),
        ("host", ""),
        ("ip", ""),
        ("brand", ""),
        ("severity", "high"),
    ];
    let done = house.post("analyst", "/console/incidents/new", &form).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    let found = ok(house
        .get("analyst", "/api/v1/incidents?q=host%3Apay.example.test")
        .await)
    .json();
    assert_eq!(found["items"][0]["state"], "open");
    let form = [
        ("kind", "phishing"),
        ("what", "Nothing known"),
        ("url", ""),
        ("host", ""),
        ("ip", ""),
        ("brand", ""),
        ("severity", ""),
    ];
    let wrong = house.post("analyst", "/console/incidents/new", &form).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("Nothing known") && wrong.body.contains("Give a URL"));
    let body = json!({ "kind": "defacement", "what": "Ours", "ip": "192.0.2.9" });
    let made = house
        .json("branch", "POST", "/api/v1/incidents", &body)
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    assert_eq!(made.json()["owner"], "ORG-A");
}

#[tokio::test]
async fn lists_of_the_api_go_on_by_cursor() {
    let house = house().await;
    for n in 0..7 {
        house.incident(&format!("Page {n}"), None).await;
    }
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = ok(house
            .get(
                "viewer",
                &format!("/api/v1/incidents?limit=3&after={after}"),
            )
            .await)
        .json();
        all.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["number"].as_i64().unwrap()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        after = next.to_owned();
    }
    assert_eq!(all, [7, 6, 5, 4, 3, 2, 1]);
    for wrong in [
        "?limit=0",
        "?limit=501",
        "?after=x",
        "?q=statee:open",
        "?unknown=1",
    ] {
        let answer = house
            .get("viewer", &format!("/api/v1/incidents{wrong}"))
            .await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{wrong}: {}",
            answer.body
        );
        assert_eq!(
            answer.headers[header::CONTENT_TYPE],
            "application/problem+json"
        );
    }
    for part in ["events", "notes", "notices", "timeline"] {
        let page = ok(house
            .get("viewer", &format!("/api/v1/incidents/3/{part}?limit=5"))
            .await)
        .json();
        assert!(page["items"].is_array() && page["next"].is_null(), "{part}");
    }
}

/// Everything that can be asked about one incident.
fn asks(n: i64) -> Vec<(&'static str, String, Option<serde_json::Value>)> {
    let at = format!("/api/v1/incidents/{n}");
    let page = format!("/console/incidents/{n}");
    vec![
        ("GET", at.clone(), None),
        ("GET", format!("{at}/events"), None),
        ("GET", format!("{at}/notes"), None),
        ("GET", format!("{at}/notices"), None),
        ("GET", format!("{at}/timeline"), None),
        ("GET", format!("{at}/clocks/1/form"), None),
        ("GET", format!("{page}/form/1"), None),
        ("GET", page.clone(), None),
        ("GET", format!("{at}/plan"), None),
        ("GET", format!("{page}?do=close"), None),
        (
            "POST",
            format!("{at}/steps"),
            Some(json!({ "step": "validate", "reason": "x" })),
        ),
        ("POST", format!("{at}/notes"), Some(json!({ "body": "x" }))),
        ("PUT", format!("{at}/assignee"), Some(json!({ "to": "" }))),
        (
            "POST",
            format!("{at}/grade"),
            Some(json!({ "reason": "x" })),
        ),
        (
            "PUT",
            format!("{at}/marking"),
            Some(json!({ "tlp": "red", "reason": "x" })),
        ),
        (
            "POST",
            format!("{at}/merge"),
            Some(json!({ "whole": "1", "reason": "x" })),
        ),
        (
            "POST",
            format!("{at}/split"),
            Some(json!({ "events": [], "what": "x", "reason": "x" })),
        ),
        (
            "PUT",
            format!("{at}/campaign"),
            Some(json!({ "campaign": "x", "reason": "x" })),
        ),
        (
            "DELETE",
            format!("{at}/campaign"),
            Some(json!({ "reason": "x" })),
        ),
        ("POST", format!("{at}/dispatch"), Some(json!({}))),
        ("POST", format!("{at}/reminders"), Some(json!({}))),
        ("POST", format!("{at}/probes"), Some(json!({}))),
        (
            "POST",
            format!("{at}/clocks/1/end"),
            Some(json!({ "how": "done", "reason": "x" })),
        ),
        ("POST", format!("{page}/note"), Some(json!({ "body": "x" }))),
        ("POST", format!("{page}/live"), Some(json!({}))),
    ]
}

#[tokio::test]
async fn whoever_may_not_is_told_what_anybody_is_told_of_nothing() {
    let house = with_branch().await;
    let centre = house.incident("The centre's", None).await;
    let own = house.incident("The branch's", Some("ORG-A")).await;
    let ask = async |login: &str, method: &str, path: &str, body: &Option<serde_json::Value>| {
        match body {
            None => house.get(login, path).await,
            Some(body) => house.json(login, method, path, body).await,
        }
    };
    let absent = |answer: &Answer| answer.status == StatusCode::NOT_FOUND;
    for ((method, path, body), (_, nothing, _)) in asks(centre).into_iter().zip(asks(9_999)) {
        let of_nothing = ask("branch", method, &nothing, &body).await;
        let denied = ask("branch", method, &path, &body).await;
        assert!(
            absent(&denied),
            "{method} {path}: {} {}",
            denied.status,
            denied.body
        );
        if path.starts_with("/api/") {
            assert_eq!(denied.body, of_nothing.body, "{method} {path}");
        }
        let party = ask("party", method, &path, &body).await;
        assert!(absent(&party), "party {method} {path}");
        if method != "GET" || path.ends_with("/plan") {
            for login in ["viewer", "editor", "approver", "administrator"] {
                let denied = ask(login, method, &path, &body).await;
                assert!(
                    absent(&denied),
                    "{login} {method} {path}: {}",
                    denied.status
                );
            }
        }
    }
    assert_eq!(state(&house, centre).await, "open");
    let listed = ok(house.get("branch", &list("")).await);
    assert!(listed.body.contains(&format!("/console/incidents/{own}")));
    assert!(
        !listed
            .body
            .contains(&format!("/console/incidents/{centre}\"")),
        "{}",
        listed.body
    );
    let csv = ok(house.get("branch", "/console/incidents.csv?q=").await);
    assert!(!csv.body.contains("The centre"), "{}", csv.body);
    let step = json!({ "step": "validate", "reason": "seen" });
    ok(house
        .json(
            "branch",
            "POST",
            &format!("/api/v1/incidents/{own}/steps"),
            &step,
        )
        .await);
    let bulk = json!({ "act": "note", "incidents": [centre, own], "body": "both" });
    let told = house
        .json("branch", "POST", "/api/v1/incidents/bulk", &bulk)
        .await
        .json();
    assert_eq!(
        (told["done"].as_i64(), told["failed"].as_i64()),
        (Some(1), Some(1))
    );
    let give = json!({ "to": "branch" });
    let refused = house
        .json(
            "analyst",
            "PUT",
            &format!("/api/v1/incidents/{centre}/assignee"),
            &give,
        )
        .await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "who could not see it");
}
