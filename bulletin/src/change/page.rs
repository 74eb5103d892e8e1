//! A change on one printable page, A4: the parts, the movers, the calendar, the proposed sentence.

use askama::Template;
use model::bulletin::{Lang, Text};
use model::statistic;

use super::{ChangeExplanation, Confidence};
use crate::render::palette;

/// The style sheet of the page, after the design tokens.
const STYLE: &str = include_str!("../../assets/change.css");

struct Row {
    name: String,
    new: String,
    gone: String,
    count: String,
    share: String,
    bar: u32,
    fell: bool,
    evidence: String,
    confidence: String,
    open: bool,
}

struct Group {
    name: String,
    rows: Vec<[String; 4]>,
}

#[derive(Template)]
#[template(path = "change.html")]
struct Page<'a> {
    lang: &'a str,
    title: String,
    head: String,
    tokens: String,
    style: &'a str,
    sums: Vec<(String, String)>,
    rows: Vec<Row>,
    total: String,
    proposed: String,
    confidence: String,
    movers: Vec<Group>,
    calendar: Vec<String>,
    remarks: Vec<String>,
    w: Words,
}

/// Words of the page.
struct Words {
    parts: &'static str,
    part: &'static str,
    new: &'static str,
    gone: &'static str,
    net: &'static str,
    share: &'static str,
    basis: &'static str,
    total: &'static str,
    proposed: &'static str,
    movers: &'static str,
    last: &'static str,
    this: &'static str,
    calendar: &'static str,
    remarks: &'static str,
    rule: &'static str,
    theme: &'static str,
}

const fn words(lang: Lang) -> Words {
    match lang {
        Lang::Zh => Words {
            parts: "变化的构成",
            part: "归因",
            new: "新增",
            gone: "消失",
            net: "净变化",
            share: "占比",
            basis: "依据",
            total: "合计",
            proposed: "建议的文句（机器拟，供编辑取舍）",
            movers: "变动最大者",
            last: "上周",
            this: "本周",
            calendar: "节假日",
            remarks: "其他变化",
            rule: "各部分互不重叠，依次归入：数据源增减与完整性、来源或检测变化、统计口径、集中变动的类别、节假日；余下为尚未查明。各部分之和等于变化。",
            theme: "变化说明",
        },
        Lang::En => Words {
            parts: "What the change is made of",
            part: "put down to",
            new: "new",
            gone: "gone",
            net: "net",
            share: "share",
            basis: "what it rests on",
            total: "total",
            proposed: "Proposed sentence (by machine, for the editor to judge)",
            movers: "What moved most",
            last: "last week",
            this: "this week",
            calendar: "Holidays",
            remarks: "What else changed",
            rule: "The parts do not overlap. In this order: feeds that came, went or lacked; source or detector changed; rules of counting; groups that stand out; holidays; the rest is not established. They add up to the change.",
            theme: "Explained change",
        },
    }
}

fn number(count: u64, lang: Lang) -> String {
    match lang {
        Lang::Zh => count.to_string(),
        Lang::En => statistic::grouped(count),
    }
}

/// A count with its sign; a true minus.
pub fn signed(count: i64, lang: Lang) -> String {
    let sign = match count {
        ..0 => "−",
        0 => "",
        _ => "+",
    };
    format!("{sign}{}", number(count.unsigned_abs(), lang))
}

/// Tenths of per cent with their sign.
pub fn share(tenths: Option<i64>) -> String {
    tenths.map_or_else(String::new, |tenths| {
        let sign = if tenths < 0 { "−" } else { "" };
        format!(
            "{sign}{}",
            statistic::print_percent(tenths.unsigned_abs()).en
        )
    })
}

/// The page in one language: self-contained, for the screen and for A4.
pub fn html(change: &ChangeExplanation, lang: Lang) -> String {
    let t = |text: &Text| text.get(lang).to_owned();
    let most = change
        .rows
        .iter()
        .map(|row| row.count.unsigned_abs())
        .max()
        .unwrap_or(0)
        .max(1);
    let rows = change.rows.iter().map(|row| Row {
        name: t(&row.name),
        new: number(row.new, lang),
        gone: number(row.gone, lang),
        count: signed(row.count, lang),
        share: share(row.share),
        bar: u32::try_from(u128::from(row.count.unsigned_abs()) * 100 / u128::from(most))
            .unwrap_or(0),
        fell: row.count < 0,
        evidence: t(&row.evidence),
        confidence: t(&row.confidence.text()),
        open: row.confidence == Confidence::NotEstablished,
    });
    let unit = t(&change.unit);
    let of = |zh: &str, en: &str| match lang {
        Lang::Zh => zh.to_owned(),
        Lang::En => en.to_owned(),
    };
    let sums = vec![
        (of("本周", "this week"), number(change.this, lang)),
        (of("上周", "last week"), number(change.last, lang)),
        (
            of("变化", "change"),
            format!("{} {}", signed(change.difference, lang), t(&change.printed)),
        ),
        (of("新增对象", "new"), number(change.new, lang)),
        (of("消失对象", "gone"), number(change.gone, lang)),
        (
            of("延续对象", "continuing"),
            number(change.continuing, lang),
        ),
    ];
    let mut calendar = Vec::new();
    for (text, zh, en) in [
        (&change.calendar.this, "本周含", "this week: "),
        (&change.calendar.last, "上周含", "last week: "),
    ] {
        calendar.extend(
            text.as_ref()
                .map(|text| format!("{}{}", of(zh, en), t(text))),
        );
    }
    calendar.extend(change.calendar.same.iter().map(|same| {
        let before = same
            .before
            .map_or_else(|| "–".to_owned(), |before| number(before, lang));
        match lang {
            Lang::Zh => format!(
                "往年同一周（{}起）：由{before}到{}",
                same.week,
                number(same.count, lang)
            ),
            Lang::En => format!(
                "the same week of an earlier year ({}): from {before} to {}",
                same.week,
                number(same.count, lang)
            ),
        }
    }));
    if calendar.is_empty() {
        calendar.push(of("两周都没有节假日", "no holiday in either week"));
    }
    let (issue, baseline) = (change.issue, change.baseline);
    let page = Page {
        lang: match lang {
            Lang::Zh => "zh-Hans",
            Lang::En => "en",
        },
        title: format!("{} {}", change.statistic, t(&change.name)),
        head: match lang {
            Lang::Zh => format!(
                "第{issue}期（{}起的一周）与第{baseline}期相比，单位：{unit}",
                change.week
            ),
            Lang::En => format!(
                "issue {issue} (week of {}) against issue {baseline}, {unit}",
                change.week
            ),
        },
        tokens: palette::css(),
        style: STYLE,
        sums,
        rows: rows.collect(),
        total: signed(change.difference, lang),
        proposed: change.proposed.as_ref().map(t).unwrap_or_default(),
        confidence: t(&change.confidence.text()),
        movers: change
            .movers
            .iter()
            .map(|movers| Group {
                name: t(&movers.name),
                rows: movers
                    .rows
                    .iter()
                    .map(|row| {
                        let net = i64::try_from(row.this).unwrap_or(i64::MAX)
                            - i64::try_from(row.last).unwrap_or(i64::MAX);
                        [
                            t(&row.name),
                            number(row.last, lang),
                            number(row.this, lang),
                            signed(net, lang),
                        ]
                    })
                    .collect(),
            })
            .collect(),
        calendar,
        remarks: change.remarks.iter().map(t).collect(),
        w: words(lang),
    };
    page.render()
        .expect("a template without fallible parts renders into memory")
}
