//! The page of events: query and chips, facets, histogram, the newest rows, and one of them looked at.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use askama::Template;
use axum::extract::{Query as Asking, State};
use axum::response::Response;
use lake::search::{Ask, Cell, Cursor, Event, Found, Key, Value, columns};
use model::bulletin::Lang;
use model::statistic::grouped;
use serde::Deserialize;

use super::facets::{self, Chip, Choice, Drawn, Histogram, Panel};
use super::steps::Steps;
use super::{Asked, PAGE, Words, export, labels, marking, may_select, names, of_the_house};
use super::{one, record_sensitive};
use crate::Desk;
use crate::almanac::Names;
use crate::lookout::SEARCH;
use crate::pages::draw;
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::{ShellWords, fill};

/// Columns of the table, and what is needed to say them.
pub(super) const SHOWN: &[&str] = &[
    "event_id",
    "observed_at",
    "class_type",
    "class_identifier",
    "malware_name",
    "source_ip",
    "source_port",
    "source_url",
    "source_host",
    "host",
    "vulnerability_id",
    "description",
    "asn",
    "country",
    "province",
    "feed",
    "tlp",
    "report",
    "member",
    "line",
    "offset",
    "length",
];

#[derive(Deserialize)]
pub(super) struct Params {
    #[serde(default)]
    q: String,
    /// Rows after this cursor.
    #[serde(default)]
    after: String,
    /// The event that is looked at.
    #[serde(default)]
    peek: String,
    /// Chosen steps of the histogram.
    #[serde(default)]
    pick: String,
}

/// A row of the table.
struct Row {
    id: String,
    href: String,
    /// The page with this row looked at, or without.
    peek: String,
    time: String,
    /// The whole instant.
    exact: String,
    stamp: String,
    class: String,
    what: String,
    address: String,
    network: String,
    place: String,
    feed: String,
    incidents: Vec<i64>,
    peeked: Option<Peek>,
}

/// A row looked at.
struct Peek {
    facts: Vec<Fact>,
    raw: one::RawLine,
}

/// A value with the queries that it makes.
struct Fact {
    name: &'static str,
    value: String,
    only: String,
    exclude: String,
}

/// What was found, as the page has it.
struct Results {
    total: String,
    of: String,
    took: String,
    partial: Option<String>,
    export: export::Offer,
    panels: Vec<Panel>,
    histogram: Option<Histogram>,
    rows: Vec<Row>,
    shown: String,
    next: Option<String>,
    first: Option<String>,
}

#[derive(Template)]
#[template(path = "events/list.html")]
struct ListPage {
    shell: Shell,
    w: &'static Words,
    text: String,
    wrong: Option<String>,
    time: String,
    times: Vec<Choice>,
    chips: Vec<Chip>,
    keys: Vec<(&'static str, String)>,
    may_select: bool,
    /// There are no events at all.
    empty: bool,
    results: Option<Results>,
}

pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Asking(params): Asking<Params>,
) -> Result<Response, Refusal> {
    of_the_house(&visitor)?;
    let (lang, w) = (visitor.lang, Words::of(visitor.lang));
    let title = ShellWords::of(lang).events;
    let names = names(&desk).await;
    let mut page = ListPage {
        shell: shell::shell(&desk, &visitor, Nav::Events, title).await,
        w,
        text: params.q.clone(),
        wrong: None,
        time: w.all_time.to_owned(),
        times: Vec::new(),
        chips: Vec::new(),
        keys: facets::keys(lang),
        may_select: may_select(&visitor),
        empty: false,
        results: None,
    };
    match Asked::of(&desk, &params.q).await? {
        Err(error) => page.wrong = Some(labels::wrong(&error, lang)),
        Ok(asked) => {
            page.text = asked.query.to_string();
            page.time = facets::time(&asked.query, w);
            page.times = facets::times(&asked.query, w);
            page.chips = facets::chips(&asked.query, &names, lang);
            page.empty = asked.live.parts.is_empty();
            if !page.empty {
                let at = At {
                    desk: &desk,
                    visitor: &visitor,
                    names: &names,
                    params: &params,
                };
                page.results = Some(at.results(&asked).await?);
            }
        }
    }
    Ok(shell::page(&page))
}

/// What the rows are drawn with.
struct At<'a> {
    desk: &'a Desk,
    visitor: &'a Visitor,
    names: &'a Names,
    params: &'a Params,
}

