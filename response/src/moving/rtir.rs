//! Tickets of RTIR, the incident response edition of Request Tracker: what its search saves as a spreadsheet (text with
//! tabs, CSV or XLSX), or its REST 2.0 interface answers as JSON (one ticket, a list, a page with `items`, a line each).
//!
//! Incidents move in with number, dates, owner and ending. Incident reports and investigations move in too, unless they
//! belong to an incident of the same file: that one's number then tells where they are. Countermeasures and what was
//! deleted stay behind. Everything that a ticket says, custom fields too, stands in a note on the incident, since words
//! of a site have no column here. An ending of ours is a statement that RT's words do not make; where they leave it
//! open a person says it once for all (`Reading::words`).

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use ledger::incident::MovedIncident;
use model::incident::{CaseKind, Resolution};
use model::worded::Word;
use serde_json::Value;

use super::{MovedLine, Moving, Reading, take};
use crate::inbox::bulk::kind_of;
use crate::party::BadLine;

/// Bytes of a note that are kept.
const NOTE: usize = 20_000;

/// Names of RT's fields, as heads of its exports or keys of its answers write them.
const FIELDS: &[(&str, &[&str])] = &[
    ("id", &["id", "#", "ticket", "ticket id"]),
    ("subject", &["subject"]),
    ("status", &["status"]),
    ("queue", &["queue", "queuename", "queue name"]),
    ("owner", &["owner", "ownername", "owner name"]),
    ("created", &["created"]),
    ("resolved", &["resolved"]),
    ("lastupdated", &["lastupdated", "last updated"]),
    ("priority", &["priority"]),
    (
        "parent",
        &[
            "memberof",
            "member of",
            "parent",
            "parents",
            "hasincident",
            "incident",
        ],
    ),
];

/// Words of RTIR's field Classification, as it is set up, beside our own.
const KINDS: &[(&str, CaseKind)] = &[
    ("system compromise", CaseKind::Backdoor),
    ("denial of service", CaseKind::Attack),
    ("scan", CaseKind::Attack),
    ("query", CaseKind::Other),
    ("piracy", CaseKind::Other),
];

/// Words of its field Resolution and of its statuses that say an ending of ours.
const ENDINGS: &[(&str, Resolution)] = &[
    ("no response from customer", Resolution::NoResponse),
    ("no response from other isp", Resolution::NoResponse),
    ("no resolution reached", Resolution::Stale),
    ("abandoned", Resolution::Stale),
    ("rejected", Resolution::Invalid),
];

/// Statuses of tickets that go on, and of those that ended.
const LIVE: &[&str] = &["new", "open", "stalled"];
const ENDED: &[&str] = &["resolved", "abandoned", "rejected"];

/// A ticket as an export tells it.
#[derive(Clone, Debug, Default)]
struct Ticket {
    /// What RT itself keeps, by the names of [`FIELDS`].
    fields: BTreeMap<&'static str, String>,
    /// Everything else that it says, custom fields first of all, by name as it was written.
    more: Vec<(String, Vec<String>)>,
}

impl Ticket {
    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// The first value of a custom field.
    fn custom<'t>(&'t self, name: &'t str) -> &'t str {
        self.values(name).next().unwrap_or("")
    }

    fn values<'t>(&'t self, name: &'t str) -> impl Iterator<Item = &'t str> {
        let own = self.more.iter().filter(move |(own, _)| custom(own) == name);
        own.flat_map(|(_, values)| values).map(String::as_str)
    }

    fn set(&mut self, name: &str, values: Vec<String>) {
        let values: Vec<String> = values
            .into_iter()
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
            .collect();
        if values.is_empty() {
            return;
        }
        let lower = name.trim().to_lowercase();
        match FIELDS.iter().find(|(_, heads)| heads.contains(&&*lower)) {
            Some((field, _)) => {
                self.fields.entry(field).or_insert_with(|| values.join(" "));
            }
            None => self.more.push((name.trim().to_owned(), values)),
        }
    }

