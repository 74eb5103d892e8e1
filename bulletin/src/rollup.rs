//! From frozen periods to a monthly, quarterly or annual edition in both languages. Pure, as
//! [`crate::compose`].
//!
//! The edition is compact: a board, a table a family of statistics, notes. Changes are absolute where the
//! convention asks (DOMAIN rule 1.4c: the monthly gives differences for small counts), with the per cent
//! beside it for large ones; where the same period of the year before was counted, its figure and the change
//! against it (同比) stand in the table too.

use model::bulletin::{
    Aspect, Board, Bulletin, Cell, Change, FORMAT, Issue, Lang, Note, Outcome, Paragraph, Period,
    PublishedValue, Publisher, RatingBlock, Section, SeriesTitle, Spark, State, Table, TableRow,
    Text, Tile, Tlp, Working,
};
use model::period::{PeriodKind, ReportingPeriod};
use model::statistic::{self, ChangeKind, Presentation, Statistic};
use model::time::ReportingWeek;

use crate::compose::provenance;
use crate::frozen::{FROZEN_FORMAT, FrozenWeek, Origin};
use crate::period::FrozenPeriod;
use crate::render::{self, Fonts, Rendition};
use crate::sections::figures::{Figures, Names};
use crate::sections::words::{Clauses, day, list, lower_first, period as days, say, upper_first};
use crate::statistics;
use crate::{Error, Result};

/// A base of so much and more gets a per cent beside the difference.
pub const PERCENT_FROM: u64 = 1_000;

/// An edition of tables: they take the whole width, and tiles have no line of weeks.
const STYLE: &str = ".part{display:block}.part .say{max-width:none}table.small{max-width:880px}li svg,.rng{display:none}</style>";

/// Figures of the board, with short names.
const BOARD: [(&str, &str, &str); 8] = [
    ("M1", "感染恶意程序的主机", "Infected hosts"),
    ("W5", "仿冒页面", "Phishing pages"),
    ("V1", "新收录漏洞", "New vulnerabilities"),
    ("V2", "其中高危漏洞", "of which high-risk"),
    ("W1", "被篡改网站", "Defaced websites"),
    ("W2", "被篡改的政府网站", "Gov. sites defaced"),
    ("W3", "被植入后门的网站", "Backdoored websites"),
    ("I1", "处置事件", "Incidents handled"),
];

/// The families, a table each: identifier, title, first letters of the statistics.
const FAMILIES: [(&str, &str, &str, &[&str]); 6] = [
    ("malware", "网络病毒活动", "Malware activity", &["M"]),
    ("hosting", "放马站点", "Malware hosting", &["H"]),
    ("websites", "网站安全", "Website security", &["W"]),
    ("vulnerabilities", "漏洞", "Vulnerabilities", &["V"]),
    (
        "handling",
        "事件处置",
        "Incident handling",
        &["I", "T", "S"],
    ),
    ("lists", "黑名单", "Block lists", &["L"]),
];

/// What an edition says besides its figures.
pub struct Cover<'a> {
    /// The series of the weekly issues: the edition's is named after it.
    pub series: SeriesTitle,
    /// Who publishes.
    pub publisher: Publisher,
    /// How far it may be passed on.
    pub tlp: Tlp,
    /// 1 for the first edition.
    pub revision: u32,
    /// A warning on every page.
    pub banner: Option<Text>,
    /// The five words of the rating's scale, best first.
    pub words: Vec<Text>,
    /// Names of provinces and sectors.
    pub names: Names<'a>,
}

/// The identifier of a roll-up's series: `weekly-monthly`.
pub fn series_id(weekly: &str, kind: PeriodKind) -> String {
    format!("{weekly}-{}", kind.series())
}

/// The title of a roll-up's series: the weekly's with the word for the week replaced, or the word for
/// the edition at its end.
pub fn title(weekly: &Text, kind: PeriodKind) -> Text {
    let (zh, en) = match kind {
        PeriodKind::Month => ("月报", "Monthly"),
        PeriodKind::Quarter => ("季报", "Quarterly"),
        PeriodKind::Year => ("年报", "Annual"),
    };
    let new = |text: &str, week: &str, word: &str| match text.contains(week) {
        true => text.replace(week, word),
        false => format!("{text} {word}"),
    };
    Text::new(new(&weekly.zh, "周报", zh), new(&weekly.en, "Weekly", en))
}

