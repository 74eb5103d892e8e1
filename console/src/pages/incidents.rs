//! Incidents: the list with its query, what is done to one and to many, and the page of one incident.

use std::sync::{Arc, LazyLock};

use ledger::{Ledger, Moment, Query, Search};
use model::bulletin::Lang;
use model::incident::IncidentState;
use model::newsroom::Right;
use model::time::Day;

use crate::Desk;
use crate::refusal::Refusal;
use crate::routes::{Need, Route, Verb, delete, get, post, put};
use crate::visitor::Visitor;

mod acts;
mod api;
mod bulk;
mod chips;
mod detail;
mod entering;
mod evidence;
mod export;
mod list;
mod machine;
mod marking;
mod panel;
mod rows;
mod same;
mod statutory;
mod timeline;
mod views;
pub(crate) mod words;

const VIEW: Need = Need::Right(Right::View);
const WORK: Need = Need::Right(Right::Work);

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/incidents", VIEW, || get(list::page)),
    Route::page("/console/incidents.csv", VIEW, || get(export::csv)),
    Route::page("/console/incidents.xlsx", VIEW, || get(export::xlsx)),
    Route::page("/console/incidents.json", VIEW, || get(export::json)),
    Route::act("/console/incidents/views", VIEW, || post(views::keep)),
    Route::act("/console/incidents/views/drop", VIEW, || {
        post(views::remove)
    }),
    Route::page("/console/incidents/new", WORK, || get(entering::page)),
    Route::act("/console/incidents/new", WORK, || post(entering::enter)),
    Route::page("/console/incidents/bulk", WORK, || get(bulk::preview)),
    Route::act("/console/incidents/bulk", WORK, || post(bulk::begin)),
    Route::page("/console/incidents/bulk/{id}", WORK, || get(bulk::result)),
    Route::act("/console/incidents/bulk/{id}/undo", WORK, || {
        post(bulk::undo)
    }),
    Route::page("/console/incidents/{number}", VIEW, || get(detail::page)),
    Route::act("/console/incidents/{number}/{act}", WORK, || {
        post(detail::act)
    }),
    Route::page("/console/incidents/{number}/evidence/{id}", VIEW, || {
        get(evidence::download)
    }),
    Route::page(
        "/console/incidents/{number}/evidence/{id}/preview",
        VIEW,
        || get(evidence::preview),
    ),
    Route::page("/console/incidents/{number}/form/{clock}", VIEW, || {
        get(statutory::page)
    }),
    Route::api(
        Verb::Get,
        "/api/v1/incidents",
        VIEW,
        api::described_list,
        || get(api::list),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/incidents/{number}",
        VIEW,
        api::described_one,
        || get(api::one),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/incidents/{number}/events",
        VIEW,
        api::described_events,
        || get(api::events),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/incidents/{number}/notes",
        VIEW,
        api::described_notes,
        || get(api::notes),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/incidents/{number}/notices",
        VIEW,
        api::described_notices,
        || get(api::notices),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/incidents/{number}/timeline",
        VIEW,
        api::described_timeline,
        || get(api::timeline),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/incidents",
        WORK,
        api::described_enter,
        || post(api::enter),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/incidents/{number}/steps",
        WORK,
        api::described_step,
        || post(api::step),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/incidents/{number}/notes",
        WORK,
        api::described_note,
        || post(api::note),
    ),
    Route::api(
        Verb::Put,
        "/api/v1/incidents/{number}/assignee",
        WORK,
        api::described_assign,
        || put(api::assign),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/incidents/{number}/grade",
        WORK,
        api::described_grade,
        || post(api::grade),
    ),
    Route::api(
        Verb::Put,
        "/api/v1/incidents/{number}/marking",
        WORK,
        api::described_mark,
        || put(marking::put),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/incidents/{number}/merge",
        WORK,
        api::described_merge,
        || post(api::merge),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/incidents/{number}/split",
        WORK,
        api::described_split,
        || post(api::split),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/incidents/{number}/same",
        VIEW,
        api::described_views,
        || get(same::list),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/incidents/{number}/same",
        WORK,
        api::described_same,
        || post(same::enter),
    ),
    Route::api(
        Verb::Delete,
        "/api/v1/incidents/{number}/same",
        WORK,
        api::described_apart,
        || delete(same::remove),
    ),
    Route::api(
        Verb::Put,
        "/api/v1/incidents/{number}/campaign",
        WORK,
        api::described_campaign,
        || put(api::campaign),
    ),
    Route::api(
        Verb::Delete,
        "/api/v1/incidents/{number}/campaign",
        WORK,
        api::described_uncampaign,
        || delete(api::uncampaign),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/incidents/{number}/plan",
        WORK,
        api::described_plan,
        || get(api::plan),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/incidents/{number}/dispatch",
        WORK,
        api::described_dispatch,
        || post(api::dispatch),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/incidents/{number}/reminders",
        WORK,
        api::described_remind,
        || post(api::remind),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/incidents/{number}/probes",
        WORK,
        api::described_probe,
        || post(api::probe),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/incidents/{number}/clocks/{clock}/form",
        VIEW,
        api::described_form,
        || get(statutory::get),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/incidents/{number}/clocks/{clock}/end",
        WORK,
        api::described_clock,
        || post(api::clock),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/incidents/bulk",
        WORK,
        api::described_bulk,
        || post(api::bulk),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/incidents/bulk/{id}",
        WORK,
        api::described_bulk_one,
        || get(api::bulk_one),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/incidents/bulk/{id}/undo",
        WORK,
        api::described_undo,
        || post(api::undo),
    ),
];

