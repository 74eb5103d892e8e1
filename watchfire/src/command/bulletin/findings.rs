//! The check of a revision: everything that the lint needs, gathered from the workspace.

use ledger::{EditionKey, Issue};
use model::bulletin::Lang;
use serde_json::{Value, json};

use crate::failure::Result;
use crate::table::Out;
use crate::workspace::Workspace;

/// What the check found.
pub struct Checked {
    findings: Vec<String>,
}

impl Checked {
    /// Names of what blocks.
    pub fn blocks(&self) -> Vec<String> {
        self.findings.clone()
    }

    /// Names of what a person must answer for.
    pub fn asks(&self) -> Vec<String> {
        Vec::new()
    }

    /// For programs.
    pub fn json(&self, _open: &[String]) -> Value {
        json!(self.findings)
    }

    /// For people.
    pub fn print(&self, _open: &[String], _lang: Lang, out: &mut Out) -> Result {
        self.findings
            .iter()
            .try_for_each(|finding| out.line(finding))
    }
}

/// Checks a revision.
pub fn check(_workspace: &Workspace, _key: &EditionKey, row: &Issue) -> Result<Checked> {
    Ok(Checked {
        findings: super::parse(row)?.check(),
    })
}
