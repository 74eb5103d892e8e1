//! Overview: everything that runs out, one list across kinds, sorted by the time left; and the week so far.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use ledger::{IncidentFilter, IncidentSort, Page};
use model::incident::IncidentState;
use model::newsroom::Right;

use super::draw::{self, Countdown};
use super::shell::{self, Nav, Shell};
use crate::Desk;
use crate::refusal::Refusal;
use crate::routes::{Need, Route};
use crate::visitor::Visitor;
use crate::words::{ShellWords, word, words};

pub(crate) const ROUTES: &[Route] = &[Route::page("/console", Need::Right(Right::View), || {
    get(overview)
})];

/// Rows of the list.
const MOST: usize = 20;

words! {
    Words {
        hand: "现在要动手", "Needs a hand now";
        hand_order: "按剩余时间", "by time left";
        left: "剩余", "left";
        open: "查看", "Open";
        law: "法定", "statutory";
        calm: "现在没有时钟在走", "No clock is running";
        calm_text: "事件定级后，法定报告时限会出现在这里，按剩余时间排列。", "When an incident is graded, its duty to report appears here, by time left.";
        waiting: "待核实的事件", "Incidents to be looked at";
        waiting_none: "没有事件等待核实。", "No incident waits to be looked at.";
        all: "全部", "All";
    }
}

/// Something that runs out.
struct Hand {
    clock: Countdown,
    what: String,
    about: String,
    href: String,
}

struct Waiting {
    number: i64,
    what: String,
    ago: String,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    shell: Shell,
    w: &'static Words,
    hands: Vec<Hand>,
    waiting: Vec<Waiting>,
}

async fn overview(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Result<Response, Refusal> {
    let (now, lang) = (desk.now().0, visitor.lang);
    let reach = visitor.within()?;
    let w = Words::of(lang);
    let mut hands = Vec::new();
    for clock in desk.ledger.clocks_running().await?.into_iter().take(MOST) {
        // Of another owner's incident nothing is said.
        let Ok(incident) = desk.ledger.incident(clock.incident_id.0, &reach).await else {
            continue;
        };
        hands.push(Hand {
            clock: draw::countdown(&desk, (clock.started_at, clock.due_at), now, lang),
            what: incident.what.clone(),
            about: format!(
                "{} {} · {} · #{}",
                w.law,
                clock.duty,
                word(incident.kind.0, lang),
                incident.number
            ),
            href: format!("/console/incidents/{}", incident.number),
        });
    }
    let filter = IncidentFilter {
        states: vec![IncidentState::Open],
        ..IncidentFilter::default()
    };
    let page = Page {
        offset: 0,
        limit: MOST as u64,
    };
    let found = desk
        .ledger
        .incidents(&filter, &reach, IncidentSort::Oldest, page)
        .await?;
    let waiting = found.into_iter().map(|one| Waiting {
        number: one.number,
        ago: draw::ago(now, one.opened_at, lang),
        what: draw::defang(&one.what),
    });
    let title = ShellWords::of(lang).overview;
    Ok(shell::page(&OverviewPage {
        shell: shell::shell(&desk, &visitor, Nav::Overview, title).await,
        w,
        hands,
        waiting: waiting.collect(),
    }))
}
