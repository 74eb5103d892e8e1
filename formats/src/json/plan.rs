//! A column mapping, applied to the bytes of one JSON record after another.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use model::field::Field;
use model::record::{Record, push_json_text};
use model::reject::{Reject, RejectReason};
use serde::de::{Deserializer as _, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::walk::{self, Element};
use crate::entry::{Entry, Target};
use crate::mapping::{Meanings, Place};
use crate::{Context, Output, Warning, value};

/// Nesting that is kept in `extra`.
const MAX_DEPTH: usize = 64;

/// A mapping, ready to be applied to one record after another.
pub(crate) struct Plan {
    root: Node,
    slots: Vec<Slot>,
    /// Where a record goes that is no object.
    whole: Option<Leaf>,
    key: Option<Leaf>,
    entry: Entry,
    zone: TimeZone,
    time_format: Option<String>,
}

/// Members of one object that are mapped, themselves or something in them.
#[derive(Default)]
struct Node {
    members: Vec<(String, Member)>,
}

#[derive(Default)]
struct Member {
    leaves: Vec<Leaf>,
    inner: Node,
}

/// A value that is set as text: where it goes, and what the entry says of it.
struct Slot {
    place: Place,
    meanings: Option<Meanings>,
    /// Key in `extra` of a bad value that does not reject the record.
    optional: Option<String>,
}

/// Where a mapped value goes.
#[derive(Clone)]
enum Leaf {
    /// Into this slot of [`Plan::slots`].
    Slot(usize),
    /// To `extra` under this name.
    Extra(String),
    Drop,
}

/// Why a record became no event.
pub(crate) type Fault = (RejectReason, String);

impl Plan {
    /// Makes the plan of a mapping from paths to targets, in the order in which fields are filled:
    /// where several paths lead to one field, the first that has a value wins.
    pub(crate) fn new<'m>(
        ctx: &Context<'_>,
        mapping: impl Iterator<Item = (&'m str, &'m str)>,
    ) -> Result<Plan, String> {
        let mut plan = Plan {
            root: Node::default(),
            slots: Vec::new(),
            whole: None,
            key: None,
            entry: Entry::compile(ctx).map_err(|error| error.to_string())?,
            zone: ctx.zone.clone(),
            time_format: ctx.feed.options.get("time_format").cloned(),
        };
        let optional = ctx.feed.options.get("optional").map_or("", String::as_str);
        let optional: Vec<&str> = optional.split(',').map(str::trim).collect();
        let mapping: Vec<(&str, &str)> = mapping.collect();
        // A member of which only values are told keeps the others under its own path.
        let told = |path: &str| mapping.iter().any(|(known, _)| *known == path);
        let untold = ctx.feed.values.keys().map(String::as_str);
        let untold = untold
            .filter(|path| !told(path))
            .map(|path| (path, "extra."));
        for (path, target) in mapping.iter().copied().chain(untold) {
            let names = if path == "." {
                vec![".".to_owned()]
            } else {
                walk::names(path)
            };
            let meanings = Meanings::of(ctx.feed, path)?;
            let places = match Place::parse(target, path)? {
                Place::Each(places) if meanings.is_none() => places,
                place => vec![place],
            };
            for (index, place) in places.into_iter().enumerate() {
                let target = target.split(',').nth(index).unwrap_or(target).trim();
                let leaf = match place {
                    Place::One(Target::Drop) if meanings.is_none() => Leaf::Drop,
                    Place::One(Target::Extra(_)) if meanings.is_none() => {
                        match target.strip_prefix("extra.") {
                            Some(name) if !name.is_empty() => Leaf::Extra(name.to_owned()),
                            _ => Leaf::Extra(path.to_owned()),
                        }
                    }
                    place => {
                        plan.slots.push(Slot {
                            place,
                            meanings: meanings.clone(),
                            optional: optional.contains(&path).then(|| path.to_owned()),
                        });
                        Leaf::Slot(plan.slots.len() - 1)
                    }
                };
                match path {
                    "." => plan.whole = Some(leaf),
                    "@key" => plan.key = Some(leaf),
                    _ => plan.root.insert(&names, leaf),
                }
            }
        }
        Ok(plan)
    }

    /// Reads one record's bytes. `line`, `offset` and `len` are the caller's.
    pub(crate) fn fill<'a>(
        &self,
        bytes: &'a [u8],
        key: Option<&str>,
        row: &mut Row<'a>,
        record: &mut Record,
        out: &mut dyn Output,
    ) -> Result<(), Fault> {
        record.clear();
        row.clear(self.slots.len());
        let text = std::str::from_utf8(bytes)
            .map_err(|error| (RejectReason::Encoding, format!("not valid UTF-8: {error}")))?;
        let text = text.trim_ascii();
        match (&self.whole, text.as_bytes().first()) {
            (_, Some(b'{')) => self.root.collect(text, "", row).map_err(syntax)?,
            (Some(leaf), Some(first)) if *first != b'[' => {
                let raw: &RawValue = serde_json::from_str(text).map_err(syntax)?;
                row.put(leaf, Cow::Borrowed("."), raw.get());
            }
            _ => {
                serde_json::from_str::<&RawValue>(text).map_err(syntax)?;
                return Err((
                    RejectReason::Syntax,
                    "the record is not a JSON object".into(),
                ));
            }
        }
        for (slot, raw) in self.slots.iter().zip(&row.slots) {
            let Some(raw) = *raw else { continue };
            if let Place::One(Target::Field(field)) = slot.place
                && record.has(field)
                && slot.meanings.is_none()
            {
                continue;
            }
            match (
                self.set(record, slot, raw, &mut row.scratch, &mut row.extras),
                &slot.optional,
            ) {
                (Err(_), Some(path)) => row.extras.push((Cow::Owned(path.clone()), raw)),
                (outcome, _) => outcome?,
            }
        }
        match (&self.key, key) {
            (Some(Leaf::Slot(slot)), Some(key)) => {
                let place = &self.slots[*slot].place;
                place
                    .put(record, key, &self.zone)
                    .map_err(|bad| (bad.reason, bad.message(key)))?;
            }
            (Some(Leaf::Extra(name)), Some(key)) => record.extra_text(name, key),
            _ => {}
        }
        row.write_extras(record, out)?;
        self.entry.finish(record);
        Ok(())
    }

    /// Whether records may be something else than objects.
    pub(crate) fn takes_values(&self) -> bool {
        self.whole.is_some()
    }

    fn set<'a>(
        &self,
        record: &mut Record,
        slot: &Slot,
        raw: &'a str,
        scratch: &mut String,
        extras: &mut Vec<(Cow<'a, str>, &'a str)>,
    ) -> Result<(), Fault> {
        let field = match slot.place {
            Place::One(Target::Field(field)) => Some(field),
            _ => None,
        };
        let text = match raw.as_bytes()[0] {
            b'"' => text_of(raw, scratch)?,
            b'n' => return Ok(()),
            b'[' => {
                scratch.clear();
                join(raw, field, scratch)?;
                scratch
            }
            b'{' if field.is_some_and(|field| !value::is_key(field)) => {
                let name = field.map_or("", Field::column);
                extras.push((Cow::Borrowed(name), raw));
                return Ok(());
            }
            b'{' => {
                let name = field.map_or("the text", Field::column);
                let message = format!("{name}: a JSON object stands where one value is expected");
                return Err((RejectReason::BadValue, message));
            }
            _ => raw,
        };
        let fault = |bad: value::BadValue| (bad.reason, bad.message(text));
        if let Some(meanings) = &slot.meanings
            && meanings.put(record, text, &self.zone).map_err(fault)?
        {
            return Ok(());
        }
        let Some(field) = field else {
            return slot.place.put(record, text, &self.zone).map_err(fault);
        };
        if record.has(field) {
            return Ok(());
        }
        let set = match &self.time_format {
            Some(pattern) if field == Field::ObservedAt && value::given(text).is_some() => {
                let written =
                    value::time_by_pattern(text, pattern, &self.zone).map_err(|expected| {
                        let message = format!(
                            "{field}: `{}` is not {expected}",
                            value::shorten(text.trim())
                        );
                        (RejectReason::BadTime, message)
                    })?;
                record.set_time(field, written.at);
                record.written_day = Some(written.day);
                Ok(())
            }
            _ => value::set(record, field, text, &self.zone),
        };
        match set {
            Err(_) if !value::is_key(field) => {
                extras.push((Cow::Borrowed(field.column()), raw));
                Ok(())
            }
            other => other.map_err(fault),
        }
    }
}

