//! MISP events (the MISP core format): one event, a feed's event file, a bare event, or the answer
//! to a search with several.
//!
//! An attribute that is marked for detection (`to_ids`) is a record; the others are what the event
//! tells besides (links, comments, context) and are passed by with a warning that counts them,
//! unless the option `attributes = "all"` asks for them. The attributes of an object are one record as
//! far as they fit together: a file with its hashes, a host with its address. An attribute for
//! detection whose type has no field here is a reject that names the type.
//!
//! What the event says of all its attributes (tags, TLP, date, who made it) may stand behind them in
//! the file, so attributes wait until their event ends; what waits is bounded. Numbers travel as
//! text. Deleted attributes and proposals (`ShadowAttribute`) are no part of the event.

mod tags;
mod types;

use std::borrow::Cow;
use std::io::{self, BufRead};

use model::feed::Feed;
use model::field::Field;
use model::reject::RejectReason;

use crate::document::Window;
use crate::draft::{self, Draft, Fault, Held, Place};
use crate::json::tree::{Json, Tree};
use crate::json::walk::{self, End, Found};
use crate::{Context, Format, Output, Reader, StreamReader, Unreadable, Warning, value};
use tags::Marks;
use types::{Part, parts};

/// MISP events.
pub const FORMAT: Format = Format {
    name: "misp",
    about: "MISP events: attributes and objects for detection",
    open,
    check,
};

const OPTIONS: &[(&str, &str)] = &[(
    "attributes",
    "which attributes are read: to_ids (default) or all",
)];

/// Where the members of an event lie, by what shows that they do.
const LAYOUTS: &[(&str, &str)] = &[
    ("Event", "Event.*"),
    ("response.*.Event", "response.*.Event.*"),
    ("response.Event", "response.Event.*"),
    ("*.Event", "*.Event.*"),
    ("Attribute", "*"),
    ("Object", "*"),
    ("info", "*"),
];

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    draft::json_start(FORMAT.name, head)?;
    let found = |answer| {
        LAYOUTS
            .iter()
            .find(|(shows, _)| draft::has(head, shows) == answer)
    };
    let layout = found(Some(true)).or_else(|| found(None));
    let Some((_, path)) = layout else {
        let detail = if draft::has(head, "*.Orgc") == Some(true) {
            "this is the manifest of a feed, not an event"
        } else {
            "there is no `Event`"
        };
        return Err(draft::header(FORMAT.name, detail));
    };
    Ok(Reader::Stream(Box::new(Events {
        draft: Draft::new(ctx)?,
        tree: Tree::default(),
        path,
        all: ctx
            .feed
            .options
            .get("attributes")
            .is_some_and(|which| which == "all"),
        event: Event::default(),
        held: Held::new(),
        context: 0,
    })))
}

fn check(feed: &Feed) -> Vec<String> {
    let mut problems = draft::check_fixed(feed, OPTIONS);
    if let Some(which) = feed.options.get("attributes")
        && !matches!(which.as_str(), "to_ids" | "all")
    {
        problems.push(format!(
            "options: attributes `{which}` is not to_ids or all"
        ));
    }
    problems
}

struct Events {
    draft: Draft,
    tree: Tree,
    path: &'static str,
    all: bool,
    event: Event,
    held: Held<Kind>,
    /// Attributes that are not for detection.
    context: u64,
}

enum Kind {
    Attribute,
    Object,
}

/// What an event says of all its attributes.
#[derive(Default)]
struct Event {
    info: Option<String>,
    date: Option<String>,
    uuid: Option<String>,
    creator: Option<String>,
    severity: Option<&'static str>,
    marks: Marks,
}

