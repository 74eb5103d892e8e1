//! What was done, from outside: figures of a workspace whose incidents were worked, each opened down to
//! its incidents, and the issue that tells of them.

use std::path::Path;

use ::ledger::incident::Triage;
use ::ledger::{
    Hash, Ledger, Move, NewDirective, NewIncident, NewNotice, NewOrganization, NewStep, Reach,
};
use model::ids::{DirectiveId, IncidentId, NoticeId, OrganizationId};
use model::incident::{Border, CaseKind, Resolution, Severity, Step};
use model::notice::{NoticeKind, NoticeState};
use model::organization::{Channel, Role};
use model::territory::Territory;
use model::time::Timestamp;

use crate::run::Bench;

pub(crate) const CONFIGURATION: &str = r#"
[workspace]
name = "handled"
zone = "UTC"

[series]
id = "weekly"
title_zh = "周报"
title_en = "Weekly"
organization_zh = "示例"
organization_en = "Example"
scheme = "sunday-ordinal"
"#;
/// 2023-01-09T00:00:00Z, a Monday.
pub(crate) const MONDAY: i64 = 1_673_222_400_000_000;
pub(crate) const HOUR: i64 = 3_600_000_000;
const WHO: &str = "person:test";

/// One incident: opened on a Monday, asked about after an hour, found gone some hours after that.
struct Worked {
    kind: CaseKind,
    role: Role,
    border: Vec<Border>,
    gone_after: Option<i64>,
}

async fn work(ledger: &Ledger, n: u8, monday: i64, worked: &Worked) {
    let random = [n; 10];
    let id = IncidentId::draw(Timestamp(monday), random);
    let new = NewIncident {
        id,
        kind: worked.kind,
        severity: Severity::Medium,
        rule: "test".to_owned(),
        key: id.to_string(),
        what: format!("http://a{n}.example/"),
        url: Some(format!("http://a{n}.example/")),
        host: None,
        ip: None,
        asn: None,
        name: None,
        brand: None,
        country: None,
        province: None,
        territory: Territory::Inside,
        border: worked.border.clone(),
        flags: vec![],
        owner: None,
        tlp: model::tlp::Tlp::Green,
        origin: "triage".to_owned(),
        external_number: None,
        first_seen_at: monday,
        last_seen_at: monday,
        validated_by: Some("rule:test".to_owned()),
    };
    let triage = Triage {
        opened: vec![new],
        ..Triage::default()
    };
    let opened = ledger.commit_triage(triage, "test", WHO, monday).await;
    opened.expect("opened");
    let at = monday + HOUR;
    let organization = OrganizationId::draw(Timestamp(monday), random);
    let party = NewOrganization {
        id: organization,
        name_zh: format!("单位{n}"),
        name_en: format!("Party {n}"),
        roles: vec![worked.role],
        country: None,
        province: None,
        zone: "UTC".to_owned(),
        language: "en".to_owned(),
        interval_secs: 0,
        source: "manual".to_owned(),
        protected: true,
        contacts: vec![],
        responsible: vec![],
    };
    let stored = ledger.add_organizations(vec![party], WHO, at).await;
    stored.expect("stored");
    let directive = DirectiveId::draw(Timestamp(at), random);
    let decision = NewDirective {
        id: directive,
        incident: id,
        place: 1,
        role: worked.role,
        organization: Some(organization),
        ask: "remove".to_owned(),
        reason: "test".to_owned(),
        target_secs: 24 * 3600,
        working_days: None,
    };
    let decided = ledger.decide(vec![decision], WHO, at).await;
    decided.expect("decided");
    let notice = NoticeId::draw(Timestamp(at), random);
    let message = NewNotice {
        id: notice,
        kind: NoticeKind::First,
        organization,
        contact: None,
        channel: Channel::Files,
        address: "out".to_owned(),
        format: None,
        language: "en".to_owned(),
        subject: "notice".to_owned(),
        token: notice.to_string(),
        message_id: format!("{notice}@cert.example"),
        thread: vec![],
        body: Hash::of(b"notice"),
        hold_reason: None,
        approved_by: None,
        exercise: false,
        covers: vec![(directive, id)],
    };
    let written = ledger.write_notices(vec![message], WHO, at).await;
    written.expect("written");
    ledger.take_notice(at).await.expect("taken");
    let sent = Move {
        to: NoticeState::Sent,
        reply: "250".to_owned(),
        next_at: None,
    };
    let moved = ledger.move_notice(notice, sent, WHO, at).await;
    moved.expect("sent");
    if let Some(hours) = worked.gone_after {
        for (step, later) in [
            (Step::FindGone, 0),
            (Step::Close(Resolution::TakenDown), HOUR),
        ] {
            let at = at + hours * HOUR + later;
            let new = NewStep::new(step, "looked at", at);
            let done = ledger.step(id, &Reach::All, new, WHO, at).await;
            done.expect("allowed");
        }
    }
}