impl Plan {
    /// Reads one record and hands it over, as a record or as a reject.
    pub(crate) fn row<'a>(
        &self,
        element: Element<'a>,
        row: &mut Row<'a>,
        record: &mut Record,
        out: &mut dyn Output,
    ) {
        let fault = match self.fill(element.bytes, element.key, row, record, out) {
            Ok(()) if !value::has_observable(record) => (
                RejectReason::NoObservable,
                "the record names nothing that can be counted or acted on".into(),
            ),
            Ok(()) => {
                record.line = element.line;
                record.offset = element.offset;
                record.len = element.bytes.len() as u32;
                out.record(record);
                return;
            }
            Err(fault) => fault,
        };
        out.reject(Reject::new(
            element.line,
            element.offset,
            fault.0,
            fault.1,
            element.bytes,
        ));
    }
}

impl Node {
    fn insert(&mut self, names: &[String], leaf: Leaf) {
        let [name, rest @ ..] = names else { return };
        let at = match self.members.iter().position(|(known, _)| known == name) {
            Some(at) => at,
            None => {
                self.members.push((name.clone(), Member::default()));
                self.members.len() - 1
            }
        };
        let member = &mut self.members[at].1;
        if rest.is_empty() {
            member.leaves.push(leaf)
        } else {
            member.inner.insert(rest, leaf)
        }
    }

