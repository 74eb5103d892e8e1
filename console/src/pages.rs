//! Pages for people: each file is a page or a family of pages, with its words, its template and its rows of the
//! table of routes. A new page is a file here, its templates in `templates/`, and a line in each of the two
//! lists below.

use std::sync::Arc;

use ledger::Reach;
use model::incident::IncidentState;
use shell::{Counts, Sending};

use crate::Desk;
use crate::routes::Route;
use crate::visitor::Visitor;

pub(crate) mod again;
pub(crate) mod answers;
pub(crate) mod appeals;
pub(crate) mod assets;
pub(crate) mod audit;
pub(crate) mod bulletin;
pub(crate) mod complaints;
pub(crate) mod draw;
pub(crate) mod duty;
pub(crate) mod events;
pub(crate) mod exercise;
pub(crate) mod feeds;
pub(crate) mod form;
pub(crate) mod inbox;
pub(crate) mod incidents;
pub(crate) mod mail;
pub(crate) mod me;
pub(crate) mod months;
pub(crate) mod notices;
pub(crate) mod outside;
pub(crate) mod overview;
pub(crate) mod owner;
pub(crate) mod paging;
pub(crate) mod parties;
pub(crate) mod portal;
pub(crate) mod programs;
pub(crate) mod settings;
pub(crate) mod shell;
pub(crate) mod sign_in;
pub(crate) mod statistics;
pub(crate) mod vulnerabilities;
pub(crate) mod webhooks;

/// The rows of every page.
pub(crate) fn routes() -> Vec<&'static [Route]> {
    let mut all = vec![
        shell::ROUTES,
        assets::ROUTES,
        sign_in::ROUTES,
        sign_in::code::ROUTES,
        sign_in::provider::ROUTES,
        again::ROUTES,
        me::ROUTES,
        me::password::ROUTES,
        me::factor::ROUTES,
        settings::ROUTES,
        settings::accounts::ROUTES,
        settings::deputies::ROUTES,
        settings::tokens::ROUTES,
        audit::ROUTES,
        overview::ROUTES,
        incidents::ROUTES,
        outside::report::ROUTES,
        outside::appeal::ROUTES,
        complaints::ROUTES,
        appeals::ROUTES,
        answers::ROUTES,
        owner::ROUTES,
        portal::ROUTES,
        portal::more::ROUTES,
        portal::settings::ROUTES,
        portal::api::ROUTES,
        programs::ROUTES,
        webhooks::ROUTES,
        exercise::ROUTES,
        crate::changes::ROUTES,
        notices::ROUTES,
        inbox::ROUTES,
        parties::ROUTES,
        feeds::ROUTES,
        vulnerabilities::ROUTES,
        events::ROUTES,
        statistics::ROUTES,
    ];
    all.extend(duty::ROUTES);
    all.extend(bulletin::ROUTES);
    all
}

/// What needs a hand, whether notices leave, and the names of who is on duty.
pub(crate) type Signs = (Counts, Sending, Arc<str>);

/// What every page shows of the state of things.
pub(crate) async fn signs(desk: &Desk) -> response::Result<Signs> {
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
    let mut names = Vec::new();
    for shift in ledger.on_duty(now).await? {
        let account = ledger.account(&shift.login).await?;
        let name = account.map(|one| one.name).filter(|name| !name.is_empty());
        names.push(name.unwrap_or(shift.login));
    }
    names.dedup();
    Ok((counts, sending, names.join(", ").into()))
}

/// What a branch's navigation counts: incidents of its own that wait to be looked at.
pub(crate) async fn own_counts(desk: &Desk, visitor: &Visitor) -> Counts {
    let open = ledger::IncidentFilter {
        states: vec![IncidentState::Open],
        ..ledger::IncidentFilter::default()
    };
    let Ok(reach) = visitor.within() else {
        return Counts::default();
    };
    match desk.ledger.incident_count(&open, &reach).await {
        Ok(incidents) => Counts {
            incidents,
            ..Counts::default()
        },
        Err(error) => {
            tracing::error!(%error, "the signs of the navigation cannot be read");
            Counts::default()
        }
    }
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
        ("sign_in code", sign_in::code::Words::PAIRS),
        ("again", again::Words::PAIRS),
        ("me", me::Words::PAIRS),
        ("me password", me::password::Words::PAIRS),
        ("me factor", me::factor::Words::PAIRS),
        ("settings tabs", settings::Tabs::PAIRS),
        ("settings", settings::Words::PAIRS),
        ("accounts", settings::accounts::Words::PAIRS),
        ("deputies", settings::deputies::Words::PAIRS),
        ("tokens", settings::tokens::Words::PAIRS),
        ("audit", audit::Words::PAIRS),
        ("overview", overview::Words::PAIRS),
        ("incidents", incidents::words::ListWords::PAIRS),
        ("incident", incidents::words::CaseWords::PAIRS),
        ("report", outside::report::Words::PAIRS),
        ("appeal", outside::appeal::Words::PAIRS),
        ("complaints", complaints::Words::PAIRS),
        ("appeals", appeals::Words::PAIRS),
        ("answers", answers::Words::PAIRS),
        ("owner", owner::Words::PAIRS),
        ("portal", portal::Words::PAIRS),
        ("portal_more", portal::more::Words::PAIRS),
        ("portal_settings", portal::settings::Words::PAIRS),
        ("programs", programs::Words::PAIRS),
        ("webhooks", webhooks::Words::PAIRS),
        ("duty", duty::Words::PAIRS),
        ("exercise", exercise::Words::PAIRS),
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
        ("events", events::Words::PAIRS),
        ("statistics", statistics::Words::PAIRS),
        ("bulletin list", bulletin::list::Words::PAIRS),
        ("bulletin stand", bulletin::stand::Words::PAIRS),
        ("bulletin desk", bulletin::desk::Words::PAIRS),
        ("bulletin paper", bulletin::paper::Words::PAIRS),
        ("bulletin inspector", bulletin::inspector::Words::PAIRS),
        ("bulletin rail", bulletin::rail::Words::PAIRS),
        ("bulletin acts", bulletin::acts::Words::PAIRS),
        ("bulletin prose", bulletin::prose::Words::PAIRS),
        ("bulletin change", bulletin::change::Words::PAIRS),
        ("bulletin files", bulletin::files::Words::PAIRS),
        ("bulletin flash", bulletin::flash::Words::PAIRS),
        ("bulletin sheets", bulletin::sheets::Words::PAIRS),
    ]
}
