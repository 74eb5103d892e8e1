//! IntelMQ's sieve language: the tree of a script, and how it runs on an event.
//!
//! The grammar and the meaning of every operator are those of IntelMQ 3.5's sieve expert; a test runs
//! that expert beside this one. Three things are wider here: numbers may be compared in any key, a
//! variable may stand wherever a value may, and what is wrong with a pattern, a network or a time is
//! found when the file is read. What IntelMQ would answer with an exception is an error here.

use std::collections::HashMap;

use formats::intelmq;
use ipnet::IpNet;
use jiff::tz::TimeZone;
use model::time::Timestamp;
use regex::Regex;
use serde_json::Value as Json;

use super::view::{PATH, View, number, python, same};
use super::{Verdict, pattern};

mod parse;

pub(super) use parse::parse;

/// A script.
#[derive(Debug)]
pub(super) struct Script(Vec<Statement>);

#[derive(Debug)]
enum Statement {
    Act(u32, Action),
    /// Clauses with their expressions; the last may have none.
    Branch(Vec<(Option<Expression>, Vec<Statement>)>),
}

/// Any of these, of which all.
#[derive(Debug)]
struct Expression(Vec<Vec<Condition>>);

#[derive(Debug)]
struct Condition {
    negated: bool,
    test: Test,
}

/// A key, written or named by a variable; as a value, one of several kinds.
#[derive(Debug)]
enum Name {
    Key(String),
    Variable(String),
}

/// A value that is written or stands in a variable.
#[derive(Debug)]
enum Operand<T> {
    Given(T),
    Variable(String),
}

