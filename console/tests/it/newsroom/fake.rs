//! A newsroom that counts nothing, and a small issue for it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bulletin::change::ChangeExplanation;
use bulletin::lint::{Finding, Severity};
use bulletin::render::{Form, Rendition};
use bulletin::statistics::explain::Line;
use console::newsroom::{
    Asked, Behind, Checked, Daily, Declined, Newsroom, Raw, Stage, Task, Told, Work,
};
use jiff::civil::{Date, date};
use ledger::{EditionKey, Flash, Frozen, Hash, Ledger, LintOutcome, NewEdition, NewIssue};
use model::bulletin::{
    Amount, Board, Bulletin, Change, Exact, Lang, Outcome as Rated, Paragraph, Period, Provenance,
    PublishedValue, Publisher, RatingBlock, Run, Section, SeriesTitle, State, Text, Tlp, Working,
};
use model::issue::IssueNumber;
use model::newsroom::Right;
use model::period::ReportingPeriod;
use model::time::Day;

use crate::house::{House, T0};

pub const ISSUE: &str = "2026-46";
/// What a hostile feed may write.
pub const HOSTILE: &str = "<script>alert(1)</script>,http://login.example.test/a,203.0.113.17";

pub fn key() -> EditionKey {
    EditionKey {
        series: "example-weekly".to_owned(),
        year: 2026,
        number: 46,
    }
}

/// A newsroom that counts nothing: it keeps what it is asked and answers from what a test put there.
pub struct Fake {
    ledger: Ledger,
    pub asks: Mutex<Vec<Finding>>,
    pub begun: Mutex<Vec<(Task, String)>>,
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

    async fn works(&self) -> Told<Vec<Work>> {
        Ok(Vec::new())
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

    async fn rollup(&self, _: ReportingPeriod, _: &str) -> Told<(i32, bool)> {
        Err(Declined::Refused("month 2026-10: no weeks".to_owned()))
    }

    async fn rollup_pdf(&self, _: Bulletin, _: ReportingPeriod, _: Lang) -> Told<Rendition> {
        Err(Declined::Refused("fonts: there are none".to_owned()))
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
pub async fn house() -> (House, Arc<Fake>) {
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
