//! What a branch sees: every page and every list of the API is asked for, and nothing of another owner's is in them.

use axum::http::StatusCode;
use console::routes::Verb;
use ledger::{Finding, Hash, NewClock, NewPromise, Reach};
use model::duty::{AlarmRule, AlarmSeverity};
use model::newsroom::{AccountRole, Right};

use crate::house::{House, MINUTE};

/// Stands in everything that is the centre's.
const THEIRS: &str = "zinnober";
/// Stands in what is the branch's.
const OURS: &str = "kobaltblau";
const HOUR: i64 = 60 * MINUTE;

/// Lines of changes do not end.
const ENDLESS: [&str; 2] = ["/console/changes", "/api/v1/changes"];

async fn peopled() -> House {
    let house = House::new().await;
    let ledger = &house.ledger;
    let now = house.now();
    let by = ledger
        .actor("administrator", Right::Administer, 0)
        .await
        .unwrap();
    for (login, role) in [
        ("branch", AccountRole::Analyst),
        ("bo", AccountRole::Analyst),
    ] {
        let roles = [role];
        ledger
            .set_account(&by, (login, login, &roles, true), now)
            .await
            .unwrap();
    }
    ledger
        .set_account_organization(&by, "branch", Some("ORG-A"), now)
        .await
        .unwrap();
    for (word, owner) in [(THEIRS, None), (OURS, Some("ORG-A"))] {
        let number = house.incident(&format!("Page {word}"), owner).await;
        let incident = ledger.incident_numbered(number, &Reach::All).await.unwrap();
        let clock = NewClock {
            incident: incident.incident_id(),
            law: "law".to_owned(),
            duty: format!("report {word}"),
            started_at: now,
            due_at: now + HOUR,
            reason: "graded".to_owned(),
        };
        ledger
            .start_clocks(vec![clock], "analyst", now)
            .await
            .unwrap();
        let promise = NewPromise {
            incident: Some(incident.incident_id()),
            what: format!("call {word}"),
            to_whom: "the bank".to_owned(),
            due_at: now + HOUR,
        };
        ledger
            .promise(promise, &Reach::All, "analyst", now)
            .await
            .unwrap();
        let reach = &Reach::All;
        ledger
            .note_incident(
                incident.incident_id(),
                reach,
                &format!("note {word}"),
                "analyst",
                now,
            )
            .await
            .unwrap();
    }
    let finding = Finding {
        rule: AlarmRule::Disk,
        topic: "disk".to_owned(),
        severity: AlarmSeverity::High,
        what: (format!("磁盘 {THEIRS}"), format!("disk {THEIRS}")),
        href: "/console/settings".to_owned(),
    };
    ledger
        .raise_alarm(&finding, (Hash::of(b"x"), now), now)
        .await
        .unwrap();
    let work = ledger.actor("analyst", Right::Work, 0).await.unwrap();
    let facts = serde_json::json!({});
    ledger
        .give_handover(&work, "bo", &facts, &format!("mind {THEIRS}"), now)
        .await
        .unwrap();
    let kinds = ["incident.".to_owned()];
    let hook = (THEIRS, "https://hooks.example.test/", &kinds[..]);
    ledger.add_hook(&by, hook, "whsec_AAAA", now).await.unwrap();
    house
}

#[tokio::test]
async fn no_page_and_no_list_tells_a_branch_of_what_is_not_its() {
    let house = peopled().await;
    let mut seen = 0;
    for route in console::routes::all() {
        let plain = route.verb == Verb::Get && !route.path.contains('{');
        if !plain || ENDLESS.contains(&route.path) {
            continue;
        }
        for login in ["branch", "party", ""] {
            let answer = house.get(login, route.path).await;
            assert!(
                !answer.body.contains(THEIRS),
                "{} tells `{login}` of what is not theirs",
                route.path
            );
            assert!(
                answer.status != StatusCode::INTERNAL_SERVER_ERROR,
                "{}",
                route.path
            );
            seen += usize::from(login == "branch" && answer.body.contains(OURS));
        }
    }
    assert!(seen >= 2, "its own things are there: {seen}");
    // The test would see it: the centre's people are told.
    for path in ["/console", "/console/duty/promises", "/api/v1/duty/alarms"] {
        assert!(
            house.get("viewer", path).await.body.contains(THEIRS),
            "{path}"
        );
    }
    let own = house.get("branch", "/console").await;
    assert!(own.body.contains(OURS), "its overview is of its own");
}
