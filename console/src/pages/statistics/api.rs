//! Statistics for programs: definitions, series, divisions.

use std::sync::Arc;

use axum::extract::{Path, Query as Asking, State};
use axum::http::HeaderMap;
use axum::response::Response;
use bulletin::statistics::{self as declared, breakdown::By};
use jiff::civil::Date;
use model::bulletin::Text;
use model::statistic::Statistic;
use model::time::ReportingWeek;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::series::{Point, Series};
use super::{divided, divisions, of_the_house, statistic, weeks};
use crate::Desk;
use crate::almanac::Origin;
use crate::pages::form::answer;
use crate::refusal::Refusal;
use crate::routes::Described;
use crate::visitor::Visitor;

/// A text in both languages.
#[derive(Serialize, JsonSchema)]
pub(super) struct Both {
    zh: String,
    en: String,
}

impl Both {
    fn of(text: &Text) -> Self {
        Both {
            zh: text.zh.clone(),
            en: text.en.clone(),
        }
    }
}

/// The declaration of a statistic.
#[derive(Serialize, JsonSchema)]
pub(super) struct Definition {
    /// `M1`.
    id: &'static str,
    /// Version of the definition.
    version: u32,
    name: Both,
    unit: Both,
    /// What is counted once.
    key: Both,
    territory: Both,
    formula: String,
    /// By what a week's count can be divided.
    divisions: Vec<&'static str>,
}

impl Definition {
    fn of(statistic: &Statistic) -> Self {
        Definition {
            id: statistic.id,
            version: statistic.version,
            name: Both::of(&statistic.name.text()),
            unit: Both::of(&statistic.unit.text()),
            key: Both::of(&statistic.key.text()),
            territory: Both::of(&statistic.territory.words().text()),
            formula: statistic.formula.to_string(),
            divisions: divisions(statistic).iter().map(|by| by.as_str()).collect(),
        }
    }
}

/// Every statistic.
#[derive(Serialize, JsonSchema)]
pub(super) struct Definitions {
    items: Vec<Definition>,
    /// There is one page.
    next: Option<String>,
}

pub(super) fn listed() -> Described {
    Described {
        summary: "Every declared statistic with its definition",
        answer: Some(schemars::schema_for!(Definitions).to_value()),
        ..Described::default()
    }
}

pub(super) async fn list(visitor: Visitor, headers: HeaderMap) -> Result<Response, Refusal> {
    of_the_house(&visitor)?;
    answer(
        &headers,
        &Definitions {
            items: declared::all().into_iter().map(Definition::of).collect(),
            next: None,
        },
    )
}

/// What may be asked of a series.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Params {
    /// From this day on, `2026-01-05`.
    #[serde(default)]
    from: String,
    /// Up to this day.
    #[serde(default)]
    to: String,
    /// `week` or `month` for a series; `province`, `asn`, `feed` and others, as the definition lists them, for the
    /// week that `to` lies in.
    #[serde(default)]
    by: String,
    /// A part of the statistic, `union`.
    #[serde(default)]
    part: String,
}

/// A week or a month.
#[derive(Serialize, JsonSchema)]
pub(super) struct Value {
    /// First day.
    first: String,
    /// Number of the issue.
    issue: Option<String>,
    /// The number in the base unit; null for words, ranks and what is missing.
    value: Option<String>,
    /// Exactly: `284132`, `17/2146`, `medium`.
    exact: String,
    printed: Both,
    /// All its sources were complete, and the week is over.
    complete: bool,
    /// `published`, `frozen`, `transcribed` or `live`.
    origin: &'static str,
    /// Why there is none.
    missing: Option<Both>,
    /// Why the series breaks before it.
    breaks: Option<Both>,
}

