//! Pages for people: each file is a page or a family of pages, with its words, its template and its rows of the
//! table of routes. A new page is a file here, its templates in `templates/`, and a line in each of the two
//! lists below.

use ledger::Reach;
use model::incident::IncidentState;
use shell::{Counts, Sending};

use crate::Desk;
use crate::routes::Route;

pub(crate) mod assets;
pub(crate) mod draw;
pub(crate) mod duty;
pub(crate) mod exercise;
pub(crate) mod form;
pub(crate) mod overview;
pub(crate) mod programs;
pub(crate) mod shell;
pub(crate) mod sign_in;
pub(crate) mod webhooks;

/// The rows of every page.
pub(crate) fn routes() -> Vec<&'static [Route]> {
    let mut all = vec![
        shell::ROUTES,
        assets::ROUTES,
        sign_in::ROUTES,
        overview::ROUTES,
        programs::ROUTES,
        webhooks::ROUTES,
        exercise::ROUTES,
        crate::changes::ROUTES,
    ];
    all.extend(duty::ROUTES);
    all
}

/// What every page shows of the state of things.
pub(crate) async fn signs(desk: &Desk) -> response::Result<(Counts, Sending)> {
    let ledger = &desk.ledger;
    let open = ledger::IncidentFilter {
        states: vec![IncidentState::Open],
        ..ledger::IncidentFilter::default()
    };
    let now = desk.now().0;
    let clocks = ledger.clocks_running().await?;
    let soon = now.saturating_add(30 * 60_000_000);
    let messages = ledger.message_counts().await?;
    let waiting = messages
        .iter()
        .filter(|(state, _)| *state == ledger::MessageState::Waiting)
        .map(|(_, count)| u64::try_from(*count).unwrap_or(0))
        .sum();
    let counts = Counts {
        incidents: ledger.incident_count(&open, &Reach::All).await?,
        hot: clocks.iter().any(|clock| clock.due_at < soon),
        inbox: waiting,
        notices: 0,
        feeds: 0,
    };
    let stopped = desk.response.is_stopped().await?;
    let leave = desk.response.may_leave(&desk.identity).await?;
    let sending = match (stopped, leave) {
        (true, _) => Sending::Stopped,
        (false, response::notify::arming::Leave::Yes(_)) => Sending::On,
        (false, _) => Sending::NotArmed,
    };
    Ok((counts, sending))
}

/// Keys of a table of words with their texts.
#[cfg(test)]
pub(crate) type Pairs = &'static [(&'static str, &'static str, &'static str)];

/// Every table of words.
#[cfg(test)]
pub(crate) fn tables() -> Vec<(&'static str, Pairs)> {
    vec![
        ("shell", crate::words::ShellWords::PAIRS),
        ("sign_in", sign_in::Words::PAIRS),
        ("overview", overview::Words::PAIRS),
        ("programs", programs::Words::PAIRS),
        ("webhooks", webhooks::Words::PAIRS),
        ("duty", duty::Words::PAIRS),
        ("exercise", exercise::Words::PAIRS),
    ]
}
