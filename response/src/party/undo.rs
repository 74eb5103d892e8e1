//! Imports that were applied, so that the last of a source can be undone: what each did is written down
//! before it is done, and undoing what was done in part undoes that part.

use ledger::Ledger;
use ledger::organization::{Applied, Undone};
use serde::{Deserialize, Serialize};

use super::Difference;
use crate::{Desk, Error, Result};

/// Imports of a source that are remembered.
const MOST: usize = 10;

/// An import that was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// When, microseconds UTC.
    pub at: i64,
    /// Who.
    pub actor: String,
    /// Why it was approved, where it had to be.
    pub approved: Option<String>,
    /// What it did.
    pub applied: Applied,
}

fn key(source: &str) -> String {
    format!("orgs.applied.{source}")
}

/// The imports of a source that can be undone, the oldest first.
///
/// # Errors
/// The ledger fails.
pub async fn imports_of(ledger: &Ledger, source: &str) -> Result<Vec<Import>> {
    let kept = ledger.setting::<Vec<Import>>(&key(source)).await?;
    Ok(kept.unwrap_or_default())
}

impl Desk {
    /// Writes down what a difference will do.
    pub(super) async fn note_import(
        &self,
        difference: &Difference,
        source: &str,
        approved: Option<&str>,
        actor: &str,
    ) -> Result<()> {
        let mut all = imports_of(&self.ledger, source).await?;
        all.push(Import {
            at: (self.clock)().0,
            actor: actor.to_owned(),
            approved: approved.map(str::to_owned),
            applied: Applied {
                organizations: difference.add.iter().map(|new| new.id).collect(),
                contacts: difference.contacts.iter().map(|(_, new)| new.id).collect(),
                responsible: difference.responsible.clone(),
                ended: difference.ended.clone(),
            },
        });
        let passed = all.len().saturating_sub(MOST);
        all.drain(..passed);
        self.ledger.set_setting(&key(source), &all).await?;
        Ok(())
    }

    /// Undoes the last import of a source. What a person changed since stays. Audited.
    ///
    /// # Errors
    /// There is none to undo.
    pub async fn undo_import(&self, source: &str, actor: &str) -> Result<(Import, Undone)> {
        let mut all = imports_of(&self.ledger, source).await?;
        let last = all.pop().ok_or_else(|| {
            Error::refused(
                format_args!("source {source}"),
                "has no import that could be undone: `watchfire orgs list` shows the sources",
            )
        })?;
        let now = (self.clock)().0;
        let undone = self
            .ledger
            .undo_import(source, &last.applied, actor, now)
            .await?;
        self.ledger.set_setting(&key(source), &all).await?;
        Ok((last, undone))
    }
}
