//! An invented series: the specimen issue, the weeks before it derived from it, transcribed years before those. One
//! issue is corrected, one withdrawn.

use bulletin::blocklist::NAMES;
use bulletin::frozen::{Basis, FROZEN_FORMAT, FrozenWeek, Origin};
use bulletin::publish::{
    Beside, Earlier, Edition, Figure, FileEntry, Life, Lists, Notice, PublicList, Revised,
    Settings, Site, Withdrawal,
};
use bulletin::render::{self, Form, Rendition};
use bulletin::sections::words::{day, period};
use bulletin::sheet::{self, Block, Sheet};
use jiff::civil::date;
use jiff::tz::TimeZone;
use model::bulletin::{Bulletin, Decimal, Exact, Lang, Outcome, Text, Tlp};
use model::issue::NumberingScheme;
use model::statistic::{FeedCoverage, Measured, Missing, StatisticValue};
use model::time::{ReportingWeek, Timestamp};

/// Everything a site is made of, owned.
pub struct Sample {
    pub title: Text,
    pub organization: Text,
    pub about: Text,
    pub settings: Settings,
    pub zone: TimeZone,
    pub editions: Vec<Edition>,
    pub history: Vec<Earlier>,
    pub current: Option<Bulletin>,
    /// The issues' own files.
    pub files: Vec<Rendition>,
    /// Block lists that are published.
    pub lists: Vec<PublicList>,
    /// A flash alert that stands and one that was taken back.
    pub alerts: Vec<Notice>,
    /// A month.
    pub rollups: Vec<Notice>,
    /// Files beside the site's own: of lists, alerts and months, by their place.
    pub others: Vec<Rendition>,
}

impl Sample {
    pub fn site(&self) -> Site<'_> {
        Site {
            title: &self.title,
            organization: &self.organization,
            about: Some(&self.about),
            settings: &self.settings,
            zone: &self.zone,
            editions: &self.editions,
            history: &self.history,
            current: self.current.as_ref(),
            lists: Some(Lists {
                lists: &self.lists,
                days: 7,
                licence: "CC-BY-4.0",
                contact: "delist@cert.example",
                form: "https://cert.example/appeal?about=listing",
            }),
            beside: Beside {
                alerts: &self.alerts,
                rollups: &self.rollups,
            },
        }
    }
}

/// An alert or a month with pages that say its name.
fn notice(
    stem: &str,
    name: (&str, &str),
    title: (&str, &str),
    withdrawn: bool,
) -> (Notice, Vec<Rendition>) {
    let notice = Notice {
        name: Text::new(name.0, name.1),
        title: Text::new(title.0, title.1),
        stem: stem.to_owned(),
        at: at(date(2023, 1, 16)),
        withdrawn,
    };
    let sheet = Sheet {
        publisher: Text::new("示例中心", "Sample center"),
        series: Text::new("紧急通报", "Flash alert"),
        number: notice.name.clone(),
        title: notice.title.clone(),
        level: Some((Text::new("预警", "Warning"), !withdrawn)),
        status: withdrawn.then(|| Text::new("已撤回", "withdrawn")),
        tlp: Tlp::Clear,
        banner: None,
        blocks: vec![Block::Paragraph(Text::new("请尽快更新。", "Update soon."))],
        foot: vec![],
        stem: stem.to_owned(),
    };
    let page = |lang: Lang, form: &str, bytes: String| Rendition {
        name: format!("{stem}.{}.{form}", lang.code()),
        bytes: bytes.into_bytes(),
    };
    let pages = Lang::ALL.iter().flat_map(|lang| {
        let html = page(*lang, "html", sheet::html(&sheet, *lang));
        [html, page(*lang, "txt", sheet::text(&sheet, *lang))]
    });
    let pages = pages.collect();
    (notice, pages)
}

/// What stands beside the issues.
fn beside() -> (Vec<PublicList>, Vec<Notice>, Vec<Notice>, Vec<Rendition>) {
    let list = |name: &str, entries| PublicList {
        name: name.to_owned(),
        serial: 2_023_011_601,
        entries,
        at: at(date(2023, 1, 16)),
        issue: (entries > 1).then(|| "2023-3".to_owned()),
    };
    let lists = vec![list("c2", 1), list("phishing", 1_284)];
    let mut others = Vec::new();
    for list in &lists {
        others.extend(NAMES.iter().map(|(name, ..)| Rendition {
            name: format!("lists/{}/{name}", list.name),
            bytes: b"# a list\n".to_vec(),
        }));
    }
    let flaw = ("邮件网关存在漏洞", "A flaw in mail gateways");
    let wrong = ("路由器遭利用", "Routers under attack");
    let month = ("网络安全月报", "Security Monthly");
    let mut told = [
        notice("flash-2023-2", ("2023年第2号", "2023 No. 2"), flaw, false),
        notice("flash-2023-1", ("2023年第1号", "2023 No. 1"), wrong, true),
        notice(
            "monthly-2022-12",
            ("2022年12月", "December 2022"),
            month,
            false,
        ),
    ]
    .map(|(notice, pages)| {
        others.extend(pages);
        notice
    })
    .to_vec();
    let rollups = told.split_off(2);
    (lists, told, rollups, others)
}