impl At<'_> {
    async fn results(&self, asked: &Asked) -> Result<Results, Refusal> {
        let (lang, w) = (self.visitor.lang, Words::of(self.visitor.lang));
        let after = self.params.after.parse::<Cursor>().ok();
        let steps = axis(asked).map(|span| Steps::over(span, &asked.zone));
        let ask = Ask {
            edges: steps
                .as_ref()
                .map_or_else(|| Arc::from([]), |steps| Arc::clone(&steps.edges)),
            facets: true,
            after,
            ..asked.plainly(PAGE)
        };
        let begun = Instant::now();
        let found = self.desk.lookout.search(&asked.live, ask, SEARCH).await?;
        let events = self
            .desk
            .lookout
            .events(found.places.clone(), columns(SHOWN))
            .await?;
        let took = format!("{:.2}", begun.elapsed().as_secs_f64());
        let text = asked.query.to_string();
        record_sensitive(self.desk, self.visitor, &text, marking::for_few(&events)).await?;
        let rows = self.rows(asked, &events).await?;
        let own = facets::href(&asked.query);
        let next = found.more.then(|| events.last()).flatten();
        let partial = found.partial.then(|| {
            fill(
                w.partial,
                &[
                    ("s", &SEARCH.as_secs()),
                    ("done", &found.parts.0),
                    ("all", &found.parts.1),
                ],
            )
        });
        let histogram = steps.filter(|_| found.total > 0).map(|steps| {
            let drawn = Drawn {
                query: &asked.query,
                zone: &asked.zone,
                steps: &steps,
                counts: &found.steps,
                picked: facets::pick(&self.params.pick),
            };
            drawn.histogram(w, lang)
        });
        Ok(Results {
            total: grouped(found.total),
            of: fill(w.of_all, &[("n", &grouped(found.of))]),
            took: fill(w.took, &[("s", &took), ("n", &asked.live.snapshot)]),
            partial,
            export: export::Offer::of(&asked.query, &found, &events, lang),
            panels: facets::panels(&found, &asked.query, self.names, w, lang),
            histogram,
            shown: shown(&found, w),
            next: next.map(|last| format!("{own}&after={}", last.cursor)),
            first: after.map(|_| own.clone()),
            rows,
        })
    }

    async fn rows(&self, asked: &Asked, events: &[Event]) -> Result<Vec<Row>, Refusal> {
        let lang = self.visitor.lang;
        let joined = self.joined(events).await?;
        let today = self.desk.now().date_in(&asked.zone);
        let own = facets::href(&asked.query);
        let after = match self.params.after.as_str() {
            "" => String::new(),
            _ => events.first().map_or_else(String::new, |_| {
                let text: String =
                    url::form_urlencoded::byte_serialize(self.params.after.as_bytes()).collect();
                format!("&after={text}")
            }),
        };
        let mut rows = Vec::with_capacity(events.len());
        for event in events {
            let id = event.cursor.event.to_string();
            let at = event.cursor.observed_at;
            let peeked = self.params.peek == id;
            let local = model::time::Timestamp(at)
                .to_jiff()
                .map(|at| asked.zone.to_datetime(at));
            let local = local.unwrap_or_default();
            let clock = local.strftime("%H:%M:%S");
            rows.push(Row {
                id: id.clone(),
                href: one::href(event),
                peek: match peeked {
                    true => format!("{own}{after}#e-{id}"),
                    false => format!("{own}{after}&peek={id}#e-{id}"),
                },
                time: match today == Some(local.date()) {
                    true => clock.to_string(),
                    false => format!("{} {clock}", super::steps::day(local, lang)),
                },
                exact: draw::exact(self.desk, at),
                stamp: draw::stamp(at),
                class: class_of(event, lang),
                what: what_of(event),
                address: event
                    .text("source_ip")
                    .map(draw::defang)
                    .unwrap_or_default(),
                network: event
                    .number("asn")
                    .map(|asn| format!("AS{asn}"))
                    .unwrap_or_default(),
                place: place_of(event, self.names, lang),
                feed: event.text("feed").unwrap_or_default().to_owned(),
                incidents: joined
                    .get(&event.cursor.event.0)
                    .cloned()
                    .unwrap_or_default(),
                peeked: match peeked {
                    true => Some(self.peek(asked, event).await?),
                    false => None,
                },
            });
        }
        Ok(rows)
    }

    /// Numbers of the incidents that events joined.
    async fn joined(&self, events: &[Event]) -> Result<HashMap<[u8; 16], Vec<i64>>, Refusal> {
        let ids: Vec<[u8; 16]> = events.iter().map(|event| event.cursor.event.0).collect();
        let reach = self.visitor.within()?;
        let rows = self.desk.ledger.incidents_of_events(&ids, &reach).await?;
        let mut joined: HashMap<[u8; 16], Vec<i64>> = HashMap::new();
        for (event, number) in rows {
            joined.entry(event).or_default().push(number);
        }
        Ok(joined)
    }

    async fn peek(&self, asked: &Asked, event: &Event) -> Result<Peek, Refusal> {
        let lang = self.visitor.lang;
        let mut facts = Vec::new();
        let keys = [
            (Key::Class, "class_type"),
            (Key::Identifier, "class_identifier"),
            (Key::Malware, "malware_name"),
            (Key::Ip, "source_ip"),
            (Key::Port, "source_port"),
            (Key::Host, "host"),
            (Key::Asn, "asn"),
            (Key::Country, "country"),
            (Key::Province, "province"),
            (Key::Feed, "feed"),
            (Key::Tlp, "tlp"),
        ];
        for (key, column) in keys {
            let Some(value) = event.cell(column).and_then(|cell| value_of(key, cell)) else {
                continue;
            };
            let (only, exclude) = facets::filters(&asked.query, key, &value);
            let shown = labels::value(key, &value, self.names, lang);
            facts.push(Fact {
                name: labels::key(key, lang),
                value: match key {
                    Key::Ip | Key::Host => draw::defang(&shown),
                    _ => shown,
                },
                only,
                exclude,
            });
        }
        Ok(Peek {
            facts,
            raw: one::raw(self.desk, event, lang).await?,
        })
    }
}