    /// Goes through one object or array and puts every value where it belongs. Recursion is as deep
    /// as the mapping's longest path, never as deep as the input.
    fn collect<'a>(
        &self,
        json: &'a str,
        path: &str,
        row: &mut Row<'a>,
    ) -> Result<(), serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_str(json);
        let members = Members {
            node: self,
            path,
            row,
        };
        if json.starts_with('[') {
            reader.deserialize_seq(members)?
        } else {
            reader.deserialize_map(members)?
        }
        reader.end()
    }
}

/// Reads the members of one object, or the elements of an array under their index.
struct Members<'n, 'p, 'r, 'a> {
    node: &'n Node,
    path: &'p str,
    row: &'r mut Row<'a>,
}

impl<'a> Members<'_, '_, '_, 'a> {
    /// `at` is where the next member of the mapping is expected: files repeat their order.
    fn put(
        &mut self,
        at: &mut usize,
        name: Cow<'a, str>,
        raw: &'a str,
    ) -> Result<(), serde_json::Error> {
        let members = &self.node.members;
        let found = match members.get(*at) {
            Some((known, _)) if *known == name => Some(*at),
            _ => members.iter().position(|(known, _)| *known == name),
        };
        let path = |name: Cow<'a, str>| match self.path {
            "" => name,
            path => Cow::Owned(format!("{path}.{name}")),
        };
        let Some(found) = found else {
            self.row.extras.push((path(name), raw));
            return Ok(());
        };
        *at = found + 1;
        let member = &members[found].1;
        if !member.inner.members.is_empty() && raw.starts_with(['{', '[']) {
            let path = path(name);
            return member.inner.collect(raw, &path, self.row);
        }
        if member.leaves.is_empty() {
            self.row.extras.push((path(name), raw));
            return Ok(());
        }
        let path = path(name);
        for leaf in &member.leaves {
            self.row.put(leaf, path.clone(), raw);
        }
        Ok(())
    }
}

