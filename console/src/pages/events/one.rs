//! One event: every column by name and meaning, the line that it was read from, and the incidents that it joined.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query as Asking, State};
use axum::response::Response;
use lake::search::{Cell, Event};
use ledger::Reach;
use model::bulletin::Lang;
use model::ids::EventId;
use model::time::Day;
use serde::Deserialize;

use super::{Words, labels, list, marking, names, record_sensitive};
use crate::Desk;
use crate::almanac::Names;
use crate::lookout::{RAW_BYTES, Raw};
use crate::pages::draw;
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::fill;

/// Columns whose text is an address: shown defanged, copied live on purpose only.
const LIVE: &[&str] = &[
    "source_ip",
    "source_host",
    "source_url",
    "source_reverse_dns",
    "destination_ip",
    "destination_host",
    "destination_url",
    "destination_reverse_dns",
    "reference_url",
    "screenshot_url",
    "host",
    "domain",
];

#[derive(Deserialize)]
pub(super) struct Hint {
    /// The UTC day that the event lies in: there it is looked for first.
    #[serde(default)]
    pub day: String,
}

impl Hint {
    fn day(&self) -> Option<Day> {
        self.day.parse::<jiff::civil::Date>().ok().map(Day::of)
    }
}

/// The page of an event.
pub(super) fn href(event: &Event) -> String {
    let day = model::time::Timestamp(event.cursor.observed_at).day();
    format!("/console/events/{}?day={day}", event.cursor.event)
}

/// A raw line as a page shows it.
pub(super) struct RawLine {
    /// Defanged; empty where there is a note instead.
    pub text: String,
    pub note: String,
    /// Report and line.
    pub of: String,
}

/// Reads the raw line of an event.
pub(super) async fn raw(desk: &Desk, event: &Event, lang: Lang) -> Result<RawLine, Refusal> {
    let w = Words::of(lang);
    let of = fill(
        w.raw_of,
        &[
            ("report", &event.text("report").unwrap_or_default()),
            ("line", &event.number("line").unwrap_or(0)),
        ],
    );
    let (text, note) = match desk.raw_line(event).await? {
        Raw::Text(text, true) => (draw::defang_line(&text), String::new()),
        Raw::Text(text, false) => {
            let note = fill(w.raw_cut, &[("n", &(RAW_BYTES >> 10))]);
            (draw::defang_line(&text), note)
        }
        Raw::Expired => (String::new(), w.raw_expired.to_owned()),
        Raw::Missing => (String::new(), w.raw_missing.to_owned()),
    };
    Ok(RawLine { text, note, of })
}

struct Field {
    column: &'static str,
    name: &'static str,
    value: String,
    /// The value itself, where it is shown defanged.
    live: Option<String>,
}

struct Group {
    title: &'static str,
    fields: Vec<Field>,
}

struct Joined {
    number: i64,
    what: String,
    why: String,
}

#[derive(Template)]
#[template(path = "events/one.html")]
struct OnePage {
    shell: Shell,
    w: &'static Words,
    heading: String,
    class: String,
    observed: String,
    stamp: String,
    id: String,
    groups: Vec<Group>,
    raw: RawLine,
    joined: Vec<Joined>,
    tlp: Option<&'static str>,
}

/// The event with this identity, for whoever may see it: the house sees all, a branch what joined its incidents.
pub(super) async fn find(
    desk: &Desk,
    visitor: &Visitor,
    id: &str,
    day: Option<Day>,
) -> Result<Event, Refusal> {
    let id: EventId = id.parse().map_err(|_| Refusal::Absent)?;
    if let Reach::Owner(_) = visitor.within()? {
        let reach = visitor.within()?;
        let joined = desk.ledger.incidents_of_events(&[id.0], &reach).await?;
        if joined.is_empty() {
            return Err(Refusal::Absent);
        }
    }
    let live = desk.lookout.live(desk).await?;
    let event = desk
        .lookout
        .event(&live, id, day)
        .await?
        .ok_or(Refusal::Absent)?;
    let marked = marking::for_few([&event]);
    record_sensitive(desk, visitor, &format!("event {id}"), marked).await?;
    Ok(event)
}

pub(super) async fn page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Asking(hint): Asking<Hint>,
) -> Result<Response, Refusal> {
    let event = find(&desk, &visitor, &id, hint.day()).await?;
    let (lang, w) = (visitor.lang, Words::of(visitor.lang));
    let names = names(&desk).await;
    let reach = visitor.within()?;
    let mut joined = Vec::new();
    for row in desk.ledger.incidents_of_event(event.cursor.event.0).await? {
        // Of an incident that is not the visitor's nothing is said.
        let Ok(incident) = desk.ledger.incident(row.incident_id.0, &reach).await else {
            continue;
        };
        joined.push(Joined {
            number: incident.number,
            what: draw::defang(&incident.what),
            why: fill(
                w.joined_why,
                &[
                    ("rule", &row.rule),
                    ("at", &draw::exact(&desk, row.joined_at)),
                ],
            ),
        });
    }
    let what = list::what_of(&event);
    let class = list::class_of(&event, lang);
    let heading = if what.is_empty() { class.clone() } else { what };
    Ok(shell::page(&OnePage {
        shell: shell::shell(&desk, &visitor, Nav::Events, w.one).await,
        w,
        heading,
        class,
        observed: draw::exact(&desk, event.cursor.observed_at),
        stamp: draw::stamp(event.cursor.observed_at),
        id: event.cursor.event.to_string(),
        groups: groups(&desk, &event, &names, w, lang),
        raw: raw(&desk, &event, lang).await?,
        joined,
        tlp: marking::of(&event).map(model::worded::Word::en),
    }))
}

fn groups(desk: &Desk, event: &Event, names: &Names, w: &'static Words, lang: Lang) -> Vec<Group> {
    let titles = [w.group_0, w.group_1, w.group_2, w.group_3, w.group_4];
    let groups = titles.into_iter().enumerate().map(|(number, title)| Group {
        title,
        fields: labels::COLUMNS
            .iter()
            .filter(|(_, group, ..)| usize::from(*group) == number)
            .filter_map(|(column, ..)| {
                let cell = event.cell(column)?;
                let value = shown(desk, column, cell, names, lang);
                let text = cell.to_string();
                let live = (LIVE.contains(column) && text != value).then_some(text);
                Some(Field {
                    column,
                    name: labels::column(column, lang),
                    value,
                    live,
                })
            })
            .collect(),
    });
    groups.filter(|group| !group.fields.is_empty()).collect()
}

/// A cell as a page says it.
fn shown(desk: &Desk, column: &str, cell: &Cell, names: &Names, lang: Lang) -> String {
    match cell {
        Cell::Text(text) if LIVE.contains(&column) => draw::defang(text),
        Cell::Text(text) if column == "class_type" => match labels::class(text, lang) {
            name if name == text => text.clone(),
            name => format!("{name} ({text})"),
        },
        Cell::Text(text) => draw::defang_line(text),
        Cell::Number(code) if column == "province" => {
            format!("{} ({code:06})", labels::province(*code, names, lang))
        }
        Cell::Number(number) => match labels::coded(column, *number, lang) {
            Some(word) => word.to_owned(),
            None if column.ends_with("asn") => format!("AS{number}"),
            None => number.to_string(),
        },
        Cell::Time(at) => draw::exact(desk, at.0),
        other => other.to_string(),
    }
}