/// A period in the shape that figures are printed from; its week is that of its first day and is not used.
fn view(period: &FrozenPeriod) -> FrozenWeek {
    FrozenWeek {
        format: FROZEN_FORMAT,
        series: period.series.clone(),
        issue: period.period.issue(),
        week: ReportingWeek::containing(period.period.first()),
        zone: period.zone.clone(),
        origin: Origin::Counted,
        basis: period.basis.clone(),
        coverage: period.coverage.clone(),
        supplies: period.supplies.clone(),
        values: period.values.clone(),
        beside: period.beside.clone(),
        infrastructure: period.infrastructure.clone(),
        rating: None,
        vulnerability: None,
        top: Vec::new(),
        former: Vec::new(),
        restated: Vec::new(),
    }
}

/// The figures of a period against an earlier one, with absolute changes.
struct Against {
    figures: Figures,
    values: Vec<PublishedValue>,
}

impl Against {
    fn of(this: &FrozenPeriod, before: Option<&FrozenPeriod>, names: &Names<'_>) -> Self {
        let comparable = before.filter(|before| before.is_complete() && this.is_complete());
        let (now, then) = (view(this), before.map(view));
        let figures = Figures::of(&now, then.as_ref(), names);
        let changed = |key: &str, print: Change| match (comparable, figures.change(key)) {
            (None, _) => Change::default(),
            (Some(_), Some(change)) => absolute(change, print),
            (Some(_), None) => print,
        };
        let values = Figures::of(&now, then.as_ref(), names)
            .into_values()
            .into_iter()
            .map(|mut value| {
                let print = std::mem::take(&mut value.change);
                value.change = changed(&value.key, print);
                value
            })
            .collect();
        Against { figures, values }
    }

    fn get(&self, key: &str) -> Option<&PublishedValue> {
        self.values.iter().find(|value| value.key == key)
    }
}

/// A change as difference; with the per cent where the base is large.
fn absolute(change: &statistic::Change, printed: Change) -> Change {
    let (Some(now), Some(then)) = (change.this, change.last) else {
        return printed;
    };
    let like = change.like_for_like.is_some();
    let mut out = printed;
    if matches!(
        change.kind,
        ChangeKind::NotComparable { .. } | ChangeKind::Omitted
    ) {
        return out;
    }
    if now == then {
        out.text = match like {
            true => Text::new("可比来源持平", "unchanged like for like"),
            false => Text::new("持平", "unchanged"),
        };
        return out;
    }
    let sign = if now > then { "+" } else { "−" };
    let difference = statistic::grouped(now.abs_diff(then));
    let percent = match &change.kind {
        ChangeKind::Percent { tenths } if then >= PERCENT_FROM => {
            let percent = statistic::print_percent(tenths.unsigned_abs());
            Text::new(
                format!("（{sign}{}）", percent.zh),
                format!(" ({sign}{})", percent.en),
            )
        }
        _ => {
            out.percent = None;
            Text::default()
        }
    };
    let note = match like {
        true => Text::new("可比来源", " like for like"),
        false => Text::default(),
    };
    out.text = Text::new(
        format!("{}{sign}{difference}{}", note.zh, percent.zh),
        format!("{sign}{difference}{}{}", percent.en, note.en),
    );
    out
}

