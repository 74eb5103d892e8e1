//! IntelMQ's modify configuration: a list of rules, each with what must hold and what is then set.
//!
//! `{"rulename": "...", "if": {"source.fqdn": "^www"}, "then": {"comment": "{msg[source.ip]}"}}`: a
//! text is an expression that is searched for (an empty one asks that the key is not there), any other
//! value must be equal; in a text that is set, `{msg[KEY]}` and `{matches[KEY][GROUP]}` are filled in.
//! The expert's parameters, which IntelMQ keeps elsewhere, stand beside the list where they are not
//! the default: `{"case_sensitive": false, "overwrite": false, "maximum_matches": 1, "rules": [...]}`.

use std::collections::BTreeMap;

use regex::{Captures, Regex};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::view::{View, python, same};
use super::{At, pattern};

/// A configuration.
#[derive(Debug)]
pub(super) struct Config {
    rules: Vec<Rule>,
    overwrite: bool,
    maximum_matches: Option<u32>,
}

#[derive(Debug)]
struct Rule {
    name: String,
    conditions: Vec<(String, Condition)>,
    actions: Vec<(String, Action)>,
}

#[derive(Debug)]
enum Condition {
    Absent,
    Matches(Regex),
    Equals(Json),
}

#[derive(Debug)]
enum Action {
    Value(Json),
    Template(Vec<Piece>),
}

#[derive(Debug)]
enum Piece {
    Literal(String),
    Message(String),
    Match(String, Group),
}

