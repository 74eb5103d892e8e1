//! What the commands of response share: the desk they work at, and the register, rules and table.

use std::path::Path;
use std::sync::Arc;

use ledger::{Incident, Reach};
use model::ids::IncidentId;
use response::Desk;
use response::route::{DEFAULT_TABLE, Parties, Table};
use response::triage::{DEFAULT_RULES, Rules};

use crate::failure::{Failure, Result};
use crate::workspace::{Workspace, now, random};

/// The desk of a workspace, by the machine's clock.
pub fn desk(workspace: &Workspace) -> Desk {
    Desk {
        lake: workspace.lake.clone(),
        ledger: workspace.ledger.clone(),
        blobs: workspace.blobs.clone(),
        clock: Arc::new(now),
        random: Arc::new(random),
    }
}

fn text(workspace: &Workspace, path: &str, default: &str) -> Result<String> {
    if path.is_empty() {
        return Ok(default.to_owned());
    }
    let path = workspace.root.join(Path::new(path));
    std::fs::read_to_string(&path).map_err(|error| Failure::new(path.display(), error))
}

/// The triage rules of a workspace.
pub fn rules(workspace: &Workspace) -> Result<Rules> {
    let text = text(workspace, &workspace.settings.response.rules, DEFAULT_RULES)?;
    Rules::read(&text).map_err(|error| Failure::new("response.rules", error))
}

/// The routing table of a workspace.
pub fn table(workspace: &Workspace) -> Result<Table> {
    let text = text(workspace, &workspace.settings.response.table, DEFAULT_TABLE)?;
    Table::read(&text).map_err(|error| Failure::new("response.table", error))
}

/// The register, compiled; what cannot be used is warned of.
pub fn parties(workspace: &Workspace) -> Result<Parties> {
    let register = workspace.block_on(workspace.ledger.register())?;
    Ok(Parties::of(register))
}

/// An incident by its number, with or without `#`, or by its id.
///
/// # Errors
/// There is none, or the text names none.
pub fn incident(workspace: &Workspace, text: &str) -> Result<Incident> {
    let ledger = &workspace.ledger;
    if let Ok(number) = text.trim_start_matches('#').parse::<i64>() {
        return Ok(workspace.block_on(ledger.incident_numbered(number, &Reach::All))?);
    }
    let id: IncidentId = text.parse().map_err(|_| {
        Failure::usage(text, "names no incident")
            .remedy("write its number, as 704, or its id, INC-...")
    })?;
    Ok(workspace.block_on(ledger.incident(id, &Reach::All))?)
}
