//! A page for every declared statistic: its definition, its long series, its downloads; and the index of them all.
//!
//! Definitions are printed from the declarations themselves, so that a page can never say another thing than what
//! is counted.

use askama::Template;
use model::bulletin::{Lang, Text};
use model::statistic::{Observed, Sense, Statistic, Window};
use serde_json::json;
use std::collections::BTreeMap;

use super::data;
use super::frame::{self, Frame};
use super::long;
use super::series::{LongSeries, Point, Weeks, days, issue};
use super::words::Words;
use super::{ISSUES, Site, file};
use crate::render::charts::{self, Width};
use crate::render::palette::Palette;
use crate::render::view::clean;
use crate::render::{self, Rendition};
use crate::statistics as declared;

/// Families as the index divides them.
const FAMILIES: &[(&str, &str, &[Statistic])] = &[
    (
        "恶意程序感染",
        "Malware infections",
        declared::malware::STATISTICS,
    ),
    ("放马站点", "Malware hosting", declared::hosting::STATISTICS),
    ("网站安全", "Websites", declared::websites::STATISTICS),
    (
        "漏洞",
        "Vulnerabilities",
        declared::vulnerabilities::STATISTICS,
    ),
    ("事件处置", "Handling", declared::handling::STATISTICS),
    ("名单条目", "Block lists", declared::lists::STATISTICS),
];

struct Line {
    id: &'static str,
    name: &'static str,
    page: String,
    value: String,
    issue: String,
    spark: String,
}

#[derive(Template)]
#[template(path = "site/statistics.html")]
struct Index {
    f: Frame,
    families: Vec<(String, Vec<Line>)>,
}

struct Picture {
    title: String,
    subtitle: String,
    wide: String,
    narrow: String,
}

struct WeekRow {
    issue: String,
    /// The issue's page, from the page's folder; empty where transcribed.
    link: String,
    week: String,
    value: String,
    note: String,
    breaks: String,
}

#[derive(Template)]
#[template(path = "site/statistic.html")]
struct Page {
    f: Frame,
    id: &'static str,
    name: &'static str,
    latest: Option<(String, String, String)>,
    facts: Vec<(&'static str, String)>,
    remark: &'static str,
    year: Option<Picture>,
    long: Option<Picture>,
    breaks: Vec<(String, String)>,
    coverage: String,
    parts: Vec<(String, String)>,
    years: Vec<(i16, Vec<WeekRow>)>,
}

/// Index and pages of one language.
pub(super) fn pages(site: &Site<'_>, all: &Weeks<'_>, lang: Lang) -> Vec<Rendition> {
    let w = Words::of(lang);
    let site_title = clean(site.title.get(lang));
    let mut out = Vec::new();
    let mut families = Vec::new();
    for (zh, en, statistics) in FAMILIES {
        let mut lines = Vec::new();
        for statistic in *statistics {
            let series = all.series(statistic);
            lines.push(line(&series, lang));
            let stem = format!("statistics/{}", statistic.id);
            let f = Frame::new(
                site,
                lang,
                &stem,
                "statistics",
                format!(
                    "{} {} - {site_title}",
                    word(statistic.name, lang),
                    statistic.id
                ),
                format!(
                    "{}{}{} {}",
                    word(statistic.name, lang),
                    w.colon,
                    word(statistic.key, lang),
                    word(statistic.territory.words(), lang)
                ),
            );
            let text = one(f, all, &series, lang)
                .render()
                .expect("a template without fallible parts renders into memory");
            out.push(file(&frame::page(&stem, lang), text));
        }
        families.push((Text::new(*zh, *en).get(lang).to_owned(), lines));
    }
    let f = Frame::new(
        site,
        lang,
        "statistics",
        "statistics",
        format!("{} - {site_title}", w.statistics),
        w.data_text.to_owned(),
    );
    let text = Index { f, families }
        .render()
        .expect("a template without fallible parts renders into memory");
    out.push(file(&frame::page("statistics", lang), text));
    out
}

fn word(words: model::statistic::Words, lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => words.zh,
        Lang::En => words.en,
    }
}

