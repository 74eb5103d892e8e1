//! `watchfire hold`: legal holds, which win over every rule of retention.

use clap::Subcommand;
use jiff::civil::Date;
use ledger::NewHold;
use model::time::{Day, Timestamp};

use crate::failure::{Failure, Result};
use crate::table::{Out, Table};
use crate::workspace::{Access, Session, now};

/// Place, list and release legal holds: what they cover is kept, whatever a rule says.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A hold covers a feed, a report, a period of UTC days, or what fits all that are given. It is never
deleted, only released; both stand in the audit trail.

Examples:
  watchfire hold add --feed openphish --reason \"case 17\" --by li.na
  watchfire hold add --from 2023-01-09 --to 2023-01-15 --reason \"court order 4\" --by li.na
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
            reason,
            by,
        } => {
            let workspace = session.open(Access::Write("hold add"))?;
            if let Some(feed) = &feed {
                known(feed, &workspace)?;
            }
            let new = NewHold {
                feed,
                report_id: report,
                days: from
                    .zip(to)
                    .map(|(from, to)| (Day::of(from).0, Day::of(to).0)),
                reason,
                by,
            };
            let hold = workspace.block_on(workspace.ledger.place_hold(new, now().0))?;
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
fn known(feed: &str, workspace: &crate::workspace::Workspace) -> Result {
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

fn list(all: bool, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let holds = workspace.block_on(workspace.ledger.holds(all))?;
    let mut out = Out::new();
    if session.json {
        out.json(&holds)?;
        return out.end();
    }
    let mut table = Table::new(["hold", "covers", "reason", "placed", "released"]);
    for hold in &holds {
        let mut covers = Vec::new();
        covers.extend(hold.feed.as_ref().map(|feed| format!("feed {feed}")));
        covers.extend(
            hold.report_id
                .as_ref()
                .map(|report| format!("report {report}")),
        );
        if let (Some(from), Some(to)) = (hold.from_day, hold.to_day) {
            covers.push(format!("{} to {}", Day(from), Day(to)));
        }
        let who = |at: i64, by: &str| format!("{} by {by}", Timestamp(at).day());
        let released = hold.released_at.zip(hold.released_by.as_deref());
        let why = hold.release_reason.as_deref().unwrap_or("");
        table.row([
            hold.id.to_string(),
            covers.join(", "),
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
