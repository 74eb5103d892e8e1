//! Feeds: how they are, and what is done about rows that could not be read.

use axum::http::StatusCode;
use intake::{Catalogue, Source};
use ledger::{NewReport, RejectFilter, ReportKind};
use model::reject::{Reject, RejectReason};
use serde_json::json;

use crate::house::House;
use crate::office;

fn catalogue() -> Catalogue {
    let feed = |name: &str| {
        let entry = json!({"name": name, "provider": "Example Labs", "format": "csv", "zone": "UTC",
            "licence": "CC0-1.0", "publishable": "counts", "classification": "phishing",
            "columns": {"time": "observed_at", "url": "source_url"}});
        Source::compile(serde_json::from_value(entry).unwrap()).unwrap()
    };
    Catalogue::new(vec![feed("scans"), feed("urls")]).unwrap()
}

/// A report of `urls` with a row that could not be read; the number of the reject.
async fn reject(house: &House) -> i64 {
    let blob = house
        .blobs
        .put_bytes(b"time,url\nnever,http://a.example.test/\n")
        .unwrap();
    let new = NewReport {
        id: "REP-1".to_owned(),
        feed: "urls".to_owned(),
        kind: ReportKind::Feed,
        origin: "feeds/urls/1.csv".to_owned(),
        blob: blob.hash,
        bytes: 40,
        received_at: house.now(),
        snapshot_at: None,
    };
    house.ledger.archive_report(new).await.unwrap();
    let row = Reject {
        line: 2,
        offset: 9,
        reason: RejectReason::BadTime,
        message: "time `never` cannot be read".to_owned(),
        raw: b"never,http://a.example.test/".to_vec(),
        raw_len: 28,
        raw_hash: [1; 32],
    };
    house
        .ledger
        .stage_rejects("REP-1", 1, vec![row])
        .await
        .unwrap();
    let commit = ledger::IngestCommit {
        report_id: "REP-1".to_owned(),
        generation: 1,
        now: house.now(),
        totals: ledger::Totals {
            rows: 1,
            rejects: 1,
            ..ledger::Totals::default()
        },
        ..ledger::IngestCommit::default()
    };
    house.ledger.commit_ingest(commit).await.unwrap();
    let found = house
        .ledger
        .rejects(&RejectFilter::default(), 10)
        .await
        .unwrap();
    found[0].id
}

#[tokio::test]
async fn the_list_says_what_fails_first_and_the_page_where_it_is_configured() {
    let house = office::house(catalogue()).await;
    let list = house.get("viewer", "/console/feeds").await;
    assert_eq!(list.status, StatusCode::OK, "{}", list.body);
    let (failing, well) = (
        list.body.find("/feeds/scans").unwrap(),
        list.body.find("/feeds/urls").unwrap(),
    );
    assert!(failing < well);
    assert!(list.body.contains("the credential has expired"));
    let page = house.get("viewer", "/console/feeds/scans").await;
    assert!(page.body.contains("at line 12"), "{}", page.body);
    assert!(!page.body.contains("Fetch now"), "a viewer fetches nothing");
    let api = house.get("viewer", "/api/v1/feeds").await.json();
    assert_eq!(api["items"][0]["state"], "failing");
    assert_eq!(
        house.get("viewer", "/console/feeds/other").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        house.get("party", "/api/v1/feeds").await.status,
        StatusCode::NOT_FOUND
    );
    let asked = house
        .json("analyst", "POST", "/api/v1/feeds/scans/fetch", &json!({}))
        .await;
    assert_eq!(asked.json()["hurried"], true);
    assert_eq!(
        house
            .json("viewer", "POST", "/api/v1/feeds/scans/fetch", &json!({}))
            .await
            .status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_reject_is_corrected_read_again_or_given_up() {
    let house = office::house(catalogue()).await;
    let id = reject(&house).await;
    let page = house.get("analyst", "/console/feeds/urls").await;
    assert!(
        page.body.contains("hxxp://a.example.test/"),
        "{}",
        page.body
    );
    let path = format!("/api/v1/feeds/urls/rejects/{id}");
    let text = json!({"text": "2026-11-19T00:00:00Z,http://a.example.test/"});
    assert_eq!(
        house
            .json("viewer", "POST", &format!("{path}/edit"), &text)
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    let elsewhere = format!("/api/v1/feeds/scans/rejects/{id}/edit");
    assert_eq!(
        house
            .json("analyst", "POST", &elsewhere, &text)
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    let edited = house
        .json("analyst", "POST", &format!("{path}/edit"), &text)
        .await;
    assert_eq!(edited.json()["edited"], text["text"], "{}", edited.body);
    let form = [
        ("text", "2026-11-19T00:00:00Z,http://a.example.test/"),
        ("replay", "true"),
    ];
    let done = house
        .post(
            "analyst",
            &format!("/console/feeds/urls/rejects/{id}/edit"),
            &form,
        )
        .await;
    assert!(
        done.said().starts_with("1 rows read again"),
        "{}",
        done.said()
    );
    let dropped = house
        .json("analyst", "POST", &format!("{path}/drop"), &json!({}))
        .await;
    assert_eq!(dropped.json()["state"], "dropped");
    let again = house
        .json("analyst", "POST", &format!("{path}/drop"), &json!({}))
        .await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    let trail = house
        .ledger
        .audit(Some(&format!("reject {id}")), ledger::Page::ALL)
        .await
        .unwrap();
    let acts: Vec<_> = trail.iter().map(|row| row.action.as_str()).collect();
    assert!(
        acts.contains(&"reject.edit") && acts.contains(&"reject.drop"),
        "{acts:?}"
    );
}