/// A cell as a value of a query.
fn value_of(key: Key, cell: &Cell) -> Option<Value> {
    Some(match (key, cell) {
        (Key::Ip, Cell::Text(text)) => {
            let ip: std::net::IpAddr = text.parse().ok()?;
            Value::Net(ip, if ip.is_ipv4() { 32 } else { 128 })
        }
        (_, Cell::Text(text)) => Value::text(text),
        (_, Cell::Number(number)) => Value::Number(*number),
        _ => return None,
    })
}

/// The instants that the histogram spans: the query's, as far as there are events.
pub(super) fn axis(asked: &Asked) -> Option<(i64, i64)> {
    let (first, last) = asked.live.extent()?;
    let from = if asked.span.0 == i64::MIN {
        first
    } else {
        asked.span.0
    };
    let to = if asked.span.1 == i64::MAX {
        last.saturating_add(1)
    } else {
        asked.span.1
    };
    (from < to).then_some((from, to))
}

fn shown(found: &Found, w: &Words) -> String {
    fill(
        w.shown,
        &[("n", &found.places.len()), ("all", &grouped(found.total))],
    )
}

/// The classification in words.
pub(super) fn class_of(event: &Event, lang: Lang) -> String {
    event
        .text("class_type")
        .map(|name| labels::class(name, lang).to_owned())
        .unwrap_or_default()
}

/// What an event is about, the most telling first: URL, host, malware, its finer name.
pub(super) fn what_of(event: &Event) -> String {
    let defanged = ["source_url", "source_host", "host"]
        .iter()
        .find_map(|name| event.text(name));
    if let Some(text) = defanged {
        return draw::defang(text);
    }
    [
        "vulnerability_id",
        "malware_name",
        "class_identifier",
        "description",
    ]
    .iter()
    .find_map(|name| event.text(name))
    .unwrap_or_default()
    .to_owned()
}

fn place_of(event: &Event, names: &Names, lang: Lang) -> String {
    let country = event.text("country").unwrap_or_default();
    match event.number("province") {
        None => country.to_owned(),
        Some(code) => {
            let province = labels::province(code, names, lang);
            match (country, lang) {
                ("", _) => province,
                (country, Lang::Zh) => format!("{country} {province}"),
                (country, Lang::En) => format!("{country}, {province}"),
            }
        }
    }
}