    /// What it says, a line each.
    fn note(&self, number: &str) -> String {
        let mut note = format!("Ticket {number} of RTIR:");
        for (field, value) in &self.fields {
            note.push_str(&format!("\n{field}: {value}"));
        }
        for (name, values) in &self.more {
            note.push_str(&format!("\n{name}: {}", values.join(", ")));
        }
        let end = note.char_indices().map(|(at, _)| at).find(|at| *at > NOTE);
        note.truncate(end.unwrap_or(note.len()));
        note
    }
}

/// The bare name of a custom field: heads write `CustomField.{IP}` or `CF.{IP}`, old ones `_RTIR_IP`.
fn custom(head: &str) -> String {
    let inner = head
        .split_once(".{")
        .and_then(|(_, rest)| rest.strip_suffix('}'));
    let name = inner.unwrap_or(head);
    name.strip_prefix("_RTIR_").unwrap_or(name).to_lowercase()
}

/// Reads tickets into what would move in.
pub(super) fn read(bytes: &[u8], with: &Reading<'_>) -> Moving {
    let mut out = Moving::default();
    let refuse = |line: usize, reason: String| BadLine { line, reason };
    let tickets = match tickets(bytes) {
        Ok(tickets) => tickets,
        Err(reason) => {
            out.bad.push(refuse(0, reason));
            return out;
        }
    };
    let numbers: BTreeSet<String> = tickets
        .iter()
        .filter(|(_, ticket)| {
            let ticket = ticket.as_ref().ok();
            ticket.is_some_and(|ticket| queue(ticket) == Ok(Queue::Incidents))
        })
        .filter_map(|(_, ticket)| Some(ticket.as_ref().ok()?.field("id").to_owned()))
        .chain(with.known.iter().cloned())
        .collect();
    let mut seen = BTreeSet::new();
    for (line, ticket) in tickets {
        let ticket = match ticket {
            Ok(ticket) => ticket,
            Err(reason) => {
                out.bad.push(refuse(line, reason));
                continue;
            }
        };
        let number = ticket.field("id").to_owned();
        let parent = links(ticket.field("parent")).find(|parent| numbers.contains(*parent));
        match queue(&ticket) {
            _ if with.known.contains(&number) => out.known.push(number),
            Ok(Queue::Countermeasures) => out.left += 1,
            _ if ticket.field("status").eq_ignore_ascii_case("deleted") => out.left += 1,
            Ok(Queue::Beside) if parent.is_some() => out.parts.push(number),
            Ok(queue) => match one(&ticket, queue, with) {
                Ok(moved) if seen.insert(number.clone()) => out.all.push(moved),
                Ok(_) => {
                    let why = format!("number {number} stands there twice");
                    out.bad.push(refuse(line, why));
                }
                Err(reason) => out.bad.push(refuse(line, reason)),
            },
            Err(reason) => out.bad.push(refuse(line, reason)),
        }
    }
    out
}

/// What a queue holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Queue {
    Incidents,
    /// Incident reports and investigations.
    Beside,
    Countermeasures,
}

/// The queue of a ticket by the words that its name begins with: constituencies add their own behind. An export
/// without queues is of incidents.
fn queue(ticket: &Ticket) -> Result<Queue, String> {
    let name = ticket.field("queue");
    let lower = name.to_lowercase();
    let begins = |words: &[&str]| words.iter().any(|word| lower.starts_with(word));
    if begins(&["incident reports", "investigations"]) {
        return Ok(Queue::Beside);
    }
    if begins(&["countermeasures", "blocks"]) {
        return Ok(Queue::Countermeasures);
    }
    // What is in answers where the name was not asked for.
    let unnamed = lower.is_empty() || lower.chars().all(|c| c.is_ascii_digit());
    match unnamed || begins(&["incidents"]) {
        true => Ok(Queue::Incidents),
        false => Err(format!(
            "queue `{name}` is none of RTIR's: leave it out of the search"
        )),
    }
}

