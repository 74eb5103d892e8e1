//! The duty desk as people and programs meet it: roster, swaps, handovers, promises, alarms, and what of it a branch
//! and a party see.

use axum::http::{StatusCode, header};
use ledger::{Finding, Hash};
use model::duty::{AlarmRule, AlarmSeverity};
use model::newsroom::{AccountRole, Right};
use serde_json::json;

use crate::house::{House, MINUTE};

const HOUR: i64 = 60 * MINUTE;

/// A second analyst and a second lead, and an analyst of a branch.
async fn staffed() -> House {
    let house = House::new().await;
    let by = house
        .ledger
        .actor("administrator", Right::Administer, 0)
        .await
        .unwrap();
    let more = [
        ("bo", AccountRole::Analyst),
        ("li", AccountRole::Lead),
        ("branch", AccountRole::Analyst),
    ];
    for (login, role) in more {
        let roles = [role];
        house
            .ledger
            .set_account(&by, (login, login, &roles, true), house.now())
            .await
            .unwrap();
    }
    house
        .ledger
        .set_account_organization(&by, "branch", Some("ORG-A"), house.now())
        .await
        .unwrap();
    house
}

fn at(house: &House, hours: i64) -> String {
    model::time::Timestamp(house.now() + hours * HOUR)
        .to_jiff()
        .unwrap()
        .to_string()
}

async fn shift(house: &House, login: &str, role: &str, hours: i64) -> i64 {
    let body = json!({ "items": [{
        "login": login, "role": role, "from": at(house, hours), "to": at(house, hours + 8),
    }] });
    let added = house
        .json("lead", "POST", "/api/v1/duty/shifts", &body)
        .await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.body);
    added.json()["items"][0]["id"].as_i64().unwrap()
}

#[tokio::test]
async fn a_week_is_filled_and_shown() {
    let house = staffed().await;
    let row = [
        ("login", "analyst"),
        ("role", "officer"),
        ("day", "2026-11-19"),
        ("from", "20:00"),
        ("to", "08:00"),
        ("days", "3"),
    ];
    let done = house.post("lead", "/console/duty/shifts", &row).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    assert!(done.said().contains('3'));
    let page = house.get("viewer", done.location()).await;
    assert_eq!(page.body.matches("20:00–08:00").count(), 3, "{}", page.body);
    // Who does not lead adds nothing, and sees no form for it.
    assert!(!page.body.contains("/console/duty/shifts\""));
    let denied = house.post("analyst", "/console/duty/shifts", &row).await;
    assert_eq!(denied.status, StatusCode::NOT_FOUND);
    let file = house.get("viewer", "/api/v1/duty/roster.ics").await;
    assert_eq!(file.headers[header::CONTENT_TYPE], "text/calendar");
    assert_eq!(file.body.matches("BEGIN:VEVENT").count(), 3);
    assert!(
        file.body
            .contains("DTSTART:20261119T120000Z\r\nDTEND:20261120T000000Z\r\n"),
        "{}",
        file.body
    );
    let mine = house
        .get("viewer", "/api/v1/duty/roster.ics?mine=true")
        .await;
    assert_eq!(mine.body.matches("BEGIN:VEVENT").count(), 0);
}

