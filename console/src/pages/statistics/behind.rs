//! The records behind a figure: a line for each thing that was counted, with the feeds and events that saw it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query as Asking, State};
use axum::response::Response;
use jiff::civil::Date;
use model::bulletin::Lang;
use model::statistic::{Observed, grouped};
use model::time::ReportingWeek;
use serde::Deserialize;

use super::{Words, almanac, chart, divided, failed, named, of_the_house, statistic};
use crate::Desk;
use crate::pages::draw;
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::fill;

/// Lines of a page.
const PAGE: usize = 100;
/// Events of a line that are linked.
const EVENTS: usize = 5;

#[derive(Deserialize)]
pub(super) struct Params {
    /// A day of the week.
    week: String,
    #[serde(default)]
    from: usize,
}

struct Line {
    input: String,
    key: String,
    href: Option<String>,
    feeds: String,
    events: Vec<(String, String)>,
    more: Option<String>,
}

#[derive(Template)]
#[template(path = "statistics/behind.html")]
struct BehindPage {
    shell: Shell,
    w: &'static Words,
    id: &'static str,
    lead: String,
    counts: String,
    lines: Vec<Line>,
    events: Option<String>,
    first: Option<String>,
    next: Option<String>,
}

pub(super) async fn page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Asking(params): Asking<Params>,
) -> Result<Response, Refusal> {
    of_the_house(&visitor)?;
    let statistic = statistic(&id)?;
    let (lang, w) = (visitor.lang, Words::of(visitor.lang));
    let day: Date = params
        .week
        .parse()
        .map_err(|_| Refusal::invalid("week", "is no day: write it as 2026-11-16"))?;
    let week = ReportingWeek::containing(day);
    let behind = almanac(&desk)?
        .behind(week, statistic, params.from, PAGE)
        .await
        .map_err(failed)?;
    let total: u64 = behind.inputs.values().sum();
    let lines = behind.lines.iter().map(|line| {
        let events = line.events.iter().take(EVENTS).map(|place| {
            let id = place.event.to_string();
            (format!("/console/events/{id}"), id[..8].to_owned())
        });
        let more = line.events.len().saturating_sub(EVENTS);
        Line {
            input: line.input.clone(),
            key: match line.key.contains("://") {
                true => draw::defang(&line.key),
                false => draw::defang_line(&line.key),
            },
            href: incident(&line.key)
                .filter(|_| statistic.observed == Observed::Handling)
                .map(|number| format!("/console/incidents/{number}")),
            feeds: line.feeds.join(", "),
            events: events.collect(),
            more: (more > 0).then(|| fill(w.more, &[("n", &grouped(more as u64))])),
        }
    });
    let own = format!(
        "/console/statistics/{}/behind?week={}",
        statistic.id,
        week.monday()
    );
    let upto = params.from.saturating_add(PAGE);
    Ok(shell::page(&BehindPage {
        shell: shell::shell(&desk, &visitor, Nav::Statistics, w.behind).await,
        w,
        id: statistic.id,
        lead: fill(
            w.behind_lead,
            &[
                (
                    "name",
                    &title(statistic.id, named(statistic.name, lang), lang),
                ),
                ("week", &chart::days(week, lang)),
            ],
        ),
        counts: fill(
            w.behind_count,
            &[("n", &grouped(total)), ("snapshot", &behind.snapshot)],
        ),
        lines: lines.collect(),
        events: divided::events(statistic, week, None),
        first: (params.from > 0).then(|| own.clone()),
        next: (upto < total as usize).then(|| format!("{own}&from={upto}")),
    }))
}

/// The first incident that a key of handling names: `incident 12`, `example-registrar (incidents 7, 9)`.
fn incident(key: &str) -> Option<i64> {
    let (_, rest) = key.rsplit_once("incident")?;
    let digits = rest.trim_start_matches('s').trim_start();
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    digits[..end].parse().ok()
}

fn title(id: &str, name: &str, lang: Lang) -> String {
    match lang {
        Lang::Zh => format!("{name}（{id}）"),
        Lang::En => format!("{name} ({id})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_handling_leads_to_its_incident() {
        assert_eq!(incident("incident 12"), Some(12));
        assert_eq!(incident("example-registrar (incidents 7, 9)"), Some(7));
        assert_eq!(incident("192.0.2.7"), None);
    }
}
