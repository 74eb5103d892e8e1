//! Events for programs: the same query text, pages by cursor, JSON, JSON lines and CSV.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Query as Asking, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use lake::search::{Ask, Cursor, Event, FacetValue, all_columns};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::export::{self, Form};
use super::steps::Steps;
use super::{Asked, PAGE, list, marking, of_the_house, one, record_sensitive, sql};
use crate::Desk;
use crate::lookout::SEARCH;
use crate::pages::draw::stamp;
use crate::pages::form::{Input, answer};
use crate::refusal::Refusal;
use crate::routes::Described;
use crate::visitor::Visitor;

/// Events of an answer at most.
const MOST: usize = 1_000;
/// Values of a facet in an answer.
const VALUES: usize = 50;

/// What may be asked of the list.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Params {
    /// The query: `class:phishing -feed:x ip:192.0.2.0/24 observed:2026-11-16..2026-11-22`.
    #[serde(default)]
    q: String,
    /// Events at most, 1 to 1000; 50 where nothing is said.
    limit: Option<usize>,
    /// `next` of the answer before.
    #[serde(default)]
    after: String,
    /// `json`, `jsonl` or `csv`; `Accept` decides where nothing is said.
    #[serde(default)]
    format: String,
}

/// An event: its identity, its time, and every column that has a value.
#[derive(Serialize, JsonSchema)]
pub(super) struct EventItem {
    /// Identity, 32 hexadecimal digits.
    event_id: String,
    /// When the source observed it, RFC 3339.
    observed_at: String,
    /// The other columns, by the names that SQL has for them.
    #[serde(flatten)]
    columns: BTreeMap<String, Value>,
}

impl EventItem {
    fn of(event: &Event) -> Self {
        let mut columns: BTreeMap<String, Value> = export::object(event).into_iter().collect();
        columns.remove("event_id");
        columns.remove("observed_at");
        EventItem {
            event_id: event.cursor.event.to_string(),
            observed_at: stamp(event.cursor.observed_at),
            columns,
        }
    }
}

/// A page of events, newest first.
#[derive(Serialize, JsonSchema)]
pub(super) struct EventList {
    items: Vec<EventItem>,
    /// What `after` says for the events that follow; null where none do.
    next: Option<String>,
    /// Events that fit the query.
    total: u64,
    /// Whether the search was stopped: then this is of a part of the events, the newest.
    partial: bool,
}

pub(super) fn listed() -> Described {
    Described {
        summary: "Events that fit a query, newest first",
        query: Some(schemars::schema_for!(Params).to_value()),
        answer: Some(schemars::schema_for!(EventList).to_value()),
        ..Described::default()
    }
}

/// The form that is asked for: by name, else by `Accept`.
fn form(params: &Params, headers: &HeaderMap) -> Result<Option<Form>, Refusal> {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok());
    match params.format.as_str() {
        "json" => Ok(None),
        "jsonl" => Ok(Some(Form::Jsonl)),
        "csv" => Ok(Some(Form::Csv)),
        "" => Ok(match accept.unwrap_or_default() {
            accept if accept.starts_with("application/x-ndjson") => Some(Form::Jsonl),
            accept if accept.starts_with("application/jsonl") => Some(Form::Jsonl),
            accept if accept.starts_with("text/csv") => Some(Form::Csv),
            _ => None,
        }),
        other => Err(Refusal::invalid(
            "format",
            format!("`{other}` is none of json, jsonl, csv"),
        )),
    }
}

pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Asking(params): Asking<Params>,
) -> Result<Response, Refusal> {
    of_the_house(&visitor)?;
    let form = form(&params, &headers)?;
    let after = match params.after.as_str() {
        "" => None,
        text => Some(text.parse::<Cursor>().map_err(|_| {
            Refusal::invalid(
                "after",
                "is no cursor: send the `next` of the answer before",
            )
        })?),
    };
    let limit = params.limit.unwrap_or(PAGE);
    if !(1..=MOST).contains(&limit) {
        return Err(Refusal::invalid("limit", format!("must be 1 to {MOST}")));
    }
    let asked = Asked::strictly(&desk, &params.q).await?;
    let ask = Ask {
        after,
        ..asked.plainly(limit)
    };
    let found = desk.lookout.search(&asked.live, ask, SEARCH).await?;
    let events = desk
        .lookout
        .events(found.places.clone(), all_columns())
        .await?;
    let text = asked.query.to_string();
    record_sensitive(&desk, &visitor, &text, marking::for_few(&events)).await?;
    let next = found
        .more
        .then(|| events.last().map(|last| last.cursor.to_string()))
        .flatten();
    if let Some(form) = form {
        let mut response = export::stream(&desk, found.places, form, true).into_response();
        let kind = match form {
            Form::Csv => "text/csv; charset=utf-8",
            _ => "application/x-ndjson",
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
        // Lines have no place for it: the address of the next page stands in the head (RFC 8288).
        if let Some(next) = next {
            let q: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
            let link = format!("</api/v1/events?q={q}&limit={limit}&after={next}>; rel=\"next\"");
            if let Ok(link) = header::HeaderValue::from_str(&link) {
                headers.insert(header::LINK, link);
            }
        }
        return Ok(response);
    }
    answer(
        &headers,
        &EventList {
            items: events.iter().map(EventItem::of).collect(),
            next,
            total: found.total,
            partial: found.partial,
        },
    )
}

/// The UTC day that an event lies in.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Hint {
    /// The event's UTC day as a hint, `2026-11-16`: there it is looked for first.
    #[serde(default)]
    day: String,
}