#[derive(Debug)]
enum Test {
    Group(Expression),
    Exists(Name, bool),
    Text(Name, TextTest, Operand<String>),
    Pattern(Name, bool, Operand<Regex>),
    In(Name, Vec<Operand<Json>>),
    ContainsAny(Name, Vec<Operand<String>>),
    PatternIn(Name, Vec<Operand<Regex>>),
    Number(Name, NumberTest, f64),
    Truth(Name, bool, bool),
    Network(Name, Vec<IpNet>),
    Time(Name, bool, Operand<Moment>),
    List(Name, ListTest, Vec<Operand<Json>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TextTest {
    Equal,
    Unequal,
    Contains,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NumberTest {
    Equal,
    Unequal,
    AtMost,
    AtLeast,
    Less,
    More,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ListTest {
    Equals,
    SetEquals,
    Overlaps,
    SubsetOf,
    SupersetOf,
}

/// A point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// Microseconds since 1970, UTC.
    At(i64),
    /// Microseconds before the receipt of the report.
    Before(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Assign {
    Set,
    Later,
    Earlier,
}

#[derive(Debug)]
enum Action {
    Drop,
    Keep,
    Path(Json),
    /// Set, where the key is not there.
    Add(Name, Assign, Operand<Json>),
    /// Set in any case.
    Force(Name, Assign, Operand<Json>),
    /// Set, where the key is there.
    Update(Name, Assign, Operand<Json>),
    Remove(Name),
    /// Append to a list; in force, make one of what is there.
    Append(Name, bool, Operand<Json>),
    /// Set a variable to what a key has.
    Bind(String, String),
}

/// How a statement ended.
enum Flow {
    Next,
    Stop,
    Drop(u32),
}

type Outcome<T> = Result<T, String>;

/// One run on one event.
struct Run<'v> {
    view: &'v mut View,
    variables: HashMap<&'v str, Json>,
    received_at: Timestamp,
}

impl Script {
    /// Runs the script; spans of time count back from `received_at`.
    ///
    /// # Errors
    /// An action or a comparison that the event's values do not allow.
    pub(super) fn run(&self, view: &mut View, received_at: Timestamp) -> Outcome<Verdict> {
        let mut run = Run {
            view,
            variables: HashMap::new(),
            received_at,
        };
        Ok(match run.statements(&self.0)? {
            Flow::Drop(line) => Verdict::Drop(line),
            Flow::Next | Flow::Stop => Verdict::Pass,
        })
    }
}

impl<'v> Run<'v> {
    fn statements(&mut self, statements: &'v [Statement]) -> Outcome<Flow> {
        for statement in statements {
            let flow = match statement {
                Statement::Act(line, action) => self
                    .act(*line, action)
                    .map_err(|why| format!("line {line}: {why}"))?,
                Statement::Branch(clauses) => self.branch(clauses)?,
            };
            if !matches!(flow, Flow::Next) {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn branch(&mut self, clauses: &'v [(Option<Expression>, Vec<Statement>)]) -> Outcome<Flow> {
        for (expression, statements) in clauses {
            let holds = match expression {
                Some(expression) => self.holds(expression)?,
                None => true,
            };
            if holds {
                return self.statements(statements);
            }
        }
        Ok(Flow::Next)
    }

    fn holds(&self, expression: &Expression) -> Outcome<bool> {
        for all in &expression.0 {
            let mut every = true;
            for condition in all {
                if self.test(&condition.test)? == condition.negated {
                    every = false;
                    break;
                }
            }
            if every {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn variable(&self, name: &str) -> Outcome<&Json> {
        let value = self.variables.get(name);
        value.ok_or_else(|| format!("variable {name} is used before it is set"))
    }

    fn name<'n>(&'n self, name: &'n Name) -> Outcome<&'n str> {
        match name {
            Name::Key(key) => Ok(key),
            Name::Variable(variable) => {
                let value = self.variable(variable)?;
                let fault = || format!("variable {variable} names no key: it is {}", python(value));
                value.as_str().ok_or_else(fault)
            }
        }
    }

    fn value(&self, operand: &Operand<Json>) -> Outcome<Json> {
        match operand {
            Operand::Given(value) => Ok(value.clone()),
            Operand::Variable(name) => self.variable(name).cloned(),
        }
    }

    fn values(&self, operands: &[Operand<Json>]) -> Outcome<Vec<Json>> {
        operands.iter().map(|operand| self.value(operand)).collect()
    }

    fn text(&self, name: &str) -> Outcome<&str> {
        let value = self.variable(name)?;
        let fault = || format!("variable {name} is no text: it is {}", python(value));
        value.as_str().ok_or_else(fault)
    }

    fn is_match(&self, operand: &Operand<Regex>, text: &str) -> Outcome<bool> {
        match operand {
            Operand::Given(regex) => Ok(regex.is_match(text)),
            Operand::Variable(name) => {
                pattern::compile(self.text(name)?, false).map(|regex| regex.is_match(text))
            }
        }
    }

    fn test(&self, test: &Test) -> Outcome<bool> {
        let name = match test {
            Test::Group(expression) => return self.holds(expression),
            Test::Exists(name, wanted) => return Ok(self.view.has(self.name(name)?) == *wanted),
            Test::Text(name, ..)
            | Test::Pattern(name, ..)
            | Test::In(name, _)
            | Test::ContainsAny(name, _)
            | Test::PatternIn(name, _)
            | Test::Number(name, ..)
            | Test::Truth(name, ..)
            | Test::Network(name, _)
            | Test::Time(name, ..)
            | Test::List(name, ..) => self.name(name)?,
        };
        let Some(value) = self.view.get(name) else {
            // What is not there is unlike any text, and has no other property.
            return Ok(matches!(
                test,
                Test::Text(_, TextTest::Unequal, _) | Test::Pattern(_, false, _)
            ));
        };
        let only_text = |what: &str| {
            let text = value.as_str();
            text.ok_or_else(|| {
                format!(
                    "{name} is {} and no text: {what} cannot be applied",
                    python(&value)
                )
            })
        };
        match test {
            Test::Group(_) | Test::Exists(..) => Ok(false),
            Test::Text(_, test, operand) => {
                let wanted = match operand {
                    Operand::Given(text) => text.as_str(),
                    Operand::Variable(name) => self.text(name)?,
                };
                Ok(match test {
                    TextTest::Equal => value == wanted,
                    TextTest::Unequal => value != wanted,
                    TextTest::Contains => python(&value).contains(wanted),
                })
            }
            Test::Pattern(_, wanted, operand) => {
                Ok(self.is_match(operand, &python(&value))? == *wanted)
            }
            Test::In(_, operands) => Ok(self
                .values(operands)?
                .iter()
                .any(|wanted| same(&value, wanted))),
            Test::ContainsAny(_, operands) => {
                let text = only_text(":containsany")?;
                for operand in operands {
                    let part = match operand {
                        Operand::Given(part) => part,
                        Operand::Variable(name) => self.text(name)?,
                    };
                    if text.contains(part) {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Test::PatternIn(_, operands) => {
                let text = only_text(":regexin")?;
                for operand in operands {
                    if self.is_match(operand, text)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Test::Number(_, test, wanted) => match (test, number(&value)) {
                (NumberTest::Equal, have) => Ok(have == Some(*wanted)),
                (NumberTest::Unequal, have) => Ok(have != Some(*wanted)),
                (_, None) => Err(format!("{name} is {} and no number", python(&value))),
                (NumberTest::AtMost, Some(have)) => Ok(have <= *wanted),
                (NumberTest::AtLeast, Some(have)) => Ok(have >= *wanted),
                (NumberTest::Less, Some(have)) => Ok(have < *wanted),
                (NumberTest::More, Some(have)) => Ok(have > *wanted),
            },
            Test::Truth(_, equal, wanted) => Ok(value
                .as_bool()
                .is_some_and(|have| (have == *wanted) == *equal)),
            Test::Network(_, networks) => {
                let address = value
                    .as_str()
                    .and_then(|text| text.parse::<std::net::IpAddr>().ok());
                Ok(address.is_some_and(|ip| networks.iter().any(|network| network.contains(&ip))))
            }
            Test::Time(_, before, operand) => {
                let moment = match operand {
                    Operand::Given(moment) => *moment,
                    Operand::Variable(name) => moment(self.text(name)?)?,
                };
                let wanted = match moment {
                    Moment::At(at) => at,
                    Moment::Before(span) => self.received_at.0 - span,
                };
                let at = value.as_str().and_then(instant);
                Ok(at.is_some_and(|at| if *before { at < wanted } else { at > wanted }))
            }
            Test::List(_, test, operands) => {
                let Some(have) = value.as_array() else {
                    return Ok(false);
                };
                let wanted = self.values(operands)?;
                Ok(test.holds(have, &wanted))
            }
        }
    }

    fn act(&mut self, line: u32, action: &'v Action) -> Outcome<Flow> {
        match action {
            Action::Drop => return Ok(Flow::Drop(line)),
            Action::Keep => return Ok(Flow::Stop),
            Action::Path(path) => self.view.set(PATH, path.clone())?,
            Action::Add(name, assign, operand) => {
                let key = self.name(name)?.to_owned();
                if !self.view.has(&key) {
                    self.assign(&key, *assign, operand)?;
                }
            }
            Action::Force(name, assign, operand) => {
                let key = self.name(name)?.to_owned();
                self.assign(&key, *assign, operand)?;
            }
            Action::Update(name, assign, operand) => {
                let key = self.name(name)?.to_owned();
                if self.view.has(&key) {
                    self.assign(&key, *assign, operand)?;
                }
            }
            Action::Remove(name) => {
                let key = self.name(name)?.to_owned();
                self.view.remove(&key);
            }
            Action::Append(name, force, operand) => {
                let key = self.name(name)?.to_owned();
                let value = self.value(operand)?;
                match (self.view.get(&key), force) {
                    (None, _) => self.view.set(&key, vec![value].into())?,
                    (Some(Json::Array(mut list)), _) => {
                        list.push(value);
                        self.view.set(&key, list.into())?;
                    }
                    (Some(one), true) => self.view.set(&key, vec![one, value].into())?,
                    // A single value stays one: IntelMQ says nothing either.
                    (Some(_), false) => {}
                }
            }
            Action::Bind(variable, key) => {
                let value = self.view.get(key);
                let value = value.ok_or_else(|| format!("{key} is not in the event"))?;
                self.variables.insert(variable, value);
            }
        }
        Ok(Flow::Next)
    }

    fn assign(&mut self, key: &str, assign: Assign, operand: &Operand<Json>) -> Outcome<()> {
        let value = self.value(operand)?;
        let sign = match assign {
            Assign::Set => return self.view.set(key, value),
            Assign::Later => 1,
            Assign::Earlier => -1,
        };
        let have = self.view.get(key);
        let have = have.ok_or_else(|| format!("{key} is not in the event"))?;
        let at = have.as_str().and_then(instant);
        let at = at.ok_or_else(|| format!("{key} is {} and no time", python(&have)))?;
        let span = value.as_str().and_then(span);
        let span =
            span.ok_or_else(|| format!("`{}` is no span such as `10 hours`", python(&value)))?;
        let moved = at
            .checked_add(sign * span)
            .map(Timestamp)
            .and_then(intelmq::time);
        let moved = moved.ok_or_else(|| format!("{key}: the time leaves the calendar"))?;
        self.view.set(key, moved.into())
    }
}

impl ListTest {
    fn holds(self, have: &[Json], wanted: &[Json]) -> bool {
        let within = |a: &[Json], b: &[Json]| a.iter().all(|a| b.iter().any(|b| same(a, b)));
        match self {
            ListTest::Equals => {
                have.len() == wanted.len() && have.iter().zip(wanted).all(|(a, b)| same(a, b))
            }
            ListTest::SetEquals => within(have, wanted) && within(wanted, have),
            ListTest::Overlaps => have.iter().any(|a| wanted.iter().any(|b| same(a, b))),
            ListTest::SubsetOf => within(have, wanted),
            ListTest::SupersetOf => within(wanted, have),
        }
    }
}

/// Microseconds since 1970 of a time; one without a zone is UTC.
fn instant(text: &str) -> Option<i64> {
    formats::value::instant(text, &TimeZone::UTC).map(|written| written.at.0)
}

/// Microseconds of a span such as `10 hours` or `1 week`.
fn span(text: &str) -> Option<i64> {
    const UNITS: &[(&str, i64)] = &[
        ("second", 1),
        ("minute", 60),
        ("hour", 3_600),
        ("day", 86_400),
        ("week", 604_800),
        ("month", 2_592_000),
        ("year", 31_536_000),
    ];
    let (count, unit) = text.trim().split_once(char::is_whitespace)?;
    let unit = unit.trim_start();
    let unit = unit.strip_suffix('s').unwrap_or(unit);
    let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let count = formats::value::int(count).filter(|count| *count >= 0)?;
    count.checked_mul(seconds * 1_000_000)
}

/// A time or a span before the receipt.
fn moment(text: &str) -> Outcome<Moment> {
    let at = instant(text).map(Moment::At);
    at.or_else(|| span(text).map(Moment::Before))
        .ok_or_else(|| format!("`{text}` is neither a time nor a span such as `10 hours`"))
}
