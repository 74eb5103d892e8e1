//! One statistic: its line, its table, its division, its definition.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query as Asking, State};
use axum::response::Response;
use bulletin::statistics::{self as declared, breakdown::By};
use jiff::civil::Date;
use model::bulletin::Lang;
use model::statistic::Statistic;
use model::time::ReportingWeek;
use serde::Deserialize;

use super::chart::{self, Picture};
use super::divided::{self, Divided};
use super::series::{Change, Point, Range, Series};
use super::{
    Words, division, divisions, named, of_the_house, origin_word, parts, statistic, weeks,
};
use crate::Desk;
use crate::almanac::Origin;
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::visitor::Visitor;

/// What is looked at, as the address says it.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct View {
    #[serde(default)]
    pub range: Range,
    /// `week` or `month`.
    #[serde(default)]
    pub step: String,
    /// `year`, or the id of another statistic.
    #[serde(default)]
    pub compare: String,
    #[serde(default)]
    pub part: String,
    /// What the count is divided by.
    #[serde(default)]
    pub by: String,
    /// A day of the week that is divided.
    #[serde(default)]
    pub week: String,
}

impl View {
    pub fn monthly(&self) -> bool {
        self.step == "month"
    }

    /// The address of this view, with another path behind the statistic.
    fn address(&self, id: &str, path: &str) -> String {
        let mut text = url::form_urlencoded::Serializer::new(String::new());
        let fields = [
            ("range", self.range.as_str()),
            ("step", &self.step),
            ("compare", &self.compare),
            ("part", &self.part),
            ("by", &self.by),
            ("week", &self.week),
        ];
        for (name, value) in fields {
            if !value.is_empty() {
                text.append_pair(name, value);
            }
        }
        format!("/console/statistics/{id}{path}?{}", text.finish())
    }
}

/// A choice of a list.
struct Choice {
    value: String,
    label: String,
    chosen: bool,
}

fn choice(value: &str, label: impl Into<String>, chosen: &str) -> Choice {
    Choice {
        value: value.to_owned(),
        label: label.into(),
        chosen: value == chosen,
    }
}

/// A row of the table.
struct Row {
    issue: String,
    days: String,
    value: String,
    on_week: Option<Change>,
    on_year: Option<Change>,
    from: String,
    note: String,
    behind: Option<String>,
    live: bool,
}

#[derive(Template)]
#[template(path = "statistics/one.html")]
struct OnePage {
    shell: Shell,
    w: &'static Words,
    id: &'static str,
    name: String,
    latest: Option<(String, String)>,
    change: Option<Change>,
    counting: bool,
    ranges: Vec<Choice>,
    steps: Vec<Choice>,
    compares: Vec<Choice>,
    parts: Vec<Choice>,
    pictures: Vec<Picture>,
    no_chart: &'static str,
    rows: Vec<Row>,
    monthly: bool,
    csv: String,
    json: String,
    svg: String,
    bys: Vec<Choice>,
    divided_weeks: Vec<Choice>,
    divided: Option<Divided>,
    asked: bool,
    facts: Vec<(&'static str, String)>,
    remark: &'static str,
}

/// The series that a view asks for.
pub(super) fn series_of(
    statistic: &'static Statistic,
    view: &View,
    all: &[Arc<crate::almanac::CountedWeek>],
) -> Series {
    let series = Series::of(statistic, &view.part, all).within(view.range);
    match view.monthly() {
        true => series.by_month(),
        false => series,
    }
}

/// The charts of a view, the statistic's own first.
pub(super) fn charts(
    statistic: &'static Statistic,
    view: &View,
    all: &[Arc<crate::almanac::CountedWeek>],
) -> Vec<model::bulletin::Chart> {
    let draw = |statistic: &'static Statistic, view: &View, id: &str| {
        let series = series_of(statistic, view, all);
        let whole = Series::of(statistic, &view.part, all);
        match view.monthly() {
            true => chart::months(&series, id),
            false => chart::line(&series, id, (view.compare == "year").then_some(&whole)),
        }
    };
    let mut charts: Vec<_> = draw(statistic, view, "a").into_iter().collect();
    if let Some(other) = declared::named(&view.compare).filter(|other| other.id != statistic.id) {
        let view = View {
            part: String::new(),
            ..view.clone()
        };
        charts.extend(draw(other, &view, "b"));
    }
    charts
}

