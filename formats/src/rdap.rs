//! Registration data: answers of RDAP servers (RFC 9083), read for what response asks of them: is the
//! name held, who is the registrar, to whom does abuse go.
//!
//! Entities nest, and the abuse contact mostly stands one level below the registrar. Contacts are
//! jCards (RFC 7095), arrays whose odd shapes are all met with: a value may be a text, a list or a
//! number, a parameter a text or a list. What a server leaves out by policy (RFC 9537, and the
//! remarks of those that came before it) is *redacted*, which is not *absent*. Servers differ, so that
//! nothing here is required but JSON and an object class; a member of the wrong type is passed over.
//!
//! Not here: asking. Bytes come in, nothing goes out.

use std::net::IpAddr;

use model::time::Timestamp;
use serde_json::{Map, Value};

/// Entities within entities that are looked into: registrar, its contact, and two more.
const DEPTH: usize = 4;
/// Entities of one answer that are read; a server that sends more is not believed.
const MOST: usize = 1_000;

/// What an RDAP server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An object: a domain, a network, a name server, an entity or an autonomous system.
    Registration(Box<Registration>),
    /// An error object, as with 404.
    Refused {
        /// Its `errorCode`, the HTTP status.
        code: u16,
        /// Its title.
        title: String,
    },
}

/// What is registered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registration {
    /// `domain`, `ip network`, `nameserver`, `entity` or `autnum`.
    pub class: String,
    /// The name in ASCII, lower case, or nothing.
    pub name: Option<String>,
    /// The registry's handle.
    pub handle: Option<String>,
    /// The states, in the spelling of RFC 8056, lower case: `client hold`, `active`.
    pub status: Vec<String>,
    /// The registrar.
    pub registrar: Option<Registrar>,
    /// To whom abuse goes, the nearest first.
    pub abuse: Vec<Contact>,
    /// Names of the name servers, lower case.
    pub nameservers: Vec<String>,
    /// What happened when: (`registration`, its instant).
    pub events: Vec<(String, Timestamp)>,
    /// First and last address of a network.
    pub network: Option<(IpAddr, IpAddr)>,
    /// Two letters, where the object says its country.
    pub country: Option<String>,
    /// What was left out by policy: names of fields, or the titles of remarks that say so.
    pub redacted: Vec<String>,
    /// Where more is told: links of relation `related`.
    pub related: Vec<String>,
}

/// Who sold a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registrar {
    /// Its name.
    pub name: Option<String>,
    /// The number that IANA gave it.
    pub iana_id: Option<u32>,
    /// The registry's handle for it.
    pub handle: Option<String>,
}

/// A person or desk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    /// Formatted name, else the organization.
    pub name: Option<String>,
    /// Mail addresses.
    pub emails: Vec<String>,
    /// Telephone numbers without `tel:`.
    pub phones: Vec<String>,
    /// The roles it was listed with.
    pub roles: Vec<String>,
    /// Handles of the entities it lies in, the outermost first.
    pub within: Vec<String>,
}

impl Registration {
    /// The state by which resolution was stopped: `client hold`, `server hold`, or what some
    /// registries say instead.
    pub fn hold(&self) -> Option<&str> {
        const HOLDS: [&str; 4] = [
            "client hold",
            "server hold",
            "inactive hold",
            "registrar hold",
        ];
        let held = |status: &&String| HOLDS.contains(&status.as_str());
        self.status.iter().find(held).map(String::as_str)
    }

    /// Whether the name waits for its deletion.
    pub fn is_leaving(&self) -> bool {
        self.status
            .iter()
            .any(|status| matches!(status.as_str(), "redemption period" | "pending delete"))
    }

    /// When something last happened.
    pub fn event(&self, action: &str) -> Option<Timestamp> {
        let same = self.events.iter().filter(|(name, _)| name == action);
        same.map(|(_, at)| *at).max()
    }
}

/// Why bytes are no RDAP answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// Not JSON.
    #[error("the RDAP answer is not JSON: {0}")]
    Json(String),
    /// JSON without an object class and without an error code.
    #[error(
        "the RDAP answer has neither `objectClassName` nor `errorCode`: a help page or a search?"
    )]
    Class,
}

