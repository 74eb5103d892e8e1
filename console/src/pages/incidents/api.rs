//! The same to programs: what the pages show as fields that are listed here one by one, and every act.

use std::sync::Arc;

use axum::extract::{Path, Query as Fields, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ledger::{Beside, Incident, Page, Query};
use model::bulletin::Lang;
use response::duty::StoredGrade;
use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::acts::{
    self, AssignBody, CampaignBody, ClockBody, GradeBody, MergeBody, NoteBody, ReasonBody,
    SplitBody, StepBody,
};
use super::bulk::{Bulk, Outcome};
use super::entering::{self, Enter};
use super::marking::MarkBody;
use super::rows::people;
use super::same::{ApartBody, SameBody, ViewOut};
use super::statutory::FormOut;
use super::{At, bulk as many, list, timeline};
use crate::Desk;
use crate::pages::draw::stamp;
use crate::pages::form::{self, Input};
use crate::refusal::Refusal;
use crate::routes::Described;
use crate::visitor::Visitor;

mod parts;
mod planned;

pub(super) use parts::{EventOut, ItemOut, NoteOut, NoticeOut, events, notes, notices, timeline};
pub(super) use planned::plan;
use planned::{PlanOut, WithheldOut};

/// Items of a page where none is asked for, and at most.
const USUAL: u64 = 50;
const MOST: u64 = 500;

/// An incident to a program. Instants are RFC 3339 in UTC.
#[derive(Serialize, JsonSchema)]
pub(super) struct IncidentOut {
    number: i64,
    id: String,
    kind: String,
    state: String,
    severity: String,
    what: String,
    url: Option<String>,
    host: Option<String>,
    ip: Option<String>,
    asn: Option<i64>,
    name: Option<String>,
    brand: Option<String>,
    country: Option<String>,
    province: Option<String>,
    territory: String,
    border: Vec<String>,
    flags: Vec<String>,
    owner: Option<String>,
    assignee: Option<String>,
    tlp: String,
    /// Until when nobody but named recipients gets it.
    embargo_until: Option<String>,
    /// Whose information it is, an organization's id; null: this house's.
    originator: Option<String>,
    /// Who may get it, ids of organizations; empty: whoever its TLP lets.
    recipients: Vec<String>,
    origin: String,
    external_number: Option<String>,
    /// Whether another incident or another house counts its matter: then no figure does here.
    counts_elsewhere: bool,
    campaign: Option<String>,
    resolution: Option<String>,
    basis: Option<String>,
    /// The gravest grade, 1 to 4.
    grade: Option<u8>,
    events: i64,
    complaints: i64,
    opened_at: String,
    first_seen_at: String,
    last_seen_at: String,
    validated_at: Option<String>,
    noticed_at: Option<String>,
    acknowledged_at: Option<String>,
    acted_at: Option<String>,
    gone_at: Option<String>,
    closed_at: Option<String>,
    changed_at: String,
    /// Raised by every change; the ETag is made of it.
    version: i32,
    clocks: Vec<ClockOut>,
    parties: Vec<PartyOut>,
}

/// A running clock of the law.
#[derive(Serialize, JsonSchema)]
pub(super) struct ClockOut {
    id: i64,
    law: String,
    duty: String,
    started_at: String,
    due_at: String,
}

/// A party that is asked.
#[derive(Serialize, JsonSchema)]
pub(super) struct PartyOut {
    organization: Option<String>,
    name: Option<String>,
    place: i32,
    role: String,
    ask: String,
    state: String,
    reason: String,
    asked_at: Option<String>,
    due_at: Option<String>,
}

impl IncidentOut {
    fn of(one: &Incident, beside: &Beside, lang: Lang) -> Self {
        let id = one.incident_id();
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        let at = |at: Option<i64>| at.map(stamp);
        let code = if lang == Lang::Zh { "zh" } else { "en" };
        let clocks = beside.clocks.get(&id).into_iter().flatten();
        let parties = beside.directives.get(&id).into_iter().flatten();
        IncidentOut {
            number: one.number,
            id: id.to_string(),
            kind: one.kind.to_string(),
            state: one.state.to_string(),
            severity: one.severity.to_string(),
            what: one.what.clone(),
            url: one.url.clone(),
            host: one.host.clone(),
            ip: one.ip.clone(),
            asn: one.asn,
            name: one.name.clone(),
            brand: one.brand.clone(),
            country: one.country.clone(),
            province: one.province.clone(),
            territory: one.territory.clone(),
            border: words(&one.border),
            flags: words(&one.flags),
            owner: one.owner.clone(),
            assignee: beside.assignees.get(&id).cloned(),
            tlp: one.tlp.to_string(),
            embargo_until: at(one.embargo_until),
            originator: one.originator.map(|id| id.to_string()),
            recipients: beside
                .recipients
                .get(&id)
                .into_iter()
                .flatten()
                .map(ToString::to_string)
                .collect(),
            origin: one.origin.clone(),
            external_number: one.external_number.clone(),
            counts_elsewhere: one.counts_elsewhere,
            campaign: one.campaign_id.map(|id| id.to_string()),
            resolution: one.resolution.map(|how| how.to_string()),
            basis: one.basis.clone(),
            grade: StoredGrade::of(one)
                .and_then(|stored| stored.grade)
                .map(|grade| grade.number()),
            events: one.events,
            complaints: one.complaints,
            opened_at: stamp(one.opened_at),
            first_seen_at: stamp(one.first_seen_at),
            last_seen_at: stamp(one.last_seen_at),
            validated_at: at(one.validated_at),
            noticed_at: at(one.noticed_at),
            acknowledged_at: at(one.acknowledged_at),
            acted_at: at(one.acted_at),
            gone_at: at(one.gone_at),
            closed_at: at(one.closed_at),
            changed_at: stamp(one.changed_at),
            version: one.version,
            clocks: clocks
                .map(|clock| ClockOut {
                    id: clock.id,
                    law: clock.law.clone(),
                    duty: clock.duty.clone(),
                    started_at: stamp(clock.started_at),
                    due_at: stamp(clock.due_at),
                })
                .collect(),
            parties: parties
                .map(|one| {
                    let id = one.organization_id.map(|id| id.0);
                    PartyOut {
                        organization: id.map(|id| id.to_string()),
                        name: id
                            .and_then(|id| beside.organizations.get(&id))
                            .map(|org| org.name(code).to_owned()),
                        place: one.place,
                        role: one.role.to_string(),
                        ask: one.ask.clone(),
                        state: label(&one.state),
                        reason: one.reason.clone(),
                        asked_at: one.asked_at.map(stamp),
                        due_at: one.due_at.map(stamp),
                    }
                })
                .collect(),
        }
    }
}

/// The label of a word that is written as one.
pub(super) fn label(word: &impl Serialize) -> String {
    let text = serde_json::to_value(word).ok();
    text.and_then(|text| text.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// A page of a list.
#[derive(Serialize, JsonSchema)]
pub(super) struct Items<T> {
    pub(super) items: Vec<T>,
    /// Cursor of the next page; null: this was the last.
    pub(super) next: Option<String>,
}

/// What a list is asked for.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ListQuery {
    /// The query, as on the page: `state:open kind:phishing`; all without it.
    q: String,
    /// Items at most, 50 without it.
    limit: Option<u64>,
    /// Cursor of the page before.
    after: Option<String>,
}

/// Where a list begins.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PageQuery {
    /// Items at most, 50 without it.
    limit: Option<u64>,
    /// Cursor of the page before.
    after: Option<String>,
}

fn limit(asked: Option<u64>) -> Result<u64, Refusal> {
    match asked.unwrap_or(USUAL) {
        limit @ 1..=MOST => Ok(limit),
        _ => Err(Refusal::invalid("limit", format!("1 to {MOST}"))),
    }
}

/// Where an offset begins that stands as a cursor.
fn offset(after: Option<&str>) -> Result<u64, Refusal> {
    match after {
        None | Some("") => Ok(0),
        Some(text) => text
            .parse()
            .map_err(|_| Refusal::invalid("after", "is no cursor")),
    }
}

type Asked<T> = Result<Fields<T>, axum::extract::rejection::QueryRejection>;

fn asked<T>(query: Asked<T>) -> Result<T, Refusal> {
    query
        .map(|Fields(query)| query)
        .map_err(|error| Refusal::invalid("", error.body_text()))
}

/// The version that whoever asks had read, by If-Match.
pub(super) fn if_match(headers: &HeaderMap) -> Result<Option<i32>, Refusal> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    // A tag of something else is a tag that does not match (RFC 9110 section 13.1.1).
    let version = text
        .strip_prefix("\"v")
        .and_then(|rest| rest.strip_suffix('"'));
    version
        .and_then(|text| text.parse().ok())
        .map(Some)
        .ok_or(Refusal::Changed)
}