/// Numbers of tickets in a cell or a link.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter(|part| !part.is_empty())
}

fn one(ticket: &Ticket, queue: Queue, with: &Reading<'_>) -> Result<MovedIncident, String> {
    let number = ticket.field("id");
    if number.is_empty() || !number.chars().all(|c| c.is_ascii_digit()) {
        return Err(format!("id `{number}` is no number of a ticket"));
    }
    let subject = ticket.field("subject");
    let status = ticket.field("status").to_lowercase();
    let kind = kind(ticket.custom("classification"), with)?;
    let opened = instant(ticket.field("created"), "Created", with.zone)?
        .ok_or("Created is empty: add the column Created to the search")?;
    let ended = ended(&status, with)?;
    let closed = match ended {
        false => None,
        true => {
            let resolved = instant(ticket.field("resolved"), "Resolved", with.zone)?;
            let updated = instant(ticket.field("lastupdated"), "LastUpdated", with.zone);
            let at = match resolved {
                Some(at) => Some(at),
                None => updated?,
            };
            let at = at.ok_or(
                "has ended, and Resolved is empty: add the columns Resolved and LastUpdated to the search",
            )?;
            Some((at, resolution(ticket.custom("resolution"), &status, with)?))
        }
    };
    let text = |at: jiff::Timestamp| at.to_string();
    let host = ticket
        .values("domain")
        .flat_map(|cell| cell.split([' ', ',', ';']))
        .find(|host| host.contains('.'));
    let ip = ticket
        .values("ip")
        .flat_map(|cell| cell.split([' ', ',', ';']))
        .find(|ip| ip.parse::<std::net::IpAddr>().is_ok());
    let owner = ticket.field("owner");
    let nobody = owner.to_lowercase().starts_with("nobody");
    let severity = match queue {
        // Reports and investigations begin with 0, which says nothing of their weight.
        Queue::Incidents => severity(ticket.field("priority")),
        _ => "",
    };
    let line = MovedLine {
        number: number.to_owned(),
        kind: kind.label().to_owned(),
        what: match subject.is_empty() {
            true => format!("RTIR {number}"),
            false => subject.to_owned(),
        },
        opened: text(opened),
        closed: closed.map_or_else(String::new, |(at, _)| text(at)),
        resolution: closed.map_or_else(String::new, |(_, how)| how.label().to_owned()),
        severity: severity.to_owned(),
        owner: if nobody { "" } else { owner }.to_owned(),
        host: host.unwrap_or("").to_lowercase(),
        ip: ip.unwrap_or("").to_owned(),
        ..MovedLine::default()
    };
    let mut moved = take(line, with)?;
    moved.note = Some(ticket.note(number));
    Ok(moved)
}

fn kind(text: &str, with: &Reading<'_>) -> Result<CaseKind, String> {
    if text.is_empty() {
        return Ok(CaseKind::Other);
    }
    let lower = text.to_lowercase();
    let said = with.words.get(&lower).map(String::as_str);
    let known = KINDS.iter().find(|(word, _)| *word == lower);
    let known = known.map(|(_, kind)| *kind);
    let found = match said {
        Some(word) => kind_of(word),
        None => known.or_else(|| kind_of(text)),
    };
    found.ok_or_else(|| {
        format!(
            "classification `{text}` is no kind of ours: add --word \"{text}=KIND\", as phishing"
        )
    })
}

/// Whether a ticket of this status has ended.
fn ended(status: &str, with: &Reading<'_>) -> Result<bool, String> {
    let said = with.words.get(status).map(String::as_str);
    match said {
        Some("open") => return Ok(false),
        Some(_) => return Ok(true),
        None => {}
    }
    if LIVE.contains(&status) {
        return Ok(false);
    }
    if ENDED.contains(&status) {
        return Ok(true);
    }
    Err(match status {
        "" => "Status is empty: add the column Status to the search".to_owned(),
        _ => format!(
            "status `{status}` is not known: add --word \"{status}=open\", or =RESOLUTION if it is an end"
        ),
    })
}

