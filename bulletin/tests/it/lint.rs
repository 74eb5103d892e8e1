//! Each rule is broken once, and the same issue without the break is clean; the slips of DOMAIN 1.4b are
//! each caught.

mod slips;

use std::sync::OnceLock;

use bulletin::editorial::{Block, Editorial, Place};
use bulletin::frozen::FrozenWeek;
use bulletin::history;
use bulletin::lint::closures::ClosureProfile;
use bulletin::lint::extract::{self, Extract};
use bulletin::lint::{Baseline, Finding, RULES, Severity, Subject, correction_note, lint};
use bulletin::sections::figures::{Figures, Names};
use bulletin::sections::words::say;
use model::bulletin::{
    Amount, Bulletin, Change, Decimal, Direction, Exact, Paragraph, PublishedValue, Run, Text, Tlp,
};
use model::feed::{Feed, Publishable};
use model::issue::IssueNumber;
use model::statistic::{Counted, Measured, Quantity};
use model::time::ReportingWeek;

use crate::composing::{self, Size, USUAL};

/// Everything that the lint looks at, to be broken.
#[derive(Clone)]
struct Case {
    bulletin: Bulletin,
    frozen: FrozenWeek,
    past: Vec<FrozenWeek>,
    baseline: Option<Baseline>,
    editorial: Editorial,
    feeds: Vec<Feed>,
    outputs: Vec<Extract>,
    closures: ClosureProfile,
    public: bool,
    series_tlp: Tlp,
    published: Vec<IssueNumber>,
    files: Vec<String>,
}