/// An incident with its version as ETag.
fn tagged(headers: &HeaderMap, value: &IncidentOut) -> Result<Response, Refusal> {
    let tag = format!("\"v{}\"", value.version);
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok());
    let tag_value =
        HeaderValue::from_str(&tag).map_err(|error| Refusal::broken("an ETag", error))?;
    // Only where nothing beside the row is shown that has no version of its own.
    if known.is_some_and(|tags| tags.split(',').any(|one| one.trim() == tag))
        && value.clocks.is_empty()
    {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag_value)]).into_response());
    }
    let body = serde_json::to_vec(value).map_err(|error| Refusal::broken("an answer", error))?;
    let kind = HeaderValue::from_static("application/json");
    Ok((
        [(header::CONTENT_TYPE, kind), (header::ETAG, tag_value)],
        body,
    )
        .into_response())
}

async fn out(desk: &Desk, visitor: &Visitor, one: &Incident) -> Result<IncidentOut, Refusal> {
    let beside = desk
        .ledger
        .beside_incidents(std::slice::from_ref(one))
        .await?;
    Ok(IncidentOut::of(one, &beside, visitor.lang))
}

/// The incident as it is after an act.
pub(super) async fn after(
    desk: &Desk,
    visitor: &Visitor,
    number: i64,
) -> Result<Response, Refusal> {
    let one = acts::load(desk, visitor, number).await?;
    tagged(&HeaderMap::new(), &out(desk, visitor, &one).await?)
}

