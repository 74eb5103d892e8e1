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
    assert!(own.body.contains(OURS), "its overview is of its own"); // Nor does its navigation count what the centre has: two wait, one of them is its own.
    let count = |body: &str, n: u8| body.contains(&format!("<span class=\"n\">{n}<"));
    assert!(count(&own.body, 1) && !count(&own.body, 2), "{}", own.body);
    assert!(count(&house.get("viewer", "/console").await.body, 2));
}

#[tokio::test]
async fn a_branch_works_on_its_own_from_triage_to_the_end_and_on_nothing_else() {
    let house = peopled().await;
    let number = async |owner: Option<&str>| {
        let all = house
            .ledger
            .incidents(
                &ledger::IncidentFilter::default(),
                &Reach::All,
                ledger::IncidentSort::Newest,
                ledger::Page::ALL,
            )
            .await
            .unwrap();
        let own = all.iter().find(|one| one.owner.as_deref() == owner);
        own.expect("there is one").number
    };
    let (ours, theirs) = (number(Some("ORG-A")).await, number(None).await);
    let step = |step: &str| serde_json::json!({ "step": step, "reason": "looked at" });
    let note = serde_json::json!({ "body": "the host was called" });
    let end =
        serde_json::json!({ "step": "close", "resolution": "invalid", "reason": "an honest page" });
    for (number, expected) in [(theirs, false), (ours, true)] {
        for (what, body) in [
            ("steps", &step("validate")),
            ("notes", &note),
            ("steps", &end),
            ("steps", &step("reopen")),
        ] {
            let path = format!("/api/v1/incidents/{number}/{what}");
            let answer = house.json("branch", "POST", &path, body).await;
            match expected {
                true => assert!(answer.status.is_success(), "{body}: {}", answer.body),
                false => assert_eq!(answer.status, StatusCode::NOT_FOUND, "{body}"),
            }
        }
    }
    let listed = house.get("branch", "/api/v1/incidents").await.json();
    let listed: Vec<_> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["number"].clone())
        .collect();
    assert_eq!(listed, [ours]);
}