#[derive(Debug)]
enum Group {
    Number(usize),
    Name(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    rulename: String,
    #[serde(rename = "if", default)]
    conditions: Map<String, Json>,
    then: Map<String, Json>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped {
    #[serde(default = "yes")]
    case_sensitive: bool,
    #[serde(default = "yes")]
    overwrite: bool,
    #[serde(default)]
    maximum_matches: Option<u32>,
    rules: Vec<WrittenRule>,
}

fn yes() -> bool {
    true
}

/// Reads a configuration.
///
/// # Errors
/// The first fault; one in a rule's words stands at the rule's name.
pub(super) fn parse(text: &str) -> Result<Config, At> {
    let wrapped = if text.trim_start().starts_with('[') {
        serde_json::from_str(text).map(|rules| Wrapped {
            case_sensitive: true,
            overwrite: true,
            maximum_matches: None,
            rules,
        })
    } else {
        serde_json::from_str(text)
    };
    let wrapped = wrapped.map_err(|error| {
        let line = text
            .split_inclusive('\n')
            .take(error.line().saturating_sub(1));
        let offset = line.map(str::len).sum::<usize>() + error.column().saturating_sub(1);
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        At::new(offset, format!("no configuration of modify: {message}"))
    })?;
    let mut rules = Vec::with_capacity(wrapped.rules.len());
    for written in wrapped.rules {
        let at = text.find(&Json::from(written.rulename.as_str()).to_string());
        let fault = |what: String| {
            At::new(
                at.unwrap_or(0),
                format!("rule `{}`: {what}", written.rulename),
            )
        };
        let mut conditions = Vec::new();
        for (key, value) in &written.conditions {
            let condition = match value {
                Json::String(text) if text.is_empty() => Condition::Absent,
                Json::String(text) => {
                    let ignore_case = !wrapped.case_sensitive;
                    Condition::Matches(pattern::compile(text, ignore_case).map_err(fault)?)
                }
                other => Condition::Equals(other.clone()),
            };
            conditions.push((key.clone(), condition));
        }
        let mut actions = Vec::new();
        for (key, value) in &written.then {
            let action = match value {
                Json::String(text) => Action::Template(template(text).map_err(fault)?),
                other => Action::Value(other.clone()),
            };
            actions.push((key.clone(), action));
        }
        rules.push(Rule {
            name: written.rulename.clone(),
            conditions,
            actions,
        });
    }
    Ok(Config {
        rules,
        overwrite: wrapped.overwrite,
        maximum_matches: wrapped.maximum_matches.filter(|most| *most > 0),
    })
}

/// Takes a text with `{...}` apart; a doubled brace is a brace.
fn template(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        literal.push_str(&rest[..at]);
        let brace = &rest[at..at + 1];
        rest = &rest[at + 1..];
        if let Some(behind) = rest.strip_prefix(brace) {
            literal.push_str(brace);
            rest = behind;
            continue;
        }
        let inside = rest.split_once('}').filter(|_| brace == "{");
        let (inside, behind) = inside.ok_or_else(|| format!("`{text}` has a single `{brace}`"))?;
        rest = behind;
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        let message = inside
            .strip_prefix("msg[")
            .and_then(|key| key.strip_suffix(']'));
        let matched = inside
            .strip_prefix("matches[")
            .and_then(|both| both.strip_suffix(']'));
        let matched = matched.and_then(|both| both.split_once("]["));
        pieces.push(match (message, matched) {
            (Some(key), _) => Piece::Message(key.to_owned()),
            (_, Some((key, group))) => {
                let number = group.parse().map(Group::Number);
                Piece::Match(
                    key.to_owned(),
                    number.unwrap_or_else(|_| Group::Name(group.to_owned())),
                )
            }
            _ => {
                return Err(format!(
                    "`{{{inside}}}` is neither {{msg[KEY]}} nor {{matches[KEY][GROUP]}}"
                ));
            }
        });
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(pieces)
}

impl Config {
    /// Runs the rules on an event.
    ///
    /// # Errors
    /// A key that a text asks for and the event does not have, a value that its key does not take.
    pub(super) fn run(&self, view: &mut View) -> Result<(), String> {
        let mut matched = 0;
        for rule in &self.rules {
            let within = |why: String| format!("rule `{}`: {why}", rule.name);
            let Some(texts) = rule.matches(view).map_err(within)? else {
                continue;
            };
            matched += 1;
            for (key, action) in &rule.actions {
                let value = match action {
                    Action::Value(value) => value.clone(),
                    Action::Template(pieces) => {
                        rule.fill(pieces, view, &texts).map_err(within)?.into()
                    }
                };
                if self.overwrite || !view.has(key) {
                    view.set(key, value).map_err(within)?;
                }
            }
            if self.maximum_matches == Some(matched) {
                break;
            }
        }
        Ok(())
    }
}

impl Rule {
    /// The texts in which the rule's expressions were found, `None` where the rule does not hold.
    fn matches(&self, view: &View) -> Result<Option<BTreeMap<&str, String>>, String> {
        let mut texts = BTreeMap::new();
        for (key, condition) in &self.conditions {
            let value = view.get(key);
            let holds = match (condition, value) {
                (Condition::Absent, value) => value.is_none(),
                (_, None) => false,
                (Condition::Equals(wanted), Some(value)) => same(&value, wanted),
                (Condition::Matches(_), Some(Json::Array(_) | Json::Object(_))) => {
                    return Err(format!(
                        "{key} is no text in which something could be found"
                    ));
                }
                (Condition::Matches(regex), Some(value)) => {
                    let text = python(&value);
                    let found = regex.is_match(&text);
                    texts.insert(key.as_str(), text);
                    found
                }
            };
            if !holds {
                return Ok(None);
            }
        }
        Ok(Some(texts))
    }

    fn fill(
        &self,
        pieces: &[Piece],
        view: &View,
        texts: &BTreeMap<&str, String>,
    ) -> Result<String, String> {
        let mut filled = String::new();
        for piece in pieces {
            match piece {
                Piece::Literal(text) => filled.push_str(text),
                Piece::Message(key) => {
                    let value = view.get(key);
                    let value = value.ok_or_else(|| format!("{key} is not in the event"))?;
                    filled.push_str(&python(&value));
                }
                Piece::Match(key, group) => {
                    let captures = self.captures(key, texts)?;
                    let found = match group {
                        Group::Number(number) => captures.get(*number),
                        Group::Name(name) => captures.name(name),
                    };
                    // A group that took no part is `None` to Python, and so written.
                    filled.push_str(found.map_or("None", |found| found.as_str()));
                }
            }
        }
        Ok(filled)
    }

    fn captures<'t>(
        &self,
        key: &str,
        texts: &'t BTreeMap<&str, String>,
    ) -> Result<Captures<'t>, String> {
        let condition = self.conditions.iter().find(|(known, _)| known == key);
        match (condition, texts.get(key)) {
            (Some((_, Condition::Matches(regex))), Some(text)) => regex
                .captures(text)
                .ok_or_else(|| format!("{key} has no match")),
            _ => Err(format!(
                "{{matches[{key}]}} names no expression of the rule"
            )),
        }
    }
}