pub(super) async fn list(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    query: Asked<ListQuery>,
) -> Result<Response, Refusal> {
    let asked = asked(query)?;
    let query = Query::read(&asked.q).map_err(|bad| Refusal::invalid("q", bad))?;
    let found = list::found(
        &desk,
        &visitor,
        &query,
        asked.after.as_deref(),
        limit(asked.limit)?,
    )
    .await?;
    let beside = desk.ledger.beside_incidents(&found.incidents).await?;
    let items = found
        .incidents
        .iter()
        .map(|one| IncidentOut::of(one, &beside, visitor.lang))
        .collect();
    form::answer(
        &headers,
        &Items {
            items,
            next: found.next.map(|next| next.to_string()),
        },
    )
}

pub(super) async fn one(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path(number): Path<i64>,
) -> Result<Response, Refusal> {
    let one = acts::load(&desk, &visitor, number).await?;
    tagged(&headers, &out(&desk, &visitor, &one).await?)
}

/// A thing that was made, with its address.
async fn made(desk: &Desk, visitor: &Visitor, one: &Incident) -> Result<Response, Refusal> {
    let mut response = tagged(&HeaderMap::new(), &out(desk, visitor, one).await?)?;
    *response.status_mut() = StatusCode::CREATED;
    let place = format!("/api/v1/incidents/{}", one.number);
    if let Ok(place) = HeaderValue::from_str(&place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

pub(super) async fn enter(
    State(desk): At,
    visitor: Visitor,
    Input(body): Input<Enter>,
) -> Result<Response, Refusal> {
    let one = entering::open(&desk, &visitor, &body).await?;
    made(&desk, &visitor, &one).await
}

pub(super) async fn step(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path(number): Path<i64>,
    Input(body): Input<StepBody>,
) -> Result<Response, Refusal> {
    acts::step(&desk, &visitor, number, &body, if_match(&headers)?).await?;
    after(&desk, &visitor, number).await
}

pub(super) async fn note(
    State(desk): At,
    visitor: Visitor,
    Path(number): Path<i64>,
    Input(body): Input<NoteBody>,
) -> Result<Response, Refusal> {
    acts::note(&desk, &visitor, number, &body).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn assign(
    State(desk): At,
    visitor: Visitor,
    Path(number): Path<i64>,
    Input(body): Input<AssignBody>,
) -> Result<Response, Refusal> {
    acts::assign(&desk, &visitor, number, &body).await?;
    after(&desk, &visitor, number).await
}

pub(super) async fn grade(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path(number): Path<i64>,
    Input(body): Input<GradeBody>,
) -> Result<Response, Refusal> {
    acts::grade(&desk, &visitor, number, &body, if_match(&headers)?).await?;
    after(&desk, &visitor, number).await
}

pub(super) async fn merge(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path(number): Path<i64>,
    Input(body): Input<MergeBody>,
) -> Result<Response, Refusal> {
    let whole = acts::merge(&desk, &visitor, number, &body, if_match(&headers)?).await?;
    after(&desk, &visitor, whole.number).await
}

pub(super) async fn split(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path(number): Path<i64>,
    Input(body): Input<SplitBody>,
) -> Result<Response, Refusal> {
    let one = acts::split(&desk, &visitor, number, &body, if_match(&headers)?).await?;
    made(&desk, &visitor, &one).await
}

pub(super) async fn campaign(
    State(desk): At,
    visitor: Visitor,
    Path(number): Path<i64>,
    Input(body): Input<CampaignBody>,
) -> Result<Response, Refusal> {
    acts::of_the_centre(&visitor)?;
    let one = acts::load(&desk, &visitor, number).await?;
    acts::campaign(&desk, &visitor, &[one.incident_id()], &body).await?;
    after(&desk, &visitor, number).await
}

pub(super) async fn uncampaign(
    State(desk): At,
    visitor: Visitor,
    Path(number): Path<i64>,
    Input(body): Input<ReasonBody>,
) -> Result<Response, Refusal> {
    acts::of_the_centre(&visitor)?;
    acts::uncampaign(&desk, &visitor, number, &body).await?;
    after(&desk, &visitor, number).await
}

/// What an act did, in numbers.
#[derive(Serialize, JsonSchema)]
pub(super) struct DoneOut {
    /// Notices written, or looks taken.
    count: u64,
    /// Of the notices, held for a person; of the looks, found gone.
    of_these: u64,
    /// Parties that the incident's marking keeps it from now; they are written to when it lets them.
    withheld: Vec<WithheldOut>,
    problems: Vec<String>,
}

pub(super) async fn dispatch(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path(number): Path<i64>,
) -> Result<Response, Refusal> {
    acts::load(&desk, &visitor, number).await?;
    let casework = acts::casework(&desk, &visitor)?;
    let told = casework
        .dispatch(number, visitor.login())
        .await
        .map_err(acts::troubled)?;
    form::answer(
        &headers,
        &DoneOut {
            count: told.notices,
            of_these: told.held,
            withheld: told.withheld.into_iter().map(WithheldOut::of).collect(),
            problems: told.problems,
        },
    )
}

pub(super) async fn remind(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path(number): Path<i64>,
) -> Result<Response, Refusal> {
    acts::load(&desk, &visitor, number).await?;
    let casework = acts::casework(&desk, &visitor)?;
    let told = casework
        .remind(number, visitor.login())
        .await
        .map_err(acts::troubled)?;
    form::answer(
        &headers,
        &DoneOut {
            count: told.notices,
            of_these: told.held,
            withheld: told.withheld.into_iter().map(WithheldOut::of).collect(),
            problems: told.problems,
        },
    )
}

pub(super) async fn probe(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path(number): Path<i64>,
) -> Result<Response, Refusal> {
    acts::load(&desk, &visitor, number).await?;
    let casework = acts::casework(&desk, &visitor)?;
    let told = casework
        .probe(number, visitor.login())
        .await
        .map_err(acts::troubled)?;
    form::answer(
        &headers,
        &DoneOut {
            count: told.looks,
            of_these: told.gone,
            withheld: Vec::new(),
            problems: Vec::new(),
        },
    )
}

pub(super) async fn clock(
    State(desk): At,
    visitor: Visitor,
    Path((number, clock)): Path<(i64, i64)>,
    Input(body): Input<ClockBody>,
) -> Result<Response, Refusal> {
    acts::end_clock(&desk, &visitor, number, clock, &body).await?;
    after(&desk, &visitor, number).await
}

/// An act on many incidents.
#[derive(Serialize, JsonSchema)]
pub(super) struct BulkOut {
    id: String,
    act: String,
    total: i32,
    done: i32,
    failed: i32,
    ended: bool,
    undoable: bool,
    undone: bool,
    outcomes: Vec<Outcome>,
}

async fn bulk_out(desk: &Desk, visitor: &Visitor, id: &str) -> Result<BulkOut, Refusal> {
    let (act, outcomes) = many::told(desk, visitor, id).await?;
    Ok(BulkOut {
        id: act.id,
        act: act.act,
        total: act.total,
        done: act.done,
        failed: act.failed,
        ended: act.ended_at.is_some(),
        undoable: act.undoable,
        undone: act.undone_at.is_some(),
        outcomes,
    })
}

pub(super) async fn bulk(
    State(desk): At,
    visitor: Visitor,
    Input(body): Input<Bulk>,
) -> Result<Response, Refusal> {
    let desk: Arc<Desk> = desk;
    let id = many::start(&desk, &visitor, body).await?;
    let told = bulk_out(&desk, &visitor, &id).await?;
    let mut response = form::answer(&HeaderMap::new(), &told)?;
    *response.status_mut() = StatusCode::ACCEPTED;
    if let Ok(place) = HeaderValue::from_str(&format!("/api/v1/incidents/bulk/{id}")) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

pub(super) async fn bulk_one(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    form::answer(&headers, &bulk_out(&desk, &visitor, &id).await?)
}

pub(super) async fn undo(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    many::take_back(&desk, &visitor, &id).await?;
    form::answer(&headers, &bulk_out(&desk, &visitor, &id).await?)
}

fn schema<T: JsonSchema>() -> Option<Value> {
    Some(schema_for!(T).to_value())
}

/// Describes a route: name, summary, query, body, answer, status.
macro_rules! described {
    ($($name:ident: $summary:literal, $query:expr, $body:expr, $answer:expr, $status:literal;)+) => {
        $(pub(super) fn $name() -> Described {
            Described {
                summary: $summary,
                query: $query,
                body: $body,
                answer: $answer,
                status: $status,
                ..Described::default()
            }
        })+
    };
}

described! {
    described_list: "Incidents that a query finds", schema::<ListQuery>(), None, schema::<Items<IncidentOut>>(), 200;
    described_one: "An incident; its ETag is its version", None, None, schema::<IncidentOut>(), 200;
    described_events: "Events that joined an incident", schema::<PageQuery>(), None, schema::<Items<EventOut>>(), 200;
    described_notes: "Notes on an incident", schema::<PageQuery>(), None, schema::<Items<NoteOut>>(), 200;
    described_notices: "Notices about an incident", schema::<PageQuery>(), None, schema::<Items<NoticeOut>>(), 200;
    described_timeline: "What happened to an incident, newest first", schema::<PageQuery>(), None, schema::<Items<ItemOut>>(), 200;
    described_enter: "Enters an incident, which waits to be validated", None, schema::<Enter>(), schema::<IncidentOut>(), 201;
    described_step: "Validates, closes or reopens an incident; If-Match by its ETag", None, schema::<StepBody>(), schema::<IncidentOut>(), 200;
    described_note: "Writes a note on an incident", None, schema::<NoteBody>(), None, 204;
    described_assign: "Gives an incident to somebody, or to nobody", None, schema::<AssignBody>(), schema::<IncidentOut>(), 200;
    described_grade: "Grades an incident and starts the clocks of its duties", None, schema::<GradeBody>(), schema::<IncidentOut>(), 200;
    described_mark: "Changes how far an incident may go, from when, whose it is and who may get it; If-Match by its ETag", None, schema::<MarkBody>(), schema::<IncidentOut>(), 200;
    described_merge: "Makes an incident part of another; answers with the other", None, schema::<MergeBody>(), schema::<IncidentOut>(), 200;
    described_views: "Views of an incident's matter: its own, other incidents, numbers of other houses", None, None, schema::<Items<ViewOut>>(), 200;
    described_same: "Says that others are the same matter, and which of all counts it", None, schema::<SameBody>(), schema::<IncidentOut>(), 200;
    described_apart: "Takes an incident, or a house's number, out of its matter", None, schema::<ApartBody>(), schema::<IncidentOut>(), 200;
    described_split: "Splits events off into a new incident; answers with the new one", None, schema::<SplitBody>(), schema::<IncidentOut>(), 201;
    described_campaign: "Puts an incident into a campaign", None, schema::<CampaignBody>(), schema::<IncidentOut>(), 200;
    described_uncampaign: "Takes an incident out of its campaign", None, schema::<ReasonBody>(), schema::<IncidentOut>(), 200;
    described_plan: "Whom an incident would be sent to, with the letters; changes nothing", None, None, schema::<PlanOut>(), 200;
    described_dispatch: "Sends an incident on to those whose turn it is", None, None, schema::<DoneOut>(), 200;
    described_remind: "Reminds those who were asked and have not acted", None, None, schema::<DoneOut>(), 200;
    described_probe: "Looks now whether it is gone", None, None, schema::<DoneOut>(), 200;
    described_form: "The report that a clock's duty asks for, filled from the incident; changes nothing", None, None, schema::<FormOut>(), 200;
    described_clock: "Ends a clock of the law in the caller's name", None, schema::<ClockBody>(), schema::<IncidentOut>(), 200;
    described_bulk: "Does one act to many incidents", None, schema::<Bulk>(), schema::<BulkOut>(), 202;
    described_bulk_one: "How far an act on many incidents is", None, None, schema::<BulkOut>(), 200;
    described_undo: "Takes an act on many incidents back", None, None, schema::<BulkOut>(), 200;
}
