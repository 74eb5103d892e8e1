//! The published schema, read once: report types, their mappings and constants.
//!
//! The file is Shadowserver's `intelmq.json` (report_schema repository): an object with one member a
//! report type and `_meta`. It is never part of this project: an operator imports it, and its
//! `date_created` is the version that intake stores with the events read under it, because the
//! classification of a type has changed before without the type changing its name.

use model::classification::classification;
use model::field::Field;
use rustc_hash::FxHashMap;
use serde_json::Value;

use super::functions::Function;
use crate::Unreadable;

/// The schema in force.
#[derive(Debug)]
pub struct Schema {
    version: String,
    types: Vec<ReportType>,
    index: FxHashMap<String, usize>,
}

/// One report type.
#[derive(Debug, PartialEq)]
pub struct ReportType {
    /// Key in the schema.
    pub name: String,
    /// The type as it stands in file names; differs from the key for some.
    pub file_name: String,
    /// The report's name for people.
    pub feed_name: String,
    /// Where the report is described.
    pub url: Option<String>,
    /// Columns to fields, in the schema's order, required ones first.
    pub mappings: Vec<Mapping>,
    /// Fields that every row has.
    pub constants: Vec<(Field, String)>,
    /// What this version of ours does not know: to be warned of when the type is read.
    pub unknown: Vec<String>,
}

/// One column's way into the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Where it goes.
    pub target: Place,
    /// Column of the report.
    pub column: String,
    /// What is done to its text.
    pub function: Function,
    /// Whether the schema calls it required.
    pub required: bool,
}

/// Where a mapped column goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A typed field.
    Field(Field),
    /// A member of `extra`, by its name.
    Extra(String),
    /// Nowhere.
    Drop,
}

impl Schema {
    /// Reads the published JSON. Parts that are not understood (a new function, a new field) are
    /// noted with their report type and cost nothing else; what is no such schema at all is
    /// [`Unreadable::Schema`].
    pub fn parse(bytes: &[u8]) -> Result<Schema, Unreadable> {
        let bad = |detail: String| Unreadable::Schema(detail);
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let root: Value = serde_json::from_slice(bytes)
            .map_err(|error| bad(format!("it is not JSON: {error}")))?;
        let Value::Object(root) = root else {
            return Err(bad("it is not a JSON object".into()));
        };
        let version = root
            .get("_meta")
            .and_then(|meta| meta.get("date_created"))
            .and_then(Value::as_str);
        let version = version
            .ok_or_else(|| bad("`_meta.date_created`, its version, is missing".into()))?
            .to_owned();
        let mut types = Vec::new();
        for (name, entry) in root.iter().filter(|(name, _)| *name != "_meta") {
            types.push(
                report_type(name, entry)
                    .map_err(|detail| bad(format!("report type {name}: {detail}")))?,
            );
        }
        if types.is_empty() {
            return Err(bad("it holds no report type".into()));
        }
        let mut index: FxHashMap<String, usize> = FxHashMap::default();
        for (at, entry) in types.iter().enumerate() {
            index.insert(entry.name.clone(), at);
        }
        for (at, entry) in types.iter().enumerate() {
            index.entry(entry.file_name.clone()).or_insert(at);
        }
        Ok(Schema {
            version,
            types,
            index,
        })
    }

    /// When the schema was made, as it says itself.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Every report type, in the schema's order.
    pub fn types(&self) -> &[ReportType] {
        &self.types
    }

    /// A report type by either of its names.
    pub fn report(&self, name: &str) -> Option<&ReportType> {
        self.index.get(name).map(|at| &self.types[*at])
    }
}

