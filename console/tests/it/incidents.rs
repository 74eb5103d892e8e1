//! Incidents: the list and its query, exports, one and many acts, versions, evidence, and who may what on whose.

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use console::casework::{Casework, Trouble};
use ledger::{NewEvidence, Reach};
use model::ids::EvidenceId;
use model::newsroom::Right;
use model::time::Timestamp;
use model::tlp::Tlp;
use response::casework::Plan;
use response::checking::Checked;
use response::duty::{self, Law};
use response::grade::{self, Scheme};
use response::notify::WrittenNotices;
use serde_json::json;

use crate::house::{Answer, House, MINUTE, T0};

/// A workspace that does what it is asked and writes nothing.
struct Hand;

#[async_trait]
impl Casework for Hand {
    async fn plan(&self, _: i64) -> Result<Plan, Trouble> {
        Ok(Plan {
            problems: vec!["nobody is known who could be asked".to_owned()],
            ..Plan::default()
        })
    }

    async fn dispatch(&self, _: i64, _: &str) -> Result<WrittenNotices, Trouble> {
        Ok(WrittenNotices {
            notices: 2,
            held: 1,
            ..WrittenNotices::default()
        })
    }

    async fn remind(&self, number: i64, _: &str) -> Result<WrittenNotices, Trouble> {
        Err(Trouble(format!("#{number}: nobody is asked about it now")))
    }

    async fn probe(&self, _: i64, _: &str) -> Result<Checked, Trouble> {
        Ok(Checked {
            looks: 3,
            ..Checked::default()
        })
    }

    fn grading(&self) -> Result<(Vec<Scheme>, Vec<Law>), Trouble> {
        let wrong = |error: &dyn std::fmt::Display| Trouble(error.to_string());
        Ok((
            grade::schemes(&[]).map_err(|error| wrong(&error))?,
            duty::laws(&[]).map_err(|error| wrong(&error))?,
        ))
    }
}

mod counts;
mod joining;
mod marking;
mod programs;
mod statutory;

async fn house() -> House {
    House::with(|desk| desk.working(Arc::new(Hand))).await
}

/// A house with an analyst of the organization ORG-A beside the others.
async fn with_branch() -> House {
    let house = house().await;
    let by = house
        .ledger
        .actor("administrator", Right::Administer, 0)
        .await
        .unwrap();
    let roles = [model::newsroom::AccountRole::Analyst];
    house
        .ledger
        .set_account(&by, ("branch", "Branch", &roles, true), T0)
        .await
        .unwrap();
    house
        .ledger
        .set_account_organization(&by, "branch", Some("ORG-A"), T0)
        .await
        .unwrap();
    house
}

fn ok(answer: Answer) -> Answer {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer
}

fn list(q: &str) -> String {
    let q: String = url::form_urlencoded::byte_serialize(q.as_bytes()).collect();
    format!("/console/incidents?q={q}")
}

async fn state(house: &House, number: i64) -> String {
    house
        .ledger
        .incident_numbered(number, &Reach::All)
        .await
        .unwrap()
        .state
        .to_string()
}

#[tokio::test]
async fn the_query_its_chips_and_the_rows_are_one() {
    let house = house().await;
    let first = house.incident("Imitates Example Bank", None).await;
    let second = house.incident("Imitates Example Post", None).await;
    let page = ok(house.get("analyst", &list("state:open post")).await);
    assert!(
        page.body.contains("Example Post") && !page.body.contains("Example Bank"),
        "{}",
        page.body
    );
    assert!(page.body.contains(&format!("/console/incidents/{second}")));
    // Each chip leads to the query without it.
    assert!(
        page.body.contains("href=\"/console/incidents?q=post\""),
        "{}",
        page.body
    );
    assert!(
        page.body
            .contains("href=\"/console/incidents?q=state%3Aopen\"")
    );
    let page = ok(house.get("analyst", &list("statee:open")).await);
    assert!(
        page.body
            .contains("`statee` is no key: there are state, kind"),
        "{}",
        page.body
    );
    let added = house
        .get(
            "analyst",
            "/console/incidents?q=state%3Aopen&key=province&value=32",
        )
        .await;
    assert_eq!(
        added.location(),
        "/console/incidents?q=state%3Aopen+province%3A32"
    );
    let one = house.get("analyst", &list(&first.to_string())).await;
    assert_eq!(one.location(), format!("/console/incidents/{first}"));
    let none = ok(house.get("analyst", &list("severity:low")).await);
    assert!(none.body.contains("No incident fits"));
    let zh = ok(house
        .get("analyst", &(list("state:open") + "&lang=zh"))
        .await);
    assert!(zh.body.contains("value=\"状态:待核实\""), "{}", zh.body);
}