impl Value {
    fn of(point: &Point) -> Self {
        Value {
            first: point.first.to_string(),
            issue: point.number.map(|number| number.to_string()),
            value: point.value.map(|value| value.to_string()),
            exact: point.exact.clone(),
            printed: Both::of(&point.text),
            complete: point.complete,
            origin: match point.origin {
                Origin::Published => "published",
                Origin::Frozen => "frozen",
                Origin::Transcribed => "transcribed",
                Origin::Live => "live",
            },
            missing: point.missing.as_ref().map(Both::of),
            breaks: point.breaks.as_ref().map(Both::of),
        }
    }
}

/// A group of a division.
#[derive(Serialize, JsonSchema)]
pub(super) struct GroupCount {
    /// `440000`, `AS64500`, `unknown`.
    group: String,
    count: u64,
}

/// A week's count divided.
#[derive(Serialize, JsonSchema)]
pub(super) struct DivisionDocument {
    /// Monday of the week.
    week: String,
    /// The count, each thing once; groups may add up to more.
    total: u64,
    groups: Vec<GroupCount>,
}

/// A statistic's series, or the division of a week.
#[derive(Serialize, JsonSchema)]
pub(super) struct Document {
    definition: Definition,
    /// The part; empty for the whole.
    part: String,
    name: Both,
    unit: Both,
    /// `week`, `month`, or what the count is divided by.
    by: String,
    /// The series, oldest first.
    items: Vec<Value>,
    /// The groups, where a week is divided.
    division: Option<DivisionDocument>,
    /// There is one page.
    next: Option<String>,
}

/// A series as a document.
pub(super) fn document(series: &Series, monthly: bool) -> Document {
    Document {
        definition: Definition::of(series.statistic),
        part: series.part.clone(),
        name: Both::of(&series.name),
        unit: Both::of(&series.unit),
        by: if monthly { "month" } else { "week" }.to_owned(),
        items: series.points.iter().map(Value::of).collect(),
        division: None,
        next: None,
    }
}

pub(super) fn opened() -> Described {
    Described {
        summary: "A statistic by week or month, or a week's count divided",
        query: Some(schemars::schema_for!(Params).to_value()),
        answer: Some(schemars::schema_for!(Document).to_value()),
        ..Described::default()
    }
}

fn day(name: &str, text: &str) -> Result<Option<Date>, Refusal> {
    match text {
        "" => Ok(None),
        text => text
            .parse()
            .map(Some)
            .map_err(|_| Refusal::invalid(name, "is no day: write it as 2026-11-16")),
    }
}

pub(super) async fn one(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<String>,
    Asking(params): Asking<Params>,
) -> Result<Response, Refusal> {
    of_the_house(&visitor)?;
    let statistic = statistic(&id)?;
    let (from, to) = (day("from", &params.from)?, day("to", &params.to)?);
    let (all, _) = weeks(&desk).await?;
    let series = Series::of(statistic, &params.part, &all).between(from, to);
    let by = match params.by.as_str() {
        "" | "week" => return answer(&headers, &document(&series, false)),
        "month" => return answer(&headers, &document(&series.by_month(), true)),
        by => by
            .parse::<By>()
            .ok()
            .filter(|by| divisions(statistic).contains(by)),
    };
    let Some(by) = by else {
        let known: Vec<&str> = divisions(statistic).iter().map(|by| by.as_str()).collect();
        let why = format!("{} is by week, month, {}", statistic.id, known.join(", "));
        return Err(Refusal::invalid("by", why));
    };
    let newest = series
        .points
        .iter()
        .rev()
        .find(|point| point.origin != Origin::Transcribed);
    let week = to
        .map(ReportingWeek::containing)
        .or_else(|| newest.and_then(|point| point.week));
    let week = week.ok_or(Refusal::Absent)?;
    let found = divided::groups(&desk, statistic, week, by).await?;
    let (total, groups) = found.unwrap_or_default();
    let division = DivisionDocument {
        week: week.monday().to_string(),
        total,
        groups: groups
            .into_iter()
            .map(|(group, count)| GroupCount { group, count })
            .collect(),
    };
    answer(
        &headers,
        &Document {
            by: by.as_str().to_owned(),
            items: Vec::new(),
            division: Some(division),
            ..document(&series, false)
        },
    )
}