/// Noon of a day, UTC.
fn at(day: jiff::civil::Date) -> Timestamp {
    Timestamp((i64::from(model::time::Day::of(day).0) * 24 + 12) * 3_600_000_000)
}

/// A frozen week of which the site reads only the coverage.
fn frozen(b: &Bulletin, changed: bool) -> FrozenWeek {
    let feed = FeedCoverage {
        feed: "sink-a".into(),
        title: String::new(),
        expected_days: 7,
        seen_days: 7,
        reports: 7,
        missing: vec![],
        changed,
        standing: false,
    };
    let value = StatisticValue {
        statistic: "M1".into(),
        version: 1,
        measured: Measured::NotAvailable {
            reason: Missing::NotBegun,
        },
        sources: vec!["sink-a".into()],
        parts: vec![],
    };
    FrozenWeek {
        top: Vec::new(),
        former: Vec::new(),
        restated: Vec::new(),
        format: FROZEN_FORMAT,
        series: "weekly".into(),
        issue: b.issue.number,
        week: ReportingWeek::containing(b.week.first),
        zone: "Asia/Shanghai".into(),
        origin: Origin::Counted,
        basis: Basis {
            lake_snapshot: 1,
            ledger_as_of: String::new(),
            reference: String::new(),
            identity_version: 1,
            classification: String::new(),
            lake_schema: 1,
            source_schemas: vec![],
            program: String::new(),
        },
        coverage: vec![feed],
        supplies: vec![],
        values: vec![value],
        beside: vec![],
        infrastructure: vec![],
        rating: None,
        vulnerability: None,
    }
}

/// A slow wave around 1, different for every key.
fn wave(back: i64, key: &str) -> f64 {
    let phase = f64::from(key.bytes().map(u32::from).sum::<u32>() % 17);
    1.0 + 0.22 * (back as f64 / 7.3 + phase).sin() + 0.08 * (back as f64 * 1.9 + phase).sin()
}

/// The specimen moved `back` weeks into the past.
fn earlier_issue(base: &Bulletin, back: i64) -> Bulletin {
    let mut b = base.clone();
    let week = ReportingWeek::containing(base.week.first).plus(-back);
    let number = NumberingScheme::SundayOrdinal
        .issue(week)
        .expect("numbered");
    b.issue.number = number;
    b.issue.text = Text::new(
        format!("{}年第{}期", number.year, number.number),
        format!("{} No. {}", number.year, number.number),
    );
    (b.week.first, b.week.last) = (week.monday(), week.sunday());
    b.week.text = period(week.monday(), week.sunday());
    if let Some(published) = &mut b.published {
        published.date = published.date.saturating_sub(jiff::Span::new().weeks(back));
        published.text = day(published.date);
    }
    b.recent.clear();
    if back > 0 {
        b.rating.outcome = Outcome::Assessed {
            level: [2, 2, 1, 2, 3, 2, 2, 1, 3, 4, 2][(back % 11) as usize],
        };
        for value in &mut b.values {
            let factor = wave(back, &value.statistic);
            if let Some(amount) = &mut value.value
                && let Exact::Count { count } = &mut amount.exact
            {
                *count = (*count as f64 * factor) as u64;
                amount.number = Some(Decimal::count(*count));
                amount.text = model::statistic::print_count(
                    *count,
                    if *count >= 10_000 {
                        model::statistic::Presentation::WanOneDecimal
                    } else {
                        model::statistic::Presentation::Integer
                    },
                );
            }
        }
    }
    b.hash = None;
    b.seal();
    b
}

/// Forms that the sample's issues have.
const BESIDE: [Form; 6] = [
    Form::Html,
    Form::Pdf,
    Form::Docx,
    Form::Csv,
    Form::Svg,
    Form::Json,
];

/// Names and bytes of an issue's files: pages, JSON and CSV as rendered, stand-ins for what needs fonts.
fn renditions(b: &Bulletin, real: bool) -> Vec<Rendition> {
    let stem = render::stem(b);
    let mut out = vec![];
    let mut put = |name: String, bytes: Vec<u8>| out.push(Rendition { name, bytes });
    put(
        format!("{stem}.json"),
        if real {
            render::json(b).into_bytes()
        } else {
            b"{}".to_vec()
        },
    );
    for lang in Lang::ALL {
        let code = lang.code();
        put(
            format!("{stem}.{code}.html"),
            if real {
                render::html_beside(b, lang, &BESIDE).into_bytes()
            } else {
                format!("<!doctype html><title>{stem} {code}</title>").into_bytes()
            },
        );
        put(
            format!("{stem}.{code}.csv"),
            if real {
                render::csv(b, lang)
            } else {
                stem.clone().into_bytes()
            },
        );
        put(
            format!("{stem}.{code}.pdf"),
            format!("%PDF-1.7 stand-in {stem} {code}").into_bytes(),
        );
        put(
            format!("{stem}.{code}.docx"),
            format!("stand-in {stem} {code}").into_bytes(),
        );
        put(
            format!("{stem}.card.{code}.png"),
            format!("stand-in card {stem} {code}").into_bytes(),
        );
        if real {
            for chart in b.charts() {
                put(
                    format!("{stem}.fig{}.{code}.svg", chart.number),
                    render::svg(
                        chart,
                        lang,
                        render::charts::Width::Wide,
                        &render::palette::Palette::LIGHT,
                    )
                    .into_bytes(),
                );
                put(
                    format!("{stem}.fig{}.{code}.csv", chart.number),
                    render::chart_csv(chart, lang),
                );
            }
        }
    }
    out
}