pub(super) async fn page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Asking(view): Asking<View>,
) -> Result<Response, Refusal> {
    of_the_house(&visitor)?;
    let statistic = statistic(&id)?;
    let (lang, w) = (visitor.lang, Words::of(visitor.lang));
    let (all, counting) = weeks(&desk).await?;
    let series = series_of(statistic, &view, &all);
    let pictures: Vec<Picture> = charts(statistic, &view, &all)
        .iter()
        .map(|chart| chart::picture(chart, lang))
        .collect();
    let whole = Series::of(statistic, &view.part, &all);
    let last = whole
        .points
        .iter()
        .rposition(|point| !point.exact.is_empty() && point.origin != Origin::Live);
    let latest = last.map(|at| {
        let point = &whole.points[at];
        (whole.told(point, lang), label_of(point, lang))
    });
    let change = last.and_then(|at| whole.change(&whole.points[at], whole.before(at).0, w));
    let by = view
        .by
        .parse::<By>()
        .ok()
        .filter(|by| divisions(statistic).contains(by));
    let week = divided_week(&view, &whole);
    let divided = match (by, week) {
        (Some(by), Some(week)) => divided::divided(&desk, &series, week, by, lang).await?,
        _ => None,
    };
    let parts = parts(statistic, &all, lang);
    let name = series.name.get(lang).to_owned();
    let numbers = series.points.iter().any(|point| point.value.is_some());
    Ok(shell::page(&OnePage {
        shell: shell::shell(&desk, &visitor, Nav::Statistics, &name).await,
        w,
        id: statistic.id,
        name,
        latest,
        change,
        counting,
        ranges: Range::ALL
            .iter()
            .map(|range| choice(range.as_str(), range.words(w), view.range.as_str()))
            .collect(),
        steps: vec![
            choice(
                "week",
                w.by_week,
                if view.monthly() { "month" } else { "week" },
            ),
            choice("month", w.by_month, &view.step),
        ],
        compares: compares(statistic, &view, w, lang),
        parts: match parts.is_empty() {
            true => Vec::new(),
            false => std::iter::once(choice("", w.whole, &view.part))
                .chain(
                    parts
                        .iter()
                        .map(|(part, name)| choice(part, name, &view.part)),
                )
                .collect(),
        },
        no_chart: if numbers { w.chart_none } else { w.no_number },
        pictures,
        rows: rows(&series, &whole, w, lang),
        monthly: view.monthly(),
        csv: view.address(statistic.id, "/download") + "&format=csv",
        json: view.address(statistic.id, "/download") + "&format=json",
        svg: view.address(statistic.id, "/download") + "&format=svg",
        bys: divisions(statistic)
            .iter()
            .map(|by| choice(by.as_str(), division(*by, w), &view.by))
            .collect(),
        divided_weeks: counted_weeks(&whole, week, lang),
        asked: by.is_some(),
        divided,
        facts: facts(statistic, w, lang),
        remark: named(statistic.remark, lang),
    }))
}

fn compares(statistic: &Statistic, view: &View, w: &'static Words, lang: Lang) -> Vec<Choice> {
    let mut all = vec![
        choice("", w.compare_none, &view.compare),
        choice("year", w.compare_year, &view.compare),
    ];
    let others = declared::all()
        .into_iter()
        .filter(|other| other.id != statistic.id);
    all.extend(others.map(|other| {
        choice(
            other.id,
            format!("{} {}", other.id, named(other.name, lang)),
            &view.compare,
        )
    }));
    all
}