pub(super) fn opened() -> Described {
    Described {
        summary: "One event, every column that has a value",
        query: Some(schemars::schema_for!(Hint).to_value()),
        answer: Some(schemars::schema_for!(EventItem).to_value()),
        ..Described::default()
    }
}

pub(super) async fn one(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<String>,
    Asking(hint): Asking<Hint>,
) -> Result<Response, Refusal> {
    let day = hint
        .day
        .parse::<jiff::civil::Date>()
        .ok()
        .map(model::time::Day::of);
    let event = one::find(&desk, &visitor, &id, day).await?;
    answer(&headers, &EventItem::of(&event))
}

/// What may be asked of the histogram.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Counting {
    /// The query, as of the list.
    #[serde(default)]
    q: String,
}

/// Events of a step of time.
#[derive(Serialize, JsonSchema)]
pub(super) struct Step {
    /// From this instant, RFC 3339.
    from: String,
    /// To before this one.
    to: String,
    /// Events that fit.
    events: u64,
}

/// Events with a value.
#[derive(Serialize, JsonSchema)]
pub(super) struct ValueCount {
    /// The value; null: none.
    value: Option<String>,
    /// Events with it.
    events: u64,
}

/// Values of a column, most events first.
#[derive(Serialize, JsonSchema)]
pub(super) struct FacetCounts {
    /// The column.
    column: &'static str,
    /// At most fifty.
    values: Vec<ValueCount>,
    /// Distinct values in all.
    distinct: usize,
}

/// When events were observed, and of what they are.
#[derive(Serialize, JsonSchema)]
pub(super) struct Counts {
    /// Events that fit the query.
    total: u64,
    /// Events in the lake.
    of: u64,
    /// Whether the search was stopped: then this is of a part of the events, the newest.
    partial: bool,
    /// Steps of time, in the zone of the house.
    steps: Vec<Step>,
    /// Values of class, feed, province, country, AS number, malware and marking.
    facets: Vec<FacetCounts>,
}

pub(super) fn counted() -> Described {
    Described {
        summary: "Events that fit a query by time and by value",
        query: Some(schemars::schema_for!(Counting).to_value()),
        answer: Some(schemars::schema_for!(Counts).to_value()),
        ..Described::default()
    }
}

pub(super) async fn histogram(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Asking(params): Asking<Counting>,
) -> Result<Response, Refusal> {
    of_the_house(&visitor)?;
    let asked = Asked::strictly(&desk, &params.q).await?;
    let steps = list::axis(&asked).map(|span| Steps::over(span, &asked.zone));
    let edges = steps.map_or_else(|| Arc::from([]), |steps| steps.edges);
    let ask = Ask {
        edges: Arc::clone(&edges),
        facets: true,
        ..asked.plainly(0)
    };
    let found = desk.lookout.search(&asked.live, ask, SEARCH).await?;
    let steps = edges
        .windows(2)
        .zip(&found.steps)
        .map(|(pair, events)| Step {
            from: stamp(pair[0]),
            to: stamp(pair[1]),
            events: *events,
        });
    let facets = found.facets.iter().map(|facet| {
        let mut values: Vec<ValueCount> = facet
            .values
            .iter()
            .map(|(value, events)| ValueCount {
                value: Some(match value {
                    FacetValue::Text(text) => text.to_string(),
                    FacetValue::Number(number) => number.to_string(),
                }),
                events: *events,
            })
            .collect();
        if facet.none > 0 {
            values.push(ValueCount {
                value: None,
                events: facet.none,
            });
            values.sort_by_key(|value| std::cmp::Reverse(value.events));
        }
        values.truncate(VALUES);
        FacetCounts {
            column: facet.column,
            distinct: facet.values.len(),
            values,
        }
    });
    answer(
        &headers,
        &Counts {
            total: found.total,
            of: found.of,
            partial: found.partial,
            steps: steps.collect(),
            facets: facets.collect(),
        },
    )
}

/// A SELECT.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Select {
    /// One SELECT over `events` or `events_raw`, at most 4096 bytes.
    sql: String,
    /// Rows at most, 1 to 50000; 1000 where nothing is said.
    limit: Option<usize>,
}

/// The rows of a SELECT.
#[derive(Serialize, JsonSchema)]
pub(super) struct Selected {
    /// Names of the columns, in order.
    columns: Vec<String>,
    /// A row each, by the names of the columns.
    items: Vec<Value>,
    /// Whether there are more rows than came back.
    more: bool,
}

pub(super) fn selected() -> Described {
    Described {
        summary: "One read-only SELECT over the events; written into the audit trail",
        body: Some(schemars::schema_for!(Select).to_value()),
        answer: Some(schemars::schema_for!(Selected).to_value()),
        ..Described::default()
    }
}

pub(super) async fn select(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Input(asked): Input<Select>,
) -> Result<Response, Refusal> {
    let limit = asked.limit.unwrap_or(MOST);
    if !(1..=sql::MOST).contains(&limit) {
        return Err(Refusal::invalid(
            "limit",
            format!("must be 1 to {}", sql::MOST),
        ));
    }
    let found = sql::select(&desk, &visitor, &asked.sql, limit).await?;
    answer(
        &headers,
        &Selected {
            items: sql::objects(&found).collect(),
            more: found.more,
            columns: found.columns,
        },
    )
}
