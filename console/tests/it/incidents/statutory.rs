//! The report that a clock asks for: a page for print and the same to programs, for whoever sees the incident.

use super::*;

/// A branch's incident that was graded by whoever keeps the house; its number and its clock.
async fn graded(house: &House) -> (i64, i64) {
    let n = house
        .incident("Portal <b>down</b>, see https://a.example/", Some("ORG-A"))
        .await;
    let body = json!({
        "importance": "especially-important",
        "loss": "especially-severe",
        "measures": ["persons-data=2000000"],
        "operator": "critical-infrastructure",
        "reason": "the portal is down",
    });
    let told = ok(house
        .json(
            "analyst",
            "POST",
            &format!("/api/v1/incidents/{n}/grade"),
            &body,
        )
        .await)
    .json();
    (n, told["clocks"][0]["id"].as_i64().unwrap())
}

#[tokio::test]
async fn a_clock_leads_to_its_report_which_prints_and_changes_nothing() {
    let house = with_branch().await;
    let (n, clock) = graded(&house).await;
    let at = format!("/console/incidents/{n}/form/{clock}");
    let trail = async || {
        house
            .ledger
            .audit(None, ledger::Page::default())
            .await
            .unwrap()
            .into_iter()
            .filter(|row| row.object.starts_with("incident"))
            .count()
    };
    let before = trail().await;
    for login in ["viewer", "branch"] {
        let shown = ok(house.get(login, &format!("/console/incidents/{n}")).await);
        assert!(shown.body.contains(&format!("href=\"{at}\"")), "{login}");
        let page = ok(house.get(login, &at).await).body;
        for told in [
            "<h1>Report of a network security incident</h1>",
            "protection department and police",
            "<th scope=\"row\">Level *</th>",
            "persons whose data got out: 2000000",
            "duty@cert.example.test",
            "Example Center",
            "to be filled in",
            "* unconfirmed",
            "Portal &#60;b&#62;down",
        ] {
            assert!(page.contains(told), "{told}: {page}");
        }
        assert!(!page.contains("<b>down") && !page.contains("https://a.example"));
    }
    let zh = ok(house.get("viewer", &format!("{at}?lang=zh")).await).body;
    assert!(
        zh.contains("<h1>网络安全事件报告表</h1>") && zh.contains("特别重大（I级）"),
        "{zh}"
    );
    // It stays when its clock has ended, and then says who reported.
    let end = json!({ "how": "done", "reason": "reported" });
    let api = format!("/api/v1/incidents/{n}/clocks/{clock}");
    let reporter = async || {
        let form = ok(house.get("viewer", &format!("{api}/form")).await).json();
        assert_eq!(form["law"], "cn-2025");
        let rows = form["rows"].as_array().unwrap();
        let own = rows.iter().find(|row| row["from"] == "reporter");
        own.unwrap()["lines"].clone()
    };
    assert_eq!(reporter().await, json!([]));
    assert_eq!(trail().await, before, "printing is not recorded");
    ok(house
        .json("analyst", "POST", &format!("{api}/end"), &end)
        .await);
    assert_eq!(reporter().await, json!(["analyst"]));
    let shown = ok(house
        .get("viewer", &format!("/console/incidents/{n}"))
        .await);
    assert!(shown.body.contains(&format!("href=\"{at}\"")));
}

#[tokio::test]
async fn nobody_prints_what_they_cannot_see_and_no_clock_of_another_incident() {
    let house = with_branch().await;
    let (n, clock) = graded(&house).await;
    let centre = house.incident("The centre's", None).await;
    let body = json!({ "importance": "especially-important", "loss": "especially-severe",
        "operator": "other", "reason": "down" });
    let told = ok(house
        .json(
            "analyst",
            "POST",
            &format!("/api/v1/incidents/{centre}/grade"),
            &body,
        )
        .await)
    .json();
    let theirs = told["clocks"][0]["id"].as_i64().unwrap();
    for (number, clock) in [(centre, theirs), (n, theirs), (centre, clock), (n, 9_999)] {
        for path in [
            format!("/console/incidents/{number}/form/{clock}"),
            format!("/api/v1/incidents/{number}/clocks/{clock}/form"),
        ] {
            let answer = house.get("branch", &path).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
            let party = house.get("party", &path).await;
            assert_eq!(party.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
    ok(house
        .get(
            "viewer",
            &format!("/console/incidents/{centre}/form/{theirs}"),
        )
        .await);
    let mixed = house
        .get("viewer", &format!("/console/incidents/{n}/form/{theirs}"))
        .await;
    assert_eq!(mixed.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_clock_of_a_law_that_is_not_here_has_no_report_and_says_so() {
    let house = house().await;
    let n = house.incident("Portal down", None).await;
    let one = house
        .ledger
        .incident_numbered(n, &Reach::All)
        .await
        .unwrap();
    let new = ledger::NewClock {
        incident: one.incident_id(),
        law: "old-law".to_owned(),
        duty: "report".to_owned(),
        started_at: house.now(),
        due_at: house.now() + 60 * MINUTE,
        reason: "graded".to_owned(),
    };
    let started = house
        .ledger
        .start_clocks(vec![new], "analyst", house.now())
        .await
        .unwrap();
    let at = format!("/console/incidents/{n}/form/{}", started[0].id);
    let shown = ok(house
        .get("viewer", &format!("/console/incidents/{n}"))
        .await);
    assert!(!shown.body.contains(&at));
    let refused = house.get("viewer", &at).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.body.contains("cn-2025, nis2"), "{}", refused.body);
}
