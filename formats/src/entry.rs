//! A feed's entry, compiled for one report: what the entry gives to rows that bring nothing.
//!
//! Formats call [`Entry::compile`] in their `open` and [`Entry::finish`] on every record before they
//! hand it over; `check` functions call [`check`], which finds the same faults without a report.
//! [`Target`] is where a column or member of a mapped feed goes. Not here: options of one format,
//! only [`check_options`] that refuses those a format does not know.

use jiff::tz::TimeZone;
use model::classification::classification;
use model::feed::Feed;
use model::field::{FIELDS, Field};
use model::record::{Record, Value, push_json_text, quoted_key};
use model::time::Timestamp;

use crate::mapping::{self, Place};
use crate::{Context, Unreadable, Warning, value};

/// Formats whose entries map columns.
const MAPPED: [&str; 2] = ["csv", "json"];

/// Constants and defaults of one report, ready to be applied row by row.
pub struct Entry {
    fields: Vec<(Field, Constant)>,
    /// Members of `extra`: quoted key with colon, JSON value.
    extra: Vec<(String, String)>,
    snapshot: Timestamp,
}

enum Constant {
    Text(String),
    Other(Value<'static>),
}

impl Entry {
    /// Compiles the entry for the report of `ctx`: its classification, identifier, `set` constants
    /// and the value taken from the path. An entry that [`check`] would refuse is
    /// [`Unreadable::Entry`]; a path without a value is none.
    pub fn compile(ctx: &Context<'_>) -> Result<Entry, Unreadable> {
        let mut problems = check(ctx.feed);
        if !problems.is_empty() {
            return Err(Unreadable::Entry {
                feed: ctx.feed.name.clone(),
                detail: problems.remove(0),
            });
        }
        let mut scratch = Record::new();
        let mut extra = Vec::new();
        let mut constants: Vec<(&str, String)> = Vec::new();
        if let Some((field, value)) = from_path(ctx.feed, ctx.file_name, ctx.path) {
            constants.push((field, value));
        }
        constants.extend(
            ctx.feed
                .set
                .iter()
                .map(|(name, value)| (name.as_str(), value.clone())),
        );
        for (name, value) in [
            ("class_type", &ctx.feed.classification),
            ("class_identifier", &ctx.feed.identifier),
        ] {
            constants.extend(value.iter().map(|value| (name, value.clone())));
        }
        for (name, text) in constants {
            match Target::parse(name, name) {
                Ok(Target::Field(field)) if !scratch.has(field) => {
                    value::set(&mut scratch, field, &text, ctx.zone).map_err(|bad| {
                        Unreadable::Entry {
                            feed: ctx.feed.name.clone(),
                            detail: bad.message(&text),
                        }
                    })?;
                }
                Ok(Target::Extra(key)) => {
                    let mut json = String::new();
                    push_json_text(&mut json, &text);
                    extra.push((key, json));
                }
                _ => {}
            }
        }
        let fields = scratch.iter().map(|(field, value)| match value {
            Value::Text(text) => (field, Constant::Text(text.to_owned())),
            Value::Ip(ip) => (field, Constant::Other(Value::Ip(ip))),
            Value::Int(value) => (field, Constant::Other(Value::Int(value))),
            Value::Float(value) => (field, Constant::Other(Value::Float(value))),
            Value::Bool(value) => (field, Constant::Other(Value::Bool(value))),
            Value::Time(at) => (field, Constant::Other(Value::Time(at))),
        });
        Ok(Entry {
            fields: fields.collect(),
            extra,
            snapshot: ctx.snapshot,
        })
    }

    /// Gives the record what the entry declares and the row did not bring. A row without a time
    /// stands for the snapshot's: it becomes `undated`.
    #[inline]
    pub fn finish(&self, record: &mut Record) {
        for (field, constant) in &self.fields {
            if record.has(*field) {
                continue;
            }
            match constant {
                Constant::Text(text) => record.set_text(*field, text),
                Constant::Other(Value::Text(text)) => record.set_text(*field, text),
                Constant::Other(Value::Ip(ip)) => record.set_ip(*field, *ip),
                Constant::Other(Value::Int(value)) => record.set_int(*field, *value),
                Constant::Other(Value::Float(value)) => record.set_float(*field, *value),
                Constant::Other(Value::Bool(value)) => record.set_bool(*field, *value),
                Constant::Other(Value::Time(at)) => record.set_time(*field, *at),
            }
        }
        for (key, json) in &self.extra {
            record.extra_member(key).push_str(json);
        }
        if !record.has(Field::ObservedAt) {
            record.set_time(Field::ObservedAt, self.snapshot);
            record.undated = true;
            record.written_day = None;
        }
    }

