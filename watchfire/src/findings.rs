//! Findings of a check: what was looked at, what is wrong with which object, and the remedy. Shared by
//! `doctor` and `lake check`; what is looked at is theirs.

use serde::Serialize;

use crate::failure::{Failure, Result};
use crate::table::{Out, clean};
use crate::workspace::Session;

/// Objects that a summary names; the rest is counted.
const NAMED: usize = 3;

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// Nothing is wrong.
    Ok,
    /// Something is wanting.
    Warning,
    /// Something is wrong.
    Error,
}

/// Something wrong with one object.
#[derive(Clone, Debug)]
pub struct Flaw {
    /// How grave.
    pub grade: Grade,
    /// The object: a file, a report, a run.
    pub object: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl Flaw {
    /// A flaw that is an error.
    pub fn new(object: impl Into<String>, what: impl Into<String>, remedy: &str) -> Self {
        Flaw {
            grade: Grade::Error,
            object: object.into(),
            what: what.into(),
            remedy: remedy.to_owned(),
        }
    }
}

/// One finding.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    check: &'static str,
    grade: Grade,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
    message: String,
    remedy: Option<String>,
}

/// Findings in the order in which they were made.
#[derive(Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, check: &'static str, grade: Grade, message: String, remedy: Option<String>) {
        self.0.push(Finding {
            check,
            grade,
            object: None,
            message,
            remedy,
        });
    }

    /// Nothing is wrong.
    pub fn ok(&mut self, check: &'static str, message: impl Into<String>) {
        self.add(check, Grade::Ok, message.into(), None);
    }

    /// Something is wanting.
    pub fn warning(
        &mut self,
        check: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(check, Grade::Warning, message.into(), Some(remedy.into()));
    }

    /// Something is wrong.
    pub fn error(
        &mut self,
        check: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(check, Grade::Error, message.into(), Some(remedy.into()));
    }

    /// A command would fail.
    pub fn failure(&mut self, check: &'static str, failure: &Failure, remedy: &str) {
        let remedy = failure.remedy_text().unwrap_or(remedy);
        self.error(check, failure.message(), remedy);
    }

    /// One finding for all flaws with one remedy, with the first few objects; `whole` if there are none.
    pub fn summarize(&mut self, check: &'static str, flaws: Vec<Flaw>, whole: String) {
        if flaws.is_empty() {
            return self.ok(check, whole);
        }
        let mut rest = flaws;
        while let Some(first) = rest.first().cloned() {
            let (same, other): (Vec<Flaw>, Vec<Flaw>) = rest
                .into_iter()
                .partition(|flaw| flaw.remedy == first.remedy && flaw.grade == first.grade);
            let names: Vec<String> = same
                .iter()
                .map(|flaw| format!("{}: {}", flaw.object, flaw.what))
                .collect();
            let count = match names.len() {
                1 => String::new(),
                count => format!("{count} of them: "),
            };
            let message = format!("{count}{}", some(&names));
            self.add(check, first.grade, message, Some(first.remedy));
            rest = other;
        }
    }

    /// A finding for each flaw; `whole` if there are none.
    pub fn list(&mut self, check: &'static str, flaws: Vec<Flaw>, whole: String) {
        if flaws.is_empty() {
            return self.ok(check, whole);
        }
        self.0.extend(flaws.into_iter().map(|flaw| Finding {
            check,
            grade: flaw.grade,
            message: format!("{}: {}", flaw.object, flaw.what),
            object: Some(flaw.object),
            remedy: Some(flaw.remedy),
        }));
    }

    /// Prints all of them.
    ///
    /// # Errors
    /// Exit code 4 if something is wrong or wanting.
    pub fn print(self, session: &Session) -> Result {
        let Findings(findings) = self;
        let mut out = Out::new();
        if session.json {
            out.json(&findings)?;
        } else {
            for finding in &findings {
                let mark = match finding.grade {
                    Grade::Ok => "ok     ",
                    Grade::Warning => "warning",
                    Grade::Error => "ERROR  ",
                };
                out.line(format_args!(
                    "{mark} {:<13} {}",
                    finding.check,
                    clean(&finding.message)
                ))?;
                if let Some(remedy) = &finding.remedy {
                    out.line(format_args!("{:22}remedy: {}", "", clean(remedy)))?;
                }
            }
        }
        out.end()?;
        if findings.iter().any(|finding| finding.grade > Grade::Ok) {
            Err(Failure::findings())
        } else {
            Ok(())
        }
    }
}

/// The first few names.
pub fn some(names: &[String]) -> String {
    let rest = if names.len() > NAMED { ", ..." } else { "" };
    format!("{}{rest}", names[..names.len().min(NAMED)].join(", "))
}