/// Composes the edition about `this`; `before` is the period before, `year_before` the same of the year
/// before, where they were counted.
///
/// # Errors
/// [`Error::Composed`] if the result contradicts itself: a fault of ours, found before it is stored.
pub fn compose(
    this: &FrozenPeriod,
    before: Option<&FrozenPeriod>,
    year_before: Option<&FrozenPeriod>,
    cover: Cover<'_>,
) -> Result<Bulletin> {
    let period = this.period;
    // Of a year the one before is both.
    let year_before = year_before.filter(|other| other.period != period.previous());
    let against = Against::of(this, before, &cover.names);
    let yearly = year_before.map(|other| Against::of(this, Some(other), &cover.names));
    let mut sections = Vec::new();
    for (id, zh, en, letters) in FAMILIES {
        let mut rows = Vec::new();
        for statistic in statistics::all() {
            if letters
                .iter()
                .any(|letter| statistic.id.starts_with(letter))
            {
                rows.extend(of_statistic(statistic, &against, yearly.as_ref()));
            }
        }
        if rows.is_empty() {
            continue;
        }
        sections.push(Section {
            id: id.to_owned(),
            number: sections.len() as u32 + 1,
            title: Text::new(zh, en),
            paragraphs: Vec::new(),
            tables: vec![Table {
                head: head(period, yearly.is_some()),
                rows,
            }],
            charts: Vec::new(),
            note: None,
        });
    }
    let id = series_id(&cover.series.id, period.kind());
    let mut bulletin = Bulletin {
        format: FORMAT,
        series: SeriesTitle {
            id,
            title: title(&cover.series.title, period.kind()),
        },
        publisher: cover.publisher,
        issue: Issue {
            number: period.issue(),
            text: period.text(),
        },
        week: Period {
            first: period.first(),
            last: period.last(),
            text: days(period.first(), period.last()),
            zone: this.zone.clone(),
        },
        published: None,
        tlp: cover.tlp,
        state: State::Draft,
        revision: cover.revision,
        corrections: Vec::new(),
        banner: cover.banner,
        rating: rating(this, cover.words),
        vulnerability: None,
        situation: situation(this, &against),
        board: board(&against),
        handling: None,
        lead: None,
        sections,
        news: Vec::new(),
        notes: notes(this, before, year_before),
        recent: Vec::new(),
        values: against.values,
        provenance: provenance(&this.basis, &this.values),
        hash: None,
    };
    bulletin.seal();
    match bulletin.check().into_iter().next() {
        Some(reason) => Err(Error::Composed {
            issue: period.to_string(),
            reason,
        }),
        None => Ok(bulletin),
    }
}

/// How the period before is called.
fn before_words(period: ReportingPeriod) -> Text {
    match period.kind() {
        PeriodKind::Month => Text::new("上月", "month before"),
        PeriodKind::Quarter => Text::new("上季度", "quarter before"),
        PeriodKind::Year => Text::new("上年", "year before"),
    }
}

fn head(period: ReportingPeriod, yearly: bool) -> Vec<Text> {
    let before = before_words(period);
    let mut head = vec![
        Text::new("指标", "Figure"),
        period.text(),
        Text::new(before.zh.clone(), upper_first(&before.en)),
        match period.kind() {
            PeriodKind::Year => Text::new("同比", "change"),
            _ => Text::new("环比", "change"),
        },
    ];
    if yearly {
        head.push(Text::new("上年同期", "Year before"));
        head.push(Text::new("同比", "change"));
    }
    head
}

/// Rows of a statistic and of its declared parts; the members of a family are left to the data.
fn of_statistic(
    statistic: &Statistic,
    against: &Against,
    yearly: Option<&Against>,
) -> Vec<TableRow> {
    // A level's cuts are of a week.
    if statistic.print == Presentation::Word {
        return Vec::new();
    }
    let parts = statistic
        .parts
        .iter()
        .map(|part| format!("{}/{}", statistic.id, part.id));
    std::iter::once(statistic.id.to_owned())
        .chain(parts)
        .filter_map(|key| {
            let value = against.get(&key)?;
            value.value.as_ref()?;
            let printed = |text: Option<Text>| text.unwrap_or_else(|| Text::same("–"));
            let previous =
                |value: &PublishedValue| value.previous.as_ref().map(|amount| amount.text.clone());
            let change = |value: &PublishedValue| {
                let text = value.change.text.clone();
                (!text.is_empty()).then_some(text)
            };
            let amount = against.figures.printed(&key, Aspect::Value);
            let mut cells = vec![
                Cell::value(&key, amount),
                Cell::text(printed(previous(value))),
                Cell::text(printed(change(value))),
            ];
            if let Some(then) = yearly.map(|yearly| yearly.get(&key)) {
                cells.push(Cell::text(printed(then.and_then(previous))));
                cells.push(Cell::text(printed(then.and_then(change))));
            }
            let unit = |unit: &str, open: &str, close: &str| match unit {
                "" | "%" => String::new(),
                unit => format!("{open}{unit}{close}"),
            };
            let name = Text::new(
                format!("{}{}", value.name.zh, unit(&value.unit.zh, "（", "）")),
                upper_first(&value.name.en),
            );
            Some(TableRow {
                name,
                cells,
                total: false,
            })
        })
        .collect()
}