/// The week that is divided: the one named, else the newest whole one.
fn divided_week(view: &View, whole: &Series) -> Option<ReportingWeek> {
    if let Ok(day) = view.week.parse::<Date>() {
        return Some(ReportingWeek::containing(day));
    }
    let mut counted = whole
        .points
        .iter()
        .rev()
        .filter(|point| point.origin != Origin::Transcribed);
    counted
        .clone()
        .find(|point| point.origin != Origin::Live)
        .or_else(|| counted.next())
        .and_then(|point| point.week)
}

/// Weeks that have records here, newest first.
fn counted_weeks(whole: &Series, chosen: Option<ReportingWeek>, lang: Lang) -> Vec<Choice> {
    let counted = whole
        .points
        .iter()
        .rev()
        .filter(|point| point.origin != Origin::Transcribed);
    let weeks = counted.filter_map(|point| point.week).take(60);
    let chosen = chosen
        .map(|week| week.monday().to_string())
        .unwrap_or_default();
    weeks
        .map(|week| choice(&week.monday().to_string(), chart::days(week, lang), &chosen))
        .collect()
}

fn label_of(point: &Point, lang: Lang) -> String {
    match (point.number, point.week) {
        (Some(number), _) if number.number > 0 => number.to_string(),
        (_, Some(week)) => chart::days(week, lang),
        (_, None) => month(point.first, lang),
    }
}

fn month(first: Date, lang: Lang) -> String {
    match lang {
        Lang::Zh => first.strftime("%Y年%-m月").to_string(),
        Lang::En => first.strftime("%B %Y").to_string(),
    }
}

fn rows(series: &Series, whole: &Series, w: &'static Words, lang: Lang) -> Vec<Row> {
    let rows = series.points.iter().enumerate().rev().map(|(at, point)| {
        // Weeks are compared within all that is known, also before the span that is shown.
        let (on_week, on_year) = match point.week {
            None => series.before(at),
            Some(_) => {
                let at = whole
                    .points
                    .binary_search_by(|one| one.first.cmp(&point.first));
                at.map_or((None, None), |at| whole.before(at))
            }
        };
        let from = match point.origin {
            Origin::Published if point.revision > 1 => {
                format!("{} r{}", w.published, point.revision)
            }
            origin => origin_word(origin, w).to_owned(),
        };
        let note = match (&point.missing, &point.breaks, point.complete) {
            (Some(why), ..) => why.get(lang).to_owned(),
            (None, Some(why), _) => why.get(lang).to_owned(),
            (None, None, false) if point.origin != Origin::Live && point.week.is_some() => {
                w.incomplete.to_owned()
            }
            _ => String::new(),
        };
        Row {
            issue: label_of(point, lang),
            days: match point.week {
                Some(week) => chart::days(week, lang),
                None => format!("{}", point.weeks),
            },
            value: match point.exact.is_empty() {
                true => w.not_available.to_owned(),
                false => series.told(point, lang),
            },
            on_week: series.change(point, on_week, w),
            on_year: series.change(point, on_year, w),
            from,
            note,
            behind: point
                .week
                .filter(|_| point.origin != Origin::Transcribed && !point.exact.is_empty())
                .map(|week| {
                    let id = series.statistic.id;
                    format!("/console/statistics/{id}/behind?week={}", week.monday())
                }),
            live: point.origin == Origin::Live,
        }
    });
    rows.collect()
}

/// The definition as a list of facts, from the declaration.
pub(super) fn facts(
    statistic: &Statistic,
    w: &'static Words,
    lang: Lang,
) -> Vec<(&'static str, String)> {
    let unit = named(statistic.unit, lang);
    let mut facts = vec![
        (w.unit, unit.to_owned()),
        (w.key, named(statistic.key, lang).to_owned()),
        (
            w.territory,
            named(statistic.territory.words(), lang).to_owned(),
        ),
        (w.formula, statistic.formula.to_string()),
        (w.printed, named(statistic.print.words(), lang).to_owned()),
        (w.version, statistic.version.to_string()),
    ];
    facts.retain(|(_, value)| !value.is_empty());
    facts
}