fn line(series: &LongSeries<'_>, lang: Lang) -> Line {
    let statistic = series.statistic;
    let last = series.last();
    let spark = series.spark();
    Line {
        id: statistic.id,
        name: word(statistic.name, lang),
        page: frame::page(&format!("statistics/{}", statistic.id), lang),
        value: last.map_or_else(String::new, |point| value(series, point, lang)),
        issue: last.map_or_else(String::new, |point| {
            issue(point.week.number).get(lang).to_owned()
        }),
        spark: match spark.marks.is_empty() {
            true => String::new(),
            false => charts::sparkline(
                &spark,
                "",
                &format!("s-{}", statistic.id),
                lang,
                &Palette::PAGE,
                render::Frame::Page("spark"),
            ),
        },
    }
}

/// A week's value in words.
fn value(series: &LongSeries<'_>, point: &Point<'_>, lang: Lang) -> String {
    point
        .figure
        .map_or_else(String::new, |figure| clean(series.told(figure).get(lang)))
}

fn one(f: Frame, all: &Weeks<'_>, series: &LongSeries<'_>, lang: Lang) -> Page {
    let (w, statistic) = (f.w, series.statistic);
    let latest = series.last().map(|point| {
        let link = point.week.edition.map_or_else(String::new, |edition| {
            format!(
                "../{ISSUES}/{}.{}.html#{}",
                edition.stem(),
                lang.code(),
                render::view::anchor(statistic.id)
            )
        });
        (
            value(series, point, lang),
            issue(point.week.number).get(lang).to_owned(),
            link,
        )
    });
    let year = series.year().map(|chart| Picture {
        title: clean(chart.title.get(lang)),
        subtitle: clean(chart.subtitle.get(lang)),
        wide: charts::draw(
            &chart,
            lang,
            Width::Wide,
            &Palette::PAGE,
            render::Frame::Page("w"),
        ),
        narrow: charts::draw(
            &chart,
            lang,
            Width::Narrow,
            &Palette::PAGE,
            render::Frame::Page("n"),
        ),
    });
    let long = series
        .grid(None)
        .filter(|grid| grid.numbers.len() > 60 && series.drawable())
        .map(|grid| {
            let (first, last) = (
                grid.first.sunday().year(),
                grid.first
                    .plus(grid.numbers.len() as i64 - 1)
                    .sunday()
                    .year(),
            );
            let title = match lang {
                Lang::Zh => format!("{first}年至{last}年{}", statistic.name.zh),
                Lang::En => format!("{}, {first} to {last}", statistic.name.en),
            };
            let unit = word(statistic.unit, lang);
            let subtitle = match (lang, unit) {
                (Lang::Zh, "") => "按周，空缺为没有数据的周，虚线为序列中断".to_owned(),
                (Lang::Zh, unit) => format!("{unit}，按周，空缺为没有数据的周，虚线为序列中断"),
                (Lang::En, "") => {
                    "By week; gaps are weeks without data, dotted rules are breaks".to_owned()
                }
                (Lang::En, unit) => format!(
                    "{}, by week; gaps are weeks without data, dotted rules are breaks",
                    crate::sections::words::upper_first(unit)
                ),
            };
            Picture {
                wide: long::draw(&grid, lang, Width::Wide, "w", &title),
                narrow: long::draw(&grid, lang, Width::Narrow, "n", &title),
                title,
                subtitle,
            }
        });
    let (complete, known) = series.complete();
    let coverage = match lang {
        Lang::Zh => format!("有数值的{known}周中，{complete}周来源完整。"),
        Lang::En => {
            format!("Sources were complete in {complete} of the {known} weeks with a value.")
        }
    };
    let mut years: BTreeMap<i16, Vec<WeekRow>> = BTreeMap::new();
    for point in series.points.iter().rev() {
        years
            .entry(point.week.number.year)
            .or_default()
            .push(row(series, point, w, lang));
    }
    Page {
        latest,
        facts: facts(statistic, w, lang),
        remark: word(statistic.remark, lang),
        year,
        long,
        breaks: series
            .points
            .iter()
            .filter_map(|point| {
                Some((
                    issue(point.week.number).get(lang).to_owned(),
                    point.breaks.as_ref()?.get(lang).to_owned(),
                ))
            })
            .collect(),
        coverage: if known > 0 { coverage } else { String::new() },
        parts: parts(all, statistic, lang),
        years: years.into_iter().rev().collect(),
        f,
        id: statistic.id,
        name: word(statistic.name, lang),
    }
}