/// Reads an answer.
///
/// # Errors
/// What is not JSON, or tells no object.
pub fn read(bytes: &[u8]) -> Result<Answer, NoAnswer> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let value: Value =
        serde_json::from_slice(bytes).map_err(|error| NoAnswer::Json(error.to_string()))?;
    let root = value.as_object().ok_or(NoAnswer::Class)?;
    if let Some(code) = root.get("errorCode").and_then(number) {
        return Ok(Answer::Refused {
            code: u16::try_from(code).unwrap_or(0),
            title: text(root, "title").unwrap_or_default(),
        });
    }
    let class = text(root, "objectClassName").ok_or(NoAnswer::Class)?;
    let name = text(root, "ldhName").or_else(|| text(root, "unicodeName"));
    let mut found = Registration {
        class: class.to_lowercase(),
        name: name.map(|name| name.trim_end_matches('.').to_lowercase()),
        handle: text(root, "handle"),
        status: texts(root.get("status")).map(|s| spelled(&s)).collect(),
        nameservers: nameservers(root),
        events: events(root),
        network: network(root),
        country: text(root, "country").map(|code| code.to_uppercase()),
        redacted: redacted(root),
        related: related(root),
        ..Registration::default()
    };
    let mut entities = Vec::new();
    collect(root, &mut Vec::new(), &mut entities);
    // The nearest contact is the best: a network's own before its holder's.
    entities.sort_by_key(|(_, _, within)| within.len());
    for (entity, roles, within) in &entities {
        let has = |role: &str| roles.iter().any(|found| found == role);
        if has("registrar") && found.registrar.is_none() {
            found.registrar = Some(registrar(entity));
        }
        if has("abuse") {
            let contact = contact(entity, roles, within);
            if !found.abuse.contains(&contact) {
                found.abuse.push(contact);
            }
        }
        for field in redacted(entity) {
            if !found.redacted.contains(&field) {
                found.redacted.push(field);
            }
        }
    }
    Ok(Answer::Registration(Box::new(found)))
}

type Entity<'a> = (&'a Map<String, Value>, Vec<String>, Vec<String>);

fn collect<'a>(within: &'a Map<String, Value>, path: &mut Vec<String>, out: &mut Vec<Entity<'a>>) {
    if path.len() >= DEPTH {
        return;
    }
    for entity in objects(within.get("entities")) {
        if out.len() >= MOST {
            return;
        }
        let roles = texts(entity.get("roles")).map(|role| role.to_lowercase());
        out.push((entity, roles.collect(), path.clone()));
        path.push(text(entity, "handle").unwrap_or_default());
        collect(entity, path, out);
        path.pop();
    }
}

fn registrar(entity: &Map<String, Value>) -> Registrar {
    let ids = objects(entity.get("publicIds"));
    let iana = ids
        .filter(|id| text(id, "type").is_some_and(|kind| kind.to_lowercase().contains("iana")))
        .find_map(|id| id.get("identifier").and_then(number));
    let card = card(entity);
    Registrar {
        name: card_text(&card, "fn").or_else(|| card_text(&card, "org")),
        iana_id: iana.and_then(|id| u32::try_from(id).ok()),
        handle: text(entity, "handle"),
    }
}

fn contact(entity: &Map<String, Value>, roles: &[String], within: &[String]) -> Contact {
    let card = card(entity);
    let all = |kind: &str| -> Vec<String> {
        let mut found = Vec::new();
        for value in card.iter().filter(|row| row.0 == kind) {
            for text in words(value.1) {
                let text = text.trim();
                let text = text.strip_prefix("mailto:").unwrap_or(text);
                let text = text.strip_prefix("tel:").unwrap_or(text).to_owned();
                if !text.is_empty() && !found.contains(&text) {
                    found.push(text);
                }
            }
        }
        found
    };
    let mut emails = all("email");
    emails.retain(|email| email.contains('@'));
    Contact {
        name: card_text(&card, "fn").or_else(|| card_text(&card, "org")),
        emails,
        phones: all("tel"),
        roles: roles.to_vec(),
        within: within.to_vec(),
    }
}