#[tokio::test]
async fn a_shift_is_swapped_by_the_right_people() {
    let house = staffed().await;
    let id = shift(&house, "analyst", "officer", 2).await;
    let page = house.get("analyst", "/console/duty").await;
    assert!(
        page.body
            .contains(&format!("/console/duty/shifts/{id}/swap"))
    );
    let others = house
        .get("bo", &format!("/console/duty/shifts/{id}/swap"))
        .await;
    assert_eq!(others.status, StatusCode::NOT_FOUND);
    let ask = [("login", "li"), ("reason", "a wedding")];
    let asked = house
        .post("analyst", &format!("/console/duty/shifts/{id}/swap"), &ask)
        .await;
    assert_eq!(asked.status, StatusCode::SEE_OTHER, "{}", asked.body);
    let act = async |login: &str, act: &str| {
        let body = json!({ "act": act });
        house
            .json(login, "POST", "/api/v1/duty/swaps/1", &body)
            .await
    };
    assert_eq!(act("bo", "accept").await.status, StatusCode::NOT_FOUND);
    assert_eq!(act("li", "accept").await.json()["state"], "accepted");
    assert_eq!(act("li", "approve").await.status, StatusCode::CONFLICT);
    assert_eq!(
        act("analyst", "approve").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        act("lead", "sing").await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(act("lead", "approve").await.json()["state"], "done");
    house.pass(3 * HOUR);
    let now = house.get("viewer", "/api/v1/duty/now").await.json();
    assert_eq!(now["items"][0]["person"]["login"], "li");
}

#[tokio::test]
async fn a_handover_holds_what_was_open_when_it_was_signed() {
    let house = staffed().await;
    let promise = json!({ "what": "call the bank", "to": "the bank", "due": at(&house, 2) });
    let made = house
        .json("analyst", "POST", "/api/v1/duty/promises", &promise)
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let page = house.get("analyst", "/console/duty/handover").await;
    assert!(page.body.contains("call the bank"));
    let give = [
        ("taker", "bo"),
        ("remark", "the bank calls at nine\n<b>really</b>"),
    ];
    let given = house.post("analyst", "/console/duty/handover", &give).await;
    assert_eq!(given.status, StatusCode::SEE_OTHER, "{}", given.body);
    assert_eq!(given.location(), "/console/duty/handovers/1");
    // Only who it is given to signs it.
    let wrong = house
        .post("li", "/console/duty/handovers/1/take", &[("answer", "")])
        .await;
    assert_eq!(wrong.status, StatusCode::NOT_FOUND);
    let waits = house.get("bo", "/console/duty/handover").await;
    assert!(waits.body.contains("Waits for you"));
    let taken = house
        .post(
            "bo",
            "/console/duty/handovers/1/take",
            &[("answer", "understood")],
        )
        .await;
    assert_eq!(taken.status, StatusCode::SEE_OTHER, "{}", taken.body);
    // What is done later changes nothing of it.
    let end = json!({ "outcome": "called" });
    house
        .json("bo", "POST", "/api/v1/duty/promises/1/end", &end)
        .await;
    let row = house.get("viewer", "/api/v1/duty/handovers/1").await.json();
    assert_eq!(row["facts"]["promises"][0]["what"], "call the bank");
    assert_eq!(row["answer"], "understood");
    let shown = house.get("viewer", "/console/duty/handovers/1").await;
    assert!(shown.body.contains("&#60;b&#62;really") || shown.body.contains("&lt;b&gt;really"));
    assert!(shown.body.contains(row["signed"].as_str().unwrap()));
}

#[tokio::test]
async fn an_alarm_is_taken_up_by_a_person_who_signed_in() {
    let house = staffed().await;
    let finding = Finding {
        rule: AlarmRule::Disk,
        topic: "disk".to_owned(),
        severity: AlarmSeverity::Critical,
        what: ("磁盘将满".to_owned(), "The disk is nearly full".to_owned()),
        href: "/console/settings".to_owned(),
    };
    let link = (Hash::of(b"the-link"), house.now() + 24 * HOUR);
    house
        .ledger
        .raise_alarm(&finding, link, house.now())
        .await
        .unwrap();
    // The link of a mail shows it to whoever holds it, and lets nobody act.
    let read = house.get("", "/console/alarm/the-link").await;
    assert_eq!(read.status, StatusCode::OK);
    assert!(read.body.contains("nearly full") && !read.body.contains("/acknowledge"));
    assert_eq!(
        house.get("", "/console/alarm/another").await.status,
        StatusCode::NOT_FOUND
    );
    let nobody = house
        .post("", "/console/duty/alarms/1/acknowledge", &[("remark", "x")])
        .await;
    assert_ne!(nobody.status, StatusCode::SEE_OTHER);
    assert!(
        house
            .ledger
            .alarm(1)
            .await
            .unwrap()
            .acknowledged_by
            .is_none()
    );
    let viewer = house
        .post(
            "viewer",
            "/console/duty/alarms/1/acknowledge",
            &[("remark", "x")],
        )
        .await;
    assert_eq!(viewer.status, StatusCode::NOT_FOUND);
    let taken = house
        .post(
            "analyst",
            "/console/duty/alarms/1/acknowledge",
            &[("remark", "making room")],
        )
        .await;
    assert_eq!(taken.status, StatusCode::SEE_OTHER, "{}", taken.body);
    let again = house
        .json(
            "bo",
            "POST",
            "/api/v1/duty/alarms/1/acknowledge",
            &json!({}),
        )
        .await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.body.contains("analyst"));
    house.pass(25 * HOUR);
    assert_eq!(
        house.get("", "/console/alarm/the-link").await.status,
        StatusCode::NOT_FOUND
    );
    let page = house.get("viewer", "/console/duty/alarms").await;
    assert!(page.body.contains("making room"));
}

#[tokio::test]
async fn a_branch_has_its_own_promises_and_nothing_of_the_house() {
    let house = staffed().await;
    let own = house.incident("The branch's", Some("ORG-A")).await;
    let other = house.incident("The centre's", None).await;
    let promise = |number: i64| json!({ "what": "look again", "to": "the owner", "due": at(&house, 3), "incident": number.to_string() });
    let made = house
        .json("branch", "POST", "/api/v1/duty/promises", &promise(own))
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let denied = house
        .json("branch", "POST", "/api/v1/duty/promises", &promise(other))
        .await;
    assert_eq!(denied.status, StatusCode::UNPROCESSABLE_ENTITY);
    let theirs = house
        .json("analyst", "POST", "/api/v1/duty/promises", &promise(other))
        .await;
    assert_eq!(theirs.status, StatusCode::CREATED);
    let listed = house.get("branch", "/api/v1/duty/promises").await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let end = json!({ "outcome": "x" });
    let foreign = house
        .json("branch", "POST", "/api/v1/duty/promises/2/end", &end)
        .await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    let all = house.get("viewer", "/api/v1/duty/promises").await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 2);
    let page = house.get("branch", "/console/duty/promises").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("look again") && !page.body.contains("/console/duty/handover"));
    for path in [
        "/console/duty",
        "/console/duty/handover",
        "/console/duty/alarms",
        "/console/duty/roster.ics",
        "/api/v1/duty/now",
        "/api/v1/duty/shifts",
        "/api/v1/duty/open",
        "/api/v1/duty/handovers",
        "/api/v1/duty/alarms",
        "/api/v1/duty/swaps",
        "/api/v1/duty/roster.ics",
    ] {
        for login in ["branch", "party"] {
            assert_eq!(
                house.get(login, path).await.status,
                StatusCode::NOT_FOUND,
                "{login} {path}"
            );
        }
        assert_eq!(
            house.get("viewer", path).await.status,
            StatusCode::OK,
            "{path}"
        );
    }
}