fn names<T>(with: impl FnOnce(&Names<'_>) -> T) -> T {
    let province = |code: u32| match code {
        440_000 => Some(Text::new("广东", "Guangdong")),
        320_000 => Some(Text::new("江苏", "Jiangsu")),
        330_000 => Some(Text::new("浙江", "Zhejiang")),
        _ => None,
    };
    let sector = |id: &str| (id == "bank").then(|| Text::new("银行", "banks"));
    with(&Names {
        province: &province,
        sector: &sector,
    })
}

fn block(id: &str, place: Place, zh: &str, en: &str) -> Block {
    let mut block = Block {
        id: id.to_owned(),
        place,
        title: Text::new("本周案例", "Case of the week"),
        text: Text::new(zh, en),
        link: Some("https://www.example.com/advice".to_owned()),
        translated_of: String::new(),
    };
    block.translated_of = block.source();
    block
}

impl Case {
    /// An issue of a week unlike the weeks before, with a lead case and a remark.
    fn sound() -> Self {
        static SOUND: OnceLock<Case> = OnceLock::new();
        SOUND
            .get_or_init(|| {
                let past = composing::past(9, USUAL);
                let size = Size {
                    hosts: 13_400,
                    sites: 66,
                    pages: 330,
                    records: 157,
                    hosting: 45,
                };
                let frozen = composing::this(size, &[], &past);
                let mut case = Case {
                    bulletin: composing::bulletin(&frozen, &past),
                    published: past.iter().map(|week| week.issue).collect(),
                    frozen,
                    baseline: Some(Baseline {
                        issue: past[0].issue,
                        revision: 1,
                        published: true,
                        corrected: false,
                        withdrawn: false,
                    }),
                    past,
                    editorial: Editorial {
                        blocks: vec![
                            block(
                                "lead",
                                Place::Lead,
                                "仿冒页面{W5|个}，比上周上升{~W5}，利用CVE-2026-1234的请在{=24小时}内处理。",
                                "{W5} phishing pages, {~W5} more than last week; close CVE-2026-1234 within {=24 hours}.",
                            ),
                            block(
                                "remark",
                                Place::Section("websites".to_owned()),
                                "被篡改的政府网站{W2|个}均已恢复。",
                                "All {W2} government sites that were defaced are restored.",
                            ),
                        ],
                    },
                    feeds: composing::feeds(),
                    outputs: Vec::new(),
                    closures: ClosureProfile::default(),
                    public: true,
                    series_tlp: Tlp::Clear,
                    files: Vec::new(),
                };
                case.place();
                case.render();
                let stem = bulletin::render::stem(&case.bulletin);
                for lang in ["zh", "en"] {
                    case.files.extend(["html", "pdf", "csv", "docx", "xlsx"].map(|form| format!("{stem}.{lang}.{form}")));
                    for chart in case.bulletin.charts() {
                        case.files.extend(["svg", "csv", "png"].map(|form| format!("{stem}.fig{}.{lang}.{form}", chart.number)));
                    }
                }
                case.files.push(format!("{stem}.json"));
                case
            })
            .clone()
    }

    fn figures(&self) -> Figures {
        names(|names| Figures::of(&self.frozen, self.past.first(), names))
    }

    /// Composes anew with what the editor wrote.
    fn place(&mut self) {
        self.bulletin = composing::bulletin(&self.frozen, &self.past);
        let figures = self.figures();
        self.editorial.place(&mut self.bulletin, &figures);
        self.bulletin.seal();
    }

    fn render(&mut self) {
        self.outputs = extract::of(&self.bulletin).expect("read back");
    }

    fn lint(&self) -> Vec<Finding> {
        names(|names| {
            lint(&Subject {
                bulletin: &self.bulletin,
                frozen: &self.frozen,
                past: &self.past,
                baseline: self.baseline.clone(),
                editorial: &self.editorial,
                feeds: &self.feeds,
                outputs: &self.outputs,
                closures: Some(&self.closures),
                names,
                public: self.public,
                series_tlp: self.series_tlp,
                published: &self.published,
                files: &self.files,
            })
        })
    }

    fn value(&mut self, key: &str) -> &mut PublishedValue {
        self.bulletin
            .values
            .iter_mut()
            .find(|value| value.key == key)
            .expect("listed")
    }

    fn amount(&mut self, key: &str) -> &mut Amount {
        self.value(key).value.as_mut().expect("available")
    }

    fn count(&self, key: &str) -> u64 {
        match self
            .bulletin
            .value(key)
            .and_then(|value| value.value.as_ref())
            .map(|amount| &amount.exact)
        {
            Some(Exact::Count { count }) => *count,
            other => panic!("{key}: {other:?}"),
        }
    }

    fn set(&mut self, key: &str, count: u64) {
        *self.amount(key) = Amount {
            exact: Exact::Count { count },
            number: Some(Decimal::count(count)),
            text: Text::same(count.to_string()),
        };
    }

    /// The first number of the websites' sentences that is of this figure.
    fn run(&mut self, key: &str) -> &mut Run {
        let section = self
            .bulletin
            .sections
            .iter_mut()
            .find(|section| section.id == "websites")
            .expect("there");
        section
            .paragraphs
            .iter_mut()
            .flat_map(|paragraph| paragraph.zh.iter_mut())
            .find(|run| matches!(run, Run::Number { value, .. } if value == key))
            .expect("printed")
    }

    fn write(&mut self, zh: &str, en: &str) {
        let lead = &mut self.editorial.blocks[0];
        lead.text = Text::new(zh, en);
        lead.translated_of = lead.source();
    }

    fn edit(&mut self, each: fn(&mut Block)) {
        each(&mut self.editorial.blocks[0]);
    }
}

fn set_frozen(week: &mut FrozenWeek, id: &str, count: u64) {
    let value = week
        .values
        .iter_mut()
        .find(|value| value.statistic == id)
        .expect("declared");
    value.measured = Measured::Available {
        quantity: Quantity::Count(Counted::imported(count)),
    };
}

fn of<'a>(found: &'a [Finding], rule: &str) -> Vec<&'a Finding> {
    found
        .iter()
        .filter(|finding| finding.rule == rule)
        .collect()
}

#[test]
fn a_sound_issue_is_clean() {
    let found = Case::sound().lint();
    assert!(found.is_empty(), "{found:#?}");
}

