//! What belongs together: incidents that become one, views of one matter, campaigns.

use axum::http::StatusCode;
use serde_json::json;

use super::{house, ok, state};

#[tokio::test]
async fn parts_are_merged_split_off_is_refused_without_events_and_campaigns_gather() {
    let house = house().await;
    let (part, whole) = (
        house.incident("One", None).await,
        house.incident("Other", None).await,
    );
    let form = [("whole", "#77"), ("reason", "same kit")];
    let wrong = house
        .post(
            "analyst",
            &format!("/console/incidents/{part}/merge"),
            &form,
        )
        .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let whole_text = whole.to_string();
    let form = [("whole", whole_text.as_str()), ("reason", "same kit")];
    let merged = house
        .post(
            "analyst",
            &format!("/console/incidents/{part}/merge"),
            &form,
        )
        .await;
    assert_eq!(merged.location(), format!("/console/incidents/{whole}"));
    assert_eq!(state(&house, part).await, "merged");
    let api = format!("/api/v1/incidents/{whole}");
    let body = json!({ "events": ["00".repeat(16)], "what": "x", "reason": "y" });
    assert_eq!(
        house
            .json("analyst", "POST", &format!("{api}/split"), &body)
            .await
            .status,
        StatusCode::CONFLICT
    );
    let body = json!({ "campaign": "kit 7", "reason": "same kit" });
    let joined = ok(house
        .json("analyst", "PUT", &format!("{api}/campaign"), &body)
        .await);
    assert!(
        joined.json()["campaign"]
            .as_str()
            .unwrap()
            .starts_with("CAM"),
        "{}",
        joined.body
    );
    let found = ok(house
        .get("analyst", "/api/v1/incidents?q=campaign%3A%22kit+7%22")
        .await);
    assert_eq!(found.json()["items"][0]["number"], whole);
    let body = json!({ "reason": "not the same" });
    let left = ok(house
        .json("analyst", "DELETE", &format!("{api}/campaign"), &body)
        .await);
    assert!(left.json()["campaign"].is_null());
}

#[tokio::test]
async fn one_matter_in_two_incidents_is_linked_and_one_of_them_counts() {
    let house = house().await;
    let (one, other) = (
        house.incident("One", None).await,
        house.incident("Other", None).await,
    );
    let page = format!("/console/incidents/{one}/same");
    let (with, counts) = (format!("#{other}"), other.to_string());
    let wrong = [("with", "#77"), ("counts", "1"), ("reason", "one page")];
    let refused = house.post("analyst", &page, &wrong).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let alone = [("with", ""), ("counts", "1"), ("reason", "one page")];
    let refused = house.post("analyst", &page, &alone).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.body);
    let form = [
        ("with", with.as_str()),
        ("counts", counts.as_str()),
        ("reason", "one page"),
    ];
    let linked = house.post("analyst", &page, &form).await;
    assert_eq!(linked.status, StatusCode::SEE_OTHER, "{}", linked.body);
    let shown = ok(house
        .get("viewer", &format!("/console/incidents/{one}"))
        .await);
    let (link, named) = (format!("/console/incidents/{other}\""), "counted there");
    assert!(shown.body.contains(&link) && shown.body.contains(named));
    let api = format!("/api/v1/incidents/{one}");
    let told = ok(house.get("viewer", &api).await).json();
    assert_eq!(told["counts_elsewhere"], true);
    let views = ok(house.get("viewer", &format!("{api}/same")).await).json();
    let counting: Vec<_> = views["items"].as_array().unwrap().iter().collect();
    assert_eq!(counting.len(), 2);
    assert_eq!(counting[1]["incident"], other);
    assert_eq!(counting[1]["counts"], true);
    let body = json!({ "reason": "another page" });
    let parted = ok(house
        .json("analyst", "DELETE", &format!("{api}/same"), &body)
        .await)
    .json();
    assert_eq!(parted["counts_elsewhere"], false);
    let views = ok(house.get("viewer", &format!("{api}/same")).await).json();
    assert_eq!(views["items"], json!([]));
}