/// The properties of a jCard as (name in lower case, value): `["vcard", [[name, {}, type, value]..]]`.
fn card(entity: &Map<String, Value>) -> Vec<(String, &Value)> {
    let Some(Value::Array(whole)) = entity.get("vcardArray") else {
        return Vec::new();
    };
    let Some(Value::Array(rows)) = whole.get(1) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for row in rows.iter().filter_map(Value::as_array).take(MOST) {
        let Some(name) = row.first().and_then(Value::as_str) else {
            continue;
        };
        found.extend(row.iter().skip(3).map(|value| (name.to_lowercase(), value)));
    }
    found
}

fn card_text(card: &[(String, &Value)], kind: &str) -> Option<String> {
    let mut values = card.iter().filter(|row| row.0 == kind);
    values.find_map(|row| {
        let joined = words(row.1).join(" ");
        let joined = joined.trim();
        (!joined.is_empty()).then(|| joined.to_owned())
    })
}

/// The texts of a value: itself, or those of a list, one level deep.
fn words(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Array(items) => items
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

/// RFC 8056 writes `client hold`; some servers keep EPP's `clientHold`.
fn spelled(status: &str) -> String {
    let mut out = String::with_capacity(status.len() + 2);
    let mut before = ' ';
    for c in status.trim().chars() {
        if c.is_uppercase() && before.is_lowercase() {
            out.push(' ');
        }
        before = c;
        out.extend(if matches!(c, '_' | '-') { ' ' } else { c }.to_lowercase());
    }
    out
}

fn nameservers(root: &Map<String, Value>) -> Vec<String> {
    objects(root.get("nameservers"))
        .filter_map(|server| text(server, "ldhName").or_else(|| text(server, "unicodeName")))
        .map(|name| name.trim_end_matches('.').to_lowercase())
        .collect()
}

fn events(root: &Map<String, Value>) -> Vec<(String, Timestamp)> {
    let read = |event: &Map<String, Value>| {
        let at: jiff::Timestamp = text(event, "eventDate")?.parse().ok()?;
        let action = text(event, "eventAction")?.to_lowercase();
        Some((action, Timestamp(at.as_microsecond())))
    };
    objects(root.get("events")).filter_map(read).collect()
}

fn network(root: &Map<String, Value>) -> Option<(IpAddr, IpAddr)> {
    let address = |key: &str| -> Option<IpAddr> { text(root, key)?.parse().ok() };
    Some((address("startAddress")?, address("endAddress")?))
}

/// RFC 9537's list, and remarks whose title says that something was left out.
fn redacted(object: &Map<String, Value>) -> Vec<String> {
    let named = objects(object.get("redacted")).filter_map(|field| {
        let name = field.get("name")?.as_object()?;
        text(name, "description").or_else(|| text(name, "type"))
    });
    let said = objects(object.get("remarks")).filter_map(|remark| {
        let title = text(remark, "title")?;
        title.to_lowercase().contains("redacted").then_some(title)
    });
    named.chain(said).collect()
}

fn related(root: &Map<String, Value>) -> Vec<String> {
    objects(root.get("links"))
        .filter(|link| text(link, "rel").as_deref() == Some("related"))
        .filter_map(|link| text(link, "href"))
        .collect()
}

fn text(object: &Map<String, Value>, key: &str) -> Option<String> {
    let text = object.get(key)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn number(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_str()?.trim().parse().ok())
}

/// A list of objects; one object alone counts as a list of one.
fn objects(value: Option<&Value>) -> impl Iterator<Item = &Map<String, Value>> {
    let list = match value {
        Some(Value::Array(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    list.iter().filter_map(Value::as_object)
}

/// A list of texts; one text alone counts as a list of one.
fn texts(value: Option<&Value>) -> impl Iterator<Item = String> {
    let list = match value {
        Some(Value::Array(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    list.iter().filter_map(Value::as_str).map(str::to_owned)
}
