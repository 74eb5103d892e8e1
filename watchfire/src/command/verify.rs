//! `watchfire verify`: is it gone?

use serde_json::json;

use crate::failure::Result;
use crate::responding::{checker, desk, incident, parties};
use crate::table::Out;
use crate::workspace::{Access, Session};

/// Look whether what was reported is gone, and keep what was seen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A look stores what it saw as evidence. Enough independent looks that find it gone end an incident about
which a party was asked; a look that is not sure never counts. What may be looked at, and how far, is a
policy; who is marked `do not probe` is not. Vantages elsewhere ([[vantage]] in watchfire.toml) look too, while the
instance is armed and nobody stopped it; one that gives no look is named in the log and concludes nothing.

Examples:
  watchfire verify                 all incidents that are due
  watchfire verify 704 705         these, due or not")]
pub struct Args {
    /// Incidents, by number or id; without them, all that are due.
    incidents: Vec<String>,
}

pub fn run(args: Args, session: &Session) -> Result {
    let workspace = session.open(Access::Write("verify"))?;
    let named = args.incidents.iter().map(|one| incident(&workspace, one));
    let only = named
        .map(|found| Ok(found?.number))
        .collect::<Result<Vec<_>>>()?;
    let (checker, parties) = (checker(&workspace)?, parties(&workspace)?);
    let told = workspace.block_on(desk(&workspace).check(&checker, &parties, &only))?;
    let mut out = Out::new();
    match session.json {
        true => out.json(&json!(told))?,
        false => {
            out.line(format_args!(
                "{} incidents looked at in {} looks: {} gone, {} closed, {} back; {} withheld by policy",
                told.incidents, told.looks, told.gone, told.closed, told.back, told.withheld
            ))?;
            if told.elsewhere + told.unanswered > 0 {
                out.line(format_args!(
                    "{} of the looks were made elsewhere; {} times a vantage gave none, or not all",
                    told.elsewhere, told.unanswered
                ))?;
            }
        }
    }
    out.end()
}