/// A rule and something that breaks it.
type Break = (&'static str, fn(&mut Case));

const BREAKS: &[Break] = &[
    ("sum", |case| {
        let count = case.count("V3") + 1;
        case.set("V3", count);
    }),
    ("part", |case| {
        let count = case.count("W1") + 1;
        case.set("W2", count);
    }),
    ("former", |case| {
        let mut values = case.frozen.values.iter_mut();
        let changed = values.find(|value| value.statistic == "W3");
        changed.expect("there").version = 2;
    }),
    ("direction-mark", |case| {
        case.editorial.blocks[0].text.zh.push('\u{202e}');
    }),
    ("quotient", |case| {
        let amount = case.amount("W7");
        amount.number = Some(Decimal::count(5));
        amount.text = Text::new("约5", "about 5");
    }),
    ("frozen", |case| case.set("W3", 645)),
    ("print", |case| {
        if let Run::Number { text, .. } = case.run("W1") {
            *text = "67个".to_owned();
        }
    }),
    ("caption", |case| {
        let chart = case
            .bulletin
            .sections
            .iter_mut()
            .flat_map(|section| &mut section.charts)
            .next()
            .expect("a chart");
        chart.title.zh.push_str("，共501个");
    }),
    ("chart-table", |case| {
        let chart = case
            .bulletin
            .sections
            .iter_mut()
            .flat_map(|section| &mut section.charts)
            .next()
            .expect("a chart");
        chart.table.rows.pop();
    }),
    ("outputs", |case| {
        case.outputs[0]
            .figures
            .insert("W1".to_owned(), "67".to_owned());
    }),
    ("baseline", |case| {
        case.value("W5").change.percent = Some(Decimal::new(278, 1))
    }),
    ("baseline-withdrawn", |case| {
        case.baseline.as_mut().expect("there").withdrawn = true;
    }),
    ("baseline-note", |case| {
        case.baseline.as_mut().expect("there").corrected = true;
    }),
    ("baseline-unpublished", |case| {
        case.baseline.as_mut().expect("there").published = false;
    }),
    ("change-wording", |case| {
        case.value("W5").change = Change {
            direction: Direction::Flat,
            text: Text::new("与上周持平", "unchanged"),
            ..Change::default()
        };
    }),
    ("small-base", |case| {
        let previous = case.value("W5").previous.as_mut().expect("there");
        previous.exact = Exact::Count { count: 5 };
    }),
    ("small-share", |case| {
        case.amount("W2/share").exact = Exact::Ratio {
            numerator: 1,
            denominator: 6,
        };
    }),
    ("definition", |case| {
        case.value("W1").name = Text::new("被植入后门的网站", "Backdoored websites")
    }),
    ("label", |case| {
        if let Run::Number { value, .. } = case.run("W2") {
            *value = "W4".to_owned();
        }
    }),
    ("repeat", |case| {
        let count = case.count("W3");
        set_frozen(&mut case.past[5], "W3", count);
    }),
    ("range", |case| {
        case.past
            .iter_mut()
            .for_each(|week| set_frozen(week, "W1", 12))
    }),
    ("sources", |case| case.frozen.coverage[0].seen_days = 3),
    ("break", |case| {
        case.frozen
            .coverage
            .iter_mut()
            .for_each(|feed| feed.changed = true)
    }),
    ("licence", |case| {
        case.feeds
            .iter_mut()
            .for_each(|feed| feed.publishable = Publishable::Nothing)
    }),
    ("licence-unknown", |case| {
        case.feeds.retain(|feed| feed.name != "zone")
    }),
    ("small-cell", |case| {
        let value = case
            .frozen
            .values
            .iter_mut()
            .find(|value| value.statistic == "M5")
            .expect("declared");
        value.parts[0].measured = Measured::Available {
            quantity: Quantity::Count(Counted::imported(2)),
        };
    }),
    ("closure-rush", |case| {
        case.closures = ClosureProfile {
            closed: 100,
            late: 60,
            ..ClosureProfile::default()
        };
    }),
    ("tlp", |case| case.bulletin.tlp = Tlp::Amber),
    ("recent-link", |case| {
        case.published.clear();
        case.bulletin.recent[0].file = Some("2023-2".to_owned());
    }),
    ("file-link", |case| {
        case.files.retain(|file| !file.ends_with(".pdf"))
    }),
    ("translation", |case| case.write("请更新。", "")),
    ("stale-translation", |case| {
        case.edit(|lead| lead.text.zh.push_str("请更新。"))
    }),
    ("untranslated", |case| {
        case.write("请更新。", "Please 更新.")
    }),
    ("languages", |case| {
        case.write("仿冒页面{W5|个}。", "Many phishing pages.")
    }),
    ("reference", |case| {
        case.write("有{M9|个}。", "There are {M9}.")
    }),
    ("bare-number", |case| {
        case.write("仿冒页面上升三成，共645个。", "Phishing pages: 645.")
    }),
    ("marked-number", |case| {
        case.write("共{=330个}。", "In all {=330}.")
    }),
    ("placed", |case| {
        case.editorial.blocks[1].place = Place::Section("handling".to_owned())
    }),
    ("link", |case| {
        case.edit(|lead| lead.link = Some("http://www.example.com".to_owned()))
    }),
    ("live-indicator", |case| {
        case.write(
            "不要打开http://login.example.com/a。",
            "Do not open http://login.example.com/a.",
        )
    }),
    ("bare-domain", |case| {
        case.write("见login.example.com。", "See login.example.com.")
    }),
    ("named-indicator", |case| {
        case.write("见login[.]example[.]com。", "See login[.]example[.]com.")
    }),
];

#[test]
fn each_rule_finds_its_break_and_nothing_else_hides_it() {
    for rule in RULES {
        let (_, change) = BREAKS
            .iter()
            .find(|(id, _)| *id == rule.id)
            .unwrap_or_else(|| panic!("nothing breaks the rule {}", rule.id));
        let mut case = Case::sound();
        change(&mut case);
        let found = case.lint();
        let own = of(&found, rule.id);
        assert!(!own.is_empty(), "{} was not found: {found:#?}", rule.id);
        for finding in own {
            assert_eq!(finding.severity, rule.severity);
            let said = [&finding.text, &finding.remedy];
            assert!(
                said.iter()
                    .all(|text| !text.zh.is_empty() && !text.en.is_empty()),
                "{finding:?}"
            );
            assert!(!finding.object.is_empty());
        }
        assert!(found.is_sorted_by_key(|finding| finding.severity));
        assert_eq!(found, case.lint(), "the same issue gives the same findings");
    }
    assert_eq!(BREAKS.len(), RULES.len());
}

#[test]
fn a_corrected_baseline_is_fine_with_its_note() {
    let mut case = Case::sound();
    case.baseline = case.baseline.map(|baseline| Baseline {
        corrected: true,
        revision: 2,
        ..baseline
    });
    case.bulletin.notes.push(model::bulletin::Note {
        id: correction_note(2),
        text: Paragraph::words(Text::new("更正", "Correction")),
    });
    assert!(of(&case.lint(), "baseline-note").is_empty());
}

/// What composition makes of any week is never blocked: outages, first weeks, small and empty ones.
#[test]
fn composed_weeks_are_never_blocked() {
    let usual = Size {
        hosts: 1_500,
        ..USUAL
    };
    let tiny = Size {
        hosts: 7,
        sites: 3,
        pages: 4,
        records: 2,
        hosting: 1,
    };
    let none = Size {
        hosts: 0,
        sites: 0,
        pages: 0,
        records: 0,
        hosting: 0,
    };
    let past = composing::past(2, usual);
    let small = composing::past(1, tiny);
    let weeks: Vec<(Size, &'static [&'static str], &[FrozenWeek])> = vec![
        (usual, &["sink-b"], &past),
        (usual, &["sink-a", "sink-b"], &past),
        (usual, &["zone", "phish"], &past),
        (
            Size {
                hosting: 0,
                ..usual
            },
            &[],
            &past,
        ),
        (usual, &[], &[]),
        (tiny, &[], &small),
        (tiny, &[], &past),
        (none, &[], &past),
        (usual, &[], &small),
    ];
    for (at, (size, without, past)) in weeks.into_iter().enumerate() {
        let frozen = composing::this(size, without, past);
        let mut case = Case {
            bulletin: composing::bulletin(&frozen, past),
            published: past.iter().map(|week| week.issue).collect(),
            frozen,
            past: past.to_vec(),
            baseline: None,
            editorial: Editorial::default(),
            files: Vec::new(),
            ..Case::sound()
        };
        case.render();
        let found = case.lint();
        let blocking: Vec<&Finding> = found
            .iter()
            .filter(|finding| finding.severity == Severity::Blocks)
            .collect();
        assert!(blocking.is_empty(), "week {at}: {blocking:#?}");
    }
}
