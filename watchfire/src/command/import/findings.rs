//! What became of every bot, parameter and file: the report of an import, its table and its JSON.

use serde::Serialize;
use serde_json::{Map, Value as Json};

use crate::failure::Result;
use crate::table::{Out, Table};

/// What became of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It stands in the configuration now.
    TakenOver,
    /// We do it anyway.
    BuiltIn,
    /// A person has to do something, which the remark says.
    NeedsYourHand,
    /// It has no counterpart, or says nothing.
    NotTakenOver,
}

impl Fate {
    /// For a table.
    pub fn label(self) -> &'static str {
        match self {
            Fate::TakenOver => "taken over",
            Fate::BuiltIn => "built in",
            Fate::NeedsYourHand => "needs your hand",
            Fate::NotTakenOver => "not taken over",
        }
    }
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The bot or file.
    pub of: String,
    /// A parameter of it; empty for the thing itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub parameter: String,
    /// What became of it.
    pub fate: Fate,
    /// How, or why not.
    pub remark: String,
}

/// The report.
#[derive(Debug, Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// Says what became of a bot or a file.
    pub fn say(&mut self, of: &str, fate: Fate, remark: impl Into<String>) {
        self.parameter(of, "", fate, remark);
    }

    /// Says what became of a parameter.
    pub fn parameter(&mut self, of: &str, name: &str, fate: Fate, remark: impl Into<String>) {
        self.0.push(Finding {
            of: of.to_owned(),
            parameter: name.to_owned(),
            fate,
            remark: remark.into(),
        });
    }

    /// Says of every parameter of a bot that nothing was said of yet what that means: it was off, or it
    /// was read together with others.
    pub fn complete(&mut self, of: &str, parameters: &Map<String, Json>) {
        for (name, value) in parameters.iter().filter(|(_, value)| !value.is_null()) {
            let said = |finding: &Finding| {
                let rest = finding.parameter.strip_prefix(name.as_str());
                finding.of == of
                    && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
            };
            if self.0.iter().any(said) {
                continue;
            }
            match value == "" || *value == Json::Bool(false) {
                true => self.parameter(of, name, Fate::BuiltIn, "is off there, or says nothing"),
                false => self.parameter(of, name, Fate::TakenOver, "read together with the others"),
            }
        }
    }

    /// Brings what is said of one thing together, the thing before its parameters, each remark once.
    pub fn arrange(&mut self) {
        let mut order: Vec<String> = Vec::new();
        for finding in &self.0 {
            if !order.contains(&finding.of) {
                order.push(finding.of.clone());
            }
        }
        let place = |of: &str| order.iter().position(|known| known == of);
        self.0
            .sort_by_key(|finding| (place(&finding.of), !finding.parameter.is_empty()));
        self.0.dedup();
    }

    /// How many met this fate.
    pub fn count(&self, fate: Fate) -> usize {
        self.0.iter().filter(|finding| finding.fate == fate).count()
    }

    /// Prints the table.
    pub fn print(&self, out: &mut Out) -> Result {
        let mut table = Table::new(["bot or file", "parameter", "what became of it", "remark"]);
        for finding in &self.0 {
            table.row([
                finding.of.clone(),
                finding.parameter.clone(),
                finding.fate.label().to_owned(),
                finding.remark.clone(),
            ]);
        }
        table.print(out)
    }

    /// The sums in a sentence.
    pub fn summary(&self) -> String {
        let fates = [
            Fate::TakenOver,
            Fate::BuiltIn,
            Fate::NeedsYourHand,
            Fate::NotTakenOver,
        ];
        let part = |fate: Fate| format!("{} {}", self.count(fate), fate.label());
        fates.map(part).join(", ")
    }
}
