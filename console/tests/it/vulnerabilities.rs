//! Vulnerabilities, where none is recorded, and who sees them.

use axum::http::StatusCode;

use crate::house::House;

#[tokio::test]
async fn an_empty_list_says_what_brings_records() {
    let house = House::new().await;
    let page = house.get("viewer", "/console/vulnerabilities").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(
        page.body.contains("Once the national database"),
        "{}",
        page.body
    );
    let api = house
        .get("viewer", "/api/v1/vulnerabilities?exploited=1")
        .await
        .json();
    assert_eq!(api["items"].as_array().unwrap().len(), 0);
    assert_eq!(
        house.get("party", "/api/v1/vulnerabilities").await.status,
        StatusCode::NOT_FOUND
    );
    let wrong = house
        .get("viewer", "/api/v1/vulnerabilities?after=CNVD-1")
        .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
}