/// How it ended: by the field Resolution, else by the status.
fn resolution(field: &str, status: &str, with: &Reading<'_>) -> Result<Resolution, String> {
    let field = field.to_lowercase();
    let texts = [field.as_str(), status];
    for text in texts.into_iter().filter(|text| !text.is_empty()) {
        if let Some(word) = with.words.get(text).filter(|word| *word != "open") {
            return word
                .parse()
                .map_err(|error: model::worded::UnknownWord| error.to_string());
        }
        if let Some((_, how)) = ENDINGS.iter().find(|(word, _)| *word == text) {
            return Ok(*how);
        }
    }
    let text = if field.is_empty() { status } else { &field };
    Err(format!(
        "ended as `{text}`, which does not say how: add --word \"{text}=RESOLUTION\", as cleaned, taken-down, stale"
    ))
}

/// RT's priority, 0 to 100, or its words.
fn severity(priority: &str) -> &'static str {
    match (priority.parse::<i64>(), priority.to_lowercase().as_str()) {
        (Ok(90..), _) | (_, "urgent" | "critical") => "critical",
        (Ok(75..), _) | (_, "high") => "high",
        (Ok(..25), _) | (_, "low") => "low",
        _ => "medium",
    }
}

/// An instant as RT writes it: by REST in UTC, in a spreadsheet as its user reads dates, of `zone`.
fn instant(text: &str, field: &str, zone: &TimeZone) -> Result<Option<jiff::Timestamp>, String> {
    let text = text.trim();
    if text.is_empty() || text == "-" || text.eq_ignore_ascii_case("not set") {
        return Ok(None);
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        // What was never set is the epoch.
        return Ok((at.as_second() > 0).then_some(at));
    }
    if let Ok(at) = jiff::Timestamp::strptime("%a, %d %b %Y %H:%M:%S %z", text) {
        return Ok(Some(at));
    }
    let forms = [
        "%a %b %d %H:%M:%S %Y",
        "%a %d %b %Y %H:%M:%S",
        "%Y-%m-%d %H:%M",
    ];
    let local = text.parse::<DateTime>().ok();
    let local = local
        .or_else(|| {
            let mut forms = forms.iter();
            forms.find_map(|form| DateTime::strptime(form, text).ok())
        })
        .or_else(|| Some(text.parse::<Date>().ok()?.at(0, 0, 0, 0)));
    let zoned = local.and_then(|local| local.to_zoned_datetime(zone.clone()).ok());
    zoned.map(|zoned| Some(zoned.timestamp())).ok_or_else(|| {
        format!(
            "`{text}` is no instant: choose {field}, not {field}Relative, as a column of the search"
        )
    })
}

/// Tickets, or why one cannot be read, each with its place in the file.
type Read = Vec<(usize, Result<Ticket, String>)>;

/// Tickets of a file of either kind.
fn tickets(bytes: &[u8]) -> Result<Read, String> {
    let bytes = formats::sheet::as_csv(bytes)?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let text = std::str::from_utf8(text)
        .map_err(|_| "is not UTF-8: export it again as UTF-8".to_owned())?;
    match text.trim_start().chars().next() {
        None => Err("is empty".to_owned()),
        Some('{' | '[') => answers(text),
        Some(_) => table(text),
    }
}