/// A state as it is drawn: its label chooses the glyph, the word stands beside it.
#[derive(Clone)]
pub(crate) struct StateView {
    pub(crate) label: &'static str,
    pub(crate) word: &'static str,
}

impl StateView {
    pub(crate) fn of(state: IncidentState, lang: Lang) -> Self {
        StateView {
            label: model::worded::Word::label(state),
            word: crate::words::word(state, lang),
        }
    }
}

/// Names of provinces and countries, from what is built in.
static NAMES: LazyLock<reference::Tables> = LazyLock::new(reference::Tables::empty);

/// The language as tables of names have it.
fn named(lang: Lang) -> model::territory::Lang {
    match lang {
        Lang::Zh => model::territory::Lang::Zh,
        Lang::En => model::territory::Lang::En,
    }
}

/// Name of a province of GB/T 2260; its code where it has none.
pub(crate) fn province(code: &str, lang: Lang) -> String {
    let found = code
        .parse()
        .ok()
        .and_then(|code| NAMES.province_name(code, named(lang)));
    found.map_or_else(|| code.to_owned(), str::to_owned)
}

/// Name of a country; its code where it has none.
pub(crate) fn country(code: &str, lang: Lang) -> String {
    let found =
        reference::Country::new(code).and_then(|country| NAMES.country_name(country, named(lang)));
    found.map_or_else(|| code.to_owned(), str::to_owned)
}

/// When a day begins in the zone of the house, microseconds UTC.
pub(crate) fn begins(zone: &jiff::tz::TimeZone, day: Day) -> i64 {
    let begins = zone
        .to_ambiguous_timestamp(day.date().at(0, 0, 0, 0))
        .compatible();
    begins.map_or(i64::from(day.0) * 86_400_000_000, |at| at.as_microsecond())
}

/// A query as whoever asks means it now.
pub(crate) fn meant(desk: &Desk, visitor: &Visitor, query: &Query) -> Search {
    let zone = desk.terms().zone.clone();
    let begins = move |day: Day| begins(&zone, day);
    query.search(&Moment {
        now: desk.now().0,
        me: visitor.login(),
        begins: &begins,
    })
}

/// People who may work on incidents of an owner, login and name.
pub(crate) async fn workers(
    ledger: &Ledger,
    owner: Option<&str>,
) -> Result<Vec<(String, String)>, Refusal> {
    let all = ledger.accounts().await?.into_iter();
    let able = all.filter(|one| one.may(Right::Work));
    let able =
        able.filter(|one| one.organization.is_none() || one.organization.as_deref() == owner);
    Ok(able
        .map(|one| match one.name.is_empty() {
            true => (one.login.clone(), one.login),
            false => (one.login, one.name),
        })
        .collect())
}

/// Part of an address: a value that may hold anything.
pub(crate) fn escaped(value: &str) -> String {
    url::form_urlencoded::byte_serialize(value.as_bytes()).collect()
}

/// What happened to a thing without a name, for the pages: `Arc` is how every handler gets the desk.
pub(crate) type At = axum::extract::State<Arc<Desk>>;