fn row(series: &LongSeries<'_>, point: &Point<'_>, w: &Words, lang: Lang) -> WeekRow {
    let figure = point.figure;
    let missing = figure.and_then(|figure| figure.missing.as_ref());
    WeekRow {
        issue: issue(point.week.number).get(lang).to_owned(),
        link: point.week.edition.map_or_else(String::new, |edition| {
            format!("../{ISSUES}/{}.{}.html", edition.stem(), lang.code())
        }),
        week: days(point.week.week, lang),
        value: match missing {
            Some(_) => w.not_available.to_owned(),
            None => value(series, point, lang),
        },
        note: match (missing, point.week.edition, figure) {
            (Some(reason), ..) => clean(reason.get(lang)),
            (None, None, _) => w.imported.to_owned(),
            (None, _, Some(figure)) if other(series, point).is_some() => {
                let other = other(series, point).map_or_else(String::new, |other| {
                    by_other(
                        other,
                        &clean(series.told(other).get(lang)),
                        point.printed.is_some(),
                        lang,
                    )
                });
                match figure.complete {
                    true => other,
                    false => format!(
                        "{other}{}{}",
                        if lang == Lang::Zh { "；" } else { "; " },
                        w.incomplete
                    ),
                }
            }
            (None, _, Some(figure)) if !figure.complete => w.incomplete.to_owned(),
            _ => String::new(),
        },
        breaks: point
            .breaks
            .as_ref()
            .map_or_else(String::new, |note| note.get(lang).to_owned()),
    }
}

/// The figure by another definition than the one that is drawn.
fn other<'a>(series: &LongSeries<'_>, point: &Point<'a>) -> Option<&'a super::edition::Figure> {
    let former = point.week.former(series.statistic.id);
    point
        .printed
        .or(former)
        .filter(|figure| !figure.exact.is_empty())
}

fn by_other(other: &super::edition::Figure, value: &str, printed: bool, lang: Lang) -> String {
    let version = other.version;
    match (lang, printed) {
        (Lang::Zh, true) => format!("重算；按第{version}版定义刊印为{value}"),
        (Lang::Zh, false) => format!("按第{version}版定义为{value}"),
        (Lang::En, true) => format!("restated; printed as {value} by definition version {version}"),
        (Lang::En, false) => format!("{value} by definition version {version}"),
    }
}

/// The definition as a list of facts, from the declaration.
fn facts(statistic: &Statistic, w: &Words, lang: Lang) -> Vec<(&'static str, String)> {
    let window = match (statistic.window, lang) {
        (Window::Week, Lang::Zh) => "统计周".to_owned(),
        (Window::Week, Lang::En) => "the reporting week".to_owned(),
        (Window::Weeks { weeks }, Lang::Zh) => format!("截至统计周的{weeks}周"),
        (Window::Weeks { weeks }, Lang::En) => {
            format!("the {weeks} weeks up to the reporting week")
        }
        (Window::WeekFirstSeen { weeks }, Lang::Zh) => format!("统计周内出现、此前{weeks}周未出现"),
        (Window::WeekFirstSeen { weeks }, Lang::En) => {
            format!("the reporting week, not seen in the {weeks} weeks before")
        }
    };
    let needs = match statistic.observed {
        Observed::Handling => w.ledger.to_owned(),
        observed => word(observed.words(), lang).to_owned(),
    };
    let change = if statistic.compared {
        w.stated
    } else {
        w.not_stated
    };
    let sense = match statistic.sense {
        Sense::FewerIsBetter => w.fewer,
        Sense::Neutral => w.neutral,
    };
    let version = match (statistic.before, lang) {
        (None, _) => statistic.version.to_string(),
        (Some(before), Lang::Zh) => format!(
            "{}，自{}当周起；此前为第{}版，并列至{}当周：{}",
            statistic.version,
            before.since,
            before.definition.version,
            before.until(),
            before.change.zh
        ),
        (Some(before), Lang::En) => format!(
            "{}, since the week of {}; version {} before, printed beside until the week of {}: {}",
            statistic.version,
            before.since,
            before.definition.version,
            before.until(),
            before.change.en
        ),
    };
    let mut out = vec![(w.version, version)];
    if !statistic.unit.en.is_empty() {
        out.push((w.unit, word(statistic.unit, lang).to_owned()));
    }
    out.extend([
        (w.key, word(statistic.key, lang).to_owned()),
        (w.window, window),
        (
            w.territory,
            word(statistic.territory.words(), lang).to_owned(),
        ),
        (w.needs, needs),
        (w.formula, statistic.formula.to_string()),
        (w.printed, word(statistic.print.words(), lang).to_owned()),
        (
            w.change,
            format!(
                "{change}{}{sense}",
                if lang == Lang::Zh { "，" } else { "; " }
            ),
        ),
    ]);
    out
}

