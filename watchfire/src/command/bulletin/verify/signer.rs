//! Who signed an issue, by its row and by the audit trail: the row alone can be written over by whoever has the
//! database, the trail only with every row after it.

use ledger::{AuditFilter, EditionKey, Issue, Page};

use super::Verdict;
use crate::failure::Result;
use crate::workspace::Workspace;

/// Whether the audit trail, whose rows are chained by hash, names the same signer of the same content as the row.
pub fn compare(verdict: &mut Verdict, workspace: &Workspace, issue: &Issue) -> Result {
    let ledger = &workspace.ledger;
    if let Err(error) = workspace.block_on(ledger.verify_audit()) {
        verdict
            .signature
            .push(format!("the audit trail does not hold: {error}"));
    }
    let key = EditionKey {
        series: issue.series.clone(),
        year: issue.year,
        number: issue.number,
    };
    let filter = AuditFilter {
        object: Some(format!("{} revision {}", key.object(), issue.revision)),
        action: Some("issue.approve".to_owned()),
        ..AuditFilter::default()
    };
    let rows = workspace.block_on(ledger.audit_rows(&filter, Page::ALL))?;
    let signed = rows.first();
    match (&issue.approved_by, signed) {
        (None, None) => {}
        (None, Some(row)) => verdict.signature.push(format!(
            "the audit trail says that {} signed it, the row is a draft",
            row.actor
        )),
        (Some(by), None) => verdict.signature.push(format!(
            "the row says that {by} signed it, the audit trail knows of no signature"
        )),
        (Some(by), Some(row)) => {
            if *by != row.actor {
                verdict.signature.push(format!(
                    "the row says that {by} signed it, the audit trail that {} did",
                    row.actor
                ));
            }
            if issue.approved_at != Some(row.at) {
                verdict.signature.push(
                    "the row and the audit trail name different times of the signature".to_owned(),
                );
            }
            let detail: serde_json::Value = serde_json::from_str(&row.detail).unwrap_or_default();
            if detail["hash"] != issue.hash.to_string() {
                verdict.signature.push(format!(
                    "the audit trail says that content {} was signed, the row has {}",
                    detail["hash"].as_str().unwrap_or("unknown"),
                    issue.hash
                ));
            }
            if detail["author"] != issue.author {
                verdict
                    .signature
                    .push("the row names another author than was signed".to_owned());
            }
            if verdict.signature.is_empty() {
                verdict.signed_by = Some(row.actor.clone());
            }
        }
    }
    Ok(())
}
