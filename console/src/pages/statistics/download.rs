//! A statistic as a file: CSV and JSON of what the table shows, SVG of the chart.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query as Asking, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use model::bulletin::Lang;
use serde::Deserialize;

use super::one::{View, charts, series_of};
use super::series::Series;
use super::{Words, api, chart, of_the_house, origin_word, statistic, weeks};
use crate::Desk;
use crate::pages::events::csv_cell;
use crate::refusal::Refusal;
use crate::visitor::Visitor;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    #[default]
    Csv,
    Json,
    Svg,
}

#[derive(Deserialize)]
pub(super) struct Params {
    #[serde(default)]
    format: Form,
}

pub(super) async fn file(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Asking(view): Asking<View>,
    Asking(params): Asking<Params>,
) -> Result<Response, Refusal> {
    of_the_house(&visitor)?;
    let statistic = statistic(&id)?;
    let lang = visitor.lang;
    let (all, _) = weeks(&desk).await?;
    let series = series_of(statistic, &view, &all);
    let (kind, ending, body) = match params.format {
        Form::Csv => ("text/csv; charset=utf-8", "csv", csv(&series, lang)),
        Form::Json => {
            let text = serde_json::to_string_pretty(&api::document(&series, view.monthly()))
                .map_err(|error| Refusal::broken("a series", error))?;
            ("application/json", "json", text)
        }
        Form::Svg => {
            let drawn = charts(statistic, &view, &all);
            let first = drawn.first().ok_or(Refusal::Absent)?;
            ("image/svg+xml", "svg", chart::file(first, lang))
        }
    };
    let part = match view.part.as_str() {
        "" => String::new(),
        part => format!(
            "-{}",
            part.replace(|c: char| !c.is_ascii_alphanumeric(), "-")
        ),
    };
    let name = format!("{}{part}.{ending}", statistic.id);
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
        .unwrap_or_else(|_| HeaderValue::from_static("attachment"));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, Body::from(body)).into_response())
}

fn csv(series: &Series, lang: Lang) -> String {
    let w = Words::of(lang);
    let heads = [
        "first_day",
        "issue",
        "value",
        "exact",
        "printed",
        "unit",
        "from",
        "complete",
        "note",
    ];
    let mut text = format!("\u{feff}{}\r\n", heads.join(","));
    for point in &series.points {
        let note = point.missing.as_ref().or(point.breaks.as_ref());
        let cells = [
            point.first.to_string(),
            point
                .number
                .map(|number| number.to_string())
                .unwrap_or_default(),
            point
                .value
                .map(|value| value.to_string())
                .unwrap_or_default(),
            point.exact.clone(),
            point.text.get(lang).to_owned(),
            series.unit.get(lang).to_owned(),
            origin_word(point.origin, w).to_owned(),
            point.complete.to_string(),
            note.map(|note| note.get(lang).to_owned())
                .unwrap_or_default(),
        ];
        let cells: Vec<String> = cells.iter().map(|cell| csv_cell(cell)).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}