#[tokio::test]
async fn scenarios_are_played_in_a_workspace_for_exercises_only() {
    let work = staffed().await;
    let page = work.get("analyst", "/console/exercise").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("watchfire exercise new"));
    let begin = "/api/v1/exercise/scenarios/handover/begin";
    assert_eq!(
        work.json("analyst", "POST", begin, &json!({})).await.status,
        StatusCode::NOT_FOUND
    );
}

/// The drill by the API until it is over; its answer.
async fn exercise() -> House {
    let house = House::with(|desk| desk.for_exercises(true)).await;
    let by = house
        .ledger
        .actor("administrator", Right::Administer, 0)
        .await
        .unwrap();
    let roles = [AccountRole::Analyst];
    house
        .ledger
        .set_account(&by, ("bo", "bo", &roles, true), house.now())
        .await
        .unwrap();
    house
}

async fn promised(house: &House) {
    let promise = json!({ "what": "call back", "to": "the bank", "due": at(house, 2) });
    let made = house
        .json("analyst", "POST", "/api/v1/duty/promises", &promise)
        .await;
    assert_eq!(made.status, StatusCode::CREATED);
}

#[tokio::test]
async fn the_handover_is_played_to_its_end() {
    let house = exercise().await;
    let begin = "/api/v1/exercise/scenarios/handover/begin";
    let begun = house.json("analyst", "POST", begin, &json!({})).await;
    assert_eq!(begun.status, StatusCode::CREATED, "{}", begun.body);
    assert_eq!(begun.json()["score"], 0);
    let twice = house.json("analyst", "POST", begin, &json!({})).await;
    assert_eq!(twice.status, StatusCode::CONFLICT);
    promised(&house).await;
    let give = json!({ "taker": "bo", "remark": "the bank calls at nine" });
    house
        .json("analyst", "POST", "/api/v1/duty/handovers", &give)
        .await;
    let half = house
        .get("analyst", "/api/v1/exercise/drills/1")
        .await
        .json();
    assert_eq!(half["score"], 70);
    assert!(half["ended_at"].is_null());
    house.pass(MINUTE);
    house
        .json("bo", "POST", "/api/v1/duty/handovers/1/take", &json!({}))
        .await;
    let over = house
        .get("analyst", "/api/v1/exercise/drills/1")
        .await
        .json();
    assert_eq!(over["score"], 100, "{over}");
    assert!(over["ended_at"].is_string());
    // Somebody else's drill is not to be seen, but by a lead.
    assert_eq!(
        house.get("bo", "/api/v1/exercise/drills/1").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        house.get("lead", "/api/v1/exercise/drills/1").await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn the_outage_is_played_late_and_with_hints() {
    let house = exercise().await;
    let begun = house
        .post("analyst", "/console/exercise/outage/begin", &[])
        .await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.body);
    let page = house.get("analyst", "/console/exercise").await;
    assert!(page.body.contains("A feed outage"));
    house
        .post("analyst", "/console/exercise/drills/1/hint", &[])
        .await;
    let page = house.get("analyst", "/console/exercise").await;
    assert!(page.body.contains("Duty, Alarms:"), "hints are shown");
    let rings = house.get("analyst", "/api/v1/duty/alarms").await.json();
    let id = rings["items"][0]["id"].as_i64().unwrap();
    let take = json!({ "remark": "the provider's server is down" });
    house
        .json(
            "analyst",
            "POST",
            &format!("/api/v1/duty/alarms/{id}/acknowledge"),
            &take,
        )
        .await;
    let half = house
        .get("analyst", "/api/v1/exercise/drills/1")
        .await
        .json();
    assert_eq!(half["score"], 35, "40 less what the hint cost");
    // Beyond the ten minutes a goal counts half.
    house.pass(11 * MINUTE);
    promised(&house).await;
    let give = json!({ "taker": "bo", "remark": "the feed is down" });
    house
        .json("analyst", "POST", "/api/v1/duty/handovers", &give)
        .await;
    let over = house
        .get("analyst", "/api/v1/exercise/drills/1")
        .await
        .json();
    assert_eq!(over["score"], 65, "{over}");
    assert!(over["ended_at"].is_string());
    let rings = house.ledger.alarm(id).await.unwrap();
    assert!(rings.ended_at.is_some(), "what the drill raised it ends");
}
