//! Each rule is broken once, and the same issue without the break is clean; the slips of DOMAIN 1.4b are
//! each caught.

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

/// Weeks as the real series printed them: the figures that the slip is about.
fn printed(monday: jiff::civil::Date, like: &FrozenWeek, figures: &[(&str, &str)]) -> FrozenWeek {
    let map: serde_json::Map<String, serde_json::Value> = figures
        .iter()
        .map(|(column, text)| {
            (
                (*column).to_owned(),
                serde_json::Value::String((*text).to_owned()),
            )
        })
        .collect();
    let week = ReportingWeek::containing(monday);
    FrozenWeek {
        issue: model::issue::NumberingScheme::SundayOrdinal
            .issue(week)
            .expect("numbered"),
        week,
        coverage: Vec::new(),
        values: history::values_of(&map),
        beside: Vec::new(),
        ..like.clone()
    }
}

fn of_history(weeks: &[(jiff::civil::Date, &[(&str, &str)])]) -> Case {
    let mut case = Case::sound();
    let mut made: Vec<FrozenWeek> = weeks
        .iter()
        .map(|(monday, figures)| printed(*monday, &case.frozen, figures))
        .collect();
    case.frozen = made.remove(0);
    case.past = made;
    case.baseline = None;
    case.editorial = Editorial::default();
    case.feeds.clear();
    case.published = case.past.iter().map(|week| week.issue).collect();
    case.files.clear();
    case.place();
    // The rating is that of the week whose figures were replaced.
    case.bulletin.rating.working.rows.clear();
    case.outputs.clear();
    case
}

/// DOMAIN 1.4b: the week of 2015-09-21 printed changes of vulnerabilities against the week before last.
#[test]
fn slip_wrong_baseline_week() {
    use jiff::civil::date;
    let mut case = of_history(&[
        (
            date(2015, 9, 21),
            &[("vulns", "184"), ("vulns_high", "51"), ("defaced", "4540")],
        ),
        (
            date(2015, 9, 14),
            &[("vulns", "107"), ("vulns_high", "52"), ("defaced", "3051")],
        ),
        (
            date(2015, 9, 7),
            &[("vulns", "144"), ("vulns_high", "65"), ("defaced", "3132")],
        ),
    ]);
    assert!(of(&case.lint(), "baseline").is_empty());
    assert_eq!(
        case.bulletin.value("V1").expect("listed").change.text.zh,
        "72.0%"
    );
    let before_last = names(|names| Figures::of(&case.frozen, Some(&case.past[1]), names));
    for key in ["V1", "V2"] {
        let wrong = before_last.get(key).expect("printed").clone();
        case.value(key).change = wrong.change;
    }
    assert_eq!(case.value("V1").change.text.zh, "27.8%");
    assert_eq!(case.value("V2").change.text.zh, "21.5%");
    let found = case.lint();
    let found = of(&found, "baseline");
    assert_eq!(found.len(), 2);
    for finding in found {
        assert_eq!(finding.severity, Severity::Blocks);
        assert!(
            finding.text.en.contains("fits the week of 2015-09-07"),
            "{}",
            finding.text.en
        );
        assert!(
            finding.text.en.contains("72.0%") || finding.text.en.contains("1.9%"),
            "{}",
            finding.text.en
        );
    }
}

/// DOMAIN 1.4b: a caption with 501 domains beside 2,114 in the text (2014-09-08).
#[test]
fn slip_caption_and_text_disagree() {
    use jiff::civil::date;
    let mut case = of_history(&[
        (
            date(2014, 9, 8),
            &[
                ("host_domains", "2114"),
                ("host_ips", "383"),
                ("defaced", "5726"),
            ],
        ),
        (
            date(2014, 9, 1),
            &[
                ("host_domains", "1980"),
                ("host_ips", "390"),
                ("defaced", "6940"),
            ],
        ),
    ]);
    let charts = |case: &mut Case| -> usize {
        let mut all = case
            .bulletin
            .sections
            .iter_mut()
            .flat_map(|section| &mut section.charts);
        let chart = all
            .find(|chart| chart.query.contains("H1"))
            .expect("a chart of hosting domains");
        chart.title = Text::new("放马站点域名501个", "501 malware-hosting domains");
        501
    };
    assert!(
        case.lint()
            .iter()
            .all(|finding| finding.severity == Severity::Asks),
        "{:#?}",
        case.lint()
    );
    charts(&mut case);
    let found = case.lint();
    assert!(
        of(&found, "caption")
            .iter()
            .any(|finding| finding.text.zh.contains("501")),
        "{found:#?}"
    );
    // The same slip as a mark of the chart that refers to the figure.
    let mut case = Case::sound();
    let chart = case
        .bulletin
        .sections
        .iter_mut()
        .flat_map(|section| &mut section.charts)
        .find(|chart| chart.id == "website-counts")
        .expect("there");
    let cell = chart
        .table
        .rows
        .iter_mut()
        .flat_map(|row| &mut row.cells)
        .find(|cell| cell.value.is_some())
        .expect("a number");
    cell.text = Text::same("501");
    assert!(!of(&case.lint(), "print").is_empty());
}