/// Years of printed figures, with holes.
fn history(base: &Bulletin, before: ReportingWeek) -> Vec<Earlier> {
    let mut out = Vec::new();
    for back in 1..=420_i64 {
        if (30..60).contains(&(back % 90)) || back % 7 == 3 {
            continue;
        }
        let week = before.plus(-back);
        let figures = base
            .values
            .iter()
            .filter(|value| !value.key.contains(['/', '@']))
            .filter_map(|value| {
                let Exact::Count { count } = value.value.as_ref()?.exact else {
                    return None;
                };
                let count = (count as f64 * 1.6 * wave(back * 2, &value.statistic)) as u64;
                let form = if count >= 10_000 {
                    model::statistic::Presentation::WanOneDecimal
                } else {
                    model::statistic::Presentation::Integer
                };
                Some(Figure {
                    statistic: value.statistic.clone(),
                    part: String::new(),
                    version: 1,
                    name: value.name.clone(),
                    unit: value.unit.clone(),
                    number: Some(Decimal::count(count)),
                    exact: count.to_string(),
                    text: model::statistic::print_count(count, form),
                    missing: None,
                    complete: true,
                })
            })
            .collect();
        out.push(Earlier {
            number: NumberingScheme::SundayOrdinal
                .issue(week)
                .expect("numbered"),
            week,
            figures,
        });
    }
    out
}

/// A series of `count` issues that ends with `base`; with `real` their pages are rendered.
pub fn sample(base: &Bulletin, count: i64, real: bool) -> Sample {
    let mut editions = Vec::new();
    let mut files = Vec::new();
    for back in (0..count).rev() {
        let b = earlier_issue(base, back);
        let own = renditions(&b, real);
        let first_published = at(b.published.as_ref().map_or(b.week.last, |day| day.date));
        let mut life = Life {
            first_published,
            updated: first_published,
            revised: vec![],
            withdrawn: None,
            files: own
                .iter()
                .map(|file| FileEntry {
                    name: file.name.clone(),
                    size: file.bytes.len() as u64,
                    blake3: blake3::hash(&file.bytes).to_hex().to_string(),
                })
                .collect(),
            former: vec![],
        };
        let later = |days: i64| Timestamp(first_published.0 + days * 86_400_000_000);
        if back == 2 {
            life.updated = later(6);
            life.revised.push(Revised {
                revision: 2,
                at: later(6),
                text: Text::new(
                    "被篡改网站数由2212个更正为2146个：一个来源重复报送。",
                    "Defaced sites corrected from 2,212 to 2,146: one source had reported twice.",
                ),
            });
        }
        if back == 3 {
            life.updated = later(9);
            life.former.push(format!("{}.en.md", render::stem(&b)));
            life.withdrawn = Some(Withdrawal {
                at: later(9),
                reason: Text::new(
                    "统计周内一个主要来源的数据整体错误，本期不能成立。",
                    "The data of a main source were wrong throughout the week: this issue cannot stand.",
                ),
            });
        }
        let edition = Edition::of(&b, &frozen(&b, back == 20), life);
        if edition.stands() {
            files.extend(own);
        }
        editions.push(edition);
    }
    let oldest = ReportingWeek::containing(base.week.first).plus(1 - count);
    let (lists, alerts, rollups, others) = beside();
    Sample {
        lists,
        alerts,
        rollups,
        others,
        title: base.series.title.clone(),
        organization: base.publisher.name.clone(),
        about: base.publisher.about.clone().unwrap_or_default(),
        settings: Settings {
            base_url: Some("https://cert.example/weekly".into()),
            feed_tag: Some("cert.example,2022".into()),
            licence: Some(bulletin::publish::Licence {
                name: "CC-BY-4.0".into(),
                title: "CC BY 4.0".into(),
                url: "https://creativecommons.org/licenses/by/4.0/".into(),
            }),
            contact: Some("bulletin@cert.example".into()),
            security: Some(bulletin::publish::SecurityContact {
                contact: "mailto:security@cert.example".into(),
                expires: at(date(2024, 1, 1)),
            }),
        }
        .checked()
        .expect("sound"),
        zone: TimeZone::get("Asia/Shanghai").expect("a zone"),
        history: if count > 0 {
            history(base, oldest)
        } else {
            vec![]
        },
        editions,
        current: (count > 0).then(|| earlier_issue(base, 0)),
        files,
    }
}