/// Two weeks of work: four incidents handled, then seven and one that waits.
pub(crate) fn fill(path: &Path) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let ledger = Ledger::open(path).await.expect("opens");
        let of = |kind, role, border: &[Border], gone_after| Worked {
            kind,
            role,
            border: border.to_vec(),
            gone_after,
        };
        let phishing = |hours| {
            of(
                CaseKind::Phishing,
                Role::Registrar,
                &[Border::Registrar],
                Some(hours),
            )
        };
        let app = |hours| of(CaseKind::MaliciousApp, Role::AppPlatform, &[], Some(hours));
        let before = [phishing(3), phishing(9), app(5), app(30)];
        let this = [
            phishing(2),
            phishing(6),
            phishing(20),
            app(4),
            app(26),
            of(CaseKind::MalwareHosting, Role::CloudProvider, &[], Some(8)),
            of(
                CaseKind::ControlServer,
                Role::OverseasCert,
                &[Border::Hosting, Border::Party],
                Some(70),
            ),
            of(CaseKind::Phishing, Role::Registrar, &[], None),
        ];
        let weeks = [(MONDAY - 7 * 24 * HOUR, &before[..]), (MONDAY, &this[..])];
        let mut n = 0;
        for (monday, all) in weeks {
            for worked in all {
                n += 1;
                work(&ledger, n, monday, worked).await;
            }
        }
    });
}

/// A week with a dozen phishing incidents that were handled.
fn fill_a_dozen(path: &Path) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let ledger = Ledger::open(path).await.expect("opens");
        for n in 1..=12 {
            let worked = Worked {
                kind: CaseKind::Phishing,
                role: Role::Registrar,
                border: vec![],
                gone_after: Some(3),
            };
            work(&ledger, n, MONDAY, &worked).await;
        }
    });
}

#[test]
fn a_campaign_that_is_much_of_a_figure_is_said_and_stays_said() {
    let bench = Bench::with(CONFIGURATION);
    bench.run(&["init"]);
    fill_a_dozen(&bench.path().join("ledger.db"));
    let campaign = |what: &[&str]| {
        let words = [&["incidents", "campaign"], what, &["--reason", "same kit"]].concat();
        bench.run(&words).exits(0);
    };
    let notes = || {
        bench
            .run(&["bulletin", "render", "2023-3", "--format", "json"])
            .exits(0);
        let text =
            std::fs::read_to_string(bench.path().join("drafts/2023-3.json")).expect("rendered");
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let all = json["notes"].as_array().expect("notes").clone();
        let of = all.into_iter().filter(|note| {
            note["id"]
                .as_str()
                .is_some_and(|id| id.starts_with("campaign-"))
        });
        of.map(|note| note["text"].to_string()).collect::<Vec<_>>()
    };
    // One of twelve is no tenth more; two are.
    campaign(&["new", "kit 7", "1"]);
    bench.run(&["bulletin", "draft", "2023-3"]).exits(0);
    assert_eq!(notes(), [""; 0]);
    campaign(&["add", "kit 7", "2", "3"]);
    // While the figures stay, what was said of them stays.
    bench
        .run(&["bulletin", "draft", "2023-3"])
        .exits(0)
        .prints("unchanged");
    bench
        .run(&["bulletin", "draft", "2023-3", "--note", "a campaign"])
        .exits(0);
    let told = notes();
    assert!(told.is_empty(), "the same figures: {told:?}");
    bench.run(&["bulletin", "draft", "2023-2"]).exits(0);

    // Counted with the campaign from the start.
    let other = Bench::with(CONFIGURATION);
    other.run(&["init"]);
    fill_a_dozen(&other.path().join("ledger.db"));
    other
        .run(&[
            "incidents",
            "campaign",
            "new",
            "kit 7",
            "1",
            "2",
            "3",
            "--reason",
            "same kit",
        ])
        .exits(0);
    other.run(&["bulletin", "draft", "2023-3"]).exits(0);
    other
        .run(&["bulletin", "render", "2023-3", "--format", "json"])
        .exits(0);
    let text = std::fs::read_to_string(other.path().join("drafts/2023-3.json")).expect("rendered");
    assert!(
        text.contains("campaign-I1") && text.contains("campaign-I3"),
        "{text}"
    );
    assert!(text.contains("有3起属于同一起攻击活动，占25.0%"), "{text}");
    assert!(!text.contains("kit 7"), "its name is the house's own");
    other
        .run(&["bulletin", "verify", "2023-3"])
        .exits(0)
        .prints("bulletin: the same bytes");
}