impl<'a> Visitor<'a> for Members<'_, '_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut at = 0;
        while let Some(Name(name)) = map.next_key()? {
            let raw: &'a RawValue = map.next_value()?;
            self.put(&mut at, name, raw.get())
                .map_err(A::Error::custom)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(mut self, mut seq: A) -> Result<(), A::Error> {
        let (mut at, mut index) = (0, 0usize);
        while let Some(raw) = seq.next_element::<&'a RawValue>()? {
            self.put(&mut at, Cow::Owned(index.to_string()), raw.get())
                .map_err(A::Error::custom)?;
            index += 1;
        }
        Ok(())
    }
}

/// A member name, borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Name<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a member name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// What one record brought, before it is set; reused from row to row.
#[derive(Default)]
pub(crate) struct Row<'a> {
    slots: Vec<Option<&'a str>>,
    extras: Vec<(Cow<'a, str>, &'a str)>,
    scratch: String,
    json: String,
    /// A key stood twice.
    twice: bool,
}

impl<'a> Row<'a> {
    fn clear(&mut self, fields: usize) {
        self.slots.clear();
        self.slots.resize(fields, None);
        self.extras.clear();
        self.twice = false;
    }

    fn put(&mut self, leaf: &Leaf, path: Cow<'a, str>, raw: &'a str) {
        match leaf {
            Leaf::Drop => {}
            Leaf::Extra(name) => self.extras.push((Cow::Owned(name.clone()), raw)),
            Leaf::Slot(slot) => match &mut self.slots[*slot] {
                empty @ None => *empty = Some(raw),
                Some(_) => {
                    self.twice = true;
                    self.extras.push((Cow::Owned(format!("{path}.2")), raw));
                }
            },
        }
    }

    /// Writes what is left to `extra`, keys in order.
    fn write_extras(&mut self, record: &mut Record, out: &mut dyn Output) -> Result<(), Fault> {
        self.extras.sort_by(|a, b| a.0.cmp(&b.0));
        let mut count = 1;
        for index in 0..self.extras.len() {
            let (key, raw) = &self.extras[index];
            let again = index > 0 && self.extras[index - 1].0 == *key;
            count = if again { count + 1 } else { 1 };
            self.twice |= again;
            self.json.clear();
            let mut form = Canonical {
                scratch: &mut self.scratch,
                out: &mut self.json,
                twice: &mut self.twice,
            };
            if form.append(raw, MAX_DEPTH)? {
                let member = record.extra_member("");
                if again {
                    push_json_text(member, &format!("{key}.{count}"))
                } else {
                    push_json_text(member, key)
                }
                member.push(':');
                member.push_str(&self.json);
            }
        }
        if self.twice {
            let message =
                "a key stands twice in one record: the first is read, the others are kept in extra";
            out.warn(Warning {
                label: "duplicate-key",
                message: message.into(),
            });
        }
        Ok(())
    }
}

fn syntax(error: serde_json::Error) -> Fault {
    // The position is within the record; the record's own place is told apart from it.
    (RejectReason::Syntax, format!("broken JSON: {error}"))
}

/// The text of a JSON string, unescaped into `scratch` where need be.
fn text_of<'s>(raw: &'s str, scratch: &'s mut String) -> Result<&'s str, Fault> {
    let inner = &raw[1..raw.len() - 1];
    if !inner.contains('\\') {
        return Ok(inner);
    }
    *scratch = serde_json::from_str(raw).map_err(syntax)?;
    if scratch.contains('\0') {
        return Err((
            RejectReason::BadValue,
            format!("a NUL character in `{}`", value::shorten(inner)),
        ));
    }
    Ok(scratch)
}

