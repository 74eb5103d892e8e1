//! The portal for programs: the same rows and the same acts, as JSON, JSON lines or CSV.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use ledger::portal::{Matter, Post};
use response::portal::{self, FEEDBACK_BYTES, PartyEvent};
use response::scorecard::Scorecard;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::more::{QUERIES, taken};
use super::settings::{Format, NewKey, NewWay, Terms, set_format, set_terms, want_key, want_way};
use super::{ANSWER, Answer, answered, party};
use crate::Desk;
use crate::pages::draw::stamp;
use crate::pages::form::{Input, answer};
use crate::pages::months::{self, Count, PeersOut};
use crate::refusal::Refusal;
use crate::routes::{Described, Route, Verb, get, post};
use crate::visitor::Visitor;

pub(crate) const ROUTES: &[Route] = &[
    Route::api(
        Verb::Get,
        "/api/v1/portal/incidents",
        ANSWER,
        about_list,
        || get(list),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/portal/incidents/{number}",
        ANSWER,
        about_one,
        || get(one),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/portal/incidents/{number}/answers",
        ANSWER,
        about_answer,
        || post(act),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/portal/events",
        ANSWER,
        about_events,
        || get(events),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/portal/feedback",
        ANSWER,
        about_feedback,
        || post(feedback),
    )
    .taking(FEEDBACK_BYTES),
    Route::api(
        Verb::Get,
        "/api/v1/portal/scorecard",
        ANSWER,
        about_card,
        || get(card),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/portal/terms",
        ANSWER,
        about_terms,
        || post(terms),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/portal/format",
        ANSWER,
        about_format,
        || post(format),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/portal/contact",
        ANSWER,
        about_contact,
        || post(contact),
    ),
    Route::api(Verb::Post, "/api/v1/portal/key", ANSWER, about_key, || {
        post(key)
    }),
];

const DAY: i64 = 86_400_000_000;

/// A matter. Instants are RFC 3339 in UTC; addresses are as they are, not defanged.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct MatterOut {
    /// Its number.
    id: i64,
    /// `asked`, `answered`, `acted`, `gone` or `over`.
    state: String,
    /// Kind of case.
    kind: String,
    /// In one line.
    what: String,
    /// Address of the page or file.
    url: Option<String>,
    /// Host name.
    host: Option<String>,
    /// Internet address.
    ip: Option<String>,
    /// Autonomous system.
    asn: Option<i64>,
    /// Malware family, app or vulnerability.
    name: Option<String>,
    /// Imitated brand.
    brand: Option<String>,
    /// What you are asked to do.
    asks: Vec<String>,
    /// In which roles.
    roles: Vec<String>,
    /// When you were first asked.
    asked_at: String,
    /// When your time is over, while it runs.
    due_at: Option<String>,
    /// When you first answered.
    answered_at: Option<String>,
    /// When you last said that you acted.
    acted_at: Option<String>,
    /// Your own number for it.
    ticket: Option<String>,
    /// When it was first observed.
    first_seen_at: String,
    /// When it was last observed.
    last_seen_at: String,
    /// When it was last looked at.
    looked_at: Option<String>,
    /// What that look found.
    finding: Option<String>,
    /// When it ended.
    closed_at: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct MatterPage {
    items: Vec<MatterOut>,
    /// To be given as `after` for the next page.
    next: Option<String>,
}

/// What was said about a matter.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct PostOut {
    /// When.
    at: String,
    /// `acknowledged`, `fixed`, `disputed`, `withdrawn`, `asked`, or `told` for what we wrote.
    kind: String,
    /// Ground of a dispute.
    ground: Option<String>,
    /// What was written.
    text: String,
    /// The account of yours that wrote it.
    by: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct MatterWhole {
    #[serde(flatten)]
    matter: MatterOut,
    /// What was said, the oldest first.
    posts: Vec<PostOut>,
}