    /// Takes the list's own time for the snapshot's, where it has one; gives the warning back.
    pub(crate) fn stand_for(
        &mut self,
        dated: Result<Option<Timestamp>, Warning>,
    ) -> Option<Warning> {
        match dated {
            Ok(at) => {
                self.snapshot = at.unwrap_or(self.snapshot);
                None
            }
            Err(warning) => Some(warning),
        }
    }

    /// Whether the entry itself gives this field a value.
    pub fn gives(&self, field: Field) -> bool {
        self.fields.iter().any(|(given, _)| *given == field)
    }
}

/// Where a column or member goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A typed field.
    Field(Field),
    /// A member of `extra`; the key is quoted and ends with its colon.
    Extra(String),
    /// Nowhere: the entry names it so that it is not a surprise.
    Drop,
}

impl Target {
    /// Reads a target of a mapping: a field by its column name or IntelMQ key, `extra.NAME`,
    /// `extra.` for the column's own name, or empty to drop the column.
    pub fn parse(text: &str, column: &str) -> Result<Target, String> {
        match text.strip_prefix("extra.") {
            Some("") => Ok(Target::Extra(quoted_key(column))),
            Some(name) => Ok(Target::Extra(quoted_key(name))),
            None if text.is_empty() => Ok(Target::Drop),
            None => Field::named(text).map(Target::Field).ok_or_else(|| {
                let names: Vec<_> = FIELDS.iter().map(|spec| spec.column).collect();
                format!("`{text}` is not a field; use `extra.NAME`, an empty text to drop it, or one of: {}", names.join(", "))
            }),
        }
    }

    /// Puts the source's text where it goes. In `extra` it is text; what says nothing is left out.
    /// A bad value of a field that is not a key one ([`value::is_key`]) is kept in `extra` under the
    /// field's name instead of being an error.
    pub fn put(
        &self,
        record: &mut Record,
        text: &str,
        zone: &TimeZone,
    ) -> Result<(), value::BadValue> {
        match self {
            Target::Drop => {}
            Target::Extra(key) => {
                if let Some(text) = value::given(text) {
                    push_json_text(record.extra_member(key), text);
                }
            }
            Target::Field(field) => match value::set(record, *field, text, zone) {
                Err(_) if !value::is_key(*field) => record.extra_text(field.column(), text.trim()),
                other => return other,
            },
        }
        Ok(())
    }
}

/// Every fault of an entry that can be seen without a report; each names the key and the remedy.
pub fn check(feed: &Feed) -> Vec<String> {
    let mut problems = Vec::new();
    if TimeZone::get(&feed.zone).is_err() {
        problems.push(format!(
            "zone: `{}` is not an IANA time zone such as `Asia/Shanghai` or `UTC`",
            feed.zone
        ));
    }
    if let Some(name) = &feed.encoding
        && crate::source::Encoding::named(name).is_none()
    {
        problems.push(format!(
            "encoding: `{name}` is unknown; use utf-8, gb18030, utf-16le, another name of the WHATWG Encoding standard, or auto"
        ));
    }
    if let Some(name) = &feed.classification
        && classification(&name.to_lowercase()).is_none()
    {
        problems.push(format!(
            "classification: `{name}` is not an RSIT entry such as `phishing` or `c2-server`"
        ));
    }
    for (name, text) in &feed.set {
        match Target::parse(name, name) {
            Err(problem) => problems.push(format!("set: {problem}")),
            Ok(Target::Field(field)) => {
                if let Err(bad) = value::set(&mut Record::new(), field, text, &TimeZone::UTC) {
                    problems.push(format!("set: {}", bad.message(text)));
                }
            }
            Ok(_) => {}
        }
    }
    for name in feed.identity.iter().flatten() {
        if Field::named(name).is_none() {
            problems.push(format!("identity: `{name}` is not a field"));
        }
    }
    if let Some(from) = &feed.from_path {
        match Target::parse(&from.field, &from.field) {
            Ok(Target::Drop) | Err(_) => {
                problems.push(format!("from_path: `{}` is not a field", from.field))
            }
            Ok(_) => {}
        }
        for pattern in from
            .patterns
            .iter()
            .filter(|pattern| pattern.matches("{}").count() != 1)
        {
            problems.push(format!(
                "from_path: pattern `{pattern}` must hold `{{}}` once, where the value stands"
            ));
        }
    }
    for (column, target) in &feed.columns {
        if let Err(problem) = Place::parse(target, column) {
            problems.push(format!("columns: {column}: {problem}"));
        }
    }
    if !feed.values.is_empty() && !MAPPED.contains(&feed.format.as_str()) {
        problems.push(format!(
            "values: format {} has no mapping; remove the table",
            feed.format
        ));
    }
    problems.extend(mapping::check_values(feed));
    problems
}