impl StreamReader for Events {
    fn read(mut self: Box<Self>, input: &mut dyn BufRead, out: &mut dyn Output) -> io::Result<()> {
        let mut window = Window::new(input)?;
        let path = walk::steps(self.path).unwrap_or_default();
        let mut late = false;
        let end = walk::walk(&mut window, &path, &mut |found| match found {
            Found::Element(element) => {
                let kind = match element.key {
                    Some("Attribute") => {
                        self.event.learn_payload(&mut self.tree, element.bytes);
                        Kind::Attribute
                    }
                    Some("Object") => Kind::Object,
                    Some(key) => {
                        self.event.learn(&mut self.tree, key, element.bytes);
                        return;
                    }
                    None => return,
                };
                if self.held.push(kind, element.into()) {
                    late = true;
                    self.flush(out);
                }
            }
            Found::Closed => {
                self.flush(out);
                self.event = Event::default();
            }
            Found::Broken(reject) => out.reject(reject),
            Found::Remark(message) => out.warn(Warning {
                label: "loose-json",
                message: message.into(),
            }),
        })?;
        self.flush(out);
        let mut warn = |label, message: String| out.warn(Warning { label, message });
        if self.context > 0 {
            let count = self.context;
            let message =
                format!("{count} attributes are not for detection (to_ids): they are no records");
            warn("passed-by", message);
        }
        if late {
            let message = "the event is so long that what stands at its end does not reach its first attributes";
            warn("late-parts", message.into());
        }
        match end {
            End::Whole => {}
            End::Cut => {
                let message = "the document ends before its records do: it may have been cut off";
                warn("truncated", message.into());
            }
            End::NoRecords => warn("no-records", "there is no event".into()),
        }
        Ok(())
    }
}

impl Event {
    /// An attribute of the category "Payload type" names the malware of the whole event; few have one,
    /// so an attribute is looked at closely only where the words stand.
    fn learn_payload(&mut self, tree: &mut Tree, bytes: &[u8]) {
        if memchr::memmem::find(bytes, b"\"Payload type\"").is_some()
            && let Ok(json) = draft::element(tree, bytes)
        {
            self.marks.payload(json);
        }
    }

    /// Takes a member of the event. One that cannot be read says nothing.
    fn learn(&mut self, tree: &mut Tree, key: &str, bytes: &[u8]) {
        if !matches!(
            key,
            "info" | "date" | "uuid" | "threat_level_id" | "Orgc" | "Tag" | "Galaxy"
        ) {
            return;
        }
        let Ok(json) = draft::element(tree, bytes) else {
            return;
        };
        let string = || json.string().map(str::to_owned);
        match key {
            "info" => self.info = string(),
            "date" => self.date = string(),
            "uuid" => self.uuid = string(),
            "Orgc" => self.creator = json.member("name").string().map(str::to_owned),
            // 4 is "undefined".
            "threat_level_id" => {
                self.severity = match json.text().as_deref() {
                    Some("1") => Some("high"),
                    Some("2") => Some("medium"),
                    Some("3") => Some("low"),
                    _ => None,
                };
            }
            "Tag" => self.marks.tag(json),
            _ => self.marks.galaxy(json),
        }
    }
}

/// An attribute that is part of a record.
struct Member<'j> {
    json: Json<'j>,
    /// What it says: fields with their texts.
    says: Vec<(Part, &'j str)>,
}

impl Events {
    fn flush(&mut self, out: &mut dyn Output) {
        let mut held = std::mem::replace(&mut self.held, Held::new());
        let mut tree = std::mem::take(&mut self.tree);
        held.drain(
            |kind, place| match (draft::element(&mut tree, place.bytes), kind) {
                (Ok(json), Kind::Attribute) => self.records(&[json], None, place, out),
                (Ok(json), Kind::Object) => {
                    if !is_true(json.member("deleted")) {
                        let attributes: Vec<Json<'_>> = json.member("Attribute").list().collect();
                        self.records(&attributes, Some(json), place, out);
                    }
                }
                (Err(fault), _) => out.reject(place.reject(fault)),
            },
        );
        self.tree = tree;
    }