/// DOMAIN 1.4b: a line of defaced government sites was labelled backdoored.
#[test]
fn slip_swapped_label() {
    let mut case = Case::sound();
    let wrong = say(
        &case.figures(),
        "被植入后门的政府网站{W2|个}。",
        "{W2} of the backdoored sites belong to government.",
    );
    case.bulletin.sections[2].paragraphs.push(wrong);
    let found = case.lint();
    let found = of(&found, "label");
    assert_eq!(found.len(), 2, "in both languages: {found:#?}");
    assert!(
        found
            .iter()
            .all(|finding| finding.severity == Severity::Blocks)
    );
    assert!(
        found[0].text.zh.contains("W2") && found[0].text.zh.contains("后门"),
        "{}",
        found[0].text.zh
    );
}

/// DOMAIN 1.4b: 645 backdoored sites in two different weeks.
#[test]
fn slip_the_same_figure_in_two_weeks() {
    use jiff::civil::date;
    let case = of_history(&[
        (
            date(2016, 3, 14),
            &[("backdoored", "645"), ("defaced", "1100")],
        ),
        (
            date(2016, 3, 7),
            &[("backdoored", "710"), ("defaced", "1200")],
        ),
        (
            date(2016, 2, 29),
            &[("backdoored", "645"), ("defaced", "1300")],
        ),
    ]);
    let found = case.lint();
    let found = of(&found, "repeat");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].text.en.contains("645") && found[0].text.en.contains("2016-02-29"),
        "{}",
        found[0].text.en
    );
    // The word of one week answers for no other.
    let other = of_history(&[
        (
            date(2016, 3, 21),
            &[("backdoored", "645"), ("defaced", "1150")],
        ),
        (
            date(2016, 3, 14),
            &[("backdoored", "645"), ("defaced", "1100")],
        ),
    ]);
    let again = other.lint();
    assert_ne!(
        of(&again, "repeat")[0].fingerprint(),
        found[0].fingerprint()
    );
}

/// DOMAIN 1.4b: 6.2 pages to an address were printed as 5.
#[test]
fn slip_a_wrong_quotient() {
    let mut case = Case::sound();
    let amount = case.amount("W7");
    amount.exact = Exact::Ratio {
        numerator: 620,
        denominator: 100,
    };
    amount.number = Some(Decimal::count(5));
    amount.text = Text::new("约5", "about 5");
    let found = case.lint();
    let found = of(&found, "quotient");
    assert_eq!(found[0].severity, Severity::Blocks);
    assert_eq!(found[0].text.en, "W7 prints 5, 620/100 is 6");
}

/// A stale figure: last week's number printed again.
#[test]
fn slip_a_stale_figure() {
    let mut case = Case::sound();
    let last = case.value("W5").previous.clone().expect("there");
    case.value("W5").value = Some(last);
    let found = case.lint();
    let found = of(&found, "frozen");
    assert!(
        found.len() == 1 && found[0].text.en.contains("300") && found[0].text.en.contains("330"),
        "{found:#?}"
    );
}

/// DOMAIN 1.4b: a part larger than its whole.
#[test]
fn slip_a_part_larger_than_its_whole() {
    use jiff::civil::date;
    let case = of_history(&[
        (
            date(2016, 3, 14),
            &[
                ("backdoored", "645"),
                ("backdoored_gov", "654"),
                ("vulns", "100"),
                ("vulns_high", "101"),
            ],
        ),
        (
            date(2016, 3, 7),
            &[
                ("backdoored", "710"),
                ("backdoored_gov", "21"),
                ("vulns", "90"),
                ("vulns_high", "30"),
            ],
        ),
    ]);
    let found = case.lint();
    let objects: Vec<&str> = of(&found, "part")
        .iter()
        .map(|finding| finding.object.as_str())
        .collect();
    assert_eq!(objects, ["W4", "V2"]);
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
