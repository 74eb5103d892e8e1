//! The check of a revision: everything that the lint needs, gathered from the workspace.

use bulletin::editorial::Around;
use bulletin::frozen::FrozenWeek;
use bulletin::lint::closures::ClosureProfile;
use bulletin::lint::{Finding, Severity, Subject, extract, lint};
use ledger::{EditionKey, Issue};
use model::bulletin::{Lang, Tlp};
use serde_json::{Value, json};

use super::drafting::{baseline, public_issues};
use crate::failure::Result;
use crate::table::Out;
use crate::weekly::Desk;
use crate::weeks::Named;
use crate::workspace::Workspace;

/// What the check found.
pub struct Checked {
    /// All of it, in the order of the rules.
    pub findings: Vec<Finding>,
}

impl Checked {
    fn of(&self, severity: Severity) -> Vec<String> {
        let of_it = self
            .findings
            .iter()
            .filter(|finding| finding.severity == severity);
        of_it.map(Finding::fingerprint).collect()
    }

    /// Names of what blocks.
    pub fn blocks(&self) -> Vec<String> {
        self.of(Severity::Blocks)
    }

    /// Names of what a person must answer for.
    pub fn asks(&self) -> Vec<String> {
        self.of(Severity::Asks)
    }

    /// For programs: each finding with its name and whether somebody answered for it.
    pub fn json(&self, open: &[String]) -> Value {
        let one = |finding: &Finding| {
            let name = finding.fingerprint();
            let answered = finding.severity == Severity::Asks && !open.contains(&name);
            json!({ "name": name, "answered": answered, "finding": finding })
        };
        self.findings.iter().map(one).collect()
    }

    /// For people: what blocks first, each with its remedy.
    pub fn print(&self, open: &[String], lang: Lang, out: &mut Out) -> Result {
        for finding in &self.findings {
            let name = finding.fingerprint();
            let state = match finding.severity {
                Severity::Blocks => "blocks",
                Severity::Asks if open.contains(&name) => "asks",
                Severity::Asks => "answered",
            };
            out.line(format_args!(
                "{state:8} {name} {}: {}",
                finding.object,
                finding.text.get(lang)
            ))?;
            if state != "answered" {
                out.line(format_args!(
                    "         remedy: {}",
                    finding.remedy.get(lang)
                ))?;
            }
        }
        let count = |state: Severity| self.of(state).len();
        out.line(format_args!(
            "{} block approval, {} ask for an answer, {} of them answered",
            count(Severity::Blocks),
            count(Severity::Asks),
            count(Severity::Asks) - open.len()
        ))
    }
}

/// Checks a revision.
///
/// # Errors
/// The row was changed after it was frozen, or the ledger fails.
pub fn check(workspace: &Workspace, key: &EditionKey, row: &Issue) -> Result<Checked> {
    let desk = Desk::new(workspace)?;
    let bulletin = super::parse(row)?;
    let name = format!("{}-{}", row.year, row.number);
    let frozen = FrozenWeek::from_json(&name, &row.statistics)?;
    let around = Around::from_json(&row.around)?;
    let named = Named {
        week: frozen.week,
        issue: Some(frozen.issue),
    };
    let past = desk.past(named)?;
    let last = baseline(workspace, &key.series, frozen.week)?;
    let outputs = extract::of(&bulletin)?;
    let (_, cut_off) = frozen.week.span(&workspace.settings.zone);
    let closures = desk.wait(ClosureProfile::read(&workspace.ledger, cut_off.0))?;
    let published = public_issues(workspace, &key.series)?;
    let findings = desk.with_names(|names| {
        lint(&Subject {
            bulletin: &bulletin,
            frozen: &frozen,
            past: &past,
            baseline: last.map(|(_, baseline)| baseline),
            editorial: &around.editorial,
            feeds: desk.feeds(),
            outputs: &outputs,
            closures: Some(&closures),
            names,
            public: workspace.settings.series.tlp == Tlp::Clear,
            series_tlp: workspace.settings.series.tlp,
            published: &published,
            files: &[],
        })
    });
    Ok(Checked { findings })
}
