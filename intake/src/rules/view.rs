//! A row as rules see it: an event in IntelMQ's keys and values.
//!
//! The view is made of the record, the feed's names and, where a rule asks for them, what our own
//! tables say: the facts that IntelMQ's look-ups would have added before. Those are read only; what a
//! rule sets goes back into the record ([`View::write_back`]), a field's key to the field, every other
//! to `extra`. Values are sanitised as IntelMQ does when they are set. Not here: what rules look like.

use std::collections::BTreeSet;

use formats::intelmq::{self, Event, Header, keys, read};
use jiff::tz::TimeZone;
use lake::Enrichment;
use model::classification::classification;
use model::field::Field;
use model::record::Record;
use serde_json::{Map, Value as Json, json};

/// Keys that our own tables answer where the source says nothing.
pub(super) const DERIVED: &[&str] = &[
    "source.geolocation.cc",
    "source.asn",
    "source.as_name",
    "source.fqdn",
    "source.domain_suffix",
];

/// Where the path that a rule names is noted.
pub(super) const PATH: &str = "extra.rule_path";

/// An event under rules.
pub(super) struct View {
    event: Event,
    changed: BTreeSet<String>,
}

impl View {
    pub(super) fn new(record: &Record, header: &Header) -> View {
        View {
            event: intelmq::event(record, header),
            changed: BTreeSet::new(),
        }
    }

    /// Adds what our own tables say.
    pub(super) fn derive(&mut self, found: &Enrichment<'_>) {
        let suffix = found.domain.and_then(|domain| domain.split_once('.'));
        let answers = [
            found.country.map(Json::from),
            found.asn.map(Json::from),
            found.holder.map(Json::from),
            found.host.map(Json::from),
            suffix.map(|(_, suffix)| suffix.into()),
        ];
        for (key, answer) in DERIVED.iter().zip(answers) {
            if let Some(answer) = answer {
                self.event.entry((*key).to_owned()).or_insert(answer);
            }
        }
    }

    /// The key under which the event has it: a name that IntelMQ does not know is one of `extra`.
    fn canonical(key: &str) -> String {
        match key {
            "extra" | "__type" => key.to_owned(),
            _ if key.starts_with("extra.") || keys::find(key).is_some() => key.to_owned(),
            _ => format!("extra.{key}"),
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        match key {
            "extra" => self.extras().next().is_some(),
            _ => self.event.contains_key(&View::canonical(key)),
        }
    }

    /// The value of a key; `extra` as a whole is the text of its JSON, as IntelMQ has it.
    pub(super) fn get(&self, key: &str) -> Option<Json> {
        if key == "extra" {
            let members: Map<String, Json> = self.extras().collect();
            return (!members.is_empty()).then(|| Json::Object(members).to_string().into());
        }
        self.event.get(&View::canonical(key)).cloned()
    }

    fn extras(&self) -> impl Iterator<Item = (String, Json)> + '_ {
        let inner = |(key, value): (&String, &Json)| {
            Some((key.strip_prefix("extra.")?.to_owned(), value.clone()))
        };
        self.event.iter().filter_map(inner)
    }

    /// Sets a key, whatever it had. A value that says nothing takes the key away.
    ///
    /// # Errors
    /// A value that does not have the key's form.
    pub(super) fn set(&mut self, key: &str, value: Json) -> Result<(), String> {
        if read::is_empty(&value) {
            self.remove(key);
            return Ok(());
        }
        let key = View::canonical(key);
        let fault = |what: &str| format!("{key}: `{}` is not {what}", python(&value));
        let value = match keys::field(&key) {
            Some(field) => {
                let text = match &value {
                    Json::Array(_) | Json::Object(_) => return Err(fault("one value")),
                    other => python(other),
                };
                let mut scratch = Record::new();
                formats::value::set(&mut scratch, field, &text, &TimeZone::UTC)
                    .map_err(|bad| fault(bad.expected))?;
                let set = scratch
                    .get(field)
                    .and_then(|value| intelmq::form(field, value));
                set.ok_or_else(|| fault("a value"))?
            }
            None if key == "extra" => return Err(fault("set as a whole: name its members")),
            None if key.starts_with("extra.") => value,
            None => keys::sanitize(&key, &value).map_err(fault)?,
        };
        if key == "classification.type"
            && let Some(spec) = value.as_str().and_then(classification)
        {
            let taxonomy = "classification.taxonomy".to_owned();
            self.event.insert(taxonomy, spec.taxonomy.into());
        }
        self.event.insert(key.clone(), value);
        self.changed.insert(key);
        Ok(())
    }