/// [`check`] for a format whose fields are fixed.
pub(crate) fn check_fixed(feed: &Feed) -> Vec<String> {
    let mut problems = check(feed);
    if !feed.columns.is_empty() {
        problems.push(format!(
            "columns: the fields of format {} are fixed; remove the table",
            feed.format
        ));
    }
    problems
}

/// [`check_fixed`] for a format without options.
pub(crate) fn check_bare(feed: &Feed) -> Vec<String> {
    let mut problems = check_fixed(feed);
    problems.extend(check_options(feed, &[]));
    problems
}

/// Faults in an entry's options: each format knows `known`, pairs of name and what it may be.
pub fn check_options(feed: &Feed, known: &[(&str, &str)]) -> Vec<String> {
    let mut problems = Vec::new();
    for name in feed
        .options
        .keys()
        .filter(|name| !known.iter().any(|(known, _)| known == name))
    {
        let known: Vec<_> = known
            .iter()
            .map(|(name, about)| format!("{name} ({about})"))
            .collect();
        let known = if known.is_empty() {
            "none".to_owned()
        } else {
            known.join(", ")
        };
        problems.push(format!(
            "options: `{name}` is not an option of format {}; it has: {known}",
            feed.format
        ));
    }
    problems
}

/// The value that the entry takes from the path: the first pattern that fits. A pattern with a slash
/// is held against the whole path, another against the file name; `*` is any run of characters.
pub fn from_path<'a>(feed: &'a Feed, file_name: &str, path: &str) -> Option<(&'a str, String)> {
    let from = feed.from_path.as_ref()?;
    from.patterns.iter().find_map(|pattern| {
        let (before, after) = pattern.split_once("{}")?;
        let subject = if pattern.contains('/') {
            path
        } else {
            file_name
        };
        let value = capture(before, after, subject)?;
        Some((from.field.as_str(), value.to_owned()))
    })
}

/// What stands between a match of `before` at the start and of `after` at the end, longest first.
fn capture<'a>(before: &str, after: &str, subject: &'a str) -> Option<&'a str> {
    let bounds = || {
        subject
            .char_indices()
            .map(|(at, _)| at)
            .chain([subject.len()])
    };
    let mut best: Option<&str> = None;
    for start in bounds().filter(|at| glob(before, &subject[..*at])) {
        for end in bounds().filter(|at| *at > start && glob(after, &subject[*at..])) {
            let value = &subject[start..end];
            if !value.contains('/') && best.is_none_or(|best| value.len() > best.len()) {
                best = Some(value);
            }
        }
    }
    best.map(str::trim).filter(|value| !value.is_empty())
}