#[test]
fn a_week_s_work_is_counted_opened_and_printed() {
    let bench = Bench::with(CONFIGURATION);
    // Before the first handled incident the figures are not available.
    let value = |week: &serde_json::Value, key: &str| {
        let values = week["values"].as_array().expect("a list").clone();
        let found = values.into_iter().find(|value| value["key"] == key);
        found.unwrap_or_else(|| panic!("{key} is not there"))
    };
    bench.run(&["init"]);
    let week = bench.run(&["week", "2023-3", "--json"]).exits(0).json();
    assert!(value(&week, "I1")["value"].is_null(), "never 0");
    assert_eq!(
        value(&week, "I1")["missing"]["en"],
        "no incident has been handled here yet"
    );

    fill(&bench.path().join("ledger.db"));
    bench.run(&["bulletin", "draft", "2023-2"]).exits(0);
    let week = bench.run(&["week", "2023-3", "--json"]).exits(0).json();
    for (key, this, last) in [("I1", 7, 4), ("I2", 4, 2), ("I3", 3, 2), ("I5", 2, 2)] {
        assert_eq!(value(&week, key)["value"]["exact"]["count"], this, "{key}");
        assert_eq!(
            value(&week, key)["previous"]["exact"]["count"],
            last,
            "{key}"
        );
    }
    assert_eq!(value(&week, "T1")["value"]["text"]["en"], "8.0");
    assert_eq!(value(&week, "S1/overdue")["value"]["exact"]["count"], 1);

    let days = ["--days", "36500"];
    let by = |more: &[&str]| {
        let words = [&["--json", "orgs", "takedown"], &days[..], more].concat();
        bench.run(&words).exits(0).json()
    };
    let parties = by(&[]);
    let parties = parties.as_array().expect("a list");
    assert_eq!(parties.len(), 12, "one a party");
    assert_eq!(parties[0]["cases"], 1);
    let countries = by(&["--by-country"]);
    assert_eq!(
        (&countries[0]["cases"], &countries[0]["open"]),
        (&12.into(), &1.into())
    );

    let told = bench
        .run(&["week", "2023-3", "--explain", "I1"])
        .exits(0)
        .prints("the ledger's incidents that were handled or opened in the week")
        .says("handled.incident: 7 lines, one a counted key");
    for number in 5..=11 {
        let line = format!("handled.incident  incident {number}  ");
        assert!(told.stdout.contains(&line), "{}", told.stdout);
    }
    bench
        .run(&["week", "2023-3", "--explain", "I7"])
        .exits(0)
        .prints("handled.role/overseas-cert  incident 11: Party 11");
    bench
        .run(&["week", "2023-3", "--explain", "I1", "--key", "incident 4"])
        .exits(1)
        .says("does not count the key incident 4");

    bench.run(&["bulletin", "draft", "2023-3"]).exits(0);
    bench
        .run(&["bulletin", "draft", "2023-3"])
        .exits(0)
        .prints("unchanged");
    bench
        .run(&["bulletin", "render", "2023-3", "--format", "html,json,csv"])
        .exits(0);
    for (file, told) in [
        ("drafts/2023-3.zh.html", "下线用时中位数"),
        ("drafts/2023-3.en.html", "Median takedown time"),
    ] {
        let page = std::fs::read_to_string(bench.path().join(file)).expect("rendered");
        assert!(
            page.contains(told) && page.contains("id=\"handling\""),
            "{file}"
        );
    }
}