#[tokio::test]
async fn an_export_is_what_is_shown_and_no_formula() {
    let house = house().await;
    house.incident("=cmd|' /C calc'!A0", None).await;
    house.incident("plain, with comma", None).await;
    let csv = ok(house
        .get(
            "viewer",
            "/console/incidents.csv?q=state%3Aopen&cols=number,what,kind",
        )
        .await);
    assert!(
        csv.body.starts_with("\u{feff}Incident,Kind,Number\r\n"),
        "{}",
        csv.body
    );
    assert!(csv.body.contains("\r\n\"plain, with comma"), "{}", csv.body);
    assert!(
        csv.body.contains("'=cmd|") && !csv.body.contains("\n=cmd"),
        "{}",
        csv.body
    );
    assert_eq!(
        csv.headers[header::CONTENT_DISPOSITION],
        "attachment; filename=\"incidents.csv\""
    );
    let json = ok(house
        .get("viewer", "/console/incidents.json?q=comma&cols=number")
        .await)
    .json();
    assert_eq!(json.as_array().unwrap().len(), 1);
    assert_eq!(json[0]["number"], "2");
    let xlsx = house.get("viewer", "/console/incidents.xlsx?q=").await;
    assert_eq!(xlsx.status, StatusCode::OK);
    assert!(xlsx.body.starts_with("PK"));
    let trail = house
        .ledger
        .audit(Some("incidents"), ledger::Page::default())
        .await
        .unwrap();
    assert_eq!(trail.len(), 3);
    assert!(
        trail
            .iter()
            .all(|row| row.actor == "viewer" && row.action == "incidents.export")
    );
}

#[tokio::test]
async fn an_incident_is_validated_noted_assigned_and_closed() {
    let house = house().await;
    let n = house.incident("Imitates Example Bank", None).await;
    let at = format!("/console/incidents/{n}");
    let page = ok(house.get("analyst", &format!("{at}?do=validate")).await);
    assert!(
        page.body.contains("hxxps://login-") && !page.body.contains("\"https://login-"),
        "defanged"
    );
    let done = house
        .post(
            "analyst",
            &format!("{at}/validate"),
            &[("reason", "looked at"), ("version", "1")],
        )
        .await;
    assert_eq!(done.location(), at);
    assert_eq!(done.said(), format!("#{n} is validated"));
    assert_eq!(state(&house, n).await, "validated");
    let empty = house
        .post(
            "analyst",
            &format!("{at}/close"),
            &[("resolution", "invalid"), ("reason", "  ")],
        )
        .await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(empty.body.contains("must not be empty"));
    let early = house
        .post(
            "analyst",
            &format!("{at}/close"),
            &[("resolution", "taken-down"), ("reason", "says so")],
        )
        .await;
    assert_eq!(early.status, StatusCode::CONFLICT);
    assert!(
        early.body.contains("a takedown needs a verification") && early.body.contains("says so"),
        "{}",
        early.body
    );
    house
        .post(
            "analyst",
            &format!("{at}/note"),
            &[("body", "<script>alert(1)</script>")],
        )
        .await;
    let page = ok(house.get("viewer", &at).await);
    assert!(
        page.body.contains("&#60;script&#62;alert(1)"),
        "{}",
        page.body
    );
    assert!(!page.body.contains("<script>alert"));
    house
        .post("analyst", &format!("{at}/assign"), &[("to", "lead")])
        .await;
    let mine = ok(house.get("lead", &list("assignee:me")).await);
    assert!(mine.body.contains(&at));
    let closed = house
        .post(
            "lead",
            &format!("{at}/close"),
            &[("resolution", "invalid"), ("reason", "a bank's own")],
        )
        .await;
    assert_eq!(closed.said(), format!("#{n} is closed"));
    let trusted = house.ledger.rules_trusted().await.unwrap();
    let rule = trusted.iter().find(|trust| trust.rule == "person").unwrap();
    assert_eq!(
        (rule.approved, rule.wrong),
        (1, 1),
        "what people find is counted for the rule"
    );
    let reopened = house
        .post("lead", &format!("{at}/reopen"), &[("reason", "after all")])
        .await;
    assert_eq!(reopened.status, StatusCode::SEE_OTHER);
    assert_eq!(state(&house, n).await, "validated");
    let page = ok(house.get("viewer", &format!("{at}?show=steps")).await);
    for told in [
        "Validated: Open",
        "Closed (Invalid)",
        "Reopened",
        "Assigned to lead",
    ] {
        assert!(page.body.contains(told), "{told}: {}", page.body);
    }
}

