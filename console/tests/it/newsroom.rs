//! The bulletin desk from outside: who may do what to an issue, and what its pages show.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::http::{StatusCode, header};
use bulletin::change::ChangeExplanation;
use bulletin::lint::{Finding, Severity};
use bulletin::render::{Form, Rendition};
use bulletin::statistics::explain::Line;
use console::newsroom::{
    Asked, Behind, Checked, Daily, Declined, Newsroom, Outcome, Raw, Stage, Task, Told, Work,
};
use jiff::civil::{Date, date};
use ledger::{
    EditionKey, Flash, Frozen, Hash, IssueState, Ledger, LintOutcome, NewEdition, NewIssue,
};
use model::bulletin::{
    Amount, Board, Bulletin, Change, Exact, Lang, Outcome as Rated, Paragraph, Period, Provenance,
    PublishedValue, Publisher, RatingBlock, Run, Section, SeriesTitle, State, Text, Tlp, Working,
};
use model::issue::IssueNumber;
use model::newsroom::{AccountRole, EditionState, Right};
use model::period::ReportingPeriod;
use model::time::Day;
use serde_json::json;

use crate::house::{House, T0};

const ISSUE: &str = "2026-46";
/// What a hostile feed may write.
const HOSTILE: &str = "<script>alert(1)</script>,http://login.example.test/a,203.0.113.17";

fn key() -> EditionKey {
    EditionKey {
        series: "example-weekly".to_owned(),
        year: 2026,
        number: 46,
    }
}

/// A newsroom that counts nothing: it keeps what it is asked and answers from what a test put there.
struct Fake {
    ledger: Ledger,
    asks: Mutex<Vec<Finding>>,
    begun: Mutex<Vec<(Task, String)>>,
}

impl Fake {
    fn found(&self) -> Checked {
        Checked {
            revision: 1,
            findings: self.asks.lock().unwrap().clone(),
        }
    }
}

fn refused(error: ledger::Error) -> Declined {
    Declined::Refused(error.to_string())
}

#[async_trait]
impl Newsroom for Fake {
    fn tlp(&self) -> Tlp {
        Tlp::Clear
    }

    async fn plan(&self, _: u16, _: &str) -> Told<()> {
        Ok(())
    }

    async fn begin(&self, issue: IssueNumber, task: Task, by: &str) -> Told<Work> {
        let kind = task.kind();
        self.begun.lock().unwrap().push((task, by.to_owned()));
        Ok(Work {
            id: 1,
            issue,
            kind,
            by: by.to_owned(),
            begun_at: T0,
            stage: Stage::Counting,
            ended_at: None,
            outcome: None,
        })
    }

    async fn works(&self) -> Vec<Work> {
        Vec::new()
    }

    async fn findings(&self, _: IssueNumber) -> Told<Checked> {
        Ok(self.found())
    }

    async fn check(&self, _: IssueNumber, by: &str) -> Told<Checked> {
        let found = self.found();
        let of = |severity| {
            let of = found.findings.iter().filter(|one| one.severity == severity);
            of.map(Finding::fingerprint).collect()
        };
        let outcome = LintOutcome {
            blocks: of(Severity::Blocks),
            asks: of(Severity::Asks),
        };
        let recorded = self.ledger.record_lint((&key(), 1), &outcome, by, T0).await;
        recorded.map_err(refused)?;
        Ok(found)
    }

    async fn approve(&self, issue: IssueNumber, revision: i32, by: &str) -> Told<()> {
        self.check(issue, by).await?;
        let by = self.ledger.actor(by, Right::Approve, 0).await;
        let by = by.map_err(refused)?;
        let signed = self.ledger.approve_issue((&key(), revision), &by, T0).await;
        signed.map(drop).map_err(refused)
    }

    async fn render(&self, _: IssueNumber, _: i32, form: Form, _: Lang) -> Told<Vec<Rendition>> {
        Ok(vec![Rendition {
            name: format!("2026-46.{}", form.name()),
            bytes: b"rendered".to_vec(),
        }])
    }

    async fn behind(&self, asked: Asked) -> Told<Behind> {
        let line = Line {
            input: asked.cells[0].clone(),
            key: "203.0.113.17".to_owned(),
            feeds: vec!["sinkhole".to_owned()],
            events: Vec::new(),
        };
        Ok(Behind {
            snapshot: 7,
            query: "SELECT 1".to_owned(),
            cells: vec![(asked.cells[0].clone(), 2), (asked.cells[1].clone(), 1)],
            lines: vec![line.clone()],
            open: Some(line),
            raws: vec![Raw {
                report: "R-1".to_owned(),
                feed: "sinkhole".to_owned(),
                origin: "a.csv".to_owned(),
                line: 12,
                event: "e".to_owned(),
                text: HOSTILE.to_owned(),
                received_at: T0,
                archive: Hash::of(b"x"),
            }],
            gone: Vec::new(),
        })
    }

    async fn change(&self, _: IssueNumber, _: &str) -> Told<ChangeExplanation> {
        Err(Declined::Refused("M1: no week before".to_owned()))
    }

    async fn publish_flash(&self, key: (i32, i32), by: &str) -> Told<Flash> {
        self.ledger
            .publish_flash(key, by, T0)
            .await
            .map_err(refused)
    }

    async fn withdraw_flash(&self, key: (i32, i32), reason: &str, by: &str) -> Told<Flash> {
        let taken = self.ledger.withdraw_flash(key, reason, by, T0).await;
        taken.map_err(refused)
    }

    async fn flash_page(&self, _: (i32, i32), _: Lang) -> Told<String> {
        Ok("<style>a{}</style><script>1</script>alert".to_owned())
    }

