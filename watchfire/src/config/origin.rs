//! Where a value of the configuration comes from, and what an error of the TOML reader means to the
//! person who wrote the file.

use std::collections::BTreeMap;
use std::ops::Range;

use toml_edit::{Document, Item, TableLike, Value as Edited};

use super::written::Written;
use super::{Environment, FILE, Problem, nearest};

/// Prefix of variables that override values.
pub const PREFIX: &str = "WATCHFIRE__";

/// Sections that are lists of entries; they stand in the file only.
const LISTS: [&str; 4] = ["reference", "retention", "vantage", "feed"];

/// Who said what a value is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Nobody: the program's own default.
    Default,
    /// The file, on this line.
    Line(usize),
    /// The environment, by this variable.
    Environment(String),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::Line(line) => write!(f, "{FILE}:{line}"),
            Origin::Environment(name) => write!(f, "environment {name}"),
        }
    }
}

/// A value as it stands.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Shown {
    /// `section.key`, for entries of lists `feed.NAME.key`.
    pub key: String,
    /// The value.
    pub value: toml::Value,
    /// Where it comes from.
    pub origin: Origin,
}

/// The text of the file, with the places of its keys.
pub struct Spelling {
    text: String,
    document: Document<String>,
}

impl Spelling {
    /// Reads the places.
    ///
    /// # Errors
    /// The text is no TOML.
    pub fn of(text: &str) -> Result<Self, Vec<Problem>> {
        match Document::parse(text.to_owned()) {
            Ok(document) => Ok(Spelling {
                text: text.to_owned(),
                document,
            }),
            Err(error) => {
                let line = error.span().map(|span| line_at(text, span.start));
                let message = error.message().trim().replace('\n', ", ");
                let place = place(line);
                Err(vec![
                    Problem::new(place, format!("not valid TOML: {message}"))
                        .remedy("texts stand in quotes, sections in [brackets], feeds in [[feed]]"),
                ])
            }
        }
    }

    /// `watchfire.toml:LINE` of a key such as `series.id` or an entry such as `feed.3`.
    pub fn place(&self, key: &str) -> String {
        let mut at: Option<Range<usize>> = None;
        let mut item: Option<&Item> = Some(self.document.as_item());
        let mut table: Option<&dyn TableLike> = Some(self.document.as_table());
        for part in key.split('.') {
            let span;
            (item, table, span) = match (
                table.and_then(|table| table.get_key_value(part)),
                part.parse::<usize>(),
            ) {
                (Some((key, item)), _) => (
                    Some(item),
                    item.as_table_like(),
                    key.span().or_else(|| item.span()),
                ),
                (None, Ok(index)) => match item.and_then(|item| entry(item, index)) {
                    Some((table, span)) => (None, Some(table), span),
                    None => break,
                },
                (None, Err(_)) => break,
            };
            at = span.or(at);
        }
        place(at.map(|span| line_at(&self.text, span.start)))
    }

    /// The problem behind an error of serde, with the key that may have been meant.
    pub fn problem(&self, error: &toml::de::Error) -> Problem {
        let line = error.span().map(|span| line_at(&self.text, span.start));
        let message = error.message().trim();
        if let Some((unknown, known)) = unknown_field(message) {
            let remedy = match nearest(unknown, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("keys here are {}", known.join(", ")),
            };
            return Problem::new(place(line), format!("unknown key `{unknown}`")).remedy(remedy);
        }
        if let Some(missing) = message.strip_prefix("missing field ") {
            let missing = missing.trim_matches('`');
            return Problem::new(place(line), format!("`{missing}` is missing"))
                .remedy(format!("add {missing} = ..."));
        }
        Problem::new(place(line), message.replace('\n', ", "))
    }

    /// Every value of `written` with its origin.
    pub fn origins(&self, written: &Written, overridden: &BTreeMap<String, String>) -> Vec<Shown> {
        let mut shown = Vec::new();
        for (section, value) in &table_of(written) {
            let item = self.document.as_table().get(section);
            match value {
                toml::Value::Array(entries) => {
                    for (at, value) in entries.iter().enumerate() {
                        let name = value
                            .get("name")
                            .or_else(|| value.get("kind"))
                            .and_then(toml::Value::as_str);
                        let name = name.map_or_else(|| at.to_string(), str::to_owned);
                        let table = item
                            .and_then(|item| entry(item, at))
                            .map(|(table, _)| table);
                        self.origins_in(
                            &format!("{section}.{name}"),
                            value,
                            table,
                            overridden,
                            &mut shown,
                        );
                    }
                }
                value => {
                    let table = item.and_then(Item::as_table_like);
                    self.origins_in(section, value, table, overridden, &mut shown);
                }
            }
        }
        shown
    }

