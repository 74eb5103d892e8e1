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
pub(crate) mod feeds;
pub(crate) mod form;
pub(crate) mod inbox;
pub(crate) mod mail;
pub(crate) mod notices;
pub(crate) mod overview;
pub(crate) mod paging;
pub(crate) mod parties;
pub(crate) mod shell;
pub(crate) mod sign_in;
pub(crate) mod vulnerabilities;

/// The rows of every page.
pub(crate) fn routes() -> Vec<&'static [Route]> {
    vec![
        shell::ROUTES,
        assets::ROUTES,
        sign_in::ROUTES,
        overview::ROUTES,
        notices::ROUTES,
        inbox::ROUTES,
        parties::ROUTES,
        feeds::ROUTES,
        vulnerabilities::ROUTES,
    ]
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
        notices: notices::to_be_seen_to(ledger).await?,
        feeds: feeds_failing(desk).await?,
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

/// Feeds that are turned on and fail, by what is remembered of their runs: one query, whatever their number.
async fn feeds_failing(desk: &Desk) -> response::Result<u64> {
    /// What of a feed's runs is looked at here.
    #[derive(serde::Deserialize)]
    struct Runs {
        #[serde(default)]
        failures: u32,
    }
    let terms = desk.terms();
    let remembered = desk.ledger.settings("runs.").await?;
    let fails = |setting: &&ledger::Setting| {
        let name = setting.key.trim_start_matches("runs.");
        let on = terms.catalogue.get(name).is_ok_and(|one| one.feed.enabled);
        let runs: Option<Runs> = serde_json::from_str(&setting.json).ok();
        on && runs.is_some_and(|runs| runs.failures > 0)
    };
    Ok(remembered.iter().filter(fails).count() as u64)
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
        ("notices", notices::Words::PAIRS),
        ("letter", notices::LetterWords::PAIRS),
        ("sending", notices::SendingWords::PAIRS),
        ("inbox", inbox::Words::PAIRS),
        ("message", inbox::MessageWords::PAIRS),
        ("parties", parties::Words::PAIRS),
        ("party", parties::OneWords::PAIRS),
        ("party-import", parties::ImportWords::PAIRS),
        ("feeds", feeds::Words::PAIRS),
        ("feed", feeds::OneWords::PAIRS),
        ("vulnerabilities", vulnerabilities::Words::PAIRS),
    ]
}