/// An event in what you answer for.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct EventOut {
    observed_at: String,
    /// RSIT entry.
    class: String,
    identifier: Option<String>,
    ip: Option<String>,
    port: Option<i64>,
    asn: Option<i64>,
    host: Option<String>,
    url: Option<String>,
    malware: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct EventPage {
    items: Vec<EventOut>,
    /// To be given as `until` for the next page.
    next: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Listed {
    /// `live` (the default) or `all`.
    #[serde(default)]
    state: String,
    /// Rows at most, up to 500.
    #[serde(default)]
    limit: Option<u64>,
    /// `next` of the page before.
    #[serde(default)]
    after: Option<String>,
    /// `json` (the default), `jsonl` or `csv`.
    #[serde(default)]
    format: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Spanned {
    /// Observed at or after, RFC 3339; seven days ago if left out. A span has at most 31 days.
    #[serde(default)]
    from: Option<String>,
    /// Observed before, RFC 3339; now if left out.
    #[serde(default)]
    until: Option<String>,
    /// Rows at most, up to 1,000.
    #[serde(default)]
    limit: Option<usize>,
    /// `json` (the default), `jsonl` or `csv`.
    #[serde(default)]
    format: String,
}

/// Rows of a feedback file that were not used.
#[derive(Serialize, JsonSchema)]
struct BadOut {
    /// Number of the row, from 1 for the first after the heads.
    line: usize,
    reason: String,
}

/// What a feedback file did.
#[derive(Serialize, JsonSchema)]
struct FeedbackOut {
    /// Rows that were carried out.
    done: usize,
    /// Rows without a status.
    empty: usize,
    /// Rows that were not used.
    bad: Vec<BadOut>,
}

/// How you did.
#[derive(Serialize, JsonSchema)]
struct CardOut {
    /// Notices that reached you.
    notices: u64,
    /// Incidents that you were asked about.
    cases: u64,
    /// Of these, answered, or their time is over.
    decided: u64,
    /// Of the decided, answered in time.
    within_target: u64,
    /// Median seconds to the first answer.
    median_acknowledge_secs: Option<i64>,
    /// Verified gone after you were asked.
    effective: u64,
    /// Median seconds until it was first seen gone.
    median_takedown_secs: Option<i64>,
    /// Refused.
    refused: u64,
    /// Twelve months up to now.
    months: Vec<Count>,
    /// Others that are asked in the same role; null where they are too few.
    peers: Option<PeersOut>,
}

/// What became of a request.
#[derive(Serialize, JsonSchema)]
struct Taken {
    /// `set`: it holds; `waiting`: a lead must accept it.
    state: &'static str,
    /// Number of the change that waits.
    change: Option<i64>,
}

fn described<A: JsonSchema>(summary: &'static str) -> Described {
    Described {
        summary,
        answer: Some(schemars::schema_for!(A).to_value()),
        ..Described::default()
    }
}

fn asking<B: JsonSchema, A: JsonSchema>(summary: &'static str) -> Described {
    Described {
        body: Some(schemars::schema_for!(B).to_value()),
        ..described::<A>(summary)
    }
}

fn about_list() -> Described {
    Described {
        query: Some(schemars::schema_for!(Listed).to_value()),
        ..described::<MatterPage>(
            "Incidents that your organization was asked about, the newest first",
        )
    }
}

fn about_one() -> Described {
    described::<MatterWhole>("One of them, with what was said")
}

fn about_answer() -> Described {
    asking::<Answer, PostOut>(
        "Acknowledges, marks fixed, disputes, takes a dispute back, or writes",
    )
}

fn about_events() -> Described {
    Described {
        query: Some(schemars::schema_for!(Spanned).to_value()),
        ..described::<EventPage>(
            "Events in the prefixes, systems and names that your organization answers for",
        )
    }
}

fn about_feedback() -> Described {
    asking::<String, FeedbackOut>("Takes a feedback file: CSV with the columns id and status")
}

fn about_card() -> Described {
    described::<CardOut>("How your organization did")
}

fn about_terms() -> Described {
    asking::<Terms, Taken>("Sets language and interval of your notices")
}

fn about_format() -> Described {
    asking::<Format, Taken>("Sets the attachment that a contact of yours wants")
}

fn about_contact() -> Described {
    asking::<NewWay, Taken>("Asks for another address or channel of a contact")
}

fn about_key() -> Described {
    asking::<NewKey, Taken>("Asks for another OpenPGP key of a contact")
}

fn out(one: Matter) -> MatterOut {
    MatterOut {
        id: one.number,
        state: one.state.to_string(),
        kind: one.kind.to_string(),
        what: one.what,
        url: one.url,
        host: one.host,
        ip: one.ip,
        asn: one.asn,
        name: one.name,
        brand: one.brand,
        asks: one.asks,
        roles: one.roles.iter().map(ToString::to_string).collect(),
        asked_at: stamp(one.asked_at),
        due_at: one.due_at.map(stamp),
        answered_at: one.answered_at.map(stamp),
        acted_at: one.acted_at.map(stamp),
        ticket: one.ticket,
        first_seen_at: stamp(one.first_seen_at),
        last_seen_at: stamp(one.last_seen_at),
        looked_at: one.looked.map(|(at, _)| stamp(at)),
        finding: one.looked.map(|(_, finding)| finding.to_string()),
        closed_at: one.closed_at.map(stamp),
    }
}

fn post_out(one: Post) -> PostOut {
    let told = one.kind.0 == model::outside::PostKind::Told;
    PostOut {
        at: stamp(one.at),
        kind: one.kind.to_string(),
        ground: Some(one.ground).filter(|ground| !ground.is_empty()),
        text: one.body,
        by: (!told).then_some(one.actor),
    }
}

fn event_out(one: PartyEvent) -> EventOut {
    EventOut {
        observed_at: stamp(one.observed_at),
        class: one.class,
        identifier: one.identifier,
        ip: one.ip,
        port: one.port,
        asn: one.asn,
        host: one.host,
        url: one.url,
        malware: one.malware,
    }
}

fn csv(name: &str, bytes: Vec<u8>) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    // Spreadsheets take a file for UTF-8 by its mark.
    let marked = [b"\xef\xbb\xbf".as_slice(), &bytes].concat();
    (headers, marked).into_response()
}

fn lines<T: Serialize>(all: &[T]) -> Result<Response, Refusal> {
    let mut body = Vec::new();
    for one in all {
        serde_json::to_writer(&mut body, one)
            .map_err(|error| Refusal::broken("an answer", error))?;
        body.push(b'\n');
    }
    Ok(([(header::CONTENT_TYPE, "application/jsonl")], body).into_response())
}

fn bad_format() -> Refusal {
    Refusal::invalid("format", "is one of json, jsonl, csv")
}

async fn list(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Query(asked): Query<Listed>,
) -> Result<Response, Refusal> {
    let party = party(&desk, &visitor).await?;
    let live = match asked.state.as_str() {
        "" | "live" => true,
        "all" => false,
        _ => return Err(Refusal::invalid("state", "is one of live, all")),
    };
    let before = match &asked.after {
        None => None,
        Some(after) => Some(
            after
                .parse::<i64>()
                .map_err(|_| Refusal::invalid("after", "is no cursor of ours"))?,
        ),
    };
    let limit = asked.limit.unwrap_or(100).clamp(1, 500);
    let mut found = desk
        .ledger
        .matters(&party, live, before, limit + 1, desk.now().0)
        .await?;
    let more = found.len() as u64 > limit;
    found.truncate(limit as usize);
    let next = found
        .last()
        .filter(|_| more)
        .map(|one| one.number.to_string());
    match asked.format.as_str() {
        "" | "json" => answer(
            &headers,
            &MatterPage {
                items: found.into_iter().map(out).collect(),
                next,
            },
        ),
        "jsonl" => lines(&found.into_iter().map(out).collect::<Vec<_>>()),
        "csv" => Ok(csv("incidents.csv", portal::matters_csv(&found))),
        _ => Err(bad_format()),
    }
}

async fn one(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(number): Path<i64>,
) -> Result<Response, Refusal> {
    let party = party(&desk, &visitor).await?;
    let matter = out(desk.ledger.matter(&party, number, desk.now().0).await?);
    let posts = desk
        .ledger
        .matter_posts(&party, number, desk.now().0)
        .await?;
    let posts = posts.into_iter().map(post_out).collect();
    answer(&headers, &MatterWhole { matter, posts })
}

async fn act(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(number): Path<i64>,
    Input(form): Input<Answer>,
) -> Result<Response, Refusal> {
    let (_, post) = answered(&desk, &visitor, number, &form).await?;
    answer(&headers, &post_out(post))
}

fn instant(field: &str, text: &Option<String>) -> Result<Option<i64>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    let at = text.parse::<jiff::Timestamp>();
    let at =
        at.map_err(|_| Refusal::invalid(field, "is no instant such as 2026-11-19T03:12:00Z"))?;
    Ok(Some(at.as_microsecond()))
}