    fn origins_in(
        &self,
        prefix: &str,
        value: &toml::Value,
        written: Option<&dyn TableLike>,
        overridden: &BTreeMap<String, String>,
        shown: &mut Vec<Shown>,
    ) {
        let Some(table) = value.as_table() else {
            return;
        };
        for (name, value) in table {
            let key = format!("{prefix}.{name}");
            let found = written.and_then(|table| table.get_key_value(name));
            if value.is_table() {
                let inner = found.and_then(|(_, item)| item.as_table_like());
                self.origins_in(&key, value, inner, overridden, shown);
                continue;
            }
            let line = found.and_then(|(key, item)| key.span().or_else(|| item.span()));
            let origin = match (overridden.get(&key), line) {
                (Some(variable), _) => Origin::Environment(variable.clone()),
                (None, Some(span)) => Origin::Line(line_at(&self.text, span.start)),
                (None, None) => Origin::Default,
            };
            shown.push(Shown {
                key,
                value: value.clone(),
                origin,
            });
        }
    }
}

/// The configuration with the environment's values in place, and which keys they replaced.
///
/// # Errors
/// A variable with the prefix that names no key, or whose value does not fit.
pub fn override_from(
    written: &Written,
    environment: &Environment,
) -> Result<(Written, BTreeMap<String, String>), Vec<Problem>> {
    let mut table = table_of(written);
    let mut overridden = BTreeMap::new();
    let mut problems = Vec::new();
    for (variable, text) in environment.range(PREFIX.to_owned()..) {
        let Some(path) = variable.strip_prefix(PREFIX) else {
            break;
        };
        let path = path.to_ascii_lowercase();
        let parts = path.split_once("__");
        let slot = parts
            .filter(|(section, _)| !LISTS.contains(section))
            .and_then(|(section, key)| table.get_mut(section)?.get_mut(key));
        let Some(slot) = slot else {
            let known = variables(&table);
            let remedy = match nearest(variable, known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("unset it; feeds and reference tables are set in {FILE}"),
            };
            problems
                .push(Problem::new(variable, "names no key of the configuration").remedy(remedy));
            continue;
        };
        let value = match slot {
            toml::Value::Integer(_) => text
                .trim()
                .parse()
                .ok()
                .filter(|n| u32::try_from(*n).is_ok())
                .map(toml::Value::Integer)
                .ok_or(("whole number", "give digits, as in 4")),
            toml::Value::Boolean(_) => text
                .trim()
                .parse()
                .ok()
                .map(toml::Value::Boolean)
                .ok_or(("truth value", "give true or false")),
            toml::Value::Array(_) => {
                let parts = text
                    .split(',')
                    .map(str::trim)
                    .filter(|part| !part.is_empty());
                Ok(toml::Value::Array(
                    parts
                        .map(|part| toml::Value::String(part.to_owned()))
                        .collect(),
                ))
            }
            _ => Ok(toml::Value::String(text.clone())),
        };
        match value {
            Ok(value) => {
                *slot = value;
                overridden.insert(path.replacen("__", ".", 1), variable.clone());
            }
            Err((what, remedy)) => problems
                .push(Problem::new(variable, format!("`{text}` is no {what}")).remedy(remedy)),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let written = table
        .try_into()
        .map_err(|error: toml::de::Error| vec![Problem::new("environment", error.message())])?;
    Ok((written, overridden))
}

/// Every variable that may be set.
pub fn variables(table: &toml::Table) -> Vec<String> {
    let sections = table
        .iter()
        .filter(|(section, _)| !LISTS.contains(&section.as_str()));
    sections
        .filter_map(|(section, value)| Some((section, value.as_table()?)))
        .flat_map(|(section, keys)| {
            keys.keys().map(move |key| {
                format!(
                    "{PREFIX}{}__{}",
                    section.to_ascii_uppercase(),
                    key.to_ascii_uppercase()
                )
            })
        })
        .collect()
}

/// The configuration as a table, defaults included.
pub fn table_of(written: &Written) -> toml::Table {
    toml::Table::try_from(written)
        .expect("the structs of the configuration hold only what TOML can write")
}

fn place(line: Option<usize>) -> String {
    line.map_or_else(|| FILE.to_owned(), |line| format!("{FILE}:{line}"))
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.as_bytes()[..offset.min(text.len())]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
}

/// An entry of a list of tables, however it is written.
fn entry(item: &Item, at: usize) -> Option<(&dyn TableLike, Option<Range<usize>>)> {
    match item {
        Item::ArrayOfTables(list) => list
            .get(at)
            .map(|table| (table as &dyn TableLike, table.span())),
        Item::Value(Edited::Array(list)) => {
            let table = list.get(at)?.as_inline_table()?;
            Some((table as &dyn TableLike, table.span()))
        }
        _ => None,
    }
}

/// Reads serde's message about an unknown field: the field and those there are.
fn unknown_field(message: &str) -> Option<(&str, Vec<&str>)> {
    let rest = message.strip_prefix("unknown field `")?;
    let (unknown, rest) = rest.split_once('`')?;
    Some((unknown, rest.split('`').skip(1).step_by(2).collect()))
}