/// The elements of an array as the text of one field: tags with spaces between, ids with `;`.
fn join(raw: &str, field: Option<Field>, joined: &mut String) -> Result<(), Fault> {
    let separator = match field {
        Some(Field::Tags) => " ",
        Some(Field::Vulnerabilities) => ";",
        _ => ", ",
    };
    let elements: Vec<&RawValue> = serde_json::from_str(raw).map_err(syntax)?;
    let mut scratch = String::new();
    for element in elements {
        let text = match element.get().as_bytes()[0] {
            b'"' => text_of(element.get(), &mut scratch)?,
            b'n' => continue,
            b'[' | b'{' => {
                let message =
                    "a list of lists or objects stands where values are expected".to_owned();
                return Err((RejectReason::BadValue, message));
            }
            _ => element.get(),
        };
        let Some(text) = value::given(text) else {
            continue;
        };
        if !joined.is_empty() {
            joined.push_str(separator);
        }
        joined.push_str(text);
    }
    Ok(())
}

/// Writes values in one form: no white space, object keys in order, strings escaped alike, numbers as
/// they are written.
struct Canonical<'s> {
    scratch: &'s mut String,
    out: &'s mut String,
    twice: &'s mut bool,
}

impl Canonical<'_> {
    /// Appends a value; `false` where it says nothing, and then nothing was appended.
    fn append(&mut self, raw: &str, depth: usize) -> Result<bool, Fault> {
        match raw.as_bytes()[0] {
            b'"' => {
                let text = text_of(raw, self.scratch)?;
                let Some(text) = value::given(text) else {
                    return Ok(false);
                };
                push_json_text(self.out, text);
            }
            b'n' => return Ok(false),
            b'[' | b'{' if depth == 0 => {
                let message = format!("the record is nested deeper than {MAX_DEPTH}");
                return Err((RejectReason::TooDeep, message));
            }
            b'[' => {
                let elements: Vec<&RawValue> = serde_json::from_str(raw).map_err(syntax)?;
                if elements.is_empty() {
                    return Ok(false);
                }
                for (index, element) in elements.into_iter().enumerate() {
                    self.out.push(if index == 0 { '[' } else { ',' });
                    self.nested(element.get(), depth - 1)?;
                }
                self.out.push(']');
            }
            b'{' => {
                let mut members = Vec::new();
                let mut reader = serde_json::Deserializer::from_str(raw);
                reader
                    .deserialize_map(Collect(&mut members))
                    .map_err(syntax)?;
                if members.is_empty() {
                    return Ok(false);
                }
                members.sort_by(|(a, _), (b, _)| a.cmp(b));
                let mut count = 1;
                for (index, (name, value)) in members.iter().enumerate() {
                    self.out.push(if index == 0 { '{' } else { ',' });
                    let again = index > 0 && members[index - 1].0 == *name;
                    count = if again { count + 1 } else { 1 };
                    *self.twice |= again;
                    if again {
                        push_json_text(self.out, &format!("{name}.{count}"))
                    } else {
                        push_json_text(self.out, name)
                    }
                    self.out.push(':');
                    self.nested(value, depth - 1)?;
                }
                self.out.push('}');
            }
            _ => self.out.push_str(raw),
        }
        Ok(true)
    }

    /// A value inside another: there it counts even where it says nothing.
    fn nested(&mut self, raw: &str, depth: usize) -> Result<(), Fault> {
        if !self.append(raw, depth)? {
            self.out.push_str(match raw.as_bytes()[0] {
                b'"' => "\"\"",
                b'[' => "[]",
                b'{' => "{}",
                _ => "null",
            });
        }
        Ok(())
    }
}

struct Collect<'v, 'a>(&'v mut Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Visitor<'a> for Collect<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            self.0.push((name, map.next_value::<&'a RawValue>()?.get()));
        }
        Ok(())
    }
}
