//! Every declared statistic, by family: its latest value, how it moved, and its last half year.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::series::{Change, Range, Series};
use super::{Words, almanac, chart, families, named, of_the_house, weeks};
use crate::Desk;
use crate::almanac::Origin;
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::ShellWords;

struct Line {
    id: &'static str,
    name: &'static str,
    value: String,
    issue: String,
    change: Option<Change>,
    spark: Option<String>,
}

struct Family {
    title: &'static str,
    lines: Vec<Line>,
}

#[derive(Template)]
#[template(path = "statistics/index.html")]
struct IndexPage {
    shell: Shell,
    w: &'static Words,
    /// Nobody counts here.
    blind: bool,
    families: Vec<Family>,
}

pub(super) async fn page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    of_the_house(&visitor)?;
    let (lang, w) = (visitor.lang, Words::of(visitor.lang));
    let blind = almanac(&desk).is_err();
    let all = match blind {
        true => Vec::new(),
        false => weeks(&desk).await?.0,
    };
    // The latest whole week is what a reader compares; the running one stands on the statistic's own page.
    let whole: Vec<_> = all
        .into_iter()
        .filter(|week| week.origin != Origin::Live)
        .collect();
    let families = families(w).map(|(title, statistics)| Family {
        title,
        lines: statistics
            .iter()
            .map(|statistic| {
                let series = Series::of(statistic, "", &whole).within(Range::Year);
                let last = series
                    .points
                    .iter()
                    .rposition(|point| !point.exact.is_empty());
                let point = last.map(|at| &series.points[at]);
                Line {
                    id: statistic.id,
                    name: named(statistic.name, lang),
                    value: point
                        .map(|point| series.told(point, lang))
                        .unwrap_or_default(),
                    issue: point
                        .and_then(|point| point.number)
                        .map(|number| number.to_string())
                        .unwrap_or_default(),
                    change: last
                        .and_then(|at| series.change(&series.points[at], series.before(at).0, w)),
                    spark: chart::spark(&series, &format!("s-{}", statistic.id), lang),
                }
            })
            .collect(),
    });
    let title = ShellWords::of(lang).statistics;
    Ok(shell::page(&IndexPage {
        shell: shell::shell(&desk, &visitor, Nav::Statistics, title).await,
        w,
        blind,
        families: families.into(),
    }))
}