/// Tickets of a spreadsheet. Text with tabs has no quotes: RT takes tabs and line breaks out of what it writes.
fn table(text: &str) -> Result<Read, String> {
    let first = text.lines().find(|line| !line.trim().is_empty());
    let tabs = first.is_some_and(|line| line.contains('\t'));
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .flexible(true)
        .delimiter(if tabs { b'\t' } else { b',' })
        .quoting(!tabs)
        .from_reader(text.as_bytes());
    let heads = reader.headers().map_err(|error| error.to_string())?.clone();
    let named = |field: &str| {
        let heads = heads.iter().map(str::to_lowercase);
        let of_field = FIELDS.iter().find(|(name, _)| *name == field);
        heads
            .into_iter()
            .any(|head| of_field.is_some_and(|(_, known)| known.contains(&&*head)))
    };
    let missing: Vec<&str> = [("id", "id"), ("status", "Status"), ("created", "Created")]
        .into_iter()
        .filter(|(field, _)| !named(field))
        .map(|(_, shown)| shown)
        .collect();
    if !missing.is_empty() {
        return Err(format!(
            "has no column {}: add it to the search's format in RT and save the spreadsheet again; its columns are {}",
            missing.join(", "),
            heads.iter().collect::<Vec<_>>().join(", ")
        ));
    }
    let rows = reader.records().enumerate().map(|(at, row)| {
        let ticket = row.map_err(|error| error.to_string()).and_then(|row| {
            if row.len() > heads.len() {
                return Err(format!(
                    "has {} cells under {} heads",
                    row.len(),
                    heads.len()
                ));
            }
            let mut ticket = Ticket::default();
            for (head, cell) in heads.iter().zip(row.iter()) {
                ticket.set(head, vec![cell.to_owned()]);
            }
            Ok(ticket)
        });
        (at + 1, ticket)
    });
    Ok(rows.collect())
}

/// Tickets of REST 2.0: a ticket, a list, a page of a list, or several of these behind each other.
fn answers(text: &str) -> Result<Read, String> {
    let mut all = Vec::new();
    for whole in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let whole = whole.map_err(|error| format!("is no JSON of tickets: {error}"))?;
        match whole {
            Value::Array(list) => all.extend(list),
            Value::Object(mut page) => match page.remove("items") {
                Some(Value::Array(list)) => all.extend(list),
                _ => all.push(Value::Object(page)),
            },
            other => all.push(other),
        }
    }
    let numbered = all.into_iter().enumerate();
    Ok(numbered
        .map(|(at, value)| (at + 1, answer(&value)))
        .collect())
}

fn answer(value: &Value) -> Result<Ticket, String> {
    let Value::Object(all) = value else {
        return Err("is no ticket: an object with id, Subject, Status".to_owned());
    };
    if !all.contains_key("Status") {
        return Err(
            "has no Status: ask for whole tickets, or with fields=Subject,Status,Queue,Owner,Created,Resolved,LastUpdated,Priority,CustomFields"
                .to_owned(),
        );
    }
    let mut ticket = Ticket::default();
    for (name, value) in all {
        match name.as_str() {
            "CustomFields" => customs(value, &mut ticket),
            "_hyperlinks" => {
                let links = value.as_array().into_iter().flatten();
                let parents = links.filter(|link| link["ref"] == "parent");
                let ids = parents.filter_map(|link| scalar(&link["id"])).collect();
                ticket.set("parent", ids);
            }
            "type" | "_url" | "EffectiveId" => {}
            _ => ticket.set(name, texts(value)),
        }
    }
    Ok(ticket)
}

/// Custom fields: a list of objects with name and values, or an object by name.
fn customs(value: &Value, ticket: &mut Ticket) {
    match value {
        Value::Array(list) => {
            for field in list {
                if let Some(name) = field["name"].as_str() {
                    ticket.more.push((name.to_owned(), texts(&field["values"])));
                }
            }
        }
        Value::Object(by_name) => {
            for (name, values) in by_name {
                ticket.more.push((name.clone(), texts(values)));
            }
        }
        _ => {}
    }
    ticket.more.retain(|(_, values)| !values.is_empty());
}

/// The texts of a value: itself, its parts, or what names the object it refers to.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        Value::Object(of) => ["Name", "name", "id", "filename"]
            .iter()
            .find_map(|key| scalar(of.get(*key)?))
            .into_iter()
            .collect(),
        other => scalar(other).into_iter().collect(),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