/// Whether the whole text matches the pattern, in which `*` is any run of characters.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut rest) = text.strip_prefix(head) else {
        return false;
    };
    let mut parts: Vec<&str> = tail.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_feed;
    use model::feed::FromPath;

    const UTC: &TimeZone = &TimeZone::UTC;

    fn ctx<'a>(feed: &'a Feed, file_name: &'a str, path: &'a str) -> Context<'a> {
        Context {
            feed,
            zone: UTC,
            file_name,
            path,
            snapshot: Timestamp(1_673_222_400_000_000),
            schema: None,
        }
    }

    #[test]
    fn the_row_wins_over_the_entry() {
        let mut feed = test_feed("list");
        feed.classification = Some("c&c".into());
        feed.identifier = Some("tracker".into());
        feed.set = [
            ("source_port", "443"),
            ("feed.accuracy", "80"),
            ("extra.kind", "a \"b\""),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        feed.set.remove("feed.accuracy");
        feed.set.insert("feed_accuracy".into(), "80".into());
        let entry = Entry::compile(&ctx(&feed, "a", "a")).expect("a good entry");
        let mut record = Record::new();
        record.set_text(Field::ClassIdentifier, "own");
        entry.finish(&mut record);
        assert_eq!(record.text(Field::ClassType), Some("c2-server"));
        assert_eq!(record.text(Field::ClassIdentifier), Some("own"));
        assert_eq!(record.int(Field::SourcePort), Some(443));
        assert_eq!(
            record.extra_json().as_deref(),
            Some(r#"{"kind":"a \"b\""}"#)
        );
        assert_eq!(record.observed_at(), Some(Timestamp(1_673_222_400_000_000)));
        assert!(record.undated);
        assert!(entry.gives(Field::SourcePort) && !entry.gives(Field::SourceIp));
    }

    #[test]
    fn a_value_comes_from_the_path() {
        let mut feed = test_feed("list");
        feed.from_path = Some(FromPath {
            field: "malware_name".into(),
            patterns: vec![
                "{} C2 IPs.txt".into(),
                "{} IPs.txt".into(),
                "*/by-name/{}/*.csv".into(),
            ],
        });
        let name = |file: &str, path: &str| {
            let entry = Entry::compile(&ctx(&feed, file, path)).expect("a good entry");
            let mut record = Record::new();
            entry.finish(&mut record);
            record.text(Field::MalwareName).map(str::to_owned)
        };
        assert_eq!(
            name("Some RAT C2 IPs.txt", "x/Some RAT C2 IPs.txt").as_deref(),
            Some("some rat")
        );
        assert_eq!(
            name("Other IPs.txt", "x/Other IPs.txt").as_deref(),
            Some("other")
        );
        assert_eq!(
            name("7.csv", "feeds/by-name/Third/2023/7.csv").as_deref(),
            Some("third")
        );
        assert_eq!(name("all.txt", "x/all.txt"), None);
        assert_eq!(name(" IPs.txt", " IPs.txt"), None);
    }

    #[test]
    fn every_fault_names_its_key() {
        let mut feed = test_feed("list");
        assert_eq!(check(&feed), Vec::<String>::new());
        feed.zone = "Mars/Olympus".into();
        feed.encoding = Some("ebcdic".into());
        feed.classification = Some("bad things".into());
        feed.set.insert("source_ip".into(), "nowhere".into());
        feed.identity = Some(vec!["sauce_ip".into()]);
        feed.from_path = Some(FromPath {
            field: "nothing".into(),
            patterns: vec!["*.txt".into()],
        });
        feed.columns.insert("a".into(), "b".into());
        feed.options.insert("kindd".into(), "ip".into());
        let mut problems = check(&feed);
        problems.extend(check_options(&feed, &[("kind", "auto, ip or url")]));
        for key in [
            "zone",
            "encoding",
            "classification",
            "set",
            "identity",
            "from_path",
            "columns",
            "options",
        ] {
            assert!(
                problems
                    .iter()
                    .any(|problem| problem.starts_with(&format!("{key}: "))),
                "{key}: {problems:#?}"
            );
        }
        assert!(matches!(
            Entry::compile(&ctx(&feed, "a", "a")),
            Err(Unreadable::Entry { .. })
        ));
    }

    #[test]
    fn targets_take_either_name() {
        assert_eq!(
            Target::parse("source.ip", "x"),
            Ok(Target::Field(Field::SourceIp))
        );
        assert_eq!(
            Target::parse("source_ip", "x"),
            Ok(Target::Field(Field::SourceIp))
        );
        assert_eq!(
            Target::parse("extra.", "x"),
            Ok(Target::Extra("\"x\":".into()))
        );
        assert_eq!(Target::parse("", "x"), Ok(Target::Drop));
        assert!(Target::parse("source.ipp", "x").is_err());
        let mut record = Record::new();
        let country = Target::Field(Field::SourceCountry);
        assert_eq!(country.put(&mut record, "China", &TimeZone::UTC), Ok(()));
        assert_eq!(
            record.extra_json().as_deref(),
            Some(r#"{"source_country":"China"}"#)
        );
        assert!(
            Target::Field(Field::SourceIp)
                .put(&mut record, "China", &TimeZone::UTC)
                .is_err()
        );
    }
}
