//! The portal: two organizations, and neither sees anything of the other; and what one does is done.

use std::sync::atomic::{AtomicU8, Ordering};

use axum::http::StatusCode;
use ledger::{
    Directive, DirectiveState, MessageState, NewContact, NewDirective, NewOrganization, NewStep,
    Page, Reach,
};
use model::ids::{ContactId, DirectiveId, OrganizationId};
use model::incident::{IncidentState, Step};
use model::newsroom::{AccountRole, Right};
use model::organization::{Channel, Role, Rung, Scope};
use model::time::Timestamp;
use serde_json::json;

use crate::house::{House, MINUTE, T0};
use crate::outside::{NAUGHTY, harmless, send};

mod dispute;

static DRAWN: AtomicU8 = AtomicU8::new(1);

fn random() -> [u8; 10] {
    [DRAWN.fetch_add(1, Ordering::SeqCst); 10]
}

struct Two {
    house: House,
    one: OrganizationId,
    two: OrganizationId,
    /// Contact of the second.
    contact: ContactId,
    /// Number of an incident that the first was asked about, and of one that the second was.
    mine: i64,
    theirs: i64,
}

async fn organization(house: &House, name: &str, role: Role) -> (OrganizationId, ContactId) {
    let (id, contact) = (
        OrganizationId::draw(Timestamp(T0), random()),
        ContactId::draw(Timestamp(T0), random()),
    );
    let new = NewOrganization {
        id,
        name_zh: name.to_owned(),
        name_en: name.to_owned(),
        roles: vec![role],
        country: None,
        province: Some("320000".to_owned()),
        zone: "Asia/Shanghai".to_owned(),
        language: "en".to_owned(),
        interval_secs: 0,
        source: "manual".to_owned(),
        protected: true,
        contacts: vec![NewContact {
            id: contact,
            channel: Channel::Mail,
            address: format!("desk@{}.example.com", name.to_lowercase()),
            language: None,
            format: None,
            rung: Rung::Agreed,
            hours: None,
            pgp: None,
        }],
        responsible: vec![(Scope::Prefix, "192.0.2.0/24".to_owned())],
    };
    house
        .ledger
        .add_organizations(vec![new], "test", T0)
        .await
        .unwrap();
    (id, contact)
}

/// Asks a party about an incident, as a notice that went out does.
async fn ask(house: &House, number: i64, of: OrganizationId) {
    let (ledger, now) = (&house.ledger, house.now());
    let id = ledger
        .incident_numbered(number, &Reach::All)
        .await
        .unwrap()
        .id
        .0;
    let step = |step| {
        ledger.step(
            id,
            &Reach::All,
            NewStep::new(step, "test", now),
            "analyst",
            now,
        )
    };
    step(Step::Validate).await.unwrap();
    step(Step::Notify).await.unwrap();
    let directive = DirectiveId::draw(Timestamp(now), random());
    let new = NewDirective {
        id: directive,
        incident: id,
        place: 1,
        role: Role::CloudProvider,
        organization: Some(of),
        ask: "remove-content".to_owned(),
        reason: "row 3 of the table".to_owned(),
        target_secs: 86_400,
        working_days: None,
    };
    ledger.decide(vec![new], "test", now).await.unwrap();
    let asked = |row: &mut Directive| {
        row.state = DirectiveState::Asked;
        row.asked_at = Some(now);
        row.due_at = Some(now + 1_440 * MINUTE);
    };
    ledger
        .edit_directive(directive, json!("asked"), asked, "test", now)
        .await
        .unwrap();
}

async fn tie(house: &House, login: &str, role: AccountRole, to: OrganizationId) {
    let by = house
        .ledger
        .actor("administrator", Right::Administer, 0)
        .await
        .unwrap();
    let account = (login, login, &[role][..], true);
    house.ledger.set_account(&by, account, T0).await.unwrap();
    let text = to.to_string();
    house
        .ledger
        .set_account_organization(&by, login, Some(&text), T0)
        .await
        .unwrap();
}

async fn two() -> Two {
    let house = House::new().await;
    let (one, _) = organization(&house, "Alpha", Role::CloudProvider).await;
    let (two, contact) = organization(&house, "Beta", Role::CloudProvider).await;
    tie(&house, "party", AccountRole::Party, one).await;
    tie(&house, "other", AccountRole::Party, two).await;
    let mine = house.incident("one of Alpha", None).await;
    let theirs = house.incident("one of Beta", None).await;
    ask(&house, mine, one).await;
    ask(&house, theirs, two).await;
    Two {
        house,
        one,
        two,
        contact,
        mine,
        theirs,
    }
}

