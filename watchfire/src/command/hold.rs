//! `watchfire hold`: legal holds, which win over every rule of retention.

use clap::Subcommand;
use jiff::civil::Date;
use ledger::{Hold, NewHold, Reach};
use model::ids::IncidentId;
use model::time::{Day, Timestamp};

use super::orgs;
use crate::failure::{Failure, Result};
use crate::responding;
use crate::table::{Out, Table};
use crate::workspace::{Access, Session, Workspace, now};

/// Place, list and release legal holds: what they cover is kept, whatever a rule says.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A hold covers a feed, a report, a period of UTC days, or what fits all that are given; or an incident,
or a party with every incident that it is asked about or works. It is never deleted, only released;
both stand in the audit trail.

Of an incident are kept: its events, also those that join it later; the reports that brought them, raw
and with all their rejects; the incident itself, whatever an import's rollback says. What becomes part
of it or is split off is held with it.

Examples:
  watchfire hold add --feed openphish --reason \"case 17\" --by li.na
  watchfire hold add --from 2023-01-09 --to 2023-01-15 --reason \"court order 4\" --by li.na
  watchfire hold add --incident 704 --reason \"case 17\" --by li.na
  watchfire hold add --party \"Example Registrar\" --reason \"case 18\" --by li.na
  watchfire hold list --all
  watchfire hold release 1 --reason \"case closed\" --by wang.wei")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Place a hold.
    Add {
        /// Only of this feed.
        #[arg(long)]
        feed: Option<String>,
        /// Only of this report.
        #[arg(long, value_name = "ID")]
        report: Option<String>,
        /// First UTC day.
        #[arg(long, value_name = "DATE", requires = "to")]
        from: Option<Date>,
        /// Last UTC day.
        #[arg(long, value_name = "DATE", requires = "from")]
        to: Option<Date>,
        /// Of this incident: its number or id.
        #[arg(long, value_name = "NUMBER", conflicts_with_all = ["feed", "report", "from", "party"])]
        incident: Option<String>,
        /// Of this party: its id or name.
        #[arg(long, value_name = "ID", conflicts_with_all = ["feed", "report", "from"])]
        party: Option<String>,
        /// Why.
        #[arg(long)]
        reason: String,
        /// Who places it.
        #[arg(long, value_name = "NAME")]
        by: String,
    },
    /// List the holds in force.
    List {
        /// Also those that were released.
        #[arg(long)]
        all: bool,
    },
    /// Release a hold: rules reach what it covered.
    Release {
        /// Its number.
        id: i64,
        /// Why.
        #[arg(long)]
        reason: String,
        /// Who releases it.
        #[arg(long, value_name = "NAME")]
        by: String,
    },
}

pub fn run(args: Args, session: &Session) -> Result {
    match args.what {
        What::Add {
            feed,
            report,
            from,
            to,
            incident,
            party,
            reason,
            by,
        } => {
            let workspace = session.open(Access::Write("hold add"))?;
            if let Some(feed) = &feed {
                known(feed, &workspace)?;
            }
            let incident = match &incident {
                Some(text) => Some(matter(text, &workspace)?),
                None => None,
            };
            let party = match &party {
                Some(text) => Some(orgs::find(text, &workspace)?.organization_id()),
                None => None,
            };
            let new = NewHold {
                feed,
                report_id: report,
                days: from
                    .zip(to)
                    .map(|(from, to)| (Day::of(from).0, Day::of(to).0)),
                incident,
                party,
                reason,
                by,
            };
            let hold = workspace.block_on(workspace.ledger.place_hold(new, now().0))?;
            session.talk.say(format_args!(
                "hold {} is in force; `watchfire hold release {}` ends it",
                hold.id, hold.id
            ));
            let mut out = Out::new();
            match session.json {
                true => out.json(&hold)?,
                false => out.line(hold.id)?,
            }
            out.end()
        }
        What::Release { id, reason, by } => {
            let workspace = session.open(Access::Write("hold release"))?;
            let at = now().0;
            workspace.block_on(workspace.ledger.release_hold(id, &by, &reason, at))?;
            session.talk.say(format_args!("hold {id} is released"));
            Ok(())
        }
        What::List { all } => list(all, session),
    }
}

/// A hold on a feed that is misspelled would hold nothing.
fn known(feed: &str, workspace: &Workspace) -> Result {
    let configured = workspace.settings.catalogue.sources();
    let named = configured.iter().any(|source| source.feed.name == feed);
    let filter = ledger::ReportFilter {
        feed: Some(feed.to_owned()),
        ..Default::default()
    };
    if named || workspace.block_on(workspace.ledger.report_count(&filter))? > 0 {
        return Ok(());
    }
    Err(Failure::new(
        format_args!("feed {feed}"),
        "is neither configured nor was anything received of it",
    )
    .remedy("watchfire feeds list"))
}

/// An incident by what a person writes; a number that there is not holds nothing.
fn matter(text: &str, workspace: &Workspace) -> Result<IncidentId> {
    match responding::incident(workspace, text) {
        Ok(found) => Ok(found.incident_id()),
        Err(failure) => Err(failure.remedy("`watchfire incidents list` shows their numbers")),
    }
}

/// What a hold covers, in words.
fn covers(hold: &Hold, workspace: &Workspace) -> Result<String> {
    let mut told = Vec::new();
    told.extend(hold.feed.as_ref().map(|feed| format!("feed {feed}")));
    let report = hold.report_id.as_ref();
    told.extend(report.map(|report| format!("report {report}")));
    if let (Some(from), Some(to)) = (hold.from_day, hold.to_day) {
        told.push(format!("{} to {}", Day(from), Day(to)));
    }
    let ledger = &workspace.ledger;
    if let Some(id) = hold.incident_id {
        let found = workspace.block_on(ledger.incident(id.0, &Reach::All))?;
        told.push(format!("incident #{}", found.number));
    }
    if let Some(id) = hold.organization_id {
        let found = workspace.block_on(ledger.organization(id.0))?;
        told.push(format!("party {}", found.name_en));
    }
    Ok(told.join(", "))
}

fn list(all: bool, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let holds = workspace.block_on(workspace.ledger.holds(all))?;
    let mut out = Out::new();
    if session.json {
        out.json(&holds)?;
        return out.end();
    }
    let counts = workspace.block_on(workspace.ledger.covered_by_holds())?;
    let mut table = Table::new([
        "hold",
        "covers",
        "incidents",
        "reason",
        "placed",
        "released",
    ]);
    for hold in &holds {
        let who = |at: i64, by: &str| format!("{} by {by}", Timestamp(at).day());
        let released = hold.released_at.zip(hold.released_by.as_deref());
        let why = hold.release_reason.as_deref().unwrap_or("");
        table.row([
            hold.id.to_string(),
            covers(hold, &workspace)?,
            counts
                .get(&hold.id)
                .map_or_else(String::new, i64::to_string),
            hold.reason.clone(),
            who(hold.placed_at, &hold.placed_by),
            released.map_or_else(String::new, |(at, by)| format!("{}: {why}", who(at, by))),
        ]);
    }
    if table.is_empty() {
        session.talk.say("no holds");
    } else {
        table.print(&mut out)?;
    }
    out.end()
}