    pub(super) fn remove(&mut self, key: &str) {
        if key == "extra" {
            let names: Vec<String> = self.extras().map(|(name, _)| name).collect();
            for name in names {
                self.remove(&format!("extra.{name}"));
            }
            return;
        }
        let key = View::canonical(key);
        if self.event.remove(&key).is_some() {
            self.changed.insert(key);
        }
    }

    pub(super) fn is_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Puts what rules changed into the record, a copy of the one that the view was made of. A row
    /// keeps its time, even if a rule took it away.
    ///
    /// # Errors
    /// A value that a field does not take.
    pub(super) fn write_back(&self, record: &mut Record) -> Result<(), String> {
        let mut extra = read::extras(record);
        let shown = intelmq::extra_names(record);
        let mut extra_changed = false;
        for key in &self.changed {
            let value = self.event.get(key);
            match (keys::field(key), value) {
                (Some(Field::ObservedAt), None) => {}
                (Some(field), None) => record.unset(field),
                (Some(_), Some(value)) => {
                    read::assign(record, key, value, &TimeZone::UTC).map_err(|bad| bad.1)?;
                }
                (None, value) => {
                    let named = shown.iter().find(|(known, _)| known == key);
                    let name = named.map(|(_, name)| name.as_str());
                    let name = name.unwrap_or_else(|| key.strip_prefix("extra.").unwrap_or(key));
                    match value {
                        Some(value) if own_field(record, key, value) => continue,
                        Some(value) => drop(extra.insert(name.to_owned(), value.clone())),
                        None => {
                            if let Some(field) = key.strip_prefix("extra.").and_then(read::own) {
                                record.unset(field);
                            }
                            drop(extra.shift_remove(name));
                        }
                    }
                    extra_changed = true;
                }
            }
        }
        if extra_changed {
            record.clear_extra();
            for (name, value) in &extra {
                record.extra_value(name, value);
            }
        }
        Ok(())
    }
}

/// Sets a field of ours that IntelMQ has under `extra.`, where the value has its form.
fn own_field(record: &mut Record, key: &str, value: &Json) -> bool {
    let field = key.strip_prefix("extra.").and_then(read::own);
    match (field, value) {
        (Some(field), Json::String(text)) => {
            formats::value::set(record, field, text, &TimeZone::UTC).is_ok()
        }
        _ => false,
    }
}

/// Whether two values are equal to Python: a truth value is the number 0 or 1, 1 is 1.0.
pub(super) fn same(a: &Json, b: &Json) -> bool {
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a == b,
        (None, None) => match (a, b) {
            (Json::Array(a), Json::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
            }
            _ => a == b,
        },
        _ => false,
    }
}

/// A value that Python counts with.
pub(super) fn number(value: &Json) -> Option<f64> {
    match value {
        Json::Number(number) => number.as_f64(),
        Json::Bool(truth) => Some(f64::from(u8::from(*truth))),
        _ => None,
    }
}

/// The text that Python's `str` makes of a value; of an object, its JSON.
pub(super) fn python(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        Json::Null => "None".to_owned(),
        Json::Number(number) => number.to_string(),
        Json::Array(list) => {
            let quoted = |item: &Json| match item {
                Json::String(text) => format!("'{text}'"),
                other => python(other),
            };
            format!(
                "[{}]",
                list.iter().map(quoted).collect::<Vec<_>>().join(", ")
            )
        }
        Json::Object(members) => {
            let member = |(name, value): (&String, &Json)| format!("{}: {value}", json!(name));
            let members: Vec<String> = members.iter().map(member).collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}