#[tokio::test]
async fn what_somebody_else_changed_is_shown_and_what_was_typed_is_kept() {
    let house = house().await;
    let n = house.incident("Imitates Example Bank", None).await;
    let at = format!("/console/incidents/{n}");
    house.pass(MINUTE);
    house
        .post(
            "lead",
            &format!("{at}/validate"),
            &[("reason", "seen by lead")],
        )
        .await;
    let seen = T0.to_string();
    let form = [
        ("resolution", "invalid"),
        ("reason", "typed with care"),
        ("version", "1"),
        ("seen", seen.as_str()),
    ];
    let late = house.post("analyst", &format!("{at}/close"), &form).await;
    assert_eq!(late.status, StatusCode::PRECONDITION_FAILED);
    for part in [
        "Somebody else just changed",
        "typed with care",
        "seen by lead",
        "name=\"version\" value=\"2\"",
    ] {
        assert!(late.body.contains(part), "{part}: {}", late.body);
    }
    assert_eq!(state(&house, n).await, "validated");
    let api = format!("/api/v1/incidents/{n}");
    let read = ok(house.get("analyst", &api).await);
    assert_eq!(read.headers[header::ETAG], "\"v2\"");
    let step = |tag: &'static str| {
        let body = json!({ "step": "close", "resolution": "invalid", "reason": "no" }).to_string();
        (tag, body)
    };
    for (tag, expected) in [
        ("\"v1\"", StatusCode::PRECONDITION_FAILED),
        ("\"other\"", StatusCode::PRECONDITION_FAILED),
        ("\"v2\"", StatusCode::OK),
    ] {
        let (tag, body) = step(tag);
        let request = Request::builder()
            .method("POST")
            .uri(format!("{api}/steps"))
            .header(header::COOKIE, house.cookie("analyst").await)
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::IF_MATCH, tag)
            .body(Body::from(body))
            .unwrap();
        let answer = house.send(request).await;
        assert_eq!(answer.status, expected, "{tag}: {}", answer.body);
    }
}