async fn events(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Query(asked): Query<Spanned>,
) -> Result<Response, Refusal> {
    let party = party(&desk, &visitor).await?;
    let now = desk.now().0;
    desk.limits.spend(QUERIES, &party.id().to_string(), now)?;
    let until = instant("until", &asked.until)?.unwrap_or(now);
    let from = instant("from", &asked.from)?.unwrap_or(until.saturating_sub(7 * DAY));
    if from > until || until.saturating_sub(from) > 31 * DAY {
        return Err(Refusal::invalid(
            "from",
            "a span has at most 31 days and does not end before it begins",
        ));
    }
    let limit = asked.limit.unwrap_or(200).clamp(1, 1_000);
    let found = desk
        .response
        .party_events(&party, (from, until), limit)
        .await?;
    match asked.format.as_str() {
        "" | "json" => {
            let more = found.len() == limit;
            let next = found
                .last()
                .filter(|_| more)
                .map(|one| stamp(one.observed_at));
            answer(
                &headers,
                &EventPage {
                    items: found.into_iter().map(event_out).collect(),
                    next,
                },
            )
        }
        "jsonl" => lines(&found.into_iter().map(event_out).collect::<Vec<_>>()),
        "csv" => Ok(csv("events.csv", portal::events_csv(&found))),
        _ => Err(bad_format()),
    }
}