fn report_type(name: &str, entry: &Value) -> Result<ReportType, String> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
    let mut report = ReportType {
        name: name.to_owned(),
        file_name: text("file_name").unwrap_or_else(|| name.to_owned()),
        feed_name: text("feed_name").unwrap_or_else(|| name.to_owned()),
        url: text("url"),
        mappings: Vec::new(),
        constants: Vec::new(),
        unknown: Vec::new(),
    };
    for (section, required) in [("required_fields", true), ("optional_fields", false)] {
        let Some(list) = entry.get(section) else {
            continue;
        };
        let list = list
            .as_array()
            .ok_or_else(|| format!("`{section}` is not a list"))?;
        for mapping in list {
            let mapping = mapping
                .as_array()
                .ok_or_else(|| format!("a member of `{section}` is not a list"))?;
            let column = mapping
                .get(1)
                .and_then(Value::as_str)
                .ok_or_else(|| format!("a member of `{section}` names no column"))?;
            let target = place(mapping.first(), column, &mut report.unknown)?;
            let function = match mapping.get(2) {
                None | Some(Value::Null | Value::Bool(_)) => Function::Keep,
                Some(function) => {
                    let name = function.as_str().unwrap_or_default();
                    Function::named(name).unwrap_or_else(|| {
                        report.unknown.push(format!(
                            "function `{name}` of column `{column}`: its text is kept as it stands"
                        ));
                        Function::Keep
                    })
                }
            };
            report.mappings.push(Mapping {
                target,
                column: column.to_owned(),
                function,
                required,
            });
        }
    }
    if report.mappings.is_empty() {
        return Err("it maps no column".into());
    }
    for (key, value) in entry
        .get("constant_fields")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        match Field::named(key) {
            Some(Field::ClassType) => match classification(&value.to_lowercase()) {
                Some(spec) => report
                    .constants
                    .push((Field::ClassType, spec.name.to_owned())),
                None => report
                    .unknown
                    .push(format!("classification `{value}`: it is left out")),
            },
            Some(field) => report.constants.push((field, value)),
            // Follows from the type.
            None if key == "classification.taxonomy" => {}
            None => report
                .unknown
                .push(format!("field `{key}`: its value `{value}` is left out")),
        }
    }
    Ok(report)
}

fn place(target: Option<&Value>, column: &str, unknown: &mut Vec<String>) -> Result<Place, String> {
    let target = match target {
        Some(Value::Bool(false) | Value::Null) => return Ok(Place::Drop),
        Some(Value::String(target)) => target.as_str(),
        _ => return Err(format!("the mapping of column `{column}` names no field")),
    };
    Ok(match target.strip_prefix("extra.") {
        Some("") => Place::Extra(column.to_owned()),
        Some(name) => Place::Extra(name.to_owned()),
        // Follows from the type.
        None if target == "classification.taxonomy" => Place::Drop,
        None => match Field::named(target) {
            Some(field) => Place::Field(field),
            None => {
                unknown.push(format!(
                    "field `{target}` of column `{column}`: it is kept in `extra`"
                ));
                Place::Extra(target.to_owned())
            }
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_names_of_a_type_find_it() {
        let schema = Schema::parse(super::super::tests::SCHEMA.as_bytes()).expect("our own schema");
        assert_eq!(schema.version(), "2025-01-01T00:00:00Z");
        let by_key = schema.report("event_trap").expect("by key");
        assert_eq!(schema.report("event4_trap").expect("by file name"), by_key);
        assert!(schema.report("scan_nothing").is_none());
        assert_eq!(
            by_key.constants,
            [
                (Field::ClassIdentifier, "trap".to_owned()),
                (Field::ClassType, "brute-force".to_owned())
            ]
        );
    }

    #[test]
    fn what_is_no_schema_says_why() {
        for (text, word) in [
            ("", "JSON"),
            ("[]", "object"),
            ("{}", "date_created"),
            (r#"{"_meta":{"date_created":"x"}}"#, "no report type"),
            (r#"{"_meta":{"date_created":"x"},"a":{}}"#, "maps no column"),
            (
                r#"{"_meta":{"date_created":"x"},"a":{"required_fields":[["source.ip"]]}}"#,
                "names no column",
            ),
            (
                r#"{"_meta":{"date_created":"x"},"a":{"required_fields":[[1,"ip"]]}}"#,
                "names no field",
            ),
        ] {
            let error = Schema::parse(text.as_bytes()).expect_err(text).to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_new_is_noted_and_kept() {
        let schema = Schema::parse(super::super::tests::SCHEMA.as_bytes()).expect("our own schema");
        let report = schema.report("scan_new").expect("a type");
        assert_eq!(report.unknown.len(), 3, "{:?}", report.unknown);
        assert!(report.mappings.contains(&Mapping {
            target: Place::Extra("source.mood".into()),
            column: "mood".into(),
            function: Function::Keep,
            required: false
        }));
        assert!(
            report
                .mappings
                .iter()
                .any(|mapping| mapping.target == Place::Drop)
        );
    }
}