fn board(against: &Against) -> Board {
    let tiles = BOARD
        .iter()
        .filter_map(|(id, zh, en)| {
            let value = against.get(id)?;
            let printed = value.value.as_ref()?.text.clone();
            let statistic = statistics::named(id)?;
            let (amount, unit) = match printed.zh.strip_suffix('万') {
                Some(wan) => (
                    Text::new(wan, printed.en.strip_suffix(",000").unwrap_or(&printed.en)),
                    Text::new(
                        format!("万{}", statistic.unit.zh),
                        if printed.en.ends_with(",000") {
                            "thousand"
                        } else {
                            ""
                        },
                    ),
                ),
                None => (printed.clone(), Text::new(statistic.unit.zh, "")),
            };
            Some(Tile {
                value: (*id).to_owned(),
                name: Text::new(*zh, *en),
                amount,
                unit,
                missing: None,
                change: value.change.clone(),
                spark: Spark::default(),
                incomplete: None,
            })
        })
        .collect();
    Board {
        note: Text::new(
            "数字在整个期间内重新去重统计，不是各周之和。",
            "Counted over the whole period, each thing once; not the sum of its weeks.",
        ),
        tiles,
    }
}

fn rating(this: &FrozenPeriod, words: Vec<Text>) -> RatingBlock {
    let kind = match this.period.kind() {
        PeriodKind::Month => Text::new("月度", "monthly"),
        PeriodKind::Quarter => Text::new("季度", "quarterly"),
        PeriodKind::Year => Text::new("年度", "annual"),
    };
    let counted: Vec<Text> = words
        .iter()
        .enumerate()
        .filter_map(|(at, word)| {
            let level = u8::try_from(at + 1).ok()?;
            let n = this
                .weeks
                .iter()
                .filter(|week| week.level == Some(level))
                .count();
            let en = word.en.to_lowercase();
            (n > 0).then(|| Text::new(format!("“{}”{n}周", word.zh), format!("{n} {en}")))
        })
        .collect();
    let sentence = match counted.is_empty() {
        true => Text::new(
            "期内各周没有评定过的周报。",
            "No weekly issue of the period was assessed.",
        ),
        false => {
            let counted = list(&counted);
            Text::new(
                format!("期内各周的评价：{}。", counted.zh),
                format!("The weeks of the period were rated: {}.", counted.en),
            )
        }
    };
    RatingBlock {
        words,
        outcome: Outcome::NotAssessed {
            reason: Text::new(
                format!("{}不另作评定", kind.zh),
                format!("the {} edition has no rating of its own", kind.en),
            ),
        },
        previous: None,
        sentence: Paragraph::words(sentence),
        working: Working {
            profile: "none".to_owned(),
            profile_version: 0,
            rows: Vec::new(),
            score: None,
            previous_score: None,
            cuts: Vec::new(),
            by_score: None,
            gates: Vec::new(),
            note: Text::default(),
        },
        overridden: None,
    }
}

fn situation(this: &FrozenPeriod, against: &Against) -> Vec<Paragraph> {
    let mut out = Vec::new();
    let figures = &against.figures;
    let mut clauses = Clauses::default();
    let name = this.period.text();
    for id in ["M1", "W1", "W5", "V1", "I1"] {
        let Some(value) = against.get(id).filter(|value| value.value.is_some()) else {
            continue;
        };
        clauses.add(
            format!("{}{{{id}|{}}}", value.name.zh, value.unit.zh),
            format!("{} {{{id}}}", lower_first(&value.name.en)),
        );
    }
    if !clauses.is_empty() {
        out.push(say(
            figures,
            &format!("{}：", name.zh),
            &format!("{}: ", name.en),
        ));
        let said = clauses.sentence(figures);
        if let Some(first) = out.last_mut() {
            first.zh.extend(said.zh);
            first.en.extend(said.en);
        }
    }
    if let Some(to) = this.counted_to {
        let to = day(to);
        out.push(Paragraph::words(Text::new(
            format!("本期尚未结束：数字统计到{}，不与此前各期比较。", to.zh),
            format!(
                "The period is not over: figures run to {} and are not compared with earlier periods.",
                to.en
            ),
        )));
    }
    let events = this.infrastructure.len();
    out.push(Paragraph::words(match events {
        0 => Text::new(
            "期内没有登记基础设施运行事件。",
            "No infrastructure event was entered for the period.",
        ),
        n => Text::new(
            format!("期内登记基础设施运行事件{n}起。"),
            format!("Infrastructure events entered for the period: {n}."),
        ),
    }));
    out
}