async fn feedback(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Refusal> {
    let told = taken(&desk, &visitor, &bytes).await?.ok_or_else(|| {
        Refusal::invalid(
            "",
            "is no CSV of UTF-8 whose first line names the columns id and status",
        )
    })?;
    let bad = told.bad.into_iter().map(|bad| BadOut {
        line: bad.line,
        reason: bad.reason,
    });
    answer(
        &headers,
        &FeedbackOut {
            done: told.done,
            empty: told.empty,
            bad: bad.collect(),
        },
    )
}

async fn card(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let party = party(&desk, &visitor).await?;
    let own = party.id().to_string();
    let all = desk.response.scorecards(Some(party.id())).await?;
    let card = all.into_iter().find(|card| card.organization == own);
    let card: Scorecard = card.unwrap_or_default();
    let asked = desk.ledger.directives_asked(Some(party.id())).await?;
    let roles = desk.ledger.organization(party.id()).await?.roles();
    let peers = desk.peers(party.id(), &roles).await?;
    answer(
        &headers,
        &CardOut {
            notices: card.notices,
            cases: card.cases,
            decided: card.decided,
            within_target: card.within_target,
            median_acknowledge_secs: card.median_acknowledge_secs,
            effective: card.effective,
            median_takedown_secs: card.median_takedown_secs,
            refused: card.refused,
            months: months::counted(&desk, &asked),
            peers: peers.map(PeersOut::from),
        },
    )
}

const SET: Taken = Taken {
    state: "set",
    change: None,
};

fn waiting(change: i64) -> Taken {
    Taken {
        state: "waiting",
        change: Some(change),
    }
}

async fn terms(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Input(form): Input<Terms>,
) -> Result<Response, Refusal> {
    set_terms(&desk, &visitor, &form).await?;
    answer(&headers, &SET)
}

async fn format(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Input(form): Input<Format>,
) -> Result<Response, Refusal> {
    set_format(&desk, &visitor, &form).await?;
    answer(&headers, &SET)
}

async fn contact(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Input(form): Input<NewWay>,
) -> Result<Response, Refusal> {
    answer(&headers, &waiting(want_way(&desk, &visitor, &form).await?))
}

async fn key(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Input(form): Input<NewKey>,
) -> Result<Response, Refusal> {
    answer(&headers, &waiting(want_key(&desk, &visitor, &form).await?))
}