#[tokio::test]
async fn neither_sees_anything_of_the_other_and_denial_is_absence() {
    let t = two().await;
    let house = &t.house;
    // One that nobody was asked about yet, and one where only another was.
    let open = house.incident("not yet", None).await;
    for (login, own, foreign) in [("party", t.mine, t.theirs), ("other", t.theirs, t.mine)] {
        let absent = 999_999;
        for base in ["/portal/incidents", "/api/v1/portal/incidents"] {
            let seen = house.get(login, &format!("{base}/{own}")).await;
            assert_eq!(seen.status, StatusCode::OK, "{login} {base}: {}", seen.body);
            let none = house.get(login, &format!("{base}/{absent}")).await;
            for number in [foreign, open] {
                let denied = house.get(login, &format!("{base}/{number}")).await;
                assert_eq!(denied.status, StatusCode::NOT_FOUND);
                let same = |text: &str, n: i64| {
                    text.replace(&format!("/{n}"), "/N")
                        .replace(&format!("%2F{n}"), "%2FN")
                };
                assert_eq!(
                    same(&denied.body, number),
                    same(&none.body, absent),
                    "{login} {base}"
                );
            }
        }
        for act in ["acknowledged", "fixed", "asked", "disputed"] {
            let form = [("act", act), ("ground", "not-ours"), ("comment", "x")];
            let denied = house
                .post(
                    login,
                    &format!("/portal/incidents/{foreign}/answers"),
                    &form,
                )
                .await;
            assert_eq!(denied.status, StatusCode::NOT_FOUND, "{act}");
            let body = json!({ "act": act, "ground": "not-ours", "comment": "x" });
            let path = format!("/api/v1/portal/incidents/{foreign}/answers");
            assert_eq!(
                house.json(login, "POST", &path, &body).await.status,
                StatusCode::NOT_FOUND
            );
        }
        let list = house
            .get(login, "/api/v1/portal/incidents?state=all")
            .await
            .json();
        let ids: Vec<_> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["id"].as_i64())
            .collect();
        assert_eq!(ids, [Some(own)]);
        let csv = house
            .get(login, "/api/v1/portal/incidents?format=csv")
            .await
            .body;
        assert!(
            csv.contains(&format!("\n{own},")) && !csv.contains(&format!("\n{foreign},")),
            "{csv}"
        );
        let lines = house
            .get(login, "/api/v1/portal/incidents?format=jsonl")
            .await
            .body;
        assert_eq!(lines.lines().count(), 1);
        let home = house.get(login, "/portal").await.body;
        assert!(
            home.contains(&format!("/portal/incidents/{own}\""))
                && !home.contains(&format!("/portal/incidents/{foreign}\""))
        );
        let (own_name, other_name) = if login == "party" {
            ("Alpha", "Beta")
        } else {
            ("Beta", "Alpha")
        };
        for path in [
            "/portal/settings",
            "/portal/scorecard",
            "/portal/events",
            "/portal/feedback",
        ] {
            let page = house.get(login, path).await;
            assert_eq!(page.status, StatusCode::OK, "{path}");
            assert!(
                page.body.contains(own_name) && !page.body.contains(other_name),
                "{path}"
            );
        }
    }
    assert!(
        house
            .ledger
            .messages(None, Page::ALL)
            .await
            .unwrap()
            .is_empty(),
        "nothing was kept of what was denied"
    );
    for path in [
        "/console",
        "/console/complaints",
        "/console/appeals",
        "/console/answers",
        "/console/incidents/1/owner",
        "/api/v1/complaints",
        "/api/v1/appeals",
    ] {
        assert_eq!(
            house.get("party", path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    for login in ["viewer", "analyst", "lead", "administrator"] {
        for path in ["/portal", "/portal/settings", "/api/v1/portal/incidents"] {
            assert_eq!(
                house.get(login, path).await.status,
                StatusCode::NOT_FOUND,
                "{login} {path}"
            );
        }
    }
    assert_eq!(
        house.get("", "/api/v1/portal/incidents").await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn a_matter_shows_what_is_asked_and_nothing_of_the_house() {
    let t = two().await;
    let house = &t.house;
    let id = house
        .ledger
        .incident_numbered(t.mine, &Reach::All)
        .await
        .unwrap()
        .id
        .0;
    house
        .ledger
        .note_incident(id, &Reach::All, "SECRET NOTE", "analyst", house.now())
        .await
        .unwrap();
    let edit = |row: &mut ledger::Incident| {
        row.basis = Some("SECRET BASIS".to_owned());
        row.grade = Some("{\"SECRET\":1}".to_owned());
    };
    house
        .ledger
        .edit_incident(id, &Reach::All, json!({}), edit, "analyst", house.now())
        .await
        .unwrap();
    ask_second(house, t.mine, t.two).await;
    let page = house
        .get("party", &format!("/portal/incidents/{}", t.mine))
        .await
        .body;
    let api = house
        .get("party", &format!("/api/v1/portal/incidents/{}", t.mine))
        .await
        .body;
    for text in [&page, &api] {
        for secret in [
            "SECRET",
            "Beta",
            "analyst",
            "row 3",
            "validated_by",
            "owner",
            "border",
            "flags",
        ] {
            assert!(!text.contains(secret), "{secret}");
        }
    }
    assert!(page.contains("remove the content"), "{page}");
}

/// A second party is asked about the same incident.
async fn ask_second(house: &House, number: i64, of: OrganizationId) {
    let now = house.now();
    let id = house
        .ledger
        .incident_numbered(number, &Reach::All)
        .await
        .unwrap()
        .id
        .0;
    let directive = DirectiveId::draw(Timestamp(now), random());
    let new = NewDirective {
        id: directive,
        incident: id,
        place: 2,
        role: Role::Registrar,
        organization: Some(of),
        ask: "suspend-domain".to_owned(),
        reason: "row 4".to_owned(),
        target_secs: 3_600,
        working_days: None,
    };
    house.ledger.decide(vec![new], "test", now).await.unwrap();
    let asked = |row: &mut Directive| {
        row.state = DirectiveState::Asked;
        row.asked_at = Some(now);
    };
    house
        .ledger
        .edit_directive(directive, json!("asked"), asked, "test", now)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_a_party_says_is_done_and_heard() {
    let t = two().await;
    let house = &t.house;
    let path = format!("/portal/incidents/{}/answers", t.mine);
    let state = async || {
        house
            .ledger
            .incident_numbered(t.mine, &Reach::All)
            .await
            .unwrap()
    };
    let done = house
        .post(
            "party",
            &path,
            &[("act", "acknowledged"), ("ticket", "T-17")],
        )
        .await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    assert_eq!(state().await.state.0, IncidentState::Acknowledged);
    let text = "a\r\nBcc: x@example.com\r\n\r\n<script>alert(1)</script>";
    let done = house
        .post(
            "party",
            &path,
            &[
                ("act", "disputed"),
                ("ground", "legitimate"),
                ("comment", text),
            ],
        )
        .await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    let messages = house
        .ledger
        .messages(Some(MessageState::Waiting), Page::ALL)
        .await
        .unwrap();
    assert_eq!(messages.len(), 1, "a person reads it");
    let bytes = house.blobs.read(&messages[0].blob).unwrap();
    let mail = formats::mail::Mail::read(&bytes, &formats::mail::Limits::default()).unwrap();
    assert!(mail.text.contains("<script>alert(1)</script>"));
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let head = text.split("\r\n\r\n").next().unwrap();
    assert!(!head.contains("Bcc"), "{head}");
    let waits = house.get("analyst", "/console/answers").await.body;
    assert!(
        waits.contains("What is there is legitimate") && harmless(&waits),
        "{waits}"
    );
    let tell = [
        ("incident", t.mine.to_string()),
        ("organization", t.one.to_string()),
        ("text", "we look again".to_owned()),
    ];
    let tell: Vec<(&str, &str)> = tell
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    assert_eq!(
        house
            .post("viewer", "/console/answers/tell", &tell)
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        house
            .post("analyst", "/console/answers/tell", &tell)
            .await
            .status,
        StatusCode::SEE_OTHER
    );
    let page = house
        .get("party", &format!("/portal/incidents/{}", t.mine))
        .await
        .body;
    assert!(
        page.contains("we look again") && !page.contains("analyst") && harmless(&page),
        "{page}"
    );
    let fixed = house.post("party", &path, &[("act", "fixed")]).await;
    assert_eq!(fixed.status, StatusCode::SEE_OTHER, "{}", fixed.body);
    let after = state().await;
    assert_eq!(
        after.state.0,
        IncidentState::Acted,
        "a word ends nothing: looks do"
    );
    let row = house.ledger.directives(after.id.0).await.unwrap().remove(0);
    assert_eq!(
        (row.state, row.ticket.as_deref()),
        (DirectiveState::Acted, Some("T-17"))
    );
    assert_eq!(
        house.ledger.last_acted(after.id.0).await.unwrap(),
        Some(house.now())
    );
    let empty = house
        .post("party", &path, &[("act", "asked"), ("comment", " ")])
        .await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    for text in NAUGHTY {
        let sent = house
            .post("party", &path, &[("act", "asked"), ("comment", text)])
            .await;
        assert_eq!(
            sent.status,
            StatusCode::SEE_OTHER,
            "{text:?}: {}",
            sent.body
        );
    }
    for (login, page) in [
        ("party", format!("/portal/incidents/{}", t.mine)),
        ("analyst", "/console/answers".to_owned()),
    ] {
        let page = house.get(login, &page).await;
        assert!(!page.body.contains("<script>alert") && !page.body.contains("<img src=x"));
    }
}

#[tokio::test]
async fn a_feedback_file_is_carried_out_row_by_row() {
    let t = two().await;
    let house = &t.house;
    let file = format!(
        "id,status,comment,ticket\n{},fixed,=cmd(),A-1\n{},fixed,,\n999999,fixed,,\nx,fixed,,\n{},,,\n",
        t.mine, t.theirs, t.mine
    );
    let page = send(
        house,
        "party",
        "/portal/feedback",
        &[],
        &[("../x.csv", "text/html", file.as_bytes())],
    )
    .await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(
        page.body.contains("1 rows were taken; 1 had no status.")
            && page.body.contains("3 rows were not used"),
        "{}",
        page.body
    );
    // Another's number is told as one that is nobody's.
    for number in [t.theirs, 999_999] {
        assert!(
            page.body
                .contains(&format!("no matter of yours has the number {number}"))
        );
    }
    let incident = house
        .ledger
        .incident_numbered(t.mine, &Reach::All)
        .await
        .unwrap();
    assert_eq!(incident.state.0, IncidentState::Acted);
    let kept = house.ledger.evidence(incident.id.0).await.unwrap();
    assert_eq!(
        (
            kept.len(),
            kept[0].name.as_str(),
            kept[0].media_type.as_str()
        ),
        (1, "feedback.csv", "text/csv")
    );
    let theirs = house
        .ledger
        .incident_numbered(t.theirs, &Reach::All)
        .await
        .unwrap();
    assert_eq!(theirs.state.0, IncidentState::Notified);
    assert!(house.ledger.evidence(theirs.id.0).await.unwrap().is_empty());
    let bad = send(
        house,
        "party",
        "/portal/feedback",
        &[],
        &[("x.csv", "text/csv", b"\x89PNG\r\n\x1a\n")],
    )
    .await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_new_address_waits_for_a_lead_and_no_contact_of_another_is_touched() {
    let t = two().await;
    let house = &t.house;
    let own = house.ledger.contacts(t.one).await.unwrap()[0].id.0;
    let (own, foreign) = (own.to_string(), t.contact.to_string());
    let terms = [("language", "zh"), ("interval_hours", "24")];
    assert_eq!(
        house
            .post("party", "/portal/settings/terms", &terms)
            .await
            .status,
        StatusCode::SEE_OTHER
    );
    let row = house.ledger.organization(t.one).await.unwrap();
    assert_eq!((row.language.as_str(), row.interval_secs), ("zh", 86_400));
    let wrong = [("language", "zh"), ("interval_hours", "-1")];
    assert_eq!(
        house
            .post("party", "/portal/settings/terms", &wrong)
            .await
            .status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    for (contact, status) in [
        (&own, StatusCode::SEE_OTHER),
        (&foreign, StatusCode::NOT_FOUND),
    ] {
        let format = [("contact", contact.as_str()), ("format", "xarf")];
        assert_eq!(
            house
                .post("party", "/portal/settings/format", &format)
                .await
                .status,
            status
        );
        let way = [
            ("contact", contact.as_str()),
            ("channel", "mail"),
            ("address", "new@alpha.example.com"),
        ];
        assert_eq!(
            house
                .post("party", "/portal/settings/contact", &way)
                .await
                .status,
            status
        );
    }
    for address in [
        "no address",
        "a@b\r\nBcc: x@example.com",
        "http://10.0.0.1/",
    ] {
        let way = [
            ("contact", own.as_str()),
            (
                "channel",
                if address.starts_with("http") {
                    "webhook"
                } else {
                    "mail"
                },
            ),
            ("address", address),
        ];
        assert_eq!(
            house
                .post("party", "/portal/settings/contact", &way)
                .await
                .status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{address:?}"
        );
    }
    let key = [
        ("contact", own.as_str()),
        ("key", "-----BEGIN PGP PUBLIC KEY BLOCK-----\nrubbish"),
    ];
    assert_eq!(
        house
            .post("party", "/portal/settings/key", &key)
            .await
            .status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let address = async || {
        house.ledger.contacts(t.one).await.unwrap()[0]
            .address
            .clone()
    };
    assert_eq!(address().await, "desk@alpha.example.com", "it waits");
    let form = [
        ("decision", "accepted"),
        ("reason", "called the number of the contract"),
    ];
    assert_eq!(
        house
            .post("analyst", "/console/changes/1/decide", &form)
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    let done = house.post("lead", "/console/changes/1/decide", &form).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    assert_eq!(address().await, "new@alpha.example.com");
    assert_eq!(
        house
            .post("lead", "/console/changes/1/decide", &form)
            .await
            .status,
        StatusCode::CONFLICT
    );
    assert_eq!(
        house.ledger.contacts(t.two).await.unwrap()[0].address,
        "desk@beta.example.com"
    );
}

#[tokio::test]
async fn an_account_that_is_tied_to_nothing_is_told_so() {
    let house = House::new().await;
    let page = house.get("party", "/portal").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.body
            .contains("Your account belongs to no organization yet")
    );
    assert_eq!(
        house.get("party", "/portal/settings").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        house.get("party", "/api/v1/portal/incidents").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_branch_works_what_was_handed_over_until_it_is_taken_back() {
    let house = House::new().await;
    let (branch, _) = organization(&house, "Branch", Role::ProvincialBranch).await;
    let (cloud, _) = organization(&house, "Cloud", Role::CloudProvider).await;
    tie(&house, "branch", AccountRole::Analyst, branch).await;
    let number = house.incident("login.example.test", None).await;
    let reach = Reach::Owner(branch.to_string());
    let sees = async || house.ledger.incident_numbered(number, &reach).await.is_ok();
    assert!(!sees().await);
    let path = format!("/api/v1/incidents/{number}/owner");
    let over = json!({ "to": branch.to_string(), "reason": "its province" });
    for login in ["analyst", "viewer", "branch", "party"] {
        assert_eq!(
            house.json(login, "POST", &path, &over).await.status,
            StatusCode::NOT_FOUND,
            "{login}"
        );
    }
    let wrong = json!({ "to": cloud.to_string(), "reason": "x" });
    assert_eq!(
        house.json("lead", "POST", &path, &wrong).await.status,
        StatusCode::CONFLICT,
        "no branch"
    );
    let done = house.json("lead", "POST", &path, &over).await;
    assert_eq!(done.json()["owner"], branch.to_string(), "{}", done.body);
    assert!(sees().await);
    assert!(
        house
            .get("lead", &format!("/console/incidents/{number}/owner"))
            .await
            .body
            .contains("Branch")
    );
    // What waits at the centre stays there.
    for page in ["/console/complaints", "/console/appeals"] {
        assert_eq!(
            house.get("branch", page).await.status,
            StatusCode::NOT_FOUND,
            "{page}"
        );
    }
    let back = house
        .json(
            "lead",
            "POST",
            &path,
            &json!({ "reason": "too large for one province" }),
        )
        .await;
    assert!(back.json()["owner"].is_null(), "{}", back.body);
    assert!(!sees().await);
    let trail = house.ledger.audit(None, Page::ALL).await.unwrap();
    for action in ["incident.hand-over", "incident.take-back"] {
        assert!(
            trail
                .iter()
                .any(|row| row.action == action && row.actor == "lead"),
            "{action}"
        );
    }
}