fn notes(
    this: &FrozenPeriod,
    before: Option<&FrozenPeriod>,
    year_before: Option<&FrozenPeriod>,
) -> Vec<Note> {
    let note = |id: &str, text: Text| Note {
        id: id.to_owned(),
        text: Paragraph::words(text),
    };
    let mut out = vec![
        note(
            "period",
            Text::new(
                format!(
                    "统计期为{}零时至{}二十四时（时区{}）。数字取自第{}号数据快照。",
                    day(this.period.first()).zh,
                    day(this.period.last()).zh,
                    this.zone,
                    this.basis.lake_snapshot
                ),
                format!(
                    "The period runs from {} 00:00 to {} 24:00 ({}). Figures are read from data snapshot {}.",
                    day(this.period.first()).en,
                    day(this.period.last()).en,
                    this.zone,
                    this.basis.lake_snapshot
                ),
            ),
        ),
        note(
            "counting",
            Text::new(
                "主机、地址、域名、网站和页面在整个期间内去重，因此小于或等于各周数之和；处置事件和收录漏洞按期间重新统计。期首、期末的周只有一部分落在期内，各周之和不等于本期。",
                "Hosts, addresses, domains, sites and pages are counted once over the whole period, so that they are at most the sum of the weeks; incidents handled and vulnerabilities recorded are counted again over the period. Weeks at either end lie in it only in part: weeks do not add up to it.",
            ),
        ),
        note(
            "change",
            Text::new(
                format!(
                    "增减为绝对数；基数达到{}的同时列出百分比。来源不完整或有变化的，只按可比来源比较。",
                    statistic::grouped(PERCENT_FROM)
                ),
                format!(
                    "Changes are differences; from a base of {} on the per cent stands beside. Where sources were incomplete or changed, only comparable ones are compared.",
                    statistic::grouped(PERCENT_FROM)
                ),
            ),
        ),
        note("sources", sources(this)),
    ];
    let missing: Vec<&str> = this
        .values
        .iter()
        .filter(|value| value.measured.quantity().is_none() && value.statistic != "V5")
        .map(|value| value.statistic.as_str())
        .collect();
    if !missing.is_empty() {
        out.push(note(
            "unavailable",
            Text::new(
                format!("不可用的指标：{}。", missing.join("、")),
                format!("Not available: {}.", missing.join(", ")),
            ),
        ));
    }
    if before.is_none() && year_before.is_none() {
        out.push(note(
            "first",
            Text::new(
                "此前没有统计过同类期间，无从比较。",
                "No earlier period of this kind was counted: there is nothing to compare with.",
            ),
        ));
    }
    out
}

fn sources(this: &FrozenPeriod) -> Text {
    let complete = this.coverage.iter().filter(|feed| feed.complete()).count();
    let lacking: Vec<String> = this
        .coverage
        .iter()
        .filter(|feed| !feed.complete())
        .map(|feed| {
            format!(
                "{} ({}/{})",
                feed.printed(),
                feed.seen_days,
                feed.expected_days
            )
        })
        .collect();
    let all = this.coverage.len();
    let (zh, en) = match lacking.is_empty() {
        true => (String::new(), String::new()),
        false => (
            format!("；不完整的有{}", lacking.join("、")),
            format!("; incomplete: {}", lacking.join(", ")),
        ),
    };
    Text::new(
        format!("结果来自抽样监测。期内各周{all}个数据源中{complete}个完整{zh}。"),
        format!(
            "Figures come from sampled monitoring. {complete} of {all} sources were complete in the weeks of the period{en}."
        ),
    )
}