#[tokio::test]
async fn many_are_previewed_done_and_undone() {
    let house = house().await;
    let mut numbers = Vec::new();
    for n in 0..5 {
        numbers.push(house.incident(&format!("Page {n}"), None).await);
    }
    let closed = numbers[4];
    let form = [("resolution", "invalid"), ("reason", "no")];
    house
        .post(
            "analyst",
            &format!("/console/incidents/{closed}/close"),
            &form,
        )
        .await;
    let chosen: String = numbers.iter().map(|n| format!("&n={n}")).collect();
    let to =
        format!("/console/incidents/bulk?act=close&resolution=duplicate&reason=same{chosen}&n=999");
    let page = ok(house.get("analyst", &to).await);
    assert!(page.body.contains("Do it (4)"), "{}", page.body);
    assert!(
        page.body.contains("reopen it first") && page.body.contains("#999: not there"),
        "{}",
        page.body
    );
    assert_eq!(
        state(&house, numbers[0]).await,
        "open",
        "a preview changes nothing"
    );
    let all: String = numbers.iter().map(|n| format!("{n} ")).collect();
    let form = [
        ("act", "close"),
        ("numbers", all.as_str()),
        ("resolution", "duplicate"),
        ("reason", "same"),
    ];
    let done = house
        .post("analyst", "/console/incidents/bulk", &form)
        .await;
    let place = done.location().to_owned();
    let result = ok(house.get("analyst", &place).await);
    assert!(
        result.body.contains("4 done") && result.body.contains("1 not done"),
        "{}",
        result.body
    );
    assert_eq!(state(&house, numbers[0]).await, "closed");
    assert_eq!(
        house.get("lead", &place).await.status,
        StatusCode::NOT_FOUND,
        "its actor's alone"
    );
    let undone = house.post("analyst", &format!("{place}/undo"), &[]).await;
    assert_eq!(
        undone.said(),
        "Undone: 4 are as they were, 0 could not be put back"
    );
    assert_eq!(state(&house, numbers[0]).await, "validated");
    assert_eq!(state(&house, closed).await, "closed");
    let again = house.post("analyst", &format!("{place}/undo"), &[]).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    let body = json!({ "act": "assign", "incidents": [numbers[0], numbers[1]], "to": "lead" });
    let api = house
        .json("analyst", "POST", "/api/v1/incidents/bulk", &body)
        .await;
    assert_eq!(api.status, StatusCode::ACCEPTED, "{}", api.body);
    assert_eq!(api.json()["done"], 2);
    let body = json!({ "act": "assign", "incidents": [] });
    assert_eq!(
        house
            .json("analyst", "POST", "/api/v1/incidents/bulk", &body)
            .await
            .status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
}

#[tokio::test]
async fn a_grade_starts_clocks_which_a_person_ends() {
    let house = house().await;
    let n = house.incident("Portal down", None).await;
    let at = format!("/console/incidents/{n}");
    let form = [
        ("importance", "especially-important"),
        ("loss", "especially-severe"),
        ("extent", ""),
        ("operator", "critical-infrastructure"),
        ("known", ""),
        ("m-persons-data", ""),
        ("reason", "the portal is down"),
    ];
    let graded = house.post("analyst", &format!("{at}/grade"), &form).await;
    assert_eq!(graded.status, StatusCode::SEE_OTHER, "{}", graded.body);
    assert!(graded.said().contains("graded I"), "{}", graded.said());
    let api = ok(house
        .get("analyst", &format!("/api/v1/incidents/{n}"))
        .await)
    .json();
    assert_eq!(api["grade"], 1);
    let clock = api["clocks"][0]["id"].as_i64().unwrap();
    let listed = ok(house.get("viewer", &list("sort:clock clock:running")).await);
    assert!(
        listed.body.contains(&at) && listed.body.contains("class=\"clk"),
        "{}",
        listed.body
    );
    let other = house.incident("Another", None).await;
    let end = json!({ "how": "done", "reason": "reported" });
    let wrong = house
        .json(
            "analyst",
            "POST",
            &format!("/api/v1/incidents/{other}/clocks/{clock}/end"),
            &end,
        )
        .await;
    assert_eq!(
        wrong.status,
        StatusCode::NOT_FOUND,
        "a clock of another incident"
    );
    ok(house
        .json(
            "analyst",
            "POST",
            &format!("/api/v1/incidents/{n}/clocks/{clock}/end"),
            &end,
        )
        .await);
    let page = ok(house.get("viewer", &at).await);
    assert!(page.body.contains("Clock ended"), "{}", page.body);
}

#[tokio::test]
async fn sending_on_reminding_and_probing_go_through_whoever_keeps_the_workspace() {
    let house = house().await;
    let n = house.incident("Imitates", None).await;
    let at = format!("/console/incidents/{n}");
    let page = ok(house.get("analyst", &format!("{at}?do=dispatch")).await);
    assert!(
        page.body
            .contains("nothing goes out before it is validated"),
        "{}",
        page.body
    );
    house
        .post("analyst", &format!("{at}/validate"), &[("reason", "seen")])
        .await;
    let sent = house.post("analyst", &format!("{at}/dispatch"), &[]).await;
    assert_eq!(sent.said(), "2 notices written, 1 of them held");
    let reminded = house.post("analyst", &format!("{at}/remind"), &[]).await;
    assert_eq!(reminded.status, StatusCode::CONFLICT);
    assert!(reminded.body.contains("nobody is asked about it now"));
    let probed = house.post("analyst", &format!("{at}/probe"), &[]).await;
    assert_eq!(probed.said(), "3 looks: not found gone");
    let plain = House::new().await;
    let n = plain.incident("Imitates", None).await;
    let refused = plain
        .post("analyst", &format!("/console/incidents/{n}/probe"), &[])
        .await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.body);
}

