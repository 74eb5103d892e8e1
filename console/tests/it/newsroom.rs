//! The bulletin desk from outside: who may do what to an issue, and what its pages show.

mod fake;

use axum::http::{StatusCode, header};
use bulletin::lint::{Finding, Severity};
use bulletin::render::Form;
use console::newsroom::{Outcome, Task};
use jiff::civil::date;
use ledger::{EditionKey, IssueState, NewEdition};
use model::bulletin::Text;
use model::newsroom::{AccountRole, EditionState, Right};
use model::time::Day;
use serde_json::json;

use crate::house::T0;
use fake::{HOSTILE, ISSUE, house, key};

fn question() -> Finding {
    Finding {
        rule: "range",
        severity: Severity::Asks,
        object: "M1".to_owned(),
        text: Text::new("超出范围", "M1 is out of range"),
        remedy: Text::new("写说明", "say why"),
    }
}

fn at(path: &str) -> String {
    format!("/console/bulletin/{ISSUE}{path}")
}

#[tokio::test]
async fn the_desk_belongs_to_the_centre() {
    let (house, _) = house().await;
    for path in ["/console/bulletin", &at(""), &at("/prose"), &at("/look")] {
        assert_eq!(
            house.get("viewer", path).await.status,
            StatusCode::OK,
            "{path}"
        );
        assert_eq!(
            house.get("party", path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
        assert_eq!(
            house.get("", path).await.status,
            StatusCode::SEE_OTHER,
            "{path}"
        );
    }
    let first = house
        .ledger
        .actor("administrator", Right::Administer, 0)
        .await
        .unwrap();
    let branch = house
        .ledger
        .set_account_organization(&first, "lead", Some("ORG-A"), T0);
    branch.await.unwrap();
    for path in [
        "/console/bulletin",
        &at(""),
        "/api/v1/bulletins",
        "/api/v1/bulletins/2026-46/figures",
        "/console/bulletin/flash",
    ] {
        assert_eq!(
            house.get("lead", path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    assert_eq!(
        house
            .get("viewer", "/console/bulletin/2026-45")
            .await
            .status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn every_act_needs_its_right_and_denial_looks_like_absence() {
    let (house, fake) = house().await;
    /// Address below the issue, what is sent, and who may.
    type Tried = (
        &'static str,
        &'static [(&'static str, &'static str)],
        &'static [&'static str],
    );
    let acts: [Tried; 10] = [
        (
            "/draft",
            &[("note", "")],
            &["viewer", "analyst", "lead", "approver", "administrator"],
        ),
        (
            "/publish",
            &[],
            &["viewer", "analyst", "lead", "administrator"],
        ),
        ("/late", &[], &["viewer", "analyst", "lead", "approver"]),
        (
            "/withdraw",
            &[("zh", "a"), ("en", "b")],
            &["viewer", "analyst", "lead", "editor"],
        ),
        ("/check", &[], &["viewer", "analyst", "administrator"]),
        (
            "/acknowledge",
            &[("finding", "all"), ("reason", "x")],
            &["viewer", "analyst", "administrator"],
        ),
        (
            "/comments",
            &[("text", "x")],
            &["viewer", "analyst", "administrator"],
        ),
        (
            "/review",
            &[("revision", "1"), ("word", "passes")],
            &["viewer", "analyst", "administrator"],
        ),
        (
            "/approve",
            &[("revision", "1")],
            &["viewer", "analyst", "lead", "editor", "administrator"],
        ),
        (
            "/corrections",
            &[("accept", "true"), ("reason", "x")],
            &["viewer", "analyst", "lead", "approver"],
        ),
    ];
    for (act, form, refused) in acts {
        for login in refused.iter().chain(&["party"]) {
            let page = house.post(login, &at(act), form).await;
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{login} {act}");
            let body: serde_json::Map<_, _> = form
                .iter()
                .map(|(key, value)| {
                    let value = match *key {
                        "revision" => json!(1),
                        "accept" => json!(true),
                        _ => json!(value),
                    };
                    ((*key).to_owned(), value)
                })
                .collect();
            let path = format!("/api/v1/bulletins/{ISSUE}{act}");
            let answer = house.json(login, "POST", &path, &body.into()).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{login} {path}");
        }
    }
    let all = house.ledger.comments(&key()).await.unwrap();
    assert!(all.is_empty() && fake.begun.lock().unwrap().is_empty());
    let row = house
        .ledger
        .issue("example-weekly", 2026, 46, 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.state, IssueState::Draft);
    // Who may, begins.
    let drafted = house.post("editor", &at("/draft"), &[("note", "")]).await;
    assert_eq!(drafted.location(), at(""));
    let begun = fake.begun.lock().unwrap().clone();
    assert_eq!(begun.len(), 1);
    assert_eq!(begun[0].1, "editor");
    // A reason that is asked for is needed.
    let empty = [("note", ""), ("refreeze", " ")];
    let refrozen = house.post("editor", &at("/draft"), &empty).await;
    assert_eq!(refrozen.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn an_issue_is_signed_by_somebody_who_wrote_none_of_it() {
    let (house, fake) = house().await;
    let first = house
        .ledger
        .actor("administrator", Right::Administer, 0)
        .await
        .unwrap();
    let both = [AccountRole::Editor, AccountRole::Approver];
    house
        .ledger
        .set_account(&first, ("both", "both", &both, true), T0)
        .await
        .unwrap();
    fake.asks.lock().unwrap().push(question());
    // The page says why, and the button can still be reached.
    let page = house.get("editor", &at("")).await;
    assert!(
        page.body
            .contains("aria-disabled=\"true\" aria-describedby=\"why\"")
    );
    assert!(
        page.body
            .contains("nobody reviews or approves what they wrote"),
        "{}",
        page.body
    );
    assert!(
        !page
            .body
            .contains(&format!("action=\"{}\"", at("/approve")))
    );
    let review = [("revision", "1"), ("word", "passes")];
    let own = house.post("editor", &at("/review"), &review).await;
    assert_eq!(own.status, StatusCode::CONFLICT);
    assert!(
        own.body.contains("wrote it and cannot review it"),
        "{}",
        own.body
    );
    let early = house
        .post("approver", &at("/approve"), &[("revision", "1")])
        .await;
    assert_eq!(early.status, StatusCode::CONFLICT);
    assert!(
        early.body.contains("Nobody has reviewed it yet"),
        "{}",
        early.body
    );
    let checked = house.post("editor", &at("/check"), &[]).await;
    assert_eq!(checked.said(), "Checked: 0 block, 1 ask");
    let name = question().fingerprint();
    let blank = [("finding", name.as_str()), ("reason", "  ")];
    let blank = house.post("approver", &at("/acknowledge"), &blank).await;
    assert_eq!(blank.status, StatusCode::UNPROCESSABLE_ENTITY);
    let answered = [("finding", name.as_str()), ("reason", "a <campaign>")];
    let answered = house.post("approver", &at("/acknowledge"), &answered).await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER);
    let page = house.get("editor", &at("")).await;
    assert!(
        page.body.contains("approver: a &#60;campaign&#62;"),
        "{}",
        page.body
    );
    let comment = [("place", "M1"), ("text", "why <b>?")];
    house.post("lead", &at("/comments"), &comment).await;
    let reviewed = house.post("lead", &at("/review"), &review).await;
    assert_eq!(reviewed.said(), "Reviewed");
    let open = house
        .post("approver", &at("/approve"), &[("revision", "1")])
        .await;
    assert!(open.body.contains("1 comments are open"), "{}", open.body);
    // A comment is settled by its number and its issue together.
    let comments = house.ledger.comments(&key()).await.unwrap();
    let id = comments[0].id;
    let other = format!("/console/bulletin/2026-45/comments/{id}/settle");
    assert_eq!(
        house.post("lead", &other, &[]).await.status,
        StatusCode::NOT_FOUND
    );
    house
        .post("lead", &at(&format!("/comments/{id}/settle")), &[])
        .await;
    // Whoever wrote some of it holds the role in vain.
    let author = house.ledger.actor("both", Right::Edit, 0).await.unwrap();
    let prose = r#"{"blocks":[]}"#;
    house
        .ledger
        .save_editorial(&key(), prose, &author, T0)
        .await
        .unwrap();
    let wrote = house
        .post("both", &at("/approve"), &[("revision", "1")])
        .await;
    assert_eq!(wrote.status, StatusCode::CONFLICT);
    assert!(
        wrote.body.contains("both wrote some of it"),
        "{}",
        wrote.body
    );
    let stale = house
        .post("approver", &at("/approve"), &[("revision", "2")])
        .await;
    assert_eq!(stale.status, StatusCode::CONFLICT);
    let signed = house
        .post("approver", &at("/approve"), &[("revision", "1")])
        .await;
    assert_eq!(signed.said(), "Approved", "{}", signed.body);
    let path = format!("/api/v1/bulletins/{ISSUE}");
    let stands = house.get("viewer", &path).await.json();
    assert_eq!(stands["state"], EditionState::Approved.to_string());
    let forms = json!({ "forms": "html,nothing" });
    let wrong = house
        .json("editor", "POST", &format!("{path}/publish"), &forms)
        .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let forms = json!({ "forms": "html,json" });
    let begun = house
        .json("editor", "POST", &format!("{path}/publish"), &forms)
        .await;
    assert_eq!(begun.status, StatusCode::ACCEPTED);
    let task = fake.begun.lock().unwrap().pop().unwrap();
    let wanted = Task::Publish {
        forms: vec![Form::Html, Form::Json],
    };
    assert_eq!(task, (wanted, "editor".to_owned()));
}

#[tokio::test]
async fn what_is_typed_survives_a_conflict() {
    let (house, _) = house().await;
    let page = house.get("editor", &at("/prose")).await;
    let version = page.body.split("name=\"version\" value=\"").nth(1).unwrap();
    let version = version.split('"').next().unwrap().to_owned();
    let form = |zh: &'static str| {
        vec![
            ("version", version.clone()),
            ("id", "lead".to_owned()),
            ("place", "lead".to_owned()),
            ("zh", zh.to_owned()),
            ("en", "{M1|hosts} seen, {M9} not".to_owned()),
            ("link", String::new()),
        ]
    };
    let send = async |act: &str, zh: &'static str| {
        let mut all = form(zh);
        all.push(("act", act.to_owned()));
        let pairs: Vec<(&str, &str)> = all.iter().map(|(a, b)| (*a, b.as_str())).collect();
        house.post("editor", &at("/prose"), &pairs).await
    };
    let preview = send("preview", "受控主机{M1|台}").await;
    assert_eq!(preview.status, StatusCode::OK);
    assert!(preview.body.contains(">3台</a>"), "{}", preview.body);
    assert!(
        preview
            .body
            .contains("References that the issue does not have: M9")
    );
    let stored = send("save", "甲").await;
    assert_eq!(stored.status, StatusCode::SEE_OTHER);
    let late = send("save", "我写了很久<b>").await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(late.body.contains("我写了很久&#60;b&#62;"), "{}", late.body);
    assert!(late.body.contains("editor stored another version"));
    let edition = house.ledger.edition(&key()).await.unwrap().unwrap();
    assert!(edition.editorial.contains("甲") && !edition.editorial.contains("我写了很久"));
    let path = format!("/api/v1/bulletins/{ISSUE}/prose");
    let body = json!({ "version": version, "blocks": [] });
    let answer = house.json("editor", "PUT", &path, &body).await;
    assert_eq!(answer.status, StatusCode::PRECONDITION_FAILED);
    let now = house.get("viewer", &path).await.json();
    assert_eq!(now["blocks"][0]["zh"], "甲");
    let body = json!({ "version": now["version"], "blocks": [] });
    let answer = house.json("editor", "PUT", &path, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}

#[tokio::test]
async fn a_figure_opens_down_to_its_raw_line_and_nothing_in_it_is_live() {
    let (house, _) = house().await;
    let page = house.get("viewer", &at("?figure=M1")).await;
    assert_eq!(page.status, StatusCode::OK);
    for part in [
        "3 records, as printed",
        "203.0.113[.]17",
        "&#60;script&#62;alert(1)&#60;/script&#62;,hxxp://login.example[.]test/a,203.0.113[.]17",
        "data-key=\"]\"",
        "aria-current=\"true\">3</a>",
    ] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    assert!(!page.body.contains("alert(1)</script>"));
    assert!(page.body.contains("Example &#60;Weekly&#62;") || page.body.contains("示例周报"));
    let unknown = house.get("viewer", &at("?figure=X9")).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    let path = format!("/api/v1/bulletins/{ISSUE}/records?figure=M1");
    let found = house.get("viewer", &path).await.json();
    assert_eq!(found["records"], 3);
    assert_eq!(found["same"], true);
    assert_eq!(found["raw"][0]["text"], HOSTILE);
    let csv = house.get("viewer", &at("/records?figure=M1")).await;
    assert!(
        csv.headers[header::CONTENT_DISPOSITION]
            .to_str()
            .unwrap()
            .starts_with("attachment")
    );
    assert!(csv.body.contains("203.0.113.17"));
}

#[tokio::test]
async fn the_page_in_a_frame_has_its_own_policy_and_no_script() {
    let (house, _) = house().await;
    let page = house.get("viewer", &at("/revisions/1/page/en")).await;
    assert_eq!(page.status, StatusCode::OK);
    let policy = page.headers[header::CONTENT_SECURITY_POLICY]
        .to_str()
        .unwrap();
    assert!(
        policy.contains("style-src 'sha256-") && policy.ends_with("sandbox"),
        "{policy}"
    );
    assert!(
        !policy.contains("script-src") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert!(!page.body.contains("<script"), "{}", page.body);
    assert!(
        page.body.contains("Example &#60;Weekly&#62;"),
        "{}",
        page.body
    );
    for path in [
        "/revisions/2/page/en",
        "/revisions/1/page/fr",
        "/revisions/1/files/a.pdf",
    ] {
        assert_eq!(
            house.get("viewer", &at(path)).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    let form = house.get("viewer", &at("/revisions/1/as/md/zh")).await;
    assert_eq!(form.body, "rendered");
    assert!(
        form.headers[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap()
            .ends_with("sandbox")
    );
}

#[tokio::test]
async fn an_alert_goes_out_by_two_people() {
    let (house, _) = house().await;
    let first = house
        .ledger
        .actor("administrator", Right::Administer, 0)
        .await
        .unwrap();
    let both = [AccountRole::Editor, AccountRole::Approver];
    house
        .ledger
        .set_account(&first, ("both", "both", &both, true), T0)
        .await
        .unwrap();
    let form = |title: &'static str| {
        [
            ("level", "critical"),
            ("title_zh", title),
            ("title_en", "An <alert>"),
            ("text_zh", "正文"),
            ("text_en", "Text"),
        ]
    };
    let new = "/console/bulletin/flash/new";
    assert_eq!(
        house.post("viewer", new, &form("甲")).await.status,
        StatusCode::NOT_FOUND
    );
    let wrong = house.post("both", new, &form(" ")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("An &#60;alert&#62;"), "{}", wrong.body);
    let stored = house.post("both", new, &form("甲")).await;
    let one = "/console/bulletin/flash/2026-1";
    assert_eq!(stored.location(), one);
    let page = house.get("both", one).await;
    assert!(
        page.body.contains("nobody approves what they wrote"),
        "{}",
        page.body
    );
    let own = house.post("both", &format!("{one}/approve"), &[]).await;
    assert_eq!(own.status, StatusCode::CONFLICT);
    let early = house.post("both", &format!("{one}/publish"), &[]).await;
    assert_eq!(early.status, StatusCode::CONFLICT);
    let none = house.post("editor", &format!("{one}/approve"), &[]).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    let signed = house.post("approver", &format!("{one}/approve"), &[]).await;
    assert_eq!(signed.said(), "Approved");
    house.post("editor", &format!("{one}/publish"), &[]).await;
    let path = "/api/v1/bulletins/flash/2026-1";
    assert_eq!(house.get("viewer", path).await.json()["state"], "published");
    let why = json!({ "reason": " " });
    let blank = house
        .json("approver", "POST", &format!("{path}/withdraw"), &why)
        .await;
    assert_eq!(blank.status, StatusCode::UNPROCESSABLE_ENTITY);
    let why = json!({ "reason": "wrong product" });
    let taken = house
        .json("approver", "POST", &format!("{path}/withdraw"), &why)
        .await;
    assert_eq!(taken.json()["state"], "withdrawn");
}

#[tokio::test]
async fn lists_are_paged_and_explanations_say_why_not() {
    let (house, _) = house().await;
    let monday = Day::of(date(2026, 11, 16)).0;
    let next = NewEdition {
        key: EditionKey {
            number: 47,
            ..key()
        },
        week_start: monday,
        week_end: monday + 6,
        freeze_at: T0,
        deadline_at: T0 + 1,
    };
    house.ledger.plan_edition(next, "editor", T0).await.unwrap();
    let first = house
        .get("viewer", "/api/v1/bulletins?limit=1")
        .await
        .json();
    assert_eq!(first["items"][0]["issue"], "2026-47");
    assert_eq!(first["next"], "2026-47");
    let second = house
        .get("viewer", "/api/v1/bulletins?limit=1&after=2026-47")
        .await
        .json();
    assert_eq!(second["items"][0]["issue"], ISSUE);
    assert_eq!(second["next"], serde_json::Value::Null);
    let wrong = house.get("viewer", "/api/v1/bulletins?limit=0").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let why = house.get("viewer", &at("/explain/M1")).await;
    assert_eq!(why.status, StatusCode::OK);
    assert!(why.body.contains("M1: no week before"), "{}", why.body);
    let planned = house.get("editor", "/console/bulletin/2026-47").await;
    assert!(
        planned.body.contains("There is no draft yet"),
        "{}",
        planned.body
    );
    // What a piece of work came to is asked of the process that does it.
    let work = house.get("viewer", "/api/v1/bulletins/work/1").await;
    assert_eq!(work.status, StatusCode::NOT_FOUND);
    let none = Outcome::Counted { corrections: 0 };
    assert_eq!(serde_json::to_value(none).unwrap()["outcome"], "counted");
}