/// The parts of the newest issue's value, in its order.
fn parts(all: &Weeks<'_>, statistic: &Statistic, lang: Lang) -> Vec<(String, String)> {
    let Some(edition) = all.newest().and_then(|week| week.edition) else {
        return Vec::new();
    };
    edition
        .figures
        .iter()
        .filter(|figure| {
            figure.statistic == statistic.id && !figure.part.is_empty() && !figure.exact.is_empty()
        })
        .map(|figure| (clean(figure.name.get(lang)), clean(figure.text.get(lang))))
        .collect()
}

/// A break of the series for programs.
fn turn(point: &Point<'_>) -> Option<serde_json::Value> {
    let note = point.breaks.as_ref()?;
    Some(json!({ "issue": point.week.number, "week": point.week.week.monday(), "note": note }))
}

/// A week that was counted by two definitions, for programs: restated since, or while both were printed.
fn by_both(series: &LongSeries<'_>, point: &Point<'_>) -> Option<serde_json::Value> {
    let (figure, other) = (point.figure?, other(series, point)?);
    let one = |figure: &super::edition::Figure| json!({ "version": figure.version, "number": figure.number, "exact": figure.exact });
    Some(json!({
        "issue": point.week.number,
        "week": point.week.week.monday(),
        "restated": point.printed.is_some(),
        "in_the_series": one(figure),
        "by_the_definition_before": one(other),
    }))
}

/// CSV and JSON of every statistic, with all its parts.
pub(super) fn downloads(site: &Site<'_>, all: &Weeks<'_>) -> Vec<Rendition> {
    let mut out = Vec::new();
    for (.., statistics) in FAMILIES {
        for statistic in *statistics {
            let rows = data::figures(all, Some(statistic.id));
            let series = all.series(statistic);
            out.push(Rendition {
                name: format!("statistics/{}.csv", statistic.id),
                bytes: data::csv(data::FIGURES, rows.iter().map(data::FigureRow::cells)),
            });
            let document = json!({
                "statistic": statistic.id,
                "name": statistic.name.text(),
                "unit": statistic.unit.text(),
                "definition": {
                    "version": statistic.version,
                    "before": statistic.before.map(|before| json!({
                        "version": before.definition.version,
                        "since": before.since,
                        "until": before.until(),
                        "change": before.change.text(),
                    })),
                    "key": statistic.key.text(),
                    "territory": statistic.territory.words().text(),
                    "formula": statistic.formula.to_string(),
                    "remark": statistic.remark.text(),
                },
                "licence": site.settings.licence.as_ref().map(|licence| &licence.name),
                "values": rows.iter().map(data::FigureRow::json).collect::<Vec<_>>(),
                "breaks": series.points.iter().filter_map(turn).collect::<Vec<_>>(),
                "other_definitions": series.points.iter().filter_map(|point| by_both(&series, point)).collect::<Vec<_>>(),
            });
            out.push(file(
                &format!("statistics/{}.json", statistic.id),
                format!("{document}\n"),
            ));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_families_hold_every_statistic() {
        let listed: Vec<&str> = FAMILIES
            .iter()
            .flat_map(|(.., all)| all.iter())
            .map(|statistic| statistic.id)
            .collect();
        let all: Vec<&str> = declared::all()
            .iter()
            .map(|statistic| statistic.id)
            .collect();
        assert_eq!(listed, all);
    }
}