    /// The records of attributes that belong together.
    fn records(
        &mut self,
        attributes: &[Json<'_>],
        object: Option<Json<'_>>,
        place: Place<'_>,
        out: &mut dyn Output,
    ) {
        let mut groups: Vec<Vec<Member<'_>>> = Vec::new();
        let mut beside: Vec<Member<'_>> = Vec::new();
        let mut unknown: Vec<&str> = Vec::new();
        for json in attributes
            .iter()
            .copied()
            .filter(|json| !is_true(json.member("deleted")))
        {
            let kind = json.member("type").string().unwrap_or_default();
            let Some(text) = json.member("value").string() else {
                if object.is_none() {
                    let message = "the attribute has no `value`".to_owned();
                    out.reject(place.reject((RejectReason::MissingField, message)));
                }
                continue;
            };
            let says = parts(kind, json.member("object_relation").string(), text);
            let names = says.iter().any(|(part, _)| part.names());
            let wanted = self.all || is_true(json.member("to_ids"));
            if !names && (object.is_some() && !says.is_empty()) {
                // Ports, protocols and file names go along with what they stand beside.
                beside.push(Member { json, says });
            } else if !wanted || self.all && !names {
                self.context += 1;
            } else if !names {
                unknown.push(kind);
            } else {
                let fits =
                    |group: &Vec<Member<'_>>| !group.iter().any(|member| member.disagrees(&says));
                match groups.last_mut() {
                    Some(group) if fits(group) => group.push(Member { json, says }),
                    _ => groups.push(vec![Member { json, says }]),
                }
            }
        }
        let none = groups.is_empty();
        for group in groups {
            self.draft.clear();
            match self.fill(&group, &beside, object) {
                Ok(()) => self.draft.hand_over(place, out),
                Err(fault) => out.reject(place.reject(fault)),
            }
        }
        // Of an object that gave a record, an attribute more or less of a type without field is
        // no loss that anybody could mend.
        if none && !unknown.is_empty() {
            unknown.dedup();
            let message = format!(
                "type `{}` has no field here",
                value::shorten(&unknown.join("`, `"))
            );
            out.reject(place.reject((RejectReason::NoObservable, message)));
        }
    }

    fn fill(
        &mut self,
        group: &[Member<'_>],
        beside: &[Member<'_>],
        object: Option<Json<'_>>,
    ) -> Result<(), Fault> {
        let Events { draft, event, .. } = self;
        for (part, text) in group.iter().flat_map(|member| &member.says) {
            part.set(draft, text)?;
        }
        for (part, text) in beside.iter().flat_map(|member| &member.says) {
            part.set_beside(draft, text);
        }
        let first = group.first().map_or(Json::NULL, |member| member.json);
        // An attribute's own time of observation, else when it was written, else the event's date.
        let mut times = ["first_seen", "timestamp"]
            .map(|name| first.member(name).text())
            .to_vec();
        times.retain(|time| time.as_deref().is_some_and(|time| time != "0"));
        times.push(event.date.as_deref().map(Into::into));
        draft.observed(times)?;
        let mut marks = event.marks.clone();
        for member in group {
            member
                .json
                .member("Tag")
                .list()
                .for_each(|tag| marks.own_tag(tag));
            member
                .json
                .member("Galaxy")
                .list()
                .for_each(|galaxy| marks.galaxy(galaxy));
        }
        marks.set(draft);
        if let Some(info) = &event.info {
            draft.keep(Field::Description, info);
        }
        if let Some(comment) = first
            .member("comment")
            .string()
            .or(object.and_then(|o| o.member("comment").string()))
        {
            draft.keep(Field::Comment, comment);
        }
        if let Some(severity) = event.severity {
            draft.keep(Field::Severity, severity);
        }
        if let Some(creator) = &event.creator {
            draft.keep(Field::Reporter, creator);
        }
        draft.extra("category", first.member("category"));
        draft.extra("last_seen", first.member("last_seen"));
        if let Some(uuid) = &event.uuid {
            draft.record.extra_text("event_uuid", uuid);
        }
        match object {
            Some(object) => {
                draft.extra("object", object.member("name"));
                draft.extra("object_uuid", object.member("uuid"));
            }
            None => draft.extra("attribute_uuid", first.member("uuid")),
        }
        Ok(())
    }
}

impl Member<'_> {
    /// Whether the two give one field different values.
    fn disagrees(&self, says: &[(Part, &str)]) -> bool {
        self.says.iter().any(|(part, text)| {
            says.iter()
                .any(|(other, value)| part == other && !value.eq_ignore_ascii_case(text))
        })
    }
}

/// A truth value, which travels as one, as a number or as text.
fn is_true(json: Json<'_>) -> bool {
    let is_one = |text: Cow<'_, str>| matches!(&*text, "1" | "true");
    json.bool()
        .unwrap_or_else(|| json.text().is_some_and(is_one))
}