/// Words of the renderers that speak of a week, and what stands in their place for a longer period; the
/// longer first.
const LABELS: [(&str, [&str; 3]); 11] = [
    ("本周态势", ["本月态势", "本季度态势", "本年态势"]),
    ("本周处置", ["本月处置", "本季度处置", "本年处置"]),
    ("上周数值", ["上月数值", "上季度数值", "上年数值"]),
    ("上周精确值", ["上月精确值", "上季度精确值", "上年精确值"]),
    (
        "本周无可用数据",
        ["本月无可用数据", "本季度无可用数据", "本年无可用数据"],
    ),
    (
        "Situation this week",
        [
            "Situation of the month",
            "Situation of the quarter",
            "Situation of the year",
        ],
    ),
    (
        "No data this week",
        [
            "No data this month",
            "No data this quarter",
            "No data this year",
        ],
    ),
    ("This week", ["This month", "This quarter", "This year"]),
    (
        "Last week",
        ["Month before", "Quarter before", "Year before"],
    ),
    ("本周", ["本月", "本季度", "本年"]),
    ("上周", ["上月", "上季度", "上年"]),
];

/// A rendered text form (HTML, CSV, Markdown) with the renderers' words for a week in those of the period.
pub fn in_its_words(text: &str, kind: PeriodKind) -> String {
    let at = match kind {
        PeriodKind::Month => 0,
        PeriodKind::Quarter => 1,
        PeriodKind::Year => 2,
    };
    let mut out = text.to_owned();
    for (week, words) in LABELS {
        out = out.replace(week, words[at]);
    }
    out
}

/// The files of an edition: page, CSV and, where there are fonts, PDF in both languages, and JSON. Named after the
/// series' kind, so that a month's number is not taken for an issue's.
///
/// # Errors
/// The typesetter refuses.
pub fn files(
    bulletin: &Bulletin,
    kind: PeriodKind,
    fonts: Option<&Fonts>,
) -> Result<Vec<Rendition>> {
    let stem = format!("{}-{}", kind.series(), render::stem(bulletin));
    let file = |name: String, bytes: Vec<u8>| Rendition { name, bytes };
    let mut files = vec![file(
        format!("{stem}.json"),
        render::json(bulletin).into_bytes(),
    )];
    let words = |text: &str| in_its_words(text, kind);
    for lang in Lang::ALL {
        let code = lang.code();
        let page = render::html(bulletin, lang);
        // Links between the renditions go by the edition's own name.
        let plain = render::stem(bulletin);
        let page = page.replace(&format!("\"{plain}."), &format!("\"{stem}."));
        let page = page.replacen("</style>", STYLE, 1);
        let page = words(&page).into_bytes();
        files.push(file(format!("{stem}.{code}.html"), page));
        let csv = String::from_utf8_lossy(&render::csv(bulletin, lang)).into_owned();
        let csv = words(&csv).into_bytes();
        files.push(file(format!("{stem}.{code}.csv"), csv));
        if let Some(fonts) = fonts {
            files.push(pdf(bulletin, kind, lang, fonts)?);
        }
    }
    Ok(files)
}

/// What [`files`] are called where there are fonts, in their order; nothing is rendered for it.
pub fn names(bulletin: &Bulletin, kind: PeriodKind) -> Vec<String> {
    let stem = format!("{}-{}", kind.series(), render::stem(bulletin));
    let mut names = vec![format!("{stem}.json")];
    for lang in Lang::ALL {
        let code = lang.code();
        names.extend(["html", "csv"].map(|form| format!("{stem}.{code}.{form}")));
        names.push(pdf_name(bulletin, kind, lang));
    }
    names
}

/// What [`pdf`] is called.
pub fn pdf_name(bulletin: &Bulletin, kind: PeriodKind, lang: Lang) -> String {
    let stem = render::stem(bulletin);
    format!("{}-{stem}.{}.pdf", kind.series(), lang.code())
}

/// An edition for print.
///
/// # Errors
/// The typesetter refuses.
pub fn pdf(bulletin: &Bulletin, kind: PeriodKind, lang: Lang, fonts: &Fonts) -> Result<Rendition> {
    let words = |text: &str| in_its_words(text, kind);
    Ok(Rendition {
        name: pdf_name(bulletin, kind, lang),
        bytes: render::pdf_in_words(bulletin, lang, fonts, &words)?,
    })
}