#[tokio::test]
async fn evidence_is_never_run_and_a_picture_is_drawn_anew() {
    let house = house().await;
    let n = house.incident("Imitates", Some("ORG-A")).await;
    let id = house
        .ledger
        .incident_numbered(n, &Reach::All)
        .await
        .unwrap()
        .incident_id();
    let mut ids = Vec::new();
    for (seed, name, media, bytes) in [
        (
            1u8,
            "../evil\".html",
            "text/html",
            b"<script>alert(1)</script>".to_vec(),
        ),
        (2, "shot.png", "image/png", png()),
        (
            3,
            "fake.png",
            "image/png",
            b"<svg onload=alert(1)>".to_vec(),
        ),
    ] {
        let blob = house.blobs.put_bytes(&bytes).unwrap();
        let new = NewEvidence {
            id: EvidenceId::draw(Timestamp(T0), [seed; 10]),
            incident: id,
            blob: blob.hash,
            name: name.to_owned(),
            media_type: media.to_owned(),
            bytes: bytes.len() as u64,
            source: "test".to_owned(),
            tlp: Tlp::Amber,
            at: T0,
        };
        ids.push(new.id.to_string());
        house.ledger.add_evidence(new, "analyst", T0).await.unwrap();
    }
    let at = format!("/console/incidents/{n}/evidence");
    let html = ok(house.get("viewer", &format!("{at}/{}", ids[0])).await);
    assert_eq!(
        html.headers[header::CONTENT_TYPE],
        "application/octet-stream"
    );
    assert_eq!(
        html.headers[header::CONTENT_DISPOSITION],
        "attachment; filename=\"_evil_.html\""
    );
    assert_eq!(
        html.headers[header::CONTENT_SECURITY_POLICY],
        "default-src 'none'; sandbox"
    );
    assert_eq!(html.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    let shot = house
        .get("viewer", &format!("{at}/{}/preview", ids[1]))
        .await;
    assert_eq!(
        (
            shot.status,
            shot.headers[header::CONTENT_TYPE].to_str().unwrap()
        ),
        (StatusCode::OK, "image/png")
    );
    for (id, path) in [(&ids[0], "preview"), (&ids[2], "preview")] {
        assert_eq!(
            house
                .get("viewer", &format!("{at}/{id}/{path}"))
                .await
                .status,
            StatusCode::NOT_FOUND
        );
    }
    let other = house.incident("Another", None).await;
    let foreign = house
        .get(
            "viewer",
            &format!("/console/incidents/{other}/evidence/{}", ids[0]),
        )
        .await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    let trail = house
        .ledger
        .audit(Some(&format!("incident {id}")), ledger::Page::default())
        .await
        .unwrap();
    assert!(
        trail
            .iter()
            .any(|row| row.action == "evidence.read" && row.actor == "viewer")
    );
    let live = ok(house
        .post("analyst", &format!("/console/incidents/{n}/live"), &[])
        .await);
    assert!(
        live.body.contains("https://login-"),
        "shown live once it was asked for"
    );
}

/// A picture.
fn png() -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(64, 48)
        .write_to(&mut out, image::ImageFormat::Png)
        .unwrap();
    out.into_inner()
}

#[tokio::test]
async fn views_are_kept_for_oneself_or_for_a_role() {
    let house = house().await;
    house.incident("Imitates", None).await;
    let form = [
        ("name", "Government"),
        ("q", "flag:government"),
        ("cols", "number,what"),
        ("role", ""),
    ];
    let kept = house
        .post("analyst", "/console/incidents/views", &form)
        .await;
    assert!(
        kept.location()
            .starts_with("/console/incidents?q=flag%3Agovernment&cols="),
        "{}",
        kept.location()
    );
    let own = ok(house.get("analyst", "/console/incidents").await);
    assert!(own.body.contains("Government"));
    assert!(
        !ok(house.get("lead", "/console/incidents").await)
            .body
            .contains("Government")
    );
    let form = [
        ("name", "Shift"),
        ("q", "state:open"),
        ("cols", ""),
        ("role", "lead"),
    ];
    assert_eq!(
        house
            .post("analyst", "/console/incidents/views", &form)
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        house
            .post("lead", "/console/incidents/views", &form)
            .await
            .status,
        StatusCode::SEE_OTHER
    );
    assert!(
        ok(house.get("lead", "/console/incidents").await)
            .body
            .contains("Shift")
    );
    let view = house.ledger.views(&["analyst"]).await.unwrap()[0]
        .id
        .to_string();
    let gone = house
        .post(
            "lead",
            "/console/incidents/views/drop",
            &[("view", view.as_str())],
        )
        .await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND, "another's view");
    house
        .post(
            "analyst",
            "/console/incidents/views/drop",
            &[("view", view.as_str())],
        )
        .await;
    assert!(
        !ok(house.get("analyst", "/console/incidents").await)
            .body
            .contains("Government")
    );
}