    async fn daily(&self, _: Date, _: Option<&str>, _: Lang) -> Told<Daily> {
        Ok(Daily {
            zero: true,
            silent: Vec::new(),
            html: "sheet".to_owned(),
            text: "sheet".to_owned(),
        })
    }

    async fn rollup(&self, _: ReportingPeriod, _: &str) -> Told<Vec<Rendition>> {
        Err(Declined::Refused("month 2026-10: no weeks".to_owned()))
    }
}

fn value(key: &str, count: u64) -> PublishedValue {
    PublishedValue {
        key: key.to_owned(),
        statistic: key.to_owned(),
        definition_version: 1,
        name: Text::new("受控主机", "Infected hosts"),
        unit: Text::new("台", "hosts"),
        value: Some(Amount {
            exact: Exact::Count { count },
            number: None,
            text: Text::same(count.to_string()),
        }),
        missing: None,
        previous: None,
        change: Change::default(),
        incomplete: None,
        preliminary: false,
    }
}

/// A small issue: two figures, one sentence.
fn bulletin() -> Bulletin {
    let number = |value: &str, text: &str| Run::Number {
        value: value.to_owned(),
        aspect: model::bulletin::Aspect::Value,
        text: text.to_owned(),
    };
    let words = |text: &str| Run::Words {
        text: text.to_owned(),
    };
    Bulletin {
        format: model::bulletin::FORMAT,
        series: SeriesTitle {
            id: "example-weekly".to_owned(),
            title: Text::new("示例周报", "Example <Weekly>"),
        },
        publisher: Publisher {
            name: Text::same("Example Center"),
            about: None,
        },
        issue: model::bulletin::Issue {
            number: ISSUE.parse().unwrap(),
            text: Text::new("2026年第46期", "2026 No. 46"),
        },
        week: Period {
            first: date(2026, 11, 9),
            last: date(2026, 11, 15),
            text: Text::same("9–15 November"),
            zone: "Asia/Shanghai".to_owned(),
        },
        published: None,
        tlp: Tlp::Clear,
        state: State::Draft,
        revision: 1,
        corrections: Vec::new(),
        banner: None,
        rating: RatingBlock {
            words: ["优", "良", "中", "差", "危"].map(Text::same).to_vec(),
            outcome: Rated::Assessed { level: 2 },
            previous: Some(2),
            sentence: Paragraph::words(Text::same("As last week.")),
            working: Working {
                profile: "p".to_owned(),
                profile_version: 1,
                rows: Vec::new(),
                score: None,
                previous_score: None,
                cuts: Vec::new(),
                by_score: Some(2),
                gates: Vec::new(),
                note: Text::default(),
            },
            overridden: None,
        },
        vulnerability: None,
        situation: Vec::new(),
        board: Board {
            note: Text::default(),
            tiles: Vec::new(),
        },
        handling: None,
        lead: None,
        sections: vec![Section {
            id: "malware".to_owned(),
            number: 1,
            title: Text::same("Malware"),
            paragraphs: vec![Paragraph {
                zh: vec![
                    number("M1", "3"),
                    words("台，"),
                    number("M2", "1"),
                    words("台。"),
                ],
                en: vec![
                    number("M1", "3"),
                    words(" hosts, "),
                    number("M2", "1"),
                    words("."),
                ],
            }],
            tables: Vec::new(),
            charts: Vec::new(),
            note: None,
        }],
        news: Vec::new(),
        notes: Vec::new(),
        recent: Vec::new(),
        values: vec![value("M1", 3), value("M2", 1)],
        provenance: Provenance {
            lake_snapshot: 7,
            ledger_as_of: "2026-11-16T00:00:00Z".to_owned(),
            program: "0".to_owned(),
            definitions: Vec::new(),
            fonts: Vec::new(),
        },
        hash: None,
    }
}

/// A house with an issue that `editor` drafted, and the newsroom behind it.
async fn house() -> (House, Arc<Fake>) {
    let made: Arc<Mutex<Option<Arc<Fake>>>> = Arc::default();
    let kept = Arc::clone(&made);
    let house = House::with(move |desk| {
        let fake = Arc::new(Fake {
            ledger: desk.ledger().clone(),
            asks: Mutex::default(),
            begun: Mutex::default(),
        });
        *kept.lock().unwrap() = Some(Arc::clone(&fake));
        desk.with_newsroom(fake)
    })
    .await;
    let fake = made.lock().unwrap().take().unwrap();
    let monday = Day::of(date(2026, 11, 9)).0;
    let new = NewEdition {
        key: key(),
        week_start: monday,
        week_end: monday + 6,
        freeze_at: T0 - 3_600_000_000,
        deadline_at: T0 + 32 * 3_600_000_000,
    };
    let ledger = &house.ledger;
    ledger.plan_edition(new, "editor", T0).await.unwrap();
    let editor = ledger.actor("editor", Right::Edit, 0).await.unwrap();
    let frozen = Frozen {
        statistics: "{}".to_owned(),
        lake_snapshot: 7,
        ledger_as_of: T0,
    };
    ledger
        .freeze_edition(&key(), frozen, &editor, "", T0)
        .await
        .unwrap();
    let draft = NewIssue {
        series: key().series,
        year: 2026,
        number: 46,
        week_start: monday,
        week_end: monday + 6,
        lake_snapshot: 7,
        ledger_as_of: T0,
        author: "editor".to_owned(),
        note: String::new(),
        statistics: "{}".to_owned(),
        bulletin: bulletin().canonical_json(),
        around: String::new(),
    };
    ledger.save_draft(draft, T0).await.unwrap();
    (house, fake)
}

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
    let acts: [(&str, &[(&str, &str)], &[&str]); 10] = [
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
